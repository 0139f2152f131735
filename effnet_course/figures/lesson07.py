"""Figures of lesson 07: candidates on a triangle, their ranking, whether two rankings agree, successive halving."""

import math
from collections.abc import Sequence

import matplotlib.pyplot as plt

from effnet_course.figures.base import BLUE, GREEN, ORANGE, Picture


def _place(shares) -> tuple[float, float]:
    """Where shares (depth, width, resolution) lie in a triangle with depth left, width right, resolution on top."""
    _, w, r = shares
    return w + r / 2, r * math.sqrt(3) / 2


def search_triangle(triples: Sequence, networks: Sequence = (), chosen: Sequence | None = None) -> Picture:
    """Triples as dots by their shares of the growth, recorded networks as letters with their top-1. Lesson 07.

    triples: shares (depth, width, resolution). networks: (letter, shares, top-1 in percent or None, own). chosen: the
    shares of one triple to mark.
    """
    figure, axis = plt.subplots(figsize=(7.6, 6.2))
    corners = [_place(at) for at in ((1, 0, 0), (0, 1, 0), (0, 0, 1))]
    axis.plot(*zip(*corners, corners[0], strict=True), color="0.5", linewidth=1)
    for part in (0.25, 0.5, 0.75):
        for start, end in (((part, 1 - part, 0), (part, 0, 1 - part)), ((1 - part, part, 0), (0, part, 1 - part)),
                           ((1 - part, 0, part), (0, 1 - part, part))):  # fmt: skip
            axis.plot(*zip(_place(start), _place(end), strict=True), color="0.85", linewidth=0.7, zorder=0)
    axis.scatter(*zip(*map(_place, triples), strict=True), s=14, color="0.4", label=f"{len(triples)} triples")
    said = []
    if chosen is not None:
        axis.scatter(*_place(chosen), s=170, marker="s", facecolor="none", edgecolor=GREEN, linewidth=2,
                     label="1.2, 1.1, 1.15", zorder=4)  # fmt: skip
        said.append("1.2, 1.1, 1.15 lies at " + _percent(chosen))
    for own in (False, True):
        some = [entry for entry in networks if entry[3] == own]
        if some:
            look = dict(color=ORANGE, marker="D", s=70) if own else dict(color=BLUE, marker="o", s=70)
            name = "your network" if own else "recorded networks"
            axis.scatter(*zip(*(_place(entry[1]) for entry in some), strict=True), label=name, zorder=3, **look)
    for letter, shares, value, _ in networks:
        words = letter if value is None else f"{letter}  {value:.1f} %"
        left = shares[1] < 0.2 and shares[2] < 0.9
        axis.annotate(words, _place(shares), xytext=(-9 if left else 9, 5), textcoords="offset points", fontsize=10,
                      fontweight="bold", ha="right" if left else "left", zorder=5,
                      bbox=dict(facecolor="white", edgecolor="none", alpha=0.7, pad=0.5))  # fmt: skip
        said.append(f"{letter} at {_percent(shares)}" + ("" if value is None else f" has {value:.1f} %"))
    for (x, y), part, side in zip(corners, ("depth", "width", "resolution"), (-1, -1, 1), strict=True):
        place = dict(xytext=(0, 22 * side), textcoords="offset points", ha="center", va="center")
        axis.annotate(f"{part} alone", (x, y), **place)
    axis.set(xlim=(-0.16, 1.16), ylim=(-0.1, 0.98), aspect="equal")
    axis.axis("off")
    axis.legend(frameon=False, fontsize=9, loc="upper left")
    figure.tight_layout()
    text = f"A triangle with {len(triples)} triples, placed by their shares of the growth: depth, width, resolution."
    return Picture(figure, " ".join([text, *(f"{piece}." for piece in said)]))


def _percent(shares) -> str:
    return ", ".join(f"{name} {100 * share:.0f} %" for name, share in zip("dwr", shares, strict=True))


