"""The pictures of an occlusion run: the map over the picture, and the picture with the window at one place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import QEvent, QRectF, Qt
from PySide6.QtGui import QFocusEvent, QKeyEvent, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QSlider, QVBoxLayout, QWidget

from deepvis.messages import RunUpdate, UInt8Array
from deepvis.ui import theme
from deepvis.ui.panels.controls import Choice, ElidedLabel, Figure, pair, row
from deepvis.ui.panels.occlusion_maps import MapName, OcclusionMaps
from deepvis.ui.views.color_scale import ColorScale
from deepvis.ui.views.image_view import ImageView
from deepvis.ui.views.numbers import format_percent, format_value

_MAPS: tuple[tuple[str, MapName], ...] = (("Drop", "drop"), ("Probability", "probability"), ("Logit", "logit"))
_MEANINGS: dict[MapName, str] = {
    "drop": "By how much the logit falls where the window is; below zero where the class gains by it",
    "probability": "The class's probability with the window there: low where the class depends on the picture",
    "logit": "The class's logit with the window there: low where the class depends on the picture",
}
_STEPS = {
    Qt.Key.Key_Left: (0, -1),
    Qt.Key.Key_Right: (0, 1),
    Qt.Key.Key_Up: (-1, 0),
    Qt.Key.Key_Down: (1, 0),
}


class _MapView(ImageView):
    """A picture that can have the focus; the arrow keys are its own then."""

    def __init__(self, view: OcclusionView, placeholder: str) -> None:
        super().__init__(placeholder=placeholder, smooth=True)
        self._view = view
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and self._step(event):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = self._step(event)
        if step is None:
            super().keyPressEvent(event)
        else:
            self._view.move_place(*step)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self._view.leave()
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self.hasFocus():
            painter = QPainter(self)
            painter.setPen(QPen(theme.current().color("accent"), 1))
            rect = QRectF(self.rect()) if self.empty else self.picture_rect()
            painter.drawRect(rect.adjusted(0.5, 0.5, -0.5, -0.5))

    def _step(self, event: QKeyEvent) -> tuple[int, int] | None:
        plain = event.modifiers() in (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.KeypadModifier)
        return _STEPS.get(Qt.Key(event.key())) if plain and not self.empty else None


class OcclusionView(QWidget):
    """Shows an occlusion run as it fills in. Under the pointer, or by the arrow keys, one place of the window."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Occlusion map")
        self._maps: OcclusionMaps | None = None
        self._place: tuple[int, int] | None = None
        self.map = Choice("Map", "Which map is laid over the picture", _MAPS)
        self.opacity = QSlider(Qt.Orientation.Horizontal)
        self.opacity.setRange(0, 100)
        self.opacity.setValue(60)
        self.opacity.setAccessibleName("Map opacity")
        self.opacity.setToolTip("How much the map covers the picture")
        self.opacity.setMinimumWidth(theme.scaled(56))
        self.opacity.setMaximumWidth(theme.scaled(140))
        self.scale = ColorScale(bar_width=96)
        self.picture = _MapView(self, "Press Start to see which parts of the picture the class depends on")
        self.picture.setAccessibleName("Picture with the occlusion map")
        self.picture.setToolTip("Point at a place to cover it; the arrow keys move from place to place")
        self.covered = ImageView(placeholder="Here comes the picture with the window in it", smooth=True)
        self.covered.setAccessibleName("Picture with the window")
        self.target = ElidedLabel("", "")
        self.whole = Figure("uncovered 100.0 %, logit −0.0000", quiet=True)
        self.place = Figure("strongest window, row 999, column 999", quiet=True)
        self.values = Figure("probability 100.0 %, logit −0.0000")
        controls = QHBoxLayout()
        controls.setSpacing(theme.MEDIUM)
        controls.addWidget(pair("Map", self.map))
        controls.addWidget(pair("Opacity", self.opacity))
        controls.addWidget(self.scale)
        controls.addStretch(1)
        pictures = QHBoxLayout()
        pictures.setSpacing(theme.MEDIUM)
        self._columns = (
            _column(self.picture, self.target, self.whole),
            _column(self.covered, self.values, self.place),
        )
        for each in self._columns:
            pictures.addWidget(each)
        pictures.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.SMALL)
        column.addLayout(controls)
        column.addLayout(pictures, 1)
        self.map.chosen.connect(lambda _name: self._show_map())
        self.opacity.valueChanged.connect(lambda percent: self.picture.set_opacity(percent / 100))
        self.picture.hovered.connect(self._hover)
        self.picture.left.connect(self.leave)
        self._say_meaning()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Give the pictures the width that square ones fill, and that their captions need."""
        super().resizeEvent(event)
        captions = 2 * self.place.sizeHint().height() + theme.scaled(theme.SMALL)
        height = self.height() - self.map.sizeHint().height() - captions - theme.SMALL
        widest = (self.width() - theme.MEDIUM) // 2
        width = max(theme.scaled(32), min(widest, max(height, self.place.sizeHint().width())))
        for column in self._columns:
            column.setFixedWidth(width)

    # -------------------------------------------------------------------------------------------------------- content

    @property
    def maps(self) -> OcclusionMaps | None:
        """What is shown, or None."""
        return self._maps

    def show_update(self, update: RunUpdate) -> None:
        """Show the maps so far."""
        before, self._maps = self._maps, OcclusionMaps.of(update)
        if before is None or before.places != self._maps.places:
            self._place = None
        self.picture.set_picture(self._maps.picture)
        chance, logit = format_percent(self._maps.whole_probability), format_value(self._maps.whole_logit)
        self.target.setText(self._maps.label)
        self.whole.setText(f"uncovered {chance}, logit {logit}")
        self._show_map()
        self._show_place()

    def set_hint(self, text: str) -> None:
        """What is written while nothing was run."""
        self.picture.set_placeholder(text)

    def export_picture(self) -> UInt8Array | None:
        """The picture with the map as it is shown, uint8 (H, W, 4) BGRX, or None."""
        if self._maps is None:
            return None
        return self._maps.blended(self.map.value, self.opacity.value() / 100)

    def export_arrays(self) -> Mapping[str, Any]:
        """The maps and what belongs to them, for an npz file."""
        return {} if self._maps is None else self._maps.arrays()

    @property
    def export_name(self) -> str:
        """What an exported file is called."""
        return f"occlusion {self._maps.label}" if self._maps is not None else "occlusion"

    # ---------------------------------------------------------------------------------------------------------- place

    def move_place(self, rows: int, columns: int) -> None:
        """Cover a neighbouring place."""
        maps = self._maps
        if maps is None:
            return
        row_, column = self._place or maps.strongest or (0, 0)
        last_row, last_column = maps.places[0] - 1, maps.places[1] - 1
        self._place = (max(0, min(row_ + rows, last_row)), max(0, min(column + columns, last_column)))
        self._show_place()

    def leave(self) -> None:
        """Show the strongest window again."""
        if self._place is not None:
            self._place = None
            self._show_place()

    def _hover(self, y: float, x: float) -> None:
        if self._maps is not None:
            place = self._maps.place_at(y, x)
            if place != self._place:
                self._place = place
                self._show_place()

    def _show_map(self) -> None:
        self._say_meaning()
        if self._maps is not None:
            name: MapName = self.map.value
            self.picture.set_overlay(self._maps.overlay(name), self.opacity.value() / 100)
            self.scale.set_scale(*self._maps.scale(name))

    def _show_place(self) -> None:
        maps = self._maps
        place = self._place or (maps.strongest if maps is not None else None)
        if maps is None or place is None:
            return
        self.covered.set_picture(maps.covered(*place))
        top, left, bottom, right = maps.box(*place)
        height, width = maps.size
        self.picture.set_mark((top / height, left / width, bottom / height, right / width))
        what = "row" if self._place is not None else "strongest window, row"
        self.place.setText(f"{what} {place[0] + 1}, column {place[1] + 1}")
        if maps.known[place]:
            chance, logit = float(maps.probability[place]), float(maps.logit[place])
            self.values.setText(f"probability {format_percent(chance)}, logit {format_value(logit)}")
        else:
            self.values.setText("not computed yet")

    def _say_meaning(self) -> None:
        name: MapName = self.map.value
        self.map.setToolTip(_MEANINGS[name])


def _column(view: QWidget, *captions: QWidget) -> QWidget:
    holder = QWidget()
    column = QVBoxLayout(holder)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(2)
    column.addWidget(view, 1)
    for caption in captions:
        stretch = () if isinstance(caption, ElidedLabel) else (1,)
        column.addLayout(row(caption, *stretch))
    return holder
