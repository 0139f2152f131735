"""Train the capstone's worked designs, measure them as a student's entry is, and record what came out.

    python benchmarks/capstone.py              # all, about ten minutes; from CIFAR-10 in EFFNET_DATA
    python benchmarks/capstone.py --only slim  # one, kept beside the others' last results
    python benchmarks/capstone.py --latency    # nothing is trained: how long the candidates for the phone take

A run that was stopped goes on when it is called again: checkpoints are kept under EFFNET_HOME, in `capstone`.
"""

import argparse
import json
import time

import torch

from effnet_course import atlas, capstone, data
from effnet_course.arch import FUSED, NANO, Architecture
from effnet_course.recipe import Recipe

SEED = 0
# name -> (brief, architecture, recipe, what was thought beforehand)
DESIGNS = {
    "half as wide": (
        "watch", NANO.scaled(width=0.5), Recipe(),
        "NANO's MACs are 2.7 times the limit. Width takes them down with its square, and the parameters too.",
    ),
    "deep and thin": (
        "phone", NANO.scaled(depth=3, width=0.5), Recipe(),
        "Half as wide and three times as deep: NANO's MACs, within the limit. The limit on time is half of NANO's, and "
        "fewer channels should be faster.",
    ),
    "few weights, many pixels": (
        "server", NANO.scaled(width=0.38, resolution=2), Recipe(),
        "Pixels cost MACs and no bytes. So spend the bytes on few channels, and look at all 32 pixels.",
    ),
}  # fmt: skip


# What is to be learned from it, whatever the numbers turn out to be: they stand beside it in the record.
ANALYSIS = {
    "half as wide": "Width took the MACs down to a third of NANO's, and the parameters with them. The time hardly "
    "moved: there are as many layers as before. Here that costs nothing, since the limit that hurts is the MACs.",
    "deep and thin": "Fewer channels did not make it faster. Compare it with 'half as wide', which has a third of "
    "NANO's MACs and nearly NANO's time: on a layer this narrow the time goes into starting it, and each waits for the "
    "one before. Three times the blocks are about three times the layers. MACs were taken for time. What to cut is the "
    "number of layers: fewer blocks, or fused ones, which have one layer where an MBConv has five.",
    "few weights, many pixels": "Parameters don't know the resolution, MACs do. This brief has MACs to spare, so the "
    "pixels came free, and the MACs could still grow sevenfold. What to look at next: four fifths of the parameters "
    "sit in the last stage.",
}


def latencies() -> None:
    """Time networks for the phone, untrained: is there one within its limits?"""
    from effnet_course import compress
    from effnet_course.cost import network_cost
    from effnet_course.model import EfficientNet

    candidates: dict[str, Architecture] = {
        "nano": NANO, "deep and thin": DESIGNS["deep and thin"][1], "half as wide": DESIGNS["half as wide"][1],
        "server": DESIGNS["few weights, many pixels"][1],
        "nano at 8 px": NANO.scaled(resolution=0.5), "nano, half as deep": NANO.scaled(depth=0.5),
        "fused, 0.25 wide": FUSED.scaled(width=0.25),
        "fused at 16 px, 0.5 wide": FUSED.scaled(width=0.5, resolution=0.5),
    }  # fmt: skip
    models = {n: (compress.folded(EfficientNet(a, 10)), a.resolution) for n, a in candidates.items()}
    times = capstone.timed(models)
    for name, net in candidates.items():
        cost, size = network_cost(net, 10), capstone.int8_bytes(models[name][0])
        print(f"{name:26} {cost.macs:>10,} MACs {cost.params:>8,} parameters {size:>8,} bytes "
              f"{times[name]:.2f} ms, {times[name] / times['nano']:.2f} x NANO's")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", help="part of a design's name")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--latency", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.latency:
        return latencies()
    data.cifar10("validation", download=False)  # the record is of real photos; without them, stop here
    old = {e["name"]: e for e in capstone.worked()} if capstone.RECORD.exists() else {}
    for name, (brief, net, recipe, design) in DESIGNS.items():
        if options.only and options.only not in name:
            continue
        model, history = capstone.train(name, brief, net, recipe)
        entry = capstone.enter(name, brief, model, history, final=True)
        entry |= {"device": atlas._processor(), "code": atlas._code()}
        about = {"design": design, "analysis": ANALYSIS[name], "seed": SEED, "date": time.strftime("%Y-%m-%d")}
        old[name] = entry | about
        designs = [old[n] for n in DESIGNS if n in old]
        made = {"command": "python benchmarks/capstone.py", "designs": designs}
        capstone.RECORD.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
