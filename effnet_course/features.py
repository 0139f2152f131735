"""Features at several resolutions, for tasks that ask *where*: a network's maps, and a pyramid that fuses them.

Sources: T.-Y. Lin et al., "Feature Pyramid Networks", 2017 (from coarse to fine); M. Tan, R. Pang, Q. V. Le,
"EfficientDet", 2020, section 3 (weighted fusion, and the way back from fine to coarse: BiFPN).

Used in lesson 13.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional


def levels(model: nn.Module, x: Tensor) -> list[Tensor]:
    """The last map that a `model.EfficientNet` makes at each resolution, finest first; the head is left out.

    `x` is an input batch (N, 3, H, W). For B0 at 224 px: maps of 112, 56, 28, 14 and 7 pixels a side.
    """
    x = model.stem(x)
    found = {x.shape[-1]: x}
    for block in model.blocks:
        x = block(x)
        found[x.shape[-1]] = x
    return list(found.values())


def fuse(maps: Sequence[Tensor], weights: Tensor, eps: float = 1e-4) -> Tensor:
    """Fast normalised fusion: a mean of maps of one shape, weighted by `weights` (one a map), negative ones as 0.

    EfficientDet, section 3.3. `eps` keeps the quotient finite where all weights are 0.
    """
    kept = weights.relu()
    return sum(w * m for w, m in zip(kept, maps, strict=True)) / (kept.sum() + eps)


class Node(nn.Module):
    """Brings maps to one size, fuses them with learned weights, and filters the result (a separable 3x3)."""

    def __init__(self, inputs: int, width: int):
        super().__init__()
        self.weights = nn.Parameter(torch.ones(inputs))
        self.filter = nn.Sequential(
            nn.SiLU(),
            nn.Conv2d(width, width, 3, padding=1, groups=width, bias=False),
            nn.Conv2d(width, width, 1, bias=False),
            nn.BatchNorm2d(width),
        )

    def forward(self, *maps: Tensor) -> Tensor:
        size = maps[0].shape[-2:]
        return self.filter(fuse([resized(m, size) for m in maps], self.weights))


def resized(x: Tensor, size: Sequence[int]) -> Tensor:
    """A map (N, C, h, w) at another size: larger by repeating, smaller by the largest of each window."""
    if x.shape[-1] > size[-1]:
        return functional.adaptive_max_pool2d(x, size)
    return x if x.shape[-1] == size[-1] else functional.interpolate(x, size)


class Pyramid(nn.Module):
    """Maps of several resolutions, finest first, to as many maps of `width` channels that know of one another.

    From coarse to fine, each map is fused with the coarser one; with `both_ways` then from fine to coarse as well, each
    with its own input once more (one layer of BiFPN).
    """

    def __init__(self, channels: Sequence[int], width: int, both_ways: bool = True):
        super().__init__()
        n = len(channels)
        self.lateral = nn.ModuleList(nn.Conv2d(c, width, 1) for c in channels)
        self.down = nn.ModuleList(Node(2, width) for _ in range(n - 1))
        self.up = nn.ModuleList(Node(3 if i < n - 1 else 2, width) for i in range(1, n)) if both_ways else None

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        maps = [lateral(m) for lateral, m in zip(self.lateral, maps, strict=True)]
        middle = list(maps)
        for i in reversed(range(len(maps) - 1)):
            middle[i] = self.down[i](maps[i], middle[i + 1])
        if self.up is None:
            return middle
        out = middle[:1]
        for i, node in enumerate(self.up, 1):
            last = i == len(maps) - 1
            out.append(node(maps[i], out[-1]) if last else node(maps[i], middle[i], out[-1]))
        return out
