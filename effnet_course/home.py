"""Where a student's own things are kept: guesses, progress, runs, and datasets unless EFFNET_DATA says where."""

import os
from pathlib import Path


def home() -> Path:
    """The student's folder: the environment variable EFFNET_HOME, else ~/.effnet-course. It is not created here."""
    return Path(os.environ.get("EFFNET_HOME") or "~/.effnet-course").expanduser()


def data_home() -> Path:
    """Where datasets are: the environment variable EFFNET_DATA, else `data` in `home()`. It is not created here."""
    named = os.environ.get("EFFNET_DATA")
    return Path(named).expanduser() if named else home() / "data"
