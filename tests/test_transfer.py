"""Rates for parts, frozen parts that stay as they are, probes, intervals, and weights that are verified."""

import copy
import hashlib
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import test_train as t
import torch
from scipy.stats import binomtest

from effnet_course import data, explain, ingredients, train, transfer
from effnet_course.arch import NANO, VARIANTS
from effnet_course.atlas import network
from effnet_course.download import DataError, Pace, Remote
from effnet_course.model import EfficientNet
from effnet_course.train import Recipe, TrainingError, evaluate, to_input

HELD = {"stem": 0, "blocks": 0.1}


def state(model, part=""):
    return {k: v.clone() for k, v in model.state_dict().items() if f"{k}.".startswith(f"{part}." if part else "")}


def same(a, b):
    return all(torch.equal(a[k], b[k]) for k in a)


# ---- rates ----


def test_without_rates_the_optimiser_is_as_it_was():
    groups = ingredients.make_optimizer(t.network(), t.RECIPE).param_groups
    assert [g["weight_decay"] for g in groups] == [t.RECIPE.weight_decay, 0.0]
    assert not any("factor" in g for g in groups), "so that older checkpoints go on"


def test_every_parameter_that_learns_is_in_one_group_with_its_factor():
    model = t.network()
    rates = {"stem": 0, "blocks": 0.1, "blocks.1": 0.5, "blocks.1.steps.project": 0.2}
    with ingredients.frozen(model, rates):
        groups = ingredients.make_optimizer(model, t.RECIPE, rates).param_groups
        names = {id(p): name for name, p in model.named_parameters()}
    found = {names[id(p)]: (g["factor"], g["weight_decay"] > 0) for g in groups for p in g["params"]}
    assert not any(name.startswith("stem") for name in found)
    for name, (factor, decays) in found.items():
        wanted = 1.0 if name.startswith(("head", "classifier")) else 0.1
        wanted = 0.5 if name.startswith("blocks.1.") else wanted
        wanted = 0.2 if name.startswith("blocks.1.steps.project") else wanted
        assert (factor, decays) == (wanted, not name.endswith("bias") and ".norm." not in name), name
    assert len(found) == sum(not name.startswith("stem") for name in names.values())


def test_a_part_ends_at_a_dot():
    assert ingredients.factor_of("blocks.10.conv.weight", {"blocks.1": 0}) == 1
    assert ingredients.factor_of("blocks.1.conv.weight", {"blocks.1": 0, "": 0.5}) == 0
    assert ingredients.factor_of("stem.conv.weight", {"blocks.1": 0, "": 0.5}) == 0.5


@pytest.mark.parametrize("optimizer", ["sgd", "adamw", "rmsprop"])
def test_what_is_frozen_stays_as_it_is_and_batch_norm_s_statistics_too(optimizer):
    model = t.network()
    with torch.no_grad():
        model.train()(torch.randn(16, 3, 8, 8))
    before = state(model)
    t.quiet_fit(model, replace(t.RECIPE, epochs=1, optimizer=optimizer, rate=0.01, average=0.5), rates={"stem": 0})
    after = state(model)
    for name in before:
        assert torch.equal(before[name], after[name]) == name.startswith("stem."), name
    assert all(p.requires_grad for p in model.parameters()), "afterwards everything can learn again"


def test_batch_norm_is_held_by_a_frozen_network_as_well():
    model = transfer.freeze(t.network())
    before = state(model)
    t.quiet_fit(model, replace(t.RECIPE, epochs=1))
    after = state(model)
    assert [k for k in before if not torch.equal(before[k], after[k])] == ["classifier.weight", "classifier.bias"]


def test_a_factor_scales_the_first_step():
    recipe, moved = replace(t.RECIPE, epochs=1, batch=160, weight_decay=0.0, warmup=0.0), {}
    for factor in (1.0, 0.25):
        model = t.network()
        start = state(model)
        t.quiet_fit(model, recipe, rates={"blocks.0": factor})
        moved[factor] = {k: v - start[k] for k, v in state(model).items() if "conv.weight" in k}
    for name in moved[1.0]:
        wanted = 0.25 if name.startswith("blocks.0.") else 1
        assert torch.allclose(moved[0.25][name], wanted * moved[1.0][name], atol=1e-6), name


