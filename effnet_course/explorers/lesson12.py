"""A reward's exponent and target: which of the recorded networks earns the most, and what that buys."""

from collections.abc import Sequence
from typing import NamedTuple

from effnet_course import svg
from effnet_course.explorers.base import Explorer, Slider
from effnet_course.search import pareto

EXPONENTS = (-1.0, -0.5, -0.3, -0.2, -0.15, -0.1, -0.07, -0.05, -0.03, -0.01, 0.0, 0.07)
TARGETS = (1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 8.0)  # million MACs
BELOW = ("the same", "none (w = 0)")


class Row(NamedTuple):
    """A recorded network."""

    label: str
    macs: int
    top1: float  #: percent


class RewardState(NamedTuple):
    exponent: float
    target: float  #: million MACs
    below: str
    rows: tuple[Row, ...]
    front: list[int]  #: places of the networks that none beats by MACs and top-1
    best: int | None  #: place of the one with the highest reward
    reward: float
    over: int  #: how many networks are above the target
    chosen: list[tuple[float, int]]  #: for each exponent of the slider, the place of its winner


def reward(top1: float, macs: float, target: float, exponent: float, below: str) -> float:
    """Top-1 times (MACs / target)^exponent; at and under the target the exponent may be none, which is 0."""
    ratio = macs / 1e6 / target
    return top1 * (1.0 if ratio <= 1 and below != BELOW[0] else ratio**exponent)


def reward_state(exponent: float, target: float, below: str, rows: Sequence[Row], front: list[int]) -> RewardState:
    """The winner among the rows; of equals the one with fewer MACs. `front`: as `search.pareto` gives it."""

    def winner(w):
        return max(range(len(rows)), key=lambda i: (reward(rows[i].top1, rows[i].macs, target, w, below),
                                                    -rows[i].macs))  # fmt: skip

    over = sum(row.macs > 1e6 * target for row in rows)
    if not rows:
        return RewardState(exponent, target, below, (), [], None, 0.0, 0, [])
    best = winner(exponent)
    value = reward(rows[best].top1, rows[best].macs, target, exponent, below)
    chosen = [(w, winner(w)) for w in EXPONENTS]
    return RewardState(exponent, target, below, tuple(rows), front, best, value, over, chosen)


def reward_sentence(s: RewardState) -> str:
    rule = f"w = {s.exponent:g} above {s.target:g} million MACs, {'and' if s.below == BELOW[0] else 'none'} below"
    if s.best is None:
        return f"{rule}. No network is recorded, so nobody wins."
    row = s.rows[s.best]
    price = 100 * (2**-s.exponent - 1)
    if s.exponent < 0:
        said = f"Twice the MACs have to bring {price:.1f} % more top-1, in proportion"
        if s.below != BELOW[0]:
            said += ", above the target; below it they cost nothing"
    elif s.exponent == 0:
        said = "MACs cost nothing, so the highest top-1 wins"
    else:
        said = f"The sign is lost: twice the MACs earn as much as {-price:.1f} % of top-1"
    count = f"{len(s.rows)} network{'s' * (len(s.rows) != 1)}"
    return (
        f"{rule}: of {count} ({s.over} above the target) {row.label} wins, with {row.macs / 1e6:.2f} million MACs "
        f"and {row.top1:.1f} %, a reward of {s.reward:.2f}. {said}."
    )


def _dots(places, size: float, opacity: float) -> str:
    path = "".join(f"M{x:.1f},{y:.1f}h0" for x, y in places)
    return (f'<path d="{path}" stroke="currentColor" stroke-width="{size}" stroke-linecap="round" fill="none" '
            f'opacity="{opacity}"/>')  # fmt: skip


