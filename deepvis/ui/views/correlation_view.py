"""A correlation matrix as a picture: hover tells the pair, a click chooses the unit."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetricsF, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from deepvis.colormaps import DIVERGING, colorize
from deepvis.messages import LayerCorrelation
from deepvis.ui import theme
from deepvis.ui.views.picture import Picture

_MARGIN = 16
_STEPS = {Qt.Key.Key_Left: -1, Qt.Key.Key_Up: -1, Qt.Key.Key_Right: 1, Qt.Key.Key_Down: 1}


class CorrelationView(QWidget):
    """The matrix as large as it fits, from -1 to 1 on the diverging colour map around a neutral grey.

    Signals
    -------
    unit_clicked : the unit whose row was clicked; a click on the cell of two units names that of the column.
    """

    unit_clicked = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._correlation: LayerCorrelation | None = None
        self._picture: Picture | None = None
        self._chosen: int | None = None
        self._hover: tuple[int, int] | None = None
        self._placeholder = ""
        self.setAccessibleName("Correlation of the units")
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    @property
    def correlation(self) -> LayerCorrelation | None:
        """What is shown."""
        return self._correlation

    @property
    def hover(self) -> tuple[int, int] | None:
        """The units of (row, column) under the pointer, or None."""
        if self._hover is None or self._correlation is None:
            return None
        units = self._correlation.units
        return int(units[self._hover[0]]), int(units[self._hover[1]])

    @property
    def hover_text(self) -> str:
        """The pair under the pointer and its value, or an empty text."""
        if self._hover is None or self._correlation is None:
            return ""
        row, column = self._hover
        first, second = self._correlation.units[row], self._correlation.units[column]
        value = float(self._correlation.matrix[row, column])
        return f"{first} and {second}   {value:+.2f}".replace("-", "−")

    def set_correlation(self, correlation: LayerCorrelation | None) -> None:
        """Show this matrix; None empties the view."""
        if correlation is self._correlation:
            return
        self._correlation, self._hover, self._picture = correlation, None, None
        if correlation is not None and len(correlation.units):
            levels = np.round((np.nan_to_num(correlation.matrix) + 1) * 127.5).clip(0, 255).astype(np.uint8)
            self._picture = Picture(colorize(np.ascontiguousarray(levels), DIVERGING))
        self.update()

    def set_chosen(self, unit: int | None) -> None:
        """Mark the row and the column of this unit."""
        if unit != self._chosen:
            self._chosen = unit
            self.update()

    def set_placeholder(self, text: str) -> None:
        """What is written while there is no matrix."""
        if text != self._placeholder:
            self._placeholder = text
            self.update()

    # ------------------------------------------------------------------------------------------------------ geometry

    def sizeHint(self) -> QSize:  # noqa: D102
        return QSize(theme.scaled(480), theme.scaled(360))

    def minimumSizeHint(self) -> QSize:  # noqa: D102
        return QSize(theme.scaled(160), theme.scaled(120))

    def matrix_rect(self) -> QRectF:
        """Where the matrix is painted, in logical pixels; empty where there is none."""
        if self._picture is None:
            return QRectF()
        count, ratio = self._picture.size[0], self.devicePixelRatioF()
        room = max(1.0, (min(self.width(), self.height()) - 2 * _MARGIN) * ratio)
        # Cells of a whole number of pixels, so that none is wider than its neighbour.
        side = (room // count) * count if room >= count else room
        side /= ratio
        left = round((self.width() - side) / 2 * ratio) / ratio
        top = round((self.height() - side) / 2 * ratio) / ratio
        return QRectF(left, top, side, side)

    def cell_at(self, point: QPointF) -> tuple[int, int] | None:
        """(row, column) of the matrix at a point of the widget, or None."""
        rect = self.matrix_rect()
        if self._picture is None or not rect.contains(point):
            return None
        count = self._picture.size[0]
        row = int((point.y() - rect.top()) / rect.height() * count)
        column = int((point.x() - rect.left()) / rect.width() * count)
        return min(row, count - 1), min(column, count - 1)

    # ------------------------------------------------------------------------------------------------------ painting

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: D102
        painter = QPainter(self)
        palette = theme.current()
        rect = self.matrix_rect()
        if self._picture is None or self._correlation is None:
            margin = theme.scaled(theme.WIDE)
            painter.setPen(palette.color("quiet"))
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(self.rect().adjusted(margin, margin, -margin, -margin), flags, self._placeholder)
            return
        ratio = self.devicePixelRatioF()
        shrunk = rect.width() * ratio < self._picture.size[1]
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, shrunk)
        side = round(rect.width() * ratio)
        painter.drawImage(rect, self._picture.fitted((side, side)).image)
        places = np.flatnonzero(self._correlation.units == (-1 if self._chosen is None else self._chosen))
        if len(places):
            self._paint_cross(painter, rect, int(places[0]))
        if self._hover is not None:
            self._paint_hover(painter, rect, *self._hover)

    def _paint_cross(self, painter: QPainter, rect: QRectF, place: int) -> None:
        """Marks at the edges of the chosen unit's row and column, and a frame around both."""
        assert self._picture is not None
        cell = rect.width() / self._picture.size[0]
        painter.setBrush(Qt.BrushStyle.NoBrush)
        along = QRectF(rect.left(), rect.top() + place * cell, rect.width(), cell)
        down = QRectF(rect.left() + place * cell, rect.top(), cell, rect.height())
        for box in (along, down):
            painter.setPen(QPen(theme.current().color("accent"), 1.5))
            painter.drawRect(box.adjusted(-1, -1, 1, 1))

    def _paint_hover(self, painter: QPainter, rect: QRectF, row: int, column: int) -> None:
        assert self._picture is not None
        palette = theme.current()
        cell = rect.width() / self._picture.size[0]
        box = QRectF(rect.left() + column * cell, rect.top() + row * cell, cell, cell)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(palette.color("window"), 3))
        painter.drawRect(box.adjusted(-1, -1, 1, 1))
        painter.setPen(QPen(palette.color("text"), 1))
        painter.drawRect(box.adjusted(-1, -1, 1, 1))
        font = theme.figure_font()
        metrics = QFontMetricsF(font)
        padding = theme.scaled(theme.TIGHT) + 2
        frame = QRectF(
            0, 0, metrics.horizontalAdvance(self.hover_text) + 2 * padding, metrics.height() + theme.scaled(4)
        )
        frame.moveTopLeft(QPointF(box.right() + 8, box.top() - frame.height() - 4))
        frame.moveLeft(max(2.0, min(frame.left(), self.width() - frame.width() - 2)))
        frame.moveTop(max(2.0, frame.top()))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(palette.color("line"), 1))
        painter.setBrush(palette.color("raised"))
        painter.drawRoundedRect(frame, theme.scaled(4), theme.scaled(4))
        painter.setFont(font)
        painter.setPen(palette.color("text"))
        painter.drawText(frame, Qt.AlignmentFlag.AlignCenter, self.hover_text)

    # ------------------------------------------------------------------------------------------------------ input

    def event(self, event: QEvent) -> bool:
        """Arrows go through the units as they stand here, and not as they stand in the mosaic."""
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and self._step(event):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: D102
        step, correlation = self._step(event), self._correlation
        if not step or correlation is None:
            super().keyPressEvent(event)
            return
        places = np.flatnonzero(correlation.units == (-1 if self._chosen is None else self._chosen))
        place = int(places[0]) + step if len(places) else 0
        self.unit_clicked.emit(int(correlation.units[max(0, min(place, len(correlation.units) - 1))]))

    def _step(self, event: QKeyEvent) -> int:
        """Where a key leads in the order of the units, 0 for nowhere."""
        if self._picture is None or event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier:
            return 0
        return _STEPS.get(Qt.Key(event.key()), 0)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: D102
        self._set_hover(self.cell_at(event.position()))

    def leaveEvent(self, event: QEvent) -> None:  # noqa: D102
        self._set_hover(None)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: D102
        cell = self.cell_at(event.position())
        if event.button() != Qt.MouseButton.LeftButton or cell is None or self._correlation is None:
            event.ignore()
            return
        self.unit_clicked.emit(int(self._correlation.units[cell[1]]))

    def _set_hover(self, cell: tuple[int, int] | None) -> None:
        if cell != self._hover:
            self._hover = cell
            self.update()
