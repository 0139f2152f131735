# ---
# jupyter:
#   effnet_course: {title: "Sheet 13: Beyond", minutes: 105, seconds: 20, memory_mb: 500}
# ---

# %% [markdown]
# # Problem sheet 13 · Where does the idea go from here?
#
# After this sheet you can fuse maps of different size, weigh a fused block against an MBConv one, grow a network without writing much more, and make an ablation fair that was not. Work through lesson 13 first: its core, and parts A, B and D.
#
# Five functions and one question in words: 105 minutes, 25 points. In each function, replace the last line, then run the
# cell below it. The check shows the smallest case that fails, and if the mistake is a known one, a hint. When you are stuck,
# `hint("13.1")` gives a first hint and `hint("13.1", 2)` a second. MACs and activations are for one image; 1 MAC = 2 FLOPs.

# %%
import math

import numpy as np

from effnet_course.arch import B0
from effnet_course.checking import check, hint
from effnet_course.cost import network_cost

# %% [markdown]
# ## 13.1 · How much to trust each map
# *15 minutes · easy · 4 points*
#
# A detector fuses a fine map with a coarse one of half its size. First bring the coarse map to the fine one's size: each of its numbers fills a square of two by two. Then take the weighted mean of the two, as in BiFPN: a negative weight counts as 0, and
# 0.0001 is added to the sum of the weights, so that the quotient always exists.
#
# Trust the fine map three times as much: `fuse_levels([[1.0, 2.0], [3.0, 4.0]], [[10.0]], [3.0, 1.0])` is `[[3.250, 4.000], [4.750, 5.500]]`, here printed to three digits; return them all.


# %%
def fuse_levels(fine: list, coarse: list, weights: list[float]) -> np.ndarray:
    """The fused map, of the fine one's size.

    fine: 2h rows of 2w numbers. coarse: h rows of w numbers. weights: of the fine map, of the coarse map.
    """
    ### BEGIN SOLUTION
    enlarged = np.array(coarse).repeat(2, axis=0).repeat(2, axis=1)
    a, b = np.maximum(weights, 0)
    return (a * np.array(fine) + b * enlarged) / (a + b + 0.0001)
    ### END SOLUTION


# %%
check("13.1", fuse_levels)

# %% [markdown]
# ## 13.2 · Fused, or not
# *20 minutes · moderate · 4 points*
#
# Should this stage be fused? An MBConv block expands with a 1x1 convolution, filters each expanded channel by itself (the stride is here), and projects with a 1x1 convolution. A fused block expands and filters in one full convolution (the stride is here), then projects. Leave the gate out of both. Return the MACs of the MBConv block, the MACs of the fused one, and the activations (numbers that
# convolutions write) of both. Padding is such that $p$ pixels at stride $s$ become $p/s$, rounded up.
#
# From 16 to 24 channels, as early in B0: `fused_or_not(16, 24, 6, 3, 2, 112)` is `(29,202,432, 50,577,408, 1,580,544, 376,320)`.


# %%
def fused_or_not(in_channels: int, out_channels: int, expand: int, kernel: int, stride: int, pixels: int) -> tuple:
    """(MACs of MBConv, MACs of fused, activations of MBConv, activations of fused), for one image.

    expand: 2 or more; the block is expand times as wide inside as its input. pixels: side of the input.
    """
    ### BEGIN SOLUTION
    wide, after = expand * in_channels, math.ceil(pixels / stride)
    expansion, projection = pixels**2 * in_channels * wide, after**2 * wide * out_channels
    mbconv = expansion + after**2 * kernel**2 * wide + projection
    fused = after**2 * kernel**2 * in_channels * wide + projection
    last = after**2 * (wide + out_channels)
    return mbconv, fused, pixels**2 * wide + last, last
    ### END SOLUTION


# %%
check("13.2", fused_or_not)

# %% [markdown]
# ## 13.3 · Grow fast
# *15 minutes · easy · 4 points*
#
# You may spend some times the MACs, and memory traffic is what your machine waits for. Give a share of the growth to width, and the rest to depth and resolution in equal parts: of $\log g$, the share goes to $w^2$, and of the rest one half to $d$ and one half to $r^2$. Return $d$, $w$, $r$ and how many times the activations the network writes by the rule (lesson 06 has it), all without rounding.
#
# Sixteen times the MACs: `fast_growth(16.0, 0.8)` is `(1.320, 3.031, 1.149, 5.278)`.


# %%
def fast_growth(growth: float, share: float) -> tuple[float, float, float, float]:
    """(d, w, r, times the activations).

    growth: times the MACs, 1 or more. share: fast-scaling share, 0 to 1: how much of the growth goes to width.
    """
    ### BEGIN SOLUTION
    d, w, r = growth ** ((1 - share) / 2), growth ** (share / 2), growth ** ((1 - share) / 4)
    return d, w, r, d * w * r**2
    ### END SOLUTION


