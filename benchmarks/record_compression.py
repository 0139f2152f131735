"""One network through everything that lesson 11 does: size and accuracy of each step; its latency when asked.

    python benchmarks/record_compression.py --short --only steps bits   # a few minutes of two idle cores
    python benchmarks/record_compression.py --only steps bits           # all images: about half an hour
    python benchmarks/record_compression.py --times                     # times alone, a few minutes, on a QUIET machine

Two parts train networks from nothing and are run by themselves. Each row is saved as soon as it is there; killed and
called again (the same line) they go on after the last row, Lite even in the middle of a network:

    python benchmarks/record_compression.py --only distillation         # 9 students (3 seeds x 3 arms), 5 epochs each
    python benchmarks/record_compression.py --only lite                 # 12 networks (3 seeds x 4 variants), 8 epochs

`--short` makes them 3 students and 4 networks of 3,200 images each: for trying it out. Without `--only` all four parts
run, without times.

Writes effnet_course/records/compression.json, where each part has its own settings and its own "made" (device, date,
versions): a part that is called with other settings (network, short) starts anew, the others stay. All choices
(bounds, scales, what to prune, fine-tuning) use training images and are looked at on validation images; test images are
read once for each step, at its end. Times are taken in turns: each round runs every network once.
"""

import argparse
import datetime
import json
import warnings
import zlib
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from torch import nn

from effnet_course import atlas, compress, data, deploy, runner
from effnet_course.home import home
from effnet_course.ingredients import make_optimizer
from effnet_course.model import EfficientNet
from effnet_course.recipe import Recipe
from effnet_course.train import augment, evaluate, fit, to_input

warnings.filterwarnings("ignore")
FILE = atlas.RECORDS / "compression.json"
CALIBRATION = 512  #: training images from which ranges are taken
SHORT = {"images": 3200, "epochs": 1, "validation": 1000, "test": 1000, "seeds": [0], "lite_images": 3200}
FULL = {"images": 45000, "epochs": 3, "validation": 5000, "test": 10000, "seeds": [0, 1, 2], "lite_images": 22500}
PARTS = ("steps", "bits", "distillation", "lite")
DISTILLATION_EPOCHS = 5
TEMPERATURES = (1.0, 4.0)


class Runnable:
    """What `evaluate` needs of a model, around a function of a batch of images."""

    training = False

    def __init__(self, function):
        self.function, self.weight = function, nn.Parameter(torch.zeros(1))

    def parameters(self):
        return iter([self.weight])

    def eval(self):
        return self

    def train(self, mode):
        return self

    def __call__(self, images):
        return torch.as_tensor(self.function(images.contiguous()))


