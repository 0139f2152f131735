"""The command `effnet-course`: quick to answer, plain about what is wrong."""

import json
import re
import subprocess
import sys

import pytest

from effnet_course import asking, authoring, data, progress
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


def test_check_all_shows_a_line_for_each_lesson_from_local_files_alone(empty_home, capsys):
    assert main(["check", "--all"]) == 0
    printed = capsys.readouterr().out
    assert printed.splitlines()[-1] == "Nothing is done on this machine yet."
    assert [line[:2] for line in printed.splitlines()[1:-1]] == sorted(p.stem for p in asking.QUESTIONS.glob("*.toml"))
    guess = {"key": "01.macs", "value": "10^8"}
    answers = [{"id": "01.q1", "correct": False}, {"id": "01.q1", "correct": True}, {"id": "01.q2", "correct": True}]
    solved = {"exercise": sheet("01")[0].id}
    guesses = [guess, {"key": "01.macs", "answer": 1}]
    for name, rows in (("guesses", guesses), ("answers", answers), ("progress", [solved])):
        lines = "".join(f"{json.dumps(row)}\n" for row in rows)
        (empty_home / f"{name}.jsonl").write_text("rubbish\n" + lines + '{"cut')
    assert main(["check", "--all"]) == 0
    (row,) = [row for row in progress.done() if row.lesson == "01"]
    assert (row.guesses, row.all_guesses, row.answers, row.right) == (1, 3, 2, 1)  # the first answer counts
    assert row.points == sheet("01")[0].points and row.all_points == sum(e.points for e in sheet("01"))
    assert "In all 1 guesses, 2 questions answered" in capsys.readouterr().out


def test_the_guesses_of_a_lesson_are_those_that_its_source_asks_for():
    for path in (progress.NOTEBOOKS.parent / "source" / "lessons").glob("*.py"):
        cells = authoring.read(path).cells
        asked = {key for cell in cells for key, _ in cell.calls("predict") if re.match(r"\d\d\.", key)}
        assert progress.guesses_in(path.name[:2]) == asked, path.name


def test_without_notebooks_the_guesses_are_counted_all_the_same(empty_home, tmp_path, monkeypatch):
    monkeypatch.setattr(progress, "NOTEBOOKS", tmp_path / "none")
    (empty_home / "guesses.jsonl").write_text('{"key": "01.macs", "value": 3}\n')
    (row,) = [row for row in progress.done() if row.lesson == "01"]
    assert (row.guesses, row.all_guesses) == (1, None) and " of " not in progress.text().splitlines()[2][:20]


@pytest.mark.parametrize("text", ("[]", '{"cells": [1]}', "{", ""))
def test_a_notebook_that_is_none_does_not_stop_the_count(empty_home, tmp_path, monkeypatch, text):
    (tmp_path / "01_broken.ipynb").write_text(text)
    monkeypatch.setattr(progress, "NOTEBOOKS", tmp_path)
    assert next(row for row in progress.done() if row.lesson == "01").all_guesses is None


def test_questions_are_counted_and_written_as_cards(tmp_path, capsys):
    assert main(["questions"]) == 0
    assert f"{len(asking.bank())} in all" in capsys.readouterr().out
    assert main(["questions", "--anki", str(tmp_path / "cards.csv")]) == 0
    assert (tmp_path / "cards.csv").read_text(encoding="utf-8") == asking.flash_cards()
    assert f"{len(asking.bank())} cards in" in capsys.readouterr().out and not list(tmp_path.glob("*.part"))


def test_cards_that_cannot_be_written_are_a_sentence(tmp_path, capsys):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    for wrong in (tmp_path / "no" / "cards.csv", tmp_path / "folder", tmp_path / "file" / "cards.csv", ""):
        assert main(["questions", "--anki", str(wrong)]) == 1
        assert "could not be written" in capsys.readouterr().err
    assert {path.name for path in tmp_path.iterdir()} == {"folder", "file"}, "nothing half written is left"
