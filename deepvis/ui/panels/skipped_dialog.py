"""The pictures that a scan could not read, with the reasons."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QDialog, QPlainTextEdit, QVBoxLayout, QWidget

from deepvis.messages import LibraryInfo
from deepvis.ui import theme
from deepvis.ui.panels.controls import IconButton, label, row


class SkippedDialog(QDialog):
    """A list to read and to copy. UI thread only."""

    def __init__(self, info: LibraryInfo, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(f"Skipped in {info.title}")
        count = len(info.skipped)
        said = "One file could not be read" if count == 1 else f"{count} files could not be read"
        self.text = QPlainTextEdit("\n".join(f"{title}\t{reason}" for title, reason in info.skipped))
        self.text.setReadOnly(True)
        self.text.setAccessibleName("Files that were skipped, with the reasons")
        self.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.copy = IconButton("copy", "Copy all", "Copy the list to the clipboard", text="Copy all")
        self.close_button = IconButton("", "Close", "Close (Esc)", text="Close")
        column = QVBoxLayout(self)
        column.setSpacing(theme.SMALL)
        column.addWidget(label(f"{said}; the scan went on without them", "quiet", wrap=True))
        column.addWidget(self.text, 1)
        column.addLayout(row(self.copy, 1, self.close_button))
        self.copy.clicked.connect(self._copy)
        self.close_button.clicked.connect(self.close)
        self.resize(theme.scaled(640), theme.scaled(360))

    def _copy(self) -> None:
        QApplication.clipboard().setText(self.text.toPlainText())
