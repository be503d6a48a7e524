"""The lab in the window: tabs, keys, units that are maximised, pictures that are enlarged, a dream on the live view."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QContextMenuEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu, QScrollArea
from pytestqt.qtbot import QtBot

from deepvis.messages import DreamRequest, RunStatus
from deepvis.ui.main_window import MainWindow
from deepvis.ui.panels.run_panel import RunPanel
from tests.ui import lab_runs
from tests.ui.fixtures import FakeBackend, network_info, photograph
from tests.ui.gallery_entries import content, entry
from tests.ui.views.paints import PaintCount

CTRL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier


@pytest.fixture
def lab(window: MainWindow) -> MainWindow:
    """The lab is open."""
    window.activateWindow()
    window.actions_["window.lab"].trigger()
    QApplication.processEvents()
    return window


def calls(backend: FakeBackend, name: str) -> list[tuple[Any, ...]]:
    return [call for call in backend.calls if call[0] == name]


def send(backend: FakeBackend, *events: RunStatus) -> None:
    for event in events:
        backend.send(event)
        QApplication.processEvents()


def press(window: MainWindow, key: Qt.Key, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    QTest.keyClick(QApplication.focusWidget() or window, key, modifier)
    QApplication.processEvents()


def type_into_focus(text: str) -> None:
    widget = QApplication.focusWidget()
    assert widget is not None
    QTest.keyClicks(widget, text)


# ------------------------------------------------------------------------------------------------------------- tabs


def test_every_run_has_a_tab_in_the_order_of_use(lab: MainWindow) -> None:
    tabs = lab.lab.tabs
    titles = [tabs.tabText(place) for place in range(tabs.count())]
    assert titles == ["Class image", "DeepDream", "Inversion", "Fooling", "Evolution", "Occlusion", "Patches"]
    # Maps have a panel of their own.
    assert list(lab.lab.panels) == [name for name in lab_runs.RUN_OPTIONS if name != "embedding"]


def test_runs_that_need_no_picture_ask_for_none(lab: MainWindow, backend: FakeBackend) -> None:
    for name, panel in lab.lab.panels.items():
        lab.lab.show_run(name)
        assert panel.input.isVisible() == (name not in ("class_image", "evolved_fooling"))
    lab.lab.panels["evolved_fooling"].begin()
    assert calls(backend, "start_run")[-1] == (
        "start_run", "evolved_fooling", {"encoding": "cppn", "generations": 200}, None,
    )  # fmt: skip


def test_a_sample_is_passed_by_its_name(lab: MainWindow, backend: FakeBackend) -> None:
    panel = lab.lab.show_run("deepdream")
    choice = panel.input.choice
    choice.setCurrentIndex(choice.findText("Coffee"))
    panel.begin()
    assert calls(backend, "start_run")[-1][3] == "sample:coffee"


def test_only_what_lies_over_the_frame_freezes_it(lab: MainWindow, backend: FakeBackend) -> None:
    for name in ("deepdream", "fooling", "inversion"):
        lab.lab.panels[name].begin()
        assert calls(backend, "start_run")[-1][3] is photograph("chelsea")
    assert calls(backend, "freeze") == []
    lab.lab.panels["occlusion"].begin()
    QApplication.processEvents()
    assert calls(backend, "freeze") == [("freeze", True)]


def test_a_preset_is_chosen_from_the_menu(lab: MainWindow, backend: FakeBackend) -> None:
    panel = lab.lab.panels["class_image"]
    panel.form.set_values({"target": "tractor", "seed": 3})
    menu = panel.presets.menu()
    assert [action.text() for action in menu.actions()] == ["Fast preview", "Plain"]
    menu.actions()[0].trigger()
    panel.begin()
    options = calls(backend, "start_run")[-1][2]
    assert (options["target"], options["iterations"], options["seed"]) == ("tractor", 96, 0)
    assert not lab.lab.panels["fooling"].presets.isVisibleTo(lab.lab.panels["fooling"])


def test_a_run_is_started_with_the_keyboard_alone(window: MainWindow, backend: FakeBackend) -> None:
    window.activateWindow()
    window.grid_panel.view.setFocus()
    press(window, Qt.Key.Key_Y)
    panel = window.lab.panels["class_image"]
    assert QApplication.focusWidget() is panel.controls.start
    target = panel.form.fields["target"].focusProxy()
    for _ in range(20):
        if QApplication.focusWidget() is target:
            break
        press(window, Qt.Key.Key_Tab, SHIFT)
    type_into_focus("tractor")
    press(window, Qt.Key.Key_Return, CTRL)
    ((_, name, options, image),) = calls(backend, "start_run")
    assert (name, options["target"], image) == ("class_image", "tractor", None)


def test_start_with_nothing_named_takes_the_unit_that_is_looked_at(lab: MainWindow, backend: FakeBackend) -> None:
    panel, look = lab.lab.panels["class_image"], lab.state.look
    assert look.layer is not None
    assert look.unit is not None
    panel.begin()
    options = calls(backend, "start_run")[-1][2]
    assert (options["target"], options["layer"], options["unit"]) == (None, look.layer, look.unit)
    assert panel.form.fields["layer"].value == look.layer


def test_start_keeps_the_class_that_is_named(lab: MainWindow, backend: FakeBackend) -> None:
    panel = lab.lab.panels["class_image"]
    panel.form.set_values({"target": "tractor"})
    panel.begin()
    options = calls(backend, "start_run")[-1][2]
    assert (options["target"], options["layer"], options["unit"]) == ("tractor", None, None)


def test_keys_pause_continue_cancel_and_go_on(lab: MainWindow, backend: FakeBackend) -> None:
    panel = lab.lab.panels["class_image"]
    press(lab, Qt.Key.Key_Return, CTRL)
    queued, first, *_, done = lab_runs.statuses("class_image", more=20)
    assert not lab.actions_["lab.more"].isEnabled()
    send(backend, queued, first)
    press(lab, Qt.Key.Key_Return, CTRL | SHIFT)
    send(backend, replace(first, state="paused"))
    press(lab, Qt.Key.Key_Return, CTRL | SHIFT)
    send(backend, first, done)
    assert not lab.actions_["lab.pause"].isEnabled()
    assert panel.controls.more.isEnabled()
    press(lab, Qt.Key.Key_E, CTRL | SHIFT)
    send(backend, replace(first, state="running"))
    press(lab, Qt.Key.Key_X, CTRL | SHIFT)
    assert calls(backend, "control_run") == [
        ("control_run", 1, "pause"), ("control_run", 1, "continue"), ("control_run", 1, "more", 20),
        ("control_run", 1, "cancel"),
    ]  # fmt: skip


def test_a_run_that_waits_says_what_for(lab: MainWindow, backend: FakeBackend) -> None:
    lab.lab.panels["inversion"].begin()
    send(backend, *lab_runs.statuses("inversion")[:2])
    waiting = lab.lab.show_run("fooling")
    waiting.begin()
    assert waiting.controls.figures.text() == "queued · Inversion goes on"
    waiting.begin()
    waiting._choose(3)
    assert waiting.controls.figures.text() == "queued · 1 before it"


def test_start_opens_the_lab_before_it_starts_anything(window: MainWindow, backend: FakeBackend) -> None:
    window.activateWindow()
    press(window, Qt.Key.Key_Return, CTRL)
    assert not window.docks.lab.isHidden()
    assert calls(backend, "start_run") == []


def test_the_palette_finds_every_run(lab: MainWindow) -> None:
    lab.window_commands.search_all()
    QTest.keyClicks(lab.palette_.field, "lab fooling")
    QTest.keyClick(lab.palette_.field, Qt.Key.Key_Return)
    assert lab.lab.panel is lab.lab.panels["fooling"]


# ------------------------------------------------------------------------------------------------------- going on


@pytest.fixture
def ended(lab: MainWindow, backend: FakeBackend) -> RunPanel:
    """A class image has ended and could make 20 more steps."""
    panel = lab.lab.panels["class_image"]
    panel.begin()
    send(backend, *lab_runs.statuses("class_image", more=20))
    return panel


def test_more_steps_go_on_from_where_the_run_stands(ended: RunPanel, backend: FakeBackend) -> None:
    assert "20 more steps" in ended.controls.more.toolTip()
    QTest.mouseClick(ended.controls.more, Qt.MouseButton.LeftButton)
    assert calls(backend, "control_run") == [("control_run", 1, "more", 20)]
    further = replace(lab_runs.update("class_image", 5, 24))
    send(backend, RunStatus(1, "class_image", "running", further, 3.0, 4.0))
    assert ended.controls.figures.text() == "step 5 of 24 · 0:04 left"
    assert not ended.controls.more.isEnabled()
    assert ended.controls.cancel.isEnabled()
    course = ended.controls.course
    assert course.text("probability") == "20.8 %"


def test_what_has_ended_with_another_network_cannot_go_on(
    ended: RunPanel, lab: MainWindow, backend: FakeBackend
) -> None:
    assert ended.controls.more.isEnabled()
    lab.state.set_network(network_info(name="another"))
    assert not ended.controls.more.isEnabled()


def test_a_run_that_cannot_go_on_offers_no_more_steps(lab: MainWindow, backend: FakeBackend) -> None:
    panel = lab.lab.panels["class_image"]
    panel.begin()
    send(backend, *lab_runs.statuses("class_image", more=0))
    assert not panel.controls.more.isEnabled()
    assert not lab.actions_["lab.more"].isEnabled()


def test_a_note_stays_in_sight_until_another_run_is_shown(lab: MainWindow, backend: FakeBackend) -> None:
    panel = lab.lab.panels["class_image"]
    panel.begin()
    noted = lab_runs.update("class_image", 1, note="the gradient was 0: begun again from other noise")
    send(backend, RunStatus(1, "class_image", "running", noted))
    assert panel.controls.note.isVisible()
    assert panel.controls.note.text() == "The gradient was 0: begun again from other noise"
    send(backend, lab_runs.statuses("class_image")[-1])
    assert panel.controls.note.text() == "The gradient was 0: begun again from other noise"
    panel.begin()
    send(backend, lab_runs.statuses("class_image", 2)[1])
    assert panel.controls.note.text() == ""


def test_an_error_covers_a_note(lab: MainWindow, backend: FakeBackend) -> None:
    panel = lab.lab.panels["class_image"]
    panel.begin()
    noted = lab_runs.update("class_image", 1, note="begun again")
    send(backend, RunStatus(1, "class_image", "running", noted))
    panel.form.fields["seed"].set_value(-1)
    panel.begin()
    assert panel.controls.error.isVisible()
    assert not panel.controls.note.isVisible()
    panel.form.fields["seed"].set_value(1)
    assert panel.controls.note.isVisible()


# ------------------------------------------------------------------------------------------------- nobody is looking


def test_a_run_behind_another_tab_paints_nothing_and_catches_up(lab: MainWindow, backend: FakeBackend) -> None:
    panel = lab.lab.panels["inversion"]
    panel.begin()
    shown: list[object] = []
    show_update = panel.view.show_update
    panel.view.show_update = lambda update: (shown.append(update), show_update(update))
    counts = [PaintCount(part) for part in (panel.view.picture, panel.controls.course)]
    statuses = lab_runs.statuses("inversion", total=9)
    send(backend, *statuses)
    assert shown == []
    assert [count.count for count in counts] == [0, 0]
    lab.lab.show_run("inversion")
    QApplication.processEvents()
    assert shown == [statuses[-1].update]
    assert panel.controls.course.text("psnr") == "19"
    course = panel._courses[1]
    assert course.steps.tolist() == list(range(1, 10))


def test_fast_steps_are_shown_no_faster_than_an_eye_follows(
    lab: MainWindow, backend: FakeBackend, qtbot: QtBot
) -> None:
    panel = lab.lab.panels["class_image"]
    panel.begin()
    shown: list[int] = []
    show_update = panel.view.show_update
    panel.view.show_update = lambda update: (shown.append(update.step), show_update(update))
    statuses = lab_runs.statuses("class_image", total=400)
    began = time.perf_counter()
    send(backend, *statuses[:-2])
    took = time.perf_counter() - began
    # Qt's timers are up to a twentieth early.
    assert len(shown) <= took / 0.038 + 2
    qtbot.waitUntil(lambda: shown[-1] == 398)
    send(backend, statuses[-1])
    assert shown[-1] == 400


# ------------------------------------------------------------------------------------------------------- maximising


def test_maximising_a_unit_starts_a_class_image_of_it_in_the_lab(window: MainWindow, backend: FakeBackend) -> None:
    window.activateWindow()
    window.state.update(layer="conv4", unit=17)
    window.lab.show_run("occlusion")
    window.grid_panel.view.setFocus()
    press(window, Qt.Key.Key_M, Qt.KeyboardModifier.ShiftModifier)
    ((_, name, options, image),) = calls(backend, "start_run")
    assert (name, image) == ("class_image", None)
    assert (options["layer"], options["unit"], options["target"]) == ("conv4", 17, None)
    assert options["iterations"] == 96
    assert not window.docks.lab.isHidden()
    assert window.lab.panel is window.lab.panels["class_image"]


def test_the_button_of_the_unit_panel_does_the_same(window: MainWindow, backend: FakeBackend) -> None:
    window.state.update(layer="conv2", unit=3)
    QTest.mouseClick(window.unit_panel.maximise_button, Qt.MouseButton.LeftButton)
    assert calls(backend, "start_run")[-1][2]["unit"] == 3


def test_the_picture_grows_in_the_unit_panel_and_stays_with_its_unit(
    window: MainWindow, backend: FakeBackend, qtbot: QtBot
) -> None:
    panel = window.unit_panel
    window.state.update(layer="conv4", unit=17)
    assert panel.no_images.isVisibleTo(panel)
    window.unit_images.maximise()
    queued, first, *_, done = lab_runs.statuses("class_image")
    send(backend, queued, first)
    (tile,) = panel.images.tiles
    assert np.array_equal(tile.pixels, first.update.image)
    assert tile.caption == "1 of 4"
    send(backend, done)
    (tile,) = panel.images.tiles
    assert np.array_equal(tile.pixels, done.update.image)
    assert tile.caption == ""
    window.state.update(unit=18)
    assert panel.images.tiles == ()
    assert panel.no_images.isVisibleTo(panel)
    window.state.update(unit=17)
    assert len(panel.images.tiles) == 1
    window.state.set_network(network_info(hash="1" * 16))
    window.state.update(layer="conv4", unit=17)
    assert panel.images.tiles == ()


def test_the_gallery_gives_way_where_a_run_s_picture_would_be_out_of_sight_and_can_be_asked_for(
    window: MainWindow,
) -> None:
    lab, gallery = window.lab, window.gallery.panel
    window.resize(1366, 768)
    window.actions_["window.lab"].trigger()
    QApplication.processEvents()
    assert gallery.isVisible()
    assert not lab.sides_button.isVisible()
    window.resize(1024, 768)
    QApplication.processEvents()
    view = lab.panel.view
    assert lab.rect().contains(view.mapTo(lab, view.rect().bottomRight()))
    assert not gallery.isVisible()
    QTest.mouseClick(lab.sides_button, Qt.MouseButton.LeftButton)
    assert gallery.isVisible()
    QTest.mouseClick(lab.sides_button, Qt.MouseButton.LeftButton)
    assert not gallery.isVisible()
    window.actions_["gallery.show"].trigger()
    assert gallery.isVisible()
    assert lab.sides_button.isChecked()
    window.resize(1366, 768)
    QApplication.processEvents()
    assert gallery.isVisible()
    assert not lab.sides_button.isVisible()


def test_the_pictures_of_a_unit_come_into_sight_when_one_is_asked_for(
    window: MainWindow, backend: FakeBackend, qtbot: QtBot
) -> None:
    window.resize(1100, 700)
    window.state.update(layer="conv4", unit=17)
    window.actions_["window.lab"].trigger()
    QApplication.processEvents()
    area = window.docks.right.widget()
    assert isinstance(area, QScrollArea)
    area.verticalScrollBar().setValue(0)
    section = window.unit_panel.images_section

    def in_sight() -> bool:
        place = section.mapTo(area.viewport(), QPoint(0, 0))
        return area.viewport().rect().contains(place)

    assert not in_sight()
    window.unit_images.maximise()
    qtbot.waitUntil(in_sight)
    area.verticalScrollBar().setValue(0)
    send(backend, *lab_runs.statuses("class_image")[:3])
    assert not in_sight(), "where somebody scrolls away they stay"


def test_each_further_picture_of_a_unit_begins_with_another_seed(window: MainWindow, backend: FakeBackend) -> None:
    window.state.update(layer="conv4", unit=17)
    window.unit_images.maximise()
    window.unit_images.maximise()
    send(backend, *lab_runs.statuses("class_image", 1))
    window.unit_images.maximise()
    seeds = [call[2]["seed"] for call in calls(backend, "start_run")]
    assert seeds == [0, 1, 2]


def test_the_seed_goes_on_where_the_gallery_ends_however_many_there_are(
    window: MainWindow, backend: FakeBackend
) -> None:
    window.state.update(layer="conv4", unit=17)
    for seed in (*range(12), 13):
        options = {"layer": "conv4", "unit": 17, "seed": seed}
        backend.keep(content(entry(seed + 1, options=options)))
    backend.keep(content(entry(50, options={"layer": "conv4", "unit": 18, "seed": 12})))
    QApplication.processEvents()
    window.unit_images.maximise()
    window.unit_images.maximise()
    assert [call[2]["seed"] for call in calls(backend, "start_run")] == [12, 14]


def test_a_picture_that_is_deleted_from_the_gallery_leaves_the_unit_panel(
    window: MainWindow, backend: FakeBackend
) -> None:
    window.state.update(layer="conv4", unit=17)
    window.unit_images.maximise()
    done = lab_runs.statuses("class_image")[-1]
    send(backend, done)
    assert len(window.unit_panel.images.tiles) == 1
    made = entry(1, options={"layer": "conv4", "unit": 17, "seed": 0})
    backend.keep(content(made, image=done.update.image[::2, ::2]))
    QApplication.processEvents()
    # As a thumbnail it may be smaller than it was made.
    assert len(window.unit_panel.images.tiles) == 1
    backend.gallery_delete([made.id])
    QApplication.processEvents()
    assert window.unit_panel.images.tiles == ()


def test_a_cancelled_picture_leaves_nothing_behind(window: MainWindow, backend: FakeBackend) -> None:
    window.unit_images.maximise()
    first = lab_runs.statuses("class_image")[1]
    send(backend, first, replace(first, state="cancelled"))
    assert window.unit_panel.images.tiles == ()
    assert not window.unit_images.waiting


def test_the_right_button_chooses_a_unit_and_offers_to_maximise_it(window: MainWindow, qtbot: QtBot) -> None:
    view = window.grid_panel.view
    window.state.update(unit=0)
    place = view.unit_rect(33).center().toPoint()
    event = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, place, view.mapToGlobal(place))
    QApplication.sendEvent(view, event)
    assert window.state.look.unit == 33
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    assert window.actions_["unit.maximise"] in menu.actions()
    menu.close()


def test_the_menu_key_opens_the_same_menu_at_the_chosen_unit(window: MainWindow) -> None:
    view = window.grid_panel.view
    window.state.update(unit=7)
    event = QContextMenuEvent(QContextMenuEvent.Reason.Keyboard, QPoint(0, 0), view.mapToGlobal(QPoint(0, 0)))
    QApplication.sendEvent(view, event)
    assert window.state.look.unit == 7
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    menu.close()


# -------------------------------------------------------------------------------------------------------- enlarging


@pytest.mark.usefixtures("dressed_first")
def test_pictures_are_enlarged_in_the_mosaics_place_and_come_back(lab: MainWindow, backend: FakeBackend) -> None:
    panel = lab.lab.panels["class_image"]
    before = panel.view.geometry()
    press(lab, Qt.Key.Key_E, CTRL)
    large = lab.lab.large
    assert large is not None
    assert large.isVisible()
    assert panel.view.parentWidget() is large
    assert large.mapTo(lab, QPoint(0, 0)).y() > lab.grid_panel.strip.mapTo(lab, QPoint(0, 0)).y()
    assert panel.view.width() > before.width()
    assert lab.actions_["lab.enlarge"].isChecked()
    panel.begin()
    send(backend, *lab_runs.statuses("class_image")[:2])
    assert panel.view.isVisible()
    assert np.array_equal(panel.view.export_picture()[:, :, 2::-1], lab_runs.blended(0.25))
    press(lab, Qt.Key.Key_Escape)
    assert not large.isVisible()
    assert panel.view.parentWidget() is panel
    QApplication.processEvents()
    assert panel.view.geometry() == before


def test_another_tab_brings_its_own_pictures_into_the_mosaics_place(lab: MainWindow) -> None:
    lab.lab.enlarge(True)
    lab.lab.show_run("fooling")
    assert lab.lab.panels["fooling"].view.parentWidget() is lab.lab.large
    first = lab.lab.panels["class_image"]
    assert first.view.parentWidget() is first
    lab.lab.enlarge(False)


# ------------------------------------------------------------------------------------------------------- live dream


def test_the_live_dream_is_asked_for_and_shown(lab: MainWindow, backend: FakeBackend, qtbot: QtBot) -> None:
    lab.state.update(layer="conv4", unit=9)
    lab.grid_panel.view.setFocus()
    press(lab, Qt.Key.Key_D, SHIFT)
    panel = lab.lab.panels["deepdream"]
    assert lab.lab.panel is panel
    qtbot.waitUntil(lambda: backend.request_now.dream == DreamRequest("conv4", None, 1.0, 0.5))
    qtbot.waitUntil(lambda: panel.view.shown == "Live dream")
    assert lab.actions_["lab.dream"].isChecked()
    press(lab, Qt.Key.Key_D, SHIFT)
    qtbot.waitUntil(lambda: backend.request_now.dream is None)
    qtbot.waitUntil(lambda: panel.view.shown != "Live dream")
    assert not lab.lab.enlarged


def test_the_live_dream_follows_layer_unit_and_sliders(lab: MainWindow, backend: FakeBackend, qtbot: QtBot) -> None:
    panel = lab.lab.show_run("deepdream")
    assert panel.live is not None
    panel.live.switch.click()
    lab.state.update(layer="conv2", unit=4)
    qtbot.waitUntil(lambda: backend.request_now.dream == DreamRequest("conv2", None, 1.0, 0.5))
    panel.live.unit_only.setChecked(True)
    panel.live.strength.setValue(250)
    panel.live.memory.setValue(80)
    qtbot.waitUntil(lambda: backend.request_now.dream == DreamRequest("conv2", 4, 2.5, 0.8))
    panel.live.switch.click()
    qtbot.waitUntil(lambda: backend.request_now.dream is None)


def test_a_dream_that_nobody_sees_is_not_asked_for(lab: MainWindow, backend: FakeBackend, qtbot: QtBot) -> None:
    panel = lab.lab.show_run("deepdream")
    assert panel.live is not None
    panel.live.set_on(True)
    qtbot.waitUntil(lambda: backend.request_now.dream is not None)
    lab.lab.enlarge(False)
    lab.lab.show_run("fooling")
    qtbot.waitUntil(lambda: backend.request_now.dream is None)
    lab.lab.show_run("deepdream")
    qtbot.waitUntil(lambda: backend.request_now.dream is not None)
    lab.actions_["window.lab"].trigger()
    qtbot.waitUntil(lambda: backend.request_now.dream is None)


def test_a_dream_goes_on_in_the_next_network(lab: MainWindow, backend: FakeBackend, qtbot: QtBot) -> None:
    panel = lab.lab.show_run("deepdream")
    assert panel.live is not None
    panel.live.set_on(True)
    lab.state.update(layer="conv2", unit=4)
    panel.live.unit_only.setChecked(True)
    other = tuple(replace(layer, name=f"block.{layer.name}") for layer in network_info().layers)
    lab.state.set_network(network_info(hash="1" * 16, layers=other))
    look = lab.state.look
    assert look.layer in [layer.name for layer in other]
    assert look.dream == DreamRequest(look.layer, look.unit, 1.0, 0.5)
    assert panel.live.switch.isChecked()
    lab.state.set_network(network_info(hash="2" * 16, layers=()))
    assert not panel.live.on
    assert not panel.live.switch.isChecked()


@pytest.mark.usefixtures("dressed_first")
def test_a_form_that_was_hidden_in_a_presentation_is_as_wide_as_before(lab: MainWindow) -> None:
    def width() -> int:
        for _ in range(5):
            QApplication.processEvents()
        field = lab.lab.panels["deepdream"].form.fields["layer"]
        return field.width()

    lab.lab.show_run("deepdream")
    before = width()
    lab.actions_["window.presentation"].trigger()
    width()
    lab.actions_["window.lab"].trigger()
    width()
    lab.actions_["window.presentation"].trigger()
    assert not lab.docks.lab.isHidden()
    assert width() == before


def test_in_a_presentation_a_dream_has_the_lab_s_room(lab: MainWindow) -> None:
    lab.actions_["window.presentation"].trigger()
    lab.actions_["lab.dream"].trigger()
    assert lab.lab.enlarged
    assert lab.docks.lab.isHidden()
    lab.actions_["window.presentation"].trigger()
    assert not lab.docks.lab.isHidden()
    lab.actions_["window.presentation"].trigger()
    assert lab.docks.lab.isHidden()
    assert lab.lab.dream_is_seen
