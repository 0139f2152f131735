"""Figures of lesson 10: fronts, times beside costs, ensembles."""

import matplotlib.pyplot as plt
import numpy as np

from effnet_course.figures.base import BLUE, GREEN, ORANGE, PINK, Picture, plain_ticks
from effnet_course.figures.lesson05 import LOOKS
from effnet_course.search import pareto

KINDS = (("EfficientNetV2", PINK, "D"), ("EfficientNet", ORANGE, "o"), ("RegNetY", GREEN, "^"), ("ResNet", BLUE, "s"))
PAPER = dict(facecolor="white", edgecolor="none", alpha=0.75, pad=0.3)  # under a label


def published_fronts(rows: list[dict]) -> Picture:
    """Reported top-1 against MACs and against parameters, with the front of each; twins are joined. Lesson 10.

    rows: each with "name", "top1", "macs" and "params"; two rows of one name are one network, trained in two ways.
    """
    figure, axes = plt.subplots(1, 2, figsize=(10.5, 4.6), sharey=True)
    said = []
    for axis, cost, unit, label in ((axes[0], "macs", 1e9, "MACs for one image, billions"),
                                    (axes[1], "params", 1e6, "parameters, millions")):  # fmt: skip
        x, y = [row[cost] / unit for row in rows], [row["top1"] for row in rows]
        front = pareto(x, y)
        steps = [(x[i], y[i]) for i in front] + [(max(x), y[front[-1]])]
        axis.step(*zip(*steps, strict=True), where="post", color="0.3", linewidth=1, zorder=1)
        for i, row in enumerate(rows):
            for other in range(i):
                if rows[other]["name"] == row["name"]:
                    axis.plot([x[other], x[i]], [y[other], y[i]], color="0.6", linewidth=0.8, zorder=0)
            colour, shape = next(((c, s) for kind, c, s in KINDS if row["name"].startswith(kind)), ("0.35", "v"))
            axis.plot(x[i], y[i], shape, color=colour, markersize=7 if i in front else 5,
                      markerfacecolor=colour if i in front else "white")  # fmt: skip
            if i in front:
                short = row["name"].replace("EfficientNet", "").replace("MobileNet", "Mobile").lstrip("-")
                beside = {"xytext": (6, -9)} if short.startswith("Reg") else {"xytext": (-4, 5), "ha": "right"}
                short = short.removeprefix("RegNetY-")
                axis.annotate(short, (x[i], y[i]), textcoords="offset points", fontsize=8, **beside)
            elif row["name"] in ("ResNet-50", "VGG-19", "EfficientNet-B7", "ConvNeXt-T"):
                axis.annotate(row["name"].replace("EfficientNet-", ""), (x[i], y[i]), textcoords="offset points",
                              xytext=(6, -4), fontsize=8, color="0.35", bbox=PAPER, zorder=1.5)  # fmt: skip
        axis.set(xscale="log", xlabel=label, xlim=(min(x) / 2.2, max(x) * 1.6), ylim=(66.5, 86.5))
        plain_ticks(axis.xaxis)
        axis.spines[["top", "right"]].set_visible(False)
        said.append(f"front by {cost}: " + ", ".join(f"{rows[i]['name']} {y[i]:.1f}" for i in front))
    for kind, colour, shape in (*KINDS, ("others", "0.35", "v")):
        axes[1].plot([], [], shape, color=colour, label=kind)
    axes[1].legend(frameon=False, fontsize=8, loc="lower right", title="filled: on the front", title_fontsize=8)
    axes[0].set_ylabel("reported ImageNet top-1, %")
    figure.tight_layout()
    trainings = [[row["top1"] for row in rows if row["name"] == name] for name in {row["name"] for row in rows}]
    gap = max(max(own) - min(own) for own in trainings)
    return Picture(figure, f"Reported top-1 against cost, on logarithmic axes; {'; '.join(said)}. Thin lines join two "
                           f"trainings of one network, which differ by up to {gap:.1f} points.")  # fmt: skip


