# ---
# jupyter:
#   effnet_course: {title: "Why expand before you filter?", minutes: 90, seconds: 45, memory_mb: 1200}
# ---

# %% [markdown]
# # 02 · Why expand before you filter?
#
# Lesson 01 ended with a rule: filtering is cheap, mixing channels is what costs. Now look at the block that every
# EfficientNet is made of. It begins by mixing its 24 channels into 144. It filters those, mixes them back into 24, and
# throws the 144 away. Somebody who knew that mixing costs built a block that mixes twice, and with six times the
# channels. In this lesson you find out what they bought.
#
# **You will be able to**
#
# - build an MBConv block from its parts, and say what each is for;
# - show what an activation destroys, and say why the block has none at its end;
# - tell batch norm's two modes apart, and stochastic depth from dropout and DropConnect;
# - derive what a block costs at any expansion ratio, and measure where its time and its memory go.
#
# **You need** lesson 01, and to have met batch normalisation before. About 90 minutes, 45 s of them your machine's.

# %% [markdown]
# ## Three questions to warm up

# %%
from effnet_course.asking import ask, predict

ask("01.q5", "01.q6", "01.q8")

# %% [markdown]
# ## What do you expect?
#
# Here is the whole idea. A 1x1 convolution makes 144 channels of 24; a depthwise 3x3 convolution
# filters each of the 144; another 1x1 convolution makes 24 of them again. The ratio 144 / 24 = 6 is the **expansion
# ratio**, $e$. Compare that with one plain 3x3 convolution from 24 channels to 24, on the same image.

# %%
guess = predict(
    "02.cost", "MACs of the three steps together, as a multiple of the plain convolution's",
    choices=["0.3 times", "1.6 times", "6 times", "36 times"],
)  # fmt: skip

# %% [markdown]
# ## The price of one more channel
#
# Stay at a single pixel. What does *one* of the 144 wide channels cost there? To make it, 24 numbers are mixed: 24
# MACs. To filter it, 9. To use it, it goes into each of 24 sums: 24 MACs more. And one output channel of the plain
# convolution? It reads 9 positions of 24 channels. Work out both totals before you run the cell.

# %% tags=["nbval-check-output"]
wide = 24 + 9 + 24  # make it, filter it, use it
plain = 9 * 24
print(f"one wide channel  {wide:>4} MACs a pixel, 144 of them {144 * wide:>6,}")
print(f"one plain channel {plain:>4} MACs a pixel,  24 of them {24 * plain:>6,}")
print(f"ratio {144 * wide / (24 * plain):.2f}; plain with 144 channels: {144 * 9 * 144:,}")

# %%
guess.reveal("1.6 times", "57 MACs a pixel for each of 144, against 216 for each of 24.")

# %% [markdown]
# So 144 channels are filtered for 1.6 times the price of 24; a plain convolution on 144 would cost 23 times as much
# as our three steps. Of the 57 MACs only 9 are filtering; the other 48 are mixing, and they depend on the *narrow*
# side: 24 in and 24 out. That is the bargain. A block that is narrow at its ends and wide in the middle can afford a
# wide middle. (The block of ResNet-50, which also adds its input to its output, is wide at its ends and narrow in the
# middle. So this one is called an **inverted residual**.)
#
# A bargain is only one if you need the thing. What are 144 filters good for?
#
# ## First guess: more patterns
#
# In a separable layer each input channel meets one 3x3 pattern only (lesson 01). If channels are mixed *before* the
# filters, then each input channel takes part in every wide channel, and meets all of their patterns. How many is
# that?
#
# Leave the activations out for a moment. Then the three steps multiply out into one plain convolution, with a 3x3 window
# for each pair of input and output channel. From input $i$ to output $o$ there is one way through each wide channel $m$: a
# weight, a 3x3 filter, a weight. Multiply them, and add up over all $m$: that is the window (`einsum` below does it). For one input channel, count how many of its
# 24 windows are independent (their *rank*): the rest are mixtures of those. A window has 9 numbers, so 9 is the most.

