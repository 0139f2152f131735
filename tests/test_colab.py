"""In Colab, and wherever else a lone notebook is opened: one first cell, links that lead somewhere, sliders that move.

The slow tests ask of the environment they run in: the first cell installs the course and changes nothing else, and
the explorers move in its front end, JupyterLab with ipywidgets 8 or the classic notebook with ipywidgets 7.
`make test-matrix` runs them in environments with Colab's versions.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from threading import Thread

import pytest
from installed import course_wheel, python_without_the_course

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("notebooks", "exercises", "solutions")
NOTEBOOKS = sorted(path for folder in FOLDERS for path in (ROOT / folder).glob("*.ipynb"))
ADDRESS = re.search(r'(?m)^Repository = "(.*)"$', (ROOT / "pyproject.toml").read_text())[1]


def cells(path: Path, kind: str) -> list[str]:
    return ["".join(c["source"]) for c in json.loads(path.read_text())["cells"] if c["cell_type"] == kind]


def first_cell() -> str:
    return cells(NOTEBOOKS[0], "code")[0]


def installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def test_every_notebook_has_the_same_first_cell():
    assert {cells(path, "code")[0] for path in NOTEBOOKS} == {first_cell()}
    assert "torch" not in re.sub(r"(?m)^#.*$", "", first_cell()), "the first cell has no word for torch"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: f"{path.parent.name}/{path.stem[:2]}")
def test_the_link_to_colab_leads_to_this_notebook(path):
    text = "\n".join(cells(path, "markdown"))
    (link,) = re.findall(r"\[Open in Colab\]\((https://colab\.research\.google\.com/[^)\s]*)\)", text)
    assert text.count("colab.research.google.com") == 1
    start = ADDRESS.replace("https://github.com", "https://colab.research.google.com/github") + "/blob/main/"
    assert link.startswith(start)
    assert ROOT / link.removeprefix(start) == path


def test_the_address_of_the_repository_stands_in_one_place():
    written = [ROOT / name for name in (".github", ".ci", ".devcontainer")]
    generated = {*FOLDERS, "build", "dist"}
    written += [p for p in ROOT.iterdir() if not p.name.startswith(".") and p.name not in generated]
    files = [p for top in written for p in (top.rglob("*") if top.is_dir() else [top]) if p.is_file()]
    name, binary = ADDRESS.removeprefix("https://"), (".pyc", ".safetensors")
    texts = {p.relative_to(ROOT).as_posix(): p.read_text(errors="replace") for p in files if p.suffix not in binary}
    holders = [path for path, text in texts.items() if name in text]
    assert [holder for holder in holders if ".egg-info/" not in holder] == ["pyproject.toml"]


# ---- the first cell in this environment ----

AFTER = """
import json, sys
loaded = sorted({"torch", "torchvision", "numpy"} & set(sys.modules))
from importlib.metadata import distributions
packages = {d.metadata["Name"].lower().replace("_", "-"): d.version for d in distributions()}
import effnet_course
from effnet_course import cost, explorers, exercises
from effnet_course.arch import B0
view = explorers.compound()
seen = {
    "loaded": loaded, "packages": packages, "where": effnet_course.__file__,
    "macs": cost.network_cost(B0).macs, "sheets": exercises.sheets(), "view": type(view).__name__,
}
print("\\n" + json.dumps(seen))
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """The address of a server on 127.0.0.1 with the course as a wheel, and with what lies in EFFNET_WHEELS."""
    folder = tmp_path_factory.mktemp("wheels")
    if os.environ.get("EFFNET_WHEELS"):
        shutil.copytree(os.environ["EFFNET_WHEELS"], folder, dirs_exist_ok=True)
    else:
        made = course_wheel(tmp_path_factory.mktemp("source"), '"torch>=', '"torch>=1000.')
        shutil.copy(made, folder)
    handler = partial(SimpleHTTPRequestHandler, directory=folder)
    handler.log_message = lambda *_: None
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", folder
        server.shutdown()


@pytest.fixture
def lone(tmp_path):
    """A Python with every package of this one but the course; and its own site-packages."""
    return python_without_the_course(tmp_path / "lone")


