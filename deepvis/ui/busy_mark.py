"""A quiet word over the mosaic while what was chosen is not on the screen yet. UI thread only."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtWidgets import QLabel, QWidget

from deepvis.ui import theme

GRACE_MS = 150


class BusyMark(QLabel):
    """Appears in the upper right corner of its host when a wait takes longer than a moment."""

    def __init__(self, host: QWidget) -> None:
        super().__init__(host)
        self._host = host
        self.setProperty("role", "quiet")
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(GRACE_MS)
        self._timer.timeout.connect(self._appear)
        theme.theme_changed.connect(self._dress)
        self._dress()
        host.installEventFilter(self)
        self.hide()

    def wait_for(self, what: str) -> None:
        """Say that this is on its way; an empty text: nothing is, any more."""
        if not what:
            self._timer.stop()
            self.hide()
            return
        self.setText(f"Waiting for {what}")
        if self.isVisible():
            self._appear()
        elif not self._timer.isActive():
            self._timer.start()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follow the host's size."""
        if event.type() == QEvent.Type.Resize and self.isVisible():
            self._appear()
        return False

    def _appear(self) -> None:
        self.adjustSize()
        self.move(self._host.width() - self.width() - theme.SMALL, theme.SMALL)
        self.show()
        self.raise_()

    def _dress(self) -> None:
        ground = theme.current().raised
        self.setStyleSheet(f"background: {ground}; border-radius: {theme.RADIUS}px; padding: 4px 8px;")