class Bench:
    """The network, its images, and the record that grows."""

    def __init__(self, name: str, short: bool):
        self.model, self.run = atlas.network(name)
        self.pixels, self.size = self.run.resolution, SHORT if short else FULL
        self.folder = Path(home(), "compression", f"{name}-{'short' if short else 'full'}")
        self.folder.mkdir(parents=True, exist_ok=True)
        self.settings = {"network": name, "short": short, "calibration": CALIBRATION, **self.size}
        empty = {"settings": {}, "made": {}, **{part: [] for part in PARTS}}
        self.record = empty | (json.loads(FILE.read_text()) if FILE.exists() else {})
        self.train = self.images("train", self.size["images"])
        self.validation = self.images("validation", self.size["validation"])
        calibration = self.images("train", CALIBRATION)
        self.calibration = to_input(torch.from_numpy(calibration.pixels.copy())).contiguous()
        self.folded = compress.folded(self.model)

    def images(self, split: str, count: int):
        found = data.cifar10(split, self.pixels)
        return found if count >= len(found) else found.take(count, seed=0)

    def begin(self, part: str) -> None:
        """Rows of this part that were made with other settings go."""
        if self.record["settings"].get(part) != self.settings:
            self.record[part], self.record["settings"][part] = [], self.settings
            self.record["made"].pop("times" if part == "steps" else part, None)

    def save(self, what: str) -> None:
        """Write the record, and on what machine, when and with what this part of it was made."""
        self.record["made"][what] = {
            "date": datetime.date.today().isoformat(), "device": atlas._processor(), "threads": torch.get_num_threads(),
            "versions": {p: version(p) for p in ("torch", "torchao", "onnx", "onnxruntime")},
        }  # fmt: skip
        part = FILE.with_suffix(".part")
        part.write_text(json.dumps(self.record, indent=1) + "\n")
        part.replace(FILE)

    # The steps: each a function of this bench that gives (what runs, bytes, whether that is a file's size)

    def stored(self, model) -> int:
        """Bytes of a file of float32 numbers."""
        from safetensors.torch import save

        return len(save({k: v.contiguous() for k, v in model.state_dict().items()}))

    def bytes_at(self, bits: int, per_channel: bool) -> int:
        """Computed: weights at `bits` bits, a float32 scale for each channel or layer, float32 biases."""
        total = 0
        for layer in compress.layers(self.folded).values():
            scales = len(layer.weight) if per_channel else 1
            total += -(-layer.weight.numel() * bits // 8) + 4 * scales + 4 * len(layer.bias)
        return total

    def tuned(self, model, name: str):
        """The model after a few epochs more, with what is pruned held at zero."""
        path = self.folder / f"{name}.pt"
        recipe = Recipe(epochs=self.size["epochs"], rate=0.02, batch=64)
        fit(model, self.train, self.validation, recipe, checkpoint=path)
        return model.eval()

    def masked(self, sparsity: float, tune: bool):
        model = compress.pruned_weights(self.model, sparsity)
        if tune:
            model = self.tuned(model, f"masked-{sparsity}")
        model = compress.settled(model)
        # Zeros shrink a file only when it is packed. As float16, like the file that ships: what a float16 leaves empty
        # in a float32 packs well, too, and would be taken for the zeros' merit.
        numbers = [v.half().numpy().tobytes() for v in model.state_dict().values() if v.is_floating_point()]
        return model, len(zlib.compress(b"".join(numbers), 9))

    def slim(self, share: float, tune: bool):
        model = compress.slimmed(self.model, share)
        return self.tuned(model, f"slim-{share}") if tune else model

    def onnx(self, name: str, model=None) -> Path:
        path = self.folder / f"{name}.onnx"
        if not path.exists():
            deploy.export_onnx(model, path, self.pixels)
        return path

    def onnx_int8(self) -> Path:
        from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

        batches = iter([{"images": part.numpy()} for part in self.calibration.split(64)])

        class Reader(CalibrationDataReader):
            def get_next(self):
                return next(batches, None)

        path = self.folder / "int8.onnx"
        if not path.exists():
            quantize_static(
                self.onnx("float32", self.model), path, Reader(), quant_format=QuantFormat.QDQ, per_channel=True,
                weight_type=QuantType.QInt8, activation_type=QuantType.QUInt8,
            )  # fmt: skip
        return path

    def pt2e(self):
        from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e
        from torchao.quantization.pt2e.quantizer.x86_inductor_quantizer import (
            X86InductorQuantizer,
            get_default_x86_inductor_quantization_config,
        )

        batch = torch.export.Dim("batch", min=1, max=4096)
        exported = torch.export.export(self.model, (self.calibration[:8],), dynamic_shapes=({0: batch},)).module()
        quantizer = X86InductorQuantizer().set_global(get_default_x86_inductor_quantization_config())
        prepared = prepare_pt2e(exported, quantizer)
        prepared(self.calibration)
        return convert_pt2e(prepared)

    def steps(self) -> dict:
        """name -> (group, where it runs, makes what runs and its bytes). "simulated": rounded numbers, float work."""
        torch_, ort = "PyTorch", "onnxruntime"

        def rounded(bits, symmetric, per_channel):
            model = compress.quantised_weights(self.folded, bits, symmetric, per_channel)
            return model, self.bytes_at(bits, per_channel)

        def both(share):
            bounds = compress.input_bounds(self.folded, self.calibration, share)
            weights = compress.quantised_weights(self.folded, 8)
            return compress.quantised_inputs(weights, bounds), self.bytes_at(8, True)

        def file(path):
            return Runnable(deploy.onnx_session(path, torch.get_num_threads())), path.stat().st_size

        half = sum(v.numel() * (2 if v.is_floating_point() else 8) for v in self.model.state_dict().values())
        return {
            "as trained, float32": ("", torch_, lambda: (self.model, self.stored(self.model))),
            "weights as float16": ("bits", "simulated", lambda: (self.model, half)),
            "weights as float16, packed": ("bits", "simulated", lambda: self.masked(0.0, False)),
            "norms folded": ("exact", torch_, lambda: (self.folded, self.stored(self.folded))),
            "ONNX float32": ("exact", ort, lambda: file(self.onnx("float32", self.model))),
            "weights 8 bits, per tensor": ("bits", "simulated", lambda: rounded(8, True, False)),
            "weights 8 bits, per channel": ("bits", "simulated", lambda: rounded(8, True, True)),
            "weights 4 bits, per channel": ("bits", "simulated", lambda: rounded(4, True, True)),
            "weights and inputs 8 bits": ("bits", "simulated", lambda: both(1.0)),
            "weights and inputs 8 bits, clipped": ("bits", "simulated", lambda: both(0.999)),
            "torchao PT2E, 8 bits": ("bits", "simulated", lambda: (Runnable(self.pt2e()), self.bytes_at(8, True))),
            "ONNX 8 bits": ("bits", ort, lambda: file(self.onnx_int8())),
            "half of the 1x1 weights zero, packed float16": ("pruned", torch_, lambda: self.masked(0.5, False)),
            "half of the 1x1 weights zero, tuned, packed float16": ("pruned", torch_, lambda: self.masked(0.5, True)),
            "80 % of the 1x1 weights zero, tuned, packed float16": ("pruned", torch_, lambda: self.masked(0.8, True)),
            "half of the hidden channels": ("pruned", torch_, lambda: self.with_bytes(self.slim(0.5, False))),
            "half of the hidden channels, tuned": ("pruned", torch_, lambda: self.with_bytes(self.slim(0.5, True))),
            "half of the hidden channels, tuned, ONNX": (
                "pruned", ort, lambda: file(self.onnx("slim", self.slim(0.5, True))),
            ),
        }  # fmt: skip

    def with_bytes(self, model):
        return model, self.stored(model)

    def record_steps(self) -> None:
        """Top-1 and sizes of the steps that are not recorded yet."""
        order = list(self.steps())
        self.record["steps"] = [row for row in self.record["steps"] if row["name"] in order]
        for name, (group, where, make) in self.steps().items():
            if name not in [row["name"] for row in self.record["steps"]]:
                made, size = make()
                plain = made if isinstance(made, nn.Module) else None
                small = "hidden channels" in name
                macs = compress.counted_macs(self.slim(0.5, False) if small else self.model, self.pixels)
                params = sum(p.numel() for p in plain.parameters()) if plain else None
                row = {
                    "name": name, "group": group, "runs_in": where, "bytes": size, "params": params, "macs": macs,
                    "validation": round(evaluate(made, self.validation).top1, 2),
                    "test": round(evaluate(made, self.images("test", self.size["test"])).top1, 2),
                }  # fmt: skip
                self.record["steps"] = sorted([*self.record["steps"], row], key=lambda r: order.index(r["name"]))
                self.save("steps")
                print(row, flush=True)

    def record_times(self, runs: int) -> None:
        """Median milliseconds of each step that runs as it would be used, all in turn, for one image and for 32."""
        if not self.record["steps"]:
            raise SystemExit("There are no steps to time yet: --only steps first.")
        real = {name: make()[0] for name, (_, where, make) in self.steps().items() if where != "simulated"}
        for model in real.values():
            if isinstance(model, nn.Module):
                model.eval().to(memory_format=torch.channels_last)  # as `fit` leaves those that were tuned
        for batch in (1, 32):
            images = torch.randn(batch, 3, self.pixels, self.pixels).contiguous(memory_format=torch.channels_last)
            with torch.inference_mode():
                taken = deploy.time_in_turn({n: partial(m, images) for n, m in real.items()}, runs, 5, batch)
            for row in self.record["steps"]:
                if row["name"] in taken:
                    t = taken[row["name"]]
                    row[f"ms_{batch}"] = [round(1000 * v, 4) for v in (t.median, t.low, t.high)]
                    print(f"{row['name']}, {batch} images: {row[f'ms_{batch}'][0]:.3f} ms", flush=True)
        self.save("times")

    def record_bits(self) -> None:
        """Top-1 on validation images with weights, or inputs, at 2 to 8 bits, one at a time."""
        bounds = {share: compress.input_bounds(self.folded, self.calibration, share) for share in (1.0, 0.999)}
        jobs = [("weights", b, s, c) for b in range(8, 1, -1) for s in (True, False) for c in (False, True)]
        jobs += [("inputs", b, False, share) for b in range(8, 1, -1) for share in bounds]
        for what, bits, symmetric, third in jobs:
            key = {"what": what, "bits": bits, "symmetric": symmetric,
                   "per_channel" if what == "weights" else "share": third}  # fmt: skip
            if not any(key.items() <= row.items() for row in self.record["bits"]):
                if what == "weights":
                    model = compress.quantised_weights(self.folded, bits, symmetric, third)
                else:
                    model = compress.quantised_inputs(self.folded, bounds[third], bits)
                self.record["bits"].append(key | {"validation": round(evaluate(model, self.validation).top1, 2)})
                self.save("bits")

    def record_distillation(self) -> None:
        """A student of half the width from nothing, alone and with the network as its teacher: equal epochs, seeds."""
        student_of = self.model.architecture.scaled(width=0.5)
        arms = [("alone", 1.0, 0.0), *((f"taught, temperature {t:g}", t, 0.5) for t in TEMPERATURES)]
        for seed in self.size["seeds"]:
            for name, temperature, share in arms:
                if not any((r["name"], r["seed"]) == (name, seed) for r in self.record["distillation"]):
                    torch.manual_seed(seed)
                    student = EfficientNet(student_of, 10)
                    self.teach(student, temperature, share, seed)
                    self.record["distillation"].append({
                        "name": name, "seed": seed, "epochs": DISTILLATION_EPOCHS, "images": len(self.train),
                        "params": sum(p.numel() for p in student.parameters()),
                        "macs": compress.counted_macs(student, self.pixels),
                        "validation": round(evaluate(student, self.validation).top1, 2),
                    })  # fmt: skip
                    self.save("distillation")
                    print(self.record["distillation"][-1], flush=True)

    def teach(self, student, temperature: float, share: float, seed: int) -> None:
        recipe = Recipe(epochs=DISTILLATION_EPOCHS, batch=64, seed=seed)
        optimizer = make_optimizer(student, recipe)
        steps, generator = len(self.train) // recipe.batch, torch.Generator().manual_seed(seed)
        pixels, labels = torch.from_numpy(np.array(self.train.pixels)), torch.from_numpy(np.array(self.train.labels))
        student.train()
        for epoch in range(recipe.epochs):
            order = torch.randperm(len(labels), generator=generator)[: steps * recipe.batch].view(steps, -1)
            for step, index in enumerate(order):
                flips = torch.rand(len(index), generator=generator) < 0.5
                shifts = torch.randint(-1, 2, (len(index), 2), generator=generator)
                x = to_input(augment(pixels[index], flips, shifts)).contiguous()
                with torch.no_grad():
                    wanted = self.model(x) if share else torch.zeros(len(index), 10)
                for group in optimizer.param_groups:
                    group["lr"] = recipe.rate_at(epoch * steps + step, recipe.epochs * steps)
                loss = compress.distillation_loss(student(x), wanted, labels[index], temperature, share)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        student.eval()

    def record_lite(self) -> None:
        """The plan cifar10-lite: each network trained, then its weights and inputs rounded in several ways."""
        for job in runner.read_plan("cifar10-lite"):
            seed, label = job.recipe["seed"], job.label
            done = any((r["name"], r["seed"]) == (label, seed) for r in self.record["lite"])
            if seed in self.size["seeds"] and not done:
                recipe = Recipe(**job.recipe)
                train = self.images("train", self.size["lite_images"])
                checkpoint = self.folder / f"lite-{label.replace(' ', '-')}-{seed}.pt"
                run, model = atlas.measure(job.architecture, recipe, train, self.validation, checkpoint=checkpoint)
                row = {"name": label, "seed": seed, "images": len(train), "epochs": recipe.epochs, "macs": run.macs,
                       "params": run.params, "float": run.validation[-1]}  # fmt: skip
                model = compress.folded(model)
                bounds = compress.input_bounds(model, self.calibration)
                for bits in (8, 6, 5, 4):
                    row[f"weights {bits}, per tensor"] = evaluate(
                        compress.quantised_weights(model, bits, True, False), self.validation).top1  # fmt: skip
                    row[f"inputs {bits}"] = evaluate(
                        compress.quantised_inputs(model, bounds, bits), self.validation).top1  # fmt: skip
                self.record["lite"].append({k: round(v, 2) if isinstance(v, float) else v for k, v in row.items()})
                self.save("lite")
                print(self.record["lite"][-1], flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", default="nano-16px")
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--only", nargs="+", choices=PARTS, help="these parts; else all, unless --times is given")
    parser.add_argument("--times", action="store_true", help="time the steps, in turns: on a quiet machine only")
    parser.add_argument("--runs", type=int, default=200, help="passes that a time is taken over")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.times and not options.only and FILE.exists():  # the networks that were recorded
        recorded = json.loads(FILE.read_text())["settings"].get("steps", {})
        options.short, options.network = recorded.get("short", True), recorded.get("network", options.network)
    bench = Bench(options.network, options.short)
    for part in options.only or ([] if options.times else PARTS):
        bench.begin(part)
        getattr(bench, f"record_{part}")()
    if options.times:
        bench.record_times(options.runs)
