"""Figures of lesson 03: squeeze-and-excitation."""

import matplotlib.pyplot as plt
import numpy as np

from effnet_course import arch, cost
from effnet_course.figures.base import BLUE, GREEN, ORANGE, Picture


def squeeze_excitation(x: list, squeezed: float, gates: list) -> Picture:
    """Squeeze, excite, scale, with all the numbers of a small feature map (channels, 2, 2). Lesson 03."""
    x, gates = np.array(x), np.array(gates)
    figure, axis = plt.subplots(figsize=(10.5, 4.2))
    count, top = len(x), len(x) * 1.6

    def cell(left, y, value, size=0.55, fill="white"):
        axis.add_patch(plt.Rectangle((left, y), size, size, facecolor=fill, edgecolor="0.5", linewidth=0.8))
        words = 7 if size < 0.6 else 9
        axis.text(left + size / 2, y + size / 2, value, ha="center", va="center", fontsize=words)

    def grid(left, y, values):
        for i, j in np.ndindex(values.shape):
            value = values[i, j]
            shade = plt.cm.Blues(0.75 * min(1, abs(value) / x.max()))
            cell(left + 0.55 * j, y + 0.55 * (1 - i), f"{value:.2g}", fill=shade)

    middle = top / 2 - 0.5
    cell(4.75, middle, f"{squeezed:.3g}", size=0.8, fill="#FFF3D6")
    for channel in range(count):
        y = top - 1.6 * (channel + 1) + 0.25
        axis.text(-0.25, y + 0.55, f"channel {channel}", ha="right", va="center", fontsize=9)
        grid(0, y, x[channel])
        cell(2.5, y + 0.15, f"{x[channel].mean():.2g}", size=0.8, fill="#E8E8E8")
        shade = plt.cm.Greens(0.7 * gates[channel])
        cell(7.0, y + 0.15, f"{gates[channel]:.2f}", size=0.8, fill=shade)
        grid(9.3, y, x[channel] * gates[channel])
        for start, end in (((1.2, y + 0.55), (2.4, y + 0.55)), ((3.35, y + 0.55), (4.7, middle + 0.4)),
                           ((5.6, middle + 0.4), (6.95, y + 0.55)), ((7.85, y + 0.55), (9.2, y + 0.55))):  # fmt: skip
            axis.annotate("", end, start, arrowprops={"arrowstyle": "->", "color": "0.45", "linewidth": 0.9})
    things = ((0.55, "feature map"), (2.9, "means"), (5.15, "one number"), (7.4, "gates"), (9.85, "scaled map"))
    for at, words in things:
        axis.text(at, top + 0.1, words, ha="center", fontsize=10, fontweight="bold")
    for at, y, words in ((1.8, top - 0.65, "squeeze"), (5.15, middle - 0.45, "excite"), (8.55, top - 0.65, "scale")):
        axis.text(at, y, words, ha="center", fontsize=10)
    axis.set(xlim=(-1.6, 10.6), ylim=(-0.1, top + 0.6), aspect="equal")
    axis.axis("off")
    steps = "; ".join(
        f"channel {i} has mean {channel.mean():.2g} and gate {gate:.2f}"
        for i, (channel, gate) in enumerate(zip(x, gates, strict=True))
    )
    return Picture(figure, f"Squeeze-and-excitation on {count} channels of 2x2 pixels, squeezed to {squeezed:.3g}: "
                           f"{steps}. Each pixel is multiplied by its channel's gate.")  # fmt: skip


def se_shares(architecture=arch.B0) -> Picture:
    """Squeeze-and-excitation's share of each block's parameters and MACs. Lesson 03."""
    shares = []
    for block in architecture.blocks():
        layers = cost.block_layers(block)
        gate = [layer for layer in layers if layer.operator == "squeeze-excite"]
        shares.append([sum(getattr(layer, unit) for layer in gate) / sum(getattr(layer, unit) for layer in layers)
                       for unit in ("params", "macs")])  # fmt: skip
    params, macs = np.array(shares).T * 100
    figure, axis = plt.subplots(figsize=(8, 3.4))
    at = np.arange(1, len(params) + 1)
    axis.bar(at - 0.2, params, 0.4, color=BLUE, label="of the block's parameters")
    axis.bar(at + 0.2, macs, 0.4, color=ORANGE, hatch="//", edgecolor="white", label="of the block's MACs")
    axis.set(yscale="log", xlabel=f"block of {architecture.name.upper()}", ylabel="share of SE, %", xticks=at,
             ylim=(min(macs) / 2, 100))  # fmt: skip
    axis.set_yticks([0.001, 0.01, 0.1, 1, 10, 100], ["0.001", "0.01", "0.1", "1", "10", "100"])
    axis.legend(frameon=False, loc="upper center", ncol=2, bbox_to_anchor=(0.5, 1.15))
    axis.spines[["top", "right"]].set_visible(False)
    return Picture(figure, f"Squeeze-and-excitation has {min(params):.0f} to {max(params):.0f} % of a block's "
                           f"parameters and {min(macs):.2g} to {max(macs):.2g} % of its MACs.")  # fmt: skip


