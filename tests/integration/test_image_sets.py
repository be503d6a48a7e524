"""Image sets from end to end: a real scan by the engine, read and shown by the window."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot
from skimage import data

import deepvis
from deepvis.backend.library import Library
from deepvis.messages import (
    Event,
    LayerCorrelation,
    LayerPatches,
    NetworkReady,
    NetworkSpec,
    PatchBack,
    PatchExport,
    PatchOpened,
    Problem,
    RunStatus,
    UnitPatches,
    UnitStatistics,
)
from deepvis.session import Session
from deepvis.ui.main_window import MainWindow
from deepvis.ui.settings_store import SettingsStore
from tests.ui.dressing import dark, undressed

T = TypeVar("T")
LAYER = "conv3"


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Crops of photographs in two class folders, and a file that is none."""
    folder = tmp_path / "pictures"
    for name in ("chelsea", "coffee"):
        (folder / name).mkdir(parents=True)
        photo = np.ascontiguousarray(getattr(data, name)()[:, :, ::-1])
        for place in range(20):
            top, left = 7 * place, 9 * place
            cv2.imwrite(str(folder / name / f"{place:02d}.png"), photo[top : top + 130, left : left + 130])
    (folder / "coffee" / "broken.png").write_bytes(b"no picture")
    return folder


class Listener:
    """A session, and everything that came of it."""

    def __init__(self) -> None:
        self.session = Session()
        self.events: list[Event] = []
        self._woken = threading.Event()
        self.session.set_wake(self._woken.set)
        self.session.start()

    def until(self, condition: Callable[[], T], seconds: float = 120) -> T:
        """Wait until the condition holds; what it gave."""
        end = time.monotonic() + seconds
        while True:
            self._woken.clear()
            self.events += self.session.take_events()
            found = condition()
            if found:
                return found
            left = end - time.monotonic()
            if left <= 0:
                raise AssertionError(f"never happened; problems: {self.of(Problem)}, last: {self.events[-3:]}")
            self._woken.wait(min(left, 1.0))

    def of(self, kind: type[T]) -> list[T]:
        return [event for event in self.events if isinstance(event, kind)]

    def last(self, kind: type[T], condition: Callable[[T], bool] = lambda _event: True) -> T | None:
        return next((event for event in reversed(self.of(kind)) if condition(event)), None)

    def scan(self, pictures: str, **options: object) -> int:
        return self.session.start_run("patch_scan", {"layers": (LAYER,), "workers": 0, **options}, pictures)

    def ended(self, run_id: int) -> RunStatus:
        status = self.until(
            lambda: self.last(RunStatus, lambda s: s.id == run_id and s.state in ("done", "cancelled", "failed"))
        )
        assert status is not None
        return status


@pytest.fixture
def listener() -> Iterator[Listener]:
    made = Listener()
    made.session.load_network(NetworkSpec("tinynet", device="cpu", precision="fp32"))
    made.until(lambda: made.of(NetworkReady))
    yield made
    assert made.session.close(60)


def network_hash(listener: Listener) -> str:
    return listener.of(NetworkReady)[-1].info.hash


