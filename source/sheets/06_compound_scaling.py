# ---
# jupyter:
#   effnet_course: {title: "Sheet 06: from phi to a network, and back", minutes: 105, seconds: 15, memory_mb: 400}
# ---

# %% [markdown]
# # Problem sheet 06 · How do phi, alpha, beta, gamma make B0 to B7?
#
# After this sheet you can turn a compound coefficient into a network, with all its roundings; find the coefficient
# that a published network implies; choose one for a budget; and put a number to a claim that you read. Work through
# lesson 06 first.
#
# Six functions and one question in words: 105 minutes, 25 points. In each function, replace the last line, then run
# the cell below it. The check shows the smallest case that fails, and if the mistake is a known one, a hint. When you
# are stuck, `hint("06.1")` gives a first hint and `hint("06.1", 2)` a second.
#
# In 06.1 to 06.3 you build what the package's `arch` does: leave it aside until your function passes. (One exception:
# if 06.2 won't pass, use `arch.round_filters` in 06.3.) In 06.5 and 06.6 you use it. MACs are for one image; 1 MAC = 2 FLOPs.

# %%
import math
from dataclasses import replace

from effnet_course.arch import B0, VARIANTS
from effnet_course.checking import check, hint
from effnet_course.cost import network_cost

# %% [markdown]
# ## 06.1 · Multipliers from phi
# *10 minutes · easy · 3 points*
#
# Whoever scales a network types in phi, and wants to know at once what comes out and what it will cost. Return the
# multipliers of depth, width and resolution, in this order, and the number of times the MACs they should make by the
# rule of the lesson, without any rounding.
#
# Two steps with the paper's constants: `multipliers(2, 1.2, 1.1, 1.15)` is `(1.44, 1.21, 1.3225, 3.6874)`.


# %%
def multipliers(phi: float, alpha: float, beta: float,
                gamma: float) -> tuple[float, float, float, float]:
    """(d, w, r, times the MACs). phi may be a fraction, or negative. alpha, beta, gamma: of depth,
    width, resolution.
    """
    ### BEGIN SOLUTION
    d, w, r = alpha**phi, beta**phi, gamma**phi
    return d, w, r, d * w**2 * r**2
    ### END SOLUTION


# %%
check("06.1", multipliers)

# %% [markdown]
# ## 06.2 · How many channels are 19.2?
# *15 minutes · moderate · 3 points*
#
# A layer has whole channels, and this family wants multiples of 8. The rule, for a layer of so many channels in the
# base and a width multiplier:
#
# - take the nearest multiple of 8; halfway between two, the larger;
# - at least 8;
# - if that is less than 0.9 times what was wanted, 8 more.
#
# For 24 channels at width 1.4, 33.6 are wanted: `round_channels(24, 1.4)` is `32`.


