"""What is read of libraries, in which order, and how much of it is kept: on libraries that are made up."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import deepvis.backend.library
from deepvis.backend.library.lock import LOCK
from deepvis.library_keeper import LibraryKeeper
from deepvis.library_pictures import sheet, to_trash
from deepvis.library_reader import PatchCache, cluster_order, layer_correlation, layer_patches, tile_of
from deepvis.messages import (
    Event,
    LayerPatches,
    LibrariesChanged,
    LibraryInfo,
    PatchBack,
    PatchExport,
    Problem,
    RunStatus,
    RunUpdate,
    UnitPatches,
    UnitStatistics,
)
from tests.ui.library_shelf import NETWORK, library_info

UNITS, TOP, SIDE = 6, 4, 8


def picture_of(index: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """The picture of this number is all in one colour."""
    return np.full((SIDE, SIDE, 3), 10 * index, np.uint8)


class MadeUp:
    """A library: unit u answers most to the pictures u, u + 1 …"""

    created, revision, total, set_spec, fit, input_size = 1.0, 3, 20, "/pictures", "crop", (8, 8)
    classes = ("a", "b")
    network_name, network_hash, title = "tinynet", NETWORK, "pictures"

    def __init__(self, folder: str | Path, pictures: Any = None) -> None:
        self.folder = Path(folder)
        self.created = type(self).created
        self.read: list[tuple[int, int]] = []
        self.broken: set[int] = set()

    def layer(self, name: str) -> Any:
        rng = np.random.default_rng(0)
        maxima = rng.normal(size=(20, UNITS)).astype(np.float32)
        maxima[:, 4] = 0
        ranks = np.arange(TOP, dtype=np.int32)
        return SimpleNamespace(
            name=name, size=(4, 4), receptive_field=None,
            values=np.tile(np.linspace(4, 1, TOP, dtype=np.float32), (UNITS, 1)),
            pictures=(np.arange(UNITS, dtype=np.int32)[:, None] + ranks),
            positions=np.zeros((UNITS, TOP, 2), np.int32),
            maximum=np.full(UNITS, 4, np.float32), mean=np.ones(UNITS, np.float32),
            mean_maximum=np.full(UNITS, 2, np.float32),
            dead=np.array([0, 0, 0.5, 0, 1, 0]), counted=np.full(UNITS, 20),
            class_means=np.array([[1, 2]] * UNITS, np.float32),
            sample=np.arange(20, dtype=np.int32), sample_maxima=maxima,
        )  # fmt: skip

    def patch(self, layer: str, unit: int, rank: int) -> Any:
        self.read.append((unit, rank))
        index = unit + rank
        if index in self.broken:
            raise ValueError(f"picture {index} is cut off")
        return SimpleNamespace(
            picture=index, position=(0, 0), value=4.0 - rank, pixels=picture_of(index), box=(0, 0, 8, 8),
            seen_box=(0, 0, 8, 8), title=f"{index}.png", label=index % 2,
        )  # fmt: skip

    def picture(self, index: int) -> Any:
        return picture_of(index)

    def correlation(self, name: str) -> Any:
        alive = [0, 1, 2, 3, 5]
        found = np.full((UNITS, UNITS), np.nan, np.float32)
        found[np.ix_(alive, alive)] = np.corrcoef(self.layer(name).sample_maxima[:, alive].T)
        return found


class Stage:
    """A keeper on its thread, and what came of it. Questions to the engine wait until :meth:`answer`."""

    def __init__(self, folder: Path) -> None:
        self.events: list[Event] = []
        self.asked: list[tuple[Callable[[Any], Any], Callable[[Any], None]]] = []
        self._changed = threading.Condition()
        self.keeper = LibraryKeeper(self._on_event, self._ask, folder)

    def _on_event(self, event: Event) -> None:
        with self._changed:
            self.events.append(event)
            self._changed.notify_all()

    def _ask(self, work: Callable[[Any], Any], then: Callable[[Any], None]) -> None:
        with self._changed:
            self.asked.append((work, then))
            self._changed.notify_all()

    def until(self, condition: Callable[[], Any]) -> Any:
        with self._changed:
            assert self._changed.wait_for(condition, 120), f"never happened: {self.events[-4:]}"
            return condition()

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture
def infos() -> list[LibraryInfo]:
    return [library_info("/libraries/one", count=10), library_info("/libraries/two", count=500)]


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, infos: list[LibraryInfo]) -> Iterator[Stage]:
    monkeypatch.setattr(deepvis.backend.library, "libraries", lambda _folder=None: tuple(infos))
    monkeypatch.setattr(deepvis.backend.library, "Library", MadeUp)
    made = Stage(tmp_path)
    made.keeper.load()
    made.until(lambda: made.of(LibrariesChanged))
    yield made
    made.keeper.close()
    made.keeper.thread.join(60)
    assert not made.keeper.thread.is_alive()


def test_the_library_with_most_pictures_serves_until_another_is_chosen(stage: Stage) -> None:
    def serving() -> str:
        info = stage.keeper.serving(NETWORK)
        assert info is not None
        return info.folder

    assert serving() == "/libraries/two"
    stage.keeper.choose("/libraries/one")
    assert serving() == "/libraries/one"
    assert stage.keeper.serving("f" * 16) is None


def test_the_list_clears_what_an_ended_scan_left(stage: Stage, tmp_path: Path) -> None:
    left = tmp_path / "ended"
    left.mkdir()
    for name in (LOCK, "titles.json"):
        (left / name).write_bytes(b"")
        os.utime(left / name, (0, 0))
    os.utime(left, (0, 0))
    known = len(stage.of(LibrariesChanged))
    stage.keeper.refresh()
    stage.until(lambda: len(stage.of(LibrariesChanged)) > known)
    assert not left.exists()


def test_a_scan_that_begins_serves_with_what_it_has(stage: Stage, infos: list[LibraryInfo]) -> None:
    infos.append(library_info("/libraries/new", count=32, complete=False))
    update = RunUpdate(1, 9, picture_of(0), detail={"library": "/libraries/new", "revision": 1})
    stage.keeper.note(RunStatus(1, "patch_scan", "running", update))
    stage.until(lambda: (info := stage.keeper.serving(NETWORK)) is not None and info.folder == "/libraries/new")
    told = len(stage.of(LibrariesChanged))
    # The same revision again is nothing new.
    stage.keeper.note(RunStatus(1, "patch_scan", "running", update))
    stage.keeper.want_unit(NETWORK, "conv4", 0)
    stage.until(lambda: stage.of(UnitStatistics))
    assert len(stage.of(LibrariesChanged)) == told


def test_a_library_that_was_begun_anew_is_read_anew(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, infos: list[LibraryInfo]
) -> None:
    def told() -> list[float]:
        count = len(stage.of(UnitStatistics))
        stage.keeper.want_unit(NETWORK, "conv4", 0)
        stage.until(lambda: len(stage.of(UnitStatistics)) > count)
        return [float(stage.of(UnitStatistics)[-1].maximum)]

    infos[:] = [library_info("/libraries/one", created=1.0, revision=3)]
    stage.keeper.refresh()
    assert told() == [4.0]
    record = MadeUp.layer

    def stronger(library: MadeUp, name: str) -> Any:
        found = record(library, name)
        found.maximum = found.maximum + 5
        return found

    # Its second scan has come as far as the one before it.
    monkeypatch.setattr(MadeUp, "layer", stronger)
    monkeypatch.setattr(MadeUp, "created", 2.0)
    infos[:] = [library_info("/libraries/one", created=2.0, revision=3)]
    listed = len(stage.of(LibrariesChanged))
    stage.keeper.refresh()
    stage.until(lambda: len(stage.of(LibrariesChanged)) > listed)
    assert told() == [9.0]


def test_while_the_engine_is_busy_other_units_are_read(stage: Stage) -> None:
    stage.keeper.want_backs(NETWORK, "conv4", 0, "guided", "raw")
    stage.until(lambda: stage.asked)
    stage.keeper.want_unit(NETWORK, "conv4", 3)
    found = stage.until(lambda: [p for p in stage.of(UnitPatches) if len(p.patches) == TOP])
    assert [patch.title for patch in found[0].patches] == ["3.png", "4.png", "5.png", "6.png"]
    assert len(stage.asked) == 1
    # Answered with nothing (no network), it goes on with the next patch.
    stage.asked[0][1](None)
    stage.until(lambda: len(stage.asked) == 2)


def test_another_unit_takes_the_turn_of_back_projections_that_are_under_way(stage: Stage) -> None:
    stage.keeper.want_backs(NETWORK, "conv4", 0, "guided", "raw")
    stage.until(lambda: len(stage.asked) == 1)
    stage.keeper.want_backs(NETWORK, "conv4", 1, "guided", "raw")
    stage.until(lambda: len(stage.asked) == 2)
    stage.keeper.want_unit(NETWORK, "conv4", 5)
    stage.until(lambda: stage.of(UnitStatistics))
    # Neither goes on before it is answered.
    assert len(stage.asked) == 2


class Evicting(OrderedDict[Any, Any]):
    """Back-projections of which the engine's thread lets one go as soon as it was looked up."""

    def get(self, key: Any, default: Any = None) -> Any:
        return self.pop(key, default)


