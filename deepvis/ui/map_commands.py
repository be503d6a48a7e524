"""What is done with maps in the window: shown, made, opened picture by picture, exported. UI thread only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from PySide6.QtCore import QObject
from PySide6.QtWidgets import QFileDialog

from deepvis.messages import (
    Event,
    LibraryInfo,
    MapOpened,
    MapPicture,
    MapPictureFile,
    MapPlaced,
    MapsChanged,
    RunStatus,
    UInt8Array,
    ViewResult,
)
from deepvis.ui import settings_store as settings
from deepvis.ui.bridge import Backend
from deepvis.ui.capture import suggested_path
from deepvis.ui.panels.map_panel import MapPanel
from deepvis.ui.panels.network_fields import Offer
from deepvis.ui.settings_store import SettingsStore
from deepvis.ui.views.resample import bgrx, resample

if TYPE_CHECKING:
    from deepvis.ui.main_window import MainWindow

RUN = "embedding"

_LIVE_SIDE = 116
_FILTERS = {"png": "Picture (*.png)", "svg": "Drawing (*.svg)", "csv": "Table (*.csv)"}


class MapCommands(QObject):
    """Handlers of the actions on maps, and of what the backend says of them.

    Parameters
    ----------
    window : its parts are looked up when they are needed, so it need not be complete yet.
    """

    def __init__(self, window: MainWindow, backend: Backend, store: SettingsStore) -> None:
        super().__init__(window)
        self._window = window
        self._backend = backend
        self._store = store
        self._run: int | None = None
        self._opened_once = False
        self._last = ""
        self.panel = MapPanel()
        self.panel.hide()

    def begin_listening(self) -> None:
        """The window is complete: hear what a person wants."""
        panel, window = self.panel, self._window
        panel.closed.connect(lambda: self.show(False))
        panel.picked.connect(self._backend.map_open)
        panel.begun.connect(self.begin)
        panel.steered.connect(self._steer)
        panel.opened.connect(self._open_picture)
        panel.picture_wanted.connect(self._want_picture)
        panel.export_wanted.connect(self._export)
        panel.seen.connect(window.requests.visibility_changed)
        panel.form_shown.connect(self._offer_sets)
        window.requests.features_layer = lambda: self.features_layer
        window.state.network_changed.connect(self._follow_network)
        window.networks.changed.connect(self._follow_network)
        window.state.changed.connect(self._follow_look)
        self._follow_network()

    def handlers(self) -> dict[str, Callable[..., object]]:
        """Handler by action id."""
        return {
            "map.show": self.show,
            "map.new": self.new,
            "map.search": self.search,
            "map.choose": self.choose_visible,
        }

    def marks(self) -> dict[str, bool]:
        """Which of the switches are on."""
        return {"map.show": self.visible}

    @property
    def visible(self) -> bool:
        """Whether the map stands in the mosaic's place."""
        return not self.panel.isHidden()

    @property
    def features_layer(self) -> str | None:
        """The layer whose features are wanted of every frame now."""
        info, content = self._window.state.info, self.panel.content
        if content is None or info is None or info.hash != content.info.network_hash:
            return None
        return self.panel.features_layer

    # ------------------------------------------------------------------------------------------------------- arriving

    def show_event(self, event: Event) -> bool:
        """Take in what came on maps; False where it is of something else."""
        panel = self.panel
        match event:
            case MapsChanged():
                panel.set_maps(self._backend.maps())
                self._open_first()
            case MapOpened():
                if event.content is not None:
                    self._last = event.folder
                    panel.show_map(event.content)
                    self._follow_network()
                elif self.visible:
                    panel.show_problem(event.problem)
            case MapPlaced():
                if self.features_layer is not None:
                    panel.show_placed(event)
            case MapPicture():
                panel.show_picture(event)
            case MapPictureFile():
                if event.path:
                    self._window.sources.open(event.path)
            case _:
                return False
        return True

    def show_run(self, status: RunStatus) -> None:
        """A run has another state, or made a step."""
        if status.name != RUN or (self._run is not None and status.id != self._run):
            return
        going = status.state in ("queued", "running", "paused")
        self._run = status.id if going else None
        self.panel.show_status(status)
        if status.state == "done" and status.update is not None and "map" in status.update.detail:
            self._backend.map_open(str(status.update.detail["map"]))
        elif status.state == "cancelled" and self._last:
            # What was there before comes back.
            self._backend.map_open(self._last)

    def show_result(self, result: ViewResult) -> None:
        """The present frame has these features: it is to be found in the map."""
        content = self.panel.content
        if result.features is None or content is None or self.features_layer is None:
            return
        self._backend.map_place(content.info.folder, result.frame.id, result.features)
        self.panel.await_placed()
        self.panel.show_live_picture(_square(result))

    # --------------------------------------------------------------------------------------------------------- acting

    def show(self, on: bool) -> None:
        """Put the map in the mosaic's place, or the mosaic back."""
        window = self._window
        if on != self.visible:
            # A map needs room, and the unit has nothing to do with it.
            window.docks.set_unit_aside(on)
        window.grid_panel.setVisible(not on)
        self.panel.setVisible(on)
        if on:
            self._open_first()
            self.panel.view.setFocus()
        else:
            window.grid_panel.view.setFocus()
        window.actions_.set_checked(self.marks())

    def new(self) -> None:
        """Show the form for a new map."""
        self.show(True)
        self.panel.show_form()

    def search(self) -> None:
        """Give the search field of the map the focus."""
        self.show(True)
        self.panel.search.setFocus()
        self.panel.search.selectAll()

    def choose_visible(self) -> None:
        """Choose the pictures that are in sight."""
        if self.visible:
            self.panel.view.choose_visible()

    def begin(self, spec: str, values: Mapping[str, Any]) -> int | None:
        """Make a map of a set of pictures; of one that was scanned with this network, from what the scan kept.

        Returns the run's number, or None where it could not be started (the panel says why).
        """
        info = self._window.state.info
        libraries = self._backend.libraries()
        known = next(
            (
                each.folder
                for each in libraries
                if info is not None and each.set_spec == spec and each.network_hash == info.hash and _serves(each)
            ),
            spec,
        )
        try:
            self._run = self._backend.start_run(RUN, dict(values), known)
        except RuntimeError as error:
            self.panel.form.say(str(error))
            return None
        self.panel.show_status(RunStatus(self._run, RUN, "queued"))
        return self._run

    # -------------------------------------------------------------------------------------------------------- private

    def _open_first(self) -> None:
        """Open the newest map of the loaded network, once there is one and nothing else is shown."""
        info, panel = self._window.state.info, self.panel
        if not self.visible or panel.content is not None or panel.forming is not None or self._opened_once:
            return
        maps = self._backend.maps()
        mine = [each for each in maps if info is not None and each.network_hash == info.hash]
        if mine or maps:
            self._opened_once = True
            self._backend.map_open((mine or list(maps))[0].folder)

    def _steer(self, control: str) -> None:
        if self._run is not None:
            self._backend.control_run(self._run, control)

    def _open_picture(self, index: int) -> None:
        if self.panel.content is not None:
            self._backend.map_picture_file(self.panel.content.info.folder, index)

    def _want_picture(self, index: int, whole: bool) -> None:
        if self.panel.content is not None:
            self._backend.map_picture(self.panel.content.info.folder, index, whole)

    def _export(self, ending: str) -> None:
        content = self.panel.content
        if content is None:
            return
        folder, coloring = content.info.folder, str(self.panel.coloring.value or "none")
        path = suggested_path(self._store.get(settings.CAPTURE_FOLDER), f"map {content.info.title}", ending)
        dialog = QFileDialog(self._window, "Export the map", str(path), _FILTERS[ending])
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix(ending)
        dialog.fileSelected.connect(lambda chosen: self._backend.map_export(folder, chosen, coloring))
        dialog.open()

    def _follow_network(self) -> None:
        info, content = self._window.state.info, self.panel.content
        options = self._backend.run_options(RUN) if info is not None else ()
        self.panel.form.set_options(options, Offer.of(info, self._window.state.look))
        missing = "" if options else "No network is loaded yet. Choose one at the top of the window (F3)"
        self.panel.set_missing("The network is being loaded" if missing and self._window.networks.loading else missing)
        if content is None:
            return
        if info is not None and info.hash != content.info.network_hash:
            self.panel.cannot_place(
                f"The live picture has no place here: the map was made with {content.info.network_name}, and "
                f"{info.name} is loaded"
            )
        else:
            self.panel.side.set_live("", None)
        self._window.requests.visibility_changed()

    def _follow_look(self) -> None:
        window = self._window
        self.panel.form.options.set_offer(Offer.of(window.state.info, window.state.look))

    def _offer_sets(self) -> None:
        """Offer the sets that were scanned before."""
        self.panel.form.input.set_recent([each.set_spec for each in self._backend.libraries()])


def _serves(library: LibraryInfo) -> bool:
    """Whether a library has all that a map needs."""
    kept = library.options
    return library.complete and kept.get("features", True) is not False and kept.get("thumbnails", True) is not False


def _square(result: ViewResult) -> UInt8Array:
    """What the network saw of the frame, small, uint8 (side, side, 4) BGRX."""
    image = result.frame.image
    top, left, bottom, right = (round(value) for value in result.seen)
    seen = image[max(0, top) : max(top + 1, bottom), max(0, left) : max(left + 1, right)]
    step = max(1, min(seen.shape[:2]) // (2 * _LIVE_SIDE))
    return bgrx(resample(np.ascontiguousarray(seen[::step, ::step]), (_LIVE_SIDE, _LIVE_SIDE), "area"))
