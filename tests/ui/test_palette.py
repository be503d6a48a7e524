"""The command palette: what is found, in which order, and by keys alone."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from deepvis.ui import settings_store as settings
from deepvis.ui.command_palette import Command, search
from deepvis.ui.fuzzy import match
from deepvis.ui.main_window import MainWindow
from deepvis.ui.settings_store import SettingsStore
from tests.ui.fixtures import LABELS, FakeBackend


def named(*texts: str) -> list[Command]:
    return [Command(text.lower(), text, lambda: None) for text in texts]


def texts(commands: list[Command], query: str, recent: tuple[str, ...] = ()) -> list[str]:
    return [hit.command.text for hit in search(commands, query, recent)]


def test_the_letters_that_were_matched_are_known() -> None:
    fit = match("conv", "Layer conv4")
    assert fit is not None
    assert fit.positions == (6, 7, 8, 9)


def test_words_may_come_in_any_order_and_case() -> None:
    assert match("TRACTOR pin", "Pin class tractor") is not None


def test_initials_find_a_text() -> None:
    assert match("gcam", "Guided Grad-CAM") is not None


def test_letters_far_apart_are_no_find() -> None:
    assert match("fg", "Freeze the origin while other layers are amazing") is None
    assert match("xyz", "Freeze") is None


def test_the_beginning_of_a_word_comes_before_the_middle_of_one() -> None:
    assert texts(named("Rule deconvolution", "Layer conv4"), "conv") == ["Layer conv4", "Rule deconvolution"]


def test_a_whole_word_comes_before_a_longer_one() -> None:
    assert texts(named("Unit 591", "Unit 59"), "unit 59")[0] == "Unit 59"


def test_recent_commands_come_first() -> None:
    commands = named("Freeze", "Gamma", "Boost")
    assert texts(commands, "", ("boost", "gamma")) == ["Boost", "Gamma", "Freeze"]


def test_quiet_commands_wait_for_a_query() -> None:
    commands = [*named("Freeze"), Command("unit:59", "Unit 59", lambda: None, quiet=True)]
    assert texts(commands, "") == ["Freeze"]
    assert texts(commands, "59") == ["Unit 59"]


def run(window: MainWindow, query: str) -> None:
    window.actions_["window.palette"].trigger()
    QTest.keyClicks(window.palette_.field, query)
    QTest.keyClick(window.palette_.field, Qt.Key.Key_Return)


def test_layers_units_classes_networks_and_choices_are_found(
    window: MainWindow, backend: FakeBackend, store: SettingsStore
) -> None:
    run(window, "layer conv3")
    assert window.state.look.layer == "conv3"
    run(window, "unit 59")
    assert window.state.look.unit == 59
    run(window, "pin tractor")
    assert window.state.look.pinned == (LABELS.index("tractor"),)
    run(window, "unpin class tractor")
    assert window.state.look.pinned == ()
    run(window, "overlay grad-cam")
    assert window.state.look.overlay == "grad_cam"
    run(window, "rule deconv")
    assert window.state.look.rule == "deconvnet"
    run(window, "network alexnet")
    assert [call[1].name for call in backend.calls if call[0] == "load_network"][-1] == "alexnet"
    run(window, "coffee")
    assert [call[1] for call in backend.calls if call[0] == "open_source"][-1].startswith("sample:coffee")
    assert store.get(settings.RECENT_COMMANDS)[0] == "source:sample:coffee?motion=1"


def test_arrows_choose_and_go_round(window: MainWindow, qtbot: QtBot) -> None:
    window.actions_["layer.search"].trigger()
    palette = window.palette_
    last = len(palette.hits()) - 1
    QTest.keyClick(palette.field, Qt.Key.Key_Up)
    assert palette.list.currentIndex().row() == last
    QTest.keyClick(palette.field, Qt.Key.Key_Down)
    assert palette.list.currentIndex().row() == 0
    QTest.keyClicks(palette.field, "no such thing at all")
    assert palette.hits() == []
    QTest.keyClick(palette.field, Qt.Key.Key_Return)
    assert palette.isVisible()
