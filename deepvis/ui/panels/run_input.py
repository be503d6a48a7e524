"""Which picture a run works on: the present frame, a sample photograph, or a file."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtWidgets import QWidget

from deepvis.ui.panels.controls import IconButton
from deepvis.ui.panels.file_field import picture_dialog
from deepvis.ui.panels.input_row import InputRow
from deepvis.ui.source_menu import PICTURES, SAMPLES

PRESENT = "present"


class RunInput(InputRow):
    """A row to choose the picture in: ``PRESENT``, ``sample:cat`` or a path. UI thread only."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(
            "Picture",
            "Which picture is used: the present frame, a sample photograph or a file; drop a picture here",
            IconButton("folder-open", "Choose a file", "Use a picture from a file"),
            [("Present frame", PRESENT)],
            [(title, spec) for spec, title in SAMPLES],
            parent,
        )
        self.file.clicked.connect(self.ask)

    def takes(self, path: str) -> bool:  # noqa: D102
        return Path(path).suffix.lower().lstrip(".") in PICTURES

    def ask(self) -> None:
        """Ask for a file."""
        dialog = picture_dialog(self.window())
        dialog.fileSelected.connect(self.use)
        dialog.open()
