"""Train the networks that ship with the course, from nothing, and record the runs.

    python benchmarks/record_networks.py fused-32px --seeds 0 1 2
    python benchmarks/record_networks.py --cards > docs/networks.md

Rows go to effnet_course/records/<study>.jsonl, and the network of seed 0 to <name>.safetensors beside them. Killed and
called again, it goes on where it was; a seed that has its row is not run again.
"""

import argparse
import json
from dataclasses import dataclass, field, replace
from pathlib import Path

from effnet_course import atlas
from effnet_course.home import home
from effnet_course.recipe import Recipe
from effnet_course.runner import BASES, changed

INTRODUCTION = """# The networks that ship with the course

Written by `python benchmarks/record_networks.py --cards` from what each file says of itself; a test compares. Open one
with `atlas.network(name)`, which gives the network and the run that made it. Weights are kept in half precision
(float16). They are for learning: small, trained briefly, and good at nothing but their ten classes."""


@dataclass(frozen=True)
class Shipped:
    """A network that ships: what is trained, on what, how, and what it is there for."""

    use: str
    study: str
    recipe: Recipe
    base: str = "nano"
    resolution: int = 16
    dataset: str = "cifar10"
    changes: dict = field(default_factory=dict)

    @property
    def architecture(self):
        base = changed(BASES[self.base], self.changes)
        return base.scaled(resolution=self.resolution / base.resolution)


NETWORKS = {
    "nano-16px": Shipped("gates in lesson 03, receptive fields in lesson 05", "nano-10-epochs", Recipe(epochs=10)),
    "nano-no-se-16px": Shipped(
        "the same without squeeze-and-excitation, to compare with", "nano-10-epochs", Recipe(epochs=10),
        changes={"name": "nano-no-se", "se_ratio": 0.0},
    ),
    "fused-32px": Shipped(
        "what lesson 09 transfers from: the best classifier that ships", "fused-20-epochs",
        Recipe(epochs=20, batch=128, rate=0.3, shift=3, precision="bfloat16"), base="fused", resolution=32,
    ),
    "imagenette-64px": Shipped(
        "lesson 09: what training from scratch on Imagenette reaches", "imagenette-64px",
        Recipe(epochs=20, batch=64, rate=0.2, shift=4), dataset="imagenette", resolution=64,
        changes={"stem_stride": 2},
    ),
}  # fmt: skip


def pictures(dataset: str, resolution: int):
    """Training, validation and test images; Imagenette has no test images."""
    from effnet_course import data

    if dataset == "cifar10":
        return [data.cifar10(split, resolution) for split in ("train", "validation", "test")]
    return [*(data.imagenette(split, resolution) for split in ("train", "validation")), None]


def record(name: str, seeds: list[int]) -> None:
    one = NETWORKS[name]
    rows = atlas.RECORDS / f"{one.study}.jsonl"
    images = pictures(one.dataset, one.resolution)
    for seed in seeds:
        recipe = replace(one.recipe, seed=seed)
        made = [r for r in atlas.runs() if (r.study, r.base, r.seed) == (one.study, one.architecture.name, seed)]
        if made:
            print(f"{name}, seed {seed} is recorded: validation {made[0].validation[-1]:.2f} %")
            continue
        checkpoint = Path(home(), "runs", f"{name}-{recipe.epochs}-{seed}.pt")
        run, model = atlas.measure(
            one.architecture, recipe, *images, checkpoint=checkpoint, study=one.study, changes=one.changes
        )
        atlas.append(run, rows)
        if seed == 0:
            atlas.save_network(model, run, atlas.RECORDS / f"{name}.safetensors")
        print(run, flush=True)


def cards() -> str:
    """A card for each network that ships, from what its file says of itself."""
    from safetensors import safe_open

    lines = [INTRODUCTION]
    for path in sorted(atlas.RECORDS.glob("*.safetensors")):
        with safe_open(path, "np") as file:
            run = json.loads(file.metadata()["run"])
        one, recipe = NETWORKS[path.stem], run["recipe"]
        default = Recipe()
        differs = [f"{k} {v}" for k, v in recipe.items() if k != "seed" and v != getattr(default, k)]
        top1 = f"{run['validation'][-1]:.2f} % of the validation images"
        top1 += f", {run['test'][-1]:.2f} % of the test images" if run["test"] else ""
        lines += [
            "", f"## {path.stem}", "", "| | |", "|---|---|", f"| for | {one.use} |",
            f"| network | base `{one.base}`, {run['resolution']} px, {run['params']:,} params, {run['macs']:,} MACs |",
            f"| changed in the base | {', '.join(f'{k} {v}' for k, v in one.changes.items()) or 'nothing'} |",
            f"| data | {run['dataset']}, {run['training_images']:,} training images |",
            f"| recipe | `Recipe({', '.join(differs)})`, other fields at their defaults; seed {run['seed']} |",
            f"| top-1 | {top1}, after the last epoch |",
            f"| device | {run['device']}; {run['seconds']:.0f} s of training; torch {run['torch']} |",
            f"| file | {path.stat().st_size:,} bytes |",
            f"| make it again | `python benchmarks/record_networks.py {path.stem} --seeds {run['seed']}` |",
        ]  # fmt: skip
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", nargs="?", choices=NETWORKS)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--threads", type=int, help="default: as many as there are cores")
    parser.add_argument("--cards", action="store_true")
    options = parser.parse_args()
    if options.cards:
        print(cards(), end="")
    elif options.name:
        if options.threads:
            import torch

            torch.set_num_threads(options.threads)
        record(options.name, options.seeds)
    else:
        parser.error("which network? " + ", ".join(NETWORKS))
