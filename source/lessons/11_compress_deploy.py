# ---
# jupyter:
#   effnet_course: {title: "Will it run on a phone?", minutes: 90, seconds: 60, memory_mb: 1900}
# ---

# %% [markdown]
# # 11 · Will it run on a phone?
#
# Your network names ten kinds of things in photos. Now it is to do so on a phone: little memory, a battery, no Python. You can't train a new one for every device. What can you do with the one you have?
#
# In this lesson one small network goes through everything: its norms are folded away, its numbers rounded to 8 bits and fewer, its file handed to another runtime, and in the optional part its weights and channels cut. After every step: how large is it? How good? How long does it take?
#
# **You will be able to**
#
# - turn floats into codes of a few bits and back, by hand, and say in decibels what was lost;
# - show on a real network why one scale for a layer is often too few, and which layers suffer;
# - fold a batch norm, export to ONNX with a free batch size, and *prove* that nothing changed;
# - choose between onnxruntime, LiteRT, TensorRT and ExecuTorch, and say which zeros save time and which don't.
#
# **You need** lessons 02 (batch norm, SiLU), 03 (gates) and 10 (measuring time). About 90 minutes, 60 s of them your machine's. The sections on pruning and on a teacher are optional.
#
# `pip install "effnet-course[deploy]"` brings onnx, onnxruntime and torchao. Without them the lesson goes on with what was recorded.

# %% [markdown]
# ## Three questions to warm up

# %%
from effnet_course.asking import ask, predict

ask("01.q8", "02.q5", "03.q5")

# %% [markdown]
# ## The patient
#
# `nano-16px` is NANO, trained for this course on CIFAR-10 at 16 pixels (`docs/networks.md`). 500 pictures will tell us whether a change did any harm. Two measures:
#
# - **top-1**, if the pictures are photos from CIFAR-10;
# - **agreement**: how often the changed network gives the same answer as the one we started from. (One picture is 0.2 points of top-1: read this first.) That needs no labels. (Of a kind of pictures that it has never seen, a network is unsure, and changes its answers sooner.)

# %%
import torch

from effnet_course import atlas, compress, data, deploy, figures
from effnet_course.train import to_input

nano, run = atlas.network("nano-16px")
pictures = data.pictures("validation", resolution=16).take(500, seed=0)
known = data.pictures("train", resolution=16).take(128, seed=0)
images, known = (to_input(torch.from_numpy(p.pixels.copy())).contiguous() for p in (pictures, known))
labels = torch.from_numpy(pictures.labels.copy())


def answers(model):
    with torch.no_grad():
        return torch.as_tensor(model(images)).argmax(1)


def report(name, model):
    found = answers(model)
    top1 = f", top-1 {(found == labels).float().mean():.1%}" if pictures.name == "CIFAR-10" else ""
    print(f"{name:<34} agreement {(found == before).float().mean():6.1%}{top1}")


before = answers(nano)
report("as trained", nano)

# %% [markdown]
# `known` holds 128 *training* pictures. Rounding needs to know how large numbers get, and finding that out is a choice. Choices never look at the pictures we judge by.
#
# How large is it? Count the numbers: weights, and what the batch norms remember.

# %% tags=["nbval-check-output"]
numbers = sum(p.numel() for p in nano.parameters())
remembered = sum(b.numel() for b in nano.buffers() if b.is_floating_point())
print(f"{numbers:,} parameters and {remembered:,} running statistics, 4 bytes each: "
      f"{4 * (numbers + remembered):,} bytes")

# %% [markdown]
# B0 has 35 times as many. And size is not only room: fetching a number from memory costs far more than multiplying it (lesson 10), and a smaller number is fetched sooner.
#
# ## Fold the norms away
#
# Start with what costs nothing. In eval mode a batch norm multiplies channel $c$ by a constant and adds another:
# $$g_c = \frac{\text{weight}_c}{\sqrt{\text{variance}_c + \text{eps}}}, \qquad y_c = g_c\,(x_c - \text{mean}_c) + \text{bias}_c .$$
# And $x_c$ is a sum of inputs times weights. Multiply those weights by $g_c$ beforehand, give the convolution the bias $\text{bias}_c - g_c\,\text{mean}_c$, and the norm is gone. Are the outputs the same?

# %%
same = predict(
    "11.fold",
    "As a share of the largest logit, folding changes the logits by",
    choices=["0 exactly", "about 10^-6", "about 10^-2", "it depends on the image"],
)

# %% tags=["nbval-check-output"]
def without_norm(conv, norm):
    gain = norm.weight / (norm.running_var + norm.eps).sqrt()
    return conv.weight * gain[:, None, None, None], norm.bias - gain * norm.running_mean


