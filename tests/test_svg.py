"""Pictures are SVG text: well formed, readable by a screen reader and in any theme, right at their edges."""

import xml.etree.ElementTree as ET
from itertools import combinations

import pytest

from effnet_course import svg

NAMESPACE = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0, "0"),
        (0.25, "0.25"),
        (5000, "5000"),
        (10_000, "10⁴"),
        (2e6, "2·10⁶"),
        (-2e5, "-2·10⁵"),
        (1e-3, "10⁻³"),
    ],
)
def test_numbers_on_an_axis_are_short(value, written):
    assert svg.number(value) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (1, "1"),
        (73_728, "73,728"),
        (999_499, "999,499"),
        (999_600, "1 million"),
        (231_211_008, "231 million"),
        (999_999_999, "1 billion"),
        (4_261_412_864_000, "4.26 trillion"),
    ],
)
def test_counts_in_words_have_three_digits(value, written):
    assert svg.amount(value) == written


@pytest.mark.parametrize(
    ("seconds", "written"),
    [(2.312e-3, "2.31 ms"), (9.999e-4, "1 ms"), (40.1e-6, "40.1 µs"), (12, "12 s"), (19.8e-9, "19.8 ns")],
)
def test_times_carry_the_unit_that_fits(seconds, written):
    assert svg.duration(seconds) == written


def test_a_linear_scale_goes_in_equal_steps():
    scale = svg.Scale(0, 10, 100, 300)
    assert [scale(v) for v in (0, 5, 10)] == [100, 200, 300]


def test_a_log_scale_goes_in_equal_ratios():
    scale = svg.Scale(1, 10_000, 400, 0, log=True)
    assert [round(scale(v), 9) for v in (1, 10, 100, 1000, 10_000)] == [400, 300, 200, 100, 0]


def test_a_number_off_the_scale_is_drawn_at_its_end():
    assert svg.Scale(1, 100, 0, 50, log=True)(0) == 0
    assert svg.Scale(0, 1, 0, 50)(7) == 50


@pytest.mark.parametrize(
    ("scale", "ticks"),
    [
        (svg.Scale(0, 1, 0, 1), [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (svg.Scale(0, 224, 0, 1), [0, 50, 100, 150, 200]),
        (svg.Scale(0.1, 30_000, 0, 1, log=True), [0.1, 1, 10, 100, 1000, 10_000]),
        (svg.Scale(2, 400, 0, 1, log=True), [2, 5, 10, 20, 50, 100, 200]),
        (svg.Scale(1e-6, 1e9, 0, 1, log=True), [1e-6, 1e-3, 1, 1e3, 1e6, 1e9]),
    ],
)
def test_ticks_are_round_numbers_inside_the_scale(scale, ticks):
    assert scale.ticks() == pytest.approx(ticks)


def everything():
    x, y = svg.Scale(0, 10, 60, 300), svg.Scale(1, 1000, 200, 20, log=True)
    return svg.picture(
        320,
        240,
        'Ratio < 1 & "small"',
        svg.bottom_axis(x, 200, "a < b & c", top=20),
        svg.left_axis(y, 60, "MACs", right=300),
        svg.line([(x(0), y(1)), (x(10), y(1000))], svg.BLUE, dash="4 3"),
        svg.bar(60, 100, 0, 10, svg.GREEN),
        svg.text(70, 90, "half", ("coloured <b>", svg.PURPLE), bold=True),
        *(svg.point(50, 50, svg.VERMILLION, shape, hollow=True) for shape in svg._SHAPES),
        svg.legend(70, 40, [("square", svg.BLUE, "one"), ("circle", svg.GREEN, "two")]),
        title="A title & more",
    )


def test_a_picture_is_well_formed_and_says_in_words_what_it_shows():
    root = ET.fromstring(everything())
    assert root.tag == NAMESPACE + "svg"
    assert root.get("role") == "img" and root.get("class") == "explorer"
    assert root.get("aria-label") == 'Ratio < 1 & "small"'
    assert root.find(NAMESPACE + "title").text == "A title & more"
    assert "a < b & c" in [t.text for t in root.iter(NAMESPACE + "text")]


def test_words_and_axes_take_the_colour_of_the_page():
    root = ET.fromstring(everything())
    assert root.get("fill") == "currentColor"
    assert not any(t.get("fill") for t in root.iter(NAMESPACE + "text"))
    axis = next(e for e in root.iter(NAMESPACE + "polyline"))
    assert axis.get("stroke") == "currentColor"


def test_a_bar_of_nothing_is_still_seen():
    assert ET.fromstring(svg.bar(0, 0, 0, 10, svg.BLUE)).get("width") == "1.0"


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_colours_stand_out_on_a_light_and_on_a_dark_page():
    colours = (svg.BLUE, svg.VERMILLION, svg.GREEN, svg.PURPLE)
    assert all(contrast(c, page) >= 3 for c in colours for page in ("#ffffff", "#111111"))
    assert all(one != other for one, other in combinations(colours, 2))
