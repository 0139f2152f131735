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

__all__ = [
    "Picture",
    "block_diagram",
    "block_maps",
    "contact_sheet",
    "expansion_line",
    "four_convolutions",
    "gate_depth",
    "gate_maps",
    "network_strip",
    "networks",
    "paddings",
    "relu_collapse",
    "roofline",
    "running_mean",
    "same_gates",
    "se_shares",
    "separable_ratio",
    "shares",
    "silu_curve",
    "squeeze_excitation",
    "time_and_macs",
    "training_runs",
    "what_is_dropped",
]
