# ---
# jupyter:
#   effnet_course: {title: "Where do 1.2, 1.1, 1.15 come from?", minutes: 85, seconds: 80, memory_mb: 1600}
# ---

# %% [markdown]
# # 07 · Where do 1.2, 1.1, 1.15 come from?
#
# EfficientNet's whole family hangs on three numbers: 1.2 for depth, 1.1 for width, 1.15 for resolution. The paper
# gives their origin in half a sentence: "a small grid search". Which grid, how many candidates, how far apart they
# came out, with how many repetitions: none of it is printed.
#
# So we do the search again, at a size that fits a laptop, and ask what a careful reader should ask. How many candidates are
# there? How different are they really? When the best one wins, how often is it the best? And does what wins at twice the cost
# still win at four times?
#
# **You will be able to**
#
# - list every candidate of such a search, and see what rounding leaves of them;
# - choose among noisy candidates, and say how sure you are;
# - say how many runs it takes to tell two candidates apart;
# - measure whether two rankings agree;
# - save most of a search's cost by successive halving, and say what you risk.
#
# **You need** lessons 05 (what depth, width and resolution cost; pooled spread) and 06 (compound scaling). About 85 minutes, 80 s of
# them your machine's.

# %% [markdown]
# ## Three questions to warm up

# %%
from effnet_course.asking import ask, predict

ask("05.q6", "06.q1", "06.q5")

# %% [markdown]
# ## The problem, as the paper states it
#
# Take a base network $N$ and three multipliers: $d$ for the number of blocks, $w$ for the channels, $r$ for the side of the image. Find
#
# $$\max_{d, w, r}\ \mathrm{accuracy}\big(N(d, w, r)\big) \quad\text{with}\quad \mathrm{FLOPS}(N) \le \text{target},\ \ \mathrm{memory}(N) \le \text{target}.$$
#
# (The paper's FLOPS are MACs.) Every point would be a training run on ImageNet, so nobody solves this for a large network. Instead the
# paper ties the three together: $d = \alpha^\phi$, $w = \beta^\phi$, $r = \gamma^\phi$, with $\alpha, \beta, \gamma \ge 1$. MACs grow like $d\,w^2 r^2$
# (lesson 05), so they grow like $(\alpha\,\beta^2 \gamma^2)^\phi$ (lesson 06). Then come two steps:
#
# 1. Fix $\phi = 1$. Among all triples with $\alpha\,\beta^2\gamma^2 \approx 2$, find the best by a small grid search around B0. Result: 1.2, 1.1, 1.15.
# 2. Keep that triple for ever. Raise $\phi$ to get B1 to B7 (nearly: lesson 06).
#
# So $\phi$ is set by how much you want to spend. No search ever looked at it.
#
# ## Every candidate there is
#
# The printed numbers are multiples of 0.05, so we try steps of 0.05: alpha from 1 to 1.4, beta and gamma from 1 to 1.3. That makes
# $9 \cdot 7 \cdot 7 = 441$ triples. We keep those with a product within 0.1 of 2. That grid is *our* guess; the paper prints neither its
# steps nor its limits nor what "$\approx$" allowed.

# %%
count = predict("07.count", "How many of the 441 triples have a "
                            "product within 0.1 of 2?", unit="triples")

# %% [markdown]
# One trap first. The obvious program steps through floating-point numbers:

# %% tags=["nbval-check-output"]
import numpy as np

for name, end in (("alpha", 1.4), ("beta", 1.3)):
    values = np.arange(1, end, 0.05)
    print(f"{name}: {len(values)} values, the last {values[-1]:.2f}")

# %% [markdown]
# `arange` promises to leave the end out. It leaves out 1.4, and lets 1.3 in: 0.05 has no exact binary form, and whether the last
# step lands just below the end is luck. A grid is made of whole numbers. So count in twentieths, and divide at the very end:

# %% tags=["nbval-check-output"]
triples = [
    (a / 20, b / 20, c / 20)
    for a in range(20, 29) for b in range(20, 27) for c in range(20, 27)
    if 10 * abs(a * b**2 * c**2 - 2 * 20**5) <= 20**5  # all whole numbers: nothing is rounded
]
print(len(triples), "triples")
a, b, c = 1.2, 1.1, 1.15
print(f"{a}, {b}, {c} is {'' if (a, b, c) in triples else 'not '}one of them, "
      f"with a product of {a * b**2 * c**2:.3f}")  # fmt: skip

