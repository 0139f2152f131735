"""A student's own folder of images: whatever photos are like, they come in; whatever is wrong is said."""

import numpy as np
import pytest
from PIL import Image

from effnet_course import data
from effnet_course.data import DataError


def photo(path, colour, size=(20, 14), **save):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.new("RGB", size, colour)
    image.putpixel((0, 0), tuple(np.random.RandomState(abs(hash(path.name)) % 1000).randint(0, 255, 3).tolist()))
    image.save(path, **save)
    return path


@pytest.fixture
def two(tmp_path):
    """Two classes of ten images, each file different."""
    for n in range(10):
        photo(tmp_path / "mine/red" / f"{n}.png", (200, n, 0))
        photo(tmp_path / "mine/blue" / f"{n}.jpg", (0, n, 200))
    return tmp_path / "mine"


def test_a_folder_becomes_training_and_validation_images(two):
    train, validation = data.folder(two, 16)
    assert train.classes == validation.classes == ("blue", "red")
    assert (len(train), len(validation)) == (16, 4)
    assert np.bincount(validation.labels).tolist() == [2, 2]
    assert train.pixels.shape == (16, 16, 16, 3) and train.pixels.dtype == np.uint8
    assert (train.split, validation.split, train.name) == ("train", "validation", "mine")
    assert "16 training images at 16 px" in train.note
    for images in (train, validation):
        middle = images.pixels[:, 8, 8]
        assert ((middle[:, 0] > 150) == (images.labels == 1)).all()
    assert train.at(8).pixels.shape[1] == 8 and len(train.take(4)) == 4


def test_the_split_is_the_same_every_time_and_no_image_is_on_both_sides(two):
    first, again, other = (data.folder(two, 16, seed=seed) for seed in (0, 0, 1))
    assert np.array_equal(first[1].pixels, again[1].pixels)
    assert not np.array_equal(first[1].pixels, other[1].pixels)
    seen = {p.tobytes() for images in first for p in images.pixels}
    assert len(seen) == 20


def test_what_can_t_be_read_is_named_and_the_others_go_on(two, capsys):
    (two / "red/broken.jpg").write_bytes(b"no image at all")
    whole = (two / "blue/3.jpg").read_bytes()
    (two / "blue/cut.jpg").write_bytes(whole[: len(whole) // 2])
    (two / "red/notes.txt").write_text("hello")
    (two / "red/empty.png").write_bytes(b"")
    (two / "red/.DS_Store").write_bytes(b"hidden")
    (two / "red/copy.png").write_bytes((two / "red/0.png").read_bytes())
    (two / ".git").mkdir()
    train, validation = data.folder(two, 16)
    said = capsys.readouterr().out
    assert len(train) + len(validation) == 20 and "5 files were left out" in train.note
    for name in ("red/broken.jpg is damaged or no image", "blue/cut.jpg is damaged", "red/empty.png is damaged",
                 "red/notes.txt is of a type that is not read here (.txt)",
                 "red/copy.png is a copy of red/0.png"):  # fmt: skip
        assert name in said
    assert "DS_Store" not in said


def test_a_turned_photo_is_set_upright_and_the_middle_square_is_kept(two):
    image = Image.new("RGB", (40, 20), "black")
    image.paste("white", (0, 0, 20, 20))  # the left half is white
    exif = image.getexif()
    exif[0x0112] = 6  # turn by 90 degrees: the left becomes the top
    for n in range(10):
        image.putpixel((39, n), (9, 9, 9))
        image.save(two / "red" / f"turned{n}.png", exif=exif)
    train, _ = data.folder(two, 16)
    turned = [p for p in train.pixels if p[2, 8].min() > 200]
    assert len(turned) >= 5 and all(p[14, 8].max() < 60 for p in turned)


def test_grey_transparent_and_deep_images_come_in_as_colours(two):
    ramp = np.linspace(0, 65535, 400).reshape(20, 20).astype(np.uint16)
    Image.fromarray((ramp // 257).astype(np.uint8)).save(two / "red/grey.png")
    Image.fromarray(ramp).save(two / "red/deep.png")
    clear = Image.new("RGBA", (20, 20), (0, 0, 0, 0))
    clear.save(two / "red/clear.png")
    Image.new("P", (20, 20), 3).save(two / "red/palette.gif")
    Image.new("CMYK", (20, 20), (0, 90, 0, 0)).save(two / "red/print.jpg")
    train, validation = data.folder(two, 16)
    assert len(train) + len(validation) == 25
    pixels = np.concatenate([train.pixels, validation.pixels])
    assert sum(p.min() == 255 for p in pixels) == 1, "transparent parts are white"
    greys = [p for p in pixels if (p[..., 0] == p[..., 1]).all() and p.max() > 150 and p.min() < 60]
    assert len(greys) == 2 and np.abs(greys[0].astype(int) - greys[1]).max() <= 2


def test_names_may_be_in_any_script_and_images_large(tmp_path):
    for n in range(5):
        photo(tmp_path / "мои/Grüße" / f"ö{n}.png", (n, 90, 0))
        photo(tmp_path / "мои/猫" / f"ф{n}.jpg", (0, n * 9, 90), size=(3000, 2000))
    train, validation = data.folder(tmp_path / "мои", 24)
    assert train.classes == ("Grüße", "猫") and len(train) == 8 and len(validation) == 2


def test_the_same_file_in_two_classes_stops(two):
    (two / "red/9.jpg").write_bytes((two / "blue/9.jpg").read_bytes())
    with pytest.raises(DataError, match="red/9.jpg and blue/9.jpg are the same file in two classes"):
        data.folder(two, 16)


def test_folders_that_won_t_do_are_explained(two, tmp_path):
    with pytest.raises(DataError, match="nowhere is not there"):
        data.folder(tmp_path / "nowhere")
    with pytest.raises(DataError, match="is a file, not a folder"):
        data.folder(two / "red/0.png")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="empty is empty. Make a sub-folder for each class"):
        data.folder(tmp_path / "empty")
    with pytest.raises(DataError, match="holds 10 images and no sub-folders"):
        data.folder(two / "red")
    photo(tmp_path / "single/cat/a.png", "red")
    with pytest.raises(DataError, match="one sub-folder only, 'cat'"):
        data.folder(tmp_path / "single")
    for n in range(4):
        photo(two / "green" / f"{n}.png", (0, 200, n))
    with pytest.raises(DataError, match="'green' has 4 images that can be read; at least 5"):
        data.folder(two)
    with pytest.raises(DataError, match="between 0 and 1"):
        data.folder(two, share=1)
    with pytest.raises(DataError, match="resolution is 0"):
        data.folder(two, 0)
