# ---
# jupyter:
#   effnet_course: {title: "What if I only go deeper, wider or sharper?", minutes: 90, seconds: 60, memory_mb: 1600}
# ---

# %% [markdown]
# # 05 · What if I only go deeper, wider or sharper?
#
# You have a network, and from tomorrow on a machine twice as fast. How do you spend it? You could give the network more
# layers, or more channels in each, or show it larger images. Each costs multiplications. Do they buy the same?
#
# In this lesson you turn one knob at a time: work out what it costs, look at what it lets the network see, find out
# what goes wrong when it is turned too far, and read recorded runs without fooling yourself.
#
# **You will be able to**
#
# - say what depth, width and resolution cost, and where the rule for it fails;
# - compute a receptive field, and measure how much of it a network really uses;
# - explain why a deep stack without residuals stops training, and show it;
# - put an interval on a comparison, a slope and an extrapolation, and say when to stop scaling.
#
# **You need** lessons 01 to 04, and 00 on seeds and intervals. About 90 minutes, 60 s of them your machine's.

# %% [markdown]
# ## Three questions to warm up

# %%
from effnet_course.asking import ask, predict

ask("01.q3", "03.q6", "00.q8")

# %% [markdown]
# ## What does each knob cost?
#
# Three multipliers, from here on always the same letters: $d$ for depth (blocks), $w$ for width (channels), $r$ for resolution
# (pixels along a side). The network as it is has $d = w = r = 1$.
#
# A 1x1 convolution on a map of $H \times H$ pixels from $C$ to $C'$ channels does $H^2 C C'$ MACs (1 MAC = 2 FLOPs). Now turn:
#
# - $d$: as many such layers again. MACs times $d$.
# - $w$: both $C$ and $C'$ grow. MACs times $w^2$.
# - $r$: both sides of the map grow. MACs times $r^2$.
#
# Together: **MACs grow like $d\,w^2\,r^2$**. We derived that for one kind of layer. B0 also has others. Guess before you count.

# %%
twice = predict("05.width", "B0 twice as wide: how many times the MACs?",
                choices=["2.00", "3.76", "4.00", "4.24"])  # fmt: skip

# %% tags=["nbval-check-output"]
from effnet_course.arch import B0, NANO
from effnet_course.cost import network_cost

whole = network_cost(B0)
for turn in ({"depth": 2}, {"width": 2}, {"resolution": 2}):
    counted = network_cost(B0.scaled(**turn))
    print(f"{turn}: MACs x {counted.macs / whole.macs:.3f}, "
          f"parameters x {counted.params / whole.params:.3f}, "
          f"activations x {counted.activations / whole.activations:.3f}")  # fmt: skip

# %% [markdown]
# None is exact, and each misses for a reason. Find the one for width: which operators of the block do not have *two* widths to grow?

# %% tags=["nbval-check-output"]
wide, deep = (network_cost(B0.scaled(**turn)).by_operator() for turn in ({"width": 2}, {"depth": 2}))
for name, layer in whole.by_operator().items():
    if layer.macs:
        in_width, in_depth = wide[name].macs / layer.macs, deep[name].macs / layer.macs
        print(f"{name:<15} {layer.macs / whole.macs:6.1%} of B0's MACs, twice as wide x {in_width:.2f}, "
              f"twice as deep x {in_depth:.2f}")  # fmt: skip

# %%
twice.reveal("3.76", "A depthwise layer has one width: each channel is filtered by itself. "
             "So have the stem and the classifier.")  # fmt: skip

# %% [markdown]
# And the others. At $d = 2$ the stem and the head are not repeated: that alone would give *less* than 2. But the blocks that are added are dearer than the average one (last column): each reads and writes its stage's
# output width, while the first block of nearly every stage reads a narrower map. (Between whole numbers, depth has a second fault: each stage's blocks are rounded *up*, so that $d = 1.8$ already buys the 32 of $d = 2$.)
# At $r = 2$ nothing changes for squeeze-and-excitation and the classifier, which work on one pixel.
#
# ## Read the powers off the counts
#
# Suppose nobody had told you the rule. Could you find it from counts? If $\text{MACs} = c \cdot d^{p_d} w^{p_w} r^{p_r}$ (the
# three powers are what we look for), then
# $$\log \text{MACs} = \log c + p_d \log d + p_w \log w + p_r \log r.$$
# That is a plane. A **least-squares fit** finds the $\log c$ and the powers for which the squared misses, summed over all networks, are smallest.
# We count every combination on three grids. Will the three fits agree?

