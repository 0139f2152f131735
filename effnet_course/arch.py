"""What a network is: its stage table, the rounding rules, and scaling. Standard library only.

A network is an `Architecture`: a table of `Stage` rows for the *base* network, the multipliers of depth and width that
are applied to it, and the input resolution in pixels. Nothing here computes: `cost` counts what a network costs and
`model` builds it, both from the list of blocks that `Architecture.blocks()` gives.

Sources: M. Tan and Q. V. Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", ICML 2019
(arXiv 1905.11946): Table 1 (B0) and equation 3 (compound scaling). The rounding rules and the coefficients of B1 to B8
and L2 are those of the authors' code (tensorflow/tpu, models/official/efficientnet).

Derived in lesson 04 (the stage table) and lesson 06 (scaling).
"""

import math
from dataclasses import dataclass, field, replace
from typing import NamedTuple

BLOCK_TYPES = ("mbconv", "fused", "resnet")
ACTIVATIONS = ("silu", "relu", "relu6")
NORMS = ("batch", "group")
SE_BASES = ("input", "expanded", "output")


@dataclass(frozen=True)
class Stage:
    """One row of a stage table: `repeats` blocks of a kind, the first of which has the stride and changes the width."""

    expand: int  #: expansion ratio e: the block filters e times its input channels ("resnet": its output / e)
    kernel: int  #: kernel size k of the spatial convolution, odd
    stride: int  #: stride of the stage's first block; the others have stride 1
    channels: int  #: output channels C, before the width multiplier
    repeats: int  #: number of blocks, before the depth multiplier
    block: str = "mbconv"  #: "mbconv"; "fused" (EfficientNetV2: expand and filter in one convolution, no SE); "resnet"


class Block(NamedTuple):
    """One block of a network after scaling and rounding: what `cost` counts and `model` builds."""

    stage: int  #: row of the stage table, from 0
    index: int  #: position in the stage, from 0
    kind: str  #: "mbconv", "fused" or "resnet" (a bottleneck: narrow, filter, widen; no SE)
    kernel: int
    stride: int
    in_channels: int
    expanded: int  #: channels that are filtered: between expansion and projection
    squeezed: int  #: channels inside squeeze-and-excitation; 0: there is none
    out_channels: int
    residual: bool  #: whether the input is added to the output: stride 1 and equal channels
    drop_rate: float  #: probability that stochastic depth drops this block's branch in training
    resolution: int  #: pixels of the block's input, height and width