weight, bias = without_norm(nano.stem.conv, nano.stem.norm)
with torch.no_grad():
    two = nano.stem.norm(nano.stem.conv(images[:8]))
    one = torch.nn.functional.conv2d(images[:8], weight, bias, padding=1)
print("stem: same to 1e-5:", torch.allclose(one, two, rtol=1e-5, atol=1e-5))

folded = compress.folded(nano)
norms = [sum(isinstance(m, torch.nn.BatchNorm2d) for m in net.modules()) for net in (nano, folded)]
with torch.no_grad():
    gap = (folded(images) - nano(images)).abs().max() / nano(images).abs().max()
print(f"whole network: {norms[0]} norms, then {norms[1]}; logits same to 1e-5: {bool(gap < 1e-5)}")

# %%
same.reveal("about 10^-6", f"Here {gap:.0e}. It is exact on paper; but a float32 has about seven "
                           "digits, and the order of the sums has changed.")  # fmt: skip
report("norms folded", folded)

# %% [markdown]
# From here on we work with the folded network. Fold first, round later: what is rounded must be what runs.
#
# (Only in eval mode: in training a batch norm uses each batch's own mean. A group norm can't be folded at all: its mean is computed from the image.)
#
# ## A number in a few bits
#
# A phone's chip multiplies 8-bit whole numbers faster than floats, and with less energy. So replace each float by a **code**, a whole number. With $b$ bits there are $2^b$ codes. Two schemes:
#
# **Affine.** Spread the codes 0 to $2^b - 1$ evenly over the range of the numbers. The distance between two codes is the **scale** $S$. The code that means 0 is the **zero point** $Z$. A number is then $S\,(\text{code} - Z)$.
#
# The range must hold 0, and 0 must have a code of its own. Why? (What is an image padded with?)
#
# **Symmetric.** $Z = 0$, and equally many codes on either side, $2^{b-1} - 1$: with 8 bits -127 to 127. The largest number in magnitude gets the last code on its side.
#
# Do both by hand: five numbers from -0.28 to 2.9, 3 bits. Affine: the range is 3.18 wide. How many steps? Symmetric: how many codes above 0?

# %% tags=["nbval-check-output"]
values = torch.tensor([-0.28, 0.0, 0.5, 1.31, 2.9])
bits = 3
steps = 2**bits - 1
scale = (values.max() - values.min()) / steps
zero_point = (-values.min() / scale).round()
codes = (values / scale).round() + zero_point
print(f"affine: {steps} steps of {scale:.4f}; zero point {zero_point:.0f}")
for value, code, back in zip(values, codes, scale * (codes - zero_point), strict=True):
    print(f"  {value:6.2f} -> code {code:.0f} -> {back:6.3f}, error {value - back:+.3f}")
scale = values.abs().max() / (2 ** (bits - 1) - 1)
codes = (values / scale).round()
print(f"symmetric: steps of {scale:.4f}")
for value, code in zip(values, codes, strict=True):
    print(f"  {value:6.2f} -> code {int(code):2} -> "
          f"{scale * code + 0:6.3f}, error {value - scale * code:+.3f}")
print("the package agrees:", torch.equal(compress.quantise(values, bits, symmetric=True).codes, codes))

# %% [markdown]
# Eight codes, so seven steps. The errors are within half a step. (At the ends they can become a little larger: the zero point had to be a whole number, which moved the whole grid.)
#
# Symmetric kept three codes for the side below 0, and used none of them: its step is over twice as wide. Why would anyone choose it? Write out a product of two codes: $(q_1 - Z_1)(q_2 - Z_2)$ has four terms. With $Z = 0$ for the weights, two of them vanish. So weights are usually symmetric, activations affine.
#
# ### How much is lost?
#
# Measure it as engineers measure noise: the **signal-to-noise ratio** in decibels,
# $$10 \log_{10} \frac{\sum \text{number}^2}{\sum \text{error}^2}.$$
# 20 dB: the error is a tenth of the signal. Rounding errors lie evenly from $-S/2$ to $S/2$, so their mean square is $S^2/12$. One more bit halves $S$. How many decibels is that?

# %%
bit = predict(
    "11.bit", "Each further bit brings", choices=["1 dB", "about 3 dB", "about 6 dB", "about 10 dB"]
)

# %% tags=["nbval-check-output"]
even = torch.linspace(-1, 1, 20001)
for bits in (2, 4, 6, 8):
    rounded = compress.quantise(even, bits, symmetric=True).values
    print(f"{bits} bits: {compress.decibels(even, rounded):.1f} dB")

# %%
bit.reveal("about 6 dB", "Half the error is a quarter of the noise: 10 log10 4 = 6.02. Two bits: 12.04.")

