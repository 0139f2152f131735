"""Lesson 06: what it says of the family holds, its explorer counts what it shows, its figures say it too."""

import math
import xml.etree.ElementTree as ET
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

from effnet_course import explorers
from effnet_course.arch import B0, VARIANTS, compound_multipliers, round_filters
from effnet_course.checking import check, judge, run
from effnet_course.cost import network_cost
from effnet_course.exercises import s06_compound_scaling as sheet
from effnet_course.explorers import lesson06

EXPLORER = explorers.COMPOUND
QUESTIONS = Path(explorers.__file__).parents[1] / "questions/06.toml"
LESSON = (Path(__file__).parents[1] / "source/lessons/06_compound_scaling.py").read_text()
FAMILY = [VARIANTS[f"b{n}"] for n in range(8)]
STEP = 1.2 * 1.1**2 * 1.15**2


def times(net):
    now, base = network_cost(net), network_cost(B0)
    return now.params / base.params, now.macs / base.macs, now.activations / base.activations


def test_a_step_is_1_92_and_seven_of_them_are_96_where_98_are_counted():
    assert STEP == pytest.approx(1.92027)
    assert round(STEP**7, 1) == 96.3 and 2**7 == 128
    assert round(times(VARIANTS["b7"])[1], 1) == 97.8


