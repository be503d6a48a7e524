"""The mosaic of a layer's filters: a tile a unit, its strongest slices in it, drawn at the size of the screen."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from deepvis.backend.methods.filter_bank import FilterBank
from deepvis.backend.render.grid import arrangement
from deepvis.colormaps import DIVERGING, colorize
from deepvis.messages import FilterTiles, FloatArray, GridRequest, GridResult, Size, UInt8Array

_LEGIBLE = 6
"""Pixels of the screen that a weight among others needs; fewer slices are shown where there are fewer pixels."""

_LEGIBLE_ALONE = 4
"""Pixels that a slice of a single weight needs: its neighbours are other channels, and make no shape with it."""

_LEGIBLE_ZOOMED = 3
"""Pixels that a weight needs where one unit has all the room."""

_MOST = 9
"""Slices of several weights that stand in one tile among others."""

_COUNTS = (1024, 576, 400, 256, 144, 100, 64, 36, 25, 16, 9, 4, 1)
"""How many slices may stand in a tile, if not all of them do."""

_LARGEST = 28
"""Pixels of the screen that a weight gets at most, so that small layers do not become posters."""

_CLIPPED = 0.001
"""Share of a layer's weights that may lie beyond its colours: a few large ones would leave all others grey."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """``count`` slices of ``size`` weights in rows × columns, ``line`` pixels apart, in a tile of ``tile`` pixels.

    ``scale`` is the side of a weight in pixels.
    """

    count: int
    rows: int
    columns: int
    scale: int
    line: int
    size: Size
    tile: Size

    @property
    def cell(self) -> Size:
        return self.size[0] * self.scale, self.size[1] * self.scale

    @property
    def pitch(self) -> Size:
        return self.cell[0] + self.line, self.cell[1] + self.line

    @property
    def taken(self) -> Size:
        return self.rows * self.pitch[0] - self.line, self.columns * self.pitch[1] - self.line

    @property
    def start(self) -> Size:
        return (self.tile[0] - self.taken[0]) // 2, (self.tile[1] - self.taken[1]) // 2


def render_filters(bank: FilterBank, request: GridRequest) -> GridResult:
    """Draw every unit's filter: in colour where it acts on red, green and blue, else its slices around zero.

    Where not all slices fit, the strongest of each unit are shown, strongest first; else they stand in the order of
    their channels. Zero is mid grey. The largest magnitude of each unit, or of the layer (as ``request.range`` says;
    the few largest of a layer are clipped), takes the full colour. ``request.unit`` is drawn alone, with as many slices
    as the room shows.
    """
    units = len(bank.weights)
    alone = request.unit if request.unit is not None and 0 <= request.unit < units else None
    color = bank.sees_picture and bank.weights.shape[1] == 3
    slices = bank.weights.mean(1, keepdims=True) if color else bank.weights
    room = (max(1, request.room[0]), max(1, request.room[1]))
    height, width = slices.shape[2:]
    rows, columns, plan = _plan(units if alone is None else 1, slices.shape[1], (height, width), room)
    norms = bank.norms
    order = np.arange(units, dtype=np.int32)
    if alone is not None:
        order = np.array([alone], dtype=np.int32)
    elif request.sort == "activity":
        order = np.argsort(-norms, kind="stable").astype(np.int32)
    slice_norms = norms[:, None] if color else bank.slice_norms
    chosen = np.broadcast_to(np.arange(plan.count), (units, plan.count))
    if plan.count < slices.shape[1]:
        chosen = np.argsort(-slice_norms, axis=1, kind="stable")[:, : plan.count]
    by_unit = np.arange(units)[:, None]
    peaks = np.abs(bank.weights).max((1, 2, 3), initial=0.0)
    largest = float(peaks.max(initial=0.0))
    limit = float(np.median(peaks[peaks > 0])) if largest > 0 else 0.0
    scales = peaks[order]
    if request.range != "unit":
        limit = float(np.quantile(np.abs(bank.weights), 1 - _CLIPPED)) or largest
        scales = np.full(len(order), limit, np.float32)
    shown = bank.weights[order] if color else slices[order[:, None], chosen[order]]
    levels = _levels(shown, scales)
    picture = _mosaic(_in_color(levels) if color else colorize(levels, DIVERGING), plan, rows, columns)
    return GridResult(
        request=request,
        picture=picture,
        rows=rows,
        columns=columns,
        tile=plan.tile,
        gap=0,
        order=order,
        maxima=norms.astype(np.float32),
        dead=norms <= 0,
        low=-limit,
        high=limit,
        signed=True,
        map_size=(height, width),
        filters=FilterTiles(
            layer=bank.layer,
            source=bank.source,
            color=color,
            channels=np.zeros((units, 0), np.int32) if color else bank.channels[by_unit, chosen],
            slice_norms=np.zeros((units, 0), np.float32) if color else slice_norms[by_unit, chosen],
            hidden=slices.shape[1] - plan.count,
            rows=plan.rows,
            columns=plan.columns,
            start=plan.start,
            pitch=plan.pitch,
            cell=plan.cell,
        ),
    )


def _plan(units: int, slices: int, size: Size, room: Size) -> tuple[int, int, _Plan]:
    """Rows and columns of tiles, and what stands in each, with as many slices as stay legible."""
    single = size == (1, 1)
    most = slices if units == 1 or single else min(slices, _MOST)
    legible = _LEGIBLE_ALONE if single else _LEGIBLE_ZOOMED if units == 1 else _LEGIBLE
    line = 0 if single else 1
    for count in (most, *(count for count in (*_COUNTS, 1) if count < most)):
        # About square: the slices of one unit as one picture.
        lines, across = arrangement(count, size, (1000, 1000))
        high, wide = lines * size[0], across * size[1]
        rows, columns = arrangement(units, (high, wide), room)
        tile = (room[0] - rows + 1) // rows, (room[1] - columns + 1) // columns
        # A unit is told from the next one by more ground than its slices are from each other.
        room_for = [
            (side - (pieces - 1) * line) // (weights + 1)
            for side, pieces, weights in zip(tile, (lines, across), (high, wide), strict=True)
        ]
        scale = min(*room_for, _LARGEST)
        if scale >= legible:
            break
    plan = _Plan(count, lines, across, max(1, scale), line, size, tile)
    # Ground is the same on all sides, and no more than tells units apart.
    spare = min(tile[0] - plan.taken[0], tile[1] - plan.taken[1], min(8, max(4, plan.scale)))
    return rows, columns, replace(plan, tile=(plan.taken[0] + max(0, spare), plan.taken[1] + max(0, spare)))


def _levels(weights: FloatArray, scales: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Weights (units, …) as levels 0 to 255 around 127.5, each unit's scale at both ends."""
    size = np.maximum(scales, 1e-30).reshape(-1, *(1,) * (weights.ndim - 1))
    levels = np.nan_to_num(weights) * (127.5 / size) + 128.0
    return np.clip(levels, 0, 255).astype(np.uint8)


