"""What computes: torch modules built from an `Architecture`. Reads top to bottom as data flows.

Sources: Tan and Le 2019 (arXiv 1905.11946), Table 1 and section 5.2; MBConv: Sandler et al., "MobileNetV2", 2018;
squeeze-and-excitation: Hu et al. 2018; stochastic depth: Huang et al. 2016; fused blocks: Tan and Le, "EfficientNetV2",
2021. Initialisation, batch norm's momentum and epsilon, and the drop rates are those of the authors' TensorFlow code.
Where well-known ports differ: torchvision's B0 to B4 have eps 1e-5 and momentum 0.1 (`load_torchvision` sets both), and
draw depthwise weights ten times smaller; TensorFlow pads an even image at stride 2 on the right and bottom only.

Derived in lessons 02 (the block), 03 (squeeze-and-excitation) and 04 (the network).
"""

import math
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn

from effnet_course.arch import Architecture, Block

ACTIVATION = {"silu": nn.SiLU, "relu": nn.ReLU, "relu6": nn.ReLU6}
TORCHVISION_NORM = {f"b{i}": (1e-5, 0.1) if i < 5 else (1e-3, 0.01) for i in range(8)}  # eps, momentum
TORCHVISION_NORM["v2_s"] = (1e-3, 0.1)