# %% tags=["nbval-check-output"]
import torch
from torch import nn
from torch.nn import functional as F

generator = torch.Generator().manual_seed(0)


def independent_windows(wide):
    """How many independent windows one of 24 input channels meets, with `wide` in the middle."""
    expand = torch.randn(wide, 24, generator=generator)
    filters = torch.randn(wide, 3, 3, generator=generator)
    project = torch.randn(24, wide, generator=generator)
    # window (k, l) from input i to output o, summed over the wide channels m: (24, 24, 3, 3)
    windows = torch.einsum("om,mkl,mi->oikl", project, filters, expand)
    return torch.linalg.matrix_rank(windows[:, 0].flatten(1)).item()


for wide in (1, 4, 8, 9, 24, 144):
    print(f"{wide:>3} wide channels: {independent_windows(wide)} independent windows")

# %% [markdown]
# Mixing first does lift the restriction. But look at what we have built. Multiplied out, the three steps *are* a plain
# convolution from 24 to 24 channels, and that costs 5,184 MACs a pixel while ours cost 8,208. Without activations,
# expanding to 144 would be a plain convolution at 1.6 times the price. So whatever was bought has to do with the part
# that we left out.
#
# ## What a bend destroys
#
# An activation bends: ReLU, the simplest, sets everything below zero to zero. Without a bend, layers on layers would
# multiply out into one, as above. With it, something is lost every time.
#
# How much? Take the smallest example. Something that two numbers describe, a point in the plane, is mixed into $n$
# numbers by random weights; then comes a ReLU. With random weights each of the $n$ numbers is negative in half of all
# cases. Two numbers are needed to find the point again, so if fewer than two of the $n$ are left, it is
# lost, whatever one does afterwards. What share of the points is lost for n = 3, over all random mixes?

# %%
lost = predict(
    "02.lost", "Points lost for good by a ReLU in three numbers", choices=["6 %", "12 %", "25 %", "50 %"]
)

# %% [markdown]
# Three numbers can be positive or negative in 8 ways, over all mixes equally likely. In one of them none is positive, in three
# exactly one is. So 4 of 8. In general none or one of $n$ is positive in $(n + 1)$ of $2^n$ ways:

# %% tags=["nbval-check-output"]
for n in (2, 3, 5, 15, 30):
    print(f"n = {n:>2}: half of the numbers die, {(n + 1) / 2**n:.2%} of the points are lost")

# %%
lost.reveal("50 %", "4 of the 8 ways leave fewer than two numbers. In 15 numbers it is 1 in 2,000.")

# %% [markdown]
# Half of the numbers die at every width. What changes is how many *live on*, and whether they tell the point.
#
# What could a block do with the points that are not lost? After the bend comes the projection, which is linear. So let us
# find, for random weights, the *best possible* linear projection back to the plane (`lstsq`, least squares: that with the
# smallest sum of squared errors), and look at what it recovers of a spiral. What is missing is more than before: a
# point that *something* could find again may still be out of reach for a projection. (This is the experiment of figure 1 in the MobileNetV2 paper, with the
# best projection in place of the inverse.)

# %%
turn = torch.linspace(0.25, 1, 200)
angle = 3.5 * torch.pi * turn
arm = torch.stack([turn * torch.cos(angle), turn * torch.sin(angle)], dim=1)
spiral = torch.cat([arm, -arm])  # (400, 2)


def through_relu(points, n, seed):
    """Mix points into n numbers, ReLU, project back as well as possible: (result, relative error)."""
    mix = torch.randn(2, n, generator=torch.Generator().manual_seed(seed))
    bent = torch.relu(points @ mix)  # (400, n)
    bent = torch.cat([bent, torch.ones(len(bent), 1)], dim=1)  # a projection may also shift
    back = torch.linalg.lstsq(bent, points, driver="gelsd").solution
    return bent @ back, ((bent @ back - points).norm() / points.norm()).item()


