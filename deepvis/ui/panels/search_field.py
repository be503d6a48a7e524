"""A field to search in."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QLineEdit, QWidget

from deepvis.ui.panels.option_fields import add_clear_action


class SearchField(QLineEdit):
    """A field that Esc and a cross in it empty. UI thread only.

    Parameters
    ----------
    name : what is searched, for people who hear the window.
    tip : what is looked at.

    Signals
    -------
    left : arrow down was pressed: a person goes on to what was found.
    """

    left = Signal()

    def __init__(self, name: str, tip: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.setToolTip(tip)
        self.setPlaceholderText("Search")
        add_clear_action(self)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: D102
        if event.key() == Qt.Key.Key_Escape and self.text():
            self.clear()
        elif event.key() == Qt.Key.Key_Down:
            self.left.emit()
        else:
            super().keyPressEvent(event)
