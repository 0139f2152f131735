"""Published networks: what they cost, counted here, and what their authors report. Lesson 10.

    python benchmarks/record_published.py        # writes effnet_course/records/published.json; no download

Costs are counted from torchvision's constructors on the meta device, which computes nothing: parameters; MACs by
torch.utils.flop_counter (half its FLOPs), a counter that knows nothing of this course; activations and bytes by hooks
on convolutions and linear layers (float32, each number moved once); the peak by `deploy.peak_memory`. Attention's
matrix products have no layer of their own, so networks with attention are left out.

Accuracies are reported ones, each with its source, its recipe and the resolution it was measured at. Nothing was
evaluated here. Three sets: "torchvision", from the description of its weights; "paper", Table 2 of EfficientNet (v5);
"pycls", one recipe for all (100 epochs, no enhancements), with milliseconds for 64 images on a V100.
"""

import json

import torch
import torchvision
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models import get_model, get_model_weights

from effnet_course import atlas, deploy

FILE = atlas.RECORDS / "published.json"
NAMES = {
    "vgg19": ("VGG-19", 2014), "resnet18": ("ResNet-18", 2015), "resnet50": ("ResNet-50", 2015),
    "resnet152": ("ResNet-152", 2015), "mobilenet_v2": ("MobileNetV2", 2018), "mnasnet1_0": ("MnasNet", 2018),
    "mobilenet_v3_small": ("MobileNetV3-S", 2019), "mobilenet_v3_large": ("MobileNetV3-L", 2019),
    **{f"efficientnet_b{i}": (f"EfficientNet-B{i}", 2019) for i in range(8)},
    "regnet_y_400mf": ("RegNetY-400MF", 2020), "regnet_y_800mf": ("RegNetY-800MF", 2020),
    "regnet_y_1_6gf": ("RegNetY-1.6GF", 2020), "regnet_y_3_2gf": ("RegNetY-3.2GF", 2020),
    "regnet_y_8gf": ("RegNetY-8GF", 2020), "regnet_y_16gf": ("RegNetY-16GF", 2020),
    "efficientnet_v2_s": ("EfficientNetV2-S", 2021), "efficientnet_v2_m": ("EfficientNetV2-M", 2021),
    "convnext_tiny": ("ConvNeXt-T", 2022), "convnext_small": ("ConvNeXt-S", 2022),
}  # fmt: skip
RECIPES = {"IMAGENET1K_V1": "as first published or ported", "IMAGENET1K_V2": "torchvision's newer recipe"}
# EfficientNet (arXiv 1905.11946v5), Table 2.
PAPER = {**{f"efficientnet_b{i}": top1 for i, top1 in enumerate((77.1, 79.1, 80.1, 81.6, 82.9, 83.6, 84.0, 84.3))},
         "resnet50": 76.0, "resnet152": 77.8}  # fmt: skip
PAPER_PIXELS = {"efficientnet_b2": 260}  # torchvision evaluates B2 at 288 px
# pycls model zoo (facebookresearch/pycls, MODEL_ZOO.md): top-1, milliseconds for 64 images on a V100.
PYCLS = {"efficientnet_b0": (75.1, 31), "efficientnet_b4": (78.6, 201), "efficientnet_b5": (78.3, 446),
         "resnet50": (76.8, 57), "regnet_y_4.0gf": (79.4, 69), "regnet_y_8gf": (79.9, 115)}  # fmt: skip
NOMINAL = {"regnet_y_4.0gf": ("RegNetY-4.0GF", 2020, 4_000_000_000)}  # not in torchvision: MACs by its name


def costs(name: str, pixels: int) -> dict:
    """Parameters, MACs, activations, bytes and the peak in evaluation of torchvision's network for one image."""
    with torch.device("cpu" if name.startswith("regnet") else "meta"):  # RegNet's table is worked out with tensors
        model = get_model(name).eval()
    model, image = model.to("meta"), torch.empty(1, 3, pixels, pixels, device="meta")
    seen = {"activations": 0, "bytes": 0}

    def written(module, inputs, out):
        seen["activations"] += out.numel()
        numbers = inputs[0].numel() + out.numel() + sum(p.numel() for p in module.parameters())
        seen["bytes"] += 4 * numbers

    hooks = [m.register_forward_hook(written) for m in model.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(image)
    for hook in hooks:
        hook.remove()
    return {"pixels": pixels, "params": sum(p.numel() for p in model.parameters()),
            "macs": counter.get_total_flops() // 2, **seen, "peak": deploy.peak_memory(model, pixels)}  # fmt: skip


def main():
    rows, counted = [], {}

    def add(name, pixels, top1, recipe, group, source, **more):
        shown, year = NAMES[name] if name in NAMES else NOMINAL[name][:2]
        if name in NAMES and (name, pixels) not in counted:
            counted[name, pixels] = costs(name, pixels)
        cost = counted.get((name, pixels)) or {"pixels": pixels, "macs": NOMINAL[name][2]}
        rows.append({"name": shown, "id": name, "year": year, "set": group, "top1": top1, "recipe": recipe,
                     "source": source, **cost, **more})  # fmt: skip
        print(rows[-1], flush=True)

    for name in NAMES:
        for weights in get_model_weights(name):
            if weights.name in RECIPES:
                pixels = weights.transforms().crop_size[0]
                source = f"torchvision {torchvision.__version__.split('+')[0]}, {name} {weights.name}"
                top1 = weights.meta["_metrics"]["ImageNet-1K"]["acc@1"]
                add(name, pixels, top1, RECIPES[weights.name], "torchvision", source)
    native = {row["id"]: row["pixels"] for row in rows} | PAPER_PIXELS
    for name, top1 in PAPER.items():
        add(name, native[name], top1, "the paper's", "paper", "arXiv 1905.11946v5, Table 2")
    for name, (top1, ms) in PYCLS.items():
        source = "pycls model zoo, facebookresearch/pycls@5719de6"
        add(name, native.get(name, 224), top1, "100 epochs, no enhancements", "pycls", source, v100_ms_64_images=ms)
    about = {"counted_with": f"torch {torch.__version__.split('+')[0]}, "
                             f"torchvision {torchvision.__version__.split('+')[0]}",
             "bytes": "float32, inputs, outputs and weights of convolutions and linear layers once, one image",
             "peak": "bytes of live tensors in evaluation, one image, weights and the image not counted"}  # fmt: skip
    lines = ",\n  ".join(json.dumps(row) for row in rows)
    FILE.write_text(f'{{"about": {json.dumps(about)},\n "rows": [\n  {lines}\n]}}\n')


if __name__ == "__main__":
    main()
