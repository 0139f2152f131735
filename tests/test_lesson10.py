"""Lesson 10: what it prints of published networks is so, and the budget chooser chooses what it says."""

import json
import math
import re
import time
import xml.etree.ElementTree as ET
from itertools import product
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from effnet_course import atlas, explorers
from effnet_course.arch import VARIANTS
from effnet_course.cost import network_cost
from effnet_course.explorers import lesson10
from effnet_course.search import pareto

LESSON = (Path(__file__).parent.parent / "source/lessons/10_efficiency_frontier.py").read_text()

QUESTIONS = Path(explorers.__file__).parents[1] / "questions/10.toml"
ROWS = json.loads((atlas.RECORDS / "published.json").read_text())["rows"]
OFFER = [row for row in ROWS if row["set"] == "torchvision"]
OLD = OFFER[0]["recipe"]


def offers(time_of=lambda row: row["macs"] / 1e8):
    return [(r["name"], r["recipe"] != OLD, r["top1"], r["macs"], r["params"], r["peak"], time_of(r)) for r in OFFER]


@pytest.mark.parametrize("name", [f"b{i}" for i in range(8)])
def test_the_counter_of_the_record_and_the_course_s_agree(name):
    """Two counters that know nothing of each other: a FLOP counter on torchvision's network, and cost on ours."""
    ours = network_cost(VARIANTS[name])
    there = [row for row in ROWS if row["id"] == f"efficientnet_{name}" and row["pixels"] == VARIANTS[name].resolution]
    assert there
    for row in there:
        assert (row["params"], row["macs"], row["activations"]) == (ours.params, ours.macs, ours.activations)
        assert row["bytes"] == sum(layer.bytes_moved() for layer in ours.layers if layer.macs)


def test_every_published_row_says_where_its_accuracy_comes_from():
    assert all(row["source"] and row["recipe"] and row["pixels"] and 50 < row["top1"] < 90 for row in ROWS)
    keys = [(row["set"], row["id"], row["recipe"]) for row in ROWS]
    assert len(keys) == len(set(keys)) and len(OFFER) == 37 and len({row["id"] for row in OFFER}) == 26


def test_what_the_lesson_says_of_the_fronts_is_so():
    names = [OFFER[i]["name"] for i in pareto([r["macs"] for r in OFFER], [r["top1"] for r in OFFER])]
    assert [n for n in names if n.startswith("EfficientNet-")] == [f"EfficientNet-B{i}" for i in range(5)]
    assert min(OFFER, key=lambda r: r["macs"]) is min(OFFER, key=lambda r: r["params"])
    assert max(OFFER, key=lambda r: r["top1"] / r["macs"])["name"] == "MobileNetV3-S" == min(
        OFFER, key=lambda r: r["top1"])["name"]  # fmt: skip
    same = {row["name"]: row for row in ROWS if row["set"] == "pycls"}
    assert same["EfficientNet-B4"]["top1"] - same["ResNet-50"]["top1"] == pytest.approx(1.8)
    assert same["RegNetY-4.0GF"]["macs"] < same["EfficientNet-B4"]["macs"]
    assert same["RegNetY-4.0GF"]["top1"] - same["EfficientNet-B4"]["top1"] == pytest.approx(0.8)
    paper = {row["name"]: row["top1"] for row in ROWS if row["set"] == "paper"}
    assert paper["EfficientNet-B4"] - paper["ResNet-50"] == pytest.approx(6.9)
    twins = [row["top1"] for row in OFFER if row["name"] == "ResNet-50"]
    assert max(twins) - min(twins) == pytest.approx(4.7, abs=0.05)
    family = [row for row in ROWS if row["set"] == "paper"][:8]
    steps = list(zip(family[:-1], family[1:], strict=True))
    gains = [(b["top1"] - a["top1"]) / math.log2(b["macs"] / a["macs"]) for a, b in steps]
    assert gains == sorted(gains, reverse=True) and [gain >= 1 for gain in gains] == [True] * 4 + [False] * 3


