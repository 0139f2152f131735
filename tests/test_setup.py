"""What a clone is set up from: one list of dependencies, exact versions, and a script that can be killed."""

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

import pytest
import yaml
from installed import course_wheel, python_without_the_course
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
    for name, bound in declared("lab", "test", "deploy").items():
        assert re.fullmatch(r">=[\d.]+", bound), f"{name}{bound}"


def test_conda_s_file_has_the_parts_that_conda_reads():
    assert set(CONDA) == {"name", "channels", "dependencies"}
    assert CONDA["name"] == PROJECT["name"]
    assert CONDA["channels"] == ["conda-forge"], "one channel: mixed ones give builds that do not fit together"
    names = [re.match(r"[\w-]+", line)[0] for line in CONDA["dependencies"] if isinstance(line, str)]
    assert names[0] == "python" and names[1:] == sorted(names[1:])
    assert "pip" in names, "a pip: section without pip among the packages takes one from elsewhere"


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


# ---- GitHub, the dev container, the licences ----

GITHUB = ROOT / ".github"
WORKFLOWS = {path.name: yaml.safe_load(path.read_text()) for path in (GITHUB / "workflows").glob("*.yml")}
JOBS = [(file, name, job) for file, flow in WORKFLOWS.items() for name, job in flow["jobs"].items()]
STEPS = [(file, step) for file, _, job in JOBS for step in job["steps"]]
FORMS = sorted(path for path in (GITHUB / "ISSUE_TEMPLATE").glob("*.yml") if path.name != "config.yml")


def targets() -> set[str]:
    return set(re.findall(r"(?m)^([a-z-]+):", (ROOT / "Makefile").read_text()))


def matrix():
    """.ci/matrix as a module."""
    loader = SourceFileLoader("matrix", str(ROOT / ".ci/matrix"))
    module = module_from_spec(spec_from_loader("matrix", loader))
    sys.modules["matrix"] = module  # dataclasses look it up there
    loader.exec_module(module)
    return module


def test_there_is_a_workflow_for_each_change_one_a_week_and_one_for_the_book():
    triggers = {file: set(flow[True]) for file, flow in WORKFLOWS.items()}  # YAML 1.1 reads `on` as true
    assert triggers == {
        "ci.yml": {"push", "pull_request", "workflow_dispatch"},
        "weekly.yml": {"schedule", "workflow_dispatch"},
        "book.yml": {"push", "workflow_dispatch"},
    }


@pytest.mark.parametrize(("file", "name", "job"), JOBS, ids=[f"{file}-{name}" for file, name, _ in JOBS])
def test_a_job_ends_by_itself_and_may_no_more_than_it_needs(file, name, job):
    assert 0 < job["timeout-minutes"] <= 90
    assert WORKFLOWS[file]["permissions"] == {"contents": "read"}
    assert set(job.get("permissions", {})) <= {"pages", "id-token"}
    assert job["runs-on"] == "ubuntu-latest"
    for step in job["steps"]:
        assert ("run" in step) != ("uses" in step)


def test_actions_are_github_s_own_and_pinned_to_a_version():
    used = [step["uses"] for _, step in STEPS if "uses" in step]
    assert used and all(re.fullmatch(r"actions/[a-z-]+@v\d+", name) for name in used), used
    versions = {}
    for name, version in (name.split("@") for name in used):
        versions.setdefault(name, set()).add(version)
    assert all(len(found) == 1 for found in versions.values()), versions


def test_what_a_workflow_calls_exists():
    for file, step in STEPS:
        for called in re.findall(r"\bmake (?:[A-Z]+=\S+ )*([a-z-]+)", step.get("run", "")):
            assert called in targets(), f"{file}: make {called}"
        for path in re.findall(r"(?<![\w./])\.(?:ci|venv)/[\w./-]+", step.get("run", "")):
            made = path in (".venv/bin/effnet-course", ".venv/bin/python")
            assert made or (ROOT / path).exists(), f"{file}: {path}"