def test_a_stopped_run_with_rates_goes_on_to_the_same_result_and_other_rates_are_another_run(tmp_path, monkeypatch):
    whole = t.network()
    t.quiet_fit(whole, rates=HELD)

    class PowerCut(BaseException):
        pass

    monkeypatch.setattr(train, "CHECKPOINT_SECONDS", -1)
    left, original = iter(range(7)), train._status

    def status(*args):
        if next(left, None) is None:
            raise PowerCut
        return original(*args)

    monkeypatch.setattr(train, "_status", status)
    stopped = t.network()
    with pytest.raises(PowerCut):
        t.quiet_fit(stopped, rates=HELD, checkpoint=tmp_path / "run.pt")
    assert all(p.requires_grad for p in stopped.parameters())
    monkeypatch.setattr(train, "_status", original)
    resumed = t.network()
    with pytest.raises(TrainingError, match="another network or recipe"):
        t.quiet_fit(resumed, rates={"stem": 0}, checkpoint=tmp_path / "run.pt")
    with pytest.raises(TrainingError, match="another network or recipe"):
        t.quiet_fit(resumed, checkpoint=tmp_path / "run.pt")
    t.quiet_fit(resumed, rates=HELD, checkpoint=tmp_path / "run.pt")
    assert torch.equal(t.weights(resumed), t.weights(whole)) and same(state(whole), state(resumed))


@pytest.mark.parametrize(
    ("rates", "said"),
    [({"neck": 1}, "no parameter's name begins so. There are: stem, blocks, head, classifier"),
     ({"stem": -1}, "0 .frozen. or more"), ({"": 0}, "Every part of this network is frozen")],
)  # fmt: skip
def test_rates_that_make_no_sense_are_explained(rates, said):
    model = t.network()
    with pytest.raises(TrainingError, match=said):
        t.quiet_fit(model, rates=rates)
    assert all(p.requires_grad for p in model.parameters())


# ---- parts, features, probe ----


def test_parts_are_those_of_the_network_in_order_and_rates_rise_towards_the_classifier():
    model = EfficientNet(NANO, 10)
    assert transfer.parts(model) == ["stem", *(f"blocks.{n}" for n in range(8)), "head", "classifier"]
    rates = transfer.discriminative_rates(model, 0.5)
    assert rates["classifier"] == 1 and rates["head"] == 0.5 and rates["stem"] == 0.5**10
    t.quiet_fit(t.network(), replace(t.RECIPE, epochs=1), rates=transfer.discriminative_rates(t.network()))


def test_freeze_and_unfreeze_name_parts():
    model = t.network()
    transfer.freeze(model, "blocks.1", "stem")
    assert {n.split(".")[0] for n, p in model.named_parameters() if not p.requires_grad} == {"blocks", "stem"}
    assert all(p.requires_grad for p in model.blocks[0].parameters())
    transfer.unfreeze(model, "stem")
    assert all(p.requires_grad for p in model.stem.parameters())
    assert all(p.requires_grad for p in transfer.unfreeze(model).parameters())
    with pytest.raises(ValueError, match="no part 'block'. Its parts: stem, blocks.0"):
        transfer.freeze(model, "block")


def test_a_new_classifier_leaves_the_rest_and_the_old_network_alone():
    model = t.network()
    before = state(model)
    first, again, other = (transfer.with_classes(model, 7, seed) for seed in (0, 0, 1))
    assert first.classifier.weight.shape == (7, 16) and same(before, state(model))
    assert same(state(first), state(again)) and not torch.equal(first.classifier.weight, other.classifier.weight)
    assert same(state(model, "stem"), state(first, "stem"))


def test_features_are_what_the_classifier_reads():
    model, images = t.network().train(), t.pictures(30)
    found = transfer.features(model, images, batch=7)
    assert model.training and found.shape == (30, 16) and found.dtype == np.float32
    with torch.no_grad():
        logits = model.eval()(to_input(torch.from_numpy(images.pixels)))
        assert torch.allclose(model.classifier(torch.from_numpy(found)), logits, atol=1e-5)


