"""The most active units of the layer, each with what in the picture made it fire."""

from __future__ import annotations

import math

from PySide6.QtWidgets import QWidget

from deepvis.messages import STRONGEST, BackResult, ViewResult
from deepvis.ui.panels.controls import Choice, Panel, label
from deepvis.ui.view_state import ViewState
from deepvis.ui.views.tiles_view import Tile, TilesView


class StrongestPanel(Panel):
    """A grid of back-projections; a click chooses the unit."""

    def __init__(self, state: ViewState, parent: QWidget | None = None) -> None:
        super().__init__(state, "Strongest units", parent)
        self.count = Choice(
            "Number of units",
            "How many of the layer's most active units are looked back from",
            [("Off", 0), *((str(count), count) for count in STRONGEST)],
        )
        self.header.addWidget(self.count)
        self.hint = label(
            "Choose 9 to see what made the layer's most active units fire; off at first where a network is slow here",
            "quiet",
            wrap=True,
        )
        self.note = label("", "quiet", wrap=True)
        self.tiles = TilesView(columns=3)
        self.tiles.setAccessibleName("Strongest units")
        self.tiles.setToolTip("Back-projections of the most active units. Click one to choose its unit")
        self.body.addWidget(self.hint)
        self.body.addWidget(self.tiles)
        self.body.addWidget(self.note)
        self.count.chosen.connect(lambda count: state.update(strongest=count))
        self.tiles.tile_clicked.connect(lambda unit: state.update(unit=unit))
        state.network_changed.connect(self._empty)
        self.follow()

    def show_result(self, result: ViewResult) -> None:
        """Show this result's strongest units; a result without them leaves what is there."""
        look = self.state.look
        wanted = result.request.strongest
        if wanted is None or not look.strongest or wanted.layer != look.layer:
            return
        tiles = [Tile(back.picture, str(back.unit), back.unit) for back in result.strongest]
        self.tiles.set_tiles(tiles, columns=columns_for(look.strongest), places=look.strongest)
        self._say(result.strongest)

    def follow(self) -> None:
        """Set every control from ``state.look``."""
        look = self.state.look
        self.count.set_value(look.strongest)
        self.hint.setVisible(not look.strongest)
        self.tiles.setVisible(bool(look.strongest))
        self.tiles.set_chosen(look.unit)
        if not look.strongest:
            self._empty()
        elif len(self.tiles.tiles) > look.strongest or not self.tiles.tiles:
            self.tiles.set_tiles(
                self.tiles.tiles[: look.strongest], columns=columns_for(look.strongest), places=look.strongest
            )

    def _say(self, backs: tuple[BackResult, ...]) -> None:
        notes = {back.note for back in backs if back.note}
        self.note.setText(notes.pop() if len(notes) == 1 else "")
        self.note.setVisible(bool(self.note.text()))

    def _empty(self) -> None:
        self.tiles.set_tiles((), places=self.state.look.strongest)
        self._say(())


def columns_for(count: int) -> int:
    """Columns of the squarest grid of so many tiles."""
    return max(1, math.ceil(math.sqrt(count)))
