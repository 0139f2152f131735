"""Figures of lesson 08: views of a picture, first steps, schedules, noise of statistics, an ablation, a race."""

import math
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt

from effnet_course.figures.base import BLUE, GREEN, ORANGE, PINK, Picture, plain_ticks

LOOKS = ((BLUE, "-"), (ORANGE, "--"), (GREEN, "-."), (PINK, ":"))


def picture_rows(rows: Sequence[tuple[str, Sequence]], text: str) -> Picture:
    """Rows of small pictures, each row with its title: (title, [(caption, pixels (H, W, 3) uint8)]). Lesson 08."""
    most = max(len(pictures) for _, pictures in rows)
    figure, axes = plt.subplots(len(rows), most, figsize=(1.15 * most, 1.45 * len(rows)), squeeze=False)
    for line, (title, pictures) in zip(axes, rows, strict=True):
        for axis in line:
            axis.axis("off")
        for axis, (caption, pixels) in zip(line, pictures, strict=False):
            axis.imshow(pixels)
            axis.set_title(caption, fontsize=8)
        line[0].text(-0.12, 0.5, title, transform=line[0].transAxes, rotation=90, ha="right", va="center", fontsize=9)
    figure.tight_layout()
    return Picture(figure, text)


def first_steps(curves: Mapping[str, Sequence[float]]) -> Picture:
    """Length of each step in units of the rate, for a gradient that stays the same. Lesson 08."""
    figure, axis = plt.subplots(figsize=(7, 3.6))
    said = []
    for (name, lengths), (colour, dash) in zip(curves.items(), LOOKS, strict=False):
        axis.plot(range(1, len(lengths) + 1), lengths, dash, color=colour, linewidth=2, label=name)
        said.append(f"{name}: {lengths[0]:.3g} at step 1, {lengths[-1]:.3g} at step {len(lengths)}")
    axis.set(yscale="log", xlabel="step", ylabel="step's length / rate")
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(frameon=False)
    figure.tight_layout()
    return Picture(figure, f"Length of each step divided by the rate. {'; '.join(said)}.")


def schedules(curves: Mapping[str, Sequence[float]]) -> Picture:
    """The rate of each step under several schedules. Lesson 08."""
    figure, axis = plt.subplots(figsize=(7, 3.4))
    said = []
    for (name, rates), (colour, dash) in zip(curves.items(), LOOKS, strict=False):
        axis.plot(range(len(rates)), rates, dash, color=colour, linewidth=2, label=name)
        said.append(f"{name}: mean {sum(rates) / len(rates):.3g}, last {rates[-1]:.2g}")
    axis.set(xlabel="step", ylabel="learning rate", ylim=(0, None))
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(frameon=False, fontsize=9, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3)
    figure.tight_layout()
    return Picture(figure, f"Learning rate of each step. {'; '.join(said)}.")


