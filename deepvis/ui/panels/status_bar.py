"""Figures of the live view on one line, each in a place of its own so that none pushes another."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QWidget

from deepvis.messages import EngineStatus, NetworkInfo, RunStatus, ViewResult
from deepvis.ui import theme
from deepvis.ui.panels.controls import Figure, label
from deepvis.ui.view_state import ViewState
from deepvis.ui.views.numbers import format_milliseconds

_DEVICE = "Where the network runs, and in which precision"
_RATE = "Frames a second that the network answered in the last second"


def device_text(info: NetworkInfo | None) -> str:
    """``cpu · bf16``; nothing while there is no network."""
    # The memory layout that goes with the precision is for those who ask for it.
    return f"{info.device} · {info.precision.split()[0]}" if info is not None else ""


_SLOWEST = 0.05
"""Frames a second that are told as none."""

_SAID = {"embedding": "map", "evolved_fooling": "evolution"}
"""What people call a run whose name is another one."""


class StatusBar(QWidget):
    """Frames a second, delay, dropped frames, device, frame number; runs on the right."""

    def __init__(self, state: ViewState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.state = state
        self.setProperty("role", "window")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAccessibleName("Status")
        self._stages = ""
        self._still = False
        self._dropped_before: int | None = None
        layout = QHBoxLayout(self)
        layout.setContentsMargins(theme.MEDIUM, theme.TIGHT, theme.MEDIUM, theme.TIGHT)
        layout.setSpacing(theme.TIGHT)
        self.rate = self._figure(layout, "000.0", "fps", _RATE)
        self.delay = self._figure(
            layout, "0000 ms", "capture to paint", "From the moment a frame was captured until it was painted"
        )
        self.dropped = self._figure(
            layout, "0000", "dropped", "Frames that came while the network was busy: the newest one always wins"
        )
        self.device = label("", "figure-quiet")
        layout.addWidget(self.device)
        layout.addSpacing(theme.LARGE)
        layout.addWidget(label("frame", "figure-quiet"))
        self.frame = Figure("0000000")
        self.frame.setAccessibleName("Frame number")
        self.frame.setToolTip("Number of the frame that is shown")
        layout.addWidget(self.frame)
        self.run = Figure("evolution 000000 of 000000 · live keeps 100 %", quiet=True, right=True)
        # All the room that is left, so that no text of another length asks the window for a new layout.
        self.run.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        layout.addWidget(self.run, 1)
        state.network_changed.connect(self._show_network)
        self._show_network()

    def show_result(self, result: ViewResult) -> None:
        """Show this result's frame number; its stages go into the tooltip of the rate."""
        self.frame.setText(str(result.frame.id))
        self._still = result.frame.still
        if self._still:
            # A picture that stays comes once: how late it was says nothing, and nor does a rate of 0.
            self.delay.setText("–")
        t = result.timings
        stages = (("preprocess", t.preprocess), ("forward", t.forward), ("backward", t.backward), ("render", t.render))
        self._stages = ", ".join(f"{name} {value:.1f} ms" for name, value in stages)

    def show_status(self, status: EngineStatus) -> None:
        """Show the engine's figures, about twice a second."""
        idle = self._still and status.frames_per_second < _SLOWEST
        self.rate.setText("–" if idle else f"{status.frames_per_second:.1f}")
        if self._dropped_before is None and self.state.info is not None:
            # What nobody could answer while the network was being loaded is not its fault.
            self._dropped_before = status.dropped
        self.dropped.setText(str(status.dropped - self._dropped_before) if self._dropped_before is not None else "–")
        self.rate.setToolTip(f"{_RATE}\n{self._stages}" if self._stages else _RATE)

    def show_delay(self, milliseconds: float) -> None:
        """Show the delay from capture to paint."""
        self.delay.setText(format_milliseconds(milliseconds))

    def show_run(self, status: RunStatus | None, live_share: float | None = None) -> None:
        """Show how far a run is, and which share of the time the live view keeps; None: no run."""
        if status is None or status.state in ("done", "cancelled", "failed"):
            self.run.setText("")
            return
        update = status.update
        name = _SAID.get(status.name, status.name.replace("_", " "))
        parts = [f"{name} {status.state}"]
        if update is not None:
            parts[0] = f"{name} {update.step} of {update.total}"
        if live_share is not None:
            parts.append(f"live keeps {100 * live_share:.0f} %")
        self.run.setText(" · ".join(parts))

    def show_device(self, info: NetworkInfo | None) -> None:
        """Show where the network runs."""
        self.device.setText(device_text(info))
        tip = _DEVICE
        if info is not None:
            tip += f": {info.device}, {info.precision}"
            if info.measured:
                tried = "\n".join(f"{name}: {time:.1f} ms a frame" for name, time in info.measured)
                tip += f". Measured when it was loaded:\n{tried}"
        self.device.setToolTip(tip)

    def _show_network(self) -> None:
        self._dropped_before = None
        self.show_device(self.state.info)

    @staticmethod
    def _figure(layout: QHBoxLayout, widest: str, unit: str, tooltip: str) -> Figure:
        figure = Figure(widest, right=True)
        figure.setText("–")
        figure.setAccessibleName(unit)
        name = label(unit, "figure-quiet")
        for part in (figure, name):
            part.setToolTip(tooltip)
        layout.addWidget(figure)
        layout.addWidget(name)
        layout.addSpacing(theme.LARGE)
        return figure
