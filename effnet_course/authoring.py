"""From source/ to what people open: lessons to notebooks/, sheets to exercises/ and, solved, to solutions/.

A source is a percent script: jupytext reads it. What comes out is the same byte for byte each time, so a test
can say that what is committed is what the sources give. Needs jupytext, nbformat and, to record outputs,
nbclient (the extra `test`).
"""

import ast
import hashlib
import json
import os
import re
import tempfile
import tomllib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
STUB = 'raise NotImplementedError("Your turn: replace this line.")'
CHECKED = "nbval-check-output"  # a cell with this tag keeps its output, and CI compares it
DECLARED = {"title": str, "minutes": int, "seconds": int, "memory_mb": int}
LONGEST_CELL = 25  # lines
USUAL = {"cells": (40, 70), "words": (1500, 3000)}  # of a lesson

# The first code cell of every notebook. It must do without the package, and never import or install torch.
SETUP = """\
# @title Set-up, the same in every notebook: find the course or install it. torch is left as it is.
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

if not importlib.util.find_spec("effnet_course"):
    above = [str(folder) for folder in Path.cwd().parents if (folder / "effnet_course/home.py").exists()]
    if above:
        sys.path.insert(0, above[0])
    else:
        address = "{repository}"
        course = os.environ.get("EFFNET_SOURCE", f"{address}/archive/refs/heads/main.zip")
        needed = [[name] for name in ("ipywidgets", "tqdm", "fvcore") if not importlib.util.find_spec(name)]
        for what in [["--no-deps", course], *needed]:
            pip = [sys.executable, "-m", "pip", "install", "--quiet", "--retries=1", *what]
            done = subprocess.run(pip, capture_output=True, text=True)
            if done.returncode:
                raise RuntimeError(f"Could not install {what[-1]}. Is there a network?\\n{done.stderr}")
        importlib.invalidate_caches()

from effnet_course import doctor

print(doctor.summary())"""


def _sheet(number: str) -> list:
    from effnet_course import exercises

    return list(exercises.sheet(number)) if number in exercises.sheets() else []


class SourceError(Exception):
    """Faults in the sources, one a line, each with its file and line and what to do."""


