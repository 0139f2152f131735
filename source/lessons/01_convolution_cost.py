# ---
# jupyter:
#   effnet_course: {title: "Why is a 3x3 convolution expensive?", minutes: 75, seconds: 40, memory_mb: 1300}
# ---

# %% [markdown]
# # 01 · Why is a 3x3 convolution expensive?
#
# Hold a phone over a plant and it names the species. Between the photo and the name lie a few hundred
# million to a few billion multiplications, and nearly all of them happen inside one kind of layer. In this lesson you
# take that layer apart: you count its work on paper, find which part of the work can be left out, leave
# it out, and then find out with a stopwatch what you have really won.
#
# **You will be able to**
#
# - count the multiply-accumulates and the parameters of any convolution on paper;
# - say what each of two counters counted when they disagree;
# - replace a convolution by a depthwise-separable one and say what is saved, and what is given up;
# - predict when fewer operations will *not* be faster.
#
# **You need** what a convolution does (a window slides over the image, with a dot product at each stop) and
# lesson 00. About 75 minutes, 40 s of them your machine's.

# %% [markdown]
# ## Three questions to warm up

# %%
from effnet_course.asking import ask, predict

ask("00.q1", "00.q3", "00.q8")

# %% [markdown]
# ## What do you expect?
#
# A layer reads an image of 56x56 pixels with 64 channels and writes 128 channels of the same size, through 3x3
# kernels. Layers like this one stand in the middle of most networks for photos. How many multiplications does it
# do for one image? Don't calculate. Pick a power of ten, and say how sure you are.

# %%
guess = predict(
    "01.macs",
    "Multiplications in this layer, for one image",
    choices=["10^5", "10^6", "10^7", "10^8", "10^9"],
)

# %% [markdown]
# ## One output number
#
# Take a single number of the output: one channel, one position. To compute it, the kernel lies over a 3x3 patch of
# *every* input channel. That is 3 x 3 x 64 = 576 numbers. Each is multiplied by its weight, and the products are
# added up. One multiplication and one addition together are one **multiply-accumulate**, or **MAC**. So one output
# number costs 576 MACs.
#
# How many output numbers are there? Work it out in your head before you run the cell.

# %% tags=["nbval-check-output"]
macs_per_output = 3 * 3 * 64
outputs = 56 * 56 * 128
print(f"{macs_per_output} MACs x {outputs:,} outputs = {macs_per_output * outputs:,} MACs")

# %%
guess.reveal(macs_per_output * outputs, "576 MACs for each of 401,408 output numbers.")

# %% [markdown]
# If you were off: which of the factors did you not see? One hides well: every output channel looks at *every* input
# channel. Keep that thought, because the whole lesson comes back to it.
#
# So far this is only our word for it. Here is a counter that knows nothing about our formula. It belongs to PyTorch
# and watches which operations run.

# %% tags=["nbval-check-output"]
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

image = torch.zeros(1, 64, 56, 56)
standard = nn.Conv2d(64, 128, kernel_size=3, padding=1, bias=False)
with FlopCounterMode(display=False) as counter:
    standard(image)
print(f"PyTorch counts {counter.get_total_flops():,}")

# %% [markdown]
# That is not our number. Divide one by the other before you read on.
#
# It is exactly twice ours, which is why lesson 00 halved it: PyTorch counts a multiplication and an addition as two
# operations, **FLOPs** (floating-point operations), where we count one MAC. Neither is wrong. But much of the
# literature, the EfficientNet paper included, writes "FLOPs" and means MACs, so a factor of 2 between two sources
# nearly always means just this. In this course a MAC is a MAC and 1 MAC = 2 FLOPs.
#
# > **MACs of a convolution** = kernel area x input channels x output channels x output positions
# >
# > $K^2 \cdot C_\text{in} \cdot C_\text{out} \cdot H^2$
#
# $K$ is the side of the kernel, $C_\text{in}$ the number of channels that are read, $C_\text{out}$ of those that are
# written, and $H$ the side, in pixels, of the map that is *written*. In this layer that is the side of the image,
# too.


# %%
def conv_macs(kernel, in_channels, out_channels, height):
    """MACs of a K x K convolution whose output has height x height positions."""
    return kernel**2 * in_channels * out_channels * height**2


# %% [markdown]
# ## Which factor hurts most?
#
# You may double one of the four: the kernel (from 3 to 6), the input channels, the output channels, or the side of
# the image. Rank them by what they do to the MACs. Then run the cell.

