"""What the actions on the gallery do: open, compare, repeat, use, export, delete. UI thread only."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QPoint, Qt, Signal
from PySide6.QtWidgets import QFileDialog, QMenu, QMessageBox

from deepvis.messages import (
    GalleryContent,
    GalleryEntry,
    GalleryExport,
    GalleryOpened,
    NetworkInfo,
    NetworkSpec,
    Problem,
)
from deepvis.ui import settings_store as settings
from deepvis.ui.actions import ACTIONS, Need, focus_key_text
from deepvis.ui.bridge import Backend
from deepvis.ui.capture import suggested_path
from deepvis.ui.panels import gallery_text
from deepvis.ui.panels.gallery_comparison import GalleryComparison
from deepvis.ui.panels.gallery_panel import GalleryPanel
from deepvis.ui.panels.gallery_viewer import GalleryViewer
from deepvis.ui.settings_store import SettingsStore

if TYPE_CHECKING:
    from deepvis.ui.main_window import MainWindow

FILTERS = (
    ("Picture (*.png)", "png"),
    ("Film of the course (*.mp4)", "mp4"),
    ("Animation of the course (*.gif)", "gif"),
    ("Options and figures (*.json)", "json"),
    ("Values (*.npz)", "npz"),
)


class GalleryCommands(QObject):
    """Handlers of the actions on the gallery, and of what the backend says of it.

    Parameters
    ----------
    window : its parts are looked up when an action runs, so it need not be complete yet.

    Signals
    -------
    changed : other entries are there or chosen than before.
    """

    changed = Signal()

    def __init__(self, window: MainWindow, backend: Backend, store: SettingsStore) -> None:
        super().__init__(window)
        self._window = window
        self._backend = backend
        self._store = store
        self.panel = GalleryPanel()
        self._viewer: GalleryViewer | None = None
        self._comparison: GalleryComparison | None = None
        self._viewing = ""
        self._to_view = ""
        self._comparing: tuple[str, ...] = ()
        self._contents: dict[str, GalleryContent] = {}
        self._deletions = 0
        self._to_repeat: GalleryEntry | None = None
        self.panel.wanted.connect(self.run)
        self.panel.chosen_changed.connect(self.changed)
        self.panel.menu_wanted.connect(self.show_menu)
        self.panel.cancel_export.connect(backend.gallery_cancel_export)

    def handlers(self) -> dict[str, Callable[..., object]]:
        """Handler by action id."""
        return {
            "gallery.show": self.show,
            "gallery.open": self.open,
            "gallery.compare": self.compare,
            "gallery.repeat": self.repeat,
            "gallery.use": self.use,
            "gallery.export": self.export,
            "gallery.save": self.save,
            "gallery.delete": self.delete,
            "gallery.undo": self.undo,
        }

    def available(self) -> dict[Need, bool]:
        """What there is for the actions."""
        chosen = self.panel.chosen
        one = len(chosen) == 1
        return {
            "entry": one,
            "entries": bool(chosen),
            "pair": len(chosen) == 2 or (one and chosen[0].has_input),
            "kept": one and chosen[0].saved,
            "unsaved": any(not entry.saved for entry in chosen),
            "deleted": self._deletions > 0,
        }

    def run(self, action: str) -> None:
        """Do what the action with this id stands for, if it is available."""
        self._window.actions_[action].trigger()

    @property
    def viewer(self) -> GalleryViewer:
        """The window that shows one entry; made when it is needed first."""
        if self._viewer is None:
            self._viewer = GalleryViewer(self._window)
            self._viewer.wanted.connect(self._run_on_viewed)
            self._viewer.turned.connect(self._turn)
        return self._viewer

    @property
    def comparison(self) -> GalleryComparison:
        """The window that compares two; made when it is needed first."""
        if self._comparison is None:
            self._comparison = GalleryComparison(self._window)
        return self._comparison

    # ------------------------------------------------------------------------------------------------------- arriving

    def refresh(self) -> None:
        """There are other entries than before."""
        before = [entry.id for entry in self.panel.model.shown]
        self.panel.set_entries(self._backend.gallery_entries())
        self._keep_viewer_up_to_date(before)
        self.changed.emit()

    def show_opened(self, opened: GalleryOpened) -> None:
        """An entry was read, or could not be."""
        if opened.content is None:
            self._comparing = () if opened.id in self._comparing else self._comparing
            if opened.id == self._to_view:
                self._to_view = ""
                if self._viewer is not None:
                    self._viewer.close()
            return
        if opened.id in self._comparing:
            self._contents[opened.id] = opened.content
            if len(self._contents) == len(self._comparing):
                contents = [self._contents[each] for each in self._comparing]
                self._comparing, self._contents = (), {}
                self.comparison.show_contents(contents[0], contents[1] if len(contents) > 1 else None)
                _present(self.comparison)
        if opened.id == self._to_view:
            self._to_view, self._viewing = "", opened.id
            ids = [entry.id for entry in self.panel.model.shown]
            place = f"{ids.index(opened.id) + 1} of {len(ids)}" if opened.id in ids else ""
            self.viewer.show_content(opened.content, time.time(), place)
            _present(self.viewer)

    def show_export(self, export: GalleryExport) -> None:
        """An export goes on, or has ended."""
        self.panel.show_export(export)

    def network_ready(self, info: NetworkInfo) -> None:
        """A network took over; it may be the one that a run is to be repeated with."""
        entry, self._to_repeat = self._to_repeat, None
        if entry is None or info.name != entry.network:
            return
        if info.hash != entry.network_hash:
            self._window.log.report(
                Problem(
                    "gallery.repeat",
                    f"{info.title} has other weights than then",
                    f"The run was made with weights {entry.network_hash}, these are {info.hash}.",
                    "It is repeated all the same; the picture will differ.",
                    "warning",
                )
            )
        self._start(entry)

    def network_failed(self) -> None:
        """The network that was to be loaded for a run is not there."""
        self._to_repeat = None

    def _keep_viewer_up_to_date(self, before: Sequence[str]) -> None:
        viewer = self._viewer
        if viewer is None or not viewer.isVisible() or viewer.content is None:
            return
        shown = {entry.id: entry for entry in self.panel.model.shown}
        entry = viewer.content.entry
        if entry.id in shown:
            if shown[entry.id].saved != entry.saved:
                self._view(entry.id)
            return
        # What is looked at was deleted: the one that moved into its place is next.
        ids = list(shown)
        place = min(before.index(entry.id), len(ids) - 1) if entry.id in before and ids else -1
        if place >= 0:
            self.panel.choose(ids[place])
            self._view(ids[place])
        else:
            viewer.close()

    # --------------------------------------------------------------------------------------------------------- acting

    def show(self) -> None:
        """Show the lab with the focus on the thumbnails."""
        self._window.docks.show_lab(True)
        self._window.lab.show_sides()
        self.panel.focus()

    def open(self) -> None:
        """Show the chosen entry large."""
        self._view(self.panel.chosen[0].id)

    def compare(self) -> None:
        """Lay the two chosen entries over each other, or one over what it was made from."""
        self._contents = {}
        self._comparing = tuple(entry.id for entry in self.panel.chosen[:2])
        for entry_id in self._comparing:
            self._backend.gallery_open(entry_id)

    def repeat(self) -> None:
        """Start the chosen run again; where another network is loaded, ask which one is meant."""
        entry, info = self.panel.chosen[0], self._window.state.info
        if info is not None and info.hash == entry.network_hash:
            self._start(entry)
            return
        box = QMessageBox(self._viewer if self._viewer is not None and self._viewer.isVisible() else self._window)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setWindowTitle("Repeat")
        # What an entry says of itself may have been written by anybody.
        box.setTextFormat(Qt.TextFormat.PlainText)
        name = entry.network_spec.name if entry.network_spec is not None else entry.network
        code = ":" in name or name.casefold().endswith(".pt2")
        loaded = f"{info.title} is loaded now" if info is not None else "No network is loaded"
        box.setText(f"This was made with {entry.network}. {loaded}.")
        box.setInformativeText(
            f"{name} is code, which is run when it is loaded. Load it only if you know where it comes from."
            if code
            else "Layers and classes of another network may not fit the options."
        )
        load = box.addButton(f"Load {name.replace('&', '&&')}, then repeat", QMessageBox.ButtonRole.AcceptRole)
        load.clicked.connect(lambda: self._load_and_repeat(entry))
        if info is not None:
            other = box.addButton(f"Repeat with {info.title}", QMessageBox.ButtonRole.ActionRole)
            other.clicked.connect(lambda: self._start(entry))
        cancel = box.addButton(QMessageBox.StandardButton.Cancel)
        box.setDefaultButton(cancel if code else load)
        box.open()

    def use(self) -> None:
        """Show the chosen picture to the network."""
        self._window.sources.open(self.panel.chosen[0].path)

    def export(self) -> None:
        """Ask for a name whose ending says what is saved."""
        entry = self.panel.chosen[0]
        name = Path(entry.file).stem
        path = suggested_path(self._store.get(settings.CAPTURE_FOLDER), name, "png")
        parent = self._viewer if self._viewer is not None and self._viewer.isActiveWindow() else self._window
        dialog = QFileDialog(parent, f"Export {gallery_text.title(entry)}", str(path.parent))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilters([text for text, _ in FILTERS])
        dialog.setDefaultSuffix("png")
        dialog.selectFile(path.name)
        endings = dict(FILTERS)

        def follow(text: str) -> None:
            chosen = dialog.selectedFiles()
            stem = Path(chosen[0]).stem if chosen else path.stem
            dialog.setDefaultSuffix(endings[text])
            dialog.selectFile(f"{stem}.{endings[text]}")

        def save(chosen: str) -> None:
            self._store.set(settings.CAPTURE_FOLDER, str(Path(chosen).parent))
            self._backend.gallery_export(entry.id, chosen)

        dialog.filterSelected.connect(follow)
        dialog.fileSelected.connect(save)
        dialog.open()

    def save(self) -> None:
        """Try again to write the chosen entries that are in memory only."""
        for entry in self.panel.chosen:
            if not entry.saved:
                self._backend.gallery_save(entry.id)

    def delete(self) -> None:
        """Take the chosen entries out, with an offer to undo it; the next one is chosen then."""
        chosen, shown = self.panel.chosen, [entry.id for entry in self.panel.model.shown]
        gone = [entry.id for entry in chosen]
        place = shown.index(gone[0])
        rest = [each for each in shown if each not in gone]
        self._deletions += 1
        self._backend.gallery_delete(gone)
        self.panel.offer_undo(len(gone))
        if rest:
            self.panel.choose(rest[min(place, len(rest) - 1)])
        self.changed.emit()

    def undo(self) -> None:
        """Bring back what was deleted last."""
        self._deletions -= 1
        self._backend.gallery_undelete()
        self.panel.undone()
        self.changed.emit()

    def show_menu(self, place: QPoint) -> None:
        """The actions on what is chosen, as a menu."""
        self.menu().popup(place)

    def menu(self) -> QMenu:
        """The actions of the gallery with the keys that they have while it has the focus."""
        menu = QMenu(self.panel)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.setToolTipsVisible(True)
        for spec in ACTIONS:
            action = self._window.actions_[spec.id]
            if spec.group != "Gallery" or spec.id == "gallery.show":
                continue
            if spec.id == "gallery.save" and not action.isEnabled():
                continue
            entry = menu.addAction(f"{spec.text}\t{focus_key_text(spec)}")
            entry.setEnabled(action.isEnabled())
            entry.setToolTip(action.toolTip())
            entry.triggered.connect(action.trigger)
        return menu

    # -------------------------------------------------------------------------------------------------------- private

    def _view(self, entry_id: str) -> None:
        self._to_view = entry_id
        self._backend.gallery_open(entry_id)

    def _turn(self, step: int) -> None:
        shown = [entry.id for entry in self.panel.model.shown]
        # Pages may be turned faster than they are read.
        viewed = self._to_view or self._viewing
        if viewed in shown:
            place = shown.index(viewed) + step
            if 0 <= place < len(shown):
                self.panel.choose(shown[place])
                self._view(shown[place])

    def _run_on_viewed(self, action: str) -> None:
        if action != "gallery.undo":
            self.panel.choose(self._viewing)
        self.run(action)

    def _load_and_repeat(self, entry: GalleryEntry) -> None:
        self._to_repeat = entry
        self._window.networks.load(entry.network_spec or NetworkSpec(entry.network))

    def _start(self, entry: GalleryEntry) -> None:
        try:
            self._backend.gallery_repeat(entry.id)
        except KeyError as error:
            text = f"{error.args[0]}."
            self._window.log.report(Problem("gallery.repeat", "The run cannot be repeated", text, "Start it anew."))
            return
        if entry.run in self._window.lab.panels:
            self._window.lab.show_run(entry.run)
        self._window.docks.show_lab(True)


def _present(dialog: GalleryViewer | GalleryComparison) -> None:
    if not dialog.isVisible():
        dialog.show()
        dialog.raise_()
        dialog.activateWindow()
