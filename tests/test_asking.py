"""A prediction waits for nobody and is kept once; a question explains every choice and gives nothing away."""

import csv
import html
import io
import itertools
import json
import re

import pytest

from effnet_course import asking, svg
from effnet_course.shares import wilson

LESSONS = sorted(path.stem for path in asking.QUESTIONS.glob("*.toml"))
POWERS = ["10^5", "10^6", "10^7", "10^8", "10^9"]


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("EFFNET_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(asking, "_told", False)
    return tmp_path / "home"


@pytest.fixture
def shown(monkeypatch):
    """What was displayed, oldest first."""
    seen = []
    monkeypatch.setattr("IPython.display.display", lambda thing, **_: seen.append(thing))
    return seen


def all_widgets(widget):
    yield widget
    for child in getattr(widget, "children", ()):
        yield from all_widgets(child)


def find(widget, kind):
    return next(w for w in all_widgets(widget) if type(w).__name__ == kind)


def text_of(widget):
    return " ".join(str(getattr(w, "value", "")) for w in all_widgets(widget) if type(w).__name__ == "HTML")


def answer(form, value, confidence=80):
    *_, field, sure = [w for w in all_widgets(form) if type(w).__name__ in ("ToggleButtons", "Text")]
    field.value, sure.value = value, confidence
    find(form, "Button").click()


# ---- predictions -------------------------------------------------------------------------------------------


def test_nobody_there_blocks_nothing_and_records_nothing(shown, home):
    guess = asking.predict("01.macs", "How many?", choices=POWERS)
    guess.reveal("10^8")
    assert guess.value is None and guess.confidence is None
    assert shown[-1]["text/plain"] == "No guess was made; the answer is 10^8."
    assert not home.exists()


def test_a_guess_is_kept_and_shown_again(shown, home):
    answer(asking.predict("01.macs", "How many?", choices=POWERS) and shown[0], "10^7")
    record = json.loads((home / "guesses.jsonl").read_text())
    assert record.pop("time").endswith("+00:00")
    assert record == {"key": "01.macs", "question": "How many?", "value": "10^7", "confidence": 80}

    again = asking.predict("01.macs", "How many?", choices=POWERS)
    assert (again.value, again.confidence) == ("10^7", 80)
    assert "Your guess: 10^7, 80 % sure." in text_of(shown[-1])
    assert not [w for w in all_widgets(shown[-1]) if type(w).__name__ == "Button"]


def test_the_first_guess_counts(home):
    guess = asking.Prediction("k", "q", POWERS)
    guess.commit("10^7", 60)
    guess.commit("10^8", 95)
    asking.Prediction("k", "q", POWERS).commit("10^9", 95)
    assert asking.Prediction("k", "q", POWERS).value == "10^7"
    assert len(asking.kept("guesses.jsonl")) == 1


def test_an_unfinished_form_asks_for_the_rest_and_records_nothing(shown, home):
    guess = asking.predict("k", "How many?", choices=POWERS)
    find(shown[0], "Button").click()
    assert "Choose one." in text_of(shown[0])
    find(shown[0], "ToggleButtons").value = "10^6"
    find(shown[0], "Button").click()
    assert "how sure" in text_of(shown[0])
    assert guess.value is None and not home.exists()


def test_a_number_is_asked_for_in_its_unit(shown):
    guess = asking.predict("t", "How long?", unit="ms")
    answer(shown[0], "about three", 60)
    assert guess.value is None and "Write a number" in text_of(shown[0])
    answer(shown[0], "2.5", 60)
    assert guess.value == 2.5 and "Your guess: 2.5 ms, 60 % sure." in text_of(shown[0])


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("250000", 250_000),
        ("250,000", 250_000),
        ("2.5e5", 250_000),
        ("10^5", 100_000),
        ("10**5", 100_000),
        ("2 * 10^5", 200_000),
        ("3 million", 3_000_000),
        ("-0.5", -0.5),
        ("2,5", None),
        ("", None),
        ("many", None),
        ("1e999", None),
    ],
)
def test_a_number_may_be_written_as_people_write_it(written, number):
    assert asking.as_number(written) == number


