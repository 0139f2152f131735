"""Images in memory, their resizing, and the cache of decoded images that makes the second load instant."""

import hashlib
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from effnet_course.download import DataError, check_space, disk_full_explained, locked, set_aside
from effnet_course.home import home


@dataclass(frozen=True, eq=False, repr=False)
class Images:
    """Images and their labels."""

    pixels: np.ndarray  # uint8, (N, H, W, 3), RGB; often a read-only memory map
    labels: np.ndarray  # int64, (N,), an index into classes
    classes: tuple[str, ...]
    name: str  # "CIFAR-10", "Imagenette" or "Shapes"
    split: str  # "train", "validation" or "test"
    note: str  # a sentence: what these images are and where they came from
    cache: Path | None = None  # the folder they are mapped from

    def __repr__(self) -> str:
        return f"<{self.note}>"

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, count: int, seed: int = 0) -> "Images":
        """A random subset of `count` images in random order, the classes balanced to within one.

        Raises DataError when a class has too few.
        """
        frozen = np.random.RandomState(seed)
        share, extra = divmod(count, len(self.classes))
        chosen = []
        for rank, label in enumerate(frozen.permutation(len(self.classes))):
            own, wanted = np.flatnonzero(self.labels == label), share + (rank < extra)
            if len(own) < wanted:
                raise DataError(
                    f"{self.name} ({self.split}) has {len(own)} images of {self.classes[label]}; "
                    f"take({count}) needs {wanted}. Take fewer."
                )
            chosen.append(frozen.choice(own, wanted, replace=False))
        index = np.concatenate(chosen)[frozen.permutation(count)]
        note = f"{count:,} of these: {self.note}"
        return Images(self.pixels[index], self.labels[index], self.classes, self.name, self.split, note)

    def at(self, resolution: int) -> "Images":
        """The same images at `resolution` px, see `resize`. Kept on disk if these are, so it is done once."""
        if resolution == self.pixels.shape[1]:
            return self
        note = re.sub(r"\b\d+ px", f"{resolution} px", self.note, count=1)
        if self.cache is None:
            return Images(resize(self.pixels, resolution), self.labels, self.classes, self.name, self.split, note)
        own = self.cache.with_name(f"{self.cache.name}-to-{resolution}px")
        about = json.loads((self.cache / "about.json").read_text())
        stored = open_cache(own, about["digest"])
        if stored is None:
            with locked(own.with_suffix(".lock")):
                stored = open_cache(own, about["digest"])
                if stored is None:
                    shape = (len(self), resolution, resolution, 3)
                    stored = store_cache(own, shape, _resized(self.pixels, resolution), self.labels, about)
        return Images(*stored, self.classes, self.name, self.split, note, own)


def resize(pixels: np.ndarray, resolution: int) -> np.ndarray:
    """Images of shape (N, H, H, 3), uint8, at another resolution: (N, resolution, resolution, 3), uint8.

    Smaller: each pixel is the exact average over the area it covers, so for half the size the mean of 2x2.
    Larger: linear between pixel centres. Rounded to the nearest grey level.
    """
    out = np.empty((len(pixels), resolution, resolution, 3), np.uint8)
    for first, part in _resized(pixels, resolution):
        out[first : first + len(part)] = part
    return out


def _weights(old: int, new: int) -> np.ndarray:
    """How much each old pixel of a row counts in each new one, (new, old); every row adds up to 1."""
    edges = np.arange(new + 1) * old / new
    pixel = np.arange(old)
    if new <= old:
        overlap = np.minimum(edges[1:, None], pixel + 1) - np.maximum(edges[:-1, None], pixel)
        return (np.maximum(overlap, 0) * new / old).astype(np.float32)
    centre = np.clip((edges[:-1] + edges[1:] - 1) / 2, 0, old - 1)
    return np.maximum(1 - np.abs(centre[:, None] - pixel), 0).astype(np.float32)


def _resized(pixels: np.ndarray, resolution: int) -> Iterator[tuple[int, np.ndarray]]:
    if resolution < 1:
        raise ValueError(f"A resolution is at least 1 px, not {resolution}.")
    old = pixels.shape[1]
    weights = _weights(old, resolution)
    chunk = max(1, (1 << 22) // (max(old, resolution) ** 2 * 3))
    for first in range(0, len(pixels), chunk):
        part = np.asarray(pixels[first : first + chunk]).astype(np.float32)
        rows = (weights @ part.reshape(len(part), old, old * 3)).reshape(len(part), resolution, old, 3)
        both = rows.swapaxes(2, 3).reshape(-1, old) @ weights.T  # one product for all, not one an image
        both = both.reshape(len(part), resolution, 3, resolution).swapaxes(2, 3)
        yield first, np.clip(both + 0.5, 0, 255).astype(np.uint8)


# ---- the cache: a folder that appears only when it is complete ----


def cache_folder(root: Path) -> Path:
    """Where decoded images go: `cache` beside the data, or in home() if the data's folder is read-only."""
    for place in (root, *root.parents):
        if place.exists():
            writable = os.access(place, os.W_OK) and place.stat().st_mode & 0o222
            break
    if writable:
        return root / "cache"
    return home() / "cache" / hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:8]


def open_cache(folder: Path, digest: str) -> tuple[np.ndarray, np.ndarray] | None:
    """(pixels, labels) of a cache folder, mapped, or None if there is none. A damaged one is set aside."""
    if not folder.is_dir():
        return None
    try:
        pixels = np.load(folder / "pixels.npy", mmap_mode="r")
        labels = np.load(folder / "labels.npy")
        about = json.loads((folder / "about.json").read_text())
        if len(pixels) == len(labels) and about["digest"] == digest:
            return pixels, labels
        reason = "holds other images"
    except (OSError, ValueError, KeyError) as error:
        reason = f"is damaged ({error})"
    print(f"{folder} {reason}; it is now {set_aside(folder).name} and is made anew.", flush=True)
    return None


def store_cache(
    folder: Path,
    shape: tuple[int, ...],
    parts: Iterable[tuple[int, np.ndarray]],
    labels: np.ndarray,
    about: dict[str, str],
) -> tuple[np.ndarray, np.ndarray]:
    """Write a cache folder under another name, rename it when it is complete, and open it.

    `parts` are (row, images). Plain writes, not a memory map: a full disk is then an error, not a crash.
    """
    needed = int(np.prod(shape)) + 8 * len(labels) + 4096
    folder.parent.mkdir(parents=True, exist_ok=True)
    check_space(folder.parent, needed)
    for left in folder.parent.glob(f".{folder.name}-*"):  # what a killed process left unfinished
        if time.time() - left.stat().st_mtime > 3600:
            shutil.rmtree(left, ignore_errors=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        with disk_full_explained(folder.parent, needed):
            with open(temporary / "pixels.npy", "wb") as file:
                np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
                start, size = file.tell(), int(np.prod(shape[1:]))
                for row, part in parts:
                    file.seek(start + row * size)
                    file.write(np.ascontiguousarray(part))
            np.save(temporary / "labels.npy", labels.astype(np.int64))
            (temporary / "about.json").write_text(json.dumps(about))
        os.chmod(temporary, 0o755)
        try:
            temporary.rename(folder)
        except OSError:
            if not folder.is_dir():  # else another process was first
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)  # our own unfinished copy; gone already when renamed
    return open_cache(folder, about["digest"])
