"""Problem sheet 12: a reward, sampling and counting, a step of REINFORCE, a cycle of evolution, best-so-far curves.

All numbers are made up from a seed; the searches are those of lesson 12.
"""

import itertools
import math
import random
import statistics

from effnet_course.checking import Case, Exercise, Misconception
from effnet_course.exercises.drawing import cases

# A misconception is one thing to read: what is wrong, the wrong function, the hint.
# fmt: off

# 12.1


def reward_and_price(top1: float, flops: float, target_macs: float, exponent: float) -> tuple[float, float]:
    """(reward, top-1 that a network of twice the cost would need for the same reward)."""
    return _priced()(top1, flops, target_macs, exponent)


def _priced(macs=lambda flops: flops / 2, factor=lambda ratio, w: ratio**w, reward=lambda top1, factor: top1 * factor,
            price=lambda top1, w: top1 * 2**-w, report=lambda reward, price: (reward, price)):
    """reward_and_price with one of its parts replaced."""

    def answer(top1, flops, target_macs, exponent):
        ratio = macs(flops) / target_macs
        return report(reward(top1, factor(ratio, exponent)), price(top1, exponent))

    return answer


def _priced_by_logarithms(top1, flops, target_macs, exponent):
    bits = math.log2(flops) - math.log2(target_macs) - 1
    return top1 * math.exp(exponent * bits * math.log(2)), top1 / 2**exponent


def _priced_by_trying(top1, flops, target_macs, exponent):
    def reward(a, cost):
        return a * (cost / 2 / target_macs) ** exponent

    return [reward(top1, flops), reward(top1, flops) / reward(1, 2 * flops)]


def reward_cases(seed: int) -> list[Case]:
    draw = random.Random(f"12.reward {seed}")
    rows = [(75.0, 2.4e9, 400e6, -0.07), (68.0, 300e6, 400e6, -0.07), (70.0, 800e6, 400e6, -0.07),
            (60.0, 600e6, 400e6, -0.15), (72.0, 1.2e9, 300e6, 0.0), (70.0, 1.6e9, 400e6, 0.07)]
    for _ in range(5):
        rows.append((round(draw.uniform(55, 80), 1), draw.randint(3, 40) * 1e8, draw.choice([300e6, 400e6, 600e6]),
                     draw.choice([-0.05, -0.07, -0.15, -0.3])))
    return cases(("top1", "flops", "target_macs", "exponent"), rows)


REWARD = Exercise(
    id="12.1", title="What does the reward pay for?", points=4, minutes=15, difficulty="easy",
    reference=reward_and_price, cases=reward_cases, returns=("reward", "top-1 needed at twice the cost"),
    misconceptions=(
        Misconception("FLOPs against a target in MACs", _priced(macs=lambda flops: flops),
            "Your reward is that of a network of twice the size. In which unit is the target, and in which one was the "
            "network counted?"),
        Misconception("FLOPs doubled in place of halved", _priced(macs=lambda flops: 2 * flops),
            "Your reward is that of a network of four times the size. Which are there more of in a network: FLOPs or "
            "MACs?"),
        Misconception("the exponent's sign lost",
            _priced(factor=lambda ratio, w: ratio**-w, price=lambda top1, w: top1 * 2**w),
            "In the case above a network gains by your reward when it costs more, at the same top-1. Which sign does "
            "the exponent have?"),
        Misconception("the exponent's sign taken away",
            _priced(factor=lambda ratio, w: ratio ** abs(w), price=lambda top1, w: top1 * 2 ** -abs(w)),
            "In the case above a network gains by your reward when it costs more, at the same top-1. Which sign does "
            "the exponent come with?"),
        Misconception("the exponent always made negative",
            _priced(factor=lambda ratio, w: ratio ** -abs(w), price=lambda top1, w: top1 * 2 ** abs(w)),
            "Your reward falls with the cost whatever the exponent is. Here it is above 0, the sign that the lesson "
            "calls lost. What does a network get for its cost then?"),
        Misconception("a dearer network always needs more", _priced(price=lambda top1, w: top1 * 2 ** abs(w)),
            "Your reward is right. By your second number a dearer network always needs more top-1. What does this "
            "exponent, above 0, say of the cost?"),
        Misconception("MnasNet's exponent written in",
            _priced(factor=lambda ratio, w: ratio**-0.07, price=lambda top1, w: top1 * 2**0.07),
            "Yours is right wherever the exponent is -0.07, and only there. Which one does the case above hand over?"),
        Misconception("MnasNet's exponent written into the second number",
            _priced(price=lambda top1, w: top1 * 2**0.07),
            "Your second number is right wherever the exponent is -0.07, and only there. Which one does the case above "
            "hand over?"),
        Misconception("MnasNet's exponent written into the reward", _priced(factor=lambda ratio, w: ratio**-0.07),
            "Your reward is right wherever the exponent is -0.07, and only there. Which one does the case above hand "
            "over?"),
        Misconception("target and cost exchanged", _priced(factor=lambda ratio, w: ratio**-w),
            "Your second number is right. But in the case above a network gains by your reward when it costs more, at "
            "the same top-1. Which of the two stands on top?"),
        Misconception("the needed top-1 in the wrong direction", _priced(price=lambda top1, w: top1 * 2**w),
            "Your reward is right. But in the case above a dearer network would need less top-1 than the cheaper one, "
            "by your second number."),
        Misconception("the price as an addition", _priced(price=lambda top1, w: top1 + 100 * (2**-w - 1)),
            "Your second number adds the same points to every top-1. The reward is a product: what is added to 60, and "
            "what to 80?"),
        Misconception("five percent whatever the exponent", _priced(price=lambda top1, w: 1.05 * top1),
            "Your second number adds five percent of the top-1 each time. The case above wants more digits, or has "
            "another exponent than MnasNet's."),
        Misconception("the price, not the top-1 needed", _priced(price=lambda top1, w: top1 * (2**-w - 1)),
            "Your second number is what has to be gained. What is the top-1 afterwards?"),
        Misconception("the price per unit of top-1", _priced(price=lambda top1, w: 2**-w),
            "Your second number is a factor. Of what?"),
        Misconception("free below the target", _priced(factor=lambda ratio, w: min(1.0, ratio**w)),
            "Your reward is the top-1 itself for a network under the target. That is another rule: here the factor "
            "goes on growing below it."),
        Misconception("a hard limit", _priced(factor=lambda ratio, w: float(ratio <= 1)),
            "Your reward is nothing above the target, and the top-1 below. That is a limit; the exponent makes a "
            "slope out of it."),
        Misconception("multiplied by the exponent", _priced(factor=lambda ratio, w: ratio * w),
            "You multiply by the exponent. What does it do to the ratio?"),
        Misconception("natural logarithm in place of a power", _priced(factor=lambda ratio, w: 1 + w * math.log(ratio)),
            "Near the target yours is close to the right reward. Far from it, it goes off: the rule is a power of the "
            "ratio, and you have its tangent."),
        Misconception("the factor added", _priced(reward=lambda top1, factor: top1 + factor),
            "You add the factor to the top-1. Then a network's cost would never be worth more than a point or two."),
        Misconception("the factor alone", _priced(reward=lambda top1, factor: factor),
            "Your reward is the same for every top-1."),
        Misconception("top-1 as a share", _priced(reward=lambda top1, factor: top1 / 100 * factor),
            "Your reward is a hundredth of what is asked. In which unit is top-1 given?"),
        Misconception("the two exchanged", _priced(report=lambda reward, price: (price, reward)),
            "Both numbers are right. Which was asked for first?"),
    ),
    other_answers=(_priced_by_logarithms, _priced_by_trying),
    hints=(
        "Bring cost and target to one unit first. Then the reward is one line, with the exponent as it comes.",
        "For the second number, write the reward of a network with twice the cost and an unknown top-1, and set both "
        "rewards equal. What becomes of the target?",
    ),
    remark="The target has dropped out of the second number. With one exponent, it sets the size of all rewards, not "
           "their order.",
)


