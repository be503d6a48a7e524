"""The libraries that there are: which one serves, how complete it is, and what can be done with it."""

from __future__ import annotations

import time
from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QIcon, QKeyEvent, QPixmap, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from deepvis.messages import LibraryInfo, PatchExport
from deepvis.ui import theme
from deepvis.ui.panels.controls import IconButton, label, row
from deepvis.ui.panels.notices import ExportBar, UndoBar

_THREE_COLUMNS = 320
_COLUMNS = ("Pictures", "Scanned", "Network")
_BUTTONS: tuple[tuple[str, str, str, str], ...] = (
    ("choose", "", "Use", "Show the patches of this library"),
    ("resume", "", "Resume", "Go on with this scan where it stands"),
    ("skipped", "warning", "Skipped", "List the files that could not be read"),
    ("folder", "folder-open", "Folder", "Open the folder in which it lies"),
    ("export", "export", "Export patches", "Save the patches of the shown layer, a picture a unit"),
    ("delete", "trash", "Delete", "Move it to the trash; it can be undone (Del)"),
)


class _Table(QTableWidget):
    """A table whose keys act on the chosen library."""

    key = Signal(str)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        keys = {
            Qt.Key.Key_Return: "choose", Qt.Key.Key_Enter: "choose", Qt.Key.Key_Delete: "delete",
        }  # fmt: skip
        action = keys.get(Qt.Key(event.key()))
        if action is not None:
            self.key.emit(action)
        else:
            super().keyPressEvent(event)


