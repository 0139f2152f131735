"""Problem sheet 07: a search for scaling coefficients, from its grid to its doubts.

A candidate is a number, from 0; its scores are top-1 in percent, one for each seed. All are made up, from a seed.
"""

import math
import random
import statistics
from functools import cache
from itertools import product

from effnet_course.checking import Case, Exercise, Misconception

# A misconception is one thing to read: what is wrong, the wrong function, the hint.
# fmt: off


# 07.1


def feasible_triples(step: float, highest: list[float], target: float, tolerance: float) -> list[tuple]:
    """All (alpha, beta, gamma) on the grid whose alpha beta^2 gamma^2 is within tolerance of target."""
    return _feasible()(step, highest, target, tolerance)


HAIR = 1e-9  # of floating point: less than any two products on a grid differ


def _axis(step: float, highest: float) -> list[float]:
    return [round(1 + n * step, 9) for n in range(math.floor((highest - 1) / step + 1e-6) + 1)]


def _accumulated(step: float, highest: float) -> list[float]:
    values, value = [], 1.0
    while value <= highest:
        values.append(value)
        value += step
    return values


def _as_arange(step: float, stop: float) -> list[float]:  # what numpy.arange(1, stop, step) holds, to the last digit
    return [1 + n * ((1 + step) - 1) for n in range(math.ceil((stop - 1) / step))]


def _arange_half(step: float, highest: float) -> list[float]:
    return _as_arange(step, highest + step / 2)


def _one_by_one(step: float, highest: float) -> list[float]:  # what most write: 1, and n steps, in floats
    return [1 + n * step for n in range(round((highest - 1) / step) + 1)]


def _arange_beyond(step: float, highest: float) -> list[float]:
    return _as_arange(step, highest + step)


def _steps_cut_off(step: float, highest: float) -> list[float]:  # (1.2 - 1) / 0.1 is a hair below 2
    return [1 + n * step for n in range(int((highest - 1) / step) + 1)]


def _highest_cut_off(step: float, highest: float) -> list[float]:
    return [n / round(1 / step) for n in range(round(1 / step), int(highest / step) + 1)]


def _in_floats(cost, target, tolerance):
    return abs(cost - target) <= tolerance


def _feasible(axis=_axis, cost=lambda a, b, c: a * b**2 * c**2,
              within=lambda cost, target, tolerance: abs(cost - target) <= tolerance + HAIR,
              report=lambda triples: triples):
    """feasible_triples with one of its parts replaced."""

    def answer(step, highest, target, tolerance):
        found = [t for t in product(*(axis(step, high) for high in highest)) if within(cost(*t), target, tolerance)]
        return report([tuple(round(value, 9) for value in t) for t in found])

    return answer


def _feasible_in_whole_numbers(step, highest, target, tolerance):
    one = round(1 / step)
    ranges = [range(one, math.floor(high * one + 0.001) + 1) for high in highest]
    wanted, most = round(1000 * target) * one**5, round(1000 * tolerance) * one**5
    return [[a / one, b / one, c / one] for a in ranges[0] for b in ranges[1] for c in ranges[2]
            if abs(1000 * a * b * b * c * c - wanted) <= most]


def _feasible_with_a_margin(step, highest, target, tolerance):
    values = [[1 + step * n for n in range(round((high - 1) / step + 1e-6) + 1)] for high in highest]
    return [(round(a, 6), round(b, 6), round(c, 6)) for a in values[0] for b in values[1] for c in values[2]
            if abs(a * (b * c) ** 2 - target) < tolerance + 1e-9]


def _both(name: str, hint: str, **parts) -> tuple[Misconception, Misconception]:
    """A mistake by itself, and together with an edge that is compared in floats."""
    answers = _feasible(**parts), _feasible(within=_in_floats, **parts)
    return Misconception(name, answers[0], hint), Misconception(name, answers[1], hint)


def _costing(name: str, hint: str, cost) -> tuple[Misconception, ...]:
    """A wrong factor of MACs, on whole numbers and on each of the usual ranges of numpy."""
    ranges = [Misconception(name, _feasible(axis=axis, cost=cost, within=_in_floats), hint)
              for axis in (_arange_half, _arange_beyond, _as_arange)]
    return (*_both(name, hint, cost=cost), *ranges)


GRIDS = [
    (0.5, [1.5, 1.5, 1.5], 2.0, 0.5),  # 1.5 exactly on the edge: alpha alone; 2.25: beta or gamma alone
    (0.1, [1.4, 1.2, 1.1], 1.4, 0.04),  # 1.44 exactly on the edge, and in floats a hair beyond it, however computed
    (0.25, [2.0, 1.5, 1.5], 2.0, 0.25),
    (0.1, [1.4, 1.3, 1.2], 2.0, 0.1),
    (0.05, [1.4, 1.3, 1.3], 2.0, 0.1),
    (0.05, [1.2, 1.4, 1.3], 1.5, 0.05),
    (0.1, [2.0, 1.5, 1.4], 4.0, 0.2),
    (0.05, [1.3, 1.3, 1.3], 1.3, 0.1),
]


def grid_cases(seed: int) -> list[Case]:
    draw = random.Random(f"07.grid {seed}")
    rows = list(GRIDS)
    while len(rows) < 11:
        step = draw.choice((0.05, 0.1))
        highest = [round(1 + 0.1 * draw.randint(2, 6), 1) for _ in range(3)]
        row = (step, highest, draw.choice((1.5, 2.0, 2.5, 3.0)), draw.choice((0.05, 0.1, 0.15)))
        if len(feasible_triples(*row)) > 3:
            rows.append(row)
    return [dict(step=s, highest=list(h), target=t, tolerance=e) for s, h, t, e in rows]


