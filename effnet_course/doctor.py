"""Looks at the machine the course runs on: what is there, what is missing, and what to do about it."""

import json
import os
import shutil
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from effnet_course import __version__
from effnet_course.home import data_home, home

OLDEST_PYTHON = (3, 11)
SHOWN = ("torch", "torchvision", "numpy", "ipywidgets")
MEMORY_NEEDED, DISK_NEEDED = 2e9, 2e9
"""Bytes: what a lesson may take, and what the datasets and a student's runs take."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at, what to do about it, and whether the course cannot do without."""

    what: str
    seen: str
    advice: str = ""
    missing: bool = False


def summary() -> str:
    """Two lines for the first cell of a notebook: what is installed, and where. torch is not imported."""
    parts = [f"{name} {_installed(name) or 'MISSING: run `make lab`, or install it'}" for name in SHOWN]
    return f"effnet-course {__version__} in {Path(__file__).parent}\nPython {_python()}, {', '.join(parts)}"


def report() -> str:
    """What `effnet-course doctor` prints: a line for each finding, and under a problem what to do about it.

    Imports torch, which takes a few seconds the first time.
    """
    return text(examine())


def text(findings: list[Finding]) -> str:
    """The findings as lines, and a last one that says whether anything is missing."""
    lines = []
    for finding in findings:
        lines.append(f"{finding.what + ':':13} {finding.seen}")
        if finding.advice:
            lines.append(f"{'':13} -> {finding.advice}")
    missing = [finding.what for finding in findings if finding.missing]
    lines.append(
        f"Missing: {', '.join(missing)}." if missing else "Nothing that the course needs is missing."
    )
    return "\n".join(lines)


def examine() -> list[Finding]:
    """Look at everything, in the order of the report."""
    return [
        _course(),
        _interpreter(),
        *_torch(),
        _cores(),
        _memory(),
        _home(),
        *_data(),
        _network(),
        _jupyter(),
        _environment(),
    ]


def checkout() -> Path | None:
    """The root of the checkout that this package is in; None if the package was installed without one."""
    root = Path(__file__).resolve().parents[1]
    return root if (root / "pyproject.toml").exists() and (root / "source").is_dir() else None


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _python() -> str:
    return ".".join(str(part) for part in sys.version_info[:3])


def _course() -> Finding:
    where = "Google Colab" if "google.colab" in sys.modules else sys.platform
    return Finding("effnet-course", f"{__version__} in {Path(__file__).parent}, on {where}")


def _interpreter() -> Finding:
    seen = f"{_python()} ({sys.executable})"
    if sys.version_info[:2] < OLDEST_PYTHON:
        return Finding("Python", seen, "The course needs Python 3.11 or newer.", missing=True)
    return Finding("Python", seen)


def _torch() -> list[Finding]:
    try:
        import torch
    except (ImportError, OSError) as error:
        advice = "Run `make lab` once more, or install it with `pip install torch torchvision`."
        return [Finding("torch", f"cannot be imported: {error}", advice, missing=True)]
    vision = _installed("torchvision")
    found = [Finding("torch", f"{torch.__version__}, {torch.get_num_threads()} threads")]
    advice = (
        "" if vision else "Install it: `pip install --no-deps torchvision`, the version that fits your torch."
    )
    found.append(Finding("torchvision", vision or "is not installed", advice, missing=not vision))
    if torch.cuda.is_available():
        devices = [torch.cuda.get_device_properties(number) for number in range(torch.cuda.device_count())]
        seen = ", ".join(f"{device.name} ({device.total_memory / 1e9:.0f} GB)" for device in devices)
    elif torch.backends.mps.is_available():
        seen = "Apple GPU (mps)"
    else:
        seen = "CPU only, which is enough for every lesson"
    return [*found, Finding("device", seen)]


def _cores() -> Finding:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return Finding("cores", f"{usable} of {os.cpu_count()}")


def _memory() -> Finding:
    total, free = _bytes_of_memory()
    if total is None:
        return Finding("memory", "this system does not say")
    seen = f"{total / 1e9:.1f} GB" + (f", {free / 1e9:.1f} GB of it free" if free is not None else "")
    if (free if free is not None else total) < MEMORY_NEEDED:
        return Finding(
            "memory", seen, "A lesson may take 2 GB: close other programs and other notebooks' kernels."
        )
    return Finding("memory", seen)


