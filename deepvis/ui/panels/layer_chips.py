"""The painted row of layers: one chip each, whatever their number."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QFocusEvent,
    QFontMetricsF,
    QHelpEvent,
    QKeyEvent,
    QLinearGradient,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from deepvis.messages import Layer
from deepvis.ui import theme

_HEIGHT = 40
_MANY = 16
"""From so many layers on, those that share the first part of their path stand under that part's name."""


@dataclass(frozen=True, slots=True)
class Chip:
    """A layer's place in the row, or a group's name (``layer`` is None). ``left`` and ``width`` in logical pixels."""

    layer: Layer | None
    text: str
    note: str
    boxed: bool
    left: float
    width: float


class LayerChips(QWidget):
    """Chips of layers side by side; scrolls when there are more than fit, and keeps the chosen one in sight.

    Signals
    -------
    layer_clicked : the layer's name.
    overflow_changed : (more to the left, more to the right).
    """

    layer_clicked = Signal(str)
    overflow_changed = Signal(bool, bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._layers: tuple[Layer, ...] = ()
        self._chosen: str | None = None
        self._chips: tuple[Chip, ...] = ()
        self._offset = 0.0
        self._hover: str | None = None
        self._cursor: str | None = None
        self._overflow = (False, False)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Layers")
        theme.theme_changed.connect(self._arrange)

    # ------------------------------------------------------------------------------------------------------ content

    @property
    def chips(self) -> tuple[Chip, ...]:
        """What stands in the row, from the left."""
        return self._chips

    def set_layers(self, layers: Sequence[Layer]) -> None:
        """Show these layers, in this order."""
        self._layers = tuple(layers)
        self._offset = 0.0
        self._hover = self._cursor = None
        self._arrange()

    def set_chosen(self, name: str | None) -> None:
        """Mark this layer and scroll to it."""
        if name == self._chosen:
            return
        self._chosen = name
        self.setAccessibleDescription(f"{name} is chosen" if name else "")
        self.reveal(name)
        self.update()

    def reveal(self, name: str | None) -> None:
        """Scroll as little as needed for this layer's chip, and a glimpse of its neighbours, to be in sight."""
        chip = next((chip for chip in self._chips if chip.layer is not None and chip.layer.name == name), None)
        if chip is None:
            return
        margin = min(theme.scaled(48), self.width() / 4)
        before = margin + (max(c.width for c in self._chips if c.layer is None) if self._grouped else 0)
        if chip.left - before < self._offset:
            self.scroll_to(chip.left - before)
        elif chip.left + chip.width + margin > self._offset + self.width():
            self.scroll_to(chip.left + chip.width + margin - self.width())

    def scroll_to(self, offset: float) -> None:
        """Show the row from this distance, in logical pixels, from its left end; the ends hold."""
        offset = max(0.0, min(offset, self._length - self.width()))
        if offset != self._offset:
            self._offset = offset
            self.update()
        self._tell_overflow()

    def scroll_by_page(self, direction: int) -> None:
        """Scroll on by most of a width, to the right for +1 and to the left for -1."""
        self.scroll_to(self._offset + direction * 0.8 * self.width())

    def chip_at(self, x: float) -> Chip | None:
        """The layer's chip at this distance from the widget's left edge, or None."""
        at = x + self._offset
        place = bisect_right([chip.left for chip in self._chips], at) - 1
        if place < 0:
            return None
        chip = self._chips[place]
        return chip if chip.layer is not None and at < chip.left + chip.width else None

    def chip_rect(self, name: str) -> QRectF:
        """Where a layer's chip is painted now; empty if there is none."""
        for chip in self._chips:
            if chip.layer is not None and chip.layer.name == name:
                return QRectF(chip.left - self._offset, 0, chip.width, self.height())
        return QRectF()

    @property
    def _length(self) -> float:
        return self._chips[-1].left + self._chips[-1].width if self._chips else 0.0

    def _arrange(self) -> None:
        names = QFontMetricsF(theme.body_font())
        notes = QFontMetricsF(theme.figure_font(10))
        gap, padding = theme.TIGHT, theme.scaled(theme.SMALL)
        chips: list[Chip] = []
        left = 0.0
        group = None
        grouped = len(self._layers) >= _MANY
        for layer in self._layers:
            head, dot, rest = layer.name.partition(".")
            text = layer.name
            if grouped and dot:
                if head != group:
                    left += gap if chips else 0
                    width = names.horizontalAdvance(head) + padding
                    chips.append(Chip(None, head, "", False, left, width))
                    left += width
                text = rest
            group = head
            boxed = layer.kind not in ("pool", "dropout", "flatten", "relu")
            note = layer.text if boxed else ""
            width = max(names.horizontalAdvance(text), notes.horizontalAdvance(note)) + padding * (2 if boxed else 1)
            chips.append(Chip(layer, text, note, boxed, left, width))
            left += width + gap
        self._chips = tuple(chips)
        self.updateGeometry()
        self.scroll_to(self._offset)
        self.reveal(self._chosen)
        self.update()

    @property
    def _grouped(self) -> bool:
        return any(chip.layer is None for chip in self._chips)

    def _tell_overflow(self) -> None:
        overflow = (self._offset > 0.5, self._offset + self.width() < self._length - 0.5)
        if overflow != self._overflow:
            self._overflow = overflow
            self.overflow_changed.emit(*overflow)

    def sizeHint(self) -> QSize:  # noqa: D102
        return QSize(round(self._length), theme.scaled(_HEIGHT))

    def minimumSizeHint(self) -> QSize:  # noqa: D102
        return QSize(theme.scaled(120), theme.scaled(_HEIGHT))

    # ------------------------------------------------------------------------------------------------------ painting

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: D102
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.translate(-self._offset, 0)
        for chip in self._chips:
            if chip.left + chip.width >= self._offset and chip.left <= self._offset + self.width():
                self._paint_chip(painter, chip)
        painter.translate(self._offset, 0)
        self._paint_ends(painter)

    def _paint_chip(self, painter: QPainter, chip: Chip) -> None:
        palette = theme.current()
        name = chip.layer.name if chip.layer is not None else None
        chosen = name is not None and name == self._chosen
        focused = self.hasFocus() and name is not None and name == (self._cursor or self._chosen)
        box = QRectF(chip.left, 0, chip.width, self.height()).adjusted(0.5, 0.5, -0.5, -0.5)
        radius = theme.scaled(theme.RADIUS)
        if chosen or chip.boxed or (name is not None and name == self._hover) or focused:
            ground = "accent_ground" if chosen else "hover" if name == self._hover else "raised" if chip.boxed else ""
            painter.setPen(
                QPen(palette.color("accent"), 1.5 if focused else 1) if chosen or focused else Qt.PenStyle.NoPen
            )
            painter.setBrush(palette.color(ground) if ground else Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(box, radius, radius)
        center = Qt.AlignmentFlag.AlignHCenter
        if not chip.note:
            painter.setFont(theme.body_font())
            painter.setPen(palette.color("accent_text" if chosen else "quiet"))
            painter.drawText(box, center | Qt.AlignmentFlag.AlignVCenter, chip.text)
            return
        middle = box.center().y()
        upper, lower = QRectF(box), QRectF(box)
        upper.setBottom(middle + theme.scaled(1))
        upper.setTop(box.top() + theme.scaled(3))
        lower.setTop(middle + theme.scaled(2))
        lower.setBottom(box.bottom() - theme.scaled(4))
        painter.setFont(theme.body_font())
        painter.setPen(palette.color("accent_text" if chosen else "text"))
        painter.drawText(upper, center | Qt.AlignmentFlag.AlignVCenter, chip.text)
        painter.setFont(theme.figure_font(10))
        painter.setPen(palette.color("accent_text" if chosen else "quiet"))
        painter.drawText(lower, center | Qt.AlignmentFlag.AlignVCenter, chip.note)

    def _paint_ends(self, painter: QPainter) -> None:
        width = theme.scaled(theme.WIDE)
        self._paint_group(painter)
        ground, clear = theme.current().color("window"), theme.current().color("window", 0.0)
        left = self._group_width()
        starts, stops = (left, self.width()), (left + width, self.width() - width)
        for more, start, stop in zip(self._overflow, starts, stops, strict=True):
            if more:
                fade = QLinearGradient(QPointF(start, 0), QPointF(stop, 0))
                fade.setColorAt(0, ground)
                fade.setColorAt(1, clear)
                painter.fillRect(QRectF(min(start, stop), 0, width, self.height()), fade)

    def _group_in_sight(self) -> Chip | None:
        """The group that the leftmost visible chip belongs to, where its own name is scrolled out of sight."""
        before = [chip for chip in self._chips if chip.layer is None and chip.left <= self._offset]
        return before[-1] if before and self._overflow[0] else None

    def _group_width(self) -> float:
        group = self._group_in_sight()
        return group.width + theme.TIGHT if group is not None else 0.0

    def _paint_group(self, painter: QPainter) -> None:
        group = self._group_in_sight()
        if group is None:
            return
        palette = theme.current()
        box = QRectF(0, 0, self._group_width(), self.height())
        painter.fillRect(box, palette.color("window"))
        painter.setFont(theme.body_font())
        painter.setPen(palette.color("quiet"))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, group.text)

    # ------------------------------------------------------------------------------------------------------ input

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: D102
        self.scroll_to(self._offset)
        self.reveal(self._chosen)

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: D102
        delta = event.angleDelta()
        moved = delta.x() or delta.y()
        self.scroll_to(self._offset - moved * theme.scaled(80) / 120)
        event.accept()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: D102
        chip = self.chip_at(event.position().x())
        self._set_hover(chip.layer.name if chip is not None and chip.layer is not None else None)

    def leaveEvent(self, event: QEvent) -> None:  # noqa: D102
        self._set_hover(None)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: D102
        chip = self.chip_at(event.position().x())
        if event.button() != Qt.MouseButton.LeftButton or chip is None or chip.layer is None:
            event.ignore()
            return
        self.layer_clicked.emit(chip.layer.name)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: D102
        steps = {
            Qt.Key.Key_Left: -1,
            Qt.Key.Key_Right: 1,
            Qt.Key.Key_Home: -len(self._layers),
            Qt.Key.Key_End: len(self._layers),
        }
        key = Qt.Key(event.key())
        names = [layer.name for layer in self._layers]
        here = self._cursor or self._chosen
        if key in steps and names:
            place = names.index(here) if here in names else 0
            self._cursor = names[max(0, min(place + steps[key], len(names) - 1))]
            self.reveal(self._cursor)
            self.update()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space) and here in names:
            self.layer_clicked.emit(here)
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: D102
        self._cursor = None
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: D102
        self.update()

    def event(self, event: QEvent) -> bool:  # noqa: D102
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            chip = self.chip_at(event.pos().x())
            if chip is not None and chip.layer is not None:
                QToolTip.showText(event.globalPos(), describe(chip.layer), self)
                return True
        return super().event(event)

    def _set_hover(self, name: str | None) -> None:
        if name != self._hover:
            self._hover = name
            if name is None:
                self.unsetCursor()
            else:
                self.setCursor(Qt.CursorShape.PointingHandCursor)
            self.update()


def describe(layer: Layer) -> str:
    """A layer in a line or two: name, type, size, and what of the picture each position sees."""
    if layer.size is None:
        size = f"{layer.channels} values"
    else:
        size = f"{layer.channels} maps of {layer.size[1]} × {layer.size[0]}"
    field = layer.receptive_field
    sees = f"\nEach position sees {field.size[1]} × {field.size[0]} pixels" if field is not None else ""
    return f"{layer.name} ({layer.type}), {size}{sees}"
