"""What the instructor and the students get: marks.csv, feedback/ID.html, items.csv and items.html, log.txt.

Nothing in a report depends on the time or on the order in which submissions were done: graded again, or killed and
taken up again, the same folder gives the same files.
"""

import csv
import hashlib
import io
import math
import re
import statistics
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from effnet_course import svg
from effnet_course.checking import Exercise
from effnet_course.grading.marking import Mark
from effnet_course.grading.sandbox import Limits
from effnet_course.grading.submissions import Student, Submission
from effnet_course.home import write_whole

STYLE = """
:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 52em; margin: 2em auto; padding: 0 1em }
table { border-collapse: collapse; margin: 1em 0 }
td, th { padding: .25em .9em .25em 0; text-align: left; border-bottom: 1px solid #8886; vertical-align: top }
td.n, th.n { text-align: right }
section { border: 1px solid #888; border-left: 5px dotted #888; border-radius: 3px; padding: .4em 1em; margin: 1em 0 }
section.right { border-left: 5px solid #2e8b57 }
section.wrong { border-left: 5px dashed #b8690f }
h2 { font-size: 1.05em; margin: .3em 0 }
pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: .5em 0 }
code, pre { font-family: ui-monospace, monospace; font-size: .92em }
.bars { color: inherit }
"""
SAFE = "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
OUTCOMES = (  # of an exercise: the verdicts, in words, and how they are drawn
    (("right",), "right", svg.BLUE, 0.9),
    (("partly right",), "right in some cases", svg.BLUE, 0.4),
    (("wrong", "error", "stopped", "helper"), "wrong", svg.VERMILLION, 0.75),
    (("not answered",), "not answered", "currentColor", 0.25),
)
FEWEST = 10  # students, for a number that describes a class
SHOWN = 20  # of a student's older files, and of the notes on cells


@dataclass
class Row:
    """One student: what they get, and why."""

    id: str
    lms_id: str
    name: str
    status: str
    """"graded", "graded, stopped in places", "not readable", "not graded" (the grader's fault), "not on the roster" or
    "nothing handed in"."""
    late: bool = False
    file: str = ""
    marks: list[Mark] = field(default_factory=list)
    total: float = 0
    notes: list[str] = field(default_factory=list)
    """For the log."""
    problem: str = ""
    """Why the file could not be read, in words."""

    @property
    def page(self) -> str:
        """The name of the feedback page: no two ids have the same one, and any file system takes it."""
        name = re.sub(r"[^\w.-]", "_", self.id).strip(".")[:40]
        if name == self.id and name.isascii() and name == name.casefold():
            return f"{name}.html"
        return f"{name}~{hashlib.sha256(self.id.encode(errors='surrogatepass')).hexdigest()[:12]}.html"


@dataclass(frozen=True)
class Report:
    """All that is reported of one grading."""

    sheet: str
    exercises: list[Exercise]
    rows: list[Row]
    other: list[str]
    """Files that were not graded, and why."""
    isolation: str
    limits: Limits

    @property
    def points(self) -> float:
        """What the sheet's exercises are worth together."""
        return sum(exercise.points for exercise in self.exercises)


def rows(
    counted: dict[str, Submission],
    strangers: list[Submission],
    roster: list[Student],
    marked: dict[str, tuple[list[Mark], list[str]]],
    late: float,
) -> list[Row]:
    """A row a student, in the roster's order, then those whom the roster does not know. `marked`: by path."""
    students = roster or sorted((one.student for one in counted.values()), key=lambda student: student.id)
    found = [_row(student, counted.get(student.id), marked, late) for student in students]
    taken = Counter(student.id for student in students)
    for one in strangers:
        id = f"unknown: {one.name or one.path}"
        taken[id] += 1
        if taken[id] > 1:
            id += f" ({taken[id]})"
        row = _row(Student(id, one.lms_id, one.name), one, marked, late)
        if row.status.startswith("graded"):  # what went wrong is told first: its name says that it is unknown
            row.status = "not on the roster"
        found.append(row)
    return found


