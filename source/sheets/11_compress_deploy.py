# ---
# jupyter:
#   effnet_course: {title: "Sheet 11: Compress and deploy", minutes: 120, seconds: 15, memory_mb: 500}
# ---

# %% [markdown]
# # Problem sheet 11 · Will it run on a phone?
#
# After this sheet you can round numbers to a few bits in two ways and say how much was lost; show why one scale for a whole layer is often too few; fold a
# normalisation away; and, in the optional half, prune weights and channels without breaking a block, and learn from a teacher. Work through lesson 11 first.
#
# Six functions and one question in words: 120 minutes, 29 points. Exercises 11.4 to 11.6 belong to the lesson's optional parts. In each function, replace the last line,
# then run the cell below it. The check shows the smallest case that fails, and if the mistake is a known one, a hint. When you are stuck, `hint("11.1")` gives a first hint.
#
# Nothing here needs the extra tools.

# %%
import math

import numpy as np

from effnet_course.checking import check, hint

# %% [markdown]
# ## 11.1 · Numbers of a few bits
# *20 minutes · moderate · 5 points*
#
# A phone's integer unit computes with codes: whole numbers of a few bits. Return the scale, the zero point, and the code of each value, nearest first of course.
#
# - **Affine** (`symmetric=False`): the codes 0 to $2^\text{bits} - 1$ are spread evenly over the range of the values, which always includes 0. The zero point is the code of 0, a whole number, and every
#   code is the value in steps of the scale, rounded, then moved by the zero point.
# - **Symmetric**: the zero point is 0, and there are as many codes below it as above: with 8 bits, -127 to 127. The value of largest magnitude gets the last code on its side.
#
# No case lies halfway between two codes, and not all values are 0. Affine with 3 bits: `quantise([0.5, -0.28, 2.9, 1.31], 3, False)` is `(0.4543, 1, [2, 0, 7, 4])`: the scale (printed to four places), the zero point, and a
# list of the codes, in the order of the values.


# %%
def quantise(values: list[float], bits: int, symmetric: bool) -> tuple[float, int, list[int]]:
    """(scale, zero point, the code of each value).

    bits: 3 to 8. symmetric: which of the two schemes.
    """
    ### BEGIN SOLUTION
    if symmetric:
        scale = max(abs(v) for v in values) / (2 ** (bits - 1) - 1)
        return scale, 0, [round(v / scale) for v in values]
    low, high = min(0, *values), max(0, *values)
    scale = (high - low) / (2**bits - 1)
    zero_point = round(-low / scale)
    return scale, zero_point, [round(v / scale) + zero_point for v in values]
    ### END SOLUTION


# %%
check("11.1", quantise)

# %% [markdown]
# ## 11.2 · One scale, or one for each channel?
# *15 minutes · moderate · 4 points*
#
# A layer's weights, one row for each output channel. Round them symmetrically (as in 11.1; a rounded weight is its code times its scale): once with one scale for the whole layer, once with a scale for each row.
# Return the signal to noise of both in decibels: ten times the decimal logarithm of the squared weights, added up over the layer, over the squared errors, added up over the layer.
#
# Two channels, 3 bits: `signal_to_noise([[0.9, -0.34], [0.11, 0.043]], 3)` is `(17.81, 27.58)`.


# %%
def signal_to_noise(weights: list[list[float]], bits: int) -> tuple[float, float]:
    """Signal to noise in dB after symmetric rounding: (one scale for all, a scale for each row).

    weights: rows of equal length, none all 0. bits: 3 to 8.
    """
    ### BEGIN SOLUTION
    w, found = np.array(weights), []
    for largest in (abs(w).max(), abs(w).max(axis=1, keepdims=True)):
        scale = largest / (2 ** (bits - 1) - 1)
        error = w - scale * np.round(w / scale)
        found.append(10 * math.log10((w**2).sum() / (error**2).sum()))
    return tuple(found)
    ### END SOLUTION


# %%
check("11.2", signal_to_noise)

# %% [markdown]
# ## 11.3 · Fold a batch norm away
# *15 minutes · moderate · 4 points*
#
# A 1x1 layer computes $y_o = \sum_i w_{oi} x_i + b_o$. In eval mode the batch norm after it turns each channel $o$ into
# $$\text{gain}_o \cdot \frac{y_o - \text{mean}_o}{\sqrt{\text{variance}_o + \text{eps}}} + \text{shift}_o.$$
# (In PyTorch gain and shift are the norm's `weight` and `bias`.)
# Return the weights and the bias of *one* layer that does the same, in the shapes in which they came: a row of weights and one bias for each output channel.
#
# With one channel and eps 1: `fold_norm([[2.0]], [0.5], [3.0], [0.1], [1.5], [3.0], 1.0)` is `([[3.0]], [-1.4])`.


# %%
def fold_norm(weights: list[list[float]], bias: list[float], gain: list[float], shift: list[float],
              mean: list[float], variance: list[float], eps: float) -> tuple[list, list]:
    """(weights, bias) of the one layer that does what the layer and the batch norm after it do.

    weights: a row for each output channel. The other lists: a number for each output channel.
    """
    ### BEGIN SOLUTION
    factor = np.array(gain) / np.sqrt(np.array(variance) + eps)
    new_bias = np.array(shift) + factor * (np.array(bias) - np.array(mean))
    return factor[:, None] * np.array(weights), new_bias
    ### END SOLUTION


# %%
check("11.3", fold_norm)

# %% [markdown]
# ## 11.4 · Which weights go? (optional)
# *10 minutes · easy · 3 points*
#
# Magnitude pruning sets the smallest weights to 0. Return the mask: 1 for a weight that stays, 0 for one that goes. The number that goes is the sparsity times the number of weights, rounded *down*. No two weights of a case have
# the same magnitude.
#
# Half of four: `magnitude_mask([0.5, -2.0, 0.1, -0.3], 0.5)` is `[1, 1, 0, 0]`. (A mask of True and False is as good.)


