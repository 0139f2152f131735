"""The exercise engine: what it accepts, what it says, and what it never does."""

import ast
import dataclasses
import fractions
import html
import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy
import pytest

from effnet_course import checking
from effnet_course.checking import (
    Exercise,
    Foreign,
    Misconception,
    Raised,
    agree,
    check,
    hint,
    judge,
    plain,
    run,
)
from effnet_course.exercises import sheet

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("EFFNET_HOME", str(tmp_path))
    monkeypatch.delenv("NBGRADER_EXECUTION", raising=False)
    return tmp_path


def area(height: int, width: int, stride: int) -> int:
    return (height // stride) * (width // stride)


def area_cases(seed):
    return [
        dict(height=h, width=w, stride=s)
        for h, w, s in [
            (2, 3, 1),
            (2, 5, 2),
            (4, 6, 1),
            (6, 9, 3),
            (8, 12, 2),
            (9, 15, 1),
            (20, 31, 2),
            (24, 36, 3 + seed % 2),
        ]
    ]


AREA = Exercise(
    id="99.1",
    title="How many stops?",
    points=2,
    minutes=5,
    difficulty="easy",
    reference=area,
    cases=area_cases,
    misconceptions=(
        Misconception(
            "stride ignored", lambda height, width, stride: height * width, "By yours stride is idle."
        ),
        Misconception("stride ignored too", lambda height, width, stride: width * height, "Never shown."),
        Misconception("fails", lambda height, width, stride: 1 // 0, "It always divides by nothing."),
    ),
    other_answers=(),
    hints=("First.", "Second."),
    remark="Remember this.",
)


def halves(size: float, share: float) -> tuple[float, float]:
    return size * share, size / share


HALVES = dataclasses.replace(
    AREA,
    reference=halves,
    misconceptions=(),
    returns=("product", "quotient"),
    cases=lambda seed: [dict(size=float(k), share=k / (7 + k)) for k in range(1, 9)],
)


def verdict(answer, exercise=AREA):
    cases = exercise.cases(0)
    return judge(exercise, cases, run(answer, cases))


# Right answers that were not foreseen


@pytest.mark.parametrize(
    "convert",
    [float, fractions.Fraction, numpy.int64, numpy.float64, numpy.array, lambda n: n + 1e-10],
    ids=range(6),
)
def test_a_right_number_passes_whatever_its_type(convert):
    assert verdict(lambda height, width, stride: convert(area(height, width, stride))).passed


def test_torch_scalars_and_tensors_pass():
    torch = pytest.importorskip("torch")
    assert verdict(lambda height, width, stride: torch.tensor(area(height, width, stride))).passed
    assert verdict(lambda size, share: torch.tensor(halves(size, share), dtype=torch.float64), HALVES).passed
    assert (
        verdict(lambda size, share: torch.tensor(size * share, requires_grad=True).repeat(2), HALVES).passed
        is False
    )


@pytest.mark.parametrize(
    "kind", [list, numpy.array, lambda pair: (numpy.float64(pair[0]), numpy.array(pair[1]))]
)
def test_a_list_or_an_array_passes_for_a_tuple(kind):
    assert verdict(lambda size, share: kind(halves(size, share)), HALVES).passed


def test_parameters_are_matched_by_name_and_otherwise_in_order():
    def by_keyword(*, stride, width, height):
        return area(height, width, stride)

    def reordered(stride, height, width):
        return area(height, width, stride)

    def renamed(rows, columns, step):
        return area(rows, columns, step)

    def all_at_once(*sizes):
        return area(*sizes)

    def by_keywords(**sizes):
        return area(**sizes)

    def positional_only(height, width, stride, /):
        return area(height, width, stride)

    def with_extras(height, width, stride, dilation=1):
        return area(height, width, stride)

    for answer in (by_keyword, reordered, renamed, all_at_once, by_keywords, positional_only, with_extras):
        assert verdict(answer).passed, answer.__name__


@pytest.mark.parametrize("expected, got, same", [
    (1, True, False), (True, 1, False), (True, True, True), (3, 3.0, True), (3.0, 3, True), (3, 3.001, False),
    (10**9, 10**9 + 1, False), (10**9, 10**9 + 0.5, False), (2.0, 2.0000001, True), (2.0, 2.001, False),
    (1e-9, 1.1e-9, False), (0.0, 1e-15, True), (math.inf, math.inf, True), (math.inf, 1e308, False),
    (math.nan, math.nan, True), (1.0, math.nan, False), ("conv", " Conv ", True), ("conv", "pool", False),
    (None, None, True), (None, 0, False), (0, None, False), ((1, 2), [1, 2], True), ((1, 2), (1,), False),
    ([1, [2, 3]], (1, (2, 3)), True), ({"a": 1}, {"a": 1.0}, True), ({"a": 1}, {"b": 1}, False),
    (1.0, "1.0", False), (numpy.ones((2, 2)), numpy.ones((2, 2), int), True), (1.0, numpy.ones(1), False),
    (numpy.ones((2, 2)), numpy.ones(4), False), (numpy.ones(2), [1, 1 + 1e-9], True),
    ((1e-9, 1.0), numpy.array([1.1e-9, 1.0]), False),
    (numpy.array([1, 2]), [1.0, 2.0], True), (numpy.array([1, 2]), [1, 2.1], False), (2.0, 10**400, False),
    (numpy.ones(2), Foreign("a set"), False), (1, Raised("ValueError", "no"), False),
])  # fmt: skip
def test_agreement(expected, got, same):
    assert agree(plain(expected), plain(got)) is same


@pytest.mark.parametrize("expected, got, same", [
    ([1, 0, 1], [True, False, True], True), ([1, 0], numpy.array([True, False]), True),
    ([1, 0], [numpy.True_, numpy.False_], True), ([1, 0], [True, True], False), ([1, 0, 1], [True, False], False),
    ([1, 2], [True, True], False), ([1, 0], [True, 0], False), ([True, False], [1, 0], False), ([1.0], [True], False),
])  # fmt: skip
def test_a_mask_may_be_made_of_truth_values(expected, got, same):
    assert agree(plain(expected), plain(got)) is same


@pytest.mark.parametrize("expected, got, same", [
    (2.8e-17, 1.5e-8, True), (0.0, -1.5e-8, True), (0.4881, 0.4882, False), (3, 3.00005, False),
    ([0.0, 0.5], [1e-8, 0.5], True), (numpy.array([0.0, 0.5]), numpy.array([1e-8, 0.5]), True),
    (numpy.array([0.0, 0.5]), numpy.array([2e-4, 0.5]), False), (numpy.array([3]), [3.00005], False),
])  # fmt: skip
def test_an_exercise_may_allow_an_absolute_error_and_whole_numbers_stay_exact(expected, got, same):
    assert agree(plain(expected), plain(got), absolute=6e-5) is same


# What a wrong answer is told


def test_a_known_mistake_gets_the_first_matching_hint_beside_the_smallest_case_it_fails():
    wrong = verdict(lambda height, width, stride: height * width)
    assert (wrong.passed, wrong.points, wrong.misconception) == (False, 0, "stride ignored")
    assert wrong.message.splitlines() == [
        "Not yet · 99.1 How many stops? · 0 of 2 points",
        "    area(height=2, width=5, stride=2)",
        "    expected  2",
        "    got       10",
        "By yours stride is idle.",
    ]


def test_the_same_answer_always_gets_the_same_words():
    assert len({verdict(lambda height, width, stride: height * width).message for _ in range(3)}) == 1


PATTERNS = {
    "exactly twice what it should be, in every case": lambda h, w, s: 2 * area(h, w, s),
    "exactly half": lambda h, w, s: area(h, w, s) / 2,
    "3.5 times what it should be, in every case": lambda h, w, s: 3.5 * area(h, w, s),
    "too large by 4 in every case": lambda h, w, s: area(h, w, s) + 4,
    "too small by 1 in every case": lambda h, w, s: area(h, w, s) - 1,
    "upside down": lambda h, w, s: 1 / area(h, w, s),
    "the same in every case": lambda h, w, s: 7,
    "In the cases tried, it is right wherever stride is 1, and wrong wherever stride is above 1.": lambda h, w, s: (
        h * w + (s > 1) * h
    ),
    "In the cases tried, it is right wherever stride is 1.\n": lambda h, w, s: area(h, w, s) + (s > 1 and h != 8) * h,
    "gives back None here": lambda h, w, s: area(h, w, s) if s < 2 else None,
    "The answer is a number; your function returns a tuple": lambda h, w, s: (h // s, w // s),
    "The answer is a number; your function returns a list": lambda h, w, s: [area(h, w, s)],
    "The answer is a number; your function returns text": lambda h, w, s: str(area(h, w, s)),
    "The answer is a number; your function returns True or False": lambda h, w, s: area(h, w, s) > 3,
    "The answer is a number; your function returns an array of shape (2,)": lambda h, w, s: numpy.ones(2),
    "The answer is a number; your function returns a set": lambda h, w, s: {h, w},
    "a number of more than 300 digits": lambda h, w, s: 10**400 + h,
    "not a number (nan)": lambda h, w, s: math.nan,
    "infinite here, and the right answer is not": lambda h, w, s: math.inf,
    "it is right wherever stride is 1, and wrong": lambda h, w, s: (
        area(h, w, s) if s < 2 else h * w if h < 8 else math.inf
    ),
    "is not a whole number in every case": lambda h, w, s: h * w / s**2 + h / 7,
}  # fmt: skip


@pytest.mark.parametrize("says", PATTERNS)
def test_a_wrong_answer_that_is_no_known_mistake_is_described(says):
    def answer(height, width, stride):
        return PATTERNS[says](height, width, stride)

    wrong = verdict(answer)
    assert not wrong.passed and wrong.misconception is None
    assert says in wrong.message, wrong.message


@pytest.mark.parametrize("says, answer", [
    ("the right values in the opposite order", lambda size, share: halves(size, share)[::-1]),
    ("Only the second value (quotient) is off; the other is right", lambda size, share: (size * share, size)),
    ("It is exactly twice", lambda size, share: (2 * size * share, size / share)),
    ("The answer is 2 values (product, quotient); your function returns 3", lambda size, share: (1, 2, 3)),
    ("The answer is 2 values (product, quotient); your function returns a number", lambda size, share: size),
    ("the right one, rounded", lambda size, share: (round(size * share, 2), size / share)),
    ("Each of your values is exactly twice", lambda size, share: (2 * size * share, 2 * size / share)),
    ("decimals cut off", lambda size, share: (size * share // 1, size / share)),
])  # fmt: skip
def test_a_wrong_tuple_is_described(says, answer):
    assert says in verdict(answer, HALVES).message


def sides(in_channels: int, out_channels: int, kernel: int) -> tuple[float, float]:
    return in_channels / kernel, math.inf if kernel == 5 else out_channels / kernel


SIDES = dataclasses.replace(
    HALVES,
    reference=sides,
    returns=("in", "out"),
    cases=lambda seed: [
        dict(in_channels=i, out_channels=o, kernel=k)
        for i, o, k in [(2, 2, 3), (3, 4, 3), (4, 4, 4), (3, 5, 2), (5, 5, 5), (4, 6, 4), (7, 7, 2), (5, 9, 3)]
    ],
)


def test_where_one_value_is_right_is_told_of_that_value_and_of_the_cases_tried():
    def answer(in_channels, out_channels, kernel):
        first, second = sides(in_channels, out_channels, kernel)
        return first, second + (in_channels != out_channels) * out_channels**2

    assert (
        "Only the second value (out) is off; the other is right in every case. In the cases tried, it is right "
        "wherever in_channels and out_channels are equal, and wrong wherever in_channels and out_channels differ."
    ) in verdict(answer, SIDES).message


def test_only_parameters_that_belong_together_are_compared():
    def answer(in_channels, out_channels, kernel):
        first, second = sides(in_channels, out_channels, kernel)
        return first + (in_channels != kernel) * out_channels**2, second

    message = verdict(answer, SIDES).message
    assert "Only the first value (in) is off" in message and "equal" not in message


def test_what_is_said_of_infinity_is_true_of_the_case_shown():
    def answer(height, width, stride):
        return area(height, width, stride) + 1 if height < 20 else math.inf

    assert "infinite" not in verdict(answer).message


def test_a_list_of_one_or_of_many_values_is_described():
    one = dataclasses.replace(HALVES, reference=lambda size, share: [size], returns=())
    assert "The answer is a list of one value; your function returns a number." in (
        verdict(lambda size, share: size, one).message
    )
    assert "The answer is a list of one value; your function returns a list of 2." in (
        verdict(lambda size, share: [size, size], one).message
    )
    assert "Your value is exactly twice" in verdict(lambda size, share: [2 * size], one).message
    assert "Only" not in verdict(lambda size, share: [size**2 + 7 * (size > 2)], one).message
    many = dataclasses.replace(HALVES, reference=lambda size, share: [size] * 8, returns=())
    assert "Only value 8 is off" in verdict(lambda size, share: [size] * 7 + [2 * size], many).message


def test_where_nothing_can_be_said_the_case_stands_alone():
    wrong = verdict(lambda height, width, stride: height + (7 * width + stride) ** 2)
    assert len(wrong.message.splitlines()) == 5 and wrong.message.endswith('For a hint: `hint("99.1")`')


def test_numbers_that_look_alike_are_printed_with_enough_digits():
    message = verdict(lambda size, share: (size * share * (1 + 3e-6), size / share), HALVES).message
    expected, got = (line.split()[1] for line in message.splitlines()[2:4])
    assert expected != got


# Answers that break


def test_an_array_of_numbers_and_texts_is_what_it_holds():
    mixed = numpy.array(["width", 2.5, None], dtype=object)
    assert checking.plain(mixed) == ["width", 2.5, None]


def test_an_error_is_told_in_plain_words_with_the_call_and_the_line():
    def answer(height, width, stride):
        return height / (stride - 1)

    message = verdict(answer).message
    assert "    area(height=2, width=3, stride=1)" in message and "expected" not in message
    assert "It divides by zero, in the line `return height / (stride - 1)`." in message
    assert "ZeroDivisionError" in message


def test_errors_elsewhere_are_not_laid_to_the_case_that_is_shown():
    def answer(height, width, stride):
        return 1 if height == 2 else height / 0

    message = verdict(answer).message
    others, there = len(area_cases(0)) - 1, sum(case["height"] != 2 for case in area_cases(0))
    assert "    area(height=2, width=3, stride=1)" in message and "got       1" in message
    assert f"This case is wrong; on {there} of the {others} other cases your function stops with an error." in message
    assert "It divides by zero" in message


def test_an_error_that_the_answer_raises_is_told_without_a_guess_at_its_cause():
    def answer(height, width, stride):
        raise ValueError("too small")

    message = verdict(answer).message
    assert 'It stops, in the line `raise ValueError("too small")`. Python says: ValueError: too small' in message
    assert "It hands over a value" in verdict(lambda height, width, stride: math.sqrt(-1)).message


@pytest.mark.parametrize(
    "error", [KeyError("x"), SystemExit(3), RecursionError(), StopIteration(), ValueError("a\nb")]
)
def test_no_error_of_the_answer_gets_out(error):
    def answer(height, width, stride):
        raise error

    assert type(error).__name__ in verdict(answer).message


def test_ctrl_c_does_get_out():
    def answer(height, width, stride):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        verdict(answer)


@pytest.mark.parametrize("answer", [lambda height, width: 1, lambda: 1, lambda a, b, c, d: 1], ids=range(3))
def test_a_wrong_signature_is_answered_with_the_right_one(answer):
    assert "`area` is called with height, width, stride. Yours takes " in verdict(answer).message


def test_a_result_for_a_function_is_explained():
    assert 'check("99.1", area)' in verdict(12).message


@pytest.mark.parametrize("output", [None, Ellipsis, NotImplementedError])
def test_an_unanswered_exercise_says_so_kindly(output):
    def answer(height, width, stride):
        if output is NotImplementedError:
            raise NotImplementedError("Your turn")
        return output

    for given in (answer, None, ...):
        unanswered = verdict(given)
        assert (
            unanswered.message.startswith("Not answered · 99.1")
            and "error" not in unanswered.message.casefold()
        )
        assert not unanswered.passed and unanswered.points == 0 and unanswered.misconception is None


def test_an_answer_cannot_alter_later_cases():
    def answer(sizes):
        total = sum(sizes)
        sizes.clear()
        return total

    shared = [dict(sizes=[1, 2]), dict(sizes=[3])]
    exercise = dataclasses.replace(
        AREA, reference=lambda sizes: sum(sizes), cases=lambda seed: shared, misconceptions=()
    )
    assert verdict(answer, exercise).passed and shared == [dict(sizes=[1, 2]), dict(sizes=[3])]


def test_a_constant_is_checked_without_showing_it():
    constant = dataclasses.replace(
        AREA,
        reference=lambda: 0.115,
        constant=True,
        cases=lambda seed: [{}],
        misconceptions=(Misconception("a ninth", lambda: 1 / 9, "One term is missing."),),
    )
    assert verdict(0.115, constant).passed and verdict(lambda: 0.115, constant).passed
    for wrong in (0.2, 1 / 9, "0.115", lambda: 3):
        assert (
            "expected" not in verdict(wrong, constant).message
            and "0.115" not in verdict(0.2, constant).message
        )
    assert verdict(1 / 9, constant).misconception == "a ninth"
    assert verdict(None, constant).message.startswith("Not answered")


def test_judging_needs_no_student_code_only_what_json_can_carry():
    cases = AREA.cases(0)
    outputs = json.loads(json.dumps(run(lambda height, width, stride: numpy.int64(height * width), cases)))
    assert judge(AREA, json.loads(json.dumps(cases)), outputs).misconception == "stride ignored"


# check and hint, as a student meets them


def separable_ratio(in_channels, out_channels, kernel, height, width):
    return 1 / out_channels + 1 / kernel**2


def test_a_right_answer_is_told_shown_once_and_noted_once(own_home, capsys):
    for _ in range(2):
        passed = check("01.3", separable_ratio)
    assert passed.passed and passed.points == 3
    assert capsys.readouterr().out.count("Right · 01.3 How much does separating save? · 3 of 3 points") == 2
    [row] = (own_home / "progress.jsonl").read_text().splitlines()
    assert json.loads(row)["exercise"] == "01.3" and json.loads(row)["points"] == 3


def test_a_wrong_answer_is_not_noted(own_home):
    check("01.3", lambda in_channels, out_channels, kernel, height, width: 1 / out_channels)
    assert not (own_home / "progress.jsonl").exists()


def test_a_line_that_a_crash_cut_short_spoils_no_other(own_home):
    (own_home / "progress.jsonl").write_text('{"exercise": "01.1", "po')
    check("01.3", separable_ratio)
    assert json.loads((own_home / "progress.jsonl").read_text().splitlines()[1])["exercise"] == "01.3"


def test_progress_that_cannot_be_written_stops_nothing(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("EFFNET_HOME", str(tmp_path / "file" / "below"))
    assert check("01.3", separable_ratio).passed


def test_an_unknown_exercise_says_which_there_are(capsys):
    assert not check("01.77", separable_ratio).passed
    hint("88.1")
    printed = capsys.readouterr().out
    assert printed.count("01.1, 01.2, 01.3") == 2


def test_an_id_may_be_written_short():
    assert check("1.3", separable_ratio).passed and check(1.3, separable_ratio).passed


def test_hints_come_one_at_a_time(capsys):
    hint("01.3")
    first = capsys.readouterr().out
    assert first.startswith("Hint 1 of 2") and 'hint("01.3", 2)' in first
    hint("01.3", 2)
    assert capsys.readouterr().out.startswith("Hint 2 of 2")
    hint("01.3", 3)
    assert "hints 1 to 2" in capsys.readouterr().out


def test_a_wrong_answer_fails_its_cell_under_nbgrader_and_only_there(monkeypatch):
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    assert check("01.3", separable_ratio).passed
    with pytest.raises(AssertionError, match="Not yet"):
        check("01.3", lambda in_channels, out_channels, kernel, height, width: 0.5)


# Helpers


def test_a_helper_that_answers_the_exercise_is_named(monkeypatch):
    def convolution(in_channels, out_channels, kernel, resolution):
        return SimpleNamespace(macs=resolution**2 * kernel**2 * in_channels * out_channels)

    convolution.__module__, convolution.__qualname__ = "effnet_course.cost", "convolution"
    module = type(sys)("effnet_course.cost")
    module.convolution, module.separable = convolution, None
    monkeypatch.setitem(sys.modules, "effnet_course.cost", module)
    monkeypatch.setattr("effnet_course.cost", module, raising=False)
    used = checking.helpers_used
    ways = {
        "by module": "import effnet_course.cost as c\ndef f(n): return c.convolution(n, n, n, n)",
        "by name": "from effnet_course.cost import convolution as conv\ndef f(n): return conv(n, n, n, n)",
        "inside": "def f(n):\n    from effnet_course.cost import convolution\n    return convolution(n)",
        "nested": "from effnet_course.cost import convolution\ndef f(n): return [convolution(k) for k in n]",
        "by another": "from effnet_course.cost import convolution\ndef g(n): return convolution(n)\n"
                      "def f(n): return g(n)",
        "partial": "import functools\nfrom effnet_course.cost import separable, convolution\n"
                   "f = functools.partial(convolution, 3)",
    }  # fmt: skip
    for how, text in ways.items():
        names = {}
        exec(text, names)
        assert used(names["f"], ("cost",)) == ["cost.convolution"], how
        assert used(names["f"], ("cost.separable", "arch")) == [], how
    assert used(convolution, ("cost.convolution",)) == ["cost.convolution"]
    assert used(separable_ratio, ("cost",)) == [] and used(3, ("cost",)) == []


def test_leaning_on_a_helper_is_said_and_earns_nothing(capsys):
    reference = sheet("01")[2].reference

    def answer(in_channels, out_channels, kernel, height, width):
        return reference(in_channels, out_channels, kernel, height, width)

    told = check("01.3", answer)
    assert not told.passed and told.points == 0
    assert "The numbers are right, but `exercises.s01_convolution_cost.separable_ratio`" in told.message


# Showing


def in_ipython(code, tmp_path):
    """Runs cells in an IPython kernel's shell; returns what each displayed or returned, as mime bundles."""
    driver = f"""
import json, sys
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
shell = InteractiveShell.instance()
shown = []
for cell in {code!r}:
    with capture_output() as captured:
        result = shell.run_cell(cell, store_history=True)
    assert result.success, result
    shown.append(([output.data for output in captured.outputs], captured.stdout))
print(json.dumps(shown))
"""
    folders = {"EFFNET_HOME": str(tmp_path), "IPYTHONDIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    command, environment = [sys.executable, "-c", driver], {**os.environ, **folders}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    return json.loads(done.stdout)


def test_in_a_notebook_a_verdict_is_shown_once_wherever_the_check_stands(tmp_path):
    setup = "from effnet_course.checking import check, hint\ndef f(*a): return a[3] < 0 or '<b>'\nNone"
    cells = [
        setup,
        "check('01.3', f)",
        "check('01.3', f)\nNone",
        "v = check('01.3', f)",
        "v",
        "v\nNone",
        "hint('01.3')",
    ]
    shown = in_ipython(cells, tmp_path)
    assert [len(outputs) for outputs, _ in shown] == [0, 1, 1, 1, 1, 0, 1]
    assert not any(re.sub(r"Out\[\d+\]:", "", printed).strip() for _, printed in shown), "a prompt at most"
    bundle = shown[1][0][0]
    assert bundle["text/plain"].startswith("Not yet · 01.3") and 'role="status"' in bundle["text/html"]
    assert "<strong>Not yet</strong>" in bundle["text/html"] and "&lt;b&gt;" in bundle["text/html"]


def test_the_panel_says_what_the_text_says():
    for answer in (area, lambda height, width, stride: height * width, lambda *a: 1 / 0, None):
        message = verdict(answer).message
        words = re.sub(r"<[^>]*>", " ", checking._html(message))
        assert html.unescape(words).split() == message.replace("`", " ").split()


def test_the_panel_takes_its_colours_from_the_page():
    panel = checking._html(verdict(area).message)
    assert "background:#" not in panel and "color:inherit" in panel


def test_long_lines_are_wrapped_in_text_and_code_is_not():
    text = checking._wrapped("Not yet · 99\n    " + "x" * 120 + "\n" + "word " * 40)
    assert max(map(len, text.splitlines()[2:])) <= 88 and "x" * 120 in text


def test_importing_the_engine_loads_neither_numpy_nor_torch():
    code = (
        "import sys; from effnet_course import exercises, checking; exercises.sheet('01');"
        "print([m for m in ('numpy', 'torch', 'IPython', 'ipywidgets') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.stdout.strip() == "[]"


def test_every_field_of_the_data_is_documented():
    tree = ast.parse(Path(checking.__file__).read_text())
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            for field, after in zip(node.body, [*node.body[1:], None], strict=True):
                if isinstance(field, ast.AnnAssign):
                    assert isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant), (
                        field.target.id
                    )


def test_a_wrong_array_that_fits_no_mistake_is_shown_like_any_wrong_answer():
    def rows(count: int):
        return numpy.arange(count * 3.0).reshape(count, 3)

    exercise = dataclasses.replace(
        AREA, reference=rows, cases=lambda seed: [{"count": n} for n in range(1, 8)], misconceptions=()
    )
    cases = exercise.cases(0)
    verdict = judge(exercise, cases, [rows(n) + (n > 5) for n in range(1, 8)])
    assert not verdict.passed and "count=6" in verdict.message
    assert judge(exercise, cases, [rows(n) for n in range(1, 8)]).passed
