"""A control for a picture's file or a folder: typed, or chosen in a dialog."""

from __future__ import annotations

import os
from typing import Any

from PySide6.QtCore import QMimeData, Qt
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QFileDialog, QLineEdit, QWidget

from deepvis.options import Option
from deepvis.ui.panels.controls import IconButton
from deepvis.ui.panels.option_fields import OptionField, add_clear_action, empty_text
from deepvis.ui.source_menu import PICTURES


class FileField(OptionField):
    """The path of a picture or of a folder."""

    def __init__(self, option: Option) -> None:
        self._folder = option.role == "folder"
        what = "folder" if self._folder else "picture"
        self.line = QLineEdit()
        self.line.setPlaceholderText(empty_text(option) or f"Choose a {what}")
        add_clear_action(self.line)
        self.choose = IconButton("folder-open", f"Choose a {what}", f"Choose a {what}")
        super().__init__(option, self.line, self.choose)
        self.choose.setAccessibleName(f"{option.label}, choose a {what}")
        self.choose.clicked.connect(self.ask)
        self.line.textChanged.connect(lambda _text: self.edited.emit())
        # A line would write the address of what is dropped on it, and not its path.
        self.line.setAcceptDrops(False)
        self.setAcceptDrops(True)

    @property
    def value(self) -> Any:
        """The path, or None.

        Raises
        ------
        ValueError : nothing is there.
        """
        path = os.path.expanduser(self.line.text().strip())
        if not path and self.option.optional:
            return None
        there = os.path.isdir(path) if self._folder else os.path.isfile(path)
        if path and not there and not path.startswith("sample:"):
            raise ValueError(
                f"{self.option.name} {path!r} is no {'folder' if self._folder else 'file'}: check the path"
            )
        return path

    def set_value(self, value: Any) -> None:  # noqa: D102
        self.line.setText("" if value is None else str(value))

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take a file, or a folder where one is asked for."""
        if self._dropped(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Use what was dropped."""
        path = self._dropped(event.mimeData())
        if path:
            event.acceptProposedAction()
            self.line.setText(path)

    def _dropped(self, data: QMimeData) -> str:
        there = os.path.isdir if self._folder else os.path.isfile
        paths = (url.toLocalFile() for url in data.urls() if url.isLocalFile())
        return next((path for path in paths if there(path)), "")

    def ask(self) -> None:
        """Ask for the path."""
        dialog = picture_dialog(self.window(), folder=self._folder)
        dialog.fileSelected.connect(self.line.setText)
        dialog.open()


def picture_dialog(parent: QWidget, *, folder: bool = False) -> QFileDialog:
    """A dialog that asks for a picture's file, or for a folder."""
    endings = " ".join(f"*.{ending}" for ending in PICTURES)
    title = "Choose a folder" if folder else "Choose a picture"
    dialog = QFileDialog(parent, title, "", "" if folder else f"Pictures ({endings});;All files (*)")
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.setFileMode(QFileDialog.FileMode.Directory if folder else QFileDialog.FileMode.ExistingFile)
    return dialog
