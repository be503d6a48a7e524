"""The network's main layers as a row of chips, and a search over all of them."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QWidget

from deepvis.messages import Layer
from deepvis.ui import theme
from deepvis.ui.panels.controls import IconButton, row
from deepvis.ui.panels.layer_chips import LayerChips
from deepvis.ui.panels.layer_search import LayerSearch
from deepvis.ui.view_state import ViewState


class LayerStrip(QWidget):
    """Shows and changes ``look.layer``; the unit's number stays where the other layer has it."""

    def __init__(self, state: ViewState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.state = state
        self.setAccessibleName("Layer strip")
        self.chips = LayerChips()
        self.back = IconButton("caret-left", "Scroll to earlier layers", "Scroll to earlier layers")
        self.forward = IconButton("caret-right", "Scroll to later layers", "Scroll to later layers")
        self.search = IconButton(
            "magnifying-glass", "Find a layer", "Find any layer of the network by name, type or size"
        )
        for button in (self.back, self.forward, self.search):
            button.setProperty("role", "flat")
        self.popup = LayerSearch(self)
        layout = row(self.back, self.chips, self.forward, self.search, spacing=theme.TIGHT)
        self.setLayout(layout)
        self.back.clicked.connect(lambda: self.chips.scroll_by_page(-1))
        self.forward.clicked.connect(lambda: self.chips.scroll_by_page(1))
        self.search.clicked.connect(self.open_search)
        self.chips.layer_clicked.connect(self.choose)
        self.popup.layer_chosen.connect(self.choose)
        self.chips.overflow_changed.connect(self._show_ends)
        self._show_ends(False, False)
        state.network_changed.connect(self._renew)
        state.changed.connect(self.follow)
        self._renew()

    def follow(self) -> None:
        """Mark the chosen layer; one that the strip does not have joins it while it is chosen."""
        layer = self.state.layer
        shown = {chip.layer.name for chip in self.chips.chips if chip.layer is not None}
        if layer is not None and (layer.name not in shown or len(shown) != len(self._shown_layers())):
            self.chips.set_layers(self._shown_layers())
        self.chips.set_chosen(layer.name if layer is not None else None)

    def choose(self, name: str) -> None:
        """Show this layer."""
        unit = self.state.look.unit
        self.state.update(layer=name, unit=0 if unit is None else unit)

    def open_search(self) -> None:
        """Open the list of all layers below the search button."""
        corner = self.search.mapToGlobal(QPoint(self.search.width(), self.search.height() + theme.TIGHT))
        self.popup.open_at(corner, self.state.info, self.state.look.layer)

    def _shown_layers(self) -> tuple[Layer, ...]:
        info = self.state.info
        if info is None:
            return ()
        chosen = self.state.look.layer
        return tuple(
            layer if layer.main else replace(layer, main=True)
            for layer in info.layers
            if layer.main or layer.name == chosen
        )

    def _renew(self) -> None:
        self.search.setEnabled(self.state.info is not None)
        self.chips.set_layers(self._shown_layers())
        self.follow()

    def _show_ends(self, left: bool, right: bool) -> None:
        # Both are shown or hidden together, and disabled at the ends: chips must not move under the pointer.
        for button, able in ((self.back, left), (self.forward, right)):
            button.setVisible(left or right)
            button.setEnabled(able)
