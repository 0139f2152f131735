"""Lesson 05: fields are what gradients show, the explorer counts what it says, and the figures say what they draw."""

import json
import math
import xml.etree.ElementTree as ET
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from effnet_course import atlas, explorers
from effnet_course.arch import B0, NANO
from effnet_course.cost import network_cost
from effnet_course.explorers import lesson05

explain = pytest.importorskip("effnet_course.explain")
QUESTIONS = Path(explorers.__file__).parents[1] / "questions/05.toml"


def rows(noise=0.0):
    """Networks as the explorer takes them, on an exact plane: 60 + d + 2 w^2 + 3 r^2 per doubling."""
    found = []
    for number, (d, w, r) in enumerate(
        [(1, 1, 16), (2, 1, 16), (1, 1.5, 16), (1, 1, 24), (2, 1.5, 16), (1, 2, 20), (3, 1, 24)]
    ):
        macs = network_cost(NANO.scaled(depth=d, width=w, resolution=r / 16), 10).macs
        mean = 60 + math.log2(d) + 4 * math.log2(w) + 6 * math.log2(r / 16) + noise * (-1) ** number
        found.append(("base" if number == 0 else "grid", d, w, r, macs, mean, mean - 1, mean + 1, 3))
    return found


def network(net, se=True, seed=0):
    torch = pytest.importorskip("torch")
    from effnet_course.model import EfficientNet

    torch.manual_seed(seed)
    model = EfficientNet(net if se else replace(net, se_ratio=0), 10)
    with torch.no_grad():
        model.train()(torch.randn(8, 3, 32, 32))
    return model.eval()


def test_the_field_of_b0_is_851_pixels_and_of_nano_75():
    assert [f.side for f in explain.theoretical_field(B0)][:4] == [3, 7, 11, 19]
    assert explain.theoretical_field(B0)[-1] == explain.Field("head", 851, 32)
    assert explain.theoretical_field(NANO)[-1].side == 75
    assert len(explain.theoretical_field(B0)) == 18


@pytest.mark.parametrize("depth", (0.5, 1))
def test_outside_the_theoretical_field_the_gradient_is_exactly_zero_without_gates(depth):
    torch = pytest.importorskip("torch")
    net = NANO.scaled(depth=depth)
    side = explain.theoretical_field(net)[-1].side
    x = torch.randn(1, 3, 112, 112, generator=torch.Generator().manual_seed(1))
    seen = explain.effective_field(network(net), x, se=False, outputs=2) > 0
    assert (seen.any(0).sum(), seen.any(1).sum()) == (side, side)
    everywhere = explain.effective_field(network(net), x, se=True, outputs=2)
    assert (everywhere > 0).all()


def test_held_gates_leave_the_gradient_of_a_network_without_gates_as_it_is():
    torch = pytest.importorskip("torch")
    model, x = network(NANO, se=False), torch.randn(2, 3, 24, 24)
    assert np.array_equal(explain.effective_field(model, x), explain.effective_field(model, x, se=False))


def test_the_influence_adds_up_to_one_and_the_network_is_left_as_it_was():
    torch = pytest.importorskip("torch")
    model, x = network(NANO), torch.randn(2, 3, 24, 24)
    before = model(x)
    influence = explain.effective_field(model, x, se=False)
    assert influence.shape == (24, 24) and influence.sum() == pytest.approx(1)
    assert torch.equal(model(x), before) and not x.requires_grad
    assert np.array_equal(influence, explain.effective_field(model, x, se=False))


def test_the_side_is_that_of_the_smallest_window_wherever_it_lies():
    influence = np.zeros((9, 9))
    influence[6:9, 0:3] = 1 / 9
    assert explain.side_of(influence, 1.0) == 3 and explain.side_of(influence, 0.4) == 2
    assert explain.side_of(influence, 0.1) == 1
    assert explain.side_of(np.full((5, 5), 1 / 25), 1.0) == 5


def test_the_explorer_counts_nano():
    state = lesson05.dimension_state(1, 1, 16)
    assert (state.macs, state.params, state.blocks, state.field) == (3_262_768, 152_905, 8, 75)
    assert state.times == state.power == 1 and state.nearest is None
    assert "No run recorded here, nor anywhere yet." in lesson05.dimension_sentence(state)


def test_the_explorer_s_field_is_explain_s():
    for depth in (0.5, 1, 2.125, 8.125):
        net = NANO.scaled(depth=depth)
        assert lesson05.field_side(net) == explain.theoretical_field(net)[-1].side


def test_the_plane_is_found_and_its_miss_is_that_of_its_points():
    fitted = lesson05.plane([lesson05.Recorded(*row) for row in rows()])
    assert fitted.weights == pytest.approx((60, 1, 2, 3)) and fitted.miss == pytest.approx(0, abs=1e-6)
    assert lesson05.plane([lesson05.Recorded(*row) for row in rows(0.5)]).miss > 0.1
    assert lesson05.plane([lesson05.Recorded(*row) for row in rows()[:5]]) is None
    assert lesson05.plane([lesson05.Recorded(*rows()[1])] * 7) is None


def test_the_explorer_says_recorded_estimated_or_neither():
    explorer = explorers.dimensions_explorer(rows())
    assert "Recorded: 61.0 % (3 seeds" in explorer.static(depth=2.0, width=1, resolution=16)[1]
    between = explorer.static(depth=1.5, width=1, resolution=16)[1]
    assert "No run recorded here. Estimate: 60.6 %" in between and "The nearest recorded" in between
    far = explorer.static(depth=8.0, width=3, resolution=48)[1]
    assert "no estimate" in far and "no new detail" in far
    assert "recorded" in explorers.dimensions_explorer(rows()[:2]).static(depth=1.5)[1]


