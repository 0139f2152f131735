# ---
# jupyter:
#   effnet_course: {title: "How do I use one on my own images?", minutes: 90, seconds: 40, memory_mb: 1600}
# ---

# %% [markdown]
# # 09 · How do I use one on my own images?
#
# You have two hundred photos of your own, of a few kinds, and you want a network that tells the kinds apart. Two hundred are far too few to train one from scratch. But somebody has trained a network on other photos,
# for days. What of it can you take over, and how do you know whether it works?
#
# **You will be able to**
#
# - say which numbers of a pretrained network mean nothing, because it has seen the images;
# - use a network as features, as a start, or in parts, and freeze what shall stay;
# - put an interval on the result of a small validation set, and say class by class where it fails;
# - load your own folder; see where a network finds its evidence; test what bad images do to it.
#
# **You need** lessons 02 (batch norm), 05 (intervals) and 08 (recipes). About 90 minutes, 40 s of them your machine's.

# %% [markdown]
# ## Three questions to warm up

# %%
from effnet_course.asking import ask, predict

ask("00.q5", "05.q6", "02.q4")

# %% [markdown]
# ## Whose photos are these?
#
# The usual source of weights is ImageNet: 1,281,167 training photos of 1,000 classes (Russakovsky and others, 2015). Imagenette is a small dataset made of ten of its classes, with a training and a validation part of its own. It is tempting to load ImageNet weights,
# measure them on Imagenette's validation part, and report the percentage.
#
# But from *which* part of ImageNet do these photos come? Their file names tell. A name like `n02979186_1234.JPEG` (class, number) is one of ImageNet's training photos; `ILSVRC2012_val_00009191.JPEG` is one of its validation photos. Guess:

# %%
leak = predict("09.leak", "Of Imagenette's VALIDATION photos, ImageNet weights were trained on",
               choices=["none", "about a tenth", "about half", "nearly all"])  # fmt: skip

# %%
import json

from effnet_course import atlas

recorded = json.loads((atlas.RECORDS / "transfer.json").read_text())["rows"]
for row in (row for row in recorded if row["table"] == "leak"):
    seen = row["count"] - row["validation_names"]
    print(f"Imagenette {row['split']}: of {row['count']:,} photos counted, "
          f"{seen:,} are from ImageNet's training part")  # fmt: skip
leak.reveal("nearly all", "So a high score there measures memory, not skill.")

# %% [markdown]
# (Counted on a part of Imagenette, by `benchmarks/record_transfer.py`. With your own copy you can count in one line: `sum("val" in p.name for p in Path(...).rglob("*.JPEG"))`.)
#
# This is a **leak**: what you test on has been learned from. The weights are still fine to *start* from. Only that score means nothing, and so this course doesn't print one. Transfer has to be measured on images that the weights have not seen. The EfficientNet paper used eight sets (its tables 5 and 6):
#
# | | training | test | classes | best EfficientNet, as published |
# |---|---|---|---|---|
# | CIFAR-10 | 50,000 | 10,000 | 10 | 98.9 % (B7) |
# | CIFAR-100 | 50,000 | 10,000 | 100 | 91.7 % (B7) |
# | Birdsnap | 47,386 | 2,443 | 500 | 84.3 % (B7) |
# | Stanford Cars | 8,144 | 8,041 | 196 | 94.7 % (B7) |
# | Flowers | 2,040 | 6,149 | 102 | 98.8 % (B7) |
# | FGVC Aircraft | 6,667 | 3,333 | 100 | 92.9 % (B7) |
# | Oxford Pets | 3,680 | 3,369 | 37 | 95.4 % (B6) |
# | Food-101 | 75,750 | 25,250 | 101 | 93.0 % (B7) |
#
# All these networks were *pretrained on ImageNet*, then trained further, at high resolution. "98.9 % on CIFAR-10" is no result of training on CIFAR-10 alone: compare lesson 08.
#
# With a network, weights for B0 to B7 are one line away: 20 megabytes for B0, verified by their hash before they are used. To stay the same everywhere, this lesson goes on with a small network that ships with the course. It
# was trained on CIFAR-10, and turns to photos of another collection. Set the switch if you want to look at the large one.

# %%
FETCH = False  # True: fetch EfficientNet-B0's ImageNet weights, once
from effnet_course import data, transfer

