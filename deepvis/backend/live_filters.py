"""The filters that the window shows: made once for a layer, since they do not change from frame to frame."""

from __future__ import annotations

from deepvis.backend.methods.filter_bank import FilterBank, filter_bank, nearest_filters, what_feeds
from deepvis.backend.network import Network
from deepvis.backend.render.filter_grid import render_filters
from deepvis.backend.render.filters import filter_pictures, weights_of
from deepvis.messages import FilterPicture, GridRequest, GridResult

_BANKS = 2
"""Layers whose filters are kept: the mosaic's, and the unit's where it is another."""


class LiveFilters:
    """Filters of one network as pictures. Engine thread only."""

    def __init__(self, network: Network) -> None:
        self._network = network
        # One forward pass, now: none is spent on it while pictures are shown.
        self._fed = what_feeds(network)
        self._banks: dict[str, FilterBank] = {}
        self._pictures: tuple[str, int, tuple[FilterPicture, ...]] | None = None
        self._grid: GridResult | None = None

    def pictures(self, layer: str, unit: int) -> tuple[FilterPicture, ...]:
        """The weights of one unit; empty for a unit without weights of its own (a pool, a sum, a block).

        The same object as long as the unit stays the same.
        """
        known = self._pictures
        if known is None or known[:2] != (layer, unit):
            known = self._pictures = (layer, unit, self._draw(layer, unit))
        return known[2]

    def grid(self, request: GridRequest) -> GridResult:
        """The mosaic of the layer's filters, or of those of the nearest layer before it that has some.

        The same object as long as the request stays the same. Raises ValueError where no layer before has any.
        """
        if self._grid is None or self._grid.request != request:
            name = nearest_filters(self._network, request.layer)
            if name is None:
                raise ValueError(f"neither {request.layer} nor a layer before it has filters; activations are shown")
            self._grid = render_filters(self._bank(name), request)
        return self._grid

    def _draw(self, layer: str, unit: int) -> tuple[FilterPicture, ...]:
        name = weights_of(self._network, layer)
        if name is None or nearest_filters(self._network, name) != name:
            return ()
        return filter_pictures(self._bank(name), unit)

    def _bank(self, layer: str) -> FilterBank:
        bank = self._banks.pop(layer, None)
        if bank is None:
            bank = filter_bank(self._network, layer, self._fed)
        # The last in is the newest.
        self._banks[layer] = bank
        while len(self._banks) > _BANKS:
            del self._banks[next(iter(self._banks))]
        return bank
