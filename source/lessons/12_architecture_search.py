# ---
# jupyter:
#   effnet_course: {title: "Who designed B0?", minutes: 90, seconds: 15, memory_mb: 500}
# ---

# %% [markdown]
# # 12 · Who designed B0?
#
# In lesson 04 you rebuilt B0: seven stages of blocks, kernels 3, 3, 5, 3, 5, 5, 3, blocks 1, 2, 2, 3, 3, 4, 1. Nobody drew that. A program proposed networks, others trained them for a while, and the program learned from the results what to propose
# next. That is **architecture search**. In this lesson you run such a search yourself, hundreds of times, on networks whose results are recorded. And you put it against the cheapest rival there is: dice.
#
# **You will be able to**
#
# - say how large a space of networks is, and what a look into it costs;
# - read MnasNet's reward, and say in words what its exponent asks for;
# - derive a policy gradient from nothing, and show what a baseline does to it;
# - explain regularised evolution: who is born, who dies;
# - judge a search: curves with intervals, equal budgets, and results on runs that it has not seen;
# - say what architecture search did for EfficientNet, and what it did not.
#
# **You need** lessons 04, 07 (the winner's curse) and 10 (the front); softmax and the chain rule. About 90 minutes, 15 s of them your machine's. 1 MAC = 2 FLOPs, and we count MACs.

# %% [markdown]
# ## Three questions to warm up

# %%
from effnet_course.asking import ask, predict

ask("07.q1", "07.q5", "10.q2")

# %% [markdown]
# ## A space of networks
#
# A search needs a list of decisions, and for each the options. Ours are six, about the stages of NANO, the small network of lessons 05 and 07. We count them as in lesson 04: the stem is stage 1, so NANO's blocks stand in stages 2 to 5. "Early" are stages 3 and 4, "late" is stage 5; stage 2 stays as it is.

# %% tags=["nbval-check-output"]
DECISIONS = {
    "early expansion e": (2, 4, 6),
    "late expansion e": (2, 4, 6),
    "early kernel K": (3, 5),
    "late kernel K": (3, 5),
    "late blocks": (2, 4, 6),
    "SE ratio s": (0, 0.25),
}
print(*(f"{name}: {options}" for name, options in DECISIONS.items()), sep="\n")

# %%
how_many = predict("12.count", "How many different networks is that?", unit="networks")

# %% [markdown]
# A network is one option for each decision: a **choice**. Turn a choice into an architecture, and the course's counter tells you its cost without training anything:

# %% tags=["nbval-check-output"]
from dataclasses import replace
from itertools import product

from effnet_course.arch import NANO
from effnet_course.cost import network_cost


def architecture(choice):
    early, late, early_kernel, late_kernel, blocks, se_ratio = choice
    stage2, stage3, stage4, stage5 = NANO.stages
    stages = (
        stage2,
        replace(stage3, expand=early, kernel=early_kernel),
        replace(stage4, expand=early, kernel=early_kernel),
        replace(stage5, expand=late, kernel=late_kernel, repeats=blocks),
    )
    return replace(NANO, stages=stages, se_ratio=se_ratio)


every = list(product(*DECISIONS.values()))
macs = {choice: network_cost(architecture(choice), 10).macs for choice in every}
print(f"{len(every)} choices, {len({architecture(choice) for choice in every})} different networks, "
      f"{min(macs.values()):,} to {max(macs.values()):,} MACs")

# %%
how_many.reveal(len(every), "3 x 3 x 2 x 2 x 3 x 2: each option goes with each of every other decision.")

# %% [markdown]
# Real spaces are larger. MnasNet's, in which B0 was found, decides for each stage: one of three kinds of convolution, kernel 3 or 5, SE or not, one of three kinds of skip; then the number of layers and the width. Say these two have three options each. (That is our assumption.) How long would it take to try
# them all, at a minute a network?

# %% tags=["nbval-check-output"]
a_stage = 3 * 2 * 2 * 3 * 3 * 3
for stages in (1, 5, 7):
    size = a_stage**stages
    years = size / (60 * 24 * 365.25)
    print(f"{stages} stage{'s' * (stages > 1)}: {a_stage}^{stages} = "
          f"{size:.1e} networks, {years:.1e} years")

# %% [markdown]
# So nobody tries them all. Even our 216 take a small machine hours. So they are paid for once: plan `cifar10-space` trains each network on 6,400 images of CIFAR-10 for 2 epochs, and every result goes into a table that comes with the course. On a table a search costs nothing, so you can run it two hundred times. Nobody could do that with real training.
#
# We keep one seed for the search to see. The other seeds are for judging what it found. You will see why.

