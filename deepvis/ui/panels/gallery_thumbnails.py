"""Thumbnails of the gallery, read one at a time while the window has nothing else to do. UI thread only."""

from __future__ import annotations

import os
from collections import OrderedDict

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtGui import QImage, QImageReader, QPixmap

from deepvis.messages import GalleryEntry
from deepvis.ui.views.picture import Picture

_KEPT = 400

_LARGEST = 1024
"""Pixels a side of what is taken for a thumbnail: it is read while the window waits."""


class Thumbnails(QObject):
    """Gives what is there, and reads what is asked for; those asked for last come first, for they are in sight.

    Signals
    -------
    arrived : the thumbnail of the entry with this id is there.
    """

    arrived = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._pictures: OrderedDict[str, QPixmap] = OrderedDict()
        self._wanted: OrderedDict[str, str] = OrderedDict()
        self._timer = QTimer(self)
        self._timer.setInterval(0)
        self._timer.timeout.connect(self._read_one)

    @property
    def waiting(self) -> int:
        """How many are still to be read."""
        return len(self._wanted)

    def get(self, entry: GalleryEntry) -> QPixmap | None:
        """The thumbnail, or None where it is on its way; one that cannot be read is a null picture."""
        picture = self._pictures.get(entry.id)
        if picture is not None:
            self._pictures.move_to_end(entry.id)
            return picture
        if entry.thumbnail is not None:
            return self._keep(entry.id, QPixmap.fromImage(Picture(entry.thumbnail).image))
        self._wanted[entry.id] = entry.thumbnail_path
        self._wanted.move_to_end(entry.id)
        if not self._timer.isActive():
            self._timer.start()
        return None

    def _read_one(self) -> None:
        if not self._wanted:
            self._timer.stop()
            return
        entry_id, path = self._wanted.popitem()
        self._keep(entry_id, QPixmap.fromImage(_read(path)))
        self.arrived.emit(entry_id)

    def _keep(self, entry_id: str, picture: QPixmap) -> QPixmap:
        self._pictures[entry_id] = picture
        while len(self._pictures) > _KEPT:
            self._pictures.popitem(last=False)
        return picture


def _read(path: str) -> QImage:
    """A thumbnail, or a null picture."""
    # A pipe in its place would be waited for without end.
    if not os.path.isfile(path):
        return QImage()
    reader = QImageReader(path)
    size = reader.size()
    return reader.read() if size.isValid() and max(size.width(), size.height()) <= _LARGEST else QImage()
