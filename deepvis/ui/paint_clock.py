"""Measures what a result costs the UI thread and how long a frame takes from capture to the screen."""

from __future__ import annotations

import time
from collections import deque

import numpy as np

from deepvis.messages import Timings, ViewResult

WINDOW = 600


def timings_text(timings: Timings, busy: tuple[float, float]) -> str:
    """Milliseconds of every stage of a frame, and of the window's own work (median)."""
    stages = (
        ("preprocess", timings.preprocess), ("forward", timings.forward), ("backward", timings.backward),
        ("render", timings.render), ("window", busy[0]),
    )  # fmt: skip
    return "  ".join(f"{name} {milliseconds:.1f}" for name, milliseconds in stages) + " ms"


class PaintClock:
    """Call :meth:`begin` and :meth:`end` around taking a result in, and around painting. UI thread only.

    Attributes
    ----------
    latency : capture to paint of the last new frame that was painted, in milliseconds; None before the first.
    """

    def __init__(self) -> None:
        self.latency: float | None = None
        self._busy: deque[float] = deque(maxlen=WINDOW)
        self._result: ViewResult | None = None
        self._frame: int | None = None
        self._spent = 0.0
        self._began = 0.0
        self.painted = 0

    def begin(self, result: ViewResult | None = None) -> None:
        """Work begins, for this result if one is given."""
        self._began = time.perf_counter()
        if result is not None:
            self._result = result
            self._spent = 0.0

    def end(self, painted: bool = False) -> bool:
        """Work ends; True if a result was painted by it for the first time."""
        now = time.perf_counter()
        self._spent += now - self._began
        if not painted or self._result is None:
            return False
        frame = self._result.frame
        if frame.id != self._frame and not frame.still:
            # A picture that stays, and another view of a frame that was shown, say nothing of how late frames come.
            self._frame = frame.id
            self.latency = 1000 * (now - frame.captured)
        self._busy.append(1000 * self._spent)
        self._result = None
        self.painted += 1
        return True

    def busy(self) -> tuple[float, float]:
        """Milliseconds of the UI thread a frame: median and 99th percentile of the last 600 frames."""
        if not self._busy:
            return 0.0, 0.0
        return float(np.median(self._busy)), float(np.percentile(self._busy, 99))
