"""The exercise engine: what an exercise is, how an answer is compared, and what a student is told.

`check("01.3", separable_ratio)` runs the function on the exercise's cases (`run`), compares what came back
with the reference (`judge`) and shows the verdict. `judge` never sees the student's code, only plain data:
numbers, strings, lists, tuples, dicts and arrays. So a grader can run the code in one process and judge it in
another.
"""

import copy
import functools
import hashlib
import html
import inspect
import json
import math
import os
import re
import sys
import textwrap
import time
import traceback
import types
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from effnet_course.home import home

Case = dict[str, Any]
ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth")


@dataclass(frozen=True)
class Misconception:
    """A mistake that students make, as a function that makes it."""

    name: str
    """What went wrong, in a few words: for the instructor's report, never shown to the student."""
    answer: Callable[..., Any]
    """The wrong function, with the reference's parameters."""
    hint: str
    """What the student's own answer implies. True of every case it gets wrong; it never states the answer."""


@dataclass(frozen=True)
class Exercise:
    """One exercise of a sheet, as data."""

    id: str
    """Sheet and number, such as "01.3"."""
    title: str
    """A short question or phrase, the heading in the sheet."""
    points: float
    """Points for a right answer."""
    minutes: int
    """What it takes a student who has worked through the lesson."""
    difficulty: str
    """In words: "easy", "moderate" or "hard"."""
    reference: Callable[..., Any]
    """A right answer. Its name and parameters are those that the sheet asks for."""
    cases: Callable[[int], list[Case]]
    """From a seed to inputs: one dict a case, parameter to plain value, smallest first; a seed always gives
    the same cases. An exercise without parameters has the one case {}."""
    misconceptions: tuple[Misconception, ...]
    """The mistakes to recognise. Where two give the same outputs, the first in the list is named."""
    other_answers: tuple[Callable[..., Any], ...]
    """Right answers that get there another way. Used by the tests only."""
    tolerance: float = 1e-6
    """Largest relative error of a number that counts as right. Whole numbers must be exact."""
    absolute: float = 0.0
    """An error that counts as right however small the number: what float32 leaves of a 0, or rounding."""
    returns: tuple[str, ...] = ()
    """What each number of a tuple is, in order, when the answer is a tuple."""
    hints: tuple[str, ...] = ()
    """How to begin, how to go on: shown one at a time by `hint`."""
    helpers: tuple[str, ...] = ()
    """What in the package would answer this outright: a module ("cost") or a name in it
    ("cost.convolution")."""
    remark: str = ""
    """A sentence to take away, shown with a right answer."""
    constant: bool = False
    """The answer is one value that the student has to find: "expected" is then never shown."""
    varies: "Varies | None" = None
    """What the variants of a class set in place of this task, if anything."""

    @property
    def function(self) -> str:
        """The name that a student's function must have."""
        return self.reference.__name__

    @property
    def signature(self) -> str:
        """The first line of a student's function, with its types."""
        return f"def {self.function}{inspect.signature(self.reference)}:"


@dataclass(frozen=True)
class Varies:
    """How the variants of a sheet differ in one exercise: the same question with another value in it."""

    make: Callable[..., Exercise]
    """The exercise for given values; called with none, the published one."""
    values: tuple[dict[str, Any], ...]
    """The values that a variant draws one of, as parameters of `make`. The published ones are not among them."""
    phrases: tuple[tuple[str, str], ...]
    """What the sheet says, its solution included, and what a variant says there, with a {parameter} for a value."""


def varied(exercise: Exercise, key: str) -> Exercise:
    """The exercise as it stands in the variant with this key: itself, where it does not vary.

    Whoever answers the published task instead is recognised, as by any other misconception.
    """
    if exercise.varies is None or not key:
        return exercise
    published = Misconception(
        "answers the published sheet",
        exercise.reference,
        "That is right for the sheet as it was published. This one asks for something else: read the text once more.",
    )
    made = exercise.varies.make(**drawn(exercise, key))
    return replace(made, varies=exercise.varies, misconceptions=(*made.misconceptions, published))


def drawn(exercise: Exercise, key: str) -> dict[str, Any]:
    """The values that the variant with this key sets in an exercise that varies."""
    number = int(hashlib.sha256(f"{key} {exercise.id}".encode()).hexdigest(), 16)
    return exercise.varies.values[number % len(exercise.varies.values)]


