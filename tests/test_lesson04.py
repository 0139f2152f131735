"""Lesson 04: what it says of B0 holds, its explorer counts what it shows, and its figures say what they draw."""

import tomllib
import xml.etree.ElementTree as ET
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from effnet_course import explorers
from effnet_course.arch import B0, NANO
from effnet_course.checking import judge, run
from effnet_course.cost import network_cost
from effnet_course.exercises import s04_efficientnet_b0 as sheet
from effnet_course.explorers import lesson04

TABLE = explorers.STAGE_TABLE
QUESTIONS = Path(explorers.__file__).parents[1] / "questions/04.toml"


def totals(net):
    counted = network_cost(net)
    return counted.params, counted.macs


@pytest.mark.parametrize(
    ("base", "ratio", "params", "macs"),
    [
        ("input", 0.25, 5_288_548, 385_814_752),
        ("expanded", 0.25, 8_423_848, 388_948_192),
        ("output", 0.25, 5_402_988, 385_929_120),
        ("expanded", 1 / 16, 5_601_688, 386_127_712),
        ("input", 0, 4_652_008, 385_187_552),
    ],
)
def test_the_squeeze_width_can_be_taken_from_each_of_three_places(base, ratio, params, macs):
    assert totals(replace(B0, se_base=base, se_ratio=ratio)) == (params, macs)


def test_another_base_of_the_squeeze_is_refused():
    with pytest.raises(ValueError, match="se_base 'middle'"):
        replace(B0, se_base="middle")


def test_a_network_with_the_wrong_squeeze_can_be_built_and_has_the_counted_parameters():
    model = pytest.importorskip("effnet_course.model")
    net = replace(NANO, se_base="expanded")
    built = model.EfficientNet(net, 10)
    assert sum(p.numel() for p in built.parameters()) == network_cost(net, 10).params > network_cost(NANO, 10).params


def strides(*values, stem=2):
    rows = tuple(replace(s, stride=t) for s, t in zip(B0.stages, values, strict=True))
    return replace(B0, stages=rows, stem_stride=stem)


def test_three_readings_of_table_1_differ_in_macs_alone():
    assert totals(strides(1, 2, 2, 2, 1, 2, 1)) == (5_288_548, 385_814_752)
    assert totals(strides(1, 2, 2, 1, 2, 2, 1)) == (5_288_548, 516_350_752)
    assert totals(strides(2, 1, 2, 2, 2, 1, 2, stem=1)) == (5_288_548, 1_054_003_840)


def test_at_32_pixels_the_last_four_blocks_read_one_pixel():
    small = replace(B0, resolution=32)
    assert [b.resolution for b in small.blocks()][-5:] == [2, 1, 1, 1, 1]
    assert network_cost(small).macs == 9_742_048


def test_as_it_stands_the_table_is_b0():
    state = lesson04.table_state(stage=3)
    assert (state.now.params, state.now.macs) == (5_288_548, 385_814_752)
    assert state.changes == () and state.fingerprint == "EfficientNet-B0 itself"
    assert [part.pixels for part in state.parts] == [112, 112, 56, 28, 14, 14, 7, 7, 7, 1]
    assert sum(part.now.macs for part in state.parts) == state.now.macs


@pytest.mark.parametrize(
    ("turned", "params", "macs", "said"),
    [
        (dict(stage=2, expand=6), 5_302_116, 513_063_648, "stage 2 expanded"),
        (dict(stage="all", kernel=3), 5_187_172, 372_041_440, "every kernel 3x3"),
        (dict(stage="all", kernel=5), 5_330_532, 408_945_888, "every kernel 5x5"),
        (dict(stage=3, se="expanded"), 8_423_848, 388_948_192, "from the expanded channels"),
        (dict(stage=3, se="output"), 5_402_988, 385_929_120, "from the output channels"),
        (dict(stage=3, se="none"), 4_652_008, 385_187_552, "left out"),
        (dict(stage=8, stem_stride=1), 5_288_548, 1_537_537_408, "stem without its stride"),
        (dict(stage=8, stem_stride=1, se="expanded"), 8_423_848, 1_540_670_848, "simplified B0"),
    ],
)
def test_a_known_mistake_is_named_by_its_fingerprint(turned, params, macs, said):
    state = lesson04.table_state(**turned)
    assert (state.now.params, state.now.macs) == (params, macs)
    assert said in state.fingerprint and said in lesson04.table_sentence(state)


def test_all_fingerprints_differ():
    assert len(lesson04.fingerprints()) == 11


def test_a_stride_changes_no_parameter_and_the_sentence_says_so():
    for stage, stride in ((3, 1), (6, 2), (8, 2)):
        state = lesson04.table_state(stage=stage, stride=stride)
        assert state.now.params == state.b0.params and state.now.macs != state.b0.macs
        assert "parameters are B0's to the unit" in lesson04.table_sentence(state)


def test_a_row_turned_to_what_it_is_counts_as_unturned():
    state = lesson04.table_state(stage=3, expand=6, kernel=3, stride=2, channels=24, repeats=2)
    assert state.changes == () and state.fingerprint == "EfficientNet-B0 itself"


def corners():
    # Most sliders have B0's own value first: both ends of each, and the start.
    ends = list(product(*((s.values[0], s.values[-1]) for s in TABLE.sliders)))
    return [{}] + [dict(zip([s.name for s in TABLE.sliders], values, strict=True)) for values in ends[::3]]


