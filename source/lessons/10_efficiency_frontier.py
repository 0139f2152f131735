# ---
# jupyter:
#   effnet_course: {title: "Which network should I pick?", minutes: 90, seconds: 60, memory_mb: 1500}
# ---

# %% [markdown]
# # 10 · Which network should I pick?
#
# A colleague wants to put a network behind a camera. She has read the papers: "EfficientNet-B0: a tenth of ResNet-50's MACs and more accurate, so it will be ten times as fast." She orders hardware for that.
# It will not be ten times as fast. By the end of this lesson you know why, and how you would have chosen.
#
# **You will be able to**
#
# - find the networks that no other one beats, and say what happens to that list when the recipe changes;
# - show what "accuracy per MAC" favours, and stop going up a family by a rule;
# - measure a latency that others can believe, and find where a ranking by MACs is wrong;
# - estimate memory and energy with the assumptions on the table, and decide between several small networks and one big one.
#
# **You need** lessons 01 (roofline), 04 (where activations sit), 05 (intervals, marginal gain), 07 (rank correlation) and 08 (recipes). As everywhere, 1 MAC = 2 FLOPs, and we count MACs. About 90 minutes, 60 s of them your machine's.

# %% [markdown]
# ## Three questions to warm up

# %%
from effnet_course.asking import ask, predict

ask("00.q8", "01.q8", "05.q8")

# %% [markdown]
# ## What is on offer
#
# Twenty-six published networks, in 37 rows: torchvision ships some of them with two sets of weights. Parameters and MACs were counted here, from the
# constructors, by a counter that knows nothing of this course. The accuracies are *reported* ones, each from the description of the weights, at the resolution given there. (`benchmarks/record_published.py`)

# %% tags=["nbval-check-output"]
import json

from effnet_course import atlas

published = json.loads((atlas.RECORDS / "published.json").read_text())["rows"]
offer = [row for row in published if row["set"] == "torchvision"]
for row in offer[:14:2] + offer[15:16] + offer[-4:]:
    print(f"{row['name']:17}{row['pixels']:>4} px{row['params'] / 1e6:>7.1f} M parameters"
          f"{row['macs'] / 1e9:>7.2f} billion MACs{row['top1']:>7.1f} %   {row['recipe']}")
print("...", len(offer), "rows,", len({row["id"] for row in offer}), "networks")

# %% [markdown]
# ## Accuracy for the money
#
# Papers like to print "accuracy per parameter" and "accuracy per MAC". Which network of the list has most points of top-1 for a MAC?

# %%
most = predict(
    "10.ratio",
    "Top-1 per MAC is highest for",
    choices=["VGG-19", "ResNet-50", "MobileNetV3-S", "EfficientNet-B0", "EfficientNet-B4"],
)

# %% tags=["nbval-check-output"]
def ratio(row, cost):
    return row["top1"] / row[cost]


for cost, unit in (("macs", 1e9), ("params", 1e6)):
    order = sorted(offer, key=lambda row: -ratio(row, cost))
    said = ", ".join(f"{row['name']} {ratio(row, cost) * unit:.1f}" for row in order[:4])
    print(f"points per {'billion MACs' if cost == 'macs' else 'million parameters'}: {said}, ..., "
          f"{order[-1]['name']} {ratio(order[-1], cost) * unit:.2f}")
for cost in ("macs", "params"):
    print(f"the network with the fewest {cost}:", min(offer, key=lambda row: row[cost])["name"])

# %%
most.reveal("MobileNetV3-S", "The cheapest network of the list, by MACs and by "
                             "parameters. It is also the least accurate one.")

# %% [markdown]
# Is that an accident? Lesson 05 had a first answer: the ratio $A/x$ of top-1 to MACs grows with $x$ only while $A$ grows *in proportion* faster than $x$. Now exactly: say each doubling brings $g$ points, $A = A_0 + g \log_2 (x/x_0)$. Then
# $$\frac{d}{dx}\frac{A}{x} = \frac{1}{x^2}\left(\frac{g}{\ln 2} - A\right),$$
# so the ratio peaks where $A = g/\ln 2$, and falls ever after. On paper: where is that if a doubling brings 2 points?

