"""nbgrader takes the sheets as they are: its release is the course's, and its marks are right.

The slow test runs nbgrader itself (the extra `nbgrader`): a minute or two, more where the machine is busy.
"""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from traitlets.config import Config

from effnet_course import authoring, checking, cli
from effnet_course.exercises import sheet

ROOT = Path(__file__).resolve().parents[1]
NUMBERS = [path.name[:2] for path in sorted((ROOT / "solutions").glob("*.ipynb"))]


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    folder = tmp_path_factory.mktemp("course")
    authoring.nbgrader(folder)
    return folder


def cells(file):
    return json.loads(file.read_text(encoding="utf-8"))["cells"]


def marks(cell):
    return cell["metadata"].get("nbgrader", {})


@pytest.mark.parametrize("number", NUMBERS)
def test_a_source_s_points_are_the_sheet_s_and_its_opening_is_the_students(course, number):
    [file] = (course / f"source/sheet{number}").glob("*.ipynb")
    [published] = (ROOT / "exercises").glob(f"{number}_*.ipynb")
    graded = {marks(cell)["grade_id"]: marks(cell) for cell in cells(file) if marks(cell)}
    assert cells(file)[0]["source"] == cells(published)[0]["source"]
    for exercise in sheet(number):
        name = exercise.id.replace(".", "-")
        assert graded[f"{name}-check"]["points"] == exercise.points and graded[f"{name}-check"]["locked"]
        assert graded[name]["solution"] and not graded[name]["grade"]
    assert len(graded) == sum(bool(marks(cell)) for cell in cells(file)), "nbgrader goes by ids: each is there once"
    assert all(mark["schema_version"] == 3 and not mark["task"] for mark in graded.values())
    by_hand = [mark for mark in graded.values() if mark["grade"] and mark["solution"]]
    assert len(by_hand) == 1 and by_hand[0]["points"] > 0
    assert not any(mark["locked"] for mark in graded.values() if mark["solution"]), "nbgrader puts locked cells back"


def test_the_sources_and_the_configuration_are_valid(course):
    nbformat = pytest.importorskip("nbformat")
    for file in course.rglob("*.ipynb"):
        nbformat.validate(nbformat.read(file, as_version=4))
    settings = Config()
    exec((course / "nbgrader_config.py").read_text(), {"get_config": lambda: settings})
    assert settings.ClearSolutions == {"code_stub": {"python": authoring.STUB}, "text_stub": ""}


def test_the_command_keeps_a_configuration_that_is_there(tmp_path, capsys):
    (tmp_path / "nbgrader_config.py").write_text("mine")
    assert cli.main(["release", "--nbgrader", str(tmp_path)]) == 0
    assert (tmp_path / "nbgrader_config.py").read_text() == "mine"
    assert len(list(tmp_path.rglob("*.ipynb"))) == capsys.readouterr().out.count("wrote") >= len(NUMBERS)
    (tmp_path / "file").write_text("")
    assert cli.main(["release", "--nbgrader", str(tmp_path / "file")]) == 1
    assert "could not be written" in capsys.readouterr().err


@pytest.mark.parametrize("task", ["autograde", "validate"])
def test_under_nbgrader_the_cell_of_a_wrong_answer_fails(task, monkeypatch, tmp_path):
    monkeypatch.setenv("EFFNET_HOME", str(tmp_path))
    monkeypatch.setenv("NBGRADER_EXECUTION", task)
    for answer in (None, lambda *case: 0):
        with pytest.raises(AssertionError):
            checking.check("01.1", answer)
    verdict = checking.check("01.1", _conv_macs)
    assert verdict.passed and not isinstance(verdict, (int, float)), "a number would be taken for points"


def _conv_macs(inputs, outputs, kernel, height, width, stride, padding, groups):
    rows, columns = ((side + 2 * padding - kernel) // stride + 1 for side in (height, width))
    return rows * columns * outputs * kernel**2 * inputs // groups


def _handed_in(released, solution, answered):
    """The released sheet with the solutions of `answered` filled in."""
    right = {marks(cell)["grade_id"]: cell["source"] for cell in cells(solution) if marks(cell).get("solution")}
    made = json.loads(released.read_text())
    for cell in made["cells"]:
        if marks(cell).get("grade_id") in answered:
            cell["source"] = right[marks(cell)["grade_id"]]
    return json.dumps(made)


MARKS = """
from nbgrader.api import Gradebook

with Gradebook("sqlite:///gradebook.db") as book:
    for sheet in ("sheet01", "sheet02"):
        for handed in book.assignment_submissions(sheet):
            grades = [grade for notebook in handed.notebooks for grade in notebook.grades]
            by_hand = [grade.name for grade in grades if grade.needs_manual_grade]
            print(sheet, handed.student.id, handed.score, handed.max_score, *by_hand)
"""


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("nbgrader") is None, reason="nbgrader is not installed")
def test_nbgrader_releases_the_sheet_and_marks_solved_half_and_blank(course):
    environment = {
        **os.environ,
        "EFFNET_HOME": str(course / "home"),
        "OMP_NUM_THREADS": "1",
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),  # where alembic is
    }
    environment.pop("NBGRADER_EXECUTION", None)

    def nbgrader(*arguments):
        done = subprocess.run(
            [sys.executable, "-m", "nbgrader", *arguments], cwd=course, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    for number in ("01", "02"):
        nbgrader("generate_assignment", f"sheet{number}", "--create")
        [solution] = (course / f"source/sheet{number}").glob("*.ipynb")
        released = course / f"release/sheet{number}" / solution.name
        published = cells(ROOT / "exercises" / solution.name)
        for ours, theirs in zip(published, cells(released), strict=True):
            assert "".join(theirs["source"]).strip() == "".join(ours["source"]).strip()
        first, *others = [exercise.id.replace(".", "-") for exercise in sheet(number)]
        all_of_it = [first, *others, f"{number}-words-1"]
        for student, answered in {"blank": [], "half": [first], "solved": all_of_it}.items():
            file = course / f"submitted/{student}/sheet{number}" / solution.name
            file.parent.mkdir(parents=True)
            file.write_text(_handed_in(released, solution, answered))
        nbgrader("autograde", f"sheet{number}", "--create")
    done = subprocess.run([sys.executable, "-c", MARKS], cwd=course, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    given = {tuple(line.split()[:2]): line.split()[2:] for line in done.stdout.splitlines()}
    for number in ("01", "02"):
        points = [float(exercise.points) for exercise in sheet(number)]
        for student, right in {"blank": 0.0, "half": points[0], "solved": sum(points)}.items():
            score, most, *by_hand = given[f"sheet{number}", student]
            assert float(score) == right and float(most) > sum(points)
            assert by_hand == ([f"{number}-words-1"] if student == "solved" else []), "what is left to do by hand"
    assert "Success" in nbgrader("validate", "submitted/solved/sheet01/01_convolution_cost.ipynb")
    assert "FAILED ON 6 CELL" in nbgrader("validate", "submitted/half/sheet01/01_convolution_cost.ipynb")
