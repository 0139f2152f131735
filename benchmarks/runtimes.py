"""One network in PyTorch, ExecuTorch and LiteRT: are the answers equal, and how long does an image take?

    uv venv one && uv pip install --python one/bin/python executorch torch -e .
    one/bin/python benchmarks/runtimes.py executorch
    uv venv two && uv pip install --python two/bin/python litert-torch -e .
    two/bin/python benchmarks/runtimes.py litert

Each wants versions of its own, so each has an environment of its own, and the course brings neither. The lines are
those that lesson 11 shows. Times are of the processor, one image, medians of calls made in turn. With `--record` the
row goes to effnet_course/records/runtimes.json.
"""

import argparse
import datetime
import json
import statistics
import time
from importlib.metadata import version
from pathlib import Path

import torch

from effnet_course import atlas

RECORD = atlas.RECORDS / "runtimes.json"
RUNS = 200


def executorch(model, image, path):
    """Writes the network to a file, and returns what runs that file: image -> logits."""
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower
    from executorch.runtime import Runtime

    program = to_edge_transform_and_lower(torch.export.export(model, (image,)), partitioner=[XnnpackPartitioner()])
    path.write_bytes(program.to_executorch().buffer)
    method = Runtime.get().load_program(path).load_method("forward")
    return lambda x: method.execute([x])[0]


def litert(model, image, path):
    """Likewise."""
    import litert_torch

    converted = litert_torch.convert(model.eval(), (image,))
    converted.export(str(path))
    return lambda x: torch.as_tensor(converted(x))


PACKAGES = {"executorch": (executorch, "executorch"), "litert": (litert, "litert-torch")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runtime", choices=PACKAGES)
    parser.add_argument("--record", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    model = atlas.network("nano-16px")[0].eval()
    images = torch.randn(50, 1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    convert, package = PACKAGES[options.runtime]
    path = Path(f"nano.{options.runtime}")
    with torch.no_grad():
        there = convert(model, images[0], path)
        difference = max((there(image) - model(image)).abs().max().item() for image in images)
        times = {"pytorch": [], options.runtime: []}
        for run in range(RUNS):
            for name, function in (("pytorch", model), (options.runtime, there)):
                began = time.process_time()
                function(images[run % len(images)])
                times[name].append(1e3 * (time.process_time() - began))
    row = {
        "runtime": options.runtime, "network": "nano-16px", "difference": difference, "bytes": path.stat().st_size,
        "ms": round(statistics.median(times[options.runtime]), 3),
        "pytorch_ms": round(statistics.median(times["pytorch"]), 3), "runs": RUNS,
        "versions": {"torch": torch.__version__, package: version(package)},
        "device": atlas._processor(), "date": datetime.date.today().isoformat(),
    }  # fmt: skip
    path.unlink()
    print(json.dumps(row, indent=1))
    if options.record:
        rows = json.loads(RECORD.read_text()) if RECORD.exists() else []
        rows = [old for old in rows if old["runtime"] != options.runtime] + [row]
        RECORD.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
