"""What a network responds to: gates, the part of the image that an output sees, and the evidence for a class.

Gates are derived in lesson 03, fields in lesson 05, Grad-CAM in lesson 09. What gates do on CIFAR-10 ships as
`records/<network>-gates.json`, written by `benchmarks/record_gates.py`, so that a lesson can show it where the images
are not.
"""

import json
from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np

from effnet_course.arch import Architecture
from effnet_course.atlas import RECORDS


def squeeze_excitations(model) -> list:
    """The squeeze-and-excitation modules of a network, in the order in which an image meets them."""
    from effnet_course.model import SqueezeExcitation

    return [module for module in model.modules() if isinstance(module, SqueezeExcitation)]


def gates(model, images, batch: int = 500) -> list[np.ndarray]:
    """The gates of each squeeze-and-excitation for each image: a list of arrays (images, channels).

    `images` are `data.Images`; the network should be in eval mode.
    """
    import torch

    from effnet_course.train import to_input

    modules = squeeze_excitations(model)
    seen = [[] for _ in modules]

    def note(module, inputs, output):
        seen[modules.index(module)].append(module.gates(inputs[0]).flatten(1))

    hooks = [module.register_forward_hook(note) for module in modules]
    try:
        with torch.inference_mode():
            for start in range(0, len(images), batch):
                model(to_input(torch.from_numpy(np.array(images.pixels[start : start + batch]))))
    finally:
        for hook in hooks:
            hook.remove()
    return [torch.cat(parts).numpy() for parts in seen]


