"""The window without a display: opened off the screen, given a picture, and drawn when everything is there."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepvis.messages import (
    Event,
    LoadProgress,
    NetworkFailed,
    NetworkReady,
    NetworkSpec,
    Problem,
    Size,
    SourceStatus,
    UInt8Array,
    ViewResult,
)
from deepvis.near_names import near_names

if TYPE_CHECKING:
    from deepvis.ui.main_window import MainWindow

_SETTLE_MS = 500
"""How long nothing may change before the window counts as finished: bars glide, and a new room is asked for late."""

_PATIENCE_MS = 180_000
"""How long nothing may arrive at all."""

_CLOSE_SECONDS = 60.0
"""How long threads may take to end. One that is still inside torch when the interpreter goes ends the process badly."""


class SnapshotError(RuntimeError):
    """The window could not be filled. ``title``, ``cause`` and ``remedy`` are for a person."""

    def __init__(self, title: str, cause: str, remedy: str) -> None:
        super().__init__(f"{title}: {cause} {remedy}".strip())
        self.title = title
        self.cause = cause
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The window as uint8 (H, W, 4) BGRX, and what it shows."""

    picture: UInt8Array
    model: str
    hash: str
    layer: str | None
    unit: int | None


def take(
    source: str,
    network: NetworkSpec,
    *,
    layer: str | None = None,
    unit: int | None = None,
    theme: str = "dark",
    size: Size = (1000, 1600),
    report: Callable[[LoadProgress], object] = lambda _progress: None,
) -> Snapshot:
    """Fill a window with a source and a network, and draw it. For a process without a window of its own, main thread.

    Parameters
    ----------
    source : spec of a still source.
    layer, unit : what is chosen; None: a middle layer, and its most active unit.
    size : (height, width) of the window in pixels.
    report : is told how far the loading of the network is.

    Raises
    ------
    SnapshotError : the source or the network cannot be had, or has no such layer or unit.
    KeyboardInterrupt : Ctrl+C.
    """
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    from PySide6.QtWidgets import QApplication

    from deepvis.session import Session
    from deepvis.ui import settings_store as settings
    from deepvis.ui import theme as themes
    from deepvis.ui.main_window import MainWindow

    existing = QApplication.instance()
    app = existing if isinstance(existing, QApplication) else QApplication(["deepvis"])
    with tempfile.TemporaryDirectory() as folder:
        store = settings.SettingsStore(Path(folder) / "settings.ini")
        store.set(settings.THEME, theme)
        themes.apply_theme(app, themes.LIGHT if theme == "light" else themes.DARK)
        session = Session(Path(folder) / "gallery")
        session.start()
        window = MainWindow(session, store)
        window.resize(size[1], size[0])
        window.show()
        try:
            window.start(source, network, layer)
            sitting = _Sitting(app, window, layer, unit, report)
            return sitting.wait()
        finally:
            window.close()
            session.close(_CLOSE_SECONDS)


