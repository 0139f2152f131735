"""What several sheets make their cases with."""

import random

from effnet_course.checking import Case


def cases(names: tuple[str, ...], rows: list[tuple]) -> list[Case]:
    """A case for each row: the arguments' names with its values."""
    return [dict(zip(names, row, strict=True)) for row in rows]


def numbers(draw: random.Random, *shape: int, low: float = -2, high: float = 2, step: float = 0.25):
    """A nested list of multiples of `step`, which floats hold exactly."""
    if not shape:
        return draw.randint(round(low / step), round(high / step)) * step
    return [numbers(draw, *shape[1:], low=low, high=high, step=step) for _ in range(shape[0])]
