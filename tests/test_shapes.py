"""Each knob of Shapes makes the pictures harder along its own axis, and nothing else changes."""

import time

import numpy as np
import pytest

from effnet_course import data, shapes

EASY = {"detail": 0, "extent": 0, "variety": 0}


def draw(split="train", count=50, resolution=32, seed=0, **knobs):
    return shapes.draw(split, count, resolution, **{**EASY, **knobs}, seed=seed)


def test_a_picture_is_the_same_however_many_are_drawn():
    few, many = draw(count=7, detail=0.5, extent=0.5), draw(count=300, detail=0.5, extent=0.5)
    assert np.array_equal(few[0], many[0][:7]) and np.array_equal(few[1], many[1][:7])


def test_splits_and_seeds_share_no_picture():
    seen = set()
    for split in shapes.SPLITS:
        for seed in (0, 1, 2):
            seen |= {picture.tobytes() for picture in draw(split, 300, seed=seed)[0]}
    assert len(seen) == 9 * 300


def test_seeds_are_independent_of_each_other():
    one, other = (shapes.scenes("train", 5000, 0.5, 0.5, 1, seed) for seed in (0, 1))
    for field in ("mark", "colour"):
        together = np.histogram2d(getattr(one, field), getattr(other, field), bins=10)[0]
        assert together.min() > 20, field  # 50 are expected in every one of the 100 cells
    number = np.arange(100)
    drawn = [tuple(shapes._uniform(seed, "train", number, column)) for seed in range(4) for column in range(20)]
    assert len(set(drawn)) == 80, "no seed repeats another's numbers for something else"


def test_classes_are_balanced_and_named():
    drawn = data.shapes("validation", 200)
    assert np.bincount(drawn.labels).tolist() == [20] * 10
    assert drawn.name == "Shapes" and len(drawn.classes) == 10 and "drawn by the course" in drawn.note
    assert drawn.pixels.dtype == np.uint8 and drawn.labels.dtype == np.int64


def test_the_knobs_share_the_pictures_out_as_documented():
    for detail, extent in ((0, 0), (1, 0), (0, 1), (0.5, 0.5), (1, 1)):
        way = shapes.scenes("train", 4000, detail, extent, 0).way
        half = detail * extent / 2
        wanted = [(1 - detail) * (1 - extent), detail - half, extent - half]
        assert np.abs(np.bincount(way, minlength=3) / 4000 - wanted).max() < 0.03


def test_variety_goes_from_one_sub_type_of_a_class_to_ten():
    counts = []
    for variety in (0, 0.5, 1):
        scene = shapes.scenes("train", 20_000, 0, 0, variety)
        assert np.array_equal(shapes.KEYS[scene.key, scene.mark], scene.label)
        counts.append(
            {len(set(zip(scene.mark[scene.label == c], scene.key[scene.label == c], strict=True))) for c in range(10)}
        )
    assert counts == [{1}, {5}, {10}]


def test_at_full_variety_neither_mark_nor_colour_alone_tells_the_class():
    scene = shapes.scenes("train", 20_000, 0, 0, 1)
    for alone in (scene.mark, scene.colour):
        table = np.histogram2d(alone, scene.label, bins=10)[0]
        assert table.max() / table.sum(axis=1).mean() < 0.14
    assert np.array_equal(shapes.KEYS[0], np.arange(10))
    assert (np.sort(shapes.KEYS, axis=0) == np.arange(10)[:, None]).all()
    assert (np.sort(shapes.KEYS, axis=1) == np.arange(10)).all()


@pytest.mark.parametrize("knobs", [{}, {"extent": 1}, {"detail": 1}])
def test_another_resolution_shows_the_same_scenes(knobs):
    fine, coarse = draw(resolution=64, **knobs)[0], draw(resolution=16, **knobs)[0]
    averaged = data.resize(fine, 16).astype(float)
    assert np.abs(averaged - coarse).mean() < 5  # the sensor noise alone makes 3.3
    assert np.abs(averaged - np.roll(coarse, 1, axis=0)).mean() > 15


