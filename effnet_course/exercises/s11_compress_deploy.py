"""Problem sheet 11: numbers of few bits, folded norms, masks, channels that go together, a teacher."""

import math
import random

from effnet_course.checking import Case, Exercise, Misconception

# A misconception is one thing to read: what is wrong, the wrong function, the hint.
# fmt: off

# 11.1


def quantise(values: list[float], bits: int, symmetric: bool) -> tuple[float, int, list[int]]:
    """(scale, zero point, the code of each value)."""
    return _quantise()(values, bits, symmetric)


def _quantise(low=lambda values: min(0.0, *values), high=lambda values: max(0.0, *values),
              steps=lambda bits: 2**bits - 1, half=lambda bits: 2 ** (bits - 1) - 1,
              largest=lambda values: max(abs(v) for v in values), rounded=round,
              zero=lambda low, scale: round(-low / scale), code=lambda v, scale, zero, low: round(v / scale) + zero,
              report=lambda scale, zero, codes: (scale, zero, codes), scheme=lambda symmetric: symmetric):
    def answer(values, bits, symmetric):
        if scheme(symmetric):
            scale = largest(values) / half(bits)
            return report(scale, 0, [rounded(v / scale) for v in values])
        start = low(values)
        scale = (high(values) - start) / steps(bits)
        point = zero(start, scale)
        return report(scale, point, [code(v, scale, point, start) for v in values])

    return answer


def _quantise_floored(values, bits, symmetric):
    scale, zero, _ = quantise(values, bits, symmetric)
    return scale, zero, [math.floor(v / scale) + zero for v in values]


def _quantise_truncated(values, bits, symmetric):
    scale, zero, _ = quantise(values, bits, symmetric)
    return scale, zero, [int(v / scale) + zero for v in values]


def _quantise_dequantised(values, bits, symmetric):
    scale, zero, codes = quantise(values, bits, symmetric)
    return scale, zero, [scale * (c - zero) for c in codes]


def _quantise_inverted(values, bits, symmetric):
    scale, zero, codes = quantise(values, bits, symmetric)
    return 1 / scale, zero, codes


def _quantise_flat(values, bits, symmetric):
    scale, zero, codes = quantise(values, bits, symmetric)
    return scale, zero, *codes


def _quantise_sorted(values, bits, symmetric):
    return quantise(sorted(values), bits, symmetric)


def _quantise_cut_to_fit(values, bits, symmetric):
    """The scale of one symmetric code too many, and what no longer fits held at the last code."""
    if not symmetric:
        return quantise(values, bits, symmetric)
    half = 2 ** (bits - 1)
    scale = max(abs(v) for v in values) / half
    return scale, 0, [min(round(v / scale), half - 1) for v in values]


def _quantise_cut_to_fit_both(values, bits, symmetric):
    scale, zero, codes = _quantise_cut_to_fit(values, bits, symmetric)
    return scale, zero, [max(c, 1 - 2 ** (bits - 1)) for c in codes] if symmetric else codes


def _quantise_numpy(values, bits, symmetric):
    import numpy as np

    v = np.array(values)
    if symmetric:
        scale = np.abs(v).max() / (2 ** (bits - 1) - 1)
        return scale, 0, np.rint(v / scale).astype(int)
    low, high = min(v.min(), 0), max(v.max(), 0)
    scale = (high - low) / (2**bits - 1)
    zero = int(np.rint(-low / scale))
    return scale, zero, np.clip(np.rint(v / scale) + zero, 0, 2**bits - 1)


def _quantise_by_hand(values, bits, symmetric):
    if symmetric:
        low = -max(abs(v) for v in values)
        scale, zero = -2 * low / (2**bits - 2), 0
    else:
        low = min([0, *values])
        scale = (max([0, *values]) - low) / (2**bits - 1)
        zero = math.floor(-low / scale + 0.5)
    return [scale, zero, [math.floor(v / scale + 0.5) + zero for v in values]]


def _clear(values: list[float], bits: int) -> bool:
    """No value, nor the zero point, lies near the middle between two codes, in either scheme."""
    affine, symmetric = quantise(values, bits, False)[0], quantise(values, bits, True)[0]
    low = min(0.0, *values)
    found = [v / s for v in values for s in (affine, symmetric)] + [-low / affine]
    return all(abs(x % 1 - 0.5) > 0.02 for x in found)


def _draw(draw: random.Random, low: float, high: float, count: int, bits: int) -> list[float]:
    while True:
        values = [round(draw.uniform(low, high), 3) for _ in range(count)]
        if _clear(values, bits) and values not in (sorted(values), sorted(values, reverse=True)):
            return values


def quantise_cases(seed: int) -> list[Case]:
    draw = random.Random(f"11.quantise {seed}")
    cases = [
        dict(values=[0.5, -0.28, 2.9, 1.31], bits=3, symmetric=False),
        dict(values=[0.42, -0.9, 1.1], bits=3, symmetric=True),
        dict(values=[1.75, 1.2, 3.1, 2.66], bits=3, symmetric=False),
        dict(values=[-1.3, -2.0, -0.45], bits=4, symmetric=False),
        dict(values=[0.7, -3.1, 1.05, -2.2], bits=4, symmetric=True),
    ]
    ranges = ((-0.28, 6), (-4, 2), (0.5, 3), (-3, -1), (-1, 1))
    for number in range(7):
        low, high = ranges[number % 5]
        bits = draw.choice([4, 5, 8])
        cases.append(dict(values=_draw(draw, low, high, draw.randint(5, 8), bits), bits=bits,
                          symmetric=number % 3 == 1))
    return cases


