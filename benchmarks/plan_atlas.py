"""Write the plans of the atlas, effnet_course/plans/*.toml: which networks, at equal MACs, and how they train.

    python benchmarks/plan_atlas.py

Resolution alone sets each budget, because pixels are whole; every other network is the one nearest to its MACs. What
the plans are for, and what was decided before the first run: docs/atlas.md.
"""

from pathlib import Path

from effnet_course.arch import NANO, Architecture, compound_multipliers
from effnet_course.cost import network_cost
from effnet_course.search import at_cost

PLANS = Path(__file__).parents[1] / "effnet_course" / "plans"
PIXELS = {0.5: 11, 2: 23, 4: 32, 8: 45}  # resolution alone at each budget
#: Shares of growth in (depth, width, resolution): thirds along two sides of the triangle. Along the third, depth with
#: resolution, whole blocks and whole pixels leave a single network at 2x.
MIXTURES = [(2 / 3, 1 / 3, 0), (1 / 3, 2 / 3, 0), (0, 2 / 3, 1 / 3), (0, 1 / 3, 2 / 3), (0.5, 0, 0.5)]
BEST_MIXTURE = (0, 1 / 3, 2 / 3)  # at 2x, by mean validation top-1 over three seeds

SHORT = """
epochs = 4
batch = 64
rate = 0.2
shift = 0
"""


def macs(network: Architecture) -> int:
    return network_cost(network, 10).macs


def sharper(budget: float) -> Architecture:
    return NANO.scaled(resolution=PIXELS[budget] / NANO.resolution)


def families(budget: float) -> list[str]:
    """Lines of a plan: the three single dimensions and compound scaling at a budget."""

    def nearest(candidates):
        return min(candidates, key=lambda pair: abs(macs(pair[0]) - macs(sharper(budget))))

    blocks = sum(NANO.repeats)
    phis = [p / 100 for p in range(-150, 450)]
    deeper, _ = nearest((NANO.scaled(depth=n / blocks), None) for n in range(4, 80))
    wider, _ = nearest((NANO.scaled(width=w / 100), None) for w in range(50, 400))
    compound, phi = nearest((NANO.scaled(*compound_multipliers(phi)), phi) for phi in phis)
    return [
        line(budget, "depth", deeper),
        line(budget, "width", wider),
        line(budget, "resolution", sharper(budget)),
        line(budget, "compound", compound, phi),
    ]


def mixtures(budget: float, several=MIXTURES) -> list[str]:
    return [line(budget, "grid", at_cost(NANO, macs(sharper(budget)), shares)) for shares in several]


def line(budget: float, family: str, network: Architecture, phi: float | None = None) -> str:
    depth, width = round(network.depth, 4), round(network.width, 4)
    rounded = NANO.scaled(depth, width, network.resolution / NANO.resolution)
    assert macs(rounded) == macs(network)
    print(f"{budget:<7g}{family:<12}{sum(network.repeats):>6}{width:>8}{network.resolution:>7}{macs(network):>13,}")
    scale = f"depth = {depth:g}, width = {width:g}, resolution = {network.resolution}"
    end = "" if phi is None else f", phi = {phi:g}"
    return f'  {{ family = "{family}", budget = {budget:g}, {scale}, macs = {macs(network):_}{end} }},'


def write(study: str, why: str, images: int | None, seeds: int, recipe: str, lines: list[str], test: bool) -> None:
    text = f"""# {why} Written by benchmarks/plan_atlas.py; see docs/atlas.md.

study = "{study}"
dataset = "cifar10"{f"{chr(10)}images = {images}" if images else ""}
seeds = {list(range(seeds))}
base = "nano"
test = {str(test).lower()}
networks = [
{chr(10).join(lines)}
]

[recipe]
{recipe.strip()}
"""
    (PLANS / f"{study}.toml").write_text(text)


if __name__ == "__main__":
    print(f"{'budget':<7}{'family':<12}{'blocks':>6}{'width':>8}{'pixels':>7}{'MACs':>13}")
    base, four = line(1, "base", NANO), families(2)
    doubled = [*four, *mixtures(2)]
    four_times, eight_times = ([*families(budget), *mixtures(budget, [BEST_MIXTURE])] for budget in (4, 8))
    every = [base, *doubled, *four_times, *families(0.5), *eight_times]
    write("cifar10-short", "Does compound scaling pay, at equal MACs?", 16000, 3, SHORT, every, test=True)
    sprint = SHORT.replace("epochs = 4", "epochs = 2")
    why = "Is a very short run a guide to a longer one?"
    write("cifar10-sprint", why, 6400, 5, sprint, [base, *doubled], test=False)
    longer = SHORT.replace("epochs = 4", "epochs = 10")
    why = "Does the order of the short runs hold when networks train seven times as long?"
    write("cifar10-long", why, None, 3, longer, [base, *four], test=True)