# %% tags=["nbval-check-output"]
import math

for gain in (1, 2, 3, 5):
    print(f"{gain} points per doubling: the ratio peaks at a top-1 of {gain / math.log(2):.1f} %")

# %% [markdown]
# At 3 %, where no network is of use to anyone. A ratio rewards being cheap far more than being good, and guessing, with no MACs at all, wins. It compares fairly only at *equal* cost, where nobody needs it.
#
# ## The front
#
# What can be said without a ratio? If one network costs no more than another, is no worse, and is better in one of the two, nobody needs the other: the first **dominates** the second. The networks that none dominates are the **Pareto front**. Write the test yourself before you read on; it is one line.

# %%
def dominates(a, b, cost="macs"):
    no_worse = a[cost] <= b[cost] and a["top1"] >= b["top1"]
    return no_worse and (a[cost] < b[cost] or a["top1"] > b["top1"])


# %% [markdown]
# Of the eight EfficientNets B0 to B7, by the paper's own table each is on the front of the family. How many of the eight are still on the front of our list?

# %%
left = predict("10.front", "B0 to B7 on the front of MACs and top-1, among all rows of the list",
               choices=["8", "7", "5", "2"])  # fmt: skip

# %% tags=["nbval-check-output"]
front = [b for b in offer if not any(dominates(a, b) for a in offer)]
for row in sorted(front, key=lambda row: row["macs"]):
    print(f"{row['macs'] / 1e9:>7.2f} billion MACs "
          f"{row['top1']:>6.1f} %  {row['name']}, {row['recipe']}")

# %%
left.reveal("5", "B5, B6 and B7 are dominated by EfficientNetV2-S: better, for 8.4 billion MACs.")

# %% [markdown]
# `search.pareto` does the same for any number of costs at once. The picture shows the front by MACs and the front by parameters. Look for networks that are on one and not on the other, and follow the thin lines: they join two rows of the *same* network.

# %%
from effnet_course import figures

figures.published_fronts(offer)

# %% [markdown]
# ResNet-50 rises by 4.7 points from one set of weights to the other, without one MAC more. That is more than lies between B0 and B2. So this front compares recipes as much as networks. What if all train with the *same* recipe? The authors of RegNet did that: 100 epochs,
# no enhancements. We take six of their networks, with the times that they measured on a V100, a GPU of 2017. In the paper EfficientNet-B4 has 6.9 points more than ResNet-50. Will it be on the front here?

# %%
stays = predict("10.recipe", "One recipe for all: is B4 on the front of these six?",
                choices=["yes", "no, but ahead of ResNet-50", "no, behind ResNet-50"])  # fmt: skip

# %% tags=["nbval-check-output"]
from effnet_course.search import pareto

same = sorted((row for row in published if row["set"] == "pycls"), key=lambda row: row["macs"])
kept = pareto([row["macs"] for row in same], [row["top1"] for row in same])
for place, row in enumerate(same):
    print(f"{row['name']:16}{row['macs'] / 1e9:6.2f} billion MACs "
          f"{row['top1']:.1f} %, {row['v100_ms_64_images']:>3} ms for 64 images on "
          f"a V100   {'front' if place in kept else ''}")

# %%
stays.reveal("no, but ahead of ResNet-50", "RegNetY-4.0GF has 0.8 points more at fewer "
                                           "MACs, in a third of the time. The lead over "
                                           "ResNet-50 is 1.8 points, not 6.9.")  # fmt: skip

# %% [markdown]
# And B5 falls *below* B4: under a recipe this plain the bigger network does not pay. (RegNetY-4.0GF is not in torchvision; its MACs are those in its name.) A front belongs to a recipe, a dataset and a day. Ask for all three when you are shown one.
#
# ## A front with error bars
#
# The atlas's networks have one recipe, and several seeds each. Here a network may be on the front by luck. So ask more: is one beaten *beyond the noise*? Beaten means: some network of at most its MACs leads by a difference whose interval lies above 0. (We allow 3 % more MACs: networks planned for equal cost differ by as much.)
#
# One more care. Of ten rivals that are no better, each has its chance of a lucky lead, and with intervals of 95 % it is no longer rare that one of them gets it. So share the 5 % out: with $m$ rivals, each gets an interval of $100 - 5/m$ percent, which is wider (Bonferroni).

