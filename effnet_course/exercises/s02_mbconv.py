"""Problem sheet 02: inside an MBConv block.

Squeeze-and-excitation is lesson 03's: no block here has it. Images and weights are nested lists, so that a case is
plain data; a side of H pixels and stride s give ceil(H / s) pixels out.
"""

import math
import random

import numpy as np

from effnet_course.checking import Case, Exercise, Misconception
from effnet_course.exercises.drawing import cases

# A misconception is one thing to read: what is wrong, the wrong function, the hint.
# fmt: off


# 02.1


def silu(x):
    """The three parts that the sheet hands over: silu, pointwise and depthwise."""
    x = np.asarray(x, dtype=float)
    return x / (1 + np.exp(-x))


def pointwise(x, weights):
    return np.einsum("oi,ihw->ohw", np.asarray(weights, dtype=float), np.asarray(x, dtype=float))


def depthwise(x, kernels, stride):
    x, kernels = np.asarray(x, dtype=float), np.asarray(kernels, dtype=float)
    border = kernels.shape[-1] // 2
    padded = np.pad(x, ((0, 0), (border, border), (border, border)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernels.shape[1:], axis=(1, 2))[:, ::stride, ::stride]
    return np.einsum("chwij,cij->chw", windows, kernels)


def mbconv(image: list, expand: list | None, kernels: list, project: list, stride: int) -> list:
    """The output of an MBConv block without normalisation and without a gate."""
    inner = image if expand is None else silu(pointwise(image, expand))
    out = pointwise(silu(depthwise(inner, kernels, stride)), project)
    adds = stride == 1 and len(project) == len(image)
    return (out + np.asarray(image) if adds else out).tolist()


def forward_cases(seed: int) -> list[Case]:
    """Small images and few channels; then blocks that narrow, widen, stride, and do not expand."""
    one = [[0.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]
    shift = [[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    rows = [
        ([[[1.0, -2.0]]], [[1.0], [-1.0]], [one, one], [[1.0, 1.0]], 1),
        ([[[1.0, -2.0]]], [[1.0], [-1.0]], [one, shift], [[1.0, -1.0], [2.0, 0.5]], 1),
        ([[[2.0, 1.0], [-1.0, -3.0]]], [[1.0], [0.5]], [one, shift], [[1.0, -2.0]], 2),
        ([[[1.0, -2.0]]], None, [one], [[-1.0]], 1),
        ([[[2.0]]], [[1.0], [-1.0]], [one, one], [[1.0, -2.0]], 2),  # one pixel stays one pixel
    ]
    draw = random.Random(f"02.forward {seed}")

    def numbers(*shape):
        if not shape:
            return round(draw.uniform(-2, 2), 2)
        return [numbers(*shape[1:]) for _ in range(shape[0])]

    for k in range(12):
        channels, ratio, side = draw.randint(2, 3), draw.choice([1, 2, 3]), draw.randint(2, 5)
        kernel, stride = draw.choice([3, 3, 5]), 1 if k % 3 else 2
        out = channels if k % 2 else draw.choice([2, 4, 5])
        expand = None if ratio == 1 else numbers(channels * ratio, channels)
        rows.append((numbers(channels, side, side), expand, numbers(channels * ratio, kernel, kernel),
                     numbers(out, channels * ratio), stride))
    return cases(("image", "expand", "kernels", "project", "stride"), rows)


def _block(first=silu, second=silu, third=lambda x: x, unexpanded=lambda x: x, last=lambda x: x, end=lambda x: x,
           early=False, adds=lambda image, project, stride: stride == 1 and len(project) == len(image), bare_adds=True):
    """mbconv with one of its steps replaced."""

    def answer(image, expand, kernels, project, stride):
        x = np.asarray(image, dtype=float)
        inner = x[:, ::stride, ::stride] if early else x
        inner = unexpanded(inner) if expand is None else first(pointwise(inner, expand))
        out = third(pointwise(second(depthwise(inner, kernels, 1 if early else stride)), project))
        added = adds(image, project, stride) and (bare_adds or expand is not None)
        return end(last(out + x) if added else out)

    return answer


def _mbconv_by_shapes(image, expand, kernels, project, stride):
    out = _block(adds=lambda image, project, stride: False)(image, expand, kernels, project, stride)
    return out + np.asarray(image) if out.shape == np.asarray(image).shape else out


def _linear(x):
    return x


def _relu(x):
    return np.maximum(x, 0)


def _mbconv_number_by_number(image, expand, kernels, project, stride):
    sigmoid = lambda value: 1 / (1 + math.exp(-value))  # noqa: E731
    height, width = len(image[0]), len(image[0][0])
    inner = image
    if expand is not None:
        inner = [[[0.0] * width for _ in range(height)] for _ in expand]
        for m, row in enumerate(expand):
            for y in range(height):
                for x in range(width):
                    value = sum(w * image[c][y][x] for c, w in enumerate(row))
                    inner[m][y][x] = value * sigmoid(value)
    reach = len(kernels[0]) // 2
    out = [[[0.0 for _ in range(0, width, stride)] for _ in range(0, height, stride)] for _ in project]
    for top in range(0, height, stride):
        for left in range(0, width, stride):
            filtered = []
            for channel, kernel in zip(inner, kernels, strict=True):
                value = sum(
                    kernel[i + reach][j + reach] * channel[top + i][left + j]
                    for i in range(-reach, reach + 1) for j in range(-reach, reach + 1)
                    if 0 <= top + i < height and 0 <= left + j < width
                )
                filtered.append(value * sigmoid(value))
            for o, row in enumerate(project):
                value = sum(w * f for w, f in zip(row, filtered, strict=True))
                if stride == 1 and len(project) == len(image):
                    value += image[o][top][left]
                out[o][top // stride][left // stride] = value
    return out


def _mbconv_in_torch(image, expand, kernels, project, stride):
    import torch
    from torch.nn import functional as F

    x = torch.tensor(image, dtype=torch.float64)[None]
    inner = x
    if expand is not None:
        inner = F.silu(F.conv2d(x, torch.tensor(expand, dtype=torch.float64)[:, :, None, None]))
    weights = torch.tensor(kernels, dtype=torch.float64)[:, None]
    inner = F.silu(F.conv2d(inner, weights, stride=stride, padding=weights.shape[-1] // 2, groups=len(weights)))
    out = F.conv2d(inner, torch.tensor(project, dtype=torch.float64)[:, :, None, None])
    return (out + x if stride == 1 and out.shape == x.shape else out)[0]


FORWARD = Exercise(
    id="02.1", title="A block from its parts", points=4, minutes=15, difficulty="moderate",
    reference=mbconv, cases=forward_cases, tolerance=1e-4,
    helpers=("model",),
    misconceptions=(
        Misconception("activation after the projection", _block(third=silu),
            "You bend the numbers once more after the projection. Which of the lesson's pictures shows what that does "
            "to a few channels?"),
        Misconception("addition activated", _block(last=silu),
            "Where the input is added, you bend the sum. A ResNet does. What travels along the shortcut of an MBConv "
            "block, from its input to its output?"),
        Misconception("activation at the very end", _block(end=silu),
            "Your block bends once more at its very end, whether it has added its input or not. A ResNet does. How "
            "many channels are there at that point, and what does the lesson say of bending in so few?"),
        Misconception("no activation after the expansion", _block(first=_linear),
            "Your wide layer goes into the filters as it comes out of the mixing. Count the activations on the way "
            "through the block's diagram."),
        Misconception("no activation after the filters", _block(second=_linear),
            "Filters and projection follow one another directly in your block, so the two are one linear step. Count "
            "the activations on the way through the block's diagram."),
        Misconception("no activation at all", _block(first=_linear, second=_linear),
            "Everything in your block is linear: all its steps could be multiplied out into a single convolution. "
            "Where does the block bend?"),
        Misconception("ReLU in place of SiLU", _block(first=_relu, second=_relu),
            "Your block sets what is negative to nothing at all. The activation that the sheet hands you lets a little "
            "of it through."),
        Misconception("input never added", _block(adds=lambda image, project, stride: False),
            "On the case above, input and output have the same shape. What else becomes of the input, then, apart "
            "from being expanded?"),
        Misconception("not added where nothing is expanded", _block(bare_adds=False),
            "There is no expansion in the case above, and there you do not add the input. Which of the rule's two "
            "conditions has to do with the expansion?"),
        Misconception("only shapes compared", _mbconv_by_shapes,
            "The case above has a stride, but one pixel stays one pixel, and so you add. Would the same block, with "
            "the same weights, add its input on a larger image?"),
        Misconception("added without asking for the channels", _block(adds=lambda image, project, stride: stride == 1),
            "On the case above the block puts out another number of channels than it reads, and you add the input all "
            "the same: numpy copied its one channel to make it fit. What does the block's rule say?"),
        Misconception("added without asking for the stride",
            _block(adds=lambda image, project, stride: len(project) == len(image)),
            "On the case above the output is smaller than the input, and you add the two all the same: numpy copied "
            "the smaller one to make it fit. What does the block's rule say?"),
        Misconception("always added", _block(adds=lambda image, project, stride: True),
            "On the case above input and output have different shapes, and you add them all the same: numpy copied "
            "numbers to make them fit. What does the block's rule say?"),
        Misconception("stride already in the expansion", _block(early=True),
            "You thin out the image before it is filtered. What does the window then see of the pixels that you left "
            "out?"),
        Misconception("activation though nothing was expanded", _block(unexpanded=silu),
            "There is no expansion in the case above, and yet you bend the numbers before they are filtered. To which "
            "step does that activation belong?"),
    ),
    other_answers=(_mbconv_number_by_number, _mbconv_in_torch),
    hints=(
        "Three steps in a row: mix into many channels, filter each, mix into few. Where there is nothing to expand "
        "with, the filters read the image itself.",
        "Two of the three steps are followed by an activation. Then ask whether the input can be added: there "
        "are two conditions.",
    ),
    remark="With a batch norm after each of the three steps and the gate of lesson 03 before the projection, this is "
           "the block that every EfficientNet repeats.",
)


# 02.2

BLOCK = ("expansion", "kernel", "in_channels", "out_channels", "size", "stride")


def block_cost(expansion: int, kernel: int, in_channels: int, out_channels: int, size: int,
               stride: int) -> tuple[int, int]:
    """Parameters and MACs of an MBConv block with batch norms and without a gate."""
    inner, side = expansion * in_channels, -(-size // stride)
    params = kernel**2 * inner + inner * out_channels + 2 * (inner + out_channels)
    macs = side**2 * (kernel**2 * inner + inner * out_channels)
    if expansion > 1:
        params += in_channels * inner + 2 * inner
        macs += size**2 * in_channels * inner
    return params, macs


def cost_cases(seed: int) -> list[Case]:
    fixed = [(2, 1, 1, 1, 2, 1), (2, 3, 1, 1, 2, 1), (3, 3, 2, 2, 4, 1), (2, 3, 2, 5, 4, 2), (2, 3, 2, 3, 5, 2),
             (1, 3, 2, 3, 4, 1), (1, 5, 4, 4, 6, 2)]
    draw = random.Random(f"02.cost {seed}")
    drawn = [(draw.choice([1, 2, 3, 4, 6, 8]), draw.choice([3, 5, 7]), draw.randint(2, 96), draw.randint(2, 96),
              draw.randint(5, 60), draw.choice([1, 1, 2])) for _ in range(14)]
    drawn.append((1, 3, 32, 16, 112, 1))  # B0's first block, but for the gate
    return cases(BLOCK, fixed + sorted(drawn, key=lambda row: block_cost(*row)[1]))


def _cost(window=lambda kernel: kernel**2, groups=True, expands=lambda e: e > 1, norm=2, wide=lambda e, i, o: e * i,
          at=lambda size, stride: (size, -(-size // stride), -(-size // stride)), out=lambda inner, i: inner, flops=1,
          last_norm=1):
    """block_cost with one of its parts replaced. `at`: side where expansion, filters and projection work."""

    def answer(expansion, kernel, in_channels, out_channels, size, stride):
        inner = wide(expansion, in_channels, out_channels)
        first, second, third = at(size, stride)
        filters = window(kernel) * inner * (1 if groups else inner)
        narrow = out(inner, in_channels) * out_channels
        params = filters + narrow + norm * (inner + last_norm * out_channels)
        macs = second**2 * filters + third**2 * narrow
        if expands(expansion):
            params += in_channels * inner + norm * inner
            macs += first**2 * in_channels * inner
        return params, flops * macs

    return answer


def _cost_of_the_lesson(expansion, kernel, in_channels, out_channels, size, stride):
    """The lesson's formula, for stride 1, equal channels and a ratio of 2 or more, whatever the block."""
    inner = expansion * in_channels
    return 2 * in_channels + inner * (2 * in_channels + kernel**2 + 4), inner * size**2 * (2 * in_channels + kernel**2)


def _cost_of_the_lesson_but_for_ratio_1(expansion, kernel, in_channels, out_channels, size, stride):
    params, macs = _cost_of_the_lesson(expansion, kernel, in_channels, out_channels, size, stride)
    if expansion == 1:
        params, macs = params - in_channels**2 - 2 * in_channels, macs - (in_channels * size) ** 2
    return params, macs


def _cost_layer_by_layer(expansion, kernel, in_channels, out_channels, size, stride):
    inner = in_channels * expansion
    side = (size + stride - 1) // stride
    layers = [] if inner == in_channels else [(in_channels, inner, 1, 1, size)]
    layers += [(inner, inner, kernel, inner, side), (inner, out_channels, 1, 1, side)]
    params = macs = 0
    for source, target, window, groups, pixels in layers:
        weights = window * window * (source // groups) * target
        params += weights + target + target  # scale and shift of its batch norm
        macs += weights * pixels * pixels
    return [params, macs]


def _cost_by_the_line(expansion, kernel, in_channels, out_channels, size, stride):
    side = math.ceil(size / stride)
    slope = in_channels * (in_channels * size**2 + (kernel**2 + out_channels) * side**2)
    held = in_channels * (in_channels + kernel**2 + out_channels + 4)
    params, macs = 2 * out_channels + expansion * held, expansion * slope
    if expansion == 1:
        params, macs = params - in_channels**2 - 2 * in_channels, macs - (in_channels * size) ** 2
    return params, macs


COST = Exercise(
    id="02.2", title="What does a block cost?", points=4, minutes=15, difficulty="moderate",
    reference=block_cost, cases=cost_cases,
    returns=("parameters", "MACs"),
    helpers=("cost", "model"),
    misconceptions=(
        Misconception("the lesson's formula as it stands", _cost_of_the_lesson,
            "Yours is the lesson's formula, and the lesson says for which blocks it holds. On the case above, is the "
            "block of that kind? And try a block of expansion 1."),
        Misconception("the lesson's formula, but for ratio 1", _cost_of_the_lesson_but_for_ratio_1,
            "Yours is the lesson's formula, and the lesson says for which blocks it holds. On the case above, compare "
            "the block's two ends: how many channels, how many pixels?"),
        Misconception("stride ignored, and expansion counted at ratio 1",
            _cost(at=lambda size, stride: (size, size, size), expands=lambda e: True),
            "Two things to mend. By your formula the stride changes nothing: at how many places does the window stop? "
            "And then try a block of expansion 1: how many convolutions has it?"),
        Misconception("expansion counted at ratio 1", _cost(expands=lambda e: True),
            "By your formula a block that expands by 1 mixes its channels into as many new ones first. How many "
            "convolutions does such a block have?"),
        Misconception("depthwise counted as a standard convolution", _cost(groups=False),
            "In your block each of the filters looks at all the wide channels. Look up what a depthwise layer does "
            "with each channel."),
        Misconception("kernel counted once, not squared", _cost(window=lambda kernel: kernel),
            "A 3x3 window holds nine weights. How many does your formula give it?"),
        Misconception("stride ignored", _cost(at=lambda size, stride: (size, size, size)),
            "By your formula the stride changes nothing. At how many places does the window stop, and what does the "
            "projection then see?"),
        Misconception("stride already in the expansion", _cost(at=lambda size, stride: (-(-size // stride),) * 3),
            "You count the expansion at the size that the block puts out. Which of the three steps has the stride, and "
            "which come before it?"),
        Misconception("projection at the input's size", _cost(at=lambda size, stride: (size, -(-size // stride), size)),
            "Your projection works at every pixel of the block's input. How many are left when its turn comes?"),
        Misconception("filters at the input's size", _cost(at=lambda size, stride: (size, size, -(-size // stride))),
            "Your filters stop at every pixel and the projection at fewer. Which step lets the pixels go?"),
        Misconception("output size rounded down", _cost(at=lambda size, stride: (size, size // stride, size // stride)),
            "On the case above the stride does not divide the side. Mark every second pixel of a row, beginning with "
            "the first, and count your marks."),
        Misconception("output size not rounded", _cost(at=lambda size, stride: (size, size / stride, size / stride)),
            "On the case above the stride does not divide the side, and your image keeps half a pixel. Mark every "
            "second pixel of a row, beginning with the first, and count your marks."),
        Misconception("last batch norm forgotten", _cost(last_norm=0),
            "Your MACs are right, and the batch norms of the wide channels are there. Now go through the convolutions "
            "in order: after which of them does your block have none?"),
        Misconception("batch norms left out", _cost(norm=0),
            "Your MACs are right, and your parameters are those of the convolutions alone. What else does the block "
            "learn, a little for each channel?"),
        Misconception("batch norms left out, and expansion counted at ratio 1",
            _cost(norm=0, expands=lambda e: True),
            "Two things to mend. Your parameters are those of the convolutions alone: what else does the block learn, "
            "a little for each channel? And then try a block of expansion 1: how many convolutions has it?"),
        Misconception("running statistics counted", _cost(norm=4),
            "You gave each channel of a batch norm four numbers. Which of them does the optimiser change?"),
        Misconception("projection from the input's width", _cost(out=lambda inner, i: i),
            "Your projection reads as many channels as the block does. How many reach it?"),
        Misconception("expanded from the output's width", _cost(wide=lambda e, i, o: e * o),
            "The width in the middle of your block depends on what it puts out. At the time of expanding, what is "
            "there to be multiplied?"),
        Misconception("FLOPs instead of MACs", _cost(flops=2),
            "Your parameters are right, and your second number is exactly twice the right one: you counted a "
            "multiplication and the addition that follows it as two."),
    ),
    other_answers=(_cost_layer_by_layer, _cost_by_the_line),
    hints=(
        "List the convolutions of the block, each with the channels that it reads and writes, its window, and the "
        "side of the image that it works on. Sheet 01 has the formula for each.",
        "At which expansion is the list shorter by one?",
        "A batch norm learns two numbers for each channel, and no multiplication of it is counted.",
    ),
    remark="From ratio 2 on, both numbers lie on a straight line. A block of ratio 1 lies below it, since one "
           "convolution of three is missing.",
)


# 02.3


def swish(x: float, steepness: float) -> tuple[float, float, float]:
    """Value and derivative of x times sigmoid(steepness x) at x, and its lowest value anywhere."""
    gate = 1 / (1 + math.exp(-steepness * x))
    slope = gate + steepness * x * gate * (1 - gate)
    bottom = -1.0
    for _ in range(60):
        bottom = -1 - math.exp(bottom)
    return x * gate, slope, (bottom + 1) / steepness


def swish_cases(seed: int) -> list[Case]:
    rows = [(1.0, 1.0), (-1.0, 1.0), (0.5, 1.0), (1.0, 2.0), (-3.0, 1.0), (-0.5, 4.0), (2.0, 0.5),
            (-2.0, 0.25), (-1.0, 0.1)]
    draw = random.Random(f"02.swish {seed}")
    rows += [(round(draw.uniform(-6, 6), 2), draw.choice([0.25, 0.5, 1.0, 1.5, 2.0, 3.0])) for _ in range(12)]
    return cases(("x", "steepness"), [row for row in rows if row[0]])


def _swish(gate=lambda x, b: 1 / (1 + math.exp(-b * x)), value=lambda x, g: x * g,
           slope=lambda x, b, g: g + b * x * g * (1 - g), lowest=lambda b: swish(1, b)[2]):
    """swish with one of its parts replaced."""

    def answer(x, steepness):
        g = gate(x, steepness)
        return value(x, g), slope(x, steepness, g), lowest(steepness)

    return answer


def _lowest_from(edge):
    """The lowest value between `edge` and 0, by a grid or by halving: at the edge where the dip lies beyond it."""

    def lowest(steepness):
        value, slope, bottom = swish(edge, steepness)
        return value if slope > 0 else bottom

    return lowest


def _swish_on_a_grid(x, steepness):
    grid = np.linspace(-8, 0, 80_001) / steepness
    values = grid / (1 + np.exp(-steepness * grid))
    value = x / (1 + math.exp(-steepness * x))
    gate = value / x
    return value, steepness * value + gate * (1 - steepness * value), values.min()


def _swish_by_bisection(x, steepness):
    def slope(at):
        e = math.exp(-steepness * at)
        return (1 + e + steepness * at * e) / (1 + e) ** 2

    low, high = -4 / steepness, 0.0
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(middle) < 0 else (low, middle)
    return [x / (1 + math.exp(-steepness * x)), slope(x), low / (1 + math.exp(-steepness * low))]


SWISH = Exercise(
    id="02.3", title="The bend of SiLU", points=4, minutes=15, difficulty="moderate",
    reference=swish, cases=swish_cases, tolerance=1e-5,
    returns=("value", "derivative", "lowest value"),
    misconceptions=(
        Misconception("derivative without the product rule", _swish(slope=lambda x, b, g: g),
            "Your derivative is what you get if only the first of two factors changes with x. What about the second?"),
        Misconception("derivative of the sigmoid alone", _swish(slope=lambda x, b, g: b * g * (1 - g)),
            "Your derivative is the sigmoid's. The function is that, times something else that changes with x."),
        Misconception("derivative of the plain sigmoid", _swish(slope=lambda x, b, g: g * (1 - g)),
            "Your derivative is made of the sigmoid alone. The function is that, times something else that changes "
            "with x. And where does a steeper sigmoid show?"),
        Misconception("chain rule forgotten", _swish(slope=lambda x, b, g: g + x * g * (1 - g)),
            "Your derivative is right where the steepness is 1. A steeper sigmoid rises faster: where does your "
            "derivative say so?"),
        Misconception("sign of the second term", _swish(slope=lambda x, b, g: g - b * x * g * (1 - g)),
            "Try a large positive x: there the function runs almost along the diagonal, from a little below it. So is "
            "its slope a little more than 1, or less? Compare the signs in your derivative."),
        Misconception("second term without its x", _swish(slope=lambda x, b, g: g + b * g * (1 - g)),
            "Put x at 0. There the function rises half as fast as the diagonal, whatever the steepness. What does your "
            "derivative say?"),
        Misconception("ReLU's derivative", _swish(slope=lambda x, b, g: 1.0 if x > 0 else 0.0),
            "Your derivative knows only off and on. This function bends gently: what is its slope on either side of "
            "the bend?"),
        Misconception("derivative and lowest value for steepness 1",
            _swish(slope=lambda x, b, g: g + x * g * (1 - g), lowest=lambda b: swish(1, 1)[2]),
            "Your value follows the steepness; your derivative and your lowest value are right for steepness 1 alone. "
            "Draw the function for 1 and for a much larger steepness: how fast do they bend, how deep do they dip?"),
        Misconception("where it is lowest, not how low", _swish(lowest=lambda b: swish(1, b)[2] - 1 / b),
            "Your third number is a place on the x axis. How low is the function there?"),
        Misconception("lowest value not scaled with the steepness", _swish(lowest=lambda b: swish(1, 1)[2]),
            "Your lowest value is that of SiLU, whatever the steepness. Draw the function for steepness 1 and, over "
            "it, for a much larger one: is the dip as deep?"),
        Misconception("lowest value multiplied by the steepness", _swish(lowest=lambda b: swish(1, 1)[2] * b),
            "By your formula the dip grows deeper the steeper the function. Draw it for a very large steepness: "
            "which well-known activation does it come close to?"),
        *(Misconception(f"lowest value searched from {edge} up", _swish(lowest=_lowest_from(edge)),
            "Your lowest value is right for some steepnesses. On the case above, the lowest point lies outside the "
            "stretch that you searched, and you were left with its end. What does the steepness do to the place?")
          for edge in (-1, -1.5, -2, -2.5, -3, -4, -5, -6, -8, -10)),
        Misconception("no dip at all", _swish(lowest=lambda b: 0.0),
            "Your lowest value is that of a ReLU. Put a negative x into your own function: what sign does it have?"),
        Misconception("sigmoid in place of x times sigmoid", _swish(value=lambda x, g: g),
            "Your value never leaves the range from 0 to 1. The sigmoid is only the gate: what does it let through?"),
        Misconception("steepness ignored", _swish(gate=lambda x, b: 1 / (1 + math.exp(-x)),
            slope=lambda x, b, g: g + x * g * (1 - g), lowest=lambda b: swish(1, 1)[2]),
            "All three of your numbers are SiLU's own. What does the second parameter do to the sigmoid?"),
    ),
    other_answers=(_swish_on_a_grid, _swish_by_bisection),
    hints=(
        "The function is a product of two things that change with x. Compute the sigmoid once and give it a name.",
        "For the lowest value no formula is needed: walk over many values of x, or halve an interval in which the "
        "slope changes its sign.",
        "If you have the lowest value for one steepness, measure x in other units and you have it for all.",
    ),
    remark="With steepness 1 this is SiLU; with a very large one it is all but ReLU. At the bottom of the dip the "
           "slope is 0, and left of it negative: this activation falls before it rises.",
)


# 02.4


def stochastic_depth(branch: list, shortcut: list, rate: float, draws: list, training: bool) -> list:
    """Each image's shortcut plus its branch, dropped or scaled in training."""
    if not training:
        kept = [1.0] * len(draws)
    else:
        kept = [0.0 if draw < rate else 1 / (1 - rate) for draw in draws]
    return [[k * b + s for b, s in zip(*rows, strict=True)] for k, *rows in zip(kept, branch, shortcut, strict=True)]


def depth_cases(seed: int) -> list[Case]:
    rows = [
        ([[4.0]], [[1.0]], 0.5, [0.9], True),
        ([[4.0]], [[1.0]], 0.5, [0.1], True),
        ([[4.0]], [[1.0]], 0.5, [0.1], False),
        ([[4.0, 8.0], [4.0, -4.0]], [[1.0, 2.0], [3.0, 5.0]], 0.2, [0.7, 0.1], True),
        ([[4.0, 8.0], [4.0, -4.0]], [[1.0, 2.0], [3.0, 5.0]], 0.2, [0.1, 0.7], True),
        ([[4.0, 8.0], [4.0, -4.0]], [[1.0, 2.0], [3.0, 5.0]], 0.2, [0.7, 0.1], False),
        ([[4.0]], [[1.0]], 0.0, [0.0], True),  # nobody is dropped: not even here
        ([[6.0, 3.0], [3.0, -6.0]], [[1.0, 2.0], [3.0, 5.0]], 0.25, [0.25, 0.2], True),
    ]
    draw = random.Random(f"02.depth {seed}")
    for k in range(10):
        images, numbers = draw.randint(3, 5), draw.randint(2, 3)
        branch, shortcut = ([[round(draw.uniform(-9, 9), 1) for _ in range(numbers)] for _ in range(images)]
                            for _ in range(2))
        rate = draw.choice([0.1, 0.2, 0.25, 0.4])
        chances = [draw.choice([0.02, 0.05, 0.55, 0.7, 0.85, 0.97]) for _ in range(images)]
        rows.append((branch, shortcut, rate, chances, k % 4 != 3))
    return cases(("branch", "shortcut", "rate", "draws", "training"), rows)


def _depth(drops=lambda draw, rate: draw < rate, scale=lambda keep: 1 / keep, resting=lambda keep: 1.0, always=False,
           swapped=False, shared=False, join=lambda kept, b, s: kept * b + s):
    """stochastic_depth with one of its parts replaced."""

    def answer(branch, shortcut, rate, draws, training):
        rows = []
        for i in range(len(branch)):
            kept = resting(1 - rate)
            if always or training != swapped:
                kept = 0.0 if drops(draws[0 if shared else i], rate) else scale(1 - rate)
            rows.append([join(kept, b, s) for b, s in zip(branch[i], shortcut[i], strict=True)])
        return rows

    return answer


def _strung(training_too=True, images=False):
    """Lists joined by a plus: row by row, or the two batches."""

    def answer(branch, shortcut, rate, draws, training):
        if training and not training_too:
            return stochastic_depth(branch, shortcut, rate, draws, training)
        rows = _depth(join=lambda kept, b, s: kept * b)(branch, shortcut, rate, draws, training)
        return rows + shortcut if images else [row + other for row, other in zip(rows, shortcut, strict=True)]

    return answer


def _depth_along_the_channels(branch, shortcut, rate, draws, training):
    branch = np.array(branch)
    if training:
        branch = branch * ((np.array(draws) >= rate) / (1 - rate))
    return (branch + np.array(shortcut)).tolist()


def _depth_in_numpy(branch, shortcut, rate, draws, training):
    branch, shortcut = np.array(branch), np.array(shortcut)
    if not training:
        return branch + shortcut
    alive = (np.array(draws) >= rate)[:, None]
    return np.where(alive, branch / (1 - rate), 0) + shortcut


def _depth_in_torch(branch, shortcut, rate, draws, training):
    import torch

    branch, keep = torch.tensor(branch, dtype=torch.float64), 1 - rate
    if training:
        branch = branch.div(keep) * (torch.tensor(draws) >= rate).view(-1, 1)
    return branch + torch.tensor(shortcut, dtype=torch.float64)


DEPTH = Exercise(
    id="02.4", title="Stochastic depth on a batch", points=3, minutes=10, difficulty="moderate",
    reference=stochastic_depth, cases=depth_cases,
    helpers=("model",),
    misconceptions=(
        Misconception("not scaled", _depth(scale=lambda keep: 1.0),
            "In training some of your branches are missing and the others are as they were. Is the branch, on average "
            "over many draws, still as strong as it is in evaluation?"),
        Misconception("scaled the wrong way", _depth(scale=lambda keep: keep),
            "The branches that stay come out weaker in your answer, although some have already been dropped. What "
            "should hold for the average?"),
        Misconception("scaled by the rate", _depth(scale=lambda keep: 1 / (1 - keep)),
            "By your formula a branch that is hardly ever dropped is blown up the most. How often is it there?"),
        Misconception("scaled by the rate, in numpy",
            _depth(scale=lambda keep: 1 / (1 - keep) if keep < 1 else math.inf),
            "By your formula a branch that is hardly ever dropped is blown up the most. How often is it there?"),
        Misconception("scaled in evaluation instead of in training",
            _depth(scale=lambda keep: 1.0, resting=lambda keep: keep),
            "You make up for the missing branches in evaluation. The paper of 2016 does so; here, as in the lesson, "
            "evaluation is to find nothing changed, so it has to be made up for earlier."),
        Misconception("scaled in evaluation as well", _depth(resting=lambda keep: 1 / keep),
            "In evaluation nothing is dropped in your answer, and yet the branch is stronger than it came in. What is "
            "there to make up for?"),
        Misconception("dropped in evaluation", _depth(always=True),
            "In evaluation your answer still depends on the draws: the same photo could get another class the next "
            "time. Which of the parameters says that nobody is learning?"),
        Misconception("training and evaluation swapped", _depth(swapped=True),
            "In training your answer takes no notice of the draws, and in evaluation it does. Follow the case above "
            "through your function: which way does it go?"),
        Misconception("keeps the low draws", _depth(drops=lambda draw, rate: draw >= 1 - rate),
            "You drop the right share of the images, those with the highest draws. That works, but it is another "
            "convention. Which draws mean dropped here, according to the docstring?"),
        Misconception("drops at the rate as well", _depth(drops=lambda draw, rate: draw <= rate),
            "On the case above the rate is 0, so that nothing can be dropped, and yet you drop. Which draws mean "
            "dropped, according to the docstring?"),
        *(Misconception(name, answer,
            "Your answer holds more numbers than the branch: Python strings two lists together where a plus is between "
            "them. What should become of two numbers that stand in the same place?")
          for name, answer in (("rows strung together", _strung()),
                               ("rows strung together in evaluation", _strung(training_too=False)),
                               ("batches strung together", _strung(images=True)),
                               ("batches strung together in evaluation", _strung(training_too=False, images=True)))),
        Misconception("drops what should be kept", _depth(drops=lambda draw, rate: draw >= rate),
            "Suppose the rate were very small: almost all of your branches would be gone. What is it the rate of?"),
        Misconception("one draw for the whole batch", _depth(shared=True),
            "All images of your batch share one fate, that of the first. How many draws were you given?"),
        Misconception("draws laid along the numbers", _depth_along_the_channels,
            "On the case above each image loses its second number, and keeps its first, in place of one image losing "
            "both. Along which direction of your array do the draws run?"),
        Misconception("the sum is dropped", _depth(join=lambda kept, b, s: kept * (b + s)),
            "You treat branch and shortcut as one: they are scaled together, and dropped together. Which of the two "
            "ways through the block is meant to stay as it is, whatever the draw?"),
        Misconception("the shortcut is dropped", _depth(join=lambda kept, b, s: b + kept * s),
            "In your answer the draws drop or scale the shortcut, and leave the branch alone. Which of the two did the "
            "block have to work for?"),
        Misconception("shortcut forgotten", _depth(join=lambda kept, b, s: kept * b),
            "Your answer is made of the branch alone. Which other way through the block is there, and does a draw ever "
            "close it?"),
    ),
    other_answers=(_depth_in_numpy, _depth_in_torch),
    hints=(
        "Begin with evaluation: nothing is random there, and nothing is scaled.",
        "In training, work out for each image one number that its branch is multiplied by. It takes one of two values.",
        "Of many images, the share that is kept is one minus the rate. Choose the second value so that the average of "
        "the two, taken in those shares, is 1.",
    ),
    remark="One number for each image, the same for all its channels and pixels: that is all the difference to "
           "dropout.",
)


# 02.5


def residual_blocks(stem: int, stages: list) -> list:
    """How many blocks of each stage add their input."""
    counts, channels = [], stem
    for _expansion, _kernel, stride, out, repeats in stages:
        first = stride == 1 and channels == out
        counts.append(repeats - 1 + first)
        channels = out
    return counts


B0_STAGES = [[1, 3, 1, 16, 1], [6, 3, 2, 24, 2], [6, 5, 2, 40, 2], [6, 3, 2, 80, 3], [6, 5, 1, 112, 3],
             [6, 5, 2, 192, 4], [6, 3, 1, 320, 1]]


def residual_cases(seed: int) -> list[Case]:
    rows = [(8, [[6, 3, 1, 8, 1]]), (8, [[6, 3, 1, 16, 1]]), (8, [[6, 3, 2, 8, 1]]), (8, [[6, 3, 2, 16, 3]]),
            (8, [[1, 3, 1, 8, 2]]), (8, [[6, 3, 2, 8, 2], [6, 3, 1, 8, 2]]), (32, B0_STAGES)]
    draw = random.Random(f"02.residual {seed}")
    for _ in range(10):
        stages = [[draw.choice([1, 4, 6]), draw.choice([3, 5]), draw.choice([1, 1, 2]), draw.choice([8, 16, 24]),
                   draw.randint(1, 4)] for _ in range(draw.randint(2, 5))]
        rows.append((draw.choice([8, 16, 24]), stages))
    return cases(("stem", "stages"), rows)


def _residuals(counts, total=False):
    """An answer to 02.5 from a test of single blocks: counts(expansion, stride, in, out, place in the stage)."""

    def answer(stem, stages):
        found, channels = [], stem
        for expansion, _, stride, out, repeats in stages:
            number = 0
            for place in range(repeats):
                number += bool(counts(expansion, stride, channels, out, place))
                channels = out
            found.append(number)
        return sum(found) if total else found

    return answer


def _residuals_stage_ends(stem, stages):
    """Channels compared for the stage as a whole: its blocks all add, or none."""
    found, channels = [], stem
    for _, _, stride, out, repeats in stages:
        found.append(repeats if stride == 1 and channels == out else 0)
        channels = out
    return found


def _residuals_from_the_stem(stem, stages):
    return [repeats - 1 + (stride == 1 and out == stem) for _, _, stride, out, repeats in stages]


def _residuals_by_listing(stem, stages):
    shapes = [(stem, 1)]
    ends = []
    for _, _, stride, out, repeats in stages:
        shapes += [(out, stride)] + [(out, 1)] * (repeats - 1)
        ends.append(repeats)
    adds = [before[0] == after[0] and after[1] == 1 for before, after in zip(shapes, shapes[1:], strict=False)]
    counts = []
    for repeats in ends:
        counts.append(sum(adds[:repeats]))
        adds = adds[repeats:]
    return counts


def _residuals_as_a_tuple(stem, stages):
    widths = (stem, *(row[3] for row in stages))
    return tuple(
        row[4] - (0 if row[2] == 1 and widths[k] == widths[k + 1] else 1) for k, row in enumerate(stages)
    )


RESIDUAL = Exercise(
    id="02.5", title="Residual or not?", points=2, minutes=10, difficulty="easy",
    reference=residual_blocks, cases=residual_cases,
    helpers=("arch", "model"),
    misconceptions=(
        Misconception("every block adds", _residuals(lambda e, s, i, o, place: True),
            "You add the input in every block. On the case above, try to add two images of different size, or with "
            "different numbers of channels."),
        Misconception("first block of a stage never adds", _residuals(lambda e, s, i, o, place: place > 0),
            "You leave out every stage's first block. Look at its stride and its channels on the case above: is there "
            "anything in the way?"),
        Misconception("stride not asked", _residuals(lambda e, s, i, o, place: i == o),
            "You only compare channels. How large is the output of a stage's first block, compared with its "
            "input?"),
        Misconception("channels not asked", _residuals(lambda e, s, i, o, place: s == 1 or place > 0),
            "You only look at the stride. On the case above, how many channels come in and how many go out?"),
        Misconception("or for and", _residuals(lambda e, s, i, o, place: s == 1 or place > 0 or i == o),
            "For a first block it is enough for you that one of the two is right, stride or channels. Write down the "
            "shapes of its input and its output on the case above: can they be added?"),
        Misconception("stride in every block of the stage", _residuals(lambda e, s, i, o, place: s == 1 and i == o),
            "In your network every block of a stage takes the stage's stride. How small would the image be after the "
            "last of them?"),
        Misconception("one rule for the whole stage", _residuals_stage_ends,
            "Your stages add everywhere or nowhere. What changes between the first block of a stage and the second?"),
        Misconception("only blocks that expand", _residuals(
            lambda e, s, i, o, place: e > 1 and (s == 1 or place > 0) and i == o),
            "Your blocks of expansion 1 never add their input. Which of the two conditions has to do with the "
            "expansion?"),
        Misconception("all stages compared with the stem", _residuals_from_the_stem,
            "You compare each stage's channels with those of the stem. What does the first block of the second stage "
            "read?"),
        Misconception("one number for the network", _residuals(
            lambda e, s, i, o, place: (s == 1 or place > 0) and i == o, total=True),
            "You added up the stages. The number for each stage by itself is wanted, as a list."),
    ),
    other_answers=(_residuals_by_listing, _residuals_as_a_tuple),
    hints=(
        "Write the blocks of a stage under one another, each with its stride, its channels in and its channels out. "
        "Only the first can have a stride and can change the channels.",
        "From one stage to the next you have to remember one number.",
    ),
    remark="Nine of B0's sixteen blocks. The other seven are the first of their stage: they change the shape.",
)


# 02.6


def block_memory(expansion: int, kernel: int, in_channels: int, out_channels: int, size: int, stride: int,
                 batch: int, bytes_per_number: int) -> tuple[int, int]:
    """Bytes kept for the backward pass, and the most bytes held at once in evaluation."""
    after = -(-size // stride)
    image, out = in_channels * size**2, out_channels * after**2
    wide, filtered = expansion * in_channels * size**2, expansion * in_channels * after**2
    shortcut = image if stride == 1 and in_channels == out_channels else 0
    kept = image + 3 * wide * (expansion > 1) + 3 * filtered + out
    steps = [image + wide, wide + filtered + shortcut] if expansion > 1 else [image + filtered]
    peak = max(*steps, filtered + out + shortcut)
    return batch * bytes_per_number * kept, batch * bytes_per_number * peak


MEMORY_NAMES = (*BLOCK, "batch", "bytes_per_number")


def memory_cases(seed: int) -> list[Case]:
    fixed = [(2, 3, 1, 1, 2, 1, 1, 4), (2, 3, 1, 2, 2, 1, 1, 4), (2, 3, 1, 1, 4, 2, 1, 4), (2, 3, 2, 2, 4, 1, 2, 4),
             (1, 3, 2, 2, 4, 1, 1, 4), (1, 3, 4, 2, 4, 2, 1, 2), (6, 5, 2, 30, 5, 2, 2, 4)]
    draw = random.Random(f"02.memory {seed}")
    drawn = []
    for k in range(14):
        channels = draw.randint(2, 64)
        out = channels if k % 2 else draw.randint(2, 128)
        drawn.append((draw.choice([1, 2, 3, 4, 6]), draw.choice([3, 5]), channels, out, draw.randint(4, 56),
                      draw.choice([1, 1, 2]), draw.choice([1, 8, 32]), draw.choice([2, 4])))
    return cases(MEMORY_NAMES, fixed + sorted(drawn, key=lambda row: block_memory(*row)[0]))


def _memory(wide_times=3, filtered_times=3, expands=lambda e: e > 1, ends=lambda size, stride: -(-size // stride),
            starts=lambda size, stride: size, image_times=1, last_times=1, batches=lambda batch: batch,
            width=lambda number: number, shortcut=lambda image, adds: image if adds else 0, peak=None):
    """block_memory with one of its parts replaced."""

    def answer(expansion, kernel, in_channels, out_channels, size, stride, batch, bytes_per_number):
        before, after = starts(size, stride), ends(size, stride)
        image, out = in_channels * size**2, out_channels * after**2
        wide, filtered = expansion * in_channels * before**2, expansion * in_channels * after**2
        kept_open = shortcut(image, stride == 1 and in_channels == out_channels)
        kept = (image_times * image + wide_times * wide * expands(expansion) + filtered_times * filtered
                + last_times * out)
        if expands(expansion):
            steps = [image + wide, wide + filtered + kept_open, filtered + out + kept_open]
        else:
            steps = [image + filtered, filtered + out + kept_open]
        most = max(steps) if peak is None else peak(steps, image, wide, filtered, out)
        factor = batches(batch) * width(bytes_per_number)
        return factor * kept, factor * most

    return answer


def _memory_step_by_step(expansion, kernel, in_channels, out_channels, size, stride, batch, bytes_per_number):
    narrow = -(-size // stride)
    shapes = [(in_channels, size)]
    shapes += [(expansion * in_channels, size)] if expansion != 1 else []
    shapes += [(expansion * in_channels, narrow), (out_channels, narrow)]
    numbers = [batch * channels * side * side for channels, side in shapes]
    kept = numbers[0] + sum(3 * n for n in numbers[1:-1]) + numbers[-1]
    adds = shapes[0] == shapes[-1]
    peaks = [a + b + (numbers[0] if adds and k else 0)
             for k, (a, b) in enumerate(zip(numbers, numbers[1:], strict=False))]
    return kept * bytes_per_number, max(peaks) * bytes_per_number


def _memory_by_layers(expansion, kernel, in_channels, out_channels, size, stride, batch, bytes_per_number):
    """Each layer with what it reads and what it writes."""
    after = (size - 1) // stride + 1
    inner = in_channels * expansion
    full, small = size * size, after * after
    layers = [("conv", in_channels * full, inner * full), ("norm", inner * full, 0), ("act", inner * full, 0)]
    if expansion == 1:
        layers = []
    layers += [("conv", inner * full, inner * small), ("norm", inner * small, 0), ("act", inner * small, 0)]
    layers += [("conv", inner * small, out_channels * small), ("norm", out_channels * small, 0)]
    kept = sum(reads for _, reads, _ in layers)
    most, unit = 0, batch * bytes_per_number
    for k, (kind, reads, writes) in enumerate(layers):
        if kind == "conv":
            adds = k > 0 and stride == 1 and in_channels == out_channels
            most = max(most, reads + writes + (in_channels * full if adds else 0))
    return [unit * kept, unit * most]


MEMORY = Exercise(
    id="02.6", title="What a block keeps in memory", points=4, minutes=20, difficulty="hard",
    reference=block_memory, cases=memory_cases,
    returns=("training", "evaluation"),
    helpers=("cost", "model"),
    misconceptions=(
        Misconception("only the convolutions keep their inputs", _memory(wide_times=1, filtered_times=1, last_times=0),
            "In training you let only the convolutions keep what they read. What do a batch norm and a SiLU need when "
            "the gradient comes back?"),
        Misconception("outputs counted in place of inputs", _memory(image_times=0, last_times=2),
            "You added up what the layers write. The first of them needs, on the way back, something that no layer of "
            "this block wrote."),
        Misconception("the block's output kept as well", _memory(last_times=2),
            "You keep what the last batch norm writes. Which layer of this block reads it, and does that layer need it "
            "for its gradient?"),
        Misconception("SiLU keeps its sigmoid too", _memory(wide_times=4, filtered_times=4),
            "Each of your activations keeps two things. The lesson measured both ways of writing SiLU: which of them "
            "is used here?"),
        Misconception("activations keep nothing", _memory(wide_times=2, filtered_times=2),
            "Between a batch norm and the next convolution you keep one thing where there are two. Is what goes into a "
            "SiLU the same as what comes out?"),
        Misconception("expansion counted at ratio 1", _memory(expands=lambda e: True),
            "Your block keeps the numbers of an expansion on the case above as well. Which layers does a block of "
            "ratio 1 have?"),
        Misconception("stride ignored", _memory(ends=lambda size, stride: size),
            "By your formula the stride changes no size. How large is an image after the filters?"),
        Misconception("output size rounded down", _memory(ends=lambda size, stride: size // stride),
            "On the case above the stride does not divide the side. Mark every second pixel of a row, beginning with "
            "the first, and count your marks."),
        Misconception("stride already in the expansion", _memory(starts=lambda size, stride: -(-size // stride)),
            "Your wide layer is as small before the filters as after them. Which step has the stride?"),
        Misconception("batch forgotten", _memory(batches=lambda batch: 1),
            "A batch of one and a batch of many take the same memory in your answer."),
        Misconception("numbers counted, not bytes", _memory(width=lambda number: 1),
            "Your answer is the same for 16-bit and for 32-bit numbers. In what unit is it wanted?"),
        Misconception("shortcut not held", _memory(shortcut=lambda image, adds: 0),
            "Your training number is right. In evaluation you let go of the block's input as soon as it has been "
            "expanded. Who still needs it on the case above?"),
        Misconception("shortcut not held, and expansion counted at ratio 1",
            _memory(shortcut=lambda image, adds: 0, expands=lambda e: True),
            "Two things to mend. In evaluation you let go of the block's input as soon as it has been expanded: who "
            "still needs it on the case above? And then try a block of ratio 1: which layers does it have?"),
        Misconception("shortcut always held", _memory(shortcut=lambda image, adds: image),
            "Your training number is right. In evaluation you hold on to the block's input in every block. Look at the "
            "shapes of the case above: will it be added at the end?"),
        Misconception("all outputs held at once", _memory(
            peak=lambda steps, image, wide, filtered, out: image + (wide if len(steps) == 3 else 0) + filtered + out),
            "Your training number is right. In evaluation you hold everything until the end. When the projection runs, "
            "who still needs the numbers that the filters have read?"),
        Misconception("only the moment of the filters", _memory(
            peak=lambda steps, image, wide, filtered, out: steps[-2]),
            "Your training number is right. In evaluation you look at one moment, while the filters run. How much is "
            "there on the case above while the block expands?"),
        Misconception("only the moment of the filters, image held at ratio 1", _memory(
            peak=lambda steps, image, wide, filtered, out: wide + filtered + steps[-1] - filtered - out),
            "Your training number is right. In evaluation you look at one moment, while the filters run. How much is "
            "there on the case above while the block expands?"),
        Misconception("only what the filters read and write", _memory(
            peak=lambda steps, image, wide, filtered, out: wide + filtered),
            "Your training number is right. In evaluation you count what the filters read and what they write. What "
            "else has to be there on the case above? And is that always the fullest moment?"),
        Misconception("moments added up", _memory(peak=lambda steps, image, wide, filtered, out: sum(steps)),
            "Your training number is right. In evaluation you add up moments that come one after the other. Of what "
            "was there at the first, how much is left at the last?"),
        Misconception("only the largest output", _memory(
            peak=lambda steps, image, wide, filtered, out: max(image, wide, filtered, out)),
            "Your training number is right. In evaluation you count the largest single array. While a convolution "
            "writes it, what else must be there?"),
    ),
    other_answers=(_memory_step_by_step, _memory_by_layers),
    hints=(
        "Write the layers under one another, from the first convolution to the last batch norm, and beside each the "
        "numbers that it reads: that column, added up, is what training keeps.",
        "For evaluation only the convolutions count. For each, what it reads and what it writes; then ask whether the "
        "block's input has to be there as well.",
        "How many layers has a block of ratio 1?",
    ),
    remark="In the block of 02.2 training keeps almost three times what evaluation ever holds, nearly all of it in the "
           "wide middle. And in training every block keeps its share; in evaluation each is let go before the next.",
)


EXERCISES = (FORWARD, COST, SWISH, DEPTH, RESIDUAL, MEMORY)
