"""The log of problems as a panel: what was reported, when, how often, with cause, remedy and traceback."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPlainTextEdit,
    QPushButton,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from deepvis.ui import theme
from deepvis.ui.notifications import ICONS, Entry, ProblemLog, as_text, copy_to_clipboard

_KEY = Qt.ItemDataRole.UserRole


class MessagePanel(QWidget):
    """Shows a :class:`ProblemLog`, the newest entry first. UI thread only."""

    def __init__(self, log: ProblemLog, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "panel")
        self._log = log
        self._list = QListWidget(self)
        self._list.setAccessibleName("Messages")
        self._text = QPlainTextEdit(self)
        self._text.setReadOnly(True)
        self._text.setAccessibleName("Details of the message")
        self._empty = QLabel("Nothing was reported", self)
        self._empty.setProperty("role", "quiet")
        copy = QPushButton("Copy", self)
        copy.setToolTip("Copy the details of this message")
        copy.clicked.connect(self.copy)
        clear = QPushButton("Clear", self)
        clear.setToolTip("Forget all messages")
        clear.clicked.connect(log.clear)
        splitter = QSplitter(Qt.Orientation.Horizontal, self)
        splitter.addWidget(self._list)
        splitter.addWidget(self._text)
        splitter.setStretchFactor(0, 2)
        splitter.setStretchFactor(1, 3)
        splitter.setHandleWidth(1)
        side = theme.scaled(16)
        self._list.setIconSize(QSize(side, side))
        buttons = QHBoxLayout()
        buttons.setSpacing(theme.SMALL)
        buttons.addWidget(self._empty)
        buttons.addStretch(1)
        buttons.addWidget(copy)
        buttons.addWidget(clear)
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.MEDIUM, theme.SMALL, theme.MEDIUM, theme.SMALL)
        column.setSpacing(theme.SMALL)
        column.addWidget(splitter, 1)
        column.addLayout(buttons)
        self._list.currentItemChanged.connect(lambda *_: self._show_chosen())
        log.changed.connect(lambda _key: self._fill())
        theme.theme_changed.connect(self._fill)
        self._fill()

    def choose(self, key: str) -> None:
        """Show the details of one message."""
        for row in range(self._list.count()):
            if self._list.item(row).data(_KEY) == key:
                self._list.setCurrentRow(row)

    def copy(self) -> None:
        """Put the shown details into the clipboard."""
        copy_to_clipboard(self._text.toPlainText())

    def _fill(self) -> None:
        current = self._list.currentItem()
        chosen = current.data(_KEY) if current else None
        self._list.blockSignals(True)
        self._list.clear()
        for entry in reversed(self._log.entries()):
            item = QListWidgetItem(theme.icon("check" if entry.solved else ICONS[entry.problem.severity]), _line(entry))
            item.setData(_KEY, entry.problem.key)
            item.setToolTip(entry.problem.cause)
            self._list.addItem(item)
        self._list.blockSignals(False)
        self._empty.setVisible(self._list.count() == 0)
        self.choose(chosen) if chosen else self._list.setCurrentRow(0)
        self._show_chosen()

    def _show_chosen(self) -> None:
        item = self._list.currentItem()
        entry = self._log.find(item.data(_KEY)) if item else None
        text = as_text(entry.problem) if entry else ""
        if text != self._text.toPlainText():
            self._text.setPlainText(text)


def _line(entry: Entry) -> str:
    parts = [f"{entry.when:%H:%M:%S}", entry.problem.title]
    if entry.count > 1:
        parts.append(f"×{entry.count}")
    if entry.solved:
        parts.append("over")
    return "  ".join(parts)
