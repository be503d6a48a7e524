"""Readouts that nobody can read thirty times a second are painted ten times a second."""

from __future__ import annotations

import time

from PySide6.QtCore import QObject, QTimer
from PySide6.QtWidgets import QWidget

_GRACE = 0.05
"""Seconds for which a painting that is due waits for the next value: with the picture that comes with it, it costs less
than alone."""

INTERVAL = 0.1
"""Seconds between two paintings of a figure, a scale or a plot while values keep coming."""


class Pace(QObject):
    """Asks a widget to paint itself: at once after a pause, else when the interval is over.

    Numbers that change with every frame flicker, and painting text costs as much as painting a picture. A value that
    stays is always shown in the end.

    Parameters
    ----------
    interval : seconds between two paintings.
    """

    def __init__(self, widget: QWidget, interval: float = INTERVAL) -> None:
        super().__init__(widget)
        self._widget = widget
        self._interval = interval
        self._last = 0.0
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._paint)

    @property
    def pending(self) -> bool:
        """Whether it will be painted without anybody asking again."""
        return self._timer.isActive()

    def update(self) -> None:
        """The widget shows something new."""
        left = self._last + self._interval - time.monotonic()
        if left <= 0:
            self._timer.stop()
            self._paint()
        elif not self._timer.isActive():
            self._timer.start(max(1, round((left + _GRACE) * 1000)))

    def _paint(self) -> None:
        self._last = time.monotonic()
        self._widget.update()
