"""Lesson 12: its space is the plan's, what it prints is so, its explorer's winner has the highest reward."""

import math
import random
import re
import time
import tomllib
import xml.etree.ElementTree as ET
from itertools import product
from pathlib import Path
from statistics import NormalDist
from types import SimpleNamespace

import numpy as np
import pytest

from effnet_course import asking, atlas, explorers, runner, search
from effnet_course.arch import B0
from effnet_course.cost import network_cost
from effnet_course.explorers import lesson12

ROOT = Path(__file__).parents[1]
LESSON = (ROOT / "source/lessons/12_architecture_search.py").read_text()
QUESTIONS = {q["id"]: q for q in tomllib.loads(
    (Path(explorers.__file__).parents[1] / "questions/12.toml").read_text())["questions"]}  # fmt: skip
ROWS = [("small", 1_200_000, 46.0), ("middle", 2_500_000, 50.0), ("poor", 3_000_000, 48.0), ("large", 6_000_000, 52.0)]
EXPLORER = explorers.reward_explorer(ROWS)


def cell(word):
    """What a cell of the lesson defines: the text of the first code cell that holds a word."""
    return next(piece for piece in re.split(r"(?m)^# %%.*\n", LESSON) if word in piece)


@pytest.fixture(scope="module")
def names():
    found = {}
    for word in ("DECISIONS = {", "def architecture("):
        exec(cell(word), found)
    return found


def test_the_lesson_s_space_is_the_plan_s(names):
    jobs = [job for job in runner.read_plan("cifar10-space") if job.recipe["seed"] == 0]
    by_label = {tuple(float(word) for word in job.label.split()): job for job in jobs}
    assert set(by_label) == set(names["every"]) and len(names["every"]) == 216
    for choice in names["every"][::7]:
        ours, planned = names["architecture"](choice), by_label[choice].architecture
        assert (ours.stages, ours.se_ratio) == (planned.stages, planned.se_ratio)
        assert names["macs"][choice] == network_cost(planned, 10).macs
    assert not any(job.test for job in jobs)


def test_the_lesson_s_controller_is_the_package_s(names):
    value = {choice: 50 + 3 * math.sin(n) for n, choice in enumerate(names["every"])}
    inner = {"DECISIONS": names["DECISIONS"], "value": value}
    exec(cell("def controller("), inner)
    history, trace = inner["controller"](value.get, 80, seed=3)
    assert history == search.reinforce(list(value), value.get, 80, seed=3) and len(trace) == 80


def test_the_lesson_s_evolution_by_hand_follows_its_own_rules():
    made_up = {(2, 3): 57.0, (4, 3): 61.5, (6, 3): 60.0, (2, 5): 58.5, (4, 5): 59.5, (6, 5): 62.0}
    text = cell("made_up =")
    assert str(made_up) in text
    cycles = re.search(r"in \((\(\(.*\)\))\):", text).group(1)
    alive = [(4, 3), (2, 3), (2, 5), (6, 3)]
    assert max(alive, key=made_up.get) == alive[0], "the first to die is the best of the four"
    for drawn, child in eval(f"({cycles},)"):
        parent = max((alive[place] for place in drawn), key=made_up.get)
        assert child in search.neighbours(parent, search.options(list(made_up)))
        alive = alive[1:] + [child]
    assert alive[-1] == (4, 3), "and is born again in the third cycle"


def test_the_numbers_of_the_text_are_so():
    assert 2**-0.07 == pytest.approx(0.9526, abs=5e-5) and 2**0.07 == pytest.approx(1.0497, abs=5e-5)
    assert 100 * (2**0.15 - 1) == pytest.approx(11, abs=0.1) and -math.log2(1.05) == pytest.approx(-0.07, abs=5e-4)
    assert network_cost(B0).macs / 400e6 == pytest.approx(0.9645, abs=1e-3)
    assert [(s.kernel, s.repeats) for s in B0.stages] == list(zip((3, 3, 5, 3, 5, 5, 3), (1, 2, 2, 3, 3, 4, 1),
                                                                  strict=True))  # fmt: skip
    assert 1 - 0.95**58 < 0.95 < 1 - 0.95**59
    p = 0.3
    spread = math.sqrt(p * (1 - p)) * abs(62 * (1 - p) - 60 * -p)
    assert spread / (2 * p * (1 - p)) == pytest.approx(67, abs=0.5) and 324**7 == pytest.approx(3.7e17, rel=0.02)
    throws, choices = 12_000, ("120", "1,200", "12,000", "120,000")
    shows_a = math.floor(throws * 60 * p / (62 * (1 - p) + 60 * p))  # up to as many A's the mean estimate is below 0
    below = NormalDist(throws * p, math.sqrt(throws * p * (1 - p))).cdf(shows_a + 0.5)
    assert below == pytest.approx(0.05, abs=0.004) and str(list(choices))[1:-1].replace("'", '"') in LESSON
    assert (62 - 61.4) * (1 - p) == pytest.approx((60 - 61.4) * -p) and "alike, 61.4, and" in LESSON


