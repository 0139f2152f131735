"""Read images out of what they come in: folders, zip or tar archives, pickles, parquet. None is unpacked."""

import gzip
import hashlib
import importlib.util
import io
import pickle
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from effnet_course.download import Corrupt, DataError

Batch = tuple[np.ndarray, Iterable[int]]  # pixels (n, 32, 32, 3) and their n labels


def read_files(container: Path, wanted: Callable[[str], bool], content: bool = True) -> Iterator[tuple[str, bytes]]:
    """(name, bytes) of the wanted files in a folder, zip or tar archive.

    Nothing is written to disk, so a path in an archive cannot lead astray.
    Raises Corrupt for an archive that cannot be read to its end.
    """
    if container.is_dir():
        for path in sorted(container.rglob("*")):
            name = (PurePosixPath(container.name) / path.relative_to(container).as_posix()).as_posix()
            if wanted(name) and path.is_file():
                yield name, path.read_bytes() if content else b""
        return
    try:
        if container.suffix == ".zip":
            with zipfile.ZipFile(container) as archive:
                for name in archive.namelist():
                    if wanted(name):
                        yield name, archive.read(name) if content else b""
        else:
            with gzip.open(container) as stream:
                with tarfile.open(fileobj=stream, mode="r|") as archive:
                    for member in archive:
                        if member.isfile() and wanted(member.name):
                            yield member.name, archive.extractfile(member).read() if content else b""
                while stream.read(1 << 20):  # on to the checksum: cut off, an archive can look merely short
                    pass
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
        raise Corrupt(container, f"is damaged or incomplete ({str(error) or type(error).__name__})") from error


def decode(name: str, content: bytes, container: Path):
    """A PIL image in RGB; Corrupt names the file that is not one."""
    from PIL import Image

    try:
        return Image.open(io.BytesIO(content)).convert("RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        where = f"{container.parent / name}" if container.is_dir() else f"{name} in {container}"
        reason = "is empty" if not content else f"cannot be decoded ({error})"
        raise Corrupt(container, f"holds an image that is damaged: {where} {reason}") from error


def content_hash(pixels: np.ndarray, labels: np.ndarray) -> tuple[str, np.ndarray]:
    """SHA-256 over the images' sorted digests, and the order that sorts them.

    A digest is SHA-256 of one label byte and then the pixels, row by row, RGB. So the hash does not depend on
    the container or its order, and the order depends on the images alone.
    """
    digests = [
        hashlib.sha256(bytes([label]) + image.tobytes()).digest() for image, label in zip(pixels, labels, strict=True)
    ]
    order = sorted(range(len(digests)), key=digests.__getitem__)
    return hashlib.sha256(b"".join(digests[i] for i in order)).hexdigest(), np.array(order, int)


class _ArraysOnly(pickle.Unpickler):
    """Reads numpy arrays, bytes, lists and dicts, all that CIFAR-10's pickles hold; refuses anything else."""

    _ALLOWED = {
        (module, "_reconstruct"): np.empty(0).__reduce__()[0]
        for module in ("numpy.core.multiarray", "numpy._core.multiarray")
    }
    _ALLOWED |= {("numpy", "ndarray"): np.ndarray, ("numpy", "dtype"): np.dtype}

    def find_class(self, module, name):
        if (module, name) == ("_codecs", "encode"):  # how Python 3 writes bytes in an old protocol
            return lambda text, encoding: text.encode("latin1")
        try:
            return self._ALLOWED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which image data never needs") from None


def from_pickles(containers: Sequence[Path], part: str, classes: Sequence[str]) -> Iterator[Batch]:
    batch = re.compile(r"(^|/)data_batch_\d+$" if part == "train" else r"(^|/)test_batch$")
    for container in containers:
        for name, content in read_files(container, lambda name: bool(batch.search(name))):
            try:
                entries = _ArraysOnly(io.BytesIO(content), encoding="bytes").load()
                entries = {key.decode() if isinstance(key, bytes) else key: value for key, value in entries.items()}
                pixels = np.asarray(entries["data"], np.uint8).reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
                labels = [int(label) for label in entries["labels"]]
            except Exception as error:  # a damaged pickle can raise nearly anything
                raise Corrupt(container, f"holds a batch that cannot be read: {name} ({error})") from error
            yield pixels, labels


def from_images(containers: Sequence[Path], part: str, classes: Sequence[str]) -> Iterator[Batch]:
    image = re.compile(rf"(?:^|/){part}/({'|'.join(classes)})/[^/]+\.png$")
    for container in containers:
        for name, content in read_files(container, lambda name: bool(image.search(name))):
            pixels = np.asarray(decode(name, content, container))
            if pixels.shape != (32, 32, 3):
                raise Corrupt(container, f"holds {name}, which is not 32x32 pixels")
            yield pixels[None], [classes.index(image.search(name)[1])]


def from_parquet(containers: Sequence[Path], part: str, classes: Sequence[str]) -> Iterator[Batch]:
    for container in containers:
        if not re.search(rf"(^|[-_]){part}[-_.]", container.name):
            continue
        if importlib.util.find_spec("pyarrow") is None:
            raise DataError(f"{container} is a parquet file, and reading it needs pyarrow: pip install pyarrow")
        import pyarrow
        import pyarrow.parquet

        try:
            for batch in pyarrow.parquet.ParquetFile(container).iter_batches():
                rows = batch.to_pydict()
                images = [np.asarray(decode("an image", row["bytes"], container)) for row in rows["img"]]
                yield np.stack(images), rows["label"]
        except (pyarrow.ArrowException, KeyError, OSError, ValueError) as error:
            raise Corrupt(container, f"is damaged or not CIFAR-10 ({error})") from error
