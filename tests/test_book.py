"""The book: what stands in the place of widgets, and what a reader sees in a browser.

`make book` builds it; `make test-book` runs the tests marked `book`, which look at every page of build/book/html.
"""

import functools
import html.parser
import json
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "book"))

import make_book  # noqa: E402
import printed  # noqa: E402

from effnet_course import explorers  # noqa: E402

LIVE = {"first_slider": (), "convolution": (), "mbconv": (), "stage_table": (), "compound": ()}


@pytest.fixture(autouse=True)
def widgets_come_back(monkeypatch):
    monkeypatch.setattr(explorers.Explorer, "view", explorers.Explorer.view)


# ---- in the place of widgets ----


def explorer_of(name: str) -> tuple:
    explorers.Explorer.view = printed._held
    return getattr(explorers, name)()


@pytest.mark.parametrize("name", LIVE)
def test_an_explorer_becomes_its_picture_its_sentence_and_a_table(name):
    explorer, given = explorer_of(name)
    page = printed.explorer_html(explorer, given, printed.call_text(name, (), {}))
    picture, sentence = explorer.static(**given)
    assert picture in page
    tree = ET.fromstring(page.replace("<br>", "<br/>"))
    assert tree.findtext("p") == sentence
    data = json.loads(tree.findtext("script").replace("<\\/", "</"))
    assert data["call"]["name"] == name
    assert [len(s["texts"]) for s in data["sliders"]] == [len(s.values) for s in explorer.sliders]
    assert [s["texts"][s["start"]] for s in data["sliders"]] == [s.readout.format(s.start) for s in explorer.sliders]
    rows = tree.findall(".//tr")[1:]
    labels = [row.find("td").text for row in rows]
    assert {s.label: labels.count(s.label) for s in explorer.sliders} == {
        s.label: min(len(s.values), printed.ROWS) for s in explorer.sliders
    }
    assert all(len(row.findall("td")[2].text) > 20 for row in rows)


@pytest.mark.parametrize("name", LIVE)
def test_the_browser_s_answer_is_what_the_explorer_shows(name, monkeypatch):
    monkeypatch.setattr(printed, "_made", {})
    explorer, _ = explorer_of(name)
    for places in ([0] * len(explorer.sliders), [len(s.values) - 1 for s in explorer.sliders]):
        request = {"box": 0, "call": printed.call_text(name, (), {}), "places": places}
        got = json.loads(printed.answer(json.dumps(request)))
        values = {s.name: s.values[place] for s, place in zip(explorer.sliders, places, strict=True)}
        assert (got["picture"], got["sentence"]) == explorer.static(**values)


def test_a_call_crosses_to_the_browser_as_text_if_its_arguments_are_plain_data():
    import numpy

    rows = [("a", 1, numpy.float64(0.5), None, True)]
    call = printed.call_text("budget", (rows,), {"noise": numpy.arange(2)})
    assert call == {"name": "budget", "args": "([('a', 1, 0.5, None, True)],)", "values": "{'noise': [0, 1]}"}
    assert printed.call_text("budget", (object(),), {}) is None
    assert printed.call_text("budget", (float("nan"),), {}) is None, "an explorer that stays a picture"


def test_a_question_opens_on_what_each_choice_implies():
    choices = [{"text": "Yes < no", "why": "Because & so.", "correct": True}, {"text": "No", "why": "Not so."}]
    page = printed.question_html({"text": "Is it?", "choices": choices}, 2)
    assert "<b>2. Is it?</b>" in page and page.count("<details") == 2
    assert "<summary>A. Yes &lt; no</summary><p><b>A: right.</b> Because &amp; so.</p>" in page
    assert "<summary>B. No</summary><p><b>B: not this one.</b> Not so.</p>" in page


def test_what_runs_in_the_browser_needs_the_standard_library_only():
    code = "import sys; sys.path.insert(0, 'book'); import printed; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    before = subprocess.run([sys.executable, "-c", "import sys; print(*sys.modules)"], capture_output=True, text=True)
    loaded = {name.split(".")[0] for name in set(done.stdout.split()) - set(before.stdout.split())}
    assert loaded - set(sys.stdlib_module_names) == {"effnet_course", "printed"}