def conv_norm_act(
    net: Architecture, in_channels: int, out_channels: int, kernel=1, stride=1, groups=1, act=True
) -> nn.Sequential:
    """Convolution without bias, normalisation, and the activation unless `act` is False."""
    if net.norm == "batch":
        norm = nn.BatchNorm2d(out_channels, eps=net.norm_eps, momentum=net.norm_momentum)
    else:
        norm = nn.GroupNorm(math.gcd(net.norm_groups, out_channels), out_channels, eps=net.norm_eps)
    conv = nn.Conv2d(in_channels, out_channels, kernel, stride, kernel // 2, groups=groups, bias=False)
    layers = [("conv", conv), ("norm", norm)]
    if act:
        layers.append(("act", ACTIVATION[net.activation](inplace=True)))
    return nn.Sequential(OrderedDict(layers))


class SqueezeExcitation(nn.Module):
    """Multiplies each channel by a gate between 0 and 1 that is computed from all channels' means."""

    def __init__(self, net: Architecture, channels: int, squeezed: int):
        super().__init__()
        self.reduce = nn.Conv2d(channels, squeezed, 1)
        self.act = ACTIVATION[net.activation](inplace=True)
        self.restore = nn.Conv2d(squeezed, channels, 1)

    def gates(self, x: Tensor) -> Tensor:
        squeezed = x.mean((2, 3), keepdim=True)  # (N, C, H, W) -> (N, C, 1, 1)
        return self.restore(self.act(self.reduce(squeezed))).sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gates(x)


class StochasticDepth(nn.Module):
    """In training, zeroes the whole branch of an image with probability `rate` and scales the others by 1 / (1 - rate).

    The authors' code calls it drop_connect; DropConnect (Wan et al. 2013) is something else: it drops single weights.
    """

    def __init__(self, rate: float):
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.rate == 0:
            return x
        keep = 1 - self.rate
        return x * x.new_empty(x.shape[0], 1, 1, 1).bernoulli_(keep).div_(keep)

    def extra_repr(self) -> str:
        return f"rate={self.rate:.4g}"


class MBConv(nn.Module):
    """Expand, filter each channel by itself, gate, project without an activation; add the input where shapes allow.

    A "fused" block (EfficientNetV2) does the first two steps in one full convolution, and has no gate.
    """

    def __init__(self, net: Architecture, b: Block):
        super().__init__()
        steps = OrderedDict()
        if b.kind == "fused" and b.expanded == b.in_channels:
            steps["fused"] = conv_norm_act(net, b.in_channels, b.out_channels, b.kernel, b.stride)
        else:
            if b.kind == "fused":
                steps["fused"] = conv_norm_act(net, b.in_channels, b.expanded, b.kernel, b.stride)
            else:
                if b.expanded != b.in_channels:
                    steps["expand"] = conv_norm_act(net, b.in_channels, b.expanded)
                steps["depthwise"] = conv_norm_act(net, b.expanded, b.expanded, b.kernel, b.stride, groups=b.expanded)
            if b.squeezed:
                steps["squeeze_excite"] = SqueezeExcitation(net, b.expanded, b.squeezed)
            steps["project"] = conv_norm_act(net, b.expanded, b.out_channels, act=False)
        self.steps = nn.Sequential(steps)
        self.residual = b.residual
        self.stochastic_depth = StochasticDepth(b.drop_rate)

    def forward(self, x: Tensor) -> Tensor:
        out = self.steps(x)  # (N, C_in, H, W) -> (N, C_out, H / stride, W / stride)
        return self.stochastic_depth(out) + x if self.residual else out


class Bottleneck(nn.Module):
    """A block of ResNet-50 (He et al. 2015; stride in the middle, as in torchvision): narrow, filter, widen, add.

    Where shapes differ, the input goes through a 1x1 convolution before it is added; the activation comes last.
    """

    def __init__(self, net: Architecture, b: Block):
        super().__init__()
        self.steps = nn.Sequential(OrderedDict(
            narrow=conv_norm_act(net, b.in_channels, b.expanded),
            filter=conv_norm_act(net, b.expanded, b.expanded, b.kernel, b.stride),
            project=conv_norm_act(net, b.expanded, b.out_channels, act=False),
        ))  # fmt: skip
        self.residual = b.residual
        self.shortcut = nn.Identity()
        if not b.residual:
            self.shortcut = conv_norm_act(net, b.in_channels, b.out_channels, stride=b.stride, act=False)
        self.stochastic_depth = StochasticDepth(b.drop_rate)
        self.act = ACTIVATION[net.activation](inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.stochastic_depth(self.steps(x)) + self.shortcut(x))


class EfficientNet(nn.Module):
    """Images (N, 3, H, W), normalised, to logits (N, num_classes).

    H and W need not be the architecture's resolution, but that is what its cost is counted at.
    """

    def __init__(self, architecture: Architecture, num_classes: int = 1000):
        super().__init__()
        if num_classes < 1:
            raise ValueError(f"num_classes is {num_classes}; a network needs at least one class.")
        net = self.architecture = architecture
        blocks = net.blocks()
        self.stem = conv_norm_act(net, 3, net.stem_channels, kernel=3, stride=net.stem_stride)
        self.blocks = nn.Sequential(*(Bottleneck(net, b) if b.kind == "resnet" else MBConv(net, b) for b in blocks))
        self.head = conv_norm_act(net, blocks[-1].out_channels, net.head_channels) if net.head else nn.Identity()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(net.dropout)
        self.classifier = nn.Linear(net.head_channels, num_classes)
        self.apply(initialise)

    def features(self, x: Tensor) -> Tensor:
        """The last feature map, (N, head channels, H / 32, W / 32) for B0 to B7."""
        return self.head(self.blocks(self.stem(x)))

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim != 4 or x.shape[1] != 3:
            raise ValueError(
                f"Images are a batch (N, 3, H, W); got {tuple(x.shape)}. One image? Use image.unsqueeze(0)."
            )
        return self.classifier(self.dropout(self.pool(self.features(x)).flatten(1)))

    def load_torchvision(self, state_dict: dict) -> "EfficientNet":
        """Take over torchvision's weights for the same variant, and the epsilon and momentum they were made with.

        `state_dict` is that of `torchvision.models.efficientnet_b0` to `_b7`, or `_v2_s`; its order does not matter.
        Raises ValueError for another architecture and for weights that don't fit, before anything is changed.
        """
        net = self.architecture
        if net.name not in TORCHVISION_NORM:
            raise ValueError(f"torchvision has b0 to b7 and v2_s; this network is {net.name!r}.")
        names, own = self._torchvision_names(), self.state_dict()
        for name, key in names.items():
            if key not in state_dict or state_dict[key].shape != own[name].shape:
                found = f"has shape {tuple(state_dict[key].shape)}" if key in state_dict else "is missing"
                raise ValueError(f"{key} {found}, but {net.name} needs {tuple(own[name].shape)}. "
                                 "Weights of another variant, or another number of classes?")  # fmt: skip
        left_over = sorted(set(state_dict) - set(names.values()))
        if left_over:
            raise ValueError(f"This network has no place for {left_over[0]} and {len(left_over) - 1} others.")
        self.load_state_dict({name: state_dict[key] for name, key in names.items()})
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eps, module.momentum = TORCHVISION_NORM[net.name]
        return self

    def _torchvision_names(self) -> dict[str, str]:
        """Our name of each entry of the state dict -> torchvision's."""
        inside = {"conv": "0", "norm": "1", "reduce": "fc1", "restore": "fc2"}
        rows = self.architecture.blocks()
        names = {}
        for ours in self.state_dict():
            part, *rest = ours.split(".")
            if part == "stem" or part == "head":
                row = 0 if part == "stem" else len(self.architecture.stages) + 1
                names[ours] = f"features.{row}.{inside[rest[0]]}.{rest[1]}"
            elif part == "blocks":
                number, _, step, layer, leaf = rest
                position = list(self.blocks[int(number)].steps._modules).index(step)
                b = rows[int(number)]
                names[ours] = f"features.{b.stage + 1}.{b.index}.block.{position}.{inside[layer]}.{leaf}"
            else:
                names[ours] = f"classifier.1.{rest[0]}"
        return names


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Inside, the network is in eval mode; afterwards each of its parts is in the mode that it was in."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode


def initialise(module: nn.Module) -> None:
    """As in the authors' code: convolutions N(0, 2 / fan_out), fan_out counted per group; the classifier uniform."""
    if isinstance(module, nn.Conv2d):
        kh, kw = module.kernel_size
        nn.init.normal_(module.weight, std=math.sqrt(2 / (kh * kw * module.out_channels / module.groups)))
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Linear):
        bound = 1 / math.sqrt(module.out_features)
        nn.init.uniform_(module.weight, -bound, bound)
        nn.init.zeros_(module.bias)
