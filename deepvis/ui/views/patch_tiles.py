"""The strongest patches of a unit, three by three, and beside them what in each made the unit fire."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QFocusEvent,
    QFontMetricsF,
    QHideEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from deepvis.messages import PatchPicture, UInt8Array
from deepvis.ui import theme
from deepvis.ui.views.numbers import format_short
from deepvis.ui.views.patch_preview import PatchPreview
from deepvis.ui.views.picture import Picture

_COLUMNS = 3
_GAP = 3
_CORNER = 3.0
_STEPS = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1, Qt.Key.Key_Up: -_COLUMNS, Qt.Key.Key_Down: _COLUMNS}
_CHOOSE = (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space)


class PatchTiles(QWidget):
    """Patches on the left, their back-projections in the same order on the right; its height follows from its width.

    Both halves are as wide as two pictures beside each other above them would be. The pointer or the keyboard's cursor
    on a patch enlarges it.

    Signals
    -------
    patch_chosen : rank of a patch that was clicked, or chosen with Enter.
    """

    patch_chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._patches: dict[int, PatchPicture] = {}
        self._pictures: dict[int, Picture] = {}
        self._backs: dict[int, Picture] = {}
        self._places = 9
        self._hover: int | None = None
        self._cursor = 0
        self._preview: PatchPreview | None = None
        self.setAccessibleName("Strongest patches")
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        theme.theme_changed.connect(self.updateGeometry)

    # ------------------------------------------------------------------------------------------------------ content

    @property
    def patches(self) -> tuple[PatchPicture, ...]:
        """What is shown, the strongest first."""
        return tuple(self._patches[rank] for rank in sorted(self._patches))

    @property
    def backs(self) -> frozenset[int]:
        """The ranks whose back-projection is shown."""
        return frozenset(self._backs)

    def set_patches(self, patches: Sequence[PatchPicture], places: int) -> None:
        """Show these; ``places`` is how many there will be."""
        self._pictures = {
            patch.rank: self._pictures[patch.rank]
            if patch.rank in self._pictures and self._pictures[patch.rank].pixels is patch.pixels
            else Picture(patch.pixels)
            for patch in patches
        }
        self._patches = {patch.rank: patch for patch in patches}
        rows = self._rows
        self._places = places
        if self._rows != rows:
            self.updateGeometry()
        told = (f"{format_short(patch.value)} {patch.label or patch.title}" for patch in self.patches)
        self.setAccessibleDescription(", ".join(told))
        self._follow_preview()
        self.update()

    def set_backs(self, backs: Mapping[int, UInt8Array]) -> None:
        """Show these back-projections, uint8 (h, w, 4) BGRX by rank."""
        self._backs = {
            rank: self._backs[rank] if rank in self._backs and self._backs[rank].pixels is pixels else Picture(pixels)
            for rank, pixels in backs.items()
        }
        self._follow_preview()
        self.update()

    # ------------------------------------------------------------------------------------------------------ geometry

    @property
    def _rows(self) -> int:
        return -(-min(9, max(self._places, 1)) // _COLUMNS)

    @property
    def _caption_height(self) -> float:
        return QFontMetricsF(theme.figure_font(10)).height()

    def _half(self, width: float) -> float:
        return (width - theme.SMALL) / 2

    def _cell(self, width: float) -> float:
        return max(4.0, (self._half(width) - (_COLUMNS - 1) * _GAP) / _COLUMNS)

    def hasHeightForWidth(self) -> bool:  # noqa: D102
        return True

    def heightForWidth(self, width: int) -> int:  # noqa: D102
        return round(self._rows * (self._cell(width) + self._caption_height + _GAP))

    def sizeHint(self) -> QSize:  # noqa: D102
        width = theme.scaled(280)
        return QSize(width, self.heightForWidth(width))

    def minimumSizeHint(self) -> QSize:  # noqa: D102
        return QSize(theme.scaled(120), 0)

    def cell_rect(self, rank: int, back: bool = False) -> QRectF:
        """Where a patch, or its back-projection, is painted, in logical pixels."""
        cell = self._cell(self.width())
        row, column = divmod(rank, _COLUMNS)
        left = (self._half(self.width()) + theme.SMALL if back else 0.0) + column * (cell + _GAP)
        return QRectF(left, row * (cell + self._caption_height + _GAP), cell, cell)

    def rank_at(self, point: QPointF) -> int | None:
        """The patch at a point of the widget, or the one whose back-projection is there; or None."""
        return next(
            (rank for rank in self._patches for back in (False, True) if self.cell_rect(rank, back).contains(point)),
            None,
        )

    # ------------------------------------------------------------------------------------------------------ painting

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: D102
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        palette = theme.current()
        for rank in range(min(9, self._places)):
            for back, pictures in ((False, self._pictures), (True, self._backs)):
                rect = self.cell_rect(rank, back)
                picture = pictures.get(rank)
                if picture is None:
                    painter.setPen(Qt.PenStyle.NoPen)
                    painter.setBrush(palette.color("raised"))
                    painter.drawRoundedRect(rect, _CORNER, _CORNER)
                else:
                    _paint_picture(painter, picture, rect)
        self._paint_values(painter)
        for ringed, token in ((self._hover, "text"), (self._cursor if self.hasFocus() else None, "accent")):
            if ringed is None or ringed not in self._patches:
                continue
            painter.setBrush(Qt.BrushStyle.NoBrush)
            for back in (False, True):
                rect = self.cell_rect(ringed, back).adjusted(1, 1, -1, -1)
                # A line on another of the opposite lightness shows on pictures of any colour.
                painter.setPen(QPen(palette.color("window", 0.8), 4))
                painter.drawRoundedRect(rect, _CORNER, _CORNER)
                painter.setPen(QPen(palette.color(token), 2))
                painter.drawRoundedRect(rect, _CORNER, _CORNER)

    def _paint_values(self, painter: QPainter) -> None:
        font = theme.figure_font(10)
        painter.setFont(font)
        painter.setPen(theme.current().color("quiet"))
        metrics = QFontMetricsF(font)
        for rank, patch in self._patches.items():
            for back, text in ((False, format_short(patch.value)), (True, patch.label)):
                rect = self.cell_rect(rank, back)
                below = QRectF(rect.left(), rect.bottom() + 1, rect.width(), self._caption_height)
                text = metrics.elidedText(text, Qt.TextElideMode.ElideRight, rect.width())
                painter.drawText(below, Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop, text)

    # ------------------------------------------------------------------------------------------------------ preview

    @property
    def preview(self) -> PatchPreview | None:
        """The enlarged patch, if one was shown yet."""
        return self._preview

    def _follow_preview(self) -> None:
        rank = self._hover if self._hover is not None else self._cursor if self.hasFocus() else None
        patch = self._patches.get(rank) if rank is not None else None
        if rank is None or patch is None or not self.isVisible():
            if self._preview is not None:
                self._preview.hide()
            return
        if self._preview is None:
            self._preview = PatchPreview(self)
        self._preview.show_patch(patch, self._pictures[rank], self._backs.get(rank))
        rect = self.cell_rect(rank)
        beside = self.mapToGlobal(QPoint(0, round(rect.center().y())))
        self._preview.place(beside, self.mapToGlobal(QPoint(self.width(), 0)).x())

    # ------------------------------------------------------------------------------------------------------ input

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: D102
        self._set_hover(self.rank_at(event.position()))

    def leaveEvent(self, event: QEvent) -> None:  # noqa: D102
        self._set_hover(None)

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: D102
        self._hover = None
        self._follow_preview()

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: D102
        rank = self.rank_at(event.position())
        if event.button() != Qt.MouseButton.LeftButton or rank is None:
            event.ignore()
            return
        self.patch_chosen.emit(rank)

    def event(self, event: QEvent) -> bool:
        """Arrows, Return and the space bar are its own while it has the focus, before they are taken as shortcuts."""
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            plain = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier == Qt.KeyboardModifier.NoModifier
            if plain and self._patches and (event.key() in _STEPS or event.key() in _CHOOSE):
                event.accept()
                return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: D102
        key = Qt.Key(event.key())
        if key in _STEPS and self._patches:
            self._cursor = max(0, min(self._cursor + _STEPS[key], max(self._patches)))
            self._follow_preview()
            self.update()
        elif key in _CHOOSE and self._cursor in self._patches:
            self.patch_chosen.emit(self._cursor)
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: D102
        self._follow_preview()
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: D102
        self._follow_preview()
        self.update()

    def _set_hover(self, rank: int | None) -> None:
        if rank != self._hover:
            self._hover = rank
            self._follow_preview()
            self.update()


def _paint_picture(painter: QPainter, picture: Picture, rect: QRectF) -> None:
    """A picture in a square with rounded corners, as large as it fits."""
    height, width = picture.size
    factor = min(rect.width() / width, rect.height() / height)
    target = QRectF(0, 0, width * factor, height * factor)
    target.moveCenter(rect.center())
    path = QPainterPath()
    path.addRoundedRect(target, _CORNER, _CORNER)
    painter.save()
    painter.setClipPath(path)
    ratio = painter.device().devicePixelRatioF()
    # Few large pixels stay squares: each is one that the unit saw.
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, factor * ratio < 3)
    fitted = picture.fitted((round(target.height() * ratio), round(target.width() * ratio)))
    painter.drawImage(target, fitted.image)
    painter.restore()
