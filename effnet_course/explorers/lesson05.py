"""NANO scaled in depth, width and resolution: what it costs, what it sees, and what recorded runs near it reached."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from effnet_course import cost, svg
from effnet_course.arch import NANO
from effnet_course.explorers.base import Explorer, Slider

LOOKS = {
    "base": ("square", "currentColor"),
    "depth": ("circle", svg.BLUE),
    "width": ("triangle", svg.VERMILLION),
    "resolution": ("diamond", svg.GREEN),
    "compound": ("square", svg.PURPLE),
    "grid": ("circle", svg.PURPLE),
}


class Recorded(NamedTuple):
    """A network that was trained: mean top-1 over its seeds in percent, with its 95 % interval (nan: one seed)."""

    family: str
    depth: float
    width: float
    resolution: int
    macs: int
    mean: float
    low: float
    high: float
    seeds: int


class Plane(NamedTuple):
    """top-1 = level + depth log2 d + width log2 w^2 + resolution log2 r^2, by least squares over recorded networks."""

    weights: tuple[float, float, float, float]
    miss: float  #: typical distance of a recorded network from the plane, points
    fewest: int  #: MACs of the cheapest recorded network
    most: int


class DimensionState(NamedTuple):
    depth: float
    width: float
    resolution: int
    blocks: int
    params: int
    macs: int
    times: float  #: MACs, NANO's = 1
    power: float  #: d w^2 r^2
    field: int  #: side of the theoretical receptive field without gates, px
    recorded: tuple[Recorded, ...]
    exact: Recorded | None  #: the run of this very network
    nearest: Recorded | None
    estimate: tuple[float, float] | None  #: top-1 and typical miss, where nothing is recorded


def _logs(depth: float, width: float, resolution: float) -> tuple[float, float, float]:
    return math.log2(depth), 2 * math.log2(width), 2 * math.log2(resolution / NANO.resolution)


def plane(recorded: Sequence[Recorded]) -> Plane | None:
    """The plane through the recorded networks; None where they are fewer than six or don't vary in all dimensions."""
    if len(recorded) < 6:
        return None
    rows = [(1.0, *_logs(r.depth, r.width, r.resolution)) for r in recorded]
    table = [[sum(a[i] * a[j] for a in rows) for j in range(4)] for i in range(4)]
    for i in range(4):
        table[i].append(sum(a[i] * r.mean for a, r in zip(rows, recorded, strict=True)))
    for i in range(4):  # Gauss's elimination
        best = max(range(i, 4), key=lambda k: abs(table[k][i]))
        table[i], table[best] = table[best], table[i]
        if abs(table[i][i]) < 1e-9:
            return None
        for k in range(4):
            if k != i:
                share = table[k][i] / table[i][i]
                table[k] = [a - share * b for a, b in zip(table[k], table[i], strict=True)]
    weights = tuple(table[i][4] / table[i][i] for i in range(4))
    squares = [(r.mean - sum(a * w for a, w in zip(row, weights, strict=True))) ** 2
               for row, r in zip(rows, recorded, strict=True)]  # fmt: skip
    miss = math.sqrt(sum(squares) / (len(recorded) - 4))
    return Plane(weights, miss, min(r.macs for r in recorded), max(r.macs for r in recorded))


def field_side(net) -> int:
    """Side of the receptive field of the last map, gates left out."""
    side, step = 1 + 2, net.stem_stride
    for block in net.blocks():
        side, step = side + (block.kernel - 1) * step, step * block.stride
    return side


def dimension_state(depth: float, width: float, resolution: int, recorded: tuple = (), fitted: Plane | None = None):
    """NANO with these multipliers, in pixels for the resolution, beside the recorded networks."""
    net = NANO.scaled(depth=depth, width=width, resolution=resolution / NANO.resolution)
    counted, base = cost.network_cost(net, 10), cost.network_cost(NANO, 10)

    def distance(r):
        here, there = _logs(depth, width, resolution), _logs(r.depth, r.width, r.resolution)
        return math.dist(here, there)

    nearest = min(recorded, key=distance, default=None)
    exact = nearest if nearest and distance(nearest) < 0.01 else None
    estimate = None
    if fitted and not exact and fitted.fewest <= counted.macs <= fitted.most:
        numbers = (1.0, *_logs(depth, width, resolution))
        estimate = sum(a * b for a, b in zip(numbers, fitted.weights, strict=True)), fitted.miss
    return DimensionState(
        depth, width, resolution, sum(net.repeats), counted.params, counted.macs, counted.macs / base.macs,
        depth * width**2 * (resolution / NANO.resolution) ** 2, field_side(net), tuple(recorded), exact, nearest,
        estimate,
    )  # fmt: skip


def said(r: Recorded) -> str:
    seeds = f"{r.seeds} seeds" if r.seeds > 1 else "1 seed"
    bounds = "" if math.isnan(r.low) else f", {r.low:.1f} to {r.high:.1f}"
    return f"{r.mean:.1f} % ({seeds}{bounds})"


def result(s: DimensionState) -> str:
    """What is known of this network's top-1, in words."""
    if s.exact:
        return f"Recorded: {said(s.exact)}."
    if not s.nearest:
        return "No run recorded here, nor anywhere yet."
    n = s.nearest
    near = f"The nearest recorded: d {n.depth:.3g}, w {n.width:.3g}, {n.resolution} px, {said(n)}."
    if s.estimate:
        value, miss = s.estimate
        guess = f"Estimate: {value:.1f} % (plane through the runs; it misses them by {miss:.1f})."
        return f"No run recorded here. {guess} {near}"
    return f"No run recorded here, and no estimate: too few runs, or outside their MACs. {near}"


