"""Lesson 03: the gates that ship are those of the network that ships, and the lesson says what they show."""

import xml.etree.ElementTree as ET
from fractions import Fraction
from itertools import product

import numpy as np
import pytest

from effnet_course import cost, explain, explorers, figures
from effnet_course.arch import B0, NANO, VARIANTS
from effnet_course.checking import judge, run
from effnet_course.exercises import sheet
from effnet_course.explorers import lesson03

CLASSES = ["frog", "ship", "cat"]
ROWS = [
    {"means": [[0.5, 0.6, 0.2], [0.5, 0.3, 0.25], [0.4, 0.6, 0.2]], "spread": [0.01, 0.02, 0.03]},
    {"means": [[0.5, 0.5], [0.5, 0.5], [0.0, 1.0]], "spread": [0.0, 0.0]},
]


@pytest.fixture(scope="module")
def recorded():
    return explain.recorded_gates("nano-16px")


def test_the_state_sorts_by_the_first_class_and_finds_where_they_differ_most():
    s = lesson03.gates_state(1, "frog", "ship", CLASSES, ROWS)
    assert s.order == [1, 0, 2] and s.first == [0.6, 0.5, 0.2] and s.second == [0.3, 0.5, 0.25]
    assert s.spread == [0.02, 0.01, 0.03] and s.most == 1
    assert s.apart == pytest.approx(0.35 / 3)
    sentence = lesson03.gates_sentence(s)
    assert "channel 1: 0.600 against 0.300" in sentence and "Block 1 of 2" in sentence
    assert "no difference" in lesson03.gates_sentence(lesson03.gates_state(1, "ship", "ship", CLASSES, ROWS))


@pytest.mark.parametrize("real", [False, True])
def test_every_extreme_is_a_picture_with_a_sentence(real, recorded):
    classes, rows = (recorded["classes"], recorded["blocks"]) if real else (CLASSES, ROWS)
    explorer = explorers.gates_explorer(classes, rows)
    for block, one, other in product((1, len(rows)), classes[:2], classes[-2:]):
        picture, sentence = explorer.static(block=block, one=one, other=other)
        root = ET.fromstring(picture)
        assert root.get("role") == "img" and root.get("aria-label") == sentence
        assert "nan" not in picture and "inf" not in picture
        width, height = int(root.get("width")), int(root.get("height"))
        assert width <= 700 and height <= 300
        for element in root.iter():
            if "x" in element.attrib:
                assert 0 <= float(element.get("x")) <= width and 0 <= float(element.get("y")) <= height


def test_moving_a_slider_changes_the_page():
    controls, page = explorers.gates(CLASSES, ROWS, block=2, one="ship").children
    block, one, other = controls.children
    assert (block.value, one.value, other.value) == (2, "ship", "ship")
    for slider in controls.children:
        before = page.value
        slider.index = 0 if slider.index else 1
        assert page.value != before and page.value.count("<svg") == 1


def test_the_weights_of_se_are_the_ratio_s_share_of_the_1x1_layers():
    for block in B0.blocks():
        layers = {}
        for layer in cost.block_layers(block):
            layers.setdefault(layer.operator, []).append(layer)
        if block.in_channels == block.out_channels:
            se = sum(layer.macs for layer in layers["squeeze-excite"])  # used once each: MACs are weights
            assert se == 0.25 * (layers["expand"][0].params + layers["project"][0].params)


