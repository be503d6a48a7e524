"""Sheets of patches: a row a unit, with its name."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from deepvis.messages import UInt8Array

_GROUND = (20, 22, 26)
_EMPTY = (36, 40, 48)
_TEXT = (231, 233, 236)
_GAP = 4
_MARGIN = 12
_TEXT_SIZE = 12


def tile(pixels: UInt8Array | None, side: int) -> UInt8Array:
    """A patch as a square, uint8 (side, side, 3): enlarged or reduced as a whole, centred, on dark ground; None: an
    empty place."""
    if pixels is None:
        return np.full((side, side, 3), _EMPTY, np.uint8)
    height, width = pixels.shape[:2]
    if height == width == side:
        return pixels
    scale = side / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    # Pixels of a small patch stay pixels; interpolating a few of them would show shapes that are not there.
    method = Image.Resampling.NEAREST if scale >= 3 else Image.Resampling.BICUBIC
    shrunk = np.asarray(Image.fromarray(pixels).resize(size, method))
    square = np.full((side, side, 3), _EMPTY, np.uint8)
    top, left = (side - size[1]) // 2, (side - size[0]) // 2
    square[top : top + size[1], left : left + size[0]] = shrunk
    return square


def sheet(
    rows: Sequence[tuple[str, Sequence[UInt8Array | None]]], side: int = 64, columns: int = 1, title: str = ""
) -> UInt8Array:
    """Rows of patches with their names before them, uint8 (H, W, 3) RGB.

    Parameters
    ----------
    rows : (name, patches); a patch is uint8 (h, w, 3), or None for an empty place.
    side : of a square that holds a patch, in pixels.
    columns : rows that stand beside one another.
    title : above them.
    """
    most = max((len(patches) for _, patches in rows), default=1)
    label = max((round(_font().getlength(name)) for name, _ in rows), default=0) + _MARGIN
    cell = label + most * (side + _GAP) - _GAP
    lines = -(-len(rows) // columns)
    top = _MARGIN + (_TEXT_SIZE + _MARGIN if title else 0)
    width = 2 * _MARGIN + columns * cell + (columns - 1) * 2 * _MARGIN
    image = Image.new("RGB", (width, top + lines * (side + _GAP) - _GAP + _MARGIN), _GROUND)
    draw = ImageDraw.Draw(image)
    if title:
        draw.text((_MARGIN, _MARGIN), title, _TEXT, _font(), anchor="lt")
    for number, (name, patches) in enumerate(rows):
        column, line = divmod(number, lines)
        x, y = _MARGIN + column * (cell + 2 * _MARGIN), top + line * (side + _GAP)
        draw.text((x, y + side // 2), name, _TEXT, _font(), anchor="lm")
        for place in range(most):
            pixels = patches[place] if place < len(patches) else None
            image.paste(Image.fromarray(tile(pixels, side)), (x + label + place * (side + _GAP), y))
    return np.asarray(image)


@cache
def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(_TEXT_SIZE)
