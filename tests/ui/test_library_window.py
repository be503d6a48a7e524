"""Image sets in the window, on a shelf of libraries without a disk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPlainTextEdit
from pytestqt.qtbot import QtBot

from deepvis.messages import LibrariesChanged, PatchExport, PatchOpened, RunStatus, RunUpdate
from deepvis.ui.main_window import MainWindow
from deepvis.ui.settings_store import SettingsStore
from tests.ui.fixtures import FakeBackend
from tests.ui.library_shelf import FIELD, library_info


@pytest.fixture
def shelf(backend: FakeBackend) -> FakeBackend:
    """A backend with a library of the network's ``conv3`` and ``conv4``."""
    backend.shelf.infos = (library_info(),)
    return backend


@pytest.fixture
def patched(
    make_window: Callable[[FakeBackend, SettingsStore], MainWindow], shelf: FakeBackend, store: SettingsStore,
    qtbot: QtBot,
) -> MainWindow:  # fmt: skip
    window = make_window(shelf, store)
    window.resize(1600, 1000)
    window.state.update(layer="conv4", unit=17)
    qtbot.waitUntil(lambda: len(window.unit_panel.patches.tiles.patches) == 9)
    qtbot.waitUntil(lambda: len(window.unit_panel.patches.tiles.backs) == 9)
    return window


def calls(backend: FakeBackend, name: str) -> list[tuple[Any, ...]]:
    return [call[1:] for call in backend.calls if call[0] == name]


def scan_status(state: str, pictures: int = 64, run_id: int = 1, **detail: Any) -> RunStatus:
    image = np.zeros((40, 60, 3), np.uint8)
    metrics = {"pictures": float(pictures), "skipped": 0.0, "pictures_per_second": 50.0}
    update = RunUpdate(pictures // 32, 14, image, metrics, detail={"library": "/libraries/samples", **detail})
    return RunStatus(run_id, "patch_scan", state, update, 1.0, 7.0)  # type: ignore[arg-type]


# ---------------------------------------------------------------------------------------------------------- unit panel


@pytest.mark.usefixtures("dressed_first")
def test_the_unit_panel_shows_patches_values_and_classes_without_scrolling(patched: MainWindow) -> None:
    section, statistics = patched.unit_panel.patches, patched.unit_panel.statistics
    assert [patch.value for patch in section.tiles.patches] == [5.0 - rank * 0.25 for rank in range(9)]
    assert section.source.text() == "birds · 500"
    assert [name for name, _ in statistics.classes.rows] == ["kite", "owl", "goldfinch"]
    assert "silent in 25.0 % of 500 pictures" in statistics.text.text()
    assert not section.dead.isVisible()
    bottom = section.tiles.mapTo(patched, QPoint(0, section.tiles.height())).y()
    assert bottom < patched.height() - patched.statusBar().height()
    below = statistics.plot.mapTo(patched, QPoint(0, statistics.plot.height())).y()
    assert below < patched.height() - patched.statusBar().height()


def test_a_dead_unit_is_marked(patched: MainWindow, qtbot: QtBot) -> None:
    patched.state.update(unit=21)
    section = patched.unit_panel.patches
    qtbot.waitUntil(section.dead.isVisible)
    assert "none of 500 pictures" in section.dead.text()
    patched.state.update(unit=22)
    qtbot.waitUntil(lambda: not section.dead.isVisible())


def test_patches_of_the_unit_before_are_never_shown_for_another(patched: MainWindow, shelf: FakeBackend) -> None:
    late = list(shelf.shelf.unit("0" * 16, "conv4", 17))
    patched.state.update(unit=18)
    for event in late:
        patched.show_event(event)
    assert patched.libraries.unit.patches is None or patched.libraries.unit.patches.unit == 18
    assert all("18-" in patch.title for patch in patched.unit_panel.patches.tiles.patches)


def test_another_rule_asks_for_other_back_projections(patched: MainWindow, shelf: FakeBackend, qtbot: QtBot) -> None:
    shelf.calls.clear()
    patched.state.update(rule="deconvnet")
    qtbot.waitUntil(lambda: len(patched.unit_panel.patches.tiles.backs) == 9)
    assert calls(shelf, "library_backs") == [("0" * 16, "conv4", 17, "deconvnet", "raw")]
    assert calls(shelf, "library_unit") == []
    patched.state.update(back=False)
    assert len(calls(shelf, "library_backs")) == 1


def test_nothing_is_asked_for_while_the_unit_panel_is_hidden(patched: MainWindow, shelf: FakeBackend) -> None:
    patched.docks.right.hide()
    shelf.calls.clear()
    patched.state.update(unit=30)
    assert calls(shelf, "library_unit") == []
    patched.docks.right.show()
    assert calls(shelf, "library_unit") == [("0" * 16, "conv4", 30)]


def test_arrows_are_the_patches_own_while_they_have_the_focus(patched: MainWindow, shelf: FakeBackend) -> None:
    patched.activateWindow()
    patched.actions_["unit.patches"].trigger()
    tiles = patched.unit_panel.patches.tiles
    assert QApplication.focusWidget() is tiles
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Down, Qt.Key.Key_Return):
        QTest.keyClick(tiles, key)
    assert patched.state.look.unit == 17
    assert calls(shelf, "library_open") == [("/libraries/birds", "conv4", 17, 4)]
    # Other keys keep their meaning.
    QTest.keyClick(tiles, Qt.Key.Key_J)
    assert patched.state.look.unit == 16


