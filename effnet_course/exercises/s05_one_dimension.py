"""Problem sheet 05: fields, powers, fits with intervals, and choosing among recorded runs.

Where an exercise speaks of runs, the case hands them over: made up from a seed, not recorded.
"""

import math
import random
from dataclasses import replace
from functools import cache, partial

from effnet_course.arch import B0, NANO
from effnet_course.checking import Case, Exercise, Misconception, Varies
from effnet_course.cost import network_cost

# A misconception is one thing to read: what is wrong, the wrong function, the hint.
# fmt: off

# 05.1


def receptive_field(kernels: list[int], strides: list[int]) -> tuple[int, int]:
    """(side of the field, step from one position to the next) after these layers, in pixels of the image."""
    return _field()(kernels, strides)


def _field(start=1, reach=lambda kernel, stride, step: (kernel - 1) * step,
           grow=lambda step, stride: step * stride, order=lambda layers: layers,
           report=lambda side, step: (side, step)):
    def answer(kernels, strides):
        side, step = start, 1
        for kernel, stride in order(list(zip(kernels, strides, strict=True))):
            side += reach(kernel, stride, step)
            step = grow(step, stride)
        return report(side, step)

    return answer


def _field_multiplied(kernels, strides):
    return math.prod(kernels), math.prod(strides)


def _field_largest(kernels, strides):
    return max(kernels), math.prod(strides)


def _field_backwards(kernels, strides):
    side = 1
    for kernel, stride in zip(kernels[::-1], strides[::-1], strict=True):
        side = (side - 1) * stride + kernel
    return [side, math.prod(strides)]


def _field_by_products(kernels, strides):
    return 1 + sum((k - 1) * math.prod(strides[:n]) for n, k in enumerate(kernels)), math.prod(strides)


def field_cases(seed: int) -> list[Case]:
    draw = random.Random(f"05.field {seed}")
    b0 = [[3, 2]] + [[s.kernel, s.stride if n == 0 else 1] for s in B0.stages for n in range(s.repeats)]
    fixed = [[[3, 1]], [[3, 2]], [[5, 1], [3, 1]], [[3, 2], [3, 1]], [[3, 2], [5, 2], [3, 1]],
             [[1, 1], [7, 3], [2, 2], [3, 1]], b0]
    drawn = [[[draw.choice([1, 2, 3, 5, 7]), draw.choice([1, 1, 2, 3])] for _ in range(draw.randint(3, 9))]
             for _ in range(6)]
    return [dict(kernels=[k for k, _ in layers], strides=[s for _, s in layers]) for layers in fixed + drawn]


