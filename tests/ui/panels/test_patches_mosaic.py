from __future__ import annotations

from dataclasses import replace

import numpy as np

from deepvis.messages import GridRequest, LayerPatches
from deepvis.ui.panels.patches_mosaic import patches_grid, same_places
from deepvis.ui.scanned_layer import scanned_layer
from deepvis.ui.views.mosaic import unit_tile
from tests.ui.fixtures import LAYERS, grid_result, network_info
from tests.ui.library_shelf import library_info

LAYER = next(layer for layer in LAYERS if layer.name == "conv4")
GROUND, LINE = 0xFF102030, 0xFF000000


def patches(units: int = 160, side: int = 12) -> LayerPatches:
    tiles = np.zeros((units, side, side, 3), np.uint8)
    tiles[:, :, :, 0] = np.arange(units)[:, None, None]
    tiles[:, :, :, 2] = 77
    dead = np.zeros(units, np.bool_)
    dead[3] = True
    ready = np.ones(units, np.bool_)
    ready[9] = False
    values = np.linspace(0, 4, units).astype(np.float32)
    values[2] = np.nan
    return LayerPatches("/l", 1, "conv4", 1, tiles, ready, values, dead)


def test_tiles_stand_where_the_activations_of_their_units_stand() -> None:
    live = grid_result(LAYER, GridRequest("conv4", (500, 800), sort="activity"))
    made = patches_grid(patches(), live, "conv4", LAYER.size, GROUND, LINE)
    assert (made.rows, made.columns) == (live.rows, live.columns)
    assert np.array_equal(made.order, live.order)
    for unit in (0, 17, 159):
        tile = unit_tile(made, unit)
        assert tile is not None
        assert tile.shape == (12, 12, 4)
        assert (tile == np.array([77, 0, unit, 255], np.uint8)).all()


def test_a_tile_that_is_not_there_yet_has_the_ground() -> None:
    live = grid_result(LAYER, GridRequest("conv4", (500, 800)))
    tile = unit_tile(patches_grid(patches(), live, "conv4", LAYER.size, GROUND, LINE), 9)
    assert tile is not None
    assert (tile == np.array([0x30, 0x20, 0x10, 0xFF], np.uint8)).all()


def test_a_frame_holds_the_patches_of_one_unit_together() -> None:
    several = replace(patches(side=36), shown=4)
    tile = unit_tile(patches_grid(several, None, "conv4", LAYER.size, GROUND, LINE), 17)
    assert tile is not None
    assert (tile[0] == np.array([0, 0, 0, 255], np.uint8)).all()
    assert (tile[:, -1] == np.array([0, 0, 0, 255], np.uint8)).all()
    assert tile[18, 18].tolist() == [77, 0, 17, 255]


def test_dead_units_are_marked_and_a_value_that_is_missing_is_zero() -> None:
    made = patches_grid(patches(), None, "conv4", LAYER.size, GROUND, LINE)
    assert np.flatnonzero(made.dead).tolist() == [3]
    assert made.maxima[2] == 0
    assert np.isfinite(made.maxima).all()


def test_without_a_mosaic_of_this_layer_the_units_stand_by_number() -> None:
    other = grid_result(LAYERS[0], GridRequest("conv1", (500, 800)))
    for live in (None, other):
        made = patches_grid(patches(), live, "conv4", LAYER.size, GROUND, LINE)
        assert made.order.tolist() == list(range(160))
        assert made.rows * made.columns >= 160


def test_places_are_the_same_until_the_order_or_the_rows_differ() -> None:
    live = grid_result(LAYER, GridRequest("conv4", (500, 800)))
    assert same_places(live, grid_result(LAYER, GridRequest("conv4", (500, 800), gamma=0.5)))
    assert not same_places(live, replace(live, order=live.order[::-1]))
    assert not same_places(live, grid_result(LAYER, GridRequest("conv4", (800, 200))))
    assert not same_places(live, None)


def test_a_rectifier_is_shown_by_what_it_rectifies() -> None:
    info = network_info()
    library = library_info(layers=("conv1", "conv4"))
    assert scanned_layer(library, info, "conv4") == "conv4"
    assert scanned_layer(library, info, "relu1") == "conv1"
    assert scanned_layer(library, info, "pool4") is None
    assert scanned_layer(library, info, "conv2") is None
    assert scanned_layer(library_info(layers=("conv1", "relu1")), info, "relu1") == "relu1"
    assert scanned_layer(None, info, "conv4") is None
