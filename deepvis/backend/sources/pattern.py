"""A moving test pattern: gratings, a rotating star, colour bars and a running count."""

from __future__ import annotations

import math
import time

import cv2
import numpy as np

from deepvis.backend.sources.source import Source
from deepvis.messages import Frame, Size, UInt8Array

_BARS = ((255, 255, 255), (255, 255, 0), (0, 255, 255), (0, 255, 0), (255, 0, 255), (255, 0, 0), (0, 0, 255), (0, 0, 0))


class Pattern(Source):
    """Draws a picture at a steady rate: a source that works on every machine.

    Parameters
    ----------
    size : (height, width) in pixels, each from 32 to 4096.
    rate : frames a second, from 0.1 to 1000.
    """

    def __init__(self, spec: str = "pattern", size: Size = (480, 640), rate: float = 30.0) -> None:
        super().__init__(spec, "Test pattern")
        if not all(32 <= side <= 4096 for side in size):
            raise ValueError(f"the test pattern's sides are from 32 to 4096 pixels; not {size[1]}x{size[0]}")
        if not 0.1 <= rate <= 1000:
            raise ValueError(f"the test pattern's rate is from 0.1 to 1000 frames a second; not {rate}")
        self._size = size
        self._rate = rate
        self._count = 0
        self._due = -math.inf
        self._fresh = False
        self._setters["pause"] = self._set_pause
        self.detail = f"{size[1]} × {size[0]}"

    def open(self) -> None:
        """Lay out what does not change."""
        height, width = self._size
        rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
        y, x = rows - 0.4 * height, columns - width / 2
        unit = min(height, width)
        star = np.hypot(x, y) < 0.3 * unit
        # One byte of phase a pixel: moving it is one addition and one look-up.
        self._phase = (
            np.where(star, np.arctan2(y, x) * 256 * 12 / (2 * math.pi), (x + 0.6 * y) * 256 * 10 / unit)
            .astype(np.int64)
            .astype(np.uint8)
        )
        self._star = star
        position = np.arange(256) * 2 * math.pi / 256
        self._sine = np.rint(127.5 + 127.5 * np.sin(position)).astype(np.uint8)
        self._square = np.where(np.sin(position) > 0, 235, 20).astype(np.uint8)
        self._tint = np.stack([columns / width, rows / height, 1 - columns / width], axis=-1).astype(np.float32)

    def read(self) -> Frame | None:
        """The next picture, if it is due."""
        now = time.perf_counter()
        if self.state == "paused":
            if not self._fresh:
                return None
            self._fresh = False
            return self._frame(self.draw(self._count), now, still=True)
        if now < self._due:
            return None
        late = now - self._due > 1 / self._rate
        self._due = (now if late else self._due) + 1 / self._rate
        self._count += 1
        return self._frame(self.draw(self._count), now)

    def wait(self) -> float:
        """Until the next picture is due."""
        if self.state == "paused":
            return 0.0 if self._fresh else math.inf
        return max(0.0, self._due - time.perf_counter())

    def refresh(self) -> None:
        """Show the present picture once more."""
        self._fresh = True

    def draw(self, count: int) -> UInt8Array:
        """Picture number ``count``, uint8 (height, width, 3) RGB; the same number gives the same picture."""
        height, width = self._size
        turned = self._phase + np.uint8(count * 3 % 256)
        gray = np.where(self._star, self._square[turned], self._sine[turned])
        colour = 0.5 + 0.5 * np.cos(2 * math.pi * (self._tint + count / 300), dtype=np.float32)
        picture: UInt8Array = (gray[..., None] * (0.35 + 0.65 * colour)).astype(np.uint8)
        top = round(0.8 * height)
        for index, bar in enumerate(_BARS):
            picture[top:, index * width // 8 : (index + 1) * width // 8] = bar
        angle = count / 30
        centre = (round(width * (0.5 + 0.4 * math.sin(angle))), round(height * (0.4 + 0.3 * math.sin(1.7 * angle))))
        cv2.circle(picture, centre, min(height, width) // 14, (255, 160, 40), -1, cv2.LINE_AA)
        scale = height / 480
        origin = (round(8 * scale), round(28 * scale))
        for colour_of_text, thickness in (((0, 0, 0), 4), ((255, 255, 255), 1)):
            cv2.putText(
                picture,
                str(count),
                origin,
                cv2.FONT_HERSHEY_SIMPLEX,
                0.8 * scale,
                colour_of_text,
                max(1, round(thickness * scale)),
                cv2.LINE_AA,
            )
        return picture
