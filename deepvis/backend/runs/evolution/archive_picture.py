"""The archive as one picture: a tile a class, and under it a bar as long as the network's confidence."""

from __future__ import annotations

import math
from collections.abc import Iterable

import cv2
import numpy as np

from deepvis.messages import FloatArray, Size, UInt8Array

_GROUND = (20, 22, 26)
_EMPTY = (36, 40, 48)
_SURE, _UNSURE = (91, 211, 154), (77, 184, 255)
_WIDEST = 1600
_SHAPE = 1.6
"""Width of the whole to its height."""
_LARGEST_SCALE = 6


class ArchivePicture:
    """Draws tiles anew where a cell changed and leaves the others.

    Parameters
    ----------
    classes : number of tiles.
    size : (h, w) of the pictures.
    """

    def __init__(self, classes: int, size: Size) -> None:
        height, width = size
        wanted = math.sqrt(classes * _SHAPE * height / width)
        self._columns = max(1, min(classes, round(wanted)))
        # Columns that leave the last row full are preferred where there are some nearby.
        near = range(max(1, self._columns * 3 // 4), min(classes, self._columns * 4 // 3) + 1)
        full = [columns for columns in near if classes % columns == 0]
        if full:
            self._columns = min(full, key=lambda columns: abs(columns - wanted))
        rows = math.ceil(classes / self._columns)
        scale = _WIDEST / (self._columns * width)
        if scale >= 1:
            scale = min(_LARGEST_SCALE, int(scale))
        self._tile = (max(1, round(height * scale)), max(1, round(width * scale)))
        self._gap = max(1, round(self._tile[1] / 24))
        self._bar = max(1, round(self._tile[0] / 22))
        self._pitch = (self._tile[0] + self._bar + 2 * self._gap, self._tile[1] + self._gap)
        self._canvas = np.empty((rows * self._pitch[0], self._columns * self._pitch[1] + self._gap, 3), np.uint8)
        self._canvas[:] = _GROUND
        self._published: UInt8Array | None = None
        for cell in range(classes):
            top, left = self._corner(cell)
            self._canvas[top : top + self._tile[0], left : left + self._tile[1]] = _EMPTY

    @property
    def image(self) -> UInt8Array:
        """uint8 (H, W, 3) RGB; the same array while nothing changed, and never written into afterwards."""
        if self._published is None:
            self._published = self._canvas.copy()
        return self._published

    def change(self, cells: Iterable[int], pictures: UInt8Array, confidence: FloatArray) -> None:
        """Draw some classes' tiles from ``pictures`` (one a cell) and their (classes,) confidence."""
        height, width = self._tile
        for cell, picture in zip(cells, pictures, strict=True):
            self._published = None
            top, left = self._corner(cell)
            if picture.shape[:2] != self._tile:
                kind = cv2.INTER_NEAREST if height >= picture.shape[0] else cv2.INTER_AREA
                picture = cv2.resize(picture, (width, height), interpolation=kind)
            self._canvas[top : top + height, left : left + width] = picture
            value = float(confidence[cell])
            bar = self._canvas[top + height + self._gap // 2 :][: self._bar, left : left + width]
            bar[:] = _EMPTY
            bar[:, : round(value * width)] = _SURE if value > 0.9 else _UNSURE

    def _corner(self, cell: int) -> tuple[int, int]:
        row, column = divmod(cell, self._columns)
        return self._gap + row * self._pitch[0], self._gap + column * self._pitch[1]