# %%
check("13.3", fast_growth)

# %% [markdown]
# ## 13.4 · An ablation at equal MACs
# *20 minutes · moderate · 5 points*
#
# Somebody scales B0 in all three dimensions, by $d$, $w$ and $r$, and wants to compare it with B0 scaled in one. Which networks would be fair? Return the least depth multiplier in tenths, the least width multiplier in hundredths, and the least whole number of pixels at which B0, changed in that dimension *alone*, does at least as many MACs as the compound network. (Lesson 13 took the nearest. Here nobody shall say that the rival was given less.) Count them as they are built: `network_cost(B0.scaled(depth=..., width=..., resolution=...)).macs`.
# None is below 1, or below 224 pixels. (A resolution of `pixels / 224` makes the image that size.)
#
# One step of phi: `fair_rows(1.2, 1.1, 1.15)` is `(2.4, 1.65, 353)`. When yours passes, ask it for the network of the paper's Table 7, `fair_rows(1.4, 1.2, 1.3)`.


# %%
def fair_rows(d: float, w: float, r: float) -> tuple[float, float, int]:
    """(depth, width, pixels), each enough alone for the MACs of B0.scaled(d, w, r)."""

    ### BEGIN SOLUTION
    def enough(**one):
        return network_cost(B0.scaled(**one)).macs >= wanted

    wanted = network_cost(B0.scaled(d, w, r)).macs
    depth = next(n / 10 for n in range(10, 1000) if enough(depth=n / 10))
    width = next(n / 100 for n in range(100, 1000) if enough(width=n / 100))
    return depth, width, next(n for n in range(224, 5000) if enough(resolution=n / 224))
    ### END SOLUTION


# %%
check("13.4", fair_rows)

# %% [markdown]
# ## 13.5 · What is left of the gap
# *20 minutes · moderate · 4 points*
#
# The fair networks were not trained. But a row of networks of one dimension was, with rising MACs. Estimate what the row would reach at the compound network's MACs: draw each network at the *logarithm* of its MACs, join neighbours by straight lines, and read off. Beyond either end, go on along the nearest line. Return that top-1, and by how many points the compound network is above it.
#
# A row of three, compound at twice the MACs of the last: `gap_at_equal_macs([0.4, 0.8, 1.6], [77.0, 78.5, 79.0], 3.2, 81.0)` is `(79.5, 1.5)`.


# %%
def gap_at_equal_macs(macs: list[float], top1: list[float], compound_macs: float, compound_top1: float) -> tuple:
    """(top-1 of the row at the compound network's MACs, compound minus that), in percent and points.

    macs, top1: one entry for each network of the row, two or more, MACs rising.
    """
    ### BEGIN SOLUTION
    x, at = np.log2(macs), math.log2(compound_macs)
    right = min(max(np.searchsorted(x, at), 1), len(x) - 1)
    slope = (top1[right] - top1[right - 1]) / (x[right] - x[right - 1])
    expected = top1[right - 1] + slope * (at - x[right - 1])
    return expected, compound_top1 - expected
    ### END SOLUTION


# %%
check("13.5", gap_at_equal_macs)

# %% [markdown]
# ## In words: proved by 6.9 points
# *15 minutes · moderate · 4 points*
#
# A blog writes: "EfficientNet-B4 has 82.9 % and ResNet-50 has 76.0 %, at about the same FLOPs. So compound scaling is worth 6.9 points, and whoever replaces ResNet-50 by B4 saves money." You know: trained by torchvision's newer recipe ResNet-50 has 80.9 %; with one plain recipe for both, B4 leads by 1.8 points; 64 images on a V100 took 201 ms with B4 and 57 ms with ResNet-50.
#
# Answer in six to nine sentences: what the 6.9 points mix up, what in the comparison has nothing to do with scaling, what is wrong with the sentence on money, and which experiment would show what compound scaling is worth.

# %% [markdown]
# *Your answer goes here: double-click, and replace this line.*
#
# ### BEGIN SOLUTION
# The 6.9 points compare two networks *with their recipes*. ResNet-50 gains almost 5 points by a newer recipe without a MAC more, and with one plain recipe for both the lead of B4 is 1.8 points; even that belongs to one recipe, and another could favour either. What is left is still no effect of scaling: B4 starts from another base than ResNet-50, one that was searched for,
# with depthwise layers, gates and SiLU, and it sees 380 pixels in place of 224. So the pair can't tell what came from the base and what from scaling it. On money: equal FLOPs are not equal time, and on the V100 B4 takes 3.5 times as long for the same images, so the bill would rise; only a measurement on the machine one pays for would tell. To see what compound scaling is worth I would take one base, scale it in depth alone, width alone,
# resolution alone and in all three to the same counted MACs, train all with one recipe and several seeds, choose the best single dimension on validation images and read the difference, with its interval, on test images; and then repeat that with a second base.
# ### END SOLUTION
