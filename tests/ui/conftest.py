"""A complete window on a backend without a network, and what a test does with it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent
from PySide6.QtGui import QCursor
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from deepvis.ui.main_window import MainWindow
from deepvis.ui.settings_store import SettingsStore
from tests.ui.dressing import dark, undressed
from tests.ui.fixtures import FakeBackend


@pytest.fixture
def backend() -> FakeBackend:
    return FakeBackend()


@pytest.fixture
def store(tmp_path: Path) -> SettingsStore:
    return SettingsStore(tmp_path / "deepvis.ini")


@pytest.fixture
def dressed_first() -> None:
    """For tests of sizes and places: the window is built under its style sheet, as the program does it."""


@pytest.fixture
def make_window(
    qtbot: QtBot, qapp: QApplication, request: pytest.FixtureRequest
) -> Iterator[Callable[[FakeBackend, SettingsStore], MainWindow]]:
    """Makes a window that has a network and shows a frame. An exception in a slot fails the test, by pytest-qt."""
    dark(qapp)
    made: list[MainWindow] = []

    def make(backend: FakeBackend, store: SettingsStore) -> MainWindow:
        with nullcontext() if "dressed_first" in request.fixturenames else undressed(qapp):
            window = MainWindow(backend, store)
        window.resize(1280, 800)
        window.show()
        window.start("sample:cat?motion=1", None, None)
        qtbot.waitUntil(lambda: window.state.info is not None)
        backend.tick()
        qtbot.waitUntil(lambda: window.grid_panel.view.result is not None)
        made.append(window)
        return window

    yield make
    for window in made:
        window.close()
        window.deleteLater()
    qapp.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    dark(qapp)


@pytest.fixture
def window(
    make_window: Callable[[FakeBackend, SettingsStore], MainWindow], backend: FakeBackend, store: SettingsStore
) -> MainWindow:
    return make_window(backend, store)


@pytest.fixture(autouse=True)
def widgets_gone(qapp: QApplication) -> Iterator[None]:
    """What a test deletes is gone before the next, which would dress it anew with its own theme."""
    yield
    qapp.sendPostedEvents(None, QEvent.Type.DeferredDelete)


@pytest.fixture(autouse=True)
def pointer_away(qapp: QApplication) -> None:
    """The pointer is where no window is, wherever it was left: a new window under it would be told that it is there."""
    QCursor.setPos(-10_000, -10_000)


@pytest.fixture(autouse=True)
def hooks_stay() -> Iterator[None]:
    """A test that leaves its own exception hook behind fails."""
    before = sys.excepthook
    yield
    assert sys.excepthook is before