# %%
def magnitude_mask(weights: list[float], sparsity: float) -> list[int]:
    """1 for each weight that stays, 0 for each that goes.

    sparsity: the share that goes, 0 to below 1.
    """
    ### BEGIN SOLUTION
    gone = np.argsort(np.abs(weights))[: int(sparsity * len(weights))]
    mask = np.ones(len(weights), dtype=int)
    mask[gone] = 0
    return mask.tolist()
    ### END SOLUTION


# %%
check("11.4", magnitude_mask)

# %% [markdown]
# ## 11.5 · What goes with a channel? (optional)
# *25 minutes · hard · 5 points*
#
# An MBConv block, stride 1: expand (1x1, to `hidden` channels), depthwise ($K \times K$), squeeze-and-excitation (hidden to `squeezed` to hidden, each layer with a bias), project (1x1, to `out_channels`). Expand, depthwise and project have no bias;
# after each stands a batch norm with a weight and a bias for every channel that it sees. The block adds its input to its output where the two are equally wide.
#
# Now `hidden_less` hidden channels and `out_less` output channels are removed, and everything that has to go with them, but nothing else. Return the parameters and the MACs (1 MAC = 2 FLOPs) that are left.
# MACs are those of the five kinds of layers, as everywhere in this course: norms, means, activations and the product of the map with its gates count none.
#
# A block without a residual: `prune_block(2, 4, 1, 3, 3, 2, 1, 1)` is `(65, 162)`.


# %%
def prune_block(in_channels: int, hidden: int, squeezed: int, out_channels: int, kernel: int, resolution: int,
                hidden_less: int, out_less: int) -> tuple[int, int]:
    """(parameters, MACs for one image) of an MBConv block after removing hidden and output channels.

    resolution: pixels of the map, height and width, the same throughout. squeezed: inner width of the gates.
    hidden_less, out_less: how many channels are removed, 0 or more.
    """
    ### BEGIN SOLUTION
    if in_channels == out_channels:
        in_channels -= out_less
    hidden, out = hidden - hidden_less, out_channels - out_less
    maps = in_channels * hidden + kernel**2 * hidden + hidden * out
    gate = 2 * hidden * squeezed
    norms, biases = 2 * (hidden + hidden + out), squeezed + hidden
    return maps + gate + norms + biases, resolution**2 * maps + gate
    ### END SOLUTION


# %%
check("11.5", prune_block)

# %% [markdown]
# ## 11.6 · Learn from a teacher (optional)
# *20 minutes · moderate · 4 points*
#
# A small network is trained to imitate a large one. Both networks' logits are divided by a temperature $T$ before the softmax, which makes $p$ from the teacher's and $q$ from the student's. The loss of one image is
# $$\text{share} \cdot T^2 \sum_c p_c \ln \frac{p_c}{q_c} + (1 - \text{share}) \cdot \text{cross-entropy with the label},$$
# with the student's plain softmax (no temperature) in the cross-entropy, and natural logarithms.
#
# Two classes: `distillation([1.0, 0.0], [2.0, -1.0], 0, 2.0, 0.5)` is `0.3371`.


# %%
def distillation(student: list[float], teacher: list[float], label: int, temperature: float, share: float) -> float:
    """The loss of one image: softened answers compared with the teacher's, and cross-entropy with the label.

    student, teacher: logits of the same classes. label: the number of the right class. share: the teacher's.
    """
    ### BEGIN SOLUTION
    def softmax(logits, t):
        powers = np.exp(np.array(logits) / t)
        return powers / powers.sum()

    p, q = softmax(teacher, temperature), softmax(student, temperature)
    soft = temperature**2 * (p * np.log(p / q)).sum()
    return share * soft - (1 - share) * math.log(softmax(student, 1)[label])
    ### END SOLUTION


# %%
check("11.6", distillation)

# %% [markdown]
# ## In words: 8 bits are too few, zeros are free
# *15 minutes · moderate · 4 points*
#
# A colleague puts an EfficientNet on a phone. "First, I rounded weights and activations to 8 bits, one scale for each layer, and top-1 fell from 77 to 46 %. So 8 bits are too few for this network. Second, I set the smaller half of the weights to 0.
# Top-1 stayed, so the file and the latency have halved. Third, I left the batch norms alone, because folding them changes the network."
#
# Explain in six to nine sentences what is wrong with each of the three, with one number (computed or measured, from the lesson or this sheet) that shows it, and name what you would try first. (The fall from 77 to 46 is made up for the question.)

# %% [markdown]
# *Your answer goes here: double-click, and replace this line.*
#
# ### BEGIN SOLUTION
# It is not the number of bits that is too small but the scales that are too few. Where the channels of a layer differ in size, one scale is set by the largest, and the small ones share a handful of codes: a channel ten times smaller than the largest
# loses 20 dB. In 11.2 the same 3 bits give 17.8 dB with one scale and 27.6 dB with a scale for each row. Activations have the same trouble with a few extreme values, which stretch the range for all the others; clipping them, or rounding fewer layers, may help. So I would
# try a scale for each output channel first, which costs four bytes a channel, and measure again. Zeros are stored and multiplied like any other number: the array is as large as before, and an ordinary kernel takes as long. A file shrinks when it is packed, and the time shrinks when
# whole channels are removed or a kernel knows the pattern; the latency has to be measured, not inferred. In eval mode a batch norm is a factor and a shift with constant numbers, so folding it gives the same outputs up to rounding (about a millionth in the lesson). It removes
# layers, and the weights' ranges that are rounded are those of the folded layers.
# ### END SOLUTION