def revealed(shown, value, answer, choices=None, unit="", note=""):
    guess = asking.Prediction("k", "q", choices, unit)
    guess.commit(value, 80)
    guess.reveal(answer, note)
    return shown[-1]["text/plain"]


def test_the_answer_says_how_many_steps_a_choice_was_off(shown):
    assert revealed(shown, "10^6", "10^8", POWERS) == (
        "Your guess: 10^6, 80 % sure. The answer: 10^8. 2 steps too low."
    )


def test_a_computed_number_is_matched_to_the_nearest_power(shown):
    said = revealed(shown, "10^9", 231_211_008, POWERS)
    assert said.endswith("The answer: 231,211,008, so 10^8. 1 step too high.")


def test_choices_without_an_order_are_right_or_not(shown):
    assert revealed(shown, "depth", "width", ["depth", "width"]).endswith("The answer: width. Not right.")


def test_numbers_out_of_order_are_no_steps(shown):
    assert revealed(shown, "10^7", "10^5", ["10^7", "10^5"]).endswith("The answer: 10^5. Not right.")


@pytest.mark.parametrize(
    ("value", "answer", "said"),
    [
        (10, 32, "You were 3.2 times too low."),
        (64, 2, "You were 32 times too high."),
        (98, 100, "Right, to within 5 %."),
        (7, 7, "Right."),
        (0, 3, "You were off by 3 ms."),
        (2e8, 100, "You were 2,000,000 times too high."),
    ],
)
def test_a_number_was_so_many_times_too_high_or_low(shown, value, answer, said):
    assert revealed(shown, value, answer, unit="ms").endswith(said)


def test_the_panel_carries_the_note_and_escapes_it(shown):
    revealed(shown, "a", "b", ["a", "b"], note="because x < y")
    assert shown[-1]["text/plain"].endswith("\nbecause x < y")
    assert "x &lt; y" in shown[-1]["text/html"]


def test_the_answer_is_kept_with_the_guess_once(shown):
    guess = asking.Prediction("k", "q", POWERS)
    guess.commit("10^7", 60)
    guess.reveal("10^8")
    guess.reveal("10^8")
    assert [r.get("answer") for r in asking.kept("guesses.jsonl")] == [None, "10^8"]


def test_a_guess_made_after_the_answer_says_so(shown):
    guess = asking.Prediction("k", "q", POWERS)
    guess.reveal("10^8")
    guess.commit("10^8", 95)
    assert asking.kept("guesses.jsonl")[0]["after_answer"] is True


def test_an_answer_that_is_no_choice_is_the_author_s_mistake(shown):
    with pytest.raises(ValueError, match="none of the choices"):
        asking.Prediction("k", "q", ["depth", "width"]).reveal("resolution")
    with pytest.raises(ValueError, match="at least two"):
        asking.Prediction("k", "q", ["depth"])


def test_a_half_line_is_passed_over_and_not_added_to(home):
    home.mkdir()
    whole = json.dumps({"key": "k", "value": "10^6", "confidence": 60}).encode()
    (home / "guesses.jsonl").write_bytes(
        b'\xff\xfe\x00 rubbish\n[1, 2]\n{"key": "k"}\n' + whole + b'\n{"key": "l", "va'
    )
    assert asking.Prediction("k", "q", POWERS).value == "10^6"
    asking.Prediction("l", "q", POWERS).commit("10^5", 40)
    assert asking.Prediction("l", "q", POWERS).value == "10^5"


def test_a_guess_that_no_longer_fits_the_question_is_asked_for_again(home):
    asking.Prediction("k", "q", ["a", "b"]).commit("a", 60)
    assert asking.Prediction("k", "q", POWERS).value is None
    assert asking.Prediction("k", "q").value is None