# %%
agree = predict("05.fit", "Where will the power of depth come out far from 1?",
                choices=["multipliers 1, 2, 3", "1 to 3 in steps of a quarter", "1.1 to 1.4",
                         "nowhere"])  # fmt: skip

# %% tags=["nbval-check-output"]
from itertools import product

import numpy as np


def powers(base, multipliers, blocks=False):
    """Powers of d, w, r by least squares over all combinations, and the largest miss of the fit."""
    rows, counts = [], []
    for d, w, r in product(multipliers, repeat=3):
        net = base.scaled(depth=d, width=w, resolution=r)
        deeper = sum(net.repeats) / sum(base.repeats) if blocks else d
        rows.append([1, np.log(deeper), np.log(w), np.log(r)])
        counts.append(np.log(network_cost(net).macs))
    fit, *_ = np.linalg.lstsq(np.array(rows), np.array(counts), rcond=None)
    return fit[1:], np.exp(np.abs(np.array(rows) @ fit - counts).max()) - 1


grids = {"1, 2, 3": (1, 2, 3), "1 to 3 by 0.25": np.arange(1, 3.1, 0.25),
         "1.1 to 1.4 by 0.1": (1.1, 1.2, 1.3, 1.4)}  # fmt: skip
for name, multipliers in grids.items():
    for blocks in (False, True):
        (p_d, p_w, p_r), miss = powers(B0, multipliers, blocks)
        depth = "blocks" if blocks else "d"
        print(f"{name:<18} {depth:<6} ^ {p_d:.2f}   w ^ {p_w:.2f}   r ^ {p_r:.2f}"
              f"   misses up to {miss:.0%}")  # fmt: skip

# %%
agree.reveal("1.1 to 1.4", "In so short a range all you see of depth is the rounding.")

# %% [markdown]
# "blocks" means: in place of $d$, use the blocks that were really built. From 1 to 3 the powers are close to 1, 2 and 2. From 1.1 to 1.4 the power of $d$ is not, only that of the blocks: B0 has 23 of them at 1.1 and at 1.2, and 26 at 1.4. A fit
# knows only the range that you show it.

# %%
from effnet_course import figures

figures.macs_powers(B0)

# %% [markdown]
# The dotted lines are the first and second power. Find the jump: the cheapest step in depth costs nearly half a B0.
#
# The paper's Figure 3 scales B0 in one dimension at a time. These are its points. Its accuracies exist only as dots in a
# picture; the costs can be recomputed:

# %% tags=["nbval-check-output"]
figure_3 = {"width": (1.0, 1.4, 1.8, 2.6, 3.8, 5.0), "depth": (1.0, 2.0, 3.0, 4.0, 6.0, 8.0),
            "resolution": (1.0, 1.3, 1.5, 1.7, 1.9, 2.2, 2.5)}  # fmt: skip
for name, multipliers in figure_3.items():
    counts = [network_cost(B0.scaled(**{name: m})).macs / 1e9 for m in multipliers]
    said = "  ".join(f"x{m:g}: {c:.2f}" for m, c in zip(multipliers, counts, strict=True))
    print(f"{name:<11} {said} billion MACs")

# %% [markdown]
# The last points are not equally dear: 8.7 billion MACs for width, 3.2 for depth, 2.5 for resolution. A curve that ends
# higher may only have been given more. So compare at equal MACs.
#
# ## What does an output see?
#
# The **receptive field** of an output is the square of image pixels it is computed from. One 3x3 layer: 3. Another one on top
# reaches one position further on each side: 5. If a layer strides by 2, the positions of its map lie 2 pixels apart, so
# that every later layer reaches twice as far. In a rule, starting from field 1 and step 1:
#
# > a layer with kernel $K$: field $\leftarrow$ field $+ (K - 1) \cdot$ step, then step $\leftarrow$ stride $\cdot$ step.
#
# On paper: 3x3 with stride 2, then 3x3, then 5x5. What is the field? Then B0: its image has 224 pixels.

# %%
wider = predict("05.field", "The receptive field of B0's last map, in pixels", unit="px")

# %% tags=["nbval-check-output"]
from effnet_course import explain

field, step = 1, 1
for kernel, stride in ((3, 2), (3, 1), (5, 1)):
    field, step = field + (kernel - 1) * step, step * stride
    print(f"{kernel}x{kernel}, stride {stride}: field {field} px, step {step} px")
