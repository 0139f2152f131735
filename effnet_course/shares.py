"""How well a share is known. Standard library only. Lesson 09."""

import math


def wilson(correct: int, count: int, z: float = 1.96) -> tuple[float, float]:
    """95 % interval of a share, as (low, high) between 0 and 1, from so many right out of `count`.

    E. B. Wilson, 1927: the shares p that lie within z of their own standard deviations, sqrt(p (1 - p) / count), of
    what was seen. Raises ValueError where there is nothing to count.
    """
    if not 0 <= correct <= count or count < 1:
        raise ValueError(f"{correct} right of {count}: give 0 <= correct <= count, and count at least 1.")
    share = correct / count
    middle = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * math.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    return (0.0 if correct == 0 else middle - half), (1.0 if correct == count else middle + half)
