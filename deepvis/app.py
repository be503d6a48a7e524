"""The desktop program: what starts, in which order, and how it stops.

The window comes first; torch is imported by the engine's own thread once the window is up. Closing ends the process
within two seconds at any moment: threads get a while to end by themselves, and are left behind if they do not. Only a
run that is being put on the disk is waited for longer, without a window.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import FrameType
from typing import TYPE_CHECKING

from deepvis.messages import NetworkSpec, Precision

if TYPE_CHECKING:
    from deepvis.session import Session
    from deepvis.ui.main_window import MainWindow

_log = logging.getLogger("deepvis")

CLOSE_SECONDS = 1.0
"""How long the threads get to end; with painting and settings a close stays under two seconds."""

UNSEEN_SECONDS = 2.0
"""When the engine is started if the window was not painted by then."""

LAST_RESORT_SECONDS = 1.8
"""When the process ends whatever it is doing, counted from the moment at which the window closed."""


@dataclass(frozen=True, slots=True)
class LiveOptions:
    """What the command line may ask of the window; None leaves a choice to what is remembered.

    Attributes
    ----------
    source : ``camera:0``, a path, a URL, ``sample:cat``, ``pattern``.
    model : the network; its device and precision give way to ``device`` and ``precision`` where these are set.
    layer : the layer that is shown first.
    theme : ``dark`` or ``light``.
    presentation : begin in full screen with large type.
    settings_path : another settings file than the person's own.
    """

    source: str | None = None
    model: NetworkSpec | None = None
    layer: str | None = None
    device: str | None = None
    precision: Precision | None = None
    theme: str | None = None
    presentation: bool = False
    settings_path: str | None = None


def run(options: LiveOptions) -> int:
    """Open the window and return when it was closed.

    Returns
    -------
    1 where there is no display (one line on stderr says what to do); 0 where there was a QApplication before. Otherwise
    it does not return: once the window is closed, the process ends with status 0.
    """
    from deepvis.display import display_problem

    problem = display_problem()
    if problem:
        print(problem, file=sys.stderr)
        return 1
    from PySide6.QtWidgets import QApplication

    from deepvis.session import Session
    from deepvis.ui import icons, theme
    from deepvis.ui import settings_store as settings
    from deepvis.ui.main_window import MainWindow
    from deepvis.ui.notifications import ExceptionHooks
    from deepvis.ui.startup_trace import trace_startup

    existing = QApplication.instance()
    app = existing if isinstance(existing, QApplication) else QApplication(["deepvis"])
    app.setApplicationName("deepvis")
    app.setApplicationDisplayName("deepvis")
    app.setDesktopFileName("deepvis")
    store = settings.SettingsStore(options.settings_path)
    if options.theme is not None:
        store.set(settings.THEME, options.theme)
    theme.apply_theme(app, theme.LIGHT if store.get(settings.THEME) == "light" else theme.DARK)
    session = Session()
    window = MainWindow(session, store)
    trace_startup(window)
    hooks = ExceptionHooks(window.log.report)
    hooks.install()
    started = False

    def start() -> None:
        nonlocal started
        if not started:
            started = True
            session.start()
            window.start(options.source, _network(options, window), options.layer)

    # The engine's imports hold the lock of the interpreter for long stretches: the window first. One that is opened
    # minimised is not painted, and must start all the same.
    window.painted.connect(start)
    _after(UNSEEN_SECONDS, window, start)
    window.show()
    if options.presentation:
        window.actions_["window.presentation"].trigger()
    interrupts = _Interrupts(window.close)
    # The settings are on the disk when the window says that it closes. Whatever hangs after that must not keep the
    # process: a driver, an import that holds the interpreter's lock, a source that does not let go.
    last_resort = threading.Timer(LAST_RESORT_SECONDS, _end_process, (session,))
    last_resort.daemon = True
    window.closing.connect(last_resort.start)
    try:
        app.exec()
    finally:
        interrupts.remove()
        hooks.remove()
    session.close(CLOSE_SECONDS)
    if isinstance(existing, QApplication):
        last_resort.cancel()
        return 0
    left = [thread.name for thread in threading.enumerate() if thread not in (threading.main_thread(), last_resort)]
    _log.info("left behind at exit: %s", ", ".join(left) or "nothing")
    # Settings are written and files are finished: there is nothing to lose. What the interpreter would do now, taking
    # Qt and torch down in whatever order it finds them, beside threads that may hang in a driver, can only crash.
    icons.remove_mark_files()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _end_process(session: Session) -> None:
    """End the process, as soon as no run is being put on the disk, or that takes too long."""
    from deepvis.session import KEEP_SECONDS

    latest = time.monotonic() + KEEP_SECONDS
    while session.keeping and time.monotonic() < latest:
        time.sleep(0.02)
    os._exit(0)


def _network(options: LiveOptions, window: MainWindow) -> NetworkSpec:
    spec = options.model or window.networks.remembered()
    if options.device is not None:
        spec = replace(spec, device=options.device)
    if options.precision is not None:
        spec = replace(spec, precision=options.precision)
    return spec


def _after(seconds: float, window: MainWindow, call: Callable[[], object]) -> None:
    from PySide6.QtCore import QTimer

    QTimer.singleShot(round(1000 * seconds), window, call)


class _Interrupts:
    """Closes the window on Ctrl+C and on a request to terminate.

    Python runs signal handlers between its own instructions only, and Qt's loop is not Python: a byte on a socket
    wakes it.
    """

    def __init__(self, close: Callable[[], object]) -> None:
        from PySide6.QtCore import QSocketNotifier

        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        self._notifier = QSocketNotifier(self._reader.fileno(), QSocketNotifier.Type.Read)
        self._notifier.activated.connect(self._drain)
        self._close = close
        self._before_fd = signal.set_wakeup_fd(self._writer.fileno())
        self._before = {kind: signal.signal(kind, self._handle) for kind in (signal.SIGINT, signal.SIGTERM)}

    def remove(self) -> None:
        """Give the signals back."""
        for kind, handler in self._before.items():
            signal.signal(kind, handler)
        signal.set_wakeup_fd(self._before_fd)
        self._notifier.setEnabled(False)
        self._reader.close()
        self._writer.close()

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        self._close()

    def _drain(self) -> None:
        try:
            while self._reader.recv(64):
                pass
        except BlockingIOError:
            return
