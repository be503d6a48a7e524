"""The network's answer as bars that glide to their new length and never jump."""

from __future__ import annotations

import time
from collections.abc import Sequence

from PySide6.QtCore import QAbstractAnimation, QEasingCurve, QEvent, QRectF, QSize, Qt, QVariantAnimation, Signal
from PySide6.QtGui import (
    QFocusEvent,
    QFontMetricsF,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
)
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from deepvis.messages import Prediction
from deepvis.ui import icons, theme
from deepvis.ui.views.numbers import format_percent
from deepvis.ui.views.pace import Pace

GLIDE = 120
"""Milliseconds that a bar takes to its new length."""

_INTERVAL = 0.05
"""Seconds between two paintings of bars that move: percentages tremble, and text costs as much as pictures."""

_ROW_HEIGHT = 26
_SMALLEST_GLIDE = 0.02
"""Shorter ways are taken at once: live percentages tremble, and gliding after each would never end."""


class BarsView(QWidget):
    """Rows of label, bar and percentage at fixed places; a click on a row (or Enter) tells its class.

    A bar's length is the class's probability. Nothing is painted while nothing changes.

    Parameters
    ----------
    rows : how many rows there always are; None: as many as there are predictions.
    placeholder : what is written while there are none.
    """

    class_clicked = Signal(int)

    def __init__(self, parent: QWidget | None = None, *, rows: int | None = 5, placeholder: str = "") -> None:
        super().__init__(parent)
        self._placeholder = placeholder
        self._rows = rows
        self._predictions: tuple[Prediction, ...] = ()
        self._pinned: frozenset[int] = frozenset()
        self._from: dict[int, float] = {}
        self._share = 1.0
        self._fitted: dict[tuple[str, int, float], str] = {}
        self._hover: int | None = None
        self._cursor = 0
        self._pin: tuple[str, int, QPixmap] | None = None
        self._pace = Pace(self, _INTERVAL, weight=2)
        self._came = 0.0
        self._stream = False
        self._glide = QVariantAnimation(self)
        self._glide.setDuration(GLIDE)
        self._glide.setStartValue(0.0)
        self._glide.setEndValue(1.0)
        self._glide.setEasingCurve(QEasingCurve.Type.OutCubic)
        self._glide.valueChanged.connect(self._advance)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.theme_changed.connect(self.updateGeometry)

    # ------------------------------------------------------------------------------------------------------ content

    @property
    def predictions(self) -> tuple[Prediction, ...]:
        """What the rows show, from the top."""
        return self._predictions

    @property
    def gliding(self) -> bool:
        """Whether bars are on their way."""
        return self._glide.state() == QAbstractAnimation.State.Running

    def set_predictions(self, predictions: Sequence[Prediction]) -> None:
        """Show these classes, best first; each bar glides from where it is now, also if its row changes."""
        new = tuple(predictions[: self._rows]) if self._rows is not None else tuple(predictions)
        if new == self._predictions:
            return
        # Values that keep coming are painted as they come.
        now = time.monotonic()
        self._stream, self._came = now - self._came < 2 * _INTERVAL, now
        old, shown = self._predictions, {p.index: self._shown(p) for p in self._predictions}
        self._predictions = new
        if self._rows is None and len(new) != len(old):
            self.updateGeometry()
        moved = any(not abs(shown.get(p.index, 0.0) - p.probability) <= _SMALLEST_GLIDE for p in new)
        self._describe()
        if moved and self.isVisible():
            self._from = {p.index: shown.get(p.index, 0.0) for p in new}
            self._share = 0.0
            self._glide.stop()
            self._glide.start()
        elif not self.gliding:
            self._share = 1.0
        self._pace.update()

    def set_pinned(self, pinned: Sequence[int]) -> None:
        """Mark these class indices with a pin."""
        if frozenset(pinned) != self._pinned:
            self._pinned = frozenset(pinned)
            self.update()

    def row_at(self, y: float) -> int | None:
        """The row at this height in the widget that shows a class, or None."""
        row = int(y // theme.scaled(_ROW_HEIGHT))
        return row if 0 <= row < len(self._predictions) and y >= 0 else None

    def sizeHint(self) -> QSize:  # noqa: D102
        rows = self._rows if self._rows is not None else len(self._predictions)
        return QSize(theme.scaled(200), rows * theme.scaled(_ROW_HEIGHT))

    def minimumSizeHint(self) -> QSize:  # noqa: D102
        return QSize(theme.scaled(140), self.sizeHint().height())

    def _shown(self, prediction: Prediction) -> float:
        start = self._from.get(prediction.index, 0.0)
        return start + (prediction.probability - start) * self._share

    def _advance(self, share: float) -> None:
        self._share = share
        if share == 1.0 or not self._stream:
            self._pace.update()

    def _describe(self) -> None:
        self.setAccessibleDescription(
            ", ".join(f"{p.label} {format_percent(p.probability)}" for p in self._predictions)
        )

    # ------------------------------------------------------------------------------------------------------ painting

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: D102
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        palette = theme.current()
        if not self._predictions:
            painter.setPen(palette.color("quiet"))
            top = QRectF(0, 0, self.width(), 2 * theme.scaled(_ROW_HEIGHT))
            painter.drawText(top, Qt.TextFlag.TextWordWrap, self._placeholder)
            return
        self._paint_marks(painter)
        height, inset = theme.scaled(_ROW_HEIGHT), theme.scaled(theme.TIGHT)
        figure_font = theme.figure_font(theme.BODY_SIZE)
        figure_width = QFontMetricsF(figure_font).horizontalAdvance("100.0 %")
        gap = theme.scaled(theme.SMALL)
        figure_left = self.width() - figure_width - inset
        label_width = (figure_left - 2 * gap - inset) * 0.54
        # One kind of mark at a time: changing pens, brushes and fonts costs more than what they draw.
        painter.setPen(palette.color("text"))
        left = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        for row, prediction in enumerate(self._predictions):
            label = QRectF(inset, row * height, label_width, height)
            if prediction.index in self._pinned:
                label.setLeft(label.left() + self._paint_pin(painter, label) + inset)
            painter.drawText(label, left, self._elided(painter, prediction.label, int(label.width())))
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        painter.setFont(figure_font)
        for row, prediction in enumerate(self._predictions):
            box = QRectF(figure_left, row * height, figure_width, height)
            painter.drawText(box, right, format_percent(prediction.probability))
        bar_left, thickness = inset + label_width + gap, theme.scaled(6)
        self._paint_bars(painter, bar_left, figure_left - gap - bar_left, thickness)

    def _paint_bars(self, painter: QPainter, left: float, width: float, thickness: int) -> None:
        palette = theme.current()
        height, radius = theme.scaled(_ROW_HEIGHT), thickness / 2
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(palette.color("track"))
        tops = [(row + 0.5) * height - radius for row in range(len(self._predictions))]
        for top in tops:
            painter.drawRoundedRect(QRectF(left, top, width, thickness), radius, radius)
        painter.setBrush(palette.color("accent"))
        for top, prediction in zip(tops, self._predictions, strict=True):
            filled = max(2.0, width * min(max(self._shown(prediction), 0.0), 1.0))
            round_ = min(radius, filled / 2)
            painter.drawRoundedRect(QRectF(left, top, filled, thickness), round_, round_)

    def _paint_marks(self, painter: QPainter) -> None:
        """The grounds of the rows under the pointer and under the keyboard's cursor."""
        palette, height = theme.current(), theme.scaled(_ROW_HEIGHT)
        cursor = self._cursor if self.hasFocus() else None
        painter.setBrush(palette.color("raised"))
        for row in {self._hover, cursor} - {None}:
            if row is not None and row < len(self._predictions):
                painter.setPen(QPen(palette.color("accent"), 1) if row == cursor else Qt.PenStyle.NoPen)
                box = QRectF(0, row * height, self.width(), height).adjusted(0.5, 0.5, -0.5, -0.5)
                painter.drawRoundedRect(box, theme.scaled(4), theme.scaled(4))

    def _paint_pin(self, painter: QPainter, label: QRectF) -> int:
        size = theme.scaled(12)
        painter.drawPixmap(
            QRectF(label.left(), label.center().y() - size / 2, size, size), self._pin_mark(size), QRectF()
        )
        return size

    def _elided(self, painter: QPainter, text: str, width: int) -> str:
        key = (text, width, theme.scale())
        if key not in self._fitted:
            if len(self._fitted) > 200:
                self._fitted.clear()
            self._fitted[key] = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, width)
        return self._fitted[key]

    def _pin_mark(self, size: int) -> QPixmap:
        color, pixels = theme.current().accent_text, round(size * self.devicePixelRatioF())
        if self._pin is None or self._pin[:2] != (color, pixels):
            self._pin = (color, pixels, icons.pixmap("push-pin-fill", color, pixels))
        return self._pin[2]

    # ------------------------------------------------------------------------------------------------------ input

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: D102
        self._set_hover(self.row_at(event.position().y()))

    def leaveEvent(self, event: QEvent) -> None:  # noqa: D102
        self._set_hover(None)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: D102
        row = self.row_at(event.position().y())
        if event.button() != Qt.MouseButton.LeftButton or row is None:
            event.ignore()
            return
        self.class_clicked.emit(self._predictions[row].index)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: D102
        key = event.key()
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space) and self._cursor < len(self._predictions):
            self.class_clicked.emit(self._predictions[self._cursor].index)
        elif key in (Qt.Key.Key_Down, Qt.Key.Key_Up) and self._predictions:
            step = 1 if key == Qt.Key.Key_Down else -1
            self._cursor = max(0, min(self._cursor + step, len(self._predictions) - 1))
            self.update()
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: D102
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: D102
        self.update()

    def event(self, event: QEvent) -> bool:  # noqa: D102
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            row = self.row_at(event.pos().y())
            if row is not None:
                prediction = self._predictions[row]
                act = "unpin" if prediction.index in self._pinned else "pin, so that its probability stays in sight"
                percent = format_percent(prediction.probability)
                text = f"{prediction.label} (class {prediction.index}), {percent}"
                QToolTip.showText(event.globalPos(), f"{text}\nClick to {act}", self)
                return True
        return super().event(event)

    def _set_hover(self, row: int | None) -> None:
        if row != self._hover:
            self._hover = row
            self.update()
