"""Problem sheet 03: what a gate looks at (squeeze-and-excitation).

Arrays come to a student's function as nested lists: a feature map is a list of channels, each a list of rows.
"""

import math
import random

from effnet_course.checking import Case, Exercise, Misconception
from effnet_course.exercises.drawing import cases, numbers

# A misconception is one thing to read: what is wrong, the wrong function, the hint.
# fmt: off


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


# 03.1


def one_gate(means: list[float], reduce: list[float], reduce_bias: float, restore: float,
             restore_bias: float) -> float:
    """The gate of one channel, in a block that squeezes to a single number."""
    squeezed = sum(weight * mean for weight, mean in zip(reduce, means, strict=True)) + reduce_bias
    activated = squeezed / (1 + math.exp(-squeezed))
    return 1 / (1 + math.exp(-(restore * activated + restore_bias)))


ONE_GATE = ("means", "reduce", "reduce_bias", "restore", "restore_bias")


def one_gate_cases(seed: int) -> list[Case]:
    """Small first, biases later. The squeezed number stays away from 0 and the gate from 0 and 1."""
    rows = [
        ([1.0], [1.0], 0.0, 1.0, 0.0),
        ([2.0], [-1.0], 0.0, 1.0, 0.0),
        ([1.0, 2.0], [1.0, 1.0], 0.0, -1.0, 0.0),
        ([1.0, 2.0, 1.0, 0.0], [1.0, 1.0, -1.0, 2.0], 0.0, 2.0, 0.0),
        ([1.0, 2.0], [1.0, 1.0], -1.0, 1.0, 0.0),
        ([1.0, 2.0], [1.0, 1.0], 0.0, 1.0, 0.5),
        ([3.0, 1.0, 0.0, 2.0], [1.0, -1.0, 2.0, 0.0], -1.0, -2.0, 0.5),
    ]
    draw = random.Random(f"03.one-gate {seed}")
    while len(rows) < 20:
        count = draw.randint(2, 6)
        row = (numbers(draw, count, low=-1), numbers(draw, count), numbers(draw) or 0.5,
               numbers(draw) or 1.5, numbers(draw) or -0.5)
        if abs(sum(w * m for w, m in zip(row[1], row[0], strict=True)) + row[2]) > 0.4 \
                and 0.02 < one_gate(*row) < 0.98:
            rows.append(row)
    return cases(ONE_GATE, rows)


def _gate(inner=lambda h: h * _sigmoid(h), outer=_sigmoid, biases=(1, 1), add_up=lambda products: sum(products)):
    """one_gate with one of its parts replaced; `biases` are factors of the two."""

    def answer(means, reduce, reduce_bias, restore, restore_bias):
        squeezed = add_up([w * m for w, m in zip(reduce, means, strict=True)]) + biases[0] * reduce_bias
        return outer(restore * inner(squeezed) + biases[1] * restore_bias)

    return answer


def _one_gate_with_numpy(means, reduce, reduce_bias, restore, restore_bias):
    import numpy

    squeezed = numpy.dot(means, reduce) + reduce_bias
    return 0.5 + 0.5 * numpy.tanh(0.5 * (restore * squeezed * (0.5 + 0.5 * numpy.tanh(squeezed / 2)) + restore_bias))


def _one_gate_with_torch(means, reduce, reduce_bias, restore, restore_bias):
    import torch

    squeezed = torch.tensor(means, dtype=torch.float64) @ torch.tensor(reduce, dtype=torch.float64) + reduce_bias
    return torch.sigmoid(restore * torch.nn.functional.silu(squeezed) + restore_bias)


