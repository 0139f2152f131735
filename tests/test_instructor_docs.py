"""What instructors are told is so: numbers, links, and which exercise trains what."""

import math
import re
from pathlib import Path

import pytest

from effnet_course import arch, cli, cost
from effnet_course.exercises import sheet, sheets

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
NAMES = {"arch": arch, "cost": cost, "math": math, "round": round, "field": sheet("05")[0].reference}
STATED = re.compile(r"`([^`]+)` = (-?[\d,]*\d(?:\.\d+)?)")


def stated():
    for name in ("diagnostic", "final-test"):
        for expression, number in STATED.findall((DOCS / f"{name}.md").read_text()):
            yield pytest.param(expression, number, id=f"{name}: {expression}")


@pytest.mark.parametrize(("expression", "number"), list(stated()))
def test_a_number_in_the_tests_is_what_its_expression_gives(expression, number):
    decimals = len(number.partition(".")[2])
    assert f"{eval(expression, {'__builtins__': {}, **NAMES}):,.{decimals}f}" == number


@pytest.mark.parametrize(("name", "count"), [("diagnostic", 12), ("final-test", 15)])
def test_every_question_has_an_answer(name, count):
    text = (DOCS / f"{name}.md").read_text()
    questions, answers = text.split("## Answers")
    assert [int(n) for n in re.findall(r"(?m)^(\d+)\. ", questions)] == list(range(1, count + 1))
    assert [int(n) for n in re.findall(r"(?m)^\| (\d+) \|", answers)] == list(range(1, count + 1))
    assert len(STATED.findall(text)) >= count


GUIDE = (DOCS / "instructors.md").read_text()
LESSONS = {path.name[:2]: path.read_text() for path in sorted((ROOT / "source/lessons").glob("*.py"))}
SHEETS = {path.name[:2]: path.read_text() for path in sorted((ROOT / "source/sheets").glob("*.py"))}


def minutes(source):
    return int(re.search(r"minutes: (\d+)", source)[1])


def test_the_numbers_of_the_guide_are_computed_too():
    for expression, number in STATED.findall(GUIDE):
        decimals = len(number.partition(".")[2])
        assert f"{eval(expression, {'__builtins__': {}, **NAMES}):,.{decimals}f}" == number


def test_the_guide_is_short():
    prose = [line for line in GUIDE.splitlines() if not line.startswith("|")]
    assert len(" ".join(prose).split()) < 2500


def test_the_hours_of_the_timetables_are_those_that_the_notebooks_declare():
    rows = re.findall(r"(?m)^\| \d+ \| ([\d, ]+) \| ([\d, ]*) ?\| ([\d.]*) ?\|", GUIDE)
    assert len(rows) == 14 + 10 + 6
    for lessons, worked, hours in rows:
        lessons, worked = lessons.split(", "), [number for number in worked.strip().split(", ") if number]
        if hours:
            total = sum(minutes(LESSONS[n]) for n in lessons) + sum(minutes(SHEETS[n]) for n in worked)
            assert f"{total / 60:.1f}" == hours, (lessons, worked)
    assert [number for lessons, _, _ in rows[:14] for number in lessons.split(", ")] == [f"{n:02}" for n in range(14)]


def test_what_the_guide_says_of_sheets_is_so():
    points = [sum(exercise.points for exercise in sheet(number)) + 4 for number in SHEETS]
    for text, low, high in (("minutes", *_ends(map(minutes, SHEETS.values()))), ("points", *_ends(points))):
        assert f"{low} to {high} {text}" in GUIDE


def test_what_the_guide_says_of_variants_is_so():
    varying = {exercise.id: exercise for number in sheets() for exercise in sheet(number) if exercise.varies}
    [said] = re.findall(r"\*\*Variants\.\*\*(.*)", GUIDE)
    assert re.findall(r"\d\d\.\d", said) == list(varying)
    counts = {len(exercise.varies.values) for exercise in varying.values()}
    assert counts == {5} and "there are five for each of these exercises" in GUIDE


def _ends(numbers):
    numbers = list(numbers)
    return min(numbers), max(numbers)


@pytest.mark.parametrize("number", LESSONS)
def test_every_lesson_has_notes(number):
    assert re.search(rf"(?m)^\*\*{number}\.\*\* \S", GUIDE)