print("B0, every third map ('stage 7.4' is the fourth block of stage 7):")
print("   ", "  ".join(f"{f.name} {f.side}" for f in explain.theoretical_field(B0)[::3]))
for net in (B0, NANO):
    last = explain.theoretical_field(net)[-1]
    print(f"{net.name}: image {net.resolution} px, last map's field {last.side} px")

# %%
wider.reveal(explain.theoretical_field(B0)[-1].side,
             "Nearly four times the image. Its output could see all of it, and padding.")  # fmt: skip

# %% [markdown]
# (Squeeze-and-excitation is left out of this rule: a gate is computed from the whole map, so with gates *every* output depends on *every* pixel.)
#
# How deep must a network be so that its field covers the image? Keep NANO's stage table, and let only the depth change:

# %% tags=["nbval-check-output"]
for pixels in (16, 32, 64, 128, 256):
    for blocks in range(4, 60):
        net = NANO.scaled(depth=blocks / 8, resolution=pixels / 16)
        side = explain.theoretical_field(net)[-1].side
        if side >= pixels:
            print(f"{pixels:>3} px: {blocks:>2} blocks give a field of {side} px")
            break

# %% [markdown]
# By this count NANO with its 8 blocks (75 px) needs no more depth for any image up to 75 pixels. But the
# rule says only what an output *can* depend on. How much does it?
#
# ## How much of it is used?
#
# Ask the trained network. Take the middle position of the last map, and its gradient with respect to every pixel: by how much does
# the output move if this pixel moves? Square that and average it over photos and channels: this map of influence is the **effective field**. Its *side* is the side of the smallest square that
# holds 90 % of the influence. The theoretical field is 75 pixels. Guess:

# %%
used = predict("05.effective", "NANO on images of 96 px: 90 % of the influence lies in a square of",
               unit="px")  # fmt: skip

# %%
import torch
from torch import nn

from effnet_course import atlas, data
from effnet_course.train import to_input

nano, run = atlas.network("nano-16px")
photos = data.pictures("validation", resolution=32).take(8, seed=0)
photos = to_input(torch.from_numpy(photos.pixels.copy()))
found = {}
for pixels in (16, 32, 96):
    images = nn.functional.interpolate(photos, size=pixels, mode="bilinear", antialias=True)
    for se in (False, True):
        found[pixels, se] = explain.effective_field(nano, images, se=se)
    off, on = (found[pixels, se] for se in (False, True))
    most, nearly_all = explain.side_of(off), explain.side_of(off, 0.99)
    print(f"{pixels:>3} px: 90 % in {most:>2} px, 99 % in {nearly_all} px; "
          f"no influence at all: {(off == 0).mean():.0%} of pixels with SE held, "
          f"{(on == 0).mean():.0%} with SE")  # fmt: skip
used.reveal(explain.side_of(found[96, True]), "How much less than the rule allows is that?")

# %%
figures.fields([(f"{pixels} px, SE {'on' if se else 'held'}", found[pixels, se],
                 {"theory": 75, "90 %": explain.side_of(found[pixels, se])})
                for pixels, se in ((16, False), (32, False), (96, False), (96, True))])  # fmt: skip

# %% [markdown]
# Three things to see. (This network was trained on CIFAR-10 at 16 pixels; at 96 they are enlarged. We ask what it looks at, not whether it is right.)
#
# - With SE held (each gate stays at its value, so that nothing flows through it), the field ends exactly where the rule says: a square of 75 pixels, and outside it a gradient of exactly zero.
# - With SE on, no pixel is without influence; but look at the colours: outside the square it is smaller by several powers of ten. It is true that SE sees everything; in this network that is next to nothing, because its
#   gates hardly move (lesson 03).
# - Nearly all the influence sits in a spot far smaller than the theoretical field. Its size *in pixels* stops growing while the image grows on. So at a higher resolution each output sees a smaller share of the scene.
#
# Why is it so concentrated? A pixel in the middle reaches the output on very many paths through the layers, one at the edge of the field on a single one. The theoretical field grows with every layer by
# the same amount. But a path takes one step in each layer, to any position of the window, and a sum of $n$ random steps grows like $\sqrt{n}$. So, roughly, does the part that is used.
#
# That is an argument for turning two knobs together: *sharper images want a deeper network*. Below you will test it.

# %% [markdown]
# ## Why not simply very deep?
#
# Then stack up more layers. Before 2015 that went wrong in an odd way: deeper networks had a higher *training* loss. So it is not overfitting. Something
# does not get through. Here is a stack of 3x3 layers, with or without normalisation, with or without adding its input.