class LibraryList(QWidget):
    """A row for each library, those of the loaded network first. UI thread only.

    Signals
    -------
    wanted : what a person wants (``choose``, ``resume``, ``skipped``, ``folder``, ``export``, ``delete``), and the
        folder of the library. ``undo``: bring back what was deleted last; ``cancel_export``: give up the export.
    """

    wanted = Signal(str, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Libraries")
        self._infos: tuple[LibraryInfo, ...] = ()
        self._serving = ""
        self._network = ""
        self._scanning = ""
        blank = QPixmap(16, 16)
        blank.fill(Qt.GlobalColor.transparent)
        self._no_icon = QIcon(blank)
        self.table = _Table(0, len(_COLUMNS))
        self.table.setAccessibleName("Libraries")
        self.table.setToolTip("What scans found; double-click or Return: show the patches of this one")
        self.table.setHorizontalHeaderLabels(list(_COLUMNS))
        self.table.verticalHeader().hide()
        self.table.setShowGrid(False)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.table.setTabKeyNavigation(False)
        header = self.table.horizontalHeader()
        header.setHighlightSections(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        for column in range(len(_COLUMNS)):
            mode = QHeaderView.ResizeMode.Stretch if column == 0 else QHeaderView.ResizeMode.ResizeToContents
            header.setSectionResizeMode(column, mode)
        self.empty = label("No library yet. A scan keeps here what it finds", "quiet", wrap=True)
        self.buttons: dict[str, IconButton] = {}
        for action, icon, text, tip in _BUTTONS:
            button = IconButton(icon, text, tip, text=text if action in ("choose", "resume", "skipped") else "")
            button.clicked.connect(lambda _on=False, action=action: self._want(action))
            self.buttons[action] = button
        self.undo_bar = UndoBar("Bring the library back")
        self.export_bar = ExportBar("Give it up; the pictures that were written stay")
        tail = [self.buttons[name] for name in ("folder", "export", "delete")]
        for button in tail:
            button.setProperty("role", "flat")
        column_layout = QVBoxLayout(self)
        column_layout.setContentsMargins(0, 0, 0, 0)
        column_layout.setSpacing(theme.TIGHT)
        heads = [self.buttons[name] for name in ("choose", "resume", "skipped")]
        column_layout.addWidget(label("Libraries", "title"))
        column_layout.addWidget(self.empty)
        column_layout.addWidget(self.table, 1)
        column_layout.addWidget(self.undo_bar)
        column_layout.addWidget(self.export_bar)
        column_layout.addLayout(row(*heads, 1, *tail, spacing=theme.TIGHT))
        column_layout.addStretch(0)
        self.table.itemSelectionChanged.connect(self._follow)
        self.table.itemDoubleClicked.connect(lambda _item: self._want("choose"))
        self.table.key.connect(self._want)
        self.undo_bar.wanted.connect(self._undo)
        self.export_bar.cancelled.connect(lambda: self.wanted.emit("cancel_export", ""))
        self.set_libraries((), None, "")

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Where there is little room, the network is left to the tooltips."""
        super().resizeEvent(event)
        self.table.setColumnHidden(2, self.width() < theme.scaled(_THREE_COLUMNS))

    # ------------------------------------------------------------------------------------------------------- showing

    @property
    def chosen(self) -> LibraryInfo | None:
        """The library of the chosen row, or None."""
        rows = self.table.selectionModel().selectedRows()
        return self._infos[rows[0].row()] if rows and rows[0].row() < len(self._infos) else None

    def set_libraries(
        self, infos: Sequence[LibraryInfo], serving: LibraryInfo | None, network_hash: str, scanning: str = ""
    ) -> None:
        """Show these; ``scanning`` is the folder of the one that is written now."""
        chosen = self.chosen
        served = serving.folder if serving is not None else ""
        # Another one serves now: that is what was chosen, or what a scan writes.
        kept = served if served != self._serving or chosen is None else chosen.folder
        self._serving, self._network, self._scanning = serving.folder if serving else "", network_hash, scanning
        self._infos = tuple(sorted(infos, key=lambda info: (info.network_hash != network_hash, -info.created)))
        self.table.blockSignals(True)
        self.table.setRowCount(len(self._infos))
        for place, info in enumerate(self._infos):
            self._fill(place, info)
        self.table.blockSignals(False)
        row_of = {info.folder: place for place, info in enumerate(self._infos)}
        if kept in row_of:
            self.table.selectRow(row_of[kept])
        self.empty.setVisible(not self._infos)
        self.table.setVisible(bool(self._infos))
        self._follow()

    def _fill(self, place: int, info: LibraryInfo) -> None:
        mine, serves = info.network_hash == self._network, info.folder == self._serving
        texts = (info.title, state_text(info, info.folder == self._scanning), info.network_name)
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(info.created))
        layers = ", ".join(info.layers[:12]) + (" …" if len(info.layers) > 12 else "")
        pictures = info.set_spec or "pictures in memory"
        tip = f"{pictures}\nbegun {when}, {size_text(info)} on the disk\n{layers}"
        if not info.complete and info.folder != self._scanning:
            tip += "\nInterrupted: Resume goes on where it stands"
        if not mine:
            tip += f"\nMade with {info.network_name}; load that network to see its patches"
        for column, text in enumerate(texts):
            item = QTableWidgetItem(text)
            item.setToolTip(tip)
            if not mine:
                item.setForeground(theme.current().color("quiet"))
            if column == 0:
                item.setIcon(theme.icon("check") if serves else self._no_icon)
            if column == 0 and serves:
                font = item.font()
                font.setBold(True)
                item.setFont(font)
            self.table.setItem(place, column, item)

    def show_export(self, export: PatchExport) -> None:
        """Say how far an export is."""
        self.export_bar.show_export(export)

    def offer_undo(self, title: str) -> None:
        """Offer for some seconds to bring back what was deleted."""
        self.undo_bar.offer(f"{title} is in the trash")

    def _undo(self) -> None:
        self.undo_bar.withdraw()
        self.wanted.emit("undo", "")

    def _follow(self) -> None:
        info = self.chosen
        allowed = dict.fromkeys(self.buttons, info is not None)
        if info is not None:
            mine, writing = info.network_hash == self._network, info.folder == self._scanning
            allowed["choose"] = mine and info.folder != self._serving and info.count > 0
            allowed["resume"] = mine and not info.complete and bool(info.set_spec) and not writing
            allowed["export"] = mine and info.count > 0
            allowed["skipped"] = bool(info.skipped)
            allowed["delete"] = not writing
        for name, button in self.buttons.items():
            button.setEnabled(allowed[name])
        for name in ("choose", "folder", "export", "delete"):
            self.buttons[name].setVisible(bool(self._infos))
        self.buttons["resume"].setVisible(info is not None and not info.complete)
        skipped = len(info.skipped) if info is not None else 0
        self.buttons["skipped"].setText(f" {skipped} skipped")
        self.buttons["skipped"].setVisible(skipped > 0)

    def _want(self, action: str) -> None:
        info = self.chosen
        if info is not None and self.buttons[action].isEnabled():
            self.wanted.emit(action, info.folder)


def state_text(info: LibraryInfo, writing: bool) -> str:
    """How far a library is: ``500``, ``128 of 500``, ``128 of 500 …`` while it is scanned."""
    count, total = (f"{number:,}".replace(",", "\u202f") for number in (info.count, info.total))
    if writing:
        return f"{count} of {total} …"
    return count if info.complete else f"{count} of {total}"


def size_text(info: LibraryInfo) -> str:
    """Bytes as people say them."""
    size = float(info.size)
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
