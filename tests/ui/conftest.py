"""A complete window on a backend without a network, and what a test does with it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from deepvis.ui import theme
from deepvis.ui.main_window import MainWindow
from deepvis.ui.settings_store import SettingsStore
from tests.ui.fixtures import FakeBackend


@pytest.fixture
def backend() -> FakeBackend:
    return FakeBackend()


@pytest.fixture
def store(tmp_path: Path) -> SettingsStore:
    return SettingsStore(tmp_path / "deepvis.ini")


@pytest.fixture
def make_window(qtbot: QtBot, qapp: QApplication) -> Iterator[Callable[[FakeBackend, SettingsStore], MainWindow]]:
    """Makes a window that has a network and shows a frame. An exception in a slot fails the test, by pytest-qt."""
    theme.apply_theme(qapp, theme.DARK)
    made: list[MainWindow] = []

    def make(backend: FakeBackend, store: SettingsStore) -> MainWindow:
        window = MainWindow(backend, store)
        window.resize(1280, 800)
        window.show()
        window.start("sample:cat?motion=1", None, None)
        qtbot.waitUntil(lambda: window.state.info is not None)
        backend.tick(time.perf_counter())
        qtbot.waitUntil(lambda: window.grid_panel.view.result is not None)
        made.append(window)
        return window

    yield make
    for window in made:
        window.close()
        window.deleteLater()
    qapp.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    theme.apply_theme(qapp, theme.DARK)


@pytest.fixture
def window(
    make_window: Callable[[FakeBackend, SettingsStore], MainWindow], backend: FakeBackend, store: SettingsStore
) -> MainWindow:
    return make_window(backend, store)


@pytest.fixture(autouse=True)
def hooks_stay() -> Iterator[None]:
    """A test that leaves its own exception hook behind fails."""
    before = sys.excepthook
    yield
    assert sys.excepthook is before
