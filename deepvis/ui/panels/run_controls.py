"""How far a run is, and the buttons that steer it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QMenu, QProgressBar, QSizePolicy, QVBoxLayout, QWidget

from deepvis.messages import RunStatus
from deepvis.ui import theme
from deepvis.ui.panels.controls import Choice, Figure, IconButton, label, row
from deepvis.ui.playback_bar import clock
from deepvis.ui.views.course_view import CourseView

_LINES = 2
"""Lines that are kept free for messages. Longer ones get what they need from the figures, of which a line stays."""

_FEWEST_FIGURES = 18


class RunControls(QWidget):
    """Start, pause, cancel and go on; progress, figures and messages. Every part keeps its place. UI thread only.

    Signals
    -------
    more_wanted : how many further steps a run that is done shall make.
    """

    more_wanted = Signal(int)

    def __init__(self, title: str, plots: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._title = title
        self._more = 0
        self.start = IconButton("", f"Start {title}", "", text="Start")
        self.start.setProperty("role", "primary")
        self.pause = IconButton("play", "Pause", "", text="Continue")
        self.pause.setMinimumWidth(self.pause.sizeHint().width())
        self.cancel = IconButton(
            "x", "Cancel", "End this run; what it has computed stays shown (Ctrl+Shift+X)", text="Cancel"
        )
        self.more = IconButton("plus", "More steps", "", text="More steps")
        self.save = IconButton("export", "Export", "Save the picture as it is shown, or the values")
        menu = QMenu("Export", self.save)
        self.save_picture = menu.addAction("Picture as PNG…")
        self.save_arrays = menu.addAction("Values as npz…")
        self.save.setMenu(menu)
        self.chosen = Choice("Run", "Which of the runs that have not ended is shown and steered")
        self.chosen.setMinimumContentsLength(10)
        self.chosen.setSizeAdjustPolicy(Choice.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.chosen.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setAccessibleName("Progress")
        self.figures = Figure("paused · step 99999 of 99999 · 0:00:00 left", quiet=True)
        self.figures.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.course = CourseView(placeholder="The figures appear here, step by step")
        self.course.choose(plots)
        # What it would like to have must not make the panel higher than its room, where messages are long.
        self.course.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Ignored)
        self.note = label("", "warning", wrap=True)
        self.note.setAccessibleName("What is to be known")
        self.error = label("", "error", wrap=True)
        self.error.setAccessibleName("What is wrong")
        self._lay_out()
        self.more.clicked.connect(lambda: self.more_wanted.emit(self._more))
        self.show_more(0)
        self.say("", "")

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.SMALL)
        column.addLayout(row(self.start, self.pause, self.cancel, 1))
        column.addWidget(self.progress)
        column.addWidget(self.figures)
        column.addWidget(self.course, 1)
        # Room is kept free for messages, so that nothing moves when an ordinary one comes.
        self._messages = QWidget()
        messages = QVBoxLayout(self._messages)
        messages.setContentsMargins(0, 0, 0, 0)
        messages.setSpacing(0)
        for each in (self.error, self.note):
            each.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
            each.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
            messages.addWidget(each, 1)
        column.addWidget(self._messages)
        column.addLayout(row(self.more, self.chosen, self.save))
        stops = (self.start, self.pause, self.cancel, self.course, self.more, self.chosen, self.save)
        for before, after in pairwise(stops):
            QWidget.setTabOrder(before, after)

    def follow_scale(self) -> None:
        """The size of type is another one now."""
        self._give_messages_room()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Lines break elsewhere now."""
        super().resizeEvent(event)
        self._give_messages_room()

    def _give_messages_room(self) -> None:
        least = _LINES * self.fontMetrics().lineSpacing() + 2
        said = self.error if self.error.text() else self.note
        needed = said.heightForWidth(self.width()) if said.text() else 0
        usual = self.course.minimumSizeHint().height()
        self.course.setMinimumHeight(theme.scaled(_FEWEST_FIGURES) if needed > least else usual)
        self._messages.setFixedHeight(max(least, needed))

    def show_progress(self, run: RunStatus | None, ahead: int, after: str = "") -> None:
        """Show how far this run is; ``ahead`` and ``after`` as :func:`run_text` takes them."""
        if run is not None:
            self.figures.setText(run_text(run, ahead, after))
            update = run.update
            # Until the first step is done it is not known how long any takes.
            self.progress.setRange(0, update.total if update is not None else int(run.state != "running"))
            self.progress.setValue(update.step if update is not None else 0)

    def show_asked(self, control: str) -> None:
        """A person wants the run to ``pause``, ``continue`` or ``cancel``, which it does after the step under way."""
        said = {"pause": "pausing", "continue": "going on", "cancel": "cancelling"}[control]
        self.figures.setText(f"{said} after this step" if control != "continue" else said)

    def show_steering(self, run: RunStatus | None) -> None:
        """Set the buttons for the run that they steer; None: none is under way."""
        paused = run is not None and run.state == "paused"
        self.pause.setText(" Continue" if paused else " Pause")
        self.pause.set_icon("play" if paused else "pause")
        self.pause.setAccessibleName("Continue" if paused else "Pause")
        self.pause.setToolTip(f"{'Go on with this run' if paused else 'Pause this run'} (Ctrl+Shift+Return)")
        for button in (self.pause, self.cancel):
            button.setEnabled(run is not None)

    def show_queue(self, waiting: Sequence[RunStatus], chosen: int | None) -> None:
        """Offer the runs that have not ended."""
        offered = [(f"{each.id} · {each.state}", each.id) for each in waiting]
        self.chosen.set_options(offered or [("No run", None)])
        self.chosen.set_value(chosen)
        self.chosen.setEnabled(len(waiting) > 1)

    def show_more(self, steps: int) -> None:
        """Offer so many further steps; 0: none."""
        self._more = steps
        self.more.setEnabled(steps > 0)
        self.more.setToolTip(
            f"Go on for {steps} more steps from where it stands" if steps else "Nothing has ended that could go on"
        )

    def show_start(self, missing: str) -> None:
        """Let a run be started, or say what is missing for it."""
        self.start.setEnabled(not missing)
        self.start.setToolTip(
            missing or f"Start {self._title}; it waits its turn where another run goes on (Ctrl+Return)"
        )

    def say(self, error: str, note: str) -> None:
        """Say what is wrong, else what is to be known."""
        self.error.setText(error)
        self.note.setText(note)
        self.error.setVisible(bool(error))
        self.note.setVisible(bool(note) and not error)
        self._messages.setToolTip(error or note)
        self._give_messages_room()


