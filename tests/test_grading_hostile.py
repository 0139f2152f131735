"""What submissions that mean harm come to: their own mark, and nothing else. Needs bubblewrap; nothing runs outside it.

`pytest tests/test_grading_hostile.py -m '' -s` prints what each did, in seconds and points.
"""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import hostile
import pytest

from effnet_course.exercises import sheet
from effnet_course.grading.kernel import KNOWN
from effnet_course.grading.marking import mark, tasks
from effnet_course.grading.sandbox import Limits, Sandbox, Stopped, descendants, process_table

LIMITS = Limits(seconds=1, memory=512)
STOPPED = {  # what becomes of 02.3, where it is not simply wrong
    "endless loop in one exercise": "ran for more than",
    "sleeps for an hour": "ran for more than",
    "leaves the process": "ended the process",
    "crashes the interpreter": "ended the process",
    "forges a result": "not an answer",
    "fork bomb": "was stopped",
    "thread bomb": "was stopped",
    "memory bomb in children": "was stopped",
    "10 GB of output": "ran for more than",
}
PATIENCE = ("sleeps for an hour", "endless loop in a cell", "an array of 40 MB", "a huge text", "reads the requests")
QUICK = [name for name in hostile.QUICK if not name.endswith(PATIENCE)]
SLOW = [name for name in [*hostile.QUICK, *hostile.HEAVY] if name not in QUICK]


@pytest.fixture(scope="module")
def todo():
    return tasks(sheet("02"), 7)


@pytest.mark.parametrize("name", [*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)])
def test_it_gets_what_its_right_answer_is_worth_and_no_more(box, todo, name):
    cells = (hostile.QUICK | hostile.HEAVY)[name]
    before, begun = _memory(), time.monotonic()
    marks, notes = mark(cells, todo, box)
    taken = time.monotonic() - begun
    print(f"\n{name:32}{taken:6.1f} s  {sum(one.points for one in marks):g} points  {marks[2].verdict}  {notes[:2]}")
    assert [one.points for one in marks] == [0, 0, 0, 0, 2, 0]
    assert taken < 40
    assert STOPPED.get(name, "") in " ".join(notes)
    assert _memory() > before - 2 * 2**30
    assert len(descendants(os.getpid(), process_table())) < 5, "something is still running"


def test_what_it_looked_for_was_not_there(box, todo, monkeypatch):
    monkeypatch.setenv("EFFNET_TEST_SECRET", "seed")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        socket.create_connection(("127.0.0.1", port), 1).close()  # from here it is to be had
        cell = hostile.QUICK["looks for secrets"][1].replace("22)", f"{port})")
        assert str(port) in cell
        _, notes = mark([cell], todo, box)
    assert notes == ["code cell 1: ValueError: found []"]


HOLDS = """
import ctypes, mmap, os, subprocess, sys
libc = ctypes.CDLL(None)
clone, keyctl = {"x86_64": (56, 250), "aarch64": (220, 219)}[os.uname().machine]
tries = {
    "a segment": lambda: libc.shmget(0, 2**20, 0o1600),
    "a queue": lambda: libc.msgget(0, 0o1600),
    "a file without a name": lambda: os.memfd_create("a"),
    "a shared mapping": lambda: bool(mmap.mmap(-1, 2**20)),
    "a shared mapping of zeros": lambda: bool(mmap.mmap(os.open("/dev/zero", os.O_RDWR), 2**20)),
    "a namespace": lambda: libc.unshare(0x10000000),
    "a child in a namespace": lambda: libc.syscall(clone, 0x10000011, 0, 0),
    "a child by clone3": lambda: libc.syscall(435, 0, 0),
    "a keyring": lambda: libc.syscall(keyctl, 0, -4, 0),
    "a namespace, of a child": lambda: int(subprocess.run([sys.executable, "-c",
        "import ctypes; print(ctypes.CDLL(None).unshare(0x10000000))"], capture_output=True).stdout),
}
had = []
for name, attempt in tries.items():
    try:
        if attempt() != -1:
            had.append(name)
    except OSError:
        pass
raise ValueError(had)
"""


@pytest.mark.skipif(not KNOWN, reason="no filter for this machine")
@pytest.mark.parametrize("as_root", [True, False])
def test_memory_that_no_process_holds_is_not_to_be_had(box, todo, monkeypatch, as_root):
    monkeypatch.setattr(box, "root", box.root and as_root)
    assert mark([HOLDS], todo, box)[1] == ["code cell 1: ValueError: []"]


def test_what_covers_the_package_cannot_be_written_to(todo, tmp_path, monkeypatch):
    (tmp_path / "site-packages/effnet_course").mkdir(parents=True)
    monkeypatch.syspath_prepend(tmp_path / "site-packages")
    with Sandbox(LIMITS) as sandbox:
        monkeypatch.setattr(sandbox, "root", False)
        notes = mark(["open('/libraries/0/effnet_course/a', 'w')"], todo, sandbox)[1]
    assert "Read-only file system" in notes[0]


