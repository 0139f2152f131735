"""Lesson 02: what its text, its sliders and its sheet say of an MBConv block is what PyTorch does."""

import random
import xml.etree.ElementTree as ET
from dataclasses import replace
from itertools import product

import pytest

from effnet_course import cost, explorers
from effnet_course.arch import B0, Block
from effnet_course.exercises import sheet
from effnet_course.explorers import lesson02

FORWARD, COST, SWISH, DEPTH, RESIDUAL, MEMORY = (exercise.reference for exercise in sheet("02"))
WITHOUT_GATE = replace(B0, se_ratio=0)
SVG = "{http://www.w3.org/2000/svg}"


def a_block(expansion, kernel, in_channels, out_channels, size, stride):
    return Block(0, 0, "mbconv", kernel, stride, in_channels, expansion * in_channels, 0, out_channels,
                 stride == 1 and in_channels == out_channels, 0.0, size)  # fmt: skip


def corners():
    sliders = explorers.MBCONV.sliders
    names = [s.name for s in sliders]
    return [{}] + [dict(zip(names, v, strict=True)) for v in product(*((s.values[0], s.values[-1]) for s in sliders))]


# ---- the explorer ----


def test_the_block_of_the_lesson_costs_what_it_does_by_hand():
    s = lesson02.mbconv_state(6, 3, 24, 56)
    expand, depthwise, gate, project = s.steps
    assert expand.macs == project.macs == 24 * 144 * 56**2
    assert depthwise.macs == 9 * 144 * 56**2
    assert gate.macs == 2 * 144 * 6 and gate.params == 2 * 144 * 6 + 6 + 144
    assert expand.params == 24 * 144 + 2 * 144 and project.params == 24 * 144 + 2 * 24
    assert expand.activations == depthwise.activations == 144 * 56**2 and project.activations == 24 * 56**2


def test_the_block_is_b0_s():
    whole = lesson02.mbconv_state(6, 3, 24, 56).total
    layers = cost.block_layers(B0.blocks()[2])
    for what in ("macs", "params", "activations"):
        assert getattr(whole, what) == sum(getattr(layer, what) for layer in layers)


def test_macs_lie_on_a_line_through_zero_and_ratio_1_below_it():
    for values in corners()[1:]:
        s = lesson02.mbconv_state(**values)
        assert all(macs == ratio * s.per_ratio for ratio, macs in zip(lesson02.RATIOS[1:], s.line[1:], strict=True))
        assert s.per_ratio - s.line[0] == s.channels**2 * s.resolution**2


def test_every_extreme_is_a_picture_with_a_sentence():
    for values in corners():
        picture, sentence = explorers.MBCONV.static(**values)
        root = ET.fromstring(picture)
        assert root.get("aria-label") == sentence and "nan" not in picture
        width, height = int(root.get("width")), int(root.get("height"))
        assert width <= 700 and height <= 300
        for element in root.iter():
            if "x" in element.attrib:
                assert 0 <= float(element.get("x")) <= width and 0 <= float(element.get("y")) <= height
        assert ("no expansion" in sentence) == (values.get("expansion") == 1)


def test_the_bars_fill_their_row_and_the_sentence_holds_their_numbers():
    for values in corners():
        picture, sentence = explorers.MBCONV.static(**values)
        rows = {}
        for bar in ET.fromstring(picture).iter(f"{SVG}rect"):
            rows.setdefault(bar.get("y"), []).append(float(bar.get("width")))
        assert len(rows) == 3
        assert all(sum(widths) == pytest.approx(335, abs=1.2) for widths in rows.values())
        for words in ("".join(text.itertext()) for text in ET.fromstring(picture).iter(f"{SVG}text")):
            if " %" in words or words.startswith(("MACs:", "Parameters:", "Activations:")):
                assert words in sentence


def test_moving_a_slider_changes_the_page():
    controls, page = explorers.mbconv().children
    assert len(controls.children) == 4
    for slider in controls.children:
        before = page.value
        slider.index = 0 if slider.index else 1
        assert page.value != before and page.value.count("<svg") == 1


# ---- the sheet ----


