"""A few pictures with captions in rows: the strongest units, or a unit's filters."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFocusEvent, QFontMetricsF, QKeyEvent, QMouseEvent, QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from deepvis.messages import UInt8Array
from deepvis.ui import theme
from deepvis.ui.views.picture import Picture


@dataclass(frozen=True, slots=True)
class Tile:
    """A picture, uint8 (h, w, 4) BGRX, with what is written in its corner and what ``key`` a click on it tells."""

    pixels: UInt8Array
    caption: str = ""
    key: int = 0


class TilesView(QWidget):
    """Pictures in square cells, as large as the width allows; its height follows from its width.

    Parameters
    ----------
    columns : cells in a row.
    clickable : whether tiles can be chosen, with mouse and keyboard.
    largest : the largest side of a cell in logical pixels at scale 1.
    """

    tile_clicked = Signal(int)

    def __init__(
        self, parent: QWidget | None = None, *, columns: int = 3, clickable: bool = True, largest: int = 200
    ) -> None:
        super().__init__(parent)
        self._columns = columns
        self._clickable = clickable
        self._largest = largest
        self._tiles: tuple[tuple[Tile, Picture], ...] = ()
        self._places = 0
        self._chosen: int | None = None
        self._hover: int | None = None
        self._cursor = 0
        self.setMouseTracking(clickable)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        if clickable:
            self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            self.setCursor(Qt.CursorShape.PointingHandCursor)
        theme.theme_changed.connect(self.updateGeometry)

    def set_tiles(self, tiles: Sequence[Tile], *, columns: int | None = None, places: int | None = None) -> None:
        """Show these pictures.

        Parameters
        ----------
        columns : cells in a row from now on.
        places : how many cells to keep room for, so that the layout holds still while pictures come and go.
        """
        wanted = max(places or 0, len(tiles))
        resized = wanted != self._places or (columns is not None and columns != self._columns)
        self._columns = columns if columns is not None else self._columns
        self._places = wanted
        self._tiles = tuple((tile, Picture(tile.pixels)) for tile in tiles)
        if resized:
            self.updateGeometry()
        captions = [tile.caption for tile in tiles if tile.caption]
        self.setAccessibleDescription(", ".join(captions))
        self.update()

    @property
    def tiles(self) -> tuple[Tile, ...]:
        """What is shown."""
        return tuple(tile for tile, _ in self._tiles)

    def set_chosen(self, key: int | None) -> None:
        """Draw the accent ring around the tile with this key."""
        if key != self._chosen:
            self._chosen = key
            self.update()

    # ------------------------------------------------------------------------------------------------------ geometry

    def hasHeightForWidth(self) -> bool:  # noqa: D102
        return True

    def heightForWidth(self, width: int) -> int:  # noqa: D102
        rows = math.ceil(self._places / self._columns)
        return math.ceil(rows * (self._cell(width) + theme.TIGHT) - theme.TIGHT) if rows else 0

    def sizeHint(self) -> QSize:  # noqa: D102
        width = theme.scaled(240)
        return QSize(width, self.heightForWidth(width))

    def minimumSizeHint(self) -> QSize:  # noqa: D102
        return QSize(self._columns * theme.scaled(20), 0)

    def _cell(self, width: float) -> float:
        cell = (width - (self._columns - 1) * theme.TIGHT) / self._columns
        return max(1.0, min(cell, theme.scaled(self._largest)))

    def tile_rect(self, place: int) -> QRectF:
        """Where the tile at this place is painted, in logical pixels."""
        cell = self._cell(self.width())
        row, column = divmod(place, self._columns)
        return QRectF(column * (cell + theme.TIGHT), row * (cell + theme.TIGHT), cell, cell)

    def place_at(self, point: QPointF) -> int | None:
        """The place of the tile at a point of the widget, or None."""
        places = range(len(self._tiles))
        return next((place for place in places if self.tile_rect(place).contains(point)), None)

    # ------------------------------------------------------------------------------------------------------ painting

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: D102
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        palette = theme.current()
        for place in range(len(self._tiles), self._places):
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(palette.color("raised"))
            painter.drawRoundedRect(self.tile_rect(place), 4, 4)
        for place in range(len(self._tiles)):
            self._paint_tile(painter, place)

    def _paint_tile(self, painter: QPainter, place: int) -> None:
        palette = theme.current()
        tile, picture = self._tiles[place]
        cell = self.tile_rect(place)
        height, width = picture.size
        factor = min(cell.width() / width, cell.height() / height)
        target = QRectF(0, 0, width * factor, height * factor)
        target.moveCenter(cell.center())
        clip = QPainterPath()
        clip.addRoundedRect(target, 4, 4)
        painter.setClipPath(clip)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, factor * self.devicePixelRatioF() < 2)
        painter.drawImage(target, picture.image)
        painter.setClipping(False)
        if tile.caption:
            self._paint_caption(painter, target, tile.caption)
        focused = self.hasFocus() and place == self._cursor
        if tile.key == self._chosen and self._clickable:
            painter.setPen(QPen(palette.color("accent"), 2))
        elif focused or place == self._hover:
            painter.setPen(QPen(palette.color("accent" if focused else "text", 0.8), 1.5))
        else:
            return
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(target.adjusted(1, 1, -1, -1), 4, 4)

    @staticmethod
    def _paint_caption(painter: QPainter, target: QRectF, caption: str) -> None:
        font = theme.figure_font(10)
        metrics = QFontMetricsF(font)
        box = QRectF(0, 0, metrics.horizontalAdvance(caption) + 8, metrics.height() + 2)
        box.moveBottomLeft(QPointF(target.left() + 3, target.bottom() - 3))
        if box.width() > target.width() - 4:
            return
        palette = theme.current()
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(palette.color("window", 0.78))
        painter.drawRoundedRect(box, 3, 3)
        painter.setFont(font)
        painter.setPen(palette.color("text"))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, caption)

    # ------------------------------------------------------------------------------------------------------ input

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: D102
        self._set_hover(self.place_at(event.position()) if self._clickable else None)

    def leaveEvent(self, event: QEvent) -> None:  # noqa: D102
        self._set_hover(None)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: D102
        place = self.place_at(event.position())
        if event.button() != Qt.MouseButton.LeftButton or place is None or not self._clickable:
            event.ignore()
            return
        self.tile_clicked.emit(self._tiles[place][0].key)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: D102
        steps = {
            Qt.Key.Key_Left: -1,
            Qt.Key.Key_Right: 1,
            Qt.Key.Key_Up: -self._columns,
            Qt.Key.Key_Down: self._columns,
        }
        key = Qt.Key(event.key())
        if key in steps and self._tiles:
            self._cursor = max(0, min(self._cursor + steps[key], len(self._tiles) - 1))
            self.update()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space) and self._cursor < len(self._tiles):
            self.tile_clicked.emit(self._tiles[self._cursor][0].key)
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: D102
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: D102
        self.update()

    def _set_hover(self, place: int | None) -> None:
        if place != self._hover:
            self._hover = place
            self.update()