# 12.2


def sample_and_count(options: list[list[int]], draws: list[float], channels_in: int, channels: int,
                     resolution: int) -> tuple[int, list[int], int]:
    """(stages in the space, [e, K, blocks] drawn, MACs of that stage)."""
    return _counted()(options, draws, channels_in, channels, resolution)


def _expanding(c, e, k, out, pixels):
    return e * c * c * pixels if e > 1 else 0


def _filtering(c, e, k, out, pixels):
    return k * k * e * c * pixels


def _projecting(c, e, k, out, pixels):
    return e * c * out * pixels


def _counted(size=math.prod, place=lambda u, n: int(u * n), expand=_expanding, depthwise=_filtering,
             project=_projecting, later=lambda c, out: out, blocks=lambda n: n, area=lambda h: h * h,
             report=lambda size, picked, macs: (size, picked, macs)):
    """sample_and_count with one of its parts replaced."""

    def answer(options, draws, channels_in, channels, resolution):
        picked = [row[min(max(place(u, len(row)), 0), len(row) - 1)] for row, u in zip(options, draws, strict=True)]
        e, k, n = picked
        macs, c = 0, channels_in
        for _ in range(blocks(n)):
            shape = c, e, k, channels, area(resolution)
            macs += expand(*shape) + depthwise(*shape) + project(*shape)
            c = later(c, channels)
        return report(size(len(row) for row in options), picked, macs)

    return answer


def _counted_at_once(options, draws, channels_in, channels, resolution):
    e, k, n = (row[math.floor(u * len(row))] for row, u in zip(options, draws, strict=True))

    def block(c):
        return e * c * ((c if e != 1 else 0) + k**2 + channels)

    size = len(options[0]) * len(options[1]) * len(options[2])
    return size, (e, k, n), resolution**2 * (block(channels_in) + (n - 1) * block(channels))


def _counted_by_listing(options, draws, channels_in, channels, resolution):
    every = list(itertools.product(*options))
    place = 0
    for row, u in zip(options, draws, strict=True):
        place = place * len(row) + sum((i + 1) / len(row) <= u for i in range(len(row)))
    e, k, n = every[place]
    inputs = [channels_in] + [channels] * (n - 1)
    macs = sum((c * e * c) * (e > 1) + k * k * e * c + e * c * channels for c in inputs)
    return len(every), list(every[place]), macs * resolution * resolution


def _counted_last_block(options, draws, channels_in, channels, resolution):
    _, (_, _, blocks), _ = sample_and_count(options, draws, channels_in, channels, resolution)
    reads = channels_in if blocks == 1 else channels
    return _counted(blocks=lambda n: 1)(options, draws, reads, channels, resolution)


def _counted_with_places(options, draws, channels_in, channels, resolution):
    size, picked, macs = sample_and_count(options, draws, channels_in, channels, resolution)
    return size, [row.index(value) for row, value in zip(options, picked, strict=True)], macs


