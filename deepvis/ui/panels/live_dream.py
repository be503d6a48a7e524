"""The switch that lets the network dream on the live view, and how strongly it does."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QCheckBox, QGridLayout, QLabel, QSlider, QVBoxLayout, QWidget

from deepvis.messages import DreamRequest
from deepvis.ui import theme
from deepvis.ui.look import Look
from deepvis.ui.panels.controls import IconButton, label, row
from deepvis.ui.view_state import ViewState

_STRONGEST, _LONGEST_MEMORY = 300, 95
"""Percent."""


class LiveDream(QWidget):
    """Switches the live dream on and off; it is of the layer that is shown in the window, or of its chosen unit.

    Signals
    -------
    switched : a person switched it.
    """

    switched = Signal(bool)

    def __init__(self, state: ViewState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = state
        self.switch = IconButton(
            "sparkle", "Dream on the live view",
            "Each frame begins from the last dream blended with the new frame (Shift+D)",
            text="Dream on the live view", checkable=True,
        )  # fmt: skip
        self.unit_only = QCheckBox("Chosen unit only")
        self.unit_only.setToolTip("Dream of the unit that is chosen in the mosaic, not of its whole layer")
        self.strength = _slider("Strength", "How far each frame is moved towards the layer", 100, _STRONGEST)
        self.memory = _slider("Memory", "How much of the last dream the next one begins with", 50, _LONGEST_MEMORY)
        self._choices = QWidget()
        self._grid = grid = QGridLayout(self._choices)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(theme.MEDIUM)
        grid.setVerticalSpacing(theme.TIGHT)
        self._names: list[QLabel] = []
        for place, slider in enumerate((self.strength, self.memory)):
            name = label(slider.accessibleName(), "quiet")
            self._names.append(name)
            name.setBuddy(slider)
            grid.addWidget(name, place, 0)
            grid.addWidget(slider, place, 1)
        grid.addWidget(self.unit_only, 2, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.SMALL)
        column.addLayout(row(self.switch, 1))
        column.addWidget(self._choices)
        self._choices.hide()
        self.switch.clicked.connect(self.set_on)
        self.unit_only.toggled.connect(lambda _on: self._renew())
        for slider in (self.strength, self.memory):
            slider.valueChanged.connect(lambda _value: self._renew())
        state.changed.connect(self._follow)

    @property
    def name_width(self) -> int:
        """How wide the wider of the sliders' names is, in logical pixels."""
        return max(name.sizeHint().width() for name in self._names)

    def set_name_width(self, width: int) -> None:
        """Give the names a column of at least this width."""
        self._grid.setColumnMinimumWidth(0, width)

    @property
    def on(self) -> bool:
        """Whether the live view is dreamt on."""
        return self._state.look.dream is not None

    @property
    def stops(self) -> list[QWidget]:
        """What the keyboard reaches, in order."""
        return [self.switch, self.strength, self.memory, self.unit_only]

    def set_on(self, on: bool) -> None:
        """Dream from now on, or no longer."""
        look = self._state.look
        self._state.update(dream=self._request(look) if on else None, frozen=look.frozen and not on)
        self._follow()
        self.switched.emit(self.on)

    def _request(self, look: Look) -> DreamRequest | None:
        if look.layer is None:
            return None
        unit = look.unit if self.unit_only.isChecked() else None
        return DreamRequest(look.layer, unit, self.strength.value() / 100, self.memory.value() / 100)

    def _renew(self) -> None:
        if self.on:
            self._state.update(dream=self._request(self._state.look))

    def _follow(self) -> None:
        on = self.on
        self.switch.setChecked(on)
        self.switch.setEnabled(self._state.look.layer is not None)
        self._choices.setVisible(on)
        # Another layer or unit is dreamt of as soon as it is shown.
        self._renew()


def _slider(name: str, tooltip: str, percent: int, highest: int) -> QSlider:
    slider = QSlider(Qt.Orientation.Horizontal)
    slider.setRange(0, highest)
    slider.setValue(percent)
    slider.setAccessibleName(name)
    slider.setToolTip(tooltip)
    return slider
