"""The sticker: how it is laid on pictures, what it is trained on, and that it wins."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from deepvis.backend.network import Network
from deepvis.backend.runs import Fooling
from deepvis.backend.runs.attacks.placement import Sticker

RED, GREEN, BLUE = (torch.tensor([float(c == n) for c in range(3)])[None, :, None, None] for n in range(3))


def net_of_colours() -> Network:
    """Says the colour of which there is most, smoothly: 0 red, 1 green, 2 blue."""
    mean = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 3, bias=False))
    mean[2].weight.data = 40 * torch.eye(3)
    return Network(mean, (30, 40), (0.0,) * 3, (1.0,) * 3, ["red", "green", "blue"], "colours")


@pytest.fixture
def image() -> np.ndarray:
    picture = np.full((30, 40, 3), 90, np.uint8)
    picture[..., 0] = 110
    return picture


@pytest.mark.parametrize("shape", ["round", "square"])
@pytest.mark.parametrize("area", [0.05, 0.15, 0.4])
def test_a_sticker_covers_its_share_of_the_picture(shape, area):
    sticker = Sticker((60, 80), area, shape)
    black = torch.zeros(6, 3, 60, 80)
    places = sticker.places(6, 0.0, 20.0, torch.Generator().manual_seed(0))
    covered = sticker.lay(torch.ones(1, 3, sticker.pixels, sticker.pixels), black, places).mean((1, 2, 3))
    torch.testing.assert_close(covered, torch.full((6,), area), rtol=0.02, atol=0.0)


def test_a_sticker_lies_upright_and_in_its_colours_where_it_is_placed():
    sticker = Sticker((40, 60), 16 * 16 / 2400, "square")
    halves = torch.cat((RED.expand(1, 3, 8, 16), BLUE.expand(1, 3, 8, 16)), 2)
    place = torch.tensor([[1.0, 0.0, 10.0, -8.0], [1.0, math.pi / 2, 10.0, -8.0]])
    upright, turned = sticker.lay(halves, GREEN.expand(2, 3, 40, 60), place)
    # Its centre is at row 12, column 40: red above, blue below.
    assert upright[:, 8, 40].tolist() == [1, 0, 0]
    assert upright[:, 16, 40].tolist() == [0, 0, 1]
    assert upright[:, 8, 30].tolist() == upright[:, 24, 40].tolist() == [0, 1, 0]
    # A quarter turn clockwise puts the upper half on the right.
    torch.testing.assert_close(turned[:, 12, 44], RED.flatten(), atol=1e-5, rtol=0)
    torch.testing.assert_close(turned[:, 12, 36], BLUE.flatten(), atol=1e-5, rtol=0)


def test_places_are_spread_over_the_picture_and_leave_the_sticker_whole():
    sticker = Sticker((60, 80), 0.1, "round")
    places = sticker.places(400, 0.2, 20.0, torch.Generator().manual_seed(0))
    half = sticker.side / 2 * places[:, 0]
    assert (places[:, 2].abs() + half <= 40 + 1e-4).all()
    assert (places[:, 3].abs() + half <= 30 + 1e-4).all()
    assert 0.8 <= places[:, 0].min() < 0.82
    assert 1.18 < places[:, 0].max() <= 1.2
    assert places[:, 1].abs().max() <= math.radians(20)
    assert places[:, 2].min() < -20
    assert places[:, 2].max() > 20


def test_a_sticker_that_does_not_fit_is_refused_with_the_largest_that_does(image):
    with pytest.raises(ValueError, match=r"area 0.7 is too large: a round sticker covers at most 0.59 of 30 × 40 px"):
        next(Fooling(method="patch", target="green", area=0.7).steps(net_of_colours(), image))


def test_the_trained_sticker_wins_and_is_cut_out_on_white(image):
    run = Fooling(method="patch", target="green", area=0.3, iterations=40, seed=1)
    for update in run.steps(net_of_colours(), image):
        last = update
    result = last.result
    assert result.facts["wins"] >= 0.8
    assert result.facts["success"]
    assert result.facts["trials"] >= 100
    assert net_of_colours().classify(last.detail["pictures"]["after"], 1)[0][0] == "green"
    sticker = result.image.astype(int)
    assert (sticker[0, 0] == 255).all()
    assert (sticker[-1, -1] == 255).all()
    middle = sticker[len(sticker) // 4 : -len(sticker) // 4, len(sticker) // 4 : -len(sticker) // 4].mean((0, 1))
    assert middle[1] > 150
    assert middle[0] < 100
    assert middle[2] < 100
    assert min(result.images["printable"].shape[:2]) >= 600
    assert (result.images["printable"][0, 0] == 255).all()
    # The picture is changed under the sticker only.
    changed = (last.detail["pictures"]["after"] != image).any(2).mean()
    assert 0.2 < changed < 0.4


def test_without_a_target_the_sticker_takes_pictures_from_their_class(image):
    for update in Fooling(method="patch", area=0.3, iterations=40).steps(net_of_colours(), image):
        last = update
    assert last.result.facts["wins"] > 0.5
    assert last.result.facts["label_after"] != "red"


def test_a_folder_is_trained_on_and_what_cannot_be_read_is_counted(image, tmp_path: Path):
    for number, colour in enumerate([(120, 90, 90), (90, 90, 120)]):
        Image.new("RGB", (50, 40), colour).save(tmp_path / f"{number}.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    run = Fooling(method="patch", target="green", area=0.3, iterations=10, folder=str(tmp_path))
    for update in run.steps(net_of_colours(), image):
        last = update
    assert last.result.facts["pictures"] == 3
    assert last.result.facts["pictures_left_out"] == 1


def test_a_folder_that_does_not_exist_or_is_empty_is_refused(image, tmp_path: Path):
    for folder, cause in ((tmp_path / "nowhere", "does not exist"), (tmp_path, "has no pictures")):
        with pytest.raises(ValueError, match=cause):
            next(Fooling(method="patch", target="green", folder=str(folder)).steps(net_of_colours(), image))
