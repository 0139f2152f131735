# ---
# jupyter:
#   effnet_course: {title: "Sheet 01: what a convolution costs", minutes: 90, seconds: 10, memory_mb: 500}
# ---

# %% [markdown]
# # Problem sheet 01 · What does a convolution cost?
#
# After this sheet you can count the multiply-accumulates (MACs) and parameters of any convolution; say
# what separating one saves, and when the saving is worth having; predict how fast a layer could run; and
# explain why two counters print different numbers for one network. Work through lesson 01 first.
#
# Six functions and one question in words: 90 minutes, 24 points. In each function, replace the last
# line. Then run the cell below it, which **checks** your function on fifteen cases or more. If it is wrong
# you see the smallest case that fails, and if the mistake is a known one, a hint. Check as often as you
# like: nothing is counted, and nothing leaves your machine. When you are stuck, `hint("01.1")` gives a
# first hint and `hint("01.1", 2)` a second.
#
# The package's `cost` module does most of this for you. Leave it aside until your function passes, and
# compare then.

# %%
import math

from effnet_course.checking import check, hint

# %% [markdown]
# ## 01.1 · What does a convolution cost?
# *10 minutes · moderate · 3 points*
#
# Count the MACs of a convolution over one image. Counts like this one decide which network fits a phone
# and which does not. You can do it without running anything.
#
# From 64 to 128 channels through 3x3 windows, on a 56x56 image padded by 1, with stride 2 and two
# groups: `conv_macs(64, 128, 3, 56, 56, 2, 1, 2)` is `28,901,376`.


