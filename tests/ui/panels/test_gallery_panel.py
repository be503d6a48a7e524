"""The gallery in the window: what is listed, opened, compared, repeated, exported and deleted."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QMimeData, QModelIndex, QPoint, QPointF, Qt
from PySide6.QtGui import QContextMenuEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QMenu, QMessageBox, QWidget
from pytestqt.qtbot import QtBot

from deepvis.messages import GalleryExport, GalleryOpened, NetworkFailed, NetworkSpec, Problem
from deepvis.ui import theme
from deepvis.ui.actions import ACTIONS, REASONS
from deepvis.ui.main_window import MainWindow
from deepvis.ui.panels import gallery_text
from deepvis.ui.panels.course_pictures import decode
from deepvis.ui.panels.gallery_comparison import before_and_after
from deepvis.ui.panels.gallery_list import GalleryList
from deepvis.ui.panels.gallery_panel import GalleryPanel
from deepvis.ui.settings_store import SettingsStore
from deepvis.ui.views.comparison_view import ComparisonView
from tests.ui.dressing import dark
from tests.ui.fixtures import FakeBackend, network_info
from tests.ui.gallery_entries import NOW, content, entry, on_disk, picture
from tests.ui.panels.test_every_panel import controls
from tests.ui.views.paints import show


@pytest.fixture
def panel(qtbot: QtBot, qapp: QApplication) -> GalleryPanel:
    dark(qapp)
    made = GalleryPanel()
    show(qtbot, made, 340, 420)
    return made


@pytest.fixture
def live(window: MainWindow, backend: FakeBackend, tmp_path: Path) -> MainWindow:
    """The window with three entries, the lab open and the focus on the gallery."""
    for number in (1, 2, 3):
        backend.keep(content(on_disk(tmp_path / "gallery", number)))
    QApplication.processEvents()
    window.activateWindow()
    window.actions_["gallery.show"].trigger()
    QApplication.processEvents()
    return window


def press(live: MainWindow, key: Qt.Key, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    QTest.keyClick(live.gallery.panel.list, key, modifier)
    QApplication.processEvents()


def called(backend: FakeBackend, name: str) -> list[tuple[Any, ...]]:
    return [call[1:] for call in backend.calls if call[0] == name]


# ----------------------------------------------------------------------------------------------------------- the list


def test_an_empty_gallery_says_what_will_appear_there(panel: GalleryPanel) -> None:
    assert panel.list._empty == gallery_text.EMPTY
    before = panel.list.viewport().grab().toImage()
    panel.set_entries([entry(1)])
    panel.set_entries([])
    assert panel.list.viewport().grab().toImage() == before
    assert not any(button.isEnabled() for button in panel.buttons.values())


def test_entries_are_listed_as_they_come_with_title_run_network_and_time(panel: GalleryPanel) -> None:
    panel.set_entries([entry(3), entry(2), entry(1)])
    assert [each.id for each in panel.model.shown] == ["entry 3", "entry 2", "entry 1"]
    assert panel.count.text() == "3"
    index = panel.model.index(0)
    assert index.data() == "tractor 3"
    told = index.data(Qt.ItemDataRole.AccessibleDescriptionRole)
    assert told.startswith("Class image · tinynet · ")
    assert "Probability 93.1 %" in index.data(Qt.ItemDataRole.ToolTipRole)


def test_the_filter_takes_kinds_and_words_from_titles_and_options(panel: GalleryPanel) -> None:
    panel.set_entries(
        [
            entry(4, run="deepdream", kind="DeepDream", title="", options={"layer": "conv5", "octaves": 4}),
            entry(3, title="school bus"),
            entry(2, network="alexnet"),
            entry(1, state="cancelled"),
        ]
    )
    panel.kind.set_value("deepdream")
    panel.kind.chosen.emit("deepdream")
    assert [each.id for each in panel.model.shown] == ["entry 4"]
    assert panel.count.text() == "1 of 4"
    panel.kind.set_value(None)
    panel.kind.chosen.emit(None)
    for words, found in (("BUS school", "entry 3"), ("alexnet", "entry 2"), ("conv5 octaves", "entry 4")):
        panel.search.setText(words)
        assert [each.id for each in panel.model.shown] == [found], words
    panel.search.setText("nothing at all")
    assert panel.model.rowCount() == 0
    assert panel.list._empty == gallery_text.NOTHING_FOUND
    panel.search.setFocus()
    QTest.keyClick(panel.search, Qt.Key.Key_Escape)
    assert panel.model.rowCount() == 4


def test_the_choice_stays_where_it_is_when_another_run_ends(panel: GalleryPanel) -> None:
    panel.set_entries([entry(2), entry(1)])
    panel.choose("entry 1")
    panel.set_entries([entry(3), entry(2), entry(1)])
    assert [each.id for each in panel.chosen] == ["entry 1"]
    assert panel.list.currentIndex().row() == 2
    panel.search.setText("tractor 3")
    assert panel.chosen == []
    panel.choose("entry 2")
    assert panel.search.text() == ""
    assert [each.id for each in panel.chosen] == ["entry 2"]


def test_thumbnails_are_read_while_the_window_has_time_and_only_those_in_sight(
    panel: GalleryPanel, qtbot: QtBot, tmp_path: Path
) -> None:
    entries = [on_disk(tmp_path, number) for number in range(60, 0, -1)]
    panel.set_entries(entries)
    thumbnails = panel.model.thumbnails
    read: list[str] = []
    thumbnails.arrived.connect(read.append)
    qtbot.waitUntil(lambda: len(read) > 0 and thumbnails.waiting == 0)
    assert "entry 60" in read
    assert len(read) < 40, "those below the edge are read when they come into sight"
    first = thumbnails.get(entries[0])
    assert first is not None
    assert (first.width(), first.height()) == (60, 39)


def test_a_thumbnail_that_is_gone_leaves_a_broken_picture_and_is_not_read_again(
    panel: GalleryPanel, qtbot: QtBot, tmp_path: Path
) -> None:
    gone = on_disk(tmp_path, 1)
    Path(gone.thumbnail_path).unlink()
    panel.set_entries([gone])
    qtbot.waitUntil(lambda: panel.model.thumbnails.get(gone) is not None)
    thumbnail = panel.model.thumbnails.get(gone)
    assert thumbnail is not None
    assert thumbnail.isNull()
    panel.grab()
    assert panel.model.thumbnails.waiting == 0


@pytest.mark.parametrize("kind", ["pipe", "large"])
def test_what_would_hold_up_the_window_is_no_thumbnail(
    panel: GalleryPanel, qtbot: QtBot, tmp_path: Path, kind: str
) -> None:
    hostile = on_disk(tmp_path, 1)
    path = Path(hostile.thumbnail_path)
    path.unlink()
    if kind == "large":
        Image.new("RGB", (3000, 20)).save(path)
    elif hasattr(os, "mkfifo"):
        os.mkfifo(path)
    panel.set_entries([hostile])
    qtbot.waitUntil(lambda: panel.model.thumbnails.get(hostile) is not None)
    thumbnail = panel.model.thumbnails.get(hostile)
    assert thumbnail is not None
    assert thumbnail.isNull()


def test_what_an_entry_says_of_itself_is_no_markup(panel: GalleryPanel) -> None:
    panel.set_entries([entry(1, title="<img src='/dev/zero'> & more")])
    tip = panel.model.index(0).data(Qt.ItemDataRole.ToolTipRole)
    assert "<img" not in tip
    assert "&lt;img src=" in tip


@pytest.mark.parametrize("jpeg", [b"", b"\xff\xd8\xff nothing"])
def test_a_damaged_picture_of_a_course_is_passed_over(jpeg: bytes) -> None:
    assert decode(jpeg) is None


@pytest.mark.parametrize("palette", [theme.LIGHT, theme.DARK], ids=lambda palette: palette.name)
def test_what_is_cancelled_or_not_saved_is_marked(qapp: QApplication, palette: theme.Palette) -> None:
    theme.apply_theme(qapp, palette)
    cancelled = entry(1, "somewhere", state="cancelled", steps=12)
    assert gallery_text.state_text(cancelled) == "12 of 40"
    assert gallery_text.state_text(entry(2)) == "not saved"
    assert gallery_text.state_text(entry(3, "somewhere")) == ""
    assert "after step 12 of 40" in gallery_text.tooltip(cancelled, NOW)
    dark(qapp)


def test_an_entry_is_dragged_out_as_its_file(panel: GalleryPanel, tmp_path: Path) -> None:
    kept, unsaved = on_disk(tmp_path, 2), entry(1)
    panel.set_entries([kept, unsaved])
    rows = [panel.model.index(row) for row in (0, 1)]
    assert panel.model.flags(rows[0]) & Qt.ItemFlag.ItemIsDragEnabled
    assert not panel.model.flags(rows[1]) & Qt.ItemFlag.ItemIsDragEnabled
    data: QMimeData = panel.model.mimeData(rows)
    assert [url.toLocalFile() for url in data.urls()] == [kept.path]
    assert panel.model.supportedDragActions() == Qt.DropAction.CopyAction
    assert panel.model.rowCount(QModelIndex(rows[0])) == 0


def test_hundreds_of_entries_are_laid_out_in_whole_columns(panel: GalleryPanel, qtbot: QtBot) -> None:
    panel.set_entries([entry(number) for number in range(400, 0, -1)])
    grid: GalleryList = panel.list
    for width in (240, 340, 520, 900):
        panel.resize(width, 420)
        QApplication.processEvents()
        tops = [grid.visualRect(panel.model.index(row)).top() for row in range(12)]
        columns = tops.count(tops[0])
        assert columns == max(1, round((grid.viewport().width() - 1) / 108))
        last = grid.visualRect(panel.model.index(columns - 1))
        assert grid.viewport().width() - last.right() < columns + 3


def test_times_are_said_as_people_say_them() -> None:
    assert re.fullmatch(r"\d\d:\d\d", gallery_text.when(NOW, NOW + 60))
    assert gallery_text.when(NOW, NOW + 86_400).startswith("yesterday ")
    assert re.fullmatch(r"\d+ \w+", gallery_text.when(NOW, NOW + 86_400 * 5))
    assert gallery_text.when(NOW, NOW + 86_400 * 400).endswith("2025")
    assert [gallery_text.duration(entry(duration=seconds)) for seconds in (0.42, 12.4, 125)] == [
        "0.4 s", "12 s", "2:05",
    ]  # fmt: skip


def test_every_control_of_the_gallery_has_a_name_a_tooltip_and_can_be_reached(panel: GalleryPanel) -> None:
    own = controls(panel)
    assert all(control.accessibleName() for control in own)
    assert all(control.toolTip() for control in own)
    assert all(control.focusPolicy() & Qt.FocusPolicy.TabFocus for control in own)


# ---------------------------------------------------------------------------------------------------------- opening


def test_return_opens_the_newest_with_its_options_figures_and_pictures(live: MainWindow, backend: FakeBackend) -> None:
    press(live, Qt.Key.Key_Return)
    viewer = live.gallery.viewer
    assert viewer.isVisible()
    assert viewer.title.text() == "tractor 3"
    assert viewer.place.text() == "1 of 3"
    rows = viewer.table.rows
    assert ("Seed", "3") in rows
    assert ("Probability", "93.1 %") in rows
    assert ("Reached", "yes") in rows
    assert ("Weights", "0" * 16) in rows
    assert [tile.caption for tile in viewer.others.tiles] == ["result", "difference", "input"]
    assert viewer.figures.names == ("probability",)
    viewer.others.tile_clicked.emit(2)
    assert np.array_equal(viewer.picture._picture.pixels, picture("coffee"))


def test_the_course_is_gone_through_with_the_slider_and_played(live: MainWindow, qtbot: QtBot) -> None:
    press(live, Qt.Key.Key_Return)
    viewer = live.gallery.viewer
    bar = viewer.course_bar
    assert bar.figure.text() == "step 40 of 40"

    def level() -> int:
        return int(viewer.picture._picture.pixels[20, 30, 0])

    bar.slider.setValue(0)
    assert bar.figure.text() == "step 10 of 40"
    qtbot.waitUntil(lambda: abs(level() - 60) < 6)
    assert viewer.picture._picture.pixels.shape[:2] == (39, 60)
    bar.slider.setValue(1)
    qtbot.waitUntil(lambda: abs(level() - 120) < 6)
    bar.slider.setValue(0)
    bar.slider.setValue(2)
    for _ in range(3):
        QApplication.processEvents()
    assert viewer.picture._picture.pixels is viewer.content.image, "what was on its way came too late"
    QTest.keyClick(viewer, Qt.Key.Key_Space)
    assert bar.playing
    assert bar.place == 0
    qtbot.waitUntil(lambda: not bar.playing)
    assert bar.place == 2


def test_pages_are_turned_with_the_keys_and_stop_at_the_ends(live: MainWindow) -> None:
    press(live, Qt.Key.Key_Return)
    viewer = live.gallery.viewer
    titles = []
    for key in (Qt.Key.Key_PageDown, Qt.Key.Key_PageDown, Qt.Key.Key_PageDown, Qt.Key.Key_PageUp):
        QTest.keyClick(viewer, key)
        QApplication.processEvents()
        titles.append(viewer.title.text())
    assert titles == ["tractor 2", "tractor 1", "tractor 1", "tractor 2"]
    assert [each.id for each in live.gallery.panel.chosen] == ["entry 2"]
    QTest.keyClick(viewer, Qt.Key.Key_Escape)
    assert not viewer.isVisible()


def test_deleting_what_is_open_shows_the_next_and_the_last_one_closes(
    live: MainWindow, backend: FakeBackend, qtbot: QtBot
) -> None:
    press(live, Qt.Key.Key_Return)
    viewer = live.gallery.viewer
    for expected in ("tractor 2", "tractor 1"):
        QTest.keyClick(viewer, Qt.Key.Key_Delete)
        qtbot.waitUntil(lambda title=expected: viewer.title.text() == title)
    QTest.keyClick(viewer, Qt.Key.Key_Delete)
    qtbot.waitUntil(lambda: not viewer.isVisible())
    assert called(backend, "gallery_delete") == [(("entry 3",),), (("entry 2",),), (("entry 1",),)]


def test_an_entry_that_is_gone_when_it_is_opened_opens_nothing(live: MainWindow, backend: FakeBackend) -> None:
    backend.send(GalleryOpened("entry 3", None))
    live.gallery.open()
    backend.kept.clear()
    QApplication.processEvents()
    assert live.gallery._viewer is None or live.gallery.viewer.isVisible()
    live.gallery._view("entry 2")
    QApplication.processEvents()
    assert not live.gallery.viewer.isVisible()


# -------------------------------------------------------------------------------------------------------- comparing


def test_two_entries_are_compared_with_what_differs(live: MainWindow) -> None:
    live.gallery.panel.choose("entry 3", "entry 1")
    press(live, Qt.Key.Key_C)
    comparison = live.gallery.comparison
    assert comparison.isVisible()
    assert comparison.shown == ("entry 3", "entry 1")
    assert ("", "tractor 3", "tractor 1") in comparison.table.rows
    assert ("Seed", "3", "1") in comparison.table.rows
    assert not [row for row in comparison.table.rows if row[0] == "Steps"]
    QTest.keyClick(comparison, Qt.Key.Key_S)
    assert ("Seed", "1", "3") in comparison.table.rows
    assert live.gallery._viewer is None


def test_one_entry_is_compared_with_what_it_was_made_from(live: MainWindow) -> None:
    live.gallery.panel.choose("entry 2")
    press(live, Qt.Key.Key_C)
    assert live.gallery.comparison.title.text() == "Chelsea the cat and tractor 2"


@pytest.mark.parametrize("name", ["before", "original"])
def test_what_a_run_saw_of_its_picture_is_laid_under_what_it_made(name: str) -> None:
    photo, seen = picture("coffee", 90), picture("coffee")
    made = content(entry(), input=photo, images={name: seen}, image=np.zeros_like(seen))
    before, after = before_and_after(made)
    assert before is seen
    assert after is made.image
    assert before_and_after(replace(made, images={}))[0] is photo
    strip = replace(made, image=np.zeros((40, 300, 3), np.uint8))
    assert before_and_after(strip)[0] is photo


def test_a_printable_patch_is_compared_where_it_lies_on_the_picture() -> None:
    before, after = picture(), 255 - picture()
    pair = before_and_after(content(entry(), image=picture(side=20), images={"before": before, "after": after}))
    assert pair[0] is before
    assert pair[1] is after


def test_figures_are_spelled_as_the_field_spells_them() -> None:
    assert gallery_text.figure_rows({"psnr": 31.25, "linf": 0.03}) == [("PSNR", "31.2"), ("L∞", "0.03")]


def test_the_split_is_dragged_and_moved_by_keys(qtbot: QtBot) -> None:
    view = ComparisonView()
    show(qtbot, view, 400, 400)
    first, second = np.full((50, 50, 3), 255, np.uint8), np.zeros((100, 100, 3), np.uint8)
    view.set_pictures(first, second, ("white", "black"))

    def white() -> float:
        """Share of the middle line, away from texts and handle, that shows the first picture."""
        image = view.grab().toImage()
        line = [image.pixelColor(x, 100).lightness() for x in range(image.width())]
        return float(np.mean(np.array(line) > 200))

    assert white() == pytest.approx(0.5, abs=0.03)
    QTest.mousePress(view, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QPoint(100, 200))
    assert view.split == pytest.approx(0.25, abs=0.01)
    assert white() == pytest.approx(0.25, abs=0.03)
    QTest.keyClick(view, Qt.Key.Key_Right)
    assert view.split == pytest.approx(0.26, abs=0.01)
    QTest.keyClick(view, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    assert view.split == pytest.approx(0.36, abs=0.01)
    QTest.keyClick(view, Qt.Key.Key_End)
    assert white() > 0.97
    QTest.keyClick(view, Qt.Key.Key_Home)
    QTest.keyClick(view, Qt.Key.Key_Left)
    assert view.split == 0
    assert white() < 0.03


# -------------------------------------------------------------------------------------------------------- repeating


def test_a_run_is_repeated_with_the_network_that_it_was_made_with(live: MainWindow, backend: FakeBackend) -> None:
    press(live, Qt.Key.Key_R)
    assert called(backend, "gallery_repeat") == [("entry 3",)]
    assert live.lab.panel.kind.name == "class_image"
    assert not live.findChildren(QMessageBox)


@pytest.mark.parametrize("load", [True, False])
def test_where_another_network_is_loaded_it_is_said_and_both_are_offered(
    live: MainWindow, backend: FakeBackend, load: bool, qtbot: QtBot
) -> None:
    other = replace(backend.kept["entry 3"].entry, network="alexnet", network_hash="f" * 16,
                    network_spec=NetworkSpec("alexnet", input_size=(256, 256)))  # fmt: skip
    backend.keep(replace(backend.kept["entry 3"], entry=replace(other, id="entry 9", created=NOW + 9999)))
    QApplication.processEvents()
    live.gallery.panel.choose("entry 9")
    press(live, Qt.Key.Key_R)
    (box,) = live.findChildren(QMessageBox)
    assert "alexnet" in box.text()
    assert "tinynet is loaded" in box.text()
    assert called(backend, "gallery_repeat") == []
    backend.info = network_info(name="alexnet", title="AlexNet", hash="f" * 16)
    button = next(each for each in box.buttons() if ("Load" in each.text()) == load and "Cancel" not in each.text())
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: called(backend, "gallery_repeat") == [("entry 9",)])
    loaded = [spec.name for (spec,) in called(backend, "load_network")]
    assert loaded[1:] == (["alexnet"] if load else [])
    if load:
        assert called(backend, "load_network")[-1][0].input_size == (256, 256)
    assert live.log.entries() == []


def test_a_network_that_is_code_is_named_and_not_loaded_by_a_hasty_return(
    live: MainWindow, backend: FakeBackend
) -> None:
    sent = replace(backend.kept["entry 3"].entry, network="<b>alexnet</b>", network_hash="f" * 16, id="entry 9",
                   network_spec=NetworkSpec("/tmp/own.py:make"), created=NOW + 9999)  # fmt: skip
    backend.keep(replace(backend.kept["entry 3"], entry=sent))
    QApplication.processEvents()
    live.gallery.panel.choose("entry 9")
    press(live, Qt.Key.Key_R)
    (box,) = live.findChildren(QMessageBox)
    assert box.textFormat() == Qt.TextFormat.PlainText
    assert "/tmp/own.py:make is code" in box.informativeText()
    assert any("/tmp/own.py:make" in button.text() for button in box.buttons())
    before = called(backend, "load_network")
    QTest.keyClick(box, Qt.Key.Key_Return)
    QApplication.processEvents()
    assert called(backend, "load_network") == before
    assert called(backend, "gallery_repeat") == []


def test_other_weights_than_then_are_said_and_a_network_that_fails_starts_nothing(
    live: MainWindow, backend: FakeBackend
) -> None:
    made = replace(backend.kept["entry 3"].entry, network_hash="f" * 16, id="entry 9", created=NOW + 9999)
    backend.keep(replace(backend.kept["entry 3"], entry=made))
    QApplication.processEvents()
    live.gallery._load_and_repeat(made)
    QApplication.processEvents()
    assert called(backend, "gallery_repeat") == [("entry 9",)]
    assert "other weights" in live.log.entries()[0].problem.title
    live.gallery._to_repeat = made
    backend.send(NetworkFailed("alexnet", Problem("load", "No", "It failed.", "Try again.")))
    QApplication.processEvents()
    live.gallery.network_ready(network_info())
    assert len(called(backend, "gallery_repeat")) == 1


# ----------------------------------------------------------------------------------------- using, exporting, deleting


def test_a_picture_becomes_the_source(live: MainWindow, backend: FakeBackend) -> None:
    press(live, Qt.Key.Key_I)
    assert called(backend, "open_source")[-1] == (backend.kept["entry 3"].entry.path,)


def test_an_export_asks_for_a_name_whose_ending_follows_the_kind(
    live: MainWindow, backend: FakeBackend, tmp_path: Path
) -> None:
    press(live, Qt.Key.Key_E, Qt.KeyboardModifier.ControlModifier)
    (dialog,) = live.findChildren(QFileDialog)
    assert dialog.defaultSuffix() == "png"
    for text, ending in (("Film of the course (*.mp4)", "mp4"), ("Values (*.npz)", "npz")):
        dialog.filterSelected.emit(text)
        assert dialog.defaultSuffix() == ending
    dialog.fileSelected.emit(str(tmp_path / "x.mp4"))
    assert called(backend, "gallery_export") == [("entry 3", str(tmp_path / "x.mp4"))]
    dialog.reject()


def test_an_export_shows_how_far_it_is_and_can_be_given_up(live: MainWindow, backend: FakeBackend) -> None:
    panel = live.gallery.panel
    backend.send(GalleryExport("/tmp/film.mp4", 0.25, 3.2))
    QApplication.processEvents()
    assert panel.export_bar.isVisible()
    assert panel.export_bar.progress.value() == 250
    assert panel.export_bar.text.text() == "film.mp4 · 0:04 left"
    QTest.mouseClick(panel.export_bar.cancel, Qt.MouseButton.LeftButton)
    assert called(backend, "gallery_cancel_export") == [()]
    backend.send(GalleryExport("/tmp/film.mp4", 1.0, over=True))
    QApplication.processEvents()
    assert not panel.export_bar.isVisible()


def test_deleting_offers_to_undo_it_and_chooses_the_next(live: MainWindow, backend: FakeBackend) -> None:
    panel = live.gallery.panel
    panel.choose("entry 3", "entry 2")
    press(live, Qt.Key.Key_Delete)
    assert called(backend, "gallery_delete") == [(("entry 3", "entry 2"),)]
    assert [each.id for each in panel.model.shown] == ["entry 1"]
    assert [each.id for each in panel.chosen] == ["entry 1"]
    assert panel.undo_bar.isVisible()
    assert "2 pictures" in panel.undo_bar.text.text()
    press(live, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert len(panel.model.shown) == 3
    assert not panel.undo_bar.isVisible()
    assert not live.actions_["gallery.undo"].isEnabled()


def test_what_could_not_be_saved_can_be_tried_again_but_not_used(live: MainWindow, backend: FakeBackend) -> None:
    backend.keep(content(entry(7)))
    QApplication.processEvents()
    live.gallery.panel.choose("entry 7")
    assert not live.actions_["gallery.use"].isEnabled()
    assert REASONS["kept"] in live.actions_["gallery.use"].toolTip()
    texts = [action.text().split("\t")[0] for action in live.gallery.menu().actions()]
    assert "Save again" in texts
    live.actions_["gallery.save"].trigger()
    assert called(backend, "gallery_save") == [("entry 7",)]
    live.gallery.panel.choose("entry 3")
    assert "Save again" not in [action.text().split("\t")[0] for action in live.gallery.menu().actions()]


# ------------------------------------------------------------------------------------------------------ keys and menus


def test_keys_of_the_gallery_are_the_windows_own_where_the_gallery_has_no_focus(
    live: MainWindow, backend: FakeBackend, qtbot: QtBot
) -> None:
    before = len(called(backend, "open_source"))
    press(live, Qt.Key.Key_C)
    assert len(called(backend, "open_source")) == before
    live.gallery.comparison.close()
    live.activateWindow()
    live.grid_panel.view.setFocus()
    qtbot.waitUntil(live.grid_panel.view.hasFocus)
    QTest.keyClick(live.grid_panel.view, Qt.Key.Key_C)
    assert len(called(backend, "open_source")) == before + 1


def test_the_menu_has_every_action_with_its_key(live: MainWindow) -> None:
    live.gallery.panel.choose("entry 3")
    menu = live.gallery.menu()
    told = dict(action.text().split("\t") for action in menu.actions())
    assert told["Compare"] == "C"
    assert told["Delete from the gallery"] == "Del"
    assert {spec.text for spec in ACTIONS if spec.group == "Gallery"} - set(told) == {"Gallery", "Save again"}
    menu.deleteLater()


def test_a_right_click_chooses_and_opens_the_menu(live: MainWindow, qtbot: QtBot) -> None:
    grid = live.gallery.panel.list
    place = grid.visualRect(grid.model().index(1)).center()
    QTest.mouseClick(grid.viewport(), Qt.MouseButton.RightButton, Qt.KeyboardModifier.NoModifier, place)
    event = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, place, grid.viewport().mapToGlobal(place))
    QApplication.sendEvent(grid.viewport(), event)
    assert [each.id for each in live.gallery.panel.chosen] == ["entry 2"]
    popup = QApplication.activePopupWidget()
    assert isinstance(popup, QMenu)
    popup.close()


def test_a_double_click_opens(live: MainWindow) -> None:
    grid = live.gallery.panel.list
    place = grid.visualRect(grid.model().index(2)).center()
    QTest.mouseClick(grid.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)
    QTest.mouseDClick(grid.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)
    QApplication.processEvents()
    assert live.gallery.viewer.title.text() == "tractor 1"


def test_the_gallery_of_before_is_there_when_the_window_opens(
    make_window: Callable[[FakeBackend, SettingsStore], MainWindow], store: SettingsStore, tmp_path: Path
) -> None:
    backend = FakeBackend()
    backend.keep(content(on_disk(tmp_path / "g", 5)))
    window = make_window(backend, store)
    assert [each.id for each in window.gallery.panel.model.shown] == ["entry 5"]


@pytest.mark.parametrize("palette", [theme.LIGHT, theme.DARK], ids=lambda palette: palette.name)
def test_viewer_and_comparison_are_painted_in_every_theme_and_size(
    live: MainWindow, qapp: QApplication, palette: theme.Palette
) -> None:
    theme.apply_theme(qapp, palette, theme.PRESENTATION_SCALE)
    live.actions_["gallery.show"].trigger()
    press(live, Qt.Key.Key_Return)
    live.gallery.viewer.resize(760, 520)
    live.gallery.compare()
    QApplication.processEvents()
    for part in (live.gallery.viewer, live.gallery.comparison, live.gallery.panel):
        assert not part.grab().isNull()
        own = [control for control in controls(part) if isinstance(control, QWidget)]
        assert all(control.accessibleName() for control in own)
    dark(qapp)


def test_titles_leave_the_pictures_free(qtbot: QtBot) -> None:
    view = ComparisonView()
    show(qtbot, view, 300, 200)
    view.set_pictures(picture(), picture("coffee"), ("one", "two"))
    frame = view.frame()
    assert frame.contains(QPointF(view.rect().center()))
    assert frame.width() <= 300
    assert frame.height() <= 200