def test_without_limits_the_best_of_all_is_chosen_and_nothing_holds_back():
    state = explorers.budget_explorer(offers()).state(*[lesson10.NONE] * 4)
    assert state.offers[state.best].name == "EfficientNetV2-M" and not state.binding
    assert len(state.allowed) == len(OFFER)


@pytest.mark.parametrize("limits", [(0.4, math.inf, math.inf, math.inf), (5, 10, math.inf, math.inf),
                                    (math.inf, 30, 11, 50), (1, 6, 8, 5)])  # fmt: skip
def test_the_choice_is_the_best_within_all_limits(limits):
    state = explorers.budget_explorer(offers()).state(*limits)
    units = (1e9, 1e6, 1e6, 1)
    inside = [o for o in offers() if all(c / u <= limit for c, u, limit in zip(o[3:], units, limits, strict=True))]
    assert len(state.allowed) == len(inside)
    assert (state.offers[state.best].top1 if inside else None) == max((o[2] for o in inside), default=None)


def test_a_limit_that_holds_back_is_named_with_what_it_costs():
    state = explorers.budget_explorer(offers()).state(0.4, math.inf, math.inf, math.inf)
    assert state.offers[state.best].name == "EfficientNet-B0" and list(state.binding) == ["macs"]
    assert state.binding["macs"] == ("EfficientNetV2-M", pytest.approx(85.112 - 77.692))
    loose = explorers.budget_explorer(offers()).state(0.4, 100, math.inf, math.inf)
    assert list(loose.binding) == ["macs"]


def test_networks_without_a_recorded_time_are_left_out_of_a_limit_on_time_and_that_is_said():
    explorer = explorers.budget_explorer(offers(lambda row: None if row["macs"] > 1e9 else 5.0))
    assert "have no recorded time" in explorer.static(time=33)[1]
    assert "have no recorded time" not in explorer.static()[1]
    nothing = explorers.budget_explorer(offers(lambda row: None)).static(time=5)[1]
    assert nothing.startswith("Nothing is within these limits")


