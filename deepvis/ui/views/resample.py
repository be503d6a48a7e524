"""Bringing arrays of pixels to another size. OpenCV is loaded with the first picture, not with the window."""

from __future__ import annotations

from typing import Literal

import numpy as np

from deepvis.messages import Size, UInt8Array


def resample(
    pixels: UInt8Array, size: Size, method: Literal["nearest", "linear", "area"], out: UInt8Array | None = None
) -> UInt8Array:
    """``pixels``, uint8 (H, W, 3 or 4), at ``size`` (height, width), both at least 1.

    Parameters
    ----------
    method : ``nearest`` to keep pixels as squares, ``linear`` for factors from a half on, ``area`` below.
    out : written into and returned, if given; it has the shape of the result.
    """
    import cv2

    interpolation = {"nearest": cv2.INTER_NEAREST, "linear": cv2.INTER_LINEAR, "area": cv2.INTER_AREA}[method]
    resized = cv2.resize(np.ascontiguousarray(pixels), (size[1], size[0]), dst=out, interpolation=interpolation)
    return np.asarray(resized, np.uint8)


def bgrx(rgb: UInt8Array) -> UInt8Array:
    """Red, green, blue pixels (H, W, 3) in the screen's order (H, W, 4)."""
    import cv2

    return np.asarray(cv2.cvtColor(np.ascontiguousarray(rgb), cv2.COLOR_RGB2BGRA), np.uint8)
