"""What libraries know of the chosen unit: asked for when it changes, and put together as it comes. UI thread only."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from PySide6.QtCore import QObject, Signal

from deepvis.messages import LibraryInfo, PatchBack, UInt8Array, UnitPatches, UnitStatistics
from deepvis.ui.bridge import Backend
from deepvis.ui.scanned_layer import scanned_layer
from deepvis.ui.view_state import ViewState

UnitKey = tuple[str, str, int]
"""Hash of the network, layer, unit."""


class UnitLibrary(QObject):
    """Follows the chosen unit.

    Parameters
    ----------
    seen : whether somebody could see it; nothing is asked for otherwise.

    Signals
    -------
    changed : there is something else to show.
    """

    changed = Signal()

    def __init__(
        self, state: ViewState, backend: Backend, seen: Callable[[], bool], parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._state = state
        self._backend = backend
        self._seen = seen
        self._asked: tuple[object, ...] = ()
        self._asked_backs: tuple[object, ...] = ()
        self._backs: dict[int, PatchBack] = {}
        self.statistics: UnitStatistics | None = None
        self.patches: UnitPatches | None = None
        state.changed.connect(self.follow)
        state.network_changed.connect(self.follow)

    @property
    def key(self) -> UnitKey | None:
        """The chosen unit, or None; of the layer that the library has in its place."""
        look, info = self._state.look, self._state.info
        if info is None or look.layer is None or look.unit is None:
            return None
        return info.hash, self.layer or look.layer, look.unit

    @property
    def shown_layer(self) -> str:
        """The layer that is chosen in the window."""
        return self._state.look.layer or ""

    @property
    def layer(self) -> str | None:
        """The layer whose patches are shown, or None: no library has them."""
        return scanned_layer(self.info, self._state.info, self._state.look.layer)

    @property
    def info(self) -> LibraryInfo | None:
        """The library that serves the network, or None."""
        network = self._state.info
        return self._backend.library_serving(network.hash) if network is not None else None

    @property
    def backs(self) -> Mapping[int, UInt8Array]:
        """The back-projections of the patches that are shown, by rank."""
        return {rank: back.pixels for rank, back in self._backs.items()}

    @property
    def back_note(self) -> str:
        """What is to be known of the back-projections, or an empty text."""
        return next((back.note for back in self._backs.values() if back.note), "")

    def follow(self) -> None:
        """Ask for what the look wants, if it is something else than before."""
        key, info, look = self.key, self.info, self._state.look
        has = key is not None and self.layer is not None
        asked = (key, info.folder, info.created, info.revision) if has and info is not None else (key,)
        if asked[:2] != self._asked[:2]:
            self.statistics, self.patches = None, None
            self._backs = {}
            self._asked_backs = ()
            self.changed.emit()
        if not self._seen():
            return
        if asked != self._asked:
            self._asked = asked
            self._asked_backs = ()
            if has and key is not None:
                self._backend.library_unit(*key)
        backs = (*asked, look.rule, look.back_view) if look.back and has else ()
        if backs != self._asked_backs:
            if backs[-2:] != self._asked_backs[-2:] and self._backs:
                self._backs = {}
                self.changed.emit()
            self._asked_backs = backs
            if backs and key is not None:
                self._backend.library_backs(*key, look.rule, look.back_view)

    def show(self, event: UnitStatistics | UnitPatches | PatchBack) -> None:
        """Take in what came, if it is of the chosen unit."""
        key, info = self.key, self.info
        if key is None or info is None or (event.folder, event.layer, event.unit) != (info.folder, *key[1:]):
            return
        if isinstance(event, UnitStatistics):
            self.statistics = event
        elif isinstance(event, UnitPatches):
            self._take(event)
        elif event.rule == self._state.look.rule and self._state.look.back:
            self._backs[event.rank] = event
        else:
            return
        self.changed.emit()

    def _take(self, patches: UnitPatches) -> None:
        before = {patch.rank: patch for patch in self.patches.patches} if self.patches is not None else {}
        self.patches = patches
        for patch in patches.patches:
            old = before.get(patch.rank)
            if old is not None and (old.title, old.position) != (patch.title, patch.position):
                # The scan went on, and another patch is in its place.
                self._backs.pop(patch.rank, None)
