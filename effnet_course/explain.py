"""What a trained network responds to: so far, the gates of squeeze-and-excitation.

Derived in lesson 03. What was measured on CIFAR-10 ships as `records/<network>-gates.json`, written by
`benchmarks/record_gates.py`, so that a lesson can show it where the images are not.
"""

import json
from collections.abc import Callable, Iterable

import numpy as np

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
