"""The desktop program as a process: it opens, it is live, and it ends whenever it is told to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from deepvis.messages import NetworkSpec
from deepvis.session import Session
from deepvis.ui.main_window import MainWindow
from deepvis.ui.settings_store import SettingsStore
from tests.programs import Program, Programs
from tests.ui.dressing import dark

ROOT = Path(__file__).resolve().parents[2]
WITHOUT_DISPLAY = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
OFFSCREEN = {"QT_QPA_PLATFORM": "offscreen", "PYTHONPATH": str(ROOT)}

RUN = """
import sys
from deepvis.app import LiveOptions, run
sys.exit(run(LiveOptions(source="pattern", settings_path=sys.argv[1])))
"""

RUN_AND_CLOSE = """
import os, sys
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
from deepvis.app import LiveOptions, run
app = QApplication(["deepvis"])
def close():
    window = next(w for w in app.topLevelWidgets() if type(w).__name__ == "MainWindow")
    assert window.isVisible()
    print("torch" in sys.modules, flush=True)
    window.close()
QTimer.singleShot(int(sys.argv[2]), close)
status = run(LiveOptions(source="pattern", settings_path=sys.argv[1]))
# As the program itself ends: torch, whose import may be under way, writes tracebacks when it is taken down.
sys.stdout.flush()
os._exit(status)
"""

RUN_AND_SAY = """
import sys
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
from deepvis.app import LiveOptions, run
app = QApplication(["deepvis"])
QTimer.singleShot(200, lambda: print("open", flush=True))
sys.exit(run(LiveOptions(source="pattern", settings_path=sys.argv[1])))
"""

DISPLAYS: tuple[dict[str, str], ...] = ({}, {"DISPLAY": ":9973"}, {"WAYLAND_DISPLAY": "none-such"})
DELAYS = (0, 60, 1500)
"""Milliseconds after which a window is closed."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("settings")


@pytest.fixture(scope="module")
def displayless(programs: Programs, folder: Path) -> list[Program]:
    """Without each of the displays, begun at the same time."""
    words = ("-c", RUN, str(folder / "none.ini"))
    return [programs.start(*words, without=WITHOUT_DISPLAY, PYTHONPATH=str(ROOT), **each) for each in DISPLAYS]


@pytest.fixture(scope="module")
def closing(programs: Programs, folder: Path) -> dict[int, Program]:
    """Each that closes its window after so many milliseconds, begun at the same time."""
    return {
        delay: programs.start(
            *("-c", RUN_AND_CLOSE, str(folder / f"{delay}.ini"), str(delay)), without=WITHOUT_DISPLAY, **OFFSCREEN
        )
        for delay in DELAYS
    }


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only there a display can be missing")
@pytest.mark.parametrize("number", range(len(DISPLAYS)), ids=["none", "x11", "wayland"])
def test_without_a_display_one_line_names_the_way_out(displayless: list[Program], number: int) -> None:
    done = displayless[number].ended()
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1
    assert "deepvis snapshot" in done.stderr


@pytest.mark.parametrize("milliseconds", DELAYS)
def test_the_process_ends_well_whenever_the_window_is_closed(
    closing: dict[int, Program], folder: Path, milliseconds: int
) -> None:
    done = closing[milliseconds].ended()
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert (folder / f"{milliseconds}.ini").is_file()
    if milliseconds == 0:
        assert done.stdout.strip() == "False"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals between processes")
@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_closes_the_window(tmp_path: Path, kind: signal.Signals) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", RUN_AND_SAY, str(tmp_path / "s.ini")],
        env=os.environ | OFFSCREEN, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "open\n"
    process.send_signal(kind)
    _, errors = process.communicate(timeout=240)
    assert process.returncode == 0, errors
    assert "Traceback" not in errors
    assert (tmp_path / "s.ini").is_file()


@pytest.fixture
def live(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> Iterator[tuple[MainWindow, Session]]:
    dark(qapp)
    session = Session()
    window = MainWindow(session, SettingsStore(tmp_path / "s.ini"))
    window.resize(1280, 800)
    window.show()
    session.start()
    window.start("sample:cat?motion=1", NetworkSpec("tinynet", device="cpu"), None)
    yield window, session
    window.close()
    assert session.close(60)
    window.deleteLater()
    qapp.processEvents()


def test_the_window_is_live_on_the_real_engine(live: tuple[MainWindow, Session], qtbot: QtBot) -> None:
    window, _ = live
    qtbot.waitUntil(lambda: window.state.info is not None, timeout=200_000)
    view = window.grid_panel.view
    qtbot.waitUntil(lambda: view.result is not None)
    painted = window.clock.painted
    qtbot.waitUntil(lambda: window.clock.painted >= painted + 3)
    info = window.state.info
    assert info is not None
    assert len(window.predictions.bars.predictions) == 5
    window.state.update(unit=0)
    window.actions_["unit.right"].trigger()
    qtbot.waitUntil(lambda: window.requests.last.unit.unit == 1)
    first = next(layer for layer in info.layers if layer.main)
    window.view.choose_layer(first.name)
    qtbot.waitUntil(lambda: view.result is not None and view.result.request.layer == first.name)
    assert len(view.result.order) == first.channels
    assert [e.problem.title for e in window.log.entries() if e.problem.severity == "error"] == []
    assert not [thread for thread in threading.enumerate() if type(thread).__name__ == "QThread"]
