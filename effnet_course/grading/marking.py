"""One submission: cases out, outputs back, verdicts and points. The comparison happens here, in the grader's process.

Credit goes by case: points times the share of cases that are right, rounded down to a tenth; all the points for all
the cases. A function that uses a helper which answers its exercise outright gets none, as in the check.
"""

import copy
import functools
import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from effnet_course.checking import Case, Exercise, Foreign, Raised, judge, plain, run
from effnet_course.grading.sandbox import Sandbox, Stopped, Worker
from effnet_course.grading.wire import frame, pack, unpack

BAD_CELLS = 3  # after so many that had to be stopped, what follows is not run
CELLS = 3  # all cells together may take so many times the limit of one
STOPPED = "Stopped"
NOTES = 50  # of them, on cells, no more


@dataclass(frozen=True)
class Task:
    """An exercise with the cases of one grading, and a reference and misconceptions that remember their outputs."""

    exercise: Exercise
    cases: list[Case]
    most: int
    """Bytes that an answer to one case may take on its way here: 16 times the reference's largest, and 64 kB."""


@dataclass
class Mark:
    """What one exercise of one submission came to."""

    exercise: str
    verdict: str
    """"right", "partly right", "wrong", "not answered", "error", "stopped" or "helper"."""
    points: float
    right: int
    """Cases that are right, of `cases`."""
    cases: int
    misconception: str | None
    message: str
    """What the student reads: a heading, then paragraphs; lines that start with four spaces are code."""


def tasks(exercises: Sequence[Exercise], seed: int) -> list[Task]:
    """The exercises of a sheet, or of a student's variant of it, with the cases of a seed."""
    found = []
    for exercise in exercises:
        cases = exercise.cases(seed)
        wrong = tuple(replace(m, answer=_remembered(m.answer)) for m in exercise.misconceptions)
        exercise = replace(exercise, reference=_remembered(exercise.reference), misconceptions=wrong)
        largest = max(len(frame({"output": pack(output)})) for output in run(exercise.reference, cases))
        found.append(Task(exercise, cases, 16 * largest + 65_536))
    return found


def mark(cells: list[str], todo: list[Task], sandbox: Sandbox, slot: int = 0) -> tuple[list[Mark], list[str]]:
    """The marks of a submission's code cells, and what there is to note about it, for the log."""
    outputs, helpers, notes = _Run(cells, todo, sandbox, slot).outputs()
    return [_judged(task, outputs[i], helpers[i]) for i, task in enumerate(todo)], notes


class _Run:
    """Gets the outputs of one submission. A worker that is stopped costs the exercise or the cell it was at."""

    def __init__(self, cells: list[str], todo: list[Task], sandbox: Sandbox, slot: int):
        self.cells, self.todo, self.sandbox, self.slot = cells, todo, sandbox, slot
        self.functions = {task.exercise.function: list(task.exercise.helpers) for task in todo}
        self.bad: set[int] = set()  # cells that stopped a worker: not run again
        self.notes = [
            f"code cell {number} asks for the course's own answers, which are not there when it is graded"
            for number, source in enumerate(cells, 1)
            if _asks_for_answers(source)
        ][:NOTES]
        self.worker: Worker | None = None

    def outputs(self) -> tuple[list[list[Any]], list[list[str]], list[str]]:
        outputs: list[list[Any]] = [[] for _ in self.todo]
        helpers: list[list[str]] = [[] for _ in self.todo]
        try:
            for task, got, used in zip(self.todo, outputs, helpers, strict=True):
                try:
                    self._exercise(task, got, used)
                except Stopped as stop:
                    self.notes.append(f"{task.exercise.id}: {stop}")
                    self._close()
                    got += [Raised(STOPPED, str(stop))] * (len(task.cases) - len(got))
        finally:
            self._close()
        return outputs, helpers, list(dict.fromkeys(self.notes))

    def _exercise(self, task: Task, got: list[Any], used: list[str]) -> None:
        worker, name = self._ready(), task.exercise.function
        worker.allow(self.sandbox.limits.seconds)
        reply = worker.ask({"helpers": name}).get("helpers")
        if isinstance(reply, list):
            used += [helper[:100] for helper in reply[:5] if isinstance(helper, str)]
        for case in task.cases:
            reply = worker.ask({"call": name, "case": pack(case), "limit": task.most}, task.most + 1000)
            try:
                got.append(unpack(reply.get("output")))
            except (ValueError, TypeError, RecursionError, MemoryError):
                got.append(Foreign("something that is not an answer"))

    def _ready(self) -> Worker:
        """A worker that has run the cells."""
        while self.worker is None:
            self.worker = self.sandbox.start(self.slot, self.functions)
            self._run_cells(self.worker)
        return self.worker

    def _run_cells(self, worker: Worker) -> None:
        begun, most = time.monotonic(), self.sandbox.limits.seconds
        for number, source in enumerate(self.cells, 1):
            if number in self.bad:
                continue
            left = CELLS * most - max(worker.cpu, (time.monotonic() - begun) / 3)
            if left <= 0:
                self.notes.append(f"the code cells took {CELLS * most:g} s, so those from {number} on were not run")
                self.cells = self.cells[: number - 1]
                return
            worker.allow(min(most, left))
            try:
                error = worker.ask({"cell": number, "source": source}).get("error")
            except Stopped as stop:
                self.bad.add(number)
                self.notes.append(f"code cell {number} {stop}")
                if len(self.bad) >= BAD_CELLS:
                    self.cells = self.cells[: number - 1]
                    self.notes.append(
                        f"{len(self.bad)} code cells had to be stopped, so those after {number} were not run"
                    )
                self._close()
                return
            if error and len(self.notes) < NOTES:
                self.notes.append(f"code cell {number}: {str(error)[:200]}")

    def _close(self) -> None:
        if self.worker is not None:
            self.worker.close()
            self.worker = None