# %%
class Layer(nn.Module):
    def __init__(self, norm, residual, channels=16):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1, bias=not norm)
        self.norm = nn.BatchNorm2d(channels) if norm else nn.Identity()
        self.residual = residual

    def forward(self, x):
        out = self.norm(self.conv(nn.functional.silu(x)))
        return x + out if self.residual else out


def stack(depth, norm, residual):
    torch.manual_seed(0)
    layers = [Layer(norm, residual) for _ in range(depth)]
    head = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10)
    return nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), *layers, *head)


# %% [markdown]
# A network learns from the gradient that comes back from the loss, layer by layer, last layer first. In each layer it is multiplied by that layer's derivative. If that makes it
# a third, what is left of it after 40 layers?

# %%
faded = predict("05.fade", "Plain stack: the gradient at layer 1 of 40, divided by that at layer 40",
                choices=["about 1", "about a tenth", "about a millionth", "below 10^-15"])  # fmt: skip

# %%
small = data.pictures("train", resolution=8).take(4000, seed=0)
pixels, labels = to_input(torch.from_numpy(small.pixels.copy())), torch.from_numpy(small.labels.copy())


def gradients(norm, residual, depth=40):
    """At the output of each layer, before any training: (size of the gradient, spread of the signal)."""
    model, signals = stack(depth, norm, residual), []

    for layer in model[1 : depth + 1]:
        layer.register_forward_hook(lambda m, x, out: (out.retain_grad(), signals.append(out))[1])
    nn.functional.cross_entropy(model(pixels[:64]), labels[:64]).backward()
    return [out.grad.norm().item() for out in signals], [out.std().item() for out in signals]


both = {"plain": gradients(False, False), "norm": gradients(True, False),
        "residual": gradients(False, True), "norm and residual": gradients(True, True)}  # fmt: skip
for name, (_, spreads) in both.items():
    print(f"{name:<18} signal after layer 1: {spreads[0]:.2f}, after layer 40: {spreads[-1]:.2f}")
curves = {name: slopes for name, (slopes, _) in both.items()}
share = curves["plain"][0] / curves["plain"][-1]
faded.reveal("below 10^-15", f"{share:.0e}" if share else "Too small for a 32-bit float: 0.")
figures.gradients(curves)

# %% [markdown]
# - **Plain**: the gradient dies. What arrives at the first layers is too small to teach them anything.
# - **Norm** alone keeps the signal's size on the way forward. On the way back the gradient gets a little *larger* from layer to layer: a hundred times in all.
# - **Residual**: $x + f(x)$ has the derivative $1 + f'(x)$. The 1 carries the gradient straight through. But the *signal* grows with the additions, as the lines above the figure show (with norm as well).
# - **Both**: about as flat as with the residual alone. It is what every repeated block of an MBConv network does.
#
# Sizes are not learning. So train. Which wins?

# %%
trains = predict("05.plain", "With norm but no residual, 32 layers will learn, compared with 4,",
                 choices=["more", "about as much", "less"])  # fmt: skip

# %%
held = data.pictures("validation", resolution=8).take(1000, seed=0)
held_pixels = to_input(torch.from_numpy(held.pixels.copy()))


def learn(depth, residual, steps=100):
    """(mean training loss of the last 20 steps, top-1 on 1,000 validation images in percent)"""
    model = stack(depth, True, residual).to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), 0.05, momentum=0.9, nesterov=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 0.05, steps, pct_start=0.2, cycle_momentum=False)  # fmt: skip
    losses = []
    for _ in range(steps):
        some = torch.randint(0, len(labels), (64,))
        loss = nn.functional.cross_entropy(model(pixels[some]), labels[some])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    model.eval()
    with torch.inference_mode():
        right = model(held_pixels).argmax(1).numpy() == held.labels
    return np.mean(losses[-20:]), 100 * right.mean()


# %%
reached = {}
for depth, residual in ((4, False), (4, True), (32, False), (32, True)):
    loss, top1 = reached[depth, residual] = learn(depth, residual)
    print(f"{depth:>2} layers, {'residual' if residual else 'plain   '}: training loss {loss:.2f}, "
          f"validation top-1 {top1:.1f} %  ({held.name})")  # fmt: skip
gap = reached[4, False][0] - reached[32, False][0]
trains.reveal("more" if gap > 0.05 else "less" if gap < -0.05 else "about as much",
              f"By training loss, {reached[32, False][0]:.2f} against {reached[4, False][0]:.2f}."
              )  # fmt: skip