@pytest.mark.parametrize("given", ([], rows()[:1], rows(), [(*rows()[0][:6], math.nan, math.nan, 1)]))
def test_every_extreme_is_a_picture_with_a_sentence(given):
    explorer = explorers.dimensions_explorer(given)
    ends = product(*((s.values[0], s.values[-1]) for s in explorer.sliders))
    for values in [(s.start for s in explorer.sliders), *ends]:
        picture, sentence = explorer.static(**dict(zip(("depth", "width", "resolution"), values, strict=True)))
        root = ET.fromstring(picture)
        assert root.get("aria-label") == sentence and "nan" not in picture and "nan" not in sentence
        for text in root.iter("{http://www.w3.org/2000/svg}text"):
            assert 0 <= float(text.get("x")) <= 680 and 0 <= float(text.get("y")) <= 278


def test_every_recorded_network_can_be_reached_by_the_sliders():
    explorer = explorers.dimensions_explorer(rows())
    offered = {s.name: s.values for s in explorer.sliders}
    for _, depth, width, pixels, *_ in rows():
        assert depth in offered["depth"] and width in offered["width"] and pixels in offered["resolution"]


def test_moving_a_slider_changes_the_page():
    controls, page = explorers.dimensions(rows()).children
    for slider in controls.children:
        before = page.value
        slider.value = slider.options[-1][1]
        assert page.value != before


def test_the_mismatch_record_is_whole_and_its_networks_are_what_it_says():
    record = json.loads((atlas.RECORDS / "mismatch.json").read_text())
    keys = [(r["table"], r["resolution"], r["depth"], r["width"], r["seed"]) for r in record["rows"]]
    assert len(keys) == len(set(keys)) == 24 and {key[-1] for key in keys} == {0, 1, 2}
    base = [r["field"] for r in record["rows"] if r["depth"] == 1]
    assert set(base) == {11} and {r["field"] for r in record["rows"] if r["depth"] == 3} == {35}


def test_the_figures_say_what_they_draw():
    figures = pytest.importorskip("effnet_course.figures")
    assert "depth 2.03 times at 2, width 3.76 times at 2, resolution 3.99 times at 2" in figures.macs_powers().text
    said = figures.against_macs([("base", 3e6, 60.0, 59.0, 61.0), ("depth", 6e6, 61.0, math.nan, math.nan)]).text
    assert "base at 3.0 million MACs 60.0 (59.0 to 61.0); depth at 6.0 million MACs 61.0." in said
    assert "no runs recorded yet" in figures.learning_curves({}).text
    assert "No runs recorded yet" in figures.against_macs([]).text
    assert "plain: at the first layer 1e-02 times" in figures.gradients({"plain": [0.01, 0.1, 1.0]}).text
    influence = np.zeros((5, 5))
    influence[2, 2] = 1.0
    assert "4% of the pixels have any influence, 90 % 1 px" in figures.fields([("a", influence, {"90 %": 1})]).text
    panel = ("moon", ["d = 1"], ["12 px"], [[48.0]], [[2.0]])
    assert "moon, d = 1, 12 px: 48 plus or minus 2" in figures.mismatch([panel]).text


def short_runs(split="validation", budgets=(1, 2)):
    """The shipped points of the short study at some budgets: its base and 2x."""
    rows = [run for run in atlas.runs() if run.study == "cifar10-short" and run.budget in budgets]
    return {(point.family, point.depth, point.width): point for point in atlas.summary(rows, split)}


def test_what_the_lessons_say_of_the_shipped_runs_at_twice_the_cost_is_so():
    points = short_runs()
    mean = {family: point.mean for (family, *_), point in points.items() if family != "grid"}
    assert all(len(point.values) == 3 for point in points.values()) and len(points) == 10
    assert mean["depth"] < mean["base"], "lesson 05: depth alone ends below the base"
    doubled = sorted((p for p in points.values() if p.budget == 2), key=lambda p: -p.mean)
    assert (doubled[0].family, doubled[-1].family) == ("resolution", "depth"), "lesson 07: who leads, who comes last"
    assert max(p.mean for p in doubled if p.depth > 1) < min(p.mean for p in doubled if p.depth == 1), "lesson 07"
    place = [p.family for p in doubled].index("compound")
    assert place >= 5, "lesson 07: the paper's triple is in the lower half"
    test = {p.family: p.values for p in short_runs("test").values() if p.family in ("resolution", "compound")}
    pooled = atlas.spread(p.values for p in short_runs("test").values() if p.budget == 2)
    lead, low, _ = atlas.difference(test["resolution"], test["compound"], pooled)
    assert low > 2 and lead > 3, "lesson 06: several points, far beyond the noise"


def test_what_docs_and_lessons_say_of_the_shipped_runs_at_four_times_the_cost_is_so():
    points = {p.family: p for p in short_runs(budgets=(4,)).values()}
    assert all(len(point.values) == 3 for point in points.values()) and len(points) == 5
    order = sorted(points, key=lambda family: -points[family].mean)
    assert order == ["resolution", "grid", "compound", "width", "depth"]
    test = {p.family: p for p in short_runs("test", (4,)).values()}
    pooled = atlas.spread(p.values for p in test.values())
    found = atlas.difference(test["compound"].values, test["resolution"].values, pooled)
    assert [round(x, 1) for x in found] == [-5.2, -7.3, -3.2], "docs/atlas.md"
    _, low, high = atlas.difference(test["compound"].values, test["width"].values, pooled)
    assert low < 0 < high