# %% [markdown]
# The next cell compares it with your guess, and asks another question.
#
# ## What a triple says
#
# Which dimension gets the most out of 1.2, 1.1, 1.15? You counted it in lesson 06. From memory, or by a guess:

# %%
count.reveal(len(triples), "A seventh of the grid.")
largest = predict(
    "07.largest", "With 1.2, 1.1, 1.15, which dimension takes the largest part of the growth in MACs?",
    choices=["depth (1.2)", "width (1.1)", "resolution (1.15)"],
)  # fmt: skip

# %% [markdown]
# As in lesson 06, take logarithms, which add up: $\log\alpha + 2\log\beta + 2\log\gamma \approx \log 2$. What a dimension contributes to that
# sum, divided by the sum, is its **share** of the growth.

# %% tags=["nbval-check-output"]
import math


def shares(depth, width, resolution):
    """The growth log(d w^2 r^2), shared out over depth, width and resolution."""
    logs = [math.log(depth), 2 * math.log(width), 2 * math.log(resolution)]
    return tuple(part / sum(logs) for part in logs)


for triple in ((1.2, 1.1, 1.15), (1.4, 1.2, 1.0), (1.1, 1.1, 1.2)):
    print(triple, "depth {:.0%}, width {:.0%}, resolution {:.0%}".format(*shares(*triple)))

# %% [markdown]
# Three shares that add up to 1 are a point in a triangle. In a corner one dimension takes everything, on a side one takes nothing. The closer to a
# corner, the larger that dimension's share.

# %%
from effnet_course import figures

largest.reveal("resolution (1.15)", "Its factor counts twice. Depth's counts once.")
figures.search_triangle([shares(*triple) for triple in triples], chosen=shares(1.2, 1.1, 1.15))

# %% [markdown]
# All dots mean about the same growth. What the search decides is *where in the triangle to stand*. Note where our grid does not look: in the
# corners. There one dimension alone would make all the growth, by $\alpha = 2$ or by $\beta$ or $\gamma = \sqrt 2$, and the grid ends at 1.4 and 1.3.
#
# ## What rounding leaves of it
#
# A network has whole blocks, channels in steps, whole pixels. So how many *different* networks are the 63? We scale our small base NANO
# (8 blocks, 16 pixels) by each triple.

# %%
distinct = predict("07.distinct", "63 triples: how many different networks, "
                                  "after rounding?", unit="networks")

# %% tags=["nbval-check-output"]
from collections import Counter

from effnet_course.arch import B0, NANO
from effnet_course.cost import network_cost


def build(base, triple):
    """What is left of a scaled network after rounding: blocks, channels, pixels."""
    net = base.scaled(*triple)
    channels = net.stem_channels, *(b.out_channels for b in net.blocks()), net.head_channels
    return net.repeats, channels, net.resolution


for base, classes in ((NANO, 10), (B0, 1000)):
    networks = Counter(build(base, triple) for triple in triples)
    one = network_cost(base, classes).macs
    growth = [network_cost(base.scaled(*triple), classes).macs / one for triple in triples]
    paper = network_cost(base.scaled(1.2, 1.1, 1.15), classes).macs / one
    print(f"{base.name}: {len(networks)} different networks, up to "
          f"{max(networks.values())} triples in one;")
    print(f"    {min(growth):.2f} to {max(growth):.2f} times its MACs; 1.2, 1.1, 1.15 makes {paper:.2f}")

# %%
distinct.reveal(39, "And of B0 they make 38.")

# %% [markdown]
# Two things to take away. Triples that share a network can't be told apart by any experiment. And "product about 2" is not "twice the
# MACs": some candidates cost far more than others. (B0 rounds up stage by stage: at depth 1.05 its 16 blocks become 23, by lesson 06's rule.) Whoever
# compares them as they come compares budgets as well as shapes. The paper does not say how its search dealt with that.
#
# So our search goes the other way round: fix the *MACs*, and choose shares.

# %% [markdown]
# ## Nine candidates at equal cost
#
# The course's plan for this experiment was written down before the first run. At 2.2 times NANO's MACs (what 1.2, 1.1, 1.15 really costs, and what
# resolution alone reaches at 23 pixels) there are nine networks: the three corners, the paper's triple (D), and five mixtures. D's
# shares will not be quite 28, 29 and 43 %: 1.15 times 16 pixels is rounded to 18, which is 1.125 times.

# %% tags=["nbval-check-output"]
from effnet_course import atlas, runner

planned = [
    job for job in runner.read_plan("cifar10-short") if job.budget == 2 and job.recipe["seed"] == 0
]
candidates = dict(zip("ABCDEFGHI", planned, strict=True))