# %%
from scipy.stats import t as student

study = [run for run in atlas.runs() if run.study == "cifar10-short"]
points = atlas.summary(study)
pooled = atlas.spread([p.values for p in points]) if any(len(p.values) > 1 for p in points) else None
on_front = pareto([p.macs for p in points], [p.mean for p in points])


def surely_beaten(b):
    rivals = [a for a in points if a.macs <= 1.03 * b.macs and a is not b]
    wider = student.ppf(1 - 0.025 / max(1, len(rivals)), pooled[1]) / student.ppf(0.975, pooled[1])
    leads = [atlas.difference(a.values, b.values, pooled) for a in rivals]
    return any(mean - wider * (mean - low) > 0 for mean, low, _ in leads)


beaten = {i for i, p in enumerate(points) if pooled and surely_beaten(p)}
both = set(on_front) & beaten
print(f"{len(points)} networks: {len(on_front)} on the front by their means, {len(beaten)} "
      f"beaten beyond the noise ({len(both)} of them are both), "
      f"{len(points) - len(beaten | set(on_front))} neither")

# %%
rows = [(p.family, p.macs, *atlas.interval(p.values, pooled)) for p in points]
figures.atlas_front(rows, on_front, sorted(beaten))

# %% [markdown]
# Filled: on the front. Crossed out: beaten beyond the noise. Hollow and not crossed, where there are any: the runs don't decide. (Filled *and* crossed can be: on the front by a few MACs, and beaten by a network that costs hardly more.) A mixture grows two dimensions (lesson 07). Which families make up the front here? Then remember what kind of runs these are: four short epochs of small networks (lesson 05). And where a network is left in between, say so. More seeds may decide it; a line drawn through luck won't.
#
# ## When to stop
#
# A front leaves you with a list. Go up it, and ask what the *next* step brings: lesson 05's marginal gain, in points per doubling. From B0 to B7, with the paper's top-1 and our counts of MACs (the paper rounds its own), and a threshold of 1 point per doubling: where do you stop?

# %%
stop = predict("10.stop", "The last network worth its step, at 1 point per doubling",
               choices=["B1", "B2", "B3", "B4", "B5", "B6"])  # fmt: skip

# %% tags=["nbval-check-output"]
family = [row for row in published if row["set"] == "paper" and "Efficient" in row["name"]]
for before, after in zip(family[:-1], family[1:], strict=True):
    doublings = math.log2(after["macs"] / before["macs"])
    gain = (after["top1"] - before["top1"]) / doublings
    print(f"{before['name'][-2:]} to {after['name'][-2:]}: {after['top1'] - before['top1']:+.1f} points "
          f"for {doublings:.2f} doublings, {gain:+.2f} per doubling {'' if gain >= 1 else '   under 1'}")

# %%
stop.reveal("B4", "By a hair: 1.03, with the MACs counted here. The paper gives top-1 with one decimal, "
            "so the true gain may be 0.95 or 1.11.")  # fmt: skip

# %% [markdown]
# The gains shrink at every step, so "stop before the first one under the threshold" is safe here. It is not always: in torchvision's weights B4 to B5 brings 0.05 per doubling and B5 to B6 0.63. A poor step can be bad luck in one training run. Where you have seeds, use lesson 05's rule, with an interval.
#
# Where does the threshold come from? From outside: what a point is worth to you, and what a doubling costs. No figure in a paper knows either.
#
# ## Now the time
#
# So far "cost" meant MACs. What you pay is time: the **latency**, from an image to its answer. Five networks, all from this course: NANO; NANO made deeper, wider and sharper until each has four times its MACs; and FUSED, of full 3x3 convolutions, with ten times NANO's.

# %%
import torch

from effnet_course import deploy
from effnet_course.arch import FUSED, NANO
from effnet_course.cost import network_cost
from effnet_course.model import EfficientNet

