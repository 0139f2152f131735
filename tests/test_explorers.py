"""An explorer's state is right by hand, its sentence says what its picture shows, and a slider moves both."""

import subprocess
import sys
import xml.etree.ElementTree as ET
from itertools import product

import pytest

from effnet_course import explorers
from effnet_course.explorers import lesson00, lesson01

EXPLORERS = {"first_slider": explorers.FIRST_SLIDER, "convolution": explorers.CONVOLUTION}


def words_in(svg):
    return [
        "".join(element.itertext()) for element in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")
    ]


def corners(explorer):
    """Every combination of the sliders' ends, and the start."""
    ends = product(*((s.values[0], s.values[-1]) for s in explorer.sliders))
    names = [s.name for s in explorer.sliders]
    return [{}] + [dict(zip(names, values, strict=True)) for values in ends]


def test_the_first_slider_sets_a_convolution_beside_a_network():
    state = lesson00.side_state(56)
    assert state.macs == 3 * 3 * 64 * 128 * 56 * 56 == 231_211_008
    assert state.macs_at_half == 3 * 3 * 64 * 128 * 28 * 28
    assert state.network == 385_814_752
    assert state.times == pytest.approx(0.59928, abs=1e-5)


def test_above_72_pixels_one_convolution_costs_more_than_b0():
    assert lesson00.side_state(72).times < 1 < lesson00.side_state(80).times


def test_the_lesson_s_layer_costs_what_it_does_by_hand():
    s = lesson01.convolution_state(3, 64, 128, 56)
    assert s.standard.layer.macs == 9 * 64 * 128 * 56**2
    assert s.macs == 9 * 64 * 56**2 + 64 * 128 * 56**2
    assert s.params == 9 * 64 + 64 * 128 == 8768
    assert s.ratio == pytest.approx(1 / 128 + 1 / 9)
    assert s.depthwise.intensity == pytest.approx(18 * 64 * 56**2 / (4 * (2 * 64 * 56**2 + 576)))
    assert (s.standard.by_memory, s.depthwise.by_memory, s.pointwise.by_memory) == (False, True, False)
    assert s.standard.seconds == pytest.approx(2 * s.standard.layer.macs / 200e9)
    assert s.depthwise.seconds == pytest.approx(4 * (2 * 64 * 56**2 + 576) / 20e9)
    assert s.depthwise.flops_per_second == pytest.approx(20e9 * s.depthwise.intensity)
    assert s.time_ratio == pytest.approx((s.depthwise.seconds + s.pointwise.seconds) / s.standard.seconds)


def test_no_point_lies_above_the_roof():
    for values in corners(explorers.CONVOLUTION)[1:]:
        s = lesson01.convolution_state(**values)
        for row in (s.standard, s.depthwise, s.pointwise):
            roof = min(s.flops_per_second, s.bytes_per_second * row.intensity)
            assert row.flops_per_second == pytest.approx(roof)


def test_the_machine_can_be_one_s_own():
    picture, sentence = explorers.CONVOLUTION.static(
        flops_per_second=60e12, bytes_per_second=4.8e12, machine="measured here"
    )
    assert "60 TFLOP/s, 4.8 TB/s (measured here)" in words_in(picture)
    assert "200 GFLOP/s, 20 GB/s (assumed)" in words_in(explorers.CONVOLUTION.static()[0])
    assert sentence != explorers.CONVOLUTION.static()[1]


@pytest.mark.parametrize("name", EXPLORERS)
def test_every_extreme_is_a_picture_with_a_sentence(name):
    for values in corners(EXPLORERS[name]):
        picture, sentence = EXPLORERS[name].static(**values)
        root = ET.fromstring(picture)
        assert root.get("role") == "img" and root.get("aria-label") == sentence
        assert root.find("{http://www.w3.org/2000/svg}title").text
        assert "nan" not in picture and "inf" not in picture
        width, height = int(root.get("width")), int(root.get("height"))
        assert width <= 700 and height <= 300
        for element in root.iter():
            if "x" in element.attrib:
                assert 0 <= float(element.get("x")) <= width and 0 <= float(element.get("y")) <= height


def test_the_sentence_holds_the_numbers_of_the_picture():
    for values in corners(explorers.CONVOLUTION):
        picture, sentence = explorers.CONVOLUTION.static(**values)
        labels = words_in(picture)
        for number in (w.split(": ")[1] for w in labels if w.startswith(("standard: ", "separable: "))):
            assert number.split(" = ")[0] in sentence
        ratio = next(w for w in labels if w.startswith("1/C_out")).split(" = ")[-1]
        assert f" {ratio} " in sentence
        for layer in ("depthwise", "pointwise"):
            intensity = next(w for w in labels if w.startswith(f"{layer}: ")).split(": ")[1]
            assert f"{layer} {intensity}" in sentence


def test_the_bars_are_as_long_as_the_numbers_say():
    for values in corners(explorers.CONVOLUTION):
        s = lesson01.convolution_state(
            **({"kernel": 3, "in_channels": 64, "out_channels": 128, "resolution": 56} | values)
        )
        bars = ET.fromstring(lesson01.convolution_picture(s)).iter("{http://www.w3.org/2000/svg}rect")
        widths = [float(bar.get("width")) for bar in bars]
        for (whole, first, second), ratio in ((widths[:3], s.ratio), (widths[3:], s.time_ratio)):
            assert (first + second) / whole == pytest.approx(ratio, abs=1.2 / whole)


def test_the_first_slider_s_sentence_holds_its_picture_s_number():
    for values in corners(explorers.FIRST_SLIDER):
        picture, sentence = explorers.FIRST_SLIDER.static(**values)
        number = next(w for w in words_in(picture) if w.endswith(("llion", "illions")))
        assert f"{number} MACs" in sentence


def test_the_sentence_says_when_separating_costs_more():
    assert "costs more" in explorers.CONVOLUTION.static(kernel=1)[1]
    assert "costs more" not in explorers.CONVOLUTION.static(kernel=3)[1]
    assert "padding" in explorers.CONVOLUTION.static(kernel=9, resolution=7)[1]


@pytest.mark.parametrize(("name", "sliders"), [("first_slider", 1), ("convolution", 4)])
def test_moving_a_slider_changes_the_page(name, sliders):
    view = getattr(explorers, name)()
    controls, page = view.children
    assert len(controls.children) == sliders
    for slider in controls.children:
        assert slider.continuous_update and slider.description
        before = page.value
        slider.index = 0 if slider.index else 1
        assert page.value != before
        assert page.value.count("<svg") == 1


def test_the_view_shows_what_static_gives():
    page = explorers.convolution(kernel=5, resolution=28, machine="measured here").children[1]
    assert explorers.CONVOLUTION.static(kernel=5, resolution=28, machine="measured here")[0] in page.value


def test_a_value_off_the_slider_is_refused():
    with pytest.raises(Exception, match="(?i)invalid|not found"):
        explorers.convolution(kernel=4)


def test_explorers_load_without_widgets_and_without_torch():
    code = (
        "import sys; sys.modules['ipywidgets'] = None\n"
        "from effnet_course import explorers\n"
        "assert explorers.CONVOLUTION.static()[0].startswith('<svg')\n"
        "print([m for m in ('torch', 'numpy', 'matplotlib', 'IPython') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
