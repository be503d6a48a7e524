"""The archive of an evolution: a picture for every class, with how sure the network is of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QFocusEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from deepvis.messages import FloatArray, RunUpdate, UInt8Array
from deepvis.ui import theme
from deepvis.ui.panels.controls import ElidedLabel, Figure
from deepvis.ui.panels.run_exports import bgrx_picture, export_name, update_arrays
from deepvis.ui.views.archive_tiles import ArchiveTiles, TileColors, TileGeometry
from deepvis.ui.views.image_view import ImageView
from deepvis.ui.views.numbers import format_percent
from deepvis.ui.views.picture import Picture

_AT_ONCE = 160
"""Tiles that are drawn before other events have their turn: about two milliseconds of work."""

_STEPS = {
    Qt.Key.Key_Left: (0, -1),
    Qt.Key.Key_Right: (0, 1),
    Qt.Key.Key_Up: (-1, 0),
    Qt.Key.Key_Down: (1, 0),
}


class ArchiveGrid(QWidget):
    """One painted image of all cells. The cell under the pointer, or under the keyboard's cursor, is looked at.

    A click keeps the cell, so that it stays in sight while it evolves; another click on it lets it go.

    Signals
    -------
    looked_at : the cell's number, or -1 where it is none any more.
    kept_changed : another cell, or none, is kept.
    """

    looked_at = Signal(int)
    kept_changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._archive: UInt8Array | None = None
        self._confidence: FloatArray = np.zeros(0, np.float32)
        self._tiles: ArchiveTiles | None = None
        self._image: Picture | None = None
        self._look: int | None = None
        self._kept: int | None = None
        self._placeholder = ""
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(0)
        self._later.timeout.connect(self._draw)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Archive")
        self.setToolTip("Point at a picture, or use the arrow keys, to see it large; a click or Return keeps it there")
        theme.theme_changed.connect(self._forget)

    @property
    def tiles(self) -> ArchiveTiles | None:
        """What is painted, or None."""
        return self._tiles

    def set_archive(self, archive: UInt8Array, confidence: FloatArray) -> None:
        """Show uint8 (n, h, w, 3) RGB pictures and their (n,) confidence; neither is written into."""
        if self._archive is not None and self._archive.shape != archive.shape:
            self._forget()
        self._archive, self._confidence = archive, np.array(confidence, np.float32)
        self._draw()

    @property
    def kept(self) -> int | None:
        """The cell that a person wants to keep in sight, or None."""
        return self._kept

    def set_placeholder(self, text: str) -> None:
        """What is written while there is nothing."""
        self._placeholder = text
        self.update()

    # ------------------------------------------------------------------------------------------------------ geometry

    def sizeHint(self) -> QSize:  # noqa: D102
        return QSize(theme.scaled(320), theme.scaled(200))

    def minimumSizeHint(self) -> QSize:  # noqa: D102
        return QSize(theme.scaled(96), theme.scaled(96))

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: D102
        self._forget()

    def cell_rect(self, cell: int) -> QRectF:
        """Where a cell's picture is painted, in logical pixels; empty where nothing is."""
        if self._tiles is None or not 0 <= cell < self._tiles.geometry.count:
            return QRectF()
        ratio, corner = self.devicePixelRatioF(), self._corner()
        top, left = self._tiles.geometry.corner(cell)
        height, width = self._tiles.geometry.tile
        return QRectF(corner.x() + left / ratio, corner.y() + top / ratio, width / ratio, height / ratio)

    def cell_at(self, point: QPointF) -> int | None:
        """The cell at a point of the widget, or None."""
        if self._tiles is None:
            return None
        ratio, corner = self.devicePixelRatioF(), self._corner()
        return self._tiles.geometry.place_at((point.y() - corner.y()) * ratio, (point.x() - corner.x()) * ratio)

    def _corner(self) -> QPointF:
        assert self._tiles is not None
        ratio, (height, _) = self.devicePixelRatioF(), self._tiles.geometry.size
        return QPointF(0.0, max(0.0, round((self.height() * ratio - height) / 2) / ratio))

    def _forget(self) -> None:
        self._tiles = self._image = None
        self._draw()

    def _draw(self) -> None:
        self.update()
        # What nobody sees is drawn when it is shown.
        if self._archive is None or not self.isVisible():
            return
        if self._tiles is None:
            ratio = self.devicePixelRatioF()
            room = (max(8, int(self.height() * ratio)), max(8, int(self.width() * ratio)))
            count, height, width = self._archive.shape[:3]
            self._tiles = ArchiveTiles(TileGeometry.fitting(count, (height, width), room), _colors())
            self._image = Picture(self._tiles.pixels)
        if self._tiles.draw(self._archive, self._confidence, _AT_ONCE) > _AT_ONCE:
            self._later.start()

    # ------------------------------------------------------------------------------------------------------ painting

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: D102
        painter = QPainter(self)
        palette = theme.current()
        if self._archive is None:
            painter.setPen(palette.color("quiet"))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, self._placeholder)
            return
        if self._tiles is None or self._image is None:
            self._draw()
        assert self._tiles is not None
        assert self._image is not None
        ratio, (height, width) = self.devicePixelRatioF(), self._tiles.geometry.size
        corner = self._corner()
        painter.drawImage(QRectF(corner.x(), corner.y(), width / ratio, height / ratio), self._image.image)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for cell, token in ((self._look, "text"), (self._kept, "accent")):
            if cell is not None:
                painter.setPen(QPen(palette.color(token), 2))
                painter.drawRoundedRect(self.cell_rect(cell).adjusted(-1, -1, 1, 1), 2, 2)

    # ------------------------------------------------------------------------------------------------------ input

    def showEvent(self, event: QEvent) -> None:  # noqa: D102
        self._draw()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: D102
        self._set_look(self.cell_at(event.position()))

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: D102
        cell = self.cell_at(event.position())
        if event.button() == Qt.MouseButton.LeftButton and cell is not None:
            self._keep(cell)
        else:
            super().mousePressEvent(event)

    def leaveEvent(self, event: QEvent) -> None:  # noqa: D102
        self._set_look(None)

    def event(self, event: QEvent) -> bool:  # noqa: D102
        if event.type() == QEvent.Type.ToolTip and self._look is not None:
            # It would cover the pictures that are pointed at.
            return True
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and self._step(event):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: D102
        step = self._step(event)
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self._look is not None and not event.modifiers():
            self._keep(self._look)
            return
        if step is None or self._tiles is None:
            super().keyPressEvent(event)
            return
        geometry = self._tiles.geometry
        at = self._look if self._look is not None else -step[1]
        moved = at + step[0] * geometry.columns + step[1]
        self._set_look(moved if 0 <= moved < geometry.count else at)

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: D102
        self._set_look(None)

    def _step(self, event: QKeyEvent) -> tuple[int, int] | None:
        plain = event.modifiers() in (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.KeypadModifier)
        return _STEPS.get(Qt.Key(event.key())) if plain and self._tiles is not None else None

    def _keep(self, cell: int) -> None:
        self._kept = None if cell == self._kept else cell
        self.update()
        self.kept_changed.emit()

    def _set_look(self, cell: int | None) -> None:
        if cell != self._look:
            self._look = cell
            self.update()
            self.looked_at.emit(-1 if cell is None else cell)


