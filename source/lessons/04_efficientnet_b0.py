# ---
# jupyter:
#   effnet_course: {title: "Can I rebuild B0 exactly?", minutes: 90, seconds: 45, memory_mb: 1600}
# ---

# %% [markdown]
# # 04 · Can I rebuild B0 exactly?
#
# In 2019 a paper described a network in a table of nine lines. EfficientNet-B0 has been typed in again many times
# since. One slip in reading that table, and the network has 8,423,848 parameters where it should have 5,288,548. Another
# slip, and it has 5,288,548 and does nearly three times the work. No error message tells you.
#
# In this lesson you read the table, build the network, prove that it is the real one, and learn to tell from a few
# numbers what went wrong in someone else's.
#
# **You will be able to**
#
# - turn a stage table into a network, and count it to the unit;
# - say where B0's parameters, MACs and activations sit;
# - test that two networks are equal, and notice when such a test proves nothing;
# - name a mistake by the fingerprint that it leaves.
#
# **You need** lessons 01 to 03: convolutions, the MBConv block, squeeze-and-excitation (SE). About 90 minutes, 45 s of
# them your machine's.

# %% [markdown]
# ## Three questions to warm up

# %%
from effnet_course.asking import ask, predict

ask("02.q1", "02.q4", "03.q2")

# %% [markdown]
# ## The table
#
# This is the whole network, as the course keeps it. The paper calls the stem, a 3x3 convolution with stride 2, stage 1, so
# that the rows below are its stages 2 to 8. Stage 9 is a 1x1 convolution (the head), pooling and the classifier.

# %% tags=["nbval-check-output"]
from effnet_course.arch import B0

print(f"{B0.resolution} pixels, stem {B0.stem} channels")
for number, row in enumerate(B0.stages, start=2):
    blocks = f"{row.repeats} block{'s' if row.repeats > 1 else ''}"
    print(f"stage {number}: expand {row.expand}, kernel {row.kernel}, stride {row.stride}, "
          f"{row.channels:>3} channels, {blocks}")  # fmt: skip
print(f"head {B0.head} channels")

# %%
convolutions = predict(
    "04.convolutions", "How many convolutions does this table stand for?",
    choices=["9", "18", "49", "81"],
)  # fmt: skip

# %% [markdown]
# ## From rows to blocks
#
# A row with 3 blocks is not the same block three times. Four rules turn rows into blocks:
#
# 1. Only the **first** block of a stage has the stride, and only it changes the number of channels.
# 2. The inside of a block is $e$ times as wide as the block's *input*. $e$ is the row's "expand", the expansion ratio of lesson 02.
# 3. SE squeezes to a quarter of the block's *input* channels, whatever $e$ is.
# 4. The input is added to the output where both have the same shape: stride 1 and as many channels out as in.
#
# Before you run the cell, do stage 3 yourself: two blocks, $e$ = 6, from 16 to 24 channels, stride 2.

# %% tags=["nbval-check-output"]
for b in B0.blocks():
    channels = f"{b.in_channels:>3} -> {b.expanded:>4} -> {b.out_channels:>3} channels"
    print(f"stage {b.stage + 2}.{b.index + 1}  {channels}  K {b.kernel}"
          f"  stride {b.stride}  squeeze {b.squeezed:>2}  reads {b.resolution:>3} px"
          f"{'  + input' if b.residual else ''}")  # fmt: skip

# %% [markdown]
# Only 9 of the 16 blocks add their input, as you counted in lesson 02. Note stage 6: it changes the channels, but has
# stride 1.
#
# Every block has a depthwise convolution, a projection and two convolutions inside SE. All but the very first also
# have an expansion: at $e$ = 1 there is nothing to expand to, so that convolution is left out.

# %% tags=["nbval-check-output"]
blocks = B0.blocks()
expansions = sum(b.expanded != b.in_channels for b in blocks)
total = 1 + expansions + len(blocks) + 2 * len(blocks) + len(blocks) + 1
print(f"stem 1 + expand {expansions} + depthwise {len(blocks)} + SE {2 * len(blocks)}"
      f" + project {len(blocks)} + head 1 = {total}")  # fmt: skip

# %% [markdown]
# Here are the blocks in order. A bar is as high as the map that the block writes; the number above it is the channels. An arrow is
# an input that is added.

# %%
from effnet_course import figures

