"""One layer's weights rounded to a few bits: what each channel loses, and what the network was recorded to reach."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from effnet_course import svg
from effnet_course.explorers.base import Explorer, Slider

SCHEMES = ("affine", "symmetric")
SCALES = ("per tensor", "per channel")


class BitsState(NamedTuple):
    bits: int
    scheme: str
    scales: str
    ranges: tuple[tuple[float, float], ...]  #: least and largest weight of each channel, widest range first
    levels: tuple[tuple[float, float], ...]  #: for each channel: the number that the lowest code means, and the step
    decibels: tuple[float, ...]  #: signal to noise of each channel, in the same order
    whole: float  #: of the layer
    empty: int  #: channels whose weights all become 0
    size: int  #: bytes: codes, scales, zero points
    before: int  #: bytes as float32
    top1: float | None  #: recorded: all layers of the network rounded in this way
    name: str


def step_of(low: float, high: float, bits: int, scheme: str) -> tuple[float, float]:
    """(what the lowest code means, step from one code to the next)."""
    low, high = min(low, 0.0), max(high, 0.0)
    if scheme == "symmetric":
        most = 2 ** (bits - 1) - 1
        step = max(-low, high) / most or 1.0
        return -most * step, step
    step = (high - low) / (2**bits - 1) or 1.0
    return -round(-low / step) * step, step


def ratio(signal: float, noise: float) -> float:
    """Decibels; 99 where nothing is lost at all."""
    if noise <= 0:
        return 99.0
    return max(-9.0, min(99.0, 10 * math.log10(signal / noise))) if signal > 0 else 0.0


def bits_state(bits: int, scheme: str, scales: str, rows: tuple = (), recorded: dict | None = None, name: str = ""):
    """The layer `rows` (a tuple of weights for each channel, widest range first) rounded in this way."""
    ranges = tuple((min(row), max(row)) for row in rows)
    whole = (min(low for low, _ in ranges), max(high for _, high in ranges)) if ranges else (0.0, 0.0)
    levels, found, empty = [], [], 0
    total_signal = total_noise = 0.0
    for row, own in zip(rows, ranges, strict=True):
        low, step = step_of(*(own if scales == "per channel" else whole), bits, scheme)
        rounded = [round(w / step) * step for w in row]
        signal = sum(w * w for w in row)
        noise = sum((w - r) ** 2 for w, r in zip(row, rounded, strict=True))
        total_signal, total_noise = total_signal + signal, total_noise + noise
        empty += not any(rounded)
        levels.append((low, step))
        found.append(ratio(signal, noise))
    count = sum(map(len, rows))
    ranges_kept = len(rows) if scales == "per channel" else min(1, len(rows))
    size = math.ceil(count * bits / 8) + ranges_kept * (4 if scheme == "symmetric" else 5)
    top1 = (recorded or {}).get((bits, scheme, scales))
    return BitsState(bits, scheme, scales, ranges, tuple(levels), tuple(found), ratio(total_signal, total_noise), empty,
                     size, 4 * count, top1, name)  # fmt: skip


def bits_sentence(s: BitsState) -> str:
    if not s.ranges:
        return "There are no weights to round."
    worst = min(s.decibels)
    gone = f"{s.empty} of {len(s.ranges)} channels become all 0; " if s.empty else ""
    known = "no top-1 recorded" if s.top1 is None else f"recorded top-1 with all layers so rounded {s.top1:.1f} %"
    return (
        f"{s.name}, {s.bits} bits, {s.scheme}, {s.scales}: signal to noise {s.whole:.1f} dB, the worst channel "
        f"{worst:.1f} dB; {gone}{s.size:,} bytes in place of {s.before:,}; {known}."
    )


def bits_picture(s: BitsState) -> str:
    sentence = bits_sentence(s)
    if not s.ranges:
        return svg.picture(680, 290, sentence, svg.text(340, 140, sentence, anchor="middle"))
    low, high = min(a for a, _ in s.ranges), max(b for _, b in s.ranges)
    room = 0.06 * (high - low) or 1.0
    y = svg.Scale(low - room, high + room, 232, 26)
    gap = 250 / len(s.ranges)
    marks = [svg.text(62, 14, "Each channel's weights and codes", bold=True),
             svg.left_axis(y, 62, "weight", ticks=5, room=44),
             svg.text(187, 262, "output channels, widest range first", anchor="middle")]  # fmt: skip
    dense = s.bits > 4
    ticks = []
    for number, ((a, b), (start, step)) in enumerate(zip(s.ranges, s.levels, strict=True)):
        x = 66 + (number + 0.5) * gap
        marks.append(svg.line([(x, y(a)), (x, y(b))], svg.BLUE, max(2.0, gap - 3)))
        if not dense:
            ticks += [f"M{x - gap / 2:.1f},{y(v):.1f}h{gap:.1f}" for n in range(2**s.bits)
                      if low - room <= (v := start + n * step) <= high + room]  # fmt: skip
    if dense:
        marks.append(svg.text(187, 246, "(more than 16 codes are not drawn)", anchor="middle", size=11))
    marks.append(f'<path d="{"".join(ticks)}" stroke="currentColor" stroke-width="1" fill="none"/>')
    best = svg.Scale(0, 60, 232, 26)
    marks += [svg.text(392, 14, "Signal to noise of each channel", bold=True),
              svg.left_axis(best, 392, "dB", right=660, ticks=6, room=30)]  # fmt: skip
    gap = 264 / len(s.ranges)
    for number, value in enumerate(s.decibels):
        x, top = 395 + number * gap, best(max(value, 0))
        marks.append(svg.bar(x, top, max(gap - 2, 1), 232 - top, svg.VERMILLION if value < 20 else svg.GREEN))
        if value < 20:
            marks.append(svg.line([(x, top - 3), (x + max(gap - 2, 1), top - 3)], width=2))
    marks += [
        svg.line([(392, best(s.whole)), (660, best(s.whole))], width=2, dash="6 3"),
        svg.text(660, best(s.whole) - 5, f"layer {s.whole:.1f} dB", anchor="end", size=11),
        svg.text(526, 250, "the same channels; capped: under 20 dB", anchor="middle", size=11),
        svg.text(62, 284, f"{s.size:,} bytes, float32 {s.before:,}", size=12),
        svg.text(392, 284, "top-1 not recorded" if s.top1 is None else f"network so rounded: {s.top1:.1f} %, recorded"),
    ]
    return svg.picture(680, 292, sentence, *marks, title="A layer's weights in a few bits")


def quantisation_explorer(rows: Sequence[Sequence[float]], recorded: Sequence[tuple] = (), name: str = "The layer"):
    """The explorer over one layer: see `quantisation`."""
    layer = tuple(sorted((tuple(map(float, row)) for row in rows), key=lambda row: min(row) - max(row)))
    known = {(bits, scheme, scales): top1 for bits, scheme, scales, top1 in recorded}
    return Explorer(
        (
            Slider("bits", "Bits", tuple(range(2, 9)), 8),
            Slider("scheme", "Scheme", SCHEMES, "symmetric"),
            Slider("scales", "Scales", SCALES, "per tensor"),
        ),
        lambda bits, scheme, scales: bits_state(bits, scheme, scales, layer, known, name),
        bits_picture,
        bits_sentence,
    )


def quantisation(rows: Sequence[Sequence[float]], recorded: Sequence[tuple] = (), name: str = "The layer", **start):
    """Lesson 11: one layer in 2 to 8 bits, affine or symmetric, one scale or one for each channel. Returns the widget.

    `rows`: the weights of each output channel. `recorded`: (bits, scheme, "per tensor" or "per channel", top-1) for
    networks all of whose layers were rounded in that way.
    """
    return quantisation_explorer(rows, recorded, name).view(**start)
