"""What every source of frames is: the base class, its error, and the one counter of frame ids."""

from __future__ import annotations

import itertools
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from deepvis.messages import Frame, UInt8Array

CONTROLS: tuple[str, ...] = (
    "pause",
    "seek",
    "speed",
    "loop",
    "step",
    "slideshow",
    "mirror",
    "resolution",
    "motion",
    "refresh",
)
"""Every control that some source has; ``refresh`` shows the present picture once more, and all have it."""

_ids = itertools.count(1)


class SourceError(Exception):
    """A source cannot deliver.

    Parameters
    ----------
    title : what happened, one short sentence without a full stop.
    cause : why, for a person.
    remedy : what to do about it.
    then : ``stop`` (asking again is of no use), ``reopen`` (it may come back by itself) or ``go_on`` (one picture of
        many is lost, the source goes on).
    details : a traceback or a library's own words, for the log.
    """

    def __init__(
        self,
        title: str,
        cause: str,
        remedy: str,
        then: Literal["stop", "reopen", "go_on"] = "stop",
        details: str = "",
    ) -> None:
        super().__init__(f"{title}: {cause} {remedy}")
        self.title = title
        self.cause = cause
        self.remedy = remedy
        self.then = then
        self.details = details


class Source(ABC):
    """Where frames come from.

    A source is used by one thread at a time: ``open``, then ``read`` again and again with ``control`` in between, then
    ``close``. It knows when its next frame is due (:meth:`wait`) but never sleeps itself, except for a camera or a
    stream whose ``read`` blocks until a picture arrives.

    Attributes
    ----------
    spec : what it was opened as.
    title : for a person; a folder's changes with its picture.
    kind : ``file`` may be silent for as long as it likes; from a ``camera`` or a ``stream`` silence is a fault, from a
        camera so is a picture that never changes.
    state : what it does by its own account.
    detail : a few words more, such as the resolution.
    arrived, changed : ``time.perf_counter()`` when a camera's or stream's last picture arrived, and when one last
        differed from the one before it.
    previous : the picture that the next one is compared with.
    """

    kind: Literal["file", "camera", "stream"] = "file"

    def __init__(self, spec: str, title: str) -> None:
        self.spec = spec
        self.title = title
        self.state: Literal["live", "paused", "ended"] = "live"
        self.detail = ""
        self.arrived = -math.inf
        self.changed = -math.inf
        self.previous: UInt8Array | None = None
        self._mirror = False
        self._setters: dict[str, Callable[[Any], None]] = {"mirror": self._set_mirror}

    @property
    def controls(self) -> tuple[str, ...]:
        """Names of what :meth:`control` can steer, of :data:`CONTROLS` without ``refresh``."""
        return tuple(self._setters)

    @abstractmethod
    def open(self) -> None:
        """Get ready. Raises :class:`SourceError`; may block for as long as a device or a server likes."""

    @abstractmethod
    def read(self) -> Frame | None:
        """The next frame if it is due, else None. Raises :class:`SourceError`."""

    def close(self) -> None:
        """Let go of the device or file. May be called more than once."""
        return

    def wait(self) -> float:
        """Seconds until ``read`` is worth calling; ``inf`` where only a control can change anything."""
        return 0.0

    def control(self, name: str, value: Any = None) -> None:
        """Steer. Raises ``KeyError`` for a control that this source lacks, ``ValueError`` for a value out of range."""
        if name == "refresh":
            self.refresh()
            return
        if name not in self._setters:
            raise KeyError(f"The control {name!r} does not apply to this source; {', '.join(self.controls)} do")
        self._setters[name](value)

    def refresh(self) -> None:
        """Deliver the present picture once more, where pictures do not follow each other anyway."""
        return

    def _set_mirror(self, value: Any) -> None:
        if bool(value) != self._mirror:
            self._mirror = bool(value)
            self.refresh()

    def _set_pause(self, value: Any) -> None:
        self.state = "paused" if value else "live"

    def _arrive(self, image: UInt8Array) -> None:
        """Note the arrival of a live picture, and whether it differs from the one before it."""
        now = time.perf_counter()
        if self.previous is None or not same_picture(self.previous, image):
            self.changed = now
        self.previous = image
        # Last: another thread looks at both, and a picture that is being compared has not stayed the same.
        self.arrived = now

    def _frame(self, image: UInt8Array, captured: float | None = None, title: str | None = None, **more: Any) -> Frame:
        """Number and seal a uint8 (H, W, 3) RGB picture; nobody may write into it afterwards."""
        if self._mirror:
            image = image[:, ::-1]
        image = np.ascontiguousarray(image)
        image.setflags(write=False)
        return Frame(
            id=next(_ids),
            image=image,
            captured=time.perf_counter() if captured is None else captured,
            title=self.title if title is None else title,
            **more,
        )


def same_picture(first: UInt8Array, second: UInt8Array) -> bool:
    """Whether two pictures are equal bit for bit; nearly always decided on every 16th row."""
    if first.shape != second.shape:
        return False
    return bool(np.array_equal(first[::16], second[::16])) and bool(np.array_equal(first, second))