convolutions.reveal("81", "Nine lines, 16 blocks between stem and head, 81 convolutions.")
figures.network_strip(B0)

# %% [markdown]
# ## One block, to the unit
#
# Take the second block of stage 3: 24 channels in and out, 144 inside, kernel 3, squeeze 6, on 56x56 pixels. Fill in what is
# missing in your head: the expansion has 24 x 144 weights and as many MACs at each of 56 x 56 positions. And the others?

# %% tags=["nbval-check-output"]
weights = {"expand": 24 * 144, "depthwise": 3 * 3 * 144, "project": 144 * 24}
squeeze_excite = 144 * 6 + 6 * 144  # weights, used once for each image: it works on one number a channel
norms = 2 * (144 + 144 + 24)  # batch norm learns a scale and a shift for each channel
params = sum(weights.values()) + squeeze_excite + (6 + 144) + norms  # SE's convolutions have a bias
macs = 56 * 56 * sum(weights.values()) + squeeze_excite
print(f"{params:,} parameters, {macs:,} MACs")

# %% [markdown]
# The convolutions outside SE have no bias (lesson 03). Sixteen blocks like this one, the
# stem, the head and the classifier are all there is. `cost.network_cost` does the sum. Of course we don't trust it.
#
# ## Four counters
#
# Our formulas; PyTorch's counter and fvcore's, which both watch the network run and know nothing of our formulas; and
# torchvision, which wrote its own B0 and states its size.

# %%
import warnings

warnings.simplefilter("ignore", FutureWarning)  # fvcore uses a part of PyTorch that is on its way out
import torch
from fvcore.nn import FlopCountAnalysis
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models import EfficientNet_B0_Weights, efficientnet_b0

from effnet_course import cost
from effnet_course.model import EfficientNet

torch.manual_seed(0)
model = EfficientNet(B0).eval()
image = torch.zeros(1, 3, 224, 224)

# %% tags=["nbval-check-output"]
ours = cost.network_cost(B0)
with torch.no_grad(), FlopCounterMode(display=False) as counter:
    model(image)
fvcore = FlopCountAnalysis(model, image).unsupported_ops_warnings(False).uncalled_modules_warnings(False)
watched = fvcore.by_operator()
stated = EfficientNet_B0_Weights.IMAGENET1K_V1.meta
held, macs = sum(p.numel() for p in model.parameters()), counter.get_total_flops() // 2
print(f"our formulas  {ours.params:,} parameters  {ours.macs:,} MACs")
print(f"PyTorch       {held:,} parameters  {macs:,} MACs")
print(f"fvcore                              {watched['conv'] + watched['linear']:,} MACs")
print(f"torchvision   {stated['num_params']:,} parameters  {stated['_ops']:.3f} billion MACs")

# %% [markdown]
# **5,288,548** parameters and **385,814,752** MACs, for one image of 224 pixels and 1,000 classes. The paper prints 5.3M and 0.39B,
# which it calls FLOPS.
#
# ## Where does it all sit?
#
# Three guesses, one for each cost. **Activations**, as a cost, are the numbers that the convolutions and the classifier write: what
# has to travel through memory. (Training keeps about three times as many, lesson 02.) What bends is the *activation function*.

# %%
parts = ["stem", "stage 3", "stage 5", "stage 7", "classifier"]
where_params = predict("04.params", "Which part has the most parameters?", choices=parts)
where_macs = predict("04.where-macs", "Which part does the most MACs?", choices=parts)
where_activations = predict("04.activations", "Which part writes the most numbers?", choices=parts)

# %%
where_params.reveal("stage 7", "38 %. But the classifier, a single layer, has 24 %.")
where_macs.reveal("stage 7", "24 %, and stage 6 has 22 %. No part dominates.")
where_activations.reveal("stage 3", "38 %: its first block makes 96 channels of 16 while the map still "
                         "has 112x112 pixels.")  # fmt: skip
figures.shares(ours.by_stage(), "stage")

# %% [markdown]
# Read the picture from top to bottom. Parameters sit at the end, where the layers are wide and the maps small. Activations sit
# at the start, where it is the other way round. MACs are weights times positions, and lie between.
#
# Now the same sums by operator. Before you look: what share of the MACs do the *depthwise* convolutions do?

# %%
depthwise = predict("04.depthwise", "The depthwise convolutions' share of B0's MACs", unit="%")