def statistics_noise(batches: Mapping[int, float], groups: Mapping[int, tuple[float, float]]) -> Picture:
    """Left: variance of a batch's mean by batch size. Right: variances of group norm by channels in a group. Lesson 08.

    batches: images to variance, in units of one image's. groups: channels to (variance of the group's mean over images,
    in the group's spread; variance of the logarithm of the spread over the groups of one image).
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.6, 3.6))
    sizes = list(batches)
    left.plot(sizes, [1 / n for n in sizes], ":", color="0.4", label="1 / n")
    left.plot(sizes, list(batches.values()), "o", color=BLUE, label="measured")
    left.set(xscale="log", yscale="log", xlabel="images in the batch, n", ylabel="variance, one image = 1",
             title="Batch norm: a channel's mean")  # fmt: skip
    widths = list(groups)
    right.plot(widths, [m for m, _ in groups.values()], "-o", color=BLUE, label="a group's mean / spread, over images")
    right.plot(widths, [s for _, s in groups.values()], "--s", color=ORANGE, label="log of the spread, over groups")
    right.set(xscale="log", yscale="log", xlabel="channels in a group", ylabel="variance",
              title="Group norm: one image by itself")  # fmt: skip
    for axis in (left, right):
        plain_ticks(axis.xaxis)
        plain_ticks(axis.yaxis)
        axis.spines[["top", "right"]].set_visible(False)
        axis.legend(frameon=False, fontsize=9)
    figure.tight_layout()
    batch = ", ".join(f"{n} images {v:.3g}" for n, v in batches.items())
    group = ", ".join(f"{n} channels {m:.2g} and {s:.2g}" for n, (m, s) in groups.items())
    return Picture(figure, f"Variance of a batch's mean, one image = 1: {batch}. Group norm, variances of a "
                           f"group's mean and of the log of its spread: {group}.")  # fmt: skip


def ablation(rows: Sequence[tuple], reference: float) -> Picture:
    """Arms of an ablation by their difference to the reference, with intervals where they are known. Lesson 08.

    rows: (label, difference in points, low, high, seeds). reference: its top-1 in percent.
    """
    if not rows:
        figure, axis = plt.subplots(figsize=(7, 1.2))
        axis.text(0.5, 0.5, "No runs recorded yet", ha="center")
        axis.axis("off")
        return Picture(figure, "No runs recorded yet.")
    order = sorted(rows, key=lambda row: row[1])
    figure, axis = plt.subplots(figsize=(8, 0.3 * len(order) + 1.2))
    said = []
    for line, (label, value, low, high, seeds) in enumerate(order):
        known = not math.isnan(low)
        side = "0.45" if not known or low <= 0 <= high else BLUE if value > 0 else ORANGE
        if known:
            axis.plot([low, high], [line, line], color=side, linewidth=2)
        axis.plot(value, line, "o" if seeds > 1 else "D", color=side, markerfacecolor=side if known else "white")
        within = f" ({low:+.2f} to {high:+.2f})" if known else " (no interval)"
        said.append(f"{label} {value:+.2f}{within}, seeds: {seeds}")
    axis.axvline(0, color="0.3", linewidth=1)
    axis.set(yticks=range(len(order)), yticklabels=[row[0] for row in order],
             xlabel=f"validation top-1, points above or below the reference's {reference:.1f} %")  # fmt: skip
    kinds = ((BLUE, "better", any(low > 0 for *_, low, _, _ in rows)),
             (ORANGE, "worse", any(high < 0 for *_, high, _ in rows)), ("0.45", "not decided", True))  # fmt: skip
    marker = "o" if max(row[4] for row in rows) > 1 else "D"
    for colour, words, there in kinds:
        if there:
            axis.plot([], [], marker, color=colour, label=words)
    alone = "one seed each" if marker == "D" else "diamond: one seed"
    axis.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5), title=alone, title_fontsize=8)
    axis.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    return Picture(figure, f"Difference to the reference, {reference:.1f} %: {'; '.join(reversed(said))}.")


def race(rows: Sequence[tuple], minutes: float, aim: float) -> Picture:
    """Test top-1 of finished runs against the time they trained, with an aim and a limit. Lesson 08.

    rows: (letter, minutes, top-1, low, high), the last three in percent. A full dot: the aim was reached in time.
    """
    figure, axis = plt.subplots(figsize=(7.5, 3.6))
    axis.axvline(minutes, color="0.3", linewidth=1)
    axis.axhline(aim, color="0.3", linewidth=1)
    said = []
    for letter, taken, top1, low, high in rows:
        met = taken <= minutes and top1 >= aim
        colour = BLUE if met else ORANGE
        axis.plot([taken, taken], [low, high], color=colour, linewidth=1)
        axis.plot(taken, top1, "o" if met else "D", color=colour, markerfacecolor=colour if met else "white")
        axis.annotate(letter, (taken, top1), (6, 3), textcoords="offset points")
        said.append(f"{letter}: {top1:.2f} % ({low:.1f} to {high:.1f}) in {taken:.1f} min")
    axis.set(xlabel="minutes of training", ylabel="test top-1, %")
    axis.spines[["top", "right"]].set_visible(False)
    axis.set_title(f"upper left: {aim:g} % within {minutes:g} minutes", fontsize=10, loc="left")
    figure.tight_layout()
    return Picture(figure, f"Test top-1 of runs and how long they trained; the aim is {aim:g} % in {minutes:g} min. "
                           f"{'; '.join(said)}.")  # fmt: skip
