# ---
# jupyter:
#   effnet_course: {title: "Sheet 05: Deeper, wider or sharper", minutes: 115, seconds: 20, memory_mb: 500}
# ---

# %% [markdown]
# # Problem sheet 05 · What if I only go deeper, wider or sharper?
#
# After this sheet you can compute what an output sees; say how much deeper a sharper image asks for; find the powers behind a table of costs, and where
# they fail; put an interval on the next doubling; and choose among runs without being fooled by their seeds. Work through lesson 05 first.
#
# Five functions and one question in words: 115 minutes, 25 points. In each function, replace the last line, then run the
# cell below it. The check shows the smallest case that fails, and if the mistake is a known one, a hint. When you are stuck,
# `hint("05.1")` gives a first hint and `hint("05.1", 2)` a second.
#
# Where runs appear, they are made up, so that the check knows the answer. At the end you can try your functions on the recorded ones.

# %%
import math

import numpy as np
from scipy import stats

from effnet_course import atlas
from effnet_course.checking import check, hint

# %% [markdown]
# ## 05.1 · What does an output see?
# *10 minutes · easy · 3 points*
#
# A detector misses objects larger than what its outputs see. Before you blame the training, compute that. Return the side of the receptive field after a stack of
# layers, and the step: how many pixels of the image lie between two neighbours of the last map.
#
# A 3x3 layer with stride 2, then one with stride 1: `receptive_field([3, 3], [2, 1])` is `(7, 2)`.


# %%
def receptive_field(kernels: list[int], strides: list[int]) -> tuple[int, int]:
    """(side of the field, step from one position to the next) after these layers, in pixels of the
    image.

    kernels, strides: one number for each layer; the first layer reads the image.
    """
    ### BEGIN SOLUTION
    side, step = 1, 1
    for kernel, stride in zip(kernels, strides, strict=True):
        side += (kernel - 1) * step
        step *= stride
    return side, step
    ### END SOLUTION


# %%
check("05.1", receptive_field)

# %% [markdown]
# ## 05.2 · How deep for how sharp?
# *20 minutes · moderate · 4 points*
#
# A network has some first layers. Then come blocks of one $K \times K$ layer each, stride 1. How many blocks does an image of a given size need, so that the field covers it (is at
# least as wide)? Answer twice: for the theoretical field, and for the part that is in use.
#
# For the part in use, take a model. Suppose all paths from a pixel to the output count alike. Then a path is a random walk: in each layer it steps to one of the $K$ positions of the window, each
# equally likely. Along one side that has the variance $(K^2 - 1)/12$, in units of the layer's own positions. Independent steps add their *variances*. The walk's end is nearly normally distributed, and 90 % of
# it lies within 1.645 standard deviations on either side of the middle: a stretch of **3.29** standard deviations. That stretch is the part in use.
# (The lesson measured something else, the square that holds 90 % of the *squared gradient*. Here it is 90 % of the paths, along *one side*, and the
# two need not agree.)
#
# For 32 pixels, after a 3x3 layer with stride 1 and one with stride 2, with 3x3 blocks: `blocks_to_cover(32, [[3, 1], [3, 2]], 3)` is `(7, 35)`.


# %%
def blocks_to_cover(resolution: int, first: list[list[int]], kernel: int) -> tuple[int, int]:
    """The least number of blocks to add so that an image is covered: (by the theoretical field, by the
    part in use).

    resolution: side of the image in pixels. first: [kernel, stride] of the layers that are there.
    kernel: of the added blocks, whose stride is 1. Either number is 0 where nothing need be added.
    """
    ### BEGIN SOLUTION
    side, step, variance = 1, 1, 0.0
    for k, stride in first:
        side, variance = side + (k - 1) * step, variance + step**2 * (k**2 - 1) / 12
        step *= stride
    by_theory = math.ceil((resolution - side) / ((kernel - 1) * step))
    by_use = math.ceil(((resolution / 3.29) ** 2 - variance) / (step**2 * (kernel**2 - 1) / 12))
    return max(0, by_theory), max(0, by_use)
    ### END SOLUTION


