"""What happens on the side: problems, progress, states."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from deepvis.messages.frames import SourceStatus
from deepvis.messages.gallery import GalleryChanged, GalleryExport, GalleryOpened
from deepvis.messages.library import LibraryEvent
from deepvis.messages.maps import MapOpened, MapPicture, MapPictureFile, MapPlaced, MapsChanged
from deepvis.messages.networks import NetworkInfo
from deepvis.messages.runs import RunStatus


@dataclass(frozen=True, slots=True)
class Problem:
    """Something went wrong: what, why and what to do. ``key`` is the same for repetitions of the same problem."""

    key: str
    title: str
    cause: str
    remedy: str
    severity: Literal["info", "warning", "error"] = "error"
    details: str = ""
    """Traceback, for the log."""


@dataclass(frozen=True, slots=True)
class ProblemSolved:
    """The problem with this key is over (a camera is back, say)."""

    key: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class LoadProgress:
    """Loading of a network: ``share`` in [0, 1], or None where it is not known. ``left`` in seconds."""

    name: str
    stage: str
    share: float | None = None
    left: float | None = None


@dataclass(frozen=True, slots=True)
class NetworkReady:
    """A network took over; every later ViewResult is its."""

    info: NetworkInfo


@dataclass(frozen=True, slots=True)
class NetworkFailed:
    """A network could not be loaded; the one before it, if any, stays."""

    name: str
    problem: Problem


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """Figures for the status bar, about twice a second."""

    frames_per_second: float
    dropped: int
    latency: float
    """Capture to result, in milliseconds, mean of the last second."""
    live_share: float


Event = (
    Problem
    | ProblemSolved
    | LoadProgress
    | NetworkReady
    | NetworkFailed
    | EngineStatus
    | RunStatus
    | SourceStatus
    | GalleryChanged
    | GalleryOpened
    | GalleryExport
    | LibraryEvent
    | MapsChanged
    | MapOpened
    | MapPlaced
    | MapPicture
    | MapPictureFile
)