@pytest.mark.parametrize("seed", range(3))
def test_the_sheet_s_block_is_the_course_s(seed):
    torch = pytest.importorskip("torch")
    from effnet_course.model import MBConv

    for case in sheet("02")[0].cases(seed):
        image = torch.tensor(case["image"])[None]
        channels, wide, kernel = image.shape[1], len(case["kernels"]), len(case["kernels"][0])
        block = a_block(wide // channels, kernel, channels, len(case["project"]), 4, case["stride"])
        if (block.expanded == channels) != (case["expand"] is None):
            continue
        module = MBConv(WITHOUT_GATE, block).eval()
        weights = {"expand": case["expand"], "depthwise": case["kernels"], "project": case["project"]}
        with torch.no_grad():
            for name, step in module.steps.named_children():
                step.norm = torch.nn.Identity()
                step.conv.weight.copy_(torch.tensor(weights[name]).reshape(step.conv.weight.shape))
            assert torch.allclose(module(image)[0], torch.tensor(FORWARD(**case)), atol=1e-4)


@pytest.mark.parametrize("case", sheet("02")[1].cases(3), ids=str)
def test_the_sheet_counts_what_torch_builds(case):
    torch = pytest.importorskip("torch")
    from torch.utils.flop_counter import FlopCounterMode

    from effnet_course.model import MBConv

    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        module = MBConv(WITHOUT_GATE, a_block(**case)).eval()
        module(torch.empty(1, case["in_channels"], case["size"], case["size"]))
    params, macs = COST(**case)
    assert params == sum(p.numel() for p in module.parameters())
    assert macs == counter.get_total_flops() / 2


def test_swish_and_its_slope_are_autograd_s():
    torch = pytest.importorskip("torch")
    for case in sheet("02")[2].cases(7):
        x = torch.tensor(case["x"], dtype=torch.float64, requires_grad=True)
        y = x * torch.sigmoid(case["steepness"] * x)
        y.backward()
        value, slope, lowest = SWISH(**case)
        assert (value, slope) == pytest.approx((y.item(), x.grad.item()))
        assert lowest <= value
    assert SWISH(1.0, 1.0)[2] == pytest.approx(-0.278465, abs=1e-6)


def test_the_sheet_s_stochastic_depth_is_the_course_s():
    torch = pytest.importorskip("torch")
    from effnet_course.model import StochasticDepth

    torch.manual_seed(0)
    branch = torch.randn(8, 3, 1, 1)
    out = StochasticDepth(0.5).train()(branch)
    draws = [0.0 if image.abs().sum() == 0 else 1.0 for image in out]
    ours = torch.tensor(DEPTH(branch.flatten(1).tolist(), [[0.0] * 3] * 8, 0.5, draws, True))
    assert 0 < sum(draws) < 8 and torch.allclose(ours, out.flatten(1))


def test_the_residual_rule_is_that_of_every_network():
    for net in (B0, replace(B0, stages=B0.stages[::-1])):
        stages = [[s.expand, s.kernel, s.stride, s.channels, s.repeats] for s in net.stages]
        by_stage = [sum(b.residual for b in net.blocks() if b.stage == row) for row in range(len(stages))]
        assert RESIDUAL(net.stem, stages) == by_stage
    assert sum(b.residual for b in B0.blocks()) == 9 and len(B0.blocks()) == 16


@pytest.mark.parametrize("expansion, stride, out", [(6, 1, 8), (6, 2, 12), (1, 1, 8), (3, 2, 8)])
def test_training_keeps_what_the_sheet_says(expansion, stride, out):
    """To within the weights and statistics, which the sheet leaves out."""
    torch = pytest.importorskip("torch")
    from torch.autograd.graph import saved_tensors_hooks

    from effnet_course.model import MBConv

    arrays = {}

    def keep(tensor):
        storage = tensor.untyped_storage()
        arrays[storage.data_ptr()] = storage
        return tensor

    block = a_block(expansion, 3, 8, out, 21, stride)
    image = torch.randn(16, 8, 21, 21, requires_grad=True)
    with saved_tensors_hooks(keep, lambda tensor: tensor):
        MBConv(WITHOUT_GATE, block).train()(image)
    measured = sum(storage.nbytes() for storage in arrays.values())
    kept, _ = MEMORY(expansion, 3, 8, out, 21, stride, 16, 4)
    assert kept < measured < kept + 6 * 4 * COST(expansion, 3, 8, out, 21, stride)[0]
    assert measured - kept < 0.03 * kept


def test_what_the_sheet_says_of_the_block_s_memory():
    kept, most = MEMORY(6, 3, 24, 24, 56, 1, 8, 4)
    assert 2.8 < kept / most < 3
    assert 2 * 3 * 144 / (2 * 3 * 144 + 2 * 24) > 0.9  # the share of the wide middle
    assert round(4 * COST(6, 3, 24, 24, 56, 1)[0] / 1000) == 35


def test_the_cases_tell_shape_from_stride_and_below_from_at_most():
    assert any(c["stride"] == 2 and len(c["image"][0]) == 1 == len(c["project"]) for c in sheet("02")[0].cases(5))
    cases = [c for c in sheet("02")[3].cases(5) if c["training"] and c["rate"] in c["draws"]]
    assert {c["rate"] for c in cases} == {0.0, 0.25}


# ---- what the text says ----


def test_b0_has_one_block_that_bends_where_it_is_narrow():
    blocks = B0.blocks()
    assert [b.expanded == b.in_channels for b in blocks] == [True] + [False] * 15
    assert (blocks[2].stage + 2, blocks[2].index) == (3, 1)


def test_the_lesson_s_formula_holds_from_ratio_2_on():
    for e in (1, 2, 6):
        formula = 2 * 24 + e * 24 * (2 * 24 + 9 + 4), e * 24 * 56**2 * (2 * 24 + 9)
        assert (COST(e, 3, 24, 24, 56, 1) == formula) == (e > 1)


def test_a_share_of_n_plus_1_in_2_to_the_n_is_lost():
    draw = random.Random(0)
    for n in (2, 3, 5):
        lost = 0
        for _ in range(4000):
            x, y = draw.gauss(0, 1), draw.gauss(0, 1)
            lost += sum(draw.gauss(0, 1) * x + draw.gauss(0, 1) * y > 0 for _ in range(n)) < 2
        assert lost / 4000 == pytest.approx((n + 1) / 2**n, abs=0.03)


def test_the_questions_numbers_are_right():
    params, macs = COST(6, 5, 40, 40, 1, 1)
    assert macs == 240 * 105 == 25_200
    assert [round(COST(e, 3, 24, 24, 56, 1)[1] / 1e6, 1) for e in (1, 2, 3)] == [2.5, 8.6, 12.9]


def test_the_words_question_s_numbers_are_right():
    one, two, six = (COST(e, 3, 24, 24, 56, 1)[1] for e in (1, 2, 6))
    assert round((one + 5 * (two - one)) / 1e6) == 33 and round(six / 1e6, 1) == 25.7
    assert two / 2 == six / 6 == 4_290_048 and 4_290_048 - one == 24 * 24 * 56**2
    assert (two - one) / one == pytest.approx(2.45, abs=0.01)


def test_each_figure_says_what_it_shows():
    torch = pytest.importorskip("torch")
    from effnet_course import figures

    block = WITHOUT_GATE.blocks()[2]
    assert "24 to 144 to 144 to 24" in figures.block_diagram(block).text
    assert "not added" in figures.block_diagram(B0.blocks()[1]).text
    assert "at ratio 1 2.48" in figures.expansion_line(block).text
    assert "-0.2785 at -1.2785" in figures.silu_curve(-1.278465).text
    assert "0.50 with momentum 0.1" in figures.running_mean({0.1: [0.3, 0.5]}).text
    assert "a: 1 of 4 outputs" in figures.what_is_dropped({"a": ([[1, 1]], [[1, 1], [1, 0]])}).text
    assert "a 25 %, b 75 %" in figures.time_and_macs([("a", 1, 1, 1), ("b", 3, 1, 1)]).text
    assert "10 % at n = 2" in figures.relu_collapse(torch.zeros(4, 2), {2: (torch.zeros(4, 2), 0.1)}).text
    assert "x 12 channels" in figures.block_maps([("x", torch.zeros(12, 4, 4).numpy())]).text