# %%
check("05.2", blocks_to_cover)

# %% [markdown]
# ## 05.3 · Find the powers, and where they fail
# *25 minutes · hard · 5 points*
#
# Someone hands you the multipliers and the MACs of a few scaled networks. The first is the base, with all multipliers 1. Find the powers of $d$, $w$ and $r$ by least squares over *all* networks, with a constant, as in the lesson. And
# find the network for which the rule $d\,w^2\,r^2$ (times the base's MACs) is off by the largest *factor*, too high or too low. Return its place in the list, counted from 0.
#
# Five networks: `powers([[1, 1, 1], [2, 1, 1], [1, 2, 1], [1, 1, 2], [2, 2, 2]], [100, 200, 380, 400, 1560])` is
# `(0.6391, 1.5651, 1.6391, 4)`. (Printed here to four places; return the powers unrounded. The last network is far too cheap, and pulls all
# powers down: five are few.)


# %%
def powers(scales: list[list[float]], macs: list[int]) -> tuple[float, float, float, int]:
    """(power of d, power of w, power of r, the network that the rule misses by the largest factor, from
    0).

    scales: [d, w, r] of each network, the first is [1, 1, 1]. macs: the MACs of each.
    """
    ### BEGIN SOLUTION
    logs, counted = np.log(scales), np.log(macs)
    rows = np.column_stack([np.ones(len(macs)), logs])
    fit, *_ = np.linalg.lstsq(rows, counted, rcond=None)
    off = np.abs(counted - counted[0] - logs @ [1, 2, 2])
    return *fit[1:], off.argmax()
    ### END SOLUTION


# %%
check("05.3", powers)

# %% [markdown]
# ## 05.4 · The next doubling, with an interval
# *25 minutes · moderate · 5 points*
#
# The lesson's `doubling` and `band` are the start of this one; write it for any runs and any place. Runs of a growing network, some sizes with several seeds. Fit a line to top-1 against $\log_2$ of the MACs, through all runs, each run a point of its own. Return the points gained for each doubling; the line's value at another
# size; and that value's 95 % interval by Student's t, for the *line* (not for a single new run).
#
# For a line through $n$ points, the spread around it is the squared misses, added up, divided by the degrees of freedom, and the root. The error of its value at $x$ is
# $\text{spread} \cdot \sqrt{1/n + (x - \bar x)^2 / \sum (x_i - \bar x)^2}$. How many degrees of freedom does a line leave?
#
# Four runs of 1, 2 and 4 million MACs, and the question about 8: `extrapolate([1, 2, 4, 4], [50, 53, 54, 55], 8)` is
# `(2.182, 56.818, 53.431, 60.206)`.


# %%
def extrapolate(macs: list[float], top1: list[float], at: float) -> tuple[float, float, float, float]:
    """(points per doubling, the line's value at `at` MACs, and the low and high end of its 95 %
    interval).

    macs, top1: one entry for each run, top-1 in percent. at: MACs in the same unit; may lie inside the
    range of the runs.
    """
    ### BEGIN SOLUTION
    x, y, n = np.log2(macs), np.array(top1), len(macs)
    line = stats.linregress(x, y)
    value = line.intercept + line.slope * np.log2(at)
    spread = np.sqrt(((y - line.intercept - line.slope * x) ** 2).sum() / (n - 2))
    error = spread * np.sqrt(1 / n + (np.log2(at) - x.mean()) ** 2 / ((x - x.mean()) ** 2).sum())
    half = stats.t.ppf(0.975, n - 2) * error
    return line.slope, value, value - half, value + half
    ### END SOLUTION


# %%
check("05.4", extrapolate)

