"""Figures of lesson 12: what a reward makes of cost, what a baseline does, a controller's choices, searches."""

import math
from collections.abc import Sequence

import matplotlib.pyplot as plt

from effnet_course.figures.base import BLUE, GREEN, ORANGE, PINK, Picture, plain_ticks

LOOKS = ((BLUE, "-"), (ORANGE, "--"), (GREEN, "-."), (PINK, ":"))  # colour and dash of each curve


def reward_factors(rules: dict, macs: Sequence[float], target: float) -> Picture:
    """What top-1 is multiplied by, against cost in units of the target. Lesson 12.

    rules: name to a function of MACs / target. macs: of some networks, marked below the axis.
    """
    figure, axis = plt.subplots(figsize=(8.5, 3.8))
    ratios = [2 ** (step / 50) for step in range(-100, 151)]
    said = []
    for (name, rule), (colour, dash) in zip(rules.items(), LOOKS, strict=False):
        axis.plot(ratios, [rule(ratio) for ratio in ratios], dash, color=colour, linewidth=2, label=name)
        said.append(f"{name}: {rule(0.5):.3f} at half the target, {rule(1):.3f} at it, {rule(2):.3f} at twice")
    axis.plot([one / target for one in macs], [0.62] * len(macs), "|", color="0.5", label="networks of the space")
    axis.set(xscale="log", xlabel="MACs / target", ylabel="factor on top-1", ylim=(0.6, 1.3))
    plain_ticks(axis.xaxis)
    axis.legend(frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(1, 1))
    axis.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    return Picture(figure, f"What a reward multiplies top-1 by. {'; '.join(said)}.")


def baseline_spread(
    baselines: Sequence[float], exact: Sequence[float], measured: Sequence[tuple], best: float
) -> Picture:
    """Spread of one gradient estimate against the baseline: a curve by formula, points by drawing. Lesson 12.

    measured: (baseline, spread). best: the baseline at which the spread is smallest.
    """
    figure, axis = plt.subplots(figsize=(8.5, 3.4))
    axis.plot(baselines, exact, color=BLUE, linewidth=2, label="by enumeration")
    axis.plot(*zip(*measured, strict=True), "o", color=ORANGE, label="10,000 draws each")
    axis.axvline(best, color="0.6", linestyle="--", linewidth=1)
    axis.set(xlabel="baseline b", ylabel="spread of one estimate")
    axis.legend(frameon=False, fontsize=9)
    axis.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    said = ", ".join(f"{spread:.2f} at {b:g}" for b, spread in measured)
    return Picture(figure, f"Spread of a gradient estimate against the baseline, smallest near {best:g}: {said}.")


def controller_choices(trace: Sequence, decisions: dict) -> Picture:
    """The probability of each option, look by look, a panel for each decision. Lesson 12.

    trace: for each look, for each decision, its probabilities. decisions: name to its options.
    """
    figure, axes = plt.subplots(2, math.ceil(len(decisions) / 2), figsize=(8.8, 4.4), sharex=True, sharey=True)
    said = []
    for place, (axis, (name, options)) in enumerate(zip(axes.flat, decisions.items(), strict=False)):
        for k, option in enumerate(options):
            colour, dash = LOOKS[k]
            axis.plot([probabilities[place][k] for probabilities in trace], dash, color=colour, label=f"{option:g}")
        likely = max(range(len(options)), key=lambda k, place=place: trace[-1][place][k])
        said.append(f"{name} {options[likely]:g} with {trace[-1][place][likely]:.2f}")
        axis.set(title=name, ylim=(0, 1.3), yticks=(0, 0.5, 1))
        axis.title.set_fontsize(10)
        axis.legend(frameon=False, fontsize=8, ncols=3, loc="upper left")
        axis.spines[["top", "right"]].set_visible(False)
    figure.supxlabel("looks", fontsize=10)
    figure.supylabel("probability", fontsize=10)
    figure.tight_layout()
    return Picture(figure, f"A controller's probabilities; in the end the likeliest are {', '.join(said)}.")


def search_curves(curves: dict, best: float, unit: str = "best reward so far") -> Picture:
    """Mean of the best so far over many searches, with the 95 % interval of the mean, against looks. Lesson 12.

    curves: name to (means, lows, highs), one entry a look. best: the highest value that there is in the table.
    """
    figure, axis = plt.subplots(figsize=(8.5, 4.2))
    said = []
    for (name, (means, lows, highs)), (colour, dash) in zip(curves.items(), LOOKS, strict=False):
        looks = range(1, len(means) + 1)
        axis.fill_between(looks, lows, highs, color=colour, alpha=0.25, linewidth=0)
        axis.plot(looks, means, dash, color=colour, linewidth=2, label=name)
        said.append(f"{name} {means[-1]:.2f} ({lows[-1]:.2f} to {highs[-1]:.2f})")
    axis.axhline(best, color="0.4", linewidth=1)
    axis.annotate("the best there is", (len(means), best), xytext=(0, 4), textcoords="offset points", ha="right",
                  fontsize=9, color="0.3")  # fmt: skip
    axis.set(xlabel="looks (training runs)", ylabel=unit)
    axis.legend(frameon=False, fontsize=9, loc="lower right")
    axis.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    return Picture(figure, f"Mean best so far after {len(means)} looks: {'; '.join(said)}. Best of all: {best:.2f}.")


def seen_and_unseen(points: Sequence[tuple], winner: tuple, seen: str, unseen: str) -> Picture:
    """Each network by what a search sees (across) and what it is judged by (up), the winner marked. Lesson 12.

    points: (seen, unseen) of each network. winner: that of the one with the highest value seen.
    """
    figure, axis = plt.subplots(figsize=(6.2, 4.6))
    axis.plot(*zip(*points, strict=True), "o", color="0.55", markersize=4)
    low, high = min(map(min, points)), max(map(max, points))
    axis.plot([low, high], [low, high], color="0.6", linewidth=1, linestyle="--", label="the same")
    axis.plot(*winner, "D", color=ORANGE, markersize=8)
    axis.plot([], [], "D", color=ORANGE, label="highest seen")
    axis.set(xlabel=seen, ylabel=unseen)
    axis.legend(frameon=False, fontsize=9, loc="upper left")
    axis.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    text = f"{len(points)} networks: {seen} against {unseen}. The highest seen has {winner[0]:.2f}"
    return Picture(figure, f"{text}, and {winner[1]:.2f} when judged.")
