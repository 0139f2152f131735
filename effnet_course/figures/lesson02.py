"""Figures of lesson 02: inside an MBConv block."""

import math

import matplotlib.pyplot as plt

from effnet_course import cost
from effnet_course.arch import Block
from effnet_course.figures.base import BLUE, GREEN, ORANGE, PINK, SKY, YELLOW, Picture

EMPTY = "0.88"  # grey of a weight or number that is zero


def block_diagram(block: Block) -> Picture:
    """A block as its channels and its steps: bars as wide as there are channels, steps between them. Lesson 02."""
    states = [("input", block.in_channels, BLUE)]
    steps = []
    if block.expanded != block.in_channels:
        steps.append("expand: 1x1 convolution\nbatch norm, SiLU")
        states.append(("", block.expanded, ORANGE))
    steps.append(f"filter: {block.kernel}x{block.kernel} depthwise\nbatch norm, SiLU")
    states.append(("", block.expanded, ORANGE))
    if block.squeezed:
        steps.append("gate\n(lesson 03)")
        states.append(("", block.expanded, ORANGE))
    steps.append("project: 1x1 convolution\nbatch norm, no activation")
    states.append(("", block.out_channels, BLUE))
    figure, axis = plt.subplots(figsize=(10.5, 3.6))
    widest, gap = max(channels for _, channels, _ in states), 2.6
    for place, (_, channels, colour) in enumerate(states):
        height = 3.2 * channels / widest
        axis.add_patch(plt.Rectangle((gap * place - 0.13, -height / 2), 0.26, height, color=colour, linewidth=0))
        axis.text(gap * place, -height / 2 - 0.12, f"{channels}\nchannels", ha="center", va="top", fontsize=9)
    for place, words in enumerate(steps):
        left, right = gap * place + 0.25, gap * (place + 1) - 0.25
        axis.annotate("", (right, 0), (left, 0), arrowprops={"arrowstyle": "->", "linewidth": 1.2})
        axis.text((left + right) / 2, 0.12, words, ha="center", va="bottom", fontsize=9.5)
    end = gap * len(steps)
    if block.residual:
        top = 2.15
        axis.plot([0, 0, end + 0.75], [0.35, top, top], color=BLUE, linewidth=1.6)
        axis.annotate("", (end + 0.75, 0.2), (end + 0.75, top),
                      arrowprops={"arrowstyle": "->", "color": BLUE, "linewidth": 1.6})  # fmt: skip
        axis.plot([end + 0.2, end + 0.58], [0, 0], color="k", linewidth=1.2)
        axis.text(end + 0.75, 0, "+", ha="center", va="center", fontsize=16)
        axis.text(end / 2, top + 0.08, "the input, unchanged: the shortcut", ha="center", va="bottom", fontsize=9)
    axis.set(xlim=(-0.6, end + 1.2), ylim=(-2.35, 2.6))
    axis.axis("off")
    figure.tight_layout(pad=0.2)
    path = " to ".join(str(channels) for _, channels, _ in states)
    adds = "The input is added to the output." if block.residual else "The input is not added."
    words = "; ".join(step.replace("\n", ", ") for step in steps)
    return Picture(figure, f"An MBConv block. Channels: {path}. Steps: {words}. {adds}")


def relu_collapse(points, recovered: dict) -> Picture:
    """A curve, and what is left of it after a ReLU in n numbers: recovered[n] = (points, relative error). Lesson 02."""
    figure, axes = plt.subplots(1, 1 + len(recovered), figsize=(11, 2.35))
    panels = [("before", points, None)] + [(f"n = {n}", *found) for n, found in recovered.items()]
    for axis, (title, shown, error) in zip(axes, panels, strict=True):
        axis.scatter(shown[:, 0], shown[:, 1], c=range(len(shown)), cmap="viridis", s=3)
        axis.set(xlim=(-1.5, 1.5), ylim=(-1.5, 1.5), aspect="equal", xticks=[], yticks=[])
        axis.set_title(title if error is None else f"{title}\nerror {100 * error:.2g} %", fontsize=10)
    figure.tight_layout(pad=0.4)
    said = ", ".join(f"{100 * error:.2g} % at n = {n}" for n, (_, error) in recovered.items())
    return Picture(
        figure,
        "A two-armed spiral, and the best linear recovery of it after a ReLU in n numbers. In few numbers parts of it "
        f"collapse onto lines and a point; in many it comes back. Relative error: {said}.",
    )


