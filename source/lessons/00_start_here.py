# ---
# jupyter:
#   effnet_course: {title: "Start here", minutes: 60, seconds: 75, memory_mb: 1500}
# ---

# %% [markdown]
# # 00 · Does my machine work, and how do I use this?
#
# In 2012 a network called AlexNet changed what computers can see. It has 61 million parameters. Seven years later a
# network with far fewer of them, and about half of the arithmetic, made about half as many mistakes on the same
# photos. This course is about how that was possible, and about one family of networks, EfficientNet, in which you can
# see it best.
#
# In this lesson you find out whether your machine is ready, and meet everything that the later lessons use: a
# prediction, a slider, a check that tells you what you did wrong, real photos, and a network that you train yourself.
#
# **You will be able to**
#
# - say what your machine can do, and mend what it can't;
# - read a training run: loss, top-1, training, validation and test, seeds;
# - say whether a difference between two networks is more than chance.
#
# **You need** Python, and to have trained some neural network before, with PyTorch or anything else. The
# questions near the end tell you whether that is enough. About 60 minutes, 75 s of them your machine's.

# %% [markdown]
# ## Your machine
#
# Run a cell with Shift+Enter. This one looks at your machine. Where something is missing, it says what to do about it.

# %%
from effnet_course import doctor

print(doctor.report())

# %% [markdown]
# You don't need a GPU or a network connection. Every lesson runs on two processor cores in 90 seconds or less, if they have nothing else to
# do. Where training takes longer, you get the recorded run, with the command that made it.
#
# ## Guess first
#
# All through the course you are asked for a guess *before* the answer shows, and how sure you are. That is not a
# test. You can only be surprised if you expected something. Your guesses stay on your machine, in
# `~/.effnet-course/guesses.jsonl`.

# %%
from effnet_course.asking import ask, predict

guess = predict(
    "00.params",
    "AlexNet (2012) has 61 million parameters and names 57 % of ImageNet's photos rightly. "
    "EfficientNet-B0 (2019) names 78 % rightly. How many parameters has it?",
    choices=["5 million", "20 million", "60 million", "240 million", "1 billion"],
)

# %% [markdown]
# Now count. torchvision, PyTorch's library for images, has both networks and many between them. On the device called "meta",
# PyTorch builds a network without storing any number in it, so that even a huge one is counted in a moment. A **MAC** is one
# multiplication with one addition: it is the unit for a network's work. PyTorch counts the two separately, so we halve its number.

# %%
import torch
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models import get_model, get_model_weights


def count(name):
    """Parameters, MACs for one image, and the top-1 that torchvision reports for its weights."""
    weights = get_model_weights(name).IMAGENET1K_V1
    pixels = weights.transforms.keywords["crop_size"]
    with torch.device("meta"):
        model = get_model(name).eval()
        with FlopCounterMode(display=False) as counter:
            model(torch.zeros(1, 3, pixels, pixels))
    params = sum(parameter.numel() for parameter in model.parameters())
    return params, counter.get_total_flops() // 2, weights.meta["_metrics"]["ImageNet-1K"]["acc@1"]


# %%
names = {
    "AlexNet": ("alexnet", 2012), "VGG-16": ("vgg16", 2014), "ResNet-50": ("resnet50", 2015),
    "MobileNetV2": ("mobilenet_v2", 2018), "EfficientNet-B0": ("efficientnet_b0", 2019),
    "EfficientNet-B4": ("efficientnet_b4", 2019), "EfficientNet-B7": ("efficientnet_b7", 2019),
}  # fmt: skip
rows = [(name, year, *count(key)) for name, (key, year) in names.items()]
for name, year, params, macs, top1 in rows:
    print(
        f"{name:<16} {year}  {params / 1e6:6.1f} M parameters  {macs / 1e9:6.2f} G MACs  {top1:.1f} %"
    )

# %%
guess.reveal("5 million", "5,288,548. You will derive that number to the last digit in lesson 04.")

# %% [markdown]
# In the picture, up is better and left is cheaper. Note that the horizontal scales are logarithmic: a step to the left is a *factor*.
# Before you look at the right half: will the order from left to right be the same for MACs as for parameters?

# %%
from effnet_course import figures

figures.networks(rows)

# %% [markdown]
# It is not. VGG-16 has only twice AlexNet's parameters and over twenty times its MACs. Parameters are what you download; MACs
# are what you compute. They are two different costs, and lesson 01 shows where each comes from.
#
# One caution that will stay with us. We counted the parameters and MACs, but only *read* the accuracies: torchvision reports them
# for its weights, each trained with another recipe, at another image size. Part of what looks like a better network is better
# training. Lesson 10 comes back to that.
#
# ## How this course works
#
# It makes you four promises. Hold it to them.
#
# 1. **Nothing is asserted.** A number is derived in front of you, or checked by a second counter, or it comes from a recorded run
#    that you can repeat. What was published elsewhere carries its source.
# 2. **A wrong answer teaches.** A check tells you what your answer *implies*, so that you find the mistake yourself.
# 3. **A slider answers at once.**
# 4. **It runs where you are.** A laptop without a network, Colab, a GPU: the same notebooks.
#
# ## A slider
#
# The slider sets the side of an image. The picture shows the work of one convolution on it: 3x3, from 64 to 128 channels. Click
# on the handle once, then use the arrow keys. Find out, *by moving it*: when the side doubles, by what factor does the work
# grow? At which size does this one layer cost more than all of EfficientNet-B0?