def test_a_probe_learns_and_gives_scores_for_each_class():
    draw = np.random.default_rng(0)
    for classes in (2, 3):
        labels = np.arange(60) % classes
        values = draw.normal(size=(60, 5)) + 4 * np.eye(5)[labels] + 100
        probe = transfer.linear_probe(values, labels)
        assert (probe.predict(values) == labels).mean() > 0.95
        assert probe.scores(values[:4]).shape == (4, classes)
        assert np.allclose(probe.scores(values[:1]), probe.scores(values)[:1]), "an image's scores are its own"
    with pytest.raises(ValueError, match="Labels must be 0"):
        transfer.linear_probe(values, labels + 1)


def test_a_probe_weighs_features_alike_whatever_their_size():
    """What tells the classes apart is here a thousand times smaller than what does not."""
    draw = np.random.default_rng(0)
    labels = np.arange(200) % 2
    telling = labels + draw.normal(0, 0.1, 200)
    values = np.stack([0.001 * telling, draw.normal(0, 1, 200)], axis=1)
    probe = transfer.linear_probe(values, labels)
    assert (probe.predict(values) == labels).mean() > 0.98


def test_wilson_s_interval_holds_the_shares_within_two_deviations():
    for correct, count in ((0, 10), (3, 10), (27, 30), (60, 60)):
        low, high = transfer.wilson(correct, count)
        assert 0 <= low <= correct / count <= high <= 1
        for p in (low, high):
            if 0 < p < 1:
                assert abs(p - correct / count) == pytest.approx(1.96 * (p * (1 - p) / count) ** 0.5)
    for correct, count in ((0, 3), (9, 30), (12, 12)):
        theirs = binomtest(correct, count).proportion_ci(method="wilson")
        assert transfer.wilson(correct, count) == pytest.approx((theirs.low, theirs.high), abs=1e-4)
    with pytest.raises(ValueError, match="count at least 1"):
        transfer.wilson(0, 0)


# ---- Grad-CAM ----