def shares_of(network):
    """Shares of a planned or recorded network, from its own multipliers."""
    return shares(network.depth, network.width, network.resolution / NANO.resolution)


for letter, job in candidates.items():
    net = job.architecture
    print(f"{letter} {job.family:<10} {sum(net.repeats):>3} blocks  width "
          f"{net.width:<5g}{net.resolution:>3} px  {network_cost(net, 10).macs:,} "
          "MACs  depth, width, resolution:",
          *(f"{x:.0%}" for x in shares_of(job)))  # fmt: skip

# %% [markdown]
# All within 1.5 % of one another. The plan trains each on 16,000 images of CIFAR-10 for 4 epochs, with three seeds. That is short, and a short run
# measures how *fast* a network learns as much as how good it gets (lesson 05 shows learning curves). Keep that in mind for every number below.
#
# Which do you expect on top?

# %%
winner = predict(
    "07.best", "Which of the nine has the highest mean on the validation images?",
    choices=["depth alone", "width alone", "resolution alone", "1.2, 1.1, 1.15", "another mixture"],
)  # fmt: skip

# %%
def letter_of(row):
    """The candidate that a row belongs to: of its family, the one with the nearest shares."""
    family = [k for k, job in candidates.items() if job.family == row.family]
    return min(family, key=lambda k: math.dist(shares_of(candidates[k]), shares_of(row)), default=None)


def words_for(row):
    """What grows in a network, in words."""
    names = ("depth", "width", "resolution")
    grows = [name for name, share in zip(names, shares_of(row), strict=True) if share > 0.01]
    return "1.2, 1.1, 1.15" if row.family == "compound" else " + ".join(grows)


def measured(study, budget=2):
    """The recorded candidates of a study at a budget: letter to Point, with a value for each seed."""
    points = atlas.summary(run for run in atlas.runs() if run.study == study and run.budget == budget)
    return dict(sorted((letter_of(point), point) for point in points if letter_of(point)))


# %%
short = measured("cifar10-short")
for letter, point in short.items():
    print(f"{letter}  {words_for(point):<19} mean {point.mean:.2f} %   seeds:", *point.values)

# %% [markdown]
# Don't look at the means alone. Look at a single row: the same network, the same images, another seed. How far do its values lie apart? And how far
# do the *means* of neighbouring rows?
#
# ## Choose with the noise in view
#
# The tools are lesson 05's. All nine networks together give one *pooled* spread, with 27 - 9 = 18 degrees of freedom. The mean of $n$ seeds has the
# standard error $\text{spread}/\sqrt n$. In a *difference* of two means both are noisy, and their variances add up:
#
# $$\text{standard error of a difference} = \text{spread} \cdot \sqrt{1/n_1 + 1/n_2}.$$
#
# A 95 % interval reaches Student's factor times that to either side: 1.96 for a spread known exactly, more for one from few runs.

# %%
pooled = atlas.spread(point.values for point in short.values())
best = max(short, key=lambda letter: short[letter].mean)
rows, tied = [], []
for letter, point in short.items():
    mean, low, high = atlas.interval(point.values, pooled)
    gap, least, most = atlas.difference(short[best].values, point.values, pooled)
    if least <= 0:
        tied.append(letter)
    rows.append((f"{letter} {words_for(point)}", point.values, low, high, least <= 0))
print(f"spread over seeds: {pooled[0]:.2f} points, from {pooled[1]} degrees of freedom")
print(f"highest mean: {best}; not told apart from it: "
      f"{', '.join(k for k in tied if k != best) or 'none'}")
figures.search_ranking(rows)

# %%
names = {"A": "depth alone", "B": "width alone", "C": "resolution alone", "D": "1.2, 1.1, 1.15"}
others = ", ".join(k for k in tied if k != best) or "none"
note = f"{best}, at {short[best].mean:.2f} %; not told apart from it: {others}."
winner.reveal(names.get(best, "another mixture"), note)
figures.search_triangle(
    [shares(*triple) for triple in triples],
    [(letter, shares_of(point), point.mean, False) for letter, point in short.items()],
)

