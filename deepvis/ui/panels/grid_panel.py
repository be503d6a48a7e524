"""The middle of the window: layers above, all units of the chosen one, and how they are drawn below."""

from __future__ import annotations

import math
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QDoubleSpinBox, QStackedWidget, QVBoxLayout, QWidget

from deepvis.colormaps import DIVERGING
from deepvis.messages import (
    BOOSTS,
    COLORMAPS,
    GAMMAS,
    FilterTiles,
    GridResult,
    LayerCorrelation,
    LayerPatches,
    Size,
    ViewResult,
)
from deepvis.ui import theme
from deepvis.ui.look import PATCHES
from deepvis.ui.panels.controls import CHROME, Choice, FlowLayout, IconButton, label, pair, row
from deepvis.ui.panels.layer_strip import LayerStrip
from deepvis.ui.panels.patches_mosaic import patches_grid, same_places
from deepvis.ui.panels.scan_offer import ScanOffer
from deepvis.ui.view_state import ViewState
from deepvis.ui.views.color_scale import ColorScale
from deepvis.ui.views.correlation_view import CorrelationView
from deepvis.ui.views.grid_view import GridView
from deepvis.ui.views.mosaic import shown_tile

_SORTS = (("By number", "number"), ("By activity", "activity"))
_SORTS_OF_FILTERS = (("By number", "number"), ("By norm", "activity"))
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
        self.correlation = CorrelationView()
        self.offer = ScanOffer(centred=True)
        self.stage = QStackedWidget()
        for page in (self.view, self.correlation, self.offer):
            self.stage.addWidget(page)
        self._live: GridResult | None = None
        self._patches: LayerPatches | None = None
        self._missing = False
        self._shown = ""
        self._make_controls()
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.MEDIUM, theme.SMALL, theme.MEDIUM, theme.SMALL)
        column.setSpacing(theme.SMALL)
        column.addWidget(self.strip)
        column.addWidget(self.stage, 1)
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
                self._live = None
                self.view.set_result(None)
            return
        before, self._live = self._live, grid
        if self.state.look.show in ("patches", "correlation"):
            if not same_places(before, grid):
                self._show_patches()
            return
        self.view.set_result(grid)
        self._zoom(result)
        if result.request.probe is not None and result.request.probe == self.view.hover:
            self.view.set_value(result.probe)
        colormap = DIVERGING if grid.signed else grid.request.colormap
        if grid.filters is not None and grid.filters.color:
            colormap = "gray"
        if grid.filters is not None:
            self.about.setText(_about_filters(grid.filters, self.state.look.layer))
        self.scale.set_scale(colormap, grid.low, grid.high)

    @property
    def tile_side(self) -> int:
        """The side in device pixels that a tile of patches has on the screen."""
        layer = self.state.layer
        units = layer.channels if layer is not None else 1
        live = self._live
        if live is not None and len(live.order) == units:
            rows, columns = live.rows, live.columns
        else:
            columns = math.ceil(math.sqrt(units))
            rows = -(-units // columns)
        return max(1, min(shown_tile((1, 1), (rows, columns), self.room, 1)))

    def show_library(self, patches: LayerPatches | None, correlation: LayerCorrelation | None, missing: bool) -> None:
        """Take what libraries know of the shown layer; ``missing``: none has it."""
        changed = patches is not self._patches
        self._patches, self._missing = patches, missing
        self.correlation.set_correlation(correlation)
        if correlation is not None:
            problem = correlation.problem
            self.correlation.set_placeholder(problem)
            left = len(correlation.left_out)
            word = (
                f"{left} unit{'s' if left > 1 else ''} that never change{'' if left > 1 else 's'} left out · "
                if left
                else ""
            )
            self.about.setText(f"{word}{correlation.pictures:,} pictures".replace(",", "\u202f"))
        else:
            self.correlation.set_placeholder("Comparing the units")
            self.about.setText("")
        if changed:
            self._show_patches()
        self._show_page()

    def _show_patches(self) -> None:
        """Show the tiles of the layer in the mosaic's place."""
        if self.state.look.show != "patches":
            return
        layer, patches = self.state.layer, self._patches
        if patches is None or layer is None or len(patches.tiles) != layer.channels:
            self.view.set_result(None)
            self.view.set_placeholder("Reading the patches")
            return
        ground, line = (QColor(color).rgb() for color in (theme.current().raised, theme.current().window))
        self.view.set_result(patches_grid(patches, self._live, layer.name, layer.size, ground, line))

    def _show_page(self) -> None:
        show = self.state.look.show
        page: QWidget = self.view
        if show in ("patches", "correlation"):
            page = self.offer if self._missing and self.state.info is not None else self.view
            if show == "correlation" and page is self.view:
                page = self.correlation
        if self.stage.currentWidget() is not page:
            shown = self.stage.currentWidget()
            focused = shown is not None and shown.hasFocus()
            self.stage.setCurrentWidget(page)
            if focused:
                page.setFocus()

    def follow(self) -> None:
        """Set every control from ``state.look``."""
        look = self.state.look
        if look.show != self._shown:
            self._shown = look.show
            names = {
                "filters": "Filters of the layer",
                "patches": "Strongest patches of the layer",
                "correlation": "Correlation of the units",
            }
            self.view.setAccessibleName(names.get(look.show, "Activations of the layer"))
            if look.show in ("activation", "gradient", "filters"):
                if self._live is not None and self._live.request.layer == look.layer:
                    self.view.set_result(self._live)
            else:
                self._show_patches()
        live = look.show in ("activation", "gradient", "filters")
        for part in self._of_activations:
            part.setVisible(live)
        filters = look.show == "filters"
        for part in self._not_of_filters:
            part.setVisible(live and not filters)
        self.range.set_options(_RANGES[:2] if filters else _RANGES)
        self.sort.set_options(_SORTS_OF_FILTERS if filters else _SORTS)
        self.sort_pair.setVisible(look.show != "correlation")
        self.zoom.setVisible(look.show != "correlation")
        self.patches_pair.setVisible(look.show == "patches")
        self.order_pair.setVisible(look.show == "correlation")
        self.about.setVisible(filters or look.show == "correlation")
        self.correlation_scale.setVisible(look.show == "correlation")
        self.patches.set_value(look.patches)
        self.order.set_value(look.clustered)
        self.correlation.set_chosen(look.unit)
        self._show_page()
        for choice, value in (
            (self.show_what, look.show),
            (self.range, "layer" if filters and look.range != "unit" else look.range),
            (self.boost, look.boost),
            (self.gamma, look.gamma),
            (self.sort, look.sort),
            (self.colormap, look.colormap),
        ):
            choice.set_value(value)
        self._fixed.setVisible(look.range == "fixed" and live and not filters)
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
            "The layer's activations, the gradient of the chosen unit (or frozen origin) at this layer, the units' "
            "weights, the patches to which each unit answers most, or how the units go together",
            (
                ("Activations", "activation"),
                ("Gradient", "gradient"),
                ("Filters", "filters"),
                ("Patches", "patches"),
                ("Correlation", "correlation"),
            ),
        )
        self.range = Choice("Range", "Which values the darkest and the brightest colour stand for", _RANGES)
        self.boost = Choice("Boost", "Lift weakly active units: tile × max to the power of −boost", _numbers(BOOSTS))
        self.gamma = Choice("Gamma", "Below 1, small values become brighter", _numbers(GAMMAS))
        self.sort = Choice("Sort", "Order of the units on the screen", _SORTS)
        self.colormap = Choice("Colours", "Colour map of the activations", [(name, name) for name in COLORMAPS])
        self.zoom = IconButton(
            "magnifying-glass-plus", "Zoom", "Show the chosen unit alone, as large as it fits", checkable=True
        )
        self.scale = ColorScale(bar_width=32)
        self.low, self.high = (self._bound(name) for name in ("lowest", "highest"))
        self._fixed = QWidget()
        self._fixed.setLayout(row(self.low, label("to", "quiet"), self.high))
        self._controls = QWidget()
        self._controls.setAccessibleName("How the layer is drawn")
        self._controls.setProperty(CHROME, True)
        self.patches = Choice(
            "Patches", "How many of a unit's strongest patches stand in its tile", [(str(n), n) for n in PATCHES]
        )
        self.order = Choice(
            "Order",
            "Units that go together beside each other (joined by mean distance), or by number",
            (("Alike together", True), ("By number", False)),
        )
        self.about = label("", "quiet")
        self.correlation_scale = ColorScale(bar_width=48)
        self.correlation_scale.set_scale(DIVERGING, -1.0, 1.0)
        flow = FlowLayout(self._controls, spacing=theme.SMALL)
        flow.addWidget(self.show_what)
        ranges, colors = pair("Range", self.range), QWidget()
        boosts, gammas = pair("Boost", self.boost), pair("Gamma", self.gamma)
        self.sort_pair = pair("Sort", self.sort)
        self.patches_pair, self.order_pair = pair("Patches", self.patches), pair("Order", self.order)
        colors.setLayout(row(self.colormap, self.scale, spacing=theme.TIGHT))
        self._of_activations = (ranges, boosts, gammas, colors)
        self._not_of_filters = (boosts, gammas, self.colormap)
        for widget in (
            ranges, self._fixed, boosts, gammas, self.sort_pair, colors, self.patches_pair, self.order_pair,
            self.correlation_scale, self.about, self.zoom,
        ):  # fmt: skip
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
        self.patches.chosen.connect(lambda count: self._set(patches=count))
        self.order.chosen.connect(lambda clustered: self._set(clustered=clustered))
        self.correlation.unit_clicked.connect(lambda unit: self._set(unit=unit))
        self.zoom.clicked.connect(lambda on: self._set(zoomed=on))
        self.low.valueChanged.connect(lambda low: self._set(fixed=(low, max(low, state.look.fixed[1]))))
        self.high.valueChanged.connect(lambda high: self._set(fixed=(min(high, state.look.fixed[0]), high)))
        self.view.unit_clicked.connect(self._choose)
        self.view.unit_double_clicked.connect(lambda unit: self._set(unit=unit, zoomed=not state.look.zoomed))
        self.view.room_changed.connect(self.room_changed)
        theme.theme_changed.connect(self._scale_bounds)
        theme.theme_changed.connect(self._show_patches)
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

    def _choose(self, unit: int) -> None:
        grid, layer = self.view.result, self.state.layer
        filters = grid.filters if grid is not None else None
        # A sum or a concatenation shows the filters of another layer, whose units are not its own.
        if grid is not None and filters is not None and layer is not None and len(grid.maxima) != layer.channels:
            self.state.update(layer=filters.layer, unit=unit)
        else:
            self.state.update(unit=unit)

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
        self._live = None
        self.view.set_result(None)
        self._labels = labels
        self.scale.clear()
        self.view.set_unit_names(self._name_of)
        self.follow()

    def _name_of(self, unit: int) -> str:
        layer = self.state.layer
        is_answer = layer is not None and layer.size is None and layer.channels == len(self._labels)
        return self._labels[unit] if is_answer and unit < len(self._labels) else ""


def _about_filters(filters: FilterTiles, layer: str | None) -> str:
    """Whose filters they are, where the layer has none, and how much of each is shown."""
    of = "" if filters.layer == layer else f"filters of {filters.layer}"
    shown = filters.channels.shape[1]
    strongest = f"the {shown} strongest of {shown + filters.hidden} inputs" if filters.hidden else ""
    return ", ".join(part for part in (of, strongest) if part)


def _numbers(values: tuple[float, ...]) -> list[tuple[str, float]]:
    return [(f"{value:g}", value) for value in values]
