"""Pictures of a video, one every so many seconds."""

from __future__ import annotations

import hashlib
import os
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from deepvis.backend.picture_sets.names import printable
from deepvis.backend.picture_sets.picture_set import PictureSet, Progress, no_labels
from deepvis.backend.sources.playback import Shot
from deepvis.backend.sources.source import SourceError
from deepvis.backend.sources.video import VideoDecoder, open_container
from deepvis.messages import UInt8Array

EVERY = 1.0
"""Seconds from picture to picture, if nothing else is said."""

_ROUNDING = 1e-6
"""Seconds by which times that are sums of fractions may be off."""

_MOST = 10_000_000
"""Moments of a video that are looked at."""

_TELL_EVERY = 10_000


class VideoSet(PictureSet):
    """The pictures that a video shows at 0, ``every``, 2 × ``every`` … seconds.

    Their times are read from the file's packets once, without decoding, so that a picture's index always means the same
    one. Reading goes from the key frame before a picture, or on from the picture read before it.

    Parameters
    ----------
    every : seconds, more than 0. A picture that is shown for longer is taken once.

    Raises
    ------
    SourceError : it is no video that can be read. ValueError : ``every`` is not above 0, or far too small.
    """

    def __init__(self, path: str | os.PathLike[str], every: float = EVERY, progress: Progress | None = None) -> None:
        if not every > 0:
            raise ValueError(f"every takes seconds above 0, not {every!r}")
        self._path = os.path.abspath(os.path.expanduser(path))
        self.title = printable(os.path.basename(self._path))
        short = f"{every:g}"
        told = short if float(short) == every else repr(float(every))
        self.spec = self._path if every == EVERY else f"{self._path}?every={told}"
        self._decoder: VideoDecoder | None = None
        self._last: int | None = None
        times, self._keys = _times(self._path, self.title, progress)
        if times[-1] / every > _MOST:
            raise ValueError(
                f"every = {every:g} asks for over {_MOST:,} moments of {times[-1]:,.0f} s; name more seconds"
            )
        wanted = np.arange(0.0, times[-1] + _ROUNDING, every)
        shown = np.unique(np.maximum(np.searchsorted(times, wanted + _ROUNDING, side="right") - 1, 0))
        self._times = times[shown]
        self.titles = [_clock(time) for time in self._times.tolist()]
        self.labels = no_labels(len(self._times))
        self._size = os.stat(self._path).st_size
        self.fingerprint = hashlib.sha256(f"{self._size}".encode() + self._times.tobytes()).hexdigest()[:16]

    def read(self, index: int) -> UInt8Array:
        """See :meth:`PictureSet.read`."""
        index = self.check_index(index)
        time = float(self._times[index])
        try:
            return self._shot(index, time).image()
        except av.FFmpegError as error:
            raise self._damaged(index) from error

    def check(self) -> None:
        """See :meth:`PictureSet.check`."""
        try:
            size = os.stat(self._path).st_size
        except OSError as error:
            raise SourceError(
                f"{self.title} is gone", f"{error.strerror or error}.", "Put it back, and continue."
            ) from error
        if size != self._size:
            raise SourceError(
                f"{self.title} has changed", "It is not the file that was opened.", "Open it anew, and start again."
            )

    def close(self) -> None:
        """See :meth:`PictureSet.close`."""
        if self._decoder is not None:
            self._decoder.close()
        self._decoder, self._last = None, None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_decoder": None, "_last": None}

    def _shot(self, index: int, time: float) -> Shot:
        decoder = self._decoder
        if decoder is None:
            self.check()
            decoder = self._decoder = VideoDecoder(self._path, self.title)
        last, self._last = self._last, None
        if last is None or last != index - 1 or self._is_key_between(float(self._times[last]), time):
            decoder.seek(time)
        tolerance = decoder.interval / 4
        while (shot := decoder.next()) is not None and shot.position < time + tolerance:
            if abs(shot.position - time) <= tolerance:
                self._last = index
                return shot
        raise self._damaged(index)

    def _is_key_between(self, earlier: float, later: float) -> bool:
        return bool(
            np.searchsorted(self._keys, later, side="right") > np.searchsorted(self._keys, earlier, side="right")
        )

    def _damaged(self, index: int) -> SourceError:
        return SourceError(
            f"The picture at {self.titles[index]} cannot be decoded",
            f"{self.title} is damaged there.",
            "Choose another.",
        )


def _times(path: str, title: str, progress: Progress | None) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """When each picture is shown, and the key frames, in seconds from the start, both in order."""
    container, stream = open_container(path, title)
    with container:
        unit = float(stream.time_base) if stream.time_base else 1.0
        start = (stream.start_time or 0) * unit
        times: list[float] = []
        keys: list[float] = []
        try:
            for packet in container.demux(stream):
                # Formats without times of their own (AVI) give those of decoding, which are the same there.
                stamp = packet.dts if packet.pts is None else packet.pts
                if stamp is None or packet.is_discard:
                    continue
                times.append(stamp * unit - start)
                if packet.is_keyframe:
                    keys.append(times[-1])
                if progress is not None and len(times) % _TELL_EVERY == 0:
                    progress(len(times))
        except av.FFmpegError:
            # It breaks off here; what came before can be read.
            pass
    shown = np.unique(np.array([time for time in times if time > -unit / 2], dtype=np.float64))
    if not len(shown):
        raise SourceError(f"{title} has no pictures", "No part of it holds one.", "Choose another video.")
    return shown, np.array(sorted(keys), dtype=np.float64)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}:{minutes:02d}:{rest:06.3f}"