def reward_picture(s: RewardState) -> str:
    sentence = reward_sentence(s)
    if s.best is None:
        return svg.picture(680, 340, sentence, svg.text(340, 160, "No network is recorded.", anchor="middle"))
    left, right, bottom, top = 56, 420, 262, 42
    macs, values = [row.macs / 1e6 for row in s.rows], [row.top1 for row in s.rows]
    x = svg.Scale(min(*macs, s.target) / 1.1, 1.1 * max(*macs, s.target), left, right, log=True)
    y = svg.Scale(min(values) - 1, max(values) + 1, bottom, top)
    marks = [
        svg.text(left, 14, "Networks, and what earns the same as the winner", bold=True),
        svg.bottom_axis(x, bottom, "million MACs", top=top, ticks=4),
        svg.left_axis(y, left, "top-1, %", right=right, ticks=5, room=38),
        svg.line([(x(s.target), bottom), (x(s.target), top)], dash="5 4", opacity=0.7),
        svg.text(x(s.target), top - 5, "T", anchor="middle", bold=True),
        _dots([(x(a), y(b)) for a, b in zip(macs, values, strict=True)], 4, 0.45),
        svg.line([(x(macs[i]), y(values[i])) for i in s.front], svg.BLUE, 1.5),
        _dots([(x(macs[i]), y(values[i])) for i in s.front], 6, 1),
        _equal_reward(s, x, y),
    ]
    row = s.rows[s.best]
    at = x(row.macs / 1e6), y(row.top1)
    marks += [svg.point(*at, svg.VERMILLION, "circle", 8, hollow=True), *_winners(s)]
    marks += [
        svg.text(left, 312, ("━ ", svg.BLUE), "front   ", ("◯ ", svg.VERMILLION), "winner   ", ("╌ ", svg.VERMILLION),
                 "top-1 at which every cost earns the winner's reward", size=11),
        svg.text(left, 331, f"{row.label} wins: {row.macs / 1e6:.2f} million MACs, {row.top1:.1f} %", bold=True),
    ]  # fmt: skip
    return svg.picture(680, 340, sentence, *marks, title="What a reward's exponent chooses")


def _equal_reward(s: RewardState, x: svg.Scale, y: svg.Scale) -> str:
    """The curve on which every network would earn as much as the winner, as far as it lies in the picture."""
    costs = [x.low * (x.high / x.low) ** (step / 80) for step in range(81)]
    curve = [(cost, s.reward / reward(1.0, 1e6 * cost, s.target, s.exponent, s.below)) for cost in costs]
    places = [(x(cost), y(top1)) for cost, top1 in curve if y.low <= top1 <= y.high]
    return svg.line(places, svg.VERMILLION, 2, dash="6 4")


def _winners(s: RewardState) -> list[str]:
    """MACs of the winner for each exponent of the slider."""
    left, right, bottom, top = 496, 664, 262, 42
    most = max(row.macs for row in s.rows) / 1e6
    y = svg.Scale(0, 1.1 * most, bottom, top)
    gap = (right - left) / len(EXPONENTS)
    marks = [svg.text(left - 36, 14, "MACs of each exponent's winner", bold=True),
             svg.left_axis(y, left, "million MACs", right=right, ticks=4, room=32)]  # fmt: skip
    for place, (w, i) in enumerate(s.chosen):
        middle, macs = left + (place + 0.5) * gap, s.rows[i].macs / 1e6
        here = w == s.exponent
        marks.append(svg.bar(middle - 5, y(macs), 10, bottom - y(macs), svg.VERMILLION if here else svg.BLUE,
                             1 if here else 0.6))  # fmt: skip
        marks.append(svg.text(middle + 4, bottom + 6, f"{w:g}", anchor="end", size=10, bold=here, turned=True))
    marks.append(svg.text((left + right) / 2, bottom + 46, "exponent w", anchor="middle"))
    return marks


def reward_explorer(rows: Sequence[tuple]) -> Explorer:
    """The explorer over these networks: tuples as `Row` has them."""
    networks = tuple(Row(*row) for row in rows)
    front = pareto([row.macs for row in networks], [row.top1 for row in networks])
    return Explorer(
        (
            Slider("exponent", "Exponent w above T", EXPONENTS, -0.07, "{:g}"),
            Slider("target", "Target T", TARGETS, 3.0, "{:g} million MACs"),
            Slider("below", "Exponent at or below T", BELOW, BELOW[0]),
        ),
        lambda exponent, target, below: reward_state(exponent, target, below, networks, front),
        reward_picture,
        reward_sentence,
    )


def reward_exponent(rows: Sequence[tuple], **start):
    """Lesson 12: which network a reward chooses, by its exponent and its target. Returns the widget.

    rows: (label, macs, top-1 in percent) for each network.
    """
    return reward_explorer(rows).view(**start)
