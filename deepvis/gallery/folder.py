"""The folder of one entry: written beside its place and renamed, so that it is there whole or not at all.

The picture under its own name with its provenance as text, ``course.zip`` (one JPEG a kept step), ``figures.csv`` (by
step), ``arrays.npz``, ``facts.json`` (what is too long for the list) and ``entry.json``; in ``parts``, so that the
picture is alone when it is opened as a source: ``thumbnail.png``, ``input.png``, ``picture N.png`` (further pictures).
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from deepvis.backend.atomic_file import atomic, explained
from deepvis.backend.export import write_json, write_npz, write_png
from deepvis.gallery.entry_file import NotAnEntry, to_json
from deepvis.gallery.record import Record, thumbnail_of
from deepvis.messages import CoursePicture, FloatArray, GalleryContent, GalleryEntry, UInt8Array

_LARGEST_COURSE = 1 << 30
"""Bytes of the pictures of a course together."""


def provenance(entry: GalleryEntry) -> dict[str, str]:
    """Text chunks for a PNG: what it is, and everything that is needed to make it again."""
    return {
        "Software": f"deepvis {entry.version}",
        "Title": f"{entry.kind} · {entry.title}" if entry.title else entry.kind,
        "Source": entry.source or "noise",
        "deepvis": json.dumps(to_json(entry), ensure_ascii=False),
    }


def write_entry(record: Record, gallery: Path) -> GalleryEntry:
    """Write a record below ``gallery``, which is made where it is missing; returns the entry with its folder.

    Raises
    ------
    ExportError
        The disk is full, or the folder cannot be written; nothing of the entry stays.
    """
    content, entry = record.content, record.entry
    final = gallery / entry.id
    part = gallery / f".{entry.id}.part"
    with explained(final):
        gallery.mkdir(parents=True, exist_ok=True)
        (part / "parts").mkdir(parents=True)
    try:
        write_png(part / entry.file, content.image, provenance(entry))
        write_png(part / "parts" / "thumbnail.png", thumbnail_of(content.image))
        if content.input is not None:
            write_png(part / "parts" / "input.png", content.input)
        for number, (title, image) in enumerate(content.images.items(), 1):
            write_png(part / "parts" / f"picture {number}.png", image, {"Title": title or f"Picture {number}"})
        if content.course:
            with atomic(part / "course.zip") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
                for place, picture in enumerate(content.course):
                    # Some runs tell of a step more than once.
                    archive.writestr(f"{place:04d} step {picture.step}.jpg", picture.jpeg)
        if len(content.steps):
            _write_figures(part / "figures.csv", content.steps, content.course_figures)
        if record.arrays:
            write_npz(part / "arrays.npz", record.arrays)
        if content.more_facts:
            write_json(part / "facts.json", content.more_facts)
        # Last: a folder with an entry.json has everything else.
        write_json(part / "entry.json", to_json(entry) | {"pictures": list(content.images)})
        with explained(final):
            os.replace(part, final)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    return replace(entry, folder=str(final), thumbnail=None)


def read_record(entry: GalleryEntry) -> Record:
    """Everything in an entry's folder; its values in ``arrays.npz`` are read, too.

    Raises
    ------
    NotAnEntry
        A file is damaged or missing.
    """
    folder = Path(entry.folder)
    content = read_content(entry)
    arrays: dict[str, npt.NDArray[Any]] = {}
    with _damage(folder), contextlib.suppress(FileNotFoundError), np.load(folder / "arrays.npz") as archive:
        arrays = {name: archive[name] for name in archive.files}
    return Record(content, arrays)


def read_content(entry: GalleryEntry) -> GalleryContent:
    """All pictures and figures in an entry's folder. Raises :class:`NotAnEntry`."""
    folder = Path(entry.folder)
    with _damage(folder):
        titles = json.loads((folder / "entry.json").read_text("utf-8")).get("pictures", [])
        images = {
            str(title): _read_png(folder / "parts" / f"picture {number}.png") for number, title in enumerate(titles, 1)
        }
        course: tuple[CoursePicture, ...] = ()
        if (folder / "course.zip").is_file():
            with zipfile.ZipFile(folder / "course.zip") as archive:
                if sum(each.file_size for each in archive.infolist()) > _LARGEST_COURSE:
                    raise NotAnEntry("its course.zip is larger than any that this program writes")
                names = sorted(name for name in archive.namelist() if name.endswith(".jpg"))
                course = tuple(CoursePicture(int(name[:-4].split()[-1]), archive.read(name)) for name in names)
        steps, figures = _read_figures(folder / "figures.csv")
        more_facts: dict[str, Any] = {}
        if (folder / "facts.json").is_file():
            more_facts = dict(json.loads((folder / "facts.json").read_text("utf-8")))
        names_of_arrays: tuple[str, ...] = ()
        if (folder / "arrays.npz").is_file():
            with zipfile.ZipFile(folder / "arrays.npz") as archive:
                names_of_arrays = tuple(name.removesuffix(".npy") for name in archive.namelist())
        return GalleryContent(
            entry=entry,
            image=_read_png(Path(entry.path)),
            images=images,
            input=_read_png(folder / "parts" / "input.png") if entry.has_input else None,
            course=course,
            steps=steps,
            course_figures=figures,
            arrays=names_of_arrays,
            more_facts=more_facts,
        )


def read_thumbnail(entry: GalleryEntry) -> UInt8Array:
    """The entry's thumbnail, uint8 (h, w, 3) RGB. Raises :class:`NotAnEntry`."""
    if entry.thumbnail is not None:
        return entry.thumbnail
    with _damage(Path(entry.folder)):
        return _read_png(Path(entry.thumbnail_path))


def _read_png(path: Path) -> UInt8Array:
    if not path.is_file():
        raise FileNotFoundError(f"{path.name} is missing")
    with Image.open(path, formats=["PNG"]) as image:
        return np.array(image.convert("RGB"), np.uint8)


def _write_figures(path: Path, steps: npt.NDArray[np.int64], figures: Mapping[str, FloatArray]) -> None:
    buffer = io.StringIO()
    table = csv.writer(buffer, lineterminator="\n")
    table.writerow(["step", *figures])
    for place, step in enumerate(steps.tolist()):
        table.writerow([step, *(f"{column[place]:.7g}" for column in figures.values())])
    with atomic(path) as file:
        file.write(buffer.getvalue().encode("utf-8"))


def _read_figures(path: Path) -> tuple[npt.NDArray[np.int64], dict[str, FloatArray]]:
    if not path.is_file():
        return np.zeros(0, np.int64), {}
    header, *rows = list(csv.reader(path.read_text("utf-8").splitlines()))
    steps = np.array([int(row[0]) for row in rows], np.int64)
    columns = {name: np.array([float(row[at]) for row in rows], np.float32) for at, name in enumerate(header) if at}
    return steps, columns


@contextlib.contextmanager
def _damage(folder: Path) -> Iterator[None]:
    """Whatever a damaged file makes its reader raise becomes :class:`NotAnEntry`."""
    try:
        yield
    except Image.DecompressionBombError as error:
        raise NotAnEntry(f"{folder.name} holds a picture that is too large: {error}") from error
    except Exception as error:
        # Zip, PNG, JPEG, CSV, JSON and npz each raise what they like, down to a MemoryError.
        raise NotAnEntry(f"{folder.name} is damaged or gone: {error or type(error).__name__}") from error
