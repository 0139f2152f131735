"""Training is repeatable, can be stopped anywhere, says what is wrong, and is the same however many share it."""

import hashlib
import json
import math
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from effnet_course import ingredients, train
from effnet_course.arch import NANO, Stage
from effnet_course.model import EfficientNet
from effnet_course.train import Recipe, TrainingError, augment, evaluate, fit, to_input

TINY = replace(NANO, name="tiny", stages=(Stage(1, 3, 2, 8, 1), Stage(2, 3, 2, 12, 2)), stem=8, head=16, resolution=8)
RECIPE = Recipe(epochs=2, batch=32, rate=0.1, shift=1)


@dataclass
class Pictures:
    pixels: np.ndarray
    labels: np.ndarray

    def __len__(self):
        return len(self.labels)


def pictures(count=160, classes=3, seed=0, size=8):
    """Noise whose mean colour tells the class."""
    draw = np.random.default_rng(seed)
    labels = draw.integers(0, classes, count)
    pixels = draw.integers(0, 156, (count, size, size, 3)) + 99 * np.eye(3, dtype=int)[labels % 3][:, None, None, :]
    return Pictures(pixels.astype(np.uint8), labels.astype(np.int64))


def network(architecture=TINY, seed=0):
    torch.manual_seed(seed)
    return EfficientNet(architecture, 3)


