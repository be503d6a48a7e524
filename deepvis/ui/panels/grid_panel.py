"""The middle of the window: layers above, all units of the chosen one, and how they are drawn below."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QDoubleSpinBox, QVBoxLayout, QWidget

from deepvis.colormaps import DIVERGING
from deepvis.messages import BOOSTS, COLORMAPS, GAMMAS, Size, ViewResult
from deepvis.ui import theme
from deepvis.ui.panels.controls import CHROME, Choice, FlowLayout, IconButton, label, pair, row
from deepvis.ui.panels.layer_strip import LayerStrip
from deepvis.ui.view_state import ViewState
from deepvis.ui.views.color_scale import ColorScale
from deepvis.ui.views.grid_view import GridView

_RANGES = (("Each unit", "unit"), ("Whole layer", "layer"), ("Fixed", "fixed"), ("Smooth", "smooth"))


class GridPanel(QWidget):
    """The mosaic with its controls.

    Signals
    -------
    room_changed : ``room``, the (height, width) in device pixels for the request, is another one.
    probe_changed : ``probe``, the (unit, y, x) under the pointer or None, is another one.
    """

    room_changed = Signal()
    probe_changed = Signal()

    def __init__(self, state: ViewState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.state = state
        self.setProperty("role", "window")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAccessibleName("Layer")
        self.strip = LayerStrip(state)
        self.view = GridView()
        self._make_controls()
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.MEDIUM, theme.SMALL, theme.MEDIUM, theme.SMALL)
        column.setSpacing(theme.SMALL)
        column.addWidget(self.strip)
        column.addWidget(self.view, 1)
        column.addWidget(self._controls)
        self._connect()
        self._renew()

    @property
    def room(self) -> Size:
        """(height, width) in device pixels that a mosaic may fill."""
        return self.view.room

    @property
    def probe(self) -> tuple[int, float, float] | None:
        """(unit, y, x) under the pointer, y and x in [0, 1) over the unit's map; None if there is none."""
        return self.view.hover

    def show_result(self, result: ViewResult) -> None:
        """Show this result's mosaic, and the value under the pointer."""
        grid = result.grid
        if grid is None:
            if result.request.grid is None:
                self.view.set_result(None)
            return
        self.view.set_result(grid)
        self._zoom(result)
        if result.request.probe is not None and result.request.probe == self.view.hover:
            self.view.set_value(result.probe)
        self.scale.set_scale(DIVERGING if grid.signed else grid.request.colormap, grid.low, grid.high)

    def follow(self) -> None:
        """Set every control from ``state.look``."""
        look = self.state.look
        for choice, value in (
            (self.show_what, look.show),
            (self.range, look.range),
            (self.boost, look.boost),
            (self.gamma, look.gamma),
            (self.sort, look.sort),
            (self.colormap, look.colormap),
        ):
            choice.set_value(value)
        self._fixed.setVisible(look.range == "fixed")
        for box, bound in zip((self.low, self.high), look.fixed, strict=True):
            if box.value() != bound:
                blocked = box.blockSignals(True)
                box.setValue(bound)
                box.blockSignals(blocked)
        self.zoom.setChecked(look.zoomed)
        self.zoom.set_icon("squares-four" if look.zoomed else "magnifying-glass-plus")
        self.view.set_chosen(look.unit)
        self.view.set_zoom(look.unit if look.zoomed else None)
        self.colormap.setEnabled(look.show != "gradient")
        self._controls.setEnabled(self.state.info is not None)

    # ------------------------------------------------------------------------------------------------------ making

    def _make_controls(self) -> None:
        self.show_what = Choice(
            "Show",
            "The layer's activations, the gradient of the chosen unit (or frozen origin) at this layer, the patches to "
            "which each unit answers most, or how the units go together",
            (
                ("Activations", "activation"),
                ("Gradient", "gradient"),
                ("Patches", "patches"),
                ("Correlation", "correlation"),
            ),
        )
        self.range = Choice("Range", "Which values the darkest and the brightest colour stand for", _RANGES)
        self.boost = Choice("Boost", "Lift weakly active units: tile × max to the power of −boost", _numbers(BOOSTS))
        self.gamma = Choice("Gamma", "Below 1, small values become brighter", _numbers(GAMMAS))
        self.sort = Choice(
            "Sort", "Order of the units on the screen", (("By number", "number"), ("By activity", "activity"))
        )
        self.colormap = Choice("Colours", "Colour map of the activations", [(name, name) for name in COLORMAPS])
        self.zoom = IconButton(
            "magnifying-glass-plus", "Zoom", "Show the chosen unit alone, as large as it fits", checkable=True
        )
        self.scale = ColorScale(bar_width=48)
        self.low, self.high = (self._bound(name) for name in ("lowest", "highest"))
        self._fixed = QWidget()
        self._fixed.setLayout(row(self.low, label("to", "quiet"), self.high))
        self._controls = QWidget()
        self._controls.setAccessibleName("How the layer is drawn")
        self._controls.setProperty(CHROME, True)
        flow = FlowLayout(self._controls, spacing=theme.SMALL)
        flow.addWidget(self.show_what)
        flow.addWidget(pair("Range", self.range))
        flow.addWidget(self._fixed)
        for text, control in (("Boost", self.boost), ("Gamma", self.gamma), ("Sort", self.sort)):
            flow.addWidget(pair(text, control))
        colors = QWidget()
        colors.setLayout(row(self.colormap, self.scale))
        for widget in (colors, self.zoom):
            flow.addWidget(widget)

    @staticmethod
    def _bound(which: str) -> QDoubleSpinBox:
        box = QDoubleSpinBox()
        box.setRange(-1e6, 1e6)
        box.setDecimals(2)
        box.setStepType(QDoubleSpinBox.StepType.AdaptiveDecimalStepType)
        box.setKeyboardTracking(False)
        box.setAccessibleName(f"Fixed range, {which} value")
        box.setToolTip(f"The {which} value of the fixed range")
        box.lineEdit().setTextMargins(theme.TIGHT, 0, 0, 0)
        return box

    def _connect(self) -> None:
        state = self.state
        self.show_what.chosen.connect(lambda show: self._set(show=show))
        self.range.chosen.connect(self._set_range)
        self.boost.chosen.connect(lambda boost: self._set(boost=boost))
        self.gamma.chosen.connect(lambda gamma: self._set(gamma=gamma))
        self.sort.chosen.connect(lambda sort: self._set(sort=sort))
        self.colormap.chosen.connect(lambda name: self._set(colormap=name))
        self.zoom.clicked.connect(lambda on: self._set(zoomed=on))
        self.low.valueChanged.connect(lambda low: self._set(fixed=(low, max(low, state.look.fixed[1]))))
        self.high.valueChanged.connect(lambda high: self._set(fixed=(min(high, state.look.fixed[0]), high)))
        self.view.unit_clicked.connect(lambda unit: self._set(unit=unit))
        self.view.unit_double_clicked.connect(lambda unit: self._set(unit=unit, zoomed=not state.look.zoomed))
        self.view.room_changed.connect(self.room_changed)
        theme.theme_changed.connect(self._scale_bounds)
        self._scale_bounds()
        self.view.hovered.connect(lambda *_: self.probe_changed.emit())
        self.view.left.connect(self.probe_changed)
        state.changed.connect(self.follow)
        state.network_changed.connect(self._renew)

    def _scale_bounds(self) -> None:
        for box in (self.low, self.high):
            box.setFixedWidth(theme.scaled(80))

    def _set(self, **changes: Any) -> None:
        self.state.update(**changes)

    def _set_range(self, range_: str) -> None:
        grid = self.view.result
        changes: dict[str, Any] = {"range": range_}
        # A fixed range begins with what is on the screen, so that the picture does not go blank.
        if range_ == "fixed" and self.state.look.range != "fixed" and grid is not None and grid.high > grid.low:
            changes["fixed"] = (round(grid.low, 2), round(grid.high, 2))
        self.state.update(**changes)

    def _zoom(self, result: ViewResult) -> None:
        look, unit = self.state.look, result.unit
        if not look.zoomed or look.unit is None:
            return
        mine = unit is not None and (unit.request.layer, unit.request.unit) == (look.layer, look.unit)
        # The unit's own map is at full resolution, and in activations: not what a gradient mosaic shows.
        usable = mine and result.grid is not None and not result.grid.signed
        self.view.set_zoom(look.unit, unit.picture if usable and unit is not None else None)

    def _renew(self) -> None:
        info = self.state.info
        labels = info.labels if info is not None else ()
        waiting = "Loading the network. Its layers appear here" if info is None else "Waiting for the first activations"
        self.view.set_placeholder(waiting)
        self.view.set_result(None)
        self._labels = labels
        self.scale.clear()
        self.view.set_unit_names(self._name_of)
        self.follow()

    def _name_of(self, unit: int) -> str:
        layer = self.state.layer
        is_answer = layer is not None and layer.size is None and layer.channels == len(self._labels)
        return self._labels[unit] if is_answer and unit < len(self._labels) else ""


def _numbers(values: tuple[float, ...]) -> list[tuple[str, float]]:
    return [(f"{value:g}", value) for value in values]
