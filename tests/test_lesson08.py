"""Lesson 08: what the explorer weighs is what training averages, arms are told from the reference, figures say so."""

import math
import xml.etree.ElementTree as ET
from itertools import product
from pathlib import Path
from statistics import stdev

import numpy as np
import pytest

from effnet_course import atlas, explorers
from effnet_course.arch import FUSED
from effnet_course.exercises import s08_training
from effnet_course.explorers import lesson08
from effnet_course.recipe import SCHEDULES, Recipe
from effnet_course.shares import wilson

QUESTIONS = Path(explorers.__file__).parents[1] / "questions/08.toml"
BASE = {"rate": 0.3, "warmup": 0.1, "schedule": "cosine", "average": 0.0, "flip": True, "shift": 2}


def ablation():
    """Runs as `arms` takes them: a reference with two seeds, and arms of one."""
    return [
        (BASE, 80.0), (BASE, 80.4), (BASE | {"flip": False, "shift": 0}, 74.0), (BASE | {"rate": 0.1}, 79.0),
        (BASE | {"norm": "group"}, 77.5), (BASE | {"average": 0.998}, 80.3),
    ]  # fmt: skip


def points():
    """The same as the explorer takes them."""
    usual, table = lesson08.arms(ablation())
    found = []
    for arm in table:
        made = usual | arm.changed
        mean = sum(arm.values) / len(arm.values)
        found.append((arm.label, *(made[name] for name in lesson08.PARTS), set(arm.changed) <= set(lesson08.PARTS),
                      mean, mean - 1, mean + 1, len(arm.values)))  # fmt: skip
    return found


def test_the_reference_is_what_most_arms_share_and_an_arm_says_what_it_changed():
    usual, table = lesson08.arms(ablation())
    assert usual == BASE | {"norm": None}
    assert [arm.label for arm in table] == [
        "reference", "no augmentation", "rate 0.1", "group norm", "moving average 0.998",
    ]  # fmt: skip
    assert table[0].values == (80.0, 80.4) and table[1].changed == {"flip": False, "shift": 0}
    assert lesson08.arms([]) == ({}, [])


def test_one_run_alone_is_the_reference():
    usual, [arm] = lesson08.arms([(BASE, 80.0)])
    assert usual == BASE and arm.label == "reference"


@pytest.mark.parametrize("decay", (0.5, 0.9, 0.999))
def test_the_weights_of_the_average_are_those_that_training_gives(decay):
    torch = pytest.importorskip("torch")
    from effnet_course.ingredients import averaged

    model, steps = torch.nn.Linear(1, 1, bias=False).double(), 60
    average = averaged(model, decay)
    for step in range(steps):
        with torch.no_grad():
            model.weight.fill_(float(step == 20))
        average.update_parameters(model)
    weights = lesson08.average_weights(decay, steps)
    assert sum(weights) == pytest.approx(1)
    assert average.module.weight.item() == pytest.approx(weights[20], abs=1e-12)


def test_the_state_has_the_recipe_s_rates():
    state = lesson08.recipe_state(0.2, 0.1, "cosine", 0.0)
    recipe = Recipe(rate=0.2, epochs=lesson08.EPOCHS)
    assert state.rates[100] == recipe.rate_at(100, lesson08.STEPS) and max(state.rates) == 0.2
    assert state.area == pytest.approx(0.5, abs=0.001) and state.half == 0
    assert lesson08.recipe_state(0.2, 0.0, "constant", 0.0).area == pytest.approx(1)
    halves = [lesson08.recipe_state(0.2, 0.1, "cosine", decay).half for decay in (0.9, 0.99, 0.998, 0.9999)]
    assert halves == [7, 69, 261, 261], "in so short a run the average's warm-up sets the limit"


def test_the_explorer_says_what_is_recorded_and_starts_at_the_reference():
    explorer = explorers.recipe_explorer(points())
    assert [slider.start for slider in explorer.sliders] == [0.3, 0.1, "cosine", 0.0]
    assert "Recorded: reference 80.2 % (79.2 to 81.2)" in explorer.static()[1]
    assert "Recorded: rate 0.1 79.0 %" in explorer.static(rate=0.1)[1]
    assert "No run is recorded at these settings" in explorer.static(rate=1.6)[1]
    assert "No runs are recorded yet" in explorers.recipe_explorer().static()[1]


