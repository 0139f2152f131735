"""Figures of lesson 09: transfer with few labels, confusion, evidence maps, images made worse and what that costs."""

import matplotlib.pyplot as plt
import numpy as np

from effnet_course.figures.base import BLUE, GREEN, ORANGE, PINK, Picture, plain_ticks

ARMS = (BLUE, ORANGE, GREEN, PINK)
SHAPES = ("o", "^", "s", "D")


def few_labels(points: list, chance: float = 10) -> Picture:
    """Top-1 against labels a class: rows (arm, labels, mean, low, high); nan where there is no interval. Lesson 09."""
    figure, axis = plt.subplots(figsize=(7.2, 4))
    arms = list(dict.fromkeys(arm for arm, *_ in points))
    said = []
    for place, arm in enumerate(arms):
        mine = sorted(row[1:] for row in points if row[0] == arm)
        x, mean, low, high = (np.array(column, float) for column in zip(*mine, strict=True))
        ends = np.nan_to_num([mean - low, high - mean])
        axis.errorbar(x * (0.97 + 0.02 * place), mean, ends, color=ARMS[place % 4], marker=SHAPES[place % 4], capsize=3,
                      label=arm)  # fmt: skip
        said.append(f"{arm} " + ", ".join(f"{n:.0f} labels {m:.1f}" for n, m in zip(x, mean, strict=True)))
    axis.axhline(chance, color="0.5", linestyle=":", linewidth=1)
    axis.set(xlabel="labels a class", ylabel="validation top-1, %")
    if points:
        axis.set_xscale("log")
        plain_ticks(axis.xaxis)
        axis.legend(frameon=False)
    else:
        axis.text(0.5, 0.5, "no runs recorded yet", ha="center", transform=axis.transAxes)
    axis.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    return Picture(figure, f"Top-1 in percent; dotted: guessing. {'; '.join(said) or 'No runs recorded yet'}.")


def confusion(matrix: np.ndarray, classes: tuple) -> Picture:
    """How often a true class (row) was called another (column). Lesson 09."""
    matrix = np.asarray(matrix)
    figure, axis = plt.subplots(figsize=(6.2, 5))
    share = matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
    axis.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for i, j in np.ndindex(matrix.shape):
        if matrix[i, j]:
            axis.text(j, i, matrix[i, j], ha="center", va="center", fontsize=8,
                      color="white" if share[i, j] > 0.55 else "black")  # fmt: skip
    axis.set_xticks(range(len(classes)), classes, rotation=45, ha="right", fontsize=8)
    axis.set_yticks(range(len(classes)), classes, fontsize=8)
    axis.set(xlabel="the network said", ylabel="it is")
    figure.tight_layout()
    off = matrix - np.diag(matrix.diagonal())
    i, j = np.unravel_index(off.argmax(), off.shape)
    return Picture(figure, f"Confusion of {matrix.sum()} images, {matrix.trace()} of them right. Most often, "
                           f"{off.max()} times, {classes[i]} was called {classes[j]}.")  # fmt: skip


def evidence(rows: list) -> Picture:
    """Images beside Grad-CAM maps: rows (title, image (H, W, 3), [(title, map (h, w)), ...]). Lesson 09."""
    wide = 1 + max(len(maps) for _, _, maps in rows)
    figure, axes = plt.subplots(len(rows), wide, figsize=(2.1 * wide, 2.3 * len(rows)), squeeze=False)
    said = []
    for line, (title, image, maps) in zip(axes, rows, strict=True):
        for axis in line:
            axis.axis("off")
        line[0].imshow(image)
        line[0].set_title(title, fontsize=8)
        for axis, (name, cam) in zip(line[1:], maps, strict=False):
            size = (0, image.shape[1], image.shape[0], 0)
            axis.imshow(image.mean(2), cmap="gray", extent=size)
            axis.imshow(cam, cmap="magma", alpha=0.6, extent=size, vmin=0, vmax=max(float(cam.max()), 1e-9))
            axis.set_title(name, fontsize=8)
            at = np.unravel_index(np.asarray(cam).argmax(), cam.shape)
            if cam.max() > 0:
                place = [(n + 0.5) / side * pixels for n, side, pixels in zip(at, cam.shape, image.shape, strict=False)]
                for edge, stroke in (("black", 3), ("white", 1.2)):
                    axis.plot(*place[::-1], "D", color=edge, markerfacecolor="none", markersize=9, mew=stroke)
            where = f"row {at[0] + 1}, column {at[1] + 1} of {cam.shape[0]}" if cam.max() > 0 else "nowhere"
            said.append(f"{title}, {name}: {where}")
    figure.tight_layout()
    return Picture(figure, f"Evidence maps, each scaled to its own maximum. Brightest: {'; '.join(said)}.")


def made_worse(rows: list) -> Picture:
    """One image in steps: rows (kind, [image at severity 0, 1, ...]). Lesson 09."""
    figure, axes = plt.subplots(len(rows), len(rows[0][1]), figsize=(1.5 * len(rows[0][1]), 1.6 * len(rows)))
    for line, (kind, images) in zip(np.atleast_2d(axes), rows, strict=True):
        for step, (axis, image) in enumerate(zip(line, images, strict=True)):
            axis.imshow(image)
            axis.set(xticks=[], yticks=[])
            axis.set_title(f"{kind} {step}" if step else "as it is", fontsize=8)
    figure.tight_layout()
    return Picture(figure, f"One image as it is, and with {', '.join(kind for kind, _ in rows)} in five steps.")


def robustness(lines: dict, panels: list) -> Picture:
    """Top-1 against severity: {(panel, kind): [(severity, top1, low, high), ...]}. Lesson 09."""
    figure, axes = plt.subplots(1, len(panels), figsize=(3.7 * len(panels), 3.6), sharey=True, squeeze=False)
    said = []
    for axis, panel in zip(axes[0], panels, strict=True):
        kinds = [kind for name, kind in lines if name == panel]
        for place, kind in enumerate(kinds):
            steps, top1, low, high = (np.array(c, float) for c in zip(*sorted(lines[panel, kind]), strict=True))
            axis.errorbar(steps + 0.06 * (place - 1.5), top1, [top1 - low, high - top1], color=ARMS[place % 4],
                          marker=SHAPES[place % 4], markersize=4, capsize=2, label=kind)  # fmt: skip
            said.append(f"{panel}, {kind} {', '.join(f'{v:.0f}' for v in top1)}")
        axis.set(xlabel="severity", title=panel)
        axis.spines[["top", "right"]].set_visible(False)
        if kinds:
            axis.legend(frameon=False, fontsize=8)
    axes[0][0].set_ylabel("validation top-1, %")
    figure.tight_layout()
    return Picture(figure, f"Top-1 in percent from severity 0 up, with 95 % intervals. {'; '.join(said) or 'No rows'}.")