def test_a_folder_that_cannot_be_written_stops_nothing_and_is_said_once(shown, home):
    home.write_text("a file where the folder should be")
    guess = asking.predict("k", "q", choices=POWERS)
    answer(shown[0], "10^7")
    assert guess.value == "10^7"
    assert "could not be saved" in text_of(shown[0])
    assert asking.Prediction("l", "q", POWERS).commit("10^5", 40) == ""


# ---- calibration -------------------------------------------------------------------------------------------


def guessed(key, value, confidence, answer, choices=POWERS):
    guess = asking.Prediction(key, f"Question {key}?", choices)
    guess.commit(value, confidence)
    guess.reveal(answer)


@pytest.mark.parametrize(
    ("value", "answer", "right"),
    [(10, 19, True), (10, 21, False), (42, 20, False), (-3, -4, True), (-3, 3, False), (0, 0, True), (0, 3, False)],
)
def test_a_number_is_right_within_a_factor_of_two(shown, value, answer, right):
    guessed("k", value, 60, answer, choices=None)
    assert asking.judged() == {"k": (60, right)}


def test_a_computed_answer_makes_the_nearest_choice_right(shown):
    guessed("a", "10^8", 60, 231_211_008)
    guessed("b", "10^9", 95, 231_211_008)
    assert asking.judged() == {"a": (60, True), "b": (95, False)}


def test_without_a_guess_there_is_a_sentence_and_no_picture():
    shown = asking.calibration()
    assert "No guess of yours" in repr(shown) and "<svg" not in shown._repr_html_()


def test_a_few_guesses_are_shown_and_nothing_is_concluded(shown):
    guessed("a", "10^8", 80, "10^8")
    shown = asking.calibration()
    assert repr(shown).startswith("Of 1 guess 1 was right, 100 %; on average you said 80 %. That is too few")
    assert "<svg" in shown._repr_html_() and "1 of 1" in shown._repr_html_()


def test_many_guesses_show_who_is_too_sure(shown):
    for number in range(30):
        guessed(f"k{number}", "10^8" if number < 9 else "10^7", 80 if number % 2 else 95, "10^8")
    said = repr(asking.calibration())
    low, high = (100 * bound for bound in wilson(9, 30))
    assert said.startswith("Of 30 guesses 9 were right, 30 %; on average you said 88 %.")
    assert f"is {low:.0f} to {high:.0f} %" in said and "you are too sure, by about 58 points" in said
    assert " 80 % sure: right in 4 of 15" in said and " 95 % sure: right in 5 of 15" in said
    assert said.count("95 % sure: Question k") == 3  # the surest misses


def test_from_ten_guesses_on_a_pattern_is_said(shown):
    for number in range(9):
        guessed(f"k{number}", "10^7", 95, "10^8")
    assert "too few" in repr(asking.calibration())
    guessed("k9", "10^7", 95, "10^8")
    assert "you are too sure" in repr(asking.calibration())


def test_only_a_miss_that_was_thought_likely_is_worth_another_look(shown):
    for key, confidence in (("a", 40), ("b", 60), ("c", 80)):
        guessed(key, "10^7", confidence, "10^8")
    assert repr(asking.calibration()).splitlines()[-2:] == ["c, 80 % sure: Question c?", "b, 60 % sure: Question b?"]
    assert "Question a?" not in repr(asking.calibration())


def test_in_the_picture_a_point_stands_at_the_share_and_a_line_spans_its_interval(shown):
    for number in range(4):
        guessed(f"k{number}", "10^8" if number else "10^7", 80, "10^8")
    html = asking.calibration()._repr_html_()
    x, y = svg.Scale(0, 100, 62, 392), svg.Scale(0, 100, 300, 24)
    low, high = (100 * bound for bound in wilson(3, 4))
    assert svg.point(x(80), y(75), svg.BLUE) in html
    assert svg.line([(x(80), y(low)), (x(80), y(high))], svg.BLUE, 2, opacity=0.6) in html


