"""Sliders, a file for each lesson. See `base` for what an explorer is.

    explorers.convolution()                                  # the sliders, in a notebook
    explorers.CONVOLUTION.static(kernel=5, resolution=28)    # (svg, sentence), for a printed page
"""

from effnet_course.explorers.base import Explorer, Slider
from effnet_course.explorers.lesson00 import FIRST_SLIDER, first_slider
from effnet_course.explorers.lesson01 import CONVOLUTION, convolution
from effnet_course.explorers.lesson02 import MBCONV, mbconv
from effnet_course.explorers.lesson03 import gates, gates_explorer
from effnet_course.explorers.lesson04 import STAGE_TABLE, stage_table
from effnet_course.explorers.lesson05 import dimensions, dimensions_explorer
from effnet_course.explorers.lesson06 import COMPOUND, compound
from effnet_course.explorers.lesson07 import coefficient_search, search_explorer
from effnet_course.explorers.lesson08 import recipe, recipe_explorer
from effnet_course.explorers.lesson09 import evidence, evidence_explorer
from effnet_course.explorers.lesson10 import budget, budget_explorer
from effnet_course.explorers.lesson11 import quantisation, quantisation_explorer
from effnet_course.explorers.lesson12 import reward_explorer, reward_exponent
from effnet_course.explorers.lesson13 import FAST, fast_scaling

__all__ = [
    "COMPOUND",
    "CONVOLUTION",
    "FAST",
    "FIRST_SLIDER",
    "MBCONV",
    "STAGE_TABLE",
    "Explorer",
    "Slider",
    "budget",
    "budget_explorer",
    "coefficient_search",
    "compound",
    "convolution",
    "dimensions",
    "dimensions_explorer",
    "evidence",
    "evidence_explorer",
    "fast_scaling",
    "first_slider",
    "gates",
    "gates_explorer",
    "mbconv",
    "quantisation",
    "quantisation_explorer",
    "recipe",
    "recipe_explorer",
    "reward_explorer",
    "reward_exponent",
    "search_explorer",
    "stage_table",
]
