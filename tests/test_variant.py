"""Variants of a sheet: everybody's own numbers, from a secret seed, checked by the same code."""

import errno
import json
import os
import re
from pathlib import Path
from statistics import NormalDist

import pytest

from effnet_course import checking, cli, variant
from effnet_course.checking import judge, run
from effnet_course.exercises import sheet, sheets

ROOT = Path(__file__).resolve().parents[1]
SEED = b"a seed for these tests alone"
FILES = {path.name[:2]: path for path in sorted((ROOT / "solutions").glob("*.ipynb"))}
VARYING = [exercise for number in sheets() for exercise in sheet(number) if exercise.varies]


@pytest.fixture(autouse=True)
def _published(monkeypatch, tmp_path):
    monkeypatch.setattr(checking, "_VARIANT", "")
    monkeypatch.setenv("EFFNET_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("NBGRADER_EXECUTION", raising=False)


def keys(exercise):
    """For each value that the exercise may take, a key that draws it."""
    found = {}
    for n in range(1000):
        own = variant.key(SEED, exercise.id[:2], f"student {n}")
        found.setdefault(str(checking.drawn(exercise, own)), own)
    assert len(found) == len(exercise.varies.values)
    return list(found.values())


def solved(number, own):
    """What is defined when the solved variant has run, but for its checks."""
    made = json.loads(variant.notebook(FILES[number].read_text(), number, own, "4711"))
    names = {}
    for cell in made["cells"]:
        text = "".join(cell["source"])
        if cell["cell_type"] == "code" and "def " in text or text.startswith(("import", "from")):
            if "doctor" not in text:
                exec(compile(text, f"variant of sheet {number}", "exec"), names)
    return names


def verdict(exercise, answer, seed=3):
    cases = exercise.cases(seed)
    return judge(exercise, cases, run(answer, cases))


def test_there_are_exercises_that_vary_in_at_least_two_sheets():
    assert len({exercise.id[:2] for exercise in VARYING}) >= 2


@pytest.mark.parametrize("exercise", VARYING, ids=lambda exercise: exercise.id)
def test_the_solved_variant_passes_its_own_check_and_no_other_answer_does(exercise):
    number = exercise.id[:2]
    answers = {own: solved(number, own)[exercise.function] for own in keys(exercise)}
    for own, answer in answers.items():
        checking.variant(own)
        assert checking.check(exercise.id, answer).passed
        copied = checking.check(exercise.id, exercise.reference)
        assert copied.misconception == "answers the published sheet", copied.message
        for other, theirs in answers.items():
            assert (other == own) == checking.check(exercise.id, theirs).passed
            assert (other == own) == verdict(checking.varied(exercise, own), theirs).passed
    checking._VARIANT = ""
    assert not any(checking.check(exercise.id, answer).passed for answer in answers.values())


@pytest.mark.parametrize("exercise", VARYING, ids=lambda exercise: exercise.id)
def test_every_mistake_is_named_in_every_variant_too(exercise):
    for own in keys(exercise):
        made = checking.varied(exercise, own)
        for answer in (made.reference, *made.other_answers):
            assert verdict(made, answer).passed
        for misconception in made.misconceptions:
            assert verdict(made, misconception.answer).misconception == misconception.name, own


@pytest.mark.parametrize("exercise", VARYING, ids=lambda exercise: exercise.id)
def test_a_variant_s_text_says_its_values_and_its_worked_number(exercise):
    number, worked = exercise.id[:2], set()
    before = {cell["id"]: "".join(cell["source"]) for cell in json.loads(FILES[number].read_text())["cells"]}
    for published, _ in exercise.varies.phrases:
        assert sum(text.count(published) for text in before.values()) == 1, published
    for own in keys(exercise):
        made = variant.notebook(FILES[number].read_text(), number, own, "4711")
        for published, template in exercise.varies.phrases:
            assert json.dumps(template.format(**checking.drawn(exercise, own)), ensure_ascii=False)[1:-1] in made
            assert json.dumps(published, ensure_ascii=False)[1:-1] not in made
        texts = ["".join(cell["source"]) for cell in json.loads(made)["cells"]]
        [prose] = [text for text in texts if text.startswith(f"## {exercise.id} ·")]
        [(call, printed)] = re.findall(rf"`{exercise.function}(\([^`]*\))` is `([^`]+)`", prose)
        result = eval(f"answer{call}", {"answer": checking.varied(exercise, own).reference})
        result = result if isinstance(result, tuple) else (result,)
        for shown, value in zip(printed.strip("()").split(", "), result, strict=True):
            assert float(shown) == pytest.approx(value, abs=0.6 * 10.0 ** -len(shown.partition(".")[2]))
        worked.add(printed)
    assert len(worked) == len(exercise.varies.values)


def test_the_stretches_of_exercise_05_2_are_those_of_the_normal_law():
    [exercise] = [exercise for exercise in VARYING if exercise.id == "05.2"]
    for values in [*exercise.varies.values, {"percent": 90, "reach": 1.645, "stretch": 3.29}]:
        reach = NormalDist().inv_cdf(0.5 + values["percent"] / 200)
        assert values["reach"] == pytest.approx(reach, abs=6e-4)
        assert values["stretch"] == pytest.approx(2 * reach, abs=6e-3)
        blocks = checking.varied(exercise, "").varies.make(**values).reference
        assert all(max(blocks(**case)) <= 1000 for seed in range(40) for case in exercise.cases(seed)), "its hint"
    dearest = {"resolution": 64, "first": [[3, 1], [3, 1]], "kernel": 3}
    assert max(exercise.varies.make(**exercise.varies.values[0]).reference(**dearest)) <= 1000


@pytest.mark.parametrize("number", FILES)
def test_every_sheet_has_variants_whose_cases_differ(number):
    own = variant.key(SEED, number, "4711")
    for folder in ("exercises", "solutions"):
        text = (ROOT / folder / FILES[number].name).read_text()
        made = json.loads(variant.notebook(text, number, own, "4711"))
        assert made["metadata"]["effnet_course"]["variant"] == own
        assert "colab" not in "".join(made["cells"][0]["source"])
        assert sum(f'variant("{own}")' in "".join(cell["source"]) for cell in made["cells"]) == 1
    tried, exercise = [], sheet(number)[0]
    checking.variant(own)
    checking.check(exercise.id, lambda **case: tried.append(case))
    assert str(tried) == str(exercise.cases(int(own, 16))) != str(exercise.cases(0))


def test_a_variant_without_a_value_that_varies_keeps_the_sheet_s_words():
    own = variant.key(SEED, "02", "4711")
    assert variant.settings("02", own) == {}
    text = FILES["02"].read_text()
    pairs = zip(json.loads(text)["cells"], json.loads(variant.notebook(text, "02", own, "x"))["cells"], strict=True)
    changed = [before["id"] for before, after in pairs if "".join(before["source"]) != "".join(after["source"])]
    assert len(changed) == 2, "the line under the title and the imports"


def test_the_line_under_the_title_says_whose_it_is_and_whether_its_numbers_are_its_own():
    for number, others in (("02", False), ("05", True)):
        own = variant.key(SEED, number, "4711")
        made = json.loads(variant.notebook(FILES[number].read_text(), number, own, "4711"))
        opening = "".join(made["cells"][0]["source"])
        assert f"Variant `{own}`, for `4711`" in opening
        assert ("its numbers are not those of the published sheet" in opening) == others
        assert made["metadata"]["effnet_course"]["student"] == "4711"


def test_a_seed_of_16_characters_is_the_shortest(tmp_path):
    (tmp_path / "SEED").write_text(f" {'x' * 16}\n")
    assert variant.read_seed(tmp_path / "SEED") == b"x" * 16
    (tmp_path / "SEED").write_text(f" {'x' * 15}\n")
    with pytest.raises(variant.VariantError, match="shorter than 16"):
        variant.read_seed(tmp_path / "SEED")


def test_two_names_that_some_disks_take_for_one_are_refused(tmp_path):
    with pytest.raises(variant.VariantError, match="another id"):
        variant.write(tmp_path / "out", "02", FILES["02"], SEED, ["Ada", "ada"])
    assert not (tmp_path / "out").exists()


def test_a_key_needs_the_seed_the_sheet_and_the_student():
    one = variant.key(SEED, "05", "4711")
    assert re.fullmatch("[0-9a-f]{12}", one) and one == variant.key(SEED, "05", "4711")
    others = [variant.key(SEED + b"!", "05", "4711"), variant.key(SEED, "08", "4711"), variant.key(SEED, "05", "4712")]
    assert len({one, *others}) == 4
    assert variant.exercises("05", SEED, "4711")[1].reference is not sheet("05")[1].reference
    with pytest.raises(ValueError, match="put back the line"):
        checking.variant("05")


@pytest.fixture
def seed_file(tmp_path):
    (tmp_path / "SEED").write_bytes(SEED + b"\n")
    return str(tmp_path / "SEED")


def test_the_command_writes_a_class_twice_the_same(tmp_path, seed_file, capsys):
    roster = tmp_path / "class.csv"
    roster.write_text("\ufeffname;ID\nZoë;zo/1\nAda;ada\n;\n", encoding="utf-8")
    out = str(tmp_path / "out")
    call = ["variant", "--sheet", "5", "--seed-file", seed_file, "--roster", str(roster), "--out", out]
    assert cli.main(call) == 0
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"05_one_dimension-zo_1.ipynb", "05_one_dimension-ada.ipynb"}
    assert capsys.readouterr().out.count("05.2 percent") == 2
    assert cli.main(call) == 0
    file = tmp_path / "out/05_one_dimension-ada.ipynb"
    file.write_text("handed in")
    assert cli.main(call) == 1 and file.read_text() == "handed in"
    assert "choose another folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"--seed-file": "nowhere"}, "cannot be read"),
        ({"--sheet": "77"}, "There is no sheet '77'. These are there: 01"),
        ({"--sheet": "*"}, "There is no sheet"),
        ({"--student": None}, "For whom?"),
        ({"--student": " "}, "A student's id is empty"),
        ({"--student": None, "--roster": "empty"}, "empty"),
        ({"--student": None, "--roster": "twice"}, "twice"),
        ({"--student": None, "--roster": "nowhere"}, "can't be read"),
        ({"--student": "a/b", "--roster": "slash"}, "another id"),
        ({"--seed-file": "short"}, "could be guessed"),
    ],
)
def test_what_cannot_be_done_is_said_and_nothing_is_written(tmp_path, seed_file, capsys, monkeypatch, change, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").write_text("")
    (tmp_path / "twice").write_text("id\na\na\n")
    (tmp_path / "slash").write_text("id\na:b\n")
    (tmp_path / "short").write_text("1234")
    options = {"--sheet": "05", "--seed-file": seed_file, "--student": "a", "--out": "out"} | change
    call = ["variant", *(part for name, value in options.items() if value for part in (name, value))]
    assert cli.main(call) == 1
    assert said in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_a_full_disk_leaves_no_half_of_a_sheet_in_the_way(tmp_path, seed_file, capsys, monkeypatch):
    call = ["variant", "--sheet", "05", "--seed-file", seed_file, "--out", str(tmp_path / "out")]
    call += ["--student", "ada", "--student", "bob"]
    fsync, left = os.fsync, [1]

    def full(file):
        if not left:
            raise OSError(errno.ENOSPC, "No space left on device")
        left.pop()
        fsync(file)

    monkeypatch.setattr(os, "fsync", full)
    assert cli.main(call) == 1 and "No space left" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["05_one_dimension-ada.ipynb"]
    monkeypatch.undo()
    assert cli.main(call) == 0 and len(list((tmp_path / "out").iterdir())) == 2
