"""What was measured: recorded training runs, one row each, and a few of the networks that came out of them.

The rows that ship with the course stand in `effnet_course/records/*.jsonl`, one JSON object a line. Each was written by
`measure`, which trains one network and notes everything needed to repeat it. The networks stand beside them as
`*.safetensors`, each with its row and its architecture in the file's header. Rows are first shown in lesson 00, a
network in lesson 03.
"""

import json
import platform
import subprocess
from dataclasses import asdict, dataclass, fields
from pathlib import Path

RECORDS = Path(__file__).with_name("records")


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
    recipe: dict  #: the fields of `train.Recipe`
    seed: int
    training_images: int
    loss: tuple[float, ...]  #: mean training loss of each epoch
    validation: tuple[float, ...]  #: top-1 in percent after each epoch
    test: tuple[float, ...]  #: top-1 in percent after the last epoch, read once; often empty
    seconds: float  #: training time, evaluation left out
    device: str
    torch: str  #: version
    code: str  #: the course's version and, in a checkout, its commit


def runs(folder: Path = RECORDS) -> list[Run]:
    """The recorded runs, in the order of their files' names and lines."""
    return [_row(line) for path in sorted(folder.glob("*.jsonl")) for line in path.read_text().splitlines() if line]


def _row(line: str) -> Run:
    values = json.loads(line)
    return Run(
        **{f.name: tuple(values[f.name]) if isinstance(values[f.name], list) else values[f.name] for f in fields(Run)}
    )


def measure(architecture, recipe, train, validation, test=None, family="base", checkpoint=None, progress=True):
    """Train one network from scratch and return (Run, model). Weights are drawn from the recipe's seed.

    `test` images, where given, are read once, after the last epoch.
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
        device=_processor() if history.device.startswith("cpu") else history.device,
        torch=torch.__version__, code=code,
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
    """Add a row to a file, in one write."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a") as file:
        file.write(json.dumps(asdict(run)) + "\n")


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