class _Sitting:
    """Waits until the window shows what was asked for."""

    def __init__(
        self,
        app: Any,
        window: MainWindow,
        layer: str | None,
        unit: int | None,
        report: Callable[[LoadProgress], object],
    ) -> None:
        from PySide6.QtCore import QTimer

        self._app = app
        self._window = window
        self._layer = layer
        self._unit = unit
        self._unit_chosen = False
        self._report = report
        self._last: ViewResult | None = None
        self._error: Exception | None = None
        self._interrupted = False
        self._snapshot: Snapshot | None = None
        self._settle = QTimer(window)
        self._settle.setSingleShot(True)
        self._settle.timeout.connect(lambda: self._guarded(self._finish))
        self._patience = QTimer(window)
        self._patience.setSingleShot(True)
        self._patience.timeout.connect(self._give_up)
        # Python runs signal handlers between bytecodes only, and Qt's event loop runs none by itself.
        self._pulse = QTimer(window)
        self._pulse.timeout.connect(lambda: None)
        window.bridge.result.connect(lambda result: self._guarded(lambda: self._on_result(result)))
        window.bridge.happened.connect(lambda event: self._guarded(lambda: self._on_event(event)))

    def wait(self) -> Snapshot:
        """Run the event loop until the window is filled."""
        before = signal.signal(signal.SIGINT, self._interrupt)
        self._patience.start(_PATIENCE_MS)
        self._pulse.start(100)
        try:
            self._app.exec()
        finally:
            signal.signal(signal.SIGINT, before)
            for timer in (self._settle, self._patience, self._pulse):
                timer.stop()
        if self._interrupted:
            raise KeyboardInterrupt
        if self._error is not None:
            raise self._error
        assert self._snapshot is not None
        return self._snapshot

    def _interrupt(self, _number: int, _frame: object) -> None:
        self._interrupted = True
        self._app.exit(1)

    def _fail(self, title: str, cause: str, remedy: str) -> None:
        self._error = self._error or SnapshotError(title, cause, remedy)
        self._app.exit(1)

    def _give_up(self) -> None:
        seconds = _PATIENCE_MS // 1000
        self._fail("The window stayed empty", f"nothing arrived for {seconds} s.", "Try a smaller network.")

    def _on_event(self, event: Event) -> None:
        self._patience.start(_PATIENCE_MS)
        match event:
            case LoadProgress():
                self._report(event)
            case NetworkFailed(problem=problem):
                self._fail(problem.title, problem.cause, problem.remedy)
            case SourceStatus(state="failed", title=title, detail=detail, remedy=remedy):
                self._fail(title, detail, remedy)
            case Problem(severity="error", title=title, cause=cause, remedy=remedy):
                self._fail(title, cause, remedy)
            case NetworkReady():
                self._choose()

    def _choose(self) -> None:
        state = self._window.state
        info = state.info
        if info is None:
            return
        if self._layer is not None and state.look.layer != self._layer:
            names = [layer.name for layer in info.layers]
            near = near_names(self._layer, names)
            remedy = f"Did you mean {', '.join(near)}?" if near else f"deepvis layers {info.name} lists them."
            self._fail(f"{info.name} has no layer {self._layer!r}", "", remedy)
            return
        # One picture can afford what a live view of a slow network cannot.
        state.update(strongest=9)
        layer = state.layer
        if self._unit is None or layer is None:
            return
        if not 0 <= self._unit < layer.channels:
            last = layer.channels - 1
            self._fail(f"Unit {self._unit} is out of range", f"{layer.name} has units 0 to {last}.", "Choose one.")
            return
        self._unit_chosen = True
        state.update(unit=self._unit)

    def _on_result(self, result: ViewResult) -> None:
        self._patience.start(_PATIENCE_MS)
        self._last = result
        if result.grid is None:
            return
        if self._unit is None and not self._unit_chosen:
            self._unit_chosen = True
            self._window.state.update(unit=int(result.grid.maxima.argmax()))
        if not self._settle.isActive():
            self._settle.start(_SETTLE_MS)

    def _guarded(self, call: Callable[[], object]) -> None:
        """Qt prints what a slot raises and goes on, and this would wait for ever."""
        try:
            call()
        except Exception as error:
            self._error = self._error or error
            self._app.exit(1)

    def _finish(self) -> None:
        if self._draw():
            self._app.exit(0)
        else:
            self._settle.start(_SETTLE_MS)

    def _draw(self) -> bool:
        """Draw the window, unless another view was asked for meanwhile, whose result is still on its way."""
        from deepvis.ui.capture import window_picture

        window, last = self._window, self._last
        wanted = window.requests.last
        if last is None or wanted is None or last.request.id != wanted.id:
            return False
        info, look = window.state.info, window.state.look
        assert info is not None
        self._snapshot = Snapshot(window_picture(window), info.name, info.hash, look.layer, look.unit)
        return True