for n in (2, 3, 5, 15, 30):
    errors = [through_relu(spiral, n, seed)[1] for seed in range(40)]
    print(f"n = {n:>2}: {sum(errors) / 40:.1%} of the spiral is gone, on average over 40 random mixes")

# %%
from effnet_course import figures

figures.relu_collapse(spiral, {n: through_relu(spiral, n, seed=4) for n in (2, 3, 5, 15, 30)})

# %% [markdown]
# That is why. Bend something in as few numbers as it has itself, and parts of it collapse onto lines and points. Give it
# many more numbers first, and what one number loses, another still holds. Two rules follow:
#
# - **Expand, then bend.** Activations belong where the block is wide.
# - **Never bend where it is narrow.** After the projection there are only 24 numbers a pixel again, and an activation there
#   would destroy what the block has worked for. So the projection has none. This is called a **linear bottleneck**.
#
# Real channels are no random spiral, and weights are learned: take this as the design's reason, not as a law.
#
# ## The block
#
# Here is an **MBConv** block, the second of B0's stage 3. (As in the paper, the stem, which comes before all blocks, is
# stage 1.) The height of a bar is the number of channels.

# %%
from dataclasses import replace

from effnet_course.arch import B0, Block

without_gate = replace(B0, se_ratio=0)  # squeeze-and-excitation, the gate, is lesson 03
block = without_gate.blocks()[2]
figures.block_diagram(block)

# %% [markdown]
# Three convolutions, each followed by a batch norm; two activations; one addition. Here are the
# course's own modules, and then the same in four lines. (The batch norms are in evaluation mode here; they come
# below.)

# %% tags=["nbval-check-output"]
from effnet_course.model import MBConv

torch.manual_seed(0)
mbconv = MBConv(without_gate, block).eval()
expand, filters, project = mbconv.steps.expand, mbconv.steps.depthwise, mbconv.steps.project


def by_hand(x):  # (N, 24, H, W)
    inner = F.silu(expand.norm(F.conv2d(x, expand.conv.weight)))  # (N, 144, H, W)
    inner = F.silu(filters.norm(F.conv2d(inner, filters.conv.weight, padding=1, groups=144)))
    out = project.norm(F.conv2d(inner, project.conv.weight))  # (N, 24, H, W), and no activation
    return out + x


noise = torch.randn(2, 24, 56, 56)
with torch.inference_mode():
    print("same output:", torch.allclose(by_hand(noise), mbconv(noise), atol=1e-5))

# %% [markdown]
# ## An image on its way through
#
# To see a block at work, give it an image. Its three channels are red, green and blue; the block expands them to 18.
# The weights are **random**: this block has learned nothing, and shows only what each *step* can do to an image. Before you
# run the cell: in which rows can an edge look different from the image's, and in which can it not?

# %%
from effnet_course import data
from effnet_course.train import to_input

photos = data.pictures("validation", resolution=32)
small = Block(stage=0, index=0, kind="mbconv", kernel=3, stride=1, in_channels=3, expanded=18,
              squeezed=0, out_channels=3, residual=True, drop_rate=0.0, resolution=32)  # fmt: skip
torch.manual_seed(2)
untrained = MBConv(without_gate, small).train()  # batch norm takes its statistics from these 64 images

x = maps = to_input(torch.as_tensor(photos.pixels[:64].copy()))
shown = [("image", x)]
with torch.no_grad():
    for name, step in untrained.steps.named_children():
        maps = step(maps)
        shown.append((name, maps))
    shown.append(("+ image", maps + x))
figures.block_maps([(name, maps[5].numpy()) for name, maps in shown])

