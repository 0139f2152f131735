"""Problem sheet 13: fused maps, fused blocks, fast scaling, and an ablation made fair."""

import math
import random
from functools import cache

import numpy as np

from effnet_course.arch import B0, Architecture, Stage
from effnet_course.checking import Case, Exercise, Misconception
from effnet_course.cost import block_layers, network_cost
from effnet_course.exercises.drawing import cases, numbers

# A misconception is one thing to read: what is wrong, the wrong function, the hint.
# fmt: off

# 13.1


def fuse_levels(fine: list, coarse: list, weights: list[float]) -> np.ndarray:
    """The weighted mean of a fine map and of a coarse one brought to its size."""
    return _fuse()(fine, coarse, weights)


def _doubled(coarse):
    return np.kron(np.array(coarse), np.ones((2, 2)))


def _fuse(keep=lambda w: np.maximum(w, 0), enlarge=_doubled, total=lambda w: w.sum() + 1e-4):
    """fuse_levels with one of its parts replaced."""

    def answer(fine, coarse, weights):
        w = keep(np.array(weights, float))
        with np.errstate(all="ignore"):  # two weights of 0 and no small number: 0 through 0
            return (w[0] * np.array(fine) + w[1] * enlarge(coarse)) / total(w)

    return answer


def _fuse_small(fine, coarse, weights):
    w = np.maximum(weights, 0)
    return (w[0] * np.array(fine)[::2, ::2] + w[1] * np.array(coarse)) / (w.sum() + 1e-4)