nets = {"nano": NANO, "deeper": NANO.scaled(depth=3.875), "wider": NANO.scaled(width=2.13),
        "sharper": NANO.scaled(resolution=2), "fused": FUSED}  # fmt: skip
costs = {name: network_cost(net, 10) for name, net in nets.items()}
layers = {name: sum(1 for row in cost.layers if row.macs) for name, cost in costs.items()}
for name, cost in costs.items():
    moved = sum(row.bytes_moved() for row in cost.layers if row.macs)
    print(f"{name:8}{nets[name].resolution:>3} px{cost.macs / 1e6:>6.1f} million MACs, "
          f"{cost.activations:>7,} activations, {layers[name]:>3} layers, {moved / 1e6:.1f} MB to move")

# %%
same_macs = predict("10.time", "Deeper, wider, sharper have equal MACs. "
                               "Slowest for a batch of 32 images?",
                    choices=["deeper", "wider", "sharper", "all much the same"])  # fmt: skip

# %%
other = predict(
    "10.fused",
    "FUSED has 2.7 times the MACs of 'deeper'. Its time for 32 images is",
    choices=["about 2.7 times as long", "longer, but less than 2.7 times", "shorter"],
)

# %% [markdown]
# First, how *not* to do it. Here are the first calls of a fresh network, one after another:

# %%
import time

torch.manual_seed(0)
models = {name: (EfficientNet(net, 10).eval(), net.resolution) for name, net in nets.items()}
fresh, pixels = models["wider"]
images, first = torch.randn(32, 3, pixels, pixels), []
with torch.inference_mode():
    for _ in range(12):
        began = time.perf_counter()
        fresh(images)
        first.append(time.perf_counter() - began)
print("ms of each call:", "  ".join(f"{1000 * t:.1f}" for t in first))

# %% [markdown]
# The first calls claim memory and choose routines; later ones share the machine with whatever else runs. Whoever times one call reports an anecdote. A fair measurement
#
# 1. **warms up**: the first calls don't count;
# 2. **repeats**, and reports the *median* and the quartiles (a mean follows the slowest call);
# 3. **takes turns** when networks are compared, so that a busy minute hits all of them;
# 4. **says** batch, threads, precision, device and versions.
#
# `deploy.compare` does that; it is short, read it. Now the median and quartiles for one image and for 32, with one thread and with two (after four seconds it stops, but not before five rounds; on a busy machine these take minutes):

# %%
measured = {}
for batch, threads, runs in ((1, 1, 25), (1, 2, 15), (32, 1, 7), (32, 2, 7)):
    measured[batch, threads] = deploy.compare(models, batch, threads, runs, warmup=1, seconds=4)
for name in nets:
    said = "  ".join(f"{1000 * t.median:6.1f} ({1000 * t.low:.1f}-{1000 * t.high:.1f})"
                     for t in (found[name] for found in measured.values()))
    print(f"{name:8} {said}")
print("columns: ms for", ", ".join(f"batch {b} with {t} thread{'s' * (t > 1)}" for b, t in measured))

# %%
figures.time_and_costs(
    {
        name: (costs[name].macs, costs[name].activations, measured[1, 1][name], measured[32, 1][name])
        for name in nets
    }
)

# %% [markdown]
# Each mark is a network, each bar its middle half (quartile to quartile). On the dotted lines a network would lie whose time grows in proportion to NANO's. If MACs told the time, the marks of the left panels would lie there. The next cell names every pair that MACs put in the wrong order: the one with more MACs is faster, and their middle halves don't overlap. With it stand rank correlations (lesson 07).

# %%
from scipy.stats import spearmanr

for (batch, threads), found in measured.items():
    wrong = [f"{b} before {a}" for a in nets for b in nets
             if costs[a].macs < 0.97 * costs[b].macs and found[b].high < found[a].low]
    times = [found[name].median for name in nets]
    rivals = ([c.macs for c in costs.values()], [c.activations for c in costs.values()],
              list(layers.values()))  # fmt: skip
    agree = [spearmanr(counts, times).statistic for counts in rivals]
    print(f"batch {batch:>2}, threads {threads}: rank correlation of the time with MACs "
          f"{agree[0]:+.2f}, activations {agree[1]:+.2f}, layers {agree[2]:+.2f}; faster in "
          f"spite of more MACs: {', '.join(wrong) or 'none'}")