QUANTISE = Exercise(
    id="11.1", title="Numbers of a few bits", points=5, minutes=20, difficulty="moderate",
    reference=quantise, cases=quantise_cases, returns=("scale", "zero point", "codes"), helpers=("compress",),
    misconceptions=(
        Misconception("one step too many", _quantise(steps=lambda bits: 2**bits),
            "In the affine scheme you cut the range into as many steps as there are codes. Between four fence posts, "
            "how many gaps are there?"),
        Misconception("0 left out of the range", _quantise(low=min, high=max),
            "Where all numbers lie on one side, your range does not reach 0. Which code then stands for exactly 0, "
            "with which an image's border is padded?"),
        Misconception("zero point not rounded", _quantise(zero=lambda low, scale: -low / scale,
                      code=lambda v, scale, zero, low: round(v / scale + zero)),
            "Your zero point has decimals. It is the code of 0: what kind of number is a code?"),
        Misconception("zero point negative", _quantise(zero=lambda low, scale: round(low / scale)),
            "Your affine zero point lies below the lowest code. Which code should a 0 get when some numbers are "
            "negative?"),
        Misconception("codes counted from the lowest number",
            _quantise(code=lambda v, scale, zero, low: round((v - low) / scale)),
            "Scale and zero point are right. But turn your codes back into numbers with them, and some miss by more "
            "than half a step: you measured from the lowest number, which itself has no code of its own."),
        Misconception("zero point taken away", _quantise(code=lambda v, scale, zero, low: round(v / scale) - zero),
            "Your affine codes start far below 0. Which way does the zero point move them?"),
        Misconception("codes not shifted", _quantise(code=lambda v, scale, zero, low: round(v / scale)),
            "Scale and zero point are right. Your code of a 0 is 0 in the affine scheme, whatever the zero point."),
        Misconception("one symmetric code too many", _quantise(half=lambda bits: 2 ** (bits - 1)),
            "In the symmetric scheme your largest number would get a code that these bits can't hold: on the "
            "positive side there is one fewer than you count."),
        Misconception("one symmetric code too many, cut to fit", _quantise_cut_to_fit,
            "In the symmetric scheme you count one code too many above 0, and then hold the largest number at the code "
            "before it. Count first which code is the last; then let the largest number land on it."),
        Misconception("one symmetric code too many, cut on both sides", _quantise_cut_to_fit_both,
            "In the symmetric scheme you count one code too many on each side, and then hold what is beyond at the "
            "code before it. Count first which code is the last; then let the largest number land on it."),
        Misconception("symmetric range over all codes", _quantise(half=lambda bits: 2**bits - 1),
            "In the symmetric scheme you spend all codes on one side of 0. Where do the negative ones go?"),
        Misconception("all steps for both sides",
            _quantise(half=lambda bits: (2**bits - 1) / 2),
            "In the symmetric scheme your largest number does not land on a whole code: with 0 in the middle, there "
            "is the same whole number of codes on either side."),
        Misconception("symmetric, without the sign taken off", _quantise(largest=max),
            "In the symmetric scheme, look at a list whose most extreme number is negative: your codes run out of the "
            "range."),
        Misconception("symmetric from the range", _quantise(largest=lambda values: max(values) - min(values)),
            "In the symmetric scheme your scale covers the distance from the lowest to the highest number. How far "
            "from 0 does it have to reach?"),
        Misconception("always affine", _quantise(scheme=lambda symmetric: False),
            "Your zero point moves in the symmetric scheme as well. What is it there?"),
        Misconception("always symmetric", _quantise(scheme=lambda symmetric: True),
            "You treat every list as if both sides of 0 mattered alike. What does the flag ask for here?"),
        Misconception("schemes exchanged", _quantise(scheme=lambda symmetric: not symmetric),
            "You give the affine answer where the symmetric one is asked for, and the other way round."),
        Misconception("rounded down", _quantise_floored,
            "Scale and zero point are right, but some codes are one too low: your error is up to a whole step, and "
            "half a step would do."),
        Misconception("cut off towards 0", _quantise_truncated,
            "Scale and zero point are right, but some codes lie too near the zero point: decimals are cut off. Which "
            "code is the nearest?"),
        Misconception("cut off towards 0, the zero point as well",
            _quantise(zero=lambda low, scale: int(-low / scale), rounded=int,
                      code=lambda v, scale, zero, low: int(v / scale) + zero),
            "You cut decimals off, in the codes and in the zero point. Which whole number is the nearest?"),
        Misconception("rounded down, the zero point as well",
            _quantise(zero=lambda low, scale: math.floor(-low / scale), rounded=math.floor,
                      code=lambda v, scale, zero, low: math.floor(v / scale) + zero),
            "You round down, the codes and the zero point as well. Which whole number is the nearest?"),
        Misconception("codes in the order of size", _quantise_sorted,
            "Those are the right codes in another order: you give them by size. Which belongs to the first value?"),
        Misconception("codes not in a list", _quantise_flat,
            "Your numbers are right. But asked are three things, the third of them a list; your codes come one by "
            "one."),
        Misconception("numbers in place of codes", _quantise_dequantised,
            "Your last entry holds what the codes stand for. Asked are the codes: whole numbers."),
        Misconception("scale upside down", _quantise_inverted,
            "Your scale says how many codes there are for each unit. Asked is how far two neighbours lie apart."),
    ),
    other_answers=(_quantise_numpy, _quantise_by_hand),
    hints=(
        "Treat the two schemes apart. First the range that has to be covered, then the number of steps in it; the "
        "scale follows from the two.",
        "In the affine scheme, ask which whole code a 0 gets, and measure every other code from there.",
    ),
    remark="Affine fits the range that is there; symmetric needs no zero point, which makes the arithmetic cheaper. "
           "So weights are mostly symmetric, activations affine.",
)

# 11.2


def signal_to_noise(weights: list[list[float]], bits: int) -> tuple[float, float]:
    """Signal to noise in dB after symmetric rounding: (one scale for all, a scale for each row)."""
    return _ratio()(weights, bits)


def _ratio(most=lambda bits: 2 ** (bits - 1) - 1, largest=lambda row: max(abs(w) for w in row),
           decibels=lambda signal, noise: 10 * math.log10(signal / noise), power=lambda x: x * x,
           report=lambda tensor, channel: (tensor, channel), signal_of=lambda w, r: w):
    def answer(weights, bits):
        def rounded(row, scale):
            return [scale * round(w / scale) for w in row]

        def ratio(rows):
            pairs = [(w, r) for row, other in zip(weights, rows, strict=True)
                     for w, r in zip(row, other, strict=True)]
            return decibels(sum(power(signal_of(w, r)) for w, r in pairs), sum(power(w - r) for w, r in pairs))

        whole = largest([w for row in weights for w in row]) / most(bits)
        return report(ratio([rounded(row, whole) for row in weights]),
                      ratio([rounded(row, largest(row) / most(bits)) for row in weights]))

    return answer


def _ratio_against_codes(weights, bits):
    """The error as weight minus code."""
    most = 2 ** (bits - 1) - 1

    def one(scales):
        noise = sum((w - round(w / scale)) ** 2 for row, scale in zip(weights, scales, strict=True) for w in row)
        return 10 * math.log10(sum(w * w for row in weights for w in row) / noise)

    own = [max(abs(w) for w in row) / most for row in weights]
    return one([max(own)] * len(weights)), one(own)


