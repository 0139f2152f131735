"""Figures of lesson 11: unequal channels, bits against top-1, clipping against rounding, one network's table."""

import matplotlib.pyplot as plt
import numpy as np

from effnet_course.figures.base import BLUE, GREEN, ORANGE, PINK, YELLOW, Picture, plain_ticks

KINDS = {"expand": (BLUE, "o"), "depthwise": (ORANGE, "^"), "restore": (GREEN, "D"), "reduce": (YELLOW, "v"),
         "project": (PINK, "s"), "other": ("0.4", "x")}  # fmt: skip


def channel_ranges(rows: list) -> Picture:
    """How unequal a layer's channels are: rows (kind, block, largest channel / median channel). Lesson 11."""
    figure, axis = plt.subplots(figsize=(7.2, 3.8))
    for kind, (colour, shape) in KINDS.items():
        mine = [(block, ratio) for k, block, ratio in rows if k == kind]
        if mine:
            blocks, ratios = zip(*mine, strict=True)
            axis.plot(blocks, ratios, shape, color=colour, markersize=7, label=kind)
    axis.axhline(1, color="0.6", linewidth=1)
    axis.set(yscale="log", xlabel="block (0: stem; last: head and classifier)", ylabel="widest / median channel")
    plain_ticks(axis.yaxis)
    axis.xaxis.get_major_locator().set_params(integer=True)
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(frameon=False, ncols=2)
    figure.tight_layout()
    said = []
    for kind in KINDS:
        mine = [ratio for k, _, ratio in rows if k == kind]
        if mine:
            said.append(f"{kind} {min(mine):.1f} to {max(mine):.1f}")
    return Picture(figure, f"Range of the widest channel over that of the median channel, by layer: {', '.join(said)}.")


def bits_curves(curves: dict[str, list], level: float | None = None, label: str = "validation top-1, %") -> Picture:
    """Top-1 against bits: curve's name -> rows (bits, top-1); `level` is the float network's. Lesson 11."""
    figure, axis = plt.subplots(figsize=(7.2, 4))
    said, looks = [], ((BLUE, "-", "o"), (ORANGE, "--", "^"), (GREEN, "-.", "s"), (PINK, ":", "D"))
    for (name, rows), (colour, dash, shape) in zip(curves.items(), looks, strict=False):
        rows = sorted(rows)
        axis.plot(*zip(*rows, strict=True), dash, color=colour, marker=shape, label=name)
        said.append(f"{name}: " + ", ".join(f"{top1:.1f} at {bits}" for bits, top1 in reversed(rows)))
    if level is not None:
        axis.axhline(level, color="0.5", linewidth=1)
        axis.text(8, level + 1, "float32", ha="right", fontsize=9, color="0.3")
        said.append(f"float32 {level:.1f}")
    axis.set(xlabel="bits", ylabel=label, ylim=(0, 100))
    axis.spines[["top", "right"]].set_visible(False)
    if curves:
        axis.legend(frameon=False, loc="lower right")
    figure.tight_layout()
    return Picture(figure, f"Top-1 by bits. {'; '.join(said) or 'Nothing recorded yet'}.")


def clipping_error(bounds: list, clipped: list, rounded: list) -> Picture:
    """Squared error against where the range is cut: what clipping and what rounding contribute. Lesson 11."""
    figure, axis = plt.subplots(figsize=(7.2, 3.8))
    both = np.array(clipped) + np.array(rounded)
    axis.plot(bounds, clipped, "--", color=ORANGE, marker="^", markersize=5, label="clipped values")
    axis.plot(bounds, rounded, "-.", color=BLUE, marker="o", markersize=5, label="rounded values")
    axis.plot(bounds, both, color="black", linewidth=2, label="both")
    best = int(both.argmin())
    axis.axvline(bounds[best], color="0.6", linewidth=1)
    axis.set(yscale="log", xlabel="upper end of the range", ylabel="squared error, added up",
             ylim=(max(both.min() / 30, 1e-12), both.max() * 2))  # fmt: skip
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(frameon=False)
    figure.tight_layout()
    return Picture(
        figure,
        "Error from clipping falls and error from rounding grows as the range widens. The sum is least at "
        f"{bounds[best]:.2f}, {both[-1] / both[best]:.1f} times less than with the whole range, which ends at "
        f"{bounds[-1]:.2f}.",
    )


def compression_steps(rows: list[dict]) -> Picture:
    """Size, top-1 and time of one network after each step: rows as in records/compression.json. Lesson 11."""
    timed = any("ms_1" in row for row in rows)
    figure, axes = plt.subplots(1, 2 + timed, figsize=(10.5, 0.36 * max(len(rows), 4) + 1.2), sharey=True)
    places, names = range(len(rows))[::-1], [row["name"] for row in rows]
    columns = (("kilobytes", [row["bytes"] / 1000 for row in rows], "{:.0f}"),
               ("validation top-1, %", [row["validation"] for row in rows], "{:.1f}"),
               ("ms for one image", [row["ms_1"][0] if "ms_1" in row else np.nan for row in rows], "{:.2f}"))
    for axis, (label, values, form), colour in zip(axes, columns, (BLUE, GREEN, ORANGE), strict=False):
        axis.barh(list(places), np.nan_to_num(values), color=colour, height=0.65)
        top = np.nanmax(values) if len(rows) and not np.isnan(values).all() else 1
        for place, value, row in zip(places, values, rows, strict=True):
            untimed = "not run as such" if row.get("runs_in") == "simulated" else "not timed yet"
            words = untimed if np.isnan(value) else form.format(value)
            axis.text((0 if np.isnan(value) else value) + 0.02 * top, place, words, va="center", fontsize=8)
        axis.set(xlabel=label, xlim=(0, 1.25 * top))
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_yticks(list(places), names, fontsize=9)
    figure.tight_layout()
    said = "; ".join(f"{row['name']}: {row['bytes'] / 1000:.0f} kB, {row['validation']:.1f} %"
                     + (f", {row['ms_1'][0]:.2f} ms" if "ms_1" in row else "") for row in rows)  # fmt: skip
    return Picture(figure, f"One network after each step. {said or 'Nothing recorded yet'}.")