# %% tags=["nbval-check-output"]
before = conv_macs(3, 64, 128, 56)
print("kernel          x", conv_macs(6, 64, 128, 56) / before)
print("input channels  x", conv_macs(3, 128, 128, 56) / before)
print("output channels x", conv_macs(3, 64, 256, 56) / before)
print("image side      x", conv_macs(3, 64, 128, 112) / before)

# %% [markdown]
# Kernel and side enter squared. A network that doubles the width of *all* its layers doubles input and output channels
# at once, and pays four times as well. You will meet those squares again in lesson 05, where they become the
# rule of scaling: cost grows with the depth of a network, but with the *square* of its width and of its resolution.
#
# A **stride** of 2 visits every second position in both directions. $H$ is the side of the *output*, so stride 2
# leaves a quarter of the MACs. *Padding* puts zeros around the image, on all four sides. The window starts at the
# edge of the padded image and moves on by the stride as long as it fits; $H$ is how often it stops along a side.
#
# ## And the parameters?
#
# The weights are the same at every position: that is what makes it a convolution. So the side of the image does
# not appear at all:
#
# > **Parameters of a convolution** = $K^2 \cdot C_\text{in} \cdot C_\text{out}$, plus $C_\text{out}$ if it has a bias

# %% tags=["nbval-check-output"]
weights = sum(parameter.numel() for parameter in standard.parameters())
print(f"by hand {3**2 * 64 * 128:,}, PyTorch {weights:,}")
print(f"each weight is used {before // weights:,} times: once at each of {56 * 56:,} positions")

# %% [markdown]
# This is why a network can be small to download and slow to run. Parameters and MACs are two different costs, and
# you always need to know which one you are short of.
#
# ## When two counters disagree
#
# Another well-known counter is fvcore. Give it a convolution with the two layers that usually follow, a batch
# normalisation and an activation (lesson 02 is about both), and a pooling at the end.

# %% tags=["nbval-check-output"]
import warnings

warnings.simplefilter(
    "ignore", FutureWarning
)  # fvcore uses a part of PyTorch that is on its way out
from fvcore.nn import FlopCountAnalysis

small = nn.Sequential(standard, nn.BatchNorm2d(128), nn.SiLU(), nn.AdaptiveAvgPool2d(1)).eval()
for operator, count in (
    FlopCountAnalysis(small, image).unsupported_ops_warnings(False).by_operator().items()
):
    print(f"{operator:<20} {count:>13,}")

# %% [markdown]
# Three things to read off:
#
# - For the convolution fvcore prints 231,211,008. It says "flops" and counts MACs.
# - It counts 2 for each number that is normalised and 1 for each that is pooled. PyTorch's counter counts neither.
# - It says nothing about the activation. Each counter has operations that it does not know.
#
# None of this matters much here: the normalisation adds 0.3 %. In a whole EfficientNet-B0 the same habit turns 386 million
# into 402 million, which is why some tables print 0.40 billion for it and others 0.39. When numbers disagree, ask what was counted
# before you ask who is wrong.

# %% [markdown]
# ## What could be left out?
#
# Draw every weight of a convolution as a small square: a column for each input channel, a row for each output channel.
# The first picture is the layer that we have been counting, with 8 channels in place of 64. The other three leave
# out something. Look at each, and say in your own words *what* before you read on.

# %%
from effnet_course import cost, figures

figures.four_convolutions()

# %% [markdown]
# - **Grouped**: the channels are dealt into groups, and an output channel sees only its own group, and
#   needs weights for that share of the input channels alone.
# - **Depthwise**: as many groups as channels. Every channel is filtered by itself; nothing is mixed.
# - **Pointwise**: a 1x1 kernel. Channels are mixed, but each position only with itself.
#
# In PyTorch all four are `nn.Conv2d`. Depthwise is `groups=channels`. Two small experiments show what the empty
# squares mean. First: if only channel 5 of the input holds anything, which outputs of a depthwise layer can differ from zero?

# %% tags=["nbval-check-output"]
torch.manual_seed(0)
depthwise = nn.Conv2d(64, 64, kernel_size=3, padding=1, groups=64, bias=False)
one_channel = torch.zeros(1, 64, 56, 56)
one_channel[0, 5] = torch.rand(56, 56)
alive = depthwise(one_channel).abs().amax(dim=(0, 2, 3)) > 0
print("output channels that are not zero:", alive.nonzero().flatten().tolist())

# %% [markdown]
# Second: if only one *position* of the input holds anything, how many positions of the output of a pointwise layer can
# differ from zero? And of the 3x3 layer?