def test_the_light_modules_are_the_explorers_and_what_they_compute_with():
    names = {path.relative_to(ROOT / "effnet_course").as_posix() for path in make_book.light_modules()}
    assert {"__init__.py", "arch.py", "cost.py", "svg.py", "explorers/__init__.py", "explorers/base.py"} <= names
    assert {f"explorers/{path.name}" for path in (ROOT / "effnet_course/explorers").glob("*.py")} <= names
    assert not names & {"model.py", "data.py", "train.py", "authoring.py", "checking.py"}


def test_the_first_cell_of_a_page_is_not_shown_and_the_rest_is(tmp_path):
    path = next((ROOT / "notebooks").glob("01_*.ipynb"))
    made, given = json.loads(make_book.page(path)), json.loads(path.read_text())
    assert [cell["source"] for cell in made["cells"]] == [cell["source"] for cell in given["cells"]]
    tagged = [cell for cell in made["cells"] if "remove-cell" in cell["metadata"].get("tags", [])]
    assert len(tagged) == 1 and "importlib.util" in "".join(tagged[0]["source"])


def test_the_first_page_lists_every_lesson_and_every_sheet():
    listed = {k: [f"{k}/{p.stem}" for p in sorted((ROOT / k).glob("*.ipynb"))] for k in ("notebooks", "exercises")}
    text = make_book.index(listed)
    assert "{lessons}" not in text
    for names in listed.values():
        assert all(re.search(rf"(?m)^{name}$", text) for name in names)
    assert text.count("| [") == len(listed["notebooks"])
    assert "| [02 MBConv](notebooks/02_mbconv.ipynb) | Why expand before you filter? | " in text


def test_a_document_links_to_headings_of_the_lessons_that_are_in_the_book():
    text = "[07](../notebooks/07_x.ipynb#The-winner's-curse:-one) [08](../notebooks/08_x.ipynb#A) [here](data.md)"
    made = make_book.document(text, ["notebooks/07_x"])
    assert made == "[07](../notebooks/07_x.ipynb#the-winners-curse-one) 08 [here](data.md)"


def test_a_progress_bar_leaves_nothing_on_the_page(capsys):
    bar = printed._unseen(pytest.importorskip("tqdm").std.tqdm)(total=2, disable=False)
    bar.update()
    bar.set_postfix_str("loss 1")
    bar.close()
    assert bar.disable and capsys.readouterr().err == ""


def test_what_a_cell_prints_comes_whole(monkeypatch, tmp_path):
    nbclient, v4 = pytest.importorskip("nbclient"), pytest.importorskip("nbformat").v4
    monkeypatch.setattr(make_book, "BUILD", tmp_path)
    monkeypatch.setenv("JUPYTER_PATH", str(make_book.kernel()))
    cell = v4.new_code_cell("import time\nprint('a', end='')\ntime.sleep(0.5)\nprint()\nprint('b')")
    nbclient.NotebookClient(v4.new_notebook(cells=[cell]), kernel_name="python3").execute()
    assert [output.text for output in cell.outputs] == ["a\nb\n"]


def test_the_book_s_packages_are_pinned_from_below_and_no_address_is_written_down():
    for line in (ROOT / "book/requirements.txt").read_text().splitlines():
        assert line.startswith("#") or re.fullmatch(r"[\w-]+>=[\d.]+", line)
    wanted = json.loads((ROOT / "book/package.json").read_text())["dependencies"]
    assert all(re.fullmatch(r"[\d.]+", version) for version in wanted.values())
    for path in (ROOT / "book").rglob("*"):
        if path.is_file() and path.suffix in (".py", ".js", ".css", ".json", ".txt"):
            found = re.findall(r"https?://(?!127\.0\.0\.1|www\.w3\.org/)\S+", path.read_text())
            assert found == [], path


# ---- in a browser ----