def test_every_extreme_is_a_picture_with_a_sentence():
    for explorer in (explorers.budget_explorer(offers()), explorers.budget_explorer(offers(lambda row: None))):
        for values in product(*((s.values[0], s.values[-1], s.values[len(s.values) // 2]) for s in explorer.sliders)):
            picture, sentence = explorer.static(**dict(zip(("macs", "params", "memory", "time"), values, strict=True)))
            root = ET.fromstring(picture)
            assert root.get("aria-label") == sentence and "nan" not in picture and "inf " not in sentence
            for text in root.iter("{http://www.w3.org/2000/svg}text"):
                assert 0 <= float(text.get("x")) <= 680 and 0 <= float(text.get("y")) <= 362


def test_a_state_takes_a_few_milliseconds():
    explorer, best = explorers.budget_explorer(offers()), math.inf
    for _ in range(10):
        began = time.process_time()
        explorer.static(macs=5, params=20)
        best = min(best, time.process_time() - began)
    assert best < 0.015


def test_moving_a_slider_changes_the_page():
    controls, page = explorers.budget(offers()).children
    for slider in controls.children:
        before = page.value
        slider.value = slider.options[2][1]
        assert page.value != before


def test_the_kept_answers_give_the_recorded_accuracies():
    pytest.importorskip("safetensors")
    from safetensors import safe_open

    for path in (atlas.RECORDS / "answers").glob("ensemble-*.safetensors"):
        with safe_open(path, "np") as file:
            card, labels = json.loads(file.metadata()["card"]), file.get_tensor("labels")
            for row in card["small"]:
                kept = file.get_tensor(f"seed{row['seed']}")
                assert kept.shape == (len(labels), 10)
                assert 100 * (kept.argmin(1) == labels).mean() == pytest.approx(row["top1"], abs=0.6)
        assert 1.9 < (card["big_macs"] or 2 * card["small_macs"]) / card["small_macs"] < 2.1


def test_the_recorded_times_are_whole():
    path = atlas.RECORDS / "latency.json"
    if not path.exists():
        pytest.skip("no times recorded")
    record = json.loads(path.read_text())
    assert record["about"]["device"] and record["about"]["torch"]
    keys = [(r["id"], r["batch"], r["threads"]) for r in record["rows"]]
    assert len(keys) == len(set(keys))
    for row in record["rows"]:
        assert row["low_ms"] <= row["median_ms"] <= row["high_ms"] and row["runs"] >= 3
        assert any((row["macs"], row["pixels"]) == (r["macs"], r["pixels"]) for r in OFFER if r["id"] == row["id"])


def test_the_figures_say_what_they_draw():
    figures = pytest.importorskip("effnet_course.figures")
    deploy = pytest.importorskip("effnet_course.deploy")
    said = figures.published_fronts(OFFER).text
    assert "front by macs: MobileNetV3-S 67.7" in said and "EfficientNetV2-M 85.1" in said
    rows = [("base", 3e6, 60.0, 59.0, 61.0), ("depth", 6e6, 58.0, math.nan, math.nan)]
    assert "On the front: base at 3.0 million MACs 60.0. Beaten beyond the noise: depth at 6.0" in figures.atlas_front(
        rows, [0], [1]).text  # fmt: skip
    assert figures.atlas_front([], [], []).text == "No runs recorded yet."
    t = deploy.timing([0.001, 0.002, 0.003], batch=1)
    many = deploy.timing([0.01, 0.02, 0.03], batch=32)
    assert "for 1 image: a 2.0 ms; for 32 images: a 20.0 ms" in figures.time_and_costs({"a": (1e6, 2e3, t, many)}).text
    assert "one small, 1 x 60.0, two averaged, 2 x 62.0, wider 64.0" in figures.ensembles(
        [("Shapes", [59.0, 61.0], [62.0], {"wider": np.array([64.0])})]).text  # fmt: skip
    assert "No answers recorded yet" in figures.ensembles([]).text


def test_what_the_lesson_says_of_ensembles_is_so():
    cell = re.search(r"(?ms)^from itertools import combinations\n.*?(?=^# %% \[markdown\])", LESSON)[0]
    study = [run for run in atlas.runs() if run.study == "cifar10-short"]
    revealed = []
    which = SimpleNamespace(choices=[0, 1, 2], reveal=lambda choice, why: revealed.append(choice))
    names = {"atlas": atlas, "json": json, "points": atlas.summary(study), "which": which}
    exec(re.sub(r"(?m)^# %%.*$|^figures\..*$", "", cell), names)
    assert revealed == [2], "it depends on which big one"
    for dataset, (alone, pairs, _) in names["found"].items():
        kept = atlas.RECORDS / "answers" / f"ensemble-{dataset.lower().replace('-', '')}.safetensors"
        _, _, card = names["answers"](kept)
        assert alone == pytest.approx([row["top1"] for row in card["small"]], abs=0.4)
        assert np.mean(pairs) > np.mean(alone)
    alone, pairs, big = names["found"]["CIFAR-10"]
    mean = {name: np.mean(values) for name, values in big.items()}
    deeper, wider, sharper, compound = (next(v for k, v in mean.items() if k.startswith(name))
                                        for name in ("depth", "width", "resolution", "compound"))  # fmt: skip
    both = np.mean(pairs)
    assert both - np.mean(alone) == pytest.approx(2.3, abs=0.05) and deeper < np.mean(alone) < both < sharper - 3
    assert abs(wider - both) < 1.2 and abs(compound - both) < 1.2
    alone, pairs, big = names["found"]["Shapes"]
    assert 4.4 < np.mean(next(iter(big.values()))) - np.mean(pairs) < 5.5
