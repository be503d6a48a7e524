"""Maps as files: a picture, a drawing whose parts can be edited, or a table."""

from __future__ import annotations

import base64
import csv
import io
from html import escape
from pathlib import Path

import cv2
import numpy as np

from deepvis.backend.atomic_file import StrPath, atomic
from deepvis.backend.export import write_png
from deepvis.backend.maps.drawing import GROUND, draw_thumbnails, point_colors, to_pixels
from deepvis.map_layout import color_groups
from deepvis.messages import FloatArray, MapContent, MapPictures

ENDINGS = (".png", ".svg", ".csv")

_SIDE = 2400
_TILE = 48


def export_map(content: MapContent, path: StrPath, coloring: str = "class", *, side: int = _SIDE) -> None:
    """Write a map as the ending of ``path`` says.

    ``.png``: thumbnails without overlap, dots for the others. ``.svg``: the same as a drawing, with a title for every
    picture. ``.csv``: title, label, prediction, probability and place of every picture.

    Parameters
    ----------
    coloring : ``class``, ``prediction``, ``correctness`` or ``none``.
    side : of the picture in pixels.

    Raises
    ------
    ExportError : it cannot be written. ValueError : another ending, or another coloring.
    """
    ending = Path(path).suffix.lower()
    if ending == ".csv":
        write_csv(content, path)
    elif ending == ".svg":
        write_svg(content, path, coloring, side=side)
    elif ending == ".png":
        picture = draw_thumbnails(
            content.points, content.pictures, coloring=coloring, size=(side, side), side=_TILE, distances=content.spread
        )
        write_png(path, picture, {"Software": "deepvis", "Title": f"{content.info.title}, {content.info.layer}"})
    else:
        raise ValueError(f"{path} does not end in {', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}")


def write_csv(content: MapContent, path: StrPath) -> None:
    """A row a picture: title, label, prediction, probability, x, y. UTF-8. Raises ExportError."""
    pictures = content.pictures
    text = io.StringIO(newline="")
    table = csv.writer(text)
    table.writerow(["title", "label", "prediction", "probability", "x", "y"])
    for index, title in enumerate(pictures.titles):
        probability = float(pictures.probability[index])
        x, y = content.points[index].tolist()
        table.writerow(
            [
                title,
                pictures.label(index),
                pictures.prediction(index),
                f"{probability:.6f}" if np.isfinite(probability) else "",
                f"{x:.6f}",
                f"{y:.6f}",
            ]
        )
    with atomic(path) as file:
        file.write(text.getvalue().encode("utf-8"))


def write_svg(content: MapContent, path: StrPath, coloring: str = "class", *, side: int = _SIDE) -> None:
    """The map as a drawing: a circle a picture, and thumbnails where they do not overlap. Raises ExportError."""
    pictures = content.pictures
    colors = point_colors(pictures, coloring)
    groups, names = color_groups(pictures, coloring)
    places = to_pixels(content.points, (side, side), _TILE / side)
    radius = max(2.0, 0.12 * side / max(1.0, len(places) ** 0.5))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side} {side}" width="{side}" height="{side}">',
        f"<title>{escape(content.info.title)}</title>",
        f'<rect width="{side}" height="{side}" fill="{_hex(GROUND)}"/>',
        '<g id="pictures">',
    ]
    for index, (x, y) in enumerate(places.tolist()):
        group = int(groups[index])
        named = f" data-group={_quoted(names[group])}" if 0 <= group < len(names) else ""
        parts.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="{_hex(colors[index].tolist())}"{named}>'
            f"<title>{escape(_words(pictures, index))}</title></circle>"
        )
    parts.append('</g><g id="thumbnails">')
    scale = _scale(content, places)
    for index in np.flatnonzero(content.spread >= (_TILE + 2) / max(scale, 1e-30)).tolist():
        x, y = places[index].tolist()
        left, top = x - _TILE / 2, y - _TILE / 2
        parts.append(
            f'<image x="{left:.1f}" y="{top:.1f}" width="{_TILE}" height="{_TILE}" href="{_data(pictures, index)}">'
            f"<title>{escape(_words(pictures, index))}</title></image>"
            f'<rect x="{left:.1f}" y="{top:.1f}" width="{_TILE}" height="{_TILE}" rx="4" fill="none" '
            f'stroke="{_hex(colors[index].tolist())}" stroke-width="2"/>'
        )
    parts.append("</g></svg>")
    with atomic(path) as file:
        file.write("\n".join(parts).encode("utf-8"))


def _words(pictures: MapPictures, index: int) -> str:
    told = [pictures.titles[index], pictures.label(index)]
    prediction = pictures.prediction(index)
    if prediction:
        told.append(f"taken for {prediction}")
    return " · ".join(part for part in told if part)


def _data(pictures: MapPictures, index: int) -> str:
    bgr = cv2.cvtColor(np.ascontiguousarray(pictures.thumbnails[index]), cv2.COLOR_RGB2BGR)
    done, encoded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 88])
    assert done
    return "data:image/jpeg;base64," + base64.b64encode(encoded.tobytes()).decode("ascii")


def _scale(content: MapContent, places: FloatArray) -> float:
    extent = float(np.ptp(content.points, axis=0).max()) if len(content.points) else 0.0
    return float(np.ptp(places, axis=0).max()) / extent if extent > 0 else 0.0


def _hex(rgb: tuple[int, ...] | list[int]) -> str:
    return "#" + "".join(f"{value:02x}" for value in rgb)


def _quoted(text: str) -> str:
    return '"' + escape(text, quote=True) + '"'
