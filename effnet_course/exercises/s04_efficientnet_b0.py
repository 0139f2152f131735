"""Problem sheet 04: EfficientNet-B0, from its table to the unit.

A stage table is a list of rows [expand, kernel, stride, channels, repeats]; a block is a tuple (channels in, channels
out, kernel, stride, expand, residual).
"""

import math
import random
from dataclasses import replace
from functools import cache
from itertools import combinations

from effnet_course.arch import B0, Architecture, Stage
from effnet_course.checking import Case, Exercise, Misconception
from effnet_course.cost import network_cost

# A misconception is one thing to read: what is wrong, the wrong function, the hint.
# fmt: off
B0_ROWS = [[s.expand, s.kernel, s.stride, s.channels, s.repeats] for s in B0.stages]


def _random_rows(draw: random.Random, count: int) -> list[list[int]]:
    return [[draw.choice([1, 2, 4, 6]), draw.choice([3, 5]), draw.choice([1, 2]), 4 * draw.randint(2, 10),
             draw.randint(1, 3)] for _ in range(count)]


# 04.1


def stage_blocks(stem: int, rows: list[list[int]]) -> list[tuple[int, int, int, int, int, bool]]:
    """The blocks that a stage table stands for."""
    blocks, channels = [], stem
    for expand, kernel, stride, out, repeats in rows:
        for index in range(repeats):
            step = stride if index == 0 else 1
            blocks.append((channels, out, kernel, step, expand, step == 1 and channels == out))
            channels = out
    return blocks


def block_cases(seed: int) -> list[Case]:
    draw = random.Random(f"04.blocks {seed}")
    fixed = [  # one thing more at a time
        (8, [[1, 3, 1, 16, 1]]),
        (8, [[6, 3, 2, 16, 1]]),
        (8, [[6, 3, 1, 16, 2]]),
        (8, [[6, 3, 2, 16, 3]]),
        (8, [[4, 5, 1, 8, 1]]),  # a first block may add its input; with stride 2 it may not
        (8, [[4, 5, 2, 8, 1]]),
        (16, [[1, 3, 1, 8, 1], [6, 5, 2, 8, 2]]),
        (16, [[1, 3, 1, 8, 1], [6, 5, 2, 12, 2], [4, 3, 1, 12, 2]]),
        (32, B0_ROWS),
    ]
    drawn = [(8 * draw.randint(2, 6), _random_rows(draw, draw.randint(2, 4))) for _ in range(6)]
    return [{"stem": stem, "rows": [list(row) for row in rows]} for stem, rows in fixed + drawn]


def _blocks(step=lambda stride, index, repeats: stride if index == 0 else 1,
            inner=lambda channels, out, index, entering: channels,
            residual=lambda step, channels, out, index: step == 1 and channels == out,
            count=lambda repeats: repeats, start=lambda stem: stem, block=lambda *parts: parts):
    """stage_blocks with one of its parts replaced."""

    def answer(stem, rows):
        blocks, channels = [], start(stem)
        for expand, kernel, stride, out, repeats in rows:
            entering = channels
            for index in range(count(repeats)):
                s, i = step(stride, index, repeats), inner(channels, out, index, entering)
                blocks.append(block(i, out, kernel, s, expand, residual(s, i, out, index)))
                channels = out
        return blocks

    return answer


def _blocks_by_chains(stem, rows):
    outs = [row[3] for row in rows for _ in range(row[4])]
    ins = [stem] + outs[:-1]
    flat = [(row, n) for row in rows for n in range(row[4])]
    return [[i, o, row[1], row[2] if n == 0 else 1, row[0], i == o and (row[2] == 1 or n > 0)]
            for i, o, (row, n) in zip(ins, outs, flat, strict=True)]


def _blocks_first_and_rest(stem, rows):
    blocks = []
    for e, k, s, c, n in rows:
        before = blocks[-1][1] if blocks else stem
        blocks.append((before, c, k, s, e, (s, before) == (1, c)))
        blocks.extend([(c, c, k, 1, e, True)] * (n - 1))
    return blocks