@pytest.mark.parametrize("number", SHEETS)
def test_every_question_in_words_has_a_rubric_with_an_answer_at_each_mark(number):
    assert f"[{number}](rubrics/{number}.md)" in GUIDE
    rubric = (DOCS / f"rubrics/{number}.md").read_text()
    marks = re.findall(r"(?m)^\*\*(\d) points?\.\*\*", rubric)
    assert marks == ["4", "3", "2", "1", "0"]
    asked = re.search(r"(?s)\n\n\*(?!\*)(.*?)\*\n\n", rubric)[1]
    words = SHEETS[number].partition("# ## In words")[2]
    number_ = re.compile(r"\d[\d,]*\d(?:\.\d+)?|\d")
    assert set(number_.findall(asked)) <= set(number_.findall(words)), "the rubric is of the sheet's own question"


def sections(text):
    """From a lesson's section of the map to its rows: objective, exercises, mistake."""
    for part in re.split(r"(?m)^## ", text)[1:]:
        title, _, table = part.partition("\n")
        rows = [row.strip("|").split(" | ") for row in table.splitlines() if row.startswith("| ")][1:]
        yield title, [[cell.strip() for cell in row] for row in rows]


def test_the_map_has_every_objective_and_every_exercise_by_its_title():
    titles = {}
    for title, rows in sections((DOCS / "objectives.md").read_text()):
        number = titles[title] = title[:2]
        lesson = LESSONS[number]
        assert f"# # {title}" in lesson
        promised = re.search(r"(?s)\*\*You will be able to\*\*(.*?)\*\*You need", lesson)[1]
        promised = [" ".join(p.replace("\n#", " ").split()).rstrip(";.") for p in promised.split("\n# - ")[1:]]
        assert [row[0] for row in rows] == [text.removesuffix(" #") for text in promised]
        there = sheet(number) if number in sheets() else ()
        exercises = {f"{exercise.id} {exercise.title}": exercise for exercise in there}
        named = set()
        for _, listed, mistake, *_ in rows:
            here = [name for name in exercises if name in listed]
            assert "; ".join(here) == listed, listed
            named |= set(here)
            mistakes = {misconception.name for name in here for misconception in exercises[name].misconceptions}
            assert not mistake or mistake.strip("*") in mistakes, mistake
        assert named == set(exercises), f"not in the map: {set(exercises) - named}"
    assert list(titles.values()) == list(LESSONS), "a section for each lesson"


def anchor(heading):
    return re.sub(r"[^\w -]", "", heading.strip().casefold()).replace(" ", "-")


@pytest.mark.parametrize("name", ["instructors", "exercises", "diagnostic", "final-test", "objectives"])
def test_every_link_leads_somewhere(name):
    links = re.findall(r"\]\(([^)\s]+)\)", (DOCS / f"{name}.md").read_text())
    for link in links:
        file, _, place = link.partition("#")
        target = DOCS / file if file else DOCS / f"{name}.md"
        assert target.exists(), link
        headings = re.findall(r"(?m)^#+ (.*)$", target.read_text()) if place else []
        assert not place or place in map(anchor, headings), link


def test_nothing_leads_to_the_guide_s_old_name():
    texts = [*DOCS.rglob("*.md"), *ROOT.glob("*.md"), *(ROOT / "effnet_course").rglob("*.py")]
    assert not [path.name for path in texts if "instructor.md" in path.read_text()]


def test_the_sections_that_are_named_are_there():
    named = 0
    for name in ("instructors", "diagnostic", "final-test"):
        text = " ".join((DOCS / f"{name}.md").read_text().split())
        for number, section in re.findall(r'[Ll]esson (\d\d), "([^"]+)"', text):
            assert f"\n# ## {section.rstrip(',.')}\n" in LESSONS[number], section
            named += 1
    assert named >= 8


def test_the_commands_that_are_shown_are_there(capsys):
    shown = re.findall(r"effnet-course (grade|variant|release|doctor)([^`\n]*)", GUIDE)
    assert {verb for verb, _ in shown} == {"grade", "variant", "release", "doctor"}
    for verb, rest in shown:
        with pytest.raises(SystemExit):
            cli.main([verb, "--help"])
        known = capsys.readouterr().out
        assert all(option in known for option in re.findall(r"--[a-z-]+", rest)), (verb, rest)
