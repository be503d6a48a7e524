"""The course of a run under its picture: a slider from its first step to its last, and a button that plays it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QSlider, QVBoxLayout, QWidget

from deepvis.ui import theme
from deepvis.ui.panels.controls import Figure, IconButton, row

_SECONDS = 6.0
_FASTEST = 25


class _StepSlider(QSlider):
    """Leaves the keys that turn pages to the window."""

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_PageUp, Qt.Key.Key_PageDown):
            event.ignore()
        else:
            super().keyPressEvent(event)


class CourseBar(QWidget):
    """Chooses one of the kept steps. UI thread only.

    Signals
    -------
    moved : place of the step that is to be shown now, from 0 on.
    """

    moved = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._steps: tuple[int, ...] = ()
        self._total = 0
        self.play = IconButton("play", "Play the course", "Play the course from its first step (Space)")
        self.play.setProperty("role", "flat")
        self.slider = _StepSlider(Qt.Orientation.Horizontal)
        self.slider.setAccessibleName("Step")
        self.slider.setToolTip("Go through the course of the run")
        self.slider.setPageStep(10)
        self.figure = Figure("step 99999 of 99999", quiet=True, right=True)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        line = row(self.play, self.slider, self.figure, spacing=theme.SMALL)
        line.setStretch(1, 1)
        column.addLayout(line)
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._go_on)
        self.slider.valueChanged.connect(self._show)
        self.play.clicked.connect(self.toggle)

    def set_course(self, steps: Sequence[int], total: int) -> None:
        """These steps can be shown, the last first; ``total`` were planned."""
        self.stop()
        self._steps, self._total = tuple(steps), total
        self.slider.blockSignals(True)
        self.slider.setRange(0, max(0, len(self._steps) - 1))
        self.slider.setValue(len(self._steps) - 1)
        self.slider.blockSignals(False)
        self._say()
        for part in (self.play, self.slider):
            part.setEnabled(len(self._steps) > 1)

    @property
    def playing(self) -> bool:
        """Whether the course goes on by itself."""
        return self._timer.isActive()

    @property
    def place(self) -> int:
        """Which of the steps is shown."""
        return self.slider.value()

    def toggle(self) -> None:
        """Play, from the beginning where the end is shown, or stop."""
        if self.playing:
            self.stop()
        elif len(self._steps) > 1:
            if self.place == len(self._steps) - 1:
                self.slider.setValue(0)
            self._timer.start(round(1000 / min(_FASTEST, max(5.0, len(self._steps) / _SECONDS))))
            self.play.set_icon("pause")

    def stop(self) -> None:
        """Stay at this step."""
        self._timer.stop()
        self.play.set_icon("play")

    def _go_on(self) -> None:
        if self.place + 1 >= len(self._steps):
            self.stop()
        else:
            self.slider.setValue(self.place + 1)

    def _show(self, place: int) -> None:
        self._say()
        self.moved.emit(place)

    def _say(self) -> None:
        step = self._steps[self.place] if self._steps else 0
        self.figure.setText(f"step {step} of {self._total}")
