"""Entries of the gallery as a backend would give them: photographs that fade in from noise."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from deepvis.messages import CoursePicture, GalleryContent, GalleryEntry, NetworkSpec, UInt8Array
from tests.ui.fixtures import photograph

NOW = 1_750_000_000.0
HASH = "0" * 16
"""Of the network that the windows of the tests have."""


def picture(name: str = "chelsea", side: int = 60) -> UInt8Array:
    photo = photograph(name)
    small = cv2.resize(photo, (side, side * photo.shape[0] // photo.shape[1]), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)


def entry(number: int = 1, folder: str = "", **changes: Any) -> GalleryEntry:
    """The entry with this number; a later one has a higher number. Without a folder it is not saved."""
    fields: dict[str, Any] = {
        "id": f"entry {number}",
        "run": "class_image",
        "kind": "Class image",
        "title": f"tractor {number}",
        "state": "done",
        "created": NOW + 60 * number,
        "duration": 3.2,
        "steps": 40,
        "total": 40,
        "network": "tinynet",
        "network_hash": HASH,
        "network_spec": NetworkSpec("tinynet"),
        "size": (40, 60),
        "version": "0.1.0",
        "options": {"target": "tractor", "steps": 40, "seed": number, "layer": None},
        "figures": {"probability": 0.9312, "loss": -4.5},
        "facts": {"reached": True},
        "source": "Chelsea the cat",
        "has_input": True,
        "course": 3,
        "folder": folder,
        "thumbnail": None if folder else picture(),
    }
    return GalleryEntry(**(fields | changes))


def content(made: GalleryEntry, **changes: Any) -> GalleryContent:
    """What is kept of an entry."""
    image = picture()
    fields: dict[str, Any] = {
        "entry": made,
        "image": image,
        "images": {"difference": 255 - image},
        "input": picture("coffee") if made.has_input else None,
        "course": tuple(CoursePicture(step, _jpeg(np.full_like(image, 6 * step))) for step in (10, 20, 40)),
        "steps": np.array([10, 20, 40]),
        "course_figures": {"probability": np.array([0.1, 0.5, 0.93], np.float32)},
        "arrays": ("pixels",),
    }
    return GalleryContent(**(fields | changes))


def on_disk(folder: Path, number: int, **changes: Any) -> GalleryEntry:
    """An entry whose files that the window reads are in ``folder``."""
    place = folder / f"entry {number}"
    (place / "parts").mkdir(parents=True)
    Image.fromarray(picture()).save(place / "parts" / "thumbnail.png")
    Image.fromarray(picture()).save(place / "result.png")
    return entry(number, str(place), **changes)


def _jpeg(image: UInt8Array) -> bytes:
    buffer = BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()
