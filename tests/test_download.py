"""Downloads go on where they stopped, leave bad mirrors, never lose what is good. Served from 127.0.0.1."""

import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from effnet_course.download import Corrupt, DataError, Pace, Remote, locked, obtain, set_aside

BODY = np.random.RandomState(0).bytes(400_000)
PACE = Pace(connect=1, silence=0.4, slow=0, window=0.2)


@dataclass
class Served:
    """What one request got."""

    path: str
    start: int
    sent: int = 0


class Handler(BaseHTTPRequestHandler):
    """The first word of a path says how the server misbehaves: /good/file, /gone/file, ..."""

    def do_GET(self):
        way, body = self.path.split("/")[1], self.server.body
        if way == "gone":
            return self.send_error(404)
        start, whole = 0, way in ("no_ranges", "changed")
        if way == "changed":
            body = body[::-1]
        if "Range" in self.headers and not whole:
            start = int(self.headers["Range"].removeprefix("bytes=").rstrip("-"))
        served = Served(self.path, start)
        self.server.log.append(served)
        if start >= len(body):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(body)}")
            return self.end_headers()
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        self.end_headers()
        part = body[start:]
        if way == "truncated":
            part = body[start : len(body) // 2]
        elif way == "drops":
            part = part[:150_000]
        elif way == "corrupt":
            part = bytes(len(part))
        step = 1_000 if way == "slow" else 10_000
        try:
            while chunk := part[served.sent : served.sent + step]:
                served.sent += len(chunk)
                self.wfile.write(chunk)
                if way in ("slow", "steady", "stalls"):
                    time.sleep(1.5 if way == "stalls" else 0.02)
        except OSError:
            pass  # the client has left

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    """A server of BODY; `.log` is what it sent, `.remote("good")` a mirror that behaves so."""
    monkeypatch.delenv("EFFNET_OFFLINE", raising=False)
    monkeypatch.setenv("no_proxy", "*")
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.body, http.log, http.daemon_threads = BODY, [], True
        http.remote = lambda way, **more: (
            Remote("file.bin", f"http://127.0.0.1:{http.server_port}/{way}/file", **more),
        )
        threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True).start()
        yield http
        http.shutdown()


def accept(paths):
    """Refuse anything but BODY."""
    if paths[0].read_bytes() != BODY:
        raise Corrupt(paths[0], "holds something else")
    return paths[0]


def get(folder, *mirrors, pace=PACE, patient=False):
    return obtain(mirrors, folder, accept, pace, patient)


def test_a_good_mirror_is_fetched_once_and_leaves_nothing_else_behind(server, tmp_path):
    assert get(tmp_path, server.remote("good")).read_bytes() == BODY
    get(tmp_path, server.remote("good"))
    assert [served.sent for served in server.log] == [len(BODY)]
    assert os.listdir(tmp_path) == ["file.bin"]


@pytest.mark.parametrize("bad", ["gone", "truncated", "stalls", "corrupt"])
def test_the_next_mirror_takes_over_from_a_bad_one(server, tmp_path, bad):
    started = time.monotonic()
    assert get(tmp_path, server.remote(bad), server.remote("good")).read_bytes() == BODY
    assert time.monotonic() - started < 5


