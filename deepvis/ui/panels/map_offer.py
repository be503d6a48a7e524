"""What to do where there is no map yet, in the middle of its place. UI thread only."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Signal
from PySide6.QtWidgets import QFrame, QVBoxLayout, QWidget

from deepvis.ui import theme
from deepvis.ui.panels.controls import IconButton, label, row

_WIDTH = 440


class MapOffer(QFrame):
    """A card with a sentence and two buttons.

    Signals
    -------
    samples : a map of the sample photographs is wanted.
    choose : other pictures are to be chosen.
    """

    samples = Signal()
    choose = Signal()

    def __init__(self, host: QWidget) -> None:
        super().__init__(host)
        self.setProperty("role", "toast")
        self.setAccessibleName("No map yet")
        self._host = host
        self.title = label("", "title", wrap=True)
        self.text = label("", "quiet", wrap=True)
        self.samples_button = IconButton(
            "", "Map the sample photographs", "Read crops of the sample photographs, and lay them out; about a minute",
            text="Map the sample photographs",
        )  # fmt: skip
        self.samples_button.setProperty("role", "primary")
        self.choose_button = IconButton(
            "", "Choose pictures", "A folder, a zip, a video or a data set", text="Choose pictures"
        )
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.LARGE, theme.LARGE, theme.LARGE, theme.LARGE)
        column.setSpacing(theme.MEDIUM)
        column.addWidget(self.title)
        column.addWidget(self.text)
        column.addLayout(row(self.samples_button, self.choose_button, 1))
        self.samples_button.clicked.connect(self.samples)
        self.choose_button.clicked.connect(self.choose)
        host.installEventFilter(self)
        self.hide()

    def say(self, title: str, text: str, missing: str = "") -> None:
        """Say this; ``missing``: why no map can be made now."""
        self.title.setText(title)
        self.text.setText(missing or text)
        for button in (self.samples_button, self.choose_button):
            button.setEnabled(not missing)
        self._place()
        self.show()
        self.raise_()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follow the host's size."""
        if event.type() in (QEvent.Type.Resize, QEvent.Type.Show):
            self._place()
        return False

    def _place(self) -> None:
        width = min(theme.scaled(_WIDTH), self._host.width() - 2 * theme.LARGE)
        layout = self.layout()
        assert layout is not None
        height = max(layout.totalHeightForWidth(width), layout.totalMinimumSize().height())
        left, top = (self._host.width() - width) // 2, (self._host.height() - height) // 2
        self.setGeometry(left, top, width, height)
