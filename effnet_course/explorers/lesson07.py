"""Candidates of a coefficient search on the triangle of shares, and how often noise lets the best of them win."""

import math
from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from effnet_course import svg
from effnet_course.explorers.base import Explorer, Slider

STEPS = {0.1: 10, 0.05: 20, 0.025: 40}  # step of the grid: how many steps make 1
TOLERANCES = {0.05: 5, 0.1: 10, 0.15: 15, 0.2: 20}  # in hundredths, so that every comparison is between whole numbers
LIMITS = (1.4, 1.3, 1.3)  # of alpha, beta, gamma
PAPER = (1.2, 1.1, 1.15)
SEEDS = (1, 2, 3, 5, 10, 20, 50, 100)
NOISES = (0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0)

Shares = tuple[float, float, float]


class Candidate(NamedTuple):
    triple: tuple[float, float, float]  #: alpha, beta, gamma
    shares: Shares  #: of the growth: depth, width, resolution


class SearchState(NamedTuple):
    step: float
    tolerance: float
    noise: float  #: standard deviation of one run's top-1 over seeds, points
    seeds: int
    candidates: tuple[Candidate, ...]
    chances: list[float]  #: of each candidate, to have the highest mean over its seeds; empty: no estimate
    best: int  #: place of the one that the estimate puts first; -1: no estimate
    loss: float  #: points that the winner is worse than the best, on average
    optimism: float  #: points that the winner's mean lies above its true value, on average
    rows: list[dict]  #: recorded networks
    estimates: list[float]  #: of the recorded networks, by the surface


def shares(depth: float, width: float, resolution: float) -> Shares:
    """How a network's growth, log(d w^2 r^2), is shared out over depth, width and resolution."""
    logs = math.log(depth), 2 * math.log(width), 2 * math.log(resolution)
    return tuple(part / sum(logs) for part in logs)


@cache
def candidates(step: float, tolerance: float) -> tuple[Candidate, ...]:
    """Triples on the grid whose product alpha beta^2 gamma^2 is within `tolerance` of 2."""
    one, allowed = STEPS[step], TOLERANCES[tolerance]
    a_values, b_values, c_values = (range(one, round(limit * one) + 1) for limit in LIMITS)
    return tuple(
        Candidate((a / one, b / one, c / one), shares(a / one, b / one, c / one))
        for a in a_values for b in b_values for c in c_values
        if 100 * abs(a * b**2 * c**2 - 2 * one**5) <= allowed * one**5
    )  # fmt: skip


def surface(coefficients: Sequence[float], at: Shares) -> float:
    """A quadratic over the triangle: a weight for each share, then for depth x width, depth x resolution, width x
    resolution."""
    d, w, r = at
    return sum(c * x for c, x in zip(coefficients, (d, w, r, d * w, d * r, w * r), strict=True))


def chances(means: Sequence[float], deviation: float) -> tuple[list[float], float]:
    """For independent normal measurements around `means`: each one's chance to be the highest, and the highest's mean.

    The integral over the highest measurement of its density, by the trapezoid rule at 40 places. Means within a
    fortieth of the deviation of one another are taken as one, so that a thousand candidates take a few milliseconds.
    """
    top, bins = max(means), Counter()
    places = [round(20 * (top - mean) / deviation) for mean in means]
    bins.update(places)
    won, highest = dict.fromkeys(bins, 0.0), 0.0
    for x in (step / 4 for step in range(-18, 22)):  # in deviations from `top`
        below, close = 1.0, []
        for place, count in bins.items():
            z = x + place / 20
            if z < 6:  # farther below, it never is the highest
                under = max(0.5 * math.erfc(-z / math.sqrt(2)), 1e-30)
                below *= under**count
                close.append((place, math.exp(-z * z / 2) / under))
        for place, ratio in close:
            won[place] += below * ratio
            highest += below * ratio * bins[place] * (top + x * deviation)
    total = sum(won[place] for place in places)
    return [won[place] / total for place in places], highest / total


