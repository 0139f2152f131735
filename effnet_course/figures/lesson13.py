"""Figures of lesson 13: one network under many recipes, masks, spectrograms."""

import matplotlib.pyplot as plt
import numpy as np

from effnet_course.figures.base import BLUE, GREEN, ORANGE, Picture


def recipes(rows: list[tuple[str, str, float]]) -> Picture:
    """Reported top-1 of networks under several recipes: rows (network, recipe, top-1). Lesson 13."""
    names = list(dict.fromkeys(name for name, _, _ in rows))
    figure, axis = plt.subplots(figsize=(8.4, 0.95 + 0.75 * len(names)))
    said = []
    for line, name in enumerate(names):
        own = sorted((top1, recipe) for other, recipe, top1 in rows if other == name)
        colour, marker = ((ORANGE, "o"), (BLUE, "s"), (GREEN, "^"))[line % 3]
        axis.plot([own[0][0], own[-1][0]], [line, line], color="0.7", linewidth=1, zorder=0)
        axis.plot([top1 for top1, _ in own], [line] * len(own), marker, color=colour, markersize=8)
        for top1, _ in (own[0], own[-1]):
            axis.annotate(f"{top1:.1f}", (top1, line), textcoords="offset points", xytext=(0, 9), ha="center")
        said.append(f"{name} from {own[0][0]:.1f} ({own[0][1]}) to {own[-1][0]:.1f} ({own[-1][1]})")
    axis.set_yticks(range(len(names)), names)
    axis.set_ylim(-0.5, len(names) - 0.3)
    axis.set_xlabel("reported ImageNet top-1, %: each mark is another training of the same network")
    axis.spines[["top", "right", "left"]].set_visible(False)
    figure.tight_layout()
    return Picture(figure, f"Reported top-1 of the same network under several recipes: {'; '.join(said)}.")


def masks(pixels: np.ndarray, columns: dict[str, np.ndarray]) -> Picture:
    """Pictures (n, H, W, 3), uint8, and beside each the masks (n, H, W) of several answers, the true one first."""
    titles = ["picture", *columns]
    size = 1.45 * len(titles), 1.5 * len(pixels)
    figure, axes = plt.subplots(len(pixels), len(titles), figsize=size, squeeze=False)
    for row, line in enumerate(axes):
        for axis, title in zip(line, titles, strict=True):
            shown = pixels[row] if title == "picture" else columns[title][row]
            axis.imshow(shown, cmap="gray", vmin=0, vmax=None if title == "picture" else 1)
            axis.set(xticks=[], yticks=[])
            if row == 0:
                axis.set_title(title, fontsize=9)
    figure.tight_layout()
    truth, *answers = columns
    said = [f"{name} differs from it at {100 * np.mean(columns[name] != columns[truth]):.1f} % of the pixels"
            for name in answers]  # fmt: skip
    return Picture(figure, f"{len(pixels)} pictures, where the objects really are, and masks: {'; '.join(said)}.")


def spectrograms(pictures: np.ndarray, names: list[str]) -> Picture:
    """Spectrograms (n, pitches, times), low pitches below, with a name each. Lesson 13."""
    figure, axes = plt.subplots(1, len(names), figsize=(1.7 * len(names), 2.1), squeeze=False)
    for axis, picture, name in zip(axes[0], pictures, names, strict=True):
        axis.imshow(picture, cmap="gray", aspect="auto")
        axis.set(xticks=[], yticks=[])
        axis.set_title(name, fontsize=10)
    axes[0][0].set(xlabel="time", ylabel="pitch")
    figure.tight_layout()
    return Picture(figure, f"Spectrograms of sounds, time to the right, pitch upwards: {', '.join(names)}.")
