"""A card over the mosaic: loading with progress, or what to do where there is nothing to show. UI thread only."""

from __future__ import annotations

import time
from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from deepvis.messages import LoadProgress
from deepvis.ui import theme

GRACE_MS = 150
"""A load that is over sooner shows no card: it would only flash."""


def duration_text(seconds: float) -> str:
    """``8 s left``, ``2 min left``."""
    return f"{max(1, round(seconds))} s left" if seconds < 90 else f"{round(seconds / 60)} min left"


class CenterCard(QFrame):
    """One card in the middle of its host while nothing is shown there, small at the upper edge otherwise."""

    WIDTH = 420

    def __init__(self, host: QWidget, cancel: Callable[[], object]) -> None:
        super().__init__(host)
        self.setProperty("role", "toast")
        self._host = host
        self._covered = True
        self._began = 0.0
        self._name = ""
        self._title = QLabel(self)
        self._title.setProperty("role", "title")
        self._text = QLabel(self)
        self._text.setProperty("role", "quiet")
        for label in (self._title, self._text):
            label.setWordWrap(True)
            label.setTextFormat(Qt.TextFormat.PlainText)
        self._bar = QProgressBar(self)
        self._bar.setTextVisible(False)
        self._cancel = QPushButton("Cancel", self)
        self._cancel.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._cancel.setToolTip("Keep the network that is there (Ctrl+.)")
        self._cancel.clicked.connect(cancel)
        self._buttons = QHBoxLayout()
        self._buttons.setSpacing(theme.SMALL)
        self._buttons.addWidget(self._cancel)
        self._buttons.addStretch(1)
        self._offered: list[QPushButton] = []
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.LARGE, theme.MEDIUM, theme.LARGE, theme.MEDIUM)
        column.setSpacing(theme.SMALL)
        for widget in (self._title, self._text, self._bar):
            column.addWidget(widget)
        column.addLayout(self._buttons)
        self._patience = QTimer(self)
        self._patience.setSingleShot(True)
        self._patience.setInterval(GRACE_MS)
        self._patience.timeout.connect(self._appear)
        host.installEventFilter(self)
        self.hide()

    @property
    def loading(self) -> bool:
        """Whether a network is being loaded."""
        return bool(self._name)

    def show_progress(self, progress: LoadProgress, covered: bool) -> None:
        """Say how far the loading is.

        Parameters
        ----------
        covered : there is nothing below the card yet, so it may stand in the middle.
        """
        if not self._name:
            self._began = time.perf_counter()
        self._name = progress.name
        self._covered = covered
        self._offer(())
        self._title.setText(f"Loading {progress.name}")
        left = "" if progress.left is None else duration_text(progress.left)
        stage = "" if progress.stage == "Loading" else progress.stage
        self._text.setText(" · ".join(part for part in (stage, left) if part) or "This takes a moment")
        self._text.setVisible(True)
        self._bar.setVisible(True)
        self._cancel.setVisible(not self._covered or progress.share is not None)
        if progress.share is None:
            self._bar.setRange(0, 0)
        else:
            self._bar.setRange(0, 1000)
            self._bar.setValue(round(1000 * progress.share))
        if self._covered:
            self._appear()
        elif not self.isVisible() and not self._patience.isActive():
            self._patience.start()
        self._place()

    def show_message(self, title: str, text: str, offers: tuple[tuple[str, Callable[[], object]], ...] = ()) -> None:
        """Say what is missing and what to do next; ``offers`` are buttons."""
        self._name = ""
        self._covered = True
        self._bar.hide()
        self._cancel.hide()
        self._title.setText(title)
        self._text.setText(text)
        self._text.setVisible(bool(text))
        self._offer(offers)
        self._appear()

    def dismiss(self) -> None:
        """Go away: there is something to see."""
        self._name = ""
        self._patience.stop()
        self.hide()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follow the host's size."""
        if event.type() == QEvent.Type.Resize and self.isVisible():
            self._place()
        return False

    def _offer(self, offers: tuple[tuple[str, Callable[[], object]], ...]) -> None:
        for button in self._offered:
            self._buttons.removeWidget(button)
            button.deleteLater()
        self._offered = []
        for place, (text, call) in enumerate(offers):
            button = QPushButton(text, self)
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.clicked.connect(lambda _checked=False, run=call: run())
            self._buttons.insertWidget(place, button)
            self._offered.append(button)

    def _appear(self) -> None:
        self._place()
        self.show()
        self.raise_()

    def _place(self) -> None:
        width = min(theme.scaled(self.WIDTH), self._host.width() - 2 * theme.LARGE)
        layout = self.layout()
        assert layout is not None
        height = max(layout.totalHeightForWidth(width), layout.totalMinimumSize().height())
        left = (self._host.width() - width) // 2
        top = (self._host.height() - height) // 2 if self._covered else theme.scaled(64)
        self.setGeometry(left, top, width, height)