def test_stripes_are_gone_at_eight_pixels_and_plain_at_thirty_two():
    ripple = []
    for resolution in (8, 32):
        middle = slice(resolution * 7 // 16, resolution * 9 // 16 + 1)
        pixels = draw(resolution=resolution, count=300, detail=1)[0][:, middle, middle].astype(float)
        ripple.append(np.median(pixels.std(axis=(1, 2)).max(axis=1)))
    assert ripple[0] < 10 < 20 < ripple[1]


def test_planet_and_moon_do_not_fit_in_a_seven_pixel_window():
    pixels = draw(count=200, extent=1)[0].astype(int)
    back = np.median(pixels, axis=(1, 2))[:, None, None]
    shown = np.abs(pixels - back).max(axis=3) > 60
    extent = [np.ptp(np.argwhere(picture), axis=0).max() for picture in shown]
    assert min(extent) > 14


def test_twenty_thousand_pictures_take_about_a_second_of_one_core():
    draw()  # tables
    started = time.process_time()
    draw(count=4000, detail=0.5, extent=0.5, variety=0.5)
    assert (time.process_time() - started) * 5 < 4


@pytest.mark.parametrize("knobs", [{"detail": 1.1}, {"extent": -0.1}, {"variety": 2}])
def test_a_knob_outside_its_range_is_named(knobs):
    with pytest.raises(ValueError, match=next(iter(knobs))):
        draw(**knobs)
    with pytest.raises(ValueError, match="split must be"):
        draw("testing")


# ---- probes: small networks, trained for a few seconds ----


def accuracy(net, knobs, resolution, count=1500, epochs=4, rate=5e-3):
    """Top-1, as a fraction, on 500 validation pictures after training on `count`."""
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    (pixels, labels), (held, wanted) = (
        draw("train", count, resolution, **knobs),
        draw("validation", 500, resolution, **knobs),
    )
    x, v = (torch.from_numpy(p).permute(0, 3, 1, 2).float() / 255 - 0.5 for p in (pixels, held))
    y = torch.from_numpy(labels)
    steps = epochs * (count // 50)
    optimiser = torch.optim.AdamW(net.parameters(), rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, steps)
    for _ in range(epochs):
        for batch in torch.randperm(count).view(-1, 50):
            optimiser.zero_grad()
            torch.nn.functional.cross_entropy(net(x[batch]), y[batch]).backward()
            optimiser.step()
            schedule.step()
    net.eval()
    with torch.no_grad():
        return float((net(v).argmax(1).numpy() == wanted).mean())


def layer(*shape, **options):
    from torch import nn

    return [nn.Conv2d(*shape, **options), nn.BatchNorm2d(shape[1]), nn.ReLU()]


def whole(resolution, width=16):
    """A small network whose last layer sees the whole picture."""
    from torch import nn

    steps = [
        *layer(3, width, 3, padding=1),
        *layer(width, width, 3, stride=2, padding=1),
        *layer(width, 2 * width, 3, stride=2, padding=1),
    ]
    return nn.Sequential(*steps, nn.Flatten(), nn.Linear(2 * width * (resolution // 4) ** 2, 10))


def patches(width=32):
    """A bag of patches: what it says is the mean of what it sees through windows of 7x7 pixels, anywhere."""
    from torch import nn

    return nn.Sequential(
        *layer(3, width, 7, stride=2),
        *layer(width, width, 1),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(width, 10),
    )


def test_with_all_knobs_at_zero_a_tiny_network_is_nearly_always_right():
    assert accuracy(whole(16, 8), {}, 16) > 0.95


def test_detail_needs_resolution():
    assert accuracy(whole(8), {}, 8) > 0.9
    assert accuracy(whole(8), {"detail": 1}, 8) < 0.2
    assert accuracy(patches(), {"detail": 1}, 32) > 0.9


def test_extent_needs_a_large_receptive_field():
    assert accuracy(patches(), {"extent": 1}, 32) < 0.3
    assert accuracy(whole(32, 8), {"extent": 1}, 32, epochs=6) > 0.75


def test_variety_needs_width():
    narrow, wide = (accuracy(whole(8, width), {"variety": 1}, 8, count=3000, epochs=6) for width in (4, 16))
    assert narrow < 0.6 and wide > narrow + 0.25
    assert accuracy(whole(8, 4), {}, 8, count=2000, epochs=6) > 0.85
