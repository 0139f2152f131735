"""What each notebook took, beside what it declares and what the course allows itself."""

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

SECONDS, CORE_SECONDS, MEMORY_MB = 90, 30, 2000
"""Of one notebook at most; of the notebooks on average; of one notebook at most."""
BREACH = 1.5
"""A budget passed by half fails; below that the table shows it."""


@dataclass(frozen=True)
class Measured:
    """One notebook, executed: seconds, seconds summed over cores, peak memory in MB; and what it declares."""

    notebook: str
    seconds: float
    core_seconds: float
    memory_mb: float
    declared_seconds: float
    declared_memory_mb: float

    def breaches(self) -> list[str]:
        """A sentence for each budget that was passed by half."""
        found = []
        for what, took, declared, limit in (
            ("seconds", self.seconds, self.declared_seconds, SECONDS),
            ("MB", self.memory_mb, self.declared_memory_mb, MEMORY_MB),
        ):
            if took > BREACH * min(declared, limit):
                found.append(
                    f"{self.notebook} took {took:.0f} {what}; it declares {declared}, the limit is {limit}"
                )
        return found


class Stopwatch:
    """Measures a kernel from its start."""

    def __init__(self) -> None:
        self.start = time.perf_counter()

    def stop(self, notebook: str, declared: dict, pid: int) -> Measured:
        """What the process `pid` has taken so far, its ended children's core-seconds included.

        The seconds are those it would have taken alone: time spent waiting for a core that others used is not
        counted, where the system tells it (Linux).
        """
        process = psutil.Process(pid)
        scheduler = Path(f"/proc/{pid}/schedstat")
        waited = int(scheduler.read_text().split()[1]) / 1e9 if scheduler.exists() else 0
        return Measured(
            notebook,
            round(time.perf_counter() - self.start - waited, 1),
            round(sum(process.cpu_times()[:4]), 1),
            round(peak_memory(process) / 1e6),
            declared.get("seconds", SECONDS),
            declared.get("memory_mb", MEMORY_MB),
        )


def peak_memory(process: psutil.Process) -> int:
    """Peak resident memory in bytes, or, where the system does not tell it, what is resident now."""
    status = Path(f"/proc/{process.pid}/status")
    if status.exists():
        peak = [line.split()[1] for line in status.read_text().splitlines() if line.startswith("VmHWM")]
        if peak:
            return int(peak[0]) * 1024
    return process.memory_info().rss


def write(measured: Measured, file: Path) -> None:
    """Add a line. Workers share the file: one write, one line."""
    with file.open("a") as lines:
        lines.write(json.dumps(asdict(measured)) + "\n")


def read(file: Path) -> list[Measured]:
    """What was written so far, in the order of the notebooks' names."""
    lines = file.read_text().splitlines() if file.exists() else []
    return sorted((Measured(**json.loads(line)) for line in lines), key=lambda m: m.notebook)


def average_breach(rows: list[Measured]) -> str | None:
    """A sentence if the notebooks' core-seconds, on average, pass the budget by half."""
    average = sum(row.core_seconds for row in rows) / len(rows) if rows else 0
    if average > BREACH * CORE_SECONDS:
        return f"the notebooks took {average:.0f} core-seconds on average; the limit is {CORE_SECONDS}"
    return None


def table(rows: list[Measured]) -> list[str]:
    """The rows as lines of text, with a mark where more was used than declared."""
    lines = [f"{'notebook':44} {'seconds':>8} {'declared':>8} {'core-s':>7} {'MB':>6} {'declared':>8}"]
    for row in rows:
        over = row.seconds > row.declared_seconds or row.memory_mb > row.declared_memory_mb
        lines.append(
            f"{row.notebook:44} {row.seconds:8.1f} {row.declared_seconds:8} {row.core_seconds:7.1f} "
            f"{row.memory_mb:6.0f} {row.declared_memory_mb:8}{'  more than declared' if over else ''}"
        )
    average = sum(row.core_seconds for row in rows) / len(rows)
    lines.append(f"{'average (at most ' + str(CORE_SECONDS) + ' core-seconds)':44} {'':17} {average:7.1f}")
    return lines
