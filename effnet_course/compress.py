"""A smaller network from a trained one: fewer bits, folded norms, fewer weights, fewer channels, a teacher.

Quantisation here is *simulated*: numbers are rounded to what a few bits can hold and computed with as floats, which
shows the error without any special hardware. Sources: Jacob et al., "Quantization and Training of Neural Networks for
Efficient Integer-Arithmetic-Only Inference", 2018 (arXiv 1712.05877), the affine scheme; Hinton et al., "Distilling the
Knowledge in a Neural Network", 2015 (arXiv 1503.02531).

Derived in lesson 11. What was measured with it: `benchmarks/record_compression.py`, `records/compression.json`.
"""

import copy
import math
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

# Fewer bits


@dataclass(frozen=True)
class Quantised:
    """Numbers as whole-number codes: value = scale * (code - zero_point)."""

    codes: Tensor
    scale: Tensor  #: one number, or one for each index of an axis, shaped to multiply the codes
    zero_point: Tensor  #: the code that means 0; 0 itself in the symmetric scheme
    bits: int

    @property
    def values(self) -> Tensor:
        """The numbers that the codes stand for."""
        return self.scale * (self.codes - self.zero_point)


def quantise(
    values: Tensor, bits: int = 8, symmetric: bool = False, axis: int | None = None, bounds: tuple | None = None
) -> Quantised:
    """Round numbers to `bits` bits.

    Affine: the codes 0 to 2^bits - 1 cover the range from the least to the largest number, 0 included. Symmetric: the
    codes -(2^(bits-1) - 1) to 2^(bits-1) - 1 cover as much on either side of 0. With `axis` each index of that axis has
    a range of its own ("per channel"), else all numbers share one ("per tensor"). `bounds` (low, high) is a range to
    take in place of the numbers' own; what lies outside is clipped to its ends.

    Raises ValueError for fewer than 2 bits, and for bounds that are the wrong way round.
    """
    if bits < 2:
        raise ValueError(f"{bits} bits are too few: from 2 on there is a code for 0 and one on either side.")
    if bounds is not None and bounds[0] > bounds[1]:
        raise ValueError(f"The bounds are {tuple(bounds)}; give them as (low, high).")
    if bounds is not None:
        low, high = (torch.as_tensor(float(b)) for b in bounds)
    elif axis is None:
        low, high = values.min(), values.max()
    else:
        others = [d for d in range(values.ndim) if d != axis % values.ndim]
        low, high = values.amin(others, keepdim=True), values.amax(others, keepdim=True)
    low, high = low.clamp(max=0), high.clamp(min=0)  # 0 must have a code of its own: padding and masks are exactly 0
    if symmetric:
        most = 2 ** (bits - 1) - 1
        scale = torch.maximum(-low, high) / most
        first, zero_point = -most, torch.zeros_like(scale)
    else:
        most = 2**bits - 1
        scale = (high - low) / most
        first, zero_point = 0, None
    scale = torch.where(scale > 0, scale, torch.ones_like(scale))  # all numbers are 0
    if zero_point is None:
        zero_point = (-low / scale).round()
    codes = ((values / scale).round() + zero_point).clamp(first, most)
    return Quantised(codes, scale, zero_point, bits)


def decibels(values: Tensor, rounded: Tensor) -> float:
    """Signal to noise: 10 log10 of the numbers' squares, added up, over the errors' squares. 6 dB is a factor of 2."""
    noise = (values - rounded).double().square().sum()
    return math.inf if noise == 0 else float(10 * torch.log10(values.double().square().sum() / noise))


def layers(model: nn.Module) -> dict[str, nn.Module]:
    """The layers that multiply: convolutions and linear layers, by name, in order."""
    return {name: m for name, m in model.named_modules() if isinstance(m, (nn.Conv2d, nn.Linear))}


def settled(model: nn.Module) -> nn.Module:
    """A copy in which the zeros that `pruned_weights` holds are weights like others: no masks, nothing held."""
    from torch.nn.utils import prune

    for layer in filter(prune.is_pruned, layers(model).values()):
        layer.weight = layer.weight.detach()  # it is made anew in each pass; what has a history can't be copied
    model = copy.deepcopy(model)
    for layer in filter(prune.is_pruned, layers(model).values()):
        prune.remove(layer, "weight")
    return model


def quantised_weights(model: nn.Module, bits: int = 8, symmetric=True, per_channel=True, only=None) -> nn.Module:
    """A copy whose weights are rounded; per channel means: a scale for each output channel.

    `only`: a test of a layer; where it says no, weights stay as they are. Biases stay: they are few, and are added up
    in 32 bits in any case.
    """
    model = settled(model)
    for layer in layers(model).values():
        if only is None or only(layer):
            rounded = quantise(layer.weight.data, bits, symmetric, 0 if per_channel else None)
            layer.weight.data = rounded.values
    return model


