"""Runs by the dozen: a plan in, rows out. What `effnet-course atlas run` does.

A plan is a TOML file: the dataset, how many of its images, the recipe, the seeds, and a list of networks, each with the
MACs it must have. `run` trains what the plan's file of rows does not hold yet, in this process or on any
`concurrent.futures` executor, and adds a row for each run as it ends. It can be killed at any moment and called again:
no row is lost, doubled or half there, and a run that was under way goes on from its checkpoint.

    plan = read_plan("plan.toml")
    run(plan, Path("rows.jsonl"))                                   # one after the other, here
    with ProcessPoolExecutor(2, initializer=end_with_parent) as pool:
        run(plan, Path("rows.jsonl"), pool)                         # two at a time
    run(plan, Path("rows.jsonl"), dask.distributed.Client(address).get_executor())

Under `torchrun` all processes train each run together, and the first of them keeps the rows:

    torchrun --nproc-per-node 4 -m effnet_course.cli atlas run cifar10-long

The plans of the course and what they are for: docs/atlas.md.
"""

import hashlib
import json
import os
import threading
import time
import tomllib
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, closing, nullcontext
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from effnet_course.arch import FUSED, NANO, VARIANTS, Architecture, Stage
from effnet_course.atlas import Run, append, measure, own_folder, read
from effnet_course.cost import network_cost
from effnet_course.data import DataError
from effnet_course.recipe import Recipe, TrainingError

BASES = {"nano": NANO, "fused": FUSED, **VARIANTS}
DATASETS = {"cifar10": "CIFAR-10", "imagenette": "Imagenette", "shapes": "Shapes"}
PLANS = Path(__file__).with_name("plans")
CLASSES = 10  #: each of these datasets has ten
FAMILIES = ("base", "depth", "width", "resolution", "compound", "grid", "space")


class PlanError(Exception):
    """A plan cannot be read; the message says where and why."""


