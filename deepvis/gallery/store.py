"""All entries: those on the disk, and those that could not be written. Deleted ones can be brought back for a while."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import platformdirs

from deepvis.backend.atomic_file import ExportError, explained
from deepvis.gallery.entry_file import NotAnEntry, read_entry
from deepvis.gallery.folder import read_content, read_record, read_thumbnail, write_entry
from deepvis.gallery.record import Record, thumbnail_of
from deepvis.messages import GalleryContent, GalleryEntry, UInt8Array

FOLDER_VARIABLE = "DEEPVIS_GALLERY"
"""Environment variable with another place for the gallery than the person's data folder."""

_TRASH = ".trash"
_TRASH_SECONDS = 24 * 3600
_STALE_SECONDS = 3600
_THUMBNAILS = 128


def default_folder() -> Path:
    """Where the gallery lies: ``$DEEPVIS_GALLERY``, or ``gallery`` in the person's data folder."""
    named = os.environ.get(FOLDER_VARIABLE)
    return Path(named) if named else Path(platformdirs.user_data_dir("deepvis", appauthor=False)) / "gallery"


@dataclass(frozen=True, slots=True)
class Loaded:
    """What :meth:`Gallery.load` found: how many entries, and the folders that were passed over with the reason."""

    entries: int
    skipped: tuple[tuple[str, str], ...] = ()


