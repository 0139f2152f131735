"""A recipe over time: the rate of each step, what the moving average weighs, and the recorded arms of the ablation."""

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from effnet_course import svg
from effnet_course.explorers.base import Explorer, Slider
from effnet_course.recipe import SCHEDULES, Recipe

STEPS, EPOCHS = 3510, 10  # ten epochs of 45,000 images in batches of 128
RATES = (0.0125, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
WARMUPS = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5)
DECAYS = (0.0, 0.9, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9999)
PARTS = ("rate", "warmup", "schedule", "average")  # of a recipe: what the sliders turn
WORDS = {"label_smoothing": "label smoothing", "weight_decay": "weight decay", "warmup": "warm-up",
         "average": "moving average"}  # fmt: skip

NAMES = {"schedule": {"constant": "constant rate", "staircase": "staircase"}, "norm": {"group": "group norm"},
         "activation": {"relu": "ReLU for SiLU"}, "precision": {"float32": "float32 for bfloat16"},
         "optimizer": {"torch-rmsprop": "RMSProp of PyTorch", "rmsprop": "RMSProp as published", "adamw": "AdamW"},
         "early_pixels": {16: "16 px in the first half"}}  # fmt: skip


class Arm(NamedTuple):
    """One arm of an ablation: what was changed, and top-1 of each seed in percent."""

    changed: dict  #: field to value, where it differs from the reference; empty: the reference
    values: tuple[float, ...]

    @property
    def label(self) -> str:
        changed = {k: v for k, v in self.changed.items() if k != "decay_epochs" or "schedule" not in self.changed}
        if changed == {"flip": False, "shift": 0}:
            return "no augmentation"
        return ", ".join(map(_said, changed, changed.values())) or "reference"


def _said(field: str, value) -> str:
    if value in NAMES.get(field, {}):
        return NAMES[field][value]
    name = WORDS.get(field, field.replace("_", " "))
    if value is None or value is False or (value == 0 and field != "seed"):
        return f"no {name}"
    return name if value is True else f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"


def arms(rows: Iterable[tuple[Mapping, float]]) -> tuple[dict, list[Arm]]:
    """The reference's settings and the arms, from rows (settings, top-1 in percent), one for each run.

    Settings are fields of the recipe and of the network, the seed left out. The reference has in each field what most
    arms have: an arm differs in one thing, or in few. Arms come in order of first appearance, the reference first.
    """
    gathered: dict[str, list[float]] = {}
    for settings, top1 in rows:
        gathered.setdefault(json.dumps(settings, sort_keys=True), []).append(top1)
    all_settings = [json.loads(text) for text in gathered]
    fields = sorted({field for settings in all_settings for field in settings})
    usual = {}
    for field in fields:
        most = Counter(json.dumps(settings.get(field)) for settings in all_settings).most_common(1)[0][0]
        usual[field] = json.loads(most)
    found = [
        Arm({field: settings.get(field) for field in fields if settings.get(field) != usual[field]}, tuple(values))
        for settings, values in zip(all_settings, gathered.values(), strict=True)
    ]
    return usual, sorted(found, key=lambda arm: bool(arm.changed))


class Recorded(NamedTuple):
    """A recorded arm, as the explorer takes it."""

    label: str
    rate: float
    warmup: float
    schedule: str
    average: float
    only: bool  #: it differs from the reference in nothing but these four
    mean: float  #: top-1 in percent
    low: float  #: of its interval; nan: none is known
    high: float
    seeds: int


class RecipeState(NamedTuple):
    rate: float
    warmup: float
    schedule: str
    average: float
    rates: list[float]  #: of every step
    weights: tuple[float, ...]  #: of every step's network in the last average; empty: no average
    area: float  #: mean rate over the run, as a share of the highest
    last: float  #: rate of the last step, as a share of the highest
    half: int  #: so many last steps hold half of the average's weight; 0: no average
    recorded: tuple[Recorded, ...]
    exact: tuple[Recorded, ...]  #: those at these settings


