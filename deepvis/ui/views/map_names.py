"""Where the names of classes stand in a map: at the heart of each, the tightest first, none over another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepvis.messages import FloatArray

_NEAR = 0.04
"""Of the map's extent: pictures of a class that are no further apart lie together."""
_MOST = 400
_LEAST = 3


@dataclass(frozen=True, slots=True)
class ClassName:
    """A class's name, the place (x, y) at its heart, and how much it deserves to be shown."""

    group: int
    text: str
    x: float
    y: float
    weight: float


def class_names(points: FloatArray, groups: npt.NDArray[np.int32], names: tuple[str, ...]) -> tuple[ClassName, ...]:
    """The classes that lie together somewhere, those with the most pictures together first.

    Parameters
    ----------
    points : float32 (N, 2).
    groups : int32 (N,), index into ``names``; -1: none.
    """
    if not len(points) or not names:
        return ()
    reach = _NEAR * float(np.ptp(points, axis=0).max())
    order = np.argsort(groups, kind="stable")
    present, starts = np.unique(groups[order], return_index=True)
    found = []
    for group, members in zip(present.tolist(), np.split(order, starts[1:]), strict=True):
        if not 0 <= group < len(names) or len(members) < _LEAST:
            continue
        if len(members) > _MOST:
            members = members[np.linspace(0, len(members) - 1, _MOST).astype(np.int64)]
        own = points[members]
        near = (np.abs(own[:, None] - own[None]) <= reach).all(2)
        together = near.sum(1)
        heart = int(together.argmax())
        share = float(together[heart]) / len(members)
        if together[heart] < _LEAST:
            continue
        x, y = own[near[heart]].mean(0)
        found.append(ClassName(group, names[group], float(x), float(y), share * float(np.log(1 + len(members)))))
    return tuple(sorted(found, key=lambda name: -name.weight))


def inside_polygon(points: FloatArray, polygon: FloatArray) -> npt.NDArray[np.bool_]:
    """Which points, float (N, 2), lie inside a polygon, float (M, 2), by the even-odd rule; bool (N,)."""
    inside = np.zeros(len(points), np.bool_)
    if len(polygon) < 3:
        return inside
    x, y = points[:, 0], points[:, 1]
    ends = np.roll(polygon, -1, axis=0)
    for (x0, y0), (x1, y1) in zip(polygon.tolist(), ends.tolist(), strict=True):
        if y0 == y1:
            continue
        crosses = (y0 > y) != (y1 > y)
        inside ^= crosses & (x < (x1 - x0) * (y - y0) / (y1 - y0) + x0)
    return inside