# %% [markdown]
# Two bits brought 16.9, 12.9, then 12.3. Why more than 12? Count the codes above 0: 1, 7, 31, 127. From 2 bits to 4 the step becomes *seven* times as fine, not four: $20 \log_{10} 7 = 16.9$. From 4 to 6, 31/7 times.
#
# Those numbers were spread evenly, the kindest case. Now real ones: what goes into a depthwise layer of our network, after a SiLU.
#
# ### Clip, or round coarsely?
#
# A few activations are large, and the largest sets the range for all. You may **clip**: end the range earlier. Everything beyond is then wrong by much, everything else by less. Where is the best end? Guess a share of the range.

# %%
cut = predict("11.clip", "With 4 bits, the squared error is least if the range ends at",
              choices=["the largest number", "about 3/4 of it", "about half of it or less"])  # fmt: skip

# %%
inside = {}
hook = folded.blocks[1].steps.depthwise.register_forward_pre_hook(
    lambda m, x: inside.update(x=x[0].flatten())
)
answers(folded)
hook.remove()
x = inside["x"]
ends = [float(x.max()) * part for part in (0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.75, 0.9, 1.0)]
clipped, coarse = [], []
for end in ends:
    error = (x - compress.quantise(x, 4, bounds=(float(x.min()), end)).values).square()
    clipped.append(error[x > end].sum().item())
    coarse.append(error[x <= end].sum().item())
best = ends[min(range(len(ends)), key=lambda n: clipped[n] + coarse[n])]
share = best / ends[-1]
large = max(1, int((x > ends[-1] / 2).sum()))
level = (share < 0.9) + (share < 0.6)
cut.reveal(cut.choices[level], f"At {best:.1f}; the largest is {ends[-1]:.1f}, the least {x.min():.2f}. "
           f"One in {len(x) // large:,} lies in the upper half of the range.")  # fmt: skip
below, step = (x < 0).float().mean(), (ends[-1] - float(x.min())) / 255
print(f"With 8 bits: {below:.0%} of the numbers are negative; they share "
      f"{-float(x.min()) / step:.0f} codes of 256.")
figures.clipping_error(ends, clipped, coarse)

# %% [markdown]
# Read the figure from right to left. As the range shrinks, rounding errors fall, and clipping errors rise from nothing. The best end is where the sum is least. Choosing it is called **calibration**: by the extremes, by a quantile, or by the least error as here.
#
# And read the line above it: SiLU never goes below -0.278 (lesson 02), so all the negative numbers share a handful of codes if the range goes up to the largest one.
#
# ## One scale is not enough
#
# Now the weights. Each output channel of a layer is a filter of its own, and nothing makes filters equally large. With **one scale per tensor** the largest filter sets it for all. With **one scale per channel**, each has its own: a few bytes more. For which kind of layer in an MBConv block do you expect the most unequal filters?

# %%
worst = predict("11.unequal", "Most unequal filters (folded): the layers that",
                choices=["expand", "filter (depthwise)", "restore (gate)", "project"])  # fmt: skip

# %%
rows = []
for name, layer in compress.layers(folded).items():
    largest = layer.weight.data.flatten(1).abs().amax(1)
    parts = name.split(".")
    kinds = ("expand", "depthwise", "reduce", "restore", "project")
    kind = next((kind for kind in kinds if kind in parts), "other")
    block = int(parts[1]) + 1 if parts[0] == "blocks" else 0 if name.startswith("stem") else 9
    rows.append((kind, block, float(largest.max() / largest.median())))
most = {
    kind: max(r for k, _, r in rows if k == kind)
    for kind in ("expand", "depthwise", "project", "restore")
}
worst.reveal("filter (depthwise)", "Widest channel divided by the median one, at most: "
             + ", ".join(f"{kind} {ratio:.1f}" for kind, ratio in most.items()))  # fmt: skip
figures.channel_ranges(rows)

# %% [markdown]
# Depthwise stands out in the first two blocks; in all later ones `restore`, the second layer of SE (diamonds). Why depthwise? Its filter has 9 or 25 weights for one channel alone, and folding multiplies it by that channel's own $g_c$. In a 1x1 layer a row sums over many channels, and evens out.
#
# What does that cost? The worst layer, 8 bits and 4:

# %% tags=["nbval-check-output"]
layer = folded.blocks[1].steps.depthwise.conv.weight.data
for bits in (8, 4):
    for axis, name in ((None, "per tensor"), (0, "per channel")):
        q = compress.quantise(layer, bits, symmetric=True, axis=axis)
        empty = int((q.codes.flatten(1) == 0).all(1).sum())
        print(f"{bits} bits, {name:<11} {compress.decibels(layer, q.values):4.1f} dB, "
              f"{empty} of {len(layer)} channels all 0")

# %% [markdown]
# At 8 bits the gap is worth more than two bits of 6 dB. At 4, one scale wipes out whole channels: the network has lost them, as if they had been pruned, without anyone having chosen them.
#
# ## The whole network
#
# Every layer's weights rounded, activations still floats. At how many bits does it begin to hurt? First for your pictures, then as recorded:

