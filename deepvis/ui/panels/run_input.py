"""Which picture a run works on: the present frame, a sample photograph, or a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from deepvis.ui import theme
from deepvis.ui.panels.controls import Choice, IconButton, label, row
from deepvis.ui.panels.file_field import picture_dialog
from deepvis.ui.source_menu import SAMPLES

PRESENT = "present"


class RunInput(QWidget):
    """A row to choose the picture in. UI thread only.

    Signals
    -------
    edited : another picture is chosen.
    """

    edited = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._files: list[str] = []
        self.choice = Choice("Picture", "Which picture is used: the present frame, a sample photograph or a file")
        self.choice.setMinimumContentsLength(12)
        self.choice.setSizeAdjustPolicy(Choice.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.file = IconButton("", "Choose a file", "Use a picture from a file", text="File…")
        name = label("Picture", "quiet")
        name.setBuddy(self.choice)
        layout = row(name, self.choice, self.file, spacing=theme.SMALL)
        layout.setStretch(1, 1)
        self.setLayout(layout)
        self._offer()
        self.choice.chosen.connect(lambda _value: self.edited.emit())
        self.file.clicked.connect(self.ask)

    @property
    def value(self) -> Any:
        """``PRESENT``, ``sample:cat`` or a path."""
        return self.choice.value

    def use(self, picture: str) -> None:
        """Take this picture: a path, or ``sample:cat``."""
        if picture not in dict(SAMPLES) and picture not in self._files:
            self._files.append(picture)
            self._offer()
        self.choice.set_value(picture)
        self.edited.emit()

    def ask(self) -> None:
        """Ask for a file."""
        dialog = picture_dialog(self.window())
        dialog.fileSelected.connect(self.use)
        dialog.open()

    def _offer(self) -> None:
        files = [(Path(path).name, path) for path in self._files]
        self.choice.set_options([("Present frame", PRESENT), *files, *((title, spec) for spec, title in SAMPLES)])
