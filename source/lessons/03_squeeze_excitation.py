# ---
# jupyter:
#   effnet_course: {title: "What does a gate look at?", minutes: 75, seconds: 45, memory_mb: 1500}
# ---

# %% [markdown]
# # 03 · What does a gate look at?
#
# So far a network treats all images alike. Its weights were fixed when training ended, and a photo of a frog runs through the
# same multiplications as a photo of a ship. In the middle of every EfficientNet block stands a small part that does
# something else. It looks at the whole image, and then turns each channel up or down for *this* image. It is
# called **squeeze-and-excitation**, SE for short.
#
# You will do its arithmetic by hand, find out what it costs, and look into a trained network to see what its gates
# look at.
#
# **You will be able to**
#
# - compute squeeze-and-excitation on paper, and in eight lines of code;
# - say what the SE ratio is a ratio *of*, and recognise a network in which somebody took another;
# - explain how a part's shares of parameters, of work and of time can be three very different numbers;
# - say what a gate can't see, and test whether a network makes use of what it can.
#
# **You need** the MBConv block of lesson 02, and the counting of lesson 01. About 75 minutes, 45 s of them your machine's.

# %% [markdown]
# ## Three questions to warm up

# %%
from effnet_course.asking import ask, predict

ask("01.q4", "02.q2", "02.q8")

# %% [markdown]
# ## A block small enough for paper
#
# After its depthwise layer, a block holds a feature map: some channels, each an image. Take four channels of 2x2 pixels.

# %%
import torch

x = torch.tensor([
    [[4.0, 0.0], [0.0, 0.0]],  # channel 0: something in one corner
    [[2.0, 2.0], [2.0, 2.0]],  # channel 1: everywhere alike
    [[0.0, 1.0], [3.0, 0.0]],  # channel 2
    [[0.0, 0.0], [0.0, 0.0]],  # channel 3: empty
])

# %% [markdown]
# **Squeeze.** Each channel becomes one number, the mean of its pixels. In your head: what are the four means?
#
# They are 1, 2, 1 and 0. The place of a pixel is gone; only how much of it there is remains.
#
# **Excite**, first half. The means go through a small layer to *fewer* numbers; here to one. Let its weights be 1, 1, -1
# and 2, without a bias: $1 \cdot 1 + 1 \cdot 2 - 1 \cdot 1 + 2 \cdot 0 = 2$. Then comes the block's usual activation, SiLU: the number times its own
# sigmoid. As sigmoid(2) = 0.88, we get 1.76.
#
# **Excite**, second half. Another small layer makes a number for each channel out of that one. Let its weights be 1, -1, 0
# and 2: 1.76, -1.76, 0 and 3.52. A last sigmoid brings each between 0 and 1. Those are the four **gates**.
#
# Before you compute them: channel 3 is empty. What about its gate?

# %%
empty = predict(
    "03.empty", "Channel 3 holds nothing but zeros. Its gate ...",
    choices=["must be shut", "is 0.5, the sigmoid of 0", "can be anything"],
)  # fmt: skip

# %% tags=["nbval-check-output"]
squeezed = x.mean(dim=(1, 2))
reduce, restore = torch.tensor([1.0, 1.0, -1.0, 2.0]), torch.tensor([1.0, -1.0, 0.0, 2.0])
one_number = torch.nn.functional.silu(reduce @ squeezed)
gates = torch.sigmoid(restore * one_number)
print("means     ", [round(mean, 2) for mean in squeezed.tolist()])
print("one number", round(one_number.item(), 2))
print("gates     ", [round(gate, 2) for gate in gates.tolist()])

# %%
from effnet_course import figures

empty.reveal("can be anything", "It is 0.97: a gate is computed from all channels, not from its own.")
figures.squeeze_excitation(x.tolist(), one_number.item(), gates.tolist())