@pytest.mark.parametrize("given", ([], points()[:1], points(), [(*points()[0][:7], math.nan, math.nan, 1)]))
def test_every_extreme_is_a_picture_with_a_sentence(given):
    explorer = explorers.recipe_explorer(given)
    ends = [dict(zip(lesson08.PARTS, values, strict=True)) for values in
            product(*((s.values[0], s.values[-1]) for s in explorer.sliders))]  # fmt: skip
    for values in [{}, *ends, *({"schedule": schedule} for schedule in SCHEDULES)]:
        picture, sentence = explorer.static(**values)
        root = ET.fromstring(picture)
        assert root.get("aria-label") == sentence and "nan" not in picture and "nan" not in sentence
        for text in root.iter("{http://www.w3.org/2000/svg}text"):
            assert 0 <= float(text.get("x")) <= 680 and 0 <= float(text.get("y")) <= 336


def test_every_step_of_a_slider_changes_the_page():
    """Also where the warm-up of the average makes several decays alike."""
    controls, page = explorers.recipe(points()).children
    for slider in controls.children:
        seen = []
        for _, value in slider.options:
            slider.value = value
            seen.append(page.value)
        assert all(before != after for before, after in zip(seen, seen[1:], strict=False)), slider.description


def test_the_published_first_step_is_what_the_questions_say():
    step = {g: g / math.sqrt(0.9 + 0.1 * g**2 + 0.001) for g in (0.001, 0.01)}
    assert round(step[0.001], 4) == 0.0011 and round(step[0.01], 4) == 0.0105
    assert round(0.001 / (math.sqrt(0.1) * 0.001 + 0.001), 2) == 0.76
    assert round(0.001 / math.sqrt(0.001**2 + 0.001), 2) == 0.03
    assert round(math.log(1 + 9 / math.e), 2) == 1.46 and round(0.999**2000, 3) == 0.135


def test_rounding_decides_no_batch_of_the_sheet():
    ties = set()
    for seed in range(30):
        for case in s08_training.noise_cases(seed):
            needs = [(s / case["target"]) ** 2 for s in (np.std(case["means"], ddof=1), stdev(case["means"]))]
            needs += [np.var(case["means"], ddof=1) / case["target"] ** 2]
            assert len(set(map(math.ceil, needs))) == 1, case
            if min(needs[0] % 1, 1 - needs[0] % 1) < 0.01:
                ties.update(needs)
    assert ties == {0.0, 4.0}, "two cases are whole numbers, and exactly so in floats"


def test_the_sheet_s_last_step_is_as_the_prose_says():
    assert round(s08_training.rate_at(4, 9, 5, 10, 1, 0.4), 4) == 0.0006
    assert s08_training.rate_at(1, 0, 5, 10, 1, 0.4) == 0.4


def test_the_lesson_s_shares_are_as_it_says():
    assert round(50 * (1 - 0.98**8), 1) == 7.5
    shares = np.random.default_rng(0).beta(0.2, 0.2, size=100_000)
    assert np.mean((shares < 0.1) | (shares > 0.9)) == pytest.approx(2 / 3, abs=0.02)


def test_the_figures_say_what_they_draw():
    figures = pytest.importorskip("effnet_course.figures")
    assert "published: 0.01 at step 1, 0.3 at step 2" in figures.first_steps({"published": [0.01, 0.3]}).text
    assert "flat: mean 0.1, last 0.1" in figures.schedules({"flat": [0.1, 0.1]}).text
    said = figures.ablation([("no flip", -2.0, -3.0, -1.0, 2), ("group", 0.5, math.nan, math.nan, 1)], 80.0).text
    assert "no flip -2.00 (-3.00 to -1.00), seeds: 2" in said and "group +0.50 (no interval), seeds: 1" in said
    assert "No runs recorded yet" in figures.ablation([], math.nan).text
    assert "2 images 0.5" in figures.statistics_noise({2: 0.5}, {4: (0.1, 0.2)}).text


