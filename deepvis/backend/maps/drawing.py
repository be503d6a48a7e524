"""Maps as pictures: dots for a quick look, thumbnails that never overlap for a file."""

from __future__ import annotations

import cv2
import numpy as np

from deepvis.map_layout import color_groups, group_colors, spread
from deepvis.messages import FloatArray, MapPictures, UInt8Array

GROUND = (20, 22, 26)
PLAIN = (152, 161, 172)

_MARGIN = 0.04


def point_colors(pictures: MapPictures, coloring: str) -> UInt8Array:
    """A colour a picture, uint8 (N, 3) RGB."""
    groups, names = color_groups(pictures, coloring)
    table = np.concatenate([group_colors(names, coloring), np.array([PLAIN], np.uint8)])
    result: UInt8Array = table[np.where((groups >= 0) & (groups < len(names)), groups, len(names))]
    return result


def to_pixels(points: FloatArray, size: tuple[int, int], margin: float = _MARGIN) -> FloatArray:
    """Points as (x, y) in pixels of a picture of ``size`` (h, w), as large as they fit, the same scale both ways."""
    height, width = size
    if not len(points):
        return np.zeros((0, 2), np.float32)
    low, high = points.min(0), points.max(0)
    room = np.array([width, height], np.float32) * (1 - 2 * margin)
    extent = np.maximum(high - low, 1e-12)
    scale = float((room / extent).min()) if float((high - low).max()) > 0 else 0.0
    result: FloatArray = ((points - (low + high) / 2) * scale + np.array([width, height]) / 2).astype(np.float32)
    return result


def draw_dots(points: FloatArray, colors: UInt8Array, size: tuple[int, int] = (512, 512), side: int = 0) -> UInt8Array:
    """A scatter of squares with cut corners, uint8 (h, w, 3) RGB.

    Parameters
    ----------
    points : float32 (N, 2).
    colors : uint8 (N, 3).
    side : of a dot in pixels; 0: by the number of points.
    """
    picture: UInt8Array = np.empty((*size, 3), np.uint8)
    picture[:] = GROUND
    if not len(points):
        return picture
    if side == 0:
        side = int(np.clip(round(0.35 * (size[0] * size[1] / len(points)) ** 0.5), 2, 9))
    places = np.round(to_pixels(points, size)).astype(np.int64)
    reach = side / 2
    offsets = np.arange(side) - (side - 1) // 2
    for down in offsets:
        for across in offsets:
            if side > 3 and (abs(down) + 0.5) ** 2 + (abs(across) + 0.5) ** 2 > (reach + 0.7) ** 2:
                continue
            rows = np.clip(places[:, 1] + down, 0, size[0] - 1)
            columns = np.clip(places[:, 0] + across, 0, size[1] - 1)
            picture[rows, columns] = colors
    return picture


def draw_thumbnails(
    points: FloatArray,
    pictures: MapPictures,
    *,
    coloring: str = "class",
    size: tuple[int, int] = (2400, 2400),
    side: int = 44,
    distances: FloatArray | None = None,
) -> UInt8Array:
    """The map with thumbnails that do not overlap, framed in the colours of their groups, and dots for the others.

    Parameters
    ----------
    points : float32 (N, 2).
    size : (h, w) in pixels.
    side : of a thumbnail in pixels.
    distances : as :func:`deepvis.map_layout.spread` makes them of the points; None: they are made here.

    Returns
    -------
    uint8 (h, w, 3) RGB.
    """
    colors = point_colors(pictures, coloring)
    margin = max(_MARGIN, side / min(size))
    places = to_pixels(points, size, margin)
    count = len(points)
    dot = int(np.clip(round(0.25 * (size[0] * size[1] / max(count, 1)) ** 0.5), 3, 11))
    picture: UInt8Array = np.empty((*size, 3), np.uint8)
    picture[:] = GROUND
    for place, color in zip(places, colors, strict=True):
        at = (round(float(place[0])), round(float(place[1])))
        cv2.circle(picture, at, max(1, dot // 2), tuple(map(int, color)), -1, cv2.LINE_AA)
    scale = _scale(points, places)
    if distances is None:
        distances = spread(points)
    frame = 2 if side >= 24 else 1
    for index in np.flatnonzero(distances >= (side + 2) / max(scale, 1e-30)):
        top = round(float(places[index, 1]) - side / 2)
        left = round(float(places[index, 0]) - side / 2)
        if top < 0 or left < 0 or top + side > size[0] or left + side > size[1]:
            continue
        inner = side - 2 * frame if coloring != "none" else side
        edge = (side - inner) // 2
        small = cv2.resize(pictures.thumbnails[index], (inner, inner), interpolation=_interpolation(pictures, inner))
        picture[top : top + side, left : left + side] = colors[index]
        picture[top + edge : top + edge + inner, left + edge : left + edge + inner] = small
    return picture


def _scale(points: FloatArray, places: FloatArray) -> float:
    extent = float(np.ptp(points, axis=0).max()) if len(points) else 0.0
    return float(np.ptp(places, axis=0).max()) / extent if extent > 0 else 0.0


def _interpolation(pictures: MapPictures, side: int) -> int:
    return cv2.INTER_AREA if side < pictures.thumbnails.shape[1] else cv2.INTER_CUBIC
