"""Lesson 09: the recorded rows are whole, the explorer says what it shows, the figures say what they draw."""

import json
import math
import xml.etree.ElementTree as ET
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from effnet_course import atlas, explorers, shapes, transfer
from effnet_course.corruptions import STRENGTHS
from effnet_course.explorers import lesson09

QUESTIONS = Path(explorers.__file__).parents[1] / "questions/09.toml"
SOURCE = "fused-32px"
ARMS = ("scratch", "probe", "fine-tuned", "rates by part")
PNG = "data:image/png;base64,iVBORw0KGgo="


def views(images=2):
    """As the lesson makes them: maps of 3x3 with one bright place, which moves with the severity."""
    found = []
    for image in range(images):
        for kind, step in [("blur", 0), *product(("blur", "noise"), range(1, 6))]:
            cam = np.zeros((3, 3))
            cam[step % 3, image % 3] = 1 + step
            first = (("church", 0.7 - 0.1 * step), ("truck", 0.2 + 0.1 * step), ("fish", 0.1))
            answers = tuple(sorted(first, key=lambda pair: -pair[1]))
            found.append((image, kind, step, PNG, "church", answers, tuple(map(tuple, cam.tolist()))))
    return found


CURVES = {"blur": [(step, 80.0 - 5 * step, 77.0 - 5 * step, 83.0 - 5 * step) for step in range(6)]}


def test_severity_0_is_one_image_for_every_kind():
    explorer = explorers.evidence_explorer(views(), CURVES)
    assert explorer.static(kind="noise")[1] == explorer.static(kind="blur")[1].split(" Recorded")[0]
    assert "Image 1, as it is: the network says church, 70 % sure (right)." in explorer.static()[1]


def test_the_sentence_says_what_is_recorded_and_where_the_evidence_lies():
    explorer = explorers.evidence_explorer(views(), CURVES)
    said = explorer.static(kind="blur", severity=4)[1]
    assert "blur, severity 4 of 5: the network says truck, 60 % sure (wrong, it is church)" in said
    assert "Its evidence is brightest: left." in said and "60 % right (57 to 63)" in said
    assert "Recorded over" not in explorer.static(kind="noise", severity=4)[1]
    assert "top left" in explorer.static()[1] and "the middle" in explorer.static(image=1, kind="blur", severity=1)[1]
    assert lesson09._where(((0.0, 0.0), (0.0, 0.0))).startswith("nowhere")


@pytest.mark.parametrize("curves", [CURVES, None, {"blur": [(0, 50.0, math.nan, math.nan)]}])
def test_every_extreme_is_a_picture_with_a_sentence(curves):
    explorer = explorers.evidence_explorer(views(), curves)
    for values in product(*((s.values[0], s.values[-1]) for s in explorer.sliders)):
        settings = dict(zip((s.name for s in explorer.sliders), values, strict=True))
        picture, sentence = explorer.static(**settings)
        root = ET.fromstring(picture)
        assert root.get("aria-label") == sentence and "nan" not in picture
        assert [image.get("href") for image in root.iter("{http://www.w3.org/2000/svg}image")] == [PNG, PNG]
        for text in root.iter("{http://www.w3.org/2000/svg}text"):
            assert 0 <= float(text.get("x")) <= 680 and 0 <= float(text.get("y")) <= 290
        assert "brightest place" in picture


def test_a_map_without_evidence_is_a_picture_too():
    rows = [(*view[:6], ((0.0,) * 3,) * 3) for view in views(1)]
    assert "nowhere" in explorers.evidence_explorer(rows).static()[1]


def test_moving_a_slider_changes_the_page():
    controls, page = explorers.evidence(views(), CURVES).children
    for slider in controls.children[::-1]:
        before = page.value
        slider.value = slider.options[-1][1] if slider.value != slider.options[-1][1] else slider.options[0][1]
        assert page.value != before


def test_the_recorded_rows_are_whole_and_each_was_measured_once():
    rows = json.loads((atlas.RECORDS / "transfer.json").read_text())["rows"]
    names = ("table", "network", "dataset", "pixels", "labels", "arm", "seed", "epochs", "kind", "severity", "split")
    keys = [tuple(row.get(name) for name in names) for row in rows]
    assert len(keys) == len(set(keys)) > 10
    for row in rows:
        assert row["device"] and row["seconds"] >= 0
        if row["table"] == "leak":
            assert row["validation_names"] < 0.1 * row["count"], "the lesson: nearly all are training photos"
        else:
            assert 0 <= row["correct"] <= row["count"]
        if row["table"] == "corruption":
            assert row["kind"] in (*STRENGTHS, "none")
        if row["table"] in ("transfer", "far"):
            assert row["images"] == 10 * row["labels"]
    networks = {row["network"] for row in rows if "network" in row}
    assert all(atlas.network(name) for name in networks)


def top1(table, arm, labels):
    """Top-1 in percent of each draw of labels of the network that the lesson transfers from."""
    rows = json.loads((atlas.RECORDS / "transfer.json").read_text())["rows"]
    mine = [r for r in rows if (r["table"], r.get("network"), r.get("labels")) == (table, SOURCE, labels)]
    found = np.array([100 * r["correct"] / r["count"] for r in mine if r["arm"] == arm])
    assert len(found) == 3, (table, arm, labels)
    return found


