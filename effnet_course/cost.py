"""What a network costs: parameters, multiply-accumulates, activations, bytes. Standard library only.

1 MAC (multiply-accumulate) is one multiplication and one addition: 2 FLOPs. MACs are those of convolutions and linear
layers for one image; additions of biases, normalisation, activations and pooling are left out, as in the literature.
Activations are the numbers that convolutions and linear layers write (Radosavovic et al., "Designing Network Design
Spaces", 2020). `tests/test_cost.py` holds every count against two independent counters.

Derived in lesson 01 (one convolution), 02 (a block) and 04 (a network).
"""

from typing import NamedTuple

from effnet_course.arch import Architecture, Block


class Layer(NamedTuple):
    """One row of a cost table."""

    name: str
    operator: str  #: stem, expand, depthwise, squeeze-excite, project, fused, norm, head, classifier, conv;
    #: in a "resnet" block narrow, filter, project, shortcut
    params: int
    macs: int  #: for one image
    activations: int  #: numbers written, for one image
    inputs: int  #: numbers read, weights aside, for one image

    def bytes_moved(self, bytes_per_number: int = 4, batch: int = 1) -> int:
        """Bytes to and from memory if each number moves once: inputs and outputs for each image, weights for all."""
        return bytes_per_number * (batch * (self.inputs + self.activations) + self.params)

    def intensity(self, bytes_per_number: int = 4, batch: int = 1) -> float:
        """Arithmetic intensity: FLOPs (2 per MAC) for each byte moved. Williams et al., "Roofline", 2009."""
        return 2 * self.macs * batch / self.bytes_moved(bytes_per_number, batch)


class Cost(NamedTuple):
    """What `network_cost` returns: the totals, and a row per layer."""

    params: int
    macs: int  #: for one image
    activations: int  #: for one image
    layers: list[Layer]

    def by_operator(self) -> dict[str, Layer]:
        """The rows added up by operator, in the order in which each first appears."""
        return _add_up(self.layers, lambda layer: layer.operator)

    def by_stage(self) -> dict[str, Layer]:
        """The rows added up by the part before the first dot of their name: stem, stage2, ..., head, classifier."""
        return _add_up(self.layers, lambda layer: layer.name.split(".")[0])


def _add_up(layers, key) -> dict[str, Layer]:
    groups: dict[str, list[Layer]] = {}
    for layer in layers:
        groups.setdefault(key(layer), []).append(layer)
    return {name: Layer(name, name, *(sum(column) for column in list(zip(*rows, strict=True))[2:]))
            for name, rows in groups.items()}  # fmt: skip