# %% [markdown]
# "Not told apart" means: the 95 % interval of the difference holds 0. It does *not* mean equal. It means that these runs can't say which of the two
# is better. An honest answer to "which is best?" is that whole set.
#
# In the runs that ship with this version the set has one member: resolution alone leads, told apart from all the others. Every network that adds no blocks is ahead of every one that does, and depth alone comes last, below the
# base that it was made from. The paper's triple stands in the lower half. That is what four epochs on shrunken photos reward (lesson 06). It is an answer about *this* base, these images and this training, just as the paper's
# is about its own.
#
# And even a clear winner's number flatters it. We picked it *because* it came out highest.
#
# ## The winner's curse
#
# Suppose all nine networks were exactly equally good, and only the noise made them differ. Some network would still win. By how much would its
# measured mean lie above the truth? The natural unit is the standard error of a mean.

# %%
curse = predict(
    "07.curse", "The best of nine equal networks looks better than it is, on average by",
    choices=["nothing", "half a standard error", "1.5 standard errors", "3 standard errors"],
)  # fmt: skip

# %% tags=["nbval-check-output"]
draw = np.random.default_rng(0)
luck = {k: draw.standard_normal((50_000, k)).max(axis=1).mean() for k in (1, 2, 9, 63)}
for k, above in luck.items():
    print(f"best of {k:>2}: {above:4.1f} standard errors above the truth")

# %%
curse.reveal("1.5 standard errors", "The more candidates, the luckier the winner.")
error = pooled[0] / math.sqrt(len(short[best].values))
print(f"here a standard error is {error:.2f} points,")
print(f"so the best of nine equals would show {luck[9] * error:+.2f} points on average")

# %% [markdown]
# That is why a search reads *validation* images, and the *test* images are read once, at the end, for the winner. The test has not taken part
# in the choice, so it owes the winner nothing. (Our runs noted their test top-1 once, after the last epoch, for this comparison; no choice in this
# lesson uses it.)

# %%
runs = [run for run in atlas.runs() if run.study == "cifar10-short" and run.budget == 2]
test = {letter_of(point): point.mean for point in atlas.summary(runs, "test")}
ahead = short[best].mean - np.mean([p.mean for p in short.values()])
print(f"{best} is ahead of the average of all by {ahead:+.2f} points on validation images,")
print(f"and by {test[best] - np.mean(list(test.values())):+.2f} points on test images")

# %% [markdown]
# (One comparison, itself noisy, since the noise of the *seed* is in both. A lucky seed keeps its luck; only luck with the validation images goes. To
# be rid of both you would train the winner anew, with fresh seeds.)
#
# ## How often does the best one win?
#
# Now let them differ. Take the recorded means as if they were the truth, and repeat the whole search twenty thousand times, with fresh noise of the
# recorded size.

# %%
often = predict(
    "07.often", "With 3 seeds each, the truly best of the nine comes out first in how many searches?",
    choices=["10 %", "25 %", "50 %", "75 %", "95 %"],
)  # fmt: skip

# %%
def search_again(truth, seeds):
    """(share of 20,000 searches in which the best wins, points given away on average)."""
    seen = truth + draw.normal(0, pooled[0] / math.sqrt(seeds), (20_000, len(truth)))
    chosen = seen.argmax(axis=1)
    return np.mean(chosen == truth.argmax()), truth.max() - truth[chosen].mean()


truth = np.array([point.mean for point in short.values()])
for seeds in (1, 3, 10):
    right, lost = search_again(truth, seeds)
    print(f"{seeds:>3} seeds: the best of nine wins in {right:4.0%} of "
          f"searches; given away {lost:.2f} points")
often.reveal(round(100 * search_again(truth, 3)[0]))

# %% [markdown]
# Nine candidates so far apart, with a winner that stands alone, are an easy search. The 63 triples of the grid lie much closer together. How often
# would the best of *them* win?
#
# For that we need to know how much they differ, and we have measured nine points only. Between them we *estimate*: a smooth surface over the
# triangle, quadratic in the shares, fitted to the nine means. It has six coefficients, so nine points leave three over to show how well it fits.

# %%
def terms(at):
    depth, width, resolution = at
    return [*at, depth * width, depth * resolution, width * resolution]


design = np.array([terms(shares_of(point)) for point in short.values()])
surface, *_ = np.linalg.lstsq(design, truth, rcond=None)
off = truth - design @ surface
print(f"farthest mean from the surface: {abs(off).max():.2f} points; a standard error: {error:.2f}")
estimates = np.array([terms(shares(*triple)) @ surface for triple in triples])
for seeds in (1, 3, 10, 30, 100):
    right, lost = search_again(estimates, seeds)
    print(f"{seeds:>3} seeds: the best of 63 wins in {right:4.0%} of "
          f"searches; given away {lost:.2f} points")