# %%
enough = predict("11.bits", "Symmetric, one scale per tensor. On CIFAR-10, 5 "
                            "points or more are lost first at",
                 choices=["8 bits", "6 bits", "5 bits or 4", "only at 3 or 2"])  # fmt: skip

# %%
for bits in (8, 6, 5, 4):
    for per_channel in (False, True):
        rounded = compress.quantised_weights(folded, bits, symmetric=True, per_channel=per_channel)
        report(f"{bits} bits, per {'channel' if per_channel else 'tensor'}", rounded)

# %%
import json
import warnings
from collections import Counter

warnings.simplefilter("ignore")
record = json.loads((atlas.RECORDS / "compression.json").read_text())
size, curves = record["settings"]["bits"], {}
print(f"{size['network']}, {size['validation']:,} validation photos of CIFAR-10")
for row in record["bits"]:
    if row["what"] == "weights":
        scheme = "symmetric" if row["symmetric"] else "affine"
        name = f"{scheme}, per {'channel' if row['per_channel'] else 'tensor'}"
        curves.setdefault(name, []).append((row["bits"], row["validation"]))
level = next((row["validation"] for row in record["steps"] if not row["group"]), None)
print("float32:", level, "%")
for bits in (8, 4):
    print(f"{bits} bits:", ", ".join(f"{name} {dict(rows)[bits]:.1f}" for name, rows in curves.items()))
first = next(bits for bits, top1 in curves["symmetric, per tensor"] if top1 <= level - 5)
enough.reveal(enough.choices[sum(first <= bound for bound in (7, 5, 3))], f"At {first}.")
figures.bits_curves(curves, level)

# %% [markdown]
# Find the bits at which two curves part. At 8 bits one scale costs little on *this* network, a scale for each channel hardly anything. Below, the scheme decides.
#
# And "weights are usually symmetric"? That is for the arithmetic's sake. At 8 bits it costs little; at 4, with one scale, dearly: one code of 16 is unused, and more where a range reaches further on one side. In how many layers?

# %% tags=["nbval-check-output"]
gains = {}
for name, layer in compress.layers(folded).items():
    weight = layer.weight.data
    both = [
        compress.decibels(weight, compress.quantise(weight, 4, symmetric).values)
        for symmetric in (False, True)
    ]
    gains[name] = both[0] - both[1]
best = max(gains, key=gains.get)
print("4 bits, one scale: affine is better in "
      f"{sum(g > 0 for g in gains.values())} of {len(gains)} layers")
weight = compress.layers(folded)[best].weight.data
print(f"most, by {gains[best]:.1f} dB, in {best}, whose weights run from "
      f"{weight.min():.2f} to {weight.max():.2f}")

# %% [markdown]
# ### Activations, too
#
# For integer arithmetic both factors must be codes. Activations come anew with each image, so their ranges are taken from the `known` pictures beforehand. And they get one scale a layer: with one for each *input* channel, the sum over those channels would add up codes of unequal worth.

# %%
for name, part in (("by the extremes", 1.0), ("99.9 % of the numbers", 0.999)):
    bounds = compress.input_bounds(folded, known, part)
    for bits in (8, 5):
        both = compress.quantised_inputs(compress.quantised_weights(folded, 8), bounds, bits)
        report(f"weights 8, inputs {bits}, {name}", both)

# %% [markdown]
# ## Why is EfficientNet called hard, and what did Lite change?
#
# Naive 8-bit rounding has ruined EfficientNets that were large and trained for long. (One published case: B0 with scales restricted to powers of two, top-1 from 77.7 to 47 %; see the sources.) You have now seen where it can come from. What range do each part's inputs have in our network?

# %%
bounds = compress.input_bounds(folded, known)
print("inputs of ...            low    high   codes below 0 (of 256)")
for part in ("expand.conv", "depthwise.conv", "squeeze_excite.restore", "project.conv"):
    mine = [b for name, b in bounds.items() if name.endswith(part)]
    low, high = min(b[0] for b in mine), max(b[1] for b in mine)
    print(f"{part:<22} {low:6.2f}  {high:6.2f}   {-low / (high - low) * 255:5.0f}")

# %% [markdown]
# - **SiLU** (into depthwise, restore and project): a shallow dip below 0 that matters, and no end above.
# - **Depthwise**: unequal filters, few weights each.
# - **SE**: a wide map times gates that differ from image to image, and a `restore` layer with unequal rows. It also needs a mean over the whole map, for which a chip must wait (lesson 03).
# - **Linear bottleneck** (into expand): no activation, so no end on either side.
#
# **EfficientNet-Lite** took the consequences: no SE; ReLU6 (0 to 6, a range known beforehand) in place of SiLU; and a stem and head that don't grow. Its authors report for Lite0 75.1 % as floats and 74.4 % in 8 bits.
#
# Does it help *our* network? Four variants, trained alike, are rounded to 5 bits with one scale a layer: the inputs alone, or the weights alone.

