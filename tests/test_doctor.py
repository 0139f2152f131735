"""The doctor: what it sees, and for every problem one line that says what to do."""

import subprocess
import sys

import pytest

from effnet_course import __version__, doctor
from effnet_course.cli import main


@pytest.fixture(autouse=True)
def empty_home(tmp_path, monkeypatch):
    monkeypatch.setenv("EFFNET_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("EFFNET_DATA", raising=False)
    return tmp_path


def finding(what):
    return next(finding for finding in doctor.examine() if finding.what == what)


def test_a_machine_that_is_well_has_a_line_for_each_thing(capsys):
    assert main(["doctor"]) == 0
    printed = capsys.readouterr().out
    for what in (
        "effnet-course",
        "Python",
        "torch",
        "torchvision",
        "device",
        "cores",
        "memory",
        "your folder",
    ):
        assert f"\n{what}:" in f"\n{printed}"
    for what in ("CIFAR-10", "Imagenette", "network", "Jupyter", "environment"):
        assert f"\n{what}:" in printed
    assert __version__ in printed
    assert printed.endswith("Nothing that the course needs is missing.\n")


def test_the_report_is_what_the_command_prints(capsys):
    main(["doctor"])
    seen = [
        line
        for line in capsys.readouterr().out.splitlines()
        if not line.startswith(("memory", "your folder"))
    ]
    assert [
        line for line in doctor.report().splitlines() if not line.startswith(("memory", "your folder"))
    ] == seen


def test_without_torch_the_command_says_so_and_fails(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "torch", None)
    assert main(["doctor"]) == 1
    printed = capsys.readouterr().out
    assert "torch:        cannot be imported" in printed
    assert "-> Run `make lab` once more" in printed
    assert printed.endswith("Missing: torch.\n")


def test_a_folder_that_cannot_be_written_is_missing(empty_home, monkeypatch):
    (empty_home / "file").write_text("")
    monkeypatch.setenv("EFFNET_HOME", str(empty_home / "file/home"))
    assert finding("your folder").missing
    assert "set EFFNET_HOME" in finding("your folder").advice


def test_nor_may_it_be_somebody_else_s(monkeypatch):
    assert not finding("your folder").missing
    monkeypatch.setattr(doctor.os, "access", lambda path, mode: False)
    assert finding("your folder").missing


def test_little_memory_gets_an_advice(monkeypatch):
    monkeypatch.setattr(doctor, "_bytes_of_memory", lambda: (8e9, 1.5e9))
    assert finding("memory").seen == "8.0 GB, 1.5 GB of it free"
    assert "close other programs" in finding("memory").advice
    monkeypatch.setattr(doctor, "_bytes_of_memory", lambda: (8e9, 2.5e9))
    assert not finding("memory").advice


def test_little_disk_gets_an_advice(monkeypatch):
    usage = type("Usage", (), {"free": 1e9})
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path: usage)
    assert "1.0 GB free" in finding("your folder").seen and "make room" in finding("your folder").advice


def test_data_is_absent_found_or_verified(empty_home, monkeypatch):
    assert "not in" in finding("CIFAR-10").seen and "effnet-course data cifar10" in finding("CIFAR-10").advice
    assert "effnet-course data imagenette" in finding("Imagenette").advice
    monkeypatch.setenv("EFFNET_DATA", str(empty_home))
    (empty_home / "cifar10-test.zip").write_text("")
    (empty_home / "imagenette2-160").mkdir()
    assert finding("CIFAR-10").seen == f"{empty_home}/cifar10-test.zip, not verified yet"
    assert finding("Imagenette").seen.startswith(f"{empty_home}/imagenette2-160")
    for split in ("train", "validation", "test"):
        folder = empty_home / f"cache/cifar10-{split}-32px"
        folder.mkdir(parents=True)
        (folder / "about.json").write_text('{"from": "an archive"}')
    assert finding("CIFAR-10").seen == "verified, from an archive"


def test_the_switch_that_forbids_the_network_is_shown(monkeypatch):
    monkeypatch.setenv("EFFNET_OFFLINE", "1")
    assert finding("network").seen.startswith("not used")
    monkeypatch.setenv("EFFNET_OFFLINE", "0")
    assert finding("network").seen.startswith("used")


def test_an_environment_that_is_not_as_pinned_is_named(empty_home, monkeypatch):
    import numpy

    monkeypatch.setattr(doctor, "checkout", lambda: empty_home)
    lock = f"no-such-package==1.0\nnumpy==0.1\nnumpy=={numpy.__version__} ; python_full_version < '4'\n"
    (empty_home / "requirements.lock").write_text(lock)
    assert finding("environment").seen == "1 packages are as pinned in requirements.lock"
    (empty_home / "requirements.lock").write_text("numpy==0.1\n")
    assert f"not so numpy {numpy.__version__} (0.1)" in finding("environment").seen
    assert "make lab" in finding("environment").advice


def test_the_summary_of_the_first_cell_is_two_lines_and_loads_no_torch():
    code = (
        "import sys; from effnet_course import doctor; print(doctor.summary()); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    first, second, loaded = done.stdout.splitlines()
    assert first.startswith(f"effnet-course {__version__} in ")
    assert second.startswith("Python 3.") and ", torch 2." in second and ", torchvision 0." in second
    assert loaded == "False"


def test_the_summary_says_what_is_missing(monkeypatch):
    monkeypatch.setattr(doctor, "_installed", lambda name: None)
    assert "torch MISSING: run `make lab`, or install it" in doctor.summary()