# %%
batched = measured[32, 1]
slowest = max(("deeper", "wider", "sharper"), key=lambda name: batched[name].median)
said = (f"{name} {1000 * batched[name].median:.0f} ms" for name in ("deeper", "wider", "sharper"))
same_macs.reveal(slowest, "On this machine, just now: " + ", ".join(said))
times = batched["fused"].median / batched["deeper"].median
level = (times < 1) + (times < 2.5)
other.reveal(other.choices[level], f"{times:.2f} times, for 2.7 times the MACs.")

# %% [markdown]
# Why? Go back to the roofline of lesson 01. A depthwise 3x3 layer does 9 MACs for each number that it writes, and at stride 1 it reads one number for each that it writes. A full 3x3 layer does 9 *times the channels that it reads* for each number that it writes. The first one waits for memory; the second one can keep the arithmetic busy. Batch norm and SiLU
# do no MACs that we count, and the gate's two small layers do few. Yet norm, SiLU and gate each read and write the map again. So at equal MACs the network that writes more activations tends to take longer; FUSED, with ten times NANO's MACs, writes *fewer* than NANO. With one image another cost comes first: every layer has to be *started*, and here starting costs more than the work. Then the number of layers tells: FUSED has 8, NANO 42.
#
# These five were chosen to disagree, and neighbours may swap when you run it again. What is recorded for published networks on one machine:

# %%
path = atlas.RECORDS / "latency.json"
recorded = json.loads(path.read_text()) if path.exists() else {"rows": [], "about": {}}
for batch, threads in sorted({(r["batch"], r["threads"]) for r in recorded["rows"]}):
    there = [r for r in recorded["rows"] if (r["batch"], r["threads"]) == (batch, threads)]
    times = {r["id"]: r for r in there}
    agree = [spearmanr([r[cost] for r in there], [r["median_ms"] for r in there]).statistic
             for cost in ("macs", "activations", "bytes")]
    small, big = times["efficientnet_b0"], times["resnet50"]
    print(f"batch {batch:>2}, threads {threads}, {len(there)} networks: rank correlation with "
          f"MACs {agree[0]:+.2f}, activations {agree[1]:+.2f}, bytes {agree[2]:+.2f}. "
          f"ResNet-50 takes {big['median_ms'] / small['median_ms']:.1f} times as long as B0, "
          f"for {big['macs'] / small['macs']:.1f} times the MACs")
print(recorded["about"].get("device", "no times recorded yet"), recorded["about"].get("torch", ""))

# %% [markdown]
# Two questions, two answers. For one image MACs *rank* these networks well, better than activations do; for a batch of 32 on two threads they rank them worst. But the *factor* is wrong everywhere: so much for "ten times as fast". On a GPU it is no different: timm's benchmark lists 13,282 images a second for B0 and 6,356 for ResNet-50 on an RTX 5090 (mixed precision, uncompiled): 2.1 times, for a tenth of the MACs.
#
# ## Memory
#
# Weights are one part, and you can count them. The other part is what a pass holds at the same time (lesson 02 did it for one block). In evaluation a layer needs its input and its output; the rest may go. In training every layer's output is kept for the way back. So a
# first estimate from our counts: evaluation, the largest input plus output of any layer; training, all activations. By which factor will the measured memory be larger, for B0 in training?

# %%
larger = predict("10.memory", "B0, training: memory of all tensors, divided "
                              "by 4 bytes x activations", unit="times")

# %%
from effnet_course.arch import B0