def sample_cases(seed: int) -> list[Case]:
    draw = random.Random(f"12.sample {seed}")
    rows = [
        ([[2, 4], [3, 5], [1, 2]], [0.1, 0.6, 0.2], 4, 4, 2),
        ([[2, 4, 6], [3, 5], [1, 2]], [0.5, 0.9, 0.7], 4, 6, 3),
        ([[1, 6], [3, 5, 7], [2, 4]], [0.3, 0.7, 0.4], 8, 8, 4),
        ([[2, 4, 6], [3, 5], [2, 4, 6]], [0.7, 0.3, 0.4], 24, 56, 4),
        ([[1, 2, 4, 6], [3, 5], [1, 2]], [0.75, 0.5, 0.0], 6, 8, 4),
    ]
    for _ in range(6):
        options = [draw.choice([[2, 4, 6], [1, 3, 6], [4, 6], [1, 2, 4, 6]]), draw.choice([[3, 5], [3, 5, 7]]),
                   draw.choice([[1, 2, 3], [2, 4, 6], [1, 2, 3, 4]])]
        rows.append((options, [draw.randrange(1, 100) / 100 for _ in options], draw.choice([8, 16, 24]),
                     draw.choice([12, 24, 40]), draw.choice([4, 7, 8])))
    names = ("options", "draws", "channels_in", "channels", "resolution")
    return cases(names, [([list(row) for row in options], *rest) for options, *rest in rows])


SAMPLE = Exercise(
    id="12.2", title="Draw a stage, and count it", points=4, minutes=20, difficulty="moderate",
    reference=sample_and_count, cases=sample_cases, returns=("stages in the space", "stage drawn", "MACs"),
    helpers=("cost", "arch", "model"),
    misconceptions=(
        Misconception("options added up", _counted(size=sum),
            "Your first number adds up the options of the decisions. Each option of one goes with each of another."),
        Misconception("the number of decisions", _counted(size=lambda counts: 2 ** len(list(counts))),
            "Your first number counts each decision as if it had two options."),
        Misconception("drawn by rounding to the nearest place", _counted(place=lambda u, n: round(u * (n - 1))),
            "Draws are spread evenly from 0 to 1, and each option should get the same share of them. By your rule the "
            "first and the last of several get half of what one in between gets."),
        Misconception("drawn one place too far", _counted(place=lambda u, n: math.ceil(u * n)),
            "Small draws should give the first option. Which place has it?"),
        Misconception("borders to the share below", _counted(place=lambda u, n: max(math.ceil(u * n) - 1, 0)),
            "Here a draw lies exactly where two shares meet. Which of them has that point, by the text? Yours gives it "
            "to the other."),
        Misconception("borders to the share below, and 0 to the last",
            _counted(place=lambda u, n: (math.ceil(u * n) - 1) % n),
            "By your rule a draw of exactly 0 gives the last option, and one where two shares meet gives the lower of "
            "the two. Which end of its share does the text give to an option?"),
        Misconception("the last option never drawn", _counted(place=lambda u, n: int(u * (n - 1))),
            "Try a draw of 0.99 on paper: which option does your rule give, and which can it never give?"),
        Misconception("drawn from the back", _counted(place=lambda u, n: n - 1 - int(u * n)),
            "A small draw gives you the last option. Which one was it to give?"),
        Misconception("all blocks from the stage's input width", _counted(later=lambda c, out: c),
            "Every block of yours reads as many channels as the stage does. What does the second block read?"),
        Misconception("all blocks from the stage's output width",
            lambda options, draws, channels_in, channels, resolution: _counted()(options, draws, channels, channels,
                                                                                 resolution),
            "Every block of yours reads as many channels as the stage writes. What does the first block read?"),
        Misconception("the first block alone", _counted(blocks=lambda n: 1),
            "Your MACs are those of one block. How many did you draw?"),
        Misconception("the last block alone",
            _counted_last_block,
            "Your MACs are those of the last block alone. What has become of those before it?"),
        Misconception("expands to e times its output",
            _counted(expand=lambda c, e, k, out, px: c * e * out * px if e > 1 else 0,
                     depthwise=lambda c, e, k, out, px: k * k * e * out * px,
                     project=lambda c, e, k, out, px: e * out * out * px),
            "The wide part of your first block is e times as wide as what the block writes. From which of its ends "
            "does a block expand?"),
        Misconception("one block too many", _counted(blocks=lambda n: n + 1),
            "You count one block more than was drawn."),
        Misconception("expands at ratio 1", _counted(expand=lambda c, e, k, out, px: e * c * c * px),
            "At an expansion ratio of 1 your block still has its first convolution. It is left out there."),
        Misconception("depthwise on the unexpanded channels",
            _counted(depthwise=lambda c, e, k, out, px: k * k * c * px),
            "Your depthwise convolution runs over the block's input channels. What stands between the two?"),
        Misconception("kernel not squared", _counted(depthwise=lambda c, e, k, out, px: k * e * c * px),
            "Your depthwise kernel has as many weights as it is wide. It is as high as it is wide."),
        Misconception("depthwise counted as a full convolution",
            _counted(depthwise=lambda c, e, k, out, px: k * k * (e * c) ** 2 * px),
            "In your middle convolution every channel looks at every other one. What does depthwise mean?"),
        Misconception("no projection", _counted(project=lambda *shape: 0),
            "Your block ends after the depthwise convolution, as wide as it was expanded. What brings it back?"),
        Misconception("projects from the unexpanded channels", _counted(project=lambda c, e, k, out, px: c * out * px),
            "Your last convolution reads the block's input channels. How wide is the map that it really reads?"),
        Misconception("no depthwise", _counted(depthwise=lambda *shape: 0),
            "Your MACs do not depend on the kernel that was drawn."),
        Misconception("resolution not squared", _counted(area=lambda h: h),
            "Your image has one row. The resolution is the length of a side."),
        Misconception("one position", _counted(area=lambda h: 1),
            "Your MACs do not depend on the resolution: they are those of one pixel. How many has a map?"),
        Misconception("FLOPs", _counted(report=lambda size, picked, macs: (size, picked, 2 * macs)),
            "Your count is twice what is asked. In which unit?"),
        Misconception("places in place of values", _counted_with_places,
            "You report at which place each option stands. What stands there?"),
    ),
    other_answers=(_counted_at_once, _counted_by_listing),
    hints=(
        "Cut the line from 0 to 1 into as many equal pieces as there are options. In which piece does the draw lie, "
        "counted from 0?",
        "Go through the blocks one by one and keep the number of channels that the next one reads. A block has up to "
        "three convolutions, and all maps have the same size.",
    ),
    remark="Counting took no training. That is why a search can ask for the cost of every network, and has to ration "
           "its questions about top-1.",
)


