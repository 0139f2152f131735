"""What a network takes on a machine: seconds, and memory. Derived in lesson 10.

A time alone is worth little. `latency` and `compare` warm up, repeat, keep every time, and give the median and the
quartiles; `compare` takes turns, so that a machine that slows down slows all networks. `peak_memory` follows tensors
from birth to death, so what it gives does not depend on the machine.
"""

import math
import statistics
import time
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Timing:
    """Seconds of one forward pass of a batch, measured several times."""

    median: float
    low: float  #: lower quartile: a quarter of the runs were faster
    high: float  #: upper quartile
    times: tuple[float, ...]  #: every run after the warm-up, in the order in which they were made
    batch: int
    threads: int

    @property
    def per_image(self) -> float:
        """Median seconds for each image of the batch."""
        return self.median / self.batch

    def quantile(self, share: float) -> float:
        """The time within which this share of the runs was done, such as 0.99: the least one that holds for as many."""
        ordered = sorted(self.times)
        return ordered[max(0, math.ceil(share * len(ordered) - 1e-9) - 1)]


def latency(model, resolution: int, batch: int = 1, threads: int | None = None, runs: int = 30, warmup: int = 5,
            **more) -> Timing:  # fmt: skip
    """Time forward passes of one network, without gradients, on the CPU: `compare` for one network."""
    return compare({"": (model, resolution)}, batch, threads, runs, warmup, **more)[""]


def compare(models: Mapping[str, tuple], batch: int = 1, threads: int | None = None, runs: int = 30, warmup: int = 5,
            channels_last: bool = True, seconds: float = math.inf, least: int = 5,
            tell: Callable[[int], None] | None = None,
            clock: Callable[[], float] = time.perf_counter) -> dict[str, Timing]:  # fmt: skip
    """Time forward passes of several networks in turn: every round runs each of them once.

    models: name -> (network, pixels of its square images). The networks are put into eval mode, the images are noise.
    threads: of PyTorch, None: as they are. channels_last: keep the channels of a pixel side by side in memory, which
    suits depthwise layers on a CPU; it changes how the weights lie, not what they are. seconds: on a busy machine, stop
    after the round in which so many have passed, warm-up included, but not before `least` rounds of the `runs` are
    timed. tell: called after each timed round with its number. clock: what gives the seconds; `time.thread_time` counts
    those that this thread had the processor, which on one thread leaves out what other programs took.
    """
    import torch

    layout = torch.channels_last if channels_last else torch.contiguous_format
    before = torch.get_num_threads()
    torch.set_num_threads(threads or before)
    try:
        work = []
        for model, resolution in models.values():
            images = torch.randn(batch, 3, resolution, resolution).to(memory_format=layout)
            work.append((model.eval().to(memory_format=layout), images))
        taken = [[] for _ in work]
        with torch.inference_mode():
            start = time.perf_counter()
            for done in range(1 - warmup, runs + 1):
                for (model, images), times in zip(work, taken, strict=True):
                    began = clock()
                    model(images)
                    times.append(clock() - began)
                if tell and done > 0:
                    tell(done)
                if done >= least and time.perf_counter() - start > seconds:
                    break
    finally:
        torch.set_num_threads(before)
    return {name: timing(times[warmup:], batch, threads or before) for name, times in zip(models, taken, strict=True)}


def timing(times: list[float], batch: int = 1, threads: int = 1) -> Timing:
    """Sum up raw times (seconds, warm-up left out)."""
    low, median, high = statistics.quantiles(times, n=4, method="inclusive") if len(times) > 1 else times * 3
    return Timing(median, low, high, tuple(times), batch, threads)


