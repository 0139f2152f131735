"""A convolution, standard and separable: its costs, and where it stands under a roofline."""

import math
from typing import NamedTuple

from effnet_course import cost, svg
from effnet_course.explorers.base import Explorer, Slider


class Row(NamedTuple):
    """A layer, and what a roofline says of it."""

    layer: cost.Layer
    intensity: float  #: FLOPs for each byte moved
    seconds: float  #: the least time
    flops_per_second: float  #: the most that the machine can reach on it
    by_memory: bool  #: is it moving the bytes that takes the time?


class ConvolutionState(NamedTuple):
    kernel: int
    in_channels: int
    out_channels: int
    resolution: int
    flops_per_second: float
    bytes_per_second: float
    machine: str
    standard: Row
    depthwise: Row
    pointwise: Row
    macs: int  #: depthwise and pointwise together, as for the next two
    params: int
    seconds: float
    ratio: float  #: MACs of depthwise and pointwise / MACs of standard: 1/C_out + 1/K^2
    time_ratio: float


def convolution_state(
    kernel: int,
    in_channels: int,
    out_channels: int,
    resolution: int,
    flops_per_second: float = 200e9,
    bytes_per_second: float = 20e9,
    machine: str = "assumed",
) -> ConvolutionState:
    """A standard convolution and the two layers that replace it, in MACs, parameters and least time.

    Numbers are float32, batch 1, stride 1. The machine's default is of the order of two laptop cores (2 cores
    x 3 GHz x 32 FLOPs a cycle = 192 GFLOP/s) and one channel of memory; `machine` says where they come from.
    """

    def row(layer):
        seconds = cost.roofline_seconds(layer, flops_per_second, bytes_per_second)
        computing = 2 * layer.macs / flops_per_second
        return Row(layer, layer.intensity(), seconds, 2 * layer.macs / seconds, by_memory=seconds > computing)

    standard = row(cost.convolution(in_channels, out_channels, kernel, resolution, name="standard"))
    depthwise, pointwise = map(row, cost.separable(in_channels, out_channels, kernel, resolution))
    macs = depthwise.layer.macs + pointwise.layer.macs
    seconds = depthwise.seconds + pointwise.seconds
    return ConvolutionState(
        kernel, in_channels, out_channels, resolution, flops_per_second, bytes_per_second, machine,
        standard, depthwise, pointwise, macs, depthwise.layer.params + pointwise.layer.params, seconds,
        macs / standard.layer.macs, seconds / standard.seconds,
    )  # fmt: skip


def convolution_sentence(s: ConvolutionState) -> str:
    verdict = "of it" if s.ratio < 1 else "times as many: separating costs more here"
    per_byte = ", ".join(
        f"{row.layer.name} {_plain(row.intensity)}{' (limited by memory)' if row.by_memory else ''}"
        for row in (s.standard, s.depthwise, s.pointwise)
    )
    padding = f" The {s.kernel}x{s.kernel} window is wider than the image: much of what it reads is padding."
    standard = _macs_and_parameters(s.standard.layer.macs, s.standard.layer.params)
    return (
        f"Standard: {standard}, at least {svg.duration(s.standard.seconds)}. "
        f"Separable: {_macs_and_parameters(s.macs, s.params)}, {s.ratio:.3g} {verdict} "
        f"(1/{s.out_channels} + 1/{s.kernel**2}), at least {svg.duration(s.seconds)}, "
        f"{s.time_ratio:.3g} times the standard's. FLOPs for each byte moved, for one image: {per_byte}."
        f"{padding if s.kernel > s.resolution else ''}"
    )


def _macs_and_parameters(macs: int, params: int) -> str:
    return f"{svg.amount(macs)} MACs, {svg.amount(params)} parameter{'s' if params != 1 else ''}"