# %% [markdown]
# - **expand**: each map is a mixture of the three colours, pixel by pixel, then bent.
# - **depthwise**: each map is filtered by itself. Only here do neighbours meet: edges, shadows, blur.
# - **project**: three mixtures of 18 filtered maps. These have no activation, so they go below zero as well as above.
# - **+ image**: the input comes back. Whatever the block does, it *adds to* what was there.
#
# ## The bend of EfficientNet: SiLU
#
# MobileNetV2 used ReLU6. EfficientNet uses **SiLU** (also called swish): x times sigmoid(x). The sigmoid is a gate
# between 0 and 1, and x opens it itself. Write $\sigma$ for it; its slope is $\sigma(1 - \sigma)$. The product rule
# gives the slope of SiLU:
#
# $$\text{SiLU}(x) = x\,\sigma \qquad \text{SiLU}'(x) = \sigma + x\,\sigma\,(1 - \sigma)$$
#
# On the far left $\sigma$ is nearly 0 and so is SiLU; on the far right it is nearly 1 and SiLU is nearly x. But just left
# of zero it is *negative*. So there must be a lowest point. Find it: halve an interval in which the slope changes
# sign, 50 times.

# %% tags=["nbval-check-output"]
import math


def silu_slope(x):
    sigmoid = 1 / (1 + math.exp(-x))
    return sigmoid + x * sigmoid * (1 - sigmoid)


low, high = -3.0, 0.0  # the slope is negative at -3 and positive at 0
for _ in range(50):
    middle = (low + high) / 2
    low, high = (middle, high) if silu_slope(middle) < 0 else (low, middle)
print(f"lowest at x = {low:.6f}, where SiLU is {low / (1 + math.exp(-low)):.6f}")

for at in (-3.0, 0.0, 3.0):
    x = torch.tensor(at, requires_grad=True)
    F.silu(x).backward()
    print(f"slope at {at:>4}: by hand {silu_slope(at):>7.4f}, PyTorch {x.grad.item():>7.4f}")

# %%
figures.silu_curve(low)

# %% [markdown]
# A ReLU whose input is below zero for every image passes no gradient at all, and cannot learn its way back. SiLU's slope is
# exactly zero at one point only, though nearly zero far to the left. The price: SiLU needs an exponential, and it falls
# before it rises, so values between -0.278 and 0 come from *two* inputs. It bends gently, but it bends, and the two rules
# above stand.
#
# ## What SiLU keeps in memory
#
# For the backward pass, PyTorch keeps what the slope needs. The formula needs x and $\sigma$, but $\sigma$ can be
# computed from x again. Does it matter whether you write `nn.SiLU()` or `x * torch.sigmoid(x)`?

# %%
from torch.autograd.graph import saved_tensors_hooks


def kept_for_backward(function, x):
    """Bytes of the different arrays that PyTorch keeps for the backward pass of function(x)."""
    arrays = {}

    def keep(tensor):
        storage = tensor.untyped_storage()
        arrays[storage.data_ptr()] = storage  # held, so that no address is used twice
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        function(x)
    return sum(storage.nbytes() for storage in arrays.values())


numbers = torch.randn(1000, requires_grad=True)  # 4,000 bytes
print("nn.SiLU()           ", kept_for_backward(nn.SiLU(), numbers), "bytes")
print("x * torch.sigmoid(x)", kept_for_backward(lambda x: x * torch.sigmoid(x), numbers), "bytes")

# %% [markdown]
# Written out, it keeps x *and* the sigmoid: twice as much. That is why older code for EfficientNet has its own
# "memory-efficient swish".
#
# ## The residual rule
#
# The last step adds the input, over a *shortcut* around the block. You can only add what has the same shape, and the
# block changes it in two ways: a stride makes the image smaller, and the projection may write another number of
# channels. So:
#
# > **The input is added if, and only if, the stride is 1 and the channels in and out are equal.**
#
# B0 has 16 such blocks in seven stages. Only the first block of a stage has a stride or changes the channels.

# %%
added = predict(
    "02.residuals", "In how many of B0's 16 blocks is the input added?", choices=["7", "9", "14", "16"]
)

# %% tags=["nbval-check-output"]
for b in B0.blocks():
    rule = "added" if b.stride == 1 and b.in_channels == b.out_channels else "-"
    channels = f"{b.in_channels:>3} to {b.out_channels:>3} channels"
    print(f"stage {b.stage + 2} block {b.index + 1}: stride {b.stride}, {channels}  {rule}")

