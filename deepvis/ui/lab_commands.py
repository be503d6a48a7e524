"""What the actions on runs do: start, pause, cancel, go on, enlarge, dream, maximise. UI thread only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from deepvis.ui.command_palette import Command
from deepvis.ui.panels.lab_panel import KINDS
from deepvis.ui.unit_images import RUN

if TYPE_CHECKING:
    from deepvis.ui.main_window import MainWindow


class LabCommands:
    """Handlers of the actions on the lab.

    Parameters
    ----------
    window : its parts are looked up when an action runs, so it need not be complete yet.
    """

    def __init__(self, window: MainWindow) -> None:
        self._window = window

    def handlers(self) -> dict[str, Callable[..., object]]:
        """Handler by action id."""
        return {
            "unit.maximise": lambda: self._window.unit_images.maximise(),
            "lab.start": self.start,
            "lab.pause": lambda: self._window.lab.panel.pause_or_continue(),
            "lab.cancel": lambda: self._window.lab.panel.cancel(),
            "lab.more": lambda: self._window.lab.panel.make_more(),
            "lab.enlarge": lambda on: self._window.lab.enlarge(on),
            "lab.dream": self.dream,
        }

    def marks(self) -> dict[str, bool]:
        """Which of the switches are on."""
        return {
            "lab.enlarge": self._window.lab.enlarged,
            "lab.dream": self._window.state.look.dream is not None,
        }

    def commands(self) -> list[Command]:
        """Every kind of run by its name, for the palette."""
        return [
            Command(f"run:{kind.name}", f"Lab {kind.title}", partial(self.open, kind.name), "Run", help=kind.hint)
            for kind in KINDS
        ]

    def open(self, name: str) -> None:
        """Show the lab at this run."""
        self._window.lab.show_run(name)
        self._window.window_commands.show_lab(True)

    def start(self) -> None:
        """Start the run whose tab is shown; where the lab is hidden, show it first."""
        if self._window.docks.lab.isHidden():
            self._window.window_commands.show_lab(True)
        else:
            self._window.lab.panel.begin()

    def begin_class_image(self, values: Mapping[str, Any]) -> int | None:
        """Start a class image with these options beside its defaults, in the lab, where it can be watched."""
        self._window.docks.show_lab(True)
        return self._window.lab.begin(RUN, values)

    def dream(self, on: bool) -> None:
        """Dream on the live view, where it can be seen, or no longer."""
        window = self._window
        panel = window.lab.show_run("deepdream")
        if on:
            window.docks.show_lab(not window.window_commands.presenting)
        assert panel.live is not None
        panel.live.set_on(on)