def silu_curve(lowest: float) -> Picture:
    """SiLU and ReLU, and their slopes, with the place where SiLU is lowest. Lesson 02."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.1))
    xs = [i / 50 - 6 for i in range(501)]
    gates = [1 / (1 + math.exp(-x)) for x in xs]
    value = lowest / (1 + math.exp(-lowest))
    left.plot(xs, [x * g for x, g in zip(xs, gates, strict=True)], color=BLUE, label="SiLU")
    left.plot(xs, [max(x, 0) for x in xs], "--", color=ORANGE, label="ReLU")
    left.plot(lowest, value, "o", color=BLUE)
    left.annotate(f"lowest: {value:.4f}\nat {lowest:.4f}", (lowest, value), xytext=(-75, 24),
                  textcoords="offset points", fontsize=9, arrowprops={"arrowstyle": "-", "color": "0.5"})  # fmt: skip
    right.plot(xs, [g + x * g * (1 - g) for x, g in zip(xs, gates, strict=True)], color=BLUE, label="SiLU")
    right.plot(xs, [float(x > 0) for x in xs], "--", color=ORANGE, label="ReLU")
    right.plot(lowest, 0, "o", color=BLUE)
    for axis, words in ((left, "value"), (right, "slope")):
        axis.axhline(0, color="0.7", linewidth=0.7)
        axis.axvline(0, color="0.7", linewidth=0.7)
        axis.set(xlabel="x", ylabel=words)
        axis.legend(frameon=False, loc="upper left")
        axis.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    return Picture(
        figure,
        f"SiLU follows ReLU from a little below, dips to {value:.4f} at {lowest:.4f} and comes back to zero on the "
        f"left. Its slope is negative left of the dip, 0.5 at zero, and a little above 1 beyond {-lowest:.2f}.",
    )


def running_mean(rows: dict) -> Picture:
    """A running mean step by step: rows[momentum] = list of values; the true mean is 3. Lesson 02."""
    figure, axis = plt.subplots(figsize=(7.5, 3.1))
    for (momentum, values), colour, style in zip(rows.items(), (BLUE, ORANGE, GREEN), ("-", "--", ":"), strict=False):
        axis.plot(range(1, len(values) + 1), values, style, color=colour, label=f"momentum {momentum}", linewidth=1.5)
    axis.axhline(3, color="0.5", linewidth=0.8)
    axis.set(xlabel="training steps", ylabel="running mean")
    axis.legend(frameon=False, loc="lower right")
    axis.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    ends = ", ".join(f"{values[-1]:.2f} with momentum {momentum}" for momentum, values in rows.items())
    return Picture(figure, f"The running mean of a channel whose true mean is 3, after {len(values)} steps: {ends}.")


def what_is_dropped(kinds: dict) -> Picture:
    """Zeros in three methods: kinds[name] = (weights kept, outputs kept), both 0/1 tables. Lesson 02."""
    figure, axes = plt.subplots(2, len(kinds), figsize=(9.5, 4.6), squeeze=False)
    said = []
    for column, (name, tables) in enumerate(kinds.items()):
        for axis, table, colour in zip(axes[:, column], tables, (BLUE, GREEN), strict=True):
            dropped = 0
            for y, row in enumerate(table):
                for x, kept in enumerate(row):
                    dropped += not kept
                    axis.add_patch(plt.Rectangle((x, y), 0.92, 0.92, color=colour if kept else EMPTY, linewidth=0))
                    if not kept:
                        axis.text(x + 0.46, y + 0.48, "0", ha="center", va="center", fontsize=7, color="0.35")
            axis.set(xlim=(-0.1, len(table[0])), ylim=(len(table), -0.1), aspect="equal", xticks=[], yticks=[])
            axis.spines[:].set_visible(False)
            what = "weights" if colour == BLUE else "outputs"
            said.append(f"{name}: {dropped} of {len(table) * len(table[0])} {what} are zero")
        axes[0, column].set_title(name, fontsize=11)
        axes[0, column].set_xlabel("input channel", fontsize=9)
        axes[1, column].set_xlabel("output channel", fontsize=9)
    axes[0, 0].set_ylabel("weights\noutput channel", fontsize=9)
    axes[1, 0].set_ylabel("outputs\nimage", fontsize=9)
    figure.tight_layout()
    return Picture(
        figure,
        f"The same layer three times, a square for each number, empty where it is zero. {'; '.join(said)}. Dropout's "
        "zeros are scattered over the outputs, DropConnect's over the weights, stochastic depth's fill whole rows: all "
        "outputs of one image.",
    )


def expansion_line(block: Block, ratios=(1, 2, 3, 4, 5, 6, 7, 8)) -> Picture:
    """MACs and parameters of a block at each expansion ratio, and the line through those from 2 on. Lesson 02."""
    figure, axes = plt.subplots(1, 2, figsize=(9.5, 3.2))
    said = []
    for axis, what, unit, label in (
        (axes[0], "macs", 1e6, "MACs, millions"),
        (axes[1], "params", 1e3, "parameters, thousands"),
    ):
        counts = []
        for ratio in ratios:
            layers = cost.block_layers(block._replace(expanded=ratio * block.in_channels))
            counts.append(sum(getattr(layer, what) for layer in layers) / unit)
        step = counts[2] - counts[1]
        start = round(counts[1] - 2 * step, 9) + 0.0  # never minus zero
        axis.plot([0, ratios[-1]], [start, start + ratios[-1] * step], "--", color=BLUE, linewidth=1)
        axis.plot(ratios[1:], counts[1:], "o", color=BLUE)
        axis.plot(1, counts[0], "D", color=ORANGE)
        axis.annotate("ratio 1", (1, counts[0]), xytext=(8, -10), textcoords="offset points", color=ORANGE, fontsize=9)
        axis.set(xlabel="expansion ratio, e", ylabel=label, xlim=(0, None), ylim=(0, None))
        axis.spines[["top", "right"]].set_visible(False)
        said.append(f"{label}: {start:.3g} + {step:.3g} e from ratio 2 on; at ratio 1 {counts[0]:.3g}, "
                    f"where the line says {start + step:.3g}")  # fmt: skip
    figure.tight_layout()
    return Picture(figure, f"A block's cost against its expansion ratio. {'; '.join(said)}.")


def time_and_macs(rows: list[tuple]) -> Picture:
    """Share of the MACs and of the time of each step: (step, MACs, seconds, seconds channels-last). Lesson 02."""
    figure, axis = plt.subplots(figsize=(10, 2.7))
    colours = (BLUE, SKY, ORANGE, YELLOW, PINK, GREEN, "0.6")
    hatches = ("", "//", "", "//", "", "", "//")
    said = []
    for place, (words, column) in enumerate((("MACs", 1), ("time, channels first", 2), ("time, channels last", 3))):
        total, left = sum(row[column] for row in rows), 0
        for (name, *values), colour, hatch in zip(rows, colours, hatches, strict=False):
            share = 100 * values[column - 1] / total
            axis.barh(-place, share, left=left, color=colour, hatch=hatch, edgecolor="white", height=0.7,
                      label=name if place == 0 else None)  # fmt: skip
            if share >= 5:
                axis.text(left + share / 2, -place, f"{share:.0f} %", ha="center", va="center", fontsize=9,
                          bbox={"facecolor": "white", "alpha": 0.75, "pad": 1, "linewidth": 0})  # fmt: skip
            left += share
        parts = ", ".join(f"{row[0]} {100 * row[column] / total:.0f} %" for row in rows)
        said.append(f"{words}: {parts}")
    axis.set_yticks([0, -1, -2], ["MACs", "time,\nchannels first", "time,\nchannels last"])
    axis.set(xlim=(0, 100), xlabel="share of the block, %")
    axis.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=4, fontsize=9)
    axis.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    return Picture(figure, f"{'; '.join(said)}.")


def block_maps(steps: list[tuple], columns: int = 9) -> Picture:
    """Channels of one image after each step of a block, in greys: (name, array (channels, H, W)). Lesson 02."""
    rows = [-(-len(maps) // columns) for _, maps in steps]
    figure = plt.figure(figsize=(0.9 * columns + 1, 0.93 * sum(rows) + 0.1))
    grid = figure.add_gridspec(sum(rows), columns, wspace=0.06, hspace=0.06)
    top = 0
    for (name, maps), count in zip(steps, rows, strict=True):
        for number, one in enumerate(maps):
            axis = figure.add_subplot(grid[top + number // columns, number % columns])
            axis.imshow(one, cmap="gray", interpolation="nearest")
            axis.set(xticks=[], yticks=[])
            if number == 0:
                axis.set_ylabel(f"{name}\n{len(maps)}", fontsize=9, rotation=0, ha="right", va="center")
        top += count
    said = ", ".join(f"{name} {len(maps)} channels" for name, maps in steps)
    return Picture(figure, f"One image in an MBConv block, every channel as a grey picture: {said}.")
