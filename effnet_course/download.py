"""Fetch a file over a network that may be slow, broken or absent. Standard library and tqdm only.

Several mirrors are tried in turn. What has arrived is kept in a `.part` file per mirror and the next call
goes on behind its last byte. Nothing that is complete is overwritten, and what turns out damaged is renamed
`*.corrupt`, not deleted. (Why not a library: pooch, the usual choice for this, neither resumes nor leaves a
mirror that has become slow; see docs/data.md.)
"""

import errno
import hashlib
import http.client
import os
import shutil
import socket
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

Result = TypeVar("Result")
_CHUNK = 1 << 16


class DataError(Exception):
    """Images cannot be had. The message is a sentence that says why and what to do."""


class Corrupt(DataError):
    """A file or folder that does not hold what it should: `.path` names it, `.reason` says what is wrong."""

    def __init__(self, path: Path, reason: str):
        super().__init__(f"{path} {reason}")
        self.path, self.reason = Path(path), reason


class _Unavailable(Exception):
    """This mirror did not work: try the next."""


class _Slow(_Unavailable):
    """This mirror is slower than asked for, or fell silent."""


@dataclass(frozen=True)
class Remote:
    """One file at one address."""

    name: str  # what it is called once it is here
    url: str
    md5: str = ""  # as published; empty when unknown
    size: int = 0  # bytes; 0 when unknown


@dataclass(frozen=True)
class Pace:
    """How patient to be."""

    connect: float = 2.0  # seconds for a host to answer at all
    silence: float = 15.0  # seconds without a byte
    slow: float = 150_000  # bytes per second below which the next mirror is tried; 0 takes any speed
    window: float = 10.0  # seconds over which the speed is measured


def offline() -> bool:
    """Whether EFFNET_OFFLINE forbids the network (any value but empty or 0)."""
    return os.environ.get("EFFNET_OFFLINE", "0") not in ("", "0")


def set_aside(path: Path) -> Path:
    """Rename a damaged file or folder to `<name>.corrupt` (or `.corrupt-2`, ...); returns the new path."""
    number = 1
    while (aside := path.with_name(path.name + (".corrupt" if number == 1 else f".corrupt-{number}"))).exists():
        number += 1
    return path.rename(aside)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file `path`, waiting while another process does. A killed process frees it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a") as file:
        said = False
        while not _try_lock(file):
            if not said:
                print(f"Another process is preparing the same data; waiting for it ({path}).", flush=True)
                said = True
            time.sleep(0.1)
        yield


def _try_lock(file) -> bool:
    """True when the lock is ours, or the file system has no locks (then renames alone keep data whole)."""
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def check_space(folder: Path, needed: int) -> None:
    """Raises DataError if `folder`'s disk has fewer than `needed` bytes free."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise DataError(
            f"The disk is too full: {needed:,} bytes are needed in {folder} and {free:,} are free. "
            "Free some space, or set EFFNET_DATA to a folder on another disk."
        )


@contextmanager
def disk_full_explained(folder: Path, needed: int) -> Iterator[None]:
    """Turn the system's 'no space left' into a DataError that says how many bytes are needed."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise DataError(
            f"The disk became full: {needed:,} bytes are needed in {folder}. What was fetched is kept; "
            "free some space, or set EFFNET_DATA to a folder on another disk, and run it again."
        ) from error


def _reachable(urls: Sequence[str], seconds: float) -> list[bool]:
    """Which hosts (or the proxy before them) accept a connection within `seconds`; all are asked at once."""
    answers = [False] * len(urls)

    def knock(number: int, url: str) -> None:
        parts = urllib.parse.urlsplit(url)
        proxy = urllib.request.getproxies().get(parts.scheme)
        if proxy and not urllib.request.proxy_bypass(parts.hostname):
            parts = urllib.parse.urlsplit(proxy if "//" in proxy else "//" + proxy, scheme=parts.scheme)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        try:
            socket.create_connection((parts.hostname, port), seconds).close()
            answers[number] = True
        except OSError:
            pass

    threads = [threading.Thread(target=knock, args=item, daemon=True) for item in enumerate(urls)]
    for thread in threads:
        thread.start()
    until = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    return list(answers)