@dataclass(frozen=True)
class Cell:
    """A cell of a source. `line` is where its text begins in the file; metadata is the notebook's."""

    kind: str  # "code" or "markdown"
    text: str
    line: int = 0
    tags: tuple[str, ...] = ()
    metadata: dict = field(default_factory=dict)

    def calls(self, function: str) -> list[tuple[str, int]]:
        """The texts that `function` is called with in this cell, each with its line in the file."""
        found = []
        for node in ast.walk(_parsed(self)):
            if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == function:
                texts = [a for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
                # ask() takes any number of ids; for the others the first text is the id.
                texts = texts if function == "ask" else texts[:1]
                found += [(a.value, self.line + a.lineno - 1) for a in texts]
        return found

    def functions(self) -> set[str]:
        """The names of the functions that this cell defines."""
        return {node.name for node in _parsed(self).body if isinstance(node, ast.FunctionDef)}


@dataclass(frozen=True)
class Source:
    """A lesson or a sheet as it is edited: its path from the root, what its header declares, its cells."""

    path: str
    declared: dict
    cells: tuple[Cell, ...]

    @property
    def name(self) -> str:
        return Path(self.path).stem

    @property
    def is_sheet(self) -> bool:
        return Path(self.path).parent.name == "sheets"


def read(path: Path, root: Path = ROOT, faults: list[str] | None = None) -> Source:
    """Read one source. Faults are added to the list; without a list they raise SourceError."""
    import jupytext

    collected = [] if faults is None else faults
    name, text = path.relative_to(root).as_posix(), path.read_text(encoding="utf-8")
    notebook = jupytext.reads(text, fmt="py:percent")
    cells = []
    lines = _first_lines(text)
    if len(lines) != len(notebook.cells):
        collected.append(f"{name}:1: every cell must start with a line `# %%` or `# %% [markdown]`")
    for cell, line in zip(notebook.cells, lines, strict=False):
        tags = tuple(cell.metadata.get("tags", ()))
        cells.append(Cell(cell.cell_type, cell.source, line, tags))
        for tag in set(tags) - {CHECKED}:
            collected.append(f"{name}:{line}: no such tag as {tag!r}; the one there is: {CHECKED}")
    declared = dict(notebook.metadata.get("effnet_course", {}))
    if {key: type(value) for key, value in declared.items()} != DECLARED:
        example = "#   effnet_course: {title: Why?, minutes: 70, seconds: 40, memory_mb: 1500}"
        collected.append(f"{name}:1: the header must be\n# ---\n# jupyter:\n{example}\n# ---")
    source = Source(name, declared, tuple(cells))
    collected += _faults(source)
    if faults is None and collected:
        raise SourceError("\n".join(collected))
    return source


def build(root: Path = ROOT, sheet: Callable[[str], list] = _sheet, outputs: bool = True) -> dict[str, str]:
    """Every notebook that the sources under `root` give: its text, by its path from the root.

    `sheet` gives the exercises of a sheet by its number, "01". Without `outputs`, cells tagged
    `nbval-check-output` are left empty. Raises SourceError, with every fault that was found.
    """
    faults: list[str] = []
    for stray in sorted((root / "source").rglob("*.ipynb")):
        faults.append(f"{stray.relative_to(root).as_posix()}:1: a source is a percent script (.py)")
    sources = [read(path, root, faults) for path in sorted((root / "source").glob("*/*.py"))]
    guesses = [(source, cell) for source in sources for cell in source.cells]
    faults += _repeated([(key, s.path, line) for s, cell in guesses for key, line in cell.calls("predict")])
    if faults:
        raise SourceError("\n".join(faults))
    repository = tomllib.loads((root / "pyproject.toml").read_text())["project"]["urls"]["Repository"]
    notebooks = {}
    for source in sources:
        if source.is_sheet:
            cells = _graded(source, sheet(source.name[:2]), faults)
            made = {"exercises": [_unsolved(c) for c in cells], "solutions": [_solved(c) for c in cells]}
        else:
            made = {"notebooks": list(source.cells)}
        for folder, cells in made.items():
            path = f"{folder}/{source.name}.ipynb"
            expected = _expected(root, path) if outputs else None
            notebooks[path] = _notebook(path, source, cells, repository, expected, faults)
    if faults:
        raise SourceError("\n".join(faults))
    return notebooks


def release(root: Path = ROOT) -> list[str]:
    """Write every notebook whose text has changed; return their paths. Strays are left alone."""
    changed = []
    for path, text in build(root).items():
        file = root / path
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            file.parent.mkdir(exist_ok=True)
            file.write_text(text, encoding="utf-8", newline="\n")
            changed.append(path)
    return changed


NBGRADER = """\
# Sheets for nbgrader: in this folder, `nbgrader generate_assignment sheet01`.
c = get_config()
c.CourseDirectory.course_id = "effnet"
c.ClearSolutions.code_stub = {{"python": {stub!r}}}
c.ClearSolutions.text_stub = ""
c.ExecutePreprocessor.timeout = 60
"""


def nbgrader(folder: Path, root: Path = ROOT, sheet: Callable[[str], list] = _sheet) -> list[Path]:
    """Write the solved sheets as nbgrader's sources, source/sheetNN/, and a configuration; return the files.

    What `nbgrader generate_assignment` makes of them is the sheet that students get from `exercises/`. Raises OSError
    where a file cannot be written; a configuration that is there is kept.
    """
    made, written = build(root, sheet, outputs=False), []
    for path, text in made.items():
        if not path.startswith("solutions/"):
            continue
        solved, released = json.loads(text), json.loads(made[path.replace("solutions/", "exercises/", 1)])
        solved["cells"][0] = released["cells"][0]  # it does not say that it is solved
        name = Path(path).name
        file = folder / "source" / f"sheet{name[:2]}" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(solved, indent=1, ensure_ascii=False) + "\n", encoding="utf-8", newline="\n")
        written.append(file)
    settings = folder / "nbgrader_config.py"
    if not settings.exists():
        settings.write_text(NBGRADER.format(stub=STUB), encoding="utf-8", newline="\n")
        written.append(settings)
    return written


