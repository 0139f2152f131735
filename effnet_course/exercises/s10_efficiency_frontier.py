"""Problem sheet 10: the front, ratios, the marginal gain, a fair time, and an ensemble at equal MACs.

All tables are made up from a seed.
"""

import math
import random
import statistics

from effnet_course.checking import Case, Exercise, Misconception

# A misconception is one thing to read: what is wrong, the wrong function, the hint.
# fmt: off

# 10.1


def pareto_front(macs: list[float], top1: list[float]) -> list[int]:
    """Places, from 0, of the networks that no other one beats, by rising MACs."""
    return _front()(macs, top1)


def _beats(one, two):
    return one[0] <= two[0] and one[1] >= two[1] and one != two


def _front(beats=_beats, keep=lambda beaten, beating: not beaten, order=lambda row: row[0], first=0,
           turn=lambda macs, top1: (macs, top1)):
    def answer(macs, top1):
        rows = [turn(*row) for row in zip(macs, top1, strict=True)]
        found = []
        for i, row in enumerate(rows):
            others = [other for j, other in enumerate(rows) if j != i]
            if keep(any(beats(other, row) for other in others), any(beats(row, other) for other in others)):
                found.append((order((macs[i], top1[i])), i))
        return [i + first for _, i in sorted(found)]

    return answer


def _front_hull(macs, top1):
    places = _front()(macs, top1)
    kept = []
    for i in places:
        while len(kept) > 1 and macs[kept[-1]] != macs[i]:
            (a, b), (c, d) = ((macs[j], top1[j]) for j in kept[-2:])
            if a == c or (d - b) * (macs[i] - a) > (top1[i] - b) * (c - a):
                break
            kept.pop()
        kept.append(i)
    return kept


def _front_by_neighbour(macs, top1):
    order = sorted(range(len(macs)), key=lambda i: (macs[i], -top1[i], i))
    return [i for before, i in zip([None, *order], order, strict=False) if before is None or top1[i] > top1[before]
            or (macs[i], top1[i]) == (macs[before], top1[before])]


def _front_one_of_equals(macs, top1):
    found = []
    for i in _front()(macs, top1):
        if (macs[i], top1[i]) not in [(macs[j], top1[j]) for j in found]:
            found.append(i)
    return found


def _front_looked_up(which):
    def answer(macs, top1):
        column = (macs, top1)[which]
        return [column.index(column[i]) for i in _front()(macs, top1)]

    return answer


def _front_by_a_plain_sweep(macs, top1):
    best, found = -math.inf, []
    for i in sorted(range(len(macs)), key=lambda i: macs[i]):
        if top1[i] > best:
            best = top1[i]
            found.append(i)
    return found


def _front_by_sweep(macs, top1):
    best, found = -math.inf, []
    for i in sorted(range(len(macs)), key=lambda i: (macs[i], -top1[i], i)):
        if top1[i] > best or (found and (macs[i], top1[i]) == (macs[found[-1]], top1[found[-1]])):
            best = top1[i]
            found.append(i)
    return found


def _front_with_numpy(macs, top1):
    import numpy as np

    m, t = np.array(macs), np.array(top1)
    no_worse = (m[:, None] <= m) & (t[:, None] >= t)
    better = (m[:, None] < m) | (t[:, None] > t)
    free = np.flatnonzero(~(no_worse & better).any(0))
    return free[np.argsort(m[free], kind="stable")]


def front_cases(seed: int) -> list[Case]:
    draw = random.Random(f"10.front {seed}")
    fixed = [
        ([1.0, 2.0], [70.0, 75.0]),
        ([4.0, 1.0, 2.0], [78.0, 70.0, 69.0]),
        ([2.0, 1.0, 2.0, 4.0], [74.0, 70.0, 72.0, 74.0]),
        ([3.0, 2.0, 3.0, 1.0], [72.0, 72.0, 75.0, 70.0]),
        ([3.0, 1.0, 3.0, 2.0], [76.0, 70.0, 76.0, 74.0]),
        ([8.0, 1.0, 4.0, 2.0, 3.0], [80.0, 70.0, 71.0, 76.0, 70.5]),
    ]
    drawn = []
    for _ in range(6):
        macs, top1 = [], []
        for _ in range(draw.randint(7, 12)):
            size = draw.choice([0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8])
            macs.append(size)
            top1.append(round(74 + 1.5 * math.log2(size) + draw.gauss(0, 1.5), 1))
        macs.append(macs[0])
        top1.append(top1[0])
        drawn.append((macs, top1))
    return [dict(macs=list(macs), top1=list(top1)) for macs, top1 in fixed + drawn]