def test_a_click_opens_the_picture_at_the_place_of_the_patch(
    patched: MainWindow, shelf: FakeBackend, qtbot: QtBot
) -> None:
    tiles = patched.unit_panel.patches.tiles
    QTest.mouseClick(tiles, Qt.MouseButton.LeftButton, pos=tiles.cell_rect(4).center().toPoint())
    assert calls(shelf, "library_open") == [("/libraries/birds", "conv4", 17, 4)]
    box = (10.0, 20.0, 10.0 + FIELD, 20.0 + FIELD)
    shelf.send(PatchOpened("/pictures/birds/kite/17-4.jpg", "kite/17-4.jpg", box, (300, 451)))
    qtbot.waitUntil(lambda: ("/pictures/birds/kite/17-4.jpg",) in calls(shelf, "open_source"))
    # The position of the patch is what is looked back from now.
    assert patched.state.look.position == (4, 17 % 8)


def test_where_the_network_sees_another_crop_the_box_is_marked_for_a_moment(
    patched: MainWindow, shelf: FakeBackend, qtbot: QtBot
) -> None:
    patched.state.update(fit="stretch")
    # The moment ends when this test says so, however slow the machine is.
    patched.input_panel._passing_timer.setInterval(3_600_000)
    patched.libraries.open_patch("/libraries/birds", "conv4", 17, 4)
    shelf.send(PatchOpened("/pictures/birds/a.jpg", "a.jpg", (30.0, 45.1, 60.0, 90.2), (300, 451)))
    qtbot.waitUntil(lambda: ("/pictures/birds/a.jpg",) in calls(shelf, "open_source"))
    assert patched.state.look.position is None
    shelf.tick()
    view = patched.input_panel.view
    qtbot.waitUntil(lambda: view._mark is not None)
    assert view._mark == pytest.approx((0.1, 0.1, 0.2, 0.2))
    patched.input_panel._passing_timer.timeout.emit()
    assert view._mark is None


def test_sections_fold_away_and_stay_folded(
    patched: MainWindow, store: SettingsStore,
    make_window: Callable[[FakeBackend, SettingsStore], MainWindow],
) -> None:  # fmt: skip
    section = patched.unit_panel.statistics
    QTest.mouseClick(section.toggle, Qt.MouseButton.LeftButton)
    assert not section.open
    assert not section.plot.isVisible()
    # With a backend of its own: what the window before still asks for would be answered in place of what this one does.
    again = make_window(FakeBackend(), store)
    assert not again.unit_panel.statistics.open
    assert again.unit_panel.patches.open


# ------------------------------------------------------------------------------------------------- no library, scanning


def test_without_a_library_one_press_scans_the_sample_photographs(window: MainWindow, backend: FakeBackend) -> None:
    offer = window.unit_panel.patches.offer
    assert offer.isVisible()
    assert "No pictures were scanned" in offer.text.text()
    assert not offer.layer.isVisible()
    QTest.mouseClick(offer.samples, Qt.MouseButton.LeftButton)
    ((name, options, pictures),) = calls(backend, "start_run")
    assert (name, pictures) == ("patch_scan", "samples:")
    assert window.state.info is not None
    assert set(options["layers"]) == {layer.name for layer in window.state.info.layers if layer.main}


