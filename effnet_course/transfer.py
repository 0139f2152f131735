"""A trained network put to work on other images: its features, a probe on them, frozen parts, rates for each part.

Weights trained on ImageNet come from torchvision's address (`pretrained`), verified; where there is no network, one
that ships with the course does (`backbone`). `train.fit` takes the rates that are made here.

Derived in lesson 09.
"""

import copy
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from effnet_course.arch import VARIANTS
from effnet_course.download import Corrupt, DataError, Pace, Remote, obtain
from effnet_course.home import home
from effnet_course.shares import wilson as wilson

# ---- parts, and what of them learns ----


def parts(model) -> list[str]:
    """The parts of a network from its input to its output, as parameters' names begin: stem, blocks.0, ..., classifier.

    >>> from effnet_course.arch import NANO
    >>> from effnet_course.model import EfficientNet
    >>> parts(EfficientNet(NANO, 10))[:3]
    ['stem', 'blocks.0', 'blocks.1']
    """
    names = (name.split(".") for name, _ in model.named_parameters())
    return list(dict.fromkeys(".".join(name[: 2 if name[0] == "blocks" else 1]) for name in names))


def freeze(model, *names: str):
    """Hold these parts as they are, batch norm's statistics included; without names, all but the classifier.

    `names` are beginnings of parameters' names ("stem", "blocks.3"). Batch norm is held because `train.fit` keeps one
    whose weights are frozen in eval mode. Returns the network. Raises ValueError for a part that there is not.
    """
    return _require(model, names or tuple(p for p in parts(model) if p != "classifier"), False)


def unfreeze(model, *names: str):
    """Let these parts learn again; without names, all of them. Returns the network."""
    return _require(model, names or tuple(parts(model)), True)


def _require(model, names: Sequence[str], value: bool):
    for part in names:
        mine = [p for name, p in model.named_parameters() if f"{name}.".startswith(f"{part}.")]
        if not mine:
            raise ValueError(f"This network has no part {part!r}. Its parts: {', '.join(parts(model))}.")
        for p in mine:
            p.requires_grad_(value)
    return model


def discriminative_rates(model, factor: float = 0.7) -> dict[str, float]:
    """For `train.fit(rates=...)`: the classifier has the recipe's rate, each part before it `factor` times the next's.

    Howard and Ruder, "Universal Language Model Fine-tuning", 2018 (arXiv 1801.06146), section 3.2; theirs is 1 / 2.6.
    """
    return {part: factor**steps for steps, part in enumerate(reversed(parts(model)))}


def with_classes(model, classes: int, seed: int = 0):
    """A copy of the network with a new classifier for so many classes, drawn from `seed`; the rest is as trained."""
    import torch
    from torch import nn

    from effnet_course.model import initialise

    new = copy.deepcopy(model)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        new.classifier = nn.Linear(model.classifier.in_features, classes)
        initialise(new.classifier)
    return new


# ---- features, and a probe on them ----


def features(model, images, batch: int = 500) -> np.ndarray:
    """What the classifier reads: (N, head channels), float32, of a network in eval mode, which is left as it was."""
    import torch

    from effnet_course.model import evaluating
    from effnet_course.train import to_input

    device, found = next(model.parameters()).device, []
    with evaluating(model), torch.inference_mode():
        for start in range(0, len(images), batch):
            x = to_input(torch.from_numpy(np.array(images.pixels[start : start + batch])).to(device))
            found.append(model.pool(model.features(x)).flatten(1).float().cpu())
    return torch.cat(found).numpy()


@dataclass(frozen=True)
class Probe:
    """A linear classifier on features: scores = (features - mean) / spread @ weights + bias."""

    mean: np.ndarray  # (features,)
    spread: np.ndarray
    weights: np.ndarray  # (features, classes)
    bias: np.ndarray

    def scores(self, values: np.ndarray) -> np.ndarray:
        """(N, classes) of features (N, features)."""
        return (values - self.mean) / self.spread @ self.weights + self.bias

    def predict(self, values: np.ndarray) -> np.ndarray:
        """The class with the highest score, (N,)."""
        return self.scores(values).argmax(1)


