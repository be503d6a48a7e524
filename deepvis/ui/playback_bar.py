"""Pause, seek, speed, loop, next, previous and slideshow, as far as the source offers them. UI thread only."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QSlider, QToolButton, QVBoxLayout, QWidget

from deepvis.messages import Frame, SourceStatus
from deepvis.ui import theme
from deepvis.ui.actions import Actions, Need

SPEEDS: tuple[float, ...] = (0.25, 0.5, 1.0, 2.0, 4.0)
SLIDESHOW_SECONDS = 4.0
JUMP_SECONDS = 5.0
CONTROLS: tuple[Need, ...] = ("pause", "seek", "speed", "loop", "step", "slideshow", "mirror", "motion")


def clock(seconds: float) -> str:
    """``0:04``, ``12:34`` or ``1:02:03``."""
    whole = max(0, int(seconds))
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


class Playback(QObject):
    """What was asked of the source and what it can do. ``control`` carries a control's name and value."""

    control = Signal(str, object)
    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.controls: tuple[str, ...] = ()
        self.paused = False
        self.loop = True
        self.slideshow = False
        self.motion = False
        self.mirror = False
        self.speed = 1.0
        self.position: float | None = None
        self.duration: float | None = None
        self._spec = ""

    def show_status(self, status: SourceStatus) -> None:
        """Another source begins with the usual: playing, looping, at its own speed."""
        if status.spec != self._spec:
            self._spec = status.spec
            self.loop, self.slideshow, self.speed = True, False, 1.0
            self.motion = "motion=1" in status.spec
            self.mirror = False
            self.position = self.duration = None
        self.paused = status.state == "paused"
        self.controls = status.controls
        self.changed.emit()

    def show_frame(self, frame: Frame) -> None:
        """Where the video stands."""
        self.position, self.duration = frame.position, frame.duration

    def set(self, control: str, value: object = None) -> None:
        """Ask the source, if it offers this."""
        if control not in self.controls:
            return
        if control in ("loop", "motion", "mirror"):
            setattr(self, control, bool(value))
        elif control == "pause":
            self.paused = bool(value)
        elif control == "slideshow":
            self.slideshow = value is not None
        elif control == "speed" and isinstance(value, float):
            self.speed = value
        self.control.emit(control, value)
        self.changed.emit()

    def jump(self, seconds: float) -> None:
        """Go this far ahead, or back."""
        if self.position is not None:
            end = self.duration if self.duration is not None else self.position + seconds
            self.set("seek", max(0.0, min(self.position + seconds, end)))

    def change_speed(self, step: int) -> None:
        """One step faster or slower."""
        nearest = min(range(len(SPEEDS)), key=lambda i: abs(SPEEDS[i] - self.speed))
        self.set("speed", SPEEDS[max(0, min(nearest + step, len(SPEEDS) - 1))])


