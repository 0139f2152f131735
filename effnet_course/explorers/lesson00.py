"""One slider: the side of an image against the work of one convolution on it."""

from typing import NamedTuple

from effnet_course import arch, cost, svg
from effnet_course.explorers.base import Explorer, Slider


class SideState(NamedTuple):
    resolution: int
    macs: int  #: of one 3x3 convolution from 64 to 128 channels
    macs_at_half: float  #: of the same at half the side
    network: int  #: MACs of the whole of EfficientNet-B0, at its own 224 pixels
    times: float  #: macs / network


SIDES = tuple(range(8, 225, 8))


def side_state(resolution: int) -> SideState:
    """One 3x3 convolution from 64 to 128 channels on a square image, beside a whole network."""
    macs = _one_convolution(resolution)
    network = cost.network_cost(arch.B0).macs
    return SideState(resolution, macs, _one_convolution(resolution) / 4, network, macs / network)


def _one_convolution(resolution: int) -> int:
    return cost.convolution(64, 128, kernel=3, resolution=resolution).macs


def side_sentence(s: SideState) -> str:
    return (
        f"At {s.resolution} x {s.resolution} pixels, one 3x3 convolution from 64 to 128 channels takes "
        f"{svg.amount(s.macs)} MACs, {s.times:.3g} times all of EfficientNet-B0 at 224 pixels "
        f"({svg.amount(s.network)}). At half the side it takes a quarter: {svg.amount(s.macs_at_half)}."
    )


def side_picture(s: SideState) -> str:
    billion = 1e9
    x, y = svg.Scale(0, SIDES[-1], 330, 655), svg.Scale(0, 4, 230, 25)
    b0 = y(s.network / billion)
    curve = [(x(side), y(_one_convolution(side) / billion)) for side in (0, *SIDES)]
    at = x(s.resolution), y(s.macs / billion)
    half = x(s.resolution / 2), y(s.macs_at_half / billion)
    side = 200 * s.resolution / SIDES[-1]
    marks = [
        svg.text(20, 14, "The image, to scale", bold=True),
        svg.line([(20, 230), (220, 230), (220, 30), (20, 30), (20, 230)], dash="2 4", opacity=0.5),
        svg.bar(20, 230 - side, side, side, svg.BLUE, opacity=0.75),
        svg.text(20, 246, f"{s.resolution} x {s.resolution} pixels"),
        svg.text(300, 14, "One 3x3 convolution on it, 64 to 128 channels", bold=True),
        svg.bottom_axis(x, 230, "side of the image, pixels"),
        svg.left_axis(y, 330, "billion MACs", right=655, ticks=4, room=28),
        svg.line([(330, b0), (655, b0)], svg.VERMILLION, 2, dash="6 4"),
        svg.text(655, b0 + 15, "all of EfficientNet-B0, at 224 pixels", anchor="end", size=11),
        svg.line(curve, svg.BLUE, 2),
        svg.point(*half, svg.BLUE, "diamond", 5, hollow=True),
        svg.point(*at, svg.BLUE, "circle", 6),
        svg.text(at[0] - 9, at[1] - 9, svg.amount(s.macs), anchor="end", bold=True)
        if at[0] > 430
        else svg.text(338, b0 - 8, svg.amount(s.macs), bold=True),  # no room between the axis and the curve
        svg.legend(
            345, 58, [("circle", svg.BLUE, "this image"), ("diamond", svg.BLUE, "half its side: a quarter")]
        ),
    ]
    title = "MACs of one convolution against the image's side"
    return svg.picture(680, 270, side_sentence(s), *marks, title=title)


FIRST_SLIDER = Explorer(
    (Slider("resolution", "Image side, H", SIDES, 56, "{} px"),),
    side_state,
    side_picture,
    side_sentence,
)


def first_slider(**start):
    """Lesson 00: the side of an image against the MACs of one 3x3 convolution on it. Returns the widget."""
    return FIRST_SLIDER.view(**start)
