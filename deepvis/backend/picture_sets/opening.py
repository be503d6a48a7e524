"""Specs to sets."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from deepvis.backend.picture_sets.picture_set import PictureSet, Progress
from deepvis.backend.sources.source import SourceError


def open_set(
    pictures: str | os.PathLike[str] | PictureSet | Iterable[Any], progress: Progress | None = None
) -> PictureSet:
    """The set that a spec names, or that a list of pictures makes.

    Parameters
    ----------
    pictures : see the package's description; an open set is returned as it is.
    progress : called now and then with the number of pictures found so far; what it raises ends the search.

    Raises
    ------
    SourceError : with cause and remedy where there is no such set. ValueError : a list holds something that is no
    picture.

    Listing a large folder takes seconds; call it on a thread that may wait.
    """
    if isinstance(pictures, PictureSet):
        return pictures
    if not isinstance(pictures, str | os.PathLike):
        from deepvis.backend.picture_sets.memory import MemorySet

        return MemorySet(pictures)
    spec = os.fspath(pictures)
    path = Path(spec).expanduser()
    if path.is_dir():
        from deepvis.backend.picture_sets.folder import FolderSet

        return FolderSet(path, progress)
    if path.suffix.lower() == ".zip" and path.is_file():
        from deepvis.backend.picture_sets.archive import ZipSet

        return ZipSet(path, progress)
    raise SourceError(f"{spec} is not there", "Nothing of this name exists.", "Check the path.")