def test_what_a_scan_finds_is_read_looked_back_from_and_compared(listener: Listener, pictures: Path) -> None:
    status = listener.ended(listener.scan(str(pictures)))
    assert status.state == "done", status.error
    key = network_hash(listener)
    info = listener.until(lambda: listener.session.library_serving(key))
    listener.until(lambda: (found := listener.session.library_serving(key)) is not None and found.complete)
    info = listener.session.library_serving(key)
    assert info is not None
    assert (info.count, info.total, info.classes) == (41, 41, ("chelsea", "coffee"))
    assert [title for title, _reason in info.skipped] == ["coffee/broken.png"]
    # What was scanned is no picture of the gallery.
    assert listener.session.gallery_entries() == ()

    net = deepvis.load("tinynet", device="cpu")
    images = {path.relative_to(pictures).as_posix(): path for path in sorted(pictures.rglob("*/[0-9]*.png"))}
    read = {title: np.ascontiguousarray(cv2.imread(str(path))[:, :, ::-1]) for title, path in images.items()}
    maps = {title: deepvis.methods.activations(net, image, LAYER) for title, image in read.items()}
    unit = int(np.argmax(np.max([own.max((1, 2)) for own in maps.values()], 0)))
    maxima = {title: float(own[unit].max()) for title, own in maps.items()}
    best = sorted(maxima, key=lambda title: -maxima[title])[:9]

    listener.session.library_unit(key, LAYER, unit)
    patches = listener.until(lambda: listener.last(UnitPatches, lambda p: p.unit == unit and len(p.patches) == 9))
    statistics = listener.last(UnitStatistics, lambda s: s.unit == unit)
    assert patches is not None
    assert statistics is not None
    assert [patch.title for patch in patches.patches] == best
    assert [patch.value for patch in patches.patches] == pytest.approx([maxima[title] for title in best], rel=1e-4)
    strongest = patches.patches[0]
    row, column = np.unravel_index(int(maps[strongest.title][unit].argmax()), maps[strongest.title][unit].shape)
    assert strongest.position == (row, column)
    field = net.layer(LAYER).receptive_field
    assert field is not None
    assert strongest.pixels.shape == (*field.size, 3)
    assert statistics.maximum == pytest.approx(max(maxima.values()), rel=1e-4)
    assert statistics.pictures == 40
    assert not statistics.dead
    mean_of = {
        name: np.mean([value for title, value in maxima.items() if title.startswith(name)])
        for name in ("chelsea", "coffee")
    }
    for name, value in statistics.classes:
        assert value == pytest.approx(mean_of[name], rel=1e-4)
    assert [name for name, _ in statistics.classes] == sorted(mean_of, key=lambda name: -mean_of[name])
    assert statistics.counts.sum() == 40

    listener.session.library_backs(key, LAYER, unit, "guided", "raw")
    listener.until(lambda: len({back.rank for back in listener.of(PatchBack)}) == 9)
    back = next(back for back in listener.of(PatchBack) if back.rank == 0)
    whole = deepvis.methods.backproject(net, read[strongest.title], LAYER, unit, position=strongest.position)
    assert back.scale == pytest.approx(float(np.abs(whole).max()), rel=1e-3)
    assert back.pixels.shape[:2] == field.size

    listener.session.library_layer(key, LAYER, 4, 48)
    layer = listener.until(lambda: listener.last(LayerPatches, lambda p: p.complete))
    assert layer is not None
    assert layer.tiles.shape == (net.layer(LAYER).channels, 48, 48, 3)
    near = cv2.resize(strongest.pixels, (24, 24), interpolation=cv2.INTER_AREA).astype(float)
    assert np.abs(layer.tiles[unit, :24, :24].astype(float) - near).mean() < 12

    listener.session.library_correlation(key, LAYER, False)
    correlation = listener.until(lambda: listener.last(LayerCorrelation))
    assert correlation is not None
    table = np.array([maps[title].max((1, 2)) for title in maps])
    alive = correlation.units
    assert np.allclose(correlation.matrix, np.corrcoef(table[:, alive].T), atol=2e-3)
    assert set(correlation.left_out) == set(range(table.shape[1])) - set(alive.tolist())

    listener.session.library_open(info.folder, LAYER, unit, 0)
    opened = listener.until(lambda: listener.last(PatchOpened))
    assert opened is not None
    assert Path(opened.path) == images[strongest.title]
    assert opened.size == (130, 130)
    assert opened.box == strongest.box

    out = pictures.parent / "out"
    listener.session.library_export(info.folder, LAYER, str(out))
    listener.until(lambda: listener.last(PatchExport, lambda export: export.over))
    assert len(list(out.glob("*.png"))) == net.layer(LAYER).channels

    listener.session.library_delete(info.folder)
    listener.until(lambda: not listener.session.libraries())
    assert listener.session.library_serving(key) is None
    listener.session.library_undelete()
    listener.until(lambda: listener.session.libraries())
    assert listener.of(Problem) == [problem for problem in listener.of(Problem) if problem.severity == "info"]


