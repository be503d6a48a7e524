"""A slow pan and zoom over a still picture, so that a network's answer to it comes alive."""

from __future__ import annotations

import math

import cv2
import numpy as np

from deepvis.messages import UInt8Array

RATE = 30.0
"""Frames a second of a still picture in motion."""

_LONGEST = 960
_ZOOM = 0.4


class PanAndZoom:
    """Windows into a picture that start at the whole of it and wander, without ever repeating exactly.

    Parameters
    ----------
    picture : uint8 (H, W, 3) RGB.
    """

    def __init__(self, picture: UInt8Array) -> None:
        height, width = picture.shape[:2]
        scale = min(1.0, _LONGEST / max(height, width))
        self._size = (max(1, round(width * scale)), max(1, round(height * scale)))
        # Reduced once, to the size of the closest zoom: warpAffine does not average and would shimmer otherwise.
        near = min(1.0, scale * (1 + _ZOOM))
        self._picture = (
            picture
            if near == 1.0
            else cv2.resize(
                picture, (max(1, round(width * near)), max(1, round(height * near))), interpolation=cv2.INTER_AREA
            )
        )

    def at(self, seconds: float) -> UInt8Array:
        """The window at this time, uint8 RGB, the picture's shape with at most 960 pixels on the longer side."""
        zoom = 1 + _ZOOM * (0.5 - 0.5 * math.cos(2 * math.pi * seconds / 21))
        room = 1 - 1 / zoom
        left = room * (0.5 + 0.5 * math.sin(2 * math.pi * seconds / 13))
        top = room * (0.5 + 0.5 * math.sin(2 * math.pi * seconds / 17))
        width, height = self._size
        source_height, source_width = self._picture.shape[:2]
        step_x, step_y = source_width / width / zoom, source_height / height / zoom
        matrix = np.array(
            [
                [step_x, 0, left * source_width + (step_x - 1) / 2],
                [0, step_y, top * source_height + (step_y - 1) / 2],
            ]
        )
        window = cv2.warpAffine(
            self._picture,
            matrix,
            self._size,
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        return np.asarray(window, dtype=np.uint8)
