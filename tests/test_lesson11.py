"""Lesson 11: its explorer rounds as the package does, its record is whole, its figures say what they draw."""

import importlib.util
import json
import xml.etree.ElementTree as ET
from itertools import product
from pathlib import Path
from statistics import mean

import pytest

from effnet_course import atlas, compress, explorers
from effnet_course.explorers import lesson11

QUESTIONS = Path(explorers.__file__).parents[1] / "questions/11.toml"
ROWS = [[0.9, -0.34, 0.2], [0.11, 0.043, -0.07], [-0.02, 0.015, 0.003]]
RECORDED = [(8, "symmetric", "per tensor", 78.5), (4, "affine", "per channel", 70.0)]
COMPRESSION = atlas.RECORDS / "compression.json"


def test_the_explorer_rounds_as_the_package_does():
    torch = pytest.importorskip("torch")
    from effnet_course import compress

    weights = torch.tensor(ROWS, dtype=torch.float64)
    for bits, scheme, scales in product((2, 4, 8), lesson11.SCHEMES, lesson11.SCALES):
        explorer = explorers.quantisation_explorer(ROWS)
        state = explorer.state(bits, scheme, scales)
        axis = 0 if scales == "per channel" else None
        rounded = compress.quantise(weights, bits, scheme == "symmetric", axis).values
        assert state.whole == pytest.approx(compress.decibels(weights, rounded), abs=1e-6)
        assert state.empty == int((rounded == 0).all(1).sum())


def test_the_explorer_counts_bytes_and_says_what_is_recorded():
    explorer = explorers.quantisation_explorer(ROWS, RECORDED, "A layer")
    state = explorer.state(8, "symmetric", "per tensor")
    assert (state.size, state.before, state.top1) == (9 + 4, 36, 78.5)
    assert explorer.state(4, "affine", "per channel").size == 5 + 3 * 5
    assert "recorded top-1 with all layers so rounded 78.5 %" in explorer.static(bits=8)[1]
    assert "no top-1 recorded" in explorer.static(bits=3)[1]
    assert "1 of 3 channels become all 0" in explorer.static(bits=4)[1]


@pytest.mark.parametrize("rows", ([], [[0.0, 0.0]], [[1.0]], ROWS, [[-1.0, -2.0]] * 40))
def test_every_extreme_is_a_picture_with_a_sentence(rows):
    explorer = explorers.quantisation_explorer(rows)
    for values in product(*(s.values for s in explorer.sliders)):
        picture, sentence = explorer.static(**dict(zip(("bits", "scheme", "scales"), values, strict=True)))
        ET.fromstring(picture)
        assert "nan" not in picture and "inf" not in sentence and len(sentence) > 20


def test_moving_a_slider_changes_the_page():
    controls, page = explorers.quantisation(ROWS).children
    for slider in controls.children:
        before = page.value
        slider.value = next(value for _, value in slider.options if value != slider.value)
        assert page.value != before


def test_the_record_is_of_one_network_in_one_run():
    record = json.loads(COMPRESSION.read_text())
    parts = {"steps", "bits", "distillation", "lite"}
    assert set(record) == parts | {"settings", "made"}
    assert set(record["settings"]) >= {part for part in parts if record[part]}, "each part says how it was made"
    assert all({"device", "versions", "threads", "date"} <= made.keys() for made in record["made"].values())
    names = [row["name"] for row in record["steps"]]
    assert names[0] == "as trained, float32" and len(names) == len(set(names))
    timed = [row for row in record["steps"] if "ms_1" in row]
    assert bool(timed) == ("times" in record["made"]), "times have a device and a date of their own"
    assert all(row["runs_in"] != "simulated" for row in timed)
    assert all(low <= median <= high for row in timed for median, low, high in (row["ms_1"], row["ms_32"]))
    bits = [tuple(row[k] for k in ("what", "bits", "symmetric")) + (row.get("per_channel", row.get("share")),)
            for row in record["bits"]]  # fmt: skip
    assert len(bits) == len(set(bits))


def test_a_part_made_with_other_settings_starts_anew_and_leaves_the_others(monkeypatch, tmp_path):
    pytest.importorskip("torch")
    path = Path(__file__).parents[1] / "benchmarks/record_compression.py"
    spec = importlib.util.spec_from_file_location("record_compression", path)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    monkeypatch.setattr(script, "FILE", tmp_path / "compression.json")
    monkeypatch.setattr(script, "version", lambda package: "1")
    bench = object.__new__(script.Bench)
    bench.settings = {"short": False}
    bench.record = {"settings": {"steps": {"short": True}, "lite": {"short": False}}, "made": {"times": {}},
                    "steps": [{"ms_1": 1}], "bits": [], "distillation": [], "lite": [{"seed": 0}]}  # fmt: skip
    bench.begin("lite")
    assert bench.record["lite"] and bench.record["steps"] and "times" in bench.record["made"]
    bench.begin("steps")
    assert bench.record["lite"] and not bench.record["steps"] and "times" not in bench.record["made"]
    bench.save("steps")
    assert json.loads(script.FILE.read_text())["made"]["steps"]["versions"]["torch"] == "1"


