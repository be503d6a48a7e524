"""The course of a run as a film, written while it goes on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from deepvis.backend.film import FilmWriter, GifWriter, VideoWriter

if TYPE_CHECKING:
    from deepvis.messages import RunUpdate, UInt8Array

ENDINGS = (".mp4", ".gif")

_SMALLEST = 256
"""Pixels: shorter sides are enlarged by a whole factor, since films of thumbnails blur their colours."""
_RATES = (4.0, 30.0)
_LENGTH = 10.0
"""Seconds that a film takes, where that needs a rate within ``_RATES``."""
_HOLD = 1.5
"""Seconds for which the last picture stays."""


class CourseFilm:
    """A film with a picture a step. As a context manager it is finished at the end, and removed after an exception.

    A step that shows the array of the step before it adds nothing, and of several updates of one step only the first
    does: the film of a zoom has its frames, and that of an evolution its generations.

    Parameters
    ----------
    path : ends in ``.mp4`` or ``.gif``.
    rate : pictures a second; None: chosen by their number, 4 to 30.
    """

    def __init__(self, path: Path, rate: float | None) -> None:
        self._writer: FilmWriter = GifWriter(path) if path.suffix.lower() == ".gif" else VideoWriter(path)
        self._rate = rate
        self._last: UInt8Array | None = None
        self._step = 0
        self._first_step = 0
        self._pictures = 0
        self._time = 0.0

    def add(self, update: RunUpdate) -> None:
        """What one step shows. Raises ExportError."""
        if self._last is not None and (update.image is self._last or update.step == self._step):
            return
        if self._pictures == 1:
            self._choose_rate(update.step - self._first_step, update.total)
        if self._pictures:
            self._time += 1 / (self._rate or _RATES[0])
        else:
            self._first_step = update.step
        self._last, self._step = update.image, update.step
        self._pictures += 1
        self._writer.add(_enlarged(self._last), self._time)

    def _choose_rate(self, steps_a_picture: int, steps: int) -> None:
        if self._rate is None:
            low, high = _RATES
            self._rate = min(high, max(low, steps / max(1, steps_a_picture) / _LENGTH))

    def __enter__(self) -> CourseFilm:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is not None:
            self._writer.abort()
            return
        if self._last is not None:
            self._writer.add(_enlarged(self._last), self._time + _HOLD)
        self._writer.finish()


def _enlarged(picture: UInt8Array) -> UInt8Array:
    factor = -(-_SMALLEST // min(picture.shape[:2])) if min(picture.shape[:2]) < _SMALLEST else 1
    return picture if factor == 1 else picture.repeat(factor, 0).repeat(factor, 1)