def differences(root: Path = ROOT) -> list[str]:
    """A sentence for each notebook that is not what its source gives, or that has no source."""
    made = build(root)
    found = []
    for path, text in made.items():
        if not (root / path).exists():
            found.append(f"{path} is missing: run `effnet-course release`.")
        elif (root / path).read_bytes() != text.encode():
            found.append(f"{path} differs from its source: edit that, then run `effnet-course release`.")
    for folder in ("notebooks", "exercises", "solutions"):
        for file in sorted((root / folder).rglob("*.ipynb")):
            path = file.relative_to(root).as_posix()
            if path not in made and ".ipynb_checkpoints" not in path:
                found.append(f"{path} has no source: delete it, or write one in source/.")
    return found


def record(root: Path = ROOT, names: tuple[str, ...] = ()) -> list[str]:
    """Run the notebooks with cells tagged `nbval-check-output`; keep what these print in source/expected/.

    `names` picks notebooks by a part of their path ("01", "solutions/01"); none means all. Returns the files
    written. The notebooks run without a network, without data and with an empty home.
    """
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    written, failed = [], []
    for path, text in build(root, outputs=False).items():
        if names and not any(name in path for name in names):
            continue
        file = _expected_file(root, path)
        notebook = nbformat.reads(text, as_version=4)
        tagged = [cell for cell in notebook.cells if CHECKED in cell.metadata.get("tags", ())]
        if not tagged:
            file.unlink(missing_ok=True)
            continue
        notebook.cells = notebook.cells[: notebook.cells.index(tagged[-1]) + 1]
        folder = (root / path).parent
        folder.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory() as home:
            environment = {**os.environ, "EFFNET_HOME": home, "EFFNET_OFFLINE": "1"}
            environment.pop("EFFNET_DATA", None)
            try:
                NotebookClient(notebook, timeout=600).execute(env=environment, cwd=str(folder))
                texts = {cell.id: _texts(cell) for cell in tagged}
            except (CellExecutionError, SourceError) as error:
                failed.append(f"{path}: {error}")
                continue
        file.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(texts, indent=1, ensure_ascii=False) + "\n"
        file.write_text(text, encoding="utf-8", newline="\n")
        written.append(file.relative_to(root).as_posix())
    if failed:
        raise SourceError("\n".join(failed))
    return written


def statistics(root: Path = ROOT) -> str:
    """A table: cells, words and lines of code of each source, its minutes, and what is outside the usual."""
    rows = [f"{'source':40} {'cells':>5} {'words':>6} {'code':>5} {'minutes':>7}"]
    for path in sorted((root / "source").glob("*/*.py")):
        source = read(path, root)
        words = sum(len(cell.text.split()) for cell in source.cells if cell.kind == "markdown")
        code = sum(len(cell.text.splitlines()) for cell in source.cells if cell.kind == "code")
        counted = {"cells": len(source.cells), "words": words}
        row = f"{source.path:40} {counted['cells']:5} {words:6,} {code:5} {source.declared['minutes']:7}"
        for key, (low, high) in USUAL.items():
            if not source.is_sheet and not low <= counted[key] <= high:
                row += f"   {key}: {low:,} to {high:,} is usual"
        rows.append(row)
    return "\n".join(rows)


def _first_lines(text: str) -> list[int]:
    """For each cell of a percent script, the line on which its text begins."""
    lines = text.splitlines()
    starts = []
    for number, line in enumerate(lines, start=1):
        if line.startswith("# %%"):
            while number < len(lines) and not lines[number].strip():
                number += 1
            starts.append(number + 1)
    return starts


def _parsed(cell: Cell) -> ast.Module:
    try:
        return ast.parse(cell.text if cell.kind == "code" else "")
    except SyntaxError:  # a magic, or a mistake that running the cell will show
        return ast.Module([], [])