def test_the_plan_of_the_lite_variants_can_be_read():
    from effnet_course.runner import read_plan

    jobs = read_plan("cifar10-lite")
    assert len(jobs) == 12 and len({job.label for job in jobs}) == 4
    assert [j.architecture.activation for j in jobs[:4]] == ["silu", "silu", "relu6", "relu6"]
    assert [bool(j.architecture.se_ratio) for j in jobs[:4]] == [True, False, True, False]


def test_the_figures_say_what_they_draw():
    figures = pytest.importorskip("effnet_course.figures")
    said = figures.channel_ranges([("depthwise", 1, 9.8), ("expand", 2, 1.5), ("depthwise", 3, 2.0)]).text
    assert "expand 1.5 to 1.5, depthwise 2.0 to 9.8" in said
    said = figures.bits_curves({"a": [(8, 79.0), (4, 17.3)]}, 79.1).text
    assert "a: 79.0 at 8, 17.3 at 4; float32 79.1" in said
    assert "Nothing recorded yet" in figures.bits_curves({}).text
    assert "least at 2.00, 2.0 times less" in figures.clipping_error([1, 2, 4], [5.0, 1.0, 0.0], [0.5, 1.0, 4.0]).text
    row = {"name": "whole", "bytes": 649420, "validation": 79.42, "ms_1": [1.5, 1.4, 1.6]}
    assert "whole: 649 kB, 79.4 %, 1.50 ms" in figures.compression_steps([row]).text
    assert "Nothing recorded yet" in figures.compression_steps([]).text


def test_what_the_lesson_says_of_unequal_filters_and_of_bits_is_so():
    nano, _ = atlas.network("nano-16px")
    ratios = {}
    for name, layer in compress.layers(compress.folded(nano)).items():
        kind = next((kind for kind in ("expand", "depthwise", "reduce", "restore", "project") if kind in name), None)
        if kind and name.startswith("blocks"):
            largest = layer.weight.data.flatten(1).abs().amax(1)
            ratios.setdefault(int(name.split(".")[1]) + 1, {})[kind] = float(largest.max() / largest.median())
    leaders = [max(ratios[block], key=ratios[block].get) for block in sorted(ratios)]
    assert leaders == ["depthwise"] * 2 + ["restore"] * 6
    record = json.loads((atlas.RECORDS / "compression.json").read_text())
    steps = {row["name"]: row["validation"] for row in record["steps"]}
    whole = steps["as trained, float32"]
    assert whole == 80.08 and {record["settings"][part]["validation"] for part in ("bits", "steps")} == {5000}
    assert record["settings"]["steps"]["epochs"] == 3
    half = "half of the 1x1 weights zero"
    assert steps[f"{half}, packed float16"] < whole and round(steps[f"{half}, tuned, packed float16"] - whole, 1) == 0.5
    assert steps["half of the hidden channels"] < 35
    assert round(whole - steps["half of the hidden channels, tuned"], 1) == 2.4
    macs = {row["name"]: row["macs"] for row in record["steps"]}
    assert round(1 - macs["half of the hidden channels, tuned"] / macs["as trained, float32"], 2) == 0.45


def test_what_the_lesson_says_of_times_and_a_teacher_was_recorded():
    record = json.loads((atlas.RECORDS / "compression.json").read_text())
    one = {row["name"]: row["ms_1"][0] for row in record["steps"] if "ms_1" in row}
    assert one["ONNX 8 bits"] > one["ONNX float32"], "8 bits cost more than the multiplications save"
    top1 = {row["name"]: row["validation"] for row in record["distillation"] if row["seed"] == 0}
    assert 1 < top1["taught, temperature 4"] - top1["alone"] < 3
    assert {row["seed"] for row in record["distillation"]} == {0}, "with more seeds the lesson can give an interval"


def test_what_the_lesson_says_of_lite_was_recorded():
    rows = json.loads((atlas.RECORDS / "compression.json").read_text())["lite"]
    lost = {}
    for row in rows:
        five = row["inputs 5"], row["weights 5, per tensor"]
        lost.setdefault(row["name"], []).append([row["float"] - top1 for top1 in five])
    inputs, weights = ({name: mean(pair[i] for pair in pairs) for name, pairs in lost.items()} for i in (0, 1))
    assert round(inputs["as it is"]) == 13 and round(inputs["ReLU6 for SiLU"]) == 2
    assert abs(inputs["ReLU6 for SiLU"] - inputs["no SE, ReLU6"]) == pytest.approx(0.2, abs=0.05)
    assert min(weights.values()) == weights["as it is"], "the weights it does not help"


def test_what_the_lesson_says_of_two_other_runtimes_was_recorded():
    rows = {row["runtime"]: row for row in json.loads((atlas.RECORDS / "runtimes.json").read_text())}
    assert max(row["difference"] for row in rows.values()) < 1e-5
    share = {name: row["ms"] / row["pytorch_ms"] for name, row in rows.items()}
    assert round(1 / share["litert"]) == 8 and round(1 / share["executorch"]) == 5
    assert {row["network"] for row in rows.values()} == {"nano-16px"}