FIELD = Exercise(
    id="05.1", title="What does an output see?", points=3, minutes=10, difficulty="easy",
    reference=receptive_field, cases=field_cases, returns=("field", "step"), helpers=("explain",),
    misconceptions=(
        Misconception("strides ignored", _field(reach=lambda k, s, step: k - 1),
            "Your field is that of a stack without any stride. When a layer moves its window on by two pixels, how far "
            "apart do two neighbours of its map lie in the image?"),
        Misconception("a layer's own stride counted at once", _field(reach=lambda k, s, step: (k - 1) * step * s),
            "In your stack a layer's stride already spreads its own window. The window lies on the map that the layer "
            "reads: whose strides have spread that one?"),
        Misconception("a layer's own stride for the step", _field(reach=lambda k, s, step: (k - 1) * s),
            "In your stack each layer's window is spread by that layer's own stride, and by no other. It stands on "
            "the map that the layer reads: how far apart do that map's positions lie in the image?"),
        Misconception("the whole kernel added", _field(reach=lambda k, s, step: k * step),
            "By your rule a 1x1 layer widens the field. Of a window, how much lies beyond the position it stands on?"),
        Misconception("the whole kernel added, from nothing", _field(start=0, reach=lambda k, s, step: k * step),
            "Your first layer is right. The second one's window overlaps with that of its neighbour: do two 3x3 layers "
            "at stride 1 really see six pixels?"),
        Misconception("started from nothing", _field(start=0),
            "Your field is too small everywhere, even for one layer. What does a position see before any layer?"),
        Misconception("half the window added", _field(reach=lambda k, s, step: (k - 1) // 2 * step),
            "You add what a window reaches on one side. It has two."),
        Misconception("strides added up", _field(grow=lambda step, stride: step + stride - 1),
            "Two layers with stride 3 leave your positions 5 pixels apart. Take a row of pixels, keep every third, and "
            "of those every third again."),
        Misconception("only the last stride counts", _field(grow=lambda step, stride: stride),
            "In your stack a stride is forgotten after the next layer. Does the map become fine again?"),
        Misconception("layers from last to first", _field(order=lambda layers: layers[::-1]),
            "You have gone through the layers from the last to the first with the rule that goes the other way. Which "
            "strides come before the first layer?"),
        Misconception("kernels multiplied", _field_multiplied,
            "Your field multiplies from layer to layer. Draw two 3x3 layers at stride 1 on a row of pixels and count."),
        Misconception("the largest kernel", _field_largest,
            "Your field is that of the largest window alone. What does a position see of what its neighbours saw?"),
        Misconception("step and field exchanged", _field(report=lambda side, step: (step, side)),
            "Those are the right two numbers. Which one was asked for first?"),
    ),
    other_answers=(_field_backwards, _field_by_products),
    hints=(
        "Keep two numbers while you go through the layers: how wide the field is, and how many pixels lie between two "
        "neighbours of the present map.",
        "A layer's window reaches beyond its middle on both sides. Each of those positions is one step away, the "
        "step of the map that the layer reads.",
    ),
    remark="The long case is B0: 851 pixels, for an image of 224.",
)

# 05.2

STRETCH = 3.29


def _cover(start=1, step_of=lambda step: step, spread=lambda k, step: step**2 * (k**2 - 1) / 12,
           stretch=STRETCH, used=None, covers=lambda side, resolution: side >= resolution,
           first_of=lambda first: first, count=lambda n, first: n, report=lambda a, b: (a, b), image=lambda r: r,
           least=0, jump=lambda step, stride: step * stride, first_spread=None, block_spread=None,
           first_reach=lambda k, step, stride: (k - 1) * step):
    used = used or (lambda total: stretch * math.sqrt(total))
    first_spread = first_spread or (lambda k, step, stride: spread(k, step))
    block_spread = block_spread or spread

    def answer(resolution, first, kernel):
        side, step, total = start, 1, 0.0
        for k, stride in first_of(first):
            side, total = side + first_reach(k, step, stride), total + first_spread(k, step, stride)
            step = jump(step, stride)
        found = []
        for theoretical in (True, False):
            n = least
            while n < 20_000:
                reach = side + n * (kernel - 1) * step_of(step)
                part = used(total + n * block_spread(kernel, step_of(step)))
                if covers(reach if theoretical else part, image(resolution)):
                    break
                n += 1
            found.append(count(n, first))
        return report(*found)

    return answer


def _cover_linear(resolution, first, kernel, stretch):
    theory = _cover()(resolution, first, kernel)[0]
    step, deviations = 1, []
    for k, stride in first:
        deviations.append(step * math.sqrt((k**2 - 1) / 12))
        step *= stride
    more, n = step * math.sqrt((kernel**2 - 1) / 12), 0
    while stretch * (sum(deviations) + n * more) < resolution:
        n += 1
    return theory, n


def _cover_linear_blocks(resolution, first, kernel, stretch):
    """As `_cover_linear`, but the first layers' variances are added."""
    theory = _cover()(resolution, first, kernel)[0]
    step, variance, n = 1, 0.0, 0
    for k, stride in first:
        variance, step = variance + step**2 * (k**2 - 1) / 12, step * stride
    more = step * math.sqrt((kernel**2 - 1) / 12)
    while stretch * (math.sqrt(variance) + n * more) < resolution:
        n += 1
    return theory, n


def _cover_one_too_few(resolution, first, kernel, stretch):
    a, b = _cover(stretch=stretch)(resolution, first, kernel)
    return max(0, a - 1), max(0, b - 1)


def _cover_not_below_zero(resolution, first, kernel, stretch, whole=math.ceil):
    side, step, total = 1, 1, 0.0
    for k, stride in first:
        side, total, step = side + (k - 1) * step, total + step**2 * (k**2 - 1) / 12, step * stride
    wanted = (resolution / stretch) ** 2
    return (whole((resolution - side) / ((kernel - 1) * step)),
            whole((wanted - total) / (step**2 * (kernel**2 - 1) / 12)))


def _cover_rounded(resolution, first, kernel, stretch, whole=math.ceil):
    return [max(0, n) for n in _cover_not_below_zero(resolution, first, kernel, stretch, whole)]


def _cover_by_lists(resolution, first, kernel, stretch):
    def need(side):
        n = 0
        while side([*first, *[[kernel, 1]] * n]) < resolution:
            n += 1
        return n

    def used(layers):
        steps = [math.prod(s for _, s in layers[:n]) for n in range(len(layers))]
        return stretch * sum(a * a * (k * k - 1) / 12 for a, (k, _) in zip(steps, layers, strict=True)) ** 0.5

    return need(lambda layers: _field_backwards(*map(list, zip(*layers, strict=True)))[0]), need(used)


def cover_cases(seed: int) -> list[Case]:
    draw = random.Random(f"05.cover {seed}")
    fixed = [(4, [[3, 1]], 3), (9, [[3, 1], [3, 2]], 3), (16, [[3, 1], [5, 2]], 3), (33, [[3, 2], [3, 2]], 5),
             (32, [[3, 1], [3, 2]], 3), (20, [[3, 2], [5, 2], [5, 2], [5, 1]], 3), (64, [[3, 2], [3, 2], [3, 2]], 5)]
    drawn = []
    while len(drawn) < 6:
        first = [[draw.choice([3, 5]), draw.choice([1, 2])] for _ in range(draw.randint(2, 5))]
        drawn.append((draw.randint(16, 64), first, draw.choice([3, 5])))
    return [dict(resolution=r, first=[list(f) for f in first], kernel=k) for r, first, k in fixed + drawn]


def cover_exercise(percent: int = 90, reach: float = 1.645, stretch: float = STRETCH) -> Exercise:
    """Exercise 05.2 for the part in use that holds so many percent of the paths, `reach` deviations to either side."""
    cover = partial(_cover, stretch=stretch)

    def blocks_to_cover(resolution: int, first: list[list[int]], kernel: int) -> tuple[int, int]:
        """Blocks to add so that the theoretical field covers the image, and so that the part in use does."""
        return cover()(resolution, first, kernel)

    return Exercise(
        id="05.2", title="How deep for how sharp?", points=4, minutes=20, difficulty="moderate",
        reference=blocks_to_cover, cases=cover_cases, returns=("blocks by theory", "blocks by use"),
        helpers=("explain",),
        misconceptions=(
            Misconception("deviations added in place of variances", partial(_cover_linear, stretch=stretch),
                "In your second number the spreads of the layers add up like the steps of somebody who always walks "
                "the same way. Here each step goes either way: what is it that adds up?"),
            Misconception("the blocks' deviations added", partial(_cover_linear_blocks, stretch=stretch),
                "In your second number the spreads of the added blocks add up like the steps of somebody who always "
                "walks the same way. Here each step goes either way: what is it that adds up?"),
            Misconception("variance without the root", cover(used=lambda total: stretch * total),
                "Your part in use grows in proportion to the number of blocks. Which unit has a variance, and which a "
                "side?"),
            Misconception("the step not squared", cover(spread=lambda k, step: step * (k**2 - 1) / 12),
                "Stretch a distribution to twice its width. Your variance doubles: does it?"),
            Misconception("the step left out of the variance", cover(spread=lambda k, step: (k**2 - 1) / 12),
                "Your later layers spread as little as the first, although their positions lie further apart in the "
                "image."),
            Misconception("the step not squared for the blocks",
                cover(block_spread=lambda k, step: step * (k**2 - 1) / 12),
                "In your second number the added blocks widen the walk by too little. If a step is twice as long, what "
                "becomes of its variance?"),
            Misconception("the step left out for the blocks", cover(block_spread=lambda k, step: (k**2 - 1) / 12),
                "Your second number lets the added blocks work on the image itself. How far apart are the positions of "
                "their map?"),
            Misconception("the first layers' variance forgotten", cover(first_spread=lambda k, step, stride: 0.0),
                "Your first number is right. In your second one the paths stand still until the added blocks begin. Do "
                "they not walk in the first layers?"),
            Misconception("a layer's own stride in its variance",
                cover(first_spread=lambda k, step, stride: (step * stride)**2 * (k**2 - 1) / 12),
                "Your first number is right. In your second one a layer's stride already lengthens the layer's own "
                "steps. They are taken on the map that it reads: whose strides have spread that one?"),
            Misconception("a layer's own stride counted at once, in both",
                cover(first_spread=lambda k, step, stride: (step * stride)**2 * (k**2 - 1) / 12,
                      first_reach=lambda k, step, stride: (k - 1) * step * stride),
                "Both your numbers let a first layer's stride act on its own window. The window lies on the map that "
                "the layer reads."),
            Misconception("a continuous window", cover(spread=lambda k, step: step**2 * k**2 / 12),
                "In your model a 1x1 layer spreads the influence. A window here is made of single positions: how large"
                " is the variance if there is only one?"),
            Misconception("half the side", cover(used=lambda total: stretch / 2 * math.sqrt(total)),
                "Your second number asks for too many blocks: you compare the distance to one side with the whole "
                "image."),
            Misconception("strides of the first layers forgotten", cover(step_of=lambda step: 1),
                "The blocks you add reach one pixel further each. On which map do they work, after the first layers' "
                "strides?"),
            Misconception("strides forgotten everywhere", cover(jump=lambda step, stride: 1),
                "No stride matters in your network. How far apart do the positions of the last map lie?"),
            Misconception("the first layers forgotten", cover(first_of=lambda first: [[1, s] for _, s in first]),
                "You let the added blocks do all of it. What do the first layers see already?"),
            Misconception("layers counted, not blocks added", cover(count=lambda n, first: n + len(first)),
                "You count the layers that are there already as well. How many are to be added?"),
            Misconception("more than the image asked for", cover(covers=lambda side, resolution: side > resolution),
                "On the case above a field exactly as wide as the image is not enough for you. Do you ask for more "
                "than the image, or does your field start at nothing?"),
            Misconception("one block at least", cover(least=1),
                "You always add a block. What if the image is covered before?"),
            Misconception("blocks taken away", partial(_cover_not_below_zero, stretch=stretch),
                "You take blocks away that are not there. What is the least that can be added?"),
            Misconception("one block too few", partial(_cover_one_too_few, stretch=stretch),
                "With as many blocks as you say the image is not yet covered. Counting up, do you stop a turn early?"),
            Misconception("rounded down", partial(_cover_rounded, stretch=stretch, whole=math.floor),
                "With as many blocks as you say the image is not yet covered. There are no parts of a block."),
            Misconception("rounded to the nearest", partial(_cover_rounded, stretch=stretch, whole=round),
                "You round to the nearest number of blocks. If four tenths of a block are lacking, is the image "
                "covered?"),
            Misconception("the two exchanged", cover(report=lambda a, b: (b, a)),
                "Your first number is the larger one. Can what is in use be wider than what can be reached?"),
        ),
        other_answers=(partial(_cover_rounded, stretch=stretch), partial(_cover_by_lists, stretch=stretch)),
        hints=(
            "Go through the first layers once and keep three numbers: the field, the step, and the sum of the "
            "variances. What each side still lacks then is for the added blocks to bring.",
            "All added blocks work on the same map, so each adds the same to the field and the same to the variance. "
            "You can divide. Or count up in a `for` loop over at most 1,000 blocks, which is enough for every case; a "
            "`while` loop in which nothing grows would never end.",
        ),
        remark="What can be reached grows with the depth, what is used with its root. So on the same map an image "
               "twice as wide takes about twice the blocks by theory, and about four times the blocks by use.",
    )


# In a variant the part in use holds another share of the paths, with the normal law's deviations for it.
COVER = replace(cover_exercise(), varies=Varies(
    cover_exercise,
    values=tuple(
        {"percent": percent, "reach": reach, "stretch": stretch}
        for percent, reach, stretch in [(80, 1.282, 2.56), (85, 1.440, 2.88), (95, 1.960, 3.92), (98, 2.326, 4.65),
                                        (99, 2.576, 5.15)]
    ),
    phrases=(
        ("nearly normally distributed, and 90 % of", "nearly normally distributed, and {percent} % of"),
        ("within 1.645 standard deviations", "within {reach} standard deviations"),
        ("a stretch of **3.29** standard", "a stretch of **{stretch}** standard"),
        ("Here it is 90 % of the paths", "Here it is {percent} % of the paths"),
        ("((resolution / 3.29) ** 2", "((resolution / {stretch}) ** 2"),
    ),
))


# 05.3


def powers(scales: list[list[float]], macs: list[int]) -> tuple[float, float, float, int]:
    """Powers of d, w and r by least squares, and the number of the network that the rule d w^2 r^2 misses by most."""
    return _powers()(scales, macs)


def _solve(rows, values):
    import numpy as np

    return np.linalg.lstsq(np.array(rows, float), np.array(values, float), rcond=None)[0].tolist()


def _powers(log=math.log, log_scale=None, constant=True, pick=lambda fit: fit[1:4], first=0, rule=(1, 2, 2),
            miss=lambda counted, said: abs(math.log(counted / said)), of_fit=False, unit=lambda base: 1):
    log_scale = log_scale or log

    def answer(scales, macs):
        rows = [[1] * constant + [log_scale(x) for x in scale] for scale in scales]
        fit = _solve(rows, [log(m / unit(macs[0])) for m in macs])
        whole = [1] * (not constant) + list(fit)
        said = [macs[0] * math.prod(x**p for x, p in zip(scale, rule, strict=True)) for scale in scales]
        if of_fit:
            said = [math.exp(sum(a * b for a, b in zip(row, fit, strict=True))) for row in rows]
        misses = [miss(m, s) for m, s in zip(macs, said, strict=True)]
        return (*pick(whole), misses.index(max(misses)) + first)

    return answer


def _powers_by_turning_one(scales, macs):
    found = []
    for i in range(3):
        rows = [n for n, s in enumerate(scales) if n and all(x == 1 for j, x in enumerate(s) if j != i) and s[i] != 1]
        n = rows[0]
        found.append(math.log(macs[n] / macs[0]) / math.log(scales[n][i]))
    return (*found, _powers()(scales, macs)[3])


def _powers_one_at_a_time(alone):
    """A line for each multiplier: over all networks or, with `alone`, over those that turn nothing else."""
    def answer(scales, macs):
        found = []
        for i in range(3):
            rows = [n for n, s in enumerate(scales) if not alone or all(x == 1 for j, x in enumerate(s) if j != i)]
            lines = [[1, math.log(scales[n][i])] for n in rows]
            found.append(_solve(lines, [math.log(macs[n]) for n in rows])[1])
        return (*found, _powers()(scales, macs)[3])

    return answer


def _powers_by_normal_equations(scales, macs):
    import numpy as np

    logs = np.log2(np.array(scales))
    x, y = logs - logs.mean(0), np.log2(np.array(macs, float))
    fit = np.linalg.solve(x.T @ x, x.T @ (y - y.mean()))
    off = np.abs(y - y[0] - logs @ np.array([1, 2, 2]))
    return [*fit.tolist(), int(off.argmax())]


def _powers_from_ratios(scales, macs):
    fit = _solve([[1, *map(math.log10, s)] for s in scales], [math.log10(m / macs[0]) for m in macs])
    ratios = [m / macs[0] / (d * w * w * r * r) for (d, w, r), m in zip(scales, macs, strict=True)]
    return (*fit[1:], max(range(len(macs)), key=lambda n: max(ratios[n], 1 / ratios[n])))


@cache
def _counted(name: str, d: float, w: float, r: float) -> int:
    base = {"b0": B0, "nano": NANO}[name]
    return network_cost(base.scaled(depth=d, width=w, resolution=r), 10).macs


def power_cases(seed: int) -> list[Case]:
    draw = random.Random(f"05.powers {seed}")
    single = [[1, 1, 1], [2, 1, 1], [1, 2, 1], [1, 1, 2]]
    tables = [("b0", [*single, [2, 2, 2], [3, 1, 2]]), ("nano", [*single, [3, 2, 1], [1, 3, 2], [2, 3, 3]])]
    while len(tables) < 8:
        name, more = draw.choice(["b0", "nano"]), draw.randint(4, 9)
        steps = draw.choice([(1.1, 1.2, 1.4), (1, 1.5, 2, 3), (0.8, 1.25, 1.5, 2.2)])
        tables.append((name, single + [[float(draw.choice(steps)) for _ in range(3)] for _ in range(more)]))
    # Made up: which miss is the largest depends on whether one compares factors, differences or percentages.
    few = [*single, [3, 1, 1], [2, 2, 2]]
    made_up = [[100, 260, 300, 400, 330, 3200], [100, 256, 320, 400, 330, 3200]]
    cases = [{"scales": [[float(x) for x in s] for s in few], "macs": macs} for macs in made_up]
    for name, scales in tables:
        macs = [_counted(name, *scale) for scale in scales]
        cases.append({"scales": [[float(x) for x in s] for s in scales], "macs": macs})
    return cases


POWERS = Exercise(
    id="05.3", title="Find the powers, and where they fail", points=5, minutes=25, difficulty="hard",
    reference=powers, cases=power_cases, returns=("power of d", "power of w", "power of r", "worst network"),
    misconceptions=(
        Misconception("no logarithms", _powers(log=float),
            "You fit a sum of multiples. MACs come from a product, in which each multiplier has a power: what turns a "
            "product into a sum?"),
        Misconception("logarithm of the MACs alone", _powers(log_scale=float),
            "You take the logarithm on one side only. By your fit one more unit of depth multiplies the MACs, "
            "whatever the depth was before."),
        Misconception("logarithm of the multipliers alone", _powers(log=float, log_scale=math.log),
            "You take the logarithm on one side only: your numbers are of the size of MACs, and a power is a small"
            " one."),
        Misconception("no constant", _powers(constant=False),
            "By your fit a network with all multipliers at 1 does one MAC. Which number does your plane lack?"),
        Misconception("no constant, as multiples of the base",
            _powers(constant=False, unit=lambda base: base),
            "Your plane has to go through the base exactly, as if that one count could not miss. In the lesson's fit "
            "all networks count alike, and the level is found with the powers."),
        Misconception("width and resolution exchanged", _powers(pick=lambda fit: (fit[1], fit[3], fit[2])),
            "Your first power is right, and so is the network. In which order do the multipliers stand, and in which "
            "order do their powers come out?"),
        *(Misconception(f"rounded to {places} places",
                _powers(pick=lambda fit, places=places: [round(x, places) for x in fit[1:4]]),
                f"Your powers are right, rounded to {places} places. Return them as they come, without rounding.")
          for places in (2, 3, 4)),
        Misconception("the constant among the powers", _powers(pick=lambda fit: fit[:3]),
            "Your first number is the logarithm of what the base costs. Which entry of the fit belongs to which "
            "column?"),
        Misconception("one network for each power", _powers_by_turning_one,
            "You read each power off a single network. The others were counted too, and each misses a little: "
            "which plane comes close to all of them?"),
        Misconception("one line for each multiplier, over all networks", _powers_one_at_a_time(alone=False),
            "You fit each multiplier by itself, over networks in which the others were turned as well: each line takes "
            "credit for what the others did. How can all three have a part in one fit?"),
        Misconception("one line for each multiplier, over those that turn nothing else",
            _powers_one_at_a_time(alone=True),
            "You leave out every network in which more than one multiplier was turned. Those were counted too: which "
            "plane comes close to all?"),
        Misconception("two different logarithms", _powers(log=math.log, log_scale=math.log2),
            "Your powers are all too small by the same factor. Any logarithm will do, if it is the same everywhere."),
        Misconception("two different logarithms, the other way", _powers(log=math.log2, log_scale=math.log),
            "Your powers are all too large by the same factor. Any logarithm will do, if it is the same everywhere."),
        Misconception("the worst by MACs, not by ratio", _powers(miss=lambda counted, said: abs(counted - said)),
            "Your powers are right. Your last number favours large networks: a miss of one percent of a large "
            "number is a large number. Off by which factor?"),
        Misconception("only where the rule says too little, or the base's MACs left out of the rule",
            _powers(miss=lambda counted, said: counted / said),
            "Your powers are right. You name the network that costs most for what the rule says. Two things to look "
            "at: does your rule give the base the base's own MACs, and does it count as a miss to say too much?"),
        Misconception("the ratio's distance from 1", _powers(miss=lambda counted, said: abs(counted / said - 1)),
            "Your powers are right. By your measure it is a larger miss to say half of what is true than to say "
            "twice as much as is true. Both are off by the same factor."),
        Misconception("the distance of the ratio turned round",
            _powers(miss=lambda counted, said: abs(said / counted - 1)),
            "Your powers are right. By your measure it is a larger miss to say twice what is true than to say "
            "half of it. Both are off by the same factor."),
        Misconception("only where the rule says too much", _powers(miss=lambda counted, said: said / counted),
            "Your powers are right. On the case above the rule also says too little somewhere: is that no miss?"),
        Misconception("the worst of one's own fit", _powers(of_fit=True),
            "Your powers are right. Your last number is where your own plane misses by most; the question is about"
            " the rule."),
        Misconception("width and resolution without their squares", _powers(rule=(1, 1, 1)),
            "Your powers are right, and your last number belongs to a rule with other ones. What does the rule say"
            " when the width doubles?"),
        Misconception("networks counted from one", _powers(first=1),
            "Your powers are right, and the network you name is the next one. Which number has the first?"),
    ),
    other_answers=(_powers_by_normal_equations, _powers_from_ratios),
    hints=(
        "One row for each network: a 1, and the logarithms of its three multipliers. `numpy.linalg.lstsq` takes "
        "these rows and the logarithms of the MACs.",
        "For the last number leave the fit aside. The first network is the base: what does the rule say each of "
        "the others should cost? Compare by the factor, in either direction.",
    ),
    remark="The rule is off where blocks are rounded up, and by the layers that have one width only.",
)

# 05.4


def extrapolate(macs: list[float], top1: list[float], at: float) -> tuple[float, float, float, float]:
    """Points per doubling, and the line at `at` MACs with its 95 % interval: (gain, value, low, high)."""
    return _line()(macs, top1, at)


def _line(log=math.log2, factor=lambda f: _t(f), freedom=lambda n: n - 2, divide=lambda n: n - 2,
          leverage=lambda n, away, wide: 1 / n + away, group=False, report=lambda gain, value, half:
          (gain, value, value - half, value + half), root=True, place=None, place_of_error=None):
    place = place or log
    place_of_error = place_of_error or place

    def answer(macs, top1, at):
        if group:
            sizes = sorted(set(macs))
            top1 = [_mean([y for m, y in zip(macs, top1, strict=True) if m == size]) for size in sizes]
            macs = sizes
        x, n = [log(m) for m in macs], len(macs)
        middle, level = _mean(x), _mean(top1)
        wide = sum((a - middle) ** 2 for a in x)
        gain = sum((a - middle) * (b - level) for a, b in zip(x, top1, strict=True)) / wide
        value = level + gain * (place(at) - middle)
        left = sum((b - level - gain * (a - middle)) ** 2 for a, b in zip(x, top1, strict=True))
        spread = (left / divide(n)) ** (0.5 if root else 1)
        half = factor(freedom(n)) * spread * math.sqrt(leverage(n, (place_of_error(at) - middle) ** 2 / wide, wide))
        return report(gain, value, half)

    return answer


def _mean(values):
    return sum(values) / len(values)


@cache
def _t(freedom: float, tail: float = 0.975) -> float:
    from scipy.stats import t

    return float(t.ppf(tail, freedom))


def _line_last_two(macs, top1, at):
    sizes = sorted(set(macs))
    ends = [_mean([y for m, y in zip(macs, top1, strict=True) if m == size]) for size in sizes[-2:]]
    gain = (ends[1] - ends[0]) / math.log2(sizes[-1] / sizes[-2])
    value = ends[1] + gain * math.log2(at / sizes[-1])
    _, middle, low, high = _line()(macs, top1, at)
    return gain, value, value - (middle - low), value + (high - middle)


def _line_by_scipy(macs, top1, at):
    import numpy as np
    from scipy import stats

    x, y = np.log2(macs), np.array(top1)
    fit = stats.linregress(x, y)
    value = fit.intercept + fit.slope * np.log2(at)
    error = np.hypot(fit.stderr * (np.log2(at) - x.mean()), fit.stderr * x.std())
    return [fit.slope, value, *(value + error * np.array([-1, 1]) * stats.t(len(x) - 2).ppf(0.975))]


def _line_by_matrix(macs, top1, at):
    import numpy as np

    rows = np.column_stack([np.ones(len(macs)), np.log2(macs)])
    inverse = np.linalg.inv(rows.T @ rows)
    fit, here = inverse @ rows.T @ np.array(top1), np.array([1, np.log2(at)])
    left = np.array(top1) - rows @ fit
    half = _t(len(macs) - 2) * math.sqrt(left @ left / (len(macs) - 2) * (here @ inverse @ here))
    return fit[1], here @ fit, here @ fit - half, here @ fit + half


def line_cases(seed: int) -> list[Case]:
    draw = random.Random(f"05.line {seed}")
    fixed = [([1.0, 2.0, 4.0], [50.0, 53.0, 54.0], 8.0),
             ([1.0, 1.0, 2.0, 2.0, 4.0, 4.0], [50.0, 51.0, 53.0, 52.0, 55.5, 54.0], 2.5)]
    drawn = []
    for _ in range(8):
        budgets = draw.choice([(0.5, 1, 2, 4), (1, 2, 4), (0.5, 1, 2, 4, 8)])
        sizes = [round(3.26 * budget * draw.uniform(0.95, 1.1), 2) for budget in budgets]
        seeds = [draw.randint(2, 4) for _ in sizes]
        macs = [m for m, n in zip(sizes, seeds, strict=True) for _ in range(n)]
        start, gain, bend = draw.uniform(50, 70), draw.uniform(0.3, 3), draw.uniform(0, 0.4)
        steps = [math.log2(m / 3.26) for m in macs]
        top1 = [round(start + gain * x - bend * x**2 + draw.gauss(0, 0.7), 2) for x in steps]
        drawn.append((macs, top1, round(sizes[-1] * draw.choice([0.3, 2, 4, 16]), 2)))
    return [dict(macs=list(m), top1=list(y), at=a) for m, y, a in fixed + drawn]


LINE = Exercise(
    id="05.4", title="The next doubling, with an interval", points=5, minutes=25, difficulty="moderate",
    reference=extrapolate, cases=line_cases, returns=("points per doubling", "value", "low", "high"),
    misconceptions=(
        Misconception("a straight line in MACs", _line(log=float),
            "Your line gains the same for each further MAC. The question is about doublings: on which axis are two "
            "doublings equally long?"),
        Misconception("the natural logarithm", _line(log=math.log),
            "Your value and interval are right, and your gain is not that of a doubling: by how much do the MACs "
            "grow for one unit of your axis?"),
        Misconception("the logarithm to base ten", _line(log=math.log10),
            "Your value and interval are right, and your gain is that of tenfold MACs."),
        Misconception("the place without its logarithm", _line(place=float),
            "Your gain is right. You ask your line at the MACs as they are given. In which unit is the axis on which "
            "it was fitted?"),
        Misconception("the value's place without its logarithm", _line(place=float, place_of_error=math.log2),
            "Your gain is right, and the width of your interval. You read the line's value at the MACs as they "
            "are given: in which unit is its axis?"),
        Misconception("1.96 for every number of runs", _line(factor=lambda f: 1.96),
            "Your interval is too narrow. The spread is estimated from a handful of runs: which factor knows that?"),
        Misconception("a one-sided factor", _line(factor=lambda f: _t(f, 0.95)),
            "Your interval leaves five percent on each side. How much is to be left out altogether?"),
        Misconception("one degree of freedom too many",
            _line(freedom=lambda n: n - 1, divide=lambda n: n - 1),
            "You subtract one from the number of runs, as for a mean. How many numbers has the line taken from the"
            " data?"),
        Misconception("a degree too many in the spread", _line(divide=lambda n: n - 1),
            "Your spread divides by one less than the runs. A line has taken more than one number from them."),
        Misconception("the spread divided by the number of runs", _line(divide=lambda n: n),
            "Your factor is right. Your spread is a plain average over the runs, as if the line had been known before: "
            "how many numbers has it taken from them?"),
        Misconception("a degree too many in the factor", _line(freedom=lambda n: n - 1),
            "Your factor belongs to another number of degrees of freedom than a line leaves."),
        Misconception("the runs counted as they are", _line(freedom=lambda n: n, divide=lambda n: n),
            "You divide by the number of runs. A line through two points misses none of them: what would you say "
            "of its spread?"),
        Misconception("the same interval everywhere", _line(leverage=lambda n, away, wide: 1 / n),
            "Your interval is as wide at the end as in the middle. If the slope is a little wrong, where does it "
            "hurt most?"),
        Misconception("the slope's error alone", _line(leverage=lambda n, away, wide: away),
            "By your interval the line is known exactly in the middle of the points. Is it?"),
        Misconception("the gain's interval around the value", _line(leverage=lambda n, away, wide: 1 / wide),
            "You have put the interval of the gain around the value, whatever the place. How far does a wrong "
            "gain carry the line off, near the middle of the points and far from it?"),
        Misconception("the gain's error around the value",
            _line(leverage=lambda n, away, wide: 1 / wide, factor=lambda f: 1),
            "You have put the error of the gain around the value. Which place is asked for does not enter into it, "
            "and no factor says from how few runs the spread is known."),
        Misconception("an interval for a single run", _line(leverage=lambda n, away, wide: 1 + 1 / n + away),
            "Your interval is one for the next single run, with its own scatter. What was asked for is the line."),
        Misconception("the spread for the error", _line(leverage=lambda n, away, wide: 1),
            "Your interval is that of runs around the line. With more and more runs it would never get narrower."),
        Misconception("the variance for the spread", _line(root=False),
            "Multiply all top-1 by ten. Your interval then becomes a hundred times as wide."),
        Misconception("seeds averaged first",
            _line(group=True, factor=lambda f: _t(max(f, 1)), divide=lambda n: max(n - 2, 1)),
            "You average the seeds before you fit, and what they say about the scatter is lost; and each size "
            "counts the same, however often it was run."),
        Misconception("the last two sizes", _line_last_two,
            "Your line goes through the last two sizes. What do the others say?"),
        Misconception("half width in place of bounds",
            _line(report=lambda gain, value, half: (gain, value, half, half)),
            "Your last two numbers are the same. Where does the interval begin, and where does it end?"),
        Misconception("bounds exchanged",
            _line(report=lambda gain, value, half: (gain, value, value + half, value - half)),
            "Your low is above your high."),
    ),
    other_answers=(_line_by_scipy, _line_by_matrix),
    hints=(
        "`scipy.stats.linregress` fits the line. What is left over at each run gives the spread around it; two "
        "numbers of the line have been taken from the data.",
        "The error of the line at a place has two parts that add up as squares: that of the level in the middle of the "
        "points, and that of the slope, times the distance from the middle.",
    ),
    remark="The interval holds if the line goes on being a line. It cannot warn you of a bend beyond the last run.",
)

# 05.5


def best_dimension(rows: list, budget: float) -> tuple[str, float, float, float]:
    """The best single dimension at a budget, or "undecided", and its lead over the next with its 95 % interval."""
    return _best()(rows, budget)


def _sum_of_squares(values):
    middle = _mean(values)
    return sum((v - middle) ** 2 for v in values)


SINGLE = ("depth", "width", "resolution")


def _best(score=_mean, pool="all", factor=lambda f: _t(f), decide=lambda low, a, b, half: low > 0, near=0.03,
          competes=lambda family: family in SINGLE, against=1, error=lambda n, m: 1 / n + 1 / m, less=1, of_lead=None,
          average_deviations=False):
    def answer(rows, budget):
        there = [r for r in rows if competes(r[0]) and abs(r[1] / budget - 1) <= near]
        there.sort(key=lambda r: -score(r[2]))
        one, two = there[0], there[against]
        groups = {"all": [r[2] for r in rows], "two": [one[2], two[2]], "there": [r[2] for r in there],
                  "scaled": [r[2] for r in rows if r[0] != "base"]}[pool]
        freedom = sum(len(g) - less for g in groups)
        spread = math.sqrt(sum(map(_sum_of_squares, groups)) / freedom)
        if average_deviations:
            spread = _mean([math.sqrt(_sum_of_squares(g) / (len(g) - 1)) for g in groups])
        lead = (of_lead or score)(one[2]) - (of_lead or score)(two[2])
        half = factor(freedom) * spread * math.sqrt(error(len(one[2]), len(two[2])))
        return one[0] if decide(lead - half, one[2], two[2], half) else "undecided", lead, lead - half, lead + half

    return answer


def _best_by_overlap(rows, budget):
    name, lead, low, high = _best(decide=lambda *_: True)(rows, budget)
    there = sorted((r for r in rows if r[0] in SINGLE and abs(r[1] / budget - 1) <= 0.03), key=lambda r: -_mean(r[2]))
    freedom = sum(len(r[2]) - 1 for r in rows)
    spread = math.sqrt(sum(_sum_of_squares(r[2]) for r in rows) / freedom)
    halves = sum(_t(freedom) * spread / math.sqrt(len(r[2])) for r in there[:2])
    return name if lead > halves else "undecided", lead, low, high


def _best_with_the_package(rows, budget):
    from effnet_course import atlas

    pooled = atlas.spread([r[2] for r in rows])
    there = [r for r in rows if r[0] in SINGLE and abs(r[1] - budget) <= 0.03 * budget]
    two = sorted(there, key=lambda r: _mean(r[2]))[-2:]
    lead, low, high = atlas.difference(two[1][2], two[0][2], pooled)
    return ["undecided" if low <= 0 else two[1][0], lead, low, high]


def _best_with_numpy(rows, budget):
    import numpy as np

    freedom = sum(len(values) - 1 for _, _, values in rows)
    variance = sum(np.var(values) * len(values) for _, _, values in rows) / freedom
    means = {name: (np.mean(v), len(v)) for name, macs, v in rows if abs(macs / budget - 1) <= 0.03 and name in SINGLE}
    (a, n), (b, m) = sorted(means.values(), reverse=True)[:2]
    half = _t(freedom) * math.sqrt(variance * (n + m) / (n * m))
    name = next(k for k, v in means.items() if v == (a, n)) if a - b > half else "undecided"
    return name, a - b, a - b - half, a - b + half


def _run_table(draw, seeds, gaps, noise, base_high=False):
    rows = [["base", 1.0, [round(draw.gauss(62 if not base_high else 75, noise), 2) for _ in range(seeds)]]]
    for budget, level in ((2.0, 64.0), (4.0, 66.5)):
        for name, gap in zip(("depth", "width", "resolution"), draw.sample(gaps, 3), strict=True):
            macs = round(budget * draw.uniform(0.985, 1.015), 3)
            count = seeds + draw.choice([0, 0, 1])
            rows.append([name, macs, [round(draw.gauss(level - gap, noise), 2) for _ in range(count)]])
    return rows


def best_cases(seed: int) -> list[Case]:
    draw = random.Random(f"05.best {seed}")
    small = [["base", 1.0, [60.0, 61.0]], ["depth", 2.0, [61.0, 62.0]], ["width", 2.0, [65.0, 66.0]],
             ["resolution", 2.0, [62.5, 63.5]]]
    near = [["base", 1.0, [60.0, 60.4, 60.2]], ["depth", 2.0, [62.0, 62.3, 62.6]], ["width", 2.0, [62.9, 63.0, 63.4]],
            ["resolution", 2.0, [61.0, 60.6, 61.4]], ["width", 4.0, [65.0, 65.1, 65.5]],
            ["depth", 4.0, [64.0, 64.2, 64.6]],
            ["resolution", 4.0, [66.0, 64.6, 64.9]]]
    off = [["base", 1.0, [60.0, 61.0]], ["depth", 2.056, [70.0, 71.0]], ["width", 2.0, [66.0, 67.0]],
           ["resolution", 1.99, [63.0, 64.0]], ["resolution", 2.066, [68.0, 69.0]], ["width", 1.3, [74.0, 75.0]]]
    mixed = [["base", 1.0, [69.0, 70.0]], ["depth", 1.01, [62.0, 63.0]], ["width", 0.99, [67.0, 68.0]],
             ["resolution", 1.01, [64.0, 65.0]], ["compound", 1.0, [73.0, 74.0]]]
    tables = [(small, 2.0), (mixed, 1.0), (off, 2.0), (near, 2.0), (near, 4.0)]
    while len(tables) < 16:
        noise = draw.choice([0.3, 0.6])
        gaps = [0, draw.choice([0.4, 1.2, 1.6]), 2.5]
        table = _run_table(draw, draw.randint(2, 4), gaps, noise, base_high=len(tables) == 7)
        tables += [(table, 2.0), (table, 4.0)]
    return [dict(rows=[[name, macs, list(values)] for name, macs, values in rows], budget=budget)
            for rows, budget in tables]


BEST = Exercise(
    id="05.5", title="Which dimension, or is it undecided?", points=4, minutes=20, difficulty="moderate",
    reference=best_dimension, cases=best_cases, returns=("dimension", "lead", "low", "high"),
    misconceptions=(
        Misconception("the best single seed", _best(score=max),
            "You compare the luckiest runs. Whoever makes more runs then has the better network. What is to be "
            "compared?"),
        Misconception("chosen by the best single seed", _best(score=max, of_lead=_mean),
            "You take the means' difference, but of the two networks with the luckiest runs. By what are the two to be "
            "chosen?"),
        Misconception("always a winner", _best(decide=lambda *_: True),
            "You always name the one that is ahead. On the case above your own interval holds a difference of 0."),
        Misconception("never a winner", _best(decide=lambda *_: False),
            "You never name one, not even where your interval lies wholly above 0."),
        Misconception("intervals that overlap", _best_by_overlap,
            "You ask whether the two means' own intervals overlap. On the case above they do, and the interval of the "
            "difference still lies above 0. Errors of two means do not add up like lengths."),
        Misconception("the spread of the two alone", _best(pool="two"),
            "Your interval is built on the scatter of two networks. What do the seeds of all the others tell about"
            " the same scatter?"),
        Misconception("the spread at this budget alone", _best(pool="there"),
            "Your interval is built on the networks at this budget. The other rows have seeds, too."),
        Misconception("the base left out of the spread", _best(pool="scaled"),
            "The base does not compete, but its seeds scatter as well. The spread was to be that of all rows."),
        Misconception("the deviations averaged", _best(average_deviations=True),
            "You average the deviations of the networks. Is it deviations that add up, and does a network with more "
            "seeds not know its own better?"),
        Misconception("1.96 for every number of runs", _best(factor=lambda f: 1.96),
            "Your factor takes the spread for known. It is estimated, from how many degrees of freedom?"),
        Misconception("a one-sided factor", _best(factor=lambda f: _t(f, 0.95)),
            "Your interval leaves five percent on each side. How much is to be left out altogether?"),
        Misconception("the error of one mean", _best(error=lambda n, m: 1 / n),
            "Your interval is that of one mean. Both means of a difference have an error."),
        Misconception("the seeds of both as those of one mean", _best(error=lambda n, m: 1 / (n + m)),
            "Your interval is that of one mean over the seeds of both networks together. A difference of two means is "
            "less certain than either of them, not more."),
        Misconception("the better one's seeds counted for both", _best(error=lambda n, m: 2 / n),
            "Your interval supposes that both networks have as many seeds as the better one. Have they?"),
        Misconception("the errors of the means added", _best(error=lambda n, m: (n**-0.5 + m**-0.5) ** 2),
            "You add the errors of two means. They are independent: one may be too high while the other is too low."),
        Misconception("the spread in place of the error", _best(error=lambda n, m: 2),
            "With a hundred seeds your interval would be as wide as with three."),
        Misconception("divided by the number of runs", _best(less=0),
            "You divide by the number of runs. Each network's own mean was taken from its runs: how many are left "
            "to say something of the scatter?"),
        Misconception("the last in place of the next", _best(against=-1),
            "Your lead is that over the last. Who is the next that could be as good?"),
        Misconception("within 2 %", _best(near=0.02),
            "You leave out a network that misses the budget by 2.8 percent. How far off may one lie?"),
        Misconception("within 5 %", _best(near=0.05),
            "You let in a network that misses the budget by 3.3 percent. How far off may one lie?"),
        Misconception("within 40 %", _best(near=0.4),
            "You let in a network that costs a third less than the budget. How far off may one lie?"),
        Misconception("every family", _best(competes=lambda family: True),
            "On the case above you compare networks at the right budget, but not only those that scale one dimension."),
        Misconception("every family but the base", _best(competes=lambda family: family != "base"),
            "You leave out the base. On the case above another row does not scale one dimension alone either."),
        Misconception("any budget", _best(near=9.0),
            "You compare networks of different costs. Which of the rows were run at the budget that was asked for?"),
        Misconception("any budget, the base included",
            _best(near=9.0, competes=lambda family: True),
            "You let every row compete. Which of them scale one dimension, and cost what was asked for?"),
        Misconception("interval upside down",
            lambda rows, budget: (lambda n, a, b, c: (n, -a, -c, -b))(*best_dimension(rows, budget)),
            "Your lead is negative: which of the two did you subtract from which?"),
    ),
    other_answers=(_best_with_the_package, _best_with_numpy),
    hints=(
        "Three steps: the rows at this budget; their means, highest first; then the interval of the difference of "
        "the first two.",
        "For the spread, take the squared distances of all runs from their own network's mean, of every row that "
        "is given. `effnet_course.atlas` has `spread` and `difference`, which you may use.",
    ),
    remark="The best of three was chosen on the very runs that judge it, so its lead is flattered. Fresh seeds for the "
           "first two would settle it.",
)


EXERCISES = (FIELD, COVER, POWERS, LINE, BEST)
