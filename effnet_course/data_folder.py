"""The student's own images: a folder, and in it one sub-folder for each class. Called as `data.folder`.

Whatever photos are like (turned by the camera, grey, with a transparent ground, of 100 million pixels), they come out
as the course's other images do. What can't be read is named and left out, and the others go on.
"""

import hashlib
import unicodedata
import warnings
from pathlib import Path

import numpy as np

from effnet_course.download import DataError
from effnet_course.images import Images

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
LEAST = 5  #: images of a class below which nothing can be learnt and judged


def folder(
    path: Path | str, resolution: int = 64, share: float = 0.2, seed: int = 0
) -> tuple[Images, Images]:
    """(training, validation) images from a folder that holds one sub-folder for each class, named like it.

    Files anywhere below a class's folder count. Of each class the part `share`, at least one image, is drawn for
    validation by `seed`: the same files give the same split. The central square of each image is scaled to `resolution`
    px; a photo that carries its orientation is turned upright, transparent parts become white, of a moving picture the
    first frame counts. Hidden files are passed over. Files that are no images, damaged ones and copies of another file
    of the class are named and left out.

    Raises DataError where the folder is missing or empty, has fewer than two classes, a class has fewer than five
    images, the same file lies in two classes, or `share` or `resolution` makes no sense.
    """
    path = Path(path).expanduser()
    if not path.is_dir():
        what = "is a file, not a folder" if path.exists() else "is not there"
        raise DataError(f"{path} {what}. Give the folder that holds one sub-folder for each class.")
    if resolution < 1:
        raise DataError(f"resolution is {resolution}; it is the side of an image in pixels, 1 or more.")
    if not 0 < share < 1:
        raise DataError(f"share is {share}; it is the part of the images kept for validation, between 0 and 1.")
    classes = sorted((p for p in path.iterdir() if p.is_dir() and not p.name.startswith(".")), key=lambda p: _name(p))
    if len(classes) < 2:
        raise DataError(_too_few_classes(path, classes))
    left_out, found, where = [], [], {}
    for place in classes:
        files = [p for p in sorted(place.rglob("*")) if p.is_file() and not p.name.startswith(".")]
        images = []
        for file in files:
            image, problem = _read(file, resolution)
            if not problem:
                digest = hashlib.sha256(file.read_bytes()).digest()
                other = where.setdefault(digest, file)
                if other is not file and other.relative_to(path).parts[0] != place.name:
                    raise DataError(
                        f"{_short(file, path)} and {_short(other, path)} are the same file in two classes. "
                        "Delete the one that is wrong."
                    )
                problem = f"is a copy of {_short(other, path)}" if other is not file else ""
            if problem:
                left_out.append(f"{_short(file, path)} {problem}")
            else:
                images.append(image)
        found.append(images)
    for line in left_out[:10]:
        print(f"Left out: {line}.")
    if len(left_out) > 10:
        print(f"... and {len(left_out) - 10} others.")
    for place, images in zip(classes, found, strict=True):
        if len(images) < LEAST:
            raise DataError(
                f"The class {_name(place)!r} has {len(images)} images that can be read; at least {LEAST} are needed, "
                "some to learn from and one or more to judge by. Add images, or move the folder away."
            )
    names = tuple(_name(place) for place in classes)
    labels = np.repeat(np.arange(len(names)), [len(images) for images in found])
    pixels = np.stack([image for images in found for image in images])
    chosen = _validation(labels, share, seed)
    return tuple(
        Images(pixels[index], labels[index], names, path.name, split, _note(path, resolution, index, kind, left_out))
        for split, kind, index in (("train", "training", ~chosen), ("validation", "validation", chosen))
    )


def _name(place: Path) -> str:
    """A folder's name; the same letters however a system has written them (macOS takes accents apart)."""
    return unicodedata.normalize("NFC", place.name)


def _short(file: Path, path: Path) -> str:
    return unicodedata.normalize("NFC", file.relative_to(path).as_posix())


def _too_few_classes(path: Path, classes: list[Path]) -> str:
    loose = sum(p.suffix.lower() in SUFFIXES for p in path.iterdir())
    if classes:
        return f"{path} has one sub-folder only, {_name(classes[0])!r}. To tell classes apart it takes two or more."
    if loose:
        return f"{path} holds {loose} images and no sub-folders. Make one for each class, and move them there."
    return f"{path} is empty. Make a sub-folder for each class, and put its images there."


def _validation(labels: np.ndarray, share: float, seed: int) -> np.ndarray:
    """True for the images that are kept for validation."""
    frozen, chosen = np.random.RandomState(seed), np.zeros(len(labels), bool)
    for label in np.unique(labels):
        own = np.flatnonzero(labels == label)
        count = min(max(1, round(share * len(own))), len(own) - 1)
        chosen[frozen.permutation(own)[:count]] = True
    return chosen


def _note(path: Path, resolution: int, index: np.ndarray, kind: str, left_out: list[str]) -> str:
    more = f" {len(left_out)} files were left out." if left_out else ""
    return f"{path.name}, {index.sum():,} {kind} images at {resolution} px, from {path}.{more}"


def _read(file: Path, resolution: int) -> tuple[np.ndarray | None, str]:
    """(image, ""), or (None, what is wrong with it)."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    if file.suffix.lower() not in SUFFIXES:
        return None, f"is of a type that is not read here ({file.suffix or 'no ending'})"
    try:
        with warnings.catch_warnings(), Image.open(file) as image:
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image.draft("RGB", (2 * resolution, 2 * resolution))  # a large JPEG is decoded small
            photo = ImageOps.exif_transpose(image)
            if photo.mode.startswith("I;16") or photo.mode in ("I", "F"):  # grey in 16 bits
                values = np.asarray(photo, np.float32)
                photo = Image.fromarray((255 * values / max(float(values.max()), 1)).astype(np.uint8))
            if photo.has_transparency_data:
                photo = photo.convert("RGBA")
                photo = Image.alpha_composite(Image.new("RGBA", photo.size, "white"), photo)
            photo = photo.convert("RGB")
            side = min(photo.size)
            left, top = (photo.width - side) / 2, (photo.height - side) / 2
            box = (left, top, left + side, top + side)
            return np.asarray(photo.resize((resolution, resolution), Image.Resampling.BILINEAR, box)), ""
    except UnidentifiedImageError:
        return None, "is damaged or no image"
    except Image.DecompressionBombError:
        return None, "has more pixels than can be opened safely"
    except (OSError, ValueError, SyntaxError, MemoryError) as error:
        return None, f"is damaged ({error})"
