"""Loading and remembering networks. UI thread only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from deepvis.messages import LoadProgress, ModelCard, NetworkFailed, NetworkInfo, NetworkSpec, Size
from deepvis.ui import settings_store as settings
from deepvis.ui.bridge import Backend
from deepvis.ui.center_card import CenterCard
from deepvis.ui.look_memory import spec_from, spec_text
from deepvis.ui.notifications import ProblemLog
from deepvis.ui.open_network_dialog import OpenNetworkDialog
from deepvis.ui.settings_store import SettingsStore
from deepvis.ui.view_state import ViewState

DEFAULT = NetworkSpec("tinynet")


class NetworkCommands(QObject):
    """Handlers of the actions on the network, and of what the engine reports of it.

    ``changed`` says that another network, or none, is being loaded or shown. ``search`` asks for the palette with the
    networks.
    """

    changed = Signal()
    search = Signal()

    def __init__(
        self, backend: Backend, state: ViewState, store: SettingsStore, log: ProblemLog, card: CenterCard,
        window: QWidget,
    ) -> None:  # fmt: skip
        super().__init__(window)
        self._backend = backend
        self._state = state
        self._store = store
        self._log = log
        self._card = card
        self._window = window
        self._wanted: NetworkSpec | None = None
        self._models: list[ModelCard] = []
        self.spec = DEFAULT

    def handlers(self) -> dict[str, Callable[..., object]]:
        """Handler by action id."""
        return {
            "network.search": self.search.emit,
            "network.own": self.open_own,
            "network.cancel": self.cancel,
        }

    @property
    def loading(self) -> bool:
        """Whether a network is on its way."""
        return self._wanted is not None

    def models(self) -> list[ModelCard]:
        """The networks that can be named."""
        self._models = self._backend.models() or self._models
        return self._models

    def remembered(self) -> NetworkSpec:
        """The network that was shown last, or tinynet."""
        return spec_from(self._store.get(settings.NETWORK)) or DEFAULT

    def recent(self) -> list[NetworkSpec]:
        """Networks that were shown before, the newest first."""
        specs = (spec_from(text) for text in self._store.get(settings.RECENT_NETWORKS))
        return [spec for spec in specs if spec is not None]

    def load(self, spec: NetworkSpec) -> None:
        """Load this network; the one before it goes on until it is there."""
        if spec.name != self.spec.name or spec.weights != self.spec.weights:
            # Device and precision are a person's choice for every network; sizes and labels belong to one.
            spec = replace(spec, device=self.spec.device, precision=self.spec.precision) if self._plain(spec) else spec
        self._wanted = spec
        self._card.show_progress(LoadProgress(spec.name, "Starting"), covered=self._state.info is None)
        self._backend.load_network(spec)
        self.changed.emit()

    def cancel(self) -> None:
        """Give up loading."""
        if self._wanted is not None:
            self._wanted = None
            self._backend.cancel_load()
            self._settle()

    def choose_size(self, size: Size | None) -> None:
        """Another input size for finer or coarser maps."""
        self._state.update(input_size=size)
        self.changed.emit()

    def show_progress(self, progress: LoadProgress) -> None:
        """Say how far it is."""
        if self._wanted is not None:
            self._card.show_progress(progress, covered=self._state.info is None)

    def show_ready(self, info: NetworkInfo) -> None:
        """A network took over."""
        wanted = self._wanted
        if wanted is not None and info.family != "own" and wanted.name != info.name:
            # One that was asked for earlier was ready before it could be called off; the last wish is still on its way.
            self._state.set_network(info)
            self.changed.emit()
            return
        self.spec = wanted or replace(self.spec, name=info.name)
        self._wanted = None
        self._card.dismiss()
        self._state.set_network(info)
        self._store.set(settings.NETWORK, spec_text(self.spec))
        self._store.push(settings.RECENT_NETWORKS, spec_text(self.spec))
        self.changed.emit()

    def show_failed(self, failed: NetworkFailed) -> None:
        """Say why; the network before it, if any, goes on."""
        if self._wanted is not None and failed.problem.severity == "info":
            return  # called off in favour of the one that is being loaded now
        self._wanted = None
        self._log.report(failed.problem)
        self._settle()

    def open_own(self) -> None:
        """Ask for a network of one's own."""
        self.ask(None)

    def ask(self, spec: NetworkSpec | None) -> None:
        """Show the dialog, filled in with ``spec``."""
        known = {card.name for card in self.models()}
        dialog = OpenNetworkDialog(known, self._store.get(settings.FOLDER), spec, self._window)
        dialog.chosen.connect(self.load)
        dialog.open()

    def _plain(self, spec: NetworkSpec) -> bool:
        return spec.device == "auto" and spec.precision == "auto"

    def _settle(self) -> None:
        if self._state.info is not None:
            self._card.dismiss()
        else:
            self._card.show_message(
                "No network is loaded",
                "Choose one to see what its layers make of the picture.",
                (("Load tinynet", lambda: self.load(DEFAULT)), ("Search networks", self.search.emit)),
            )
        self.changed.emit()
