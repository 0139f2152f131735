"""Finds the notebooks in what an LMS delivers, reads the code out of them, and says whose each is.

Canvas: `doejane_LATE_12345_67890_02_mbconv-1.ipynb` (name, late or not, the student's Canvas id, the submission's
number, the file, resubmissions counted). Moodle: `Jane Doe_12345_assignsubmission_file_/02_mbconv.ipynb`, or the same
in one file name. Anything else: the folder that a file is in, or its own name, is who it is from. Zips are read
without being unpacked, so that no path in them is ever followed.
"""

import calendar
import csv
import hashlib
import io
import json
import os
import re
import unicodedata
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path, PurePosixPath

from effnet_course import exercises

CANVAS = re.compile(r"(?P<name>[^_]+)_(?P<late>LATE_)?(?P<user>\d+)_(?P<number>\d{3,})_(?P<file>.+)", re.S)
MOODLE = re.compile(r"(?P<name>.+?)_(?P<user>\d+)_assignsubmission_(?:file|onlinetext)_?(?P<file>.*)", re.S)
LARGEST = 20_000_000  # bytes of a notebook or of a zip within a zip
IN_A_ZIP = 2_000_000_000  # bytes of all that is read out of a zip on disk
IN_A_STUDENTS_ZIP = 200_000_000  # of a zip within a zip, and of notebooks and scripts, how many:
FILES_IN_A_ZIP = 10_000
FILES_IN_A_STUDENTS_ZIP = 500
DEEPEST = 2  # zips in zips
CODE = 5_000_000  # characters of code in a notebook


class SubmissionError(Exception):
    """The folder or the roster cannot be used; the message says why."""


@dataclass(frozen=True)
class Student:
    """A row of the roster."""

    id: str
    lms_id: str
    name: str
    email: str = ""


@dataclass
class Submission:
    """One file that was handed in."""

    path: str
    """Where it is in the folder, zips included."""
    cells: list[str]
    """The source of its code cells."""
    problem: str = ""
    """Why it cannot be graded, in words; then there are no cells."""
    variant: str = ""
    """The key of the variant that the notebook says it is; not to be believed."""
    lms_id: str = ""
    name: str = ""
    """What the LMS or the folder calls the student."""
    late: bool = False
    order: tuple = ()
    """The larger, the newer: the LMS's number; a file named after the sheet; resubmissions and copies; its time."""
    student: Student | None = None
    """The student it is from."""
    earlier: list[str] = field(default_factory=list)
    """The student's other files, which do not count."""

    @property
    def key(self) -> str:
        """The same for the same code."""
        return hashlib.sha256(json.dumps(self.cells).encode()).hexdigest()


def read_roster(path: Path) -> list[Student]:
    """The students of a CSV: a header that names an id, a name (or first and last), an LMS id, an email.

    A gradebook exported from Canvas or a grading worksheet from Moodle will do. Raises SubmissionError.
    """
    try:
        text = _decoded(path.read_bytes())
        first = text.split("\n", 1)[0]
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=first.count), strict=True))
    except OSError as error:
        raise SubmissionError(f"The roster {path} can't be read: {error.strerror}.") from error
    except csv.Error as error:
        raise SubmissionError(f"The roster {path} is no CSV, or a quote in it is not closed: {error}.") from error
    if not rows:
        raise SubmissionError(f"The roster {path} is empty.")
    columns = _columns(rows[0])
    if not columns.keys() & {"id", "lms_id"}:
        named = ascii(", ".join(rows[0])[:200])
        raise SubmissionError(f"The roster {path} has no column for an id. Its columns are {named}.")
    students: dict[str, Student] = {}
    for number, row in enumerate(rows[1:], 2):
        cell = {key: row[k].strip() if k < len(row) else "" for key, k in columns.items()}
        name = cell.get("name") or f"{cell.get('first', '')} {cell.get('last', '')}".strip()
        lms_id = re.sub(r"(?i)^participant\s+", "", cell.get("lms_id", ""))
        id = cell.get("id") or lms_id
        if not id or name.casefold() == "points possible":
            continue
        if id in students:
            raise SubmissionError(f"The roster {path} has {id} twice; the second time is row {number}.")
        students[id] = Student(id, lms_id, name, cell.get("email", ""))
    if not students:
        raise SubmissionError(f"The roster {path} names no one.")
    return list(students.values())


