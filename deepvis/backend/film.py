"""Films that go to disk while they are recorded: MP4 (H.264) and GIF."""

from __future__ import annotations

import contextlib
import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Self

import numpy as np
from PIL import GifImagePlugin, Image

from deepvis.backend.atomic_file import AtomicFile, StrPath, explained
from deepvis.messages import Size, UInt8Array

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.video.stream import VideoStream

_TICKS = 90_000
"""Units of a second in which MP4 holds times, as is the custom for video."""


def to_rgb(picture: UInt8Array) -> UInt8Array:
    """A picture as uint8 (H, W, 3) RGB, from RGB or from the screen's (H, W, 4) B, G, R, X.

    Raises ``ValueError`` for any other shape or type.
    """
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] not in (3, 4) or 0 in picture.shape:
        raise ValueError(
            f"a picture is uint8 (H, W, 3) RGB or (H, W, 4) BGRX; not {picture.dtype} {tuple(picture.shape)}"
        )
    return np.ascontiguousarray(picture if picture.shape[2] == 3 else picture[:, :, 2::-1])


class FilmWriter(ABC):
    """Shared by the films: the file, the first picture's size, the clock, and the way out after an error.

    Every later picture is fitted into the first one's size, with black bars where its shape differs. Not for use by two
    threads at once. As a context manager it finishes the film at the end and aborts it after an exception.
    """

    _multiple = 1
    """The sides are multiples of it."""

    def __init__(self, path: StrPath) -> None:
        self._target = AtomicFile(path)
        self._size: Size | None = None
        self._start = 0.0
        self._over = False
        self.frames = 0
        """Pictures that were added."""

    @property
    def path(self) -> Path:
        """Where the film will be."""
        return self._target.path

    def add(self, picture: UInt8Array, timestamp: float) -> None:
        """Add a picture that is shown from ``timestamp`` on.

        Parameters
        ----------
        picture : uint8 (H, W, 3) RGB or (H, W, 4) BGRX.
        timestamp : seconds on any clock; one that does not rise is moved to the next moment that the format has.

        Raises
        ------
        ExportError
            The disk is full, say; the film is aborted then.
        ValueError
            For what is no picture, and after the film's end.
        """
        if self._over:
            raise ValueError(f"{self.path.name} is finished; nothing can be added")
        if not math.isfinite(timestamp):
            raise ValueError(f"a timestamp is a finite number of seconds; not {timestamp}")
        rgb = to_rgb(picture)
        with self._guarded():
            if self._size is None:
                self._size = (_up(rgb.shape[0], self._multiple), _up(rgb.shape[1], self._multiple))
                self._start = timestamp
                self._begin(self._size)
            self._encode(letterbox(rgb, self._size), timestamp - self._start)
            self.frames += 1

    def finish(self) -> None:
        """Complete the file and put it in its place. Raises ``ValueError`` if no picture was added."""
        if self._over:
            return
        if self._size is None:
            self.abort()
            raise ValueError(f"{self.path.name} has no pictures; nothing was saved")
        with self._guarded():
            self._complete()
            self._target.commit()
        self._over = True

    def abort(self) -> None:
        """Give up; nothing stays."""
        if not self._over:
            self._over = True
            with contextlib.suppress(Exception):
                self._drop()
            self._target.discard()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is None:
            self.finish()
        else:
            self.abort()

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        with explained(self.path):
            try:
                yield
            except BaseException:
                self.abort()
                raise

    @abstractmethod
    def _begin(self, size: Size) -> None:
        """Write what comes before the first picture."""

    @abstractmethod
    def _encode(self, rgb: UInt8Array, seconds: float) -> None:
        """Write a picture that is shown ``seconds`` after the first."""

    @abstractmethod
    def _complete(self) -> None:
        """Write what comes after the last picture, and close the file."""

    @abstractmethod
    def _drop(self) -> None:
        """Close the file, whatever its state."""


