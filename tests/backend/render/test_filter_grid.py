from __future__ import annotations

import numpy as np
import pytest

from deepvis.backend.methods.filter_bank import FilterBank
from deepvis.backend.render.filter_grid import render_filters
from deepvis.backend.render.filters import filter_pictures
from deepvis.colormaps import DIVERGING, color_table
from deepvis.messages import GridRequest, GridResult


def bank(weights: np.ndarray, *, sees_picture: bool = False) -> FilterBank:
    units, slices = weights.shape[:2]
    channels = np.broadcast_to(np.arange(slices, dtype=np.int32), (units, slices))
    source = None if sees_picture else "before"
    return FilterBank("conv", weights.astype(np.float32), channels, source, sees_picture)


def draw(of: FilterBank, room: tuple[int, int] = (300, 400), **wishes: object) -> GridResult:
    return render_filters(of, GridRequest("conv", room, show="filters", **wishes))  # type: ignore[arg-type]


def tile(result: GridResult, place: int) -> np.ndarray:
    row, column = divmod(place, result.columns)
    height, width = result.tile
    return result.picture[row * height : (row + 1) * height, column * width : (column + 1) * width]


def weight(result: GridResult, place: int, piece: int, row: int, column: int) -> list[int]:
    """The colour (B, G, R) in the middle of one weight."""
    filters = result.filters
    assert filters is not None
    line, across = divmod(piece, filters.columns)
    scale = (filters.cell[0] // SIDE, filters.cell[1] // SIDE)
    y = filters.start[0] + line * filters.pitch[0] + row * scale[0] + scale[0] // 2
    x = filters.start[1] + across * filters.pitch[1] + column * scale[1] + scale[1] // 2
    assert filters.slice_at(y, x) == (None if filters.color else piece)
    color: list[int] = tile(result, place)[y, x].tolist()
    assert color[3] == 255
    return color[:3]


SIDE = 3


def test_filters_on_a_picture_are_in_colour_around_mid_grey() -> None:
    weights = np.zeros((2, 3, SIDE, SIDE))
    weights[0, 0, 0, 0], weights[0, 2, 2, 1] = 0.5, -0.5
    weights[1, :, 1, 1] = 0.25
    result = draw(bank(weights, sees_picture=True))
    assert result.filters is not None
    assert result.filters.color
    assert weight(result, 0, 0, 0, 0) == [128, 128, 255]
    assert weight(result, 0, 0, 2, 1) == [0, 128, 128]
    assert weight(result, 1, 0, 1, 1) == [255, 255, 255]
    whole = draw(bank(weights, sees_picture=True), range="layer")
    assert weight(whole, 1, 0, 1, 1) == [191, 191, 191]


def test_slices_are_drawn_around_zero_and_named_by_their_channels() -> None:
    weights = np.zeros((4, 5, SIDE, SIDE))
    weights[2, 4, 1, 2], weights[2, 1, 0, 0] = 3, -3
    result = draw(bank(weights))
    filters = result.filters
    assert filters is not None
    assert filters.hidden == 0
    assert filters.channels[2].tolist() == [0, 1, 2, 3, 4]
    table = color_table(DIVERGING)[:, :3]
    assert weight(result, 2, 4, 1, 2) == table[255].tolist()
    assert weight(result, 2, 1, 0, 0) == table[0].tolist()
    assert weight(result, 2, 0, 0, 0) == table[128].tolist()
    assert (result.signed, result.low, result.high) == (True, -3.0, 3.0)
    assert result.dead.tolist() == [True, True, False, True]
    assert result.maxima[2] == pytest.approx(18**0.5)


def test_where_not_all_fit_the_strongest_slices_are_shown() -> None:
    generator = np.random.default_rng(0)
    weights = generator.normal(size=(64, 40, SIDE, SIDE))
    result = draw(bank(weights), (400, 400))
    filters = result.filters
    assert filters is not None
    shown = filters.channels.shape[1]
    assert shown < 40
    assert filters.hidden == 40 - shown
    for unit in (0, 33):
        norms = np.linalg.norm(weights[unit].reshape(40, -1), axis=1)
        assert filters.channels[unit].tolist() == np.argsort(-norms)[:shown].tolist()
        np.testing.assert_allclose(filters.slice_norms[unit], np.sort(norms)[::-1][:shown], rtol=1e-5)
    alone = draw(bank(weights), (400, 400), unit=33)
    assert alone.filters is not None
    assert alone.order.tolist() == [33]
    assert alone.filters.hidden == 0
    assert len(alone.maxima) == 64


def test_units_are_sorted_by_norm_on_request() -> None:
    weights = np.ones((3, 2, SIDE, SIDE)) * np.array([1.0, 3.0, 2.0])[:, None, None, None]
    assert draw(bank(weights)).order.tolist() == [0, 1, 2]
    assert draw(bank(weights), sort="activity").order.tolist() == [1, 2, 0]


@pytest.mark.parametrize("room", [(40, 40), (300, 1200), (1200, 200), (1, 1)])
@pytest.mark.parametrize("shape", [(64, 3, 7, 7), (512, 512, 3, 3), (200, 512, 1, 1), (1, 1, 1, 7), (96, 1, 5, 5)])
def test_the_mosaic_fits_its_room_and_units_have_ground_between_them(
    shape: tuple[int, int, int, int], room: tuple[int, int]
) -> None:
    result = draw(bank(np.ones(shape)), room)
    assert result.filters is not None
    assert result.picture.shape == (result.rows * result.tile[0], result.columns * result.tile[1], 4)
    assert result.rows * result.columns >= shape[0]
    enough = min(room) >= 300 and shape[0] < 512
    if enough:
        assert result.picture.shape[0] <= room[0]
        assert result.picture.shape[1] <= room[1]
        assert (tile(result, 0)[0, :, 3] == 0).all()
        assert (tile(result, 0)[:, 0, 3] == 0).all()
    assert result.filters.slice_at(-1, -1) is None


def test_a_units_strongest_inputs_say_where_they_come_from() -> None:
    weights = np.zeros((2, 8, SIDE, SIDE))
    weights[1, 6], weights[1, 2] = -2, 1
    first, second, *_ = filter_pictures(bank(weights), 1)
    assert (first.channel, first.source, second.channel) == (6, "before", 2)
    assert first.norm == pytest.approx(6)
    own = filter_pictures(bank(weights[:, :3], sees_picture=True), 0)
    assert [(picture.channel, picture.source) for picture in own] == [(None, None)]