def dimension_sentence(s: DimensionState) -> str:
    covers = "covers the image" if s.field >= s.resolution else "does not cover the image"
    enlarged = " Above 32 px CIFAR-10's images are enlarged: no new detail." if s.resolution > 32 else ""
    return (
        f"d = {s.depth:.3g} ({s.blocks} blocks), w = {s.width:.3g}, {s.resolution} px: {s.macs:,} MACs, {s.times:.2f} "
        f"times NANO's (d w² r² says {s.power:.2f}); {s.params:,} parameters. Receptive field {s.field} px, "
        f"which {covers}."
        f"{enlarged} {result(s)}"
    )


def dimension_picture(s: DimensionState) -> str:
    levels = [v for r in s.recorded for v in (r.mean, r.low, r.high) if not math.isnan(v)]
    levels += [s.estimate[0]] if s.estimate else []
    low, high = (math.floor(min(levels) / 5) * 5, math.ceil(max(levels) / 5) * 5) if levels else (0, 100)
    x = svg.Scale(0.2, 40, 60, 440, log=True)
    y = svg.Scale(low, max(high, low + 5), 232, 26)
    base = cost.network_cost(NANO, 10).macs
    at = x(s.times)
    marks = [
        svg.text(60, 14, "Top-1 against MACs, recorded runs", bold=True),
        svg.bottom_axis(x, 232, "MACs, NANO = 1", top=26),
        svg.left_axis(y, 60, "validation top-1, %", right=440, ticks=5, room=36),
        svg.line([(at, 232), (at, 26)], width=2, dash="2 3"),
    ]
    for r in s.recorded:
        shape, colour = LOOKS.get(r.family, ("circle", "currentColor"))
        px = x(r.macs / base)
        if not math.isnan(r.low):
            marks.append(svg.line([(px, y(r.low)), (px, y(r.high))], colour, 1.5))
        marks.append(svg.point(px, y(r.mean), colour, shape, 4))
    if s.exact:
        marks.append(svg.point(at, y(s.exact.mean), "currentColor", "circle", 10, hollow=True))
    elif s.estimate:
        value = s.estimate[0]
        marks += [svg.line([(60, y(value)), (at, y(value))], dash="4 3", opacity=0.7),
                  svg.point(at, y(value), "currentColor", "diamond", 7, hollow=True),
                  svg.text(at + 11, y(value) + 16, "estimate", size=11)]  # fmt: skip
    if not s.recorded:
        marks.append(svg.text(250, 130, "no runs recorded yet", anchor="middle"))
    there = [family for family in LOOKS if any(r.family == family for r in s.recorded)]
    rows = [(*LOOKS[family], "mixture" if family == "grid" else family) for family in there]
    marks.append(svg.legend(352, 226 - 17 * (len(there) - 1), rows))
    scale = 150 / max(s.resolution, s.field)
    image, field, left, top = s.resolution * scale, s.field * scale, 585, 115
    marks += [
        svg.text(585, 14, "Image and field", bold=True, anchor="middle"),
        svg.bar(left - image / 2, top - image / 2, image, image, svg.BLUE, 0.3),
        svg.line([(left - field / 2, top - field / 2), (left + field / 2, top - field / 2),
                  (left + field / 2, top + field / 2), (left - field / 2, top + field / 2),
                  (left - field / 2, top - field / 2)], svg.VERMILLION, 2, dash="6 3"),
        svg.text(585, 212, ("■ ", svg.BLUE), f"image {s.resolution} px", anchor="middle", size=11),
        svg.text(585, 228, ("┅ ", svg.VERMILLION), f"receptive field {s.field} px", anchor="middle", size=11),
        svg.text(585, 252, f"{svg.amount(s.macs)} MACs", anchor="middle", size=11),
        svg.text(585, 268, f"{s.params:,} parameters", anchor="middle", size=11),
    ]  # fmt: skip
    return svg.picture(680, 278, dimension_sentence(s), *marks, title="NANO scaled in three dimensions")


def dimensions_explorer(rows: Sequence[tuple] = ()) -> Explorer:
    """The explorer over these recorded networks: tuples as `Recorded` has them."""
    recorded = tuple(Recorded(*row) for row in rows)
    fitted = plane(recorded)

    def steps(own, recorded_values):
        return tuple(sorted({round(v, 4) for v in own} | {round(v, 4) for v in recorded_values}))

    depths = steps([n / 8 for n in (4, 6, 8, 10, 12, 16, 24, 32, 48, 64)], [r.depth for r in recorded])
    widths = steps((0.5, 0.75, 1, 1.25, 1.5, 2, 2.5, 3), [r.width for r in recorded])
    pixels = tuple(sorted({8, 12, 16, 20, 24, 28, 32, 40, 48} | {r.resolution for r in recorded}))
    return Explorer(
        (
            Slider("depth", "Depth, d", depths, 1.0, "{:.3g}"),
            Slider("width", "Width, w", widths, 1, "{:.3g}"),
            Slider("resolution", "Resolution", pixels, 16, "{} px"),
        ),
        lambda depth, width, resolution: dimension_state(depth, width, resolution, recorded, fitted),
        dimension_picture,
        dimension_sentence,
    )


def dimensions(rows: Sequence[tuple] = (), **start):
    """Lesson 05: NANO scaled by d, w and r, beside recorded runs. Returns the widget.

    `rows`: (family, depth, width, resolution, macs, mean, low, high, seeds) for each recorded network.
    """
    return dimensions_explorer(rows).view(**start)
