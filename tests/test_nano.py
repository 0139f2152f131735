"""NANO can be scaled along each axis to equal cost: what every scaling study of the course stands on."""

import pytest

from effnet_course.arch import NANO, compound_multipliers
from effnet_course.cost import network_cost

PIXELS = {2: 23, 4: 32, 8: 45}  # what resolution alone uses; pixels are whole, so it sets the budget


def macs(net):
    return network_cost(net, 10).macs


def family(budget: int) -> dict:
    """The network of each family that comes nearest to the MACs of resolution scaling at this budget."""
    sharper = NANO.scaled(resolution=PIXELS[budget] / NANO.resolution)
    base_blocks = sum(NANO.repeats)

    def nearest(candidates):
        return min(candidates, key=lambda net: abs(macs(net) - macs(sharper)))

    return {
        "resolution": sharper,
        "depth": nearest(NANO.scaled(depth=blocks / base_blocks) for blocks in range(base_blocks, 14 * base_blocks)),
        "width": nearest(NANO.scaled(width=1 + i / 100) for i in range(300)),
        "compound": nearest(NANO.scaled(*compound_multipliers(i / 100)) for i in range(50, 400)),
    }


def test_nano_is_what_the_design_asks_for():
    count = network_cost(NANO, 10)
    assert NANO.resolution == 16
    assert 140_000 < count.params < 160_000
    assert count.macs == pytest.approx(3.2e6, rel=0.05)


@pytest.mark.parametrize("budget", PIXELS)
def test_the_families_meet_at_equal_macs(budget):
    nets = family(budget)
    counts = {name: macs(net) for name, net in nets.items()}
    print(budget, {name: (n.repeats, round(n.width, 2), n.resolution, counts[name]) for name, n in nets.items()})
    assert max(counts.values()) / min(counts.values()) <= 1.03, counts
    assert counts["resolution"] / macs(NANO) == pytest.approx(budget, rel=0.11)


@pytest.mark.parametrize("budget", PIXELS)
def test_the_families_are_different_networks(budget):
    shapes = {
        name: (
            net.repeats,
            net.stem_channels,
            tuple(b.out_channels for b in net.blocks()),
            net.head_channels,
            net.resolution,
        )
        for name, net in family(budget).items()
    }
    assert len(set(shapes.values())) == 4
    deeper, wider, sharper, compound = (shapes[k] for k in ("depth", "width", "resolution", "compound"))
    assert deeper[1] == NANO.stem_channels and deeper[4] == 16
    assert wider[0] == NANO.repeats and wider[4] == 16
    assert sharper[:2] == (NANO.repeats, NANO.stem_channels)
    assert compound[0] > NANO.repeats and compound[1] > NANO.stem_channels and compound[4] > 16


def test_a_quarter_more_of_anything_is_another_network():
    steps = [{"depth": 1.25}, {"width": 1.25}, {"resolution": 1.25}]
    assert len({macs(NANO.scaled(**step)) for step in steps} | {macs(NANO)}) == 4
