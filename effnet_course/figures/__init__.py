"""Static figures, a file for each lesson. Each returns a `Picture`; see `base`."""

from effnet_course.figures.base import Picture
from effnet_course.figures.lesson00 import contact_sheet, networks, training_runs
from effnet_course.figures.lesson01 import four_convolutions, roofline, separable_ratio
from effnet_course.figures.lesson02 import (
    block_diagram,
    block_maps,
    expansion_line,
    relu_collapse,
    running_mean,
    silu_curve,
    time_and_macs,
    what_is_dropped,
)
from effnet_course.figures.lesson03 import gate_depth, gate_maps, same_gates, se_shares, squeeze_excitation
from effnet_course.figures.lesson04 import network_strip, paddings, shares
from effnet_course.figures.lesson05 import against_macs, fields, gradients, learning_curves, macs_powers, mismatch
from effnet_course.figures.lesson06 import advantage, growth, implied_phis, roundings
from effnet_course.figures.lesson07 import halving_curves, rank_agreement, search_ranking, search_triangle
from effnet_course.figures.lesson08 import ablation, first_steps, picture_rows, race, schedules, statistics_noise
from effnet_course.figures.lesson09 import confusion, evidence, few_labels, made_worse, robustness
from effnet_course.figures.lesson10 import atlas_front, ensembles, published_fronts, time_and_costs
from effnet_course.figures.lesson11 import bits_curves, channel_ranges, clipping_error, compression_steps
from effnet_course.figures.lesson12 import (
    baseline_spread,
    controller_choices,
    reward_factors,
    search_curves,
    seen_and_unseen,
)
from effnet_course.figures.lesson13 import masks, recipes, spectrograms

__all__ = [
    "Picture",
    "ablation",
    "advantage",
    "atlas_front",
    "against_macs",
    "baseline_spread",
    "bits_curves",
    "block_diagram",
    "block_maps",
    "confusion",
    "channel_ranges",
    "clipping_error",
    "compression_steps",
    "contact_sheet",
    "controller_choices",
    "ensembles",
    "evidence",
    "expansion_line",
    "few_labels",
    "fields",
    "first_steps",
    "four_convolutions",
    "gate_depth",
    "gate_maps",
    "gradients",
    "growth",
    "halving_curves",
    "implied_phis",
    "learning_curves",
    "macs_powers",
    "made_worse",
    "mismatch",
    "masks",
    "network_strip",
    "networks",
    "paddings",
    "picture_rows",
    "race",
    "rank_agreement",
    "recipes",
    "published_fronts",
    "relu_collapse",
    "reward_factors",
    "robustness",
    "roofline",
    "roundings",
    "running_mean",
    "same_gates",
    "search_curves",
    "seen_and_unseen",
    "schedules",
    "se_shares",
    "search_ranking",
    "search_triangle",
    "separable_ratio",
    "shares",
    "silu_curve",
    "statistics_noise",
    "spectrograms",
    "squeeze_excitation",
    "time_and_costs",
    "time_and_macs",
    "training_runs",
    "what_is_dropped",
]
