"""Arrays as images that Qt paints without copying."""

from __future__ import annotations

import numpy as np
from PySide6.QtGui import QImage

from deepvis.messages import Size, UInt8Array
from deepvis.ui.views.resample import bgrx, resample


class Picture:
    """An image over an array's own memory; the array lives as long as the picture does.

    Parameters
    ----------
    pixels : uint8 (H, W, 4) in the order B, G, R, X, or uint8 (H, W, 3) RGB. Never written into.

    Raises
    ------
    ValueError : another shape or type of number, or no pixels.
    """

    __slots__ = ("image", "pixels")

    def __init__(self, pixels: UInt8Array) -> None:
        if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] not in (3, 4) or pixels.size == 0:
            raise ValueError(f"a picture is uint8 (H, W, 3) or (H, W, 4), not {pixels.dtype} {pixels.shape}")
        self.pixels: UInt8Array = np.ascontiguousarray(pixels)
        height, width, depth = self.pixels.shape
        format_ = QImage.Format.Format_RGB32 if depth == 4 else QImage.Format.Format_RGB888
        self.image = QImage(self.pixels.data, width, height, width * depth, format_)

    @property
    def size(self) -> Size:
        """Height and width in pixels."""
        return int(self.pixels.shape[0]), int(self.pixels.shape[1])

    def magnified(self, times: int) -> Picture:
        """The picture with every pixel as a square of ``times`` pixels."""
        height, width = self.size
        large = resample(self.pixels, (times * height, times * width), "nearest")
        return Picture(bgrx(large) if large.shape[2] == 3 else large)

    def fitted(self, size: Size) -> Picture:
        """The picture averaged down to ``size`` (height, width) where it is at least twice as large, in BGRX.

        Painting scales by interpolation between neighbours, which flickers and is slow on pictures that are much larger
        than their room.
        """
        height, width = self.size
        if height < 2 * size[0] or width < 2 * size[1]:
            return self
        pixels = self.pixels
        # Averages of two by two pixels are ten times as fast as any others: a frame of a camera in a millisecond.
        while height >= 2 * size[0] and width >= 2 * size[1]:
            height, width = height // 2, width // 2
            pixels = resample(pixels[: 2 * height, : 2 * width], (height, width), "area")
        small = resample(pixels, (max(1, size[0]), max(1, size[1])), "area")
        return Picture(bgrx(small) if small.shape[2] == 3 else small)
