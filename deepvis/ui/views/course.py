"""A run's figures from step to step. No Qt in here."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]

_FIRST_ROOM = 256


class Course:
    """The figures of one run, by name, at the steps that were told of.

    Attributes
    ----------
    total : steps in all, as far as is known.
    """

    def __init__(self) -> None:
        self._steps: Numbers = np.empty(_FIRST_ROOM)
        self._values: dict[str, Numbers] = {}
        self._count = 0
        self.total = 0

    def append(self, step: int, total: int, metrics: Mapping[str, float]) -> None:
        """Note the figures of a step; what was noted for this step or later ones before is forgotten."""
        while self._count and self._steps[self._count - 1] >= step:
            self._count -= 1
        if self._count == len(self._steps):
            self._steps = _doubled(self._steps)
            self._values = {name: _doubled(values) for name, values in self._values.items()}
        self.total = total
        self._steps[self._count] = step
        for name, value in metrics.items():
            if name not in self._values:
                self._values[name] = np.full(len(self._steps), np.nan)
            self._values[name][self._count] = value
        self._count += 1

    @property
    def names(self) -> tuple[str, ...]:
        """The figures' names, in the order in which they came."""
        return tuple(self._values)

    @property
    def steps(self) -> Numbers:
        """(n,) the steps that were told of, ascending."""
        return self._steps[: self._count]

    def values(self, name: str) -> Numbers:
        """(n,) one figure at each of these steps; NaN where it was not told."""
        return self._values[name][: self._count]

    def last(self, name: str) -> float:
        """A figure's newest value; NaN where there is none."""
        return float(self.values(name)[-1]) if self._count else float("nan")


def thinned(x: Numbers, y: Numbers, width: int) -> tuple[Numbers, Numbers]:
    """At most ``2 * width`` of the points, the lowest and the highest of each stretch: what a line of ``width`` pixels
    can show. ``x`` ascending."""
    if len(x) <= 2 * width:
        return x, y
    length = math.ceil(len(x) / width)
    stretches = np.full((math.ceil(len(x) / length), length), np.nan)
    stretches.flat[: len(y)] = y
    known = np.isfinite(stretches)
    begin = np.arange(len(stretches)) * length
    ends = (np.where(known, stretches, np.inf).argmin(1), np.where(known, stretches, -np.inf).argmax(1))
    kept = np.unique(np.concatenate([(begin + end)[known.any(1)] for end in ends]))
    return x[kept], y[kept]


def _doubled(values: Numbers) -> Numbers:
    larger = np.full(2 * len(values), np.nan)
    larger[: len(values)] = values
    return larger