def test_the_recorded_arms_have_one_reference():
    rows = [run for run in atlas.runs() if run.study == "cifar10-recipe"]
    if not rows:
        pytest.skip("no arm is recorded yet")
    settings = [
        ({k: v for k, v in run.recipe.items() if k != "seed"} | run.changes, run.validation[-1]) for run in rows
    ]
    _, table = lesson08.arms(settings)
    assert sum(not arm.changed for arm in table) == 1
    assert len({(run.dataset, run.training_images, run.resolution) for run in rows}) == 1, "arms share their data"


def test_the_groups_that_the_lesson_names_are_those_of_the_rows():
    rows = [run for run in atlas.runs() if run.study == "cifar10-recipe"]
    found = {}
    for run in rows:
        found.setdefault(run.label, []).append(run.validation[-1])
    points = {label: np.mean(values) - np.mean(found["reference"]) for label, values in found.items()}
    assert {label for label, p in points.items() if p < -5} == {
        "no warm-up", "constant rate", "no augmentation", "group norm", "batch 512, rate 1.2", "cutmix 1"}  # fmt: skip
    assert min(points, key=points.get) == "cutmix 1" and -9 < points["cutmix 1"] < -7
    noise = atlas.spread(p.values for p in atlas.summary(atlas.runs()) if p.study == "cifar10-short")

    def told_apart(one, other):
        _, low, high = atlas.difference(found[one], found[other], noise)
        return low > 0 or high < 0

    assert told_apart("no weight decay", "no augmentation"), "the first guess's answer, and the next of its choices"
    assert not told_apart("torch's rmsprop, same rate", "rmsprop, as published")
    alike = ("no label smoothing", "moving average 0.998", "stochastic depth 0.1", "relu for silu", "float32")
    assert all(abs(points[label]) < 1 for label in alike)


def test_what_the_lesson_says_of_ten_minutes_was_recorded():
    runs = [run for run in atlas.runs() if run.study in ("fused-20-epochs", "ten-minutes")]
    assert [run.seed for run in runs] == [0] * 7 + [1, 0, 1, 2]
    met = [run for run in runs if run.seconds <= 600 and run.test[-1] >= 90]
    e, f, g, h, *ijk = runs[4:]
    assert met == ijk and {run.epochs for run in ijk} == {26} and all(run.changes == e.changes for run in ijk)
    assert [round(run.seconds) - 600 for run in (e, f)] == [10, 12] and min(e.test[-1], f.test[-1]) > 90
    assert e.epochs - 2 == g.epochs == h.epochs and e.changes == g.changes == h.changes
    assert min(g.seconds, h.seconds) > e.seconds
    assert [run.recipe.get("early_pixels", 0) for run in runs] == [0, 0] + [24] * 9
    assert [run.changes.get("stem", 32) for run in runs] == [32] * 4 + [16] * 7
    stem = 32 * 32 * 27 * 32
    assert 0.02 < stem / runs[0].macs < 0.03 and FUSED.stem == 32
    lows, highs = zip(*(wilson(round(100 * run.test[-1]), 10_000) for run in runs), strict=True)
    assert max(lows) < min(highs), "every interval meets every other"
    assert max(100 * low for low in lows) < 90


def test_the_race_marks_who_reached_the_aim_in_time():
    from effnet_course import figures

    rows = [("a", 9.0, 90.5, 89.9, 91.1), ("b", 11.0, 91.0, 90.4, 91.6), ("c", 9.0, 89.0, 88.4, 89.6)]
    picture = figures.race(rows, minutes=10, aim=90)
    assert "a: 90.50 % (89.9 to 91.1) in 9.0 min" in picture.text and "aim is 90 % in 10 min" in picture.text
    points = [line for line in picture.figure.axes[0].lines if line.get_marker() not in ("None", "")]
    assert [line.get_marker() for line in points] == ["o", "D", "D"]
    assert {text.get_text() for text in picture.figure.axes[0].texts} == {"a", "b", "c"}
