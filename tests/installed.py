"""The course as a wheel, and a Python that has every package of this one but the course: for tests that install it."""

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def course_wheel(folder: Path, old: str = "", new: str = "") -> Path:
    """Build the wheel of the course in an empty folder; in pyproject.toml `old` becomes `new`."""
    for name in ("pyproject.toml", "README.md", "LICENSE", "LICENSE-text"):
        shutil.copy(ROOT / name, folder)
    project = folder / "pyproject.toml"
    assert old in project.read_text()
    project.write_text(project.read_text().replace(old, new, 1) if old else project.read_text())
    shutil.copytree(ROOT / "effnet_course", folder / "effnet_course", ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "."]
    subprocess.run(command, cwd=folder, check=True)
    return next(folder.glob("*.whl"))


def python_without_the_course(folder: Path) -> tuple[Path, Path]:
    """A Python in a new folder, in which a test may install; and its own site-packages."""
    venv.create(folder, symlinks=os.name != "nt")
    (site,) = folder.glob("lib/python*/site-packages")
    shared = [path for path in sys.path if path.endswith("site-packages")]
    # Their .pth files are not read, and one of these is what makes an editable course visible.
    (site / "others.pth").write_text("\n".join(shared) + "\n")
    return folder / "bin/python", site