def test_the_confidences_on_offer_begin_at_a_guess_in_the_dark():
    offered = {count: [p for _, p in asking.Prediction("k", "q", POWERS[:count])._levels()] for count in (2, 3, 5)}
    assert offered == {2: [50, 60, 80, 95], 3: [33, 40, 60, 80, 95], 5: [20, 40, 60, 80, 95]}
    assert [p for _, p in asking.Prediction("k", "q")._levels()] == [10, 40, 60, 80, 95]


def test_confidence_that_fits_is_not_blamed(shown):
    for number in range(20):
        guessed(f"k{number}", "10^8" if number < 12 else "10^7", 60, "10^8")
    assert "no sign that you are too sure or too careful" in repr(asking.calibration())


def test_too_careful_is_told_apart_from_too_sure(shown):
    for number in range(20):
        guessed(f"k{number}", "10^8", 40, "10^8")
    assert "you are too careful, by about 60 points" in repr(asking.calibration())


def test_a_guess_made_in_sight_of_the_answer_does_not_count_even_after_a_restart(shown):
    guess = asking.Prediction("k", "q?", POWERS)
    guess.reveal("10^8")
    guess.commit("10^8", 95)
    asking.Prediction("k", "q?", POWERS).reveal("10^8")
    assert asking.judged() == {}


def test_the_first_answer_counts_and_broken_lines_do_not(home, shown):
    home.mkdir()
    lines = ["rubbish", "[]", '{"key": ["a"], "right": true, "confidence": 60}',
             '{"key": "b", "right": 1, "confidence": 60}',
             '{"key": "c", "right": true, "confidence": "high"}', '{"key": "d", "right": true, "confidence": 400}',
             '{"key": "e", "right": false, "confidence": 80}', '{"key": "e", "right": true, "confidence": 80}',
             '{"key": "f", "ri']  # fmt: skip
    (home / "guesses.jsonl").write_text("\n".join(lines))
    assert asking.judged() == {"['a']": (60, True), "e": (80, False)}
    assert "Of 2 guesses 1 was right" in repr(asking.calibration())


def test_the_picture_says_what_the_sentence_says_and_escapes_questions(shown):
    guess = asking.Prediction("x", "Is a < b?", POWERS)
    guess.commit("10^5", 95)
    guess.reveal("10^8")
    shown = asking.calibration()
    html = shown._repr_html_()
    assert 'aria-label="Of 1 guess 0 were right' in html and "Is a &lt; b?" in html and "Is a < b?" in repr(shown)


# ---- flash cards -------------------------------------------------------------------------------------------


def read_cards(text):
    """As Anki reads it: the lines that begin with # up front, then comma-separated values."""
    lines = text.split("\n")
    heads = list(itertools.takewhile(lambda line: line.startswith("#"), lines))
    return dict(line[1:].split(":", 1) for line in heads), list(csv.reader(lines[len(heads):]))


def test_the_cards_say_how_they_are_to_be_read():
    head, cards = read_cards(asking.flash_cards())
    assert head["separator"] == "Comma" and head["html"] == "true" and head["notetype"] == "Basic"
    columns = head["columns"].split(",")
    assert columns[int(head["guid column"]) - 1] == "Id" and columns[int(head["tags column"]) - 1] == "Tags"
    assert columns[1:3] == ["Front", "Back"] and all(len(card) == len(columns) for card in cards if card)


def test_every_question_is_one_card_with_its_choices_in_front_and_every_explanation_behind():
    _, cards = read_cards(asking.flash_cards())
    cards = {card[0]: card for card in cards if card}
    assert list(cards) == [f"effnet-{id}" for id in asking.bank()]
    for id, question in asking.bank().items():
        _, front, back, tags = (html.unescape(part) for part in cards[f"effnet-{id}"])
        assert question["text"] in front and tags == f"effnet::lesson-{id[:2]}"
        for choice in question["choices"]:
            assert choice["text"] in front and choice["why"] in back
        (right,) = [c for c in question["choices"] if c.get("correct")]
        assert right["text"] in back.split("<br>")[0] and back.startswith("<b>")


