"""Whatever container the images come in, they are the same images, verified, split once, and never lost."""

import contextlib
import importlib.util
import io
import os
import pickle
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from PIL import Image

from effnet_course import data, images
from effnet_course.download import Pace, Remote

CLASSES = data.CIFAR10.classes
SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


def draw(count, seed):
    pixels = np.random.RandomState(seed).randint(0, 256, (count, 32, 32, 3)).astype(np.uint8)
    return pixels, np.arange(count) % 10


PARTS = {"train": draw(60, 1), "test": draw(20, 2)}
SMALL = data.Cifar(
    classes=CLASSES,
    counts={part: len(labels) for part, (_, labels) in PARTS.items()},
    digests={part: data.content_hash(*both)[0] for part, both in PARTS.items()},
    held_out=2,
    mirrors=(),
)


def png(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def png_files(top, parts=("train", "test")):
    """(name, bytes) of every image, as the zips and fast.ai's archive lay them out."""
    for part in parts:
        for number, (pixels, label) in enumerate(zip(*PARTS[part], strict=True)):
            yield f"{top}/{part}/{CLASSES[label]}/{number}_{CLASSES[label]}.png", png(pixels)


def batches():
    """(name, bytes) of torchvision's pickles, in an order of their own."""
    pixels, labels = (array[::-1] for array in PARTS["train"])
    for name, part in (
        ("data_batch_1", slice(0, 20)),
        ("data_batch_2", slice(20, 60)),
    ):
        yield name, pickled(pixels[part], labels[part])
    yield "test_batch", pickled(*PARTS["test"])


def pickled(pixels, labels):
    flat = pixels.transpose(0, 3, 1, 2).reshape(len(pixels), -1)
    return pickle.dumps({b"data": flat, b"labels": labels.tolist()}, protocol=2)


def write(folder, files):
    for name, content in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def tar(path, files):
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def as_pickles(root):
    write(root / "cifar-10-batches-py", batches())


def as_tarball(root):
    tar(root / "cifar-10-python.tar.gz", ((f"cifar-10-batches-py/{name}", b) for name, b in batches()))


def as_png(root):
    write(root, png_files("cifar10"))


def as_fastai(root):
    tar(root / "cifar10.tgz", png_files("cifar10"))


def as_zips(root):
    for part in ("train", "test"):
        with zipfile.ZipFile(root / f"cifar10-{part}-1.zip", "w") as archive:
            for name, content in png_files("cifar10", [part]):
                archive.writestr(name, content)


def as_parquet(root):
    parquet = pytest.importorskip("pyarrow.parquet")
    table = pytest.importorskip("pyarrow").table
    for part, (pixels, labels) in PARTS.items():
        rows = [{"bytes": png(image), "path": None} for image in pixels]
        file = root / f"cifar10-{part}.parquet"
        parquet.write_table(table({"img": rows, "label": labels}), file)


CONTAINERS = [as_pickles, as_tarball, as_png, as_fastai, as_zips, as_parquet]


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("EFFNET_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("EFFNET_DATA", raising=False)
    monkeypatch.setenv("EFFNET_OFFLINE", "1")
    monkeypatch.setattr(data, "_given_up", {})


def load(root, split="train", resolution=32, **more):
    return data.cifar10(split, resolution, root, spec=more.pop("spec", SMALL), **more)


@pytest.mark.parametrize("container", CONTAINERS)
def test_every_container_gives_the_same_images_in_the_same_order(tmp_path, container):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    container(tmp_path / "a")
    as_png(tmp_path / "b")
    for split in ("train", "validation", "test"):
        one, other = load(tmp_path / "a", split), load(tmp_path / "b", split)
        assert np.array_equal(one.pixels, other.pixels) and np.array_equal(one.labels, other.labels)
        assert (one.name, one.split, one.classes) == ("CIFAR-10", split, CLASSES)
    assert one.pixels.dtype == np.uint8 and one.labels.dtype == np.int64


def test_train_and_validation_share_nothing_and_make_up_the_published_images(tmp_path):
    as_pickles(tmp_path)
    train, validation = load(tmp_path), load(tmp_path, "validation")
    assert np.bincount(validation.labels).tolist() == [2] * 10
    both = np.concatenate([train.pixels, validation.pixels])
    assert len({image.tobytes() for image in both}) == 60
    labels = np.concatenate([train.labels, validation.labels])
    assert data.content_hash(both, labels)[0] == SMALL.digests["train"]


def test_the_split_depends_on_its_seed_and_on_the_labels_alone():
    labels = np.random.RandomState(0).randint(0, 10, 1000)
    _, first = data.split_indices(labels, 5, 0)
    assert np.array_equal(first, data.split_indices(labels.copy(), 5, 0)[1])
    assert not np.array_equal(first, data.split_indices(labels, 5, 1)[1])


def test_choosing_images_never_touches_the_test_images(tmp_path):
    write(tmp_path, png_files("cifar10", ["train"]))  # there are none here
    load(tmp_path), load(tmp_path, "validation", 16)
    assert not list(tmp_path.rglob("*test*"))
    with pytest.raises(data.DataError, match=r"CIFAR-10 \(test\) is not in"):
        load(tmp_path, "test", download=False)
    with pytest.raises(ValueError, match=r'cifar10\("test"\)'):
        data.pictures("test")


def test_decoded_once_the_images_are_mapped_and_the_source_is_not_read_again(tmp_path):
    as_tarball(tmp_path)
    before = load(tmp_path)
    (tmp_path / "cifar-10-python.tar.gz").unlink()
    after = load(tmp_path)
    assert isinstance(after.pixels, np.memmap) and not after.pixels.flags.writeable
    assert np.array_equal(before.pixels, after.pixels)


def test_one_wrong_pixel_is_noticed_and_the_folder_is_left_alone(tmp_path):
    as_png(tmp_path)
    file = next((tmp_path / "cifar10/train/cat").iterdir())
    pixels = np.asarray(Image.open(file)).copy()
    pixels[0, 0, 0] ^= 1
    file.write_bytes(png(pixels))
    with pytest.raises(data.DataError, match="cifar10 holds train images.*not the published"):
        load(tmp_path)
    assert file.exists() and not list(tmp_path.rglob("*.corrupt"))


def test_a_missing_image_is_counted(tmp_path):
    as_png(tmp_path)
    next((tmp_path / "cifar10/train/cat").iterdir()).unlink()
    with pytest.raises(data.DataError, match="holds 59 of the 60 train images"):
        load(tmp_path)


def test_a_damaged_image_is_named(tmp_path):
    as_png(tmp_path)
    file = next((tmp_path / "cifar10/train/cat").iterdir())
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(data.DataError, match=file.name):
        load(tmp_path)


def test_a_pickle_that_wants_to_run_something_is_refused(tmp_path):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "ran"),)

    as_pickles(tmp_path)
    (tmp_path / "cifar-10-batches-py/data_batch_1").write_bytes(pickle.dumps({b"data": Evil(), b"labels": []}))
    with pytest.raises(data.DataError, match="mkdir, which image data never needs"):
        load(tmp_path)
    assert not (tmp_path / "ran").exists()


