"""Figures of lesson 01: what a convolution costs."""

import matplotlib.pyplot as plt

from effnet_course import cost
from effnet_course.figures.base import BLUE, GREEN, ORANGE, PINK, YELLOW, Picture, plain_ticks


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
    figure, axis = plt.subplots(figsize=(6.8, 3.8))
    low, high = min(0.5, *(p[1] / 2 for p in points)), max(600, *(p[1] * 3 for p in points))
    ridge, flat = flops_per_second / bytes_per_second, flops_per_second / 1e9
    axis.plot([low, ridge, high], [low * bytes_per_second / 1e9, flat, flat], color="0.2")
    axis.annotate(
        f"computing: {flat:.0f} GFLOP/s", (ridge, flat), xytext=(-4, 6), textcoords="offset points", fontsize=9
    )
    start = (low * 1.5, 1.5 * low * bytes_per_second / 1e9)
    axis.annotate(
        f"memory: {bytes_per_second / 1e9:.0f} GB/s", start, xytext=(10, -8), textcoords="offset points", fontsize=9
    )
    said = []
    for (name, intensity, speed), marker, colour in zip(
        points, "os^Dv", (BLUE, ORANGE, PINK, GREEN, YELLOW), strict=False
    ):
        axis.plot(intensity, speed / 1e9, marker, color=colour, markersize=8)
        axis.annotate(name, (intensity, speed / 1e9), xytext=(8, -12), textcoords="offset points", color=colour)
        said.append(f"{name} {intensity:.1f} FLOPs a byte at {speed / 1e9:.0f} GFLOP/s")
    axis.set(xscale="log", yscale="log", xlabel="arithmetic intensity: FLOPs for each byte moved",
             ylabel="speed: GFLOP/s", xlim=(low, high))  # fmt: skip
    plain_ticks(axis.xaxis)
    plain_ticks(axis.yaxis)
    axis.spines[["top", "right"]].set_visible(False)
    text = f"The roof rises with the intensity up to {ridge:.0f} FLOPs a byte and is flat beyond."
    return Picture(figure, f"{text} Measured: {'; '.join(said)}.")
