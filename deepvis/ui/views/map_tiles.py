"""Which pictures of a map are shown as thumbnails and how large, and the thumbnails themselves, ready to be painted."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QPoint, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPainterPath, QPen, QPixmap

from deepvis.messages import FloatArray, UInt8Array
from deepvis.ui.views.picture import Picture
from deepvis.ui.views.resample import resample

SMALLEST, LARGEST = 40.0, 224.0
"""Sides of thumbnails in logical pixels: where the whole map is seen, and at most."""

SHARP = 72.0
"""Thumbnails that are wider are asked for in the network's own resolution."""

_GAP = 1.06
_GROWTH = 0.4
_APPEARING = 0.22
_SIDES = (16, 24, 32, 40, 48, 64, 80, 96, 128, 160, 192, 224, 256, 320, 384, 448)
_KEPT_PIXELS = 24_000_000

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Shown:
    """The thumbnails of one view: their pictures, and the side of each in logical pixels."""

    indices: Indices
    sides: FloatArray
    side: float


def choose(spread: FloatArray, inside: npt.NDArray[np.bool_], scale: float, zoom: float, factor: float = 1.0) -> Shown:
    """The thumbnails to show, of which no two overlap.

    Parameters
    ----------
    spread : float32 (N,), see :class:`deepvis.messages.MapContent`.
    inside : bool (N,), which pictures lie within sight.
    scale : pixels a unit of the map.
    zoom : how many times as large as the whole map it is seen.
    factor : on sizes, as the type is larger.
    """
    side = min(SMALLEST * max(zoom, 1.0) ** _GROWTH, LARGEST) * factor
    near = spread[inside]
    if len(near):
        # Where every picture in sight has its thumbnail there is room for larger ones.
        least = float(near.min()) * scale / (_GAP * (1 + _APPEARING))
        side = min(max(side, least), LARGEST * factor)
    room = spread * (scale / (_GAP * side))
    shown = np.flatnonzero(inside & (room >= 1))
    # Each grows out of its dot as its room grows.
    grown = np.clip((room[shown] - 1) / _APPEARING, 0, 1)
    sides: FloatArray = (side * (0.35 + 0.65 * grown)).astype(np.float32)
    return Shown(shown, sides, side)


class TileCache:
    """Thumbnails with rounded corners and a frame in the colour of their group, made when they are first painted."""

    def __init__(self) -> None:
        self._thumbnails: UInt8Array = np.zeros((0, 1, 1, 3), np.uint8)
        self._colors: UInt8Array | None = None
        self._made: OrderedDict[tuple[int, int], QPixmap] = OrderedDict()
        self._sharp: OrderedDict[int, UInt8Array] = OrderedDict()
        self._pixels = 0

    def set_thumbnails(self, thumbnails: UInt8Array) -> None:
        """Other pictures: uint8 (N, side, side, 3) RGB."""
        self._thumbnails = thumbnails
        self._sharp.clear()
        self._forget()

    def set_colors(self, colors: UInt8Array | None) -> None:
        """Frames: uint8 (N, 3) RGB; None: no frames."""
        self._colors = colors
        self._forget()

    def add_sharp(self, index: int, pixels: UInt8Array) -> None:
        """What the network saw of a picture, uint8 (h, w, 3) RGB, in place of its thumbnail where that is too small."""
        self._sharp[index] = pixels
        self._sharp.move_to_end(index)
        while len(self._sharp) > 400:
            self._sharp.popitem(last=False)
        for side in _SIDES:
            gone = self._made.pop((index, side), None)
            if gone is not None:
                self._pixels -= side * side

    def is_sharp(self, index: int) -> bool:
        """Whether more than the thumbnail is there."""
        return index in self._sharp

    def tile(self, index: int, side: float) -> QPixmap:
        """The thumbnail at a size of at least ``side`` device pixels, if there is one."""
        wanted = next((each for each in _SIDES if each >= side - 0.5), _SIDES[-1])
        key = (index, wanted)
        found = self._made.get(key)
        if found is None:
            found = self._make(index, wanted)
            self._made[key] = found
            self._pixels += wanted * wanted
            while self._pixels > _KEPT_PIXELS:
                (_, old), _gone = self._made.popitem(last=False)
                self._pixels -= old * old
        else:
            self._made.move_to_end(key)
        return found

    def _make(self, index: int, side: int) -> QPixmap:
        source = self._sharp.get(index)
        if source is None or side <= self._thumbnails.shape[1]:
            source = self._thumbnails[index]
        method: Literal["area", "linear"] = "area" if source.shape[0] >= side else "linear"
        picture = Picture(resample(source, (side, side), method))
        image = QImage(side, side, QImage.Format.Format_ARGB32_Premultiplied)
        image.fill(Qt.GlobalColor.transparent)
        painter = QPainter(image)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        radius = max(2.0, 0.09 * side)
        path = QPainterPath()
        path.addRoundedRect(QRectF(0, 0, side, side), radius, radius)
        painter.setClipPath(path)
        painter.drawImage(QPoint(0, 0), picture.image)
        painter.setClipping(False)
        if self._colors is not None:
            width = min(max(1.5, 0.045 * side), 4.0)
            red, green, blue = (int(value) for value in self._colors[index])
            painter.setPen(QPen(QColor(red, green, blue), width))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            half = width / 2
            painter.drawRoundedRect(QRectF(half, half, side - width, side - width), radius - half, radius - half)
        painter.end()
        return QPixmap.fromImage(image)

    def _forget(self) -> None:
        self._made.clear()
        self._pixels = 0
