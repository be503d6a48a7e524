"""The pictures of a folder and of all folders within it."""

from __future__ import annotations

import os
import stat
from array import array
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from deepvis.backend.picture_sets.class_names import label, read_annotations, unread_table
from deepvis.backend.picture_sets.names import NameCollector, natural_key, printable
from deepvis.backend.picture_sets.picture_set import NoPicturesError, PictureSet, Progress
from deepvis.backend.sources.pictures import SUFFIXES, read_picture
from deepvis.backend.sources.source import SourceError
from deepvis.messages import UInt8Array

ASIDE = frozenset(("__macosx", "$recycle.bin", "system volume information", "@eadir", "lost+found"))
"""Folders, in lower case, that systems keep beside people's own; hidden ones begin with a dot."""

_TELL_EVERY = 10_000


class FolderSet(PictureSet):
    """Every file under a folder whose name ends as a picture's does.

    Links are followed, each folder once. Hidden files and what systems put beside pictures are no part of the set.
    The files of a folder come before the folders in it; names are sorted as people count (2 before 10).

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
        self.title = printable(os.path.basename(self._root) or self._root)
        search = _Search(self._root, progress)
        search.run()
        self._place = search.place
        self.titles = self._names = search.collector.names()
        if not len(self._names):
            raise _no_pictures(self.title, search.unread)
        root = Path(self._root)
        self.labels, self.classes = label(self._names, search.annotations, [*root.parents[1::-1], root])
        self.fingerprint = self._names.fingerprint(np.array(search.sizes, dtype=np.int64))
        self.notes = (
            *(f"The folder {printable(name)} cannot be read and was left out." for name in search.unread),
            *(unread_table(name) for name in search.unread_tables),
        )

    def path(self, index: int) -> Path:
        """The file of picture ``index``."""
        return Path(self._root, *self._names.path(self.check_index(index)).split("/"))

    def read(self, index: int) -> UInt8Array:
        """See :meth:`PictureSet.read`."""
        path = self.path(index)
        return read_picture(path, name=printable(path.name))

    def check(self) -> None:
        """See :meth:`PictureSet.check`."""
        try:
            status = os.stat(self._root)
        except OSError:
            status = None
        # Where a disk was, an empty folder may be left, which is another one.
        if status is None or not stat.S_ISDIR(status.st_mode) or (status.st_dev, status.st_ino) != self._place:
            raise SourceError(
                f"The folder {self.title} is gone",
                "It was there when its pictures were listed.",
                "Connect its disk again, or put it back, and continue.",
            )


def is_picture_name(name: str) -> bool:
    """Whether a file of this name is taken for a picture: by its ending, and not hidden."""
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in SUFFIXES


def is_aside(name: str) -> bool:
    """Whether a folder of this name belongs to the system, or is hidden."""
    return name.startswith(".") or name.lower() in ASIDE


@dataclass
class _Search:
    """Goes through all folders under ``root``.

    ``place`` is where ``root`` lies, by the numbers of its file system. ``unread`` and ``unread_tables`` are the
    folders and tables of classes that could not be read, ``annotations`` the classes of files by folder.
    """

    root: str
    progress: Progress | None
    place: tuple[int, int] = (0, 0)
    collector: NameCollector = field(default_factory=NameCollector)
    sizes: array[int] = field(default_factory=lambda: array("q"))
    unread: list[str] = field(default_factory=list)
    unread_tables: list[str] = field(default_factory=list)
    annotations: dict[str, dict[str, str]] = field(default_factory=dict)

    def run(self) -> None:
        seen: set[tuple[int, int]] = set()
        waiting = [""]
        while waiting:
            relative = waiting.pop()
            try:
                status = os.stat(os.path.join(self.root, relative))
                # Windows has file systems that number nothing.
                if status.st_ino and (status.st_dev, status.st_ino) in seen:
                    continue
                seen.add((status.st_dev, status.st_ino))
                if not relative:
                    self.place = (status.st_dev, status.st_ino)
                folders = self._look_into(relative)
            except OSError as error:
                if not relative:
                    raise self._closed(error) from error
                self.unread.append(relative)
                continue
            # The last in is looked into first: the folders of a folder come in order, and before its neighbours.
            waiting += [f"{relative}/{name}" if relative else name for name in reversed(folders)]

    def _look_into(self, relative: str) -> list[str]:
        """Note the pictures of one folder; return the names of the folders in it, in order."""
        folders: list[str] = []
        files: list[tuple[str, str, int]] = []
        with os.scandir(os.path.join(self.root, relative)) as entries:
            for entry in entries:
                name = entry.name
                if is_picture_name(name) and not _is_folder(entry):
                    files.append((natural_key(name), name, _size(entry)))
                    if self.progress is not None and len(files) % _TELL_EVERY == 0:
                        self.progress(len(self.collector) + len(files))
                elif name == "val_annotations.txt" and _is_file(entry):
                    self._annotate(f"{relative}/images" if relative else "images", entry.path)
                elif not is_aside(name) and _is_folder(entry):
                    folders.append(name)
        files.sort()
        self.collector.add(relative, (name for _, name, _ in files))
        self.sizes.extend(size for _, _, size in files)
        if self.progress is not None:
            self.progress(len(self.collector))
        return sorted(folders, key=natural_key)

    def _annotate(self, folder: str, table: str) -> None:
        try:
            self.annotations[folder] = read_annotations(Path(table).read_text(encoding="utf-8", errors="replace"))
        except OSError:
            self.unread_tables.append(os.path.relpath(table, self.root))

    def _closed(self, error: OSError) -> SourceError:
        return SourceError(
            f"The folder {printable(os.path.basename(self.root) or self.root)} cannot be read",
            f"{error.strerror or error}.",
            "Change its permissions, or choose another.",
        )


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
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
        cause += f" {len(unread)} of the folders in it cannot be read."
    return NoPicturesError(f"{title} holds no pictures", cause, "Choose another folder, a zip, a video, or samples:.")