# %%
added.reveal("9", "Seven stages, seven first blocks, and each of them changes the shape.")

# %% [markdown]
# Where the shapes differ, nothing takes the shortcut's place. (A ResNet has a 1x1 convolution there.)
#
# ## Batch norm has two modes
#
# Each convolution of the block is followed by a batch norm: it subtracts a mean from each channel, divides by a standard
# deviation, then scales and shifts by two learned numbers. *Which* mean? That depends on the mode.
#
# Take an image of four pixels, once beside a copy of itself and once beside a much brighter image.

# %%
same = predict(
    "02.norm", "In training mode, does the first image's output depend on what is beside it?",
    choices=["no, each image is normalised by itself", "yes"],
)  # fmt: skip

# %% tags=["nbval-check-output"]
norm = nn.BatchNorm2d(1, momentum=0.01, eps=1e-3)
image = torch.tensor([[[[0.0, 1.0], [2.0, 3.0]]]])
for mode in ("train", "eval"):
    getattr(norm, mode)()
    for name, other in (("a copy", image), ("a brighter one", image + 20)):
        first = norm(torch.cat([image, other]))[0].flatten()
        print(f"{mode:<5} beside {name:<14}", [round(value, 2) for value in first.tolist()])
print(f"running mean after two training steps: {norm.running_mean.item():.4f}")

# %%
same.reveal("yes", "In training, mean and deviation are the batch's. In evaluation they are fixed.")

# %% [markdown]
# - **Training**: mean and variance of *this batch*, over all its images and pixels. An image's output depends on its
#   companions.
# - **Evaluation**: the **running** mean and variance, which were collected while training. The output depends on the image
#   alone. Forget `model.eval()`, and an image is judged by the company it keeps.
#
# The running numbers start at mean 0 and variance 1, and move a little at every training step. In PyTorch's sense the
# **momentum** $m$ is the weight of the *new* batch:
#
# $$\text{running} \leftarrow (1 - m)\,\text{running} + m\,\text{batch}$$
#
# EfficientNet's authors trained with momentum 0.99, and people copy that number. But they used TensorFlow, where
# momentum is the weight of the *old* value. It is 0.01 in PyTorch. How much of the start, which means nothing, is
# left after 100 steps?

# %% tags=["nbval-check-output"]
for momentum in (0.01, 0.1, 0.99):
    left = (1 - momentum) ** 100
    print(f"momentum {momentum}: {left:.2g} of the start is left,"
          f" the last batch alone counts {momentum:.0%}")  # fmt: skip

# %%
generator = torch.Generator().manual_seed(1)
batches = 3 + 2 * torch.randn(300, 32, generator=generator)  # 300 batches of 32 numbers, mean 3
rows = {}
for momentum in (0.01, 0.1, 0.99):
    running, rows[momentum] = 0.0, []
    for mean in batches.mean(dim=1).tolist():
        running = (1 - momentum) * running + momentum * mean
        rows[momentum].append(running)
figures.running_mean(rows)

# %% [markdown]
# At 0.01 the average is steady, and late: a network trained for a hundred steps evaluates with a mean that is still
# more than a third wrong. At 0.99 it is no average at all. Hence `NANO`, which trains briefly, has 0.1, and B0 has
# 0.01.
#
# One number more: **eps**, added to the variance so that nobody divides by zero: 1e-3 in TensorFlow's EfficientNet,
# usually 1e-5 in PyTorch. For a channel with a variance of 1e-3 that is no trifle:

# %% tags=["nbval-check-output"]
print(f"the channel comes out {math.sqrt((1e-3 + 1e-3) / (1e-3 + 1e-5)):.2f} times larger with eps 1e-5")

