"""The parts of a recipe do what their papers say, and a run with all of them can still be stopped anywhere."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from test_train import RECIPE, network, pictures, quiet_fit, weights
from torch import nn

from effnet_course.ingredients import RMSProp, averaged, mix, plan_mixing, shrink
from effnet_course.recipe import Recipe
from effnet_course.train import evaluate


def test_the_staircase_is_the_published_one():
    recipe = Recipe(epochs=24, rate=0.256, warmup=0, schedule="staircase")
    rates = [recipe.rate_at(step, 2400) for step in range(2400)]
    assert rates[0] == rates[239] == 0.256 and rates[240] == pytest.approx(0.256 * 0.97)
    assert rates[-1] == pytest.approx(0.256 * 0.97**9)
    assert len(set(rates)) == 10


def test_a_constant_rate_stays_where_it_is_after_the_warmup():
    recipe = Recipe(rate=0.1, warmup=0.2, schedule="constant")
    assert [recipe.rate_at(step, 10) for step in (0, 2, 9)] == pytest.approx([0.1 / 3, 0.1, 0.1])


def first_step(optimizer, slope):
    weight = nn.Parameter(torch.zeros(1))
    weight.grad = torch.tensor([slope])
    optimizer([weight]).step()
    return -weight.item()


def test_rmsprop_takes_small_first_steps_and_torchs_large_ones():
    rate = 0.256
    ours = first_step(lambda p: RMSProp(p, lr=rate), 0.01)
    theirs = first_step(lambda p: torch.optim.RMSprop(p, lr=rate, alpha=0.9, momentum=0.9, eps=1e-3), 0.01)
    assert ours == pytest.approx(rate * 0.01 / (0.9 + 0.1 * 1e-4 + 1e-3) ** 0.5)
    assert ours / rate == pytest.approx(0.0105, abs=1e-4)
    assert theirs / rate == pytest.approx(2.4, abs=0.01)


def test_rmsprop_follows_its_recursion():
    weight = nn.Parameter(torch.tensor([0.5]))
    optimizer = RMSProp([{"params": [weight], "weight_decay": 0.1}], lr=0.01)
    value, square, velocity = 0.5, 1.0, 0.0
    for slope in (0.3, -0.2, 0.1):
        weight.grad = torch.tensor([slope])
        optimizer.step()
        g = slope + 0.1 * value
        square = 0.9 * square + 0.1 * g * g
        velocity = 0.9 * velocity + 0.01 * g / (square + 1e-3) ** 0.5
        value -= velocity
        assert weight.item() == pytest.approx(value)


def test_mixup_blends_each_image_with_another():
    images = torch.arange(4.0)[:, None, None, None].expand(4, 1, 2, 2)
    mixed, share = mix(images, 0.75, None)
    assert share == 0.75
    assert mixed[:, 0, 0, 0].tolist() == [0.75, 1.25, 1.75, 2.25]


@pytest.mark.parametrize(("middle", "pixels"), [((0.5, 0.5), 64), ((0.0, 0.0), 16), ((0.5, 0.0), 32)])
def test_cutmix_puts_in_a_box_and_counts_its_pixels(middle, pixels):
    images = torch.stack([torch.zeros(3, 16, 16), torch.ones(3, 16, 16)])
    mixed, share = mix(images, 0.75, middle)
    assert mixed[0, 0].sum() == pixels and share == 1 - pixels / 256
    assert torch.equal(mixed[1], 1 - mixed[0]) and images[0].sum() == 0


def test_mixing_is_drawn_anew_each_epoch_and_the_same_each_time():
    recipe = Recipe(mixup=0.2, cutmix=1.0)
    plan = plan_mixing(recipe, 3, 400)
    assert plan == plan_mixing(recipe, 3, 400) != plan_mixing(recipe, 4, 400)
    assert 150 < sum(middle is None for _, middle in plan) < 250, "with both, one of them each step"
    shares = [share for share, middle in plan if middle is not None]
    assert np.mean(shares) == pytest.approx(0.5, abs=0.08)
    assert plan_mixing(Recipe(), 0, 10) is None
    assert all(middle is None for _, middle in plan_mixing(Recipe(mixup=1.0), 0, 50))


def test_images_are_small_in_the_first_half_of_the_epochs_and_keep_their_brightness():
    recipe, images = Recipe(epochs=5, early_pixels=6), torch.rand(4, 3, 8, 8)
    sides = [shrink(images, recipe, epoch).shape[2:] for epoch in range(5)]
    assert sides == [(6, 6)] * 3 + [(8, 8)] * 2
    assert torch.allclose(shrink(images, recipe, 0).mean((2, 3)), images.mean((2, 3)), atol=0.03)
    assert shrink(images, Recipe(), 0) is images is shrink(images, Recipe(early_pixels=8), 0)


def test_an_average_forgets_its_random_start_and_then_moves_slowly():
    model = nn.Linear(1, 1, bias=False)
    average = averaged(model, 0.9)
    values, expected = [3.0, 5.0, -1.0, 2.0] * 50, None
    for count, value in enumerate(values):
        model.weight.data.fill_(value)
        average.update_parameters(model)
        keep = min(0.9, (1 + count) / (10 + count))
        expected = value if expected is None else keep * expected + (1 - keep) * value
    assert average.module.weight.item() == pytest.approx(expected, rel=1e-5)


def test_running_statistics_are_averaged_too_and_counters_copied():
    model = nn.BatchNorm1d(2)
    average = averaged(model, 0.5)
    for _ in range(3):
        model(torch.randn(8, 2) + 4)
        average.update_parameters(model)
    assert average.module.num_batches_tracked == 3
    assert 0 < average.module.running_mean[0] < model.running_mean[0]


EVERYTHING = replace(RECIPE, mixup=0.2, cutmix=1.0, average=0.9, schedule="staircase", optimizer="rmsprop", rate=0.01,
                     early_pixels=8)  # fmt: skip


def test_what_is_measured_and_kept_is_the_average():
    model, plain = network(), network()
    history = quiet_fit(model, replace(RECIPE, average=0.9))
    quiet_fit(plain, RECIPE)
    assert evaluate(model, pictures(64, seed=1)).top1 == history.validation[-1]
    assert not torch.equal(weights(model), weights(plain))


def test_a_run_with_every_part_goes_on_exactly_after_a_stop(tmp_path, monkeypatch):
    import effnet_course.train as train

    whole, stopped, again = network(), network(), network()
    history = quiet_fit(whole, EVERYTHING)
    monkeypatch.setattr(train, "CHECKPOINT_SECONDS", -1)
    steps = iter(range(7))

    def seventh(*arguments):
        if next(steps) == 6:
            raise KeyboardInterrupt
        return mix(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(train, "mix", seventh)
        with pytest.raises(KeyboardInterrupt):
            quiet_fit(stopped, EVERYTHING, checkpoint=tmp_path / "run.pt")
    resumed = quiet_fit(again, EVERYTHING, checkpoint=tmp_path / "run.pt")
    assert resumed.validation == history.validation and resumed.resumed == 1
    assert torch.equal(weights(again), weights(whole))
    finished = network()
    quiet_fit(finished, EVERYTHING, checkpoint=tmp_path / "run.pt")
    assert torch.equal(weights(finished), weights(whole)), "a finished run comes back with its average"