def _decoded(content: bytes) -> str:
    """Text as spreadsheets save it: UTF-8, UTF-16 with its mark, or else what Windows takes for Western European."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return content.decode("utf-16", errors="replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def _columns(header: list[str]) -> dict[str, int]:
    """From what we need to its place among the columns; the first name that is there counts."""
    names = {_letters(name): k for k, name in reversed(list(enumerate(header)))}
    lms = ["lmsid", "canvasid", "canvasuserid", "moodleid", "participantid", "identifier"]
    own = ["studentid", "sisuserid", "sisid", "idnumber", "matriculationnumber", "sisloginid", "username", "id"]
    if "id" in names and names.keys() & {"sisuserid", "sisloginid"}:  # Canvas's gradebook: its own id is called ID
        lms, own = [*lms, "id"], own[:-1]
    wanted = {
        "id": own,
        "lms_id": lms,
        "name": ["name", "fullname", "studentname", "displayname", "student"],
        "first": ["firstname", "givenname", "forename"],
        "last": ["lastname", "surname", "familyname"],
        "email": ["email", "emailaddress", "mail"],
    }
    present = {key: [names[name] for name in order if name in names] for key, order in wanted.items()}
    return {key: places[0] for key, places in present.items() if places}


def find(folder: Path, sheet: str) -> tuple[list[Submission], list[str]]:
    """All that was handed in for a sheet ("02"), and a sentence for each file that is something else.

    Raises SubmissionError when there is nothing.
    """
    if not folder.exists():
        raise SubmissionError(f"There is no {folder}.")
    found: list[Submission] = []
    other: list[str] = []
    for path, changed, content in _files(folder, other):
        parts = PurePosixPath(path).parts
        if parts[-1].startswith(".") or {"__MACOSX", ".ipynb_checkpoints"} & {*parts}:
            continue
        if not parts[-1].casefold().endswith((".ipynb", ".py")):
            other.append(f"{path}: {content if isinstance(content, str) else 'not a notebook'}")
            continue
        cells, of, variant, problem = read_code(path, content)
        of = of or _sheet_in_name(parts[-1])
        if of not in ("", sheet):
            other.append(f"{path}: it is of sheet {of}")
            continue
        found.append(_whose(Submission(path, cells, problem, variant), bool(of), changed))
    _by_place([one for one in found if not one.name], stems()[sheet])
    if not found:
        raise SubmissionError(f"There is no notebook of sheet {sheet} in {folder}.")
    return sorted(found, key=lambda one: one.path), other


def read_code(path: str, content: bytes | str) -> tuple[list[str], str, str, str]:
    """The code cells of a notebook or a script, the sheet and the variant that it names, and what is wrong with it."""
    if isinstance(content, str):
        return [], "", "", content
    if not content.strip():
        return [], "", "", "the file is empty"
    text = content.decode("utf-8-sig", errors="replace")
    sheet = variant = ""
    if path.casefold().endswith(".py"):
        cells = re.split(r"(?m)^# %%.*$", text)
    else:
        try:
            notebook = json.loads(text)
            sheet, variant = _told(notebook)
            cells = notebook["cells"] if "cells" in notebook else notebook["worksheets"][0]["cells"]
            cells = [cell.get("source", cell.get("input", "")) for cell in cells if cell.get("cell_type") == "code"]
            cells = ["".join(cell) for cell in cells]
        except (ValueError, RecursionError):
            return [], "", "", "the file is not a notebook: it is not JSON"
        except (KeyError, IndexError, TypeError, AttributeError):
            return [], "", "", "the file is not a notebook: it has no cells"
    cells = [cell.replace("\0", "") for cell in cells if cell.strip()]
    if not cells:
        return [], sheet, variant, "there is no code in it"
    if sum(map(len, cells)) > CODE:
        return [], sheet, variant, f"there are more than {CODE:,} characters of code in it"
    return cells, sheet, variant, ""


def match(found: list[Submission], roster: list[Student]) -> tuple[dict[str, Submission], list[Submission]]:
    """From a student's id to the submission that counts, the newest; and the submissions that are no one's.

    Compared with the roster are the LMS id, the id, the email and the name, in this order; whoever is found by more
    than one student is no one's, and a file with an LMS id is not for a student who has another. Without a roster
    everyone who handed something in is a student.
    """
    book: dict[str, set[Student]] = {}
    for student in roster:
        for key in _keys(student):
            book.setdefault(key, set()).add(student)
    newest: dict[tuple[str, str], Submission] = {}
    for one in sorted(found, key=lambda one: one.order):
        one.student = _owner(one, book) if roster else Student(one.lms_id or one.name, one.lms_id, one.name)
        key = ("student", one.student.id) if one.student else ("lms", one.lms_id) if one.lms_id else ("path", one.path)
        before = newest.get(key)
        if before:
            before.earlier.append(before.path)
            one.earlier = before.earlier  # the same list: a student may have thousands
        newest[key] = one
    counted = {one.student.id: one for one in newest.values() if one.student}
    return counted, sorted((one for one in newest.values() if not one.student), key=lambda one: one.path)


def _files(folder: Path, other: list[str]) -> Iterator[tuple[str, float, bytes | str]]:
    """(path, time, content) of every file, in zips as well; where it cannot be read, a sentence in place of content."""
    if folder.is_file():
        yield from _opened(folder.name, folder, other)
        return
    walked = os.walk(folder, onerror=lambda error: other.append(f"{error.filename}: can't be read: {error.strerror}"))
    for path in sorted(Path(place) / name for place, folders, files in walked for name in [*folders, *files]):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            other.append(f"{name}: a link, which is not followed")
        elif path.is_file():
            yield from _opened(name, path, other)


def _opened(name: str, path: Path, other: list[str]) -> Iterator[tuple[str, float, bytes | str]]:
    try:
        if name.casefold().endswith(".zip"):
            with open(path, "rb") as file:
                yield from _zipped(name, file, 1, [IN_A_ZIP, FILES_IN_A_ZIP], other)
        else:
            with open(path, "rb") as file:
                yield name, path.stat().st_mtime, _within(file.read(LARGEST + 1))
    except OSError as error:
        yield name, 0.0, f"the file can't be read: {error.strerror}"


def _zipped(name: str, file, depth: int, left: list[int], other: list[str]) -> Iterator[tuple[str, float, bytes | str]]:
    """The files in a zip, one by one in memory; `left`: how many bytes may still come out, and how many files."""
    try:
        archive = zipfile.ZipFile(file)
    except Exception as error:  # besides its own errors, zipfile lets through what its decoders raise
        other.append(f"{name}: a zip that can't be opened: {error}")
        return
    for entry in archive.infolist():
        inner = f"{name}/{entry.filename}"
        if entry.is_dir() or not inner.casefold().endswith((".ipynb", ".py", ".zip")):
            continue
        content = _entry(archive, entry, min(LARGEST, left[0])) if min(left) > 0 else b""
        if min(left) <= 0 or len(content) > left[0]:  # the last one would be cut off
            other.append(f"{name}: too much in one zip, so the rest is left out")
            return
        left[:] = left[0] - len(content), left[1] - 1
        if isinstance(content, str) or not inner.casefold().endswith(".zip"):
            year, month, *rest = entry.date_time  # where there is no date, the month is 0
            yield inner, calendar.timegm((year, min(max(month, 1), 12), *rest, 0, 0, 0)), content
        elif depth >= DEEPEST:
            other.append(f"{inner}: a zip too deep in other zips to be opened")
        else:
            inside = [min(left[0], IN_A_STUDENTS_ZIP), FILES_IN_A_STUDENTS_ZIP]
            read = inside[0]
            yield from _zipped(inner, io.BytesIO(content), depth + 1, inside, other)
            left[0] -= read - inside[0]


def _entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, most: int) -> bytes | str:
    try:
        with archive.open(entry) as opened:
            return _within(opened.read(most + 1))
    except Exception as error:
        return f"the file can't be read out of the zip: {error}"


def _within(content: bytes) -> bytes | str:
    return content if len(content) <= LARGEST else f"the file is larger than {LARGEST // 10**6} MB"


def _told(notebook: dict) -> tuple[str, str]:
    """The sheet and the variant that a notebook's metadata name."""
    told = notebook.get("metadata", {}).get("effnet_course", {})
    named = re.search(r"sheets/(\d\d)_", str(told.get("source", "")))
    return named[1] if named else "", str(told.get("variant", ""))[:20]


