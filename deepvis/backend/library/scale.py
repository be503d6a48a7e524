"""Sums and bins that come out the same, to the bit, in whatever order the pictures come.

Floating-point sums depend on their order. Here each picture's number is rounded to a multiple of a unit, which is a
power of two chosen for the layer, and summed as whole numbers; the rounding is of the picture alone.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from deepvis.messages import FloatArray

FINE = 30
"""Sums are counted in units of 2 ** (exponent - FINE), finer than float32 at the layer's largest magnitude."""

OCTAVES_BELOW, OCTAVES_ABOVE = 8, 4
BINS_AN_OCTAVE = 8
_SIDE = (OCTAVES_BELOW + OCTAVES_ABOVE) * BINS_AN_OCTAVE
BINS = 2 * _SIDE + 2
"""Bins of a histogram: as many below zero as above."""


def to_units(values: FloatArray, exponent: npt.NDArray[np.int32], total: int) -> npt.NDArray[np.int64]:
    """Numbers as multiples of their layer's unit, int64.

    Parameters
    ----------
    values : float32 (n, U), finite.
    exponent : int32 (U,), of the layer.
    total : pictures in the set: numbers beyond what that many of can be added up without overflow are clipped there,
        at more than 100 times the layer's largest magnitude for any set of less than 10 million pictures.
    """
    limit = 2.0 ** (62 - int(total).bit_length())
    scaled = np.rint(np.ldexp(values.astype(np.float64), FINE - exponent))
    units: npt.NDArray[np.int64] = np.clip(scaled, -limit, limit).astype(np.int64)
    return units


def from_units(sums: npt.NDArray[np.int64], exponent: npt.NDArray[np.int32] | int) -> npt.NDArray[np.float64]:
    """Sums as numbers, float64."""
    numbers: npt.NDArray[np.float64] = np.ldexp(sums.astype(np.float64), np.asarray(exponent) - FINE)
    return numbers


def exponent_of(largest: float) -> int:
    """The exponent of a layer whose largest magnitude is ``largest``; 0 where that tells nothing."""
    if not np.isfinite(largest) or largest <= 0:
        return 0
    return int(np.clip(np.frexp(largest)[1], -100, 100))


def edges(exponent: int) -> FloatArray:
    """The edges of a layer's bins, float32 (BINS + 1,): logarithmic on both sides of zero, eight bins an octave.

    Zero is an edge, and belongs to the bin above it. The outermost bins hold everything beyond as well.
    """
    steps = np.arange(_SIDE + 1) / BINS_AN_OCTAVE + (exponent - OCTAVES_BELOW)
    magnitudes = np.exp2(steps).astype(np.float32)
    found: FloatArray = np.concatenate([-magnitudes[::-1], np.zeros(1, np.float32), magnitudes])
    return found


def bins_of(values: FloatArray, layer_edges: FloatArray) -> npt.NDArray[np.int64]:
    """The bin of each value, int64 of the same shape."""
    found = np.searchsorted(layer_edges, values.ravel(), side="right").reshape(values.shape) - 1
    return np.clip(found, 0, BINS - 1)
