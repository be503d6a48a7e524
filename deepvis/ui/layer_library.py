"""What libraries know of the shown layer: a tile of patches for each unit, and how the units go together.

UI thread only.
"""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, Signal

from deepvis.messages import LayerCorrelation, LayerPatches, LibraryInfo
from deepvis.ui.bridge import Backend
from deepvis.ui.scanned_layer import scanned_layer
from deepvis.ui.view_state import ViewState

_SIDES = (48, 72, 96, 144, 216)
"""Tiles are made in one of these sizes, so that resizing the window does not make them anew."""


_MOST_BYTES = 40 * 2**20
"""Of the tiles of a layer: those of thousands of units are made smaller than they could be shown."""


class LayerLibrary(QObject):
    """Follows the shown layer, while its patches or its correlation stand in the mosaic's place.

    Parameters
    ----------
    side : the side in pixels that a tile has on the screen.

    Signals
    -------
    changed : there is something else to show.
    """

    changed = Signal()

    def __init__(
        self, state: ViewState, backend: Backend, side: Callable[[], int], parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._state = state
        self._backend = backend
        self._side = side
        self._asked: tuple[object, ...] = ()
        self.patches: LayerPatches | None = None
        self.correlation: LayerCorrelation | None = None
        state.changed.connect(self.follow)
        state.network_changed.connect(self.follow)

    @property
    def info(self) -> LibraryInfo | None:
        """The library that serves the network, or None."""
        network = self._state.info
        return self._backend.library_serving(network.hash) if network is not None else None

    @property
    def layer(self) -> str | None:
        """The layer of the library that is shown, or None: it has none for this one."""
        return scanned_layer(self.info, self._state.info, self._state.look.layer)

    def follow(self) -> None:
        """Ask for what the look wants, if it is something else than before."""
        look, network, info, layer = self._state.look, self._state.info, self.info, self.layer
        if network is None or info is None or layer is None:
            asked: tuple[object, ...] = ()
        elif look.show == "patches":
            side = self._wanted_side()
            asked = ("patches", info.folder, info.created, info.revision, layer, look.patches, side)
        elif look.show == "correlation":
            asked = ("correlation", info.folder, info.created, info.revision, layer, look.clustered)
        else:
            # What was there may still serve when it is wanted again.
            return
        if asked == self._asked:
            return
        self._asked = asked
        self._drop_others(layer, info)
        if asked and network is not None and layer is not None:
            if look.show == "patches":
                self._backend.library_layer(network.hash, layer, look.patches, self._wanted_side())
            else:
                self._backend.library_correlation(network.hash, layer, look.clustered)
        self.changed.emit()

    def show(self, event: LayerPatches | LayerCorrelation) -> None:
        """Take in what came, if it is of the shown layer."""
        info, look = self.info, self._state.look
        if info is None or (event.folder, event.layer) != (info.folder, self.layer):
            return
        if isinstance(event, LayerPatches):
            if event.shown != look.patches:
                return
            self.patches = self._kept_tiles(event)
        elif event.clustered == look.clustered:
            self.correlation = event
        else:
            return
        self.changed.emit()

    def _kept_tiles(self, event: LayerPatches) -> LayerPatches:
        """The tiles, with those from before in the place of those that are made anew for a later revision."""
        old = self.patches
        if event.complete or old is None or old.tiles.shape != event.tiles.shape or old.shown != event.shown:
            return event
        if (old.folder, old.layer) != (event.folder, event.layer) or old.revision > event.revision:
            return event
        ready = event.ready[:, None, None, None]
        tiles = event.tiles * ready + old.tiles * ~ready
        return LayerPatches(
            event.folder, event.revision, event.layer, event.shown, tiles, event.ready | old.ready, event.values,
            event.dead, event.problem,
        )  # fmt: skip

    def _drop_others(self, layer: str | None, info: LibraryInfo | None) -> None:
        folder = info.folder if info is not None else None
        if self.patches is not None and (self.patches.folder, self.patches.layer) != (folder, layer):
            self.patches = None
        if self.patches is not None and self.patches.shown != self._state.look.patches:
            self.patches = None
        if self.correlation is not None and (self.correlation.folder, self.correlation.layer) != (folder, layer):
            self.correlation = None

    def _wanted_side(self) -> int:
        wanted = self._side()
        layer = self._state.layer
        units = layer.channels if layer is not None else 1
        fitting = [side for side in _SIDES if 3 * units * side * side <= _MOST_BYTES] or [_SIDES[0]]
        return next((side for side in fitting if side >= wanted), fitting[-1])