# %%
import math

from effnet_course import atlas

rows = [run for run in atlas.runs() if run.study == "cifar10-space"]
seen, others = {}, {}
for run in rows:
    choice = tuple(float(word) for word in run.label.split())
    if run.macs != macs[choice]:
        raise ValueError(f"{run.label}: {run.macs:,} MACs in the record, {macs[choice]:,} by our count")
    if run.seed == 0:
        seen[choice] = run.validation[-1]  # top-1 on the validation images, percent
    else:
        others.setdefault(choice, []).append(run.validation[-1])
if len(seen) < len(every):
    print(f"{len(seen)} of {len(every)} networks have a run with seed 0 so far; the searches use these.")
space = list(seen)
print(f"{len(rows)} runs; seed 0: {len(space)} networks, top-1 from {min(seen.values()):.1f} "
      f"to {max(seen.values()):.1f} %")

# %% [markdown]
# ## What to ask for: a reward
#
# Ask for top-1 alone, and the search brings you something large. Ask for few MACs alone, and it brings you something useless. MnasNet multiplies the two wishes; EfficientNet's authors took the rule over, with MACs for time:
#
# $$\text{reward} = \text{top-1} \times \left(\frac{\text{MACs}}{T}\right)^{w}, \qquad w = -0.07.$$
#
# $T$ is a target. (In this lesson $w$ is this exponent, not the width.) What does $-0.07$ say? Compare two networks, one with twice the other's MACs. By how much must its top-1 be higher, in proportion, so that both earn the same?

# %%
price = predict("12.price", "Twice the MACs must bring how much more top-1, in proportion?", unit="%")

# %% tags=["nbval-check-output"]
for w in (-0.01, -0.07, -0.15, -1, 0.07):
    print(f"w = {w:5}: twice the MACs multiply the reward by {2**w:.4f}, "
          f"so top-1 must be multiplied by {2**-w:.4f}")
print(f"asked for 5 %, one solves 1.05 x 2^w = 1 and finds w = {-math.log2(1.05):.4f}")

# %%
price.reveal(5.0, "2^0.07 = 1.0497. From 60 % that is 3 points, from 76 % 3.8 points.")

# %% [markdown]
# Where does the 5 % come from? MnasNet's authors had observed that twice the *latency* went with about 5 % more accuracy, and chose the exponent at which such a step is worth nothing. MobileNetV3 used $-0.15$ for its small model, so it asked for 11 %.
#
# Two traps. **The sign**: in at least one copy of the paper that goes around it is lost, $w = 0.07$. See the last line above: then a network may even *lose* 4.7 % when it doubles. **The unit**: EfficientNet has $T = 400$ million "FLOPS", and the paper's FLOPS are MACs. Which of these two B0s lies at the target?

# %% tags=["nbval-check-output"]
from effnet_course.arch import B0

b0 = network_cost(B0).macs
for cost, unit in ((b0, "MACs"), (2 * b0, "FLOPs")):
    ratio = cost / 400e6
    print(f"B0 has {cost:,} {unit}: {ratio:.3f} of 400 million, a factor of {ratio**-0.07:.4f}")

# %% [markdown]
# A factor like this is a **soft** constraint: above the target you pay a little, below it you earn a little. A **hard** one takes everything under the target as it is and refuses the rest. Here are both, with our space at $T = 3$ million MACs.

# %%
from effnet_course import figures

TARGET, W = 3e6, -0.07
rules = {"w = -0.07": lambda x: x**-0.07, "w = -0.15": lambda x: x**-0.15,
         "hard": lambda x: float(x <= 1), "sign lost: w = 0.07": lambda x: x**0.07}  # fmt: skip
figures.reward_factors(rules, macs.values(), TARGET)

# %%
moved = predict("12.target", "You double T and leave w = -0.07. The network "
                             "with the highest reward then is",
                choices=["a dearer one", "a cheaper one", "the same one"])  # fmt: skip

# %%
def words(choice):
    early, late, k_early, k_late, blocks, se = choice
    gate = "SE" if se else "no SE"
    return f"e {early:g} and {late:g}, K {k_early:g} and {k_late:g}, {blocks:g} late blocks, {gate}"


