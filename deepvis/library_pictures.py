"""Pictures of sets as files that can be opened, and libraries on their way to the trash."""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import platformdirs

from deepvis.messages import UInt8Array

if TYPE_CHECKING:
    from deepvis.backend.library import LayerRecord, Library

SHEET_PATCH = 96
"""Smallest side in pixels of a patch on an exported sheet; smaller ones are shown with their pixels as squares."""

TRASH = ".trash"
TRASH_SECONDS = 24 * 3600
_FOLDER = "pictures"
_KEPT_FILES = 64


def picture_file(library: Library, index: int, image: UInt8Array) -> Path:
    """A file with one picture of a library's set: its own, or a PNG of it where it lies in a zip, a video or in memory.

    Parameters
    ----------
    image : uint8 (H, W, 3) RGB, the picture.

    Raises ExportError where the PNG cannot be written.
    """
    own = Path(library.set_spec) / library.titles[index]
    if library.set_spec and Path(library.set_spec).is_dir() and own.is_file():
        return own
    from deepvis.backend.export import write_png

    name = hashlib.sha256(f"{library.set_spec}\0{library.titles[index]}".encode()).hexdigest()[:12]
    folder = Path(platformdirs.user_cache_dir("deepvis", appauthor=False)) / _FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{Path(library.titles[index]).stem}-{name}.png"
    if not path.exists():
        write_png(path, image)
        for old in sorted(folder.glob("*.png"), key=lambda file: file.stat().st_mtime)[:-_KEPT_FILES]:
            old.unlink(missing_ok=True)
    return path


def write_patches(library: Library, record: LayerRecord, folder: Path) -> Iterator[tuple[int, int]]:
    """Write a PNG with the patches of each unit of a layer, side by side, the strongest first.

    Files are called ``LAYER-UNIT.png``, and their text says what they show. Yields (units done, units). Raises
    ExportError, and what reading a picture raises.
    """
    from deepvis.backend.export import write_png

    folder.mkdir(parents=True, exist_ok=True)
    units = len(record.values)
    digits = len(str(units - 1))
    for unit in range(units):
        ranks = np.flatnonzero(record.pictures[unit] >= 0).tolist()
        if ranks:
            patches = [library.patch(record.name, unit, rank) for rank in ranks]
            facts = {
                "Software": "deepvis",
                "Title": f"Strongest patches of {record.name} {unit}",
                "Source": f"{library.network_name} {library.network_hash}, {library.title}",
                "Description": "; ".join(f"{patch.title}: {patch.value:.4g}" for patch in patches),
            }
            name = f"{record.name.replace('/', '_')}-{unit:0{digits}d}.png"
            write_png(folder / name, sheet([patch.pixels for patch in patches]), _latin(facts))
        yield unit + 1, units


def sheet(pictures: Sequence[UInt8Array], gap: int = 4) -> UInt8Array:
    """Pictures of one size in rows of three on white, uint8 (H, W, 3); small ones are enlarged by a whole factor."""
    height, width = pictures[0].shape[:2]
    times = max(1, -(-SHEET_PATCH // max(height, width)))
    height, width = times * height, times * width
    columns = min(3, len(pictures))
    rows = -(-len(pictures) // columns)
    page = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap, 3), 255, np.uint8)
    for place, picture in enumerate(pictures):
        row, column = divmod(place, columns)
        top, left = row * (height + gap), column * (width + gap)
        page[top : top + height, left : left + width] = picture.repeat(times, 0).repeat(times, 1)
    return page


def _latin(facts: dict[str, str]) -> dict[str, str]:
    """Texts as PNG can hold them."""
    return {name: text.encode("latin-1", "replace").decode("latin-1") for name, text in facts.items()}


def to_trash(folder: Path) -> Path:
    """Move a library to the trash beside it, and clear away what has lain there for a day; where it is now.

    Raises OSError.
    """
    trash = folder.parent / TRASH
    trash.mkdir(exist_ok=True)
    now = time.time()
    for old in trash.iterdir():
        if now - old.stat().st_mtime > TRASH_SECONDS:
            shutil.rmtree(old, ignore_errors=True)
    target = trash / f"{folder.name}-{time.time_ns():x}"
    folder.rename(target)
    # Its day begins now.
    target.touch()
    return target