def weights(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def quiet_fit(model, recipe=RECIPE, **kwargs):
    return fit(model, pictures(), pictures(64, seed=1), recipe, device="cpu", progress=False, **kwargs)


def test_a_network_learns_what_can_be_learned():
    model = network()
    history = quiet_fit(model, replace(RECIPE, epochs=6))
    assert history.validation[-1] > 90
    assert history.loss[-1] < history.loss[0]
    assert evaluate(model, pictures(64, seed=1)).top1 == history.validation[-1]
    assert len(history.seconds) == 6 and history.device.startswith("cpu")


def test_same_seed_same_result_another_seed_another():
    models = [network(), network(), network()]
    for model, seed in zip(models, (3, 3, 4), strict=True):
        quiet_fit(model, replace(RECIPE, seed=seed))
    assert torch.equal(weights(models[0]), weights(models[1]))
    assert not torch.equal(weights(models[0]), weights(models[2]))


def test_top1_counts_images_not_batches():
    model, images = network(), pictures(70, seed=2)
    with torch.no_grad():
        right = (model.eval()(to_input(torch.from_numpy(images.pixels))).argmax(1).numpy() == images.labels).sum()
    for batch in (7, 32, 500):
        score = evaluate(model, images, batch)
        assert (score.correct, score.count) == (right, 70)
        assert score.top1 == pytest.approx(100 * right / 70)
    model.train()
    evaluate(model, images)
    assert model.training, "evaluate leaves the mode as it found it"


def test_augmentation_moves_and_mirrors_whole_images():
    image = torch.arange(2 * 4 * 4 * 3).reshape(2, 4, 4, 3)
    flips, shifts = torch.tensor([False, True]), torch.tensor([[1, 0], [0, 0]])
    out = augment(image, flips, shifts)
    assert torch.equal(out[0, 1:], image[0, :-1]), "down by one"
    assert torch.equal(out[0, 0], image[0, 0]), "the edge is repeated"
    assert torch.equal(out[1], image[1].flip(1)), "mirrored left to right"
    mirrored_and_moved = augment(image, torch.tensor([True, True]), torch.tensor([[0, 1], [0, 1]]))
    assert torch.equal(mirrored_and_moved[0, :, 1:], image[0].flip(1)[:, :-1])


def test_input_is_centred_and_laid_out_channels_last():
    x = to_input(torch.full((2, 5, 6, 3), 255, dtype=torch.uint8))
    assert x.shape == (2, 3, 5, 6)
    assert x.is_contiguous(memory_format=torch.channels_last)
    assert x.unique().item() == pytest.approx(127.5 / 64)


def test_the_rate_rises_straight_and_falls_as_half_a_cosine():
    recipe = Recipe(rate=0.4, warmup=0.1)
    rates = [recipe.rate_at(step, 100) for step in range(100)]
    assert rates[10] == max(rates) == 0.4
    assert np.allclose(np.diff(rates[:10]), rates[1] - rates[0])
    assert rates[55] == pytest.approx(0.2)
    assert 0 < rates[-1] < 0.001


def test_weight_decay_spares_biases_and_normalisation():
    model = network()
    groups = ingredients.make_optimizer(model, RECIPE).param_groups
    decayed = {id(p) for group in groups if group["weight_decay"] for p in group["params"]}
    assert sum(len(group["params"]) for group in groups) == len(list(model.parameters()))
    for name, parameter in model.named_parameters():
        assert (id(parameter) in decayed) == (not name.endswith("bias") and ".norm." not in name), name


@pytest.mark.parametrize("stop_after", [1, 4, 5, 7, 9])
def test_a_run_stopped_anywhere_goes_on_to_the_same_result(tmp_path, monkeypatch, stop_after):
    net = replace(TINY, stochastic_depth=0.3, dropout=0.2)  # chance inside the network is resumed too
    whole = network(net)
    expected = quiet_fit(whole)

    class PowerCut(BaseException):
        pass

    monkeypatch.setattr(train, "CHECKPOINT_SECONDS", -1)  # after every step
    steps = iter(range(1000))
    original = train._status

    def status(*args):
        if next(steps) == stop_after:
            raise PowerCut
        return original(*args)

    monkeypatch.setattr(train, "_status", status)
    checkpoint = tmp_path / "run.pt"
    with pytest.raises(PowerCut):
        quiet_fit(network(net), checkpoint=checkpoint)
    monkeypatch.setattr(train, "_status", original)
    resumed = network(net, seed=99)  # its own first weights don't matter
    history = quiet_fit(resumed, checkpoint=checkpoint)
    assert torch.equal(weights(resumed), weights(whole))
    assert history.validation == expected.validation
    assert history.loss == pytest.approx(expected.loss)
    assert history.resumed == 1


SCRIPT = """
import os, sys, time
sys.path[:0] = {paths!r}
import test_train as t
from dataclasses import replace
t.train.CHECKPOINT_SECONDS = -1  # after every step
really = os.fsync
os.fsync = lambda file: (time.sleep(0.01), really(file))  # a slow disk: half a checkpoint is there to be seen
model = t.network()
history = t.quiet_fit(model, replace(t.RECIPE, epochs=40), checkpoint=sys.argv[1])
print(repr(history.validation), t.fingerprint(model), history.resumed)
"""


def fingerprint(model):
    return hashlib.sha256(weights(model).numpy().tobytes()).hexdigest()


@pytest.mark.parametrize("kills", [2, pytest.param(20, marks=pytest.mark.slow)])
def test_killed_in_training_or_while_writing_a_checkpoint_it_ends_as_if_never_killed(tmp_path, kills):
    """Every second kill comes while a checkpoint is half written, the others a random moment after one."""
    script = tmp_path / "run.py"
    script.write_text(SCRIPT.format(paths=[str(Path(__file__).parent), str(Path(__file__).parent.parent)]))
    checkpoint, draw = tmp_path / "killed" / "run.pt", random.Random(0)
    checkpoint.parent.mkdir()
    env = dict(os.environ, OMP_NUM_THREADS="1")

    def command(file):
        return [sys.executable, str(script), str(file)]

    def wait_for(something):
        deadline = time.monotonic() + 60
        while not something() and time.monotonic() < deadline:
            time.sleep(0.001)
        assert something(), "it ended or hung before it could be killed"

    for number in range(kills):
        before = checkpoint.stat().st_mtime_ns if checkpoint.exists() else 0
        process = subprocess.Popen(command(checkpoint), env=env, stdout=subprocess.DEVNULL)
        wait_for(lambda before=before: checkpoint.exists() and checkpoint.stat().st_mtime_ns > before)
        if number % 2:
            mine = f"*.{process.pid}.part"
            wait_for(lambda mine=mine: any(checkpoint.parent.glob(mine)))
        else:
            time.sleep(draw.uniform(0, 0.05))
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL, "it was to be killed before it finished"
    outputs = [
        subprocess.run(command(file), env=env, capture_output=True, text=True, check=True).stdout.split()
        for file in (checkpoint, tmp_path / "unbroken.pt")
    ]
    assert outputs[0][:-1] == outputs[1][:-1], "top-1 of every epoch, and every bit of the weights"
    assert (outputs[0][-1], outputs[1][-1]) == (str(kills), "0")
    assert [file.name for file in checkpoint.parent.iterdir()] == ["run.pt"], "half checkpoints are cleared away"


def test_a_finished_run_returns_at_once(tmp_path):
    first = quiet_fit(network(), checkpoint=tmp_path / "run.pt")
    model = network(seed=5)
    again = quiet_fit(model, checkpoint=tmp_path / "run.pt")
    assert again.validation == first.validation
    assert evaluate(model, pictures(64, seed=1)).top1 == first.validation[-1]


def test_a_checkpoint_of_another_run_is_refused_and_kept(tmp_path):
    path = tmp_path / "run.pt"
    quiet_fit(network(), checkpoint=path)
    before = path.read_bytes()
    with pytest.raises(TrainingError, match="another network or recipe"):
        quiet_fit(network(), replace(RECIPE, rate=0.05), checkpoint=path)
    assert path.read_bytes() == before
    path.write_bytes(before[:100])
    with pytest.raises(TrainingError, match="can't be read"):
        quiet_fit(network(), checkpoint=path)


def test_a_checkpoint_from_before_a_recipe_had_a_field_goes_on(tmp_path):
    path = tmp_path / "run.pt"
    quiet_fit(network(), checkpoint=path)
    state = torch.load(path, weights_only=True)
    del state["run"]["recipe"]["early_pixels"]
    torch.save(state, path)
    assert quiet_fit(network(), checkpoint=path).resumed == 1
    with pytest.raises(TrainingError, match="another network or recipe"):
        quiet_fit(network(), replace(RECIPE, early_pixels=8), checkpoint=path)


def test_a_full_disk_keeps_the_last_checkpoint(tmp_path, monkeypatch):
    path = tmp_path / "run.pt"
    quiet_fit(network(), checkpoint=path)
    before = path.read_bytes()

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(TrainingError, match="Free some space"):
        optimizer = ingredients.make_optimizer(network(), RECIPE)
        train._save(path, network(), None, optimizer, RECIPE, train.History(), 0, 0, [0.0, 0.0])
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_diverging_run_says_where_and_what_to_try():
    with pytest.raises(TrainingError, match=r"epoch 1, step \d+.*smaller rate"):
        quiet_fit(network(), replace(RECIPE, rate=1e20, warmup=0))


@pytest.mark.parametrize(("labels", "says"), [((0, 1, 3), "0 to 3.*3 classes.*0 to 2"), ((-1, 0, 1), "-1 to 1")])
def test_labels_out_of_range_are_named(labels, says):
    images = pictures(64)
    images.labels = np.resize(np.array(labels), 64)
    with pytest.raises(TrainingError, match=says):
        fit(network(), images, images, RECIPE, device="cpu", progress=False)


def test_a_batch_that_does_not_fit_says_so():
    with pytest.raises(TrainingError, match="smaller batch"):
        quiet_fit(network(), replace(RECIPE, batch=1000))

    class Hungry(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(1, 3)

        def forward(self, x):
            return self.layer(torch.empty(2**60, 1))

    with pytest.raises(TrainingError, match="does not fit in memory.* such as 16"):
        quiet_fit(Hungry())


def test_other_errors_are_not_called_memory():
    class Broken(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(5, 3)

        def forward(self, x):
            return self.layer(x)

    with pytest.raises(RuntimeError, match="shape"):
        quiet_fit(Broken())


@pytest.mark.parametrize(
    "wrong",
    [{"optimizer": "adam"}, {"rate": 0}, {"warmup": 1}, {"precision": "int8"}, {"schedule": "cos"}, {"mixup": -1},
     {"average": 1}, {"early_pixels": -1}],
)  # fmt: skip
def test_an_impossible_recipe_is_refused(wrong):
    with pytest.raises(TrainingError):
        Recipe(**wrong)


TWO_PROCESSES = """
import json, sys
sys.path[:0] = {paths!r}
import test_train as t
from dataclasses import replace
import torch.distributed as dist
model = t.network(replace(t.TINY, norm=sys.argv[1]))
history = t.quiet_fit(model)
if not dist.is_initialized() or dist.get_rank() == 0:
    with open(sys.argv[2], "w") as file:
        json.dump([history.loss, history.validation, t.weights(model).tolist()], file)
if dist.is_initialized():  # both processes measure, and would save, one and the same network
    shared = [value.clone() for value in model.state_dict().values()]
    for value in shared:
        dist.broadcast(value, 0)
    assert all(map(t.torch.equal, shared, model.state_dict().values()))
"""


@pytest.mark.parametrize(("norm", "same"), [("group", True), ("batch", False)])
def test_two_processes_train_a_group_norm_network_to_the_result_of_one(tmp_path, norm, same):
    script = tmp_path / "run.py"
    script.write_text(TWO_PROCESSES.format(paths=[str(Path(__file__).parent), str(Path(__file__).parent.parent)]))
    env = dict(os.environ, OMP_NUM_THREADS="1")
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    results = []
    for command, name in (([sys.executable], "one"), (torchrun, "two")):
        out = tmp_path / name
        subprocess.run([*command, str(script), norm, str(out)], env=env, check=True, capture_output=True, timeout=300)
        results.append(json.loads(out.read_text()))
    (loss, validation, one), (loss_two, validation_two, two) = results
    difference = (torch.tensor(one) - torch.tensor(two)).abs().max().item()
    if same:
        assert difference < 1e-5
        assert loss_two == pytest.approx(loss, rel=1e-5)
        assert validation_two == validation
    else:  # batch norm on CPUs sees each process's share only: another result, as the docstring of fit says
        assert difference > 1e-3
        assert math.isfinite(loss_two[-1])