class VideoWriter(FilmWriter):
    """Records an MP4 (H.264, yuv420p, BT.709) that every browser plays.

    Pictures go to disk as they come, with the times that they are given, so that the film runs as long as what it
    shows did. Memory does not grow with its length. Sides are rounded up to even numbers, as H.264 wants them.

    Parameters
    ----------
    path : ends in ``.mp4`` as a rule.
    quality : x264's constant rate factor, 0 (lossless) to 51; 18 looks the same as the original.
    """

    _multiple = 2

    def __init__(self, path: StrPath, quality: int = 18) -> None:
        if not 0 <= quality <= 51:
            raise ValueError(f"quality is from 0 (lossless) to 51 (worst); not {quality}")
        super().__init__(path)
        self._quality = quality
        self._container: OutputContainer | None = None
        self._stream: VideoStream | None = None
        self._ticks = -1
        self._interval = 1

    def _begin(self, size: Size) -> None:
        import av

        with _as_os_errors():
            # The index goes to the front, so that a browser can start before it has all of the file.
            options = {"movflags": "+faststart"}
            self._container = av.open(str(self._target.part), "w", format="mp4", options=options)
            # No B frames: with uneven times their reordering makes the film's length come out too short.
            stream = self._container.add_stream(
                "libx264", rate=30, options={"crf": str(self._quality), "preset": "veryfast", "bf": "0"}
            )
            stream.height, stream.width = size
            stream.pix_fmt = "yuv420p"
            context = stream.codec_context
            context.time_base = Fraction(1, _TICKS)
            context.thread_count = 2
            context.color_range = 1
            context.colorspace = context.color_primaries = context.color_trc = 1
            self._stream = stream

    def _encode(self, rgb: UInt8Array, seconds: float) -> None:
        from av import VideoFrame

        assert self._container is not None
        assert self._stream is not None
        ticks = max(self._ticks + 1, round(seconds * _TICKS))
        self._interval, self._ticks = ticks - self._ticks, ticks
        with _as_os_errors():
            frame = VideoFrame.from_ndarray(rgb, format="rgb24").reformat(
                format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG"
            )
            frame.pts = self._ticks
            frame.time_base = Fraction(1, _TICKS)
            self._container.mux(self._stream.encode(frame))

    def _complete(self) -> None:
        assert self._container is not None
        assert self._stream is not None
        with _as_os_errors():
            packets = self._stream.encode(None)
            if packets and self.frames > 1:
                # The last picture stays for as long as the one before it did.
                packets[-1].duration = self._interval
            self._container.mux(packets)
            self._container.close()

    def _drop(self) -> None:
        if self._container is not None:
            self._container.close()


class GifWriter(FilmWriter):
    """Records an animated GIF, each picture with 256 colours of its own.

    GIF holds times in hundredths of a second, and viewers want at least two of them a picture: a picture that is
    followed sooner is left out.
    """

    _shortest = 2

    def __init__(self, path: StrPath) -> None:
        super().__init__(path)
        self._file: BinaryIO | None = None
        self._held: UInt8Array | None = None
        self._held_at = 0
        self._delay = 10

    def _begin(self, size: Size) -> None:
        if max(size) > 65_535:
            raise ValueError(f"a GIF has at most 65535 pixels a side; not {max(size)}")
        self._file = self._target.part.open("wb")
        height, width = size
        screen = width.to_bytes(2, "little") + height.to_bytes(2, "little") + b"\x70\x00\x00"
        endless = b"!\xff\x0bNETSCAPE2.0\x03\x01\x00\x00\x00"
        self._file.write(b"GIF89a" + screen + endless)

    def _encode(self, rgb: UInt8Array, seconds: float) -> None:
        now = round(seconds * 100)
        if self._held is not None and now - self._held_at >= self._shortest:
            self._delay = min(now - self._held_at, 65_535)
            self._write_held()
            self._held_at = now
        self._held = rgb

    def _write_held(self) -> None:
        assert self._file is not None
        assert self._held is not None
        image = Image.fromarray(self._held).quantize(256)
        for block in GifImagePlugin.getdata(image, duration=self._delay * 10, include_color_table=True):
            self._file.write(block)

    def _complete(self) -> None:
        assert self._file is not None
        # The last picture stays for as long as the one before it did.
        self._write_held()
        self._file.write(b";")
        self._file.close()

    def _drop(self) -> None:
        if self._file is not None:
            self._file.close()


def write_gif(path: StrPath, pictures: Iterable[UInt8Array], seconds: float = 0.1) -> None:
    """Write pictures, one after the other as they come, to an animated GIF that repeats for ever.

    Parameters
    ----------
    pictures : at least one, each uint8 (H, W, 3) RGB or (H, W, 4) BGRX; fitted into the first one's size.
    seconds : how long each is shown, at least 0.02.

    Raises
    ------
    ExportError, ValueError
    """
    if not 0.02 <= seconds <= 600:
        raise ValueError(f"a GIF's pictures are shown for 0.02 to 600 seconds each; not {seconds}")
    with GifWriter(path) as film:
        for index, picture in enumerate(pictures):
            film.add(picture, index * seconds)


def letterbox(rgb: UInt8Array, size: Size) -> UInt8Array:
    """A uint8 (h, w, 3) picture scaled to fit into ``size`` (height, width), centred on black.

    One that is at most a pixel smaller a side is not scaled, for that would only blur it.
    """
    height, width = rgb.shape[:2]
    if (height, width) == size:
        return rgb
    if not (0 <= size[0] - height <= 1 and 0 <= size[1] - width <= 1):
        import cv2

        scale = min(size[0] / height, size[1] / width)
        height, width = (
            max(1, min(size[0], round(height * scale))),
            max(1, min(size[1], round(width * scale))),
        )
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        rgb = np.asarray(cv2.resize(rgb, (width, height), interpolation=how), dtype=np.uint8)
    canvas = np.zeros((*size, 3), dtype=np.uint8)
    top, left = (size[0] - height) // 2, (size[1] - width) // 2
    canvas[top : top + height, left : left + width] = rgb
    return canvas


def _up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple


@contextlib.contextmanager
def _as_os_errors() -> Iterator[None]:
    """PyAV's errors as the system's own."""
    import av

    try:
        yield
    except av.FFmpegError as error:
        raise OSError(abs(error.errno or 0), error.strerror or str(error)) from error
