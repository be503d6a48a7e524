"""What every test relies on: no display, one thread a process, settings of its own, and nothing left behind."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication

from tests.patient_bot import PatientBot
from tests.programs import Programs, directories

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
# The networks of the tests are so small that a second thread costs more than it does, several times as much where
# something else runs beside it: then each waits for the other at every layer.
os.environ.setdefault("OMP_NUM_THREADS", "1")

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(autouse=True)
def own_directories(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings, caches and downloads of a test go to a folder of its own, never to the person's."""
    home = tmp_path_factory.mktemp("home")
    for name, folder in directories(home).items():
        monkeypatch.setenv(name, folder)


@pytest.fixture
def qtbot(qapp: QApplication, request: pytest.FixtureRequest) -> PatientBot:
    """pytest-qt's bot, with more patience."""
    return PatientBot(request)


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Programs]:
    """Starts programs that run side by side; what still runs after the module's tests is ended."""
    made = Programs(tmp_path_factory.mktemp("home"))
    yield made
    made.stop()


@pytest.fixture(autouse=True)
def no_thread_left() -> Iterator[None]:
    """A test that leaves one of the program's threads running fails."""
    yield
    left = [thread for thread in threading.enumerate() if thread.name.startswith("deepvis-")]
    for thread in left:
        thread.join(60)
    alive = [thread.name for thread in left if thread.is_alive()]
    assert not alive, f"threads left running: {alive}"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The training data beside the project, which only its developers have."""
    if not SHARED.exists():
        pytest.skip("needs ../shared/data (Tiny ImageNet and ImageNet samples), which is not here")
    return SHARED
