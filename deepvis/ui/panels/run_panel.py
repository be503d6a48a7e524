"""One kind of run: its options, how far it is, and what it shows. The same for every run but for its pictures."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QMenu, QSizePolicy, QVBoxLayout, QWidget

from deepvis.messages import Frame, Problem, RunStatus, ViewResult
from deepvis.ui import theme
from deepvis.ui.bridge import Backend
from deepvis.ui.panels.controls import FocusArea, IconButton, label, row
from deepvis.ui.panels.input_row import InputRow
from deepvis.ui.panels.live_dream import LiveDream
from deepvis.ui.panels.network_fields import Offer
from deepvis.ui.panels.option_form import OptionForm
from deepvis.ui.panels.run_controls import RunControls
from deepvis.ui.panels.run_input import PRESENT, RunInput
from deepvis.ui.panels.run_kind import RunKind
from deepvis.ui.panels.run_list import RunList
from deepvis.ui.panels.scan_input import ScanInput
from deepvis.ui.view_state import ViewState
from deepvis.ui.views.course import Course

_FORM_WIDTH, _CONTROLS_WIDTH, _VIEW_WIDTH, _HEIGHT = 288, 292, 224, 232
_EVERY_MS = 40
"""A run that makes steps faster is shown so often, and its last step in any case."""

_FLOWS = 0.06
"""Seconds after a frame within which another one is waited for."""

_COURSES = 8
"""Runs whose figures are kept."""


class RunPanel(QWidget):
    """Form, progress and pictures of one kind of run. UI thread only.

    Nothing is painted, scaled or written for a panel that nobody sees; it catches up when it is shown.

    Signals
    -------
    failed : a Problem, to be logged.
    export : title of the dialog, suggested name, ending and content of a file that a person wants to save.
    changed : a run was started, ended, paused or went on.
    """

    failed = Signal(object)
    export = Signal(str, str, str, object)
    changed = Signal()

    def __init__(self, kind: RunKind, state: ViewState, backend: Backend, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.kind = kind
        self._state = state
        self._backend = backend
        self._frame: Frame | None = None
        self._began: dict[int, dict[str, Any]] = {}
        self._courses: dict[int, Course] = {}
        self._shown_id: int | None = None
        self._late: RunStatus | None = None
        self._framed = -math.inf
        self._error = ""
        self._note = ""
        self.goes_on_elsewhere: Callable[[], str] = lambda: ""
        """The title of another kind of run that goes on now, or an empty text."""
        self.runs = RunList()
        self.setAccessibleName(kind.title)
        self.form = OptionForm()
        self.input: InputRow = ScanInput() if kind.pictures else RunInput()
        self.setAcceptDrops(kind.pictures)
        self.controls = RunControls(kind.title, kind.plots)
        self.view: Any = kind.make_view()
        self.live: LiveDream | None = LiveDream(state) if kind.live else None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_EVERY_MS)
        self._timer.timeout.connect(self._catch_up)
        self._make_form_buttons()
        self._lay_out()
        self._connect()
        self._follow_network()

    # ------------------------------------------------------------------------------------------------------- building

    def _make_form_buttons(self) -> None:
        self.presets = IconButton("", "Presets", "Named sets of options", text="Presets")
        self.presets.setMenu(QMenu("Presets", self.presets))
        self.use_unit = IconButton("crosshair", "Use the chosen unit", "", text="Use unit")
        self.reset = IconButton("arrow-counter-clockwise", "Reset", "Set every option to its default")
        self.reset.setProperty("role", "flat")

    def _lay_out(self) -> None:
        form = QWidget()
        form.setProperty("role", "panel")
        left = QVBoxLayout(form)
        left.setContentsMargins(0, 0, theme.SMALL, 0)
        left.setSpacing(theme.SMALL)
        if self.live is not None:
            left.addWidget(self.live)
        left.addWidget(self.input)
        left.addWidget(self.form)
        left.addStretch(1)
        area = FocusArea(form)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        options = QWidget()
        column = QVBoxLayout(options)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.SMALL)
        column.addLayout(row(self.presets, self.use_unit, 1, self.reset))
        column.addWidget(area, 1)
        outer = QHBoxLayout(self)
        outer.setContentsMargins(theme.MEDIUM, theme.SMALL, theme.MEDIUM, theme.SMALL)
        outer.setSpacing(theme.LARGE)
        outer.addWidget(options)
        outer.addWidget(self.controls)
        outer.addWidget(self.view, 1)
        # Views give their parts fixed sizes by the room that they have; the room must not be held open by them.
        self.view.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
        self._columns_layout = outer
        self._away = label("The pictures are shown above. Ctrl+E or Esc brings them back", "quiet", wrap=True)
        self._away.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._away.hide()
        self._columns = (options, self.controls)
        self._follow_scale()

    def _connect(self) -> None:
        controls = self.controls
        controls.start.clicked.connect(self.begin)
        controls.pause.clicked.connect(self.pause_or_continue)
        controls.cancel.clicked.connect(self.cancel)
        controls.more_wanted.connect(self.make_more)
        controls.chosen.chosen.connect(self._choose)
        controls.save_picture.triggered.connect(self._export_picture)
        controls.save_arrays.triggered.connect(self._export_arrays)
        self.reset.clicked.connect(self._reset)
        self.use_unit.clicked.connect(self.form.use_chosen_unit)
        self.input.edited.connect(self._refresh)
        self.form.edited.connect(lambda: self._say_error(""))
        self.form.arranged.connect(self._order_tabs)
        self.form.arranged.connect(self._align_names)
        self._state.network_changed.connect(self._follow_network)
        self._state.changed.connect(self._follow_look)
        if self.live is not None:
            self.live.switched.connect(lambda _on: self._refresh())
        theme.theme_changed.connect(self._follow_scale)

    # ------------------------------------------------------------------------------------------------------- arriving

    def show_result(self, result: ViewResult) -> None:
        """The frame of this result is the present one now; a dream on it is shown where it is on."""
        first = self._frame is None
        self._frame = result.frame
        self._framed = time.monotonic()
        if first:
            self._refresh()
        if self.live is not None:
            self.view.show_live(result.dream if self.live.on else None)
        self._catch_up()

    def show_status(self, status: RunStatus) -> None:
        """A run of this kind has another state, or made a step."""
        before, chosen = self.runs.state(status.id), self.runs.chosen_id
        self.runs.put(status)
        self._record(status)
        if status.state == "failed":
            self._fail(status)
        elif status.state == "cancelled" and self.kind.pictures and status.update is not None:
            self._note = "What was found is kept. Start it again to go on where it stands"
            self.controls.say(self._error, self._note)
        mine = chosen in (None, status.id) or self._shown_id is None
        if before == status.state == "running":
            # One of many steps: no more of them than an eye can follow.
            if mine:
                self._late = status
                if time.monotonic() - self._framed < _FLOWS:
                    # Painted with the next frame, it costs less than alone.
                    self._timer.start()
                elif not self._timer.isActive():
                    self._catch_up()
            return
        self._late = status if mine else self._late
        self._catch_up()
        self._refresh(status if status.id == chosen else None)
        self.changed.emit()

    def _record(self, status: RunStatus) -> None:
        update = status.update
        if update is None:
            return
        course = self._courses.setdefault(status.id, Course())
        course.append(update.step, update.total, update.metrics)
        for run_id in list(self._courses)[:-_COURSES]:
            if run_id != self._shown_id:
                del self._courses[run_id]

    def _catch_up(self) -> None:
        """Show the newest step, if somebody sees it."""
        status, seen = self._late, self.isVisible() or self.view.isVisible()
        if status is None or not seen:
            return
        self._late = None
        self._timer.start()
        self._show_update(status)
        if status.state == "running" and self.runs.chosen_id == status.id:
            self.controls.show_progress(status, self.runs.ahead(status.id))

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take a folder, a zip or a video where the run goes through one."""
        self.input.dragEnterEvent(event)

    def dropEvent(self, event: QDropEvent) -> None:
        """Go through what was dropped."""
        self.input.dropEvent(event)

    def showEvent(self, event: QShowEvent) -> None:
        """Show what has come meanwhile."""
        super().showEvent(event)
        # While it is hidden, Qt does not tell its names what the size of type is.
        self._follow_scale()
        self._catch_up()
        self._refresh()

    # --------------------------------------------------------------------------------------------------------- acting

    @property
    def run_needs_picture(self) -> bool:
        """Whether the run works on a picture."""
        return self._backend.run_needs(self.kind.name) != "nothing"

    def begin(self) -> int | None:
        """Start a run with the options of the form, or say which of them is not allowed; returns its number."""
        missing = self._missing()
        if missing:
            self._say_error(missing)
            return None
        if self.form.names_nothing():
            # A run of nothing would only fail; the unit that is looked at is what is meant, and the form shows it.
            self.form.use_chosen_unit()
        try:
            options = self.form.values()
        except ValueError as error:
            self._say_error(sentence(str(error)))
            return None
        image: Any = None
        if self.run_needs_picture:
            image = self.input.value
            if image == PRESENT:
                assert self._frame is not None
                # What is shown is what is run on, whatever comes from the source in the meantime.
                image = self._frame.image
                if self.kind.freezes:
                    self._state.update(frozen=True)
        try:
            run_id = self._backend.start_run(self.kind.name, options, image)
        except RuntimeError as error:
            self._say_error(sentence(str(error)))
            return None
        self._say_error("")
        self._began[run_id] = self._provenance(options)
        self.runs.put(RunStatus(run_id, self.kind.name, "queued"))
        self._refresh()
        self.changed.emit()
        return run_id

    def pause_or_continue(self) -> None:
        """Pause the chosen run, or go on with it."""
        run = self.runs.chosen
        if run is not None:
            self._control("continue" if run.state == "paused" else "pause")

    def cancel(self) -> None:
        """End the chosen run."""
        self._control("cancel")

    def make_more(self, steps: int | None = None) -> None:
        """Let the run that has ended make further steps; None: as many as are useful."""
        run = self.runs.continuable
        if run is not None and run.update is not None:
            self._backend.control_run(run.id, "more", steps or run.update.more)

    def lend_view(self) -> QWidget:
        """The pictures, to be shown elsewhere; a note stands in their place until :meth:`take_view_back`."""
        view: QWidget = self.view
        self._columns_layout.replaceWidget(view, self._away)
        self._away.show()
        return view

    def take_view_back(self) -> None:
        """The pictures in their own place again."""
        self._columns_layout.replaceWidget(self._away, self.view)
        self._away.hide()
        self.view.show()

    def use_file(self, path: str) -> None:
        """Take the picture from this file, or from ``sample:cat``; the pictures from this set."""
        self.input.use(path)

    def _control(self, control: str) -> None:
        run = self.runs.chosen
        if run is not None:
            self.controls.show_asked(control)
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

    def _use_preset(self, values: Mapping[str, Any]) -> None:
        self.form.use_preset(values)
        self._say_error("")

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
        if status.id != self._shown_id:
            self._note = ""
        self._shown_id = status.id
        self._note = sentence(status.update.note) or self._note
        self.view.show_update(status.update)
        self.controls.course.show_course(self._courses.get(status.id))
        self.controls.say(self._error, self._note)

    def _refresh(self, ended: RunStatus | None = None) -> None:
        """Set buttons and progress from the chosen run; ``ended``: the run that was chosen, and may be over."""
        run, controls = self.runs.chosen, self.controls
        told = run or ended or self.runs.last
        controls.show_progress(told, self.runs.ahead(told.id) if told is not None else 0, self.goes_on_elsewhere())
        controls.show_steering(run)
        controls.show_queue(self.runs.waiting, self.runs.chosen_id)
        more = self.runs.continuable
        controls.show_more(more.update.more if more is not None and more.update is not None else 0)
        controls.save.setEnabled(self._shown_id is not None)
        missing = self._missing()
        controls.show_start(missing)
        live = self.live is not None and self.live.on
        self.view.set_hint("The dream begins with the next frame" if live else missing or self.kind.hint)

    def _missing(self) -> str:
        """Why nothing can be started, and what to do about it; empty if it can."""
        if self._state.info is None or not self.form.options:
            return "No network is loaded yet. Choose one at the top of the window (F3)"
        if self.run_needs_picture and self.input.value == PRESENT and self._frame is None:
            return "No picture yet. Choose a source at the top of the window (F2), or a file here"
        return ""

    def _fail(self, status: RunStatus) -> None:
        text = sentence(status.error or "the engine gave no reason")
        self._say_error(text)
        self.failed.emit(
            Problem(
                f"run:{status.name}:{status.error}", f"{self.kind.title} failed", text.rstrip(".") + ".",
                "Change the option or the picture that is named, then start it again.",
            )
        )  # fmt: skip

    def _say_error(self, text: str) -> None:
        self._error = text
        self.controls.say(text, self._note)

    # ------------------------------------------------------------------------------------------------------ following

    def _follow_network(self) -> None:
        info = self._state.info
        options = self._backend.run_options(self.kind.name) if info is not None else ()
        # What has ended belongs to the network before.
        self.runs.forget_last()
        if info is not None and options:
            self.form.set_options(options, Offer.of(info, self._state.look))
            self.input.setVisible(self.run_needs_picture)
            self.use_unit.setVisible(self.form.takes_unit)
            self._fill_presets()
            self._order_tabs()
        self._follow_look()
        self._refresh()

    def _follow_look(self) -> None:
        look = self._state.look
        self.form.set_offer(Offer.of(self._state.info, look))
        chosen = f"{look.layer} {look.unit}" if look.layer is not None and look.unit is not None else ""
        self.use_unit.setEnabled(bool(chosen))
        self.use_unit.setToolTip(
            f"Name {chosen}, which is chosen in the window" if chosen else "No unit is chosen in the window"
        )

    def _fill_presets(self) -> None:
        presets = self._backend.run_presets(self.kind.name)
        menu = self.presets.menu()
        menu.clear()
        for name, values in presets.items():
            menu.addAction(name).triggered.connect(lambda _on=False, values=values: self._use_preset(values))
        self.presets.setVisible(bool(presets))

    def _order_tabs(self) -> None:
        """The form's rows in their order, then the buttons, whatever was made first."""
        form, rows = self.form, [self.form.fields[name] for name in self.form.shown]
        plain = [field.focusProxy() or field for field in rows if not field.option.advanced]
        advanced = [field.focusProxy() or field for field in rows if field.option.advanced]
        live = self.live.stops if self.live is not None else []
        stops: list[QWidget] = [
            self.presets, self.use_unit, self.reset, *live, self.input.choice, self.input.file, *plain, form.more,
            *advanced, self.controls.start,
        ]  # fmt: skip
        for before, after in pairwise(stops):
            QWidget.setTabOrder(before, after)

    def _align_names(self) -> None:
        """Names in one column, whether they stand in the form or above it."""
        names: list[InputRow | LiveDream] = [self.input, self.live] if self.live is not None else [self.input]
        width = max(self.form.name_width, *(each.name_width for each in names))
        self.form.set_name_width(width)
        for each in names:
            each.set_name_width(width)

    def _follow_scale(self) -> None:
        self._align_names()
        for column, width in zip(self._columns, (_FORM_WIDTH, _CONTROLS_WIDTH), strict=True):
            column.setFixedWidth(theme.scaled(width))
        self.controls.follow_scale()
        self.view.setMinimumWidth(theme.scaled(_VIEW_WIDTH))
        # The figures come with the first step; a scroll bar that came with them would move everything.
        self.setMinimumHeight(theme.scaled(_HEIGHT))


def sentence(text: str) -> str:
    """The text with a capital letter at its beginning, unless it begins with the name of a file or a layer."""
    first = text.partition(" ")[0].rstrip(",;:")
    return text[:1].upper() + text[1:] if first.isalpha() else text
