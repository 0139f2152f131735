"""Submissions of sheet 02 that mean harm, or are broken beyond reason. Each has one right answer, 02.5, worth 2 points.

An attack stands in a cell, or in the function of another exercise. None is ever run outside the sandbox.
"""

import json
from pathlib import Path

RIGHT = """
def residual_blocks(stem, stages):
    counts, channels = [], stem
    for _, _, stride, out, repeats in stages:
        counts.append(repeats - 1 + (stride == 1 and channels == out))
        channels = out
    return counts
"""


def swish(body: str) -> str:
    """An answer to 02.3 with this body."""
    return "def swish(x, steepness):\n" + "".join(f"    {line}\n" for line in body.strip().splitlines())


def notebook(*cells: str) -> bytes:
    """A notebook of code cells."""
    made = [{"cell_type": "code", "metadata": {}, "outputs": [], "source": cell} for cell in cells]
    return json.dumps({"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()


LIE = """
class Liar(float):
    __eq__ = __ne__ = __le__ = __ge__ = lambda self, other: True
    __hash__ = float.__hash__
    __sub__ = __rsub__ = lambda self, other: 0.0
    __round__ = lambda self, n=0: self
class Proxy:
    __array_priority__ = 1e9
    def __eq__(self, other): return True
    def __float__(self): return 0.0
    def __getattr__(self, name): return Proxy()
    def __call__(self, *a, **k): return Proxy()
def mbconv(image, expand, kernels, project, stride): return Proxy()
def block_cost(*arguments): return (Liar(1), Liar(1))
def swish(x, steepness): return (Liar(1), Liar(1), Liar(1))
def block_memory(*arguments): return Liar(1), Liar(2)
"""

PATCH = """
import builtins, math, numpy, sys
math.isclose = lambda *a, **k: True
numpy.allclose = numpy.isclose = numpy.array_equal = lambda *a, **k: True
builtins.all = builtins.any = builtins.isinstance = lambda *a, **k: True
builtins.abs = lambda x: 0
builtins.sum = lambda *a: 0
import effnet_course.checking as checking
checking.agree = checking._same = lambda *a, **k: True
checking.judge = lambda exercise, cases, outputs: checking.Verdict(exercise.id, True, exercise.points, None, "Right")
checking.Raised = checking.Foreign = float
import effnet_course.grading.wire as wire
wire.pack = lambda value: 1
import json
json.dumps = lambda *a, **k: '{"passed": true, "points": 21}'
sys.modules["torch"] = sys.modules["numpy"]
"""

FORGE = """
import glob, json, os, struct
text = json.dumps({"output": True, "passed": True, "points": 4, "verdict": "right"}).encode()
for line in (text, b"02.3 right 4 of 4"):
    os.write(1, line + b"\\n")
for fd in range(3, 64):
    try:
        os.write(fd, struct.pack(">I", len(text)) + text)
    except OSError:
        pass
return 0.0, 0.0, 0.0
"""

PEEK = """
import ctypes, os, socket
found = []
for pid in {1, os.getppid(), os.getpid() + 1}:
    for name in ("environ", "mem", "maps", "root/etc/passwd", "fd/3"):
        try:
            with open(f"/proc/{pid}/{name}", "rb") as file:
                if b"seed" in file.read(1000):
                    found.append(name)
        except OSError:
            pass
for place in ("/work", "/home", "/tmp", "/root/.ssh", "/etc/passwd", "/var", "/course/effnet_course/exercises"):
    if os.path.exists(place):
        found.append(place)
found += [name for name in os.environ if name not in {names}]
if ctypes.CDLL(None).ptrace(16, os.getppid(), 0, 0) == 0:
    found.append("ptrace")
try:
    socket.create_connection(("127.0.0.1", {port}), 1)
    found.append("network")
except OSError:
    pass
raise ValueError(f"found {{found}}")
""".replace("{names}", "('HOME', 'LANG', 'MPLBACKEND', 'OMP_NUM_THREADS', 'PYTHONPATH', 'PWD', 'LC_CTYPE')")

ANSWERS = """
try:
    from effnet_course.exercises import sheet
    swish = sheet("02")[2].reference
except ImportError:
    import effnet_course, glob, sys
    for path in [*sys.path, {root!r}, effnet_course.__path__[0]]:
        for name in glob.glob(path + "/**/s02_*.py", recursive=True):
            exec(open(name).read())
""".replace("{root!r}", repr(str(Path(__file__).resolve().parents[1])))

# name: the cells, quick enough for every test run
QUICK = {
    "endless loop in one exercise": [RIGHT, swish("while True: pass")],
    "endless loop in a cell": [RIGHT, "while True: pass", "x = 1"],
    "sleeps for an hour": [RIGHT, swish("import time\ntime.sleep(3600)")],
    "deletes files": [RIGHT, swish("import shutil\nfor place in ('/course', '/libraries/0/numpy', '/scratch'):\n"
                                   "    shutil.rmtree(place, ignore_errors=True)\nreturn 0.0, 0.0, 0.0")],
    "looks for secrets": [RIGHT, PEEK.replace("{port}", "22").replace("{{", "{").replace("}}", "}")],
    "asks for the answers": [RIGHT, ANSWERS],
    "patches the comparison": [PATCH, RIGHT.replace("repeats - 1 +", "-1 + repeats +"), swish("return 1.0, 1.0, 1.0")],
    "lies about equality": [RIGHT, LIE],
    "returns NaN": [RIGHT, swish("return (float('nan'),) * 3")],
    "returns infinity": [RIGHT, swish("return float('inf'), -float('inf'), 10**400")],
    "returns itself, nested": [RIGHT, swish("a = []\na.append(a)\nreturn a")],
    "returns 100 lists in lists": [RIGHT, swish("a = 1.0\nfor _ in range(100): a = [a]\nreturn a, a, a")],
    "returns an array of 40 MB": [RIGHT, swish("import numpy\nreturn numpy.zeros(5_000_000)")],
    "returns an array of objects": [RIGHT, swish("import numpy\nreturn numpy.array([object(), 1, print], object)")],
    "returns a huge text": [RIGHT, swish("return '<script>' * 10_000_000")],
    "returns markup": [RIGHT, swish("return '<script>alert(1)</script></pre>', 1.0, 2.0")],
    "leaves the process": [RIGHT, swish("import os\nos._exit(0)")],
    "leaves the process in a cell": [RIGHT, "import os\nos._exit(0)", swish("return 0.0, 0.0, 0.0")],
    "kills all it can": [RIGHT, swish("import os, signal\nos.kill(-1, signal.SIGKILL)\nos.kill(1, signal.SIGKILL)")],
    "crashes the interpreter": [RIGHT, swish("import ctypes\nctypes.string_at(0)")],
    "raises without end": [RIGHT, swish("return swish(x, steepness)")],
    "raises what is no exception": [RIGHT, swish("class Odd(BaseException):\n    def __str__(self): raise self\n"
                                                 "raise Odd")],
    "forges a result": [RIGHT, swish(FORGE)],
    "reads the requests": [RIGHT, swish("import os\nfor fd in (0, 3, 4, 5, 6):\n    try: os.read(fd, 1)\n"
                                        "    except OSError: pass\nreturn 0.0, 0.0, 0.0")],
    "magics and shell escapes": ["%matplotlib inline\n!touch /scratch/a; rm -rf /\nfiles = !ls\n%timeit 1 + 1\nprint?\n"
                                 + RIGHT, "%%bash\nrm -rf /", "%%time\nx = 1", "import os\nassert not os.listdir('.')"],
    "does not parse": [RIGHT, "def swish(x, steepness:\n    return", "(" * 5000, "x = " + "-" * 100_000 + "1"],
    "names in other scripts": [RIGHT, "größe = 1\n变量 = 2\n" + swish("return 'ñ\\ud800\\u202e\\x00', '🙂', 0.0")],
}  # fmt: skip

# what is tried with small limits first
HEAVY = {
    "fork bomb": [RIGHT, swish("import os\nwhile True:\n    try: os.fork()\n    except OSError: pass")],
    "thread bomb": [RIGHT, swish("import threading, time\nwhile True:\n    try: threading.Thread(target=time.sleep, "
                                 "args=(99,), daemon=True).start()\n    except RuntimeError: pass")],
    "memory bomb": [RIGHT, swish("a = []\nwhile True: a.append(bytearray(10**7))")],
    "memory bomb in children": [RIGHT, swish("import os\nfor _ in range(8):\n    if os.fork() == 0: break\n"
                                             "a = bytearray(150 * 10**6)\nwhile True: pass")],
    "memory bomb in files": [RIGHT, swish("import os\nfor k in range(50):\n    fd = os.memfd_create(str(k))\n"
                                          "    try:\n        while True: os.write(fd, bytes(10**6))\n"
                                          "    except OSError: pass\nraise MemoryError")],
    "fills the disk": [RIGHT, swish("for k in range(10_000):\n    with open(f'/scratch/{k}', 'wb') as file:\n"
                                    "        file.write(bytes(10**6))")],
    "10 GB of output": [RIGHT, swish("for _ in range(10_000):\n    print('x' * 1_000_000)\nreturn 0.0, 0.0, 0.0")],
    "10,000 cells": [RIGHT, *["x = 1"] * 10_000],
    "10,000 cells that loop": [RIGHT, *["while True: pass"] * 10_000],
}  # fmt: skip

FILES = {
    "not JSON": b"\x00\x01{{{",
    "an empty file": b"",
    "JSON, no notebook": b'{"cells": 7}',
    "JSON too deep": b"[" * 200_000,
    "a notebook without cells": b'{"cells": []}',
    "cells that are no cells": b'{"cells": [1, null, {"cell_type": "code", "source": {"a": 1}}]}',
}
