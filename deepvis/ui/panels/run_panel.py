"""One kind of run: its options, how far it is, and what it shows. The same for every run but for its pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QFileDialog,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QMenu,
    QProgressBar,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from deepvis.messages import Frame, Problem, RunStatus, RunUpdate, UInt8Array
from deepvis.ui import theme
from deepvis.ui.bridge import Backend
from deepvis.ui.panels.controls import Choice, Figure, IconButton, label, row
from deepvis.ui.panels.option_form import OptionForm
from deepvis.ui.panels.run_list import RunList
from deepvis.ui.playback_bar import clock
from deepvis.ui.source_menu import PICTURES
from deepvis.ui.view_state import ViewState
from deepvis.ui.views.numbers import format_percent, format_value

_PRESENT = "present"
_FORM_WIDTH, _PROGRESS_WIDTH, _HEIGHT = 304, 288, 208


class RunView(Protocol):
    """What shows a run's pictures: a widget with these."""

    def show_update(self, update: RunUpdate) -> None:
        """Show the state after a step."""

    def set_hint(self, text: str) -> None:
        """What is written while nothing was run."""

    def export_picture(self) -> UInt8Array | None:
        """The picture as it is shown, uint8 (H, W, 4) BGRX, or None."""

    def export_arrays(self) -> Mapping[str, Any]:
        """The figures behind the picture, for an npz file."""

    @property
    def export_name(self) -> str:
        """What an exported file is called."""


@dataclass(frozen=True, slots=True)
class RunKind:
    """A run as the window knows it: the name under which the backend knows it, its title, and what shows it.

    ``hint`` says what it is good for; ``make_view`` makes a widget that is a :class:`RunView`.
    """

    name: str
    title: str
    hint: str
    make_view: Callable[[], Any]