def _in_color(levels: npt.NDArray[np.uint8]) -> UInt8Array:
    """Levels (units, 3, h, w) of red, green and blue as one slice a unit, (units, 1, h, w, 4) BGRX."""
    pixels = np.full((len(levels), 1, *levels.shape[2:], 4), 255, dtype=np.uint8)
    pixels[:, 0, :, :, :3] = levels[:, ::-1].transpose(0, 2, 3, 1)
    return pixels


def _mosaic(cells: UInt8Array, plan: _Plan, rows: int, columns: int) -> UInt8Array:
    """Slices (units, count, h, w, 4) in tiles in rows and columns; all else has 0 in its fourth byte."""
    words = np.ascontiguousarray(cells).view(np.uint32)[..., 0]
    words = words.repeat(plan.scale, axis=2).repeat(plan.scale, axis=3)
    (height, width), (down, right), (top, left) = plan.cell, plan.pitch, plan.start
    tiles = np.zeros((rows * columns, *plan.tile), dtype=np.uint32)
    for place in range(plan.count):
        row, column = divmod(place, plan.columns)
        y, x = top + row * down, left + column * right
        tiles[: len(words), y : y + height, x : x + width] = words[:, place]
    flat = tiles.reshape(rows, columns, *plan.tile).transpose(0, 2, 1, 3)
    flat = np.ascontiguousarray(flat.reshape(rows * plan.tile[0], columns * plan.tile[1]))
    return flat.view(np.uint8).reshape(*flat.shape, 4)