def _ratio_averaged(weights, bits):
    channels = [_ratio()([row], bits)[0] for row in weights]
    return signal_to_noise(weights, bits)[0], sum(channels) / len(channels)


def _ratio_averaged_both(weights, bits):
    most = 2 ** (bits - 1) - 1
    scale = max(abs(w) for row in weights for w in row) / most

    def one(row, step):
        noise = sum((w - step * round(w / step)) ** 2 for w in row)
        return 10 * math.log10(sum(w * w for w in row) / noise)

    rows = [(one(row, scale), one(row, max(abs(w) for w in row) / most)) for row in weights]
    return tuple(sum(column) / len(rows) for column in zip(*rows, strict=True))


def _ratio_columns(weights, bits):
    return signal_to_noise(weights, bits)[0], signal_to_noise([list(c) for c in zip(*weights, strict=True)], bits)[1]


def _ratio_numpy(weights, bits):
    import numpy as np

    w = np.array(weights)
    found = []
    for peak in (np.abs(w).max(), np.abs(w).max(axis=1, keepdims=True)):
        scale = peak / (2 ** (bits - 1) - 1)
        found.append(10 * np.log10((w**2).mean() / ((w - scale * np.rint(w / scale)) ** 2).mean()))
    return found


def _ratio_of_spreads(weights, bits):
    import numpy as np

    w, most = np.array(weights), 2 ** (bits - 1) - 1
    channel = np.stack([row / (np.abs(row).max() / most) for row in w]).round()
    channel *= np.abs(w).max(1, keepdims=True) / most
    tensor = (w / (np.abs(w).max() / most)).round() * (np.abs(w).max() / most)
    return tuple(20 * np.log10(np.linalg.norm(w) / np.linalg.norm(w - r)) for r in (tensor, channel))


def ratio_cases(seed: int) -> list[Case]:
    draw = random.Random(f"11.ratio {seed}")
    cases = [dict(weights=[[0.9, -0.34], [0.11, 0.043]], bits=3),
             dict(weights=[[-2.0, 0.71, 0.33], [0.15, -0.4, 0.27], [-0.06, -0.021, -0.05]], bits=4)]
    while len(cases) < 9:
        rows, columns, bits = draw.randint(2, 5), draw.randint(3, 6), draw.choice([3, 4, 6, 8])
        weights = []
        for _ in range(rows):
            size = 10 ** draw.uniform(-1.2, 0.5)
            weights.append([round(draw.uniform(-size, size), 4) or 0.01 for _ in range(columns)])
        flat = [w for row in weights for w in row]
        scales = [max(map(abs, row)) / (2 ** (bits - 1) - 1) for row in (flat, *weights)]
        if all(abs(w / s % 1 - 0.5) > 0.01 for s in scales for w in flat):
            cases.append(dict(weights=weights, bits=bits))
    return cases


RATIO = Exercise(
    id="11.2", title="One scale, or one for each channel?", points=4, minutes=15, difficulty="moderate",
    reference=signal_to_noise, cases=ratio_cases, returns=("per tensor", "per channel"), helpers=("compress",),
    misconceptions=(
        Misconception("twice the decibels", _ratio(decibels=lambda s, n: 20 * math.log10(s / n)),
            "Your sums are of squares already, and you count the square once more: both numbers are twice too large."),
        Misconception("natural logarithm", _ratio(decibels=lambda s, n: 10 * math.log(s / n)),
            "By your answer a ratio of ten would be 23 dB. To which base are decibels?"),
        Misconception("no logarithm", _ratio(decibels=lambda s, n: s / n),
            "That is the plain ratio. In dB a ratio of 1000 is 30."),
        Misconception("upside down", _ratio(decibels=lambda s, n: 10 * math.log10(n / s)),
            "You find more noise than signal. Which of the two stands on top?"),
        Misconception("not squared", _ratio(power=abs),
            "You add up magnitudes. Signal and noise are measured by their power, in which twice the error counts "
            "four times."),
        Misconception("signed sums", _ratio(power=lambda x: x, decibels=lambda s, n: 10 * math.log10(abs(s / n))),
            "In your sums positive and negative errors cancel. Can errors make up for each other here?"),
        Misconception("signal after rounding", _ratio(signal_of=lambda w, r: r),
            "You take the rounded weights for the signal. What was there before any rounding?"),
        Misconception("decibels averaged over channels", _ratio_averaged,
            "Your first number is right. In the second you average the channels' decibels, so that a channel of tiny "
            "weights counts as much as one of large ones. Add up signal and noise first."),
        Misconception("decibels averaged, both", _ratio_averaged_both,
            "You average decibels over the channels. Then a channel of tiny weights counts as much as one of large "
            "ones: add up signal and noise over all weights first."),
        Misconception("columns for rows", _ratio_columns,
            "Your first number is right. For the second, which index counts the output channels: that of the rows or "
            "that of the columns?"),
        Misconception("one code too many", _ratio(most=lambda bits: 2 ** (bits - 1)),
            "Your scale leaves a code for the largest weight that these bits can't hold on the positive side."),
        Misconception("all codes on one side", _ratio(most=lambda bits: 2**bits - 1),
            "Your steps are less than half as wide as they should be: you spend all codes on one side of 0. Where do "
            "the negative weights go?"),
        Misconception("sign forgotten", _ratio(largest=max),
            "Your scale comes from the largest weight with its sign. What of a channel whose most extreme weight is "
            "negative?"),
        Misconception("error against the code", _ratio_against_codes,
            "You take the codes away from the weights. A code is a number of steps: which weight does it stand for?"),
        Misconception("the two exchanged", _ratio(report=lambda tensor, channel: (channel, tensor)),
            "Those are the right numbers in the opposite order: which of the two schemes has more scales to fit?"),
    ),
    other_answers=(_ratio_numpy, _ratio_of_spreads),
    hints=("Write a function that rounds a list with a given scale. Both answers use it, only the scales differ.",
           "The sums of squares run over all weights of the layer in both cases; the rows differ only in their scale."),
    remark="A channel whose weights are ten times smaller than the layer's largest has lost 20 dB to it, over three "
           "bits' worth. A scale of its own costs four bytes.",
)

# 11.3


def fold_norm(weights: list[list[float]], bias: list[float], gain: list[float], shift: list[float],
              mean: list[float], variance: list[float], eps: float) -> tuple[list, list]:
    """(weights, bias) of the one layer that does what the layer and the batch norm after it do."""
    return _fold()(weights, bias, gain, shift, mean, variance, eps)


