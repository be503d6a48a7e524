"""Pictures and recordings of the window. UI thread only; encoding and disk are the backend's."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path

import numpy as np
import platformdirs
from PySide6.QtCore import QObject, QPoint, QRect, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QImage, QPainter
from PySide6.QtWidgets import QWidget

from deepvis.messages import UInt8Array
from deepvis.ui.bridge import Backend

FRAMES_PER_SECOND = 30


def as_array(image: QImage) -> UInt8Array:
    """The pixels of an RGB32 image as uint8 (H, W, 4) BGRX, copied."""
    if image.format() is not QImage.Format.Format_RGB32:
        image = image.convertToFormat(QImage.Format.Format_RGB32)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : 4 * image.width()].reshape(image.height(), image.width(), 4).copy()


def draw(widget: QWidget, image: QImage) -> None:
    """Paint a widget into an RGB32 image, as large as it fits, centred on black."""
    size = QSize(widget.size())
    painter = QPainter(image)
    factor = min(image.width() / max(1, size.width()), image.height() / max(1, size.height()))
    shown = QSize(round(size.width() * factor), round(size.height() * factor))
    if shown != image.size():
        painter.fillRect(image.rect(), Qt.GlobalColor.black)
    left, top = (image.width() - shown.width()) // 2, (image.height() - shown.height()) // 2
    painter.setClipRect(QRect(left, top, shown.width(), shown.height()))
    painter.translate(left, top)
    if factor != 1.0:
        painter.scale(factor, factor)
    widget.render(painter, QPoint(0, 0))
    painter.end()


def window_picture(widget: QWidget) -> UInt8Array:
    """What a widget shows, in device pixels, as uint8 (H, W, 4) BGRX."""
    ratio = widget.devicePixelRatioF()
    image = QImage(
        max(1, round(widget.width() * ratio)), max(1, round(widget.height() * ratio)), QImage.Format.Format_RGB32
    )
    draw(widget, image)
    return as_array(image)


def suggested_path(folder: str, what: str, ending: str, video: bool = False) -> Path:
    """``deepvis WHAT 2025-01-31 12.34.56.png`` in ``folder``, or in Pictures or Videos."""
    place = Path(folder) if folder and Path(folder).is_dir() else None
    if place is None:
        place = Path(platformdirs.user_videos_dir() if video else platformdirs.user_pictures_dir())
        place = place if place.is_dir() else Path.home()
    return place / f"deepvis {what} {datetime.now():%Y-%m-%d %H.%M.%S}.{ending}"


class Recorder(QObject):
    """Hands the window's picture to the backend up to 30 times a second while a recording goes on.

    ``changed`` says that it began or ended, ``ticked`` carries the seconds so far, about twice a second.
    """

    changed = Signal()
    ticked = Signal(float)

    def __init__(self, widget: QWidget, backend: Backend, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._widget = widget
        self._backend = backend
        self._image: QImage | None = None
        self._began = 0.0
        self._said = 0.0
        self.path = ""
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(1000 // FRAMES_PER_SECOND)
        self._timer.timeout.connect(self._grab)

    @property
    def recording(self) -> bool:
        """Whether a recording goes on."""
        return self._image is not None

    def start(self, path: str) -> None:
        """Begin to record. The size stays that of the window at this moment; H.264 takes even sizes only."""
        if self.recording:
            return
        width, height = max(16, self._widget.width() // 2 * 2), max(16, self._widget.height() // 2 * 2)
        self._image = QImage(width, height, QImage.Format.Format_RGB32)
        self._image.fill(Qt.GlobalColor.black)
        self.path = path
        self._began = time.perf_counter()
        self._said = -1.0
        self._backend.start_recording(path)
        self._timer.start()
        self._grab()
        self.changed.emit()

    def stop(self) -> None:
        """Finish the file."""
        if self.recording:
            self._timer.stop()
            self._image = None
            self._backend.stop_recording()
            self.changed.emit()

    def _grab(self) -> None:
        if self._image is None:
            return
        began = time.perf_counter()
        draw(self._widget, self._image)
        self._backend.record(as_array(self._image))
        # Painting must not eat the window: at most a third of the time goes into the recording.
        spent = 1000 * (time.perf_counter() - began)
        self._timer.setInterval(max(1000 // FRAMES_PER_SECOND, int(3 * spent)))
        seconds = time.perf_counter() - self._began
        if seconds - self._said >= 0.5:
            self._said = seconds
            self.ticked.emit(seconds)
