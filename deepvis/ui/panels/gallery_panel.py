"""The gallery as a column: thumbnails of all runs that have ended, a filter, and what can be done with them."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from deepvis.messages import GalleryEntry, GalleryExport
from deepvis.ui import theme
from deepvis.ui.actions import ACTIONS, focus_key_text
from deepvis.ui.panels.controls import CHROME, Choice, Figure, IconButton, label, row
from deepvis.ui.panels.gallery_list import GalleryList
from deepvis.ui.panels.gallery_model import GalleryModel
from deepvis.ui.panels.notices import ExportBar, UndoBar
from deepvis.ui.panels.search_field import SearchField

_BUTTONS: tuple[tuple[str, str, str, str], ...] = (
    ("gallery.open", "arrows-out", "Open", "Show it large, with its options, figures and course"),
    ("gallery.compare", "columns", "Compare", "Lay two over each other, or one over what it was made from"),
    ("gallery.repeat", "arrow-clockwise", "Repeat", "Start the same run with the same options on the same picture"),
    ("gallery.use", "arrow-square-in", "Use as input", "Show the picture to the network"),
    ("gallery.export", "export", "Export…", "Save picture, film, options or values"),
    ("gallery.delete", "trash", "Delete", "Take it out of the gallery; Ctrl+Z brings it back"),
)


class GalleryPanel(QWidget):
    """Shows entries and says what a person wants done with those that are chosen. UI thread only.

    Signals
    -------
    wanted : id of an action.
    chosen_changed : other entries are chosen than before.
    menu_wanted : global position at which the menu of the chosen entries should open.
    cancel_export : the export under way is to be given up.
    """

    wanted = Signal(str)
    chosen_changed = Signal()
    menu_wanted = Signal(object)
    cancel_export = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAccessibleName("Gallery")
        self.model = GalleryModel()
        self.list = GalleryList(self.model)
        self.count = Figure("99 of 99", quiet=True)
        self.kind = Choice("Kind of run", "Show runs of one kind alone", [("All runs", None)])
        self.search = SearchField("Search the gallery", "Words of the title, the options, the network or the picture")
        self.buttons: dict[str, IconButton] = {}
        keys = {spec.id: focus_key_text(spec) for spec in ACTIONS}
        for action, icon, name, tip in _BUTTONS:
            button = IconButton(icon, name.rstrip("…"), f"{tip} ({keys[action]})")
            button.setProperty("role", "flat")
            button.clicked.connect(lambda _checked=False, wanted=action: self.wanted.emit(wanted))
            self.buttons[action] = button
        self.undo_bar = UndoBar("Bring back what was deleted (Ctrl+Z)")
        self.export_bar = ExportBar("Give it up; nothing of it stays")
        self._lay_out()
        self._connect()
        self._follow()

    def _lay_out(self) -> None:
        self.title = label("Gallery", "title")
        filters = row(self.kind, self.search)
        filters.setStretch(1, 1)
        bar = QWidget()
        bar.setProperty(CHROME, True)
        bar.setLayout(row(*self.buttons.values(), spacing=0))
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.MEDIUM, theme.SMALL, theme.TIGHT, theme.SMALL)
        column.setSpacing(theme.SMALL)
        head = row(self.title, self.count, 1, bar)
        head.setContentsMargins(0, 0, theme.SMALL, 0)
        column.addLayout(head)
        filters.setContentsMargins(0, 0, theme.SMALL, 0)
        column.addLayout(filters)
        column.addWidget(self.list, 1)
        column.addWidget(self.undo_bar)
        column.addWidget(self.export_bar)

    def _connect(self) -> None:
        self.kind.chosen.connect(lambda _kind: self._set_filter())
        self.search.textChanged.connect(lambda _text: self._set_filter())
        for going_on in (self.search.left, self.search.returnPressed):
            going_on.connect(lambda: self.list.setFocus(Qt.FocusReason.TabFocusReason))
        self.list.wanted.connect(self.wanted)
        self.list.menu_wanted.connect(self.menu_wanted)
        self.list.chosen_changed.connect(self._follow)
        self.undo_bar.wanted.connect(lambda: self.wanted.emit("gallery.undo"))
        self.export_bar.cancelled.connect(self.cancel_export)

    # ------------------------------------------------------------------------------------------------------- arriving

    def set_entries(self, entries: Sequence[GalleryEntry]) -> None:
        """Show these, the newest first."""
        self.model.set_entries(entries)
        self.kind.set_options([("All runs", None), *self.model.kinds()])
        if self.kind.value is None:
            self.kind.set_value(None)
        self._set_filter()
        self._follow()

    def show_export(self, export: GalleryExport) -> None:
        """Say how far an export is."""
        self.export_bar.show_export(export)

    def offer_undo(self, count: int) -> None:
        """Say that so many pictures were deleted, and offer to bring them back."""
        self.undo_bar.offer(f"Deleted {count} pictures" if count > 1 else "Deleted one picture")

    def undone(self) -> None:
        """Take the offer away."""
        self.undo_bar.withdraw()

    # --------------------------------------------------------------------------------------------------------- choice

    @property
    def chosen(self) -> list[GalleryEntry]:
        """The chosen entries, the newest first."""
        return self.list.chosen

    def choose(self, *entry_ids: str) -> None:
        """Choose these entries; a filter that hides one of them is taken away."""
        if any(self.model.row_of(entry_id) is None for entry_id in entry_ids):
            self.search.clear()
            self.kind.set_value(None)
            self._set_filter()
        self.list.choose(*entry_ids)

    def focus(self) -> None:
        """Give the focus to the thumbnails, with one of them chosen."""
        if not self.chosen and self.model.rowCount():
            self.list.choose(self.model.entry(0).id)
        self.list.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def _set_filter(self) -> None:
        self.model.set_filter(self.kind.value, self.search.text())
        self._follow()

    def _follow(self) -> None:
        shown, known = self.model.rowCount(), len(self.model.entries)
        self.count.setText(f"{shown} of {known}" if shown != known else f"{known}" if known else "")
        chosen = self.list.chosen
        one = len(chosen) == 1
        able = {
            "gallery.open": one,
            "gallery.compare": len(chosen) == 2 or (one and chosen[0].has_input),
            "gallery.repeat": one,
            "gallery.use": one and chosen[0].saved,
            "gallery.export": one,
            "gallery.delete": bool(chosen),
        }
        for action, button in self.buttons.items():
            button.setEnabled(able[action])
        self.chosen_changed.emit()
