"""Lesson 07: what it says of the grid holds, its explorer's chances are right, its figures say what they draw."""

import math
import xml.etree.ElementTree as ET
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from effnet_course import atlas, explorers, runner
from effnet_course.arch import B0, NANO
from effnet_course.checking import judge, run
from effnet_course.cost import network_cost
from effnet_course.exercises import s07_coefficient_search as sheet
from effnet_course.explorers import lesson07

ROOT = Path(__file__).parents[1]
QUESTIONS = Path(explorers.__file__).parents[1] / "questions/07.toml"
SURFACE = (65.8, 68.3, 66.6, 3.6, 3.0, 4.5)
ROWS = [
    dict(name="A", label="depth", shares=(1, 0, 0), mean=65.8, low=65.1, high=66.5, own=False),
    dict(name="B", label="width", shares=(0, 1, 0), mean=68.3, low=67.6, high=69.0, own=False),
    dict(name="D", label="1.2, 1.1, 1.15", shares=(0.3, 0.31, 0.39), mean=67.9, low=67.2, high=68.6, own=False),
    dict(name="I", label="you", shares=(0.2, 0.6, 0.2), mean=68.0, low=math.nan, high=math.nan, own=True),
]
EXPLORER = explorers.search_explorer(ROWS, SURFACE, 0.58)


def recorded(budget):
    """The recorded candidates at a budget: (family, width, resolution) to top-1 of each seed; and the pooled spread."""
    points = atlas.summary(r for r in atlas.runs() if r.study == "cifar10-short" and r.budget == budget)
    return {(p.family, p.width, p.resolution): p for p in points}, atlas.spread(p.values for p in points)


def test_what_the_lesson_says_of_the_recorded_search():
    found, noise = recorded(2)
    order = sorted(found, key=lambda k: -found[k].mean)
    assert len(found) == 9 and order[0][0] == "resolution" and order[-1][0] == "depth"
    assert all(atlas.difference(found[order[0]].values, found[k].values, noise)[1] > 0 for k in order[1:])
    without_blocks = [found[k].depth == 1 for k in order]
    assert without_blocks == sorted(without_blocks, reverse=True), "those that add no blocks are ahead of the others"
    assert [k[0] for k in order].index("compound") > 4, "in the lower half"


def test_what_the_lesson_says_of_four_times_the_cost():
    places, gaps = [], []
    for budget in (2, 4):
        found, noise = recorded(budget)
        width, compound = (next(p for k, p in found.items() if k[0] == kind) for kind in ("width", "compound"))
        gaps.append(atlas.difference(width.values, compound.values, noise))
        same = [k for k in found if k[0] != "grid" or found[k].width == 1.21]
        places.append(sorted(same, key=lambda k: -found[k].mean))
    assert [[k[0] for k in order] for order in places] == [
        ["resolution", "grid", "width", "compound", "depth"], ["resolution", "grid", "compound", "width", "depth"]
    ]  # fmt: skip
    assert gaps[0][1] > 0 and gaps[1][1] < 0 < gaps[1][2]
    assert not any(r.study == "cifar10-short" and r.budget == 8 for r in atlas.runs()), "rewrite: 8x is there now"


def test_the_best_of_63_is_missed_in_more_than_half_of_the_searches():
    found, noise = recorded(2)
    terms = [(*s, s[0] * s[1], s[0] * s[2], s[1] * s[2]) for s in
             (lesson07.shares(p.depth, p.width, p.resolution / NANO.resolution) for p in found.values())]  # fmt: skip
    fitted, *_ = np.linalg.lstsq(np.array(terms), np.array([p.mean for p in found.values()]), rcond=None)
    state = lesson07.search_state(0.05, 0.1, noise[0], 3, [], fitted.tolist())
    assert 0.25 < state.chances[state.best] < 0.5 and state.loss < 0.3


def built(base, triple):
    net = base.scaled(*triple)
    channels = net.stem_channels, tuple(b.out_channels for b in net.blocks()), net.head_channels
    return net.repeats, channels, net.resolution


def test_the_grid_has_63_triples_and_the_papers_is_one():
    found = lesson07.candidates(0.05, 0.1)
    assert len(found) == 63
    [paper] = [c for c in found if c.triple == (1.2, 1.1, 1.15)]
    assert [round(100 * share) for share in paper.shares] == [28, 29, 43]
    assert {c.triple for c in found} == set(sheet.feasible_triples(0.05, [1.4, 1.3, 1.3], 2.0, 0.1))