# %% [markdown]
# **Scale.** That is the picture's last step: each channel is multiplied by its gate, all its pixels alike. Channel 1 is turned down to 15 %. Channel 0
# keeps 85 %. For channel 3 it makes no difference: 0.97 times nothing is nothing.
#
# All arrows meet in the middle. That is the point of the *squeeze*: whatever a gate knows has passed through that one
# number (in a real block, a few dozen). Test it. Make the one bright pixel of channel 0 brighter, from 4 to 8, and leave the other
# channels alone. Which gates will move? Look at the picture, decide, then run the cell.

# %% tags=["nbval-check-output"]
def gates_of(x):
    return torch.sigmoid(restore * torch.nn.functional.silu(reduce @ x.mean(dim=(1, 2))))


brighter = x.clone()
brighter[0, 0, 0] = 8.0
for channel in range(4):
    print(f"channel {channel}: {gates_of(x)[channel]:.3f} -> {gates_of(brighter)[channel]:.3f}")

# %% [markdown]
# Three gates move, although only channel 0 has changed. The gate of channel 2 stays at 0.5 whatever comes in: its weight from
# the squeezed number is 0. Keep that one in mind. A gate that is the same for every image only multiplies its channel by a
# constant, and the 1x1 projection that follows could have had that constant in its weights.
#
# The course's package has all this as a module. It uses two 1x1 convolutions, which on an image of one pixel are linear layers.
# Give it our weights, and compare:

# %% tags=["nbval-check-output"]
from effnet_course.arch import B0
from effnet_course.model import SqueezeExcitation

module = SqueezeExcitation(B0, channels=4, squeezed=1)
with torch.no_grad():
    module.reduce.weight.copy_(reduce.reshape(1, 4, 1, 1))
    module.restore.weight.copy_(restore.reshape(4, 1, 1, 1))
    module.reduce.bias.zero_()
    module.restore.bias.zero_()
    same = torch.allclose(module(x[None])[0], x * gates[:, None, None])
print("the module does what we did by hand:", same)
print("parameters:", sum(p.numel() for p in module.parameters()))

# %% [markdown]
# Thirteen: four weights in, four weights out, and a bias for each of the five numbers. These are the only convolutions of an MBConv block
# that have biases: no batch norm follows that could shift their outputs.

# %% [markdown]
# ## A ratio of what?
#
# To how many numbers the means are squeezed is set by the **SE ratio** $s$. In EfficientNet $s$ = 0.25, a quarter. Of what? An MBConv
# block has three widths. The first block of B0's stage 3 takes in 16 channels, expands them to 96, gates those 96, and hands on 24.

# %%
base = predict(
    "03.base", "16 channels in, 96 inside, 24 out, s = 0.25. To how many numbers are the 96 squeezed?",
    choices=["4", "6", "24"],
)  # fmt: skip

# %% [markdown]
# Ask a network that others have built. In torchvision's B0, the layer `fc1` of each SE part goes from the gated channels to the squeezed ones. ("meta":
# lesson 00.)

# %% tags=["nbval-check-output"]
import torchvision

with torch.device("meta"):
    theirs = torchvision.models.efficientnet_b0()
print([layer.out_channels for name, layer in theirs.named_modules() if name.endswith("fc1")])
print([block.squeezed for block in B0.blocks()])
for b in B0.blocks()[:4]:
    print(f"in {b.in_channels:>3}   inside {b.expanded:>3}   out {b.out_channels:>3}   squeezed"
          f" {b.squeezed}")  # fmt: skip

# %%
base.reveal("4", "A quarter of the 16 channels that come in.")
with torch.device("meta"):
    mobile = torchvision.models.mobilenet_v3_large()
first = next(layer for name, layer in mobile.named_modules() if name.endswith("fc1"))
print(f"MobileNetV3's first: {first.in_channels} -> {first.out_channels}")

