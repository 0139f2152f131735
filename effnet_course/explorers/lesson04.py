"""The stage table of EfficientNet-B0: turn a row, see what the network costs, and whether that is a known mistake."""

from dataclasses import replace
from functools import cache
from typing import NamedTuple

from effnet_course import cost, svg
from effnet_course.arch import B0, Architecture
from effnet_course.explorers.base import Explorer, Slider

SAME = "as in B0"
COLUMNS = (("params", "parameters"), ("macs", "MACs"), ("activations", "activations"))
TURNED = ("expand", "kernel", "stride", "channels", "repeats")


class Part(NamedTuple):
    """The stem, a stage, the head or the classifier, in the turned network and in B0."""

    name: str
    pixels: int  #: side of the map that it writes
    channels: int  #: channels that it writes
    now: cost.Layer
    b0: cost.Layer


class TableState(NamedTuple):
    stage: int | str  #: the stage that is turned, 2 to 8, or "all"
    row: str  #: its row as it is now, in words
    changes: tuple[str, ...]  #: what differs from B0, in words
    now: cost.Cost
    b0: cost.Cost
    parts: tuple[Part, ...]
    fingerprint: str  #: the known network that has these parameters and MACs, or ""


def turned(stage, stem_stride: int = 2, se: str = "input", **row) -> Architecture:
    """B0 with one row of its stage table changed (`stage` 2 to 8, as in the paper), or every row ("all")."""
    wanted = {name: value for name, value in row.items() if value != SAME}
    stages = tuple(replace(s, **wanted) if stage in ("all", n) else s for n, s in enumerate(B0.stages, 2))
    ratio, base = (0, "input") if se == "none" else (B0.se_ratio, se)
    return replace(B0, stages=stages, stem_stride=stem_stride, se_ratio=ratio, se_base=base)


@cache
def fingerprints() -> dict[tuple[int, int], str]:
    """(parameters, MACs) of B0 and of networks that are taken for it, each counted here."""
    networks = {
        "EfficientNet-B0 itself": B0,
        "the squeeze width taken from the expanded channels": turned("all", se="expanded"),
        "the squeeze width taken from the output channels": turned("all", se="output"),
        "squeeze-and-excitation left out": turned("all", se="none"),
        "a stem without its stride": turned("all", stem_stride=1),
        "a simplified B0, as some tutorials print it": turned("all", stem_stride=1, se="expanded"),
        "stage 2 expanded like the others": turned(2, expand=6),
        "every kernel 3x3": turned("all", kernel=3),
        "every kernel 5x5": turned("all", kernel=5),
        "stage 6 with a stride of 2": turned(6, stride=2),
        "stage 7 without its stride": turned(7, stride=1),
    }
    counted = {name: cost.network_cost(net) for name, net in networks.items()}
    return {(c.params, c.macs): name for name, c in counted.items()}


@cache
def _b0() -> cost.Cost:
    return cost.network_cost(B0)