def test_an_archive_cannot_write_outside_its_folder(tmp_path):
    root = tmp_path / "deep" / "root"
    root.mkdir(parents=True)
    tar(root / "cifar10.tgz", [("../../x/train/cat/1.png", png(PARTS["train"][0][0]))])
    with pytest.raises(data.DataError):
        load(root)
    assert not [path for path in tmp_path.rglob("*.png")]


def test_parquet_without_pyarrow_says_what_to_install(tmp_path):
    if importlib.util.find_spec("pyarrow"):
        pytest.skip("pyarrow is installed")
    (tmp_path / "cifar10-train.parquet").write_bytes(b"PAR1")
    with pytest.raises(data.DataError, match="pip install pyarrow"):
        load(tmp_path)


def test_a_damaged_cache_is_set_aside_and_made_anew(tmp_path):
    as_png(tmp_path)
    wanted = np.array(load(tmp_path).pixels)
    file = tmp_path / "cache/cifar10-train-32px/pixels.npy"
    file.write_bytes(file.read_bytes()[:5000])
    assert np.array_equal(load(tmp_path).pixels, wanted)
    assert (tmp_path / "cache/cifar10-train-32px.corrupt").exists()


def test_a_cache_that_was_not_finished_never_shows(tmp_path):
    def parts():
        yield 0, np.zeros((1, 4, 4, 3), np.uint8)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        images.store_cache(tmp_path / "a", (2, 4, 4, 3), parts(), np.zeros(2), {"digest": "x"})
    assert os.listdir(tmp_path) == []