for target in (1.5e6, 3e6, 6e6):
    rewards = {choice: top1 * (macs[choice] / target) ** W for choice, top1 in seen.items()}
    chosen = max(rewards, key=rewards.get)
    print(f"T = {target / 1e6:g} million: {words(chosen)}; "
          f"{macs[chosen] / 1e6:.2f} million MACs, {seen[chosen]:.1f} %")

# %%
moved.reveal("the same one", "T multiplies all rewards by the same number.")

# %% [markdown]
# $(\text{MACs}/T)^w = \text{MACs}^w \cdot T^{-w}$, and the second factor is the same for all. So with *one* exponent $T$ decides nothing. What decides is $w$: it names a slope, and the search finds the place on the front with that slope. $T$ matters only with two exponents, one below and one above it, as MnasNet's paper allows, or
# with a hard limit. (You can try that in the explorer below.)
#
# From here on the value of a choice is its reward at $T = 3$ million: top-1 times a factor near 1, so it looks like a percentage.
#
# ## Dice
#
# The simplest search draws networks by chance and keeps the best. How many looks until it holds, with 95 % probability, one of the best 5 % of the space?

# %%
dice = predict("12.dice", "Random looks for a 95 % chance of one of the best 5 %",
               choices=["20", "59", "1,000", "it depends on the size of the space"])  # fmt: skip

# %% [markdown]
# One look misses the best 5 % with probability 0.95. $n$ looks all miss with $0.95^n$. (In a small space, where nothing is drawn twice, it is a little less.) Nothing in this asks how large the space is.

# %% tags=["nbval-check-output"]
for n in (20, 58, 59, 100):
    good, whole = 11, 216  # about 5 % of our space
    none = math.prod((whole - good - i) / (whole - i) for i in range(n))
    print(f"{n:>3} looks: {1 - 0.95**n:.1%}; in our space, never twice the same: {1 - none:.1%}")

# %%
dice.reveal("59", "In a space of 10^17 networks as in one of 1,000.")

# %% [markdown]
# Keep that number for reports of clever searches that looked at thousands. But what it promises is a *rank*. Whether the best 5 % are far better than the rest is another question.
#
# ## Learning from looks: a policy gradient, from nothing
#
# Dice forget. A learner should draw more often what has paid. Begin with the smallest case: two networks. A pays 62, B pays 60. A coin shows A with probability $p$. You may change the coin, through a number $\theta$: $p = 1/(1 + e^{-\theta})$, as in a logistic regression. The mean reward is
#
# $$J = 62\,p + 60\,(1 - p), \qquad \frac{dJ}{d\theta} = (62 - 60)\,\frac{dp}{d\theta} = 2\,p\,(1-p).$$
#
# You can compute this since you know both rewards. A search doesn't: it throws the coin, and trains *one* network. The trick is to write the gradient as a mean over throws. For any distribution, $\nabla p = p\,\nabla \log p$ (the chain rule for the logarithm), so
#
# $$\nabla \sum_x p(x)\,R(x) = \sum_x p(x)\, R(x)\,\nabla \log p(x) = \text{mean of } R(x)\,\nabla\log p(x) \text{ over draws } x.$$
#
# That is the **score-function estimator**, known as **REINFORCE**. $R$ need not have a derivative; it can be a training run. For the coin $\frac{d}{d\theta}\log p = 1 - p$ when A shows, and $\frac{d}{d\theta}\log(1-p) = -p$ when B does. Check it at $p = 0.3$.

# %% tags=["nbval-check-output"]
p, pays = 0.3, {"A": 62, "B": 60}
slope = {"A": 1 - p, "B": -p}
chance = {"A": p, "B": 1 - p}
estimate = {x: pays[x] * slope[x] for x in "AB"}
signal = sum(chance[x] * estimate[x] for x in "AB")
noise = math.sqrt(sum(chance[x] * (estimate[x] - signal) ** 2 for x in "AB"))
print(f"by the derivative {2 * p * (1 - p):.2f}; mean of the estimates {signal:.2f}")
print(f"one estimate is {estimate['A']:+.1f} or {estimate['B']:+.1f}: a spread of {noise:.1f}")

# %%
throws = predict("12.throws", "Throws until their mean estimate is above 0 with 95 % probability",
                 choices=["120", "1,200", "12,000", "120,000"])  # fmt: skip

# %% tags=["nbval-check-output"]
from statistics import NormalDist

reach = NormalDist().inv_cdf(0.95)  # 5 % of a normal distribution lie further below its mean, in spreads
needed = (reach * noise / signal) ** 2
print(f"{reach:.3f} x {noise:.1f} / sqrt(n) = {signal:.2f} at n = {needed:,.0f}")

