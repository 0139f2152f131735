"""A trainer that trains nothing, for tests of the runner: it takes a moment and gives a row that only its job decides.

    python tests/fake_trainer.py PLAN ROWS      makes the plan's runs in a pool of two, as the command does
"""

import hashlib
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from effnet_course import runner
from effnet_course.atlas import Run
from effnet_course.cost import network_cost
from effnet_course.recipe import Recipe

SECONDS = 0.02


def row(job: runner.Job) -> Run:
    number = int(hashlib.sha256(job.key.encode()).hexdigest()[:6], 16)
    cost = network_cost(job.architecture, 10)
    return Run(
        dataset="CIFAR-10", base=job.base, family=job.family, depth=round(job.depth, 4), width=round(job.width, 4),
        resolution=job.resolution, params=cost.params, macs=cost.macs, activations=cost.activations,
        recipe=asdict(Recipe(**job.recipe)), seed=job.recipe["seed"], training_images=job.images or 45000, loss=(1.0,),
        validation=(number % 10000 / 100,), test=(), seconds=SECONDS, device="none", torch="none", code="none",
        study=job.study, budget=job.budget, phi=job.phi, changes=job.changes, label=job.label,
    )  # fmt: skip


def train(job: runner.Job, checkpoint: str, threads: int) -> Run:
    """Leaves a checkpoint behind, as training does."""
    Path(checkpoint).parent.mkdir(parents=True, exist_ok=True)
    Path(checkpoint).write_text("a checkpoint")
    time.sleep(SECONDS)
    if job.family == "space":
        raise RuntimeError("this one fails")
    return row(job)


if __name__ == "__main__":
    say = partial(print, flush=True)
    with ProcessPoolExecutor(2, get_context("spawn"), runner.end_with_parent) as pool:
        runner.run(runner.read_plan(sys.argv[1]), Path(sys.argv[2]), pool, trainer=train, report=say)