TRIPLES = Exercise(
    id="07.1", title="Every candidate there is", points=4, minutes=15, difficulty="moderate",
    reference=feasible_triples, cases=grid_cases,
    helpers=("search",),
    misconceptions=(
        *_costing("no squares",
            "You ask for three factors whose plain product is near the target. Twice as wide: does that cost twice as "
            "many MACs?", lambda a, b, c: a * b * c),
        *_costing("alpha squared as well",
            "You treat depth like width and resolution. Twice the blocks: how many times the MACs?",
            lambda a, b, c: (a * b * c) ** 2),
        *_costing("gamma not squared",
            "You let resolution count once. How many pixels has an image whose side is twice as long?",
            lambda a, b, c: a * b**2 * c),
        *_costing("beta not squared",
            "You let width count once. A 1x1 layer reads channels and writes channels: what if both double?",
            lambda a, b, c: a * b * c**2),
        *_costing("alpha squared in place of beta",
            "You square the growth of depth and not that of width. Which of the two meets itself in a 1x1 layer?",
            lambda a, b, c: a**2 * b * c**2),
        Misconception("the edge compared in floats", _feasible(axis=_one_by_one, within=_in_floats),
            "Your loops are right. On the case above a triple lies exactly on the edge and is missing. Print how far "
            "it is from the target, with all digits. What becomes of a decimal fraction in a computer?"),
        Misconception("the edge compared in floats",
            _feasible(axis=lambda step, high: [n * step for n in range(round(1 / step), round(high / step) + 1)],
                      within=_in_floats),
            "Your loops are right. On the case above a triple lies exactly on the edge and is missing. Print how far "
            "it is from the target, with all digits. What becomes of a decimal fraction in a computer?"),
        Misconception("only up to the target", _feasible(within=lambda m, t, e: t - e - HAIR <= m <= t + HAIR),
            "All your triples cost the target or less. Within a tolerance: on which sides?"),
        Misconception("only up to the target", _feasible(within=lambda m, t, e: t - e <= m <= t),
            "All your triples cost the target or less. Within a tolerance: on which sides?"),
        Misconception("everything below", _feasible(within=lambda m, t, e: m <= t + e + HAIR),
            "Your list holds triples that cost far too little. On the case above: is the base network itself in it?"),
        Misconception("everything below", _feasible(within=lambda m, t, e: m <= t + e),
            "Your list holds triples that cost far too little. On the case above: is the base network itself in it?"),
        Misconception("the edge left out", _feasible(within=lambda m, t, e: abs(m - t) < e - HAIR),
            "On the case above some triple lies exactly on the edge of what is allowed. Is the edge allowed?"),
        Misconception("a relative tolerance", _feasible(within=lambda m, t, e: abs(m / t - 1) <= e + HAIR),
            "You take the tolerance as a part of the target. Is it a share here, or a distance?"),
        Misconception("a relative tolerance", _feasible(within=lambda m, t, e: abs(m / t - 1) <= e),
            "You take the tolerance as a part of the target. Is it a share here, or a distance?"),
        *_both("as arange",
            "Count the values of each coefficient on the case above, and look at the last. Does a range hold its end? "
            "With steps that are no exact binary numbers, sometimes it does and sometimes it does not.",
            axis=_as_arange),
        Misconception("arange, one step further", _feasible(axis=_arange_beyond),
            "You let a range end one step beyond the highest value. With steps that are no exact binary numbers it "
            "sometimes holds that value too. On the case above: is any coefficient larger than it may be?"),
        Misconception("arange, one step further", _feasible(axis=_arange_beyond, within=_in_floats),
            "Decimal steps have no exact binary form. On the case above a triple exactly on the edge is missing for "
            "that reason; and elsewhere a range that ends one step beyond the highest value sometimes holds that value "
            "too. Print your numbers with all their digits."),
        *_both("steps added up",
            "Print the values of each coefficient with all their digits. What happens to the last one when steps that "
            "are no exact binary numbers are added one by one?", axis=_accumulated),
        *_both("the number of steps cut off",
            "Print how many steps you count to each highest value on the case above, before you make whole numbers of "
            "them. What does `int` make of a number that is a hair below a whole one?", axis=_steps_cut_off),
        *_both("the number of steps cut off",
            "Print how many steps you count to each highest value on the case above, before you make whole numbers of "
            "them. What does `int` make of a number that is a hair below a whole one?", axis=_highest_cut_off),
        *_both("the highest values left out",
            "On the case above your coefficients never reach their highest value. Is it allowed?",
            axis=lambda step, high: _axis(step, high)[:-1]),
        *_both("every coefficient above one",
            "In all your triples every dimension grows. May one stay as it is?",
            axis=lambda step, high: _axis(step, high)[1:]),
        *_both("gamma outermost",
            "Those are the right triples in another order. By which coefficient should the list be sorted first?",
            report=lambda triples: sorted(triples, key=lambda t: t[::-1])),
        *_both("ordered by the product",
            "Those are the right triples, ordered by what they cost. By what should the list be sorted?",
            report=lambda triples: sorted(triples, key=lambda t: t[0] * t[1]**2 * t[2]**2)),
        Misconception("only the number of triples", lambda **case: len(feasible_triples(**case)),
            "That is how many there are. The triples themselves are wanted."),
        Misconception("with the product", lambda **case: [(*t, t[0] * t[1]**2 * t[2]**2) for t in
                                                          feasible_triples(**case)],
            "Each of your entries has four numbers. A triple has three."),
    ),
    other_answers=(_feasible_in_whole_numbers, _feasible_with_a_margin),
    hints=(
        "Three loops, one for each coefficient, alpha outermost. Loop over whole numbers of steps, and turn them into "
        "coefficients inside.",
        "A product that should lie exactly on the edge may come out a hair beyond it. Compare whole numbers, or allow "
        "a hair more than the tolerance.",
    ),
    remark="With steps of 0.05 up to 1.4, 1.3, 1.3 and a product within 0.1 of 2 there are 63. The paper prints one of "
           "them, and neither its steps nor its limits.",
)


# 07.2


def choose(scores: list[list[float]], t: float) -> tuple[int, float, float, list[int]]:
    """(best candidate, low and high end of its mean's interval, candidates not told apart from it)."""
    return _choose()(scores, t)


def _pooled(scores: list[list[float]]) -> float:
    squares = sum((v - statistics.mean(group)) ** 2 for group in scores for v in group)
    return math.sqrt(squares / sum(len(group) - 1 for group in scores))


def _choose(value=statistics.mean, spread=lambda scores, best: _pooled(scores),
            error=lambda s, n: s / math.sqrt(n), gap=lambda s, n, m: s * math.sqrt(1 / n + 1 / m),
            tie=lambda k, best: True, report=lambda best, low, high, tied: (best, low, high, tied)):
    """choose with one of its parts replaced."""

    def answer(scores, t):
        means = [value(group) for group in scores]
        best = max(range(len(means)), key=means.__getitem__)
        s, n = spread(scores, best), len(scores[best])
        half = t * error(s, n)
        tied = [k for k, group in enumerate(scores)
                if means[best] - means[k] <= t * gap(s, n, len(group)) and tie(k, best)]
        return report(best, means[best] - half, means[best] + half, tied)

    return answer


def _choose_with_overlapping_intervals(scores, t):
    s, means = _pooled(scores), [statistics.mean(group) for group in scores]
    best = means.index(max(means))
    half = [t * s / math.sqrt(len(group)) for group in scores]
    tied = [k for k in range(len(means)) if means[k] + half[k] >= means[best] - half[best]]
    return best, means[best] - half[best], means[best] + half[best], tied


