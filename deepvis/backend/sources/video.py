"""Video files, decoded with PyAV: exact seeking, upright, at their own shape and colours."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from deepvis.backend.sources.playback import Decoder, Playback, Shot
from deepvis.backend.sources.source import Source, SourceError
from deepvis.messages import UInt8Array

LONGEST = 1920
"""Longer side in pixels to which larger videos are reduced: networks see less, and 4K would cost more than they do."""

_MOST_ERRORS = 200
"""Damaged packets in a row after which a video is given up."""

_UNSPECIFIED = 2
_AREA = 0x20


def open_video(spec: str, path: Path) -> Source:
    """The video file as a source, not opened yet."""
    # An absolute path: FFmpeg would take a name such as "concat:x" for a protocol.
    return Playback(spec, path.name, lambda: VideoDecoder(str(path.resolve()), path.name))


class VideoDecoder(Decoder):
    """Decodes the first video stream of a file or URL.

    Parameters
    ----------
    location : absolute path or URL.
    name : for a person.
    timeout : seconds that a server may take to answer; None for files.
    """

    def __init__(self, location: str, name: str, timeout: float | None = None) -> None:
        self._name = name
        self._container, self._stream = open_container(location, name, timeout)
        stream = self._stream
        stream.thread_type = "AUTO"
        rate = stream.average_rate or stream.guessed_rate
        self.interval = float(1 / rate) if rate else 0.04
        self._unit = float(stream.time_base) if stream.time_base else 1.0
        self._start = (stream.start_time or 0) * self._unit
        if stream.duration:
            self.duration = stream.duration * self._unit
        elif self._container.duration:
            self.duration = self._container.duration / 1_000_000
        self._frames = self._decode()
        self._waiting: deque[Shot] = deque()
        self._last = -self.interval

    def next(self) -> Shot | None:
        """The next picture; damaged parts are left out."""
        if self._waiting:
            return self._waiting.popleft()
        frame = next(self._frames, None)
        return None if frame is None else self._shot(frame)

    def seek(self, position: float) -> None:
        """Go to the picture shown at this time: from the key frame before it, picture by picture."""
        self._waiting.clear()
        try:
            target = math.floor((position + self._start) / self._unit)
            self._container.seek(target, backward=True, any_frame=False, stream=self._stream)
        except (av.FFmpegError, OverflowError) as error:
            raise SourceError(
                f"{self._name} cannot be wound to another place",
                f"The file does not allow it ({error}).",
                "Play it from the start, or convert it to MP4 (H.264).",
            ) from error
        self._frames = self._decode()
        shown: Shot | None = None
        for frame in self._frames:
            shot = self._shot(frame)
            # Times are whole multiples of the stream's unit; half of one is the error that they may have here.
            if shot.position > position + self._unit / 2:
                self._waiting.extend([shot] if shown is None else [shown, shot])
                return
            shown = shot
        if shown is not None:
            self._waiting.append(shown)

    def close(self) -> None:
        """Let go of the file."""
        self._container.close()

    def _shot(self, frame: VideoFrame) -> Shot:
        position = self._last + self.interval if frame.pts is None else frame.pts * self._unit - self._start
        self._last = position
        return Shot(position, lambda: to_array(frame, self._stream))

    def _decode(self) -> Iterator[VideoFrame]:
        errors = 0
        try:
            for packet in self._container.demux(self._stream):
                try:
                    frames = packet.decode()
                except (av.error.InvalidDataError, ValueError) as error:
                    errors += 1
                    if errors > _MOST_ERRORS:
                        raise _unreadable(self._name, error) from error
                    continue
                for frame in frames:
                    if isinstance(frame, VideoFrame):
                        errors = 0
                        yield frame
        except av.error.EOFError:
            return
        except av.error.InvalidDataError:
            # The file breaks off here; what came before it can be played.
            return
        except av.FFmpegError as error:
            raise _unreadable(self._name, error) from error


def open_container(
    location: str, name: str, timeout: float | None = None, options: dict[str, str] | None = None
) -> tuple[InputContainer, VideoStream]:
    """Open a file or URL and find its video stream. Raises :class:`SourceError`."""
    try:
        container = av.open(location, "r", timeout=timeout, options=options or {}, metadata_errors="replace")
    except av.error.FileNotFoundError as error:
        raise SourceError(f"{name} is not there", "Nothing answers to this name.", "Check the name.") from error
    except (av.FFmpegError, OSError, ValueError) as error:
        raise _unreadable(name, error) from error
    form = container.format.name
    if form in ("tty", "image2") or form.endswith("_pipe"):
        # FFmpeg takes any text for the output of a terminal, and a name's ending for the promise of a picture.
        container.close()
        raise _unreadable(name, ValueError("it is no video"))
    for stream in container.streams.video:
        # A song's cover is a video stream of one picture.
        if not int(stream.disposition) & int(av.stream.Disposition.attached_pic):
            return container, stream
    container.close()
    raise SourceError(f"{name} has no pictures", "It holds sound or data only.", "Choose a video or a picture.")


def to_array(frame: VideoFrame, stream: VideoStream) -> UInt8Array:
    """A decoded picture as uint8 (H, W, 3) RGB: square pixels, upright, at most :data:`LONGEST` on the longer side."""
    aspect = float(stream.sample_aspect_ratio or 1) or 1.0
    width, height = frame.width * max(aspect, 1.0), frame.height / min(aspect, 1.0)
    scale = min(1.0, LONGEST / max(width, height))
    width, height = max(1, round(width * scale)), max(1, round(height * scale))
    # Untagged high definition is BT.709 by convention; FFmpeg would take it for the BT.601 of standard definition.
    untagged = frame.colorspace == _UNSPECIFIED and frame.height >= 720
    converted = frame.reformat(
        width=width,
        height=height,
        format="rgb24",
        src_colorspace="ITU709" if untagged else None,
        interpolation=_AREA if scale < 1 else None,
    )
    array = np.asarray(converted.to_ndarray(), dtype=np.uint8)
    return np.rot90(array, round(frame.rotation / 90)) if frame.rotation else array


def _unreadable(name: str, error: BaseException) -> SourceError:
    return SourceError(
        f"{name} is neither a picture nor a video that can be read",
        f"The file is damaged, incomplete or of an unknown format ({getattr(error, 'strerror', None) or error}).",
        "Copy or download it again, or convert it to MP4 (H.264) or PNG.",
        details=repr(error),
    )