# %%
def conv_macs(in_channels: int, out_channels: int, kernel: int, height: int, width: int,
              stride: int, padding: int, groups: int) -> int:
    """MACs of a convolution, for one image.

    height, width: of the input, in pixels. padding: pixels added on each of the four sides; their zeros
    are multiplied like other numbers. stride: the same in both directions. groups divides both channel
    counts. The window stops only where it lies wholly on the padded image.
    """
    ### BEGIN SOLUTION
    rows = (height + 2 * padding - kernel) // stride + 1
    columns = (width + 2 * padding - kernel) // stride + 1
    macs_per_output = kernel**2 * (in_channels // groups)
    return rows * columns * out_channels * macs_per_output
    ### END SOLUTION


# %%
check("01.1", conv_macs)

# %% [markdown]
# ## 01.2 · What does a convolution hold?
# *10 minutes · easy · 2 points*
#
# Count the parameters of the same layer: the numbers that are learned, stored and downloaded. You are
# given all that a layer has, more than you need.
#
# The layer of 01.1 with a bias: `conv_params(64, 128, 3, 56, 56, 2, 1, 2, True)` is `36,992`.


# %%
def conv_params(in_channels: int, out_channels: int, kernel: int, height: int, width: int,
                stride: int, padding: int, groups: int, bias: bool) -> int:
    """Parameters of a convolution, weights and biases. The arguments: those of conv_macs, and bias."""
    ### BEGIN SOLUTION
    weights = kernel**2 * (in_channels // groups) * out_channels
    return weights + out_channels if bias else weights
    ### END SOLUTION


# %%
check("01.2", conv_params)

# %% [markdown]
# ## 01.3 · How much does separating save?
# *10 minutes · moderate · 3 points*
#
# A depthwise-separable layer replaces a standard one of the same shapes: a depthwise step filters each
# input channel by itself, then a pointwise step, a 1x1 convolution, mixes the channels. Return its MACs
# divided by the standard layer's.
#
# For 3x3 windows from 64 to 256 channels on a 56x56 image: `separable_ratio(64, 256, 3, 56, 56)` is
# `0.1150`.


# %%
def separable_ratio(in_channels: int, out_channels: int, kernel: int, height: int, width: int) -> float:
    """MACs of a depthwise-separable layer over those of a standard layer, both at stride 1.

    height, width: of the image, in pixels; padding keeps them. kernel: 2 or more.
    """
    ### BEGIN SOLUTION
    standard = height * width * kernel**2 * in_channels * out_channels
    depthwise = height * width * kernel**2 * in_channels
    pointwise = height * width * in_channels * out_channels
    return (depthwise + pointwise) / standard
    ### END SOLUTION


# %%
check("01.3", separable_ratio)

# %% [markdown]
# ## 01.4 · At which width does separating pay?
# *20 minutes · hard · 5 points*
#
# "A separable layer is nearly as good at an eighth of the cost, so it is the better bargain at any
# width that matters." Put that to the test with a model, which is not a law. A standard layer with C
# output channels is worth C to the power of `growth`: with 0.05, twice the channels are worth 3.5 % more.
# A separable layer of the same width is worth `share` times that. Both read the same input.
#
# Compare the two in two ways. *Same width*: which has more worth per MAC? *Same MACs*: make the
# separable layer as wide as the standard layer's MACs allow; which is worth more? For each way, return
# the width of the **standard** layer at which the two tie; with more channels the separable layer wins.
# Where it never wins, return `math.inf`. A width need not be a whole number.
#
# For 3x3 windows and a share of 0.9: `break_even_widths(3, 0.9, 0.05)` is `(1.268, 11.62)`. Take paper
# first; the code is short.


# %%
def break_even_widths(kernel: int, share: float, growth: float) -> tuple[float, float]:
    """Widths of the standard layer above which a separable layer wins: (same width, same MACs).

    A width is a number of output channels. kernel: 2 or more. share: the worth of a separable layer
    divided by that of a standard one of its width, between 0 and 1. growth: the exponent with which
    worth grows with width, above 0 and at most 1.
    """
    ### BEGIN SOLUTION
    # Same width: share / (1/C + 1/K^2) = 1.
    per_mac = share - 1 / kernel**2
    # Same MACs: K^2 C = K^2 + wider, so wider = K^2 (C - 1); then share * wider^growth = C^growth.
    same_macs = 1 - share ** (-1 / growth) / kernel**2
    return (1 / per_mac if per_mac > 0 else math.inf,
            1 / same_macs if same_macs > 0 else math.inf)
    ### END SOLUTION


# %%
check("01.4", break_even_widths)

# %% [markdown]
# ## 01.5 · How fast could it be?
# *15 minutes · moderate · 4 points*
#
# A machine computes and moves numbers at the same time, so a layer takes at least as long as the slower
# of the two. That bound is the roofline. Return the layer's arithmetic intensity, in FLOPs for each byte
# moved, and the least time it can take, in seconds.
#
# A depthwise 3x3 layer with 64 channels on a 56x56 image, 32-bit numbers, on a machine with 10¹² FLOPs
# and 5 × 10¹⁰ bytes a second: `roofline(64, 64, 3, 56, 56, 64, 4, 1e12, 5e10)` is `(2.247, 0.00003216)`.


# %%
def roofline(in_channels: int, out_channels: int, kernel: int, height: int, width: int, groups: int,
             bytes_per_number: int, flops_per_second: float,
             bytes_per_second: float) -> tuple[float, float]:
    """Arithmetic intensity and least time of a convolution on one image: (FLOPs per byte, seconds).

    Stride 1, padding that keeps the image's size, no bias. 1 MAC is 2 FLOPs. Input, output and weights
    each move once, at bytes_per_number a number.
    """
    ### BEGIN SOLUTION
    weights = kernel**2 * (in_channels // groups) * out_channels
    flops = 2 * height * width * weights
    numbers = height * width * (in_channels + out_channels) + weights
    moved = numbers * bytes_per_number
    return flops / moved, max(flops / flops_per_second, moved / bytes_per_second)
    ### END SOLUTION


# %%
check("01.5", roofline)

# %% [markdown]
# ## 01.6 · Two counters disagree
# *10 minutes · moderate · 3 points*
#
# Ask two well-known tools for the "FLOPs" of ResNet-18 on a 224x224 image. fvcore's `FlopCountAnalysis`
# prints 1,819,065,856, PyTorch's `FlopCounterMode` 3,628,146,688. Neither is broken. They count:
#
# | | fvcore | PyTorch |
# |---|---|---|
# | a multiply-accumulate of a convolution or linear layer | 1 | 2 |
# | a number that passes a batch norm (in evaluation) | 2 | 0 |
# | a number that goes into the average pooling | 1 | 0 |
# | additions, activations, maximum pooling | 0 | 0 |
#
# Work back from the two readings to what happened in the network. The average pooling of ResNet-18
# reads 25,088 numbers: `reconcile(1819065856, 3628146688, 25088)` is `(1,814,073,344, 2,483,712)`.


# %%
def reconcile(fvcore: int, flop_counter: int, pooled: int) -> tuple[int, int]:
    """What two counters' readings for one network say about it: (MACs, numbers that pass a batch norm).

    fvcore: reading of FlopCountAnalysis. flop_counter: reading of PyTorch's FlopCounterMode. pooled:
    how many numbers go into the average pooling.
    """
    ### BEGIN SOLUTION
    macs = flop_counter // 2
    normalised = (fvcore - macs - pooled) // 2
    return macs, normalised
    ### END SOLUTION


# %%
check("01.6", reconcile)

# %% [markdown]
# ## In words: eight times cheaper, but not eight times faster
# *15 minutes · moderate · 4 points*
#
# A friend swaps a 3x3 layer from 64 to 256 channels on a 56x56 image for a separable one: two layers, each
# of which reads its input from memory and writes its result back. Together they have 8.7 times fewer
# MACs, but on a machine with 10¹³ FLOPs and 10¹¹ bytes a second (32-bit numbers) they cannot run even
# twice as fast as the old layer could. "So MACs are counted wrongly," says the friend.
#
# Explain in five to eight sentences what happens. Use your `roofline` on the three layers involved, and
# give the numbers that carry your argument.

# %% [markdown]
# *Your answer goes here: double-click, and replace this line.*
#
# ### BEGIN SOLUTION
# The count is right, but it predicts time only for a layer that spends its time computing. This machine
# computes 100 FLOPs in the time it takes to move a byte. The standard layer does 201 FLOPs for each byte
# it moves, so it is limited by computing: at least 92 µs. The depthwise step does 2.2 and the pointwise
# step 25, so both wait for memory: at least 16 µs and 41 µs, together 57 µs, which is 1.6 times faster
# and not 8.7. Separating removed multiplications but not traffic. It even added some: what the depthwise
# step writes, the pointwise step reads again. On a machine with more memory speed for its computing speed,
# the same swap would come closer to 8.7.
# ### END SOLUTION
