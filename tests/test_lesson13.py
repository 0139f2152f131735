"""Lesson 13: what it says of published networks is so, features and masks are what they say, its explorer counts."""

import json
import math
import time
import xml.etree.ElementTree as ET
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from effnet_course import atlas, explorers, shapes
from effnet_course.arch import B0, NANO, RESNET, V2_S, VARIANTS, Stage
from effnet_course.cost import network_cost
from effnet_course.exercises import s13_beyond as sheet
from effnet_course.explorers import lesson13

ROWS = json.loads((atlas.RECORDS / "published.json").read_text())["rows"]


def billions(**multipliers):
    return network_cost(B0.scaled(**multipliers)).macs / 1e9


def test_the_single_dimensions_of_table_7_do_fewer_macs_and_these_would_be_fair():
    compound = billions(depth=1.4, width=1.2, resolution=1.3)
    tried = [billions(depth=4), billions(width=2), billions(resolution=2)]
    assert [round(x, 3) for x in (*tried, compound)] == [1.575, 1.450, 1.538, 1.800]
    assert [round(1 - x / compound, 2) for x in tried] == [0.12, 0.19, 0.15]
    fair = [billions(depth=4.3), billions(width=2.23), billions(resolution=480 / 224)]
    assert [round(x, 3) for x in fair] == [1.782, 1.836, 1.765]
    assert billions(resolution=481 / 224) / billions(resolution=480 / 224) == pytest.approx(1.075, abs=0.0005)


def test_a_recipe_moves_a_network_as_far_as_the_text_says():
    top1 = {}
    for row in ROWS:
        top1.setdefault(row["name"], []).append(row["top1"])
    assert max(top1["ResNet-50"]) - min(top1["ResNet-50"]) == pytest.approx(4.9, abs=0.05)
    b4, r50 = top1["EfficientNet-B4"], top1["ResNet-50"]
    assert (round(min(b4) - max(r50), 1), round(max(b4) - min(r50), 1)) == (-2.3, 7.4)
    paper = {row["name"]: row["top1"] for row in ROWS if row["set"] == "paper"}
    assert paper["EfficientNet-B3"] - paper["EfficientNet-B0"] == pytest.approx(4.5)


@pytest.mark.parametrize(("net", "classes"), [(B0, 1000), (RESNET, 1000), (V2_S, 1000), (NANO, 10)])
def test_the_cost_rule_holds_for_four_bases_as_closely_as_the_text_says(net, classes):
    base = network_cost(net, classes).macs
    for multipliers in ((4, 1, 1), (1, 2, 1), (1, 1, 2)):
        assert 3.5 <= network_cost(net.scaled(*multipliers), classes).macs / base <= 4.3
    assert 3.75 <= network_cost(net.scaled(1.4, 1.2, 1.3), classes).macs / base <= 4.7


def test_scaled_resnet_does_the_macs_that_the_text_says():
    ways = (4, 1, 1), (1, 2, 1), (1, 1, 2), (1.4, 1.2, 1.3)
    macs = [network_cost(RESNET.scaled(*way)).macs / 1e9 for way in ways]
    assert [round(m, 1) for m in macs] == [14.5, 15.9, 15.9, 15.6]
    stems = [49 * 3 * channels * pixels**2 / 1e9 for channels, pixels in ((64, 112), (128, 112), (64, 224), (80, 146))]
    assert min(stems) > 0.1 and max(stems) < 0.5