def test_every_extreme_is_a_picture_with_a_sentence():
    for values in corners():
        picture, sentence = TABLE.static(**values)
        root = ET.fromstring(picture)
        assert root.get("role") == "img" and root.get("aria-label") == sentence
        assert "nan" not in picture and "inf" not in picture.replace("info", "") and "e+" not in picture
        width, height = int(root.get("width")), int(root.get("height"))
        assert width <= 700 and height <= 300
        for element in root.iter("{http://www.w3.org/2000/svg}text"):
            assert 0 <= float(element.get("x")) <= width and 0 <= float(element.get("y")) <= height
            if element.get("font-size") == "11" and element.get("text-anchor") == "start":
                assert float(element.get("x")) + 6.6 * len(element.text or "") < 700


def test_bars_are_as_long_as_the_numbers_say():
    state = lesson04.table_state(stage=5, repeats=8)
    bars = list(ET.fromstring(lesson04.table_picture(state)).iter("{http://www.w3.org/2000/svg}rect"))
    assert len(bars) == 30
    for column, key in enumerate(("params", "macs", "activations")):
        widths = [float(bar.get("width")) for bar in bars[10 * column : 10 * column + 10]]
        values = [getattr(part.now, key) for part in state.parts]
        most = max(max(values), max(getattr(part.b0, key) for part in state.parts))
        for width, value in zip(widths, values, strict=True):
            assert width == pytest.approx(max(1, 145 * value / most), abs=0.1)


def test_moving_a_slider_changes_the_page():
    controls, page = explorers.stage_table().children
    assert len(controls.children) == len(TABLE.sliders) == 8
    for slider in controls.children:
        before, (_, value) = page.value, slider.options[-1]
        slider.value = value if slider.value != value else slider.options[0][1]
        assert page.value != before


def test_every_question_has_four_choices_and_one_right():
    questions = tomllib.loads(QUESTIONS.read_text())["questions"]
    assert [q["id"] for q in questions] == [f"04.q{n}" for n in range(1, 9)]
    for question in questions:
        assert len(question["choices"]) == 4 and sum(c.get("correct", False) for c in question["choices"]) == 1
        assert all(choice["why"] for choice in question["choices"])


def test_the_numbers_in_the_questions_are_counted():
    text = QUESTIONS.read_text()
    everywhere = replace(B0, stages=tuple(replace(s, repeats=1) for s in B0.stages for _ in range(s.repeats)))
    assert round(network_cost(everywhere).macs / 1e6, 1) == 78.6 and "78.6 million" in text
    assert network_cost(B0, 10).params == 4_020_358 and "4,020,358" in text
    expanded = network_cost(lesson04.turned(2, expand=6))
    assert expanded.params - 5_288_548 == 13_568 and round((expanded.macs - 385_814_752) / 1e6) == 127
    norms = sum(layer.params for layer in network_cost(B0).layers if layer.operator == "norm")
    assert norms == 42_016 and 5_288_548 + norms // 2 == 5_309_556  # a bias for each normalised channel


def test_no_two_sets_of_mistakes_leave_one_fingerprint():
    for resolution, classes in ((32, 10), (64, 1000), (160, 77), (192, 10), (224, 1000)):
        seen = [sheet.measure(some, resolution, classes) for some in sheet._candidates(4)]
        assert len(seen) == len(set(seen))


def test_the_four_networks_of_the_sheet_are_what_the_package_counts():
    text = (Path(__file__).parents[1] / "source/sheets/04_efficientnet_b0.py").read_text()
    for letter, mistakes in (
        ("P", ("stride in every block",)),
        ("Q", ("SE from the output channels", "stage 2 expanded")),
        ("R", sheet.TUTORIAL),
        ("S", ("ReLU6",)),
    ):
        params, macs, side, lowest = sheet.measure(mistakes, 192, 10)
        assert f"# | {letter} | {params:,} | {macs:,} | {side} | {lowest} |" in text


def test_the_sheet_s_reference_counts_b0():
    blocks = [list(block) for block in sheet.stage_blocks(32, sheet.B0_ROWS)]
    assert sheet.network_counts(32, 1280, 1000, 224, blocks) == totals(B0)


def test_the_figures_say_what_they_draw():
    figures = pytest.importorskip("effnet_course.figures")
    assert "In 9 of 16 blocks" in figures.network_strip(B0).text
    assert "stage 3 37.9" in figures.shares(network_cost(B0).by_stage(), "stage").text
    said = figures.paddings().text
    assert "8 pixels, SAME: windows centred on pixels 1, 3, 5, 7" in said
    assert "9 pixels, SAME: windows centred on pixels 0, 2, 4, 6, 8" in said


@pytest.mark.parametrize("seed", (0, 1, 20))
@pytest.mark.parametrize("width", (lambda b: max(1, round(b / 4)), lambda b: max(1, -(-b // 4)), lambda b: int(b / 4)))
def test_each_wrong_way_to_round_the_squeeze_width_fails(width, seed):
    cases = sheet.COUNTS.cases(seed)
    answer = sheet._counts(squeeze=lambda i, wide, o: width(i))
    verdict = judge(sheet.COUNTS, cases, run(answer, cases))
    assert not verdict.passed and "squeeze width" in verdict.misconception


def test_blocks_in_a_numpy_array_are_told_about_true_and_false():
    cases = sheet.BLOCKS.cases(0)
    verdict = judge(sheet.BLOCKS, cases, run(lambda stem, rows: np.array(sheet.stage_blocks(stem, rows)), cases))
    assert "True or False is wanted" in verdict.message


def test_of_the_last_four_blocks_three_have_5x5_kernels():
    assert [block.kernel for block in replace(B0, resolution=32).blocks()[-4:]] == [5, 5, 5, 3]
