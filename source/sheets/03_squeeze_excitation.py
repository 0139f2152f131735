# ---
# jupyter:
#   effnet_course: {title: "Sheet 03: what a gate looks at", minutes: 75, seconds: 10, memory_mb: 500}
# ---

# %% [markdown]
# # Problem sheet 03 · What does a gate look at?
#
# After this sheet you can compute squeeze-and-excitation on paper and with arrays; find the width of its squeeze;
# say what it costs and which share of a block that is; and tell what a gate can see of an image and what it can't.
# Work through lesson 03 first.
#
# Five functions and one question in words: 75 minutes, 21 points. In each function, replace the last line. Then run
# the cell below it, which **checks** your function on a dozen cases or more. If it is wrong you see the smallest case
# that fails, and if the mistake is a known one, a hint. Check as often as you like: nothing is counted, and nothing
# leaves your machine. When you are stuck, `hint("03.1")` gives a first hint and `hint("03.1", 2)` a second.
#
# Feature maps and weights come as nested lists: a map is a list of channels, each a list of rows. `numpy.array(x)`
# makes an array of one. The package's modules `model`, `arch`, `cost` and `explain` do most of this for you. Leave
# them aside until your function passes, and compare then.

# %%
import math

import numpy as np

from effnet_course.checking import check, hint

# %% [markdown]
# ## 03.1 · One gate, on paper
# *10 minutes · moderate · 3 points*
#
# A block squeezes all its channels to a single number. The squeeze has been taken: you are given the channels' means. Compute
# the gate of one channel. Take paper first, for the numbers below; you need sigmoid(1) = 0.731 and, at the end,
# sigmoid(-0.96) = 0.277. Then write it as code.
#
# `one_gate([3, 1, 0, 2], [1, -1, 2, 0], -1, -2, 0.5)` is `0.2765`.


# %%
def one_gate(means: list[float], reduce: list[float], reduce_bias: float, restore: float,
             restore_bias: float) -> float:
    """The gate of one channel, in a block that squeezes to a single number.

    means: of all the channels. reduce, reduce_bias: a weight for each mean, and the bias, of the first
    layer, which SiLU follows. restore, restore_bias: the weight and the bias of the second layer that
    belong to this channel's gate.
    """
    ### BEGIN SOLUTION
    squeezed = sum(weight * mean for weight, mean in zip(reduce, means, strict=True)) + reduce_bias
    activated = squeezed / (1 + math.exp(-squeezed))
    return 1 / (1 + math.exp(-(restore * activated + restore_bias)))
    ### END SOLUTION


# %%
check("03.1", one_gate)

# %% [markdown]
# ## 03.2 · Squeeze, excite, scale
# *15 minutes · moderate · 4 points*
#
# Now all of it, with arrays: from a feature map to the feature map that the block's projection reads. You will meet
# these eight lines in many networks that are not called EfficientNet.
#
# Two channels of 1x2 pixels, squeezed to one number:
# `squeeze_excite([[[1, 3]], [[4, 4]]], [[1, 0.5]], [0], [[1], [-1]], [0, 0])` is `[[[0.981, 2.942]], [[0.077, 0.077]]]`.


# %%
def squeeze_excite(x: list, reduce: list, reduce_bias: list, restore: list, restore_bias: list):
    """A feature map through squeeze-and-excitation: an array of its shape.

    x: (channels, height, width). reduce: (squeezed, channels). reduce_bias: (squeezed,). restore:
    (channels, squeezed). restore_bias: (channels,). SiLU follows the first layer, a sigmoid the second.
    """
    ### BEGIN SOLUTION
    x = np.array(x)
    squeezed = x.mean(axis=(1, 2))
    hidden = np.array(reduce) @ squeezed + reduce_bias
    hidden = hidden / (1 + np.exp(-hidden))
    gates = 1 / (1 + np.exp(-(np.array(restore) @ hidden + restore_bias)))
    return x * gates[:, None, None]
    ### END SOLUTION


# %%
check("03.2", squeeze_excite)

# %% [markdown]
# ## 03.3 · How narrow is the squeeze?
# *5 minutes · easy · 2 points*
#
# An MBConv block has three widths: the channels that come in, `expand` times as many inside, and the channels that go
# out. Return how many channels are left between the two layers of its squeeze-and-excitation. Whoever takes the ratio of
# the wrong width gets a network that runs, trains, and is not EfficientNet.
#
# B0's first block of stage 3: `squeeze_width(16, 6, 24, 0.25)` is `4`.