# %%
from effnet_course import explorers

explorers.first_slider()

# %% [markdown]
# Four times the work for twice the side, because an image has two sides. And a single, rather ordinary layer overtakes the whole
# of B0 at a side of 73 pixels, although B0 looks at 224. B0 has dozens of
# convolutions. How can all of them together cost less than this one? That is the question of lessons 01 to 04.

# %% [markdown]
# ## 00.1 · How many steps has a training run?
# *5 minutes · easy · 1 point*
#
# Each lesson from 01 on has a sheet of exercises. They look like this one. You write a function, run the check below it, and
# read what it says. Here someone has already answered, and wrongly. Run both cells, read the hint, and mend the function.
#
# A network learns from one **batch** of images at a time; that is a step. An **epoch** goes once over all images in a new random
# order. In this course the images left over at the end of an epoch, too few to fill a batch, wait for another epoch.
# With 1,000 images in batches of 300, for 2 epochs, `training_steps(1000, 300, 2)` is `6`.


# %%
def training_steps(images: int, batch: int, epochs: int) -> int:
    """Steps of a training run. Batches that are not full are left out."""
    steps_per_epoch = -(-images // batch)  # rounded up
    return steps_per_epoch * epochs


# %%
from effnet_course.checking import check, hint

check("00.1", training_steps)

# %% [markdown]
# A check shows the smallest case that goes wrong: what went in, what was expected, and what your function gave. If it recognises
# the mistake, it says so. Check as often as you like; nothing is counted. If you are stuck, ask for a hint with `hint("00.1")`.

# %% [markdown]
# ## Real photos
#
# CIFAR-10 is 60,000 colour photos of ten things, 32 pixels wide. It is small enough to train on in minutes, and hard enough to
# tell a good network from a bad one. We look at it at 16 pixels as well. Can *you* still name everything?

# %%
from effnet_course import data

photos = data.pictures("train", resolution=16)
figures.contact_sheet([data.pictures("train", resolution=32), photos])

# %% [markdown]
# If the line above says **Shapes**, then CIFAR-10 is not on your machine and could not be fetched, and the course has drawn its own
# pictures instead. Their ten classes are *marks*. A mark is shown as an outline, or as the pattern of stripes, or as the
# direction from a large disc to a small one, and the colour says how to read it. So most pictures don't look like the
# name of their class: you can't name them, but a network can learn to. Everything below works with them too; only the
# numbers are others.
#
# The images come in three parts, and they have different jobs (the numbers are CIFAR-10's):
#
# - **Training** images (45,000) are what the network learns from.
# - **Validation** images (5,000) tell you how well it does on images that it has not learned from. Whatever you *choose*, you choose
#   by them: a learning rate, a network, when to stop.
# - **Test** images (10,000) are read once, when everything has been chosen. Choose by them, and they no longer tell the truth.

# %%
validation = data.pictures("validation", resolution=16)
print(
    f"{len(photos):,} training images and {len(validation):,} validation images, "
    f"each {photos.pixels.shape[1:]} numbers from 0 to 255"
)

# %% [markdown]
# ## Train one
#
# `NANO` is the smallest EfficientNet of this course. It is built as B0 is, and small enough to train while you wait. It is the
# base of every scaling study later on.

# %% tags=["nbval-check-output"]
from effnet_course.arch import B0, NANO
from effnet_course.cost import network_cost

for net, classes in ((NANO, 10), (B0, 1000)):
    cost = network_cost(net, classes)
    print(
        f"{net.name:<5} {net.resolution:>3} px  {cost.params:>9,} parameters  {cost.macs:>11,} MACs"
    )

# %% [markdown]
# It will see 8,000 images twice. There are ten classes, so guessing blindly is right 10 times in 100. What will it reach?

# %%
expected = predict("00.top1", "Top-1 on the validation images after training", unit="%")

# %%
from effnet_course.model import EfficientNet
from effnet_course.train import Recipe, evaluate, fit

torch.manual_seed(0)
model = EfficientNet(NANO, num_classes=10)
history = fit(model, photos.take(8_000), validation, Recipe(epochs=2))

# %%
score = evaluate(model, validation)
expected.reveal(score.top1, f"{score.correct:,} of {score.count:,} {validation.name} images.")

# %% [markdown]
# **Top-1** is the share of images whose highest score is the right class. The **loss** that you saw fall during the training is
# what it minimises, cross-entropy: about the negative logarithm of the probability that the network gave to the right class.
# Before it has learned anything it gives every class 1/10. Then the loss is $-\ln(1/10)$:

# %% tags=["nbval-check-output"]
import math

print(f"{-math.log(1 / 10):.3f}")

# %% [markdown]
# ## How sure is that number?
#
# The validation images are a sample. With others, the score would be a little different. If a network is right with
# probability $p$ on any one image, its score on $n$ images spreads around $p$ with a **standard error** of
# $\sqrt{p(1-p)/n}$, and in 95 of 100 such samples it lies within 1.96 standard errors. That range is called a 95 %
# **interval**.

# %%
share = score.correct / score.count
error = math.sqrt(share * (1 - share) / score.count)
print(f"{100 * share:.1f} % plus or minus {100 * 1.96 * error:.1f}, from {score.count:,} images")
error_of_100 = math.sqrt(share * (1 - share) / 100)
print(f"the same score from 100 images: plus or minus {100 * 1.96 * error_of_100:.1f}")

# %% [markdown]
# Of two networks, *each* score has such an interval. So two scores from 5,000 images that differ by one percentage
# point (a *point*, from here on) may well come from equally good networks. And from 100 images, hardly even ten points
# tell you anything. Keep that in mind when someone's table says 77.1 and 77.3.
#
# ## The same, for longer
#
# Here is `NANO` trained on all 45,000 training images for ten epochs, on real CIFAR-10 at 16 pixels. (If yours was trained on
# Shapes, don't compare its score with these: they are about other pictures.) These runs are recorded: your
# machine did not make them just now, but `python benchmarks/record_networks.py nano-16px --seeds 0 1 2` would. The runs
# differ in one thing only, the **seed**, the number that all random choices start from: the first weights, the order
# of the images, and which of them are mirrored.

# %%
from effnet_course import atlas

runs = [run for run in atlas.runs() if run.study == "nano-10-epochs" and run.base == "nano"]
for run in runs:
    print(f"seed {run.seed}: {run.validation[-1]:.1f} % validation, {run.test[-1]:.1f} % test")
print(f"{sum(run.seconds for run in runs) / 60:.0f} minutes in all, on {runs[0].device}")

# %%
figures.training_runs(runs)

# %% [markdown]
# Some things to see.
#
# - The loss falls fast at first, then slowly. The first epochs teach more than the last.
# - Validation top-1 rises with it, but not smoothly. While the learning rate is high, a run may end an epoch at a bad moment; towards
#   the end, when the rate has come down, that stops. So never judge a network in the middle of a run.
# - The loss doesn't come near 0, because this recipe smooths the labels (lesson 08) and because the network is small.
# - The seeds end at different heights, though nothing *about the network* differs. A difference between two networks means something
#   only if it is larger than what seeds alone do.
#
# ## How much do seeds do?
#
# With a few runs you can say how far their *mean* might be off. Take the spread of the runs (their standard
# deviation), divide it by the square root of their number, and multiply by a factor for the certainty you want. For
# three runs and 95 % that factor is
# 4.30, from Student's t distribution: so large because three runs hardly tell you what the spread is.

# %%
import statistics

tops = [run.validation[-1] for run in runs]
factor = {2: 12.71, 3: 4.30, 4: 3.18, 5: 2.78}[len(tops)]
mean, spread = statistics.mean(tops), statistics.stdev(tops)
half = factor * spread / math.sqrt(len(tops))
print(f"standard deviation {spread:.2f}, so the mean is {mean:.2f} % plus or minus {half:.2f}")

# %% [markdown]
# From lesson 05 on you will compare networks of different shapes like this. A mean without such an interval is an
# anecdote.

# %% [markdown]
# ## Do you know what you need to know?
#
# Eight questions. Each choice has an explanation; read the ones for the wrong choices as well. If you miss more than three, work
# through an introduction to neural networks first, and come back.

# %%
ask("00.q1", "00.q2", "00.q3", "00.q4")

# %%
ask("00.q5", "00.q6", "00.q7", "00.q8")

# %% [markdown]
# ## How far you are
#
# Come back to this cell whenever you like (or type `effnet-course check --all` in a terminal). It reads the files on your machine and nothing else: guesses
# made, questions answered, points of the sheets' functions (a person marks the question in words). At the end of the course, `asking.calibration()` draws how sure you were against how often you were right.

# %%
from effnet_course import progress

print(progress.text())

# %% [markdown]
# ## What to remember
#
# - Parameters are what you store, MACs what you compute. They are not the same cost, and one does not tell you the other.
# - Learn on training images, choose on validation images, and read the test images once.
# - A score has an interval, from the images and from the seeds. Ask for it.
# - Guess, then look.
#
# Next: lesson 01 takes apart the kind of layer that cost more than all of B0. Why is a 3x3 convolution expensive?

# %% [markdown]
# ## Sources
#
# - AlexNet: A. Krizhevsky, I. Sutskever, G. Hinton, *ImageNet Classification with Deep Convolutional Neural Networks*, 2012. VGG:
#   K. Simonyan, A. Zisserman, 2014. ResNet: K. He et al., 2015. MobileNetV2: M. Sandler et al., 2018. EfficientNet: M. Tan,
#   Q. V. Le, 2019. The accuracies are those that torchvision reports for its first set of weights for each (`IMAGENET1K_V1`).
# - CIFAR-10: A. Krizhevsky, *Learning Multiple Layers of Features from Tiny Images*, 2009.
# - The recorded runs: `effnet_course/records/nano-10-epochs.jsonl`.
