"""What is said for a while below a list: that something was deleted, and how far an export is."""

from __future__ import annotations

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QVBoxLayout, QWidget

from deepvis.messages import GalleryExport, PatchExport
from deepvis.ui import theme
from deepvis.ui.panels.controls import ElidedLabel, IconButton, row
from deepvis.ui.playback_bar import clock

UNDO_SECONDS = 10
"""How long the offer to undo a deletion stays in sight."""


class UndoBar(QWidget):
    """Says that something was deleted, and offers for some seconds to bring it back. UI thread only.

    Parameters
    ----------
    tip : what the button does.

    Signals
    -------
    wanted : it is to be brought back.
    """

    wanted = Signal()

    def __init__(self, tip: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.text = ElidedLabel("", "quiet")
        self.undo = IconButton("arrow-counter-clockwise", "Undo", tip, text="Undo")
        self.setLayout(row(self.text, self.undo))
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(1000 * UNDO_SECONDS)
        self._timer.timeout.connect(self.hide)
        self.undo.clicked.connect(self.wanted)
        self.hide()

    def offer(self, text: str) -> None:
        """Say this, and offer to undo it."""
        self.text.setText(text)
        self.show()
        self._timer.start()

    def withdraw(self) -> None:
        """Take the offer away."""
        self._timer.stop()
        self.hide()


class ExportBar(QWidget):
    """How far an export is, with a button that gives it up. UI thread only.

    Parameters
    ----------
    tip : what stays of an export that is given up.

    Signals
    -------
    cancelled : the export under way is to be given up.
    """

    cancelled = Signal()

    def __init__(self, tip: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.text = ElidedLabel("", "quiet")
        self.progress = QProgressBar()
        self.progress.setRange(0, 1000)
        self.progress.setTextVisible(False)
        self.progress.setAccessibleName("Progress of the export")
        self.cancel = IconButton("x", "Cancel the export", tip)
        self.cancel.setProperty("role", "flat")
        column = QVBoxLayout()
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.TIGHT)
        column.addWidget(self.text)
        column.addWidget(self.progress)
        holder = QHBoxLayout(self)
        holder.setContentsMargins(0, 0, 0, 0)
        holder.setSpacing(theme.SMALL)
        holder.addLayout(column, 1)
        holder.addWidget(self.cancel)
        self.cancel.clicked.connect(self.cancelled)
        self.hide()

    def show_export(self, export: GalleryExport | PatchExport) -> None:
        """Say how far it is; one that is over goes out of sight."""
        self.setVisible(not export.over)
        left = f" · {clock(export.left + 0.999)} left" if export.left is not None else ""
        name = export.path.replace("\\", "/").rstrip("/").rpartition("/")[2]
        self.text.setText(f"{name}{left}")
        self.progress.setValue(round(1000 * export.share))