FRONT = Exercise(
    id="10.1", title="Which networks does no other one beat?", points=4, minutes=15, difficulty="easy",
    reference=pareto_front, cases=front_cases, helpers=("search",),
    misconceptions=(
        Misconception("beaten only by a network better in both",
            _front(beats=lambda a, b: a[0] < b[0] and a[1] > b[1]),
            "You keep a network although another one has the same MACs and a higher top-1, or the same top-1 for fewer "
            "MACs. Would anybody pick it?"),
        Misconception("equals drop each other", _front(beats=lambda a, b: a[0] <= b[0] and a[1] >= b[1]),
            "On the case above two networks are alike in both numbers, and you have lost both. Does one of them beat "
            "the other?"),
        Misconception("only one of two equals", _front_one_of_equals,
            "On the case above two networks are alike in both numbers, and you keep one of them. What has the other "
            "done?"),
        Misconception("one pass by rising MACs, ties forgotten", _front_by_a_plain_sweep,
            "Going up in MACs and keeping what is better than all before is a good way. But the case above has "
            "networks of equal MACs: in which order do you meet them, and what becomes of two that are alike?"),
        Misconception("the upper hull", _front_hull,
            "You leave out a network because a straight line between two others passes above it. No network stands on "
            "that line: which one would you take in its place?"),
        Misconception("compared with the next cheaper one only", _front_by_neighbour,
            "You ask whether a network is better than the one just below it in cost. On the case above that one was "
            "itself beaten."),
        Misconception("looked up by its MACs", _front_looked_up(0),
            "You look for the place of a network by its MACs, and so find the first one that has these. On the case "
            "above another one has them too."),
        Misconception("looked up by its top-1", _front_looked_up(1),
            "You look for the place of a network by its top-1, and so find the first one that has this. On the case "
            "above another one has it too."),
        Misconception("equals in the wrong order",
            lambda macs, top1: sorted(_front()(macs, top1), key=lambda i: (macs[i], -i)),
            "Those are the right networks. But two of the case above have equal MACs: in which order were these to "
            "come?"),
        Misconception("in the order of the list", _front(order=lambda row: 0),
            "Those are the right networks. By what were they to be ordered?"),
        Misconception("the dearest first", _front(order=lambda row: -row[0]),
            "Those are the right networks, the dearest first. Which end was asked for first?"),
        Misconception("those that are beaten", _front(keep=lambda beaten, beating: beaten),
            "You name networks for which there is a better choice. Those were to be left out."),
        Misconception("those that beat another", _front(keep=lambda beaten, beating: beating),
            "You keep networks that beat some other one. A network can do that and still be beaten itself; and one "
            "that beats nobody may be without a rival."),
        Misconception("high MACs taken as good", _front(turn=lambda macs, top1: (-macs, top1)),
            "Your front prefers the dearer of two networks with the same top-1. Which of the two numbers is the cost?"),
        Misconception("low top-1 taken as good", _front(turn=lambda macs, top1: (macs, -top1)),
            "Your front prefers the worse of two networks of the same cost. Top-1 is not an error rate."),
        Misconception("the highest ratio alone",
            lambda macs, top1: [max(range(len(macs)), key=lambda i: top1[i] / macs[i])],
            "You name just the network with the most points for a MAC. Who has a larger budget finds nothing in your "
            "list."),
        Misconception("the best alone", lambda macs, top1: [max(range(len(macs)), key=lambda i: top1[i])],
            "You name just the network with the highest top-1. Who has a smaller budget finds nothing in your list."),
        Misconception("counted from one", _front(first=1),
            "Your list names the neighbour of each right network. Which number has the first one?"),
        Misconception("the MACs in place of the places", lambda macs, top1: [macs[i] for i in _front()(macs, top1)],
            "Those are the right networks' MACs. What was asked for is where they stand in the lists."),
    ),
    other_answers=(_front_by_sweep, _front_with_numpy),
    hints=(
        "Write a small test first: does network A beat network B? It must be no worse in either number. And what if "
        "both numbers are the same?",
        "A network is on the front if that test is true of no other network. Order what is left at the end.",
    ),
    remark="A front says which networks to look at, not which one to take. That is decided by a limit.",
)

# 10.2


def ratio_peaks(params: list[float], macs: list[float], top1: list[float], classes: int) -> tuple[int, int, int]:
    """Places where top-1 per parameter, top-1 per MAC and points above guessing per MAC are highest."""
    return _peaks()(params, macs, top1, classes)


def _peaks(guess=lambda classes: 100 / classes, first=lambda t, p, m: t / p, second=lambda t, p, m: t / m,
           third=None, pick=max, start=0, report=lambda a, b, c: (a, b, c)):
    def answer(params, macs, top1, classes):
        rows = list(zip(top1, params, macs, strict=True))
        above = third or (lambda t, p, m: (t - guess(classes)) / m)
        return report(*(pick(range(len(rows)), key=lambda i: score(*rows[i])) + start
                        for score in (first, second, above)))

    return answer


def _peaks_by_step(params, macs, top1, classes):
    def best(costs):
        order = sorted(range(len(costs)), key=lambda i: costs[i])
        steps = [(a, b) for a, b in zip(order, order[1:], strict=False) if costs[b] > costs[a]]
        return max(steps, key=lambda s: (top1[s[1]] - top1[s[0]]) / (costs[s[1]] - costs[s[0]]))[1]

    return best(params), best(macs), best(macs)


def _peaks_as_ratios(params, macs, top1, classes):
    places = _peaks()(params, macs, top1, classes)
    above = [t - 100 / classes for t in top1]
    tables = (top1, params), (top1, macs), (above, macs)
    return tuple(points[i] / cost[i] for (points, cost), i in zip(tables, places, strict=True))


def _peaks_with_numpy(params, macs, top1, classes):
    import numpy as np

    t = np.array(top1)
    return np.argmax(t / np.array(params)), np.argmax(t / np.array(macs)), np.argmax((t - 100 / classes) / macs)


def _peaks_from_the_lowest(params, macs, top1, classes):
    def least(costs, off=0.0):
        # The fewest MACs for a point; a network at or under the level of guessing never is.
        prices = [c / (t - off) if t > off else math.inf for c, t in zip(costs, top1, strict=True)]
        return prices.index(min(prices))

    return [least(params), least(macs), least(macs, 100 / classes)]


def peak_cases(seed: int) -> list[Case]:
    draw = random.Random(f"10.peaks {seed}")
    fixed = [
        ([1.0, 2.0, 4.0], [1.0, 3.0, 9.0], [27.0, 60.0, 70.0], 4),
        ([2.0, 2.0, 5.0, 9.0], [1.0, 2.0, 4.0, 16.0], [26.0, 44.0, 70.0, 80.0], 4),
        ([2.0, 2.2, 9.0], [1.0, 2.0, 8.0], [15.0, 15.9, 20.0], 7),
        ([5.0, 1.0, 2.0, 3.0], [1.0, 2.2, 3.0, 8.0], [21.0, 40.0, 65.0, 80.0], 5),
        ([2.0, 3.0, 4.0], [1.0, 1.3, 4.0], [80.0, 30.0, 85.0], 4),
        ([3.0, 4.0, 4.5, 6.0], [2.0, 3.0, 4.4, 9.0], [30.0, 42.0, 66.0, 80.0], 20),
    ]
    drawn = []
    while len(drawn) < 8:
        classes = draw.choice([4, 5, 10])
        level, size = 100 / classes, draw.randint(5, 8)
        macs = [round(draw.uniform(0.8, 1.2) * 2**i, 2) for i in range(size)]
        params = [round(draw.uniform(0.5, 3) * 1.7**i, 2) for i in range(size)]
        middle = draw.uniform(0.8, 2.2)
        top1 = [round(level + 0.5 + (88 - level) / (1 + math.exp(-1.5 * (i - middle))) + draw.uniform(0, 1), 1)
                for i in range(size)]
        order = draw.sample(range(size), size)
        drawn.append(([params[i] for i in order], [macs[i] for i in order], [top1[i] for i in order], classes))
    return [dict(params=list(p), macs=list(m), top1=list(t), classes=c) for p, m, t, c in fixed + drawn]