# %% [markdown]
# One seed, a hundred steps: an anecdote, though a large one. Still: depth *alone* is not a knob that can be turned freely. It needs blocks built
# for it. B0's first block of each stage has no residual. There are seven of them at any depth; all that $d$ adds are blocks with one.
#
# ## One dimension at a time, measured
#
# The plan: NANO at about 0.5, 2, 4 and 8 times its MACs, scaled in depth alone, in width, in resolution (and in mixtures, for
# lessons 06 and 07). The cell prints what is recorded so far; what is missing has not been run yet. All runs have the same recipe: 16,000 CIFAR-10 images, 4 epochs, up to three seeds, one CPU thread, all fixed before the first run (`docs/atlas.md`).
# 16 pixels is the base; beyond 32 the photos have no more detail to give and are enlarged.

# %%
single = ("base", "depth", "width", "resolution")
rows = [row for row in atlas.runs() if row.study == "cifar10-short"]
points = [p for p in atlas.summary(rows) if p.family in single]
points.sort(key=lambda p: (single.index(p.family), p.macs))
base = next((p for p in points if p.family == "base"), None)
for p in points:
    enlarged = ", enlarged" if p.resolution > 32 else ""
    print(f"{p.family:<11} d {p.depth:<6.3g} w {p.width:<5.3g} {p.resolution} px{enlarged}: "
          f"{p.macs:>10,} MACs, {p.params:>9,} parameters, "
          f"top-1 {', '.join(f'{v:.1f}' for v in p.values)}")  # fmt: skip
print(f"{len(rows)} runs recorded, {sum(r.seconds for r in rows) / 3600:.1f} hours")

# %% [markdown]
# Two or three numbers a network, one for each seed. Their mean has an error, and so few values hardly tell how large. Two steps make it better.
#
# **Pool.** Seeds scatter each network's top-1. If they scatter all networks about alike, we can estimate that one spread from all together: for each network the squared distances from its
# own mean, all added up, divided by the **degrees of freedom** (values minus one, for each network), and the root.
#
# **Student's t.** If the true spread were known, 95 % of means would lie within 1.96 spreads $/\sqrt{n}$ of the truth. It is estimated, so the factor is larger, and falls as the degrees of freedom grow:

# %% tags=["nbval-check-output"]
from scipy import stats

for freedom in (2, 6, 12, 30):
    print(f"{freedom:>2} degrees of freedom: {stats.t.ppf(0.975, freedom):.2f}")

# %% [markdown]
# So the interval of one network by itself (2 degrees of freedom) is more than twice as wide as with a spread that is known.

# %%
pooled = atlas.spread([p.values for p in points]) if any(len(p.values) > 1 for p in points) else None
if pooled:
    print(f"spread over seeds: {pooled[0]:.2f} points, {pooled[1]} degrees of freedom")
marks = [(p.family, p.macs, *atlas.interval(p.values, pooled)) for p in points]
best_one = predict("05.best", "At about twice the MACs, which single dimension reached most?",
                   choices=["depth", "width", "resolution", "can't be told"])  # fmt: skip

# %%
figures.against_macs(marks)

# %% [markdown]
# At 0.5 times, small networks come in coarse steps of MACs, so those points serve the curves, not a comparison. And intervals that overlap don't yet mean "no difference". Look at the interval *of the difference*. Two means err independently, so their variances add: with
# $n_1$ and $n_2$ seeds, the error of the difference is $\text{spread} \cdot \sqrt{1/n_1 + 1/n_2}$. The interval reaches Student's factor times that to either side. If it covers 0, these runs don't decide.
#
# A caution. We pick the best of three and then test it against the others, on the same runs. The best of three lucky draws looks better than it is; an interval for a difference named in advance does not know that.
# So read "ahead" at the edge of an interval as a hint.

# %%
def ranked(budget):
    """The single dimensions at a budget, best first, each with the best one's lead and its interval."""
    there = [p for p in points if p.budget == budget and p.family != "base"]
    there.sort(key=lambda p: -p.mean)
    return [(p, *atlas.difference(there[0].values, p.values, pooled)) for p in there] if pooled else []


