# ---
# jupyter:
#   effnet_course: {title: "Sheet 04: EfficientNet-B0 to the unit", minutes: 110, seconds: 15, memory_mb: 500}
# ---

# %% [markdown]
# # Problem sheet 04 · Can you rebuild B0 exactly?
#
# After this sheet you can turn a stage table into blocks; say what a file of weights does not tell; count a whole
# EfficientNet to the unit; find out from a few numbers what is wrong with someone else's; and say where a network is
# best made thinner. Work through lesson 04 first.
#
# Five functions and one question in words: 110 minutes, 27 points. In each function, replace the last line, then run the
# cell below it. The check shows the smallest case that fails, and if the mistake is a known one, a hint. When you are stuck,
# `hint("04.1")` gives a first hint and `hint("04.1", 2)` a second.
#
# In 04.1 to 04.3 you build what the package's `arch` and `cost` do: leave them aside until your function passes. In 04.4
# and 04.5 you use them.

# %%
from dataclasses import replace
from itertools import combinations

from effnet_course.arch import B0, Stage
from effnet_course.checking import check, hint
from effnet_course.cost import network_cost

# %% [markdown]
# ## 04.1 · From a stage table to blocks
# *15 minutes · moderate · 4 points*
#
# A stage table is short because it leaves things out. Write them in: list every block of the network. A row of the table is
# `[expand, kernel, stride, channels, repeats]`. A block is a tuple `(channels in, channels out, kernel, stride, expand,
# residual)`; `residual` is `True` where the block adds its input to its output.
#
# A stem of 32 channels and two rows: `stage_blocks(32, [[1, 3, 1, 16, 1], [6, 3, 2, 24, 2]])` is
# `[(32, 16, 3, 1, 1, False), (16, 24, 3, 2, 6, False), (24, 24, 3, 1, 6, True)]`.


# %%
def stage_blocks(stem: int, rows: list[list[int]]) -> list[tuple[int, int, int, int, int, bool]]:
    """The blocks that a stage table stands for, in order.

    stem: channels that the stem writes, so that the first block reads them. rows: [expand, kernel,
    stride, channels, repeats], one for each stage.
    """
    ### BEGIN SOLUTION
    blocks, channels = [], stem
    for expand, kernel, stride, out, repeats in rows:
        for index in range(repeats):
            step = stride if index == 0 else 1
            blocks.append((channels, out, kernel, step, expand, step == 1 and channels == out))
            channels = out
    return blocks
    ### END SOLUTION


# %%
check("04.1", stage_blocks)

# %% [markdown]
# ## 04.2 · What does a state dict not say?
# *20 minutes · moderate · 4 points*
#
# The authors' TensorFlow code, Keras, torchvision and timm all build EfficientNet-B0. Suppose you carry all weights and running
# statistics from one to another, array by array; arrays of different shapes, and arrays too many or too few, are noticed. What differs and is
# **not** noticed? Return two lists of names, in the order in which they are given: what changes the answers **at once**, in evaluation
# mode, and what changes something only in **further training**.
#
# Both networks are described by the same settings, though not every case has all of them:
#
# | name | what it is |
# |---|---|
# | `framework` | `"tensorflow"` or `"pytorch"`. Not a difference by itself, but it says how `momentum` is written |
# | `momentum` | of batch norm: weight of the *old* statistics in TensorFlow, of the *new* batch in PyTorch. Always there |
# | `epsilon` | of batch norm |
# | `kernels`, `channels`, `strides` | one for each stage |
# | `squeeze from` | whose channels the squeeze width is a quarter of |
# | `convolution bias` | whether the convolutions outside SE have one |
# | `classes` | of the classifier |
# | `activation`, `residual` | which activation; whether blocks add their input |
# | `padding` | at stride 2 |
# | `dropout`, `stochastic depth` | rates |
# | `initialisation` | how the first weights are drawn |
# | `input` | what range of numbers the network is shown |
#
# torchvision's weights in a network with another epsilon and dropout: `unnoticed({"framework": "pytorch", "momentum": 0.1,
# "epsilon": 0.00001, "dropout": 0.2}, {"framework": "pytorch", "momentum": 0.1, "epsilon": 0.001, "dropout": 0.0})` is
# `(["epsilon"], ["dropout"])`.


# %%
def unnoticed(ours: dict, theirs: dict) -> tuple[list[str], list[str]]:
    """What differs between two networks although the weights of one fit the other: (at once, in
    training).

    ours, theirs: the same settings, name to value, in the same order. Both lists keep that order, which
    differs from case to case.
    """
    ### BEGIN SOLUTION
    always = ("strides", "padding", "activation", "residual", "epsilon", "input")
    training = ("momentum", "dropout", "stochastic depth")
    old, new = (s["momentum"] if s["framework"] == "tensorflow" else 1 - s["momentum"]
                for s in (ours, theirs))
    differing = [n for n in ours if (ours[n] != theirs[n] if n != "momentum" else abs(old - new) > 1e-6)]
    return [n for n in differing if n in always], [n for n in differing if n in training]
    ### END SOLUTION


