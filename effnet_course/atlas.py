"""What was measured: recorded training runs, one row each, and a few of the networks that came out of them.

The rows that ship with the course stand in `effnet_course/records/*.jsonl`, one JSON object a line. Each was written by
`measure`, which trains one network and notes everything needed to repeat it; `runner` makes many of them. The networks
stand beside them as `*.safetensors`, each with its row and its architecture in the file's header. A student's own rows
are kept apart, in `EFFNET_HOME/atlas`.

Rows are first shown in lesson 00, a network in lesson 03; lessons 05 to 07 ask them about scaling.
"""

import json
import math
import os
import platform
import statistics
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import NamedTuple

from effnet_course.home import home
from effnet_course.recipe import Recipe

RECORDS = Path(__file__).with_name("records")
NATIVE_PIXELS = {"CIFAR-10": 32}  #: beyond these, images are upsampled


@dataclass(frozen=True)
class Run:
    """One training run."""

    dataset: str  #: the name of the images, as `data.Images.name`
    base: str  #: the name of the architecture that was scaled
    family: str  #: base, depth, width, resolution, compound, grid or space
    depth: float  #: multiplier d
    width: float  #: multiplier w
    resolution: int  #: pixels
    params: int
    macs: int  #: for one image
    activations: int  #: for one image
    recipe: dict  #: the fields of `recipe.Recipe`
    seed: int
    training_images: int
    loss: tuple[float, ...]  #: mean training loss of each epoch
    validation: tuple[float, ...]  #: top-1 in percent after each epoch
    test: tuple[float, ...]  #: top-1 in percent after the last epoch, read once; often empty
    seconds: float  #: training time, evaluation left out
    device: str
    torch: str  #: version
    code: str  #: the course's version and, in a checkout, its commit
    study: str = ""  #: the plan that the run belongs to
    budget: float = 1  #: MACs in units of the base's, as planned: 1, 2, 4, 8
    phi: float | None = None  #: compound coefficient, where the network was scaled by one
    changes: dict = field(default_factory=dict)  #: fields of the base's Architecture that were given other values
    label: str = ""  #: what sets the run apart from others of its study, in words

    @property
    def epochs(self) -> int:
        return self.recipe["epochs"]

    @property
    def upsampled(self) -> bool:
        """Whether the images were enlarged beyond the dataset's own pixels, which adds no detail."""
        return self.resolution > NATIVE_PIXELS.get(self.dataset, self.resolution)


def runs(folder: Path = RECORDS, own: bool = False) -> list[Run]:
    """The recorded runs, by file name and line; with `own`, then those that this user made."""
    return read(*sorted(folder.glob("*.jsonl")), *(sorted(own_folder().glob("*.jsonl")) if own else ()))


def own_folder() -> Path:
    """Where the rows of this machine's user are kept."""
    return home() / "atlas"


def read(*paths: Path) -> list[Run]:
    """The rows of some files. A last line without its line end is one that a crash cut short: it is left out.

    Raises ValueError, with file and line, for a line that is no row.
    """
    rows = []
    for path in paths:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(keepends=True), 1):
            if line.strip() and line.endswith("\n"):
                try:
                    rows.append(_row(line))
                except (ValueError, KeyError, TypeError) as error:
                    raise ValueError(f"{path}, line {number} is no recorded run; remove it ({error!r}).") from error
    return rows


def _row(line: str) -> Run:
    values = json.loads(line)
    values["recipe"] = asdict(Recipe()) | values["recipe"]  # what a recipe had no word for yet, it did not do
    given = {f.name: values[f.name] for f in fields(Run) if f.name in values}
    return Run(**{name: tuple(value) if isinstance(value, list) else value for name, value in given.items()})


class Point(NamedTuple):
    """One network of a study, over its seeds."""

    study: str
    dataset: str
    family: str
    budget: float
    depth: float
    width: float
    resolution: int
    phi: float | None
    params: int
    macs: int
    activations: int
    values: tuple[float, ...]  #: top-1 in percent after the last epoch, one for each seed, in the seeds' order

    @property
    def mean(self) -> float:
        return statistics.mean(self.values)


def summary(rows: Iterable[Run], split: str = "validation") -> list[Point]:
    """The rows gathered by network: all seeds of a study's network in one Point, networks in order of first appearance.

    `split`: "validation" or "test"; rows without top-1 on that split are left out.
    """
    gathered: dict[tuple, list[tuple[int, float]]] = {}
    for run in rows:
        recipe = json.dumps(run.recipe | {"seed": None})
        key = (*(getattr(run, name) for name in Point._fields[:-1]), recipe, run.training_images)
        if getattr(run, split):
            gathered.setdefault(key, []).append((run.seed, getattr(run, split)[-1]))
    return [Point(*key[:-2], tuple(top1 for _, top1 in sorted(seeds))) for key, seeds in gathered.items()]


def spread(points: Iterable[Sequence[float]]) -> tuple[float, int]:
    """Pooled standard deviation over seeds, and its degrees of freedom, of several groups of values.

    Each group is one network's top-1 over its seeds. Three seeds say little about their own spread; the spread of many
    networks together, if it is much the same for all, is known better.
    """
    groups = [tuple(group) for group in points]
    freedom = sum(len(group) - 1 for group in groups)
    if freedom < 1:
        raise ValueError("No network has two seeds, so nothing is known about the spread over seeds.")
    return math.sqrt(sum((len(g) - 1) * statistics.variance(g) for g in groups if len(g) > 1) / freedom), freedom


