"""What a new map is made of: the pictures, the layer, and how they are laid out. UI thread only."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from deepvis.options import Option
from deepvis.ui import theme
from deepvis.ui.panels.controls import IconButton, label, row, scrolled
from deepvis.ui.panels.network_fields import Offer
from deepvis.ui.panels.option_form import OptionForm
from deepvis.ui.panels.scan_input import ScanInput

_WIDTH = 300


class MapForm(QWidget):
    """A column with the set of pictures, the run's options and a button to begin.

    Signals
    -------
    begun : the set's spec and the options by name.
    closed : a person wants the column to go away.
    """

    begun = Signal(str, object)
    closed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "panel")
        self.setAccessibleName("New map")
        self.input = ScanInput()
        self.options = OptionForm()
        self.error = label("", "error", wrap=True)
        self.error.setAccessibleName("What is wrong")
        self.error.hide()
        self.start = IconButton("", "Make the map", "Read the pictures, and lay them out", text="Make the map")
        self.start.setProperty("role", "primary")
        self.close_button = IconButton("x", "Close the form", "Back to the map")
        self.close_button.setProperty("role", "flat")
        told = label(
            "The network looks at every picture of the set; those that it finds alike are laid next to each other. "
            "Pictures that were scanned before are not read again.",
            "quiet",
            wrap=True,
        )
        inner = QWidget()
        inner.setProperty("role", "panel")
        column = QVBoxLayout(inner)
        column.setContentsMargins(0, 0, theme.SMALL, 0)
        column.setSpacing(theme.MEDIUM)
        for part in (told, self.input, self.options):
            column.addWidget(part)
        column.addStretch(1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(theme.MEDIUM, theme.SMALL, theme.SMALL, theme.MEDIUM)
        outer.setSpacing(theme.SMALL)
        outer.addLayout(row(label("New map", "title"), 1, self.close_button))
        outer.addWidget(scrolled(inner, "Options of the map"), 1)
        outer.addWidget(self.error)
        outer.addWidget(self.start)
        self.start.clicked.connect(self.begin)
        self.close_button.clicked.connect(self.closed)
        self.options.edited.connect(lambda: self.say(""))
        self.input.edited.connect(lambda: self.say(""))
        theme.theme_changed.connect(self._follow_scale)
        self._follow_scale()

    def set_options(self, options: tuple[Option, ...], offer: Offer) -> None:
        """The run's options, and what the network has of layers."""
        if options:
            self.options.set_options(options, offer)

    def set_missing(self, text: str) -> None:
        """Why no map can be made now; empty: one can."""
        self.start.setEnabled(not text)
        self.start.setToolTip(text or "Read the pictures, and lay them out")

    def say(self, error: str) -> None:
        """Say what is wrong; empty: nothing."""
        self.error.setText(error)
        self.error.setVisible(bool(error))

    def begin(self) -> None:
        """Begin, or say which option is not allowed."""
        try:
            values: dict[str, Any] = self.options.values()
        except ValueError as error:
            text = str(error)
            self.say(text[:1].upper() + text[1:])
            return
        self.say("")
        self.begun.emit(self.input.value, values)

    def _follow_scale(self) -> None:
        self.setFixedWidth(theme.scaled(_WIDTH))
