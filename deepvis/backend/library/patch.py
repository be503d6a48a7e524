"""What a unit saw: the part of a picture that lies in its receptive field."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepvis.backend.preprocessing import Preprocessing
from deepvis.messages import Fit, ReceptiveField, Size, UInt8Array

Box = tuple[float, float, float, float]
WholeBox = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """One of the strongest patches of a unit.

    Attributes
    ----------
    picture : its index in the set.
    position : (row, column) in the unit's map; (0, 0) for a vector.
    value : the activation there.
    pixels : uint8 (h, w, 3) RGB, what the unit saw of the network's input. Beyond the border of the input it has the
        mean colour, in which the network sees nothing. Where the field is larger than the input, its part in the input.
    box : (top, left, bottom, right) of what is in it of the picture, in the picture's own pixels, half open.
    seen_box : the patch in pixels of the input, half open; it may reach beyond the input.
    title : of the picture.
    label : index of the picture's class in the set, -1 for none.
    """

    picture: int
    position: tuple[int, int]
    value: float
    pixels: UInt8Array
    box: Box
    seen_box: WholeBox
    title: str
    label: int


def field_box(field: ReceptiveField | None, position: tuple[int, int], size: Size) -> WholeBox:
    """The patch of one position in pixels of an input of ``size``: the exact field, or its part in the input along an
    axis where it is larger than the input."""
    if field is None:
        return 0, 0, size[0], size[1]
    top, left, bottom, right = field.box(*position)
    if field.size[0] > size[0]:
        top, bottom = max(top, 0), min(bottom, size[0])
    if field.size[1] > size[1]:
        left, right = max(left, 0), min(right, size[1])
    return top, left, bottom, right


def cut(seen: UInt8Array, box: WholeBox, colour: UInt8Array) -> UInt8Array:
    """Cut a box out of a picture, uint8 (h, w, 3); what is beyond its border has ``colour``, uint8 (3,)."""
    top, left, bottom, right = box
    pixels = np.empty((bottom - top, right - left, 3), np.uint8)
    pixels[...] = colour
    height, width = seen.shape[:2]
    inside = (max(top, 0), max(left, 0), min(bottom, height), min(right, width))
    if inside[0] < inside[2] and inside[1] < inside[3]:
        target = pixels[inside[0] - top : inside[2] - top, inside[1] - left : inside[3] - left]
        target[...] = seen[inside[0] : inside[2], inside[1] : inside[3]]
    return pixels


def box_in_picture(box: WholeBox, preprocessing: Preprocessing, picture: Size, fit: Fit) -> Box:
    """Where a box of the input lies in the picture's own pixels, as far as it is in both.

    Parameters
    ----------
    box : in pixels of the input.
    picture : (h, w) of the picture.
    """
    place = preprocessing.placement(*picture, fit)
    scale_y, scale_x = picture[0] / place.resized[0], picture[1] / place.resized[1]
    height, width = preprocessing.size
    top, bottom = (min(max(edge, 0), height) + place.top for edge in (box[0], box[2]))
    left, right = (min(max(edge, 0), width) + place.left for edge in (box[1], box[3]))
    return (
        min(max(top * scale_y, 0.0), float(picture[0])),
        min(max(left * scale_x, 0.0), float(picture[1])),
        min(max(bottom * scale_y, 0.0), float(picture[0])),
        min(max(right * scale_x, 0.0), float(picture[1])),
    )


def mean_colour(preprocessing: Preprocessing) -> UInt8Array:
    """uint8 (3,) RGB, the colour that becomes zero in the network's input."""
    levels = np.round(np.array(preprocessing.mean) * 255).clip(0, 255).astype(np.uint8)
    return np.broadcast_to(levels, (3,)) if len(levels) == 1 else levels
