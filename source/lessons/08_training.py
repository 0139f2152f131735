# ---
# jupyter:
#   effnet_course: {title: "What does it take to train one well?", minutes: 90, seconds: 75, memory_mb: 1600}
# ---

# %% [markdown]
# # 08 · What does it take to train one well?
#
# Seven lessons were about networks. This one is about what you do *to* a network. How much can that matter, if no layer is changed?
# torchvision ships two sets of weights for the same ResNet-50, and notes with each what it reaches on ImageNet:

# %%
from torchvision.models import ResNet50_Weights

for weights in ResNet50_Weights:
    noted = weights.meta
    print(f"{weights.name}: {noted['num_params']:,} parameters, top-1 "
          f"{noted['_metrics']['ImageNet-1K']['acc@1']} %")

# %% [markdown]
# Same parameters, same MACs, and a different **recipe**. (The test photos are resized a little differently, too.) Whoever compares an old
# ResNet with a new EfficientNet compares two recipes as well.
#
# Here you take a recipe apart. What is each part for, what does it do in a case small enough for paper, and what did recorded
# runs gain or lose by it?
#
# **You will be able to**
#
# - say what augmentation, label smoothing, mixup, schedules, averaging and mixed precision do, and work each out in a small case;
# - explain why the published RMSProp and PyTorch's are two optimisers;
# - predict how noisy a normalisation's statistics are, from the batch and from the width;
# - evaluate without the usual mistakes; stop a training and go on.
#
# **You need** lessons 02 (batch norm's two modes, stochastic depth) and 05 (pooled spread, the interval of a difference). About 90 minutes, 75 s of them your machine's.
#
# ## Three questions to warm up

# %%
from effnet_course.asking import ask, predict

ask("00.q7", "02.q5", "02.q7")

# %% [markdown]
# ## A recipe is plain data
#
# One **step**: take a batch of images, change them a little, compute the loss and its gradient for every weight, move the weights. (First clear the old gradient,
# with `zero_grad`: PyTorch adds up.)
# What all that means in numbers is the recipe: a few named entries, such as `rate` or `shift` (`Recipe()` prints them all).
#
# An **ablation** changes one entry, leaves the others, and trains again: each such run is an *arm*. Ours are of one network on CIFAR-10, judged by
# validation images. The **reference** has, in each entry, what most arms have. The third cell below makes `show`, which prints the arms of one part with the
# interval of their difference to the reference (lesson 05). Each arm has one seed, so its spread is borrowed from another network's runs.
#
# Which entry is worth most? Guess now. The answer comes near the end.

# %%
dearest = predict(
    "08.part",
    "Which of these costs the network most when it is left out?",
    choices=["augmentation", "label smoothing", "weight decay", "SiLU (for ReLU)"],
)

# %%
from effnet_course import atlas
from effnet_course.explorers.lesson08 import arms
from effnet_course.recipe import Recipe

rows = [run for run in atlas.runs() if run.study == "cifar10-recipe"]


def settings(run):
    """A run's recipe but for the seed, and where its network departs from the base."""
    return {k: v for k, v in run.recipe.items() if k != "seed"} | run.changes


usual, table = arms((settings(run), run.validation[-1]) for run in rows)
reference = next(arm for arm in table if not arm.changed)
seeds = [arm.values for arm in table]
if max(map(len, seeds)) < 2:
    seeds = [p.values for p in atlas.summary(atlas.runs()) if p.study == "cifar10-short"]
    print("No arm has two seeds. The spread is borrowed from the runs of lesson 05, another network's.")
pooled = atlas.spread(seeds)
print(f"{len(rows)} runs of {len(table)} arms, {rows[0].macs:,} MACs, "
      f"{rows[0].training_images:,} training images")
print(f"epochs {usual['epochs']}, batch {usual['batch']}, "
      f"{usual['optimizer']}, rate {usual['rate']}; {rows[0].device}")
print(f"spread over seeds {pooled[0]:.2f} points, {pooled[1]} degrees of freedom")
print(f"reference: top-1 {reference.values} %")

# %%
import math


def against(arm):
    """(points above the reference, low, high)."""
    return atlas.difference(arm.values, reference.values, pooled)


def show(*parts):
    """Print the recorded arms that change one of these parts of the recipe."""
    first = {"optimizer", "batch"}  # where one of these changed, the rate was changed to suit
    chosen = [arm for arm in table if (first & set(arm.changed) or set(arm.changed)) & set(parts)]
    for arm in chosen:
        points, low, high = against(arm)
        word = "better" if low > 0 else "worse" if high < 0 else "not decided"
        seeds = "one seed" if len(arm.values) == 1 else f"{len(arm.values)} seeds"
        print(f"{arm.label:<40} {points:+.2f} points ({low:+.2f} to {high:+.2f}, {word}; {seeds})")


# %% [markdown]
# ## Augmentation: pictures that were never taken
#
# A mirrored cat is a cat. So is a cat two pixels further left. Mirror half of the images and move each by up to 2 pixels each
# way: there are 5 x 5 places and two sides, so one image gives 50 pictures. In eight epochs a given one of them never comes with probability $0.98^8$, so the network sees $50 (1 - 0.98^8) = 7.5$ different ones on average. It
# cannot learn the pixels by heart, so it has to learn what all views share. What was that worth, in the runs?