BLOCKS = Exercise(
    id="04.1", title="From a stage table to blocks", points=4, minutes=15, difficulty="moderate",
    reference=stage_blocks, cases=block_cases,
    helpers=("arch",),
    misconceptions=(
        Misconception("the stride in every block",
            _blocks(step=lambda stride, index, repeats: stride),
            "In your network every block of a stage has the stage's stride. B0's stage 7 reads 14x14 pixels and "
            "has four blocks with a 2 in their row: how large is the map after the last of them?"),
        Misconception("the stride in every block, and a residual wherever the channels agree",
            _blocks(step=lambda stride, index, repeats: stride,
                    residual=lambda step, channels, out, index: channels == out),
            "On the case above a block with stride 2 has as many channels out as in, and in your list it adds its "
            "input. Write down the sides of the two maps. Then ask how often a stage should halve its map."),
        Misconception("the stride in the last block",
            _blocks(step=lambda stride, index, repeats: stride if index == repeats - 1 else 1),
            "You put the stride at the end of each stage, so all the other blocks work on the larger map. Which "
            "block of a stage meets the map that the stage before left?"),
        Misconception("the stage's input for every block",
            _blocks(inner=lambda channels, out, index, entering: entering),
            "By your list, every block of a stage reads what the stage before wrote. What does the second block "
            "find in front of it?"),
        Misconception("the stem's channels for every block",
            _blocks(inner=lambda channels, out, index, entering: channels, start=lambda stem: 3),
            "Your first block reads the image itself. A convolution has been there before it: how many channels "
            "did that one write?"),
        Misconception("one block a stage", _blocks(count=lambda repeats: 1),
            "Your list has one block for each row. One column of the row says that there are more."),
        Misconception("one block too many", _blocks(count=lambda repeats: repeats + 1),
            "Count your blocks on the case above, and the blocks that its rows ask for. Is the first block of a "
            "stage one of its repeats, or does it come before them?"),
        Misconception("a residual wherever the stride is one",
            _blocks(residual=lambda step, channels, out, index: step == 1),
            "On the case above, one of your residuals adds two arrays with different numbers of channels. Try "
            "that on paper."),
        Misconception("a residual wherever the channels agree",
            _blocks(residual=lambda step, channels, out, index: channels == out),
            "On the case above, one of your residuals adds a map to one of half its side. Which of the two would "
            "have to give way?"),
        Misconception("a residual in every block but a stage's first",
            _blocks(residual=lambda step, channels, out, index: index > 0),
            "You tie the residual to a block's place in its stage. In B0 that comes to the same. On the case above "
            "a first block keeps the shape of its input: what speaks against adding it?"),
        Misconception("a residual everywhere", _blocks(residual=lambda step, channels, out, index: True),
            "In your network every block adds its input. Look at the shapes of the first block in the case above: "
            "can they be added?"),
        Misconception("no residual anywhere", _blocks(residual=lambda step, channels, out, index: False),
            "In your network no block adds its input. Is there none whose output has the shape of its input?"),
        Misconception("residual as 0 or 1",
            _blocks(block=lambda i, o, k, s, e, residual: (i, o, k, s, e, int(residual))),
            "Your blocks are right, but for the form of the last entry: True or False is wanted, and yours is a "
            "number. (A numpy array turns the one into the other when it also holds whole numbers.)"),
        Misconception("the expanded channels for the ratio",
            _blocks(block=lambda i, o, k, s, e, residual: (i, o, k, s, e * i, residual)),
            "The fifth entry of your blocks is how many channels there are inside. Is that what the row calls expand?"),
        Misconception("kernel and expand exchanged",
            _blocks(block=lambda i, o, k, s, e, residual: (i, o, e, s, k, residual)),
            "Two entries of your blocks have changed places. A row and a block do not list things in the same order: "
            "what stands third in each?"),
    ),
    other_answers=(_blocks_by_chains, _blocks_first_and_rest),
    hints=(
        "Two loops: over the rows, and over the blocks of a row. One variable has to survive from block to block: "
        "the number of channels that the next one reads.",
        "Inside a stage only the first block differs from the others. In which two ways?",
        "The residual asks about shapes. Two conditions must hold for the input and the output to be added.",
    ),
    remark="Seven rows become 16 blocks, 9 of them with a residual. What a table does not say (which block has the "
           "stride, when to add) is where rebuilt networks go wrong.",
)


# 04.2

ALWAYS = ("strides", "padding", "activation", "residual", "epsilon", "input")
IN_TRAINING = ("momentum", "dropout", "stochastic depth")
SHAPED = ("kernels", "channels", "squeeze from", "convolution bias", "classes")
LOST = ("initialisation",)  # overwritten by the weights
IN_THE_SHEET = ("momentum", "epsilon", "strides", "activation", "residual", "padding", "dropout", "stochastic depth",
                "input")

_COMMON = {"kernels": [3, 3, 5, 3, 5, 5, 3], "channels": [16, 24, 40, 80, 112, 192, 320],
           "strides": [1, 2, 2, 2, 1, 2, 1], "squeeze from": "input", "convolution bias": False,
           "classes": 1000, "activation": "SiLU", "residual": True}
TENSORFLOW = {"framework": "tensorflow", **_COMMON, "padding": "SAME", "epsilon": 1e-3, "momentum": 0.99,
              "dropout": 0.2, "stochastic depth": 0.2, "initialisation": "normal", "input": "mean and deviation"}
KERAS = {**TENSORFLOW, "initialisation": "truncated normal", "input": "0 to 255"}
LUKEMELAS = {**TENSORFLOW, "framework": "pytorch", "momentum": 0.01, "initialisation": "uniform"}
TORCHVISION = {**LUKEMELAS, "padding": "symmetric", "epsilon": 1e-5, "momentum": 0.1, "initialisation": "kaiming"}
TIMM = {**TORCHVISION, "dropout": 0.0, "stochastic depth": 0.0, "initialisation": "normal"}
IMPLEMENTATIONS = (TENSORFLOW, KERAS, LUKEMELAS, TORCHVISION, TIMM)
OTHER_VALUES = {
    "kernels": [3] * 7, "channels": [16, 24, 40, 80, 112, 192, 384], "strides": [1, 2, 2, 1, 2, 2, 1],
    "squeeze from": "expanded", "convolution bias": True, "classes": 10, "activation": "ReLU6", "residual": False,
    "padding": "none", "epsilon": 1e-2, "dropout": 0.5, "stochastic depth": 0.5, "initialisation": "zeros",
    "input": "-1 to 1",
}


def unnoticed(ours: dict, theirs: dict) -> tuple[list[str], list[str]]:
    """What differs between two networks although weights carry over: (at once, only in further training)."""
    def keep(settings):  # TensorFlow's momentum is the weight of the old statistics
        weight = settings["momentum"]
        return dict(settings, momentum=round(1 - weight if settings["framework"] == "tensorflow" else weight, 9))

    ours, theirs = keep(ours), keep(theirs)
    differing = [name for name in ours if ours[name] != theirs[name]]
    return [n for n in differing if n in ALWAYS], [n for n in differing if n in IN_TRAINING]


