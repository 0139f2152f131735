"""What crosses between the grader and a worker: frames of JSON, and arrays as their bytes. Never a pickle.

`unpack` is fed by student code, so it trusts nothing: what it cannot make plain data of is a ValueError or TypeError.
"""

import base64
import json
import math
import re
from typing import Any, BinaryIO

from effnet_course.checking import Foreign, Raised

DEEPEST = 40  # lists in lists
LONGEST = 5000  # characters of a text
MOST = 10**6  # places in an array, were its empty sides 1
_DTYPE = re.compile(r"[<|][biufcU]\d{1,9}")


def pack(value: Any) -> Any:
    """Plain data (what `checking.plain` gives, `Raised` and `Foreign` included) as a tree that JSON can hold."""
    if value is None or type(value) in (bool, int, float, str):
        return value
    if type(value) is list:
        return [pack(item) for item in value]
    if type(value) is tuple:
        return {"tuple": [pack(item) for item in value]}
    if isinstance(value, dict):
        return {"dict": [[pack(key), pack(item)] for key, item in value.items()]}
    if isinstance(value, Raised):
        return {"raised": [value.kind, value.text, value.line]}
    if isinstance(value, Foreign):
        return {"foreign": value.kind}
    if hasattr(value, "dtype"):
        array = value.astype(value.dtype.newbyteorder("<"))
        if _DTYPE.fullmatch(array.dtype.str):
            return {"array": [array.dtype.str, list(array.shape), base64.b64encode(array.tobytes()).decode()]}
    return {"foreign": f"a {type(value).__name__}"}


def unpack(tree: Any, depth: int = DEEPEST) -> Any:
    """The plain data of a tree. Raises ValueError or TypeError for a tree that `pack` would not make."""
    if tree is None or type(tree) in (bool, float):
        return tree
    if type(tree) is str:
        return tree if len(tree) <= LONGEST else Foreign(f"a text of more than {LONGEST:,} characters")
    if type(tree) is int:
        return tree if tree.bit_length() < 1000 else Foreign("a number of more than 300 digits")
    if depth == 0:
        return Foreign("lists nested too deep")
    if type(tree) is list:
        return [unpack(item, depth - 1) for item in tree]
    if type(tree) is not dict or len(tree) != 1:
        raise ValueError("not a value")
    (kind, content), *_ = tree.items()
    if kind == "tuple" and type(content) is list:
        return tuple(unpack(item, depth - 1) for item in content)
    if kind == "dict" and type(content) is list:
        return {_key(key): unpack(item, depth - 1) for key, item in content}
    if kind == "raised" and type(content) is list:
        return Raised(*_texts(content, 3))
    if kind == "foreign":
        return Foreign(*_texts([content], 1))
    if kind == "array" and type(content) is list:
        return _array(*content)
    raise ValueError("not a value")


def _key(key: Any) -> Any:
    if type(key) not in (bool, int, float, str):
        raise ValueError("not a key")
    return key


def _texts(values: list[Any], count: int) -> list[str]:
    if len(values) != count or any(type(value) is not str for value in values):
        raise ValueError("not text")
    return [value[:2000] for value in values]


def _array(kind: Any, shape: Any, data: Any) -> Any:
    import numpy

    if not (isinstance(kind, str) and _DTYPE.fullmatch(kind) and isinstance(data, str) and isinstance(shape, list)):
        raise ValueError("not an array")
    if len(shape) > 32 or any(type(side) is not int or side < 0 for side in shape):
        raise ValueError("not a shape")
    try:
        dtype, content = numpy.dtype(kind), base64.b64decode(data, validate=True)
    except TypeError as error:
        raise ValueError("not a dtype") from error
    if math.prod(shape) * dtype.itemsize != len(content):
        raise ValueError("shape and data do not match")
    if math.prod(max(side, 1) for side in shape) > MOST:  # no bytes at all can be a list of a billion empty lists
        return Foreign("an array with more places than there can be in an answer")
    return numpy.frombuffer(content, dtype).reshape(shape).copy()


def frame(message: dict[str, Any]) -> bytes:
    """A message as it goes over a pipe: its length in four bytes, then JSON."""
    text = json.dumps(message).encode()
    return len(text).to_bytes(4, "big") + text


def read_message(stream: BinaryIO) -> dict[str, Any] | None:
    """The next message from the grader, or None when there is none to come."""
    head = stream.read(4)
    if len(head) < 4:
        return None
    return json.loads(stream.read(int.from_bytes(head, "big")))