def test_each_change_and_each_week_every_test_runs_and_no_failure_is_passed_over():
    assert not any("continue-on-error" in job for *_, job in JOBS)
    for _, step in STEPS:  # only photos may be missing
        assert "continue-on-error" not in step or step["run"] == ".venv/bin/effnet-course data"
    runs = {(file, name): [step.get("run") for step in job["steps"]] for file, name, job in JOBS}
    assert "make test" in runs["ci.yml", "test"]
    newest = runs["weekly.yml", "newest"]
    assert 0 <= newest.index("make lock") < newest.index("make test")


def test_make_test_runs_every_test_and_every_notebook():
    [recipe] = re.findall(r"(?m)^test: .*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text())
    assert {"--nbval-lax", "tests", "notebooks", "exercises", "solutions"} <= set(recipe.split())
    assert "||" not in recipe and not recipe.startswith("\t-") and not recipe.startswith("\t@-")


def test_the_matrix_fails_when_one_environment_does_and_colab_s_run_the_first_cell(monkeypatch, capsys):
    module = matrix()
    monkeypatch.setattr(module, "run", lambda name: name != "newest")
    for names, failed in ([], 1), (["lowest"], 0), (["lowest", "newest"], 1):
        monkeypatch.setattr(sys, "argv", ["matrix", *names])
        assert module.main() == failed and ("newest       FAILED" in capsys.readouterr().out) == failed
    for name, environment in module.ENVIRONMENTS.items():
        assert ("colab" in environment.tests) == (name != "lowest") and environment.course == ("colab" not in name)


def test_the_matrix_of_ci_is_the_one_there_is():
    named = WORKFLOWS["ci.yml"]["jobs"]["matrix"]["strategy"]["matrix"]["environment"]
    assert named == list(matrix().ENVIRONMENTS)


def test_the_matrix_has_the_oldest_python_and_tests_that_exist():
    environments = matrix().ENVIRONMENTS
    assert PROJECT["requires-python"] == f">={environments['lowest'].python}"
    assert "lowest-direct" in environments["lowest"].options and "--upgrade" in environments["newest"].options
    for name, environment in environments.items():
        for test in environment.tests:
            assert (ROOT / f"tests/test_{test}.py").exists(), f"{name}: {test}"


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_an_issue_form_is_one_that_github_reads(path):
    form = yaml.safe_load(path.read_text())
    assert set(form) == {"name", "description", "labels", "body"}
    ids = [field["id"] for field in form["body"] if field["type"] != "markdown"]
    assert len(ids) == len(set(ids)) >= 4
    for field in form["body"]:
        assert field["type"] in ("markdown", "input", "textarea", "dropdown", "checkboxes")
        assert set(field) <= {"type", "id", "attributes", "validations"}
        assert field["type"] == "markdown" or field["attributes"]["label"].strip()
        if field["type"] == "dropdown":
            options = field["attributes"]["options"]
            assert len(options) == len(set(options)) >= 2 and all(isinstance(option, str) for option in options)


def test_who_reports_that_something_does_not_work_is_asked_for_place_machine_and_versions():
    form = yaml.safe_load((GITHUB / "ISSUE_TEMPLATE/does-not-work.yml").read_text())
    needed = {field["id"] for field in form["body"] if field.get("validations", {}).get("required")}
    assert needed == {"where", "runs", "doctor", "seen"}


def test_the_dev_container_makes_the_same_environment():
    container = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text())
    assert container["postCreateCommand"] == "sh .ci/environment"
    major, minor = re.search(r"python:(\d+)\.(\d+)", container["image"]).groups()
    assert (int(major), int(minor)) >= (3, 11)
    assert container["customizations"]["vscode"]["settings"]["python.defaultInterpreterPath"] == ".venv/bin/python"


def test_code_and_text_have_their_licences_and_the_citation_their_version():
    from effnet_course import __version__

    assert PROJECT["license"] == "MIT AND CC-BY-4.0" and PROJECT["license-files"] == ["LICENSE", "LICENSE-text"]
    assert "MIT License" in (ROOT / "LICENSE").read_text() and "LICENSE-text" in (ROOT / "LICENSE").read_text()
    assert "creativecommons.org/licenses/by/4.0" in (ROOT / "LICENSE-text").read_text()
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert {"cff-version", "message", "title", "authors", "version"} <= set(citation)
    assert str(citation["version"]) == __version__ and citation["license"] == ["MIT", "CC-BY-4.0"]
    assert f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text()


