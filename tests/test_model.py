"""The network is torchvision's, number for number, and its parts do what their names say."""

import math
from dataclasses import replace

import pytest
import torch
import torchvision
from torch import nn

from effnet_course.arch import B0, NANO, RESNET, V2_S, VARIANTS, Stage
from effnet_course.cost import network_cost
from effnet_course.model import EfficientNet, StochasticDepth, initialise


def pictures(count: int, seed: int) -> torch.Tensor:
    """Images that differ as a whole: after global pooling, plain noise is everywhere the same."""
    generator = torch.Generator().manual_seed(seed)
    blobs = torch.randn(count, 3, 4, 4, generator=generator)
    fine = torch.randn(count, 3, 65, 65, generator=generator)
    return nn.functional.interpolate(blobs, size=65, mode="bilinear") + 0.3 * fine


def lively(model: nn.Module, seed: int) -> nn.Module:
    """Weights and statistics that keep activations alive: with plain random ones all networks answer alike."""
    torch.manual_seed(seed)
    for module in model.modules():
        initialise(module)
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.2)
            module.momentum = 1.0  # the running statistics become those of the next batch
        if isinstance(module, nn.Conv2d) and module.bias is not None:
            nn.init.normal_(module.bias, 0, 1)  # gates of squeeze-and-excitation that differ from a half
    with torch.no_grad():
        without_chance(model.train())(pictures(6, seed))
    return model


def torchvision_twin(name: str):
    """torchvision's network with lively weights, and ours with the same."""
    theirs = getattr(torchvision.models, f"efficientnet_{name}")(num_classes=20)
    momenta = [m.momentum for m in theirs.modules() if isinstance(m, nn.BatchNorm2d)]
    lively(theirs, seed=1)
    for module, momentum in zip((m for m in theirs.modules() if isinstance(m, nn.BatchNorm2d)), momenta, strict=True):
        module.momentum = momentum
    ours = EfficientNet(VARIANTS[name], num_classes=20).load_torchvision(theirs.state_dict())
    return theirs.eval(), without_chance(ours).eval()


def without_chance(model: nn.Module) -> nn.Module:
    """Stochastic depth and dropout off, so that training mode can be compared."""
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        if isinstance(module, torchvision.ops.StochasticDepth):
            module.p = 0.0
        if isinstance(module, StochasticDepth):
            module.rate = 0.0
    return model


