# ---
# jupyter:
#   effnet_course: {title: "Sheet 12: Architecture search", minutes: 115, seconds: 20, memory_mb: 500}
# ---

# %% [markdown]
# # Problem sheet 12 · Who designed B0?
#
# After this sheet you can say what a reward pays for; draw a network from a space and count it; take one step of REINFORCE by hand; let a population of networks age; and draw the curve of a
# search with its interval. Work through lesson 12 first.
#
# Five functions and one question in words: 115 minutes, 26 points. In each function, replace the last line, then run the
# cell below it. The check shows the smallest case that fails, and if the mistake is a known one, a hint. When you are stuck,
# `hint("12.1")` gives a first hint and `hint("12.1", 2)` a second. All numbers are made up, so that the check knows the answer.

# %%
import math

import numpy as np

from effnet_course.checking import check, hint

# %% [markdown]
# ## 12.1 · What does the reward pay for?
# *15 minutes · easy · 4 points*
#
# You want to use the reward of the EfficientNet paper, top-1 times (cost / target) to the power of $w$. Your counter prints FLOPs, and the paper's target, 400 million, is MACs, whatever the paper calls it. The `exponent` is $w$ as it stands, with its sign, and need not be the paper's.
# Return the reward, with top-1 in percent, and the top-1 (in percent) that a network of *twice* the cost would need to earn the same.
#
# For example, `reward_and_price(72.0, 1200000000, 400000000, -0.07)` is `(69.985, 75.580)`.


# %%
def reward_and_price(top1: float, flops: float, target_macs: float, exponent: float) -> tuple[float, float]:
    """(reward, top-1 that a network of twice the cost would need for the same reward).

    top1: in percent. flops: of the network, 1 MAC being 2 FLOPs. target_macs: in MACs. exponent: w, with its sign.
    """
    ### BEGIN SOLUTION
    reward = top1 * (flops / 2 / target_macs) ** exponent
    return reward, top1 * 2**-exponent
    ### END SOLUTION


# %%
check("12.1", reward_and_price)

# %% [markdown]
# ## 12.2 · Draw a stage, and count it
# *20 minutes · moderate · 4 points*
#
# A stage of MBConv blocks is three decisions: the expansion ratio e, the kernel K, the number of blocks. For each there is a list of options, and a number from 0 up to, but not including, 1 that was drawn by chance: each option gets an equal share of that line,
# the first one the lowest; a share has its lower end and not its upper one. Return how many different stages there are to draw from; the stage that was drawn, as a list `[e, K, blocks]`; and its MACs.
#
# A block expands (1x1; not at e = 1), filters (depthwise, K x K) and projects (1x1). There is no gate, and no stride: all maps have `resolution` times `resolution` pixels. The first block reads `channels_in`, and every block writes `channels`.
#
# For example, `sample_and_count([[2, 4, 6], [3, 5], [1, 2, 3]], [0.4, 0.8, 0.5], 4, 6, 8)` is `(18, [4, 5, 2], 92,672)`: three values, 18 stages, the one with e = 4, K = 5 and 2 blocks, and
# some ninety-three thousand MACs. (Here and in the check's messages a comma without a space only parts the thousands.)


# %%
def sample_and_count(
    options: list[list[int]], draws: list[float], channels_in: int, channels: int, resolution: int
) -> tuple[int, list[int], int]:
    """(stages in the space, [e, K, blocks] drawn, MACs of that stage).

    options: the values for e, for K and for the number of blocks. draws: a number in [0, 1) for each of the three.
    channels_in: what the first block reads. channels: what every block writes. resolution: side of all maps, pixels.
    """
    ### BEGIN SOLUTION
    size = math.prod(len(row) for row in options)
    e, k, blocks = picked = [row[int(u * len(row))] for row, u in zip(options, draws, strict=True)]
    macs, c = 0, channels_in
    for _ in range(blocks):
        expand = e * c * c if e > 1 else 0
        macs += (expand + k * k * e * c + e * c * channels) * resolution**2
        c = channels
    return size, picked, macs
    ### END SOLUTION


# %%
check("12.2", sample_and_count)

# %% [markdown]
# ## 12.3 · One step of REINFORCE
# *25 minutes · hard · 5 points*
#
# A controller has a list of logits for each decision; a softmax turns them into probabilities, each decision by itself. It has drawn a network (`picked`: for each decision the place of the option, from 0), and the network has earned its reward. Move the logits one
# step *up* the gradient of the expected reward, as REINFORCE estimates it from this one draw, with the baseline you are given. Then renew the baseline for the next step: nine tenths of the old one, one tenth of this reward.
# Return the new logits, a list for each decision, and the new baseline.
#
# For example, `reinforce_step([[0.0, 0.0], [0.0, 0.0, 0.0]], [1, 0], 64.0, 60.0, 0.1)` is `([[-0.200, 0.200], [0.267, -0.133, -0.133]], 60.4)`.