@pytest.mark.parametrize(("base", "networks", "least", "most"), [(NANO, 39, 1.85, 2.68), (B0, 38, 2.14, 3.33)])
def test_after_rounding_63_triples_are_fewer_networks_at_unequal_cost(base, networks, least, most):
    triples = [c.triple for c in lesson07.candidates(0.05, 0.1)]
    assert len({built(base, triple) for triple in triples}) == networks
    classes = 10 if base is NANO else 1000
    growth = [network_cost(base.scaled(*t), classes).macs / network_cost(base, classes).macs for t in triples]
    assert (round(min(growth), 2), round(max(growth), 2)) == (least, most)


def test_the_planned_candidates_are_nine_networks_at_equal_cost():
    jobs = [job for job in runner.read_plan("cifar10-short") if job.budget == 2 and job.recipe["seed"] == 0]
    sprint = [job for job in runner.read_plan("cifar10-sprint") if job.budget == 2 and job.recipe["seed"] == 0]
    assert len({built(NANO, (j.depth, j.width, j.resolution / 16)) for j in jobs}) == len(jobs) == 9
    counts = [network_cost(job.architecture, 10).macs for job in jobs]
    assert max(counts) / min(counts) < 1.015
    assert [(j.depth, j.width, j.resolution) for j in jobs] == [(j.depth, j.width, j.resolution) for j in sprint]


def test_every_grid_of_the_explorer_is_what_whole_numbers_give():
    for step, tolerance in product(lesson07.STEPS, lesson07.TOLERANCES):
        found = [c.triple for c in lesson07.candidates(step, tolerance)]
        assert found == sheet.feasible_triples(step, [1.4, 1.3, 1.3], 2.0, tolerance)


def test_chances_are_those_of_a_simulation():
    means, deviation = [67.0, 67.3, 67.35, 66.0, 67.31], 0.3
    won, highest = lesson07.chances(means, deviation)
    drawn = np.random.default_rng(0).normal(means, deviation, (200_000, 5))
    assert won == pytest.approx(np.bincount(drawn.argmax(1), minlength=5) / 200_000, abs=0.015)
    assert highest == pytest.approx(drawn.max(1).mean(), abs=0.006)
    assert sum(won) == pytest.approx(1)


def test_equal_candidates_share_the_chance_and_the_winner_looks_too_good():
    won, highest = lesson07.chances([67.0] * 9, 0.5)
    assert won == pytest.approx([1 / 9] * 9)
    assert (highest - 67) / 0.5 == pytest.approx(1.485, abs=0.002)


def test_more_seeds_bring_the_best_forward_and_cost_less():
    few, many = (lesson07.search_state(0.05, 0.1, 0.6, n, ROWS, SURFACE) for n in (1, 100))
    assert many.chances[many.best] > 2 * few.chances[few.best]
    assert many.loss < few.loss and many.optimism < few.optimism
    assert few.loss >= 0 and few.optimism >= few.loss


def corners():
    ends = product(*((s.values[0], s.values[-1]) for s in EXPLORER.sliders))
    return [dict(zip([s.name for s in EXPLORER.sliders], values, strict=True)) for values in ends]


@pytest.mark.parametrize("explorer", [EXPLORER, explorers.search_explorer([], None)], ids=["runs", "no runs"])
def test_every_extreme_is_a_picture_with_a_sentence(explorer):
    for values in [{}, *corners()]:
        picture, sentence = explorer.static(**values)
        root = ET.fromstring(picture)
        assert root.get("role") == "img" and root.get("aria-label") == sentence
        assert "nan" not in picture and "nan" not in sentence
        width, height = int(root.get("width")), int(root.get("height"))
        assert width <= 700 and height <= 400
        for element in root.iter("{http://www.w3.org/2000/svg}text"):
            assert 0 <= float(element.get("x")) <= width and 0 <= float(element.get("y")) <= height


def test_without_runs_the_explorer_says_so():
    picture, sentence = explorers.search_explorer([], None).static()
    assert "No run is recorded" in sentence and "No run recorded here." in picture


