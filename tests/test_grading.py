"""Grading a class: whose file is whose, what a submission is worth, and what is reported."""

import csv
import html
import io
import json
import os
import subprocess
import sys
import time
import tracemalloc
import zipfile
from pathlib import Path

import hostile
import numpy
import pytest

from effnet_course import variant
from effnet_course.checking import Foreign, Raised
from effnet_course.cli import main
from effnet_course.exercises import sheet
from effnet_course.grading import batch, marking, report, sandbox, submissions, wire, worker
from effnet_course.grading.marking import mark, tasks
from effnet_course.grading.sandbox import Limits, Sandbox, SandboxError
from effnet_course.grading.submissions import (
    Student,
    Submission,
    SubmissionError,
    find,
    match,
    read_code,
    read_roster,
)

ROOT = Path(__file__).resolve().parents[1]
SEED = 7
LIMITS = Limits(seconds=20, memory=1536)


def cells_of(path):
    return read_code(path.name, path.read_bytes())[0]


def table(path):
    return list(csv.DictReader(io.StringIO(path.read_text())))


# What crosses between the two processes.


@pytest.mark.parametrize(
    "value",
    [
        None, True, 3, -2.5, float("inf"), 10**299, "ñ\ud800", [1, [2.0, None]], (1, (2,)), {"a": [1], 2: (3,)},
        Raised("ValueError", "no", "raise"), Foreign("a module"), [(), {}, ""],
    ],
)  # fmt: skip
def test_plain_data_comes_out_of_the_wire_as_it_went_in(value):
    there = wire.unpack(json.loads(json.dumps(wire.pack(value))))
    assert there == value and type(there) is type(value)


@pytest.mark.parametrize("kind", ["f8", "f4", "i8", "u1", "?", "c16", "U3", ">f8"])
def test_arrays_cross_as_they_are(kind):
    array = numpy.arange(6).reshape(2, 3).astype(kind)
    there = wire.unpack(json.loads(json.dumps(wire.pack(array))))
    assert there.shape == (2, 3) and there.dtype == array.dtype.newbyteorder("<") and (there == array).all()


@pytest.mark.parametrize(
    "tree",
    [
        {}, {"tuple": 3}, {"pickle": "x"}, {"dict": [[[], 1]]}, {"raised": ["a"]}, {"foreign": 3}, {"a": 1, "b": 2},
        {"array": ["<f8", [10**12], ""]}, {"array": ["|O8", [1], "AAAAAAAAAAA="]}, {"array": ["<f8", [-1], "AA=="]},
        {"array": ["<f3", [1], "AAAA"]}, {"array": ["<f8", [2], "AAAAAAAAAAA="]}, {"array": ["<f8", [1], "%"]},
    ],
)  # fmt: skip
def test_what_student_code_could_send_in_its_place_is_refused(tree):
    with pytest.raises((ValueError, TypeError)):
        wire.unpack(tree)


def test_numbers_and_lists_beyond_measure_are_not_plain_data():
    deep = 1
    for _ in range(100):
        deep = [deep]
    assert wire.unpack(10**400) == Foreign("a number of more than 300 digits")
    assert "too deep" in str(wire.unpack(deep))
    assert wire.unpack({"array": ["<f8", [2, 3, 0], ""]}).shape == (2, 3, 0)
    assert "more places" in str(wire.unpack({"array": ["<f8", [10**5, 10**5, 0], ""]}))  # 10 billion lists, as lists
    assert "a text of more" in str(wire.unpack(["x" * 10_000])[0])  # numpy gives every text the room of the longest
    with pytest.raises(ValueError):
        wire.unpack({"array": ["<U0", [9, 9], ""]})


def test_no_pickle_is_read_in_the_grader():
    sources = [path.read_text() for path in (ROOT / "effnet_course/grading").glob("*.py")]
    assert sources and not any("import pickle" in text or "allow_pickle" in text for text in sources)


# The worker's side: cells as a notebook's.


@pytest.fixture
def notebook(monkeypatch):
    for name in ("check", "hint"):
        monkeypatch.setattr(worker.checking, name, None)
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    return worker.Notebook({"answer": []})