def test_the_10_percent_rule_fires_once_in_the_whole_family():
    layers = [B0.stem, *(stage.channels for stage in B0.stages), B0.head]
    plain = {(n, c): max(8, int(c * v.width + 4) // 8 * 8) for n, v in VARIANTS.items() for c in layers}
    fired = [(n, c) for (n, c), rounded in plain.items() if rounded != round_filters(c, VARIANTS[n].width)]
    assert fired == [("b3", 16)]


def test_b3_without_the_10_percent_rule():
    b3 = VARIANTS["b3"]
    without = network_cost(replace(b3, stages=(replace(b3.stages[0], channels=13), *b3.stages[1:])))
    assert (without.params, without.macs) == (12_227_212, 1_756_850_272)
    assert (network_cost(b3).params, network_cost(b3).macs) == (12_233_232, 1_827_141_392)


def test_b1_and_b2_are_equally_deep_and_b0_and_b1_equally_wide():
    assert VARIANTS["b1"].repeats == VARIANTS["b2"].repeats and sum(VARIANTS["b1"].repeats) == 23
    assert VARIANTS["b0"].width == VARIANTS["b1"].width == 1


def test_implied_phis_are_those_of_the_text():
    rows = [sheet.implied_phi(v.depth, v.width, v.resolution, 224, 1.2, 1.1, 1.15) for v in FAMILY]
    assert [round(phi, 2) for phi in rows[4]] == [3.22, 3.53, 3.78]
    assert [round(phi, 2) for phi in rows[1]] == [0.52, 0.0, 0.49]
    for (depth, width, resolution), phi in list(zip(rows, lesson06.PHI.values(), strict=True))[2:]:
        assert abs(width - phi) < 0.3 and abs(resolution - phi) < 0.3 and depth < width + 0.01
    below = [phi - d for (d, _, _), phi in zip(rows, lesson06.PHI.values(), strict=True)][4:]
    assert (round(min(below), 2), round(max(below), 2)) == (0.28, 0.79)


def test_no_phi_makes_a_published_network_and_b4_is_a_near_miss():
    layers = [B0.stem, *(stage.channels for stage in B0.stages), B0.head]

    def parts(net):
        return net.repeats, [net.channels(c) for c in layers], net.resolution

    made = {n / 1000: parts(B0.scaled(*compound_multipliers(n / 1000))) for n in range(8000)}
    fits = {v.name: [{p for p in made if made[p][k] == parts(v)[k]} for k in range(3)] for v in FAMILY}
    assert [name for name, sets in fits.items() if set.intersection(*sets)] == ["b0"]
    ends = [(round(min(s), 2), round(max(s), 2)) for s in fits["b4"]]
    assert ends == [(3.07, 3.8), (3.51, 3.55), (3.77, 3.79)]
    near, b4 = made[3.5], parts(VARIANTS["b4"])
    assert near[0] == b4[0] and near[1][:-1] == b4[1][:-1] and (near[1][-1], b4[1][-1]) == (1784, 1792)
    assert b4[2] - near[2] == 15 and made[3.78][0] == b4[0] and made[3.78][2] == 380
    assert all(have >= want for have, want in zip(made[3.78][1], b4[1], strict=True)) and made[3.78][1] != b4[1]
    gaps = [min(*fits[n][1], *fits[n][2]) - max(fits[n][0]) for n in ("b5", "b6", "b7")]
    assert [round(gap, 2) for gap in gaps] == [0.46, 0.75, 0.58]


def test_the_network_of_phi_1_does_2_57_times_the_macs_and_why():
    assert round(times(B0.scaled(*compound_multipliers(1)))[1], 2) == 2.57
    assert [-(-258 // 2**n) for n in range(1, 6)] == [129, 65, 33, 17, 9]
    assert [B0.scaled(width=1.1).channels(c) for c in (16, 24)] == [16, 24]


def test_the_formula_with_phi_as_the_number_of_the_model_is_as_far_off_as_the_text_says():
    off = [(1.2**n / v.depth - 1, 1.1**n / v.width - 1, 224 * 1.15**n / v.resolution - 1) for n, v in enumerate(FAMILY)]
    assert all(0.09 <= round(d, 2) <= 0.23 for d, _, _ in off[1:])
    assert all(0.03 <= round(x, 2) <= 0.14 for _, *rest in off[1:5] for x in rest)
    assert all(abs(x) < 0.03 for _, *rest in off[5:] for x in rest)


def test_the_sizes_at_which_the_sheet_says_that_the_macs_jump():
    net, base = B0.scaled(1.5, 1.5), network_cost(B0).macs
    at = {p: network_cost(replace(net, resolution=p)).macs / base for p in (96, 97, 100, 101)}
    assert (round(at[96], 2), round(at[97], 3)) == (0.70, 0.995) and at[100] <= 1 < at[101]


def test_costs_of_twice_the_depth_and_width():
    assert [round(value, 2) for value in times(B0.scaled(2, 2))] == [7.06, 7.67, 3.58]
    assert sheet.price(2.0, 2.0)[3] == 64


def test_the_ablation_s_single_dimensions_are_cheaper_than_its_compound_network():
    macs = [network_cost(B0.scaled(*m)).macs for m in ((4, 1, 1), (1, 2, 1), (1, 1, 2), (1.4, 1.2, 1.3))]
    assert [round(m / 1e9, 3) for m in macs] == [1.575, 1.450, 1.538, 1.800]
    assert [round(100 * (m / macs[3] - 1)) for m in macs[:3]] == [-12, -19, -15]


def test_the_compound_network_of_the_ablation_is_b3_but_for_9_pixels():
    compound, b3 = B0.scaled(1.4, 1.2, 1.3), VARIANTS["b3"]
    assert (compound.depth, compound.width) == (b3.depth, b3.width)
    assert b3.resolution - compound.resolution == 9


def test_the_explorer_counts_what_the_package_counts():
    for phi in (0, 0.5, 3.5, 7):
        state = lesson06.compound_state(phi)
        counted = network_cost(B0.scaled(*compound_multipliers(phi)))
        assert state.counts == {k: getattr(counted, k) for k in ("macs", "params", "activations")}
        assert state.rule["macs"] == pytest.approx(STEP**phi)
        assert state.rule["params"] == pytest.approx(1.452**phi)
    assert sum(lesson06.compound_state(2).shares) == pytest.approx(1)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (dict(phi=3.5), "Nearest: B4, d 1.8 (1.89 here), w 1.4 (1.40), 380 px (365)"),
        (dict(phi=0), "This is B0 itself"),
        (dict(alpha=1.0, beta=1.0, gamma=1.0), "nothing grows"),
        (dict(phi=7, alpha=1.4, beta=1.3, gamma=1.3), "No published network is near"),
        (dict(alpha=1.25), "2 to three digits"),
        (dict(phi=1), "4 % below 2"),
    ],
)
def test_the_sentence_names_the_neighbour_and_the_constraint(values, said):
    assert said in EXPLORER.static(**values)[1]


def test_an_accuracy_is_said_to_be_that_of_a_published_network():
    for phi in (1, 3.5, 7):
        said = EXPLORER.static(phi=phi)[1]
        assert "for the network of these sliders there is no accuracy" in said and "published for B" in said
    assert list(lesson06.PUBLISHED.values()) == [77.1, 79.1, 80.1, 81.6, 82.9, 83.6, 84.0, 84.3]


def test_every_extreme_is_a_picture_with_a_sentence():
    names = [slider.name for slider in EXPLORER.sliders]
    for values in product(*((s.values[0], s.values[len(s.values) // 2], s.values[-1]) for s in EXPLORER.sliders)):
        picture, sentence = EXPLORER.static(**dict(zip(names, values, strict=True)))
        root = ET.fromstring(picture)
        assert root.get("role") == "img" and root.get("aria-label") == sentence
        assert "nan" not in picture and "inf" not in picture and "e+" not in picture
        width, height = int(root.get("width")), int(root.get("height"))
        assert width <= 700 and height <= 300
        for element in root.iter("{http://www.w3.org/2000/svg}text"):
            x, words = float(element.get("x")), "".join(element.itertext())
            assert 0 <= x <= width and 0 <= float(element.get("y")) <= height
            if element.get("text-anchor") == "start":
                assert x + 6.2 * len(words) < 700, words


def test_moving_a_slider_changes_the_page():
    controls, page = explorers.compound().children
    for slider in controls.children:
        before, (_, value) = page.value, slider.options[-1]
        slider.value = value if slider.value != value else slider.options[0][1]
        assert page.value != before


def test_the_figures_say_what_they_draw():
    figures = pytest.importorskip("effnet_course.figures")
    assert "B3: 24 channels for 19.2, 26 blocks for 22.4" in figures.roundings().text
    assert "MACs 97.8 (rule 96.3)" in figures.growth(lesson06.PHI).text
    assert "B4: depth 3.22" in figures.implied_phis([("b4", 3.224, 3.53, 3.78)]).text
    assert "2 times, width: +1.0 (-0.5 to +2.5)" in figures.advantage([(2, "width", 1, -0.5, 2.5)]).text
    assert "No runs yet" in figures.advantage([]).text


def test_the_numbers_in_the_questions_are_counted():
    text = QUESTIONS.read_text()
    assert round(STEP**2, 2) == 3.69 and "3.69" in text and round((1.2 * 1.1 * 1.15) ** 2, 2) == 2.30
    assert network_cost(VARIANTS["b1"]).params == 7_794_184 and "7,794,184" in text
    assert round_filters(40, 1.1) == 48
    b5 = network_cost(VARIANTS["b5"])
    half = network_cost(replace(VARIANTS["b5"], resolution=228))
    assert b5.activations > b5.params and half.activations == pytest.approx(b5.activations / 4, rel=0.05)


def test_numbers_that_the_text_states_without_a_cell():
    assert "to 103" in LESSON and round(times(B0.scaled(*compound_multipliers(7)))[1]) == 103
    assert round(network_cost(VARIANTS["b7"]).params * 4 / 1e6) == 265 and "265 MB" in LESSON
    assert round(network_cost(VARIANTS["b7"]).activations * 4 * 16 / 1e9) == 19 and "19 GB" in LESSON
    assert round(224 * 1.15**0.5) == 240 and round(224 * 1.15) == 258 and round(224 * 1.15**4) == 392


def test_the_explorer_s_tasks_have_answers():
    at = {phi: lesson06.compound_state(phi) for phi in EXPLORER.sliders[0].values}
    assert min(at, key=lambda phi: abs(at[phi].net.resolution - 380)) == 3.75
    assert 32 in {sum(state.net.repeats) for state in at.values()}
    triples = list(product(*(slider.values for slider in EXPLORER.sliders[1:])))
    closer = [t for t in triples if abs(t[0] * t[1] ** 2 * t[2] ** 2 - 2) < 2 - STEP]
    assert len(closer) >= 2
    slowest = min(closer, key=lambda t: t[0] * t[1] * t[2] ** 2)
    assert math.log(slowest[1]) * 2 > max(math.log(slowest[0]), 2 * math.log(slowest[2]))  # width


def test_a_helper_that_answers_outright_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("EFFNET_HOME", str(tmp_path))

    def with_the_helper(channels, width):
        return round_filters(channels, width)

    def with_scaled(stem, head, pixels, rows, d, w, r):
        stages = tuple(replace(B0.stages[0], channels=c, repeats=n) for c, n in rows)
        net = replace(B0, stem=stem, head=head, resolution=pixels, stages=stages).scaled(d, w, r)
        table = [[net.channels(c), n] for (c, _), n in zip(rows, net.repeats, strict=True)]
        return net.stem_channels, net.head_channels, net.resolution, table

    def own(stem, head, pixels, rows, d, w, r):
        scaled = [[round_filters(c, w), math.ceil(n * d)] for c, n in rows]
        return round_filters(stem, w), round_filters(head, w), round(pixels * r), scaled

    def powers(phi, alpha, beta, gamma):
        d, w, r = compound_multipliers(phi, alpha, beta, gamma)
        return d, w, r, d * w * w * r * r

    assert "arch.round_filters" in check("06.2", with_the_helper).message
    assert "arch.Architecture" in check("06.3", with_scaled).message
    assert "arch.compound_multipliers" in check("06.1", powers).message
    assert check("06.3", own).passed  # 06.2's rule may be taken from the package
    capsys.readouterr()


@pytest.mark.parametrize("seed", range(6))
def test_each_kind_of_budget_is_told_from_the_others(seed):
    cases = sheet.BUDGET.cases(seed)
    assert {case["quantity"] for case in cases} == {"params", "macs", "activations"}
    for wrong in (0, 1, 2):
        answer = sheet._largest(quantity=lambda q, wrong=wrong: wrong)
        assert not judge(sheet.BUDGET, cases, run(answer, cases)).passed
