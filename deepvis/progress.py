"""How far a long command is: a bar on a terminal, plain lines elsewhere. Imports nothing heavy."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import TextIO

_BAR = 24
_TERMINAL_EVERY = 0.1
_LINE_EVERY = 5.0
_FIGURE = re.compile(r"[-−+]?[0-9][0-9.,]*(?:e[-+]?[0-9]+)?")


class ProgressDisplay:
    """Writes progress to ``stream`` (stderr, so that what a command prints can be piped). One thread.

    On a terminal one line is drawn over again, ten times a second at most, and wiped at the end. Elsewhere a plain line
    is written when the stage changes, and every five seconds.

    Parameters
    ----------
    stream : where to; None: ``sys.stderr``.
    clock : seconds that only grow.
    """

    def __init__(self, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._clock = clock
        self._terminal = self._stream.isatty()
        encoding = (getattr(self._stream, "encoding", None) or "ascii").lower()
        self._full, self._empty = ("█", "░") if encoding.startswith("utf") else ("#", ".")
        self._stage = ""
        self._began = clock()
        self._written = float("-inf")
        self._width = 0

    def update(self, title: str, stage: str, share: float | None = None, left: float | None = None) -> None:
        """Say where it is.

        Parameters
        ----------
        title : what is being done or loaded.
        stage : what is going on now; figures in it may change.
        share : how much is done, in [0, 1], or None where it is not known.
        left : seconds left; None: reckoned from ``share``.
        """
        now = self._clock()
        name = f"{title} {_FIGURE.sub('', stage)}"
        fresh = name != self._stage
        if fresh:
            self._stage, self._began = name, now
        if not fresh and now - self._written < (_TERMINAL_EVERY if self._terminal else _LINE_EVERY) and share != 1.0:
            return
        if left is None and share is not None and share > 0.02 and now > self._began:
            left = (now - self._began) * (1 - share) / share
        self._written = now
        text = f"{title}: {stage}"
        if share is not None:
            text += f"  {self._bar(share)}{share:4.0%}"
            if left is not None and share < 1:
                text += f"  {duration(left)} left"
        self._write(text)

    def close(self) -> None:
        """Wipe the bar."""
        if self._terminal and self._width:
            self._stream.write("\r" + " " * self._width + "\r")
            self._stream.flush()
        self._width = 0

    def _bar(self, share: float) -> str:
        if not self._terminal:
            return ""
        done = round(max(0.0, min(1.0, share)) * _BAR)
        return self._full * done + self._empty * (_BAR - done) + " "

    def _write(self, text: str) -> None:
        if self._terminal:
            padding = " " * max(0, self._width - len(text))
            self._width = len(text)
            self._stream.write(f"\r{text}{padding}")
        else:
            self._stream.write(text + "\n")
        self._stream.flush()

    def __enter__(self) -> ProgressDisplay:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def duration(seconds: float) -> str:
    """``8 s``, ``3 min 20 s``, ``2 h 5 min``."""
    seconds = max(0, round(seconds))
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"