@pytest.mark.parametrize(
    "cells, output",
    [
        (["def answer(): return 1", "def answer(): return 2"], 2),
        (["def answer(): return 1", "answer = answer()"], 1),
        (["def answer(): return 1", "def answer():\n    '''Text.'''\n    raise NotImplementedError('Your turn')"], 1),
        (["answer = lambda: 1"], 1),
        (["1 / 0\ndef answer(): return 1"], 1),
        (["%time 3\n!rm -rf /\nx = !ls\ndef answer():\n    %timeit 1\n    return 1\nanswer?"], 1),
        (["%%bash\nrm -rf /", "%%time\ndef answer(): return 1"], 1),
        (["answer = 1 %\\\n2", "def answer(): return 5 %\\\n3"], 2),
        (["from __future__ import annotations\ndef answer(x: Missing = 3): return x"], 3),
        (["from dataclasses import dataclass\n@dataclass\nclass A:\n    x: 'int' = 4\ndef answer(): return A().x"], 4),
        (["raise SystemExit", "check('02.1', None)", "def answer(): return 1"], 1),
        (["from effnet_course.checking import check\ncheck('02.1', 3)\ndef answer(): return 1"], 1),
        (["if __name__ == '__main__':\n    display(3)\n    answer = lambda: 1"], 1),
    ],
)
def test_functions_are_found_by_name_whatever_became_of_the_cells(notebook, cells, output):
    for number, cell in enumerate(cells, 1):
        notebook.run_cell(cell, number)
    assert wire.unpack(notebook.call("answer", {}, 1000)) == output


def test_an_error_names_the_line_of_the_students_own_code(notebook):
    notebook.run_cell("def answer(x):\n    return x / 0", 1)
    [kind, _, line] = notebook.call("answer", {"x": 1}, 1000)["raised"]
    assert (kind, line) == ("ZeroDivisionError", "return x / 0")


# Whose file is whose.


def test_canvas_moodle_zips_and_folders_are_all_understood(tmp_path):
    sheet_02 = (ROOT / "exercises/02_mbconv.ipynb").read_bytes()
    sheet_03 = (ROOT / "exercises/03_squeeze_excitation.ipynb").read_bytes()

    def put(name, content=sheet_02):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    put("doejane_LATE_11_55501_02_mbconv-1.ipynb")
    put("poeeva_12_55502_homework (1).ipynb")
    put("Marie Ñandú_13_assignsubmission_file_/02_mbconv.ipynb")
    put("poeeva_12_55502_03_squeeze_excitation.ipynb", sheet_03)
    put("poeeva_12_55502_essay.pdf", b"%PDF")
    put(".ipynb_checkpoints/x.ipynb")
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("../../etc/02_mbconv.ipynb", sheet_02)
    with zipfile.ZipFile(tmp_path / "class.zip", "w") as archive:
        archive.writestr(zipfile.ZipInfo("Ito Ai_16_assignsubmission_file_a\nb.py", (1980, 0, 0, 0, 0, 0)), "x = 1")
        archive.writestr("Lee Bo_14_assignsubmission_file_/work.zip", inner.getvalue())
        archive.writestr("/Kim Al_15_assignsubmission_file_02_mbconv.py", "x = 1")
    (tmp_path / "link.ipynb").symlink_to("/etc/hostname")

    found, other = find(tmp_path, "02")
    assert {(one.lms_id, one.late) for one in found} == {
        ("11", True), ("12", False), ("13", False), ("14", False), ("15", False),
        ("16", False),
    }  # fmt: skip
    assert {line.split(": ")[1] for line in other} == {
        "it is of sheet 03", "not a notebook", "a link, which is not followed"
    }  # fmt: skip
    assert not any(one.problem for one in found)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_file_that_is_damaged_in_a_zip_costs_no_other(tmp_path, method):
    path = tmp_path / "class.zip"
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("s1/02_mbconv.py", "x = 1" * 100)
        archive.writestr("s2/02_mbconv.py", "x = 2")
    content = path.read_bytes()
    path.write_bytes(content[:48] + bytes(byte ^ 255 for byte in content[48:52]) + content[52:])
    one, two = find(path, "02")[0]
    assert "can't be read out of the zip" in one.problem and two.cells == ["x = 2"]


def test_a_zip_gives_no_more_than_it_may(tmp_path, monkeypatch):
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as archive:
        for k in range(700):
            archive.writestr(f"{k}.py", "x = 1")
    with zipfile.ZipFile(tmp_path / "class.zip", "w") as archive:
        archive.writestr("doe_11_55501_work.zip", inner.getvalue())
        archive.writestr("roe_12_55502_02_mbconv.py", "x = 1")
    found, other = find(tmp_path, "02")
    assert [one.lms_id for one in found] == ["11"] * 500 + ["12"] and "the rest is left out" in other[0]
    assert len(match(found, [])[0]) == 2