# %% [markdown]
# ## Three ways to drop something
#
# Against overfitting, some of the work can be left out at random while a network trains. Three methods do that, and
# their names get mixed up: the EfficientNet authors' own code calls one by another's name. So look at *what*
# is zero. One layer, 8 channels in and 8 out, six images, and a drop rate of 0.3. Where do you expect the zeros of
# each?
#
# - **Dropout** (2012) drops numbers of the output.
# - **DropConnect** (2013) drops weights.
# - **Stochastic depth** (2016) drops the whole branch of a block, for one image at a time.

# %%
torch.manual_seed(4)
weights, images, keep = torch.randn(8, 8), torch.randn(6, 8), 0.7


def mask(*shape):
    """0 or 1 / keep: what stays is made stronger, so that on average nothing changes."""
    return torch.bernoulli(torch.full(shape, keep)) / keep


fewer = weights * mask(8, 8)
kinds = {
    "dropout": (weights, images @ weights.T * mask(6, 8)),
    "DropConnect": (fewer, images @ fewer.T),
    "stochastic depth": (weights, images @ weights.T * mask(6, 1)),
}
figures.what_is_dropped({name: [(t != 0).tolist() for t in tables] for name, tables in kinds.items()})

# %% [markdown]
# With DropConnect hardly any output is zero: each is a sum with some terms missing. With stochastic depth all outputs of
# an image are zero, or none. In a block that adds its input, a zero branch means that the image takes the
# shortcut and skips the block: for this image, at this step, the network is a block shorter. It makes sense only
# where there is a shortcut.
#
# The scale: a number stays with probability 0.7 and is then divided by 0.7, so its average is $0.7 \cdot x / 0.7 =
# x$. Therefore evaluation drops nothing and scales nothing. In EfficientNet the rate grows from block to block, and
# the blocks near the image are hardly ever dropped:

# %% tags=["nbval-check-output"]
print("B0:", [round(b.drop_rate, 4) if b.residual else "-" for b in B0.blocks()])

# %% [markdown]
# (The authors' code calls this `drop_connect`. It is stochastic depth. B0's drop rate is given as 0.2, but a block's rate is
# 0.2 times block / 16, counted from 0, so it never gets there. The dashes are blocks without a shortcut.)
#
# ## The price of the ratio
#
# You know the price of a wide channel: at each pixel 24 + 9 + 24 MACs. A block of ratio $e$ has $24\,e$ of them. So
# for $C$ channels in and out, on $H \times H$ pixels, with stride 1 and $e$ of 2 or more:
#
# $$\text{MACs} = e\,C H^2 (2C + K^2) \qquad\qquad \text{parameters} = 2C + e\,C(2C + K^2 + 4)$$
#
# Both are a straight line in $e$. (Parameters: each wide channel has two batch norms with two learned numbers each,
# and the 2C are the last batch norm's.) Does ratio 1, as in B0's very first block, cost a sixth of ratio 6?

# %%
cheaper = predict(
    "02.ratio1", "MACs at ratio 1, compared with a sixth of those at ratio 6",
    choices=["less", "exactly as much", "more"],
)  # fmt: skip

# %% tags=["nbval-check-output"]
from effnet_course import cost

counted = {}
for e in range(1, 9):
    layers = cost.block_layers(block._replace(expanded=24 * e))
    counted[e] = sum(layer.macs for layer in layers), sum(layer.params for layer in layers)

for what, column in (("MACs", 0), ("parameters", 1)):
    # the line through e = 2 to 8, by least squares
    points = torch.tensor([(1.0, e, counted[e][column]) for e in range(2, 9)], dtype=torch.float64)
    a, b = torch.linalg.lstsq(points[:, :2], points[:, 2]).solution.tolist()
    print(f"{what}: {round(a):,} + {b:,.0f} e")
    print(f"    at e = 1 the line says {a + b:,.0f}, the count {counted[1][column]:,}")
print("by the formulas:", 24 * 56**2 * (2 * 24 + 9), 2 * 24, 24 * (2 * 24 + 9 + 4))