# %% tags=["nbval-check-output"]
pointwise = nn.Conv2d(64, 128, kernel_size=1, bias=False)
one_position = torch.zeros(1, 64, 56, 56)
one_position[0, :, 30, 30] = torch.rand(64)
for name, layer in (("pointwise", pointwise), ("standard 3x3", standard)):
    alive = layer(one_position).abs().amax(dim=(0, 1)) > 0
    print(f"{name}: {alive.sum().item()} positions")

# %% [markdown]
# So a depthwise layer looks around but never mixes channels, and a pointwise layer mixes channels but never looks
# around. A standard convolution does both at once, and pays for every combination: $K^2$ positions *times*
# $C_\text{in}$ channels, for each output.
#
# ## Separate the two jobs
#
# A **depthwise-separable** convolution does one after the other: first depthwise (look around), then pointwise (mix).
# You have already built both halves. What will they cost together?

# %%
share = predict(
    "01.separable", "MACs of the separable layer, as a share of the standard layer's",
    choices=["about 1/2", "about 1/4", "about 1/8", "about 1/30"],
)  # fmt: skip

# %% tags=["nbval-check-output"]
depthwise_macs = 3 * 3 * 64 * 56 * 56  # one channel each: no factor 128
pointwise_macs = 64 * 128 * 56 * 56  # one position each: no factor 9
separable_macs = depthwise_macs + pointwise_macs
print(f"depthwise {depthwise_macs:>11,}")
print(f"pointwise {pointwise_macs:>11,}")
print(f"together  {separable_macs:>11,}  = {separable_macs / before:.4f} of {before:,}")

# %%
share.reveal(
    "about 1/8",
    "0.1189: close to 1/9, the kernel's area, plus a little. Where the rest comes from is next.",
)

# %% [markdown]
# Divide on paper. Both jobs share the factor $C_\text{in} \cdot H^2$, and so does the standard layer, so it cancels:
#
# $$\frac{K^2 C_\text{in} H^2 + C_\text{in} C_\text{out} H^2}{K^2 C_\text{in} C_\text{out} H^2}
#   = \frac{1}{C_\text{out}} + \frac{1}{K^2}$$
#
# The first term is the depthwise half, the second the pointwise half. Neither the input channels nor the image matter. And
# the counters?

# %% tags=["nbval-check-output"]
separable = nn.Sequential(depthwise, pointwise)
with FlopCounterMode(display=False) as counter:
    separable(image)
print(f"formula {1 / 128 + 1 / 3**2:.6f}")
print(f"counter {counter.get_total_flops() / 2 / before:.6f}")

# %% [markdown]
# Look at the two terms again and at the table above it. Which half costs more, and by how much?
#
# The *pointwise* half: 25.7 of 27.5 million MACs, 93 %. Texts on efficient networks sometimes say that
# depthwise convolutions are where the work is. Count, and it is the other way round. (In lesson 04 you count it
# for all of EfficientNet-B0.)
#
# So with more output channels the ratio sinks towards $1/K^2$ and stops there. Larger kernels, which a standard
# convolution can hardly afford, become cheap.

# %%
figures.separable_ratio()

# %% [markdown]
# That is why EfficientNet can afford 5x5 kernels in three of its seven stages. Compare 5x5 with 3x3 in both kinds of layer:

# %% tags=["nbval-check-output"]
for kernel in (3, 5):
    whole = cost.convolution(64, 128, kernel, resolution=56)
    parts = cost.separable(64, 128, kernel, resolution=56)
    separated = sum(part.macs for part in parts)
    print(f"{kernel}x{kernel}: standard {whole.macs:>11,}   separable {separated:>10,}")

# %% [markdown]
# (`cost.convolution` and `cost.separable` are the formulas that you have just derived, kept in the course's package
# so that later lessons can use them.)
#
# ## What was given up?
#
# An eighth of the work, and the same result? No. The separable layer has 8,768 weights and the standard one 73,728,
# so it can't do everything that the standard one can. What it does can be said exactly. Between input channel $i$ and
# output channel $o$, the separable layer filters with depthwise kernel $i$, times one number, the pointwise weight.
# Multiply them out, and you have a standard convolution that does the very same:

# %% tags=["nbval-check-output"]
# (128, 64, 1, 1) times (64, 3, 3), broadcast to (128, 64, 3, 3): a full set of standard weights
combined = pointwise.weight * depthwise.weight[:, 0]
noise = torch.randn(1, 64, 56, 56, generator=torch.Generator().manual_seed(1))
same = torch.allclose(nn.functional.conv2d(noise, combined, padding=1), separable(noise), atol=1e-5)
print("weights", tuple(combined.shape), "same outputs:", same)