GATE = Exercise(
    id="03.1", title="One gate, on paper", points=3, minutes=10, difficulty="moderate",
    reference=one_gate, cases=one_gate_cases,
    helpers=("model", "explain"),
    misconceptions=(
        Misconception("ReLU in place of SiLU", _gate(inner=lambda h: max(h, 0.0)),
            "Inside, you let positive numbers through unchanged and cut off the rest. Which activation do the other "
            "layers of an MBConv use?"),
        Misconception("sigmoid twice", _gate(inner=_sigmoid),
            "Your squeezed number is already a share between 0 and 1 when it goes on. Only one of the two steps has "
            "to end there: which one scales a channel?"),
        Misconception("no activation inside", _gate(inner=lambda h: h),
            "Nothing happens between your two layers. Two linear steps in a row can do no more than one: what stands "
            "between them?"),
        Misconception("the two activations swapped", _gate(inner=_sigmoid, outer=lambda h: h * _sigmoid(h)),
            "Both functions are there. But a gate says which share of a channel passes, and yours can fall below 0 "
            "or rise above 1: which of the two has such a range?"),
        Misconception("no sigmoid at the end", _gate(outer=lambda h: h),
            "A gate of 0 is shut and a gate of 1 is open. What could make sure that your number lies between the two?"),
        Misconception("ReLU in place of sigmoid", _gate(outer=lambda h: max(h, 0.0)),
            "Your gate is never negative, but it can be larger than 1, and below a certain point it is shut. Which "
            "function keeps a number between 0 and 1 and never quite reaches either?"),
        Misconception("both biases forgotten", _gate(biases=(0, 0)),
            "Your gate does not change with two of the five things it is given. The layers inside "
            "squeeze-and-excitation are the ones in a block that have them."),
        Misconception("reduce's bias forgotten", _gate(biases=(0, 1)),
            "One of the five arguments changes nothing in your answer. On the case above, write down the squeezed "
            "number before its activation."),
        Misconception("restore's bias forgotten", _gate(biases=(1, 0)),
            "One of the five arguments changes nothing in your answer. On the case above, write down what goes into "
            "the last function."),
        Misconception("products averaged, not added up",
            _gate(add_up=lambda products: sum(products) / len(products)),
            "By your formula a block with twice as many channels has a squeezed number half as large. The means have "
            "been taken already: what does a linear layer do with its products?"),
        Misconception("restore's bias with the wrong sign", _gate(biases=(1, -1)),
            "One of the biases pulls your gate the wrong way. If you raise it on the case above, should the gate open "
            "or shut? And which does yours do?"),
        Misconception("reduce's bias with the wrong sign", _gate(biases=(-1, 1)),
            "One of the biases has the wrong effect. On the case above, write down the squeezed number before its "
            "activation, with the bias and without."),
        Misconception("the last sigmoid mirrored", _gate(outer=lambda h: _sigmoid(-h)),
            "Add your gate to the expected one. What should a large positive number before the "
            "last function do to a gate, and what does it do to yours?"),
        Misconception("the inner sigmoid mirrored", _gate(inner=lambda h: h * _sigmoid(-h)),
            "Try your activation on a large positive squeezed number, then on a large negative one. Which of the two "
            "does SiLU let through, and which does yours?"),
        Misconception("a bias for every product",
            lambda means, reduce, reduce_bias, restore, restore_bias: one_gate(
                means, reduce, len(means) * reduce_bias, restore, restore_bias),
            "By your formula a bias weighs more in a block with more channels. How many squeezed numbers are there, "
            "and how many biases do they need?"),
    ),
    other_answers=(_one_gate_with_numpy, _one_gate_with_torch),
    hints=(
        "Four steps: weights times means, added up with a bias; an activation; one weight and one bias; a function "
        "that ends between 0 and 1.",
        "The activation inside is the one of lesson 02: the number times its own sigmoid.",
    ),
    remark="The gate of one channel depends on the means of all of them: that is the excitation.",
)


# 03.2


def squeeze_excite(x: list, reduce: list, reduce_bias: list, restore: list, restore_bias: list):
    """A feature map through squeeze-and-excitation: an array of its shape."""
    import numpy as np

    x = np.array(x)
    squeezed = x.mean(axis=(1, 2))
    hidden = np.array(reduce) @ squeezed + reduce_bias
    hidden = hidden / (1 + np.exp(-hidden))
    gates = 1 / (1 + np.exp(-(np.array(restore) @ hidden + restore_bias)))
    return x * gates[:, None, None]


SE = ("x", "reduce", "reduce_bias", "restore", "restore_bias")


def se_cases(seed: int) -> list[Case]:
    """One thing more at a time: a pixel, two channels of two pixels, four of four, two squeezed numbers, biases."""
    rows = [
        ([[[2.0]]], [[1.0]], [0.0], [[1.0]], [0.0]),
        ([[[1.0, 3.0]], [[4.0, 4.0]]], [[1.0, 0.5]], [0.0], [[1.0], [-1.0]], [0.0, 0.0]),
        ([[[4.0, 0.0], [0.0, 0.0]], [[2.0, 2.0], [2.0, 2.0]], [[0.0, 1.0], [3.0, 0.0]], [[0.0, 1.0], [1.0, 0.0]]],
         [[1.0, 1.0, -1.0, 2.0]], [0.0], [[1.0], [-1.0], [0.0], [2.0]], [0.0] * 4),
        ([[[1.0, 3.0]], [[4.0, 4.0]]], [[1.0, 0.5], [-1.0, 0.5]], [0.5, -1.0], [[1.0, 0.0], [-1.0, 2.0]], [0.5, -0.5]),
        ([[[1.0, 2.0, 3.0], [0.0, 0.0, 3.0]], [[-1.0, 0.5, 0.5], [0.0, 1.0, 2.0]]], [[1.0, 0.5]], [0.5],
         [[1.0], [-1.0]], [0.5, -0.5]),
    ]
    draw = random.Random(f"03.se {seed}")
    for _ in range(10):
        channels, hidden = draw.randint(2, 6), draw.randint(1, 3)
        height, width = draw.randint(2, 3), draw.randint(2, 4)
        rows.append((numbers(draw, channels, height, width, low=-1, high=3), numbers(draw, hidden, channels),
                     [b or 0.5 for b in numbers(draw, hidden)], numbers(draw, channels, hidden),
                     [b or -0.5 for b in numbers(draw, channels)]))
    return cases(SE, rows)


def _silu_array(h):
    import numpy as np

    return h / (1 + np.exp(-h))