# %%
by_operator = ours.by_operator()
depthwise.reveal(100 * by_operator["depthwise"].macs / ours.macs, "And only 3.4 % of the parameters.")
figures.shares(by_operator, "operator")

# %% tags=["nbval-check-output"]
for name in ("depthwise", "squeeze-excite", "classifier"):
    layer = by_operator[name]
    print(f"{name:<15} {layer.params / ours.params:6.2%} of the parameters"
          f"  {layer.macs / ours.macs:6.2%} of the MACs"
          f"  {layer.activations / ours.activations:6.2%} of the activations")  # fmt: skip

# %% [markdown]
# Three layers that look small by one cost and large by another. The depthwise convolutions do 9 % of the arithmetic, but write a
# third of the numbers. SE does next to nothing and holds 12 % of the parameters. The classifier holds 24 % of them
# for 0.3 % of the MACs: give B0 ten classes in place of a thousand, and a quarter of it is gone while it runs no faster.
#
# "Make it smaller" is therefore not a plan. First say which cost you are short of.
#
# ## Is it *the* B0?
#
# Equal counts are not equal networks: an activation function has no parameters, and a residual costs no MACs. There is a stronger test. Take
# all the numbers out of torchvision's B0 (its **state dict**), put them into ours, and show both the same photos. If every
# operation is the same, so is every answer. `load_torchvision` matches the names.

# %%
from effnet_course import data

photos = data.pictures("validation", resolution=32).take(8, seed=0)
images = torch.from_numpy(photos.pixels.copy()).permute(0, 3, 1, 2) / 255  # (8, 3, 32, 32), 0 to 1
images = (images - 0.45) / 0.25  # roughly mean 0 and deviation 1, which networks are trained on
images = nn.functional.interpolate(images, size=224, mode="bilinear")

torch.manual_seed(0)
# random weights: nothing is downloaded
theirs = efficientnet_b0(dropout=0.0, stochastic_depth_prob=0.0).eval()
copy = EfficientNet(B0).load_torchvision(theirs.state_dict()).eval()
with torch.inference_mode():
    right = theirs(images)
    off = (copy(images) - right).abs().max().item()
    print(f"largest difference of {right.numel():,} answers: {off}")

# %% [markdown]
# As good as no difference. Are you convinced? A test is worth something only if a wrong network fails it. So we break ours: once
# the residual of a block is switched off, once a whole block is left out. By how much will the answers be off?

# %%
broken = predict("04.broken", "With a block left out, the largest difference of the answers will be",
                 choices=["above 1", "about 0.01", "about 0.0001", "below 0.0000001"])  # fmt: skip

# %%
def compare(right):
    """The largest difference to the answers `right`: of the copy, and of two broken ones."""
    whole = copy.blocks
    with torch.inference_mode():
        print(f"the copy                   {(copy(images) - right).abs().max().item():.1e}")
        whole[7].residual = False  # the eighth block, stage 5.3
        print(f"stage 5.3 without residual {(copy(images) - right).abs().max().item():.1e}")
        whole[7].residual = True
        copy.blocks = whole[:7] + whole[8:]
        print(f"stage 5.3 left out         {(copy(images) - right).abs().max().item():.1e}")
        copy.blocks = whole


compare(right)
broken.reveal("below 0.0000001", "The broken networks pass the test. Then the test is broken.")

# %% [markdown]
# Why? Look at the signal on its way: the spread (standard deviation) of the numbers after each row of the table.

# %%
def spreads(model):
    signal = images[:2]
    with torch.inference_mode():
        for number, part in enumerate(model.features, start=1):
            signal = part(signal)
            print(f"stage {number}  {signal.std().item():.1e}")
        print(f"answers  {model(images[:2]).std().item():.1e}")


spreads(theirs)

# %% [markdown]
# It dies. A batch norm that has seen no data divides by 1, so nothing keeps the signal's size, and these weights make it
# smaller at nearly every step. What comes out is as good as zero for every photo and for every network, and such answers agree to a
# dozen decimal *places*, right or wrong. They don't agree in *digits*. Compare the differences with the spread of the
# answers themselves, the last line: one is about a tenth of it, the other several times as large.
#
# What would bring it to life? Batch norm does, once it knows the statistics of its input. One pass in training mode is enough, if
# we tell it to forget the old ones entirely (momentum 1).

