"""What comes from a source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from deepvis.messages.vocabulary import UInt8Array


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of a source.

    Attributes
    ----------
    id : increases by at least one from frame to frame, over all sources of the process.
    image : uint8 (H, W, 3) RGB, read-only.
    captured : ``time.perf_counter()`` at capture, in seconds.
    title : what is shown, for a person (``Chelsea``, ``holiday.jpg``, ``Camera 0``).
    still : True where the source shows this very picture until somebody changes it.
    position, duration : seconds into a video and its length, where known.
    index, count : which of how many pictures, for folders.
    """

    id: int
    image: UInt8Array
    captured: float
    title: str
    still: bool = False
    position: float | None = None
    duration: float | None = None
    index: int | None = None
    count: int | None = None


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """State of the source, sent whenever it changes.

    ``controls`` names what this source can do, of ``pause``, ``seek``, ``speed``, ``loop``, ``step`` (next, previous),
    ``slideshow``, ``mirror``, ``resolution``, ``motion``.
    """

    spec: str
    title: str
    state: Literal["opening", "live", "paused", "stalled", "failed", "ended", "closed"]
    detail: str = ""
    remedy: str = ""
    controls: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CameraCard:
    """A camera that was found: ``index`` opens it as ``camera:INDEX``."""

    index: int
    name: str
