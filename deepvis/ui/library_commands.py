"""What is done with libraries in the window: shown, made by scans, opened picture by picture. UI thread only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Qt, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFileDialog

from deepvis.messages import (
    LayerCorrelation,
    LayerPatches,
    LibrariesChanged,
    LibraryInfo,
    PatchBack,
    PatchExport,
    PatchOpened,
    RunStatus,
    UnitPatches,
    UnitStatistics,
)
from deepvis.messages.library import LibraryEvent
from deepvis.ui.bridge import Backend
from deepvis.ui.layer_library import LayerLibrary
from deepvis.ui.panels.library_list import LibraryList
from deepvis.ui.panels.scan_input import SAMPLES
from deepvis.ui.panels.scan_offer import SCAN
from deepvis.ui.panels.scan_view import ScanView
from deepvis.ui.panels.skipped_dialog import SkippedDialog
from deepvis.ui.unit_library import UnitLibrary

if TYPE_CHECKING:
    from deepvis.ui.main_window import MainWindow

_PLACES_ITS_OWN = frozenset(("folder", "restart"))
"""Options of a scan that say where it goes, and not what is scanned."""


class LibraryCommands(QObject):
    """Handlers of the actions on libraries, and of what the backend says of them.

    Parameters
    ----------
    window : its parts are looked up when they are needed, so it need not be complete yet.
    """

    def __init__(self, window: MainWindow, backend: Backend) -> None:
        super().__init__(window)
        self._window = window
        self._backend = backend
        self.scan: RunStatus | None = None
        state = window.state
        self.unit = UnitLibrary(state, backend, lambda: not window.docks.right.isHidden(), self)
        self.layer = LayerLibrary(state, backend, lambda: window.grid_panel.tile_side, self)
        self._opening: tuple[str, str, int, int] | None = None

    def attach(self) -> None:
        """The window is complete: show what there is from now on, and hear what a person wants."""
        window = self._window
        self.unit.changed.connect(self.show_unit)
        self.layer.changed.connect(self.show_layer)
        window.state.changed.connect(self.show_layer)
        window.grid_panel.room_changed.connect(self.layer.follow)
        window.unit_panel.patches.patch_chosen.connect(self.open_patch)
        for offer in (window.unit_panel.patches.offer, window.grid_panel.offer):
            offer.scan_samples.connect(self.scan_samples)
            offer.scan_layer.connect(self.scan_layer)
            offer.scan_folder.connect(self.choose_pictures)
        self.list.wanted.connect(self.act)
        window.state.network_changed.connect(self.show_list)
        self.show_unit()
        self.show_list()

    @property
    def list(self) -> LibraryList:
        """The list of libraries in the lab."""
        view = self._window.lab.panels[SCAN].view
        assert isinstance(view, ScanView)
        return view.libraries

    def handlers(self) -> dict[str, Callable[..., object]]:
        """Handler by action id."""
        return {
            "unit.patches": self.go_to_patches,
            "lab.scan": self.choose_pictures,
            "lab.scan_samples": self.scan_samples,
        }

    # ------------------------------------------------------------------------------------------------------- arriving

    def show_event(self, event: LibraryEvent) -> None:
        """Pass what came on to the part that it concerns."""
        match event:
            case UnitStatistics() | UnitPatches() | PatchBack():
                self.unit.show(event)
            case LayerPatches() | LayerCorrelation():
                self.layer.show(event)
            case LibrariesChanged():
                self.follow()
            case PatchOpened():
                self._show_opened(event)
            case PatchExport():
                self.list.show_export(event)

    def show_run(self, status: RunStatus) -> None:
        """A run has another state, or made a step."""
        if status.name != SCAN:
            return
        before = self.scan
        self.scan = status if status.state in ("queued", "running", "paused") else None
        if self.scan is not None or before is not None:
            self.show_unit()
            self.show_layer()
        if self._scanned(before) != self._scanned(self.scan):
            self.show_list()

    def follow(self) -> None:
        """Other libraries are there, another one serves, or one was written further."""
        self.unit.follow()
        self.layer.follow()
        self.show_unit()
        self.show_layer()
        self.show_list()

    def show_unit(self) -> None:
        """Show what is known of the chosen unit."""
        self._window.unit_panel.show_library(self.unit, self.scan)

    def show_layer(self) -> None:
        """Show what is known of the shown layer, where it is looked at."""
        window, look = self._window, self._window.state.look
        if look.show not in ("patches", "correlation"):
            return
        info = self.layer.info
        title, again = (info.title, bool(info.set_spec)) if info is not None else ("", False)
        window.grid_panel.offer.offer(look.layer or "", title, again, self.scan)
        window.grid_panel.show_library(self.layer.patches, self.layer.correlation, self.layer.layer is None)

    def show_list(self) -> None:
        """Show which libraries there are."""
        network = self._window.state.info
        infos = self._backend.libraries()
        self.list.set_libraries(
            infos, self.unit.info, network.hash if network is not None else "", self._scanned(self.scan)
        )
        self._window.lab.panels[SCAN].input.set_recent([info.set_spec for info in infos])

    @staticmethod
    def _scanned(scan: RunStatus | None) -> str:
        """The folder that a scan writes."""
        return str(scan.update.detail.get("library") or "") if scan is not None and scan.update is not None else ""

    # --------------------------------------------------------------------------------------------------------- acting

    def act(self, action: str, folder: str) -> None:
        """Do what a person wants with a library of the list."""
        info = next((each for each in self._backend.libraries() if each.folder == folder), None)
        if action == "undo":
            self._backend.library_undelete()
        elif action == "cancel_export":
            self._backend.library_cancel_export()
        elif info is None:
            return
        elif action == "choose":
            self._backend.library_choose(folder)
        elif action == "resume":
            self.resume(info)
        elif action == "folder":
            QDesktopServices.openUrl(QUrl.fromLocalFile(folder))
        elif action == "skipped":
            SkippedDialog(info, self._window).open()
        elif action == "export":
            self._export(info)
        elif action == "delete":
            self._backend.library_delete(folder)
            self.list.offer_undo(info.title)

    def _export(self, info: LibraryInfo) -> None:
        layer = self._window.state.look.layer
        shown = layer if layer in info.layers else info.layers[0]
        dialog = QFileDialog(self._window, f"Export the patches of {shown} into a folder")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.fileSelected.connect(lambda path: self._backend.library_export(info.folder, str(shown), path))
        dialog.open()

    def scan_samples(self) -> None:
        """Scan the sample photographs with the loaded network, every layer of the strip."""
        info = self._window.state.info
        if info is None:
            return
        layers = [layer.name for layer in info.layers if layer.main]
        look = self._window.state.look
        if look.layer is not None and look.layer not in layers:
            layers.append(look.layer)
        self._begin(SAMPLES, {"layers": tuple(layers)})

    def scan_layer(self) -> None:
        """Scan the pictures of the serving library again, with the shown layer as well."""
        info, layer = self.unit.info, self._window.state.look.layer
        if info is not None and layer is not None and info.set_spec:
            values = {name: value for name, value in _values(info).items() if name not in _PLACES_ITS_OWN}
            self._begin(info.set_spec, values | {"layers": (*info.layers, layer)})

    def resume(self, info: LibraryInfo) -> None:
        """Go on with a scan that was cancelled or interrupted."""
        values = {name: value for name, value in _values(info).items() if name != "restart"}
        self._begin(info.set_spec, values)

    def choose_pictures(self) -> None:
        """Show the tab of scans, for a set and options to be chosen."""
        self._window.docks.show_lab(True)
        self._window.lab.show_run(SCAN)
        self._window.lab.focus()

    def go_to_patches(self) -> None:
        """Give the patches of the unit panel the focus."""
        self._window.docks.right.show()
        section = self._window.unit_panel.patches
        section.set_open(True)
        target = section.tiles if section.tiles.isVisibleTo(section) else section.offer.samples
        target.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def open_patch(self, folder: str, layer: str, unit: int, rank: int) -> None:
        """Show the whole picture of a patch, at its place."""
        self._opening = (folder, layer, unit, rank)
        self._backend.library_open(folder, layer, unit, rank)

    def _begin(self, pictures: str, values: Mapping[str, Any]) -> None:
        lab = self._window.lab
        lab.panels[SCAN].use_file(pictures)
        lab.begin(SCAN, values)

    def _show_opened(self, opened: PatchOpened) -> None:
        wanted, self._opening = self._opening, None
        if not opened.path or wanted is None:
            return
        window = self._window
        patches = self.unit.patches
        shown = patches is not None and (patches.folder, patches.layer, patches.unit) == wanted[:3]
        window.sources.open(opened.path)
        window.input_panel.mark_for_a_moment(opened.box, opened.size)
        info, layer = self.unit.info, window.state.layer
        if not shown or patches is None or info is None or layer is None or layer.size is None:
            return
        look = window.state.look
        same = look.fit == info.fit and (look.input_size or _own_size(window)) == info.input_size
        rank = next((patch for patch in patches.patches if patch.rank == wanted[3]), None)
        if same and rank is not None and look.origin is None:
            # The network sees the picture as the scan did: what is looked back from is the patch.
            window.state.update(position=rank.position)


def _own_size(window: MainWindow) -> tuple[int, int] | None:
    info = window.state.info
    return info.input_size if info is not None else None


def _values(info: LibraryInfo) -> dict[str, Any]:
    """The options of a library's scan as its form takes them."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in info.options.items()}
