"""Figures of lesson 04: a network as a strip of blocks, where its cost sits, two ways to pad."""

import matplotlib.pyplot as plt

from effnet_course import cost
from effnet_course.arch import Architecture
from effnet_course.figures.base import BLUE, GREEN, ORANGE, Picture


def network_strip(net: Architecture) -> Picture:
    """Every block in order: as high as the map it writes, coloured by kernel, residuals as arcs. Lesson 04."""
    figure, axis = plt.subplots(figsize=(11, 3.4))
    blocks = net.blocks()
    stem, last = -(-net.resolution // net.stem_stride), -(-blocks[-1].resolution // blocks[-1].stride)
    columns = [("stem", stem, net.stem_channels, 3)]
    columns += [(f"stage {b.stage + 2}", -(-b.resolution // b.stride), b.out_channels, b.kernel) for b in blocks]
    columns += [("head", last, net.head_channels, 1)]
    look = {1: ("0.75", ""), 3: (BLUE, ""), 5: (ORANGE, "///")}
    unit, x, spans, middles = stem / 112, 0.0, {}, []
    for number, (part, side, channels, kernel) in enumerate(columns):
        x += 0.25 if number and part == columns[number - 1][0] else 0.6
        colour, hatch = look.get(kernel, (GREEN, "..."))
        label = f"{kernel}x{kernel} kernel" if kernel not in {c[3] for c in columns[:number]} else None
        axis.bar(x, side, 0.9, 0, align="edge", color=colour, hatch=hatch, edgecolor="white", label=label)
        axis.annotate(
            str(channels), (x + 0.45, side), ha="center", xytext=(0, 2), textcoords="offset points", fontsize=8
        )
        spans.setdefault(part, [x, x, side])[1] = x + 0.9
        middles.append(x + 0.45)
        x += 0.9
    for number, block in enumerate(blocks, 1):
        if block.residual:
            high = columns[number][1] + 11 * unit
            axis.annotate("", (middles[number], high), (middles[number - 1], high), arrowprops=dict(
                arrowstyle="->", connectionstyle="arc3,rad=-0.6", color="0.2"))  # fmt: skip
    for part, (start, end, side) in spans.items():
        size = f"{side} px" if part not in ("head",) else f"{last} px"
        axis.text((start + end) / 2, -5 * unit, f"{part}\n{size}", ha="center", va="top", fontsize=9)
    axis.set(xticks=[], ylabel="side of the map, px", xlim=(0, x + 0.3), ylim=(0, stem * 1.18))
    axis.spines[["top", "right", "bottom"]].set_visible(False)
    axis.yaxis.get_major_locator().set_params(integer=True)
    axis.legend(frameon=False, fontsize=9, loc="upper right")
    figure.tight_layout()
    sides = ", ".join(f"{part} {side}" for part, (_, _, side) in spans.items())
    added = sum(block.residual for block in blocks)
    return Picture(
        figure,
        f"The blocks of {net.name} at {net.resolution} pixels, each as high as the map that it writes; the number "
        f"above is its channels. Sides in pixels: {sides}. In {added} of {len(blocks)} blocks the input is added to "
        "the output.",
    )


def shares(parts: dict[str, cost.Layer], what: str) -> Picture:
    """Where parameters, MACs and activations sit, in percent, a row for each part. Lesson 04."""
    figure, axes = plt.subplots(1, 3, figsize=(10.5, 0.34 * len(parts) + 0.9), sharey=True)
    names = [name.replace("stage", "stage ") for name in parts]
    columns = (("params", "parameters", BLUE), ("macs", "MACs", ORANGE), ("activations", "activations", GREEN))
    said = []
    for axis, (key, label, colour) in zip(axes, columns, strict=True):
        values = [getattr(layer, key) for layer in parts.values()]
        percent = [100 * value / sum(values) for value in values]
        axis.barh(range(len(names)), percent, color=colour)
        for row, value in enumerate(percent):
            axis.annotate(
                f"{value:.1f}", (value, row), xytext=(3, 0), textcoords="offset points", va="center", fontsize=8
            )
        axis.set(xlim=(0, 60), xlabel=f"% of the {label}", yticks=range(len(names)), yticklabels=names)
        axis.spines[["top", "right"]].set_visible(False)
        said.append(f"{label}: " + ", ".join(f"{n} {p:.1f}" for n, p in zip(names, percent, strict=True)))
    axes[0].invert_yaxis()
    figure.tight_layout()
    return Picture(figure, f"Shares by {what}, in percent. {'. '.join(said)}.")


def paddings(sides: tuple[int, int] = (8, 9), kernel: int = 3) -> Picture:
    """Where a stride-2 window stops on a row of pixels, padded symmetrically and as TensorFlow's SAME. Lesson 04."""
    figure, axes = plt.subplots(1, 2, figsize=(11, 2.5))
    said = []
    for axis, side in zip(axes, sides, strict=True):
        outputs = -(-side // 2)
        total = (outputs - 1) * 2 + kernel - side
        rows = (("symmetric", kernel // 2, BLUE), ("SAME", total // 2, ORANGE))
        for pixel in range(-(kernel // 2), side + kernel // 2):
            real = 0 <= pixel < side
            axis.add_patch(plt.Rectangle((pixel, 0), 1, 1, facecolor="0.8" if real else "white", edgecolor="0.5",
                                         linestyle="-" if real else ":"))  # fmt: skip
        for level, (name, before, colour) in enumerate(rows):
            centres = [2 * stop - before + kernel // 2 for stop in range(outputs)]
            for stop, centre in enumerate(centres):
                y = (1.35 + 0.2 * (stop % 2)) if level == 0 else (-0.35 - 0.2 * (stop % 2))
                axis.plot([centre - kernel // 2 + 0.06, centre + kernel // 2 + 0.94], [y, y], color=colour, linewidth=3)
                axis.plot(centre + 0.5, y, "os"[level], color=colour, markersize=6)
            axis.text(-1.35, 1.45 if level == 0 else -0.45, name, ha="right", va="center", color=colour)
            said.append(f"{side} pixels, {name}: windows centred on pixels {', '.join(map(str, centres))}")
        axis.set(xlim=(-4.6, side + 1.2), ylim=(-1, 2), xticks=[], yticks=[], title=f"{side} pixels")
        axis.spines[:].set_visible(False)
    figure.tight_layout()
    return Picture(figure, f"Stops of a window of {kernel} with stride 2. {'; '.join(said)}.")
