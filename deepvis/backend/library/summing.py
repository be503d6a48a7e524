"""From what a batch of pictures came to, to the sums over all pictures."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from deepvis.backend.library.manifest import Manifest
from deepvis.backend.library.reduction import Answers
from deepvis.backend.library.scale import BINS, bins_of, edges, to_units
from deepvis.backend.library.state import State
from deepvis.backend.library.strongest import Int32Array


class Sums:
    """Adds batches to a state.

    Parameters
    ----------
    manifest : of the library.
    labels : int32 (N,), classes of all pictures, -1 for none.
    """

    def __init__(self, manifest: Manifest, labels: Int32Array) -> None:
        self._total = manifest.total
        self._labels = labels
        self._slices = list(manifest.slices().values())
        self._edges = [edges(layer.exponent) for layer in manifest.layers]
        self._exponents = np.repeat(
            np.array([layer.exponent for layer in manifest.layers], np.int32),
            [layer.channels for layer in manifest.layers],
        )
        self._first_bins = np.arange(manifest.units, dtype=np.int64) * BINS

    def add(self, state: State, answers: Answers, pictures: Int32Array, valid: npt.NDArray[np.bool_]) -> None:
        """Add a batch.

        Parameters
        ----------
        pictures : int32 (n,), indices in the set.
        valid : bool (n,), which of them are pictures.
        """
        state.strongest.add(
            answers.units,
            answers.maxima[answers.pictures, answers.units],
            pictures[answers.pictures],
            answers.positions,
        )
        if not valid.any():
            return
        maxima, means, pictures = answers.maxima[valid], answers.means[valid], pictures[valid]
        counted = np.isfinite(maxima) & np.isfinite(means)
        whole = bool(counted.all())
        if not whole:
            maxima, means = (np.where(counted, values, np.float32(0)) for values in (maxima, means))
        state.counted += counted.sum(0)
        state.silent += (counted & (maxima <= 0)).sum(0)
        state.mean_sums += to_units(means, self._exponents, self._total).sum(0)
        units = to_units(maxima, self._exponents, self._total)
        state.maximum_sums += units.sum(0)
        self._add_histogram(state, maxima, counted, whole)
        self._add_classes(state, units, counted, pictures, whole)

    def _add_histogram(
        self, state: State, maxima: npt.NDArray[np.float32], counted: npt.NDArray[np.bool_], whole: bool
    ) -> None:
        bins = np.empty(maxima.shape, np.int64)
        for units, layer_edges in zip(self._slices, self._edges, strict=True):
            bins[:, units] = bins_of(maxima[:, units], layer_edges)
        bins += self._first_bins
        np.add.at(state.histogram.reshape(-1), (bins if whole else bins[counted]).reshape(-1), 1)

    def _add_classes(
        self,
        state: State,
        units: npt.NDArray[np.int64],
        counted: npt.NDArray[np.bool_],
        pictures: Int32Array,
        whole: bool,
    ) -> None:
        for row, label in enumerate(self._labels[pictures].tolist()):
            if label < 0 or label >= len(state.class_counts):
                continue
            state.class_counts[label] += 1
            state.class_sums[label] += units[row]
            if not whole and not counted[row].all():
                if state.class_missing is None:
                    state.class_missing = np.zeros(state.class_sums.shape, np.int32)
                state.class_missing[label] += ~counted[row]
