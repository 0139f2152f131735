"""Static figures. Each returns a `Picture`: what matplotlib drew, and a sentence that says what it shows, made from the
same data. Colours are those of Okabe and Ito, told apart by colour-blind readers, and never the only difference.
"""

import base64
import io
from html import escape

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from effnet_course import cost

BLUE, ORANGE, GREEN, PINK, YELLOW, SKY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"


class Picture:
    """A figure with the sentence that describes it, which screen readers speak and text terminals show."""

    def __init__(self, figure: Figure, text: str):
        self.figure, self.text = figure, text
        plt.close(figure)  # so that the notebook shows it once

    def _repr_html_(self) -> str:
        buffer = io.BytesIO()
        self.figure.savefig(buffer, format="png", dpi=110, bbox_inches="tight", facecolor="white")
        data = base64.b64encode(buffer.getvalue()).decode()
        return f'<img style="max-width:100%" alt="{escape(self.text, quote=True)}" src="data:image/png;base64,{data}">'

    def __repr__(self) -> str:
        return self.text


def four_convolutions(channels: int = 8, groups: int = 4) -> Picture:
    """Which weights each kind of convolution has, `channels` in and out. Lesson 01."""
    figure, axes = plt.subplots(1, 4, figsize=(11, 3.3))
    kinds = (("standard", 3, 1, BLUE), (f"grouped, {groups} groups", 3, groups, GREEN),
             ("depthwise", 3, channels, ORANGE), ("pointwise", 1, 1, PINK))  # fmt: skip
    said = []
    for axis, (name, kernel, groups_here, colour) in zip(axes, kinds, strict=True):
        per_group = channels // groups_here
        for out in range(channels):
            for source in range(channels):
                axis.add_patch(plt.Rectangle((source, out), 1, 1, fill=False, edgecolor="0.85", linewidth=0.7))
                if out // per_group != source // per_group:
                    continue
                for i in range(kernel):
                    for j in range(kernel):
                        size = 0.26
                        x, y = source + 0.5 + (j - kernel // 2) * 0.3, out + 0.5 + (i - kernel // 2) * 0.3
                        axis.add_patch(
                            plt.Rectangle((x - size / 2, y - size / 2), size, size, color=colour, linewidth=0)
                        )
        weights = cost.convolution(channels, channels, kernel, 1, groups=groups_here).params
        axis.set(xlim=(0, channels), ylim=(channels, 0), aspect="equal", xticks=[], yticks=[])
        axis.set_title(f"{name}\n{weights} weights", fontsize=11)
        axis.set_xlabel("input channel")
        said.append(f"{name} {weights}")
    axes[0].set_ylabel("output channel")
    figure.tight_layout()
    text = (
        f"Weights of four kinds of 3x3 convolution with {channels} channels in and out, a square for each weight: "
        f"{', '.join(said)}. Grouped fills blocks on the diagonal, depthwise the diagonal alone, pointwise every pair "
        "of channels with one weight."
    )
    return Picture(figure, text)


def separable_ratio(kernels=(3, 5, 7), channels: int = 512) -> Picture:
    """MACs of a separable layer over those of the standard one, against its output channels. Lesson 01."""
    figure, axis = plt.subplots(figsize=(6.5, 3.6))
    widths = [2**i for i in range(channels.bit_length())]
    ends = []
    for kernel, colour, style in zip(kernels, (BLUE, ORANGE, GREEN), ("-", "--", "-."), strict=False):
        shares = []
        for width in widths:
            parts = cost.separable(64, width, kernel, 56)
            shares.append(sum(p.macs for p in parts) / cost.convolution(64, width, kernel, 56).macs)
        axis.plot(widths, shares, style, color=colour, marker="o", markersize=3)
        axis.axhline(1 / kernel**2, color=colour, linewidth=0.7, alpha=0.5)
        axis.annotate(
            f"K = {kernel}", (widths[-1], shares[-1]), xytext=(6, -3), textcoords="offset points", color=colour
        )
        ends.append(f"{shares[-1]:.3f} for K = {kernel}")
    axis.axhline(1, color="0.4", linewidth=0.8)
    axis.annotate(
        "no saving", (widths[-1], 1), ha="right", xytext=(0, 4), textcoords="offset points", color="0.3", fontsize=9
    )
    axis.set(xscale="log", yscale="log", xlabel="output channels", ylabel="MACs, separable / standard")
    axis.set_xticks(widths[::2], [str(w) for w in widths[::2]])
    axis.set_yticks([1, 0.5, 0.2, 0.1, 0.05, 0.02], ["1", "0.5", "0.2", "0.1", "0.05", "0.02"])
    axis.minorticks_off()
    axis.spines[["top", "right"]].set_visible(False)
    text = (
        "MACs of a separable layer divided by those of a standard one fall with the output channels and level off at "
        f"one over the kernel's area; at {channels} channels {', '.join(ends)}."
    )
    return Picture(figure, text)


def roofline(points: list[tuple[str, float, float]], flops_per_second: float, bytes_per_second: float) -> Picture:
    """Measured layers under this machine's roof. A point: name, FLOPs a byte, FLOPs a second. Lesson 01."""
    figure, axis = plt.subplots(figsize=(6.5, 3.8))
    low, high = min(0.5, *(p[1] / 2 for p in points)), max(400, *(p[1] * 2 for p in points))
    ridge = flops_per_second / bytes_per_second
    axis.plot([low, ridge, high], [low * bytes_per_second / 1e9, flops_per_second / 1e9, flops_per_second / 1e9], "k-")
    axis.annotate(f"computing: {flops_per_second / 1e9:.0f} GFLOP/s", (high, flops_per_second / 1e9), ha="right",
                  xytext=(0, 5), textcoords="offset points", fontsize=9)  # fmt: skip
    axis.annotate(f"memory: {bytes_per_second / 1e9:.0f} GB/s", (low, low * bytes_per_second / 1e9),
                  xytext=(10, -4), textcoords="offset points", fontsize=9)  # fmt: skip
    said = []
    for (name, intensity, speed), marker, colour in zip(
        points, "os^Dv", (BLUE, ORANGE, PINK, GREEN, YELLOW), strict=False
    ):
        axis.plot(intensity, speed / 1e9, marker, color=colour, markersize=8)
        axis.annotate(name, (intensity, speed / 1e9), xytext=(9, -9), textcoords="offset points", color=colour)
        said.append(f"{name} {intensity:.1f} FLOPs a byte at {speed / 1e9:.0f} GFLOP/s")
    axis.set(xscale="log", yscale="log", xlabel="arithmetic intensity: FLOPs for each byte moved",
             ylabel="speed: GFLOP/s", xlim=(low, high))  # fmt: skip
    axis.spines[["top", "right"]].set_visible(False)
    return Picture(figure, f"The roof rises with the intensity up to {ridge:.0f} FLOPs a byte and is flat beyond. "
                           f"Measured: {'; '.join(said)}.")  # fmt: skip


def networks(rows: list[tuple[str, int, int, int, float]]) -> Picture:
    """Networks by what they cost and what they reach. A row: name, year, params, MACs, top-1 in percent. Lesson 00."""
    figure, axes = plt.subplots(1, 2, figsize=(10.5, 3.8), sharey=True)
    for axis, column, unit, label in (
        (axes[0], 2, 1e6, "parameters, millions"),
        (axes[1], 3, 1e9, "MACs for one image, billions"),
    ):
        for name, year, *values, top1 in rows:
            x, new = values[column - 2] / unit, name.startswith("EfficientNet")
            axis.plot(x, top1, "o" if new else "s", color=ORANGE if new else BLUE)
            axis.annotate(f"{name} {year}", (x, top1), xytext=(6, -4), textcoords="offset points", fontsize=8)
        axis.set(xscale="log", xlabel=label, xlim=(axis.get_xlim()[0], axis.get_xlim()[1] * 4))
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("ImageNet top-1, %")
    figure.tight_layout()
    text = "; ".join(
        f"{name} ({year}): {params / 1e6:.1f} million parameters, {macs / 1e9:.2f} billion MACs, {top1:.1f} %"
        for name, year, params, macs, top1 in rows
    )
    return Picture(figure, f"Top-1 against parameters and against MACs, both on a logarithmic scale. {text}.")


def contact_sheet(sets: list, columns: int = 10) -> Picture:
    """One image of each class from each set of images (`data.Images`), a row for each set. Lesson 00."""
    figure, axes = plt.subplots(len(sets), columns, figsize=(11, 1.25 * len(sets) + 0.3), squeeze=False)
    for row, images in zip(axes, sets, strict=True):
        for number, axis in enumerate(row):
            axis.imshow(images.pixels[int((images.labels == number).argmax())], interpolation="nearest")
            axis.set(xticks=[], yticks=[])
        row[0].set_ylabel(f"{images.pixels.shape[1]} px")
    for axis, name in zip(axes[0], sets[0].classes, strict=False):
        axis.set_title(name, fontsize=9)
    figure.tight_layout(pad=0.3)
    sizes = " and ".join(f"{images.pixels.shape[1]} pixels" for images in sets)
    return Picture(figure, f"{sets[0].name}: one image each of {', '.join(sets[0].classes[:columns])}, at {sizes}.")


def training_runs(runs: list) -> Picture:
    """Loss and validation top-1 of recorded runs (`atlas.Run`), epoch by epoch, a line for each seed. Lesson 00."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(10.5, 3.5))
    for run, colour, style in zip(runs, (BLUE, ORANGE, GREEN, PINK, YELLOW), ("-", "--", "-.", ":", "-"), strict=False):
        epochs = range(1, len(run.loss) + 1)
        left.plot(epochs, run.loss, style, color=colour, marker="o", markersize=3)
        right.plot(epochs, run.validation, style, color=colour, marker="o", markersize=3, label=f"seed {run.seed}")
    left.set(xlabel="epoch", ylabel="training loss")
    right.set(xlabel="epoch", ylabel="validation top-1, %")
    right.legend(frameon=False)
    for axis in (left, right):
        axis.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    ends = ", ".join(f"{run.validation[-1]:.1f} % with seed {run.seed}" for run in runs)
    return Picture(
        figure, f"Training loss falls and validation top-1 rises over {len(runs[0].loss)} epochs, to {ends}."
    )
