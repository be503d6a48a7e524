"""The change that an attack made, in 8-bit levels: how it is rounded, its figures, and how it is drawn."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from deepvis.messages import FloatArray, UInt8Array

_CONTRAST = 80
"""Levels from mid grey to which the largest differences are magnified."""
_OUTLIERS = 0.005
"""Share of the values that may be magnified further, so that a few outliers do not hide the others."""
_PARTS = 256
"""Thresholds between one half and one at which rounding up may begin."""


@dataclass(frozen=True)
class Change:
    """From one 8-bit picture to another, both uint8 (c, h, w)."""

    before: UInt8Array
    after: UInt8Array

    @cached_property
    def difference(self) -> npt.NDArray[np.int16]:
        """int16 (c, h, w), ``after`` minus ``before`` in 8-bit levels."""
        return np.subtract(self.after, self.before, dtype=np.int16)

    @cached_property
    def _counts(self) -> npt.NDArray[np.int64]:
        """How many values changed by 0, 1 … levels."""
        return np.bincount(np.abs(self.difference).ravel())

    @property
    def norms(self) -> dict[str, float]:
        """``l0``: how many of the c·h·w values changed; ``l2`` and ``linf`` of the change of pixels in [0, 1]; ``psnr``
        in dB (of equal pictures: as if one value had changed by one level, so that it is always a number)."""
        counts = self._counts
        amounts = np.arange(len(counts))
        squares = float((counts * amounts**2).sum())
        return {
            "l0": float(counts[1:].sum()),
            "l2": math.sqrt(squares) / 255,
            "linf": (len(counts) - 1) / 255,
            "psnr": 10 * math.log10(255**2 * self.before.size / max(squares, 1.0)),
        }

    @property
    def magnification(self) -> int:
        """The whole factor by which nearly all of the difference is drawn in clear contrast, not yet black or white."""
        within = np.cumsum(self._counts) >= (1 - _OUTLIERS) * self.before.size
        return max(1, _CONTRAST // max(1, int(within.argmax())))

    @property
    def magnified(self) -> UInt8Array:
        """uint8 (c, h, w): the difference times :attr:`magnification`, mid grey (128) where nothing changed."""
        scaled = self.difference * np.int16(self.magnification)
        scaled += 128
        return np.clip(scaled, 0, 255, out=scaled).astype(np.uint8)


def rounded(pixels: FloatArray) -> UInt8Array:
    """Pixels in [0, 1] as the nearest 8-bit levels."""
    levels: UInt8Array = np.rint(pixels * np.float32(255)).clip(0, 255).astype(np.uint8)
    return levels


def rounded_within_linf(pixels: FloatArray, before: UInt8Array, epsilon: float) -> UInt8Array:
    """The nearest levels that are nowhere further from ``before`` than ``epsilon`` (pixels in [0, 1])."""
    most = levels_within(epsilon)
    low, high = before.astype(np.int16) - most, before.astype(np.int16) + most
    within: UInt8Array = np.clip(rounded(pixels), low, high).astype(np.uint8)
    return within


def rounded_within_l2(pixels: FloatArray, before: UInt8Array, epsilon: float) -> UInt8Array:
    """Levels near ``pixels`` whose L2 distance from ``before`` is at most ``epsilon`` (pixels in [0, 1]).

    Rounded to the nearest where that keeps the bound; otherwise more and more values are rounded towards ``before``,
    those first that were about to be rounded up by most. All rounded towards it keep any bound that ``pixels`` kept.
    """
    change = np.clip(pixels, 0, 1)
    change *= 255
    change -= before
    size = np.abs(change)
    whole = np.floor(size + np.float32(1e-4))
    part = size - whole
    up = part >= 0.5
    bound = (epsilon * 255) ** 2 * (1 + 1e-6)
    growth = 2 * whole[up] + 1
    least = float(np.square(whole).sum(dtype=np.float64))
    if least + float(growth.sum(dtype=np.float64)) > bound:
        # By how much the square grows if the values are rounded up whose part is in a step from 0.5 to 1, or above it.
        steps = ((part[up] - np.float32(0.5)) * (2 * _PARTS)).astype(np.intp)
        above = np.cumsum(np.bincount(steps, growth, _PARTS)[::-1])[::-1]
        fits = np.append(least + above <= bound, True)
        up = part >= 0.5 + int(fits.argmax()) / (2 * _PARTS)
    whole += up
    levels: UInt8Array = (before + np.copysign(whole, change, out=whole)).clip(0, 255).astype(np.uint8)
    return levels


def levels_within(epsilon: float) -> int:
    """How many 8-bit levels a value may change within ``epsilon``."""
    return int(epsilon * 255 + 1e-4)
