"""What the network answers, and the classes that a person keeps an eye on."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from deepvis.messages import Prediction, ViewResult
from deepvis.ui.panels.controls import IconButton, Panel, label, row
from deepvis.ui.view_state import ViewState
from deepvis.ui.views.bars_view import BarsView


class PredictionsPanel(Panel):
    """Five rows for the best classes, and below them the pinned ones."""

    def __init__(self, state: ViewState, parent: QWidget | None = None) -> None:
        super().__init__(state, "Predictions", parent)
        self.untrained = label("Untrained network", "warning")
        self.untrained.setToolTip("This network has random weights: its percentages mean nothing")
        self.header.addWidget(self.untrained)
        self.bars = BarsView(rows=5, placeholder="The classes that the network names appear here")
        self.bars.setAccessibleName("Best classes")
        self.pinned_title = label("Pinned", "quiet")
        self.unpin = IconButton("x", "Unpin all", "Unpin all classes")
        self.unpin.setProperty("role", "flat")
        self.pinned = BarsView(rows=None)
        self.pinned.setAccessibleName("Pinned classes")
        self._pinned_header = QWidget()
        self._pinned_header.setLayout(row(self.pinned_title, 1, self.unpin))
        self.body.addWidget(self.bars)
        self.body.addWidget(self._pinned_header)
        self.body.addWidget(self.pinned)
        self.body.addStretch(1)
        self.bars.class_clicked.connect(self.toggle_pin)
        self.pinned.class_clicked.connect(self.toggle_pin)
        self.unpin.clicked.connect(self._unpin_all)
        state.network_changed.connect(self._renew)
        self._renew()

    def show_result(self, result: ViewResult) -> None:
        """Show this result's classes."""
        self.bars.set_predictions(result.predictions)
        wanted = self.state.look.pinned
        self.pinned.set_predictions([p for p in result.pinned if p.index in wanted])

    def follow(self) -> None:
        """Mark what is pinned."""
        pinned = self.state.look.pinned
        self.bars.set_pinned(pinned)
        self.pinned.set_pinned(pinned)
        self._pinned_header.setVisible(bool(pinned))
        self.pinned.setVisible(bool(pinned))
        known = {p.index: p for p in (*self.bars.predictions, *self.pinned.predictions)}
        self.pinned.set_predictions([known.get(index) or self._unknown(index) for index in pinned])

    def toggle_pin(self, index: int) -> None:
        """Pin a class, or take its pin away."""
        pinned = self.state.look.pinned
        if index not in pinned:
            self.state.update(pinned=(*pinned, index))
            return
        target = self.state.look.overlay_target
        self.state.update(
            pinned=tuple(each for each in pinned if each != index), overlay_target="top" if target == index else target
        )

    def _unknown(self, index: int) -> Prediction:
        labels = self.state.info.labels if self.state.info is not None else ()
        return Prediction(index, labels[index] if index < len(labels) else f"Class {index}", 0.0)

    def _unpin_all(self) -> None:
        target = self.state.look.overlay_target
        self.state.update(pinned=(), overlay_target="top" if isinstance(target, int) else target)

    def _renew(self) -> None:
        info = self.state.info
        self.untrained.setVisible(info is not None and not info.trained)
        self.bars.set_predictions(())
        self.follow()
