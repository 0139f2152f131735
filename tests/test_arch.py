"""The stage tables, rounding rules and scaling are the published ones, and scaling rounds once."""

import math
from dataclasses import replace

import pytest

from effnet_course.arch import (
    B0,
    NANO,
    VARIANTS,
    Stage,
    compound_multipliers,
    round_filters,
    round_repeats,
    spread_repeats,
)

# The authors' code (tensorflow/tpu): stem, seven stages, head; blocks a stage.
WIDTHS_AND_REPEATS = {
    "b0": ((32, 16, 24, 40, 80, 112, 192, 320, 1280), (1, 2, 2, 3, 3, 4, 1)),
    "b1": ((32, 16, 24, 40, 80, 112, 192, 320, 1280), (2, 3, 3, 4, 4, 5, 2)),
    "b2": ((32, 16, 24, 48, 88, 120, 208, 352, 1408), (2, 3, 3, 4, 4, 5, 2)),
    "b3": ((40, 24, 32, 48, 96, 136, 232, 384, 1536), (2, 3, 3, 5, 5, 6, 2)),
    "b4": ((48, 24, 32, 56, 112, 160, 272, 448, 1792), (2, 4, 4, 6, 6, 8, 2)),
    "b5": ((48, 24, 40, 64, 128, 176, 304, 512, 2048), (3, 5, 5, 7, 7, 9, 3)),
    "b6": ((56, 32, 40, 72, 144, 200, 344, 576, 2304), (3, 6, 6, 8, 8, 11, 3)),
    "b7": ((64, 32, 48, 80, 160, 224, 384, 640, 2560), (4, 7, 7, 10, 10, 13, 4)),
    "b8": ((72, 32, 56, 88, 176, 248, 424, 704, 2816), (4, 8, 8, 11, 11, 15, 4)),
    "l2": ((136, 72, 104, 176, 344, 480, 824, 1376, 5504), (6, 11, 11, 16, 16, 22, 6)),
}


@pytest.mark.parametrize("name", WIDTHS_AND_REPEATS)
def test_widths_and_repeats_are_those_of_the_authors_code(name):
    net = VARIANTS[name]
    stages = [net.channels(stage.channels) for stage in net.stages]
    assert ((net.stem_channels, *stages, net.head_channels), net.repeats) == WIDTHS_AND_REPEATS[name]


def test_coefficients_are_the_published_ones():
    published = {name: (v.width, v.depth, v.resolution, v.dropout) for name, v in VARIANTS.items()}
    assert published["b0"] == (1.0, 1.0, 224, 0.2)
    assert published["b4"] == (1.4, 1.8, 380, 0.4)
    assert published["b7"] == (2.0, 3.1, 600, 0.5)
    assert published["l2"] == (4.3, 5.3, 800, 0.5)
    assert list(VARIANTS) == ["b0", "b1", "b2", "b3", "b4", "b5", "b6", "b7", "b8", "l2"]