for budget in (2, 4, 8):
    order = ranked(budget)
    print(f"about {budget} times the MACs:{'' if order else ' no runs recorded yet'}")
    for p, lead, low, high in order:
        verdict = "" if p is order[0][0] else f"  behind by {lead:.2f} ({low:.2f} to {high:.2f}) " + (
            "beyond the noise of seeds" if low > 0 else "not decided")
        print(f"   {p.family:<11} {p.mean:.2f} %, seeds: {len(p.values)}{verdict}")
order = ranked(2)
if len(order) > 1:
    best_one.reveal(order[0][0].family if order[1][2] > 0 else "can't be told",
                    f"Highest mean: {order[0][0].family}, {order[0][0].mean:.1f} %.")  # fmt: skip

# %% [markdown]
# ## Fast, or good?
#
# In the runs that ship with this version, depth alone ends *below the base*, at more than twice its cost. How can more blocks be worth less than none? Look at the way there, four epochs: where does
# each start, do curves cross? (The learning rate falls to zero at the end, so the last epoch is not "where training had got to" in a longer run.)

# %%
groups = {}
for row in rows:
    if row.family in single and row.budget in (1, 2):
        groups.setdefault(row.family, []).append(row.validation)
figures.learning_curves(groups)

# %% [markdown]
# So read every number in this section as *how much a network learns in a short time*.
#
# ## What does another doubling bring?
#
# A natural formula for a curve that levels off is $\text{error} = \text{floor} + u\,x^{-v}$: it falls with the budget $x$. Can four or five measurements tell the floor? Take an invented
# network whose errors are $20 + 10\,x^{-0.5}$ exactly, set the floor to a wrong value, and fit the rest. How far off is the best fit?

# %% tags=["nbval-check-output"]
from scipy.optimize import curve_fit

budgets = np.array([0.5, 1, 2, 4, 8])
errors = 20 + 10 * budgets**-0.5
for floor in (0, 10, 15, 20, 22):
    (u, v), _ = curve_fit(lambda x, u, v, floor=floor: floor + u * x**-v, budgets, errors,
                          p0=(30 - floor, 0.3))  # fmt: skip
    off = np.abs(floor + u * budgets**-v - errors).max()
    far = floor + u * 1000**-v
    print(f"floor {floor:>2}: misses the five values by up to {off:.2f},"
          f" says {far:.1f} % error at 1000x")  # fmt: skip

# %% [markdown]
# Floors from 10 to 22 all pass within 0.6 points, even 0 within 0.7, and at a thousand times the budget they say anything from 12 to 22 % error. Compare the 0.7 with the spread over seeds, printed above the figure of the runs. Five values do not *identify* the floor. So we fit less, something that five values can bear:
# **points gained per doubling**, a straight line against $\log_2$ of the MACs. Three assumptions go with it: that the line is straight, that seeds scatter alike everywhere, and, beyond the last point, that it goes on as before.

# %%
def doubling(family):
    """Fit top-1 = start + gain * log2(MACs / base's): (line, half of the gain's interval, x, y)."""
    mine = [p for p in points if p.family in ("base", family)]
    x = np.array([np.log2(p.macs / base.macs) for p in mine for _ in p.values])
    y = np.array([v for p in mine for v in p.values])
    line = stats.linregress(x, y)
    return line, stats.t.ppf(0.975, len(x) - 2) * line.stderr, x, y


def band(family, at):
    """The fitted line at `at` doublings with its 95 % interval: wider, farther from the middle."""
    line, _, x, y = doubling(family)
    fitted = line.intercept + line.slope * at
    scatter = np.sqrt(((y - line.intercept - line.slope * x) ** 2).sum() / (len(x) - 2))
    half = stats.t.ppf(0.975, len(x) - 2) * scatter * np.sqrt(
        1 / len(x) + (at - x.mean()) ** 2 / ((x - x.mean()) ** 2).sum())
    return fitted, fitted - half, fitted + half


# %%
lines, seeds = [], len(base.values) if base else 0
for family in (f for f in single[1:] if seeds > 1 and any(p.family == f for p in points)):
    line, half, x, _ = doubling(family)
    value, low, high = (float(v) for v in band(family, x.max() + 2))
    bounds = f"{line.slope - half:+.2f} to {line.slope + half:+.2f}"
    print(f"{family:<11} {line.slope:+.2f} points per doubling ({bounds}); "
          f"two doublings beyond the last point {value:.1f} % ({low:.1f} to {high:.1f})")  # fmt: skip
    at = np.linspace(x.min(), x.max() + 2, 40)
    lines.append((family, base.macs * 2**at, *band(family, at), base.macs * 2 ** x.max() * 1.001))
figures.against_macs(marks, lines)