# %%
def liven(model, images):
    """Give every batch norm the statistics of these images."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        model.train()(images)
    return model.eval()


liven(theirs, images)
copy.load_torchvision(theirs.state_dict())
spreads(theirs)
with torch.inference_mode():
    lively = theirs(images)
print(f"answers differ from photo to photo by {lively.std(0).mean().item():.2f}")
compare(lively)

# %% [markdown]
# Now the test can fail, and the copy passes it. On the machine where this was written, its answers were torchvision's to the last
# bit. The broken networks are off by several times what the photos differ from one another.
#
# Remember the order: *first* break the thing and see the test fail, *then* believe it when it passes. `tests/test_model.py` does
# this for B0 to B7, in training mode as well.

# %% [markdown]
# ## What a state dict hides
#
# A state dict is a list of names and arrays. Look at one block's.

# %% tags=["nbval-check-output"]
for name, values in copy.blocks[1].state_dict().items():
    if "depthwise" in name or "squeeze" in name:
        print(f"{name:<40} {tuple(values.shape)}")

# %% [markdown]
# Which of these would go unnoticed if the code that loads it had it wrong? Decide for each: the kernel, the stride, the padding, the
# activation function, batch norm's epsilon and momentum, the squeeze width, the residual, the drop rates.
#
# We build each wrong network, load the same weights, and look at the answers in evaluation mode.

# %%
from dataclasses import replace


with torch.inference_mode():
    expected = theirs(images[:4])


def with_stage(net, number, **changes):
    """`net` with a changed row; the paper's numbers, so that the first row is stage 2."""
    rows = [replace(s, **changes) if n == number else s for n, s in enumerate(net.stages, 2)]
    return replace(net, stages=tuple(rows))


def try_loading(what, net, eps=1e-5):
    try:
        wrong = EfficientNet(net).load_torchvision(theirs.state_dict()).eval()
    except ValueError as problem:
        print(f"{what:<24} refused: {str(problem).split(', but')[0]}")
        return
    for module in wrong.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = eps
    with torch.inference_mode():
        difference = (wrong(images[:4]) - expected).abs().max().item()
    print(f"{what:<24} loads; answers off by {difference:.2g}")


# %%
try_loading("nothing wrong", B0)
try_loading("stage 7, kernel 3", with_stage(B0, 7, kernel=3))
try_loading("stage 7, stride 1", with_stage(B0, 7, stride=1))
try_loading("ReLU6 for SiLU", replace(B0, activation="relu6"))
try_loading("epsilon 0.001", B0, eps=1e-3)
try_loading("squeeze from expanded", replace(B0, se_base="expanded"))
try_loading("drop rates 0.9", replace(B0, dropout=0.9, stochastic_depth=0.9))

# %% [markdown]
# What has a *shape* is noticed: kernel, channels, squeeze width. What is a *rule* is not: stride, activation function, epsilon, residual, padding.
# And what works only in training (drop rates, momentum) does not even change the answers, until someone trains on.
#
# ## Four implementations, one table
#
# The authors' code, Keras, torchvision and timm all build 5,288,548 parameters and 385,814,752 MACs. Yet you can't carry
# weights from one to another and expect the same answers. These are their defaults for B0 ($K$ is a depthwise layer's kernel, $C$ its
# number of channels):
#
# | | authors (TensorFlow) | Keras 3 | torchvision | timm, `efficientnet_b0` |
# |---|---|---|---|---|
# | padding at stride 2 | SAME | as SAME, by a layer of zeros | symmetric | symmetric |
# | batch norm, epsilon | 0.001 | 0.001 | 0.00001 | 0.00001 |
# | batch norm, momentum (weight of the *new* batch) | 0.01 | 0.01 | 0.1 | 0.1 |
# | spread of new depthwise weights | $\sqrt{2/K^2}$ | about the same | $\sqrt{2/(K^2 C)}$ | $\sqrt{2/K^2}$ |
# | stochastic depth, dropout | 0.2, 0.2 | 0.2, 0.2 | 0.2, 0.2 | both off unless asked for |
# | input | mean and deviation of ImageNet | 0 to 255; scaled inside | mean and deviation | mean and deviation |
# | output | logits | probabilities | logits | logits |
#
# (TensorFlow writes that momentum as 0.99: lesson 02.) timm also has `tf_efficientnet_b0`, with TensorFlow's padding
# and epsilon, for weights that were trained there. A much-used PyTorch port, `lukemelas/EfficientNet-PyTorch`, is
# close to the first column, but begins with PyTorch's own first weights. (Sources at the end.) Some of this can be
# tried out here.
#
# **Epsilon** (`eps` in lesson 02). Batch norm divides by $\sqrt{\text{variance} + \varepsilon}$. Whether 0.001 or
# 0.00001 matters depends on the variance:

# %% tags=["nbval-check-output"]
for variance in (1.0, 1e-2, 1e-3, 1e-4):
    ratio = ((variance + 1e-5) / (variance + 1e-3)) ** 0.5
    print(f"variance {variance:<7g} with epsilon 0.001 a channel comes out"
          f" {ratio:.2f} times as large as with 0.00001")  # fmt: skip

# %% [markdown]
# A quiet channel of variance 0.0001 would come out at a third. (In torchvision, B5 to B7 have 0.001: their weights come from TensorFlow.)
#
# **Keras' count.** Keras prints 5,330,571 parameters for B0. Who is wrong? Keras counts two things as
# parameters that PyTorch calls buffers: batch norm's running mean and variance, and the mean, variance and counter of its input layer.

# %% tags=["nbval-check-output"]
running = sum(values.numel() for name, values in model.named_buffers() if "running" in name)
inputs = 3 + 3 + 1
print(f"{ours.params:,} + {running:,} running statistics + {inputs} of the input layer"
      f" = {ours.params + running + inputs:,}")  # fmt: skip

# %% [markdown]
# **First weights.** A common rule gives weights a spread of $\sqrt{2/\text{fan-out}}$, where the fan-out is the number of outputs that one
# input feeds. In a depthwise layer an input feeds $K^2$ outputs. PyTorch's helper takes $K^2$ times all output channels, as if every input
# fed them all:

# %%
ours_spread = model.blocks[1].steps.depthwise.conv.weight.std().item()
torch.manual_seed(0)
fresh = efficientnet_b0()
theirs_spread = fresh.features[2][0].block[1][0].weight.std().item()
print(f"96 channels, 3x3: authors' rule {(2 / 9) ** 0.5:.4f}, ours {ours_spread:.4f},"
      f" torchvision {theirs_spread:.4f}")  # fmt: skip

# %% [markdown]
# Ten times smaller, and one of the reasons why the signal died above. In training, batch norm undoes it.
#
# **Padding.** A 3x3 window with stride 2 on 224 pixels writes 112. Symmetric padding adds one pixel on each side. TensorFlow's SAME adds
# only as much as is needed, and the odd pixel at the *end*. Sizes, parameters and MACs agree. What differs?

# %%
figures.paddings()

# %% [markdown]
# On an even side, the windows stop one pixel further along. On an odd side there is no difference. So if you feed the same network 225
# pixels in place of 224, what will happen to the difference between the two kinds of padding?

# %%
parity = predict("04.parity", "At 225 pixels in place of 224, SAME and symmetric padding will differ",
                 choices=["as much as at 224", "a little less", "not at all"])  # fmt: skip