def test_ten_percent_rule_fires_exactly_once_in_the_family():
    bases = [B0.stem, *(s.channels for s in B0.stages), B0.head]
    fired = []
    for name, net in VARIANTS.items():
        for base in bases:
            nearest = max(8, int(base * net.width + 4) // 8 * 8)
            if round_filters(base, net.width) != nearest:
                fired.append((name, base, round_filters(base, net.width)))
    assert fired == [("b3", 16, 24)]


@pytest.mark.parametrize(("channels", "width", "expected"), [(16, 1.2, 24), (32, 1.1, 32), (40, 1.1, 48), (3, 1, 8)])
def test_round_filters(channels, width, expected):
    assert round_filters(channels, width) == expected


def test_round_filters_never_loses_more_than_a_tenth():
    for step in (1, 2, 8):
        for channels in range(step, 400, 3):
            for width in (0.5, 0.9, 1.1, 1.37, 2.0, 4.3):
                rounded = round_filters(channels, width, step)
                assert rounded % step == 0
                assert rounded >= 0.9 * channels * width


def test_round_repeats_rounds_up():
    assert [round_repeats(r, 1.1) for r in (1, 2, 3, 4)] == [2, 3, 4, 5]


def test_spread_repeats_keeps_the_total_and_the_proportions():
    base = (1, 1, 2, 4)
    assert spread_repeats(base, 1) == base
    assert spread_repeats(base, 2) == (2, 2, 4, 8)
    for blocks in range(4, 90):
        spread = spread_repeats(base, blocks / 8)
        assert sum(spread) == blocks
        assert min(spread) >= 1
        if blocks >= 8:
            assert all(abs(s - blocks * b / 8) < 1 for s, b in zip(spread, base, strict=True))


def test_spread_repeats_never_takes_a_block_away_from_the_whole_when_depth_grows():
    totals = [sum(spread_repeats((1, 1, 2, 4), 1 + i / 50)) for i in range(400)]
    assert totals == sorted(totals)


def test_compound_multipliers_are_equation_3():
    assert compound_multipliers(0) == (1, 1, 1)
    assert compound_multipliers(1) == (1.2, 1.1, 1.15)
    depth, width, resolution = compound_multipliers(2, alpha=1.3, beta=1.0, gamma=1.2)
    assert (depth, width, resolution) == pytest.approx((1.69, 1.0, 1.44))


def test_scaling_twice_is_scaling_once():
    assert B0.scaled() == B0
    once = B0.scaled(depth=1.21, width=1.21, resolution=1.15**2)
    twice = B0.scaled(depth=1.1, width=1.1, resolution=1.15).scaled(depth=1.1, width=1.1, resolution=1.15)
    assert twice.resolution == once.resolution == round(224 * 1.15**2)
    assert (twice.depth, twice.width) == pytest.approx((once.depth, once.width))
    assert twice.repeats == once.repeats
    step_by_step, net = 16, NANO
    for _ in range(4):
        step_by_step, net = round(step_by_step * 1.1), net.scaled(resolution=1.1)
    assert net.resolution == round(16 * 1.1**4) == 23
    assert step_by_step == 24, "rounding at every step ends elsewhere"


def test_a_resolution_set_by_hand_is_what_later_scaling_starts_from():
    by_hand = replace(B0.scaled(resolution=1.15), resolution=100)
    assert by_hand.scaled(resolution=2).resolution == 200


def test_residuals_stand_where_stride_is_1_and_channels_are_equal():
    counts = {name: sum(b.residual for b in VARIANTS[name].blocks()) for name in ("b0", "b1", "b3", "b7")}
    assert counts == {"b0": 9, "b1": 16, "b3": 19, "b7": 48}
    assert all(not b.residual for b in B0.blocks() if b.index == 0)


def test_drop_rate_grows_along_the_network_and_never_reaches_its_limit():
    rates = [b.drop_rate for b in B0.blocks()]
    assert rates[0] == 0
    assert rates == sorted(rates)
    assert rates[-1] == pytest.approx(0.1875)
    assert sum(1 - b.drop_rate for b in B0.blocks() if b.residual) + 7 == pytest.approx(15.04, abs=0.01)


def test_squeeze_width_is_taken_from_the_input_of_the_block():
    assert [b.squeezed for b in B0.blocks()] == [8, 4, 6, 6, 10, 10, 20, 20, 20, 28, 28, 28, 48, 48, 48, 48]


def test_lite_rules_keep_stem_head_and_the_ends():
    lite4 = replace(
        VARIANTS["b4"], se_ratio=0, activation="relu6", scale_stem_and_head=False, scale_first_and_last=False
    )
    assert (lite4.stem_channels, lite4.head_channels) == (32, 1280)
    assert lite4.repeats == (1, 4, 4, 6, 6, 8, 1)
    assert {b.squeezed for b in lite4.blocks()} == {0}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"stages": ()}, "no stages"),
        ({"stages": (Stage(6, 4, 1, 16, 1),)}, "kernel 4"),
        ({"stages": (Stage(6, 3, 0, 16, 1),)}, "stride 0"),
        ({"stages": (Stage(6, 3, 1, 16, 1, "bottleneck"),)}, "bottleneck"),
        ({"depth": 0}, "positive"),
        ({"resolution": 224.5}, "whole number of pixels"),
        ({"activation": "gelu"}, "gelu"),
        ({"norm": "layer"}, "layer"),
        ({"stem": 0}, "stem has 0"),
        ({"head": -3}, "head has -3"),
    ],
)
def test_an_impossible_architecture_says_what_is_wrong(change, says):
    with pytest.raises(ValueError, match=says):
        replace(B0, **change)


def test_nano_is_small():
    assert NANO.resolution == 16
    assert math.isclose(NANO.width, 1)
