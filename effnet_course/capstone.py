"""The capstone: a network for a budget. Limits, a training run within a time, and a board of results. Lesson 13.

    model, history = train("mine", "watch", NANO.scaled(width=0.5))   # within the brief's minutes
    enter("mine", "watch", model, history)                            # measures, says which limits are met, notes it
    board("watch")                                                    # the table and the Pareto picture

What stands on the board was computed here from the network; nothing is typed in. It is kept in `capstone.jsonl` in the
student's folder. Three worked designs ship with the course (`worked`, made by benchmarks/capstone.py); one of them is a
failure.
"""

import contextlib
import hashlib
import io
import json
import math
import os
import platform
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from effnet_course import asking, capstone_board
from effnet_course.arch import NANO, Architecture, Stage
from effnet_course.cost import network_cost
from effnet_course.home import home, write_whole
from effnet_course.recipe import Recipe, TrainingError, complete

FILE = "capstone.jsonl"
RECORD = Path(__file__).with_name("records") / "capstone.json"
CLASSES = 10


@dataclass(frozen=True)
class Brief:
    """What a network is for, and what it may cost. A network meets a limit up to and including it."""

    key: str
    story: str
    macs: int  #: for one image
    params: int
    latency: float  #: for one image on one CPU thread, in units of NANO's: see `timed`
    bytes: int  #: after quantisation to int8
    minutes: float  #: of training
    scarce: str  #: the limit that shapes the design: "macs", "latency" or "bytes"


BRIEFS = {
    brief.key: brief
    for brief in (
        Brief(
            "watch",
            "A watch names what its wearer points at, all day, from one charge. Each MAC drains the battery; "
            "there is time, and a little memory.",
            macs=1_200_000, params=100_000, latency=1.5, bytes=100_000, minutes=4, scarce="macs",
        ),
        Brief(
            "phone",
            "A phone must keep up with its camera, 30 frames a second. On that phone NANO reaches 15, so you get half "
            "of NANO's time. Memory is plenty.",
            macs=4_000_000, params=250_000, latency=0.5, bytes=260_000, minutes=4, scarce="latency",
        ),
        Brief(
            "server",
            "A server sends the network to each visitor of a page, where it runs at leisure. Each byte is paid for, a "
            "million times a day.",
            macs=20_000_000, params=32_000, latency=3, bytes=40_000, minutes=4, scarce="bytes",
        ),
    )
}  # fmt: skip

NAMES = {"macs": "MACs", "params": "parameters", "latency": "latency", "bytes": "int8 bytes", "minutes": "training"}


def find(brief: str) -> Brief:
    """The brief of this name, in small letters or large. Raises ValueError, naming those that there are."""
    key = str(brief).strip().lower()
    if key not in BRIEFS:
        raise ValueError(f"There is no brief {brief!r}. There are: {', '.join(BRIEFS)}.")
    return BRIEFS[key]


# ---- training within a time --------------------------------------------------------------------------------


def train(name: str, brief: str, architecture: Architecture, recipe: Recipe | None = None, progress: bool = True):
    """Train a network on the course's pictures within the brief's minutes: (model, history).

    First it says which of the limits that can be counted the network breaks, and goes on all the same. The first call
    times a few steps and plans as many images as fit into 85 % of the time, as often as needed; the recipe's epochs are
    replaced by the plan's. Plan and checkpoint (written every minute and after each epoch) are kept in
    `home()`/capstone under the name: a run that was stopped goes on from there when it is called again.

    Raises TrainingError where the name stands for another run or the plan can't be written, and ValueError for a brief
    that there is not, a name without a letter, and a network that can't be built or that its strides leave no pixel.
    """
    import torch

    from effnet_course.model import EfficientNet
    from effnet_course.train import fit

    wanted, file = find(brief), _plan_file(name)
    _usable(architecture)
    recipe, minutes, pixels = recipe or Recipe(), wanted.minutes, architecture.resolution
    if progress:
        print(beforehand(architecture, wanted))
    everything, validation = _pictures("train", pixels), _pictures("validation", pixels)
    if progress:
        print(everything.note)
    run = {"architecture": _plain(architecture), "recipe": asdict(replace(recipe, epochs=1)), "minutes": minutes,
           "dataset": everything.name}  # fmt: skip
    plan = _read_plan(file)
    if plan is None:
        if progress:
            print("A few steps are timed, to plan the run.")
        rate = speed(architecture, everything, recipe)
        plan = run | schedule(int(0.85 * 60 * minutes * rate), len(everything), recipe.batch)
        _write(file, plan)
    elif {key: plan.get(key) for key in run} | {"recipe": complete(plan.get("recipe", {}))} != run:
        raise TrainingError(f"{name!r} is the name of another run (see {file}). Give this one another name.")
    images = everything if plan["images"] >= len(everything) else everything.take(plan["images"])
    if progress:
        print(f"Planned: {len(images):,} images, epochs: {plan['epochs']}, about {0.85 * minutes:.1f} minutes.")
    torch.manual_seed(recipe.seed)
    model = EfficientNet(architecture, CLASSES)
    recipe = replace(recipe, epochs=plan["epochs"])
    history = fit(model, images, validation, recipe, checkpoint=file.with_suffix(".pt"), progress=progress)
    with contextlib.suppress(TrainingError):  # the checkpoint is there; only `enter` will not know the images
        _write(file, plan | {"weights": fingerprint(model)})
    return model, history