def obtain(
    mirrors: Sequence[tuple[Remote, ...]],
    folder: Path,
    accept: Callable[[list[Path]], Result],
    pace: Pace | None = None,
    patient: bool = False,
) -> Result:
    """Fetch the files of the first mirror that works and return what `accept` makes of their paths.

    `accept` raises Corrupt to refuse: the file it names is set aside and the next mirror is tried. A patient
    call comes back in the end to mirrors that were merely slow. Raises DataError when no mirror is left,
    saying what happened at each.
    """
    if offline():
        raise DataError("EFFNET_OFFLINE is set, so the network was not tried. Unset it to download.")
    pace = pace or Pace()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise DataError(f"{folder} cannot be written to. Set EFFNET_DATA to a folder that can.") from error
    answers = _reachable([files[0].url for files in mirrors], pace.connect)
    if not any(answers):
        raise DataError(f"None of {len(mirrors)} servers can be reached: this machine seems to be offline.")
    queue = [(files, pace, answer) for files, answer in zip(mirrors, answers, strict=True)]
    problems = []
    for files, speed, answered in queue:  # grows when a slow mirror is put back
        host = urllib.parse.urlsplit(files[0].url).netloc
        try:
            if not answered:
                raise _Unavailable("no connection")
            return accept([_download(file, folder, speed) for file in files])
        except _Slow as error:
            problems.append(f"{host}: {error}")
            if patient and speed.slow:
                queue.append((files, replace(speed, slow=0), True))
        except _Unavailable as error:
            problems.append(f"{host}: {error}")
        except Corrupt as error:
            aside = set_aside(error.path)
            print(f"{error.path.name} from {host} {error.reason}; it is now {aside.name}.", flush=True)
            problems.append(f"{host}: {error.path.name} {error.reason}")
    raise DataError(
        f"No mirror worked ({'; '.join(problems)}). Check the connection and try again: what has arrived is "
        f"kept in {folder} and not fetched twice."
    )


def _part(remote: Remote, folder: Path) -> Path:
    """Where a mirror's unfinished file is kept: each mirror has its own."""
    return folder / f"{remote.name}.{hashlib.sha256(remote.url.encode()).hexdigest()[:8]}.part"


def _download(remote: Remote, folder: Path, pace: Pace) -> Path:
    """The complete file, fetched unless it is here. A dropped connection is taken up while bytes arrive."""
    target, part = folder / remote.name, _part(remote, folder)
    while not target.exists():
        before = part.stat().st_size if part.exists() else 0
        complete = _receive(remote, part, pace)
        if complete:
            if remote.md5 and _md5(part) != remote.md5:
                raise Corrupt(part, "is not the published file: its MD5 differs")
            os.replace(part, target)
        elif part.exists() and part.stat().st_size <= before:
            raise _Unavailable(f"sent only {before:,} bytes of the file")
    return target


def _receive(remote: Remote, part: Path, pace: Pace) -> bool:
    """Append to `part` what is missing: True when it is complete, False when the connection broke off."""
    have = part.stat().st_size if part.exists() else 0
    headers = {"User-Agent": "effnet-course", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    try:
        response = urllib.request.urlopen(urllib.request.Request(remote.url, headers=headers), timeout=pace.silence)
    except urllib.error.HTTPError as error:
        if error.code == 416 and have:  # nothing behind the last byte: that was all, or the file has changed
            if error.headers.get("Content-Range", "") == f"bytes */{have}":
                return True
            set_aside(part)
            return False
        raise _Unavailable(f"answered {error.code} {error.reason}") from error
    except (OSError, http.client.HTTPException) as error:
        raise _Unavailable(f"no answer ({getattr(error, 'reason', error)})") from error
    with response:
        resumed = response.status == 206
        if resumed and not response.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
            raise _Unavailable("sent another part of the file than asked for")
        length = response.headers.get("Content-Length")
        total = int(length) + (have if resumed else 0) if length else remote.size
        if remote.size and total != remote.size:
            raise _Unavailable(f"offers {total:,} bytes where {remote.size:,} were expected")
        check_space(part.parent, max(0, total - have))
        if not resumed and have and not _same_start(response, part, pace):
            set_aside(part)  # the server ignores ranges and sends something else than before
            return False
        with disk_full_explained(part.parent, max(0, total - have)):
            _copy(response, part, total, pace, remote.name)
    return not total or part.stat().st_size == total


def _read(response, count: int) -> bytes:
    try:
        return response.read1(count)
    except TimeoutError as error:
        raise _Slow("fell silent") from error
    except (OSError, http.client.HTTPException):
        return b""  # the connection broke off


def _same_start(response, part: Path, pace: Pace) -> bool:
    """Read as much of the response as is already in `part`; False if the two differ."""
    with open(part, "rb") as known:
        while expected := known.read(_CHUNK):
            while expected:
                chunk = _read(response, len(expected))
                if not chunk or chunk != expected[: len(chunk)]:
                    return not chunk
                expected = expected[len(chunk) :]
    return True


def _copy(response, part: Path, total: int, pace: Pace, name: str) -> None:
    from tqdm.auto import tqdm

    with (
        open(part, "ab", buffering=0) as file,  # unbuffered: what has arrived survives a kill
        tqdm(total=total or None, initial=file.tell(), unit="B", unit_scale=True, desc=name, mininterval=0.5) as bar,
    ):
        since, arrived = time.monotonic(), 0
        while chunk := _read(response, _CHUNK):
            file.write(chunk)
            bar.update(len(chunk))
            arrived += len(chunk)
            passed = time.monotonic() - since
            if passed >= pace.window:
                if arrived < pace.slow * passed:
                    raise _Slow(f"is slow ({arrived / passed / 1000:,.0f} kB/s)")
                since, arrived = time.monotonic(), 0


def _md5(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