# %%
lite = predict("11.lite", "Inputs in 5 bits: which change saves most of the top-1?",
               choices=["no SE", "ReLU6 for SiLU", "neither: all lose alike"])  # fmt: skip

# %%
from statistics import mean

losses = {}
for row in record["lite"]:
    losses.setdefault(row["name"], []).append(row["float"] - row["inputs 5"])
    print(f"{row['name']:<15} float {row['float']:.1f} %, inputs in 5 bits {row['inputs 5']:.1f}, weights "
          f"in 5 bits {row['weights 5, per tensor']:.1f}; {row['images']:,} photos, "
          f"epochs: {row['epochs']}, seed {row['seed']}")  # fmt: skip
losses = {name: mean(lost) for name, lost in losses.items()}
lite.reveal("ReLU6 for SiLU", f"It loses {losses['ReLU6 for SiLU']:.1f} points, no SE {losses['no SE']:.1f}, "
            f"the network as it is {losses['as it is']:.1f}; both changes lose {losses['no SE, ReLU6']:.1f}.")  # fmt: skip

# %% [markdown]
# One seed each, so the 0.2 points between the two with ReLU6 say nothing. Thirteen points against two do: an activation that ends at 6 has no far outlier to stretch the scale. The weights it does not help.
#
# ## The maintained path
#
# For use there is a tool that inserts the rounding into a traced graph, and lets a compiler turn it into integer kernels: **torchao's PT2E** ("PyTorch 2 export"). (`torch.ao.quantization`, in older tutorials, is being removed.) Four steps: export, prepare, calibrate, convert.

# %%
import logging


def pt2e(model, calibration):
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e
    from torchao.quantization.pt2e.quantizer import x86_inductor_quantizer as x86

    logging.getLogger("torch.utils._pytree").setLevel(logging.ERROR)  # a warning of torchao's own
    batch = torch.export.Dim("batch", min=1, max=4096)
    graph = torch.export.export(model, (calibration[:8],), dynamic_shapes=({0: batch},)).module()
    quantizer = x86.X86InductorQuantizer().set_global(x86.get_default_x86_inductor_quantization_config())
    prepared = prepare_pt2e(graph, quantizer)  # puts observers in
    prepared(calibration)  # they note the ranges
    return convert_pt2e(prepared)


missing = deploy.missing_tools()
if "torchao" in missing:
    print("torchao is not here; to run this:", deploy.INSTALL)
    print("recorded:", [row for row in record["steps"] if "PT2E" in row["name"]])
else:
    integer = pt2e(nano, known)
    report("PT2E, 8 bits", integer)
    calls = Counter(str(n.target).split(".")[-2] for n in integer.graph.nodes if n.op == "call_function")
    print(dict(calls.most_common()))

# %% [markdown]
# The second line counts the operations of its graph. How many norms are left? What stands around a SiLU?
#
# (With torchao 0.18: 41 convolutions, each with a scale for every output channel, and no norm. But 25 SiLUs, 8 sigmoids and 8 products stand between a *dequantize* and a *quantize*: they are computed in floats. The tool does per channel what you did by hand, and leaves alone what integers do badly.)
#
# ## Leave Python: ONNX
#
# A phone doesn't run PyTorch. **ONNX** is a file format: a graph of standard operations with its weights. Many runtimes read it. Two things often go wrong: the batch size of the example is baked in, and nobody compares the outputs. So: a *dynamic* batch, and a check.

# %%
faster = predict(
    "11.onnx",
    "One image, float32: compared with PyTorch as we call it here, onnxruntime is",
    choices=["slower", "about the same", "2 times as fast", "more than 4 times as fast"],
)

# %%
import tempfile
from pathlib import Path

file = Path(tempfile.mkdtemp(), "nano.onnx")
if tools := [name for name in ("onnx", "onnxscript", "onnxruntime") if name in missing]:
    print(", ".join(tools), "not here; to run this:", deploy.INSTALL)
else:
    deploy.export_onnx(nano, file, resolution=16)
    gap = deploy.onnx_difference(nano, file, 16, batches=(1, 3, 64))
    print(f"{file.stat().st_size:,} bytes; batches of 1, 3 and 64: "
          f"logits differ by {gap:.0e} of the largest")
    print("same to 1e-5:", gap < 1e-5)
    import onnx

    graph = onnx.load(file).graph
    print([d.dim_param or d.dim_value for d in graph.input[0].type.tensor_type.shape.dim])
    print(dict(Counter(node.op_type for node in graph.node).most_common()))
    weights = sum(4 * torch.Size(t.dims).numel() for t in graph.initializer)
    print(f"weights {weights:,} bytes, all else (names, source lines) {file.stat().st_size - weights:,}")

