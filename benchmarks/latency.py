"""Published networks, timed side by side on this machine's CPU. Lesson 10.

    python benchmarks/latency.py            # about four minutes on two idle cores; writes records/latency.json
    python benchmarks/latency.py --again    # the same from the start: what is recorded is thrown away
    python benchmarks/latency.py --seconds 5 --batches 1 --threads 1 --file /tmp/look.json       # a short look
    python benchmarks/latency.py --table    # print the recorded table

A setting (batch, threads) is written as soon as it is done; called again, what is there is not measured again.
Every round runs each network once, so that a machine that slows down slows all; median and quartiles over rounds. Eager
PyTorch, float32, channels last, random weights and noise for images (neither changes the time), batch norm not folded.
With 32 images those that would take longest are left out. Costs come from published.json, counted for one image.
"""

import argparse
import json
import os
import time
from pathlib import Path

import torch
from torchvision.models import get_model

from effnet_course import atlas, deploy

FILE = atlas.RECORDS / "latency.json"
NAMES = ("vgg19", "resnet18", "resnet50", "mobilenet_v2", "mobilenet_v3_large", "efficientnet_b0", "efficientnet_b1",
         "efficientnet_b4", "regnet_y_400mf", "regnet_y_800mf", "regnet_y_3_2gf", "convnext_tiny",
         "efficientnet_v2_s")  # fmt: skip
HOW = "eager, float32, channels last, random weights, turns taken in every round"
LARGEST_BATCHED = 4.2e9  # MACs; dearer networks are timed with one image only


def measure(batch, threads, seconds, published) -> list[dict]:
    """The networks at one setting, in turn: rounds for about so many seconds, three at least."""
    costs = {row["id"]: row for row in reversed(published) if row["set"] == "torchvision"}
    names = [name for name in NAMES if batch == 1 or costs[name]["macs"] < LARGEST_BATCHED]
    models = {name: (get_model(name), costs[name]["pixels"]) for name in names}
    began = time.monotonic()

    def tell(done):
        print(f"batch {batch}, threads {threads}, {len(names)} networks: round {done}, "
              f"{time.monotonic() - began:.0f} s", flush=True)  # fmt: skip

    found = deploy.compare(models, batch, threads, runs=60, warmup=1, seconds=seconds, least=3, tell=tell)
    rows = []
    for name, t in found.items():
        cost = costs[name]
        rows.append({
            "id": name, "name": cost["name"], "pixels": cost["pixels"], "batch": batch, "threads": threads,
            "runs": len(t.times), "median_ms": round(1000 * t.median, 3), "low_ms": round(1000 * t.low, 3),
            "high_ms": round(1000 * t.high, 3),
            **{key: cost[key] for key in ("macs", "params", "activations", "bytes", "peak")},
        })  # fmt: skip
    return rows


def table(rows):
    print(f"{'network':19}{'px':>4}{'batch':>6}{'thr.':>5}{'median ms':>11}{'quartiles':>18}{'MACs, G':>9}"
          f"{'act., M':>9}{'MB':>7}{'ps/MAC':>8}")  # fmt: skip
    for r in sorted(rows, key=lambda r: (r["batch"], r["threads"], r["median_ms"])):
        spread = f"{r['low_ms']:.1f} to {r['high_ms']:.1f}"
        print(f"{r['name']:19}{r['pixels']:>4}{r['batch']:>6}{r['threads']:>5}{r['median_ms']:>11.1f}{spread:>18}"
              f"{r['macs'] / 1e9:>9.2f}{r['activations'] / 1e6:>9.1f}{r['bytes'] / 1e6:>7.0f}"
              f"{1e9 * r['median_ms'] / r['macs'] / r['batch']:>8.1f}")  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=45, help="for each setting; three rounds may take longer")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 32])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--file", type=Path, default=FILE)
    parser.add_argument("--again", action="store_true", help="measure what is recorded already, too")
    parser.add_argument("--table", action="store_true", help="print what is recorded")
    options = parser.parse_args()
    record = json.loads(options.file.read_text()) if options.file.exists() else {"about": {}, "rows": []}
    if options.table:
        table(record["rows"])
        return
    about = {"device": atlas._processor().rsplit(",", 1)[0], "torch": torch.__version__}
    if options.again or any(record["about"].get(key) != value for key, value in about.items()):
        record = {"about": {}, "rows": []}  # times of another machine don't mix with these
    published = json.loads((atlas.RECORDS / "published.json").read_text())["rows"]
    for batch in options.batches:
        for threads in options.threads:
            if any((row["batch"], row["threads"]) == (batch, threads) for row in record["rows"]):
                print(f"batch {batch}, threads {threads}: recorded already", flush=True)
                continue
            began = time.monotonic()
            rows = measure(batch, threads, options.seconds, published)
            table(rows)
            taken = record["about"].get("seconds", 0) + round(time.monotonic() - began)
            load = max(record["about"].get("highest_load", 0), os.getloadavg()[0])
            record["about"] = about | {"code": atlas._code(), "date": time.strftime("%Y-%m-%d"), "seconds": taken,
                                       "highest_load": round(load, 2), "how": HOW}  # fmt: skip
            record["rows"] += rows
            write(record, options.file)


def write(record, path):
    """The whole file, or none of it."""
    lines = ",\n  ".join(json.dumps(row) for row in record["rows"])
    part = path.with_suffix(".part")
    part.write_text(f'{{"about": {json.dumps(record["about"])},\n "rows": [\n  {lines}\n]}}\n')
    part.replace(path)


if __name__ == "__main__":
    main()
