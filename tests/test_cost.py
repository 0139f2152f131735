"""Every count equals the published figure, and two counters that know nothing of our formulas."""

import random
import subprocess
import sys
from dataclasses import replace

import pytest

from effnet_course import cost
from effnet_course.arch import B0, NANO, RESNET, V2_S, VARIANTS, Architecture, Stage
from effnet_course.cost import convolution, network_cost, roofline_seconds, separable

PARAMS_AND_MACS = {  # torchvision and timm for the parameters, fvcore's conv and linear for the MACs
    "b0": (5_288_548, 385_814_752),
    "b1": (7_794_184, 686_802_832),
    "b2": (9_109_994, 993_561_872),
    "b3": (12_233_232, 1_827_141_392),
    "b4": (19_341_616, 4_393_771_024),
    "b5": (30_389_784, 10_266_384_752),
    "b6": (43_040_704, 19_067_593_536),
    "b7": (66_347_960, 37_745_884_192),
    "b8": (87_413_142, 62_597_461_568),
    "l2": (480_309_308, 475_703_653_280),
}
# Wrong networks that people build, and the counts that give them away.
FINGERPRINTS = {
    "no SE": (replace(B0, se_ratio=0), 4_652_008, 385_190_000),
    "strides of the first version's Table 1": (
        replace(B0, stages=tuple(replace(s, stride=n) for s, n in zip(B0.stages, (1, 2, 2, 1, 2, 2, 1), strict=True))),
        5_288_548,
        516_350_000,
    ),
    "all kernels 3": (replace(B0, stages=tuple(replace(s, kernel=3) for s in B0.stages)), 5_187_172, 372_040_000),
    "all kernels 5": (replace(B0, stages=tuple(replace(s, kernel=5) for s in B0.stages)), 5_330_532, 408_950_000),
    "stage 2 expanded by 6": (
        replace(B0, stages=(replace(B0.stages[0], expand=6), *B0.stages[1:])),
        5_302_116,
        513_060_000,
    ),
    "B4 with the head fixed at 1280": (replace(VARIANTS["b4"], head=914), 18_599_216, 4_360_000_000),
    "B7 with first and last stage fixed": (
        replace(VARIANTS["b7"], scale_first_and_last=False),
        47_744_384,
        32_030_000_000,
    ),
}


@pytest.mark.parametrize("name", PARAMS_AND_MACS)
def test_params_and_macs_are_exact(name):
    count = network_cost(VARIANTS[name])
    assert (count.params, count.macs) == PARAMS_AND_MACS[name]


def test_activations_are_those_of_the_reference():
    millions = {name: round(network_cost(net).activations / 1e6, 1) for name, net in VARIANTS.items()}
    assert millions == {"b0": 6.7, "b1": 10.9, "b2": 13.8, "b3": 23.8, "b4": 49.5, "b5": 98.9,
                        "b6": 167.4, "b7": 289.9, "b8": 442.9, "l2": 1707.4}  # fmt: skip


@pytest.mark.parametrize("bug", FINGERPRINTS)
def test_wrong_networks_leave_their_fingerprints(bug):
    net, params, macs = FINGERPRINTS[bug]
    count = network_cost(net)
    assert count.params == params
    assert count.macs == pytest.approx(macs, rel=3e-4)


def test_the_rows_add_up_to_the_totals_by_stage_and_by_operator():
    count = network_cost(B0)
    for rows in (count.layers, count.by_stage().values(), count.by_operator().values()):
        assert sum(r.params for r in rows) == count.params
        assert sum(r.macs for r in rows) == count.macs
        assert sum(r.activations for r in rows) == count.activations
    operators = count.by_operator()
    assert (operators["depthwise"].params, operators["depthwise"].macs) == (182_016, 34_532_064)
    assert (operators["squeeze-excite"].params, operators["squeeze-excite"].macs) == (636_540, 627_200)
    assert operators["expand"].params == 1_253_376
    assert operators["norm"].params == 42_016
    assert count.by_stage()["stage3"].macs == 54_945_216


def test_other_numbers_of_classes():
    assert network_cost(B0, 10).params == 4_020_358
    assert network_cost(B0, 100).params == 4_135_648


def random_architectures(count: int):
    draw = random.Random(0)
    for number in range(count):
        stages = tuple(
            Stage(
                expand=draw.choice((1, 2, 4, 6)),
                kernel=draw.choice((1, 3, 5, 7)),
                stride=draw.choice((1, 1, 2)),
                channels=draw.choice((8, 12, 16, 24, 40)),
                repeats=draw.choice((1, 1, 2)),
                block=draw.choice(("mbconv", "mbconv", "fused", "resnet")),
            )
            for _ in range(draw.randint(1, 4))
        )
        net = Architecture(
            name=f"random {number}",
            stages=stages,
            stem=draw.choice((8, 16, 24)),
            head=draw.choice((0, 32, 64)),
            resolution=draw.randint(9, 49),
            stem_stride=draw.choice((1, 2)),
            se_ratio=draw.choice((0, 0.25, 0.25, 0.5)),
            norm=draw.choice(("batch", "group")),
            channel_step=draw.choice((1, 2, 8)),
            depth_rule=draw.choice(("stage", "network")),
            scale_stem_and_head=draw.choice((True, False)),
        )
        yield net.scaled(depth=draw.uniform(0.7, 1.8), width=draw.uniform(0.6, 1.9), resolution=draw.uniform(0.8, 1.4))