# %%
import torch

from effnet_course import data, figures
from effnet_course.train import augment

held = data.pictures("validation", resolution=32).take(1000, seed=0)
pixels = torch.from_numpy(held.pixels[:8].copy())
generator = torch.Generator().manual_seed(3)
views = [augment(pixels[:2], torch.rand(2, generator=generator) < 0.5,
                 torch.randint(-2, 3, (2, 2), generator=generator)) for _ in range(7)]  # fmt: skip
show("flip", "shift")
figures.picture_rows([(f"picture {i + 1}", [("as it is", pixels[i]), *[("", view[i]) for view in views]])
                      for i in range(2)], "Two pictures, each with seven views: mirrored "
                                          "or not, and moved by up to two of its 32 "
                                          "pixels; the edge is repeated.")  # fmt: skip

# %% [markdown]
# Two rules. Use only changes that **keep the label**: a mirrored 2 is not a 2. And evaluate on the images as they are.
#
# ## Label smoothing: don't be certain
#
# Cross-entropy is $-\sum_c t_c \log p_c$: $t$ is the target, $p$ the softmax of the logits. With a target of 1 for the right class the loss
# falls as long as the right logit grows, without end. **Label smoothing** takes a share $q$ away from the
# right class and hands it out to *all* classes alike, the right one included. With $q = 0.1$ and ten classes the target is 0.91
# for the right class and 0.01 for each other: together 1, as it must be.
#
# The loss is least where $p = t$. It is not 0 there. What is it? (You know the ten numbers.)

# %%
floor = predict("08.floor", "Least possible loss, smoothing 0.1, ten classes",
                choices=["0", "0.10", "0.50", "2.30"])  # fmt: skip

# %% tags=["nbval-check-output"]
from torch import nn

right, other = 1 - 0.1 + 0.1 / 10, 0.1 / 10
print(f"target {right:.2f} and nine times {other:.2f}, sum {right + 9 * other:.2f}")
least = -right * math.log(right) - 9 * other * math.log(other)
print(f"least loss {least:.4f}, where the right logit is {math.log(right / other):.2f} above the others")
logits = torch.zeros(1, 10)
logits[0, 3] = math.log(right / other)
label = torch.tensor([3])
for smoothing in (0.0, 0.1):
    loss = nn.functional.cross_entropy(logits, label, label_smoothing=smoothing)
    print(f"torch, smoothing {smoothing}: {loss:.4f}; ten further: ", end="")
    further = logits + 10 * (logits > 0)
    print(f"{nn.functional.cross_entropy(further, label, label_smoothing=smoothing):.4f}")

# %%
floor.reveal("0.50", "So a smoothed training loss near 0.5 is perfect. "
                     "Compare it with no unsmoothed one.")
show("label_smoothing")

# %% [markdown]
# Ten further out, the plain loss falls still; the smoothed one rises. So there is a bound on how
# certain the network may get.
#
# One mistake looks the same. `cross_entropy` takes logits, and does the softmax itself. Give it
# probabilities, and it softmaxes them a second time. All its inputs then lie between 0 and 1, so that even a perfect answer counts as
# unsure:

# %% tags=["nbval-check-output"]
certain = torch.zeros(1, 10)
certain[0, 3] = 100.0
twice = nn.functional.cross_entropy(certain.softmax(1), label)
print(f"a certain, right answer: loss {nn.functional.cross_entropy(certain, label):.4f}")
print(f"the same after a softmax: loss {twice:.4f} = log(1 + 9 / e) = {math.log(1 + 9 / math.e):.4f}")
print("the largest stays the largest:", certain.argmax().item() == certain.softmax(1).argmax().item())

# %% [markdown]
# Training still works, badly, without an error. Top-1 stays right, since softmax keeps the order.
#
# ## Mixup and cutmix: a third of a cat
#
# **Mixup** blends two images, $\lambda$ of one and $1 - \lambda$ of the other, and asks for both labels in the same shares. **Cutmix** pastes a box of the
# other image, and the share counts pixels. And the loss? Cross-entropy is a sum over the target. So for a mixed target
# it is the same mixture of two *losses*. Check that, then look at some shares:

# %%
from effnet_course.ingredients import mix

torch.manual_seed(0)
logits, share = torch.randn(1, 10), 0.7
cat, dog = torch.tensor([3]), torch.tensor([5])
target = torch.zeros(1, 10)
target[0, 3], target[0, 5] = share, 1 - share
loss = nn.functional.cross_entropy
one_target = loss(logits, target).item()
two_losses = (share * loss(logits, cat) + (1 - share) * loss(logits, dog)).item()
print(f"one mixed target {one_target:.4f}, two losses mixed {two_losses:.4f}")
floats = pixels.permute(0, 3, 1, 2).float()
strips = []
for title, middle in (("mixup", None), ("cutmix", (0.45, 0.55))):
    cells = []
    for share in (1.0, 0.9, 0.75, 0.6, 0.5, 0.25):
        mixed, own = mix(floats, share, middle)
        cells.append((f"{own:.2f} own", mixed[0].permute(1, 2, 0).round().byte().numpy()))
    strips.append((title, cells))