# %%
import numpy as np

generator = np.random.default_rng(0)
shows_a = generator.binomial(round(needed), p, 10_000)  # A's among so many throws, 10,000 times over
above = (shows_a * estimate["A"] + (round(needed) - shows_a) * estimate["B"] > 0).mean()
throws.reveal("12,000", f"More precisely {needed:,.0f}, for 2 points between two networks. "
                        f"Thrown by the machine, {above:.1%} of the means are above 0.")  # fmt: skip

# %% [markdown]
# Useless? The mean is right, and the noise is 67 times as large. Look at the two numbers: +43.4 and -18.0. Both rewards are *large*, so every throw says "more of this", and only in the balance of many throws does A win. What matters is whether a reward is better than **usual**. Subtract a **baseline** $b$:
# use $(R - b)\,\nabla \log p$. Does that change the mean?

# %%
shift = predict(
    "12.baseline",
    "Subtract b = 60 from both rewards. The mean of the estimates",
    choices=["falls by 60", "falls, but by less", "stays the same", "depends on p"],
)

# %% tags=["nbval-check-output"]
def moments(b):
    """Mean and spread of (R - b) x slope, by enumeration."""
    mean = sum(chance[x] * (pays[x] - b) * slope[x] for x in "AB")
    return mean, math.sqrt(sum(chance[x] * ((pays[x] - b) * slope[x] - mean) ** 2 for x in "AB"))


usual = p * 62 + (1 - p) * 60
alike = (1 - p) * 62 + p * 60  # solves (62 - b) (1 - p) = (60 - b) (-p)
for b in (0, 30, 60, usual, alike):
    average, deviation = moments(b)
    print(f"b = {b:4.1f}: mean {average:.2f}, spread {deviation:5.2f}")

# %%
shift.reveal("stays the same", "The slopes average out: p (1 - p) - (1 - p) p = 0.")

# %% [markdown]
# That holds for every distribution: $\sum p\,\nabla \log p = \sum \nabla p = \nabla 1 = 0$. So any $b$ that does *not depend on the draw* leaves the mean alone, and a good one cuts the spread, here from 28 to 0.37 at the usual reward. (With only two outcomes there is a $b$ at which both estimates are alike, 61.4, and no spread is left. With more outcomes one number can't do that in general; the usual reward is near enough.) Let a machine throw the coin, too:

# %%
is_a = np.random.default_rng(1).random(10_000) < p
R, slopes = np.where(is_a, 62, 60), np.where(is_a, 1 - p, -p)
measured = [(b, ((R - b) * slopes).std()) for b in (40, 50, 55, 60, 65, 70, 80)]
grid = np.linspace(40, 80, 81)
figures.baseline_spread(grid, [moments(b)[1] for b in grid], measured, alike)

# %% [markdown]
# "Does not depend on the draw" has teeth. Use the mean of the last $n$ rewards *with this one among them*, and $R - b$ is only $(n-1)/n$ of what it is against the others' mean. With $n = 1$ nothing is learned. A moving average that takes the new reward in before it compares shrinks every step in the same way. Compare first, then average.
#
# ## A controller for six decisions
#
# Now six decisions in place of a coin, each with its own logits $z$ and $p_j = e^{z_j}/\sum_i e^{z_i}$. Then $\log p_k = z_k - \log \sum_i e^{z_i}$, and so
#
# $$\frac{\partial \log p_k}{\partial z_j} = \begin{cases} 1 - p_j & j = k \\ -p_j & \text{else.} \end{cases}$$
#
# What was drawn goes up, the rest goes down, and the sum stays. Decisions are drawn by themselves, so their log-probabilities add up, and each has its own gradient. That is the whole learner:

# %%
import random

from effnet_course import search


def controller(look, looks, seed, rate=0.1, memory=0.9):
    """Returns what was looked at, and the probabilities before each look."""
    draw, options = random.Random(seed), list(DECISIONS.values())
    z = [[0.0] * len(row) for row in options]
    history, trace, b = [], [], None
    while len(history) < looks:
        p = search.probabilities(z)  # a softmax for each decision
        picked = [draw.choices(range(len(row)), row)[0] for row in p]
        choice = tuple(row[k] for row, k in zip(options, picked, strict=True))
        if choice not in value:
            continue  # not recorded
        history.append((choice, look(choice)))
        trace.append(p)
        b = history[0][1] if b is None else b
        for i, k in enumerate(picked):
            for j in range(len(z[i])):
                z[i][j] += rate * (history[-1][1] - b) * ((j == k) - p[i][j])
        b = memory * b + (1 - memory) * history[-1][1]  # only now
    return history, trace


