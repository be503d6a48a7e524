"""Where a new picture lies in a finished map: openTSNE's transform, with neighbours by one matrix product.

Paper: Policar, Strazar & Zupan 2021, "Embedding to reference t-SNE space addresses batch effects".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from deepvis.backend.maps.neighbours import Neighbours
from deepvis.backend.maps.spaces import FeatureSpace, unit_length
from deepvis.backend.maps.tsne import FEWEST
from deepvis.messages import FloatArray

PERPLEXITY = 5.0
NEAREST = 10
"""Pictures whose middle is where the descent begins; as many are named."""
ITERATIONS = 50
_CELL = 2.0
"""Side of a cell of the interpolation grid, in units of the embedding; openTSNE's 1 takes four times as long to set up
and places no better."""


@dataclass(frozen=True, slots=True, eq=False)
class Placement:
    """Where one new point lies.

    Attributes
    ----------
    point : (x, y) in the map's unit.
    nearest : int32 (k,), the points of the map whose features are nearest, the nearest first.
    similarity : float32 (k,), cosine similarity of the features to each of them, in [-1, 1].
    """

    point: tuple[float, float]
    nearest: npt.NDArray[np.int32]
    similarity: FloatArray


class Placer:
    """Places new points among those of a finished map, which stay where they are. One thread at a time.

    Making one takes as long as a few hundred placings, so it is made once a map.

    Parameters
    ----------
    features : float32 (N, D) of the pictures of the map, N at least 1.
    points : float32 (N, 2), where they lie.
    space : in which the map's features are compared.
    """

    def __init__(self, features: FloatArray, points: FloatArray, space: FeatureSpace) -> None:
        if len(features) != len(points) or not len(points):
            raise ValueError(f"a map of {len(points)} points has {len(features)} features; make the map again")
        self._space = space
        self._width = int(features.shape[1])
        prepared = space.prepare(features)
        self._directions = unit_length(np.asarray(features, np.float32))
        count = len(points)
        self._neighbours = Neighbours(prepared, min(count, round(3 * PERPLEXITY)))
        self._points = np.asarray(points, np.float64)
        self._embedding = self._reference() if count >= FEWEST and np.ptp(self._points, axis=0).max() > 0 else None

    def _reference(self) -> object:
        from openTSNE import TSNEEmbedding

        count = len(self._points)
        embedding = TSNEEmbedding(
            self._points,
            _NewAffinities(self._neighbours),
            negative_gradient_method="fft",
            ints_in_interval=_CELL,
            n_jobs=1,
        )
        embedding.prepare_interpolation_grid()
        # openTSNE centres the reference; results are to be in the map's own coordinates.
        self._shift = self._points[0] - np.asarray(embedding)[0]
        assert len(embedding) == count
        return embedding

    def place(self, feature: FloatArray) -> Placement:
        """Where a picture with this feature, float32 (D,), lies.

        Raises ValueError where its length is another, or a value is not finite.
        """
        feature = np.asarray(feature, np.float32).reshape(-1)
        if len(feature) != self._width:
            raise ValueError(
                f"the map is of {self._width} features a picture and this picture has {len(feature)}; load the network "
                "that the map was made with"
            )
        if not np.isfinite(feature).all():
            raise ValueError("the features of this picture are not finite; another precision (fp32) may help")
        new = self._space.prepare(feature[None])
        count = len(self._points)
        nearest, distances = self._neighbours.query(new, min(count, round(3 * PERPLEXITY)))
        shown = nearest[0, :NEAREST]
        similarity = (self._directions[shown] @ unit_length(feature[None])[0]).astype(np.float32)
        if self._embedding is None:
            weights = 1 / (distances[0, :NEAREST] + 1e-6)
            x, y = (self._points[shown] * weights[:, None]).sum(0) / weights.sum()
        else:
            x, y = self._descend(new, nearest, distances)
        return Placement((float(x), float(y)), shown, similarity)

    def _descend(
        self, new: FloatArray, nearest: npt.NDArray[np.int32], distances: npt.NDArray[np.float64]
    ) -> tuple[float, float]:
        embedding: Any = self._embedding
        embedding.affinities.found = nearest, distances
        partial = embedding.prepare_partial(new, initialization="median", k=NEAREST)
        partial.optimize(
            ITERATIONS, inplace=True, learning_rate=0.1, exaggeration=1.5, momentum=0.8, max_grad_norm=0.25
        )
        x, y = np.asarray(partial)[0] + self._shift
        return float(x), float(y)


class _NewAffinities:
    """Affinities of new points to those of the map, from neighbours that were found already.

    openTSNE's own hold the affinities within the map as well, which placing does not need and which take long to make.
    """

    def __init__(self, neighbours: Neighbours) -> None:
        self._count = neighbours.n_samples
        self.found: tuple[npt.NDArray[np.int32], npt.NDArray[np.float64]] | None = None

    @property
    def P(self) -> npt.NDArray[np.float64]:  # noqa: N802
        """Only its length is looked at."""
        return np.empty((self._count, 0))

    def to_new(self, data: FloatArray, perplexity: float = PERPLEXITY, return_distances: bool = False) -> object:
        """As openTSNE's affinities have it."""
        from openTSNE.affinity import PerplexityBasedNN, joint_probabilities_nn

        assert self.found is not None
        nearest, distances = self.found
        affinity = joint_probabilities_nn(
            nearest,
            distances,
            [PerplexityBasedNN.check_perplexity(perplexity, nearest.shape[1] / 3)],
            symmetrize=False,
            normalization="point-wise",
            n_reference_samples=self._count,
        )
        return (affinity, nearest, distances) if return_distances else affinity