@dataclass(frozen=True)
class Raised:
    """Takes the place of an output: the call ended in an error."""

    kind: str
    """The error's type, or "signature" when the function could not be called with the case's parameters, or
    "not a function"."""
    text: str
    """The error's own words."""
    line: str = ""
    """The line of the student's code that raised it, where it is known."""


@dataclass(frozen=True)
class Foreign:
    """Takes the place of an output that is not plain data, such as a function or a module."""

    kind: str
    """What it is, in words."""


@dataclass(frozen=True)
class Verdict:
    """What a check found. The check has shown it already; it is shown again when a later cell asks for it."""

    exercise: str
    """The exercise's id."""
    passed: bool
    """The answer is right in every case."""
    points: float
    """All the exercise's points, or 0."""
    misconception: str | None
    """The name of the misconception that the answer shows, if any."""
    message: str
    """What the student reads: a heading, then paragraphs; lines that start with four spaces are code."""

    def __repr__(self) -> str:
        return f"<{self.message.splitlines()[0]}>"

    def _ipython_display_(self) -> None:
        if _LAST_SHOWN is None or _LAST_SHOWN[0] is not self or _LAST_SHOWN[1] != _execution_count():
            _show(self.message)


def check(id: str, answer: Any) -> Verdict:
    """Compares an answer with an exercise's reference, shows the verdict, and returns it.

    `id` is the exercise's, such as "01.3"; `answer` the student's function (or the value, where an exercise
    asks for a constant). A wrong, broken or missing answer never raises, except when nbgrader grades or validates
    the notebook, where the cell of a wrong answer must fail. A right answer is noted in `progress.jsonl` in the
    student's folder.
    """
    global _LAST_SHOWN
    verdict = _verdict(id, answer)
    _show(verdict.message)
    _LAST_SHOWN = (verdict, _execution_count())
    if verdict.passed:
        _record(verdict)
    elif os.environ.get("NBGRADER_EXECUTION"):
        raise AssertionError(verdict.message)
    return verdict


_VARIANT = ""


def variant(key: str) -> None:
    """Says which variant of the sheet this notebook is; every later check and hint is of that variant.

    The line stands in the sheets that `effnet-course variant` writes. Raises ValueError if the key is not as it was
    written.
    """
    global _VARIANT
    if not re.fullmatch(r"[0-9a-f]{12}", str(key)):
        raise ValueError(f"{key!r} is no variant: put back the line as it stood in the sheet that you were given.")
    _VARIANT = key


def hint(id: str, number: int = 1) -> None:
    """Shows one of an exercise's hints: hint("01.3") is the first, hint("01.3", 2) the second."""
    exercise = _find(id)
    if exercise is None:
        _show(_unknown(id))
    elif not 1 <= number <= len(exercise.hints):
        there = f"hints 1 to {len(exercise.hints)}" if exercise.hints else "no hints"
        _show(f"No hint {number} · {exercise.id} {exercise.title}\nThis exercise has {there}.")
    else:
        heading = f"Hint {number} of {len(exercise.hints)} · {exercise.id} {exercise.title}"
        more = (
            f'\nThe next one: `hint("{exercise.id}", {number + 1})`' if number < len(exercise.hints) else ""
        )
        _show(f"{heading}\n{exercise.hints[number - 1]}{more}")


def _verdict(id: str, answer: Any) -> Verdict:
    exercise = _find(id)
    if exercise is None:
        return Verdict(str(id), False, 0, None, _unknown(id))
    cases = exercise.cases(int(_VARIANT or "0", 16))
    verdict = judge(exercise, cases, run(answer, cases))
    used = helpers_used(answer, exercise.helpers) if verdict.passed else []
    if used:
        names = " and ".join(f"`{name}`" for name in used)
        kindly = (
            f"The numbers are right, but {names} found them for you. This exercise is about working "
            "them out from what the function is given. The helper is a good way to compare afterwards."
        )
        return _not_yet(exercise, kindly)
    return verdict


def _find(id: str) -> Exercise | None:
    from effnet_course.exercises import sheet, sheets

    wanted = str(id).strip().zfill(4)
    exercises = sheet(wanted[:2]) if wanted[:2] in sheets() else ()
    found = next((exercise for exercise in exercises if exercise.id == wanted), None)
    return found and varied(found, _VARIANT)


def _unknown(id: str) -> str:
    from effnet_course.exercises import sheet, sheets

    known = ", ".join(exercise.id for number in sheets() for exercise in sheet(number))
    return f"No such exercise · {id}\nThese are there: {known}."


# Running an answer: the one place where a student's code is called.