# %%
value = {choice: top1 * (macs[choice] / TARGET) ** W for choice, top1 in seen.items()}
history, trace = controller(value.get, 200, seed=0)
started, ended = (np.mean([v for _, v in part]) for part in (history[:30], history[-30:]))
print(f"mean reward of the first 30 looks {started:.2f}, of the last 30 {ended:.2f}")
print(f"{len({choice for choice, _ in history})} different networks in 200 looks")
figures.controller_choices(trace, DECISIONS)

# %% [markdown]
# Each panel is a decision; watch how soon it is made up. A decision that settles early does so on few looks, and after that its other options are hardly drawn again: this learner can't tell "settled because right" from "settled because lucky". The learning rate trades the two; ours was set on a made-up table, before these
# results existed.
#
# `search.reinforce` is this loop. **MnasNet's controller** is larger in two respects. A recurrent network makes the decisions one after the other, so a later one can depend on an earlier one. And its updates are **PPO**: draw a batch of networks, take several gradient steps on the *same* batch, each draw weighted by $\rho = p_\text{new}/p_\text{old}$, and stop its pull once it has moved $\rho$ by more than a small $\epsilon$ (0.2, say) away from 1:
# $\min(\rho A,\ \text{clip}(\rho, 1-\epsilon, 1+\epsilon)\,A)$ with $A = R - b$. That gets more out of every look and keeps one lucky reward from turning the controller over. At $p_\text{new} = p_\text{old}$ its gradient is ours.
#
# ## Regularised evolution
#
# The other learner has no gradient. It keeps a **population**. In each cycle a few are drawn; the best of *these* becomes a parent; its child differs from it in one decision, and is trained. The child joins. Who has to go?
#
# In the version of Real and others (2019) it is the **oldest**, however good. Four networks, two decisions, by hand:

# %% tags=["nbval-check-output"]
made_up = {(2, 3): 57.0, (4, 3): 61.5, (6, 3): 60.0, (2, 5): 58.5, (4, 5): 59.5, (6, 5): 62.0}
alive = [(4, 3), (2, 3), (2, 5), (6, 3)]  # in order of birth
for drawn, child in (((1, 3), (6, 5)), ((1, 3), (4, 5)), ((0, 1), (4, 3))):
    candidates = [alive[place] for place in drawn]
    parent = max(candidates, key=made_up.get)
    print(f"drawn {candidates}: parent {parent}, child {child} with {made_up[child]}; {alive[0]} dies")
    alive = alive[1:] + [child]

# %% [markdown]
# In the first cycle the best of the four, (4, 3), dies of age. (In the third it is born again.) Why throw it away? Because its value is one noisy run. If the worst died, a network with one lucky run would live for ever, and all the others would descend from it. Here its line survives only if its *children*, trained anew, do well. Evolution with aging asks for a result
# that can be repeated. (On a table with one recorded run a network, a twin gets the same number again. So part of that advantage can't show here.)
#
# ## The race
#
# Sixty looks each, two hundred searches each with seeds of their own. Dice never look at a network twice; the other two may, and it counts. Who is ahead?

# %%
race = predict("12.race", "After 60 looks, the highest mean reward has",
               choices=["random", "REINFORCE", "evolution", "can't be told apart"])  # fmt: skip

# %%
LOOKS, SEARCHES = min(60, len(space)), 200
methods = {"random": search.random_search, "REINFORCE": search.reinforce, "evolution": search.evolve}
found = {name: [method(space, value.get, LOOKS, seed) for seed in range(SEARCHES)]
         for name, method in methods.items()}  # fmt: skip
so_far = {name: np.array([search.best_so_far(v for _, v in history) for history in histories])
          for name, histories in found.items()}  # fmt: skip
for name, histories in found.items():
    different = np.mean([len({choice for choice, _ in history}) for history in histories])
    print(f"{name:10} {different:.0f} different networks in {LOOKS} looks")


def with_interval(table):
    """Mean over searches and its 95 % interval, look by look."""
    mean, error = table.mean(axis=0), table.std(axis=0, ddof=1) / math.sqrt(len(table))
    return mean, mean - 1.96 * error, mean + 1.96 * error


figures.search_curves(
    {name: with_interval(table) for name, table in so_far.items()}, max(value.values())
)

