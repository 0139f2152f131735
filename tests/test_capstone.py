"""The capstone: what stands on the board was computed, a limit that is missed is explained, the test is read once."""

import itertools
import json
import re
import types

import pytest
import torch

from effnet_course import capstone, compress, data
from effnet_course.arch import FUSED, NANO, Architecture, Stage
from effnet_course.cost import network_cost
from effnet_course.model import EfficientNet
from effnet_course.recipe import Recipe, TrainingError
from effnet_course.train import History, evaluate

TINY = Architecture("tiny", (Stage(1, 3, 2, 8, 1), Stage(2, 3, 2, 12, 1)), 8, 16, 8, stem_stride=1, channel_step=2,
                    dropout=0.0, stochastic_depth=0.0)  # fmt: skip
HISTORY = History([2.0], [2.0], [10.0], [30.0], "cpu")


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A home of its own, few pictures, and stopwatches that always show the same."""
    monkeypatch.setenv("EFFNET_HOME", str(tmp_path / "home"))
    reads = []
    counts = {"train": 400, "validation": 200, "test": 150}

    def drawn(split="train", resolution=32, **knobs):
        reads.append(split)
        return data_shapes(split, counts[split], resolution, 0.2, 0.2, 0.2)

    data_shapes = data.shapes
    monkeypatch.setattr(data, "pictures", drawn)
    monkeypatch.setattr(data, "shapes", drawn)
    timing = types.SimpleNamespace(median=2e-3)
    monkeypatch.setattr("effnet_course.deploy.compare", lambda networks, **_: dict.fromkeys(networks, timing))
    drawn.reads = reads
    return drawn


@pytest.fixture
def network():
    torch.manual_seed(0)
    return EfficientNet(TINY, 10)


def an_entry(**changes):
    entry = {
        "name": "mine", "brief": "watch", "weights": "abc", "dataset": "CIFAR-10", "images": 5000, "float": 60.0,
        "int8": 59.0, "last": 60.0, "layers": 42, "milliseconds": 1.0, "macs": 1_000_000, "params": 40_000,
        "latency": 0.5, "bytes": 50_000, "minutes": 2.5, "test": None, "architecture": capstone._plain(NANO),
    }  # fmt: skip
    return entry | changes


# ---- the briefs and the worked designs ---------------------------------------------------------------------


def test_three_briefs_each_with_another_scarce_thing_that_rules_nano_out():
    assert {brief.scarce for brief in capstone.BRIEFS.values()} == {"macs", "latency", "bytes"}
    nano = network_cost(NANO, 10)
    size = capstone.int8_bytes(compress.folded(EfficientNet(NANO, 10)))
    costs = {"macs": nano.macs, "latency": 1.0, "bytes": size}
    for brief in capstone.BRIEFS.values():
        assert costs[brief.scarce] > getattr(brief, brief.scarce)


def test_the_worked_designs_are_one_for_each_brief_and_one_of_them_fails():
    designs = capstone.worked()
    assert [d["brief"] for d in designs] == list(capstone.BRIEFS)
    failed = [d for d in designs if set(capstone.missed(d)) - {"minutes"}]
    (d,) = failed
    assert "latency" in capstone.missed(d) and d["macs"] < capstone.BRIEFS["phone"].macs and len(d["analysis"]) > 60
    for d in designs:
        assert d["dataset"] == "CIFAR-10" and d["images"] == 5_000
        assert d["date"] and d["device"] and len(d["design"]) > 60


def test_what_the_record_says_of_a_design_can_be_counted_again():
    for d in capstone.worked():
        cost = network_cost(capstone.architecture(d), 10)
        model = EfficientNet(capstone.architecture(d), 10)
        assert (d["params"], d["macs"]) == (cost.params, cost.macs)
        assert d["layers"] == sum(1 for layer in cost.layers if layer.macs)
        assert d["bytes"] == capstone.int8_bytes(compress.folded(model))


# ---- an entry ----------------------------------------------------------------------------------------------


def test_what_is_entered_is_counted_by_us(network, capsys):
    entry = capstone.enter("mine", "watch", network, HISTORY)
    cost = network_cost(TINY, 10)
    assert (entry["params"], entry["macs"]) == (cost.params, cost.macs)
    assert entry["float"] == round(evaluate(network, data.pictures("validation", 8)).top1, 2)
    assert entry["images"] == 200 and entry["dataset"] == "Shapes" and entry["minutes"] == 0.5 and entry["test"] is None
    assert "mine, for the watch: meets all 5 limits" in capsys.readouterr().out
    kept = capstone.entries()
    assert len(kept) == 1 and kept[0]["weights"] == entry["weights"]


def test_int8_bytes_are_weights_in_bytes_and_scales_and_biases_in_four():
    conv = torch.nn.Conv2d(3, 5, 3)  # 135 weights, 5 scales, 5 biases
    assert capstone.int8_bytes(torch.nn.Sequential(conv)) == 135 + 4 * 5 + 4 * 5
    norm = torch.nn.GroupNorm(1, 5)  # cannot be folded: 10 floats stay
    assert capstone.int8_bytes(torch.nn.Sequential(conv, norm)) == 135 + 40 + 40


def test_the_int8_network_is_rounded(network):
    folded = compress.folded(network)
    rounded = capstone.int8(folded, data.pictures("train", 8).take(50))
    for layer in compress.layers(rounded).values():
        assert all(len(torch.unique(channel)) <= 255 for channel in layer.weight.data.flatten(1))
    x = torch.randn(4, 3, 8, 8)
    assert not torch.equal(rounded(x), folded(x)) and torch.allclose(rounded(x), folded(x), atol=0.5)
    assert not torch.equal(rounded(x), compress.quantised_weights(folded)(x)), "inputs are rounded, too"


def test_what_counts_is_the_int8_network_by_ranges_of_training_images(network, monkeypatch):
    """In its place a network that always says 3: then top-1 is the share of threes."""
    known = []

    def three(folded, images):
        known.append(images.split)
        return lambda x: torch.eye(10)[[3] * len(x)]

    def share(split):
        return round(100 * float((data.pictures(split, 8).labels == 3).mean()), 2)

    monkeypatch.setattr(capstone, "int8", three)
    monkeypatch.setattr("effnet_course.train.evaluate", lambda model, images, *more, **named: types.SimpleNamespace(
        top1=100 * float((model(torch.zeros(len(images), 3, 8, 8)).argmax(1).numpy() == images.labels).mean())))
    entry = capstone.enter("mine", "watch", network, HISTORY, final=True)
    assert (entry["int8"], entry["test"]) == (share("validation"), share("test"))
    assert known == ["train", "train"]


def test_latency_is_the_network_s_time_over_nano_s_folded_and_on_one_thread(network, monkeypatch):
    def compare(networks, threads, clock, **_):
        assert threads == 1 and clock is capstone.time.thread_time
        for model, _ in networks.values():
            assert not any(isinstance(layer, torch.nn.BatchNorm2d) for layer in model.modules())
        return {"own": types.SimpleNamespace(median=1e-3), "nano": types.SimpleNamespace(median=4e-3)}

    monkeypatch.setattr("effnet_course.deploy.compare", compare)
    entry = capstone.enter("mine", "watch", network, HISTORY)
    assert (entry["latency"], entry["milliseconds"]) == (0.25, 1.0)


def test_entering_leaves_the_network_as_it_was(network):
    before = {name: value.clone() for name, value in network.state_dict().items()}
    capstone.enter("mine", "watch", network.train(), HISTORY)
    assert network.training and all(torch.equal(before[name], value) for name, value in network.state_dict().items())


def test_a_pruned_network_is_entered_as_the_zeros_it_has(network):
    pruned = compress.pruned_weights(network, 0.5)
    entry = capstone.enter("pruned", "watch", pruned, HISTORY, final=True)
    whole = capstone.enter("whole", "watch", network, HISTORY)
    assert entry["params"] == whole["params"] and entry["bytes"] == whole["bytes"], "zeros are stored, too"
    assert entry["weights"] == capstone.fingerprint(compress.settled(pruned)) != whole["weights"]
    assert entry["test"] is not None


def test_the_test_images_are_read_when_it_is_final_and_once(network, home, capsys):
    capstone.enter("mine", "watch", network, HISTORY)
    assert "test" not in home.reads
    first = capstone.enter("mine", "watch", network, HISTORY, final=True)
    again = capstone.enter("mine too", "server", network, HISTORY, final=True)
    assert home.reads.count("test") == 1 and again["test"] == first["test"] is not None
    assert "read once" in capsys.readouterr().out
    assert "Test images were read for 1 of your networks." in repr(capstone.board("watch"))


def test_a_history_of_another_network_is_noticed(network, capsys):
    capstone.enter("mine", "watch", network, History([1.0], [1.0], [95.0], [30.0], "cpu"))
    assert "Is it this network's?" in capsys.readouterr().out


def test_what_cannot_be_entered_is_a_sentence(network):
    with pytest.raises(ValueError, match="There are: watch, phone, server"):
        capstone.enter("mine", "car", network, HISTORY)
    with pytest.raises(ValueError, match="1000 numbers"):
        capstone.enter("mine", "watch", EfficientNet(TINY, 1000), HISTORY)
    with pytest.raises(ValueError, match="has its architecture"):
        capstone.enter("mine", "watch", torch.nn.Linear(3, 10), HISTORY)
    with pytest.raises(ValueError, match="returns both"):
        capstone.enter("mine", "watch", network, None)
    assert capstone.entries() == []


def test_what_is_refused_is_refused_before_anything_is_measured(network, monkeypatch):
    monkeypatch.setattr(capstone, "measured", lambda *_: pytest.fail("measured"))
    for name, brief in (("", "watch"), (" - ", "watch"), ("mine", "car")):
        with pytest.raises(ValueError):
            capstone.enter(name, brief, network, HISTORY)


def test_a_brief_goes_by_its_name_in_any_letters_and_a_name_may_be_a_number(network):
    entry = capstone.enter(1, " Watch", network, HISTORY)
    assert (entry["name"], entry["brief"]) == ("1", "watch") and "1  " in repr(capstone.board("WATCH"))


def test_a_board_that_cannot_be_written_loses_nothing(network, tmp_path, capsys):
    (tmp_path / "home").write_text("a file where the folder should be")
    entry = capstone.enter("mine", "watch", network, HISTORY)
    assert entry["params"] > 0 and "could not be saved" in capsys.readouterr().out


# ---- limits ------------------------------------------------------------------------------------------------


def test_a_limit_is_met_up_to_and_including_it():
    brief = capstone.BRIEFS["watch"]
    assert capstone.missed(an_entry(macs=brief.macs)) == []
    assert capstone.missed(an_entry(macs=brief.macs + 1)) == ["macs"]
    assert capstone.missed(an_entry(latency=9, bytes=10**6, minutes=5)) == ["latency", "bytes", "minutes"]


def test_what_is_missed_says_by_how_much_and_where_the_cost_sits():
    said = capstone.explained(an_entry(macs=1_260_000, bytes=300_000))
    assert "misses 2 of 5 limits" in said
    assert "1,260,000 of 1,200,000: MISSED: 5.0 % too much" in said
    assert "300,000 of 100,000: MISSED: 3 times what is allowed" in said
    cost = network_cost(NANO, 10)
    share = round(100 * cost.by_operator()["expand"].macs / cost.macs)
    assert "Where the MACs sit: " in said and f"expand {share} %" in said
    assert "40,000 of 100,000: met, 60 % to spare" in said
    assert "59.0 % plus or minus 1.4 (5,000 images, CIFAR-10)" in said  # 1.96 sqrt(0.59 x 0.41 / 5000)
    (name, last) = list(cost.by_stage().items())[-3]
    assert name == "stage5"  # the stem is stage 1, so NANO's fourth and last row is stage 5
    assert f"by stage: stage 5 (row 4 of its table) {100 * last.macs / cost.macs:.0f} %, " in said


def test_a_latency_that_is_missed_names_the_layers_in_a_row():
    said = capstone.explained(an_entry(brief="phone", latency=2.5, layers=120, macs=3_307_304))
    assert "MISSED: 5 times what is allowed" in said and "120 layers one after another, NANO has 42" in said


# ---- the board ---------------------------------------------------------------------------------------------


def entered(tmp_path, *rows):
    (tmp_path / "home").mkdir(exist_ok=True)
    (tmp_path / "home" / capstone.FILE).write_bytes(b"".join(
        row if isinstance(row, bytes) else json.dumps(row).encode() + b"\n" for row in rows))  # fmt: skip


def test_an_empty_board_has_the_worked_designs_and_the_limits():
    shown = repr(capstone.board())
    for brief in capstone.BRIEFS.values():
        assert f"The {brief.key}." in shown and f"{brief.macs:,}" in shown
    assert all(f"{design['name']} (worked)" in shown for design in capstone.worked())


def test_broken_lines_are_passed_over(tmp_path):
    entered(tmp_path, b"rubbish \xff\n", b"[1]\n", b'{"brief": "watch"}\n', an_entry(), b'{"brief": "wat')
    assert [e["name"] for e in capstone.entries()] == ["mine"]
    assert "mine" in repr(capstone.board("watch"))


def test_the_best_within_the_limits_comes_first(tmp_path):
    entered(tmp_path, an_entry(name="good", weights="a", int8=50), an_entry(name="better", weights="b", int8=99),
            an_entry(name="cheat", weights="c", int8=99.5, macs=10**7))  # fmt: skip
    shown = repr(capstone.board("watch"))
    assert shown.index("better ") < shown.index("good ") < shown.index("cheat ") and "missed: MACs" in shown
    assert "the best of these is better, 99.0 % in int8" in shown


def test_a_network_entered_twice_stands_there_once(tmp_path):
    entered(tmp_path, an_entry(latency=0.7), an_entry(latency=0.6))
    assert repr(capstone.board("watch")).count("mine ") == 1 and "0.60 x" in repr(capstone.board("watch"))


def test_shapes_and_photos_do_not_share_a_picture(tmp_path):
    entered(tmp_path, an_entry(name="photos"), an_entry(name="drawn", weights="b", dataset="Shapes"))
    shown = repr(capstone.board("watch"))
    assert "drawn" in shown and "photos" not in shown and "(worked)" not in shown
    assert "1 of your entries are of other pictures than Shapes" in shown
    assert "photos" in repr(capstone.board("watch", dataset="CIFAR-10"))


def test_the_picture_carries_the_sentence_and_escapes_names(tmp_path):
    entered(tmp_path, an_entry(name="<b>mine</b>"))
    html = capstone.board("watch")._repr_html_()
    assert "<b>mine" not in html and "&lt;b&gt;mine" in html
    sentence = re.search(r'aria-label="([^"]*)"', html)[1]
    assert "within all limits" in sentence and sentence in html.replace(f'aria-label="{sentence}"', "")


# ---- training within a time --------------------------------------------------------------------------------


@pytest.mark.parametrize(("affordable", "plan"), [
    (100_000, {"epochs": 3, "images": 33_333}), (45_000, {"epochs": 1, "images": 45_000}),
    (89_000, {"epochs": 2, "images": 45_000}), (20_000, {"epochs": 1, "images": 20_000}),
    (3, {"epochs": 1, "images": 128}),
])  # fmt: skip
def test_the_time_is_spent_on_as_many_different_images_as_there_are(affordable, plan):
    assert capstone.schedule(affordable, 45_000, 128) == plan


def test_training_keeps_its_plan_and_goes_on_where_it_was(monkeypatch, tmp_path):
    monkeypatch.setattr(capstone, "speed", lambda *_: 400 / (0.85 * 240))  # 400 images in the brief's time
    recipe = Recipe(batch=50, rate=0.05)
    model, history = capstone.train("my net", "watch", TINY, recipe, progress=False)
    assert len(history.validation) == 1
    assert capstone.enter("my net", "watch", model, history)["training_images"] == 400
    assert "training_images" not in capstone.enter("another", "watch", model, history)
    assert "training_images" not in capstone.enter("my net", "watch", EfficientNet(TINY, 10), history)
    monkeypatch.setattr(capstone, "speed", lambda *_: pytest.fail("the plan was there"))
    plan = json.loads((file := capstone._plan_file("my net")).read_text())
    del plan["recipe"]["early_pixels"]  # as written before a recipe had it
    file.write_text(json.dumps(plan))
    again, same = capstone.train("my net", "watch", TINY, recipe, progress=False)
    assert same.resumed == 1 and same.validation == history.validation
    assert capstone.fingerprint(again) == capstone.fingerprint(model)
    with pytest.raises(TrainingError, match="another name"):
        capstone.train("my net", "watch", FUSED, recipe, progress=False)


def test_a_plan_cut_short_by_a_crash_is_made_anew(monkeypatch, tmp_path):
    monkeypatch.setattr(capstone, "speed", lambda *_: 0.1)
    folder = tmp_path / "home" / "capstone"
    folder.mkdir(parents=True)
    (folder / "x.json").write_text('{"epochs"')
    capstone.train("x", "watch", TINY, Recipe(batch=50, rate=0.05), progress=False)
    assert json.loads((folder / "x.json").read_text())["epochs"] == 1


def test_of_a_run_that_was_stopped_no_images_are_claimed(monkeypatch, network):
    """The plan is there, its training is not: whatever is entered under the name saw other images."""
    monkeypatch.setattr(capstone, "speed", lambda *_: 400 / (0.85 * 240))
    monkeypatch.setattr("effnet_course.train.fit", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        capstone.train("mine", "watch", TINY, Recipe(batch=50), progress=False)
    assert capstone._read_plan(capstone._plan_file("mine"))["images"] == 400
    assert "training_images" not in capstone.enter("mine", "watch", network, HISTORY)


def test_before_training_it_says_which_limits_are_broken_on_paper_and_goes_on(monkeypatch, capsys):
    monkeypatch.setattr(capstone, "_pictures", lambda *_: pytest.fail("the words come first"))
    with pytest.raises(pytest.fail.Exception):
        capstone.train("big", "watch", NANO)
    said, cost = capsys.readouterr().out, network_cost(NANO, 10)
    assert "for the watch: this network misses 3 of 3 limits" in said
    assert f"{cost.macs:,} of 1,200,000: MISSED: {cost.macs / 1.2e6:.2g} times what is allowed" in said
    assert "int8 bytes" in said and "latency" not in said and "training" not in said
    fits = capstone.beforehand(NANO, capstone.BRIEFS["phone"])
    assert fits == "On paper, for the phone: MACs, parameters and int8 bytes are within the limits."


def test_what_cannot_be_trained_is_a_sentence(network, tmp_path):
    for wrong in ("NANO", network, None):
        with pytest.raises(ValueError, match="without quotes"):
            capstone.train("mine", "watch", wrong)
    with pytest.raises(ValueError, match="it needs 4 pixels or more, and its resolution is 1"):
        capstone.train("mine", "watch", NANO.scaled(resolution=0.01))
    with pytest.raises(ValueError, match="There are: watch"):
        capstone.train("mine", "car", NANO)
    (tmp_path / "home").write_text("a file where the folder should be")
    with pytest.raises(TrainingError, match="Make room in"):
        capstone.train("mine", "watch", TINY, Recipe(batch=50), progress=False)


def test_speed_is_images_a_second_and_leaves_chance_as_it_was():
    torch.manual_seed(3)
    state = torch.get_rng_state()
    assert capstone.speed(TINY, data.pictures("train", 8), Recipe(batch=20), steps=3, warmup=2) > 0
    assert torch.equal(state, torch.get_rng_state())


def test_speed_counts_images_and_not_steps(monkeypatch):
    clock = itertools.count(step=0.5)  # half a second from one batch to the next
    monkeypatch.setattr(capstone, "time", types.SimpleNamespace(monotonic=lambda: next(clock)))
    assert capstone.speed(TINY, data.pictures("train", 8), Recipe(batch=20), steps=3, warmup=2) == 20 / 0.5


def test_the_recipe_s_seed_decides_where_a_network_begins(monkeypatch):
    begun = []
    monkeypatch.setattr(capstone, "speed", lambda *_: 1.0)
    monkeypatch.setattr("effnet_course.train.fit", lambda model, *_, **__: begun.append(capstone.fingerprint(model)))
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        capstone.train(name, "watch", TINY, Recipe(batch=20, seed=seed), progress=False)
    assert begun[0] == begun[1] != begun[2]


def test_a_name_needs_a_letter():
    with pytest.raises(ValueError, match="at least one letter"):
        capstone.train("  ", "watch", TINY)
    assert capstone._plan_file(7).name == "7.json"
