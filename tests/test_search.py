"""A network can be built to a cost, with its growth shared out over depth, width and resolution as asked."""

import math

import pytest

from effnet_course.arch import NANO
from effnet_course.cost import network_cost
from effnet_course.search import at_cost

DOUBLE = 7_198_248  # 2.2 times NANO: what 1.2, 1.1, 1.15 costs
MIXTURES = [(1, 0, 0), (0, 1, 0), (0, 0, 1), (0.5, 0, 0.5), (0, 0.4, 0.6), (0.2, 0.6, 0.2), (0.3, 0.3, 0.4)]


def macs(net):
    return network_cost(net, 10).macs


def shares(net):
    logs = math.log(net.depth), 2 * math.log(net.width), 2 * math.log(net.resolution / NANO.resolution)
    return [part / sum(logs) for part in logs]


@pytest.mark.parametrize("wanted", MIXTURES)
@pytest.mark.parametrize("budget", [DOUBLE, 2 * DOUBLE])
def test_the_cost_is_met_to_within_one_and_a_half_percent(wanted, budget):
    try:
        net = at_cost(NANO, budget, wanted)
    except LookupError:
        assert max(wanted) == 1 and wanted[1] == 0  # whole blocks or whole pixels alone need not meet it
    else:
        assert macs(net) == pytest.approx(budget, rel=0.0151)


@pytest.mark.parametrize("wanted", MIXTURES)
def test_the_shares_come_out_near_those_asked_for(wanted):
    assert math.dist(shares(at_cost(NANO, DOUBLE, wanted)), wanted) < 0.15


@pytest.mark.parametrize("wanted", MIXTURES)
def test_a_dimension_without_a_share_is_left_alone(wanted):
    net = at_cost(NANO, DOUBLE, wanted)
    grown = net.depth > 1, net.width > 1, net.resolution > NANO.resolution
    assert grown == tuple(share > 0 for share in wanted)


def test_one_dimension_alone_is_that_of_the_plan():
    assert at_cost(NANO, 7_227_944, (1, 0, 0)).depth == 17 / 8
    assert at_cost(NANO, 7_209_200, (0, 1, 0)).width == pytest.approx(1.55, abs=0.011)
    assert at_cost(NANO, 7_178_568, (0, 0, 1)).resolution == 23


@pytest.mark.parametrize("wrong", [(0.5, 0.5, 0.5), (1.2, -0.2, 0), (0, 0, 0)])
def test_shares_that_are_none_are_refused(wrong):
    with pytest.raises(ValueError, match="add up to 1"):
        at_cost(NANO, DOUBLE, wrong)


def test_a_cost_that_whole_pixels_cannot_meet_is_refused():
    with pytest.raises(LookupError, match="within 1.5 %"):
        at_cost(NANO, 6_525_536, (0, 0, 1))
