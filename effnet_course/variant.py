"""A sheet of one's own for each student: the same questions with other values, drawn from a class's secret seed.

A student's key is an HMAC of the sheet's number and the student's id, so that whoever has the seed can work it out
again, and nobody else can work out a neighbour's. The notebook tells the check its key; a grader should not believe
the notebook but ask `exercises` here. What an exercise may vary is its `Exercise.varies`.
"""

import ast
import hashlib
import hmac
import json
import re
from pathlib import Path

from effnet_course import checking
from effnet_course.checking import Exercise, drawn, varied
from effnet_course.exercises import sheet
from effnet_course.home import write_whole

IMPORTS = "from effnet_course.checking import check, hint"


class VariantError(Exception):
    """What is wrong, and what to do about it."""


def read_seed(path: str | Path) -> bytes:
    """The class's seed, from a file. Raises VariantError if it cannot be read or is shorter than 16 characters."""
    new = 'Make one, and keep it: python -c "import secrets; print(secrets.token_hex())" > SEED'
    try:
        seed = Path(path).read_bytes().strip()
    except OSError as error:
        raise VariantError(f"The seed file {path} cannot be read ({error.strerror}). {new}") from error
    if len(seed) < 16:
        raise VariantError(f"The seed in {path} is shorter than 16 characters and could be guessed. {new}")
    return seed


def key(seed: bytes, number: str, student: str) -> str:
    """The key of a student's variant of a sheet: twelve hexadecimal digits."""
    return hmac.new(seed, f"{number}\0{student}".encode(), hashlib.sha256).hexdigest()[:12]


def exercises(number: str, seed: bytes, student: str) -> tuple[Exercise, ...]:
    """The exercises of a sheet as this student has to solve them: what a grader compares with."""
    own = key(seed, number, student)
    return tuple(varied(exercise, own) for exercise in sheet(number))


def settings(number: str, own: str) -> dict[str, dict]:
    """What the variant with this key sets: from an exercise's id to its values. Empty where nothing varies."""
    return {exercise.id: drawn(exercise, own) for exercise in sheet(number) if exercise.varies}


def notebook(text: str, number: str, own: str, student: str) -> str:
    """A released or solved sheet as the variant with this key, as the text of a notebook.

    Raises VariantError for a sheet without the line that imports the check, and where a phrase stands in two cells. A
    phrase of the solution stands in a solved sheet alone, so one that is missing is no error here; a test looks.
    """
    made = json.loads(text)
    cells = made["cells"]
    sources = ["".join(cell["source"]) for cell in cells]
    said = "; its numbers are not those of the published sheet" if settings(number, own) else ""
    ours = f"Variant `{own}`, for `{student}`{said} · "
    sources[0] = re.sub(r"\[Open in Colab\]\([^)]*\) · ", lambda _: ours, sources[0], count=1)
    known = f'{IMPORTS}, variant\n\nvariant("{own}")'
    sources = [re.sub(rf"(?m)^{IMPORTS}$", known, source) for source in sources]
    if sum(known in source for source in sources) != 1:
        raise VariantError(f"Sheet {number} has no single line {IMPORTS!r}.")
    for exercise in sheet(number):
        if exercise.varies:
            _set(sources, exercise, own)
    for cell, source in zip(cells, sources, strict=True):
        cell["source"] = source.splitlines(keepends=True)
    made["metadata"]["effnet_course"] |= {"variant": own, "student": student}
    return json.dumps(made, indent=1, ensure_ascii=False) + "\n"


def write(out: Path, number: str, sheet_file: Path, seed: bytes, students: list[str]) -> list[Path]:
    """Write a sheet's variants to a folder, one file a student. A file there with other contents is left alone.

    Raises VariantError if one is in the way, if two ids would give one name, or for an id that is empty.
    """
    if not all(student.strip() for student in students):
        raise VariantError("A student's id is empty: write it after --student.")
    text = sheet_file.read_text(encoding="utf-8")
    names = {student: re.sub(r"[^\w.@-]", "_", student) for student in students}
    files = {student: out / f"{sheet_file.stem}-{name}.ipynb" for student, name in names.items()}
    if len({str(file).casefold() for file in files.values()}) < len(files):
        raise VariantError("Two ids differ only in signs that a file's name cannot hold. Give one of them another id.")
    made = {file: notebook(text, number, key(seed, number, student), student) for student, file in files.items()}
    for file, content in made.items():
        if file.exists() and file.read_text(encoding="utf-8", errors="replace") != content:
            raise VariantError(f"{file} is there and differs: choose another folder. Nothing was written.")
    out.mkdir(parents=True, exist_ok=True)
    for file, content in made.items():
        write_whole(file, content)
    return list(made)


def _set(sources: list[str], exercise: Exercise, own: str) -> None:
    """Put the variant's values into the cells of one exercise: its phrases, then its worked number."""
    chosen = drawn(exercise, own)
    for published, template in exercise.varies.phrases:
        there = [n for n, source in enumerate(sources) if published in source]
        if len(there) > 1:
            raise VariantError(f"{exercise.id}: the sheet says {published!r} in {len(there)} cells, not in one.")
        for n in there:
            sources[n] = sources[n].replace(published, template.format(**chosen))
    [text] = [n for n, source in enumerate(sources) if source.startswith(f"## {exercise.id} ·")]
    worked = re.compile(rf"`{exercise.function}(\([^`]*\))` is\s+`([^`]+)`")
    found = worked.search(sources[text])
    arguments = ast.literal_eval(f"({found[1][1:-1]},)")
    results = iter(_numbers(varied(exercise, own).reference(*arguments)))
    number = re.compile(r"-?\d[\d,]*\d(?:\.\d+)?|-?\d+(?:\.\d+)?")
    shown = number.sub(lambda m: f"{next(results):,.{len(m[0].partition('.')[2])}f}", found[2])
    start, end = found.span(2)
    sources[text] = sources[text][:start] + shown + sources[text][end:]


def _numbers(result) -> list[float]:
    """The numbers of a result, one after the other."""
    result = checking.plain(result)
    result = result.tolist() if hasattr(result, "tolist") else result
    return [n for part in result for n in _numbers(part)] if isinstance(result, (list, tuple)) else [result]
