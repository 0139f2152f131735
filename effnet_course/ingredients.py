"""What a recipe is made of, as far as it computes: the optimiser, mixed images, averaged weights.

Each is a few lines, and is taken apart and measured in lesson 08.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from effnet_course.recipe import Recipe, TrainingError


def make_optimizer(model: nn.Module, recipe: Recipe, rates: dict[str, float] | None = None) -> torch.optim.Optimizer:
    """The recipe's optimiser. Weight decay is kept from biases and normalisation (parameters of one dimension).

    `rates` as in `train.fit`: a group for each factor and decay, which keeps its "factor". What needs no gradient is
    left out. Raises TrainingError where nothing is left to learn.
    """
    learning = [(factor_of(name, rates), p) for name, p in model.named_parameters() if p.requires_grad]
    if not any(factor for factor, _ in learning):
        raise TrainingError("Every part of this network is frozen: leave one a rate above 0, such as the classifier.")
    groups = []
    for factor in sorted({factor for factor, _ in learning if factor}, reverse=True):
        mine = [p for f, p in learning if f == factor]
        own = {"factor": factor} if rates else {}
        groups.append({"params": [p for p in mine if p.ndim > 1], "weight_decay": recipe.weight_decay, **own})
        groups.append({"params": [p for p in mine if p.ndim <= 1], "weight_decay": 0.0, **own})
    if recipe.optimizer == "adamw":
        return torch.optim.AdamW(groups, lr=recipe.rate)
    if recipe.optimizer == "rmsprop":
        return RMSProp(groups, lr=recipe.rate)
    if recipe.optimizer == "torch-rmsprop":
        return torch.optim.RMSprop(groups, lr=recipe.rate, alpha=0.9, momentum=0.9, eps=1e-3)
    return torch.optim.SGD(groups, lr=recipe.rate, momentum=0.9, nesterov=True)


def factor_of(name: str, rates: dict[str, float] | None) -> float:
    """The factor of the rate for a parameter: that of the longest prefix of its name in `rates`, else 1."""
    fits = [part for part in rates or {} if part == "" or f"{name}.".startswith(f"{part}.")]
    return float(rates[max(fits, key=len)]) if fits else 1.0


@contextmanager
def frozen(model: nn.Module, rates: dict[str, float] | None) -> Iterator[None]:
    """Parameters whose factor is 0 need no gradient inside, and are as they were after it. Checks `rates`, too."""
    names = [name for name, _ in model.named_parameters()]
    for part, factor in (rates or {}).items():
        if not any(part == "" or f"{name}.".startswith(f"{part}.") for name in names):
            there = ", ".join(dict.fromkeys(name.split(".")[0] for name in names))
            raise TrainingError(f"rates names {part!r}, and no parameter's name begins so. There are: {there}.")
        if not 0 <= factor < math.inf:
            raise TrainingError(f"rates gives {part!r} the factor {factor}; it is 0 (frozen) or more.")
    held = [p for name, p in model.named_parameters() if p.requires_grad and factor_of(name, rates) == 0]
    for p in held:
        p.requires_grad_(False)
    try:
        yield
    finally:
        for p in held:
            p.requires_grad_(True)


def hold_statistics(model: nn.Module) -> None:
    """Put every batch norm whose own weights are frozen into eval mode: it then neither uses nor learns a batch's."""
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            own = list(module.parameters(recurse=False))
            if own and not any(p.requires_grad for p in own):
                module.eval()