# %% [markdown]
# The ratio is taken of the block's *input* channels, although it is the expanded ones that are squeezed. If you read "0.25" in a table,
# you can't know that, and networks that look alike do it differently. MobileNetV3 takes a quarter too, but of the *expanded* channels: 72 / 4 = 18. It then
# takes the nearest multiple of 8, unless that is less than nine tenths of the number. Here the nearest would be 16, which is too little, so it becomes 24.
#
# What happens to somebody who takes the wrong width? The network runs and trains. But it has another number of parameters, and
# by that number you can tell which width it was. With $E$ gated channels and $S$ squeezed ones, SE holds $2 E S$ weights and $S + E$ biases. Put every reading on top of
# a B0 without SE:

# %% tags=["nbval-check-output"]
from dataclasses import replace

from effnet_course import cost

without = cost.network_cost(replace(B0, se_ratio=0)).params


def params_of_b0(squeezed, biases=True):
    """Parameters of B0 when `squeezed(block)` is the width of each squeeze."""
    se = [2 * b.expanded * squeezed(b) + (squeezed(b) + b.expanded) * biases for b in B0.blocks()]
    return without + sum(se)


print(f"1/4 of the input       {params_of_b0(lambda b: b.in_channels // 4):>9,}")
print(f"1/4 of the expanded    {params_of_b0(lambda b: b.expanded // 4):>9,}")
print(f"1/4 of the output      {params_of_b0(lambda b: b.out_channels // 4):>9,}")
print(f"1/16 of the expanded   {params_of_b0(lambda b: b.expanded // 16):>9,}")
print(f"input, without biases  {params_of_b0(lambda b: b.in_channels // 4, biases=False):>9,}")
print(f"no SE at all           {without:>9,}")
print(f"torchvision's B0       {sum(p.numel() for p in theirs.parameters()):>9,}")

# %% [markdown]
# The first line is B0, and torchvision agrees to the unit. Remember the second: 8,423,848. If your own B0 has
# 8.4 million parameters, you now know why. In lesson 04 you will find other people's bugs from such numbers alone.
#
# Why is that line so much larger? Compare SE with the block's two 1x1 layers. With $C$ channels in and out and $E = e C$ inside, those two have $2 e C^2$
# weights. SE has $2 \cdot e C \cdot s C = s \cdot 2 e C^2$. So
#
# > **SE's weights are the share s of the two 1x1 layers' weights**: a quarter, if $s$ is taken of the input.
#
# That holds in a block that has an expansion and hands on as many channels as come in, with SE's biases left out.
# Taken of the expanded width, the share would be $s$ times $e$: with $e$ = 6, one and a half times as many weights as the layers that do the block's work.

# %% [markdown]
# ## What does it cost?
#
# Two predictions. SE stands in all 16 blocks of B0.

# %%
shares = ["0.01 %", "0.2 %", "1 %", "4 %", "12 %", "30 %"]
params_share = predict("03.params", "SE's share of B0's parameters", choices=shares)
macs_share = predict("03.macs", "SE's share of B0's MACs", choices=shares)

# %% tags=["nbval-check-output"]
from effnet_course.arch import VARIANTS

for name in ("b0", "b7"):
    whole = cost.network_cost(VARIANTS[name])
    se = whole.by_operator()["squeeze-excite"]
    print(f"{name} parameters: {se.params:>10,} of {whole.params:>14,}"
          f" = {se.params / whole.params:7.3%}")  # fmt: skip
    print(f"{name} MACs:       {se.macs:>10,} of {whole.macs:>14,} = {se.macs / whole.macs:7.3%}")

# %%
params_share.reveal("12 %", "636,540 of 5,288,548; in B7 18 %.")
macs_share.reveal("0.2 %", "0.16 %: 627,200 of 385.8 million.")
figures.se_shares()

