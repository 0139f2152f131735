"""The gates of a trained network: two classes side by side, block by block."""

from typing import NamedTuple

from effnet_course import svg
from effnet_course.explorers.base import Explorer, Slider


class GatesState(NamedTuple):
    block: int  #: from 1
    blocks: int
    one: str
    other: str
    order: list[int]  #: channels, from the one whose gate is widest open for `one`
    first: list[float]  #: mean gates for `one`, in this order
    second: list[float]  #: for `other`
    spread: list[float]  #: standard deviation of a gate from image to image of a class, in this order
    apart: float  #: mean distance between the two classes' gates
    most: int  #: the channel where they differ most


def gates_state(block: int, one: str, other: str, classes: list, rows: list) -> GatesState:
    """Two classes' mean gates in one block. A row for each block: "means" [class][channel] and "spread" [channel]."""
    row = rows[block - 1]
    first, second = row["means"][classes.index(one)], row["means"][classes.index(other)]
    order = sorted(range(len(first)), key=lambda channel: -first[channel])
    distance = [abs(a - b) for a, b in zip(first, second, strict=True)]
    return GatesState(
        block, len(rows), one, other, order, [first[c] for c in order], [second[c] for c in order],
        [row["spread"][c] for c in order], sum(distance) / len(distance), distance.index(max(distance)),
    )  # fmt: skip


def gates_sentence(s: GatesState) -> str:
    count = len(s.order)
    where = f"Block {s.block} of {s.blocks}, {count} channels, {s.one} against {s.other}."
    moving = f"From image to image of one class, a gate moves by {sum(s.spread) / count:.3f} (standard deviation)."
    if s.one == s.other:
        return f"{where} The same class twice: no difference. {moving}"
    at = s.order.index(s.most)
    return (
        f"{where} Their mean gates are {s.apart:.3f} apart on average, and most in channel {s.most}: "
        f"{s.first[at]:.3f} against {s.second[at]:.3f}. {moving}"
    )


def gates_picture(s: GatesState) -> str:
    count = len(s.order)
    x = svg.Scale(0, count, 60, 670)
    y = svg.Scale(0, 1, 135, 25)
    z = svg.Scale(-0.12, 0.12, 268, 172)

    def steps(values, scale):
        return [(x(i + side), scale(value)) for i, value in enumerate(values) for side in (0, 1)]

    def middles(values, scale):
        return [(x(i + 0.5), scale(value)) for i, value in enumerate(values)]

    differences = [a - b for a, b in zip(s.first, s.second, strict=True)]
    marks = [
        svg.text(60, 14, f"Mean gates in block {s.block}, channels sorted by ", ("━ ", svg.BLUE), f"{s.one}, ",
                 ("● ", svg.VERMILLION), s.other, bold=True),
        svg.left_axis(y, 60, "gate", right=670, ticks=4, room=40),
        svg.line([(60, y(0.5)), (670, y(0.5))], dash="2 4", opacity=0.7),
        svg.line(steps(s.first, y), svg.BLUE, 2),
        _dots(middles(s.second, y), 6 if count <= 60 else 3),
        svg.text(60, 163, f"{s.one} minus {s.other}, enlarged; ", ("┄ ", svg.GREEN),
                 "one standard deviation from image to image", size=11),
        svg.left_axis(z, 60, "difference", right=670, ticks=4, room=40),
        svg.line([(60, z(0)), (670, z(0))]),
        svg.line(steps(s.spread, z), svg.GREEN, 1.2, dash="3 2"),
        svg.line(steps([-value for value in s.spread], z), svg.GREEN, 1.2, dash="3 2"),
        _bars(middles(differences, z), z(0), max(0.8, 0.6 * (x(1) - x(0)))),
        svg.text(365, 286, f"{count} channels", anchor="middle", size=11),
    ]  # fmt: skip
    return svg.picture(680, 292, gates_sentence(s), *marks, title="Gates of two classes, channel by channel")


def _bars(ends, base: float, width: float) -> str:
    """Upright bars from `base`, as one path: a block has up to hundreds of them."""
    path = "".join(f"M{px:.1f},{base:.1f}V{py:.1f}" for px, py in ends)
    return f'<path d="{path}" stroke="{svg.PURPLE}" stroke-width="{width:.1f}" fill="none"/>'


def _dots(places, size: float) -> str:
    """Round dots, as one path."""
    path = "".join(f"M{px:.1f},{py:.1f}h0" for px, py in places)
    return f'<path d="{path}" stroke="{svg.VERMILLION}" stroke-width="{size}" stroke-linecap="round" fill="none"/>'


def gates_explorer(classes: list, rows: list, start: dict | None = None) -> Explorer:
    """The explorer for these classes and rows (see `gates_state`)."""
    at = {"block": 1, "one": classes[0], "other": classes[1]} | (start or {})
    return Explorer(
        (
            Slider("block", "Block", tuple(range(1, len(rows) + 1)), at["block"]),
            Slider("one", "Class", tuple(classes), at["one"]),
            Slider("other", "against", tuple(classes), at["other"]),
        ),
        lambda block, one, other: gates_state(block, one, other, classes, rows),
        gates_picture,
        gates_sentence,
    )


def gates(classes: list, rows: list, **start):
    """Lesson 03: the mean gates of two classes, block by block. Returns the widget.

    `rows` as in `explain.recorded_gates()["blocks"]`, `classes` their names. Values: where sliders start.
    """
    return gates_explorer(list(classes), rows, start).view()
