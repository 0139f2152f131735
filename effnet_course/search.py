"""Which network to build, and which to pick. Standard library only.

`at_cost`: scaled networks of a given cost, in any mixture of depth, width and resolution. Used for the plans of the
atlas (docs/atlas.md) and in lesson 07. `pareto`: the networks that no other one beats. Lesson 10.
"""

import math
from collections.abc import Sequence

from effnet_course.arch import Architecture
from effnet_course.cost import network_cost


def at_cost(base: Architecture, macs: int, shares: tuple[float, float, float], num_classes: int = 10) -> Architecture:
    """The base scaled to about `macs`, with the growth shared out over depth, width and resolution.

    Shares (depth, width, resolution) are at least 0 and add up to 1: if MACs ~ d w^2 r^2 grow f-fold, then d = f^share,
    w^2 = f^share, r^2 = f^share. A dimension with share 0 is left alone. Blocks and pixels are whole, so of all
    networks within 1.5 % of `macs` this is the one with the shares nearest to those asked for.

    Raises LookupError where there is none.
    """
    if min(shares) < 0 or not math.isclose(sum(shares), 1):
        raise ValueError(f"Shares are at least 0 and add up to 1; {shares} add up to {sum(shares):g}.")
    growth = math.log(macs / network_cost(base, num_classes).macs)
    wanted = [share * growth for share in shares]
    blocks = sum(base.repeats)
    found = []
    for d in _multipliers(wanted[0], blocks, power=1):
        for r in _multipliers(wanted[2], base.resolution, power=2):
            for w in _widths(base.scaled(depth=d, resolution=r), macs, num_classes) if shares[1] else [1.0]:
                network = base.scaled(depth=d, width=w, resolution=r)
                off = math.log(network_cost(network, num_classes).macs / macs)
                logs = math.log(d), 2 * math.log(w), 2 * math.log(r)
                if abs(off) <= math.log(1.015):
                    found.append((math.dist(logs, wanted) + abs(off), network))
    if not found:
        raise LookupError(f"No network of shares {shares} comes within 1.5 % of {macs:,} MACs.")
    return min(found, key=lambda pair: pair[0])[1]


def _multipliers(wanted: float, whole: int, power: int, reach: float = 0.35) -> list[float]:
    """Multipliers m of a whole number whose power * log(m) lies within `reach` of what is wanted; 0: just 1."""
    if wanted == 0:
        return [1.0]
    low, high = (whole * math.exp((wanted + sign * reach) / power) for sign in (-1, 1))
    return [n / whole for n in range(max(whole + 1, math.ceil(low)), int(high) + 1)]


def _widths(network: Architecture, macs: int, num_classes: int) -> list[float]:
    """Width multipliers in hundredths, near the one that would give `macs` if MACs went with w^2."""
    near = round(100 * math.sqrt(macs / network_cost(network, num_classes).macs))
    return [w / 100 for w in range(max(101, int(0.8 * near)), int(1.2 * near))]


def pareto(costs: Sequence[float | tuple[float, ...]], values: Sequence[float]) -> list[int]:
    """The Pareto front: the places of all that nothing else dominates, by rising cost.

    One dominates another if it is at most as dear in every cost, at least as good, and better in one of these. Costs
    are numbers, or tuples of several costs each. Of equals all are kept. A nan, cost or value, is never on the front.

    >>> pareto([1, 2, 3, 3], [70, 75, 74, 78])
    [0, 1, 3]
    """
    costs = [cost if isinstance(cost, tuple) else (cost,) for cost in costs]
    rows = [(*cost, -value) for cost, value in zip(costs, values, strict=True)]
    rows = [None if any(x != x for x in row) else row for row in rows]

    def beaten(row):
        return any(other != row and all(a <= b for a, b in zip(other, row, strict=True)) for other in rows if other)

    return sorted((i for i, row in enumerate(rows) if row and not beaten(row)), key=lambda i: rows[i])
