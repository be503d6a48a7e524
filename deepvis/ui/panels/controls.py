"""Parts that every panel is made of: a header, choices that never echo, rows that wrap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QMargins, QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QIcon, QPainter, QPaintEvent, QWheelEvent
from PySide6.QtWidgets import (
    QApplication,
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLayout,
    QLayoutItem,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from deepvis.ui import theme
from deepvis.ui.view_state import ViewState
from deepvis.ui.views.pace import Pace

CHROME = "chrome"
"""Property of widgets that presentation mode hides: controls that nobody in the room needs to see."""


class Panel(QWidget):
    """A titled column. Subclasses add to ``body`` and set their controls in :meth:`follow`, called on every change.

    Parameters
    ----------
    state : what is shown; the panel writes a person's choices into it.
    widest_figures : the longest text of ``figures``, right of the title.
    """

    def __init__(
        self, state: ViewState, title: str, parent: QWidget | None = None, *, widest_figures: str = ""
    ) -> None:
        super().__init__(parent)
        self.state = state
        self.setProperty("role", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAccessibleName(title)
        self.title = ElidedLabel(title, "title")
        self.figures = Figure(widest_figures, quiet=True, right=True)
        self.header = QHBoxLayout()
        self.header.setSpacing(theme.SMALL)
        self.header.addWidget(self.title, 1)
        self.header.addWidget(self.figures)
        self.body = QVBoxLayout(self)
        self.body.setContentsMargins(theme.MEDIUM, theme.SMALL, theme.MEDIUM, theme.SMALL)
        self.body.setSpacing(theme.SMALL)
        self.body.addLayout(self.header)
        state.changed.connect(self.follow)

    def follow(self) -> None:
        """Set every control from ``state.look``."""
        raise NotImplementedError


class Choice(QComboBox):
    """One of several values. ``chosen`` is emitted for a person's choice only, never for :meth:`set_value`."""

    chosen = Signal(object)

    def __init__(
        self, name: str, tooltip: str, options: Sequence[tuple[str, Any]] = (), parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.setToolTip(tooltip)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self._options: tuple[tuple[str, Any], ...] = ()
        self.set_options(options)
        self.activated.connect(lambda index: self.chosen.emit(self._options[index][1]))

    @property
    def value(self) -> Any:
        """The value that is shown, or None where there is none."""
        index = self.currentIndex()
        return self._options[index][1] if 0 <= index < len(self._options) else None

    def set_options(self, options: Sequence[tuple[str, Any]]) -> None:
        """Offer these (text, value) pairs; the shown value stays if it is among them."""
        if tuple(options) == self._options:
            return
        value = self.value
        self._options = tuple(options)
        self.clear()
        self.addItems([text for text, _ in options])
        self.set_value(value)

    def set_value(self, value: Any) -> None:
        """Show this value, silently; one that is not offered leaves the choice as it is."""
        values = [each for _, each in self._options]
        if value in values and values.index(value) != self.currentIndex():
            self.setCurrentIndex(values.index(value))

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: D102
        # Scrolling a panel must not change the choices that pass under the pointer.
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()


class IconButton(QPushButton):
    """A button with an icon that follows the theme."""

    def __init__(
        self,
        icon: str,
        name: str,
        tooltip: str,
        parent: QWidget | None = None,
        *,
        text: str = "",
        checkable: bool = False,
    ) -> None:
        # A button puts its text right beside its icon; a space keeps them apart in any size of type.
        super().__init__(f" {text}" if text else "", parent)
        self._icon = icon
        self.setAccessibleName(name)
        self.setToolTip(tooltip)
        self.setCheckable(checkable)
        self._renew()
        theme.theme_changed.connect(self._renew)

    def set_icon(self, icon: str) -> None:
        """Show another icon of the set."""
        if icon != self._icon:
            self._icon = icon
            self._renew()

    def _renew(self) -> None:
        self.setIcon(theme.icon(self._icon) if self._icon else QIcon())
        size = theme.scaled(16)
        self.setIconSize(QSize(size, size))


class ElidedLabel(QLabel):
    """A line of text that loses its middle where there is no room for all of it; the tooltip has it whole.

    ``shorter`` are texts that are shown in its place where they fit, the longest first.
    """

    def __init__(self, text: str, role: str) -> None:
        super().__init__(text)
        self.shorter: tuple[str, ...] = ()
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setProperty("role", role)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)

    def minimumSizeHint(self) -> QSize:  # noqa: D102
        return QSize(theme.scaled(40), super().minimumSizeHint().height())

    @property
    def shown_text(self) -> str:
        """What there is room for."""
        metrics, width = self.fontMetrics(), self.contentsRect().width()
        whole = (text for text in (self.text(), *self.shorter) if metrics.horizontalAdvance(text) <= width)
        last = self.shorter[-1] if self.shorter else self.text()
        return next(whole, metrics.elidedText(last, Qt.TextElideMode.ElideMiddle, width))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: D102
        painter = QPainter(self)
        rect = self.contentsRect()
        text = self.shown_text
        painter.setPen(self.palette().color(self.foregroundRole()))
        painter.drawText(rect, self.alignment() | Qt.AlignmentFlag.AlignVCenter, text)
        tip = self.text() if text != self.text() else ""
        if tip != self.toolTip():
            self.setToolTip(tip)


