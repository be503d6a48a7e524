"""The lab: every kind of run behind a tab of its own."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QSplitter, QStackedWidget, QTabBar, QVBoxLayout, QWidget

from deepvis.messages import RunStatus, ViewResult
from deepvis.ui import theme
from deepvis.ui.bridge import Backend
from deepvis.ui.panels.archive_view import ArchiveView
from deepvis.ui.panels.controls import FocusArea, IconButton, row
from deepvis.ui.panels.enlarged_view import EnlargedView
from deepvis.ui.panels.fooling_view import FoolingView
from deepvis.ui.panels.occlusion_view import OcclusionView
from deepvis.ui.panels.pictures_view import PicturesView
from deepvis.ui.panels.run_kind import RunKind
from deepvis.ui.panels.run_panel import RunPanel
from deepvis.ui.panels.scan_view import ScanView
from deepvis.ui.view_state import ViewState

KINDS: tuple[RunKind, ...] = (
    RunKind(
        "class_image",
        "Class image",
        "Choose a class, or none for the chosen unit, then press Start to see what the network is looking for",
        partial(PicturesView, "class image"),
        plots="probability",
    ),
    RunKind(
        "deepdream",
        "DeepDream",
        "Press Start to let the network put more of what it sees into the picture",
        partial(PicturesView, "deepdream"),
        live=True,
    ),
    RunKind(
        "inversion",
        "Inversion",
        "Press Start to see what is left of the picture in a layer",
        partial(PicturesView, "inversion"),
        plots="feature_error",
    ),
    RunKind(
        "fooling",
        "Fooling",
        "Press Start to change the picture so little that nobody sees it, and so that the network does",
        FoolingView,
        plots="probability",
    ),
    RunKind(
        "evolved_fooling",
        "Evolution",
        "Press Start to evolve, for every class, a picture that nobody would recognise and the network is sure of",
        ArchiveView,
        plots="median_confidence",
    ),
    RunKind(
        "occlusion",
        "Occlusion",
        "Press Start to see which parts of the picture the class depends on",
        OcclusionView,
        plots="largest_drop",
        freezes=True,
    ),
    RunKind(
        "patch_scan",
        "Patches",
        "Choose pictures and press Start to find those that each unit answers to most",
        ScanView,
        plots="pictures_per_second",
        pictures=True,
    ),
)


_SIDE_SHARE = 0.24
"""Of the width that a column beside the runs gets at first, at most."""


class LabPanel(QWidget):
    """Tabs, one a kind of run. UI thread only.

    Signals
    -------
    failed : a Problem, to be logged.
    export : title of the dialog, suggested name, ending and content of a file that a person wants to save.
    changed : a run was started, ended, paused or went on, or another tab is shown.
    """

    failed = Signal(object)
    export = Signal(str, str, str, object)
    changed = Signal()

    def __init__(self, state: ViewState, backend: Backend, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAccessibleName("Lab")
        self.tabs = QTabBar()
        self.tabs.setAccessibleName("Runs")
        self.tabs.setToolTip("What takes many steps, while the live view goes on")
        self.tabs.setDrawBase(False)
        self.tabs.setExpanding(False)
        self.stack = QStackedWidget()
        self.panels: dict[str, RunPanel] = {}
        for kind in KINDS:
            panel = RunPanel(kind, state, backend)
            panel.failed.connect(self.failed)
            panel.export.connect(self.export)
            panel.changed.connect(self.changed)
            panel.goes_on_elsewhere = partial(self._other_run, kind.name)
            if panel.live is not None:
                # A dream deserves room.
                panel.live.switched.connect(self._show_dream)
            self.panels[kind.name] = panel
            self.tabs.addTab(kind.title)
            self.stack.addWidget(panel)
        area = FocusArea(self.stack)
        self.large: EnlargedView | None = None
        self._lent: RunPanel | None = None
        self.enlarge_button = IconButton(
            "arrows-out", "Enlarge", "Show the pictures in the mosaic's place (Ctrl+E)", checkable=True
        )
        self.enlarge_button.setProperty("role", "flat")
        self.enlarge_button.clicked.connect(self.enlarge)
        self.sides_button = IconButton(
            "", "Gallery", "Show or hide the runs that have ended (Ctrl+5)", text="Gallery", checkable=True
        )
        self.sides_button.setProperty("role", "flat")
        self.sides_button.clicked.connect(self._ask_for_sides)
        self.sides_button.hide()
        header = row(self.tabs, 1, self.sides_button, self.enlarge_button)
        header.setContentsMargins(theme.MEDIUM, 0, theme.MEDIUM, 0)
        runs = QWidget()
        column = QVBoxLayout(runs)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(header)
        column.addWidget(area, 1)
        self.splitter = QSplitter(Qt.Orientation.Horizontal)
        self.splitter.setHandleWidth(1)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.addWidget(runs)
        self._sides: list[QWidget] = []
        self._divided = True
        self._given_way = False
        self._sides_asked = False
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self.splitter)
        self.tabs.currentChanged.connect(self._show_tab)
        theme.theme_changed.connect(self._make_room)

    def add_side(self, widget: QWidget) -> None:
        """Put a column of its own to the right of the runs; what room there is to spare is theirs."""
        self.splitter.addWidget(widget)
        self._sides.append(widget)
        self.splitter.setStretchFactor(0, 1)
        self.splitter.setStretchFactor(self.splitter.count() - 1, 0)
        self._divided = False

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave the runs three quarters of the width at first; they get all of it where they need it."""
        super().resizeEvent(event)
        self._make_room()
        if not self._divided and self.isVisible():
            self._divided = True
            most = round(_SIDE_SHARE * self.width())
            widths = [min(side.sizeHint().width(), most) for side in self._sides]
            self.splitter.setSizes([self.width() - sum(widths), *widths])

    def show_sides(self) -> None:
        """Show the columns beside the runs, wherever they have given the runs their room."""
        self._sides_asked = self._crowded
        self._make_room()
        for side in self._sides:
            side.show()

    def _ask_for_sides(self, on: bool) -> None:
        self._sides_asked = on
        self._make_room()

    def _make_room(self) -> None:
        if not self._crowded:
            if self._given_way:
                for side in self._sides:
                    side.show()
            self.sides_button.hide()
            self._given_way = self._sides_asked = False
            return
        self._given_way = True
        for side in self._sides:
            side.setHidden(not self._sides_asked)
        self.sides_button.setVisible(bool(self._sides))
        self.sides_button.setChecked(self._sides_asked)

    @property
    def _crowded(self) -> bool:
        """Whether there is not room enough for the runs with their pictures and for what stands beside them."""
        needed = self.stack.minimumSizeHint().width() + sum(side.minimumSizeHint().width() for side in self._sides)
        return self.width() < needed

    def set_large(self, large: EnlargedView) -> None:
        """Where pictures are enlarged."""
        self.large = large
        large.closed.connect(lambda: self.enlarge(False))

    # ------------------------------------------------------------------------------------------------------- arriving

    def show_result(self, result: ViewResult) -> None:
        """The frame of this result is the present one now."""
        for panel in self.panels.values():
            panel.show_result(result)

    def show_status(self, status: RunStatus) -> None:
        """Pass a run's state to the panel of its kind."""
        panel = self.panels.get(status.name)
        if panel is not None:
            panel.show_status(status)

    # --------------------------------------------------------------------------------------------------------- acting

    @property
    def panel(self) -> RunPanel:
        """The run whose tab is shown."""
        return self.panels[KINDS[self.tabs.currentIndex()].name]

    @property
    def enlarged(self) -> bool:
        """Whether a run's pictures stand in the mosaic's place."""
        return self._lent is not None

    @property
    def dream_is_seen(self) -> bool:
        """Whether somebody could see a dream on the live view."""
        return bool(self.panels["deepdream"].view.isVisible())

    def enlarge(self, on: bool) -> None:
        """Show the pictures of the shown tab in the mosaic's place, or bring them back."""
        if self.large is not None:
            if self._lent is not None:
                self.large.give_back()
                self._lent.take_view_back()
                self._lent = None
            if on:
                self._lent = self.panel
                self.large.show_view(self._lent.kind.title, self._lent.lend_view())
        self.enlarge_button.setChecked(self.enlarged)
        self.changed.emit()

    def _other_run(self, name: str) -> str:
        """The title of a run that goes on and is not of this kind, or an empty text."""
        going = (panel for other, panel in self.panels.items() if other != name and panel.runs.running)
        return next((panel.kind.title for panel in going), "")

    def _show_dream(self, on: bool) -> None:
        self.show_run("deepdream")
        self.enlarge(on)

    def _show_tab(self, index: int) -> None:
        self.stack.setCurrentIndex(index)
        if self.enlarged:
            self.enlarge(True)
        self.changed.emit()

    def show_run(self, name: str) -> RunPanel:
        """Show the tab of this run. Raises KeyError if there is none."""
        panel = self.panels[name]
        self.tabs.setCurrentIndex(list(self.panels).index(name))
        return panel

    def begin(self, name: str, values: Mapping[str, Any]) -> int | None:
        """Show a run's tab, set these options beside its defaults, and start it.

        Returns the run's number, or None where it could not be started (the panel says why).
        """
        panel = self.show_run(name)
        if panel.form.options:
            panel.form.reset()
            panel.form.set_values(values)
        return panel.begin()

    def focus(self) -> None:
        """Give the focus to the shown run's Start button, or to the tabs where it cannot be started."""
        start = self.panel.controls.start
        (start if start.isEnabled() else self.tabs).setFocus(Qt.FocusReason.ShortcutFocusReason)