def _row(student: Student, one: Submission | None, marked: dict, late: float) -> Row:
    if one is None:
        return Row(student.id, student.lms_id, student.name, "nothing handed in")
    marks, notes = marked.get(one.path, ([], []))
    row = Row(student.id, student.lms_id or one.lms_id, student.name, "graded", one.late, one.path, marks)
    row.notes = [f"does not count, there is a newer one: {path}" for path in one.earlier[-SHOWN:]] + notes
    if len(one.earlier) > SHOWN:
        row.notes.insert(0, f"{len(one.earlier)} older files do not count; the last {SHOWN} of them:")
    row.total = sum(mark.points for mark in marks)
    if one.problem:
        row.status, row.problem = "not readable", one.problem
    elif not marks:
        row.status = "not graded"
    elif any(re.search("was stopped$|the process it ran in$|not an answer$", note) for note in notes):
        row.status = "graded, stopped in places"
    if one.late:
        row.notes.insert(0, f"late: {late:g} % of the points taken off" if late else "late: nothing taken off")
        row.total = math.floor(row.total * (100 - late) / 10 + 1e-6) / 10
    return row


def another(out: Path, exercises: Iterable[Exercise]) -> bool:
    """Whether a folder holds marks of something else than these exercises, which a report would write over."""
    try:
        with open(out / "marks.csv", encoding="utf-8", errors="replace") as file:
            head = file.readline(2000)
    except FileNotFoundError:
        return False
    return not all(f'"{exercise.id}"' in head for exercise in exercises)


def write(report: Report, out: Path) -> None:
    """Write the whole report into a folder."""
    (out / "feedback").mkdir(parents=True, exist_ok=True)
    for row in report.rows:
        if row.file:
            write_whole(out / "feedback" / row.page, feedback(report, row))
    held = items(report)
    write_whole(out / "items.csv", _csv(held))
    write_whole(out / "items.html", items_page(report, held))
    write_whole(out / "log.txt", log(report))
    write_whole(out / "marks.csv", marks_csv(report))


def marks_csv(report: Report) -> str:
    """A row a student. Everything is quoted; a cell that a spreadsheet would take for a formula starts with a '."""
    ids = [exercise.id for exercise in report.exercises]
    table = [["id", "lms id", "name", "status", "late", *ids, "total", "out of", "feedback", "file"]]
    for row in report.rows:
        points = {mark.exercise: f"{mark.points:g}" for mark in row.marks}
        page = f"feedback/{row.page}" if row.file else ""
        table.append(
            [row.id, row.lms_id, row.name, row.status, "late" if row.late else "", *(points.get(id, "0") for id in ids),
             f"{row.total:g}", f"{report.points:g}", page, row.file]
        )  # fmt: skip
    return _csv(table)


def _csv(table: Iterable[Iterable[str]]) -> str:
    file = io.StringIO()
    writer = csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows([[harmless(str(cell)) for cell in row] for row in table])
    return file.getvalue()


def harmless(cell: str) -> str:
    """A cell that no spreadsheet runs: numbers stay, formulas become text."""
    if re.fullmatch(r"-\d+(\.\d+)?", cell):
        return cell
    cell = re.sub(r"[\0\r\n]+", " ", cell)
    first = unicodedata.normalize("NFKC", cell.lstrip()[:1])  # a wide = is one, too
    return f"'{cell}" if first and first in "=+-@|%" else cell


def feedback(report: Report, row: Row) -> str:
    """A student's page: self-contained, without scripts."""
    who, late = escape(row.name or row.id), " (handed in late)" if row.late else ""
    sum_up = f"<p>{who}: <strong>{row.total:g} of {report.points:g} points</strong>{late}</p>"
    parts = [f"<h1>Sheet {report.sheet}</h1>", sum_up]
    if row.problem:
        problem = escape(row.problem[:1].upper() + row.problem[1:])
        parts.append(
            f"<section class='wrong'><h2>This file could not be graded</h2><p>{problem}. Open the sheet in Jupyter, "
            "save it there, and hand in the file that ends in .ipynb.</p></section>"
        )
    for mark in row.marks:
        look = {"right": "right", "not answered": "open"}.get(mark.verdict, "wrong")
        parts.append(f'<section class="{look}">{_paragraphs(mark.message)}</section>')
    cells = [note for note in row.notes if note.startswith("code cell ")]
    if cells:
        lines = "".join(f"<li>{escape(note)}</li>" for note in cells[:SHOWN])
        parts.append(f"<h2>When your notebook ran</h2><ul>{lines}</ul>")
    if row.marks:
        parts.append(
            "<p>Credit goes by case: an exercise that is right in some of its cases gets that share of its points. The "
            "cases are others than those in the notebook. Questions to be answered in words are not in this sum.</p>"
        )
    parts.append(f"<p>Graded from <code>{escape(row.file)}</code></p>")
    return _page(f"Sheet {report.sheet}: {row.name or row.id}", parts)