def counted(net, classes):
    """Params, and MACs by fvcore and by torch's counter (2 FLOPs per MAC), from the network as it runs."""
    import torch
    from fvcore.nn import FlopCountAnalysis
    from torch.utils.flop_counter import FlopCounterMode

    from effnet_course.model import EfficientNet

    model = EfficientNet(net, classes).eval()
    image = torch.zeros(1, 3, net.resolution, net.resolution)
    analysis = FlopCountAnalysis(model, image).unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    by_operator = analysis.by_operator()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(image)
    params = sum(p.numel() for p in model.parameters())
    return params, by_operator["conv"] + by_operator["linear"], counter.get_total_flops() / 2


@pytest.mark.parametrize("name", ["b0", "b1", "b2", "b3", "b4"])
def test_b0_to_b4_agree_with_two_independent_counters(name):
    count = network_cost(VARIANTS[name])
    assert counted(VARIANTS[name], 1000) == (count.params, count.macs, count.macs)


def test_a_hundred_random_architectures_agree_with_two_independent_counters():
    seen = 0
    for net in random_architectures(104):
        count = network_cost(net, 7)
        assert counted(net, 7) == (count.params, count.macs, count.macs), net
        seen += 1
    assert seen >= 100


def test_activations_are_what_the_layers_write():
    import torch

    from effnet_course.model import EfficientNet

    written = []
    model = EfficientNet(NANO.scaled(depth=1.4, resolution=1.3), 10).eval()
    for module in model.modules():
        if isinstance(module, (torch.nn.Conv2d, torch.nn.Linear)):
            module.register_forward_hook(lambda module, inputs, output: written.append(output.numel()))
    model(torch.zeros(1, 3, 21, 21))
    assert sum(written) == network_cost(model.architecture, 10).activations


def torchvision_counted(name, pixels):
    """Params, and MACs by fvcore and by torch's counter, of a network of torchvision's."""
    import torch
    import torchvision
    from fvcore.nn import FlopCountAnalysis
    from torch.utils.flop_counter import FlopCounterMode

    model, image = getattr(torchvision.models, name)().eval(), torch.zeros(1, 3, pixels, pixels)
    by_operator = FlopCountAnalysis(model, image).unsupported_ops_warnings(False).by_operator()
    with torch.device("meta"):
        model, image = getattr(torchvision.models, name)().eval(), torch.zeros(1, 3, pixels, pixels)
    with FlopCounterMode(display=False) as counter:
        model(image)
    params = sum(p.numel() for p in model.parameters())
    return params, by_operator["conv"] + by_operator["linear"], counter.get_total_flops() / 2


def test_efficientnet_v2_s_is_torchvision_s_to_the_unit():
    count = network_cost(V2_S)
    assert (count.params, count.macs) == (21_458_488, 8_365_617_152)
    assert torchvision_counted("efficientnet_v2_s", 384) == (count.params, count.macs, count.macs)


def test_the_resnet_is_torchvision_s_resnet_50_but_for_its_stem():
    count = network_cost(RESNET)
    params, macs, again = torchvision_counted("resnet50", 224)
    assert macs == again
    stem = convolution(3, 64, kernel=7, resolution=224, stride=2)
    ours = count.by_stage()["stem"]
    assert count.params - ours.params == params - stem.params - 2 * 64
    assert count.macs - ours.macs == macs - stem.macs


def test_a_convolution_counted_by_hand():
    layer = convolution(64, 128, kernel=3, resolution=56)
    assert layer.macs == 3 * 3 * 64 * 56 * 56 * 128 == 231_211_008
    assert layer.params == 73_728
    assert convolution(64, 128, 3, 56, bias=True).params == 73_728 + 128
    assert convolution(64, 128, 3, 56, stride=2).activations == 128 * 28 * 28
    assert convolution(64, 128, 3, 57, stride=2).activations == 128 * 29 * 29
    assert convolution(64, 128, 3, 56, groups=4).macs == 231_211_008 // 4
    with pytest.raises(ValueError, match="3 groups"):
        convolution(64, 128, 3, 56, groups=3)


def test_separating_costs_one_over_outputs_plus_one_over_window():
    standard, (depthwise, pointwise) = convolution(64, 256, 3, 56), separable(64, 256, 3, 56)
    assert (depthwise.macs + pointwise.macs) / standard.macs == pytest.approx(1 / 256 + 1 / 9)


def test_bytes_intensity_and_roofline_by_hand():
    layer = convolution(4, 8, kernel=1, resolution=10)
    assert layer.bytes_moved() == 4 * (400 + 800 + 32)
    assert layer.bytes_moved(bytes_per_number=2, batch=3) == 2 * (3 * 1200 + 32)
    assert layer.intensity() == pytest.approx(2 * 3200 / 4928)
    assert roofline_seconds(layer, flops_per_second=6400, bytes_per_second=1e9) == pytest.approx(1.0)
    assert roofline_seconds(layer, flops_per_second=1e12, bytes_per_second=4928) == pytest.approx(1.0)


def test_counting_b7_takes_under_a_millisecond():
    """The machine may be busy: it is enough that one of many counts is that fast, within ten seconds."""
    code = (
        "import time\nfrom effnet_course.arch import VARIANTS\nfrom effnet_course.cost import network_cost\n"
        "def once():\n    began = time.process_time_ns(); network_cost(VARIANTS['b7'])\n"
        "    return time.process_time_ns() - began\n"
        "best, end = once(), time.monotonic() + 10\n"
        "while best >= 1e6 and time.monotonic() < end:\n    best = min(best, once())\n"
        "print(best / 1e6)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 1


def test_cost_tells_apart_its_stages():
    names = list(network_cost(B0).by_stage())
    assert names == ["stem", *(f"stage{i}" for i in range(2, 9)), "head", "classifier"]
    assert cost.linear(1280, 1000).params == 1_281_000
