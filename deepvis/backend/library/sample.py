"""Which pictures the correlations come from: chosen by their index alone, so that every process chooses the same."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

SAMPLE = 4096
"""Pictures at most."""


def sample_of(total: int, size: int = SAMPLE) -> npt.NDArray[np.int32]:
    """Indices of a fixed pseudo-random sample of ``total`` pictures in ascending order, int32; all of them where
    ``size`` is not exceeded."""
    indices = np.arange(total, dtype=np.uint64)
    if total > size:
        chosen = np.argpartition(_mixed(indices), size)[:size]
        indices = np.sort(indices[chosen])
    return indices.astype(np.int32)


def _mixed(numbers: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """The finaliser of SplitMix64 (Steele, Lea & Flood 2014), a bijection that spreads whole numbers over all bits."""
    with np.errstate(over="ignore"):
        mixed = (numbers + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
