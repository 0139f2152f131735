"""A budget chooser: limits on MACs, parameters, memory and time, and what the list still has to offer."""

from collections.abc import Sequence
from typing import NamedTuple

from effnet_course import svg
from effnet_course.explorers.base import Explorer, Slider
from effnet_course.search import pareto

NONE = float("inf")
MACS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1, 1.5, 2, 3, 4, 5, 7, 10, 15, 20, 30, NONE)  # billions
PARAMS = (2, 3, 4, 5, 6, 8, 10, 15, 20, 25, 30, 40, 60, 100, NONE)  # millions
MEMORY = (1, 2, 4, 6, 8, 11, 15, 20, 30, 50, 100, NONE)  # MB
TIME = (5, 10, 15, 20, 33, 50, 75, 100, 150, 200, 300, 500, 1000, 2000, NONE)  # ms
COSTS = (("macs", "MACs", 1e9, "{:.3g} billion"), ("params", "parameters", 1e6, "{:.3g} million"),
         ("memory", "memory", 1e6, "{:.3g} MB"), ("time", "time", 1, "{:.3g} ms"))  # fmt: skip


class Offer(NamedTuple):
    """A network to choose: costs for one image, and reported top-1 in percent."""

    name: str
    newer: bool  #: trained with the newer of two recipes
    top1: float
    macs: int
    params: int
    memory: int  #: bytes of the largest set of tensors alive at one time, in evaluation
    time: float | None  #: milliseconds for one image, where recorded

    @property
    def label(self) -> str:
        return self.name + (" (newer recipe)" if self.newer else "")


class BudgetState(NamedTuple):
    limits: dict[str, float]  #: in the units of COSTS
    offers: tuple[Offer, ...]
    allowed: list[int]  #: places of those within all limits
    front: list[int]  #: of these, the ones that none beats by MACs and top-1
    best: int | None
    binding: dict[str, tuple[str, float]]  #: limit -> (best network without it, points it would bring)
    untimed: int  #: networks left out since their time is not recorded


def _within(offer: Offer, cost: str, limit: float, unit: float) -> bool:
    value = getattr(offer, cost)
    return limit == NONE or (value is not None and value / unit <= limit)


def budget_state(macs: float, params: float, memory: float, time: float, offers: tuple[Offer, ...]) -> BudgetState:
    """What is within the limits (billions, millions, MB, ms; infinity: no limit), and which limits matter."""
    limits = {"macs": macs, "params": params, "memory": memory, "time": time}

    def inside(without=None):
        return [i for i, offer in enumerate(offers)
                if all(cost == without or _within(offer, cost, limits[cost], unit) for cost, _, unit, _ in COSTS)]

    def best_of(places):
        return max(places, key=lambda i: (offers[i].top1, -offers[i].macs), default=None)

    allowed = inside()
    best = best_of(allowed)
    binding = {}
    for cost, *_ in COSTS:
        other = best_of(inside(cost)) if limits[cost] != NONE else best
        if other is not None and other != best:
            gain = offers[other].top1 - (offers[best].top1 if best is not None else 0)
            binding[cost] = offers[other].label, gain
    kept = pareto([offers[i].macs for i in allowed], [offers[i].top1 for i in allowed])
    untimed = sum(offer.time is None for offer in offers) if time != NONE else 0
    return BudgetState(limits, offers, allowed, [allowed[i] for i in kept], best, binding, untimed)


def _amount(offer: Offer, cost: str, unit: float, form: str) -> str:
    value = getattr(offer, cost)
    return "not recorded" if value is None else form.format(value / unit)


def _form(cost: str) -> tuple[str, float, str]:
    """(cost, unit, form), as `_amount` takes them."""
    return next((key, unit, form) for key, _, unit, form in COSTS if key == cost)


def budget_sentence(s: BudgetState) -> str:
    count = f"{len(s.allowed)} of {len(s.offers)} rows are within the limits"
    left_out = f" ({s.untimed} have no recorded time and are left out)" if s.untimed else ""
    names = {cost: name for cost, name, *_ in COSTS}
    if s.best is None:
        easing = [f"without the limit on {names[c]} there would be {name}" for c, (name, _) in s.binding.items()]
        return f"Nothing is within these limits{left_out}. {'; '.join(easing) or 'More than one has to be eased'}."
    best = s.offers[s.best]
    costs = f"{_amount(best, *_form('macs'))} MACs, {_amount(best, *_form('params'))} parameters, "
    costs += f"{_amount(best, *_form('memory'))} of memory"
    if best.time is not None:
        costs += f", {_amount(best, *_form('time'))}"
    matter = [f"{names[c]} (without it {name}, {gain:+.1f} points)" for c, (name, gain) in s.binding.items()]
    limited = any(limit != NONE for limit in s.limits.values())
    why = " Lifting any one limit would change nothing." if limited else " There is no limit set."
    if matter:
        why = f" What holds you back: {'; '.join(matter)}."
    return f"{count}{left_out}. Best: {best.label}, {best.top1:.1f} %, with {costs}.{why}"