if FETCH:
    large, said = transfer.backbone("b0")
    print(said)
SOURCE = "fused-32px"
source, card = atlas.network(SOURCE)
print(f"{SOURCE}: {card.params:,} parameters, {card.dataset} at {card.resolution} px, "
      f"{card.validation[-1]:.1f} % of validation images right")  # fmt: skip

# %%
parts = ("train", "validation")
try:
    photos, judges = (data.imagenette(part, 32, download=False) for part in parts)
except data.DataError as reason:
    print(f"No photos here ({reason}), so we take the course's drawn pictures.")
    photos, judges = (data.shapes(part, 2000, 32, 0, 0, 0) for part in parts)
few, judge = photos.take(100, seed=0), judges.take(300, seed=0)
print(photos.note)
print(f"{len(few)} labelled images to learn from, {len(judge)} to judge by, of the classes "
      + ", ".join(photos.classes))  # fmt: skip

# %% [markdown]
# If the line says **Shapes**, what you compute below is about drawings, one plain outline each: an easy task. The recorded results further down are about photos either way.
#
# ## The cheapest transfer: a probe
#
# What does a classifier read? After the last map and the mean over its places there is one number for each channel, and the classifier is a single matrix on those numbers, the **features**. Its ten classes are of no use to us. The features
# may be of use: whatever tells trucks from birds may tell garbage trucks from fish.
#
# So let each image through the frozen network *once*, keep its features, and fit a new linear classifier on them. That is a **linear probe**. (Logistic regression, as scikit-learn does it. Each feature is first brought to mean 0 and spread 1, measured on the images that it learns from, and only on those.)
#
# Ten labels a class. Guessing would have 10 % right.

# %%
cheap = predict("09.probe", "A linear probe on ten labels a class: right on the images to judge by",
                choices=["below 20 %", "20 to 40 %", "40 to 60 %", "above 60 %"])  # fmt: skip

# %%
import time

import numpy as np

start = time.perf_counter()
known, new = transfer.features(source, few), transfer.features(source, judge)  # (images, channels)
probe = transfer.linear_probe(known, few.labels)
said_by_probe = probe.predict(new)
top1 = 100 * (said_by_probe == judge.labels).mean()
seconds = time.perf_counter() - start
print(f"features: {known.shape[1]} numbers an image; all of it took {seconds:.1f} s")
print(f"right on what it learned from: {(probe.predict(known) == few.labels).mean():.0%}")
level = sum(top1 > bound for bound in (20, 40, 60))
cheap.reveal(cheap.choices[level], f"{top1:.1f} % of {len(judge)} images of {photos.name}.")

# %% [markdown]
# The share right on the hundred flatters: those images shaped the classifier. Hence the others to judge by.
#
# ## Freezing, and what it misses
#
# A probe never changes the network. You can also *train* a part of it and hold the rest. The usual line is `p.requires_grad = False` for each weight that shall stay. Do that for everything but the classifier, and show the network
# eight batches in training mode, without a single optimiser step. What has changed?

# %%
held = predict("09.frozen", "All but the classifier is frozen, no step is made. What is different?",
               choices=["nothing", "only the classifier", "numbers in every batch norm",
                        "all weights"])  # fmt: skip

# %% tags=["nbval-check-output"]
import copy

import torch

model = transfer.freeze(copy.deepcopy(source))  # requires_grad = False, all but the classifier
before = {name: value.clone() for name, value in model.state_dict().items()}
torch.manual_seed(0)
model.train()
with torch.no_grad():
    for _ in range(8):
        model(torch.randn(16, 3, 32, 32))
after = model.state_dict()
changed = [name for name in after if not torch.equal(after[name], before[name])]
print(f"{len(changed)} of {len(before)} entries have changed, of these weights and biases: "
      f"{sum(name.endswith(('weight', 'bias')) for name in changed)}")  # fmt: skip
print("in the stem:", *(name for name in changed if name.startswith("stem")))

# %%
held.reveal("numbers in every batch norm", "Mean, variance and a counter: three a layer.")
now, then = (transfer.features(network, judge.take(50)) for network in (model, source))
moved = np.abs(now - then).mean()
print(f"The features of an image have moved by {moved / np.abs(then).mean():.0%} of their size.")