def _choose_by_the_interval_of_the_best(scores, t):
    best, low, high, _ = choose(scores, t)
    return best, low, high, [k for k, group in enumerate(scores) if statistics.mean(group) >= low]


def _choose_the_lowest(scores, t, gap=abs):
    s, means = _pooled(scores), [statistics.mean(group) for group in scores]
    low = means.index(min(means))
    half = t * s / math.sqrt(len(scores[low]))
    tied = [k for k, group in enumerate(scores)
            if gap(means[low] - means[k]) <= t * s * math.sqrt(1 / len(group) + 1 / len(scores[low]))]
    return low, means[low] - half, means[low] + half, tied


def _company(arrange):
    """choose with its list arranged in another way."""

    def answer(scores, t):
        best, low, high, tied = choose(scores, t)
        return best, low, high, arrange(tied, best, [statistics.mean(group) for group in scores])

    return answer


def _choose_by_variances(scores, t):
    means = [sum(group) / len(group) for group in scores]
    best = means.index(max(means))
    freedom = sum(map(len, scores)) - len(scores)
    variance = sum(statistics.pvariance(group) * len(group) for group in scores) / freedom
    half = t * (variance / len(scores[best])) ** 0.5
    tied = [k for k, (group, mean) in enumerate(zip(scores, means, strict=True))
            if (means[best] - mean) ** 2 <= t * t * variance * (1 / len(group) + 1 / len(scores[best]))]
    return [best, means[best] - half, means[best] + half, tied]


def _choose_with_numpy(scores, t):
    import numpy as np

    means = np.array([np.mean(group) for group in scores])
    counts = np.array([len(group) for group in scores])
    s = np.sqrt(sum(np.var(group, ddof=1) * (len(group) - 1) for group in scores) / (counts - 1).sum())
    best = means.argmax()
    reach = t * s * np.sqrt(1 / counts + 1 / counts[best])
    half = t * s / np.sqrt(counts[best])
    return best, means[best] - half, means[best] + half, list(np.flatnonzero(means[best] - means <= reach))


STUDENT = {2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262, 10: 2.228, 11: 2.201,
           12: 2.179, 13: 2.160, 14: 2.145, 15: 2.131, 16: 2.120, 17: 2.110, 18: 2.101, 20: 2.086}


def _clear(scores, t) -> bool:
    """No candidate on the edge of being told apart, by any of the rules that are compared."""
    means, s = [statistics.mean(group) for group in scores], _pooled(scores)
    top = sorted(means)[-2:]
    best = means.index(max(means))
    edges = [t * s * math.sqrt(1 / len(scores[best]) + 1 / len(group)) for group in scores]
    return top[1] - top[0] > 0.02 and all(abs(means[best] - m - e) > 0.02 for m, e in zip(means, edges, strict=True))


FIXED_SCORES = [
    [[70.0, 70.4, 70.8], [69.1, 68.7, 69.2], [70.6, 70.0, 69.9]],
    [[70.0, 70.3, 70.6], [69.5, 69.8, 70.1]],  # 0.60 t s apart: between the roots of 1/3 and 2/3, and below 2/3
    [[68.0, 68.6, 69.2], [69.9, 68.9, 68.8], [67.4, 67.9, 68.2], [66.0, 66.4, 66.2]],  # a value above all: not the best
    [[66.1, 66.3, 66.2], [67.2, 69.4, 67.8], [67.5, 67.6, 67.7], [66.8, 66.9, 67.0]],  # one noisy group
    [[71.0, 71.3], [70.2, 70.0, 70.1, 70.4, 70.3], [70.4, 70.6, 70.8], [71.1, 70.3, 70.9, 70.5]],  # unequal counts
    [[70.4, 70.9], [69.8, 70.4, 70.1, 70.5, 69.7, 70.3]],  # told apart, if the best's own noise is left out
]


def score_cases(seed: int) -> list[Case]:
    draw = random.Random(f"07.scores {seed}")
    rows = list(FIXED_SCORES)
    while len(rows) < 14:
        spread, candidates = draw.uniform(0.3, 0.9), draw.randint(4, 7)
        counts = [draw.randint(2, 4) if len(rows) % 3 == 0 else 3 for _ in range(candidates)]
        truths = [draw.uniform(66, 69) for _ in range(candidates)]
        scores = [[round(draw.gauss(m, spread), 1) for _ in range(n)] for m, n in zip(truths, counts, strict=True)]
        freedom = sum(counts) - candidates
        if freedom in STUDENT and _clear(scores, STUDENT[freedom]):
            rows.append(scores)
    cases = []
    for scores in rows:
        cases.append(dict(scores=[list(group) for group in scores], t=STUDENT[sum(map(len, scores)) - len(scores)]))
    return cases