# 12.3


def reinforce_step(logits: list[list[float]], picked: list[int], reward: float, baseline: float,
                   rate: float) -> tuple[list[list[float]], float]:
    """(the logits after one step, the new baseline)."""
    return _step()(logits, picked, reward, baseline, rate)


def _softmax(row):
    weights = [math.exp(x - max(row)) for x in row]
    return [w / sum(weights) for w in weights]


def _new_baseline(baseline, reward):
    return 0.9 * baseline + 0.1 * reward


def _step(advantage=lambda reward, old, new: reward - old, soft=lambda row, rows: _softmax(row),
          slope=lambda p, here: here - p, move=lambda x, rate, a, s: x + rate * a * s, after=_new_baseline,
          report=lambda logits, baseline: (logits, baseline)):
    """reinforce_step with one of its parts replaced."""

    def answer(logits, picked, reward, baseline, rate):
        new, a = after(baseline, reward), advantage(reward, baseline, _new_baseline(baseline, reward))
        moved = [[move(x, rate, a, slope(p, place == chosen)) for place, (x, p) in
                  enumerate(zip(row, soft(row, logits), strict=True))] for row, chosen in
                 zip(logits, picked, strict=True)]
        return report(moved, new)

    return answer


def _step_in_place(logits, picked, reward, baseline, rate):
    moved = [list(row) for row in logits]
    for row, chosen in zip(moved, picked, strict=True):
        for place in range(len(row)):
            row[place] += rate * (reward - baseline) * ((place == chosen) - _softmax(row)[place])
    return moved, _new_baseline(baseline, reward)


def _softmax_over_everything(row, rows):
    total = sum(math.exp(x) for other in rows for x in other)
    return [math.exp(x) / total for x in row]


def _step_with_numpy(logits, picked, reward, baseline, rate):
    import numpy as np

    found = []
    for row, chosen in zip(logits, picked, strict=True):
        p = np.exp(row) / np.exp(row).sum()
        found.append((np.array(row) + rate * (reward - baseline) * (np.eye(len(row))[chosen] - p)).tolist())
    return found, baseline + 0.1 * (reward - baseline)


def _step_by_differences(logits, picked, reward, baseline, rate):
    def log_p(rows):
        return sum(row[chosen] - math.log(sum(map(math.exp, row))) for row, chosen in zip(rows, picked, strict=True))

    found = [list(row) for row in logits]
    for i, row in enumerate(logits):
        for j in range(len(row)):
            ends = []
            for h in (1e-4, -1e-4):
                rows = [list(other) for other in logits]
                rows[i][j] += h
                ends.append(log_p(rows))
            found[i][j] += rate * (reward - baseline) * (ends[0] - ends[1]) / 2e-4
    return found, (9 * baseline + reward) / 10


def step_cases(seed: int) -> list[Case]:
    draw = random.Random(f"12.step {seed}")
    rows = [
        ([[0.0, 0.0]], [0], 62.0, 60.0, 0.1),
        ([[0.0, 0.0, 0.0], [0.5, -0.5]], [2, 0], 57.0, 60.0, 0.1),
        ([[1.0, 0.0], [0.0, 0.5, 1.0]], [1, 1], 63.0, 60.5, 0.2),
    ]
    for _ in range(5):
        logits = [[draw.randint(-4, 4) / 4 for _ in range(draw.choice([2, 3, 4]))] for _ in range(draw.choice([2, 3]))]
        baseline = draw.randint(110, 130) / 2
        reward = baseline + draw.choice([-4.0, -2.5, -1.5, 1.5, 2.5, 3.5])
        rows.append((logits, [draw.randrange(len(row)) for row in logits], reward, baseline,
                     draw.choice([0.05, 0.1, 0.2])))
    names = ("logits", "picked", "reward", "baseline", "rate")
    return cases(names, [([list(row) for row in logits], *rest) for logits, *rest in rows])