# %% [markdown]
# Batch norm's running **statistics** (lesson 02) are no weights. They have no gradient to switch off: in training mode each batch overwrites a part of them. A frozen batch norm has to be in *eval* mode, and it has to be put back
# there after every `model.train()`. `train.fit` does so by itself for every batch norm whose weights are frozen. (The batches were noise, an extreme, so that this cell needs no photos.)
#
# ## A rate for each part
#
# To let training go on from given weights is called **fine-tuning**. Between frozen and free there is slow. The stem's edges and colours will do for new photos; the last blocks know about CIFAR's classes; the classifier knows nothing yet. So, perhaps, give each part the next one's rate times a factor below 1: **discriminative rates**.
# `fit` takes a table of factors; 0 freezes.

# %% tags=["nbval-check-output"]
rates = transfer.discriminative_rates(source, factor=0.6)
print("  ".join(f"{part} {factor:.2f}" for part, factor in rates.items()))
fresh = transfer.with_classes(source, 10, seed=0)
new_weights = sum(p.numel() for p in fresh.classifier.parameters())
print(f"new weights: {new_weights:,} of {sum(p.numel() for p in fresh.parameters()):,}")

# %%
from effnet_course.train import Recipe, fit, to_input

recipe = Recipe(epochs=8, batch=25, rate=0.05)
tuned = transfer.with_classes(source, len(photos.classes), seed=0)
history = fit(tuned, few, judge.take(20), recipe, rates=rates)
with torch.inference_mode():
    logits = tuned.eval()(to_input(torch.from_numpy(np.array(judge.pixels))))
said_by_tuned = logits.argmax(1).numpy()
print(f"fine-tuned, a rate for each part: {100 * (said_by_tuned == judge.labels).mean():.1f} %; "
      f"probe: {top1:.1f} %; {sum(history.seconds):.0f} s of training")  # fmt: skip

# %% [markdown]
# (During training it glances at 20 images after each epoch; nothing is chosen by them. Eight epochs of a hundred images are few; the recorded runs below have twenty.)
#
# ## How sure is that?
#
# You judge by 300 images. Others would have given another percentage. If the true share is $p$, the share seen among $n$ images, $\hat p$, has the standard error $\sqrt{p(1-p)/n}$ (lesson 00). The usual interval puts $\hat p$ in place of $p$:
# $\hat p \pm 1.96\sqrt{\hat p(1-\hat p)/n}$. What does it say if 30 of 30 are right?
#
# It says 100 ± 0 %. That can't be. The mistake is to take the error *of what was seen* for that of the truth. **Wilson** (1927) asks properly: for which $p$ is what I saw not further off than 1.96 of *p's own* standard errors?
# $$ (\hat p - p)^2 \le 1.96^2 \, p(1-p)/n $$
# That is a quadratic inequality in $p$; its two roots are the ends of the interval. It is not symmetric around $\hat p$, and never leaves 0 to 1. Does it keep its promise? For a true $p$, add up the probabilities of all outcomes whose interval holds it:

# %% tags=["nbval-check-output"]
from scipy.stats import binom

n = 30
for p in (0.5, 0.8, 0.9, 0.95, 0.98):
    kept = {"plus-minus": 0.0, "Wilson": 0.0}
    for k in range(n + 1):
        half = 1.96 * (k / n * (1 - k / n) / n) ** 0.5
        low, high = transfer.wilson(k, n)
        kept["plus-minus"] += binom.pmf(k, n, p) * (k / n - half <= p <= k / n + half)
        kept["Wilson"] += binom.pmf(k, n, p) * (low <= p <= high)
    print(f"true share {p:.2f} is inside: "
          + ", ".join(f"{name} {share:.0%}" for name, share in kept.items()))  # fmt: skip
print("30 of 30: {:.0%} to {:.0%}".format(*transfer.wilson(30, 30)))

# %% [markdown]
# Both promise 95 %. Near 1, where good classifiers are, plus-minus falls far short; Wilson's stays close.
#
# Now ours, and the difference of the two. Give each image 1 if only the fine-tuned network is right on it, -1 if only the probe is, 0 where they agree. With $n_+$ images won and $n_-$ lost, the mean is $(n_+ - n_-)/n$ and the mean square $(n_+ + n_-)/n$. An image's variance is the mean square minus the square of the mean, and the variance of
# the mean of $n$ images is $1/n$ of that. Only images on which the two disagree count.

