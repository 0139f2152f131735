"""How the capstone's board is drawn: a table and a Pareto picture of one brief's networks. Lesson 13."""

import math
from collections.abc import Sequence
from html import escape

from effnet_course import svg
from effnet_course.search import pareto


def section(brief, dataset: str, rows: list[dict], remarks: list[str]) -> tuple[str, str]:
    """One brief's part of the board: (text, HTML).

    brief: a `capstone.Brief`. rows: entries on `dataset`, best first, each with "over", the names of the limits that
    it misses. remarks: sentences below the table.
    """
    head = ["network", "int8 top-1", "test", "MACs", "parameters", "latency", "int8 bytes", "limits"]
    cells = [_cells(entry) for entry in rows]
    limits = ["limit", "", "", f"{brief.macs:,}", f"{brief.params:,}", f"{brief.latency:g} x", f"{brief.bytes:,}", ""]
    sentence = _sentence(dataset, rows)
    table = [head, *cells, limits]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    looks = [f"{side}{width}" for side, width in zip("<>>>>>><", widths, strict=True)]
    lines = ["  ".join(map(format, row, looks)).rstrip() for row in table]
    text = "\n".join([f"The {brief.key}. {sentence}", *lines, *remarks])
    return text, _html(brief, rows, sentence, table, remarks)


def _cells(entry: dict) -> list[str]:
    name = f"{entry['name']} (worked)" if "design" in entry else entry["name"]
    test = "" if entry.get("test") is None else f"{entry['test']:.1f} %"
    limits = "missed: " + ", ".join(entry["over"]) if entry["over"] else "all met"
    return [name, f"{entry['int8']:.1f} %", test, f"{entry['macs']:,}", f"{entry['params']:,}",
            f"{entry['latency']:.2f} x", f"{entry['bytes']:,}", limits]  # fmt: skip


def _html(brief, rows: list[dict], sentence: str, table: Sequence[Sequence[str]], remarks: list[str]) -> str:
    def row(cells, tag="td", style=""):
        sides = ["left", *["right"] * (len(cells) - 2), "left"]
        look = "padding:2px 8px;white-space:nowrap;text-align"
        each = [f'<{tag} style="{look}:{side}">{escape(c)}</{tag}>' for c, side in zip(cells, sides, strict=True)]
        return f'<tr style="{style}">' + "".join(each) + "</tr>"

    body = row(table[0], "th") + "".join(row(c) for c in table[1:-1]) + row(table[-1], style="font-style:italic")
    words = "".join(f"<p>{escape(remark)}</p>" for remark in remarks)
    return (f'<p><b>The {escape(brief.key)}</b></p>{_picture(brief, rows, sentence)}'
            f'<p aria-hidden="true">{escape(sentence)}</p><table>{body}</table>{words}')  # fmt: skip


def _sentence(dataset: str, rows: list[dict]) -> str:
    if not rows:
        return f"Nothing is entered yet on {dataset}."
    good = [e for e in rows if not e["over"]]
    count = f"{len(rows)} network{'s' if len(rows) > 1 else ''} on {dataset}, {len(good)} within all limits"
    if not good:
        return f"{count}."
    return f"{count}; the best of these is {good[0]['name']}, {good[0]['int8']:.1f} % in int8."


def _picture(brief, rows: list[dict], sentence: str) -> str:
    """Top-1 over the scarce cost. Filled: within all limits; hollow: not. The line joins the front of the filled."""
    if not rows:
        return ""
    cost, limit = brief.scarce, getattr(brief, brief.scarce)
    costs, tops = [e[cost] for e in rows], [e["int8"] for e in rows]
    low, high = min(*costs, limit) / 2.5, max(*costs, limit) * 2.5
    bottom = max(0, math.floor(min(tops) / 10) * 10 - 5)
    x = svg.Scale(low, high, 62, 620, log=True)
    y = svg.Scale(bottom, min(100, math.ceil(max(tops) / 5) * 5 + 5), 250, 24)
    label = {"macs": "MACs for an image", "latency": "time for an image, in NANO's", "bytes": "bytes in int8"}[cost]
    marks = [svg.bottom_axis(x, 250, label, top=24), svg.left_axis(y, 62, "int8 top-1, %", right=620)]
    marks += [svg.line([(x(limit), 250), (x(limit), 24)], svg.VERMILLION, 2, dash="5 4"),
              svg.text(x(limit), 16, ("limit", svg.VERMILLION), anchor="middle", size=11)]  # fmt: skip
    good = [e for e in rows if not e["over"]]
    front = [good[i] for i in pareto([e[cost] for e in good], [e["int8"] for e in good])]
    marks.append(svg.line([(x(e[cost]), y(e["int8"])) for e in front], svg.GREEN, 2, opacity=0.7))
    for e in rows:
        own, hollow = "design" not in e, bool(e["over"])
        at, height = x(e[cost]), y(e["int8"])
        shape, colour = ("circle", svg.BLUE) if own else ("square", svg.PURPLE)
        marks.append(svg.point(at, height, colour, shape, hollow=hollow))
        beside_limit = 0 <= x(limit) - at < 80
        anchor = "start" if at < 150 else "end" if at > 530 or beside_limit else "middle"
        marks.append(svg.text(at, height - 10, e["name"], anchor=anchor, size=11))
    key = [("circle", svg.BLUE, "yours"), ("square", svg.PURPLE, "worked")]
    used = [row for row, there in zip(key, (any("design" not in e for e in rows), any("design" in e for e in rows)),
            strict=True) if there]  # fmt: skip
    marks.append(svg.legend(70, 300, used))
    marks.append(svg.text(150, 300, "filled: within all limits; hollow: not. Left and up is better.", size=11))
    return svg.picture(640, 325, sentence, *marks, title=f"The board of the {brief.key}")