def _faults(source: Source) -> list[str]:
    found = []
    first = source.cells[0] if source.cells else Cell("code", "")
    if first.kind != "markdown" or not first.text.startswith("# "):
        found.append(
            f"{source.path}:{first.line}: the first cell must be markdown and start with # and a title"
        )
    for cell in source.cells:
        opened = 0
        for offset, line in enumerate(cell.text.splitlines()):
            here = f"{source.path}:{cell.line + offset}"
            if line.strip() not in (BEGIN, END):
                if "BEGIN SOLUTION" in line or "END SOLUTION" in line:
                    found.append(f"{here}: a marker is a line of its own, {BEGIN!r} or {END!r}")
                continue
            if not source.is_sheet:
                found.append(f"{here}: only sheets have solutions")
            opened += 1 if line.strip() == BEGIN else -1
            if opened not in (0, 1):
                found.append(f"{here}: {line.strip()} without its other half")
                opened = 0
            if cell.kind == "code" and not line.startswith(" "):
                found.append(f"{here}: a solution stands inside a function: the unsolved sheet must run")
        if opened:
            found.append(f"{source.path}:{cell.line}: {BEGIN} without {END}")
        length = sum(line.strip() not in (BEGIN, END) for line in cell.text.splitlines())
        if cell.kind == "code" and length > LONGEST_CELL:
            found.append(
                f"{source.path}:{cell.line}: a cell of {length} lines; at most {LONGEST_CELL}: split it"
            )
    found += _repeated([(key, source.path, line) for cell in source.cells for key, line in cell.calls("ask")])
    return found


def _repeated(uses: list[tuple[str, str, int]]) -> list[str]:
    seen: dict[str, str] = {}
    found = []
    for key, path, line in uses:
        if key in seen:
            found.append(f"{path}:{line}: {key!r} is used already, at {seen[key]}")
        seen.setdefault(key, f"{path}:{line}")
    return found


def _graded(source: Source, exercises: list, faults: list[str]) -> list[Cell]:
    """The sheet's cells with nbgrader's metadata: where an exercise is answered, and where it is checked."""
    if not exercises:
        faults.append(f"{source.path}:1: effnet_course/exercises has no sheet {source.name[:2]!r}")
    points = {exercise.id: exercise.points for exercise in exercises}
    answered: Counter = Counter()
    checked: Counter = Counter()
    said = "0 points"
    cells = []
    for cell in source.cells:
        metadata = {}
        if cell.kind == "markdown":
            said = ([said] + re.findall(r"\*[^*\n]*?([\d.]+ points?)\)?\*", cell.text))[-1]
            if BEGIN in cell.text:
                answered["words"] += 1
                key = f"{source.name[:2]}-words-{answered['words']}"
                metadata = _nbgrader(key, solution=True, points=float(said.split()[0]))
        elif BEGIN in cell.text:
            for exercise in exercises:
                if exercise.function in cell.functions():
                    answered[exercise.id] += 1
                    metadata = _nbgrader(exercise.id, solution=True)
            if not metadata:
                names = ", ".join(exercise.function for exercise in exercises)
                faults.append(f"{source.path}:{cell.line}: a solution of no exercise; there are {names}")
        for key, line in cell.calls("check"):
            checked[key] += 1
            if key in points:
                metadata = _nbgrader(f"{key}-check", points=points[key])
            else:
                faults.append(f"{source.path}:{line}: this sheet has no exercise {key!r}")
        cells.append(replace(cell, metadata=metadata))
    for exercise in exercises:
        for what, count in (("solution cell", answered[exercise.id]), ("check", checked[exercise.id])):
            if count != 1:
                name = f"{exercise.id} ({exercise.function})"
                faults.append(f"{source.path}:1: exercise {name} has {count} {what}s, not one")
    return cells


def _nbgrader(key: str, solution: bool = False, points: float | None = None) -> dict:
    """Metadata of schema 3, which nbgrader 0.9 reads.

    A solution cell is answered. A cell with points is graded: by hand if it is answered, else by running it.
    """
    graded = points is not None
    marks = {"grade": graded, "grade_id": key.replace(".", "-"), "locked": graded and not solution}
    if graded:
        marks["points"] = points
    return {"nbgrader": {**marks, "schema_version": 3, "solution": solution, "task": False}}


def _unsolved(cell: Cell) -> Cell:
    """The student's version: a stub for each solution in code; solutions in prose are dropped."""
    lines = []
    inside = False
    for line in cell.text.splitlines():
        if line.strip() == BEGIN:
            inside = True
            if cell.kind == "code":
                lines.append(line.replace(BEGIN, STUB))
        elif line.strip() == END:
            inside = False
        elif not inside:
            lines.append(line)
    text = "\n".join(lines).strip("\n")
    if cell.kind == "markdown":
        text = re.sub(r"\n{3,}", "\n\n", text)
    return replace(cell, text=text)


