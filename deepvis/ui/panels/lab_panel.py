"""The lab: every kind of run behind a tab of its own."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QScrollArea, QSplitter, QStackedWidget, QTabBar, QVBoxLayout, QWidget

from deepvis.messages import RunStatus, ViewResult
from deepvis.ui import theme
from deepvis.ui.bridge import Backend
from deepvis.ui.panels.controls import row
from deepvis.ui.panels.occlusion_view import OcclusionView
from deepvis.ui.panels.run_panel import RunKind, RunPanel
from deepvis.ui.view_state import ViewState

KINDS: tuple[RunKind, ...] = (
    RunKind(
        "occlusion",
        "Occlusion",
        "Press Start to see which parts of the picture the class depends on",
        OcclusionView,
    ),
)


class LabPanel(QWidget):
    """Tabs, one a kind of run. UI thread only.

    Signals
    -------
    failed : a Problem, to be logged.
    export : title of the dialog, suggested name, ending and content of a file that a person wants to save.
    """

    failed = Signal(object)
    export = Signal(str, str, str, object)

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
            self.panels[kind.name] = panel
            self.tabs.addTab(kind.title)
            self.stack.addWidget(panel)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setWidget(self.stack)
        header = row(self.tabs, 1)
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
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self.splitter)
        self.tabs.currentChanged.connect(self.stack.setCurrentIndex)

    def add_side(self, widget: QWidget) -> None:
        """Put a column of its own to the right of the runs; what room there is to spare is theirs."""
        self.splitter.addWidget(widget)
        self.splitter.setStretchFactor(0, 1)
        self.splitter.setStretchFactor(self.splitter.count() - 1, 0)

    def show_result(self, result: ViewResult) -> None:
        """The frame of this result is the present one now."""
        for panel in self.panels.values():
            panel.show_frame(result.frame)

    def show_status(self, status: RunStatus) -> None:
        """Pass a run's state to the panel of its kind."""
        panel = self.panels.get(status.name)
        if panel is not None:
            panel.show_status(status)

    def focus(self) -> None:
        """Give the focus to the shown run's Start button, or to the tabs where it cannot be started."""
        start = self.panels[KINDS[self.tabs.currentIndex()].name].start
        (start if start.isEnabled() else self.tabs).setFocus(Qt.FocusReason.ShortcutFocusReason)