# %%
def pad_as_tensorflow(conv, inputs):
    side, kernel = inputs[0].shape[-1], conv.kernel_size[0]
    missing = (-(-side // 2) - 1) * 2 + kernel - side  # pixels that the last window is short of
    before = missing // 2
    return nn.functional.pad(inputs[0], (before, missing - before, before, missing - before))


same = EfficientNet(B0).load_torchvision(theirs.state_dict()).eval()
for conv in same.modules():
    if isinstance(conv, nn.Conv2d) and conv.stride == (2, 2):
        conv.padding = (0, 0)
        conv.register_forward_pre_hook(pad_as_tensorflow)

with torch.inference_mode():
    for side in (224, 225):
        resized = nn.functional.interpolate(images[:4], size=side, mode="bilinear")
        symmetric = copy(resized)
        difference = (same(resized) - symmetric).std() / symmetric.std()
        print(f"{side} pixels: answers differ by {difference:.3f} times their spread")
parity.reveal("not at all", "225, 113, 57, 29 and 15: every layer with a stride then reads an odd side.")

# %% [markdown]
# (At 224 the difference is large because random weights make much of every small shift. Trained weights make less of it.)
#
# That is a test you can keep: if a port agrees with the original at 225 pixels and not at 224, you know where to look.
#
# ## The trap in Table 1
#
# The paper's table has a column "Resolution": 224, 112, 112, 56, 28, 14, 14, 7, 7 for stages 1 to 9. Strides are not printed; you work them out
# from that column. Is it the size that a stage *reads*, or the size that it *writes*? And in an early version of the paper the sixth number was
# 28, not 14. Three readings, three networks:

# %% tags=["nbval-check-output"]
def from_column(column, reads):
    """B0 with strides worked out from a column of sizes, taken as what each stage reads, or writes."""
    sizes = column if reads else (224, *column)
    stem, *strides = [sizes[i] // sizes[i + 1] for i in range(8)]
    rows = tuple(replace(s, stride=t) for s, t in zip(B0.stages, strides, strict=True))
    return replace(B0, stem_stride=stem, stages=rows)


printed, early = (224, 112, 112, 56, 28, 14, 14, 7, 7), (224, 112, 112, 56, 28, 28, 14, 7, 7)
for what, net in (("read", from_column(printed, True)), ("written", from_column(printed, False)),
                  ("early version, read", from_column(early, True))):  # fmt: skip
    counted = cost.network_cost(net)
    print(f"{what:<20} strides {net.stem_stride} {[s.stride for s in net.stages]}"
          f"  {counted.params:,} parameters  {counted.macs / 1e6:>8,.2f} M MACs")  # fmt: skip

# %% [markdown]
# The sizes are what a stage reads. Every reading has the same parameters, to the unit, because no weight knows how often it is used. Whoever
# checks the parameters alone finds nothing wrong with a network that does 2.7 times the work.
#
# ## Find the bug
#
# Five networks, all meant to be B0 at 224 pixels with 1,000 classes. You don't see their code, only how they behave. `side` is the
# side of the last map.
#
# | | parameters | MACs | activations | side |
# |---|---|---|---|---|
# | right | 5,288,548 | 385,814,752 | 6,748,036 | 7 |
# | A | 8,423,848 | 388,948,192 | 6,749,896 | 7 |
# | B | 5,288,548 | 78,613,456 | 3,433,612 | 1 |
# | C | 5,302,116 | 513,063,648 | 11,163,684 | 7 |
# | D | 5,288,548 | 385,814,752 | 6,748,036 | 7 |
# | E | 5,288,548 | 1,537,537,408 | 26,961,124 | 14 |
#
# Write down a suspicion for each before you go on. It helps to ask: did the *weights* change? Then where would so many come from, and do
# they work at many positions or at one? If they did not: what makes the same weights work more often, or less?

# %%
bug = predict("04.bug", "Network A has 3.1 million parameters too many, for 0.8 % more MACs. "
              "Where are they?",
              choices=["in the expansions", "in the depthwise kernels", "in squeeze-and-excitation",
                       "in the classifier"])  # fmt: skip

# %%
# Each block becomes a stage of its own, so that each has the stride.
split = tuple(replace(s, repeats=1) for s in B0.stages for _ in range(s.repeats))
suspects = {
    "squeeze width from the expanded channels": replace(B0, se_base="expanded"),
    "squeeze width from the output channels": replace(B0, se_base="output"),
    "no squeeze-and-excitation": replace(B0, se_ratio=0),
    "the stride in every block of a stage": replace(B0, stages=split),
    "stage 2 expanded by 6": with_stage(B0, 2, expand=6),
    "every kernel 3x3": replace(B0, stages=tuple(replace(s, kernel=3) for s in B0.stages)),
    "the stem without its stride": replace(B0, stem_stride=1),
    "ReLU6 in place of SiLU": replace(B0, activation="relu6"),
}

# %% tags=["nbval-check-output"]
def fingerprint(net):
    counted, last = cost.network_cost(net), net.blocks()[-1]
    return counted.params, counted.macs, counted.activations, -(-last.resolution // last.stride)


for name, net in suspects.items():
    params, macs, activations, side = fingerprint(net)
    print(f"{name:<41} {params:>9,} {macs:>13,} {activations:>10,} {side:>2}")

# %%
bug.reveal("in squeeze-and-excitation",
           "One MAC more for each new weight: they work at one position only.")  # fmt: skip

# %% [markdown]
# A has 3,135,300 parameters and 3,133,440 MACs too many. So nearly every new weight is used once an image, at a single position. That leaves SE and the
# classifier, and 1,000 classes fix the classifier. A squeezes from the expanded channels, as MobileNetV3 does. B strides in every block, so that the map has shrunk to one pixel. C expands stage 2.
# E forgot the stem's stride: all maps are twice as wide, and the MACs four times as many.
#
# And D? Its counts are all right. ReLU6 leaves no trace in any count; only a numeric test finds it. SiLU can write a small
# negative number, down to -0.28 (lesson 02), ReLU6 never can: look at the lowest number that a layer writes. A residual that is missing hides in the
# same way.
#
# ## What 32 pixels do to it
#
# The photos of CIFAR-10 have 32 pixels. Can the stock B0 read them? It can. What do its maps look like?

# %% tags=["nbval-check-output"]
small = replace(B0, resolution=32)
blind = sum(b.expanded * b.kernel**2 for b in small.blocks() if b.resolution == 1)
print(f"{cost.network_cost(small).macs:,} MACs at 32 pixels")
print("maps read by the blocks:", [b.resolution for b in small.blocks()])
centres = sum(b.expanded for b in small.blocks() if b.resolution == 1)
print(f"depthwise weights on maps of one pixel: {blind:,};"
      f" {centres:,} of them ever meet anything but padding")  # fmt: skip

# %%
figures.network_strip(small)

# %% [markdown]
# The last four blocks work on a single pixel. Three of them are stage 7's, with 5x5 kernels, of which 24 weights in 25 see nothing
# but padding; in the last one, stage 8 with 3x3, it is 8 in 9. To train B0 on CIFAR-10 one has to enlarge the photos first, or take strides out.
#
# For experiments that run while you wait, the course has its own base, `NANO`: the same block, SE from the input channels, SiLU, but fewer strides and
# channels, so that 16 pixels still leave a map of 4x4 at the end.

# %% tags=["nbval-check-output"]
from effnet_course.arch import NANO

counted = cost.network_cost(NANO, num_classes=10)
print(f"{NANO.resolution} pixels, {counted.params:,} parameters, {counted.macs:,} MACs")
print("maps read by the blocks:", [b.resolution for b in NANO.blocks()])

# %% [markdown]
# ## Explore
#
# Choose a stage, then turn its row. The thin upright marks are B0. Try to find
#
# 1. a change that moves the MACs by a third and the parameters by 0.3 %;
# 2. two different changes that leave all parameters as they are;
# 3. which stage you can shorten (fewer blocks) for the most MACs at the fewest parameters.

# %%
from effnet_course import explorers

explorers.stage_table()

# %% [markdown]
# ## Check yourself

# %%
ask("04.q1", "04.q2", "04.q3", "04.q4")

# %%
ask("04.q5", "04.q6", "04.q7", "04.q8")

# %% [markdown]
# ## What to remember
#
# - Seven rows, four rules, 81 convolutions: 5,288,548 parameters and 385,814,752 MACs.
# - Parameters sit late, activations early, MACs in between. Depthwise layers: 3 % of the parameters, 9 % of the MACs, a third of the activations.
# - Parameters can't see strides; no count can see an activation function or a residual. Check parameters, MACs *and* answers.
# - A test that a broken network passes proves nothing. Random weights let the signal die.
# - A state dict holds shapes and numbers, not rules. Epsilon, padding, stride and activation function travel with the code.
#
# Next: sheet 04 (`exercises/04_efficientnet_b0.ipynb`). Then lesson 05: you have one network. What if you only make it deeper, wider or sharper?

# %% [markdown]
# ## Sources
#
# - The table and the family: M. Tan, Q. V. Le, *EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks*, 2019 (arXiv
#   1905.11946), Table 1; the 28 in its sixth line is that of an early version.
# - The authors' code: `tensorflow/tpu`, models/official/efficientnet (`efficientnet_builder.py`, `efficientnet_model.py`). Keras:
#   `keras-team/keras`, keras/src/applications/efficientnet.py. torchvision: `torchvision/models/efficientnet.py`. timm:
#   `huggingface/pytorch-image-models`, timm/models/efficientnet.py. The other port:
#   `lukemelas/EfficientNet-PyTorch`, efficientnet_pytorch/model.py.
# - SE from the expanded width: A. Howard et al., *Searching for MobileNetV3*, 2019, as in `torchvision/models/mobilenetv3.py`.
# - All counts are made above; `tests/test_cost.py` and `tests/test_model.py` hold them, and B1 to B7, against independent counters and torchvision.
