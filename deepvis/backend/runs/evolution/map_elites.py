"""MAP-Elites (Mouret & Clune 2015, "Illuminating search spaces by mapping elites") with one cell a class.

A cell holds the picture that the network takes for its class with the highest confidence so far. Every child is tried
against every class, so that a picture bred in one cell may take another.
"""

from __future__ import annotations

from typing import Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt
import torch

from deepvis.messages import FloatArray, UInt8Array

G = TypeVar("G")


class Encoding(Protocol[G]):
    """How a picture is written down so that it can be varied."""

    def random(self, generator: np.random.Generator) -> G:
        """A genome without parents."""

    def child(self, parents: list[G], generator: np.random.Generator) -> G:
        """A varied copy of one of ``parents`` (of two, where the encoding crosses over); they stay as they are."""

    def draw(self, genomes: list[G]) -> torch.Tensor:
        """The pictures, uint8 (N, h, w, c) with c = 1 or 3 (RGB), on any device."""


class Archive(Generic[G]):
    """The best picture of every class so far.

    Parameters
    ----------
    classes : number of cells.
    size : (h, w) of the pictures.

    Attributes
    ----------
    confidence : float32 (classes,), 0 where a cell is empty. It never falls.
    genomes : by class, None where a cell is empty.
    """

    def __init__(self, classes: int, size: tuple[int, int]) -> None:
        self.confidence: FloatArray = np.zeros(classes, np.float32)
        self.genomes: list[G | None] = [None] * classes
        self._pictures: UInt8Array = np.zeros((classes, *size, 3), np.uint8)
        self._published: UInt8Array | None = None

    @property
    def pictures(self) -> UInt8Array:
        """uint8 (classes, h, w, 3) RGB: the same array until a cell changes, and never written into afterwards."""
        if self._published is None:
            self._published = self._pictures.copy()
        return self._published

    @property
    def nbytes(self) -> int:
        """Size of :attr:`pictures` in bytes."""
        return self._pictures.nbytes

    def cells(self, classes: list[int]) -> UInt8Array:
        """uint8 (N, h, w, 3) RGB of some classes' pictures, a copy."""
        return self._pictures[classes]

    @property
    def elites(self) -> list[G]:
        """The genomes of the cells that are filled, in the order of the classes."""
        return [genome for genome in self.genomes if genome is not None]

    @property
    def filled(self) -> npt.NDArray[np.bool_]:
        """bool (classes,): which cells hold a picture."""
        return np.array([genome is not None for genome in self.genomes])

    def contenders(self, confidences: FloatArray) -> list[int]:
        """Which children, by number, would take a cell with these (N, classes) confidences."""
        best = np.nan_to_num(confidences, nan=-1.0).argmax(0)
        wins = confidences[best, np.arange(len(best))] > self.confidence
        return sorted({int(number) for number in best[wins]})

    def enter(self, confidences: FloatArray, pictures: UInt8Array, genomes: list[G]) -> list[int]:
        """Try children against every class; those that are better than what a cell holds take it.

        Parameters
        ----------
        confidences : (N, classes); NaN never takes a cell.
        pictures : uint8 (N, h, w, 3) RGB.
        genomes : N of them.

        Returns
        -------
        The classes whose cell changed.
        """
        if not genomes:
            return []
        best = np.nan_to_num(confidences, nan=-1.0).argmax(0)
        value = confidences[best, np.arange(len(best))]
        changed = np.flatnonzero(value > self.confidence)
        if len(changed):
            self._published = None
            self._pictures[changed] = pictures[best[changed]]
            # A new array: what was handed out stays as it was.
            confidence = self.confidence.copy()
            confidence[changed] = value[changed]
            self.confidence = confidence
            for cell in changed:
                self.genomes[cell] = genomes[int(best[cell])]
        return [int(cell) for cell in changed]
