"""Grade a made-up class: minutes, memory, and whether the marks are those that the class was made to get.

    python benchmarks/grading.py                          # 300 submissions of sheet 02, two at a time
    python benchmarks/grading.py --count 60 --sheet 05
    python benchmarks/grading.py --keep FOLDER            # leaves the submissions and the report there

A third or so solve the sheet; as many solve some of it, answer with misconceptions of the exercises or leave answers
out; the others hand in the empty sheet or something broken (an endless loop, a syntax error, `os._exit`, no JSON).

On 2026-11-22, 2 cores: 300 of sheet 02 in 2.9 minutes; the grader took 56 MB, with its workers 140 MB.

Beside nbgrader 0.9.6, the same ten submissions of sheet 02 (five solved, three half, two blank), one tool after the
other on 2026-11-22 on 2 cores, busy: `grade` 10.7 s, with one worker 16.2 s; `nbgrader autograde` 98.7 s.
"""

import argparse
import json
import random
import tempfile
import threading
import time
from contextlib import nullcontext
from pathlib import Path

from effnet_course.exercises import sheet
from effnet_course.grading import batch
from effnet_course.grading.sandbox import descendants, process_table
from effnet_course.grading.submissions import stems

ROOT = Path(__file__).resolve().parents[1]
LOOP = "while True:\n    pass"
BROKEN = {
    "endless loop in a cell": lambda cells: [*cells, LOOP],
    "syntax error in a cell": lambda cells: [*cells[:3], "def f(:", *cells[3:]],
    "leaves the process": lambda cells: [*cells, "import os\nos._exit(0)"],
    "no JSON": lambda cells: None,
}


def main() -> None:
    """Make the class, grade it, print what it took."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--sheet", default="02")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    with nullcontext(options.keep) if options.keep else tempfile.TemporaryDirectory() as folder:
        run(Path(folder), options)


def run(folder: Path, options: argparse.Namespace) -> None:
    """Grade a class made in a folder."""
    (folder / "in").mkdir(parents=True)
    (folder / "seed").write_text("benchmarks/grading.py")
    wanted, held = make_class(folder, options.sheet, options.count)
    order = batch.Order(folder / "in", options.sheet, folder / "seed", folder / "report", folder / "roster.csv",
                        options.workers)  # fmt: skip
    peak, over = [0, 0], threading.Event()
    watcher = threading.Thread(target=_watch, args=(peak, over))
    watcher.start()
    begun = time.perf_counter()
    report = batch.grade(order, say=lambda line: None)
    taken = time.perf_counter() - begun
    over.set()
    watcher.join()
    got = {row.id: row.total for row in report.rows}
    wrong = {id: (points, got[id]) for id, points in wanted.items() if points is not None and got[id] != points}
    found = sum(mark.misconception is not None for row in report.rows for mark in row.marks)
    print(f"sheet {options.sheet}: {options.count} handed in, {options.workers} at a time, in {taken / 60:.1f} minutes")
    print(f"memory: grader {peak[0] / 1e6:.0f} MB, with its workers {peak[1] / 1e6:.0f} MB at most")
    known = sum(points is not None for points in wanted.values())
    print(f"marks as they should be: {known - len(wrong)} of {known}; misconceptions named: {found} of {held}")
    for id, pair in list(wrong.items())[:10]:
        print(f"    {id}: {pair[1]} in place of {pair[0]}")


def make_class(folder: Path, number: str, count: int) -> tuple[dict[str, float | None], int]:
    """Write the submissions and a roster; returns the points that each must get (None: depends), and how many
    answers are misconceptions."""
    draw, stem = random.Random(f"{number} {count}"), stems()[number]
    solved, empty = (json.loads((ROOT / kind / f"{stem}.ipynb").read_text()) for kind in ("solutions", "exercises"))
    points = sum(exercise.points for exercise in sheet(number))
    wanted: dict[str, float | None] = {}
    held, roster = 0, ["id,name,lms id"]
    for k in range(count + 5):  # five hand in nothing
        id = f"s{k:04}"
        roster.append(f"{id},Student {k},{1000 + k}")
        if k >= count:
            wanted[id] = 0
            continue
        kind = draw.choices(["right", "partly", "empty", "broken"], [35, 35, 15, 15])[0]
        cells, wanted[id] = _code(solved), points
        if kind == "partly":
            cells, wrong = _with_misconceptions(number, draw)
            held, wanted[id] = held + wrong, None
        elif kind == "empty":
            cells, wanted[id] = _code(empty), 0
        elif kind == "broken":
            name = draw.choice(list(BROKEN))
            cells = BROKEN[name](cells)
            wanted[id] = points if cells else 0
        text = "{" if cells is None else json.dumps(_notebook([f"# {id}", *cells]))
        (folder / "in" / f"student{k}_{1000 + k}_{50_000 + k}_{stem}.ipynb").write_text(text)
    (folder / "roster.csv").write_text("\n".join(roster))
    return wanted, held


def _with_misconceptions(number: str, draw: random.Random) -> tuple[list[str], int]:
    """A submission that carries the sheet's own module, and picks an answer, right or wrong, for each exercise."""
    exercises = ROOT / "effnet_course/exercises"
    module = (exercises / f"s{stems()[number]}.py").read_text()
    drawing = (exercises / "drawing.py").read_text()
    lines = [line for line in module.splitlines() if not line.startswith("from effnet_course.exercises.drawing")]
    picks, held = [], 0
    for k, exercise in enumerate(sheet(number)):
        choice = draw.choice(["right", "misconception", "misconception", "none"])
        if choice == "right":
            picks.append(f"{exercise.function} = EXERCISES[{k}].reference")
        elif choice == "misconception":
            which = draw.randrange(len(exercise.misconceptions))
            picks.append(f"{exercise.function} = EXERCISES[{k}].misconceptions[{which}].answer")
            held += 1
        else:
            picks.append(f"def {exercise.function}(*arguments):\n    raise NotImplementedError")
    source = repr("\n".join([drawing, *lines]))
    apart = f'inside = {{"__name__": "sheet"}}\nexec({source}, inside)\nEXERCISES = inside["EXERCISES"]'
    return [apart, *picks], held


def _code(notebook: dict) -> list[str]:
    return ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]


def _notebook(cells: list[str]) -> dict:
    made = [{"cell_type": "code", "metadata": {}, "outputs": [], "source": cell} for cell in cells]
    return {"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


def _watch(peak: list[int], over: threading.Event) -> None:
    import os

    while not over.wait(0.5):
        table = process_table()
        family = descendants(os.getpid(), table)
        peak[0] = max(peak[0], table[os.getpid()].memory)
        peak[1] = max(peak[1], sum(table[pid].memory for pid in family))


if __name__ == "__main__":
    main()
