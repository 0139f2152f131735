# ---
# jupyter:
#   effnet_course: {title: "Sheet 10: The efficiency frontier", minutes: 110, seconds: 20, memory_mb: 500}
# ---

# %% [markdown]
# # Problem sheet 10 · Which network should I pick?
#
# After this sheet you can find the networks that no other one beats; say what a ratio of accuracy and cost favours; stop scaling by a rule; turn raw times into a
# report that others can believe; and compare several small networks with one big one at equal MACs. Work through lesson 10 first.
#
# Five functions and one question in words: 110 minutes, 26 points. In each function, replace the last line, then run the
# cell below it. The check shows the smallest case that fails, and if the mistake is a known one, a hint. When you are stuck,
# `hint("10.1")` gives a first hint and `hint("10.1", 2)` a second. All tables are made up, so that the check knows the answer.

# %%
import math

import numpy as np

from effnet_course.checking import check, hint

# %% [markdown]
# ## 10.1 · Which networks does no other one beat?
# *15 minutes · easy · 4 points*
#
# Before you choose, throw away what nobody should choose. A network beats another if it costs at most as much, has at least the same top-1, and is better in at least one
# of the two. Return the places (from 0) of the networks that none beats, by rising MACs; those of equal MACs in the order of the list.
#
# Four networks: `pareto_front([4.0, 1.0, 2.0, 2.0], [78.0, 70.0, 69.0, 74.0])` is `[1, 3, 0]`. (A list, also when only one is left.)


# %%
def pareto_front(macs: list[float], top1: list[float]) -> list[int]:
    """Places, from 0, of the networks that no other one beats, by rising MACs.

    macs, top1: one entry for each network, in any order; top-1 in percent. Two networks may be alike.
    """
    ### BEGIN SOLUTION
    def beats(a, b):
        return macs[a] <= macs[b] and top1[a] >= top1[b] and (macs[a], top1[a]) != (macs[b], top1[b])

    everyone = range(len(macs))
    free = [b for b in everyone if not any(beats(a, b) for a in everyone)]
    return sorted(free, key=lambda place: macs[place])
    ### END SOLUTION


# %%
check("10.1", pareto_front)

# %% [markdown]
# ## 10.2 · Where do the ratios peak?
# *15 minutes · moderate · 4 points*
#
# "Accuracy per parameter" and "accuracy per MAC" are printed in many papers. Find out what they favour. Return three places: where top-1 divided by parameters is highest, where top-1 divided by MACs is, and where the points *above guessing*,
# divided by MACs, are. All classes are equally frequent: among ten, somebody who guesses is right in one image of ten. The lists may be in any order; no ratio is highest twice.
#
# Three networks, eight classes: `ratio_peaks([4.0, 3.0, 7.0], [1.0, 2.0, 4.0], [20.0, 38.0, 75.0], 8)` is `(1, 0, 2)`.


# %%
def ratio_peaks(params: list[float], macs: list[float], top1: list[float], classes: int) -> tuple[int, int, int]:
    """Places where top-1 per parameter, top-1 per MAC and points above guessing per MAC are highest.

    params, macs, top1: one entry for each network; top-1 in percent. classes: equally frequent.
    """
    ### BEGIN SOLUTION
    params, macs, top1 = np.array(params), np.array(macs), np.array(top1)
    above = top1 - 100 / classes
    return np.argmax(top1 / params), np.argmax(top1 / macs), np.argmax(above / macs)
    ### END SOLUTION


# %%
check("10.2", ratio_peaks)

# %% [markdown]
# ## 10.3 · When is the next one not worth it?
# *15 minutes · moderate · 4 points*
#
# You go up a family of networks, each dearer than the one before. What counts is what the *next* step brings, in points for each doubling of the MACs. You stop before the first step that brings less than your threshold; one
# that brings exactly that is taken. Return the place where you stop, the gain of the step that led there, and the gain of the step you refuse, both per doubling. Where there is no such step, 0.
#
# Ask for one point: `stop_scaling([1, 2, 8, 16], [70, 72, 74.4, 74.8], 1.0)` is `(2, 1.2, 0.4)`.


# %%
def stop_scaling(macs: list[float], top1: list[float], threshold: float) -> tuple[int, float, float]:
    """(place to stop, gain of the step taken to it, gain of the step refused), gains in points per doubling.

    macs: rising. top1: in percent. threshold: points that a doubling must bring.
    """
    ### BEGIN SOLUTION
    gains = [(top1[i] - top1[i - 1]) / math.log2(macs[i] / macs[i - 1]) for i in range(1, len(macs))]
    place = next((i for i, gain in enumerate(gains) if gain < threshold), len(gains))
    taken = gains[place - 1] if place > 0 else 0
    refused = gains[place] if place < len(gains) else 0
    return place, taken, refused
    ### END SOLUTION


# %%
check("10.3", stop_scaling)