def _fold(factor=lambda g, v, eps: g / math.sqrt(v + eps),
          offset=lambda f, b, s, m: s + f * (b - m), by_column=False):
    def answer(weights, bias, gain, shift, mean, variance, eps):
        factors = [factor(g, v, eps) for g, v in zip(gain, variance, strict=True)]
        new = [[(factors[i] if by_column else f) * w for i, w in enumerate(row)]
               for f, row in zip(factors, weights, strict=True)]
        return new, [offset(f, b, s, m) for f, b, s, m in zip(factors, bias, shift, mean, strict=True)]

    return answer


def _fold_bias_only(weights, bias, gain, shift, mean, variance, eps):
    return weights, fold_norm(weights, bias, gain, shift, mean, variance, eps)[1]


def _fold_weights_by_gain(weights, bias, gain, shift, mean, variance, eps):
    scaled = [[g * w for w in row] for g, row in zip(gain, weights, strict=True)]
    return scaled, fold_norm(weights, bias, gain, shift, mean, variance, eps)[1]


def _fold_flat(weights, bias, gain, shift, mean, variance, eps):
    new, offset = fold_norm(weights, bias, gain, shift, mean, variance, eps)
    return [w for row in new for w in row], offset


def _fold_numpy(weights, bias, gain, shift, mean, variance, eps):
    import numpy as np

    f = np.array(gain) * (np.array(variance) + eps) ** -0.5
    return np.array(weights) * f[:, None], f * np.array(bias) + np.array(shift) - f * np.array(mean)


def _fold_by_probing(weights, bias, gain, shift, mean, variance, eps):
    """Ask the two layers what they make of 0 and of each unit vector."""
    def both(x):
        y = [sum(w * v for w, v in zip(row, x, strict=True)) + b for row, b in zip(weights, bias, strict=True)]
        return [g * (v - m) / (s2 + eps) ** 0.5 + s
                for v, g, s, m, s2 in zip(y, gain, shift, mean, variance, strict=True)]

    n = len(weights[0])
    start = both([0.0] * n)
    columns = [[a - b for a, b in zip(both([float(i == j) for i in range(n)]), start, strict=True)] for j in range(n)]
    return [list(row) for row in zip(*columns, strict=True)], start


def fold_cases(seed: int) -> list[Case]:
    draw = random.Random(f"11.fold {seed}")
    first = dict(weights=[[1.0, 2.0], [3.0, -1.0]], bias=[0.5, 0.25], gain=[3.0, 0.5], shift=[0.1, -0.4],
                 mean=[2.0, -1.0], variance=[3.0, 0.25], eps=1.0)
    cases = [first]
    for _ in range(7):
        n = draw.randint(2, 4)

        def row(low=-2.0, high=2.0, n=n):
            return [round(draw.uniform(low, high), 3) for _ in range(n)]

        cases.append(dict(weights=[row() for _ in range(n)], bias=row(), gain=row(0.2, 2), shift=row(), mean=row(),
                          variance=row(0.05, 3), eps=draw.choice([0.001, 0.01, 0.1])))
    return cases


FOLD = Exercise(
    id="11.3", title="Fold a batch norm away", points=4, minutes=15, difficulty="moderate",
    reference=fold_norm, cases=fold_cases, returns=("weights", "bias"), helpers=("compress",),
    misconceptions=(
        Misconception("divided by the variance", _fold(factor=lambda g, v, eps: g / (v + eps)),
            "You divide by something whose unit is the signal's, squared. What has the same unit as the signal?"),
        Misconception("eps forgotten", _fold(factor=lambda g, v, eps: g / math.sqrt(v)),
            "Your factor is too large, most of all where the variance is small. What keeps a norm from dividing by 0?"),
        Misconception("eps outside the root", _fold(factor=lambda g, v, eps: g / (math.sqrt(v) + eps)),
            "Your factor is nearly right. Is eps added to the variance, or to its root?"),
        Misconception("gain forgotten", _fold(factor=lambda g, v, eps: 1 / math.sqrt(v + eps)),
            "Your layer ends with a spread of 1 in each channel. The norm has a learned factor as well."),
        Misconception("not divided at all", _fold(factor=lambda g, v, eps: g),
            "Your layer never looks at the variance. A channel that swings ten times as widely would come out ten "
            "times as wide: is that what a norm does?"),
        Misconception("weights times gain only", _fold_weights_by_gain,
            "Your bias is right. Your weights are multiplied by the learned gain alone: by what else does the norm "
            "scale what they add up to?"),
        Misconception("weights without rows", _fold_flat,
            "Your numbers are right, but the weights come back as one long list. Keep the shape they came in: a row "
            "for each output channel."),
        Misconception("mean forgotten", _fold(offset=lambda f, b, s, m: s + f * b),
            "Your weights are right. In your bias nothing was taken away before the division: what does a norm "
            "subtract?"),
        Misconception("mean added", _fold(offset=lambda f, b, s, m: s + f * (b + m)),
            "Your weights are right. In your bias the mean has the wrong sign."),
        Misconception("mean not scaled", _fold(offset=lambda f, b, s, m: s + f * b - m),
            "Your weights are right. In your bias the mean goes away at its full size. Is it subtracted before the "
            "division, or after?"),
        Misconception("bias not scaled", _fold(offset=lambda f, b, s, m: s + b - f * m),
            "Your weights are right. The layer's own bias passes through the norm, too: what happens to it there?"),
        Misconception("bias forgotten", _fold(offset=lambda f, b, s, m: s - f * m),
            "Your weights are right. The layer had a bias of its own before the norm: where has it gone?"),
        Misconception("shift scaled", _fold(offset=lambda f, b, s, m: f * (s + b - m)),
            "Your weights are right. In your bias the learned shift is multiplied, too. Is it added before or after?"),
        Misconception("shift forgotten", _fold(offset=lambda f, b, s, m: f * (b - m)),
            "Your weights are right. The norm's last step, a learned number for each channel, is missing."),
        Misconception("bias left as it was", _fold(offset=lambda f, b, s, m: b),
            "Your weights are right, and the bias is the old one. What does the norm do to a signal that is 0?"),
        Misconception("weights scaled by input", _fold(by_column=True),
            "Your bias is right. Your factor meets the weights along their inputs. Which channels does a norm behind "
            "the layer see: those that go in, or those that come out?"),
        Misconception("weights left as they were", _fold_bias_only,
            "Your bias is right, and the weights are the old ones. Does the norm act on the bias alone?"),
    ),
    other_answers=(_fold_numpy, _fold_by_probing),
    hints=("Write the two steps as one line for a single output channel: first the sum with its bias, then the norm. "
           "Then sort what is multiplied by an input from what is not.",),
    remark="This is exact in eval mode, where the norm's numbers are constants. In training they are not, so a folded "
           "network is for use.",
)

