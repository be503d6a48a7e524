"""Readouts that nobody can read thirty times a second are painted ten times a second."""

from __future__ import annotations

import time

from PySide6.QtCore import QObject, QTimer
from PySide6.QtWidgets import QWidget

_GRACE = 0.1
"""Seconds for which a painting that is due waits for the next value: with the picture that comes with it, it costs less
than alone."""

INTERVAL = 0.1
"""Seconds between two paintings of a figure, a scale or a plot while values keep coming."""

_TOGETHER = 0.015
"""Seconds within which what is asked for is painted with one picture."""
_MOST = 4
"""Figures that are painted with one picture; the others wait for the next one."""


class _Burst:
    """How much is painted with the present picture. UI thread only."""

    def __init__(self) -> None:
        self._began = 0.0
        self._weight = 0

    def has_room(self, now: float, weight: int) -> bool:
        """Whether so much more can be painted; there is always room for one widget."""
        return now - self._began >= _TOGETHER or not self._weight or self._weight + weight <= _MOST

    def add(self, now: float, weight: int) -> None:
        """So much more is painted."""
        if now - self._began >= _TOGETHER:
            self._began, self._weight = now, 0
        self._weight += weight


_burst = _Burst()


class Pace(QObject):
    """Asks a widget to paint itself: at once after a pause, else when the interval is over.

    Numbers that change with every frame flicker, and painting text costs as much as painting a picture. Widgets whose
    values keep coming are painted by turns, some with every picture, so that none of these comes late. A value that
    stays is always shown in the end.

    Parameters
    ----------
    interval : seconds between two paintings.
    weight : what a painting costs, in those of a figure.
    """

    def __init__(self, widget: QWidget, interval: float = INTERVAL, weight: int = 1) -> None:
        super().__init__(widget)
        self._widget = widget
        self._weight = weight
        self._interval = interval
        self._last = 0.0
        self._waits = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._paint)

    @property
    def pending(self) -> bool:
        """Whether it will be painted without anybody asking again."""
        return self._timer.isActive()

    def update(self) -> None:
        """The widget shows something new."""
        now = time.monotonic()
        left = max(0.0, self._last + self._interval - now)
        waited = self._waits or now - self._last > 2 * self._interval
        if not left and (waited or _burst.has_room(now, self._weight)):
            self._timer.stop()
            self._paint()
        elif not self._timer.isActive():
            self._timer.start(max(1, round((left + _GRACE) * 1000)))
        # One that gave way once has its turn with the next picture.
        self._waits = not left and self.pending

    def _paint(self) -> None:
        self._last = time.monotonic()
        _burst.add(self._last, self._weight)
        self._widget.update()