class Gallery:
    """The entries of one folder. Every method may be called from any thread; those that touch the disk say so."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.Lock()
        self._entries: dict[str, GalleryEntry] = {}
        self._sorted: tuple[GalleryEntry, ...] | None = None
        self._unsaved: dict[str, Record] = {}
        self._deleted: list[tuple[tuple[GalleryEntry, ...], dict[str, Record]]] = []
        self._thumbnails: OrderedDict[str, UInt8Array | None] = OrderedDict()

    # ------------------------------------------------------------------------------------------------- entries

    @property
    def entries(self) -> tuple[GalleryEntry, ...]:
        """Every entry, the newest first."""
        with self._lock:
            if self._sorted is None:
                self._sorted = tuple(
                    sorted(self._entries.values(), key=lambda entry: (entry.created, entry.id), reverse=True)
                )
            return self._sorted

    def entry(self, entry_id: str) -> GalleryEntry:
        """One entry. Raises KeyError where there is none (any more)."""
        with self._lock:
            if entry_id not in self._entries:
                raise KeyError("This picture is not in the gallery any more")
            return self._entries[entry_id]

    def load(self) -> Loaded:
        """Read the list from the disk (one small file an entry), and clear away what is left of earlier programs."""
        skipped: list[tuple[str, str]] = []
        found: dict[str, GalleryEntry] = {}
        if not self.folder.is_dir():
            return Loaded(0)
        try:
            names = [each.name for each in os.scandir(self.folder) if each.is_dir()]
        except OSError as error:
            return Loaded(0, ((self.folder.name, str(error)),))
        for name in names:
            if name.startswith("."):
                continue
            try:
                found[name] = read_entry(self.folder / name)
            except Exception as error:
                # One damaged folder must not hide the others.
                skipped.append((name, str(error) or type(error).__name__))
        with self._lock:
            self._entries = found | self._entries
            self._sorted = None
        self._clear_away(names)
        return Loaded(len(found), tuple(skipped))

    def add(self, record: Record) -> ExportError | None:
        """Keep a record, on the disk. Where it cannot be written it is kept in memory, and the reason is returned."""
        problem = None
        try:
            entry = write_entry(record, self.folder)
        except ExportError as error:
            problem = error
            entry = replace(record.entry, folder="", thumbnail=thumbnail_of(record.content.image))
        with self._lock:
            if problem is None:
                self._unsaved.pop(entry.id, None)
            else:
                self._unsaved[entry.id] = Record(replace(record.content, entry=entry), record.arrays)
            self._put(entry)
        return problem

    def save_again(self, entry_id: str) -> ExportError | None:
        """Try to write an entry that is in memory only. Touches the disk."""
        with self._lock:
            record = self._unsaved.get(entry_id)
        return self.add(record) if record is not None else None

    # ------------------------------------------------------------------------------------------------- reading

    def content(self, entry_id: str) -> GalleryContent:
        """All that can be looked at. Reads the disk. Raises KeyError or :class:`NotAnEntry`."""
        entry = self.entry(entry_id)
        with self._lock:
            record = self._unsaved.get(entry_id)
        return record.content if record is not None else read_content(entry)

    def record(self, entry_id: str) -> Record:
        """The entry with its values. Reads the disk. Raises KeyError or :class:`NotAnEntry`."""
        entry = self.entry(entry_id)
        with self._lock:
            record = self._unsaved.get(entry_id)
        return record if record is not None else read_record(entry)

    # ------------------------------------------------------------------------------------------------ deleting

    def take_out(self, entry_ids: Sequence[str]) -> tuple[GalleryEntry, ...]:
        """Take entries from the list; what is on the disk stays there until :meth:`discard`."""
        with self._lock:
            gone = tuple(self._entries.pop(each) for each in dict.fromkeys(entry_ids) if each in self._entries)
            kept = {each.id: self._unsaved.pop(each.id) for each in gone if each.id in self._unsaved}
            if gone:
                self._deleted.append((gone, kept))
                self._sorted = None
        return gone

    def discard(self, entries: Sequence[GalleryEntry]) -> ExportError | None:
        """Move the folders of entries that were taken out to the trash; one that cannot go is back in the list."""
        problem = None
        for entry in entries:
            if not entry.folder:
                continue
            source, target = Path(entry.folder), self.folder / _TRASH / entry.id
            try:
                with explained(source):
                    if not source.is_dir():
                        continue
                    target.parent.mkdir(exist_ok=True)
                    os.replace(source, target)
                    # The trash is emptied by age, and moving a folder leaves its time as it was.
                    os.utime(target)
            except ExportError as error:
                problem = error
                with self._lock:
                    self._put(entry)
        return problem

    def supersede(self, entry_id: str) -> None:
        """Remove an entry whose run went on and left another one; it cannot be brought back. Touches the disk."""
        with self._lock:
            entry = self._entries.pop(entry_id, None)
            self._unsaved.pop(entry_id, None)
            self._sorted = None
        if entry is not None and entry.folder:
            shutil.rmtree(entry.folder, ignore_errors=True)

    def bring_back(self) -> tuple[GalleryEntry, ...]:
        """Bring back what was taken out last. Touches the disk; returns what is there again."""
        with self._lock:
            if not self._deleted:
                return ()
            gone, kept = self._deleted.pop()
        back = []
        for entry in gone:
            if entry.folder:
                trashed = self.folder / _TRASH / entry.id
                try:
                    if trashed.is_dir():
                        os.replace(trashed, entry.folder)
                except OSError:
                    continue
                if not Path(entry.folder).is_dir():
                    continue
            back.append(entry)
        with self._lock:
            for entry in back:
                self._put(entry)
                if entry.id in kept:
                    self._unsaved[entry.id] = kept[entry.id]
        return tuple(back)

    # -------------------------------------------------------------------------------------------- units' images

    def unit_entries(self, network_hash: str, layer: str, unit: int) -> tuple[GalleryEntry, ...]:
        """Finished class images of this unit in the network with this hash, the newest first."""
        return tuple(
            entry
            for entry in self.entries
            if entry.run == "class_image"
            and entry.state == "done"
            and entry.network_hash == network_hash
            and entry.options.get("layer") == layer
            and entry.options.get("unit") == unit
        )

    def known_thumbnail(self, entry: GalleryEntry) -> tuple[bool, UInt8Array | None]:
        """Whether the thumbnail was read already, and the thumbnail; None where it cannot be read."""
        if entry.thumbnail is not None:
            return True, entry.thumbnail
        with self._lock:
            if entry.id not in self._thumbnails:
                return False, None
            self._thumbnails.move_to_end(entry.id)
            return True, self._thumbnails[entry.id]

    def fetch_thumbnail(self, entry: GalleryEntry) -> None:
        """Read the thumbnail from the disk, for :meth:`known_thumbnail`."""
        picture = None
        try:
            picture = read_thumbnail(entry)
        except NotAnEntry:
            picture = None
        with self._lock:
            self._thumbnails[entry.id] = picture
            while len(self._thumbnails) > _THUMBNAILS:
                self._thumbnails.popitem(last=False)

    # ------------------------------------------------------------------------------------------------- private

    def _put(self, entry: GalleryEntry) -> None:
        self._entries[entry.id] = entry
        self._sorted = None

    def _clear_away(self, names: Sequence[str]) -> None:
        """Remove what a program that was ended left half-written, and what lies in the trash for a day."""
        now = time.time()
        trash = self.folder / _TRASH
        stale = [self.folder / name for name in names if name.startswith(".") and name.endswith(".part")]
        old = list(trash.iterdir()) if trash.is_dir() else []
        for folders, age in ((stale, _STALE_SECONDS), (old, _TRASH_SECONDS)):
            for folder in folders:
                try:
                    outdated = now - folder.stat().st_mtime > age
                except OSError:
                    continue
                if outdated:
                    shutil.rmtree(folder, ignore_errors=True)
