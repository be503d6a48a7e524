"""A run's pictures in the mosaic's place, for a closer look or a room full of people. UI thread only."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from deepvis.ui import theme
from deepvis.ui.panels.controls import ElidedLabel, IconButton, row


class EnlargedView(QWidget):
    """Covers its parent from another widget downwards with a view that is lent to it.

    Parameters
    ----------
    covered : what stands above this widget in the parent stays in sight.

    Signals
    -------
    closed : a person wants the view to go back.
    """

    closed = Signal()

    def __init__(self, covered: QWidget, parent: QWidget) -> None:
        super().__init__(parent)
        self._covered = covered
        self._host = parent
        self.setProperty("role", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAccessibleName("Enlarged pictures")
        self.title = ElidedLabel("", "title")
        self.close_button = IconButton("arrows-in", "Back to the lab", "Back to its place in the lab (Ctrl+E, Esc)")
        self.close_button.setProperty("role", "flat")
        self.close_button.clicked.connect(lambda: self.closed.emit())
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(theme.MEDIUM, theme.SMALL, theme.MEDIUM, theme.MEDIUM)
        self._column.setSpacing(theme.SMALL)
        self._column.addLayout(row(self.title, self.close_button))
        for watched in (covered, parent):
            watched.installEventFilter(self)
        self.hide()

    def show_view(self, title: str, view: QWidget) -> None:
        """Show this view, which is this widget's until :meth:`give_back`."""
        self.title.setText(title)
        self._column.addWidget(view, 1)
        view.show()
        self._place()
        self.show()
        self.raise_()

    def give_back(self) -> None:
        """Go away; the view is free for its own place again."""
        self.hide()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follow what is covered."""
        if event.type() in (QEvent.Type.Resize, QEvent.Type.Move):
            self._place()
        return False

    def _place(self) -> None:
        top = self._covered.geometry().top()
        self.setGeometry(0, top, self._host.width(), self._host.height() - top)