def recorded(macs, seeds):
    """Rows as the atlas has them, made up: `seeds` says of how many networks each seed has a run."""
    draw, rows = random.Random(12), []
    for seed, count in enumerate(seeds):
        for n, (choice, cost) in enumerate(list(macs.items())[:count]):
            label = " ".join(f"{value:g}" for value in choice)
            top1 = 40 + 4 * math.sin(n) + draw.gauss(0, 1)
            rows.append(SimpleNamespace(study="cifar10-space", label=label, macs=cost, seed=seed,
                                        validation=[30.0, top1], seconds=20.0))  # fmt: skip
    return rows


@pytest.mark.parametrize("seeds", [(91,), (216, 100), (216, 216, 216)], ids=str)
def test_the_lesson_runs_on_what_is_recorded_and_any_cell_runs_again(names, seeds, monkeypatch, tmp_path, capsys):
    """Run once from top to bottom; then each cell again, in the state that the last one left: it prints the same."""
    figures = pytest.importorskip("effnet_course.figures")
    for figure in re.findall(r"figures\.(\w+)\(", LESSON):
        monkeypatch.setattr(figures, figure, lambda *args: None)
    monkeypatch.setenv("EFFNET_HOME", str(tmp_path))
    monkeypatch.setattr(atlas, "runs", lambda: recorded(names["macs"], seeds))
    monkeypatch.setattr(asking, "ask", lambda *ids: None)
    monkeypatch.setattr(asking.Prediction, "show", lambda self: None)
    cells = [text.replace("len(space)), 200", "len(space)), 6")
             for text in re.findall(r"(?ms)^# %%(?! \[markdown\])[^\n]*\n(.*?)(?=^# %%|\Z)", LESSON)]  # fmt: skip
    assert len(cells) > 35 and sum("len(space)), 6" in text for text in cells) == 1
    found, printed = {}, []
    for text in cells:
        exec(text, found)
        printed.append(capsys.readouterr().out)
    for text, before in zip(cells, printed, strict=True):
        exec(text, dict(found))
        assert capsys.readouterr().out == before, text
    whole = "\n".join(printed)
    assert ("have a run with seed 0 so far" in whole) == (seeds[0] < 216)
    assert ("too kindly; your guess is kept" in whole) == (len(seeds) < 3)
    assert ("too good" in whole) == ("random, judged" in whole) == ("reward, judged" in whole) == (len(seeds) == 3)
    assert "evolution  against random, as seen" in whole or len(seeds) == 3


def test_the_dice_s_mean_wait_is_the_formula_s():
    good = {3, 8, 15}
    waits = []
    for seed in range(3000):
        history = search.random_search([(n,) for n in range(19)], lambda c: c[0], 19, seed)
        waits.append(1 + next(i for i, (choice, _) in enumerate(history) if choice[0] in good))
    assert sum(waits) / len(waits) == pytest.approx((19 + 1) / (3 + 1), abs=0.25)


def test_the_questions_numbers_are_so():
    right = {key: next(c for c in q["choices"] if c.get("correct"))["text"] for key, q in QUESTIONS.items()}
    assert right["12.q1"] == f"{70 * 2**0.07:.1f} %"
    rewards = [5.0, 9.0, 4.0, 7.0]
    last, earlier = rewards[-1], rewards[:-1]
    own = last - sum(rewards) / 4
    assert own == pytest.approx(0.75 * (last - sum(earlier) / 3)) and "three quarters" in right["12.q5"]


@pytest.mark.parametrize(("exponent", "winner"), [(-1.0, "small"), (-0.07, "middle"), (0.0, "large"), (0.07, "large")])
def test_the_winner_is_the_one_with_the_highest_reward(exponent, winner):
    state = EXPLORER.state(exponent, 3.0, lesson12.BELOW[0])
    by_hand = max(ROWS, key=lambda row: row[2] * (row[1] / 3e6) ** exponent)
    assert state.rows[state.best].label == by_hand[0] == winner
    assert state.reward == pytest.approx(by_hand[2] * (by_hand[1] / 3e6) ** exponent)
    assert winner in EXPLORER.static(exponent=exponent)[1]


def test_with_one_exponent_the_target_decides_nothing_and_with_two_it_does():
    for exponent in lesson12.EXPONENTS:
        assert len({EXPLORER.state(exponent, t, lesson12.BELOW[0]).best for t in lesson12.TARGETS}) == 1
    assert len({EXPLORER.state(-1.0, t, lesson12.BELOW[1]).best for t in lesson12.TARGETS}) > 1


def test_the_curve_of_equal_reward_passes_through_the_winner_and_above_all_others():
    for exponent, below in product(lesson12.EXPONENTS, lesson12.BELOW):
        state = EXPLORER.state(exponent, 3.0, below)
        for row in state.rows:
            needed = state.reward / lesson12.reward(1.0, row.macs, 3.0, exponent, below)
            assert row.top1 <= needed + 1e-9
        best = state.rows[state.best]
        assert lesson12.reward(best.top1, best.macs, 3.0, exponent, below) == pytest.approx(state.reward)


