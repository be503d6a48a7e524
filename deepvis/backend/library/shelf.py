"""The place where libraries lie, and what lies there."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

from deepvis.backend.library.errors import LibraryError
from deepvis.backend.library.library import Library
from deepvis.backend.library.manifest import MANIFEST
from deepvis.messages.library import LibraryInfo

FOLDER_VARIABLE = "DEEPVIS_LIBRARIES"
"""Environment variable with another place for libraries than the person's data folder."""


def default_folder() -> Path:
    """Where libraries lie: ``$DEEPVIS_LIBRARIES``, or ``libraries`` in the person's data folder."""
    named = os.environ.get(FOLDER_VARIABLE)
    return Path(named) if named else Path(platformdirs.user_data_dir("deepvis", appauthor=False)) / "libraries"


def libraries(folder: str | Path | None = None) -> tuple[LibraryInfo, ...]:
    """The libraries that lie in a folder (None: the usual place), the newest first; what is none is passed over."""
    place = default_folder() if folder is None else Path(folder)
    found = []
    for manifest in place.glob(f"*/{MANIFEST}"):
        try:
            found.append(library_info(Library(manifest.parent)))
        except (LibraryError, OSError):
            continue
    return tuple(sorted(found, key=lambda info: (info.created, info.folder), reverse=True))


def library_info(library: Library) -> LibraryInfo:
    """What a list of libraries needs to know of one."""
    # Not Path.rglob, which raises where a scan replaces a folder meanwhile.
    files = (Path(place, name) for place, _, names in os.walk(library.folder) for name in names)
    return LibraryInfo(
        folder=str(library.folder),
        title=library.title,
        set_spec=library.set_spec,
        network_name=library.network_name,
        network_hash=library.network_hash,
        network_spec=library.network_spec,
        input_size=library.input_size,
        fit=library.fit,
        layers=library.layers,
        top=library.top,
        count=library.count,
        total=library.total,
        skipped=library.skipped,
        complete=library.complete,
        classes=library.classes,
        created=library.created,
        options=dict(library.manifest.options),
        revision=library.revision,
        size=sum(_size(path) for path in files),
    )


def _size(path: Path) -> int:
    """Bytes that a file really takes: rows that are not written yet take none."""
    try:
        status = path.stat()
    except OSError:
        return 0
    return min(status.st_size, getattr(status, "st_blocks", status.st_size) * 512)