# %% [markdown]
# ## 10.4 · A time that others can believe
# *20 minutes · moderate · 5 points*
#
# Somebody hands you raw times: seconds of one call after the other, each a forward pass of one batch. Leave out the first calls, the warm-up. Of the others, return the median in milliseconds; the distance between lower and upper
# quartile in milliseconds (as `numpy.percentile` gives quartiles); the 99th percentile in milliseconds, as the least measured time within which at least 99 % of the calls were done; and the images a second, by the median.
#
# Six calls, batches of 8: `fair_latency([0.5, 0.012, 0.010, 0.020, 0.011, 0.013], 1, 8)` is `(12.0, 2.0, 20.0, 666.7)`.


# %%
def fair_latency(times: list[float], warmup: int, batch: int) -> tuple[float, float, float, float]:
    """(median, distance of the quartiles, 99th percentile: all in ms for a batch; images a second).

    times: seconds of each call, in the order in which they were made. warmup: so many at the start don't count.
    """
    ### BEGIN SOLUTION
    ms = 1000 * np.array(times[warmup:])
    low, median, high = np.percentile(ms, [25, 50, 75])
    place = math.ceil(99 * len(ms) / 100) - 1
    return median, high - low, np.sort(ms)[place], 1000 * batch / median
    ### END SOLUTION


# %%
check("10.4", fair_latency)

# %% [markdown]
# ## 10.5 · Several small, or one big?
# *30 minutes · hard · 5 points*
#
# For the MACs of one big network several small ones can answer, and their probabilities be averaged. Use as many members, from the start of the list, as cost together at most what the big one costs. Return how many those are;
# the ensemble's top-1; how many points that is above the *mean* top-1 of the members used; the ensemble's lead over the big network, in points; and the lead's 95 % interval.
#
# Both answered the same images, so the interval is that of a mean of differences: for each image, is the ensemble right (1 or 0) minus is the big one right. (NumPy takes no difference of True and False: make
# them numbers first, with `.astype(int)`.) With $n$ images and the standard deviation of these differences (squares divided by
# $n - 1$), the standard error is that deviation over $\sqrt{n}$, and the interval reaches 1.96 standard errors to either side.
#
# Three members, three images, two classes; a member costs 2, the big network 5:
# `ensemble_lead([[[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]], [[0.4, 0.6], [0.3, 0.7], [0.4, 0.6]], [[0.1, 0.9], [0.8, 0.2], [0.9, 0.1]]], [0, 1, 1], [0, 0, 0], 2, 5)` is `(2, 100.0, 33.3, 66.7, 1.3, 132.0)`.
# (An interval that reaches beyond 100 points: three images are far too few for the normal law. Leave it as it comes.)


# %%
def ensemble_lead(members: list, labels: list[int], big: list[int], small_macs: int, big_macs: int) -> tuple:
    """(members used, ensemble's top-1 in percent, gain over the mean member, lead over the big network, low, high).

    members: for each member, each image, the probability of each class. labels: the right classes. big: the class
    that the big network answers for each image, right or wrong. small_macs: of one member; big_macs: of the big network.
    """
    ### BEGIN SOLUTION
    p, y = np.array(members)[: big_macs // small_macs], np.array(labels)
    ours, theirs = p.mean(0).argmax(1) == y, np.array(big) == y
    top1, singles = 100 * ours.mean(), 100 * (p.argmax(2) == y).mean()
    difference = 100 * (ours.astype(float) - theirs)
    lead, half = difference.mean(), 1.96 * difference.std(ddof=1) / math.sqrt(len(y))
    return len(p), top1, top1 - singles, lead, lead - half, lead + half
    ### END SOLUTION


# %%
check("10.5", ensemble_lead)

# %% [markdown]
# ## In words: ten times fewer, so ten times faster
# *15 minutes · moderate · 4 points*
#
# A team builds the camera of a delivery robot: a frame every 33 ms, which must be answered before the next one comes. Their note says: "We replace network A (4.1 billion MACs, 11 million activations, 54 layers, median 24 ms) by network B
# (0.4 billion MACs, 7 million activations, 82 layers), since it will be ten times as fast. We timed B once, directly after loading: 210 ms, so we process eight frames in one batch, which takes 60 ms in the median, or 7.5 ms a frame: well under 33."
#
# Explain in six to nine sentences what is wrong with the expectation, with the measurement, and with the conclusion from the batch, and say what you would measure to decide.

# %% [markdown]
# *Your answer goes here: double-click, and replace this line.*
#
# ### BEGIN SOLUTION
# MACs count arithmetic, not time. B does a tenth of A's MACs but writes almost two thirds as many activations, and where moving numbers takes the time (depthwise layers, normalisation, activation functions) these tell more; and each of B's 82 layers has to be started. So B may be faster than A by much less than ten times, and only
# a measurement on this machine will tell. The 210 ms are one call, and the first: it holds the claiming of memory and other work that later calls do not repeat. One needs some calls as a warm-up, then some hundreds of timed ones with their median and spread, best in turn with A's. For the batch, 7.5 ms a frame is a
# throughput. The first frame of eight waits 7 times 33, or 231 ms, until the batch is full, and then 60 ms more, so its answer comes 291 ms after it was taken: far beyond 33. Besides, a deadline is missed by the slow calls, and the median says
# nothing of those. I would time B with batch 1 on the robot's own processor, while everything else runs that will run there, for several thousand frames, and ask whether the 99th percentile (or whatever share of misses is allowed) is under 33 ms.
# ### END SOLUTION
