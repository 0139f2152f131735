"""From the sources to the notebooks: always the same, nothing given away, every fault named with its line."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from installed import course_wheel, python_without_the_course

from effnet_course import authoring
from effnet_course.authoring import SETUP, SourceError

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("notebooks", "exercises", "solutions")
HEADER = """\
# ---
# jupyter:
#   effnet_course: {title: "Why?", minutes: 70, seconds: 40, memory_mb: 1500}
# ---

"""
LESSON = (
    HEADER
    + """\
# %% [markdown]
# # 01 · Why?
#
# A text.

# %%
x = 3

# %% tags=["nbval-check-output"]
print(x)
x * x

# %%
x = 3
"""
)
SHEET = (
    HEADER
    + """\
# %% [markdown]
# # Sheet 01

# %%
from effnet_course.checking import check

# %% [markdown]
# ## 01.1 · Twice *(3 points)*

# %%
def twice(x):
    \"\"\"Twice x.\"\"\"
    ### BEGIN SOLUTION
    secret = x
    return secret + x
    ### END SOLUTION

# %%
check("01.1", twice)

# %% [markdown]
# ## In words *(4 points)*

# %% [markdown]
# Your answer here.
#
# ### BEGIN SOLUTION
# A secret text.
# ### END SOLUTION
"""
)
TWICE = SimpleNamespace(id="01.1", function="twice", points=3)


@pytest.fixture
def root(tmp_path):
    """A course of one lesson and one sheet."""
    address = '[project.urls]\nRepository = "https://github.com/someone/course"\n'
    (tmp_path / "pyproject.toml").write_text(address)
    for path, text in (("source/lessons/01_why.py", LESSON), ("source/sheets/01_why.py", SHEET)):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text(text)
    return tmp_path


def build(root, **options):
    return authoring.build(root, sheet=lambda number: [TWICE], **{"outputs": False, **options})


def notebook(root, path):
    return nbformat.reads(build(root)[path], as_version=4)


def edit(root, path, old, new):
    file = root / path
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


# ---- what is committed ----


def test_what_is_committed_is_what_the_sources_give():
    assert authoring.differences(ROOT) == []


def test_a_committed_notebook_is_at_most_300_kilobytes():
    sizes = {path: path.stat().st_size for folder in FOLDERS for path in (ROOT / folder).glob("*.ipynb")}
    assert sizes and max(sizes.values()) <= 300_000


# ---- the build ----


def test_two_builds_give_the_same_bytes(root):
    assert build(root) == build(root)


def test_a_lesson_opens_with_its_title_a_link_and_the_set_up(root):
    first, second, *_ = notebook(root, "notebooks/01_why.ipynb").cells
    colab = "https://colab.research.google.com/github/someone/course/blob/main/notebooks/01_why.ipynb"
    takes = "About 70 minutes of yours; 40 s and 1,500 MB of your machine's."
    assert first.source == f"# 01 · Why?\n\n[Open in Colab]({colab}) · {takes}\n\nA text."
    assert second.source == SETUP.replace("{repository}", "https://github.com/someone/course")


def test_every_notebook_says_what_it_takes_and_which_kernel_runs_it(root):
    for path in build(root):
        made = notebook(root, path)
        assert made.metadata.kernelspec.name == "python3"
        assert made.metadata.effnet_course.seconds == 40
        assert made.metadata.effnet_course.source.startswith("source/")
        assert not any(cell.outputs for cell in made.cells if cell.cell_type == "code")


def test_a_word_to_the_formatter_does_not_reach_students(root):
    before = notebook(root, "notebooks/01_why.ipynb").cells
    edit(root, "source/lessons/01_why.py", "x = 3\n", "x = (3,\n     4)  # fmt: skip\n")
    after = notebook(root, "notebooks/01_why.ipynb").cells
    assert after[2].source == "x = (3,\n     4)" != before[2].source


def test_an_edit_changes_no_other_cell(root):
    before = {cell.id for cell in notebook(root, "notebooks/01_why.ipynb").cells}
    edit(root, "source/lessons/01_why.py", "# %%\nx = 3\n", "# %%\ny = 1\n\n# %%\nx = 3\n")
    after = {cell.id for cell in notebook(root, "notebooks/01_why.ipynb").cells}
    assert before < after and len(after - before) == 1


def test_cells_of_the_same_text_have_ids_of_their_own(root):
    ids = [cell.id for cell in notebook(root, "notebooks/01_why.ipynb").cells]
    assert len(ids) == len(set(ids)) == 5


def test_a_released_sheet_holds_no_solution(root):
    made = notebook(root, "exercises/01_why.ipynb")
    stub = 'def twice(x):\n    """Twice x."""\n    raise NotImplementedError("Your turn: replace this line.")'
    assert stub in [cell.source for cell in made.cells]
    assert "Your answer here." in [cell.source for cell in made.cells]
    assert "secret" not in build(root)["exercises/01_why.ipynb"]
    assert "SOLUTION" not in build(root)["exercises/01_why.ipynb"]


def test_a_solved_sheet_holds_them_all(root):
    cells = [cell.source for cell in notebook(root, "solutions/01_why.ipynb").cells]
    assert "solved" in cells[0]
    (answer,) = [text for text in cells if "def twice" in text]
    scope = {}
    exec(answer, scope)
    assert scope["twice"](4) == 8
    assert "Your answer here.\n\n<!-- BEGIN SOLUTION -->\nA secret text.\n<!-- END SOLUTION -->" in cells


def test_sheets_carry_what_nbgrader_reads(root):
    for path in ("exercises/01_why.ipynb", "solutions/01_why.ipynb"):
        marks = [cell.metadata.nbgrader for cell in notebook(root, path).cells if "nbgrader" in cell.metadata]
        answer, check, words = marks
        common = {"schema_version": 3, "task": False}
        assert answer == common | {"grade_id": "01-1", "grade": False, "locked": False, "solution": True}
        assert check == common | {
            "grade_id": "01-1-check",
            "grade": True,
            "locked": True,
            "solution": False,
            "points": 3,
        }
        assert words == common | {
            "grade_id": "01-words-1",
            "grade": True,
            "locked": False,
            "solution": True,
            "points": 4,
        }


# ---- faults ----

BEGIN, END = "    ### BEGIN SOLUTION\n", "    ### END SOLUTION\n"
FAULTS = [
    ("lessons", "minutes: 70, ", "", ":1: the header must be"),
    ("lessons", HEADER, "", ":1: the header must be"),
    ("lessons", "# %% [markdown]\n# # 01", "y = 1\n# %% [markdown]\n# # 01", ":1: every cell must start with a line"),
    ("lessons", "# # 01", "# 01", ":7: the first cell must be markdown"),
    ("lessons", "nbval-check-output", "nbval-chek-output", ":15: no such tag as 'nbval-chek-output'"),
    ("lessons", "x = 3\n", "x = 3\n" * 26, ":12: a cell of 26 lines"),
    ("lessons", "x = 3\n", "ask('01.q1')\n\n\nask('01.q2', '01.q1')\n", ":15: '01.q1' is used already, at"),
    ("lessons", "x = 3\n", "predict('a', 'b')\np.predict('a', 'c')\n", ":13: 'a' is used already, at"),
    ("lessons", "x = 3\n", "def f():\n" + BEGIN + END, ":13: only sheets have solutions"),
    ("sheets", BEGIN, "", ":20: ### END SOLUTION without its other half"),
    ("sheets", END, "", ":16: ### BEGIN SOLUTION without ### END SOLUTION"),
    ("sheets", BEGIN, BEGIN + BEGIN, ":19: ### BEGIN SOLUTION without its other half"),
    ("sheets", BEGIN, "    # BEGIN SOLUTION\n", ":18: a marker is a line of its own"),
    (
        "sheets",
        "check(",
        "### BEGIN SOLUTION\n### END SOLUTION\ncheck(",
        ":24: a solution stands inside a function",
    ),
    ("sheets", "def twice", "def thrice", ":16: a solution of no exercise; there are twice"),
    ("sheets", '"01.1"', '"01.7"', ":24: this sheet has no exercise '01.7'"),
    ("sheets", 'check("01.1", twice)', "twice", ":1: exercise 01.1 (twice) has 0 checks, not one"),
]


@pytest.mark.parametrize(("folder", "old", "new", "fault"), FAULTS, ids=[fault[3] for fault in FAULTS])
def test_a_fault_is_named_with_its_line(root, folder, old, new, fault):
    edit(root, f"source/{folder}/01_why.py", old, new)
    with pytest.raises(SourceError) as error:
        build(root)
    assert f"source/{folder}/01_why.py{fault}" in str(error.value)


def test_all_faults_are_named_at_once(root):
    edit(root, "source/lessons/01_why.py", "minutes: 70, ", "")
    edit(root, "source/sheets/01_why.py", BEGIN, "")
    with pytest.raises(SourceError, match=r"lessons/01_why.py:1:(.|\n)*sheets/01_why.py:20:"):
        build(root)


def test_a_notebook_is_no_source(root):
    (root / "source/lessons/02_then.ipynb").write_text("{}")
    with pytest.raises(SourceError, match="source/lessons/02_then.ipynb:1: a source is a percent script"):
        build(root)


def test_a_sheet_without_its_module_is_named(root):
    with pytest.raises(
        SourceError, match="source/sheets/01_why.py:1: effnet_course/exercises has no sheet '01'"
    ):
        authoring.build(root, sheet=lambda number: [], outputs=False)


# ---- differences ----


@pytest.fixture
def released(root, monkeypatch):
    shutil.rmtree(root / "source/sheets")
    edit(root, "source/lessons/01_why.py", ' tags=["nbval-check-output"]', "")
    assert authoring.release(root) == ["notebooks/01_why.ipynb"]
    assert authoring.release(root) == []
    assert authoring.differences(root) == []
    return root


def test_a_changed_source_is_noticed(released):
    edit(released, "source/lessons/01_why.py", "A text.", "A new text.")
    assert authoring.differences(released) == [
        "notebooks/01_why.ipynb differs from its source: edit that, then run `effnet-course release`."
    ]


def test_a_changed_notebook_is_noticed(released):
    edit(released, "notebooks/01_why.ipynb", '"outputs": []', '"outputs": [ ]')
    assert "differs from its source" in authoring.differences(released)[0]


def test_a_missing_notebook_and_one_without_a_source_are_noticed(released):
    (released / "notebooks/01_why.ipynb").rename(released / "notebooks/02_then.ipynb")
    missing, stray = authoring.differences(released)
    assert missing.startswith("notebooks/01_why.ipynb is missing")
    assert stray.startswith("notebooks/02_then.ipynb has no source")


# ---- expected outputs ----


def test_the_text_of_tagged_cells_is_recorded_and_put_into_the_notebook(root, monkeypatch):
    shutil.rmtree(root / "source/sheets")
    (root / "effnet_course").symlink_to(ROOT / "effnet_course")
    with pytest.raises(SourceError, match=r"01_why.py:15: 1 of its tagged .*--record notebooks/01_why`"):
        authoring.build(root)
    monkeypatch.setenv("EFFNET_DATA", "/somewhere")
    edit(root, "source/lessons/01_why.py", "print(x)", "import os\n\nprint(x, os.environ.get('EFFNET_DATA'))")
    assert authoring.record(root) == ["source/expected/notebooks/01_why.json"]
    (texts,) = json.loads((root / "source/expected/notebooks/01_why.json").read_text()).values()
    assert texts == {"stdout": ["3 None", ""], "result": ["9"]}
    made = nbformat.reads(authoring.build(root)["notebooks/01_why.ipynb"], as_version=4)
    (cell,) = [cell for cell in made.cells if cell.metadata.get("tags")]
    assert [output.get("text") or output["data"]["text/plain"] for output in cell.outputs] == ["3 None\n", "9"]
    assert cell.execution_count, "nbval compares no cell without a count"
    edit(root, "source/lessons/01_why.py", "print(x,", "print(x + 1,")
    with pytest.raises(
        SourceError, match="no recorded output(.|\n)*an output is recorded for a cell that is gone"
    ):
        authoring.build(root)


def test_a_cell_that_fails_is_recorded_as_no_output(root):
    edit(root, "source/lessons/01_why.py", "print(x)", "print(1 / 0)")
    shutil.rmtree(root / "source/sheets")
    (root / "effnet_course").symlink_to(ROOT / "effnet_course")
    with pytest.raises(SourceError, match="notebooks/01_why.ipynb: (.|\n)*ZeroDivisionError"):
        authoring.record(root)
    assert not (root / "source/expected").exists()


def test_only_plain_text_is_recorded():
    picture = nbformat.v4.new_output("display_data", data={"image/png": ""})
    with pytest.raises(SourceError, match="besides, there is 'image/png'. The cell:\nplot()"):
        authoring._texts(SimpleNamespace(outputs=[picture], source="plot()"))


def test_statistics_say_what_is_unusual(root):
    lesson, sheet = authoring.statistics(root).splitlines()[1:]
    assert re.search(r"lessons/01_why.py +4 +6 +4 +70 +cells: 40 to 70 .* words: 1,500 to 3,000", lesson)
    assert "usual" not in sheet


# ---- the first cell ----


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    return python_without_the_course(tmp_path_factory.mktemp("python") / "venv")[0]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The course as a wheel, made to ask for a torch that nobody has."""
    return course_wheel(tmp_path_factory.mktemp("wheel"), '"torch>=', '"torch>=1000.')


