"""Rounding, folding, pruning and distillation do what they say."""

import math
from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")

from effnet_course import atlas, compress  # noqa: E402
from effnet_course.arch import FUSED, NANO, RESNET  # noqa: E402
from effnet_course.cost import network_cost  # noqa: E402
from effnet_course.model import EfficientNet  # noqa: E402


def trained(net=NANO, seed=0):
    """A network whose norms have seen something, so that folding and slicing have something to get wrong."""
    torch.manual_seed(seed)
    model = EfficientNet(net, 10)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.weight.uniform_(0.5, 1.5)
                module.bias.uniform_(-0.3, 0.3)
        for _ in range(3):
            model.train()(torch.randn(16, 3, 16, 16))
    return model.eval()


def images(count=4, pixels=16):
    return torch.randn(count, 3, pixels, pixels, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("symmetric", (False, True))
@pytest.mark.parametrize("bits", (2, 3, 8))
def test_rounding_is_within_half_a_step_and_codes_fit_their_bits(bits, symmetric):
    values = torch.linspace(-0.4, 2.0, 101)
    q = compress.quantise(values, bits, symmetric)
    assert (q.codes == q.codes.round()).all()
    span = (-(2 ** (bits - 1)) + 1, 2 ** (bits - 1) - 1) if symmetric else (0, 2**bits - 1)
    assert span[0] <= q.codes.min() and q.codes.max() <= span[1]
    # the affine grid may be moved by half a step, when the zero point is made whole
    assert (values - q.values).abs().max() <= q.scale * (0.5 if symmetric else 1.0) * (1 + 1e-5)


def test_zero_has_a_code_of_its_own_whatever_the_range():
    for values in ([1.0, 2.5], [-3.0, -1.2], [-0.28, 7.0], [0.0, 0.0]):
        for symmetric in (False, True):
            q = compress.quantise(torch.tensor([0.0, *values]), 4, symmetric)
            assert q.values[0] == 0
    q = compress.quantise(torch.tensor([1.0, 2.5]), 4)
    assert q.zero_point == 0 and q.scale == pytest.approx(2.5 / 15)


def test_the_worked_numbers_of_the_lesson():
    q = compress.quantise(torch.tensor([-0.28, 0.5, 1.31, 2.9]), 3)
    assert q.codes.tolist() == [0, 2, 4, 7] and q.zero_point == 1 and q.scale == pytest.approx(3.18 / 7)


def test_per_channel_each_row_has_a_scale_and_none_is_worse_for_it():
    weights = torch.randn(6, 4, 3, 3, generator=torch.Generator().manual_seed(0))
    weights *= torch.logspace(-2, 0, 6)[:, None, None, None]
    tensor, channel = (compress.quantise(weights, 8, True, axis) for axis in (None, 0))
    assert channel.scale.shape == (6, 1, 1, 1) and tensor.scale.shape == ()
    assert compress.decibels(weights, channel.values) > compress.decibels(weights, tensor.values) + 3
    for row, alone in zip(weights, channel.values, strict=True):
        assert torch.equal(compress.quantise(row, 8, True).values, alone)


def test_what_lies_outside_the_bounds_is_clipped():
    q = compress.quantise(torch.tensor([-1.0, 0.5, 9.0]), 8, bounds=(-0.25, 2.0))
    assert q.values.min() == pytest.approx(-0.25, abs=0.01) and q.values.max() == pytest.approx(2.0, abs=0.01)
    with pytest.raises(ValueError, match="too few"):
        compress.quantise(torch.ones(3), 1)


def test_a_bit_is_six_decibels():
    values = torch.linspace(-1, 1, 20001)
    found = [compress.decibels(values, compress.quantise(values, bits, True).values) for bits in (6, 7, 8)]
    assert all(5.9 < b - a < 6.2 for a, b in zip(found, found[1:], strict=False))
    assert compress.decibels(values, values) == math.inf


@pytest.mark.parametrize("net", (NANO, replace(NANO, se_ratio=0.0, activation="relu6"), replace(FUSED, resolution=16)))
def test_folding_is_exact_and_leaves_no_norm_and_the_network_as_it_was(net):
    model, x = trained(net), images()
    with torch.no_grad():
        before, after = model(x), compress.folded(model)(x)
        assert (before - after).abs().max() < 1e-5 * before.abs().max()
        assert torch.equal(model(x), before)
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in compress.folded(model).modules())