def setting_cases(seed: int) -> list[Case]:
    draw = random.Random(f"04.settings {seed}")
    short = {name: TORCHVISION[name] for name in ("framework", "momentum")}  # one thing more at a time
    pairs = [(short, short)]
    for name in ("epsilon", "dropout", "classes", "padding", "initialisation", "squeeze from", "activation", "residual",
                 "stochastic depth", "strides", "input", "convolution bias"):
        pairs.append(({**short, name: TORCHVISION[name]}, {**short, name: OTHER_VALUES[name]}))
    pairs.append(({"framework": "pytorch", "momentum": 0.01}, {"framework": "tensorflow", "momentum": 0.99}))
    ours = {"framework": "pytorch", "stochastic depth": 0.2, "epsilon": 1e-5, "padding": "symmetric", "momentum": 0.1,
            "activation": "SiLU"}  # an order that is not the sheet's, nor the alphabet's
    pairs.append((ours, {**ours, "momentum": 0.01, **{n: OTHER_VALUES[n] for n in ours if n in OTHER_VALUES}}))
    pairs += [(TENSORFLOW, LUKEMELAS), (LUKEMELAS, TORCHVISION), (TENSORFLOW, TORCHVISION), (KERAS, TENSORFLOW),
              (TORCHVISION, TIMM), (KERAS, TIMM)]
    for _ in range(8):
        one, two = (dict(draw.choice(IMPLEMENTATIONS)) for _ in range(2))
        for name in draw.sample(sorted(OTHER_VALUES), draw.randint(1, 6)):
            draw.choice((one, two))[name] = OTHER_VALUES[name]
        pairs.append((one, two))
    return [{"ours": {**a}, "theirs": {**b}} for a, b in pairs]


def _settings(always=ALWAYS, training=IN_TRAINING, momentum=True, differ=True, order=None):
    """unnoticed with another idea of what a state dict shows."""

    def answer(ours, theirs):
        def weight(s):
            old = momentum and s["framework"] == "tensorflow"
            return round(1 - s["momentum"], 9) if old else s["momentum"]

        def different(name):
            if name == "momentum":
                return weight(ours) != weight(theirs)
            return ours[name] != theirs[name]

        names = [name for name in (order(ours) if order else ours) if not differ or different(name)]
        return [n for n in names if n in always], [n for n in names if n in training]

    return answer


def _without(names, *gone):
    return tuple(name for name in names if name not in gone)


def _unnoticed_by_sets(ours, theirs):
    same_momentum = abs(ours["momentum"] - theirs["momentum"]) < 1e-6
    if ours["framework"] != theirs["framework"]:
        same_momentum = abs(ours["momentum"] + theirs["momentum"] - 1) < 1e-6
    answers, training = [], []
    for name, value in ours.items():
        if name == "momentum":
            training += [] if same_momentum else [name]
        elif value != theirs[name] and name in {"dropout", "stochastic depth"}:
            training.append(name)
        elif value != theirs[name] and name not in {"framework", "initialisation", *SHAPED}:
            answers.append(name)
    return answers, training


def _unnoticed_by_elimination(ours, theirs):
    changed = [n for n in ours if ours[n] != theirs[n] and n not in (*SHAPED, *LOST, "framework", "momentum")]
    old = [s["momentum"] if s["framework"] == "tensorflow" else 1 - s["momentum"] for s in (ours, theirs)]
    training = [n for n in ours if n in changed and n in IN_TRAINING or n == "momentum" and not math.isclose(*old)]
    return [[n for n in changed if n in ALWAYS], training]


UNNOTICED = Exercise(
    id="04.2", title="What does a state dict not say?", points=4, minutes=20, difficulty="moderate",
    reference=unnoticed, cases=setting_cases,
    returns=("at once", "in training"),
    helpers=("model",),
    misconceptions=(
        Misconception("nothing sorted", lambda ours, theirs: ([n for n in ours if ours[n] != theirs[n]], []),
            "Your first list holds everything that is written differently, and your second is empty. Take what you "
            "listed on the case above: what would change in evaluation mode, the day after loading?"),
        Misconception("everything that differs",
            _settings(always=(*ALWAYS, *SHAPED, *LOST), training=IN_TRAINING),
            "Your list holds settings that change the shape of an array. What does loading say when two shapes "
            "differ? And what is left of the first weights when others are loaded over them?"),
        Misconception("shapes taken for rules", _settings(always=(*ALWAYS, *SHAPED)),
            "Your list holds settings that change the shape of an array, or whether it is there at all. What does "
            "loading say to that?"),
        Misconception("initialisation taken to matter at once", _settings(always=(*ALWAYS, *LOST)),
            "Two networks start from different first weights. Then the same weights are loaded into both. What is "
            "left of the difference?"),
        Misconception("initialisation taken to matter in training", _settings(training=(*IN_TRAINING, *LOST)),
            "You keep the first weights for further training. From which weights does that start, once others have "
            "been loaded?"),
        Misconception("momentum compared as written", _settings(momentum=False),
            "TensorFlow's 0.99 is the weight of the old statistics, PyTorch's 0.01 that of the new batch. Your list "
            "goes by numbers that are written differently. If you have converted them: did you do the same to both "
            "frameworks' numbers? And what does Python print for 1 - 0.99?"),
        Misconception("epsilon only in training",
            _settings(always=_without(ALWAYS, "epsilon"), training=(*IN_TRAINING, "epsilon")),
            "You list epsilon with what matters only in training. Write down what batch norm computes in evaluation: "
            "where does epsilon stand?"),
        Misconception("epsilon left out", _settings(always=_without(ALWAYS, "epsilon")),
            "In your answer epsilon never matters. It stands in every batch norm's division; is it in the state "
            "dict?"),
        Misconception("padding left out", _settings(always=_without(ALWAYS, "padding")),
            "In your answer padding never matters. Which array of the state dict would show that it differs? And does "
            "each window still see the same pixels?"),
        Misconception("input left out", _settings(always=_without(ALWAYS, "input")),
            "In your answer it does not matter which numbers the network is shown. Would weights that learned on one "
            "range know what to do with another?"),
        Misconception("residual or activation thought to be noticed",
            _settings(always=_without(ALWAYS, "residual", "activation")),
            "In your answer activations and residuals never go wrong unnoticed. Which arrays of the state dict "
            "belong to them?"),
        Misconception("strides thought to be noticed", _settings(always=_without(ALWAYS, "strides")),
            "In your answer a wrong stride is always noticed. Which array has another shape when a window moves on "
            "by two pixels and not by one?"),
        Misconception("what works in training listed at once",
            _settings(always=(*ALWAYS, *IN_TRAINING), training=()),
            "You put everything into the first list. In evaluation mode, who drops anything, and whose running "
            "statistics still move?"),
        Misconception("momentum listed at once",
            _settings(always=(*ALWAYS, "momentum"), training=_without(IN_TRAINING, "momentum")),
            "You list momentum with what changes answers at once. In evaluation mode the running statistics are "
            "used; are they updated?"),
        Misconception("dropout listed at once",
            _settings(always=(*ALWAYS, "dropout"), training=_without(IN_TRAINING, "dropout")),
            "You list dropout with what changes answers at once. In evaluation mode, who drops anything?"),
        Misconception("both drop rates listed at once",
            _settings(always=(*ALWAYS, "dropout", "stochastic depth"), training=("momentum",)),
            "You list drop rates with what changes answers at once. In evaluation mode, who drops anything?"),
        Misconception("names sorted by the alphabet", _settings(order=sorted),
            "Those are the right names in both lists. Only their order is another: yours is the alphabet's. In which "
            "order are the settings given?"),
        Misconception("names in the order of the sheet's table",
            _settings(order=lambda ours: [name for name in IN_THE_SHEET if name in ours]),
            "Those are the right names in both lists. Only their order is another: yours is that of the sheet's "
            "table. In which order does this case give them?"),
        Misconception("names in an order of one's own",
            _settings(order=lambda ours: [name for name in (*ALWAYS, *IN_TRAINING) if name in ours]),
            "Those are the right names in both lists. Only their order is another: yours is the same in every case. "
            "In which order does this case give them?"),
        Misconception("every hidden setting, different or not", _settings(differ=False),
            "Your lists hold settings on which the two networks agree. What nobody can see may still be the same."),
    ),
    other_answers=(_unnoticed_by_sets, _unnoticed_by_elimination),
    hints=(
        "Sort the settings first, without code: what changes the shape of an array, or whether it exists? What is "
        "overwritten by loading? The rest goes unnoticed.",
        "Of the rest, which does anything in evaluation mode? Think of each in turn: does it stand in the formula of "
        "the forward pass?",
        "Momentum is the one setting that has to be translated before it is compared. Decimal fractions that come out "
        "of a subtraction are rarely equal to the last digit.",
    ),
    remark="When you port a network, copy these rules by hand, and test in evaluation mode and in training mode.",
)