batch = 32
for net in (NANO, FUSED, B0):
    with torch.device("meta"):  # nothing is computed: tensors have shapes, but no numbers
        model = EfficientNet(net)
    cost = network_cost(net)
    rows = [row for row in cost.layers if row.macs]
    widest = max(rows, key=lambda row: row.inputs + row.activations)
    largest = 4 * batch * (widest.inputs + widest.activations)
    evaluating = deploy.peak_memory(model, net.resolution, batch)
    training = deploy.peak_memory(model, net.resolution, batch, training=True)
    print(f"{net.name:6}{batch} images: evaluation {evaluating / 1e6:5.0f} MB, "
          f"{evaluating / largest:.1f} x computed; training {training / 1e6:5.0f} "
          f"MB, {training / (4 * batch * cost.activations):.1f} x computed; "
          f"weights {4 * cost.params / 1e6:.0f} MB")
    twice = deploy.peak_memory(model, net.resolution, 2 * batch) / evaluating
    print(f"       {2 * batch} images: evaluation {twice:.2f} times as much; largest input plus output: "
          f"layer {rows.index(widest) + 1} of {len(rows)}, {widest.name}")
larger.reveal(
    round(training / (4 * batch * cost.activations), 1),
    "Batch norm and SiLU write tensors of their own.",
)

# %% [markdown]
# The measurement follows each tensor from the operation that makes it until nothing refers to it. Twice the images take about twice the memory, as the counts say. In size the counts are too low by a factor, since they know only convolutions and linear layers. A runtime that folds batch norm into the convolution, and lets SiLU write over its input, comes closer to the count.
# In evaluation a single place in the network decides, the largest pair of input and output, and the cell names it. It is where maps are still large and channels have just become many.
#
# ## Energy, as an estimate
#
# A phone's battery does not care for seconds. We have no meter here, so this is a model with two numbers in it, and both are assumptions. For a MAC in 32-bit floats: 4.6 picojoules, a multiplication at 3.7 and an addition at 0.9, in chips of 2014 (45 nm, Horowitz). For a byte to or from memory: *you* set it. It is many times a MAC's on every machine;
# we begin with 100 picojoules. Each number moves once, which a real machine does not manage.

# %% tags=["nbval-check-output"]
PJ_PER_MAC = 4.6
by_name = {row["name"]: row for row in offer}


def energy(name, pj_per_byte):
    """(millijoules for the arithmetic, for moving) of one image."""
    return by_name[name]["macs"] * PJ_PER_MAC / 1e9, by_name[name]["bytes"] * pj_per_byte / 1e9


for pj_per_byte in (0, 10, 100, 1000):
    small, big = energy("EfficientNet-B0", pj_per_byte), energy("ResNet-50", pj_per_byte)
    print(f"{pj_per_byte:>4} pJ a byte: B0 {small[0]:.1f} + {small[1]:6.1f} mJ, ResNet-50 {big[0]:.1f} "
          f"+ {big[1]:6.1f} mJ: {sum(big) / sum(small):.1f} times B0's")

# %% [markdown]
# The factor of ten shrinks here as well, and to which value depends on a number that you had to guess. That is what the estimate is good for: it shows which number you would have to measure.
#
# ## Two small ones, or one big one?
#
# Train a network twice with different seeds, and average the probabilities that both give (after the softmax): an **ensemble**. It costs twice the MACs. So does a bigger network. Which is better?

# %%
which = predict("10.ensemble", "At about equal MACs, more top-1 has",
                choices=["two small ones, averaged", "one big one", "it depends on which big one"])  # fmt: skip

# %%
from itertools import combinations

import numpy as np
from safetensors import safe_open


def answers(path):
    """Probabilities of each small network (n, classes), the labels, and what is known of the runs."""
    with safe_open(path, "np") as file:
        card, labels = json.loads(file.metadata()["card"]), file.get_tensor("labels")
        kept = [file.get_tensor(f"seed{row['seed']}").astype(float) for row in card["small"]]
    kept = [np.exp(-steps / card["step"]) for steps in kept]  # kept as -log p, in steps
    return [p / p.sum(1, keepdims=True) for p in kept], labels, card


def top1(probabilities, labels):
    return 100 * (probabilities.argmax(1) == labels).mean()