# %% [markdown]
# The bands say how well the *mean over searches* is known. Now the verdict, computed from the curves: the lead over dice, with its interval.

# %%
def lead(first, second):
    """(mean, low, high) of the difference of two independent groups of searches."""
    gap = first.mean() - second.mean()
    half = 1.96 * math.sqrt(first.var(ddof=1) / len(first) + second.var(ddof=1) / len(second))
    return gap, gap - half, gap + half


for looks in sorted({min(n, LOOKS) for n in (10, 20, 40, 60)}):
    for name in ("REINFORCE", "evolution"):
        gap, low, high = lead(so_far[name][:, looks - 1], so_far["random"][:, looks - 1])
        said = "ahead of dice" if low > 0 else "behind dice" if high < 0 else "not told apart from dice"
        print(f"after {looks} looks {name:10} {gap:+.2f} ({low:+.2f} to {high:+.2f}): {said}")

ahead, behind = sorted(so_far, key=lambda name: -so_far[name][:, -1].mean())[:2]
gap, low, high = lead(so_far[ahead][:, -1], so_far[behind][:, -1])
race.reveal(ahead if low > 0 else "can't be told apart",
            f"{ahead} is ahead of {behind} by {gap:.2f} ({low:.2f} to {high:.2f}) after {LOOKS} looks.")

# %% [markdown]
# In what they see, both learners are ahead of dice after sixty looks, by 0.3 to 0.5, and can't be told apart from each other.
#
# A lead in reward is hard to feel. Turn it round: how many looks until a search holds one of the best 5 %, what dice were to find above? Some never get there in time; they count as "not yet". For dice there is a formula: if $k$ of $n$ networks are good enough, the first of them comes, on average, at look $(n+1)/(k+1)$. (They cut the
# row of all $n$ into $k + 1$ gaps of equal mean length.)

# %%
enough = round(0.05 * len(space))
goal = sorted(value.values())[-enough]
print(f"the best 5 %: {enough} networks, with a reward from {goal:.1f} to {max(value.values()):.1f}; "
      f"dice need {(len(space) + 1) / (enough + 1):.0f} looks on average, without a limit")
for name, table in so_far.items():
    reached = table >= goal
    first = np.where(reached.any(axis=1), reached.argmax(axis=1) + 1, LOOKS + 1)
    middle = np.median(first)
    share = reached[:, -1].mean()
    error = math.sqrt(share * (1 - share) / SEARCHES)
    print(f"{name:10} half of the searches are there after {middle:.0f} looks" if middle <= LOOKS else
          f"{name:10} half of the searches are not there after {LOOKS} looks", end=", ")  # fmt: skip
    print(f"in time: {share:.0%} (± {1.96 * error:.0%})")

# %% [markdown]
# ## What they found, judged by runs that nobody searched
#
# All this was measured by what the searches *saw*: one run of each network. The highest of many noisy numbers is high partly by luck (lesson 07). So take the other seeds. How much of the lead over dice will they leave?

# %%
judged = {choice: np.mean(others[choice]) for choice in space if choice in others}
complete = len(judged) == len(space)
if not complete:
    print(f"So far other seeds are recorded for {len(judged)} of {len(space)} networks. Until all have one, the "
          "finds are compared by seed 0, which the searches SAW, so too kindly; your guess is kept.")
drop = predict("12.drop", "The network with the highest reward of all: its top-1 with other seeds is",
               choices=["not lower", "lower by less than 0.5 points", "lower by 0.5 to 2", "lower by more"])  # fmt: skip

# %%
top = max(value, key=value.get)
print(f"highest reward: {words(top)}; {macs[top] / 1e6:.2f} million MACs, {seen[top]:.1f} % as seen")
if top in judged:
    loss = seen[top] - judged[top]
    drop.reveal("not lower" if loss <= 0 else "lower by less than 0.5 points" if loss < 0.5 else
                "lower by 0.5 to 2" if loss <= 2 else "lower by more",
                f"{judged[top]:.1f} %: {-loss:+.1f} points against what was seen.")  # fmt: skip

both = {c: (value[c], judged[c] * (macs[c] / TARGET) ** W) for c in judged}
if len(both) > 2:
    pooled, _ = atlas.spread([seen[choice], *others[choice]] for choice in judged)
    agree = np.corrcoef([seen[c] for c in judged], [judged[c] for c in judged])[0, 1]
    print(f"spread over seeds {pooled:.2f} points, over networks {np.std(list(judged.values())):.2f}; "
          f"correlation of seed 0 with the others {agree:.2f}")
