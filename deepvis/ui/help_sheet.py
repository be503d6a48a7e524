"""All keys on one sheet over the window, made from the table of actions. UI thread only."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent, QKeySequence, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from deepvis.ui import theme
from deepvis.ui.actions import ACTIONS, GROUPS, ActionSpec, Group

COLUMNS: tuple[tuple[Group, ...], ...] = (
    ("Source", "Capture"),
    ("Network", "Mosaic", "Gallery"),
    ("Unit", "Lab"),
    ("Looking back", "Map", "Window"),
)


def key_text(spec: ActionSpec) -> str:
    """All shortcuts of an action as this platform writes them, also those that it has in its own panel only."""
    native = QKeySequence.SequenceFormat.NativeText
    return "  ".join(QKeySequence(key).toString(native) for key in (*spec.shortcuts, *spec.focus_keys))


class HelpSheet(QWidget):
    """Covers the window; any key or click closes it. ``closed`` says so."""

    closed = Signal()

    def __init__(self, host: QWidget) -> None:
        super().__init__(host)
        self._host = host
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._card = QFrame(self)
        self._card.setProperty("role", "toast")
        self._scroll = QScrollArea(self._card)
        self._scroll.setWidgetResizable(True)
        self._content = QWidget()
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        title = QLabel("Keys", self._card)
        title.setProperty("role", "title")
        hint = QLabel(
            "Any key closes. Ctrl+K finds every command by name; the mouse can do all of this too.", self._card
        )
        hint.setProperty("role", "quiet")
        head = QHBoxLayout()
        head.setSpacing(theme.LARGE)
        head.addWidget(title)
        head.addWidget(hint)
        head.addStretch(1)
        column = QVBoxLayout(self._card)
        column.setContentsMargins(theme.WIDE, theme.LARGE, theme.WIDE, theme.LARGE)
        column.setSpacing(theme.MEDIUM)
        column.addLayout(head)
        column.addWidget(self._scroll, 1)
        host.installEventFilter(self)
        self.hide()

    def open(self) -> None:
        """Show the sheet and take the focus. It is made anew each time: nobody waits for it at the start."""
        self._fill()
        self._place()
        self.show()
        self.raise_()
        self.setFocus()

    def close_sheet(self) -> None:
        """Go away."""
        if self.isVisible():
            self.hide()
            self._host.setFocus()
            self.closed.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Any key but a modifier closes; those that scroll, scroll."""
        bar = self._scroll.verticalScrollBar()
        steps = {Qt.Key.Key_Down: 40, Qt.Key.Key_Up: -40, Qt.Key.Key_PageDown: 400, Qt.Key.Key_PageUp: -400}
        key = event.key()
        if key in (Qt.Key.Key_Shift, Qt.Key.Key_Control, Qt.Key.Key_Alt, Qt.Key.Key_Meta):
            return
        if key in steps and bar.maximum() > 0:
            bar.setValue(bar.value() + steps[Qt.Key(key)])
            return
        self.close_sheet()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """A click closes."""
        self.close_sheet()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follow the window's size."""
        if event.type() == QEvent.Type.Resize and self.isVisible():
            self._place()
        return False

    def paintEvent(self, event: QPaintEvent) -> None:
        """Dim the window below."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme.current().color("window", 0.82))

    def _place(self) -> None:
        self.setGeometry(self._host.rect())
        content = self._content.sizeHint()
        width = min(content.width() + 2 * theme.WIDE + theme.LARGE, self.width() - 2 * theme.WIDE)
        height = min(content.height() + theme.scaled(80), self.height() - 2 * theme.WIDE)
        self._card.setGeometry((self.width() - width) // 2, (self.height() - height) // 2, width, height)

    def _fill(self) -> None:
        content = QWidget()
        content.setProperty("role", "clear")
        row = QHBoxLayout(content)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2 * theme.WIDE)
        assert {group for groups in COLUMNS for group in groups} == set(GROUPS)
        for groups in COLUMNS:
            column = QVBoxLayout()
            column.setSpacing(theme.SMALL)
            for group in groups:
                column.addWidget(_heading(group))
                column.addLayout(_group(group))
                column.addSpacing(theme.MEDIUM)
            column.addStretch(1)
            row.addLayout(column)
        self._content = content
        self._scroll.setWidget(content)


def _heading(group: Group) -> QLabel:
    in_panel = any(spec.focus_keys for spec in ACTIONS if spec.group == group)
    label = QLabel(f"{group}, while it has the focus" if in_panel else group)
    label.setProperty("role", "title")
    return label


def _group(group: Group) -> QGridLayout:
    grid = QGridLayout()
    grid.setHorizontalSpacing(theme.LARGE)
    grid.setVerticalSpacing(theme.TIGHT)
    for spec in ACTIONS:
        if spec.group == group and (spec.shortcuts or spec.focus_keys):
            keys = QLabel(key_text(spec))
            keys.setProperty("role", "quiet")
            text = QLabel(spec.text.rstrip("…"))
            text.setToolTip(spec.help)
            line = grid.rowCount()
            grid.addWidget(text, line, 0)
            grid.addWidget(keys, line, 1, Qt.AlignmentFlag.AlignLeft)
    grid.setColumnStretch(0, 1)
    return grid