def run(answer: Any, cases: Sequence[Case]) -> list[Any]:
    """Calls an answer on each case and returns what came back, as plain data.

    An error becomes a `Raised`, an object that is not plain data a `Foreign`. Each call gets its own copy of
    the case, so an answer cannot alter what later calls see.
    """
    if answer is None or answer is Ellipsis:
        return [None] * len(cases)
    if not callable(answer):
        if list(cases) == [{}]:
            return [plain(answer)]
        return [Raised("not a function", type(answer).__name__)] * len(cases)
    return [_call(answer, copy.deepcopy(case)) for case in cases]


def _call(answer: Callable[..., Any], case: Case) -> Any:
    try:
        arguments, keywords = _arguments(answer, case)
    except TypeError as error:
        return Raised("signature", str(error))
    try:
        return plain(answer(*arguments, **keywords))
    except (Exception, SystemExit) as error:
        return Raised(type(error).__name__, str(error), _failing_line(answer, error))


def _arguments(answer: Callable[..., Any], case: Case) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """A case's values as a function's arguments: by name where the names match, the others in order."""
    try:
        signature = inspect.signature(answer)
    except ValueError:
        return tuple(case.values()), {}
    kinds = inspect.Parameter
    values, missing = dict(case), False
    bound = signature.bind_partial()
    for name, parameter in signature.parameters.items():
        if name in values and parameter.kind not in (kinds.VAR_POSITIONAL, kinds.VAR_KEYWORD):
            bound.arguments[name] = values.pop(name)
    for name, parameter in signature.parameters.items():
        if parameter.kind == kinds.VAR_POSITIONAL and not bound.kwargs:
            bound.arguments[name], values = tuple(values.values()), {}
        elif parameter.kind == kinds.VAR_KEYWORD:
            bound.arguments[name], values = values, {}
        elif name not in bound.arguments and values:
            bound.arguments[name] = values.pop(next(iter(values)))
        elif name not in bound.arguments and parameter.default is kinds.empty:
            missing = missing or parameter.kind != kinds.VAR_POSITIONAL
    if values or missing:
        raise TypeError(f"takes {', '.join(signature.parameters) or 'nothing'}")
    found = bound.arguments
    bound.arguments = {name: found[name] for name in signature.parameters if name in found}  # in their order
    return bound.args, bound.kwargs


def _failing_line(answer: Callable[..., Any], error: BaseException) -> str:
    source = getattr(getattr(answer, "__code__", None), "co_filename", None)
    lines = [frame.line for frame in traceback.extract_tb(error.__traceback__) if frame.filename == source]
    return (lines[-1] or "").strip() if lines else ""


def plain(value: Any) -> Any:
    """A value as plain data: numpy and torch scalars and fractions become numbers, tensors arrays.

    Anything that has no such form becomes a `Foreign`.
    """
    if value is Ellipsis:
        return None
    if value is None or type(value) in (bool, float, str):
        return value
    if type(value) is int:
        return value if value.bit_length() < 1000 else Foreign("a number of more than 300 digits")
    if isinstance(value, str):
        return str(value)
    if isinstance(value, (list, tuple)):
        return (list if isinstance(value, list) else tuple)(plain(item) for item in value)
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if hasattr(value, "shape") and hasattr(value, "tolist"):
        if tuple(value.shape) == ():
            return plain(value.item())
        if getattr(value.dtype, "kind", "") == "O":  # numbers and texts side by side
            return plain(value.tolist())
        import numpy

        return numpy.asarray(value.tolist()).reshape(tuple(value.shape))
    if hasattr(type(value), "__index__"):
        return plain(int(value))
    if hasattr(type(value), "__float__"):
        number = float(value)
        return int(number) if number.is_integer() and value == int(number) else number
    return Foreign(f"a {type(value).__name__}")


# Judging outputs: no student code from here on.


