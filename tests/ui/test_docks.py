from __future__ import annotations

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from deepvis.ui.docks import ColumnArea
from deepvis.ui.main_window import MainWindow


@pytest.mark.usefixtures("dressed_first")
def test_columns_are_seen_in_their_whole_width_when_a_scroll_bar_comes(window: MainWindow, qtbot: QtBot) -> None:
    window.actions_["window.presentation"].trigger()
    QApplication.processEvents()
    window.actions_["window.lab"].trigger()
    for dock in (window.docks.left, window.docks.right):
        area = dock.widget()
        assert isinstance(area, ColumnArea)
        column = area.widget()
        assert column is not None
        qtbot.waitUntil(area.verticalScrollBar().isVisible)
        qtbot.waitUntil(lambda area=area, column=column: area.viewport().width() >= column.minimumSizeHint().width())
