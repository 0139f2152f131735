"""Sliders, a file for each lesson. See `base` for what an explorer is.

    explorers.convolution()                                  # the sliders, in a notebook
    explorers.CONVOLUTION.static(kernel=5, resolution=28)    # (svg, sentence), for a printed page
"""

from effnet_course.explorers.base import Explorer, Slider
from effnet_course.explorers.lesson00 import FIRST_SLIDER, first_slider
from effnet_course.explorers.lesson01 import CONVOLUTION, convolution

__all__ = ["CONVOLUTION", "FIRST_SLIDER", "Explorer", "Slider", "convolution", "first_slider"]