class PlaybackBar(QWidget):
    """The row under the mosaic. Hidden where the source has nothing to steer.

    Attributes
    ----------
    holder : what to put into a layout; hiding it hides the row whatever the source offers.
    """

    def __init__(self, playback: Playback, actions: Actions, parent: QWidget | None = None) -> None:
        self.holder = QWidget(parent)
        super().__init__(self.holder)
        frame = QVBoxLayout(self.holder)
        frame.setContentsMargins(0, 0, 0, 0)
        frame.addWidget(self)
        self.setProperty("role", "window")
        self._playback = playback
        self._actions = actions
        self._seconds = QLabel("0:00 / 0:00", self)
        self._seconds.setProperty("role", "figure")
        self._count = QLabel(self)
        self._count.setProperty("role", "figure-quiet")
        self._slider = QSlider(Qt.Orientation.Horizontal, self)
        self._slider.setAccessibleName("Position in the video")
        self._slider.setRange(0, 1000)
        self._slider.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._slider.setToolTip("Position in the video (Ctrl+Left, Ctrl+Right)")
        self._slider.sliderMoved.connect(self._seek)
        self._slider.actionTriggered.connect(self._page)
        self._speed = QComboBox(self)
        self._speed.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._speed.setToolTip("Speed (< and >)")
        self._speed.setAccessibleName("Speed")
        for speed in SPEEDS:
            self._speed.addItem(f"{speed:g} ×", speed)
        self._speed.activated.connect(lambda row: playback.set("speed", SPEEDS[row]))
        self._pause = self._button("source.pause")
        self._previous = self._button("source.previous")
        self._next = self._button("source.next")
        self._loop = self._button("source.loop")
        self._slideshow = self._button("source.slideshow")
        row = QHBoxLayout(self)
        row.setContentsMargins(theme.MEDIUM, theme.TIGHT, theme.MEDIUM, theme.TIGHT)
        row.setSpacing(theme.SMALL)
        for widget in (self._previous, self._pause, self._next, self._count):
            row.addWidget(widget)
        row.addWidget(self._slider, 1)
        row.addWidget(self._seconds)
        row.addWidget(self._speed)
        row.addWidget(self._loop)
        row.addWidget(self._slideshow)
        row.addStretch(0)
        playback.changed.connect(self._update)
        theme.theme_changed.connect(self._update)
        self._update()

    def show_frame(self, frame: Frame) -> None:
        """Move the slider and the figures to where this frame stands."""
        if frame.position is not None and frame.duration and not self._slider.isSliderDown():
            self._slider.setValue(round(1000 * frame.position / frame.duration))
        if frame.position is not None:
            length = f" / {clock(frame.duration)}" if frame.duration else ""
            self._seconds.setText(clock(frame.position) + length)
        text = f"{frame.index + 1} of {frame.count}" if frame.index is not None and frame.count else ""
        if self._count.text() != text:
            self._count.setText(text)
            self._count.setVisible(bool(text))

    def _button(self, action_id: str) -> QToolButton:
        button = QToolButton(self)
        button.setDefaultAction(self._actions[action_id])
        button.setProperty("role", "flat")
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        return button

    def _update(self) -> None:
        playback, controls = self._playback, self._playback.controls
        self.setVisible(bool({"pause", "seek", "speed", "step", "slideshow"} & set(controls)))
        shown: dict[QWidget, bool] = {
            self._pause: "pause" in controls,
            self._previous: "step" in controls,
            self._next: "step" in controls,
            self._slider: "seek" in controls,
            self._seconds: "seek" in controls,
            self._speed: "speed" in controls,
            self._loop: "loop" in controls,
            self._slideshow: "slideshow" in controls,
        }
        for widget, visible in shown.items():
            widget.setVisible(visible)
        pause: QAction = self._actions["source.pause"]
        pause.setIcon(theme.icon("play" if playback.paused else "pause"))
        pause.setText("Play" if playback.paused else "Pause")
        names = {"previous": "skip-back", "next": "skip-forward", "loop": "repeat", "slideshow": "timer"}
        for name, icon in names.items():
            self._actions[f"source.{name}"].setIcon(theme.icon(icon))
        switches = ("loop", "slideshow", "motion", "mirror")
        self._actions.set_checked({f"source.{name}": getattr(playback, name) for name in switches})
        self._speed.setCurrentIndex(min(range(len(SPEEDS)), key=lambda i: abs(SPEEDS[i] - playback.speed)))

    def _seek(self, value: int) -> None:
        duration = self._playback.duration
        if duration:
            self._playback.set("seek", duration * value / 1000)

    def _page(self, _action: int) -> None:
        if not self._slider.isSliderDown():
            self._seek(self._slider.sliderPosition())

    def changeEvent(self, event: QEvent) -> None:
        """Keep the figures from jumping when the type grows."""
        if event.type() == QEvent.Type.FontChange:
            self._seconds.setMinimumWidth(self._seconds.fontMetrics().horizontalAdvance("0:00 / 0:00"))
        super().changeEvent(event)
