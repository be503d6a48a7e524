"""The present frame's way through a map: a point that glides, and the trail that it leaves. No Qt in here."""

from __future__ import annotations

import math
from collections import deque

_GLIDE = 0.16
"""Seconds in which the point makes 63 % of its way."""
_TRAIL_SECONDS = 4.0
_TRAIL_EVERY = 0.04


class LivePoint:
    """Where the frame is shown, which follows where it was placed. Times are in seconds."""

    def __init__(self) -> None:
        self.place: tuple[float, float] | None = None
        self._target: tuple[float, float] | None = None
        self._trail: deque[tuple[float, float, float]] = deque()
        self._now = 0.0

    def clear(self) -> None:
        """There is no frame in the map."""
        self.place = self._target = None
        self._trail.clear()

    def put(self, place: tuple[float, float]) -> None:
        """A frame was placed here; the first one appears there at once."""
        self._target = place
        if self.place is None:
            self.place = place

    def advance(self, seconds: float, close: float) -> bool:
        """Glide on; False where nothing moves any more. ``close``: a distance that nobody sees."""
        if self.place is None or self._target is None:
            return False
        self._now += seconds
        while self._trail and self._now - self._trail[0][2] > _TRAIL_SECONDS:
            self._trail.popleft()
        across, down = self._target[0] - self.place[0], self._target[1] - self.place[1]
        if math.hypot(across, down) <= close:
            self.place = self._target
            return bool(self._trail)
        if not self._trail or self._now - self._trail[-1][2] >= _TRAIL_EVERY:
            self._trail.append((*self.place, self._now))
        share = 1 - math.exp(-seconds / _GLIDE)
        self.place = (self.place[0] + share * across, self.place[1] + share * down)
        return True

    def trail(self) -> list[tuple[float, float, float]]:
        """(x, y, strength) from the oldest place to the newest, strength in [0, 1]."""
        return [(x, y, max(0.0, 1 - (self._now - when) / _TRAIL_SECONDS)) for x, y, when in self._trail]
