"""Writes down when the window and its first activations were on the screen, for whoever measures the start."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

from PySide6.QtCore import QObject

from deepvis.ui.main_window import MainWindow

VARIABLE = "DEEPVIS_STARTUP_TRACE"
"""The environment variable that names the file; nothing is written without it."""


class StartupTrace(QObject):
    """Writes ``{"window": …, "activations": …}``, both in seconds since 1970, once both are known. UI thread only.

    The file is there as a whole or not at all.
    """

    def __init__(self, window: MainWindow, path: Path) -> None:
        super().__init__(window)
        self._path = path
        self._moments: dict[str, float] = {}
        window.painted.connect(lambda: self._note("window"))
        window.activations_painted.connect(lambda: self._note("activations"))

    def _note(self, what: str) -> None:
        self._moments.setdefault(what, time.time())
        if len(self._moments) == 2:
            beside = self._path.with_name(f"{self._path.name}.{os.getpid()}")
            beside.write_text(json.dumps(self._moments), encoding="utf-8")
            beside.replace(self._path)


def trace_startup(window: MainWindow) -> None:
    """Trace the start of this window, if the environment asks for it."""
    path = os.environ.get(VARIABLE)
    if path:
        StartupTrace(window, Path(path))