def linear_probe(values: np.ndarray, labels: np.ndarray, strength: float = 0.03) -> Probe:
    """Logistic regression on features (N, features), each made to mean 0 and spread 1 over *these* images.

    `strength` is scikit-learn's C: the smaller, the more the weights are held down. Labels must run from 0 without a
    gap. Raises ValueError where they don't.
    """
    from sklearn.linear_model import LogisticRegression

    classes = np.unique(labels)
    if len(classes) < 2 or not np.array_equal(classes, np.arange(len(classes))):
        raise ValueError(f"Labels must be 0 to the number of classes less 1, each at least once; got {classes}.")
    mean, spread = values.mean(0), values.std(0) + 1e-6
    fitted = LogisticRegression(C=strength, max_iter=2000).fit((values - mean) / spread, labels)
    weights, bias = fitted.coef_.T, fitted.intercept_
    if len(classes) == 2:  # scikit-learn gives one score then
        weights, bias = np.hstack([-weights / 2, weights / 2]), np.array([-bias[0] / 2, bias[0] / 2])
    return Probe(mean, spread, weights, bias)


# ---- weights trained on ImageNet ----


@dataclass(frozen=True)
class Weights:
    """Where a variant's weights are served, and what makes them those."""

    remote: Remote
    sha256: str  # its first digits, as torchvision writes them into the file's name
    entries: int  # of the state dict


_URL = "https://download.pytorch.org/models/"
_SERVED = {
    "b0": ("rwightman-7f5810bc", 360), "b1": ("rwightman-bac287d4", 508), "b2": ("rwightman-c35c1473", 508),
    "b3": ("rwightman-b3899882", 574), "b4": ("rwightman-23ab8bcd", 706), "b5": ("lukemelas-1a07897c", 854),
    "b6": ("lukemelas-24a108a5", 986), "b7": ("lukemelas-c5b4e57e", 1200),
}  # fmt: skip
WEIGHTS = {
    name: Weights(Remote(f"efficientnet_{name}_{file}.pth", f"{_URL}efficientnet_{name}_{file}.pth"), file[-8:], count)
    for name, (file, count) in _SERVED.items()
}


def pretrained(name: str = "b0", pace: Pace | None = None, weights: dict[str, Weights] = WEIGHTS):
    """A network with torchvision's ImageNet weights (IMAGENET1K_V1), in eval mode: b0 to b7, 1,000 classes.

    The file is looked for where torchvision keeps its own and in `home()`/weights, else fetched into the latter: a
    broken download goes on where it stopped. Its SHA-256 and the count of its entries are checked before it is used.
    Raises DataError where it can't be had, LookupError for another name.
    """
    import torch

    if name not in weights:
        raise LookupError(f"There are no weights {name!r}. There are: {', '.join(weights)}.")
    spec, own = weights[name], home() / "weights"
    for place in (Path(torch.hub.get_dir()) / "checkpoints", own):
        file = place / spec.remote.name
        if file.is_file():
            try:
                return _load(file, name, spec)
            except Corrupt as error:
                print(f"{error}; it is not used.", flush=True)
                if place == own:
                    file.unlink()
    return obtain([(spec.remote,)], own, lambda files: _load(files[0], name, spec), pace, patient=True)


def backbone(name: str = "b0", shipped: str = "fused-32px"):
    """(network, sentence): torchvision's weights where they are or can be had, else a network shipped with the course.

    The sentence says which and why. The two don't read images of the same size; the network's `architecture` says so.
    """
    from effnet_course import atlas

    try:
        model = pretrained(name)
        pixels = model.architecture.resolution
        return model, f"EfficientNet-{name.upper()} with torchvision's ImageNet weights, verified, for {pixels} px."
    except DataError as error:
        model, run = atlas.network(shipped)
        return model, (
            f"{shipped}, trained for this course on {run.training_images:,} images of {run.dataset} at "
            f"{run.resolution} px, since ImageNet weights are not here: {error}"
        )


def _load(file: Path, name: str, spec: Weights):
    """The network with the weights of a file, or Corrupt where they are not the published ones."""
    import torch

    from effnet_course.model import EfficientNet

    with open(file, "rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if not digest.startswith(spec.sha256):
        raise Corrupt(file, f"is not the published file: its SHA-256 begins {digest[:8]}, not {spec.sha256}")
    try:
        state = torch.load(file, weights_only=True, map_location="cpu")
    except Exception as error:
        raise Corrupt(file, f"can't be read as weights ({error})") from error
    if len(state) != spec.entries:
        raise Corrupt(file, f"holds {len(state)} entries where {spec.entries} belong")
    with torch.device("meta"):
        model = EfficientNet(VARIANTS[name])
    try:
        return model.to_empty(device="cpu").load_torchvision(state).eval()
    except ValueError as error:
        raise Corrupt(file, f"does not fit: {error}") from error