def _sigmoid_array(h):
    import numpy as np

    return 1 / (1 + np.exp(-h))


def _softmax_array(h):
    import numpy as np

    return np.exp(h - h.max()) / np.exp(h - h.max()).sum()


def _se(squeeze=lambda x: x.mean((1, 2)), inner=_silu_array, outer=_sigmoid_array, biased=(1, 1),
        scale=lambda x, gates: x * gates[:, None, None]):
    """squeeze_excite with one of its parts replaced."""

    def answer(x, reduce, reduce_bias, restore, restore_bias):
        import numpy as np

        x, reduce, restore = np.array(x), np.array(reduce), np.array(restore)
        hidden = inner(reduce @ squeeze(x) + biased[0] * np.array(reduce_bias))
        return scale(x, outer(restore @ hidden + biased[1] * np.array(restore_bias)))

    return answer


def _se_with_torch(x, reduce, reduce_bias, restore, restore_bias):
    import torch
    from torch.nn.functional import conv2d, silu

    x, reduce, reduce_bias, restore, restore_bias = (
        torch.tensor(t, dtype=torch.float64) for t in (x, reduce, reduce_bias, restore, restore_bias))
    hidden = silu(conv2d(x.mean((1, 2), keepdim=True)[None], reduce[:, :, None, None], reduce_bias))
    return x * torch.sigmoid(conv2d(hidden, restore[:, :, None, None], restore_bias))[0]


def _se_with_loops(x, reduce, reduce_bias, restore, restore_bias):
    means = [sum(map(sum, channel)) / (len(channel) * len(channel[0])) for channel in x]
    hidden = [sum(w * m for w, m in zip(row, means, strict=True)) + b
              for row, b in zip(reduce, reduce_bias, strict=True)]
    hidden = [h * _sigmoid(h) for h in hidden]
    gates = [_sigmoid(sum(w * h for w, h in zip(row, hidden, strict=True)) + b)
             for row, b in zip(restore, restore_bias, strict=True)]
    return [[[gate * pixel for pixel in row] for row in channel] for gate, channel in zip(gates, x, strict=True)]


BLOCK = Exercise(
    id="03.2", title="Squeeze, excite, scale", points=4, minutes=15, difficulty="moderate",
    reference=squeeze_excite, cases=se_cases,
    helpers=("model", "explain"),
    misconceptions=(
        Misconception("mean over the channels, not over the pixels", _se(squeeze=lambda x: x.mean(0).ravel()),
            "You squeezed the channels together and kept the pixels. How many numbers should be left of the case's "
            "map, and what does each of them stand for?"),
        Misconception("mean over the channels, left as an image", _se(squeeze=lambda x: x.mean(0)),
            "What you squeezed still has a height and a width, and no channels any more. Which of the three axes is "
            "to be left?"),
        Misconception("one mean for everything",
            _se(squeeze=lambda x: x.mean() * (x[:, 0, 0] * 0 + 1)),
            "All channels hand the same number to your first layer. What is it meant to tell apart?"),
        Misconception("sum in place of mean", _se(squeeze=lambda x: x.sum((1, 2))),
            "By your formula a channel speaks four times as loud when the same picture comes in twice the size. What "
            "keeps a channel's number independent of the number of pixels?"),
        Misconception("maximum in place of mean", _se(squeeze=lambda x: x.max((1, 2))),
            "One bright pixel decides what your channel hands on. What does global average pooling do with the "
            "others?"),
        Misconception("gates added", _se(scale=lambda x, gates: x + gates[:, None, None]),
            "With your formula a shut gate leaves its channel as it is. What should be left of a channel whose gate "
            "is 0?"),
        Misconception("gates returned without scaling", _se(scale=lambda x, gates: gates),
            "You have one number for each channel. Those are the gates: what do they gate?"),
        Misconception("gates laid along the width", _se(scale=lambda x, gates: x * gates),
            "Your gates go along the last axis of the map. Which axis holds the channels, and what shape must the "
            "gates have to stretch over the other two?"),
        Misconception("input added on top", _se(scale=lambda x, gates: x + x * gates[:, None, None]),
            "Your channels come out between one and two times as large. The block has its own shortcut, further out."),
        Misconception("gates that compete", _se(outer=_softmax_array),
            "Your gates add up to 1: when one opens, others must close. Can two channels be wanted at once?"),
        Misconception("ReLU in place of SiLU", _se(inner=lambda h: h * (h > 0)),
            "Between your two layers negative numbers are cut off. Which activation does the rest of the block use?"),
        Misconception("sigmoid twice", _se(inner=_sigmoid_array),
            "The squeezed numbers are already between 0 and 1 when your second layer reads them. Which of the two "
            "steps makes the gates?"),
        Misconception("no activation inside", _se(inner=lambda h: h),
            "Nothing happens between your two layers, so one layer could replace them both. What stands between?"),
        Misconception("biases forgotten", _se(biased=(0, 0)),
            "Your answer is right as long as the last and the third of its arguments are zeros."),
        Misconception("reduce's bias forgotten", _se(biased=(0, 1)),
            "One of the five arguments changes nothing in your answer. On the case above, write down the squeezed "
            "numbers before their activation."),
        Misconception("restore's bias forgotten", _se(biased=(1, 0)),
            "One of the five arguments changes nothing in your answer. On the case above, write down what goes into "
            "the last function."),
        Misconception("no sigmoid at the end", _se(outer=lambda h: h),
            "A gate of 0 is shut and a gate of 1 is open. What could make sure that your gates lie between the two?"),
        Misconception("the two activations swapped", _se(inner=_sigmoid_array, outer=_silu_array),
            "Both functions are there. But a gate says which share of a channel passes, and yours can fall below 0 or "
            "rise above 1: which of the two has such a range?"),
        Misconception("gates returned as an image of one pixel", _se(scale=lambda x, gates: gates[:, None, None]),
            "You have one number for each channel. Those are the gates: what do they gate?"),
        Misconception("means scaled, not the map", _se(scale=lambda x, gates: x.mean((1, 2)) * gates),
            "You have one number left for each channel: its gate times its mean. Compare the shape of your array with "
            "that of the map: what does the projection read?"),
        Misconception("an extra axis in front", _se(scale=lambda x, gates: (x * gates[:, None, None])[None]),
            "Your numbers are right, but your array has one axis more than the map that came in. What would that axis "
            "stand for?"),
    ),
    other_answers=(_se_with_torch, _se_with_loops),
    hints=(
        "Squeeze: one number for each channel. With an array of shape (channels, height, width), which axes are to "
        "disappear?",
        "Excite is twice what a linear layer does, each time with its own bias, and a function after each.",
        "Scale: the gates have the shape (channels,). `gates[:, None, None]` has the shape (channels, 1, 1), and "
        "stretches over the pixels.",
    ),
    remark="About eight lines. The module in the course's package does the same with two 1x1 convolutions on an image "
           "of one pixel.",
)


