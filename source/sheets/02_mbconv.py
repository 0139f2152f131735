# ---
# jupyter:
#   effnet_course: {title: "Sheet 02: inside an MBConv block", minutes: 100, seconds: 10, memory_mb: 600}
# ---

# %% [markdown]
# # Problem sheet 02 · What is inside an MBConv block?
#
# After this sheet you can put an MBConv block together from its parts; say what it costs at any expansion
# ratio, and what it keeps in memory; differentiate its activation; drop its branch as stochastic depth
# does; and say for every block of a network whether it adds its input. Work through lesson 02 first.
#
# Six functions and one question in words: 100 minutes, 25 points. In each function, replace the last
# line. Then run the cell below it, which **checks** your function on fifteen cases or more. If it is wrong
# you see the smallest case that fails, and if the mistake is a known one, a hint. Check as often as you
# like: nothing is counted, and nothing leaves your machine. When you are stuck, `hint("02.1")` gives a
# first hint and `hint("02.1", 2)` a second.
#
# All blocks on this sheet are without squeeze-and-excitation, which is lesson 03's. The package's `cost` and
# `model` modules do some of this for you. Leave them aside until your function passes, and compare then.

# %%
import math

import numpy as np

from effnet_course.checking import check, hint

# %% [markdown]
# ## 02.1 · A block from its parts
# *15 minutes · moderate · 4 points*
#
# You get the parts of a block and put them together: which comes when, what is bent by an activation, and
# what is added. Every block of every EfficientNet is this function, but for normalisation and the gate.
# The parts are in the cell below: read what they do, you need not change them.
#
# One channel, one row of two pixels, two wide channels, 1x1 filters:
# `mbconv([[[1.0, 2.0]]], [[1.0], [-1.0]], [[[2.0]], [[1.0]]], [[1.0, -1.0]], 1)` is `[[[2.3035, 5.5273]]]`.


# %%
def silu(x):
    """x times sigmoid(x), number by number."""
    x = np.asarray(x, dtype=float)
    return x / (1 + np.exp(-x))


def pointwise(x, weights):
    """A 1x1 convolution: x (channels in, rows, columns), weights (channels out, channels in)."""
    return np.einsum("oi,ihw->ohw", np.asarray(weights, dtype=float), np.asarray(x, dtype=float))