def interval(values: Sequence[float], pooled: tuple[float, int] | None = None) -> tuple[float, float, float]:
    """(mean, low, high): the 95 % interval of a mean over seeds, by Student's t.

    With one value only, low and high are nan, unless `pooled` (deviation, degrees of freedom) says what is known from
    other networks.
    """
    mean, count = statistics.mean(values), len(values)
    if pooled is None and count < 2:
        return mean, math.nan, math.nan
    deviation, freedom = pooled or (statistics.stdev(values), count - 1)
    half = _student(freedom) * deviation / math.sqrt(count)
    return mean, mean - half, mean + half


def difference(first: Sequence[float], second: Sequence[float], pooled: tuple[float, int] | None = None) -> tuple:
    """(mean, low, high): first minus second, with its 95 % interval by Student's t, equal spreads assumed.

    `pooled` as in `interval`; else the spread is that of the two groups together.
    """
    deviation, freedom = pooled or spread([first, second])
    mean = statistics.mean(first) - statistics.mean(second)
    half = _student(freedom) * deviation * math.sqrt(1 / len(first) + 1 / len(second))
    return mean, mean - half, mean + half


def _student(freedom: int) -> float:
    from scipy.stats import t

    return float(t.ppf(0.975, freedom))


def measure(
    architecture, recipe, train, validation, test=None, family="base", checkpoint=None, progress=True,
    **notes,
):  # fmt: skip
    """Train one network from scratch and return (Run, model). Weights are drawn from the recipe's seed.

    `test` images, where given, are read once, after the last epoch. `checkpoint` and `progress` are `train.fit`'s.
    `family` and `notes` (`study`, `budget`, `phi`, `changes`, `label`) are noted in the row: see `Run`.
    """
    import torch

    from effnet_course.cost import network_cost
    from effnet_course.model import EfficientNet
    from effnet_course.train import evaluate, fit

    classes, code = len(train.classes), _code()
    torch.manual_seed(recipe.seed)
    model = EfficientNet(architecture, classes)
    cost = network_cost(architecture, classes)
    history = fit(model, train, validation, recipe, checkpoint=checkpoint, progress=progress)
    run = Run(
        dataset=train.name, base=architecture.name, family=family, depth=round(architecture.depth, 4),
        width=round(architecture.width, 4), resolution=architecture.resolution, params=cost.params, macs=cost.macs,
        activations=cost.activations, recipe=asdict(recipe), seed=recipe.seed, training_images=len(train),
        loss=tuple(round(x, 4) for x in history.loss), validation=tuple(round(x, 2) for x in history.validation),
        test=() if test is None else (round(evaluate(model, test).top1, 2),), seconds=round(sum(history.seconds), 1),
        device=_device(history.device),
        torch=torch.__version__, code=code, **notes,
    )  # fmt: skip
    return run, model


def save_network(model, run: Run, path: Path) -> None:
    """Write a trained network with the run that made it; half precision, which halves the file."""
    import torch
    from safetensors.torch import save_file

    weights = {k: v.half() if v.dtype == torch.float32 else v for k, v in model.state_dict().items()}
    card = {"run": json.dumps(asdict(run)), "architecture": json.dumps(asdict(model.architecture))}
    save_file({k: v.contiguous() for k, v in weights.items()}, path, metadata=card)


def network(name: str, folder: Path = RECORDS):
    """A network that ships with the course, in eval mode, and the run that made it: (model, Run).

    Raises LookupError, naming those that there are, for another name.
    """
    from safetensors import safe_open

    from effnet_course.arch import Architecture, Stage
    from effnet_course.model import EfficientNet

    path = folder / f"{name}.safetensors"
    if not path.exists():
        there = ", ".join(sorted(p.stem for p in folder.glob("*.safetensors"))) or "none"
        raise LookupError(f"There is no network {name!r}. There are: {there}.")
    with safe_open(path, "pt") as file:
        card = file.metadata()
        weights = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    spec = json.loads(card["architecture"])
    architecture = Architecture(**spec | {"stages": tuple(Stage(**stage) for stage in spec["stages"])})
    model = EfficientNet(architecture, weights["classifier.weight"].shape[0])
    model.load_state_dict(weights)
    return model.eval(), _row(card["run"])


def append(run: Run, path: Path) -> None:
    """Add a row to a file, in one write, and see it on disk. Half a row left by a crash is cut off first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a+b") as file:
        file.seek(0)
        whole = file.read().rfind(b"\n") + 1
        if whole != file.tell():
            file.truncate(whole)
        file.write(json.dumps(asdict(run)).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def _device(device: str) -> str:
    """What a run was made on: the GPU's name, or the processor's and its threads; and how many processes shared it."""
    processes = int(os.environ.get("WORLD_SIZE", 1))
    shared = f", {processes} processes" if processes > 1 else ""
    return (_processor() if device.startswith("cpu") else device) + shared


def _processor() -> str:
    import torch

    name = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return f"{name}, {torch.get_num_threads()} threads"


def _code() -> str:
    from effnet_course import __version__

    here = Path(__file__).parent
    try:
        git = subprocess.run(["git", "-C", here, "describe", "--always", "--dirty"], capture_output=True, text=True)
    except OSError:  # no git here
        return __version__
    return f"{__version__} {git.stdout.strip()}".strip()