CHOOSE = Exercise(
    id="07.2", title="The best of them, with its company", points=6, minutes=25, difficulty="hard",
    reference=choose, cases=score_cases,
    returns=("best", "low", "high", "not told apart"),
    helpers=("atlas",),
    misconceptions=(
        Misconception("the highest single score", _choose(value=max),
            "You take the candidate with the highest single score. Draw three cards or ten: who is likelier to hold "
            "the highest? What of a candidate is less a matter of luck?"),
        Misconception("the median", _choose(value=statistics.median),
            "You take the middle score of each candidate. The standard error that you use is that of something else."),
        Misconception("the lowest single score", _choose(value=min),
            "You judge each candidate by its worst seed. The task asks for its mean."),
        Misconception("spread of the best alone", _choose(spread=lambda scores, best: statistics.stdev(scores[best])),
            "You take the spread from the best candidate's own seeds. So few seeds say little about a spread. Which "
            "others have something to say about it?"),
        Misconception("all scores in one heap",
            _choose(spread=lambda scores, best: statistics.stdev(v for group in scores for v in group)),
            "You measure how far all scores lie from their common mean. That holds the differences between candidates, "
            "too. What should be left of a score when its candidate's mean is taken off?"),
        Misconception("mean of numpy's deviations",
            _choose(spread=lambda scores, best: statistics.mean(statistics.pstdev(group) for group in scores)),
            "You average the candidates' standard deviations, as `np.std` gives them: divided by the number of seeds. "
            "What adds up is squares, and a few seeds look less spread out than they are."),
        Misconception("divided by the number of scores",
            _choose(spread=lambda scores, best: math.sqrt(statistics.mean(
                (v - statistics.mean(group)) ** 2 for group in scores for v in group))),
            "Your spread is a little small. Each candidate's mean was made from the same scores, and that uses up "
            "something of them: how much, for each candidate?"),
        Misconception("one degree of freedom lost in all",
            _choose(spread=lambda scores, best: math.sqrt(
                sum((v - statistics.mean(g)) ** 2 for g in scores for v in g) / (sum(map(len, scores)) - 1))),
            "You take one off the number of scores. How many means have been made from them?"),
        Misconception("mean of the deviations",
            _choose(spread=lambda scores, best: statistics.mean(statistics.stdev(group) for group in scores)),
            "You average the candidates' standard deviations. What adds up is their squares, and a candidate with more "
            "seeds has more to say."),
        Misconception("mean of the variances, seeds ignored",
            _choose(spread=lambda scores, best: math.sqrt(statistics.mean(statistics.variance(g) for g in scores))),
            "On the case above candidates have different numbers of seeds, and you let each say as much as any other."),
        Misconception("the variance for the deviation", _choose(spread=lambda scores, best: _pooled(scores) ** 2),
            "Your spread is in squared points. What turns it back into points?"),
        Misconception("spread of a run for that of a mean", _choose(error=lambda s, n: s),
            "Your interval is that of a single run. A mean of several seeds is known better than one of them."),
        Misconception("divided by the number of seeds", _choose(error=lambda s, n: s / n),
            "By your interval, four times the seeds make it four times as narrow. Lesson 07: how many times?"),
        Misconception("the interval of the best alone", _choose_by_the_interval_of_the_best,
            "You keep whoever has a mean inside the best one's interval. That takes the other mean for known exactly. "
            "Which of the two means has noise?"),
        Misconception("overlapping intervals", _choose_with_overlapping_intervals,
            "You keep a candidate when its interval and the best one's overlap. Two intervals may overlap although the "
            "difference is clear. The question is about the difference: what is its standard error?"),
        Misconception("a difference without its root", _choose(gap=lambda s, n, m: s * (1 / n + 1 / m)),
            "The best's own interval is right, and that of the difference is not. Variances add up; what has to be "
            "done to the sum before it is a standard error?"),
        Misconception("the noise of the best left out",
            _choose(gap=lambda s, n, m: s * math.sqrt(1 / m)),
            "The best's own interval is right, and that of the difference is not. It holds the noise of the other mean "
            "alone. Which of the two means in a difference is free of noise?"),
        Misconception("a difference as noisy as a single run", _choose(gap=lambda s, n, m: s),
            "The interval of your difference takes no notice of the number of seeds."),
        Misconception("1.96 for t", lambda scores, t: choose(scores, 1.96),
            "Your intervals reach 1.96 standard errors. That is for a spread that is known exactly. What comes with "
            "the case for one that is estimated from few seeds?"),
        Misconception("the lowest mean", _choose_the_lowest,
            "You choose the candidate with the lowest mean. Which is better, a high or a low top-1?"),
        Misconception("the lowest mean", lambda scores, t: _choose_the_lowest(scores, t, gap=float),
            "You choose the candidate with the lowest mean. Which is better, a high or a low top-1?"),
        Misconception("rounded to two decimals",
            _choose(report=lambda best, low, high, tied: (best, round(low, 2), round(high, 2), tied)),
            "Your ends are the right ones, rounded. Return them as they come; the sheet's example is shortened for "
            "print."),
        Misconception("rounded to one decimal",
            _choose(report=lambda best, low, high, tied: (best, round(low, 1), round(high, 1), tied)),
            "Your ends are the right ones, rounded. Return them as they come; the sheet's example is shortened for "
            "print."),
        Misconception("company as a set", _company(lambda tied, best, means: set(tied)),
            "Your fourth value is a set, and a set has no order. A list is wanted, in rising order."),
        Misconception("company by falling mean",
            _company(lambda tied, best, means: sorted(tied, key=lambda k: -means[k])),
            "Your list holds the right candidates, ordered by their means. In which order are they wanted?"),
        Misconception("the best first",
            _company(lambda tied, best, means: [best, *(k for k in tied if k != best)]),
            "Your list holds the right candidates, with the best in front. In which order are they wanted?"),
        Misconception("the best last",
            _company(lambda tied, best, means: [*(k for k in tied if k != best), best]),
            "Your list holds the right candidates, with the best at the end. In which order are they wanted?"),
        Misconception("the best left out of its own company", _choose(tie=lambda k, best: k != best),
            "Your list of candidates that are not told apart from the best lacks one that surely is not."),
        Misconception("candidates counted from one",
            _choose(report=lambda best, low, high, tied: (best + 1, low, high, [k + 1 for k in tied])),
            "Your candidates are one too high. Which number has the first?"),
        Misconception("the others", _choose(report=lambda best, low, high, tied: (best, low, high, None)),
            "Three of your four values are there. The fourth is a list."),
    ),
    other_answers=(_choose_by_variances, _choose_with_numpy),
    hints=(
        "Step by step: the means; the best of them; the pooled spread; the interval; the differences.",
        "The pooled spread: each score's distance to the mean of its own candidate, squared; the sum of all; divided "
        "by scores minus candidates; the root.",
        "The variance of a difference of two means is the sum of their variances. Each of them is the squared spread "
        "divided by that candidate's number of seeds.",
    ),
    remark="Report the whole set. And remember that the best one's interval was drawn around a number that was picked "
           "for being high.",
)


# 07.3


def rank_correlation(small: list[float], large: list[float]) -> float:
    """Spearman's rank correlation of two lists; equal values share the mean of their ranks."""
    return _pearson(_ranks(small), _ranks(large))


def _ranks(values: list[float]) -> list[float]:
    ordered = sorted(values)
    return [ordered.index(value) + (ordered.count(value) + 1) / 2 for value in values]


def _pearson(small: list[float], large: list[float]) -> float:
    x, y = small, large
    mx, my = sum(x) / len(x), sum(y) / len(y)
    top = sum((a - mx) * (b - my) for a, b in zip(x, y, strict=True))
    return top / math.sqrt(sum((a - mx) ** 2 for a in x) * sum((b - my) ** 2 for b in y))


def _order(values):  # with numpy, as most write it: it may put equal values in another order than Python's sorted
    import numpy as np

    return np.argsort(values).tolist()


def _first_come(values):  # ranks by two argsorts: equal values in order of place
    return [float(k) for k in _order(_order(values))]


def _lowest_ranks(values):
    return [float(sum(v < value for v in values)) for value in values]


def _highest_ranks(values):
    return [float(sum(v <= value for v in values)) for value in values]


def _dense_ranks(values):
    return [float(sorted(set(values)).index(value)) for value in values]


def _shortcut(small, large, over=lambda n: n * (n**2 - 1), times=6, ranks=_ranks):
    d = sum((a - b) ** 2 for a, b in zip(ranks(small), ranks(large), strict=True))
    return 1 - times * d / over(len(small))