# %%
by_probe, by_tuned, n = said_by_probe == judge.labels, said_by_tuned == judge.labels, len(judge)
for name, right in (("probe", by_probe), ("fine-tuned", by_tuned)):
    low, high = transfer.wilson(int(right.sum()), n)
    print(f"{name:<11} {right.mean():.1%}  ({low:.1%} to {high:.1%})")
won, lost = int((by_tuned & ~by_probe).sum()), int((by_probe & ~by_tuned).sum())
gain = (won - lost) / n
error = 1.96 * (((won + lost) / n - gain**2) / n) ** 0.5
gain, error = 100 * gain, 100 * error
verdict = "these images do not decide" if abs(gain) < error else "beyond the noise of these images"
print(f"fine-tuned right alone on {won}, probe on {lost}: {gain:+.1f} points "
      f"({gain - error:+.1f} to {gain + error:+.1f}): {verdict}")  # fmt: skip

# %% [markdown]
# That is for *these two* networks and other images. Another draw of a hundred labels gives other networks: for that you need several draws, as below.
#
# ## Which class pays?
#
# A mean over classes hides them. The **confusion matrix** has a row for each true class and a column for what was said. Down a column you read **precision** (of what I called a church, the share that are), along a row **recall** (of the churches, the share I found); F1 is their harmonic mean.

# %%
from sklearn.metrics import classification_report, confusion_matrix

from effnet_course import figures

matrix = confusion_matrix(judge.labels, said_by_tuned, labels=range(len(judge.classes)))
print(classification_report(judge.labels, said_by_tuned, target_names=judge.classes,
                            zero_division=0, digits=2))  # fmt: skip
figures.confusion(matrix, judge.classes)

# %%
for k, name in enumerate(judge.classes):
    low, high = transfer.wilson(int(matrix[k, k]), int(matrix[k].sum()))
    print(f"{name:<18} recall {matrix[k, k]:>2} of {matrix[k].sum()}: {low:.0%} to {high:.0%}")

# %% [markdown]
# About thirty images a class. Two intervals that lie apart say which class is worse. Two that overlap decide nothing, not even that the classes are alike: for that you need an interval of the difference. And the worst of ten classes looks worse than it is, as the best of nine networks looked better (lesson 07).
#
# ## How many labels, and which way?
#
# Four ways, recorded so that several draws of labels could be made, on Imagenette's photos at 32 px, judged by the validation photos here: probe, fine-tuning, fine-tuning with a rate for each part, and *scratch*, the same network without anything taken over. Where do you expect scratch to catch up with the probe?

# %%
few_labels = predict("09.scratch", "Beyond guessing, training from scratch "
                                   "with 5 labels a class reaches",
                     choices=["little more than guessing", "about half of the probe",
                              "as much as the probe", "more than the probe"])  # fmt: skip

# %%
def top1_of(table, arm, labels):
    """Top-1 in percent of each recorded draw of labels."""
    mine = [r for r in recorded if r["table"] == table and r["network"] == SOURCE]
    mine = [r for r in mine if (r["arm"], r["labels"]) == (arm, labels)]
    return [100 * r["correct"] / r["count"] for r in mine]


points, ARMS = [], ("scratch", "probe", "fine-tuned", "rates by part")
for labels in sorted({r["labels"] for r in recorded if r["table"] == "transfer"}):
    for arm in ARMS:
        if values := top1_of("transfer", arm, labels):
            points.append((arm, labels, *atlas.interval(values)))
            bounds = "one draw" if len(values) == 1 else "{:.1f} to {:.1f}".format(*points[-1][3:])
            print(f"{labels:>3} labels a class, {arm:<14} {points[-1][2]:5.1f} %  ({bounds})")
figures.few_labels(points)

# %%
small, large = top1_of("transfer", "scratch", 5), top1_of("transfer", "probe", 5)
if small and large:
    share = (np.mean(small) - 10) / (np.mean(large) - 10)  # beyond guessing
    place = sum(share > bound for bound in (0.25, 0.75, 1.1))
    few_labels.reveal(few_labels.choices[place], "With the 10 % of guessing: "
                      f"{np.mean(small):.1f} % against {np.mean(large):.1f} %.")  # fmt: skip
