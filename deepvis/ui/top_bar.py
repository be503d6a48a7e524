"""The bar at the top: source, network, input size, device | freeze, record, snapshot | theme, presentation, search."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPoint, QRect, QSize, Qt
from PySide6.QtGui import QAction, QIcon, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import (
    QMenu,
    QSizePolicy,
    QStyle,
    QStyleOptionToolButton,
    QStylePainter,
    QToolBar,
    QToolButton,
    QWidget,
)

from deepvis.ui import theme
from deepvis.ui.actions import Actions, shortcut_text

_SEARCH = 228
_ROOMY = 1400
"""Pixels at the usual size of type from which there is room for a wide search button."""
_TIGHTEST = 4


class BarButton(QToolButton):
    """An icon, a text and a quiet key, each optional. The text is at most ``limit`` pixels wide at scale 1.

    Where room is short it gives up the key first, then the text for ``tight_icon`` if it has one, then half of the
    text, then its arrow and half of what is left.
    """

    def __init__(
        self,
        parent: QWidget,
        icon: str = "",
        key: str = "",
        limit: int = 240,
        width: int = 0,
        quiet: bool = False,
        tight_icon: str = "",
    ) -> None:
        super().__init__(parent)
        self._tight_icon = tight_icon
        self._tightness = 0
        self._icon_name = icon
        self._key = key
        self._limit = limit
        self._width = width
        self._quiet = quiet
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)

    def set_icon_name(self, name: str) -> None:
        """Show another icon."""
        if name != self._icon_name:
            self._icon_name = name
            self.updateGeometry()
            self.update()

    def set_menu(self, menu: QMenu) -> None:
        """Open this menu on a click."""
        self.setMenu(menu)
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.updateGeometry()

    def set_tightness(self, tightness: int) -> None:
        """How much to give up for the other buttons' sake: 0 (nothing) to 4."""
        if tightness != self._tightness:
            self._tightness = tightness
            self.updateGeometry()
            self.update()

    def width_at(self, tightness: int) -> int:
        """The width in pixels that it needs at a tightness of 0 to 4."""
        metrics = self.fontMetrics()
        texts = self._text_at(tightness), self._key_at(tightness)
        parts = [metrics.horizontalAdvance(text) for text in texts if text]
        if self._icon_at(tightness):
            parts.append(theme.scaled(16))
        width = 2 * theme.scaled(10) + sum(parts) + theme.scaled(7) * max(0, len(parts) - 1)
        if self._has_arrow(tightness):
            width += theme.scaled(16)
        return max(width, theme.scaled(self._width))

    def sizeHint(self) -> QSize:  # noqa: D102
        return QSize(self.width_at(self._tightness), theme.scaled(28))

    minimumSizeHint = sizeHint  # noqa: N815

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: D102
        painter = QStylePainter(self)
        option = QStyleOptionToolButton()
        self.initStyleOption(option)
        option.text = ""
        option.icon = QIcon()
        if not self._has_arrow(self._tightness):
            option.features = QStyleOptionToolButton.ToolButtonFeature(0)
        painter.drawComplexControl(QStyle.ComplexControl.CC_ToolButton, option)
        palette = theme.current()
        arrow = theme.scaled(16) if self._has_arrow(self._tightness) else 0
        inner = self.rect().adjusted(theme.scaled(10), 0, -theme.scaled(10) - arrow, 0)
        if icon := self._icon_at(self._tightness):
            self._paint_icon(painter, inner, icon)
            inner.setLeft(inner.left() + theme.scaled(16 + 7))
        name = "quiet" if self._quiet else "text"
        if not self.isEnabled():
            name = "disabled"
        elif self.isChecked():
            name = "accent_text"
        painter.setPen(palette.color(name))
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.drawText(inner, middle | Qt.AlignmentFlag.AlignLeft, self._text_at(self._tightness))
        if key := self._key_at(self._tightness):
            painter.setPen(palette.color("quiet" if self.isEnabled() else "disabled"))
            painter.drawText(inner, middle | Qt.AlignmentFlag.AlignRight, key)

    def changeEvent(self, event: QEvent) -> None:  # noqa: D102
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self.updateGeometry()
        super().changeEvent(event)

    def setText(self, text: str) -> None:  # noqa: D102
        if text != self.text():
            super().setText(text)
            self.updateGeometry()

    def set_width(self, width: int) -> None:
        """The least width in pixels at the usual size of type."""
        if width != self._width:
            self._width = width
            self.updateGeometry()

    def _paint_icon(self, painter: QStylePainter, inner: QRect, name: str) -> None:
        side = theme.scaled(16)
        mode = QIcon.Mode.Normal if self.isEnabled() else QIcon.Mode.Disabled
        state = QIcon.State.On if self.isChecked() else QIcon.State.Off
        ratio = self.devicePixelRatioF()
        pixmap = theme.icon(name).pixmap(QSize(side, side), ratio, mode, state)
        painter.drawPixmap(QRect(inner.left(), (self.height() - side) // 2, side, side), pixmap)

    def _has_arrow(self, tightness: int) -> bool:
        return self.menu() is not None and bool(self.text()) and tightness < 4

    def _icon_at(self, tightness: int) -> str:
        return self._tight_icon if self._tight_icon and tightness >= 2 else self._icon_name

    def _key_at(self, tightness: int) -> str:
        return self._key if tightness < 1 else ""

    def _text_at(self, tightness: int) -> str:
        if self._tight_icon and tightness >= 2:
            return ""
        limit = self._limit >> max(0, tightness - 2)
        return self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, theme.scaled(limit))


class TopBar(QToolBar):
    """Menus and the things that are done most often. The owner puts texts and menus in."""

    def __init__(self, actions: Actions, parent: QWidget | None = None) -> None:
        super().__init__("Top bar", parent)
        self.setObjectName("top bar")
        self.setMovable(False)
        self.setFloatable(False)
        self._actions = actions
        self.source = self._menu_button("source.menu", "camera", 220)
        self.network = self._menu_button("network.menu", "", 180)
        self.input_size = self._menu_button("network.size", "", 120)
        self.device = self._menu_button("network.device", "", 160)
        self._space()
        self.freeze = self._action_button("source.freeze", "pause", "Freeze")
        self.record = self._action_button("capture.record", "record", "Record")
        self.snapshot = BarButton(self, "", shortcut_text(actions.specs["capture.window"]), tight_icon="aperture")
        self.snapshot.setText("Snapshot")
        self.snapshot.setAccessibleName("Snapshot")
        self.snapshot.setToolTip(actions["capture.window"].toolTip())
        self.addWidget(self.snapshot)
        self._space()
        self.map = self._action_button("map.show", "map-trifold", "")
        self.theme = self._action_button("window.theme", "moon", "")
        self.presentation = self._action_button("window.presentation", "presentation", "")
        self.help = self._action_button("window.help", "question", "")
        self.search = BarButton(self, "", "Ctrl K", width=_SEARCH, quiet=True, tight_icon="magnifying-glass")
        self.search.setText("Search commands")
        self.search.setAccessibleName("Search commands")
        self.search.setToolTip(actions["window.palette"].toolTip())
        self.search.clicked.connect(actions["window.palette"].trigger)
        self.addWidget(self.search)
        self.main = BarButton(self, "list")
        self.main.setToolTip(actions["window.menu"].toolTip())
        self.main.setAccessibleName("Menu")
        self.addWidget(self.main)
        theme.theme_changed.connect(self._themed)
        self._themed()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: D102
        roomy = event.size().width() >= theme.scaled(_ROOMY)
        self.search.setText("Search commands" if roomy else "Search")
        self.search.set_width(_SEARCH if roomy else 0)
        self._fit()
        super().resizeEvent(event)

    def event(self, event: QEvent) -> bool:  # noqa: D102
        if event.type() == QEvent.Type.LayoutRequest:
            # Another source's or network's name is longer or shorter than the last one's.
            self._fit()
        return super().event(event)

    def open_menu(self, button: QToolButton) -> None:
        """Open a button's menu under it, without blocking."""
        menu = button.menu()
        if menu is not None and button.isEnabled():
            menu.popup(button.mapToGlobal(QPoint(0, button.height())))
            first = next((action for action in menu.actions() if action.isEnabled() and not action.isSeparator()), None)
            if first is not None:
                menu.setActiveAction(first)

    def _menu_button(self, action_id: str, icon: str, limit: int) -> BarButton:
        button = BarButton(self, icon, limit=limit)
        button.setToolTip(self._actions[action_id].toolTip())
        button.setAccessibleName(self._actions[action_id].text())
        button.setText("–")
        self.addWidget(button)
        return button

    def _action_button(self, action_id: str, icon: str, text: str) -> BarButton:
        action = self._actions[action_id]
        spec = self._actions.specs[action_id]
        button = BarButton(self, icon, shortcut_text(spec) if text else "", tight_icon=icon)
        button.setText(text)
        button.setAccessibleName(spec.text)
        button.setCheckable(spec.checkable)

        def follow(changed: QAction = action) -> None:
            button.setEnabled(changed.isEnabled())
            button.setChecked(changed.isChecked())
            button.setToolTip(changed.toolTip())

        action.changed.connect(follow)
        follow()

        def trigger() -> None:
            follow()
            action.trigger()

        button.clicked.connect(trigger)
        self.addWidget(button)
        return button

    def _fit(self) -> None:
        """Let the buttons give up as little as lets all of them be seen."""
        layout = self.layout()
        if layout is None:
            return
        buttons = self.findChildren(BarButton)
        margins = layout.contentsMargins()
        # The two spaces between the groups have no width of their own, but a gap on either side.
        room = self.width() - margins.left() - margins.right() - layout.spacing() * (len(buttons) + 1)
        tightness = 0
        while tightness < _TIGHTEST and sum(button.width_at(tightness) for button in buttons) > room:
            tightness += 1
        for button in buttons:
            button.set_tightness(tightness)

    def _space(self) -> None:
        space = QWidget(self)
        space.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.addWidget(space)

    def _themed(self) -> None:
        self.theme.set_icon_name("sun" if theme.current().name == "dark" else "moon")