def test_folding_keeps_a_convolution_s_own_bias():
    conv, norm = torch.nn.Conv2d(3, 5, 1), torch.nn.BatchNorm2d(5).eval()
    norm.running_mean.uniform_(-1, 1)
    norm.running_var.uniform_(0.5, 2)
    with torch.no_grad():
        assert torch.allclose(compress.fold(conv, norm)(images()), norm(conv(images())), atol=1e-5)


def test_rounding_weights_leaves_the_network_as_it_was_and_more_bits_are_nearer():
    model, x = compress.folded(trained()), images()
    with torch.no_grad():
        before = model(x)
        gaps = [(compress.quantised_weights(model, bits)(x) - before).norm() for bits in (4, 6, 8)]
        assert gaps[0] > gaps[1] > gaps[2] > 0 and torch.equal(model(x), before)
        kept = compress.quantised_weights(model, 2, only=lambda layer: False)
        assert torch.equal(kept(x), before)


def test_inputs_are_rounded_within_the_bounds_that_were_seen():
    model, x = compress.folded(trained()), images(8)
    bounds, narrow = compress.input_bounds(model, x), compress.input_bounds(model, x, 0.99)
    assert set(bounds) == set(compress.layers(model))
    assert all(narrow[k][1] <= bounds[k][1] and narrow[k][0] >= bounds[k][0] for k in bounds)
    with torch.no_grad():
        before = model(x)
        gaps = [(compress.quantised_inputs(model, bounds, bits)(x) - before).norm() for bits in (4, 8)]
        assert gaps[0] > gaps[1] > 0 and torch.equal(model(x), before)


def test_the_mask_takes_the_smallest_and_as_many_as_asked():
    mask = compress.magnitude_mask(torch.tensor([[0.5, -2.0], [0.1, -0.3]]), 0.5)
    assert mask.tolist() == [[True, True], [False, False]]
    assert compress.magnitude_mask(torch.ones(10), 0.7).sum() == 3  # ties: exactly so many all the same


def test_pruned_weights_are_zero_and_stay_so_in_training():
    model = compress.pruned_weights(trained(), 0.5).train()
    chosen = [m for m in compress.layers(model).values() if hasattr(m, "weight_mask")]

    def zeros():
        return sum((m.weight == 0).sum().item() for m in chosen) / sum(m.weight.numel() for m in chosen)

    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    model(images()).square().sum().backward()
    optimizer.step()
    model.eval()(images())
    assert zeros() == pytest.approx(0.5, abs=1e-3)


def test_a_pruned_network_can_be_rounded_folded_slimmed_and_pruned_again():
    model = compress.pruned_weights(trained(), 0.5)
    x, names = images(), list(model.state_dict())
    with torch.no_grad():
        answers = model(x)
    assert torch.equal(compress.settled(model)(x), answers)
    assert torch.allclose(compress.folded(model)(x), answers, atol=1e-4)
    assert not any("mask" in name for name in compress.settled(model).state_dict())
    rounded = compress.quantised_weights(model, 2)
    assert all(len(row.unique()) <= 3 for m in compress.layers(rounded).values() for row in m.weight)
    assert not torch.allclose(rounded(x), answers, atol=1e-4), "the mask does not bring the old weights back"
    assert compress.slimmed(model, 0.5)(x).shape == answers.shape
    zeros = sum((m.weight == 0).sum() for m in compress.layers(compress.settled(model)).values())
    more = sum((m.weight == 0).sum() for m in compress.layers(compress.pruned_weights(model, 0.8)).values())
    assert more > zeros and list(model.state_dict()) == names


@pytest.mark.parametrize("net", [RESNET, replace(NANO, norm="group")], ids=["resnet", "group norm"])
def test_a_network_whose_channels_are_not_grouped_is_refused(net):
    with pytest.raises(ValueError, match="MBConv and fused blocks with batch norm"):
        compress.slimmed(EfficientNet(net, 10), 0.5)


def test_shares_and_bounds_that_make_no_sense_are_explained():
    for share in (1.0, -0.5):
        with pytest.raises(ValueError, match="share"):
            compress.slimmed(EfficientNet(NANO, 10), share)
    for sparsity in (1.5, -0.5):
        with pytest.raises(ValueError, match="sparsity"):
            compress.magnitude_mask(torch.arange(4.0), sparsity)
    with pytest.raises(ValueError, match="low, high"):
        compress.quantise(torch.ones(2), bounds=(1, -1))