PAIRS = (("fine-tuned", "scratch"), ("fine-tuned", "probe"), ("rates by part", "fine-tuned"))
for labels in sorted({labels for _, labels, *_ in points}):
    for first, second in PAIRS:
        one, two = top1_of("transfer", first, labels), top1_of("transfer", second, labels)
        if one and len(one) == len(two):
            mean, low, high = atlas.interval(np.subtract(one, two).tolist())
            said = "decided" if low > 0 or high < 0 else "not decided"
            bounds = "one draw" if len(one) == 1 else f"{low:+.1f} to {high:+.1f}: {said}"
            print(f"{labels} labels: {first} minus {second} {mean:+.1f} points ({bounds})")

# %% [markdown]
# (All ways learned from the same labels in each draw, so we take the interval of the *paired* differences, which is narrower. Few draws: Student's factor is large. The rates were chosen on training photos that nothing had learned from, never on these. All arms but the probe take twenty epochs; with another recipe an arm could gain.)
#
# What do the rows say, from 5 to 50 labels a class? Fine-tuning is twenty points and more ahead of scratch; at 50 the gap begins to narrow. Scratch has not caught up with the probe by then. The probe can't change what it reads. At 5 labels three draws don't decide between it and fine-tuning; from 10 on it is behind, and further with each step. And a rate for each part? It is nowhere
# decidedly ahead of one small rate for all, and about a point behind at 10 and 20 labels. A sensible idea is not yet a result.
#
# ## When does it not pay?
#
# Two cases come to mind. *Another world*: features of photos may be useless for drawings, spectra, or maps. The course's Shapes are drawings, recorded in the same four ways. *All the labels*: with thousands of images a network can find its own features. So a network was also trained from scratch on all the Imagenette photos that were there, at 64 px.

# %%
for table, what in (("transfer", "photos (Imagenette)"), ("far", "drawings (Shapes)")):
    there = sorted({r["labels"] for r in recorded if r["table"] == table})
    if not there:
        print(f"{what}: nothing is recorded in this version yet")
    for labels in there:
        values = {arm: top1_of(table, arm, labels) for arm in ARMS}
        said = ", ".join(f"{arm} {np.mean(v):.0f} %" for arm, v in values.items() if v)
        draws = max((len(v) for v in values.values()), default=0)
        if draws:
            print(f"{what}, {labels} labels a class, draws: {draws}: {said}")

# %%
runs = [r for r in atlas.runs() if r.study == "imagenette-64px"]
for run in runs:
    how = run.recipe
    print(f"from scratch at {run.resolution} px, {run.training_images:,} photos, "
          f"{run.params:,} parameters: {run.validation[-1]:.1f} %")  # fmt: skip
    print(f"  {how['epochs']} epochs in batches of {how['batch']}, rate {how['rate']}, "
          f"{run.seconds / 60:.0f} min, {run.device}")  # fmt: skip
if not runs:
    print("From scratch on all of Imagenette: no run is recorded in this version yet.")

# %% [markdown]
# (One run, of a smaller network on larger images. With 2,000 photos it got about as far as fine-tuning with 50 labels a class, 500 photos. Which of the differences did it, these runs don't say.)
#
# Did you expect that weights from photos are worth nothing for drawings? As a *start* they are worth even more than on photos: from 10 labels on, fine-tuning is further ahead of scratch on drawings than on photos. As *features* they seem soon used up: from 10 to 50 labels the probe gains some ten points, fine-tuning more than thirty.
#
# Is it because they are drawings? In these Shapes outline and colour *together* say the class: for some colours a ring is called "ring", for others not. A knob, `variety`, sets how many such keys there are. Turn it to 0, and nothing else, and probe again:

# %%
for variety in (0.2, 0):
    drawn, others = (data.shapes(part, 500, 32, 0.2, 0.2, variety) for part in parts)
    fitted = transfer.linear_probe(transfer.features(source, drawn), drawn.labels)
    right = (fitted.predict(transfer.features(source, others)) == others.labels).mean()
    print(f"variety {variety}: a probe on 500 drawings has {right:.0%} of 500 others right")

