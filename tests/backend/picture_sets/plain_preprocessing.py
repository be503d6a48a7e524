"""A preprocessing without torch, so that processes that need it start at once; importable in them."""

from __future__ import annotations

import os
import signal
import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deepvis.backend.picture_sets import PictureSet
from deepvis.messages import UInt8Array


@dataclass(frozen=True)
class Pixels:
    """What ``Preprocessing.pixels`` returns, as far as a block needs it."""

    values: UInt8Array

    def numpy(self) -> UInt8Array:
        return self.values


@dataclass(frozen=True)
class FirstPixel:
    """Shows the network nothing but the upper left pixel."""

    size: tuple[int, int] = (1, 1)
    channels: int = 3

    def pixels(self, image: UInt8Array, fit: str) -> Pixels:
        return Pixels(image[:1, :1].transpose(2, 0, 1))


class Numbered(PictureSet):
    """``count`` pictures of one pixel, each of its own colour."""

    def __init__(self, count: int) -> None:
        self.titles = [f"picture {index}" for index in range(count)]

    def read(self, index: int) -> UInt8Array:
        return np.full((1, 1, 3), index % 251, dtype=np.uint8)


class Held(Numbered):
    """Nothing of it can be read before there is a file ``gate``."""

    def __init__(self, count: int, gate: Path) -> None:
        super().__init__(count)
        self.gate = gate

    def read(self, index: int) -> UInt8Array:
        while not self.gate.exists():
            threading.Event().wait(0.005)
        return super().read(index)


class Deadly(Numbered):
    """Picture 40 ends the process that reads it, as a system does that runs out of memory."""

    def read(self, index: int) -> UInt8Array:
        if index == 40:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().read(index)


class Faulty(Numbered):
    """Picture 3 makes its decoder fail in a way that nobody foresaw."""

    def read(self, index: int) -> UInt8Array:
        if index == 3:
            raise ZeroDivisionError("no density")
        return super().read(index)


class Unknown(Numbered):
    """Cannot be made again in another process."""

    def __setstate__(self, state: dict[str, object]) -> None:
        raise RuntimeError("this set lives here only")
