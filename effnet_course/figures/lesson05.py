"""Figures of lesson 05: costs as powers, receptive fields, gradients, accuracy against MACs, mismatch."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LogNorm

from effnet_course.arch import B0, Architecture
from effnet_course.cost import network_cost
from effnet_course.figures.base import BLUE, GREEN, ORANGE, PINK, YELLOW, Picture, plain_ticks

LOOKS = {"base": ("0.3", "s"), "depth": (BLUE, "o"), "width": (ORANGE, "^"), "resolution": (GREEN, "D"),
         "compound": (PINK, "v"), "grid": (YELLOW, "x")}  # fmt: skip


def macs_powers(base: Architecture = B0, top: float = 4) -> Picture:
    """How MACs grow with each multiplier, beside the powers 1, 2 and 2. Lesson 05."""
    figure, axis = plt.subplots(figsize=(6.4, 4))
    multipliers, whole = np.geomspace(1, top, 120), network_cost(base).macs
    said = []
    for name, power, dash in (("depth", 1, "-"), ("width", 2, "-"), ("resolution", 2, "--")):
        colour, shape = LOOKS[name]
        counted = [network_cost(base.scaled(**{name: m})).macs / whole for m in multipliers]
        axis.plot(multipliers, counted, dash, color=colour, marker=shape, markevery=14, markersize=5, label=name)
        axis.plot(multipliers, multipliers**power, ":", color="0.4", linewidth=1)
        said.append(f"{name} {network_cost(base.scaled(**{name: 2})).macs / whole:.2f} times at 2")
    axis.set(xscale="log", yscale="log", xlabel="multiplier", ylabel=f"MACs, {base.name} = 1")
    plain_ticks(axis.xaxis)
    plain_ticks(axis.yaxis)
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(frameon=False, title="counted (dotted: 1st and 2nd power)")
    figure.tight_layout()
    return Picture(
        figure,
        f"MACs of {base.name} against the multiplier of one dimension: {', '.join(said)}. Depth climbs in steps and "
        "starts with a jump, since blocks are rounded up; resolution follows the second power, width stays a little "
        "under it.",
    )


def fields(maps: list) -> Picture:
    """Influence of image pixels on the middle of the last map: rows (title, array, {label: side}). Lesson 05."""
    figure, axes = plt.subplots(1, len(maps), figsize=(3.3 * len(maps), 3.7), squeeze=False)
    said = []
    for axis, (title, influence, sides) in zip(axes[0], maps, strict=True):
        relative = np.where(influence > 0, influence / influence.max(), np.nan)
        axis.set_facecolor("0.85")
        drawn = axis.imshow(np.ma.masked_invalid(relative), norm=LogNorm(1e-12, 1), cmap="magma")
        size, middle = influence.shape[0], np.array(influence.shape) / 2 - 0.5
        for (label, side), colour, dash in zip(sides.items(), ("white", "black"), ("-", "--"), strict=False):
            if side < size:
                corner = middle - side / 2
                axis.add_patch(plt.Rectangle(corner[::-1], side, side, fill=False, color=colour, linestyle=dash))
                axis.text(middle[1], corner[0] - 0.02 * size, f"{label}: {side} px", ha="center", fontsize=8,
                          bbox={"facecolor": "white", "alpha": 0.7, "pad": 1, "edgecolor": "none"})  # fmt: skip
        axis.set(xticks=[], yticks=[], title=title)
        axis.title.set_fontsize(10)
        seen = (influence > 0).mean()
        said.append(f"{title}: {seen:.0%} of the pixels have any influence, "
                    + ", ".join(f"{label} {side} px" for label, side in sides.items()))  # fmt: skip
    figure.tight_layout()
    figure.colorbar(drawn, ax=axes[0], label="influence, largest = 1 (grey: none)", pad=0.01, shrink=0.8)
    return Picture(figure, "Influence of each pixel on the middle of the last map, each colour step a power of ten. "
                           "Grey: none at all. " + "; ".join(said) + ".")  # fmt: skip


def gradients(curves: dict[str, list]) -> Picture:
    """Size of the gradient that arrives at each layer of a stack, first layer left. Lesson 05."""
    figure, axis = plt.subplots(figsize=(7.2, 3.8))
    said = []
    looks = ((BLUE, "-", "o"), (ORANGE, "--", "^"), (GREEN, "-.", "s"), (PINK, ":", "D"))
    for (name, values), (colour, dash, shape) in zip(curves.items(), looks, strict=False):
        values = [max(value, 1e-30) / values[-1] for value in values]
        axis.plot(range(1, len(values) + 1), values, dash, color=colour, marker=shape, markersize=4, label=name)
        first = f"{values[0]:.0e}" if values[0] > 1e-20 else "less than 1e-20"
        said.append(f"{name}: at the first layer {first} times that at the last")
    axis.set(yscale="log", ylim=(1e-16, 1e4), xlabel="layer", ylabel="gradient, last layer = 1")
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(frameon=False, fontsize=9)
    figure.tight_layout()
    text = "Gradient at the output of each layer, compared with that at the last layer."
    return Picture(figure, f"{text} {'; '.join(said)}")


def against_macs(rows: list, lines: list = (), label: str = "validation top-1, %") -> Picture:
    """Recorded top-1 against MACs: rows (family, macs, mean, low, high). Lesson 05.

    Families at one budget are drawn a little beside one another, so that their intervals don't hide each other.
    `lines`: (family, macs, fitted, low, high, first macs that is extrapolated); drawn dashed from there.
    """
    figure, axis = plt.subplots(figsize=(7.2, 4.2))
    shown = set()
    for family, macs, mean, low, high in rows:
        colour, shape = LOOKS[family]
        ends = [[0], [0]] if np.isnan(low) else [[mean - low], [high - mean]]
        beside = {"depth": 0.97, "resolution": 1.03}.get(family, 1)
        axis.errorbar([beside * macs / 1e6], [mean], ends, color=colour, marker=shape, markersize=7, capsize=3,
                      linestyle="", label=None if family in shown else family)  # fmt: skip
        shown.add(family)
    for family, macs, fitted, low, high, beyond in lines:
        macs, colour = np.array(macs), LOOKS[family][0]
        known = macs <= beyond
        axis.plot(macs[known] / 1e6, np.array(fitted)[known], color=colour, linewidth=1)
        axis.plot(macs[~known] / 1e6, np.array(fitted)[~known], color=colour, linewidth=1, linestyle="--")
        axis.fill_between(macs / 1e6, low, high, color=colour, alpha=0.12, linewidth=0)
    axis.set(xscale="log", xlabel="million MACs", ylabel=label)
    if rows:
        plain_ticks(axis.xaxis)
        axis.legend(frameon=False)
    else:
        axis.text(0.5, 0.5, "no runs recorded yet", ha="center", transform=axis.transAxes)
    axis.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    said = "; ".join(
        f"{family} at {macs / 1e6:.1f} million MACs {mean:.1f}"
        + ("" if np.isnan(low) else f" ({low:.1f} to {high:.1f})")
        for family, macs, mean, low, high in rows
    )
    return Picture(figure, f"Top-1 in percent with 95 % intervals. {said or 'No runs recorded yet'}.")


def learning_curves(groups: dict[str, list]) -> Picture:
    """Validation top-1 after each epoch, seeds thin, mean thick. `groups`: family -> a list of curves. Lesson 05."""
    figure, axis = plt.subplots(figsize=(7.2, 3.8))
    said = []
    for family, curves in groups.items():
        colour, shape = LOOKS[family]
        epochs = range(1, len(curves[0]) + 1)
        for curve in curves:
            axis.plot(epochs, curve, color=colour, linewidth=0.7, alpha=0.6)
        mean = np.mean(curves, axis=0)
        axis.plot(epochs, mean, color=colour, marker=shape, linewidth=2, label=family)
        said.append(f"{family} {', '.join(f'{value:.1f}' for value in mean)}")
    axis.set(xlabel="epoch", ylabel="validation top-1, %")
    axis.xaxis.get_major_locator().set_params(integer=True)
    if groups:
        axis.legend(frameon=False)
    axis.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    return Picture(figure, f"Top-1 after each epoch, mean over seeds: {'; '.join(said) or 'no runs recorded yet'}.")


def mismatch(panels: list) -> Picture:
    """Tables of two by two: rows (title, row names, column names, means[row][column], half intervals). Lesson 05."""
    figure, axes = plt.subplots(1, len(panels), figsize=(3.6 * len(panels), 3.1), squeeze=False)
    said = []
    for axis, (title, names, columns, means, halves) in zip(axes[0], panels, strict=True):
        axis.imshow(np.array(means), vmin=0, vmax=100, cmap="Blues", aspect="auto")
        for i, name in enumerate(names):
            for j, column in enumerate(columns):
                words = f"{means[i][j]:.0f} %\n± {halves[i][j]:.0f}"
                axis.text(j, i, words, ha="center", va="center", color="white" if means[i][j] > 55 else "black")
                said.append(f"{title}, {name}, {column}: {means[i][j]:.0f} plus or minus {halves[i][j]:.0f}")
        axis.set_xticks(range(len(columns)), columns)
        axis.set_yticks(range(len(names)), names)
        axis.set_title(title)
        axis.title.set_fontsize(10)
    figure.tight_layout()
    return Picture(figure, f"Top-1 in percent with 95 % intervals. {'; '.join(said)}.")