def search_state(
    step: float, tolerance: float, noise: float, seeds: int, rows: list, coefficients: Sequence[float] | None
) -> SearchState:
    """The search at these settings. `rows` and `coefficients` as `coefficient_search` takes them."""
    found = candidates(step, tolerance)
    if not coefficients:
        return SearchState(step, tolerance, noise, seeds, found, [], -1, math.nan, math.nan, rows, [])
    means = [surface(coefficients, candidate.shares) for candidate in found]
    won, highest = chances(means, noise / math.sqrt(seeds))
    chosen = sum(w * mean for w, mean in zip(won, means, strict=True))
    estimates = [surface(coefficients, row["shares"]) for row in rows]
    return SearchState(
        step, tolerance, noise, seeds, found, won, means.index(max(means)), max(means) - chosen, highest - chosen, rows,
        estimates,
    )  # fmt: skip


def _words(triple) -> str:
    return ", ".join(f"{value:g}" for value in triple)


def search_sentence(s: SearchState) -> str:
    grid = (
        f"Steps of {s.step:g}, product within {s.tolerance:g} of 2: {len(s.candidates)} feasible triples, "
        f"1.2, 1.1, 1.15 is {'' if PAPER in {c.triple for c in s.candidates} else 'not '}among them."
    )
    if s.best < 0:
        return f"{grid} No run is recorded for this budget, so there is no estimate of which is best."
    best = s.candidates[s.best]
    return (
        f"{grid} By the estimate {_words(best.triple)} is best. Measured with {s.seeds} seed{'s' * (s.seeds > 1)} each "
        f"and a spread of {s.noise:g} points, it comes out first in {100 * s.chances[s.best]:.1f} % of searches. The "
        f"winner is {s.loss:.2f} points worse than the best on average, and its measured mean "
        f"{s.optimism:.2f} points better than it is."
    )


LEFT, TOP, SIDE = 52, 44, 268  # the triangle, in pixels


def _place(at: Shares) -> tuple[float, float]:
    d, w, r = at
    return LEFT + SIDE * (w + r / 2), TOP + SIDE * math.sqrt(3) / 2 * (1 - r)


def _dots(places, size: float, colour: str) -> str:
    path = "".join(f"M{x:.1f},{y:.1f}h0" for x, y in places)
    return f'<path d="{path}" stroke="{colour}" stroke-width="{size}" stroke-linecap="round" fill="none"/>'


def search_picture(s: SearchState) -> str:
    corners = [_place(at) for at in ((1, 0, 0), (0, 1, 0), (0, 0, 1))]
    marks = [
        svg.text(0, 14, "Each triple by its shares of the growth", bold=True),
        svg.line([*corners, corners[0]], opacity=0.5),
        svg.text(LEFT, corners[0][1] + 16, "depth alone", anchor="middle", size=11),
        svg.text(corners[1][0], corners[1][1] + 16, "width alone", anchor="middle", size=11),
        svg.text(corners[2][0], corners[2][1] - 16, "resolution alone", anchor="middle", size=11),
    ]
    spots = [_place(candidate.shares) for candidate in s.candidates]
    for spot, chance in zip(spots, s.chances, strict=False):
        if chance > 0.002:
            size = 34 * math.sqrt(chance)
            marks.append(
                f'<circle cx="{spot[0]:.1f}" cy="{spot[1]:.1f}" r="{size:.1f}" fill="{svg.PURPLE}" opacity="0.5"/>'
            )
    marks.append(_dots(spots, 3 if len(spots) > 200 else 5, "currentColor"))
    paper = _place(shares(*PAPER))
    marks.append(svg.point(*paper, svg.GREEN, "square", 7, hollow=True))
    if s.best >= 0:
        marks.append(svg.point(*spots[s.best], svg.VERMILLION, "triangle", 7, hollow=True))
    for row in s.rows:
        x, y = _place(row["shares"])
        marks += [
            svg.point(x, y, svg.GREEN if row["own"] else svg.BLUE, "diamond" if row["own"] else "circle", 4),
            svg.text(x - 7 if row["shares"][1] < 0.3 else x + 7, y - 6, row["name"], size=11, bold=True,
                     anchor="end" if row["shares"][1] < 0.3 else "start"),
        ]  # fmt: skip
    marks += _panel(s) + _below(s)
    title = "Candidates of a coefficient search, with the chance of each to win"
    return svg.picture(680, 396, search_sentence(s), *marks, title=title)


