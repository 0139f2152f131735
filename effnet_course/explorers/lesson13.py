"""Fast scaling: how a growth in MACs is shared out, and what that does to the activations."""

from functools import cache
from math import log
from typing import NamedTuple

from effnet_course import cost, svg
from effnet_course.arch import B0, NANO, RESNET, V2_S, Architecture, compound_multipliers
from effnet_course.explorers.base import Explorer, Slider

BASES = {"B0": B0, "ResNet-like": RESNET, "V2-S": V2_S, "NANO": NANO}
STEP = log(1.2 * 1.1**2 * 1.15**2)  #: of the MACs, for one phi
KINDS = (("macs", "MACs"), ("params", "parameters"), ("activations", "activations"))


class Grown(NamedTuple):
    """A network and its costs in units of the base's."""

    net: Architecture
    macs: float
    params: float
    activations: float


class FastState(NamedTuple):
    base: str
    growth: float  #: of the MACs, as asked for
    share: float  #: fast-scaling share: how much of the growth goes to width
    multipliers: tuple[float, float, float]  #: d, w, r
    own: Grown
    rule: dict[str, float]  #: what d w^2 r^2, d w^2 and d w r^2 make of the multipliers
    others: dict[str, Grown]  #: all of the growth to one dimension, and the paper's mixture


def fast_multipliers(growth: float, share: float) -> tuple[float, float, float]:
    """(d, w, r) for so many times the MACs: `share` of the growth to width, the rest halved between depth and pixels.

    Dollar, Singh, Girshick, "Fast and Accurate Model Scaling", 2021.
    """
    return growth ** ((1 - share) / 2), growth ** (share / 2), growth ** ((1 - share) / 4)


def _classes(base: str) -> int:
    return 10 if base == "NANO" else 1000


@cache
def _grown(base: str, multipliers: tuple[float, float, float]) -> Grown:
    before = cost.network_cost(BASES[base], _classes(base))
    net = BASES[base].scaled(*multipliers)
    now = cost.network_cost(net, _classes(base))
    return Grown(net, *(getattr(now, key) / getattr(before, key) for key, _ in KINDS))


def fast_state(base: str, growth: float, share: float) -> FastState:
    """The base scaled by a fast-scaling share, counted as it is built, beside four other ways to grow as much."""
    d, w, r = fast_multipliers(growth, share)
    ways = {"depth": (growth, 1.0, 1.0), "width": (1.0, growth**0.5, 1.0), "resolution": (1.0, 1.0, growth**0.5),
            "compound": compound_multipliers(log(growth) / STEP)}  # fmt: skip
    rule = {"macs": d * w**2 * r**2, "params": d * w**2, "activations": d * w * r**2}
    others = {name: _grown(base, way) for name, way in ways.items()}
    return FastState(base, growth, share, (d, w, r), _grown(base, (d, w, r)), rule, others)


def fast_sentence(s: FastState) -> str:
    d, w, r = s.multipliers
    net = s.own.net
    counted = ", ".join(f"{words} {getattr(s.own, key):.2f} (rule {s.rule[key]:.2f})" for key, words in KINDS)
    others = ", ".join(f"{name} {g.activations:.2f} for {g.macs:.2f} times the MACs" for name, g in s.others.items())
    return (
        f"{s.base}, {s.growth:g} times the MACs, fast-scaling share {s.share:g}: d {d:.2f}, w {w:.2f}, r {r:.2f}, "
        f"that is {sum(net.repeats)} blocks, {net.head_channels:,} channels at the end, {net.resolution} px. "
        f"Counted, times the base: {counted}. "
        f"The rule says activations go with the MACs to the power of {1 - s.share / 2:.2f}. "
        f"Activations of other ways: {others}."
    )


LOOKS = {"depth": ("square", svg.BLUE), "width": ("triangle", svg.GREEN), "resolution": ("diamond", svg.PURPLE),
         "compound": ("circle", "currentColor")}  # fmt: skip