def test_a_channel_goes_with_everything_that_writes_or_reads_it():
    found = {g.name: g for g in compress.groups(trained())}
    hidden = {name for name, _ in found["block 3"].parts if "norm" not in name}
    at = "blocks.2.steps."
    assert hidden == {f"{at}{part}" for part in (
        "expand.conv.weight", "depthwise.conv.weight", "squeeze_excite.reduce.weight", "squeeze_excite.restore.weight",
        "squeeze_excite.restore.bias", "project.conv.weight")}  # fmt: skip
    writers = {name for name, axis in found["out of block 5"].parts if axis == 0 and name.endswith("conv.weight")}
    assert writers == {f"blocks.{n}.steps.project.conv.weight" for n in (4, 5, 6, 7)}, "tied through residuals"


@pytest.mark.parametrize("net", (NANO, replace(NANO, se_ratio=0.0), replace(FUSED, resolution=16)))
def test_removing_channels_that_do_nothing_changes_nothing(net):
    """Silence some channels of every group wherever they are read; then the smaller network must agree."""
    model, keep = trained(net), {}
    state = model.state_dict()
    for group in compress.groups(model):
        gone = torch.arange(1, group.channels, 3)
        keep[group.name] = torch.tensor([c for c in range(group.channels) if c not in gone])
        for name, axis in group.parts:
            if axis == 1:
                state[name].index_fill_(1, gone, 0.0)
    small, x = compress.without(model, keep), images()
    with torch.no_grad():
        assert torch.allclose(model(x), small(x), atol=1e-5)
    assert sum(p.numel() for p in small.parameters()) < 0.6 * sum(p.numel() for p in model.parameters())


def test_a_slim_network_has_the_channels_macs_and_training_that_it_should():
    model = trained()
    small = compress.slimmed(model, 0.5)
    assert small.blocks[1].steps.depthwise.conv.groups == 20
    assert compress.counted_macs(model, 16) == network_cost(NANO, 10).macs
    assert compress.counted_macs(small, 16) < 0.6 * compress.counted_macs(model, 16)
    small.train()(images()).sum().backward()
    assert all(p.grad is not None for p in small.parameters())


def test_a_student_equal_to_its_teacher_has_nothing_to_learn_from_it():
    logits, labels = torch.tensor([[2.0, 0.0, -1.0]]), torch.tensor([0])
    assert compress.distillation_loss(logits, logits, labels, 4, 1.0) == pytest.approx(0, abs=1e-6)
    alone = compress.distillation_loss(logits, -logits, labels, 4, 0.0)
    assert alone == torch.nn.functional.cross_entropy(logits, labels)


def test_the_sheet_and_the_package_agree():
    from effnet_course.exercises import s11_compress_deploy as sheet

    for case in sheet.quantise_cases(3):
        q = compress.quantise(torch.tensor(case["values"], dtype=torch.float64), case["bits"], case["symmetric"])
        scale, zero, codes = sheet.quantise(**case)
        assert (q.scale.item(), q.zero_point.item(), q.codes.tolist()) == (pytest.approx(scale), zero, codes)
    for case in sheet.distillation_cases(3):
        rows = (torch.tensor([case[name]]) for name in ("student", "teacher"))
        ours = compress.distillation_loss(*rows, torch.tensor([case["label"]]), case["temperature"], case["share"])
        assert ours.item() == pytest.approx(sheet.distillation(**case), abs=1e-5)
    for case in sheet.mask_cases(3):
        mask = compress.magnitude_mask(torch.tensor(case["weights"]), case["sparsity"])
        assert mask.int().tolist() == sheet.magnitude_mask(**case)


def test_the_sheet_s_pruned_block_is_what_the_package_leaves():
    from effnet_course.exercises import s11_compress_deploy as sheet

    model, block = trained(), NANO.blocks()[6]
    keep = {"block 7": torch.arange(block.expanded - 30)}
    small = compress.without(model, keep)
    params = sum(p.numel() for p in small.blocks[6].parameters())
    shape = block.in_channels, block.expanded, block.squeezed, block.out_channels, block.kernel, block.resolution
    assert block.stride == 1 and params == sheet.prune_block(*shape, 30, 0)[0]
    whole, macs = (sheet.prune_block(*shape, less, 0)[1] for less in (0, 30))
    assert compress.counted_macs(model, 16) - compress.counted_macs(small, 16) == whole - macs


def test_the_shipped_network_keeps_its_answers_when_folded():
    model, _ = atlas.network("nano-16px")
    x = images(16)
    with torch.no_grad():
        assert (compress.folded(model)(x) - model(x)).abs().max() < 1e-5 * model(x).abs().max()
