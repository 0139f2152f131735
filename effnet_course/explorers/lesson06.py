"""Compound scaling: phi, alpha, beta and gamma against the real B0 to B7."""

import math
from functools import cache
from typing import NamedTuple

from effnet_course import cost, svg
from effnet_course.arch import B0, VARIANTS, Architecture, compound_multipliers
from effnet_course.explorers.base import Explorer, Slider

#: Top-1 on ImageNet in percent as published: Tan and Le, arXiv 1905.11946, version 5, Table 2.
PUBLISHED = {"b0": 77.1, "b1": 79.1, "b2": 80.1, "b3": 81.6, "b4": 82.9, "b5": 83.6, "b6": 84.0, "b7": 84.3}
#: The phi at which a published network is drawn: what its width and resolution come close to (lesson 06).
PHI = {"b0": 0.0, "b1": 0.5, "b2": 1.0, "b3": 2.0, "b4": 3.5, "b5": 5.0, "b6": 6.0, "b7": 7.0}
KINDS = (
    ("macs", "MACs", "circle", svg.VERMILLION),
    ("activations", "activations", "triangle", svg.GREEN),
    ("params", "parameters", "square", svg.BLUE),
)


class CompoundState(NamedTuple):
    phi: float
    alpha: float
    beta: float
    gamma: float
    step: float  #: alpha beta^2 gamma^2: what the rule says a step of phi does to the MACs
    shares: tuple[float, float, float]  #: of that growth, by depth, width, resolution (logarithms); 0s if none
    net: Architecture
    counts: dict[str, int]  #: params, macs, activations, as the network is built
    times: dict[str, float]  #: the same in units of B0
    rule: dict[str, float]  #: what the rule says they would be
    nearest: str  #: the published network whose multipliers are nearest
    off: float  #: the largest ratio between this network's multipliers and that one's; 1: the same


def _counts(net: Architecture) -> dict[str, int]:
    counted = cost.network_cost(net)
    return {key: getattr(counted, key) for key, *_ in KINDS}


@cache
def family() -> dict[str, dict[str, int]]:
    """What B0 to B7 cost."""
    return {name: _counts(VARIANTS[name]) for name in PUBLISHED}


def rule(d: float, w: float, r: float) -> dict[str, float]:
    """Times B0's cost: what each cost should grow by, without any rounding."""
    return {"macs": d * w**2 * r**2, "activations": d * w * r**2, "params": d * w**2}


def compound_state(phi: float, alpha: float = 1.2, beta: float = 1.1, gamma: float = 1.15) -> CompoundState:
    """B0 scaled by alpha^phi, beta^phi, gamma^phi, counted as it is built, beside the rule and the family."""
    multipliers = compound_multipliers(phi, alpha, beta, gamma)
    net = B0.scaled(*multipliers)
    counts, b0 = _counts(net), family()["b0"]
    step = alpha * beta**2 * gamma**2
    logs = [math.log(alpha), 2 * math.log(beta), 2 * math.log(gamma)]
    shares = tuple(log / math.log(step) if step > 1 else 0.0 for log in logs)

    def apart(name):
        v = VARIANTS[name]
        theirs = v.depth, v.width, v.resolution / B0.resolution
        return max(abs(math.log(a / b)) for a, b in zip(multipliers, theirs, strict=True))

    nearest = min(PUBLISHED, key=apart)
    return CompoundState(
        phi, alpha, beta, gamma, step, shares, net, counts, {key: counts[key] / b0[key] for key in counts},
        rule(*multipliers), nearest, math.exp(apart(nearest)),
    )  # fmt: skip


def constraint(s: CompoundState) -> str:
    """How far a step of phi is from doubling the MACs, in words."""
    if s.step == 1:
        return "nothing grows"
    if abs(s.step / 2 - 1) < 0.0005:
        return "2 to three digits"
    return f"{abs(100 * (s.step / 2 - 1)):.0f} % {'above' if s.step > 2 else 'below'} 2"


def neighbour(s: CompoundState) -> str:
    """The published network that is nearest, and how it differs."""
    v, name = VARIANTS[s.nearest], s.nearest.upper()
    if s.off < 1.0001:
        return f"This is {name} itself"
    if s.off > 1.3:
        return f"No published network is near; the nearest is {name}"
    return (
        f"Nearest: {name}, d {v.depth:g} ({s.net.depth:.2f} here), w {v.width:g} ({s.net.width:.2f}), "
        f"{v.resolution} px ({s.net.resolution})"
    )


def compound_sentence(s: CompoundState) -> str:
    costs = "; ".join(
        f"{svg.amount(s.counts[key])} {words}, {_times(s.times[key])} B0's (rule: {_times(s.rule[key])})"
        for key, words, *_ in KINDS
    )
    said = (
        f"{PUBLISHED[s.nearest]:.1f} % top-1 on ImageNet is what was published for {s.nearest.upper()}, "
        "trained by its authors' recipe"
    )
    own = "." if s.off < 1.0001 else "; for the network of these sliders there is no accuracy."
    return (
        f"phi {s.phi:g}, alpha {s.alpha:g}, beta {s.beta:g}, gamma {s.gamma:g}: alpha beta² gamma² = {s.step:.3f} "
        f"({constraint(s)}). d {s.net.depth:.2f}, w {s.net.width:.2f}, r {s.gamma**s.phi:.2f}: {sum(s.net.repeats)} "
        f"blocks, head {s.net.head_channels:,} channels, {s.net.resolution} px. {costs}. {neighbour(s)}. {said}{own}"
    )


