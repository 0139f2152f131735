"""Record full CIFAR-10 runs of NANO, with and without squeeze-and-excitation.

    python benchmarks/record_nano.py --seeds 0 1 2
    python benchmarks/record_nano.py --seeds 0 1 2 --without-se

Rows go to effnet_course/records/<name>.jsonl, and the network of seed 0 to <name>-16px.safetensors. Killed and called
again, it goes on where it was; a seed that has its row is not run again.
"""

import argparse
from dataclasses import replace
from pathlib import Path

from effnet_course import atlas, data
from effnet_course.arch import NANO
from effnet_course.home import home
from effnet_course.train import Recipe

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--without-se", action="store_true")
    options = parser.parse_args()
    net = replace(NANO, name="nano-no-se", se_ratio=0.0) if options.without_se else NANO
    pictures = [data.cifar10(split, net.resolution) for split in ("train", "validation", "test")]
    for seed in options.seeds:
        recipe = Recipe(epochs=options.epochs, seed=seed)
        if any(r.base == net.name and r.seed == seed and r.recipe["epochs"] == recipe.epochs for r in atlas.runs()):
            continue
        checkpoint = Path(home(), "runs", f"{net.name}-{options.epochs}-{seed}.pt")
        run, model = atlas.measure(net, recipe, *pictures, checkpoint=checkpoint, study=f"nano-{options.epochs}-epochs")
        atlas.append(run, atlas.RECORDS / f"{net.name}.jsonl")
        if seed == 0:
            atlas.save_network(model, run, atlas.RECORDS / f"{net.name}-16px.safetensors")
        print(run, flush=True)