def round_filters(channels: int, width: float, step: int = 8) -> int:
    """Channels times the width multiplier, rounded to the nearest multiple of `step`, never more than 10 % below.

    The reference rule (step 8): 16 channels at width 1.2 are 19.2; the nearest multiple, 16, is more than 10 % too
    few, so the answer is 24.
    """
    wanted = channels * width
    rounded = max(step, int(wanted + step / 2) // step * step)
    return rounded + step if rounded < 0.9 * wanted else rounded


def round_repeats(repeats: int, depth: float) -> int:
    """Blocks times the depth multiplier, rounded up: the reference rule, applied to each stage by itself."""
    return math.ceil(repeats * depth)


def spread_repeats(repeats: tuple[int, ...], depth: float) -> tuple[int, ...]:
    """Round the *total* number of blocks once, then share it out over the stages in proportion to `repeats`.

    The rule of `NANO`. Rounding up stage by stage would give a net of eight blocks 1.4 times its depth at d = 1.1; this
    gives it 9 blocks. Shares are made whole by largest remainder, the earlier stage first; each stage keeps one block.
    """
    total = max(len(repeats), round(sum(repeats) * depth))
    shares = [total * r / sum(repeats) for r in repeats]
    blocks = [max(1, math.floor(share)) for share in shares]
    while sum(blocks) < total:
        blocks[max(range(len(blocks)), key=lambda i: (shares[i] - blocks[i], -i))] += 1
    while sum(blocks) > total:
        blocks[min((i for i in range(len(blocks)) if blocks[i] > 1), key=lambda i: (shares[i] - blocks[i], i))] -= 1
    return tuple(blocks)


def compound_multipliers(phi: float, alpha: float = 1.2, beta: float = 1.1, gamma: float = 1.15) -> tuple:
    """The multipliers (depth, width, resolution) = (alpha^phi, beta^phi, gamma^phi). Tan and Le 2019, equation 3."""
    return alpha**phi, beta**phi, gamma**phi


@dataclass(frozen=True)
class Architecture:
    """A whole network. Give it to `cost.network_cost` to count it, to `model.EfficientNet` to build it.

    >>> B0.scaled(depth=1.2, width=1.1, resolution=1.15).resolution
    258
    """

    name: str
    stages: tuple[Stage, ...]  #: the base network's stage table
    stem: int  #: channels of the first convolution (3x3), before the width multiplier
    head: int  #: channels of the last convolution (1x1), before the width multiplier; 0: there is none
    resolution: int  #: pixels of the input image, height and width
    depth: float = 1.0  #: multiplier d of the base's blocks
    width: float = 1.0  #: multiplier w of the base's channels
    dropout: float = 0.2  #: rate of the dropout before the classifier
    stochastic_depth: float = 0.2  #: the drop rate grows from 0 at the first block towards this at the last

    stem_stride: int = 2
    se_ratio: float = 0.25  #: squeeze channels / *input* channels of an MBConv block; 0: no squeeze-and-excitation
    se_base: str = "input"  #: whose channels the SE ratio is taken of; "expanded" and "output" are known mistakes
    activation: str = "silu"  #: "silu", "relu" or "relu6"
    norm: str = "batch"  #: "batch" or "group"
    norm_eps: float = 1e-3
    norm_momentum: float = 0.01  #: weight of the new batch in batch norm's running statistics (1 - TensorFlow's)
    norm_groups: int = 8  #: at most so many groups in group norm (fewer where they don't divide the channels)

    channel_step: int = 8  #: channels are rounded to multiples of this
    depth_rule: str = "stage"  #: "stage": round_repeats for each stage; "network": spread_repeats over all
    scale_stem_and_head: bool = True  #: Lite keeps their width
    scale_first_and_last: bool = True  #: whether the depth multiplier touches the first and last stage; Lite: no

    exact_resolution: float | None = field(default=None, compare=False, repr=False)  #: before rounding, set by `scaled`

    def __post_init__(self):
        def need(condition, sentence):
            if not condition:
                raise ValueError(f"Architecture {self.name!r}: {sentence}")

        need(self.stages, "it has no stages; give a tuple of Stage rows.")
        for number, s in enumerate(self.stages, 1):
            need(
                s.kernel > 0 and s.kernel % 2,
                f"row {number} of the stage table has kernel {s.kernel}; a kernel is odd: 1, 3, 5, ...",
            )
            need(s.stride >= 1, f"row {number} of the stage table has stride {s.stride}; a stride is 1 or more.")
            need(
                min(s.expand, s.channels, s.repeats) >= 1,
                f"row {number} of the stage table has an expand, channels or repeats under 1.",
            )
            need(
                s.block in BLOCK_TYPES,
                f"row {number} of the stage table has block {s.block!r}; there are {BLOCK_TYPES}.",
            )
        need(self.stem >= 1, f"the stem has {self.stem} channels; it has 1 or more.")
        need(self.head >= 0, f"the head has {self.head} channels; 0 is none, and there are not fewer.")
        need(self.depth > 0 and self.width > 0, f"multipliers are positive; depth {self.depth}, width {self.width}.")
        need(isinstance(self.resolution, int) and self.resolution >= 1,
             f"resolution is {self.resolution!r}; it is a whole number of pixels, 1 or more.")  # fmt: skip
        need(self.activation in ACTIVATIONS, f"activation {self.activation!r}; there are {ACTIVATIONS}.")
        need(self.norm in NORMS, f"norm {self.norm!r}; there are {NORMS}.")
        need(self.se_base in SE_BASES, f"se_base {self.se_base!r}; there are {SE_BASES}.")
        need(self.depth_rule in ("stage", "network"), f"depth_rule {self.depth_rule!r}; it is 'stage' or 'network'.")

    def scaled(self, depth: float = 1, width: float = 1, resolution: float = 1) -> "Architecture":
        """A new Architecture with the multipliers multiplied; blocks, channels and pixels are rounded once, at the end.

        So scaling twice by 1.1 is scaling once by 1.21.
        """
        exact = self.exact_resolution
        if exact is None or round(exact) != self.resolution:
            exact = float(self.resolution)
        exact *= resolution
        return replace(self, depth=self.depth * depth, width=self.width * width,
                       resolution=max(1, round(exact)), exact_resolution=exact)  # fmt: skip

    def channels(self, base: int) -> int:
        """Channels of a stage that has `base` channels in the table."""
        return round_filters(base, self.width, self.channel_step)

    @property
    def stem_channels(self) -> int:
        return self.channels(self.stem) if self.scale_stem_and_head else self.stem

    @property
    def head_channels(self) -> int:
        if not self.head:
            return self.channels(self.stages[-1].channels)
        return self.channels(self.head) if self.scale_stem_and_head else self.head

    @property
    def repeats(self) -> tuple[int, ...]:
        """Blocks of each stage, after the depth multiplier."""
        base = tuple(stage.repeats for stage in self.stages)
        if self.depth_rule == "network":
            return spread_repeats(base, self.depth)
        scaled = [round_repeats(r, self.depth) for r in base]
        if not self.scale_first_and_last:
            scaled[0], scaled[-1] = base[0], base[-1]
        return tuple(scaled)

    def blocks(self) -> list[Block]:
        """Every block of the network in order, with channels and pixels worked out."""
        repeats = self.repeats
        total, blocks = sum(repeats), []
        channels, pixels = self.stem_channels, -(-self.resolution // self.stem_stride)
        for row, (stage, count) in enumerate(zip(self.stages, repeats, strict=True)):
            out = self.channels(stage.channels)
            for index in range(count):
                stride = stage.stride if index == 0 else 1
                with_se = self.se_ratio and stage.block == "mbconv"
                expanded = max(1, out // stage.expand) if stage.block == "resnet" else channels * stage.expand
                se_base = {"input": channels, "expanded": expanded, "output": out}[self.se_base]
                blocks.append(Block(
                    row, index, stage.block, stage.kernel, stride, in_channels=channels, expanded=expanded,
                    squeezed=max(1, int(se_base * self.se_ratio)) if with_se else 0, out_channels=out,
                    residual=stride == 1 and channels == out,
                    drop_rate=self.stochastic_depth * len(blocks) / total, resolution=pixels,
                ))  # fmt: skip
                channels, pixels = out, -(-pixels // stride)
        return blocks


B0 = Architecture(
    name="b0",
    stem=32,
    stages=(  # expand, kernel, stride, channels, repeats: Table 1 of the paper, stages 2 to 8
        Stage(1, 3, 1, 16, 1),
        Stage(6, 3, 2, 24, 2),
        Stage(6, 5, 2, 40, 2),
        Stage(6, 3, 2, 80, 3),
        Stage(6, 5, 1, 112, 3),
        Stage(6, 5, 2, 192, 4),
        Stage(6, 3, 1, 320, 1),
    ),
    head=1280,
    resolution=224,
)

#: The published family: width, depth, resolution, dropout. B8 (AdvProp) and L2 (Noisy Student) are not in the paper.
VARIANTS = {
    name: replace(B0, name=name, width=width, depth=depth, resolution=resolution, dropout=dropout)
    for name, width, depth, resolution, dropout in (
        ("b0", 1.0, 1.0, 224, 0.2),
        ("b1", 1.0, 1.1, 240, 0.2),
        ("b2", 1.1, 1.2, 260, 0.3),
        ("b3", 1.2, 1.4, 300, 0.3),
        ("b4", 1.4, 1.8, 380, 0.4),
        ("b5", 1.6, 2.2, 456, 0.4),
        ("b6", 1.8, 2.6, 528, 0.5),
        ("b7", 2.0, 3.1, 600, 0.5),
        ("b8", 2.2, 3.6, 672, 0.5),
        ("l2", 4.3, 5.3, 800, 0.5),
    )
}

#: The small base for CIFAR images: about 150 thousand parameters, 3.3 million MACs. Widths are rounded to 2 channels,
#: blocks counted over the whole network, so that depth, width, resolution and compound scaling can each be given the
#: same number of MACs (tests/test_nano.py). 16 pixels leave real detail to gain, up to the images' own 32.
NANO = Architecture(
    name="nano",
    stem=16,
    stages=(Stage(1, 3, 1, 10, 1), Stage(4, 3, 1, 14, 1), Stage(4, 5, 2, 24, 2), Stage(4, 5, 2, 56, 4)),
    head=160,
    resolution=16,
    dropout=0.0,
    stochastic_depth=0.0,
    stem_stride=1,
    norm_momentum=0.1,
    channel_step=2,
    depth_rule="network",
)

#: The small network that a CPU trains fastest to a high top-1 on CIFAR-10: fused blocks (EfficientNetV2's) with e = 1,
#: so every convolution is a full one. 35 million MACs, ten times NANO's, and yet more images a second in bfloat16 on a
#: CPU with matrix units (benchmarks/training.py). Found in lesson 08.
FUSED = Architecture(
    name="fused",
    stem=32,
    stages=(Stage(1, 3, 2, 64, 2, "fused"), Stage(1, 3, 2, 128, 2, "fused"), Stage(1, 3, 2, 256, 1, "fused")),
    head=256,
    resolution=32,
    dropout=0.0,
    stochastic_depth=0.0,
    stem_stride=1,
    norm_momentum=0.1,
    depth_rule="network",
)

#: EfficientNetV2-S as torchvision has it: fused blocks first, and no gates in those. Lesson 13.
V2_S = Architecture(
    name="v2_s",
    stem=24,
    stages=(
        Stage(1, 3, 1, 24, 2, "fused"),
        Stage(4, 3, 2, 48, 4, "fused"),
        Stage(4, 3, 2, 64, 4, "fused"),
        Stage(4, 3, 2, 128, 6),
        Stage(6, 3, 1, 160, 9),
        Stage(6, 3, 2, 256, 15),
    ),
    head=1280,
    resolution=384,
)

#: ResNet-50 but for its beginning: one 3x3 convolution with stride 4 in place of a 7x7 one and a pooling. Lesson 13.
RESNET = Architecture(
    name="resnet",
    stem=64,
    stages=(
        Stage(4, 3, 1, 256, 3, "resnet"),
        Stage(4, 3, 2, 512, 4, "resnet"),
        Stage(4, 3, 2, 1024, 6, "resnet"),
        Stage(4, 3, 2, 2048, 3, "resnet"),
    ),
    head=0,
    resolution=224,
    dropout=0.0,
    stochastic_depth=0.0,
    stem_stride=4,
    se_ratio=0,
    activation="relu",
    norm_eps=1e-5,
    norm_momentum=0.1,
)