def test_a_layer_that_was_not_scanned_can_be(patched: MainWindow, shelf: FakeBackend, qtbot: QtBot) -> None:
    patched.state.update(layer="conv5", unit=3)
    offer = patched.unit_panel.patches.offer
    qtbot.waitUntil(offer.isVisible)
    assert "birds was scanned without conv5" in offer.text.text()
    QTest.mouseClick(offer.layer, Qt.MouseButton.LeftButton)
    ((name, options, pictures),) = calls(shelf, "start_run")
    assert (name, pictures) == ("patch_scan", "/pictures/birds")
    assert options["layers"] == ("conv3", "conv4", "conv5")


def test_a_scan_shows_its_progress_and_its_patches_while_it_goes_on(
    window: MainWindow, backend: FakeBackend, qtbot: QtBot
) -> None:
    window.state.update(layer="conv4", unit=17)
    offer = window.unit_panel.patches.offer
    backend.send(scan_status("running"))
    qtbot.waitUntil(lambda: not offer.buttons.isVisible())
    assert "64 pictures" in offer.text.text()
    assert (offer.progress.value(), offer.progress.maximum()) == (2, 14)
    backend.shelf.infos = (library_info("/libraries/samples", count=96, total=417, complete=False),)
    backend.send(LibrariesChanged())
    section = window.unit_panel.patches
    qtbot.waitUntil(lambda: len(section.tiles.patches) == 9)
    assert not offer.isVisible()
    assert section.source.text() == "96 of 417"
    asked = len(calls(backend, "library_unit"))
    backend.shelf.infos = (library_info("/libraries/samples", count=160, total=417, complete=False, revision=4),)
    backend.send(LibrariesChanged())
    qtbot.waitUntil(lambda: len(calls(backend, "library_unit")) == asked + 1)
    qtbot.waitUntil(lambda: section.source.text() == "160 of 417")


# ---------------------------------------------------------------------------------------------------------- layer panel


def test_s_puts_the_patches_in_the_mosaics_place_and_back(
    patched: MainWindow, shelf: FakeBackend, qtbot: QtBot
) -> None:
    view = patched.grid_panel.view
    live = view.result
    view.setFocus()
    QTest.keyClick(view, Qt.Key.Key_S)
    qtbot.waitUntil(lambda: view.result is not None and view.result.dead[10])
    assert live is not None
    assert view.result is not None
    assert np.array_equal(view.result.order, live.order)
    assert (view.result.rows, view.result.columns) == (live.rows, live.columns)
    (call,) = calls(shelf, "library_layer")
    assert call[:3] == ("0" * 16, "conv4", 1)
    QTest.mouseClick(view, Qt.MouseButton.LeftButton, pos=view.unit_rect(33).center().toPoint())
    assert patched.state.look.unit == 33
    QTest.keyClick(view, Qt.Key.Key_Right)
    assert patched.state.look.unit == 34
    shelf.tick()
    qtbot.waitUntil(lambda: view.result is not None)
    assert view.accessibleName() == "Strongest patches of the layer"
    QTest.keyClick(view, Qt.Key.Key_S)
    assert patched.state.look.show == "activation"
    assert view.result is not None
    assert view.result.request.colormap == "viridis"
    assert view.result.map_size == (32, 32)


def test_a_tile_holds_one_four_or_nine_patches(patched: MainWindow, shelf: FakeBackend, qtbot: QtBot) -> None:
    for _ in range(4):
        patched.actions_["mosaic.patch_count"].trigger()
    assert [call[2] for call in calls(shelf, "library_layer")] == [1, 4, 9, 1]
    panel = patched.grid_panel
    assert panel.patches_pair.isVisible()
    assert not panel.boost.isVisible()
    assert panel.sort.isVisible()


