"""Libraries without a disk: patches are squares of a photograph, and statistics follow from the unit's number."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from skimage import data

from deepvis.messages import (
    Event,
    LayerCorrelation,
    LayerPatches,
    LibraryInfo,
    PatchBack,
    PatchPicture,
    UnitPatches,
    UnitStatistics,
)

NETWORK = "0" * 16
LAYERS = {"conv3": 160, "conv4": 160}
FIELD = 29
TOP = 9


def library_info(folder: str = "/libraries/birds", **changes: Any) -> LibraryInfo:
    """A complete library of the fixtures' network; any field can be another."""
    made = LibraryInfo(
        folder=folder,
        title="birds",
        set_spec="/pictures/birds",
        network_name="tinynet",
        network_hash=NETWORK,
        input_size=(128, 128),
        layers=tuple(LAYERS),
        count=500,
        total=500,
        complete=True,
        skipped=(("broken.jpg", "It cannot be read: the file is cut off"),),
        classes=("goldfinch", "kite", "owl"),
        created=1_700_000_000.0,
        options={"layers": ["conv3", "conv4"], "top": 9},
        revision=3,
        size=12_345_678,
    )
    return replace(made, **changes)


def is_dead(unit: int) -> bool:
    """Every 11th unit is."""
    return unit % 11 == 10


def patch(unit: int, rank: int, field: int = FIELD) -> PatchPicture:
    """A square of a photograph."""
    photo = data.chelsea()
    top, left = (unit * 7 + rank * 31) % (photo.shape[0] - field), (unit * 13 + rank * 17) % (photo.shape[1] - field)
    return PatchPicture(
        rank, 5.0 - rank * 0.25, np.ascontiguousarray(photo[top : top + field, left : left + field]),
        f"kite/{unit}-{rank}.jpg", "kite", (rank, unit % 8), (top, left, top + field, left + field),
    )  # fmt: skip


class FakeShelf:
    """What a session answers of its libraries."""

    def __init__(self) -> None:
        self.infos: tuple[LibraryInfo, ...] = ()
        self.chosen = ""
        self._deleted: list[LibraryInfo] = []

    def serving(self, network_hash: str) -> LibraryInfo | None:
        mine = [info for info in self.infos if info.network_hash == network_hash and info.count]
        return next((info for info in mine if info.folder == self.chosen), mine[0] if mine else None)

    def _has(self, network_hash: str, layer: str) -> LibraryInfo | None:
        info = self.serving(network_hash)
        return info if info is not None and layer in info.layers else None

    def unit(self, network_hash: str, layer: str, unit: int) -> Iterator[Event]:
        info = self._has(network_hash, layer)
        if info is None:
            return
        dead = is_dead(unit)
        yield UnitStatistics(
            info.folder, info.revision, layer, unit, info.count, 0.0 if dead else 5.0, 0.0 if dead else 0.7,
            1.0 if dead else 0.25, dead, np.array([10, 5, 2], np.int64), np.array([0, 2, 4, 6], np.float32),
            (("kite", 3.5), ("owl", 2.0), ("goldfinch", 0.5)), 1.5,
        )  # fmt: skip
        patches = tuple(patch(unit, rank) for rank in range(TOP))
        yield UnitPatches(info.folder, info.revision, layer, unit, patches, TOP)

    def backs(self, network_hash: str, layer: str, unit: int, rule: Any) -> Iterator[Event]:
        info = self._has(network_hash, layer)
        for rank in range(TOP if info is not None else 0):
            assert info is not None
            pixels = np.full((FIELD, FIELD, 4), 128 + rank, np.uint8)
            yield PatchBack(info.folder, layer, unit, rank, rule, pixels, 0.5)

    def layer(self, network_hash: str, layer: str, shown: int, side: int) -> Iterator[Event]:
        info = self._has(network_hash, layer)
        if info is None:
            return
        units = LAYERS[layer]
        tiles = np.zeros((units, side, side, 3), np.uint8)
        tiles[:, :, :, 0] = np.arange(units, dtype=np.uint8)[:, None, None]
        tiles[:, :, :, 1] = 200
        dead = np.array([is_dead(unit) for unit in range(units)])
        values = np.linspace(1, 9, units).astype(np.float32)
        half = np.arange(units) < units // 2
        for ready in (half, np.ones(units, np.bool_)):
            yield LayerPatches(
                info.folder, info.revision, layer, shown, tiles * ready[:, None, None, None], ready, values, dead
            )

    def correlation(self, network_hash: str, layer: str, clustered: bool) -> Iterator[Event]:
        info = self._has(network_hash, layer)
        if info is None:
            return
        units = np.array([unit for unit in range(LAYERS[layer]) if not is_dead(unit)], np.int32)
        if clustered:
            units = units[::-1].copy()
        phase = units.astype(np.float32) / 20
        matrix = np.cos(phase[:, None] - phase[None, :]).astype(np.float32)
        left_out = tuple(unit for unit in range(LAYERS[layer]) if is_dead(unit))
        yield LayerCorrelation(info.folder, info.revision, layer, clustered, matrix, units, left_out, info.count)

    def delete(self, folder: str) -> None:
        self._deleted += [info for info in self.infos if info.folder == folder]
        self.infos = tuple(info for info in self.infos if info.folder != folder)

    def undelete(self) -> None:
        if self._deleted:
            self.infos = (*self.infos, self._deleted.pop())