def b4_fused(count, small, pixels, gates, norm, wide_first):
    """Params and MACs, in millions and billions, of B4 with stages fused in one of the ways that were tried."""
    stages = [replace(s, block="fused", kernel=3 if i in small else s.kernel) if i <= count else s
              for i, s in enumerate(VARIANTS["b4"].stages, 1)]  # fmt: skip
    net = replace(VARIANTS["b4"], stages=tuple(stages), resolution=pixels)
    cost = network_cost(net)
    params, macs = cost.params, cost.macs + (2 * cost.activations if norm else 0)
    for b in net.blocks():
        after = -(-b.resolution // b.stride)
        if b.kind == "fused" and gates:
            squeezed = max(1, b.in_channels // 4)
            params += 2 * squeezed * b.expanded + squeezed + b.expanded
            macs += 2 * squeezed * b.expanded
        if b.kind == "fused" and b.expanded == b.in_channels and wide_first:
            more = b.in_channels * (9 * b.in_channels + b.out_channels - 9 * b.out_channels)
            params, macs = params + more + 2 * b.in_channels, macs + more * after**2
    return params / 1e6, macs / 1e9


def test_no_reading_that_was_tried_gives_all_of_the_table_on_fused_b4():
    kernels = [(), (3,), (5,), (6,), (3, 5), (3, 6), (5, 6), (3, 5, 6)]
    sizes = (300, 352, 360, 364, 368, 376, 380, 384)
    readings = list(product(kernels, sizes, (0, 1), (0, 1), (0, 1)))
    assert len(readings) == 512
    printed = [("19.3", "4.5"), ("20.0", "7.5"), ("43.4", "21.3"), ("132", "34.4")]
    best = 0
    for reading in readings:
        second = b4_fused(3, *reading)
        if round(second[0], 1) != 20.0:
            continue
        found = [second if n == 3 else b4_fused(n, *reading) for n in (0, 3, 5, 7)]
        best = max(best, sum((f"{p:.{0 if n == 3 else 1}f}", f"{m:.1f}") == said
                             for n, ((p, m), said) in enumerate(zip(found, printed, strict=True))))  # fmt: skip
    assert best == 2
    near = [b4_fused(n, (3,), 384, 1, 1, 0) for n in (0, 3, 5, 7)]
    off = [value / float(said) - 1 for pair, texts in zip(near, printed, strict=True)
           for value, said in zip(pair, texts, strict=True)]  # fmt: skip
    assert max(map(abs, off[:4])) < 0.006 and max(map(abs, off)) == pytest.approx(0.0235, abs=0.0005)


def test_a_fused_block_writes_five_ninths_for_four_to_five_times_the_macs():
    for channels, pixels in ((24, 112), (48, 56), (160, 14), (256, 7)):
        m, fused_m, a, fused_a = sheet.fused_or_not(channels, channels, 4, 3, 1, pixels)
        assert 4.2 < fused_m / m < 5 and fused_a / a == pytest.approx(5 / 9)


def test_activations_go_with_the_power_one_minus_half_the_share():
    for share in (0, 0.25, 1 / 3, 0.8, 1):
        *_, writes = sheet.fast_growth(16, share)
        assert math.log(writes, 16) == pytest.approx(1 - share / 2)
        assert lesson13.fast_multipliers(16, share) == pytest.approx(sheet.fast_growth(16, share)[:3])


def test_the_explorer_counts_what_it_shows_and_says_it():
    state = lesson13.fast_state("B0", 4, 0.8)
    assert state.own.macs == network_cost(B0.scaled(*state.multipliers)).macs / network_cost(B0).macs
    assert state.rule["macs"] == pytest.approx(4) and state.rule["activations"] == pytest.approx(4**0.6)
    assert state.others["resolution"].params == 1 and state.others["depth"].net.depth == 4
    assert f"activations {state.own.activations:.2f}" in lesson13.fast_sentence(state)
    assert lesson13.fast_state("NANO", 1, 0.3).own[1:] == (1, 1, 1)


def test_every_extreme_is_a_picture_with_a_sentence():
    sliders = explorers.FAST.sliders
    for values in product(*(dict.fromkeys((s.values[0], s.values[-1], s.start)) for s in sliders)):
        picture, sentence = explorers.FAST.static(**dict(zip((s.name for s in sliders), values, strict=True)))
        root = ET.fromstring(picture)
        assert root.get("aria-label") == sentence and "nan" not in picture
        for text in root.iter("{http://www.w3.org/2000/svg}text"):
            x, words, anchor = float(text.get("x")), "".join(text.itertext()), text.get("text-anchor")
            assert 0 <= x <= 680 and 0 <= float(text.get("y")) <= 310
            assert anchor != "start" or x + 6.3 * len(words) < 690, words


def test_a_step_of_the_share_takes_a_few_milliseconds():
    explorers.FAST.static(share=0.5, growth=16)
    best = math.inf
    for n in range(8):
        began = time.process_time()
        explorers.FAST.static(share=0.51 + n / 100, growth=16)
        best = min(best, time.process_time() - began)
    assert best < 0.015


def test_moving_a_slider_changes_the_page():
    pytest.importorskip("ipywidgets")
    controls, page = explorers.fast_scaling().children
    for slider in controls.children:
        before = page.value
        slider.value = slider.options[0][1] if slider.value != slider.options[0][1] else slider.options[1][1]
        assert page.value != before


@pytest.mark.parametrize("knobs", [(0, 0, 0), (1, 0, 1), (0, 1, 0.5)])
def test_masks_are_where_the_objects_are_drawn(knobs):
    """Inside and outside a silhouette or moon differ in brightness; and a mask is the same however many are drawn."""
    masks = shapes.masks("train", 60, 32, *knobs, seed=2)
    pixels, _ = shapes.draw("train", 60, 32, *knobs, seed=2)
    assert masks.dtype == bool and np.array_equal(masks[:7], shapes.masks("train", 7, 32, *knobs, seed=2))
    grey = pixels.mean(3)
    apart = [abs(g[m].mean() - g[~m].mean()) for g, m in zip(grey, masks, strict=True)]
    turned = [abs(g[m].mean() - g[~m].mean()) for g, m in zip(grey, np.roll(masks, 1, axis=0), strict=True)]
    assert np.median(apart) > 40 and np.mean(apart) > np.mean(turned)


def test_levels_are_the_last_maps_at_each_resolution():
    torch = pytest.importorskip("torch")
    from effnet_course import features
    from effnet_course.model import EfficientNet

    model = EfficientNet(B0).eval()
    x = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        maps = features.levels(model, x)
        assert torch.equal(maps[-1], model.blocks(model.stem(x)))
        assert torch.equal(maps[2], model.blocks[:5](model.stem(x)))
    assert [tuple(m.shape[1:]) for m in maps] == [(16, 32, 32), (24, 16, 16), (40, 8, 8), (112, 4, 4), (320, 2, 2)]


def test_fusing_is_the_sheet_s_mean():
    torch = pytest.importorskip("torch")
    from effnet_course import features

    fine, coarse, weights = torch.rand(1, 1, 4, 6), torch.rand(1, 1, 2, 3), torch.tensor([0.5, 2.0])
    ours = features.fuse([fine, features.resized(coarse, (4, 6))], weights)[0, 0]
    theirs = sheet.fuse_levels(fine[0, 0].tolist(), coarse[0, 0].tolist(), weights.tolist())
    assert np.allclose(ours.numpy(), theirs, atol=1e-6)
    assert torch.equal(features.fuse([fine, fine], torch.tensor([-1.0, 0.0])), torch.zeros_like(fine))


def test_in_a_pyramid_fine_maps_learn_from_coarse_ones_and_both_ways_coarse_from_fine():
    torch = pytest.importorskip("torch")
    from effnet_course import features

    channels, sizes = (4, 6, 8), (8, 4, 2)
    for both_ways in (False, True):
        torch.manual_seed(0)
        pyramid = features.Pyramid(channels, 5, both_ways).eval()
        maps = [torch.randn(1, c, s, s, requires_grad=True) for c, s in zip(channels, sizes, strict=True)]
        out = pyramid(maps)
        assert [tuple(m.shape) for m in out] == [(1, 5, s, s) for s in sizes]
        [slope] = torch.autograd.grad(out[0].sum(), maps[2], retain_graph=True)
        assert slope.abs().sum() > 0
        back = torch.autograd.grad(out[2].sum(), maps[0], allow_unused=True)[0]
        assert (back is not None and back.abs().sum() > 0) == both_ways


def test_the_stage_that_a_resnet_block_is_narrowed_in():
    block = replace(RESNET, stages=(Stage(4, 3, 1, 256, 2, "resnet"),)).blocks()[0]
    assert (block.in_channels, block.expanded, block.out_channels, block.residual) == (64, 64, 256, False)


def test_the_figures_say_what_they_draw():
    figures = pytest.importorskip("effnet_course.figures")
    said = figures.recipes([("a", "old", 70.0), ("a", "new", 75.0), ("b", "old", 71.0)]).text
    assert "a from 70.0 (old) to 75.0 (new)" in said
    mask = np.zeros((2, 4, 4), bool)
    other = mask.copy()
    other[:, :2] = True
    assert "wrong differs from it at 50.0 %" in figures.masks(
        np.zeros((2, 4, 4, 3), np.uint8), {"true": mask, "wrong": other}).text  # fmt: skip
    assert figures.spectrograms(np.zeros((2, 4, 4)), ["tone", "burst"]).text.endswith("tone, burst.")
