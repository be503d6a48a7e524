"""Colour maps as tables of 256 colours, shared by the renderer and the window's legends."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from deepvis.messages import COLORMAPS, UInt8Array

DIVERGING = "diverging"
"""The map for signed values: blue below zero, mid grey at zero, red above."""

# Blue to red through a neutral mid grey, equal lightness at equal distance from zero (B, G, R).
_DIVERGING_ANCHORS = np.array(
    [[172, 102, 33], [195, 165, 103], [128, 128, 128], [98, 138, 214], [43, 24, 178]], np.float64
)


@lru_cache(maxsize=16)
def color_table(colormap: str) -> UInt8Array:
    """256 colours of a map as uint8 (256, 4) BGRX, from low to high. Raises ValueError for an unknown name."""
    if colormap == "gray":
        bgr = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
    elif colormap == DIVERGING:
        at = np.linspace(0, 4, 256)
        channels = [np.interp(at, np.arange(5), _DIVERGING_ANCHORS[:, channel]) for channel in range(3)]
        bgr = np.stack(channels, axis=1).round().astype(np.uint8)
    elif colormap in COLORMAPS:
        import cv2  # loaded with the first map, not with the window

        number = getattr(cv2, f"COLORMAP_{colormap.upper()}")
        bgr = np.asarray(cv2.applyColorMap(np.arange(256, dtype=np.uint8)[:, None], number), dtype=np.uint8)[:, 0]
    else:
        raise ValueError(f"no colour map {colormap!r}; there are {', '.join(COLORMAPS)} and {DIVERGING}")
    table = np.full((256, 4), 255, dtype=np.uint8)
    table[:, :3] = bgr
    table.flags.writeable = False
    return table


def colorize(levels: npt.NDArray[np.uint8], colormap: str) -> UInt8Array:
    """Colours (…, 4) BGRX of levels 0 to 255, uint8 of any shape."""
    words = color_table(colormap).view(np.uint32)[:, 0]
    colored: UInt8Array = words.take(levels).view(np.uint8).reshape(*levels.shape, 4)
    return colored