# %% [markdown]
# The band says how well the *line* is known, if it is a line. Dashed: extrapolated. There the band does not contain the largest doubt, which is whether the line goes on. If the points of
# a family bend away from its line at the right end, gains are shrinking, and the dashed part promises too much.
#
# ## Efficiency, and when to stop
#
# "Accuracy per MAC" sounds like a good measure. Before you look: for which network is it highest?

# %%
peak = predict("05.efficiency", "Top-1 divided by MACs is highest for",
               choices=["the cheapest network", "one in the middle", "the dearest"])  # fmt: skip

# %%
for family in single[1:]:
    mine = sorted((p for p in points if p.family in ("base", family)), key=lambda p: p.macs)
    print(family)
    for before, p in zip([None, *mine], mine, strict=False):
        per = (f"{p.mean / p.macs * 1e6:5.2f} points per million MACs, "
               f"{p.mean / p.params * 1e5:5.1f} per 100,000 params")  # fmt: skip
        step = ""
        if before and pooled:
            doublings = np.log2(p.macs / before.macs)
            gain, low, high = (v / doublings for v in atlas.difference(p.values, before.values, pooled))
            step = f"; step {gain:+.2f} per doubling ({low:+.2f} to {high:+.2f})"
        print(f"   {p.macs / 1e6:5.1f} million MACs: {per}{step}")
peak.reveal("the cheapest network", "Guessing costs 0 MACs and has 10 % right: infinitely efficient.")

# %% [markdown]
# Above 50 %, top-1 can't double at all; MACs can. Wherever top-1 grows by a smaller factor than the MACs, the ratio falls. It would have you never scale at all. An
# average says nothing about the next step. What does is the **marginal gain**: the step from one network to the next, printed at the end of its line. A rule for stopping, made of three decisions that are yours:
#
# 1. Say what a doubling must bring: say, 1 point.
# 2. Take the interval of the last step's gain. If it lies wholly *below*, stop. If wholly *above*, go on.
# 3. If it covers your threshold, the runs don't decide: buy more seeds before you buy a larger network.
#
# ## A sharp image through a shallow net
#
# Back to the argument about the field. Photos mix everything; **Shapes**, the course's own pictures, can be turned. A picture's *mark* decides its class (lesson 00). *Detail* hides it in fine stripes. *Extent* hides it in the direction from a planet to its moon, half a picture away. At detail
# 1 and extent 1, half the pictures show stripes, half a moon. The network is small and has no SE: a field of 11 pixels, or with $d = 3$ of 35. Images of 12 pixels, or of 28. You can't resolve the stripes at 12.

# %%
sharper = predict("05.mismatch", "SHALLOW network, 28 px in place of 12. Its top-1 on the moons will",
                  choices=["rise", "stay", "fall"])  # fmt: skip

# %%
import json

mixed = json.loads((atlas.RECORDS / "mismatch.json").read_text())


def cells(kind, way):
    """Top-1 of each seed on the pictures shown in one way: {(d or w, pixels): [seed 0, 1, 2]}."""
    found = {}
    for row in (row for row in mixed["rows"] if row["table"] == kind):
        found.setdefault((row[kind], row["resolution"]), []).append(row["by_way"][way])
    return found


panels = []
for kind, way, title in (("depth", "stripes", "stripes"), ("depth", "moon", "moons"),
                         ("width", "stripes", "stripes, five colour keys")):  # fmt: skip
    found = cells(kind, way)
    sizes = sorted({size for size, _ in found})
    bounds = [[atlas.interval(found[size, px]) for px in (12, 28)] for size in sizes]
    panels.append((title, [f"{kind[0]} = {size:g}" for size in sizes], ["12 px", "28 px"],
                   [[mean for mean, _, _ in line] for line in bounds],
                   [[mean - low for mean, low, _ in line] for line in bounds]))  # fmt: skip

# %%
(blurred, sharp), _ = panels[1][3]
change = sharp - blurred
print("moons, d = 3, 28 px, seed by seed:", [round(top1) for top1 in cells("depth", "moon")[3, 28]])
sharper.reveal("rise" if change > 3 else "fall" if change < -3 else "stay",
               f"From {blurred:.0f} to {sharp:.0f} %. Chance is 10 %.")  # fmt: skip
figures.mismatch(panels)