# %% [markdown]
# A standard layer may have a different 3x3 pattern for each of its 64 x 128 pairs of channels. A separable one has 64
# patterns, one for each input channel, and can only make them weaker or stronger. Whether that loses anything that a
# network needs is a question for experiments, not for counting.
#
# ## When does it pay?
#
# Suppose that separating loses something, and a separable layer is worth only a share $q$ of the standard one. (What
# "worth" is, say accuracy above guessing, does not matter here, and the share is an assumption; from lesson 05 on we measure such
# things.) Per MAC, the separable layer is worth more as long as its share of the worth is above its share of the cost:
#
# $$q > \frac{1}{C_\text{out}} + \frac{1}{K^2}$$

# %% tags=["nbval-check-output"]
for worth in (0.9, 0.5, 0.2, 0.1):
    for kernel in (3, 5):
        gap = worth - 1 / kernel**2
        answer = (
            f"pays above {1 / gap:.1f} output channels"
            if gap > 0
            else "never pays, however many channels"
        )
        print(f"worth {worth:.0%}, {kernel}x{kernel}: {answer}")

# %% [markdown]
# It would have to be very bad not to pay. But this argument is half the truth: worth per MAC is not what you want.
# You have a budget of MACs and want the most worth for *all* of it. In exercise 01.4 you work out the fair question,
# in which the MACs that were saved are spent again.

# %% [markdown]
# ## Now take a stopwatch
#
# The separable layer does 8.4 times fewer MACs. On your machine, how many times faster will it be? The clock runs on a
# batch of 8 images, for each layer alone and after a warm-up.

# %%
speedup = predict("01.speedup", "How many times faster is the separable layer, here?", unit="times")

# %%
from torch.utils.benchmark import Timer

layers = {
    "standard": standard,
    "depthwise": depthwise,
    "pointwise": pointwise,
    "separable": separable,
}
images = torch.randn(8, 64, 56, 56).to(memory_format=torch.channels_last)


def seconds(layer, images):
    """The fastest of several calls, without gradients, on all the cores that PyTorch uses."""
    layer = layer.to(memory_format=torch.channels_last)
    with torch.inference_mode():
        timer = Timer(
            "layer(images)",
            globals={"layer": layer, "images": images},
            num_threads=torch.get_num_threads(),
        )
        return min(timer.blocked_autorange(min_run_time=0.8).times)


took = {name: seconds(layer, images) for name, layer in layers.items()}

# %%
macs = {
    "standard": before,
    "depthwise": depthwise_macs,
    "pointwise": pointwise_macs,
    "separable": separable_macs,
}
for name, duration in took.items():
    millions = 8 * macs[name] / 1e6
    per_second = millions / 1000 / duration
    print(f"{name:<10} {millions:>7,.0f} M MACs  {1000 * duration:>7.2f} ms"
          f"  {per_second:>6.1f} G MACs/s")  # fmt: skip

# %%
speedup.reveal(
    took["standard"] / took["separable"],
    f"{before / separable_macs:.1f} times fewer MACs. Measured here and now: another run differs.",
)

# %% [markdown]
# Compare the last column. The standard layer and the depthwise layer run on the same cores, and yet the standard one
# gets many more MACs done in a second. (If yours does not, your machine has other work to do: run the stopwatch
# again.) The depthwise layer's arithmetic is so little that something else takes the time.
#
# ## What takes the time: moving numbers
#
# Before a core can multiply two numbers, they must come from memory, and the result must go back. Take the depthwise layer, far
# from the borders. For each output number it does 9 MACs, 18 FLOPs. If each number moves only once, it reads one input
# number and writes one output number, 4 bytes each. So it does 18 FLOPs for 8 bytes, 2.25 FLOPs for each byte. This is called
# **arithmetic intensity**. The package counts the same way, and adds the weights, which move once for the whole batch of 8 images:

# %% tags=["nbval-check-output"]
counted = {
    "standard": cost.convolution(64, 128, 3, 56),
    **{part.operator: part for part in cost.separable(64, 128, 3, 56)},
}
for name, layer in counted.items():
    print(f"{name:<10} {layer.intensity(batch=8):>6.2f} FLOPs a byte")

# %% [markdown]
# The standard layer reads each input number once and uses it 9 x 128 times. The depthwise layer reads it once and uses it
# nine times.
#
# ## The roof over every layer
#
# A machine can do only so many FLOPs a second, and move only so many bytes a second. Whichever takes longer sets the
# pace. So a layer of $I$ FLOPs for each byte can't do more FLOPs a second than the machine, nor more than $I$ times
# the bytes that it moves in a second. Drawn over $I$, the smaller of the two is a slope, then a flat top. That line is
# the **roofline**. For your machine we need two numbers: a large matrix product shows how fast it computes, and a
# large addition how fast it moves (two arrays in, one out).