def test_magics_and_shell_escapes_were_not_run(box, todo):
    assert mark(hostile.QUICK["magics and shell escapes"], todo, box)[1] == []


def test_the_log_says_who_asked_for_the_answers(box, todo):
    _, notes = mark(hostile.QUICK["asks for the answers"], todo, box)
    assert "asks for the course's own answers" in notes[0]


def test_the_answers_are_not_in_the_workers_copy(box):
    copy = box._folder / "course" / "effnet_course"
    texts = {path.relative_to(copy).as_posix(): path.read_text() for path in copy.rglob("*.py")}
    assert "cost.py" in texts and not any(name.startswith("exercises") for name in texts)
    assert [name for name, text in texts.items() if "Misconception(" in text] == ["checking.py"]


def test_limits_are_proven_small_before_anything_is_tried_large(box, todo, monkeypatch):
    forks = (
        "import os, time\nmade = 0\ntry:\n    for _ in range(60):\n        if os.fork() == 0:\n"
        "            time.sleep(3)\n            os._exit(0)\n        made += 1\n"
        "except OSError:\n    pass\ntime.sleep(1)  # the watcher looks ten times a second\nraise ValueError(made)"
    )
    [note] = mark([forks], todo, box)[1]
    if box.root or os.geteuid():
        assert 10 < int(note.rpartition(" ")[2]) <= LIMITS.processes
    monkeypatch.setattr(box, "root", False)  # RLIMIT_NPROC does not hold for root; but the watcher counts, too
    notes = mark([forks], todo, box)[1]
    assert os.geteuid() or "started more than 32 processes and was stopped" in " ".join(notes)
    assert "MemoryError" in mark(["x = bytearray(600 * 2**20)"], todo, box)[1][0]
    assert "File too large" in mark(["open('a', 'wb').write(bytes(9 * 2**20))"], todo, box)[1][0]


@pytest.mark.parametrize("busy", [True, False])
def test_the_clock_stands_still_while_others_have_the_cores(box, monkeypatch, busy):
    if busy:  # as if every second were spent in the queue
        monkeypatch.setattr("effnet_course.grading.sandbox.queued", lambda pid: time.monotonic())
    worker = box.start(0, {})
    worker.allow(0.1)  # 3.3 s by the clock
    try:
        assert worker.ask({"cell": 1, "source": "import time\ntime.sleep(4)"})["error"] == "" and busy
    except Stopped as stop:
        assert "3.3 s by the clock" in str(stop) and not busy
    finally:
        worker.close()


def test_two_at_a_time_do_not_see_one_another(box):
    one, two = box.start(0, {}), box.start(1, {})
    try:
        assert two.ask({"cell": 1, "source": "open('/dev/shm/note', 'w').write('x')\nopen('note', 'w')"})["error"] == ""
        look = "import os\nraise ValueError(os.listdir('/dev/shm') + os.listdir('.') + [p for p in os.listdir('/proc')"
        seen = one.ask({"cell": 1, "source": f"{look} if p.isdigit()])"})["error"]
        assert seen == "ValueError: ['1', '2']"
    finally:
        one.close()
        two.close()


@pytest.mark.parametrize("name", ["endless loop in one exercise", "leaves the process", "patches the comparison"])
def test_without_a_sandbox_limits_of_time_still_hold(todo, name):
    cells = hostile.QUICK[name]
    with Sandbox(LIMITS, protected=False) as sandbox:
        marks, _ = mark(cells, todo, sandbox)
        assert [one.points for one in marks] == [0, 0, 0, 0, 2, 0]


@pytest.mark.slow
def test_a_process_that_got_away_does_not_hold_the_grader_up(todo):
    cell = (
        "import os, threading, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(60)\n    os._exit(0)\n"
        "threading.Timer(0.3, os._exit, [0]).start()"
    )
    begun = time.monotonic()
    with Sandbox(LIMITS, protected=False) as sandbox:
        mark([cell, "import time\ntime.sleep(0.5)", "x = 1\n" * 100_000], todo[:1], sandbox)
    assert time.monotonic() - begun < 50


def test_a_grader_that_is_killed_takes_its_workers_with_it(box, tmp_path):
    code = (
        "from effnet_course.grading.sandbox import Sandbox, Limits\n"
        "worker = Sandbox(Limits()).start(0, {})\nworker.allow(60)\nprint(worker.process.pid, flush=True)\n"
        "worker.ask({'cell': 1, 'source': 'while True: pass'})"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    grader = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=environment)
    worker = int(grader.stdout.readline())
    family = descendants(worker, process_table())
    assert len(family) == 3
    grader.kill()
    grader.wait()
    grader.stdout.close()
    for _ in range(100):
        if not [pid for pid in family if Path(f"/proc/{pid}").exists()]:
            return
        time.sleep(0.05)
    pytest.fail("the worker lives on")


def _memory() -> int:
    """Bytes that are available on this machine."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable")) * 1024
