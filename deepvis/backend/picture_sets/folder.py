"""The pictures of a folder and of all folders within it."""

from __future__ import annotations

import os
from array import array
from pathlib import Path

from deepvis.backend.picture_sets.class_names import labels_of_folders
from deepvis.backend.picture_sets.names import NameCollector, natural_key
from deepvis.backend.picture_sets.picture_set import PictureSet, Progress
from deepvis.backend.sources.pictures import SUFFIXES, read_picture
from deepvis.backend.sources.source import SourceError
from deepvis.messages import UInt8Array

ASIDE = frozenset(("__macosx", "$recycle.bin", "system volume information", "@eadir", "lost+found"))
"""Folders, in lower case, that systems keep beside people's own; hidden ones begin with a dot."""


class FolderSet(PictureSet):
    """Every file under a folder whose name ends as a picture's does.

    Links are followed, each folder once. Hidden files and what systems put beside pictures are no part of the set.
    Within a folder names are sorted as people count (2 before 10).

    Parameters
    ----------
    folder : is read once, now.
    progress : see :data:`Progress`.

    Raises
    ------
    SourceError : the folder cannot be read, or holds no pictures.
    """

    def __init__(self, folder: str | os.PathLike[str], progress: Progress | None = None) -> None:
        self._root = os.path.abspath(os.path.expanduser(folder))
        self.spec = self._root
        self.title = os.path.basename(self._root) or self._root
        collector, sizes, unread = _search(self._root, progress)
        self.titles = self._names = collector.names()
        if not len(self._names):
            raise _no_pictures(self.title, unread)
        self.labels, self.classes = labels_of_folders(self._names.folders, self._names.folder_of)
        self.fingerprint = self._names.fingerprint(sizes)
        self.notes = tuple(f"The folder {name} cannot be read and was left out." for name in unread)

    def path(self, index: int) -> Path:
        """The file of picture ``index``."""
        return Path(self._root, *self._names.path(self.check_index(index)).split("/"))

    def read(self, index: int) -> UInt8Array:
        """See :meth:`PictureSet.read`."""
        return read_picture(self.path(index))


def is_picture_name(name: str) -> bool:
    """Whether a file of this name is taken for a picture: by its ending, and not hidden."""
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in SUFFIXES


def _search(root: str, progress: Progress | None) -> tuple[NameCollector, array[int], list[str]]:
    """Names and sizes of the pictures under ``root``, and the folders that could not be read."""
    collector, sizes, unread = NameCollector(), array("q"), list[str]()
    status = os.stat(root)
    seen = {(status.st_dev, status.st_ino)}
    waiting = [("", root)]
    while waiting:
        relative, place = waiting.pop()
        folders, files = list[str](), list[tuple[str, int]]()
        try:
            with os.scandir(place) as entries:
                for entry in entries:
                    if entry.name.startswith(".") or entry.name.lower() in ASIDE:
                        continue
                    if _is_folder(entry):
                        folders.append(entry.name)
                    elif is_picture_name(entry.name):
                        files.append((entry.name, _size(entry)))
        except OSError as error:
            if not relative:
                raise SourceError(
                    f"The folder {os.path.basename(root) or root} cannot be read",
                    f"{error.strerror or error}.",
                    "Change its permissions, or choose another.",
                ) from error
            unread.append(relative)
            continue
        files.sort(key=lambda file: natural_key(file[0]))
        collector.add(relative, (name for name, _ in files))
        sizes.extend(size for _, size in files)
        if progress is not None:
            progress(len(collector))
        # The last in is looked into first, so the folders of a folder come in order and before its neighbours.
        for name in sorted(folders, key=natural_key, reverse=True):
            path = os.path.join(place, name)
            try:
                status = os.stat(path)
            except OSError:
                unread.append(f"{relative}/{name}" if relative else name)
                continue
            if (status.st_dev, status.st_ino) not in seen:
                seen.add((status.st_dev, status.st_ino))
                waiting.append((f"{relative}/{name}" if relative else name, path))
    return collector, sizes, unread


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _size(entry: os.DirEntry[str]) -> int:
    """Bytes of the file; -1 where it cannot be asked, as for a link to nothing: reading it will say why."""
    try:
        return entry.stat().st_size
    except OSError:
        return -1


def _no_pictures(title: str, unread: list[str]) -> SourceError:
    cause = "No file in this folder, or in a folder within it, has the name of a picture."
    if unread:
        cause += f" {len(unread)} of its folders cannot be read."
    return SourceError(f"{title} holds no pictures", cause, "Choose another folder, a zip, a video, or samples:.")
