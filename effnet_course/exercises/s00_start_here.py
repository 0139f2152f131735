"""The one exercise of lesson 00, which shows how a check behaves. It stands in the lesson itself."""

import random

from effnet_course.checking import Case, Exercise, Misconception


def training_steps(images: int, batch: int, epochs: int) -> int:
    """Steps of a training run in which the images that don't fill a batch wait for another epoch."""
    return images // batch * epochs


def cases(seed: int) -> list[Case]:
    draw = random.Random(f"00.1 {seed}")
    rows = [(2, 2, 1), (3, 2, 1), (3, 2, 2), (10, 4, 3), (128, 128, 2)]
    batches = (32, 48, 64, 100, 128)
    rows += sorted((draw.randint(200, 60_000), draw.choice(batches), draw.randint(1, 30)) for _ in range(10))
    return [{"images": images, "batch": batch, "epochs": epochs} for images, batch, epochs in rows]


def _by_subtracting(images, batch, epochs):
    steps = 0
    while images >= batch:
        images, steps = images - batch, steps + epochs
    return steps


# fmt: off
EXERCISES = (
    Exercise(
        id="00.1", title="How many steps has a training run?", points=1, minutes=5, difficulty="easy",
        reference=training_steps, cases=cases,
        hints=("Take one epoch of the case above with pencil and paper: fill batches until the images run out.",
               "What is done with the rest, and what happens in the next epoch?"),
        misconceptions=(
            Misconception("last batch counted though it is not full",
                lambda images, batch, epochs: -(-images // batch) * epochs,
                "You gave the images that are left over a step of their own. In this course a batch that is not full "
                "is not trained on: those images wait."),
            Misconception("leftovers carried over to the next epoch",
                lambda images, batch, epochs: images * epochs // batch,
                "By your count the leftovers of all epochs together fill batches of their own. Each epoch starts anew: "
                "do the rounding where it happens."),
            Misconception("fractions of a step",
                lambda images, batch, epochs: images / batch * epochs,
                "Your answer has a fraction of a step in it. What becomes of a batch that is not full?"),
            Misconception("one epoch only",
                lambda images, batch, epochs: images // batch,
                "Your answer does not change when the run gets twice as many epochs."),
            Misconception("a step for every image",
                lambda images, batch, epochs: images * epochs,
                "By your count the size of the batch does not matter: you gave every image a step of its own."),
            Misconception("size of the batch left over as a factor",
                lambda images, batch, epochs: images * batch * epochs,
                "Your count grows when more images go into one step. Should it?"),
        ),
        other_answers=(
            lambda images, batch, epochs: (images - images % batch) / batch * epochs,
            _by_subtracting,
        ),
        remark="`train.fit` counts its steps just so.",
    ),
)