def table_state(
    stage: int | str,
    expand: int | str = SAME,
    kernel: int | str = SAME,
    stride: int | str = SAME,
    channels: int | str = SAME,
    repeats: int | str = SAME,
    stem_stride: int = 2,
    se: str = "input",
) -> TableState:
    """B0 with a row of its table turned, counted by part and beside B0."""
    row = dict(zip(TURNED, (expand, kernel, stride, channels, repeats), strict=True))
    net = turned(stage, stem_stride, se, **row)
    now, b0 = cost.network_cost(net), _b0()
    written = {"stem": (-(-net.resolution // net.stem_stride), net.stem_channels), "classifier": (1, 1000)}
    for block in net.blocks():
        written[f"stage{block.stage + 2}"] = (-(-block.resolution // block.stride), block.out_channels)
    written["head"] = (written["stage8"][0], net.head_channels)
    before = b0.by_stage()
    parts = tuple(Part(name, *written[name], layer, before[name]) for name, layer in now.by_stage().items())
    where = "all stages" if stage == "all" else f"stage {stage}"
    s = net.stages[0 if stage == "all" else stage - 2]
    plain = f"expand {s.expand}, kernel {s.kernel}, stride {s.stride}, {s.channels} channels, blocks: {s.repeats}"
    said = [f"{name} {value}" for name, value in row.items() if value != SAME] if net.stages != B0.stages else []
    shown = plain if stage != "all" else f"every row {', '.join(said) or 'as in B0'}"
    changes = [f"{where}: {', '.join(said)}"] if said else []
    if stem_stride != 2:
        changes.append(f"stem stride {stem_stride}")
    if se != "input":
        changes.append("no squeeze-and-excitation" if se == "none" else f"squeeze width from the {se} channels")
    return TableState(stage, shown, tuple(changes), now, b0, parts, fingerprints().get((now.params, now.macs), ""))


def table_sentence(s: TableState) -> str:
    what = "; ".join(s.changes) or "nothing turned"
    chosen = "All stages" if s.stage == "all" else f"Stage {s.stage}"
    totals = ", ".join(f"{getattr(s.now, key):,} {words} ({change(s, key)})" for key, words in COLUMNS)
    maps = ", ".join(str(part.pixels) for part in s.parts[:-2])
    return f"{chosen}: {s.row}. B0 with {what}: {totals}. Sides of the maps, stem to stage 8: {maps}. {verdict(s)}"


def verdict(s: TableState) -> str:
    """What the totals say to someone who sees only them."""
    if s.fingerprint == "EfficientNet-B0 itself":
        return "That is EfficientNet-B0 itself." if not s.changes else "The totals are those of B0 itself."
    if s.now.params == s.b0.params:
        named = f" The fingerprint of {s.fingerprint}." if s.fingerprint else ""
        return f"The parameters are B0's to the unit: only the MACs show that something is wrong.{named}"
    return f"The fingerprint of {s.fingerprint}." if s.fingerprint else "No known fingerprint."


def change(s: TableState, key: str) -> str:
    """The change against B0, in percent."""
    now, before = getattr(s.now, key), getattr(s.b0, key)
    if now == before:
        return "as B0"
    share = 100 * (now / before - 1)
    if abs(share) >= 100:
        times = now / before
        return f"{times:,.0f} times B0" if times >= 100 else f"{times:.3g} times B0"
    return f"{share:+.1f} %" if abs(share) >= 0.1 else f"{now - before:+,}"


def table_picture(s: TableState) -> str:
    marks = []
    tops, row = 58, 17
    for number, part in enumerate(s.parts):
        y = tops + row * number
        name = f"stage {part.name[5:]}" if part.name.startswith("stage") else part.name
        pixels = f"{part.pixels} x {part.pixels} x {part.channels:,}" if part.name != "classifier" else "1,000"
        if s.stage == "all" and name.startswith("stage") or name == f"stage {s.stage}":
            marks.append(svg.text(0, y + 9, "▸", size=12, bold=True))
        marks += [
            svg.text(10, y + 9, name, size=11, bold=name == f"stage {s.stage}"),
            svg.text(165, y + 9, pixels, anchor="end", size=11),
        ]
    starts = ((180, svg.BLUE), (350, svg.VERMILLION), (520, svg.GREEN))
    for (key, words), (left, colour) in zip(COLUMNS, starts, strict=True):
        most = max(getattr(layer, key) for part in s.parts for layer in (part.now, part.b0))
        x = svg.Scale(0, most, left, left + 145)
        total = f"{getattr(s.now, key):,}" if key != "activations" else svg.amount(s.now.activations)
        marks += [
            svg.text(left, 14, words, bold=True),
            svg.text(left, 30, total, size=11),
            svg.text(left, 45, change(s, key), size=11),
        ]
        for number, part in enumerate(s.parts):
            y = tops + row * number
            now, before = x(getattr(part.now, key)), x(getattr(part.b0, key))
            marks.append(svg.bar(left, y, now - left, 10, colour, opacity=0.85))
            marks.append(svg.line([(before, y - 2), (before, y + 12)], width=2))
    said, bottom = verdict(s), tops + row * len(s.parts)
    cut = said.find(" The fingerprint")
    lines = [said] if cut < 0 or len(said) < 105 else [said[:cut], said[cut + 1 :]]
    marks += [
        svg.text(10, 14, "part", bold=True),
        svg.text(165, 14, "map it writes", anchor="end", bold=True),
        svg.line([(182, bottom + 5), (182, bottom + 17)], width=2),
        svg.text(190, bottom + 15, "B0", size=11),
        svg.text(10, bottom + 15, "▸ the row that is turned", size=11),
        svg.text(240, bottom + 15, s.row, size=11),
        *(svg.text(10, bottom + 32 + 15 * i, line, size=11, bold=bool(s.changes)) for i, line in enumerate(lines)),
    ]
    title = "What each part of the network costs, compared with B0"
    return svg.picture(680, bottom + 54, table_sentence(s), *marks, title=title)


STAGE_TABLE = Explorer(
    (
        Slider("stage", "Stage to turn", ("all", 2, 3, 4, 5, 6, 7, 8), 3),
        Slider("expand", "its expansion, e", (SAME, 1, 2, 3, 4, 6, 8), SAME),
        Slider("kernel", "its kernel, K", (SAME, 3, 5, 7), SAME),
        Slider("stride", "its stride", (SAME, 1, 2), SAME),
        Slider("channels", "its channels", (SAME, 8, 16, 24, 40, 80, 112, 192, 320, 512), SAME),
        Slider("repeats", "its blocks", (SAME, 1, 2, 3, 4, 6, 8), SAME),
        Slider("stem_stride", "Stem's stride", (2, 1), 2),
        Slider("se", "Squeeze width from", ("input", "output", "expanded", "none"), "input"),
    ),
    table_state,
    table_picture,
    table_sentence,
)


def stage_table(**values):
    """Lesson 04: a row of B0's stage table turned, its cost and the fingerprint it leaves. Returns the widget."""
    return STAGE_TABLE.view(**values)
