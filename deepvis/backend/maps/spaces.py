"""The space in which the features of pictures are compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from deepvis.messages import FloatArray

Float64Array = npt.NDArray[np.float64]

Metric = Literal["whitened", "cosine", "euclidean"]

COMPONENTS = 100
"""Principal components that are whitened at most."""
PICTURES_A_COMPONENT = 10
"""Fewer pictures than this for each component, and whitening makes them all equally far apart."""

_LEAST_COMPONENTS = 4
_DENSE = 1500
"""Features of more values than this are decomposed step by step."""


@dataclass(frozen=True, slots=True, eq=False)
class FeatureSpace:
    """How features are brought into a space in which distances are Euclidean.

    - ``whitened``: the leading principal components of the set, each scaled to the same variance, then scaled to length
      1. What all pictures have in common, and what dominates by its size alone, is taken out: of the three it keeps
      the classes apart best.
    - ``cosine``: scaled to length 1.
    - ``euclidean``: as they are.

    Attributes
    ----------
    mean, matrix : float32 (D,) and (D, k) of ``whitened``, else None.
    """

    metric: Metric
    mean: FloatArray | None = None
    matrix: FloatArray | None = None

    @classmethod
    def fit(cls, features: FloatArray, metric: Metric) -> FeatureSpace:
        """The space of these features, float32 (N, D). With too few pictures to whiten, it is that of ``cosine``."""
        count, width = features.shape
        components = min(COMPONENTS, width, count // PICTURES_A_COMPONENT)
        if metric != "whitened" or components < min(_LEAST_COMPONENTS, width):
            return cls("cosine" if metric == "whitened" else metric)
        mean = features.mean(0, dtype=np.float64)
        centred = (features - mean).astype(np.float32)
        covariance: Float64Array = (centred.T @ centred).astype(np.float64) / max(1, count - 1)
        values, vectors = _leading(covariance, components)
        kept = values > 1e-6 * max(float(values.max()), 1e-30)
        if not kept.any():
            return cls("cosine")
        matrix = vectors[:, kept] / np.sqrt(values[kept])
        return cls("whitened", mean.astype(np.float32), np.ascontiguousarray(matrix.astype(np.float32)))

    def prepare(self, features: FloatArray) -> FloatArray:
        """Features, float32 (N, D), in this space: float32 (N, k)."""
        prepared: FloatArray = np.ascontiguousarray(features, np.float32)
        if self.mean is not None and self.matrix is not None:
            prepared = ((prepared - self.mean) @ self.matrix).astype(np.float32)
        return prepared if self.metric == "euclidean" else unit_length(prepared)


def unit_length(features: FloatArray) -> FloatArray:
    """Each row scaled to length 1; a row of zeros stays as it is."""
    lengths = np.linalg.norm(features, axis=-1, keepdims=True)
    result: FloatArray = (features / np.where(lengths > 0, lengths, 1)).astype(np.float32)
    return result


def _leading(matrix: Float64Array, count: int) -> tuple[Float64Array, Float64Array]:
    """The largest eigenvalues of a symmetric matrix, float64 (count,), and their vectors (D, count)."""
    width = len(matrix)
    if width > _DENSE and count < width // 4:
        from scipy.sparse.linalg import eigsh

        # A fixed beginning, so that the same features give the same space.
        values, vectors = eigsh(matrix, k=count, v0=np.ones(width) / np.sqrt(width))
    else:
        # SciPy's, which finds no more than is wanted, holds up every other thread meanwhile.
        values, vectors = np.linalg.eigh(matrix)
        values, vectors = values[width - count :], vectors[:, width - count :]
    return np.maximum(values, 0)[::-1], vectors[:, ::-1]
