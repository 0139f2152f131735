"""Corruptions change what they say, more with each step, the same each time, and nothing else."""

import numpy as np
import pytest

from effnet_course import corruptions
from effnet_course.corruptions import STRENGTHS, corrupt

PIXELS = np.random.RandomState(0).randint(40, 216, (6, 8, 8, 3), np.uint8).repeat(4, 1).repeat(4, 2)


@pytest.mark.parametrize("kind", STRENGTHS)
def test_each_step_is_further_from_the_image_and_the_input_is_left_alone(kind):
    before = PIXELS.copy()
    far = [np.abs(corrupt(PIXELS, kind, s).astype(float) - PIXELS).mean() for s in range(6)]
    assert far[0] == 0 and all(a < b for a, b in zip(far, far[1:], strict=False)), far
    made = corrupt(PIXELS, kind, 5)
    assert made.shape == PIXELS.shape and made.dtype == np.uint8 and np.array_equal(PIXELS, before)
    assert np.array_equal(made, corrupt(PIXELS, kind, 5))
    assert corrupt(PIXELS[:0], kind, 3).shape == (0, 32, 32, 3)


def test_noise_has_the_spread_it_says_and_a_seed_of_its_own():
    grey = np.full((4, 64, 64, 3), 128, np.uint8)
    for severity, sigma in enumerate(STRENGTHS["noise"], 1):
        made = corrupt(grey, "noise", severity).astype(float) - 128
        assert made.std() == pytest.approx(255 * sigma, rel=0.03) and abs(made.mean()) < 0.5
    assert not np.array_equal(corrupt(grey, "noise", 1), corrupt(grey, "noise", 1, seed=1))
    state = np.random.get_state()[1].copy()
    corrupt(grey, "noise", 1)
    assert np.array_equal(state, np.random.get_state()[1]), "nobody else's chance is touched"


def test_contrast_shrinks_the_distance_to_the_image_s_own_mean():
    made = corrupt(PIXELS, "contrast", 3).astype(float)
    middle = PIXELS.mean((1, 2), keepdims=True)
    assert np.abs(made - middle - 0.4 * (PIXELS - middle)).max() <= 0.5


def test_the_blur_grows_with_the_image_and_keeps_what_is_flat():
    point = np.zeros((1, 33, 33, 3), np.uint8)
    point[0, 16, 16] = 255
    large = np.zeros((1, 99, 99, 3), np.uint8)
    large[0, 48:51, 48:51] = 255
    small_share, large_share = (
        corrupt(p, "blur", 5)[0, :, :, 0].max() / 255 for p in (point, large)
    )
    assert small_share == pytest.approx(large_share, abs=0.06) and small_share < 0.3
    flat = np.full((1, 32, 32, 3), 77, np.uint8)
    assert np.array_equal(corrupt(flat, "blur", 5), flat)


def test_the_strengths_are_those_of_cifar_10_c():
    assert STRENGTHS == {
        "blur": (0.4, 0.6, 0.7, 0.8, 1.0), "noise": (0.04, 0.06, 0.08, 0.09, 0.1),
        "contrast": (0.75, 0.5, 0.4, 0.3, 0.15), "jpeg": (80, 65, 58, 50, 40),
    }  # fmt: skip


def test_what_makes_no_sense_is_explained():
    with pytest.raises(ValueError, match="There are: blur, noise, contrast, jpeg"):
        corrupt(PIXELS, "fog", 1)
    with pytest.raises(ValueError, match="from 0"):
        corrupt(PIXELS, "blur", 6)
    with pytest.raises(ValueError, match="these are float64"):
        corruptions.corrupt(PIXELS / 255, "blur", 1)
    with pytest.raises(ValueError, match="of shape"):
        corrupt(PIXELS[0], "blur", 1)


def test_a_whole_number_may_be_a_float():
    assert np.array_equal(corrupt(PIXELS, "blur", 2.0), corrupt(PIXELS, "blur", 2))