@lru_cache(64)
def average_weights(decay: float, steps: int) -> tuple[float, ...]:
    """What the network after each step counts in the moving average at the end; they add up to 1.

    The first network is taken over whole; then the share that is kept is the smaller of `decay` and (1 + n) / (10 + n),
    n steps having been made: `ingredients.averaged`.
    """
    weights, left = [0.0] * steps, 1.0
    for step in range(steps - 1, 0, -1):
        keep = min(decay, (1 + step) / (10 + step))
        weights[step] = left * (1 - keep)
        left *= keep
        if left < 1e-12:
            return tuple(weights)
    weights[0] = left
    return tuple(weights)


def recipe_state(
    rate: float, warmup: float, schedule: str, average: float, recorded: tuple[Recorded, ...] = ()
) -> RecipeState:
    """Ten epochs with these settings. `average` is a decay; 0: none."""
    recipe = Recipe(rate=rate, warmup=warmup, schedule=schedule, average=average, epochs=EPOCHS)
    rates = [recipe.rate_at(step, STEPS) for step in range(STEPS)]
    weights = average_weights(average, STEPS) if average else ()
    half, held = 0, 0.0
    while weights and held < 0.5:
        half += 1
        held += weights[-half]
    exact = tuple(
        r for r in recorded
        if r.only and r.schedule == schedule and all(
            math.isclose(mine, theirs, rel_tol=1e-3)
            for mine, theirs in ((rate, r.rate), (warmup, r.warmup), (average, r.average)))
    )  # fmt: skip
    area = sum(rates) / STEPS / rate
    return RecipeState(rate, warmup, schedule, average, rates, weights, area, rates[-1] / rate, half, recorded, exact)


def _result(r: Recorded) -> str:
    within = "one seed" if math.isnan(r.low) else f"{r.low:.1f} to {r.high:.1f}"
    return f"{r.mean:.1f} % ({within})"


def recipe_sentence(s: RecipeState) -> str:
    if s.average:
        averaged = f"At decay {s.average:g} half of the average's weight is in the last {s.half:,} of {STEPS:,} steps."
    else:
        averaged = "No moving average: the last network is what you get."
    if s.exact:
        there = "Recorded: " + "; ".join(f"{r.label} {_result(r)}" for r in s.exact) + "."
    elif s.recorded:
        there = "No run is recorded at these settings."
    else:
        there = "No runs are recorded yet."
    return (
        f"{s.schedule.capitalize()} schedule, highest rate {s.rate:g}, warm-up over {100 * s.warmup:g} % of the steps: "
        f"the mean rate is {100 * s.area:.0f} % of the highest, the last step's {100 * s.last:.2g} %. {averaged} "
        f"{there}"
    )


LOW, HIGH = 5e-5, 2.0


def recipe_picture(s: RecipeState) -> str:
    x = svg.Scale(0, STEPS, 62, 372)
    y = svg.Scale(LOW, HIGH, 186, 28, log=True)
    shown = [*range(0, STEPS, 15), STEPS - 1]
    marks = [
        svg.text(62, 16, "Learning rate of each step", bold=True),
        svg.left_axis(y, 62, "rate", right=372, ticks=5, room=46),
        svg.line([(62, 186), (372, 186)]),
        svg.line([(x(step), y(s.rates[step])) for step in shown], svg.BLUE, 2.5),
        svg.text(62, 212, "The moving average's weights" + (f", decay {s.average:g}" if s.average else ""), bold=True),
        svg.bottom_axis(x, 300, "step", ticks=5),
    ]
    if s.weights:
        width = 30  # steps in a bar
        sums = [sum(s.weights[start : start + width]) for start in range(0, STEPS, width)]
        top = max(sums)
        points = [(x(start * width), 300 - 76 * value / top) for start, value in enumerate(sums)]
        marks += [svg.line(points + [(372, points[-1][1])], svg.VERMILLION, 2.5),
                  svg.line([(x(STEPS - s.half), 300), (x(STEPS - s.half), 222)], svg.VERMILLION, 1, dash="3 3"),
                  svg.text(x(STEPS - s.half) - 5, 234, f"half: last {s.half:,}", anchor="end", size=11)]  # fmt: skip
    else:
        marks += [svg.line([(62, 299), (371, 299), (371, 224)], svg.VERMILLION, 2.5),
                  svg.text(360, 240, "the last network alone", anchor="end", size=11)]  # fmt: skip
    marks += _arms(s)
    return svg.picture(680, 336, recipe_sentence(s), *marks, title="A recipe over time, and recorded arms")


