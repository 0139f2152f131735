"""For everyone: pictures have words, headings are in order, colours are told apart by colour-blind readers, and nothing
is said by colour or a sign alone. What a browser shows of it is looked at in test_book.py.
"""

import html
import inspect
import json
import re
from itertools import combinations
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from effnet_course import figures, svg
from effnet_course.figures import base

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted(path for kind in ("notebooks", "exercises", "solutions") for path in (ROOT / kind).glob("*.ipynb"))
WRITTEN = sorted((ROOT / "source").rglob("*.py")) + sorted((ROOT / "effnet_course").rglob("*.py"))
WRITTEN += sorted((ROOT / "effnet_course/questions").glob("*.toml")) + sorted((ROOT / "docs").rglob("*.md"))
WRITTEN += [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]

# Machado, Oliveira and Fernandes, "A Physiologically-based Model for Simulation of Color Vision Deficiency", 2009:
# what a reader without one kind of cone sees of linear red, green and blue.
SIGHT = {
    "usual": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritanopia": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}
LIVE = {"blue": svg.BLUE, "vermillion": svg.VERMILLION, "green": svg.GREEN, "purple": svg.PURPLE}
STATIC = {name: getattr(base, name) for name in ("BLUE", "ORANGE", "GREEN", "PINK", "YELLOW", "SKY")}
TOLD_APART = 15
"""CIE76 distance: 2.3 is just noticed side by side; this many is told apart at a glance in two small marks."""


def linear(colour: str) -> list[float]:
    """Red, green and blue from 0 to 1, in proportion to light (IEC 61966-2-1)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    return [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]


def seen(colour: str, sight: str) -> list[float]:
    light = linear(colour)
    return [min(1, max(0, sum(w * p for w, p in zip(row, light, strict=True)))) for row in SIGHT[sight]]


def lab(light: list[float]) -> list[float]:
    """CIE L*a*b* under D65."""
    rows = ((0.4124564, 0.3575761, 0.1804375), (0.2126729, 0.7151522, 0.0721750), (0.0193339, 0.1191920, 0.9503041))
    white = (0.95047, 1, 1.08883)
    xyz = [sum(w * p for w, p in zip(row, light, strict=True)) / n for row, n in zip(rows, white, strict=True)]
    x, y, z = (t ** (1 / 3) if t > 216 / 24389 else (24389 / 27 * t + 16) / 116 for t in xyz)
    return [116 * y - 16, 500 * (x - y), 200 * (y - z)]


def distance(one: str, other: str, sight: str) -> float:
    pairs = zip(lab(seen(one, sight)), lab(seen(other, sight)), strict=True)
    return sum((a - b) ** 2 for a, b in pairs) ** 0.5


def contrast(one: str, other: str) -> float:
    """WCAG 2: from 1 to 21."""
    weights = (0.2126, 0.7152, 0.0722)
    low, high = sorted(sum(w * p for w, p in zip(weights, linear(c), strict=True)) for c in (one, other))
    return (high + 0.05) / (low + 0.05)


def test_the_measure_itself():
    assert distance("#ffffff", "#000000", "usual") == pytest.approx(100, abs=0.01)
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    # What the palette is there to avoid: matplotlib's red and green, equal to one reader in twenty.
    assert distance("#2ca02c", "#d62728", "usual") > 100
    assert distance("#8c9a2c", "#c08a28", "deuteranopia") < TOLD_APART


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize("palette", [LIVE, STATIC], ids=["live", "static"])
def test_colours_are_told_apart_by_colour_blind_readers(palette, sight):
    found = {pair: distance(palette[pair[0]], palette[pair[1]], sight) for pair in combinations(palette, 2)}
    nearest = min(found, key=found.get)
    assert found[nearest] >= TOLD_APART, f"{nearest} are {found[nearest]:.1f} apart"


@pytest.mark.parametrize("page", ["#ffffff", "#121212", "#111111"])
@pytest.mark.parametrize("colour", LIVE)
def test_a_mark_is_seen_on_a_light_and_on_a_dark_page(colour, page):
    assert contrast(LIVE[colour], page) >= 3


def test_every_figure_is_a_picture_with_words():
    for name in figures.__all__:
        made = getattr(figures, name)
        if inspect.isfunction(made):
            returned = inspect.signature(made).return_annotation
            assert returned in (base.Picture, "Picture"), f"figures.{name} returns {returned}"


def test_a_figure_hands_its_words_to_the_page_and_to_a_terminal():
    words = 'a < b & "c"'
    made = base.Picture(Figure((1, 1)), words)
    assert html.unescape(re.search(r'<img [^>]*alt="([^"]*)"', made._repr_html_())[1]) == words == repr(made)


WITHOUT_WORDS = re.compile(r"""!\[\s*\]|<img(?![^>]*\balt=["'][^"'>]*\w)""")


@pytest.mark.parametrize(("text", "found"), [
    ("![](a.png)", True), ("![ ](a.png)", True), ("![][a]", True), ("![a curve](a.png)", False),
    ("<img src='a.png'>", True), ('<img alt="" src="a.png">', True), ('<img src="a.png" alt="a curve">', False),
])  # fmt: skip
def test_a_picture_without_words_is_found(text, found):
    assert bool(WITHOUT_WORDS.search(text)) == found


@pytest.mark.parametrize("path", [path for path in WRITTEN if path.suffix == ".md"], ids=lambda path: path.stem)
def test_pictures_of_a_document_carry_words(path):
    assert not WITHOUT_WORDS.search(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: f"{path.parent.name}/{path.stem[:2]}")
def test_pictures_of_a_notebook_carry_words_and_its_headings_are_in_order(path):
    cells = json.loads(path.read_text())["cells"]
    for cell in cells:
        text = "".join(cell["source"])
        if cell["cell_type"] == "code":
            drawn = re.findall(r"\bplt\.|\.imshow\(|\bdisplay\(Image|matplotlib|<img|<svg", text)
            assert not drawn, f"{drawn}: draw it by a function of effnet_course.figures, which gives it words"
        else:
            assert not WITHOUT_WORDS.search(text), "a picture without words"
    prose = "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    prose = re.sub(r"(?ms)^```.*?^```", "", prose)
    levels = [len(found) for found in re.findall(r"(?m)^(#+) ", prose)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in zip(levels, levels[1:], strict=False)), levels


def test_no_sign_stands_for_a_word():
    signs = re.compile("[\U0001f000-\U0001faff\u2600-\u27bf\u2b50\u2b55\ufe0f]")
    for path in WRITTEN:
        text = path.read_text()
        if path.name == "asking.py":  # a tick and a cross on a button, beside "right" and "not this one"
            assert '"right"' in text and '"not this one"' in text
            text = text.replace("✓", "").replace("✗", "")
        assert signs.findall(text) == [], path.relative_to(ROOT)
