"""Shapes: pictures the course draws itself, so that a lesson runs with neither a network nor a dataset.

A picture shows a *mark*, one of ten, in one of three ways:

- **silhouette**: one object, and the mark is its outline: coarse and local, the easy way;
- **stripes**: one pebble, and the mark is the pattern of its stripes, fine enough that only a picture with
  many pixels shows them;
- **moon**: a planet and its moon, half a picture or more apart, and the mark is the direction from one to
  the other: seen only by a unit whose receptive field holds both.

Three knobs, each from 0 to 1. Of the pictures, detail - detail * extent / 2 show stripes, extent -
detail * extent / 2 a moon, and (1 - detail) * (1 - extent) a silhouette. So the knobs put a ceiling on what
a network without the matching ability can reach: with detail = 1 and extent = 0, one that cannot resolve
the stripes is left with chance, 10 %.

The colour is the key to read the mark with: at variety = 0 every colour reads alike (mark 3 is class 3), at
variety = 1 each of the ten colours has its own key. A class then has ten sub-types, a mark in a colour, and
neither mark nor colour alone tells anything. That takes capacity, that is, width.

Everything about picture number i is a hash of (seed, split, i), so it is the same however many are drawn and
at whatever resolution, and no two splits share a number. Only numpy is used; nothing is read or written.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

CLASSES = ("disc", "ring", "square", "triangle", "bar", "pillar", "plus", "saltire", "crescent", "heart")
SPLITS = ("train", "validation", "test")
WAYS = ("silhouette", "stripes", "moon")

_PALETTE = np.array(
    [  # one colour per key; kept off black and white, so that stripes stay within range
        (0.78, 0.26, 0.24),
        (0.80, 0.52, 0.22),
        (0.80, 0.74, 0.24),
        (0.50, 0.72, 0.26),
        (0.20, 0.50, 0.32),
        (0.34, 0.74, 0.74),
        (0.22, 0.44, 0.78),
        (0.46, 0.30, 0.68),
        (0.80, 0.50, 0.74),
        (0.48, 0.32, 0.22),
    ],
    np.float32,
)
_PEBBLES = 6  # outlines a striped object can have
_TABLE = 128  # pixels across an outline's distance table
_SPAN = 1.3  # the table covers [-_SPAN, _SPAN] in units of the object's radius
_CHUNK = 128  # pictures drawn at a time: small enough to stay in the processor's cache
_NOISE = 4.0  # standard deviation of the sensor noise, in grey levels


def _keys() -> np.ndarray:
    """(key, mark) -> class. Key 0 reads as it stands; over the ten, each mark means each class once."""
    frozen = np.random.RandomState(10)  # RandomState's stream never changes between numpy versions
    order = np.concatenate([[0], 1 + frozen.permutation(9)])
    renamed = frozen.permutation(10)
    square = (order[:, None] + renamed[None, :]) % 10
    return np.argsort(renamed)[square]


KEYS = _keys()


@dataclass(frozen=True, eq=False)
class Scenes:
    """What is in each picture, before it is drawn: four integer arrays of shape (N,)."""

    label: np.ndarray  # the class, 0 to 9
    way: np.ndarray  # how the mark is shown: an index into WAYS
    mark: np.ndarray  # 0 to 9; label == KEYS[key, mark]
    colour: np.ndarray  # 0 to 9, an index into the palette
    key: np.ndarray  # which key the colour stands for, 0 to (number of keys - 1)


def _scramble(state):
    """SplitMix64's last step: a one-to-one map of 64-bit numbers that leaves no pattern."""
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        state = (state ^ (state >> np.uint64(shift))) * np.uint64(factor)
    return state ^ (state >> np.uint64(31))


def _uniform(seed: int, split: str, index: np.ndarray, column: int) -> np.ndarray:
    """Uniform numbers in [0, 1), float32: a hash of seed, split, picture number and column (0 to 63)."""
    number = index.astype(np.uint64) + np.uint64(SPLITS.index(split) << 40)  # no two splits share a number
    with np.errstate(over="ignore"):
        key = _scramble(np.array([(seed + 1) % 2**64], np.uint64))
        state = _scramble(key + (number * np.uint64(64) + np.uint64(column)) * np.uint64(0x9E3779B97F4A7C15))
    return (state >> np.uint64(40)).astype(np.float32) / np.float32(2**24)


