"""A recorded run says everything needed to repeat it, and a shipped network is the one its run made."""

import json
import math
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import stats

from effnet_course import atlas, runner
from effnet_course.arch import NANO
from effnet_course.cost import network_cost
from effnet_course.data import DataError, Images, cifar10, imagenette
from effnet_course.train import Recipe, evaluate

CLASSES = tuple("abc")


def images(split, count, seed):
    draw = np.random.default_rng(seed)
    labels = draw.integers(0, 3, count)
    pixels = draw.integers(0, 100, (count, 8, 8, 3)) + 150 * np.eye(3, dtype=int)[labels][:, None, None, :]
    return Images(pixels.astype(np.uint8), labels.astype(np.int64), CLASSES, "Noise", split, "noise")


@pytest.fixture(scope="module")
def measured():
    net = replace(NANO.scaled(width=0.5, resolution=0.5), name="half")
    parts = [images("train", 128, 0), images("validation", 60, 1), images("test", 50, 2)]
    run, model = atlas.measure(net, Recipe(epochs=2, batch=32, seed=7), *parts, family="width", progress=False)
    return run, model, parts


def test_a_row_holds_what_is_needed_to_repeat_the_run(measured):
    run, model, (train, validation, test) = measured
    assert (run.dataset, run.base, run.family, run.width, run.resolution) == ("Noise", "half", "width", 0.5, 8)
    assert (run.seed, run.recipe["seed"], run.recipe["epochs"], run.training_images) == (7, 7, 2, 128)
    assert (run.params, run.macs) == network_cost(model.architecture, 3)[:2]
    assert len(run.loss) == len(run.validation) == 2 and len(run.test) == 1
    assert run.validation[-1] == pytest.approx(evaluate(model, validation).top1, abs=0.01)
    assert run.test[-1] == pytest.approx(evaluate(model, test).top1, abs=0.01)
    assert run.seconds > 0 and "threads" in run.device and run.torch == torch.__version__


def test_rows_come_back_as_they_were_written(measured, tmp_path):
    run = measured[0]
    atlas.append(run, tmp_path / "new" / "rows.jsonl")
    atlas.append(replace(run, seed=8), tmp_path / "new" / "rows.jsonl")
    assert atlas.runs(tmp_path / "new") == [run, replace(run, seed=8)]


def test_a_shipped_network_is_the_one_its_run_made(measured, tmp_path):
    run, model, (_, validation, _) = measured
    atlas.save_network(model, run, tmp_path / "half.safetensors")
    again, its_run = atlas.network("half", tmp_path)
    assert its_run == run
    assert again.architecture == model.architecture and not again.training
    assert evaluate(again, validation).top1 == pytest.approx(run.validation[-1], abs=2)  # half precision
    with pytest.raises(LookupError, match="'none-such'. There are: half"):
        atlas.network("none-such", tmp_path)


def test_shipped_rows_are_complete_and_count_as_this_course_counts():
    rows = atlas.runs()
    assert rows
    for run in rows:
        assert len(run.validation) == run.recipe["epochs"] == len(run.loss)
        assert run.seed == run.recipe["seed"]
        assert all(0 <= top1 <= 100 for top1 in (*run.validation, *run.test))
        if run.base in runner.BASES:
            base = runner.changed(runner.BASES[run.base], run.changes)
            net = base.scaled(run.depth, run.width, run.resolution / base.resolution)
            cost = network_cost(net, 10)
            assert (run.params, run.macs, run.activations) == (cost.params, cost.macs, cost.activations)
    assert len({json.dumps(asdict(run) | {"seconds": 0}) for run in rows}) == len(rows)
    assert all(run.study for run in rows)
    assert all(path.stat().st_size < 2_000_000 for path in atlas.RECORDS.glob("*.safetensors"))


def test_rows_are_gathered_by_network(measured):
    run = replace(measured[0], validation=(40.0, 50.0), test=())
    rows = [run, replace(run, seed=8, recipe=run.recipe | {"seed": 8}, validation=(40.0, 60.0), test=(55.0,))]
    rows += [replace(run, width=2.0), replace(run, recipe=run.recipe | {"epochs": 9})]
    points = atlas.summary(rows)
    assert atlas.summary(rows[1::-1])[0].values == (50.0, 60.0), "in the order of the seeds"
    assert [point.values for point in points] == [(50.0, 60.0), (50.0,), (50.0,)]
    assert points[0].mean == 55.0 and points[0].width == 0.5 and points[1].width == 2.0
    assert [point.values for point in atlas.summary(rows, "test")] == [(55.0,)]


def test_intervals_are_those_of_scipy():
    draw = np.random.default_rng(0)
    first, second = draw.normal(70, 1, 5), draw.normal(68, 1, 4)
    mean, low, high = atlas.interval(first)
    assert (low, high) == pytest.approx(stats.t.interval(0.95, 4, mean, stats.sem(first)))
    found = atlas.difference(first, second)
    theirs = stats.ttest_ind(first, second).confidence_interval(0.95)
    assert found == pytest.approx((first.mean() - second.mean(), theirs.low, theirs.high))


def test_a_spread_is_pooled_over_networks():
    groups = [(1.0, 3.0), (10.0, 12.0, 14.0), (5.0,)]
    deviation, freedom = atlas.spread(groups)
    assert (deviation**2, freedom) == (pytest.approx((2 + 8) / 3), 3)
    mean, low, high = atlas.interval((5.0,), (deviation, freedom))
    assert (high - mean, mean - low) == pytest.approx(2 * (stats.t.ppf(0.975, 3) * deviation,))
    assert math.isnan(atlas.interval((5.0,))[1])
    with pytest.raises(ValueError, match="No network has two seeds"):
        atlas.spread([(1.0,), (2.0,)])


def test_an_interval_covers_the_truth_as_often_as_it_says():
    draw = np.random.default_rng(0)
    covered = 0
    for values in draw.normal(0, 1, (2000, 3)):
        _, low, high = atlas.interval(values)
        covered += low < 0 < high
    assert 0.935 < covered / 2000 < 0.965


def test_a_row_says_when_its_images_were_enlarged(measured):
    run = replace(measured[0], dataset="CIFAR-10", resolution=32)
    assert not run.upsampled and replace(run, resolution=33).upsampled
    assert not replace(run, dataset="Shapes", resolution=99).upsampled


@pytest.fixture
def validation(monkeypatch, tmp_path):
    """Loads a dataset's validation images at a resolution, where it lies beside the checkout."""
    shared = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not shared.exists():
        pytest.skip("no photos beside the checkout")
    monkeypatch.setenv("EFFNET_HOME", str(tmp_path))

    def load(dataset, resolution):
        try:
            return {"CIFAR-10": cifar10, "Imagenette": imagenette}[dataset]("validation", resolution, shared, False)
        except DataError as error:
            pytest.skip(str(error))

    return load


@pytest.mark.parametrize("path", sorted(atlas.RECORDS.glob("*.safetensors")), ids=lambda path: path.stem)
def test_shipped_networks_reach_what_their_run_says(path, validation):
    model, run = atlas.network(path.stem)
    assert run in atlas.runs()
    images = validation(run.dataset, run.resolution)
    if run.dataset == "Imagenette" and len(images) != 1000:
        pytest.skip(f"the run was measured on 1,000 photos, and {len(images):,} are here")
    assert evaluate(model, images).top1 == pytest.approx(run.validation[-1], abs=0.3)
