"""How a network learns: fit, evaluate, checkpoint, resume, in one process or several.

Images come as `data.Images`: uint8 pixels (N, H, W, 3) and labels (N,), in memory or memory-mapped, so that a batch is
one indexing operation and augmentation works on whole batches; no worker processes are needed to feed a small network.

What a recipe is stands in `recipe`, what it is made of in `ingredients`; here it is carried out.

Every random choice of an epoch (order, flips, shifts, mixing) is drawn at its start from the recipe's seed and the
epoch's number. So a run can be stopped anywhere and go on exactly, and several processes under `torchrun` together see
the batches that one process would see (mixup and cutmix pair images within each one's share).

Used from lesson 00 on; taken apart in lesson 08.
"""

import glob
import math
import os
import time
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.nn.parallel import DistributedDataParallel

from effnet_course.ingredients import averaged, frozen, hold_statistics, make_optimizer, mix, plan_mixing, shrink
from effnet_course.recipe import Recipe, TrainingError, complete

CHECKPOINT_SECONDS = 60


@dataclass(frozen=True)
class Score:
    """A network's result on a set of images."""

    loss: float  #: mean cross-entropy, natural logarithm
    correct: int
    count: int

    @property
    def top1(self) -> float:
        """Share of images whose highest logit is their label's, in percent."""
        return 100 * self.correct / self.count


@dataclass
class History:
    """What `fit` returns: one entry an epoch in each list."""

    loss: list[float] = field(default_factory=list)  #: mean training loss, with label smoothing, as it went along
    validation_loss: list[float] = field(default_factory=list)
    validation: list[float] = field(default_factory=list)  #: top-1 in percent
    seconds: list[float] = field(default_factory=list)  #: training time, evaluation left out
    device: str = ""
    resumed: int = 0  #: how often the run was taken up again


def best_device() -> torch.device:
    """cuda, else mps (a Mac's GPU), else cpu. EFFNET_DEVICE names another."""
    named = os.environ.get("EFFNET_DEVICE")
    if named:
        return torch.device(named)
    if torch.cuda.is_available():
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def to_input(pixels: Tensor) -> Tensor:
    """uint8 (N, H, W, 3) -> float (N, 3, H, W) with mean about 0 and spread about 1, laid out channels last."""
    return pixels.permute(0, 3, 1, 2).float().sub_(127.5).div_(64)


def augment(pixels: Tensor, flips: Tensor, shifts: Tensor) -> Tensor:
    """Mirror the images where `flips` (N,) is true and move each by its row of `shifts` (N, 2), edges repeated.

    Pixels (N, H, W, 3), any dtype; shifts in pixels, down and right.
    """
    n, height, width, channels = pixels.shape
    rows = (torch.arange(height)[None] - shifts[:, :1]).clamp(0, height - 1)  # (N, H)
    columns = (torch.arange(width)[None] - shifts[:, 1:]).clamp(0, width - 1)  # (N, W)
    columns = torch.where(flips[:, None], width - 1 - columns, columns)
    first = torch.arange(0, n * height, height)[:, None]  # each image's first row in the whole batch
    index = (first + rows)[:, :, None] * width + columns[:, None, :]  # (N, H, W)
    return pixels.reshape(-1, channels).index_select(0, index.flatten()).reshape(pixels.shape)