def beforehand(architecture: Architecture, brief: Brief) -> str:
    """Which of the limits that can be counted, without a stopwatch or training, a network meets: in words."""
    from effnet_course import compress
    from effnet_course.model import EfficientNet

    cost = network_cost(architecture, CLASSES)
    size = int8_bytes(compress.folded(EfficientNet(architecture, CLASSES)))
    entry = {"macs": cost.macs, "params": cost.params, "bytes": size, "architecture": _plain(architecture)}
    over = [key for key in ("macs", "params", "bytes") if entry[key] > getattr(brief, key)]
    if not over:
        return f"On paper, for the {brief.key}: MACs, parameters and int8 bytes are within the limits."
    lines = [line for key in over for line in _limit(entry, brief, key)]
    return "\n".join([f"On paper, for the {brief.key}: this network misses {len(over)} of 3 limits.", *lines])


def _usable(architecture) -> None:
    """Raises ValueError where this is no architecture, or one whose strides leave less than a pixel."""
    if not isinstance(architecture, Architecture):
        raise ValueError("An architecture is needed, such as NANO or NANO.scaled(width=0.5), without quotes; this is "
                         f"of type {type(architecture).__name__}.")  # fmt: skip
    strides = math.prod([architecture.stem_stride, *(stage.stride for stage in architecture.stages)])
    if architecture.resolution < strides:
        raise ValueError(f"The strides of this network divide the side of an image by {strides}: it needs {strides} "
                         f"pixels or more, and its resolution is {architecture.resolution}.")  # fmt: skip


def speed(architecture: Architecture, images, recipe: Recipe, steps: int = 12, warmup: int = 3) -> float:
    """Images a second in training here, from a few steps of a throw-away copy; the state of chance is put back."""
    import torch

    from effnet_course.model import EfficientNet
    from effnet_course.train import fit

    torch_state = torch.get_rng_state()
    model, marks = EfficientNet(architecture, CLASSES), []
    model.register_forward_pre_hook(lambda module, inputs: marks.append(time.monotonic()) if module.training else None)
    count = recipe.batch * (steps + warmup)
    few = images if count >= len(images) else images.take(count)
    fit(model, few, few.take(CLASSES), replace(recipe, epochs=math.ceil(count / len(few))), progress=False)
    torch.set_rng_state(torch_state)
    gaps = sorted(later - earlier for earlier, later in zip(marks[warmup:-1], marks[warmup + 1 :], strict=True))
    return recipe.batch / (sum(gaps) / len(gaps))


def schedule(affordable: int, images: int, batch: int) -> dict[str, int]:
    """How to spend `affordable` images of training: all of them in as few epochs as possible, equally long.

    >>> schedule(100_000, 45_000, 128)
    {'epochs': 3, 'images': 33333}
    """
    epochs = max(1, math.ceil(affordable / images))
    share = max(batch, affordable // epochs)
    return {"epochs": epochs, "images": images if share > 0.97 * images else share}


def _read_plan(file: Path) -> dict | None:
    try:
        plan = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return plan if isinstance(plan, dict) else None


def _write(file: Path, values: dict) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, json.dumps(values))
    except OSError as problem:
        raise TrainingError(f"The plan could not be saved ({problem}). Make room in {home()}.") from problem