def _sheet_in_name(name: str) -> str:
    return next((number for number, stem in stems().items() if stem in name.casefold()), "")


@cache
def stems() -> dict[str, str]:
    """From a sheet's number to how its file is called: "02" to "02_mbconv"."""
    return {path.stem[1:3]: path.stem[1:] for path in Path(*exercises.__path__).glob("s[0-9][0-9]_*.py")}


def _whose(one: Submission, named: bool, changed: float) -> Submission:
    """Reads an LMS's marks out of a path: the outermost ones, since the student names what is further in."""
    number, file = 0, PurePosixPath(one.path).name
    for part in PurePosixPath(one.path).parts:
        if found := CANVAS.fullmatch(part):
            one.lms_id, one.name, one.late = found["user"], found["name"], bool(found["late"])
            number = int(found["number"][:18])
            break
        if found := MOODLE.fullmatch(part):
            one.lms_id, one.name = found["user"], found["name"]
            break
    again = re.search(r"-(\d{1,6})(?= ?\(|\.)", file)
    copy = re.search(r"\((\d{1,6})\)", file)
    one.order = (number, named, int(again[1]) if again else 0, int(copy[1]) if copy else 0, changed, one.path)
    return one


def _by_place(found: list[Submission], stem: str) -> None:
    """Where no LMS has left its marks: the outermost folder that sets files apart, or else the file's own name."""
    folders = [[part for part in PurePosixPath(one.path).parts[:-1]] for one in found]
    shared = 0
    while len(found) > 1 and len({tuple(parts[: shared + 1]) for parts in folders}) == 1 and len(folders[0]) > shared:
        shared += 1
    for one, parts in zip(found, folders, strict=True):
        file = re.sub(r"(-\d+)?( ?\(\d+\))?\.\w+$", "", PurePosixPath(one.path).name)
        own = re.sub(re.escape(stem), "", file, flags=re.IGNORECASE).strip(" _-.")
        one.name = (parts[shared:] or [own or file])[0].removesuffix(".zip")