class RMSProp(torch.optim.Optimizer):
    """RMSProp as EfficientNet was trained with it: TensorFlow's, which `torch.optim.RMSprop` is not.

    The mean of squared gradients starts at 1 and not at 0, and eps is added under the root and not beside it. So the
    first steps are small: for a gradient of 0.01 the very first is 0.0105 times the rate, and 2.4 times with torch's.
    """

    def __init__(self, params, lr: float, decay: float = 0.9, momentum: float = 0.9, eps: float = 1e-3):
        super().__init__(params, {"lr": lr, "decay": decay, "momentum": momentum, "eps": eps, "weight_decay": 0.0})

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if not state:
                    state["square"], state["velocity"] = torch.ones_like(p), torch.zeros_like(p)
                slope = p.grad + group["weight_decay"] * p
                state["square"].mul_(group["decay"]).addcmul_(slope, slope, value=1 - group["decay"])
                step = group["lr"] * slope / (state["square"] + group["eps"]).sqrt()
                p.sub_(state["velocity"].mul_(group["momentum"]).add_(step))


def shrink(images: Tensor, recipe: Recipe, epoch: int) -> Tensor:
    """In the first half of the epochs, a batch (N, C, H, H) at the recipe's `early_pixels`; else the batch as it is.

    Half is rounded up: of five epochs three are small, and a single one is. Give at least two.
    Training on growing images: early epochs, which learn what is coarse, cost a fraction (M. Tan and Q. V. Le,
    "EfficientNetV2", ICML 2021, section 4).
    """
    if 2 * epoch >= recipe.epochs or not 0 < recipe.early_pixels < images.shape[-1]:
        return images
    size = (recipe.early_pixels, recipe.early_pixels)
    small = nn.functional.interpolate(images, size, mode="bilinear", antialias=True)
    return small.contiguous(memory_format=torch.channels_last)


def plan_mixing(recipe: Recipe, epoch: int, steps: int) -> list[tuple[float, tuple | None]] | None:
    """For each step of an epoch (share of the own image, where the other's box has its middle); None: no mixing."""
    if not recipe.mixup and not recipe.cutmix:
        return None
    draw = np.random.default_rng((recipe.seed, epoch, 8))
    both = recipe.mixup > 0 and recipe.cutmix > 0
    cut = draw.random(steps) < 0.5 if both else np.full(steps, recipe.cutmix > 0)
    shares = [float(draw.beta(c, c)) for c in np.where(cut, recipe.cutmix, recipe.mixup)]
    middles = draw.random((steps, 2))
    return [(share, tuple(m) if c else None) for share, c, m in zip(shares, cut, middles, strict=True)]


def mix(images: Tensor, share: float, middle: tuple | None) -> tuple[Tensor, float]:
    """Mix each image of a batch (N, C, H, W) with another, the batch read backwards. Returns (images, own share).

    Without `middle`, mixup: share times the own, the rest the other's (Zhang et al. 2018). With it, cutmix: a box of
    1 - share of the image is the other's (Yun et al. 2019); `middle` (row, column) is given as a part of the image, and
    the share that comes back counts pixels, since the box may reach over the edge.
    """
    other = images.flip(0)
    if middle is None:
        return share * images + (1 - share) * other, share
    height, width = images.shape[2:]
    half = math.sqrt(1 - share) / 2
    top, bottom = (round(min(max(middle[0] + side * half, 0), 1) * height) for side in (-1, 1))
    left, right = (round(min(max(middle[1] + side * half, 0), 1) * width) for side in (-1, 1))
    mixed = images.clone()
    mixed[:, :, top:bottom, left:right] = other[:, :, top:bottom, left:right]
    return mixed, 1 - (bottom - top) * (right - left) / (height * width)


def averaged(model: nn.Module, decay: float) -> AveragedModel:
    """A moving average of a network's weights and running statistics; call `update_parameters(model)` after each step.

    While few steps are made the decay is smaller, (1 + n) / (10 + n), so that the random start is soon forgotten.
    """

    def update(mine, theirs, count):
        keep = min(decay, (1 + float(count)) / (10 + float(count)))
        for average, now in zip(mine, theirs, strict=True):
            if average.is_floating_point():
                average.lerp_(now.to(average.dtype), 1 - keep)
            else:
                average.copy_(now)

    return AveragedModel(model, multi_avg_fn=update, use_buffers=True)