def test_a_cancelled_scan_goes_on_where_it_stood(listener: Listener, pictures: Path) -> None:
    run_id = listener.scan(str(pictures))
    listener.until(
        lambda: listener.last(
            RunStatus, lambda s: s.id == run_id and s.update is not None and s.update.metrics["pictures"] >= 32
        )
    )
    listener.session.control_run(run_id, "cancel")
    first = listener.ended(run_id)
    # Two blocks: the second may have been under way.
    assert first.state in ("cancelled", "done")
    listener.until(lambda: listener.session.libraries())
    second = listener.ended(listener.scan(str(pictures)))
    assert second.state == "done", second.error
    listener.until(lambda: listener.session.libraries() and listener.session.libraries()[0].complete)
    assert len(listener.session.libraries()) == 1
    assert listener.session.libraries()[0].count == 41


def test_a_set_that_is_gone_says_so_and_statistics_stay(listener: Listener, pictures: Path) -> None:
    assert listener.ended(listener.scan(str(pictures))).state == "done"
    key = network_hash(listener)
    listener.until(lambda: listener.session.library_serving(key))
    pictures.rename(pictures.with_name("elsewhere"))
    listener.session.library_unit(key, LAYER, 3)
    patches = listener.until(lambda: listener.last(UnitPatches, lambda p: bool(p.problem)))
    assert patches is not None
    assert patches.patches == ()
    assert listener.last(UnitStatistics, lambda s: s.unit == 3) is not None
    listener.session.library_open(listener.session.libraries()[0].folder, LAYER, 3, 0)
    opened = listener.until(lambda: listener.last(PatchOpened))
    assert opened is not None
    assert opened.path == ""
    listener.until(lambda: any(problem.key.startswith("library.open") for problem in listener.of(Problem)))


def test_one_press_scans_the_sample_photographs_and_their_patches_appear(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    dark(qapp)
    session = Session()
    with undressed(qapp):
        window = MainWindow(session, SettingsStore(tmp_path / "s.ini"))
    session.start()
    window.resize(1600, 1000)
    window.show()
    window.start("sample:cat", NetworkSpec("tinynet", device="cpu"), "conv4")
    qtbot.waitUntil(lambda: window.grid_panel.view.result is not None)
    section = window.unit_panel.patches
    assert section.offer.isVisible()
    QTest.mouseClick(section.offer.samples, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: len(section.tiles.patches) == 9)
    # They are there while the scan goes on.
    qtbot.waitUntil(lambda: len(section.tiles.backs) == 9)
    window.lab.panels["patch_scan"].cancel()
    qtbot.waitUntil(lambda: window.libraries.scan is None)
    window.actions_["mosaic.patches"].trigger()
    qtbot.waitUntil(lambda: window.libraries.layer.patches is not None and window.libraries.layer.patches.complete)
    grid = window.grid_panel.view.result
    assert grid is not None
    assert grid.picture[:, :, :3].std() > 20
    # What was scanned last is shown a little later.
    shown = window.libraries.unit
    qtbot.waitUntil(lambda: shown.patches is not None and len(shown.patches.patches) == 9)
    library = Library(shown.patches.folder)
    qtbot.waitUntil(lambda: shown.patches.revision == library.revision and len(shown.patches.patches) == 9)
    # A picture that is no file of its own is opened all the same, at the place of the patch.
    best = section.tiles.patches[0]
    section.tiles.patch_chosen.emit(0)
    qtbot.waitUntil(lambda: window.sources.spec.endswith(".png"))
    assert window.state.look.position == best.position
    qtbot.waitUntil(lambda: window.input_panel.view._mark is not None)
    window.close()
    assert session.close(60)
    window.deleteLater()
    qapp.processEvents()
