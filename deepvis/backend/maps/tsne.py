"""t-SNE by openTSNE, driven in steps as short as one likes: the result is the same as of one call.

Papers: van der Maaten & Hinton 2008; Linderman et al. 2019 (interpolation); Kobak & Berens 2019 (the defaults);
Policar, Strazar & Zupan 2024 (openTSNE).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deepvis.backend.maps.neighbours import Neighbours
from deepvis.messages import FloatArray

if TYPE_CHECKING:
    from openTSNE import TSNEEmbedding

EARLY_ITERATIONS = 250
EARLY_EXAGGERATION = 12.0
FEWEST = 4
"""Pictures; fewer are laid out without t-SNE."""

_STEP_SECONDS = 0.06
"""A step of an optimisation lasts about so long, so that a live view goes on beside it."""
_MOST_IN_A_STEP = 25


@dataclass(frozen=True, slots=True)
class TsneState:
    """Where an optimisation stands.

    Attributes
    ----------
    iteration, iterations : made, and in all.
    points : float32 (N, 2).
    divergence : Kullback-Leibler divergence of the points.
    exaggeration : factor on the attraction in this phase.
    """

    iteration: int
    iterations: int
    points: FloatArray
    divergence: float
    exaggeration: float


class Tsne:
    """One embedding.

    Parameters
    ----------
    features : float32 (N, D), N at least :data:`FEWEST`, in the space in which distances are Euclidean.
    neighbours : of the features.
    perplexity : at most a third of the neighbours of each point.
    iterations : of the main phase, after the :data:`EARLY_ITERATIONS` with exaggerated attraction.
    exaggeration : factor on the attraction in the main phase.
    seed : of the jitter of the initialisation.
    threads : that openTSNE may use.
    """

    def __init__(
        self,
        features: FloatArray,
        neighbours: Neighbours,
        *,
        perplexity: float = 30.0,
        iterations: int = 500,
        exaggeration: float = 1.0,
        seed: int = 0,
        threads: int = 1,
    ) -> None:
        self._features = features
        self._neighbours = neighbours
        self._perplexity = perplexity
        self._phases = (
            (EARLY_ITERATIONS, max(EARLY_EXAGGERATION, exaggeration)),
            (iterations, exaggeration),
        )
        self._seed = seed
        self._threads = threads

    def prepare(self) -> None:
        """Affinities and initialisation by the first two principal components."""
        from openTSNE import TSNEEmbedding, initialization

        count, width = self._features.shape
        features = self._features
        if width < 2:
            features = np.concatenate([features, np.zeros((count, 2 - width), np.float32)], axis=1)
        self._embedding: TSNEEmbedding = TSNEEmbedding(
            initialization.pca(features, random_state=self._seed),
            affinities(self._neighbours, self._perplexity, self._threads),
            negative_gradient_method="bh" if count < 10_000 else "fft",
            random_state=self._seed,
            n_jobs=self._threads,
        )

    def optimise(self) -> Iterator[TsneState]:
        """Descend; yields after each step, which lasts about 60 ms and makes no difference to the result."""
        embedding = self._embedding
        count = len(self._features)
        total = sum(iterations for iterations, _ in self._phases)
        done = 0
        for iterations, exaggeration in self._phases:
            # Exaggerated here, and not by openTSNE at each step: scaling up and down again is not exact.
            plain = embedding.affinities.P
            embedding.affinities.P = plain * exaggeration
            gradient = _Gradient(embedding.gradient_descent_params["negative_gradient_method"])
            left, size = iterations, 1
            try:
                while left > 0:
                    size = min(size, left)
                    began = time.perf_counter()
                    embedding.optimize(
                        size,
                        inplace=True,
                        negative_gradient_method=gradient,
                        learning_rate=max(count / exaggeration, 1.0),
                        momentum=0.8,
                        max_step_norm=5,
                    )
                    each = (time.perf_counter() - began) / size
                    left -= size
                    done += size
                    size = int(min(_MOST_IN_A_STEP, max(1, _STEP_SECONDS / max(each, 1e-4))))
                    divergence = float(embedding.kl_divergence) / exaggeration - float(np.log(exaggeration))
                    points: FloatArray = np.asarray(embedding, np.float32).copy()
                    if not np.isfinite(points).all():
                        raise ValueError(
                            "the embedding ran away to infinity; try another perplexity or layer, or less exaggeration"
                        )
                    yield TsneState(done, total, points, divergence, exaggeration)
            finally:
                embedding.affinities.P = plain

    @property
    def points(self) -> FloatArray:
        """float32 (N, 2), where the points are now."""
        return np.asarray(self._embedding, np.float32).copy()


class _Gradient:
    """openTSNE's objective, which is not computed twice for the same points.

    Each call of ``optimize`` ends with the error of the points that it has made, and the next one would begin with the
    gradient of these very points: with short steps that would double the work.
    """

    def __init__(self, method: str) -> None:
        from openTSNE import tsne

        self._objective: Any = tsne.kl_divergence_fft if method == "fft" else tsne.kl_divergence_bh
        self._points: npt.NDArray[np.float64] | None = None
        self._answer: tuple[float, npt.NDArray[np.float64]] | None = None

    def __call__(self, embedding: Any, *arguments: Any, should_eval_error: bool = False, **options: Any) -> Any:
        points = np.asarray(embedding)
        if self._points is not None and self._answer is not None and np.array_equal(self._points, points):
            answer, self._points = self._answer, None
            return answer
        answer = self._objective(embedding, *arguments, should_eval_error=should_eval_error, **options)
        if should_eval_error:
            self._points, self._answer = points.copy(), answer
        return answer


def affinities(neighbours: Neighbours, perplexity: float, threads: int = 1) -> Any:
    """openTSNE's affinities from these neighbours."""
    from openTSNE.affinity import PerplexityBasedNN

    return PerplexityBasedNN(perplexity=perplexity, knn_index=neighbours, n_jobs=threads)


def perplexity_for(count: int, wanted: float) -> float:
    """The perplexity that ``count`` points allow: three neighbours each for a perplexity of one, so at most a third."""
    return min(wanted, max(1.0, (count - 1) / 3))


def few_points(features: FloatArray) -> FloatArray:
    """Fewer than :data:`FEWEST` points, float32 (N, 2): as far from each other as their features are."""
    count = len(features)
    points: FloatArray = np.zeros((count, 2), np.float32)
    if count < 2:
        return points
    centred = features - features.mean(0)
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    axes = left[:, :2] * sizes[:2]
    points[:, : axes.shape[1]] = axes
    return points
