"""Runs in the lab: starting, steering, queueing, failing, exporting, on a backend that sends scripted states."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QWidget
from pytestqt.qtbot import QtBot

from deepvis.messages import RunStatus
from deepvis.ui import theme
from deepvis.ui.main_window import MainWindow
from deepvis.ui.panels.controls import FocusArea
from deepvis.ui.panels.lab_panel import LabPanel
from deepvis.ui.panels.run_controls import run_text
from deepvis.ui.panels.run_input import PRESENT
from deepvis.ui.panels.run_list import RunList
from deepvis.ui.panels.run_panel import RunPanel, sentence
from deepvis.ui.view_state import ViewState
from tests.ui import occlusion_run as script
from tests.ui.fixtures import FakeBackend, network_info, photograph


@pytest.fixture
def panel(window: MainWindow) -> RunPanel:
    """The lab is open at occlusion."""
    window.activateWindow()
    window.lab.show_run("occlusion")
    window.actions_["window.lab"].trigger()
    QApplication.processEvents()
    return window.lab.panels["occlusion"]


def calls(backend: FakeBackend, name: str) -> list[tuple[object, ...]]:
    return [call for call in backend.calls if call[0] == name]


def send(backend: FakeBackend, *events: RunStatus) -> None:
    for event in events:
        backend.send(event)
    QApplication.processEvents()


def press(button: QWidget) -> None:
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    QApplication.processEvents()


def failed(error: str, run_id: int = 1) -> RunStatus:
    return RunStatus(run_id, "occlusion", "failed", error=error)


def test_the_lab_is_hidden_until_it_is_opened_and_then_has_the_focus(window: MainWindow) -> None:
    assert window.docks.lab.isHidden()
    window.activateWindow()
    QTest.keyClick(window.grid_panel.view, Qt.Key.Key_Y)
    assert not window.docks.lab.isHidden()
    assert window.actions_["window.lab"].isChecked()
    assert QApplication.focusWidget() is window.lab.panel.controls.start
    window.actions_["window.lab"].trigger()
    assert window.docks.lab.isHidden()
    window.actions_["window.lab"].trigger()
    window.actions_["window.reset"].trigger()
    assert window.docks.lab.isHidden()


@pytest.mark.usefixtures("dressed_first")
def test_the_lab_stands_below_everything_and_leaves_room_for_the_mosaic(panel: RunPanel, window: MainWindow) -> None:
    lab = window.docks.lab.geometry()
    assert lab.width() == window.width()
    assert lab.top() >= window.docks.left.geometry().bottom()
    assert window.grid_panel.height() >= 240


def test_start_runs_on_the_frame_that_is_shown_and_freezes_it(panel: RunPanel, backend: FakeBackend) -> None:
    panel.form.set_values({"patch": 9, "fill": 128, "target": "tractor"})
    press(panel.controls.start)
    ((_, name, options, image),) = calls(backend, "start_run")
    assert name == "occlusion"
    assert options == {"target": "tractor", "patch": 9, "stride": None, "fill": 128, "precision": "fp32", "batch": None}
    assert image is photograph("chelsea")
    assert calls(backend, "freeze") == [("freeze", True)]


def test_a_file_is_passed_by_its_path_and_freezes_nothing(
    panel: RunPanel, backend: FakeBackend, tmp_path: Path
) -> None:
    path = str(tmp_path / "a picture.png")
    panel.use_file(path)
    assert panel.input.choice.currentText() == "a picture.png"
    press(panel.controls.start)
    assert calls(backend, "start_run")[0][3] == path
    assert calls(backend, "freeze") == []
    panel.input.choice.setCurrentIndex(0)
    press(panel.controls.start)
    assert calls(backend, "start_run")[1][3] is photograph("chelsea")


def test_a_picture_that_is_dropped_on_the_row_is_used_and_nothing_else_is(panel: RunPanel, tmp_path: Path) -> None:
    def drop(name: str) -> bool:
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(str(tmp_path / name))])
        event = QDropEvent(
            QPointF(4, 4), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
        )
        event.ignore()
        panel.input.dropEvent(event)
        return event.isAccepted()

    assert not drop("weights.safetensors")
    assert panel.input.value == PRESENT
    assert drop("Cat.JPG")
    assert panel.input.value == str(tmp_path / "Cat.JPG")


@pytest.mark.parametrize("name", ["occlusion", "deepdream", "inversion", "fooling", "patch_scan"])
@pytest.mark.usefixtures("dressed_first")
def test_the_picture_s_row_is_in_line_with_the_options_below_it(panel: RunPanel, window: MainWindow, name: str) -> None:
    other = window.lab.show_run(name)
    QApplication.processEvents()

    def left(widget: QWidget) -> int:
        return widget.mapTo(other, widget.rect().topLeft()).x()

    controls = {left(other.form.fields[each]) for each in other.form.shown} | {left(other.input.choice)}
    if other.live is not None:
        window.state.update(layer="conv3")
        other.live.set_on(True)
        QApplication.processEvents()
        controls |= {left(other.live.strength), left(other.live.memory)}
    assert len(controls) == 1
    names = [other.form._names[each] for each in other.form.shown]
    assert len({left(each) for each in (*names, other.input._name)}) == 1


@pytest.mark.usefixtures("dressed_first")
def test_what_gets_the_focus_from_outside_the_form_comes_into_sight(panel: RunPanel, window: MainWindow) -> None:
    other = window.lab.show_run("class_image")
    other.form.more.setChecked(True)
    QApplication.processEvents()
    area = next(each for each in other.findChildren(FocusArea) if each.isAncestorOf(other.form))
    area.verticalScrollBar().setValue(0)
    assert area.verticalScrollBar().maximum() > 0
    other.controls.start.setFocus()
    QTest.keyClick(other.controls.start, Qt.Key.Key_Backtab)
    QApplication.processEvents()
    focused = QApplication.focusWidget()
    assert focused is not None
    assert area.isAncestorOf(focused)
    corners = (focused.rect().topLeft(), focused.rect().bottomRight())
    assert all(area.viewport().rect().contains(focused.mapTo(area.viewport(), corner)) for corner in corners)


def test_the_file_button_asks_for_a_picture(panel: RunPanel, window: MainWindow, qtbot: QtBot) -> None:
    press(panel.input.file)
    (dialog,) = window.findChildren(QFileDialog)
    assert "*.png" in dialog.nameFilters()[0]
    assert "mp4" not in dialog.nameFilters()[0]
    dialog.reject()


def test_a_value_that_is_not_allowed_starts_nothing_and_says_why(panel: RunPanel, backend: FakeBackend) -> None:
    panel.form.fields["patch"].set_value(0)
    press(panel.controls.start)
    assert calls(backend, "start_run") == []
    assert panel.controls.error.text() == "Patch 0 is out of range: it is at least 1 px"
    panel.form.fields["patch"].set_value(3)
    assert panel.controls.error.text() == ""
    press(panel.controls.start)
    assert len(calls(backend, "start_run")) == 1


def test_progress_steps_and_time_left_are_shown(panel: RunPanel, backend: FakeBackend) -> None:
    press(panel.controls.start)
    assert panel.controls.figures.text() == "queued"
    queued, first, second, done = script.statuses(1)
    send(backend, queued, first)
    total = script.ROWS * script.COLUMNS
    assert panel.controls.figures.text() == f"step {first.update.step} of {total} · 0:01 left"
    assert (panel.controls.progress.value(), panel.controls.progress.maximum()) == (first.update.step, total)
    assert panel.view.maps is not None
    assert not panel.view.maps.known.all()
    send(backend, second, done)
    assert panel.controls.figures.text() == f"done · {total} steps in 0:01"
    assert panel.controls.progress.value() == total
    assert panel.view.maps.known.all()
    assert panel.controls.course.text("largest_drop") != ""
    assert panel.controls.course.text("probability").endswith("%")
    assert not panel.controls.pause.isEnabled()
    assert not panel.controls.cancel.isEnabled()


def test_a_finished_run_stays_until_the_next_makes_a_step(panel: RunPanel, backend: FakeBackend) -> None:
    press(panel.controls.start)
    send(backend, *script.statuses(1))
    shown = panel.view.maps
    press(panel.controls.start)
    queued, first, *_ = script.statuses(2)
    send(backend, queued)
    assert panel.view.maps is shown
    send(backend, first)
    assert panel.view.maps is not shown


def test_what_is_wanted_of_a_long_step_is_said_at_once(panel: RunPanel, backend: FakeBackend) -> None:
    press(panel.controls.start)
    queued, first, *_ = script.statuses(1)
    send(backend, queued, replace(first, update=None, left=None))
    assert panel.controls.figures.text() == "beginning"
    # A bar without an end moves to and fro.
    assert panel.controls.progress.maximum() == 0
    press(panel.controls.pause)
    assert panel.controls.figures.text() == "pausing after this step"
    send(backend, replace(first, state="paused"))
    assert panel.controls.figures.text().startswith("paused")
    press(panel.controls.pause)
    assert panel.controls.figures.text() == "going on"


def test_pause_continue_and_cancel_reach_the_backend(panel: RunPanel, backend: FakeBackend) -> None:
    press(panel.controls.start)
    queued, first, second, _ = script.statuses(1)
    send(backend, queued, first)
    assert panel.controls.pause.text().strip() == "Pause"
    width = panel.controls.pause.width()
    press(panel.controls.pause)
    send(backend, replace(first, state="paused"))
    assert panel.controls.pause.text().strip() == "Continue"
    assert panel.controls.pause.width() == width
    assert panel.controls.figures.text().startswith("paused · step")
    press(panel.controls.pause)
    send(backend, second)
    press(panel.controls.cancel)
    send(backend, replace(second, state="cancelled"))
    assert calls(backend, "control_run") == [
        ("control_run", 1, "pause"), ("control_run", 1, "continue"), ("control_run", 1, "cancel"),
    ]  # fmt: skip
    assert panel.controls.figures.text().startswith("cancelled · step")
    assert panel.controls.save.isEnabled()


def test_several_starts_queue_and_each_can_be_chosen_and_cancelled(panel: RunPanel, backend: FakeBackend) -> None:
    for _ in range(3):
        press(panel.controls.start)
    send(backend, script.statuses(1)[0], script.statuses(2)[0], script.statuses(3)[0], script.statuses(1)[1])
    texts = [panel.controls.chosen.itemText(i) for i in range(panel.controls.chosen.count())]
    assert texts == ["1 · running", "2 · queued", "3 · queued"]
    panel.controls.chosen.setCurrentIndex(2)
    panel.controls.chosen.activated.emit(2)
    assert panel.controls.figures.text() == "queued · 2 before it"
    press(panel.controls.cancel)
    assert calls(backend, "control_run") == [("control_run", 3, "cancel")]
    send(backend, RunStatus(3, "occlusion", "cancelled"))
    assert panel.controls.figures.text().startswith("step")
    send(backend, script.statuses(1)[-1])
    assert panel.controls.figures.text() == "queued"
    press(panel.controls.cancel)
    assert calls(backend, "control_run")[-1] == ("control_run", 2, "cancel")
    assert not panel.controls.chosen.isEnabled()


def test_a_failed_run_says_why_in_the_panel_and_in_the_log(
    panel: RunPanel, window: MainWindow, backend: FakeBackend
) -> None:
    press(panel.controls.start)
    send(backend, failed("patch 300 is larger than the picture; it is 1 to 128 px"))
    assert panel.controls.error.text() == "Patch 300 is larger than the picture; it is 1 to 128 px"
    (entry,) = [e for e in window.log.entries() if e.problem.severity == "error"]
    assert entry.problem.title == "Occlusion failed"
    assert "300" in entry.problem.cause
    assert entry.problem.remedy
    assert panel.controls.figures.text() == "failed"
    press(panel.controls.start)
    assert panel.controls.error.text() == ""


@pytest.mark.usefixtures("dressed_first")
@pytest.mark.parametrize("size", [(1024, 768), (1600, 1000)])
def test_a_long_message_can_be_read_whole_and_gives_the_room_back(
    panel: RunPanel, window: MainWindow, backend: FakeBackend, size: tuple[int, int]
) -> None:
    window.resize(*size)
    controls = panel.controls

    area = panel.parentWidget()
    while not isinstance(area, FocusArea):
        assert area is not None
        area = area.parentWidget()

    def room() -> int:
        for _ in range(5):
            QApplication.processEvents()
        assert not area.verticalScrollBar().isVisible()
        return controls.course.height()

    before = room()
    press(controls.start)
    send(
        backend,
        failed(
            "both target 'tractor' and layer 'relu4' were given; leave one out, or say with objective which of them "
            "is meant, and then start it again in this window as often as it is wanted"
        ),
    )
    assert room() < before
    error = controls.error
    assert error.height() >= error.heightForWidth(error.width()) > 3 * error.fontMetrics().lineSpacing()
    assert controls.rect().contains(controls.more.geometry())
    press(controls.start)
    assert room() == before


def test_messages_begin_with_a_capital_letter_and_names_stay_as_they_are() -> None:
    assert sentence("target 'trac' is no class") == "Target 'trac' is no class"
    assert sentence("nothing, or all") == "Nothing, or all"
    assert sentence("broken.jpg is no picture") == "broken.jpg is no picture"
    assert sentence("conv6: layer 6 of 7") == "conv6: layer 6 of 7"
    assert sentence("") == ""


def test_a_run_that_fails_leaves_the_one_before_it_on_show(panel: RunPanel, backend: FakeBackend) -> None:
    press(panel.controls.start)
    send(backend, *script.statuses(1))
    shown = panel.view.maps
    press(panel.controls.start)
    send(backend, failed("no memory", 2))
    assert panel.view.maps is shown
    assert panel.controls.start.isEnabled()


@pytest.mark.usefixtures("dressed_first")
def test_the_form_and_the_buttons_stay_where_they_are_all_the_time(panel: RunPanel, backend: FakeBackend) -> None:
    controls = panel.controls
    parts = (
        controls.start, controls.pause, controls.cancel, controls.progress, controls.course, controls.chosen,
        controls.more, controls.save, panel.form, panel.view,
    )  # fmt: skip

    def places() -> list[object]:
        for _ in range(5):
            QApplication.processEvents()
        return [(part.mapTo(panel, part.rect().topLeft()), part.size()) for part in parts]

    before = places()
    press(panel.controls.start)
    for status in script.statuses(1):
        send(backend, status)
        assert places() == before
    send(backend, failed("patch 300 is larger than the picture, which the network sees at 128 × 128 px", 2))
    assert places() == before


@pytest.mark.parametrize(("row", "ending"), [(0, "png"), (1, "npz")])
def test_export_saves_the_picture_or_the_values(
    panel: RunPanel, window: MainWindow, backend: FakeBackend, tmp_path: Path, row: int, ending: str
) -> None:
    assert not panel.controls.save.isEnabled()
    panel.form.set_values({"patch": script.PATCH, "fill": 0})
    press(panel.controls.start)
    send(backend, *script.statuses(1))
    panel.controls.save.menu().actions()[row].trigger()
    (dialog,) = window.findChildren(QFileDialog)
    assert "occlusion Chihuahua" in dialog.selectedFiles()[0]
    path = str(tmp_path / f"map.{ending}")
    dialog.fileSelected.emit(path)
    dialog.reject()
    ((_, saved, content),) = calls(backend, "save")
    assert saved == path
    if ending == "png":
        assert content.shape == (script.HEIGHT, script.WIDTH, 4)
        assert content.dtype == np.uint8
    else:
        update = script.updates(1)[0]
        for name in ("probability", "logit", "drop"):
            assert np.array_equal(content[name], update.detail[name])
        assert str(content["network"]) == "tinynet"
        assert int(content["option_patch"]) == script.PATCH
        assert not any(np.asarray(value).dtype.hasobject for value in content.values())


def test_closing_while_a_run_goes_on_ends_well(panel: RunPanel, window: MainWindow, backend: FakeBackend) -> None:
    press(panel.controls.start)
    queued, first, second, done = script.statuses(1)
    send(backend, queued, first)
    window.close()
    assert not window.isVisible()
    send(backend, second, done)
    assert panel.controls.figures.text().startswith("done")


def test_without_a_network_or_a_frame_it_says_what_to_do_next(qtbot: QtBot, qapp: QApplication) -> None:
    theme.apply_theme(qapp, theme.DARK)
    state = ViewState()
    backend = FakeBackend()
    lab = LabPanel(state, backend)
    qtbot.addWidget(lab)
    panel = lab.panels["occlusion"]
    assert not panel.controls.start.isEnabled()
    assert "No network is loaded yet" in panel.controls.start.toolTip()
    assert panel.form.fields == {}
    state.set_network(network_info())
    assert list(panel.form.fields) == ["target", "patch", "stride", "fill", "precision", "batch"]
    assert not panel.controls.start.isEnabled()
    assert "No picture yet" in panel.controls.start.toolTip()
    panel.use_file("/pictures/cat.png")
    assert panel.controls.start.isEnabled()
    panel.begin()
    assert calls(backend, "start_run")[0][3] == "/pictures/cat.png"


def test_a_state_of_another_kind_of_run_changes_nothing(panel: RunPanel, backend: FakeBackend) -> None:
    send(backend, replace(script.statuses(9)[1], name="deep dream"))
    assert panel.controls.figures.text() == ""
    assert panel.view.maps is None


def test_the_keyboard_reaches_everything_from_left_to_right(panel: RunPanel, backend: FakeBackend) -> None:
    press(panel.controls.start)
    send(backend, *script.statuses(1)[:2])
    controls = panel.controls
    wanted = [
        panel.presets, panel.reset, panel.input.choice, panel.input.file,
        *(field.focusProxy() for field in panel.form.fields.values()), controls.start, controls.pause, controls.cancel,
        controls.course, controls.save, panel.view.map, panel.view.opacity, panel.view.picture,
    ]  # fmt: skip
    panel.presets.setFocus()
    reached = []
    for _ in range(40):
        widget = QApplication.focusWidget()
        if widget in reached:
            break
        reached.append(widget)
        panel.focusNextChild()
    assert [widget for widget in reached if widget in wanted] == wanted


def test_a_new_run_waits_until_the_chosen_one_has_ended() -> None:
    runs = RunList()
    runs.put(RunStatus(1, "occlusion", "running"))
    runs.put(RunStatus(2, "occlusion", "queued"))
    runs.put(RunStatus(1, "occlusion", "paused"))
    runs.put(RunStatus(2, "occlusion", "running"))
    assert runs.chosen_id == 1
    runs.put(RunStatus(1, "occlusion", "done"))
    assert runs.chosen_id == 2
    runs.put(RunStatus(2, "occlusion", "failed"))
    assert runs.chosen is None
    with pytest.raises(KeyError, match="no run 7"):
        runs.choose(7)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"state": "running", "left": 61.0}, r"step \d+ of 20 · 1:01 left"),
        ({"state": "running", "update": None, "left": None}, "beginning"),
        ({"state": "paused"}, r"paused · step \d+ of 20.*"),
        ({"state": "done", "elapsed": 75.0}, r"done · 20 steps in 1:15"),
    ],
)
def test_the_line_of_progress_is_plain(change: dict[str, object], text: str) -> None:
    status = replace(script.statuses(1)[1], **change)
    assert re.fullmatch(text, run_text(status))


def test_theme_and_size_of_type_can_change_while_a_run_is_shown(
    panel: RunPanel, window: MainWindow, backend: FakeBackend
) -> None:
    press(panel.controls.start)
    send(backend, *script.statuses(1))
    dark = window.lab.grab().toImage()
    window.actions_["window.theme"].trigger()
    QApplication.processEvents()
    light = window.lab.grab().toImage()
    assert dark.pixelColor(2, 2).lightness() < 80 < 200 < light.pixelColor(2, 2).lightness()