class Figure(QWidget):
    """A figure that changes with every frame, in a place of fixed size.

    A QLabel asks its whole window for a new layout at each new text; this one only paints itself.

    Parameters
    ----------
    widest : a text as long as nearly any that will come; it sets the width. A longer one widens the place for good.
    caption : what it is a figure of, written at the other side where there is room for both.
    """

    def __init__(self, widest: str, *, quiet: bool = False, right: bool = False, caption: str = "") -> None:
        super().__init__()
        self._text = ""
        self._caption = caption
        self._widest = widest
        self._token = "quiet" if quiet else "text"
        self._pace = Pace(self)
        self._side = Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        theme.theme_changed.connect(self.updateGeometry)

    def text(self) -> str:
        """What is shown."""
        return self._text

    def setText(self, text: str) -> None:
        """Show this text."""
        if text != self._text:
            self._text = text
            if len(text) > len(self._widest):
                self._widest = text
                self.updateGeometry()
            self.setAccessibleDescription(text)
            self._pace.update()

    def set_caption(self, caption: str) -> None:
        """Show another caption, or none."""
        if caption != self._caption:
            self._caption = caption
            self._pace.update()

    @property
    def shown_caption(self) -> str:
        """The caption as far as there is room for it: all of it, or nothing."""
        metrics = QFontMetrics(theme.figure_font())
        needed = metrics.horizontalAdvance(self._caption) + metrics.horizontalAdvance(self._text) + theme.scaled(6)
        return self._caption if needed <= self.width() else ""

    def sizeHint(self) -> QSize:  # noqa: D102
        metrics = QFontMetrics(theme.figure_font())
        return QSize(metrics.horizontalAdvance(self._widest) + 2, metrics.height())

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: D102
        painter = QPainter(self)
        painter.setFont(theme.figure_font())
        painter.setPen(theme.current().color(self._token if self.isEnabled() else "disabled"))
        middle, left, right = Qt.AlignmentFlag.AlignVCenter, Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignRight
        painter.drawText(self.rect(), self._side | middle, self._text)
        caption = self.shown_caption
        if caption:
            painter.drawText(self.rect(), (left if self._side == right else right) | middle, caption)


def label(text: str, role: str = "", *, wrap: bool = False) -> QLabel:
    """A label in one of the style sheet's roles (``title``, ``quiet``, ``figure``, …)."""
    made = QLabel(text)
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setWordWrap(wrap)
    if role:
        made.setProperty("role", role)
    return made