def _plain(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _times(value: float) -> str:
    return f"{_plain(value)} times"


def compound_picture(s: CompoundState) -> str:
    most = max(*s.rule.values(), *s.times.values(), 1.0, s.step**7)
    x = svg.Scale(0, 7, 58, 415)
    y = svg.Scale(1, 200 if most <= 200 else 10 ** math.ceil(math.log10(most)), 232, 52, log=True)
    at = x(s.phi)
    b0, marks = family()["b0"], []
    for key, _, shape, colour in KINDS:
        growth = rule(s.alpha, s.beta, s.gamma)[key]
        marks.append(svg.line([(x(p), y(max(1, growth**p))) for p in (0, 7)], colour, 1.5, dash="5 4"))
        for name, counts in family().items():
            marks.append(svg.point(x(PHI[name]), y(counts[key] / b0[key]), colour, shape, 3.5, hollow=True))
        marks.append(svg.point(at, y(s.times[key]), colour, shape, 6))
    for name, top1 in PUBLISHED.items():
        bold = name == s.nearest
        marks.append(svg.text(x(PHI[name]), 30, name.upper(), anchor="middle", size=11, bold=bold))
        marks.append(svg.text(x(PHI[name]), 43, f"{top1:.1f}", anchor="middle", size=10, bold=bold))
    return svg.picture(
        680, 290, compound_sentence(s),
        svg.text(58, 13, "Hollow: B0 to B7, with their published ImageNet top-1, %", size=11),
        svg.bottom_axis(x, 232, "phi", ticks=8),
        svg.left_axis(y, 58, "times B0", right=415, room=44),
        svg.line([(at, 52), (at, 232)], opacity=0.5),
        *marks,
        svg.legend(58, 284, [("circle", svg.VERMILLION, "MACs")]),
        svg.legend(120, 284, [("triangle", svg.GREEN, "activations")]),
        svg.legend(210, 284, [("square", svg.BLUE, "parameters")]),
        svg.text(300, 284, "filled: these sliders, counted;  ┄ the rule", size=11),
        _panel(s), title="Compound scaling of B0, and the published family",
    )  # fmt: skip


def _panel(s: CompoundState) -> str:
    left, right = 440, 675
    x = svg.Scale(0, 1, left, right)
    parts, start = [], 0.0
    for share, colour, word in zip(s.shares, (svg.BLUE, svg.VERMILLION, svg.GREEN), "dwr", strict=True):
        if share > 0:
            parts.append(svg.bar(x(start), 36, x(start + share) - x(start), 11, colour, 0.85))
            parts.append(svg.text(x(start + share / 2), 60, f"{word} {100 * share:.0f} %", anchor="middle", size=11))
            start += share
    rows = [
        f"d {s.net.depth:.2f}: {sum(s.net.repeats)} blocks",
        f"w {s.net.width:.2f}: head of {s.net.head_channels:,} channels",
        f"r {s.gamma**s.phi:.2f}: {s.net.resolution} px",
    ]
    parts += [svg.text(left, 84 + 16 * i, row, size=11) for i, row in enumerate(rows)]
    for at, words in ((0, "times B0:"), (95, "counted"), (165, "by the rule")):
        parts.append(svg.text(left + at, 142, words, size=11, bold=True))
    for i, (key, words, _, colour) in enumerate(KINDS):
        mark = ("■ ", colour)
        parts.append(svg.text(left, 159 + 16 * i, mark, words, size=11))
        parts.append(svg.text(left + 95, 159 + 16 * i, _plain(s.times[key]), size=11))
        parts.append(svg.text(left + 165, 159 + 16 * i, _plain(s.rule[key]), size=11))
    for i, line in enumerate(_near(s)):
        parts.append(svg.text(left, 216 + 15 * i, line, size=11, bold=i == 0))
    head = svg.text(left, 13, f"alpha·beta²·gamma² = {s.step:.3f}", bold=True)
    split = "" if s.step == 1 else "; the MACs' growth goes to"
    return head + svg.text(left, 29, constraint(s) + split, size=11) + "".join(parts)


def _near(s: CompoundState) -> list[str]:
    """`neighbour`, in short lines."""
    v, name = VARIANTS[s.nearest], s.nearest.upper()
    if s.off < 1.0001:
        return [f"This is {name} itself"]
    lines = [f"Nearest published: {name}"] if s.off <= 1.3 else ["No published network is near"]
    if s.off > 1.3:
        lines.append(f"(the nearest is {name}:")
    close = ")" if s.off > 1.3 else ""
    return [*lines, f"d {v.depth:g}, w {v.width:g}, {v.resolution} px{close}"]


STEPS = tuple(round(1 + 0.05 * n, 2) for n in range(9))

COMPOUND = Explorer(
    (
        Slider("phi", "phi (your budget)", tuple(n / 4 for n in range(29)), 3.5, "{:g}"),
        Slider("alpha", "alpha (depth)", STEPS, 1.2, "{:g}"),
        Slider("beta", "beta (width)", STEPS[:7], 1.1, "{:g}"),
        Slider("gamma", "gamma (resolution)", STEPS[:7], 1.15, "{:g}"),
    ),
    compound_state,
    compound_picture,
    compound_sentence,
)


def compound(**start):
    """Lesson 06: B0 scaled by phi, alpha, beta and gamma, beside B0 to B7. Returns the widget."""
    return COMPOUND.view(**start)
