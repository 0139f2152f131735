"""Where student code runs: a process of its own that sees a Python, the libraries, an empty folder, and nothing else.

On Linux bubblewrap (`bwrap`) builds that place from kernel namespaces: no network, no other processes, a read-only
root that holds only what is bound into it, 64 MB of scratch in memory, no environment, no capabilities. One thread
watches all workers and kills the one that takes too much time, memory or processes; it reads /proc ten times a second.

Which limits do the work was measured, not assumed. An address-space limit is not among them: `import torch` maps 3.1 GB
and uses 0.55 GB of it, so a limit that stops a memory bomb in time stops torch as well. RLIMIT_DATA counts private
memory (0.74 GB after that import) and turns a bomb into a MemoryError in the student's own function; the watcher adds
up what all processes of a worker hold. What neither would count, such as memory without a process, the kernel refuses
(kernel.py). RLIMIT_NPROC does not hold for root, whatever the namespace: where the grader is root, the worker gives up
root first, for a user id of its own. What is left are the kernel's own notes on files: 3 million empty ones, which take
minutes to make, are 3 GB. Whoever fears that as well grades in a container with a limit.
"""

import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from effnet_course.grading.kernel import KNOWN
from effnet_course.grading.wire import frame

PACKAGE = Path(__file__).resolve().parents[1]
KEPT_BACK = ("exercises", "authoring.py", "cli.py", "grading", "__pycache__")  # not in the worker's copy
ENVIRONMENT = {"HOME": "/scratch", "LANG": "C.UTF-8", "MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1"}
FIRST_USER = 60_000  # workers of a grader that is root run as this user id and the next ones
MEGABYTE = 2**20
TICK = 0.1  # seconds between two looks at the workers


class SandboxError(Exception):
    """No worker can be started safely; the message says why and what to do."""


@dataclass(frozen=True)
class Limits:
    """What one worker may take."""

    seconds: float = 20
    """Of processor time for an exercise, and for a cell; three times that, and three seconds, by the clock, which
    stands still while others have the cores."""
    memory: int = 2048
    """Megabytes, all processes of a worker together."""
    processes: int = 32
    """Processes and threads."""
    scratch: int = 64
    """Megabytes of files."""


class Stopped(Exception):  # noqa: N818 - not an error of the grader's
    """The worker is gone; the message says why, to be read after "your function"."""