def input_bounds(model: nn.Module, images: Tensor, share: float = 1.0) -> dict[str, tuple[float, float]]:
    """What range each multiplying layer's inputs had on these images: (low, high) by the layer's name.

    `share`: how much of the inputs the range holds; the rest, half of it at either end, lies outside. 1: all of them.
    `images` is an input batch (N, 3, H, W): *training* images, since this is a choice.
    """
    found: dict[str, tuple[float, float]] = {}

    def note(name):
        def hook(module, inputs):
            seen = inputs[0].flatten()
            if share < 1:
                cut = max(1, round((1 - share) / 2 * len(seen)))
                found[name] = (seen.kthvalue(cut).values.item(), seen.kthvalue(len(seen) + 1 - cut).values.item())
            else:
                found[name] = (seen.min().item(), seen.max().item())

        return hook

    hooks = [layer.register_forward_pre_hook(note(name)) for name, layer in layers(model).items()]
    try:
        with torch.inference_mode():
            model(images)
    finally:
        for hook in hooks:
            hook.remove()
    return found


def quantised_inputs(model: nn.Module, bounds: dict[str, tuple[float, float]], bits: int = 8) -> nn.Module:
    """A copy in which the inputs of each multiplying layer are rounded, affine, one scale for each layer."""
    model = settled(model)
    for name, layer in layers(model).items():
        layer.register_forward_pre_hook(
            lambda module, inputs, name=name: quantise(inputs[0], bits, bounds=bounds[name]).values
        )
    return model


# Folded norms