# %%
def round_channels(channels: int, width: float) -> int:
    """Channels after scaling. channels: those of the base's layer. width: the multiplier w."""
    ### BEGIN SOLUTION
    wanted = channels * width
    rounded = max(8, int(wanted + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * wanted else rounded
    ### END SOLUTION


# %%
check("06.2", round_channels)

# %% [markdown]
# ## 06.3 · A whole network, scaled
# *20 minutes · moderate · 4 points*
#
# Now the configuration that you would hand to someone who builds the network. Given are a base and three multipliers.
# A row of the base's table is `[channels, blocks]`; expansion, kernel and stride don't change when a network is
# scaled. Return stem, head, pixels and rows of the scaled network. Channels follow 06.2. Blocks follow the lesson's
# rule, stage by stage. The image gets the nearest whole number of pixels.
#
# A small base: `scaled_network(16, 64, 32, [[8, 1], [24, 2]], 1.2, 1.5, 1.25)` is `(24, 96, 40, [[16, 2], [40, 3]])`.


# %%
def scaled_network(stem: int, head: int, pixels: int, rows: list[list[int]],
                   d: float, w: float, r: float) -> tuple:
    """(stem, head, pixels, rows) of the scaled network.

    stem, head: channels of the base's first and last convolution. pixels: side of its image. rows:
    [channels, blocks] for each stage. d, w, r: multipliers of depth, width, resolution.
    """
    ### BEGIN SOLUTION
    scaled = [[round_channels(channels, w), math.ceil(blocks * d)] for channels, blocks in rows]
    return round_channels(stem, w), round_channels(head, w), round(pixels * r), scaled
    ### END SOLUTION


# %%
check("06.3", scaled_network)

# %% [markdown]
# ## 06.4 · Which phi was it?
# *10 minutes · easy · 3 points*
#
# Somebody hands you a network's multipliers and says that they come from a phi. Which? Each dimension gives its own
# answer. Return the phi that the depth, the width and the resolution imply, in this order.
#
# The published B4: `implied_phi(1.8, 1.4, 380, 224, 1.2, 1.1, 1.15)` is `(3.22, 3.53, 3.78)`.


# %%
def implied_phi(d: float, w: float, pixels: int, base_pixels: int,
                alpha: float, beta: float, gamma: float) -> tuple:
    """(phi of the depth, of the width, of the resolution).

    d, w: multipliers. pixels, base_pixels: side of the scaled network's image and of the base's.
    """
    ### BEGIN SOLUTION
    grown = ((d, alpha), (w, beta), (pixels / base_pixels, gamma))
    return tuple(math.log(multiplier) / math.log(constant) for multiplier, constant in grown)
    ### END SOLUTION


# %%
check("06.4", implied_phi)

# %% [markdown]
# When it passes, ask it about the whole family.


# %%
def ask_the_family():
    for name, v in VARIANTS.items():
        phis = implied_phi(v.depth, v.width, v.resolution, 224, 1.2, 1.1, 1.15)
        print(name, [round(phi, 2) for phi in phis])


# Remove the # in front of the next line.
# ask_the_family()

# %% [markdown]
# ## 06.5 · The largest phi that fits
# *20 minutes · moderate · 4 points*
#
# A phone has room for so many parameters; a server's card for so many activations; a deadline allows so many MACs.
# Return the largest phi whose network, B0 scaled with the paper's constants and *counted as it is built*, costs at
# most the budget. Only multiples of `step`, from 0 up, are tried. B0 itself always fits, and phi does not end at 7.
#
# `B0.scaled(d, w, r)` makes the network, with all roundings; `network_cost` has `.params`, `.macs` and
# `.activations`.
#
# Twelve million activations: `largest_phi("activations", 12000000, 0.25)` is `0.50`.


# %%
def largest_phi(quantity: str, budget: int, step: float) -> float:
    """The largest multiple of step whose network costs at most the budget.

    quantity: "params", "macs" or "activations" (the last two for one image).
    """
    ### BEGIN SOLUTION
    def cost_at(phi):
        return getattr(network_cost(B0.scaled(1.2**phi, 1.1**phi, 1.15**phi)), quantity)

    phi = 0
    while cost_at(phi + step) <= budget:
        phi += step
    return phi
    ### END SOLUTION


# %%
check("06.5", largest_phi)

# %% [markdown]
# ## 06.6 · What does twice as deep and wide cost?
# *15 minutes · moderate · 4 points*
#
# A claim to check: compound scaling lets you double a network's depth and width "without more compute". Write
# the function that settles such claims. For B0 made d times as deep and w times as wide, at its own 224 pixels,
# return how many times B0's parameters, MACs and activations it has, in this order, **counted**. And as a fourth
# value the size of image at which the claim would hold: the most pixels at which the network does no more MACs than
# B0 at 224.
#
# `replace(net, resolution=...)` gives a network another image.
#
# One and a half times of both: `price(1.5, 1.5)` is `(3.468, 3.730, 2.296, 100)`, printed here to three decimals: return
# yours unrounded. So few pixels? The maps are halved five times, and each halving rounds up, so the MACs don't follow
# the area: they jump just above each multiple of 32 pixels. Here they are 0.70 times B0's at 96 pixels, 0.995 at 97, and
# more than B0's from 101 on. When yours passes, ask it for twice of both: what becomes of the claim?


# %%
def price(d: float, w: float) -> tuple[float, float, float, int]:
    """(times B0's parameters, times its MACs, times its activations, pixels for no more MACs than B0).

    d, w: multipliers of depth and width, at least 1.
    """
    ### BEGIN SOLUTION
    base, net, pixels = network_cost(B0), B0.scaled(depth=d, width=w), 224
    now = network_cost(net)
    while network_cost(replace(net, resolution=pixels)).macs > base.macs:
        pixels -= 1
    return now.params / base.params, now.macs / base.macs, now.activations / base.activations, pixels
    ### END SOLUTION


# %%
check("06.6", price)

# %% [markdown]
# ## In words: my formula must be wrong
# *15 minutes · moderate · 4 points*
#
# A friend is building the family himself. "The paper gives alpha 1.2, beta 1.1, gamma 1.15," he writes, "and phi is
# the number of the model. So for B1 I compute 224 times 1.15, that is 258 pixels, and for B4 392. But every library
# has 240 and 380. My B4 also has too many blocks. Have they all copied one mistake, or is the formula wrong?"
#
# Answer in five to eight sentences: what he has taken for granted; which phi the published numbers of B1 and B4 imply;
# for B4, which of its three published numbers (d 1.8, w 1.4, 380 pixels) miss the formula at the phi that you would
# choose, and by how much; and what he should do who wants the real B4. Numbers from 06.4 will help.

# %% [markdown]
# *Your answer goes here: double-click, and replace this line.*
#
# ### BEGIN SOLUTION
# Neither: he takes for granted that phi is the model's number, and the paper does not say so. Phi is a budget that
# the user chooses, and it need not be whole. The published multipliers imply about 0.5 for B1 (by depth 0.52, by
# resolution 0.49), and about 3.5 for B4. But for B4 the three do not agree: its resolution implies 3.8, its width 3.5,
# its depth only 3.2. At 3.5 the formula gives a width of 1.40, as published, a depth of 1.89 in place of 1.8, and 365
# pixels in place of 380. The depth does no harm there: rounded up stage by stage, 1.89 and 1.8 both make 32 blocks, and
# his too many come from phi 4. But no phi gives both B4's channels and its 380 pixels. So the formula describes the
# family and the table says what each network is; who wants the real B4, and its weights, copies the table: w 1.4, d
# 1.8, 380 pixels.
# ### END SOLUTION