# %% [markdown]
# `export_onnx` traces with an example of *two* images (one would be taken for "always one") and a `Dim` for the batch, which the graph then calls "batch".
#
# No norm: the exporter has folded them. And no SiLU: a SiLU is written as a Sigmoid and a Mul. In so small a network the graph itself is a good part of the file; in B0 it would be little compared with the weights.
#
# Now the time, in turns, on one thread (lesson 10):

# %%
torch.set_num_threads(1)
one = images[:1].contiguous()
if tools:
    timed = {row["name"]: row["ms_1"][0] for row in record["steps"] if "ms_1" in row}
    print("recorded, ms:", timed or "nothing yet")
else:
    session = deploy.onnx_session(file)
    with torch.inference_mode():
        times = deploy.time_in_turn(
            {
                "PyTorch": lambda: nano(one),
                "PyTorch, norms folded": lambda: folded(one),
                "onnxruntime": lambda: session(one),
            },
            runs=40,
        )
    for name, t in times.items():
        print(f"{name:<22} {1e3 * t.median:.2f} ms  (middle half "
              f"{1e3 * t.low:.2f} to {1e3 * t.high:.2f})")
    ratio = times["PyTorch"].median / times["onnxruntime"].median
    level = sum(ratio >= bound for bound in (0.8, 1.5, 4))
    faster.reveal(faster.choices[level], f"{ratio:.1f} times.")

# %% [markdown]
# Not one multiplication was saved. What was? PyTorch starts over a hundred small operations from Python, one by one, and each start has a price (lesson 10). A network of 3 million MACs is nearly all price. For large networks and batches the two come closer.
#
# ### Which zeros save time?
#
# Another hope: set weights to 0 (**pruning**). Take a 1x1 layer, with all its weights, with half of them 0, and with half of its filters taken out.

# %%
zeros = predict("11.zeros", "Half of the weights are 0. Compared with the full layer it needs",
                choices=["half the time", "about 3/4 of the time", "the same time"])  # fmt: skip

# %%
maps, full = torch.randn(8, 96, 32, 32), torch.randn(128, 96, 1, 1)
half = full * compress.magnitude_mask(full, 0.5)
weights = {"all weights": full, "half of them 0": half, "half the filters": full[:64]}
with torch.inference_mode():
    calls = {name: lambda w=w: torch.nn.functional.conv2d(maps, w) for name, w in weights.items()}
    times = deploy.time_in_turn(calls, runs=60)
least = {name: min(t.times) for name, t in times.items()}  # equal work: what is slower was disturbed
for name, seconds in least.items():
    print(f"{name:<16} {weights[name].numel():>6,} numbers  fastest of 60: {1e3 * seconds:.2f} ms")
share = least["half of them 0"] / least["all weights"]
zeros.reveal(
    "half the time" if share < 0.65 else "about 3/4 of the time" if share < 0.85 else "the same time",
    f"{share:.2f} times; half the filters, {least['half the filters'] / least['all weights']:.2f}.",
)

# %% [markdown]
# A multiplication by 0 is a multiplication, and the array is as long as before. So **scattered zeros** save no time in an ordinary runtime, and room only once the file is zipped. **Whole channels** taken out make arrays shorter: they save room *and* time.
#
# ### And 8 bits in onnxruntime?
#
# onnxruntime can round a file itself (`quantize_static`) and run it with integer kernels. As recorded:

# %%
steps = {row["name"]: row for row in record["steps"]}
pair = [steps[name] for name in ("ONNX float32", "ONNX 8 bits")]
eight = predict("11.int8", "One image: compared with the float32 file, the 8-bit one is",
                choices=["4 times as fast", "a little faster", "slower"])  # fmt: skip

# %%
for row in pair:
    print(f"{row['name']:<14} {row['bytes']:>9,} bytes, validation {row['validation']:.1f} %, "
          f"{row['ms_1'][0]:.3f} ms for one image, {row['ms_32'][0]:.2f} ms for 32")  # fmt: skip
made, ratio = record["made"]["times"], pair[0]["ms_1"][0] / pair[1]["ms_1"][0]
eight.reveal("slower" if ratio < 1 else "a little faster" if ratio < 2.5 else "4 times as fast",
             f"{ratio:.2f} times as fast, on {made['device']}, {made['date']}.")  # fmt: skip

