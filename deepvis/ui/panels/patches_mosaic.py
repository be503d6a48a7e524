"""Patches of a layer as a mosaic that stands exactly where its activations stood."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from deepvis.messages import GridRequest, GridResult, LayerPatches, Size

_FRAME = 32
"""The frame's width is this part of a tile."""


def patches_grid(
    patches: LayerPatches, live: GridResult | None, layer: str, map_size: Size | None, ground: int, line: int
) -> GridResult:
    """A mosaic of tiles of patches, in the order and the rows of the live one.

    Parameters
    ----------
    live : the activations that are shown otherwise; None, or of another layer: by number, about as wide as high.
    layer, map_size : what is shown, and the size of its maps; the patches may be those of what goes into it.
    ground : colour ``0xffRRGGBB`` of tiles that are not there yet.
    line : colour of the frame around tiles with several patches, which holds those of one unit together.
    """
    units, side = len(patches.tiles), patches.tiles.shape[1]
    mine = live is not None and live.request.layer == layer and len(live.order) == units
    if live is not None and mine:
        order, rows, columns, request = live.order, live.rows, live.columns, live.request
    else:
        order = np.arange(units, dtype=np.int32)
        columns = math.ceil(math.sqrt(units))
        rows, request = -(-units // columns), GridRequest(layer, (1, 1))
    tiles = np.empty((rows * columns, side, side), np.uint32)
    tiles[...] = ground
    ready = patches.ready[order]
    pixels = patches.tiles[order[ready]].astype(np.uint32)
    words = 0xFF000000 | pixels[..., 0] << 16 | pixels[..., 1] << 8 | pixels[..., 2]
    tiles[: len(order)][ready] = words
    if patches.shown > 1:
        frame = max(1, side // _FRAME)
        for edge in (slice(None, frame), slice(side - frame, None)):
            tiles[: len(order), edge] = line
            tiles[: len(order), :, edge] = line
    picture = tiles.reshape(rows, columns, side, side).transpose(0, 2, 1, 3).reshape(rows * side, columns * side)
    maxima = np.nan_to_num(patches.values).astype(np.float32)
    return GridResult(
        request=replace(request, layer=layer, show="activation"),
        picture=np.ascontiguousarray(picture).view(np.uint8).reshape(rows * side, columns * side, 4),
        rows=rows,
        columns=columns,
        tile=(side, side),
        gap=0,
        order=order,
        maxima=maxima,
        dead=patches.dead,
        low=float(maxima.min()) if units else 0.0,
        high=float(maxima.max()) if units else 0.0,
        signed=False,
        # A vector's units have patches, too: with a size they count as tiles that can be dead.
        map_size=map_size or (side, side),
        note=patches.problem if not patches.ready.any() else "",
    )


def same_places(one: GridResult | None, other: GridResult | None) -> bool:
    """Whether both mosaics have the same units in the same places."""
    if one is None or other is None:
        return one is other
    return (
        one.request.layer == other.request.layer
        and (one.rows, one.columns) == (other.rows, other.columns)
        and np.array_equal(one.order, other.order)
    )