def test_what_the_lesson_says_of_few_labels_is_so():
    gaps, leads, later = [], [], (10, 20, 50)
    for labels in (5, *later):
        scratch, probe, tuned, parts = (top1("transfer", arm, labels) for arm in ARMS)
        gaps.append((tuned - scratch).mean())
        leads.append(atlas.interval((tuned - probe).tolist()))
        assert atlas.interval((tuned - scratch).tolist())[1] > 0, "decided"
        mean, low, high = atlas.interval((parts - tuned).tolist())
        assert low < 0, "rates by part are nowhere decidedly ahead"
        assert labels not in (10, 20) or (-2 < mean < -0.5 and high < 0), "and a point behind at 10 and 20"
    assert min(gaps) > 20 and gaps[-1] == min(gaps), "twenty points and more, and at 50 the gap begins to narrow"
    assert top1("transfer", "scratch", 50).mean() < top1("transfer", "probe", 50).mean() - 5, "has not caught up"
    assert leads[0][1] < 0, "not decided between probe and fine-tuning at 5 labels"
    assert all(low > 0 for _, low, _ in leads[1:]), "and is behind from 10 on"
    assert all(a[0] < b[0] for a, b in zip(leads, leads[1:], strict=False)), "further with each step"
    mean = {arm: top1("transfer", arm, 5).mean() for arm in ARMS}
    assert 0.25 < (mean["scratch"] - 10) / (mean["probe"] - 10) < 0.75, "about half of the probe, beyond guessing"


def test_what_the_lesson_says_of_drawings_is_so():
    for labels in (5, 10, 20, 50):
        scratch, _, tuned, parts = (top1("far", arm, labels) for arm in ARMS)
        assert min(atlas.interval((arm - scratch).tolist())[1] for arm in (tuned, parts)) > 0, "it pays"
        if labels >= 10:
            near = top1("transfer", "fine-tuned", labels).mean() - top1("transfer", "scratch", labels).mean()
            assert (tuned - scratch).mean() > near, "further ahead of scratch than on photos"
    gained = {arm: top1("far", arm, 50).mean() - top1("far", arm, 10).mean() for arm in ARMS}
    assert 8 < gained["probe"] < 13 and gained["fine-tuned"] > 30, "some ten points, more than thirty"


def test_in_the_recorded_drawings_outline_and_colour_together_say_the_class():
    def called_by_its_outline(variety):
        scene = shapes.scenes("train", 2000, 0.2, 0.2, variety)
        same = scene.label == scene.mark
        return {colour: same[scene.colour == colour].mean() for colour in range(10)}

    assert set(called_by_its_outline(0).values()) == {1.0}, "variety 0: colour says nothing"
    assert {0.0, 1.0} <= {round(share, 1) for share in called_by_its_outline(0.2).values()}, "some colours, others not"


def test_what_the_lesson_says_of_imagenette_from_scratch_is_so():
    runs = [run for run in atlas.runs() if run.study == "imagenette-64px"]
    assert len(runs) == 1, "one run"
    assert (runs[0].training_images, runs[0].resolution, runs[0].dataset) == (2000, 64, "Imagenette")
    assert runs[0].params < atlas.network(SOURCE)[1].params, "a smaller network on larger images"
    assert abs(runs[0].validation[-1] - top1("transfer", "fine-tuned", 50).mean()) < 1.5


def test_what_the_lesson_says_of_worse_images_is_so():
    rows = json.loads((atlas.RECORDS / "transfer.json").read_text())["rows"]
    rows = [r for r in rows if (r["table"], r.get("network")) == ("corruption", SOURCE)]
    share = {(r["pixels"], r["kind"], r["severity"]): 100 * r["correct"] / r["count"] for r in rows}
    bounds = {(r["pixels"], r["kind"], r["severity"]): transfer.wilson(r["correct"], r["count"]) for r in rows}
    assert atlas.network(SOURCE)[1].resolution == 32 == max(pixels for pixels, *_ in share), "the panel on the right"
    assert {pixels for pixels, *_ in share} == {16, 24, 32}
    whole = share[32, "none", 0]
    assert 3.5 < whole - share[24, "none", 0] < 6.5 and 27 < whole - share[16, "none", 0] < 32
    for step in range(1, 6):
        assert share[24, "noise", step] > share[32, "noise", step], "noise: better on 24 px at every severity"
        assert share[24, "contrast", step] < share[32, "contrast", step], "contrast: the larger image wins"
        if step > 3:
            assert bounds[24, "blur", step][0] > bounds[32, "blur", step][1], "strong blur: better on 24 px"
    assert 27 < share[24, "noise", 5] - share[32, "noise", 5] < 33, "some thirty points"
    ahead = [step for step in range(1, 6) if share[16, "noise", step] > share[32, "noise", step]]
    assert ahead == [3, 4, 5], "from severity 3 on even 16 px is ahead"


def test_the_figures_say_what_they_draw():
    figures = pytest.importorskip("effnet_course.figures")
    said = figures.few_labels([("probe", 5, 40.0, 38.0, 42.0), ("probe", 20, 50.0, math.nan, math.nan)]).text
    assert "probe 5 labels 40.0, 20 labels 50.0" in said
    assert "No runs recorded yet" in figures.few_labels([]).text
    matrix = np.array([[5, 1], [3, 7]])
    assert "16 images, 12 of them right. Most often, 3 times, b was called a" in figures.confusion(matrix, "ab").text
    image, cam = np.zeros((8, 8, 3), np.uint8), np.eye(4)[::-1].copy()
    cam[0, 3] = 2
    assert "one, head: row 1, column 4 of 4" in figures.evidence([("one", image, [("head", cam)])]).text
    assert "blur in five steps" in figures.made_worse([("blur", [image] * 6)]).text
    curve = {("16 px", "blur"): [(0, 80.0, 78.0, 82.0), (1, 70.0, 68.0, 72.0)]}
    assert "16 px, blur 80, 70" in figures.robustness(curve, ["16 px"]).text
    assert "No rows" in figures.robustness({}, ["16 px"]).text
