"""Palette, help, docks, theme, presentation: what the actions on the window itself do. UI thread only."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QApplication, QDockWidget, QWidget

from deepvis.ui import palette_commands as offers
from deepvis.ui import settings_store as settings
from deepvis.ui import theme
from deepvis.ui.command_palette import Command
from deepvis.ui.docks import geometry_text
from deepvis.ui.network_menu import network_commands
from deepvis.ui.panels.controls import CHROME
from deepvis.ui.settings_store import SettingsStore

if TYPE_CHECKING:
    from deepvis.ui.main_window import MainWindow


class WindowCommands:
    """Handlers of the actions on the window.

    Parameters
    ----------
    window : its parts are looked up when an action runs, so it need not be complete yet.
    """

    def __init__(self, window: MainWindow, store: SettingsStore) -> None:
        self._window = window
        self._store = store
        self._arrangement = ("", "")
        self._was_maximised = False
        self._presenting = False

    def handlers(self) -> dict[str, Callable[..., object]]:
        """Handler by action id."""

        def menu(name: str) -> Callable[[], None]:
            return lambda: self._window.top_bar.open_menu(getattr(self._window.top_bar, name))

        return {
            "source.menu": menu("source"),
            "network.menu": menu("network"),
            "network.size": menu("input_size"),
            "network.device": menu("device"),
            "window.menu": menu("main"),
            "layer.search": self.search_layers,
            "class.search": self.search_classes,
            "unit.search": self.search_units,
            "window.palette": self.search_all,
            "window.help": self.toggle_help,
            "window.presentation": self.present,
            "window.theme": self.switch_theme,
            "window.input": lambda on: self._window.docks.left.setVisible(on),
            "window.unit": lambda on: self._window.docks.right.setVisible(on),
            "window.messages": lambda on: self._window.docks.messages.setVisible(on),
            "window.lab": self.show_lab,
            "window.timings": self.show_timings,
            "window.reset": lambda: self._window.docks.reset(),
            "window.escape": self.escape,
            "window.quit": lambda: self._window.close(),
        }

    def marks(self) -> dict[str, bool]:
        """Which of the switches are on."""
        docks = self._window.docks
        return {
            "window.input": not docks.left.isHidden(),
            "window.unit": not docks.right.isHidden(),
            "window.messages": not docks.messages.isHidden(),
            "window.lab": not docks.lab.isHidden(),
            "window.presentation": self._presenting,
            "window.help": self._window.help_sheet.isVisible(),
            "window.timings": self._store.get(settings.TIMINGS),
        }

    # --------------------------------------------------------------------------------------------------------- palette

    def search_all(self) -> None:
        """Everything by name; the palette closes where it is open."""
        palette = self._window.palette_
        if palette.isVisible():
            palette.close_palette()
            return
        window = self._window
        info, look = window.state.info, window.state.look
        commands = offers.action_commands(window.actions_) + offers.choice_commands(window.state)
        commands += window.lab_commands.commands()
        if info is not None:
            commands += offers.layer_commands(info, window.view)
            layer = window.state.layer
            last = info.layers[-1].name if info.layers else ""
            if layer is not None:
                labels = info.labels if layer.name == last else ()
                commands += offers.unit_commands(layer.channels, window.view, labels)
        commands += network_commands(window.networks.models(), window.networks.load)
        sources: tuple[str, ...] = self._store.get(settings.RECENT_SOURCES)
        commands += offers.source_commands(window.finder.cameras or (), sources, window.sources.open)
        if info is not None:
            commands += offers.class_commands(info.labels, look.pinned, window.view)
        recent: tuple[str, ...] = self._store.get(settings.RECENT_COMMANDS)
        palette.open(commands, recent)

    def search_networks(self) -> None:
        """Networks by name."""
        window = self._window
        commands = network_commands(window.networks.models(), window.networks.load)
        shown = [_without(command, "Network ") for command in commands]
        window.palette_.open(shown, (), hint="Search networks")

    def search_layers(self) -> None:
        """Layers by name."""
        info = self._window.state.info
        if info is not None:
            shown = [_without(command, "Layer ") for command in offers.layer_commands(info, self._window.view)]
            self._window.palette_.open(shown, (), hint="Search layers")

    def search_classes(self) -> None:
        """Classes to pin."""
        info = self._window.state.info
        if info is not None:
            commands = offers.class_commands(info.labels, self._window.state.look.pinned, self._window.view)
            self._window.palette_.open([_loud(command) for command in commands], (), hint="Search classes to pin")

    def search_units(self) -> None:
        """Units by number."""
        layer = self._window.state.layer
        if layer is not None:
            commands = offers.unit_commands(layer.channels, self._window.view)
            self._window.palette_.open([_loud(command) for command in commands], (), hint="Number of the unit")

    # ----------------------------------------------------------------------------------------------------------- window

    def toggle_help(self, on: bool = True) -> None:
        """Show or close the sheet of keys."""
        sheet = self._window.help_sheet
        if on and not sheet.isVisible():
            sheet.open()
        else:
            sheet.close_sheet()
        self._mark()

    def show_timings(self, on: bool) -> None:
        """Show each stage's time in the status bar."""
        self._store.set(settings.TIMINGS, on)
        self._window.timings.setVisible(on)

    def show_lab(self, on: bool) -> None:
        """Show the lab with the focus on its Start button, or hide it."""
        self._window.docks.show_lab(on)
        if on:
            self._window.lab.focus()

    def show_details(self, key: str) -> None:
        """Open the log at this message."""
        self._window.docks.messages.show()
        self._window.message_panel.choose(key)

    def switch_theme(self) -> None:
        """From dark to light, and back."""
        name = "light" if theme.current().name == "dark" else "dark"
        self._store.set(settings.THEME, name)
        self._apply(name, theme.scale())

    def present(self, on: bool) -> None:
        """Full screen, large type, nothing but the pictures; or back."""
        if on and not self._presenting:
            window = self._window
            self._was_maximised = window.isMaximized()
            self._arrangement = self.arrangement()
            self._presenting = True
            for part in self._chrome():
                part.hide()
            self._apply(theme.current().name, theme.PRESENTATION_SCALE)
            window.showFullScreen()
            window.docks.fit_width()
            if window.lab.enlarged:
                # Its pictures are what is presented; half of the screen for its buttons would leave them little of it.
                window.docks.show_lab(False)
            elif not window.docks.lab.isHidden():
                window.docks.fit_lab()
        elif not on:
            self.leave_presentation()
        self._mark()

    @property
    def presenting(self) -> bool:
        """Whether there is nothing but the pictures, in large type."""
        return self._presenting

    def arrangement(self) -> tuple[str, str]:
        """The window's geometry and layout as text; during a presentation those from before it."""
        if self._presenting:
            return self._arrangement
        return geometry_text(self._window), self._window.docks.save()

    def leave_presentation(self) -> None:
        """Back to the window."""
        if not self._presenting:
            return
        window = self._window
        self._presenting = False
        for part in self._chrome():
            part.show()
        self._apply(theme.current().name, 1.0)
        window.showMaximized() if self._was_maximised else window.showNormal()
        window.docks.restore(self._arrangement[1])
        self._mark()

    def escape(self) -> None:
        """Close what is open, else leave presentation, else reset the view."""
        window = self._window
        if window.palette_.isVisible():
            window.palette_.close_palette()
        elif window.help_sheet.isVisible():
            window.help_sheet.close_sheet()
        elif window.toasts.visible():
            window.toasts.close(window.toasts.visible()[-1].key)
        elif window.lab.enlarged:
            window.lab.enlarge(False)
        elif window.maps.visible:
            window.maps.show(False)
        elif self._presenting:
            self.leave_presentation()
        else:
            window.view.reset()

    def _chrome(self) -> list[QWidget]:
        """What presentation hides: everything that is neither picture nor figure."""
        window = self._window
        controls = [part for part in window.findChildren(QWidget) if part.property(CHROME)]
        return [window.top_bar, window.statusBar(), window.playback_bar.holder, *controls]

    def _apply(self, name: str, scale: float) -> None:
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        theme.apply_theme(app, theme.LIGHT if name == "light" else theme.DARK, scale)
        docks: list[QDockWidget] = [self._window.docks.left, self._window.docks.right]
        for dock in docks:
            title = dock.titleBarWidget()
            if title is not None:
                title.updateGeometry()

    def _mark(self) -> None:
        self._window.actions_.set_checked(self.marks())


def _without(command: Command, beginning: str) -> Command:
    """The command for a list in which all are of one kind."""
    text = command.text.removeprefix(beginning)
    return Command(command.id, text, command.run, command.kind, command.note, command.help)


def _loud(command: Command) -> Command:
    """The command, listed while nothing is typed."""
    return Command(command.id, command.text, command.run, command.kind, command.note, command.help)
