"""What a clone is set up from: one list of dependencies, exact versions, and a script that can be killed."""

import ast
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CONDA = yaml.safe_load((ROOT / "environment.yml").read_text())
LOCK = (ROOT / "requirements.lock").read_text()

CONDA_NAMES = {"torch": "pytorch", "matplotlib": "matplotlib-base"}
IMPORT_NAMES = {"PIL": "pillow", "sklearn": "scikit-learn"}
# Imported only where something else has brought it along: parquet files, JupyterLab, a notebook's kernel, the extra
# "deploy".
OPTIONAL = {"pyarrow", "jupyterlab", "IPython", "jupytext", "nbformat", "nbclient"}
OPTIONAL |= {"onnx", "onnxruntime", "torchao"}


def declared(*extras: str) -> dict[str, str]:
    """From name to bound, of the package and of its extras."""
    lines = PROJECT["dependencies"] + [
        line for extra in extras for line in PROJECT["optional-dependencies"][extra]
    ]
    return {Requirement(line).name: str(Requirement(line).specifier) for line in lines}


def test_conda_gets_the_same_dependencies():
    wanted = {CONDA_NAMES.get(name, name): bound for name, bound in declared("lab", "test").items()}
    wanted |= {"python": PROJECT["requires-python"], "pip": ""}
    given = {}
    for line in CONDA["dependencies"]:
        if isinstance(line, str):
            name, bound = re.fullmatch(r"([\w-]+)(.*)", line).groups()
            given[name] = bound
    assert given == wanted
    assert CONDA["dependencies"][-1] == {"pip": ["--editable ."]}


def test_bounds_are_lower_bounds_only():
    for name, bound in declared("lab", "test").items():
        assert re.fullmatch(r">=[\d.]+", bound), f"{name}{bound}"


def test_the_package_declares_what_it_imports():
    imported = set()
    for path in (ROOT / "effnet_course").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add(node.module.split(".")[0])
    others = imported - set(sys.stdlib_module_names) - {"effnet_course"} - OPTIONAL
    assert {IMPORT_NAMES.get(name, name) for name in others} <= set(declared())


def test_the_lock_pins_every_dependency_and_names_no_address():
    pinned = {}
    for line in LOCK.splitlines():
        requirement = Requirement(line)
        assert re.fullmatch(r"==[\w.]+", str(requirement.specifier)), line
        assert requirement.url is None
        pinned.setdefault(requirement.name, []).append(next(iter(requirement.specifier)).version)
    assert "://" not in LOCK and "index" not in LOCK.replace("index-", "") and "--" not in LOCK
    for name, bound in declared("lab", "test").items():
        assert all(Requirement(f"{name}{bound}").specifier.contains(version) for version in pinned[name])


def test_the_tree_passes_ruff():
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--no-cache", "."], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout


@pytest.fixture
def clone(tmp_path):
    """A folder in which the environment can be made, with a Python that is none."""
    (tmp_path / ".ci").mkdir()
    (tmp_path / ".ci/environment").write_text((ROOT / ".ci/environment").read_text())

    def run():
        return subprocess.run(
            ["sh", ".ci/environment"],
            cwd=tmp_path,
            env={**os.environ, "PYTHON": "/nonexistent/python3"},
            capture_output=True,
            text=True,
        )

    return tmp_path, run


def test_without_python_a_sentence_says_what_to_install(clone):
    folder, run = clone
    done = run()
    assert done.returncode == 1
    assert "needs Python 3.11 or newer" in done.stderr and "make lab PYTHON=" in done.stderr
    assert not (folder / ".venv").exists()


@pytest.mark.parametrize("left", [".venv/unfinished", ".venv/bin/python"])
def test_a_half_made_environment_is_made_anew(clone, left):
    folder, run = clone
    (folder / left).parent.mkdir(parents=True)
    (folder / left).write_text("")
    assert "incomplete: starting over" in run().stderr
    assert not (folder / left).exists()


def test_two_do_not_make_the_environment_at_once(clone):
    folder, run = clone
    (folder / ".venv").mkdir()
    other = subprocess.Popen(["sh", "-c", "sleep 60; : .ci/environment"])
    try:
        (folder / ".venv/unfinished").write_text(f"{other.pid}\n")
        done = run()
        assert done.returncode == 1 and f"process {other.pid}" in done.stderr
        assert (folder / ".venv/unfinished").exists()
    finally:
        other.kill()
        other.wait()


def test_ci_runs_make_test():
    script = ROOT / ".ci/run"
    assert os.access(script, os.X_OK)
    assert script.read_text().splitlines()[-1] == "make test </dev/null"
