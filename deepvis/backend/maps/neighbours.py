"""Nearest neighbours, exactly, by matrix products: in short steps for a whole set, at once for one new point."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
import numpy.typing as npt
import torch

from deepvis.messages import FloatArray

Indices = npt.NDArray[np.int32]

_BLOCK = 512
"""Points whose neighbours are looked for in one step, …"""
_PAIRS = 2**25
"""… unless they make more pairs than this: each takes 4 bytes."""


class Neighbours:
    """The k nearest neighbours of every point, and of new points: openTSNE's interface of a neighbour index.

    Parameters
    ----------
    features : float32 (N, D), in the space in which distances are Euclidean (see
        :class:`~deepvis.backend.maps.spaces.FeatureSpace`).
    k : neighbours of each point, at most N - 1.
    """

    def __init__(self, features: FloatArray, k: int) -> None:
        # Around their middle, for of what all have in common squares would lose the last digits.
        self._middle = features.mean(0, dtype=np.float64)
        self._features = torch.from_numpy((features - self._middle).astype(np.float32))
        self._squares = self._features.square().sum(1)
        self.n_samples = len(features)
        self.k = k
        self._found: tuple[Indices, npt.NDArray[np.float64]] | None = None

    def find(self) -> Generator[float, None, None]:
        """Find every point's neighbours; yields the share that is done, in [0, 1], after each short step."""
        count = self.n_samples
        indices = np.empty((count, self.k), np.int32)
        distances = np.empty((count, self.k), np.float64)
        block = max(1, min(_BLOCK, _PAIRS // count))
        for first in range(0, count, block):
            last = min(first + block, count)
            square = self._squared(self._features[first:last], self._squares[first:last])
            square[torch.arange(last - first), torch.arange(first, last)] = torch.inf
            values, found = square.topk(self.k, dim=1, largest=False)
            indices[first:last] = found.numpy()
            distances[first:last] = values.clamp_min(0).sqrt().numpy()
            yield last / count
        self._found = (indices, distances)

    def build(self) -> tuple[Indices, npt.NDArray[np.float64]]:
        """Indices and distances (N, k) of every point's neighbours, the nearest first."""
        if self._found is None:
            for _ in self.find():
                pass
        assert self._found is not None
        return self._found

    def query(self, points: FloatArray, k: int) -> tuple[Indices, npt.NDArray[np.float64]]:
        """Indices and distances (M, k) of the neighbours of new points, float32 (M, D)."""
        new = torch.from_numpy((points - self._middle).astype(np.float32))
        values, found = self._squared(new, new.square().sum(1)).topk(min(k, self.n_samples), dim=1, largest=False)
        return found.numpy().astype(np.int32), values.clamp_min(0).sqrt().numpy().astype(np.float64)

    def _squared(self, points: torch.Tensor, squares: torch.Tensor) -> torch.Tensor:
        return torch.addmm(self._squares[None] + squares[:, None], points, self._features.T, alpha=-2)


def purity(features: FloatArray, labels: npt.NDArray[np.int32], k: int = 10) -> float:
    """Share of the ``k`` nearest neighbours that have the point's own class, mean over the points that have one.

    Points without a class (-1) are left out, also as neighbours. In [0, 1]; NaN where no two points have a class.
    """
    known = labels >= 0
    if int(known.sum()) < 2:
        return float("nan")
    own = labels[known]
    k = min(k, len(own) - 1)
    points = np.ascontiguousarray(features[known], np.float32)
    if points.shape[1] <= 3:
        from scipy.spatial import cKDTree

        found = cKDTree(points).query(points, k + 1)[1]
        # Of points in one place, any may come first: each leaves itself out, or the last one.
        itself = found == np.arange(len(own))[:, None]
        itself[~itself.any(axis=1), -1] = True
        found = found[~itself].reshape(len(own), k)
    else:
        found = Neighbours(points, k).build()[0]
    return float((own[found] == own[:, None]).mean())
