"""Hundreds of small pictures with a bar each, drawn into one array; only what changed is drawn again. No Qt."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepvis.messages import FloatArray, Size, UInt8Array
from deepvis.ui.views.resample import bgrx, resample

SURE = 0.9
"""From this confidence on a bar has the colour of success."""


_MANY = 400
"""Tiles from which on the gaps between them are as narrow as can be."""


@dataclass(frozen=True, slots=True)
class TileColors:
    """Colours as (blue, green, red): of gaps, of cells without a picture, and of bars."""

    ground: tuple[int, int, int]
    empty: tuple[int, int, int]
    track: tuple[int, int, int]
    unsure: tuple[int, int, int]
    sure: tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class TileGeometry:
    """Where the tiles lie, in pixels: ``tile`` (height, width) of a picture, below it a bar, then the gap."""

    count: int
    columns: int
    tile: Size
    bar: int
    gap: int

    @classmethod
    def fitting(cls, count: int, picture: Size, room: Size) -> TileGeometry:
        """The arrangement with the largest tiles for ``count`` pictures of this size in ``room`` (height, width)."""
        gap = 2 if count <= _MANY else 1
        best = cls(count, 1, (1, 1), 1, gap)
        for columns in range(1, count + 1):
            rows = math.ceil(count / columns)
            across, down = room[1] / columns - gap, room[0] / rows - gap
            bar = max(1, min(4, round(down / 16)))
            factor = min(across / picture[1], (down - bar) / picture[0])
            tile = (int(picture[0] * factor), int(picture[1] * factor))
            if min(tile) > min(best.tile):
                best = cls(count, columns, tile, bar, gap)
        return best

    @property
    def pitch(self) -> Size:
        """From one tile's corner to the next one's."""
        return self.tile[0] + self.bar + self.gap, self.tile[1] + self.gap

    @property
    def size(self) -> Size:
        """Height and width of the whole."""
        rows = math.ceil(self.count / self.columns)
        return rows * self.pitch[0], self.columns * self.pitch[1]

    def corner(self, place: int) -> tuple[int, int]:
        """(top, left) of a tile."""
        row, column = divmod(place, self.columns)
        return row * self.pitch[0], column * self.pitch[1]

    def place_at(self, y: float, x: float) -> int | None:
        """The tile at a point, or None."""
        if y < 0 or x < 0 or x >= self.columns * self.pitch[1]:
            return None
        place = int(y // self.pitch[0]) * self.columns + int(x // self.pitch[1])
        return place if place < self.count else None


class ArchiveTiles:
    """The pictures of an archive as one, uint8 (H, W, 4) BGRX in ``pixels``.

    Parameters
    ----------
    colors : of everything that is no picture.
    """

    def __init__(self, geometry: TileGeometry, colors: TileColors) -> None:
        self.geometry = geometry
        self._colors = colors
        height, width = geometry.size
        self.pixels: UInt8Array = np.full((height, width, 4), 255, np.uint8)
        self.pixels[:, :, :3] = colors.ground
        self._known = np.full(geometry.count, np.nan, np.float32)

    def draw(self, archive: UInt8Array, confidence: FloatArray, most: int | None = None) -> int:
        """Draw the tiles whose confidence is another one than before; returns how many there were.

        A cell takes another picture only with another confidence, so that pictures need not be compared.

        Parameters
        ----------
        archive : uint8 (n, h, w, 3) RGB.
        confidence : (n,) in [0, 1]; 0 where there is no picture yet.
        most : how many to draw now; the others are drawn by the next calls.
        """
        waiting = np.flatnonzero(~(self._known == confidence))
        changed = waiting[:most]
        if not len(changed):
            return 0
        self._known[changed] = confidence[changed]
        tiles = self._tiles(archive, changed)
        tiles[confidence[changed] <= 0] = (*self._colors.empty, 255)
        (height, width), bar = self.geometry.tile, self.geometry.bar
        grid = self._grid()
        rows, columns = np.divmod(changed, self.geometry.columns)
        grid[rows, :height, columns, :width] = tiles
        grid[rows, height : height + bar, columns, :width, :3] = self._bars(confidence[changed])[:, None]
        return len(waiting)

    def _grid(self) -> UInt8Array:
        """``pixels`` as (rows, pitch, columns, pitch, 4)."""
        rows = self.geometry.size[0] // self.geometry.pitch[0]
        (down, across), columns = self.geometry.pitch, self.geometry.columns
        return self.pixels.reshape(rows, down, columns, across, 4)

    def _tiles(self, archive: UInt8Array, changed: npt.NDArray[np.intp]) -> UInt8Array:
        """The changed pictures at the tiles' size, (k, height, width, 4) BGRX."""
        tile = self.geometry.tile
        # Every pixel of pictures that are many times too large costs more than it shows.
        every = max(1, archive.shape[1] // (2 * tile[0]))
        pictures = archive[changed, ::every, ::every]
        count, height, width = pictures.shape[:3]
        if tile[0] <= height:
            # Averaging keeps to the borders between pictures that stand on top of each other: one call for all.
            tall = resample(pictures.reshape(count * height, width, 3), (count * tile[0], tile[1]), "area")
            return bgrx(tall).reshape(count, *tile, 4)
        return np.stack([bgrx(resample(picture, tile, "linear")) for picture in pictures])

    def _bars(self, confidence: FloatArray) -> UInt8Array:
        """One line of each bar, (k, width, 3)."""
        width = self.geometry.tile[1]
        # The least that is not nothing stays in sight.
        filled = np.where(confidence > 0, np.maximum(1, np.round(confidence * width)), 0)
        on = np.arange(width)[None, :] < filled[:, None]
        color = np.where((confidence > SURE)[:, None], self._colors.sure, self._colors.unsure)
        bars: UInt8Array = np.where(on[:, :, None], color[:, None, :], self._colors.track).astype(np.uint8)
        return bars