def test_what_is_too_large_or_too_deep_is_said_and_not_read(tmp_path, monkeypatch):
    def zipped(**files):
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                archive.writestr(f"{name}.{'py' if isinstance(content, str) else 'zip'}", content)
        return made.getvalue()

    monkeypatch.setattr(submissions, "LARGEST", 2000)
    monkeypatch.setattr(submissions, "IN_A_STUDENTS_ZIP", 3000)
    large, small = "x = 1\n" * 400, "x = 1\n" * 200
    (tmp_path / "s1.py").write_text(large)
    (tmp_path / "class.zip").write_bytes(zipped(s2=large, s3=small, s4=zipped(a=small, b=small, c=small, d=small),
                                                s5=zipped(a=small, b=zipped(c=small))))  # fmt: skip
    found, other = find(tmp_path, "02")
    whole = {one.path for one in found if not one.problem}
    assert whole == {"class.zip/s3.py", *(f"class.zip/s4.zip/{k}.py" for k in "ab"), "class.zip/s5.zip/a.py"}
    assert {one.path: "larger than" in one.problem for one in found if one.problem} == {
        "s1.py": True, "class.zip/s2.py": True}  # fmt: skip
    assert sorted(line.split(": ")[1] for line in other) == [
        "a zip too deep in other zips to be opened", "too much in one zip, so the rest is left out"]  # fmt: skip
    monkeypatch.setattr(submissions, "CODE", 100)
    assert "more than 100 characters of code" in read_code("a.py", small.encode())[3]


def test_ten_thousand_files_of_one_student_are_no_burden():
    found = [Submission(f"{k}.py", ["x"], lms_id="1", order=(k,)) for k in range(4000)]
    tracemalloc.start()
    counted, _ = match(found, [])
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(counted["1"].earlier) == 3999 and most < 8e6
    [row] = report.rows(counted, [], [], {"3999.py": ([], [])}, 0)
    assert len(row.notes) == 21 and "3999 older files" in row.notes[0]


@pytest.mark.parametrize(
    "name, lms_id",
    [
        ("doejane_11_55501_Eve Roe_12_assignsubmission_file_.ipynb", "11"),
        ("doejane_11_55501_roeeve_12_55502_02_mbconv.ipynb", "11"),
        ("Jane Doe_11_assignsubmission_file_/roeeve_12_55502_02_mbconv.ipynb", "11"),
    ],
)
def test_a_file_name_cannot_make_it_another_students(tmp_path, name, lms_id):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("{}")
    assert find(tmp_path, "02")[0][0].lms_id == lms_id