def _panel(s: SearchState) -> list[str]:
    """The recorded networks: mean, interval and what the surface says of each."""
    left, right, top = 494, 664, 40
    marks = [svg.text(360, 14, "Recorded networks, and the estimate", bold=True)]
    if not s.rows:
        return [*marks, svg.text(360, 40, "No run recorded here.", size=11)]
    values = [row[key] for row in s.rows for key in ("low", "high", "mean") if math.isfinite(row[key])] + s.estimates
    x = svg.Scale(min(values) - 0.2, max(values) + 0.2, left, right)
    bottom = top + 19 * len(s.rows)
    order = sorted(range(len(s.rows)), key=lambda i: -s.rows[i]["mean"])
    for line, i in enumerate(order):
        row, y = s.rows[i], top + 19 * line
        colour, shape = (svg.GREEN, "diamond") if row["own"] else (svg.BLUE, "circle")
        marks.append(svg.text(360, y + 4, f"{row['name']}  {row['label']}", size=11))
        if math.isfinite(row["low"]):
            marks.append(svg.line([(x(row["low"]), y), (x(row["high"]), y)], colour, 2))
        marks.append(svg.point(x(row["mean"]), y, colour, shape, 4))
        if s.estimates:
            marks.append(svg.point(x(s.estimates[i]), y, svg.PURPLE, "diamond", 5, hollow=True))
    marks.append(svg.bottom_axis(x, bottom, "top-1 on validation images, %", top=top - 8, ticks=4))
    return marks


def _below(s: SearchState) -> list[str]:
    y = 330
    rows = [[
        ("● ", svg.BLUE), "recorded, with its 95 % interval   ", ("◇ ", svg.PURPLE), "estimate   ", ("◆ ", svg.GREEN),
        "your run   ", ("□ ", svg.GREEN), "1.2, 1.1, 1.15   ", ("△ ", svg.VERMILLION), "best by the estimate",
    ], ["disc: its area is the chance to come out first"]]  # fmt: skip
    marks = [svg.text(0, y + 15 * i, *row, size=11) for i, row in enumerate(rows)]
    if s.best < 0:
        return [*marks, svg.text(0, y + 40, f"{len(s.candidates)} feasible triples. No estimate: no run is recorded.")]
    said = (
        f"{len(s.candidates)} feasible triples. Best by the estimate: {_words(s.candidates[s.best].triple)}. It comes "
        f"out first in {100 * s.chances[s.best]:.1f} % of searches."
    )
    more = f"On average the winner gives away {s.loss:.2f} points, and looks {s.optimism:.2f} points better than it is."
    return [*marks, svg.text(0, y + 40, said, bold=True), svg.text(0, y + 57, more)]


def search_explorer(rows: list, coefficients: Sequence[float] | None, noise: float | None = None) -> Explorer:
    """The explorer over these rows and this surface (see `coefficient_search`)."""
    own = round(noise, 2) if noise else 0.5
    return Explorer(
        (
            Slider("step", "Step of the grid", tuple(STEPS), 0.05),
            Slider("tolerance", "Product within", tuple(TOLERANCES), 0.1),
            Slider("noise", "Spread over seeds", tuple(sorted({*NOISES, own})), own, "{:g} points"),
            Slider("seeds", "Seeds each", SEEDS, 3),
        ),
        lambda step, tolerance, noise, seeds: search_state(step, tolerance, noise, seeds, rows, coefficients),
        search_picture,
        search_sentence,
    )


def coefficient_search(rows: list[dict], coefficients: Sequence[float] | None = None, noise: float | None = None):
    """Lesson 07: candidates on the triangle, and the chance that the best one wins. Returns the widget.

    rows: recorded networks, each with "name", "label", "shares", "mean", "low", "high" (95 % interval; nan where there
    is none) and "own" (whether it is the student's). coefficients: of `surface`, an estimate of top-1 over the
    triangle. noise: the recorded spread over seeds, where the slider starts.
    """
    return search_explorer(rows, coefficients, noise).view()
