"""The window: it puts the parts together and carries what arrives to them. The work is theirs, or the engine's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QEvent, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QKeyEvent
from PySide6.QtWidgets import QApplication, QMainWindow, QMenu, QStatusBar, QVBoxLayout, QWidget

from deepvis.messages import (
    EngineStatus,
    Event,
    GalleryChanged,
    GalleryExport,
    GalleryOpened,
    GridResult,
    LayerCorrelation,
    LayerPatches,
    LibrariesChanged,
    LoadProgress,
    MapOpened,
    MapPicture,
    MapPictureFile,
    MapPlaced,
    MapsChanged,
    NetworkFailed,
    NetworkInfo,
    NetworkReady,
    NetworkSpec,
    PatchBack,
    PatchExport,
    PatchOpened,
    Problem,
    ProblemSolved,
    RunStatus,
    SourceStatus,
    Timings,
    UnitPatches,
    UnitStatistics,
    ViewResult,
)
from deepvis.ui import settings_store as settings
from deepvis.ui import theme
from deepvis.ui.actions import GROUPS, Actions, Need
from deepvis.ui.bridge import Backend, Bridge
from deepvis.ui.busy_mark import BusyMark
from deepvis.ui.capture_commands import CaptureCommands
from deepvis.ui.center_card import CenterCard
from deepvis.ui.command_palette import CommandPalette
from deepvis.ui.docks import Docks, make_dock, restore_geometry
from deepvis.ui.gallery_commands import GalleryCommands
from deepvis.ui.help_sheet import HelpSheet
from deepvis.ui.lab_commands import LabCommands
from deepvis.ui.library_commands import LibraryCommands
from deepvis.ui.look_memory import look_changes, look_text
from deepvis.ui.map_commands import MapCommands
from deepvis.ui.message_panel import MessagePanel
from deepvis.ui.network_commands import NetworkCommands
from deepvis.ui.network_menu import DeviceMenu, NetworkMenu, SizeMenu, size_text
from deepvis.ui.notifications import ProblemLog, Toasts
from deepvis.ui.paint_clock import PaintClock, timings_text
from deepvis.ui.panels.controls import Figure
from deepvis.ui.panels.enlarged_view import EnlargedView
from deepvis.ui.panels.grid_panel import GridPanel
from deepvis.ui.panels.input_panel import InputPanel
from deepvis.ui.panels.lab_panel import LabPanel
from deepvis.ui.panels.predictions_panel import PredictionsPanel
from deepvis.ui.panels.status_bar import StatusBar, device_text
from deepvis.ui.panels.strongest_panel import StrongestPanel
from deepvis.ui.panels.unit_panel import UnitPanel
from deepvis.ui.playback_bar import CONTROLS, Playback, PlaybackBar, clock
from deepvis.ui.request_sender import RequestSender
from deepvis.ui.settings_store import SettingsStore
from deepvis.ui.shortcut_guard import belongs_to_focus
from deepvis.ui.source_commands import SourceCommands
from deepvis.ui.source_menu import WEIGHTS, CameraFinder, SourceMenu
from deepvis.ui.top_bar import TopBar
from deepvis.ui.unit_images import UnitImages
from deepvis.ui.unit_menu import UnitMenu
from deepvis.ui.view_commands import ViewCommands, missing_layer
from deepvis.ui.view_state import ViewState
from deepvis.ui.window_commands import WindowCommands


class MainWindow(QMainWindow):
    """What a person sees and uses. UI thread only.

    Parameters
    ----------
    backend : the engine; its results and events are taken from now on.
    store : what is remembered.

    Signals
    -------
    painted : the window is on the screen for the first time.
    activations_painted : so are the first activations.
    closing : the window is about to go; settings are written.
    """

    painted = Signal()
    activations_painted = Signal()
    closing = Signal()

    def __init__(self, backend: Backend, store: SettingsStore) -> None:
        super().__init__()
        self.setWindowTitle("deepvis")
        self.setAcceptDrops(True)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._fit_to_screen()
        self.setMinimumSize(720, 480)
        self._backend = backend
        self._store = store
        self.state = ViewState(self)
        self.log = ProblemLog(self)
        self.clock = PaintClock()
        self._grid: GridResult | None = None
        self._has_frame = False
        self._closed = False
        self._was_painted = False
        self._activations_were_painted = False
        self._asked_layer: str | None = None
        self.state.update(**look_changes(store.get(settings.LOOK)))
        self.playback = Playback(self)
        self.finder = CameraFinder(backend, self)
        self.grid_panel = GridPanel(self.state)
        self.requests = RequestSender(self.state, backend, lambda: self.grid_panel.room, self._visible_panels, self)
        center = QWidget(self)
        self.card = CenterCard(center, lambda: self.networks.cancel())
        self.view = ViewCommands(self.state, lambda: self._grid)
        self.sources = SourceCommands(backend, self.state, store, self.playback, self.finder, self)
        self.networks = NetworkCommands(backend, self.state, store, self.log, self.card, self)
        self.captures = CaptureCommands(self, backend, self.state, store, self.requests, lambda: self._grid, self.log)
        self.window_commands = WindowCommands(self, store)
        self.lab_commands = LabCommands(self)
        self.gallery = GalleryCommands(self, backend, store)
        self.unit_images = UnitImages(self.state, backend, self.lab_commands.begin_class_image, self)
        self.libraries = LibraryCommands(self, backend)
        self.maps = MapCommands(self, backend, store)
        handlers: dict[str, Callable[..., object]] = {}
        parts = (self.view, self.sources, self.networks, self.captures, self.window_commands, self.lab_commands)
        for part in (*parts, self.gallery, self.libraries, self.maps):
            handlers |= part.handlers()
        self.actions_ = Actions(handlers, self)
        self.addActions(self.actions_.all())
        self._build(center)
        self._connect()
        self.libraries.attach()
        self.bridge = Bridge(backend, self)
        self.bridge.result.connect(self.show_result)
        self.bridge.happened.connect(self.show_event)
        if store.problem is not None:
            self.log.report(store.problem)
        self._refresh()

    # ------------------------------------------------------------------------------------------------------- building

    def _build(self, center: QWidget) -> None:
        self.top_bar = TopBar(self.actions_, self)
        self.addToolBar(Qt.ToolBarArea.TopToolBarArea, self.top_bar)
        self.playback_bar = PlaybackBar(self.playback, self.actions_, center)
        center.setProperty("role", "window")
        column = QVBoxLayout(center)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.grid_panel, 1)
        column.addWidget(self.maps.panel, 1)
        column.addWidget(self.playback_bar.holder)
        self.setCentralWidget(center)
        self.busy = BusyMark(self.grid_panel.view)
        self.card.raise_()
        self.input_panel, self.predictions = InputPanel(self.state), PredictionsPanel(self.state)
        self.unit_panel, self.strongest = UnitPanel(self.state), StrongestPanel(self.state)
        self.lab = LabPanel(self.state, self._backend)
        self.lab.add_side(self.gallery.panel)
        self.lab.set_large(EnlargedView(self.grid_panel.stage, self.grid_panel))
        self.unit_menu = UnitMenu(self.grid_panel.view, self.state, self.actions_)
        self.panels = (self.input_panel, self.predictions, self.grid_panel, self.unit_panel, self.strongest, self.lab)
        self.message_panel = MessagePanel(self.log)
        self.docks = Docks(
            self,
            make_dock(self, "input dock", "Input", (self.input_panel, self.predictions), scroll=True),
            make_dock(self, "unit dock", "Unit", (self.unit_panel, self.strongest), scroll=True),
            make_dock(self, "message dock", "Messages", (self.message_panel,), scroll=False),
            make_dock(self, "lab dock", "Lab", (self.lab,), scroll=False),
        )
        self.status_bar = StatusBar(self.state)
        self._add_status_bar()
        self._make_menus()
        self.palette_ = CommandPalette(self)
        self.help_sheet = HelpSheet(self)
        self.toasts = Toasts(self.log, self, lambda: self.statusBar().height())
        restore_geometry(self, self._store.get(settings.GEOMETRY))
        self.docks.restore(self._store.get(settings.LAYOUT))

    def _fit_to_screen(self) -> None:
        screen = self.screen()
        # Room for the frame that the window system draws around it.
        room = screen.availableSize() - QSize(16, 64) if screen is not None else QSize(1280, 800)
        self.resize(QSize(1600, 1000).boundedTo(room))

    def _add_status_bar(self) -> None:
        self.timings = Figure(timings_text(Timings(10, 100, 100, 10), (10, 10)), quiet=True, right=True)
        self.timings.setAccessibleName("Timings")
        self.timings.setVisible(self._store.get(settings.TIMINGS))
        bar = QStatusBar(self)
        bar.setSizeGripEnabled(False)
        bar.addWidget(self.status_bar, 1)
        bar.addPermanentWidget(self.timings)
        bar.setContentsMargins(0, 0, theme.MEDIUM, 0)
        self.setStatusBar(bar)

    def _make_menus(self) -> None:
        store, networks = self._store, self.networks
        bar = self.top_bar
        bar.source.set_menu(
            SourceMenu(
                self.actions_, self.finder, self.sources.open, lambda: store.get(settings.RECENT_SOURCES),
                lambda: self.sources.spec, self.playback, self,
            )
        )  # fmt: skip
        bar.network.set_menu(
            NetworkMenu(
                self.actions_, networks.models, networks.load, networks.recent, lambda: networks.spec.name, self
            )
        )
        look = self.state
        bar.input_size.set_menu(SizeMenu(lambda: look.info, lambda: look.look.input_size, networks.choose_size, self))
        bar.device.set_menu(DeviceMenu(lambda: look.info, lambda: networks.spec, networks.load, self))
        menu = QMenu("Menu", self)
        menu.setToolTipsVisible(True)
        for group in GROUPS:
            part = menu.addMenu(group)
            part.setToolTipsVisible(True)
            part.addActions(self.actions_.group(group))
        bar.main.set_menu(menu)
        snapshot = QMenu("Snapshot", self)
        snapshot.addActions([self.actions_[f"capture.{name}"] for name in ("window", "mosaic", "arrays")])
        bar.snapshot.set_menu(snapshot)

    def _connect(self) -> None:
        self.state.changed.connect(self._refresh)
        self.state.network_changed.connect(self._refresh)
        self.sources.changed.connect(self._refresh)
        self.networks.changed.connect(self._refresh)
        self.networks.search.connect(self.window_commands.search_networks)
        self.playback.changed.connect(self._refresh)
        self.captures.recorder.changed.connect(self._refresh)
        self.captures.recorder.ticked.connect(self._show_elapsed)
        self.lab.failed.connect(self.log.report)
        self.lab.export.connect(self.captures.ask)
        self.lab.changed.connect(self._follow_lab)
        self.unit_panel.maximise.connect(self.unit_images.maximise)
        self.unit_panel.set_folded(self._store.get(settings.FOLDED))
        self.unit_panel.folded.connect(lambda names: self._store.set(settings.FOLDED, names))
        self.unit_images.changed.connect(self._show_unit_images)
        self.state.changed.connect(self._show_unit_images)
        self.gallery.changed.connect(lambda: self.actions_.set_available(self._available()))
        self.log.changed.connect(self._follow_log)
        self.maps.begin_listening()
        panel = self.grid_panel
        panel.room_changed.connect(self.requests.room_changed)
        panel.probe_changed.connect(lambda: self.requests.set_probe(panel.probe))
        self.toasts.details.connect(self.window_commands.show_details)
        self.palette_.ran.connect(lambda command: self._store.push(settings.RECENT_COMMANDS, command, 12))
        for dock in (self.docks.left, self.docks.right, self.docks.messages, self.docks.lab):
            dock.visibilityChanged.connect(lambda _visible: self._refresh_marks())
            dock.visibilityChanged.connect(lambda _visible: self.requests.visibility_changed())
        self.docks.right.visibilityChanged.connect(lambda _visible: self.libraries.unit.follow())

    # ------------------------------------------------------------------------------------------------------- arriving

    def start(self, source: str | None, network: NetworkSpec | None, layer: str | None) -> None:
        """Open the source and load the network that were asked for, or those that were shown last."""
        if layer is not None:
            self._asked_layer = layer
            self.state.update(layer=layer, unit=None)
        self.networks.load(network or self.networks.remembered())
        self.sources.open_first(source)
        self.requests.send()
        self.grid_panel.view.setFocus()

    def show_result(self, result: ViewResult) -> None:
        """Give a result to every panel, or to none: they never show different frames or layers."""
        self.requests.answered(result)
        if not self.requests.accepts(result):
            return
        self.clock.begin(result)
        self._grid = result.grid or self._grid
        if result.grid is not None and not self.state.unit_is_chosen:
            # The first unit may well be silent; the strongest one shows at once what units are about.
            self.view.choose_most_active()
        self._show_wait()
        if not self._has_frame:
            self._has_frame = True
            self._refresh()
        for panel in self.panels:
            panel.show_result(result)
        self.maps.show_result(result)
        if self.clock.latency is not None:
            # That of the frame before: a figure of its own after each painting would be another painting.
            self.status_bar.show_delay(self.clock.latency)
        self.status_bar.show_result(result)
        if self.timings.isVisible():
            self.timings.setText(timings_text(result.timings, self.clock.busy()))
        self.playback.show_frame(result.frame)
        self.playback_bar.show_frame(result.frame)
        self.clock.end()
        # Even if nothing on the screen differs from before, this frame counts as painted with the next update.
        self.grid_panel.view.update()

    def show_event(self, event: Event) -> None:
        """Pass an event to the part that it concerns."""
        match event:
            case Problem():
                self.log.report(event)
            case ProblemSolved():
                self.log.solve(event.key)
            case LoadProgress():
                self.networks.show_progress(event)
            case NetworkReady():
                self._grid = None
                self.networks.show_ready(event.info)
                self._explain_layer(event.info)
                self.gallery.network_ready(event.info)
            case NetworkFailed():
                self.networks.show_failed(event)
                self.gallery.network_failed()
            case SourceStatus():
                self.sources.show_status(event)
            case EngineStatus():
                self.status_bar.show_status(event)
            case RunStatus():
                self.lab.show_status(event)
                self.unit_images.show_status(event)
                self.libraries.show_run(event)
                self.status_bar.show_run(event)
                self.maps.show_run(event)
            case GalleryChanged():
                self.gallery.refresh()
                self._show_unit_images()
            case MapsChanged() | MapOpened() | MapPlaced() | MapPicture() | MapPictureFile():
                self.maps.show_event(event)
            case GalleryOpened():
                self.gallery.show_opened(event)
            case GalleryExport():
                self.gallery.show_export(event)
            case (
                LibrariesChanged()
                | UnitStatistics()
                | UnitPatches()
                | PatchBack()
                | LayerPatches()
                | LayerCorrelation()
                | PatchOpened()
                | PatchExport()
            ):
                self.libraries.show_event(event)
            case _:
                return

    def _explain_layer(self, info: NetworkInfo) -> None:
        """Say so, once, if the layer that was asked for at the start is not there."""
        name, self._asked_layer = self._asked_layer, None
        if name is not None and self.state.look.layer != name:
            self.log.report(missing_layer(name, info))

    def event(self, event: QEvent) -> bool:
        """Painting is timed; keys that the focused widget needs are kept for it."""
        kind = event.type()
        if kind == QEvent.Type.UpdateRequest:
            self.clock.begin()
            done = super().event(event)
            painted = self.clock.end(painted=True) and self.clock.latency is not None
            if painted and not self._activations_were_painted and self._grid is not None:
                self._activations_were_painted = True
                self.activations_painted.emit()
            return done
        if kind == QEvent.Type.Paint and not self._was_painted:
            self._was_painted = True
            # When this event is through, the picture is on its way to the window system.
            QTimer.singleShot(0, self.painted.emit)
        if kind == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            focus = QApplication.focusWidget()
            if self.help_sheet.isVisible() or belongs_to_focus(focus, event):
                event.accept()
                return True
        return super().event(event)

    # --------------------------------------------------------------------------------------------------------- showing

    def _refresh(self) -> None:
        info, look = self.state.info, self.state.look
        bar = self.top_bar
        bar.source.setText(self.sources.title)
        bar.source.set_icon_name("camera" if self.sources.spec.startswith("camera:") else "image")
        self.setWindowTitle(f"{self.sources.title} · {info.title}" if info is not None else "deepvis")
        bar.network.setText(info.title if info is not None else "No network")
        bar.input_size.setText(size_text(look.input_size or info.input_size) if info is not None else "–")
        bar.device.setText(device_text(info) or "–")
        for button in (bar.input_size, bar.device):
            button.setEnabled(info is not None)
        recording = self.captures.recorder.recording
        bar.record.set_icon_name("stop" if recording else "record")
        if not recording:
            bar.record.setText("Record")
        self.actions_.set_available(self._available())
        self._refresh_marks()
        self._show_wait()

    def _available(self) -> frozenset[Need]:
        info, look = self.state.info, self.state.look
        facts: dict[Need, bool] = {
            "network": info is not None,
            "unit": info is not None and look.unit is not None,
            "flexible": info is not None and info.flexible,
            "frame": self._has_frame,
            "loading": self.networks.loading,
            "pinned": bool(look.pinned),
            "labels": info is not None and bool(info.labels),
            "run": self.lab.panel.runs.chosen is not None,
            "more": self.lab.panel.runs.continuable is not None,
        }
        facts |= {control: control in self.playback.controls for control in CONTROLS}
        facts |= self.gallery.available()
        return frozenset(need for need, holds in facts.items() if holds)

    def _refresh_marks(self) -> None:
        marks = self.view.marks() | self.window_commands.marks() | self.lab_commands.marks()
        marks |= self.maps.marks()
        marks["capture.record"] = self.captures.recorder.recording
        self.actions_.set_checked(marks)

    def _show_wait(self) -> None:
        layer, shown = self.state.look.layer, self._grid.request.layer if self._grid is not None else None
        self.busy.wait_for(layer if layer is not None and shown is not None and shown != layer else "")

    def _visible_panels(self) -> tuple[bool, bool, bool]:
        """Whether input, unit and live dream can be seen."""
        return not self.docks.left.isHidden(), not self.docks.right.isHidden(), self.lab.dream_is_seen

    def _follow_lab(self) -> None:
        self.actions_.set_available(self._available())
        self._refresh_marks()
        self.requests.visibility_changed()

    def _show_unit_images(self) -> None:
        images = self.unit_images
        self.unit_panel.show_images(images.pictures(), images.update, images.waiting)

    def _show_elapsed(self, seconds: float) -> None:
        self.top_bar.record.setText(f"Recording {clock(seconds)}")

    def _follow_log(self, key: str) -> None:
        entry = self.log.find(key)
        if entry is not None and not entry.solved:
            self.captures.problem(entry.problem)

    # ------------------------------------------------------------------------------------------------ dropping, closing

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take files."""
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Open the first file or folder that was dropped; weights ask for their network."""
        paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
        if not paths:
            return
        event.acceptProposedAction()
        path, ending = paths[0], paths[0].suffix.lower().lstrip(".")
        if path.is_file() and ending in WEIGHTS:
            name = self.networks.spec.name
            self.networks.ask(NetworkSpec(str(path)) if ending == "pt2" else NetworkSpec(name, weights=str(path)))
        else:
            self.sources.open_path(path)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Write the settings and go; the engine is ended by whoever started it."""
        if not self._closed:
            self._closed = True
            self.captures.recorder.stop()
            geometry, layout = self.window_commands.arrangement()
            self._store.set(settings.GEOMETRY, geometry)
            self._store.set(settings.LAYOUT, layout)
            self.window_commands.leave_presentation()
            self._store.set(settings.LOOK, look_text(self.state.wished))
            self._store.flush()
            self.closing.emit()
        super().closeEvent(event)