def test_what_the_questions_say_of_b0():
    se = [layer for layer in cost.network_cost(B0).layers if layer.operator == "squeeze-excite"]
    biases = sum(layer.params - layer.macs for layer in se)
    assert biases == 9_340 and sum(layer.params for layer in se) == 636_540
    gated = sum(b.expanded * (-(-b.resolution // b.stride)) ** 2 for b in B0.blocks())
    assert gated == 2_306_528
    assert 2 * gated / cost.network_cost(B0).macs == pytest.approx(0.012, abs=0.0005)
    b7 = cost.network_cost(VARIANTS["b7"])
    assert b7.by_operator()["squeeze-excite"].params / b7.params == pytest.approx(0.18, abs=0.001)


def test_the_record_is_of_the_network_that_ships(recorded):
    from effnet_course import atlas

    model, run = atlas.network("nano-16px")
    assert recorded["run"]["validation"] == list(run.validation) and recorded["run"]["seed"] == run.seed
    assert recorded["changed"]["as trained"]["top1"] == pytest.approx(run.validation[-1], abs=0.1)  # half precision
    widths = [block.expanded for block in NANO.blocks()]
    assert [row["channels"] for row in recorded["blocks"]] == widths
    assert [se.restore.out_channels for se in explain.squeeze_excitations(model)] == widths
    for row in recorded["blocks"]:
        assert np.shape(row["means"]) == (10, row["channels"]) and len(row["spread"]) == row["channels"]


def test_the_record_says_what_the_lesson_says(recorded):
    """Change the lesson's words when the network is trained anew and this fails."""
    blocks, changed = recorded["blocks"], recorded["changed"]
    assert recorded["images"] == 5000 and round(changed["as trained"]["top1"], 1) == 80.1
    spread = [row["total_spread"] for row in blocks]
    assert min(spread[:2]) > max(spread[2:]) and round(max(spread), 2) == 0.03 and round(spread[-1], 3) == 0.002
    share = [row["between_classes"] for row in blocks]
    assert all(0.45 < s < 0.6 for s in share[-2:]) and all(1 / 7 < s < 1 / 3 for s in share[:2])
    assert all(row["lowest"] >= 0.107 and row["highest"] <= 0.78 for row in blocks)
    frozen = changed["mean of 500 images"]
    assert round((frozen["lost"] - frozen["gained"]) / 50, 1) == 1.2
    alone = [rows["mean of 500 images"] for rows in recorded["changed_in_one_block"]]
    assert min(row["lost"] - row["gained"] for row in alone[:2]) > 20
    assert max(abs(row["lost"] - row["gained"]) for row in alone[2:]) == 1
    assert alone[-1]["lost"] + alone[-1]["gained"] == 1


def test_with_and_without_are_compared_on_the_same_images(recorded):
    from effnet_course import atlas

    _, run = atlas.network("nano-no-se-16px")
    other = recorded["without_se"]
    assert other["top1"] == pytest.approx(run.validation[-1], abs=0.1)
    gap = recorded["changed"]["as trained"]["top1"] - other["top1"]
    assert other["only_with"] - other["only_without"] == round(50 * gap)

    def interval(plus, minus):
        points, half = (plus - minus) / 50, 1.96 * (plus + minus - (plus - minus) ** 2 / 5000) ** 0.5 / 50
        return [round(value, 1) for value in (points, points - half, points + half)]

    frozen = recorded["changed"]["mean of 500 images"]
    assert interval(frozen["lost"], frozen["gained"]) == [1.2, 0.6, 1.8]
    assert interval(other["only_with"], other["only_without"]) == [0.4, -0.5, 1.3]


def test_by_traffic_se_is_a_third_of_b0():
    gated = sum(b.expanded * (-(-b.resolution // b.stride)) ** 2 for b in B0.blocks())
    others = sum(layer.inputs + layer.activations for layer in cost.network_cost(B0).layers)
    assert 3 * gated / others == pytest.approx(0.5, abs=0.02)
    assert 3 * gated / (3 * gated + others) == pytest.approx(1 / 3, abs=0.01)


def _said(number, answer, seed=0):
    [exercise] = [exercise for exercise in sheet("03") if exercise.id == number]
    cases = exercise.cases(seed)
    return judge(exercise, cases, run(answer, cases))


def test_answers_that_once_passed_or_were_told_a_coincidence():
    def first_channel(before, after):
        return not np.isclose(np.mean(before[0]), np.mean(after[0]))

    for seed in range(10):
        assert _said("03.5", first_channel, seed).misconception == "the first channel only"
        rounded = _said("03.3", lambda i, e, o, r: max(1, i // round(1 / r)), seed)
        assert rounded.misconception == "one over the ratio, rounded"
        sixth = _said("03.3", lambda i, e, o, r: max(1, int(i * e * r / 6)), seed)
        assert sixth.misconception and "are equal" not in sixth.message
        fraction = _said("03.3", lambda i, e, o, r: max(1, int(Fraction(str(r)) * i)), seed)
        assert fraction.passed, "no case may hang on the rounding of floats"


def test_block_2_squeezes_to_two_numbers_so_its_patterns_are_mixtures_of_two(recorded):
    assert NANO.blocks()[1].squeezed == 2
    means = np.array(recorded["blocks"][1]["means"])
    apart = means - means.mean(0)
    strength = np.linalg.svd(apart, compute_uv=False) ** 2
    assert strength[:2].sum() > 0.98 * strength.sum()
    alike, at = np.corrcoef(apart), recorded["classes"].index
    assert alike[at("automobile"), at("truck")] > 0.95 and alike[at("airplane"), at("ship")] > 0.95
    assert alike[at("automobile"), at("deer")] < -0.95 and alike[at("automobile"), at("bird")] < -0.95


def test_changed_gates_change_what_the_network_answers_and_nothing_stays_behind():
    torch = pytest.importorskip("torch")
    from effnet_course import atlas, data

    model, _ = atlas.network("nano-16px")
    images = data.shapes("validation", count=40, resolution=16)
    before = explain.answers(model, images)
    assert (explain.answers(model, images, lambda g: g) == before).all()
    assert (explain.answers(model, images, torch.ones_like) != before).any()
    assert (explain.answers(model, images) == before).all()
    gates = explain.gates(model, images, batch=16)
    assert [g.shape for g in gates] == [(40, b.expanded) for b in NANO.blocks()]
    assert all(((0 < g) & (g < 1)).all() for g in gates)


def test_a_class_s_mean_and_the_spread_around_it():
    values, labels = np.array([[0.0], [2.0], [10.0], [14.0]]), np.array([3, 3, 5, 5])
    means, spread = explain.by_class(values, labels)
    assert means.tolist() == [[1.0], [12.0]] and spread[0] == pytest.approx(np.sqrt((1 + 1 + 4 + 4) / 4))


def test_the_figures_say_what_they_show(recorded):
    assert "0.97" in figures.squeeze_excitation([[[4, 0], [0, 0]], [[2, 2], [2, 2]]], 1.76, [0.85, 0.97]).text
    assert "12 to 38 %" in figures.se_shares().text
    assert "block 8" in figures.gate_depth(recorded["blocks"]).text
    assert "block 2" in figures.gate_maps(recorded["blocks"], recorded["classes"]).text
    x = [[[0.0, 1.0], [2.0, 3.0]]]
    assert "again: gates differ by 0." in figures.same_gates([("first", x, [0.5]), ("again", x, [0.5])]).text
