"""A few marks on axes, as SVG text. Standard library only.

Every function returns a piece of SVG; `picture` puts the pieces together. Positions are pixels from the top
left corner; a `Scale` turns a number into a pixel. Words and axes take the colour of the page around them, so
a picture reads in a light and in a dark theme.

    x, y = Scale(0, 10, 60, 300), Scale(1, 1000, 200, 20, log=True)
    picture(320, 240, "A line from 1 to 1000.", bottom_axis(x, 200, "seconds", top=20),
            left_axis(y, 60, "MACs"), line([(x(0), y(1)), (x(10), y(1000))], BLUE))
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

# Okabe and Ito, "Color Universal Design", 2008: told apart by colour-blind readers. These four have a
# contrast of at least 3 to 1 on white and on a dark page. Give marks a label, a shape or a dash as well.
BLUE, VERMILLION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: float) -> str:
    """A number for an axis: 0.25, 40, 5000, then 10⁴ and 2·10⁶."""
    if value == 0 or 0.01 <= abs(value) < 10_000:
        return f"{value:g}"
    mantissa, exponent = f"{value:.2e}".split("e")
    power = "10" + str(int(exponent)).translate(_SUPERSCRIPT)
    return power if float(mantissa) == 1 else f"{float(mantissa):g}·{power}"


def amount(value: float) -> str:
    """A count in words: exact below a million (73,728), else three digits (231 million, 4.83 billion)."""
    for size, word in ((1e12, "trillion"), (1e9, "billion"), (1e6, "million")):
        if value >= size * 0.9995:
            return f"{_three_digits(value / size)} {word}"
    return f"{value:,.0f}"


def duration(seconds: float) -> str:
    """A time with three digits and its unit: 2.31 ms, 40.1 µs, 12 s."""
    for size, unit in ((1, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if seconds >= size * 0.9995:
            return f"{_three_digits(seconds / size)} {unit}"
    return f"{_three_digits(seconds * 1e9)} ns"


def _three_digits(value: float) -> str:
    return f"{float(f'{value:.3g}'):,.10g}"


@dataclass(frozen=True)
class Scale:
    """Maps the numbers low to high onto the pixels start to end. A number outside goes to the nearer end."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        value = min(max(value, self.low), self.high)
        if self.log:
            share = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    def ticks(self, count: int = 6) -> list[float]:
        """About `count` round numbers; on a log scale powers of ten, and 2 and 5 where those are few."""
        if self.log:
            first, last = math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9)
            if last - first >= 3:
                return [
                    10.0**power for power in range(first, last + 1, math.ceil((last - first + 1) / count))
                ]
            powers = range(first - 1, last + 2)
            marks = [digit * 10.0**power for power in powers for digit in (1, 2, 5)]
            return [mark for mark in marks if self.low <= mark <= self.high]
        rough = (self.high - self.low) / count
        unit = 10 ** math.floor(math.log10(rough))
        step = next(unit * digit for digit in (1, 2, 5, 10) if unit * digit >= rough * 0.999)
        return [
            step * i
            for i in range(math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9) + 1)
        ]


def text(
    x: float,
    y: float,
    *words: str | tuple[str, str],
    anchor: str = "start",
    size: int = 12,
    bold: bool = False,
    turned: bool = False,
) -> str:
    """Words; a pair (words, colour) has a colour. Anchor: start, middle, end. `turned` reads upwards."""
    spans = "".join(
        escape(w) if isinstance(w, str) else f'<tspan fill="{w[1]}">{escape(w[0])}</tspan>' for w in words
    )
    style = ' font-weight="bold"' if bold else ""
    if turned:
        style += f' transform="rotate(-90 {x:.1f} {y:.1f})"'
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}"{style}>{spans}</text>'


def line(
    points: Iterable[tuple[float, float]],
    colour: str = "currentColor",
    width: float = 1,
    dash: str = "",
    opacity: float = 1,
) -> str:
    """Straight lines from point to point. Dash: lengths in pixels on and off, such as "4 3"."""
    along = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    style = f'stroke="{colour}" stroke-width="{width}" opacity="{opacity}"'
    if dash:
        style += f' stroke-dasharray="{dash}"'
    return f'<polyline points="{along}" fill="none" {style}/>'


def bar(x: float, y: float, width: float, height: float, colour: str, opacity: float = 1) -> str:
    """A filled rectangle, at least one pixel wide so that a very short bar is still seen."""
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 1):.1f}" height="{height:.1f}" fill="{colour}" '
        f'opacity="{opacity}"/>'
    )


_SHAPES = {
    "circle": "M{r},0A{r},{r} 0 1 0 -{r},0A{r},{r} 0 1 0 {r},0Z",
    "square": "M-{r},-{r}H{r}V{r}H-{r}Z",
    "triangle": "M0,-{r}L{r},{r}H-{r}Z",
    "diamond": "M0,-{r}L{r},0L0,{r}L-{r},0Z",
}


def point(
    x: float, y: float, colour: str, shape: str = "circle", size: float = 5, hollow: bool = False
) -> str:
    """A mark. Shape: circle, square, triangle, diamond. Size: pixels from its middle to its edge."""
    path = _SHAPES[shape].format(r=size)
    style = f'fill="{"none" if hollow else colour}" stroke="{colour}" stroke-width="2"'
    return f'<path transform="translate({x:.1f} {y:.1f})" d="{path}" {style}/>'


def bottom_axis(scale: Scale, y: float, label: str, top: float | None = None, ticks: int = 6) -> str:
    """A horizontal axis at height y, with faint lines up to `top` where that is given."""
    marks = [line([(scale.start, y), (scale.end, y)])]
    for value in scale.ticks(ticks):
        at = scale(value)
        marks += [line([(at, y), (at, y + 4)]), text(at, y + 16, number(value), anchor="middle", size=11)]
        if top is not None:
            marks.append(line([(at, y), (at, top)], opacity=0.15))
    return "".join(marks) + text((scale.start + scale.end) / 2, y + 32, label, anchor="middle")


def left_axis(
    scale: Scale, x: float, label: str, right: float | None = None, ticks: int = 6, room: float = 38
) -> str:
    """A vertical axis at x, with faint lines to `right`; its label stands `room` pixels to its left."""
    marks = [line([(x, scale.start), (x, scale.end)])]
    for value in scale.ticks(ticks):
        at = scale(value)
        marks += [line([(x - 4, at), (x, at)]), text(x - 7, at + 4, number(value), anchor="end", size=11)]
        if right is not None:
            marks.append(line([(x, at), (right, at)], opacity=0.15))
    return "".join(marks) + text(x - room, (scale.start + scale.end) / 2, label, anchor="middle", turned=True)


def legend(x: float, y: float, rows: Iterable[tuple[str, str, str]]) -> str:
    """Rows of (shape, colour, words), one under the other from y downwards."""
    return "".join(
        point(x + 5, y + 17 * i - 4, colour, shape, 4) + text(x + 15, y + 17 * i, words, size=11)
        for i, (shape, colour, words) in enumerate(rows)
    )


def picture(width: int, height: int, sentence: str, *marks: str, title: str = "") -> str:
    """The whole picture. The sentence says in words what it shows: it is what a screen reader reads."""
    reading = f'class="explorer" role="img" aria-label="{escape(sentence)}"'
    size = (
        f'viewBox="0 0 {width} {height}" width="{width}" height="{height}" style="max-width:100%;height:auto"'
    )
    look = 'fill="currentColor" font-family="system-ui, sans-serif"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {reading} {size} {look}>'
        f"<title>{escape(title or sentence)}</title>{''.join(marks)}</svg>"
    )