def test_on_the_last_map_grad_cam_is_the_classifier_s_weights_over_its_size():
    model = t.network().eval()
    x = torch.randn(3, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    before = state(model)
    cam = explain.grad_cam(model.train(), x, 2)
    assert model.training and same(before, state(model))
    with torch.no_grad():
        maps = model.eval().features(x)
        wanted = torch.einsum("c,nchw->nhw", model.classifier.weight[2], maps).relu() / maps.shape[2] / maps.shape[3]
    assert cam.shape == tuple(wanted.shape) and np.allclose(cam, wanted, atol=1e-6)
    assert not any(m._forward_hooks for m in model.modules())


def test_a_part_held_in_eval_mode_stays_there_when_others_look_at_the_network():
    model = t.network().train()
    model.stem.eval()
    modes = [m.training for m in model.modules()]
    explain.grad_cam(model, torch.randn(1, 3, 8, 8))
    assert [m.training for m in model.modules()] == modes
    images = data.shapes("train", 20, 8)
    transfer.features(model, images)
    assert [m.training for m in model.modules()] == modes
    with pytest.raises(RuntimeError):
        transfer.features(model, replace(images, pixels=images.pixels[:, :, :, :2]))
    assert [m.training for m in model.modules()] == modes, "after an error, too"


def test_grad_cam_goes_to_any_layer_and_any_class():
    model, _ = network("nano-16px")
    x = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    predicted = explain.grad_cam(model, x)
    with torch.no_grad():
        classes = model(x).argmax(1)
    assert np.allclose(predicted, explain.grad_cam(model, x, classes.tolist()))
    assert not np.allclose(predicted, explain.grad_cam(model, x, (classes + 1) % 10))
    for layer in ("stem", "blocks.0.steps.depthwise.norm", "blocks.3", "head.conv"):
        cam = explain.grad_cam(model, x, layer=layer)
        assert cam.shape[0] == 4 and cam.shape[1] == cam.shape[2] and cam.min() >= 0 and np.isfinite(cam).all()
    alone, together = (explain.grad_cam(model, batch, 3, "blocks.5") for batch in (x[1:2], x))
    assert np.allclose(alone, together[1:2], atol=1e-5)
    with pytest.raises(LookupError, match="no layer 'blocks.99'"):
        explain.grad_cam(model, x, layer="blocks.99")
    with pytest.raises(LookupError, match="no map"):
        explain.grad_cam(model, x, layer="classifier")
    with pytest.raises(ValueError, match="0 to 9"):
        explain.grad_cam(model, x, 10)


# ---- weights from a server ----


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        body, start = self.server.body, 0
        if "Range" in self.headers:
            start = int(self.headers["Range"].removeprefix("bytes=").rstrip("-"))
        self.server.starts.append(start)
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        self.end_headers()
        part = body[start:]
        try:
            self.wfile.write(part[: len(body) // 2] if self.server.breaks and not start else part)
        except OSError:
            pass

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def b0_file(tmp_path_factory):
    """torchvision's B0 with weights of its own, as a file; the published ones are too large to keep."""
    import torchvision

    torch.manual_seed(3)
    model = torchvision.models.efficientnet_b0().eval()
    path = tmp_path_factory.mktemp("served") / "b0.pth"
    torch.save(model.state_dict(), path)
    return path, model


@pytest.fixture
def server(b0_file, tmp_path, monkeypatch):
    monkeypatch.delenv("EFFNET_OFFLINE", raising=False)
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setenv("EFFNET_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.body, http.starts, http.breaks = b0_file[0].read_bytes(), [], False
        threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True).start()
        digest = hashlib.sha256(http.body).hexdigest()[:8]
        remote = Remote("b0.pth", f"http://127.0.0.1:{http.server_port}/b0.pth")
        http.weights = {"b0": transfer.Weights(remote, digest, 360)}
        yield http
        http.shutdown()


def get(server):
    return transfer.pretrained("b0", Pace(connect=5, silence=5, slow=0), server.weights)


def test_weights_are_fetched_once_verified_and_give_torchvision_s_outputs(server, b0_file, tmp_path):
    x = torch.randn(2, 3, 64, 64)
    for _ in range(2):
        model = get(server)
        with torch.no_grad():
            assert torch.allclose(model(x), b0_file[1](x), atol=1e-4)
    assert server.starts == [0] and not model.training
    assert (tmp_path / "home/weights/b0.pth").exists()


def test_a_broken_download_of_weights_goes_on_where_it_stopped(server):
    server.breaks = True
    get(server)
    assert server.starts == [0, len(server.body) // 2]


def test_torchvision_s_own_cache_is_used_where_it_is(server, b0_file, tmp_path):
    cache = tmp_path / "torch/hub/checkpoints"
    cache.mkdir(parents=True)
    (cache / "b0.pth").write_bytes(server.body)
    get(server)
    assert server.starts == []
    (cache / "b0.pth").write_bytes(server.body[:1000])  # cut short: said, left alone, and fetched
    get(server)
    assert server.starts == [0] and (cache / "b0.pth").stat().st_size == 1000


def test_other_weights_are_refused(server, monkeypatch):
    spec = server.weights["b0"]
    server.weights["b0"] = replace(spec, sha256="00000000")
    with pytest.raises(DataError, match="SHA-256 begins"):
        get(server)
    server.weights["b0"] = replace(spec, entries=359)
    with pytest.raises(DataError, match="360 entries where 359 belong"):
        get(server)
    with pytest.raises(LookupError, match="There are: b0"):
        transfer.pretrained("b9", weights=server.weights)


def test_the_table_of_weights_names_torchvision_s_files():
    import torchvision

    for name, spec in transfer.WEIGHTS.items():
        theirs = getattr(torchvision.models, f"EfficientNet_{name.upper()}_Weights").IMAGENET1K_V1
        assert spec.remote.url == theirs.url and spec.sha256 in theirs.url
        with torch.device("meta"):
            assert len(EfficientNet(VARIANTS[name]).state_dict()) == spec.entries


def test_without_a_network_a_shipped_one_does_and_the_sentence_says_so(monkeypatch, tmp_path):
    monkeypatch.setenv("EFFNET_OFFLINE", "1")
    monkeypatch.setenv("EFFNET_HOME", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    model, said = transfer.backbone()
    assert model.classifier.out_features == 10 and not model.training
    assert "fused-32px, trained for this course on 45,000 images of CIFAR-10 at 32 px" in said
    assert "EFFNET_OFFLINE" in said


def test_a_fine_tuned_network_knows_its_new_classes():
    images = t.pictures(120)
    model = transfer.with_classes(t.network(), 3)
    before = copy.deepcopy(state(model))
    t.quiet_fit(model, Recipe(epochs=4, batch=30, rate=0.05, shift=0), rates={"": 0.3, "classifier": 1})
    assert evaluate(model, images).top1 > 60 and not same(before, state(model))
