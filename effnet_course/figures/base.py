"""Static figures. Each returns a `Picture`: what matplotlib drew, and a sentence that says what it shows, made from the
same data. Colours are those of Okabe and Ito, told apart by colour-blind readers, and never the only difference.
"""

import base64
import io
from html import escape

import matplotlib.pyplot as plt
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

BLUE, ORANGE, GREEN, PINK, YELLOW, SKY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"


class Picture:
    """A figure with the sentence that describes it, which screen readers speak and text terminals show."""

    def __init__(self, figure: Figure, text: str):
        self.figure, self.text = figure, text
        plt.close(figure)  # so that the notebook shows it once

    def _repr_html_(self) -> str:
        buffer = io.BytesIO()
        self.figure.savefig(buffer, format="png", dpi=110, bbox_inches="tight", facecolor="white")
        data = base64.b64encode(buffer.getvalue()).decode()
        return f'<img style="max-width:100%" alt="{escape(self.text, quote=True)}" src="data:image/png;base64,{data}">'

    def __repr__(self) -> str:
        return self.text


def plain_ticks(axis: Axis) -> None:
    """1, 2, 5, 10, 20, ... on a logarithmic axis, in place of powers of ten."""
    low, high = axis.get_view_interval()
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high / low < 1000 else (1,)))
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_formatter(NullFormatter())
