"""How the notebooks are executed: off the network, compared with what is recorded, within their budgets."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import budgets
import conftest
import nbformat
import offline
import pytest
from budgets import Measured
from nbformat.v4 import new_code_cell, new_notebook, new_output

from effnet_course.exercises import sheet

TESTS = Path(__file__).parent
NO_NETWORK = """\
import errno, os, socket
if "EFFNET_OFFLINE" not in os.environ:
    assert [name for _, name in socket.if_nameindex()] == ["lo"]
    try:
        socket.create_connection(("192.0.2.1", 80), timeout=5)  # an address kept for documentation
    except OSError as error:
        assert error.errno == errno.ENETUNREACH
    else:
        raise AssertionError("there is a network")
"""
EMPTY_HOME = """\
import os
from pathlib import Path
Path(os.environ["EFFNET_HOME"]).mkdir(parents=True)
"""


def write(path, *cells, **declared):
    path.write_text(nbformat.writes(new_notebook(cells=list(cells), metadata={"effnet_course": declared})))


def checked(code, printed):
    output = new_output("stream", name="stdout", text=printed)
    tags = {"tags": ["nbval-check-output"]}
    return new_code_cell(code, execution_count=1, outputs=[output], metadata=tags)


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """What pytest says, run as the Makefile runs it, of three notebooks."""
    folder = tmp_path_factory.mktemp("notebooks")
    frugal = new_code_cell(EMPTY_HOME)
    good = new_code_cell(NO_NETWORK), frugal, checked("print(2)", "2\n")
    write(folder / "good.ipynb", *good, seconds=60, memory_mb=500)
    write(folder / "changed.ipynb", checked("print(2)", "3\n"), seconds=60, memory_mb=500)
    write(folder / "slow.ipynb", frugal, seconds=0.1, memory_mb=500)
    write(folder / "large.ipynb", frugal, seconds=60, memory_mb=10)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "conftest",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(folder),
    ]
    command += ["-n", "2", "--dist", "loadfile", "--nbval-lax", "--nbval-current-env", str(folder)]
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    done = subprocess.run(
        command, env=kept | {"PYTHONPATH": str(TESTS)}, cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout


def test_a_good_notebook_passes_off_the_network_and_what_it_took_is_shown(report):
    assert "1 failed, 5 passed, 2 errors" in report
    assert not [
        line for line in report.splitlines() if "good.ipynb" in line and ("FAILED" in line or "ERROR" in line)
    ]
    rows = {line.split()[0]: line.split()[1:] for line in report.splitlines() if ".ipynb  " in line}
    assert set(rows) == {"good.ipynb", "changed.ipynb", "slow.ipynb", "large.ipynb"}
    seconds, _, core_seconds, memory, _ = (float(word) for word in rows["good.ipynb"])
    assert 0 < core_seconds and 0 < seconds < 60 and 20 < memory < 500


def test_an_output_that_is_not_the_recorded_one_fails(report):
    assert "FAILED changed.ipynb::Cell 0" in report


def test_a_budget_passed_by_half_fails(report):
    assert "declares 0.1, the limit is 90" in report
    assert "MB; it declares 10, the limit is 2000" in report


def test_the_report_says_whether_there_was_a_network(report):
    assert report.count("\nnetwork: ") == 2


def test_the_tests_run_without_a_network_where_a_namespace_can_be_made():
    can = shutil.which("unshare") and any(
        subprocess.run(["unshare", flags, "true"], capture_output=True).returncode == 0 for flags in ("-n", "-rn")
    )
    assert offline.is_off() or not can


def test_elsewhere_the_course_is_told_to_keep_off_the_network():
    code = (
        "import os, types, offline, conftest\n"
        "offline.enter, offline.is_off = lambda: 'none', lambda: False\n"
        "conftest._prepare(types.SimpleNamespace())\n"
        "print(os.environ['EFFNET_OFFLINE'])\n"
        "os.rmdir(os.environ['EFFNET_TEST_SCRATCH'])\n"
    )
    kept = {key: value for key, value in os.environ.items() if key != "EFFNET_OFFLINE"}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=TESTS, env=kept, capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"


def measured(**changed):
    usual = {"notebook": "n", "seconds": 30, "core_seconds": 30, "memory_mb": 900}
    return Measured(**usual | {"declared_seconds": 40, "declared_memory_mb": 1000} | changed)


@pytest.mark.parametrize(
    ("changed", "fails"),
    [
        ({}, False),
        ({"seconds": 59}, False),
        ({"seconds": 61}, True),
        ({"seconds": 134, "declared_seconds": 500}, False),
        ({"seconds": 136, "declared_seconds": 500}, True),
        ({"memory_mb": 1400}, False),
        ({"memory_mb": 1600}, True),
        ({"memory_mb": 3100, "declared_memory_mb": 9000}, True),
    ],
)
def test_the_declared_and_the_allowed_both_count(changed, fails):
    assert bool(measured(**changed).breaches()) == fails


def test_the_average_counts_core_seconds():
    assert budgets.average_breach([]) is None
    assert budgets.average_breach([measured(core_seconds=80), measured(core_seconds=9)]) is None
    assert "46 core-seconds" in budgets.average_breach([measured(core_seconds=80), measured(core_seconds=12)])


@pytest.mark.parametrize(("core_seconds", "status"), [(45, pytest.ExitCode.OK), (46, pytest.ExitCode.TESTS_FAILED)])
def test_the_average_decides_how_the_run_ends(core_seconds, status, monkeypatch):
    session = SimpleNamespace(config=SimpleNamespace(effnet_network=""), exitstatus=pytest.ExitCode.OK)
    monkeypatch.setattr(conftest, "_measured", lambda: [measured(core_seconds=core_seconds)])
    conftest.pytest_sessionfinish(session)
    assert session.exitstatus == status


def test_core_seconds_are_those_of_ended_children_too(monkeypatch):
    process = SimpleNamespace(pid=os.getpid(), cpu_times=lambda: (1, 2, 3, 4, 100))  # the last: waiting for a disk
    monkeypatch.setattr(budgets.psutil, "Process", lambda pid: process)
    assert budgets.Stopwatch().stop("n", {}, os.getpid()).core_seconds == 10


def test_a_solved_sheet_must_pass_all_its_checks_and_a_released_one_none(tmp_path):
    file, ids = tmp_path / "progress.jsonl", [exercise.id for exercise in sheet("01")]
    solved, released = "solutions/01_convolution_cost.ipynb", "exercises/01_convolution_cost.ipynb"
    assert conftest._answers(released, file) == [] and len(conftest._answers(solved, file)) == len(ids)
    file.write_text("".join(json.dumps({"exercise": id}) + "\n" for id in ids[1:]))
    assert conftest._answers(solved, file) == [f"{solved}: exercise {ids[0]} failed"]
    assert conftest._answers(released, file) == [f"{released}: exercise {id} passed" for id in ids[1:]]
    assert conftest._answers("notebooks/01_convolution_cost.ipynb", file) == []


def test_the_table_marks_what_took_more_than_declared():
    within, over, average = budgets.table([measured(), measured(seconds=41)])[1:]
    assert "more than declared" in over and "more" not in within
    assert average.split()[-1] == "30.0"
