"""Specs to sets."""

from __future__ import annotations

import difflib
import os
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from deepvis.backend.picture_sets.picture_set import PictureSet, Progress
from deepvis.backend.sources.source import SourceError

_KINDS = "a folder, a zip, a video, torchvision:NAME:ROOT or samples:"


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
    if isinstance(pictures, os.PathLike):
        return _open_path(Path(pictures), "", progress)
    if not isinstance(pictures, str):
        from deepvis.backend.picture_sets.memory import MemorySet

        return MemorySet(pictures)
    spec = pictures.strip()
    if not spec:
        raise SourceError("No set of pictures is named", "The name is empty.", f"Name {_KINDS}.")
    path = _path(pictures)
    if not _exists(path):
        path = _path(spec)
    if _exists(path):
        return _open_path(path, "", progress)
    if spec in ("samples", "samples:"):
        from deepvis.backend.picture_sets.crops import SampleSet

        return SampleSet()
    if spec.startswith("torchvision:"):
        from deepvis.backend.picture_sets.datasets import DatasetSet

        return DatasetSet(spec)
    name, _, query = spec.partition("?")
    path = _path(name)
    if query and _exists(path):
        return _open_path(path, query, progress)
    raise _missing(spec)


def _open_path(path: Path, query: str, progress: Progress | None) -> PictureSet:
    if path.is_dir() and not query:
        return _open_folder(path, progress)
    if not path.exists():
        raise _missing(str(path))
    if query and (path.is_dir() or path.suffix.lower() == ".zip"):
        raise SourceError(f"{path.name} has no options", f"{query!r} was given.", "Leave it out; only videos have one.")
    if not path.is_file():
        raise SourceError(f"{path.name} is no set of pictures", "It is neither a file nor a folder.", f"Name {_KINDS}.")
    if not query and (path.suffix.lower() == ".zip" or zipfile.is_zipfile(path)):
        from deepvis.backend.picture_sets.archive import ZipSet

        return ZipSet(path, progress)
    from deepvis.backend.sources.pictures import is_picture

    if is_picture(path):
        raise SourceError(f"{path.name} is a single picture", "A set has many.", f"Choose its folder, or {_KINDS}.")
    from deepvis.backend.picture_sets.video import EVERY, VideoSet
    from deepvis.backend.sources.specs import Options

    options = Options(str(path), query)
    every = options.number("every", EVERY)
    options.check_all_used()
    try:
        return VideoSet(path, EVERY if every is None else every, progress)
    except ValueError as error:
        raise SourceError(f"{path.name} cannot be sampled like that", f"{error}.", "Correct the option.") from error


def _open_folder(folder: Path, progress: Progress | None) -> PictureSet:
    from deepvis.backend.picture_sets.folder import FolderSet
    from deepvis.backend.picture_sets.names import natural_key

    try:
        return FolderSet(folder, progress)
    except SourceError:
        try:
            zips = [path for path in folder.iterdir() if path.suffix.lower() == ".zip" and path.is_file()]
        except OSError:
            zips = []
        if not zips:
            raise
    from deepvis.backend.picture_sets.joined import JoinedZips

    return JoinedZips(folder, sorted(zips, key=lambda path: natural_key(path.name)), progress)


def _path(spec: str) -> Path:
    """The path that a person means; unlike Path.expanduser, of a home that nobody has the text itself."""
    return Path(os.path.expanduser(spec))


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _missing(spec: str) -> SourceError:
    path = _path(spec)
    near = difflib.get_close_matches(spec, ["samples:"], 1, 0.7)
    try:
        beside = [] if near else [item.name for item in path.parent.iterdir()]
    except (OSError, ValueError):
        beside = []
    near = near or [str(path.parent / name) for name in difflib.get_close_matches(path.name, beside, 1, 0.6)]
    cause = f"Did you mean {near[0]}?" if near else "Nothing of this name exists."
    return SourceError(f"{spec} is not there", cause, f"Check the path, or name {_KINDS}.")
