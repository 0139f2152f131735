"""Sharp pictures through a shallow network, blurred ones through a wide one: what lesson 05 shows, trained here.

    python benchmarks/record_mismatch.py             # about six minutes on one core
    python benchmarks/record_mismatch.py --runs 2    # the next two that are missing

Two tables on Shapes, each 2 x 2 networks and three seeds. "depth": pictures whose mark is either in fine stripes or in
the direction from a planet to its moon (detail 1, extent 1), networks of 12 or 28 pixels, d = 1 or 3. "width": stripes
in five colours, each with its own key (detail 1, variety 0.5), 12 or 28 pixels, w = 0.67 or 2. The base has no
squeeze-and-excitation, so that nothing but depth lets it see far. Rows go to effnet_course/records/mismatch.json. The
networks, the recipe and the three seeds were fixed after one trial, with one seed and slightly other sizes and knobs.
"""

import argparse
import json
import time
from dataclasses import replace

import torch

from effnet_course import atlas, explain, shapes
from effnet_course.arch import Architecture, Stage
from effnet_course.cost import network_cost
from effnet_course.model import EfficientNet
from effnet_course.train import to_input

FILE = atlas.RECORDS / "mismatch.json"
BASE = Architecture(
    name="toy", stem=12, stages=(Stage(2, 3, 1, 12, 1), Stage(2, 3, 2, 20, 1)), head=48, resolution=12, dropout=0.0,
    stochastic_depth=0.0, se_ratio=0, norm_momentum=0.1, channel_step=4,
)  # fmt: skip
TABLES = {
    "depth": ({"detail": 1.0, "extent": 1.0, "variety": 0.0}, [(12, 1, 1), (12, 3, 1), (28, 1, 1), (28, 3, 1)]),
    "width": ({"detail": 1.0, "extent": 0.0, "variety": 0.5}, [(12, 1, 0.67), (12, 1, 2), (28, 1, 0.67), (28, 1, 2)]),
}
RECIPE = {"images": 4000, "validation": 1000, "epochs": 6, "batch": 50, "optimizer": "adamw", "rate": 0.008}


def train(net: Architecture, knobs: dict, seed: int) -> tuple[float, dict, float]:
    """Top-1 in percent over all validation pictures and for each way they show their mark, and the seconds."""
    count, batch = RECIPE["images"], RECIPE["batch"]
    pixels, labels = (torch.from_numpy(a) for a in shapes.draw("train", count, net.resolution, **knobs))
    held, wanted = shapes.draw("validation", RECIPE["validation"], net.resolution, **knobs)
    ways = shapes.scenes("validation", RECIPE["validation"], **knobs).way
    torch.manual_seed(seed)
    model = EfficientNet(net, 10).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(model.parameters(), RECIPE["rate"], weight_decay=0.01)
    steps = RECIPE["epochs"] * (count // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RECIPE["rate"], steps)
    began = time.monotonic()
    for _ in range(RECIPE["epochs"]):
        for index in torch.randperm(count).view(-1, batch):
            loss = torch.nn.functional.cross_entropy(model(to_input(pixels[index])), labels[index])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    seconds = time.monotonic() - began
    model.eval()
    with torch.inference_mode():
        right = model(to_input(torch.from_numpy(held))).argmax(1).numpy() == wanted
    shown = {name: ways == number for number, name in enumerate(shapes.WAYS) if (ways == number).any()}
    return 100 * right.mean(), {name: round(100 * right[mask].mean(), 2) for name, mask in shown.items()}, seconds


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=100)
    left = parser.parse_args().runs
    device = atlas._processor()
    record = {"dataset": "Shapes", "recipe": RECIPE, "knobs": {name: knobs for name, (knobs, _) in TABLES.items()},
              "device": device, "torch": torch.__version__, "rows": []}  # fmt: skip
    if FILE.exists():
        record = json.loads(FILE.read_text())
    done = {(r["table"], r["resolution"], r["depth"], r["width"], r["seed"]) for r in record["rows"]}
    for seed in range(3):
        for table, (knobs, networks) in TABLES.items():
            for resolution, depth, width in networks:
                if left and (table, resolution, depth, width, seed) not in done:
                    net = replace(BASE, resolution=resolution, depth=float(depth), width=float(width))
                    top1, by_way, seconds = train(net, knobs, seed)
                    counted = network_cost(net, 10)
                    record["rows"].append({
                        "table": table, "resolution": resolution, "depth": depth, "width": width, "seed": seed,
                        "field": explain.theoretical_field(net)[-1].side, "macs": counted.macs,
                        "params": counted.params, "top1": round(top1, 2), "by_way": by_way,
                        "seconds": round(seconds, 1),
                    })  # fmt: skip
                    FILE.write_text(json.dumps(record, indent=1) + "\n")
                    print(record["rows"][-1], flush=True)
                    left -= 1


if __name__ == "__main__":
    main()
