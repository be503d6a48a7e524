from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QToolButton
from pytestqt.qtbot import QtBot

from deepvis.ui.panels.search_field import SearchField
from tests.ui.dressing import dark


@pytest.fixture
def field(qtbot: QtBot, qapp: QApplication) -> SearchField:
    dark(qapp)
    made = SearchField("Search", "What is looked at")
    qtbot.addWidget(made)
    made.show()
    made.setText("cat")
    qapp.processEvents()
    return made


def test_the_cross_stands_in_the_middle_of_the_field_and_empties_it(field: SearchField) -> None:
    (cross,) = [button for button in field.findChildren(QToolButton) if button.isVisible()]
    assert abs(cross.geometry().center().y() - field.rect().center().y()) <= 1
    assert field.rect().contains(cross.geometry())
    QTest.mouseClick(cross, Qt.MouseButton.LeftButton)
    assert field.text() == ""


def test_esc_empties_it_and_arrow_down_goes_on(field: SearchField, qtbot: QtBot) -> None:
    with qtbot.waitSignal(field.left):
        QTest.keyClick(field, Qt.Key.Key_Down)
    QTest.keyClick(field, Qt.Key.Key_Escape)
    assert field.text() == ""
