"""Which pictures of a map can be shown at which zoom, and the colours of their classes. Numpy only.

Papers: Gonzalez 1985 (farthest-point order); Ottosson 2020 (the colour space Oklab).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from deepvis.messages.maps import MapPictures
from deepvis.messages.vocabulary import FloatArray, UInt8Array

COLORINGS = ("class", "prediction", "correctness", "none")
"""By what the pictures of a map are coloured."""

_RIGHT, _WRONG = (91, 211, 154), (255, 107, 107)
_RIGHT_ON_LIGHT, _WRONG_ON_LIGHT = (26, 138, 84), (208, 48, 48)

_GOLDEN = 0.6180339887498949


def spread(points: FloatArray, most: int | None = None) -> FloatArray:
    """How far apart pictures lie from all that come before them in farthest-point order.

    Squares of side d, across and down, around all pictures whose value is at least d do not overlap. So a zoom at which
    a thumbnail is d wide shows exactly those, evenly spread over the map, and more of them the further one zooms in.

    Parameters
    ----------
    points : float (N, 2).
    most : stop after so many pictures; the value of the others is 0. None: all.

    Returns
    -------
    float32 (N,), in the unit of the points; infinity for the first, 0 where another one lies in the same place.
    """
    count = len(points)
    result: FloatArray = np.zeros(count, np.float32)
    if count == 0:
        return result
    x = np.ascontiguousarray(points[:, 0], np.float32)
    y = np.ascontiguousarray(points[:, 1], np.float32)
    middle = np.maximum(np.abs(x - np.median(x)), np.abs(y - np.median(y)))
    place = int(middle.argmin())
    distance = np.full(count, np.inf, np.float32)
    across, down = np.empty(count, np.float32), np.empty(count, np.float32)
    index = np.arange(count)
    limit = count if most is None else min(most, count)
    for number in range(limit):
        at = int(index[place])
        result[at] = distance[place]
        if distance[place] == 0:
            break
        size = len(index)
        np.subtract(x, x[place], out=across[:size])
        np.subtract(y, y[place], out=down[:size])
        np.abs(across[:size], out=across[:size])
        np.abs(down[:size], out=down[:size])
        np.maximum(across[:size], down[:size], out=across[:size])
        np.minimum(distance, across[:size], out=distance)
        distance[place] = -1.0
        if number % 512 == 511:
            # Those that are in need not be looked at any more.
            left = distance >= 0
            x, y, distance, index = x[left], y[left], distance[left], index[left]
            if not len(index):
                break
        place = int(distance.argmax())
    return result


def color_groups(pictures: MapPictures, coloring: str) -> tuple[npt.NDArray[np.int32], tuple[str, ...]]:
    """The group of each picture, int32 (N,), -1: none, and the groups' names.

    Parameters
    ----------
    coloring : ``class`` (what the set names), ``prediction``, ``correctness`` or ``none``.

    Raises
    ------
    ValueError : another coloring.
    """
    count = len(pictures)
    if coloring == "class":
        return pictures.labels, pictures.classes
    if coloring == "prediction":
        return pictures.predicted, pictures.network_labels
    if coloring == "correctness":
        return pictures.correct.astype(np.int32), ("wrong", "right")
    if coloring == "none":
        return np.full(count, -1, np.int32), ()
    raise ValueError(f"coloring {coloring!r} is unknown: it is {', '.join(COLORINGS[:-1])} or {COLORINGS[-1]}")


def group_colors(names: tuple[str, ...], coloring: str, *, dark: bool = True) -> UInt8Array:
    """A colour a group, uint8 (groups, 3) RGB."""
    if coloring == "correctness":
        return np.array([_WRONG, _RIGHT] if dark else [_WRONG_ON_LIGHT, _RIGHT_ON_LIGHT], np.uint8)
    return class_colors(len(names), dark=dark)


def class_colors(count: int, *, dark: bool = True) -> UInt8Array:
    """Colours that can be told apart as well as ``count`` colours can, uint8 (count, 3) RGB.

    Equally light to the eye in rings of hue, lighter on a dark ground than on a light one.
    """
    if count <= 0:
        return np.zeros((0, 3), np.uint8)
    order = np.arange(count)
    if count <= 12:
        hue: npt.NDArray[np.float64] = (order / count + 0.06) % 1
        # Neighbours in hue differ in lightness as well.
        light = (0.76 if dark else 0.60) + np.array([0.04, -0.05])[order % 2]
    else:
        hue = np.asarray((order * _GOLDEN + 0.06) % 1, np.float64)
        light = np.array([0.78, 0.70, 0.84] if dark else [0.60, 0.68, 0.50], np.float64)[order % 3]
    chroma = np.array([0.150, 0.125, 0.165])[order % 3]
    return oklch(light, chroma, hue)


def oklch(light: npt.NDArray[np.float64], chroma: npt.NDArray[np.float64], hue: npt.NDArray[np.float64]) -> UInt8Array:
    """Colours by lightness in [0, 1], chroma (0 to about 0.3) and hue in [0, 1), as uint8 (N, 3) sRGB."""
    a, b = chroma * np.cos(2 * math.pi * hue), chroma * np.sin(2 * math.pi * hue)
    cone = np.stack(
        [
            light + 0.3963377774 * a + 0.2158037573 * b,
            light - 0.1055613458 * a - 0.0638541728 * b,
            light - 0.0894841775 * a - 1.2914855480 * b,
        ],
        axis=-1,
    )
    matrix = np.array(
        [
            [4.0767416621, -3.3077115913, 0.2309699292],
            [-1.2684380046, 2.6097574011, -0.3413193965],
            [-0.0041960863, -0.7034186147, 1.7076147010],
        ]
    )
    linear = np.clip(cone**3 @ matrix.T, 0, 1)
    srgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    result: UInt8Array = np.round(255 * srgb).astype(np.uint8)
    return result