def test_commas_quotes_line_ends_and_angle_brackets_survive(monkeypatch):
    choices = [{"text": 'a "b", c', "why": "x < y & z", "correct": True}, {"text": "two\nlines", "why": "#no, 中文"}]
    monkeypatch.setattr(asking, "bank", lambda: {"01.q1": {"text": "<b>?", "choices": choices}})
    text = asking.flash_cards()
    (card,) = csv.reader(io.StringIO(text[text.index("effnet-") :], newline=""))
    _, front, back, _ = card
    assert front == "&lt;b&gt;?<br>A. a &quot;b&quot;, c<br>B. two\nlines"
    assert "x &lt; y &amp; z" in back and "#no, 中文" in back


# ---- questions ---------------------------------------------------------------------------------------------


def test_ids_are_unique_over_the_whole_bank_and_no_question_is_asked_twice():
    every = [q for lesson in LESSONS for q in asking.tomllib.loads(
        (asking.QUESTIONS / f"{lesson}.toml").read_text(encoding="utf-8"))["questions"]]  # fmt: skip
    assert len({q["id"] for q in every}) == len(every) == len(asking.bank())
    assert len({q["text"] for q in every}) == len(every)


def test_over_the_whole_bank_no_place_is_right_much_more_often():
    places = [[c.get("correct", False) for c in q["choices"]].index(True) for q in asking.bank().values()]
    assert max(places.count(place) for place in range(4)) < 0.4 * len(places)
    assert min(places.count(place) for place in range(4)) > 0.1 * len(places)


def longest(question):
    """Whether the right choice is the longest, or as long as the longest."""
    (right,) = [len(c["text"]) for c in question["choices"] if c.get("correct")]
    return right == max(len(c["text"]) for c in question["choices"])


def test_neither_the_longest_nor_the_shortest_choice_is_a_safe_bet():
    bank = asking.bank().values()  # chance is a quarter: write the wrong choices out as fully as the right one
    assert 0.15 * len(bank) < sum(map(longest, bank)) < 0.35 * len(bank)
    shortest = [min(q["choices"], key=lambda c: len(c["text"])).get("correct", False) for q in bank]
    assert 0.15 * len(bank) < sum(shortest) < 0.35 * len(bank)


@pytest.mark.parametrize("lesson", LESSONS)
def test_in_no_lesson_the_longest_choice_is_right_more_than_three_times(lesson):
    assert sum(map(longest, asking.questions(lesson).values())) <= 3


def test_every_question_is_asked_somewhere_and_every_lesson_that_is_named_is_there():
    source = (asking.QUESTIONS.parents[1] / "source" / "lessons").glob("*.py")
    asked = {id for path in source for id in re.findall(r'"(\d\d\.q\d+)"', path.read_text(encoding="utf-8"))}
    lessons = {path.name[:2] for path in (asking.QUESTIONS.parents[1] / "source" / "lessons").glob("*.py")}
    assert [id for id in asking.bank() if id[:2] in lessons and id not in asked] == []
    for id, question in asking.bank().items():
        words = " ".join([question["text"], *(c["why"] for c in question["choices"])])
        for lesson in re.findall(r"[Ll]essons? (\d\d)", words):
            assert int(lesson) <= 13, f"{id} names lesson {lesson}"


@pytest.mark.parametrize("lesson", LESSONS)
def test_every_question_has_one_right_choice_and_an_explanation_for_each(lesson):
    found = asking.tomllib.loads((asking.QUESTIONS / f"{lesson}.toml").read_text(encoding="utf-8"))[
        "questions"
    ]
    assert len({q["id"] for q in found}) == len(found) >= 6
    for question in found:
        assert set(question) == {"id", "text", "choices"}
        assert question["id"].startswith(f"{lesson}.") and question["text"].endswith("?")
        assert 3 <= len(question["choices"]) <= 8
        assert len({c["text"] for c in question["choices"]}) == len(question["choices"])
        assert [c.get("correct") for c in question["choices"]].count(True) == 1
        for choice in question["choices"]:
            assert set(choice) <= {"text", "why", "correct"} and len(choice["why"]) > 30