# %%
def reinforce_step(
    logits: list[list[float]], picked: list[int], reward: float, baseline: float, rate: float
) -> tuple[list[list[float]], float]:
    """(the logits after one step, the new baseline).

    logits: for each decision, one for each option. picked: for each decision, the place of the option that was drawn.
    baseline: a moving average of the rewards before this one. rate: learning rate.
    """
    ### BEGIN SOLUTION
    moved = []
    for row, chosen in zip(logits, picked, strict=True):
        p = np.exp(row) / np.exp(row).sum()
        drawn = np.eye(len(row))[chosen]
        moved.append((np.array(row) + rate * (reward - baseline) * (drawn - p)).tolist())
    return moved, 0.9 * baseline + 0.1 * reward
    ### END SOLUTION


# %%
check("12.3", reinforce_step)

# %% [markdown]
# ## 12.4 · Who dies, who is born?
# *20 minutes · moderate · 4 points*
#
# One cycle of regularised evolution. The population stands in order of birth, the oldest first, each network a list of decisions, with its value in a second list. Some were drawn for the tournament (`sampled`: places in the population). The best of *these* is the parent. Its
# child is a copy in which one decision has another option; it was trained and got a value of its own. Return the population after the cycle, oldest first, and its values. (No two values are alike.)
#
# For example, `one_cycle([[2, 3], [4, 5], [6, 3]], [61.0, 58.0, 60.0], [1, 2], 0, 4, 57.0)` is `([[4, 5], [6, 3], [4, 3]], [58.0, 60.0, 57.0])`.


# %%
def one_cycle(
    population: list[list[int]], values: list[float], sampled: list[int], decision: int, option: int, value: float
) -> tuple[list[list[int]], list[float]]:
    """(the population after one cycle, oldest first, and its values).

    population: networks, each a list with an option for each decision, oldest first. values: theirs, in the same order.
    sampled: places of those drawn. decision, option: which decision of the child changes, and to what. value: the child's.
    """
    ### BEGIN SOLUTION
    parent = max(sampled, key=lambda place: values[place])
    child = list(population[parent])
    child[decision] = option
    return population[1:] + [child], values[1:] + [value]
    ### END SOLUTION


# %%
check("12.4", one_cycle)

# %% [markdown]
# ## 12.5 · A curve with its interval
# *20 minutes · moderate · 5 points*
#
# A search method was run several times, with different seeds. You have the values in the order in which each search looked at them. How good is what the method has found, on average, after 1 look, 2 looks, 3 looks? And how well do so few searches tell you that average? For each number of
# looks, take each search's best so far; return the mean over the searches, and the two ends of the *mean's* 95 % interval: 1.96 standard errors of the mean to either side, from the standard deviation with $n - 1$.
#
# Three searches of two looks: `best_so_far([[50.0, 60.0], [54.0, 52.0], [52.0, 54.0]])` is `([52.00, 56.00], [49.74, 52.08], [54.26, 59.92])`.


# %%
def best_so_far(searches: list[list[float]]) -> tuple[list[float], list[float], list[float]]:
    """(mean over searches of the best so far, low, high), each a list with an entry for each look.

    searches: for each search the values it saw, in order; all have the same number of looks, and there are two or more.
    """
    ### BEGIN SOLUTION
    best = np.maximum.accumulate(np.array(searches), axis=1)
    mean = best.mean(axis=0)
    half = 1.96 * best.std(axis=0, ddof=1) / math.sqrt(len(best))
    return mean, mean - half, mean + half
    ### END SOLUTION


# %%
check("12.5", best_so_far)

# %% [markdown]
# ## In words: evolution beats dice
# *15 minutes · moderate · 4 points*
#
# A report: "We searched a space of 50,000 small networks. Random search, run once with 100 looks, found 71.8 %. Our evolution, run three times with 400 looks each after we had tuned its population and its mutations on this space, found 72.9 % in its best run. Evolution is better by 1.1 points,
# and our network has 72.9 %. (Each network was trained once; another seed moves it by half a point. Validation images throughout.)"
#
# Explain in six to nine sentences why neither the 1.1 points nor the 72.9 % stand, and what you would run to learn whether evolution is better and how good its network is. You have the 1,300 looks that they had without their tuning. Everything you train comes out of these: one training run is one look, whether
# you search with it, tune with it, or train a network that you have found once more.

# %% [markdown]
# *Your answer goes here: double-click, and replace this line.*
#
# ### BEGIN SOLUTION
# The two methods had different budgets: the best of 400 looks is higher than the best of 100 with any method, dice included. They also had different numbers of tries: the best of three searches is set against a single one, and a method should be judged by its mean over many searches, with an interval. Tuning was a search as well,
# and its looks are not in the account. So the 1.1 points may be due to looks, to luck or to evolution, and the report can't tell. The 72.9 % are too high, too: that network was picked *because* its one noisy value was the highest of 1,200, so part of it is the luck of its seed and of these validation images. Trained again with seeds that the search has not
# seen, it would on average come out lower. I would fix evolution's settings beforehand, untuned, give both methods 60 looks and run each ten times with different seeds, which is 1,200 looks, and compare the means of the best found, with an interval for the difference. To judge what was found I would train the winners of both again with a few new seeds, which uses the other 100 runs, and
# compare those values, not the ones the search saw. The test images I would read once, for the network that I keep at the end.
# ### END SOLUTION
