"""Pictures of a course, decoded beside the window: a large one takes longer than a frame has. UI thread only."""

from __future__ import annotations

import threading

import numpy as np
from PySide6.QtCore import QObject, Qt, Signal

from deepvis.messages import CoursePicture, UInt8Array


class CoursePictures(QObject):
    """Decodes the picture that was asked for last; those that were passed over meanwhile are left out.

    Signals
    -------
    decoded : the picture that was asked for, and its pixels, uint8 (h, w, 4) BGRX.
    """

    decoded = Signal(object, object)
    _arrived = Signal(object, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._lock = threading.Lock()
        self._wanted: CoursePicture | None = None
        self._last: CoursePicture | None = None
        self._working = False
        self._arrived.connect(self._take, Qt.ConnectionType.QueuedConnection)

    def ask(self, picture: CoursePicture) -> None:
        """Have this picture decoded; ``decoded`` follows, unless another one is asked for before."""
        self._last = picture
        with self._lock:
            self._wanted = picture
            if self._working:
                return
            self._working = True
        threading.Thread(target=self._work, name="course pictures", daemon=True).start()

    def forget(self) -> None:
        """What is on its way is not wanted any more."""
        self._last = None
        with self._lock:
            self._wanted = None

    def _work(self) -> None:
        while True:
            with self._lock:
                picture, self._wanted = self._wanted, None
                if picture is None:
                    self._working = False
                    return
            try:
                self._arrived.emit(picture, decode(picture.jpeg))
            except RuntimeError:  # the window is gone
                return

    def _take(self, picture: CoursePicture, pixels: UInt8Array | None) -> None:
        if picture is self._last and pixels is not None:
            self.decoded.emit(picture, pixels)


def decode(jpeg: bytes) -> UInt8Array | None:
    """The picture in the bytes of a JPEG file, uint8 (h, w, 4) BGRX; None where it is damaged. Any thread."""
    import cv2

    try:
        pixels = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:  # it is empty, or says that it is larger than any picture
        return None
    if pixels is None:
        return None
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2BGRA), np.uint8)
