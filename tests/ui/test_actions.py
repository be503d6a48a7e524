"""The table of actions, and that each of them can be used."""

from __future__ import annotations

from collections import Counter

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QMenu
from pytestqt.qtbot import QtBot

from deepvis.messages import RULES, SourceStatus
from deepvis.ui.actions import ACTIONS, GROUPS, REASONS, Actions, tooltip
from deepvis.ui.help_sheet import COLUMNS, key_text
from deepvis.ui.main_window import MainWindow
from tests.ui.fixtures import FakeBackend


def close_what_opened(window: MainWindow) -> None:
    for dialog in window.findChildren(QDialog):
        dialog.reject()
    while isinstance(popup := QApplication.activePopupWidget(), QMenu):
        popup.close()
    window.palette_.close_palette()
    window.help_sheet.close_sheet()


def test_ids_and_shortcuts_are_unique() -> None:
    ids = Counter(spec.id for spec in ACTIONS)
    keys = Counter(QKeySequence(key).toString() for spec in ACTIONS for key in spec.shortcuts)
    assert [name for name, count in ids.items() if count > 1] == []
    assert [key for key, count in keys.items() if count > 1] == []


def test_every_shortcut_is_a_key_that_qt_knows() -> None:
    for spec in ACTIONS:
        for key in spec.shortcuts:
            assert QKeySequence(key).count() == 1, (spec.id, key)
            assert QKeySequence(key)[0].key() != Qt.Key.Key_unknown, (spec.id, key)


def test_every_action_has_a_text_a_help_and_a_group_on_the_help_sheet() -> None:
    on_sheet = {group for groups in COLUMNS for group in groups}
    assert on_sheet == set(GROUPS)
    for spec in ACTIONS:
        assert spec.text
        assert spec.help
        assert spec.group in GROUPS
        assert set(spec.needs) <= set(REASONS)


@pytest.mark.parametrize(
    ("action_id", "key"),
    [
        ("source.toggle", "C"), ("source.freeze", "F"), ("source.next", "E"), ("source.previous", "W"),
        ("source.fit", "0"), ("unit.left", "J"), ("unit.down", "K"), ("unit.up", "I"), ("unit.right", "L"),
        ("unit.left3", "Shift+J"), ("layer.previous", "U"), ("layer.next", "O"), ("mosaic.boost", "Shift+T"),
        ("mosaic.gamma", "T"), ("mosaic.zoom", "Z"), ("back.toggle", "B"), ("back.rule", "N"), ("back.view", "M"),
        ("back.origin", "D"), ("mosaic.gradient", "A"), ("back.strongest", "9"), ("window.help", "H"),
        ("window.quit", "Q"), ("window.timings", "5"), ("window.escape", "Esc"),
    ],
)  # fmt: skip
def test_the_toolbox_keys_keep_their_meaning(action_id: str, key: str) -> None:
    spec = next(spec for spec in ACTIONS if spec.id == action_id)
    assert key in spec.shortcuts


def test_s_shows_the_pictures_of_the_units() -> None:
    assert [spec.id for spec in ACTIONS if "S" in spec.shortcuts] == ["mosaic.patches"]


def test_a_tooltip_says_what_it_does_its_key_and_why_it_is_not_available() -> None:
    spec = next(spec for spec in ACTIONS if spec.id == "source.next")
    text = tooltip(spec, ["step"])
    assert spec.help in text
    assert "(E)" in text
    assert REASONS["step"] in text
    assert key_text(spec).split() == ["E", "PgDown"]


def test_handlers_and_table_must_agree() -> None:
    with pytest.raises(KeyError, match=r"source\.menu"):
        Actions({})


def test_every_action_can_be_triggered_twice(window: MainWindow, backend: FakeBackend) -> None:
    controls = ("pause", "seek", "speed", "loop", "step", "slideshow", "mirror", "motion")
    for spec in ACTIONS:
        if spec.id == "window.quit":
            continue
        backend.send(SourceStatus("film.mp4", "Film", "live", controls=controls))
        QApplication.processEvents()
        for _ in range(2):
            window.actions_[spec.id].trigger()
            backend.tick()
            QApplication.processEvents()
            close_what_opened(window)
        assert window.isVisible(), spec.id
        assert window.log.entries() == [], spec.id


def test_keys_of_the_person_reach_the_look(window: MainWindow, qtbot: QtBot) -> None:
    window.activateWindow()
    window.grid_panel.view.setFocus()
    window.state.update(layer="conv4", unit=0, rule=RULES[0], back=True)
    view = window.grid_panel.view
    for key in (Qt.Key.Key_L, Qt.Key.Key_Right):
        QTest.keyClick(view, key)
    assert window.state.look.unit == 2
    QTest.keyClick(view, Qt.Key.Key_Z)
    assert window.state.look.zoomed
    QTest.keyClick(view, Qt.Key.Key_Escape)
    assert not window.state.look.zoomed
    QTest.keyClick(view, Qt.Key.Key_B)
    assert window.state.look.rule == RULES[1]
    QTest.keyClick(view, Qt.Key.Key_O)
    assert window.state.look.layer == "pool4"
    assert window.state.look.unit == 2


def test_moving_down_goes_one_row_of_the_mosaic_on_the_screen(window: MainWindow, qtbot: QtBot) -> None:
    window.state.update(layer="conv3", unit=0)
    qtbot.waitUntil(lambda: window.grid_panel.view.result.request.layer == "conv3")
    grid = window.grid_panel.view.result
    window.actions_["unit.down"].trigger()
    assert window.state.look.unit == grid.order[grid.columns]
    window.actions_["unit.down3"].trigger()
    assert window.state.look.unit == grid.order[4 * grid.columns]
    window.actions_["unit.up3"].trigger()
    window.actions_["unit.up3"].trigger()
    assert window.state.look.unit == grid.order[0]


def test_an_action_that_is_not_available_says_why(window: MainWindow, backend: FakeBackend) -> None:
    backend.send(SourceStatus("cat.png", "Cat", "live"))
    QApplication.processEvents()
    action = window.actions_["source.next"]
    assert not action.isEnabled()
    assert REASONS["step"] in action.toolTip()
    backend.send(SourceStatus("folder", "Folder", "live", controls=("step",)))
    QApplication.processEvents()
    assert action.isEnabled()
    assert REASONS["step"] not in action.toolTip()


def test_single_keys_do_not_fire_while_text_is_typed(window: MainWindow, qtbot: QtBot) -> None:
    window.activateWindow()
    before = window.state.look
    window.actions_["window.palette"].trigger()
    field = window.palette_.field
    qtbot.waitUntil(field.hasFocus)
    for key in (Qt.Key.Key_F, Qt.Key.Key_Z, Qt.Key.Key_Space, Qt.Key.Key_9, Qt.Key.Key_Q, Qt.Key.Key_PageDown):
        QTest.keyClick(field, key)
    assert field.text() == "fz 9q"
    assert window.state.look == before
    assert window.isVisible()
    QTest.keyClick(field, Qt.Key.Key_Escape)
    assert not window.palette_.isVisible()