# %% [markdown]
# So it is not the drawings: the features hold the outlines. What a linear classifier cannot do is read them by the colour. Fine-tuning can. A probe that does badly may lack the features, or only the way to combine them.
#
# ## Your own folder
#
# Now yours. Make a folder with one sub-folder for each class, named like it, and put the images in. Here we make one, of two classes, as you would: image files on a disk. And since real folders are never clean, one file is broken, one is no image, and one is there twice.

# %%
import tempfile
from pathlib import Path

from PIL import Image

mine = Path(tempfile.mkdtemp()) / "mine"
for k in (0, 1):
    place = mine / photos.classes[k]
    place.mkdir(parents=True)
    for number, pixels in enumerate(photos.pixels[np.flatnonzero(photos.labels == k)[:40]]):
        Image.fromarray(np.array(pixels)).save(place / f"{number:03}.png")
(place / "broken.jpg").write_bytes(b"this was a photo once")
(place / "notes.txt").write_text("the light was bad")
(place / "again.png").write_bytes((place / "000.png").read_bytes())
own_train, own_validation = data.folder(mine, resolution=32)
print(own_train.note)
print(f"{len(own_validation)} are kept for validation: {', '.join(own_validation.classes)}")

# %% [markdown]
# What can't be used is named, and the rest is used. (Why mind the copy? One of the two could land in validation: a leak of your own making. Copies are found by their bytes; two shots of the same scene are not. Keep those on one side yourself.)
# Photos that the camera has turned are set upright, grey ones get three equal colours, and the middle square is cut out. Then:

# %%
own_probe = transfer.linear_probe(transfer.features(source, own_train), own_train.labels)
said = own_probe.predict(transfer.features(source, own_validation))
right = int((said == own_validation.labels).sum())
low, high = transfer.wilson(right, len(own_validation))
print(f"{right} of {len(own_validation)} right: {low:.0%} to {high:.0%}. Guessing: 50 %.")

# %% [markdown]
# Look at the width of that interval before you show the percentage to anybody.
#
# ## Where is the evidence?
#
# **Grad-CAM** (2017) asks a layer: which *places* speak for this class? Take a layer's maps $A_k$ (channel $k$, places $i, j$, side $H$) and the logit $y_c$ of class $c$. How much does channel $k$ matter for the class? The mean of its gradient: $a_k = \frac{1}{H^2}\sum_{ij} \partial y_c / \partial A_{k,ij}$.
# Then the evidence at a place is $\max(0, \sum_k a_k A_{k,ij})$: what speaks for the class, weighted and added up over channels; what speaks against it is cut off.
#
# Try it on the last map. After it come only the mean over places and the classifier: $y_c = b_c + \sum_k W_{ck} \cdot \frac{1}{H^2}\sum_{ij} A_{k,ij}$. So what is $\partial y_c / \partial A_{k,ij}$? On paper first.

# %% tags=["nbval-check-output"]
from effnet_course import explain

torch.manual_seed(1)
x = torch.randn(2, 3, 32, 32)
cam = explain.grad_cam(source, x, classes=3)
with torch.no_grad():
    maps = source.features(x)  # (images, channels, h, w)
by_hand = torch.einsum("k,nkij->nij", source.classifier.weight[3], maps).relu() / maps[0, 0].numel()
print("map of", cam.shape[1:], "- as derived:", bool(np.allclose(cam, by_hand.detach(), atol=1e-5)))

# %% [markdown]
# $W_{ck} / H^2$, the same at every place: on the last map Grad-CAM is the classifier applied place by place. For earlier layers there is no such shortcut, and the gradient does the work. Now your fine-tuned network: the class it gives, one it does not, and two layers.

# %%
rows, chosen = [], [int(np.flatnonzero(judge.labels == k)[0]) for k in (0, 4, 7)]
batch = to_input(torch.from_numpy(np.array(judge.pixels[chosen])))
for place, index in enumerate(chosen):
    one, best = batch[place : place + 1], int(said_by_tuned[index])
    asked = ((best, "head"), ((best + 1) % 10, "head"), (best, "blocks.2"))
    maps = [(f"{judge.classes[c]}, {layer}", explain.grad_cam(tuned, one, c, layer)[0])
            for c, layer in asked]  # fmt: skip
    truth = judge.classes[judge.labels[index]]
    rows.append((f"it is: {truth}", np.array(judge.pixels[index]), maps))