def test_the_correlation_stands_in_the_mosaics_place(patched: MainWindow, shelf: FakeBackend, qtbot: QtBot) -> None:
    patched.actions_["mosaic.correlation"].trigger()
    panel = patched.grid_panel
    qtbot.waitUntil(lambda: panel.correlation.correlation is not None)
    assert panel.stage.currentWidget() is panel.correlation
    assert panel.about.text() == "14 units that never change left out · 500 pictures"
    rect = panel.correlation.matrix_rect()
    QTest.mouseClick(panel.correlation, Qt.MouseButton.LeftButton, pos=(rect.topLeft() + QPointF(2, 2)).toPoint())
    assert patched.state.look.unit == 159
    panel.correlation.setFocus()
    QTest.keyClick(panel.correlation, Qt.Key.Key_Down)
    assert patched.state.look.unit == 158
    QTest.keyClick(panel.correlation, Qt.Key.Key_Left)
    QTest.keyClick(panel.correlation, Qt.Key.Key_Left)
    assert patched.state.look.unit == 159
    panel.order.chosen.emit(False)
    qtbot.waitUntil(lambda: panel.correlation.correlation is not None and panel.correlation.correlation.units[0] == 0)
    assert [call[2] for call in calls(shelf, "library_correlation")] == [True, False]
    patched.actions_["window.escape"].trigger()
    assert patched.state.look.show == "activation"
    assert panel.stage.currentWidget() is panel.view


def test_without_patches_of_the_layer_the_mosaics_place_offers_a_scan(
    patched: MainWindow, shelf: FakeBackend, qtbot: QtBot
) -> None:
    patched.actions_["mosaic.patches"].trigger()
    patched.state.update(layer="conv5", unit=0)
    panel = patched.grid_panel
    assert panel.stage.currentWidget() is panel.offer
    assert panel.offer.layer.isVisible()
    patched.state.update(layer="conv3")
    qtbot.waitUntil(lambda: panel.stage.currentWidget() is panel.view)


# ------------------------------------------------------------------------------------------------------------- scan tab


def test_the_tab_offers_sets_that_were_scanned_and_takes_what_is_dropped(
    patched: MainWindow, shelf: FakeBackend, tmp_path: Path
) -> None:
    patched.actions_["lab.scan"].trigger()
    panel = patched.lab.panel
    assert panel.kind.name == "patch_scan"
    offered = [panel.input.choice.itemText(place) for place in range(panel.input.choice.count())]
    assert offered == ["Sample photographs", "birds"]
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(tmp_path))])
    copy, left, none = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    panel.dropEvent(QDropEvent(QPointF(4, 4), copy, data, left, none))
    assert panel.input.value == str(tmp_path)
    panel.begin()
    ((name, _options, pictures),) = calls(shelf, "start_run")
    assert (name, pictures) == ("patch_scan", str(tmp_path))
    assert calls(shelf, "open_source")[1:] == []


def test_progress_is_counted_in_pictures_and_a_cancelled_scan_says_that_it_can_go_on(
    patched: MainWindow, shelf: FakeBackend, qtbot: QtBot
) -> None:
    patched.actions_["lab.scan"].trigger()
    panel = patched.lab.panel
    run_id = panel.begin()
    assert run_id is not None
    shelf.send(scan_status("running", 1024, run_id))
    qtbot.waitUntil(lambda: "1\u202f024 pictures · 50 a second" in panel.controls.figures.text())
    assert "left" in panel.controls.figures.text()
    shelf.send(scan_status("cancelled", 1024, run_id))
    qtbot.waitUntil(lambda: "go on where it stands" in panel.controls.note.text())


def test_before_the_first_patches_it_is_said_when_they_come(
    patched: MainWindow, shelf: FakeBackend, qtbot: QtBot
) -> None:
    patched.actions_["lab.scan"].trigger()
    panel = patched.lab.panel
    run_id = panel.begin()
    assert run_id is not None
    shelf.send(scan_status("running", 8, run_id))
    picture = panel.view.picture
    qtbot.waitUntil(lambda: "first block" in picture.placeholder)
    assert picture.empty
    status = scan_status("running", 32, run_id)
    assert status.update is not None
    patches = np.arange(40 * 60 * 3, dtype=np.uint32).astype(np.uint8).reshape(40, 60, 3)
    shelf.send(replace(status, update=replace(status.update, image=patches)))
    qtbot.waitUntil(lambda: not picture.empty)


def test_without_a_library_there_is_nothing_to_do_with_one(patched: MainWindow, shelf: FakeBackend) -> None:
    patched.actions_["lab.scan"].trigger()
    listed = patched.libraries.list
    assert listed.buttons["folder"].isVisible()
    shelf.shelf.infos = ()
    patched.libraries.show_list()
    assert not any(button.isVisible() for button in listed.buttons.values())


