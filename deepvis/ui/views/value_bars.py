"""Named values as bars under each other, the largest first."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from deepvis.ui import theme
from deepvis.ui.views.numbers import format_short

_ROW = 20


class ValueBars(QWidget):
    """Rows of name, bar and value; the bars share one scale, on which a mark stands for ``reference``.

    Parameters
    ----------
    reference_name : what the mark stands for, for the description.
    """

    def __init__(self, reference_name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._reference_name = reference_name
        self._rows: tuple[tuple[str, float], ...] = ()
        self._reference = 0.0
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.theme_changed.connect(self.updateGeometry)

    @property
    def rows(self) -> tuple[tuple[str, float], ...]:
        """What is shown."""
        return self._rows

    def set_values(self, rows: Sequence[tuple[str, float]], reference: float) -> None:
        """Show these (name, value) pairs."""
        resized = len(rows) != len(self._rows)
        self._rows, self._reference = tuple(rows), reference
        told = ", ".join(f"{name} {format_short(value)}" for name, value in rows)
        self.setAccessibleDescription(f"{told}; {self._reference_name} {format_short(reference)}" if rows else "")
        if resized:
            self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:  # noqa: D102
        return QSize(theme.scaled(200), len(self._rows) * theme.scaled(_ROW))

    def minimumSizeHint(self) -> QSize:  # noqa: D102
        return QSize(theme.scaled(120), self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: D102
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        palette, height, gap = theme.current(), theme.scaled(_ROW), theme.scaled(theme.SMALL)
        figures = theme.figure_font()
        figure_width = QFontMetricsF(figures).horizontalAdvance("−0.000")
        name_width = (self.width() - figure_width - 2 * gap) * 0.5
        bar_left = name_width + gap
        bar_width = max(1.0, self.width() - figure_width - gap - bar_left)
        largest = max((value for _, value in self._rows), default=0.0)
        largest = max(largest, self._reference, 1e-12)
        thickness = theme.scaled(6)
        for row, (name, value) in enumerate(self._rows):
            top = row * height
            painter.setFont(self.font())
            painter.setPen(palette.color("text"))
            text = painter.fontMetrics().elidedText(name, Qt.TextElideMode.ElideRight, int(name_width))
            box = QRectF(0, top, name_width, height)
            painter.drawText(box, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, text)
            painter.setFont(figures)
            box = QRectF(self.width() - figure_width, top, figure_width, height)
            painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, format_short(value))
            bar = QRectF(bar_left, top + (height - thickness) / 2, bar_width, thickness)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(palette.color("track"))
            painter.drawRoundedRect(bar, thickness / 2, thickness / 2)
            bar.setWidth(max(2.0, bar_width * min(max(value / largest, 0.0), 1.0)))
            painter.setBrush(palette.color("accent"))
            painter.drawRoundedRect(bar, min(thickness, bar.width()) / 2, min(thickness, bar.width()) / 2)
        if self._rows and 0 < self._reference <= largest:
            x = bar_left + bar_width * self._reference / largest
            painter.setPen(QPen(palette.color("text"), 1))
            painter.drawLine(round(x), 2, round(x), len(self._rows) * height - 2)