def test_each_recorded_network_is_marked_and_each_with_seeds_has_its_interval():
    picture, _ = EXPLORER.static()
    root = ET.fromstring(picture)
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert all(f"{row['name']}  {row['label']}" in texts for row in ROWS)
    wide = [e for e in root.iter("{http://www.w3.org/2000/svg}polyline") if e.get("stroke-width") == "2"]
    assert len(wide) == sum(math.isfinite(row["low"]) for row in ROWS)


def test_moving_a_slider_changes_the_page():
    controls, page = explorers.coefficient_search(ROWS, SURFACE, 0.58).children
    for slider in controls.children:
        before = page.value
        slider.value = next(value for _, value in slider.options if value != slider.value)
        assert page.value != before


def test_the_numbers_in_the_questions_are_right():
    depth, width, resolution = lesson07.shares(1.3, 1.15, 1.1)
    assert [round(100 * share) for share in (depth, width)] == [36, 38] and resolution < depth
    assert [round(2 * math.log(x), 3) for x in (1.15, 1.1)] == [0.28, 0.191] and round(math.log(1.3), 3) == 0.262
    assert np.arange(1, 1.4, 0.05)[-1] < 1.36 and np.arange(1, 1.3, 0.05)[-1] > 1.29
    assert lesson07.chances([0.0] * 63, 1.0)[1] == pytest.approx(2.3, abs=0.05)
    assert 1.4 * math.sqrt(3 / 48) == 0.35


def test_the_figures_say_what_they_draw():
    figures = pytest.importorskip("effnet_course.figures")
    triples = [c.shares for c in lesson07.candidates(0.05, 0.1)]
    said = figures.search_triangle(triples, [("A", (1, 0, 0), 65.8, False), ("you", (0.2, 0.6, 0.2), None, True)]).text
    assert "63 triples" in said and "A at d 100 %, w 0 %, r 0 % has 65.8 %" in said and "you at d 20 %" in said
    said = figures.search_ranking([("A", [65.0, 66.0], 64.9, 66.1, False), ("B", [68.0, 69.0], 67.9, 69.1, True)]).text
    assert "B 68.5 (67.9 to 69.1), the best; A 65.5" in said
    said = figures.rank_agreement([("A", (1, 0, 2), (3, 2, 4)), ("B", (2, 1, 3), (4, 3, 5))], "x", "y", 1.0).text
    assert "A 1.0 and 3.0; B 2.0 and 4.0" in said
    curves = {"A": [1, 2, 3, 4], "B": [2, 3, 4, 5], "C": [0, 1, 2, 3]}
    assert "after epoch 1 B, A go on" in figures.halving_curves(curves, [(1, ["B", "A"]), (2, ["B"])]).text


@pytest.mark.parametrize("seed", (0, 1, 2, 20))
def test_a_rank_interval_does_not_hang_on_the_last_digit_of_a_mean(seed):
    cases = sheet.INTERVAL.cases(seed)

    def by_sums(small, large, draws):
        def rho(seeds):
            return sheet.rank_correlation(*([round(sum(g[s] for s in seeds), 6) for g in x] for x in (small, large)))

        again = sorted(map(rho, draws))
        out = len(again) // 40
        return rho(range(len(small[0]))), again[out], again[-1 - out]

    assert judge(sheet.INTERVAL, cases, run(by_sums, cases)).passed


@pytest.mark.parametrize("seed", (0, 1, 2, 20))
def test_no_case_has_the_ties_that_the_sheet_rules_out(seed):
    for case in sheet.CHOOSE.cases(seed):
        means = sorted(sum(group) / len(group) for group in case["scores"])
        assert means[-1] - means[-2] > 0.01
    for case in sheet.HALVING.cases(seed):
        for rung in case["rungs"]:
            assert len({curve[rung - 1] for curve in case["curves"]}) == len(case["curves"])


@pytest.mark.parametrize("axis", [lambda n: 1 + n * 0.1, lambda n: (10 + n) / 10, lambda n: (10 + n) * 0.1])
def test_an_edge_compared_in_floats_fails_on_a_case_of_two_triples(axis):
    case = sheet.TRIPLES.cases(0)[1]
    assert len(sheet.feasible_triples(**case)) == 2
    ranges = [[axis(n) for n in range(round((high - 1) / 0.1) + 1)] for high in case["highest"]]
    near = [t for t in product(*ranges) if abs(t[0] * t[1] ** 2 * t[2] ** 2 - case["target"]) <= case["tolerance"]]
    assert len(near) == 1