AFTERWARDS = """
import sys
from importlib.metadata import version
import effnet_course
print(sorted({"torch", "torchvision", "numpy"} & set(sys.modules)), version("torch"), effnet_course.__file__)
"""


def run_setup(python, folder, **environment):
    kept = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "EFFNET_SOURCE")}
    code = SETUP.replace("{repository}", "http://127.0.0.1:9/none") + AFTERWARDS
    return subprocess.run(
        [str(python), "-c", code], cwd=folder, env=kept | environment, capture_output=True, text=True
    )


def test_the_first_cell_is_short():
    assert len(SETUP.splitlines()) <= authoring.LONGEST_CELL


def test_the_first_cell_finds_an_installed_course():
    done = run_setup(sys.executable, ROOT)
    assert "[] " in done.stdout and f"effnet-course {authoring_version()} in " in done.stdout, done.stderr


def test_the_first_cell_finds_the_checkout_it_lies_in(python, tmp_path):
    (tmp_path / "effnet_course").symlink_to(ROOT / "effnet_course")
    (tmp_path / "notebooks").mkdir()
    done = run_setup(python, tmp_path / "notebooks")
    last = done.stdout.splitlines()[-1]
    assert last.startswith("[] ") and last.endswith(f"{tmp_path}/effnet_course/__init__.py"), done.stderr