# %%
found = {}
for name in ("shapes", "cifar10"):
    members, labels, card = answers(atlas.RECORDS / "answers" / f"ensemble-{name}.safetensors")
    alone = [top1(p, labels) for p in members]
    pairs = [top1((a + b) / 2, labels) for a, b in combinations(members, 2)]
    if card["big"]:
        big = {f"wider, {card['big_macs'] / card['small_macs']:.1f} x": [row["top1"] for row in card["big"]]}
    else:  # the atlas's, trained by the same recipe
        big = {f"{p.family}, {p.macs / card['small_macs']:.1f} x": list(p.values) for p in points
               if p.budget == 2 and p.family != "grid"}  # fmt: skip
    found[card["dataset"]] = alone, pairs, big
    print(f"{card['dataset']}: one {np.mean(alone):.1f} %, two averaged {np.mean(pairs):.1f} %;\n  "
          + "; ".join(f"{key} {np.mean(values):.1f} %" for key, values in big.items()))  # fmt: skip
figures.ensembles([(dataset, *row) for dataset, row in found.items()])

# %%
ahead = [np.mean(values) > np.mean(pairs) for _, pairs, big in found.values() for values in big.values()]
which.reveal(which.choices[1 if all(ahead) else 2 if any(ahead) else 0],
             "On the photos two averaged are ahead of the deeper network, and behind the sharper one.")  # fmt: skip

# %% [markdown]
# An average can remove the mistakes that the members do *not* share. Where both are wrong in the same way (too small to see something), it helps nothing; where each has its own bad luck, it helps. On the photos averaging brings 2.3 points: more than growing deeper (which costs points in these short runs), and far less than sharper photos, which no average can make up for. On the drawings one wider network is ahead by five points. Compound
# and wider are too near to the pairs to be told apart by three seeds. Count the other costs too: two trainings, twice the weights; but two machines can answer at the same time.
#
# ## Two cases
#
# **A deadline.** The camera delivers a frame every 33 ms, and a frame that is late is lost. Then the median says nothing: half of the calls are slower. Look at the **99th percentile**, the time within which 99 of 100 calls are done. It takes some hundreds of calls to know it.

# %%
many = deploy.latency(
    models["fused"][0], FUSED.resolution, batch=1, threads=1, runs=300, warmup=10, seconds=8, least=100
)
slow = many.quantile(0.99) / many.median
print(f"FUSED, one image, {len(many.times)} calls: median {1000 * many.median:.1f} ms, 99th percentile "
      f"{1000 * many.quantile(0.99):.1f} ms, slowest {1000 * max(many.times):.1f} ms")
print("If a larger network's times scatter like these, its median must be under "
      f"{33 / slow:.0f} ms to keep 33 ms in 99 of 100 frames")

# %% [markdown]
# **Many images at once.** A server has a million photos to sort by tomorrow. Nobody waits for a single one; what counts is images a second. Larger batches start each layer once for many images. But what would a batch do to the camera?

# %%
for batch in (1, 2, 4, 8, 16, 32):
    found = deploy.latency(
        models["nano"][0], NANO.resolution, batch, threads=1, runs=15, warmup=2, seconds=2
    )
    wait = 33 * (batch - 1) + 1000 * found.median
    print(f"batch {batch:>2}: {1000 * found.median:6.1f} ms a batch, {1 / found.per_image:6.0f} images "
          f"a second; as a camera, the first frame's answer comes after {wait:5.0f} ms")

# %% [markdown]
# The first frame waits for the batch to fill, then for all of it. Images a second are not the inverse of the waiting time. For a deadline: batch 1 and a high percentile. For throughput: the largest batch that fits in memory and still gains.
#
# ## Networks designed for the hardware
#
# If depthwise layers leave the arithmetic idle, put some of it back: a **fused** block replaces expand and depthwise by one full convolution. EfficientNetV2's authors did it to B4, stage by stage. Here are our counts of that:

# %% tags=["nbval-check-output"]
from dataclasses import replace

from effnet_course.arch import VARIANTS

b4 = VARIANTS["b4"]
for fused in (0, 3, 5, 7):
    stages = tuple(replace(s, block="fused") if i < fused else s for i, s in enumerate(b4.stages))
    cost = network_cost(replace(b4, stages=stages))
    print(f"first {fused} of 7 stages fused: {cost.params / 1e6:6.1f} M parameters, "
          f"{cost.macs / 1e9:5.1f} billion MACs, {cost.activations / 1e6:4.1f} M activations")