STEP = Exercise(
    id="12.3", title="One step of REINFORCE", points=5, minutes=25, difficulty="hard",
    reference=reinforce_step, cases=step_cases, helpers=("search",), absolute=1e-8,
    returns=("new logits", "new baseline"),
    misconceptions=(
        Misconception("own reward in the baseline", _step(advantage=lambda reward, old, new: reward - new),
            "Your logits move a tenth less than they should. Which rewards does the baseline hold at the moment of the "
            "comparison: the earlier ones, or this one too?"),
        Misconception("no baseline", _step(advantage=lambda reward, old, new: reward),
            "Your logits move by the whole reward: the network that was drawn becomes likelier each time, even when it "
            "did worse than those before it."),
        Misconception("baseline added", _step(advantage=lambda reward, old, new: reward + old),
            "Your logits move by more than the reward. What should a reward exactly as good as usual do?"),
        Misconception("descent", _step(move=lambda x, rate, a, s: x - rate * a * s),
            "After a reward above the baseline, what was drawn has become less likely. Do you want to raise the reward "
            "or to lower it?"),
        Misconception("baseline taken from the gradient",
            lambda logits, picked, reward, baseline, rate: _step(
                advantage=lambda r, old, new: 1.0, move=lambda x, rate, a, s: x + rate * (reward * s - baseline)
            )(logits, picked, reward, baseline, rate),
            "You take the baseline from the product. All logits of a decision move by the same amount more, which "
            "changes no probability: so it has no effect. From what is it to be taken?"),
        Misconception("only what was picked moves", _step(slope=lambda p, here: (1 - p) if here else 0.0),
            "The logits of what was not drawn stay where they were. Does the logarithm of the probability not depend "
            "on them?"),
        Misconception("the probability forgotten", _step(slope=lambda p, here: float(here)),
            "What was drawn moves by the full step, however likely it was, and nothing else moves. How much of that "
            "does a logit gain that is sure to be drawn?"),
        Misconception("the probability alone", _step(slope=lambda p, here: -p),
            "All logits move the same way, and the one that was drawn is not treated as special."),
        Misconception("gradient of the probability, not of its logarithm",
            lambda logits, picked, reward, baseline, rate: (
                [[x + rate * (reward - baseline) * _softmax(row)[chosen] * ((place == chosen) - p)
                  for place, (x, p) in enumerate(zip(row, _softmax(row), strict=True))]
                 for row, chosen in zip(logits, picked, strict=True)], _new_baseline(baseline, reward)),
            "Your steps have the right direction, and are smaller by the probability of what was drawn. A rare option "
            "gets few steps as it is, and by your rule each of these is small, too. Of what do you take the gradient?"),
        Misconception("softmax of logits that have moved already", _step_in_place,
            "The first logit of a decision moves as it should, and the next ones by probabilities that this move has "
            "changed. From which logits was the network drawn?"),
        Misconception("the step, not the logits", _step(move=lambda x, rate, a, s: rate * a * s),
            "Your rows add up to 0: they say how far each logit moves. Where does it stand afterwards?"),
        Misconception("the size of the advantage without its sign",
            _step(advantage=lambda reward, old, new: abs(reward - old)),
            "Here the reward is below the baseline, and what was drawn has become likelier all the same."),
        Misconception("a bad draw teaches nothing", _step(advantage=lambda reward, old, new: max(0.0, reward - old)),
            "Here the reward is below the baseline, and your logits stay where they are. Is there nothing to learn "
            "from a draw that did worse than usual?"),
        Misconception("one softmax over all decisions", _step(soft=_softmax_over_everything),
            "In your answer the probabilities of all decisions together add up to 1. How many options are drawn?"),
        Misconception("probabilities move, not logits",
            _step(move=lambda x, rate, a, s: x + rate * a * s, soft=lambda row, rows: _softmax(row),
                  report=lambda logits, baseline: ([_softmax(row) for row in logits], baseline)),
            "Your rows add up to 1, as probabilities do. The logits themselves were asked for."),
        Misconception("rate forgotten", _step(move=lambda x, rate, a, s: x + a * s),
            "Your step has the right direction, and the same length for every learning rate."),
        Misconception("softmax forgotten", _step(soft=lambda row, rows: row),
            "You use the logits as if they were probabilities. They do not add up to 1."),
        Misconception("baseline's weights exchanged", _step(after=lambda b, r: 0.1 * b + 0.9 * r),
            "Your logits are right. Your new baseline has forgotten almost all that was before this reward."),
        Misconception("baseline not moved", _step(after=lambda b, r: b),
            "Your logits are right. The baseline should learn something from this reward, too."),
        Misconception("baseline the mean of the two", _step(after=lambda b, r: (b + r) / 2),
            "Your logits are right. Your new baseline gives the last reward as much weight as all those before it."),
        Misconception("the logits alone", _step(report=lambda logits, baseline: logits),
            "Those are the right logits. What else has changed?"),
    ),
    other_answers=(_step_with_numpy, _step_by_differences),
    hints=(
        "Turn each decision's logits into probabilities by themselves. For each option: is it the one that was drawn, "
        "1 or 0, and how likely was it?",
        "How much better than usual was the reward? That, the rate and the difference from the first hint make the "
        "step. The baseline is renewed only afterwards.",
    ),
    remark="What was drawn and paid more than usual becomes likelier; the rest of its decision pays for it. The sum "
           "over a decision's logits does not change.",
)


# 12.4


def one_cycle(population: list[list[int]], values: list[float], sampled: list[int], decision: int, option: int,
              value: float) -> tuple[list[list[int]], list[float]]:
    """(the population after one cycle, oldest first, and its values)."""
    return _cycle()(population, values, sampled, decision, option, value)


def _cycle(parent=lambda values, sampled: max(sampled, key=lambda i: values[i]), dies=lambda values, sampled, parent: 0,
           child_value=lambda value, values, parent: value, kept=lambda value, values, parent: True, front=False,
           alone=True, make=lambda parent, decision, option: [*parent[:decision], option, *parent[decision + 1 :]]):
    """one_cycle with one of its parts replaced."""

    def answer(population, values, sampled, decision, option, value):
        chosen = parent(values, sampled)
        child = make(list(population[chosen]), decision, option)
        rows, worth = [list(row) for row in population], list(values)
        if not alone:
            rows[chosen] = list(child)
        if kept(value, values, chosen):
            place = 0 if front else len(rows)
            rows.insert(place, child)
            worth.insert(place, child_value(value, values, chosen))
            gone = dies(values, sampled, chosen)
            if gone is not None:
                gone += front
                del rows[gone], worth[gone]
        return rows, worth

    return answer


