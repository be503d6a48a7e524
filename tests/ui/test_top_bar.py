"""The bar at the top gives up texts, not buttons, where it is narrow."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QMainWindow, QMenu
from pytestqt.qtbot import QtBot

from deepvis.ui.actions import ACTIONS, Actions
from deepvis.ui.top_bar import BarButton, TopBar


@pytest.fixture
def window(qtbot: QtBot) -> QMainWindow:
    window = QMainWindow()
    qtbot.addWidget(window)
    bar = TopBar(Actions({spec.id: lambda *_: None for spec in ACTIONS}, window), window)
    window.addToolBar(bar)
    bar.source.set_icon_name("camera")
    for button, text in (
        (bar.source, "Chelsea the cat"),
        (bar.network, "TinyNet"),
        (bar.input_size, "128 px"),
        (bar.device, "cpu · bf16"),
        (bar.snapshot, "Snapshot"),
    ):
        button.setText(text)
        button.set_menu(QMenu(button))
    window.resize(1600, 400)
    window.show()
    qtbot.waitExposed(window)
    return window


def hidden(window: QMainWindow) -> list[str]:
    """The names of the buttons that are not in sight as a whole."""
    (bar,) = window.findChildren(TopBar)
    return [
        button.accessibleName()
        for button in bar.findChildren(BarButton)
        if not (button.isVisible() and bar.rect().contains(button.geometry()))
    ]


@pytest.mark.parametrize("width", [1600, 1366, 1280, 1024, 900, 800])
def test_every_button_is_in_sight_at_any_width(window: QMainWindow, width: int, qtbot: QtBot) -> None:
    window.resize(width, 400)
    qtbot.waitUntil(lambda: hidden(window) == [])


def test_texts_come_back_with_the_room(window: QMainWindow, qtbot: QtBot) -> None:
    (bar,) = window.findChildren(TopBar)
    whole = bar.freeze.width()
    window.resize(900, 400)
    qtbot.waitUntil(lambda: bar.freeze.width() < whole)
    window.resize(1600, 400)
    qtbot.waitUntil(lambda: bar.freeze.width() == whole)


def test_a_longer_name_takes_its_room_from_the_keys(window: QMainWindow, qtbot: QtBot) -> None:
    (bar,) = window.findChildren(TopBar)
    window.resize(1280, 400)
    qtbot.waitUntil(lambda: hidden(window) == [])
    bar.network.setText("mypackage.mymodule:a_network_of_my_own")
    bar.source.setText("A photograph with quite a long name.jpeg")
    bar.device.setText("cuda:0 · bf16 · channels last")
    qtbot.waitUntil(lambda: hidden(window) == [] and bar.network.width() == bar.network.sizeHint().width())