def test_without_an_lms_the_folder_or_the_name_says_who(tmp_path):
    for name in ("all/s1/exercises/02_mbconv.ipynb", "all/s2/exercises/02_mbconv (2).ipynb", "all/s3_02_mbconv.ipynb"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("{}")
    assert sorted(one.name for one in find(tmp_path, "02")[0]) == ["s1", "s2", "s3"]


@pytest.mark.parametrize(
    "text, first",
    [
        ("Student,ID,SIS User ID,Section\n  Points Possible,,,\n\"Doe, Jane\",11,s01,A\n", ("s01", "11", "Doe, Jane")),
        ("Identifier;Full name;Email address\nParticipant 11;Jane Doe;jd@x.org\n", ("11", "11", "Jane Doe")),
        ("\ufeffid,first name,last name\ns01,Jane,Doe\n", ("s01", "", "Jane Doe")),
        ("Last name\tGiven name\tStudent ID\tCanvas ID\nDoe\tJane\ts01\t11\n", ("s01", "11", "Jane Doe")),
    ],
)
def test_rosters_as_systems_export_them(tmp_path, text, first):
    (tmp_path / "roster.csv").write_text(text)
    [student] = read_roster(tmp_path / "roster.csv")
    assert (student.id, student.lms_id, student.name) == first


@pytest.mark.parametrize(
    "text, said",
    [
        ("", "is empty"), ("a,b\n1,2\n", "no column for an id"), ("id\n1\n1\n", "has 1 twice"), ("id\n", "no one"),
        ('id,name\n1,"Bo\n2,Al\n', "quote in it is not closed"), ("PK\3\4\0\x1b[2J,\n", "no column for an id"),
    ],
)  # fmt: skip
def test_a_roster_that_will_not_do_is_a_sentence(tmp_path, text, said):
    (tmp_path / "roster.csv").write_text(text)
    with pytest.raises(SubmissionError, match=said):
        read_roster(tmp_path / "roster.csv")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_a_roster_as_a_spreadsheet_saves_it(tmp_path, encoding):
    (tmp_path / "roster.csv").write_bytes("id;name\r\ns1;Jörg Müller\r\n".encode(encoding))
    assert [(one.id, one.name) for one in read_roster(tmp_path / "roster.csv")] == [("s1", "Jörg Müller")]


def test_students_are_found_by_lms_id_id_email_or_name_and_by_no_two_at_once(tmp_path):
    (tmp_path / "roster.csv").write_text(
        "id,name,lms id,email\ns1,\"Doe, Jane\",11,\ns2,Zoë van Dyk,,\ns3,Al Kim,,al@x.org\ns4,Bo Lee,,\ns5,Bo Lee,,\n"
        "S4,Ida Ek,,\n"
    )
    made = [("11", "whoever"), ("", "dykzoëvan"), ("", "al"), ("", "Bo Lee"), ("", "s4"), ("", "s1"), ("99", "s1"),
            ("99", "Doe Jane"), ("", "S4")]  # fmt: skip
    found = [Submission(f"{k}.ipynb", ["x"], lms_id=lms, name=name, order=(k,)) for k, (lms, name) in enumerate(made)]
    counted, strangers = match(found, read_roster(tmp_path / "roster.csv"))
    assert {id: one.path[0] for id, one in counted.items()} == {"s1": "5", "s2": "1", "s3": "2", "s4": "4", "S4": "8"}
    assert [one.path[0] for one in strangers] == ["3", "7"]  # 99 has another LMS id than s1, and is one stranger
    assert counted["s1"].earlier == ["0.ipynb"]


def test_of_several_files_the_newest_counts(tmp_path):
    for name in ("doe_1_500_02_mbconv.ipynb", "doe_1_700_02_mbconv-1.ipynb", "doe_1_700_02_mbconv-2.ipynb",
                 "doe_1_700_utils.py"):  # fmt: skip
        (tmp_path / name).write_text("{}")
    counted, _ = match(find(tmp_path, "02")[0], [])
    assert counted["1"].path == "doe_1_700_02_mbconv-2.ipynb" and len(counted["1"].earlier) == 3


@pytest.mark.parametrize("name", hostile.FILES)
def test_a_broken_file_is_a_sentence(name):
    cells, _, _, problem = read_code("a.ipynb", hostile.FILES[name])
    assert not cells and problem and "Error" not in problem


# What a submission is worth.


@pytest.mark.parametrize("number", ["02", pytest.param("rest", marks=pytest.mark.slow)])
def test_every_solved_sheet_gets_full_marks_and_every_empty_one_none(box, number):
    released = [path.name[:2] for path in sorted((ROOT / "solutions").glob("*.ipynb"))]
    assert "02" in released
    for key in [number] if number != "rest" else [key for key in released if key != "02"]:
        [solved], [empty] = (sorted((ROOT / folder).glob(f"{key}_*.ipynb")) for folder in ("solutions", "exercises"))
        todo = tasks(sheet(key), SEED)
        marks, notes = mark(cells_of(solved), todo, box)
        assert [one.points for one in marks] == [one.points for one in sheet(key)], [one.message for one in marks]
        assert not notes
        marks, notes = mark(cells_of(empty), todo, box)
        assert {(one.points, one.verdict) for one in marks} == {(0, "not answered")} and not notes


def test_credit_goes_by_case_and_never_reaches_the_whole(box):
    todo = tasks(sheet("02"), SEED)
    cell = hostile.RIGHT.replace("return counts", "return counts if len(stages) < 4 else 0")
    *_, one, _ = mark([cell], todo, box)[0]
    assert one.verdict == "partly right" and 0 < one.right < one.cases
    assert one.points == int(2 * one.right / one.cases * 10) / 10 < 2
    assert f"{one.points:g} of 2 points · {one.right} of {one.cases} cases" in one.message


def test_a_mistake_that_is_known_is_named_and_a_helper_earns_nothing(box):
    todo = tasks(sheet("02"), SEED)
    known = "def residual_blocks(stem, stages):\n    return [repeats - 1 for *_, repeats in stages]"
    helped = "from effnet_course import arch\n" + hostile.RIGHT.replace("return", "arch.B0\n    return")
    wrong, used = (mark([cell], todo, box)[0][4] for cell in (known, helped))
    assert wrong.misconception in {m.name for m in sheet("02")[4].misconceptions}
    assert (used.verdict, used.points) == ("helper", 0) and "arch" in used.message


def test_to_look_for_who_asks_for_the_answers_takes_no_time():
    begun = time.process_time()
    assert not marking._asks_for_answers("effnet_course import " * 2000 + "# exercises")
    assert marking._asks_for_answers("x = 1\nfrom effnet_course import exercises")
    assert time.process_time() - begun < 0.5


def test_cells_without_end_come_to_one_and_errors_without_end_fill_no_log(box, monkeypatch):
    todo = tasks(sheet("02"), SEED)
    notes = mark([hostile.RIGHT, *["1 / 0\nx.reference"] * 60], todo, box)[1]
    assert len(notes) == marking.NOTES
    monkeypatch.setattr(marking, "CELLS", 0.005)
    marks, notes = mark([hostile.RIGHT, *["pass"] * 20_000], todo, box)
    assert marks[4].points == 2 and notes[0].endswith("on were not run")


def test_what_cannot_be_compared_takes_no_credit_from_the_other_cases(monkeypatch):
    task = tasks(sheet("02"), SEED)[4]
    outputs = [task.exercise.reference(**case) for case in task.cases]
    outputs[0] = odd = "odd"
    judge = marking.judge
    monkeypatch.setattr(marking, "judge", lambda e, c, out: 1 / 0 if odd in out else judge(e, c, out))
    assert marking._judged(task, outputs, []).right == len(task.cases) - 1


def test_a_worker_that_does_not_come_up_is_not_the_students_fault(monkeypatch):
    with Sandbox(LIMITS, protected=False) as broken:
        monkeypatch.setattr(broken, "_command", lambda: ["false"])
        with pytest.raises(SandboxError, match="before any student code ran"):
            mark(["x = 1"], tasks(sheet("02"), SEED)[:1], broken)


def test_what_other_users_left_is_not_touched(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "effnet-grade-x").mkdir()
    (tmp_path / "effnet-grade-x/lock").touch()
    monkeypatch.setattr(os, "geteuid", lambda: -1)
    sandbox._clear_after_the_dead()
    assert (tmp_path / "effnet-grade-x/lock").exists()


def test_one_worker_serves_all_exercises_and_the_sandbox_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    sandbox = Sandbox(LIMITS, protected=False)
    with sandbox:
        started = []
        begin = sandbox.start
        sandbox.start = lambda *arguments: started.append(1) or begin(*arguments)
        marks, _ = mark(cells_of(ROOT / "solutions/02_mbconv.ipynb"), tasks(sheet("02"), SEED), sandbox)
        assert sum(one.points for one in marks) == 21 and len(started) == 1
        folder, dead = sandbox._folder, sandbox._folder.parent / "effnet-grade-of-the-dead"
        dead.mkdir()
        (dead / "lock").touch()
        with Sandbox(LIMITS, protected=False):  # clears away what a killed grader left, and nothing else
            assert folder.exists() and not dead.exists()
    assert not folder.exists()


def test_without_bubblewrap_nothing_runs_unless_that_is_wanted(monkeypatch, tmp_path):
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(SandboxError, match="no `bwrap` here.*--unprotected"):
        Sandbox(LIMITS)
    with Sandbox(LIMITS, protected=False) as sandbox:
        assert sandbox.description.startswith("UNPROTECTED")


# The whole class.


@pytest.fixture
def course(tmp_path):
    """A folder of submissions, a seed and a roster; and how to grade them."""
    folder, seed, roster = tmp_path / "handed in", tmp_path / "seed", tmp_path / "roster.csv"
    folder.mkdir()
    seed.write_text("a seed that nobody knows")
    roster.write_text(
        'id,name,lms id\ns1,Jane Doe,11\ns2,"=HYPERLINK(""http://x"")",12\n-s3,名字 <b>,13\ns4,Nobody,14\n',
        encoding="utf-8",
    )
    (folder / "doejane_LATE_11_55501_02_mbconv.ipynb").write_bytes((ROOT / "solutions/02_mbconv.ipynb").read_bytes())
    (folder / "\udcfc\x1b[2J_12_55502_02_mbconv.ipynb").write_bytes((ROOT / "exercises/02_mbconv.ipynb").read_bytes())
    (folder / "y_13_55503_02_mbconv.ipynb").write_bytes(b"{")
    (folder / "eve_19_55504_02_mbconv.ipynb").write_bytes(
        hostile.notebook(hostile.RIGHT, hostile.swish("return '<script>alert(1)</script>'"))
    )

    def grade(*more):
        out = tmp_path / "report"
        options = ["--sheet", "2", "--seed-file", str(seed), "--out", str(out), "--roster", str(roster), *more]
        return main(["grade", str(folder), *options]), out

    return grade


def test_a_class_gets_marks_feedback_items_and_a_log(course, box, capsys):
    status, out = course("--late", "10")
    assert status == 0, capsys.readouterr().err
    rows = {row["lms id"]: row for row in table(out / "marks.csv")}
    assert [row["id"] for row in rows.values()] == ["s1", "s2", "'-s3", "s4", "unknown: eve"]
    assert rows["12"]["name"] == "'=HYPERLINK(\"http://x\")"
    assert {lms: row["status"] for lms, row in rows.items()} == {
        "11": "graded", "12": "graded", "13": "not readable", "14": "nothing handed in", "19": "not on the roster"
    }  # fmt: skip
    assert [row["total"] for row in rows.values()] == ["18.9", "0", "0", "0", "2"]
    assert rows["11"]["late"] == "late" and rows["11"]["02.6"] == "4" and rows["11"]["out of"] == "21"
    assert (out / "marks.csv").read_text().count('"') == 2 * 15 * 6 + 4

    pages = {lms: (out / row["feedback"]).read_text() for lms, row in rows.items() if row["feedback"]}
    assert set(pages) == {"11", "12", "13", "19"}
    assert "18.9 of 21 points" in pages["11"] and "There is no <code>mbconv</code>" in pages["12"]
    assert "not JSON" in pages["13"] and "名字 &lt;b&gt;" in pages["13"]
    for page in pages.values():
        assert "<script" not in page and "src=" not in page and "href=" not in page
        assert "Content-Security-Policy" in page and "default-src 'none'" in page
    log = (out / "log.txt").read_text()
    assert "late: 10 % of the points taken off" in log and "bubblewrap" in log
    items = table(out / "items.csv")
    assert [(row["exercise"], row["students"], row["all right"]) for row in items[:6]] == [
        (exercise.id, "3", "2" if exercise.id == "02.5" else "1") for exercise in sheet("02")
    ]
    assert 'role="img"' in (out / "items.html").read_text()


def test_the_marks_of_another_sheet_are_not_written_over(course, tmp_path, capsys):
    (tmp_path / "report").mkdir()
    (tmp_path / "report/marks.csv").write_text('"id","03.1"\n')
    assert course()[0] == 1
    assert "is not one of sheet 02" in capsys.readouterr().err
    assert (tmp_path / "report/marks.csv").read_text() == '"id","03.1"\n'


def test_no_two_ids_share_a_page_and_every_disk_takes_its_name():
    ids = ["a b", "a.b", "A.b", "名字" * 60, "名字" * 59, "x" * 300, "../etc/passwd", "", "..", "a\nb", "\udcfc", "é"]
    pages = [report.Row(id, "", "", "").page for id in ids]
    pages.append(report.Row(pages[0].removesuffix(".html"), "", "", "").page)
    assert len({page.casefold() for page in pages}) == len(pages)
    assert all(len(page.encode()) < 200 and "/" not in page and "\n" not in page for page in pages)


def test_graded_again_nothing_is_run_and_the_report_is_the_same(course, box, monkeypatch):
    _, out = course()
    before = {path.name: path.read_bytes() for path in out.rglob("*.*") if path.is_file()}
    monkeypatch.setattr(batch, "mark", None)
    assert course()[0] == 0
    assert before == {path.name: path.read_bytes() for path in out.rglob("*.*") if path.is_file()}
    course("--time", "5")
    assert "the grader itself failed" in (out / "log.txt").read_text(), "with other limits it is run again"
    kept = sorted((out / "results").iterdir())
    kept[0].write_text(kept[0].read_text()[:100])  # a result that is cut short is made again
    monkeypatch.setattr(batch, "mark", mark)
    assert course()[0] == 0
    assert before == {path.name: path.read_bytes() for path in out.rglob("*.*") if path.is_file()}


def test_all_that_decides_a_result_is_in_its_name(tmp_path):
    def name(seed="sixteen characters and more", number="05", cell="x = 1", student="s1", variants=False, limit=20):
        (tmp_path / "seed").write_text(seed)
        one = Submission("a.ipynb", [cell], student=Student(student, "", ""))
        return batch.Cases(number, tmp_path / "seed", variants).name(one, [limit])

    usual = name()
    assert usual == name() == name(student="s2")
    changes = ({"seed": "another seed of many letters"}, {"number": "08"}, {"cell": "x = 2"}, {"variants": True},
               {"limit": 5})  # fmt: skip
    assert len({usual, *(name(**change) for change in changes)}) == 6


def test_a_class_that_was_given_variants_is_asked_each_its_own(tmp_path, box, capsys):
    seed, folder = b"a seed that nobody has", tmp_path / "in"
    (tmp_path / "seed").write_bytes(seed)
    folder.mkdir()
    values = {f"s{n}": variant.settings("05", variant.key(seed, "05", f"s{n}"))["05.2"] for n in range(9)}
    honest = "s0"
    copier = next(id for id in values if values[id] != values[honest])
    solved = (ROOT / "solutions/05_one_dimension.ipynb").read_text()
    theirs = variant.notebook(solved, "05", variant.key(seed, "05", honest), honest)
    for id, text in ((honest, theirs), (copier, theirs), ("other", solved)):
        made = json.loads(text)
        made["cells"] = [cell for cell in made["cells"] if "def blocks_to_cover" in "".join(cell["source"])]
        made["cells"][0]["source"] = ["import math\n", *made["cells"][0]["source"]]
        (folder / f"{id}_05_one_dimension.ipynb").write_text(json.dumps(made))

    def grade(*more):
        options = ["--sheet", "05", "--seed-file", str(tmp_path / "seed"), "--out", str(tmp_path / "out"), *more]
        assert main(["grade", str(folder), *options]) == 0, capsys.readouterr().err
        return {row["id"]: row for row in table(tmp_path / "out/marks.csv")}, (tmp_path / "out/log.txt").read_text()

    rows, log = grade("--variants")
    full = f"{sheet('05')[1].points:g}"
    assert [rows[id]["05.2"] == full for id in (honest, copier, "other")] == [True, False, False]
    held = [row for row in table(tmp_path / "out/items.csv") if row["kind"] == "misconception"]
    assert [(row["title"], row["students"]) for row in held] == [("answers the published sheet", "1")]
    assert log.count("it is the variant of another student") == 1 and "is --variants missing?" not in log
    rows, log = grade()
    assert [rows[id]["05.2"] == full for id in (honest, copier, "other")] == [False, False, True]
    assert log.count("is --variants missing?") == 2


def test_the_item_report_counts_shares_outcomes_and_misconceptions():
    exercise = sheet("02")[0]
    held = exercise.misconceptions[0]
    came_to = [("right", 1, None), ("partly right", 0.5, None), ("wrong", 0, held.name), ("error", 0, None),
               ("stopped", 0, None), ("not answered", 0, None), ("wrong", 0, held.name),
               ("right", 1, None)]  # fmt: skip
    marks = [
        report.Mark(exercise.id, verdict, share * exercise.points, 0, 1, name, "")
        for verdict, share, name in came_to
    ]
    rows = [report.Row(str(k), "", "", "graded", marks=[mark]) for k, mark in enumerate(marks)]
    made = report.Report("02", [exercise], rows, [], "", LIMITS)
    head, one, *names = report.items(made)
    assert dict(zip(head[3:], one[3:], strict=True)) == {
        "students": "8", "mean share of points": "0.31", "all right": "2", "right in some cases": "1", "wrong": "4",
        "not answered": "1", "discrimination": "",
    }  # fmt: skip
    assert [row[:5] for row in names] == [[exercise.id, held.name, "misconception", "2", "0.25"]]
    page = report.items_page(made, [head, one, *names])
    assert html.escape(held.name) in page and html.escape(held.hint) in page
    assert "2 right, 1 in some cases, 4 wrong, 1 not answered" in page


def test_a_submission_that_the_grader_stumbles_over_does_not_stop_the_batch(course, box, monkeypatch, capsys):
    def stumble(cells, *rest):
        if cells[0] == hostile.RIGHT:
            raise KeyError("never thought of")
        return mark(cells, *rest)

    monkeypatch.setattr(batch, "mark", stumble)
    status, out = course()
    rows = {row["lms id"]: row for row in table(out / "marks.csv")}
    assert status == 0 and rows["11"]["total"] == "21" and rows["19"]["total"] == "0"
    assert "the grader itself failed" in (out / "log.txt").read_text()
    assert "1 of them not graded, by a fault of the grader" in capsys.readouterr().err


def test_what_is_missing_is_a_sentence(tmp_path, capsys):
    (tmp_path / "seed").write_text(" \n")
    (tmp_path / "sub").mkdir()
    tries = [("sub", "seed", "is empty"), ("sub", "gone", "can't be read"), ("none", "there", "There is no"),
             ("sub", "there", "no notebook of sheet 02")]  # fmt: skip
    (tmp_path / "there").write_text("x")
    for folder, seed, said in tries:
        options = ["--sheet", "02", "--seed-file", str(tmp_path / seed), "--out", str(tmp_path / "out")]
        assert main(["grade", str(tmp_path / folder), *options]) == 1
        assert said in capsys.readouterr().err
    assert main(["grade", str(tmp_path), *options]) == 1
    assert "lies among the submissions" in capsys.readouterr().err
    assert main(["grade", str(tmp_path), "--sheet", "77", *options[2:]]) == 1
    assert "There is no sheet 77" in capsys.readouterr().err


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-x", "@SUM(A1)", "\t=1", "  =1", "|cmd", "a\r\n=1", "＝1", "\u00a0=1"])
def test_no_cell_is_a_formula(cell):
    made = report.harmless(cell)
    assert made == "a =1" if cell[0] == "a" else made[0] == "'"


def test_discrimination_is_a_correlation_with_the_rest_and_needs_a_class():
    def row(*points):
        return report.Row("", "", "", "graded", marks=[report.Mark("", "", p, 0, 1, None, "") for p in points])

    rising = [row(k, k, 10 - k) for k in range(10)]
    assert report.discrimination(rising, 2) == "-1.00"
    assert report.discrimination([row(k, 2 * k) for k in range(10)], 0) == "1.00"
    assert report.discrimination(rising[:9], 2) == "" == report.discrimination([row(1, k) for k in range(10)], 0)


@pytest.mark.slow
def test_killed_ten_times_the_marks_are_the_same(tmp_path, box):
    folder, seed = tmp_path / "in", tmp_path / "seed"
    folder.mkdir()
    seed.write_text("kills")
    sources = cells_of(ROOT / "solutions/02_mbconv.ipynb")
    for k in range(12):
        cells = [*sources[: 3 + k % 6], f"number = {k}"]
        (folder / f"s_{k + 1}_5550{k}_02_mbconv.ipynb").write_bytes(hostile.notebook(*cells))
    base = [sys.executable, "-m", "effnet_course.cli", "grade", str(folder), "--sheet", "02", "--seed-file", str(seed)]
    straight = subprocess.run([*base, "--out", str(tmp_path / "a"), "--workers", "2"], capture_output=True, text=True)
    assert straight.returncode == 0, straight.stderr
    waits = numpy.random.default_rng(3).uniform(0.5, 5, 10)
    out = tmp_path / "b"
    done = [len(list(out.glob("results/*.json"))) for wait in waits if not _killed(base, out, wait)]
    assert subprocess.run([*base, "--out", str(out), "--workers", "2"]).returncode == 0
    assert done == sorted(done)  # what was marked stayed
    for name in ("marks.csv", "items.csv", "log.txt", "items.html"):
        assert (tmp_path / "a" / name).read_bytes() == (out / name).read_bytes()


def _killed(base, out, seconds):
    """Start the grader and kill it after so many seconds; whether it was through before."""
    process = subprocess.Popen([*base, "--out", str(out), "--workers", "2"], stdout=subprocess.DEVNULL)
    try:
        process.wait(seconds)
        return True
    except subprocess.TimeoutExpired:
        os.kill(process.pid, 9)
        process.wait()
        return False


def test_a_folder_that_another_grader_clears_at_the_same_time_is_no_matter(tmp_path, monkeypatch):
    monkeypatch.setattr(sandbox.tempfile, "gettempdir", lambda: str(tmp_path))
    (tmp_path / "effnet-grade-left").mkdir()
    (tmp_path / "effnet-grade-left/lock").touch()
    gone = tmp_path / "effnet-grade-gone/lock"
    monkeypatch.setattr(sandbox.Path, "glob", lambda self, pattern: [gone, tmp_path / "effnet-grade-left/lock"])
    sandbox._clear_after_the_dead()
    assert not list(tmp_path.iterdir())