def by_class(values: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean gates of each class (classes, channels), and the spread around them (channels,): a standard deviation.

    The spread is pooled over the classes: the root of the mean squared distance of an image to its own class's mean.
    """
    classes = np.unique(labels)
    means = np.stack([values[labels == c].mean(0) for c in classes])
    return means, np.sqrt(((values - means[np.searchsorted(classes, labels)]) ** 2).mean(0))


def answers(model, images, change: Callable | None = None, modules: Iterable | None = None) -> np.ndarray:
    """The class that a network gives each image, where gates (N, C, 1, 1) go through `change` before they scale.

    `modules`: the squeeze-and-excitation modules to change, all of them if None. The network is left as it was. Images
    go through in batches of 500, in their order, and `change` sees a batch at a time.
    """
    import torch

    from effnet_course.train import to_input

    chosen = squeeze_excitations(model) if modules is None else modules
    hooks = []
    if change is not None:
        hooks = [m.register_forward_hook(lambda m, x, _: x[0] * change(m.gates(x[0]))) for m in chosen]
    found = []
    try:
        with torch.inference_mode():
            for start in range(0, len(images), 500):
                pixels = torch.from_numpy(np.array(images.pixels[start : start + 500]))
                found.append(model(to_input(pixels)).argmax(1))
    finally:
        for hook in hooks:
            hook.remove()
    return torch.cat(found).numpy()


def recorded_gates(name: str = "nano-16px") -> dict:
    """What `benchmarks/record_gates.py` wrote for a network that ships with the course.

    Keys: "run" (how the network was trained), "dataset", "images", "classes", "blocks" (a list; each with its "block"
    from 1, "channels", "means" of each class, "spread" around them) and "changed" (top-1 with the gates changed).
    """
    return json.loads((RECORDS / f"{name}-gates.json").read_text())


class Field(NamedTuple):
    """How much of the image one number of a feature map is computed from, squeeze-and-excitation left out."""

    name: str  #: the part that writes the map: "stem", "stage 3.1", ..., "head"
    side: int  #: pixels of the image, height and width
    step: int  #: pixels of the image from one position of the map to the next


def theoretical_field(architecture: Architecture) -> list[Field]:
    """The receptive field after the stem, each block and the head; gates, which look at the whole map, are left out.

    A layer with kernel K reaches K - 1 steps further than the one before, and multiplies the step by its stride.

    >>> from effnet_course.arch import B0
    >>> theoretical_field(B0)[0]
    Field(name='stem', side=3, step=2)
    """
    layers = [("stem", 3, architecture.stem_stride)]
    layers += [(f"stage {b.stage + 2}.{b.index + 1}", b.kernel, b.stride) for b in architecture.blocks()]
    side, step, fields = 1, 1, []
    for name, kernel, stride in (*layers, ("head", 1, 1)):
        side += (kernel - 1) * step
        step *= stride
        fields.append(Field(name, side, step))
    return fields


def effective_field(model, images, se: bool = True, outputs: int = 4, seed: int = 0) -> np.ndarray:
    """Where in the image the middle position of the last feature map has its influence from: (H, W), adding up to 1.

    The map's middle position is weighted over its channels at random (`outputs` times) and its gradient with respect to
    the image taken: squared, added up over colours, averaged over images and weightings. `images` is an input batch
    (N, 3, H, W) as `train.to_input` makes it; the network should be in eval mode. `se=False` holds every gate where
    these images put it, so that nothing flows through it. Luo et al., "Understanding the Effective Receptive Field",
    2016, look at gradients in this way.
    """
    import torch

    hooks = []
    if not se:
        for module in squeeze_excitations(model):
            hooks.append(module.register_forward_hook(lambda m, x, _: x[0] * m.gates(x[0]).detach()))
    generator = torch.Generator().manual_seed(seed)
    try:
        x = images.detach().clone().requires_grad_()
        features = model.features(x)
        middle = features[:, :, features.shape[2] // 2, features.shape[3] // 2]  # (N, channels)
        total = torch.zeros(x.shape[2:], dtype=torch.float64)
        for number in range(outputs):
            weights = torch.randn(middle.shape, generator=generator)
            [slope] = torch.autograd.grad((middle * weights).sum(), x, retain_graph=number < outputs - 1)
            total += slope.double().pow(2).sum((0, 1))
    finally:
        for hook in hooks:
            hook.remove()
    return (total / total.sum()).numpy()


def side_of(influence: np.ndarray, share: float = 0.9) -> int:
    """Side in pixels of the smallest square window that holds a share of the influence (H, W), wherever it lies."""
    sums = np.pad(influence, ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    wanted = share * sums[-1, -1] * (1 - 1e-12)
    for side in range(1, min(influence.shape) + 1):
        windows = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
        if windows.max() >= wanted:
            return side
    return max(influence.shape)


def grad_cam(model, images, classes=None, layer: str = "head") -> np.ndarray:
    """Where a network sees evidence for a class: (N, h, w), of the size of the layer's map, 0 or more, not scaled.

    Each channel of the layer's map is weighted by the mean gradient of the class's logit with respect to it, the
    weighted maps are added up, and what is negative becomes 0. `images` is an input batch (N, 3, H, W) as
    `train.to_input` makes it; `classes` a class for each image or one for all, the predicted ones if None; `layer` the
    name of any module with a map, such as "stem", "blocks.4" or "head". The network is run in eval mode and left as it
    was. Raises LookupError for a layer that there is not, or whose output is no map, ValueError for a class likewise.

    R. R. Selvaraju et al., "Grad-CAM", 2017 (arXiv 1610.02391), equations 1 and 2.
    """
    import torch

    from effnet_course.model import evaluating

    modules = dict(model.named_modules())
    if layer not in modules or layer == "":
        there = ", ".join(name for name, _ in model.named_children())
        raise LookupError(f"There is no layer {layer!r}. There are: {there}, and what is in them, such as blocks.0.")
    kept = []
    hook = modules[layer].register_forward_hook(lambda module, inputs, output: (kept.append(output), output.clone())[1])
    try:
        with evaluating(model), torch.enable_grad():
            logits = model(images.detach().clone().requires_grad_())
            if not kept or kept[0].ndim != 4 or kept[0].shape[2:] == (1, 1):
                raise LookupError(f"The output of {layer!r} is no map (N, C, h, w). Take one before the pooling.")
            chosen = logits.argmax(1) if classes is None else torch.as_tensor(classes, device=logits.device)
            chosen = chosen.expand(len(logits))
            if chosen.min() < 0 or chosen.max() >= logits.shape[1]:
                raise ValueError(f"Classes run from 0 to {logits.shape[1] - 1}; asked for {chosen.tolist()}.")
            wanted = logits[torch.arange(len(logits), device=logits.device), chosen].sum()
            [slopes] = torch.autograd.grad(wanted, kept[0])
    finally:
        hook.remove()
    weights = slopes.mean((2, 3), keepdim=True)  # (N, C, 1, 1)
    return (weights * kept[0]).sum(1).relu().detach().cpu().numpy()