show("mixup", "cutmix")
figures.picture_rows(strips, "A picture mixed with another: blended (mixup) and with "
                             "a box (cutmix), shares 1 to 0.25.")

# %% [markdown]
# The share is drawn anew for each batch, with a density in proportion to $(\lambda(1 - \lambda))^{\kappa-1}$ (a Beta distribution); $\kappa$ (kappa) is the *mixup concentration*. 1 makes all shares equally
# likely; 0.2 puts two thirds of them within 0.1 of 0 or 1: most pairs are hardly mixed. Both make training harder, on purpose. Can a small
# network afford that in a short run?
#
# ## The optimiser, and two that share a name
#
# **SGD** with momentum 0.9 adds up gradients: $u \leftarrow 0.9\,u + g$, then a step of rate times $u$. A gradient that stays the same adds up to
# $1 + 0.9 + 0.81 + \dots = 10$ times itself. So its true step is ten times the rate you wrote down.
#
# **RMSProp** also divides by the gradient's usual size: it keeps a running mean of squares, $v \leftarrow 0.9\,v + 0.1\,g^2$, and steps by $g / \sqrt{v}$. Every weight then moves at about the same
# speed, whatever its gradient's size. EfficientNet was trained with it: decay and momentum 0.9, and, as the published code shows, $\epsilon = 0.001$ against dividing by 0. Two details are left:
#
# | | the published training (TensorFlow) | `torch.optim.RMSprop` |
# |---|---|---|
# | $v$ starts at | 1 | 0 |
# | divides by | $\sqrt{v + \epsilon}$ | $\sqrt{v} + \epsilon$ |
#
# Take the first step by hand, for a gradient of 0.01. By what does each divide?

# %%
larger = predict(
    "08.first",
    "PyTorch's very first step, compared with the published one",
    choices=["the same", "about 3 times as long", "about 200 times", "about 10,000 times"],
)

# %% tags=["nbval-check-output"]
from effnet_course.ingredients import RMSProp

g, eps = 0.01, 0.001
published = g / math.sqrt(0.9 * 1 + 0.1 * g**2 + eps)
pytorch = g / (math.sqrt(0.9 * 0 + 0.1 * g**2) + eps)
print(f"by hand:  published {published:.4f}, PyTorch {pytorch:.4f}, {pytorch / published:.0f} times")
steps = []
for make in (RMSProp, lambda p, lr: torch.optim.RMSprop(p, lr=lr, alpha=0.9, momentum=0.9, eps=eps)):
    weight = nn.Parameter(torch.zeros(1, dtype=torch.float64))
    optimizer = make([weight], lr=1.0)
    weight.grad = torch.full_like(weight, g)
    optimizer.step()
    steps.append(-weight.item())
print(f"computed: published {steps[0]:.4f}, PyTorch {steps[1]:.4f}, {steps[1] / steps[0]:.0f} times")

# %%
larger.reveal("about 200 times", "A start at 1 is a brake: v must forget its "
                                 "1 before the steps get long.")


def lengths(start, inside, count=80):
    """Lengths of the first steps for a gradient that stays g, without momentum, in units of the rate."""
    v, found = start, []
    for _ in range(count):
        v = 0.9 * v + 0.1 * g**2
        found.append(g / math.sqrt(v + eps) if inside else g / (math.sqrt(v) + eps))
    return found


figures.first_steps({"published": lengths(1, True), "PyTorch": lengths(0, False),
                     "PyTorch, v from 1": lengths(1, False)})  # fmt: skip

# %% [markdown]
# The start explains the beginning. And the end? There $v = g^2$, and the two still differ by a factor of three, for inside the root an $\epsilon$ of 0.001 does
# what $\sqrt{0.001} \approx 0.03$ would do outside. So a rate that suits one does not suit the other. See it on a network of three
# blocks, at the published rate, 0.256 (which went with a batch of 4,096 and a warm-up; here: 64, and none):

# %%
from dataclasses import replace

from effnet_course.arch import NANO, Stage
from effnet_course.model import EfficientNet
from effnet_course.train import to_input

stages = Stage(1, 3, 2, 8, 1), Stage(2, 3, 2, 12, 2)
tiny = replace(NANO, name="tiny", resolution=8, stem=8, head=16, stages=stages)
small = data.pictures("train", resolution=8).take(2000, seed=0)
inputs, labels = to_input(torch.from_numpy(small.pixels.copy())), torch.from_numpy(small.labels.copy())


def losses(make, steps=12):
    torch.manual_seed(0)
    model, found = EfficientNet(tiny, 10), []
    optimizer = make(model.parameters())
    for _ in range(steps):
        some = torch.randint(0, len(labels), (64,))
        loss = nn.functional.cross_entropy(model(inputs[some]), labels[some])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        found.append(loss.item())
    return found