def depthwise(x, kernels, stride):
    """Each channel filtered by its own kernel, zeros around it: x as above, kernels (channels, K, K)."""
    x, kernels = np.asarray(x, dtype=float), np.asarray(kernels, dtype=float)
    border = kernels.shape[-1] // 2
    padded = np.pad(x, ((0, 0), (border, border), (border, border)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernels.shape[1:], axis=(1, 2))
    return np.einsum("chwij,cij->chw", windows[:, ::stride, ::stride], kernels)


# %%
def mbconv(image: list, expand: list | None, kernels: list, project: list, stride: int) -> list:
    """The output of an MBConv block without normalisation, as nested lists or an array.

    image (C_in, rows, columns). expand (e C_in, C_in): weights of the expansion, or None where the block
    has none (ratio 1). kernels (e C_in, K, K): of the depthwise step, which has the stride. project
    (C_out, e C_in): weights of the projection. The input is added where the block's rule allows it.
    """
    ### BEGIN SOLUTION
    inner = image if expand is None else silu(pointwise(image, expand))
    filtered = silu(depthwise(inner, kernels, stride))
    out = pointwise(filtered, project)
    adds = stride == 1 and len(project) == len(image)
    return out + np.asarray(image) if adds else out
    ### END SOLUTION


# %%
check("02.1", mbconv)

# %% [markdown]
# ## 02.2 · What does a block cost?
# *15 minutes · moderate · 4 points*
#
# Count the parameters and the MACs of a block, for any expansion ratio. The ratio is the dial with which
# designers of networks make a block stronger, and you will see how evenly it turns, and where it jumps.
#
# The second block of B0's stage 3, but for its gate: `block_cost(6, 3, 24, 24, 56, 1)` is
# `(8,832, 25,740,288)`.


# %%
def block_cost(expansion: int, kernel: int, in_channels: int, out_channels: int, size: int,
               stride: int) -> tuple[int, int]:
    """(parameters, MACs) of an MBConv block, MACs for one image.

    size: side of the block's input in pixels. Padding is such that a stride turns n pixels into
    ceil(n / stride). No convolution has a bias; each is followed by a batch norm. A block of expansion 1
    has no expansion convolution. Of the batch norms count what is learned, and no MACs.
    """
    ### BEGIN SOLUTION
    inner, side = expansion * in_channels, math.ceil(size / stride)
    params = kernel**2 * inner + inner * out_channels + 2 * (inner + out_channels)
    macs = side**2 * (kernel**2 * inner + inner * out_channels)
    if expansion > 1:
        params += in_channels * inner + 2 * inner
        macs += size**2 * in_channels * inner
    return params, macs
    ### END SOLUTION


# %%
check("02.2", block_cost)

# %% [markdown]
# ## 02.3 · The bend of SiLU
# *15 minutes · moderate · 4 points*
#
# SiLU is x times sigmoid(x). Give its sigmoid a *steepness* b, and you have a family of activations, x times
# sigmoid(b x), of which SiLU is one and ReLU nearly another. Return the value at x, the derivative
# there, and the lowest value that the function has anywhere. For the last you may search, halve intervals,
# or think: four correct digits are not enough, six are.
#
# SiLU at -1: `swish(-1.0, 1.0)` is `(-0.2689, 0.0723, -0.2785)`.


# %%
def swish(x: float, steepness: float) -> tuple[float, float, float]:
    """(value at x, derivative at x, lowest value anywhere) of the function x times sigmoid(steepness x).

    steepness: above 0. sigmoid(z) is 1 / (1 + exp(-z)).
    """
    ### BEGIN SOLUTION
    gate = 1 / (1 + math.exp(-steepness * x))
    derivative = gate + steepness * x * gate * (1 - gate)
    grid = np.linspace(-5, 0, 100_001) / steepness
    lowest = (grid / (1 + np.exp(-steepness * grid))).min()
    return x * gate, derivative, lowest
    ### END SOLUTION


# %%
check("02.3", swish)

# %% [markdown]
# ## 02.4 · Stochastic depth on a batch
# *10 minutes · moderate · 3 points*
#
# The end of a block that adds its input: in training the branch of some images is dropped, and the branches
# that stay are scaled so that nothing changes on average. You are given the random draws, one for each image, so
# that your answer can be checked: an image's branch is dropped where its draw lies below the rate.
#
# Two images of two numbers, the second of them dropped:
# `stochastic_depth([[4.0, 8.0], [4.0, -4.0]], [[1.0, 2.0], [3.0, 5.0]], 0.2, [0.7, 0.1], True)` is
# `[[6.0, 12.0], [3.0, 5.0]]`.


# %%
def stochastic_depth(branch: list, shortcut: list, rate: float, draws: list, training: bool) -> list:
    """What the block puts out, one row of numbers for each image.

    branch, shortcut: a row of numbers for each image; shortcut is the block's input. rate: probability
    of being dropped, 0 or more and below 1. draws: a number from 0 to 1 for each image; below the rate
    means dropped. training: False in evaluation.
    """
    ### BEGIN SOLUTION
    branch, shortcut = np.array(branch), np.array(shortcut)
    if not training:
        return branch + shortcut
    kept = (np.array(draws) >= rate) / (1 - rate)  # one number for each image: 0 or 1 / (1 - rate)
    return branch * kept[:, None] + shortcut
    ### END SOLUTION


# %%
check("02.4", stochastic_depth)

# %% [markdown]
# ## 02.5 · Residual or not?
# *10 minutes · easy · 2 points*
#
# A network is often written as a table of stages. All blocks of a stage put out the same number of channels; only
# its first block has the stride, and only that one can change the number of channels. In how many blocks of each
# stage is the input added? This decides, among other things, how far a gradient can travel unhindered.
#
# With 32 channels before the first stage:
# `residual_blocks(32, [[1, 3, 1, 16, 1], [6, 3, 2, 24, 2], [6, 3, 1, 24, 3]])` is `[0, 1, 3]`.


# %%
def residual_blocks(stem: int, stages: list) -> list:
    """For each stage, how many of its blocks add their input.

    stem: channels before the first stage. stages: a row [expansion, kernel, stride, channels, repeats]
    for each, where channels is what the stage puts out and repeats the number of its blocks.
    """
    ### BEGIN SOLUTION
    counts, channels = [], stem
    for _, _, stride, out, repeats in stages:
        first = stride == 1 and channels == out
        counts.append(repeats - 1 + first)
        channels = out
    return counts
    ### END SOLUTION


# %%
check("02.5", residual_blocks)

# %% [markdown]
# ## 02.6 · What a block keeps in memory
# *20 minutes · hard · 4 points*
#
# Training a network takes more memory than running it. How much more? Count what one block needs.
#
# *In training*, each convolution, batch norm and SiLU keeps its input until the backward pass has used it. Adding
# the input of the block, and stochastic depth, keep nothing. *In evaluation* nothing is kept for later. Norms and
# activations write over what they read, so that only the convolutions count: while one runs, its input and its output are
# both there; and where the block adds its input, that has to be there too, until the end. You are asked for the
# moment that needs most.
#
# The block of 02.2 with a batch of 8 and 32-bit numbers: `block_memory(6, 3, 24, 24, 56, 1, 8, 4)` is
# `(91,521,024, 31,309,824)`: 92 MB and 31 MB. Weights are left out: they are 35 kB.


# %%
def block_memory(expansion: int, kernel: int, in_channels: int, out_channels: int, size: int,
                 stride: int, batch: int, bytes_per_number: int) -> tuple[int, int]:
    """(bytes kept for the backward pass in training, most bytes held at once in evaluation).

    The block is that of block_cost: up to three convolutions, each followed by a batch norm, and a SiLU
    after all but the last. size: side of the input in pixels; a stride turns n pixels into
    ceil(n / stride).
    """
    ### BEGIN SOLUTION
    after = math.ceil(size / stride)
    image, out = in_channels * size**2, out_channels * after**2
    wide, filtered = expansion * in_channels * size**2, expansion * in_channels * after**2
    shortcut = image if stride == 1 and in_channels == out_channels else 0
    kept, peak = image + 3 * filtered + out, max(image + filtered, filtered + out + shortcut)
    if expansion > 1:
        kept += 3 * wide
        peak = max(image + wide, wide + filtered + shortcut, filtered + out + shortcut)
    return kept * batch * bytes_per_number, peak * batch * bytes_per_number
    ### END SOLUTION


# %%
check("02.6", block_memory)

# %% [markdown]
# ## In words: the line, and the block that is not on it
# *15 minutes · moderate · 4 points*
#
# A friend plans blocks like that of 02.2 (3x3, 24 channels in and out, 56x56 pixels). She counts the MACs at
# ratios 1 and 2, draws a straight line through the two, and reads off ratio 6: 33 million. "Too much," she says.
# "And the line shows that every step of the ratio costs as much as two and a half whole blocks of ratio 1. Then
# expanding is a waste."
#
# Explain to her in five to eight sentences what is wrong with the line, what a step of the ratio really
# costs and where that goes, and what a block of ratio 1 goes without: think of what its filters read, or of where
# it bends. Use your `block_cost`, and give the numbers that carry your argument.

# %% [markdown]
# *Your answer goes here: double-click, and replace this line.*
#
# ### BEGIN SOLUTION
# A block of ratio 1 has two convolutions and all others have three, so it is another kind of block, and no line
# through it describes the others. From ratio 2 on the MACs are exactly 4,290,048 times the ratio: 8.6 million at 2,
# 25.7 million at 6, not 33. At ratio 1 that line says 4.29 million and the block has 2.48: what is missing is the
# expansion, 24 times 24 weights at 3,136 places, 1.81 million. So the step from 1 to 2, 6.1 million, is one step of the
# ratio and the purchase of the expansion in one. A later step costs 4.29 million: twice 1.81 for mixing 24 channels into
# 24 more and back, and only 0.68 for filtering 24 more channels. What she gets for it is what the block of ratio 1 goes
# without: its filters read 24 channels as they come, each unmixed, and it bends in 24 numbers. The wide block's filters
# read mixtures, and it bends in many numbers, where what one loses another still holds.
# ### END SOLUTION