def _plain(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _rate(value: float, unit: str) -> str:
    return f"{value / 1e12:.3g} T{unit}" if value >= 1e12 else f"{value / 1e9:.3g} G{unit}"


def convolution_picture(s: ConvolutionState) -> str:
    title = (
        f"Cost of a {s.kernel}x{s.kernel} convolution, standard and separable, and its place under a roofline"
    )
    return svg.picture(680, 285, convolution_sentence(s), _cost_bars(s), _roofline(s), title=title)


def _cost_bars(s: ConvolutionState) -> str:
    x = svg.Scale(0, max(1, math.ceil(max(s.ratio, s.time_ratio) - 1e-9)), 10, 325)

    def one(y, words, share=1):
        return svg.text(10, y, *words, size=11) + svg.bar(10, y + 5, x(share) - 10, 14, svg.BLUE)

    def stacked(y, words, depthwise, pointwise):
        middle, end = x(depthwise), x(depthwise + pointwise)
        bars = (
            svg.bar(10, y + 5, middle - 10, 14, svg.VERMILLION),
            svg.bar(middle, y + 5, end - middle, 14, svg.PURPLE),
        )
        return svg.text(10, y, *words, size=11) + "".join(bars)

    whole, depthwise, pointwise = s.standard, s.depthwise, s.pointwise
    first, second = ("■ ", svg.VERMILLION), ("■ ", svg.PURPLE)
    marks = [
        svg.text(10, 14, "MACs and parameters", bold=True),
        svg.text(325, 14, first, "depthwise  ", second, "pointwise", anchor="end", size=11),
        one(34, [f"standard: {_macs_and_parameters(whole.layer.macs, whole.layer.params)}"]),
        stacked(
            70,
            [f"separable: {_macs_and_parameters(s.macs, s.params)}"],
            depthwise.layer.macs / whole.layer.macs,
            pointwise.layer.macs / whole.layer.macs,
        ),
        svg.text(10, 105, f"1/C_out + 1/K² = 1/{s.out_channels} + 1/{s.kernel**2} = {s.ratio:.3g}", size=11),
        svg.text(10, 134, "Least time under the roofline", bold=True),
        one(154, [f"standard: {svg.duration(whole.seconds)}"]),
        stacked(
            190,
            [
                f"separable: {svg.duration(s.seconds)} = ",
                *(first, f"{svg.duration(depthwise.seconds)} + "),
                *(second, svg.duration(pointwise.seconds)),
            ],
            depthwise.seconds / whole.seconds,
            pointwise.seconds / whole.seconds,
        ),
        svg.text(10, 225, f"ratio {s.time_ratio:.3g}", size=11),
        svg.bottom_axis(x, 240, "share of the standard layer", ticks=4),
    ]
    return "".join(marks)


def _roofline(s: ConvolutionState) -> str:
    unit, name = (1e12, "TFLOP/s") if s.flops_per_second >= 1e12 else (1e9, "GFLOP/s")
    ridge = s.flops_per_second / s.bytes_per_second
    x = svg.Scale(0.1, 30_000, 410, 670, log=True)
    y = svg.Scale(0.1 * s.bytes_per_second / unit, 2 * s.flops_per_second / unit, 240, 34, log=True)
    roof = [(x(f), y(min(f * s.bytes_per_second, s.flops_per_second) / unit)) for f in (x.low, ridge, x.high)]
    machine = f"{_rate(s.flops_per_second, 'FLOP/s')}, {_rate(s.bytes_per_second, 'B/s')} ({s.machine})"
    marks = [
        svg.text(410, 14, "Roofline: ", anchor="end", bold=True) + svg.text(414, 14, machine),
        svg.bottom_axis(x, 240, "FLOPs for each byte moved, one image", top=34),
        svg.left_axis(y, 410, f"{name} at most", right=670),
        svg.line([(x(ridge), 240), (x(ridge), 34)], dash="2 3", opacity=0.6),
        svg.text(x(ridge) - 4, 46, "memory limits", anchor="end", size=11) if ridge >= 10 else "",
        svg.text(x(ridge) + 4, 46, "arithmetic limits", size=11) if ridge <= 300 else "",
        svg.line(roof, width=2),
    ]
    # colours and signs as in the lesson's figures
    shown = (("circle", svg.BLUE, 7, s.standard), ("square", svg.VERMILLION, 5, s.depthwise),
             ("triangle", svg.PURPLE, 5, s.pointwise))  # fmt: skip
    marks += [
        svg.point(x(row.intensity), y(row.flops_per_second / unit), colour, shape, size, hollow=True)
        for shape, colour, size, row in shown
    ]
    rows = [(shape, colour, f"{row.layer.name}: {_plain(row.intensity)}") for shape, colour, _, row in shown]
    return "".join(marks) + svg.legend(555, 190, rows)


STEPS = (1, 2, 3, 4, 8, 16, 32, 64, 128, 256, 512, 1024)

CONVOLUTION = Explorer(
    (
        Slider("kernel", "Kernel side, K", (1, 3, 5, 7, 9), 3, "{0} x {0}"),
        Slider("in_channels", "Channels in, C_in", STEPS, 64),
        Slider("out_channels", "Channels out, C_out", STEPS, 128),
        Slider("resolution", "Image side, H", tuple(range(7, 225, 7)), 56, "{} px"),
    ),
    convolution_state,
    convolution_picture,
    convolution_sentence,
)


def convolution(**values):
    """Lesson 01: what a convolution costs, standard and separable. Returns the widget.

    Values: where sliders start (kernel, in_channels, out_channels, resolution), and the roofline's machine:
    flops_per_second, bytes_per_second, and `machine`, a word on where those two come from ("measured here").
    """
    return CONVOLUTION.view(**values)