# 11.4


def magnitude_mask(weights: list[float], sparsity: float) -> list[int]:
    """1 for each weight that stays, 0 for each that goes."""
    return _mask()(weights, sparsity)


def _mask(size=abs, count=lambda n, sparsity: int(n * sparsity), keep=1, gone=0, largest=False):
    def answer(weights, sparsity):
        n = count(len(weights), sparsity)
        order = sorted(range(len(weights)), key=lambda i: size(weights[i]), reverse=largest)
        return [gone if i in order[:n] else keep for i in range(len(weights))]

    return answer


def _mask_of_largest(weights, sparsity):
    return [int(abs(w) > sparsity * max(abs(v) for v in weights)) for w in weights]


def _mask_over_threshold(weights, sparsity):
    return [int(abs(w) > sparsity) for w in weights]


def _mask_from_largest_on(weights, sparsity):
    return [int(abs(w) >= sparsity * max(abs(v) for v in weights)) for w in weights]


def _mask_from_threshold_on(weights, sparsity):
    return [int(abs(w) >= sparsity) for w in weights]


def _mask_at_the_last_gone(weights, sparsity):
    """Index -1 when nothing is to go."""
    last = sorted(abs(w) for w in weights)[int(len(weights) * sparsity) - 1]
    return [int(abs(w) >= last) for w in weights]


def _mask_nothing_is_all(weights, sparsity):
    """order[-0:] is the whole list."""
    n = int(len(weights) * sparsity)
    return magnitude_mask(weights, sparsity) if n else [0] * len(weights)


def _mask_weights(weights, sparsity):
    return [w * m for w, m in zip(weights, magnitude_mask(weights, sparsity), strict=True)]


def _mask_indices(weights, sparsity):
    return [i for i, m in enumerate(magnitude_mask(weights, sparsity)) if m]


def _mask_first(weights, sparsity):
    n = int(len(weights) * sparsity)
    return [0] * n + [1] * (len(weights) - n)


def _mask_numpy(weights, sparsity):
    import numpy as np

    mask = np.ones(len(weights), int)
    mask[np.argsort(np.abs(weights))[: int(sparsity * len(weights))]] = 0
    return mask


def _mask_by_threshold(weights, sparsity):
    n = int(sparsity * len(weights))
    least = sorted(abs(w) for w in weights)[n:]
    return [1 if least and abs(w) >= least[0] else 0 for w in weights]


def _mask_of_ranks(weights, sparsity):
    """Truth values: `plain` makes them Python's, and they count as 1 and 0."""
    import numpy as np

    ranks = np.argsort(np.argsort(np.abs(weights)))
    return ranks >= int(sparsity * len(weights))


def _mask_in_words(weights, sparsity):
    by_size = sorted(weights, key=abs)[int(sparsity * len(weights)) :]
    return [w in by_size for w in weights]


def mask_cases(seed: int) -> list[Case]:
    draw = random.Random(f"11.mask {seed}")
    cases = [dict(weights=[0.5, -2.0, 0.1, -0.3], sparsity=0.5),
             dict(weights=[3.0, -1.0, 2.5, -4.0, 0.2], sparsity=0.25),
             dict(weights=[0.4, -0.6, 0.9, -1.5, 1.1, 0.05, -0.2], sparsity=0.25),
             dict(weights=[0.4, -0.6, 0.9, -1.5, 1.1, 0.05, -0.2], sparsity=0.0),
             dict(weights=[0.8, -0.15, 1.3, 0.45, -2.2, 0.7, -0.35, 1.9, -1.05, 0.25], sparsity=0.25)]
    for _ in range(6):
        n = draw.choice([6, 7, 9, 10, 11])
        sizes = draw.sample(range(1, 300), n)
        weights = [size / 100 * draw.choice([-1, 1]) for size in sizes]
        cases.append(dict(weights=weights, sparsity=draw.choice([0.25, 0.5, 0.75])))
    return cases


MASK = Exercise(
    id="11.4", title="Which weights go? (optional)", points=3, minutes=10, difficulty="easy",
    reference=magnitude_mask, cases=mask_cases, helpers=("compress",),
    misconceptions=(
        Misconception("signed, not magnitude", _mask(size=lambda w: w),
            "You remove weights far below 0 first. Does a weight of -2 do little?"),
        Misconception("largest removed", _mask(largest=True),
            "You remove the weights that do the most."),
        Misconception("mask inverted", _mask(keep=0, gone=1),
            "Multiply the weights by your mask: exactly those are left that should have gone."),
        Misconception("sparsity as the share that stays", _mask(count=lambda n, s: n - int(n * s)),
            "You keep as many weights as were to go. Is a network of sparsity 0.9 nearly full, or nearly empty?"),
        Misconception("rounded up", _mask(count=lambda n, s: math.ceil(n * s)),
            "Where the share is no whole number, you remove a weight too many: it is rounded down here."),
        Misconception("rounded to the nearest", _mask(count=lambda n, s: int(n * s + 0.5)),
            "Where the share is no whole number, you sometimes remove a weight too many: it is rounded down here."),
        Misconception("rounded with round()", _mask(count=lambda n, s: round(n * s)),
            "Where the share is no whole number, you sometimes remove a weight too many: it is rounded down here. (And "
            "Python rounds a half to the even neighbour, now up, now down.)"),
        Misconception("one too many", _mask(count=lambda n, s: int(n * s) + 1),
            "You always remove one weight more than asked. Is the weight at your threshold to stay, or to go?"),
        Misconception("one too few", _mask(count=lambda n, s: max(0, int(n * s) - 1)),
            "You remove one weight fewer than asked. Is the weight at your threshold to stay, or to go?"),
        Misconception("threshold one place too early", _mask_at_the_last_gone,
            "You remove one weight fewer than asked, and nearly all where none should go: your threshold stands one "
            "place too early in the sorted list. What is before its first place?"),
        Misconception("none to remove", _mask_nothing_is_all,
            "All is right but for the case in which no weight goes: there you remove every one. What does your slice "
            "or index do when the count is 0?"),
        Misconception("threshold as a share of the largest", _mask_of_largest,
            "You compare each weight with a share of the largest one. Count how many go: is it the share asked for?"),
        Misconception("threshold as a share of the largest, that one kept", _mask_from_largest_on,
            "You compare each weight with a share of the largest one. Count how many go: is it the share asked for?"),
        Misconception("sparsity as a threshold", _mask_over_threshold,
            "You compare the weights with the sparsity itself. It is a share of their number: how many are to go?"),
        Misconception("sparsity as a threshold, that one kept", _mask_from_threshold_on,
            "You compare the weights with the sparsity itself. It is a share of their number: how many are to go?"),
        Misconception("weights in place of a mask", _mask_weights,
            "Those are the pruned weights. Asked is the mask, in which a weight that stays is a 1."),
        Misconception("numbers of those that stay", _mask_indices,
            "Those are the places of the weights that stay. The mask has an entry for every weight."),
        Misconception("the first in the list removed", _mask_first,
            "You remove as many as asked, but from the front of the list. Did you sort the weights and forget where "
            "each came from?"),
    ),
    other_answers=(_mask_numpy, _mask_by_threshold, _mask_of_ranks, _mask_in_words),
    hints=("Count first how many have to go. Then find which: sort the places by the size of what stands there.",),
    remark="The mask has as many entries as before: an ordinary library multiplies by the zeros, too. Files shrink "
           "only when they are packed, times only with kernels made for it.",
)

