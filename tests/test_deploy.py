"""Times are summed up fairly, memory is followed exactly, and a front holds what nothing beats."""

import math
import random

import pytest

from effnet_course.arch import B0, NANO
from effnet_course.cost import network_cost
from effnet_course.search import pareto

torch = pytest.importorskip("torch")
deploy = pytest.importorskip("effnet_course.deploy")
from torch import nn  # noqa: E402


class Slow(nn.Module):
    """Takes as long as the next of these seconds says; notes threads, mode and shape."""

    def __init__(self, seconds=(), log=None):
        super().__init__()
        self.seconds, self.log, self.calls = list(seconds), log, []

    def forward(self, x):
        self.calls.append((tuple(x.shape), self.training, torch.get_num_threads(), torch.is_grad_enabled()))
        if self.log is not None:
            self.log.append(self)
        return x


def chain(*channels):
    return nn.Sequential(*(nn.Conv2d(a, b, 3, padding=1) for a, b in zip(channels, channels[1:], strict=False)))


def test_the_summary_of_known_times():
    t = deploy.timing([0.004, 0.001, 0.003, 0.002, 0.100], batch=2, threads=1)
    assert (t.median, t.low, t.high) == (0.003, 0.002, 0.004) and t.per_image == 0.0015
    assert t.times == (0.004, 0.001, 0.003, 0.002, 0.100)
    assert deploy.timing([0.5]).low == deploy.timing([0.5]).high == 0.5


@pytest.mark.parametrize("count, place", ((1, 0), (50, 49), (99, 98), (100, 98), (101, 99), (200, 197), (300, 296)))
def test_the_99th_percentile_is_the_least_time_that_holds_for_99_of_100(count, place):
    times = [float(n) for n in range(count)]
    random.Random(0).shuffle(times)
    found = deploy.timing(times).quantile(0.99)
    assert found == place and sum(t <= found for t in times) >= 0.99 * count > sum(t < found for t in times)


def test_networks_take_turns_and_the_warm_up_does_not_count():
    log = []
    models = {"a": (Slow(log=log), 4), "b": (Slow(log=log), 6)}
    found = deploy.compare(models, batch=3, threads=1, runs=5, warmup=2)
    assert [m is models["a"][0] for m in log] == [True, False] * 7
    assert all(len(t.times) == 5 and (t.batch, t.threads) == (3, 1) for t in found.values())
    assert set(models["b"][0].calls) == {((3, 3, 6, 6), False, 1, False)}


def test_a_slow_machine_gets_fewer_rounds_but_never_too_few():
    told = []
    models = {"a": (Slow(), 4), "b": (Slow(), 4)}
    found = deploy.compare(models, threads=1, runs=40, warmup=2, seconds=0, least=6, tell=told.append)
    assert [len(t.times) for t in found.values()] == [6, 6] and told == [1, 2, 3, 4, 5, 6]
    assert len(models["b"][0].calls) == 8
    assert len(deploy.latency(Slow(), 4, threads=1, runs=3, warmup=1, seconds=0).times) == 3
    assert len(deploy.latency(Slow(), 4, threads=1, runs=9, warmup=0, seconds=600).times) == 9


def test_threads_are_put_back_even_after_an_error():
    before = torch.get_num_threads()
    with pytest.raises(RuntimeError):
        deploy.latency(nn.Conv2d(5, 5, 1), 8, threads=before + 1, runs=1)
    assert torch.get_num_threads() == before


def test_in_a_chain_the_peak_is_the_largest_input_and_output():
    # 3 -> 4 -> 8 -> 2 channels at 10 px: maps of 400, 800 and 200 numbers; 400 + 800 live together.
    assert deploy.peak_memory(chain(3, 4, 8, 2), 10) == 4 * 1200
    assert deploy.peak_memory(chain(3, 4, 8, 2), 10, batch=5) == 5 * 4 * 1200


def test_in_training_what_the_way_back_needs_is_kept():
    model = chain(3, 4, 8, 2)
    forward = 4 * (400 + 800 + 200)
    assert deploy.peak_memory(model, 10, training=True) >= forward > deploy.peak_memory(model, 10)


def test_the_network_is_left_as_it_was():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).train()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    deploy.peak_memory(model, 8, batch=2, training=True)
    assert model.training and all(p.grad is None for p in model.parameters())
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_gradients_and_parts_held_in_another_mode_are_left_as_they_were_too():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).train()
    model[1].eval()
    fresh = deploy.peak_memory(model, 8, 2, training=True)
    model(torch.randn(2, 3, 8, 8)).sum().backward()
    before = [p.grad.clone() for p in model.parameters()]
    assert deploy.peak_memory(model, 8, 2, training=True) == fresh, "gradients are made, not only added to"
    assert all(torch.equal(p.grad, old) for p, old in zip(model.parameters(), before, strict=True))
    assert model[0].training and not model[1].training


def test_the_meta_device_gives_the_same_bytes():
    from effnet_course.model import EfficientNet

    real = EfficientNet(NANO, 10)
    with torch.device("meta"):
        meta = EfficientNet(NANO, 10)
    for training in (False, True):
        assert deploy.peak_memory(real, 16, 2, training) == deploy.peak_memory(meta, 16, 2, training)


@pytest.mark.parametrize("net", (NANO, B0), ids=lambda net: net.name)
def test_memory_is_a_small_factor_above_what_is_computed(net):
    """Lesson 10: the counts know convolutions only; norm and activation write tensors of their own."""
    from effnet_course.model import EfficientNet

    with torch.device("meta"):
        model = EfficientNet(net)
    cost = network_cost(net)
    largest = 4 * max(row.inputs + row.activations for row in cost.layers)
    assert 1 <= deploy.peak_memory(model, net.resolution) / largest < 3
    assert 2 < deploy.peak_memory(model, net.resolution, 8, training=True) / (32 * cost.activations) < 5


def brute(costs, values):
    """The front by its definition."""
    rows = [(c if isinstance(c, tuple) else (c,), v) for c, v in zip(costs, values, strict=True)]

    def beats(a, b):
        no_worse = all(x <= y for x, y in zip(a[0], b[0], strict=True)) and a[1] >= b[1]
        return no_worse and (a[1] > b[1] or any(x < y for x, y in zip(a[0], b[0], strict=True)))

    return {i for i, b in enumerate(rows) if not any(beats(a, b) for a in rows)}


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("several", (False, True))
def test_the_front_is_what_nothing_dominates_by_rising_cost(seed, several):
    draw = random.Random(seed)
    costs = [(draw.randint(1, 5), draw.randint(1, 5)) if several else draw.randint(1, 8) for _ in range(12)]
    values = [draw.randint(1, 6) for _ in costs]
    found = pareto(costs, values)
    assert set(found) == brute(costs, values) and len(found) == len(set(found))
    assert [costs[i] for i in found] == sorted(costs[i] for i in found)


def test_equals_are_kept_and_what_is_unknown_is_left_out():
    assert pareto([1, 1, 2], [5, 5, 5]) == [0, 1]
    assert pareto([1, math.nan, 2], [5, 9, math.nan]) == [0]
    assert pareto([], []) == []
