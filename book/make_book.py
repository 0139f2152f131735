#!/usr/bin/env python3
"""`make book`: the lessons, executed, as a static site in build/book/html. No page asks another site for anything.

    make book                 everything
    make book ARGS="01 06"    these lessons only, while you write
    make book ARGS=--serve    and then look at it: sliders need a server, be it on this machine

Needs packages from PyPI (book/requirements.txt, into build/book/venv) and from npm (book/package.json, into
build/book/npm); both are kept. The lessons run as `make test` runs them, without a network; with EFFNET_DATA, or after
`effnet-course data`, on photos. What was executed is kept until a lesson or the package changes.
"""

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from urllib.parse import unquote

BOOK = Path(__file__).resolve().parent
ROOT = BOOK.parent
BUILD = ROOT / "build" / "book"
MEASURED = ("atlas", "data", "networks")
LIGHT = "import sys; from effnet_course import explorers; print(*(m for m in sys.modules))"

STARTUP = """import sys

import printed

printed.install()
sys.stdout.flush_interval = sys.stderr.flush_interval = 3600  # an output comes whole, or Sphinx puts empty lines in it
"""


def run(*command: str | Path, **options) -> str:
    """Run a command; its output is shown when it fails, and then nothing goes on."""
    done = subprocess.run([str(word) for word in command], text=True, capture_output=True, **options)
    if done.returncode:
        sys.exit(f"{' '.join(str(word) for word in command)}\n{done.stdout}{done.stderr}")
    return done.stdout


def tools() -> Path:
    """The Python that has Sphinx, in an environment of its own. Made when book/requirements.txt has changed."""
    folder, wanted = BUILD / "venv", (BOOK / "requirements.txt").read_text()
    python, made = folder / "bin" / "python", folder / "made-from"
    if made.exists() and made.read_text() == wanted:
        return python
    print("Making build/book/venv: Sphinx and what goes with it.", flush=True)
    uv = Path(sys.executable).with_name("uv")
    shutil.rmtree(folder, ignore_errors=True)
    index = os.environ.get("PIP_INDEX_URL") or subprocess.run(
        [sys.executable, "-m", "pip", "config", "get", "global.index-url"], capture_output=True, text=True
    ).stdout.strip()  # fmt: skip
    environment = {**os.environ, **({"UV_DEFAULT_INDEX": index} if index else {})}
    run(uv, "venv", "--quiet", "--python", sys.executable, folder, env=environment)
    requirements = BOOK / "requirements.txt"
    run(uv, "pip", "install", "--quiet", "--python", python, "--requirement", requirements, env=environment)
    made.write_text(wanted)
    return python


