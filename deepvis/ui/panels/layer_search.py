"""A popup that finds any layer of the network by name or type, and says why some cannot be shown."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import (
    QAbstractListModel,
    QEvent,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QFontMetrics, QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QFrame,
    QLineEdit,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from deepvis.messages import Layer, NetworkInfo
from deepvis.ui import theme
from deepvis.ui.panels.layer_chips import describe

_Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True, slots=True)
class LayerEntry:
    """One line: a layer, or (``layer`` None) an output that cannot be shown, with the reason as ``note``."""

    name: str
    note: str
    layer: Layer | None

    def matches(self, words: list[str]) -> bool:
        """Whether every word occurs in the name or the note."""
        text = f"{self.name} {self.note}".lower()
        return all(word in text for word in words)


def entries_of(info: NetworkInfo | None) -> tuple[LayerEntry, ...]:
    """Every layer of a network, main or not, and then what was left out."""
    if info is None:
        return ()
    shown = tuple(LayerEntry(layer.name, f"{layer.type}   {layer.text}", layer) for layer in info.layers)
    return shown + tuple(LayerEntry(name, reason, None) for name, reason in info.left_out)


class LayerModel(QAbstractListModel):
    """The lines that match what was typed."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._all: tuple[LayerEntry, ...] = ()
        self.shown: tuple[LayerEntry, ...] = ()

    def set_entries(self, entries: tuple[LayerEntry, ...]) -> None:
        """Offer these lines."""
        self._all = entries
        self.filter("")

    def filter(self, text: str) -> None:
        """Keep the lines in which every typed word occurs."""
        words = text.lower().split()
        self.beginResetModel()
        self.shown = tuple(entry for entry in self._all if entry.matches(words))
        self.endResetModel()

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008, D102
        return 0 if parent.isValid() else len(self.shown)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:  # noqa: D102
        entry = self.shown[index.row()]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return f"{entry.name}  {entry.note}"
        if role == Qt.ItemDataRole.ToolTipRole:
            return describe(entry.layer) if entry.layer is not None else f"{entry.name} cannot be shown: {entry.note}"
        return None

    def flags(self, index: _Index) -> Qt.ItemFlag:  # noqa: D102
        if self.shown[index.row()].layer is None:
            return Qt.ItemFlag.NoItemFlags
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable


class _EntryDelegate(QStyledItemDelegate):
    def __init__(self, model: LayerModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._model = model

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        return QSize(theme.scaled(200), theme.scaled(28))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        palette = theme.current()
        entry = self._model.shown[index.row()]
        rect: QRect = option.rect
        state: QStyle.StateFlag = option.state
        chosen = bool(state & QStyle.StateFlag.State_Selected)
        painter.save()
        hovered = bool(state & QStyle.StateFlag.State_MouseOver) and entry.layer is not None
        if chosen or hovered:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(palette.color("accent_ground" if chosen else "hover"))
            painter.drawRoundedRect(rect.adjusted(2, 1, -2, -1), 4, 4)
        inner = rect.adjusted(theme.scaled(8), 0, -theme.scaled(8), 0)
        middle = Qt.AlignmentFlag.AlignVCenter
        note_font = theme.figure_font()
        metrics = QFontMetrics(note_font)
        room = inner.width() * (2 if entry.layer is not None else 6) // (3 if entry.layer is not None else 10)
        note = metrics.elidedText(entry.note, Qt.TextElideMode.ElideRight, room)
        painter.setFont(note_font)
        painter.setPen(palette.color("accent_text" if chosen else "quiet"))
        painter.drawText(inner, Qt.AlignmentFlag.AlignRight | middle, note)
        painter.setFont(theme.body_font())
        token = "quiet" if entry.layer is None else "accent_text" if chosen else "text"
        painter.setPen(palette.color(token))
        left_over = inner.width() - metrics.horizontalAdvance(note) - theme.scaled(8)
        name = painter.fontMetrics().elidedText(entry.name, Qt.TextElideMode.ElideMiddle, left_over)
        painter.drawText(inner, Qt.AlignmentFlag.AlignLeft | middle, name)
        painter.restore()


class LayerSearch(QFrame):
    """The popup: a field to type in, and the list of what matches. Enter or a click chooses; Esc closes.

    Signals
    -------
    layer_chosen : the layer's name.
    """

    layer_chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setProperty("role", "toast")
        self.setAccessibleName("Find a layer")
        self.field = QLineEdit()
        self.field.setPlaceholderText("Find a layer by name or type")
        self.field.setAccessibleName("Find a layer")
        self.field.setToolTip("Type parts of a name, a type or a size, such as “layer3 relu”")
        self.model = LayerModel(self)
        self.list = QListView()
        self.list.setModel(self.model)
        self.list.setItemDelegate(_EntryDelegate(self.model, self.list))
        self.list.setMouseTracking(True)
        self.list.setUniformItemSizes(True)
        self.list.setAccessibleName("Layers that match")
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setFrameShape(QFrame.Shape.NoFrame)
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.SMALL, theme.SMALL, theme.SMALL, theme.SMALL)
        column.setSpacing(theme.SMALL)
        column.addWidget(self.field)
        column.addWidget(self.list)
        self.field.textChanged.connect(self._filter)
        self.field.returnPressed.connect(self._choose_current)
        self.field.installEventFilter(self)
        self.list.clicked.connect(self._choose)

    def open_at(self, corner: QPoint, info: NetworkInfo | None, chosen: str | None) -> None:
        """Open below this global point (its right end) over the layers of a network."""
        self.model.set_entries(entries_of(info))
        self.field.clear()
        self.resize(theme.scaled(440), theme.scaled(min(420, 64 + 28 * max(4, len(self.model.shown)))))
        self.move(corner.x() - self.width(), corner.y())
        self.show()
        row = next((i for i, entry in enumerate(self.model.shown) if entry.layer and entry.name == chosen), 0)
        self._select(row)
        self.field.setFocus(Qt.FocusReason.PopupFocusReason)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: D102
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            steps = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1, Qt.Key.Key_PageDown: 10, Qt.Key.Key_PageUp: -10}
            key = Qt.Key(event.key())
            if key in steps:
                self._select(self.list.currentIndex().row() + steps[key])
                return True
        return super().eventFilter(watched, event)

    def _filter(self, text: str) -> None:
        self.model.filter(text)
        self._select(0)

    def _select(self, row: int) -> None:
        able = [i for i, entry in enumerate(self.model.shown) if entry.layer is not None]
        if able:
            index = self.model.index(max(able[0], min(row, able[-1])))
            self.list.setCurrentIndex(index)
            self.list.scrollTo(index)

    def _choose_current(self) -> None:
        self._choose(self.list.currentIndex())

    def _choose(self, index: QModelIndex) -> None:
        if not index.isValid():
            return
        entry = self.model.shown[index.row()]
        if entry.layer is not None:
            self.hide()
            self.layer_chosen.emit(entry.name)
