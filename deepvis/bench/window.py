"""What a frame costs the window's thread, how soon it is painted, and whether memory stays flat."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from deepvis.messages import NetworkSpec, ViewResult
from deepvis.ui.paint_clock import PaintClock

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

    from deepvis.ui.main_window import MainWindow


class RecordingClock(PaintClock):
    """Keeps for every painted frame the UI thread's processor time, and when it was captured, finished and painted."""

    def __init__(self) -> None:
        super().__init__()
        self.frames: list[tuple[float, float, float, float, float]] = []
        self._current: ViewResult | None = None

    def begin(self, result: ViewResult | None = None) -> None:
        """Work begins."""
        self._current = result or self._current
        super().begin(result)

    def end(self, painted: bool = False) -> bool:
        """Work ends; a frame whose activations were painted is written down."""
        first = super().end(painted)
        if first and self._current is not None and self._current.grid is not None:
            result, work = self._current, self._current.timings
            engine = (work.preprocess + work.forward + work.backward + work.render) / 1000
            self.frames.append(
                (time.thread_time(), result.frame.captured, result.finished, time.perf_counter(), engine)
            )
        return first


@contextmanager
def live_window(model: str, layer: str | None) -> Iterator[tuple[QApplication, MainWindow, RecordingClock]]:
    """The real window on a moving photograph, once its first frames are painted; offscreen without a display."""
    if sys.platform.startswith("linux") and not {"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys():
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtWidgets import QApplication

    from deepvis.session import Session
    from deepvis.ui import theme
    from deepvis.ui.main_window import MainWindow
    from deepvis.ui.settings_store import SettingsStore

    app = QApplication.instance() or QApplication(["deepvis"])
    assert isinstance(app, QApplication)
    theme.apply_theme(app, theme.DARK)
    with tempfile.TemporaryDirectory() as folder:
        session = Session(Path(folder) / "gallery")
        window = MainWindow(session, SettingsStore(str(Path(folder) / "settings.ini")))
        clock = window.clock = RecordingClock()
        window.resize(1600, 1000)
        window.show()
        session.start()
        weights = "default" if model.startswith("tinynet") else "random"
        window.start("sample:cat?motion=1", NetworkSpec(model, weights=weights), layer)
        window.state.update(strongest=0, back=False)
        try:
            process(app, lambda: len(clock.frames) >= 30, 120)
            yield app, window, clock
        finally:
            window.close()
            session.close(10)


def process(app: QApplication, done: Callable[[], bool], seconds: float) -> None:
    """Run the window's loop until ``done`` or the time is up. It sleeps while nothing happens, as the program does:
    ``processEvents`` with a time limit would spin, and be counted as the window's work."""
    from PySide6.QtCore import QEventLoop, QTimer

    loop = QEventLoop()
    ends = time.perf_counter() + seconds
    timer = QTimer()
    timer.timeout.connect(lambda: loop.quit() if done() or time.perf_counter() > ends else None)
    timer.start(50)
    loop.exec()


def bench_window(model: str = "resnet18", layer: str = "layer4.1", seconds: float = 10.0) -> list[dict[str, object]]:
    """Milliseconds of processor time that the UI thread needs a frame, and the delay from the engine to the screen in
    units of one frame's work."""
    with live_window(model, layer) as (app, window, clock):
        clock.frames.clear()
        began = time.perf_counter()
        process(app, lambda: False, seconds)
        frames = np.array(clock.frames)
        duration = time.perf_counter() - began
        shown = window.state.layer
    busy = np.diff(frames[:, 0]) * 1000
    capture_to_paint = (frames[:, 3] - frames[:, 1]) * 1000
    after_engine = (frames[:, 3] - frames[:, 2]) * 1000
    work = frames[:, 4] * 1000
    return [
        {
            "network": model,
            "layer": f"{layer} {shown.text if shown else ''}",
            "fps": len(frames) / duration,
            "UI ms, median": float(np.median(busy)),
            "UI ms, 99 %": float(np.percentile(busy, 99)),
            "capture to paint ms": float(np.median(capture_to_paint)),
            "engine ms": float(np.median(work)),
            "engine to paint ms": float(np.median(after_engine)),
            "engine to paint / engine": float(np.median(after_engine / work)),
        }
    ]


def bench_memory(model: str = "tinynet", minutes: float = 10.0) -> list[dict[str, object]]:
    """Resident memory of the process over a live run in MB: the medians of its first and last tenth."""
    with live_window(model, None) as (app, _window, clock):
        process(app, lambda: False, 10.0)  # allocators settle
        samples: list[float] = []
        began = time.perf_counter()
        first = len(clock.frames)
        while time.perf_counter() - began < minutes * 60:
            process(app, lambda: False, 2.0)
            samples.append(_resident_megabytes())
        shown = len(clock.frames) - first
    tenth = max(1, len(samples) // 10)
    return [
        {
            "network": model,
            "minutes": minutes,
            "frames": shown,
            "first MB": median(samples[:tenth]),
            "last MB": median(samples[-tenth:]),
            "growth MB": median(samples[-tenth:]) - median(samples[:tenth]),
        }
    ]


def _resident_megabytes() -> float:
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
    except OSError:
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