def test_data_in_a_read_only_folder_is_decoded_into_the_home(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    as_fastai(root)
    root.chmod(0o555)
    assert load(root).cache.is_relative_to(tmp_path / "home")
    root.chmod(0o755)
    assert os.listdir(root) == ["cifar10.tgz"]


# ---- fetched ----


@contextlib.contextmanager
def serve(folder):
    """Serve a folder from 127.0.0.1; yields the address and the list of paths asked for."""
    asked = []

    class Handler(SimpleHTTPRequestHandler):
        def log_request(self, *_):
            asked.append(self.path)

        def log_error(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder))) as http:
        Thread(target=http.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{http.server_port}/", asked
        http.shutdown()


@pytest.fixture
def web(tmp_path, monkeypatch):
    monkeypatch.setenv("EFFNET_OFFLINE", "0")
    monkeypatch.setenv("no_proxy", "*")
    (tmp_path / "web").mkdir()
    return tmp_path / "web"


def test_images_come_from_the_first_mirror_whose_content_is_right(tmp_path, web, capsys):
    as_tarball(web)
    as_fastai(web)
    good = (web / "cifar-10-python.tar.gz").read_bytes()
    (web / "half.tar.gz").write_bytes(good[: len(good) // 2])
    wrong = [("cifar-10-batches-py/data_batch_1", pickled(*draw(60, 9)))]
    tar(web / "wrong.tar.gz", wrong)
    (web / "page.tar.gz").write_text("<html>Log in to this network</html>")
    with serve(web) as (address, asked):
        names = ["gone.tar.gz", "half.tar.gz", "wrong.tar.gz", "page.tar.gz"]
        mirrors = [(Remote("cifar-10-python.tar.gz", address + name),) for name in names]
        spec = replace(SMALL, mirrors=(*mirrors, (Remote("cifar10.tgz", address + "cifar10.tgz"),)))
        root = tmp_path / "root"
        loaded = load(root, spec=spec)
        assert load(root, "test", spec=spec).labels.shape == (20,)
    assert "cifar10.tgz" in loaded.note
    assert len(asked) == 5, "what was fetched for one split serves the other"
    aside = sorted(path.name for path in root.glob("*.corrupt*"))
    assert aside == [f"cifar-10-python.tar.gz.corrupt{end}" for end in ("", "-2", "-3")]
    assert "cifar-10-python.tar.gz" in capsys.readouterr().out


def test_a_corrupt_archive_that_lay_here_is_set_aside_and_fetched_anew(tmp_path, web):
    as_tarball(web)
    root = tmp_path / "root"
    root.mkdir()
    as_tarball(root)
    file = root / "cifar-10-python.tar.gz"
    bad = file.read_bytes()[:-5000]
    file.write_bytes(bad)
    with serve(web) as (address, _):
        spec = replace(SMALL, mirrors=((Remote(file.name, address + file.name),),))
        with pytest.raises(data.DataError, match="cifar-10-python.tar.gz is damaged or incomplete"):
            load(root, spec=spec, download=False)
        assert file.exists(), "it is moved only when a new one can be fetched"
        assert len(load(root, spec=spec)) == 40
    assert (root / (file.name + ".corrupt")).read_bytes() == bad


def test_a_good_archive_is_never_touched_because_of_a_bad_neighbour(tmp_path, web):
    root = tmp_path / "root"
    root.mkdir()
    as_zips(root)
    with zipfile.ZipFile(root / "cifar10-train-1.zip", "w") as archive:  # whole, but not all there is
        for name, content in list(png_files("cifar10", ["train"]))[:30]:
            archive.writestr(name, content)
    good = sorted(os.listdir(root))
    as_fastai(web)
    with serve(web) as (address, _):
        spec = replace(SMALL, mirrors=((Remote("cifar10.tgz", address + "cifar10.tgz"),),))
        assert len(load(root, spec=spec)) == 40
    assert set(good) < set(os.listdir(root))


# ---- Images ----


def small_images(count=40, size=8, labels=None):
    pixels = np.random.RandomState(0).randint(0, 256, (count, size, size, 3)).astype(np.uint8)
    labels = np.arange(count) % 4 if labels is None else labels
    return data.Images(pixels, labels, tuple("abcd"), "Some", "train", f"Some, at {size} px.")


def test_half_the_size_is_the_mean_of_two_by_two():
    pixels = small_images().pixels
    blocks = pixels.reshape(40, 4, 2, 4, 2, 3).astype(float).mean(axis=(2, 4))
    assert np.array_equal(data.resize(pixels, 4), np.floor(blocks + 0.5).astype(np.uint8))


def test_an_odd_size_averages_over_exact_areas():
    row = np.zeros((1, 3, 3, 3), np.uint8)
    row[:, :, 1] = 90  # two of three thirds of a pixel each: 0 0 90 | 90 0 0 in sixths
    assert data.resize(row, 2)[0, 0, :, 0].tolist() == [30, 30]


def test_larger_is_linear_between_pixel_centres():
    torch = pytest.importorskip("torch")
    pixels = small_images(4).pixels
    tensor = torch.from_numpy(pixels).permute(0, 3, 1, 2).float()
    wanted = torch.nn.functional.interpolate(tensor, size=(13, 13), mode="bilinear", align_corners=False)
    wanted = np.floor(wanted.permute(0, 2, 3, 1).numpy() + 0.5)
    assert np.abs(data.resize(pixels, 13) - wanted).max() <= 1


def test_a_flat_image_stays_flat_at_any_size():
    flat = np.full((1, 32, 32, 3), 255, np.uint8)
    for size in (1, 7, 20, 31, 33, 50):
        assert (data.resize(flat, size) == 255).all()


def test_another_resolution_is_made_once_and_then_mapped(tmp_path):
    as_png(tmp_path)
    small = load(tmp_path, "train", 16)
    assert small.pixels.shape == (40, 16, 16, 3) and "16 px" in small.note
    assert np.array_equal(small.pixels, data.resize(load(tmp_path).pixels, 16))
    made = small.cache.stat().st_mtime_ns
    again = load(tmp_path, "train", 16)
    assert isinstance(again.pixels, np.memmap) and again.cache.stat().st_mtime_ns == made


def test_a_subset_is_balanced_repeatable_and_says_so_when_there_are_too_few():
    some = small_images()
    taken = some.take(10, seed=3)
    assert sorted(np.bincount(taken.labels)) == [2, 2, 3, 3]
    assert np.array_equal(taken.pixels, some.take(10, seed=3).pixels)
    assert not np.array_equal(taken.pixels, some.take(10, seed=4).pixels)
    assert len({image.tobytes() for image in taken.pixels}) == 10
    with pytest.raises(data.DataError, match="has 10 images of .; take"):
        some.take(44)


# ---- Imagenette ----

WNIDS = sorted(["n01440764", "n02102040", "n02979186", "n03000684", "n03028079"])
WNIDS += sorted(["n03394916", "n03417042", "n03425413", "n03445777", "n03888257"])


def photos(top="imagenette2-160"):
    for part, count in (("train", 2), ("val", 1)):
        for label, wnid in enumerate(WNIDS):
            for number in range(count):
                file = io.BytesIO()
                Image.new("RGB", (48, 36), (25 * label, 100, 40 * number)).save(file, "JPEG", quality=95)
                yield f"{top}/{part}/{wnid}/{number}.JPEG", file.getvalue()


def test_a_partial_imagenette_is_read_and_says_how_many_photos_there_are(tmp_path):
    write(tmp_path, photos())
    train = data.imagenette("train", 24, tmp_path)
    assert train.pixels.shape == (20, 24, 24, 3) and "20 of 9,469" in train.note
    assert train.classes[0] == "tench" and train.classes[9] == "parachute"
    for image, label in zip(train.pixels, train.labels, strict=True):
        assert abs(int(image[12, 12, 0]) - 25 * label) < 6
    assert data.imagenette("validation", 24, tmp_path).labels.tolist() == list(range(10))


def test_an_imagenette_archive_gives_what_its_folder_gives(tmp_path):
    write(tmp_path / "a", photos())
    (tmp_path / "b").mkdir()
    tar(tmp_path / "b/imagenette2-160.tgz", reversed(list(photos())))
    one, other = (data.imagenette("train", 24, tmp_path / folder) for folder in "ab")
    assert np.array_equal(one.pixels, other.pixels) and np.array_equal(one.labels, other.labels)


def test_the_central_square_is_kept(tmp_path):
    picture = np.zeros((30, 90, 3), np.uint8)
    picture[:, 30:60] = 255
    file = tmp_path / "imagenette2/train/n01440764/wide.JPEG"
    file.parent.mkdir(parents=True)
    Image.fromarray(picture).save(file, quality=95)
    assert data.imagenette("train", 30, tmp_path).pixels[0, :, 2:-2].min() > 240


def test_photos_added_later_are_seen(tmp_path):
    files = list(photos())
    write(tmp_path, files[:5])
    assert len(data.imagenette("train", 24, tmp_path)) == 5
    write(tmp_path, files)
    assert len(data.imagenette("train", 24, tmp_path)) == 20


def test_an_empty_or_damaged_imagenette_is_explained(tmp_path):
    (tmp_path / "imagenette2").mkdir()
    with pytest.raises(data.DataError, match="imagenette2 has no photos for train"):
        data.imagenette("train", 24, tmp_path)
    write(tmp_path, photos("imagenette2"))
    file = tmp_path / "imagenette2/train/n03000684/1.JPEG"
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(data.DataError, match="n03000684/1.JPEG.*Delete it and fetch it anew"):
        data.imagenette("train", 24, tmp_path)


def test_imagenette_is_fetched_and_a_damaged_archive_replaced(tmp_path, web):
    tar(web / "imagenette2-160.tgz", photos())
    root = tmp_path / "root"
    root.mkdir()
    good = (web / "imagenette2-160.tgz").read_bytes()
    (root / "imagenette2-160.tgz").write_bytes(good[:-5])
    with serve(web) as (address, _):
        mirrors = {160: ((Remote("imagenette2-160.tgz", address + "imagenette2-160.tgz"),),)}
        assert len(data.imagenette("train", 24, root, mirrors=mirrors, pace=Pace())) == 20
    assert (root / "imagenette2-160.tgz.corrupt").exists()


# ---- what a lesson calls ----


def test_pictures_are_cifar_when_it_is_here(tmp_path, monkeypatch, capsys):
    as_png(tmp_path / "home/data")
    monkeypatch.setattr(data, "cifar10", partial(data.cifar10, spec=SMALL))
    found = data.pictures("validation", 16)
    assert (found.name, found.pixels.shape) == ("CIFAR-10", (20, 16, 16, 3))
    assert capsys.readouterr().out == found.note + "\n"


def test_pictures_fall_back_on_shapes_and_say_so_in_one_line(capsys):
    found = data.pictures("validation", 16)
    assert (found.name, found.pixels.shape) == ("Shapes", (5000, 16, 16, 3))
    said = capsys.readouterr().out
    assert said.startswith("Shapes, ") and said.count("\n") == 1
    for part in ("EFFNET_OFFLINE", "effnet-course data cifar10"):
        assert part in said
    found = data.pictures("validation", 16)
    assert capsys.readouterr().out == found.note + "\n"  # once is enough


def test_most_of_the_shapes_that_lessons_fall_back_on_do_not_look_like_their_class():
    """As lesson 00 says under its contact sheet."""
    scene = data._shapes.scenes("train", 2000, 0.2, 0.2, 0.2)
    shown = (scene.way == 0) & (scene.mark == scene.label)
    assert 0.2 < shown.mean() < 0.3 and {0, 1, 2} == set(scene.way.tolist())


def test_a_dataset_that_does_not_exist_is_named():
    with pytest.raises(data.DataError, match="'mnist'.*cifar10, imagenette"):
        data.fetch(["mnist"])


def test_importing_data_does_not_import_torch():
    code = "import sys, effnet_course.data; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_real_test_images_verify(tmp_path):
    archive = SHARED / "cifar10-test.zip"
    if not archive.exists():
        pytest.skip("CIFAR-10 is not beside the checkout")
    (tmp_path / archive.name).symlink_to(archive)
    real = data.cifar10("test", 32, tmp_path, download=False)
    assert len(real) == 10_000 and "verified" in real.note