@dataclass(frozen=True)
class Job:
    """One run that a plan asks for: everything that decides its outcome, as plain data that can travel."""

    study: str
    dataset: str  #: a key of DATASETS
    images: int | None  #: how many training images; None: all
    base: str  #: a key of BASES
    family: str
    budget: float
    depth: float
    width: float
    resolution: int
    phi: float | None
    recipe: dict  #: fields of `recipe.Recipe`, the seed among them
    test: bool  #: whether the test images are read at the end
    changes: dict = field(default_factory=dict)  #: fields of the base's Architecture, with other values
    label: str = ""  #: what sets this run apart, in words

    @property
    def architecture(self) -> Architecture:
        base = changed(BASES[self.base], self.changes)
        return base.scaled(self.depth, self.width, self.resolution / base.resolution)

    @property
    def key(self) -> str:
        """The same for the same run, whatever else is in the plan."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:16]

    def made(self, run: Run) -> bool:
        """Whether this row is of this job."""
        names = self.study, DATASETS[self.dataset], self.base, self.family
        return (
            (run.study, run.dataset, run.base, run.family) == names
            and (run.depth, run.width, run.resolution) == (round(self.depth, 4), round(self.width, 4), self.resolution)
            and all(run.recipe.get(name) == value for name, value in asdict(Recipe(**self.recipe)).items())
            and run.changes == self.changes
            and self.images in (None, run.training_images)
        )  # fmt: skip

    def __str__(self) -> str:
        scale = f"d {self.depth:.3g}, w {self.width:.3g}, {self.resolution} px"
        label = f", {self.label}" if self.label else ""
        return f"{self.study}: {self.family} at {self.budget:g}x ({scale}){label}, seed {self.recipe['seed']}"


@dataclass
class Outcome:
    """What `run` did."""

    made: int = 0  #: rows added
    there: int = 0  #: rows that were there before
    failed: list[str] = field(default_factory=list)  #: a sentence for each run that ended in an error


def read_plan(path: str | Path) -> list[Job]:
    """The runs of a plan: budget by budget as listed, and within a budget all networks with one seed before the next.

    `path` is a file's, or the name of a plan that ships with the course.

    Raises PlanError for a file that cannot be read, an unknown name, a recipe that `Recipe` refuses, a network given
    twice, and one whose MACs are not those that the plan states.
    """
    path = Path(path)
    shipped = PLANS / f"{path}.toml"
    if shipped.exists() and not path.exists():
        path = shipped
    try:
        plan = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        names = ", ".join(sorted(p.stem for p in PLANS.glob("*.toml")))
        raise PlanError(f"The plan {path} can't be read: {error.strerror}. The course's own are {names}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PlanError(f"The plan {path} is not valid TOML: {error}.") from error
    try:
        return _jobs(plan)
    except PlanError as error:
        raise PlanError(f"The plan {path}: {error}") from None


def _jobs(plan: dict) -> list[Job]:
    _known(plan, {"study", "dataset", "images", "base", "seeds", "test", "recipe", "changes", "networks"}, "the plan")
    for name in ("study", "seeds", "networks"):
        if not plan.get(name):
            raise PlanError(f"it has no {name}.")
    dataset, base = plan.get("dataset", "cifar10"), plan.get("base", "nano")
    _one_of(dataset, DATASETS, "dataset")
    _one_of(base, BASES, "base")
    networks = [_network(plan, number, entry) for number, entry in enumerate(plan["networks"], 1)]
    for entry in networks:
        try:
            Recipe(**plan.get("recipe", {}) | entry.get("recipe", {}))
        except (TypeError, TrainingError) as error:
            raise PlanError(f"its recipe won't do: {error}") from error
    budgets = list(dict.fromkeys(entry["budget"] for entry in networks))
    jobs = [
        Job(
            study=plan["study"], dataset=dataset, images=plan.get("images"), base=base, family=entry["family"],
            budget=entry["budget"], depth=entry["depth"], width=entry["width"], resolution=entry["resolution"],
            phi=entry.get("phi"), recipe=plan.get("recipe", {}) | entry.get("recipe", {}) | {"seed": seed},
            test=plan.get("test", False), changes=plan.get("changes", {}) | entry.get("changes", {}),
            label=entry.get("label", ""),
        )
        for budget in budgets for seed in plan["seeds"] for entry in networks if entry["budget"] == budget
    ]  # fmt: skip
    if len({job.key for job in jobs}) < len(jobs):
        raise PlanError("it lists a network or a seed twice.")
    return jobs


def _network(plan: dict, number: int, entry: dict) -> dict:
    where = f"network {number}"
    _known(entry, {"family", "budget", "depth", "width", "resolution", "phi", "macs", "recipe", "changes", "label"},
           where)  # fmt: skip
    _one_of(entry.get("family"), FAMILIES, f"{where}: family")
    try:
        base = changed(BASES[plan.get("base", "nano")], plan.get("changes", {}) | entry.get("changes", {}))
    except (TypeError, ValueError) as error:
        raise PlanError(f"{where}: its changes won't do: {error}") from error
    entry = {"budget": 1, "depth": 1.0, "width": 1.0, "resolution": base.resolution} | entry
    try:
        network = base.scaled(entry["depth"], entry["width"], entry["resolution"] / base.resolution)
    except (TypeError, ValueError) as error:
        raise PlanError(f"{where}: {error}") from error
    counted = network_cost(network, CLASSES).macs
    if counted != entry.get("macs", counted):
        raise PlanError(f"{where} has {counted:,} MACs, and the plan says {entry['macs']:,}.")
    return entry


def changed(base: Architecture, changes: dict) -> Architecture:
    """A base with some of its fields replaced; `stages` as rows of plain values, as TOML and JSON have them."""
    stages = {"stages": tuple(Stage(*row) for row in changes["stages"])} if "stages" in changes else {}
    return replace(base, **changes | stages)


def _known(entry: dict, names: set, where: str) -> None:
    strange = sorted(set(entry) - names)
    if strange:
        raise PlanError(f"{where} has {strange[0]!r}; what it may have is {', '.join(sorted(names))}.")


def _one_of(name: Any, names: Iterable[str], what: str) -> None:
    if name not in names:
        raise PlanError(f"{what} is {name!r}; there are {', '.join(names)}.")


def table(jobs: list[Job], rows: Path | None = None) -> str:
    """A plan in words: a line for each network, with how many of its runs are made."""
    todo = missing(jobs, Path(rows or rows_file(jobs)))
    lines = [f"{'family':<11}{'budget':>6}{'blocks':>7}{'w':>7}{'px':>5}{'MACs':>13}{'params':>12}   made"]
    networks: dict[tuple, list[Job]] = {}
    for job in jobs:
        recipe = json.dumps(job.recipe | {"seed": None})
        networks.setdefault((job.family, job.budget, job.architecture, recipe, job.label), []).append(job)
    for (family, budget, network, _, label), several in networks.items():
        cost, made = network_cost(network, CLASSES), sum(job not in todo for job in several)
        lines.append(f"{family:<11}{budget:>5g}x{sum(network.repeats):>7}{network.width:>7.3g}{network.resolution:>5}"
                     f"{cost.macs:>13,}{cost.params:>12,}   {made} of {len(several)}  {label}".rstrip())  # fmt: skip
    return "\n".join([*lines, f"{len(jobs)} runs, {len(jobs) - len(todo)} made."])


def rows_file(jobs: list[Job]) -> Path:
    """Where the rows of a plan go if nothing else is said: this user's own atlas."""
    return own_folder() / f"{jobs[0].study}.jsonl"


def missing(jobs: list[Job], rows: Path) -> list[Job]:
    """The jobs that have no row yet."""
    done = read(rows) if rows.exists() else []
    return [job for job in jobs if not any(job.made(run) for run in done)]


