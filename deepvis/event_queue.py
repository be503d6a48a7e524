"""Events on their way from the backend's threads to the window."""

from __future__ import annotations

import itertools
import threading

from deepvis.messages import (
    EngineStatus,
    Event,
    GalleryChanged,
    GalleryExport,
    LayerCorrelation,
    LayerPatches,
    LibrariesChanged,
    LoadProgress,
    MapPlaced,
    MapsChanged,
    PatchExport,
    RunStatus,
    UnitPatches,
    UnitStatistics,
)

_STATES = (
    EngineStatus, LoadProgress, GalleryChanged, LibrariesChanged, UnitPatches, UnitStatistics, LayerPatches,
    LayerCorrelation, PatchExport, MapsChanged, MapPlaced,
)  # fmt: skip
"""Of these the newest alone counts."""


class EventQueue:
    """Events on their way to the window. States that are superseded before anybody read them are dropped."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._events: dict[object, Event] = {}
        self._numbers = itertools.count()

    def put(self, event: Event) -> bool:
        """Append; returns whether the queue was empty before."""
        key: object = next(self._numbers)
        if isinstance(event, _STATES):
            key = type(event)
        elif isinstance(event, GalleryExport):
            key = (GalleryExport, event.path)
        elif isinstance(event, RunStatus) and event.state in ("running", "paused"):
            key = (RunStatus, event.id)
        with self._lock:
            was_empty = not self._events
            self._events.pop(key, None)
            self._events[key] = event
        return was_empty

    def take(self) -> list[Event]:
        """All that wait, oldest first."""
        with self._lock:
            events, self._events = self._events, {}
        return list(events.values())
