# ---
# jupyter:
#   effnet_course: {title: "Sheet 07: a search and its doubts", minutes: 110, seconds: 20, memory_mb: 500}
# ---

# %% [markdown]
# # Problem sheet 07 · Where do 1.2, 1.1, 1.15 come from?
#
# After this sheet you can list every candidate of a coefficient search; name the best of them together with those that can't be told
# apart from it; say whether two rankings agree, and how sure that is; and run a search at half the price. Work through
# lesson 07 first.
#
# Five functions and one question in words: 110 minutes, 26 points. In each function, replace the last line, then run the
# cell below it. The check shows the smallest case that fails, and if the mistake is a known one, a hint. When you are stuck,
# `hint("07.1")` gives a first hint and `hint("07.1", 2)` a second.
#
# A candidate is a number, counted from 0. Its scores are top-1 in percent, one for each seed. **All scores in the checks are made up**, drawn from a
# seed, so that everybody gets the same. Afterwards you can give your functions the recorded ones: `atlas.summary(atlas.runs())`.

# %%
import math
import statistics

import numpy as np

from effnet_course.checking import check, hint

# %% [markdown]
# ## 07.1 · Every candidate there is
# *15 minutes · moderate · 4 points*
#
# A search begins with a list of everything that may be chosen. Return all triples (alpha, beta, gamma) on a grid whose factor of MACs,
# by the rule of compound scaling, is at most `tolerance` away from `target`. Every coefficient runs from 1 to its highest value, both
# included, in steps of `step`. Order: by alpha, then beta, then gamma.
#
# A very coarse grid: `feasible_triples(0.5, [1.5, 1.5, 1.5], 2.0, 0.5)` is `[(1.0, 1.0, 1.5), (1.0, 1.5, 1.0), (1.5, 1.0, 1.0)]`.


# %%
def feasible_triples(step: float, highest: list[float], target: float, tolerance: float) -> list[tuple]:
    """The triples (alpha, beta, gamma) on the grid whose factor of MACs is within `tolerance` of `target`.

    highest: the largest alpha, beta and gamma. 1 is a whole number of steps.
    """
    ### BEGIN SOLUTION
    one = round(1 / step)  # count in steps, so that nothing is rounded on the way
    alphas, betas, gammas = (range(one, round(high * one) + 1) for high in highest)
    return [
        (a / one, b / one, c / one)
        for a in alphas for b in betas for c in gammas
        if abs(a * b**2 * c**2 / one**5 - target) <= tolerance + 1e-9
    ]
    ### END SOLUTION


# %%
check("07.1", feasible_triples)

# %% [markdown]
# ## 07.2 · The best of them, with its company
# *25 minutes · hard · 6 points*
#
# Every candidate was trained with a few seeds. Which is best, how good is it, and who can't be told apart from it? Return
#
# 1. the candidate with the highest mean;
# 2. and 3. the ends of the 95 % interval of its mean;
# 4. the list of all candidates, the best included, for which the 95 % interval of the difference to the best holds 0, in rising order.
#
# No two candidates share the highest mean. Use the **pooled** spread of all candidates (lesson 05) throughout. An interval reaches `t` standard errors to either side. `t` is Student's factor for
# the pooled degrees of freedom (the number of scores minus the number of candidates); it comes with the case. Candidates may
# have different numbers of seeds. Don't round; the example below is shortened for print.
#
# `choose([[70.0, 70.4, 70.8], [69.1, 68.7, 69.2], [70.6, 70.0, 69.9]], 2.447)` is `(0, 69.90, 70.90, [0, 2])`.


# %%
def choose(scores: list[list[float]], t: float) -> tuple[int, float, float, list[int]]:
    """(best candidate, low, high, candidates not told apart from it).

    scores: for each candidate its top-1 in percent, one for each seed. t: standard errors that an interval reaches.
    """
    ### BEGIN SOLUTION
    means = [statistics.mean(group) for group in scores]
    best = means.index(max(means))
    squares = sum((v - m) ** 2 for group, m in zip(scores, means, strict=True) for v in group)
    spread = math.sqrt(squares / sum(len(group) - 1 for group in scores))
    half = t * spread / math.sqrt(len(scores[best]))
    reach = [t * spread * math.sqrt(1 / len(group) + 1 / len(scores[best])) for group in scores]
    tied = [k for k in range(len(scores)) if means[best] - means[k] <= reach[k]]
    return best, means[best] - half, means[best] + half, tied
    ### END SOLUTION


# %%
check("07.2", choose)

# %% [markdown]
# ## 07.3 · Do two rankings agree?
# *15 minutes · moderate · 4 points*
#
# The same candidates were measured at a small and at a large budget. Return Spearman's rank correlation of the two lists: the correlation of their
# ranks. Equal values share the mean of the ranks that they take up together. Write it yourself, with numpy if you like; scipy may check it
# afterwards.
#
# `rank_correlation([66.1, 68.3, 67.0], [70.2, 72.0, 72.5])` is `0.50`.


# %%
def rank_correlation(small: list[float], large: list[float]) -> float:
    """Spearman's rank correlation, -1 to 1. small, large: a value for each candidate, in the same order."""
    ### BEGIN SOLUTION
    def ranks(values):
        return [sum(v < value for v in values) + (values.count(value) + 1) / 2 for value in values]

    return np.corrcoef(ranks(small), ranks(large))[0, 1]
    ### END SOLUTION