# %%
check("04.2", unnoticed)

# %% [markdown]
# ## 04.3 · B0, to the unit
# *25 minutes · hard · 6 points*
#
# Count the parameters and MACs of a whole network from its blocks. You have counted single convolutions in sheet 01, so that
# count is given: `conv` returns a convolution's parameters and MACs. What is left is to know which convolutions there are, and on
# what maps they work.
#
# The stem is a 3x3 convolution with stride 2 on an RGB image. The head is a 1x1 convolution after the last block. Then
# come pooling and a linear layer with a bias, which is a 1x1 convolution on a single position. Each block has a squeeze-and-excitation whose
# width is a quarter of the block's *input* channels, rounded down, and at least 1. A stride of 2 halves the side, rounded up.
#
# A stem of 8, one block, a head of 16, two classes, 8 pixels:
# `network_counts(8, 16, 2, 8, [[8, 16, 3, 1, 2, False]])` is `(1,260, 16,096)`.


# %%
def conv(in_channels: int, out_channels: int, kernel: int, side: int,
         groups: int = 1, norm: bool = True) -> tuple[int, int]:
    """(parameters, MACs) of a convolution that writes side x side pixels, with batch norm, or else with
    a bias.
    """
    weights = kernel**2 * (in_channels // groups) * out_channels
    return weights + (2 if norm else 1) * out_channels, weights * side**2


# %%
def network_counts(stem: int, head: int, classes: int, resolution: int,
                   blocks: list[list]) -> tuple[int, int]:
    """(parameters, MACs) of an EfficientNet for one square image. 1 MAC = 2 FLOPs.

    stem, head: channels that they write. resolution: side of the image in pixels. blocks: as 04.1 lists
    them, (channels in, channels out, kernel, stride, expand, residual).
    """
    ### BEGIN SOLUTION
    side = -(-resolution // 2)
    layers = [conv(3, stem, 3, side)]
    for i, o, kernel, stride, expand, _ in blocks:
        wide, squeezed, after = expand * i, max(1, i // 4), -(-side // stride)
        layers += [conv(i, wide, 1, side)] if expand != 1 else []
        layers += [conv(wide, wide, kernel, after, groups=wide), conv(wide, o, 1, after)]
        layers += [conv(wide, squeezed, 1, 1, norm=False), conv(squeezed, wide, 1, 1, norm=False)]
        side = after
    layers += [conv(blocks[-1][1], head, 1, side), conv(head, classes, 1, 1, norm=False)]
    return sum(params for params, _ in layers), sum(macs for _, macs in layers)
    ### END SOLUTION


# %%
check("04.3", network_counts)

# %% [markdown]
# ## 04.4 · Name the bug
# *20 minutes · moderate · 5 points*
#
# Four people have rebuilt B0 for ten classes and run it at 192 pixels. You don't see their code, only what it does: `side` is the side of
# the last map, `lowest` the lowest number that was seen after any activation (SiLU reaches -0.278).
#
# | | params | macs | side | lowest |
# |---|---|---|---|---|
# | P | 4,020,358 | 57,746,384 | 1 | -0.278 |
# | Q | 4,147,086 | 376,297,280 | 6 | -0.278 |
# | R | 7,155,658 | 1,131,991,552 | 12 | 0.0 |
# | S | 4,020,358 | 282,694,528 | 6 | 0.0 |
#
# Write a function that names the mistakes in any such network: a list of names from `MISTAKES`, in that order; an empty
# list if there is none. There may be up to three at once. `measure` below goes the other way, from mistakes to behaviour. Then ask your function about P
# to S.
#
# A network at 32 pixels with ten classes: `name_the_bug(32, 10, 3918982, 8193760, 1, -0.278)` is `["kernels all 3x3"]`.

# %%
MISTAKES = {
    "SE from the expanded channels": lambda net: replace(net, se_base="expanded"),
    "SE from the output channels": lambda net: replace(net, se_base="output"),
    "ReLU6": lambda net: replace(net, activation="relu6"),
    "stem stride 1": lambda net: replace(net, stem_stride=1),
    "stride in every block": lambda net: replace(
        net, stages=tuple(replace(s, repeats=1) for s in net.stages for _ in range(s.repeats))
    ),
    "kernels all 3x3": lambda net: replace(net, stages=tuple(replace(s, kernel=3) for s in net.stages)),
    "stage 2 expanded": lambda net: replace(
        net, stages=(replace(net.stages[0], expand=6), *net.stages[1:])
    ),
}


def measure(mistakes, resolution: int, classes: int) -> tuple[int, int, int, float]:
    """(params, macs, side, lowest) of B0 with these mistakes made one after the other."""
    net = replace(B0, resolution=resolution)
    for mistake in mistakes:
        net = MISTAKES[mistake](net)
    counted, last = network_cost(net, classes), net.blocks()[-1]
    lowest = -0.278 if net.activation == "silu" else 0.0
    return counted.params, counted.macs, -(-last.resolution // last.stride), lowest


# %%
def name_the_bug(resolution: int, classes: int, params: int, macs: int, side: int,
                 lowest: float) -> list[str]:
    """The mistakes in a network that was meant to be B0: names from MISTAKES, in that order, none to
    three.

    resolution: side of the image in pixels. The two names about SE never occur together.
    """
    ### BEGIN SOLUTION
    for count in range(4):
        for mistakes in combinations(MISTAKES, count):
            if measure(mistakes, resolution, classes) == (params, macs, side, lowest):
                return list(mistakes)
    ### END SOLUTION


# %%
check("04.4", name_the_bug)

# %% [markdown]
# ## 04.5 · Which stage would you thin?
# *15 minutes · moderate · 4 points*
#
# A network has to run faster, and you may take away one block. You want to save many MACs and give up few parameters, which is where the network
# keeps what it has learned. For each row with two blocks or more, work out what goes when its last block goes. Return the row with the most
# MACs saved **for each parameter** given up, counted from 1, and its two savings.
#
# You may use the package: `replace(B0, stem=..., head=..., resolution=..., stages=..., channel_step=1)` makes a network from rows
# (`channel_step=1` keeps the channels as they are), `Stage(*row)` a stage, and `network_cost` counts it.
#
# A small network with two rows: `stage_to_thin(8, 16, 8, [[1, 3, 1, 8, 2], [2, 3, 2, 16, 2]])` is `(1, 2,208, 210)`.


# %%
def stage_to_thin(stem: int, head: int, resolution: int, rows: list[list[int]]) -> tuple[int, int, int]:
    """(row, MACs saved, parameters saved) for the row whose last block saves the most MACs for each
    parameter.

    rows: [expand, kernel, stride, channels, repeats], as in 04.1. Row 1 is the first. A row keeps at
    least one block.
    """
    ### BEGIN SOLUTION
    net = replace(B0, stem=stem, head=head, resolution=resolution,
                  stages=tuple(Stage(*r) for r in rows), channel_step=1)
    whole, savings = network_cost(net), []
    for number, stage in enumerate(net.stages):
        if stage.repeats > 1:
            thinner = replace(stage, repeats=stage.repeats - 1)
            stages = (*net.stages[:number], thinner, *net.stages[number + 1 :])
            less = network_cost(replace(net, stages=stages))
            savings.append((number + 1, whole.macs - less.macs, whole.params - less.params))
    return max(savings, key=lambda saving: saving[1] / saving[2])
    ### END SOLUTION


# %%
check("04.5", stage_to_thin)

# %% [markdown]
# ## In words: the parameters are right, so it is right
# *15 minutes · moderate · 4 points*
#
# A friend has rebuilt B0. "It has 5,288,548 parameters," she says, "the very number of the original, to the last digit. And I have loaded torchvision's
# freshly made weights, and all the answers agree to ten decimal places. So it is the same network." You run it on one image of 224 pixels: it does
# 516,350,752 MACs.
#
# Explain in five to eight sentences why neither of her two tests could have failed, what her network has wrong (lesson 04 has met that number), and which two
# tests would have told her.

# %% [markdown]
# *Your answer goes here: double-click, and replace this line.*
#
# ### BEGIN SOLUTION
# A parameter count sees the shapes of the weights, and a weight has the same shape however often it is used. So a wrong stride cannot change it. Her
# second test compares zeros: with freshly made weights, and batch norms that have seen no data, the signal shrinks at nearly every step, and
# every network answers as good as zero to every image. A network with a block left out would have passed as well.
# The MACs are 134 % of the right 385,814,752, so some layers work on maps that are too large. 516,350,752 is what comes out when
# strides are read off an early version of the paper's table, which says 28 pixels for stage 6 where it should say 14: stage 5 gets stride 1
# and stage 6 stride 2. Counting MACs would have told her at once. And so would the comparison of answers, if
# she had first given batch norm the statistics of some images, checked that the answers differ from image to image, and seen a
# deliberately broken network fail.
# ### END SOLUTION