@pytest.mark.parametrize("rows", [ROWS, ROWS[:1], [*ROWS[:1], ("twin", 1_200_000, 46.0)], []], ids=len)
def test_every_extreme_is_a_picture_with_a_sentence(rows):
    explorer = explorers.reward_explorer(rows)
    for values in product(*((s.values[0], s.values[-1], s.values[len(s.values) // 2]) for s in explorer.sliders)):
        picture, sentence = explorer.static(**dict(zip(("exponent", "target", "below"), values, strict=True)))
        root = ET.fromstring(picture)
        assert root.get("aria-label") == sentence and "nan" not in picture and "None" not in sentence
        for text in root.iter("{http://www.w3.org/2000/svg}text"):
            assert 0 <= float(text.get("x")) <= 680 and 0 <= float(text.get("y")) <= 340
    assert ("No network is recorded" in explorer.static()[1]) == (not rows)


def test_a_state_of_the_whole_space_takes_a_few_milliseconds(names):
    rows = [(str(c), names["macs"][c], 50 + math.sin(n)) for n, c in enumerate(names["every"])]
    explorer, best = explorers.reward_explorer(rows), math.inf
    for _ in range(10):
        began = time.process_time()
        explorer.static(exponent=-0.15, target=2.0)
        best = min(best, time.process_time() - began)
    assert best < 0.015


def test_moving_a_slider_changes_the_page():
    controls, page = explorers.reward_exponent(ROWS).children
    for slider in controls.children:
        before = page.value
        slider.index = 0 if slider.index else 1
        assert page.value != before


def test_the_figures_say_what_they_draw():
    figures = pytest.importorskip("effnet_course.figures")
    factors = figures.reward_factors({"soft": lambda x: x**-0.07}, [1e6, 5e6], 3e6).text
    assert "soft: 1.050 at half the target, 1.000 at it, 0.953 at twice" in factors
    spread = figures.baseline_spread([0, 1], [2.0, 1.0], [(0, 2.01), (1, 0.99)], 1)
    assert "smallest near 1: 2.01 at 0, 0.99 at 1" in spread.text
    trace = [[[0.5, 0.5], [0.2, 0.8]], [[0.3, 0.7], [0.9, 0.1]]]
    choices = figures.controller_choices(trace, {"kernel": (3, 5), "gate": (0, 0.25)}).text
    assert "kernel 5 with 0.70, gate 0 with 0.90" in choices
    curves = figures.search_curves({"dice": ([50.0, 51.0], [49.5, 50.5], [50.5, 51.5])}, 53.0).text
    assert "after 2 looks: dice 51.00 (50.50 to 51.50). Best of all: 53.00" in curves
    both = figures.seen_and_unseen([(50.0, 49.0), (53.0, 50.0)], (53.0, 50.0), "seen", "judged").text
    assert "The highest seen has 53.00, and 50.00 when judged" in both


def test_what_the_lesson_says_of_the_race_is_so():
    value, other = {}, {}
    for run in (run for run in atlas.runs() if run.study == "cifar10-space"):
        choice = tuple(map(float, run.label.split()))
        reward = run.validation[-1] * (run.macs / 3e6) ** -0.07
        value.update({choice: reward} if run.seed == 0 else {})
        other.setdefault(choice, []).extend([reward] if run.seed else [])
    judged = {choice: float(np.mean(rewards)) for choice, rewards in other.items()}
    assert len(value) == len(judged) == 216
    methods = {"dice": search.random_search, "gradient": search.reinforce, "evolution": search.evolve}

    def finds(table):
        """What 200 searches of each method end with."""
        return {
            name: [max(method(list(value), table.get, 60, s), key=lambda look: look[1])[0] for s in range(200)]
            for name, method in methods.items()
        }

    def lead(first, second, ended, judge):
        a, b = (np.array([judge[choice] for choice in ended[name]]) for name in (first, second))
        return a.mean() - b.mean(), 1.96 * np.sqrt((a.var(ddof=1) + b.var(ddof=1)) / 200)

    ended, back = finds(value), finds(judged)
    for learner in ("gradient", "evolution"):
        gap, half = lead(learner, "dice", ended, value)
        assert 0.3 < gap < 0.5 and gap > half, "as seen"
        gap, half = lead(learner, "dice", ended, judged)
        assert abs(gap) < half, "judged"
        gap, half = lead(learner, "dice", back, value)
        assert 0.25 < gap < 0.5 and gap > half, "the seeds turned round"
    gap, half = lead("gradient", "evolution", ended, value)
    assert abs(gap) < half
    for found in ended.values():
        assert 1.4 < np.mean([value[choice] - judged[choice] for choice in found]) < 2.1, "the winner's curse"
