"""The direct encoding: every pixel is a number of its own."""

from __future__ import annotations

import numpy as np
import torch

from deepvis.backend.runs.evolution.variation import polynomial_mutation, simulated_binary_crossover
from deepvis.messages import FloatArray, UInt8Array

MUTATION_RATE = 0.1
CROSSOVER_RATE = 0.5


class DirectEncoding:
    """Genomes are the pictures themselves, uint8 (h, w, c).

    They begin as uniform noise. A child crosses over with a second elite half of the time, and a tenth of its pixel
    values are mutated; the operators work on [0, 1] and the child is rounded to 8 bits, as it will be judged.
    """

    def __init__(self, size: tuple[int, int], channels: int) -> None:
        self._shape = (*size, channels)

    def random(self, generator: np.random.Generator) -> UInt8Array:
        """Uniform noise."""
        return _levels(generator.random(self._shape, np.float32))

    def child(self, parents: list[UInt8Array], generator: np.random.Generator) -> UInt8Array:
        """A mutated child of one parent, or of two."""
        values = _unit(parents[int(generator.integers(len(parents)))])
        if generator.random() < CROSSOVER_RATE:
            other = _unit(parents[int(generator.integers(len(parents)))])
            near, _ = simulated_binary_crossover(values, other, generator.random(self._shape, np.float32))
            values = near.clip(0, 1)
        chosen = generator.random(self._shape, np.float32) < MUTATION_RATE
        some = values[chosen]
        values[chosen] = polynomial_mutation(some, generator.random(some.shape, np.float32), 0.0, 1.0)
        return _levels(values)

    def draw(self, genomes: list[UInt8Array]) -> torch.Tensor:
        """uint8 (N, h, w, c) on the CPU."""
        return torch.from_numpy(np.stack(genomes))


def _unit(picture: UInt8Array) -> FloatArray:
    values: FloatArray = picture.astype(np.float32) / np.float32(255)
    return values


def _levels(values: FloatArray) -> UInt8Array:
    return np.rint(values * 255).astype(np.uint8)
