"""All submissions of a sheet: marked on several cores, kept as they are done, reported at the end.

Each result is a file of its own in REPORT/results, named by all that decides it: the code, the seed, the sheet, the
limits, and the code of the grader. Killed and called again, the grader goes on where it was, and what it then writes
is the same.
"""

import hashlib
import json
import os
import queue
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path

from effnet_course import variant
from effnet_course.checking import varied
from effnet_course.exercises import sheet, sheets
from effnet_course.grading import report, submissions
from effnet_course.grading.marking import Mark, Task, mark, tasks
from effnet_course.grading.sandbox import PACKAGE, Limits, Sandbox, SandboxError, visible
from effnet_course.grading.submissions import Submission, SubmissionError
from effnet_course.home import write_whole

__all__ = ["Limits", "Order", "SandboxError", "SubmissionError", "cores", "grade"]

Result = tuple[list[Mark], list[str]]
"""The marks of a submission, and notes for the log."""


@dataclass(frozen=True)
class Order:
    """What is to be graded, and how."""

    folder: Path
    """The submissions: a folder, or a zip."""
    sheet: str
    """The sheet's number, such as "02"."""
    seed_file: Path
    """A file with any text that students do not know: it decides the cases."""
    out: Path
    """Where the report goes; the folder is made."""
    roster: Path | None = None
    workers: int = 2
    limits: Limits = Limits()
    late: float = 0
    """Percent of a late submission's points that are taken off."""
    protected: bool = True
    variants: bool = False
    """The class was given variants, made from the same seed file."""


def grade(order: Order, say: Callable[[str], None] = print) -> report.Report:
    """Grade a folder of submissions and write the report. `say` is told what goes on, a line at a time.

    Raises SubmissionError for what is missing or cannot be read, SandboxError where student code cannot be kept apart,
    OSError when the report cannot be written; what has been marked by then is kept.
    """
    number = order.sheet.zfill(2)
    if number not in sheets():
        raise SubmissionError(f"There is no sheet {order.sheet}. These are there: {', '.join(sheets())}.")
    for path in filter(None, (order.folder, order.seed_file, order.out, order.roster)):
        if order.protected and visible(path):
            raise SubmissionError(f"{path} lies among Python's own files, which student code can read. Move it.")
    if order.out.resolve().is_relative_to(order.folder.resolve()):
        raise SubmissionError(f"{order.out} lies among the submissions. Name a folder for the report that does not.")
    if report.another(order.out, sheet(number)):
        raise SubmissionError(f"The marks.csv in {order.out} is not one of sheet {number}. Name another folder.")
    cases = Cases(number, order.seed_file, order.variants)
    roster = submissions.read_roster(order.roster) if order.roster else []
    found, other = submissions.find(order.folder, number)
    counted, strangers = submissions.match(found, roster)
    results = order.out / "results"
    results.mkdir(parents=True, exist_ok=True)
    decides = [asdict(order.limits), order.protected, _version()]
    everyone = [one for one in (*counted.values(), *strangers) if not one.problem]
    files = {one.path: results / f"{cases.name(one, decides)}.json" for one in everyone}
    waiting = {files[one.path]: one for one in everyone}
    made: dict[Path, Result] = {}
    with Sandbox(order.limits, order.protected) as sandbox:
        say(sandbox.description)
        slots: queue.SimpleQueue[int] = queue.SimpleQueue()
        for slot in range(order.workers):
            slots.put(slot)

        def work(file: Path, one: Submission) -> None:
            slot = slots.get()
            try:
                made[file] = _read(file) or _mark(file, one, cases.tasks(one), sandbox, slot)
            except OSError:
                raise  # a full disk, say: nothing that the submission did
            except Exception as error:
                made[file] = [], [f"the grader itself failed on it: {error!r}"]
            finally:
                slots.put(slot)

        with ThreadPoolExecutor(order.workers) as pool:
            futures = {pool.submit(work, file, one): one for file, one in waiting.items()}
            try:
                for k, future in enumerate(as_completed(futures), 1):
                    future.result()
                    say(report.one_line(f"{k} of {len(futures)}: {futures[future].path}"))
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                sandbox.close()
                raise
        description = sandbox.description
    marked = {path: made[file] for path, file in files.items()}
    rows = report.rows(counted, strangers, roster, marked, order.late)
    for row in rows:
        row.notes += cases.doubts(counted.get(row.id))
    made_report = report.Report(number, list(sheet(number)), rows, other, description, order.limits)
    report.write(made_report, order.out)
    return made_report


class Cases:
    """What is asked of each student: the sheet's exercises, or those of the student's variant, on the seed's cases."""

    def __init__(self, number: str, seed_file: Path, variants: bool):
        """Raises SubmissionError for a seed that cannot be read, is empty or, where it makes variants, too short."""
        self.number, self.variants = number, variants
        try:
            self.secret = seed_file.read_bytes().strip()
            if variants:
                self.secret = variant.read_seed(seed_file)
        except OSError as error:
            raise SubmissionError(f"The seed file {seed_file} can't be read: {error.strerror}.") from error
        except variant.VariantError as error:
            raise SubmissionError(str(error)) from error
        if not self.secret:
            raise SubmissionError(
                f"The seed file {seed_file} is empty. Write into it any text that students don't know."
            )
        self.seed = int.from_bytes(hashlib.sha256(self.secret).digest()[:6], "big")
        self._known: dict[str, list[Task]] = {}
        self._lock = threading.Lock()

    def tasks(self, one: Submission) -> list[Task]:
        """The exercises that a submission answers."""
        with self._lock:
            key = self._differs(one)
            if key not in self._known:
                exercises = [varied(exercise, self._own(one)) for exercise in sheet(self.number)]
                self._known[key] = tasks(exercises, self.seed)
            return self._known[key]

    def name(self, one: Submission, decides: list) -> str:
        """The same for whatever gives the same result: the code, what is asked, and what else decides."""
        text = json.dumps([one.key, self.number, self.seed, self._differs(one), *decides])
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    def doubts(self, one: Submission | None) -> list[str]:
        """What there is to say about the variant that a notebook claims to be."""
        if one is None or not one.variant:
            return []
        if not self.variants:
            return ["it is a variant of the sheet, and was graded as the published one: is --variants missing?"]
        return ["it is the variant of another student, or of another seed"] if one.variant != self._own(one) else []

    def _own(self, one: Submission) -> str:
        return variant.key(self.secret, self.number, one.student.id if one.student else "") if self.variants else ""

    def _differs(self, one: Submission) -> str:
        return json.dumps(variant.settings(self.number, self._own(one))) if self.variants else ""


def _mark(file: Path, one: Submission, todo: list[Task], sandbox: Sandbox, slot: int) -> Result:
    marks, notes = mark(one.cells, todo, sandbox, slot)
    if not sandbox.closed:  # closed from outside, it would have stopped the worker
        write_whole(file, json.dumps({"marks": [asdict(mark) for mark in marks], "notes": notes}))
    return marks, notes


def _read(file: Path) -> Result | None:
    """A result that was kept, or None."""
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
        return [Mark(**mark) for mark in kept["marks"]], kept["notes"]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _version() -> str:
    """Of the code that marks: the course's, since references and answers call it, and this Python."""
    digest = hashlib.sha256(sys.version.encode())
    for file in sorted(PACKAGE.rglob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def cores() -> int:
    """How many processors there are for us."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
