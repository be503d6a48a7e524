"""The one place in the window where a choice lives: panels read it, change it, and hear of every change."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from PySide6.QtCore import QObject, Signal

from deepvis.messages import Layer, NetworkInfo
from deepvis.ui.look import Look

SLOW_MS = 15.0
"""A network whose forward pass takes longer is not looked back through nine times a frame unasked."""


class ViewState(QObject):
    """Holds the current :class:`Look` and the loaded network. UI thread only.

    Signals
    -------
    changed : something of ``look`` is different now. A panel sets its controls from ``state.look``, all of them.
    network_changed : ``info`` is another network now (``look.layer`` and ``look.unit`` are valid for it already).
    """

    changed = Signal()
    network_changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._look = Look()
        self._info: NetworkInfo | None = None
        self._strongest = self._look.strongest
        self._unit_is_chosen = False

    @property
    def look(self) -> Look:
        """What is shown now."""
        return self._look

    @property
    def info(self) -> NetworkInfo | None:
        """The loaded network, or None."""
        return self._info

    @property
    def wished(self) -> Look:
        """The look as a person wants it, without what was switched off because this network is slow."""
        return replace(self._look, strongest=self._strongest)

    @property
    def unit_is_chosen(self) -> bool:
        """Whether somebody chose the unit; False where it is merely the first of a layer that nobody chose either."""
        return self._unit_is_chosen

    @property
    def layer(self) -> Layer | None:
        """The chosen layer's description, or None."""
        return self.find(self._look.layer)

    def find(self, name: str | None) -> Layer | None:
        """The layer of this name in the loaded network, or None."""
        layers = self._info.layers if self._info else ()
        return next((layer for layer in layers if layer.name == name), None)

    def update(self, **changes: Any) -> None:
        """Change fields of the look; ``unit`` is kept in range of the layer. Emits ``changed`` if anything differs."""
        self._unit_is_chosen |= changes.get("unit") is not None
        if "strongest" in changes:
            self._strongest = changes["strongest"]
        look = replace(self._look, **changes)
        layer = self.find(look.layer)
        if layer is not None and look.unit is not None:
            look = replace(look, unit=max(0, min(look.unit, layer.channels - 1)))
        moved = look.layer != self._look.layer or look.unit != self._look.unit
        if moved and look.position is not None and look.position == self._look.position:
            look = replace(look, position=None)
        if look != self._look:
            self._look = look
            self.changed.emit()

    def set_network(self, info: NetworkInfo) -> None:
        """A network took over: keep the layer and unit where it has them, else choose one in the middle, where a dream
        goes on.

        Where a forward pass alone takes long, looking back from many units at once is switched off; a person can switch
        it on again, and it comes back with a faster network.
        """
        self._info = info
        look = self._look
        if self.find(look.layer) is None:
            chosen = first_layer(info.layers)
            look = replace(look, layer=chosen.name if chosen else None, unit=None, zoomed=False)
        layer = self.find(look.layer)
        if layer is not None and look.unit is None:
            self._unit_is_chosen = False
            look = replace(look, unit=0)
        if layer is not None and look.unit is not None and look.unit >= layer.channels:
            look = replace(look, unit=layer.channels - 1)
        target = look.overlay_target
        if isinstance(target, int) and target >= len(info.labels):
            look = replace(look, overlay_target="top")
        size = look.input_size if info.flexible else None
        pinned = tuple(index for index in look.pinned if index < len(info.labels))
        slow = bool(info.measured) and min(milliseconds for _, milliseconds in info.measured) > SLOW_MS
        strongest = 0 if slow else self._strongest
        show = "activation" if look.show == "gradient" else look.show
        dream = look.dream
        if dream is not None:
            unit = None if dream.unit is None else look.unit
            dream = replace(dream, layer=look.layer, unit=unit) if look.layer is not None else None
        self._look = replace(
            look, strongest=strongest, origin=None, show=show, position=None, input_size=size, pinned=pinned,
            dream=dream,
        )  # fmt: skip
        self.network_changed.emit()
        self.changed.emit()


def first_layer(layers: tuple[Layer, ...]) -> Layer | None:
    """The layer that is shown first: the middle convolution, rectified where a rectifier follows it, else the middle
    one of those that have maps."""
    convolutions = [layer for layer in layers if layer.main and layer.kind == "conv"]
    spatial = [layer for layer in layers if layer.main and layer.size is not None]
    candidates = convolutions if len(convolutions) > 2 else spatial or list(layers)
    if not candidates:
        return None
    chosen = candidates[(len(candidates) - 1) // 2]
    after = layers.index(chosen) + 1
    follower = layers[after] if after < len(layers) else None
    if follower is not None and follower.main and follower.kind == "relu" and follower.channels == chosen.channels:
        return follower
    return chosen
