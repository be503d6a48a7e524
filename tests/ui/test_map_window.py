"""The map in the window: in the mosaic's place, with the live picture in it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from deepvis.messages import MapPictureFile, MapPlaced, MapsChanged, RunStatus, RunUpdate
from deepvis.ui.main_window import MainWindow
from deepvis.ui.settings_store import SettingsStore
from tests.ui.fixtures import FakeBackend, view_result
from tests.ui.map_contents import COUNT, FOLDER, map_content


@pytest.fixture
def mapped(window: MainWindow, backend: FakeBackend, qtbot: QtBot) -> MainWindow:
    """The small map is shown."""
    backend.map_contents[FOLDER] = map_content()
    backend.send(MapsChanged())
    window.actions_["map.show"].trigger()
    qtbot.waitUntil(lambda: window.maps.panel.content is not None)
    return window


def calls(backend: FakeBackend, name: str) -> list[tuple[object, ...]]:
    return [call[1:] for call in backend.calls if call[0] == name]


def test_the_map_stands_in_the_mosaics_place_and_esc_brings_it_back(
    mapped: MainWindow, backend: FakeBackend, qtbot: QtBot
) -> None:
    assert mapped.maps.panel.isVisible()
    assert not mapped.grid_panel.isVisible()
    assert mapped.docks.right.isHidden()
    assert mapped.actions_["map.show"].isChecked()
    qtbot.keyClick(mapped.maps.panel.view, Qt.Key.Key_Escape)
    assert mapped.grid_panel.isVisible()
    assert not mapped.docks.right.isHidden()
    assert not mapped.actions_["map.show"].isChecked()


def test_a_window_that_was_closed_with_a_map_opens_with_its_unit(
    mapped: MainWindow,
    store: SettingsStore,
    make_window: Callable[[FakeBackend, SettingsStore], MainWindow],
) -> None:
    mapped.close()
    assert not make_window(FakeBackend(), store).docks.right.isHidden()


def test_the_unit_comes_back_after_a_map_in_a_presentation(mapped: MainWindow) -> None:
    mapped.window_commands.present(True)
    mapped.actions_["map.show"].trigger()
    mapped.window_commands.present(False)
    assert not mapped.docks.right.isHidden()
    mapped.actions_["map.show"].trigger()
    mapped.window_commands.present(True)
    mapped.window_commands.present(False)
    assert mapped.docks.right.isHidden()


def test_the_newest_map_of_the_network_is_opened_once(window: MainWindow, backend: FakeBackend, qtbot: QtBot) -> None:
    backend.map_contents["/maps/other"] = map_content(folder="/maps/other", network_hash="f" * 16)
    backend.map_contents[FOLDER] = map_content()
    backend.send(MapsChanged())
    window.actions_["map.show"].trigger()
    qtbot.waitUntil(lambda: window.maps.panel.content is not None)
    assert calls(backend, "map_open") == [(FOLDER,)]
    window.maps.panel.picked.emit("/maps/other")
    qtbot.waitUntil(lambda: window.maps.panel.content.info.folder == "/maps/other")
    assert "was made with tinynet" in window.maps.panel.side.live_note.text()
    assert window.maps.features_layer is None


def test_features_are_asked_for_only_while_a_map_of_this_network_is_seen(
    mapped: MainWindow, backend: FakeBackend, qtbot: QtBot
) -> None:
    qtbot.waitUntil(lambda: backend.request_now is not None and backend.request_now.features == "fc")
    mapped.actions_["map.show"].trigger()
    qtbot.waitUntil(lambda: backend.request_now is not None and backend.request_now.features is None)


def test_every_frame_is_placed_and_the_live_picture_moves(
    mapped: MainWindow, backend: FakeBackend, qtbot: QtBot
) -> None:
    qtbot.waitUntil(lambda: backend.request_now is not None and backend.request_now.features == "fc")
    features = np.arange(10, dtype=np.float32)
    assert backend.request_now is not None
    result = view_result(backend.request_now, backend.info, frame_id=12, captured=time.perf_counter())
    mapped.show_result(replace(result, features=features))
    (placed,) = calls(backend, "map_place")
    assert placed[:2] == (FOLDER, 12)
    np.testing.assert_array_equal(placed[2], features)
    nearest = np.array([1, 2], np.int32)
    backend.send(MapPlaced(FOLDER, 12, (3.0, 4.0), nearest, np.array([0.9, 0.8], np.float32), 5.0))
    qtbot.waitUntil(lambda: mapped.maps.panel.view.live.place is not None)
    assert mapped.maps.panel.view.live_picture is not None


def test_a_picture_of_the_map_becomes_the_source(mapped: MainWindow, backend: FakeBackend, qtbot: QtBot) -> None:
    mapped.maps.panel.view.opened.emit(9)
    assert calls(backend, "map_picture_file") == [(FOLDER, 9)]
    backend.send(MapPictureFile(FOLDER, 9, "/pictures/9.jpg"))
    qtbot.waitUntil(lambda: ("open_source", "/pictures/9.jpg") in backend.calls)
    before = len(calls(backend, "open_source"))
    backend.send(MapPictureFile(FOLDER, 9, ""))
    backend.tick()
    qtbot.waitUntil(lambda: mapped.isVisible())
    assert len(calls(backend, "open_source")) == before


def test_a_map_is_made_watched_and_opened(window: MainWindow, backend: FakeBackend, qtbot: QtBot) -> None:
    window.actions_["map.new"].trigger()
    panel = window.maps.panel
    assert panel.form.isVisible()
    panel.form.input.use("samples:")
    panel.form.start.click()
    name, options, spec = calls(backend, "start_run")[-1]
    assert (name, spec) == ("embedding", "samples:")
    assert options["perplexity"] == 30  # type: ignore[index]
    number = len(calls(backend, "start_run"))
    content = map_content()
    detail = {"pictures_of_map": content.pictures, "points": content.points, "library": "/library"}
    update = RunUpdate(40, 100, np.zeros((8, 8, 3), np.uint8), {"iteration": 10.0, "divergence": 2.0}, None, detail)
    backend.send(RunStatus(number, "embedding", "running", update, 1.0, 2.0))
    qtbot.waitUntil(lambda: len(panel.view.points) == COUNT)
    panel.progress.pause.click()
    assert ("control_run", number, "pause") in backend.calls
    backend.map_contents[FOLDER] = content
    last = replace(update, step=100, detail=detail | {"map": FOLDER})
    backend.send(RunStatus(number, "embedding", "done", last))
    qtbot.waitUntil(lambda: panel.content is not None)
    assert not panel.progress.isVisible()
    assert panel.view.pictures is content.pictures


def test_the_map_is_exported_as_it_is_coloured(
    mapped: MainWindow, backend: FakeBackend, tmp_path: Path, qtbot: QtBot
) -> None:
    mapped.maps.panel.coloring.set_value("correctness")
    for ending in ("png", "svg", "csv"):
        mapped.maps.panel.export_wanted.emit(ending)
        dialog = mapped.findChildren(QFileDialog)[-1]
        assert dialog.defaultSuffix() == ending
        dialog.fileSelected.emit(str(tmp_path / f"map.{ending}"))
        dialog.close()
        dialog.deleteLater()
        assert calls(backend, "map_export")[-1] == (FOLDER, str(tmp_path / f"map.{ending}"), "correctness")


def test_a_map_that_cannot_be_opened_says_why(window: MainWindow, backend: FakeBackend, qtbot: QtBot) -> None:
    window.actions_["map.show"].trigger()
    window.maps.panel.picked.emit("/maps/gone")
    qtbot.waitUntil(lambda: "make it again" in window.maps.panel.offer.text.text())


def test_keys_of_the_map_come_before_those_of_the_window(
    mapped: MainWindow, backend: FakeBackend, qtbot: QtBot
) -> None:
    view = mapped.maps.panel.view
    view.setFocus()
    unit, fit = mapped.state.look.unit, mapped.state.look.fit
    x = view.camera.target.x
    qtbot.keyClick(view, Qt.Key.Key_Plus)
    qtbot.keyClick(view, Qt.Key.Key_Right)
    assert view.camera.target.x > x
    qtbot.keyClick(view, Qt.Key.Key_0)
    assert (mapped.state.look.unit, mapped.state.look.fit) == (unit, fit)
    mapped.actions_["map.search"].trigger()
    assert mapped.maps.panel.search.hasFocus()
    mapped.actions_["map.choose"].trigger()
    assert len(view.marked)