# %% [markdown]
# Look at both columns. With three seeds each, the best of 63 is missed in more than half of the searches. But that costs little, *because* several are close. A
# search that often picks the wrong triple can still be a good search. What it can't do is tell you that the triple it picked is special.
#
# ## How many seeds would it take?
#
# Turn the question round: how large must a difference be so that a search sees it? Compare two networks with $n$ seeds each. The
# difference of their means has a standard error of $\text{spread} \cdot \sqrt{2/n}$. The 95 % interval excludes 0 when the measured difference is
# above 1.96 standard errors. If the true difference *is* 1.96 standard errors, that happens half of the time. For four times in five it must be 0.84
# standard errors more. So the smallest difference that you can count on seeing, and the seeds that a difference $\Delta$ takes, are
#
# $$\Delta_{\min} = 2.8 \cdot \text{spread} \cdot \sqrt{2/n}, \qquad n = 2\, (2.8 \cdot \text{spread} / \Delta)^2.$$
#
# (1.96 and 0.84 are for a spread that is known well; with few degrees of freedom they are a little larger.)

# %%
from scipy.stats import norm

factor = norm.ppf(0.975) + norm.ppf(0.8)
for seeds in (3, 10, 30, 100):
    visible = factor * pooled[0] * math.sqrt(2 / seeds)
    print(f"{seeds:>3} seeds each: differences from {visible:.2f} points up are seen")

# %% [markdown]
# Half the difference takes four times the seeds. Now the paper's triple and its neighbours on the grid, one step of 0.05 away. Is any of them the
# same network?

# %% tags=["nbval-check-output"]
def near(triple):
    return 0 < max(abs(x - y) for x, y in zip(triple, (1.2, 1.1, 1.15), strict=True)) < 0.051


neighbours = [triple for triple in triples if near(triple)]
paper = build(NANO, (1.2, 1.1, 1.15))
same = [triple for triple in neighbours if build(NANO, triple) == paper]
print(f"{len(neighbours)} neighbours; at NANO's size {len(same)} of them is the same network: {same}")

# %% [markdown]
# For that one no number of seeds will do. For the others, ask the surface how much they differ.

# %%
many = predict(
    "07.seeds", "Seeds for each of the two, to tell 1.2, 1.1, 1.15 from a typical neighbour:",
    choices=["3", "30", "300", "3000"],
)  # fmt: skip

# %%
here = terms(shares(1.2, 1.1, 1.15)) @ surface
needed = {}
for triple in neighbours:
    if triple not in same:
        gap = terms(shares(*triple)) @ surface - here
        needed[triple] = 2 * (factor * pooled[0] / max(abs(gap), 1e-3)) ** 2
        seeds = max(2, math.ceil(needed[triple]))
        print(f"{triple}: {gap:+.2f} points by the estimate, {seeds:>9,} seeds")
typical = round(np.median(list(needed.values())))
seconds = np.mean([run.seconds for run in runs])
hours = 2 * typical * seconds / 3600
many.reveal(typical, f"Two networks, {typical:,} runs each, of {seconds:.0f} s: {hours:,.0f} hours.")

# %% [markdown]
# The estimate leans on few points, so take these as orders of magnitude. The paper's networks, images and noise are others, and it prints no spread over seeds: nobody
# outside can do this sum for *its* search. But the arithmetic is the same. A search over a grid with steps of 0.05 and a run or two a
# candidate finds a *region* of the triangle. The two decimals are the grid's, not the evidence's.
#
# ## Can a cheaper run stand in?
#
# The study `cifar10-sprint` has the same nine networks, on 6,400 images for 2 epochs, with five seeds: 200 steps, about a minute. If it
# ranks the candidates as the longer runs do, we could search with it.
#
# How do you measure whether two rankings agree? Replace each list by its ranks, 1 for the lowest, and take the correlation of the ranks. That is
# **Spearman's rank correlation**: 1 for the same order, -1 for the opposite, about 0 for none. Four networks by hand: ranks 1 2 3 4 and 2 1 3 4. The
# correlation of such lists is $1 - 6 \sum (\text{difference})^2 / (n (n^2 - 1))$, here $1 - 6 \cdot 2 / (4 \cdot 15) = 0.8$.
#
# Is 0.8 much? Four networks have only 24 orders. Shuffle, and see what chance alone gives:

# %% tags=["nbval-check-output"]
from scipy.stats import spearmanr

