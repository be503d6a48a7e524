"""The k largest activations of each unit, one a picture or photograph, the same in whatever order the pictures come.

Where pictures are crops of one photograph, the strongest of them stands for all: they overlap, and would show nearly
the same patch again and again. A photograph's maximum that k others outdo stays outdone, since theirs can only grow, so
that k places a unit suffice, whichever pictures come first and however they are shared among processes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepvis.messages import FloatArray

Int32Array = npt.NDArray[np.int32]
_LOWEST = np.float32(-np.inf)
_ROOM = np.int64(2**32)


@dataclass(slots=True)
class Strongest:
    """The places of every unit, the strongest first; of equal values the picture with the lower index comes first.

    Attributes
    ----------
    values : float32 (U, k), -inf where a place is empty.
    pictures : int32 (U, k), -1 where it is empty.
    positions : int32 (U, k, 2), row and column in the map.
    photographs : int32 (N,), of which photograph each picture of the set is; None: each is one of its own.
    """

    values: FloatArray
    pictures: Int32Array
    positions: Int32Array
    photographs: Int32Array | None = None

    @classmethod
    def empty(cls, units: int, top: int, photographs: Int32Array | None = None) -> Strongest:
        """No picture yet."""
        return cls(
            np.full((units, top), _LOWEST),
            np.full((units, top), -1, np.int32),
            np.zeros((units, top, 2), np.int32),
            photographs,
        )

    def wanted(self, values: FloatArray, pictures: Int32Array, units: slice) -> npt.NDArray[np.bool_]:
        """Which values would get a place beside those that are there.

        Parameters
        ----------
        values : float32 (n, C), not a number where there is none.
        pictures : int32 (n,), their indices in the set.
        units : the C units.

        Returns
        -------
        bool (n, C).
        """
        last_value = self.values[units, -1]
        last_picture = self.pictures[units, -1]
        # An empty place has -inf, and takes whatever is above that: no activation of -inf is kept.
        better = values > last_value
        level = (values == last_value) & (pictures[:, None] < last_picture)
        wanted: npt.NDArray[np.bool_] = better | level
        top = self.values.shape[1]
        if self.photographs is None and len(pictures) > top and int(wanted.sum()) > top * values.shape[1]:
            # Of one unit no more than k can stay; in the first blocks this saves most of the search for positions.
            order = np.argsort(_keys(np.where(wanted, values, _LOWEST), pictures[:, None]), axis=0)
            weak = order[: len(pictures) - top]
            np.put_along_axis(wanted, weak, False, axis=0)
        return wanted

    def add(self, units: npt.NDArray[np.intp], values: FloatArray, pictures: Int32Array, positions: Int32Array) -> None:
        """Enter activations, each of one unit in one picture.

        Parameters
        ----------
        units : (m,) in ascending order; a unit may come several times.
        values, pictures, positions : float32 (m,), int32 (m,) and int32 (m, 2).
        """
        if len(units) == 0:
            return
        concerned, first, counts = np.unique(units, return_index=True, return_counts=True)
        most = int(counts.max())
        shape = (len(concerned), most)
        new = Strongest(np.full(shape, _LOWEST), np.full(shape, -1, np.int32), np.zeros((*shape, 2), np.int32))
        row = np.repeat(np.arange(len(concerned)), counts)
        column = np.arange(len(units)) - np.repeat(first, counts)
        new.values[row, column] = values
        new.pictures[row, column] = pictures
        new.positions[row, column] = positions
        self._put(concerned, new)

    def merge(self, other: Strongest) -> None:
        """Take over what another process found in other pictures."""
        self._put(np.arange(len(self.values)), other)

    def _put(self, units: npt.NDArray[np.intp], new: Strongest) -> None:
        values = np.concatenate([self.values[units], new.values], 1)
        pictures = np.concatenate([self.pictures[units], new.pictures], 1)
        positions = np.concatenate([self.positions[units], new.positions], 1)
        top = self.values.shape[1]
        if self.photographs is not None:
            again = _again(_keys(values, pictures), np.where(pictures < 0, -1, self.photographs[pictures]))
            values[again], pictures[again], positions[again] = _LOWEST, -1, 0
        order = np.argsort(_keys(values, pictures), axis=1)[:, ::-1][:, :top]
        self.values[units] = np.take_along_axis(values, order, 1)
        self.pictures[units] = np.take_along_axis(pictures, order, 1)
        self.positions[units] = np.take_along_axis(positions, order[:, :, None], 1)


def _again(keys: npt.NDArray[np.int64], photographs: Int32Array) -> npt.NDArray[np.bool_]:
    """bool (U, m): places of which another has the same photograph and a larger key; -1 is no photograph."""
    order = np.lexsort((-keys, photographs), axis=1)
    ordered = np.take_along_axis(photographs, order, 1)
    repeated = np.zeros(order.shape, np.bool_)
    repeated[:, 1:] = (ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)
    found = np.empty_like(repeated)
    np.put_along_axis(found, order, repeated, axis=1)
    return found


def _keys(values: FloatArray, pictures: Int32Array) -> npt.NDArray[np.int64]:
    """Whole numbers in the order of (value, -picture), so that one sort puts both in order."""
    # Adding zero makes -0.0 and 0.0 one number, as comparison has them.
    bits = (values + np.float32(0)).view(np.int32).astype(np.int64)
    ordered = np.where(bits < 0, np.int64(-(2**31)) - bits, bits).astype(np.int64)
    keys: npt.NDArray[np.int64] = ordered * _ROOM - pictures
    return keys