# %%
cheaper.reveal("less", "2,483,712 against 4,290,048: there is nothing to expand, so no expansion.")
figures.expansion_line(block)

# %% [markdown]
# A block of ratio 1 has *no expansion convolution*. It would mix 24 channels into 24 and cost $C^2 H^2$, 1.8 million
# MACs here, for no more room. So ratio 1 is not a small MBConv block but another kind of block, a separable layer
# with a linear end, and a line through it and one other ratio misses all the rest. A block of ratio 1 bends where
# it is narrow. B0 has just one, its first, with 32 channels.
#
# ## Where does the time go?
#
# In this block the two 1x1 convolutions do 84 % of the MACs and the filters 16 %. Batch norms, activations and the
# addition count as nothing. What share of the *time* do these take, in evaluation, on your machine? Here the
# block has its gate.
#
# The clock runs for two **layouts** of the same numbers. *Channels first*, PyTorch's usual one, keeps a whole channel
# together in memory; *channels last* keeps all channels of a pixel together. The result is the same to rounding. One
# core does the work, so that the steps do not wait for each other's threads.

# %%
free = predict("02.time", "Share of the time in batch norms, activations and the addition", unit="%")

# %%
from torch.utils.benchmark import Timer

gated = B0.blocks()[2]
inside = MBConv(B0, gated).eval().steps
SiLU = nn.SiLU()  # not in place: it is run again and again on the same numbers
steps = [
    ("expand", inside.expand.conv, 24),
    ("norm, SiLU 1", lambda x: SiLU(inside.expand.norm(x)), 144),
    ("depthwise", inside.depthwise.conv, 144),
    ("norm, SiLU 2", lambda x: SiLU(inside.depthwise.norm(x)), 144),
    ("gate", inside.squeeze_excite, 144),
    ("project", inside.project.conv, 144),
    ("norm, addition", lambda x: inside.project.norm(x) + x, 24),
]


def seconds(step, channels, layout):
    x = torch.randn(8, channels, 56, 56).to(memory_format=layout)
    with torch.inference_mode():
        timer = Timer("step(x)", globals={"step": step, "x": x}, num_threads=1)
        return min(timer.blocked_autorange(min_run_time=0.3).times)  # the fastest: least disturbed


# %%
macs = {"expand": 0, "depthwise": 0, "gate": 0, "project": 0}
for layer in cost.block_layers(gated):
    name = layer.name.split(".")[2]
    macs["gate" if name in ("reduce", "restore") else name] += layer.macs

timed = []
for name, step, channels in steps:
    first = seconds(step, channels, torch.contiguous_format)
    last = seconds(step, channels, torch.channels_last)
    work = 8 * macs.get(name, 0)  # 8 images
    timed.append((name, work, first, last))
    print(f"{name:<15} {work / 1e6:>6.1f} M MACs  {1e3 * first:>7.2f} ms"
          f"  {1e3 * last:>7.2f} ms channels last")  # fmt: skip

# %%
nothing = 100 * sum(row[3] for row in timed if row[1] == 0) / sum(row[3] for row in timed)
free.reveal(round(nothing), "With channels last, on your machine, this minute. They do no MACs at all.")
figures.time_and_macs(timed)

# %% [markdown]
# Why does work without a single MAC take time? Count what moves. At each pixel the first batch norm reads 144 numbers
# and writes 144, and SiLU does so again: 576 numbers moved. The expansion before it reads 24 and writes 144. The gate
# reads its 144 twice, once for their means and once to multiply them, and writes them once.

# %% tags=["nbval-check-output"]
moved = {"expand": 24 + 144, "norm, SiLU 1": 4 * 144, "depthwise": 2 * 144, "norm, SiLU 2": 4 * 144,
         "gate": 3 * 144, "project": 144 + 24, "norm, addition": 2 * 24 + 3 * 24}  # fmt: skip
for name, numbers in moved.items():
    print(f"{name:<15} {numbers:>4} numbers a pixel, {numbers / sum(moved.values()):>4.0%}")