print(f"by scipy: {spearmanr([1, 2, 3, 4], [2, 1, 3, 4]).statistic:.1f}")
dice = np.random.default_rng(1)
for n in (4, 6, 9):
    ranks = np.arange(1, n + 1)
    shuffled = dice.permuted(np.tile(ranks, (50_000, 1)), axis=1)
    by_chance = 1 - 6 * ((shuffled - ranks) ** 2).sum(axis=1) / (n * (n**2 - 1))
    print(f"{n} networks in random order: 0.8 or more in {np.mean(by_chance > 0.799):.1%} of shuffles")

# %% [markdown]
# And how sure is a measured correlation? Each mean has its noise, and so have the ranks. Draw the seeds of every network anew, with
# replacement, and compute the correlation again. Do that two thousand times, and cut off 2.5 % at either end: a **bootstrap** interval. (With three seeds it is crude,
# and as it adds noise to noise it tends to come out a little low.)

# %%
proxy = predict("07.proxy", "Rank correlation between sprint and longer runs, nine networks:",
                choices=["below 0", "0 to 0.5", "0.5 to 0.8", "above 0.8"])  # fmt: skip

# %%
def redrawn(points):
    """Means over seeds, with each point's seeds drawn anew."""
    return [draw.choice(point.values, len(point.values)).mean() for point in points]


def agreement(one, other):
    """(rank correlation, low, high, letters) of the candidates that both have."""
    both = [letter for letter in one if letter in other]
    first, second = [one[k] for k in both], [other[k] for k in both]
    rho = spearmanr([p.mean for p in first], [p.mean for p in second]).statistic
    again = [spearmanr(redrawn(first), redrawn(second)).statistic for _ in range(2000)]
    return rho, *np.percentile(again, [2.5, 97.5]), both


sprint = measured("cifar10-sprint")
noise = atlas.spread(point.values for point in sprint.values())
rho, low, high, both = agreement(sprint, short)
print(f"rank correlation {rho:.2f} ({low:.2f} to {high:.2f}) over {len(both)} networks")
print(f"spread over seeds: {noise[0]:.2f} points in a sprint, {pooled[0]:.2f} in a longer run")
proxy.reveal(proxy.choices[sum(rho > edge for edge in (0, 0.5, 0.8))])
rows = [
    (k, atlas.interval(sprint[k].values, noise), atlas.interval(short[k].values, pooled)) for k in both
]
figures.rank_agreement(rows, "sprint: top-1, %", "longer run: top-1, %", rho)

# %% [markdown]
# A network that learns fast is ahead after 200 steps, whether or not it ends ahead. Here no letter lies far from the others' trend, so the sprint would do
# for a first look. Were one far below it, you would ask what in its shape makes it start slowly.
#
# ## Does what wins at 2x win at 4x?
#
# Compound scaling stands on this: the triple is searched at $\phi = 1$ and used up to $\phi \approx 7$, where B7 has 98 times B0's MACs (lesson 06). Five of
# the candidates have runs at 4x: the four families (among them the worst of all nine, depth) and the best mixture. The plan goes on to 8x; those runs are not made yet.

# %%
larger = measured("cifar10-short", 4)
rho, low, high, both = agreement(short, larger)
for budget, points in ((2, short), (4, larger)):
    scatter = atlas.spread(point.values for point in points.values())
    gap, least, most = atlas.difference(points["B"].values, points["D"].values, scatter)
    print(f"{budget}x, best first: {' '.join(sorted(both, key=lambda k: -points[k].mean))}; "
          f"B minus D {gap:+.2f} points ({least:+.2f} to {most:+.2f})")  # fmt: skip
print(f"rank correlation {rho:.2f} ({low:.2f} to {high:.2f}) over {len(both)} networks")

# %% [markdown]
# At 4x, in the runs that ship with this version, resolution leads, its mixture with width follows and depth comes last, as at 2x. Width (B) and compound (D) have changed
# places; 2x tells them apart, 4x does not. (An interval from 0.90 up: one swap of neighbours gives 0.9, and the only value above it is 1.) So nearly the whole order has held for one doubling. But with five networks even perfect agreement comes by chance once in 120, and 4 is far from 98. The paper itself shows
# that the triple gives good networks at every size it tried. It does not show that another triple would not have been better there. Its
# authors say so: searching directly around a large model might do better, but is too expensive.
#
# ## Spend less: successive halving
#
# Must every candidate train to the end? **Successive halving** trains all of them a little, drops the worse part, trains the rest further, drops again.
# Nine networks for four epochs are 36 epochs. Say we compare after epoch 1 and after epoch 2 (each such place is a *rung*), and keep the better half each time, rounded
# up. How many epochs does that take?