def _cycle_with_a_deque(population, values, sampled, decision, option, value):
    from collections import deque

    alive = deque(zip(map(tuple, population), values, strict=True), maxlen=len(population))
    parent = sorted((alive[i] for i in sampled), key=lambda one: one[1])[-1][0]
    alive.append((parent[:decision] + (option,) + parent[decision + 1 :], value))
    return [one[0] for one in alive], [one[1] for one in alive]


def _cycle_in_place(population, values, sampled, decision, option, value):
    best = sampled[0]
    for place in sampled:
        if values[place] > values[best]:
            best = place
    child = list(population[best])
    child[decision] = option
    population.append(child)
    values.append(value)
    population.pop(0)
    values.pop(0)
    return population, values


def cycle_cases(seed: int) -> list[Case]:
    draw = random.Random(f"12.cycle {seed}")
    rows = [
        ([[2, 5], [4, 5], [6, 3]], [61.0, 58.0, 60.0], [1, 2], 0, 2, 59.0),
        ([[2, 3, 0], [4, 5, 1], [6, 3, 1], [6, 5, 0]], [63.0, 60.0, 61.0, 59.5], [3, 1], 0, 2, 58.0),
        ([[2, 3, 0], [4, 5, 1], [6, 3, 1], [6, 5, 0]], [58.5, 57.0, 62.0, 60.5], [0, 1, 3], 2, 1, 63.5),
        ([[4, 3, 1], [2, 5, 0], [6, 5, 1], [2, 3, 1], [4, 5, 0]], [62.5, 61.0, 64.0, 57.5, 60.0], [4, 0, 3], 1, 5,
         61.5),
    ]
    for _ in range(6):
        size = draw.randint(4, 7)
        population = [[draw.choice([2, 4, 6]), draw.choice([3, 5]), draw.choice([0, 1])] for _ in range(size)]
        values = [n / 2 for n in draw.sample(range(110, 130), size + 1)]
        decision = draw.randrange(3)
        sampled = draw.sample(range(size), draw.randint(2, size - 1))
        best = max(sampled, key=values.__getitem__)
        there = population[best][decision]
        option = draw.choice([x for x in ([2, 4, 6], [3, 5], [0, 1])[decision] if x != there])
        rows.append((population, values[:-1], sampled, decision, option, values[-1]))
    names = ("population", "values", "sampled", "decision", "option", "value")
    return cases(names, [([list(row) for row in p], list(v), list(s), *rest) for p, v, s, *rest in rows])


def _sorted(cycle, best_first):
    pairs = sorted(zip(*cycle, strict=True), key=lambda one: one[1], reverse=best_first)
    return [one for one, _ in pairs], [value for _, value in pairs]


def _worst(values, places):
    return min(places, key=lambda i: values[i])


CYCLE = Exercise(
    id="12.4", title="Who dies, who is born?", points=4, minutes=20, difficulty="moderate",
    reference=one_cycle, cases=cycle_cases, helpers=("search",), returns=("population", "values"),
    misconceptions=(
        Misconception("the worst dies", _cycle(dies=lambda values, sampled, parent: _worst(values, range(len(values)))),
            "In your population a network goes because its value is low. A lucky one would then live for ever. By what "
            "does this kind of evolution choose who goes?"),
        Misconception("the worst dies, the child among them",
            _cycle(kept=lambda value, values, parent: value > min(values),
                   dies=lambda values, sampled, parent: _worst(values, range(len(values)))),
            "In your population the lowest value goes, be it an old network's or the child's. A lucky one would then "
            "live for ever. By what does this kind of evolution choose who goes?"),
        Misconception("the worst of the sample dies",
            _cycle(dies=lambda values, sampled, parent: _worst(values, sampled)),
            "The network that goes is the worst of those that were drawn. Does being drawn have anything to do with "
            "dying here?"),
        Misconception("the oldest of the sample dies", _cycle(dies=lambda values, sampled, parent: min(sampled)),
            "The network that goes is the oldest of those that were drawn. There may be an older one."),
        Misconception("the parent dies", _cycle(dies=lambda values, sampled, parent: parent),
            "A parent does not die of having a child. Who has been there longest?"),
        Misconception("the youngest dies", _cycle(dies=lambda values, sampled, parent: len(values) - 1),
            "The network that goes is the one that came last before the child. At which end of the list do the old "
            "ones stand?"),
        Misconception("the best dies",
            _cycle(dies=lambda values, sampled, parent: max(range(len(values)), key=lambda i: values[i])),
            "The best network of all goes in your population. Nobody is chosen by value for that."),
        Misconception("nobody dies", _cycle(dies=lambda values, sampled, parent: None),
            "Your population grows by one in each cycle."),
        Misconception("the child has to earn its place",
            _cycle(kept=lambda value, values, parent: value > values[parent]),
            "Your population stays as it was when the child is no better than its parent. Here every child comes in."),
        Misconception("the child has to beat the worst",
            _cycle(kept=lambda value, values, parent: value > min(values)),
            "Your population stays as it was when the child is worse than all. Here every child comes in."),
        Misconception("the parent is the best of all",
            _cycle(parent=lambda values, sampled: max(range(len(values)), key=lambda i: values[i])),
            "Your child comes from the best network of the whole population. Who was drawn for the tournament?"),
        Misconception("the parent is the worst of the sample", _cycle(parent=_worst),
            "Your child comes from the network with the lowest value of those that were drawn."),
        Misconception("the parent is the first drawn", _cycle(parent=lambda values, sampled: sampled[0]),
            "Your child comes from the first network that was drawn. Why are several drawn?"),
        Misconception("a place in the sample taken for one in the population",
            _cycle(parent=lambda values, sampled: max(range(len(sampled)), key=lambda j: values[sampled[j]])),
            "You found which of the drawn ones is best, and then took that place of the population. It is a place in "
            "the list of the drawn."),
        Misconception("the parent itself changed", _cycle(alone=False),
            "Your parent has changed along with its child. Are the two the same list?"),
        Misconception("the child has its parent's value",
            _cycle(child_value=lambda value, values, parent: values[parent]),
            "Your child comes with its parent's value. It was trained itself."),
        Misconception("the child put in front", _cycle(front=True, dies=lambda values, sampled, parent: 0),
            "Your child stands where the oldest one stood. In the next cycle it would be the first to go."),
        Misconception("the child in front, the last one gone",
            _cycle(front=True, dies=lambda values, sampled, parent: len(values) - 1),
            "Your child stands in front, and the last one is gone. That would suit a list with the youngest first. In "
            "which order does this one stand?"),
        Misconception("sorted by value, the best first", lambda **case: _sorted(one_cycle(**case), best_first=True),
            "Your population has the right members, in the order of their values. Who would be the oldest in the next "
            "cycle?"),
        Misconception("sorted by value, the worst first", lambda **case: _sorted(one_cycle(**case), best_first=False),
            "Your population has the right members, in the order of their values. Who would be the oldest in the next "
            "cycle?"),
        Misconception("the population without its values", lambda **case: one_cycle(**case)[0],
            "That is the right population. Its values were asked for as well, in a second list."),
        Misconception("a pair for each network",
            lambda **case: list(zip(*one_cycle(**case), strict=True)),
            "You give a pair for each network. Two lists were asked for: the networks, and beside it their values."),
        Misconception("the child does not differ", _cycle(make=lambda parent, decision, option: parent),
            "Your child is its parent's twin. Which decision was to be changed, and to what?"),
        Misconception("the option read as a step",
            _cycle(make=lambda parent, decision, option: [*parent[:decision], parent[decision] + option,
                                                          *parent[decision + 1 :]]),
            "Your child's new value is the parent's plus the option. What is the option to be?"),
    ),
    other_answers=(_cycle_with_a_deque, _cycle_in_place),
    hints=(
        "Three steps: the best of those drawn is the parent; a copy of it with one decision changed is the child; then "
        "one network joins and one leaves.",
        "The list stands in order of birth. At which end does the child belong, and at which end has somebody been "
        "there longest?",
    ),
    remark="A value that came by luck leaves with its network. Only what its children, measured anew, show again is "
           "kept.",
)


