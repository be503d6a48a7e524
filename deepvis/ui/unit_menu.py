"""What can be done with a unit of the mosaic, at the place where it is shown. UI thread only."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtWidgets import QMenu

from deepvis.ui.actions import Actions
from deepvis.ui.view_state import ViewState
from deepvis.ui.views.grid_view import GridView

ENTRIES = ("unit.maximise", "mosaic.zoom", "back.origin", "mosaic.gradient", "", "unit.most_active", "unit.search")
"""Ids of actions from the top; an empty one is a line between them."""


class UnitMenu:
    """Opens on the right button, which chooses the unit under it, and on the menu key at the chosen unit."""

    def __init__(self, view: GridView, state: ViewState, actions: Actions) -> None:
        self._view = view
        self._state = state
        self.menu = QMenu("Unit", view)
        self.menu.setToolTipsVisible(True)
        for entry in ENTRIES:
            if entry:
                self.menu.addAction(actions[entry])
            else:
                self.menu.addSeparator()
        view.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        view.customContextMenuRequested.connect(self.open)

    def open(self, point: QPoint) -> None:
        """Choose the unit at this point of the mosaic, and offer what can be done with it."""
        hit = self._view.unit_at(QPointF(point))
        if hit is not None:
            self._state.update(unit=hit[0])
        if self._state.look.unit is not None:
            self.menu.popup(self._view.mapToGlobal(point))