# %% [markdown]
# Whether 8 bits pay in *time* is decided by the kernels of one chip and one runtime. Around each SiLU and each gate the numbers are turned into floats and back. In this small network that costs more than the multiplications save. In *size* 8 bits always pay, in energy usually.
#
# ## Which runtime when
#
# | | for | from PyTorch | take it when |
# |---|---|---|---|
# | **onnxruntime** | servers, desktops, some phones | ONNX, as above | you want one file for many machines |
# | **LiteRT** (was TFLite) | Android, microcontrollers | `litert-torch` (was `ai-edge-torch`) | the phone has an accelerator that only it reaches; needs full 8 bits for an EdgeTPU |
# | **TensorRT** | NVIDIA GPUs | ONNX, then `trtexec` | latency on such a GPU is what counts |
# | **ExecuTorch** | phones, small devices | `torch.export`, directly | you stay in PyTorch to the end, PT2E included |
#
# The first steps of each, for packages and hardware that this course doesn't bring. LiteRT's and ExecuTorch's ran once (`benchmarks/runtimes.py`): the same answers to 0.00001, an image in an eighth and a fifth of PyTorch's time.
#
# ```python
# import litert_torch                                                   # LiteRT
# litert_torch.convert(model.eval(), (images[:1],)).export("nano.tflite")
#
# from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner   # ExecuTorch
# from executorch.exir import to_edge_transform_and_lower
# program = to_edge_transform_and_lower(torch.export.export(model, (images[:1],)), partitioner=[XnnpackPartitioner()])
# open("nano.pte", "wb").write(program.to_executorch().buffer)
# ```
# ```
# trtexec --onnx=nano.onnx --minShapes=images:1x3x16x16 --optShapes=images:32x3x16x16 --maxShapes=images:64x3x16x16 --fp16
# ```
#
# Whichever you take, two checks remain yours: equal outputs on real images, *prepared as in training* (a wrong mean or channel order is a common fault), and the time on the device itself.
#
# ## Optional: fewer weights
#
# **Magnitude pruning**: set the smallest weights to 0, here in our 1x1 layers, which hold most of them. How many can go before the answers do?

# %%
for sparsity in (0.3, 0.5, 0.8):
    report(f"{sparsity:.0%} of the 1x1 weights zero", compress.pruned_weights(nano, sparsity))

# %% [markdown]
# The answers survive a good deal of it, and then suddenly don't. But for time whole **channels** have to go. And a channel is never alone. What else must go if you remove one?

# %%
for group in compress.groups(nano)[:5]:
    where = "hidden" if group.hidden else "between blocks"
    parts = [f"{name.replace('steps.', '')}[{axis}]" for name, axis in group.parts if "norm" not in name]
    print(f"{group.name} ({group.channels} channels, {where}):", ", ".join(parts))

# %% [markdown]
# The number in brackets is the axis: 0, this layer *writes* the channels; 1, it *reads* them. A **hidden** channel lives inside one block: expand, depthwise, both layers of the gate, project (and norms). It can go alone. A channel **between blocks** is tied to every block that adds to it: through residuals, to the whole stage, and to its readers.
#
# So cut hidden channels. Which? Those with the smallest weights: a rough guide, which never looks at an image. Half of them:

# %%
slim = compress.slimmed(nano, 0.5)
for name, net in (("as trained", nano), ("half the hidden channels", slim)):
    params, macs = sum(p.numel() for p in net.parameters()), compress.counted_macs(net, 16)
    print(f"{name:<26} {params:>8,} params, {macs:>10,} MACs")
report("half the hidden channels", slim)
with torch.inference_mode():
    calls = {"whole": lambda: nano(images[:32]), "slim": lambda: slim(images[:32])}
    times = deploy.time_in_turn(calls, runs=15, batch=32)
print(f"32 images: {1e3 * times['whole'].median:.1f} ms, then {1e3 * times['slim'].median:.1f} ms")
size = record["settings"]["steps"]
print(f"\nRecorded; tuned: trained on, with {size['images']:,} photos, epochs: {size['epochs']}")
for name, row in steps.items():
    if row["group"] in ("", "pruned"):
        print(f"{name:<42} {row['macs']:>9,} MACs  validation {row['validation']:5.1f} %")

# %% [markdown]
# Cut without training, it is a ruin. Three epochs of fine-tuning (lesson 09) bring back all but 2.4 points, at 45 % fewer MACs. With half of the 1x1 weights zero the tuned network is half a point *ahead* of the one that it came from. It was trained for three epochs more.
#
# A question for any pruning result: would a network of that size, trained from the start for as long *in total*, be as good?
#
# ## Optional: a teacher
#
# A label says "cat". A trained network says "cat, 80 %; dog, 15 %". **Distillation** trains a small network on a large one's answers. They are softened by a **temperature** $T$: divide the logits by $T$ before the softmax.

# %% tags=["nbval-check-output"]
logits = torch.tensor([5.0, 3.0, -1.0])
for temperature in (1, 4, 20):
    print(f"T = {temperature:>2}:", [round(p, 3) for p in (logits / temperature).softmax(0).tolist()])

