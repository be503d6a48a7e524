"""A run's figures: the course of one as a line, all of them as numbers below it."""

from __future__ import annotations

import math

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QFocusEvent,
    QFontMetricsF,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from deepvis.ui import theme
from deepvis.ui.views.course import Course, thinned
from deepvis.ui.views.lines import draw_line
from deepvis.ui.views.numbers import format_name, format_percent, format_value
from deepvis.ui.views.pace import Pace

_ROW_HEIGHT = 18
_INTERVAL = 0.2
"""Seconds between two paintings while a run goes on."""
_SHORT = {
    "original_probability": "Original",
    "median_confidence": "Median",
    "mean_confidence": "Mean",
    "cells_above_0.9": "Above 0.9",
}
"""Names of figures for where there is no room for the whole of them."""
_STEPS = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}


class CourseView(QWidget):
    """Plots one figure of a :class:`Course` over the steps; a click on another one, or the arrow keys, plots that.

    Signals
    -------
    chosen : the name of the figure that is plotted now, by a person's choice.
    """

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None, *, placeholder: str = "") -> None:
        super().__init__(parent)
        self._course: Course | None = None
        self._wanted: str | None = None
        self._hover: int | None = None
        self._placeholder = placeholder
        self._pace = Pace(self, _INTERVAL, weight=3)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Figures")
        self.setToolTip("Click a figure, or use the arrow keys, to plot its course")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        theme.theme_changed.connect(self.updateGeometry)

    # ------------------------------------------------------------------------------------------------------ content

    @property
    def names(self) -> tuple[str, ...]:
        """The figures that are shown."""
        return self._course.names if self._course is not None else ()

    @property
    def plotted(self) -> str | None:
        """The figure whose course is shown: the one that a person chose, else the first."""
        names = self.names
        if self._wanted in names:
            return self._wanted
        return names[0] if names else None

    def text(self, name: str) -> str:
        """A figure's newest value as it is written; empty where there is none."""
        if self._course is None or name not in self._course.names:
            return ""
        value = self._course.last(name)
        return format_percent(value) if is_share(name) else format_value(value)

    def show_course(self, course: Course | None) -> None:
        """Show these figures; call it again when a step was added."""
        self._course = course
        self.setAccessibleDescription(", ".join(f"{format_name(name)} {self.text(name)}" for name in self.names))
        self._pace.update()

    def choose(self, name: str) -> None:
        """Plot this figure, in every run that has it."""
        self._wanted = name
        self.update()

    # ------------------------------------------------------------------------------------------------------ geometry

    def sizeHint(self) -> QSize:  # noqa: D102
        return QSize(theme.scaled(240), theme.scaled(128))

    def minimumSizeHint(self) -> QSize:  # noqa: D102
        return QSize(theme.scaled(160), theme.scaled(72))

    @property
    def _columns(self) -> int:
        return 2 if len(self.names) > 3 else 1

    def _cell(self, place: int) -> QRectF:
        """Where the figure at this place is written."""
        count, columns, height = len(self.names), self._columns, theme.scaled(_ROW_HEIGHT)
        rows = math.ceil(count / columns)
        gap = theme.scaled(theme.MEDIUM)
        width = (self.width() - (columns - 1) * gap) / columns
        top = self.height() - rows * height + place // columns * height
        return QRectF(place % columns * (width + gap), top, width, height)

    def _place_at(self, point: QPointF) -> int | None:
        return next((place for place in range(len(self.names)) if self._cell(place).contains(point)), None)

    # ------------------------------------------------------------------------------------------------------ painting

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: D102
        painter = QPainter(self)
        palette = theme.current()
        if self._course is None or not self.names:
            painter.setPen(palette.color("quiet"))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, self._placeholder)
        else:
            for place, name in enumerate(self.names):
                self._paint_figure(painter, place, name)
            self._paint_plot(painter, self._course)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(palette.color("accent"), 1))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 4, 4)

    def _paint_figure(self, painter: QPainter, place: int, name: str) -> None:
        palette, cell = theme.current(), self._cell(place)
        on = name == self.plotted
        if place == self._hover:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(palette.color("raised"))
            painter.drawRoundedRect(cell, 4, 4)
        dot = theme.scaled(6)
        inner = cell.adjusted(dot + theme.scaled(theme.SMALL), 0, -theme.scaled(2), 0)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(palette.color("accent" if on else "disabled"), 1))
        painter.setBrush(palette.color("accent") if on else Qt.BrushStyle.NoBrush)
        painter.drawEllipse(QPointF(cell.left() + dot / 2 + 2, cell.center().y()), dot / 2, dot / 2)
        painter.setFont(theme.figure_font())
        value = self.text(name)
        painter.setPen(palette.color("text"))
        painter.drawText(inner, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, value)
        # Room for the widest value, so that the name does not change while figures come and go.
        metrics = QFontMetricsF(painter.font())
        widest = "100.0 %" if is_share(name) else "−0.0000"
        room = inner.width() - max(metrics.horizontalAdvance(text) for text in (value, widest))
        painter.setPen(palette.color("text" if on else "quiet"))
        whole = format_name(name)
        fits = metrics.horizontalAdvance(whole) <= room - theme.TIGHT
        named = whole if fits else _SHORT.get(name, whole)
        said = metrics.elidedText(named, Qt.TextElideMode.ElideRight, room - theme.TIGHT)
        painter.drawText(inner, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, said)

    def _paint_plot(self, painter: QPainter, course: Course) -> None:
        name = self.plotted
        assert name is not None
        palette, font = theme.current(), theme.figure_font(10)
        metrics = QFontMetricsF(font)
        bottom = self._cell(0).top() - theme.scaled(theme.SMALL) - metrics.height()
        margin = metrics.horizontalAdvance("−0.00e−00") + theme.scaled(theme.TIGHT)
        plot = QRectF(1.5, metrics.height() / 2, self.width() - margin - 3, bottom - metrics.height() / 2)
        if plot.height() < theme.scaled(16):
            return
        steps, values = course.steps, course.values(name)
        finite = np.isfinite(values)
        if not finite.any():
            return
        known = values[finite]
        low, high = float(known.min()), float(known.max())
        if is_share(name):
            low, high = 0.0, 1.0
        elif low > 0 and (low < 0.6 * high or low == high):
            low = 0.0
        elif low == high:
            high = 0.0 if low < 0 else 1.0
        span = high - low
        painter.setPen(QPen(palette.color("line"), 1))
        painter.drawLine(plot.bottomLeft(), plot.bottomRight())
        painter.drawLine(plot.topLeft(), plot.topRight())
        painter.setFont(font)
        painter.setPen(palette.color("quiet"))
        ends = ("100 %", "0 %") if is_share(name) else (format_value(high), format_value(low))
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        for text, middle in zip(ends, (plot.top(), plot.bottom()), strict=True):
            painter.drawText(QRectF(plot.right(), middle - metrics.height(), margin, 2 * metrics.height()), right, text)
        below = QRectF(plot.left(), plot.bottom() + 1, plot.width(), metrics.height())
        last = max(course.total, int(steps[-1]), 1)
        painter.drawText(below, Qt.AlignmentFlag.AlignRight, f"step {last}")
        painter.drawText(below, Qt.AlignmentFlag.AlignLeft, "0")
        x, y = thinned(steps[finite], known, max(2, int(plot.width())))
        x = plot.left() + x / last * plot.width()
        y = plot.bottom() - (y - low) / span * plot.height()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(palette.color("good"), 1.5))
        draw_line(painter, x, y)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(palette.color("good"))
        painter.drawEllipse(QPointF(float(x[-1]), float(y[-1])), 2.5, 2.5)

    # ------------------------------------------------------------------------------------------------------ input

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: D102
        self._set_hover(self._place_at(event.position()))

    def leaveEvent(self, event: QEvent) -> None:  # noqa: D102
        self._set_hover(None)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: D102
        place = self._place_at(event.position())
        if event.button() != Qt.MouseButton.LeftButton or place is None:
            event.ignore()
            return
        self._pick(self.names[place])

    def event(self, event: QEvent) -> bool:  # noqa: D102
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and self._step(event):
            event.accept()
            return True
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            place = self._place_at(QPointF(event.pos()))
            if place is not None:
                name = self.names[place]
                QToolTip.showText(
                    event.globalPos(), f"{format_name(name)} {self.text(name)}\nClick to plot its course", self
                )
                return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: D102
        step = self._step(event)
        if not step or self.plotted is None:
            super().keyPressEvent(event)
            return
        place = self.names.index(self.plotted) + step
        self._pick(self.names[max(0, min(place, len(self.names) - 1))])

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: D102
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: D102
        self.update()

    def _step(self, event: QKeyEvent) -> int:
        steps = _STEPS | {Qt.Key.Key_Up: -self._columns, Qt.Key.Key_Down: self._columns}
        plain = event.modifiers() in (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.KeypadModifier)
        return steps.get(Qt.Key(event.key()), 0) if plain and self.names else 0

    def _pick(self, name: str) -> None:
        self.choose(name)
        self.chosen.emit(name)

    def _set_hover(self, hover: int | None) -> None:
        if hover != self._hover:
            self._hover = hover
            self.update()


def is_share(name: str) -> bool:
    """Whether a figure is a share in [0, 1]."""
    return "probability" in name or "confidence" in name or name == "best"