def row(*items: QWidget | QLayout | int, spacing: int = theme.SMALL) -> QHBoxLayout:
    """Widgets side by side; a number is a stretch of that weight."""
    made = QHBoxLayout()
    made.setContentsMargins(0, 0, 0, 0)
    made.setSpacing(spacing)
    for item in items:
        if isinstance(item, int):
            made.addStretch(item)
        elif isinstance(item, QLayout):
            made.addLayout(item)
        else:
            made.addWidget(item)
    return made


class FocusArea(QScrollArea):
    """A scroll area that brings into sight what gets the focus in it, wherever the focus was before.

    Qt's own does so only where the focus moves within it.
    """

    def __init__(self, content: QWidget) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setWidget(content)
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        app.focusChanged.connect(self._follow)

    def _follow(self, _before: QWidget | None, now: QWidget | None) -> None:
        content = self.widget()
        if now is not None and content is not None and content.isAncestorOf(now):
            # ensureWidgetVisible would be content with the place of the cursor in it.
            for corner in (now.rect().bottomRight(), now.rect().topLeft()):
                place = now.mapTo(content, corner)
                self.ensureVisible(place.x(), place.y(), 0, theme.SMALL)


def scrolled(content: QWidget, name: str) -> QScrollArea:
    """A widget that scrolls up and down in as much room as there is; ``name`` is for screen readers."""
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setWidget(content)
    area.setAccessibleName(name)
    return area


def pair(text: str, control: QWidget) -> QWidget:
    """A control with its name in quiet text before it, kept together when a row wraps."""
    holder = QWidget()
    name = label(text, "quiet")
    name.setBuddy(control)
    layout = row(name, control)
    holder.setLayout(layout)
    holder.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
    return holder


class FlowLayout(QLayout):
    """Widgets from left to right, going on in the next line where a line is full."""

    def __init__(self, parent: QWidget | None = None, *, spacing: int = theme.SMALL, line: int = theme.TIGHT) -> None:
        super().__init__(parent)
        self._items: list[QLayoutItem] = []
        self._line = line
        self.setSpacing(spacing)
        self.setContentsMargins(QMargins())

    def addItem(self, item: QLayoutItem) -> None:  # noqa: D102
        self._items.append(item)

    def count(self) -> int:  # noqa: D102
        return len(self._items)

    def itemAt(self, index: int) -> QLayoutItem | None:  # noqa: D102
        return self._items[index] if 0 <= index < len(self._items) else None

    def takeAt(self, index: int) -> QLayoutItem | None:  # noqa: D102
        return self._items.pop(index) if 0 <= index < len(self._items) else None

    def expandingDirections(self) -> Qt.Orientation:  # noqa: D102
        return Qt.Orientation(0)

    def hasHeightForWidth(self) -> bool:  # noqa: D102
        return True

    def heightForWidth(self, width: int) -> int:  # noqa: D102
        return self._arrange(QRect(0, 0, width, 0), place=False)

    def sizeHint(self) -> QSize:  # noqa: D102
        return self.minimumSize()

    def minimumSize(self) -> QSize:  # noqa: D102
        size = QSize()
        for item in self._items:
            size = size.expandedTo(item.minimumSize())
        return size

    def setGeometry(self, rect: QRect) -> None:  # noqa: D102
        super().setGeometry(rect)
        self._arrange(rect, place=True)

    def _arrange(self, rect: QRect, *, place: bool) -> int:
        lines: list[list[tuple[QLayoutItem, QSize]]] = [[]]
        used = 0
        for item in self._items:
            if item.isEmpty():
                continue
            hint = item.sizeHint()
            if lines[-1] and used + hint.width() > rect.width():
                lines.append([])
                used = 0
            lines[-1].append((item, hint))
            used += hint.width() + self.spacing()
        y = rect.y()
        for line in lines:
            tallest = max((hint.height() for _, hint in line), default=0)
            x = rect.x()
            for item, hint in line:
                if place:
                    item.setGeometry(QRect(QPoint(x, y + (tallest - hint.height()) // 2), hint))
                x += hint.width() + self.spacing()
            y += tallest + self._line
        return y - self._line - rect.y()
