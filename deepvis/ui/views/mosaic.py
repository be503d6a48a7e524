"""Where each tile of a mosaic lies, and the mosaic's pixels at the size in which they are painted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from deepvis.messages import GridResult, Size, UInt8Array

UInt32Array = npt.NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class MosaicGeometry:
    """Tiles in rows, in device pixels from the mosaic's own top left corner.

    Attributes
    ----------
    count : number of tiles that show a unit; the last row may not be full.
    tile : (height, width) of a tile; ``pitch``: from one tile's corner to the next one's.
    """

    rows: int
    columns: int
    count: int
    tile: tuple[float, float]
    pitch: tuple[float, float]

    @property
    def size(self) -> tuple[float, float]:
        """Height and width of the whole mosaic."""
        return (
            (self.rows - 1) * self.pitch[0] + self.tile[0],
            (self.columns - 1) * self.pitch[1] + self.tile[1],
        )

    def place_at(self, y: float, x: float) -> tuple[int, float, float] | None:
        """The tile at a point, and where in it as (y, x) in [0, 1); a gap belongs to the tile before it."""
        if y < 0 or x < 0:
            return None
        row, column = int(y // self.pitch[0]), int(x // self.pitch[1])
        place = row * self.columns + column
        if column >= self.columns or place >= self.count:
            return None
        inside_y = (y - row * self.pitch[0]) / self.tile[0]
        inside_x = (x - column * self.pitch[1]) / self.tile[1]
        below_one = float(np.nextafter(1.0, 0.0))
        return place, min(inside_y, below_one), min(inside_x, below_one)

    def box(self, place: int) -> tuple[float, float, float, float]:
        """(top, left, bottom, right) of a tile."""
        top = (place // self.columns) * self.pitch[0]
        left = (place % self.columns) * self.pitch[1]
        return top, left, top + self.tile[0], left + self.tile[1]


@dataclass(frozen=True, slots=True)
class Mosaic:
    """Pixels ready to be painted one to one: uint8 (H, W, 4) BGRX, and their geometry."""

    pixels: UInt8Array
    geometry: MosaicGeometry


def compose(result: GridResult, room: Size, ground: int, hatch: int, gap: int = 1) -> Mosaic:
    """Bring a result to the size in which it is shown.

    Tiles grow by the largest whole factor that fits ``room`` (height, width in device pixels), with the gap left at
    ``gap`` pixels; what is larger than the room is averaged down. Dead units get a hatch.

    Parameters
    ----------
    ground, hatch : colours ``0xffRRGGBB`` of gaps and of the lines over dead tiles.
    """
    source = tile_array(result)
    rows, tile_height, columns, tile_width = source.shape
    count = len(result.order)
    factor = min(
        (room[0] - (rows - 1) * gap) // (rows * tile_height), (room[1] - (columns - 1) * gap) // (columns * tile_width)
    )
    shrink = 1.0
    if factor < 1:
        whole = (rows * (tile_height + gap) - gap, columns * (tile_width + gap) - gap)
        shrink = max(min(room[0] / whole[0], room[1] / whole[1]), 1 / max(whole))
        factor = 1
    height, width = tile_height * factor, tile_width * factor
    pixels = np.full((rows * (height + gap), columns * (width + gap)), ground, dtype=np.uint32)
    tiles = pixels.reshape(rows, height + gap, columns, width + gap)[:, :height, :, :width]
    tiles[...] = _magnified(source, factor)
    _blank_rest(tiles, count, ground)
    _hatch_dead(tiles, result, ground, hatch)
    pixels = np.ascontiguousarray(pixels[: rows * (height + gap) - gap, : columns * (width + gap) - gap])
    scale_y = scale_x = 1.0
    if shrink < 1:
        small = _averaged(pixels, shrink)
        scale_y, scale_x = small.shape[0] / pixels.shape[0], small.shape[1] / pixels.shape[1]
        pixels = small
    geometry = MosaicGeometry(
        rows,
        columns,
        count,
        tile=(height * scale_y, width * scale_x),
        pitch=((height + gap) * scale_y, (width + gap) * scale_x),
    )
    return Mosaic(_bytes(pixels), geometry)


def tile_array(result: GridResult) -> UInt32Array:
    """The tiles of a result as uint32 (rows, tile height, columns, tile width), without gaps; a read-only view."""
    words = _words(result.picture)
    (height, width), gap = result.tile, result.gap
    pitch = (height + gap, width + gap)
    # A renderer may leave a gap around the whole mosaic too.
    top = max(0, (words.shape[0] - (result.rows * pitch[0] - gap)) // 2)
    left = max(0, (words.shape[1] - (result.columns * pitch[1] - gap)) // 2)
    strides = words.strides
    view: UInt32Array = np.lib.stride_tricks.as_strided(
        words[top:, left:],
        shape=(result.rows, height, result.columns, width),
        strides=(pitch[0] * strides[0], strides[0], pitch[1] * strides[1], strides[1]),
        writeable=False,
    )
    return view


def unit_tile(result: GridResult, unit: int) -> UInt8Array | None:
    """One unit's tile as uint8 (h, w, 4) BGRX at the result's own resolution; None if the result has no such unit."""
    places = np.flatnonzero(result.order == unit)
    if not len(places):
        return None
    row, column = divmod(int(places[0]), result.columns)
    return _bytes(np.ascontiguousarray(tile_array(result)[row, :, column, :]))


def _words(picture: UInt8Array) -> UInt32Array:
    contiguous = np.ascontiguousarray(picture)
    words: UInt32Array = contiguous.view(np.uint32)[:, :, 0]
    return words


def _bytes(words: UInt32Array) -> UInt8Array:
    return words.view(np.uint8).reshape(*words.shape, 4)


def _magnified(source: UInt32Array, factor: int) -> UInt32Array:
    if factor == 1:
        return source
    rows, height, columns, width = source.shape
    wide = np.repeat(np.ascontiguousarray(source), factor, axis=3)
    return np.repeat(wide, factor, axis=1).reshape(rows, height * factor, columns, width * factor)


def _averaged(pixels: UInt32Array, shrink: float) -> UInt32Array:
    import cv2  # loaded with the first mosaic that is too large, not with the window

    size = (max(1, int(pixels.shape[1] * shrink)), max(1, int(pixels.shape[0] * shrink)))
    method = cv2.INTER_LINEAR if shrink > 0.5 else cv2.INTER_AREA
    small: Any = cv2.resize(_bytes(pixels), size, interpolation=method)
    return _words(np.asarray(small, dtype=np.uint8))


def _blank_rest(tiles: UInt32Array, count: int, ground: int) -> None:
    rows, _, columns, _ = tiles.shape
    if count < rows * columns:
        row, column = divmod(count, columns)
        tiles[row, :, column:] = ground
        tiles[row + 1 :] = ground


def _hatch_dead(tiles: UInt32Array, result: GridResult, ground: int, hatch: int) -> None:
    places = np.flatnonzero(result.dead[result.order])
    if not len(places):
        return
    _, height, columns, width = tiles.shape
    period = max(2, min(8, min(height, width) // 2))
    y, x = np.indices((height, width), sparse=True)
    pattern = np.where((x + y) % period == period - 1, np.uint32(hatch), np.uint32(ground))
    tiles.transpose(0, 2, 1, 3)[places // columns, places % columns] = pattern