def _kendall(small, large):
    pairs = [(i, j) for i in range(len(small)) for j in range(i)]

    def sign(x):
        return (x > 0) - (x < 0)

    scores = [(sign(small[i] - small[j]), sign(large[i] - large[j])) for i, j in pairs]
    ties = [sum(s[k] != 0 for s in scores) for k in (0, 1)]
    return sum(a * b for a, b in scores) / math.sqrt(ties[0] * ties[1])


def _rank_correlation_by_covariance(small, large):
    import numpy as np

    def ranks(values):
        values = np.asarray(values)
        return ((values[:, None] > values).sum(1) + (values[:, None] >= values).sum(1)) / 2

    return np.corrcoef(ranks(small), ranks(large))[0, 1]


def _rank_correlation_by_scipy(small, large):
    from scipy.stats import spearmanr

    return spearmanr(small, large).statistic


def _rank_correlation_downwards(small, large):
    x, y = ([-rank for rank in _ranks(values)] for values in (small, large))
    return _pearson(x, y)


RANKED = [
    ([66.1, 68.3, 67.0], [70.2, 72.0, 72.5]),
    ([66.1, 68.3, 67.0, 67.9], [70.2, 72.0, 72.5, 71.0]),
    ([66.0, 68.3, 67.0, 67.9], [73.0, 70.0, 72.5, 71.0]),  # the opposite order
    ([67.0, 66.2, 68.1, 66.2, 67.5], [71.0, 71.4, 72.9, 70.3, 71.8]),  # a tie
    ([65.0, 66.0, 67.0, 75.0, 65.5, 66.5], [70.1, 70.9, 71.2, 71.3, 71.4, 70.5]),  # one far away
    ([66.0, 66.0, 66.0, 68.1, 67.2], [71.0, 70.0, 72.0, 72.0, 71.5]),
]


def rank_cases(seed: int) -> list[Case]:
    draw = random.Random(f"07.ranks {seed}")
    rows = list(RANKED)
    while len(rows) < 14:
        small = [round(draw.gauss(67, 1), 1) for _ in range(draw.randint(4, 9))]
        large = [round(4 + v + draw.gauss(0, 1), 1) for v in small]
        if len(set(small)) > 2 and len(set(large)) > 2 and abs(rank_correlation(small, large)) > 1e-9:
            rows.append((small, large))
    return [dict(small=list(a), large=list(b)) for a, b in rows]


RANKS = Exercise(
    id="07.3", title="Do two rankings agree?", points=4, minutes=15, difficulty="moderate",
    reference=rank_correlation, cases=rank_cases,
    misconceptions=(
        Misconception("correlation of the values", _pearson,
            "You correlate the top-1 itself. Then one network that lies far from the rest decides nearly everything. "
            "What should take the place of the values?"),
        Misconception("one argsort", lambda small, large: _pearson(_order(small), _order(large)),
            "Sorting tells you which network is first, second and third. That list answers the question who is on a "
            "rank. What is wanted is the rank of each network."),
        Misconception("ties in order of place",
            lambda small, large: _pearson(_first_come(small), _first_come(large)),
            "On the case above two networks are equal, and you give one of them the higher rank. "
            "Would your answer stay the same if the list were in another order?"),
        Misconception("ties share the lowest rank",
            lambda small, large: _pearson(_lowest_ranks(small), _lowest_ranks(large)),
            "On the case above two networks are equal and share a rank, which is right. Which of the ranks that they "
            "take up together do you give them?"),
        Misconception("ties share the highest rank",
            lambda small, large: _pearson(_highest_ranks(small), _highest_ranks(large)),
            "On the case above equal networks share a rank, which is right, and it is the highest of those that they "
            "take up together. Which one stands for all of them?"),
        Misconception("no rank left out after a tie",
            lambda small, large: _pearson(_dense_ranks(small), _dense_ranks(large)),
            "On the case above two networks are equal, and yours take up one rank together. How many ranks are there "
            "for how many networks?"),
        Misconception("the short formula with ties", _shortcut,
            "The short formula with squared differences of ranks assumes that no two values are equal. On the case "
            "above two are. What does the formula stand for?"),
        Misconception("the short formula, cube of n", lambda small, large: _shortcut(small, large, over=lambda n: n**3),
            "Try your formula on two lists of three networks in exactly opposite order. What should come out, and what "
            "does?"),
        Misconception("the short formula, square of n",
            lambda small, large: _shortcut(small, large, over=lambda n: n**2 - 1),
            "Try your formula on two lists of three networks in exactly opposite order. What should come out, and what "
            "does?"),
        Misconception("the short formula without the one", lambda small, large: 1 - _shortcut(small, large),
            "By your formula, two equal rankings have nothing in common. What should come out for them?"),
        Misconception("Kendall's", _kendall,
            "You count pairs in the same and in the opposite order. That is a rank correlation as well, another one. "
            "This one correlates ranks."),
        Misconception("squared", lambda small, large: rank_correlation(small, large) ** 2,
            "Your answer is never negative. What should it be for two opposite orders?"),
        Misconception("without its sign", lambda small, large: abs(rank_correlation(small, large)),
            "By your answer, an opposite order agrees as well as the same order."),
        Misconception("one list ranked upwards, the other downwards",
            lambda small, large: -rank_correlation(small, large),
            "By your answer, two equal rankings disagree completely. In which direction do you rank each list?"),
        Misconception("one list left as it is", lambda small, large: _pearson(_ranks(small), large),
            "You correlate the ranks of one list with the values of the other."),
    ),
    other_answers=(_rank_correlation_by_covariance, _rank_correlation_by_scipy, _rank_correlation_downwards),
    hints=(
        "Two steps: turn each list into ranks, then correlate the ranks. `numpy.corrcoef` does the second.",
        "The rank of a value: how many values are below it, and where it stands among those equal to it. If three "
        "share the ranks 4, 5 and 6, each gets 5.",
    ),
    remark="scipy.stats.spearmanr does the same. A rank correlation asks whether the order is kept, and nothing else.",
)


# 07.4


def rank_interval(small: list[list[float]], large: list[list[float]], draws: list[list[int]]) -> tuple:
    """(rank correlation of the means, low, high), the ends from draws of seeds with replacement."""
    return _interval()(small, large, draws)


def _means(scores, seeds=None):
    return [statistics.fmean(group if seeds is None else [group[s] for s in seeds]) for group in scores]


def _safe(correlation, x, y):
    """A correlation that is nan where a list has no spread."""
    try:
        return correlation(x, y)
    except ZeroDivisionError:
        return math.nan