# %% [markdown]
# At $T = 4$ the second-best class shows. The loss is a mixture: $T^2$ times the divergence of the student's softened answers from the teacher's (formula: sheet 11), and the usual cross-entropy. (Why $T^2$? The gradient of the first part shrinks like $1/T^2$.) Whether it helps is measured on a student of half the width, from the same start, for equally many epochs, alone or taught.

# %%
taught = predict("11.teacher", "At equal epochs, the teacher brings the student",
                 choices=["less than 0", "0 to 1 points", "1 to 3 points", "more than 3"])  # fmt: skip

# %%
arms = {}
for row in record["distillation"]:
    arms.setdefault(row["name"], []).append(row["validation"])
for name, tops in arms.items():
    print(f"{name:<24} {mean(tops):.1f} %, seeds: {len(tops)}")
gain = mean(arms["taught, temperature 4"]) - mean(arms["alone"])
taught.reveal(taught.choices[sum(gain > bound for bound in (0, 1, 3))],
              f"{gain:+.1f} points at T = 4. With one seed that is a hint.")  # fmt: skip

# %% [markdown]
# ## One network, everything done to it
#
# Top-1 is that of the validation photos, for you are going to choose. "Packed": zipped. Times were taken in turns, one thread.

# %%
for what, made in record["made"].items():
    print(f"{what}: {made['device']}, {made['date']}, {made['versions']}")
for row in record["steps"]:
    if row["bytes"] < 200_000 or row["name"] == "ONNX 8 bits":
        packed = (
            "zipped zeros: unpacked again before use" if "packed" in row["name"] else "a file that runs"
        )
        print(f"{row['bytes']:>8,} bytes  {row['name']:<52}",
              "computed size, no such file" if row["runs_in"] == "simulated" else packed)  # fmt: skip
figures.compression_steps(record["steps"])

# %% [markdown]
# A phone has 200 kB to spare. Which row would you ship? None is ready: what lies below 200 kB is a computed size or zipped zeros. The 8-bit file that really runs is nearly three times as large, though its numbers need about 175 kB: the rest describes the graph. You would need a leaner format, built and measured.
#
# Is there a row that you would never take, since another is smaller and better? When you have chosen one, read its test top-1, once: `steps["ONNX 8 bits"]["test"]`.
#
# ## Explore
#
# The weights of block 2's depthwise layer, widest channel left. Look for
#
# 1. the fewest bits at which no channel falls below 20 dB, per tensor, and per channel;
# 2. a setting at which one scale sets several channels to 0;
# 3. a case in which affine is clearly better than symmetric. Why here?

# %%
from effnet_course import explorers

layer = folded.blocks[1].steps.depthwise.conv.weight.data.flatten(1)
schemes, scales = ("affine", "symmetric"), ("per tensor", "per channel")
recorded = [(r["bits"], schemes[r["symmetric"]], scales[r["per_channel"]], r["validation"])
            for r in record["bits"] if r["what"] == "weights"]  # fmt: skip
explorers.quantisation(layer.tolist(), recorded, "Depthwise layer of block 2")

# %% [markdown]
# ## Check yourself

# %%
ask("11.q1", "11.q2", "11.q3", "11.q4", "11.q5", "11.q6", "11.q7", "11.q8")

# %% [markdown]
# ## What to remember
#
# - In eval mode a batch norm folds into the convolution before it, exactly. Fold, then round.
# - A code stands for scale times (code minus zero point). Each further bit brings 6 dB. Symmetric for weights, affine for activations.
# - The widest channel sets a shared scale. Depthwise layers and gates suffer most; a scale for each channel repairs it for a few bytes.
# - SiLU, gates, depthwise layers and linear bottlenecks each stretch a range; Lite removes the causes. Whether it matters is measured on *your* network.
# - Export with a dynamic batch, and compare outputs. Fewer bits save size surely, time only where the kernels do.
# - Zeros save nothing by themselves. Channels do, with all that is tied to them, and then the network needs tuning.
#
# Next: sheet 11 (`exercises/11_compress_deploy.ipynb`). Then lesson 12: who designed B0?
#
# ## Sources
#
# - Affine quantisation, folding: B. Jacob et al., *Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference*, 2018 (arXiv 1712.05877).
# - Lite: the README of EfficientNet-Lite in `tensorflow/tpu` (Lite0 75.1 % float, 74.4 % after 8-bit rounding). B0 with power-of-two scales: `sony/model_optimization`, issue 771.
# - PT2E: the documentation of torchao; what its graph holds was counted above. SiLU as Sigmoid and Mul: counted above.
# - Distillation: G. Hinton et al., *Distilling the Knowledge in a Neural Network*, 2015 (arXiv 1503.02531).
# - Recorded here: `effnet_course/records/compression.json`, made by `benchmarks/record_compression.py`; the Lite variants' plan is `effnet_course/plans/cifar10-lite.toml`.