figures.seen_and_unseen(
    list(both.values()), max(both.values()), "reward with seed 0 (seen)", "reward with other seeds"
) if len(both) > 2 else None  # fmt: skip

# %%
judge, kind = (judged, "judged") if complete else (seen, "as seen")
truth = {choice: judge[choice] * (macs[choice] / TARGET) ** W for choice in space}
ranks = {choice: place for place, choice in enumerate(sorted(truth, key=truth.get, reverse=True), 1)}
winners = {name: [max(history, key=lambda one: one[1])[0] for history in histories]
           for name, histories in found.items()}  # fmt: skip
got = {name: np.array([truth[choice] for choice in choices]) for name, choices in winners.items()}
for name, choices in winners.items():
    saw, places = np.mean([value[choice] for choice in choices]), [ranks[choice] for choice in choices]
    middle, low, high = with_interval(got[name])
    curse = f"seen {saw:.2f}, {saw - middle:.2f} too good; " if complete else ""
    print(f"{name:10} {kind} {middle:.2f} ({low:.2f} to {high:.2f}); {curse}rank: median "
          f"{np.median(places):.0f}, middle half {np.percentile(places, 25):.0f} to {np.percentile(places, 75):.0f}")
for name in ("REINFORCE", "evolution"):
    gap, low, high = lead(got[name], got["random"])
    print(f"{name:10} against random, {kind}: {gap:+.2f} ({low:+.2f} to {high:+.2f})")

# %% [markdown]
# Seed 0 and the other seeds agree by half only (correlation 0.5): runs so short scatter over seeds nearly as much as the networks differ. So two points of what each method saw were luck: the winner's curse. And the lead? A better searcher finds higher numbers, so it also finds luckier ones. Of +0.46 and +0.35 as seen, nothing is left that these intervals could tell from none.
#
# So cleverness brings nothing? Turn the seeds round: search in the other runs, judge by seed 0.

# %%
if complete:
    back = {name: np.array([value[max(method(space, truth.get, LOOKS, seed), key=lambda one: one[1])[0]]
                            for seed in range(SEARCHES)])
            for name, method in methods.items()}  # fmt: skip
    for name in ("REINFORCE", "evolution"):
        gap, low, high = lead(back[name], back["random"])
        print(f"{name:10} against random, seeds turned round: {gap:+.2f} ({low:+.2f} to {high:+.2f})")

# %% [markdown]
# Now three to four tenths of a point survive. Same space, same methods, same looks; only the run of each network that was searched is another. Which of the two is true? Two hundred searches read *one* table, so its luck is in all of them, and no interval above covers it. Tables are what one would need many of, and we have two: they say "between nothing and half a point", no more.
# And all this in *one* space, small and smooth, with short runs: who wins here need not win in a space of $10^{17}$.
#
# ## What it costs
#
# A look is a training run. What would one search, and the table, have cost on the machine that made it? And the famous ones:

# %%
seconds = np.mean([run.seconds for run in rows])
print(f"ours: {seconds:.0f} s a look, {LOOKS} looks {LOOKS * seconds / 60:.0f} minutes, "
      f"the table of {len(rows)} runs {sum(run.seconds for run in rows) / 3600:.1f} hours")
famous = (("NASNet, 2018", "over 20,000", 500, "GPU", 4), ("AmoebaNet, 2019", "20,000", 450, "GPU", 7),
          ("MnasNet, 2019", "about 8,000", 64, "TPU", 4.5))  # fmt: skip
for name, networks, devices, device, days in famous:
    print(f"{name}: {networks} networks, {devices} {device}s for {days} "
          f"days = {devices * days:,.0f} {device} days")

# %% [markdown]
# (NASNet's and AmoebaNet's figures are as quoted by others. A day of a TPU is not one of a GPU.) MnasNet and AmoebaNet did not train to the end while they searched: a look is a short run, as ours are, and the best few are trained again; in MnasNet's case 15. That is a bet that short runs rank networks as long ones do. In lesson 07 you measured such a rank correlation.
#
# ## What the search did for EfficientNet
#
# It chose B0. The space was MnasNet's; the reward had MACs where MnasNet had milliseconds on a phone, since the authors did not aim at one device; $T$ was 400 million. By their own words the result is similar to MnasNet and a little bigger, as its target was. Here is what the search decided:

