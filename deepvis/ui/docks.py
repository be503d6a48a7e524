"""The window's docks: where they stand at first, how they are put back, remembered and restored. UI thread only."""

from __future__ import annotations

import base64
import binascii

from PySide6.QtCore import QByteArray, QEvent, QObject, QSize, Qt
from PySide6.QtGui import QEnterEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QDockWidget, QFrame, QMainWindow, QScrollArea, QVBoxLayout, QWidget

from deepvis.ui import theme

LAYOUT_VERSION = 1
SIDE_WIDTHS = (304, 320)
MESSAGES_HEIGHT = 200
LAB_HEIGHT = 328


class DockHandle(QWidget):
    """A slim strip to drag a dock by; it shows itself under the pointer only, so that the pictures stay in front."""

    def __init__(self, dock: QDockWidget) -> None:
        super().__init__(dock)
        self.setToolTip("Drag to move, double-click to let it float")
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self._over = False

    def sizeHint(self) -> QSize:  # noqa: D102
        return QSize(40, theme.scaled(8))

    minimumSizeHint = sizeHint  # noqa: N815

    def enterEvent(self, event: QEnterEvent) -> None:  # noqa: D102
        self._over = True
        self.update()

    def leaveEvent(self, event: QEvent) -> None:  # noqa: D102
        self._over = False
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: D102
        painter = QPainter(self)
        palette = theme.current()
        painter.fillRect(self.rect(), palette.color("panel"))
        parent = self.parentWidget()
        if self._over or (isinstance(parent, QDockWidget) and parent.isFloating()):
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(palette.color("quiet"))
            width = theme.scaled(32)
            painter.drawRoundedRect((self.width() - width) // 2, self.height() // 2 - 1, width, 3, 1.5, 1.5)


class ColumnArea(QScrollArea):
    """Scrolls a column up and down; it is never narrower than the column, so that nothing is cut off at the side."""

    def __init__(self, column: QWidget) -> None:
        super().__init__()
        self._column = column
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setWidget(column)
        column.installEventFilter(self)
        self.verticalScrollBar().installEventFilter(self)

    def minimumSizeHint(self) -> QSize:  # noqa: D102
        bar = self.verticalScrollBar()
        taken = bar.sizeHint().width() if bar.isVisible() else 0
        return QSize(self._column.minimumSizeHint().width() + taken, theme.scaled(80))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follow the column's needs, and those of the bar beside it."""
        needs = (QEvent.Type.LayoutRequest,) if watched is self._column else (QEvent.Type.Show, QEvent.Type.Hide)
        if event.type() in needs:
            self.updateGeometry()
        return super().eventFilter(watched, event)


def make_dock(window: QMainWindow, name: str, title: str, widgets: tuple[QWidget, ...], scroll: bool) -> QDockWidget:
    """A dock with the widgets under each other, in a scroll area where they may be taller than the window."""
    dock = QDockWidget(title, window)
    dock.setObjectName(name)
    dock.setTitleBarWidget(DockHandle(dock))
    column = QWidget()
    column.setProperty("role", "panel")
    layout = QVBoxLayout(column)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(0)
    for widget in widgets:
        layout.addWidget(widget)
    if scroll:
        layout.addStretch(1)
        dock.setWidget(ColumnArea(column))
    else:
        dock.setWidget(column)
    return dock


class Docks:
    """The four docks of the window; those at the bottom are as wide as the window."""

    def __init__(
        self, window: QMainWindow, left: QDockWidget, right: QDockWidget, messages: QDockWidget, lab: QDockWidget
    ) -> None:
        self._window = window
        self.left, self.right, self.messages, self.lab = left, right, messages, lab
        self._aside: bool | None = None
        window.setDockNestingEnabled(True)
        window.setCorner(Qt.Corner.BottomLeftCorner, Qt.DockWidgetArea.BottomDockWidgetArea)
        window.setCorner(Qt.Corner.BottomRightCorner, Qt.DockWidgetArea.BottomDockWidgetArea)
        self.reset()

    def reset(self) -> None:
        """Every dock in its first place and size; lab and messages hidden."""
        window = self._window
        self._lab_has_height = False
        places = (
            (self.left, Qt.DockWidgetArea.LeftDockWidgetArea),
            (self.right, Qt.DockWidgetArea.RightDockWidgetArea),
            (self.lab, Qt.DockWidgetArea.BottomDockWidgetArea),
            (self.messages, Qt.DockWidgetArea.BottomDockWidgetArea),
        )
        for dock, area in places:
            dock.setFloating(False)
            window.removeDockWidget(dock)
            window.addDockWidget(area, dock)
            dock.setVisible(dock in (self.left, self.right))
        self.fit_width()
        window.resizeDocks([self.messages], [theme.scaled(MESSAGES_HEIGHT)], Qt.Orientation.Vertical)

    def show_lab(self, on: bool) -> None:
        """Show or hide the lab; it gets its own height when it is shown first (hidden docks cannot be resized), and in
        large type whenever it is shown."""
        self.lab.setVisible(on)
        if on and (not self._lab_has_height or theme.scale() > 1):
            self._lab_has_height = True
            self.fit_lab()

    def fit_lab(self) -> None:
        """Give the lab the height that it needs at the present size of type, and at most about half of the window's."""
        height = min(theme.scaled(LAB_HEIGHT), round(0.53 * self._window.height()))
        self._window.resizeDocks([self.lab], [height], Qt.Orientation.Vertical)

    def set_unit_aside(self, on: bool) -> None:
        """Hide the unit for as long as something else needs its room, or bring it back where it was shown before.

        Nothing of it is remembered: a layout that is saved meanwhile has the unit where it was.
        """
        if on and self._aside is None:
            self._aside = not self.right.isHidden()
            self.right.hide()
        elif not on and self._aside is not None:
            if self._aside:
                self.right.show()
            self._aside = None

    def fit_width(self) -> None:
        """Give the side docks the width that their content needs at the present size of type."""
        most = round(0.22 * self._window.width())
        widths = [theme.scaled(width) if theme.scale() == 1 else most for width in SIDE_WIDTHS]
        self._window.resizeDocks([self.left, self.right], widths, Qt.Orientation.Horizontal)

    def save(self) -> str:
        """Places and sizes as text."""
        hidden = bool(self._aside) and self.right.isHidden()
        if hidden:
            self.right.show()
        text = _text(self._window.saveState(LAYOUT_VERSION))
        if hidden:
            self.right.hide()
        return text

    def restore(self, text: str) -> bool:
        """Take places and sizes back; False (and nothing changes) where the text makes no sense."""
        data = _bytes(text)
        if data is None or not self._window.restoreState(data, LAYOUT_VERSION):
            return False
        self.messages.hide()
        if self._aside is not None:
            self._aside = not self.right.isHidden()
            self.right.hide()
        self._lab_has_height = not self.lab.isHidden()
        return True


def geometry_text(window: QWidget) -> str:
    """The window's place and size as text."""
    return _text(window.saveGeometry())


def restore_geometry(window: QWidget, text: str) -> bool:
    """Take the window's place and size back."""
    data = _bytes(text)
    return data is not None and window.restoreGeometry(data)


def _text(data: QByteArray) -> str:
    return base64.b64encode(data.data()).decode("ascii")


def _bytes(text: str) -> QByteArray | None:
    if not text:
        return None
    try:
        return QByteArray(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        return None
