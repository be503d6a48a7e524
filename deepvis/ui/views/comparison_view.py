"""Two pictures over each other with a split between them that is dragged or moved by the arrow keys."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QFocusEvent,
    QFontMetricsF,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from deepvis.messages import UInt8Array
from deepvis.ui import theme
from deepvis.ui.views.picture import Picture

_STEP, _LARGE_STEP = 0.01, 0.1


class ComparisonView(QWidget):
    """The first picture left of the split, the second right of it, both as large as they fit.

    Signals
    -------
    moved : where the split stands, in [0, 1] from left to right.
    """

    moved = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._pictures: tuple[Picture, Picture] | None = None
        self._titles = ("", "")
        self._fitted: tuple[Picture, Picture] | None = None
        self._split = 0.5
        self.setAccessibleName("Comparison")
        self.setToolTip("Drag the split, or move it with the arrow keys; Home and End show one picture alone")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.SplitHCursor)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def set_pictures(self, first: UInt8Array, second: UInt8Array, titles: tuple[str, str]) -> None:
        """Show uint8 (H, W, 3) RGB pictures; sizes may differ."""
        self._pictures = (Picture(first), Picture(second))
        self._titles = titles
        self._fitted = None
        self.set_split(0.5)
        self.update()

    @property
    def split(self) -> float:
        """Where the split stands, in [0, 1] from left to right."""
        return self._split

    def set_split(self, split: float) -> None:
        """Move the split; beyond the ends it stops there."""
        split = min(1.0, max(0.0, split))
        if split != self._split:
            self._split = split
            self.setAccessibleDescription(f"{round(100 * split)} % {self._titles[0]}")
            self.update()
            self.moved.emit(split)

    def sizeHint(self) -> QSize:  # noqa: D102
        return QSize(theme.scaled(480), theme.scaled(480))

    def minimumSizeHint(self) -> QSize:  # noqa: D102
        return QSize(theme.scaled(120), theme.scaled(120))

    def frame(self) -> QRectF:
        """The rectangle over which the split moves: the larger of both pictures' places."""
        places = [self._place(picture) for picture in self._pictures or ()]
        return places[0].united(places[1]) if places else QRectF(self.rect())

    def _place(self, picture: Picture) -> QRectF:
        height, width = picture.size
        factor = min(self.width() / width, self.height() / height)
        place = QRectF(0, 0, width * factor, height * factor)
        place.moveCenter(QRectF(self.rect()).center())
        return place

    # ------------------------------------------------------------------------------------------------------ painting

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: D102
        self._fitted = None

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: D102
        painter = QPainter(self)
        palette = theme.current()
        painter.fillRect(self.rect(), palette.color("window"))
        if self._pictures is None:
            return
        ratio = self.devicePixelRatioF()
        if self._fitted is None:
            first, second = (
                each.fitted((max(1, round(self._place(each).height() * ratio)),
                             max(1, round(self._place(each).width() * ratio))))
                for each in self._pictures
            )  # fmt: skip
            self._fitted = (first, second)
        frame = self.frame()
        x = round(frame.left() + self._split * frame.width())
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        halves = (QRectF(0, 0, x, self.height()), QRectF(x, 0, self.width() - x, self.height()))
        for half, picture, shown in zip(halves, self._pictures, self._fitted, strict=True):
            painter.setClipRect(half)
            painter.drawImage(self._place(picture), shown.image)
        painter.setClipping(False)
        self._paint_split(painter, frame, x)
        self._paint_titles(painter, frame, x)

    def _paint_split(self, painter: QPainter, frame: QRectF, x: int) -> None:
        palette = theme.current()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        token = "accent" if self.hasFocus() else "text"
        painter.setPen(QPen(palette.color("window", 0.7), 4))
        painter.drawLine(QPointF(x, frame.top()), QPointF(x, frame.bottom()))
        painter.setPen(QPen(palette.color(token), 2))
        painter.drawLine(QPointF(x, frame.top()), QPointF(x, frame.bottom()))
        radius = theme.scaled(11)
        center = QPointF(x, frame.center().y())
        painter.setBrush(palette.color(token))
        painter.setPen(QPen(palette.color("window", 0.7), 1))
        painter.drawEllipse(center, radius, radius)
        painter.setPen(QPen(palette.color("on_accent" if self.hasFocus() else "window"), 1.5))
        for side in (-1, 1):
            tip, back, half = side * 0.62 * radius, side * 0.3 * radius, 0.34 * radius
            painter.drawLine(center + QPointF(tip, 0), center + QPointF(back, -half))
            painter.drawLine(center + QPointF(tip, 0), center + QPointF(back, half))

    def _paint_titles(self, painter: QPainter, frame: QRectF, x: int) -> None:
        palette = theme.current()
        font = theme.body_font()
        metrics = QFontMetricsF(font)
        painter.setFont(font)
        margin = theme.scaled(theme.SMALL)
        rooms = (x - frame.left(), frame.right() - x)
        for side, (text, room) in enumerate(zip(self._titles, rooms, strict=True)):
            said = metrics.elidedText(text, Qt.TextElideMode.ElideMiddle, room - 4 * margin)
            if room < 6 * margin or not said:
                continue
            box = QRectF(0, 0, metrics.horizontalAdvance(said) + 2 * margin, metrics.height() + margin)
            if side == 0:
                box.moveBottomLeft(QPointF(frame.left() + margin, frame.bottom() - margin))
            else:
                box.moveBottomRight(QPointF(frame.right() - margin, frame.bottom() - margin))
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(palette.color("window", 0.8))
            painter.drawRoundedRect(box, 4, 4)
            painter.setPen(palette.color("text"))
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, said)

    # ------------------------------------------------------------------------------------------------------ input

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: D102
        if event.button() == Qt.MouseButton.LeftButton:
            self._follow(event.position().x())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: D102
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._follow(event.position().x())

    def _follow(self, x: float) -> None:
        frame = self.frame()
        self.set_split((x - frame.left()) / max(1.0, frame.width()))

    def event(self, event: QEvent) -> bool:  # noqa: D102
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.ShortcutOverride and self._moves(event):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: D102
        target = self._target(event)
        if target is None:
            super().keyPressEvent(event)
        else:
            self.set_split(target)

    def _moves(self, event: QKeyEvent) -> bool:
        return self._target(event) is not None

    def _target(self, event: QKeyEvent) -> float | None:
        step = _LARGE_STEP if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else _STEP
        return {
            Qt.Key.Key_Left: self._split - step,
            Qt.Key.Key_Right: self._split + step,
            Qt.Key.Key_PageDown: self._split - _LARGE_STEP,
            Qt.Key.Key_PageUp: self._split + _LARGE_STEP,
            Qt.Key.Key_Home: 0.0,
            Qt.Key.Key_End: 1.0,
        }.get(Qt.Key(event.key()))

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: D102
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: D102
        self.update()
