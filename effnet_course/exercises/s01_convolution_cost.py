"""Problem sheet 01: what a convolution costs.

Integers throughout; a convolution writes floor((H + 2 padding - kernel) / stride) + 1 rows of output.
"""

import functools
import math
import random

from effnet_course.checking import Case, Exercise, Misconception
from effnet_course.exercises.drawing import cases

# A misconception is one thing to read: what is wrong, the wrong function, the hint.
# fmt: off
SHAPE = ("in_channels", "out_channels", "kernel", "height", "width")
CONVOLUTION = (*SHAPE, "stride", "padding", "groups")


def _outputs(size: int, kernel: int, stride: int, padding: int) -> int:
    return (size + 2 * padding - kernel) // stride + 1


# 01.1


def conv_macs(in_channels: int, out_channels: int, kernel: int, height: int, width: int, stride: int,
              padding: int, groups: int) -> int:
    """MACs of a convolution on one image."""
    rows = (height + 2 * padding - kernel) // stride + 1
    columns = (width + 2 * padding - kernel) // stride + 1
    macs_per_output = kernel**2 * (in_channels // groups)
    return rows * columns * out_channels * macs_per_output


MAC_CASES = [  # one thing more at a time
    (1, 1, 1, 2, 2, 1, 0, 1),
    (2, 3, 1, 2, 3, 1, 0, 1),
    (1, 1, 3, 3, 3, 1, 0, 1),
    (1, 1, 1, 3, 5, 2, 0, 1),
    (1, 1, 3, 4, 4, 1, 1, 1),
    (2, 4, 3, 4, 4, 1, 1, 2),
    (1, 2, 3, 6, 6, 2, 1, 1),
    (1, 2, 3, 7, 5, 2, 1, 1),
    (1, 2, 2, 5, 5, 2, 0, 1),
    (8, 8, 5, 9, 9, 1, 2, 8),
    (3, 4, 4, 8, 11, 4, 0, 1),
]


def _random_convolutions(seed: int, count: int) -> list[Case]:
    draw = random.Random(f"01.convolutions {seed}")
    rows = []
    for _ in range(count):
        groups, kernel = draw.choice([1, 1, 2, 4, 8]), draw.choice([1, 2, 3, 3, 5, 7])
        rows.append((groups * draw.randint(1, 12), groups * draw.randint(1, 12), kernel,
                     draw.randint(7, 60), draw.randint(7, 60), draw.choice([1, 1, 2, 3]),
                     draw.choice([0, (kernel - 1) // 2, 1]), groups))
    return sorted(cases(CONVOLUTION, rows), key=lambda case: conv_macs(**case))


def mac_cases(seed: int) -> list[Case]:
    return cases(CONVOLUTION, MAC_CASES) + _random_convolutions(seed, 14)


def _macs(out=lambda size, kernel, stride, padding: _outputs(size, kernel, stride, padding),
          window=lambda kernel: kernel**2, pairs=lambda i, o, groups: i // groups * o):
    """conv_macs with one of its parts replaced."""

    def answer(in_channels, out_channels, kernel, height, width, stride, padding, groups):
        positions = out(height, kernel, stride, padding) * out(width, kernel, stride, padding)
        return positions * window(kernel) * pairs(in_channels, out_channels, groups)

    return answer


def _macs_square(in_channels, out_channels, kernel, height, width, stride, padding, groups):
    return conv_macs(in_channels, out_channels, kernel, height, height, stride, padding, groups)


def _macs_stride_once(in_channels, out_channels, kernel, height, width, stride, padding, groups):
    return conv_macs(in_channels, out_channels, kernel, height, width, 1, padding, groups) // stride


def _macs_thinned(power):
    """conv_macs with the input's pixels, divided by a power of the stride, for the output's."""

    def answer(in_channels, out_channels, kernel, height, width, stride, padding, groups):
        return kernel**2 * (in_channels // groups) * out_channels * height * width // stride**power

    return answer


def _macs_by_listing_stops(in_channels, out_channels, kernel, height, width, stride, padding, groups):
    rows = range(-padding, height + padding - kernel + 1, stride)
    columns = range(-padding, width + padding - kernel + 1, stride)
    return len(rows) * len(columns) * in_channels * out_channels * kernel * kernel / groups


def _macs_group_by_group(in_channels, out_channels, kernel, height, width, stride, padding, groups):
    positions = 1
    for side in (height, width):
        positions *= 1 + (side - kernel + 2 * padding) // stride
    one_group = (in_channels // groups) * (out_channels // groups) * kernel**2 * positions
    return sum(one_group for _ in range(groups))


MACS = Exercise(
    id="01.1", title="What does a convolution cost?", points=3, minutes=10, difficulty="moderate",
    reference=conv_macs, cases=mac_cases,
    helpers=("cost",),
    misconceptions=(
        Misconception("stride, padding and groups all left out",
            _macs(out=lambda size, *_: size, pairs=lambda i, o, groups: i * o),
            "Three of the things that your function is given change nothing in your answer. Start with the "
            "output's size: on the case above, draw the image and count the places where the window can be."),
        Misconception("output size not rounded",
            _macs(out=lambda size, kernel, stride, padding: (size + 2 * padding - kernel) / stride + 1),
            "On the case above your output has a fraction of a row or of a column. How many stops does the "
            "window really make along that side?"),
        Misconception("kernel counted once, not squared", _macs(window=lambda kernel: kernel),
            "Lay the window on one channel: it covers a square of numbers, and each of them meets a weight. "
            "How many multiplications does your formula give to one stop of the window?"),
        Misconception("input positions instead of output positions", _macs(out=lambda size, *_: size),
            "Your count takes one stop of the window for each pixel of the input. On the case above the "
            "output has another size than the input: draw it, and count the stops."),
        Misconception("groups ignored", _macs(pairs=lambda i, o, groups: i * o),
            "By your formula the number of groups changes nothing. In a grouped convolution, which input "
            "channels does one output channel still see?"),
        Misconception("divided by groups twice",
            _macs(pairs=lambda i, o, groups: (i // groups) * (o // groups)),
            "What you counted is the work of one group. How many groups are there, and who does the rest?"),
        Misconception("padding on one side only",
            _macs(out=lambda size, kernel, stride, padding: (size + padding - kernel) // stride + 1),
            "You padded one edge of the image and not the one across from it. How tall is the padded image?"),
        Misconception("output size without the last stop",
            _macs(out=lambda size, kernel, stride, padding: (size + 2 * padding - kernel) // stride),
            "Put a window 3 wide on a row that is 3 wide. It fits in one place; how many does your formula "
            "count?"),
        Misconception("output size rounded up",
            _macs(out=lambda size, kernel, stride, padding: -((kernel - size - 2 * padding) // stride) + 1),
            "On the case above the steps do not come out even. Your count includes a last stop where the "
            "window would hang over the edge of the padded image."),
        Misconception("output size is size over stride, rounded down",
            _macs(out=lambda size, kernel, stride, padding: size // stride),
            "You took the output's height to be the image's, divided by the stride. Some paddings make it "
            "so; on the case above, slide the window along one row by hand and count."),
        Misconception("output size is size over stride, rounded up",
            _macs(out=lambda size, kernel, stride, padding: -(-size // stride)),
            "Your output is the image's size divided by the stride, rounded up, whatever the padding. That "
            "padding is usual, but it is an input here: on the case above, slide the window along one row by "
            "hand and count."),
        Misconception("input positions over the stride squared", _macs_thinned(2),
            "You get the number of stops from the number of pixels in the input and the stride alone. On the "
            "case above, draw the image and count the places where the window can be."),
        Misconception("input positions over the stride", _macs_thinned(1),
            "You count the pixels of the input and thin them by the stride once. On the case above, draw the "
            "image and count the places where the window can be, along its rows and from row to row."),
        Misconception("stride counted along one side only", _macs_stride_once,
            "You thinned the stops by the stride once. Along the rows the window skips stops; what does it "
            "do from one row to the next?"),
        Misconception("FLOPs instead of MACs", lambda **case: 2 * conv_macs(**case),
            "Exactly twice: you counted a multiplication and the addition that follows it as two. What is "
            "counted here?"),
        Misconception("width taken to be the height", _macs_square,
            "By your formula a wider image costs no more. Which side of the image did you use twice?"),
    ),
    other_answers=(_macs_by_listing_stops, _macs_group_by_group),
    hints=(
        "Start with a single output number. How many products are added up to make it?",
        "Then count the output numbers: rows times columns times channels. For the rows, think of the padded "
        "image, and of the places where the window's top edge can be.",
        "With groups, an output channel reads only its own group's share of the input channels. Nothing else "
        "changes.",
    ),
    remark="Cost of one output, times the number of outputs: every layer in this course is counted like "
           "this.",
)


# 01.2


def conv_params(in_channels: int, out_channels: int, kernel: int, height: int, width: int, stride: int,
                padding: int, groups: int, bias: bool) -> int:
    """Parameters of a convolution."""
    weights = kernel**2 * (in_channels // groups) * out_channels
    return weights + out_channels if bias else weights


def param_cases(seed: int) -> list[Case]:
    fixed = [
        (1, 1, 1, 2, 2, 1, 0, 1, False),
        (1, 1, 1, 2, 2, 1, 0, 1, True),
        (2, 3, 1, 2, 3, 1, 0, 1, True),
        (1, 1, 3, 3, 3, 1, 0, 1, False),
        (2, 4, 3, 4, 4, 1, 1, 2, False),
        (2, 6, 3, 4, 4, 1, 1, 2, True),
        (3, 8, 3, 9, 9, 2, 1, 1, True),
        (8, 8, 5, 9, 9, 1, 2, 8, False),
        (8, 8, 5, 9, 9, 1, 2, 8, True),
    ]
    drawn = [dict(case, bias=k % 2 == 0) for k, case in enumerate(_random_convolutions(seed, 12))]
    return cases((*CONVOLUTION, "bias"), fixed) + sorted(drawn, key=lambda case: conv_params(**case))


def _params(window=lambda kernel: kernel**2, pairs=lambda i, o, groups: i // groups * o,
            extra=lambda i, o, groups, bias: o if bias else 0):
    """conv_params with one of its parts replaced."""

    def answer(in_channels, out_channels, kernel, height, width, stride, padding, groups, bias):
        weights = window(kernel) * pairs(in_channels, out_channels, groups)
        return weights + extra(in_channels, out_channels, groups, bias)

    return answer


def _params_at_each_stop(in_channels, out_channels, kernel, height, width, stride, padding, groups, bias):
    macs = conv_macs(in_channels, out_channels, kernel, height, width, stride, padding, groups)
    return macs + (out_channels if bias else 0)


def _params_bias_at_each_stop(in_channels, out_channels, kernel, height, width, stride, padding, groups, bias):
    stops = _outputs(height, kernel, stride, padding) * _outputs(width, kernel, stride, padding)
    return (kernel**2 * (in_channels // groups) + stops * bias) * out_channels


def _params_bias_per_slice(in_channels, out_channels, kernel, height, width, stride, padding, groups, bias):
    return (kernel**2 + bias) * (in_channels // groups) * out_channels


def _params_filter_by_filter(in_channels, out_channels, kernel, height, width, stride, padding, groups, bias):
    one_filter = in_channels * kernel * kernel // groups + int(bias)
    return sum(one_filter for _ in range(out_channels))


def _params_group_by_group(in_channels, out_channels, kernel, height, width, stride, padding, groups, bias):
    inside, outside = in_channels / groups, out_channels / groups
    return groups * outside * (inside * kernel * kernel + (1 if bias else 0))


PARAMS = Exercise(
    id="01.2", title="What does a convolution hold?", points=2, minutes=10, difficulty="easy",
    reference=conv_params, cases=param_cases,
    helpers=("cost",),
    misconceptions=(
        Misconception("new weights at every position", _params_at_each_stop,
            "By your formula the layer holds more numbers the larger its image is. When the window moves on, "
            "does it take other weights?"),
        Misconception("kernel counted once, not squared", _params(window=lambda kernel: kernel),
            "Your window has one weight for each of its columns. How many numbers does it lie on?"),
        Misconception("groups ignored", _params(pairs=lambda i, o, groups: i * o),
            "By your formula the number of groups changes nothing. In a grouped convolution, for how many "
            "input channels does one output channel need weights?"),
        Misconception("divided by groups twice",
            _params(pairs=lambda i, o, groups: (i // groups) * (o // groups)),
            "What you counted are the weights of one group. How many groups are there, and do they share "
            "weights?"),
        Misconception("bias forgotten", _params(extra=lambda i, o, groups, bias: 0),
            "With and without a bias your count is the same. What does the bias add, and how many of it are "
            "there?"),
        Misconception("bias always counted", _params(extra=lambda i, o, groups, bias: o),
            "Your layer has biases whether it is given any or not. The convolutions in these networks mostly "
            "have none, since batch norm follows and adds its own."),
        Misconception("one bias for the whole layer", _params(extra=lambda i, o, groups, bias: int(bias)),
            "You gave the layer a single bias. Would every output channel want to be shifted by the same "
            "amount?"),
        Misconception("one bias an input channel", _params(extra=lambda i, o, groups, bias: i if bias else 0),
            "You gave out the biases along the input channels. What is the bias added to?"),
        Misconception("one bias a group", _params(extra=lambda i, o, groups, bias: groups if bias else 0),
            "You gave each group a single bias. Would every output channel of a group want the same?"),
        Misconception("biases divided by groups",
            _params(extra=lambda i, o, groups, bias: o // groups if bias else 0),
            "By your formula a layer with more groups has fewer biases. What is a bias added to, and how many "
            "of those has the layer?"),
        Misconception("new biases at every position", _params_bias_at_each_stop,
            "By your formula the layer holds more biases the larger its output is. When the window moves on, "
            "does an output channel take another bias?"),
        Misconception("one bias a kernel slice", _params_bias_per_slice,
            "You gave a bias to every pair of an input and an output channel. An output number is one sum "
            "over all those pairs: how many shifts can it tell apart?"),
    ),
    other_answers=(_params_filter_by_filter, _params_group_by_group),
    hints=(
        "What has to be kept in a file so that somebody else can run the layer? Some of what the function is "
        "given says nothing about that.",
        "Count the weights that make one output channel. Then the output channels.",
    ),
    remark="Weights are shared by all positions: the same layer on an image twice as wide and high costs "
           "four times the MACs and not one parameter more.",
)


# 01.3


def separable_ratio(in_channels: int, out_channels: int, kernel: int, height: int, width: int) -> float:
    """MACs of a depthwise-separable layer, divided by the standard layer's."""
    standard = height * width * kernel**2 * in_channels * out_channels
    depthwise = height * width * kernel**2 * in_channels
    pointwise = height * width * in_channels * out_channels
    return (depthwise + pointwise) / standard


def _ratio_per_position(in_channels, out_channels, kernel, height, width):
    window = kernel * kernel
    return (window + out_channels) / (window * out_channels)


def ratio_cases(seed: int) -> list[Case]:
    """Kernels and output channels from 2 up: a 1x1 kernel has nothing to separate."""
    fixed = [(1, 2, 2, 2, 2), (3, 2, 2, 4, 4), (2, 3, 3, 4, 6), (5, 2, 3, 4, 4), (4, 16, 3, 8, 8),
             (16, 4, 5, 8, 8)]
    draw = random.Random(f"01.ratio {seed}")
    drawn = [(draw.randint(1, 256), draw.randint(2, 512), draw.choice([2, 3, 5, 7]),
              draw.randint(4, 64), draw.randint(4, 64)) for _ in range(12)]
    return cases(SHAPE, fixed + sorted(drawn, key=math.prod))


RATIO = Exercise(
    id="01.3", title="How much does separating save?", points=3, minutes=10, difficulty="moderate",
    reference=separable_ratio, cases=ratio_cases,
    helpers=("cost",),
    misconceptions=(
        Misconception("forgot the pointwise half",
            lambda in_channels, out_channels, kernel, height, width: 1 / out_channels,
            "By your formula a layer with enough output channels would cost next to nothing. Separating "
            "leaves two steps: which of them still has to visit every pair of input and output channel?"),
        Misconception("forgot the depthwise half",
            lambda in_channels, out_channels, kernel, height, width: 1 / kernel**2,
            "Your number does not change with the output channels. One step of a separable layer does the "
            "same work however few of them there are: have you counted it?"),
        Misconception("kernel counted once, not squared",
            lambda in_channels, out_channels, kernel, height, width: 1 / out_channels + 1 / kernel,
            "A 3x3 window holds nine weights. How many does your formula give it?"),
        Misconception("upside down",
            lambda in_channels, out_channels, kernel, height, width: 1 / (1 / out_channels + 1 / kernel**2),
            "Your number is above 1: that says separating costs more. Which layer did you divide by which?"),
        Misconception("the two steps multiplied",
            lambda in_channels, out_channels, kernel, height, width: 1 / (out_channels * kernel**2),
            "By your formula the two steps together cost less than either of them alone."),
        Misconception("the share that is saved",
            lambda in_channels, out_channels, kernel, height, width: 1 - 1 / out_channels - 1 / kernel**2,
            "Your number grows the more separating saves. Does the one that is asked for?"),
        Misconception("depthwise step over the output channels",
            lambda in_channels, out_channels, kernel, height, width: 1 / in_channels + 1 / kernel**2,
            "In your formula the output channels cancel and the input channels stay. The depthwise step runs "
            "first: which channels are there for it to filter?"),
        Misconception("pointwise step with the full kernel",
            lambda in_channels, out_channels, kernel, height, width: 1 / out_channels + 1,
            "By your formula separating never saves anything. Your pointwise step does all that the standard "
            "layer does: how large is its window?"),
        Misconception("standard step in place of the depthwise one",
            lambda in_channels, out_channels, kernel, height, width: 1 + 1 / kernel**2,
            "By your formula separating never saves anything. Your first step still mixes the channels, as the "
            "second one does: how many input channels does one output of a depthwise step read?"),
    ),
    other_answers=(
        lambda in_channels, out_channels, kernel, height, width: 1 / out_channels + 1 / kernel**2,
        _ratio_per_position,
    ),
    hints=(
        "Write down the MACs of three layers: the standard one, the depthwise one (each input channel by "
        "itself), the pointwise one (a 1x1 convolution). Padding keeps the image's size.",
        "Divide on paper before you write code. Much of what the function is given cancels.",
    ),
    remark="Only two numbers are left: the output channels and the window. With many channels and 3x3 "
           "kernels the ratio comes close to a ninth and never goes below.",
)


# 01.4


def break_even_widths(kernel: int, share: float, growth: float) -> tuple[float, float]:
    """Widths at which a standard and a separable layer tie: per MAC at one width, and at the same MACs."""
    per_mac = share - 1 / kernel**2
    same_macs = 1 - share ** (-1 / growth) / kernel**2
    return (1 / per_mac if per_mac > 0 else math.inf, 1 / same_macs if same_macs > 0 else math.inf)


def break_even_cases(seed: int) -> list[Case]:
    rows = [(2, 0.5, 1.0), (3, 0.9, 1.0), (3, 0.9, 0.5), (3, 0.9, 0.05), (3, 0.9, 0.04), (2, 0.2, 1.0),
            (5, 0.8, 0.25), (2, 0.25, 1.0), (2, 0.5, 0.5)]  # the last two: on the brink, and exact in floats
    draw = random.Random(f"01.break-even {seed}")
    while len(rows) < 26:
        kernel, share = draw.choice([2, 3, 5, 7]), round(draw.uniform(0.3, 0.98), 2)
        growth = round(draw.choice([draw.uniform(0.02, 0.1), draw.uniform(0.1, 1)]), 3)
        brink = min(abs(share * kernel**2 - 1), abs(share ** (-1 / growth) / kernel**2 - 1))
        if brink > 0.01:  # else a rounding error would decide whether there is a tie
            rows.append((kernel, share, growth))
    return cases(("kernel", "share", "growth"), rows)


def _widths(share=lambda share: share, window=lambda kernel: kernel**2, root=lambda growth: 1 / growth):
    """break_even_widths with one of its parts replaced."""

    def answer(kernel, share_, growth):
        per_mac = share(share_) - 1 / window(kernel)
        same_macs = 1 - share(share_) ** -root(growth) / window(kernel)
        return (1 / per_mac if per_mac > 0 else math.inf, 1 / same_macs if same_macs > 0 else math.inf)

    return lambda kernel, share, growth: answer(kernel, share, growth)


def _widths_unguarded(kernel, share, growth):
    return 1 / (share - 1 / kernel**2), 1 / (1 - share ** (-1 / growth) / kernel**2)


def _widths_no_wider(kernel, share, growth):
    width = break_even_widths(kernel, share, growth)[0]
    return width, width


def _widths_without_the_depthwise(kernel, share, growth):
    return break_even_widths(kernel, share, growth)[0], share ** (-1 / growth) / kernel**2


def _widths_of_the_separable(kernel, share, growth):
    per_mac, same_macs = break_even_widths(kernel, share, growth)
    return per_mac, kernel**2 * (same_macs - 1)


def _widths_growth_in_both(kernel, share, growth):
    per_mac = share ** (1 / growth) - 1 / kernel**2
    return 1 / per_mac if per_mac > 0 else math.inf, break_even_widths(kernel, share, growth)[1]


def _widths_rounded_up(kernel, share, growth):
    widths = break_even_widths(kernel, share, growth)
    return tuple(width if math.isinf(width) else math.ceil(width) for width in widths)


def _widths_by_bisection(kernel, share, growth):
    def worth_per_mac(width):  # separable over standard
        return share / (1 / width + 1 / kernel**2)

    def worth_at_equal_macs(width):
        return share * (kernel**2 * (width - 1) / width) ** growth

    widths = []
    for advantage in (worth_per_mac, worth_at_equal_macs):
        low, high = 1.0, 1e9
        if advantage(high) < 1:
            widths.append(math.inf)
            continue
        for _ in range(200):
            middle = (low + high) / 2
            low, high = (low, middle) if advantage(middle) > 1 else (middle, high)
        widths.append(high)
    return widths


def _widths_in_window_units(kernel, share, growth):
    window = kernel * kernel
    affordable = (1 / share) ** (1 / growth)  # how many times wider the separable layer has to be
    first = window / (share * window - 1) if share * window > 1 else float("inf")
    second = window / (window - affordable) if affordable < window else float("inf")
    return [first, second]


BREAK_EVEN = Exercise(
    id="01.4", title="At which width does separating pay?", points=5, minutes=20, difficulty="hard",
    reference=break_even_widths, cases=break_even_cases,
    returns=("same width", "same MACs"),
    helpers=("cost",),
    misconceptions=(
        Misconception("share left out", _widths(share=lambda share: 1.0),
            "Your widths do not change with the share. By your formula nothing is lost by separating."),
        Misconception("share lost taken for share kept", _widths(share=lambda share: 1 - share),
            "By your formula a layer that keeps more of its worth has to be wider before it pays. Is `share` "
            "what is kept, or what is lost?"),
        Misconception("growth left out", _widths(root=lambda growth: 1),
            "Your second width does not change with the growth. By your formula a layer twice as wide is "
            "always worth twice as much."),
        Misconception("root and power confused", _widths(root=lambda growth: growth),
            "Put your second width into the worth of both layers: they are not the same. You took an "
            "exponent to the other side of an equation; what did it become there?"),
        Misconception("separable layer not widened", _widths_no_wider,
            "Your second answer repeats your first: the separable layer stays as wide as it was. What "
            "becomes of the MACs it does not need?"),
        Misconception("separable layer not widened, and a negative width where there is no tie",
            lambda kernel, share, growth: (1 / (share - 1 / kernel**2),) * 2,
            "Your second answer repeats your first: the separable layer stays as wide as it was. What "
            "becomes of the MACs it does not need?"),
        Misconception("depthwise half without MACs at the same MACs", _widths_without_the_depthwise,
            "Your second width does not come from equal MACs. Write the separable layer's MACs down once more: is "
            "its depthwise half in them?"),
        Misconception("growth put into the first width", _widths_growth_in_both,
            "Your first width changes with the growth. Both layers have the same width there: which of the "
            "two does the growth favour?"),
        Misconception("widths rounded up", _widths_rounded_up,
            "You rounded your widths up to whole numbers. Does the sheet ask for that?"),
        Misconception("width of the separable layer", _widths_of_the_separable,
            "Your second number is a width at the tie, but there are two layers there. Whose is it?"),
        Misconception("negative width where there is no tie", _widths_unguarded,
            "On the case above your formula gives a width below zero, and no layer has one. Which of the two "
            "layers wins here, however wide they get?"),
        Misconception("kernel counted once, not squared", _widths(window=lambda kernel: kernel),
            "A 3x3 window holds nine weights. How many does your formula give it?"),
    ),
    other_answers=(_widths_by_bisection, _widths_in_window_units),
    hints=(
        "Same width: the standard layer has worth 1 for cost 1. What are the worth and the cost of the "
        "separable one? You know the cost from 01.3. They tie where worth divided by cost is the same.",
        "Same MACs: call the standard layer's width C and the separable layer's W. Write the MACs of both, "
        "with both halves of the separable one, and solve for W. The image and the input channels cancel.",
        "Then set the two worths equal, with C and W in their places, and solve for C. What if the number "
        "you divide by is not above zero?",
    ),
    remark="Take 3x3 kernels and a share of 0.9. Per MAC, separating pays from the second channel on. At the "
           "same MACs it depends on `growth`: for 0.05 they tie at 11.6 channels, for 0.04 never. Worth per "
           "MAC does not ask whether the worth that was lost can be bought back.",
)


# 01.5


def roofline(in_channels: int, out_channels: int, kernel: int, height: int, width: int, groups: int,
             bytes_per_number: int, flops_per_second: float, bytes_per_second: float) -> tuple[float, float]:
    """Arithmetic intensity of a convolution, and the least time a machine needs for it."""
    weights = kernel**2 * (in_channels // groups) * out_channels
    flops = 2 * height * width * weights
    numbers = height * width * (in_channels + out_channels) + weights
    moved = numbers * bytes_per_number
    return flops / moved, max(flops / flops_per_second, moved / bytes_per_second)


def roofline_cases(seed: int) -> list[Case]:
    fixed = [  # both roofs, from small to large
        (1, 1, 1, 1, 1, 1, 1, 1e9, 1e9), (1, 2, 1, 2, 2, 1, 4, 1e9, 1e10), (2, 3, 3, 4, 5, 1, 2, 1e10, 1e9),
        (2, 3, 3, 4, 5, 1, 2, 1e9, 1e10), (8, 8, 3, 14, 14, 8, 4, 1e12, 5e10),
        (8, 16, 3, 14, 14, 1, 4, 1e11, 5e10),
    ]
    draw = random.Random(f"01.roofline {seed}")
    drawn = []
    for _ in range(14):
        groups = draw.choice([1, 1, 4, 8])
        drawn.append((groups * draw.randint(1, 24), groups * draw.randint(1, 24), draw.choice([1, 3, 5]),
                      draw.randint(4, 60), draw.randint(4, 60), groups, draw.choice([1, 2, 4]),
                      draw.choice([1e11, 1e12, 1e13]), draw.choice([2e10, 5e10, 1e11])))
    names = (*SHAPE, "groups", "bytes_per_number", "flops_per_second", "bytes_per_second")
    return cases(names, fixed + sorted(drawn, key=lambda row: math.prod(row[:5])))


def _roof(flops_a_mac=2, moved=lambda i, o, weights, pixels: i + o + weights, size=lambda number: number,
          ratio=lambda flops, moved: flops / moved, time=max, thin=lambda i, groups: i // groups,
          pixels=lambda height, width: height * width):
    """roofline with one of its parts replaced."""

    def answer(in_channels, out_channels, kernel, height, width, groups, bytes_per_number, flops_per_second,
               bytes_per_second):
        weights = kernel**2 * thin(in_channels, groups) * out_channels
        area = pixels(height, width)
        flops = flops_a_mac * area * weights
        numbers = moved(area * in_channels, area * out_channels, weights, area)
        in_bytes = numbers * size(bytes_per_number)
        return ratio(flops, in_bytes), time(flops / flops_per_second, in_bytes / bytes_per_second)

    return answer


def _roofline_by_ridge(in_channels, out_channels, kernel, height, width, groups, bytes_per_number,
                       flops_per_second, bytes_per_second):
    pixels = height * width
    macs = pixels * out_channels * in_channels * kernel * kernel / groups
    moved = bytes_per_number * (pixels * in_channels + pixels * out_channels + macs / pixels)
    intensity = 2 * macs / moved
    reached = min(flops_per_second, intensity * bytes_per_second)
    return [intensity, 2 * macs / reached]


def _roofline_by_parts(in_channels, out_channels, kernel, height, width, groups, bytes_per_number,
                       flops_per_second, bytes_per_second):
    weights = groups * (in_channels // groups) * (out_channels // groups) * kernel**2
    counts = (height * width * in_channels, height * width * out_channels, weights)
    traffic = sum(bytes_per_number * count for count in counts)
    operations = weights * height * width + weights * height * width
    seconds = sorted([operations / flops_per_second, traffic / bytes_per_second])
    return operations / traffic, seconds[-1]


ROOFLINE = Exercise(
    id="01.5", title="How fast could it be?", points=4, minutes=15, difficulty="moderate",
    reference=roofline, cases=roofline_cases,
    returns=("FLOPs per byte", "seconds"),
    helpers=("cost",),
    misconceptions=(
        Misconception("MACs taken for FLOPs", _roof(flops_a_mac=1),
            "You count a multiplication and the addition that follows it as one operation. In what unit is "
            "the machine's speed given?"),
        Misconception("MACs taken for FLOPs in the time",
            _roof(time=lambda compute, memory: max(compute / 2, memory)),
            "Your first number counts a multiplication and the addition that follows it as two operations. "
            "Does your time count them so, too?"),
        Misconception("both times added", _roof(time=lambda compute, memory: compute + memory),
            "You let the machine first move everything and then compute. The roofline is the best case: both "
            "at once."),
        Misconception("the shorter of the two times", _roof(time=min),
            "By your formula the layer is done as soon as the faster of the two is. Who waits for whom?"),
        Misconception("memory left out of the time", _roof(time=lambda compute, memory: compute),
            "Your time does not change with the speed of the memory. On the case above, how long does it "
            "take just to move the numbers?"),
        Misconception("computing left out of the time", _roof(time=lambda compute, memory: memory),
            "Your time does not change with the speed of computing. On the case above, how long do the "
            "operations alone take?"),
        Misconception("weights not moved", _roof(moved=lambda i, o, weights, pixels: i + o),
            "The layer's input and output travel in your count. What else has to reach the processor before "
            "it can start?"),
        Misconception("weights moved at every position",
            _roof(moved=lambda i, o, weights, pixels: i + o + weights * pixels),
            "By your formula the weights travel again for each position of the window. How often does a number "
            "move in the bound that the sheet describes?"),
        Misconception("outputs not moved", _roof(moved=lambda i, o, weights, pixels: i + weights),
            "Your layer reads all it needs and keeps its results to itself. Where does the next layer find "
            "them?"),
        Misconception("inputs not moved", _roof(moved=lambda i, o, weights, pixels: o + weights),
            "Your layer writes its results and loads its weights. What does it apply them to?"),
        Misconception("numbers counted, not bytes", _roof(size=lambda number: 1),
            "Your answer is the same for 32-bit and for 8-bit numbers. What does the memory's speed count?"),
        Misconception("four bytes a number, always", _roof(size=lambda number: 4),
            "By your formula a layer in 8-bit numbers moves as many bytes as one in 32-bit numbers."),
        Misconception("width taken to be the height", _roof(pixels=lambda height, width: height**2),
            "By your formula a wider image changes nothing. Which side of the image did you use twice?"),
        Misconception("intensity upside down", _roof(ratio=lambda flops, moved: moved / flops),
            "By your formula a layer has a higher intensity the more it moves for each operation. Read the "
            "unit aloud."),
        Misconception("groups ignored", _roof(thin=lambda i, groups: i),
            "By your formula the number of groups changes nothing. In a grouped convolution, how many "
            "weights does an output channel have?"),
    ),
    other_answers=(_roofline_by_ridge, _roofline_by_parts),
    hints=(
        "Four counts first: FLOPs, numbers read, numbers written, weights. The image keeps its size, so "
        "input and output have the same height and width.",
        "Two times: one if computing were all there is to do, one if moving were. Which of them can the "
        "machine not beat?",
    ),
    remark="Below `flops_per_second / bytes_per_second`, the ridge, a layer waits for memory: there, fewer "
           "MACs with the same traffic save no time.",
)


# 01.6


def reconcile(fvcore: int, flop_counter: int, pooled: int) -> tuple[int, int]:
    """MACs of a network, and the numbers that pass through its batch norms, from what two counters print."""
    macs = flop_counter // 2
    normalised = (fvcore - macs - pooled) // 2
    return macs, normalised


def reading_cases(seed: int) -> list[Case]:
    """Readings of made-up networks, and the true ones of EfficientNet-B0 at 224 pixels."""
    draw = random.Random(f"01.readings {seed}")
    networks = [(9, 0, 0), (36, 4, 0), (100, 10, 5), (576, 64, 64)]
    networks += sorted(
        (draw.randint(10**4, 10**9), draw.randint(10**2, 10**7), draw.choice([0, draw.randint(10, 10**6)]))
        for _ in range(10)
    )
    networks.append((385_814_752, 6_737_696, 2_369_248))
    return [
        dict(fvcore=macs + 2 * normalised + pooled, flop_counter=2 * macs, pooled=pooled)
        for macs, normalised, pooled in networks
    ]


def _reconciled(answer):
    """An answer to 01.6 that is handed the MACs as well."""
    return lambda fvcore, flop_counter, pooled: answer(flop_counter // 2, fvcore, flop_counter, pooled)


def _halved(name, answer, hint):
    """A misconception of 01.6 that halves numbers that may be odd: with / and with //."""
    return (
        Misconception(name, _reconciled(functools.partial(answer, lambda number: number / 2)), hint),
        Misconception(f"{name}, rounded down",
            _reconciled(functools.partial(answer, lambda number: number // 2)), hint),
    )


def _reconcile_by_elimination(fvcore, flop_counter, pooled):
    four_times_normalised = 2 * fvcore - flop_counter - 2 * pooled
    return [flop_counter / 2, four_times_normalised / 4]


def _reconcile_by_solving(fvcore, flop_counter, pooled):
    import numpy

    return numpy.linalg.solve([[2, 0], [1, 2]], [flop_counter, fvcore - pooled]).round()


RECONCILE = Exercise(
    id="01.6", title="Two counters disagree", points=3, minutes=10, difficulty="moderate",
    reference=reconcile, cases=reading_cases,
    returns=("MACs", "normalised"),
    helpers=("cost",),
    misconceptions=(
        *_halved("flop_counter's reading taken for MACs",
            lambda half, macs, fvcore, torch, pooled: (torch, half(fvcore - torch - pooled)),
            "You took PyTorch's reading as it is. What does this counter add for one multiply-accumulate?"),
        Misconception("flop_counter's reading taken for MACs, but not for the difference",
            _reconciled(lambda macs, fvcore, torch, pooled: (torch, (fvcore - macs - pooled) // 2)),
            "To find your second number you needed the MACs, and you had them right there. Is your first "
            "number in the same unit?"),
        Misconception("fvcore's reading taken for MACs",
            _reconciled(lambda macs, fvcore, torch, pooled: (fvcore, (fvcore - macs - pooled) // 2)),
            "You took fvcore's reading for the MACs. It gives one to each multiply-accumulate; what else is "
            "in it?"),
        *_halved("both readings halved",
            lambda half, macs, fvcore, torch, pooled: (macs, half(half(fvcore) - macs - pooled)),
            "You halved both readings. Does each of the two counters count a multiply-accumulate as two?"),
        Misconception("batch norm counted once a number",
            _reconciled(lambda macs, fvcore, torch, pooled: (macs, fvcore - macs - pooled)),
            "Your second number is the work in batch norm, as fvcore counts it. How many operations does "
            "fvcore give to each number that passes?"),
        Misconception("pooling left in, and batch norm counted once a number",
            _reconciled(lambda macs, fvcore, torch, pooled: (macs, fvcore - macs)),
            "Your second number is all that fvcore counts beyond the MACs. Which rows of the table are in "
            "that, and how many operations does each give to a number?"),
        *_halved("pooling left in",
            lambda half, macs, fvcore, torch, pooled: (macs, half(fvcore - macs)),
            "You put all that fvcore counts beyond the MACs down to batch norm. Who else is in there?"),
        *_halved("pooling counted twice",
            lambda half, macs, fvcore, torch, pooled: (macs, half(fvcore - macs) - pooled),
            "By your formula fvcore gives two operations to each number that is pooled. Look at the table "
            "once more."),
    ),
    other_answers=(_reconcile_by_elimination, _reconcile_by_solving),
    hints=(
        "Write one equation for each counter, with M for the MACs and N for the numbers that pass a batch "
        "norm.",
        "One of the two equations has only one unknown. Start there.",
    ),
    remark="So one network honestly has three numbers. When you read one, ask what was counted: MACs or "
           "FLOPs, and with or without the small operations.",
)


EXERCISES = (MACS, PARAMS, RATIO, BREAK_EVEN, ROOFLINE, RECONCILE)
