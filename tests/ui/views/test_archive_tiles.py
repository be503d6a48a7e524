"""Hundreds of pictures with bars as one picture."""

from __future__ import annotations

import numpy as np
import pytest

from deepvis.ui.views.archive_tiles import ArchiveTiles, TileColors, TileGeometry

COLORS = TileColors((1, 1, 1), (2, 2, 2), (3, 3, 3), (200, 100, 0), (0, 100, 200))
GROUND, EMPTY, TRACK, UNSURE, SURE = COLORS.ground, COLORS.empty, COLORS.track, COLORS.unsure, COLORS.sure


def archive(count: int, side: int = 16) -> np.ndarray:
    """Pictures of one colour each, as many as fit in 8 bits."""
    shades = np.arange(count) % 200 + 40
    made = np.zeros((count, side, side, 3), np.uint8)
    made[..., 0] = shades[:, None, None]
    made[..., 2] = 255 - shades[:, None, None]
    return made


def tile(tiles: ArchiveTiles, cell: int) -> np.ndarray:
    top, left = tiles.geometry.corner(cell)
    height, width = tiles.geometry.tile
    return tiles.pixels[top : top + height, left : left + width, :3]


def bar(tiles: ArchiveTiles, cell: int) -> np.ndarray:
    top, left = tiles.geometry.corner(cell)
    height, width = tiles.geometry.tile
    return tiles.pixels[top + height, left : left + width, :3]


@pytest.mark.parametrize(("count", "room"), [(10, (200, 400)), (200, (240, 560)), (1000, (260, 600)), (7, (30, 900))])
def test_every_tile_fits_and_no_larger_ones_would(count: int, room: tuple[int, int]) -> None:
    geometry = TileGeometry.fitting(count, (64, 64), room)
    height, width = geometry.size
    assert height <= room[0]
    assert width <= room[1]
    larger = geometry.tile[0] + 2
    fits = [
        columns * (larger + geometry.gap) <= room[1]
        and -(-count // columns) * (larger + geometry.bar + geometry.gap) <= room[0]
        for columns in range(1, count + 1)
    ]
    assert not any(fits)


@pytest.mark.parametrize("room", [(90, 120), (400, 700)])
def test_each_cell_shows_its_own_picture_and_nothing_of_its_neighbours(room: tuple[int, int]) -> None:
    pictures = archive(30)
    tiles = ArchiveTiles(TileGeometry.fitting(30, (16, 16), room), COLORS)
    assert tiles.draw(pictures, np.full(30, 0.5, np.float32)) == 30
    for cell in range(30):
        shown = tile(tiles, cell).reshape(-1, 3)
        wanted = pictures[cell, 0, 0, ::-1].astype(int)
        assert np.abs(shown.astype(int) - wanted).max() <= 1


def test_a_bar_is_as_long_as_the_confidence_and_changes_colour_when_it_is_sure() -> None:
    confidence = np.array([0, 0.004, 0.25, 0.9, 0.95, 1], np.float32)
    tiles = ArchiveTiles(TileGeometry.fitting(6, (16, 16), (120, 300)), COLORS)
    tiles.draw(archive(6), confidence)
    width = tiles.geometry.tile[1]
    for cell, value in enumerate(confidence.tolist()):
        pixels = bar(tiles, cell)
        filled = (pixels != TRACK).any(-1).sum()
        assert filled == pytest.approx(value * width, abs=1)
        assert bool(filled) == bool(value)
        color = SURE if value > 0.9 else UNSURE
        assert (pixels[:filled] == color).all()


def test_a_cell_without_a_picture_is_plainly_empty() -> None:
    tiles = ArchiveTiles(TileGeometry.fitting(4, (16, 16), (100, 100)), COLORS)
    tiles.draw(archive(4), np.array([0, 1, 1, 0], np.float32))
    assert (tile(tiles, 0) == EMPTY).all()
    assert (tile(tiles, 3) == EMPTY).all()
    assert not (tile(tiles, 1) == EMPTY).all(-1).any()


def test_only_cells_whose_confidence_changed_are_drawn_again() -> None:
    tiles = ArchiveTiles(TileGeometry.fitting(50, (16, 16), (100, 300)), COLORS)
    confidence = np.full(50, 0.5, np.float32)
    tiles.draw(archive(50), confidence)
    other = archive(50)[::-1].copy()
    changed = confidence.copy()
    changed[[3, 17]] = 0.75
    before = [tile(tiles, cell).copy() for cell in range(50)]
    assert tiles.draw(other, changed) == 2
    for cell in range(50):
        same = np.array_equal(tile(tiles, cell), before[cell])
        assert same == (cell not in (3, 17))
    assert tiles.draw(other, changed) == 0


def test_many_changes_are_drawn_in_parts_until_none_is_left() -> None:
    pictures, confidence = archive(100), np.full(100, 0.5, np.float32)
    whole = ArchiveTiles(TileGeometry.fitting(100, (16, 16), (100, 300)), COLORS)
    whole.draw(pictures, confidence)
    parts = ArchiveTiles(whole.geometry, COLORS)
    assert [parts.draw(pictures, confidence, 40) for _ in range(4)] == [100, 60, 20, 0]
    assert np.array_equal(parts.pixels, whole.pixels)


def test_a_point_belongs_to_the_tile_around_it() -> None:
    geometry = TileGeometry.fitting(23, (16, 16), (200, 300))
    for cell in range(23):
        top, left = geometry.corner(cell)
        assert geometry.place_at(top + 1, left + 1) == cell
        assert geometry.place_at(top + geometry.tile[0] - 1, left + geometry.tile[1] - 1) == cell
    assert geometry.place_at(-1, 5) is None
    assert geometry.place_at(5, geometry.size[1] + 1) is None
    assert geometry.place_at(geometry.size[0] - 1, geometry.size[1] - 1) is None
