"""The menu of sources: cameras, samples, files, streams. Cameras are looked for on a thread. UI thread only."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QWidget

from deepvis.messages import CameraCard, Size
from deepvis.source_names import spoken
from deepvis.ui import theme
from deepvis.ui.actions import Actions
from deepvis.ui.bridge import Backend
from deepvis.ui.playback_bar import Playback
from deepvis.ui.views.numbers import format_size

SAMPLES: tuple[tuple[str, str], ...] = (
    ("sample:cat", "Chelsea the cat"),
    ("sample:astronaut", "Eileen Collins"),
    ("sample:coffee", "Coffee"),
    ("sample:rocket", "Rocket"),
    ("sample:motorcycle", "Motorcycle"),
    ("sample:hubble", "Hubble deep field"),
    ("sample:retina", "Retina"),
    ("sample:tissue", "Stained tissue"),
)
RESOLUTIONS: tuple[Size, ...] = ((480, 640), (720, 1280), (1080, 1920))
"""Sizes (h, w) that most cameras have."""

PICTURES = ("png", "jpg", "jpeg", "bmp", "gif", "tif", "tiff", "webp", "ppm", "pgm")
VIDEOS = ("mp4", "mov", "avi", "mkv", "webm", "m4v", "mpg", "mpeg", "mjpeg")
WEIGHTS = ("safetensors", "pt", "pth", "pt2")
FILE_FILTER = ";;".join(
    (
        f"Pictures and videos ({' '.join(f'*.{ending}' for ending in PICTURES + VIDEOS)})",
        f"Pictures ({' '.join(f'*.{ending}' for ending in PICTURES)})",
        f"Videos ({' '.join(f'*.{ending}' for ending in VIDEOS)})",
        "All files (*)",
    )
)


def moving(spec: str) -> str:
    """A sample's spec with slow motion, so that there is something to see."""
    return f"{spec}?motion=1" if spec.startswith("sample:") and "?" not in spec else spec


def source_title(spec: str) -> str:
    """A source as a person would call it, before it is open."""
    plain = spec.partition("?")[0]
    if spec.startswith("camera:"):
        return f"Camera {plain[7:]}"
    if spec.startswith("sample:"):
        return dict(SAMPLES).get(plain, plain[7:].capitalize())
    if spec == "pattern":
        return "Test pattern"
    return spoken(spec) if "://" in spec else Path(spec).name or spec


class CameraFinder(QObject):
    """Looks for cameras on a thread. ``found`` carries a tuple of cards, on the UI thread."""

    found = Signal(object)
    _arrived = Signal(object)

    def __init__(self, backend: Backend, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._backend = backend
        self.cameras: tuple[CameraCard, ...] | None = None
        self._searching = False
        self._arrived.connect(self._take, Qt.ConnectionType.QueuedConnection)

    def search(self) -> None:
        """Look again, unless a search is under way; the answer comes as ``found``."""
        if not self._searching:
            self._searching = True
            threading.Thread(target=self._work, name="camera search", daemon=True).start()

    def _work(self) -> None:
        cards: tuple[CameraCard, ...] = ()
        try:
            cards = tuple(self._backend.cameras())
        finally:
            try:
                self._arrived.emit(cards)
            except RuntimeError:  # the window is gone
                return

    def _take(self, cards: tuple[CameraCard, ...]) -> None:
        self._searching = False
        self.cameras = cards
        self.found.emit(cards)


class SourceMenu(QMenu):
    """Made anew whenever it opens, and again when the cameras are known."""

    def __init__(
        self,
        actions: Actions,
        finder: CameraFinder,
        open_source: Callable[[str], None],
        recent: Callable[[], tuple[str, ...]],
        current: Callable[[], str],
        playback: Playback,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__("Source", parent)
        self._actions = actions
        self._finder = finder
        self._open = open_source
        self._recent = recent
        self._current = current
        self._playback = playback
        self.setToolTipsVisible(True)
        self.aboutToShow.connect(self._prepare)
        finder.found.connect(lambda _cards: self.fill() if self.isVisible() else None)

    def _prepare(self) -> None:
        self.fill()
        self._finder.search()

    def fill(self) -> None:
        """Put the entries in."""
        self.clear()
        cameras = self._finder.cameras
        if cameras is None:
            self._note("Looking for cameras")
        elif not cameras:
            self._note("No camera found")
        for camera in cameras or ():
            self._entry(camera.name or f"Camera {camera.index}", f"camera:{camera.index}", "camera")
        if "resolution" in self._playback.controls:
            self._offer_resolutions()
        self.addAction(self._actions["source.mirror"])
        self.addSeparator()
        for spec, title in SAMPLES:
            self._entry(title, moving(spec), "image")
        self.addAction(self._actions["source.pattern"])
        self.addSeparator()
        for name in ("open", "open_folder", "stream"):
            self.addAction(self._actions[f"source.{name}"])
        recent = [spec for spec in self._recent() if not spec.startswith(("camera:", "sample:", "pattern"))]
        if recent:
            self.addSeparator()
            for spec in recent:
                self._entry(source_title(spec), spec, "clock").setToolTip(spoken(spec))
        self.addSeparator()
        for name in ("toggle", "fit", "motion"):
            self.addAction(self._actions[f"source.{name}"])

    def _offer_resolutions(self) -> None:
        menu = self.addMenu("Camera resolution")
        menu.setToolTipsVisible(True)
        for height, width in RESOLUTIONS:
            action = menu.addAction(format_size(height, width))
            action.setToolTip("The camera takes the nearest size that it has")
            action.triggered.connect(
                lambda _checked=False, size=(height, width): self._playback.set("resolution", size)
            )

    def _note(self, text: str) -> None:
        self.addAction(text).setEnabled(False)

    def _entry(self, text: str, spec: str, icon: str) -> QAction:
        action = QAction(theme.icon(icon), text, self)
        if spec.partition("?")[0] == self._current().partition("?")[0]:
            font = action.font()
            font.setBold(True)
            action.setFont(font)
        action.triggered.connect(lambda _checked=False: self._open(spec))
        self.addAction(action)
        return action