PEAKS = Exercise(
    id="10.2", title="Where do the ratios peak?", points=4, minutes=15, difficulty="moderate",
    reference=ratio_peaks, cases=peak_cases, returns=("per parameter", "per MAC", "above guessing, per MAC"),
    misconceptions=(
        Misconception("guessing not taken off", _peaks(guess=lambda classes: 0.0),
            "Your third place is the same as your second throughout: either nothing is taken off for guessing, or the "
            "same from each finished ratio, which moves no peak. Of which number is guessing a part?"),
        Misconception("guessing cut to a whole number", _peaks(guess=lambda classes: 100 // classes),
            "What you take off for guessing is a whole number of points. On the case above guessing reaches a little "
            "more than that."),
        Misconception("the ratios in place of the places", _peaks_as_ratios,
            "Those are the highest ratios themselves. What was asked for is where they stand in the lists."),
        Misconception("guessing as a share, not in percent", _peaks(guess=lambda classes: 1 / classes),
            "You take off less than one point for guessing. In which unit is top-1 given?"),
        Misconception("the number of classes taken off", _peaks(guess=lambda classes: classes),
            "What you take off grows with the number of classes. Is guessing easier among more of them?"),
        Misconception("guessing taken off everywhere",
            lambda params, macs, top1, classes: _peaks()(params, macs, [t - 100 / classes for t in top1], classes)[:2]
            + (_peaks()(params, macs, top1, classes)[2],),
            "You take off guessing in all three. For which of them was that asked?"),
        Misconception("parameters and MACs exchanged",
            _peaks(first=lambda t, p, m: t / m, second=lambda t, p, m: t / p),
            "Your first two places belong to the other cost each. Which ratio was asked for first?"),
        Misconception("the third per parameter",
            lambda params, macs, top1, classes: _peaks()(params, macs, top1, classes)[:2]
            + (_peaks()(params, params, top1, classes)[2],),
            "Your first two places are right. What is the third ratio taken over?"),
        Misconception("the lowest ratio", _peaks(pick=min),
            "You name the networks with the fewest points for their cost."),
        Misconception("the highest top-1", _peaks(*[None], first=lambda t, p, m: t, second=lambda t, p, m: t,
                                                  third=lambda t, p, m: t),
            "You name the network with the highest top-1 three times, whatever it costs."),
        Misconception("the cheapest", _peaks(first=lambda t, p, m: -p, second=lambda t, p, m: -m,
                                             third=lambda t, p, m: -m),
            "You name the cheapest network each time. A ratio often peaks there. On the case above it does not "
            "everywhere."),
        Misconception("the cheapest for the first two", _peaks(first=lambda t, p, m: -p, second=lambda t, p, m: -m),
            "Your first two places are those of the networks with the fewest parameters and MACs. A ratio often peaks "
            "there. On the case above it does not in both."),
        Misconception("the fewest parameters", _peaks(first=lambda t, p, m: -p),
            "Your first place is that of the network with the fewest parameters. Does it have most points for each of "
            "them on the case above?"),
        Misconception("the fewest MACs", _peaks(second=lambda t, p, m: -m),
            "Your second place is that of the network with the fewest MACs. Does it have most points for each of them "
            "on the case above?"),
        Misconception("the step from the network before", _peaks_by_step,
            "You divide what is gained from one network to the next dearer one. That is the marginal gain; here the "
            "whole top-1 was to be divided by the whole cost."),
        Misconception("errors in place of top-1",
            _peaks(first=lambda t, p, m: (100 - t) / p, second=lambda t, p, m: (100 - t) / m,
                   third=lambda t, p, m: (100 - t) / m),
            "You divide the errors by the cost. By your ratio a network becomes more efficient when it is wrong more "
            "often."),
        Misconception("divided by the logarithm of the cost",
            _peaks(first=lambda t, p, m: t / math.log(1 + p), second=lambda t, p, m: t / math.log(1 + m)),
            "Your first two ratios divide by a logarithm: there a network of a hundred times the cost counts as "
            "only a few times as dear."),
        Misconception("counted from one", _peaks(start=1),
            "Each of your places is the neighbour of the right one. Which number has the first network?"),
    ),
    other_answers=(_peaks_with_numpy, _peaks_from_the_lowest),
    hints=(
        "Make three lists of ratios, one entry for each network, and find where each list is highest.",
        "Somebody who always names one class, of ten that are equally frequent, is right in one of ten images. Take "
        "that off before you divide, in the third list only.",
    ),
    remark="Per MAC, guessing itself is unbeatable: some percent for nothing. Once it is taken off, the peak may move "
           "away from the smallest network.",
)

# 10.3


def stop_scaling(macs: list[float], top1: list[float], threshold: float) -> tuple[int, float, float]:
    """The place to stop, the gain of the step that led there, and that of the step refused, in points per doubling."""
    return _stop()(macs, top1, threshold)


def _stop(log=math.log2, gain=None, under=lambda g, threshold: g < threshold, which="first", shift=0,
          report=lambda place, taken, refused: (place, taken, refused)):
    gain = gain or (lambda m, t, i: (t[i] - t[i - 1]) / log(m[i] / m[i - 1]))

    def answer(macs, top1, threshold):
        gains = [gain(macs, top1, i) for i in range(1, len(macs))]
        refused = [i for i, g in enumerate(gains) if under(g, threshold)]
        place = refused[0] if refused else len(gains)
        if which == "last":
            taken = [i for i, g in enumerate(gains) if not under(g, threshold)]
            place = taken[-1] + 1 if taken else 0
        if which == "never":
            place = len(gains)
        if which == "largest gain":
            place = gains.index(max(gains)) + 1
        return report(place + shift, gains[place - 1] if place else 0.0, gains[place] if place < len(gains) else 0.0)

    return answer


def _stop_around_the_end(last):
    def answer(macs, top1, threshold):
        place, taken, refused = _stop()(macs, top1, threshold)
        before, after = (-2, -1) if last else (-1, 0)
        around = (top1[after] - top1[before]) / math.log2(macs[after] / macs[before])
        return place, taken if place else around, refused

    return answer


def _stop_rounded(digits, before=False):
    def answer(macs, top1, threshold):
        if before:
            return _stop(gain=lambda m, t, i: round((t[i] - t[i - 1]) / math.log2(m[i] / m[i - 1]), digits))(
                macs, top1, threshold)
        place, taken, refused = _stop()(macs, top1, threshold)
        return place, round(taken, digits), round(refused, digits)

    return answer


def _stop_without_steps(nothing):
    def answer(macs, top1, threshold):
        place, taken, refused = _stop()(macs, top1, threshold)
        return place, taken if place else nothing, refused if place < len(macs) - 1 else nothing

    return answer


def _stop_loop(macs, top1, threshold):
    place, taken = 0, 0.0
    while place + 1 < len(macs):
        step = (top1[place + 1] - top1[place]) * math.log(2) / (math.log(macs[place + 1]) - math.log(macs[place]))
        if step < threshold:
            return place, taken, step
        place, taken = place + 1, step
    return place, taken, 0


def _stop_with_numpy(macs, top1, threshold):
    import numpy as np

    steps = np.diff(top1) / np.diff(np.log2(macs))
    low = np.flatnonzero(steps < threshold)
    place = int(low[0]) if len(low) else len(steps)
    padded = np.concatenate([[0.0], steps, [0.0]])
    return [place, padded[place], padded[place + 1]]


def stop_cases(seed: int) -> list[Case]:
    draw = random.Random(f"10.stop {seed}")
    fixed = [
        ([1.0, 4.0], [70.0, 73.0], 1.0),
        ([1.0, 2.0, 4.0], [70.0, 70.5, 70.75], 1.0),
        ([1.0, 2.0, 4.0, 16.0], [70.0, 73.0, 74.0, 75.0], 1.0),
        ([1.0, 2.0, 4.0, 8.0, 16.0], [70.0, 72.0, 72.5, 75.0, 75.5], 1.0),
        ([1.0, 2.0, 8.0, 16.0], [70.0, 75.0, 78.0, 81.0], 2.0),
        ([1.0, 4.0, 8.0], [70.0, 73.46, 74.456], 1.0),
        ([1.0, 2.0, 4.0], [70.0, 71.234, 72.194], 1.0),
    ]
    drawn = []
    for _ in range(8):
        macs, top1 = [round(draw.uniform(0.3, 0.6), 2)], [round(draw.uniform(68, 76), 1)]
        for i in range(draw.randint(4, 7)):
            factor = draw.choice([1.4, 1.7, 2.3, 3.1, 4.2])
            macs.append(round(macs[-1] * factor, 2))
            rise = draw.choice([3.2, 2.4, 1.6]) * 0.72**i * draw.uniform(0.4, 1.6)
            top1.append(round(top1[-1] + rise * math.log2(factor), 1))
        drawn.append((macs, top1, draw.choice([0.8, 1.0, 1.3])))
    return [dict(macs=list(m), top1=list(t), threshold=x) for m, t, x in fixed + drawn]


STOP = Exercise(
    id="10.3", title="When is the next one not worth it?", points=4, minutes=15, difficulty="moderate",
    reference=stop_scaling, cases=stop_cases, returns=("place to stop", "gain taken", "gain refused"),
    misconceptions=(
        Misconception("per step, not per doubling", _stop(gain=lambda m, t, i: t[i] - t[i - 1]),
            "You compare the points of a whole step with the threshold. On the case above one step is not one "
            "doubling."),
        Misconception("natural logarithm", _stop(log=math.log),
            "Your gains are too large, all by the same factor: they are points for 2.7 times the MACs."),
        Misconception("decimal logarithm", _stop(log=math.log10),
            "Your gains are too large, all by the same factor: they are points for ten times the MACs."),
        Misconception("divided by the factor of the MACs",
            _stop(gain=lambda m, t, i: (t[i] - t[i - 1]) / (m[i] / m[i - 1])),
            "You divide by how many times as dear the next network is. Four times the MACs are not four doublings."),
        Misconception("divided by half the factor",
            _stop(gain=lambda m, t, i: (t[i] - t[i - 1]) / (m[i] / m[i - 1] / 2)),
            "For a factor of two your gain is right, for others not. Is eight times the MACs four doublings?"),
        Misconception("divided by the MACs added", _stop(gain=lambda m, t, i: (t[i] - t[i - 1]) / (m[i] - m[i - 1])),
            "You divide by the MACs that were added. Then the answer depends on the unit they are counted in."),
        Misconception("as a share of the MACs added",
            _stop(gain=lambda m, t, i: (t[i] - t[i - 1]) / ((m[i] - m[i - 1]) / m[i - 1])),
            "You divide by the growth as a share of what was there. A step to four times the MACs then counts as "
            "three."),
        Misconception("relative to the top-1 before",
            _stop(gain=lambda m, t, i: 100 * (t[i] - t[i - 1]) / t[i - 1] / math.log2(m[i] / m[i - 1])),
            "Your gain is a percentage of the top-1 that was there. Points were asked for: the difference itself."),
        Misconception("the average since the start",
            _stop(gain=lambda m, t, i: (t[i] - t[0]) / math.log2(m[i] / m[0])),
            "Your gains are averages over all steps since the first network. An average remembers good times: what did "
            "the last step alone bring?"),
        Misconception("a step exactly at the threshold refused", _stop(under=lambda g, threshold: g <= threshold),
            "On the case above a step brings exactly what was asked for, and you refuse it."),
        Misconception("goes on behind a poor step", _stop(which="last"),
            "You step over a gain under the threshold, because one further on is above it. The rule as it is given "
            "stops at the first."),
        Misconception("never stops", _stop(which="never"),
            "You always take the last network. On the case above a step brings less than was asked for."),
        Misconception("the step with the largest gain", _stop(which="largest gain"),
            "You stop behind the step that brings most. Steps after it may bring less and still enough."),
        Misconception("the step taken that was to be refused", _stop(shift=1),
            "Your gains are right. With the place you name, the step that brings too little has been paid for, or the "
            "places are counted from one."),
        Misconception("no step taken, the last one of the list reported", _stop_around_the_end(last=True),
            "On the case above you stop at the first network, and no step has been taken. What you report for it "
            "belongs to the other end of the list: what does an index of -1 mean?"),
        Misconception("no step taken, one around the end of the list reported", _stop_around_the_end(last=False),
            "On the case above you stop at the first network, and no step has been taken. What you report for it is a "
            "step from the last network to the first: what does an index of -1 mean?"),
        *(Misconception(f"gains rounded to {digits}", _stop_rounded(digits),
            "Your gains are the right ones, rounded. Return them as they come.") for digits in (1, 2, 3)),
        *(Misconception(f"gains rounded to {digits} before they are compared", _stop_rounded(digits, before=True),
            "You round the gains, and then compare rounded ones with the threshold. Work with them as they come.")
            for digits in (1, 2)),
        *(Misconception(f"{nothing} for a step that is not there", _stop_without_steps(nothing),
            f"On the case above no step has been taken, or none refused, and you give {nothing} for it. What was "
            "asked for there?") for nothing in (None, math.nan)),
        Misconception("gains exchanged", _stop(report=lambda place, taken, refused: (place, refused, taken)),
            "Your place is right. Which of the two gains belongs to the step that was taken?"),
    ),
    other_answers=(_stop_loop, _stop_with_numpy),
    hints=(
        "Begin with the gain of each step by itself: points, divided by the number of doublings in that step.",
        "How many doublings lead to 8 times the MACs? Which function gives that for any factor? Then look for the "
        "first step that brings too little. Mind the two ends: no step taken, and none refused.",
    ),
    remark="The rule looks one step ahead. If a poor step may be bad luck, buy more seeds, or look along the front.",
)

# 10.4


def fair_latency(times: list[float], warmup: int, batch: int) -> tuple[float, float, float, float]:
    """(median ms, distance of the quartiles in ms, 99th percentile in ms, images a second) from raw seconds."""
    return _fair()(times, warmup, batch)


def _percentile(values, share):
    values = sorted(values)
    place = share * (len(values) - 1)
    low = min(int(place), len(values) - 2)
    return values[low] + (place - low) * (values[low + 1] - values[low])


def _rank(values, share=0.99):
    return sorted(values)[math.ceil(share * len(values) - 1e-9) - 1]


def _other_quartiles(values):
    low, _, high = statistics.quantiles(values, n=4)
    return high - low


def _fair(cut=lambda times, warmup: times[warmup:], middle=statistics.median,
          width=lambda values: _percentile(values, 0.75) - _percentile(values, 0.25), tail=_rank, unit=1000,
          rate=lambda values, batch: batch / statistics.median(values), each=lambda batch: 1):
    def answer(times, warmup, batch):
        values = [t / each(batch) for t in cut(times, warmup)]
        return unit * middle(values), unit * width(values), unit * tail(values), rate(values, batch)

    return answer


def _fair_with_numpy(times, warmup, batch):
    import numpy as np

    ms = 1000 * np.array(times)[warmup:]
    low, middle, high = np.percentile(ms, [25, 50, 75])
    return [middle, high - low, np.percentile(ms, 99, method="inverted_cdf"), 1000 * batch / middle]


def _fair_by_statistics(times, warmup, batch):
    kept = sorted(times[warmup:])
    low, middle, high = statistics.quantiles(kept, n=4, method="inclusive")
    within = next(t for n, t in enumerate(kept, 1) if 100 * n >= 99 * len(kept))
    return middle * 1e3, (high - low) * 1e3, within * 1e3, batch / middle


def fair_cases(seed: int) -> list[Case]:
    draw = random.Random(f"10.fair {seed}")
    fixed = [([0.5, 0.010, 0.012, 0.014, 0.011, 0.030], 1, 2), ([0.3, 0.030, 0.020, 0.012, 0.011], 1, 4),
             ([0.9, 0.4, 0.021, 0.020, 0.028, 0.024, 0.050], 2, 8)]
    drawn = []
    for count in (20, 60, 100, 130, 200):
        usual, warmup, batch = draw.uniform(0.004, 0.03), draw.randint(2, 6), draw.choice([4, 8, 16, 32])
        if count == 100:  # the least number of calls of which one may be slower: few digits, to be read
            calls = [0.02] * 44 + [0.03] * 31 + [0.04] * 22 + [0.05, 0.07, 0.09]
            drawn.append(([0.4, *draw.sample(calls, count)], 1, 4))
            continue
        times = [usual * draw.uniform(2, 9) for _ in range(warmup)]
        for _ in range(count):
            slow = draw.choice([1, 1, 1, 1, 1, 1, 1, 1, draw.uniform(1.5, 2.5), draw.uniform(2, 5)])
            times.append(usual * slow * draw.uniform(0.95, 1.15))
        drawn.append(([round(t, 5) for t in times], warmup, batch))
    return [dict(warmup=w, batch=b, times=list(t)) for t, w, b in fixed + drawn]


FAIR = Exercise(
    id="10.4", title="A time that others can believe", points=5, minutes=20, difficulty="moderate",
    reference=fair_latency, cases=lambda seed: [
        {"times": c["times"], "warmup": c["warmup"], "batch": c["batch"]} for c in fair_cases(seed)],
    returns=("median", "distance of the quartiles", "99th percentile", "images a second"),
    misconceptions=(
        Misconception("warm-up kept", _fair(cut=lambda times, warmup: times),
            "Your numbers still hold the first calls, in which memory is claimed and code is chosen. How many of them "
            "were to be left out?"),
        Misconception("one call too few left out", _fair(cut=lambda times, warmup: times[warmup - 1:]),
            "One of the calls that were to be left out is still among yours."),
        Misconception("one call too many left out", _fair(cut=lambda times, warmup: times[warmup + 1:]),
            "You leave out one call more than the warm-up has."),
        Misconception("warm-up taken from the end", _fair(cut=lambda times, warmup: times[:-warmup]),
            "You leave out the last calls. Which ones are made while the machine warms up?"),
        Misconception("sorted, then cut", _fair(cut=lambda times, warmup: sorted(times)[warmup:]),
            "You put the times in order before you cut: what you throw away are the fastest calls, not the first."),
        Misconception("the slowest thrown away", _fair(cut=lambda times, warmup: sorted(times)[:-warmup]),
            "You throw away the slowest calls wherever they came. Slow calls after the warm-up did happen."),
        Misconception("mean in place of median", _fair(middle=statistics.mean),
            "Your first number moves when one single call is slow. Which summary would not?"),
        Misconception("mean, in the throughput as well",
            _fair(middle=statistics.mean, rate=lambda v, batch: batch / statistics.mean(v)),
            "Your first and last number move when one single call is slow. Which summary would not?"),
        Misconception("mean in the throughput", _fair(rate=lambda v, batch: batch / statistics.mean(v)),
            "Your times are right. Your images a second go by another middle than your first number."),
        Misconception("the slower of two in the middle",
            _fair(middle=statistics.median_high, rate=lambda v, batch: batch / statistics.median_high(v)),
            "On the case above the number of calls is even, so that two of them stand in the middle. You take the "
            "slower one."),
        Misconception("the faster of two in the middle",
            _fair(middle=statistics.median_low, rate=lambda v, batch: batch / statistics.median_low(v)),
            "On the case above the number of calls is even, so that two of them stand in the middle. You take the "
            "faster one."),
        Misconception("the fastest call", _fair(middle=min, rate=lambda v, batch: batch / min(v)),
            "You report the best call. Half of the calls were to be faster, half slower than your first number."),
        Misconception("standard deviation for the quartiles", _fair(width=statistics.stdev),
            "Your second number is ruled by the slowest calls. How far apart are the ends of the middle half?"),
        Misconception("population deviation for the quartiles", _fair(width=statistics.pstdev),
            "Your second number is ruled by the slowest calls, since it is a deviation. How far apart are the ends of "
            "the middle half?"),
        Misconception("the whole range for the quartiles", _fair(width=lambda v: max(v) - min(v)),
            "Your second number spans all calls. Only the middle half was asked for."),
        Misconception("quartiles by another rule", _fair(width=_other_quartiles),
            "Your quartiles follow another rule than the one named in the text. There are several; libraries differ."),
        Misconception("half the distance of the quartiles",
            _fair(width=lambda v: (_percentile(v, 0.75) - _percentile(v, 0.25)) / 2),
            "Your second number is half of what was asked for: from quartile to quartile, not from the middle."),
        Misconception("the slowest call for the 99th percentile", _fair(tail=max),
            "Your third number is the slowest of all calls. The case above has so many that 99 in 100 of them were "
            "done sooner."),
        Misconception("one call beyond 99 percent", _fair(tail=lambda v: sorted(v)[99 * len(v) // 100]),
            "On the case above 99 in 100 of the calls were done sooner than your third number already. It is not the "
            "least such time."),
        Misconception("99th percentile of calls that are not in order",
            _fair(tail=lambda v: v[math.ceil(0.99 * len(v) - 1e-9) - 1]),
            "Your third number is one of the last calls made, however long that took. In which order do the times "
            "have to stand?"),
        Misconception("99th percentile between two calls", _fair(tail=lambda v: _percentile(v, 0.99)),
            "Your third number lies between two calls. It was to be one that was measured: the least time within "
            "which 99 of 100 calls were done."),
        Misconception("one call short of 99 percent", _fair(tail=lambda v: sorted(v)[max(0, int(0.99 * len(v)) - 1)]),
            "Within your third number fewer than 99 of 100 calls were done."),
        Misconception("the place rounded", _fair(tail=lambda v: sorted(v)[round(0.99 * len(v)) - 1]),
            "On the case above, within your third number fewer than 99 of 100 calls were done."),
        Misconception("95th percentile", _fair(tail=lambda v: _rank(v, 0.95)),
            "More than one call in a hundred is slower than your third number."),
        Misconception("seconds", _fair(unit=1),
            "Your times are in seconds. Which unit was asked for?"),
        Misconception("the batch forgotten in the throughput", _fair(rate=lambda v, batch: 1 / statistics.median(v)),
            "Your last number is batches a second. How many images leave the network in each?"),
        Misconception("times for one image",
            _fair(each=lambda batch: batch, rate=lambda v, batch: 1 / statistics.median(v)),
            "You divide the times by the batch. All images of a batch come out together: when is the first one "
            "there?"),
        Misconception("milliseconds in the throughput",
            _fair(rate=lambda v, batch: batch / (1000 * statistics.median(v))),
            "Your last number is images for each millisecond."),
    ),
    other_answers=(_fair_with_numpy, _fair_by_statistics),
    hints=(
        "First cut the warm-up off, in the order in which the calls were made. Then sort a copy: median, quartiles and "
        "99th percentile can be read off it.",
        "For the 99th percentile count upwards through the sorted times: at which one have at least 99 percent of the "
        "calls been passed? For quartiles `numpy.percentile` is what was meant.",
    ),
    remark="With fewer than a hundred calls the 99th percentile is simply the slowest one. Who promises it has to "
           "measure for longer.",
)

# 10.5


def ensemble_lead(members: list, labels: list[int], big: list[int], small_macs: int, big_macs: int) -> tuple:
    """(members used, the ensemble's top-1, gain over the mean member, lead over the big one, low and high end)."""
    return _ensemble()(members, labels, big, small_macs, big_macs)


def _arg(values):
    return max(range(len(values)), key=values.__getitem__)


def _mean_of(rows):
    return [sum(column) / len(rows) for column in zip(*rows, strict=True)]


def _vote(rows):
    counts = [0.0] * len(rows[0])
    for row in rows:
        counts[_arg(row)] += 1
    return counts


def _ensemble(used=lambda members, small, big: min(len(members), big // small), join=_mean_of, base=None,
              error=None, factor=1.96, unit=100, sign=1, hits=lambda b, label: int(b == label), lead_by=None,
              report=lambda *values: values):
    base = base or (lambda tops: sum(tops) / len(tops))
    error = error or (lambda ours, theirs: statistics.stdev([a - b for a, b in zip(ours, theirs, strict=True)])
                      / math.sqrt(len(ours)))

    def answer(members, labels, big, small_macs, big_macs):
        count = used(members, small_macs, big_macs)
        chosen = members[:count]
        ours = [int(_arg(join([m[i] for m in chosen])) == label) for i, label in enumerate(labels)]
        theirs = [hits(b, label) for b, label in zip(big, labels, strict=True)]
        singles = [sum(_arg(row) == label for row, label in zip(m, labels, strict=True)) for m in chosen]
        right, images = sum(ours), len(labels)
        lead = sign * unit * (lead_by(ours, theirs) if lead_by else right - sum(theirs)) / images
        half = factor * unit * error(ours, theirs)
        return report(count, unit * right / images, unit * (right - base(singles)) / images, lead, lead - half,
                      lead + half)

    return answer


def _unpaired(ours, theirs):
    return math.sqrt((statistics.variance(ours) + statistics.variance(theirs)) / len(ours))


def _two_shares(ours, theirs):
    return math.sqrt((statistics.pvariance(ours) + statistics.pvariance(theirs)) / len(ours))


def _unsigned(ours, theirs):
    return statistics.stdev([abs(a - b) for a, b in zip(ours, theirs, strict=True)]) / math.sqrt(len(ours))


def _clipped(*values):
    return (*values[:4], max(-100, values[4]), min(100, values[5]))


def _rounded(digits):
    return lambda count, *values: (count, *(round(v, digits) for v in values))


def _ensemble_with_numpy(members, labels, big, small_macs, big_macs):
    import numpy as np

    p, y = np.array(members)[: big_macs // small_macs], np.array(labels)
    ours, theirs = p.sum(0).argmax(1) == y, np.array(big) == y
    difference = ours.astype(float) - theirs
    lead, half = 100 * difference.mean(), 196 * difference.std(ddof=1) / np.sqrt(len(y))
    top1 = 100 * ours.mean()
    return [len(p), top1, top1 - 100 * (p.argmax(2) == y).mean(), lead, lead - half, lead + half]


def _ensemble_by_counts(members, labels, big, small_macs, big_macs):
    count, n = 0, len(labels)
    while count < len(members) and (count + 1) * small_macs <= big_macs:
        count += 1
    totals = [[sum(m[i][c] for m in members[:count]) for c in range(len(members[0][0]))] for i in range(n)]
    ours = [_arg(row) == label for row, label in zip(totals, labels, strict=True)]
    gained = sum(a and b != y for a, b, y in zip(ours, big, labels, strict=True))
    lost = sum((not a) and b == y for a, b, y in zip(ours, big, labels, strict=True))
    lead = (gained - lost) / n
    half = 1.96 * math.sqrt((gained + lost - n * lead**2) / (n - 1) / n)
    mean = sum(_arg(m[i]) == labels[i] for m in members[:count] for i in range(n)) / n / count
    top1 = sum(ours) / n
    return (count, 100 * top1, 100 * (top1 - mean), 100 * lead, 100 * (lead - half), 100 * (lead + half))


def _answers(draw, count, images, classes):
    """Members that are fairly often right and unsure in different places, labels, and a big network's answers.

    Probabilities have two decimals, to be read; no answer of the first members' average hangs on a rounding.
    """
    while True:
        labels = [draw.randrange(classes) for _ in range(images)]
        hard = [draw.random() < 0.35 for _ in labels]
        members = []
        for _ in range(count):
            table = []
            for label, difficult in zip(labels, hard, strict=True):
                sharp = draw.choice([1.0, 1.0, 4.0])
                scores = [draw.gauss(0, 1) * sharp for _ in range(classes)]
                scores[label] += 0.6 if difficult else 2.0
                top = max(scores)
                powers = [math.exp(s - top) for s in scores]
                row = [round(p / sum(powers), 2) for p in powers[1:]]
                table.append([round(1 - sum(row), 2), *row])
            members.append(table)
        big = [label if draw.random() < (0.45 if difficult else 0.85) else draw.randrange(classes)
               for label, difficult in zip(labels, hard, strict=True)]
        sums = [sorted(map(sum, zip(*(m[i] for m in members[:n]), strict=True))) for n in range(1, count + 1)
                for i in range(images)]
        if all(row[-1] - row[-2] > 0.005 for row in sums):
            return members, labels, big


def ensemble_cases(seed: int) -> list[Case]:
    draw = random.Random(f"10.ensemble {seed}")
    small = ([[[0.9, 0.1], [0.6, 0.4], [0.7, 0.3], [0.6, 0.4]], [[0.2, 0.8], [0.1, 0.9], [0.8, 0.2], [0.3, 0.7]],
              [[0.9, 0.1], [0.7, 0.3], [0.1, 0.9], [0.1, 0.9]]], [0, 1, 0, 0], [0, 0, 0, 1], 1, 2)
    # Beyond 100 points; the budget leaves a remainder of more than a half.
    wide = ([[[0.8, 0.2], [0.7, 0.3], [0.1, 0.9]], [[0.4, 0.6], [0.2, 0.8], [0.3, 0.7]],
             [[0.1, 0.9], [0.9, 0.1], [0.2, 0.8]]], [0, 1, 1], [1, 0, 1], 3, 8)
    # Three members, of whom two are weakly right where the third is surely wrong; and one that only the big one has.
    three = ([[[0.9, 0.1], [0.4, 0.6], [0.3, 0.7], [0.8, 0.2]], [[0.3, 0.7], [0.3, 0.7], [0.6, 0.4], [0.7, 0.3]],
              [[0.25, 0.75], [0.6, 0.4], [0.2, 0.8], [0.1, 0.9]]], [1, 0, 1, 0], [0, 0, 1, 1], 2, 7)
    cases = [small, wide, three]
    for count, images, classes, one, whole in ((3, 5, 2, 2, 5), (2, 6, 3, 3, 11), (4, 6, 3, 5, 17), (3, 8, 3, 4, 8),
                                               (4, 10, 3, 10, 38), (3, 24, 4, 2, 7), (4, 40, 4, 7, 30)):
        cases.append((*_answers(draw, count, images, classes), one, whole))
    return [dict(members=m, labels=y, big=b, small_macs=s, big_macs=g) for m, y, b, s, g in cases]


ENSEMBLE = Exercise(
    id="10.5", title="Several small, or one big?", points=5, minutes=30, difficulty="hard",
    reference=ensemble_lead, cases=ensemble_cases, absolute=1e-9,
    returns=("members used", "top-1 of the ensemble", "gain over the mean member", "lead over the big one", "low",
             "high"),
    misconceptions=(
        Misconception("all members, whatever they cost", _ensemble(used=lambda members, small, big: len(members)),
            "Your ensemble uses every member there is. On the case above that costs more than the big network."),
        Misconception("rounded up", _ensemble(used=lambda members, small, big: min(len(members), -(-big // small))),
            "Your ensemble costs more than the big network: the last member no longer fits."),
        Misconception("rounded to the nearest",
            _ensemble(used=lambda members, small, big: min(len(members), round(big / small))),
            "On the case above your ensemble costs more than the big network: part of a member is paid for, and you "
            "use all of it."),
        Misconception("strictly under the budget",
            _ensemble(used=lambda members, small, big: min(len(members), (big - 1) // small)),
            "On the case above one member more would cost together exactly what the big network costs. Is that too "
            "much?"),
        Misconception("as many as the budget, not as there are",
            _ensemble(used=lambda members, small, big: big // small),
            "On the case above the budget would pay for more members than there are. Your first number counts some "
            "that do not exist."),
        Misconception("two members always", _ensemble(used=lambda members, small, big: 2),
            "You always take two members. On the case above the big network's MACs pay for more."),
        Misconception("majority vote", _ensemble(join=_vote),
            "You let each member cast one vote, the unsure one as much as the sure one. What was to be averaged?"),
        Misconception("the surest member decides",
            _ensemble(join=lambda rows: [max(c) for c in zip(*rows, strict=True)]),
            "You let the surest member decide alone. One that is sure and wrong then overrules all the others."),
        Misconception("logarithms averaged",
            _ensemble(join=lambda rows: _mean_of([[math.log(max(p, 1e-9)) for p in row] for row in rows])),
            "You average logarithms: a class that one member calls impossible can then never win. The "
            "probabilities themselves were to be averaged."),
        Misconception("the first member alone", _ensemble(join=lambda rows: rows[0]),
            "Only your first member answers. What do the others say?"),
        Misconception("gain over the best member", _ensemble(base=max),
            "Your gain is measured from the best member. Which one is best is known only afterwards; what is one "
            "member worth on average?"),
        Misconception("gain over the first member", _ensemble(base=lambda tops: tops[0]),
            "Your gain is measured from the first member. What is one member worth on average?"),
        Misconception("gain over the worst member", _ensemble(base=min),
            "Your gain is measured from the worst member, which flatters the ensemble."),
        Misconception("the lead turned round", _ensemble(sign=-1),
            "Your lead is that of the big network over the ensemble."),
        Misconception("the big network's answers taken for right and wrong", _ensemble(hits=lambda b, label: b),
            "You take what the big network answers for a list of right and wrong. These are numbers of classes: when "
            "is one of them right?"),
        Misconception("the difference without its sign", _ensemble(error=_unsigned),
            "In your interval an image that only the big network has right counts like one that only the ensemble has "
            "right. What is 0 minus 1?"),
        Misconception("the difference without its sign, in the lead as well", _ensemble(error=_unsigned,
            lead_by=lambda ours, theirs: sum(a != b for a, b in zip(ours, theirs, strict=True))),
            "An image that only the big network has right makes your ensemble's lead larger. What is 0 minus 1?"),
        Misconception("unpaired interval", _ensemble(error=_unpaired),
            "Your interval treats the two as if they had seen different images. They answered the same ones, and are "
            "often right on the same."),
        Misconception("unpaired interval, from two shares", _ensemble(error=_two_shares),
            "Your interval treats the two as if they had seen different images. They answered the same ones, and are "
            "often right on the same."),
        Misconception("divided by the number of images", _ensemble(error=lambda ours, theirs: statistics.pstdev(
            [a - b for a, b in zip(ours, theirs, strict=True)]) / math.sqrt(len(ours))),
            "Your deviation divides by the number of images. Their mean was taken from the same images: what is it "
            "divided by then?"),
        Misconception("the spread in place of the error", _ensemble(error=lambda ours, theirs: statistics.stdev(
            [a - b for a, b in zip(ours, theirs, strict=True)])),
            "With ten thousand images your interval would be as wide as with ten."),
        Misconception("divided by n, not by its root", _ensemble(error=lambda ours, theirs: statistics.stdev(
            [a - b for a, b in zip(ours, theirs, strict=True)]) / len(ours)),
            "By your interval four times the images would make it four times as narrow. Is that how the error of a "
            "mean shrinks?"),
        Misconception("cut off at 100 points", _ensemble(report=_clipped),
            "You cut your interval off at 100 points. That it reaches further says how little so few images can tell: "
            "leave it as it comes."),
        *(Misconception(f"rounded to {digits}", _ensemble(report=_rounded(digits)),
            "Your numbers are the right ones, rounded. Return them as they come.") for digits in (1, 2)),
        Misconception("two errors on each side", _ensemble(factor=2),
            "Your interval is a little too wide: two errors to either side. How many does the text ask for?"),
        Misconception("the ensemble's own interval", _ensemble(error=lambda ours, theirs: statistics.stdev(ours)
                                                               / math.sqrt(len(ours))),
            "Your interval is that of the ensemble's top-1. It takes no notice of the big network's answers."),
        Misconception("one error on each side", _ensemble(factor=1),
            "Your interval is one error wide on either side. How many were asked for?"),
        Misconception("shares, not percent", _ensemble(unit=1),
            "Your numbers are shares. Points and percent were asked for."),
    ),
    other_answers=(_ensemble_with_numpy, _ensemble_by_counts),
    hints=(
        "How many members may answer so that together they cost no more than the big network? Use the first "
        "of the list, then average their probabilities, image by image and class by class.",
        "For the interval make one number for each image: 1 if only the ensemble is right, less by 2 if only the big "
        "one is, and in between when they agree. What is asked for is the interval of those numbers' mean.",
    ),
    remark="The members must differ to help each other. And each of them had to be trained.",
)


EXERCISES = (FRONT, PEAKS, STOP, FAIR, ENSEMBLE)