def fold(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> nn.Conv2d:
    """One convolution that does what a convolution and the batch norm after it do in eval mode.

    The norm multiplies channel c by g = weight / sqrt(variance + eps) and adds bias - g * mean: so do that to the
    filter and its bias.
    """
    gain = norm.weight / (norm.running_var + norm.eps).sqrt()
    bias = conv.bias if conv.bias is not None else 0
    folded = copy.deepcopy(conv)
    folded.weight = nn.Parameter((conv.weight * gain[:, None, None, None]).detach())
    folded.bias = nn.Parameter((norm.bias + gain * (bias - norm.running_mean)).detach())
    return folded


def folded(model: nn.Module) -> nn.Module:
    """A copy, in eval mode, in which every batch norm is folded into the convolution before it."""
    model = settled(model).eval()
    for module in list(model.modules()):
        if isinstance(getattr(module, "norm", None), nn.BatchNorm2d):
            module.conv, module.norm = fold(module.conv, module.norm), nn.Identity()
    return model


# Fewer weights


def magnitude_mask(weights: Tensor, sparsity: float) -> Tensor:
    """False for the smallest weights in magnitude, the share `sparsity` of them (rounded down); else True.

    Raises ValueError for a share that is not from 0 to 1.
    """
    if not 0 <= sparsity <= 1:
        raise ValueError(f"sparsity is {sparsity}; it is the share of weights that become 0, from 0 to 1.")
    smallest = weights.abs().flatten().argsort(stable=True)[: int(sparsity * weights.numel() + 1e-9)]
    mask = torch.ones(weights.numel(), dtype=torch.bool)
    mask[smallest] = False
    return mask.view(weights.shape)


def pruned_weights(model: nn.Module, sparsity: float) -> nn.Module:
    """A copy in which the smallest weights of all 1x1 convolutions together are held at 0, in training, too.

    `settled` makes the zeros ordinary weights. Raises ValueError as `magnitude_mask` does.
    """
    from torch.nn.utils import prune

    model = settled(model)
    chosen = [m for m in layers(model).values() if isinstance(m, nn.Conv2d) and m.kernel_size == (1, 1)]
    mask = magnitude_mask(torch.cat([m.weight.data.flatten() for m in chosen]), sparsity)
    for module, part in zip(chosen, mask.split([m.weight.numel() for m in chosen]), strict=True):
        prune.custom_from_mask(module, "weight", part.view(module.weight.shape))
    return model


# Fewer channels


@dataclass
class Group:
    """Channels that can only go together: everything that writes or reads them."""

    name: str
    channels: int
    hidden: bool  #: inside one block; else what passes between blocks
    parts: list[tuple[str, int]] = field(default_factory=list)  #: (name in the state dict, axis that counts channels)

    def write(self, name: str) -> "Group":
        """A `conv_norm_act` of this name writes these channels."""
        leaves = ("weight", "bias", "running_mean", "running_var")
        self.parts += [(f"{name}.conv.weight", 0), *((f"{name}.norm.{leaf}", 0) for leaf in leaves)]
        return self

    def read(self, name: str) -> "Group":
        self.parts.append((f"{name}.weight", 1))
        return self


def groups(model) -> list[Group]:
    """Which channels of an `EfficientNet` go together, in the order in which an image meets them.

    Raises ValueError for blocks of ResNet, group norm and a network without a head: their channels are tied otherwise.
    """
    net = model.architecture
    if net.norm != "batch" or not net.head or any(stage.block == "resnet" for stage in net.stages):
        raise ValueError(f"Channels are grouped for MBConv and fused blocks with batch norm, and a head; {net.name!r} "
                         "has others.")  # fmt: skip
    stream = Group("stem", net.stem_channels, False).write("stem")
    found = [stream]
    for number, (block, module) in enumerate(zip(net.blocks(), model.blocks, strict=True)):
        at, inner = f"blocks.{number}.steps.", stream
        steps = module.steps._modules
        for step in ("expand", "fused"):
            if step in steps:
                stream.read(f"{at}{step}.conv")
                if "project" in steps:
                    inner = Group(f"block {number + 1}", block.expanded, True).write(at + step)
                    found.append(inner)
        if "depthwise" in steps:
            inner.write(at + "depthwise")
        if "squeeze_excite" in steps:
            inner.read(at + "squeeze_excite.reduce")
            inner.parts += [(f"{at}squeeze_excite.restore.{leaf}", 0) for leaf in ("weight", "bias")]
        last = "project" if "project" in steps else "fused"
        if last == "project":
            inner.read(at + "project.conv")
        if not block.residual:
            stream = Group(f"out of block {number + 1}", block.out_channels, False)
            found.append(stream)
        stream.write(at + last)
    stream.read("head.conv")
    found.append(Group("head", net.head_channels, False).write("head").read("classifier"))
    return found


def importance(model, group: Group) -> Tensor:
    """How large a group's channels are: for each part the channel's norm beside the part's mean, averaged over parts.

    Running statistics and biases are left out. A rough guide: it never looks at an image.
    """
    state, scores = model.state_dict(), []
    for name, axis in group.parts:
        if name.endswith("weight"):
            size = state[name].transpose(0, axis).flatten(1) if state[name].ndim > 1 else state[name][:, None]
            size = size.norm(dim=1)
            scores.append(size / size.mean())
    return torch.stack(scores).mean(0)


def without(model: nn.Module, keep: dict[str, Tensor]) -> nn.Module:
    """A smaller copy that has only the channels `keep` (a group's name -> channel numbers) of those groups."""
    small = settled(model)
    modules = dict(small.named_modules())
    for group in groups(model):
        if group.name in keep:
            for name, axis in group.parts:
                owner, _, leaf = name.rpartition(".")
                module = modules[owner]
                part = getattr(module, leaf).data.index_select(axis, keep[group.name]).contiguous()
                if leaf.startswith("running"):
                    setattr(module, leaf, part)
                else:
                    setattr(module, leaf, nn.Parameter(part))
    for module in modules.values():
        if isinstance(module, nn.Conv2d):
            depthwise = module.groups > 1
            module.out_channels = len(module.weight)
            module.in_channels = module.out_channels if depthwise else module.weight.shape[1]
            module.groups = module.out_channels if depthwise else 1
        elif isinstance(module, nn.BatchNorm2d):
            module.num_features = len(module.weight)
        elif isinstance(module, nn.Linear):
            module.in_features = module.weight.shape[1]
    return small


def slimmed(model, share: float) -> nn.Module:
    """A smaller copy without the least important `share` (rounded down) of the hidden channels of each block.

    Raises ValueError for a share under 0, or of 1 and more, which would leave nothing; and as `groups` does.
    """
    if not 0 <= share < 1:
        raise ValueError(f"share is {share}; it is the part of the channels that goes, from 0 to less than 1.")
    model, keep = settled(model), {}
    for group in groups(model):
        if group.hidden:
            count = group.channels - int(share * group.channels)
            keep[group.name] = importance(model, group).argsort(descending=True)[:count].sort().values
    return without(model, keep)


def counted_macs(model: nn.Module, pixels: int) -> int:
    """MACs for one image as PyTorch's counter sees them; for networks that no `Architecture` describes."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.zeros(1, 3, pixels, pixels))
    return counter.get_total_flops() // 2  # 1 MAC = 2 FLOPs


# A teacher


def distillation_loss(
    student: Tensor, teacher: Tensor, labels: Tensor, temperature: float = 4.0, share: float = 0.5
) -> Tensor:
    """`share` of it: how far the student's softened answers are from the teacher's; the rest: cross-entropy.

    Both logits (N, classes) are divided by the temperature before the softmax; the divergence is multiplied by the
    temperature's square, which keeps its gradient's size. Hinton et al. 2015, section 2.
    """
    soft = nn.functional.kl_div(
        (student / temperature).log_softmax(1), (teacher / temperature).log_softmax(1), reduction="batchmean",
        log_target=True,
    )  # fmt: skip
    return share * temperature**2 * soft + (1 - share) * nn.functional.cross_entropy(student, labels)