def test_an_interrupted_library_can_be_resumed_from_the_list(
    patched: MainWindow, shelf: FakeBackend, qtbot: QtBot
) -> None:
    begun = library_info("/libraries/later", title="later", count=128, complete=False, created=1_800_000_000.0)
    shelf.shelf.infos = (begun, library_info())
    shelf.send(LibrariesChanged())
    patched.actions_["lab.scan"].trigger()
    listed = patched.libraries.list
    qtbot.waitUntil(lambda: listed.table.rowCount() == 2)
    listed.table.selectRow(0)
    assert listed.table.item(0, 1).text() == "128 of 500"
    QTest.mouseClick(listed.buttons["resume"], Qt.MouseButton.LeftButton)
    ((_name, options, pictures),) = calls(shelf, "start_run")
    assert pictures == "/pictures/birds"
    assert (options["layers"], options["top"]) == (("conv3", "conv4"), 9)


def test_a_library_is_chosen_deleted_and_brought_back(patched: MainWindow, shelf: FakeBackend, qtbot: QtBot) -> None:
    shelf.shelf.infos = (library_info(), library_info("/libraries/two", title="two", created=1_600_000_000.0))
    shelf.send(LibrariesChanged())
    patched.actions_["lab.scan"].trigger()
    listed = patched.libraries.list
    qtbot.waitUntil(lambda: listed.table.rowCount() == 2)
    listed.table.selectRow(1)
    QTest.mouseClick(listed.buttons["choose"], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: patched.unit_panel.patches.source.text() == "two · 500")
    assert not listed.buttons["choose"].isEnabled()
    QTest.keyClick(listed.table, Qt.Key.Key_Delete)
    qtbot.waitUntil(lambda: listed.table.rowCount() == 1)
    assert calls(shelf, "library_delete") == [("/libraries/two",)]
    assert listed.undo_bar.isVisible()
    QTest.mouseClick(listed.undo_bar.undo, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: listed.table.rowCount() == 2)


def test_an_export_of_patches_tells_how_long_it_takes_and_can_be_given_up(
    patched: MainWindow, shelf: FakeBackend, qtbot: QtBot
) -> None:
    patched.actions_["lab.scan"].trigger()
    bar = patched.libraries.list.export_bar
    shelf.send(PatchExport("/pictures/out/", 0.25, left=3.2))
    qtbot.waitUntil(bar.isVisible)
    assert bar.progress.value() == 250
    assert bar.text.text() == "out · 0:04 left"
    QTest.mouseClick(bar.cancel, Qt.MouseButton.LeftButton)
    assert calls(shelf, "library_cancel_export") == [()]
    shelf.send(PatchExport("/pictures/out/", 1.0, over=True))
    qtbot.waitUntil(lambda: not bar.isVisible())


def test_skipped_files_are_listed_with_their_reasons_to_be_copied(patched: MainWindow, qtbot: QtBot) -> None:
    patched.actions_["lab.scan"].trigger()
    listed = patched.libraries.list
    assert listed.buttons["skipped"].text().strip() == "1 skipped"
    QTest.mouseClick(listed.buttons["skipped"], Qt.MouseButton.LeftButton)
    (text,) = [
        each for each in patched.findChildren(QPlainTextEdit) if each.accessibleName().startswith("Files that were")
    ]
    assert text.toPlainText() == "broken.jpg\tIt cannot be read: the file is cut off"
    dialog = text.window()
    dialog.copy.click()  # type: ignore[attr-defined]
    assert QApplication.clipboard().text() == text.toPlainText()
    dialog.close()


def test_a_library_of_another_network_cannot_be_chosen(patched: MainWindow, shelf: FakeBackend, qtbot: QtBot) -> None:
    other = library_info("/libraries/other", title="other", network_name="alexnet", network_hash="f" * 16)
    shelf.shelf.infos = (other, library_info())
    shelf.send(LibrariesChanged())
    listed = patched.libraries.list
    qtbot.waitUntil(lambda: listed.table.rowCount() == 2)
    assert listed.table.item(1, 0).text() == "other"
    listed.table.selectRow(1)
    assert not listed.buttons["choose"].isEnabled()
    assert not listed.buttons["resume"].isEnabled()
    assert "load that network" in listed.table.item(1, 0).toolTip()
