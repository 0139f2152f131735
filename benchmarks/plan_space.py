"""Write the plan of lesson 12's search space: every network of a small one, so that a search can look each of them up.

    python benchmarks/plan_space.py          writes effnet_course/plans/cifar10-space.toml

Six decisions about NANO's stages 2 to 4: 3 x 3 x 2 x 2 x 3 x 2 = 216 networks, all different. See docs/atlas.md.
"""

from dataclasses import replace
from itertools import product
from pathlib import Path

from effnet_course.arch import NANO
from effnet_course.cost import network_cost
from effnet_course.runner import PLANS, changed

DECISIONS = {
    "early expansion": (2, 4, 6),  #: e of stages 2 and 3
    "late expansion": (2, 4, 6),  #: e of stage 4
    "early kernel": (3, 5),
    "late kernel": (3, 5),
    "late blocks": (2, 4, 6),  #: blocks of stage 4
    "se ratio": (0.0, 0.25),
}

HEAD = """# Every network of a small search space, trained briefly; see lesson 12. Written by benchmarks/plan_space.py.

study = "cifar10-space"
dataset = "cifar10"
images = 6400
seeds = [0, 1, 2]
base = "nano"
networks = [
"""
TAIL = """]

[recipe]
epochs = 2
batch = 64
rate = 0.2
shift = 0
"""


def changes(choice: tuple) -> dict:
    """The fields of NANO that a choice of the six decisions sets, as plain data."""
    early, late, early_kernel, late_kernel, blocks, se = choice
    first, second, third, fourth = NANO.stages
    stages = [
        first,
        replace(second, expand=early, kernel=early_kernel),
        replace(third, expand=early, kernel=early_kernel),
        replace(fourth, expand=late, kernel=late_kernel, repeats=blocks),
    ]
    return {"stages": [[s.expand, s.kernel, s.stride, s.channels, s.repeats] for s in stages], "se_ratio": se}


def entry(choice: tuple) -> str:
    fields = changes(choice)
    macs = network_cost(changed(NANO, fields), 10).macs
    label = " ".join(f"{value:g}" for value in choice)
    return (f'  {{ family = "space", label = "{label}", macs = {macs:_}, '
            f"changes = {{ stages = {fields['stages']}, se_ratio = {fields['se_ratio']} }} }},\n")  # fmt: skip


if __name__ == "__main__":
    choices = list(product(*DECISIONS.values()))
    Path(PLANS, "cifar10-space.toml").write_text(HEAD + "".join(map(entry, choices)) + TAIL, encoding="utf-8")
    macs = [network_cost(changed(NANO, changes(choice)), 10).macs for choice in choices]
    print(f"{len(choices)} networks, {min(macs):,} to {max(macs):,} MACs")