def search_ranking(rows: Sequence, unit: str = "top-1, %") -> Picture:
    """Means with 95 % intervals, highest on top; those tied with the best are filled. Lesson 07.

    rows: (name, values of single seeds, low, high, tied with the best).
    """
    order = sorted(rows, key=lambda row: sum(row[1]) / len(row[1]))
    figure, axis = plt.subplots(figsize=(8.5, 0.38 * len(order) + 1.1))
    said = []
    for line, (name, values, low, high, tied) in enumerate(order):
        mean = sum(values) / len(values)
        axis.plot(values, [line - 0.22] * len(values), "|", color="0.5", markersize=7)
        colour, inside = (BLUE, BLUE) if tied else ("0.5", "white")
        axis.plot([low, high], [line, line], color=colour, linewidth=2)
        axis.plot(mean, line, "o", color=colour, markerfacecolor=inside, markersize=7)
        said.append(f"{name} {mean:.1f} ({low:.1f} to {high:.1f})"
                    f"{', the best' if line == len(order) - 1 else ', tied with the best' if tied else ''}")
    axis.set(yticks=range(len(order)), yticklabels=[row[0] for row in order], xlabel=unit)
    axis.plot([], [], "o-", color=BLUE, label="not told apart from the best")
    if not all(row[4] for row in rows):
        axis.plot([], [], "o-", color="0.5", markerfacecolor="white", label="worse than the best")
    axis.plot([], [], "|", color="0.5", label="single seeds")
    axis.legend(frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1, 0.5))
    axis.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    return Picture(figure, f"Networks by mean, with 95 % intervals. {'; '.join(reversed(said))}.")


def rank_agreement(rows: Sequence, across: str, up: str, rho: float) -> Picture:
    """The same networks in two studies, one across and one up, with 95 % intervals. Lesson 07.

    rows: (letter, (mean, low, high) across, (mean, low, high) up). rho: Spearman's rank correlation.
    """
    figure, axis = plt.subplots(figsize=(6.4, 4.2))
    for letter, (x, *x_ends), (y, *y_ends) in rows:
        axis.plot(x_ends, [y, y], color="0.7", linewidth=1)
        axis.plot([x, x], y_ends, color="0.7", linewidth=1)
        axis.plot(x, y, "o", color=BLUE)
        axis.annotate(letter, (x, y), xytext=(5, 5), textcoords="offset points", fontweight="bold")
    axis.set(xlabel=across, ylabel=up, title=f"rank correlation {rho:.2f}")
    axis.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    said = "; ".join(f"{letter} {x[0]:.1f} and {y[0]:.1f}" for letter, x, y in rows)
    return Picture(figure, f"{across} against {up}: {said}. Rank correlation {rho:.2f}.")


def halving_curves(curves: dict, rungs: Sequence) -> Picture:
    """Validation top-1 by epoch; a curve is solid as long as its network survives, then dotted. Lesson 07.

    curves: name to one value an epoch. rungs: (epoch, names that go on beyond it).
    """
    figure, axis = plt.subplots(figsize=(8.5, 4))
    said, ends = [], []
    for name, values in curves.items():
        last = next((epoch for epoch, staying in rungs if name not in staying), len(values))
        epochs = range(1, len(values) + 1)
        survivor = last == len(values)
        axis.plot(epochs[:last], values[:last], "-o", color=BLUE if survivor else "0.45", markersize=4,
                  linewidth=2.5 if survivor else 1.2, zorder=3 if survivor else 2)  # fmt: skip
        axis.plot(epochs[last - 1 :], values[last - 1 :], ":", color="0.6", linewidth=1)
        ends.append((values[-1], name, survivor))
    low, high = axis.get_ylim()
    gap, end = 0.05 * (high - low), max(map(len, curves.values()))
    heights = []
    for value, *_ in sorted(ends):  # letters one above the other, none on another
        heights.append(max(value, heights[-1] + gap if heights else -math.inf))
    lift = sum(at - value for at, (value, *_) in zip(heights, sorted(ends), strict=True)) / max(len(ends), 1)
    for at, (value, name, survivor) in zip(heights, sorted(ends), strict=True):
        at -= lift  # half of them moved up, half down
        colour = BLUE if survivor else "0.35"
        axis.plot([end, end + 0.13], [value, at], color=colour, linewidth=0.6, clip_on=False)
        axis.text(end + 0.15, at, name, color=colour, fontweight="bold" if survivor else "normal", va="center")
    axis.plot([], [], "-o", color=BLUE, markersize=4, linewidth=2.5, label="trained to the end")
    axis.plot([], [], "-o", color="0.45", markersize=4, linewidth=1.2, label="trained until dropped")
    axis.plot([], [], ":", color="0.6", linewidth=1, label="what it would have done")
    for epoch, staying in rungs:
        axis.axvline(epoch, color=GREEN, linewidth=0.8, linestyle="--", label=None if said else "rung")
        said.append(f"after epoch {epoch} {', '.join(staying)} go on" if staying else "")
    axis.set(xlabel="epoch", ylabel="validation top-1, %", xticks=range(1, 1 + end))
    axis.legend(frameon=False, fontsize=9, loc="lower right")
    axis.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    return Picture(figure, f"Learning curves of {len(curves)} networks: {'; '.join(filter(None, said))}.")
