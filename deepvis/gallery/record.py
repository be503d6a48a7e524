"""An entry in memory: made from what was recorded of a run, before it goes to the disk."""

from __future__ import annotations

import io
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from deepvis import __version__
from deepvis.gallery.entry_file import plain
from deepvis.gallery.recorder import COURSE_SIDE, RunEnd, figure_columns, outcome
from deepvis.messages import CoursePicture, GalleryContent, GalleryEntry, UInt8Array

THUMBNAIL = 256
"""Longest side of a thumbnail, in pixels."""

LONGEST_FACT = 2000
"""Characters of JSON that a fact may have in ``entry.json``, of which the list reads hundreds."""

_QUALITY = 90


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """An entry with all that belongs to it, in memory."""

    content: GalleryContent
    arrays: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)

    @property
    def entry(self) -> GalleryEntry:
        """What a list knows of it."""
        return self.content.entry


def thumbnail_of(image: UInt8Array) -> UInt8Array:
    """uint8 (H, W, 3) RGB, reduced to at most :data:`THUMBNAIL` pixels a side."""
    return _reduced(image, THUMBNAIL)


def jpeg_of(image: UInt8Array) -> bytes:
    """A picture of the course as the bytes of a JPEG file, at most :data:`COURSE_SIDE` pixels a side."""
    buffer = io.BytesIO()
    # Without subsampling: these pictures live from fine colour.
    Image.fromarray(_reduced(image, COURSE_SIDE)).save(buffer, "JPEG", quality=_QUALITY, subsampling=0)
    return buffer.getvalue()


def read_jpeg(content: bytes) -> UInt8Array:
    """The picture in the bytes of a JPEG file, uint8 (h, w, 3) RGB."""
    with Image.open(io.BytesIO(content), formats=["JPEG"]) as image:
        return np.asarray(image.convert("RGB"), np.uint8)


def make_record(end: RunEnd) -> Record:
    """What is kept of a run that has ended. Raises ValueError where it made no step."""
    status, beginning = end.status, end.beginning
    update = status.update
    if update is None:
        raise ValueError(f"run {status.id} made no step; there is nothing to keep")
    made = outcome(update)
    options = {**beginning.options, **made.options}
    steps, figures = figure_columns(end.figures)
    when = datetime.fromtimestamp(end.created)
    title = made.title or title_of(options)
    facts: dict[str, Any] = plain(made.facts)
    long = {name for name, value in facts.items() if len(json.dumps(value)) > LONGEST_FACT}
    entry = GalleryEntry(
        # The random part keeps runs apart that end within the same second.
        id=f"{when:%Y%m%d-%H%M%S}-{beginning.run}-{secrets.token_hex(3)}",
        run=beginning.run,
        kind=beginning.kind,
        title=title,
        state=status.state if status.state in ("cancelled", "failed") else "done",
        created=end.created,
        duration=status.elapsed,
        steps=update.step,
        total=update.total,
        network=beginning.network,
        network_hash=beginning.network_hash,
        device=beginning.device,
        network_spec=beginning.network_spec,
        size=(int(made.image.shape[0]), int(made.image.shape[1])),
        version=__version__,
        options=plain(options),
        figures={name: float(value) for name, value in made.figures.items()},
        facts={name: value for name, value in facts.items() if name not in long},
        source=beginning.source,
        has_input=beginning.input is not None,
        course=len(end.course),
        note=status.error or update.note,
        file=file_name(f"{beginning.kind} {title}"),
    )
    content = GalleryContent(
        entry=entry,
        image=made.image,
        images=made.images,
        input=beginning.input,
        course=tuple(CoursePicture(step, jpeg_of(image)) for step, image in end.course),
        steps=steps,
        course_figures=figures,
        arrays=tuple(made.arrays),
        more_facts={name: facts[name] for name in facts if name in long},
    )
    return Record(content, made.arrays)


def title_of(options: Mapping[str, Any]) -> str:
    """What a run shows, as far as its options say it: its target, or its layer and unit."""
    target = options.get("target")
    if target not in (None, ""):
        return str(target)
    layer, unit = options.get("layer"), options.get("unit")
    if layer in (None, ""):
        return ""
    return str(layer) if unit is None else f"{layer} · {unit}"


def file_name(text: str) -> str:
    """A name for a PNG file that every file system takes: ``Class image tractor.png``."""
    plain_text = "".join(each if each.isalnum() or each in " -_.,+" else " " for each in text)
    return f"{' '.join(plain_text.split()).strip('. ')[:80] or 'result'}.png"


def _reduced(image: UInt8Array, side: int) -> UInt8Array:
    if max(image.shape[:2]) <= side:
        return image
    small = Image.fromarray(image)
    small.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=2.0)
    return np.asarray(small, np.uint8)
