"""What a student has done, lesson by lesson, from the files on their own machine. Nothing is sent anywhere."""

import json
import re
from pathlib import Path
from typing import NamedTuple

from effnet_course import asking
from effnet_course.exercises import sheet, sheets

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"  # in a checkout
PREDICT = re.compile(r"""\bpredict\(\s*["'](\d\d\.[\w-]+)["']""")


class Done(NamedTuple):
    """How much of one lesson is done, and of how much; the number of guesses is None where no notebook says it."""

    lesson: str
    guesses: int
    all_guesses: int | None
    answers: int  #: questions answered, rightly or not
    right: int  #: of these, at the first go
    questions: int
    points: float
    all_points: float


def done() -> list[Done]:
    """One row for each lesson that there is."""
    guessed = {str(r.get("key")) for r in asking.kept("guesses.jsonl") if "value" in r}
    answered: dict[str, bool] = {}
    for record in asking.kept("answers.jsonl"):
        answered.setdefault(str(record.get("id")), record.get("correct") is True)
    solved = solved_exercises()
    rows = []
    for path in sorted(asking.QUESTIONS.glob("*.toml")):
        lesson = path.stem
        ids = asking.questions(lesson)
        exercises = sheet(lesson) if lesson in sheets() else ()
        there = guesses_in(lesson)
        mine = {key for key in guessed if key.startswith(f"{lesson}.")}
        rows.append(Done(
            lesson, len(mine if there is None else mine & there), None if there is None else len(there),
            sum(id in answered for id in ids), sum(answered.get(id, False) for id in ids), len(ids),
            sum(e.points for e in exercises if e.id in solved), sum(e.points for e in exercises),
        ))  # fmt: skip
    return rows


def solved_exercises() -> set[str]:
    """Ids of the exercises that have passed their check here."""
    return {str(record["exercise"]) for record in asking.kept("progress.jsonl") if "exercise" in record}


def guesses_in(lesson: str) -> set[str] | None:
    """The keys of a lesson's predictions, by its notebook; None where there is no notebook (an installed package)."""
    for file in NOTEBOOKS.glob(f"{lesson}_*.ipynb"):
        try:
            cells = json.loads(file.read_text(encoding="utf-8"))["cells"]
            code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
        except (OSError, ValueError, KeyError, TypeError):  # an open notebook that is being saved, say
            return None
        return set(PREDICT.findall(code))
    return None


def text() -> str:
    """The table, and a line that says how much it is in all."""
    rows = done()
    lines = [f"{'lesson':<8}{'guesses':>12}{'questions':>14}{'right at once':>15}{'points':>14}"]
    for row in rows:
        guesses = f"{row.guesses}" if row.all_guesses is None else f"{row.guesses} of {row.all_guesses}"
        points = f"{row.points:g} of {row.all_points:g}" if row.all_points else "-"
        answers = f"{row.answers} of {row.questions}"
        lines.append(f"{row.lesson:<8}{guesses:>12}{answers:>14}{row.right:>15}{points:>14}")
    guesses, answers = sum(row.guesses for row in rows), sum(row.answers for row in rows)
    points, possible = sum(row.points for row in rows), sum(row.all_points for row in rows)
    if not guesses + answers + points:
        lines.append("Nothing is done on this machine yet.")
    else:
        lines.append(f"In all {guesses} guesses, {answers} questions answered, {points:g} of {possible:g} points.")
    return "\n".join(lines)