# %% [markdown]
# Theirs, as quoted by others: 19.3, 20.0, 43.4 and 132 million parameters; 4.5, 7.5, 21.3 and 34.4 billion MACs; 155, 216, 223 and 206 images a second on a V100; 82.8, 83.1, 83.1 and 81.7 %. (Our MACs come out higher where stages are fused; lesson 13 finds the reason.) With three stages fused: more MACs, **39 % more images a second**, better top-1. Activations fall by a third. With all seven fused it is still faster than the original, 206 images a second against 155. But top-1 is 1.1 points lower, for almost seven times the parameters.
#
# Other designs went the same way. EfficientNet-EdgeTPU, for the chip of that name: fused blocks in the first stages, ReLU for SiLU, no gates. EfficientNet-X searched the scaling itself by latency on TPU and V100, and found that depth should grow much faster than width and resolution; its authors report more than twice EfficientNet's speed. Each is best on its chip. A network is not efficient; a network *on a machine* is.
#
# ## Explore
#
# Set limits: MACs, parameters, memory, milliseconds. Filled marks are within all of them; the ring is the best. Try to find
#
# 1. the tightest limit on MACs that still allows 80 %;
# 2. a limit on *parameters* that changes the choice from an EfficientNet to something else, or back;
# 3. two limits of which only one has any effect. How do you notice?

# %%
from effnet_course import explorers

one_thread = {r["id"]: r["median_ms"] for r in recorded["rows"] if (r["batch"], r["threads"]) == (1, 1)}
explorers.budget(
    [(r["name"], r["recipe"] != offer[0]["recipe"], r["top1"], r["macs"], r["params"], r["peak"],
      one_thread.get(r["id"])) for r in offer]
)  # fmt: skip

# %% [markdown]
# ## Check yourself

# %%
ask("10.q1", "10.q2", "10.q3", "10.q4", "10.q5", "10.q6", "10.q7", "10.q8")

# %% [markdown]
# ## What to remember
#
# - Accuracy divided by cost favours the cheapest; it peaks at a top-1 of $g/\ln 2$ percent. Use the front, then a limit.
# - A front belongs to a recipe. With one recipe for all, B4 leads ResNet-50 by 1.8 points, not 6.9, and is off the front.
# - Go up the front while a doubling brings what you ask for.
# - MACs are not time. They may rank published networks well and still be wrong by a factor of three; activations and the number of layers say where. Measure: warm-up, median, quartiles, turns.
# - Memory and energy depend on what is *moved and kept*. State the assumptions.
# - A deadline asks for a high percentile at batch 1; throughput for a large batch. One is not the inverse of the other.
# - Two small ones help by what they do not share.
#
# Next: sheet 10 (`exercises/10_efficiency_frontier.ipynb`). Then lesson 11: make the network you picked smaller still.

# %% [markdown]
# ## Sources
#
# - Costs and reported accuracies of published networks: `benchmarks/record_published.py`, with the source in every row: torchvision 0.29.2's descriptions of its weights; M. Tan, Q. V. Le, *EfficientNet*, 2019 (arXiv 1905.11946v5), Table 2; the model zoo of pycls (I. Radosavovic et al., *Designing Network Design Spaces*, 2020), whose count of activations is ours.
# - Times: `benchmarks/latency.py`. RTX 5090: the benchmark tables of timm (PyTorch Image Models).
# - Energy of a multiplication and an addition: M. Horowitz, *Computing's Energy Problem*, 2014, as tabulated in PMC8934428, Table 3. The energy of a byte is an assumption.
# - Ensembles: `benchmarks/record_ensemble.py`.
# - Fused blocks: M. Tan, Q. V. Le, *EfficientNetV2*, 2021; its table on B4 is quoted second-hand. EdgeTPU: the authors' code (tensorflow/tpu). EfficientNet-X: S. Li et al., 2021, the abstract.
