"""All units of a layer as one mosaic: hover, choose, move, zoom."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QFontMetricsF,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from deepvis.messages import GridResult, Size, UInt8Array
from deepvis.ui import theme
from deepvis.ui.views.mosaic import Canvas, Mosaic, MosaicGeometry, compose, on_ground, unit_tile
from deepvis.ui.views.numbers import format_value
from deepvis.ui.views.picture import Picture

_LARGEST_CELL = 72
"""The largest side of a vector's cells, in logical pixels at scale 1."""


class GridView(QWidget):
    """Paints a :class:`GridResult` as one image and says which unit is under the pointer.

    Signals
    -------
    unit_clicked, unit_double_clicked : the unit's number.
    hovered : unit, and (y, x) in [0, 1) over its tile. ``left`` : no unit is under the pointer any more.
    room_changed : ``room``, the (height, width) in device pixels that a mosaic may fill, is another one.
    """

    unit_clicked = Signal(int)
    unit_double_clicked = Signal(int)
    hovered = Signal(int, float, float)
    left = Signal()
    room_changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._result: GridResult | None = None
        self._mosaic: Mosaic | None = None
        self._canvas = Canvas()
        self._image: Picture | None = None
        self._zoom: Picture | None = None
        self._zoomed_unit: int | None = None
        self._chosen: int | None = None
        self._hover: tuple[int, float, float] | None = None
        self._value: float | None = None
        self._name_of: Callable[[int], str] = lambda unit: ""
        self._placeholder = ""
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Activations of the layer")
        theme.theme_changed.connect(self._forget_mosaic)

    # ------------------------------------------------------------------------------------------------------ content

    @property
    def room(self) -> Size:
        """(height, width) in device pixels that a mosaic may fill."""
        ratio = self.devicePixelRatioF()
        margin = self._margin
        return (
            max(1, int((self.height() - 2 * margin) * ratio)),
            max(1, int((self.width() - 2 * margin) * ratio)),
        )

    @property
    def result(self) -> GridResult | None:
        """What is shown."""
        return self._result

    @property
    def hover(self) -> tuple[int, float, float] | None:
        """(unit, y, x) under the pointer, or None."""
        return self._hover

    def set_result(self, result: GridResult | None) -> None:
        """Show this mosaic; its arrays are kept, never written. None empties the view."""
        if result is self._result:
            return
        self._result = result
        if self._zoomed_unit is not None:
            self._zoom = None
        if self._hover is not None and (result is None or self._hover[0] >= len(result.maxima)):
            self._hover = None
        self._forget_mosaic()

    def set_placeholder(self, text: str) -> None:
        """What is written while there is no mosaic."""
        if text != self._placeholder:
            self._placeholder = text
            self.update()

    def set_chosen(self, unit: int | None) -> None:
        """Draw the accent ring around this unit."""
        if unit != self._chosen:
            self._chosen = unit
            self.update()

    def set_zoom(self, unit: int | None, pixels: UInt8Array | None = None) -> None:
        """Show one unit alone, as large as it fits; None shows all.

        Parameters
        ----------
        pixels : the unit's map, uint8 (h, w, 4) BGRX, where a finer one than the mosaic's tile is at hand.
        """
        if unit is None and self._zoomed_unit is None:
            return
        self._zoomed_unit = unit
        self._zoom = None if pixels is None or unit is None else Picture(pixels)
        self.update()

    def set_value(self, value: float | None) -> None:
        """The value under the pointer, shown in its label; None where it is not known yet."""
        if value != self._value:
            self._value = value
            if self._hover is not None:
                self.update()

    def set_unit_names(self, name_of: Callable[[int], str] | None) -> None:
        """What a unit stands for (a class label), written in its label."""
        self._name_of = name_of or (lambda unit: "")

    # ------------------------------------------------------------------------------------------------------ geometry

    @property
    def _margin(self) -> int:
        return 3

    @property
    def _zoomed(self) -> bool:
        return self._zoomed_unit is not None and self._result is not None

    def sizeHint(self) -> QSize:  # noqa: D102
        return QSize(theme.scaled(480), theme.scaled(360))

    def minimumSizeHint(self) -> QSize:  # noqa: D102
        return QSize(theme.scaled(160), theme.scaled(120))

    def unit_rect(self, unit: int) -> QRectF:
        """Where a unit's tile is painted, in logical pixels; empty if it is not shown."""
        shown = self._shown()
        if shown is None:
            return QRectF()
        geometry, corner = shown
        if self._zoomed:
            place = 0 if unit == self._zoomed_unit else None
        else:
            assert self._result is not None
            places = np.flatnonzero(self._result.order == unit)
            place = int(places[0]) if len(places) else None
        if place is None:
            return QRectF()
        ratio = self.devicePixelRatioF()
        top, left, bottom, right = geometry.box(place)
        return QRectF(
            corner.x() + left / ratio, corner.y() + top / ratio, (right - left) / ratio, (bottom - top) / ratio
        )

    def unit_at(self, point: QPointF) -> tuple[int, float, float] | None:
        """(unit, y, x) at a point of the widget, with y and x in [0, 1) over its tile; None beyond the tiles."""
        shown = self._shown()
        if shown is None or self._result is None:
            return None
        geometry, corner = shown
        ratio = self.devicePixelRatioF()
        hit = geometry.place_at((point.y() - corner.y()) * ratio, (point.x() - corner.x()) * ratio)
        if hit is None:
            return None
        place, y, x = hit
        unit = self._zoomed_unit if self._zoomed_unit is not None else int(self._result.order[place])
        return unit, y, x

    def _shown(self) -> tuple[MosaicGeometry, QPointF] | None:
        if self._result is None:
            return None
        geometry = self._zoom_geometry() if self._zoomed else self._composed().geometry
        if geometry is None:
            return None
        height, width = geometry.size
        ratio = self.devicePixelRatioF()
        left = round((self.width() * ratio - width) / 2) / ratio
        top = round((self.height() * ratio - height) / 2) / ratio
        return geometry, QPointF(left, top)

    def _composed(self) -> Mosaic:
        assert self._result is not None
        if self._mosaic is None:
            palette = theme.current()
            ground, hatch = (QColor(color).rgb() for color in (palette.window, palette.hatch))
            largest = round(theme.scaled(_LARGEST_CELL) * self.devicePixelRatioF())
            self._mosaic = compose(self._result, self.room, ground, hatch, largest=largest, canvas=self._canvas)
            self._image = Picture(self._mosaic.pixels)
        return self._mosaic

    def _zoom_geometry(self) -> MosaicGeometry | None:
        picture = self._zoom_picture()
        if picture is None:
            return None
        height, width = picture.size
        fit = min(self.room[0] / height, self.room[1] / width)
        factor = float(int(fit)) if 1 <= fit < 4 else fit
        tile = (max(1, int(height * factor)), max(1, int(width * factor)))
        return MosaicGeometry(1, 1, 1, tile, tile)

    def _zoom_picture(self) -> Picture | None:
        if self._zoom is None and self._result is not None and self._zoomed_unit is not None:
            pixels = unit_tile(self._result, self._zoomed_unit)
            if pixels is not None and self._result.filters is not None:
                pixels = pixels.copy()
                on_ground(pixels.view(np.uint32)[:, :, 0], QColor(theme.current().window).rgb())
            self._zoom = None if pixels is None else Picture(pixels)
        return self._zoom

    def _forget_mosaic(self) -> None:
        self._mosaic = None
        self._image = None
        self.update()

    # ------------------------------------------------------------------------------------------------------ painting

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: D102
        painter = QPainter(self)
        shown = self._shown()
        if shown is None:
            painter.fillRect(event.rect(), theme.current().color("window"))
            self._paint_text(painter, self._placeholder)
            return
        geometry, corner = shown
        ratio = self.devicePixelRatioF()
        picture = self._zoom_picture() if self._zoomed else self._image
        assert picture is not None
        height, width = geometry.size if self._zoomed else picture.size
        target = QRectF(corner.x(), corner.y(), width / ratio, height / ratio)
        self._fill_around(painter, target)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, width < picture.size[1])
        painter.drawImage(target, picture.image)
        self._paint_rings(painter)
        if self._result is not None and self._result.note:
            self._paint_note(painter, self._result.note)

    def _fill_around(self, painter: QPainter, target: QRectF) -> None:
        """The ground beside the mosaic; under it nobody would see it, and it costs as much as the mosaic."""
        ground = theme.current().color("window")
        width, height = self.width(), self.height()
        left, top = target.left() + 1, target.top() + 1
        right, bottom = target.right() - 1, target.bottom() - 1
        for box in (
            QRectF(0, 0, width, top),
            QRectF(0, bottom, width, height - bottom),
            QRectF(0, top, left, bottom - top),
            QRectF(right, top, width - right, bottom - top),
        ):
            painter.fillRect(box, ground)

    def _paint_rings(self, painter: QPainter) -> None:
        palette = theme.current()
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        hover = self._hover[0] if self._hover is not None else None
        if hover is not None and not self._zoomed:
            # A line between two of the opposite lightness shows on maps of any colour.
            rect = self.unit_rect(hover)
            self._paint_ring(painter, rect, palette.color("window", 0.8), 4.0)
            self._paint_ring(painter, rect, palette.color("text"), 1.5)
        if self._chosen is not None and not self._zoomed:
            focused = self.hasFocus() and hover is None
            rect = self.unit_rect(self._chosen)
            self._paint_ring(painter, rect, palette.color("window", 0.6), 4.0)
            self._paint_ring(painter, rect, palette.color("accent"), 2.5 if focused else 2.0)
        if self._hover is not None:
            self._paint_label(painter, *self._hover)

    @staticmethod
    def _paint_ring(painter: QPainter, rect: QRectF, color: QColor, width: float) -> None:
        if rect.isEmpty():
            return
        out = 1.25
        painter.setPen(QPen(color, width))
        painter.drawRoundedRect(rect.adjusted(-out, -out, out, out), 2, 2)

    def _label_of_filter(self, unit: int, y: float, x: float) -> str:
        """The unit, its filter's norm, and which channel the slice under the pointer acts on."""
        assert self._result is not None
        filters = self._result.filters
        assert filters is not None
        norm = f"norm {format_value(float(self._result.maxima[unit]))}"
        parts = [str(unit), self._name_of(unit), norm]
        height, width = self._result.tile
        place = filters.slice_at(y * height, x * width)
        if place is not None:
            slice_norm = format_value(float(filters.slice_norms[unit, place]))
            parts.append(f"{filters.source or 'input'} {filters.channels[unit, place]}: {slice_norm}")
        return "  ".join(part for part in parts if part)

    def _label(self, unit: int) -> str:
        assert self._result is not None
        name = self._name_of(unit)
        if self._value is not None:
            value = format_value(self._value)
        elif unit < len(self._result.maxima):
            value = format_value(float(self._result.maxima[unit]))
            if self._result.map_size is not None:
                value = ("max |·| " if self._result.signed else "max ") + value
        else:
            value = ""
        if self._result.map_size is not None and unit < len(self._result.dead) and self._result.dead[unit]:
            value = f"{value}, dead" if self._value is None else f"{value} (dead)"
        return "  ".join(part for part in (str(unit), name, value) if part)

    def _paint_label(self, painter: QPainter, unit: int, y: float, x: float) -> None:
        tile = self.unit_rect(unit)
        if tile.isEmpty() or self._result is None:
            return
        palette = theme.current()
        font = theme.figure_font()
        metrics = QFontMetricsF(font)
        by_unit = self._result.filters is None or unit >= len(self._result.maxima)
        text = self._label(unit) if by_unit else self._label_of_filter(unit, y, x)
        padding = theme.scaled(theme.TIGHT) + 2
        box = QRectF(0, 0, metrics.horizontalAdvance(text) + 2 * padding, metrics.height() + theme.scaled(4))
        if self._zoomed:
            box.moveTopLeft(QPointF(tile.left() + x * tile.width() + 12, tile.top() + y * tile.height() - box.height()))
        else:
            box.moveTopLeft(QPointF(tile.center().x() - box.width() / 2, tile.top() - box.height() - 4))
            if box.top() < 2:
                box.moveTop(tile.bottom() + 4)
        box.moveLeft(max(2.0, min(box.left(), self.width() - box.width() - 2)))
        box.moveTop(max(2.0, min(box.top(), self.height() - box.height() - 2)))
        painter.setPen(QPen(palette.color("line"), 1))
        painter.setBrush(palette.color("raised"))
        painter.drawRoundedRect(box, theme.scaled(4), theme.scaled(4))
        painter.setFont(font)
        painter.setPen(palette.color("text"))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)

    def _paint_note(self, painter: QPainter, text: str) -> None:
        metrics = painter.fontMetrics()
        padding = theme.scaled(theme.SMALL)
        room = self.width() - 4 * padding
        box = metrics.boundingRect(QRect(0, 0, room, self.height()), Qt.TextFlag.TextWordWrap, text)
        frame = QRectF(0, 0, box.width() + 2 * padding, box.height() + padding)
        frame.moveCenter(QPointF(self.width() / 2, self.height() - frame.height() / 2 - padding))
        palette = theme.current()
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(palette.color("raised", 0.94))
        painter.drawRoundedRect(frame, theme.scaled(theme.RADIUS), theme.scaled(theme.RADIUS))
        painter.setPen(palette.color("text"))
        painter.drawText(frame, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, text)

    def _paint_text(self, painter: QPainter, text: str) -> None:
        margin = theme.scaled(theme.WIDE)
        painter.setPen(theme.current().color("quiet"))
        flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
        painter.drawText(self.rect().adjusted(margin, margin, -margin, -margin), flags, text)

    # ------------------------------------------------------------------------------------------------------ pointer

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: D102
        self._set_hover(self.unit_at(event.position()))

    def leaveEvent(self, event: QEvent) -> None:  # noqa: D102
        self._set_hover(None)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: D102
        hit = self.unit_at(event.position())
        if event.button() != Qt.MouseButton.LeftButton or hit is None:
            event.ignore()
            return
        self.unit_clicked.emit(hit[0])

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: D102
        hit = self.unit_at(event.position())
        if event.button() != Qt.MouseButton.LeftButton or hit is None:
            event.ignore()
            return
        self.unit_double_clicked.emit(hit[0])

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: D102
        self._forget_mosaic()
        self.room_changed.emit()

    def changeEvent(self, event: QEvent) -> None:  # noqa: D102
        if event.type() == QEvent.Type.DevicePixelRatioChange:
            self._forget_mosaic()
            self.room_changed.emit()
        super().changeEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: D102
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: D102
        self.update()

    def _set_hover(self, hover: tuple[int, float, float] | None) -> None:
        if hover == self._hover:
            return
        if hover is None or self._hover is None or hover[0] != self._hover[0]:
            self._value = None
        self._hover = hover
        self.update()
        if hover is None:
            self.left.emit()
        else:
            self.hovered.emit(*hover)
