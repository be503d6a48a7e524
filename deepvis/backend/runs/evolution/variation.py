"""Variation operators on bounded real numbers: polynomial mutation and simulated binary crossover.

Both are functions of uniform numbers that the caller draws, so that what they do can be checked number by number.

Papers: Deb & Agrawal 1995, "Simulated binary crossover for continuous search space"; Deb & Goyal 1996, "A combined
genetic adaptive search (GeneAS) for engineering design" (polynomial mutation, here in its bounded form).
"""

from __future__ import annotations

import numpy as np

from deepvis.messages import FloatArray

ETA_MUTATION = 15.0
ETA_CROSSOVER = 10.0


def polynomial_mutation(
    values: FloatArray, uniforms: FloatArray, low: float, high: float, eta: float = ETA_MUTATION
) -> FloatArray:
    """Each value moved by a random share of its range, mostly a small one.

    Parameters
    ----------
    values : in [low, high], any shape.
    uniforms : in [0, 1), the same shape; 0.5 leaves a value where it is, 0 and 1 take it to its bounds.
    low, high : bounds, which the result keeps.
    eta : distribution index; the larger, the smaller the steps (about 1 / eta of the range).
    """
    width = high - low
    below, above = (values - low) / width, (high - values) / width
    power = np.float32(1 / (eta + 1))
    down = uniforms < 0.5
    room = 1 - np.where(down, below, above)
    tail = np.where(down, 2 * uniforms, 2 - 2 * uniforms)
    inner = (tail + (1 - tail) * room ** np.float32(eta + 1)) ** power
    moved = values + width * np.where(down, inner - 1, 1 - inner)
    result: FloatArray = np.clip(moved, low, high).astype(np.float32)
    return result


def simulated_binary_crossover(
    first: FloatArray, second: FloatArray, uniforms: FloatArray, eta: float = ETA_CROSSOVER
) -> tuple[FloatArray, FloatArray]:
    """Two children of two parents, value by value; the children's mean is the parents' mean.

    Parameters
    ----------
    first, second : the parents, of one shape.
    uniforms : in [0, 1), the same shape; 0.5 gives the parents back, less draws the children together, more spreads
        them.
    eta : distribution index; the larger, the nearer each child to its parent.

    Returns
    -------
    The child near the first parent and the one near the second; they may leave the parents' bounds.
    """
    power = np.float32(1 / (eta + 1))
    spread = np.where(uniforms <= 0.5, 2 * uniforms, 1 / (2 - 2 * np.minimum(uniforms, np.float32(0.999999)))) ** power
    middle, half = (first + second) / 2, (first - second) / 2
    return (middle + spread * half).astype(np.float32), (middle - spread * half).astype(np.float32)