def _fuse_by_loops(fine, coarse, weights, small=0.0001):
    a, b = (max(0, w) for w in weights)
    return [[(a * x + b * coarse[i // 2][j // 2]) / (a + b + small) for j, x in enumerate(row)]
            for i, row in enumerate(fine)]


def _fuse_by_repeats(fine, coarse, weights):
    w = np.clip(weights, 0, None)
    w = w / (w.sum() + 1e-4)
    return w[0] * np.array(fine) + w[1] * np.repeat(np.repeat(coarse, 2, axis=0), 2, axis=1)


def _softmax(w):
    return np.exp(w) / np.exp(w).sum()


def fuse_cases(seed: int) -> list[Case]:
    draw = random.Random(f"13.fuse {seed}")
    rows = [([[1.0, 2.0], [3.0, 4.0]], [[10.0]], [1.0, 1.0]),
            ([[1.0, 2.0], [3.0, 4.0]], [[10.0]], [3.0, 1.0]),
            ([[1.0, 2.0], [3.0, 4.0]], [[10.0]], [1.0, 2.0]),
            ([[2.0, 4.0], [6.0, 8.0]], [[5.0]], [2.0, -1.0]),
            ([[2.0, 4.0], [6.0, 8.0]], [[5.0]], [0.0, 0.0]),
            (numbers(draw, 4, 4), [[1.0, 2.0], [3.0, 5.0]], [0.5, 2.0])]
    for _ in range(4):
        h, w = draw.choice(((1, 2), (2, 3), (3, 2)))
        rows.append((numbers(draw, 2 * h, 2 * w), numbers(draw, h, w), numbers(draw, 2, low=-0.5, high=3)))
    return cases(("fine", "coarse", "weights"), rows)


NO_SMALL = "You are off by a tiny share, the larger the smaller the weights are. What does the sheet add, and to what?"

FUSE = Exercise(
    id="13.1", title="How much to trust each map", points=4, minutes=15, difficulty="easy",
    reference=fuse_levels, cases=fuse_cases, helpers=("features",), absolute=1e-9,
    misconceptions=(
        Misconception("not divided by the weights' sum", _fuse(total=lambda w: 1.0),
            "Double both weights: your map doubles. What should a mean do?"),
        Misconception("divided by the number of maps", _fuse(total=lambda w: 2.0),
            "You divide by two maps, whatever they are trusted with. On which weights is that a mean?"),
        Misconception("softmax", _fuse(keep=_softmax, total=lambda w: 1.0),
            "Your weights are exponentials, so a map with weight 0 still counts. What should a map count that is not "
            "trusted at all?"),
        Misconception("negative weights kept", _fuse(keep=lambda w: w, total=lambda w: w.sum() + 1e-4),
            "On the case above a weight is negative, and you subtract that map. What is a map worth that is not "
            "trusted at all?"),
        Misconception("negative weights turned positive", _fuse(keep=np.abs),
            "On the case above a weight is negative, and your function trusts that map as if it were not."),
        Misconception("weights exchanged", lambda fine, coarse, weights: fuse_levels(fine, coarse, weights[::-1]),
            "Which of the two weights belongs to the fine map?"),
        Misconception("plain mean", _fuse(keep=lambda w: np.ones(2), total=lambda w: 2.0),
            "Change the weights: your map stays the same."),
        Misconception("coarse map laid out like tiles", _fuse(enlarge=lambda coarse: np.tile(coarse, (2, 2))),
            "The size is right. But the upper left quarter of your enlarged map is the whole coarse map again. What "
            "did its upper left number see?"),
        Misconception("the small number left out", _fuse(total=lambda w: w.sum()), NO_SMALL),
        Misconception("the small number left out, with loops", lambda fine, coarse, weights: (
            _fuse_by_loops(fine, coarse, weights, small=0)), NO_SMALL),
        Misconception("the small number only against 0", _fuse(total=lambda w: max(w.sum(), 1e-4)), NO_SMALL),
        Misconception("the small number added to each weight",
            _fuse(keep=lambda w: np.maximum(w, 0) + 1e-4, total=lambda w: w.sum()),
            "With you, a map of weight 0 still counts a little. To what does the sheet add the small number?"),
        Misconception("rounded", lambda fine, coarse, weights: np.round(fuse_levels(fine, coarse, weights), 3),
            "Those are the right numbers, rounded to three digits. The sheet prints its example so; what does it want "
            "from you?"),
        Misconception("fine map made small", _fuse_small,
            "Your map has the size of the coarse one. Whose detail is to be kept?"),
    ),
    other_answers=(_fuse_by_loops, _fuse_by_repeats),
    hints=("First the size: each number of the coarse map stands for a square of the fine one.",
           "Then the weights: none below 0, and a sum that is never quite 0."),
    remark="Scaling all weights changes next to nothing; that is what makes them a matter of trust.",
)


# 13.2


def fused_or_not(in_channels: int, out_channels: int, expand: int, kernel: int, stride: int, pixels: int) -> tuple:
    """MACs of an MBConv block and of a fused one, activations of both; no gate."""
    return _blocks()(in_channels, out_channels, expand, kernel, stride, pixels)


def _blocks(out=lambda pixels, stride: -(-pixels // stride), wide=lambda i, o, e: e * i,
            first=lambda pixels, after: pixels, fused_at=lambda pixels, after: after,
            filters=lambda k, wide: k * k * wide, window=lambda k: k * k, project=1, written=1, fused_project=1,
            gate=0, gate_writes=0, reads=0, twice=False, times=1, order=(0, 1, 2, 3)):
    """fused_or_not with one of its parts replaced."""

    def answer(in_channels, out_channels, expand, kernel, stride, pixels):
        after = out(pixels, stride)
        e, begin, at = wide(in_channels, out_channels, expand), first(pixels, after), fused_at(pixels, after)
        last, writes = project * after**2 * e * out_channels, written * after**2 * out_channels
        read, squeezed = reads * pixels**2 * in_channels, in_channels // 4
        mbconv = begin**2 * in_channels * e + after**2 * filters(kernel, e) + last + gate * 2 * e * squeezed
        fused = at**2 * window(kernel) * in_channels * e + fused_project * last
        both = begin**2 * e + after**2 * e + writes + read + gate_writes * (e + squeezed)
        one = both if twice else at**2 * e + fused_project * writes + read
        found = times * mbconv, times * fused, both, one
        return tuple(found[i] for i in order)

    return answer


def _blocks_by_layers(in_channels, out_channels, expand, kernel, stride, pixels):
    found = []
    for kind in ("mbconv", "fused"):
        stage = Stage(expand, kernel, stride, out_channels, 1, kind)
        net = Architecture(kind, (stage,), in_channels, 0, pixels, stem_stride=1, se_ratio=0, channel_step=1)
        found.append(block_layers(net.blocks()[0]))
    macs, writes = ([sum(getattr(row, key) for row in rows) for rows in found] for key in ("macs", "activations"))
    return (*macs, *writes)


def _blocks_as_floats(in_channels, out_channels, expand, kernel, stride, pixels):
    p, q = float(pixels**2), float(math.ceil(pixels / stride) ** 2)
    e = in_channels * expand
    narrow, last = p * in_channels * e, q * e * out_channels
    return [narrow + q * kernel**2 * e + last, q * kernel**2 * in_channels * e + last,
            (p + q) * e + q * out_channels, q * (e + out_channels)]


def block_cases(seed: int) -> list[Case]:
    draw = random.Random(f"13.blocks {seed}")
    rows = [(4, 4, 2, 3, 1, 4), (4, 6, 4, 3, 2, 8), (4, 6, 4, 3, 2, 5), (4, 8, 2, 5, 2, 7), (8, 8, 2, 3, 3, 10),
            (24, 24, 4, 3, 1, 56), (16, 24, 6, 3, 2, 112)]
    rows += [(8 * draw.randint(1, 20), 8 * draw.randint(1, 20), draw.randint(2, 6), draw.choice((3, 5, 7)),
              draw.choice((1, 2)), draw.randint(7, 60)) for _ in range(5)]
    return cases(("in_channels", "out_channels", "expand", "kernel", "stride", "pixels"), rows)


FUSED_BLOCK = Exercise(
    id="13.2", title="Fused, or not", points=4, minutes=20, difficulty="moderate",
    reference=fused_or_not, cases=block_cases, helpers=("cost", "arch"),
    returns=("MACs of the MBConv block", "MACs of the fused block", "activations of the MBConv block",
             "activations of the fused block"),
    misconceptions=(
        Misconception("stride left out", _blocks(out=lambda pixels, stride: pixels),
            "Right at stride 1. On the case above the block has stride 2: how many positions does its output have?"),
        Misconception("expanded after the stride", _blocks(first=lambda pixels, after: after),
            "Your expansion works on the small map. Which layer of an MBConv block has the stride, and which come "
            "before it?"),
        Misconception("fused filter before the stride", _blocks(fused_at=lambda pixels, after: pixels),
            "Your fused filter answers at every position of its input. Which layer has the stride in a fused block, "
            "when the only other one is the projection?"),
        Misconception("halves rounded down", _blocks(out=lambda pixels, stride: pixels // stride),
            "On the case above the stride does not go evenly into the pixels, and your map leaves the rest out. What "
            "does the sheet say of it?"),
        Misconception("halves rounded to even", _blocks(out=lambda pixels, stride: round(pixels / stride)),
            "On the case above the stride does not go evenly into the pixels, and the sides of your map are one too "
            "short. On some others they are right: what does Python's `round` do with a half?"),
        Misconception("rounded to the nearest", _blocks(out=lambda pixels, stride: int(pixels / stride + 0.5)),
            "On the case above less than half a position is left over, and you drop it. What does the sheet say of a "
            "rest?"),
        Misconception("no projection", _blocks(project=0, written=0),
            "Both of your blocks end wide. How does the next block get its few channels?"),
        Misconception("no projection in the fused block", _blocks(fused_project=0),
            "Your MBConv block is right. Your fused one ends wide: how does the next block get its few channels?"),
        Misconception("gate counted", _blocks(gate=1),
            "Your fused block is right, and your MBConv block does a little too much. Which part of it does the sheet "
            "not count?"),
        Misconception("gate counted, with what it writes", _blocks(gate=1, gate_writes=1),
            "Your fused block is right, and your MBConv block is a little too dear in MACs and in activations. Which "
            "part of it does the sheet not count?"),
        Misconception("input counted as written", _blocks(reads=1),
            "Your MACs are right. In your activations is also the map that the block reads. Does one of its own "
            "convolutions write that?"),
        Misconception("both of one block, then both of the other", _blocks(order=(0, 2, 1, 3)),
            "The right four values, but two have changed places. In which order does the sheet ask for them?"),
        Misconception("the projection writes nothing", _blocks(written=0),
            "Your MACs are right. Which layer's output is missing in both numbers of activations?"),
        Misconception("depthwise counted as full", _blocks(filters=lambda k, wide: k * k * wide * wide),
            "In your MBConv block each filter looks at all expanded channels. At how many does a depthwise one look?"),
        Misconception("kernel not squared", _blocks(filters=lambda k, wide: k * wide, window=lambda k: k),
            "How many positions does a kernel of side 3 look at?"),
        Misconception("expanded from the output", _blocks(wide=lambda i, o, e: e * o),
            "Inside, your blocks are `expand` times as wide as their output. Against which of its two ends does the "
            "sheet measure that?"),
        Misconception("not expanded", _blocks(wide=lambda i, o, e: i),
            "Inside, your blocks are as narrow as their input. What does the expansion ratio do?"),
        Misconception("fused block writes as much", _blocks(twice=True),
            "Three numbers are right. How often does a fused block write the expanded map?"),
        Misconception("FLOPs", _blocks(times=2),
            "Your activations are right, and your MACs are twice the sheet's: you count each multiplication and each "
            "addition. How many MACs is such a pair?"),
    ),
    other_answers=(_blocks_by_layers, _blocks_as_floats),
    hints=("List the layers of each block: three in an MBConv block without a gate, two in a fused one. For each: how "
           "many positions does it answer at, and what does one answer cost?",
           "The layer with the kernel has the stride. What comes before it works on the large map."),
    remark="Several times the MACs, about half of the numbers written: a trade for machines that wait for memory.",
)


# 13.3


def fast_growth(growth: float, share: float) -> tuple[float, float, float, float]:
    """(d, w, r, times the activations), by the rules."""
    return _fast()(growth, share)


def _fast(powers=lambda a: ((1 - a) / 2, a / 2, (1 - a) / 4), grow=lambda g, p: g**p, order=lambda d, w, r: (d, w, r),
          writes=lambda d, w, r, g, a: d * w * r**2):
    """fast_growth with one of its parts replaced."""

    def answer(growth, share):
        d, w, r = (grow(growth, power) for power in powers(share))
        return *order(d, w, r), writes(d, w, r, growth, share)

    return answer


def _fast_by_logs(growth, share):
    logs = math.log(growth) * np.array([(1 - share) / 2, share / 2, (1 - share) / 4])
    return [*np.exp(logs), math.exp(math.log(growth) * (1 - share / 2))]


def _fast_by_roots(growth, share):
    rest = growth ** (1 - share)
    w = math.sqrt(growth / rest)
    return math.sqrt(rest), w, rest**0.25, rest * w


def fast_cases(seed: int) -> list[Case]:
    draw = random.Random(f"13.fast {seed}")
    rows = [(1.0, 0.5), (2.0, 0.8), (16.0, 0.8), (4.0, 0.0), (4.0, 1.0), (8.0, 1 / 3), (97.8, 0.8)]
    rows += [(draw.randint(3, 120) / 2, draw.randint(1, 19) / 20) for _ in range(5)]
    return cases(("growth", "share"), rows)


FAST = Exercise(
    id="13.3", title="Grow fast", points=4, minutes=15, difficulty="easy",
    reference=fast_growth, cases=fast_cases, helpers=("explorers",),
    returns=("d", "w", "r", "times the activations"),
    misconceptions=(
        Misconception("width not halved", _fast(powers=lambda a: ((1 - a) / 2, a, (1 - a) / 4)),
            "MACs go with the square of w. Do your multipliers make as many MACs as asked for?"),
        Misconception("resolution not halved again", _fast(powers=lambda a: ((1 - a) / 2, a / 2, (1 - a) / 2)),
            "MACs go with the square of r. Do your multipliers make as many MACs as asked for?"),
        Misconception("nothing halved", _fast(powers=lambda a: ((1 - a) / 2, a, (1 - a) / 2)),
            "MACs go with the squares of w and r. Do your multipliers make as many MACs as asked for?"),
        Misconception("all of the rest to depth", _fast(powers=lambda a: (1 - a, a / 2, (1 - a) / 4)),
            "What width leaves over is shared by two dimensions. Put your multipliers into the rule for the MACs."),
        Misconception("share and rest exchanged", _fast(powers=lambda a: (a / 2, (1 - a) / 2, a / 4)),
            "With a share of 1 all growth should go to width. Where does yours go?"),
        Misconception("share of depth", _fast(powers=lambda a: (a, (1 - a) / 4, (1 - a) / 4)),
            "Whose share is it? With a share of 1 your network gets deeper and nothing else."),
        Misconception("multiplied, not raised", _fast(grow=lambda g, p: g * p),
            "With a growth of 1 nothing should change. What are your multipliers then?"),
        Misconception("logarithm to base 2, power of e", _fast(grow=lambda g, p: math.exp(p * math.log2(g))),
            "Put your multipliers into the rule: they make more MACs than asked for. Does your power undo your "
            "logarithm?"),
        Misconception("natural logarithm, power of 2", _fast(grow=lambda g, p: 2 ** (p * math.log(g))),
            "Put your multipliers into the rule: they make fewer MACs than asked for. Does your power undo your "
            "logarithm?"),
        Misconception("order d, r, w", _fast(order=lambda d, w, r: (d, r, w)),
            "Two of your multipliers have changed places."),
        Misconception("order w, d, r", _fast(order=lambda d, w, r: (w, d, r)),
            "Two of your multipliers have changed places."),
        Misconception("activations with r once", _fast(writes=lambda d, w, r, g, a: d * w * r),
            "Your multipliers are right. A map has two sides: how does its number of positions go with r?"),
        Misconception("activations as MACs", _fast(writes=lambda d, w, r, g, a: d * w**2 * r**2),
            "Your last number is the growth of the MACs itself. How often does the width enter a layer's MACs, and how "
            "often the numbers that it writes?"),
        Misconception("parameters for activations", _fast(writes=lambda d, w, r, g, a: d * w**2),
            "Your last number knows nothing of the resolution. Does a larger image write more?"),
        Misconception("the power, not the factor", _fast(writes=lambda d, w, r, g, a: 1 - a / 2),
            "Your last number is a power, and right as one. How many times the activations are that?"),
    ),
    other_answers=(_fast_by_logs, _fast_by_roots),
    hints=("The growth, to the power of the share, is what the square of w has to be.",
           "For the activations: which of the three dimensions enter as often as in the MACs, and which does not?"),
    remark="With a share of 0.8, activations grow like the MACs to the power of 0.6; with all alike, 0.83.",
)


# 13.4


@cache
def _count(d: float, w: float, pixels: int, of: str = "macs") -> int:
    return getattr(network_cost(B0.scaled(d, w, pixels / 224)), of)


@cache
def _compound(d: float, w: float, r: float, of: str = "macs") -> int:
    return getattr(network_cost(B0.scaled(d, w, r)), of)


def fair_rows(d: float, w: float, r: float) -> tuple[float, float, int]:
    """The least depth, width and pixels at which B0 alone does at least the MACs of B0 scaled by d, w, r."""
    return _rows()(d, w, r)


def _least(wanted, of, fits, back):
    """The first depth, width and pixels that fit."""
    found = []
    for start, make in ((10, lambda n: (n / 10, 1.0, 224)), (100, lambda n: (1.0, n / 100, 224)),
                        (224, lambda n: (1.0, 1.0, n))):
        low, high = start - 1, start
        while not fits(_count(*make(high), of), wanted):
            low, high = high, 2 * high
            if high > 40_000:
                return (0.0, 0.0, 0)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if fits(_count(*make(middle), of), wanted) else (middle, high)
        found.append(max(high - back, start))
    return found[0] / 10, found[1] / 100, found[2]


def _rows(of="macs", fits=lambda count, wanted: count >= wanted, back=0, times=1):
    return lambda d, w, r: _least(times * _compound(d, w, r, of), of, fits, back)


def _by_rule(growth, whole=round):
    """Multipliers from the rule instead of a count; `whole` makes tenths, hundredths and pixels whole numbers."""

    def answer(d, w, r):
        g = growth(d, w, r)
        depth, width, pixels = g, math.sqrt(g), 224 * math.sqrt(g)
        return (whole(10 * depth) / 10, whole(100 * width) / 100, whole(pixels)) if whole else (depth, width, pixels)

    return answer


def _rows_nearest(d, w, r):
    """As lesson 13 has it: the nearest count, and the least value that gives it."""
    wanted, found = _compound(d, w, r), []
    for above, step, least, make in zip(fair_rows(d, w, r), (10, 100, 1), (10, 100, 224), (
            lambda n: (n / 10, 1.0, 224), lambda n: (1.0, n / 100, 224), lambda n: (1.0, 1.0, n)), strict=True):
        n = round(above * step)
        if n > least and wanted - _count(*make(n - 1)) <= _count(*make(n)) - wanted:
            below, n = _count(*make(n - 1)), n - 1
            while n > least and _count(*make(n - 1)) == below:
                n -= 1
        found.append(n / step if step > 1 else n)
    return tuple(found)


def _rows_by_adding(d, w, r):
    """0.1 added again and again makes 2.000000000000001, and one more block."""
    wanted, depth, width = _compound(d, w, r), 1.0, 1.0
    while _count(depth, 1.0, 224) < wanted:
        depth += 0.1
    while _count(1.0, width, 224) < wanted:
        width += 0.01
    return depth, width, fair_rows(d, w, r)[2]


def _rows_by_counting_up(d, w, r):
    wanted = _compound(d, w, r)
    depth = next(n for n in range(10, 500) if _count(n / 10, 1.0, 224) >= wanted)
    width = next(n for n in range(100, 1000) if _count(1.0, n / 100, 224) >= wanted)
    return depth / 10, width / 100, next(n for n in range(224, 4000) if _count(1.0, 1.0, n) >= wanted)


def _rows_as_list(d, w, r):
    wanted, steps = _compound(d, w, r), (0.1, 0.01, 1)
    at = [1.0, 1.0, 224]
    for i, step in enumerate(steps):
        values = [1.0, 1.0, 224]
        while _count(*values) < wanted:
            values[i] = round(values[i] + step, 2) if i < 2 else values[i] + 1
        at[i] = values[i]
    return at


def row_cases(seed: int) -> list[Case]:
    draw = random.Random(f"13.rows {seed}")
    rows = [(1.0, 1.0, 1.0), (1.2, 1.1, 1.15), (1.4, 1.2, 1.3), (2.0, 1.0, 1.0), (1.0, 1.0, 1.5)]
    rows += [(draw.randint(10, 16) / 10, draw.randint(10, 13) / 10, draw.randint(20, 28) / 20) for _ in range(3)]
    return cases(("d", "w", "r"), rows)


ROWS = Exercise(
    id="13.4", title="An ablation at equal MACs", points=5, minutes=20, difficulty="moderate",
    reference=fair_rows, cases=row_cases, returns=("depth", "width", "pixels"),
    misconceptions=(
        Misconception("the rule, not the count", _by_rule(lambda d, w, r: d * w**2 * r**2),
            "Those are the values of the rule. Count the networks: do they do as many MACs as the compound one, and is "
            "there a smaller one that does?"),
        Misconception("the rule, not rounded", _by_rule(lambda d, w, r: d * w**2 * r**2, whole=None),
            "Those are the values of the rule, and your pixels are no whole number. Count the networks."),
        Misconception("the rule, rounded up", _by_rule(lambda d, w, r: d * w**2 * r**2, whole=math.ceil),
            "Those are the values of the rule, rounded up. Count the networks: do they do as many MACs as the compound "
            "one, and is there a smaller one that does?"),
        Misconception("the counted growth put into the rule",
            _by_rule(lambda d, w, r: _compound(d, w, r) / _compound(1.0, 1.0, 1.0)),
            "You count the compound network, and then trust the rule for the others. Count those, too: blocks and "
            "channels are whole."),
        Misconception("the last that does fewer", _rows(back=1),
            "Networks of yours do fewer MACs than the compound one. Which are the first that do as many?"),
        Misconception("more, not as many", _rows(fits=lambda count, wanted: count > wanted),
            "On the case above a smaller value makes a network with the same number of MACs, to the unit. Is that too "
            "few?"),
        Misconception("the nearest", _rows_nearest,
            "On the case above a network of yours does fewer MACs than the compound one. The lesson takes the nearest; "
            "what does the sheet ask for?"),
        Misconception("tenths added up", _rows_by_adding,
            "Print the depths that you try with all their digits. Added up, tenths are soon a little more than tenths, "
            "and a little more is enough for one more block."),
        Misconception("equal activations", _rows(of="activations"),
            "Your networks write as much as the compound one. Equal what was asked for?"),
        Misconception("twice the MACs", _rows(times=2),
            "Your networks do twice the MACs of the compound one. Did you count FLOPs on one side only?"),
        Misconception("resolution as a multiplier", lambda d, w, r: (
            *fair_rows(d, w, r)[:2], fair_rows(d, w, r)[2] / 224),
            "Two values are right. In what is the third asked for?"),
        Misconception("numbers of tenths and hundredths", lambda d, w, r: (
            round(10 * fair_rows(d, w, r)[0]), round(100 * fair_rows(d, w, r)[1]), fair_rows(d, w, r)[2]),
            "You give the number of tenths and the number of hundredths. Which multipliers are these?"),
        Misconception("multipliers of the compound network", lambda d, w, r: (d, w, round(224 * r)),
            "Those are the compound network's own multipliers. Each of the three should be enough without the others."),
    ),
    other_answers=(_rows_by_counting_up, _rows_as_list),
    hints=("Count the compound network once. Then let one multiplier grow, step by step, and leave the others at 1.",
           "`next(n for n in range(10, 200) if ...)` gives the first number for which something is true; a tenth of it "
           "is a depth."),
    remark="For (1.4, 1.2, 1.3) these are 4.4, 2.23 and 481: not the 4, 2 and 448 of the table.",
)


# 13.5


def gap_at_equal_macs(macs: list[float], top1: list[float], compound_macs: float, compound_top1: float) -> tuple:
    """(top-1 that the row would have at the compound network's MACs, compound minus that)."""
    return _gap()(macs, top1, compound_macs, compound_top1)


def _segment(x, y, at):
    """On the segment that holds `at`, or on the nearest one."""
    i = min(max(int(np.searchsorted(x, at)), 1), len(x) - 1)
    return y[i - 1] + (y[i] - y[i - 1]) * (at - x[i - 1]) / (x[i] - x[i - 1])


def _gap(scale=np.log2, read=_segment, sign=1, order=1):
    """gap_at_equal_macs with one of its parts replaced."""

    def answer(macs, top1, compound_macs, compound_top1):
        expected = float(read(scale(np.array(macs)), top1, scale(compound_macs)))
        pair = expected, sign * (compound_top1 - expected)
        return pair[::order]

    return answer


def _nearest(x, y, at):
    return y[int(np.argmin(np.abs(x - at)))]


def _ends(x, y, at):
    return y[0] + (y[-1] - y[0]) * (at - x[0]) / (x[-1] - x[0])


def _last_two(x, y, at):
    return y[-2] + (y[-1] - y[-2]) * (at - x[-2]) / (x[-1] - x[-2])


def _flat_above(x, y, at):
    return y[-1] if at > x[-1] else _segment(x, y, at)


def _flat_below(x, y, at):
    return y[0] if at < x[0] else _segment(x, y, at)


def _fitted(x, y, at):
    slope, start = np.polyfit(x - x[0], y, 1)
    return start + slope * (at - x[0])


def _gap_by_weights(macs, top1, compound_macs, compound_top1):
    logs, at = [math.log(m) for m in macs], math.log(compound_macs)
    pairs = list(zip(range(len(macs) - 1), range(1, len(macs)), strict=True))
    i, j = next((p for p in pairs if at <= logs[p[1]]), pairs[-1])
    share = (at - logs[i]) / (logs[j] - logs[i])
    expected = (1 - share) * top1[i] + share * top1[j]
    return expected, compound_top1 - expected


def _gap_per_doubling(macs, top1, compound_macs, compound_top1):
    i = min(sum(m < compound_macs for m in macs[1:]), len(macs) - 2)
    per_doubling = (top1[i + 1] - top1[i]) / math.log2(macs[i + 1] / macs[i])
    expected = top1[i] + per_doubling * math.log2(compound_macs / macs[i])
    return [expected, compound_top1 - expected]


def gap_cases(seed: int) -> list[Case]:
    draw = random.Random(f"13.gap {seed}")
    rows = [([1.0, 2.0], [70.0, 74.0], 2.0, 76.0), ([1.0, 2.0], [70.0, 74.0], 4.0, 79.0),
            ([1.0, 2.0, 4.0], [70.0, 74.0, 75.0], 3.0, 77.0), ([1.0, 2.0, 4.0], [70.0, 74.0, 75.0], 8.0, 75.5),
            ([2.0, 4.0, 8.0], [74.0, 75.0, 75.2], 1.0, 74.0), ([1.0, 4.0, 8.0], [70.0, 74.0, 73.0], 2.5, 72.0)]
    for _ in range(5):
        macs, top1 = [draw.randint(5, 20) / 10], [draw.randint(650, 760) / 10]
        for _ in range(draw.randint(2, 4)):
            macs.append(round(macs[-1] * draw.uniform(1.3, 2.6), 2))
            top1.append(round(top1[-1] + draw.uniform(-0.5, 3), 1))
        rows.append((macs, top1, round(draw.uniform(0.7 * macs[0], 1.8 * macs[-1]), 2), draw.randint(700, 850) / 10))
    return cases(("macs", "top1", "compound_macs", "compound_top1"), rows)


GAP = Exercise(
    id="13.5", title="What is left of the gap", points=4, minutes=20, difficulty="moderate",
    reference=gap_at_equal_macs, cases=gap_cases, absolute=1e-9,
    returns=("top-1 at the compound network's MACs", "gap"),
    misconceptions=(
        Misconception("interpolated in MACs", _gap(scale=lambda x: x * 1.0),
            "You draw straight lines over MACs. Then a MAC more would bring the same at 1 billion as at 8. On what do "
            "doublings lie evenly?"),
        Misconception("no further than the row", _gap(read=lambda x, y, at: np.interp(at, x, y)),
            "Beyond the row's ends your curve is flat, as if more MACs brought nothing. With which slope did it end?"),
        Misconception("flat after the last", _gap(read=_flat_above),
            "Beyond the row's last network your curve is flat, as if more MACs brought nothing. With which slope did "
            "it end?"),
        Misconception("flat before the first", _gap(read=_flat_below),
            "Below the row's first network your curve is flat, as if fewer MACs cost nothing. With which slope does it "
            "begin?"),
        Misconception("nearest network", _gap(read=_nearest),
            "You compare with the network of the row that is nearest. Does it do as many MACs as the compound one?"),
        Misconception("largest network of the row", _gap(read=lambda x, y, at: y[-1]),
            "You compare with the largest network of the row, whatever its MACs. Which one would do as many as the "
            "compound one?"),
        Misconception("best network of the row", _gap(read=lambda x, y, at: max(y)),
            "You compare with the best network of the row, whatever its MACs."),
        Misconception("first and last only", _gap(read=_ends),
            "You draw one line from the first network to the last. What do those between say?"),
        Misconception("a fitted line", _gap(read=_fitted),
            "Your line is fitted to all, so at a network of the row it does not give that network's top-1. Which two "
            "are next to the compound one's MACs?"),
        Misconception("always the last two", _gap(read=_last_two),
            "You go by the last two networks of the row, wherever the compound one lies. On the case above, which two "
            "are next to it?"),
        Misconception("sign turned round", _gap(sign=-1),
            "Where compound is ahead, your gap is negative. Which was to be subtracted from which?"),
        Misconception("order turned round", _gap(order=-1),
            "Your two values have changed places."),
        Misconception("the gap as printed", lambda macs, top1, compound_macs, compound_top1: (
            _gap()(macs, top1, compound_macs, compound_top1)[0], compound_top1 - top1[-1]),
            "Your first value is right. The second does not use it."),
    ),
    other_answers=(_gap_by_weights, _gap_per_doubling),
    hints=("Put each network at the logarithm of its MACs. Between which two does the compound one lie?",
           "Where it lies beyond the row, go on along the row's nearest stretch."),
    remark="An extrapolation is the weakest part of such a correction. The cure is to train the fair network.",
)


EXERCISES = (FUSE, FUSED_BLOCK, FAST, ROWS, GAP)
