"""Thumbnails of the gallery in a grid: one painted list, chosen from with mouse or keyboard. UI thread only."""

from __future__ import annotations

import time

from PySide6.QtCore import QEvent, QKeyCombination, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QFontMetricsF,
    QKeyEvent,
    QKeySequence,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from deepvis.messages import GalleryEntry
from deepvis.ui import theme
from deepvis.ui.actions import ACTIONS
from deepvis.ui.panels import gallery_text
from deepvis.ui.panels.gallery_model import ENTRY, GalleryModel, Index

_WIDTH = 108
"""Width of a cell that is aimed at, in logical pixels at scale 1."""


class GalleryDelegate(QStyledItemDelegate):
    """Paints one entry: its thumbnail, marks on it, and three lines of text."""

    def __init__(self, model: GalleryModel, parent: QWidget) -> None:
        super().__init__(parent)
        self._model = model

    def sizeHint(self, option: QStyleOptionViewItem, _index: Index) -> QSize:  # noqa: D102
        view = self.parent()
        return view.gridSize() if isinstance(view, QListView) else super().sizeHint(option, _index)

    def paint(  # noqa: D102
        self, painter: QPainter, option: QStyleOptionViewItem, index: Index
    ) -> None:
        entry: GalleryEntry = index.data(ENTRY)
        palette = theme.current()
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        rect = QRectF(option.rect).adjusted(theme.TIGHT, theme.TIGHT, -theme.TIGHT, -theme.TIGHT)
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        over = bool(option.state & QStyle.StateFlag.State_MouseOver)
        focused = bool(option.state & QStyle.StateFlag.State_HasFocus)
        radius = theme.scaled(theme.RADIUS)
        if chosen or over:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(palette.color("accent_ground" if chosen else "hover"))
            painter.drawRoundedRect(rect.adjusted(-3, -3, 3, 3), radius, radius)
        picture = QRectF(rect.left(), rect.top(), rect.width(), rect.width())
        shown = self._paint_picture(painter, picture, entry)
        mark = gallery_text.state_text(entry)
        if mark:
            _paint_mark(painter, shown, mark, "quiet" if entry.saved else "warning")
        if chosen or focused:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(palette.color("accent" if chosen else "text"), 2 if chosen else 1))
            painter.drawRoundedRect(shown.adjusted(1, 1, -1, -1), 4, 4)
        lines = QRectF(rect.left(), picture.bottom(), rect.width(), rect.bottom() - picture.bottom())
        self._paint_lines(painter, lines, entry, chosen)
        painter.restore()

    def _paint_picture(self, painter: QPainter, place: QRectF, entry: GalleryEntry) -> QRectF:
        thumbnail = self._model.thumbnails.get(entry)
        palette = theme.current()
        if thumbnail is None or thumbnail.isNull():
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(palette.color("raised"))
            painter.drawRoundedRect(place, 4, 4)
            if thumbnail is not None:
                side = theme.scaled(20)
                box = QRectF(0, 0, side, side)
                box.moveCenter(place.center())
                painter.drawPixmap(box.toRect(), theme.icon("warning-circle").pixmap(side))
            return place
        factor = min(place.width() / thumbnail.width(), place.height() / thumbnail.height())
        target = QRectF(0, 0, thumbnail.width() * factor, thumbnail.height() * factor)
        target.moveCenter(place.center())
        clip = QPainterPath()
        clip.addRoundedRect(target, 4, 4)
        painter.setClipPath(clip)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawPixmap(target, thumbnail, QRectF(thumbnail.rect()))
        painter.setClipping(False)
        return target

    @staticmethod
    def _paint_lines(painter: QPainter, place: QRectF, entry: GalleryEntry, chosen: bool) -> None:
        palette = theme.current()
        lines = (
            (theme.body_font(), "accent_text" if chosen else "text", gallery_text.title(entry)),
            (theme.figure_font(), "quiet", entry.kind),
            (theme.figure_font(), "quiet", gallery_text.place_and_time(entry, time.time())),
        )
        top = place.top() + 2
        for font, token, text in lines:
            metrics = QFontMetricsF(font)
            line = QRectF(place.left(), top, place.width(), metrics.height())
            painter.setFont(font)
            painter.setPen(palette.color(token))
            elided = metrics.elidedText(text, Qt.TextElideMode.ElideRight, line.width())
            painter.drawText(line, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, elided)
            top = line.bottom()


def _paint_mark(painter: QPainter, picture: QRectF, text: str, token: str) -> None:
    font = theme.figure_font(10)
    metrics = QFontMetricsF(font)
    box = QRectF(0, 0, metrics.horizontalAdvance(text) + 8, metrics.height() + 2)
    box.moveTopLeft(QPointF(picture.left() + 3, picture.top() + 3))
    palette = theme.current()
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(palette.color("window", 0.82))
    painter.drawRoundedRect(box, 3, 3)
    painter.setFont(font)
    painter.setPen(palette.color("text" if token == "quiet" else token))
    painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)