# %%
epochs = predict("07.halving", "Epochs trained in total, with halving "
                               "after epochs 1 and 2", unit="epochs")

# %% tags=["nbval-check-output"]
def halve(curves, keep):
    """(winner, epochs trained, [(epoch, who goes on)]); halving after epochs 1 and 2 of 4."""
    staying, trained, rungs = list(curves), 0, []
    for start, end in ((0, 1), (1, 2), (2, 4)):
        trained += len(staying) * (end - start)  # they go on from where they stopped
        staying = sorted(staying, key=lambda k: curves[k][end - 1], reverse=True)
        staying = staying[: 1 if end == 4 else math.ceil(keep * len(staying))]
        rungs.append((end, staying))
    return staying[0], trained, rungs


made_up = {letter: [n, n, n, n] for n, letter in enumerate("ABCDEFGHI")}
for keep, words in ((1, "all"), (1 / 2, "half"), (1 / 3, "a third")):
    trained, rungs = halve(made_up, keep)[1:]
    left = [len(staying) for _, staying in rungs[:2]]
    print(f"keep {words:<8} {trained} epochs ({trained / 36:.0%}); go on: {left}")

# %% [markdown]
# The saving is certain, the risk is not: whoever learns slowly goes first. Replay it on the recorded learning curves, seed by seed.

# %%
epochs.reveal(
    halve(made_up, 1 / 2)[1], "9 + 5 + 2 x 3: nine for an epoch, five for one more, three for two."
)
curves = {}
for run in atlas.runs():
    if (run.study, run.budget) == ("cifar10-short", 2):
        curves.setdefault(run.seed, {})[letter_of(run)] = run.validation
curves = {seed: found for seed, found in curves.items() if len(found) == len(candidates)}
print(f"seeds with all nine learning curves: {len(curves)}")
for keep, words in ((1 / 2, "half"), (1 / 3, "a third")):
    for seed, of_seed in curves.items():
        won, trained, _ = halve(of_seed, keep)
        full = max(of_seed, key=lambda k: of_seed[k][-1])
        print(f"keep {words:<7} seed {seed}: {won} wins, with all trained to the end {full}; "
              f"given away {of_seed[full][-1] - of_seed[won][-1]:.2f} points")  # fmt: skip
figures.halving_curves(curves[0], halve(curves[0], 1 / 2)[2][:2])

# %% [markdown]
# In these runs nothing is given away: C is far enough ahead. The risk shows in H, which is the first after epoch 1, is dropped after epoch 2, and would have ended second. And read the numbers with care. The learning rate falls to 0 over *four* epochs, so after one epoch it is still high and the values jump about: a run is judged on its
# way, not at its end. A rung of short runs of their own (our sprints) does not have that problem, but what it costs is spent, since such a run can't be continued.
#
# ## Your own candidate
#
# Now add a network that nobody has measured. Choose its shares of growth: at least 0, sum 1. `at_cost` finds the network with the others' MACs and the nearest shares. You will run a
# *sprint*: recipe, images and epochs exactly those of the recorded ones.

# %%
from dataclasses import replace

from effnet_course.search import at_cost

my_shares = (0.2, 0.6, 0.2)  # depth, width, resolution: change them, and run from here on

like = next(job for job in runner.read_plan("cifar10-sprint") if job.family == "compound")
network = at_cost(NANO, network_cost(like.architecture, 10).macs, my_shares)
size = {"depth": round(network.depth, 4), "width": round(network.width, 4)}
job = replace(like, family="space", phi=None, resolution=network.resolution, **size)
print(f"{sum(network.repeats)} blocks, width {network.width:g}, {network.resolution} "
      f"px, {network_cost(network, 10).macs:,} MACs; shares "
      f"{', '.join(f'{x:.0%}' for x in shares_of(job))}")  # fmt: skip

import torch

from effnet_course import data

comparable = data.pictures("validation", resolution=network.resolution).name == "CIFAR-10"
if comparable:
    mine_guess = predict("07.mine", "Your network's top-1 after the sprint "
                                    "(others: 39 to 47 %)", unit="%")

# %%
if not comparable:
    print("Without CIFAR-10: 20 steps on Shapes, which shows how a run is "
          "made and kept. Its top-1 is about chance.")
    short_recipe = job.recipe | {"epochs": 1}
    job = replace(job, study="shapes-sprint", dataset="shapes", images=1280, recipe=short_recipe)