def fast_picture(s: FastState) -> str:
    x, y = svg.Scale(0.8, 20, 58, 400, log=True), svg.Scale(0.8, 20, 262, 34, log=True)
    marks = []
    for exponent, colour in ((1.0, svg.BLUE), (0.5, svg.GREEN), (1 - s.share / 2, svg.VERMILLION)):
        marks.append(svg.line([(x(1), y(1)), (x(16), y(16**exponent))], colour, 1.5, dash="5 4"))
    for name, grown in s.others.items():
        shape, colour = LOOKS[name]
        marks.append(svg.point(x(grown.macs), y(grown.activations), colour, shape, 5, hollow=True))
    marks.append(svg.point(x(s.own.macs), y(s.own.activations), svg.VERMILLION, "circle", 7))
    legend = [(shape, colour, f"all to {name}" if name != "compound" else "the paper's mixture")
              for name, (shape, colour) in LOOKS.items()]  # fmt: skip
    return svg.picture(
        680, 310, fast_sentence(s),
        svg.text(58, 16, "Counted activations against counted MACs; dashed: the rule", size=11),
        svg.bottom_axis(x, 262, f"MACs, times {s.base}'s", top=34),
        svg.left_axis(y, 58, "activations, times", right=400),
        *marks, svg.legend(70, 50, legend), svg.legend(70, 118, [("circle", svg.VERMILLION, "your share (filled)")]),
        _panel(s), title="Fast scaling: where the growth goes and what is written",
    )  # fmt: skip


def _panel(s: FastState) -> str:
    left, right = 430, 672
    d, w, r = s.multipliers
    bar = svg.Scale(0, 1, left, right)
    parts, start = [svg.text(left, 16, f"{s.growth:g} times the MACs, spent on", size=12, bold=True)], 0.0
    shares = ((1 - s.share) / 2, svg.BLUE, "d"), (s.share, svg.GREEN, "w"), ((1 - s.share) / 2, svg.PURPLE, "r")
    for share, colour, word in shares:
        if share > 0.001:
            parts.append(svg.bar(bar(start), 26, bar(start + share) - bar(start) - 1, 12, colour, 0.85))
            if share >= 0.15:
                middle = bar(start + share / 2)
                parts.append(svg.text(middle, 52, f"{word} {100 * share:.0f} %", anchor="middle", size=11))
            start += share
    net = s.own.net
    rows = [f"d {d:.2f}: {sum(net.repeats)} blocks", f"w {w:.2f}: {net.head_channels:,} channels at the end",
            f"r {r:.2f}: {net.resolution} px"]  # fmt: skip
    parts += [svg.text(left, 80 + 17 * i, row, size=12) for i, row in enumerate(rows)]
    for at, words in ((0, "times the base"), (110, "counted"), (180, "rule")):
        parts.append(svg.text(left + at, 148, words, size=11, bold=True))
    for i, (key, words) in enumerate(KINDS):
        for at, said in ((0, words), (110, f"{getattr(s.own, key):.2f}"), (180, f"{s.rule[key]:.2f}")):
            parts.append(svg.text(left + at, 166 + 17 * i, said, size=12))
    parts.append(svg.text(left, 232, f"activations ~ MACs to the {1 - s.share / 2:.2f}", size=12, bold=True))
    for y, words, name in ((249, "with pixels alone", "resolution"), (264, "with the paper's mixture", "compound")):
        parts.append(svg.text(left, y, f"{words}: {s.others[name].activations:.1f} times", size=11))
    return "".join(parts)


FAST = Explorer(
    (
        Slider("base", "base", tuple(BASES), "B0"),
        Slider("growth", "times the MACs", (1, 1.5, 2, 3, 4, 6, 8, 12, 16), 4, "{:g}"),
        Slider("share", "fast-scaling share", tuple(n / 20 for n in range(21)), 0.8, "{:g}"),
    ),
    fast_state,
    fast_picture,
    fast_sentence,
)


def fast_scaling(**start):
    """Lesson 13: a growth in MACs shared out by the fast-scaling share, on four bases. Returns the widget."""
    return FAST.view(**start)
