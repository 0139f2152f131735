"""Figures of lesson 00: networks, images, training runs."""

import matplotlib.pyplot as plt

from effnet_course.figures.base import BLUE, GREEN, ORANGE, PINK, YELLOW, Picture, plain_ticks


def networks(rows: list[tuple[str, int, int, int, float]]) -> Picture:
    """Networks by what they cost and what they reach. A row: name, year, params, MACs, top-1 in percent. Lesson 00."""
    figure, axes = plt.subplots(1, 2, figsize=(10.5, 3.8), sharey=True)
    for axis, column, unit, label in (
        (axes[0], 2, 1e6, "parameters, millions"),
        (axes[1], 3, 1e9, "MACs for one image, billions"),
    ):
        costs = [row[column] / unit for row in rows]
        for (name, year, *_, top1), x in zip(rows, costs, strict=True):
            new = name.startswith("EfficientNet")
            axis.plot(x, top1, "o" if new else "s", color=ORANGE if new else BLUE)
            left = x > 4 * min(costs) and new  # these lie close together: one label each side
            beside = {"xytext": (-6, 4), "ha": "right"} if left and x < max(costs) / 4 else {"xytext": (6, -4)}
            axis.annotate(f"{name} {year}", (x, top1), textcoords="offset points", fontsize=8, **beside)
        axis.set(xscale="log", xlabel=label, xlim=(min(costs) / 1.5, max(costs) * 5))
        plain_ticks(axis.xaxis)
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
    names = [f"seed {run.seed}" for run in runs]
    figure, (left, right) = plt.subplots(1, 2, figsize=(10.5, 3.5))
    looks = zip((BLUE, ORANGE, GREEN, PINK, YELLOW), ("-", "--", "-.", ":", "-"), strict=True)
    for run, name, (colour, style) in zip(runs, names, looks, strict=False):
        epochs = range(1, len(run.loss) + 1)
        left.plot(epochs, run.loss, style, color=colour, marker="o", markersize=3)
        right.plot(epochs, run.validation, style, color=colour, marker="o", markersize=3, label=name)
    left.set(xlabel="epoch", ylabel="training loss")
    right.set(xlabel="epoch", ylabel="validation top-1, %")
    right.legend(frameon=False)
    for axis in (left, right):
        axis.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    ends = ", ".join(f"{run.validation[-1]:.1f} % with {name}" for run, name in zip(runs, names, strict=True))
    most = max(len(run.loss) for run in runs)
    return Picture(figure, f"Training loss falls and validation top-1 rises over {most} epochs, to {ends}.")
