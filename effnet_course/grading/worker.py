"""The worker: runs a student's cells, then calls the functions they define. It knows no answers.

It runs in the sandbox, on a copy of the package without exercises. Requests come in on standard input, replies go out
on what was standard output; the student's code sees neither: what it prints goes nowhere. Whatever the code does to
this process, all that can come out of it are outputs, and it is the grader who compares them.
"""

import ast
import codeop
import linecache
import os
import re
import sys
import types
from typing import Any

from effnet_course import checking
from effnet_course.grading import kernel
from effnet_course.grading.wire import frame, pack, read_message, unpack

MAGIC = re.compile(r"^(\s*)(?:[%!?].*|\w+\s*=\s*[%!].*|[\w.]+\?\??\s*)$")  # %matplotlib, !ls, x = !ls, print?
HARMLESS = ("%%time", "%%timeit", "%%capture")  # cell magics around code of the student's own


def main() -> None:
    """Answer requests until there are none to come."""
    requests, replies = os.fdopen(os.dup(0), "rb"), os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nowhere, standard)
    request = read_message(requests) or {}
    confine(request)
    notebook = Notebook(request.get("functions", {}))
    reply: dict[str, Any] = {"ready": True}
    while True:
        data = memoryview(frame({**reply, "number": request.get("number")}))
        while data:
            data = data[os.write(replies, data) :]
        request = read_message(requests)
        if request is None:
            return
        if "cell" in request:
            reply = {"error": notebook.run_cell(request["source"], request["cell"])}
        elif "helpers" in request:
            reply = {"helpers": notebook.helpers(request["helpers"])}
        else:
            reply = {"output": notebook.call(request["call"], unpack(request["case"]), request["limit"])}


def confine(start: dict[str, Any]) -> None:
    """Give up root, where we have it, and take on the limits. Before any of the student's code runs."""
    if start.get("user"):
        os.setgroups([])
        os.setresgid(start["user"], start["user"], start["user"])
        os.setresuid(start["user"], start["user"], start["user"])
    try:
        import resource
    except ImportError:
        return
    for name, value in start.get("limits", {}).items():
        _, most = resource.getrlimit(getattr(resource, name))
        value = value if most == resource.RLIM_INFINITY else min(value, most)
        try:
            resource.setrlimit(getattr(resource, name), (value, value))
        except (ValueError, OSError):
            pass  # a platform that does not know this limit
    if start.get("filter") and kernel.KNOWN:
        kernel.refuse()


class Notebook:
    """A student's cells, run one after the other in one namespace, as in Jupyter."""

    def __init__(self, functions: dict[str, list[str]]):
        """`functions`: the names that count, each with the helpers that its exercise names."""
        checking.check = checking.hint = lambda *arguments, **keywords: None
        self.functions = functions
        self.answers: dict[str, Any] = {}  # the last callable that each name stood for
        self.module = types.ModuleType("__main__")
        self.space = self.module.__dict__
        self.space["display"] = lambda *arguments, **keywords: None
        sys.modules["__main__"] = self.module
        self.compile = codeop.Compile()  # remembers `from __future__ import ...`
        self._run, self._helpers_used = checking.run, checking.helpers_used

    def run_cell(self, source: str, number: int) -> str:
        """Run a cell, statement by statement; one that fails does not keep the next from running.

        Returns the first error in words, or "". Magics and shell escapes do nothing.
        """
        name = f"<cell {number}>"
        try:
            source, tree = _parsed(source, name)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            return _words(error)
        linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
        first = ""
        for statement in tree.body:
            if isinstance(statement, ast.FunctionDef) and statement.name in self.answers and _is_stub(statement):
                continue  # an empty copy of a cell that is answered further up
            try:
                exec(self.compile(ast.Module([statement], []), name, "exec"), self.space)
            except BaseException as error:
                first = first or _words(error)
            for function in self.functions:
                if callable(self.space.get(function)):
                    self.answers[function] = self.space[function]
        return first

    def helpers(self, function: str) -> list[str]:
        """Which of the helpers that its exercise names a function uses."""
        try:
            return [str(name) for name in self._helpers_used(self.answers.get(function), self.functions[function])]
        except BaseException:
            return []

    def call(self, function: str, case: dict[str, Any], limit: int) -> Any:
        """What a function returns for one case, packed; what takes more than `limit` bytes does not cross."""
        try:
            answer = self.answers.get(function, self.space.get(function))
            tree = pack(self._run(answer, [case])[0])
            if len(frame({"output": tree})) > limit:
                tree = {"foreign": "more than there can be in an answer"}
        except BaseException as error:
            tree = {"raised": [type(error).__name__, "", ""]}
        return tree


def _parsed(source: str, name: str) -> tuple[str, ast.Module]:
    lines = source.splitlines()
    opening = next((line for line in lines if line.strip()), "")
    if opening.startswith("%%"):
        if not opening.startswith(HARMLESS):
            return "", ast.Module([], [])
        lines[lines.index(opening)] = ""
    source = "\n".join(lines)
    try:
        return source, ast.parse(source, name)
    except SyntaxError:
        plain = "\n".join(MAGIC.sub(r"\1pass", line) for line in lines)
        if plain == source:
            raise
        return plain, ast.parse(plain, name)


def _is_stub(function: ast.FunctionDef) -> bool:
    """Nothing but a docstring and `raise NotImplementedError`, or `...`, or `pass`."""
    body = [line for line in function.body if not (isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant))]
    if len(body) > 1:
        return False
    return all(
        isinstance(line, ast.Pass) or isinstance(line, ast.Raise) and "NotImplementedError" in ast.dump(line)
        for line in body
    )


def _words(error: BaseException) -> str:
    try:
        text = str(error)
    except BaseException:
        text = ""
    return f"{type(error).__name__}: {text}"[:300].rstrip(": ")


if __name__ == "__main__":
    main()