without = sum(numbers for name, numbers in moved.items() if "norm" in name)
print(f"steps without MACs: {without / sum(moved.values()):.0%} of all that moves")

# %% [markdown]
# You know this from lesson 01: what does little arithmetic for each number waits for memory. Compare these shares
# with your picture. (If two runs differ, your machine has other work: time it again.) In evaluation a batch norm can be folded into the convolution before it (lesson 11); then its share of the traffic is gone.
#
# ## Where does the memory go?
#
# The block without its gate has 8,832 parameters: 35 kB. How much does PyTorch keep for the backward pass, for a
# batch of 8 images?

# %%
kept = predict("02.kept", "Kept for the backward pass of this one block, batch of 8", unit="MB")

# %% [markdown]
# Count: each convolution keeps its input, each batch norm its input, each SiLU its input. At a pixel that is 24
# numbers for the expansion, 3 x 144 up to the filters, 3 x 144 up to the projection, and 24 for the last batch norm.

# %%
by_count = 8 * 56**2 * (24 + 3 * 144 + 3 * 144 + 24) * 4
batch = torch.randn(8, 24, 56, 56, requires_grad=True)
measured = kept_for_backward(MBConv(without_gate, block).train(), batch)
print(f"by count {by_count / 1e6:.2f} MB, kept by PyTorch {measured / 1e6:.2f} MB"
      f" (it keeps the weights, too)")  # fmt: skip
kept.reveal(round(measured / 1e6, 1), "2,600 times the parameters, nearly all of it in the wide middle.")

# %% [markdown]
# In evaluation nothing has to be kept. While the filters run, their input and output are there, and the block's input
# for the shortcut: 144 + 144 + 24 numbers a pixel, a third of that.

# %% [markdown]
# ## Explore
#
# Where do MACs, parameters and activations go? Activations, as a cost, are the numbers that the convolutions
# write, not the functions. Find
#
# 1. a setting in which the *filters* do most of the MACs;
# 2. what the size of the image changes in the *shares*, and what it does not;
# 3. what happens to each of the three bars when you go from ratio 2 to ratio 1.

# %%
from effnet_course import explorers

explorers.mbconv()

# %% [markdown]
# ## Check yourself

# %%
ask("02.q1", "02.q2", "02.q3", "02.q4")

# %%
ask("02.q5", "02.q6", "02.q7", "02.q8")

# %% [markdown]
# ## What to remember
#
# - Narrow ends make a wide middle affordable: a wide channel costs $2C + K^2$ MACs a pixel.
# - An activation destroys, and destroys less where there are more numbers. Expand, then bend; never bend where it is narrow.
# - The input is added where stride is 1 and channels are equal. Nothing else takes its place.
# - Batch norm: the batch's statistics in training, running ones in evaluation. PyTorch's 0.01 is TensorFlow's 0.99.
# - Stochastic depth drops a block's branch for one image; dropout drops outputs, DropConnect weights.
# - MACs grow in a line with $e$, from 2 on. Time and memory go where the block is wide, MACs or not.
#
# Next: sheet 02 (`exercises/02_mbconv.ipynb`). Then lesson 03, on the step that we have left out: a gate that looks
# at the whole image and turns channels up and down.

# %% [markdown]
# ## Sources
#
# - The block, the linear bottleneck and the experiment with a spiral: M. Sandler et al., *MobileNetV2: Inverted
#   Residuals and Linear Bottlenecks*, 2018, section 3 and figure 1.
# - SiLU: S. Elfwing et al., *Sigmoid-Weighted Linear Units*, 2017; as swish: P. Ramachandran et al., *Searching for
#   Activation Functions*, 2017.
# - Batch norm: S. Ioffe and C. Szegedy, 2015. Momentum, eps and drop rates of B0: the authors' code (tensorflow/tpu,
#   `models/official/efficientnet`).
# - Dropout: G. Hinton et al., 2012. DropConnect: L. Wan et al., 2013. Stochastic depth: G. Huang et al., 2016.