@pytest.mark.parametrize("lesson", LESSONS)
def test_the_right_choice_is_not_always_in_the_same_place(lesson):
    places = [
        [c.get("correct", False) for c in q["choices"]].index(True) for q in asking.questions(lesson).values()
    ]
    assert max(places.count(place) for place in set(places)) <= len(places) / 2


@pytest.mark.parametrize("lesson", [name for name in LESSONS if name >= "05"])
def test_from_lesson_05_on_there_are_four_choices_and_each_place_is_right_somewhere(lesson):
    questions = asking.questions(lesson)
    assert list(questions) == [f"{lesson}.q{n}" for n in range(1, len(questions) + 1)] and len(questions) >= 7
    rights = [[c.get("correct", False) for c in q["choices"]] for q in questions.values()]
    assert all(len(right) == 4 for right in rights)
    assert {right.index(True) for right in rights} == {0, 1, 2, 3}


def test_questions_give_nothing_away_before_they_are_answered(shown):
    asking.ask("01.q1", "01.q7")
    sent = json.dumps([str(w.get_state()) for w in all_widgets(shown[0])])
    for question in (asking.questions("01")[id] for id in ("01.q1", "01.q7")):
        assert json.dumps(question["text"])[1:-1] in sent
        assert not any(json.dumps(c["why"])[1:40] in sent for c in question["choices"])
    assert "correct" not in sent


def press(form, letter):
    next(w for w in all_widgets(form) if getattr(w, "description", "").startswith(letter)).click()


def test_the_first_press_is_recorded_and_every_press_explains_its_choice(shown):
    asking.ask("01.q4")
    choices = asking.questions("01")["01.q4"]["choices"]
    press(shown[0], "A")
    assert "not this one" in text_of(shown[0]) and choices[0]["why"] in text_of(shown[0])
    press(shown[0], "B")
    assert "right" in text_of(shown[0]) and choices[1]["why"] in text_of(shown[0])
    assert choices[0]["why"] not in text_of(shown[0])
    (record,) = asking.kept("answers.jsonl")
    del record["time"]
    assert record == {"id": "01.q4", "choice": choices[0]["text"], "correct": False}


def test_an_unknown_question_names_those_there_are():
    with pytest.raises(ValueError, match="01.q1"):
        asking.ask("01.q99")
    with pytest.raises(ValueError, match="There are for: 00, 01"):
        asking.ask("77.q1")


def test_the_numbers_in_the_explanations_are_right():
    from effnet_course import arch, cost

    b0 = cost.network_cost(arch.B0).macs
    layer = cost.convolution(64, 128, 3, 56)
    separate = cost.separable(64, 128, 3, 56)
    grouped = cost.convolution(64, 128, 3, 56, groups=4)
    numbers = [
        f"{b0:,}", f"{2 * b0:,}", f"{b0 + 13_475_392 + 2_369_248:,}", f"{layer.macs:,}", f"{layer.params:,}",
        f"{sum(half.macs for half in separate):,}", f"{sum(half.params for half in separate):,}",
        f"{grouped.params:,}", f"{cost.convolution(64, 128, 3, 56, stride=2).macs / 1e6:.1f} million",
        f"{layer.macs / sum(half.macs for half in separate):.1f} times", f"About {layer.intensity():.0f}",
    ]  # fmt: skip
    said = (asking.QUESTIONS / "01.toml").read_text(encoding="utf-8")
    assert [n for n in numbers if n not in said] == []
    for kernel, channels in ((3, 128), (3, 32), (1, 128), (5, 2)):
        ratio = 1 / channels + 1 / kernel**2
        assert f"1/{channels} + 1/{kernel**2} = {ratio:.4g}"[:-1] in said or f"= {ratio:.3f}" in said