def run_text(run: RunStatus, ahead: int = 0, after: str = "") -> str:
    """How far a run is, in one line: ``step 318 of 512 · 0:04 left``.

    Parameters
    ----------
    ahead : how many runs of its kind come before it.
    after : the title of another kind of run that goes on now.
    """
    update = run.update
    steps = f"step {update.step} of {update.total}" if update is not None else ""
    pictures = update.metrics.get("pictures") if update is not None else None
    if update is not None and pictures is not None:
        # What goes through pictures is counted in them, and not in the batches that it makes of them.
        rate = update.metrics.get("pictures_per_second", 0.0)
        steps = f"{int(pictures):,} pictures".replace(",", "\u202f")
        steps += f" · {rate:.0f} a second" if rate and run.state == "running" else ""
    left = f"{clock(run.left + 0.999)} left" if run.left is not None else ""
    if run.state == "queued":
        before = f"{ahead} before it" if ahead else f"{after} goes on" if after else ""
        parts = ["queued", before, steps]
    elif run.state == "running":
        parts = [steps or "beginning", left]
    elif run.state == "done":
        total = (
            f"{steps if pictures is not None else f'{update.total} steps'} in {clock(run.elapsed)}" if update else ""
        )
        parts = ["done", total]
    else:
        parts = [run.state, steps]
    return " · ".join(part for part in parts if part)
