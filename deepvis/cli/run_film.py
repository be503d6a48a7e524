"""The course of a run as a film, written while it goes on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from deepvis.backend.film import FilmWriter, GifWriter, VideoWriter

if TYPE_CHECKING:
    from deepvis.messages import UInt8Array

ENDINGS = (".mp4", ".gif")

_SMALLEST = 384
"""Pixels: shorter sides are enlarged by a whole factor, since films of thumbnails blur their colours."""
_RATES = (4.0, 30.0)
_LENGTH = 10.0
"""Seconds that a film takes, where that needs a rate within ``_RATES``."""
_HOLD = 1.5
"""Seconds for which the last picture stays."""


class CourseFilm:
    """A film with one picture a step. As a context manager it is finished at the end, and removed after an exception.

    Parameters
    ----------
    path : ends in ``.mp4`` or ``.gif``.
    rate : steps a second; None: chosen by the number of steps, 4 to 30.
    """

    def __init__(self, path: Path, rate: float | None) -> None:
        self._writer: FilmWriter = GifWriter(path) if path.suffix.lower() == ".gif" else VideoWriter(path)
        self._rate = rate
        self._last: UInt8Array | None = None
        self._time = 0.0

    def add(self, picture: UInt8Array, steps: int) -> None:
        """The picture of one step, uint8 (H, W, 3) RGB, of a run that has ``steps`` in all. Raises ExportError."""
        if self._rate is None:
            low, high = _RATES
            self._rate = min(high, max(low, steps / _LENGTH))
        self._last = _enlarged(picture)
        self._writer.add(self._last, self._time)
        self._time += 1 / self._rate

    def __enter__(self) -> CourseFilm:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is not None:
            self._writer.abort()
            return
        if self._last is not None:
            self._writer.add(self._last, self._time + _HOLD)
        self._writer.finish()


def _enlarged(picture: UInt8Array) -> UInt8Array:
    factor = -(-_SMALLEST // min(picture.shape[:2])) if min(picture.shape[:2]) < _SMALLEST else 1
    return picture if factor == 1 else picture.repeat(factor, 0).repeat(factor, 1)