def _paragraphs(message: str) -> str:
    """A verdict's message as HTML: a heading, paragraphs, and the lines that start with four spaces as code."""
    heading, *lines = message.splitlines()
    parts, code = [f"<h2>{escape(heading)}</h2>"], []
    for line in [*lines, ""]:
        if line.startswith("    "):
            code.append(escape(line[4:]))
            continue
        if code:
            parts.append(f"<pre>{chr(10).join(code)}</pre>")
            code = []
        if line:
            pieces = escape(line).split("`")
            marked = [f"<code>{piece}</code>" if k % 2 else piece for k, piece in enumerate(pieces)]
            parts.append(f"<p>{''.join(marked)}</p>")
    return "".join(parts)


def _page(title: str, parts: list[str]) -> str:
    head = f'<meta charset="utf-8">{SAFE}<meta name="viewport" content="width=device-width">'
    head += f"<title>{escape(title)}</title><style>{STYLE}</style>"
    body = "\n".join(parts)
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>\n{body}\n</body></html>\n'


def items(report: Report) -> list[list[str]]:
    """The item table: a header, and a row for each exercise and then for each misconception that someone holds."""
    graded = [row for row in report.rows if row.marks]
    table = [["exercise", "title", "kind", "students", "mean share of points", "all right", "right in some cases",
              "wrong", "not answered", "discrimination"]]  # fmt: skip
    held = []
    for k, exercise in enumerate(report.exercises):
        marks = [row.marks[k] for row in graded]
        counts = [sum(mark.verdict in verdicts for mark in marks) for verdicts, *_ in OUTCOMES]
        mean = f"{statistics.fmean(mark.points / exercise.points for mark in marks):.2f}" if marks else ""
        table.append([exercise.id, exercise.title, "exercise", str(len(marks)), mean, *map(str, counts),
                      discrimination(graded, k)])  # fmt: skip
        names = Counter(mark.misconception for mark in marks if mark.misconception)
        for name, count in sorted(names.items(), key=lambda pair: (-pair[1], pair[0])):
            held.append([exercise.id, name, "misconception", str(count), f"{count / len(marks):.2f}", *[""] * 5])
    return table + held


def discrimination(graded: list[Row], k: int) -> str:
    """The correlation of an exercise's points with the points for all the others (the item-rest correlation).

    Empty for a class of fewer than ten, and where all got the same.
    """
    if len(graded) < FEWEST:
        return ""
    own = [row.marks[k].points for row in graded]
    rest = [sum(mark.points for mark in row.marks) - row.marks[k].points for row in graded]
    try:
        return f"{statistics.correlation(own, rest):.2f}"
    except statistics.StatisticsError:
        return ""


def items_page(report: Report, table: list[list[str]]) -> str:
    """The item report as a page: how each exercise went, and which misconceptions the class holds."""
    exercises = [row for row in table[1:] if row[2] == "exercise"]
    held = [row for row in table[1:] if row[2] == "misconception"]
    graded = sum(bool(row.marks) for row in report.rows)
    statuses = Counter(row.status for row in report.rows)
    parts = [
        f"<h1>Sheet {report.sheet}: how the exercises went</h1>",
        f"<p>{graded} graded of {len(report.rows)} students: "
        + "; ".join(f"{count} {escape(status)}" for status, count in sorted(statuses.items())) + ".</p>",
    ]  # fmt: skip
    if not graded:
        return _page(f"Sheet {report.sheet}: items", parts)
    totals = [row.total for row in report.rows if row.marks]
    mean, median = statistics.fmean(totals), statistics.median(totals)
    parts.append(f"<p>Points: mean {mean:.1f}, median {median:.1f} of {report.points:g}.</p>")
    parts += [_outcome_picture(exercises, graded), '<table><tr><th colspan="2">exercise</th>']
    parts += [*(f'<th class="n">{escape(name)}</th>' for name in table[0][4:]), "</tr>"]
    for row in exercises:
        cells = "".join(f'<td class="n">{escape(cell) or "–"}</td>' for cell in row[4:])
        parts.append(f"<tr><td>{escape(row[0])}</td><td>{escape(row[1])}</td>{cells}</tr>")
    parts.append(
        "</table><p><strong>Mean share of points</strong> is the difficulty: near 1 is easy. "
        "<strong>Discrimination</strong> is the correlation of an exercise's points with the points for all the "
        "others: below about 0.2 the exercise asks for something else than the rest of the sheet, or is solved by all "
        f"or by none. It is left out for fewer than {FEWEST} students.</p><h1>Misconceptions held</h1>"
    )
    if not held:
        parts.append("<p>None of those that the exercises recognise.</p>")
        return _page(f"Sheet {report.sheet}: items", parts)
    parts.append(_misconception_picture(held))
    hints = {(e.id, m.name): m.hint for e in report.exercises for m in e.misconceptions}
    head = '<th>exercise</th><th>misconception</th><th class="n">students</th><th>hint given</th>'
    parts.append(f"<table><tr>{head}</tr>")
    for id, name, _, count, *_ in held:
        hint = escape(hints.get((id, name), ""))
        parts.append(f'<tr><td>{id}</td><td>{escape(name)}</td><td class="n">{count}</td><td>{hint}</td></tr>')
    return _page(f"Sheet {report.sheet}: items", [*parts, "</table>"])


