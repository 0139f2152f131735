"""What a recipe is: how a network is trained, as plain data. Standard library only.

`ingredients` has what computes (optimiser, mixed images, averaged weights), `train` carries it all out. Each part is
taken apart and measured in lesson 08.
"""

import math
from dataclasses import dataclass, fields

OPTIMIZERS = ("sgd", "adamw", "rmsprop", "torch-rmsprop")
SCHEDULES = ("cosine", "staircase", "constant")


class TrainingError(Exception):
    """Training cannot go on; the message says why and what to do."""


@dataclass(frozen=True)
class Recipe:
    """How to train. The defaults suit `arch.NANO` on CIFAR-10 from scratch."""

    epochs: int = 10
    batch: int = 128  #: images a step, over all processes together
    optimizer: str = "sgd"  #: "sgd" (Nesterov momentum 0.9), "adamw", "rmsprop" (as published), "torch-rmsprop"
    rate: float = 0.2  #: highest learning rate
    weight_decay: float = 5e-4  #: not applied to biases and normalisation
    warmup: float = 0.1  #: share of all steps in which the rate rises, in a straight line
    schedule: str = "cosine"  #: after it: "cosine" (half of one, to 0), "staircase" (see `decay`) or "constant"
    decay: float = 0.97  #: staircase: the rate is multiplied by this ...
    decay_epochs: float = 2.4  #: ... after every so many epochs, counted from the start
    label_smoothing: float = 0.1
    flip: bool = True  #: mirror half of the images
    shift: int = 2  #: move images by up to so many pixels each way, edges repeated
    early_pixels: int = 0  #: images are shrunk to so many pixels in the first half of the epochs; 0: they are not
    mixup: float = 0.0  #: concentration of mixup: images are blended in pairs; 0: not
    cutmix: float = 0.0  #: concentration of cutmix: a box of each image is another's; with both, one of them each step
    average: float = 0.0  #: decay of the moving average of the weights, which is then what is evaluated; 0: none
    precision: str = "float32"  #: "bfloat16": mixed precision, for GPUs
    seed: int = 0

    def __post_init__(self):
        if self.optimizer not in OPTIMIZERS:
            raise TrainingError(f"optimizer is {self.optimizer!r}; there are {', '.join(OPTIMIZERS)}.")
        if self.schedule not in SCHEDULES:
            raise TrainingError(f"schedule is {self.schedule!r}; there are {', '.join(SCHEDULES)}.")
        if self.precision not in ("float32", "bfloat16"):
            raise TrainingError(f"precision is {self.precision!r}; it is 'float32' or 'bfloat16'.")
        if self.epochs < 1 or self.batch < 1 or self.rate <= 0 or not 0 <= self.warmup < 1:
            raise TrainingError("A recipe needs epochs and batch of 1 or more, a rate above 0 and a warmup in [0, 1).")
        if self.early_pixels < 0:
            raise TrainingError("early_pixels is a number of pixels, or 0: the images stay as they are.")
        if min(self.mixup, self.cutmix) < 0 or not 0 <= self.average < 1:
            raise TrainingError("mixup and cutmix are 0 or more; average is a decay in [0, 1).")

    def rate_at(self, step: int, steps: int) -> float:
        """Learning rate of a step, counted from 0, in a run of `steps`."""
        rise = self.warmup * steps
        if step < rise:
            return self.rate * (step + 1) / (rise + 1)
        if self.schedule == "staircase":
            return self.rate * self.decay ** math.floor(step / steps * self.epochs / self.decay_epochs)
        if self.schedule == "constant":
            return self.rate
        return self.rate * 0.5 * (1 + math.cos(math.pi * (step - rise) / (steps - rise)))


def complete(recipe: dict) -> dict:
    """A recipe as it was written down, with the defaults of the fields that have come since."""
    return {field.name: field.default for field in fields(Recipe)} | recipe