# 04.3


def network_counts(stem: int, head: int, classes: int, resolution: int, blocks: list[list]) -> tuple[int, int]:
    """Parameters and MACs of a network made of these blocks."""
    return _counts()(stem, head, classes, resolution, blocks)


def _conv(in_channels, out_channels, kernel, side, groups=1, norm=True):
    weights = kernel**2 * (in_channels // groups) * out_channels
    return weights + (2 if norm else 1) * out_channels, weights * side**2


def _counts(squeeze=lambda i, wide, o: max(1, i // 4), expand_at=lambda side, after: side, always_expand=False,
            half=lambda side, stride: -(-side // stride), stem_stride=2, wide=lambda i, o, e: e * i, se_norm=False,
            se_side=lambda side: 1, depth_side=lambda side, after: after, depth_groups=True, norms=True, se=True,
            last=True, per_mac=1, head_side=lambda side: side, last_side=lambda side: 1):
    """network_counts with one of its parts replaced."""

    def answer(stem, head, classes, resolution, blocks):
        side = half(resolution, stem_stride)
        layers = [_conv(3, stem, 3, side)]
        for i, o, kernel, stride, expand, _ in blocks:
            inner, after = wide(i, o, expand), half(side, stride)
            squeezed = squeeze(i, inner, o)
            if expand != 1 or always_expand:
                layers.append(_conv(i, inner, 1, expand_at(side, after)))
            layers.append(_conv(inner, inner, kernel, depth_side(side, after), inner if depth_groups else 1))
            if se:
                layers.append(_conv(inner, squeezed, 1, se_side(after), norm=se_norm))
                layers.append(_conv(squeezed, inner, 1, se_side(after), norm=se_norm))
            layers.append(_conv(inner, o, 1, after))
            side = after
        layers.append(_conv(blocks[-1][1], head, 1, head_side(side)))
        if last:
            layers.append(_conv(head, classes, 1, last_side(side), norm=False))
        params = sum(p for p, _ in layers)
        if not norms:
            wide_ones = [wide(b[0], b[1], b[4]) for b in blocks]
            channels = stem + head + sum(b[1] for b in blocks) + sum(wide_ones)
            params -= 2 * (channels + sum(w for w, b in zip(wide_ones, blocks, strict=True) if b[4] != 1))
        return params, per_mac * sum(m for _, m in layers)

    return answer


def count_cases(seed: int) -> list[Case]:
    draw = random.Random(f"04.counts {seed}")
    fixed = [  # one thing more at a time
        (8, 8, 2, 2, [[1, 3, 1, 8, 1]]),
        (8, 8, 2, 8, [[2, 3, 1, 8, 1]]),
        (8, 16, 2, 8, [[2, 3, 1, 16, 1]]),
        (6, 8, 2, 8, [[1, 3, 1, 8, 1]]),  # a quarter that is no whole number: a half above an odd one, an even one
        (10, 8, 2, 8, [[1, 3, 1, 8, 1]]),
        (2, 16, 2, 8, [[1, 3, 1, 8, 1]]),  # and one below 1
        (8, 16, 4, 8, [[2, 5, 2, 16, 2]]),
        (8, 16, 4, 9, [[2, 5, 2, 16, 1], [1, 3, 2, 8, 1]]),
        (16, 32, 10, 15, [[1, 3, 1, 8, 1], [6, 3, 2, 12, 2]]),
        (32, 1280, 10, 224, B0_ROWS),
        (32, 1280, 1000, 225, B0_ROWS),
    ]
    drawn = [(8 * draw.randint(1, 5), 32 * draw.randint(1, 8), draw.randint(2, 100), draw.randint(10, 64),
              _random_rows(draw, draw.randint(1, 4))) for _ in range(8)]
    return [dict(stem=stem, head=head, classes=classes, resolution=resolution,
                 blocks=[list(block) for block in stage_blocks(stem, rows)])
            for stem, head, classes, resolution, rows in fixed + drawn]


def _network(stem, head, resolution, blocks) -> Architecture:
    stages = tuple(Stage(e, k, s, o, 1) for _, o, k, s, e, _ in blocks)
    return replace(B0, stem=stem, head=head, resolution=resolution, stages=stages, channel_step=1)


def _counts_with_the_package(stem, head, classes, resolution, blocks):
    counted = network_cost(_network(stem, head, resolution, blocks), classes)
    return [counted.params, counted.macs]


def _counts_term_by_term(stem, head, classes, resolution, blocks):
    side = math.ceil(resolution / 2)
    params, macs = 27 * stem + 2 * stem, 27 * stem * side * side
    for i, o, kernel, stride, expand, _ in blocks:
        wide, squeezed = i * expand, max(i // 4, 1)
        after = math.ceil(side / stride)
        grow = i * wide if expand > 1 else 0
        norms = 2 * (wide * (1 + (expand > 1)) + o)
        params += grow + kernel * kernel * wide + wide * o + 2 * wide * squeezed + wide + squeezed + norms
        macs += side**2 * grow + after**2 * wide * (kernel * kernel + o) + 2 * wide * squeezed
        side = after
    params += blocks[-1][1] * head + 2 * head + head * classes + classes
    return params, macs + side**2 * blocks[-1][1] * head + head * classes


COUNTS = Exercise(
    id="04.3", title="B0, to the unit", points=6, minutes=25, difficulty="hard",
    reference=network_counts, cases=count_cases,
    returns=("parameters", "MACs"),
    helpers=("cost", "arch", "model"),
    misconceptions=(
        Misconception("squeeze width from the expanded channels", _counts(squeeze=lambda i, wide, o: max(1, wide // 4)),
            "Your SE grows with the expansion. For B0 you would get 8,423,848 parameters, the number with which the "
            "lesson opened. What is the quarter a quarter of?"),
        Misconception("squeeze width from the output channels", _counts(squeeze=lambda i, wide, o: max(1, o // 4)),
            "Your squeeze width follows the channels that the block writes. SE sits in front of the projection: "
            "which number has the block been given by then?"),
        Misconception("squeeze width rounded to the nearest",
            _counts(squeeze=lambda i, wide, o: max(1, round(i / 4))),
            "On the case above a quarter of a block's channels is no whole number, and your squeeze width is larger "
            "than that quarter. Which way does the sheet round?"),
        Misconception("squeeze width rounded to the nearest, down to none",
            _counts(squeeze=lambda i, wide, o: round(i / 4)),
            "On the case above a quarter of a block's channels is no whole number. Which way does the sheet round "
            "it, and what is the least that it leaves?"),
        Misconception("squeeze width rounded up", _counts(squeeze=lambda i, wide, o: max(1, math.ceil(i / 4))),
            "On the case above a quarter of a block's channels is no whole number, and your squeeze width is larger "
            "than that quarter. Which way does the sheet round?"),
        Misconception("squeeze width without a least", _counts(squeeze=lambda i, wide, o: i // 4),
            "On the case above a block has fewer than four channels, and your SE squeezes them to none at all. Could "
            "anything pass through that?"),
        Misconception("squeeze width not rounded", _counts(squeeze=lambda i, wide, o: max(1, i / 4)),
            "On the case above your SE squeezes to a number of channels with a fraction. How many can a layer have?"),
        Misconception("squeeze width not rounded, nor a least", _counts(squeeze=lambda i, wide, o: i / 4),
            "On the case above your SE squeezes to a number of channels with a fraction. How many can a layer have?"),
        Misconception("SE left out", _counts(se=False),
            "Your blocks have no squeeze-and-excitation. It does hardly any MACs, but it is there."),
        Misconception("SE with batch norm and no bias", _counts(se_norm=True),
            "You give SE's convolutions two extra numbers a channel, as to all the others. What follows them, a batch "
            "norm or just an activation?"),
        Misconception("SE at every position", _counts(se_side=lambda side: side),
            "In your count SE works on the whole map. What does it do to the map first, before it multiplies "
            "anything?"),
        Misconception("an expansion where the ratio is one", _counts(always_expand=True),
            "On the case above there is a block with expansion ratio 1. Yours still has a convolution that leads from "
            "its channels to as many channels. Does the network have it?"),
        Misconception("the expansion after the stride", _counts(expand_at=lambda side, after: after),
            "Your expansion works on the smaller map already. Which step of the block has the stride, and what runs "
            "before it?"),
        Misconception("the depthwise step before the stride", _counts(depth_side=lambda side, after: side),
            "Your depthwise convolution writes a map as large as the one it reads, in a block with a stride, too."),
        Misconception("a full convolution for the depthwise one", _counts(depth_groups=False),
            "In your blocks the convolution in the middle mixes all the channels. That would be by far the most "
            "expensive step of the block: is it?"),
        Misconception("expanded from the output channels", _counts(wide=lambda i, o, e: e * o),
            "By your count a block's inside is wide when its output is. At the time of expanding, which channels are "
            "there to be multiplied?"),
        Misconception("sides rounded down", _counts(half=lambda side, stride: side // stride),
            "On the case above a stride meets an odd side, and your map loses its last row. With the padding of "
            "these networks, does the window also stop there?"),
        Misconception("a stem without its stride", _counts(stem_stride=1),
            "Your parameters are right and your MACs are too many. How large is the map that the first block reads?"),
        Misconception("batch norm left out", _counts(norms=False),
            "Your MACs are right and some parameters are missing. What follows every convolution outside SE, and what "
            "does it learn for each channel?"),
        Misconception("the classifier left out", _counts(last=False),
            "Your count does not change with the number of classes."),
        Misconception("the classifier at every position", _counts(last_side=lambda side: side),
            "Your parameters are right and your MACs are too many: your classifier works on a whole map. What comes "
            "between the head and the classifier?"),
        Misconception("the head after the pooling", _counts(head_side=lambda side: 1),
            "Your parameters are right and your MACs are too few: your head works at a single position. Does it come "
            "before the pooling or after?"),
        Misconception("FLOPs instead of MACs", _counts(per_mac=2),
            "Your second number is exactly twice as large: you counted a multiplication and the addition that follows "
            "it as two. What is counted here?"),
    ),
    other_answers=(_counts_with_the_package, _counts_term_by_term),
    hints=(
        "Write down the convolutions in order, each with the side of the map that it writes: stem, then for each block "
        "up to five, then the head, then the classifier.",
        "Carry one variable along: the side of the map. Within a block it changes at one step only.",
        "If the parameters are off, compare the difference with sums of channels (batch norm, biases) and with the "
        "size of single layers. If only the MACs are off, it is a side.",
    ),
    remark="With B0's blocks at 224 pixels this gives 5,288,548 and 385,814,752, by a count that trusts nobody.",
)


# 04.4


def _each_block_strides(net):
    return replace(net, stages=tuple(replace(s, repeats=1) for s in net.stages for _ in range(s.repeats)))


MISTAKES = {
    "SE from the expanded channels": lambda net: replace(net, se_base="expanded"),
    "SE from the output channels": lambda net: replace(net, se_base="output"),
    "ReLU6": lambda net: replace(net, activation="relu6"),
    "stem stride 1": lambda net: replace(net, stem_stride=1),
    "stride in every block": _each_block_strides,
    "kernels all 3x3": lambda net: replace(net, stages=tuple(replace(s, kernel=3) for s in net.stages)),
    "stage 2 expanded": lambda net: replace(net, stages=(replace(net.stages[0], expand=6), *net.stages[1:])),
}
LOWEST = {"silu": -0.278, "relu6": 0.0}


@cache
def measure(mistakes: tuple[str, ...], resolution: int, classes: int) -> tuple[int, int, int, float]:
    """Parameters, MACs, side of the last map and lowest number after an activation of B0 with these mistakes."""
    net = replace(B0, resolution=resolution)
    for mistake in mistakes:
        net = MISTAKES[mistake](net)
    counted, last = network_cost(net, classes), net.blocks()[-1]
    return counted.params, counted.macs, -(-last.resolution // last.stride), LOWEST[net.activation]


def _candidates(most: int = 3) -> list[tuple[str, ...]]:
    """Sets of mistakes that can stand together: SE's width has one base."""
    every = [some for count in range(most + 1) for some in combinations(MISTAKES, count)]
    return [some for some in every if sum(name.startswith("SE") for name in some) < 2]


def name_the_bug(resolution: int, classes: int, params: int, macs: int, side: int, lowest: float) -> list[str]:
    """The mistakes in a network that was meant to be B0, from how it behaves."""
    for mistakes in _candidates():
        if measure(mistakes, resolution, classes) == (params, macs, side, lowest):
            return list(mistakes)


TUTORIAL = ("SE from the expanded channels", "ReLU6", "stem stride 1")


def bug_cases(seed: int) -> list[Case]:
    draw = random.Random(f"04.bugs {seed}")
    sizes = [(32, 10), (64, 20), (224, 1000), (160, draw.randint(2, 900))]
    fixed = [(), ("SE from the output channels",), ("ReLU6",), ("kernels all 3x3",), ("stride in every block",)]
    cases = [(sizes[0], some) for some in fixed]
    cases += [(sizes[2], TUTORIAL), (sizes[1], ("stem stride 1", "kernels all 3x3"))]
    cases += [((224, 10), ("stem stride 1",)), ((64, 1000), ("stage 2 expanded",))]
    several = [some for some in _candidates() if len(some) > 1]
    cases += [(sizes[3], some) for some in draw.sample(several, 8)]
    cases += [(sizes[1], some) for some in draw.sample(several, 3)]
    rows = []
    for (resolution, classes), some in cases:
        params, macs, side, lowest = measure(some, resolution, classes)
        rows.append(dict(resolution=resolution, classes=classes, params=params, macs=macs, side=side, lowest=lowest))
    return sorted(rows[:9], key=lambda case: math.prod(v for v in case.values() if type(v) is int)) + rows[9:]


def _search(most=3, fits=lambda got, seen: got == seen, resolution=lambda r: r, classes=lambda c: c, none=(),
            order=None, found=list):
    """name_the_bug with another idea of when a set of mistakes fits."""

    def answer(**case):
        seen = (case["params"], case["macs"], case["side"], case["lowest"])
        for mistakes in order(_candidates(most)) if order else _candidates(most):
            if fits(measure(mistakes, resolution(case["resolution"]), classes(case["classes"])), seen):
                return found(mistakes)
        return none if none is None else list(none)

    def positional(resolution, classes, params, macs, side, lowest):
        return answer(resolution=resolution, classes=classes, params=params, macs=macs, side=side, lowest=lowest)

    return positional


def _bugs_from_the_other_end(resolution, classes, params, macs, side, lowest):
    seen = (params, macs, side, lowest)
    return tuple(next(some for some in reversed(_candidates(4)) if measure(some, resolution, classes) == seen))


def _bugs_by_reasoning(resolution, classes, params, macs, side, lowest):
    sure = ["ReLU6"] if lowest == 0 else []
    rest = [name for name in MISTAKES if name != "ReLU6"]
    for count in range(4):
        for some in combinations(rest, count):
            if sum(name.startswith("SE") for name in some) < 2:
                if measure(some, resolution, classes)[:3] == (params, macs, side):
                    return [name for name in MISTAKES if name in (*some, *sure)]


BUGS = Exercise(
    id="04.4", title="Name the bug", points=5, minutes=20, difficulty="moderate",
    reference=name_the_bug, cases=bug_cases,
    misconceptions=(
        Misconception("parameters alone", _search(fits=lambda got, seen: got[0] == seen[0]),
            "You take the first network with the same number of parameters. Several networks have it: which of the "
            "things you were given does not fit yours?"),
        Misconception("lowest number left out", _search(fits=lambda got, seen: got[:3] == seen[:3]),
            "Everything that is counted fits. Look at the lowest number that was seen after an activation: could your "
            "network have written it?"),
        Misconception("parameters and the lowest number alone",
            _search(fits=lambda got, seen: (got[0], got[3]) == (seen[0], seen[3])),
            "Your network has the right parameters and the right lowest number. How much work does it do?"),
        Misconception("MACs left out", _search(fits=lambda got, seen: (got[0], *got[2:]) == (seen[0], *seen[2:])),
            "The network that your list stands for has the right parameters, the right last map and the right lowest "
            "number, and still it is another one. Does it do as much work as was seen?"),
        Misconception("no mistake in any network", lambda resolution, classes, params, macs, side, lowest: [],
            "Your list is empty for every network, so you found a mistake in none. If you try all sets of mistakes: "
            "does any of them ever fit, and does your function give it back when it does?"),
        Misconception("the names from last to first", _search(found=lambda mistakes: list(mistakes)[::-1]),
            "Those are the right mistakes. Only their order is another: in which order does MISTAKES list them?"),
        Misconception("the names sorted by the alphabet", _search(found=sorted),
            "Those are the right mistakes. Only their order is another: in which order does MISTAKES list them?"),
        Misconception("one mistake at most", _search(most=1),
            "You look for a single mistake and find none that fits. Is there a rule that there is only one?"),
        Misconception("one mistake at most, nothing returned", _search(most=1, none=None),
            "You look for a single mistake, and where none fits your function returns nothing. Is there a rule that "
            "there is only one?"),
        Misconception("one name in place of a list",
            _search(most=1, none=None, found=lambda mistakes: mistakes[0] if mistakes else []),
            "Your function gives back a name. There may be two mistakes, or three: what can hold them all?"),
        Misconception("two mistakes at most", _search(most=2),
            "You look for one mistake and for two. On the case above neither explains what was seen."),
        Misconception("two mistakes at most, nothing returned", _search(most=2, none=None),
            "You look for one mistake and for two, and where neither fits your function returns nothing."),
        Misconception("always at 224 pixels", _search(resolution=lambda r: 224),
            "You compare with networks at 224 pixels. At what size was this one seen?"),
        Misconception("always at 224 pixels, nothing returned", _search(resolution=lambda r: 224, none=None),
            "You compare with networks at 224 pixels. At what size was this one seen?"),
        Misconception("always a thousand classes", _search(classes=lambda c: 1000),
            "You compare with networks that have 1,000 classes. How many has this one, and whose parameters depend on "
            "that?"),
        Misconception("always a thousand classes, nothing returned", _search(classes=lambda c: 1000, none=None),
            "You compare with networks that have 1,000 classes. How many has this one, and whose parameters depend on "
            "that?"),
        Misconception("MACs to within one percent",
            _search(fits=lambda got, seen: abs(got[1] - seen[1]) < 0.01 * seen[1] and got[2:] == seen[2:]),
            "Your network comes close in MACs. Counts are not measurements: they agree to the unit or not at all."),
        Misconception("the right network takes part in no answer", _search(order=lambda every: every[1:], none=None),
            "On the case above your function returns nothing. What if there is no mistake?"),
    ),
    other_answers=(_bugs_from_the_other_end, _bugs_by_reasoning),
    hints=(
        "`measure` answers the opposite question: from mistakes to behaviour. Try sets of mistakes until one behaves "
        "as was seen. `combinations(MISTAKES, 2)` from itertools gives all pairs.",
        "Begin with no mistake at all, then one, two, three. Compare all four of the things that were seen.",
    ),
    remark="Network R is B0 as some tutorials print it. Its parameters show one of its three mistakes, its MACs the "
           "second; the third is visible in no count.",
)


# 04.5


def stage_to_thin(stem: int, head: int, resolution: int, rows: list[list[int]]) -> tuple[int, int, int]:
    """Row (from 1) whose last block saves the most MACs for each parameter, and what it saves: MACs, parameters."""
    return _thin()(stem, head, resolution, rows)


@cache
def _totals(stem: int, head: int, resolution: int, rows: tuple, channel_step: int = 1) -> tuple[int, int]:
    stages = tuple(Stage(*row) for row in rows)
    net = replace(B0, stem=stem, head=head, resolution=resolution, stages=stages, channel_step=channel_step)
    counted = network_cost(net, 10)
    return counted.params, counted.macs


def _savings(stem, head, resolution, rows, least=2, gone=1, channel_step=1, keep=False):
    """(row, MACs saved, parameters saved) for each row that has a block to spare.

    gone: how many of its blocks go. keep: whether they are still missing when the next row is tried.
    """
    whole = rows = tuple(tuple(row) for row in rows)
    params, macs = _totals(stem, head, resolution, rows, channel_step)
    found = []
    for n, row in enumerate(rows):
        if row[4] >= least:
            thin = (*whole[:n], (*row[:4], max(0, row[4] - gone)), *whole[n + 1:])
            p, m = _totals(stem, head, resolution, tuple(row for row in thin if row[4]), channel_step)
            found.append((n + 1, macs - m, params - p))
            whole = thin if keep else whole
    return found


def _thin(best=lambda row, macs, params: macs / params, report=lambda row, macs, params: (row, macs, params), **other):
    """stage_to_thin with another idea of the best row, or of what goes."""

    def answer(stem, head, resolution, rows):
        return report(*max(_savings(stem, head, resolution, rows, **other), key=lambda saving: best(*saving)))

    return answer


def _thin_one_block_alone(stem, head, resolution, rows):
    best, side = None, -(-resolution // 2)
    for number, (e, k, s, c, n) in enumerate(rows, 1):
        side = -(-side // s)
        if n > 1:
            wide, squeezed = e * c, max(1, c // 4)
            weights = k * k * wide + wide * c + (c * wide if e > 1 else 0)
            gate = 2 * wide * squeezed
            params = weights + gate + wide + squeezed + 2 * (wide + c + (wide if e > 1 else 0))
            macs = weights * side * side + gate
            if best is None or macs * best[2] > best[1] * params:
                best = (number, macs, params)
    return list(best)


def _thin_by_sorting(stem, head, resolution, rows):
    savings = sorted(_savings(stem, head, resolution, rows), key=lambda saving: saving[2] / saving[1])
    return tuple(savings[0])


def _clear(case) -> bool:
    ratios = sorted((m / p for _, m, p in _savings(**case)), reverse=True)
    return len(ratios) > 1 and ratios[0] > 1.001 * ratios[1]


def thin_cases(seed: int) -> list[Case]:
    draw = random.Random(f"04.thin {seed}")
    fixed = [
        (8, 16, 8, [[1, 3, 1, 8, 2], [2, 3, 2, 16, 2]]),
        (8, 16, 16, [[1, 3, 1, 8, 1], [2, 3, 2, 16, 2], [2, 3, 2, 24, 3]]),
        (8, 16, 8, [[1, 3, 1, 8, 1], [4, 3, 2, 8, 3], [2, 5, 1, 16, 2]]),  # 3.0 and 3.3 MACs for each parameter
        (8, 16, 16, [[1, 3, 1, 8, 1], [2, 3, 2, 12, 2], [2, 3, 2, 20, 2]]),  # no multiples of 8
        (16, 32, 32, [[1, 3, 1, 8, 1], [6, 3, 2, 12, 1], [6, 3, 1, 16, 2], [4, 5, 1, 24, 3]]),
        (32, 1280, 224, B0_ROWS),
        (32, 1280, 224, [row[:4] + [1 if n in (1, 2) else row[4]] for n, row in enumerate(B0_ROWS)]),
    ]
    cases = [dict(stem=a, head=b, resolution=r, rows=[list(row) for row in rows]) for a, b, r, rows in fixed]
    while len(cases) < 16:
        rows = _random_rows(draw, draw.randint(3, 6))
        stem, head, resolution = 8 * draw.randint(2, 4), 64 * draw.randint(1, 4), 16 * draw.randint(2, 10)
        case = dict(stem=stem, head=head, resolution=resolution, rows=rows)
        if _clear(case):
            cases.append(case)
    return cases


THIN = Exercise(
    id="04.5", title="Which stage would you thin?", points=4, minutes=15, difficulty="moderate",
    reference=stage_to_thin, cases=thin_cases,
    returns=("row", "MACs saved", "parameters saved"),
    misconceptions=(
        Misconception("most MACs saved", _thin(best=lambda row, macs, params: macs),
            "You take the row that saves the most MACs, whatever it holds. What is to be large here, compared with "
            "what?"),
        Misconception("fewest parameters lost", _thin(best=lambda row, macs, params: -params),
            "You take the row that gives up the fewest parameters, however little work that saves."),
        Misconception("most parameters lost", _thin(best=lambda row, macs, params: params),
            "You take the row that holds the most parameters. Those are what should be kept."),
        Misconception("upside down", _thin(best=lambda row, macs, params: -macs / params),
            "The row that you name saves the fewest MACs for each parameter. Which did you divide by which?"),
        Misconception("rows counted from zero", _thin(report=lambda row, macs, params: (row - 1, macs, params)),
            "Your savings are right, and the row beside them is another one. Which number has the first row here?"),
        Misconception("rows counted from the paper's stage 2",
            _thin(report=lambda row, macs, params: (row + 1, macs, params)),
            "You use the paper's numbers, in which the stem is a stage as well. Which number has the first row here?"),
        Misconception("whole rows removed", _thin(least=1),
            "On the case above you take away the only block of a row, and the channels of its neighbours no longer "
            "meet. Which rows have a block to spare?"),
        Misconception("a row dropped as a whole", _thin(gone=99),
            "Your savings are those of a whole row. Read again what you may take away: how much of it is that?"),
        Misconception("any row dropped as a whole", _thin(gone=99, least=1),
            "Your savings are those of a whole row. Read again what you may take away, and which rows have it to "
            "spare."),
        Misconception("rows changed for good", _thin(keep=True),
            "Your saving is that of several rows at once: when you come to a row, an earlier one is thinner already. "
            "What has happened to the table by then?"),
        Misconception("channels rounded", _thin(channel_step=8),
            "On the case above some rows have channels that are no multiple of 8. Look at the blocks of the network "
            "that you count: do they have the channels of the rows?"),
        Misconception("ratio rounded down", _thin(best=lambda row, macs, params: macs // params),
            "On the case above two rows differ by less than one MAC for each parameter, and you take the wrong one. "
            "How exactly do you compare?"),
        Misconception("parameters and MACs exchanged", _thin(report=lambda row, macs, params: (row, params, macs)),
            "You report a block that has more parameters than MACs. Which of the two comes first?"),
    ),
    other_answers=(_thin_one_block_alone, _thin_by_sorting),
    hints=(
        "For each row with two blocks or more, count the network with one block fewer in that row. The package may do "
        "the counting: `replace` and `network_cost`.",
        "The last block of a stage is the one that can go: its input and output have the same shape.",
    ),
    remark="In B0 it is row 2, stage 3 in the paper: 25.7 million MACs for 10,710 parameters. A weight works once at "
           "each position, so the stage with the largest map tends to win, if it has a block to spare.",
)


EXERCISES = (BLOCKS, UNNOTICED, COUNTS, BUGS, THIN)