# 12.5


def best_so_far(searches: list[list[float]]) -> tuple[list[float], list[float], list[float]]:
    """(mean over searches of the best so far, low, high), each a list with an entry for each look."""
    return _curve()(searches)


def _running_max(values):
    return list(itertools.accumulate(values, max))


def _half(column):
    return 1.96 * statistics.stdev(column) / math.sqrt(len(column))


def _curve(run=_running_max, middle=statistics.fmean, half=_half, columns=lambda rows: list(zip(*rows, strict=True)),
           report=lambda mean, half: (mean - half, mean + half)):
    """best_so_far with one of its parts replaced."""

    def answer(searches):
        found = [(middle(column), half(column)) for column in columns([run(values) for values in searches])]
        ends = [report(mean, reach) for mean, reach in found]
        return [mean for mean, _ in found], [low for low, _ in ends], [high for _, high in ends]

    return answer


def _curve_with_numpy(searches):
    import numpy as np

    best = np.maximum.accumulate(np.array(searches), axis=1)
    mean, error = best.mean(0), best.std(0, ddof=1) / np.sqrt(len(best))
    return mean, mean - 1.96 * error, mean + 1.96 * error


def _curve_by_loops(searches):
    means, lows, highs = [], [], []
    for look in range(1, len(searches[0]) + 1):
        best = [max(values[:look]) for values in searches]
        mean = sum(best) / len(best)
        variance = sum((x - mean) ** 2 for x in best) / (len(best) - 1)
        reach = 1.96 * (variance / len(best)) ** 0.5
        means.append(mean)
        lows.append(mean - reach)
        highs.append(mean + reach)
    return means, lows, highs


def _max_of_means(searches):
    columns = list(zip(*searches, strict=True))
    means = _running_max([statistics.fmean(column) for column in columns])
    halves = [_half(column) for column in zip(*map(_running_max, searches), strict=True)]
    return (means, [m - h for m, h in zip(means, halves, strict=True)],
            [m + h for m, h in zip(means, halves, strict=True)])


def _max_of_means_alone(searches):
    columns = list(zip(*searches, strict=True))
    means = _running_max([statistics.fmean(column) for column in columns])
    halves = [_half(column) for column in columns]
    return (means, [m - h for m, h in zip(means, halves, strict=True)],
            [m + h for m, h in zip(means, halves, strict=True)])


def _max_of_ends(searches):
    return tuple(_running_max(values) for values in _curve(run=list)(searches))


def _running_max_over_searches(rows):
    return [_running_max(column) for column in zip(*rows, strict=True)]


def _percentiles(searches):
    columns = list(zip(*map(_running_max, searches), strict=True))
    ends = [statistics.quantiles(column, n=40, method="inclusive") for column in columns]
    return [statistics.fmean(column) for column in columns], [e[0] for e in ends], [e[-1] for e in ends]


def curve_cases(seed: int) -> list[Case]:
    draw = random.Random(f"12.curve {seed}")
    rows = [
        [[60.0, 58.0], [57.0, 61.0], [54.0, 56.0]],
        [[60.0, 58.0, 62.0], [57.0, 61.0, 59.0]],
        [[58.0, 57.0, 61.0, 60.0], [62.0, 59.0, 58.0, 63.0], [55.0, 60.0, 57.0, 56.0]],
    ]
    for _ in range(6):
        looks = draw.randint(4, 8)
        rows.append([[draw.randint(110, 130) / 2 for _ in range(looks)] for _ in range(draw.randint(3, 7))])
    return cases(("searches",), [([list(values) for values in searches],) for searches in rows])


