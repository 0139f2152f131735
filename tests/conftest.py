"""How the tests run: off the network, with a home of their own, and notebooks held to their budgets.

The notebooks themselves are collected by nbval (see the Makefile); here their kernels are watched.
"""

import json
import os
import shutil
import tempfile
from pathlib import Path

import budgets
import offline
import pytest

ROOT = Path(__file__).resolve().parents[1]
SCRATCH = "EFFNET_TEST_SCRATCH"  # handed down to the workers of pytest-xdist and to kernels


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        _prepare(config)
    try:
        from nbval.plugin import IPyNbFile
    except ImportError:
        return
    _watch(IPyNbFile)


def _prepare(config: pytest.Config) -> None:
    config.effnet_network = offline.enter()
    if not offline.is_off():
        os.environ["EFFNET_OFFLINE"] = "1"
    scratch = tempfile.mkdtemp(prefix="effnet-test-")
    os.environ[SCRATCH] = scratch
    os.environ["EFFNET_HOME"] = f"{scratch}/home"
    os.environ["IPYTHONDIR"] = f"{scratch}/ipython"
    os.environ["JUPYTER_RUNTIME_DIR"] = f"{scratch}/jupyter"
    # Two workers on two cores: one thread each.
    os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_unconfigure(config: pytest.Config) -> None:
    if hasattr(config, "effnet_network"):
        shutil.rmtree(os.environ[SCRATCH], ignore_errors=True)


def pytest_report_header(config: pytest.Config) -> str | None:
    return getattr(config, "effnet_network", None)


def _watch(notebook_file: type) -> None:
    """Each notebook gets an empty home; when it is through, what it took and what it answered is compared."""
    start, end = notebook_file.setup, notebook_file.teardown

    def setup(self) -> None:
        self.stopwatch = budgets.Stopwatch()
        self.home = Path(os.environ[SCRATCH], "homes", self.path.parent.name, self.path.stem)
        outer = os.environ["EFFNET_HOME"]
        os.environ["EFFNET_HOME"] = str(self.home)
        try:
            start(self)
        finally:
            os.environ["EFFNET_HOME"] = outer

    def teardown(self) -> None:
        name = self.path.relative_to(ROOT).as_posix() if self.path.is_relative_to(ROOT) else self.path.name
        found = []
        if self.kernel is not None and self.kernel.is_alive():
            declared = self.nb.metadata.get("effnet_course", {})
            measured = self.stopwatch.stop(name, declared, self.kernel.km.provisioner.pid)
            budgets.write(measured, Path(os.environ[SCRATCH], "measured.jsonl"))
            found += measured.breaches()
        end(self)
        found += _answers(name, self.home / "progress.jsonl")
        if found:
            pytest.fail("\n".join(found), pytrace=False)

    notebook_file.setup, notebook_file.teardown = setup, teardown


def _answers(name: str, progress: Path) -> list[str]:
    """A solved sheet must have passed all its checks, a released one none."""
    folder, _, file = name.partition("/")
    if folder not in ("exercises", "solutions"):
        return []
    from effnet_course.exercises import sheet

    lines = progress.read_text().splitlines() if progress.exists() else []
    passed = {json.loads(line)["exercise"] for line in lines}
    wanted = {exercise.id for exercise in sheet(file[:2])} if folder == "solutions" else set()
    return [
        f"{name}: exercise {key} {'passed' if key in passed else 'failed'}" for key in sorted(passed ^ wanted)
    ]


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "effnet_network") and budgets.average_breach(_measured()):
        session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    rows = _measured()
    if rows:
        terminalreporter.section("notebooks, as executed")
        for line in budgets.table(rows):
            terminalreporter.write_line(line)
        terminalreporter.write_line(config.effnet_network)
        breach = budgets.average_breach(rows)
        if breach:
            terminalreporter.write_line(f"FAILED: {breach}", red=True)


def _measured() -> list[budgets.Measured]:
    return budgets.read(Path(os.environ[SCRATCH], "measured.jsonl"))


@pytest.fixture(scope="module")
def box(request):
    """A sandbox with the limits that the test's file sets, where there is one; else its tests are skipped."""
    from effnet_course.grading.sandbox import Sandbox, SandboxError

    try:
        sandbox = Sandbox(request.module.LIMITS)
    except SandboxError as error:
        pytest.skip(str(error))
    with sandbox:
        yield sandbox