# %%
a, b = torch.randn(1024, 1024), torch.randn(1024, 1024)
long_a, long_b, long_sum = torch.randn(2**24), torch.randn(2**24), torch.empty(2**24)


def best_seconds(statement):
    """The fastest of several measurements: a roof is what the machine *can* do."""
    timer = Timer(statement, globals=globals(), num_threads=torch.get_num_threads())
    return min(timer.timeit(1).mean for _ in range(30))


flops_per_second = 2 * 1024**3 / best_seconds("a @ b")
bytes_per_second = 3 * 4 * 2**24 / best_seconds("torch.add(long_a, long_b, out=long_sum)")
print(f"{flops_per_second / 1e9:.0f} GFLOP/s, {bytes_per_second / 1e9:.1f} GB/s")
print(f"balance: {flops_per_second / bytes_per_second:.0f} FLOPs a byte")

# %% [markdown]
# The balance, also called the **ridge**, is where the slope ends. A layer that does fewer FLOPs a byte waits for
# memory, one that does more waits for arithmetic. Here are the standard layer and the two halves of the separable one
# under your own roof. A point far below it uses neither memory nor cores well: some other cost, or a poor routine.

# %%
points = [
    (name, layer.intensity(batch=8), 2 * 8 * layer.macs / took[name])
    for name, layer in counted.items()
]
figures.roofline(points, flops_per_second, bytes_per_second)

# %% [markdown]
# (A point a little *above* the slope is no mistake. The slope is drawn for numbers that come from main memory, and part of
# eight such images may still lie in your processor's cache, which is faster. If one lies far above, other work
# disturbed the clock: run the stopwatch and the roof again.)
#
# The gain from separating is real, and smaller than the MACs promise. On machines that compute fast compared with
# their memory, such as large GPUs, the balance lies further right and the gap is wider. That is one reason why EfficientNet runs
# slower on a GPU than its MACs suggest. Lesson 10 measures that properly.

# %% [markdown]
# ## Explore
#
# The sliders work with the arrow keys. The roof is the one that you have just measured. The layer reads *one* image here,
# above it was a batch of eight, so that the weights weigh more and the intensities are a little lower. Try to find
#
# 1. a setting where the separable layer needs *more* MACs than the standard one;
# 2. whether more output channels can push the *depthwise* point to the right;
# 3. what has to change for the *pointwise* point to come down to the depthwise one.

# %%
from effnet_course import explorers

explorers.convolution(
    flops_per_second=flops_per_second, bytes_per_second=bytes_per_second, machine="measured here"
)

# %% [markdown]
# ## Check yourself
#
# Each answer, right or wrong, comes with a reason.

# %%
ask("01.q1", "01.q2", "01.q3", "01.q4")

# %%
ask("01.q5", "01.q6", "01.q7", "01.q8")

# %% [markdown]
# ## What to remember
#
# - A convolution costs $K^2 C_\text{in} C_\text{out} H^2$ MACs and has $K^2 C_\text{in} C_\text{out}$ weights. 1 MAC = 2 FLOPs, and
#   papers often write FLOPs for MACs.
# - Depthwise looks around, pointwise mixes channels. Doing one after the other costs $1/C_\text{out} + 1/K^2$ of doing both
#   at once, nearly all of it in the pointwise half.
# - A separable layer is a standard one with one pattern for each input channel: less work, and fewer functions.
# - Time is the longer of computing and moving. Depthwise layers compute little and move as much, so they are slower than
#   their MACs say.
#
# Next: sheet 01 (`exercises/01_convolution_cost.ipynb`), where you write these counts yourself. Then lesson 02: if mixing channels
# is what costs, why does an EfficientNet block first make *six times more* of them?

# %% [markdown]
# ## Sources
#
# - Depthwise-separable convolutions in small networks, and the ratio: A. Howard et al., *MobileNets: Efficient Convolutional
#   Neural Networks for Mobile Vision Applications*, 2017, section 3.1.
# - The roofline: S. Williams, A. Waterman and D. Patterson, *Roofline: An Insightful Visual Performance Model for
#   Multicore Architectures*, Communications of the ACM, 2009.
# - What the two counters count: the source of `torch.utils.flop_counter` (PyTorch) and of `fvcore.nn.flop_count` (fvcore).
# - B0's 4 % for normalisation and pooling: counted in this course; `tests/test_cost.py` holds the counts against both
#   counters.