def budget_picture(s: BudgetState) -> str:
    left, right, bottom, top = 52, 440, 300, 28
    x = svg.Scale(0.04, 60, left, right, log=True)  # billions
    y = svg.Scale(66, 86, bottom, top)
    marks = [
        svg.text(left, 14, "Reported top-1 against MACs", bold=True),
        svg.bottom_axis(x, bottom, "billion MACs for one image", top=top, ticks=4),
        svg.left_axis(y, left, "top-1, %", right=right, ticks=5, room=34),
    ]
    if s.limits["macs"] != NONE:
        at = x(s.limits["macs"])
        marks.append(svg.line([(at, bottom), (at, top)], svg.VERMILLION, 2, dash="5 4"))
    if s.front:
        places = [(x(s.offers[i].macs / 1e9), y(s.offers[i].top1)) for i in s.front]
        steps = [places[0]]
        for place in places[1:]:
            steps += [(place[0], steps[-1][1]), place]
        marks.append(svg.line(steps, svg.BLUE, 1.5))
    inside = set(s.allowed)
    for i, offer in enumerate(s.offers):
        shape = "circle" if offer.name.startswith("EfficientNet") else "square"
        at = x(offer.macs / 1e9), y(offer.top1)
        if i in inside:
            marks.append(svg.point(*at, svg.BLUE, shape, 4))
        else:
            marks.append(f'<g opacity="0.35">{svg.point(*at, "currentColor", shape, 3, hollow=True)}</g>')
    if s.best is not None:
        best = s.offers[s.best]
        at = x(best.macs / 1e9), y(best.top1)
        end = at[0] > 240
        marks += [svg.point(*at, svg.VERMILLION, "circle", 9, hollow=True),
                  svg.text(at[0] + (-13 if end else 13), at[1] - 8, best.label, bold=True, size=11,
                           anchor="end" if end else "start")]  # fmt: skip
    else:
        marks.append(svg.text((left + right) / 2, 160, "nothing is within these limits", anchor="middle", bold=True))
    marks += _shares(s)
    marks.append(svg.text(left, 352, ("● ", svg.BLUE), "EfficientNet, V1 or V2   ", ("■ ", svg.BLUE), "other   ",
                          "hollow, pale: outside a limit   ", ("◯ ", svg.VERMILLION), "best within", size=11))
    return svg.picture(680, 362, budget_sentence(s), *marks, title="Published networks within a budget")


def _shares(s: BudgetState) -> list[str]:
    """How much of each limit the best network uses."""
    left, width = 482, 150
    marks = [svg.text(left, 14, "Used of each limit", bold=True)]
    for line, (cost, name, unit, form) in enumerate(COSTS):
        top = 40 + 66 * line
        limit = s.limits[cost]
        marks.append(svg.text(left, top, name + (": no limit" if limit == NONE else f", at most {form.format(limit)}"),
                              size=11))
        marks.append(svg.line([(left, top + 8), (left + width, top + 8), (left + width, top + 22), (left, top + 22),
                               (left, top + 8)], opacity=0.5))
        if s.best is None:
            continue
        value = getattr(s.offers[s.best], cost)
        if value is not None and limit != NONE:
            colour = svg.VERMILLION if cost in s.binding else svg.BLUE
            marks.append(svg.bar(left, top + 8, width * min(1, value / unit / limit), 14, colour, 0.8))
        mark = "  ◀ holds you back" if cost in s.binding else ""
        marks.append(svg.text(left, top + 37, _amount(s.offers[s.best], cost, unit, form) + mark, size=11))
    return marks


def budget_explorer(rows: Sequence[tuple]) -> Explorer:
    """The explorer over these networks: tuples as `Offer` has them."""
    offers = tuple(Offer(*row) for row in rows)
    names = (("macs", "MACs, at most", MACS, "{} billion"), ("params", "Parameters, at most", PARAMS, "{} million"),
             ("memory", "Memory, at most", MEMORY, "{} MB"), ("time", "Time, at most", TIME, "{} ms"))  # fmt: skip
    sliders = tuple(Slider(name, label, values, NONE, readout) for name, label, values, readout in names)
    return Explorer(
        sliders,
        lambda macs, params, memory, time: budget_state(macs, params, memory, time, offers),
        budget_picture,
        budget_sentence,
    )


def budget(rows: Sequence[tuple], **start):
    """Lesson 10: which network is best within limits on MACs, parameters, memory and time. Returns the widget.

    rows: (name, newer recipe or not, top-1 in percent, macs, params, bytes of the peak, ms or None) for each network.
    """
    return budget_explorer(rows).view(**start)
