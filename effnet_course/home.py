"""Where a student's own things are kept: guesses, progress, runs, and datasets unless EFFNET_DATA says where."""

import contextlib
import os
from pathlib import Path


def home() -> Path:
    """The student's folder: the environment variable EFFNET_HOME, else ~/.effnet-course. It is not created here."""
    return Path(os.environ.get("EFFNET_HOME") or "~/.effnet-course").expanduser()


def data_home() -> Path:
    """Where datasets are: the environment variable EFFNET_DATA, else `data` in `home()`. It is not created here."""
    named = os.environ.get("EFFNET_DATA")
    return Path(named).expanduser() if named else home() / "data"


def write_whole(path: Path, text: str) -> None:
    """Write a text file, UTF-8, so that it is there whole or as it was before, whatever happens. Raises OSError."""
    half = path.parent / f"{path.name}.half"
    try:
        with open(half, "w", encoding="utf-8", errors="backslashreplace", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(half, path)
    except BaseException:
        with contextlib.suppress(OSError):
            half.unlink()
        raise