def _interval(correlation=rank_correlation,
              drawn=lambda small, large, seeds: (_means(small, seeds), _means(large, seeds)),
              middle=lambda whole, again: whole, cut=lambda n: n // 40, order=sorted,
              report=lambda middle, low, high: (middle, low, high)):
    """rank_interval with one of its parts replaced."""

    def answer(small, large, draws):
        whole = _safe(correlation, _means(small), _means(large))
        again = order([_safe(correlation, *drawn(small, large, seeds)) for seeds in draws])
        k = cut(len(again))
        return report(middle(whole, again), again[k], again[len(again) - 1 - k])

    return answer


def _interval_by_percentile(small, large, draws):
    import numpy as np

    again = [rank_correlation(_means(small, seeds), _means(large, seeds)) for seeds in draws]
    return rank_correlation(_means(small), _means(large)), *np.percentile(again, [2.5, 97.5]).tolist()


def _interval_by_places(high_place):
    """rank_interval with the high end at another place of the sorted list."""

    def answer(small, large, draws):
        again = sorted(rank_correlation(_means(small, seeds), _means(large, seeds)) for seeds in draws)
        low = int(0.025 * len(again))
        return rank_correlation(_means(small), _means(large)), again[low], again[high_place(low, len(again))]

    return answer


def _interval_over_all_pairs(small, large, draws):  # each draw at one budget with each at the other
    one, two = ([_ranks(_means(scores, seeds)) for seeds in draws] for scores in (small, large))
    again = sorted(_pearson(x, y) for x in one for y in two)
    out = len(again) // 40
    return rank_correlation(_means(small), _means(large)), again[out], again[-1 - out]


def _interval_by_hand(small, large, draws):
    again = []
    for seeds in draws:
        x = [sum(group[s] for s in seeds) for group in small]
        y = [sum(group[s] for s in seeds) for group in large]
        again.append(rank_correlation([round(v, 6) for v in x], [round(v, 6) for v in y]))
    for _ in range(int(0.025 * len(again))):
        again.remove(min(again))
        again.remove(max(again))
    whole = rank_correlation([round(sum(g), 6) for g in small], [round(sum(g), 6) for g in large])
    return [whole, min(again), max(again)]


def _interval_with_numpy(small, large, draws):
    import numpy as np

    a, b = np.asarray(small), np.asarray(large)
    again = np.sort([rank_correlation(a[:, d].mean(1).round(6).tolist(), b[:, d].mean(1).round(6).tolist())
                     for d in draws])
    k = len(draws) // 40
    return rank_correlation(a.mean(1).tolist(), b.mean(1).tolist()), again[k], again[-1 - k]


def _distinct(small, large, draws) -> bool:
    """No draw has two means that differ by rounding alone: every way to compute them gives the same ranks."""
    for seeds in [range(len(small[0])), *draws]:
        for scores in (small, large):
            sums = sorted(round(sum(group[s] for s in seeds), 6) for group in scores)
            if any(b - a < 1e-3 for a, b in zip(sums, sums[1:], strict=False)):
                return False
    return True


FIXED_INTERVAL = (
    [[66.13, 66.95, 66.38], [68.31, 67.42, 67.66], [67.04, 67.85, 66.71]],
    [[70.27, 71.16, 70.82], [72.08, 71.33, 72.41], [72.52, 70.64, 71.75]],
    [[0, 0, 1], [1, 2, 2], [2, 0, 2], [1, 1, 0]],
)


def _random_scores(draw, candidates, seeds):
    truths = [draw.uniform(65, 69) for _ in range(candidates)]
    return [[[round(draw.gauss(t + up, 0.8), 2) for _ in range(seeds)] for t in truths] for up in (0, 4)]


def _with_lone_ends(draw, count) -> tuple:
    """A small case of `count` draws whose lowest and highest correlation come from one draw each."""
    every = [list(d) for d in product(range(3), repeat=3) if len(set(d)) > 1]
    while True:
        small, large = _random_scores(draw, 4, 3)
        if not _distinct(small, large, every):
            continue
        of = {tuple(d): round(rank_correlation(_means(small, d), _means(large, d)), 9) for d in every}
        low, high = ([d for d in every if of[tuple(d)] == end] for end in (min(of.values()), max(of.values())))
        between = [d for d in every if d not in low and d not in high]
        if len({of[tuple(d)] for d in between}) > 1:
            draws = [draw.choice(low), draw.choice(high), *(draw.choice(between) for _ in range(count - 2))]
            draw.shuffle(draws)
            whole, first, last = rank_interval(small, large, draws)
            if first < last and draws[0] not in low and draws[-1] not in high:
                return small, large, draws