def train_job(job: Job, checkpoint: str, threads: int = 1, progress: bool = False) -> Run:
    """Train one network, in whatever process this is. A run that another process has in hand is waited for."""
    import torch

    torch.set_num_threads(threads)
    Path(checkpoint).parent.mkdir(parents=True, exist_ok=True)
    with FileLock(checkpoint + ".lock") if _first() else nullcontext():
        train = _pictures(job.dataset, "train", job.resolution, job.images)
        held_out = _pictures(job.dataset, "validation", job.resolution)
        test = _pictures(job.dataset, "test", job.resolution) if job.test else None
        return measure(
            job.architecture, Recipe(**job.recipe), train, held_out, test, checkpoint=checkpoint, progress=progress,
            family=job.family, study=job.study, budget=job.budget, phi=job.phi, changes=job.changes, label=job.label,
        )[0]  # fmt: skip


@lru_cache(maxsize=4)
def _pictures(dataset: str, split: str, resolution: int, count: int | None = None):
    from effnet_course import data

    load: Callable = {"cifar10": data.cifar10, "imagenette": data.imagenette, "shapes": data.shapes}[dataset]
    pictures = load(split, resolution=resolution)
    return pictures.take(count) if count else pictures


def run(
    jobs: list[Job],
    rows: Path,
    executor: Executor | None = None,
    work: Path | None = None,
    threads: int = 1,
    trainer: Callable[[Job, str, int], Run] | None = None,
    report: Callable[[str], None] = print,
) -> Outcome:
    """Make the runs that `rows` does not hold yet, adding a row as each ends.

    Without an executor they are made here, one after the other, with a progress bar. `work` is the folder of the
    checkpoints, by default beside the rows; on several machines it should be one that all of them see. A run that ends
    in an error is reported and left out; the others go on. `trainer` is what a worker calls, with the job, the
    checkpoint's path and `threads`; by default `train_job`.

    Raises DataError where the dataset is not to be had, OSError where a row cannot be written (the run's checkpoint is
    kept, so calling again loses nothing), PlanError where another process is writing to the same rows, and for an
    executor under `torchrun`, where a run's own error, too, ends them all.
    """
    rows, together = Path(rows), int(os.environ.get("WORLD_SIZE", 1)) > 1
    if together and executor:
        raise PlanError("Under torchrun all processes train one run at a time: leave --workers out.")
    trainer = trainer or partial(train_job, progress=executor is None)
    work = work or rows.with_name(f".{rows.stem}-checkpoints")
    rows.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        try:
            if _first():
                stack.enter_context(FileLock(rows.with_name(f".{rows.name}.lock"), timeout=0))
        except Timeout:
            raise PlanError(f"Another process is adding rows to {rows}. Let it end, or stop it first.") from None
        todo = missing(jobs, rows)
        outcome = Outcome(there=len(jobs) - len(todo))
        if not _first():
            report = _silent
        report(f"Runs: {len(jobs)}; {outcome.there} are there, {len(todo)} to make.")
        began = time.monotonic()
        results = stack.enter_context(closing(_results(todo, executor, trainer, work, threads)))
        for job, result in results:
            try:
                made = result()
            except (DataError, BrokenProcessPool, OSError):
                raise
            except Exception as error:
                if together:  # the other processes wait for this one
                    raise
                outcome.failed.append(f"{job}: {type(error).__name__}: {error}")
                report(f"FAILED  {outcome.failed[-1]}")
                continue
            outcome.made += 1
            if not _first():
                continue
            append(made, rows)
            for left in (_checkpoint(work, job), _checkpoint(work, job).with_suffix(".pt.lock")):
                left.unlink(missing_ok=True)
            elapsed = (time.monotonic() - began) / 60
            report(f"{outcome.there + outcome.made}/{len(jobs)}  {job}: validation {made.validation[-1]:.2f} %, "
                   f"{made.seconds:.0f} s; {elapsed:.0f} min so far")  # fmt: skip
        return outcome


def _results(todo: list[Job], executor: Executor | None, trainer, work: Path, threads: int):
    """Pairs of a job and a function that gives its run or raises its error, as they end."""
    calls = [(job, (trainer, job, str(_checkpoint(work, job)), threads)) for job in todo]
    if executor is None:
        yield from ((job, partial(*call)) for job, call in calls)
        return
    futures: dict[Future, Job] = {}
    try:
        for job, call in calls:
            futures[executor.submit(*call)] = job
        for future in as_completed(futures):
            yield futures[future], future.result
    finally:
        for future in futures:
            future.cancel()


def _silent(line: str) -> None:
    pass


def _first() -> bool:
    """Whether this is the only process, or the first of those that `torchrun` has started."""
    return int(os.environ.get("RANK", 0)) == 0


def _checkpoint(work: Path, job: Job) -> Path:
    return work / f"{job.key}.pt"


def end_with_parent() -> None:
    """For a pool's `initializer`: a worker whose parent was killed ends, too, instead of training on for nobody."""
    parent = os.getppid()

    def watch():
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
