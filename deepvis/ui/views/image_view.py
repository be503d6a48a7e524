"""A widget that shows one picture, what of it the network sees, and a heat map over that."""

from __future__ import annotations

import math

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from deepvis.messages import Size, UInt8Array
from deepvis.ui import theme
from deepvis.ui.views.picture import Picture

Box = tuple[float, float, float, float]
"""(top, left, bottom, right), half open."""


class ImageView(QWidget):
    """Shows a picture as large as it fits with its aspect kept.

    Magnified pixels are drawn as crisp squares, unless ``smooth``. Positions in signals are
    (y, x) in [0, 1) over the picture.

    Parameters
    ----------
    placeholder : what is written while there is no picture; it should say what to do next.
    ground : the palette's token behind the picture.
    smooth : interpolate magnified pixels (photographs), instead of showing each as a square (maps).
    """

    hovered = Signal(float, float)
    left = Signal()
    clicked = Signal(float, float)
    double_clicked = Signal(float, float)

    def __init__(
        self,
        parent: QWidget | None = None,
        *,
        placeholder: str = "",
        ground: str = "panel",
        smooth: bool = False,
    ) -> None:
        super().__init__(parent)
        self.smooth = smooth
        self._ground = ground
        self._placeholder = placeholder
        self._picture: Picture | None = None
        self._fitted: Picture | None = None
        self._fitted_for: Size = (0, 0)
        self._overlay: Picture | None = None
        self._opacity = 1.0
        self._seen: Box | None = None
        self._mark: Box | None = None
        self._aspect: float | None = None
        self._corners: tuple[QRectF, float, QPainterPath] | None = None
        self._clickable = False
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    # ------------------------------------------------------------------------------------------------------ content

    @property
    def empty(self) -> bool:
        """Whether there is no picture."""
        return self._picture is None

    def set_picture(self, pixels: UInt8Array | None) -> None:
        """Show uint8 (H, W, 4) BGRX or (H, W, 3) RGB pixels; None empties the view. The array is kept."""
        if pixels is None and self._picture is None:
            return
        if pixels is not None and self._picture is not None and self._picture.pixels is pixels:
            return
        self._picture = None if pixels is None else Picture(pixels)
        self._fitted = None
        self.update()

    @property
    def placeholder(self) -> str:
        """What is written while there is no picture."""
        return self._placeholder

    def set_placeholder(self, text: str) -> None:
        """Write this while there is no picture."""
        if text != self._placeholder:
            self._placeholder = text
            self.update()

    def set_seen(self, box: Box | None) -> None:
        """Outline this box (in the picture's pixels) and dim the rest; None, or the whole picture, dims nothing."""
        if box != self._seen:
            self._seen = box
            self.update()

    def set_overlay(self, pixels: UInt8Array | None, opacity: float = 0.6) -> None:
        """Paint uint8 (H, W, 4) BGRX pixels over what is seen, with ``opacity`` in [0, 1]; None takes them away."""
        if pixels is None and self._overlay is None:
            return
        if pixels is None or self._overlay is None or self._overlay.pixels is not pixels:
            self._overlay = None if pixels is None else Picture(pixels)
            self.update()
        self.set_opacity(opacity)

    def set_opacity(self, opacity: float) -> None:
        """Opacity of the overlay in [0, 1]."""
        opacity = max(0.0, min(1.0, opacity))
        if opacity != self._opacity:
            self._opacity = opacity
            self.update()

    def set_mark(self, box: Box | None) -> None:
        """Outline a box in accent colour, in [0, 1] over what is seen (else over the picture); None: no box."""
        if box != self._mark:
            self._mark = box
            self.update()

    def set_clickable(self, clickable: bool) -> None:
        """Show the pointing hand over the picture."""
        self._clickable = clickable
        if clickable:
            self.setCursor(Qt.CursorShape.PointingHandCursor)
        else:
            self.unsetCursor()

    def set_aspect(self, ratio: float | None) -> None:
        """Ask layouts for a height of ``ratio`` × the width; None: any height."""
        if ratio is not None and self._aspect is not None and math.isclose(ratio, self._aspect):
            return
        self._aspect = ratio
        policy = self.sizePolicy()
        policy.setHeightForWidth(ratio is not None)
        policy.setVerticalPolicy(QSizePolicy.Policy.Expanding if ratio is None else QSizePolicy.Policy.Preferred)
        self.setSizePolicy(policy)
        self.updateGeometry()

    # ------------------------------------------------------------------------------------------------------ geometry

    def hasHeightForWidth(self) -> bool:  # noqa: D102
        return self._aspect is not None

    def heightForWidth(self, width: int) -> int:  # noqa: D102
        return round(width * self._aspect) if self._aspect is not None else -1

    def sizeHint(self) -> QSize:  # noqa: D102
        width = theme.scaled(128)
        return QSize(width, self.heightForWidth(width) if self._aspect is not None else width)

    def minimumSizeHint(self) -> QSize:  # noqa: D102
        return QSize(theme.scaled(32), theme.scaled(32))

    def picture_rect(self) -> QRectF:
        """Where the picture is painted, in logical pixels on the grid of device pixels; empty without a picture."""
        if self._picture is None:
            return QRectF()
        height, width = self._picture.size
        ratio = self.devicePixelRatioF()
        room_width, room_height = self.width() * ratio, self.height() * ratio
        factor = min(room_width / width, room_height / height)
        across, down = max(1, round(width * factor)), max(1, round(height * factor))
        left, top = math.floor((room_width - across) / 2), math.floor((room_height - down) / 2)
        return QRectF(left / ratio, top / ratio, across / ratio, down / ratio)

    def locate(self, point: QPointF) -> tuple[float, float] | None:
        """(y, x) in [0, 1) of a point in the widget; None outside the picture."""
        rect = self.picture_rect()
        if rect.isEmpty():
            return None
        y, x = (point.y() - rect.top()) / rect.height(), (point.x() - rect.left()) / rect.width()
        return (y, x) if 0 <= y < 1 and 0 <= x < 1 else None

    def _seen_rect(self, rect: QRectF) -> QRectF:
        if self._seen is None or self._picture is None:
            return rect
        height, width = self._picture.size
        top, left, bottom, right = self._seen
        x_scale, y_scale = rect.width() / width, rect.height() / height
        seen = QRectF(left * x_scale, top * y_scale, (right - left) * x_scale, (bottom - top) * y_scale)
        return seen.translated(rect.topLeft()).intersected(rect)

    # ------------------------------------------------------------------------------------------------------ painting

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: D102
        palette = theme.current()
        painter = QPainter(self)
        painter.fillRect(self.rect(), palette.color(self._ground))
        if self._picture is None:
            self._paint_placeholder(painter)
            return
        rect = self.picture_rect()
        shown = self._to_paint(rect)
        enlarged = not self.smooth and rect.width() * self.devicePixelRatioF() >= 4 * shown.size[1]
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, not enlarged)
        painter.drawImage(rect, shown.image)
        seen = self._seen_rect(rect)
        if self._overlay is not None and self._opacity > 0:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.setOpacity(self._opacity)
            painter.drawImage(seen, self._overlay.image)
            painter.setOpacity(1.0)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if seen != rect:
            self._paint_frame(painter, rect, seen)
        if self._mark is not None:
            self._paint_mark(painter, rect, seen)
        self._round_corners(painter, rect)

    def _to_paint(self, rect: QRectF) -> Picture:
        assert self._picture is not None
        ratio = self.devicePixelRatioF()
        size = (max(1, round(rect.height() * ratio)), max(1, round(rect.width() * ratio)))
        if self._fitted is None or size != self._fitted_for:
            factor = size[1] / self._picture.size[1]
            # At a small broken factor squares would differ visibly: a whole one first, and smoothly down from there.
            crisp = not self.smooth and 1 < factor < 4
            self._fitted = self._picture.magnified(math.ceil(factor)) if crisp else self._picture.fitted(size)
            self._fitted_for = size
        return self._fitted

    def _paint_frame(self, painter: QPainter, rect: QRectF, seen: QRectF) -> None:
        palette = theme.current()
        dim = palette.color(self._ground, 0.62)
        painter.fillRect(QRectF(rect.left(), rect.top(), rect.width(), seen.top() - rect.top()), dim)
        painter.fillRect(QRectF(rect.left(), seen.bottom(), rect.width(), rect.bottom() - seen.bottom()), dim)
        painter.fillRect(QRectF(rect.left(), seen.top(), seen.left() - rect.left(), seen.height()), dim)
        painter.fillRect(QRectF(seen.right(), seen.top(), rect.right() - seen.right(), seen.height()), dim)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(QColor(255, 255, 255, 210), 1))
        painter.drawRect(seen.adjusted(0.5, 0.5, -0.5, -0.5))

    def _paint_mark(self, painter: QPainter, rect: QRectF, seen: QRectF) -> None:
        assert self._mark is not None
        top, left, bottom, right = self._mark
        box = QRectF(
            seen.left() + left * seen.width(),
            seen.top() + top * seen.height(),
            (right - left) * seen.width(),
            (bottom - top) * seen.height(),
        )
        box = box.intersected(rect.adjusted(-1, -1, 1, 1)).adjusted(-0.5, -0.5, 0.5, 0.5)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(QColor(0, 0, 0, 150), 3))
        painter.drawRect(box)
        painter.setPen(QPen(QColor(theme.DARK.accent), 1.5))
        painter.drawRect(box)

    def _paint_placeholder(self, painter: QPainter) -> None:
        palette = theme.current()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.setPen(QPen(palette.color("line"), 1))
        painter.setBrush(palette.color("window" if self._ground != "window" else "panel"))
        radius = theme.scaled(theme.RADIUS)
        painter.drawRoundedRect(box, radius, radius)
        margin = theme.scaled(theme.SMALL)
        painter.setPen(palette.color("quiet"))
        flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
        painter.drawText(self.rect().adjusted(margin, margin, -margin, -margin), flags, self._placeholder)

    def _round_corners(self, painter: QPainter, rect: QRectF) -> None:
        radius = min(float(theme.scaled(theme.RADIUS)), rect.width() / 2, rect.height() / 2)
        if self._corners is None or self._corners[:2] != (rect, radius):
            self._corners = (QRectF(rect), radius, _outside_corners(rect, radius))
        painter.fillPath(self._corners[2], theme.current().color(self._ground))

    # ------------------------------------------------------------------------------------------------------ pointer

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: D102
        place = self.locate(event.position())
        if place is None:
            self.left.emit()
        else:
            self.hovered.emit(*place)

    def leaveEvent(self, event: QEvent) -> None:  # noqa: D102
        self.left.emit()

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: D102
        place = self.locate(event.position())
        if event.button() != Qt.MouseButton.LeftButton or place is None:
            event.ignore()
            return
        self.clicked.emit(*place)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: D102
        place = self.locate(event.position())
        if event.button() != Qt.MouseButton.LeftButton or place is None:
            event.ignore()
            return
        self.double_clicked.emit(*place)


def _outside_corners(rect: QRectF, radius: float) -> QPainterPath:
    """What rounding takes away from a rectangle."""
    outside = QPainterPath()
    for corner, x, y in (
        (rect.topLeft(), 1, 1),
        (rect.topRight(), -1, 1),
        (rect.bottomLeft(), 1, -1),
        (rect.bottomRight(), -1, -1),
    ):
        outside.moveTo(corner)
        outside.lineTo(corner + QPointF(x * radius, 0))
        outside.quadTo(corner + QPointF(x * radius * 0.1, y * radius * 0.1), corner + QPointF(0, y * radius))
        outside.closeSubpath()
    return outside