def _solved(cell: Cell) -> Cell:
    """The solved version, with the markers that nbgrader looks for; in prose nobody sees them."""
    if cell.kind == "code":
        return cell
    return replace(cell, text=re.sub(r"(?m)^### ((BEGIN|END) SOLUTION)$", r"<!-- \1 -->", cell.text))


def _notebook(path, source, cells, repository, expected, faults) -> str:
    import nbformat
    from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

    title, _, rest = cells[0].text.partition("\n")
    solved = "This is the solved sheet. " if path.startswith("solutions/") else ""
    colab = repository.replace("https://github.com", "https://colab.research.google.com/github")
    link = f"{solved}[Open in Colab]({colab}/blob/main/{path})"
    takes = "About {minutes} minutes of yours; {seconds} s and {memory_mb:,} MB of your machine's."
    takes = takes.format(**source.declared)
    opening = Cell("markdown", f"{title}\n\n{link} · {takes}\n{rest}".rstrip())
    folded = {"jupyter": {"source_hidden": True}, "cellView": "form"}  # in JupyterLab and in Colab
    setup = Cell("code", SETUP.replace("{repository}", repository), metadata=folded)
    cells = [opening, setup, *cells[1:]]
    cells = [cell for cell in cells if cell.text.strip()]
    again = f"run `effnet-course release --record {path.removesuffix('.ipynb')}`"
    occurrences: Counter = Counter()
    built = []
    unrecorded = []
    for number, cell in enumerate(cells, start=1):
        occurrences[cell.kind, cell.text] += 1
        identity = f"{cell.kind}\0{cell.text}\0{occurrences[cell.kind, cell.text]}"
        key = hashlib.sha256(identity.encode()).hexdigest()[:12]
        metadata = {**cell.metadata, **({"tags": list(cell.tags)} if cell.tags else {})}
        if cell.kind == "markdown":
            built.append(new_markdown_cell(cell.text, id=key, metadata=metadata))
            continue
        shown = cell.text.replace("  # fmt: skip", "")  # a word to the formatter, not to students
        made = new_code_cell(shown, id=key, metadata=metadata)
        if CHECKED in cell.tags and expected is not None:
            if key not in expected:
                unrecorded.append(cell.line)
                continue
            # nbval compares only what has an execution count.
            made.execution_count = number
            for name, lines in expected.pop(key).items():
                text = "\n".join(lines)
                if name == "result":
                    data = {"text/plain": text}
                    made.outputs.append(new_output("execute_result", data=data, execution_count=number))
                else:
                    made.outputs.append(new_output("stream", name=name, text=text))
        built.append(made)
    if unrecorded:
        count = f"{len(unrecorded)} of its tagged cells, this the first, have no recorded output"
        faults.append(f"{source.path}:{unrecorded[0]}: {count}; {again}")
    if expected:
        faults.append(f"{source.path}:1: an output is recorded for a cell that is gone; {again}")
    notebook = new_notebook(
        cells=built,
        metadata={
            "effnet_course": {**source.declared, "source": source.path},
            "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        nbformat_minor=5,
    )
    nbformat.validate(notebook)
    return nbformat.writes(notebook).rstrip("\n") + "\n"


def _expected_file(root: Path, path: str) -> Path:
    return root / "source" / "expected" / Path(path).with_suffix(".json")


def _expected(root: Path, path: str) -> dict[str, dict[str, list[str]]]:
    file = _expected_file(root, path)
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}


def _texts(cell) -> dict[str, list[str]]:
    """What a cell printed ("stdout") and its value ("result"), as lists of lines."""
    texts: dict[str, str] = {}
    for output in cell.outputs:
        if output.output_type == "stream" and output.name == "stdout":
            texts["stdout"] = texts.get("stdout", "") + output.text
        elif output.output_type == "execute_result" and set(output.data) == {"text/plain"}:
            texts["result"] = output.data["text/plain"]
        else:
            seen = output.get("text") or ", ".join(output.get("data", ()))
            rule = f"a cell tagged {CHECKED} must print plain text alone"
            raise SourceError(f"{rule}; besides, there is {seen.strip()!r}. The cell:\n{cell.source}")
    return {name: text.split("\n") for name, text in texts.items()}