# 11.5


def prune_block(in_channels: int, hidden: int, squeezed: int, out_channels: int, kernel: int, resolution: int,
                hidden_less: int, out_less: int) -> tuple[int, int]:
    """(parameters, MACs for one image) of an MBConv block after removing hidden and output channels."""
    return _pruned()(in_channels, hidden, squeezed, out_channels, kernel, resolution, hidden_less, out_less)


def _pruned(residual=lambda i, o, less: i == o, expand=None, depthwise=None, reduce=None, restore=None, project=None,
            squeeze=lambda s, hidden, h: s, norms=True, biases=True, se_pixels=lambda r: 1, norm_of=None,
            out_of=lambda o, less: o - less, times=1, hidden_of=lambda hidden, less: hidden - less, dense=False,
            pixels=lambda r: r**2, product=False):
    """Each of expand, depthwise, reduce, restore, project: which hidden width that layer has, from (hidden, less)."""
    def answer(in_channels, hidden, squeezed, out_channels, kernel, resolution, hidden_less, out_less):
        left = hidden_of(hidden, hidden_less)
        e, d, a, b, p, n = (left if f is None else f(hidden, left)
                            for f in (expand, depthwise, reduce, restore, project, norm_of))
        i = in_channels - out_less if residual(in_channels, out_channels, out_less) else in_channels
        o, s = out_of(out_channels, out_less), squeeze(squeezed, hidden, left)
        weights = i * e + kernel**2 * d * (d if dense else 1) + p * o
        params = weights + s * (a + b) + (s + b) * biases + (4 * n + 2 * o) * norms
        multiplied = weights + (left if product else 0)
        return params, times * (pixels(resolution) * multiplied + se_pixels(resolution) * s * (a + b))

    return answer


def _pruned_not_at_all(in_channels, hidden, squeezed, out_channels, kernel, resolution, hidden_less, out_less):
    return prune_block(in_channels, hidden, squeezed, out_channels, kernel, resolution, 0, 0)


def _pruned_removed(in_channels, hidden, squeezed, out_channels, kernel, resolution, hidden_less, out_less):
    sizes = in_channels, hidden, squeezed, out_channels, kernel, resolution
    whole, left = prune_block(*sizes, 0, 0), prune_block(*sizes, hidden_less, out_less)
    return whole[0] - left[0], whole[1] - left[1]


def _pruned_by_rows(in_channels, hidden, squeezed, out_channels, kernel, resolution, hidden_less, out_less):
    if in_channels == out_channels:
        in_channels -= out_less
    h, o = hidden - hidden_less, out_channels - out_less
    layers = [(in_channels, h, 1, 1, resolution, 0), (h, h, kernel, h, resolution, 0), (h, squeezed, 1, 1, 1, 1),
              (squeezed, h, 1, 1, 1, 1), (h, o, 1, 1, resolution, 0)]
    params = macs = 0
    for a, b, k, groups, pixels, bias in layers:
        params += k * k * a * b // groups + (b if bias else 2 * b)
        macs += pixels * pixels * k * k * a * b // groups
    return params, macs


def _pruned_by_differences(in_channels, hidden, squeezed, out_channels, kernel, resolution, hidden_less, out_less):
    whole = _pruned_by_rows(in_channels, hidden, squeezed, out_channels, kernel, resolution, 0, 0)
    less = out_less if in_channels == out_channels else 0
    h = hidden - hidden_less
    weights = hidden_less * (in_channels + kernel**2 + out_channels) + h * (less + out_less)
    params = weights + hidden_less * (2 * squeezed + 1 + 4) + 2 * out_less
    return [whole[0] - params, whole[1] - resolution**2 * weights - 2 * squeezed * hidden_less]


