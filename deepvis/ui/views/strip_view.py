"""Pictures side by side with their names below, as large as the room allows."""

from __future__ import annotations

import math
from collections.abc import Mapping

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFocusEvent, QFontMetricsF, QKeyEvent, QMouseEvent, QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from deepvis.messages import Size, UInt8Array
from deepvis.ui import theme
from deepvis.ui.views.picture import Picture

_GAP = 8


class StripView(QWidget):
    """Pictures by name; a click, or the arrow keys, chooses one, and a second click none.

    A picture is brought to its size once, when it is another array than before.

    Signals
    -------
    chosen : the picture's name, or None, by a person's choice.
    """

    chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None, *, placeholder: str = "") -> None:
        super().__init__(parent)
        self._pictures: dict[str, Picture] = {}
        self._fitted: dict[str, tuple[Picture, Size, Picture]] = {}
        self._chosen: str | None = None
        self._hover: str | None = None
        self._placeholder = placeholder
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Pictures")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        theme.theme_changed.connect(self.update)

    # ------------------------------------------------------------------------------------------------------ content

    @property
    def names(self) -> tuple[str, ...]:
        """What is shown, from the left."""
        return tuple(self._pictures)

    def pixels(self, name: str) -> UInt8Array:
        """A picture as it was given."""
        return self._pictures[name].pixels

    def set_pictures(self, pictures: Mapping[str, UInt8Array]) -> None:
        """Show these, uint8 (H, W, 3) RGB or (H, W, 4) BGRX, in their order."""
        kept = self._pictures
        self._pictures = {
            name: kept[name] if name in kept and kept[name].pixels is pixels else Picture(pixels)
            for name, pixels in pictures.items()
        }
        self._fitted = {name: entry for name, entry in self._fitted.items() if name in self._pictures}
        if self._chosen not in self._pictures:
            self._chosen = None
        self.setAccessibleDescription(", ".join(self._pictures))
        self.update()

    def set_chosen(self, name: str | None) -> None:
        """Draw the accent ring around this picture."""
        if name != self._chosen:
            self._chosen = name
            self.update()

    # ------------------------------------------------------------------------------------------------------ geometry

    def sizeHint(self) -> QSize:  # noqa: D102
        return QSize(theme.scaled(240), theme.scaled(160))

    def minimumSizeHint(self) -> QSize:  # noqa: D102
        return QSize(theme.scaled(64), theme.scaled(64))

    @property
    def _caption_height(self) -> float:
        return QFontMetricsF(theme.figure_font(10)).height() + 2

    def rects(self) -> dict[str, QRectF]:
        """Where each picture is painted, in logical pixels."""
        if not self._pictures:
            return {}
        gap, caption, count = theme.scaled(_GAP), self._caption_height, len(self._pictures)
        widest = max(picture.size[1] / picture.size[0] for picture in self._pictures.values())

        def height(rows: int) -> float:
            columns = math.ceil(count / rows)
            return min(
                (self.height() - (rows - 1) * gap) / rows - caption,
                (self.width() - (columns - 1) * gap) / columns / widest,
            )

        rows = max(range(1, count + 1), key=lambda each: (height(each), -each))
        tall = max(8.0, height(rows))
        columns = math.ceil(count / rows)
        pitch = widest * tall + gap
        found = {}
        for place, (name, picture) in enumerate(self._pictures.items()):
            row, column = divmod(place, columns)
            width = tall * picture.size[1] / picture.size[0]
            top = row * (tall + caption + gap)
            found[name] = QRectF(round(column * pitch), round(top), round(width), round(tall))
        return found

    def name_at(self, point: QPointF) -> str | None:
        """The picture at a point of the widget, or None."""
        return next((name for name, rect in self.rects().items() if rect.contains(point)), None)

    # ------------------------------------------------------------------------------------------------------ painting

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: D102
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        palette = theme.current()
        if not self._pictures:
            painter.setPen(palette.color("quiet"))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, self._placeholder)
            return
        font = theme.figure_font(10)
        metrics = QFontMetricsF(font)
        painter.setFont(font)
        for name, rect in self.rects().items():
            clip = QPainterPath()
            clip.addRoundedRect(rect, 4, 4)
            painter.setClipPath(clip)
            shown = self._to_paint(name, rect)
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(rect, shown.image)
            painter.setClipping(False)
            ring = "accent" if name == self._chosen else "text" if name == self._hover else ""
            if ring:
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.setPen(QPen(palette.color(ring), 2 if ring == "accent" else 1.5))
                painter.drawRoundedRect(rect.adjusted(1, 1, -1, -1), 4, 4)
            painter.setPen(palette.color("text" if name == self._chosen and self.hasFocus() else "quiet"))
            below = QRectF(rect.left(), rect.bottom() + 1, max(rect.width(), 24.0), self._caption_height)
            text = metrics.elidedText(name, Qt.TextElideMode.ElideRight, below.width())
            painter.drawText(below, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, text)

    def _to_paint(self, name: str, rect: QRectF) -> Picture:
        picture, ratio = self._pictures[name], self.devicePixelRatioF()
        size = (max(1, round(rect.height() * ratio)), max(1, round(rect.width() * ratio)))
        kept = self._fitted.get(name)
        if kept is None or kept[0] is not picture or kept[1] != size:
            kept = self._fitted[name] = (picture, size, picture.fitted(size))
        return kept[2]

    # ------------------------------------------------------------------------------------------------------ input

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: D102
        self._set_hover(self.name_at(event.position()))

    def leaveEvent(self, event: QEvent) -> None:  # noqa: D102
        self._set_hover(None)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: D102
        name = self.name_at(event.position())
        if event.button() != Qt.MouseButton.LeftButton or name is None:
            event.ignore()
            return
        self._pick(None if name == self._chosen else name)

    def event(self, event: QEvent) -> bool:  # noqa: D102
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and self._step(event):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: D102
        step = self._step(event)
        if not step:
            super().keyPressEvent(event)
            return
        names = self.names
        place = names.index(self._chosen) if self._chosen in names else -1
        place = max(-1, min(place + step, len(names) - 1))
        self._pick(names[place] if place >= 0 else None)

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: D102
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: D102
        self.update()

    def _step(self, event: QKeyEvent) -> int:
        steps = {Qt.Key.Key_Left: -1, Qt.Key.Key_Up: -1, Qt.Key.Key_Right: 1, Qt.Key.Key_Down: 1}
        plain = event.modifiers() in (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.KeypadModifier)
        return steps.get(Qt.Key(event.key()), 0) if plain and self._pictures else 0

    def _pick(self, name: str | None) -> None:
        self.set_chosen(name)
        self.chosen.emit(name)

    def _set_hover(self, name: str | None) -> None:
        if name != self._hover:
            self._hover = name
            self.update()
