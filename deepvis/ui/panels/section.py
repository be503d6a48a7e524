"""A part of a panel that folds away behind its title."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from deepvis.ui import theme
from deepvis.ui.panels.controls import IconButton


class Section(QWidget):
    """A title that opens and closes what is below it. Other parts of the title's row are added to ``header``.

    Signals
    -------
    folded : whether a person closed it (or opened it).
    """

    folded = Signal(bool)

    def __init__(self, name: str, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.name = name
        self.toggle: QPushButton = IconButton("caret-down", title, "", text=title, checkable=True)
        self.toggle.setProperty("role", "section")
        self.toggle.setChecked(True)
        # The whole row can be clicked, where nothing else stands in it.
        self.toggle.setSizePolicy(QSizePolicy.Policy.MinimumExpanding, QSizePolicy.Policy.Fixed)
        self.header = QHBoxLayout()
        self.header.setContentsMargins(0, 0, 0, 0)
        self.header.setSpacing(theme.SMALL)
        self.header.addWidget(self.toggle)
        self.content = QWidget()
        self.body = QVBoxLayout(self.content)
        self.body.setContentsMargins(0, 0, 0, 0)
        self.body.setSpacing(theme.SMALL)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.TIGHT)
        column.addLayout(self.header)
        column.addWidget(self.content)
        self.toggle.toggled.connect(self._show)
        self.toggle.clicked.connect(lambda on: self.folded.emit(not on))
        self._show(True)

    @property
    def open(self) -> bool:
        """Whether its content is shown."""
        return self.toggle.isChecked()

    def set_open(self, on: bool) -> None:
        """Show the content, or hide it."""
        self.toggle.setChecked(on)

    def set_title(self, title: str) -> None:
        """Show another title."""
        self.toggle.setText(f" {title}")
        self.toggle.setAccessibleName(title)

    def _show(self, on: bool) -> None:
        self.content.setVisible(on)
        assert isinstance(self.toggle, IconButton)
        self.toggle.set_icon("caret-down" if on else "caret-right")
        self.toggle.setToolTip("Fold it away" if on else "Show it")
        self.toggle.setFocusPolicy(Qt.FocusPolicy.TabFocus)