def _plan_file(name: str) -> Path:
    slug = "".join(c if c.isalnum() else "-" for c in str(name).lower()).strip("-")
    if not slug:
        raise ValueError("Give your network a name with at least one letter or digit.")
    return home() / "capstone" / f"{slug}.json"


# ---- measuring a network, and entering it ------------------------------------------------------------------


def enter(name: str, brief: str, model, history, final: bool = False) -> dict:
    """Measure a trained network, print which limits of a brief it meets, and note it on the board. Returns the entry.

    model: an `EfficientNet` of ten classes, or a smaller network made from one (pruned, say) that still has its
    `architecture`. history: what `train` returned with it. Everything is chosen by the validation images; `final` reads
    the test images as well, once for these weights: entered again, they keep the number that they have.

    Raises ValueError for a brief that there is not, a name without a letter, a network that is not of ten classes, and
    a history that is none.
    """
    wanted, file = find(brief), _plan_file(name)
    entry = {"name": str(name).strip(), "brief": wanted.key} | measured(model, history)
    plan = _read_plan(file) or {}
    if plan.get("weights") == entry["weights"]:  # `train` ended with just these
        entry["training_images"] = plan["images"]
    before = next((old for old in entries() if old["weights"] == entry["weights"] and old.get("test") is not None), {})
    entry["test"] = before.get("test")
    if final and entry["test"] is None:
        entry["test"] = _test_top1(model, entry["dataset"], entry["resolution"])
    entry = json.loads(json.dumps(entry))
    print(explained(entry, wanted))
    try:
        asking.keep(FILE, entry)
    except OSError as problem:
        print(f"This could not be saved ({problem}). Make room in {home()}, then enter it again.")
    return entry


def measured(model, history) -> dict:
    """What is computed from a network: counts, milliseconds, bytes, top-1; and what its training took."""
    import torch

    from effnet_course import __version__, compress
    from effnet_course.model import EfficientNet
    from effnet_course.train import History, evaluate

    net = getattr(model, "architecture", None)
    if not isinstance(net, Architecture):
        raise ValueError("Enter a network that has its architecture: model.EfficientNet(architecture, 10).")
    _usable(net)
    if not isinstance(history, History):
        raise ValueError("Enter a network with its history: `train` returns both, (model, history).")
    pixels = net.resolution
    own = compress.settled(model).cpu().eval()
    with torch.inference_mode():
        out = tuple(own(torch.zeros(1, 3, pixels, pixels)).shape)
    if out != (1, CLASSES):
        raise ValueError(f"The network gives {out[-1]} numbers for an image; the pictures have {CLASSES} classes.")
    folded = compress.folded(own)
    yardstick = compress.folded(EfficientNet(NANO, CLASSES))
    times = timed({"own": (folded, pixels), "nano": (yardstick, NANO.resolution)})
    validation = _pictures("validation", pixels)
    rounded = int8(folded, _pictures("train", pixels).take(128))
    score = evaluate(own, validation)
    return {
        "architecture": _plain(net), "weights": fingerprint(own), "resolution": pixels,
        "params": sum(p.numel() for p in own.parameters()), "macs": compress.counted_macs(own, pixels),
        "layers": len(compress.layers(own)), "bytes": int8_bytes(folded),
        "milliseconds": round(times["own"], 4), "latency": round(times["own"] / times["nano"], 4),
        "dataset": validation.name, "images": len(validation), "float": round(score.top1, 2),
        "int8": round(evaluate(rounded, validation).top1, 2),
        "epochs": len(history.validation), "minutes": round(sum(history.seconds) / 60, 3), "device": history.device,
        "last": round(history.validation[-1], 2) if history.validation else None,
        "machine": platform.machine(), "torch": torch.__version__, "code": __version__,
    }  # fmt: skip


def timed(networks: dict[str, tuple], runs: int = 30) -> dict[str, float]:
    """Milliseconds for one image on one CPU thread, median over runs made in turn: name -> (network, pixels) to number.

    Processor time: on a quiet machine it is what the clock shows, on a busy one it leaves out the wait. (On Windows,
    where it comes in steps of 16 ms, it is the clock's time.) Give folded networks: that is what would be shipped.
    """
    from effnet_course import deploy

    clock = time.perf_counter if os.name == "nt" else time.thread_time
    times = deploy.compare(networks, threads=1, runs=runs, seconds=15, clock=clock)
    return {name: 1e3 * timing.median for name, timing in times.items()}


