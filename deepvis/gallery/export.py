"""An entry as a file of one's own: the picture, a film of the course, options and figures, or values."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from deepvis.backend.atomic_file import ExportError
from deepvis.backend.export import write_json, write_npz, write_png
from deepvis.backend.film import FilmWriter, GifWriter, VideoWriter
from deepvis.gallery.entry_file import NotAnEntry, to_json
from deepvis.gallery.folder import provenance
from deepvis.gallery.record import Record, read_jpeg
from deepvis.messages import CoursePicture, Size, UInt8Array

ENDINGS = (".png", ".mp4", ".gif", ".json", ".npz")

_SECONDS = 6.0
"""About how long a film of a course runs."""

_FASTEST, _SLOWEST = 25.0, 5.0
"""Pictures a second."""

_HOLD = 1.5
"""Seconds for which the last picture stays."""

Progress = Callable[[float], None]


class ExportCancelled(Exception):  # noqa: N818 - nothing went wrong
    """A person gave the export up; nothing of it stays."""


def export_record(record: Record, path: Path, progress: Progress) -> None:
    """Write a record to ``path``, whose ending says as what.

    Parameters
    ----------
    progress : called with the share in [0, 1] that is done; it may raise :class:`ExportCancelled`.

    Raises
    ------
    ExportError
        The disk is full, say, or the ending is none of :data:`ENDINGS`.
    """
    ending = path.suffix.lower()
    if ending == ".png":
        write_png(path, record.content.image, provenance(record.entry))
    elif ending == ".json":
        facts = {**record.entry.facts, **record.content.more_facts}
        write_json(path, to_json(record.entry) | {"facts": facts, "figures_by_step": figures_by_step(record)})
    elif ending == ".npz":
        write_npz(path, arrays_of(record))
    elif ending in (".mp4", ".gif"):
        film: FilmWriter = VideoWriter(path) if ending == ".mp4" else GifWriter(path)
        _write_film(record, film, progress)
    else:
        known = ", ".join(ENDINGS[:-1]) + f" or {ENDINGS[-1]}"
        raise ExportError(f"{path.name} was not saved", f"{ending or 'No ending'} is unknown.", f"Choose {known}.")
    progress(1.0)


def arrays_of(record: Record) -> dict[str, Any]:
    """All values of a record by name: those of the run, its pictures, its options and its figures by step."""
    content, entry = record.content, record.entry
    made: dict[str, Any] = dict(record.arrays)
    made |= {"image": content.image, "network": np.str_(entry.network), "network_hash": np.str_(entry.network_hash)}
    if content.input is not None:
        made["input"] = content.input
    made |= {f"picture_{title}": image for title, image in content.images.items()}
    made |= {f"option_{name}": np.asarray("none" if value is None else value) for name, value in _flat(entry.options)}
    made["step"] = content.steps
    made |= {f"course_{name}": values for name, values in content.course_figures.items()}
    return made


def figures_by_step(record: Record) -> dict[str, Any]:
    """The figures of the course as lists of equal length, ``step`` first."""
    content = record.content
    return {"step": content.steps.tolist()} | {
        name: [round(float(value), 7) for value in values] for name, values in content.course_figures.items()
    }


def _flat(options: Any) -> Iterator[tuple[str, Any]]:
    """Options that an array can hold as they are; lists of unequal parts become text."""
    for name, value in options.items():
        plain = not isinstance(value, list | dict) or (
            isinstance(value, list) and len({type(each) for each in value}) == 1 and not isinstance(value[0], list)
        )
        yield name, value if plain else str(value)


def _write_film(record: Record, film: FilmWriter, progress: Progress) -> None:
    content = record.content
    height, width = content.image.shape[:2]
    # Pictures of an early octave are small; they are shown as large as the last one.
    scale = min(1.0, 720 / max(height, width))
    size = (max(1, round(height * scale)), max(1, round(width * scale)))
    pictures = content.course[:-1]
    rate = min(_FASTEST, max(_SLOWEST, len(content.course) / _SECONDS))
    with film:
        for place, picture in enumerate(pictures):
            film.add(_scaled(_picture(record, picture), size), place / rate)
            progress((place + 1) / (len(pictures) + 2))
        last = _scaled(content.image, size)
        film.add(last, len(pictures) / rate)
        # The last picture of a film stays for as long as the one before it did.
        film.add(last, len(pictures) / rate + _HOLD / 2)
        progress(1 - 1 / (len(pictures) + 2))


def _picture(record: Record, picture: CoursePicture) -> UInt8Array:
    try:
        return read_jpeg(picture.jpeg)
    except Exception as error:
        folder = Path(record.entry.folder).name
        raise NotAnEntry(f"{folder}: the picture of step {picture.step} is damaged, so there is no film") from error


def _scaled(image: UInt8Array, size: Size) -> UInt8Array:
    if image.shape[:2] == size:
        return image
    return np.asarray(Image.fromarray(image).resize((size[1], size[0]), Image.Resampling.BICUBIC), np.uint8)