class GalleryList(QListView):
    """The grid. Keys that actions of the gallery have while it has the focus are its own.

    Signals
    -------
    wanted : id of the action whose key was pressed, or that a double click stands for.
    chosen_changed : other entries are chosen than before.
    menu_wanted : global position at which the menu of the chosen entries should open.
    """

    wanted = Signal(str)
    chosen_changed = Signal()
    menu_wanted = Signal(object)

    def __init__(self, model: GalleryModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = model
        self.setModel(model)
        self.setItemDelegate(GalleryDelegate(model, self))
        self.setAccessibleName("Gallery")
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setMovement(QListView.Movement.Static)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setUniformItemSizes(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self.setDragEnabled(True)
        self.setMouseTracking(True)
        self.setProperty("role", "clear")
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self._keys = {QKeySequence(key).toString(): spec.id for spec in ACTIONS for key in spec.focus_keys}
        self._empty = gallery_text.EMPTY
        self._kept: tuple[set[str], str | None, int] = (set(), None, 0)
        self.doubleClicked.connect(lambda _index: self.wanted.emit("gallery.open"))
        self.customContextMenuRequested.connect(lambda point: self.menu_wanted.emit(self.viewport().mapToGlobal(point)))
        model.modelAboutToBeReset.connect(self._remember)
        model.modelReset.connect(self._restore)
        theme.theme_changed.connect(self._fit)
        self.selectionModel().selectionChanged.connect(lambda *_: self.chosen_changed.emit())
        self._fit()

    # --------------------------------------------------------------------------------------------------------- choice

    @property
    def chosen(self) -> list[GalleryEntry]:
        """The chosen entries in the order in which they are shown."""
        return [self._model.entry(row) for row in sorted(index.row() for index in self.selectedIndexes())]

    def choose(self, *entry_ids: str) -> None:
        """Choose these entries, as far as they are shown."""
        rows = [row for row in map(self._model.row_of, entry_ids) if row is not None]
        selection = self.selectionModel()
        selection.clearSelection()
        for row in rows:
            selection.select(self._model.index(row), selection.SelectionFlag.Select)
        if rows:
            selection.setCurrentIndex(self._model.index(rows[0]), selection.SelectionFlag.NoUpdate)
            self.scrollTo(self._model.index(rows[0]))

    def _remember(self) -> None:
        current = self.currentIndex()
        entry = current.data(ENTRY) if current.isValid() else None
        bar = self.verticalScrollBar()
        self._kept = ({each.id for each in self.chosen}, entry.id if entry is not None else None, bar.value())

    def _restore(self) -> None:
        ids, current, scroll = self._kept
        selection = self.selectionModel()
        for entry_id in ids:
            row = self._model.row_of(entry_id)
            if row is not None:
                selection.select(self._model.index(row), selection.SelectionFlag.Select)
        row = self._model.row_of(current) if current is not None else None
        if row is None and self._model.rowCount():
            # Arrow keys start from somewhere, also after what they stood on is gone.
            row = 0
        if row is not None:
            selection.setCurrentIndex(self._model.index(row), selection.SelectionFlag.NoUpdate)
        self._empty = gallery_text.NOTHING_FOUND if self._model.entries else gallery_text.EMPTY
        self.verticalScrollBar().setValue(scroll)
        self.chosen_changed.emit()

    # ----------------------------------------------------------------------------------------------------------- look

    def _fit(self) -> None:
        """Cells as wide as a whole number of them fills the column."""
        # A cell that reached the very edge would be put into the next line.
        width = self.viewport().width() - 1
        columns = max(1, round(width / theme.scaled(_WIDTH)))
        side = max(theme.scaled(48), width // columns)
        body, figure = QFontMetricsF(theme.body_font()), QFontMetricsF(theme.figure_font())
        height = side + int(body.height() + 2 * figure.height()) + theme.TIGHT
        self.setGridSize(QSize(side, height))
        self.setIconSize(QSize(side, side))

    def sizeHint(self) -> QSize:  # noqa: D102
        return QSize(theme.scaled(3 * _WIDTH + 16), theme.scaled(160))

    def minimumSizeHint(self) -> QSize:  # noqa: D102
        return QSize(theme.scaled(_WIDTH), theme.scaled(80))

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: D102
        self._fit()
        super().resizeEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: D102
        super().paintEvent(event)
        if self._model.rowCount() == 0:
            painter = QPainter(self.viewport())
            painter.setPen(theme.current().color("quiet"))
            margin = theme.scaled(theme.LARGE)
            room = self.viewport().rect().adjusted(margin, margin, -margin, -margin)
            painter.drawText(room, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, self._empty)

    # ----------------------------------------------------------------------------------------------------------- keys

    def event(self, event: QEvent) -> bool:  # noqa: D102
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and self._action(event):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: D102
        action = self._action(event)
        if action:
            self.wanted.emit(action)
        elif event.key() == Qt.Key.Key_Menu and self.chosen:
            place = self.visualRect(self.currentIndex()).center()
            self.menu_wanted.emit(self.viewport().mapToGlobal(place))
        else:
            super().keyPressEvent(event)

    def keyboardSearch(self, _search: str) -> None:
        """Letters are commands here, and the search field looks for words."""

    def _action(self, event: QKeyEvent) -> str:
        key = Qt.Key.Key_Return if event.key() == Qt.Key.Key_Enter else Qt.Key(event.key())
        modifiers = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        return self._keys.get(QKeySequence(QKeyCombination(modifiers, key)).toString(), "")