def gate_depth(blocks: list) -> Picture:
    """How far gates move from image to image, and which share of that goes with the class, block by block. Lesson 03.

    A row for each block: "total_spread" and "between_classes", as in `explain.recorded_gates`.
    """
    spread = [row["total_spread"] for row in blocks]
    share = [100 * row["between_classes"] for row in blocks]
    at = [row["block"] for row in blocks]
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.3))
    left.bar(at, spread, color=BLUE)
    left.set(xlabel="block", ylabel="standard deviation of a gate", xticks=at, title="How far gates move")
    right.bar(at, share, color=GREEN, hatch="//", edgecolor="white")
    right.set(xlabel="block", ylabel="% of the variance", xticks=at, ylim=(0, 100), title="What the class explains")
    for axis in (left, right):
        axis.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    said = "; ".join(f"block {b}: {s:.4f}, {p:.0f} %" for b, s, p in zip(at, spread, share, strict=True))
    return Picture(figure, f"Standard deviation of gates over images, and the share that goes with the class: {said}.")


def gate_maps(blocks: list, classes: list, shown: tuple = (1, 2, 6, 8), reach: float = 0.05) -> Picture:
    """Mean gates of each class as colours: rows are classes, columns channels, sorted by their mean gate. Lesson 03."""
    figure, axes = plt.subplots(2, len(shown), figsize=(11, 4.6), sharey=True)
    said = []
    for (above, below), number in zip(axes.T, shown, strict=True):
        means = np.array(blocks[number - 1]["means"])
        means = means[:, np.argsort(-means.mean(0))]
        gates = above.imshow(means, aspect="auto", cmap="viridis", vmin=0, vmax=1, interpolation="nearest")
        apart = below.imshow(means - means.mean(0), aspect="auto", cmap="RdBu_r", vmin=-reach, vmax=reach,
                             interpolation="nearest")  # fmt: skip
        above.set(title=f"block {number}", xticks=[], yticks=range(len(classes)), yticklabels=classes)
        below.set(xlabel=f"{means.shape[1]} channels, sorted", xticks=[])
        said.append(f"block {number}: gates from {means.min():.2f} to {means.max():.2f}, at most "
                    f"{np.abs(means - means.mean(0)).max():.3f} from the mean of the classes")  # fmt: skip
    figure.tight_layout()
    figure.colorbar(gates, ax=axes[0], label="gate", pad=0.01)
    figure.colorbar(apart, ax=axes[1], label="minus mean of classes", pad=0.01)
    return Picture(figure, f"Mean gates of each class: {'; '.join(said)}.")


def same_gates(maps: list) -> Picture:
    """Channels of a feature map after several changes, its gates below. A row: name, map, gates. Lesson 03."""
    figure, axes = plt.subplots(2, len(maps), figsize=(10.5, 4), height_ratios=(3, 2))
    high = max(np.percentile(np.array(x)[0], 98) for _, x, _ in maps)
    for (above, below), (name, x, gates) in zip(axes.T, maps, strict=True):
        above.imshow(np.array(x)[0], cmap="gray", vmin=np.array(x)[0].min(), vmax=high, interpolation="nearest")
        above.set(title=name, xticks=[], yticks=[])
        below.bar(range(len(gates)), gates, color=BLUE)
        below.set(ylim=(0, 1), xticks=[], xlabel="gates", yticks=[0, 0.5, 1])
        below.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    start = np.array(maps[0][2])
    said = "; ".join(f"{name}: gates differ by {np.abs(np.array(g) - start).max():.2g}" for name, _, g in maps[1:])
    return Picture(figure, f"One channel of a feature map, {maps[0][0]}, and what its block's gates do. {said}.")