# 03.3


def squeeze_width(in_channels: int, expand: int, out_channels: int, ratio: float) -> int:
    """Channels inside the squeeze-and-excitation of an MBConv block."""
    return max(1, int(in_channels * ratio))


WIDTH = ("in_channels", "expand", "out_channels", "ratio")


def width_cases(seed: int) -> list[Case]:
    rows = [(2, 1, 2, 0.25), (8, 2, 16, 0.25), (10, 4, 14, 0.25), (14, 4, 24, 0.25), (16, 6, 24, 0.25),
            (8, 4, 8, 0.375), (16, 4, 24, 0.3), (12, 3, 12, 0.75), (28, 4, 28, 0.25), (22, 6, 22, 0.3),
            (18, 3, 24, 0.125), (24, 6, 40, 0.25), (32, 1, 16, 0.25), (24, 6, 24, 0.5), (40, 6, 80, 0.25),
            (80, 6, 112, 0.125), (192, 6, 320, 0.25)]  # 0.3 only where the product is not whole: floats must not decide
    draw = random.Random(f"03.width {seed}")
    rows += sorted((2 * draw.randint(4, 100), draw.choice([1, 3, 4, 6]), 2 * draw.randint(4, 160),
                    draw.choice([0.75, 0.5, 0.375, 0.25, 0.125, 0.0625])) for _ in range(12))
    return cases(WIDTH, rows)


def _width(base=lambda i, e, o: i, whole=int, least=1):
    return lambda in_channels, expand, out_channels, ratio: max(
        least, whole(base(in_channels, expand, out_channels) * ratio))


WHOLE_RATIO = (
    "You divide by a whole number, made of one over the ratio. Is one over the ratio of the case above a whole number?")


