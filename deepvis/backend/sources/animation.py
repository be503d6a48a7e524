"""Animated pictures (GIF, WebP, PNG, AVIF) as videos."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from PIL import Image

from deepvis.backend.sources.pictures import MAX_PIXELS, open_image, to_rgb
from deepvis.backend.sources.playback import Decoder, Playback, Shot
from deepvis.backend.sources.source import Source, SourceError

_LONGEST = 1920


def is_animated(path: Path) -> bool:
    """Whether a picture file holds a sequence over time. The pages of a TIFF and a camera's previews are none."""
    try:
        with path.open("rb") as file:
            image = open_image(file)
            return image.format in ("GIF", "WEBP", "PNG", "AVIF") and bool(getattr(image, "is_animated", False))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return False


def open_animation(spec: str, path: Path) -> Source:
    """The animation as a source, not opened yet."""
    return Playback(spec, path.name, lambda: AnimationDecoder(path))


class AnimationDecoder(Decoder):
    """Decodes an animation with Pillow, transparency on white."""

    def __init__(self, path: Path) -> None:
        self._name = path.name
        self._file: BinaryIO = path.open("rb")
        try:
            self._image = open_image(self._file)
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            self._file.close()
            raise self._damaged(error) from error
        if self._image.width * self._image.height > MAX_PIXELS:
            self._file.close()
            raise SourceError(
                f"{path.name} is too large",
                f"It has {self._image.width:,} × {self._image.height:,} pixels.",
                f"Reduce it to at most {MAX_PIXELS // 1_000_000} million pixels.",
            )
        self._starts = [0.0]
        self._index = 0
        # Counting an animation's pictures means reading all of it: the number is known when the end was met.
        self._count: int | None = None

    def next(self) -> Shot | None:
        """Decode the next picture; what is damaged ends the animation."""
        if self._index == self._count:
            self.duration = self._starts[-1]
            return None
        try:
            self._image.seek(self._index)
            array = to_rgb(self._image.copy(), longest=_LONGEST)
        except EOFError:
            self._count = self._index
            return self.next()
        except (OSError, SyntaxError, ValueError) as error:
            if self._index == 0:
                raise self._damaged(error) from error
            self._count = self._index
            return self.next()
        # Browsers show pictures with a shorter time than 20 ms, which nearly all mean "as fast as you can", for 100 ms.
        seconds = float(self._image.info.get("duration", 0)) / 1000
        self.interval = seconds if seconds >= 0.02 else 0.1
        position = self._starts[self._index]
        self._index += 1
        if self._index == len(self._starts):
            self._starts.append(position + self.interval)
        return Shot(position, lambda: array)

    def seek(self, position: float) -> None:
        """Go to the picture shown at this time; beyond what was played so far pictures are decoded one by one."""
        while self._starts[-1] <= position and self._index != self._count:
            self._index = len(self._starts) - 1
            if self.next() is None:
                break
        past = [index for index, start in enumerate(self._starts[:-1]) if start <= position]
        self._index = past[-1] if past else 0

    def close(self) -> None:
        """Let go of the file."""
        self._image.close()
        self._file.close()

    def _damaged(self, error: BaseException) -> SourceError:
        return SourceError(
            f"{self._name} is damaged",
            f"It breaks off or holds errors ({error}).",
            "Copy or download it again, or choose another.",
        )
