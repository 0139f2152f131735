"""Our EfficientNet beside torchvision's and timm's: python benchmarks/model.py

The same images, one run. Each round times every network once, in turn, and the table gives the
median over rounds of each network's time divided by torchvision's in the same round: a machine that slows down
slows all of them. Beside it stands the ratio of the fastest rounds, which other work on the machine disturbs least.
timm is left out where it is not installed (pip install timm).
"""

import argparse
import statistics
import time

import torch
import torchvision

from effnet_course.arch import VARIANTS
from effnet_course.model import EfficientNet


def forward(model, images, labels):
    with torch.inference_mode():
        model(images)


def training_step(model, images, labels):
    model.zero_grad(set_to_none=True)
    torch.nn.functional.cross_entropy(model(images), labels).backward()


def networks(name: str) -> dict:
    theirs = getattr(torchvision.models, f"efficientnet_{name}")()
    found = {"torchvision": theirs, "effnet_course": EfficientNet(VARIANTS[name]).load_torchvision(theirs.state_dict())}
    try:
        import timm
    except ImportError:
        return found
    return found | {"timm": timm.create_model(f"efficientnet_{name}")}


def ratios(models: dict, work, images, labels, rounds: int) -> dict:
    """Median and spread of each network's time over torchvision's, ratio of the fastest, median in milliseconds."""
    taken = {name: [] for name in models}
    for _ in range(rounds + 2):
        for name, model in models.items():
            began = time.perf_counter()
            work(model, images, labels)
            taken[name].append(time.perf_counter() - began)
    rows = {}
    for name, times in taken.items():
        shares = [t / base for t, base in zip(times[2:], taken["torchvision"][2:], strict=True)]
        low, _, high = statistics.quantiles(shares, n=4)
        fastest = min(times[2:]) / min(taken["torchvision"][2:])
        rows[name] = (statistics.median(shares), low, high, fastest, 1000 * statistics.median(times[2:]))
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", default="b0", choices=list(VARIANTS)[:8])
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--pixels", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=30)
    options = parser.parse_args()
    images = torch.randn(options.batch, 3, options.pixels, options.pixels)
    labels = torch.randint(1000, (options.batch,))
    print(f"{options.network}, {options.batch} images of {options.pixels} px, {torch.get_num_threads()} threads, "
          f"torch {torch.__version__}, {options.rounds} rounds")  # fmt: skip
    print(f"{'':42}{'ratio':>7}{'middle half':>16}{'fastest':>10}{'ms':>9}")
    for layout, memory_format in (("contiguous", torch.contiguous_format), ("channels last", torch.channels_last)):
        models = {n: m.to(memory_format=memory_format) for n, m in networks(options.network).items()}
        pictures = images.to(memory_format=memory_format)
        for kind, work in (("forward", forward), ("training step", training_step)):
            for model in models.values():
                model.train(work is training_step)
            for name, row in ratios(models, work, pictures, labels, options.rounds).items():
                ratio, low, high, fastest, ms = row
                spread = f"{low:.3f} to {high:.3f}"
                print(f"{layout:<15}{kind:<15}{name:<15}{ratio:>5.3f}{spread:>17}{fastest:>10.3f}{ms:>9.1f}")