def test_a_back_projection_that_is_let_go_of_while_it_is_looked_up_is_shown_all_the_same(stage: Stage) -> None:
    stage.keeper.want_backs(NETWORK, "conv4", 2, "guided", "raw")
    for rank in range(TOP):
        stage.until(lambda rank=rank: len(stage.asked) == rank + 1)
        then = stage.asked[rank][1]
        then(PatchBack("/libraries/two", "conv4", 2, rank, "guided", np.zeros((2, 2, 3), np.uint8), 1.0, ""))
    stage.until(lambda: len(stage.of(PatchBack)) == TOP)
    stage.keeper._backs = Evicting(stage.keeper._backs)
    stage.keeper.want_backs(NETWORK, "conv4", 2, "guided", "raw")
    stage.until(lambda: len(stage.of(PatchBack)) == 2 * TOP or stage.of(Problem))
    assert stage.of(Problem) == []
    assert len(stage.asked) == TOP


def test_back_projections_of_another_network_are_not_computed(stage: Stage) -> None:
    stage.keeper.want_backs(NETWORK, "conv4", 0, "guided", "raw")
    stage.until(lambda: stage.asked)
    work, _then = stage.asked[0]
    assert work(SimpleNamespace(hash="another")) is None


def test_nothing_follows_for_a_layer_that_no_library_has(stage: Stage) -> None:
    stage.keeper.want_unit(NETWORK, "conv1", 0)
    stage.keeper.want_unit("f" * 16, "conv4", 0)
    stage.keeper.want_layer(NETWORK, "conv4", 1, 16)
    stage.until(lambda: [patches for patches in stage.of(LayerPatches) if patches.complete])
    assert stage.of(UnitStatistics) == []