def test_the_first_cell_installs_the_course_and_nothing_else(python, tmp_path, wheel):
    (site,) = python.parent.parent.glob("lib/python*/site-packages")
    before = set(site.iterdir())
    done = run_setup(python, tmp_path, EFFNET_SOURCE=str(wheel))
    assert done.returncode == 0, done.stderr
    *_, versions, last = done.stdout.splitlines()
    new = {path.name.split("-")[0] for path in set(site.iterdir()) - before}
    assert new == {"effnet_course"}
    torch = subprocess.run(
        [sys.executable, "-c", "from importlib.metadata import version; print(version('torch'))"],
        capture_output=True,
        text=True,
    ).stdout.strip()
    assert last == f"[] {torch} {site}/effnet_course/__init__.py"
    assert f"torch {torch}, torchvision" in versions
    shipped = {path.relative_to(site) for path in site.glob("effnet_course/questions/*.toml")}
    assert (
        shipped == {path.relative_to(ROOT) for path in ROOT.glob("effnet_course/questions/*.toml")} != set()
    )
    subprocess.run([str(python), "-m", "pip", "uninstall", "--quiet", "--yes", "effnet-course"], check=True)


def test_the_first_cell_says_when_it_cannot(python, tmp_path):
    done = run_setup(python, tmp_path)
    assert done.returncode == 1
    address = "http://127.0.0.1:9/none/archive/refs/heads/main.zip"
    assert f"RuntimeError: Could not install {address}. Is there a network?" in done.stderr


def authoring_version():
    from effnet_course import __version__

    return __version__