DOCUMENTS = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
DOCUMENTS += sorted((ROOT / "docs").rglob("*.md")) + sorted((ROOT / "book").glob("*.md"))


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_document_s_links_lead_somewhere(path):
    folder = ROOT if path.parent.name == "book" else path.parent
    for link in re.findall(r"\]\(([^)\s]+)\)", path.read_text()):
        if not re.match(r"[a-z]+:", link):
            target, _, part = link.partition("#")
            assert (folder / target).exists(), link
            if part and target.endswith(".md"):
                headings = re.findall(r"(?m)^#+ (.+)$", (folder / target).read_text())
                assert part in [re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in headings], link


# ---- the wheel ----

OUTSIDE = """
import json, os, sys
from pathlib import Path
import effnet_course
from effnet_course import asking, atlas, exercises, explorers
from effnet_course.checking import check
exercise = exercises.sheet("01")[0]

def conv_macs(in_channels, out_channels, kernel, height, width, stride=1, padding=0, groups=1):
    rows, columns = ((side + 2 * padding - kernel) // stride + 1 for side in (height, width))
    return rows * columns * kernel**2 * in_channels * out_channels // groups

right, wrong = check("01.1", conv_macs), check("01.1", exercise.misconceptions[0].answer)
picture, sentence = explorers.COMPOUND.static()
print(json.dumps({
    "where": effnet_course.__file__, "right": right.passed, "wrong": wrong.misconception,
    "named": exercise.misconceptions[0].name, "picture": picture[:4], "sentence": sentence,
    "runs": len(atlas.runs()), "questions": len(asking.questions("01")), "view": type(explorers.compound()).__name__,
}))
"""


@pytest.fixture(scope="module")
def outside(tmp_path_factory):
    """The course installed from a wheel, in a Python that has every other package of this one; and the wheel."""
    folder = tmp_path_factory.mktemp("outside")
    wheel = course_wheel(folder)
    python, _ = python_without_the_course(folder / "venv")
    pip = [str(python), "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--ignore-installed"]
    subprocess.run([*pip, str(wheel)], check=True)
    return folder, wheel


def test_the_wheel_carries_all_that_the_package_has(outside):
    _, wheel = outside
    carried = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("effnet_course/")}
    left = {path for path in (ROOT / "effnet_course").rglob("*") if path.is_file() and path.suffix != ".pyc"}
    # Beside the files lie locks and checkpoints of runs in progress: hidden ones.
    hidden = {path for path in left if any(part.startswith(".") for part in path.relative_to(ROOT).parts)}
    assert {path.relative_to(ROOT).as_posix() for path in left - hidden} <= carried
    names = [name.split("/")[-1] for name in zipfile.ZipFile(wheel).namelist() if "/licenses/" in name]
    assert sorted(names) == ["LICENSE", "LICENSE-text"]


def test_installed_outside_the_repository_the_course_works(outside, tmp_path):
    folder, _ = outside
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    kept |= {"EFFNET_HOME": str(tmp_path / "home")}
    python = folder / "venv/bin/python"
    done = subprocess.run([str(python), "-c", OUTSIDE], cwd=tmp_path, env=kept, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout.splitlines()[-1])
    assert Path(seen["where"]).is_relative_to(folder / "venv")
    assert seen["right"] and seen["wrong"] == seen["named"]
    assert seen["picture"] == "<svg" and len(seen["sentence"]) > 40 and seen["view"] == "VBox"
    assert seen["runs"] > 100 and seen["questions"] >= 5
    for verb, said in (("--version", "effnet-course "), ("check", "Sheet 01: "), ("atlas plans", "cifar10-short")):
        command = [str(folder / "venv/bin/effnet-course"), *verb.split()]
        done = subprocess.run(command, cwd=tmp_path, env=kept, capture_output=True, text=True)
        assert done.returncode == 0 and said in done.stdout, (verb, done.stdout, done.stderr)
    done = subprocess.run([*command[:1], "release"], cwd=tmp_path, env=kept, capture_output=True, text=True)
    assert done.returncode == 1 and "in a clone of the course" in done.stderr