# %% [markdown]
# (Recorded: three seeds a cell. Each interval rests on the cell's own three, with the factor 4.30. Pooling would be wrong here: look how unequally the cells scatter.)
#
# Resolution is what brings the stripes: at 12 pixels no depth helps. But at 28 pixels planet and moon lie further apart *in pixels*, beyond a field of 11. The sharper image takes from the shallow network what it could do before. The deep one
# is far better at moons in both columns, though at 28 pixels its seeds reach anything from 54 to 82 %. On the right the stripes have five colours, and in each colour the marks mean other classes (a *key*); the network gets *wider*: on blurred images there is nothing for it to learn from; on sharp ones the same width pays.
#
# An **interaction** means that what one knob brings depends on where another stands: a difference of differences. Is there one in each table? Guess from the figure, then compute it seed by seed.

# %%
for kind, way, what in (("depth", "moon", "d = 3 in place of 1, on moons"),
                        ("width", "stripes", "w = 2 in place of 0.67")):  # fmt: skip
    found = cells(kind, way)
    small, large = sorted({size for size, _ in found})
    gains = {px: np.subtract(found[large, px], found[small, px]) for px in (12, 28)}
    mean, low, high = atlas.interval((gains[28] - gains[12]).tolist())
    print(f"{what}: {gains[12].mean():+.0f} points at 12 px, {gains[28].mean():+.0f} at 28 px; "
          f"difference {mean:+.0f} ({low:+.0f} to {high:+.0f})")  # fmt: skip

# %% [markdown]
# For width, yes: it pays on sharp images only, and the interval is far from 0. When that happens, "which knob is best?" has no answer that holds everywhere. For depth on moons these runs show none: more depth brings about as much in both columns, and the
# interval is wide. What they do show is the other half of the argument: a sharper image alone can *cost* accuracy, and depth brings it back, at least in part.
#
# These pictures were *made* to have large effects: no SE, networks at the edge of what their field allows. Whether photos behave so, at equal MACs, is a question for runs (lesson 06).

# %% [markdown]
# ## Explore
#
# NANO, three sliders. The marks are recorded runs with their intervals; a ring says "this one was trained". A hollow diamond is an estimate, from a plane through the runs. Try to find
#
# 1. two networks with the same MACs, within 3 %, of which one has five times the parameters of the other;
# 2. where $d\,w^2\,r^2$ is off by more than 10 %;
# 3. how shallow it must be for the field not to cover 32 pixels any more.

# %%
from effnet_course import explorers

recorded = [p for p in atlas.summary(rows)]
spread = atlas.spread([p.values for p in recorded]) if any(len(p.values) > 1 for p in recorded) else None
explorers.dimensions([
    (p.family, p.depth, p.width, p.resolution, p.macs, *atlas.interval(p.values, spread), len(p.values))
    for p in recorded
])  # fmt: skip

# %% [markdown]
# ## Check yourself

# %%
ask("05.q1", "05.q2", "05.q3", "05.q4", "05.q5", "05.q6", "05.q7", "05.q8")

# %% [markdown]
# ## What to remember
#
# - MACs grow like $d\,w^2\,r^2$, because of the 1x1 layers. Depthwise layers have one width, blocks are rounded up, and a fit over a short range sees only that.
# - The theoretical field says what an output can see, the effective field what it uses, which is far less. SE sees everything, in principle.
# - Plain depth stops training, because gradients don't get through. Norm and residual together let them.
# - Compare at equal MACs, over seeds, by the interval of the difference. Few epochs measure how fast a network learns.
# - Few values don't identify a floor. Fit what they can bear, and say what an extrapolation assumes. Decide by the marginal gain, not by an average.
# - Knobs can interact: in our test width paid on sharp images only. A sharper image alone can cost accuracy. Compute the difference of differences before you call it an interaction.
#
# Next: sheet 05 (`exercises/05_one_dimension.ipynb`). Then lesson 06: turn all three knobs at once.

# %% [markdown]
# ## Sources
#
# - Scaling in one dimension: M. Tan, Q. V. Le, *EfficientNet*, 2019 (arXiv 1905.11946), section 3 and Figure 3. The MACs are counted above.
# - Effective fields, and their growth with the root of the depth: W. Luo et al., *Understanding the Effective Receptive Field in Deep Convolutional Neural Networks*, 2016.
# - Deep plain networks and residuals: K. He et al., *Deep Residual Learning for Image Recognition*, 2015 (arXiv 1512.03385).
# - The runs: `effnet_course/records/`, `docs/atlas.md`. The mismatch: `benchmarks/record_mismatch.py`. Shapes: `effnet_course/shapes.py`.