my_rows = runner.rows_file([job])
runner.run([job], my_rows, threads=torch.get_num_threads())
mine = next(run for run in atlas.read(my_rows) if job.made(run))
print(f"{mine.validation[-1]:.2f} % of {mine.dataset}'s validation images, {mine.seconds:.0f} s")
print(f"kept in {my_rows}")

# %% [markdown]
# Run the last cell again: "1 are there, 0 to make". The row is in *your* atlas, is never written twice, and will be there tomorrow. Where in the triangle does it stand? And, if you have the
# photos, what does it beat?

# %%
if comparable:
    mine_guess.reveal(mine.validation[-1], "One seed: another would give another number.")
    _, bottom, up = atlas.interval(mine.validation[-1:], noise)
    gaps = {k: atlas.difference(p.values, mine.validation[-1:], noise) for k, p in sprint.items()}
    above, under = [k for k in gaps if gaps[k][1] > 0], [k for k in gaps if gaps[k][2] < 0]
    print(f"one run, so its interval is wide: {bottom:.1f} to {up:.1f} %")
    print(f"told apart from it: above {', '.join(above) or 'none'}; below {', '.join(under) or 'none'}")
marks = [(k, shares_of(p), p.mean, False) for k, p in sprint.items()]
marks.append(("you", shares_of(mine), mine.validation[-1] if comparable else None, True))
figures.search_triangle([shares(*triple) for triple in triples], marks)

# %% [markdown]
# **Optional: more runs.** A plan is a text file that lists networks, seeds and a recipe. In a terminal, `effnet-course atlas plans` lists the course's own,
# `effnet-course atlas plan cifar10-sprint` shows one with its MACs, and `effnet-course atlas run PLAN` makes the runs that are
# missing, into your atlas. Stop it when you like; called again, it goes on. `atlas.runs(own=True)` then gives the course's rows and yours.
#
# ## Explore
#
# The search on sliders. The larger a disc, the more often that triple comes out first. Where there is no run, top-1 is
# the *estimate* of the quadratic surface; blue marks are runs. The spread starts at the recorded one. Try to find
#
# 1. how many seeds bring the best triple's chance above one half, at steps of 0.1 and at steps of 0.025;
# 2. what a finer grid does to that chance, and what it does to the points given away;
# 3. where the paper's triple lies among the discs, and whether you would have chosen it.

# %%
from effnet_course import explorers


def handed_over(points, pooled):
    """Recorded networks as plain rows for the explorer."""
    for letter, p in points.items():
        mean, low, high = atlas.interval(p.values, pooled)
        about = dict(name=letter, label=words_for(p), shares=shares_of(p), own=False)
        yield about | dict(mean=mean, low=low, high=high)


explorers.coefficient_search(list(handed_over(short, pooled)), surface.tolist(), pooled[0])

# %% [markdown]
# ## Check yourself

# %%
ask("07.q1", "07.q2", "07.q3", "07.q4", "07.q5", "07.q6", "07.q7", "07.q8")

# %% [markdown]
# ## What to remember
#
# - The grid search found $\alpha, \beta, \gamma$ at $\phi = 1$. $\phi$ is never searched. The grid itself is not published; ours has 63 candidates.
# - A triple is a point in a triangle of shares. In 1.2, 1.1, 1.15 resolution has the largest share, 43 %, and depth the smallest, 28 %.
# - After rounding, 63 triples are fewer than 40 networks, and their MACs are not equal. Compare at equal MACs.
# - Choose on validation images, give the set that can't be told apart from the best, and expect the winner to disappoint a little.
# - Half the difference takes four times the seeds. Two decimals in a coefficient are not two decimals of evidence.
# - Whether a rule found at 2x holds at 98x is an assumption. A rank correlation over five networks can't settle it.
#
# Next: sheet 07 (`exercises/07_coefficient_search.ipynb`). Then lesson 08: all these runs used one recipe. What does it take to train one network well?
#
# ## Sources
#
# - M. Tan, Q. V. Le, *EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks*, 2019 (arXiv 1905.11946): section 3.1 for the
#   problem, 3.3 for the constraint, 4 for the two steps, the triple and the remark on searching around a large model.
# - Successive halving: K. Jamieson and A. Talwalkar, *Non-stochastic Best Arm Identification and Hyperparameter Optimization*, AISTATS 2016.
# - The runs: `effnet_course/records/`, made by the plans `cifar10-short` and `cifar10-sprint`; what was decided before the first of them stands in
#   `docs/atlas.md`.
# - Counts, shares and simulations are made above.
