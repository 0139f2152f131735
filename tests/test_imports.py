"""The import rule of the course: arrows run downwards, and what must be light is light."""

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "effnet_course"

# What each module may import of the package. A new module gets a line here, with as few names as will do.
MAY = {
    "__init__": "",
    "home": "",
    "arch": "",
    "svg": "",
    "cost": "arch",
    "model": "arch",
    "shapes": "",
    "download": "home",
    "containers": "download",
    "images": "download home",
    "data_folder": "download images",
    "data": "shapes containers data_folder download images home",
    "recipe": "",
    "ingredients": "recipe",
    "train": "recipe ingredients",
    "atlas": "arch cost model train recipe home",
    "search": "arch cost",
    "features": "",
    "shares": "",
    "transfer": "arch atlas download home model shares train",
    "corruptions": "",
    "deploy": "",
    "compress": "",
    "runner": "arch cost data recipe atlas",
    "explain": "arch model data train atlas",
    "figures": "arch cost search svg",
    "explorers": "arch cost recipe search svg",
    "asking": "home shares svg",
    "capstone_board": "search svg",
    "capstone": "arch asking capstone_board compress cost data deploy home model recipe train",
    "progress": "asking exercises",
    "checking": "home exercises",
    "exercises": "checking",
    "doctor": "home data",
    "authoring": "checking exercises",
    "variant": "checking exercises home",
    "grading": "checking exercises home svg variant",
    "cli": "home data doctor atlas runner authoring grading checking exercises asking progress variant",
}
# The one arrow that runs up, when a check is made: checking loads a sheet by its number.
LATE = {("checking", "exercises")}
TAUGHT = "arch cost model data train atlas search"  # what a sheet of exercises may import besides
STANDARD_LIBRARY_ONLY = ("__init__", "home", "arch", "cost", "svg", "recipe", "shares")
HEAVY = {"torch", "torchvision", "matplotlib", "fvcore"}
HEAVY_AT_TOP = dict.fromkeys(("model", "compress", "ingredients", "train", "features"), {"torch"})
HEAVY_AT_TOP["figures"] = {"matplotlib"}
WIDGETS = ("explorers", "asking")


@cache
def imports(path: Path) -> list[tuple[str, bool]]:
    """What a module imports, in full ("effnet_course.arch", "torch.nn"), and whether at its top."""
    tree = ast.parse(path.read_text())
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}:{node.lineno}: write the import in full"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        found += [(name, node in tree.body) for name in names]
    return found


def modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py"))


def name_of(path: Path) -> str:
    """The room a file belongs to: a folder in the package is one room."""
    return path.stem if path.parent == PACKAGE else path.parent.name


def rooms(path: Path, at_top: bool | None = None) -> set[str]:
    """The modules of the package that a file imports."""
    names = [name for name, top in imports(path) if at_top in (None, top)]
    inner = {name.split(".")[1] for name in names if name.startswith("effnet_course.")}
    return inner - {"__version__", name_of(path)}


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_a_module_imports_only_what_lies_below_it(path):
    name = name_of(path)
    assert name in MAY, f"{name} is new: say in MAY what it may import"
    allowed = set(MAY[name].split())
    if name == "exercises" and path.stem != "__init__":
        allowed |= set(TAUGHT.split())
    assert rooms(path) <= allowed


def test_the_rule_itself_has_no_circle():
    below = {name: {other for other in MAY[name].split() if (name, other) not in LATE} for name in MAY}
    below["exercises"] |= set(TAUGHT.split())
    while free := {name for name, others in below.items() if not others}:
        below = {name: others - free for name, others in below.items() if name not in free}
    assert not below, f"these import one another: {sorted(below)}"


@pytest.mark.parametrize(("name", "other"), LATE)
def test_an_arrow_that_runs_up_is_no_import_at_the_top(name, other):
    assert other not in rooms(PACKAGE / f"{name}.py", at_top=True)


@pytest.mark.parametrize("name", STANDARD_LIBRARY_ONLY)
def test_the_lightest_modules_use_the_standard_library_alone(name):
    others = {full.split(".")[0] for full, _ in imports(PACKAGE / f"{name}.py")}
    assert others <= {*sys.stdlib_module_names, "effnet_course"}


def test_explorers_need_nothing_but_widgets():
    others = {full.split(".")[0] for path in PACKAGE.glob("explorers/*.py") for full, _ in imports(path)}
    assert others <= {*sys.stdlib_module_names, "effnet_course", "ipywidgets"}


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_heavy_packages_are_imported_where_they_are_needed(path):
    every = {full.split(".")[0] for full, _ in imports(path)}
    at_top = {full.split(".")[0] for full, top in imports(path) if top}
    if name_of(path) not in WIDGETS:
        assert "ipywidgets" not in every
    assert at_top & HEAVY <= HEAVY_AT_TOP.get(name_of(path), set())


@pytest.mark.parametrize(
    "name", ["cost", "explorers", "asking", "checking", "exercises", "data", "doctor", "cli"]
)
def test_importing_a_light_module_does_not_load_torch(name):
    heavy = ("torch", "torchvision", "matplotlib")
    if name in ("cost", "cli", "doctor"):
        heavy += ("numpy", "ipywidgets")
    code = f"import sys, effnet_course.{name}; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_cost_is_imported_within_a_tenth_of_a_second():
    command = [sys.executable, "-X", "importtime", "-c", "import effnet_course.cost"]
    best = float("inf")
    for _ in range(10):  # the machine may be busy: once is enough
        lines = subprocess.run(command, capture_output=True, text=True, check=True).stderr.splitlines()
        own = next(line for line in lines if line.endswith(" effnet_course.cost"))
        best = min(best, int(own.split("|")[1]) / 1e6)
        if best < 0.1:
            break
    assert best < 0.1