# %% [markdown]
# ## 05.5 · Which dimension, or is it undecided?
# *20 minutes · moderate · 4 points*
#
# A table of runs: rows `[family, macs, top1]`, with the top-1 of each seed. Among the networks of the families `"depth"`, `"width"` and `"resolution"` whose MACs lie within 3 % of the budget, take the
# two with the highest means. Return the better one's family if the 95 % interval of the difference lies above 0, else `"undecided"`; then the lead and its interval. Pool the spread over seeds from **all**
# rows of the table, the other budgets and the base included.
#
# Two seeds each: `best_dimension([["base", 1.0, [60.0, 60.8]], ["depth", 2.0, [62.0, 62.6]], ["width", 2.01, [65.0, 65.4]], ["resolution", 1.99, [62.9, 63.3]]], 2.0)` is
# `("width", 2.10, 0.97, 3.23)`.


# %%
def best_dimension(rows: list, budget: float) -> tuple[str, float, float, float]:
    """(the best family at a budget or "undecided", its lead in points, low and high end of the 95 %
    interval).

    rows: [family, macs, [top-1 of each seed, in percent]]. budget: in the unit of macs. Numbers of
    seeds may differ.
    """
    ### BEGIN SOLUTION
    pooled = atlas.spread([values for _, _, values in rows])
    single = ("depth", "width", "resolution")
    there = [row for row in rows if row[0] in single and abs(row[1] / budget - 1) <= 0.03]
    there.sort(key=lambda row: np.mean(row[2]), reverse=True)
    lead, low, high = atlas.difference(there[0][2], there[1][2], pooled)
    return there[0][0] if low > 0 else "undecided", lead, low, high
    ### END SOLUTION


# %%
check("05.5", best_dimension)

# %% [markdown]
# Now the recorded runs, for whatever budgets there are. (Nothing is checked here, and with no runs recorded yet nothing is printed. At 0.5 times the base's MACs networks come in coarse steps,
# so that we compare from 2 times on.)

# %%
recorded = [p for p in atlas.summary(atlas.runs()) if p.study == "cifar10-short"]
single = ("base", "depth", "width", "resolution")
table = [[p.family, p.macs, list(p.values)] for p in recorded if p.family in single]
for size in (2, 4, 8):
    near = [p for p in recorded if p.budget == size and p.family in ("depth", "width", "resolution")]
    if len(near) > 1:
        try:
            print(f"about {size} times:", best_dimension(table, sum(p.macs for p in near) / len(near)))
        except NotImplementedError:
            print(f"about {size} times: when 05.5 is solved")

# %% [markdown]
# ## In words: it sees enough, it is best, and it goes on
# *15 minutes · moderate · 4 points*
#
# A colleague scales a small network in resolution alone. "First, its receptive field is 75 pixels, and my images have 45, so a deeper network is pointless. Second, at four times the MACs resolution has 71.9, 72.6 and 72.0 % with
# three seeds, width 71.5, 72.3 and 71.6 %. So resolution is better. Third, it gained 2.0 percentage points with each of the last two doublings, so with six more I will have 84 %."
#
# Explain in six to nine sentences what is wrong with each of the three (for the second, with numbers; a pooled spread of these two networks will do), and name one run or measurement that would really help.

# %% [markdown]
# *Your answer goes here: double-click, and replace this line.*
#
# ### BEGIN SOLUTION
# The 75 pixels say from where an output can be influenced at all. What is in use is a far smaller spot in the middle, because many paths lead there and few to the rim, and that spot does not grow with the image. So a field of 75
# pixels does not show that 45 are covered, and a deeper network may help. In the second claim, the means are 72.17 and 71.80 %, a difference of 0.37 percentage points. The pooled spread is 0.41 with 4 degrees of freedom, so
# the error of the difference is 0.33, and with a factor of 2.78 the 95 % interval goes from -0.56 to 1.29. It covers 0: these runs do not decide, and they show just as little that the two are equal. The third claim takes for
# granted that six doublings bring as much as the last two. Nothing in the runs says so; a curve that bends towards a floor looks the same over two doublings, and beyond the images' own pixels there is no more detail to gain.
# More seeds for these two networks would narrow the interval, and one run at the next doubling would test the line.
# ### END SOLUTION
