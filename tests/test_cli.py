"""The command `effnet-course`: quick to answer, plain about what is wrong."""

import subprocess
import sys

import pytest

from effnet_course import authoring, data
from effnet_course.cli import main
from effnet_course.exercises import sheet


@pytest.fixture(autouse=True)
def empty_home(tmp_path, monkeypatch):
    monkeypatch.setenv("EFFNET_HOME", str(tmp_path))
    return tmp_path


def test_help_names_every_verb_and_loads_nothing_heavy():
    code = (
        "import sys\nfrom effnet_course.cli import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        "print(sorted({'torch', 'numpy', 'jupytext', 'jupyterlab', 'ipywidgets'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for verb in ("lab", "doctor", "data", "check", "release"):
        assert f"\n    {verb} " in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"


def test_an_unknown_argument_is_refused(capsys):
    with pytest.raises(SystemExit):
        main(["doctor", "--colour"])
    assert "unknown: --colour" in capsys.readouterr().err


def test_check_shows_what_is_solved(empty_home, capsys):
    assert main(["check"]) == 0
    assert "Nothing is solved yet" in capsys.readouterr().out
    solved, *_ = exercises = sheet("01")
    (empty_home / "progress.jsonl").write_text(f'{{"exercise": "{solved.id}", "points": 3}}\n{{"exerc')
    assert main(["check"]) == 0
    printed = capsys.readouterr().out
    assert f"Sheet 01: {solved.points} of {sum(exercise.points for exercise in exercises)} points" in printed
    assert f"  solved  {solved.id} " in printed and f"  open    {exercises[-1].id} " in printed
    assert "Nothing is solved" not in printed


def test_data_gets_cifar_10_unless_told_otherwise(monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(data, "fetch", asked.append)
    assert main(["data"]) == main(["data", "imagenette"]) == 0
    assert asked == [["cifar10"], ["imagenette"]]


def test_data_that_cannot_be_had_is_a_sentence(capsys):
    assert main(["data", "mnist"]) == 1
    assert "There is no dataset 'mnist'" in capsys.readouterr().err


def test_release_prints_faults_and_differences(monkeypatch, capsys):
    monkeypatch.setattr(authoring, "differences", lambda: ["notebooks/01.ipynb differs."])
    assert main(["release", "--check"]) == 1
    assert capsys.readouterr().err == "notebooks/01.ipynb differs.\n"
    monkeypatch.setattr(authoring, "differences", lambda: [])
    assert main(["release", "--check"]) == 0

    def fail():
        raise authoring.SourceError("source/lessons/01.py:3: no header")

    monkeypatch.setattr(authoring, "release", fail)
    assert main(["release"]) == 1
    assert capsys.readouterr().err == "source/lessons/01.py:3: no header\n"


@pytest.mark.parametrize("user", [0, 1000])
def test_lab_opens_the_first_notebook_and_passes_arguments_on(monkeypatch, user):
    labapp = pytest.importorskip("jupyterlab.labapp")
    given = []
    monkeypatch.setattr(labapp, "main", given.append)
    monkeypatch.setattr("os.geteuid", lambda: user)
    monkeypatch.setenv("PATH", "/usr/bin")
    assert main(["lab", "--no-browser", "--port", "8899"]) == 0
    (arguments,) = given
    assert arguments[1:4] == ["--no-browser", "--port", "8899"]
    assert "--LabApp.default_url=/lab/tree/notebooks/00_start_here.ipynb" in arguments
    assert ("--allow-root" in arguments) == (user == 0)
