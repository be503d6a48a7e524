"""Reads what the window shows of a library: patches, statistics, tiles of a layer, how its units go together.

Importing this module loads neither torch, Qt, scipy nor OpenCV.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from deepvis.messages import (
    LayerCorrelation,
    LayerPatches,
    PatchPicture,
    UInt8Array,
    UnitPatches,
    UnitStatistics,
)

if TYPE_CHECKING:
    from deepvis.backend.library import LayerRecord, Library

CLASSES = 5
"""Classes that are named for a unit."""

_BINS = 36
_CACHE_BYTES = 96 * 2**20
_FAILURES = 3
"""So many pictures that cannot be read before any can: the set itself is not there."""

_OPTIMAL_ORDER = 600
"""More units than this are put in the order in which they were joined, without the best turn of every branch, which
takes time with the cube of their number."""


class PatchCache:
    """Patches that were read, up to a number of bytes; the ones that were not used for longest leave."""

    def __init__(self, limit: int = _CACHE_BYTES) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[object, ...], PatchPicture] = OrderedDict()
        self._bytes = 0

    @property
    def bytes(self) -> int:
        """Bytes of the pictures that are kept."""
        return self._bytes

    def read(self, library: Library, record: LayerRecord, unit: int, rank: int) -> PatchPicture:
        """A patch, from memory where it is there. Raises as ``Library.patch``."""
        place = (int(record.pictures[unit, rank]), *map(int, record.positions[unit, rank]))
        key = (str(library.folder), library.created, record.name, unit, *place)
        with self._lock:
            known = self._kept.get(key)
            if known is not None:
                self._kept.move_to_end(key)
        if known is None:
            found = library.patch(record.name, unit, rank)
            label = library.classes[found.label] if 0 <= found.label < len(library.classes) else ""
            known = PatchPicture(rank, found.value, found.pixels, found.title, label, found.position, found.box)
            with self._lock:
                self._kept[key] = known
                self._bytes += known.pixels.nbytes
                while self._bytes > self._limit and len(self._kept) > 1:
                    self._bytes -= self._kept.popitem(last=False)[1].pixels.nbytes
        if known.rank != rank:
            # The scan went on, and another patch came before it.
            known = PatchPicture(
                rank, known.value, known.pixels, known.title, known.label, known.position, known.box
            )  # fmt: skip
        return known


def places(record: LayerRecord, unit: int) -> int:
    """How many patches of a unit there are."""
    return int((record.pictures[unit] >= 0).sum())


def unit_patches(library: Library, record: LayerRecord, unit: int, cache: PatchCache) -> Iterator[UnitPatches]:
    """The patches of a unit as they are read, three at a time; the last one has them all, or says what is wrong."""
    count = places(record, unit)
    made: list[PatchPicture] = []
    problem = ""

    def so_far() -> UnitPatches:
        return UnitPatches(
            str(library.folder), library.revision, record.name, unit, tuple(made), count, problem
        )  # fmt: skip

    for rank in range(count):
        try:
            made.append(cache.read(library, record, unit, rank))
        except Exception as error:
            problem = problem_text(error)
            if rank + 1 - len(made) >= _FAILURES:
                break
            continue
        if len(made) % 3 == 0 and len(made) < count:
            yield so_far()
    yield so_far()


def unit_statistics(library: Library, record: LayerRecord, unit: int) -> UnitStatistics:
    """What the unit answered to the pictures of the set."""
    counted = int(record.counted[unit])
    own = record.sample_maxima[:, unit]
    own = own[np.isfinite(own)]
    counts, edges = np.zeros(0, np.int64), np.zeros(1, np.float32)
    if len(own):
        low, high = min(0.0, float(own.min())), max(0.0, float(own.max()))
        made = np.histogram(own, _BINS, range=(low, high if high > low else low + 1))
        counts, edges = made[0].astype(np.int64), made[1].astype(np.float32)
    means = record.class_means[unit]
    known = np.flatnonzero(np.isfinite(means))
    best = known[np.argsort(-means[known], kind="stable")][:CLASSES]
    silent = float(record.dead[unit]) if counted else 0.0
    return UnitStatistics(
        folder=str(library.folder),
        revision=library.revision,
        layer=record.name,
        unit=unit,
        pictures=counted,
        maximum=float(record.maximum[unit]),
        mean=float(record.mean[unit]),
        silent=silent,
        dead=counted > 0 and silent >= 1.0,
        counts=counts,
        edges=edges,
        classes=tuple((library.classes[index], float(means[index])) for index in best),
        overall=float(record.mean_maximum[unit]) if counted else 0.0,
    )


# ------------------------------------------------------------------------------------------------------- a whole layer


def layer_patches(
    library: Library, record: LayerRecord, shown: int, side: int, cache: PatchCache
) -> Iterator[LayerPatches]:
    """The tiles of a layer as they are made, a state after every unit; all of them share their arrays.

    Parameters
    ----------
    shown : patches in a tile: 1, 4 or 9.
    side : of a tile in pixels; it is brought to a multiple of the patches in a row.
    """
    across = round(shown**0.5)
    side = max(across, side // across * across)
    units = len(record.values)
    tiles = np.zeros((units, side, side, 3), np.uint8)
    ready = np.zeros(units, np.bool_)
    with np.errstate(invalid="ignore"):
        dead = np.asarray(record.dead >= 1.0) & (record.counted > 0)
    problem, failures = "", 0
    # Units with the same picture after each other: it is decoded once.
    for unit in np.argsort(record.pictures[:, 0], kind="stable").tolist():
        try:
            pictures = [
                cache.read(library, record, unit, rank).pixels for rank in range(min(shown, places(record, unit)))
            ]
            tiles[unit] = tile_of(pictures, across, side)
            ready[unit] = True
        except Exception as error:
            problem, failures = problem_text(error), failures + 1
        yield LayerPatches(
            str(library.folder), library.revision, record.name, shown, tiles, ready, record.maximum, dead, problem
        )
        if failures >= _FAILURES and not ready.any():
            return


def tile_of(pictures: Sequence[UInt8Array], across: int, side: int) -> UInt8Array:
    """Pictures, uint8 (h, w, 3), in rows of ``across`` in a square of ``side`` pixels; black where there are none."""
    tile = np.zeros((side, side, 3), np.uint8)
    cell = side // across
    for place, picture in enumerate(pictures[: across * across]):
        row, column = divmod(place, across)
        tile[row * cell : (row + 1) * cell, column * cell : (column + 1) * cell] = fitted(picture, cell)
    return tile


def fitted(picture: UInt8Array, side: int) -> UInt8Array:
    """A patch in a square of ``side`` pixels: averaged down, or its pixels as squares."""
    import cv2

    height, width = picture.shape[:2]
    if height == width == side:
        return picture
    enlarging = side >= 2 * max(height, width)
    how = cv2.INTER_NEAREST if enlarging else cv2.INTER_LINEAR if side > height else cv2.INTER_AREA
    found: UInt8Array = np.asarray(cv2.resize(picture, (side, side), interpolation=how), np.uint8)
    return found


# ----------------------------------------------------------------------------------------------- how units go together


def layer_correlation(library: Library, record: LayerRecord, clustered: bool) -> LayerCorrelation:
    """The correlation of the units that have one, in the order in which it is shown."""
    whole = library.correlation(record.name)
    has = np.isfinite(np.diagonal(whole))
    units = np.flatnonzero(has).astype(np.int32)
    matrix = whole[np.ix_(units, units)]
    if clustered and len(units) > 2:
        order = cluster_order(matrix)
        units, matrix = units[order], matrix[np.ix_(order, order)]
    pictures = len(record.sample)
    problem = ""
    if len(units) < 2:
        problem = "Fewer than two units of this layer change over these pictures, so there is nothing to compare"
    return LayerCorrelation(
        str(library.folder), library.revision, record.name, clustered, np.ascontiguousarray(matrix), units,
        tuple(np.flatnonzero(~has).tolist()), pictures, problem,
    )  # fmt: skip


def cluster_order(matrix: npt.NDArray[np.floating]) -> npt.NDArray[np.intp]:
    """An order in which rows that go together are neighbours: the leaves of a tree joined by mean distance.

    Parameters
    ----------
    matrix : (n, n) correlations, n at least 2; the distance of two rows is 1 - correlation.
    """
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    distance = np.clip(1.0 - matrix.astype(np.float64), 0.0, 2.0)
    distance = (distance + distance.T) / 2
    np.fill_diagonal(distance, 0.0)
    tree = linkage(squareform(distance, checks=False), "average", optimal_ordering=len(matrix) <= _OPTIMAL_ORDER)
    return np.asarray(leaves_list(tree), np.intp)


def problem_text(error: Exception) -> str:
    """What is wrong with a picture or a set, in one sentence for a person."""
    title, cause = getattr(error, "title", ""), getattr(error, "cause", "")
    remedy = getattr(error, "remedy", "")
    if title:
        sentence = f"{title}: {cause}" if cause else str(title)
        text = f"{sentence}; {remedy}" if remedy else sentence
    else:
        text = str(error.args[0]) if error.args else type(error).__name__
    return text[:1].upper() + text[1:]
