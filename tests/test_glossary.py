"""Every term leads to where it is explained, every bold term of a lesson is there, and no symbol comes early."""

import json
import re
from collections import Counter
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).resolve().parents[1]
GLOSSARY = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
LESSONS = sorted((ROOT / "notebooks").glob("[01]?_*.ipynb"))
GREEK = ("alpha", "beta", "gamma", "phi")

# Bold in a lesson, and yet no term: a sentence to remember, a number, one word that is stressed, the head of a list.
NO_TERMS = {
    "00": "nothing is asserted; a wrong answer teaches; a slider answers at once; it runs where you are",
    "01": "macs of a convolution; parameters of a convolution",
    "02": "expand, then bend; never bend where it is narrow; random; + image; training; evaluation; momentum; eps; "
    "running; the input is added if, and only if, the stride is 1 and the channels in and out are equal",
    "03": "se's weights are the share s of the two 1x1 layers' weights",
    "04": "first; 5,288,548; 385,814,752; epsilon; keras' count; first weights; padding",
    "05": r"macs grow like $d\,w^2\,r^2$; plain; norm; residual; both; points gained per doubling",
    "06": r"rounded up; b1 and b2 are equally deep; not; $\gamma$ is not in them; 75.6; 77.4; 78.8; 81.1",
    "07": "optional: more runs; standard error",
    "08": "reference; keep the label; mixed",
    "09": "statistics",
    "10": "warms up; repeats; takes turns; says; a deadline; many images at once; 39 % more images a second",
    "11": "channels; hidden; between blocks; se",
    "12": "the sign; the unit; usual; mnasnet's controller; oldest; not",
    "13": "at equal cost?; with the same recipe?; which cost?; does it hold elsewhere?; how sure?",
}


def headings(notebook: Path) -> dict[str, int]:
    """A notebook's headings as JupyterLab and GitHub link to them, each with its cell."""
    found = {}
    for number, (kind, text) in enumerate(cells(notebook)):
        for line in text.splitlines() if kind == "markdown" else []:
            if re.match(r"#+ ", line):
                found[re.sub(r"[*`]", "", line.lstrip("# ")).strip().replace(" ", "-")] = number
    return found


@cache
def cells(notebook: Path) -> list[tuple[str, str]]:
    found = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return [(cell["cell_type"], "".join(cell["source"])) for cell in found]


def rows() -> list[list[str]]:
    """The rows of every table: term, Chinese, what it is, where; in the notation the first two are swapped with it."""
    lines = [line for line in GLOSSARY.splitlines() if line.startswith("|") and not line.startswith("|---")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def entries() -> list[list[str]]:
    return [row for row in rows() if row[0] not in ("term", "symbol")]


def links() -> list[tuple[str, str, str]]:
    """(first cell of the row, notebook, anchor); what stands in the brackets is the lesson's number."""
    link = re.compile(r"^\[(?=(\d\d)\])..\]\(\.\./(?=notebooks/\1_)([^#)]+)#([^)]+)\)$")
    return [(row[0], *found.groups()[1:]) for row in entries() if (found := link.search(row[3]))]


def symbols() -> dict[str, tuple[str, int]]:
    """Each symbol of the notation table: the lesson and the cell where it is defined."""
    table = GLOSSARY.split("## Notation")[1].split("\n## ")[0]
    found = {}
    for symbol, path, anchor in links():
        if f"\n| {symbol} |" in table:
            found[symbol] = (Path(path).name[:2], headings(ROOT / path)[unquote(anchor)])
    return found


def test_every_row_has_a_term_its_chinese_a_sentence_and_a_link():
    assert len(entries()) > 90 and len(links()) == len(entries())
    for row in entries():
        assert len(row) == 4 and all(row), row
    notation = GLOSSARY.split("## Notation")[1].split("\n## ")[0]
    for row in entries():
        chinese = row[2] if f"\n| {row[0]} |" in notation else row[1]
        untranslated = {"EfficientNet-Lite"}
        assert re.search(r"[\u4e00-\u9fff]", chinese) or row[0] in untranslated, row


def test_no_term_stands_there_twice():
    assert [term for term, count in Counter(row[0].lower() for row in entries()).items() if count > 1] == []


@pytest.mark.parametrize(("term", "path", "anchor"), links(), ids=lambda value: value[:30])
def test_every_link_leads_to_a_heading_that_is_there(term, path, anchor):
    assert (ROOT / path).exists(), f"{term}: there is no {path}"
    assert unquote(anchor) in headings(ROOT / path), f"{term}: no such heading in {path}"


def normal(words: str) -> str:
    """Lower case, without the full stop at the end and without a plural s."""
    return words.lower().strip(" .,:;").removesuffix("s")


def forms(term: str) -> set[str]:
    """Every way a term is written: whole, what is in its brackets, what stands between its commas, its first word."""
    found = set()
    inside = re.findall(r"\(([^)]*)\)", term)
    outside = re.sub(r"\s*\([^)]*\)", "", term)
    for part in [outside, *inside]:
        pieces = re.split(r", | and ", part)
        for piece in (part, *pieces):
            short = re.sub(r" (convolution|images|mbconv|interval|spread)$", "", piece.lower())
            found |= {normal(piece), normal(short)}
    return found


def known() -> set[str]:
    found = {form for row in entries() for form in forms(row[0])}
    return found | {normal(w) for w in ("share", "expand", "test", "mac")}


def section(notebook: Path, anchor: str) -> str:
    """Markdown and code from a heading to the next one that is not below it."""
    found, level = [], 0
    for kind, text in cells(notebook):
        for line in text.splitlines():
            heading = re.match(r"(#+) ", line) if kind == "markdown" else None
            if heading and level and len(heading[1]) <= level:
                return "\n".join(found)
            if heading and re.sub(r"[*`]", "", line.lstrip("# ")).strip().replace(" ", "-") == anchor:
                level = len(heading[1])
            if level:
                found.append(line)
    return "\n".join(found)


SAID_AS = {"running statistics": "running mean"}


@pytest.mark.parametrize(("term", "path", "anchor"), links(), ids=lambda value: value[:30])
def test_where_a_link_leads_the_term_is_spoken_of(term, path, anchor):
    """One form of it, by the beginnings of its words: a fold of norms is there as `Fold the norms`."""
    text = re.sub(r"[*\s]+", " ", section(ROOT / path, unquote(anchor)).lower())
    said = [re.findall(r"[\w']+", form) for form in forms(SAID_AS.get(term, term)) | {term.lower()}]
    assert any(words and all(word[:5] in text for word in words) for words in said), f"{term}: not under {anchor}"


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)
def test_every_term_that_a_lesson_sets_in_bold_is_in_the_glossary(lesson):
    terms, apart = known(), {normal(w) for w in NO_TERMS.get(lesson.name[:2], "").split("; ")}
    missing = []
    for kind, text in cells(lesson):
        for bold in re.findall(r"\*\*([^*\n]+)\*\*", text) if kind == "markdown" else []:
            if not bold.startswith("You ") and normal(bold) not in terms | apart:
                missing.append(bold)
    assert not missing, f"{lesson.name}: add these to docs/glossary.md, or to NO_TERMS: {missing}"