class Sandbox:
    """Starts workers. Use as a context manager: it holds the copy of the package, and the thread that watches."""

    def __init__(self, limits: Limits = Limits(), protected: bool = True):  # noqa: B008 - frozen
        """`protected`: False runs student code without bubblewrap, under limits alone.

        Raises SandboxError when there is no bubblewrap, or it does not work here.
        """
        self.limits, self.protected = limits, protected
        _clear_after_the_dead()
        self._folder = Path(tempfile.mkdtemp(prefix="effnet-grade-"))
        self._folder.chmod(0o755)
        self._alive = open(self._folder / "lock", "w")  # noqa: SIM115 - held for as long as we live
        fcntl.flock(self._alive, fcntl.LOCK_EX)
        self._workers: set[Worker] = set()
        self._over = threading.Event()
        try:
            _copy_package(self._folder / "course")
            self._watcher = threading.Thread(target=self._watch, daemon=True)
            self._watcher.start()
            self.root = protected and os.geteuid() == 0
            self._try()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop all workers and remove the copy. No worker starts from then on."""
        self._over.set()
        for worker in list(self._workers):
            worker.stop("was stopped with the grader")
        self._watcher.join()
        self._alive.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._over.is_set()

    @property
    def description(self) -> str:
        """How far student code is kept apart, in a sentence for the log."""
        if not self.protected:
            return (
                "UNPROTECTED: student code ran with your rights under limits of time and memory only. It could use the "
                "network and read and write whatever you can."
            )
        user = f" It ran as user {FIRST_USER} and up, not as root." if self.root else ""
        if os.geteuid() == 0 and not self.root:
            user = " It ran as root of its own namespace: files here can be read by root alone."
        if not KNOWN:
            user += " This kind of processor is not known: memory that belongs to no process was not limited."
        return "Student code ran in bubblewrap: no network, no other processes, read-only files, no environment." + user

    def start(self, slot: int, functions: dict[str, list[str]]) -> "Worker":
        """A worker that is ready for cells. `slot` tells workers apart that run at the same time.

        Raises SandboxError when it does not come up, Stopped when the sandbox is closed, OSError when there is no room
        for another process.
        """
        if self.closed:
            raise Stopped("was stopped with the grader")
        scratch, environment = None, {}
        if not self.protected:
            scratch = tempfile.mkdtemp(dir=self._folder)
            path = os.pathsep.join([str(self._folder / "course"), *map(str, _library_folders())])
            environment = {**ENVIRONMENT, "HOME": scratch, "PYTHONPATH": path}
        most = self.limits
        limits = {
            "RLIMIT_DATA": most.memory * MEGABYTE,
            "RLIMIT_FSIZE": most.scratch * MEGABYTE // 8,
            "RLIMIT_CORE": 0,
            "RLIMIT_NOFILE": 64,
            "RLIMIT_CPU": int(most.seconds * 20) + 60,  # what no one watches any more ends by itself
        }
        if self.protected:  # it counts all processes of a user: outside a sandbox, yours as well
            limits["RLIMIT_NPROC"] = most.processes
        worker = Worker(self._command(), environment, self.limits, scratch)
        self._workers.add(worker)
        worker.on_stop = self._workers.discard
        if self.closed:  # in the meantime
            worker.stop("was stopped with the grader")
        first = {"functions": functions, "limits": limits, "user": FIRST_USER + slot if self.root else 0}
        first["filter"] = self.protected
        worker.allow(60)
        try:
            worker.ask(first)
        except Stopped as stop:
            worker.close()
            if self.closed:
                raise
            raise SandboxError(f"A worker did not come up, before any student code ran in it: it {stop}.") from stop
        return worker

    def _try(self) -> None:
        if not self.protected:
            return
        advice = (
            "Install bubblewrap (`apt install bubblewrap`; on macOS and Windows grade in a Linux container or WSL that "
            "allows user namespaces), or, for submissions that you would run yourself, say --unprotected."
        )
        if shutil.which("bwrap") is None:
            raise SandboxError(f"Student code needs a sandbox, and there is no `bwrap` here. {advice}")
        test = [*self._command()[:-2], "-c", "import effnet_course.grading.worker"]
        done = subprocess.run(test, env={}, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode:
            said = (done.stderr.strip().splitlines() or ["nothing"])[-1]
            raise SandboxError(f"`bwrap` is here and does not work; it says: {said}\n{advice}")
        for root in (True, False) if self.root else (False,):  # there are files that only root may read
            self.root = root
            with suppress(Stopped, SandboxError):
                worker = self.start(0, {})
                error = worker.ask({"cell": 0, "source": "import subprocess, numpy"}).get("error")
                worker.close()
                if not error:
                    return
        raise SandboxError(f"A worker that `bwrap` starts cannot import numpy from {sys.prefix}. {advice}")

    def _command(self) -> list[str]:
        python = os.path.realpath(sys.executable)
        options = ["-s", "-S", "-B", "-P"]
        if not self.protected:
            return [sys.executable, *options, "-m", "effnet_course.grading.worker"]
        course, libraries = "/course", _library_folders()
        binds = [*_system_folders(), (self._folder / "course", course)]
        binds += [(folder, f"/libraries/{k}") for k, folder in enumerate(libraries)]
        command = [str(shutil.which("bwrap")), "--die-with-parent", "--new-session", "--clearenv", "--cap-drop", "ALL"]
        if self.root:
            command += ["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"]
            command += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
        else:
            command += ["--unshare-all"]
        for source, target in sorted(binds, key=lambda bind: len(bind[1])):  # what holds others first
            for parent in list(Path(target).parents)[-2::-1]:  # /root is closed to others, a Python below it is not
                command += ["--perms", "0755", "--dir", str(parent)]
            command += ["--ro-bind", str(source), str(target)]
        for folder in _hidden(binds):
            command += ["--tmpfs", folder, "--remount-ro", folder]
        size = ["--size", str(self.limits.scratch * MEGABYTE), "--perms", "1777", "--tmpfs"]
        command += ["--proc", "/proc", "--dev", "/dev", "--dev-bind", "/dev/null", "/dev/zero"]  # whose maps are memory
        command += [*size, "/dev/shm", "--remount-ro", "/dev"]
        command += [*size, "/scratch", "--remount-ro", "/", "--chdir", "/scratch"]
        path = [course, *(f"/libraries/{k}" for k in range(len(libraries)))]
        for name, value in {**ENVIRONMENT, "PYTHONPATH": ":".join(path)}.items():
            command += ["--setenv", name, value]
        return [*command, python, *options, "-m", "effnet_course.grading.worker"]

    def _watch(self) -> None:
        while not self._over.wait(TICK):
            workers = list(self._workers)
            table = process_table() if workers else {}
            for worker in workers:
                worker.look(table)


class Worker:
    """One process of student code, and what it may still take."""

    def __init__(self, command: list[str], environment: dict[str, str], limits: Limits, scratch: str | None):
        self.limits, self.scratch = limits, scratch
        self.on_stop: Callable[[Worker], None] = lambda worker: None
        self.reason = ""
        self._asked = 0
        self._lock = threading.Lock()
        self._since: tuple[float, tuple[float, float] | None] | None = None  # at `allow`: clock, (cpu, queued)
        self.cpu = 0.0
        """Seconds of processor time, of all its processes, when it was last looked at."""
        self.process = subprocess.Popen(
            command, env=environment, cwd=scratch, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, bufsize=0, start_new_session=True,
        )  # fmt: skip

    def allow(self, seconds: float) -> None:
        """From now on it may take so many seconds of processor time, and three times that and three by the clock.

        What it waits for a core is not counted: on a busy machine the same code gets the same mark.
        """
        self._allowed, self._since = seconds, (time.monotonic(), None)

    def ask(self, message: dict[str, Any], most: int = MEGABYTE) -> dict[str, Any]:
        """The reply to a message, of at most so many bytes. Raises Stopped when there is none.

        Messages are numbered, and a reply bears its message's number: whatever else student code may write into the
        pipe, a reply is never taken for the answer to another question.
        """
        try:
            self._asked += 1
            data = memoryview(frame({**message, "number": self._asked}))
            while data:  # in pieces that a pipe with room takes at once
                self._wait([], [self.process.stdin])
                data = data[self.process.stdin.write(data[: select.PIPE_BUF]) :]
            size = int.from_bytes(self._read(4), "big")
            if size > most:
                raise ValueError("too large")
            reply = json.loads(self._read(size))
            if type(reply) is not dict or reply.pop("number", None) != self._asked:
                raise ValueError("not the reply to this message")
            return reply
        except (ValueError, RecursionError, MemoryError):
            self.stop("sent something that is not an answer")
        except OSError:
            self.stop("ended the process it ran in")
        raise Stopped(self.reason)

    def _read(self, size: int) -> bytes:
        parts, pipe = [], self.process.stdout.fileno()
        while size:
            self._wait([pipe], [])
            part = os.read(pipe, min(size, MEGABYTE))
            if not part:
                raise BrokenPipeError
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def _wait(self, to_read: list[Any], to_write: list[Any]) -> None:
        while not any(select.select(to_read, to_write, [], 0.5)):
            if self.reason:  # killed, but something that escaped holds the pipe
                raise BrokenPipeError

    def look(self, table: dict[int, "Process"]) -> None:
        """Kill it if it has taken more than it may. `table`: all processes there are."""
        family = descendants(self.process.pid, table)
        self.cpu = cpu = sum(table[pid].seconds for pid in family)
        waited = max(map(queued, family), default=0.0)
        since, most = self._since, self.limits
        if since is not None:
            clock, before = since
            if before is None:
                before = (cpu, waited)
                if self._since is since:
                    self._since = (clock, before)
            allowed, longest = self._allowed, 3 * self._allowed + 3
            if cpu - before[0] > allowed:
                self.stop(f"ran for more than {allowed:g} s and was stopped", family)
            elif time.monotonic() - clock - max(0.0, waited - before[1]) > longest:
                self.stop(f"ran for more than {longest:g} s by the clock and was stopped", family)
        if sum(table[pid].threads for pid in family) > most.processes + 8:
            self.stop(f"started more than {most.processes} processes and was stopped", family)
        if sum(table[pid].memory for pid in family) > most.memory * MEGABYTE:
            if sum(proportional(pid, table[pid].memory) for pid in family) > most.memory * MEGABYTE:
                self.stop(f"used more than {most.memory:,} MB of memory and was stopped", family)

    def stop(self, reason: str, family: list[int] | None = None) -> None:
        """Kill it and all it started."""
        with self._lock:  # whoever comes second goes on when it is dead: the next worker may have its user id
            if self.reason:
                return
            self.reason = reason
            if family is None:
                family = descendants(self.process.pid, process_table())
            for pid in family[1:]:  # in a sandbox the first of them is the namespace's init: with it, all go
                with suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
            with suppress(OSError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.kill()
            self.process.wait()
            if self.scratch:
                shutil.rmtree(self.scratch, ignore_errors=True)
            self.on_stop(self)

    def close(self) -> None:
        """It is no longer needed."""
        self.stop("is done")
        self.process.stdin.close()
        self.process.stdout.close()


@dataclass(frozen=True)
class Process:
    """A line of the process table."""

    parent: int
    seconds: float
    memory: int
    threads: int


def process_table() -> dict[int, Process]:
    """All processes that this one can see, by number; empty where there is no /proc."""
    found, page, second = {}, os.sysconf("SC_PAGE_SIZE"), os.sysconf("SC_CLK_TCK")
    for name in os.listdir("/proc") if os.path.isdir("/proc/self") else ():
        if name.isdigit():
            with suppress(OSError, ValueError, IndexError):
                with open(f"/proc/{name}/stat", "rb") as file:
                    fields = file.read().rpartition(b")")[2].split()
                cpu = sum(map(int, fields[11:15])) / second  # its own, and that of children it has waited for
                found[int(name)] = Process(int(fields[1]), cpu, int(fields[21]) * page, int(fields[17]))
    return found


def queued(pid: int) -> float:
    """Seconds for which a process was ready to run and others had the cores; 0 where that is not told."""
    with suppress(OSError, ValueError, IndexError):
        return int(Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()[1]) / 1e9
    return 0.0


def proportional(pid: int, resident: int) -> int:
    """Bytes that a process holds, pages that it shares with others counted in part (PSS): a fork is no second torch.

    Where that is not told, what is resident.
    """
    with suppress(OSError, ValueError, StopIteration):
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("Pss:")) * 1024
    return resident


def descendants(root: int, table: dict[int, Process]) -> list[int]:
    """A process and all that it and they started, parents before children."""
    children: dict[int, list[int]] = {}
    for pid, process in table.items():
        children.setdefault(process.parent, []).append(pid)
    family = [root] if root in table else []
    for pid in family:
        family += children.get(pid, [])
    return family


def _clear_after_the_dead() -> None:
    """Remove what graders have left that were killed: no one holds the lock in their folder."""
    for lock in Path(tempfile.gettempdir()).glob("effnet-grade-*/lock"):
        with suppress(OSError):  # held, or gone since: another grader clears as well
            if lock.lstat().st_uid != os.geteuid():  # someone else's, and perhaps a pipe that never opens
                continue
            with open(lock) as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(lock.parent, ignore_errors=True)


def _copy_package(target: Path) -> None:
    """The package as student code may see it: without the exercises and the grader."""
    shutil.copytree(PACKAGE, target / "effnet_course", ignore=shutil.ignore_patterns(*KEPT_BACK))
    grading = target / "effnet_course" / "grading"
    grading.mkdir()
    for name in ("kernel.py", "wire.py", "worker.py"):
        shutil.copy(PACKAGE / "grading" / name, grading)
    (grading / "__init__.py").touch()
    (target / "effnet_course" / "doctor.py").write_text("def summary():\n    return ''\n")
    for path in [target, *target.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)


def _system_folders() -> list[tuple[Path, str]]:
    """What a Python needs of the system, and the Python itself, each at its own place."""
    base = Path(sys.base_prefix).resolve()
    names = ["/usr/lib", "/usr/lib64", "/lib", "/lib64", "/etc/ld.so.cache", str(base)]
    return [(Path(name), name) for name in names if Path(name).exists()]


def _library_folders() -> list[Path]:
    """Where installed packages are; a checkout of the course is not among them."""
    folders = [Path(entry).resolve() for entry in sys.path if entry]
    found = [f for f in folders if f.name in ("site-packages", "dist-packages") and f.is_dir()]
    return list(dict.fromkeys(found))


def visible(path: Path) -> bool:
    """Whether a file would be seen by student code in the sandbox."""
    seen = [folder for folder, _ in _system_folders()] + _library_folders()
    return any(path.resolve().is_relative_to(folder) for folder in seen)


def _hidden(binds: list[tuple[Path, str]]) -> list[str]:
    """Places in the sandbox that hold the whole package (an install, a checkout) and must be covered."""
    found = []
    for source, target in binds:
        for inside in {PACKAGE, *source.glob("effnet_course")} if target != "/course" else ():
            if inside.exists() and inside.resolve().is_relative_to(Path(source).resolve()):
                found.append(f"{target}/{inside.resolve().relative_to(Path(source).resolve())}")
    return found
