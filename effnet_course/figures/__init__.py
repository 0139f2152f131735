"""Static figures, a file for each lesson. Each returns a `Picture`; see `base`."""

from effnet_course.figures.base import Picture
from effnet_course.figures.lesson00 import contact_sheet, networks, training_runs
from effnet_course.figures.lesson01 import four_convolutions, roofline, separable_ratio

__all__ = [
    "Picture",
    "contact_sheet",
    "four_convolutions",
    "networks",
    "roofline",
    "separable_ratio",
    "training_runs",
]