class RunPanel(QWidget):
    """Form, progress and pictures of one kind of run. UI thread only.

    Signals
    -------
    failed : a Problem, to be logged.
    export : title of the dialog, suggested name, ending and content of a file that a person wants to save.
    """

    failed = Signal(object)
    export = Signal(str, str, str, object)

    def __init__(self, kind: RunKind, state: ViewState, backend: Backend, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.kind = kind
        self._state = state
        self._backend = backend
        self._frame: Frame | None = None
        self._began: dict[int, dict[str, Any]] = {}
        self._shown_id: int | None = None
        self.runs = RunList()
        self.setAccessibleName(kind.title)
        self.form = OptionForm()
        self.view: Any = kind.make_view()
        self._make_controls()
        self._lay_out()
        self._connect()
        self._follow_network()

    # ------------------------------------------------------------------------------------------------------- building

    def _make_controls(self) -> None:
        title = self.kind.title
        self.picture = Choice(
            "Picture",
            "Which picture is used: the present frame (it is frozen) or a file",
            [("Present frame", _PRESENT)],
        )
        self.picture.setMinimumContentsLength(12)
        self.picture.setSizeAdjustPolicy(Choice.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.file = IconButton("", "Choose a file", "Use a picture from a file", text="File…")
        self.reset = IconButton("arrow-counter-clockwise", "Reset", "Set every option to its default", text="Reset")
        self.reset.setProperty("role", "flat")
        self.start = IconButton("", f"Start {title}", "", text="Start")
        self.start.setProperty("role", "primary")
        self.pause = IconButton("play", "Pause", "Pause this run, or go on with it", text="Continue")
        self.pause.setMinimumWidth(self.pause.sizeHint().width())
        self.cancel = IconButton("x", "Cancel", "End this run; what it has computed stays shown", text="Cancel")
        self.save = IconButton("", "Export", "Save the picture as it is shown, or the values", text="Export…")
        menu = QMenu("Export", self.save)
        menu.addAction("Picture as PNG…", self._export_picture)
        menu.addAction("Values as npz…", self._export_arrays)
        self.save.setMenu(menu)
        self.chosen = Choice("Run", "Which of the runs that have not ended is shown and steered")
        self.chosen.setMinimumContentsLength(14)
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setAccessibleName("Progress")
        self.figures = Figure("paused · step 99999 of 99999 · 0:00:00 left", quiet=True)
        self.error = label("", "error", wrap=True)
        self.error.setAccessibleName("What is wrong")
        self.metrics: dict[str, Figure] = {}
        self._metric_grid = QGridLayout()
        self._metric_grid.setContentsMargins(0, 0, 0, 0)
        self._metric_grid.setHorizontalSpacing(theme.MEDIUM)
        self._metric_grid.setVerticalSpacing(2)
        self._metric_grid.setColumnStretch(1, 1)

    def _lay_out(self) -> None:
        name = label("Picture", "quiet")
        name.setBuddy(self.picture)
        picture = row(name, self.picture, self.file)
        form = QWidget()
        form.setProperty("role", "panel")
        left = QVBoxLayout(form)
        left.setContentsMargins(0, 0, theme.SMALL, 0)
        left.setSpacing(theme.SMALL)
        left.addLayout(picture)
        left.addWidget(self.form)
        left.addLayout(row(1, self.reset))
        left.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setWidget(form)
        middle = QWidget()
        column = QVBoxLayout(middle)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.SMALL)
        column.addLayout(row(self.start, self.pause, self.cancel, 1))
        column.addWidget(self.progress)
        column.addLayout(row(self.figures, 1))
        column.addLayout(self._metric_grid)
        column.addStretch(1)
        column.addWidget(self.error)
        column.addLayout(row(self.chosen, 1, self.save))
        outer = QHBoxLayout(self)
        outer.setContentsMargins(theme.MEDIUM, theme.SMALL, theme.MEDIUM, theme.SMALL)
        outer.setSpacing(theme.LARGE)
        outer.addWidget(area)
        outer.addWidget(middle)
        outer.addWidget(self.view, 1)
        self._columns = (area, middle)
        self._follow_scale()

    def _connect(self) -> None:
        self.start.clicked.connect(self.begin)
        self.pause.clicked.connect(self._pause_or_continue)
        self.cancel.clicked.connect(lambda: self._control("cancel"))
        self.reset.clicked.connect(self._reset)
        self.file.clicked.connect(self._ask_file)
        self.chosen.chosen.connect(self._choose)
        self.picture.chosen.connect(lambda _path: self._refresh())
        self.form.edited.connect(lambda: self._say_error(""))
        self._state.network_changed.connect(self._follow_network)
        theme.theme_changed.connect(self._follow_scale)

    # ------------------------------------------------------------------------------------------------------- arriving

    def show_frame(self, frame: Frame) -> None:
        """This is the present frame now."""
        first = self._frame is None
        self._frame = frame
        if first:
            self._refresh()

    def show_status(self, status: RunStatus) -> None:
        """A run of this kind has another state, or made a step."""
        chosen = self.runs.chosen_id
        self.runs.put(status)
        if status.state == "failed":
            self._fail(status)
        if chosen in (None, status.id) or self._shown_id is None:
            self._show_update(status)
        self._refresh(status if status.id == chosen else None)

    # --------------------------------------------------------------------------------------------------------- acting

    def begin(self) -> None:
        """Start a run with the options of the form, or say which of them is not allowed."""
        try:
            options = self.form.values()
        except ValueError as error:
            self._say_error(_sentence(str(error)))
            return
        path = self.picture.value
        image: Any = path
        if path == _PRESENT:
            if self._frame is None:
                return
            # What is shown is what is run on, whatever comes from the source in the meantime.
            image = self._frame.image
            self._state.update(frozen=True)
        try:
            run_id = self._backend.start_run(self.kind.name, options, image)
        except RuntimeError as error:
            self._say_error(_sentence(str(error)))
            return
        self._say_error("")
        self._began[run_id] = self._provenance(options)
        self.runs.put(RunStatus(run_id, self.kind.name, "queued"))
        self._refresh()

    def use_file(self, path: str) -> None:
        """Take the picture from this file."""
        self.picture.set_options([("Present frame", _PRESENT), (Path(path).name, path)])
        self.picture.set_value(path)
        self._refresh()

    def _pause_or_continue(self) -> None:
        run = self.runs.chosen
        if run is not None:
            self._control("continue" if run.state == "paused" else "pause")

    def _control(self, control: str) -> None:
        run = self.runs.chosen
        if run is not None:
            self._backend.control_run(run.id, control)

    def _choose(self, run_id: int) -> None:
        self.runs.choose(run_id)
        run = self.runs.chosen
        if run is not None:
            self._show_update(run)
        self._refresh()

    def _reset(self) -> None:
        self.form.reset()
        self._say_error("")

    def _ask_file(self) -> None:
        endings = " ".join(f"*.{ending}" for ending in PICTURES)
        dialog = QFileDialog(self.window(), "Choose a picture", "", f"Pictures ({endings});;All files (*)")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(self.use_file)
        dialog.open()

    def _export_picture(self) -> None:
        picture = self.view.export_picture()
        if picture is not None:
            self.export.emit(f"Save the picture of {self.kind.title}", self.view.export_name, "png", picture)

    def _export_arrays(self) -> None:
        arrays = dict(self.view.export_arrays())
        if arrays:
            arrays |= self._began.get(self._shown_id or 0, {})
            self.export.emit(f"Save the values of {self.kind.title}", self.view.export_name, "npz", arrays)

    def _provenance(self, options: Mapping[str, Any]) -> dict[str, Any]:
        info = self._state.info
        told: dict[str, Any] = {
            f"option_{name}": np.asarray("auto" if value is None else value) for name, value in options.items()
        }
        if info is not None:
            told |= {"network": np.str_(info.name), "network_hash": np.str_(info.hash)}
        return told

    # -------------------------------------------------------------------------------------------------------- showing

    def _show_update(self, status: RunStatus) -> None:
        if status.update is None:
            return
        self._shown_id = status.id
        self.view.show_update(status.update)
        self._show_metrics(status.update.metrics)

    def _show_metrics(self, metrics: Mapping[str, float]) -> None:
        for name, value in metrics.items():
            if name not in self.metrics:
                figure = Figure("−0.0000e−00", right=True)
                place = len(self.metrics)
                self._metric_grid.addWidget(label(name.replace("_", " ").capitalize(), "quiet"), place, 0)
                self._metric_grid.addWidget(figure, place, 1, Qt.AlignmentFlag.AlignRight)
                self.metrics[name] = figure
            written = format_percent(value) if "probability" in name else format_value(value)
            self.metrics[name].setText(written)

    def _refresh(self, ended: RunStatus | None = None) -> None:
        """Set buttons and progress from the chosen run; ``ended``: the run that was chosen, and may be over."""
        run = self.runs.chosen
        told = run or ended or self.runs.last
        if told is not None:
            self.figures.setText(run_text(told, self.runs.ahead(told.id)))
            update = told.update
            self.progress.setRange(0, update.total if update is not None else 1)
            self.progress.setValue(update.step if update is not None else 0)
        paused = run is not None and run.state == "paused"
        self.pause.setText(" Continue" if paused else " Pause")
        self.pause.set_icon("play" if paused else "pause")
        self.pause.setAccessibleName("Continue" if paused else "Pause")
        for button in (self.pause, self.cancel):
            button.setEnabled(run is not None)
        waiting = self.runs.waiting
        offered = [(f"Run {each.id} · {each.state}", each.id) for each in waiting]
        self.chosen.set_options(offered or [("No run", None)])
        self.chosen.set_value(self.runs.chosen_id)
        self.chosen.setEnabled(len(waiting) > 1)
        self.save.setEnabled(self._shown_id is not None)
        missing = self._missing()
        self.start.setEnabled(not missing)
        self.start.setToolTip(missing or f"Start {self.kind.title}; it waits its turn where another run goes on")
        self.view.set_hint(missing or self.kind.hint)

    def _missing(self) -> str:
        """Why nothing can be started, and what to do about it; empty if it can."""
        if self._state.info is None or not self.form.options:
            return "No network is loaded yet. Choose one at the top of the window (F3)"
        if self.picture.value == _PRESENT and self._frame is None:
            return "No picture yet. Choose a source at the top of the window (F2), or a file here"
        return ""

    def _fail(self, status: RunStatus) -> None:
        text = _sentence(status.error or "the engine gave no reason")
        self._say_error(text)
        self.failed.emit(
            Problem(
                f"run:{status.name}:{status.error}", f"{self.kind.title} failed", text.rstrip(".") + ".",
                "Change the option or the picture that is named, then start it again.",
            )
        )  # fmt: skip

    def _say_error(self, text: str) -> None:
        self.error.setText(text)

    def _follow_network(self) -> None:
        info = self._state.info
        options = self._backend.run_options(self.kind.name) if info is not None else ()
        if info is not None and options:
            self.form.set_options(options, info.labels)
            self._order_tabs()
        self._refresh()

    def _order_tabs(self) -> None:
        """The form came last and stands first."""
        fields = [field.focusProxy() or field for field in self.form.fields.values()]
        stops: list[QWidget] = [self.picture, self.file, *fields, self.reset, self.start]
        for before, after in pairwise(stops):
            QWidget.setTabOrder(before, after)

    def _follow_scale(self) -> None:
        for column, width in zip(self._columns, (_FORM_WIDTH, _PROGRESS_WIDTH), strict=True):
            column.setFixedWidth(theme.scaled(width))
        # The figures come with the first step; a scroll bar that came with them would move everything.
        self.setMinimumHeight(theme.scaled(_HEIGHT))


def run_text(run: RunStatus, ahead: int = 0) -> str:
    """How far a run is, in one line: ``step 318 of 512 · 0:04 left``.

    Parameters
    ----------
    ahead : how many runs come before it.
    """
    update = run.update
    steps = f"step {update.step} of {update.total}" if update is not None else ""
    left = f"{clock(run.left + 0.999)} left" if run.left is not None else ""
    if run.state == "queued":
        parts = ["queued", f"{ahead} before it" if ahead else "", steps]
    elif run.state == "running":
        parts = [steps or "running", left]
    elif run.state == "done":
        total = f"{update.total} steps in {clock(run.elapsed)}" if update is not None else ""
        parts = ["done", total]
    else:
        parts = [run.state, steps]
    return " · ".join(part for part in parts if part)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