def judge(exercise: Exercise, cases: Sequence[Case], outputs: Sequence[Any]) -> Verdict:
    """The verdict on what an answer gave for each case: all the points, or with one wrong case none."""
    expected = _outputs(exercise.reference, cases)
    wrong = [i for i in range(len(cases)) if not _same(expected[i], outputs[i], exercise)]
    if not wrong:
        heading = f"Right · {exercise.id} {exercise.title} · {_points(exercise.points, exercise)}"
        message = f"{heading}\n{exercise.remark}".rstrip()
        return Verdict(exercise.id, True, exercise.points, None, message)
    if all(output is None or getattr(output, "kind", "") == "NotImplementedError" for output in outputs):
        return _not_answered(exercise, returned_nothing=all(output is None for output in outputs))

    first = wrong[0]
    shown = [f"    {line}" for line in _call_text(exercise.function, cases[first])] if cases[first] else []
    got = outputs[first]
    if isinstance(got, Raised):
        if got.kind in ("signature", "not a function"):
            return _not_yet(exercise, _mismatch(exercise, cases[first], got))
        lines = ["Your function stops with an error on this call:", *shown, _plain_words(got)]
        return _not_yet(exercise, "\n".join(lines))

    right, mine = _texts(expected[first], got)
    shown += [f"    expected  {right}"] * (not exercise.constant) + [f"    got       {mine}"]
    for misconception in exercise.misconceptions:
        its = _outputs(misconception.answer, cases)
        if all(_same(its[i], outputs[i], exercise) for i in range(len(cases))):
            return _not_yet(exercise, "\n".join([*shown, misconception.hint]), misconception.name)
    explanation = _pattern(exercise, cases, expected, outputs, wrong)
    return _not_yet(exercise, "\n".join([*shown, explanation] if explanation else shown))


def agree(expected: Any, got: Any, tolerance: float = 1e-6, absolute: float = 0.0) -> bool:
    """Whether an output counts as the expected one.

    Numbers: whole ones exactly (3.0 is 3), others within the relative tolerance or the absolute one; True is
    not 1, but a list of truth values is a mask of 0 and 1. Text: but for capitals and space around it. Lists,
    tuples and arrays: item by item, one for the other; None, truth values and the shapes of arrays exactly.
    """
    if isinstance(expected, (list, tuple)):
        got = got.tolist() if hasattr(got, "shape") else got
        if _is_list_of(bool, got) and _is_list_of(int, expected):
            got = [int(item) for item in got]  # a mask
        return (
            isinstance(got, (list, tuple))
            and len(got) == len(expected)
            and all(agree(e, g, tolerance, absolute) for e, g in zip(expected, got, strict=True))
        )
    if hasattr(expected, "shape"):
        return _agree_arrays(expected, got, tolerance, absolute)
    if isinstance(expected, dict):
        return (
            isinstance(got, dict)
            and got.keys() == expected.keys()
            and all(agree(expected[key], got[key], tolerance, absolute) for key in expected)
        )
    if isinstance(expected, str):
        return isinstance(got, str) and got.strip().casefold() == expected.strip().casefold()
    if not (_is_number(expected) and _is_number(got)):
        return type(got) is type(expected) and got == expected
    if isinstance(expected, int):
        return expected == got or math.isclose(expected, got, rel_tol=1e-13, abs_tol=1e-6)
    if math.isnan(expected):
        return math.isnan(got)
    return math.isclose(expected, got, rel_tol=tolerance, abs_tol=absolute or (1e-12 if expected == 0 else 0))


def _agree_arrays(expected: Any, got: Any, tolerance: float, absolute: float) -> bool:
    import numpy

    try:
        got = numpy.asarray(got)
    except ValueError:  # rows of different lengths
        return False
    if (
        expected.shape != got.shape
        or got.dtype.kind not in "biufc"
        or (expected.dtype == bool) != (got.dtype == bool)
    ):
        return False
    whole = expected.dtype.kind in "iu"
    relative = 1e-13 if whole else tolerance
    largest = numpy.abs(expected[numpy.isfinite(expected)]).max(initial=0)
    near = max(relative * 1e-3 * largest, 0 if whole else absolute)
    return bool(numpy.allclose(got, expected, rtol=relative, atol=near, equal_nan=True))


def _same(given: Any, got: Any, exercise: Exercise) -> bool:
    """Whether an output is what the reference or a misconception gives, an error included."""
    if isinstance(given, Raised):
        return isinstance(got, Raised) and got.kind == given.kind
    return agree(given, got, exercise.tolerance, exercise.absolute)


def _outputs(function: Callable[..., Any], cases: Sequence[Case]) -> list[Any]:
    outputs = []
    for case in cases:
        try:
            outputs.append(plain(function(**copy.deepcopy(case))))
        except Exception as error:
            outputs.append(Raised(type(error).__name__, str(error)))
    return outputs


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)


