"""Who has the engine's next moment, while a run goes on beside a live view: a frame, a step, or nobody yet."""

from __future__ import annotations

from typing import Literal

_LONGEST_CREDIT = 0.5
"""Seconds by which one side may be behind: what it did not want long ago is not made up for."""

_LONGEST_WAIT = 0.1
"""Seconds; sources that are slower than ten frames a second are not waited for."""


class Turns:
    """Shares the engine's time between frames and steps, of which only frames have a moment to be there at.

    A step is often longer than the time to the next frame. If it were always begun as soon as no frame waits, every
    frame would have to wait for one, however small the run's share is. So a live view that is owed time is waited for,
    where its next frame comes sooner than the step would end; the wait counts as its own time.

    All times are in seconds, as ``time.perf_counter()`` gives them. Not for two threads at once.

    Parameters
    ----------
    share : of the time for the live view, in [0.05, 1].
    """

    def __init__(self, share: float = 0.6) -> None:
        self.share = share
        self._balance = 0.0
        self._step = 0.0
        self._last: tuple[float, int] | None = None
        self._interval: float | None = None

    def frame_came(self, captured: float, dropped: int) -> None:
        """A frame was taken that was captured then; ``dropped`` is how many have been replaced in all so far."""
        if self._last is not None and captured > self._last[0]:
            interval = (captured - self._last[0]) / (1 + max(0, dropped - self._last[1]))
            known = self._interval
            self._interval = interval if known is None or interval > 4 * known else known + 0.2 * (interval - known)
        self._last = (captured, dropped)

    def choose(self, wanted: bool, now: float) -> Literal["live", "step"] | float:
        """Whose turn it is, or how many seconds to wait for the next frame. ``wanted``: a frame or request waits."""
        if wanted:
            return "live" if self._balance <= 0 else "step"
        frame = self._next_frame(now)
        if self._balance < 0 and frame is not None and frame[0] < self._step:
            return frame[1]
        return "step"

    def live_took(self, seconds: float) -> None:
        """The live view had this time, or was waited for."""
        self._balance = min(self._balance + seconds * (1 - self.share), _LONGEST_CREDIT)

    def step_took(self, seconds: float) -> None:
        """A run had this time."""
        self._step = seconds
        cost = seconds * self.share
        # A step that took longer than what is made up for is paid for all the same.
        self._balance = max(self._balance - cost, -max(_LONGEST_CREDIT, cost))

    def reset(self) -> None:
        """No run goes on: nobody owes anything."""
        self._balance = self._step = 0.0

    def _next_frame(self, now: float) -> tuple[float, float] | None:
        """Seconds until it is expected, and until it is given up, since frames do not come like clockwork; None where
        none is on its way: a still picture, a slow source, or one that has stopped."""
        if self._last is None or self._interval is None or not 0 < self._interval <= _LONGEST_WAIT:
            return None
        since = now - self._last[0]
        latest = 1.5 * self._interval - since
        return (max(0.0, self._interval - since), latest) if latest > 0 else None