def evaluate(model: nn.Module, images, batch: int = 500) -> Score:
    """Loss and top-1 of a network on `images`, in eval mode; the mode it was in is restored.

    Sums over images, so the last, smaller batch counts for what it holds. Under `torchrun` each process takes a share.
    """
    if len(images) == 0:
        raise TrainingError("There are no images to evaluate on.")
    rank, world = _processes()
    device = next(model.parameters()).device
    was_training = model.training
    model.eval()
    loss, correct = 0.0, 0
    mine = range(rank * len(images) // world, (rank + 1) * len(images) // world)
    with torch.inference_mode():
        for start in range(mine.start, mine.stop, batch):
            part = slice(start, min(start + batch, mine.stop))
            labels = torch.tensor(images.labels[part]).to(device)
            logits = model(to_input(torch.tensor(images.pixels[part]).to(device)))
            loss += nn.functional.cross_entropy(logits.float(), labels, reduction="sum").item()
            correct += (logits.argmax(1) == labels).sum().item()
    model.train(was_training)
    loss, correct = _summed(device, loss, correct)
    return Score(loss / len(images), int(correct), len(images))


def fit(
    model: nn.Module,
    train,
    validation,
    recipe: Recipe,
    checkpoint: str | Path | None = None,
    device=None,
    progress=True,
    rates: dict[str, float] | None = None,
) -> History:
    """Train a network and measure it on `validation` after every epoch. With `recipe.average` it is the moving average
    of the weights that is measured, and in the end the network holds it.

    With `checkpoint` (a file's path) the state is kept there every minute and after every epoch, and a second call with
    the same arguments goes on where the first was stopped, to the same result; a finished run returns at once. Under
    `torchrun` every process takes its share of each batch: the result is that of one process, to rounding, with group
    norm. Batch norm sees a process's share alone: on GPUs it is synchronised, on CPUs each share is normalised apart,
    and the running statistics are the first process's.

    `rates` gives parts of the network a rate of their own: the beginning of a parameter's name ("stem", "blocks.3") ->
    a factor of the recipe's rate; the longest that fits counts, other parameters have 1, and "" stands for all. A
    factor of 0 freezes a part. Batch norm whose weights are frozen stays in eval mode, its statistics as they are.
    Lesson 09.

    Raises TrainingError for labels out of range, too few images, a loss that is no number, a batch that does not fit
    in memory, a checkpoint of another run, and rates for a part that there is not.
    """
    with frozen(model, rates):
        return _fit(model, train, validation, recipe, checkpoint, device, progress, rates)


def _fit(model, train, validation, recipe, checkpoint, device, progress, rates) -> History:
    rank, world = _join()
    device = torch.device(device) if device else best_device()
    steps = _check(model, train, recipe, world)
    model.to(device=device, memory_format=torch.channels_last)
    if world > 1 and device.type == "cuda":
        model = nn.SyncBatchNorm.convert_sync_batchnorm(model)
    torch.manual_seed(recipe.seed)
    optimizer = make_optimizer(model, recipe, rates)
    average = averaged(model, recipe.average) if recipe.average else None
    identity = _identity(model, recipe, rates)
    history, first_epoch, first_step = History(device=_describe(device)), 0, 0
    if checkpoint and rank == 0:
        for half in Path(checkpoint).parent.glob(f"{glob.escape(Path(checkpoint).name)}.*.part"):
            half.unlink()  # left by a process that was killed while it wrote
    if checkpoint and Path(checkpoint).exists():
        history, first_epoch, first_step, partial = _resume(Path(checkpoint), model, average, optimizer, identity)
    else:
        partial = [0.0, 0.0]  # loss summed over steps, seconds
    wrapped = DistributedDataParallel(model) if world > 1 else model
    bar = _bar(recipe, steps, first_epoch * steps + first_step, hidden=not progress or rank > 0)
    criterion = nn.CrossEntropyLoss(label_smoothing=recipe.label_smoothing)
    mixed = torch.autocast(device.type, torch.bfloat16) if recipe.precision == "bfloat16" else nullcontext()
    saved = time.monotonic()

    def save(epoch, step):
        if checkpoint and rank == 0:
            _save(Path(checkpoint), model, average, optimizer, identity, history, epoch, step, partial)

    for epoch in range(first_epoch, recipe.epochs):
        order, flips, shifts = _plan(len(train), recipe, epoch)
        mixing = plan_mixing(recipe, epoch, steps)
        if first_step == 0:
            torch.manual_seed(recipe.seed * 100_003 + epoch * 1_009 + rank)  # dropout and stochastic depth
        model.train()
        hold_statistics(model)
        for step in range(first_step, steps):
            began = time.monotonic()
            for group in optimizer.param_groups:
                group["lr"] = group.get("factor", 1) * recipe.rate_at(epoch * steps + step, recipe.epochs * steps)
            share = recipe.batch // world
            at = step * recipe.batch + rank * share
            mine = slice(at, at + share)
            index = order[mine].numpy()
            pixels = augment(torch.from_numpy(train.pixels[index]), flips[mine], shifts[mine])
            labels = torch.from_numpy(train.labels[index]).to(device)
            try:
                images, share = shrink(to_input(pixels.to(device)), recipe, epoch), 1.0
                if mixing:
                    images, share = mix(images, *mixing[step])
                with mixed:
                    logits = wrapped(images)
                    loss = criterion(logits, labels)
                    if share < 1:
                        loss = share * loss + (1 - share) * criterion(logits, labels.flip(0))
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
            except RuntimeError as error:
                raise _explained(error, recipe, train) from error
            optimizer.step()
            if average:
                average.update_parameters(model)
            value = loss.item()
            if not math.isfinite(value):
                raise TrainingError(
                    f"The loss became {value} in epoch {epoch + 1}, step {step + 1}, at learning rate "
                    f"{optimizer.param_groups[0]['lr']:.3g}. Try a smaller rate, such as {recipe.rate / 4:.2g}."
                )
            partial[0] += value
            partial[1] += time.monotonic() - began
            bar.update()
            bar.set_postfix_str(_status(partial[0] / (step + 1), history), refresh=False)
            if time.monotonic() - saved > CHECKPOINT_SECONDS:
                save(epoch, step + 1)
                saved = time.monotonic()
        measured = average.module if average else model
        if world > 1:
            for statistics in measured.buffers():  # on CPUs each process has its own batch norm statistics
                dist.broadcast(statistics, 0)
        score = evaluate(measured, validation)
        mean_loss, seconds = _summed(device, partial[0] / steps / world, partial[1] / world)
        history.loss.append(mean_loss)
        history.seconds.append(seconds)
        history.validation_loss.append(score.loss)
        history.validation.append(score.top1)
        bar.set_postfix_str(_status(mean_loss, history))
        partial, first_step = [0.0, 0.0], 0
        save(epoch + 1, 0)
    bar.close()
    if average:
        model.load_state_dict(average.module.state_dict())
    return history


def _plan(count: int, recipe: Recipe, epoch: int) -> tuple[Tensor, Tensor, Tensor]:
    """The order of an epoch's images, which are mirrored, and by how many pixels each is moved."""
    g = torch.Generator().manual_seed(recipe.seed * 1_000_003 + epoch)
    order = torch.randperm(count, generator=g)
    flips = torch.rand(count, generator=g) < (0.5 if recipe.flip else 0)
    shifts = torch.randint(-recipe.shift, recipe.shift + 1, (count, 2), generator=g)
    return order, flips, shifts


def _check(model, train, recipe, world) -> int:
    """Steps in an epoch (images that don't fill a batch wait for another epoch), or a TrainingError."""
    if recipe.batch % world:
        raise TrainingError(f"A batch of {recipe.batch} cannot be shared equally by {world} processes.")
    if len(train) < recipe.batch:
        raise TrainingError(
            f"{len(train)} training images don't fill one batch of {recipe.batch}; use a smaller batch."
        )
    classes = [m for m in model.modules() if isinstance(m, nn.Linear)]
    low, high = int(train.labels.min()), int(train.labels.max())
    if low < 0 or (classes and high >= classes[-1].out_features):
        raise TrainingError(f"Labels run from {low} to {high}, but the network has {classes[-1].out_features} classes: "
                            f"labels must lie in 0 to {classes[-1].out_features - 1}.")  # fmt: skip
    return len(train) // recipe.batch


def _save(path: Path, model, average, optimizer, identity, history, epoch, step, partial) -> None:
    """Write to a temporary name, then rename: at any moment the file holds one whole checkpoint."""
    path.parent.mkdir(parents=True, exist_ok=True)
    state = {
        "run": identity, "model": model.state_dict(), "optimizer": optimizer.state_dict(),
        "average": average and average.state_dict(), "history": asdict(history), "epoch": epoch, "step": step,
        "partial": partial, "random": torch.get_rng_state(),
    }  # fmt: skip
    unfinished = path.with_name(path.name + f".{os.getpid()}.part")
    try:
        with open(unfinished, "wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    except (OSError, RuntimeError) as error:  # torch reports a full disk as a RuntimeError
        unfinished.unlink(missing_ok=True)
        raise TrainingError(
            f"The checkpoint {path} could not be written ({error}). Free some space and call fit again: it goes on "
            "from the last checkpoint."
        ) from error


def _resume(path: Path, model, average, optimizer, identity):
    try:
        state = torch.load(path, weights_only=True, map_location=next(model.parameters()).device)
    except Exception as error:
        raise TrainingError(f"The checkpoint {path} can't be read ({error}). Move it away to start anew.") from error
    if state["run"] | {"recipe": complete(state["run"]["recipe"])} != identity:
        raise TrainingError(f"The checkpoint {path} is of another network or recipe. Give this run another file.")
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    if average:
        average.load_state_dict(state["average"])
    torch.set_rng_state(state["random"].cpu())
    history = History(**state["history"])
    history.resumed += 1
    return history, state["epoch"], state["step"], state["partial"]


def _identity(model, recipe, rates=None) -> dict:
    """What must be the same for a run to go on."""
    run = {"network": str(getattr(model, "architecture", type(model).__name__)), "recipe": asdict(recipe)}
    held = [name for name, p in model.named_parameters() if not p.requires_grad]
    return run | ({"rates": dict(rates)} if rates else {}) | ({"frozen": held} if held else {})


def _processes() -> tuple[int, int]:
    """This process's number and how many there are."""
    return (dist.get_rank(), dist.get_world_size()) if dist.is_available() and dist.is_initialized() else (0, 1)


def _join() -> tuple[int, int]:
    """Join the group that `torchrun` has announced, if there is one."""
    if "TORCHELASTIC_RUN_ID" in os.environ and not dist.is_initialized():
        dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    return _processes()


def _summed(device, *values: float) -> list[float]:
    """Each value added up over all processes."""
    if _processes()[1] == 1:
        return list(values)
    total = torch.tensor(values, dtype=torch.float32 if device.type == "mps" else torch.float64, device=device)
    dist.all_reduce(total)
    return total.tolist()


def _describe(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device.type}, {torch.get_num_threads()} threads" if device.type == "cpu" else device.type


def _bar(recipe: Recipe, steps: int, done: int, hidden: bool):
    from tqdm.auto import tqdm

    return tqdm(
        total=recipe.epochs * steps, initial=done, disable=hidden, unit="step", desc="training", mininterval=0.5
    )


def _status(loss: float, history: History) -> str:
    text = f"loss {loss:.3f}"
    return text + (f", validation top-1 {history.validation[-1]:.1f} %" if history.validation else "")


def _explained(error: RuntimeError, recipe: Recipe, train) -> Exception:
    memory = isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)
    if not memory:
        return error
    size = train.pixels.shape[1]
    return TrainingError(
        f"A batch of {recipe.batch} images of {size} pixels does not fit in memory. "
        f"Use a smaller batch, such as {max(1, recipe.batch // 2)}, or a lower resolution."
    )