HTML = ROOT / "build/book/html"
PAGES = sorted(p.relative_to(HTML).as_posix() for p in HTML.rglob("*.html") if "_static" not in p.parts)
SIZES = {"desk": (1280, 900), "phone": (390, 844)}
looks = [pytest.mark.slow, pytest.mark.book,
         pytest.mark.skipif(not PAGES, reason="there is no book yet: make book")]  # fmt: skip
SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
FORMULAS = """async () => {
    await window.MathJax?.startup?.promise;
    const found = [...document.querySelectorAll(".math:not(:has(mjx-container)), [data-mjx-error]")]
        .map(m => m.outerHTML);
    const words = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (words.nextNode()) {
        const { data, parentElement } = words.currentNode;
        if (data.includes("$") && !parentElement.closest("pre, code, script, .math")) found.push(data);
    }
    return found;
}"""
BACKGROUNDS = "[...new Set([...document.querySelectorAll('.text_html')].map(e => getComputedStyle(e).backgroundColor))]"
AXE = ROOT / "build/book/npm/node_modules/axe-core/axe.min.js"


class Links(html.parser.HTMLParser):
    """The links, ids and pictures of a page."""

    def __init__(self, text: str):
        super().__init__()
        self.links, self.ids, self.pictures = [], set(), []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        if tag == "a" and found.get("href"):
            self.links.append(found["href"])
        if tag == "img":
            self.pictures.append(found)
        if found.get("id"):
            self.ids.add(found["id"])


@functools.cache
def links(path: Path) -> Links:
    return Links(path.read_text())


def marked(function):
    for mark in looks:
        function = mark(function)
    return function


@pytest.fixture(scope="module")
def site():
    handler = functools.partial(SimpleHTTPRequestHandler, directory=HTML)
    SimpleHTTPRequestHandler.log_message = lambda *_: None
    SimpleHTTPRequestHandler.extensions_map[".mjs"] = "text/javascript"
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="looks with a browser: pip install playwright")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()


@pytest.fixture
def visit(browser, site):
    """Open a page; what went wrong while it was open is asserted to be nothing at the end."""
    found, contexts = [], []

    def start(path: str, size: str = "desk", scheme: str = "light"):
        width, height = SIZES[size]
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        context.set_default_timeout(120_000)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda m: found.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: found.append(str(error)))
        page.on("request", lambda r: None if r.url.startswith((site, "data:", "blob:")) else found.append(r.url))
        page.on("response", lambda r: found.append(f"{r.status} {r.url}") if r.status >= 400 else None)
        page.goto(f"{site}/{path}", wait_until="load")
        page.wait_for_timeout(300)
        return page

    yield start
    for context in contexts:
        context.close()
    assert found == []


@marked
@pytest.mark.parametrize("path", PAGES)
def test_links_lead_somewhere_and_pictures_have_words(path):
    page = links(HTML / path)
    for link in page.links:
        if re.match(r"[a-z]+:", link):
            continue
        target, _, part = link.partition("#")
        file = ((HTML / path).parent / target).resolve() if target else HTML / path
        assert file.exists(), link
        assert not part or file.suffix != ".html" or part in links(file).ids, link
    assert [p for p in page.pictures if len(p.get("alt", "")) < 20] == []
    text = (HTML / path).read_text()
    assert "jupyter.widget" not in text, "a widget that printed.py has nothing for"
    assert "output stderr" not in text, "what a library logged"


RULES = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21aa", "best-practice"]},
    "rules": {"region": {"enabled": False}},  # the theme's own bars are in no landmark
}


def problems(page) -> list[str]:
    """What axe finds: contrast, labels, headings in order, alt text, roles."""
    result = page.evaluate("rules => axe.run(document, rules)", RULES)
    return [
        f"{found['id']}: {node['target']} {node['html'][:160]} {node['any'][0]['message'][:160] if node['any'] else ''}"
        for found in result["violations"]
        for node in found["nodes"][:3]
    ]


