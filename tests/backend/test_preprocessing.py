from __future__ import annotations

import numpy as np
import pytest
import torch
import torchvision.transforms.v2.functional as tv
from torch import nn

from deepvis import Network
from deepvis.backend.preprocessing import Preprocessing


def picture(height: int, width: int) -> np.ndarray:
    rng = np.random.default_rng(height * 1000 + width)
    smooth = rng.integers(0, 256, (height // 8 + 2, width // 8 + 2, 3), dtype=np.uint8)
    grown = tv.resize(torch.from_numpy(smooth).permute(2, 0, 1), [height, width], antialias=True)
    return np.ascontiguousarray(grown.permute(1, 2, 0).numpy())


@pytest.mark.parametrize("size", [(300, 451), (480, 640), (641, 333), (64, 64), (17, 900)])
def test_the_crop_is_torchvisions_resize_and_centre_crop(size: tuple[int, int]) -> None:
    image = picture(*size)
    ours = Preprocessing((224, 224), resize_to=256).pixels(image)
    theirs = tv.center_crop(tv.resize(torch.from_numpy(image).permute(2, 0, 1), [256], antialias=True), [224, 224])
    # Two implementations of the same filter in 8 bits may round a value up and down.
    assert int((ours.int() - theirs.int()).abs().max()) <= 1


def test_normalisation_is_undone_exactly_enough() -> None:
    preprocessing = Preprocessing((32, 32))
    pixels = preprocessing.pixels(picture(40, 50))
    x = preprocessing.normalise(pixels)
    assert x.dtype == torch.float32
    torch.testing.assert_close(preprocessing.denormalise(x) * 255, pixels.float(), atol=1e-3, rtol=0)


def test_the_seen_box_covers_the_crop_in_pixels_of_the_picture() -> None:
    place = Preprocessing((100, 100)).placement(300, 600)
    assert place.resized == (100, 200)
    assert place.seen == pytest.approx((0, 150, 300, 450))
    assert Preprocessing((100, 100)).placement(300, 600, "stretch").seen == (0, 0, 300, 600)


def test_a_non_square_input_is_covered_by_the_picture() -> None:
    preprocessing = Preprocessing((96, 160))
    assert preprocessing.pixels(picture(300, 300)).shape == (3, 96, 160)
    top, left, bottom, right = preprocessing.placement(300, 300).seen
    assert (bottom - top) / (right - left) == pytest.approx(96 / 160, rel=0.02)


def test_a_grey_scale_network_gets_one_channel_of_luminance() -> None:
    preprocessing = Preprocessing((28, 28), mean=(0.5,), std=(0.5,))
    red = np.zeros((28, 28, 3), np.uint8)
    red[:, :, 0] = 255
    pixels = preprocessing.pixels(red)
    assert pixels.shape == (1, 28, 28)
    assert int(pixels[0, 0, 0]) == 76


def test_grey_pictures_become_three_equal_channels() -> None:
    grey = np.full((40, 40), 77, np.uint8)
    pixels = Preprocessing((32, 32)).pixels(grey)
    assert pixels.unique().tolist() == [77]


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (np.zeros((0, 5, 3), np.uint8), "no pixels"),
        (np.zeros((5, 5, 4), np.uint8), r"\(H, W, 3\)"),
        (np.zeros((5, 5, 3), np.float32), "uint8"),
        ("cat.jpg", "numpy array"),
    ],
)
def test_what_is_no_picture_is_refused_with_the_reason(image: object, words: str) -> None:
    net = Network(nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, 2)), input_size=(8, 8))
    with pytest.raises(ValueError, match=words):
        net.preprocess(image)  # type: ignore[arg-type]


def test_a_preprocessed_tensor_is_used_as_it_is() -> None:
    net = Network(nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, 2)), input_size=(8, 8))
    x = torch.randn(1, 3, 8, 8)
    assert torch.equal(net.preprocess(x), x)
    with pytest.raises(ValueError, match="net.preprocess"):
        net.preprocess(torch.randn(2, 3, 8, 8))


def test_settings_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="one value a channel"):
        Preprocessing((8, 8), mean=(0.5,), std=(0.5, 0.5, 0.5))
    with pytest.raises(ValueError, match="positive"):
        Preprocessing((8, 8), std=(0.0, 1.0, 1.0))


@pytest.mark.parametrize("size", [(20, 1600), (1501, 10), (7, 2000)])
def test_a_very_long_picture_is_cropped_as_all_others_are(size: tuple[int, int]) -> None:
    image = picture(*size)
    preprocessing = Preprocessing((16, 16), resize_to=18)
    assert max(preprocessing.placement(*size).resized) > 64 * 16
    theirs = tv.center_crop(tv.resize(torch.from_numpy(image).permute(2, 0, 1), [18], antialias=True), [16, 16])
    assert (preprocessing.pixels(image).float() - theirs.float()).abs().mean() < 3


def test_a_line_of_pixels_is_not_enlarged_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    enlarge = torch.nn.functional.interpolate

    def watched(*arguments: object, **options: object) -> torch.Tensor:
        result = enlarge(*arguments, **options)  # type: ignore[arg-type]
        made.append(result.numel())
        return result

    monkeypatch.setattr(torch.nn.functional, "interpolate", watched)
    line = np.zeros((1, 4096, 3), np.uint8)
    line[:, 2048:] = 255
    pixels = Preprocessing((224, 224), resize_to=256).pixels(line)
    assert pixels.shape == (3, 224, 224)
    assert made
    assert max(made) < 64 * 3 * 256 * 224
    assert int(pixels[0, 0, 0]) < 20 < 235 < int(pixels[0, 0, -1])
    assert 100 < float(pixels.float().mean()) < 155, "the border of black and white stays in the middle"
