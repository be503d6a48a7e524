"""Small plots of the unit panel: a value over time, and a histogram."""

from __future__ import annotations

import math

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from deepvis.messages import FloatArray
from deepvis.ui import theme
from deepvis.ui.views.lines import draw_line
from deepvis.ui.views.numbers import format_value
from deepvis.ui.views.pace import Pace


class TimePlot(QWidget):
    """The last values of one figure, the newest at the right edge; the scale holds its range and only grows with need.

    Parameters
    ----------
    length : how many values are kept.
    """

    def __init__(self, parent: QWidget | None = None, *, length: int = 240, placeholder: str = "") -> None:
        super().__init__(parent)
        if length < 2:
            raise ValueError(f"length must be at least 2, not {length}")
        self._values = np.full(length, np.nan, dtype=np.float64)
        self._next = 0
        self._count = 0
        self._placeholder = placeholder
        self._pace = Pace(self, weight=3)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def append(self, value: float) -> None:
        """Add the newest value; the oldest leaves. A value that is not finite leaves a gap in the line."""
        self._values[self._next] = value if math.isfinite(value) else np.nan
        self._next = (self._next + 1) % len(self._values)
        self._count = min(self._count + 1, len(self._values))
        self._pace.update()

    def clear(self) -> None:
        """Forget all values."""
        if self._count:
            self._count = 0
            self._next = 0
            self.update()

    @property
    def values(self) -> FloatArray:
        """The kept values, oldest first."""
        places = (self._next - self._count + np.arange(self._count)) % len(self._values)
        return self._values[places].astype(np.float32)

    def sizeHint(self) -> QSize:  # noqa: D102
        return QSize(theme.scaled(160), theme.scaled(56))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: D102
        palette = theme.current()
        painter = QPainter(self)
        values = self.values
        finite = np.isfinite(values)
        whole = bool(finite.all())
        if not finite.any():
            _paint_placeholder(painter, self, self._placeholder)
            return
        known = values if whole else values[finite]
        low, high = min(0.0, float(known.min())), float(known.max())
        high = high if high > low else low + 1.0
        font = theme.figure_font()
        metrics = QFontMetricsF(font)
        labels = (format_value(high), format_value(low))
        margin = max(metrics.horizontalAdvance(text) for text in (*labels, "−0.00")) + theme.scaled(theme.SMALL)
        plot = QRectF(self.rect()).adjusted(0.5, metrics.height() / 2, -margin, -metrics.height() / 2)
        painter.setPen(QPen(palette.color("line"), 1))
        painter.drawLine(plot.bottomLeft(), plot.bottomRight())
        painter.drawLine(plot.topLeft(), plot.topRight())
        painter.setFont(font)
        painter.setPen(palette.color("quiet"))
        for text, middle in zip(labels, (plot.top(), plot.bottom()), strict=True):
            box = QRectF(plot.right(), middle - metrics.height() / 2, margin, metrics.height())
            painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, text)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(palette.color("accent"), 1.5))
        step = plot.width() / (len(self._values) - 1)
        x = plot.right() - step * np.arange(len(values) - 1, -1, -1)
        y = plot.bottom() - (values - low) / (high - low) * plot.height()
        for start, stop in ((0, len(values)),) if whole else _finite_stretches(values):
            draw_line(painter, x[start:stop], y[start:stop])
        if math.isfinite(values[-1]):
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(palette.color("accent"))
            painter.drawEllipse(QPointF(x[-1], y[-1]), 2.5, 2.5)


class HistogramPlot(QWidget):
    """How often each value occurs: bars of counts between their edges, with the ends written below."""

    def __init__(self, parent: QWidget | None = None, *, placeholder: str = "") -> None:
        super().__init__(parent)
        self._counts: FloatArray = np.zeros(0, np.float32)
        self._edges: FloatArray = np.zeros(1, np.float32)
        self._placeholder = placeholder
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def set_histogram(self, counts: FloatArray, edges: FloatArray) -> None:
        """Show ``counts`` (n,) between ``edges`` (n + 1,); empty arrays empty the plot.

        Raises
        ------
        ValueError : there is not one more edge than counts.
        """
        if len(counts) and len(edges) != len(counts) + 1:
            raise ValueError(f"{len(counts)} counts need {len(counts) + 1} edges, not {len(edges)}")
        self._counts = np.nan_to_num(np.asarray(counts, np.float32))
        self._edges = np.asarray(edges, np.float32)
        self.update()

    def sizeHint(self) -> QSize:  # noqa: D102
        return QSize(theme.scaled(128), theme.scaled(128))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: D102
        palette = theme.current()
        painter = QPainter(self)
        top = float(self._counts.max()) if len(self._counts) else 0.0
        if top <= 0:
            _paint_placeholder(painter, self, self._placeholder)
            return
        font = theme.figure_font()
        height = QFontMetricsF(font).height()
        plot = QRectF(self.rect()).adjusted(0, theme.TIGHT, 0, -height - theme.TIGHT)
        width = plot.width() / len(self._counts)
        # A square root keeps the rare large values in sight beside the thousands around zero.
        heights = np.sqrt(self._counts / top) * plot.height()
        bars = [
            QRectF(plot.left() + i * width, plot.bottom() - bar, max(width - 1, 1.0), bar)
            for i, bar in enumerate(heights.tolist())
            if bar > 0
        ]
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(palette.color("accent"))
        painter.drawRects(bars)
        painter.setPen(QPen(palette.color("line"), 1))
        painter.drawLine(plot.bottomLeft(), plot.bottomRight())
        low, high = float(self._edges[0]), float(self._edges[-1])
        painter.setFont(font)
        painter.setPen(palette.color("quiet"))
        below = QRectF(plot.left(), plot.bottom() + theme.TIGHT, plot.width(), height)
        painter.drawText(below, Qt.AlignmentFlag.AlignLeft, format_value(low))
        painter.drawText(below, Qt.AlignmentFlag.AlignRight, format_value(high))
        metrics = QFontMetricsF(font)
        x = plot.left() + plot.width() * (-low / (high - low)) if low < 0 < high else plot.left()
        # Beside the ends there is no room for it.
        free = plot.left() + metrics.horizontalAdvance(format_value(low)) + theme.SMALL
        if free < x < plot.right() - metrics.horizontalAdvance(format_value(high)) - theme.SMALL:
            painter.drawText(QRectF(x - 20, below.top(), 40, height), Qt.AlignmentFlag.AlignHCenter, "0")


def _finite_stretches(values: FloatArray) -> list[tuple[int, int]]:
    """(start, stop) of each run of finite values."""
    finite = np.concatenate(([False], np.isfinite(values), [False]))
    changes = np.flatnonzero(finite[1:] != finite[:-1])
    return list(zip(changes[::2].tolist(), changes[1::2].tolist(), strict=True))


def _paint_placeholder(painter: QPainter, widget: QWidget, text: str) -> None:
    painter.setPen(theme.current().color("quiet"))
    painter.drawText(widget.rect(), Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, text)
