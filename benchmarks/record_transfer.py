"""Record what a network trained on CIFAR-10 is worth on other images, with few labels, and on images made worse.

    python benchmarks/record_transfer.py                          # all of it, for fused-32px
    python benchmarks/record_transfer.py --labels 5 10 --seeds 0  # a part
    python benchmarks/record_transfer.py --network nano-16px      # another source

Rows go to effnet_course/records/transfer.json, each as soon as it is measured; what has its row is not measured again,
so that it can be killed and called again. Imagenette must be here (EFFNET_DATA); where it is a part of the published
one, the rows say how many images were used.

Recipes were chosen on Imagenette's training images that no arm had learnt from (`--tune`); the rows were measured once,
on the validation images, which nothing was chosen by.
"""

import argparse
import json
import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from effnet_course import atlas, corruptions, data, transfer
from effnet_course.images import Images
from effnet_course.model import EfficientNet
from effnet_course.train import Recipe, evaluate, fit

PIXELS = 32
EPOCHS = 20
ARMS = ("scratch", "probe", "fine-tuned", "rates by part")
RECIPES = {"scratch": 0.1, "fine-tuned": 0.02, "rates by part": 0.05}  # rates
FACTOR = 0.6  # from part to part, where rates go by part


def part(images: Images, index: np.ndarray) -> Images:
    return replace(images, pixels=np.array(images.pixels[index]), labels=images.labels[index])


def draw(images: Images, labels: int, seed: int) -> Images:
    """So many images of each class; a larger draw with the same seed holds the smaller."""
    frozen = np.random.RandomState(seed)
    chosen = [frozen.permutation(np.flatnonzero(images.labels == c))[:labels] for c in range(len(images.classes))]
    return part(images, np.concatenate(chosen))


def recipe(arm: str, images: Images, seed: int, epochs: int = EPOCHS) -> Recipe:
    return Recipe(epochs=epochs, batch=min(25, len(images)), rate=RECIPES[arm], precision="bfloat16", seed=seed)


def learn(arm: str, source, images: Images, seed: int, chosen: Recipe | None = None, factor: float = FACTOR):
    """A network, or a probe with the network it reads."""
    if arm == "probe":
        return transfer.linear_probe(transfer.features(source, images), images.labels)
    if arm == "scratch":
        torch.manual_seed(seed)
        model = EfficientNet(source.architecture, len(images.classes))
    else:
        model = transfer.with_classes(source, len(images.classes), seed)
    rates = transfer.discriminative_rates(model, factor) if arm == "rates by part" else None
    few = part(images, np.arange(1))  # fit measures after each epoch; here that is of no use
    fit(model, images, few, chosen or recipe(arm, images, seed), progress=False, rates=rates)
    return model


def right(arm: str, source, learnt, images: Images) -> int:
    if arm == "probe":
        return int((learnt.predict(transfer.features(source, images)) == images.labels).sum())
    return evaluate(learnt, images).correct


class Rows:
    """The file's rows; `add` measures one unless it is there."""

    def __init__(self, path: Path):
        self.path = path
        self.rows = json.loads(path.read_text())["rows"] if path.exists() else []

    def add(self, key: dict, measured) -> None:
        if any(all(row.get(name) == value for name, value in key.items()) for row in self.rows):
            return
        began = time.monotonic()
        row = key | measured()
        row |= {"seconds": round(time.monotonic() - began, 1), "device": atlas._processor(), "torch": torch.__version__}
        self.rows.append(row)
        text = ",\n".join(json.dumps(row) for row in self.rows)
        unfinished = self.path.with_suffix(".part")
        unfinished.write_text(f'{{"made_by": "benchmarks/record_transfer.py", "rows": [\n{text}\n]}}\n')
        os.replace(unfinished, self.path)
        print(row, flush=True)