def test_a_picture_that_cannot_be_read_leaves_the_others(stage: Stage) -> None:
    library = MadeUp("/l")
    library.broken = {2}
    (last,) = list(layer_patches(library, library.layer("conv4"), 1, 16, PatchCache()))[-1:]  # type: ignore[arg-type]
    assert last.ready.tolist() == [True, True, False, True, True, True]
    assert last.problem == "Picture 2 is cut off"
    assert last.dead.tolist() == [False, False, False, False, True, False]


class Gate:
    """Holds the keeper's thread where it reads patches, from the unit ``of`` on, until it is opened."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, of: int = 0) -> None:
        self.reached, self.open = threading.Event(), threading.Event()
        read = MadeUp.patch

        def patch(library: MadeUp, layer: str, unit: int, rank: int) -> Any:
            if unit >= of:
                self.reached.set()
                assert self.open.wait(120)
            return read(library, layer, unit, rank)

        monkeypatch.setattr(MadeUp, "patch", patch)


def test_an_export_that_is_given_up_ends_and_says_so(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    gate = Gate(monkeypatch, of=2)
    out = tmp_path / "out"
    stage.keeper.export("/libraries/one", "conv4", str(out))
    assert gate.reached.wait(120)
    stage.keeper.cancel_export()
    gate.open.set()
    stage.until(lambda: [export for export in stage.of(PatchExport) if export.over])
    assert len(list(out.glob("*.png"))) == 3
    (told,) = stage.of(Problem)
    assert told.title == "The export was given up"
    assert stage.of(PatchExport)[0].left is not None


def test_every_library_that_is_deleted_goes_and_the_last_one_comes_back(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folders = [tmp_path / name for name in ("first", "second", "third")]
    for folder in folders:
        folder.mkdir()
    gate = Gate(monkeypatch)
    stage.keeper.want_unit(NETWORK, "conv4", 0)
    assert gate.reached.wait(120)
    told = len(stage.of(LibrariesChanged))
    # All of it is asked for before the thread comes to any of it.
    for folder in folders:
        stage.keeper.delete(str(folder))
    stage.keeper.undelete()
    gate.open.set()
    stage.until(lambda: len(stage.of(LibrariesChanged)) > told)
    assert [folder.exists() for folder in folders] == [False, False, True]


def test_patches_that_are_kept_are_not_read_again_and_the_oldest_leave() -> None:
    library = MadeUp("/l")
    record = library.layer("conv4")
    cache = PatchCache(limit=3 * picture_of(0).nbytes)
    for _ in range(2):
        for rank in range(3):
            assert cache.read(library, record, 0, rank).title == f"{rank}.png"  # type: ignore[arg-type]
    assert library.read == [(0, 0), (0, 1), (0, 2)]
    cache.read(library, record, 5, 0)  # type: ignore[arg-type]
    assert cache.bytes == 3 * picture_of(0).nbytes
    cache.read(library, record, 0, 0)  # type: ignore[arg-type]
    assert library.read[-1] == (0, 0)


def test_a_tile_holds_its_patches_row_by_row() -> None:
    tile = tile_of([picture_of(index) for index in range(1, 4)], 2, 16)
    assert tile.shape == (16, 16, 3)
    assert [int(tile[y, x, 0]) for y in (0, 8) for x in (0, 8)] == [10, 20, 30, 0]


def test_units_that_go_together_become_neighbours() -> None:
    rng = np.random.default_rng(1)
    groups = rng.permutation(np.repeat(np.arange(4), 5))
    causes = rng.normal(size=(200, 4))
    values = causes[:, groups] + 0.3 * rng.normal(size=(200, 20))
    order = cluster_order(np.corrcoef(values.T))
    assert sorted(order.tolist()) == list(range(20))
    changes = np.count_nonzero(np.diff(groups[order]))
    assert changes == 3


def test_units_without_a_correlation_are_left_out() -> None:
    library = MadeUp("/l")
    for clustered in (True, False):
        found = layer_correlation(library, library.layer("conv4"), clustered)  # type: ignore[arg-type]
        assert found.left_out == (4,)
        assert sorted(found.units.tolist()) == [0, 1, 2, 3, 5]
        whole = library.correlation("conv4")
        assert np.array_equal(found.matrix, whole[np.ix_(found.units, found.units)])
    assert found.units.tolist() == [0, 1, 2, 3, 5]


def test_an_exported_sheet_enlarges_small_patches_by_whole_factors() -> None:
    page = sheet([picture_of(index) for index in range(5)], gap=4)
    assert page.shape == (2 * 96 + 4, 3 * 96 + 2 * 4, 3)
    assert page[0, 100].tolist() == [10, 10, 10]
    assert page[0, 97].tolist() == [255, 255, 255]
    assert page[-1, -1].tolist() == [255, 255, 255]


def test_a_library_goes_to_the_trash_and_can_come_back(tmp_path: Path) -> None:
    folder = tmp_path / "library"
    folder.mkdir()
    (folder / "manifest.json").write_text("{}")
    target = to_trash(folder)
    assert not folder.exists()
    assert (target / "manifest.json").is_file()
    target.rename(folder)
    assert (folder / "manifest.json").is_file()