def _outcome_picture(exercises: list[list[str]], graded: int) -> str:
    marks, along = [], svg.Scale(0, graded, 60, 660)
    for k, row in enumerate(exercises):
        y, done = 34 + 30 * k, 0
        marks.append(svg.text(52, y + 15, row[0], anchor="end"))
        for count, (_, _, colour, opacity) in zip(map(int, row[5:9]), OUTCOMES, strict=True):
            if count:
                marks.append(svg.bar(along(done), y, along(done + count) - along(done) - 1, 20, colour, opacity))
                marks.append(svg.text(along(done + count / 2), y + 15, str(count), anchor="middle", size=11))
            done += count
    for k, (_, words, colour, opacity) in enumerate(OUTCOMES):
        marks += [svg.bar(60 + 155 * k, 8, 12, 12, colour, opacity), svg.text(78 + 155 * k, 18, words)]
    told = "; ".join(f"{row[0]}: {row[5]} right, {row[6]} in some cases, {row[7]} wrong, {row[8]} not answered"
                     for row in exercises)  # fmt: skip
    return svg.picture(700, 44 + 30 * len(exercises), f"Students by exercise. {told}.", *marks)


def _misconception_picture(held: list[list[str]]) -> str:
    shown = sorted(held, key=lambda row: -int(row[3]))[:12]
    along = svg.Scale(0, max(int(row[3]) for row in shown), 330, 640)
    marks = []
    for k, (id, name, _, count, *_) in enumerate(shown):
        y = 6 + 26 * k
        words = name if len(name) <= 46 else f"{name[:45]}…"
        marks.append(svg.text(322, y + 14, f"{id} {words}", anchor="end"))
        marks.append(svg.bar(330, y, along(int(count)) - 330, 18, svg.VERMILLION, 0.75))
        marks.append(svg.text(along(int(count)) + 6, y + 14, count))
    told = "; ".join(f"{id} {name}: {count}" for id, name, _, count, *_ in shown)
    return svg.picture(700, 12 + 26 * len(shown), f"The misconceptions most held. {told}.", *marks)


def log(report: Report) -> str:
    """What was graded, how, and everything that was out of the ordinary, in plain words."""
    most = report.limits
    lines = [
        f"Sheet {report.sheet}, {len(report.rows)} students.",
        report.isolation,
        f"Limits: {most.seconds:g} s of processor time for an exercise or a cell, {most.memory:,} MB of memory, "
        f"{most.processes} processes, {most.scratch} MB of files.",
        "Credit: points times the share of cases that are right, rounded down to a tenth.",
        "Of several files of one student the newest counts: by the LMS's number, then by the number that a copy has in "
        "its name, then by time.",
        "",
    ]
    for row in report.rows:
        file = f"; {row.file}" if row.file else ""
        lines.append(f"{row.id} ({row.name}): {row.status}, {row.total:g} of {report.points:g}{file}")
        lines += [f"    {note}" for note in [*([row.problem] if row.problem else []), *row.notes]]
    if report.other:
        lines += ["", "Not graded:", *(f"    {line}" for line in report.other)]
    return "".join(f"{one_line(line)}\n" for line in lines)


def one_line(text: str) -> str:
    """Text that any terminal can show: without control characters, and bytes of a name that are no text as escapes."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f]+", " ", text).encode(errors="backslashreplace").decode()
