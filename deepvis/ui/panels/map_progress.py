"""How far a map is that is being made, with pause and cancel. UI thread only."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QProgressBar, QVBoxLayout, QWidget

from deepvis.messages import RunStatus
from deepvis.ui import theme
from deepvis.ui.panels.controls import ElidedLabel, IconButton, row
from deepvis.ui.playback_bar import clock


class MapProgress(QWidget):
    """A row that is there while a map is made.

    Signals
    -------
    wanted : ``pause``, ``continue`` or ``cancel``.
    """

    wanted = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.text = ElidedLabel("", "quiet")
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName("Progress of the map")
        self.pause = IconButton("pause", "Pause", "Pause the map", text="Pause")
        self.cancel = IconButton("x", "Cancel", "Give this map up", text="Cancel")
        self._paused = False
        column = QVBoxLayout()
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.TIGHT)
        column.addWidget(self.text)
        column.addWidget(self.bar)
        layout = row(self.pause, self.cancel, spacing=theme.SMALL)
        layout.insertLayout(0, column, 1)
        layout.setContentsMargins(theme.MEDIUM, theme.TIGHT, theme.MEDIUM, theme.SMALL)
        self.setLayout(layout)
        self.pause.clicked.connect(lambda: self.wanted.emit("continue" if self._paused else "pause"))
        self.cancel.clicked.connect(lambda: self.wanted.emit("cancel"))
        self.hide()

    def show_status(self, status: RunStatus | None) -> None:
        """Show a run that goes on; None, or one that has ended: nothing."""
        if status is None or status.state not in ("queued", "running", "paused"):
            self.hide()
            return
        self._paused = status.state == "paused"
        self.pause.set_icon("play" if self._paused else "pause")
        self.pause.setText(" Continue" if self._paused else " Pause")
        self.pause.setAccessibleName("Continue" if self._paused else "Pause")
        self.pause.setToolTip("Go on with the map" if self._paused else "Pause the map")
        update = status.update
        self.bar.setRange(0, update.total if update is not None else 0)
        self.bar.setValue(update.step if update is not None else 0)
        self.text.setText(progress_text(status))
        self.show()


def progress_text(status: RunStatus) -> str:
    """``Laying out · iteration 120 · divergence 3.12 · 0:24 left``."""
    update = status.update
    if status.state == "queued":
        return "Waiting for its turn"
    if update is None:
        return "Beginning"
    iteration = round(update.metrics.get("iteration", 0))
    parts = ["Paused"] if status.state == "paused" else []
    if iteration:
        parts.append(f"Laying out · iteration {iteration}")
        divergence = update.metrics.get("divergence", float("nan"))
        if divergence == divergence:
            parts.append(f"divergence {divergence:.2f}")
    else:
        # What is to be known of the map itself (a smaller perplexity, say) is said later.
        parts.append(update.note or "Looking for neighbours")
    if status.left is not None and status.state == "running":
        parts.append(f"{clock(status.left + 0.999)} left")
    return " · ".join(parts)
