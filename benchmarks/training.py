"""How fast a small network trains here, what limits it, and what each measure gains.

    python benchmarks/training.py                # NANO, its 4x compound and FUSED; about eight minutes
    python benchmarks/training.py --compile      # torch.compile as well; a minute more for each network

Every variant takes its turn in every round, so that a busy machine slows all of them alike; what counts is the median
over rounds of the ratio to the course's own way (the first line). Pixels are random: this is about time only.
"""

import argparse
import statistics
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from effnet_course.arch import FUSED, NANO, compound_multipliers
from effnet_course.cost import network_cost
from effnet_course.model import EfficientNet
from effnet_course.train import augment, to_input

NETWORKS = {"NANO": NANO, "4x compound": NANO.scaled(*compound_multipliers(1.86)), "FUSED": FUSED}


class Pictures(Dataset):
    """One image at a time, augmented one at a time, as tutorials do it."""

    def __init__(self, pixels):
        self.pixels = pixels
        self.change = v2.Compose([
            v2.ToPILImage(), v2.RandomCrop(pixels.shape[1], padding=2), v2.RandomHorizontalFlip(), v2.ToImage(),
            v2.ToDtype(torch.float32, scale=True), v2.Normalize([0.5] * 3, [0.25] * 3),
        ])  # fmt: skip

    def __len__(self):
        return len(self.pixels)

    def __getitem__(self, index):
        return self.change(self.pixels[index]), index % 10


def in_memory(pixels, batch):
    """Batches as `train.fit` makes them: one indexing operation each."""
    while True:
        index = np.random.default_rng(0).permutation(len(pixels))[:batch]
        flips, shifts = torch.rand(batch) < 0.5, torch.randint(-2, 3, (batch, 2))
        yield to_input(augment(torch.from_numpy(pixels[index]), flips, shifts)), torch.from_numpy(index) % 10


def one_by_one(pixels, batch):
    while True:
        yield from DataLoader(Pictures(pixels), batch, shuffle=True, drop_last=True)


def stepper(network, batch, batches=in_memory, layout=torch.channels_last, compiled=False, mixed=False):
    """A function that does one training step."""
    torch.manual_seed(0)
    model = EfficientNet(network, 10).to(memory_format=layout)
    forward = torch.compile(model) if compiled else model
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, nesterov=True)
    pixels = np.random.default_rng(0).integers(0, 256, (4 * batch, *2 * (network.resolution,), 3), dtype=np.uint8)
    source = batches(pixels, batch)

    def step():
        images, labels = next(source)
        with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
            logits = forward(images.contiguous(memory_format=layout))
        loss = nn.functional.cross_entropy(logits.float(), labels)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()

    return step


def images_per_second(step, batch, seconds):
    began, steps = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        step()
        steps += 1
    return steps * batch / (time.perf_counter() - began)


def compare(name, network, options):
    variants = {
        "the course's: channels last, in memory, batch 128": stepper(network, 128),
        "images laid out channel by channel": stepper(network, 128, layout=torch.contiguous_format),
        "images augmented one by one": stepper(network, 128, batches=one_by_one),
        "mixed precision, bfloat16": stepper(network, 128, mixed=True),
        "the same, half of the stem's channels": stepper(replace(network, stem=network.stem // 2), 128, mixed=True),
        "batch 64": stepper(network, 64),
        "batch 256": stepper(network, 256),
    }
    if options.compile:
        began = time.perf_counter()
        variants["torch.compile"] = stepper(network, 128, compiled=True)
        variants["torch.compile"]()
        print(f"compiling took {time.perf_counter() - began:.0f} s")
    size = {variant: next((n for n in (64, 256) if variant == f"batch {n}"), 128) for variant in variants}
    for step in variants.values():
        step()
    rounds = [
        {variant: images_per_second(step, size[variant], options.seconds) for variant, step in variants.items()}
        for _ in range(options.rounds)
    ]
    macs, threads = network_cost(network, 10).macs, torch.get_num_threads()
    print(f"\n{name}: {macs:,} MACs, {network.resolution} px, {threads} threads")
    first = next(iter(variants))
    for variant in variants:
        speed = statistics.median(r[variant] for r in rounds)
        ratio = statistics.median(r[variant] / r[first] for r in rounds)
        print(f"  {variant:<52}{speed:>6.0f} images/s {ratio:>6.2f}")


def two_at_a_time(name, options):
    """One run with two threads against two runs with one thread each, taking turns."""
    alone, together = [], []
    for _ in range(max(2, options.rounds // 3)):
        alone.append(sum(_children(name, options, threads=2, count=1)))
        together.append(sum(_children(name, options, threads=1, count=2)))
    ratio = statistics.median(b / a for a, b in zip(alone, together, strict=True))
    print(f"  two runs with one thread each, together             {statistics.median(together):>6.0f} images/s "
          f"{ratio:>6.2f} against one run with two")  # fmt: skip


def _children(name, options, threads, count):
    command = [sys.executable, __file__, "--child", name, "--threads", str(threads)]
    command += ["--seconds", str(options.seconds * 4)]
    children = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(count)]
    return [float(child.communicate()[0]) for child in children]


def limits(name, network):
    """Where a step's time goes, by kind of operation."""
    step = stepper(network, 128)
    step()
    with torch.profiler.profile() as profile:
        for _ in range(5):
            step()
    parts = {"convolution": "conv", "batch norm": "batch_norm", "SiLU": "silu", "anything else": ""}
    kinds = dict.fromkeys(parts, 0.0)
    for event in profile.key_averages():
        kind = next(kind for kind, part in parts.items() if part in event.key.lower())
        kinds[kind] += event.self_cpu_time_total
    total = sum(kinds.values())
    print("  a step's time: " + ", ".join(f"{kind} {100 * spent / total:.0f} %" for kind, spent in kinds.items()))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=1.5, help="for each variant in each round")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    if options.child:
        step = stepper(NETWORKS[options.child], 128)
        step()
        print(images_per_second(step, 128, options.seconds))
        sys.exit()
    for name, network in NETWORKS.items():
        compare(name, network, options)
        two_at_a_time(name, options)
        limits(name, network)