def tune(source, train: Images) -> None:
    """Top-1 of some recipes on training images that they have not learnt from."""
    order = np.random.RandomState(99).permutation(len(train))
    held, rest = part(train, np.sort(order[:500])), part(train, np.sort(order[500:]))
    for arm, rates, factors in (("fine-tuned", (0.02, 0.05, 0.1), (1,)), ("rates by part", (0.05, 0.1), (0.8, 0.6)),
                                ("scratch", (0.05, 0.2), (1,)), ("probe", (1,), (1,))):  # fmt: skip
        for rate in rates:
            for factor in factors:
                images = draw(rest, 20, 100)
                chosen = None if arm == "probe" else replace(recipe(arm, images, 100), rate=rate)
                learnt = learn(arm, source, images, 100, chosen, factor)
                top1 = right(arm, source, learnt, held) / len(held)
                print(f"{arm:<14} rate {rate:g} factor {factor:g}: {top1:.1%}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", default="fused-32px")
    parser.add_argument("--labels", type=int, nargs="+", default=[5, 10, 20, 50, 200])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--only", choices=("transfer", "far", "corruption"), nargs="+",
                        default=["transfer", "far", "corruption"])  # fmt: skip
    parser.add_argument("--images", type=int, default=1000, help="CIFAR-10 validation images that are made worse")
    parser.add_argument("--pixels", type=int, nargs="+", default=[16, 24, 32])
    parser.add_argument("--tune", action="store_true")
    parser.add_argument("--records", type=Path, default=atlas.RECORDS)
    options = parser.parse_args()
    source, run = atlas.network(options.network)
    nette = [data.imagenette(split, PIXELS, download=False) for split in ("train", "validation")]
    if options.tune:
        tune(source, nette[0])
        raise SystemExit
    rows = Rows(options.records / "transfer.json")
    shapes = [data.shapes(split, 4000, PIXELS, 0.2, 0.2, 0.2) for split in ("train", "validation")]
    tables = {"transfer": nette, "far": (shapes[0], shapes[1].take(1000))}

    def one(arm, images, validation, seed):
        learnt = learn(arm, source, images, seed)
        return {"correct": right(arm, source, learnt, validation), "count": len(validation), "images": len(images)}

    if "transfer" in options.only:  # names of files tell which part of ImageNet a photo was taken from
        root = Path(nette[0].note.rpartition(", from ")[2].removesuffix("."))
        for split, folder in (("train", "train"), ("validation", "val")):
            files = [file.name for file in (root / folder).rglob("*.JPEG")] if root.is_dir() else []
            if files:
                own = sum(name.startswith("ILSVRC2012_val_") for name in files)
                rows.add({"table": "leak", "dataset": "Imagenette", "split": split},
                         lambda f=files, o=own: {"count": len(f), "validation_names": o})  # fmt: skip
    for table in [name for name in tables if name in options.only]:
        train, validation = tables[table]
        for labels in options.labels:
            for seed in options.seeds:
                for arm in ARMS:
                    images = draw(train, labels, seed)
                    key = {"table": table, "network": options.network, "dataset": train.name, "pixels": PIXELS,
                           "labels": labels, "arm": arm, "seed": seed,
                           "epochs": 0 if arm == "probe" else EPOCHS}  # fmt: skip
                    rows.add(key, lambda a=arm, i=images, v=validation, s=seed: one(a, i, v, s))
    if "corruption" in options.only:
        own = data.cifar10("validation", 32).take(options.images)
        for pixels in sorted({run.resolution, *options.pixels}):
            for kind, severity in [("none", 0), *((k, s) for k in corruptions.STRENGTHS for s in range(1, 6))]:
                key = {"table": "corruption", "network": options.network, "dataset": own.name, "pixels": pixels,
                       "kind": kind, "severity": severity}  # fmt: skip

                def worse(kind=kind, severity=severity, pixels=pixels):
                    made = np.array(own.pixels)  # made worse at 32 px, then resized
                    made = made if kind == "none" else corruptions.corrupt(made, kind, severity)
                    score = evaluate(source, replace(own, pixels=made).at(pixels))
                    return {"correct": score.correct, "count": score.count}

                rows.add(key, worse)