def _bytes_of_memory() -> tuple[float | None, float | None]:
    """Total and free memory, a container's limit taken into account; None where the system does not say."""
    try:
        total = float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, ValueError, OSError):
        return None, None
    free = None
    information = Path("/proc/meminfo")
    if information.exists():
        available = [
            line.split()[1] for line in information.read_text().splitlines() if "MemAvailable" in line
        ]
        free = float(available[0]) * 1024 if available else None
    limit = Path("/sys/fs/cgroup/memory.max")
    if limit.exists() and limit.read_text().strip().isdigit():
        total = min(total, float(limit.read_text()))
        free = min(free, total) if free is not None else None
    return total, free


def _home() -> Finding:
    folder = home()
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(existing).free
    seen = f"{folder}, {free / 1e9:.1f} GB free on its disk"
    if not existing.is_dir() or not os.access(existing, os.W_OK):
        return Finding(
            "your folder", seen, "It cannot be written: set EFFNET_HOME to a folder of yours.", missing=True
        )
    if free < DISK_NEEDED:
        return Finding(
            "your folder", seen, "The datasets may not fit: make room, or set EFFNET_HOME elsewhere."
        )
    return Finding("your folder", seen)


def _data() -> list[Finding]:
    try:
        from effnet_course import data
    except ImportError as error:
        return [Finding("data", f"cannot be looked at: {error}", "Run `make lab` once more.", missing=True)]
    root = data_home()
    decoded = [data._cifar_cache(root, split) / "about.json" for split in ("train", "validation", "test")]
    found = [str(path) for _, paths in data._cifar_containers(root) for path in paths]
    if all(file.exists() for file in decoded):
        cifar = Finding("CIFAR-10", f"verified, from {json.loads(decoded[0].read_text())['from']}")
    elif found:
        seen = found[0] + (f" and {len(found) - 1} more" if len(found) > 1 else "")
        advice = (
            "`effnet-course data cifar10` verifies and decodes it, as will the first lesson that uses it."
        )
        cifar = Finding("CIFAR-10", f"{seen}, not verified yet", advice)
    else:
        advice = (
            "`effnet-course data cifar10` fetches it. Without it the lessons draw their own images, Shapes."
        )
        cifar = Finding("CIFAR-10", f"not in {root}", advice)
    container = data._nette_container(root, 160)
    if container:
        return [cifar, Finding("Imagenette", f"{container}, verified when it is read")]
    advice = "`effnet-course data imagenette` fetches it; lesson 09 is the first to use it."
    return [cifar, Finding("Imagenette", f"not in {root}", advice)]


def _network() -> Finding:
    if os.environ.get("EFFNET_OFFLINE", "0") not in ("", "0"):
        return Finding("network", f"not used: EFFNET_OFFLINE is {os.environ['EFFNET_OFFLINE']}")
    return Finding("network", "used for datasets only; EFFNET_OFFLINE=1 forbids it")


def _jupyter() -> Finding:
    names = ("jupyterlab", "notebook", "ipywidgets", "ipykernel")
    versions = {name: _installed(name) for name in names}
    seen = ", ".join(f"{name} {number}" for name, number in versions.items() if number)
    if not versions["ipywidgets"]:
        advice = "No slider will show: `pip install ipywidgets`."
        return Finding("Jupyter", seen or "is not installed", advice, missing=True)
    return Finding("Jupyter", seen)


def _environment() -> Finding:
    root = checkout()
    if root is None or not (root / "requirements.lock").exists():
        return Finding("environment", "not made by this course")
    different, same = [], 0
    pinned: dict[str, list[str]] = {}
    for line in (root / "requirements.lock").read_text().splitlines():
        name, _, number = line.partition(";")[0].strip().partition("==")
        pinned.setdefault(name, []).append(number)
    for name, numbers in pinned.items():
        here = _installed(name)
        if here in numbers:
            same += 1
        elif here:
            different.append(f"{name} {here} ({' or '.join(numbers)})")
    seen = f"{same} packages are as pinned in requirements.lock"
    if different:
        return Finding(
            "environment", f"{seen}, not so {', '.join(different)}", "Run `make lab` to bring it up to date."
        )
    return Finding("environment", seen)
