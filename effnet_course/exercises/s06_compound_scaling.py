"""Problem sheet 06: compound scaling, from phi to a network, and back.

Rows of a stage table are [channels, blocks] here; nothing else of a row changes when a network is scaled.
"""

import math
import random
from dataclasses import replace
from functools import cache

from effnet_course.arch import B0, VARIANTS, compound_multipliers, round_filters, spread_repeats
from effnet_course.checking import Case, Exercise, Misconception
from effnet_course.cost import network_cost

# A misconception is one thing to read: what is wrong, the wrong function, the hint.
# fmt: off


# 06.1


def multipliers(phi: float, alpha: float, beta: float, gamma: float) -> tuple[float, float, float, float]:
    """The multipliers of depth, width and resolution, and how many times the MACs they should make."""
    return _multipliers()(phi, alpha, beta, gamma)


def multiplier_cases(seed: int) -> list[Case]:
    draw = random.Random(f"06.multipliers {seed}")
    fixed = [(1.0, 1.2, 1.1, 1.15), (2.0, 1.2, 1.1, 1.15), (0.0, 1.2, 1.1, 1.15), (0.5, 1.2, 1.1, 1.15),
             (3.5, 1.2, 1.1, 1.15), (-1.0, 1.2, 1.1, 1.15), (1.0, 1.4, 1.05, 1.15), (7.0, 1.3, 1.2, 1.0)]
    drawn = [(draw.randint(-8, 32) / 4, draw.randint(20, 28) / 20, draw.randint(105, 130) / 100,
              draw.randint(105, 130) / 100) for _ in range(8)]
    return [dict(zip(("phi", "alpha", "beta", "gamma"), values, strict=True)) for values in fixed + drawn]


def _multipliers(grow=lambda base, phi: base**phi, times=lambda d, w, r, phi, step: d * w**2 * r**2,
                 order=lambda d, w, r: (d, w, r)):
    """multipliers with one of its parts replaced. step: the MACs' growth for one whole phi."""

    def answer(phi, alpha, beta, gamma):
        d, w, r = (grow(base, phi) for base in (alpha, beta, gamma))
        return *order(d, w, r), times(d, w, r, phi, alpha * beta**2 * gamma**2)

    return answer


def _exchanged_and_counted(phi, alpha, beta, gamma):
    return multipliers(phi, beta, alpha, gamma)


def _multipliers_by_logs(phi, alpha, beta, gamma):
    logs = [phi * math.log(base) for base in (alpha, beta, gamma)]
    return [*map(math.exp, logs), math.exp(logs[0] + 2 * logs[1] + 2 * logs[2])]


def _multipliers_step_first(phi, alpha, beta, gamma):
    return alpha**phi, beta**phi, gamma**phi, (alpha * (beta * gamma) ** 2) ** phi


MULTIPLIERS = Exercise(
    id="06.1", title="Multipliers from phi", points=3, minutes=10, difficulty="easy",
    reference=multipliers, cases=multiplier_cases,
    returns=("depth", "width", "resolution", "times the MACs"),
    helpers=("arch",),
    misconceptions=(
        Misconception("multiplied by phi", _multipliers(grow=lambda base, phi: base * phi),
            "With your function a phi of 0 makes a network with no blocks, no channels and no pixels. What should a "
            "phi of 0 leave of B0?"),
        Misconception("grown by the same amount each time", _multipliers(grow=lambda base, phi: 1 + phi * (base - 1)),
            "Each step of phi adds as much as the step before. Then the first step would make the network a fifth "
            "deeper, and the seventh far less than a fifth of what is there. Does the rule do that?"),
        Misconception("phi taken to the power of alpha", _multipliers(grow=lambda base, phi: math.copysign(
            abs(phi) ** base, phi)),
            "Which number is fixed for a whole family, and which is the one that you choose? Your function raises the "
            "second to the power of the first."),
        Misconception("half and quarter steps of phi cut off", _multipliers(grow=lambda base, phi: base ** int(phi)),
            "Right for whole numbers, and the same for phi between two of them. Must a power be a whole number?"),
        Misconception("depth and width exchanged", _multipliers(order=lambda d, w, r: (w, d, r)),
            "Two of your multipliers have changed places. Which of alpha and beta belongs to the blocks, and which "
            "of the two appears squared in the constraint?"),
        Misconception("depth and resolution exchanged", _multipliers(order=lambda d, w, r: (r, w, d)),
            "Two of your multipliers have changed places. In which order were they asked for, and which of alpha and "
            "gamma belongs to the image?"),
        Misconception("width and resolution exchanged", _multipliers(order=lambda d, w, r: (d, r, w)),
            "Two of your multipliers have changed places. In which order were they asked for, and which of beta and "
            "gamma belongs to the image?"),
        Misconception("alpha given to resolution", lambda phi, alpha, beta, gamma: multipliers(
            phi, gamma, beta, alpha),
            "You let alpha enlarge the image and gamma deepen the network. Which of the three dimensions does each of "
            "them stand for?"),
        Misconception("constants taken for multipliers", lambda phi, alpha, beta, gamma: (
            alpha, beta, gamma, alpha * beta**2 * gamma**2),
            "Your values are the same for every phi: they are those of one whole step. What do two steps make of a "
            "multiplier?"),
        Misconception("everything multiplied by phi", lambda phi, alpha, beta, gamma: (
            alpha * phi, beta * phi, gamma * phi, alpha * beta**2 * gamma**2 * phi),
            "With your function a phi of 0 makes a network with no blocks, no channels and no pixels. What should a "
            "phi of 0 leave of B0?"),
        Misconception("alpha given to width", _exchanged_and_counted,
            "You let alpha widen the network and beta deepen it. Look at the constraint in the lesson: which of the "
            "two stands in it squared, and which dimension is it that counts twice?"),
        Misconception("no squares", _multipliers(times=lambda d, w, r, phi, step: d * w * r),
            "Your multipliers are right. By your last value, twice the pixels along each side would cost twice the "
            "MACs. How many positions are there then?"),
        Misconception("resolution not squared", _multipliers(times=lambda d, w, r, phi, step: d * w**2 * r),
            "Your multipliers are right. By your last value, an image with twice the side would cost twice the MACs. "
            "An image has two sides."),
        Misconception("width not squared", _multipliers(times=lambda d, w, r, phi, step: d * w * r**2),
            "Your multipliers are right. By your last value, twice the channels would cost twice the MACs. In a 1x1 "
            "layer both the channels read and the channels written are doubled."),
        Misconception("all three squared", _multipliers(times=lambda d, w, r, phi, step: (d * w * r) ** 2),
            "Your multipliers are right. By your last value, a network with twice the blocks would cost four times "
            "the MACs. Does the second half of the blocks cost more than the first?"),
        Misconception("two to the power of phi", _multipliers(times=lambda d, w, r, phi, step: 2.0**phi),
            "Your multipliers are right, and your last value does not depend on alpha, beta and gamma at all. The "
            "rule aims at 2. Does it hit it?"),
        Misconception("the growth of one step", _multipliers(times=lambda d, w, r, phi, step: step),
            "Your multipliers are right. Your last value is the same for every phi: it is the growth of one step."),
        Misconception("one step's growth times phi", _multipliers(times=lambda d, w, r, phi, step: step * phi),
            "Your multipliers are right. By your last value, a phi of 0 makes a network that does nothing at all. What "
            "happens to the MACs when one step follows another?"),
        Misconception("parameters for MACs", _multipliers(times=lambda d, w, r, phi, step: d * w**2),
            "Your multipliers are right. Your last value would be right for something that does not care how large "
            "the image is."),
    ),
    other_answers=(_multipliers_by_logs, _multipliers_step_first),
    hints=(
        "Three powers with the same exponent, then one number made of the three.",
        "For the last value, ask of each multiplier: if it alone is 2, how many times the MACs is that?",
    ),
    remark="A negative phi works as well: it makes a network smaller than the base.",
)