def int8(folded, known):
    """The network with weights (a scale for each output channel) and inputs of its layers rounded to 8 bits.

    known: training images, by which the ranges of the inputs are found.
    """
    import torch

    from effnet_course import compress
    from effnet_course.train import to_input

    images = to_input(torch.from_numpy(known.pixels.copy())).contiguous()
    return compress.quantised_inputs(compress.quantised_weights(folded), compress.input_bounds(folded, images))


def int8_bytes(folded) -> int:
    """Bytes to store: a weight of a layer that multiplies takes one; its scales (one for each output channel), biases
    and whatever norm is left take four.
    """
    from effnet_course import compress

    weights = [layer.weight for layer in compress.layers(folded).values()]
    codes, scales = sum(w.numel() for w in weights), sum(len(w) for w in weights)
    floats = sum(p.numel() for p in folded.parameters()) - codes
    floats += sum(b.numel() for b in folded.buffers() if b.is_floating_point())
    return codes + 4 * (scales + floats)


def fingerprint(model) -> str:
    """Twelve letters that tell weights apart."""
    digest = hashlib.sha256()
    for name, value in model.state_dict().items():
        digest.update(name.encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:12]


def _pictures(split: str, pixels: int):
    """`data.pictures` without its line of print."""
    from effnet_course.data import pictures

    with contextlib.redirect_stdout(io.StringIO()):
        return pictures(split, pixels)


def _test_top1(model, dataset: str, pixels: int) -> float:
    from effnet_course import compress, data
    from effnet_course.train import evaluate

    if dataset == "CIFAR-10":
        test = data.cifar10("test", pixels, download=False)
    else:
        test = data.shapes("test", resolution=pixels, detail=0.2, extent=0.2, variety=0.2)
    folded = compress.folded(compress.settled(model).cpu())
    return round(evaluate(int8(folded, _pictures("train", pixels).take(128)), test).top1, 2)


def _plain(net: Architecture) -> dict:
    return json.loads(json.dumps(asdict(net)))


def architecture(entry: dict) -> Architecture:
    """The architecture of an entry."""
    spec = entry["architecture"]
    return Architecture(**spec | {"stages": tuple(Stage(**stage) for stage in spec["stages"])})


# ---- what is said of an entry ------------------------------------------------------------------------------


def missed(entry: dict, brief: Brief | None = None) -> list[str]:
    """The limits that an entry does not meet: of "macs", "params", "latency", "bytes", "minutes"."""
    brief = brief or find(entry["brief"])
    return [key for key in NAMES if entry[key] > getattr(brief, key)]


def explained(entry: dict, brief: Brief | None = None) -> str:
    """An entry in words: each limit, by how much it is met or missed, and for what is missed, where the cost sits."""
    brief = brief or find(entry["brief"])
    over = missed(entry, brief)
    verdict = f"misses {len(over)} of {len(NAMES)} limits" if over else f"meets all {len(NAMES)} limits"
    lines = [f"{entry['name']}, for the {brief.key}: {verdict}"]
    lines += [line for key in NAMES for line in _limit(entry, brief, key)]
    half = 1.96 * math.sqrt(entry["int8"] * (100 - entry["int8"]) / entry["images"])
    seen = f"({entry['images']:,} images, {entry['dataset']})"
    lines.append(f"  validation top-1 {entry['float']:.1f} %; rounded to int8, which is what counts, "
                 f"{entry['int8']:.1f} % plus or minus {half:.1f} {seen}")  # fmt: skip
    if entry["int8"] - half <= 100 / CLASSES:
        lines.append("  That can't be told from guessing: train it longer before you judge it.")
    if entry.get("training_images"):
        epochs = "epoch" if entry["epochs"] == 1 else "epochs"
        lines.append(f"  trained for {entry['epochs']} {epochs} of {entry['training_images']:,} images")
    if entry.get("test") is not None:
        lines.append(f"  test top-1 in int8 {entry['test']:.1f} %, read once")
    if entry["last"] is not None and abs(entry["last"] - entry["float"]) > 0.5:
        lines.append(f"  Note: the history ends at {entry['last']:.1f} %. Is it this network's?")
    return "\n".join(lines)