def _is_list_of(kind: type, value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(type(item) is kind for item in value)


# Patterns: what can be said of a wrong answer that is no known misconception.


def _pattern(
    exercise: Exercise, cases: Sequence[Case], expected: list[Any], outputs: Sequence[Any], wrong: list[int]
) -> str:
    errors = [output for output in outputs if isinstance(output, Raised)]
    if errors:
        others = f"{len(errors)} of the {len(cases) - 1} other cases"  # the one shown gave an answer
        return f"This case is wrong; on {others} your function stops with an error. {_plain_words(errors[0])}"
    where = _where(cases, expected, wrong)
    return (
        _wrong_kind(exercise, expected, outputs, wrong[0])
        or _tuple_pattern(exercise, cases, expected, outputs, wrong)
        or _about("Your answer", _number_pattern(expected, outputs, wrong[0]))
        or where
    )


def _about(subject: str, clause: str) -> str:
    return f"{subject} {clause}" if clause else ""


def _wrong_kind(exercise: Exercise, expected: list[Any], outputs: Sequence[Any], first: int) -> str:
    want, got = expected[first], outputs[first]
    if got is None:
        return "Your function gives back None here: it met no `return`, or what it returned was never given a value."
    many = type(want) in (list, tuple)
    if many and (type(got) in (list, tuple) or hasattr(got, "shape")) and len(got) == len(want):
        return ""
    if not many and _kind(want) == _kind(got) or hasattr(want, "shape"):
        return ""
    names = f" ({', '.join(exercise.returns)})" if exercise.returns else ""
    wanted = f"{len(want)} values{names}" if many else _kind(want)
    if many and len(want) == 1:
        wanted = f"{_kind(want)} of one value{names}"
    given = _kind(got)
    if many and type(got) in (list, tuple):
        given = f"{_kind(got)} of {len(got)}" if len(want) == 1 else f"{len(got)}"
    return f"The answer is {wanted}; your function returns {given}."


def _kind(value: Any) -> str:
    if isinstance(value, Foreign):
        return value.kind
    if hasattr(value, "shape"):
        return f"an array of shape {tuple(value.shape)}"
    kinds = {
        int: "a number",
        float: "a number",
        complex: "a complex number",
        bool: "True or False",
        str: "text",
        list: "a list",
        tuple: "a tuple",
        dict: "a dictionary",
    }
    return kinds.get(type(value), f"a {type(value).__name__}")


def _tuple_pattern(
    exercise: Exercise, cases: Sequence[Case], expected: list[Any], outputs: Sequence[Any], wrong: list[int]
) -> str:
    """For tuples of numbers: in another order, or right but for one place, and what can be said of that."""
    sizes = {len(value) if isinstance(value, (list, tuple)) else 0 for value in [*expected, *outputs]}
    if len(sizes) != 1 or sizes == {0}:
        return ""
    size = sizes.pop()
    pairs = list(zip(expected, outputs, strict=True))
    if size > 1 and all(_same(list(e)[::-1], g, exercise) for e, g in pairs):
        return "Those are the right values in the opposite order."
    bad = [k for k in range(size) if not all(_same(e[k], g[k], exercise) for e, g in pairs)]
    clauses = [_number_pattern([e[k] for e in expected], [g[k] for g in outputs], wrong[0]) for k in bad]
    if len(bad) == size and len(set(clauses)) == 1:
        return _about("Each of your values" if size > 1 else "Your value", clauses[0])
    if len(bad) != 1 or size == 1:
        return ""
    name = f" ({exercise.returns[bad[0]]})" if exercise.returns else ""
    others = "the other is" if size == 2 else "the others are"
    place = f"the {ORDINALS[bad[0]]} value" if bad[0] < len(ORDINALS) else f"value {bad[0] + 1}"
    sentence = f"Only {place}{name} is off; {others} right in every case."
    where = _where(cases, [e[bad[0]] for e in expected], wrong)
    return f"{sentence} {_about('It', clauses[0]) or where}".strip()


FACTORS = {2: "exactly twice", 0.5: "exactly half", -1: "the negative of"}
FACTOR_NOTES = {
    2: " One MAC is two FLOPs: if you count operations, which of them is asked for?",
    0.5: " One MAC is two FLOPs: if you count operations, which of them is asked for?",
    100: " A share, or a percentage?",
    0.01: " A share, or a percentage?",
    8: " Bits, or bytes?",
    0.125: " Bits, or bytes?",
}


def _number_pattern(expected: list[Any], got: list[Any], shown: int) -> str:
    """What can be said of numbers that are off, as the end of a sentence about them.

    `shown` is the place of the case that the student sees beside it.
    """
    if not (all(map(_is_number, expected)) and all(map(_is_number, got))):
        return ""
    if math.isnan(got[shown]) and not math.isnan(expected[shown]):
        return "is not a number (nan) here. Is infinity taken from infinity, or divided by it?"
    if math.isinf(got[shown]) and math.isfinite(expected[shown]):
        return "is infinite here, and the right answer is not."
    if any(math.isfinite(e) and not math.isfinite(g) for e, g in zip(expected, got, strict=True)):
        return ""
    pairs = [(e, g) for e, g in zip(expected, got, strict=True) if math.isfinite(e) and math.isfinite(g)]
    if len(pairs) < max(3, len(got) / 2) or len({e for e, _ in pairs}) < 3:
        return ""
    if len(set(got)) == 1:
        return "is the same in every case, whatever the function is given."
    if any(math.isinf(e) and e != g for e, g in zip(expected, got, strict=True)):
        return ""
    for digits in range(7):
        if all(math.isclose(round(e, digits), g, rel_tol=1e-9, abs_tol=1e-12) for e, g in pairs):
            return "is the right one, rounded. Return it as it comes, without rounding."
    if all(math.floor(e) == g for e, g in pairs):
        return "is the right one with its decimals cut off. Is there a // that should be a / ?"
    factor = _constant(g / e for e, g in pairs if e)
    if factor and factor != 1 and all(e or not g for e, g in pairs):
        words = FACTORS.get(factor, f"{factor:.6g} times")
        return f"is {words} what it should be, in every case.{FACTOR_NOTES.get(factor, '')}"
    if _constant(g * e for e, g in pairs) == 1:
        return "is upside down: one divided by what it should be, in every case."
    offset = _constant(g - e for e, g in pairs)
    if offset:
        return f"is too {'large' if offset > 0 else 'small'} by {abs(offset):,.6g} in every case."
    if all(isinstance(e, int) for e in expected) and any(g != int(g) for g in got):
        return "is not a whole number in every case, and the right answer always is."
    return ""


def _constant(numbers: Any) -> float | None:
    """The one value that all the numbers have, to rounding, or None."""
    numbers = list(numbers)
    if not numbers or any(not math.isclose(number, numbers[0], rel_tol=1e-9) for number in numbers):
        return None
    near = round(numbers[0], 6)
    return near if near and math.isclose(near, numbers[0], rel_tol=1e-9) else numbers[0]


def _where(cases: Sequence[Case], expected: list[Any], wrong: list[int]) -> str:
    """Names the class of inputs that holds the wrong cases, where there is one."""
    bad, best = set(wrong), None
    if len(bad) < 2 or len(cases) - len(bad) < max(2, len(cases) / 4):
        return ""
    for here, elsewhere, members in _classes(cases, expected):
        if members == bad:
            return f"In the cases tried, it is right wherever {elsewhere}, and wrong wherever {here}."
        telling = len(cases) - len(members) >= 2 and 2 * len(bad) > len(members)
        if bad < members and telling and (best is None or len(members) < len(best[1])):
            best = (elsewhere, members)
    return f"In the cases tried, it is right wherever {best[0]}." if best else ""


def _classes(cases: Sequence[Case], expected: list[Any]) -> list[tuple[str, str, set[int]]]:
    """Classes of inputs with a plain name: (name, name of all the others, the cases in it)."""
    found: list[tuple[str, str, set[int]]] = []

    def both(here: str, elsewhere: str, members: list[bool]) -> None:
        inside = {i for i, member in enumerate(members) if member}
        found.append((here, elsewhere, inside))
        found.append((elsewhere, here, set(range(len(cases))) - inside))

    whole = []
    for name in cases[0]:
        values = [case[name] for case in cases]
        if all(isinstance(value, bool) for value in values):
            both(f"{name} is True", f"{name} is False", values)
        elif all(isinstance(value, str) for value in values):
            for value in sorted(set(values)):
                both(f"{name} is {value!r}", f"{name} is not {value!r}", [v == value for v in values])
        elif all(type(value) is int for value in values):
            whole.append(name)
            least = min(values)
            both(f"{name} is above {least}", f"{name} is {least}", [value > least for value in values])
    for name in whole:
        both(f"{name} is odd", f"{name} is even", [case[name] % 2 == 1 for case in cases])
    for k, one in enumerate(whole):
        for two in whole[k + 1 :]:
            if {one, two} != {"height", "width"} and one.split("_")[-1] != two.split("_")[-1]:
                continue  # whether a kernel and a stride are equal means nothing
            both(
                f"{one} and {two} differ",
                f"{one} and {two} are equal",
                [case[one] != case[two] for case in cases],
            )
    parts = [value if isinstance(value, tuple) else (value,) for value in expected]
    infinite = [any(isinstance(value, float) and value == math.inf for value in part) for part in parts]
    both("the right answer is infinite", "the right answer is finite", infinite)
    return found


# What a verdict says.


def _points(points: float, exercise: Exercise) -> str:
    return f"{points:g} of {exercise.points:g} point{'' if exercise.points == 1 else 's'}"


def _not_yet(exercise: Exercise, body: str, misconception: str | None = None) -> Verdict:
    heading = f"Not yet · {exercise.id} {exercise.title} · {_points(0, exercise)}"
    more = f'\nFor a hint: `hint("{exercise.id}")`' if exercise.hints and misconception is None else ""
    return Verdict(exercise.id, False, 0, misconception, f"{heading}\n{body}{more}")


def _not_answered(exercise: Exercise, returned_nothing: bool) -> Verdict:
    heading = f"Not answered · {exercise.id} {exercise.title} · {_points(0, exercise)}"
    if exercise.constant:
        body = "Nothing to check yet."
    elif returned_nothing:
        body = f"`{exercise.function}` gives back nothing so far. If you have written it: does it `return`?"
    else:
        body = f"Nothing to check yet: write `{exercise.function}`, run its cell, then run this one again."
    more = f'\nFor a hint on how to begin: `hint("{exercise.id}")`' if exercise.hints else ""
    return Verdict(exercise.id, False, 0, None, f"{heading}\n{body}{more}")


def _mismatch(exercise: Exercise, case: Case, raised: Raised) -> str:
    if raised.kind == "not a function":
        return (
            "The check wants the function itself, not a result, so that it can try several cases: "
            f'`check("{exercise.id}", {exercise.function})`'
        )
    return (
        f"`{exercise.function}` is called with {', '.join(case) or 'nothing'}. Yours {raised.text}. "
        "Keep the function's first line as it stands in the sheet, whether you need all of it or not."
    )


PLAIN_WORDS = {
    "AssertionError": "An assert in it fails",
    "AttributeError": "It asks a value for something that the value does not have",
    "IndexError": "It reaches past the end of a list",
    "KeyError": "It asks a dictionary for something that is not in it",
    "ModuleNotFoundError": "It imports something that is not installed",
    "NameError": "It uses a name that has no value",
    "NotImplementedError": "It is not written for this case yet",
    "OverflowError": "A number grows too large",
    "RecursionError": "It calls itself without end",
    "SystemExit": "It asks Python to stop",
    "TypeError": "It puts together things that do not go together",
    "UnboundLocalError": "It uses a name before giving it a value",
    "ValueError": "It hands over a value that cannot be used there",
    "ZeroDivisionError": "It divides by zero",
}


def _plain_words(raised: Raised) -> str:
    own = re.search(r"\braise\b", raised.line)  # what the student raises needs no guess at its cause
    words = "It stops" if own else PLAIN_WORDS.get(raised.kind, "It stops")
    where = f", in the line `{raised.line}`" if raised.line else ""
    text = raised.text.strip().splitlines()[-1][:200] if raised.text.strip() else ""
    return f"{words}{where}. Python says: {raised.kind}{': ' + text if text else ''}"


def _call_text(function: str, case: Case) -> list[str]:
    arguments = ", ".join(f"{name}={_argument(value)}" for name, value in case.items())
    indent = " " * (len(function) + 1)
    call = f"{function}({arguments})"
    return textwrap.wrap(call, 76, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def _argument(value: Any) -> str:
    """A value as one would type it: 1e+12 and not 1000000000000.0."""
    short = f"{value:g}" if type(value) is float else ""
    return short if "e" in short and float(short) == value else repr(value)


def _texts(expected: Any, got: Any) -> tuple[str, str]:
    """Both values as text, with as many digits as it takes to tell them apart."""
    for digits in (6, 10, 17):
        texts = _text(expected, digits), _text(got, digits)
        if texts[0] != texts[1]:
            break
    return texts


def _text(value: Any, digits: int = 6) -> str:
    if type(value) is int:
        return f"{value:,}"
    if type(value) is float:
        number = f"{value:.{digits}g}"
        return f"{value:,.0f}.0" if value.is_integer() and abs(value) < 1e15 else number
    if isinstance(value, (list, tuple)):
        inner = ", ".join(_text(item, digits) for item in value[:12]) + (", ..." if len(value) > 12 else "")
        return f"[{inner}]" if isinstance(value, list) else f"({inner}{',' * (len(value) == 1)})"
    if isinstance(value, Foreign):
        return value.kind
    return textwrap.shorten(repr(value), 200)


# Helpers of the package that a student's function leans on.


def helpers_used(answer: Any, helpers: Sequence[str]) -> list[str]:
    """Which of the package's helpers (`Exercise.helpers`) a function uses, in itself or in what it calls."""
    found: dict[str, None] = {}
    seen: set[int] = set()

    def visit(thing: Any) -> None:
        while isinstance(thing, functools.partial):
            thing = thing.func
        module = str(getattr(thing, "__module__", ""))
        if module.startswith("effnet_course."):
            own_name = getattr(thing, "__qualname__", type(thing).__name__)
            name = f"{module.removeprefix('effnet_course.')}.{own_name}"
            if any(f"{name}.".startswith(f"{helper}.") for helper in (*helpers, "exercises")):
                found[name] = None
            return
        if not isinstance(thing, types.FunctionType) or id(thing) in seen:
            return
        seen.add(id(thing))
        names = _names(thing.__code__)
        for name in names:
            imported = sys.modules.get(name) if name.startswith("effnet_course") else None
            follow(thing.__globals__.get(name, imported), names)
        for used in inspect.getclosurevars(thing).nonlocals.values():
            follow(used, names)

    def follow(used: Any, names: set[str]) -> None:
        if not isinstance(used, types.ModuleType):
            visit(used)
        elif used.__name__.split(".")[0] == "effnet_course" and id(used) not in seen:
            seen.add(id(used))
            for name in sorted(names):
                follow(getattr(used, name, None), names)

    visit(answer)
    return list(found)


def _names(code: types.CodeType) -> set[str]:
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names |= _names(constant)
    return names


# Showing and remembering.

_LAST_SHOWN: tuple[Verdict, int | None] | None = None


def _shell() -> Any:
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython else None


def _execution_count() -> int | None:
    shell = _shell()
    return shell.execution_count if shell else None


def _show(message: str) -> None:
    text = _wrapped(message)
    if _shell() is None:
        print(text)
    else:
        from IPython.display import display

        display({"text/plain": text, "text/html": _html(message)}, raw=True)


def _wrapped(message: str) -> str:
    return "\n".join(
        line if line.startswith("    ") else textwrap.fill(line, 88, break_on_hyphens=False)
        for line in message.splitlines()
    )


PLAIN = "background:none;color:inherit;padding:0;font-family:var(--jp-code-font-family,monospace)"
BORDERS = {"Right": "solid #2e8b57", "Not yet": "dashed #b8690f"}


def _html(message: str) -> str:
    """The message as a panel in the page's own colours: the word carries the verdict, not the colour."""
    heading, *lines = message.splitlines()
    word, _, rest = heading.partition(" · ")
    parts = [f'<div style="margin:0 0 .3em"><strong>{html.escape(word)}</strong> · {html.escape(rest)}</div>']
    code: list[str] = []
    for line in [*lines, ""]:
        if line.startswith("    "):
            code.append(html.escape(line[4:]))
            continue
        if code:
            block = "\n".join(code)
            parts.append(f'<pre style="{PLAIN};margin:.3em 0;white-space:pre-wrap">{block}</pre>')
            code = []
        if line:
            pieces = html.escape(line).split("`")
            marked = "".join(
                f'<code style="{PLAIN}">{piece}</code>' if k % 2 else piece for k, piece in enumerate(pieces)
            )
            parts.append(f'<div style="margin:.3em 0">{marked}</div>')
    edge = BORDERS.get(word, "dotted #808080")
    style = (
        f"border:1px solid #808080;border-left:5px {edge};border-radius:3px;padding:.5em .8em;"
        "margin:.3em 0;max-width:48em;line-height:1.45;color:inherit"
    )
    return f'<div role="status" style="{style}">{"".join(parts)}</div>'


def _record(verdict: Verdict) -> None:
    """Notes a passed exercise, once. Whatever goes wrong with the file, the check goes on."""
    try:
        path = home() / "progress.jsonl"
        before = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
        if f'"exercise": "{verdict.exercise}"' in before:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        now = time.strftime("%Y-%m-%dT%H:%M:%S%z")
        row = {"exercise": verdict.exercise, "points": verdict.points, "at": now}
        start = "\n" if before and not before.endswith("\n") else ""  # a crash may have cut a line short
        with open(path, "a", encoding="utf-8") as file:
            file.write(f"{start}{json.dumps(row)}\n")
    except OSError:
        pass
