"""The gallery's entries as a list for a view: filtered, the newest first. UI thread only."""

from __future__ import annotations

import html
import time
from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QAbstractListModel, QMimeData, QModelIndex, QPersistentModelIndex, Qt, QUrl

from deepvis.messages import GalleryEntry
from deepvis.ui.panels import gallery_text
from deepvis.ui.panels.gallery_thumbnails import Thumbnails

ENTRY = Qt.ItemDataRole.UserRole

Index = QModelIndex | QPersistentModelIndex


class GalleryModel(QAbstractListModel):
    """Rows are entries. A row can be dragged out as its picture's file.

    Attributes
    ----------
    thumbnails : where the rows' pictures come from.
    """

    def __init__(self) -> None:
        super().__init__()
        self.thumbnails = Thumbnails(self)
        self._all: tuple[GalleryEntry, ...] = ()
        self._shown: list[GalleryEntry] = []
        self._rows: dict[str, int] = {}
        self._texts: dict[str, str] = {}
        self._kind: str | None = None
        self._words = ""
        self.thumbnails.arrived.connect(self._tell)

    @property
    def entries(self) -> tuple[GalleryEntry, ...]:
        """Every entry, whether it is shown or not."""
        return self._all

    @property
    def shown(self) -> tuple[GalleryEntry, ...]:
        """The entries that pass the filter, the newest first."""
        return tuple(self._shown)

    def kinds(self) -> list[tuple[str, str]]:
        """(title, name) of every kind of run that there is, by title."""
        return sorted({(entry.kind, entry.run) for entry in self._all})

    def set_entries(self, entries: Sequence[GalleryEntry]) -> None:
        """These are all there are, the newest first."""
        self._all = tuple(entries)
        self._filter()

    def set_filter(self, kind: str | None, words: str) -> None:
        """Show runs of this name alone (None: of every kind) in which each of these words occurs."""
        if (kind, words) != (self._kind, self._words):
            self._kind, self._words = kind, words
            self._filter()

    def row_of(self, entry_id: str) -> int | None:
        """Where this entry is shown, or None."""
        return self._rows.get(entry_id)

    def entry(self, row: int) -> GalleryEntry:
        """The entry in this row."""
        return self._shown[row]

    def _filter(self) -> None:
        shown = [
            entry
            for entry in self._all
            if (self._kind is None or entry.run == self._kind)
            and (not self._words or gallery_text.matches(self._text_of(entry), self._words))
        ]
        if [(each.id, each.saved) for each in shown] == [(each.id, each.saved) for each in self._shown]:
            return
        self.beginResetModel()
        self._shown = shown
        self._rows = {entry.id: row for row, entry in enumerate(shown)}
        self.endResetModel()

    def _text_of(self, entry: GalleryEntry) -> str:
        # Made once: five hundred of them would be felt at every letter that is typed.
        if entry.id not in self._texts:
            self._texts[entry.id] = gallery_text.searchable(entry)
        return self._texts[entry.id]

    def _tell(self, entry_id: str) -> None:
        row = self._rows.get(entry_id)
        if row is not None:
            index = self.index(row)
            self.dataChanged.emit(index, index, [Qt.ItemDataRole.DecorationRole])

    # ------------------------------------------------------------------------------------------------------ the model

    def rowCount(self, parent: Index | None = None) -> int:  # noqa: D102
        return 0 if parent is not None and parent.isValid() else len(self._shown)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: D102
        if not index.isValid() or index.row() >= len(self._shown):
            return None
        entry = self._shown[index.row()]
        if role == ENTRY:
            return entry
        if role == Qt.ItemDataRole.DisplayRole:
            return gallery_text.title(entry)
        if role == Qt.ItemDataRole.ToolTipRole:
            return plain_tip(gallery_text.tooltip(entry, time.time()))
        if role == Qt.ItemDataRole.AccessibleDescriptionRole:
            return gallery_text.caption(entry, time.time())
        return None

    def flags(self, index: Index) -> Qt.ItemFlag:  # noqa: D102
        flags = super().flags(index)
        if index.isValid() and self._shown[index.row()].saved:
            flags |= Qt.ItemFlag.ItemIsDragEnabled
        return flags

    def mimeTypes(self) -> list[str]:  # noqa: D102
        return ["text/uri-list"]

    def mimeData(self, indexes: Sequence[QModelIndex]) -> QMimeData:  # noqa: D102
        data = QMimeData()
        paths = [self._shown[index.row()].path for index in indexes if index.isValid()]
        data.setUrls([QUrl.fromLocalFile(path) for path in paths if path])
        return data

    def supportedDragActions(self) -> Qt.DropAction:  # noqa: D102
        return Qt.DropAction.CopyAction


def plain_tip(text: str) -> str:
    """A tooltip's text, in which Qt takes nothing for markup: names in the gallery are written by anybody."""
    return html.escape(text).replace("\n", "<br>") if "<" in text else text
