"""How the window behaves as a whole, on a backend without a network."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QTimer, QUrl
from PySide6.QtGui import QAction, QDropEvent, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QFileDialog, QMenu, QWidget
from pytestqt.qtbot import QtBot

from deepvis.backend.sources.samples import samples
from deepvis.messages import LoadProgress, NetworkFailed, NetworkReady, NetworkSpec, Problem, SourceStatus
from deepvis.ui import settings_store as settings
from deepvis.ui import theme
from deepvis.ui.actions import ACTIONS
from deepvis.ui.capture import as_array, window_picture
from deepvis.ui.look import build_request
from deepvis.ui.main_window import MainWindow
from deepvis.ui.open_network_dialog import OpenNetworkDialog, parse_size, parse_values
from deepvis.ui.settings_store import SettingsStore
from deepvis.ui.source_menu import SAMPLES, SourceMenu
from deepvis.ui.startup_trace import StartupTrace
from deepvis.ui.views.numbers import format_milliseconds
from tests.ui.fixtures import FakeBackend, conv, network_info, view_result

MakeWindow = Callable[[FakeBackend, SettingsStore], MainWindow]


def calls(backend: FakeBackend, name: str) -> list[tuple[object, ...]]:
    return [call for call in backend.calls if call[0] == name]


def send(backend: FakeBackend, *events: object) -> None:
    for event in events:
        backend.send(event)  # type: ignore[arg-type]
    QApplication.processEvents()


# --------------------------------------------------------------------------------- requests and results


def test_a_result_of_another_layer_changes_no_pane(window: MainWindow, backend: FakeBackend) -> None:
    window.state.update(layer="conv4", unit=3)
    shown = window.grid_panel.view.result
    frame = window.input_panel.figures.text()
    other = build_request(replace(window.state.look, layer="conv1"), 10_000, (300, 300))
    window.show_result(view_result(other, backend.info, name="coffee"))
    assert window.grid_panel.view.result is shown
    assert window.input_panel.figures.text() == frame


def test_a_late_result_of_the_same_layer_is_painted(window: MainWindow, backend: FakeBackend) -> None:
    request = window.requests.last
    assert request is not None
    late = view_result(replace(request, id=request.id), backend.info)
    window.state.update(boost=0.5)
    window.show_result(late)
    assert window.grid_panel.view.result is late.grid


def test_a_result_of_the_network_before_is_not_painted(window: MainWindow, backend: FakeBackend) -> None:
    request = window.requests.last
    assert request is not None
    old = view_result(request, backend.info)
    send(backend, NetworkReady(network_info(name="other", title="Other")))
    before = window.grid_panel.view.result
    window.show_result(old)
    assert window.grid_panel.view.result is before
    assert window.grid_panel.view.result is not old.grid


def test_a_layer_that_takes_its_time_is_waited_for_visibly(
    window: MainWindow, backend: FakeBackend, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    window.state.update(layer="conv4")
    qtbot.waitUntil(lambda: window.grid_panel.view.result.request.layer == "conv4")
    monkeypatch.setattr(backend, "_answer", lambda: None)
    window.state.update(layer="conv1")
    qtbot.waitUntil(window.busy.isVisible)
    assert "conv1" in window.busy.text()
    monkeypatch.undo()
    backend.tick()
    qtbot.waitUntil(lambda: not window.busy.isVisible())


def test_many_changes_in_one_turn_become_one_request(window: MainWindow, backend: FakeBackend, qtbot: QtBot) -> None:
    QApplication.processEvents()
    before = len(calls(backend, "request"))
    for unit in range(20):
        window.state.update(unit=unit + 1)
    qtbot.waitUntil(lambda: window.requests.last.unit.unit == 20)
    assert len(calls(backend, "request")) == before + 1


def test_a_change_that_nothing_is_computed_for_sends_nothing(window: MainWindow, backend: FakeBackend) -> None:
    QApplication.processEvents()
    before = len(calls(backend, "request"))
    window.state.update(overlay_opacity=0.125)
    QApplication.processEvents()
    assert len(calls(backend, "request")) == before


def test_what_cannot_be_seen_is_not_asked_for(window: MainWindow, qtbot: QtBot) -> None:
    window.state.update(overlay="saliency", strongest=9)
    qtbot.waitUntil(lambda: window.requests.last.overlay is not None)
    window.docks.right.hide()
    qtbot.waitUntil(lambda: window.requests.last.strongest is None)
    assert window.requests.last.back is None
    assert window.requests.last.overlay is not None
    window.docks.left.hide()
    qtbot.waitUntil(lambda: window.requests.last.overlay is None)
    window.docks.right.show()
    qtbot.waitUntil(lambda: window.requests.last.strongest is not None)


def test_freezing_reaches_the_backend_once(window: MainWindow, backend: FakeBackend) -> None:
    window.actions_["source.freeze"].trigger()
    QApplication.processEvents()
    window.state.update(unit=1)
    QApplication.processEvents()
    assert calls(backend, "freeze") == [("freeze", True)]


def test_the_time_from_capture_to_paint_is_measured(window: MainWindow, backend: FakeBackend, qtbot: QtBot) -> None:
    painted = window.clock.painted
    backend.tick(time.perf_counter() - 0.5)
    qtbot.waitUntil(lambda: window.clock.painted > painted)
    measured = window.clock.latency
    assert measured is not None
    assert measured >= 500
    # It is told with the next frame.
    backend.tick()
    qtbot.waitUntil(lambda: window.status_bar.delay.text() == format_milliseconds(measured))


# --------------------------------------------------------------------------------- starting


@pytest.fixture
def waiting_window(qtbot: QtBot, backend: FakeBackend, store: SettingsStore) -> Iterator[MainWindow]:
    """A window whose network is still on its way."""
    backend.load_network = lambda spec: None  # type: ignore[method-assign]
    window = MainWindow(backend, store)
    qtbot.addWidget(window)
    window.show()
    yield window
    window.close()


def test_the_picture_is_seen_while_the_network_is_still_on_its_way(
    waiting_window: MainWindow, backend: FakeBackend, qtbot: QtBot
) -> None:
    waiting_window.start("sample:cat", None, None)
    backend.tick()
    qtbot.waitUntil(lambda: not waiting_window.input_panel.view.empty)
    assert waiting_window.state.info is None
    assert waiting_window.input_panel.figures.text() == "451 × 300"
    assert waiting_window.card.loading
    assert waiting_window.actions_["source.freeze"].isEnabled()


def test_the_first_result_chooses_the_most_active_unit(window: MainWindow) -> None:
    shown = window.grid_panel.view.result
    assert shown is not None
    assert window.state.look.unit == int(np.argmax(shown.maxima)) != 0


def test_a_unit_that_was_chosen_stays_chosen(waiting_window: MainWindow, backend: FakeBackend, qtbot: QtBot) -> None:
    waiting_window.start("sample:cat", None, None)
    send(backend, NetworkReady(backend.info))
    waiting_window.state.update(unit=0)
    backend.tick()
    qtbot.waitUntil(lambda: waiting_window.grid_panel.view.result is not None)
    assert waiting_window.state.look.unit == 0


def test_a_layer_that_the_network_does_not_have_is_explained_once(
    waiting_window: MainWindow, backend: FakeBackend
) -> None:
    waiting_window.start("sample:cat", None, "conv44")
    send(backend, NetworkReady(backend.info))
    (entry,) = waiting_window.log.entries()
    assert "no layer conv44" in entry.problem.title
    assert "conv4" in entry.problem.remedy
    assert waiting_window.state.layer is not None
    send(backend, NetworkReady(network_info(name="other")))
    assert len(waiting_window.log.entries()) == 1


def test_a_layer_that_was_asked_for_is_shown(waiting_window: MainWindow, backend: FakeBackend) -> None:
    waiting_window.start("sample:cat", None, "conv5")
    send(backend, NetworkReady(backend.info))
    assert waiting_window.state.look.layer == "conv5"
    assert not waiting_window.log.entries()


def test_the_start_is_written_down_where_the_environment_asks_for_it(
    window: MainWindow, backend: FakeBackend, tmp_path: Path, qtbot: QtBot
) -> None:
    path = tmp_path / "trace.json"
    StartupTrace(window, path)
    window.painted.emit()
    assert not path.exists()
    window.activations_painted.emit()
    moments = json.loads(path.read_text())
    assert moments["window"] <= moments["activations"]
    assert [each.name for each in tmp_path.glob("trace*")] == ["trace.json"]


def test_the_window_tells_when_it_and_its_first_activations_are_on_the_screen(
    qtbot: QtBot, backend: FakeBackend, store: SettingsStore
) -> None:
    window = MainWindow(backend, store)
    qtbot.addWidget(window)
    with qtbot.waitSignal(window.painted):
        window.show()
    with qtbot.waitSignal(window.activations_painted):
        window.start("pattern", None, None)
    window.close()


def test_a_slow_network_switches_the_strongest_units_off_for_itself_alone(
    window: MainWindow, backend: FakeBackend
) -> None:
    window.state.update(strongest=16)
    send(backend, NetworkReady(network_info(name="slow", measured=(("fp32", 90.0),))))
    assert window.state.look.strongest == 0
    assert window.state.wished.strongest == 16
    send(backend, NetworkReady(network_info()))
    assert window.state.look.strongest == 16


# --------------------------------------------------------------------------------- networks


def test_a_network_that_fails_leaves_the_old_one_and_says_why(window: MainWindow, backend: FakeBackend) -> None:
    window.networks.spec = NetworkSpec("tinynet")
    window.networks._wanted = NetworkSpec("vgg16")
    send(backend, LoadProgress("vgg16", "Downloading", 0.5, 3.0))
    problem = Problem("load:vgg16", "vgg16 could not be loaded", "There is no connection.", "Connect and try again.")
    send(backend, NetworkFailed("vgg16", problem))
    assert window.state.info is backend.info
    assert not window.card.isVisible()
    assert [entry.problem for entry in window.log.entries()] == [problem]
    assert not window.actions_["network.cancel"].isEnabled()


def test_without_any_network_the_window_says_what_to_do(
    qtbot: QtBot, backend: FakeBackend, store: SettingsStore
) -> None:
    backend.load_network = lambda spec: None  # type: ignore[method-assign]
    window = MainWindow(backend, store)
    qtbot.addWidget(window)
    window.show()
    window.start("pattern", None, None)
    assert window.card.loading
    send(backend, NetworkFailed("tinynet", Problem("load:tinynet", "t", "c", "r")))
    assert window.card.isVisible()
    assert not window.card.loading
    window.close()


def test_cancel_gives_up_loading(window: MainWindow, backend: FakeBackend) -> None:
    backend.load_network = lambda spec: None  # type: ignore[method-assign]
    window.networks.load(NetworkSpec("vgg16"))
    assert window.actions_["network.cancel"].isEnabled()
    window.actions_["network.cancel"].trigger()
    assert calls(backend, "cancel_load") == [("cancel_load",)]
    assert not window.card.isVisible()


def test_a_choice_of_device_holds_for_the_next_network(window: MainWindow, backend: FakeBackend) -> None:
    window.networks.load(NetworkSpec("tinynet", device="cpu", precision="fp32"))
    QApplication.processEvents()
    window.networks.load(NetworkSpec("alexnet"))
    spec = calls(backend, "load_network")[-1][1]
    assert spec == NetworkSpec("alexnet", device="cpu", precision="fp32")


def test_the_dialog_refuses_what_makes_no_sense(qtbot: QtBot, tmp_path: Path) -> None:
    dialog = OpenNetworkDialog(known={"alexnet"})
    qtbot.addWidget(dialog)
    chosen: list[NetworkSpec] = []
    dialog.chosen.connect(chosen.append)
    for name, weights in (("", ""), ("no colon", ""), ("a.b:", ""), ("a.b:c", str(tmp_path / "none.safetensors"))):
        dialog.network.setText(name)
        dialog.weights.setText(weights)
        dialog.accept()
        assert dialog.problem.text()
    assert chosen == []
    weights_path = tmp_path / "w.safetensors"
    weights_path.touch()
    dialog.network.setText("alexnet")
    dialog.weights.setText(str(weights_path))
    dialog.input_size.setText("120 × 160")
    dialog.mean.setText("0.5, 0.5 0.5")
    dialog.accept()
    assert chosen == [NetworkSpec("alexnet", str(weights_path), None, (120, 160), (0.5, 0.5, 0.5), None)]


@pytest.mark.parametrize("text", ["2", "10x20x30", "a", "-5", "99999"])
def test_an_input_size_that_makes_no_sense_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="input size"):
        parse_size(text)


def test_sizes_and_values_are_read() -> None:
    assert parse_size("") is None
    assert parse_size("224") == (224, 224)
    assert parse_size("120x160") == (120, 160)
    assert parse_values("0.5", "Mean") == (0.5,)
    with pytest.raises(ValueError, match="Std"):
        parse_values("0, 1, 1", "Std")
    with pytest.raises(ValueError, match="Mean"):
        parse_values("1, 2", "Mean")


# --------------------------------------------------------------------------------- sources


def drop(window: MainWindow, path: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    event = QDropEvent(
        QPointF(10, 10), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    )
    window.dropEvent(event)
    QApplication.processEvents()


def test_dropped_files_and_folders_are_opened_and_weights_ask_for_their_network(
    window: MainWindow, backend: FakeBackend, tmp_path: Path
) -> None:
    picture, weights = tmp_path / "cat.png", tmp_path / "w.safetensors"
    picture.touch()
    weights.touch()
    drop(window, picture)
    drop(window, tmp_path)
    assert [call[1] for call in calls(backend, "open_source")][-2:] == [str(picture), str(tmp_path)]
    drop(window, weights)
    (dialog,) = window.findChildren(OpenNetworkDialog)
    assert dialog.weights.text() == str(weights)
    dialog.reject()


def test_a_camera_s_resolution_is_chosen_where_it_can_be(window: MainWindow, backend: FakeBackend) -> None:
    menu = window.top_bar.source.menu()
    assert isinstance(menu, SourceMenu)

    def resolutions() -> dict[str, QAction]:
        menu.fill()
        found = [each.menu() for each in menu.actions() if each.text() == "Camera resolution"]
        return {action.text(): action for sub in found if isinstance(sub, QMenu) for action in sub.actions()}

    send(backend, SourceStatus("pattern", "Test pattern", "live"))
    assert resolutions() == {}
    send(backend, SourceStatus("camera:0", "Front camera", "live", controls=("mirror", "resolution")))
    assert list(resolutions()) == ["640 × 480", "1280 × 720", "1920 × 1080"]
    resolutions()["1280 × 720"].trigger()
    assert calls(backend, "control_source")[-1] == ("control_source", "resolution", (720, 1280))
    assert "Front camera" in window.top_bar.source.text()


def test_the_menu_names_the_samples_that_there_are() -> None:
    assert dict(SAMPLES) == {f"sample:{name}": title for name, (title, _) in samples().items()}


def test_the_playback_bar_offers_what_the_source_offers(window: MainWindow, backend: FakeBackend) -> None:
    send(backend, SourceStatus("camera:0", "Camera", "live"))
    assert not window.playback_bar.isVisible()
    send(backend, SourceStatus("film.mp4", "Film", "live", controls=("pause", "seek", "speed", "loop")))
    assert window.playback_bar.isVisible()
    window.actions_["source.pause"].trigger()
    window.actions_["source.faster"].trigger()
    window.actions_["source.loop"].trigger()
    asked = [call[1:] for call in calls(backend, "control_source")]
    assert asked[-3:] == [("pause", True), ("speed", 2.0), ("loop", False)]


def test_space_freezes_a_source_that_cannot_be_paused(window: MainWindow, backend: FakeBackend) -> None:
    send(backend, SourceStatus("camera:0", "Camera", "live"))
    window.actions_["source.pause"].trigger()
    assert window.state.look.frozen


def test_the_camera_is_taken_first_if_nothing_is_remembered(
    qtbot: QtBot, backend: FakeBackend, store: SettingsStore
) -> None:
    window = MainWindow(backend, store)
    qtbot.addWidget(window)
    window.start(None, None, None)
    qtbot.waitUntil(lambda: calls(backend, "open_source") == [("open_source", "camera:0")])
    window.close()


def test_a_sample_is_shown_if_there_is_no_camera(qtbot: QtBot, backend: FakeBackend, store: SettingsStore) -> None:
    backend.cameras = list  # type: ignore[method-assign,assignment]
    window = MainWindow(backend, store)
    qtbot.addWidget(window)
    window.start(None, None, None)
    qtbot.waitUntil(lambda: calls(backend, "open_source") == [("open_source", "sample:cat?motion=1")])
    window.close()


# --------------------------------------------------------------------------------- remembering


def test_layout_look_source_and_network_come_back(
    make_window: MakeWindow, backend: FakeBackend, tmp_path: Path, qtbot: QtBot
) -> None:
    path = tmp_path / "kept.ini"
    first = make_window(backend, SettingsStore(path))
    first.state.update(layer="conv2", unit=17, boost=0.5, colormap="magma")
    first.actions_["window.unit"].trigger()
    first.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, first.docks.left)
    first.resize(1100, 700)
    first.close()
    backend2 = FakeBackend()
    second = MainWindow(backend2, SettingsStore(path))
    qtbot.addWidget(second)
    second.show()
    second.start(None, None, None)
    qtbot.waitUntil(lambda: second.state.info is not None)
    look = second.state.look
    assert (look.layer, look.unit, look.boost, look.colormap) == ("conv2", 17, 0.5, "magma")
    assert second.docks.right.isHidden()
    assert second.dockWidgetArea(second.docks.left) == Qt.DockWidgetArea.RightDockWidgetArea
    assert calls(backend2, "open_source")[0] == ("open_source", "sample:cat?motion=1")
    assert calls(backend2, "load_network")[0][1] == NetworkSpec("tinynet")
    second.actions_["window.reset"].trigger()
    assert not second.docks.right.isHidden()
    assert second.dockWidgetArea(second.docks.left) == Qt.DockWidgetArea.LeftDockWidgetArea
    second.close()


def test_presentation_hides_the_chrome_and_escape_brings_it_back(window: MainWindow) -> None:
    window.actions_["window.presentation"].trigger()
    assert window.isFullScreen()
    assert window.top_bar.isHidden()
    assert theme.scale() == theme.PRESENTATION_SCALE
    controls = [window.unit_panel.rule, window.input_panel.fit, window.grid_panel.range]
    assert not any(control.isVisible() for control in controls)
    assert window.unit_panel.map.isVisible()
    window.actions_["window.escape"].trigger()
    assert all(control.isVisible() for control in controls)
    assert not window.isFullScreen()
    assert not window.top_bar.isHidden()
    assert theme.scale() == 1.0


def test_in_a_presentation_the_runs_have_the_gallerys_room_until_it_is_asked_for(window: MainWindow) -> None:
    window.actions_["window.lab"].trigger()
    gallery = window.gallery.panel
    assert gallery.isVisible()
    window.actions_["window.presentation"].trigger()
    QApplication.processEvents()
    assert not gallery.isVisible()
    window.actions_["gallery.show"].trigger()
    assert gallery.isVisible()
    window.actions_["window.presentation"].trigger()
    QApplication.processEvents()
    assert gallery.isVisible()


# --------------------------------------------------------------------------------- capturing


def test_what_is_remembered_in_a_presentation_is_the_window_before_it(window: MainWindow, store: SettingsStore) -> None:
    layout = window.docks.save()
    window.actions_["window.presentation"].trigger()
    window.close()
    assert store.get(settings.LAYOUT) == layout


@pytest.mark.usefixtures("dressed_first")
def test_the_picture_of_the_window_is_what_qt_paints(window: MainWindow) -> None:
    picture = window_picture(window)
    expected = as_array(window.grab().toImage().convertToFormat(QImage.Format.Format_RGB32))
    assert picture.shape == expected.shape == (window.height(), window.width(), 4)
    assert np.mean(picture != expected) < 0.01
    assert len(np.unique(picture[..., :3].reshape(-1, 3), axis=0)) > 100


def choose_file(window: MainWindow, path: Path) -> None:
    (dialog,) = [dialog for dialog in window.findChildren(QFileDialog) if dialog.isVisible()]
    dialog.fileSelected.emit(str(path))
    dialog.reject()
    QApplication.processEvents()


def test_snapshots_are_handed_to_the_backend(
    window: MainWindow, backend: FakeBackend, tmp_path: Path, qtbot: QtBot
) -> None:
    window.actions_["capture.mosaic"].trigger()
    choose_file(window, tmp_path / "mosaic.png")
    assert calls(backend, "save")[-1][1] == str(tmp_path / "mosaic.png")
    assert calls(backend, "save")[-1][2] is window.grid_panel.view.result.picture
    window.actions_["capture.arrays"].trigger()
    qtbot.waitUntil(lambda: any(dialog.isVisible() for dialog in window.findChildren(QFileDialog)))
    choose_file(window, tmp_path / "layer.npz")
    arrays = calls(backend, "save")[-1][2]
    layer = window.state.layer
    assert layer is not None
    assert arrays["activations"].shape == (layer.channels, *layer.size)
    assert str(arrays["layer"]) == layer.name
    qtbot.waitUntil(lambda: not window.requests.last.raw)


def test_a_recording_streams_pictures_of_one_size_and_stops_when_the_disk_is_full(
    window: MainWindow, backend: FakeBackend, tmp_path: Path, qtbot: QtBot
) -> None:
    window.actions_["capture.record"].trigger()
    choose_file(window, tmp_path / "film.mp4")
    assert calls(backend, "start_recording") == [("start_recording", str(tmp_path / "film.mp4"))]
    assert window.actions_["capture.record"].isChecked()
    window.resize(1001, 701)
    qtbot.waitUntil(lambda: len(calls(backend, "record")) >= 3)
    sizes = {call[1].shape for call in calls(backend, "record")}
    assert len(sizes) == 1
    assert all(side % 2 == 0 for side in next(iter(sizes))[:2])
    send(backend, Problem("record:No space left", "The recording stopped", "No space left on device", "Free some."))
    assert calls(backend, "stop_recording") == [("stop_recording",)]
    assert not window.actions_["capture.record"].isChecked()


# --------------------------------------------------------------------------------- random actions


def close_popup() -> None:
    popup = QApplication.activePopupWidget()
    if popup is not None:
        popup.close()


def act(window: MainWindow, backend: FakeBackend, rng: random.Random) -> None:
    """One thing that a person might do, or that might happen to them."""
    kind = rng.choice(
        ["action"] * 4 + ["key"] * 4 + ["click"] * 3 + ["drag", "resize", "palette", "dock", "event", "tick"]
    )
    if kind == "action":
        spec = rng.choice([spec for spec in ACTIONS if spec.id != "window.quit"])
        window.actions_[spec.id].trigger()
    elif kind == "key":
        keys = "abcdefghijklmnoprtuvwxyz0123456789 /<>?"
        modifier = rng.choice([Qt.KeyboardModifier.NoModifier] * 3 + [Qt.KeyboardModifier.ShiftModifier])
        target = QApplication.focusWidget() or window
        QTest.keyClick(target, rng.choice(keys), modifier)
    elif kind in ("click", "drag"):
        widgets = [widget for widget in window.findChildren(QWidget) if widget.isVisible() and widget.isEnabled()]
        widget = rng.choice(widgets)
        spot = QPoint(rng.randrange(max(1, widget.width())), rng.randrange(max(1, widget.height())))
        if kind == "click":
            QTest.mouseClick(widget, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, spot)
        else:
            QTest.mousePress(widget, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, spot)
            QTest.mouseMove(widget, spot + QPoint(rng.randint(-80, 80), rng.randint(-80, 80)))
            QTest.mouseRelease(widget, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, spot)
    elif kind == "resize":
        window.resize(rng.randint(720, 1500), rng.randint(480, 950))
    elif kind == "palette":
        window.actions_["window.palette"].trigger()
        QTest.keyClicks(window.palette_.field, rng.choice(["conv", "unit 5", "zzz", "over", "pin", "f", "net"]))
        if window.palette_.hits() and window.palette_.hits()[0].command.id != "window.quit":
            QTest.keyClick(window.palette_.field, Qt.Key.Key_Return)
    elif kind == "dock":
        dock = rng.choice([window.docks.left, window.docks.right, window.docks.messages])
        dock.setFloating(not dock.isFloating())
    elif kind == "event":
        other = network_info((conv("conv1", 8, 8, 3), conv("conv9", 700, 4, 99)), name="other", labels=("a", "b"))
        backend.info = rng.choice([other, network_info()])
        controls = tuple(rng.sample(["pause", "seek", "speed", "loop", "step", "slideshow", "mirror"], 4))
        backend.send(
            rng.choice(
                [
                    NetworkReady(backend.info),
                    SourceStatus("x", "X", rng.choice(["live", "failed", "stalled"]), controls=controls),
                    Problem(
                        str(rng.randrange(9)), "Title", "Cause", "Remedy", rng.choice(["info", "warning", "error"])
                    ),
                ]
            )
        )
        backend.send(NetworkReady(backend.info))
    else:
        backend.tick()
    QApplication.processEvents()
    for _ in range(5):
        popup = QApplication.activePopupWidget()
        if popup is None:
            break
        popup.close()
    for dialog in window.findChildren(QDialog):
        dialog.reject()
    while isinstance(QApplication.activeModalWidget(), QMenu | QDialog):
        QApplication.activeModalWidget().close()


def test_a_thousand_random_actions_raise_nothing_and_leave_no_thread(
    window: MainWindow, backend: FakeBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = random.Random(2015)
    # Closing is another test's subject; here it would end the walk early.
    monkeypatch.setattr(MainWindow, "close", lambda self: False)
    threads = set(threading.enumerate())
    # A menu that opens from a button runs an event loop of its own until somebody closes it.
    closer = QTimer(interval=20)
    closer.timeout.connect(close_popup)
    closer.start()
    for step in range(1000):
        act(window, backend, rng)
        assert not [e for e in window.log.entries() if e.problem.key.startswith("exception")], step
    closer.stop()
    left = set(threading.enumerate()) - threads
    for thread in left:
        thread.join(60)
    assert not [thread.name for thread in left if thread.is_alive()]
    monkeypatch.undo()
    for dialog in window.findChildren(QDialog):
        dialog.reject()
    window.window_commands.leave_presentation()
    backend.info = network_info()
    send(backend, NetworkReady(backend.info))
    backend.tick()
    QApplication.processEvents()
    assert window.state.info is backend.info


@pytest.mark.parametrize("moment", ["at once", "loading", "palette", "dialog", "recording", "presentation"])
def test_the_window_closes_at_any_moment(
    qtbot: QtBot, backend: FakeBackend, store: SettingsStore, moment: str, tmp_path: Path
) -> None:
    if moment == "loading":
        backend.load_network = lambda spec: None  # type: ignore[method-assign]
    window = MainWindow(backend, store)
    qtbot.addWidget(window)
    if moment != "at once":
        window.show()
        window.start("pattern", None, None)
        QApplication.processEvents()
    if moment == "palette":
        window.actions_["window.palette"].trigger()
    elif moment == "dialog":
        window.actions_["source.open"].trigger()
    elif moment == "recording":
        window.captures.recorder.start(str(tmp_path / "x.mp4"))
    elif moment == "presentation":
        window.actions_["window.presentation"].trigger()
    assert window.close()
    assert not window.isVisible()
    assert Path(store.path).is_file()
    assert store.get(settings.LAYOUT)
    if moment == "recording":
        assert ("stop_recording",) in backend.calls
    if moment == "presentation":
        assert theme.scale() == 1.0
