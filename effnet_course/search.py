"""Which network to build, and which to pick. Standard library only.

`at_cost`: scaled networks of a given cost, in any mixture of depth, width and resolution. Used for the plans of the
atlas (docs/atlas.md) and in lesson 07. `pareto`: the networks that no other one beats. Lesson 10.

`random_search`, `evolve` and `reinforce` look for a good network in a space of decisions. Lesson 12 derives them. A
*choice* is a tuple with a value for each decision, a *space* is a collection of choices. `look` gives a choice's value;
higher is better, and each call counts as one training run. All three give what they looked at, in order.

    space = list(itertools.product((2, 4, 6), (3, 5)))
    history = evolve(space, lambda choice: top1[choice], looks=60, seed=0)
    best_so_far(value for _, value in history)
"""

import math
import random
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import accumulate

from effnet_course.arch import Architecture
from effnet_course.cost import network_cost

Choice = tuple  #: a value for each decision
Look = Callable[[Choice], float]
History = list[tuple[Choice, float]]


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


def options(space: Collection[Choice]) -> list[list]:
    """The values that each decision takes in a space, in rising order."""
    return [sorted(set(values)) for values in zip(*space, strict=True)]


def neighbours(choice: Choice, values: Sequence[Sequence]) -> list[Choice]:
    """The choices that differ from this one in exactly one decision. `values`: what each decision may be.

    >>> neighbours((2, 3), [(2, 4, 6), (3, 5)])
    [(4, 3), (6, 3), (2, 5)]
    """
    return [
        (*choice[:place], value, *choice[place + 1 :])
        for place, row in enumerate(values)
        for value in row
        if value != choice[place]
    ]


def best_so_far(values: Iterable[float]) -> list[float]:
    """The highest value up to each place.

    >>> best_so_far([3, 1, 4, 1, 5])
    [3, 3, 4, 4, 5]
    """
    return list(accumulate(values, max))


def random_search(space: Collection[Choice], look: Look, looks: int, seed: int) -> History:
    """Look at networks drawn by chance, none of them twice. Ends early when there are no more."""
    drawn = random.Random(seed).sample(sorted(space), min(looks, len(space)))
    return [(choice, look(choice)) for choice in drawn]


def _searchable(space: Collection[Choice]) -> None:
    if not space:
        raise ValueError("There is no network in this space. A space is a collection of choices, one at least.")


def evolve(
    space: Collection[Choice], look: Look, looks: int, seed: int, population: int = 16, sample: int = 4
) -> History:
    """Regularised evolution: the best of a few drawn has a child with one decision changed, and the *oldest* dies.

    Begins with `population` networks drawn by chance. A parent without a neighbour in the space has any network of it
    for a child. E. Real et al., "Regularized Evolution for Image Classifier Architecture Search", AAAI 2019.

    Raises ValueError for a space without a network, and a sample that is not between 1 and the population.
    """
    _searchable(space)
    if not 1 <= sample <= population:
        raise ValueError(f"A sample is drawn from the population: {sample} is not between 1 and {population}.")
    draw, values, every, space = random.Random(seed), options(space), sorted(space), set(space)
    alive = deque((choice, look(choice)) for choice in draw.sample(every, min(population, looks, len(every))))
    history = list(alive)  # both the oldest first
    while len(history) < looks:
        drawn = draw.sample(list(alive), min(sample, len(alive)))
        parent, _ = max(drawn, key=lambda one: one[1])
        near = [choice for choice in neighbours(parent, values) if choice in space]
        child = draw.choice(near or every)
        alive.append((child, look(child)))
        alive.popleft()
        history.append(alive[-1])
    return history


def probabilities(logits: Sequence[Sequence[float]]) -> list[list[float]]:
    """For each decision, the softmax of its logits: how likely each of its options is."""
    found = []
    for row in logits:
        weights = [math.exp(value - max(row)) for value in row]
        total = sum(weights)
        found.append([weight / total for weight in weights])
    return found


def score(logits: Sequence[Sequence[float]], picked: Sequence[int]) -> list[list[float]]:
    """The gradient of log p(picked) with respect to the logits: for each decision, 1 for what was picked, minus p.

    `picked`: for each decision, the place of the option that was drawn.
    """
    return [
        [(place == chosen) - p for place, p in enumerate(row)]
        for row, chosen in zip(probabilities(logits), picked, strict=True)
    ]


def reinforce(
    space: Collection[Choice], look: Look, looks: int, seed: int, rate: float = 0.1, memory: float = 0.9
) -> History:
    """REINFORCE with a small controller: for each decision a distribution over its options, all alike at first.

    After each look the logits move by rate x (value - baseline) x `score`. The baseline is a moving average of the
    values *before* this one, of which `memory` is kept at each look; the first value only starts it. What is drawn and
    not in the space is drawn again. R. J. Williams, Machine Learning 8, 1992.

    Raises ValueError for a space without a network.
    """
    _searchable(space)
    draw, values, space = random.Random(seed), options(space), set(space)
    logits = [[0.0] * len(row) for row in values]
    history: History = []
    baseline = None
    while len(history) < looks:
        picked = [draw.choices(range(len(row)), row)[0] for row in probabilities(logits)]
        choice = tuple(row[place] for row, place in zip(values, picked, strict=True))
        if choice not in space:
            continue
        value = look(choice)
        history.append((choice, value))
        if baseline is None:
            baseline = value
        for row, slope in zip(logits, score(logits, picked), strict=True):
            for place, part in enumerate(slope):
                row[place] += rate * (value - baseline) * part
        baseline = memory * baseline + (1 - memory) * value
    return history