# 06.2


def round_channels(channels: int, width: float) -> int:
    """Channels times width: the nearest multiple of 8, at least 8, and not more than 10 % too few."""
    return round_filters(channels, width)


def channel_cases(seed: int) -> list[Case]:
    draw = random.Random(f"06.channels {seed}")
    fixed = [(2, 1.0), (16, 1.0), (24, 1.1), (40, 1.1), (16, 1.2), (16, 1.12), (40, 1.2), (24, 1.12), (26, 2.0),
             (320, 1.4), (1280, 1.1), (32, 0.5), (43, 1.2), (12, 1.1), (112, 2.6)]
    drawn = [(draw.choice([8, 16, 24, 32, 40, 80, 112, 192]), draw.randint(50, 300) / 100) for _ in range(10)]
    return [{"channels": channels, "width": width} for channels, width in fixed + drawn]


def _channels(nearest=lambda x: int(x + 4) // 8 * 8, least=8, rule=lambda n, x, channels: n < 0.9 * x, step=8,
              wanted=lambda channels, width: channels * width):
    """round_channels with one of its parts replaced."""

    def answer(channels, width):
        x = wanted(channels, width)
        n = max(least, nearest(x))
        return n + step if rule and rule(n, x, channels) else n

    return answer


def _both_ways(channels, width):
    x = channels * width
    n = max(8, int(x + 4) // 8 * 8)
    return n + 8 if n < 0.9 * x else n - 8 if n > 1.1 * x and n > 8 else n


def _channels_by_distance(channels, width):
    x = channels * width
    enough = [n for n in range(8, int(x) + 17, 8) if n >= 0.9 * x]
    return min(enough, key=lambda n: (abs(n - x), -n))


def _channels_without_a_least(channels, width):  # the 10 % rule sees to it
    n = 8 * math.floor(channels * width / 8 + 0.5)
    if n / (channels * width) < 0.9:
        n = n + 8
    return n


CHANNELS = Exercise(
    id="06.2", title="How many channels are 19.2?", points=3, minutes=15, difficulty="moderate",
    reference=round_channels, cases=channel_cases,
    helpers=("arch",),
    misconceptions=(
        Misconception("the 10 % rule left out", _channels(rule=None),
            "On the case above your number is the nearest multiple of 8. How many percent of what was wanted has "
            "been lost?"),
        Misconception("the 10 % rule and the least left out", _channels(rule=None, least=0),
            "One of your networks has a layer without channels, and some have layers that lost more than a tenth of "
            "what was wanted. The rule has three parts."),
        Misconception("rounded down", _channels(nearest=lambda x: int(x) // 8 * 8, rule=None),
            "Your number is never above what was wanted, not even where the next multiple of 8 is closer."),
        Misconception("rounded down, then the 10 % rule", _channels(nearest=lambda x: int(x) // 8 * 8),
            "You begin with the multiple of 8 below, and go up only when more than a tenth is missing. On the case "
            "above, which multiple is nearest?"),
        Misconception("rounded up", _channels(nearest=lambda x: math.ceil(x / 8) * 8, rule=None),
            "Your number is never below what was wanted. On the case above, how far is it to the multiple of 8 on "
            "the other side?"),
        Misconception("Python's round, which takes halves to the even side",
            _channels(nearest=lambda x: round(x / 8) * 8),
            "On the case above, what is wanted lies exactly halfway between two multiples of 8. Try round(0.5), "
            "round(1.5) and round(2.5) in a cell."),
        Misconception("Python's round, and no 10 % rule", _channels(nearest=lambda x: round(x / 8) * 8, rule=None),
            "Two things. How many percent of what was wanted may be lost? And try round(0.5), round(1.5) and "
            "round(2.5) in a cell."),
        Misconception("Python's round and nothing else",
            _channels(nearest=lambda x: round(x / 8) * 8, rule=None, least=0),
            "You take the nearest multiple of 8 and stop there. One of your layers has no channels at all, and some "
            "have lost more than a tenth of what was wanted. The rule has three parts."),
        Misconception("a tenth of the base's channels", _channels(rule=lambda n, x, channels: n < 0.9 * channels),
            "You compare with a tenth less than the channels before scaling. What must not be too small: the "
            "result compared with those, or compared with what was wanted?"),
        Misconception("at most 10 % off either way", _both_ways,
            "You also take channels away where rounding gave too many. Read the rule again: which of the two errors "
            "does it care about?"),
        Misconception("rounded to a whole number first", _channels(wanted=lambda c, w: round(c * w)),
            "On the case above you round twice: to a whole number, then to a multiple of 8. A number just under the "
            "middle is carried over it by the first step."),
        Misconception("cut off to a whole number first", _channels(wanted=lambda c, w: int(c * w)),
            "You cut what is wanted down to a whole number before you ask anything. On the case above a little less "
            "is wanted then, and a tenth of it is not the same tenth."),
        Misconception("the comparison the wrong way round", _channels(rule=lambda n, x, channels: x < 0.9 * n),
            "On the case above your number is above what was wanted before the last part of the rule, and that part "
            "adds 8 more. Which of the two numbers has to be too small for it to apply?"),
        Misconception("not rounded to multiples of 8", _channels(nearest=lambda x: int(x), rule=None),
            "Is your number a multiple of 8?"),
        Misconception("nearest whole number", _channels(nearest=lambda x: round(x), rule=None),
            "Is your number a multiple of 8?"),
        Misconception("the rule adds a tenth", lambda channels, width: (
            lambda x, n: int(n * 1.1) if n < 0.9 * x else n)(channels * width, _channels(rule=None)(channels, width)),
            "Where the last part of the rule applies, your number is no multiple of 8 any more. To what does it go "
            "on?"),
    ),
    other_answers=(_channels_by_distance, _channels_without_a_least),
    hints=(
        "Three steps: the nearest multiple of 8, the least, and a comparison with what was wanted.",
        "A whole-number division throws away what is left over. Add half a step before you divide, and it rounds to "
        "the nearest instead, halves going up.",
    ),
    remark="Among B0 to B8 and L2 the last part of the rule fires once, at this very number: B3, 16 times 1.2.",
)


# 06.3

B0_ROWS = [[stage.channels, stage.repeats] for stage in B0.stages]


def scaled_network(stem: int, head: int, pixels: int, rows: list[list[int]], d: float, w: float, r: float) -> tuple:
    """(stem, head, pixels, rows) of the scaled network."""
    return _scaled()(stem, head, pixels, rows, d, w, r)


def network_cases(seed: int) -> list[Case]:
    draw = random.Random(f"06.networks {seed}")
    fixed = [
        (8, 16, 16, [[8, 1]], 1.0, 1.0, 1.0),
        (8, 16, 16, [[8, 1]], 1.1, 1.0, 1.0),
        (8, 16, 32, [[8, 1], [16, 2]], 1.0, 1.5, 1.0),
        (8, 32, 33, [[8, 1], [16, 2]], 1.5, 1.2, 1.15),
        (16, 64, 32, [[8, 1], [16, 3], [24, 2]], 1.2, 1.2, 1.4),
        (16, 64, 32, [[8, 2], [16, 4], [20, 3]], 0.5, 0.7, 0.7),
        (32, 1280, 224, B0_ROWS, 1.2, 1.1, 1.15),
        (32, 1280, 224, B0_ROWS, 3.1, 2.0, 2.66),
    ]
    drawn = []
    while len(drawn) < 8:
        rows = [[4 * draw.randint(2, 30), draw.randint(1, 4)] for _ in range(draw.randint(2, 5))]
        d, w, r = (draw.randint(60, 320) / 100, draw.randint(60, 220) / 100, draw.randint(60, 260) / 100)
        pixels = draw.choice([32, 48, 96, 128, 160, 224])
        if abs(pixels * r % 1 - 0.5) > 0.01:  # a half has no nearest
            drawn.append((8 * draw.randint(1, 5), 64 * draw.randint(1, 20), pixels, rows, d, w, r))
    names = ("stem", "head", "pixels", "rows", "d", "w", "r")
    return [dict(zip(names, case, strict=True)) | {"rows": [list(row) for row in case[3]]} for case in fixed + drawn]


def _scaled(channels=round_filters, repeats=lambda n, d: math.ceil(n * d), ends=round_filters, last=None,
            size=round, all_repeats=None, exchanged=False, keep_first_and_last=False):
    """scaled_network with one of its parts replaced."""

    def answer(stem, head, pixels, rows, d, w, r):
        if exchanged:
            d, w = w, d
        counts = [repeats(n, d) for _, n in rows] if all_repeats is None else all_repeats([n for _, n in rows], d)
        if keep_first_and_last:
            counts[0], counts[-1] = rows[0][1], rows[-1][1]
        scaled = [[channels(c, w), n] for (c, _), n in zip(rows, counts, strict=True)]
        wide = last(scaled, head) if last else ends(head, w)
        return ends(stem, w), wide, size(pixels * r), scaled

    return answer


def _scaled_with_the_package(stem, head, pixels, rows, d, w, r):
    stages = tuple(replace(B0.stages[0], channels=c, repeats=n) for c, n in rows)
    net = replace(B0, stem=stem, head=head, resolution=pixels, stages=stages).scaled(d, w, r)
    table = [(net.channels(c), n) for (c, _), n in zip(rows, net.repeats, strict=True)]
    return [net.stem_channels, net.head_channels, net.resolution, table]


def _scaled_by_hand(stem, head, pixels, rows, d, w, r):
    wide = [int(_channels_by_distance(c, w)) for c in (stem, head, *(row[0] for row in rows))]
    deep = [-int(-(row[1] * d) // 1) for row in rows]
    return wide[0], wide[1], int(pixels * r + 0.5), [list(pair) for pair in zip(wide[2:], deep, strict=True)]


NETWORK = Exercise(
    id="06.3", title="A whole network, scaled", points=4, minutes=20, difficulty="moderate",
    reference=scaled_network, cases=network_cases,
    returns=("stem", "head", "pixels", "rows"),
    helpers=("arch.Architecture", "arch.round_repeats", "arch.spread_repeats", "cost", "model"),
    misconceptions=(
        Misconception("blocks rounded to the nearest", _scaled(repeats=lambda n, d: round(n * d)),
            "On the case above a stage gets fewer blocks than were wanted. With your rule B1, whose d is 1.1, would "
            "be as deep as B0. Which way did the lesson round blocks?"),
        Misconception("blocks rounded down", _scaled(repeats=lambda n, d: int(n * d)),
            "On the case above a stage gets fewer blocks than were wanted. Which way did the lesson round blocks?"),
        Misconception("always one block more", _scaled(repeats=lambda n, d: int(n * d) + 1),
            "On the case above, d asks for a whole number of blocks, and you add one to it. What does rounding do to a "
            "whole number?"),
        Misconception("blocks rounded once for the whole network",
            _scaled(all_repeats=lambda repeats, d: list(spread_repeats(tuple(repeats), d))),
            "You round the number of all blocks to the nearest and share it out, as NANO does. The rule of this family "
            "looks at one stage at a time. And which way does it round?"),
        Misconception("blocks not rounded", _scaled(repeats=lambda n, d: n * d),
            "One of your stages has a fraction of a block."),
        Misconception("blocks not scaled", _scaled(repeats=lambda n, d: n),
            "Your table has as many blocks as before, whatever d is."),
        Misconception("first and last stage kept as deep as they were", _scaled(keep_first_and_last=True),
            "Your first and your last stage have the base's blocks, as in EfficientNet-Lite. Does this family make an "
            "exception for them?"),
        Misconception("stem and head not scaled", _scaled(ends=lambda c, w: c),
            "Stem and head of your network are those of the base. They are layers with channels like any other."),
        Misconception("head not scaled", _scaled(last=lambda rows, head: head),
            "Your stem grows and your head does not. Is there a reason to treat them differently?"),
        Misconception("head as four times the last stage", _scaled(last=lambda rows, head: 4 * rows[-1][0]),
            "Your head follows the last stage. In B0 it is four times as wide, and a well-known library builds it "
            "so. On the case above the base has another ratio, or rounding spoils it."),
        Misconception("channels cut off to whole numbers", _scaled(channels=lambda c, w: int(c * w),
                                                                   ends=lambda c, w: int(c * w)),
            "Your channels are whole numbers, but no multiples of 8. Your function of 06.2 knows how to round them."),
        Misconception("channels rounded to whole numbers", _scaled(channels=lambda c, w: round(c * w),
                                                                   ends=lambda c, w: round(c * w)),
            "Your channels are the nearest whole numbers. This family wants multiples of 8: your function of 06.2 "
            "knows how to round them."),
        Misconception("channels not rounded", _scaled(channels=lambda c, w: c * w, ends=lambda c, w: c * w),
            "On the case above a layer has a fraction of a channel, or a number that is no multiple of 8. Your "
            "function of 06.2 knows how to round."),
        Misconception("the stages' channels rounded to whole numbers", _scaled(channels=lambda c, w: round(c * w)),
            "Stem and head follow the rule of 06.2, and the stages' channels are only whole numbers. Which layers is "
            "the rule for?"),
        Misconception("channels up to the next multiple of 8",
            _scaled(channels=lambda c, w: math.ceil(c * w / 8) * 8, ends=lambda c, w: math.ceil(c * w / 8) * 8),
            "Your channels are never below what was wanted. Use what you wrote in 06.2."),
        Misconception("channels without the 10 % rule",
            _scaled(channels=_channels(rule=None), ends=_channels(rule=None)),
            "On the case above a layer has lost more than a tenth of its channels by rounding. What does the last "
            "part of the rule in 06.2 say to that?"),
        Misconception("depth and width exchanged", _scaled(exchanged=True),
            "Your network gets more blocks from w and more channels from d."),
        Misconception("pixels cut off", _scaled(size=int),
            "On the case above your image loses a pixel: what was wanted is closer to the next whole number."),
        Misconception("pixels rounded up", _scaled(size=math.ceil),
            "On the case above your image gains a pixel: what was wanted is closer to the whole number below."),
        Misconception("pixels to a multiple of 8", _scaled(size=lambda x: max(8, int(x + 4) // 8 * 8)),
            "Your pixels are multiples of 8. Channels are rounded so; is there a rule for pixels as well?"),
        Misconception("pixels not rounded", _scaled(size=lambda x: x),
            "An image has a whole number of pixels on each side."),
        Misconception("the image not scaled", lambda stem, head, pixels, rows, d, w, r: scaled_network(
            stem, head, pixels, rows, d, w, 1.0),
            "Your image is as large as before, whatever r is. Of the three dimensions, the third is part of the "
            "network's configuration too."),
    ),
    other_answers=(_scaled_with_the_package, _scaled_by_hand),
    hints=(
        "Three rules, one for each kind of number: channels, blocks, pixels. Stem and head have channels.",
        "Go through the rows with one loop; each row becomes a pair. `math.ceil` rounds up.",
    ),
    remark="With d 1.2, w 1.1 and r 1.15 B0 becomes B2 but for its image: 258 pixels here, 260 as published.",
)


# 06.4


def implied_phi(d: float, w: float, pixels: int, base_pixels: int, alpha: float, beta: float, gamma: float) -> tuple:
    """The phi that each multiplier would need: (depth, width, resolution)."""
    return _implied()(d, w, pixels, base_pixels, alpha, beta, gamma)


def phi_cases(seed: int) -> list[Case]:
    draw = random.Random(f"06.phi {seed}")
    paper = (1.2, 1.1, 1.15)
    fixed = [(1.2, 1.1, 18, 16, *paper), (1.44, 1.21, 32, 16, *paper), (1.0, 1.0, 20, 20, *paper),
             (0.8, 0.9, 16, 32, *paper)]
    fixed += [(v.depth, v.width, v.resolution, 224, *paper) for v in list(VARIANTS.values())[1:8]]
    drawn = [(draw.randint(80, 300) / 100, draw.randint(80, 220) / 100, draw.randint(16, 64) * 8,
              draw.randint(12, 30) * 8, draw.randint(110, 140) / 100, draw.randint(105, 130) / 100,
              draw.randint(105, 130) / 100) for _ in range(6)]
    names = ("d", "w", "pixels", "base_pixels", "alpha", "beta", "gamma")
    return [dict(zip(names, values, strict=True)) for values in fixed + drawn]


def _implied(solve=lambda m, base: math.log(m) / math.log(base), ratio=lambda pixels, base: pixels / base,
             bases=lambda a, b, g: (a, b, g), power=(1, 1, 1), order=(0, 1, 2)):
    """implied_phi with one of its parts replaced."""

    def answer(d, w, pixels, base_pixels, alpha, beta, gamma):
        wanted = (d ** power[0], w ** power[1], ratio(pixels, base_pixels) ** power[2])
        phis = [solve(m, base) for m, base in zip(wanted, bases(alpha, beta, gamma), strict=True)]
        return tuple(phis[i] for i in order)

    return answer


def _implied_by_halving(d, w, pixels, base_pixels, alpha, beta, gamma):
    found = []
    for wanted, base in ((d, alpha), (w, beta), (pixels / base_pixels, gamma)):
        low, high = -100.0, 100.0
        for _ in range(100):
            middle = (low + high) / 2
            low, high = (middle, high) if base**middle < wanted else (low, middle)
        found.append(0.0 if abs(low) < 1e-10 else low)
    return found


def _implied_in_base_two(d, w, pixels, base_pixels, alpha, beta, gamma):
    r = (math.log2(pixels) - math.log2(base_pixels)) / math.log2(gamma)
    return math.log2(d) / math.log2(alpha), math.log(w, beta), 0.0 if pixels == base_pixels else r


IMPLIED = Exercise(
    id="06.4", title="Which phi was it?", points=3, minutes=10, difficulty="easy",
    reference=implied_phi, cases=phi_cases,
    returns=("depth", "width", "resolution"),
    misconceptions=(
        Misconception("straight line", _implied(solve=lambda m, base: (m - 1) / (base - 1)),
            "You count how many times the first step fits into the growth. But each step of phi multiplies what the "
            "step before has left."),
        Misconception("one division", _implied(solve=lambda m, base: m / base),
            "You divide a multiplier by its base once. How often can you divide before 1 is left? That number is phi."),
        Misconception("logarithm not divided", _implied(solve=lambda m, base: math.log(m)),
            "Your phi does not depend on alpha, beta and gamma. Of which power are you looking for the exponent?"),
        Misconception("logarithm to base 2", _implied(solve=lambda m, base: math.log2(m)),
            "Your phi does not depend on alpha, beta and gamma: you count doublings. Is a step of phi a doubling of "
            "the blocks?"),
        Misconception("logarithm of the quotient", _implied(solve=lambda m, base: math.log(m / base)),
            "You subtract two logarithms, or take that of a quotient, which is the same. One side of the rule is a "
            "power: what does a logarithm make of a power's exponent?"),
        Misconception("logarithm to the base of the multiplier",
            _implied(solve=lambda m, base: math.log(base) / math.log(m)),
            "Upside down. You ask which power of the multiplier makes the constant; phi is the power of the constant "
            "that makes the multiplier. Yours also stops with an error where a multiplier is 1."),
        Misconception("the difference of the logarithms, plus one",
            _implied(solve=lambda m, base: math.log(m / base) + 1),
            "Yours is right at phi 1 and nowhere else. Take the logarithm of both sides of the rule, and solve for "
            "phi."),
        Misconception("pixels taken for a multiplier", _implied(ratio=lambda pixels, base: pixels),
            "Your last value is far too large: you treat the pixels as if the base had one pixel."),
        Misconception("pixels upside down", _implied(ratio=lambda pixels, base: base / pixels),
            "By your last value a sharper image needs a lower phi. Which size did you divide by which?"),
        Misconception("a whole-number division of the pixels", _implied(ratio=lambda pixels, base: pixels // base),
            "On the case above the image has grown, and your last value says that it has not. How many times as large "
            "is it, as a whole number? (Where an image shrinks, that is 0, and 0 has no logarithm: your function stops "
            "there.)"),
        Misconception("always from 224 pixels", _implied(ratio=lambda pixels, base: pixels / 224),
            "On the case above the base does not read 224 pixels."),
        Misconception("width and resolution squared", _implied(power=(1, 2, 2)),
            "Two of your values are exactly twice as large. The squares belong to the MACs. What is scaled here is the "
            "dimension itself."),
        Misconception("resolution squared", _implied(power=(1, 1, 2)),
            "Your last value is exactly twice as large. You compare areas. Is gamma a multiplier of the area or of the "
            "side?"),
        Misconception("squared constants", _implied(bases=lambda a, b, g: (a, b * b, g * g)),
            "Two of your values are exactly half as large. The squares belong to the MACs. What is scaled here is the "
            "dimension itself."),
        Misconception("gamma squared", _implied(bases=lambda a, b, g: (a, b, g * g)),
            "Your last value is exactly half as large. Is gamma a multiplier of the area or of the side?"),
        Misconception("beta squared", _implied(bases=lambda a, b, g: (a, b * b, g)),
            "Your second value is exactly half as large. Beta is squared in the MACs. Is it squared in the width?"),
        Misconception("one base for all", _implied(bases=lambda a, b, g: (a, a, a)),
            "All your values use alpha. Each dimension has a constant of its own."),
        Misconception("the growth of the MACs for all", _implied(bases=lambda a, b, g: (a * b * b * g * g,) * 3),
            "All your values use the growth of the MACs. A single dimension grows by its own constant."),
        Misconception("alpha and beta exchanged", _implied(bases=lambda a, b, g: (b, a, g)),
            "You solve for the depth with the width's constant, and the other way round."),
        Misconception("width first", _implied(order=(1, 0, 2)),
            "Those are the right values; two have changed places."),
        Misconception("rounded to whole numbers", _implied(solve=lambda m, base: round(math.log(m) / math.log(base))),
            "Your values are whole numbers. Is there a rule that phi is one?"),
        Misconception("rounded to halves", _implied(solve=lambda m, base: round(2 * math.log(m) / math.log(base)) / 2),
            "Your values are rounded to halves. Return them as they come: what they disagree about is the point."),
    ),
    other_answers=(_implied_by_halving, _implied_in_base_two),
    hints=(
        "The rule says that a multiplier is its constant to the power of phi. Take the logarithm of both sides.",
        "For the resolution, first say how many times as large as the base's the image is.",
    ),
    remark="Put in B4: 3.2, 3.5 and 3.8. No single phi gives its three multipliers.",
)


# 06.5

QUANTITIES = ("params", "macs", "activations")


@cache
def _counted(d: float, w: float, r: float) -> tuple[int, int, int]:
    """Parameters, MACs and activations of the scaled B0."""
    counted = network_cost(B0.scaled(d, w, r))
    return counted.params, counted.macs, counted.activations


def largest_phi(quantity: str, budget: int, step: float) -> float:
    """The largest multiple of step whose network costs at most the budget."""
    return _largest()(quantity, budget, step)


def budget_cases(seed: int) -> list[Case]:
    draw = random.Random(f"06.budget {seed}")

    def cost_at(quantity, phi):
        return _counted(*compound_multipliers(phi))[QUANTITIES.index(quantity)]

    fixed = [("params", cost_at("params", 0), 0.5), ("macs", 500_000_000, 0.25), ("macs", cost_at("macs", 1), 0.5),
             ("params", 10_000_000, 0.25), ("activations", 20_000_000, 0.25), ("macs", cost_at("macs", 1) - 1, 0.5),
             ("macs", 1_000_000_000, 1.0), ("activations", cost_at("activations", 2), 0.125),
             ("params", 100_000_000, 0.5), ("macs", 150_000_000_000, 0.5)]
    drawn = []
    for n in range(9):
        quantity, step, phi = QUANTITIES[n % 3], draw.choice([0.125, 0.25, 0.5]), draw.uniform(0.4, 7)
        drawn.append((quantity, round(cost_at(quantity, round(8 * phi) / 8) * draw.uniform(1.0, 1.1), -4), step))
    return [{"quantity": q, "budget": int(b), "step": s} for q, b, s in fixed + drawn]


def _largest(quantity=lambda q: QUANTITIES.index(q), fits=lambda c, b: c <= b, scale=lambda d, w, r: (d, w, r),
             step=lambda s: s, extra=0, most=30, steps=1000, result=lambda n, s: n * s,
             seen=lambda counted, quantity: counted, multipliers=compound_multipliers):
    """largest_phi with one of its parts replaced."""
    size = step

    def answer(quantity_, budget, step):
        s, n, at = size(step), 0, quantity(quantity_)
        while n < steps and (n + 1) * s <= most and fits(
                seen(_counted(*scale(*multipliers((n + 1) * s)))[at], quantity_), budget):
            n += 1
        return result(n + extra, s)

    return lambda quantity, budget, step: answer(quantity, budget, step)


def _solved(growth=lambda q: (1.452, 1.92027, 1.7457)[QUANTITIES.index(q)], whole=True):
    """largest_phi by the formula alone."""

    def answer(quantity, budget, step):
        base = _counted(1.0, 1.0, 1.0)[QUANTITIES.index(quantity)]
        phi = math.log(budget / base) / math.log(growth(quantity))
        return math.floor(phi / step + 1e-12) * step if whole else phi

    return answer


def _nearest_budget(quantity, budget, step):
    at = QUANTITIES.index(quantity)
    phis = [n * step for n in range(int(12 / step) + 1)]
    return min(phis, key=lambda phi: abs(_counted(*compound_multipliers(phi))[at] - budget))


def _largest_by_halving(quantity, budget, step):
    at, low, high = QUANTITIES.index(quantity), 0, int(12 / step)
    while high - low > 1:
        middle = (low + high) // 2
        inside = _counted(*compound_multipliers(middle * step))[at] <= budget
        low, high = (middle, high) if inside else (low, middle)
    return low * step


def _largest_from_above(quantity, budget, step):
    for n in range(int(11 / step), -1, -1):
        if getattr(network_cost(B0.scaled(*compound_multipliers(n * step))), quantity) <= budget:
            return n * step


BUDGET = Exercise(
    id="06.5", title="The largest phi that fits", points=4, minutes=20, difficulty="moderate",
    reference=largest_phi, cases=budget_cases,
    misconceptions=(
        Misconception("one step too far", _largest(extra=1),
            "The network of your phi is over the budget on the case above. You stop at the first one that no longer "
            "fits; which was the last that did?"),
        Misconception("phi 0 never tried", _largest(result=lambda n, s: n * s if n else None),
            "On the case above B0 itself is the largest that fits, and its phi is 0. Your function gives back None, so "
            "it tries larger ones only. From where does it start?"),
        Misconception("phi 0 never tried, and no more than 24 steps",
            _largest(result=lambda n, s: n * s if n else None, steps=24),
            "On the case above B0 itself is the largest that fits, and its phi is 0. Your function gives back None, so "
            "it tries larger ones only. (And where a step is small, it stops too early.)"),
        Misconception("the number of steps, not phi", _largest(result=lambda n, s: n),
            "On the case above you give back how many steps fit. Which phi is that, when each step is as long as the "
            "function is told?"),
        Misconception("must stay below the budget", _largest(fits=lambda c, b: c < b),
            "On the case above there is a network that costs the budget to the unit. Is that too much?"),
        Misconception("nearest to the budget", _nearest_budget,
            "On the case above the network of your phi costs more than the budget. It is the one that comes closest, "
            "but is that what was asked?"),
        Misconception("the formula with 2", _solved(growth=lambda q: 2.0),
            "You solve for phi as if a step doubled the cost. Count the network that your phi makes: does it double, "
            "for each of the three costs, and is there a larger phi that fits, or is yours too large already?"),
        Misconception("the formula with the MACs' growth for everything", _solved(growth=lambda q: 1.92027),
            "You solve for phi with the growth of the MACs, whatever is counted, and without rounding. Count the "
            "network that your phi makes on the case above, and its neighbours."),
        Misconception("the formula, unrounded networks", _solved(),
            "Your formula knows nothing of whole blocks and of multiples of 8. Count the network that your phi makes "
            "on the case above, and the one a step further."),
        Misconception("the formula, no steps", _solved(whole=False),
            "Your phi is no multiple of the step, and it comes from a formula that knows nothing of whole blocks and "
            "of multiples of 8. Count the network that it makes."),
        Misconception("MACs whatever the budget is of", _largest(quantity=lambda q: 1),
            "Your phi compares MACs with the budget. On the case above, what is the budget a budget of?"),
        Misconception("parameters whatever the budget is of", _largest(quantity=lambda q: 0),
            "Your phi compares parameters with the budget. On the case above, what is the budget a budget of?"),
        Misconception("FLOPs instead of MACs",
            _largest(seen=lambda counted, quantity: (2 if quantity == "macs" else 1) * counted),
            "You count two operations for each MAC. The budget is in MACs."),
        Misconception("the image not scaled", _largest(scale=lambda d, w, r: (d, w, 1.0)),
            "Your network gets deeper and wider with phi. Does its image grow?"),
        Misconception("depth alone", _largest(scale=lambda d, w, r: (d, 1.0, 1.0)),
            "Your network gets nothing but deeper with phi."),
        Misconception("depth and width exchanged", _largest(scale=lambda d, w, r: (w, d, r)),
            "`scaled` takes depth first. Which of your multipliers comes first?"),
        Misconception("whole steps of phi", _largest(step=lambda s: 1.0),
            "You try whole numbers only. How far apart may two phis be on the case above?"),
        Misconception("no phi above 7", _largest(most=7),
            "On the case above you stop at 7, and the budget is not used up. Who said that 7 is the end?"),
        Misconception("no phi of 7 or above", _largest(most=6.99),
            "On the case above you stop before 7, and the budget is not used up. Who said that this is the end?"),
        Misconception("no phi of 8 or above", _largest(most=7.99),
            "On the case above you stop before 8, and the budget is not used up. Who said that this is the end?"),
        Misconception("no phi above 8", _largest(most=8),
            "On the case above you stop at 8, and the budget is not used up. Who said that 8 is the end?"),
        Misconception("grown by the same amount each step", _largest(multipliers=lambda phi: (
            1 + 0.2 * phi, 1 + 0.1 * phi, 1 + 0.15 * phi)),
            "Your multipliers grow by the same amount at each step. What did 06.1 do?"),
    ),
    other_answers=(_largest_by_halving, _largest_from_above),
    hints=(
        "`network_cost(B0.scaled(...))` counts the network of one phi; `getattr(cost, quantity)` takes the number "
        "that the budget is of.",
        "Go up in steps as long as the next network still fits. In a `while` loop, phi has to change at each turn: "
        "otherwise it never ends, and you have to stop it (the square button, or Kernel, Interrupt).",
    ),
    remark="A step of phi makes MACs grow most and parameters least. So twice the budget in parameters buys more steps "
           "than twice the budget in MACs.",
)


# 06.6


@cache
def _grown(d: float, w: float, pixels: int) -> tuple[int, int, int]:
    counted = network_cost(replace(B0.scaled(d, w), resolution=pixels))
    return counted.params, counted.macs, counted.activations


def price(d: float, w: float) -> tuple[float, float, float, int]:
    """Times B0's parameters, MACs and activations, and the pixels at which the MACs are B0's at most."""
    return _price()(d, w)


def price_cases(seed: int) -> list[Case]:
    draw = random.Random(f"06.price {seed}")
    fixed = [(1.0, 1.0), (2.0, 1.0), (1.0, 2.0), (1.2, 1.1), (2.0, 2.0), (4.0, 1.0), (1.0, 3.0)]
    drawn = [(draw.randint(10, 30) / 10, draw.randint(10, 25) / 10) for _ in range(4)]
    return [{"d": d, "w": w} for d, w in fixed + drawn]


def _pixels(d, w, fits=lambda macs, budget: macs <= budget):
    budget = _grown(1.0, 1.0, 224)[1]
    low, high = 0, 448  # the MACs never fall as the image grows
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(_grown(d, w, middle)[1], budget) else (low, middle)
    return low


def _price(times=lambda now, before: now / before, pixels=_pixels, at=224, order=(0, 1, 2)):
    """price with one of its parts replaced."""

    def answer(d, w):
        ratios = [times(n, b) for n, b in zip(_grown(d, w, at), _grown(1.0, 1.0, 224), strict=True)]
        return *(ratios[i] for i in order), pixels(d, w)

    return answer


def _by_the_rule(whole=int):
    """price by the rule: nothing is counted."""
    return lambda d, w: (d * w**2, d * w**2, d * w, whole(224 / math.sqrt(d * w**2)))


def _from_the_counted_macs(d, w):
    return 224 * math.sqrt(_grown(1.0, 1.0, 224)[1] / _grown(d, w, 224)[1])


SQUARES = ("Your first three values are right. For the pixels you take the MACs to go as the area of the image. But "
           "maps are halved five times, and each halving rounds up, so the MACs jump. Count the network at your size: "
           "does it fit, and is there a larger one that does?")
RULE = ("Those are the values of the rule. Stem and classifier do not get deeper, and blocks and channels are rounded: "
        "count the real network.")


def _pixels_in_steps(d, w, step=32):
    sizes = [p for p in range(step, 449, step) if _grown(d, w, p)[1] <= _grown(1.0, 1.0, 224)[1]]
    return max(sizes, default=step)


def _price_downwards(d, w):
    base, net = network_cost(B0), B0.scaled(depth=d, width=w)
    now, pixels = network_cost(net), 230
    while network_cost(replace(net, resolution=pixels)).macs > base.macs:
        pixels -= 1
    return [now.params / base.params, now.macs / base.macs, now.activations / base.activations, pixels]


def _price_all_sizes(d, w):
    base = _grown(1.0, 1.0, 224)
    fits = [p for p in range(40, 230) if _grown(d, w, p)[1] <= base[1]]
    return *(n / b for n, b in zip(_grown(d, w, 224), base, strict=True)), fits[-1]


PRICE = Exercise(
    id="06.6", title="What does twice as deep and wide cost?", points=4, minutes=15, difficulty="moderate",
    reference=price, cases=price_cases,
    returns=("times the parameters", "times the MACs", "times the activations", "pixels"),
    misconceptions=(
        Misconception("as in print: no more compute", lambda d, w: (1.0, 1.0, 1.0, 224),
            "By your function any network costs as much as B0, however deep and wide. That is the claim. Count it."),
        Misconception("the rule, not the count", _by_the_rule(), RULE),
        Misconception("the rule, not the count, rounded", _by_the_rule(round), RULE),
        Misconception("the rule, not the count, not rounded", _by_the_rule(float), RULE),
        Misconception("the rule for the costs", lambda d, w: (d * w**2, d * w**2, d * w, _pixels(d, w)),
            "Your pixels are counted, and your first three values are those of the rule. Stem and classifier do not "
            "get deeper, and blocks and channels are rounded: count the network at 224 pixels, too."),
        Misconception("pixels from the counted MACs", _price(pixels=lambda d, w: int(_from_the_counted_macs(d, w))),
            SQUARES),
        Misconception("pixels from the counted MACs, rounded",
            _price(pixels=lambda d, w: round(_from_the_counted_macs(d, w))), SQUARES),
        Misconception("pixels from the counted MACs, not rounded", _price(pixels=_from_the_counted_macs), SQUARES),
        Misconception("rounded to three digits", _price(times=lambda now, before: round(now / before, 3)),
            "Your values are the right ones, rounded. Return them as they come; the sheet prints fewer digits only to "
            "be read."),
        Misconception("rounded to two digits", _price(times=lambda now, before: round(now / before, 2)),
            "Your values are the right ones, rounded. Return them as they come; the sheet prints fewer digits only to "
            "be read."),
        Misconception("the rule for the pixels alone",
            _price(pixels=lambda d, w: int(224 / math.sqrt(d * w**2))),
            "Your first three values are counted, and the pixels come from the rule. Count the network at that size: "
            "does it fit, and does the next larger one?"),
        Misconception("the rule for the pixels alone, rounded",
            _price(pixels=lambda d, w: round(224 / math.sqrt(d * w**2))),
            "Your first three values are counted, and the pixels come from the rule. Count the network at that size: "
            "does it fit, and does the next larger one?"),
        Misconception("the rule for the pixels alone, not rounded",
            _price(pixels=lambda d, w: 224 / math.sqrt(d * w**2)),
            "Your first three values are counted, and the last comes from the rule; it is not even whole. Count the "
            "network near that size: which is the largest that fits?"),
        Misconception("how much more, not how many times", _price(times=lambda now, before: now / before - 1),
            "By your values, B0 itself costs 0 times B0."),
        Misconception("in percent", _price(times=lambda now, before: 100 * now / before),
            "By your values, B0 itself costs 100 times B0."),
        Misconception("upside down", _price(times=lambda now, before: before / now),
            "By your values, a larger network costs less. Which did you divide by which?"),
        Misconception("totals in place of ratios", _price(times=lambda now, before: now),
            "Those are totals. How many times B0's are they?"),
        Misconception("MACs first", _price(order=(1, 0, 2)),
            "Your values are right; two have changed places."),
        Misconception("costs at the smaller image", lambda d, w: (
            *(n / b for n, b in zip(_grown(d, w, _pixels(d, w)), _grown(1.0, 1.0, 224), strict=True)), _pixels(d, w)),
            "Your costs are those at the size that you return. At which size were they asked for?"),
        Misconception("pixels must stay below",
            _price(pixels=lambda d, w: _pixels(d, w, lambda macs, budget: macs < budget)),
            "On the case above, a larger image costs as much as B0 to the unit. Is that more than B0?"),
        Misconception("the first image that is too large", _price(pixels=lambda d, w: _pixels(d, w) + 1),
            "At the size that you return, the network does more MACs than B0. Which was the last that did not?"),
        Misconception("multiples of 32 pixels", _price(pixels=_pixels_in_steps),
            "Your sizes are multiples of 32. Is there a larger size in between that still fits?"),
        Misconception("width and depth exchanged", lambda d, w: price(w, d),
            "You deepen by w and widen by d."),
    ),
    other_answers=(_price_downwards, _price_all_sizes),
    hints=(
        "`replace` from dataclasses gives the same network another resolution. Count it, compare with B0's MACs.",
        "For the pixels, begin with an image that is large enough, 224 pixels, and go down one by one until the MACs "
        "are no more than B0's.",
    ),
    remark="At one and a half times of both the rule would allow 121 pixels, and 100 is what fits: blocks and channels "
           "are rounded, and the MACs jump with the image.",
)


EXERCISES = (MULTIPLIERS, CHANNELS, NETWORK, IMPLIED, BUDGET, PRICE)