# %%
as_published = losses(lambda p: RMSProp(p, lr=0.256))
as_torch = losses(lambda p: torch.optim.RMSprop(p, lr=0.256, alpha=0.9, momentum=0.9, eps=0.001))
for name, found in (("published", as_published), ("PyTorch", as_torch)):
    print(f"{name:<10} " + " ".join(f"{loss:6.2f}" for loss in found))
print(f"Guessing costs {math.log(10):.2f}.")
show("optimizer", "weight_decay")

# %% [markdown]
# A loss well above that of guessing means: sure, and wrong. The recorded arms, printed last, had batch 128, a rate of 0.008 and a warm-up. There
# PyTorch's trains too; which of them ends ahead, one seed each can't tell. They are two optimisers; each needs its own rate, and no arm's rate was tuned.
#
# **AdamW** divides likewise, but corrects for its start: its mean of gradients and its mean of squares both begin at 0, and both are divided by what their shares add up to so
# far. At step one that leaves $g / \sqrt{g^2}$: a step of exactly the rate, up or down. The reference's 0.3 would move every weight by 0.3, so AdamW's rates have to be far smaller.
# Its W says that **weight decay** is kept out of all this: each step takes the share rate times decay off every weight, directly. (In SGD and RMSProp decay is added to the gradient.)
#
# ## Why must the rate fall?
#
# Each batch's gradient is the true one plus noise. Take the smallest case: one weight $x$, loss $x^2/2$, so that the gradient is $x$, plus noise of variance 1. A step is
# $x \leftarrow x - \text{rate} \cdot (x + \text{noise})$. Once settled, its variance no longer changes: $\text{variance} = (1-\text{rate})^2\, \text{variance} + \text{rate}^2$, so
#
# $$\text{variance} = \frac{\text{rate}}{2 - \text{rate}}.$$
#
# It never arrives: it jitters, the more, the higher the rate. A high rate gets there fast, a low one stays there. So: high first, then low.
# Measure it, and with it a moving average of $x$ over the last hundred steps or so. By how much does that calm the jitter at rate 0.1?

# %% tags=["nbval-check-output"]
import numpy as np


def jitter(rate, decay=0.99, steps=100_000):
    """Variance of x, and of its moving average, once both have settled."""
    noise, x, smooth, found = np.random.default_rng(0).normal(size=steps).tolist(), 0.0, 0.0, []
    for n in noise:
        x -= rate * (x + n)
        smooth = decay * smooth + (1 - decay) * x
        found.append((x, smooth))
    return np.var(found[2000:], axis=0)


for rate in (0.5, 0.1, 0.01):
    x, smooth = jitter(rate)
    print(f"rate {rate:<4}: rate / (2 - rate) = {rate / (2 - rate):.3f}, "
          f"measured {x:.3f}; moving average {smooth:.4f}")

# %% [markdown]
# To a tenth. Averaging does what a lower rate does, without slowing the way there.
#
# **Warm-up** is the other end. At the start gradients are large and point elsewhere after every step; means of squares and
# running statistics know nothing yet. So the rate rises from near 0, in a straight line, over the first steps.
#
# **Cosine** then falls as half of a cosine, $\text{rate} \cdot \frac{1}{2}(1 + \cos(\pi \cdot \text{share}))$: the share of the steps after warm-up that is done. **Staircase** is the
# published one: times 0.97 after every 2.4 epochs.

# %%
epochs, in_epoch = 10, 100
curves = {
    "warm-up, cosine": Recipe(epochs=epochs),
    "warm-up, staircase of 10 epochs": Recipe(epochs=epochs, schedule="staircase"),
    "staircase of 350 epochs, squeezed": Recipe(epochs=350, schedule="staircase", warmup=5 / 350),
}
figures.schedules({name: [recipe.rate_at(step, epochs * in_epoch) for step in range(epochs * in_epoch)]
                   for name, recipe in curves.items()})  # fmt: skip

# %% [markdown]
# Over ten epochs the published staircase hardly falls: it was made for 350. A schedule belongs to a length, and to *steps*.
# Many loops call it once an **epoch**. What does warm-up over a tenth of ten epochs become then?

