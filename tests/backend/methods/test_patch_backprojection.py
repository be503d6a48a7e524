from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage import data

import deepvis
from deepvis.backend.methods.patch_backprojection import cropped, patch_backprojection
from deepvis.backend.methods.views import back_view
from deepvis.backend.network import Network
from deepvis.backend.render.pictures import draw_view


@pytest.fixture(scope="module")
def tinynet() -> Network:
    return deepvis.load("tinynet", device="cpu")


def test_it_is_the_backprojection_of_that_position_inside_the_receptive_field(tinynet: Network) -> None:
    image = np.ascontiguousarray(data.chelsea())
    layer = tinynet.layer("conv3")
    assert layer.receptive_field is not None
    activation = deepvis.methods.activations(tinynet, image, "conv3")[7]
    row, column = divmod(int(activation.argmax()), activation.shape[1])
    box = layer.receptive_field.box(row, column)
    found = patch_backprojection(tinynet, image, "conv3", 7, (row, column), box, size=tinynet.input_size, rule="guided")
    whole = torch.from_numpy(
        deepvis.methods.backproject(tinynet, image, "conv3", 7, rule="guided", position=(row, column))
    )
    # Nothing outside of the receptive field can have made the unit fire: the crop loses nothing.
    top, left, bottom, right = (max(0, box[0]), max(0, box[1]), box[2], box[3])
    outside = whole.clone()
    outside[:, top:bottom, left:right] = 0
    assert not outside.any()
    assert found.picture.shape[:2] == (box[2] - box[0], box[3] - box[1])
    inside = draw_view(back_view(whole[:, top:bottom, left:right]))
    at = (top - box[0], left - box[1])
    assert np.array_equal(found.picture[at[0] : at[0] + inside.shape[0], at[1] : at[1] + inside.shape[1]], inside)
    assert found.scale == pytest.approx(float(whole.abs().max()))


def test_beyond_the_input_there_is_nothing() -> None:
    values = torch.arange(1.0, 13.0).reshape(1, 3, 4)
    found = cropped(values, (-1, 2, 2, 6))
    assert found.tolist() == [[[0, 0, 0, 0], [3, 4, 0, 0], [7, 8, 0, 0]]]
    assert not cropped(values, (5, 5, 8, 8)).any()
    with pytest.raises(ValueError, match="no pixels"):
        cropped(values, (2, 0, 2, 4))


def test_a_histogram_has_no_place_in_a_tile_and_becomes_grey(tinynet: Network) -> None:
    image = np.ascontiguousarray(data.coffee())
    made = {
        view: patch_backprojection(
            tinynet, image, "conv2", 3, (20, 20), (0, 0, 40, 40), size=tinynet.input_size, view=view
        ).picture
        for view in ("gray", "histogram", "raw")
    }
    assert np.array_equal(made["gray"], made["histogram"])
    assert not np.array_equal(made["gray"], made["raw"])


def test_a_layer_or_unit_that_is_not_there_is_named(tinynet: Network) -> None:
    image = np.zeros((16, 16, 3), np.uint8)
    with pytest.raises(KeyError, match="conv99"):
        patch_backprojection(tinynet, image, "conv99", 0, (0, 0), (0, 0, 4, 4), size=tinynet.input_size)
    with pytest.raises(ValueError, match="9999"):
        patch_backprojection(tinynet, image, "conv3", 9999, (0, 0), (0, 0, 4, 4), size=tinynet.input_size)