@marked
@pytest.mark.parametrize("path", PAGES)
def test_a_page_opens_fits_and_can_be_read_by_everyone(visit, path):
    page = visit(path)
    assert page.evaluate(FORMULAS) == [], "a formula that is not drawn"
    page.evaluate(AXE.read_text())
    for size, scheme in (("desk", "light"), ("desk", "dark"), ("phone", "dark")):
        width, height = SIZES[size]
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme=scheme)
        page.wait_for_timeout(500)
        assert page.evaluate("document.documentElement.dataset.theme") == scheme
        assert page.evaluate(SIDEWAYS) <= 1, f"the page scrolls sideways on a {size}"
        assert set(page.evaluate(BACKGROUNDS)) <= {"rgba(0, 0, 0, 0)"}, "an output that is no part of the page"
        assert problems(page) == [], (size, scheme)


LESSONS = [path for path in PAGES if path.startswith("notebooks/")]
LIVE_PAGES = [path for path in LESSONS if "printed-explorer" in (HTML / path).read_text()]


@marked
@pytest.mark.parametrize("path", LIVE_PAGES)
def test_every_slider_moves_its_picture_from_the_keyboard(visit, path):
    page = visit(path)
    box = page.locator(".printed-explorer")
    assert box.count() == 1
    box.scroll_into_view_if_needed()
    page.wait_for_selector(".printed-explorer[data-state=ready]", timeout=60_000)
    sliders = box.locator("input[type=range]")
    assert sliders.count() >= 1

    def moves(number: int) -> bool:
        slider = sliders.nth(number)
        slider.focus()
        seen = {box.locator("svg.explorer").get_attribute("aria-label")}
        for key in ("Home", "End", "ArrowLeft"):
            page.keyboard.press(key)
            page.wait_for_timeout(400)
            seen.add(box.locator("svg.explorer").get_attribute("aria-label"))
            assert slider.get_attribute("aria-valuetext") == slider.locator("xpath=../output").inner_text()
        assert box.locator(".explorer-sentence").inner_text().strip()
        return len(seen) >= 2

    still = [number for number in range(sliders.count()) if not moves(number)]
    # what one slider changes can hang on another: no kind of corruption shows at severity 0
    assert [number for number in still if not moves(number)] == [], "sliders that change nothing"


@marked
def test_the_search_finds_a_word_of_a_lesson(visit):
    page = visit("search.html?q=EfficientNet")
    page.locator("#search-results li a").first.click(timeout=20_000)
    page.wait_for_url(lambda url: "search.html" not in url)
    assert "efficientnet" in page.locator("article").inner_text().lower()


@marked
def test_a_page_is_walked_through_by_keyboard_alone(visit):
    page = visit("index.html")
    reached = []
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.textContent.trim().slice(0, 40)"))
    assert "skip" in reached[0].lower(), "the first stop jumps over the navigation"
    assert any(re.match(r"\d\d · ", words) for words in reached), "a lesson"
    seen = "(s => s.outlineStyle != 'none' || s.boxShadow != 'none')(getComputedStyle(document.activeElement))"
    assert page.evaluate(seen), "where the keyboard is can be seen"


if os.environ.get("EFFNET_SHOTS"):  # a folder: five pages on a desk and on a phone, for a person to look at

    @marked
    @pytest.mark.parametrize("scheme", ("light", "dark"))
    @pytest.mark.parametrize("size", SIZES)
    def test_screenshots(visit, size, scheme):
        folder = Path(os.environ["EFFNET_SHOTS"])
        folder.mkdir(parents=True, exist_ok=True)
        for path in ["index.html", *LIVE_PAGES[:3], "docs/atlas.html", "exercises/01_convolution_cost.html"]:
            if path not in PAGES:
                continue
            page = visit(path, size, scheme)
            name = f"{Path(path).stem}-{size}-{scheme}"
            page.screenshot(path=folder / f"{name}.png")
            if page.locator(".printed-explorer").count():
                page.locator(".printed-explorer").scroll_into_view_if_needed()
                page.wait_for_selector(".printed-explorer[data-state=ready]", timeout=60_000)
                page.screenshot(path=folder / f"{name}-explorer.png")
