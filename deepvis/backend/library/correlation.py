"""How the units of a layer go together."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from deepvis.messages import FloatArray


def correlation(maxima: npt.NDArray[np.floating]) -> FloatArray:
    """Pearson's correlation of the columns, float32 (C, C) in [-1, 1].

    Parameters
    ----------
    maxima : (S, C), a row a picture. Rows with a value that is not finite are left out for the units concerned by
        counting the unit as one that never changes: its correlations are NaN, as they are with fewer than two pictures.
    """
    values = np.asarray(maxima, np.float64)
    units = values.shape[1]
    if len(values) < 2:
        return np.full((units, units), np.nan, np.float32)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        centred = values - values.mean(0)
        norm = np.sqrt((centred**2).sum(0))
        # What is left of a constant column is rounding.
        norm[~(norm > 1e-9 * np.abs(values).max(0) * np.sqrt(len(values)))] = np.nan
        scaled = centred / norm
        broken = ~np.isfinite(scaled).all(0)
        scaled[:, broken] = 0
        found: FloatArray = np.clip(scaled.T @ scaled, -1, 1).astype(np.float32)
    found[broken] = np.nan
    found[:, broken] = np.nan
    return found
