from __future__ import annotations

import numpy as np
import pytest

from deepvis.colormaps import color_table
from deepvis.messages import GridRequest, GridResult
from deepvis.ui.views.mosaic import Canvas, MosaicGeometry, compose, shown_tile, tile_array, unit_tile
from tests.ui.fixtures import conv, grid_result

GROUND, HATCH = 0xFF101010, 0xFF777777


def numbered(
    count: int, rows: int, columns: int, tile: tuple[int, int] = (3, 4), gap: int = 0, *, order: list[int] | None = None
) -> GridResult:
    """A mosaic in which each tile holds its place's number as colour."""
    height, width = tile
    size = (rows * (height + gap) - gap, columns * (width + gap) - gap)
    picture = np.zeros((*size, 4), np.uint8)
    for place in range(count):
        top, left = place // columns * (height + gap), place % columns * (width + gap)
        picture[top : top + height, left : left + width] = (place % 251, place // 251, 7, 255)
    return GridResult(
        GridRequest("conv", (100, 100)),
        picture,
        rows,
        columns,
        tile,
        gap,
        np.array(order if order is not None else range(count), np.int32),
        np.ones(count, np.float32),
        np.zeros(count, bool),
        0.0,
        1.0,
        False,
        tile,
    )


@pytest.mark.parametrize("room", [(50, 60), (97, 83), (211, 400), (641, 823), (30, 1000)])
@pytest.mark.parametrize("gap", [0, 1, 3])
@pytest.mark.parametrize("count", [1, 7, 64])
def test_every_tile_is_where_the_geometry_says(room: tuple[int, int], gap: int, count: int) -> None:
    columns = min(count, 8)
    result = numbered(count, -(-count // columns), columns, gap=gap)
    mosaic = compose(result, room, GROUND, HATCH)
    assert mosaic.pixels.shape[:2] == tuple(side + 1 for side in mosaic.geometry.size)
    for place in range(count):
        top, left, bottom, right = (round(edge) for edge in mosaic.geometry.box(place))
        tile = mosaic.pixels[top:bottom, left:right]
        assert (tile[:, :, 0] == place).mean() > 0.3
        center = tile[(bottom - top) // 2, (right - left) // 2]
        assert center[0] == place
        hit = mosaic.geometry.place_at((top + bottom) / 2, (left + right) / 2)
        assert hit is not None
        assert hit[0] == place
        assert hit[1] == pytest.approx(0.5, abs=0.2)


@pytest.mark.parametrize("room", [(300, 400), (640, 830), (97, 1000)])
def test_the_mosaic_never_exceeds_its_room_and_fills_it_in_one_direction(room: tuple[int, int]) -> None:
    result = numbered(160, 10, 16, (12, 12))
    height, width = compose(result, room, GROUND, HATCH).geometry.size
    assert height <= room[0]
    assert width <= room[1]
    assert max(height / room[0], width / room[1]) > 0.8


def test_a_whole_factor_keeps_every_pixel_a_square_of_its_own_colour() -> None:
    result = grid_result(conv("conv", 12, 8, 9), GridRequest("conv", (500, 500)), columns=4)
    mosaic = compose(result, (3 * 24 + 2, 4 * 24 + 3), GROUND, HATCH)
    assert mosaic.geometry.tile == (24, 24)
    for unit in range(10):
        tile = unit_tile(result, unit)
        top, left, bottom, right = mosaic.geometry.box(unit)
        expected = np.repeat(np.repeat(tile, 3, axis=0), 3, axis=1)
        np.testing.assert_array_equal(mosaic.pixels[top:bottom, left:right], expected)


def test_tiles_are_one_pixel_of_ground_apart_at_every_factor() -> None:
    result = numbered(6, 2, 3, gap=0)
    for room in ((20, 30), (100, 100), (333, 555)):
        mosaic = compose(result, room, GROUND, HATCH)
        _, _, bottom, right = mosaic.geometry.box(0)
        words = mosaic.pixels.view(np.uint32)[:, :, 0]
        assert (words[bottom] == GROUND).all()
        assert (words[:, right] == GROUND).all()
        assert (words[bottom + 1, :right] != GROUND).all()


def test_places_after_the_last_unit_are_ground_and_hit_nothing() -> None:
    result = numbered(5, 2, 3)
    mosaic = compose(result, (100, 100), GROUND, HATCH)
    top, left, bottom, right = mosaic.geometry.box(5)
    assert (mosaic.pixels.view(np.uint32)[top:bottom, left:right] == GROUND).all()
    assert mosaic.geometry.place_at(top + 1, left + 1) is None


def test_dead_units_are_hatched_wherever_the_order_puts_them() -> None:
    order = [3, 1, 0, 2]
    base = numbered(4, 2, 2, (8, 8), order=order)
    dead = np.array([True, False, False, False])
    result = GridResult(**{name: getattr(base, name) for name in base.__dataclass_fields__} | {"dead": dead})
    mosaic = compose(result, (64, 64), GROUND, HATCH)
    words = mosaic.pixels.view(np.uint32)[:, :, 0]
    for place, unit in enumerate(order):
        top, left, bottom, right = mosaic.geometry.box(place)
        tile = words[top:bottom, left:right]
        colors = set(tile.ravel().tolist())
        assert (colors == {GROUND, HATCH}) == (unit == 0)


def test_a_vector_s_units_are_never_hatched_and_their_cells_stay_small() -> None:
    base = numbered(10, 2, 5, (1, 1))
    changes = {"map_size": None, "dead": np.ones(10, bool)}
    result = GridResult(**{name: getattr(base, name) for name in base.__dataclass_fields__} | changes)
    mosaic = compose(result, (900, 900), GROUND, HATCH, largest=40)
    assert mosaic.geometry.tile == (40, 40)
    assert HATCH not in mosaic.pixels.view(np.uint32)


def test_the_result_is_not_written_into() -> None:
    result = grid_result(conv("conv", 30, 8, 9), GridRequest("conv", (300, 300)))
    before = result.picture.copy()
    result.picture.flags.writeable = False
    compose(result, (300, 300), GROUND, HATCH)
    compose(result, (50, 50), GROUND, HATCH)
    np.testing.assert_array_equal(result.picture, before)


def test_two_thousand_units_get_a_tile_each() -> None:
    result = numbered(2048, 38, 54, (7, 7))
    mosaic = compose(result, (700, 900), GROUND, HATCH)
    seen = {
        (int(pixel[0]), int(pixel[1]))
        for place in range(2048)
        for top, left, bottom, right in [mosaic.geometry.box(place)]
        for pixel in [mosaic.pixels[(top + bottom) // 2, (left + right) // 2]]
    }
    assert len(seen) == 2048


def test_a_gap_around_the_whole_mosaic_is_left_out() -> None:
    inner = numbered(4, 2, 2, (3, 3), gap=1)
    outer = np.zeros((9, 9, 4), np.uint8)
    outer[1:8, 1:8] = inner.picture
    result = GridResult(**{name: getattr(inner, name) for name in inner.__dataclass_fields__} | {"picture": outer})
    np.testing.assert_array_equal(tile_array(result), tile_array(inner))


def test_a_room_of_one_pixel_still_gives_a_picture() -> None:
    mosaic = compose(numbered(64, 8, 8), (1, 1), GROUND, HATCH)
    assert mosaic.geometry.tile == (1, 1)


@pytest.mark.parametrize(
    ("room", "expected"),
    [
        ((320, 320), (10, 10)),
        ((352, 352), (10, 10)),
        ((384, 384), (12, 12)),
        ((639, 639), (19, 19)),
        ((640, 640), (20, 20)),
    ],
)
def test_a_tile_takes_a_whole_multiple_unless_that_wastes_its_room(
    room: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert shown_tile((10, 10), (32, 32), room, gap=0) == expected


def test_a_canvas_is_drawn_on_again_and_nothing_of_the_last_frame_stays() -> None:
    canvas = Canvas()
    for columns, room in ((4, (300, 300)), (3, (300, 300)), (4, (90, 90)), (4, (300, 300))):
        result = grid_result(conv("conv", 23, 7, 9), GridRequest("conv", room), columns=columns)
        kept = compose(result, room, GROUND, HATCH, canvas=canvas)
        fresh = compose(result, room, GROUND, HATCH)
        np.testing.assert_array_equal(kept.pixels, fresh.pixels)
        assert compose(result, room, GROUND, HATCH, canvas=canvas).pixels is kept.pixels


def test_points_outside_hit_nothing() -> None:
    geometry = MosaicGeometry(2, 3, 6, (4, 5), (5, 6))
    assert geometry.place_at(-0.1, 2) is None
    assert geometry.place_at(2, -0.1) is None
    assert geometry.place_at(10, 2) is None
    assert geometry.place_at(2, 18) is None
    assert geometry.place_at(4.9, 5.9) == (0, pytest.approx(1.0), pytest.approx(1.0))


def test_the_diverging_map_is_grey_at_zero() -> None:
    middle = color_table("diverging")[127:129, :3].astype(int)
    assert np.ptp(middle) <= 4
