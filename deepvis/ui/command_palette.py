"""Everything by name: one field, one list, no mouse needed. UI thread only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import (
    QAbstractListModel,
    QEvent,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPointF,
    QRect,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QFont, QKeyEvent, QPainter, QTextCharFormat, QTextLayout
from PySide6.QtWidgets import (
    QFrame,
    QLabel,
    QLineEdit,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from deepvis.ui import theme
from deepvis.ui.fuzzy import match

ROW_HEIGHT = 30

Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True, slots=True)
class Command:
    """One thing that the palette offers.

    Attributes
    ----------
    id : stable, for the list of recent ones.
    text : what is searched and shown.
    kind : ``Command``, ``Layer``, ``Network``, ``Source``, ``Class`` or ``Unit``; shown quietly.
    note : shortcut, or size and whereabouts; right-aligned.
    quiet : found only when its kind or text is typed, not listed while the field is empty.
    """

    id: str
    text: str
    run: Callable[[], object]
    kind: str = "Command"
    note: str = ""
    help: str = ""
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class Hit:
    """A command that fits, and the letters of its text to mark."""

    command: Command
    positions: tuple[int, ...] = ()


def search(commands: Sequence[Command], query: str, recent: Sequence[str] = (), limit: int = 50) -> list[Hit]:
    """The commands that fit, best first; recent ones come first among equals, and first of all for an empty query."""
    rank = {command_id: place for place, command_id in enumerate(recent)}
    if not query.strip():
        shown = [command for command in commands if not command.quiet]
        shown.sort(key=lambda command: rank.get(command.id, len(rank)))
        return [Hit(command) for command in shown[:limit]]
    found: list[tuple[float, int, Hit]] = []
    for place, command in enumerate(commands):
        fit = match(query, command.text)
        if fit is None and command.help and len(query) > 2:
            words = query.lower().split()
            if all(word in command.help.lower() or word in command.text.lower() for word in words):
                found.append((1.0, -place, Hit(command)))
            continue
        if fit is not None:
            recency = 1.5 - 0.1 * rank[command.id] if command.id in rank else 0.0
            found.append((fit.score + recency, -place, Hit(command, fit.positions)))
    found.sort(key=lambda item: (item[0], item[1]), reverse=True)
    return [hit for _, _, hit in found[:limit]]


class _Model(QAbstractListModel):
    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.hits: list[Hit] = []

    def show(self, hits: list[Hit]) -> None:
        self.beginResetModel()
        self.hits = hits
        self.endResetModel()

    def rowCount(self, parent: Index | None = None) -> int:
        return len(self.hits)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        command = self.hits[index.row()].command
        if role == Qt.ItemDataRole.DisplayRole:
            return command.text
        if role == Qt.ItemDataRole.ToolTipRole:
            return command.help
        return None


class _Row(QStyledItemDelegate):
    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(100, theme.scaled(ROW_HEIGHT))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        model = index.model()
        assert isinstance(model, _Model)
        hit = model.hits[index.row()]
        palette = theme.current()
        area: QRect = option.rect
        state: QStyle.StateFlag = option.state
        chosen = bool(state & QStyle.StateFlag.State_Selected)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if chosen:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(palette.color("accent_ground"))
            painter.drawRoundedRect(area, theme.RADIUS, theme.RADIUS)
        inner = area.adjusted(theme.scaled(12), 0, -theme.scaled(12), 0)
        kind = "" if hit.command.kind == "Command" else hit.command.kind
        note = hit.command.note or kind
        painter.setFont(theme.body_font())
        painter.setPen(palette.color("quiet"))
        painter.drawText(inner, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, note)
        taken = painter.fontMetrics().horizontalAdvance(note) + theme.scaled(16)
        _draw_marked(painter, inner.adjusted(0, 0, -taken, 0), hit, palette.color("text"), palette.color("accent_text"))
        painter.restore()


def _draw_marked(painter: QPainter, area: QRect, hit: Hit, plain: QColor, marked: QColor) -> None:
    text = painter.fontMetrics().elidedText(hit.command.text, Qt.TextElideMode.ElideRight, area.width())
    layout = QTextLayout(text, painter.font())
    ranges = []
    for place in hit.positions:
        if place < len(text):
            span = QTextLayout.FormatRange()
            span.start, span.length = place, 1
            style = QTextCharFormat()
            style.setForeground(marked)
            style.setFontWeight(QFont.Weight.Bold)
            span.format = style
            ranges.append(span)
    layout.setFormats(ranges)
    layout.beginLayout()
    line = layout.createLine()
    line.setLineWidth(10_000)
    layout.endLayout()
    painter.setPen(plain)
    top = area.top() + (area.height() - line.height()) / 2
    layout.draw(painter, QPointF(area.left(), top))


class CommandPalette(QFrame):
    """A field and a list over the upper middle of the window.

    ``ran`` carries the id of a command that was chosen, before it runs.
    """

    ran = Signal(str)
    WIDTH, ROWS = 620, 14

    def __init__(self, host: QWidget) -> None:
        super().__init__(host)
        self.setProperty("role", "toast")
        self._host = host
        self._commands: list[Command] = []
        self._recent: Sequence[str] = ()
        self._before: QWidget | None = None
        self.field = QLineEdit(self)
        self.field.setAccessibleName("Search commands")
        self.field.setClearButtonEnabled(False)
        self._model = _Model(self)
        self.list = QListView(self)
        self.list.setModel(self._model)
        self.list.setItemDelegate(_Row(self.list))
        self.list.setUniformItemSizes(True)
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setFrameShape(QFrame.Shape.NoFrame)
        self.list.setStyleSheet("QListView { border: none; background: transparent; }")
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setMouseTracking(True)
        self._hint = QLabel(self)
        self._hint.setProperty("role", "quiet")
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.SMALL, theme.SMALL, theme.SMALL, theme.SMALL)
        column.setSpacing(theme.SMALL)
        column.addWidget(self.field)
        column.addWidget(self.list, 1)
        column.addWidget(self._hint)
        self.field.textChanged.connect(self._search)
        self.field.installEventFilter(self)
        self.list.clicked.connect(lambda index: self._run(index.row()))
        self.list.entered.connect(self.list.setCurrentIndex)
        host.installEventFilter(self)
        self.hide()

    def open(self, commands: Sequence[Command], recent: Sequence[str] = (), query: str = "", hint: str = "") -> None:
        """Offer these commands; ``query`` is typed already."""
        self._commands = list(commands)
        self._recent = recent
        focus = self._host.window().focusWidget()
        if not self.isVisible():
            self._before = focus
        self.field.setPlaceholderText(hint or "Search commands, layers, networks, classes and units")
        self._place()
        self.field.setText(query)
        self._search(query)
        self.show()
        self.raise_()
        self.field.setFocus()

    def close_palette(self) -> None:
        """Go away, and give the focus back to what had it."""
        if not self.isVisible():
            return
        self.hide()
        before, self._before = self._before, None
        try:
            (before or self._host).setFocus()
        except RuntimeError:  # that widget was deleted meanwhile
            self._host.setFocus()

    def hits(self) -> list[Hit]:
        """What is listed now."""
        return self._model.hits

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Keys of the list while the field has the focus; the window's size; a click elsewhere."""
        kind = event.type()
        if watched is self._host:
            if kind == QEvent.Type.Resize and self.isVisible():
                self._place()
            return False
        if kind == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            return self._key(event)
        if kind == QEvent.Type.FocusOut:
            self.hide()
        return False

    def _key(self, event: QKeyEvent) -> bool:
        key = event.key()
        steps = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1, Qt.Key.Key_PageDown: 10, Qt.Key.Key_PageUp: -10}
        if key in steps:
            count = self._model.rowCount()
            row = self.list.currentIndex().row() + steps[Qt.Key(key)]
            if abs(steps[Qt.Key(key)]) == 1 and count:
                row %= count
            self.list.setCurrentIndex(self._model.index(max(0, min(row, count - 1))))
            return True
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._run(self.list.currentIndex().row())
            return True
        if key == Qt.Key.Key_Escape:
            self.close_palette()
            return True
        return key in (Qt.Key.Key_Tab, Qt.Key.Key_Backtab)

    def _run(self, row: int) -> None:
        if 0 <= row < len(self._model.hits):
            command = self._model.hits[row].command
            self.close_palette()
            self.ran.emit(command.id)
            command.run()

    def _search(self, query: str) -> None:
        hits = search(self._commands, query, self._recent)
        self._model.show(hits)
        self.list.setCurrentIndex(self._model.index(0))
        self.list.scrollToTop()
        self._place()
        self._hint.setText("Nothing is called like this" if not hits else "↑ ↓ choose    Enter runs    Esc closes")

    def _place(self) -> None:
        width = min(theme.scaled(self.WIDTH), self._host.width() - 2 * theme.LARGE)
        top = theme.scaled(56)
        rows = max(1, min(self._model.rowCount(), self.ROWS)) * theme.scaled(ROW_HEIGHT)
        around = self.field.sizeHint().height() + self._hint.sizeHint().height() + 5 * theme.SMALL
        height = min(rows + around, self._host.height() - top - theme.WIDE)
        self.setGeometry((self._host.width() - width) // 2, top, width, height)
