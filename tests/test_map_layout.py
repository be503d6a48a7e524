"""Thumbnails that do not overlap, and colours."""

from __future__ import annotations

import numpy as np
import pytest

from deepvis.map_layout import class_colors, color_groups, spread
from tests.ui.map_contents import map_pictures


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_pictures_that_are_shown_at_a_size_never_overlap_at_it(seed: int) -> None:
    rng = np.random.default_rng(seed)
    points = (rng.normal(size=(700, 2)) * rng.choice([1, 20], (700, 1))).astype(np.float32)
    points[50:60] = points[0]
    apart = spread(points)
    for side in (0.05, 0.5, 2.0, 10.0):
        shown = points[apart >= side]
        across = np.abs(shown[:, None] - shown[None]).max(2)
        np.fill_diagonal(across, np.inf)
        assert across.min() >= side * (1 - 1e-5)
        # None that is left out would have had room.
        left = points[apart < side]
        assert np.abs(left[:, None] - shown[None]).max(2).min(1).max() < side


def test_of_pictures_in_one_place_one_is_shown() -> None:
    apart = spread(np.ones((5, 2), np.float32))
    assert np.isinf(apart).sum() == 1
    assert (np.sort(apart)[:4] == 0).all()
    assert spread(np.zeros((0, 2), np.float32)).shape == (0,)


def test_the_first_pictures_are_the_same_when_the_others_are_not_needed() -> None:
    points = np.random.default_rng(5).normal(size=(300, 2)).astype(np.float32)
    whole, begun = spread(points), spread(points, 40)
    assert (begun > 0).sum() == 40
    np.testing.assert_array_equal(begun[begun > 0], whole[begun > 0])


@pytest.mark.parametrize("count", [1, 2, 10, 12, 13, 200])
@pytest.mark.parametrize("dark", [True, False])
def test_classes_have_colours_of_their_own(count: int, dark: bool) -> None:
    colors = class_colors(count, dark=dark)
    assert colors.shape == (count, 3)
    assert len({tuple(color) for color in colors.tolist()}) >= (count if count < 20 else 0.95 * count)
    light = colors @ np.array([0.2126, 0.7152, 0.0722])
    assert light.min() > 80 if dark else light.max() < 200


def test_pictures_are_coloured_by_class_prediction_or_whether_it_is_right() -> None:
    pictures = map_pictures(30)
    assert color_groups(pictures, "class")[1] == pictures.classes
    groups, names = color_groups(pictures, "correctness")
    assert names == ("wrong", "right")
    np.testing.assert_array_equal(groups == 1, pictures.labels == pictures.predicted)
    assert (color_groups(pictures, "none")[0] == -1).all()
    with pytest.raises(ValueError, match="class, prediction, correctness or none"):
        color_groups(pictures, "size")