def peak_memory(model, resolution: int, batch: int = 1, training: bool = False) -> int:
    """Most bytes that tensors made during one pass hold at one time; weights and the images themselves not counted.

    Evaluation: a forward pass without gradients. `training`: a forward pass that keeps what the backward pass needs,
    then that; gradients are counted as they are made. Each tensor's memory is counted from the operation that makes it
    until nothing refers to it any more. Scratch space inside an operation is not seen. Works on the meta device, where
    nothing is computed. Modes, gradients and running statistics are put back.
    """
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils._pytree import tree_leaves

    class Follow(TorchDispatchMode):
        now = peak = 0

        def __init__(self, known):
            super().__init__()
            self.known = weakref.WeakSet(known)

        def gone(self, size):
            self.now -= size

        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            out = function(*args, **(kwargs or {}))
            for tensor in tree_leaves(out):
                if isinstance(tensor, torch.Tensor):
                    storage = tensor.untyped_storage()
                    if storage not in self.known:
                        self.known.add(storage)
                        weakref.finalize(storage, self.gone, storage.nbytes())
                        self.now += storage.nbytes()
            self.peak = max(self.peak, self.now)
            return out

    kept = [*model.parameters(), *model.buffers()]
    images = torch.randn(batch, 3, resolution, resolution, device=kept[0].device if kept else None)
    modes, gradients = {m: m.training for m in model.modules()}, [p.grad for p in model.parameters()]
    buffers = [b.clone() for b in model.buffers()]
    model.train(training)
    model.zero_grad(set_to_none=True)  # else the pass would add to those that are there
    follow = Follow([t.untyped_storage() for t in (images, *kept)])
    try:
        with torch.inference_mode(not training), follow:
            out = model(images)
            if training:
                out.sum().backward()
    finally:
        for module, mode in modes.items():
            module.training = mode
        with torch.no_grad():
            for buffer, value in zip(model.buffers(), buffers, strict=True):
                buffer.copy_(value)
        for parameter, gradient in zip(model.parameters(), gradients, strict=True):
            parameter.grad = gradient
    return follow.peak


# Other runtimes: lesson 11. They are the extra "deploy".

INSTALL = 'pip install "effnet-course[deploy]", or: pip install onnx onnxscript onnxruntime torchao'


def missing_tools() -> list[str]:
    """Which packages of the extra "deploy" are not installed."""
    from importlib.util import find_spec

    return [name for name in ("onnx", "onnxscript", "onnxruntime", "torchao") if find_spec(name) is None]


def export_onnx(model, path, resolution: int, most: int = 4096) -> None:
    """Write a network to an ONNX file that takes batches of any size, up to `most` images of this many pixels.

    The network is put into eval mode: batch norm is folded and dropout left out. What Python decides while it runs (an
    `if` on a shape, say) is decided once, at export. Raises ImportError, saying what to install, without the tools.
    """
    import logging
    import warnings

    import torch

    if missing := [name for name in missing_tools() if name.startswith("onnx") and name != "onnxruntime"]:
        raise ImportError(f"Export to ONNX needs {' and '.join(missing)}: {INSTALL}")
    images = torch.zeros(2, 3, resolution, resolution)  # 2, since an example of 1 would be taken for "always 1"
    model.eval().to(memory_format=torch.contiguous_format)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        batch = torch.export.Dim("batch", min=1, max=most)
        program = torch.onnx.export(
            model, (images,), dynamo=True, dynamic_shapes=({0: batch},), verbose=False,
            input_names=["images"], output_names=["logits"],
        )  # fmt: skip
        program.save(str(path))


def onnx_session(path, threads: int = 1):
    """The file as a function, run by onnxruntime on the CPU: images (N, 3, H, W), an array or tensor, -> logits.

    Raises ImportError, saying what to install, without onnxruntime.
    """
    if "onnxruntime" in missing_tools():
        raise ImportError(f"Running an ONNX file needs onnxruntime: {INSTALL}")
    import numpy
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = threads, 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda images: session.run(None, {name: numpy.asarray(images, "float32")})[0]


def onnx_difference(model, path, resolution: int, batches: tuple[int, ...] = (1, 3, 8), seed: int = 0) -> float:
    """Largest difference between a network's logits and its file's, over batches of noise, beside the largest logit."""
    import torch

    run, generator = onnx_session(path), torch.Generator().manual_seed(seed)
    worst, largest = 0.0, 0.0
    for batch in batches:
        images = torch.randn(batch, 3, resolution, resolution, generator=generator)
        with torch.inference_mode():
            own = model.eval()(images).numpy()
        worst = max(worst, float(abs(run(images.numpy()) - own).max()))
        largest = max(largest, float(abs(own).max()))
    return worst / largest


def time_in_turn(functions: Mapping, runs: int = 30, warmup: int = 5, batch: int = 1) -> dict[str, Timing]:
    """Time several functions without arguments in turn, as `compare` does networks: name -> `Timing`."""
    taken = {name: [] for name in functions}
    for _ in range(warmup + runs):
        for name, function in functions.items():
            began = time.perf_counter()
            function()
            taken[name].append(time.perf_counter() - began)
    return {name: timing(times[warmup:], batch) for name, times in taken.items()}
