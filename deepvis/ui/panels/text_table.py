"""Names and values in two columns, under headings; the values can be marked and copied. UI thread only."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QLabel, QSizePolicy, QWidget

from deepvis.ui import theme
from deepvis.ui.panels.controls import label


class TextTable(QWidget):
    """Rows of texts; it is as high as they need."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(theme.MEDIUM)
        self._grid.setVerticalSpacing(theme.TIGHT)
        self._rows: list[tuple[str, ...]] = []

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """What is written, headings as rows of one text."""
        return list(self._rows)

    def set_rows(self, rows: Sequence[tuple[str, ...]]) -> None:
        """Write these rows: a single text is a heading, of several texts the first is the name."""
        if list(rows) == self._rows:
            return
        self._rows = list(rows)
        while (item := self._grid.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        columns = max((len(each) for each in rows), default=1)
        for line, texts in enumerate(rows):
            if len(texts) == 1:
                heading = label(texts[0], "title")
                if line:
                    heading.setContentsMargins(0, theme.scaled(theme.SMALL), 0, 0)
                self._grid.addWidget(heading, line, 0, 1, columns)
                continue
            self._grid.addWidget(label(texts[0], "quiet"), line, 0, Qt.AlignmentFlag.AlignTop)
            for column, text in enumerate(texts[1:], 1):
                self._grid.addWidget(_value(text), line, column)
        for column in range(1, columns):
            self._grid.setColumnStretch(column, 1)


def _value(text: str) -> QLabel:
    made = label(text, wrap=True)
    made.setTextInteractionFlags(
        Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
    )
    # Reached by keyboard through Export; a tab stop a value would be in everybody's way.
    made.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
    made.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
    return made