CURVE = Exercise(
    id="12.5", title="A curve with its interval", points=5, minutes=20, difficulty="moderate",
    reference=best_so_far, cases=curve_cases, helpers=("search",), absolute=1e-9, returns=("mean", "low", "high"),
    misconceptions=(
        Misconception("the best of the means", _max_of_means,
            "You average the searches first and take the best of the averages. But each search keeps its own best, at "
            "its own time. Your curve lies too low."),
        Misconception("the best of the means, the spread of the values", _max_of_means_alone,
            "You average the searches first and take the best of the averages. But each search keeps its own best, at "
            "its own time. Your curve lies too low."),
        Misconception("the best of the means, and of their ends", _max_of_ends,
            "You average the searches first and take the best of the averages. But each search keeps its own best, at "
            "its own time. Your curve lies too low."),
        Misconception("best so far from search to search", _curve(run=list, columns=_running_max_over_searches),
            "In your answer the second search begins with what the first has found, and the third with what both have. "
            "They know nothing of each other. In which direction do the looks follow one another?"),
        Misconception("not the best so far, the value of the moment", _curve(run=list),
            "In the case above a search looks at something worse than what it had before. Does it lose what it had?"),
        Misconception("the mean so far",
            _curve(run=lambda values: [statistics.fmean(values[: i + 1]) for i in range(len(values))]),
            "You average over the looks of a search. Does a search hand over the mean of what it saw?"),
        Misconception("the worst so far", _curve(run=lambda values: list(itertools.accumulate(values, min))),
            "Your curve only falls. What does a search keep?"),
        Misconception("the search's final best everywhere", _curve(run=lambda values: [max(values)] * len(values)),
            "Your curve is flat. What had a search found after its first look?"),
        Misconception("one look late", _curve(run=lambda values: _running_max([values[0], *values[:-1]])),
            "Your second entry is the same as your first. Does the second look not count?"),
        Misconception("the best of all searches", _curve(middle=max),
            "Your curve is that of the luckiest search. What would a colleague expect who runs one?"),
        Misconception("the median", _curve(middle=statistics.median),
            "Your curve is the middle search. The task asks for the mean."),
        Misconception("spread in place of the error of the mean",
            _curve(half=lambda column: 1.96 * statistics.stdev(column)),
            "Your interval says where single searches lie. With more searches it would not get narrower. The question "
            "is how well their mean is known."),
        Misconception("spread in place of the error of the mean, with n",
            _curve(half=lambda column: 1.96 * statistics.pstdev(column)),
            "Your interval says where single searches lie: with more searches it would not get narrower. (With two it "
            "happens to be right.) The question is how well their mean is known."),
        Misconception("percentiles of the searches", _percentiles,
            "Between your ends lie 95 % of the searches, as far as so few can tell. With more searches they would not "
            "come closer. How well is the mean known?"),
        Misconception("divided by the number of searches, not its root",
            _curve(half=lambda column: 1.96 * statistics.stdev(column) / len(column)),
            "Your interval shrinks with the number of searches itself. Four times the searches halve an error."),
        Misconception("one standard error",
            _curve(half=lambda column: statistics.stdev(column) / math.sqrt(len(column))),
            "Your interval reaches one standard error to either side. How many was it to be?"),
        Misconception("two standard errors",
            _curve(half=lambda column: 2 * statistics.stdev(column) / math.sqrt(len(column))),
            "Your interval reaches a little too far. How many standard errors was it to be?"),
        Misconception("divided by n, not n - 1",
            _curve(half=lambda column: 1.96 * statistics.pstdev(column) / math.sqrt(len(column))),
            "Your interval is a little too narrow: the spread is measured from the searches' own mean, and so one "
            "of them is used up."),
        Misconception("the variance in place of the deviation",
            _curve(half=lambda column: 1.96 * statistics.variance(column) / math.sqrt(len(column))),
            "Your interval is in squared points. What is missing?"),
        Misconception("lowest and highest search",
            lambda searches: (lambda columns: ([statistics.fmean(c) for c in columns], [min(c) for c in columns],
                                               [max(c) for c in columns]))(
                list(zip(*map(_running_max, searches), strict=True))),
            "Your ends are the unluckiest and the luckiest search. With more searches they move apart. How well is the "
            "mean known?"),
        Misconception("three numbers for each look", lambda searches: list(zip(*best_so_far(searches), strict=True)),
            "You give three numbers for each look. Three lists were asked for, each with an entry for each look."),
        Misconception("half the width in place of the ends", _curve(report=lambda mean, half: (half, half)),
            "Your low and high are distances from the mean. The ends themselves are wanted."),
        Misconception("the ends exchanged", _curve(report=lambda mean, half: (mean + half, mean - half)),
            "Your low ends lie above your high ends."),
        Misconception("over looks in place of searches", _curve(columns=lambda rows: rows),
            "Your curve has an entry for each search. One for each look was asked for."),
    ),
    other_answers=(_curve_with_numpy, _curve_by_loops),
    hints=(
        "First turn each search into its own best-so-far list. Only then look across the searches.",
        "For each look you have one number from each search: their mean, and their standard deviation over the root of "
        "how many there are.",
    ),
    remark="The interval tells how well the mean is known over luck in the *search*. All searches read the same table, "
           "so luck in the table is in all of them.",
)


EXERCISES = (REWARD, SAMPLE, STEP, CYCLE, CURVE)
