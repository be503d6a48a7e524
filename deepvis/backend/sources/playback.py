"""Playing what has a time axis: pace, pause, seek, speed, loop and single steps, whatever decodes the pictures."""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from deepvis.backend.sources.source import Source, SourceError
from deepvis.messages import Frame, UInt8Array

_MOST_SKIPPED = 8
"""Pictures that are decoded without being shown, one after the other, to catch up with the clock."""


@dataclass(frozen=True, slots=True)
class Shot:
    """One decoded picture: when it is shown (seconds from the start), and how to get its uint8 (H, W, 3) RGB array."""

    position: float
    image: Callable[[], UInt8Array]


class Decoder(ABC):
    """Pictures of a file in order.

    Attributes
    ----------
    duration : seconds, or None where it is not known.
    interval : seconds from picture to picture, as a rule.
    """

    duration: float | None = None
    interval: float = 0.04

    @abstractmethod
    def next(self) -> Shot | None:
        """The next picture; None at the end."""

    @abstractmethod
    def seek(self, position: float) -> None:
        """Go on with the picture that is shown at this time."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the file."""


class Playback(Source):
    """Shows a decoder's pictures at their times.

    Controls: ``pause``, ``seek`` (seconds), ``speed`` (0.05 to 20), ``loop``, ``step`` (by single pictures; it pauses),
    ``mirror``. A machine too slow for the video skips pictures, and plays slower when that does not suffice.

    Parameters
    ----------
    make : opens the file; raises :class:`SourceError`.
    """

    def __init__(self, spec: str, title: str, make: Callable[[], Decoder]) -> None:
        super().__init__(spec, title)
        self._make = make
        self._decoder: Decoder | None = None
        self._ahead: Shot | None = None
        self._shown: Shot | None = None
        self._image: UInt8Array | None = None
        self._loop = True
        self._speed = 1.0
        self._start = 0.0
        self._due_now = False
        self._fresh = False
        self._passes_without_picture = 0
        self._setters |= {
            "pause": self._set_pause,
            "seek": self._seek,
            "speed": self._set_speed,
            "loop": self._set_loop,
            "step": self._step,
        }

    def open(self) -> None:
        """Open the file and decode its first picture."""
        self._decoder = self._make()
        self._ahead = self._decode()
        if self._ahead is None:
            raise self._no_picture()
        self._start_clock(self._ahead.position)

    def close(self) -> None:
        """Let go of the file."""
        if self._decoder is not None:
            self._decoder.close()
            self._decoder = None

    def read(self) -> Frame | None:
        """The next picture if it is due."""
        if self._due_now:
            self._due_now = False
            return self._show(self._take_ahead())
        if self._fresh:
            self._fresh = False
            return self._again()
        if self.state != "live":
            return None
        now = time.perf_counter()
        shot = self._ahead or self._take_ahead()
        if shot is None or now < self._due(shot):
            return None
        for _ in range(_MOST_SKIPPED):
            following = self._decode()
            self._ahead = following
            if following is None or now < self._due(following):
                break
            shot = following
        else:
            # Too slow for this video: the clock gives way.
            self._start_clock(shot.position)
        return self._show(shot)

    def wait(self) -> float:
        """Until the next picture is due."""
        if self._fresh or self._due_now:
            return 0.0
        if self.state != "live":
            return math.inf
        return 0.0 if self._ahead is None else max(0.0, self._due(self._ahead) - time.perf_counter())

    def refresh(self) -> None:
        """Show the present picture once more."""
        self._fresh = self._image is not None

    # ------------------------------------------------------------------------------------------------------- the clock

    def _start_clock(self, position: float) -> None:
        """From now on ``position`` is the picture of this moment."""
        self._start = time.perf_counter() - position / self._speed

    def _due(self, shot: Shot) -> float:
        return self._start + shot.position / self._speed

    # ---------------------------------------------------------------------------------------------------- the pictures

    def _decode(self) -> Shot | None:
        if self._decoder is None:
            raise SourceError(f"{self.title} is closed", "It is not open.", "Open it again.")
        return self._decoder.next()

    def _take_ahead(self) -> Shot | None:
        """The picture that comes next, from the start again at the end of a loop; None at the end."""
        shot = self._ahead or self._decode()
        self._ahead = None
        if shot is not None:
            self._ahead = shot
            return shot
        if not self._loop or self._decoder is None:
            if self.state == "live":
                self.state = "ended"
            return None
        self._passes_without_picture += 1
        if self._passes_without_picture > 1:
            raise self._no_picture()
        # The last picture is shown for as long as any other.
        gap = self._decoder.interval if self._shown is not None else 0.0
        self._decoder.seek(0.0)
        self._ahead = self._decode()
        if self._ahead is not None:
            self._start_clock(self._ahead.position - gap)
        return self._ahead

    def _show(self, shot: Shot | None) -> Frame | None:
        if shot is None:
            return None
        if self._ahead is shot:
            self._ahead = None
        self._shown, self._image = shot, shot.image()
        self._passes_without_picture = 0
        return self._again()

    def _again(self) -> Frame | None:
        if self._image is None or self._shown is None or self._decoder is None:
            return None
        return self._frame(
            self._image,
            still=self.state != "live",
            position=self._shown.position,
            duration=self._decoder.duration,
        )

    def _no_picture(self) -> SourceError:
        return SourceError(
            f"{self.title} shows nothing",
            "Not one picture of it can be decoded.",
            "Copy or download it again, or convert it to MP4 (H.264).",
        )

    # -------------------------------------------------------------------------------------------------------- controls

    def _set_pause(self, value: Any) -> None:
        if value:
            if self.state == "live":
                self.state = "paused"
            return
        if self.state == "ended":
            self._seek(0.0)
        self.state = "live"
        self._go_on()

    def _go_on(self) -> None:
        if self._shown is not None:
            self._start_clock(self._shown.position)

    def _seek(self, value: Any) -> None:
        position = float(value)
        if not math.isfinite(position):
            raise ValueError(f"a place in a video is a number of seconds; not {value!r}")
        if self._decoder is None:
            return
        if self._decoder.duration is not None:
            position = min(position, max(0.0, self._decoder.duration - self._decoder.interval / 2))
        self._decoder.seek(max(0.0, position))
        self._ahead = self._decode()
        if self._ahead is None:
            return
        if self.state == "ended":
            self.state = "live"
        self._start_clock(self._ahead.position)
        self._due_now = True

    def _set_speed(self, value: Any) -> None:
        speed = float(value)
        if not 0.05 <= speed <= 20:
            raise ValueError(f"speed is from 0.05 to 20; not {value!r}")
        self._speed = speed
        self._go_on()

    def _set_loop(self, value: Any) -> None:
        self._loop = bool(value)
        if self._loop and self.state == "ended":
            self.state = "live"

    def _step(self, value: Any) -> None:
        if self._decoder is None or self._shown is None:
            return
        if self.state == "live":
            self.state = "paused"
        count = int(value)
        if count < 0:
            # A place that was just sought counts as present, shown already or not.
            now = self._ahead if self._due_now and self._ahead is not None else self._shown
            position = now.position + count * self._decoder.interval
            # Half an interval past the picture's time: the one that is shown then is the one wanted.
            self._seek(max(0.0, position + self._decoder.interval / 2))
            return
        for _ in range(count - 1):
            self._take_ahead()
            self._ahead = None
        self._due_now = True