def _arms(s: RecipeState) -> list[str]:
    marks = [svg.text(412, 16, "Recorded arms", bold=True)]
    if not s.recorded:
        return [*marks, svg.text(412, 44, "No runs recorded yet.", size=11)]
    levels = [v for r in s.recorded for v in (r.mean, r.low, r.high) if not math.isnan(v)]
    middle, ends = sorted(r.mean for r in s.recorded)[len(s.recorded) // 2], (min(levels), max(levels))
    low, high = max(math.floor(ends[0]), math.floor(middle) - 12), math.ceil(ends[1])
    x = svg.Scale(low, max(high, low + 1), 556, 668)
    order = sorted(s.recorded, key=lambda r: -r.mean)
    gap = min(18, 250 / len(order))
    for line, r in enumerate(order):
        at, chosen = 34 + gap * line, r in s.exact
        colour = svg.VERMILLION if chosen else svg.BLUE if r.only else "currentColor"
        words = r.label if len(r.label) < 27 else r.label[:25] + "…"
        marks.append(svg.text(412, at + 4, words, size=9 if gap < 13 else 10, bold=chosen))
        if not math.isnan(r.low):
            marks.append(svg.line([(x(r.low), at), (x(r.high), at)], colour, 1.5))
        marks.append(svg.point(x(r.mean), at, colour, "diamond" if r.only else "circle", 3.5, hollow=r.mean < low))
    bottom = 34 + gap * len(order)
    marks.append(svg.bottom_axis(x, bottom, "validation top-1, %", top=28, ticks=3))
    note = [("◆ ", svg.BLUE), "at the sliders' reach   ", ("◆ ", svg.VERMILLION), "at these settings"]
    return [*marks, svg.text(412, 332, *note, size=10)]


def recipe_explorer(rows: Sequence[tuple] = ()) -> Explorer:
    """The explorer over these recorded arms (see `recipe`). Sliders have their values beside the usual ones."""
    recorded = tuple(Recorded(*row) for row in rows)
    mine = [r for r in recorded if r.only]
    reference = mine[0] if mine else Recorded("", 0.2, 0.1, "cosine", 0.0, True, 0, 0, 0, 1)

    def steps(usual, field):
        return tuple(sorted({*usual, *(getattr(r, field) for r in (*mine, reference))}))

    return Explorer(
        (
            Slider("rate", "Highest rate", steps(RATES, "rate"), reference.rate, "{:g}"),
            Slider("warmup", "Warm-up, share", steps(WARMUPS, "warmup"), reference.warmup, "{:.0%}"),
            Slider("schedule", "Schedule", SCHEDULES, reference.schedule),
            Slider("average", "Average's decay", steps(DECAYS, "average"), reference.average, "{:g}"),
        ),
        lambda rate, warmup, schedule, average: recipe_state(rate, warmup, schedule, average, recorded),
        recipe_picture,
        recipe_sentence,
    )


def recipe(rows: Sequence[tuple] = (), **start):
    """Lesson 08: rate, moving average and recorded arms. Returns the widget.

    `rows`: (label, rate, warmup, schedule, average, only, mean, low, high, seeds) for each arm, as `Recorded` has them.
    """
    return recipe_explorer(rows).view(**start)
