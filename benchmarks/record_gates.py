"""Record the gates of a network that ships with the course, on CIFAR-10's validation images.

    python benchmarks/record_gates.py

Writes effnet_course/records/nano-16px-gates.json: for each block the mean gates of each class and the spread around
them, the network's top-1 when its gates are changed, and on how many images it and the network that was trained without
squeeze-and-excitation disagree. Nothing is trained and nothing is random; 2 minutes.
"""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

import torch

from effnet_course import atlas, data, explain

CHANGES = {
    "as trained": lambda g: g,
    "mean of 500 images": lambda g: g.mean(0, keepdim=True).expand_as(g),
    "another image's": lambda g: g.roll(1, 0),
    "all open": torch.ones_like,
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--name", default="nano-16px")
    parser.add_argument("--records", type=Path, default=atlas.RECORDS)
    options = parser.parse_args()
    model, run = atlas.network(options.name, options.records)
    images = data.cifar10("validation", run.resolution)
    blocks = []
    for number, values in enumerate(explain.gates(model, images), 1):
        means, spread = explain.by_class(values, images.labels)
        blocks.append({
            "block": number, "channels": values.shape[1],
            "means": means.astype(float).round(3).tolist(), "spread": spread.astype(float).round(3).tolist(),
            "lowest": round(float(values.min()), 3), "highest": round(float(values.max()), 3),
            "total_spread": round(float(values.var(0).mean() ** 0.5), 4),
            "between_classes": round(float(means.var(0).sum() / values.var(0).sum()), 4),
        })  # fmt: skip
    before = explain.answers(model, images) == images.labels

    def changed(modules=None):
        """Top-1, images lost and images gained against the network as it was trained, for each change."""
        rows = {}
        for how, change in CHANGES.items():
            right = explain.answers(model, images, change, modules) == images.labels
            lost, gained = int((before & ~right).sum()), int((~before & right).sum())
            rows[how] = {"top1": round(100 * float(right.mean()), 2), "lost": lost, "gained": gained}
        return rows

    other = explain.answers(atlas.network(f"{run.base}-no-se-{run.resolution}px", options.records)[0], images)
    other = other == images.labels
    without_se = {"top1": round(100 * float(other.mean()), 2), "only_with": int((before & ~other).sum()),
                  "only_without": int((other & ~before).sum())}  # fmt: skip
    card = {
        "network": options.name, "run": asdict(run), "dataset": images.name, "split": images.split,
        "images": len(images), "classes": list(images.classes), "blocks": blocks,
        "changed": changed(), "changed_in_one_block": [changed([m]) for m in explain.squeeze_excitations(model)],
        "without_se": without_se, "torch": torch.__version__, "code": atlas._code(),
    }  # fmt: skip
    path = options.records / f"{options.name}-gates.json"
    lines = json.dumps(card, separators=(",", ":")).replace('{"block"', '\n{"block"').replace('"changed', '\n"changed')
    path.write_text(lines + "\n")
    print(path, without_se, card["changed"], *card["changed_in_one_block"], sep="\n")