# %% tags=["nbval-check-output"]
recipe = Recipe(epochs=10, rate=0.2, warmup=0.1)
for step in (0, 25, 50, 75, 99, 100):
    by_step, by_epoch = recipe.rate_at(step, 1000), recipe.rate_at(step // 100, 10)
    print(f"step {step:>3}: once a step {by_step:.4f}, once an epoch {by_epoch:.4f}")
print(f"last step: once a step {recipe.rate_at(999, 1000):.7f}, "
      f"once an epoch {recipe.rate_at(9, 10):.4f}")

# %% [markdown]
# A whole first epoch at half the peak, and a last one at 0.006, from which it never comes down.
#
# ## A moving average of the weights
#
# After every step: $\text{average} \leftarrow \text{decay} \cdot \text{average} + (1 - \text{decay}) \cdot \text{weights}$. You train the weights, and evaluate the average. (EMA, exponential moving average: a
# network $n$ steps old weighs $\text{decay}^n$ as much as the newest. With 0.999, half of the weight lies in the last 693 steps.)
#
# It starts from the first weights, which are random. How much of them is left after 1,000 steps?

# %%
left = predict("08.start", "Share of the first weights in the average after 1,000 steps, decay 0.999",
               choices=["about a third", "about 1 %", "nothing"])  # fmt: skip

# %% tags=["nbval-check-output"]
share = math.prod(0.999 for _ in range(1000))
warmed = math.prod(min(0.999, (1 + n) / (10 + n)) for n in range(1, 1001))
print(f"decay 0.999 from the first step on: {share:.1%}")
print(f"decay the smaller of 0.999 and (1 + n) / (10 + n): {warmed:.0e}")
reached = next(n for n in range(10**6) if (1 + n) / (10 + n) >= 0.999)
print(f"(1 + n) / (10 + n) is {3511 / 3520:.4f} at step 3,510 and reaches 0.999 at step {reached:,}")

# %%
left.reveal("about a third", "A short run would be judged by a network that is one third noise.")
show("schedule", "warmup", "rate")
show("average")

# %% [markdown]
# Therefore the average has a warm-up of its own: while few steps $n$ are made it keeps only $(1+n)/(10+n)$. Starting from *zeros* is worse: after $n$ steps a share $\text{decay}^n$ of every weight is
# missing; some libraries divide that out again, as Adam does. And batch norm's running statistics belong to the weights: average them, too.
#
# ## Stochastic depth
#
# You know it from lesson 02: a block's branch is left out for an image, with a probability that grows along the network. How many blocks is that?

# %%
from effnet_course.arch import B0, VARIANTS

for net in (B0, VARIANTS["b7"]):
    blocks = net.blocks()
    missing = sum(b.drop_rate for b in blocks if b.residual)
    print(f"{net.name}: {len(blocks)} blocks, {missing:.1f} of them missing at each step on average")
show("stochastic_depth", "dropout")

# %% [markdown]
# ## Mixed precision: what 16 bits can't hold
#
# A **bfloat16** has half the bits of a float32: the same range, but 8 binary digits in place of 24. Start at 0 and add 1, a thousand times. What comes out?

# %%
summed = predict("08.sum", "1 + 1 + ... a thousand times, in bfloat16", unit="")

# %% tags=["nbval-check-output"]
short = torch.bfloat16
total = torch.zeros((), dtype=short)
for _ in range(1000):
    total += 1
print(f"one after the other: {total.item():.0f}")
print(f"summed in float32, then rounded: {torch.ones(1000, dtype=short).sum().item():.0f}")
weight = torch.tensor(0.5, dtype=short)
print(f"a weight of 0.5, plus 0.001: {(weight + 0.001).item()}")
print(f"largest number: bfloat16 {torch.finfo(short).max:.1e}, "
      f"float16 {torch.finfo(torch.float16).max:.1e}")

# %%
summed.reveal(256, "The next number after 256 is 258. 257 lies between, and is rounded back, each time.")

# %% [markdown]
# So two things must not be done in 16 bits: long sums, and small steps on large weights. **Mixed** precision means: products in bfloat16, their sums inside a
# layer in float32, and the weights, the optimiser and the loss in float32. What is gained is memory traffic, and time where the processor has units for it. Does yours?

# %%
import time

from torch.nn.functional import conv2d


def speed(groups, kernel, dtype, channels=64):
    """Billions of MACs a second of one layer, batch 64 at 16 px; the best of six."""
    x = torch.randn(64, channels, 16, 16).to(dtype).to(memory_format=torch.channels_last)
    w = torch.randn(channels, channels // groups, kernel, kernel).to(dtype)
    best = math.inf
    for _ in range(6):
        began = time.perf_counter()
        conv2d(x, w, padding=kernel // 2, groups=groups)
        best = min(best, time.perf_counter() - began)
    return x.numel() * w[0].numel() / best / 1e9


with torch.inference_mode():
    for name, groups, kernel in (("full 3x3", 1, 3), ("depthwise 3x3", 64, 3), ("pointwise", 1, 1)):
        full, half = (speed(groups, kernel, dtype) for dtype in (torch.float32, torch.bfloat16))
        print(f"{name:<14} float32 {full:6.1f}, bfloat16 {half:6.1f} "
              f"billion MACs/s ({half / full:.1f} times)")
show("precision")

# %% [markdown]
# *Half of the lesson is done: a good place to stop for today.*
#
# ## Batch norm, group norm, and the size of a batch
#
# In training, batch norm takes a channel's mean from the $n$ images that happen to be there. They are drawn
# independently, so the variance of that mean should fall like $1/n$. (The pixels of one image are not independent: more of them help less.) Measure it, on the
# first layer of the course's trained network:

# %%
nano, _ = atlas.network("nano-16px")
seen = data.pictures("validation", resolution=16).take(1000, seed=0)
seen_inputs = to_input(torch.from_numpy(seen.pixels.copy()))
with torch.inference_mode():
    means = nano.stem.conv(seen_inputs).mean((2, 3)).numpy()  # (images, channels)
draw, batch_noise = np.random.default_rng(0), {}
for n in (2, 4, 8, 16, 32, 64):
    batches = np.stack([means[draw.choice(1000, n, replace=False)].mean(0) for _ in range(400)])
    batch_noise[n] = float((batches.var(0) / means.var(0)).mean())
    print(f"batch of {n:>2}: variance of the mean "
          f"{batch_noise[n]:.3f} of one image's, 1/n = {1 / n:.3f}")

# %% [markdown]
# **Group norm** takes its statistics from *one* image: from all pixels of a group of channels. The batch no longer matters. But the width does: with a fixed number of
# groups (here 8), a wider network has more channels in each. Take more and more random 3x3 filters. How much does a group's mean (in units of the group's
# spread) vary from image to image? And the logarithms of the spreads, from group to group of an image, and from image to image?

# %%
group_noise = {}
for channels in (16, 32, 64, 128, 256):
    torch.manual_seed(0)
    found = []
    for _ in range(3):
        filters = torch.randn(channels, 3, 3, 3)
        maps = conv2d(seen_inputs[:200], filters, padding=1).reshape(200, 8, -1)  # images, groups, rest
        centre, width = maps.mean(2), maps.std(2)
        found.append(((centre / width).var(0).mean().item(), width.log().var(1).mean().item(),
                      width.log().var(0).mean().item()))  # fmt: skip
    mean_noise, unequal, contrast = np.mean(found, 0)
    group_noise[channels // 8] = float(mean_noise), float(unequal)
    print(f"{channels // 8:>2} channels in a group: variances: group's mean {mean_noise:.4f}, "
          f"spreads of groups {unequal:.4f}, of images {contrast:.3f}")  # fmt: skip
figures.statistics_noise(batch_noise, group_noise)

# %% [markdown]
# Wider means steadier: a mean over more filters is closer to 0, and the groups of an image become alike. One thing does not average out, the last column: images differ in contrast, at any
# width. Group norm divides each image by its own.
#
# So for small batches group norm is the alternative, and the more so the wider the network. (At batch 128 it costs ours some points: see below.) Now let the trained network
# judge in training mode, in batches of $n$. Guess: in batches of two, for how many images does it answer as in eval mode?

# %%
import copy


def judged(n, training=True):
    """Answers to 512 images, in batches of n. By a copy: the running statistics would move on."""
    model = copy.deepcopy(nano).train(training)
    with torch.inference_mode():
        batches = [model(seen_inputs[start : start + n]) for start in range(0, 512, n)]
    return torch.cat(batches).argmax(1).numpy()


usual_answers = judged(64, training=False)
for n in (2, 4, 16, 64):
    answers = judged(n)
    top1 = f", top-1 {np.mean(answers == seen.labels[:512]):.0%}" if seen.name == "CIFAR-10" else ""
    print(f"training mode, batches of {n:>2}: as in eval mode "
          f"{np.mean(answers == usual_answers):.0%}{top1}")
show("norm", "batch")

# %% [markdown]
# ## Evaluate: four lines, four mistakes
#
# Same weights, same images; only the company differs. That was the first mistake: evaluating without `model.eval()`. The second was the softmax twice. The third: averaging the batches' averages. With batches of 500, 500 and 10 images and 400, 400 and 10 right:

# %% tags=["nbval-check-output"]
correct, sizes = [400, 400, 10], [500, 500, 10]
of_means = sum(100 * c / n for c, n in zip(correct, sizes, strict=True)) / 3
print(f"mean of batch means {of_means:.2f} %, sums over images {100 * sum(correct) / sum(sizes):.2f} %")
for share, count in ((0.8, 1010), (0.8, 5000), (0.94, 10_000)):
    half = 196 * math.sqrt(share * (1 - share) / count)
    print(f"{share:.0%} of {count:>6,} images: plus or minus {half:.2f} points")

# %% [markdown]
# Ten images weighed as much as five hundred. The fourth mistake is to leave out the interval, lesson 00's $1.96\sqrt{p(1-p)/n}$ to either side. It says what *other images* would do; the interval over seeds says what *another training* would do. (**Top-k** counts an image as right if its label is among the $k$ largest logits.)
#
# ## Your own run
#
# Now train. NANO on 16 pixels, 1,000 images, four epochs: some ten seconds (`long = True`: about a minute). `checkpoint` names a file in your own folder that keeps the state after every epoch and every minute. The
# second cell below presses the stop button *for* you, after 40 steps. An epoch has 15. How many steps will have to be made again?

# %%
from itertools import count

from effnet_course.train import evaluate, fit


def train(net, images, recipe, file, stop_after=None, device=None):
    """Train, or go on from the file. `stop_after`: after so many steps, what the stop button does."""
    torch.manual_seed(0)
    model, steps = EfficientNet(net, 10), count(1)

    def stop_button(module, inputs):
        if module.training and stop_after and next(steps) > stop_after:
            raise KeyboardInterrupt

    model.register_forward_pre_hook(stop_button)
    try:
        return model, fit(model, images, seen, recipe, checkpoint=file, device=device)
    except KeyboardInterrupt:
        print("Stopped. Call it again: it goes on from the last checkpoint.")
        return model, None


# %%
from effnet_course.home import home

long = False
images = data.pictures("train", resolution=16).take(12_000 if long else 1_000, seed=0)
mine = Recipe(epochs=4, batch=64, rate=0.1)
file = home() / "training" / f"lesson-08-{images.name}-{len(images)}.pt"
model, history = train(NANO, images, mine, file, stop_after=40)
if history:
    print(f"It was finished before. To train anew, delete {file}")

# %% [markdown]
# That is what happens when you press stop (with a long message that ends in `KeyboardInterrupt`). Run it again:

# %%
model, history = train(NANO, images, mine, file)
for epoch, (loss, top1) in enumerate(zip(history.loss, history.validation, strict=True), 1):
    print(f"epoch {epoch}: training loss {loss:.3f}, validation top-1 {top1:.1f} %")
print(f"taken up again: {history.resumed} times; training took "
      f"{sum(history.seconds):.0f} s ({history.device})")
print(evaluate(model, seen))

# %% [markdown]
# Ten steps: the last checkpoint was that of epoch 2, after step 30. (With `long` it stops within the first epoch, of 187.) Is it still the run that it would have been? What an epoch draws comes from the seed and the epoch's number, and the file holds weights, optimiser, average and step. Compare a tiny run, stopped and resumed, with one that was not stopped:

# %%
import tempfile
from pathlib import Path

quick, some = Recipe(epochs=2, batch=64, average=0.9), images.take(500, seed=0)
with tempfile.TemporaryDirectory() as folder:
    whole, _ = train(tiny, some, quick, Path(folder) / "whole.pt", device="cpu")
    train(tiny, some, quick, Path(folder) / "parts.pt", stop_after=9, device="cpu")
    parts, resumed = train(tiny, some, quick, Path(folder) / "parts.pt", device="cpu")
equal = all(torch.equal(a, b) for a, b in zip(whole.parameters(), parts.parameters(), strict=True))
print(f"taken up again {resumed.resumed} time, all weights equal to the last bit: {equal}")

# %% [markdown]
# ## Optional: two processes, one batch
#
# With several GPUs, each takes a share of every batch; gradients are averaged, so that all make the same step. With the *same whole batch* that should be the
# same training. Try it with two processes on your processor, and group norm. Why not batch norm? Think of what each process sees of the batch.
#
# The first cell writes a script; the second runs it both ways.

# %%
script = home() / "training" / "two.py"
script.parent.mkdir(parents=True, exist_ok=True)
script.write_text("""
from dataclasses import replace
import torch
from effnet_course import data
from effnet_course.arch import NANO, Stage
from effnet_course.model import EfficientNet
from effnet_course.train import Recipe, fit

stages = Stage(1, 3, 2, 8, 1), Stage(2, 3, 2, 12, 2)
tiny = replace(NANO, stages=stages, resolution=8, norm="group")
images = data.shapes("train", count=256, resolution=8)
torch.manual_seed(0)
recipe = Recipe(epochs=1, batch=64)
history = fit(EfficientNet(tiny, 10), images, images, recipe, device="cpu", progress=False)
if not torch.distributed.is_initialized() or torch.distributed.get_rank() == 0:
    print("loss", *(f"{loss:.5f}" for loss in history.loss), "top-1", history.validation)
""")
print(f"torchrun --standalone --nproc-per-node 2 {script}")

# %%
import os
import runpy
import subprocess
import sys

import effnet_course

course = str(Path(effnet_course.__file__).parents[1])
inherited = {
    k: v for k, v in os.environ.items() if not k.startswith(("RANK", "LOCAL_RANK", "WORLD_SIZE"))
}
environment = inherited | {"PYTHONPATH": course, "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone",
            "--nproc-per-node", "2", str(script)]  # fmt: skip
done = subprocess.run(torchrun, env=environment, capture_output=True, text=True)
print("two processes:", done.stdout.strip() or done.stderr[-600:])
print("one process:   ", end="")
_ = runpy.run_path(str(script))

# %% [markdown]
# The same to rounding. With batch norm each process would normalise its 32 images by themselves. (On GPUs `fit` synchronises it.)
#
# ## The best small network in ten CPU minutes
#
# All 45,000 images, two CPU cores, ten minutes of training; the aim was 90 %. Each run keeps what served those before: ReLU (a faster step), 24 px in the first half, 16 channels in the stem for 32 (3 % of the MACs; it shortened the step by 11 to 17 %). (NANO has 3.3 million MACs.)

# %%
from effnet_course.shares import wilson

sprint = [run for run in atlas.runs() if run.study in ("fused-20-epochs", "ten-minutes")]
rows = []
for letter, run in zip("abcdefghijkl", sprint, strict=False):
    top1 = run.test[-1]
    low, high = wilson(round(100 * top1), 10_000)  # of the 10,000 test images
    rows.append((letter, run.seconds / 60, top1, 100 * low, 100 * high))
    print(f"{letter}  {run.label or 'silu'}: {run.epochs} epochs, {run.seconds:.0f} s, "
          f"validation {run.validation[-1]:.2f} %, test {top1:.2f} %")  # fmt: skip
    print(f"   {run.macs:,} MACs, {run.recipe['precision']}, seed {run.seed}, {run.device}")
figures.race(rows, minutes=10, aim=90)

# %% [markdown]
# e and f passed 90 % ten and twelve seconds late; g and h, two epochs fewer, met slower hours (seconds are upper bounds). 26 epochs did it: i, j and k, three seeds. Bars: 95 % intervals for 10,000 images; they all overlap, and reach below 90 %.
#
# Two things decide such a race. First, how many useful MACs a second the processor does: see your own table under *mixed precision*. *Full* 3x3 convolutions
# (the "fused" blocks of lesson 10) can beat depthwise ones, with more MACs. Second, which parts of a recipe help *within that time*. The whole ablation:

# %%
compared = [(arm.label, *against(arm), len(arm.values)) for arm in table if arm.changed]
level = sum(reference.values) / len(reference.values)
leavers = {"augmentation": {"flip", "shift"}, "label smoothing": {"label_smoothing"},
           "weight decay": {"weight_decay"}, "SiLU (for ReLU)": {"activation"}}  # fmt: skip
drops = {name: min(against(arm)[0] for arm in table if arm.changed and set(arm.changed) <= parts)
         for name, parts in leavers.items()}  # fmt: skip
worst = min(drops, key=drops.get)
dearest.reveal(worst, ", ".join(f"{name} {drop:+.1f}" for name, drop in drops.items()) + " points.")
figures.ablation(compared, level)

# %% [markdown]
# Three groups. More than five points worse: no warm-up, a rate that never falls, no augmentation, group norm, a batch of 512 (which leaves a quarter of the steps), and, by eight points, cutmix. It makes each picture harder, and eight epochs are too few to learn even the plain ones; whether it pays in hundreds, these runs don't say.
# Within a point: smoothing, averaging, stochastic depth, ReLU for SiLU, float32 for bfloat16 and others; one seed can't tell that from nothing. Between: the other optimisers, the staircase, mixup, no weight decay, and small photos in the first half (28 % fewer MACs).
#
# All this for one network and one length of training. If twenty parts did nothing at all, one of their twenty intervals would still miss 0, on average. And parts interact (lesson 05).
#
# ## Explore
#
# Turn the recipe. Above: the rate of every step. Below: what each step's network weighs in the moving average. At the right: recorded arms. Find
#
# 1. the decay from which on the average no longer changes, and why;
# 2. the schedule with the largest mean rate, and the one that profits most from averaging;
# 3. an arm that stands on a setting of these sliders.

# %%
from effnet_course import explorers

four = {"rate", "warmup", "schedule", "average"}


def point(arm):
    """An arm as the explorer takes it; with no reference's spread, no interval."""
    made = usual | arm.changed
    return (
        arm.label,
        *(made[name] for name in ("rate", "warmup", "schedule", "average")),
        set(arm.changed) <= four,
        *atlas.interval(arm.values, pooled),
        len(arm.values),
    )


explorers.recipe([point(arm) for arm in table])

# %% [markdown]
# ## Check yourself

# %%
ask("08.q1", "08.q2", "08.q3", "08.q4", "08.q5", "08.q6", "08.q7", "08.q8")

# %% [markdown]
# ## What to remember
#
# - A recipe moves a network by several points. Compare networks under one recipe.
# - Smoothed or mixed, a target sums to 1. Logits go into the loss, no softmax before it.
# - The published RMSProp starts its squares at 1, with eps inside the root. PyTorch's first step is over 200 times as long.
# - A constant rate leaves a jitter of variance rate / (2 - rate). A falling rate and a moving average both calm it. Both start gently, and both count steps.
# - bfloat16 has 8 binary digits: multiply in it, add up in float32.
# - Batch norm's noise falls like $1/n$ with the batch. Group norm does not see the batch, and gets steadier with width.
# - Evaluate in eval mode, sum over images, give an interval. Name a checkpoint, and a stop costs little.
#
# Next: sheet 08 (`exercises/08_training.ipynb`). Then lesson 09: how to use a network on your own images.
#
# ## Sources
#
# - The published recipe: M. Tan, Q. V. Le, *EfficientNet*, 2019 (arXiv 1905.11946), section 5.2; what it leaves out (epsilon, warm-up, smoothing, moving average): the authors' code, `tensorflow/tpu`, `models/official/efficientnet`. Batch 4,096 for a rate of 0.256: 0.016 for each 256 images in that code.
# - Label smoothing: C. Szegedy et al., *Rethinking the Inception Architecture*, 2015. Mixup: H. Zhang et al., 2018. Cutmix: S. Yun et al., 2019. Group norm: Y. Wu, K. He, 2018. AdamW: I. Loshchilov, F. Hutter, 2019. Stochastic depth: G. Huang et al., 2016.
# - ResNet-50's two results: the metadata of torchvision's weights. The runs: `effnet_course/records/`, `docs/atlas.md`.