# %% [markdown]
# An eighth of the weights and a six-hundredth of the work. How can that be? Think of lesson 01: a weight of a 1x1 layer is used once at *every position* of
# the map. The squeeze leaves a map of one pixel, so a weight of SE is used once for each image. In a block as above, on a map of $H \times H$ pixels, SE's
# MACs are $s / H^2$ of the two 1x1 layers'; at 14 x 14 pixels, $0.25 / 196 = 0.13$ %. The figure shows it block by block. (Its axis is logarithmic. The first block has no expansion layer, so its SE has a larger share of the parameters.)
#
# ## And how long does it take?
#
# By its MACs, SE should take 0.16 % of the time. Before you guess, count what the MACs leave out. For the mean, each number of the
# expanded map is *read*. To scale it, each is *read again* and *written*. No convolution, so no MAC.

# %% tags=["nbval-check-output"]
gated = sum(b.expanded * (-(-b.resolution // b.stride)) ** 2 for b in B0.blocks())
convolutions = sum(layer.inputs + layer.activations for layer in cost.network_cost(B0).layers)
print(f"numbers on the maps that are gated:           {gated:>10,}")
print(f"read twice and written once:                  {3 * gated:>10,}")
print(f"read and written by all layers with MACs:     {convolutions:>10,}")

# %% [markdown]
# So squeezing and scaling move 6.9 million numbers, half as many as all layers with MACs together: a third of B0's traffic, 6.9 million of 20.5. (A cache can save part of it, where a map is still at hand when it is read again.)
#
# Now guess, and run B0 and a B0 without SE by turns, so that whatever else your machine does hits both.

# %%
time_share = predict("03.time", "SE's share of B0's time on this machine, for 4 images", unit="%")

# %%
import statistics
import time

from effnet_course.model import EfficientNet

networks = {"with": EfficientNet(B0).eval(), "without": EfficientNet(replace(B0, se_ratio=0)).eval()}
for network in networks.values():
    network.to(memory_format=torch.channels_last)
photos = torch.randn(4, 3, 224, 224).to(memory_format=torch.channels_last)
took = {"with": [], "without": []}
with torch.inference_mode():
    for turn in range(9):
        for name, network in networks.items():
            start = time.perf_counter()
            network(photos)
            took[name] += [time.perf_counter() - start] if turn else []  # the first turn is a warm-up
for name, times in took.items():
    low, middle, high = (1000 * f(times) for f in (min, statistics.median, max))
    print(f"{name:<8} {middle:6.0f} ms   (from {low:.0f} to {high:.0f})")
shares = sorted(100 * (1 - b / a) for a, b in zip(took["with"], took["without"], strict=True))
time_share.reveal(
    round(statistics.median(shares), 1),
    f"Turn by turn, from {shares[0]:.1f} to {shares[-1]:.1f} %, on your machine, this minute. "
    "By its MACs it would be 0.16 %.",
)

# %% [markdown]
# Traffic is one reason to expect more than 0.16 %. Order is another: no gate is known before the last pixel of the map is in its mean, so the scaling can't be done while
# the map is still being written. Whatever works in parallel has to wait there, sixteen times in a B0. That is called a **synchronisation
# point**, and no count of operations shows it. (If your turns differ by more than SE's share, your machine is busy: run the cell again.)

# %% [markdown]
# ## Into a trained network
#
# Now the question of the title. The course ships a small network, NANO, built like B0 but with 8 blocks and for images of 16 pixels. It
# was trained for ten epochs on CIFAR-10.

# %%
from effnet_course import atlas, data, explain

nano, run = atlas.network("nano-16px")
print(f"{run.base}: {run.params:,} parameters, {run.macs:,} MACs")
print(f"{run.validation[-1]:.1f} % of {run.dataset}'s validation images right"
      f" after {len(run.loss)} epochs")  # fmt: skip
print(f"trained in {run.seconds / 60:.0f} minutes on {run.device}")
validation = data.pictures("validation", resolution=16).take(1000)

# %% [markdown]
# If the line above says **Shapes**, your machine has no CIFAR-10 and no network to fetch it. Then what you compute yourself below is about images that this network
# has never seen the like of, and means little. The figures show the recorded values for CIFAR-10's 5,000 validation images either way.
#
# To see a gate, let PyTorch call a function of ours whenever an SE module has run. That is called a hook. Two images, the last block:

# %%
from effnet_course.train import to_input

seen = []
last = explain.squeeze_excitations(nano)[-1]
hook = last.register_forward_hook(lambda se, inputs, output: seen.append(se.gates(inputs[0]).flatten(1)))
with torch.inference_mode():
    nano(to_input(torch.tensor(validation.pixels[:2])))
hook.remove()
for image in seen[0]:
    print([round(gate, 3) for gate in image[:8].tolist()], f"... {len(image)} gates")

# %% [markdown]
# Close to a half, all of them, and nearly the same for both images. Is that so everywhere? Guess first.

# %%
where = predict(
    "03.where", "In which blocks do gates differ most from one image to another?",
    choices=["in the first blocks", "in the middle", "in the last blocks", "everywhere alike"],
)  # fmt: skip

# %% [markdown]
# For each block: the mean of all gates, and how far a gate moves from image to image. For this, take each gate's variance over the images, average these
# variances over the block's gates, and take the root: a typical standard deviation. Beside it the same for a NANO that was never trained.

# %%
from effnet_course.arch import NANO

torch.manual_seed(0)
fresh = EfficientNet(NANO, num_classes=10).eval()
trained_gates, fresh_gates = explain.gates(nano, validation), explain.gates(fresh, validation)
print(f"{validation.name}           trained                 never trained")
for block, (trained, new) in enumerate(zip(trained_gates, fresh_gates, strict=True), 1):
    said = [f"mean {g.mean():.3f}, moves by {g.var(axis=0).mean() ** 0.5:.4f}" for g in (trained, new)]
    print(f"block {block}, {trained.shape[1]:>3} gates   {said[0]}    {said[1]}")

# %% [markdown]
# And for all 5,000 CIFAR-10 images, as recorded. On the right: of a gate's variance, the share that lies between the means of the ten classes. The rest is
# difference between images of one class.

# %%
recorded = explain.recorded_gates("nano-16px")
lowest = min(row["lowest"] for row in recorded["blocks"])
highest = max(row["highest"] for row in recorded["blocks"])
print(f"all gates on {recorded['images']:,} images: the lowest {lowest:.2f}, the highest {highest:.2f}")
where.reveal("in the first blocks", "On CIFAR-10: by 0.03 in blocks 1 and 2, by 0.002 in the last one.")
figures.gate_depth(recorded["blocks"])

# %% [markdown]
# What we see in this network:
#
# - Gates hardly gate. They begin at 0.5, as the columns "never trained" above show, and in ten epochs they stayed close to it. The lowest of all gates on all 5,000 images is 0.11, the highest 0.78.
# - The little that they move from image to image, they move in the first blocks.
# - What is left of it in the last blocks depends more on the class: about half of the variance there, 15 and 30 % in the first two.
#
# The authors of squeeze-and-excitation looked at a far larger network, SE-ResNet-50, trained on ImageNet. They report gates that are much alike for all classes in early
# blocks and specific to the class in late ones (and, near the end, gates nearly all open). The *share* goes the same way here. The *size* does not: had we looked
# only at the share, we would have missed that it is a share of almost nothing.

# %%
print("squeezed to, block by block:", [block.squeezed for block in NANO.blocks()])
figures.gate_maps(recorded["blocks"], recorded["classes"])

# %% [markdown]
# Above, every gate of four blocks, on the scale from 0 to 1. Below, what is special about each class, on a scale ten times finer. Look at block 2. Airplane and ship share a
# pattern, automobile and truck another; bird and deer have the opposite of the cars'. Nobody told the network that some things fly or swim and some drive.
# But don't read too much into it. All that these 40 gates know of an image are *two* numbers, since that is how far block 2 squeezes: ten patterns can then be
# little more than mixtures of two. And a mean over 500 photos of ships is also a mean over much blue.
#
# ## Does the network use them?
#
# To see that gates differ is one thing. Whether it matters is another, and there is an experiment for it: take the difference away. Give *every* image the mean gates of its batch of 500, so that no gate
# looks at anything any more. Nothing else changes; nothing is trained again. The network had 80.1 % right. How many points does it lose?

# %%
frozen = predict(
    "03.frozen", "Points of top-1 lost when no gate looks at its image",
    choices=["none", "about 1", "about 5", "about 30"],
)  # fmt: skip

# %%
changes = {
    "as trained": None,
    "mean of 500 images": lambda g: g.mean(0, keepdim=True),  # (N, C, 1, 1) -> (1, C, 1, 1)
    "another image's": lambda g: g.roll(1, dims=0),
    "all open": torch.ones_like,
}
for name, change in changes.items():
    line = f"{name:<20} recorded, 5,000 images: {recorded['changed'][name]['top1']:5.2f} %"
    if validation.name == "CIFAR-10":
        top1 = 100 * (explain.answers(nano, validation, change) == validation.labels).mean()
        line += f"   here, the first 1,000: {top1:.1f} %"
    print(line)

counts = recorded["changed"]["mean of 500 images"]
lost, gained, images = counts["lost"], counts["gained"], recorded["images"]
points = 100 * (lost - gained) / images
error = 100 * 1.96 * (lost + gained - (lost - gained) ** 2 / images) ** 0.5 / images
interval = f"95 % interval {points - error:.1f} to {points + error:.1f}"
frozen.reveal("about 1", f"{lost} images lost, {gained} won: {points:.1f} points, {interval}.")

# %% [markdown]
# (The interval: count +1 for an image that is lost, -1 for one that is won, 0 for all others. Over $n$ images the sum is lost - won, and its
# variance is lost + won - (lost - won)²/$n$. The interval reaches 1.96 standard deviations to either side, here in points. It is one for *this* network on other images, not for other networks. On 1,000 images a score
# alone is uncertain by 2.5 points.)
#
# So the gates' looking is worth something to this network, and not much. "All open" is a warning against a careless experiment: it loses nearly everything, but not
# because gates stopped looking. All maps become about twice as large, and no later layer was trained for that. Which blocks was it, then? Freeze one at a time:

# %%
for block, rows in enumerate(recorded["changed_in_one_block"], 1):
    row = rows["mean of 500 images"]
    print(f"block {block} frozen: {row['top1']:.2f} %   lost {row['lost']:>3}, won {row['gained']:>3}")

# %% [markdown]
# It is the first blocks again. From block 3 on, freezing *one* block never costs more than one image of the 5,000, lost and won taken together. A frozen gate is a constant, and
# its two layers could be thrown away. But each of these blocks was frozen alone. Whether all of them can be frozen *together* this table does not say, since losses need not
# add up. That would be an experiment of its own. And it is a result about one small network
# after ten epochs, on images of 16 pixels. It is no result about EfficientNet. What carries over is the experiment: freeze, don't remove.
#
# ## With and without
#
# A network that was *trained* with gates leans on them. The fair question is another: train one without SE from the start, with the same recipe and the same seed. How do the two compare?

# %%
compared = ["3 points worse, or more", "1 to 3 points worse", "within 1 point",
            "1 point better, or more"]  # fmt: skip
unaided = predict("03.without", "Trained without SE, the network is ...", choices=compared)

# %%
import math

pairs = {}
for row in atlas.runs():
    if row.study == "nano-10-epochs":
        pairs.setdefault((row.recipe["epochs"], row.seed), {})[row.base] = row.validation[-1]
gaps = []
for (epochs, seed), top1 in sorted(pairs.items()):
    if len(top1) == 2:
        gaps.append(top1["nano"] - top1["nano-no-se"])
        both = f"{top1['nano']:.2f} % with, {top1['nano-no-se']:.2f} % without"
        print(f"{epochs} epochs, seed {seed}: {both}: {gaps[-1]:+.2f} points")
if len(gaps) > 1:
    student = {2: 12.71, 3: 4.30, 4: 3.18, 5: 2.78}.get(len(gaps), 2.6)  # 95 %
    mean, half = statistics.mean(gaps), student * statistics.stdev(gaps) / math.sqrt(len(gaps))
    print(f"on average {mean:+.2f} points, 95 % interval over seeds"
          f" {mean - half:+.2f} to {mean + half:+.2f}")  # fmt: skip

# %%
with_it, without_it = recorded["without_se"]["only_with"], recorded["without_se"]["only_without"]
points = 100 * (with_it - without_it) / images
error = 100 * 1.96 * (with_it + without_it - (with_it - without_it) ** 2 / images) ** 0.5 / images
sizes = [atlas.network(name)[1].params for name in ("nano-16px", "nano-no-se-16px")]
print(f"seed 0: only the one with SE is right on {with_it} images, only the other on {without_it}")
print(f"parameters: {sizes[0]:,} with SE, {sizes[1]:,} without,"
      f" so {sizes[0] / sizes[1] - 1:.1%} more with SE")  # fmt: skip
interval = f"95 % interval over images {points - error:+.2f} to {points + error:+.2f}"
answer = compared[(points < 3) + (points < 1) + (points <= -1)]
unaided.reveal(answer, f"With SE minus without, seed 0: {points:+.2f} points, {interval}.")

# %% [markdown]
# How sure can we be? There are two doubts. On other images, *these two* networks would differ by something else; the interval over images says by how much, counted as before. And other seeds
# would have given other networks. From several pairs of runs you get an interval for that (Student's t, lesson 00). From a single pair you get none. If an interval covers 0, these runs
# do not decide whether SE helps a network of this size, trained this long. And even a clear difference would not be the gates' alone,
# because the network with SE also has more parameters, as the cell above prints. To be sure that it is the *gate* that helps, give the other network the same number of parameters elsewhere.
#
# (The two lines for seed 0 may differ by a few hundredths: the networks ship with 16 bits a weight, and an image or two fall the other way.)
#
# Freezing costs 1.2 points (0.6 to 1.8). Training with gates gains 0.4 points (-0.5 to 1.3, seed 0, over images). These are answers to two questions. A network that was frozen after its training has no chance to make up for it; a network trained without gates could learn to do without. So don't take the one
# for the other: if you want to know what training with gates gains, train without.

# %% [markdown]
# ## What a gate can't see
#
# Back to the first block of NANO. We catch the map that its SE reads for one image, and shuffle that map's pixels: all channels in the same way, so that
# everything lands somewhere else. What do the gates do?

# %%
shuffle = predict(
    "03.shuffle", "The pixels of the feature map are shuffled. The block's gates ...",
    choices=["change completely", "change a little", "stay exactly as they were"],
)  # fmt: skip

# %%
caught = []
first = explain.squeeze_excitations(nano)[0]
hook = first.register_forward_hook(lambda module, inputs, output: caught.append(inputs[0]))
with torch.inference_mode():
    nano(to_input(torch.tensor(validation.pixels[:1])))
hook.remove()
feature_map = caught[0]  # (1, 16, 16, 16): one image, 16 channels, 16 x 16 pixels
order = torch.randperm(256, generator=torch.Generator().manual_seed(0))
shuffled = feature_map.flatten(2)[:, :, order].reshape(feature_map.shape)
mirrored, doubled = feature_map.flip(3), 2 * feature_map
maps = {"as it was": feature_map, "shuffled": shuffled, "mirrored": mirrored, "doubled": doubled}
with torch.inference_mode():
    looks = [(name, m[0].tolist(), first.gates(m).flatten().tolist()) for name, m in maps.items()]
shuffle.reveal("stay exactly as they were", "The mean of a channel does not know where its pixels are.")
figures.same_gates(looks)

# %% tags=["nbval-check-output"]
for name, _, after in looks[1:]:
    apart = max(abs(a - b) for a, b in zip(looks[0][2], after, strict=True))
    print(f"{name:<15} gates are {'the same' if apart < 1e-5 else 'different'}")

# %% [markdown]
# ("The same" up to the last digits: adding floats in another order rounds differently.) A gate sees how much of each feature there is, in the whole map. It can't see where, nor in what shape or size, nor whether two
# features lie side by side. If any of that is to matter, the convolutions *before* the squeeze must turn it into a channel.
#
# They do. Shuffle the pixels of the *image* and let the network run, and the gates do change, since 3x3 windows now meet other neighbours. Or make the image darker:

# %%
picture = torch.tensor(validation.pixels[:1])
variants = {
    "another photo": torch.tensor(validation.pixels[1:2]),
    "mirrored image": picture.flip(2),
    "shuffled image": picture.flatten(1, 2)[:, order].reshape(picture.shape),
    "image at half brightness": picture // 2,
}
with torch.inference_mode():
    nano(to_input(picture))
for name, changed in variants.items():
    pair = torch.cat([picture, changed]).numpy()
    both = replace(validation, pixels=pair, labels=validation.labels[:2])
    moved = [abs(g[1] - g[0]).max() for g in explain.gates(nano, both)]
    print(f"{name:<25} gates move by up to", "  ".join(f"{m:.3f}" for m in moved))

# %% [markdown]
# One number a block, first block left. Even the mirrored image moves them: the trained kernels are not symmetric. Shuffling and darkening move gates about as far as another photo does.

# %% [markdown]
# ## Explore
#
# Back to the gates of the ten classes. Blue is one class, orange another. Below is their difference; dashed, the distance by which a gate moves among images of *one* class.
#
# 1. In block 2, find two classes of which half the gates differ by more than the dashed line. Find two with no such gate.
# 2. Keep the classes and walk to block 8. What becomes of the difference, and of the dashed line?
# 3. Could you tell the class of a *single* image by one gate?

# %%
from effnet_course import explorers

explorers.gates(recorded["classes"], recorded["blocks"], block=2, one="automobile", other="bird")

# %% [markdown]
# ## Check yourself

# %%
ask("03.q1", "03.q2", "03.q3", "03.q4", "03.q5", "03.q6", "03.q7", "03.q8")

# %% [markdown]
# ## What to remember
#
# - Squeeze: the mean of each channel. Excite: two small layers, SiLU between and a sigmoid at the end. Scale: each channel times its gate.
# - Every gate is computed from *all* channels' means, and from nothing else. Places are invisible to it.
# - The SE ratio is taken of the block's input channels. In a block with an expansion and as many channels out as in, SE then has $s$ times the weights of the two 1x1 layers (biases left out), and $s / H^2$ times their MACs.
# - Counted over all of B0, with every layer and every bias, SE has 12 % of the parameters and 0.16 % of the MACs.
# - Its time is a question of traffic and of waiting, and has to be measured.
# - Gates that *can* depend on the image need not. In our small network they hardly do. Look at the size of an effect before you look at its pattern.
#
# Next: sheet 03 (`exercises/03_squeeze_excitation.ipynb`). Then lesson 04: you have all the parts now. Can you rebuild B0 to the last parameter?

# %% [markdown]
# ## Sources
#
# - J. Hu, L. Shen, S. Albanie, G. Sun and E. Wu, *Squeeze-and-Excitation Networks*, CVPR 2018 (arXiv 1709.01507); section 7.2 of the long version for what its authors saw in the gates of SE-ResNet-50.
# - The base of the ratio: the authors' code of EfficientNet (tensorflow/tpu, `efficientnet_builder.py`, `num_reduced_filters`) and torchvision's `efficientnet.py` and `mobilenetv3.py`.
# - The trained network, its run and its gates: `effnet_course/records/`, made by `benchmarks/record_networks.py` and `benchmarks/record_gates.py`.