def used(text: str) -> set[str]:
    """The symbols in a piece of markdown: in formulas, in code marks, set in italics; Greek ones as words, too."""
    formulas = re.findall(r"\$\$(.+?)\$\$|\$([^$\n]+)\$", text, flags=re.S)
    maths = " ".join(first or second for first, second in formulas)
    plain = re.sub(r"\\(text|mathrm|operatorname)\{[^}]*\}", " ", maths)
    found = set(re.findall(r"\\(?:var)?(alpha|beta|gamma|phi)\b", plain))
    plain = re.sub(r"\\[A-Za-z]+", " ", plain)
    found |= set(re.findall(r"(?<![A-Za-z])([dwresKCH])(?![A-Za-z'])", plain))
    found |= set(re.findall(r"(?<![*\w])\*([dwres])\*(?![*\w])", text)) | set(re.findall(r"`([dwres])`", text))
    words = re.sub(r"`[^`]*`|\$[^$]*\$|\]\([^)]*\)", " ", text)
    return found | {w for w in GREEK if re.search(rf"\b{w}\b", words) or f"`{w}`" in text}


def too_early(notebooks: list[Path], defined: dict[str, tuple[str, int]]) -> list[tuple[str, int, str]]:
    """(lesson, cell, symbol) wherever a symbol stands before its definition.

    A lesson's first cell may name what it will explain.
    """
    found = []
    for notebook in notebooks:
        lesson = notebook.name[:2]
        for number, (kind, text) in enumerate(cells(notebook)):
            if kind == "markdown" and number > 0:
                found += [(lesson, number, symbol) for symbol in sorted(used(text) & defined.keys())
                          if (lesson, number) < defined[symbol]]  # fmt: skip
    return found


def test_no_symbol_is_used_before_it_is_defined():
    assert too_early(LESSONS, symbols()) == []


def test_the_notation_table_has_every_symbol_of_the_course():
    assert set(symbols()) == {*"KCHesdwr", *GREEK}


def test_a_symbol_is_found_however_it_is_written():
    assert used(r"so $d = \alpha^\varphi$ and *e* is `s`") == {"d", "alpha", "phi", "e", "s"}
    assert used(r"$$C \cdot K^2$$, $\text{read}\,x$, `depth`, 2e5, a `w_1`, **e**") == {"C", "K"}
    assert used("With gamma it is `beta`.") == {"gamma", "beta"}


def test_a_symbol_that_comes_early_is_found(tmp_path):
    for name, texts in {"01_a": ["# 01", "Take $r$ pixels."], "02_b": ["# 02", "## Here", "now $r$"]}.items():
        page = {"cells": [{"cell_type": "markdown", "source": [text]} for text in texts]}
        (tmp_path / f"{name}.ipynb").write_text(json.dumps(page))
    assert too_early(sorted(tmp_path.glob("*.ipynb")), {"r": ("02", 1)}) == [("01", 1, "r")]
