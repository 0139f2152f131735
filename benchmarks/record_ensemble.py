"""Two small networks against one big one at equal MACs: the members' answers, kept for lesson 10.

    python benchmarks/record_ensemble.py shapes           # about two minutes on one core
    python benchmarks/record_ensemble.py cifar10          # about ten minutes on one core
    python benchmarks/record_ensemble.py cifar10 --runs 1 # just the next one that is missing
    python benchmarks/record_ensemble.py cifar10 --images 300 --folder /tmp/look     # does it run at all? One epoch

"shapes": a toy network of 12 px on Shapes and one of about twice its MACs, wider. "cifar10": the base of the study
cifar10-short, trained exactly as its plan says (its big networks are recorded already, in cifar10-short.jsonl).
What each small network says of the held-out images is kept, as log-probabilities in steps of 1/20, in
effnet_course/records/answers/ensemble-NAME.safetensors, with labels; the header names networks, recipe and device.
Each network is kept as soon as it is trained, and a training that was cut off goes on from its last minute: call the
same command again.
"""

import argparse
import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.numpy import save_file

from effnet_course import atlas, data, runner
from effnet_course.arch import Architecture, Stage
from effnet_course.cost import network_cost
from effnet_course.model import EfficientNet
from effnet_course.recipe import Recipe
from effnet_course.train import fit, to_input

TOY = Architecture(
    name="toy", stem=12, stages=(Stage(2, 3, 1, 12, 1), Stage(2, 3, 2, 20, 1)), head=48, resolution=12, dropout=0.0,
    stochastic_depth=0.0, norm_momentum=0.1, channel_step=2,
)  # fmt: skip
STEP = 20  # log-probabilities are kept as round(-20 log p), at most 255


def plan(name: str):
    """(training images, held-out images, recipe, small network, big network or None, seeds)."""
    if name == "cifar10":
        job = next(job for job in runner.read_plan("cifar10-short") if job.family == "base")
        images = data.cifar10("train", job.resolution).take(job.images)
        return images, data.cifar10("validation", job.resolution), Recipe(**job.recipe), job.architecture, None, 3
    knobs = {"resolution": 12, "detail": 0.0, "extent": 0.0, "variety": 0.3}
    recipe = Recipe(epochs=5, batch=50, rate=0.15, shift=0)
    big = replace(TOY, name="toy-wide", width=1.53)
    return data.shapes("train", 4000, **knobs), data.shapes("validation", 2000, **knobs), recipe, TOY, big, 4


def one(net, train, held, recipe, seed, checkpoint) -> np.ndarray:
    """Log-probabilities (images, classes) that a newly trained network gives the held-out images."""
    torch.manual_seed(seed)
    model = EfficientNet(net, len(train.classes))
    fit(model, train, held, replace(recipe, seed=seed), checkpoint=checkpoint)
    model.eval()
    with torch.inference_mode():
        return torch.cat([
            model(to_input(torch.from_numpy(np.ascontiguousarray(held.pixels[i : i + 500])))).log_softmax(1)
            for i in range(0, len(held), 500)
        ]).numpy()  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=("shapes", "cifar10"))
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--folder", type=Path, default=atlas.RECORDS / "answers")
    parser.add_argument("--images", type=int, help="train one epoch on so few: a trial, for another --folder")
    options = parser.parse_args()
    torch.set_num_threads(1)
    train, held, recipe, small, big, seeds = plan(options.name)
    if options.images:
        train, held, recipe = train.take(options.images), held.take(200), replace(recipe, epochs=1)
    path = options.folder / f"ensemble-{options.name}.safetensors"
    path.parent.mkdir(exist_ok=True, parents=True)
    arrays, card = {"labels": held.labels.astype(np.uint8)}, {"small": [], "big": []}
    if path.exists():
        with safe_open(path, "np") as file:
            arrays = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            card = json.loads(file.metadata()["card"])
        made = card["dataset"], card["training_images"], Recipe(**card["recipe"]), len(arrays["labels"])
        if made != (train.name, len(train), recipe, len(held)):
            raise SystemExit(f"{path} was made with other images or another recipe: name another --folder.")
    card |= {"dataset": train.name, "training_images": len(train), "recipe": asdict(recipe), "step": STEP,
             "device": atlas._processor(), "torch": torch.__version__, "code": atlas._code(),
             "small_macs": network_cost(small, 10).macs, "small_params": network_cost(small, 10).params,
             "big_macs": network_cost(big, 10).macs if big else None}  # fmt: skip
    left = options.runs
    for seed in range(seeds):
        for kind, net in (("small", small), ("big", big)):
            if net and left and seed not in [row["seed"] for row in card[kind]]:
                checkpoint = path.with_name(f".{path.stem}-checkpoints") / f"{kind}-{seed}.pt"
                checkpoint.parent.mkdir(exist_ok=True)
                answers = one(net, train, held, recipe, seed, checkpoint)
                top1 = 100 * float((answers.argmax(1) == held.labels).mean())
                card[kind].append({"seed": seed, "top1": round(top1, 2)})
                if kind == "small":
                    arrays[f"seed{seed}"] = np.clip(np.round(-STEP * answers), 0, 255).astype(np.uint8)
                save_file(arrays, path, metadata={"card": json.dumps(card)})
                path.chmod(0o644)
                checkpoint.unlink(missing_ok=True)
                print(kind, card[kind][-1], f"{network_cost(net, 10).macs:,} MACs", flush=True)
                left -= 1


if __name__ == "__main__":
    main()
