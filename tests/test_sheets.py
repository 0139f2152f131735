"""Every problem sheet: its exercises recognise what they claim to, and its prose says what its data says.

`pytest tests/test_sheets.py -s -k table` prints the mutation score.
"""

import ast
import inspect
import math
import re
from pathlib import Path

import pytest

from effnet_course import checking
from effnet_course.checking import check, judge, run
from effnet_course.exercises import sheet, sheets

SOURCES = {path.name[:2]: path for path in sorted((Path(__file__).parents[1] / "source/sheets").glob("*.py"))}
SEEDS = (0, 1, 20)
SOURCES["00"] = Path(__file__).parents[1] / "source/lessons/00_start_here.py"  # its one exercise stands in the lesson
SHEETS = [number for number in sheets() if number != "00"]
EXERCISES = [exercise for number in sheets() for exercise in sheet(number)]
MUTANTS = [(exercise, misconception) for exercise in EXERCISES for misconception in exercise.misconceptions]


def _name(value):
    return getattr(value, "id", None) or getattr(value, "name", None)


@pytest.fixture(autouse=True)
def _own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("EFFNET_HOME", str(tmp_path))
    monkeypatch.delenv("NBGRADER_EXECUTION", raising=False)


def _verdict(exercise, answer, seed=0):
    cases = exercise.cases(seed)
    return judge(exercise, cases, run(answer, cases))


def _cells(number):
    """(kind, text) of a sheet's cells, header left out."""
    found = []
    for piece in re.split(r"(?m)^# %%", SOURCES[number].read_text())[1:]:
        first, _, text = piece.partition("\n")
        kind = "markdown" if "[markdown]" in first else "code"
        if kind == "markdown":
            text = "\n".join(line.removeprefix("#").removeprefix(" ") for line in text.splitlines())
        found.append((kind, text.strip()))
    return found


def _released(text):
    """A code cell as the student gets it."""
    stub = 'raise NotImplementedError("Your turn: replace this line.")'
    return re.sub(r"(?ms)^( *)### BEGIN SOLUTION$.*?### END SOLUTION$", rf"\1{stub}", text)


def _defined(number, released):
    """What the sheet's functions are when its cells (but for the checks) have run."""
    names = {}
    for kind, text in _cells(number):
        if kind == "code" and not text.startswith("check("):
            exec(compile(_released(text) if released else text, f"sheet {number}", "exec"), names)
    return names


def _prose(exercise):
    """The markdown cell that sets an exercise."""
    [text] = [text for _, text in _cells(exercise.id[:2]) if text.startswith(f"## {exercise.id} ·")]
    return text


def test_every_sheet_has_a_source_and_every_source_its_exercises():
    assert sheets() and set(sheets()) == set(SOURCES)


@pytest.mark.parametrize("exercise, misconception", MUTANTS, ids=_name)
def test_each_misconception_is_rejected_with_its_own_hint(exercise, misconception):
    for seed in SEEDS:
        verdict = _verdict(exercise, misconception.answer, seed)
        assert not verdict.passed and verdict.points == 0
        assert verdict.misconception == misconception.name, f"seed {seed}: {verdict.message}"
        assert misconception.hint in verdict.message


@pytest.mark.parametrize("exercise", EXERCISES, ids=_name)
def test_other_right_answers_pass_and_there_are_at_least_two(exercise):
    assert len(exercise.other_answers) >= 2
    for answer in (exercise.reference, *exercise.other_answers):
        for seed in SEEDS:
            verdict = _verdict(exercise, answer, seed)
            assert verdict.passed and verdict.points == exercise.points, verdict.message


@pytest.mark.parametrize("exercise", EXERCISES, ids=_name)
def test_no_hint_holds_a_formula(exercise):
    for hint in (*exercise.hints, *(misconception.hint for misconception in exercise.misconceptions)):
        assert not re.search(r"[*^²/=]|return ", hint), hint


@pytest.mark.parametrize("exercise", EXERCISES, ids=_name)
def test_cases_are_plain_data_repeatable_and_start_small(exercise):
    cases = exercise.cases(0)
    assert cases == exercise.cases(0) != exercise.cases(1)
    parameters = list(inspect.signature(exercise.reference).parameters)
    assert all(list(case) == parameters for case in cases)
    assert all(
        checking.plain(value) == value and type(checking.plain(value)) is type(value)
        for case in cases
        for value in case.values()
    )
    sizes = [math.prod(value for value in case.values() if type(value) is int) for case in cases]
    assert sizes[0] == min(sizes)


@pytest.mark.parametrize("exercise", EXERCISES, ids=_name)
def test_the_prose_agrees_with_the_data(exercise):
    text = _prose(exercise)
    points = f"{exercise.points:g} point" + ("" if exercise.points == 1 else "s")
    heading = f"## {exercise.id} · {exercise.title}"
    assert text.startswith(f"{heading}\n*{exercise.minutes} minutes · {exercise.difficulty} · {points}*")