figures.evidence(rows)

# %% [markdown]
# Three cautions. The map is as coarse as the layer. The figure draws each map on a scale of its own (`grad_cam` does not scale), so that a class with hardly any evidence has a bright spot as well. And it shows what the network *uses*, not what is right to use: a bright sky beside a church is a hint, to be tested with churches that have no sky.
#
# ## What if the images are worse?
#
# Your phone compresses, the light is poor, the lens was dirty. Hendrycks and Dietterich (2019) made a set of such corruptions, in five steps each. Four of them, at the strengths of their CIFAR-10-C:

# %%
from effnet_course import corruptions

picture = np.array(judge.pixels[chosen[1] : chosen[1] + 1])
figures.made_worse([(kind, [corruptions.corrupt(picture, kind, step)[0] for step in range(6)])
                    for kind in corruptions.STRENGTHS])  # fmt: skip

# %%
worst = predict("09.worst", f"{SOURCE} on CIFAR-10: at severity 5 it loses most by",
                choices=list(corruptions.STRENGTHS))  # fmt: skip

# %%
lines, clean = {}, {}
rows = [r for r in recorded if r["table"] == "corruption" and r["network"] == SOURCE]
sizes = sorted({r["pixels"] for r in rows})
for r in sorted(rows, key=lambda r: r["severity"]):
    bounds = (100 * b for b in transfer.wilson(r["correct"], r["count"]))
    point = (r["severity"], 100 * r["correct"] / r["count"], *bounds)
    for kind in corruptions.STRENGTHS if r["kind"] == "none" else [r["kind"]]:
        lines.setdefault((f"{r['pixels']} px", kind), []).append(point)
own = f"{card.resolution} px"
at_home = {kind: p[-1][1] for (size, kind), p in lines.items() if size == own and len(p) == 6}
if len(at_home) == len(corruptions.STRENGTHS):
    said = ", ".join(f"{kind} {value:.0f} %" for kind, value in at_home.items())
    worst.reveal(min(at_home, key=at_home.get), f"{said} at severity 5.")
figures.robustness(lines, [f"{size} px" for size in sizes])

# %% [markdown]
# The network was trained at 32 px: that is the panel on the right. In the other two, the same images were made worse at 32 px and shrunk afterwards.
#
# Begin at severity 0, where nothing but the size differs: shrinking to 24 px costs about five points, to 16 px nearly thirty. Now look at noise. At every severity the network does *better* on the image shrunk to 24 px, at severity 5 by some thirty points; from severity 3 on even 16 px is ahead. Why? Shrinking averages pixels, and noise of neighbouring
# pixels is independent: the mean of 2x2 of them has half its spread. Strong blur (4 and 5) is taken better at 24 px, too. A likely reason: the fine detail that blur takes away is what shrinking drops in any case. Contrast is the other way round. No mean of pixels brings back the contrast that all of them have lost, and the larger image wins at every step.
#
# So bad images may be read better when they are made smaller: try it before you collect new ones. (Nobody says that equal steps of two kinds are equally bad; they are the authors' choice.)
#
# ## A case: medical images
#
# Few labels, so transfer is usual there. What else is different? Images are often grey: equal colours in three channels will do, or sum the stem's weights over its inputs. Photos of one person must be on one side of the split. Another hospital has another machine, which is another world. And then
# **prevalence**, the share of people who are ill. A test finds 95 % of the ill (recall, there called sensitivity) and is right on 95 % of the healthy (specificity). In a screening 1 % are ill. Someone is called ill. How likely is it true?

# %%
alarm = predict("09.prevalence", "Of those called ill, how many are ill?",
                choices=["95 %", "50 %", "16 %", "1 %"])  # fmt: skip

# %% tags=["nbval-check-output"]
for prevalence in (0.5, 0.1, 0.01, 0.001):
    people = 100_000
    ill = people * prevalence
    found, false_alarms = 0.95 * ill, 0.05 * (people - ill)
    precision = found / (found + false_alarms)
    right = (found + 0.95 * (people - ill)) / people
    print(f"{prevalence:6.1%} ill: {found:6.0f} found, {false_alarms:5.0f} false alarms, "
          f"precision {precision:6.1%}; accuracy {right:.0%}, "
          f"of 'all are healthy' {1 - prevalence:.1%}")  # fmt: skip