SQUEEZE = Exercise(
    id="03.3", title="How narrow is the squeeze?", points=2, minutes=5, difficulty="easy",
    reference=squeeze_width, cases=width_cases,
    helpers=("arch", "model"),
    misconceptions=(
        Misconception("ratio of the expanded width", _width(base=lambda i, e, o: i * e),
            "Your squeeze grows with the expansion ratio. In B0, reading the ratio like that makes 8.4 million "
            "parameters of 5.3: of which of its three widths does a block of B0 take a quarter?"),
        Misconception("ratio of the output width", _width(base=lambda i, e, o: o),
            "By your formula two blocks that differ only in what they hand on have different squeezes. The lesson's "
            "table has two such blocks, the last two: compare their squeezes."),
        Misconception("a sixteenth of the expanded width, as in SENet",
            lambda in_channels, expand, out_channels, ratio: max(1, in_channels * expand // 16),
            "Your answer does not change with the ratio. A sixteenth of the width that is gated was the choice of an "
            "older network."),
        Misconception("rounded to a multiple of 8",
            lambda in_channels, expand, out_channels, ratio: max(8, int(in_channels * ratio + 4) // 8 * 8),
            "Your squeeze has eight channels at least. That rule is for the block's own channels; here the number is "
            "just made whole."),
        Misconception("rounded to the nearest", _width(whole=round),
            "On the case above the product is not a whole number, and you went up. The published code cuts the "
            "fraction off."),
        Misconception("rounded up", _width(whole=math.ceil),
            "Whenever the product is not a whole number, you go up. The published code cuts the fraction off."),
        Misconception("no squeeze at all in narrow blocks", _width(least=0),
            "On the case above your squeeze has no channel left. How could a gate then know anything?"),
        Misconception("expanded width divided by 6, whatever the expansion",
            lambda in_channels, expand, out_channels, ratio: max(1, int(in_channels * expand * ratio / 6)),
            "You start from the expanded width and divide by 6 in every block. How many times does the block above "
            "expand?"),
        Misconception("one over the ratio, rounded",
            lambda in_channels, expand, out_channels, ratio: max(1, in_channels // round(1 / ratio)),
            WHOLE_RATIO),
        Misconception("one over the ratio, cut off",
            lambda in_channels, expand, out_channels, ratio: max(1, in_channels // int(1 / ratio)),
            WHOLE_RATIO),
        Misconception("always a quarter",
            lambda in_channels, expand, out_channels, ratio: max(1, in_channels // 4),
            "Your answer does not change with the ratio. What is the ratio of the case above?"),
    ),
    other_answers=(
        lambda in_channels, expand, out_channels, ratio: int(in_channels * ratio // 1) or 1,
        lambda in_channels, expand, out_channels, ratio: float(max(1, math.floor(ratio * in_channels))),
    ),
    hints=(
        "A block has three widths: in, expanded, out. The lesson's table shows which one EfficientNet takes the ratio "
        "of.",
        "A fraction is cut off. And what if nothing is left?",
    ),
    remark="Ratio of the input: that one word is worth 3.1 million parameters in B0.",
)


# 03.4


def se_cost(in_channels: int, expand: int, out_channels: int, kernel: int, resolution: int,
            squeezed: int) -> tuple[int, int, float, float]:
    """Parameters and MACs of a block's squeeze-and-excitation, and its share of the block's."""
    expanded = in_channels * expand
    macs = 2 * expanded * squeezed
    params = macs + squeezed + expanded
    others = expanded * kernel**2 + expanded * out_channels + (in_channels * expanded if expand > 1 else 0)
    return params, macs, params / (params + others), macs / (macs + others * resolution**2)


COST = ("in_channels", "expand", "out_channels", "kernel", "resolution", "squeezed")


def cost_cases(seed: int) -> list[Case]:
    rows = [(2, 2, 2, 3, 2, 1), (4, 2, 4, 3, 4, 1), (8, 1, 4, 3, 4, 2), (8, 3, 8, 3, 8, 2), (8, 2, 8, 3, 8, 3),
            (32, 1, 16, 3, 112, 8), (80, 6, 80, 3, 14, 20), (192, 6, 320, 3, 7, 48)]
    draw = random.Random(f"03.cost {seed}")
    drawn = [(8 * draw.randint(1, 24), draw.choice([1, 3, 4, 6]), 8 * draw.randint(1, 40), draw.choice([3, 5]),
              draw.choice([7, 8, 14, 15, 28, 56]), 2 * draw.randint(1, 24)) for _ in range(10)]
    return cases(COST, rows + sorted(drawn, key=lambda row: math.prod(row)))


def _cost(wide=lambda i, e: i * e, biases=lambda s, wide: s + wide, work=lambda weights, biases, pixels: weights,
          first=lambda i, e: i * i * e if e > 1 else 0, depthwise=lambda i, e, k: i * e * k * k,
          share=lambda own, others: own / (own + others), layers=2, narrow=lambda i, s: s):
    """se_cost with one of its parts replaced."""

    def answer(in_channels, expand, out_channels, kernel, resolution, squeezed):
        gated, squeezed = wide(in_channels, expand), narrow(in_channels, squeezed)
        weights, extra = layers * gated * squeezed, biases(squeezed, gated)
        params, macs = weights + extra, work(weights, extra, resolution**2)
        others = (first(in_channels, expand) + depthwise(in_channels, expand, kernel)
                  + in_channels * expand * out_channels)
        return params, macs, share(params, others), share(macs, others * resolution**2)

    return answer


def _pixels_too(times):
    """se_cost that counts `times` operations for every number on the gated map as MACs."""

    def answer(in_channels, expand, out_channels, kernel, resolution, squeezed):
        params, macs, of_params, of_macs = se_cost(in_channels, expand, out_channels, kernel, resolution, squeezed)
        others = macs / of_macs - macs
        macs += times * in_channels * expand * resolution**2
        return params, macs, of_params, macs / (macs + others)

    return answer


def _cost_in_order(*places):
    """se_cost with its values in other places."""
    return lambda **case: tuple(se_cost(**case)[place] for place in places)


SWAPPED = "The right values are there, in other places. Which of the two counts has the biases in it?"
PIXELS_TOO = (
    "You counted something as MACs for every pixel of the gated map. Which two steps of squeeze-and-excitation have "
    "weights, and on how many pixels do they work?")
OWN_WIDTH = (
    "You work out the squeezed width yourself, and so one of the six arguments changes nothing in your answer. On the "
    "case above, which width do you use?")


def _cost_by_rows(in_channels, expand, out_channels, kernel, resolution, squeezed):
    import numpy as np

    wide, pixels = in_channels * expand, resolution * resolution
    table = np.array([  # weights, biases, positions
        [in_channels * wide if expand != 1 else 0, 0, pixels],
        [kernel * kernel * wide, 0, pixels],
        [wide * squeezed, squeezed, 1],
        [squeezed * wide, wide, 1],
        [wide * out_channels, 0, pixels],
    ])
    params, macs = table[:, 0] + table[:, 1], table[:, 0] * table[:, 2]
    return [params[2:4].sum(), macs[2:4].sum(), params[2:4].sum() / params.sum(), macs[2:4].sum() / macs.sum()]


def _cost_by_shares(in_channels, expand, out_channels, kernel, resolution, squeezed):
    wide = expand * in_channels
    macs = squeezed * wide + wide * squeezed
    params = (wide + 1) * squeezed + (squeezed + 1) * wide
    others = wide * (out_channels + kernel * kernel + (in_channels if wide > in_channels else 0))
    return params, macs, 1 / (1 + others / params), 1 / (1 + others * resolution * resolution / macs)


SHARE = Exercise(
    id="03.4", title="What does a gate cost?", points=4, minutes=15, difficulty="moderate",
    reference=se_cost, cases=cost_cases,
    returns=("parameters", "MACs", "share of parameters", "share of MACs"),
    helpers=("cost", "arch", "model"),
    misconceptions=(
        Misconception("excited at every pixel", _cost(work=lambda weights, biases, pixels: weights * pixels),
            "Your MACs grow with the image. How many pixels are left after the squeeze?"),
        Misconception("biases forgotten", _cost(biases=lambda s, wide: 0),
            "You count as many parameters as MACs. The two layers of squeeze-and-excitation have something that the "
            "others in the block do not."),
        Misconception("biases only for the gates", _cost(biases=lambda s, wide: wide),
            "One of your two layers has a bias, the other has none. On the case above, how many parameters are "
            "missing?"),
        Misconception("biases counted as MACs", _cost(work=lambda weights, biases, pixels: weights + biases),
            "You count as many MACs as parameters. A bias is added: is anything multiplied?"),
        Misconception("FLOPs instead of MACs", _cost(work=lambda weights, biases, pixels: 2 * weights),
            "Your MACs are twice what they should be. You counted a multiplication and the addition that follows it "
            "as two: what is counted here?"),
        Misconception("gates for the block's input channels", _cost(wide=lambda i, e: i),
            "You made one gate for each channel that enters the block. Where in the block does the gate stand, and how "
            "wide is it there?"),
        Misconception("only one of the two layers", _cost(layers=1),
            "You have the weights of one layer. From the gated channels to the squeezed ones: and back?"),
        Misconception("share of the rest, not of the whole", _cost(share=lambda own, others: own / others),
            "Your shares compare squeeze-and-excitation with the other layers. If it were as large as all of them "
            "together, what would you say: all of the block, or half?"),
        Misconception("percentages, not shares", _cost(share=lambda own, others: 100 * own / (own + others)),
            "Your last two numbers are percentages. A share lies between 0 and 1."),
        Misconception("an expansion where there is none", _cost(first=lambda i, e: i * i * e),
            "On the case above the expansion ratio is 1. Which layer does such a block do without?"),
        Misconception("depthwise layer left out", _cost(depthwise=lambda i, e, k: 0),
            "Your block costs the same with any kernel. Which of its layers have you not counted?"),
        Misconception("depthwise layer counted as a full convolution",
            _cost(depthwise=lambda i, e, k: (i * e) ** 2 * k * k),
            "By your formula nearly all of the block is in its filter. How many channels does a depthwise kernel "
            "read?"),
        Misconception("kernel not squared", _cost(depthwise=lambda i, e, k: i * e * k),
            "Your depthwise kernels have as many weights as they are wide. On how many pixels does one of them lie?"),
        Misconception("parameters and MACs swapped", _cost_in_order(1, 0, 2, 3), SWAPPED),
        Misconception("parameters and MACs swapped, and their shares", _cost_in_order(1, 0, 3, 2), SWAPPED),
        Misconception("shares without decimals", _cost(share=lambda own, others: own // (own + others)),
            "Your two shares are 0 in every case, and squeeze-and-excitation is never nothing of its block. What does "
            "your division do with decimals?"),
        Misconception("the mean or the scaling counted as MACs", _pixels_too(1), PIXELS_TOO),
        Misconception("the mean and the scaling counted as MACs", _pixels_too(2), PIXELS_TOO),
        Misconception("squeezed ignored", _cost(narrow=lambda i, s: max(1, i // 4)), OWN_WIDTH),
        Misconception("squeezed ignored, and nothing left in narrow blocks", _cost(narrow=lambda i, s: i // 4),
            OWN_WIDTH),
    ),
    other_answers=(_cost_by_rows, _cost_by_shares),
    hints=(
        "Five layers, or four without an expansion: expand, depthwise, two of squeeze-and-excitation, project. Write "
        "the weights of each, then how many positions it visits.",
        "The two layers inside squeeze-and-excitation see an image of one pixel, and have biases.",
    ),
    remark="Share of the weights and share of the work differ because the other layers use each weight at every "
           "position, and these two use it once.",
)


# 03.5


def can_tell_apart(before: list, after: list) -> bool:
    """Whether some squeeze-and-excitation gives two feature maps different gates."""

    def means(x):
        return [sum(map(sum, channel)) / (len(channel) * len(channel[0])) for channel in x]

    return any(abs(a - b) > 1e-9 for a, b in zip(means(before), means(after), strict=True))


def _flat(channel):
    return [pixel for row in channel for pixel in row]


def _rows(pixels, width):
    return [pixels[i : i + width] for i in range(0, len(pixels), width)]


def _shuffled(x, draw, together=True):
    """Every channel's pixels in another order, the same for all channels or one for each."""
    width, order = len(x[0][0]), list(range(len(_flat(x[0]))))
    moved = []
    for number, channel in enumerate(x):
        if number == 0 or not together:
            draw.shuffle(order)
        moved.append(_rows([_flat(channel)[i] for i in order], width))
    return moved


def _changes(x, draw):
    """The changes that cases are made of: (what is done to the map, the map after)."""
    mean = [sum(_flat(channel)) / len(_flat(channel)) for channel in x]
    edge = [[0.0] * (len(x[0][0]) + 2)]
    pushed = [[row[:] for row in channel] for channel in x]
    pushed[0][0][0], pushed[0][-1][-1] = pushed[0][0][0] + 2, pushed[0][-1][-1] - 2
    between = [[row[:] for row in channel] for channel in x]
    between[0][0][0], between[1][0][0] = between[0][0][0] + 3, between[1][0][0] - 3
    yield "mirrored", [[row[::-1] for row in channel] for channel in x]
    yield "turned upside down", [channel[::-1] for channel in x]
    yield "pixels shuffled", _shuffled(x, draw)
    yield "pixels shuffled in each channel", _shuffled(x, draw, together=False)
    yield "twice as bright", [[[2 * p for p in row] for row in channel] for channel in x]
    yield "every pixel twice, both ways", [[[p for p in row for _ in "xy"] for row in channel for _ in "xy"]
                                           for channel in x]
    yield "each channel flat at its mean", [[[m] * len(row) for row in channel] for m, channel in zip(mean, x,
                                                                                                 strict=True)]
    yield "moved from one pixel to another", pushed
    yield "moved from one channel to another", between
    yield "the last channel brighter", [*x[:-1], [[p + 1 for p in row] for row in x[-1]]]
    yield "the first channel brighter", [[[p + 1 for p in row] for row in x[0]], *x[1:]]
    yield "bright and dark exchanged", [[[0.0 - p for p in row] for row in channel] for channel in x]
    yield "channels in reverse order", x[::-1]
    yield "a border of zeros", [edge + [[0.0, *row, 0.0] for row in channel] + edge for channel in x]
    yield "the same again", [[row[:] for row in channel] for channel in x]


def tell_cases(seed: int) -> list[Case]:
    """Maps whose channels have means that differ and are not 0, each changed in one way. The means are exact."""
    pairs = [([[[1.0, 3.0]]], [[[3.0, 1.0]]]), ([[[1.0, 3.0]]], [[[1.0, 4.0]]]), ([[[1.0, 3.0]]], [[[2.0, 2.0]]]),
             ([[[1.0, 3.0]]], [[[1.0, 1.0, 3.0, 3.0], [1.0, 1.0, 3.0, 3.0]]]),
             ([[[-1.0, -3.0]]], [[[-1.0, -4.0]]]), ([[[-1.0, -3.0]]], [[[-3.0, -1.0]]]),
             ([[[1.0, 3.0]], [[2.0, 4.0]]], [[[1.0, 3.0]], [[2.0, 6.0]]]),
             ([[[1.0, 3.0]], [[2.0, 4.0]]], [[[1.0, 5.0]], [[2.0, 4.0]]]),
             ([[[1.0, 3.0]], [[2.0, 4.0]]], [[[2.0, 4.0]], [[1.0, 3.0]]]), ([[[1.0, 3.0]]], [[[-1.0, -3.0]]])]
    draw = random.Random(f"03.tell {seed}")
    for channels in (2, 3):
        while True:
            x = numbers(draw, channels, 2, 4, low=0, high=4, step=0.5)
            sums = [sum(_flat(channel)) for channel in x]
            if 0 not in sums and len(set(sums)) == channels and all(len(set(_flat(c))) > 3 for c in x):
                break
        pairs += [(x, after) for _, after in _changes(x, draw)]
        dark = [[[p - 6 for p in row] for row in channel] for channel in x]  # all means below 0
        pairs += [(dark, [*dark[:-1], [[2 * p for p in row] for row in dark[-1]]]), (dark, _shuffled(dark, draw))]
    return cases(("before", "after"), pairs)


def _told_by(look):
    """can_tell_apart that looks at something else than the channels' means."""
    return lambda before, after: look(before) != look(after)


def _each(measure):
    return lambda x: [measure(_flat(channel)) for channel in x]


def _mean(pixels):
    return sum(pixels) / len(pixels)


def _shape(x):
    return len(x), len(x[0]), len(x[0][0])


ONE_CHANNEL = (
    "In your function one channel speaks for all. On the case above its mean stays as it was: what else does the "
    "squeeze hand on?")


def _tell_with_numpy(before, after):
    import numpy as np

    return not np.allclose(np.mean(before, axis=(1, 2)), np.mean(after, axis=(1, 2)))


def _tell_with_random_weights(before, after):
    import numpy as np

    draw = np.random.default_rng(1)
    reduce, restore = draw.normal(size=(8, len(before))), draw.normal(size=(len(before), 8))

    def gates(x):
        hidden = reduce @ np.mean(x, axis=(1, 2))
        return 1 / (1 + np.exp(-(restore @ (hidden / (1 + np.exp(-hidden))))))

    return bool(np.abs(gates(before) - gates(after)).max() > 1e-9)


def _tell_channel_by_channel(before, after):
    return sum(_mean(_flat(a)) != _mean(_flat(b)) for a, b in zip(before, after, strict=True)) > 0


SIGHT = Exercise(
    id="03.5", title="What can a gate not see?", points=4, minutes=15, difficulty="moderate",
    reference=can_tell_apart, cases=tell_cases,
    helpers=("model", "explain"),
    misconceptions=(
        Misconception("any change counts", _told_by(lambda x: x),
            "Your function answers True as soon as a pixel differs. On the case above, compute what the squeeze makes "
            "of either map."),
        Misconception("one mean over all channels", _told_by(lambda x: _mean([p for c in x for p in _flat(c)])),
            "You reduced each map to a single number. On the case above, what does the squeeze hand on for each "
            "channel?"),
        Misconception("order of the channels ignored", _told_by(lambda x: sorted(_each(_mean)(x))),
            "On the case above the same means come in another order. Does every channel have the same weights to the "
            "squeezed numbers?"),
        Misconception("sums in place of means", _told_by(_each(sum)),
            "The two maps of the case above do not have the same number of pixels. What do you add up, and what does "
            "the squeeze do with it then?"),
        Misconception("the values in each channel, in any order", _told_by(_each(sorted)),
            "You saw that the place of a pixel does not matter. On the case above the values themselves changed: what "
            "is left of them after the squeeze?"),
        Misconception("mean over the channels at each pixel",
            _told_by(lambda x: [[_mean(pixels) for pixels in zip(*rows, strict=True)]
                                for rows in zip(*x, strict=True)]),
            "You averaged the channels and kept the places. Which of the two does the squeeze keep?"),
        Misconception("the largest value of each channel", _told_by(_each(max)),
            "You compare the brightest pixels. What does global average pooling make of a channel?"),
        Misconception("True for maps that look the same", lambda before, after: not can_tell_apart(before, after),
            "Your answers are all there, the other way round. Which answer is for gates that can differ?"),
        Misconception("yes, always", lambda before, after: True,
            "You say that gates can always tell. On the case above, compute what the squeeze makes of either map."),
        Misconception("no, never", lambda before, after: False,
            "You say that gates see nothing at all. On the case above, compute what the squeeze makes of either map."),
        Misconception("the first channel only", _told_by(lambda x: _mean(_flat(x[0]))), ONE_CHANNEL),
        Misconception("the last channel only", _told_by(lambda x: _mean(_flat(x[-1]))), ONE_CHANNEL),
        Misconception("all channels, not any",
            lambda before, after: all(_mean(_flat(a)) != _mean(_flat(b)) for a, b in zip(before, after, strict=True)),
            "On the case above some channels have another mean than before and some have not, and you say that no gate "
            "can tell. Which channels' means does one gate read?"),
        Misconception("shapes compared", _told_by(_shape),
            "Your answer depends on nothing but the sizes of the two maps. What is left of height and width after the "
            "squeeze?"),
        Misconception("another size counts", lambda before, after: _shape(before) != _shape(after)
                or can_tell_apart(before, after),
            "You answer True whenever the two maps differ in size. On the case above, compute what the squeeze makes "
            "of either map."),
        Misconception("means below 0 cut off", _told_by(lambda x: [max(0.0, m) for m in _each(_mean)(x)]),
            "For your function all means below 0 are alike. Is anything cut off between the map and the first layer?"),
        Misconception("signs of the means ignored", _told_by(lambda x: [abs(m) for m in _each(_mean)(x)]),
            "On the case above the means differ only in their signs. Does the first layer read them without?"),
    ),
    other_answers=(_tell_with_numpy, _tell_with_random_weights, _tell_channel_by_channel),
    hints=(
        "All that follows the squeeze is computed from what the squeeze hands on. So two maps can only have different "
        "gates if something differs there already.",
        "And if something differs there, are there weights that make a gate of it?",
    ),
    remark="A gate knows how much of each feature there is in the whole map, and nothing of where, or in what shape. "
           "What needs a place has to be turned into a channel first, by the convolutions before.",
)


EXERCISES = (GATE, BLOCK, SQUEEZE, SHARE, SIGHT)
