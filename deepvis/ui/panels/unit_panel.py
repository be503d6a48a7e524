"""One unit: its map, what made it fire, its figures, and its course over time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QGridLayout, QScrollArea, QSizePolicy, QStackedLayout, QWidget

from deepvis.messages import BackResult, FilterPicture, RunStatus, RunUpdate, UInt8Array, UnitResult, ViewResult
from deepvis.ui import theme
from deepvis.ui.panels.controls import CHROME, Choice, Figure, FlowLayout, IconButton, Panel, label, row
from deepvis.ui.panels.section import Section
from deepvis.ui.panels.unit_patches import UnitPatchesSection
from deepvis.ui.panels.unit_statistics import UnitStatisticsSection
from deepvis.ui.unit_library import UnitLibrary
from deepvis.ui.view_state import ViewState
from deepvis.ui.views.color_scale import ColorScale
from deepvis.ui.views.image_view import ImageView
from deepvis.ui.views.numbers import format_percent, format_short, format_value
from deepvis.ui.views.plot_view import HistogramPlot, TimePlot
from deepvis.ui.views.tiles_view import Tile, TilesView

_LOOKED_BACK = "looked back"
_RULES = (("No looking back", None), ("Guided", "guided"), ("Deconvnet", "deconvnet"), ("Gradient", "gradient"))
_VIEWS = (
    ("Raw", "raw"),
    ("Gray", "gray"),
    ("Norm", "norm"),
    ("Norm, blurred", "norm_blur"),
    ("Positive", "positive"),
    ("Histogram", "histogram"),
)
_SEEDS = (("Its activation", "activation"), ("One", "one"))
_FIGURES = ("min", "max", "mean", "active", "peak")
_FIGURE_TIPS = {
    "min": "Smallest value of the unit's map",
    "max": "Largest value of the unit's map",
    "mean": "Mean of the unit's map",
    "active": "Share of positions above zero",
    "peak": "Row and column of the largest value",
}
_WIDEST = {"active": "100.0 %", "peak": "000, 000"}
_WAITING = "What made the unit fire appears here"
_MAP_TIP = "The unit's map. Click a position to look back from it alone"


class UnitPanel(Panel):
    """Everything about the chosen unit. A click into its map looks back from that position alone.

    Signals
    -------
    maximise : a person wants a picture that the unit answers to most.
    folded : names of the sections that are folded away now.
    """

    maximise = Signal()
    folded = Signal(tuple)

    def __init__(self, state: ViewState, parent: QWidget | None = None) -> None:
        super().__init__(state, "Unit", parent, widest_figures="field 000 px")
        self._plotted: tuple[str | None, int | None] = (None, None)
        self._growing: tuple[tuple[str | None, int | None], bool] = (self._plotted, False)
        self._last_frame: int | None = None
        self._filters: tuple[FilterPicture, ...] = ()
        self._map_size: tuple[int, int] | None = None
        self.figures.setToolTip("The receptive field: how much of the input one position of the map sees")
        self._make_pictures()
        self._make_choices()
        self.patches = UnitPatchesSection()
        self.statistics = UnitStatisticsSection()
        for section in (self.patches, self.statistics):
            self.body.addWidget(section)
        self._make_images()
        self._make_figures()
        self._make_filters()
        self._connect()
        self._renew()

    # ------------------------------------------------------------------------------------------------------ results

    def show_result(self, result: ViewResult) -> None:
        """Show this result's unit and back-projection; parts for another unit than the chosen one are passed over."""
        look = self.state.look
        unit = result.unit
        if unit is not None and (unit.request.layer, unit.request.unit) == (look.layer, look.unit):
            self._show_unit(unit, result.frame.id)
            if unit.filters is not self._filters:
                self._filters = unit.filters
                self._show_filters(unit.filters)
        self._show_back(result.back)

    def _show_filters(self, filters: Sequence[FilterPicture]) -> None:
        """The unit's own filter, or the weights on its strongest inputs; none hides the row."""
        own = bool(filters) and filters[0].channel is None
        self.filters_title.setText("Its filter" if own else "Strongest inputs")
        captions = ["" if picture.channel is None else str(picture.channel) for picture in filters]
        tiles = [
            Tile(picture.picture, caption, place)
            for place, (picture, caption) in enumerate(zip(filters, captions, strict=True))
        ]
        self.filters.set_tiles(tiles, columns=max(6, len(tiles)))
        source = filters[0].source if filters else None
        about = "The unit's own filter" if own else "The unit's weights on the inputs that feed it most"
        self.filters.setToolTip(about if source is None else f"{about}. A click goes to that unit of {source}")
        self.filters.setEnabled(source is not None)
        for part in (self.filters_title, self.filters):
            part.setVisible(bool(filters))

    def _follow_filter(self, place: int) -> None:
        """Go to the unit of the layer before that this slice acts on."""
        picture = self._filters[place] if place < len(self._filters) else None
        if picture is not None and picture.channel is not None and self.state.find(picture.source) is not None:
            self.state.update(layer=picture.source, unit=picture.channel)

    def show_library(self, library: UnitLibrary, scan: RunStatus | None) -> None:
        """Show what libraries know of the chosen unit; ``scan`` goes on now, or is None."""
        self.patches.show_library(library, scan)
        self.statistics.show_statistics(library.statistics)

    def set_folded(self, names: tuple[str, ...]) -> None:
        """Fold these sections away, and open the others."""
        for section in self._sections:
            section.set_open(section.name not in names)

    def show_images(self, pictures: Sequence[UInt8Array], update: RunUpdate | None, waiting: bool) -> None:
        """Show pictures that maximise the unit, uint8 (h, w, 3) RGB, the newest first.

        Parameters
        ----------
        update : the newest step of one that is on its way; it stands before the others.
        waiting : whether one is on its way.
        """
        tiles = [Tile(picture) for picture in pictures]
        if update is not None:
            tiles.insert(0, Tile(update.image, f"{update.step} of {update.total}"))
        before, self._growing = self._growing, (self._plotted, waiting)
        columns = 3 if len(tiles) > 1 else 2
        places = max(len(tiles), len(pictures) + waiting)
        self.images.set_tiles(tiles[:9], columns=columns, places=min(9, places))
        self.images.setVisible(places > 0)
        self.no_images.setVisible(places == 0)
        if waiting and before == (self._plotted, False):
            # What a person has just asked for grows in sight, also where the panel is low; once it has its place.
            QTimer.singleShot(0, self, self._reveal_images)

    def _reveal_images(self) -> None:
        area = self.parentWidget()
        while area is not None and not isinstance(area, QScrollArea):
            area = area.parentWidget()
        if area is not None:
            area.ensureWidgetVisible(self.images_section, 0, theme.SMALL)

    def follow(self) -> None:
        """Set every control from ``state.look``."""
        look, layer = self.state.look, self.state.layer
        self.title.setText(f"Unit {look.layer} · {look.unit}" if look.layer and look.unit is not None else "Unit")
        self.rule.set_value(look.rule if look.back else None)
        self.back_choice.set_value(look.back_view)
        self.seed.set_value(look.seed)
        self.back_choice.setEnabled(look.back)
        self.seed.setEnabled(look.back)
        self.origin.setChecked(look.origin is not None)
        self.origin.setEnabled(look.unit is not None)
        self.maximise_button.setEnabled(look.unit is not None)
        self.origin_text.setText(f"from {look.origin[0]} · {look.origin[1]}" if look.origin is not None else "")
        self.position.setVisible(look.position is not None)
        if look.position is not None:
            self.position.setText(f" from {look.position[0]}, {look.position[1]}")
            self.position.setToolTip(
                f"Looked back from row {look.position[0]}, column {look.position[1]} alone. "
                "Click to look back from the unit's whole map again"
            )
        self.back_scale.set_caption(_LOOKED_BACK if look.position is None else "")
        self._mark_position()
        choosable = layer is not None and layer.size is not None and look.origin is None and look.back
        self.map.set_clickable(choosable)
        self.map.setToolTip(_MAP_TIP if choosable else "The unit's map")
        if not look.back:
            self._show_back(None)
        if (look.layer, look.unit) != self._plotted:
            self._plotted = (look.layer, look.unit)
            self._forget()

    def _show_unit(self, unit: UnitResult, frame: int) -> None:
        height, width = unit.picture.shape[:2]
        self._map_size = (height, width)
        layer = self.state.layer
        if layer is not None and layer.size is None:
            self.map.set_placeholder(self._answer(unit))
            self.map.set_picture(None)
            self.map_scale.clear()
        else:
            self.map.set_picture(unit.picture)
            self.map_scale.set_scale(unit.request.colormap, unit.minimum, unit.maximum)
        self._mark_position()
        field = self.state.layer.receptive_field if self.state.layer is not None else None
        rows, columns = field.size if field is not None else (0, 0)
        self.figures.setText("" if field is None else f"field {rows if rows == columns else f'{columns} × {rows}'} px")
        values = {
            "min": format_short(unit.minimum),
            "max": format_short(unit.maximum),
            "mean": format_short(unit.mean),
            "active": format_percent(unit.active),
            "peak": f"{unit.peak[0]}, {unit.peak[1]}",
        }
        for name, text in values.items():
            self._values[name].setText(text)
        if frame != self._last_frame:
            self._last_frame = frame
            self.plot.append(unit.maximum)

    def _show_back(self, back: BackResult | None) -> None:
        look = self.state.look
        if back is None or not look.back:
            self.back.set_picture(None)
            self.back_scale.setText("")
            self.note.hide()
            self.back.set_placeholder(_WAITING if look.back else "Choose a rule to look back")
            self._backs.setCurrentWidget(self.back)
            return
        if back.view == "histogram" and back.histogram is not None:
            self.histogram.set_histogram(*back.histogram)
            self._backs.setCurrentWidget(self.histogram)
        else:
            self.back.set_picture(back.picture)
            self._backs.setCurrentWidget(self.back)
        signed = back.view in ("raw", "gray", "histogram")
        scale = format_value(back.scale)
        self.back_scale.setText(f"± {scale}" if signed else f"0 to {scale}")
        self.note.setText(back.note)
        self.note.setVisible(bool(back.note))

    def _answer(self, unit: UnitResult) -> str:
        """A vector's unit in words: its class, where the layer has one unit a class, and its value."""
        layer, info = self.state.layer, self.state.info
        labels = info.labels if info is not None and layer is not None and layer.channels == len(info.labels) else ()
        name = f"{labels[unit.request.unit]}\n" if unit.request.unit < len(labels) else ""
        return f"{name}{format_value(unit.maximum)}"

    def _mark_position(self) -> None:
        position = self.state.look.position
        if position is None or self._map_size is None or self.state.look.origin is not None:
            self.map.set_mark(None)
            return
        height, width = self._map_size
        row_, column = position
        self.map.set_mark((row_ / height, column / width, (row_ + 1) / height, (column + 1) / width))

    def _choose_position(self, y: float, x: float) -> None:
        look, layer = self.state.look, self.state.layer
        if self._map_size is None or layer is None or layer.size is None or look.origin is not None or not look.back:
            return
        place = (int(y * self._map_size[0]), int(x * self._map_size[1]))
        self.state.update(position=None if place == look.position else place)

    def _freeze_origin(self, frozen: bool) -> None:
        look = self.state.look
        if not frozen:
            show = "activation" if look.show == "gradient" else look.show
            self.state.update(origin=None, show=show)
        elif look.layer is not None and look.unit is not None:
            self.state.update(origin=(look.layer, look.unit))

    def _set_rule(self, rule: Any) -> None:
        if rule is None:
            self.state.update(back=False)
        else:
            self.state.update(back=True, rule=rule)

    def _forget(self) -> None:
        """What was shown belongs to another unit."""
        chosen = self.state.look.unit is not None
        self.map.set_placeholder("The unit's map appears here" if chosen else "Choose a unit in the mosaic")
        self.plot.clear()
        self._last_frame = None

    def _renew(self) -> None:
        self._forget()
        self.map.set_picture(None)
        self.back.set_picture(None)
        self.map_scale.clear()
        self.figures.setText("")
        for value in self._values.values():
            value.setText("–")
        self._filters = ()
        self._show_filters(())
        self.follow()

    # ------------------------------------------------------------------------------------------------------ making

    def _make_pictures(self) -> None:
        self.map = ImageView(placeholder="Choose a unit in the mosaic")
        self.map.setAccessibleName("The unit's map")
        self.back = ImageView(placeholder=_WAITING, smooth=True)
        self.back.setAccessibleName("Back-projection")
        self.back.setToolTip("What in the picture made the unit fire, as far as the rule can tell")
        for view in (self.map, self.back):
            view.set_aspect(1.0)
        self.histogram = HistogramPlot(placeholder="No values")
        self.histogram.setAccessibleName("Histogram of the back-projection")
        holder = QWidget()
        policy = self.back.sizePolicy()
        holder.setSizePolicy(policy)
        self._backs = QStackedLayout(holder)
        self._backs.addWidget(self.back)
        self._backs.addWidget(self.histogram)
        self.map_scale = ColorScale(caption="activation")
        self.back_scale = Figure("0 to 0.0e−00", quiet=True, right=True, caption=_LOOKED_BACK)
        # It makes do with the room that there is: both pictures stay equally wide.
        self.back_scale.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.back_scale.setToolTip("Value of the brightest and darkest colour")
        pictures = QGridLayout()
        pictures.setContentsMargins(0, 0, 0, 0)
        pictures.setHorizontalSpacing(theme.SMALL)
        pictures.setVerticalSpacing(theme.TIGHT)
        pictures.addWidget(self.map, 0, 0)
        pictures.addWidget(holder, 0, 1)
        pictures.addWidget(self.map_scale, 1, 0)
        # In the caption's place, so that nothing below moves when a position is chosen.
        self.position = IconButton("x", "Clear the position", "Look back from the unit's whole map again")
        self.position.setProperty("role", "caption")
        caption = row(self.position, self.back_scale)
        pictures.addLayout(caption, 1, 1, Qt.AlignmentFlag.AlignBottom)
        for column in (0, 1):
            pictures.setColumnStretch(column, 1)
        self.body.addLayout(pictures)

    def _make_choices(self) -> None:
        self.rule = Choice("Rule", "What happens to the gradient at each rectifier on its way back", _RULES)
        self.back_choice = Choice("View", "How the back-projection is drawn", _VIEWS)
        self.seed = Choice("Seed", "What starts on the way back: the unit's own activation, or one", _SEEDS)
        self.origin = IconButton(
            "push-pin",
            "Freeze origin",
            "Keep looking back from this unit while other layers are viewed",
            text="Freeze origin",
            checkable=True,
        )
        self.origin_text = label("", "quiet")
        self.note = label("", "warning", wrap=True)
        choices = QWidget()
        choices.setProperty(CHROME, True)
        flow = FlowLayout(choices)
        for part in (self.rule, self.back_choice, self.seed, self.origin, self.origin_text):
            flow.addWidget(part)
        self.body.addWidget(self.note)
        self.body.addWidget(choices)

    def _make_figures(self) -> None:
        self._values: dict[str, Figure] = {}
        table = QWidget()
        table.setProperty(CHROME, True)
        grid = QGridLayout(table)
        grid.setContentsMargins(0, theme.TIGHT, 0, 0)
        grid.setHorizontalSpacing(theme.SMALL)
        grid.setVerticalSpacing(0)
        for column, name in enumerate(_FIGURES):
            value = Figure(_WIDEST.get(name, "−0.000"))
            value.setText("–")
            value.setAccessibleName(name)
            caption = label(name, "figure-quiet")
            for part in (value, caption):
                part.setToolTip(_FIGURE_TIPS[name])
            grid.addWidget(caption, 0, column, Qt.AlignmentFlag.AlignLeft)
            grid.addWidget(value, 1, column, Qt.AlignmentFlag.AlignLeft)
            grid.setColumnStretch(column, 1)
            self._values[name] = value
        self.plot = TimePlot(placeholder="The unit's maximum over time")
        self.plot.setAccessibleName("The unit's maximum over time")
        self.plot.setToolTip("Largest value of the unit's map in the last 240 frames")
        self.body.addWidget(table)
        self.body.addWidget(self.plot)

    def _make_images(self) -> None:
        self.maximise_button = IconButton(
            "sparkle",
            "Maximise this unit",
            "Grow a picture from noise that the unit answers to most (Shift+M)",
            text="Maximise",
        )
        self.maximise_button.setProperty(CHROME, True)
        self.images = TilesView(columns=3, clickable=False, largest=160)
        self.images.setAccessibleName("Images that maximise it")
        self.images.setToolTip("Pictures that were grown from noise so that the unit answers to them")
        self.no_images = label("None of this unit yet. Maximise grows one from noise", "quiet", wrap=True)
        self.images.hide()
        self.images_section = Section("images", "Images that maximise it")
        self.images_section.header.addWidget(self.maximise_button)
        self.images_section.body.addWidget(self.no_images)
        self.images_section.body.addWidget(self.images)
        self.body.addWidget(self.images_section)
        self._sections = (self.patches, self.statistics, self.images_section)
        self.maximise_button.clicked.connect(lambda: self.maximise.emit())

    def _make_filters(self) -> None:
        self.filters_title = label("", "title")
        self.filters = TilesView(columns=6, largest=64)
        self.filters.setAccessibleName("Filters")
        self.filters.tile_clicked.connect(self._follow_filter)
        self.body.addWidget(self.filters_title)
        self.body.addWidget(self.filters)
        self.body.addStretch(1)

    def _connect(self) -> None:
        state = self.state
        self.rule.chosen.connect(self._set_rule)
        self.back_choice.chosen.connect(lambda view: state.update(back_view=view))
        self.seed.chosen.connect(lambda seed: state.update(seed=seed))
        self.position.clicked.connect(lambda: state.update(position=None))
        self.origin.clicked.connect(self._freeze_origin)
        self.map.clicked.connect(self._choose_position)
        for section in self._sections:
            section.folded.connect(lambda _on: self.folded.emit(tuple(s.name for s in self._sections if not s.open)))
        state.network_changed.connect(self._renew)
