"""Where each tile of a mosaic lies, and the mosaic's pixels at the size in which they are painted."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepvis.messages import GridResult, Size, UInt8Array
from deepvis.ui.views.resample import resample

UInt32Array = npt.NDArray[np.uint32]

_WHOLE_ENOUGH = 0.9


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
    tile: Size
    pitch: Size

    @property
    def size(self) -> Size:
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
    """Pixels ready to be painted one to one: uint8 (H, W, 4) BGRX, a gap beyond the last tiles included."""

    pixels: UInt8Array
    geometry: MosaicGeometry


class Canvas:
    """Memory that is used again from frame to frame: fresh megabytes cost more than what is drawn into them."""

    def __init__(self) -> None:
        self._kept: dict[str, UInt8Array] = {}
        self._key: tuple[object, ...] = ()

    def prepared(self, key: tuple[object, ...]) -> bool:
        """Whether what was drawn last was drawn for the same ``key``; from now on it is this one."""
        same, self._key = key == self._key, key
        return same

    def take(self, name: str, height: int, width: int) -> UInt8Array:
        """Memory for (height, width, 4) pixels, whatever is in it; the same again for the same size."""
        kept = self._kept.get(name)
        if kept is None or kept.shape[:2] != (height, width):
            kept = self._kept[name] = np.empty((height, width, 4), np.uint8)
        return kept


def compose(
    result: GridResult,
    room: Size,
    ground: int,
    hatch: int,
    gap: int = 1,
    largest: int | None = None,
    canvas: Canvas | None = None,
) -> Mosaic:
    """Bring a result to the size in which it is shown.

    Every tile gets the same whole number of pixels, as many as ``room`` (height, width in device pixels) allows with
    ``gap`` pixels between tiles. Dead units get a hatch.

    Parameters
    ----------
    ground, hatch : colours ``0xffRRGGBB`` of gaps and of the lines over dead tiles.
    largest : the largest side of a vector's cells in pixels; maps grow as far as the room allows.
    canvas : where to draw; a mosaic's pixels hold until the next one is composed on the same canvas.
    """
    canvas = canvas or Canvas()
    source = tile_array(result)
    rows, _, columns, _ = source.shape
    height, width = shown_tile(result.tile, (rows, columns), room, gap)
    if result.map_size is None and largest is not None:
        height, width = min(height, largest), min(width, largest)
    drawn = canvas.take("mosaic", rows * (height + gap), columns * (width + gap))
    pixels = _words(drawn)
    if not canvas.prepared((rows, height, columns, width, gap, ground)):
        # The gaps stay as they are from frame to frame.
        pixels[...] = ground
    tiles = pixels.reshape(rows, height + gap, columns, width + gap)[:, :height, :, :width]
    own_height, own_width = source.shape[1], source.shape[3]
    times = height // own_height
    if times >= 2 and (height, width) == (times * own_height, times * own_width):
        # Rows are repeated in place: one pass over the pixels instead of two.
        widened = _scaled(source, own_height, width, canvas)
        repeated = tiles.reshape(rows, own_height, times, columns, width)
        repeated[...] = widened[:, :, None]
    else:
        tiles[...] = _scaled(source, height, width, canvas)
    if result.filters is not None:
        on_ground(tiles, ground)
    count = len(result.order)
    _blank_rest(tiles, count, ground)
    _hatch_dead(tiles, result, ground, hatch)
    geometry = MosaicGeometry(rows, columns, count, (height, width), (height + gap, width + gap))
    return Mosaic(drawn, geometry)


def on_ground(words: UInt32Array, ground: int) -> None:
    """Put the ground's colour where a mosaic of filters leaves it to be seen: where the fourth byte is not full."""
    words[words < 0xFF000000] = ground


def shown_tile(tile: Size, grid: Size, room: Size, gap: int) -> Size:
    """The size of each tile on the screen, for ``grid`` (rows, columns) of tiles in ``room``.

    A whole multiple of the tile's own size where that costs at most a tenth of the size that would fit.
    """
    fit = min(
        (room[0] - (grid[0] - 1) * gap) / (grid[0] * tile[0]),
        (room[1] - (grid[1] - 1) * gap) / (grid[1] * tile[1]),
    )
    whole = math.floor(fit)
    factor = whole if whole >= 1 and whole >= _WHOLE_ENOUGH * fit else fit
    return max(1, int(tile[0] * factor + 1e-6)), max(1, int(tile[1] * factor + 1e-6))


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


def _scaled(source: UInt32Array, height: int, width: int, canvas: Canvas) -> UInt32Array:
    """Tiles (rows, h, columns, w) brought to ``height`` and ``width``; magnified pixels keep their edges."""
    rows, tile_height, columns, tile_width = source.shape
    if (height, width) == (tile_height, tile_width):
        return source
    size = (rows * height, columns * width)
    flat = _bytes(np.ascontiguousarray(source).reshape(rows * tile_height, columns * tile_width))
    factor = max(height / tile_height, width / tile_width)
    if factor >= 2:
        # Squares that differ by one pixel in three or more pass unnoticed, and cost a quarter of evenly softened ones.
        flat = resample(flat, size, "nearest", canvas.take("scaled", *size))
    elif factor > 1:
        # Doubled first: the step down from there softens the pixels' edges only.
        double = (2 * rows * tile_height, 2 * columns * tile_width)
        flat = resample(flat, double, "nearest", canvas.take("doubled", *double))
    if flat.shape[:2] != size:
        flat = resample(flat, size, "linear" if factor > 0.5 else "area", canvas.take("scaled", *size))
    return _words(flat).reshape(rows, height, columns, width)


def _blank_rest(tiles: UInt32Array, count: int, ground: int) -> None:
    rows, _, columns, _ = tiles.shape
    if count < rows * columns:
        row, column = divmod(count, columns)
        tiles[row, :, column:] = ground
        tiles[row + 1 :] = ground


def _hatch_dead(tiles: UInt32Array, result: GridResult, ground: int, hatch: int) -> None:
    # A vector's unit has one value: constant over its map it always is, and dead it is not.
    places = np.flatnonzero(result.dead[result.order]) if result.map_size is not None else ()
    if not len(places):
        return
    _, height, columns, width = tiles.shape
    period = max(2, min(8, min(height, width) // 2))
    y, x = np.indices((height, width), sparse=True)
    pattern = np.where((x + y) % period == period - 1, np.uint32(hatch), np.uint32(ground))
    rows, places_in_row = np.divmod(places, columns)
    tiles.transpose(0, 2, 1, 3)[rows, places_in_row] = pattern