def prune_cases(seed: int) -> list[Case]:
    draw = random.Random(f"11.prune {seed}")
    names = ("in_channels", "hidden", "squeezed", "out_channels", "kernel", "resolution", "hidden_less", "out_less")
    rows = [(2, 4, 1, 3, 3, 2, 1, 0), (2, 4, 1, 3, 3, 2, 1, 1), (4, 8, 1, 4, 3, 2, 2, 1), (16, 96, 4, 24, 3, 8, 48, 0),
            (24, 144, 6, 24, 5, 8, 0, 8), (24, 96, 6, 56, 5, 8, 32, 16)]
    while len(rows) < 11:
        i = draw.choice([8, 16, 24, 40])
        o = i if draw.random() < 0.5 else i + draw.choice([8, 16])
        hidden = draw.choice([3, 4, 6]) * i
        rows.append((i, hidden, i // 4, o, draw.choice([3, 5]), draw.choice([7, 8, 14]), draw.randint(1, hidden // 2),
                     draw.randint(1, i // 2)))
    return [dict(zip(names, row, strict=True)) for row in rows]


PRUNE = Exercise(
    id="11.5", title="What goes with a channel? (optional)", points=5, minutes=25, difficulty="hard",
    reference=prune_block, cases=prune_cases, returns=("parameters", "MACs"), helpers=("compress", "cost"),
    misconceptions=(
        Misconception("residual forgotten", _pruned(residual=lambda i, o, less: False),
            "Where input and output are equally wide, the block adds the one to the other. Can it, after your cut?"),
        Misconception("input always cut", _pruned(residual=lambda i, o, less: True),
            "You cut the input of every block. Which blocks tie it to the output at all?"),
        Misconception("widths compared after the cut", _pruned(residual=lambda i, o, less: i == o - less),
            "You ask whether input and output are equally wide when the cut has been made. Which block was it before, "
            "one that adds or one that doesn't?"),
        Misconception("nothing removed", _pruned_not_at_all,
            "Those are the numbers of the whole block, before any channel was removed."),
        Misconception("what was removed", _pruned_removed,
            "Those are the parameters and MACs that went. Asked is what is left."),
        Misconception("projection keeps its inputs", _pruned(project=lambda hidden, left: hidden),
            "Your last 1x1 layer still waits for channels that nobody writes any more."),
        Misconception("depthwise keeps its filters", _pruned(depthwise=lambda hidden, left: hidden),
            "Your depthwise layer still filters channels that are gone."),
        Misconception("gates as before",
            _pruned(reduce=lambda hidden, left: hidden, restore=lambda hidden, left: hidden),
            "Your block computes gates for channels that are gone, from means of channels that are gone."),
        Misconception("gates read as before", _pruned(reduce=lambda hidden, left: hidden),
            "The first layer of your gate still reads means of channels that are gone."),
        Misconception("gates written as before", _pruned(restore=lambda hidden, left: hidden),
            "Your gate still writes a factor for channels that are gone."),
        Misconception("squeeze width cut as well", _pruned(squeeze=lambda s, hidden, h: s * h // hidden),
            "You make the gate's inner width smaller, too. Does it have to be, for the shapes to fit?"),
        Misconception("squeeze width cut as well, at least 1", _pruned(squeeze=lambda s, hidden, h: max(1, s * h // hidden)),
            "You make the gate's inner width smaller, too. Does it have to be, for the shapes to fit?"),
        Misconception("only the expansion cut", _pruned(
            depthwise=lambda hidden, left: hidden, reduce=lambda hidden, left: hidden,
            restore=lambda hidden, left: hidden, project=lambda hidden, left: hidden,
            norm_of=lambda hidden, left: hidden),
            "You cut the layer that writes the hidden channels and none of those that read them."),
        Misconception("norms forgotten", _pruned(norms=False),
            "Your MACs are right. Three normalisations, each with a factor and a shift for every channel, are missing "
            "from your parameters."),
        Misconception("norms as before", _pruned(norm_of=lambda hidden, left: hidden),
            "Your MACs are right. Your normalisations still hold numbers for hidden channels that are gone."),
        Misconception("biases forgotten", _pruned(biases=False),
            "Your MACs are right. Two of the block's layers have a bias: those of the gate."),
        Misconception("norms and biases forgotten", _pruned(norms=False, biases=False),
            "Your MACs are right. A block has more parameters than those that multiply: norms, and the gate's biases."),
        Misconception("gates at every pixel", _pruned(se_pixels=lambda r: r**2),
            "Your parameters are right. Your gates are computed anew for every pixel: on what do they work?"),
        Misconception("gates' MACs forgotten", _pruned(se_pixels=lambda r: 0),
            "Your parameters are right. Your MACs lack two layers that multiply a single vector instead of a map."),
        Misconception("product with the gates counted", _pruned(product=True),
            "Your parameters are right. In your MACs you count the product of map and gates, which is left out here."),
        Misconception("one side of the map", _pruned(pixels=lambda r: r),
            "Your parameters are right. In how many places does a layer work on a map that is so many pixels high and "
            "wide?"),
        Misconception("depthwise as an ordinary layer", _pruned(dense=True),
            "Your depthwise layer lets every channel read every other. How many channels does one of its filters see?"),
        Misconception("output kept", _pruned(out_of=lambda o, less: o),
            "Your block writes as many channels as before. How many were to be left?"),
        Misconception("hidden channels kept", _pruned(hidden_of=lambda hidden, less: hidden),
            "Your hidden width is the old one. How many channels are left inside?"),
        Misconception("FLOPs for MACs", _pruned(times=2),
            "Your parameters are right. You count a multiplication and an addition as two; 1 MAC is both together."),
        Misconception("those that go, not those that stay", _pruned(hidden_of=lambda hidden, less: less),
            "You count the channels that were removed. How many stay?"),
    ),
    other_answers=(_pruned_by_rows, _pruned_by_differences),
    hints=("First write down three widths as they are after the cut: what comes in, what is inside, what goes out. "
           "Only one of them needs a thought.",
           "Then go through expand, depthwise, the gate's two layers and project, with those widths. Which of them has "
           "a bias, and after which stands a norm?"),
    remark="A hidden channel belongs to one block, so it can go alone. An output channel is tied to every block of its "
           "stage through the residuals, and to the readers after it.",
)

# 11.6


def distillation(student: list[float], teacher: list[float], label: int, temperature: float, share: float) -> float:
    """The loss of one image: softened answers compared with the teacher's, and cross-entropy with the label."""
    return _distilled()(student, teacher, label, temperature, share)


def _softmax(logits, temperature=1.0):
    largest = max(logits)
    powers = [math.exp((x - largest) / temperature) for x in logits]
    return [p / sum(powers) for p in powers]


def _distilled(soft_student=lambda t: t, soft_teacher=lambda t: t, hard=lambda t: 1.0, square=lambda t: t * t,
               divergence=lambda p, q: sum(a * math.log(a / b) for a, b in zip(p, q, strict=True)),
               mix=lambda share, soft, hard: share * soft + (1 - share) * hard):
    def answer(student, teacher, label, temperature, share):
        q, p = _softmax(student, soft_student(temperature)), _softmax(teacher, soft_teacher(temperature))
        return mix(share, square(temperature) * divergence(p, q),
                   -math.log(_softmax(student, hard(temperature))[label]))

    return answer


def _distilled_hard(student, teacher, label, temperature, share):
    answer = teacher.index(max(teacher))
    return (-share * temperature**2 * math.log(_softmax(student, temperature)[answer])
            - (1 - share) * math.log(_softmax(student)[label]))


def _distilled_sign(student, teacher, label, temperature, share):
    return _distilled(mix=lambda share, soft, hard: share * soft - (1 - share) * hard)(
        student, teacher, label, temperature, share)


def _distilled_mean(student, teacher, label, temperature, share):
    return _distilled(mix=lambda share, soft, hard: share * soft / len(student) + (1 - share) * hard)(
        student, teacher, label, temperature, share)


def _distilled_square_of_all(student, teacher, label, temperature, share):
    return temperature**2 * _distilled(square=lambda t: 1.0)(student, teacher, label, temperature, share)


def _distilled_divided_after(student, teacher, label, temperature, share):
    p, q = ([x / temperature for x in _softmax(logits)] for logits in (teacher, student))
    soft = sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))
    return share * temperature**2 * soft - (1 - share) * math.log(_softmax(student)[label])


def _distilled_teacher_s_label(student, teacher, label, temperature, share):
    soft = _distilled(mix=lambda share, soft, hard: soft)(student, teacher, label, temperature, share)
    return share * soft - (1 - share) * math.log(_softmax(teacher)[label])


def _distilled_torch(student, teacher, label, temperature, share):
    import numpy as np

    def log_softmax(x):
        return x - np.log(np.exp(x - x.max()).sum()) - x.max()

    s, t = np.array(student), np.array(teacher)
    p = np.exp(log_softmax(t / temperature))
    soft = (p * (log_softmax(t / temperature) - log_softmax(s / temperature))).sum()
    return share * temperature**2 * soft - (1 - share) * log_softmax(s)[label]


def _distilled_by_entropies(student, teacher, label, temperature, share):
    p, q = _softmax(teacher, temperature), _softmax(student, temperature)
    crossed = -sum(a * math.log(b) for a, b in zip(p, q, strict=True))
    own = -sum(a * math.log(a) for a in p)
    hard = math.log(sum(math.exp(x) for x in student)) - student[label]
    return share * (crossed - own) * temperature**2 + (1 - share) * hard


def distillation_cases(seed: int) -> list[Case]:
    draw = random.Random(f"11.distillation {seed}")
    cases = [dict(student=[1.0, 0.0], teacher=[2.0, -1.0], label=0, temperature=2.0, share=0.5),
             dict(student=[1.0, 0.5, -0.5], teacher=[0.0, 2.0, 1.0], label=2, temperature=4.0, share=0.75)]
    for _ in range(6):
        n = draw.randint(3, 5)
        row = [[round(draw.uniform(-2, 3), 2) for _ in range(n)] for _ in range(2)]
        cases.append(dict(student=row[0], teacher=row[1], label=draw.randrange(n),
                          temperature=draw.choice([1.5, 2.0, 3.0, 4.0]), share=draw.choice([0.25, 0.3, 0.7, 0.9])))
    return cases


DISTILLATION = Exercise(
    id="11.6", title="Learn from a teacher (optional)", points=4, minutes=20, difficulty="moderate",
    reference=distillation, cases=distillation_cases, helpers=("compress",),
    misconceptions=(
        Misconception("temperature's square forgotten", _distilled(square=lambda t: 1.0),
            "At a high temperature your teacher's part nearly vanishes. What keeps its gradient's size?"),
        Misconception("temperature not squared", _distilled(square=lambda t: t),
            "Your teacher's part still shrinks as the temperature rises. A logit is divided twice on the way of the "
            "gradient: once in the student, once in the difference of the answers."),
        Misconception("student not softened", _distilled(soft_student=lambda t: 1.0),
            "You soften the teacher and compare it with a student that was not. Even a student equal to its teacher "
            "would have a loss."),
        Misconception("teacher not softened", _distilled(soft_teacher=lambda t: 1.0),
            "You soften the student and compare it with a teacher that was not. Even a student equal to its teacher "
            "would have a loss."),
        Misconception("multiplied by the temperature",
            _distilled(soft_student=lambda t: 1 / t, soft_teacher=lambda t: 1 / t),
            "With rising temperature your answers become more certain. What is softening to do to them?"),
        Misconception("divergence the other way round",
            _distilled(divergence=lambda p, q: sum(b * math.log(b / a) for a, b in zip(p, q, strict=True))),
            "You weigh the classes by what the student believes. Whose answers are to be imitated?"),
        Misconception("cross-entropy for divergence",
            _distilled(divergence=lambda p, q: -sum(a * math.log(b) for a, b in zip(p, q, strict=True))),
            "A student equal to its teacher would still have a loss by your formula. It has the right gradient, but a "
            "divergence is 0 there."),
        Misconception("label's part softened as well", _distilled(hard=lambda t: t),
            "You soften the answer that is held against the label, too. There the plain one is meant."),
        Misconception("shares exchanged", _distilled(mix=lambda share, soft, hard: (1 - share) * soft + share * hard),
            "Whose share is it: the teacher's, or the label's?"),
        Misconception("both parts in full", _distilled(mix=lambda share, soft, hard: share * soft + hard),
            "What the teacher's part gains, the label's part should lose."),
        Misconception("only the teacher", _distilled(mix=lambda share, soft, hard: share * soft),
            "Your loss does not know the label."),
        Misconception("the teacher's best class only", _distilled_hard,
            "Your teacher names a single class. What it thinks of the others is what it is there for."),
        Misconception("sign of the label's part", _distilled_sign,
            "Your loss falls when the student gives the right class less. Which sign has the logarithm of a "
            "probability?"),
        Misconception("mean over classes", _distilled_mean,
            "Your divergence is shared out among the classes: a mean, where a sum over them is asked for."),
        Misconception("temperature's square around everything", _distilled_square_of_all,
            "Your temperature enlarges the label's part as well. Which part did it make small, and only that?"),
        Misconception("divided after the softmax", _distilled_divided_after,
            "Your answers are divided by the temperature after the softmax. Do they still add up to 1, and has their "
            "order of sizes become any softer?"),
        Misconception("teacher's cross-entropy", _distilled_teacher_s_label,
            "You hold the teacher's answer against the label. Which of the two networks is being trained?"),
        Misconception("difference of logits",
            lambda student, teacher, label, temperature, share: (
                share * sum((a - b) ** 2 for a, b in zip(student, teacher, strict=True)) / len(student)
                - (1 - share) * math.log(_softmax(student)[label])),
            "You compare logits. Asked is how far apart the two networks' probabilities are."),
    ),
    other_answers=(_distilled_torch, _distilled_by_entropies),
    hints=("Write a softmax that takes a temperature. You need it three times, and once the temperature is 1.",),
    remark="At a high temperature the classes that are wrong count as well: a teacher that finds a cat a little like a "
           "dog says something that the label doesn't.",
)

EXERCISES = (QUANTISE, RATIO, FOLD, MASK, PRUNE, DISTILLATION)