def _check(split: str, count: int, resolution: int, **knobs: float) -> None:
    if split not in SPLITS:
        raise ValueError(f"split must be one of {', '.join(SPLITS)}, not {split!r}.")
    if count < 1 or resolution < 4:
        raise ValueError(
            f"Shapes needs a count of 1 or more and a resolution of 4 px or more, not {count}, {resolution}."
        )
    for name, value in knobs.items():
        if not 0 <= value <= 1:
            raise ValueError(f"The knob {name} goes from 0 to 1, not {value}.")


def scenes(
    split: str, count: int, detail: float, extent: float, variety: float, seed: int = 0, first: int = 0
) -> Scenes:
    """`count` scenes of a split, from number `first` on. Classes are balanced in every block of ten.

    Raises ValueError for a knob outside [0, 1] or an unknown split.
    """
    _check(split, count, 32, detail=detail, extent=extent, variety=variety)
    index = np.arange(first, first + count)
    label = (index + (10 * _uniform(seed, split, index // 10, 0)).astype(int)) % 10
    way = _uniform(seed, split, index, 1)
    stripes, moon = detail - detail * extent / 2, extent - detail * extent / 2
    way = np.where(way < stripes, 1, np.where(way < stripes + moon, 2, 0))
    colour = (10 * _uniform(seed, split, index, 2)).astype(int)
    key = colour % (1 + round(9 * variety))
    mark = np.argsort(KEYS, axis=1)[key, label]
    return Scenes(label, way, mark, colour, key)


# ---- outlines: signed distance tables (negative inside), in units of the object's radius ----


def _box(x, y, half_width, half_height):
    dx, dy = np.abs(x) - half_width, np.abs(y) - half_height
    return np.hypot(np.maximum(dx, 0), np.maximum(dy, 0)) + np.minimum(np.maximum(dx, dy), 0)


def _polygon(x, y, corners):
    """Signed distance to a closed polygon, corners of shape (n, 2)."""
    distance, inside = np.full(x.shape, np.inf), np.zeros(x.shape, bool)
    for (ax, ay), (bx, by) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        ex, ey, px, py = bx - ax, by - ay, x - ax, y - ay
        along = np.clip((px * ex + py * ey) / (ex * ex + ey * ey), 0, 1)
        distance = np.minimum(distance, np.hypot(px - along * ex, py - along * ey))
        if ey:
            inside ^= ((ay > y) != (by > y)) & (px < ex * py / ey)
    return np.where(inside, -distance, distance)


@lru_cache(maxsize=1)
def _tables() -> np.ndarray:
    """Distance tables, 10 silhouettes and then the pebbles: (16, _TABLE, _TABLE), float32; y points down."""
    axis = ((np.arange(_TABLE) + 0.5) / _TABLE * 2 - 1) * _SPAN
    x, y = np.meshgrid(axis, axis)
    radius, angle = np.hypot(x, y), np.arctan2(y, x)
    turn = np.sqrt(0.5)
    plus = np.minimum(_box(x, y, 1.05, 0.30), _box(x, y, 0.30, 1.05))
    u, v = (x + y) * turn, (x - y) * turn
    saltire = np.minimum(_box(u, v, 1.15, 0.28), _box(u, v, 0.28, 1.15))
    crescent = np.maximum(radius - 1.0, 0.82 - np.hypot(x - 0.50, y))
    triangle = _polygon(x, y, np.array([(0, -1.1), (1.05, 0.85), (-1.05, 0.85)]))
    t = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    heart_y = -(13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)) / 15.5 - 0.08
    heart = _polygon(x, y, np.stack([16 * np.sin(t) ** 3 / 15.5, heart_y], axis=1))
    outlines = [
        radius - 0.95,
        np.abs(radius - 0.74) - 0.26,
        _box(x, y, 0.84, 0.84),
        triangle,
        _box(x, y, 1.12, 0.40),
        _box(x, y, 0.40, 1.12),
        plus,
        saltire,
        crescent,
        heart,
    ]
    for number in range(_PEBBLES):
        phase = np.random.RandomState(number).uniform(0, 2 * np.pi, 3)
        outlines.append(
            radius
            - 0.95
            - sum(a * np.cos(n * angle + p) for n, a, p in zip((2, 3, 4), (0.10, 0.06, 0.03), phase, strict=True))
        )
    return np.stack(outlines).astype(np.float32)


@lru_cache(maxsize=1)
def _noise() -> np.ndarray:
    """A reel of sensor noise; a picture takes a stretch of it."""
    return np.random.RandomState(0).normal(0, _NOISE, 1 << 20).astype(np.float32)


def _cover(table, x0, y0, size, turn, pixel):
    """How much of each pixel an outline covers, 0 to 1: (n, R, R), from a distance table per picture.

    The object sits at (x0, y0) with radius `size` (fractions of the picture), turned by `turn` radians.
    """
    axis = (np.arange(pixel) + 0.5).astype(np.float32) / pixel
    scale = _TABLE / (2 * _SPAN * size)
    cos, sin, half = np.cos(turn) * scale, np.sin(turn) * scale, np.float32(_TABLE / 2)
    dx, dy = axis[None] - x0[:, None], axis[None] - y0[:, None]
    limit = np.float32(_TABLE - 1)
    u = (cos[:, None] * dx + half)[:, None, :] + (sin[:, None] * dy)[:, :, None]
    v = (half - sin[:, None] * dx)[:, None, :] + (cos[:, None] * dy)[:, :, None]
    np.clip(u, 0, limit, out=u)
    np.clip(v, 0, limit, out=v)
    place = v.astype(np.int32)
    place *= _TABLE
    place += u.astype(np.int32)
    place += (table * _TABLE * _TABLE).astype(np.int32)[:, None, None]
    cover = _tables().ravel().take(place)
    cover *= (-size * pixel)[:, None, None]
    cover += 0.5
    return np.clip(cover, 0, 1, out=cover)


def _stripes(mark, periods, phase, pixel):
    """Stripes at five angles, averaged over each pixel exactly, from -1 to 1: (n, R, R)."""
    angle = (mark // 2) * np.float32(np.pi / 5) + np.float32(0.15)
    fx, fy = periods * np.cos(angle), periods * np.sin(angle)
    seen = np.sinc(fx / pixel) * np.sinc(fy / pixel)  # what a square pixel leaves of a sine wave
    axis = (np.arange(pixel) + 0.5).astype(np.float32) / pixel
    a = 2 * np.pi * (fx[:, None] * axis + phase[:, None])
    b = 2 * np.pi * fy[:, None] * axis
    wave = np.sin(a)[:, None, :] * np.cos(b)[:, :, None]
    wave += np.cos(a)[:, None, :] * np.sin(b)[:, :, None]
    wave *= seen[:, None, None]
    return wave


def _objects(split, scene, first, pixel, seed):
    """How much of each pixel the objects of each picture cover, 0 to 1: (n, R, R)."""
    index = np.arange(first, first + len(scene.label))

    def between(column, low, high):
        return (low + (high - low) * _uniform(seed, split, index, column)).astype(np.float32)

    stripes, moon = scene.way == 1, scene.way == 2
    size = between(10, 0.30, 0.38)
    x0, y0 = between(11, 0.42, 0.58), between(12, 0.42, 0.58)
    turn = between(13, -0.2, 0.2)
    table = np.where(stripes, 10 + (between(14, 0, _PEBBLES)).astype(int), scene.mark)

    heading = scene.mark * np.float32(np.pi / 5) + between(13, -0.14, 0.14)
    far = between(15, 0.48, 0.76)
    reach_x, reach_y = far * np.cos(heading), far * np.sin(heading)
    room_x, room_y = (np.maximum(0.80 - np.abs(reach), 0) for reach in (reach_x, reach_y))
    planet_x = 0.5 - reach_x / 2 + room_x * (_uniform(seed, split, index, 11) - 0.5)
    planet_y = 0.5 - reach_y / 2 + room_y * (_uniform(seed, split, index, 12) - 0.5)
    x0, y0 = np.where(moon, planet_x, x0), np.where(moon, planet_y, y0)
    size, table = np.where(moon, between(10, 0.14, 0.17), size), np.where(moon, 0, table)

    cover = _cover(table, x0.astype(np.float32), y0.astype(np.float32), size, turn, pixel)
    if moon.any():
        moons = _cover(
            table[moon],
            (x0 + reach_x)[moon].astype(np.float32),
            (y0 + reach_y)[moon].astype(np.float32),
            between(16, 0.08, 0.095)[moon],
            turn[moon],
            pixel,
        )
        cover[moon] = np.maximum(cover[moon], moons)
    return cover


def _draw_chunk(split, scene, first, pixel, seed):
    count = len(scene.label)
    index = np.arange(first, first + count)

    def between(column, low, high):
        return (low + (high - low) * _uniform(seed, split, index, column)).astype(np.float32)

    stripes = scene.way == 1
    paint = _PALETTE[scene.colour] * between(3, 0.92, 1.08)[:, None]
    light = paint @ np.array((0.3, 0.6, 0.1), np.float32)
    ground = np.where(light > 0.5, light - between(4, 0.28, 0.45), light + between(4, 0.28, 0.50)).clip(0.06, 0.95)
    tint = np.stack([between(5, -0.06, 0.06), between(6, -0.03, 0.03), between(7, -0.06, 0.06)], axis=1)
    slope_x, slope_y = between(8, -0.18, 0.18), between(9, -0.18, 0.18)

    cover = _objects(split, scene, first, pixel, seed)
    wave = None
    if stripes.any():
        wave = _stripes(scene.mark[stripes], between(17, 9, 15)[stripes], between(18, 0, 1)[stripes], pixel)
        warm = scene.mark[stripes] % 2 == 1  # odd marks alternate warm and cool, even ones light and dark
        swing = np.where(warm[:, None], np.array((0.24, 0.0, -0.24)), 0.20).astype(np.float32)

    axis = (np.arange(pixel) + 0.5).astype(np.float32) / pixel - 0.5
    slope = (slope_x[:, None] * axis)[:, None, :] + (slope_y[:, None] * axis)[:, :, None]
    offset = (between(19, 0, 1) * (len(_noise()) - 3 * pixel * pixel)).astype(int)
    grain = np.lib.stride_tricks.sliding_window_view(_noise(), 3 * pixel * pixel)[offset].reshape(
        count, pixel, pixel, 3
    )
    picture = np.empty((count, pixel, pixel, 3), np.uint8)
    for channel in range(3):
        back = slope + (ground + tint[:, channel])[:, None, None]
        front = paint[:, channel][:, None, None] - slope
        if wave is not None:
            front[stripes] += wave * swing[:, channel][:, None, None]
        front -= back
        front *= cover
        back += front
        back *= 255
        back += grain[..., channel]
        back += 0.5
        picture[..., channel] = np.clip(back, 0, 255, out=back)
    return picture


def masks(
    split: str,
    count: int,
    resolution: int = 32,
    detail: float = 0.5,
    extent: float = 0.5,
    variety: float = 0.5,
    seed: int = 0,
) -> np.ndarray:
    """Where the objects are in the pictures that `draw` gives for the same arguments: bool, (count, R, R).

    True: an object (silhouette, pebble, planet or moon) covers at least half of the pixel. Exact, since the course
    draws the pictures itself. Raises ValueError as `draw` does. Lesson 13.
    """
    _check(split, count, resolution, detail=detail, extent=extent, variety=variety)
    scene = scenes(split, count, detail, extent, variety, seed)
    return _objects(split, scene, 0, resolution, seed) >= 0.5


def draw(
    split: str,
    count: int,
    resolution: int = 32,
    detail: float = 0.5,
    extent: float = 0.5,
    variety: float = 0.5,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw the first `count` pictures of a split at `resolution` px.

    Returns pixels, uint8 of shape (count, resolution, resolution, 3), and labels, int64 of shape (count,).
    Another resolution shows the same scenes, each pixel the average over its area (the sensor noise, four
    grey levels, is each picture's own). Raises ValueError for a knob outside [0, 1] or an unknown split.
    """
    _check(split, count, resolution, detail=detail, extent=extent, variety=variety)
    scene = scenes(split, count, detail, extent, variety, seed)
    pixels = np.empty((count, resolution, resolution, 3), np.uint8)
    chunk = max(1, _CHUNK * 32 * 32 // (resolution * resolution))
    for first in range(0, count, chunk):
        part = slice(first, min(first + chunk, count))
        piece = Scenes(*(getattr(scene, name)[part] for name in ("label", "way", "mark", "colour", "key")))
        pixels[part] = _draw_chunk(split, piece, first, resolution, seed)
    return pixels, scene.label.astype(np.int64)