# %% tags=["nbval-check-output"]
for number, stage in enumerate(B0.stages, 2):
    print(f"stage {number}: e {stage.expand}, K {stage.kernel}, blocks "
          f"{stage.repeats}, channels {stage.channels}")
print(f"SE ratio {B0.se_ratio}; {b0:,} MACs, {b0 / 400e6:.0%} of the target")

# %% [markdown]
# It did **not** choose anything else. Alpha, beta and gamma come from a grid of training runs (lesson 07). Phi is what you want to spend (lesson 06). B1 to B7 are B0, multiplied; none was searched for. And the recipe was written by people. "EfficientNet is a NAS method" confuses the base with the scaling. The paper scales
# ResNet-50 and two MobileNets as well, and these were drawn by hand.
#
# One more thing the search did not do: decide what may be decided. Which kinds of block there are, which kernels, how many stages, which activation function: people settled that before the first look. Here is how much that matters: how good is the *average* network of ours, drawn blindly?

# %%
values = np.array(list(truth.values()))
print(f"reward, {kind}: worst {values.min():.1f}, mean {values.mean():.1f}, best {values.max():.1f}")
for name, rewards_found in got.items():
    way = (rewards_found.mean() - values.mean()) / (values.max() - values.mean())
    print(f"{name:10} {way:.0%} of the way from the mean to the best after {LOOKS} looks")

# %% [markdown]
# Before you credit a search algorithm, ask what dice would have found in the same space.
#
# ## Explore
#
# Every dot is a recorded network (seed 0). Choose the exponent; on the dashed curve every network would earn as much as the winner, so the winner is where the curve touches the cloud from above. Try to find
#
# 1. how far you can move $w$ from $-0.07$ before the winner changes, and what you then pay and get;
# 2. a setting in which $T$ matters. What do you have to change first?
# 3. what the lost sign does, and whether its winner is on the front.

# %%
from effnet_course import explorers

explorers.reward_exponent([(words(choice), macs[choice], top1) for choice, top1 in seen.items()])

# %% [markdown]
# ## Check yourself

# %%
ask("12.q1", "12.q2", "12.q3", "12.q4", "12.q5", "12.q6", "12.q7", "12.q8")

# %% [markdown]
# ## What to remember
#
# - A space is a product of decisions. Ours has 216 networks; one of seven stages like MnasNet's is of the order of $10^{17}$, with three options where we had to assume a number.
# - $w = -0.07$: twice the cost must bring 5 % more top-1, in proportion. With one exponent $T$ scales all rewards and decides nothing. EfficientNet's 400 million are MACs.
# - 59 random looks hold one of the best 5 %, with 95 % probability, in a space of any size.
# - REINFORCE: mean of $(R - b)\,\nabla\log p$. The baseline must not depend on the draw. It leaves the mean, and takes most of the noise.
# - Regularised evolution: the best of a few drawn has a child, the oldest dies. What counts must be repeated by children.
# - Judge a search by its mean over many seeds at equal looks, with an interval, and by runs that it has not seen. Our learners lead dice by 0.3 to 0.5 as seen, by nothing when judged, by 0.3 to 0.4 with the seeds turned round: the luck of a table is in all searches of it.
# - The search chose B0. The coefficients came from a grid, phi from the user.
#
# Next: sheet 12 (`exercises/12_architecture_search.ipynb`). Then lesson 13: where the idea goes from here.

# %% [markdown]
# ## Sources
#
# - M. Tan, Q. V. Le, *EfficientNet*, 2019 (arXiv 1905.11946): the space, reward, $w$ and $T$. That its FLOPS are MACs: our count of B0.
# - M. Tan et al., *MnasNet: Platform-Aware Neural Architecture Search for Mobile*, CVPR 2019 (arXiv 1807.11626), and the authors' code (tensorflow/tpu): options of the space, two exponents, the 5 % rule, the controller and PPO, networks, TPUs and days. $-0.15$: A. Howard et al., *Searching for MobileNetV3*, 2019.
# - R. J. Williams, *Simple Statistical Gradient-Following Algorithms for Connectionist Reinforcement Learning*, Machine Learning 8, 1992. J. Schulman et al., *Proximal Policy Optimization Algorithms*, 2017.
# - E. Real et al., *Regularized Evolution for Image Classifier Architecture Search*, AAAI 2019; B. Zoph et al., *Learning Transferable Architectures for Scalable Image Recognition*, CVPR 2018: their costs as quoted by others.
# - The table: `effnet_course/records/`, plan `cifar10-space`; what was decided before its first run stands in `docs/atlas.md`.