def _judged(task: Task, outputs: list[Any], used: list[str]) -> Mark:
    exercise, cases = task.exercise, task.cases
    good = [_right(exercise, case, output) for case, output in zip(cases, outputs, strict=True)]
    try:
        verdict = judge(exercise, cases, outputs)
    except Exception:  # a comparison that no one foresaw must not stop the batch
        odd = Foreign("something that cannot be compared")
        outputs = [output if ok else odd for output, ok in zip(outputs, good, strict=True)]
        verdict = judge(exercise, cases, outputs)
    right = sum(good)
    points = exercise.points if verdict.passed else math.floor(exercise.points * right / len(cases) * 10 + 1e-9) / 10
    word = _word(verdict.message, verdict.passed, right, outputs)
    body = verdict.message.splitlines()[1:]
    if word == "not answered":
        body = [f"There is no `{exercise.function}` with something in it in what you handed in."]
        if all(output is None for output in outputs):
            body = [f"`{exercise.function}` gives back nothing. If you have written it: does it `return`?"]
    if right and used:
        word, points = "helper", 0
        names = " and ".join(f"`{name}`" for name in used)
        body = [f"The course's own {names} found the answer. This exercise is about working it out without."]
    body = [line.replace("It stops. Python says: Stopped: ", "When this was graded, your function ") for line in body]
    share = "" if verdict.passed or not right or word == "helper" else f" · {right} of {len(cases)} cases"
    unit = "point" if exercise.points == 1 else "points"
    heading = f"{word.capitalize()} · {exercise.id} {exercise.title} · {points:g} of {exercise.points:g} {unit}{share}"
    message = "\n".join([heading, *body])
    return Mark(exercise.id, word, points, right, len(cases), verdict.misconception, message)


def _asks_for_answers(source: str) -> bool:
    signs = (".reference", "effnet_course.exercises")
    code = [line.partition("#")[0] for line in source.splitlines()]
    return any(
        any(sign in line for sign in signs) or "exercises" in line.partition("effnet_course import")[2] for line in code
    )


def _right(exercise: Exercise, case: Case, output: Any) -> bool:
    try:
        return judge(replace(exercise, misconceptions=()), [case], [output]).passed
    except Exception:
        return False


def _word(message: str, passed: bool, right: int, outputs: list[Any]) -> str:
    errors = [output for output in outputs if isinstance(output, Raised)]
    if passed:
        return "right"
    if message.startswith("Not answered"):
        return "not answered"
    if any(error.kind == STOPPED for error in errors):
        return "stopped"
    if right:
        return "partly right"
    return "error" if errors else "wrong"


def _remembered(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, computed once for each case; what it raises is remembered as well."""
    known: dict[str, tuple[Any, Exception | None]] = {}

    @functools.wraps(function)
    def remembered(**case: Any) -> Any:
        key = json.dumps(pack(case))
        if key not in known:
            try:
                known[key] = plain(function(**copy.deepcopy(case))), None
            except Exception as error:
                known[key] = None, error
        value, error = known[key]
        if error is not None:
            raise error
        return value

    return remembered