def _limit(entry: dict, brief: Brief, key: str) -> list[str]:
    """A line on one limit; where it is missed, a second one on where the cost sits."""
    got, allowed = entry[key], getattr(brief, key)
    line, times = f"  {NAMES[key]:<11} {_amount(key, got)} of {_amount(key, allowed)}", got / allowed
    if got <= allowed:
        return [f"{line}: met, {100 - 100 * times:.0f} % to spare"]
    over = f"{100 * times - 100:.1f} % too much"
    if times >= 2:
        over = f"{times:{'.2g' if times < 100 else ',.0f'}} times what is allowed"
    return [f"{line}: MISSED: {over}", f"              {_where(entry, key)}"]


def _amount(key: str, value: float) -> str:
    if key == "latency":
        return f"{value:.2f} x NANO's"
    return f"{value:.2f} minutes" if key == "minutes" else f"{value:,}"


def _where(entry: dict, key: str) -> str:
    """Where the cost sits that is over its limit."""
    if key == "minutes":
        return "Training went on longer than planned: a busy machine, or a run that was not made by capstone.train."
    net, nano = architecture(entry), network_cost(NANO, CLASSES)
    if key == "latency":
        layers = sum(1 for layer in nano.layers if layer.macs)
        return (f"{entry['layers']} layers one after another, NANO has {layers}; {entry['macs'] / nano.macs:.2f} times "
                f"NANO's MACs. Here {entry['milliseconds']:.2f} ms.")  # fmt: skip
    cost, kind = network_cost(net, CLASSES), "macs" if key == "macs" else "params"
    rows = {f"stage{n + 1}": f"stage {n + 1} (row {n} of its table)" for n in range(1, len(net.stages) + 1)}

    def shares(parts: dict, count: int) -> str:
        largest = sorted(((getattr(row, kind), name) for name, row in parts.items()), reverse=True)[:count]
        return ", ".join(f"{rows.get(name, name)} {100 * part / getattr(cost, kind):.0f} %" for part, name in largest)

    words = "MACs" if kind == "macs" else "parameters"
    return f"Where the {words} sit: {shares(cost.by_operator(), 3)}; by stage: {shares(cost.by_stage(), 2)}."


# ---- the board ---------------------------------------------------------------------------------------------


def entries() -> list[dict]:
    """The student's own entries, oldest first. A line that is no entry is passed over."""
    needed = {"name", "weights", "dataset", "float", "int8", "images", "last", "layers", "milliseconds", *NAMES}
    return [e for e in asking.kept(FILE) if e.get("brief") in BRIEFS and needed <= e.keys()]


def worked() -> list[dict]:
    """The worked designs that ship with the course, as entries, each with a `design` and an `analysis` in words."""
    return json.loads(RECORD.read_text(encoding="utf-8"))["designs"]


def board(brief: str | None = None, dataset: str | None = None) -> asking.Shown:
    """The table and the picture of one brief, or of all: your entries and the worked designs.

    One kind of pictures at a time, since top-1 on CIFAR-10 and on Shapes can't be compared: `dataset`, else that of
    your last entry, else CIFAR-10.
    """
    own = entries()
    dataset = dataset or (own[-1]["dataset"] if own else "CIFAR-10")
    parts = []
    for one in [find(brief)] if brief else BRIEFS.values():
        mine = _latest(e for e in own if e["brief"] == one.key)
        rows = [e | {"over": [NAMES[key] for key in missed(e, one)]}
                for e in [*mine, *worked()] if (e["brief"], e["dataset"]) == (one.key, dataset)]  # fmt: skip
        rows.sort(key=lambda e: (bool(e["over"]), -e["int8"]))
        parts.append(capstone_board.section(one, dataset, rows, _remarks(mine, dataset)))
    return asking.Shown("".join(html for _, html in parts), "\n\n".join(text for text, _ in parts))


def _latest(rows: Iterable[dict]) -> list[dict]:
    """Each network once, as it was last entered, in order."""
    return list({(e["name"], e["weights"]): e for e in rows}.values())


def _remarks(mine: list[dict], dataset: str) -> list[str]:
    """What is to be said below the table of a brief's own entries."""
    read = len({e["weights"] for e in mine if e.get("test") is not None})
    kept_out = sum(e["dataset"] != dataset for e in mine)
    said = [f"Test images were read for {read} of your networks."] if read else []
    return said + [f"{kept_out} of your entries are of other pictures than {dataset} and not shown."] * bool(kept_out)