def convolution(
    in_channels: int,
    out_channels: int,
    kernel: int,
    resolution: int,
    stride: int = 1,
    groups: int = 1,
    bias: bool = False,
    name: str = "conv",
    operator: str = "conv",
) -> Layer:
    """A convolution over a square image of `resolution` pixels, padded so that stride 1 keeps the size.

    The output has ceil(resolution / stride) pixels a side. Each output number is a dot product over a window of
    kernel x kernel pixels and in_channels / groups channels.

    >>> convolution(64, 128, kernel=3, resolution=56).macs
    231211008

    Raises ValueError where the groups don't divide both channel counts.
    """
    if in_channels % groups or out_channels % groups:
        raise ValueError(
            f"{groups} groups must divide both the {in_channels} input and the {out_channels} output channels."
        )
    pixels = -(-resolution // stride)
    window = kernel * kernel * (in_channels // groups)
    outputs = out_channels * pixels * pixels
    return Layer(
        name,
        operator,
        params=window * out_channels + (out_channels if bias else 0),
        macs=window * outputs,
        activations=outputs,
        inputs=in_channels * resolution * resolution,
    )


def linear(inputs: int, outputs: int, name: str = "linear", operator: str = "linear") -> Layer:
    """A fully connected layer with a bias."""
    return Layer(name, operator, inputs * outputs + outputs, inputs * outputs, outputs, inputs)


def separable(
    in_channels: int, out_channels: int, kernel: int, resolution: int, stride: int = 1
) -> tuple[Layer, Layer]:
    """The two layers that replace a standard convolution: depthwise (one filter a channel), then pointwise (1x1).

    Howard et al., "MobileNets", 2017, section 3.1.
    """
    depthwise = convolution(in_channels, in_channels, kernel, resolution, stride, in_channels,
                            name="depthwise", operator="depthwise")  # fmt: skip
    pointwise = convolution(in_channels, out_channels, 1, -(-resolution // stride),
                            name="pointwise", operator="pointwise")  # fmt: skip
    return depthwise, pointwise


def roofline_seconds(
    layer: Layer, flops_per_second: float, bytes_per_second: float, bytes_per_number: int = 4, batch: int = 1
) -> float:
    """The least time a machine needs: the longer of computing (2 FLOPs per MAC) and moving the bytes once."""
    computing = 2 * layer.macs * batch / flops_per_second
    return max(computing, layer.bytes_moved(bytes_per_number, batch) / bytes_per_second)


def block_layers(block: Block) -> list[Layer]:
    """The layers of one block, in order. Names: stage.index.step; the stem is stage 1, as in the paper's Table 1."""
    b, at = block, f"stage{block.stage + 2}.{block.index}."
    inner = -(-b.resolution // b.stride)
    rows = []

    def step(name, *args, **kwargs):
        layer = convolution(*args, name=at + name, operator=name, **kwargs)
        rows.append(layer)
        rows.append(_norm(at + name + ".norm", args[1]))

    if b.kind == "fused":
        if b.expanded == b.in_channels:
            step("fused", b.in_channels, b.out_channels, b.kernel, b.resolution, stride=b.stride)
            return rows
        step("fused", b.in_channels, b.expanded, b.kernel, b.resolution, stride=b.stride)
    elif b.kind == "resnet":
        if not b.residual:
            step("shortcut", b.in_channels, b.out_channels, 1, b.resolution, stride=b.stride)
        step("narrow", b.in_channels, b.expanded, 1, b.resolution)
        step("filter", b.expanded, b.expanded, b.kernel, b.resolution, stride=b.stride)
    else:
        if b.expanded != b.in_channels:
            step("expand", b.in_channels, b.expanded, 1, b.resolution)
        step("depthwise", b.expanded, b.expanded, b.kernel, b.resolution, stride=b.stride, groups=b.expanded)
        if b.squeezed:
            for name, source, target in (("reduce", b.expanded, b.squeezed), ("restore", b.squeezed, b.expanded)):
                rows.append(convolution(source, target, 1, 1, bias=True, name=at + name, operator="squeeze-excite"))
    step("project", b.expanded, b.out_channels, 1, inner)
    return rows


def _norm(name: str, channels: int) -> Layer:
    return Layer(name, "norm", 2 * channels, 0, 0, 0)


def network_cost(architecture: Architecture, num_classes: int = 1000) -> Cost:
    """Parameters, MACs and activations of a whole network, with a row per layer.

    >>> from effnet_course.arch import B0
    >>> network_cost(B0).params
    5288548
    """
    stem, head = architecture.stem_channels, architecture.head_channels
    blocks = architecture.blocks()
    rows = [
        convolution(3, stem, 3, architecture.resolution, architecture.stem_stride, name="stem", operator="stem"),
        _norm("stem.norm", stem),
    ]
    for block in blocks:
        rows += block_layers(block)
    last = blocks[-1]
    if architecture.head:
        pixels = -(-last.resolution // last.stride)
        rows.append(convolution(last.out_channels, head, 1, pixels, name="head", operator="head"))
        rows.append(_norm("head.norm", head))
    rows.append(linear(head, num_classes, name="classifier", operator="classifier"))
    return Cost(sum(r.params for r in rows), sum(r.macs for r in rows), sum(r.activations for r in rows), rows)