def atlas_front(rows: list, front: list[int], beaten: list[int]) -> Picture:
    """Recorded networks, rows (family, macs, mean, low, high): those on the front, those surely beaten. Lesson 10."""
    figure, axis = plt.subplots(figsize=(7.4, 4.4))
    shown, taken = set(), {}
    for i, (family, macs, mean, low, high) in enumerate(rows):
        near = taken.setdefault(round(8 * np.log(macs)), [])  # networks of about the same MACs, drawn side by side
        near.append(i)
        macs *= 1.025 ** ((len(near) // 2) * (-1) ** len(near))
        colour, shape = LOOKS.get(family, ("0.3", "o"))
        shape = "p" if shape == "x" else shape  # a cross says something else here
        ends = [[0], [0]] if np.isnan(low) else [[mean - low], [high - mean]]
        kept, off = i in front, i in beaten
        axis.errorbar([macs / 1e6], [mean], ends, color=colour, marker=shape, markersize=8, capsize=2, linestyle="",
                      markerfacecolor=colour if kept else "white")
        if family not in shown:
            axis.plot([], [], shape, color=colour, label="mixture" if family == "grid" else family)
        if off:
            axis.plot(macs / 1e6, mean, "x", color="0.2", markersize=6)
        shown.add(family)
    axis.set(xscale="log", xlabel="million MACs (equal ones are drawn side by side)", ylabel="validation top-1, %")
    if rows:
        steps = [(rows[i][1] / 1e6, rows[i][2]) for i in front]
        axis.step(*zip(*steps, strict=True), where="post", color="0.3", linewidth=1)
        plain_ticks(axis.xaxis)
        axis.legend(frameon=False, fontsize=8)
    else:
        axis.text(0.5, 0.5, "no runs recorded yet", ha="center", transform=axis.transAxes)
    axis.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()

    def names(places):
        return ", ".join(f"{rows[i][0]} at {rows[i][1] / 1e6:.1f} million MACs {rows[i][2]:.1f}" for i in places)

    if not rows:
        return Picture(figure, "No runs recorded yet.")
    return Picture(figure, f"Recorded networks, top-1 in percent with 95 % intervals. On the front: {names(front)}. "
                           f"Beaten beyond the noise: {names(beaten) or 'none'}.")  # fmt: skip


def time_and_costs(rows: dict) -> Picture:
    """Measured times against MACs and against activations: name -> (macs, activations, Timing, Timing). Lesson 10.

    The first timing is the upper row, the second the lower.
    """
    figure, axes = plt.subplots(2, 2, figsize=(9.6, 6.4), sharey="row")
    looks = dict(zip(rows, zip((BLUE, ORANGE, GREEN, PINK, "0.3"), "so^Dv", strict=True), strict=False))
    said = []
    for line, place in zip(axes, (2, 3), strict=True):
        first = next(iter(rows.values()))
        batch = first[place].batch
        labels = "million MACs an image", "thousand activations an image"
        for column, (axis, label) in enumerate(zip(line, labels, strict=True)):
            for number, (name, row) in enumerate(rows.items()):
                t, x = row[place], row[column] / (1e6 if column == 0 else 1e3)
                colour, shape = looks[name]
                axis.errorbar([x], [1000 * t.median], [[1000 * (t.median - t.low)], [1000 * (t.high - t.median)]],
                              color=colour, marker=shape, markersize=8, capsize=3, linestyle="")  # fmt: skip
                beside = {"xytext": (8, 3)} if number < 3 else {"xytext": (-8, 3), "ha": "right"}
                axis.annotate(name, (x, 1000 * t.median), textcoords="offset points", fontsize=9, **beside)
            axis.set(xscale="log", yscale="log", xlabel=label)
            axis.margins(x=0.18, y=0.15)
            start = first[column] / (1e6 if column == 0 else 1e3), 1000 * first[place].median
            axis.axline(start, [10 * v for v in start], color="0.5", linestyle=":", linewidth=1)
            plain_ticks(axis.xaxis)
            plain_ticks(axis.yaxis)
            axis.spines[["top", "right"]].set_visible(False)
        line[0].set_ylabel(f"ms for {batch} image{'s' * (batch > 1)}")
        said.append(f"for {batch} image{'s' * (batch > 1)}: "
                    + ", ".join(f"{name} {1000 * row[place].median:.1f} ms" for name, row in rows.items()))  # fmt: skip
    figure.tight_layout()
    return Picture(figure, "Median time with its quartiles, against MACs (left) and activations (right), on "
                           "logarithmic axes; dotted: in proportion to the first network's; "
                           + "; ".join(said) + ".")  # fmt: skip


def ensembles(rows: list) -> Picture:
    """One small network, two averaged, and bigger ones: rows (dataset, alone, pairs, {name: values}). Lesson 10."""
    figure, axes = plt.subplots(1, max(1, len(rows)), figsize=(4.9 * max(1, len(rows)), 3.6), squeeze=False)
    said = []
    for axis, (dataset, alone, pairs, big) in zip(axes[0], rows, strict=False):
        groups = [("one small, 1 x", alone, BLUE), ("two averaged, 2 x", pairs, ORANGE)]
        groups += [(name, values, "0.45") for name, values in sorted(big.items(), key=lambda kv: np.mean(kv[1]))]
        for place, (_, values, colour) in enumerate(groups):
            axis.plot(values, [place] * len(values), "o", color=colour, alpha=0.5, markersize=5)
            axis.plot([np.mean(values)], [place], "D", color=colour, markersize=8)
        axis.set_yticks(range(len(groups)), [name for name, _, _ in groups])
        axis.margins(y=0.12)
        axis.set(xlabel="top-1, % (diamond: mean)", title=dataset)
        axis.spines[["top", "right"]].set_visible(False)
        said.append(f"{dataset}: " + ", ".join(f"{name} {np.mean(values):.1f}" for name, values, _ in groups))
    if not rows:
        axes[0][0].text(0.5, 0.5, "no answers recorded yet", ha="center", transform=axes[0][0].transAxes)
    figure.tight_layout()
    return Picture(figure, f"Mean top-1 in percent, with MACs in units of one small network. "
                           f"{'; '.join(said) or 'No answers recorded yet'}.")  # fmt: skip
