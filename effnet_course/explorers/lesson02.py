"""An MBConv block: which of its steps the MACs, the parameters and the activations go to, at any expansion ratio."""

from typing import NamedTuple

from effnet_course import arch, cost, svg
from effnet_course.explorers.base import Explorer, Slider

STEPS = (("expand", svg.BLUE), ("depthwise", svg.VERMILLION), ("gate", svg.PURPLE), ("project", svg.GREEN))
RATIOS = tuple(range(1, 9))


class Step(NamedTuple):
    """One step of the block, its batch norm included."""

    name: str
    macs: int
    params: int
    activations: int


class MBConvState(NamedTuple):
    expansion: int
    kernel: int
    channels: int  #: in and out
    resolution: int
    steps: tuple[Step, ...]  #: in the order of STEPS; all zero where the block has no such step
    total: Step
    line: tuple[int, ...]  #: MACs at each of RATIOS

    @property
    def per_ratio(self) -> int:
        """MACs that one step of the ratio adds, from 2 on."""
        return self.line[2] - self.line[1]


def mbconv_state(expansion: int, kernel: int, channels: int, resolution: int) -> MBConvState:
    """A block of stride 1 with as many channels out as in, and a gate of a quarter of them, for one image."""
    steps = _steps(expansion, kernel, channels, resolution)
    line = tuple(_total(_steps(ratio, kernel, channels, resolution)).macs for ratio in RATIOS)
    return MBConvState(expansion, kernel, channels, resolution, steps, _total(steps), line)


def _total(steps: tuple[Step, ...]) -> Step:
    return Step("block", *(sum(column) for column in list(zip(*steps, strict=True))[1:]))


def _steps(expansion: int, kernel: int, channels: int, resolution: int) -> tuple[Step, ...]:
    block = arch.Block(
        stage=0, index=0, kind="mbconv", kernel=kernel, stride=1, in_channels=channels,
        expanded=expansion * channels, squeezed=max(1, channels // 4), out_channels=channels, residual=True,
        drop_rate=0.0, resolution=resolution,
    )  # fmt: skip
    found = {name: [0, 0, 0] for name, _ in STEPS}
    for layer in cost.block_layers(block):
        name = layer.name.split(".")[2]  # stage2.0.expand, stage2.0.expand.norm
        numbers = found["gate" if name in ("reduce", "restore") else name]
        for i, value in enumerate((layer.macs, layer.params, layer.activations)):
            numbers[i] += value
    return tuple(Step(name, *numbers) for name, numbers in found.items())


def _shares(s: MBConvState, what: str) -> str:
    whole = getattr(s.total, what)
    there = [step for step in s.steps if step.activations]
    return ", ".join(f"{step.name} {_percent(getattr(step, what) / whole)}" for step in there)


def _percent(share: float) -> str:
    if share < 0.001:
        return "under 0.1 %"
    return f"{100 * share:.0f} %" if share >= 0.095 else f"{100 * share:.2g} %"


def mbconv_sentence(s: MBConvState) -> str:
    missing = ""
    if s.expansion == 1:
        gap = s.per_ratio - s.line[0]
        missing = (
            f" At ratio 1 there is no expansion: {svg.amount(gap)} MACs fewer than the line through the others says."
        )
    return (
        f"A block of {s.channels} channels, expanded to {s.expansion * s.channels}, {s.kernel}x{s.kernel} filters, "
        f"{s.resolution} x {s.resolution} pixels. MACs: {svg.amount(s.total.macs)} ({_shares(s, 'macs')}). "
        f"Parameters: {svg.amount(s.total.params)} ({_shares(s, 'params')}). "
        f"Activations: {svg.amount(s.total.activations)} ({_shares(s, 'activations')}). "
        f"From ratio 2 on, each step of the ratio adds {svg.amount(s.per_ratio)} MACs.{missing}"
    )


def mbconv_picture(s: MBConvState) -> str:
    title = f"Where the cost of an MBConv block goes, and its MACs against the expansion ratio, now {s.expansion}"
    return svg.picture(680, 285, mbconv_sentence(s), _bars(s), _line(s), title=title)


def _bars(s: MBConvState) -> str:
    marks = [svg.text(10, 14, *((f"■ {name}   ", colour) for name, colour in STEPS), size=11)]
    rows = (("MACs", "macs"), ("Parameters", "params"), ("Activations", "activations"))
    for row, (words, what) in enumerate(rows):
        y, whole, left = 42 + 82 * row, getattr(s.total, what), 10.0
        marks.append(svg.text(10, y, f"{words}: {svg.amount(whole)}", bold=True))
        for step, (_, colour) in zip(s.steps, STEPS, strict=True):
            if step.activations:
                width = 335 * getattr(step, what) / whole
                marks.append(svg.bar(left, y + 7, width, 20, colour))
                left += width
        marks.append(svg.text(10, y + 43, _shares(s, what), size=11))
    return "".join(marks)


def _line(s: MBConvState) -> str:
    unit, name = next((u, n) for u, n in ((1e9, "billion"), (1e6, "million"), (1e3, "thousand")) if s.line[-1] >= u)
    x, y = svg.Scale(0, 8, 420, 665), svg.Scale(0, 1.02 * s.line[-1] / unit, 240, 28)
    now = s.line[s.expansion - 1] / unit
    marks = [
        svg.text(420, 14, "MACs against the expansion ratio, e", bold=True),
        svg.bottom_axis(x, 240, "expansion ratio, e", ticks=8),
        svg.left_axis(y, 420, f"{name} MACs", right=665, ticks=5, room=42),
        svg.line([(x(0), y(0)), (x(8), y(8 * s.per_ratio / unit))], svg.BLUE, 1.5, dash="5 4"),
    ]
    marks += [
        svg.point(x(ratio), y(macs / unit), svg.BLUE if ratio > 1 else svg.VERMILLION,
                  "circle" if ratio > 1 else "diamond", 4, hollow=True)
        for ratio, macs in zip(RATIOS, s.line, strict=True)
    ]  # fmt: skip
    shape, colour = ("circle", svg.BLUE) if s.expansion > 1 else ("diamond", svg.VERMILLION)
    marks += [
        svg.point(x(s.expansion), y(now), colour, shape, 6),
        svg.legend(430, 42, [("circle", svg.BLUE, "on the line"), ("diamond", svg.VERMILLION, "ratio 1: below it")]),
    ]
    return "".join(marks)


MBCONV = Explorer(
    (
        Slider("expansion", "Expansion ratio, e", RATIOS, 6),
        Slider("kernel", "Kernel side, K", (3, 5, 7, 9), 3, "{0} x {0}"),
        Slider("channels", "Channels in and out, C", (4, 8, 16, 24, 40, 80, 112, 192, 320), 24),
        Slider("resolution", "Image side, H", (7, 14, 28, 56, 112), 56, "{} px"),
    ),
    mbconv_state,
    mbconv_picture,
    mbconv_sentence,
)


def mbconv(**start):
    """Lesson 02: where the MACs, parameters and activations of an MBConv block go. Returns the widget."""
    return MBCONV.view(**start)
