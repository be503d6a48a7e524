"""Snapshots and recordings: what is saved, and where. UI thread only; the backend writes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QFileDialog, QMainWindow

from deepvis.messages import GridResult, Problem, ViewResult
from deepvis.ui import settings_store as settings
from deepvis.ui.bridge import Backend
from deepvis.ui.capture import Recorder, suggested_path, window_picture
from deepvis.ui.notifications import ProblemLog
from deepvis.ui.request_sender import RequestSender
from deepvis.ui.settings_store import SettingsStore
from deepvis.ui.view_state import ViewState


def raw_arrays(result: ViewResult, state: ViewState) -> dict[str, Any]:
    """What an npz of a layer holds: the values, the frame, and everything that is needed to make sense of them."""
    info = state.info
    layer = result.request.grid.layer if result.request.grid is not None else ""
    return {
        "activations": result.raw,
        "layer": np.array(layer),
        "network": np.array(info.name if info else ""),
        "network_hash": np.array(info.hash if info else ""),
        "input_size": np.array(result.input_size),
        "frame": result.frame.image,
        "frame_id": np.array(result.frame.id),
        "seen": np.array(result.seen, dtype=np.float64),
        "source": np.array(result.frame.title),
        "classes": np.array([prediction.label for prediction in result.predictions]),
        "probabilities": np.array([prediction.probability for prediction in result.predictions], dtype=np.float32),
    }


class CaptureCommands(QObject):
    """Handlers of the actions that save something.

    The picture is taken when the key is pressed; the name is asked for afterwards.
    """

    def __init__(
        self, window: QMainWindow, backend: Backend, state: ViewState, store: SettingsStore, sender: RequestSender,
        grid: Callable[[], GridResult | None], log: ProblemLog,
    ) -> None:  # fmt: skip
        super().__init__(window)
        self._window = window
        self._backend = backend
        self._state = state
        self._store = store
        self._sender = sender
        self._grid = grid
        self._log = log
        self.recorder = Recorder(window, backend, self)

    def handlers(self) -> dict[str, Callable[..., object]]:
        """Handler by action id."""
        return {
            "capture.window": self.save_window,
            "capture.mosaic": self.save_mosaic,
            "capture.arrays": self.save_arrays,
            "capture.record": self.record,
        }

    def save_window(self) -> None:
        """Save the window as it is now."""
        picture = window_picture(self._window)
        self._ask("Save the window", "window", "png", lambda path: self._backend.save(path, picture))

    def save_mosaic(self) -> None:
        """Save the mosaic alone, at its own resolution."""
        grid = self._grid()
        if grid is not None:
            name = f"{self._network()} {grid.request.layer}"
            self._ask("Save the mosaic", name, "png", lambda path: self._backend.save(path, grid.picture))

    def save_arrays(self) -> None:
        """Save the layer's values of the next frame."""
        self._sender.ask_raw(self._save_result)

    def ask(self, title: str, what: str, ending: str, content: Any) -> None:
        """Ask for a name, and save this content: a picture where ``ending`` is png, arrays by name where it is npz."""
        self._ask(title, what, ending, lambda path: self._backend.save(path, content))

    def record(self, on: bool) -> None:
        """Begin or end a recording."""
        if not on:
            self.recorder.stop()
            return
        dialog = self._dialog("Record the window", "recording", "mp4")
        dialog.fileSelected.connect(self._start)
        dialog.finished.connect(lambda _code: self.recorder.changed.emit())
        dialog.open()

    def problem(self, problem: Problem) -> None:
        """A recording that cannot be written ends."""
        if problem.severity == "error" and problem.key.startswith("record"):
            self.recorder.stop()

    def _save_result(self, result: ViewResult) -> None:
        arrays = raw_arrays(result, self._state)
        name = f"{self._network()} {arrays['layer']}"
        self._ask("Save the raw activations", name, "npz", lambda path: self._backend.save(path, arrays))

    def _network(self) -> str:
        name = self._state.info.name if self._state.info else "network"
        return name.replace("/", "-").replace(":", "-")

    def _start(self, path: str) -> None:
        self._remember(path)
        self.recorder.start(path)

    def _ask(self, title: str, what: str, ending: str, save: Callable[[str], object]) -> None:
        dialog = self._dialog(title, what.replace("/", "-"), ending)

        def chosen(path: str) -> None:
            self._remember(path)
            save(path)

        dialog.fileSelected.connect(chosen)
        dialog.open()

    def _dialog(self, title: str, what: str, ending: str) -> QFileDialog:
        path = suggested_path(self._store.get(settings.CAPTURE_FOLDER), what, ending, ending == "mp4")
        dialog = QFileDialog(self._window, title, str(path.parent), f"{ending.upper()} (*.{ending})")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix(ending)
        dialog.selectFile(path.name)
        return dialog

    def _remember(self, path: str) -> None:
        self._store.set(settings.CAPTURE_FOLDER, str(Path(path).parent))