def _owner(one: Submission, book: dict[str, set[Student]]) -> Student | None:
    name = _letters(one.name)
    names = [name, *(_letters(part) for part in PurePosixPath(one.path).parts)] if not one.lms_id else [name]
    loose = [f"{kind} {n}" for n in names for kind in ("id", "email", "name")]
    for key in [f"lms {one.lms_id}", f"exactly {one.name}", *loose]:
        theirs = [s for s in book.get(key, ()) if not (one.lms_id and s.lms_id) or s.lms_id == one.lms_id]
        if len(theirs) == 1:
            return theirs[0]
    return None


def _keys(student: Student) -> Iterator[str]:
    """All by which a student may be found. A name also last part first, as Canvas writes it."""
    if student.lms_id:
        yield f"lms {student.lms_id}"
    yield f"exactly {student.id}"
    yield f"id {_letters(student.id)}"
    if student.email:
        yield f"email {_letters(student.email)}"
        yield f"email {_letters(student.email.split('@')[0])}"
    last, comma, first = student.name.partition(",")
    parts = f"{first} {last}".split() if comma else student.name.split()
    for k in range(len(parts)):
        yield f"name {_letters(''.join(parts[k:] + parts[:k]))}"


def _letters(text: str) -> str:
    """Only letters and digits, without accents and capitals."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in apart if letter.isalnum())
