"""The map: pictures laid out by what the network finds alike, with all that is done with them. UI thread only."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent, QPixmap, QShowEvent
from PySide6.QtWidgets import QApplication, QHBoxLayout, QMenu, QVBoxLayout, QWidget

from deepvis.map_layout import color_groups, group_colors
from deepvis.messages import (
    FloatArray,
    MapContent,
    MapInfo,
    MapPicture,
    MapPictures,
    MapPlaced,
    RunStatus,
    UInt8Array,
)
from deepvis.ui import theme
from deepvis.ui.panels.controls import CHROME, Choice, Figure, IconButton, label, row
from deepvis.ui.panels.map_card import MapCard
from deepvis.ui.panels.map_form import MapForm
from deepvis.ui.panels.map_offer import MapOffer
from deepvis.ui.panels.map_progress import MapProgress
from deepvis.ui.panels.map_side import MapSide
from deepvis.ui.panels.search_field import SearchField
from deepvis.ui.views.map_view import MapView
from deepvis.ui.views.picture import Picture

_COLORINGS = (("By class", "class"), ("By prediction", "prediction"), ("Right or wrong", "correctness"),
              ("No colours", "none"))  # fmt: skip
_LEGENDS = {"class": "Classes", "prediction": "Predictions", "correctness": "Right or wrong", "none": "Classes"}
_HINT = "Drag to move, wheel to zoom, Shift and drag to choose; 0 shows all"
_CARD_MS = 180
_EMPTY: npt.NDArray[np.int64] = np.zeros(0, np.int64)


class MapPanel(QWidget):
    """Shows one map at a time, finished or being formed.

    Signals
    -------
    closed : a person wants the mosaic back.
    picked : folder of the map that is to be opened.
    begun : the set's spec and the options of a map that is to be made.
    steered : ``pause``, ``continue`` or ``cancel`` the map that is being made.
    opened : index of a picture that is to be opened as a source.
    picture_wanted : index of a picture, and whether all of it is wanted.
    export_wanted : ending of the file.
    form_shown : the form for a new map is shown.
    seen : whether the panel can be seen, or shows another map, is different now.
    """

    closed = Signal()
    picked = Signal(str)
    begun = Signal(str, object)
    steered = Signal(str)
    opened = Signal(int)
    picture_wanted = Signal(int, bool)
    export_wanted = Signal(str)
    form_shown = Signal()
    seen = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAccessibleName("Map")
        self.content: MapContent | None = None
        self.forming: RunStatus | None = None
        self._pictures: MapPictures | None = None
        self._infos: tuple[MapInfo, ...] = ()
        self._chosen: npt.NDArray[np.int64] = _EMPTY
        self._missing = ""
        self._placed = False
        self.view = MapView()
        self.card = MapCard(self.view)
        self.offer = MapOffer(self.view)
        self.form = MapForm()
        self.side = MapSide()
        self.progress = MapProgress()
        self._card_timer = QTimer(self)
        self._card_timer.setSingleShot(True)
        self._card_timer.setInterval(_CARD_MS)
        self._card_timer.timeout.connect(self._show_card)
        self._make_header()
        self._lay_out()
        self._connect()
        self.form.hide()
        self._refresh()

    # ------------------------------------------------------------------------------------------------------- building

    def _make_header(self) -> None:
        self.maps = Choice("Map", "The maps on the disk", [("No map yet", None)])
        self.maps.setMinimumContentsLength(18)
        self.maps.setSizeAdjustPolicy(Choice.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.new = IconButton("plus", "New map", "Make a map of other pictures, or with other options", text="New map")
        self.coloring = Choice("Colours", "What the colours of the map mean", _COLORINGS)
        self.names = IconButton("tag", "Names", "Write the names of classes into the map", checkable=True)
        self.names.setChecked(True)
        self.search = SearchField(
            "Search the map", "Pictures whose class, prediction or title has this text stand out; Return goes there"
        )
        self.search.setMinimumWidth(theme.scaled(110))
        self.search.setMaximumWidth(theme.scaled(220))
        self.found = Figure("10000 found", quiet=True)
        self.zoom_out = IconButton("minus", "Zoom out", "See more of the map (−)")
        self.zoom_in = IconButton("plus", "Zoom in", "See it larger (+)")
        self.fit = IconButton("corners-out", "Show all", "See the whole map (0)")
        self.export = IconButton("export", "Export", "Save the map as a picture, a drawing or a table")
        menu = QMenu("Export", self.export)
        for text, ending in (("Picture as PNG…", "png"), ("Drawing as SVG…", "svg"), ("Table as CSV…", "csv")):
            menu.addAction(text).triggered.connect(lambda _on=False, ending=ending: self.export_wanted.emit(ending))
        self.export.setMenu(menu)
        self.close_button = IconButton("x", "Close the map", "Back to the mosaic (Esc)")
        for button in (self.names, self.zoom_out, self.zoom_in, self.fit, self.export, self.close_button):
            button.setProperty("role", "flat")

    def _lay_out(self) -> None:
        title = label("Map", "title")
        header = row(
            title, self.maps, self.new, self.coloring, self.names, self.search, self.found, 1,
            self.zoom_out, self.zoom_in, self.fit, self.export, self.close_button,
        )  # fmt: skip
        header.setContentsMargins(theme.MEDIUM, theme.SMALL, theme.MEDIUM, theme.SMALL)
        bar = QWidget()
        bar.setProperty(CHROME, True)
        bar.setLayout(header)
        body = QHBoxLayout()
        body.setContentsMargins(0, 0, 0, 0)
        body.setSpacing(0)
        body.addWidget(self.form)
        body.addWidget(self.view, 1)
        body.addWidget(self.side)
        self.note = label("", "quiet")
        self.note.setContentsMargins(theme.MEDIUM, theme.TIGHT, theme.MEDIUM, theme.TIGHT)
        foot = QWidget()
        foot.setProperty(CHROME, True)
        below = row(self.note)
        foot.setLayout(below)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(bar)
        column.addWidget(self.progress)
        column.addLayout(body, 1)
        column.addWidget(foot)

    def _connect(self) -> None:
        view, side = self.view, self.side
        self.maps.chosen.connect(self._pick)
        self.new.clicked.connect(self.show_form)
        self.coloring.chosen.connect(lambda _value: self._color())
        self.names.toggled.connect(view.show_names)
        self.search.textChanged.connect(lambda _text: self._light())
        self.search.returnPressed.connect(self._go_to_found)
        self.search.left.connect(lambda: view.setFocus(Qt.FocusReason.TabFocusReason))
        self.zoom_in.clicked.connect(lambda: view.zoom(1.6))
        self.zoom_out.clicked.connect(lambda: view.zoom(1 / 1.6))
        self.fit.clicked.connect(view.fit)
        self.close_button.clicked.connect(self.closed)
        self.progress.wanted.connect(self.steered)
        self.form.begun.connect(self._begin)
        self.form.closed.connect(lambda: self._show_form(False))
        self.offer.samples.connect(self._make_samples)
        self.offer.choose.connect(self.show_form)
        view.opened.connect(self.opened)
        view.chosen.connect(self.choose)
        view.pointed.connect(self._point)
        view.moved.connect(self._move_card)
        view.sharp_wanted.connect(self._want_sharp)
        side.legend.lit.connect(lambda _groups: self._light())
        side.legend.wanted.connect(lambda group: view.look_at(np.flatnonzero(view.groups == group)))
        side.opened.connect(self.opened)
        side.pointed.connect(lambda index: view.look_at(np.array([index])))
        side.cleared.connect(lambda: self.choose(_EMPTY))
        side.gathered.connect(lambda: view.look_at(self._chosen))
        theme.theme_changed.connect(self._color)

    # ------------------------------------------------------------------------------------------------------- arriving

    @property
    def features_layer(self) -> str | None:
        """The layer whose features the live picture is placed by, if it can be placed now."""
        return self.content.info.layer if self.content is not None and self.isVisible() else None

    def set_maps(self, infos: Sequence[MapInfo]) -> None:
        """The maps on the disk, the newest first."""
        self._infos = tuple(infos)
        self._offer_maps()
        self._refresh()

    def _offer_maps(self) -> None:
        offered: list[tuple[str, str | None]] = [(map_text(info), info.folder) for info in self._infos]
        if self.content is not None and self.content.info.folder not in {info.folder for info in self._infos}:
            offered.insert(0, (map_text(self.content.info), self.content.info.folder))
        if self.forming is not None:
            offered.insert(0, ("Being made…", None))
        self.maps.set_options(offered or [("No map yet", None)])
        # What is being made stands in the place of any other.
        self.maps.setEnabled(bool(offered) and self.forming is None)
        self.maps.set_value(self.content.info.folder if self.content is not None else None)

    def show_map(self, content: MapContent) -> None:
        """A finished map was read."""
        same = self._pictures is not None and self._pictures.titles == content.pictures.titles
        if same and self._pictures is not None and self.content is None:
            # It was seen forming: nothing jumps.
            pictures = self._pictures
            content = MapContent(content.info, pictures, content.points, content.spread, content.places_new)
        self.content = content
        self.forming = None
        self._placed = False
        self._show_pictures(content.pictures)
        self.view.set_map(content.pictures, content.points, content.spread)
        self._color()
        self._show_form(False)
        self.set_maps(self._infos)
        self.seen.emit()

    def show_problem(self, text: str) -> None:
        """A map cannot be read: why, and what to do."""
        self._forget()
        self.view.clear("")
        self.offer.say("This map cannot be shown", text, self._missing)
        self.seen.emit()

    def show_status(self, status: RunStatus) -> None:
        """A map that is being made has another state, or made a step."""
        self.progress.show_status(status)
        going = status.state in ("queued", "running", "paused")
        begins = going and self.forming is None
        self.forming = status if going else None
        if begins:
            focus = QApplication.focusWidget()
            if focus is not None and (self.offer.isAncestorOf(focus) or self.form.isAncestorOf(focus)):
                # Hidden with what it stands in, it would go on to whatever comes next in the window.
                self.view.setFocus(Qt.FocusReason.OtherFocusReason)
            self._forget()
            self.offer.hide()
            self._show_form(False)
            self.view.clear("The pictures appear here as soon as the network has seen all of them")
            self.seen.emit()
        if begins or not going:
            self._offer_maps()
        update = status.update
        if going and update is not None:
            pictures, points = update.detail.get("pictures_of_map"), update.detail.get("points")
            if pictures is not None and points is not None and self.isVisible():
                self._show_forming(pictures, points)
        elif status.state == "failed":
            self.view.clear("")
            self.offer.say("The map could not be made", status.error, self._missing)
        elif status.state == "cancelled":
            self._forget()
            self.view.clear("")
            self._refresh()

    def set_missing(self, text: str) -> None:
        """Why no map can be made now; empty: one can."""
        self._missing = text
        self.form.set_missing(text)
        self._refresh()

    def await_placed(self) -> None:
        """The present frame is about to be placed; the first time in a map takes a few seconds."""
        if not self._placed:
            self.side.set_live("Finding the place of the live picture…", None)

    def show_placed(self, placed: MapPlaced) -> None:
        """The present frame lies here."""
        if self.content is None or placed.folder != self.content.info.folder:
            return
        self._placed = True
        if placed.point is None:
            self.view.set_live(None)
            self.side.set_live(placed.problem[:1].upper() + placed.problem[1:], None)
            return
        self.view.set_live(placed.point, placed.nearest.astype(np.int64))
        self.side.set_live("", placed.milliseconds)
        self.side.set_nearest(placed.nearest, placed.similarity)

    def show_live_picture(self, pixels: UInt8Array) -> None:
        """The present frame as a square, uint8 (side, side, 4) BGRX."""
        self.view.set_live_picture(QPixmap.fromImage(Picture(pixels).image))

    def cannot_place(self, why: str) -> None:
        """The present frame has no place in this map."""
        self.view.set_live(None)
        self.side.set_live(why, None)

    def show_picture(self, picture: MapPicture) -> None:
        """A picture was read."""
        if self.content is None or picture.folder != self.content.info.folder or picture.pixels is None:
            return
        if not picture.whole:
            self.view.add_sharp(picture.index, picture.pixels)
        elif picture.index == self.view.pointed_at and self.card.isVisible():
            self.card.set_pixels(picture.pixels)

    # --------------------------------------------------------------------------------------------------------- acting

    def show_form(self) -> None:
        """Show the form for a new map."""
        self.form_shown.emit()
        self._show_form(True)
        self.form.input.choice.setFocus(Qt.FocusReason.OtherFocusReason)

    def choose(self, indices: npt.NDArray[np.int64]) -> None:
        """Choose these pictures, and list them."""
        self._chosen = indices
        self.view.set_marked(indices)
        self.side.set_chosen(indices)

    def matches(self, text: str) -> npt.NDArray[np.int64]:
        """Pictures whose class, prediction or title has this text, upper and lower case alike."""
        pictures, wanted = self._pictures, text.strip().casefold()
        if pictures is None or not wanted:
            return _EMPTY
        hits = np.zeros(len(pictures), np.bool_)
        for groups, names in ((pictures.labels, pictures.classes), (pictures.predicted, pictures.network_labels)):
            matching = [number for number, name in enumerate(names) if wanted in name.casefold()]
            hits |= np.isin(groups, matching)
        hits |= np.fromiter((wanted in title.casefold() for title in pictures.titles), np.bool_, len(pictures))
        return np.flatnonzero(hits)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: D102
        self.seen.emit()

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: D102
        self.seen.emit()

    # -------------------------------------------------------------------------------------------------------- private

    def _pick(self, folder: str | None) -> None:
        if folder is not None:
            self.picked.emit(folder)

    def _begin(self, spec: str, values: object) -> None:
        self.begun.emit(spec, values)

    def _make_samples(self) -> None:
        self.form.input.use("samples:")
        self.form.begin()

    def _forget(self) -> None:
        self.content = None
        self._pictures = None
        self._chosen = _EMPTY
        self.side.set_pictures(None)
        self.side.legend.set_groups(np.zeros(0, np.int32), (), np.zeros((0, 3), np.uint8))
        self.side.set_live("", None)
        self.card.hide()

    def _show_pictures(self, pictures: MapPictures) -> None:
        """These are the pictures now; nothing changes where they were before."""
        self.offer.hide()
        if pictures is self._pictures:
            return
        self._pictures = pictures
        self._chosen = _EMPTY
        self.side.set_pictures(pictures)
        offered = [
            choice
            for choice in _COLORINGS
            if (choice[1] != "class" or bool((pictures.labels >= 0).any()))
            and (choice[1] != "correctness" or bool((pictures.correct >= 0).any()))
        ]
        self.coloring.set_options(offered)

    def _show_forming(self, pictures: MapPictures, points: FloatArray) -> None:
        fresh = pictures is not self._pictures
        self._show_pictures(pictures)
        self.view.set_map(pictures, points)
        if fresh:
            self._color()
        self._refresh()

    def _color(self) -> None:
        pictures = self._pictures
        if pictures is None:
            return
        coloring = str(self.coloring.value or "none")
        groups, names = color_groups(pictures, coloring)
        dark = theme.current().name == "dark"
        table = group_colors(names, coloring, dark=dark)
        quiet = theme.current().color("quiet")
        plain = np.array([[quiet.red(), quiet.green(), quiet.blue()]], np.uint8)
        inside = np.where((groups >= 0) & (groups < len(names)), groups, len(names))
        colors: UInt8Array = np.concatenate([table.reshape(-1, 3), plain])[inside]
        written = names if coloring in ("class", "prediction") and self.content is not None else ()
        self.view.set_groups(groups, colors, written, framed=coloring != "none")
        self.side.legend_title.setText(_LEGENDS[coloring])
        self.side.legend.set_groups(groups, names, table)
        self._light()

    def _light(self) -> None:
        """Let what is searched for, else what the legend says, stand out."""
        text = self.search.text()
        if text.strip():
            hits = self.matches(text)
            lit = np.zeros(len(self.view.points), np.bool_)
            lit[hits] = True
            self.found.setText(f"{len(hits)} found")
            self.found.show()
            self.view.set_lit(lit)
            return
        self.found.hide()
        groups = self.side.legend.lit_groups
        self.view.set_lit(np.isin(self.view.groups, groups) if groups else None)

    def _go_to_found(self) -> None:
        hits = self.matches(self.search.text())
        if len(hits):
            self.view.look_at(hits)
            self.choose(hits)

    def _point(self, index: int) -> None:
        if index < 0:
            self._card_timer.stop()
            self.card.hide()
        elif self.card.isVisible():
            self._show_card()
        else:
            self._card_timer.start()

    def _move_card(self) -> None:
        """The map moves on under the pointer: the card comes back when it rests."""
        self.card.hide()
        if self.view.pointed_at >= 0:
            self._card_timer.start()

    def _show_card(self) -> None:
        index = self.view.pointed_at
        if self._pictures is None or not 0 <= index < len(self._pictures):
            return
        self.card.show_picture(self._pictures, index, self.view.tile_rect(index))
        if self.content is not None:
            self.picture_wanted.emit(index, True)

    def _want_sharp(self, indices: Sequence[int]) -> None:
        if self.content is not None:
            for index in indices:
                self.picture_wanted.emit(index, False)

    def _show_form(self, on: bool) -> None:
        self.form.setVisible(on)
        self.new.setEnabled(not on)
        self._refresh()

    def _refresh(self) -> None:
        there = len(self.view.points) > 0
        finished = self.content is not None
        for part in (self.coloring, self.names, self.search, self.zoom_in, self.zoom_out, self.fit):
            part.setEnabled(there)
        self.export.setEnabled(finished)
        self.side.setVisible(there)
        self.note.setText(self._note(there))
        self.note.setVisible(there)
        if not there and self.forming is None and not self.form.isVisible() and not self._infos:
            self.offer.say(
                "No map yet",
                "A map shows a whole set of pictures at once: those that the network finds alike lie together, and the "
                "live picture moves among them.",
                self._missing,
            )
        elif not there and self.forming is None and not self.form.isVisible():
            self.offer.hide()
            self.view.placeholder = "Choose a map above, or make a new one"
            self.view.update()
        elif self.form.isVisible() and not there:
            self.offer.hide()
            self.view.placeholder = "Choose the pictures on the left, then make the map"
            self.view.update()

    def _note(self, there: bool) -> str:
        if self.content is not None:
            info = self.content.info
            return f"{info.count} pictures · {info.layer} of {info.network_name} · {_HINT}"
        return _HINT if there else ""


def map_text(info: MapInfo) -> str:
    """What a person calls a map: ``val · pool · perplexity 30``."""
    perplexity = info.options.get("perplexity")
    parts = [info.title, info.layer, info.network_name]
    if isinstance(perplexity, int | float):
        parts.append(f"perplexity {perplexity:g}")
    return " · ".join(parts)