def test_a_refused_connection_costs_no_time(server, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        closed = (Remote("file.bin", f"http://127.0.0.1:{free.getsockname()[1]}/x"),)
    started = time.monotonic()
    assert get(tmp_path, closed, server.remote("good")).read_bytes() == BODY
    assert time.monotonic() - started < 2


def test_a_corrupt_file_is_named_and_set_aside_not_deleted(server, tmp_path, capsys):
    get(tmp_path, server.remote("corrupt"), server.remote("good"))
    assert (tmp_path / "file.bin.corrupt").read_bytes() == bytes(len(BODY))
    assert "file.bin" in capsys.readouterr().out


def test_a_published_md5_is_checked_before_the_content(server, tmp_path):
    mirrors = [server.remote("corrupt", md5=hashlib.md5(BODY).hexdigest()), server.remote("good")]
    assert obtain(mirrors, tmp_path, lambda paths: paths[0], PACE).read_bytes() == BODY
    assert len(list(tmp_path.glob("*.corrupt"))) == 1


def test_setting_aside_never_overwrites_what_was_set_aside_before(tmp_path):
    for content in ("first", "second"):
        (tmp_path / "file").write_text(content)
        set_aside(tmp_path / "file")
    assert (tmp_path / "file.corrupt").read_text() == "first"
    assert (tmp_path / "file.corrupt-2").read_text() == "second"


def test_a_dropped_connection_is_taken_up_again_without_fetching_a_byte_twice(server, tmp_path):
    get(tmp_path, server.remote("drops"))
    assert [served.start for served in server.log] == [0, 150_000, 300_000]
    assert sum(served.sent for served in server.log) == len(BODY)


def partial(server, folder, way, content):
    """Leave the partial file that an interrupted download of this mirror leaves; returns its path."""
    with pytest.raises(DataError):
        get(folder, server.remote("gone"))
    name = hashlib.sha256(server.remote(way)[0].url.encode()).hexdigest()[:8]
    part = folder / f"file.bin.{name}.part"
    part.write_bytes(content)
    return part


def test_a_partial_file_is_continued_behind_its_last_byte(server, tmp_path):
    partial(server, tmp_path, "good", BODY[:123_456])
    get(tmp_path, server.remote("good"))
    assert server.log[-1] == Served("/good/file", 123_456, len(BODY) - 123_456)


def test_a_download_killed_after_its_last_byte_is_simply_finished(server, tmp_path):
    partial(server, tmp_path, "good", BODY)
    get(tmp_path, server.remote("good"))
    assert sum(served.sent for served in server.log) == 0


def test_a_server_that_ignores_ranges_still_gives_the_right_file(server, tmp_path):
    partial(server, tmp_path, "no_ranges", BODY[:100_001])
    assert get(tmp_path, server.remote("no_ranges")).read_bytes() == BODY


def test_a_partial_of_another_file_is_set_aside_and_fetched_anew(server, tmp_path):
    server.body = BODY[::-1]
    part = partial(server, tmp_path, "changed", b"something else" * 100)
    assert get(tmp_path, server.remote("changed")).read_bytes() == BODY
    assert part.with_name(part.name + ".corrupt").read_bytes() == b"something else" * 100


def test_a_stalled_mirror_keeps_its_partial_file(server, tmp_path):
    get(tmp_path, server.remote("stalls"), server.remote("good"))
    (part,) = tmp_path.glob("*.part")
    assert 0 < part.stat().st_size < len(BODY)


def test_a_slow_mirror_is_left_and_taken_up_again_only_by_a_patient_call(server, tmp_path):
    server.body = BODY[:60_000]
    pace = Pace(connect=1, silence=1, slow=1_000_000, window=0.2)
    mirror = server.remote("slow")
    with pytest.raises(DataError, match="slow.*kB/s"):
        obtain([mirror], tmp_path, lambda paths: paths[0], pace)
    assert obtain([mirror], tmp_path, lambda paths: paths[0], pace, patient=True).read_bytes() == BODY[:60_000]
    assert server.log[-1].start > 0


def test_offline_means_that_nothing_is_asked(server, tmp_path, monkeypatch):
    monkeypatch.setenv("EFFNET_OFFLINE", "1")
    with pytest.raises(DataError, match="EFFNET_OFFLINE"):
        get(tmp_path, server.remote("good"))
    assert server.log == []


def test_without_a_network_the_call_fails_at_once_and_says_so(server, tmp_path):
    started = time.monotonic()
    with pytest.raises(DataError, match="offline"):
        get(tmp_path, (Remote("x", "http://nowhere.invalid/x"),), (Remote("x", "http://127.0.0.1:9/x"),))
    assert time.monotonic() - started < 2.5


def test_a_full_disk_is_a_sentence_with_the_bytes_that_are_needed(server, tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
    with pytest.raises(DataError, match="400,000 bytes are needed.*1,000 are free"):
        get(tmp_path, server.remote("good"))


def test_every_mirror_that_failed_is_in_the_message(server, tmp_path):
    with pytest.raises(DataError, match="404.*holds something else"):
        get(tmp_path, server.remote("gone"), server.remote("corrupt"))


FETCH = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from effnet_course.download import Pace, Remote, locked, obtain
    folder, url = Path(sys.argv[1]), sys.argv[2]
    with locked(folder / "lock"):
        obtain([(Remote("file.bin", url),)], folder, lambda paths: paths[0], Pace(slow=0))
    """
)


def process(server, folder, way):
    url = server.remote(way)[0].url
    return subprocess.Popen([sys.executable, "-c", FETCH, str(folder), url], stderr=subprocess.DEVNULL)


def test_what_arrived_before_a_kill_is_not_fetched_again(server, tmp_path):
    child = process(server, tmp_path, "steady")
    until = time.monotonic() + 20
    while time.monotonic() < until:
        parts = list(tmp_path.glob("*.part"))
        if parts and parts[0].stat().st_size >= 100_000:
            break
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    child.wait()
    kept = parts[0].stat().st_size
    assert 100_000 <= kept < len(BODY)
    assert parts[0].read_bytes() == BODY[:kept]
    get(tmp_path, server.remote("steady"))
    assert server.log[-1] == Served("/steady/file", kept, len(BODY) - kept)


def test_two_processes_at_once_fetch_the_file_once(server, tmp_path):
    children = [process(server, tmp_path, "steady") for _ in range(2)]
    assert [child.wait(timeout=30) for child in children] == [0, 0]
    assert (tmp_path / "file.bin").read_bytes() == BODY
    assert sum(served.sent for served in server.log) == len(BODY)


@pytest.mark.skipif(sys.platform == "win32", reason="flock")
def test_a_lock_is_free_again_when_its_holder_is_killed(tmp_path):
    hold = "import sys,time; from pathlib import Path; from effnet_course.download import locked\n"
    hold += "with locked(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", hold, tmp_path / "lock"], stdout=subprocess.PIPE) as child:
        assert child.stdout.readline() == b"held\n"
        child.kill()
        child.wait()
    started = time.monotonic()
    with locked(tmp_path / "lock"):
        assert time.monotonic() - started < 1