@cache
def _interval_rows(seed: int) -> list[tuple]:
    draw = random.Random(f"07.interval {seed}")
    # 2.5 % of 30 and of 60 draws are 0.75 and 1.5: to round is not to round down. Of 40 it is one exactly.
    rows = [FIXED_INTERVAL, _with_lone_ends(draw, 30), _with_lone_ends(draw, 40)]
    sizes = [(5, 4, 40), (6, 4, 60)]  # few seeds give few different draws: the ends would coincide
    while len(rows) < 3 + len(sizes):
        candidates, seeds, count = sizes[len(rows) - 3]
        small, large = _random_scores(draw, candidates, seeds)
        draws = []
        while len(draws) < count:
            drawn = [draw.randrange(seeds) for _ in range(seeds)]
            if len(set(drawn)) > 1:  # one seed alone would leave nothing to correlate to whoever draws candidates
                draws.append(drawn)
        if _distinct(small, large, draws):
            whole, low, high = rank_interval(small, large, draws)
            others = [_interval(cut=cut)(small, large, draws) for cut in (lambda n: 0, lambda n: n // 20)]
            others += [_interval(cut=lambda n: round(0.025 * n))(small, large, draws)] if count == 60 else []
            if low < whole < high and (whole, low, high) not in others:
                rows.append((small, large, draws))
    return rows


def interval_cases(seed: int) -> list[Case]:
    return [dict(small=[list(g) for g in a], large=[list(g) for g in b], draws=[list(d) for d in c])
            for a, b, c in _interval_rows(seed)]


INTERVAL = Exercise(
    id="07.4", title="How sure is that agreement?", points=4, minutes=20, difficulty="hard",
    reference=rank_interval, cases=interval_cases,
    returns=("rank correlation", "low", "high"),
    misconceptions=(
        Misconception("nothing cut off", _interval(cut=lambda n: 0),
            "Your ends are the lowest and the highest of all draws. With more draws they would move ever farther out. "
            "What should be left out at either end?"),
        Misconception("five percent at either end", _interval(cut=lambda n: n // 20),
            "You leave out too many at either end. If 95 % are to stay: how many go, and on how many sides?"),
        Misconception("rounded to the nearest", _interval(cut=lambda n: round(0.025 * n)),
            "What is left out should be a whole number, and you round to the nearest. Which way does the task round?"),
        Misconception("by numpy's percentile", _interval_by_percentile,
            "Your ends lie between two of the sorted correlations: `np.percentile` goes from one to the next in "
            "proportion. That is a good interval, and another one. Here each end is one of the correlations."),
        Misconception("the high end one place too high", _interval_by_places(lambda low, n: min(int(0.975 * n), n - 1)),
            "Your high end stands one place too high on the case above. Places are counted from 0: how many "
            "correlations lie below your low end, and how many above your high end?"),
        Misconception("the high end counted from the back", _interval_by_places(lambda low, n: -low),
            "You count the high end from the back of the list. Which place does Python take the last one to be at, "
            "and which one do you get when nothing is left out?"),
        Misconception("the draws unsorted", _interval(order=list),
            "You take the first and the last of the draws as they come. In which order should they stand?"),
        Misconception("the middle of the draws", _interval(middle=lambda whole, again: statistics.median(again)),
            "Your first value is the middle of the draws. The estimate itself uses every seed once."),
        Misconception("the mean of the draws", _interval(middle=lambda whole, again: statistics.fmean(again)),
            "Your first value is the mean of the draws. The estimate itself uses every seed once."),
        Misconception("all seeds in every draw",
            _interval(drawn=lambda small, large, seeds: (_means(small), _means(large))),
            "Low and high are the same in your answer: every draw gives the same number. What should change from draw "
            "to draw?"),
        Misconception("draws at the small budget alone",
            _interval(drawn=lambda small, large, seeds: (_means(small, seeds), _means(large))),
            "You draw seeds at one budget, and keep all of them at the other. Which of the two has noise?"),
        Misconception("draws at the large budget alone",
            _interval(drawn=lambda small, large, seeds: (_means(small), _means(large, seeds))),
            "You draw seeds at one budget, and keep all of them at the other. Which of the two has noise?"),
        Misconception("candidates drawn in place of seeds",
            _interval(drawn=lambda small, large, seeds: ([_means(small)[k] for k in seeds],
                                                         [_means(large)[k] for k in seeds])),
            "Your draws pick candidates. The numbers in a draw stand for seeds, and every candidate takes part in "
            "every draw."),
        Misconception("each seed once",
            _interval(drawn=lambda small, large, seeds: (_means(small, [*set(seeds)]), _means(large, [*set(seeds)]))),
            "A draw may hold a seed twice, and in your means it counts once. That is what drawing with replacement is "
            "for."),
        Misconception("the first seed of each draw",
            _interval(drawn=lambda small, large, seeds: (_means(small, seeds[:1]), _means(large, seeds[:1]))),
            "You use one seed of each draw. A draw names as many as there were runs."),
        Misconception("correlation of the values", _interval(correlation=_pearson),
            "You correlate the means themselves. Sheet 07.3 asked for something that only looks at the order."),
        Misconception("best single seed in place of the mean",
            _interval(drawn=lambda small, large, seeds: ([max(g[s] for s in seeds) for g in small],
                                                         [max(g[s] for s in seeds) for g in large])),
            "You take the highest of the drawn scores. What is a candidate judged by?"),
        Misconception("low and high around zero",
            _interval(report=lambda middle, low, high: (middle, low - middle, high - middle)),
            "Your low and high are distances from the estimate. The ends themselves are wanted."),
        Misconception("different draws at the two budgets", _interval_over_all_pairs,
            "You pair draws at one budget with other draws at the other. The task takes each draw once, and uses it at "
            "both."),
        Misconception("different draws at the two budgets",
            lambda small, large, draws: _interval(drawn=lambda small, large, pair: (
                _means(small, pair[0]), _means(large, pair[1])))(small, large, [*zip(draws, draws[::-1], strict=True)]),
            "You pair draws at one budget with other draws at the other. The task takes each draw once, and uses it at "
            "both."),
        Misconception("the ends exchanged", _interval(report=lambda middle, low, high: (middle, high, low)),
            "Your low end is above your high end."),
    ),
    other_answers=(_interval_by_hand, _interval_with_numpy),
    hints=(
        "Write a helper that turns scores and a list of seeds into means, one for each candidate. You need it once "
        "with every seed, and once for each draw, at both budgets.",
        "With 40 draws, 2.5 % is one: sort the correlations, leave out the lowest and the highest, and take the ends "
        "of what is left.",
    ),
    remark="With three seeds such an interval is crude. It still tells a number that holds still from one that a "
           "single seed would turn over.",
)


# 07.5


def successive_halving(curves: list[list[float]], rungs: list[int], part: int) -> tuple[int, list[int], int]:
    """(winner, candidates that train up to each rung, epochs trained in total)."""
    return _halving()(curves, rungs, part)


def _halving(score=lambda curve, epoch: curve[epoch - 1], keep=lambda n, part: -(-n // part),
             cost=lambda n, start, end: n * (end - start), down=True, names=lambda staying: staying, full=False,
             report=lambda winner, counts, epochs: (winner, counts, epochs)):
    """successive_halving with one of its parts replaced."""

    def answer(curves, rungs, part):
        staying, counts, epochs = list(range(len(curves))), [], 0
        for start, end in zip([0, *rungs], rungs, strict=False):
            counts.append(len(staying))
            epochs += cost(len(staying), start, end)
            ranked = sorted(staying, key=lambda k: score(curves[k], end), reverse=down)
            staying = ranked[: 1 if end == rungs[-1] and not full else max(1, keep(len(ranked), part))]
        return report(staying[0], counts, epochs)

    return answer


def _halving_places_in_the_rest(curves, rungs, part):
    rest, counts, epochs, winner = [list(c) for c in curves], [], 0, 0
    for start, end in zip([0, *rungs], rungs, strict=False):
        counts.append(len(rest))
        epochs += len(rest) * (end - start)
        order = sorted(range(len(rest)), key=lambda k: -rest[k][end - 1])
        winner, rest = order[0], [rest[k] for k in order[: -(-len(rest) // part)]]
    return winner, counts, epochs


def _halving_by_cutting(curves, rungs, part):
    alive, counts = dict(enumerate(curves)), []
    for end in rungs:
        counts.append(len(alive))
        if end == rungs[-1]:
            break
        while len(alive) > math.ceil(counts[-1] / part):
            alive.pop(min(alive, key=lambda k: alive[k][end - 1]))
    winner = max(alive, key=lambda k: alive[k][rungs[-1] - 1])
    steps = [b - a for a, b in zip([0] + rungs[:-1], rungs, strict=True)]
    return [winner, counts, sum(n * s for n, s in zip(counts, steps, strict=True))]


def _halving_epoch_by_epoch(curves, rungs, part):
    alive, counts, epochs = set(range(len(curves))), [], 0
    for epoch in range(1, rungs[-1] + 1):
        epochs += len(alive)
        if epoch in rungs:
            counts.append(len(alive))
            size = 1 if epoch == rungs[-1] else (len(alive) + part - 1) // part
            alive = set(sorted(alive, key=lambda k: curves[k][epoch - 1])[-size:])
    return alive.pop(), counts, epochs


def curves_cases(seed: int) -> list[Case]:
    draw = random.Random(f"07.halving {seed}")
    fixed = [
        ([[50.0, 60.0], [52.0, 59.0], [48.0, 63.0]], [1, 2], 2),  # the last one would have won
        ([[51.0, 58.0, 63.0, 64.0], [54.0, 57.0, 60.0, 61.0], [46.0, 59.5, 64.0, 67.0], [49.0, 60.0, 62.0, 65.0],
          [52.0, 55.0, 64.5, 66.0]], [1, 2, 4], 2),
        ([[55.0, 52.0, 60.0, 61.0], [50.0, 54.0, 61.0, 62.0], [49.0, 53.0, 66.0, 67.0], [48.0, 51.0, 59.0, 60.0]],
         [2, 4], 2),  # the first one had the best first epoch
    ]
    rows, shapes = list(fixed), [(9, [1, 2, 4], 2), (9, [1, 2, 4], 3), (7, [1, 3, 6], 2), (10, [2, 4, 8], 3),
                                 (6, [1, 2, 3, 5], 2), (8, [1, 2, 4], 2), (5, [2, 3], 3), (11, [1, 2, 4, 8], 2)]
    while len(rows) < len(fixed) + len(shapes):
        count, rungs, part = shapes[len(rows) - len(fixed)]
        curves = []
        for _ in range(count):
            end, late = draw.uniform(62, 70), draw.uniform(5, 18)
            curves.append([round(end - late * (1 - e / (rungs[-1] - 1)) ** 2 + draw.gauss(0, 1.5), 1)
                           for e in range(rungs[-1])])
        if all(len({curve[e] for curve in curves}) == count for e in range(rungs[-1])):
            rows.append((curves, rungs, part))
    return [dict(curves=[list(c) for c in a], rungs=list(b), part=p) for a, b, p in rows]


HALVING = Exercise(
    id="07.5", title="Successive halving", points=4, minutes=20, difficulty="moderate",
    reference=successive_halving, cases=curves_cases,
    returns=("winner", "candidates at each rung", "epochs"),
    misconceptions=(
        Misconception("every rung trained from the start", _halving(cost=lambda n, start, end: n * end),
            "You pay for the first epochs again at every rung. A network that stays goes on from where it stopped."),
        Misconception("the last rung's epochs alone", _halving(cost=lambda n, start, end: end - start),
            "You count the epochs of one network. How many train up to each rung?"),
        Misconception("all trained to the end",
            lambda curves, rungs, part: (*successive_halving(curves, rungs, part)[:2], len(curves) * rungs[-1]),
            "Your epochs are those of a search without halving. What do the dropped networks no longer cost?"),
        Misconception("judged by their last epoch", _halving(score=lambda curve, epoch: curve[-1]),
            "You drop networks by what they would have reached in the end. Had those epochs been trained when you "
            "decided?"),
        Misconception("judged by their best epoch so far", _halving(score=lambda curve, epoch: max(curve[:epoch])),
            "You judge a network by the best epoch it has had. The task asks for its top-1 at the rung."),
        Misconception("judged by their mean so far",
            _halving(score=lambda curve, epoch: sum(curve[:epoch]) / epoch),
            "You judge a network by the mean of its epochs. The task asks for its top-1 at the rung."),
        Misconception("one epoch too late", _halving(score=lambda curve, epoch: curve[min(epoch, len(curve) - 1)]),
            "You compare after one epoch more than the rung says. At which place of the list does the first epoch "
            "stand?"),
        Misconception("always judged after the first epoch", _halving(score=lambda curve, epoch: curve[0]),
            "You compare by the first epoch at every rung. What else is known by then?"),
        Misconception("rounded down", _halving(keep=lambda n, part: n // part),
            "When the networks can't be parted evenly, you drop one more. In which direction is the rounding?"),
        Misconception("rounded to the nearest", _halving(keep=lambda n, part: round(n / part)),
            "When the networks can't be parted evenly, you sometimes drop one more. Which way is the rounding?"),
        Misconception("one part dropped, the rest kept", _halving(keep=lambda n, part: n - n // part),
            "Of three parts you drop one. How many should stay?"),
        Misconception("one part dropped, rounded up", _halving(keep=lambda n, part: n - math.ceil(n / part)),
            "At each rung you drop one part, rounded up, and keep the rest. The task names the part that is kept."),
        Misconception("always half", _halving(keep=lambda n, part: -(-n // 2)),
            "You keep half at every rung, whatever part is asked for."),
        Misconception("the worst kept", _halving(down=False),
            "You keep the networks with the lowest top-1. In which direction does your sorting run?"),
        Misconception("places among those left", _halving_places_in_the_rest,
            "Your winner is a place among those that were left. Which number had that network at the start?"),
        Misconception("counted after the drop",
            lambda curves, rungs, part: (lambda w, c, e: (w, [*c[1:], 1], e))(*successive_halving(curves, rungs, part)),
            "Your counts are of those that go on after each rung. How many have trained up to it?"),
        Misconception("winner counted from one",
            _halving(report=lambda winner, counts, epochs: (winner + 1, counts, epochs)),
            "Your winner is one too high. Which number has the first candidate?"),
        Misconception("no halving at all",
            lambda curves, rungs, part: (max(range(len(curves)), key=lambda k: curves[k][-1]),
                                         [len(curves)] * len(rungs), len(curves) * rungs[-1]),
            "In your search nobody is dropped. It finds the best, at full price."),
    ),
    other_answers=(_halving_by_cutting, _halving_epoch_by_epoch),
    hints=(
        "Keep a list of the candidates that are left, by their numbers. At each rung: note how many there are, add "
        "their epochs, sort by the top-1 at that rung, shorten the list.",
        "The epochs at a rung are those since the rung before. At the last rung one candidate is left: the winner.",
    ),
    remark="In the first case the network that was dropped first would have won. What is saved is certain, what is "
           "risked is not.",
)


EXERCISES = (TRIPLES, CHOOSE, RANKS, INTERVAL, HALVING)