def vendored() -> None:
    """What the pages load beside Sphinx's own files, in build/book/vendored: MathJax, Pyodide, the light modules."""
    npm, folder, wanted = BUILD / "npm", BUILD / "vendored", (BOOK / "package.json").read_text()
    if not (npm / "node_modules").exists() or (npm / "package.json").read_text() != wanted:
        if not shutil.which("npm"):
            sys.exit("The book needs npm, for MathJax and Pyodide: install Node.js and run this again.")
        print("Fetching MathJax, Pyodide and axe from npm.", flush=True)
        shutil.rmtree(npm, ignore_errors=True)
        npm.mkdir(parents=True)
        (npm / "package.json").write_text(wanted)
        run("npm", "install", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund", cwd=npm)
    shutil.rmtree(folder, ignore_errors=True)
    mathjax, pyodide = npm / "node_modules/mathjax/es5", npm / "node_modules/pyodide"
    (folder / "mathjax").mkdir(parents=True)
    shutil.copy(mathjax / "tex-svg.js", folder / "mathjax")
    shutil.copytree(mathjax / "a11y", folder / "mathjax/a11y")
    shutil.copytree(mathjax / "input/tex/extensions", folder / "mathjax/input/tex/extensions")
    (folder / "pyodide").mkdir()
    for name in ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip", "pyodide-lock.json"):
        shutil.copy(pyodide / name, folder / "pyodide")
    with zipfile.ZipFile(folder / "course.zip", "w", zipfile.ZIP_DEFLATED) as course:
        course.write(BOOK / "printed.py", "printed.py")
        for path in light_modules():
            course.write(path, path.relative_to(ROOT))


def light_modules() -> list[Path]:
    """The files of the package that the explorers import: what a browser can run."""
    names = [name for name in run(sys.executable, "-c", LIGHT, cwd=ROOT).split() if name.startswith("effnet_course")]
    paths = [ROOT / name.replace(".", "/") for name in names]
    return sorted(path / "__init__.py" if path.is_dir() else path.with_suffix(".py") for path in paths)


def sources(lessons: list[str]) -> None:
    """The book's text in build/book/source: notebooks, sheets and documents, and the page that lists them."""
    folder = BUILD / "source"
    shutil.rmtree(folder, ignore_errors=True)
    listed: dict[str, list[str]] = {}
    for kind in ("notebooks", "exercises"):
        (folder / kind).mkdir(parents=True)
        for path in sorted((ROOT / kind).glob("*.ipynb")):
            if not lessons or path.name[:2] in lessons:
                (folder / kind / path.name).write_text(page(path))
                listed.setdefault(kind, []).append(f"{kind}/{path.stem}")
    (folder / "docs").mkdir()
    for name in ("glossary", *MEASURED):
        text = (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
        (folder / "docs" / f"{name}.md").write_text(document(text, listed["notebooks"]), encoding="utf-8")
    (folder / "index.md").write_text(index(listed))


def page(path: Path) -> str:
    """A notebook as a page: its first cell, which installs the course, is not shown."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    code[0]["metadata"]["tags"] = ["remove-cell"]
    for cell in code:
        cell["outputs"], cell["execution_count"] = [], None
    return json.dumps(notebook)


def document(text: str, pages: list[str]) -> str:
    """A document as a page: it links to a heading as Sphinx names it, and only to lessons that are in the book."""

    def link(found: re.Match) -> str:
        words, name, heading = found.groups()
        part = re.sub(r"[^\w-]", "", unquote(heading).lower())
        return f"[{words}](../{name}.ipynb#{part})" if name in pages else words

    return re.sub(r"\[([^\]]+)\]\(\.\./(notebooks/\w+)\.ipynb#([^)]+)\)", link, text)


def index(listed: dict[str, list[str]]) -> str:
    """The first page: book/index.md, with README.md's table of the lessons and with the list of all pages."""
    row = re.compile(r"^\| (\[.+?\]\((notebooks/.+?)\.ipynb\) \| .+?) \|$", re.M)
    named = {path: words for words, path in row.findall((ROOT / "README.md").read_text(encoding="utf-8"))}
    rows = []
    for name in listed["notebooks"]:
        metadata = json.loads((ROOT / f"{name}.ipynb").read_text())["metadata"]["effnet_course"]
        rows.append(f"| {named[name]} | {metadata['minutes']} |")
    trees = [("Lessons", listed["notebooks"]), ("Problem sheets", listed.get("exercises", []))]
    trees += [("Words", ["docs/glossary"]), ("What was measured", [f"docs/{name}" for name in MEASURED])]
    tree = "```{{toctree}}\n:caption: {}\n:hidden:\n\n{}\n```\n"
    text = "\n".join(tree.format(title, "\n".join(names)) for title, names in trees if names)
    table = "| lesson | question | minutes |\n|---|---|---|\n" + "\n".join(rows)
    return (BOOK / "index.md").read_text().replace("{lessons}", table) + "\n" + text


def kernel() -> Path:
    """A folder for JUPYTER_PATH whose kernel is the Python of .venv, with the widgets as `printed` shows them."""
    folder, startup = BUILD / "jupyter", BUILD / "ipython/profile_default/startup"
    startup.mkdir(parents=True, exist_ok=True)
    (startup / "00-printed.py").write_text(STARTUP)
    home = BUILD / "home"
    shutil.rmtree(home, ignore_errors=True)
    here = {"IPYTHONDIR": str(BUILD / "ipython"), "PYTHONPATH": f"{BOOK}{os.pathsep}{ROOT}", "EFFNET_OFFLINE": "1"}
    here |= {"TQDM_DISABLE": "1", "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "2"), "EFFNET_HOME": str(home)}
    if data := photos():
        here["EFFNET_DATA"] = data
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": command, "display_name": "Python 3", "language": "python", "env": here}
    (folder / "kernels/python3").mkdir(parents=True, exist_ok=True)
    (folder / "kernels/python3/kernel.json").write_text(json.dumps(spec))
    return folder


def photos() -> str:
    """The folder of the datasets, "" where there is none."""
    sys.path.insert(0, str(ROOT))
    from effnet_course.home import data_home

    return str(data_home().absolute()) if data_home().exists() else ""


def state() -> str:
    """A name for all that the lessons' outputs depend on beside their own text."""
    found = hashlib.sha256(photos().encode() + sys.version.encode())
    for path in [BOOK / "printed.py", *sorted((ROOT / "effnet_course").rglob("*"))]:
        if path.is_file() and path.suffix != ".pyc":
            found.update(path.name.encode() + path.read_bytes())
    return found.hexdigest()[:12]


def main() -> int:
    parser = argparse.ArgumentParser(description="The lessons, executed, as a static site in build/book/html.")
    parser.add_argument("lessons", nargs="*", metavar="NN", help="numbers of lessons; all if none is given")
    parser.add_argument("--serve", action="store_true", help="then show it at http://127.0.0.1:8000")
    options = parser.parse_args()
    unknown = [n for n in options.lessons if not list((ROOT / "notebooks").glob(f"{n}_*.ipynb"))]
    if unknown:
        parser.error(f"no such lesson: {', '.join(unknown)}")
    BUILD.mkdir(parents=True, exist_ok=True)
    python = tools()
    vendored()
    sources(options.lessons)
    environment = {**os.environ, "JUPYTER_PATH": str(kernel()), "EFFNET_BOOK": str(BUILD)}
    environment |= {"EFFNET_BOOK_CACHE": str(BUILD / "cache" / state()), "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    shutil.rmtree(BUILD / "html", ignore_errors=True)
    print("Executing the lessons and writing the pages.", flush=True)
    words = ["-q", "--fail-on-warning", "--keep-going", "-b", "html", "-c", BOOK, "-d", BUILD / "doctrees"]
    command = [python, "-m", "sphinx", *words, BUILD / "source", BUILD / "html"]
    done = subprocess.run([str(word) for word in command], env=environment)
    if done.returncode:
        return done.returncode
    size = sum(path.stat().st_size for path in (BUILD / "html").rglob("*") if path.is_file())
    print(f"{BUILD / 'html' / 'index.html'}: {len(list((BUILD / 'html').rglob('*.html')))} pages, {size / 1e6:.0f} MB")
    if options.serve:
        print("http://127.0.0.1:8000 (Ctrl+C stops)", flush=True)
        serve = [sys.executable, "-m", "http.server", "8000", "--bind", "127.0.0.1", "--directory", str(BUILD / "html")]
        return subprocess.run(serve).returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
