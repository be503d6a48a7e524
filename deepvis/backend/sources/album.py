"""Still pictures: one file, a folder, the samples. One is shown at a time; it may be stepped through, or move."""

from __future__ import annotations

import math
import os
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepvis.backend.sources.motion import RATE, PanAndZoom
from deepvis.backend.sources.pictures import SUFFIXES, read_picture
from deepvis.backend.sources.source import Source, SourceError
from deepvis.messages import Frame, UInt8Array

MOST = 20_000
"""Pictures that a folder is searched for where they lie in folders within it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One picture of an album: its title, and its path or the bytes of its file."""

    title: str
    content: Path | bytes


class Album(Source):
    """Shows one still picture at a time.

    Controls: ``step`` (by +1 or -1, around the end), ``slideshow`` (seconds a picture, or None), ``motion`` (a slow pan
    and zoom), ``pause`` (holds both), ``mirror``.

    Parameters
    ----------
    entries : at least one.
    start : index of the first to be shown.
    whole : title of the whole, shown as the source's; None to show the present picture's.
    """

    def __init__(
        self, spec: str, entries: Sequence[Entry], start: int = 0, whole: str | None = None, motion: bool = False
    ) -> None:
        super().__init__(spec, whole or entries[start].title)
        self._entries = entries
        self._index = start
        self._whole = whole
        self._picture: UInt8Array | None = None
        self._moving: PanAndZoom | None = None
        self._motion = motion
        self._time = 0.0
        self._next_move = -math.inf
        self._fresh = False
        self._slideshow: float | None = None
        self._next_slide = math.inf
        self._chosen = whole is None
        self._direction = 1
        self._failures = 0
        if len(entries) > 1:
            self._setters |= {"step": self._step, "slideshow": self._set_slideshow}
        self._setters |= {"motion": self._set_motion, "pause": self._set_pause}

    def open(self) -> None:
        """Read the picture that was asked for; raises :class:`SourceError` if it cannot be read."""
        if self._chosen:
            self._load()

    def read(self) -> Frame | None:
        """The present picture, once; or its next window while it moves."""
        now = time.perf_counter()
        if now >= self._next_slide and self.state == "live":
            self._step(1)
        if self._picture is None:
            self._load()
        assert self._picture is not None
        place = {"index": self._index, "count": len(self._entries)} if len(self._entries) > 1 else {}
        title = self._entries[self._index].title
        if self._motion and self.state == "live" and now >= self._next_move:
            if self._moving is None:
                self._moving = PanAndZoom(self._picture)
            lateness = now - self._next_move
            self._next_move = (now if lateness > 1 / RATE else self._next_move) + 1 / RATE
            self._time += 1 / RATE
            self._fresh = False
            return self._frame(self._moving.at(self._time), now, title, **place)
        if self._fresh and not (self._motion and self.state == "live"):
            self._fresh = False
            image = self._moving.at(self._time) if self._moving is not None and self._motion else self._picture
            return self._frame(image, now, title, still=True, **place)
        return None

    def wait(self) -> float:
        """Until the next move or the next slide."""
        if self._picture is None:
            return 0.0
        if self.state == "paused":
            return 0.0 if self._fresh else math.inf
        now = time.perf_counter()
        due = self._next_move if self._motion else -math.inf if self._fresh else math.inf
        return max(0.0, min(due, self._next_slide) - now)

    def refresh(self) -> None:
        """Show the present picture once more."""
        self._fresh = True

    def _load(self) -> None:
        """Read the present picture; one that cannot be read is left out, and the next one's turn comes."""
        entry = self._entries[self._index]
        try:
            picture = read_picture(entry.content)
        except SourceError as error:
            if self._chosen:
                raise
            self._failures += 1
            if self._failures >= min(len(self._entries), 100):
                raise SourceError(
                    f"{self._whole or self.title} has no picture that can be read",
                    f"The last one tried: {error.title}. {error.cause}",
                    "Choose another folder.",
                ) from error
            self._index = (self._index + self._direction) % len(self._entries)
            error.then = "go_on"
            raise
        self._failures = 0
        self._picture, self._moving, self._time, self._fresh = picture, None, 0.0, True
        self._next_move = time.perf_counter()
        if self._slideshow is not None:
            self._next_slide = time.perf_counter() + self._slideshow
        if self._whole is None:
            self.title = entry.title
        self.detail = f"{picture.shape[1]} × {picture.shape[0]}"

    def _step(self, value: Any) -> None:
        self._direction = -1 if int(value) < 0 else 1
        self._index = (self._index + int(value)) % len(self._entries)
        self._picture = None
        self._chosen = False
        self._failures = 0

    def _set_slideshow(self, value: Any) -> None:
        if value is not None and not 0.1 <= float(value) <= 86_400:
            raise ValueError(f"slideshow takes 0.1 to 86400 seconds a picture, or None; not {value!r}")
        self._slideshow = None if value is None else float(value)
        self._next_slide = math.inf if value is None else time.perf_counter() + float(value)

    def _set_motion(self, value: Any) -> None:
        self._motion = bool(value)
        self._next_move = time.perf_counter()
        self._fresh = True

    def _set_pause(self, value: Any) -> None:
        super()._set_pause(value)
        self._next_move = time.perf_counter()
        self._fresh = True
        if self._slideshow is not None:
            self._next_slide = time.perf_counter() + self._slideshow


def pictures_in(folder: Path) -> list[Entry]:
    """The pictures of a folder by name, numbers compared as numbers; where it has none, those of the folders in it."""
    with os.scandir(folder) as found:
        names = [item.name for item in found if Path(item.name).suffix.lower() in SUFFIXES and item.is_file()]
    if names:
        return [Entry(name, folder / name) for name in sorted(names, key=natural_order)]
    nested: list[str] = []
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        nested += [
            str(Path(place, name).relative_to(folder)) for name in files if Path(name).suffix.lower() in SUFFIXES
        ]
        if len(nested) >= MOST:
            break
    return [Entry(name, folder / name) for name in sorted(nested[:MOST], key=natural_order)]


def natural_order(name: str) -> list[tuple[int, int, str]]:
    """Sort key by which ``frame2`` comes before ``frame10``."""
    parts = re.findall(r"\d+|\D+", name.casefold())
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]
