"""The change that an attack made: rounding that keeps a bound, its figures, and its picture."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio

from deepvis.backend.runs.attacks.change import Change, rounded, rounded_within_l2, rounded_within_linf


@pytest.fixture
def before() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (3, 11, 13), np.uint8)


def nearby(before: np.ndarray, amount: float) -> np.ndarray:
    noise = np.random.default_rng(2).uniform(-amount, amount, before.shape)
    return (before / 255 + noise).clip(0, 1).astype(np.float32)


def test_rounding_goes_to_the_nearest_level():
    pixels = np.array([-0.1, 0.0, 1.49 / 255, 1.51 / 255, 1.0, 1.2], np.float32)
    np.testing.assert_array_equal(rounded(pixels), [0, 0, 1, 2, 255, 255])


@pytest.mark.parametrize("levels", [1.0, 2.6, 8.0])
def test_values_rounded_within_a_bound_stay_in_it(before, levels):
    pixels = nearby(before, levels / 255)
    after = rounded_within_linf(pixels, before, levels / 255).astype(int)
    assert np.abs(after - before).max() == int(levels)
    # Where the bound leaves a choice it is the nearest level.
    free = np.abs(np.rint(pixels * 255.0) - before) <= levels
    np.testing.assert_array_equal(after[free], np.rint(pixels * 255.0)[free])


@pytest.mark.parametrize("amount", [0.9, 3.0])
def test_pictures_rounded_within_a_ball_stay_in_it(before, amount):
    pixels = nearby(before, amount / 255)
    radius = float(np.linalg.norm(pixels - before / 255))
    after = rounded_within_l2(pixels, before, radius)
    length = np.linalg.norm((after.astype(float) - before) / 255)
    assert 0.9 * radius < length <= radius * (1 + 1e-6)
    assert np.abs(after / 255 - pixels).max() <= 1 / 255 + 1e-6


def test_changes_of_less_than_half_a_level_are_rounded_away(before):
    pixels = nearby(before, 0.45 / 255)
    np.testing.assert_array_equal(rounded_within_l2(pixels, before, 0.01), before)


def test_a_picture_that_fits_is_rounded_to_the_nearest(before):
    pixels = nearby(before, 2 / 255)
    np.testing.assert_array_equal(rounded_within_l2(pixels, before, 10.0), rounded(pixels))


def test_the_figures_are_those_of_the_vector_of_changes(before):
    after = rounded(nearby(before, 5 / 255))
    vector = (after.astype(float) - before).ravel() / 255
    norms = Change(before, after).norms
    assert norms["l0"] == np.count_nonzero(vector)
    assert norms["l2"] == pytest.approx(np.linalg.norm(vector))
    assert norms["linf"] == pytest.approx(np.abs(vector).max())
    assert norms["psnr"] == pytest.approx(peak_signal_noise_ratio(before, after))


def test_equal_pictures_have_figures_that_are_numbers(before):
    norms = Change(before, before).norms
    assert (norms["l0"], norms["l2"], norms["linf"]) == (0, 0, 0)
    assert np.isfinite(norms["psnr"])
    assert norms["psnr"] > 70


def test_the_difference_is_magnified_around_mid_grey(before):
    after = before.copy()
    after[0, 0, :4] = before[0, 0, :4] // 2 + 60
    after[1] = np.where(before[1] > 127, before[1] - 3, before[1] + 3)
    change = Change(before, after)
    drawn = change.magnified.astype(int)
    assert (drawn[2] == 128).all()
    expected = 128 + change.magnification * (after.astype(int) - before)
    np.testing.assert_array_equal(drawn, expected.clip(0, 255))
    assert change.magnification * 3 <= 127