@pytest.mark.slow
@pytest.mark.colab
def test_the_first_cell_installs_the_course_and_changes_nothing_else(served, lone, tmp_path):
    address, folder = served
    python, site = lone
    (wheel,) = folder.glob("effnet_course-*.whl")
    names = ("torch", "torchvision", "numpy", "ipywidgets", "fvcore")
    before = {name: installed(name) for name in names}
    assert all(before[name] for name in ("torch", "torchvision", "numpy", "ipywidgets"))
    settings = {key: value for key, value in os.environ.items() if not key.startswith(("PIP_", "PYTHONPATH", "EFFNET"))}
    settings |= {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": address, "EFFNET_HOME": str(tmp_path / "home")}
    settings |= {"EFFNET_SOURCE": f"{address}/{wheel.name}", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    command = [str(python), "-c", first_cell() + AFTER]
    done = subprocess.run(command, cwd=tmp_path, env=settings, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    *said, last = done.stdout.strip().splitlines()
    seen = json.loads(last)
    assert Path(seen["where"]).is_relative_to(site)
    assert seen["loaded"] == [], "the first cell imports neither torch nor numpy"
    for name in ("torch", "torchvision", "numpy", "ipywidgets"):
        assert seen["packages"][name] == before[name], name
    new = {path.name.split("-")[0] for path in site.iterdir() if path.suffix == ".dist-info"}
    wanted = set() if before["fvcore"] else {"fvcore", "yacs", "iopath", "portalocker"}
    assert {"effnet_course"} | wanted <= new
    assert not new & {"torch", "torchvision", "numpy", "pillow", "tqdm", "ipywidgets"}
    assert f"torch {before['torch']}" in "\n".join(said) and f"numpy {before['numpy']}" in "\n".join(said)
    assert (seen["macs"], seen["view"]) == (385_814_752, "VBox") and "01" in seen["sheets"]


@pytest.mark.slow
@pytest.mark.colab
def test_without_a_network_the_first_cell_says_what_it_could_not_install(lone, tmp_path):
    python, _ = lone
    settings = {key: value for key, value in os.environ.items() if not key.startswith(("PIP_", "PYTHONPATH", "EFFNET"))}
    settings |= {"PIP_NO_INDEX": "1", "EFFNET_SOURCE": "http://127.0.0.1:9/effnet_course-0-py3-none-any.whl"}
    done = subprocess.run(
        [str(python), "-c", first_cell()], cwd=tmp_path, env=settings, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "RuntimeError: Could not install http://127.0.0.1:9/" in done.stderr and "Is there a network?" in done.stderr


# ---- the explorers in this environment's front end ----

NAMES = ("first_slider", "convolution", "mbconv", "stage_table", "compound")
SLIDERS = ".ui-slider-handle:visible, .noUi-handle:visible"
PICTURE = """handle => {
    const output = handle.closest('.output_area, .jp-OutputArea-output');
    return output.querySelector('svg.explorer').getAttribute('aria-label');
}"""


@pytest.fixture(scope="module")
def front_end(tmp_path_factory):
    """The address of a notebook with five explorers and a question, in this environment's own front end."""
    import nbformat
    from nbformat.v4 import new_code_cell, new_notebook

    folder = tmp_path_factory.mktemp("front")
    head = f"import sys; sys.path.insert(0, {str(ROOT)!r})\nfrom effnet_course import explorers\n"
    tail = "from effnet_course.asking import ask\nask('01.q1')"
    sources = [f"{head}explorers.{name}()" for name in NAMES] + [head + tail]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook = new_notebook(cells=[new_code_cell(s) for s in sources], metadata={"kernelspec": kernel})
    nbformat.write(notebook, folder / "sliders.ipynb")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    classic = installed("ipywidgets").startswith("7.")
    kept = {key: value for key, value in os.environ.items() if not key.startswith("JUPYTER")}
    kept |= {f"JUPYTER_{kind}_DIR": str(folder / kind) for kind in ("CONFIG", "RUNTIME")}
    kept |= {"IPYTHONDIR": str(folder / "ipython"), "EFFNET_HOME": str(folder / "home")}
    kept |= {"JUPYTER_DATA_DIR": str(folder / "data"), "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings")}
    # JupyterLab takes cells out of the page while they are out of sight.
    settings = folder / "settings/@jupyterlab/notebook-extension/tracker.jupyterlab-settings"
    settings.parent.mkdir(parents=True)
    settings.write_text('{"windowingMode": "none"}')
    app = "NotebookApp" if classic else "ServerApp"
    command = [sys.executable, "-m", "notebook" if classic else "jupyterlab", "--no-browser", "--allow-root",
               "--ip=127.0.0.1", f"--port={port}", f"--{app}.token=", f"--{app}.password=",
               "--notebook-dir=." if classic else "--ServerApp.root_dir=."]  # fmt: skip
    with open(folder / "log", "w") as log:
        server = subprocess.Popen(command, cwd=folder, env=kept, stdout=log, stderr=log)
    try:
        for _ in range(240):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/api/status", timeout=1)
                break
            except OSError:
                assert server.poll() is None, (folder / "log").read_text()[-2000:]
                time.sleep(0.25)
        else:
            pytest.fail((folder / "log").read_text()[-2000:])
        page = "notebooks/sliders.ipynb" if classic else "lab/tree/sliders.ipynb?reset"
        yield f"http://127.0.0.1:{port}/{page}", classic
    finally:
        server.terminate()
        server.wait(20)


@pytest.mark.slow
@pytest.mark.colab
def test_every_slider_moves_its_picture_from_the_keyboard(front_end):
    playwright = pytest.importorskip("playwright.sync_api", reason="drives a browser: pip install playwright")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    address, classic = front_end
    errors, outside, times = [], [], []
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1200, "height": 900})
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", lambda r: outside.append(r.url) if r.url.startswith("http") and "//127." not in r.url else 0)
        page.goto(address, timeout=60_000)
        if classic:
            page.wait_for_function("window.Jupyter && Jupyter.notebook && Jupyter.notebook.kernel && "
                                   "Jupyter.notebook.kernel.is_connected()", timeout=60_000)  # fmt: skip
            page.wait_for_timeout(2000)
            page.evaluate("Jupyter.notebook.execute_all_cells()")
        else:
            page.wait_for_selector(".jp-NotebookPanel .jp-Cell", timeout=60_000)
            page.wait_for_selector("text=/Python 3.*Idle/", timeout=60_000)  # before that, Run All runs nothing
            page.wait_for_timeout(1000)
            page.click(".lm-MenuBar-item:has-text('Run')")
            page.click(".lm-Menu-item:has-text('Run All Cells')")
        answer = page.locator("button", has_text=re.compile(r"^A$")).last
        answer.wait_for(state="attached", timeout=90_000)
        page.wait_for_function(f"document.querySelectorAll('svg.explorer').length >= {len(NAMES)}", timeout=60_000)
        page.wait_for_timeout(1000)
        count = page.locator(SLIDERS).count()
        for number in range(count):
            handle = page.locator(SLIDERS).nth(number)
            handle.scroll_into_view_if_needed()
            handle.focus()
            before = handle.evaluate(PICTURE)
            changed = []
            for key in ("ArrowRight", "ArrowLeft", "ArrowLeft", "Home", "End"):
                start = time.perf_counter()
                page.keyboard.press(key)
                for _ in range(40):
                    page.wait_for_timeout(25)
                    now = handle.evaluate(PICTURE)
                    if now != before:
                        times.append(time.perf_counter() - start)
                        changed.append(key)
                        break
                before = now
            assert len(changed) >= 3, f"slider {number} of {count} moved its picture at {changed} only"
        answer.click()
        page.wait_for_selector("text=Press another letter", timeout=10_000)
        browser.close()
    assert count >= 10, "the sliders of five explorers"
    assert errors == []
    times.sort()
    where = f"classic notebook {installed('notebook')}" if classic else f"JupyterLab {installed('jupyterlab')}"
    print(f"\n{where}, ipywidgets {installed('ipywidgets')}: {count} sliders, {len(times)} changes, "
          f"median {1000 * times[len(times) // 2]:.0f} ms as seen by a test that looks every 25 ms; "
          f"asked the network for {len(outside)} addresses")  # fmt: skip
    assert outside == []