# %%
alarm.reveal("16 %", "950 true alarms, and 4,950 false ones.")

# %% [markdown]
# The test is the same in each line; only the people are others. Accuracy says 95 % throughout, and at 1 % it is *worse* than calling everybody healthy. So report precision and recall at the prevalence of the place where it will be used. This course claims nothing about medicine: no number here is from a medical image, and a
# network that helps patients takes trials, not notebooks.

# %% [markdown]
# ## Explore
#
# Your fine-tuned network on four images that it has not learned from. Make one worse, step by step. Try to find
#
# 1. an image where the answer changes while *you* still see clearly what it is;
# 2. one where the evidence moves before the answer does;
# 3. a kind that leaves the picture nearly the same to your eye, and costs the network most.

# %%
import base64
import io

from effnet_course import explorers

chosen = [int(np.flatnonzero(judge.labels == k)[1]) for k in range(4)]
steps = [("", 0), *((kind, step) for kind in corruptions.STRENGTHS for step in range(1, 6))]
views = []
for number, index in enumerate(chosen):
    one = np.array(judge.pixels[index : index + 1])
    made = np.concatenate([corruptions.corrupt(one, kind or "blur", step) for kind, step in steps])
    batch = to_input(torch.from_numpy(made))
    with torch.inference_mode():
        shares = tuned(batch).softmax(1)
    cams = explain.grad_cam(tuned, batch)
    for (kind, step), pixels, share, cam in zip(steps, made, shares, cams, strict=True):
        first = [(judge.classes[c], float(share[c])) for c in share.topk(3).indices.tolist()]
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "PNG")
        png = "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
        views.append((number, kind, step, png, judge.classes[number], first, cam.tolist()))
curves = {kind: lines.get((own, kind), []) for kind in corruptions.STRENGTHS}

# %%
explorers.evidence(views, curves)

# %% [markdown]
# (The curve is recorded: the network before fine-tuning, on CIFAR-10's validation photos. One image can't tell you a share.)
#
# ## Check yourself

# %%
ask("09.q1", "09.q2", "09.q3", "09.q4", "09.q5", "09.q6", "09.q7")

# %% [markdown]
# ## What to remember
#
# - Ask what the weights have seen before you believe a score. Names, hashes and dates tell.
# - Probe first: it costs seconds, and it is what fine-tuning has to beat.
# - Freezing means weights *and* batch norm's statistics. Slow is between frozen and free. A rate for each part is one way; measure whether it helps.
# - Small validation sets need intervals; near 0 and 1, Wilson's. Two classifiers are compared by the images on which they disagree.
# - Look class by class, at the evidence, and at bad images, before anybody relies on it.
# - Precision depends on how common a class is where the network is used.
#
# Next: sheet 09 (`exercises/09_transfer.ipynb`). Then lesson 10: of all these networks, which should you pick?

# %% [markdown]
# ## Sources
#
# - ImageNet's 1,281,167 training photos: O. Russakovsky et al., *ImageNet Large Scale Visual Recognition Challenge*, 2015 (arXiv 1409.0575), the data of 2012.
# - The transfer datasets and results: M. Tan, Q. V. Le, *EfficientNet*, 2019 (arXiv 1905.11946), tables 5 and 6.
# - Discriminative rates: J. Howard, S. Ruder, *Universal Language Model Fine-tuning for Text Classification*, 2018 (arXiv 1801.06146).
# - E. B. Wilson, *Probable Inference, the Law of Succession, and Statistical Inference*, 1927.
# - R. R. Selvaraju et al., *Grad-CAM*, 2017 (arXiv 1610.02391).
# - D. Hendrycks, T. Dietterich, *Benchmarking Neural Network Robustness to Common Corruptions and Perturbations*, 2019 (arXiv 1903.12261); strengths from their `make_cifar_c.py`. What of it is ours: `effnet_course/corruptions.py`.
# - Recorded rows: `effnet_course/records/transfer.json`, made by `benchmarks/record_transfer.py`. Imagenette: J. Howard, fast.ai.
