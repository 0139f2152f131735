"""A network's answer to an image made worse in steps, where its evidence lies, and what that costs over many."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from effnet_course import svg
from effnet_course.explorers.base import Explorer, Slider


class View(NamedTuple):
    """One image at one step: what the network makes of it."""

    image: int
    kind: str
    severity: int
    png: str  #: the picture as a data URI
    truth: str
    answers: tuple[tuple[str, float], ...]  #: the highest classes, with their softmax
    cam: tuple[tuple[float, ...], ...]  #: evidence for the highest class, rows of the map, 0 or more


class EvidenceState(NamedTuple):
    view: View
    brightest: str  #: where in words
    curve: tuple[tuple[int, float, float, float], ...]  #: recorded: severity, top-1 in percent, low, high


def _where(cam) -> str:
    top = max(max(line) for line in cam)
    if top <= 0:
        return "nowhere: nothing speaks for this class"
    row, column = next((i, j) for i, line in enumerate(cam) for j, value in enumerate(line) if value == top)

    def third(place, size, names):
        return names[min(2, int(3 * (place + 0.5) / size))]

    up, side = third(row, len(cam), ("top", "", "bottom")), third(column, len(cam[0]), ("left", "", "right"))
    return " ".join(word for word in (up, side) if word) or "the middle"


def evidence_state(image: int, kind: str, severity: int, views: dict, curves: dict) -> EvidenceState:
    """What is handed over for these settings; severity 0 is the same image for every kind."""
    view = views[image, kind if severity else "", severity]
    return EvidenceState(view, _where(view.cam), tuple(curves.get(kind, ())))


def evidence_sentence(s: EvidenceState) -> str:
    v = s.view
    how = f"{v.kind}, severity {v.severity} of 5" if v.severity else "as it is"
    name, share = v.answers[0]
    verdict = "right" if name == v.truth else f"wrong, it is {v.truth}"
    found = [row for row in s.curve if row[0] == v.severity]
    many = ""
    if found:
        _, top1, low, high = found[0]
        bounds = "" if math.isnan(low) else f" ({low:.0f} to {high:.0f})"
        many = f" Recorded over many images at this step: {top1:.0f} % right{bounds}."
    return (
        f"Image {v.image + 1}, {how}: the network says {name}, {100 * share:.0f} % sure ({verdict}). "
        f"Its evidence is brightest: {s.brightest}.{many}"
    )


def evidence_picture(s: EvidenceState) -> str:
    v, top, side = s.view, 26, 196
    left, beside, at = 8, 8 + side + 8, 8 + 2 * (side + 8) + 8
    rows, columns = len(v.cam), len(v.cam[0])
    high = max(max(line) for line in v.cam) or 1.0

    def image(x, style=""):
        return (f'<image href="{v.png}" x="{x}" y="{top}" width="{side}" height="{side}" preserveAspectRatio="none" '
                f'style="image-rendering:pixelated{style}"/>')  # fmt: skip

    marks = [
        svg.text(left, 14, "The image", bold=True), svg.text(beside, 14, "The evidence in it", bold=True),
        image(left), image(beside, ";filter:grayscale(1)"),
    ]  # fmt: skip
    cell_w, cell_h = side / columns, side / rows
    for i, line in enumerate(v.cam):
        for j, value in enumerate(line):
            if value > 0.05 * high:
                marks.append(svg.bar(beside + j * cell_w, top + i * cell_h, cell_w, cell_h, svg.VERMILLION,
                                     round(0.7 * value / high, 2)))  # fmt: skip
            if value == high:
                x, y = beside + (j + 0.5) * cell_w, top + (i + 0.5) * cell_h
                marks.append(svg.point(x, y, "#ffffff", "diamond", 8, hollow=True))
                marks.append(svg.point(x, y, "#000000", "diamond", 5, hollow=True))
    marks.append(svg.text(beside, top + side + 16, "◇ the brightest place", size=11))
    marks.append(svg.text(left, top + side + 16, f"It is: {v.truth}", size=11))
    marks.append(svg.text(at, 14, "What the network says", bold=True))
    for place, (name, share) in enumerate(v.answers):
        y = 32 + 24 * place
        right = name == v.truth
        marks += [svg.bar(at, y, 60 * share, 14, svg.BLUE if right else svg.PURPLE),
                  svg.text(at + 60 * share + 5, y + 11, f"{name}{' (true)' if right else ''} {100 * share:.0f} %",
                           size=11)]  # fmt: skip
    x, y = svg.Scale(0, 5, at + 44, 660), svg.Scale(0, 100, 246, 134)
    marks += [
        svg.text(at, 122, "Recorded: many images" + (f", {v.kind}" if v.severity and s.curve else ""), bold=True),
        svg.bottom_axis(x, 246, "severity", top=134, ticks=5),
        svg.left_axis(y, at + 44, "top-1, %", right=660, ticks=4),
    ]
    if not s.curve:
        marks.append(svg.text((at + 704) / 2, 190, "nothing recorded", anchor="middle"))
    for step, top1, low, upper in s.curve:
        if not math.isnan(low):
            marks.append(svg.line([(x(step), y(low)), (x(step), y(upper))], svg.GREEN, 2))
        here = step == v.severity
        marks.append(svg.point(x(step), y(top1), svg.GREEN, "square", 6 if here else 4, hollow=not here))
    if s.curve:
        marks.append(svg.line([(x(row[0]), y(row[1])) for row in s.curve], svg.GREEN, 1))
    return svg.picture(680, 290, evidence_sentence(s), *marks, title="Evidence in an image that is made worse")


def evidence_explorer(views: Sequence[tuple], curves: dict | None = None) -> Explorer:
    """The explorer over these views (tuples as `View`) and recorded curves: kind -> (severity, top1, low, high)."""
    rows = [View(*row) for row in views]
    table = {(v.image, v.kind if v.severity else "", v.severity): v for v in rows}
    kinds = tuple(dict.fromkeys(v.kind for v in rows if v.severity))
    images = tuple(dict.fromkeys(v.image for v in rows))
    curves = {kind: tuple(sorted(map(tuple, points))) for kind, points in (curves or {}).items()}
    return Explorer(
        (
            Slider("image", "Image", images, images[0]),
            Slider("kind", "Made worse by", kinds, kinds[0]),
            Slider("severity", "Severity", (0, 1, 2, 3, 4, 5), 0),
        ),
        lambda image, kind, severity: evidence_state(image, kind, severity, table, curves),
        evidence_picture,
        evidence_sentence,
    )


def evidence(views: Sequence[tuple], curves: dict | None = None, **start):
    """Lesson 09: what a network says of an image made worse, and why. Returns the widget.

    `views`: (image, kind, severity, PNG as a data URI, true class, ((class, softmax), ...), map) for each image and
    kind, severity 0 (once, any kind) to 5. `curves`: kind -> rows (severity, top-1 in percent, low, high).
    """
    return evidence_explorer(views, curves).view(**start)