# %%
def squeeze_width(in_channels: int, expand: int, out_channels: int, ratio: float) -> int:
    """Channels inside the squeeze-and-excitation of an MBConv block, as in the published code: a
    fraction is cut off, and there is always at least one.
    """
    ### BEGIN SOLUTION
    wanted = in_channels * ratio
    return max(1, int(wanted))
    ### END SOLUTION


# %%
check("03.3", squeeze_width)

# %% [markdown]
# ## 03.4 · What does a gate cost?
# *15 minutes · moderate · 4 points*
#
# Count the parameters and the MACs of the squeeze-and-excitation in one block, and say which share of the block's
# parameters and of its MACs that is. The block has stride 1: expand (1x1), depthwise, squeeze-and-excitation, project (1x1); with an
# expansion ratio of 1 there is no expand layer. Only the two layers of squeeze-and-excitation have biases. Leave out
# batch norm.
#
# A block in the middle of B0: `se_cost(80, 6, 80, 3, 14, 20)` is `(19,700, 19,200, 0.1954, 0.001206)`.


# %%
def se_cost(in_channels: int, expand: int, out_channels: int, kernel: int, resolution: int,
            squeezed: int) -> tuple[int, int, float, float]:
    """Parameters and MACs of a block's squeeze-and-excitation, and its shares of the block's:
    (parameters, MACs, share of parameters, share of MACs).

    kernel: of the depthwise layer. resolution: height and width of the map, in pixels. MACs are for one
    image.
    """
    ### BEGIN SOLUTION
    expanded = in_channels * expand
    macs = 2 * expanded * squeezed
    params = macs + squeezed + expanded
    others = expanded * kernel**2 + expanded * out_channels
    if expand > 1:
        others += in_channels * expanded
    return params, macs, params / (params + others), macs / (macs + others * resolution**2)
    ### END SOLUTION


# %%
check("03.4", se_cost)

# %% [markdown]
# ## 03.5 · What can a gate not see?
# *15 minutes · moderate · 4 points*
#
# You are given a feature map, and the same map after something was done to it: mirrored, shuffled, made brighter, enlarged.
# Is there any squeeze-and-excitation, with whatever weights, that gives the two maps different gates? Return True or False.
# What no gate can see, no training can make it use.
#
# `can_tell_apart([[[1, 3]]], [[[1, 4]]])` is `True`.


# %%
def can_tell_apart(before: list, after: list) -> bool:
    """Whether some squeeze-and-excitation gives two feature maps different gates.

    before, after: maps of as many channels, each a list of rows. They may differ in height and width.
    """
    ### BEGIN SOLUTION
    means_before = [np.mean(channel) for channel in before]
    means_after = [np.mean(channel) for channel in after]
    return not np.allclose(means_before, means_after)
    ### END SOLUTION


# %%
check("03.5", can_tell_apart)

# %% [markdown]
# ## In words: an eighth of the weights, next to none of the work
# *15 minutes · moderate · 4 points*
#
# A friend reads about EfficientNet-B0: "Squeeze-and-excitation holds 12.0 % of the parameters and does 0.16 % of the
# multiply-accumulates." The friend says: "One of the two is a misprint. If the layers hold an eighth of the weights, they do about an
# eighth of the work. And if it really is 0.16 %, leaving them out can't save me any time."
#
# Answer in five to eight sentences. Use your `se_cost` on the block of exercise 03.4, and give the numbers that carry your
# argument. (The friend's two figures are shares of the whole network. Your block's will be others, and make the same point.) Say what is right and what is wrong about the last sentence, too.

# %% [markdown]
# *Your answer goes here: double-click, and replace this line.*
#
# ### BEGIN SOLUTION
# Both figures, which are of the whole network, are right, because a weight and a multiplication are not the same thing. In the block of 03.4 the other layers use
# each of their 81,120 weights once at every one of 14 x 14 = 196 positions: 15.9 million MACs. The squeeze leaves a
# map of one pixel, so the 19,200 weights of squeeze-and-excitation are used once for an image: 19,200 MACs. So in this one block it
# has 19.5 % of the parameters (its 500 biases included) and 0.12 % of its MACs; the larger the map, the wider the gap. The last sentence
# takes MACs for time. The counter leaves out that all 480 channels of the map have to be averaged before a single gate is known,
# and then read again, multiplied and written: that is little arithmetic and much traffic, and nothing else can go on until the
# mean is there. So leaving it out can save a share of the time that is many times its share of the MACs. How large only a
# stopwatch can tell.
# ### END SOLUTION