@pytest.mark.parametrize("exercise", EXERCISES, ids=_name)
def test_the_worked_number_is_the_reference_s(exercise):
    text = " ".join(_prose(exercise).split())
    [(call, printed)] = re.findall(rf"`{exercise.function}(\([^`]*\))` is `([^`]+)`", text)
    inside = call[1:-1].strip()
    results = _numbers_in(exercise.reference(*(ast.literal_eval(f"({inside},)") if inside else ())))
    numbers = re.sub(r"[()\[\]\"]", "", printed).split(", ")
    assert len(numbers) == len(results)
    for number, value in zip(numbers, results, strict=True):
        decimals = len(number.partition(".")[2])
        assert number == (str(value) if isinstance(value, (bool, str)) else f"{value:,.{decimals}f}")


def _numbers_in(result):
    """The numbers of a result, one after the other: a tuple's, an array's, or the one it is."""
    result = checking.plain(result)
    result = result.tolist() if hasattr(result, "tolist") else result
    return [n for part in result for n in _numbers_in(part)] if isinstance(result, (list, tuple)) else [result]


@pytest.mark.parametrize("number", SHEETS)
def test_the_totals_at_the_top_are_the_sums(number):
    opening = _cells(number)[0][1]
    blocks = [text for _, text in _cells(number) if text.startswith("## ")]
    marks = [re.search(r"\*(\d+) minutes · \w+ · (\d+) points?\*", text) for text in blocks]
    assert all(marks)
    minutes, points = (sum(int(mark[group]) for mark in marks) for group in (1, 2))
    assert f"{minutes} minutes, {points} points" in " ".join(opening.split())
    assert f"minutes: {minutes}," in SOURCES[number].read_text().partition("# %%")[0]
    assert any("in words" in text[:60].casefold() for text in blocks), "one question to be answered in words"


@pytest.mark.parametrize("number", SHEETS)
def test_the_sheet_sets_its_exercises_in_order_each_with_one_check(number):
    checks = [text for kind, text in _cells(number) if kind == "code" and "check(" in text.splitlines()[0]]
    assert checks == [f'check("{exercise.id}", {exercise.function})' for exercise in sheet(number)]


@pytest.mark.parametrize("number", SHEETS)
def test_the_solved_sheet_passes_and_the_released_one_is_not_answered(number, capsys):
    solved, released = _defined(number, released=False), _defined(number, released=True)
    for exercise in sheet(number):
        assert check(exercise.id, solved[exercise.function]).passed
        assert inspect.signature(solved[exercise.function]) == inspect.signature(exercise.reference)
        capsys.readouterr()
        verdict = check(exercise.id, released[exercise.function])
        assert not verdict.passed and capsys.readouterr().out.startswith("Not answered")


@pytest.mark.parametrize("number", SHEETS)
def test_what_a_student_writes_is_two_to_ten_lines(number):
    for text in (text for kind, text in _cells(number) if kind == "code"):
        for body in re.findall(r"(?ms)### BEGIN SOLUTION$(.*?)### END SOLUTION$", text):
            lines = [line for line in body.splitlines() if line.strip() and not line.strip().startswith("#")]
            assert 2 <= len(lines) <= 10


def test_mutation_table():
    rows = [f"{'exercise':42} {'mistakes named':>15} {'right answers accepted':>23}"]
    for exercise in EXERCISES:
        named = sum(_verdict(exercise, m.answer).misconception == m.name for m in exercise.misconceptions)
        answers = (exercise.reference, *exercise.other_answers)
        accepted = sum(_verdict(exercise, answer).passed for answer in answers)
        assert len(exercise.misconceptions) >= 4
        rows.append(
            f"{exercise.id} {exercise.title:37} {f'{named} of {len(exercise.misconceptions)}':>15} "
            f"{f'{accepted} of {len(answers)}':>23}"
        )
    print("\n" + "\n".join(rows))


@pytest.mark.parametrize("case", sheet("01")[1].cases(5), ids=str)
def test_sheet_01_counts_what_torch_builds(case):
    torch = pytest.importorskip("torch")
    from torch.utils.flop_counter import FlopCounterMode

    height, width, bias = case["height"], case["width"], case["bias"]
    order = ("in_channels", "out_channels", "kernel", "stride", "padding")
    sizes = [case[name] for name in order]
    layer = torch.nn.Conv2d(*sizes, groups=case["groups"], bias=bias, device="meta")
    with FlopCounterMode(display=False) as counter:
        layer(torch.empty(1, case["in_channels"], height, width, device="meta"))
    without_bias = {name: value for name, value in case.items() if name != "bias"}
    assert sheet("01")[0].reference(**without_bias) == counter.get_total_flops() / 2
    assert sheet("01")[1].reference(**case) == sum(weights.numel() for weights in layer.parameters())
