"""Record full CIFAR-10 runs of NANO: python benchmarks/record_nano.py --seeds 0 1 2

Rows go to effnet_course/records/nano.jsonl. Killed and called again, it goes on where it was; a seed that has its
row is not run again.
"""

import argparse
from pathlib import Path

from effnet_course import atlas, data
from effnet_course.arch import NANO
from effnet_course.home import home
from effnet_course.train import Recipe

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--epochs", type=int, default=10)
    options = parser.parse_args()
    path = atlas.RECORDS / "nano.jsonl"
    pictures = [data.cifar10(split, NANO.resolution) for split in ("train", "validation", "test")]
    for seed in options.seeds:
        recipe = Recipe(epochs=options.epochs, seed=seed)
        if any(r.seed == seed and r.recipe["epochs"] == recipe.epochs for r in atlas.runs() if r.base == "nano"):
            continue
        checkpoint = Path(home(), "runs", f"nano-{options.epochs}-{seed}.pt")
        run, _ = atlas.measure(NANO, recipe, *pictures, checkpoint=checkpoint)
        atlas.append(run, path)
        print(run, flush=True)
