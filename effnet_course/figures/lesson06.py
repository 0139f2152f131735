"""Figures of lesson 06: compound scaling."""

import math

import matplotlib.pyplot as plt
import numpy as np

from effnet_course import arch, cost
from effnet_course.figures.base import BLUE, GREEN, ORANGE, Picture

KINDS = (("macs", "MACs", ORANGE, "o"), ("activations", "activations", GREEN, "^"), ("params", "parameters", BLUE, "s"))


def roundings() -> Picture:
    """What rounding does: 16 channels against the width, and the family's blocks against its depth. Lesson 06."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 3.9))
    widths = np.arange(1.0, 2.301, 0.001)
    left.plot(widths, 16 * widths, color="0.6", linestyle=":", label="wanted: 16 w")
    left.plot(widths, [max(8, int(16 * w + 4) // 8 * 8) for w in widths], color="0.4", linestyle="--", linewidth=1,
              label="nearest multiple of 8")  # fmt: skip
    left.plot(widths, [arch.round_filters(16, w) for w in widths], color=BLUE, linewidth=2, label="with the 10 % rule")
    family = [arch.VARIANTS[f"b{n}"] for n in range(9)]
    for width in sorted({v.width for v in family}):
        names = [v.name.upper() for v in family if v.width == width]
        left.plot(width, arch.round_filters(16, width), "o", color=ORANGE, markersize=7)
        left.annotate("\n".join(names), (width, arch.round_filters(16, width)), xytext=(0, -7), va="top", ha="center",
                      textcoords="offset points", fontsize=8)  # fmt: skip
    left.set(xlabel="width multiplier w", ylabel="channels", title="The layer with 16 channels",
             yticks=[8, 16, 24, 32, 40], ylim=(9, 44))  # fmt: skip
    left.legend(frameon=False, fontsize=8, loc="upper left")
    depths = np.arange(1.0, 3.7, 0.002)
    base = [stage.repeats for stage in arch.B0.stages]
    right.plot(depths, sum(base) * depths, color="0.6", linestyle=":", label="wanted: 16 d")
    right.plot(depths, [sum(math.ceil(n * d - 1e-9) for n in base) for d in depths], color=BLUE, linewidth=1.5,
               label="each stage rounded up")  # fmt: skip
    for v in family:
        right.plot(v.depth, sum(v.repeats), "o", color=ORANGE, markersize=7)
        right.annotate(v.name.upper(), (v.depth, sum(v.repeats)), xytext=(-3, 5), ha="right", fontsize=8,
                       textcoords="offset points")  # fmt: skip
    right.set(xlabel="depth multiplier d", ylabel="blocks", title="The blocks of the whole network")
    right.legend(frameon=False, fontsize=8, loc="lower right")
    for axis in (left, right):
        axis.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    said = "; ".join(
        f"{v.name.upper()}: {arch.round_filters(16, v.width)} channels for {16 * v.width:.1f}, {sum(v.repeats)} blocks "
        f"for {16 * v.depth:.1f}"
        for v in family
    )
    return Picture(figure, f"What 16 channels and 16 blocks of B0 become, and what was wanted. {said}.")


def implied_phis(rows: list) -> Picture:
    """The phi that each dimension of a network implies: rows (name, of depth, of width, of resolution). Lesson 06."""
    figure, axis = plt.subplots(figsize=(8.5, 3.9))
    looks = (("depth", BLUE, "o"), ("width", ORANGE, "^"), ("resolution", GREEN, "D"))
    for number, (_, *phis) in enumerate(rows):
        axis.plot([number, number], [min(phis), max(phis)], color="0.8", linewidth=5, zorder=0,
                  label="from lowest to highest" if number == 1 else None)  # fmt: skip
        axis.plot([number - 0.3, number + 0.3], [number, number], color="0.3", linestyle=":")
        for shift, (label, colour, marker), phi in zip((-0.12, 0, 0.12), looks, phis, strict=True):
            axis.plot(number + shift, phi, marker, color=colour, markersize=7, label=label if number == 0 else None)
    axis.plot([], [], color="0.3", linestyle=":", label="phi = number of the model")
    names = [name.upper() for name, *_ in rows]
    axis.set(xticks=range(len(rows)), xticklabels=names, ylabel="implied phi", yticks=range(8))
    axis.grid(axis="y", color="0.9")
    axis.legend(frameon=False, fontsize=9)
    axis.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    said = "; ".join(f"{name.upper()}: depth {d:.2f}, width {w:.2f}, resolution {r:.2f}" for name, d, w, r in rows)
    return Picture(figure, f"The phi that each dimension of a published network implies. {said}.")


def growth(phis: dict) -> Picture:
    """Costs of the family in units of B0 against phi, and the rule. `phis`: name -> where it is drawn. Lesson 06."""
    figure, axis = plt.subplots(figsize=(8, 4.2))
    base, said = cost.network_cost(arch.B0), []
    steps = {"macs": 1.2 * 1.1**2 * 1.15**2, "activations": 1.2 * 1.1 * 1.15**2, "params": 1.2 * 1.1**2}
    for key, label, colour, marker in KINDS:
        times = [getattr(cost.network_cost(arch.VARIANTS[name]), key) / getattr(base, key) for name in phis]
        axis.plot(list(phis.values()), times, marker, color=colour, markersize=7, label=f"{label}, counted")
        axis.plot([0, 7], [1, steps[key] ** 7], color=colour, linestyle="--", linewidth=1,
                  label=f"rule: {steps[key]:.3f} each step")  # fmt: skip
        said.append(f"{label} {times[-1]:.1f} (rule {steps[key] ** 7:.1f})")
    axis.set(yscale="log", xlabel="phi", ylabel="times B0", yticks=[1, 2, 5, 10, 20, 50, 100])
    axis.set_yticklabels(["1", "2", "5", "10", "20", "50", "100"])
    axis.minorticks_off()
    for name, phi in phis.items():
        axis.annotate(name.upper(), (phi, 0.85), ha="center", va="top", fontsize=8, color="0.3")
    axis.set_ylim(0.68, 130)
    axis.legend(frameon=False, fontsize=9)
    axis.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    return Picture(figure, f"Costs of B0 to B7 in units of B0's, against phi. At B7: {', '.join(said)}.")


def advantage(rows: list) -> Picture:
    """Compound minus a single dimension, from recorded runs: rows (budget, family, points, low, high). Lesson 06."""
    figure, axis = plt.subplots(figsize=(8, 3.8))
    looks = {"depth": (BLUE, "o", -0.15), "width": (ORANGE, "^", 0), "resolution": (GREEN, "D", 0.15)}
    budgets = sorted({budget for budget, *_ in rows})
    shown = set()
    for budget, family, points, low, high in rows:
        colour, marker, shift = looks[family]
        axis.errorbar([budgets.index(budget) + shift], [points], [[points - low], [high - points]], color=colour,
                      marker=marker, capsize=3, linestyle="",
                      label=None if family in shown else f"compound minus {family}")  # fmt: skip
        shown.add(family)
    axis.axhline(0, color="0.3", linestyle=":")
    if rows:
        axis.set(xticks=range(len(budgets)), xticklabels=[f"{b:g} times" for b in budgets],
                 xlim=(-0.5, len(budgets) - 0.5))  # fmt: skip
        axis.legend(frameon=False, fontsize=9, ncol=3, loc="lower center", bbox_to_anchor=(0.5, 1))
    else:
        axis.set(xticks=[])
        axis.text(0.5, 0.6, "no runs recorded yet", ha="center", transform=axis.transAxes)
    axis.set(xlabel="MACs, in units of the base's", ylabel="points of test top-1")
    axis.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    said = "; ".join(f"{b:g} times, {family}: {p:+.1f} ({low:+.1f} to {high:+.1f})" for b, family, p, low, high in rows)
    text = f"Compound minus single dimension, in points of test top-1 with 95 % intervals. {said or 'No runs yet'}."
    return Picture(figure, text)