class ArchiveView(QWidget):
    """The archive, and beside it the cell that is looked at: under the pointer, else the one that a person keeps, else
    the surest."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Archive of the evolution")
        self._update: RunUpdate | None = None
        self._cell: int | None = None
        self.grid = ArchiveGrid()
        self.picture = ImageView(smooth=True, placeholder="The picture that is pointed at")
        self.picture.setAccessibleName("Picture of a class")
        self.label = ElidedLabel("", "")
        self.confidence = Figure("100.0 % · surest", quiet=True)
        self._side = QWidget()
        column = QVBoxLayout(self._side)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addWidget(self.picture)
        column.addWidget(self.label)
        column.addWidget(self.confidence)
        column.addStretch(1)
        outer = QHBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(theme.MEDIUM)
        outer.addWidget(self.grid, 1)
        outer.addWidget(self._side)
        self.grid.looked_at.connect(self._look_at)
        self.grid.kept_changed.connect(self._show_cell)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Give the single picture a third of the width, and no more than a square takes."""
        super().resizeEvent(event)
        captions = self.label.sizeHint().height() + self.confidence.sizeHint().height() + theme.TIGHT
        square = max(theme.scaled(96), self.height() - captions)
        side = max(theme.scaled(96), min(square, self.width() // 3))
        self._side.setFixedWidth(side)
        self.picture.setFixedSize(side, side)

    # ------------------------------------------------------------------------------------------------------ content

    @property
    def cell(self) -> int | None:
        """The cell that is shown large: looked at, else kept, else the surest; None without an archive."""
        confidence = self._confidence
        for cell in (self._cell, self.grid.kept):
            if cell is not None and cell < len(confidence):
                return cell
        return int(confidence.argmax()) if len(confidence) else None

    def show_update(self, update: RunUpdate) -> None:
        """Show the archive so far."""
        self._update = update
        self.grid.set_archive(update.detail["archive"], update.detail["confidence"])
        self._show_cell()

    def set_hint(self, text: str) -> None:
        """What is written while nothing was run."""
        self.grid.set_placeholder(text)

    def export_picture(self) -> UInt8Array | None:
        """All cells as one picture, uint8 (H, W, 4) BGRX, or None."""
        return None if self._update is None else bgrx_picture(self._update.image)

    def export_arrays(self) -> Mapping[str, Any]:
        """Archive, confidence and labels, for an npz file."""
        if self._update is None:
            return {}
        detail = self._update.detail
        own = {"archive": detail["archive"], "confidence": detail["confidence"], "labels": np.array(detail["labels"])}
        return update_arrays(self._update) | own

    @property
    def export_name(self) -> str:
        """What an exported file is called."""
        return export_name("evolution", self._update)

    # ------------------------------------------------------------------------------------------------------ showing

    @property
    def _confidence(self) -> FloatArray:
        if self._update is None:
            return np.zeros(0, np.float32)
        confidence: FloatArray = self._update.detail["confidence"]
        return confidence

    def _look_at(self, cell: int) -> None:
        self._cell = None if cell < 0 else cell
        self._show_cell()

    def _show_cell(self) -> None:
        cell = self.cell
        if cell is None or self._update is None:
            return
        labels: Sequence[str] = self._update.detail["labels"]
        self.picture.set_picture(np.ascontiguousarray(self._update.detail["archive"][cell]))
        self.label.setText(labels[cell] if cell < len(labels) else f"Class {cell}")
        why = " · kept" if cell == self.grid.kept else "" if self._cell is not None else " · surest"
        self.confidence.setText(f"{format_percent(float(self._confidence[cell]))}{why}")


def _colors() -> TileColors:
    palette = theme.current()

    def bgr(token: str) -> tuple[int, int, int]:
        color: QColor = palette.color(token)
        return color.blue(), color.green(), color.red()

    return TileColors(bgr("panel"), bgr("raised"), bgr("track"), bgr("accent"), bgr("good"))