# %%
check("07.3", rank_correlation)

# %% [markdown]
# ## 07.4 · How sure is that agreement?
# *20 minutes · hard · 4 points*
#
# With other seeds the means would be others, and perhaps the ranks. Return three numbers: the rank correlation of the means over all seeds, and the
# low and the high end of its bootstrap interval.
#
# For the interval, seeds are drawn with replacement. So that everybody gets the same, the draws are given: each is a list of seeds, such as
# `[0, 0, 2]`. For each draw, take every candidate's mean over the drawn seeds (a seed that was drawn twice counts twice), at *both* budgets, and correlate.
# Sort what you get, leave out the lowest and the highest 2.5 % (a whole number, rounded down), and return the ends of what is left.
# (The lesson's `np.percentile` goes on from there to a point between two of them. Here an end is one of the correlations.)
# You may call your `rank_correlation`.
#
# Three candidates, and so few draws that nothing is left out: `rank_interval([[66.1, 66.9], [68.3, 67.4], [67.0, 67.8]], [[70.2, 71.1], [72.0, 71.3], [72.5, 70.6]], [[0, 0], [0, 1], [1, 1]])`
# is `(1.0, -0.5, 1.0)`.


# %%
def rank_interval(small: list[list[float]], large: list[list[float]], draws: list[list[int]]) -> tuple:
    """(rank correlation of the means, low, high).

    small, large: for each candidate its scores, one for each seed. draws: lists of seeds, counted from 0.
    """
    ### BEGIN SOLUTION
    def correlation(seeds):
        means = [[statistics.fmean(group[s] for s in seeds) for group in scores] for scores in (small, large)]
        return rank_correlation(*means)

    again = sorted(correlation(seeds) for seeds in draws)
    out = int(0.025 * len(again))
    return correlation(range(len(small[0]))), again[out], again[len(again) - 1 - out]
    ### END SOLUTION


# %%
check("07.4", rank_interval)

# %% [markdown]
# ## 07.5 · Successive halving
# *20 minutes · moderate · 4 points*
#
# Run a search by successive halving on recorded learning curves. All candidates train up to the first rung (an epoch); there they are compared by
# their top-1 *at that epoch*, and the better ones go on, from where they stopped, to the next rung. One part in `part` is kept, rounded up. At the last rung the best one wins.
# No two candidates are equal at a rung.
# Return the winner, how many candidates trained up to each rung, and the epochs trained in total.
#
# Three candidates, rungs after epochs 1 and 2, half of them kept: `successive_halving([[50.0, 60.0], [52.0, 59.0], [48.0, 63.0]], [1, 2], 2)`
# is `(0, [3, 2], 5)`.


# %%
def successive_halving(curves: list[list[float]], rungs: list[int], part: int) -> tuple[int, list[int], int]:
    """(winner, candidates that trained up to each rung, epochs trained in total).

    curves: for each candidate its top-1 in percent after epoch 1, 2, 3, ... rungs: epochs, rising.
    """
    ### BEGIN SOLUTION
    staying, counts, epochs, before = list(range(len(curves))), [], 0, 0
    for rung in rungs:
        counts.append(len(staying))
        epochs += len(staying) * (rung - before)
        staying.sort(key=lambda k: curves[k][rung - 1], reverse=True)
        staying, before = staying[: math.ceil(len(staying) / part)], rung
    return staying[0], counts, epochs
    ### END SOLUTION


# %%
check("07.5", successive_halving)

# %% [markdown]
# ## In words: use the optimal coefficients
# *15 minutes · moderate · 4 points*
#
# A colleague wants to scale a network of her own, for satellite images, to 30 times its MACs. "Tan and Le searched for the best coefficients," she says, "and they found
# 1.2, 1.1, 1.15. 1.2, 1.1, 1.2 was on the grid too and lost. So I take 1.2, 1.1, 1.15 to the power of phi, and I know that it is the optimum."
#
# Answer in five to eight sentences. What did that search look at, and what not? What can a grid with steps of 0.05 and a few runs for each candidate tell about two
# neighbours? What would you do in her place, with a budget of some thirty short runs?

# %% [markdown]
# *Your answer goes here: double-click, and replace this line.*
#
# ### BEGIN SOLUTION
# The search was made around B0, on ImageNet, at phi = 1, so at about twice B0's MACs. It says nothing about another network or other images, and nothing about thirty times the MACs:
# that one triple suits every phi is an assumption, and the authors themselves write that a search around the large model could do better. That 1.2, 1.1, 1.2 lost
# cannot even be read in the paper, which prints neither its grid nor its scores nor a spread over seeds. Neighbours on such a grid differ by a fraction of the spread over seeds, so that telling them apart takes dozens to hundreds of runs each, and some are
# the same network after rounding. What such a search finds is a region: some of everything, rather than one dimension alone. In her place I would choose six to ten clearly different mixtures at equal MACs, at two to four times my
# base, three seeds each, judge them on validation images with the pooled spread, and keep all that can't be told apart from the best. If one of them is the paper's, I take it. With what is left I would
# carry two of them to a larger budget, to see whether their order holds, and read the test images once, at the end.
# ### END SOLUTION