def worst(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    """Largest difference, as a share of the spread of the values."""
    return ((ours - theirs).abs().max() / theirs.std()).item()


def wrong(ours, theirs, images) -> float:
    """How far two networks' logits differ, as a share of how far one network's differ from image to image."""
    with torch.no_grad():
        expected, got = theirs(images), ours(images)
    between_images = expected.std(0).mean().item()
    assert between_images > 0.05, "the images must get different answers, or the comparison shows nothing"
    return (got - expected).abs().max().item() / between_images


@pytest.mark.parametrize("name", [f"b{i}" for i in range(8)])
def test_b0_to_b7_equal_torchvision_in_eval_and_training(name):
    theirs, ours = torchvision_twin(name)
    images = pictures(4, seed=2)
    assert wrong(ours, theirs, images) < 1e-4

    theirs.train(), ours.train()
    inputs = [images.clone().requires_grad_(), images.clone().requires_grad_()]
    outputs = [model(x) for model, x in zip((theirs, ours), inputs, strict=True)]
    assert worst(outputs[1], outputs[0]) < 1e-3
    for output in outputs:
        output.square().sum().backward()
    assert worst(inputs[1].grad, inputs[0].grad) < 1e-2
    gradients = dict(theirs.named_parameters())
    names = ours._torchvision_names().items()
    compared = [
        worst(ours.get_parameter(mine).grad, gradients[other].grad) for mine, other in names if other in gradients
    ]
    assert len(compared) == len(gradients)
    assert max(compared) < 1e-2
    statistics = theirs.state_dict()
    for mine, other in names:
        if other.endswith("running_var"):
            assert torch.allclose(ours.state_dict()[mine], statistics[other], rtol=1e-3, atol=1e-5), mine


def test_efficientnet_v2_s_equals_torchvision():
    theirs = lively(torchvision.models.efficientnet_v2_s(num_classes=20), seed=1)
    ours = EfficientNet(V2_S, num_classes=20).load_torchvision(theirs.state_dict()).eval()
    assert wrong(ours, theirs.eval(), pictures(4, seed=2)) < 1e-4


def test_a_resnet_block_equals_torchvision_s():
    net = EfficientNet(replace(RESNET, stages=RESNET.stages[:2]), 10)
    theirs = lively(torchvision.models.resnet50(), seed=1).layer2.eval()
    for number, block in enumerate(list(net.blocks)[3:7]):
        steps = block.steps
        parts = {"conv1": steps.narrow.conv, "bn1": steps.narrow.norm, "conv2": steps.filter.conv,
                 "bn2": steps.filter.norm, "conv3": steps.project.conv, "bn3": steps.project.norm}  # fmt: skip
        if number == 0:
            parts |= {"downsample.0": block.shortcut.conv, "downsample.1": block.shortcut.norm}
        for name, part in parts.items():
            part.load_state_dict(theirs[number].get_submodule(name).state_dict())
    x = torch.randn(2, 256, 12, 12, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert worst(net.blocks[3:7].eval()(x), theirs(x)) < 1e-5


@pytest.mark.parametrize("number", [2, 7, 12])
def test_a_removed_residual_is_noticed(number):
    theirs, ours = torchvision_twin("b0")
    block = ours.blocks[number]
    assert block.residual
    block.residual = False
    assert wrong(ours, theirs, pictures(4, seed=2)) > 1e-2


def test_the_wrong_epsilon_is_noticed():
    theirs, ours = torchvision_twin("b5")
    for module in ours.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = 1e-5
    assert wrong(ours, theirs, pictures(4, seed=2)) > 1e-3


def test_loading_sets_epsilon_and_momentum_which_no_state_dict_holds():
    for name, eps, momentum in (("b0", 1e-5, 0.1), ("b5", 1e-3, 0.01)):
        theirs = getattr(torchvision.models, f"efficientnet_{name}")()
        ours = EfficientNet(VARIANTS[name]).load_torchvision(theirs.state_dict())
        assert {(m.eps, m.momentum) for m in ours.modules() if isinstance(m, nn.BatchNorm2d)} == {(eps, momentum)}


def test_the_order_of_a_state_dict_does_not_matter():
    theirs = lively(torchvision.models.efficientnet_b0(), seed=3)
    shuffled = dict(sorted(theirs.state_dict().items(), reverse=True))
    ours = EfficientNet(B0).load_torchvision(shuffled)
    assert torch.equal(ours.classifier.weight, theirs.classifier[1].weight)
    assert torch.equal(ours.blocks[3].steps.depthwise.conv.weight, theirs.features[3][0].block[1][0].weight)


def test_weights_that_do_not_fit_say_so_and_change_nothing():
    b0, b1 = torchvision.models.efficientnet_b0().state_dict(), torchvision.models.efficientnet_b1().state_dict()
    ours = EfficientNet(B0)
    before = {name: value.clone() for name, value in ours.state_dict().items()}
    for weights, says in (
        (b1, "no place for"),
        ({k: v for k, v in b0.items() if k != "classifier.1.bias"}, "classifier.1.bias is missing"),
        (torchvision.models.efficientnet_b0(num_classes=10).state_dict(), "number of classes"),
    ):
        with pytest.raises(ValueError, match=says):
            ours.load_torchvision(weights)
    assert all(torch.equal(value, before[name]) for name, value in ours.state_dict().items())
    with pytest.raises(ValueError, match="b0 to b7"):
        EfficientNet(NANO).load_torchvision(b0)


def test_initialisation_is_that_of_the_authors_code():
    torch.manual_seed(0)
    net = EfficientNet(B0)
    block = net.blocks[6]  # 480 channels inside, kernel 3
    assert block.steps.depthwise.conv.weight.std().item() == pytest.approx(math.sqrt(2 / 9), rel=0.05)
    assert block.steps.expand.conv.weight.std().item() == pytest.approx(math.sqrt(2 / 480), rel=0.05)
    assert block.steps.squeeze_excite.reduce.bias.abs().max() == 0
    assert net.classifier.weight.abs().max().item() == pytest.approx(1 / math.sqrt(1000), rel=0.01)
    assert net.classifier.bias.abs().max() == 0
    norms = [m for m in net.modules() if isinstance(m, nn.BatchNorm2d)]
    assert {(m.eps, m.momentum) for m in norms} == {(1e-3, 0.01)}
    assert len(norms) == 49


def test_stochastic_depth_drops_whole_images_and_keeps_the_mean():
    torch.manual_seed(0)
    layer = StochasticDepth(0.25)
    out = layer(torch.ones(20_000, 2, 2, 2))
    per_image = out.flatten(1)
    assert (per_image == per_image[:, :1]).all()
    assert out.unique().tolist() == pytest.approx([0, 1 / 0.75])
    assert out.mean().item() == pytest.approx(1, abs=0.02)
    ones = torch.ones(3, 1, 1, 1)
    assert torch.equal(layer.eval()(ones), ones)
    assert torch.equal(StochasticDepth(0)(ones), ones)


def test_silu_everywhere_and_nothing_after_a_projection():
    net = EfficientNet(B0)
    assert sum(isinstance(m, nn.SiLU) for m in net.modules()) == 49
    assert not any(isinstance(m, (nn.ReLU, nn.ReLU6)) for m in net.modules())
    assert all(list(block.steps.project._modules) == ["conv", "norm"] for block in net.blocks)
    assert sum(block.residual for block in net.blocks) == 9


def test_one_class_builds_group_norm_lite_and_fused_networks():
    variations = (
        replace(NANO, norm="group"),
        replace(NANO, se_ratio=0, activation="relu6", scale_stem_and_head=False, scale_first_and_last=False),
        replace(NANO, stages=(Stage(1, 3, 1, 12, 1, "fused"), Stage(4, 3, 2, 16, 2, "fused"), Stage(4, 5, 2, 24, 1))),
    )
    for net in variations:
        model = EfficientNet(net.scaled(depth=1.5, width=1.3), 10)
        assert sum(p.numel() for p in model.parameters()) == network_cost(model.architecture, 10).params
        assert model(torch.randn(2, 3, 16, 16)).shape == (2, 10)
    group = EfficientNet(variations[0], 10)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in group.modules())


def test_images_of_the_wrong_shape_get_a_sentence():
    net = EfficientNet(NANO, 10)
    with pytest.raises(ValueError, match="unsqueeze"):
        net(torch.zeros(3, 16, 16))
    with pytest.raises(ValueError, match=r"\(N, 3, H, W\)"):
        net(torch.zeros(1, 1, 16, 16))
    with pytest.raises(ValueError, match="at least one class"):
        EfficientNet(NANO, 0)
