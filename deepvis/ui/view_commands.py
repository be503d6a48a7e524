"""What the actions on layer, unit, mosaic, back-projection and overlay do to the look. UI thread only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, TypeVar

import numpy as np

from deepvis.messages import (
    BACK_VIEWS,
    BOOSTS,
    COLORMAPS,
    GAMMAS,
    RANGES,
    RULES,
    STRONGEST,
    GridResult,
    Layer,
    NetworkInfo,
    OverlayKind,
    Prediction,
    Problem,
)
from deepvis.near_names import near_names
from deepvis.ui.look import PATCHES
from deepvis.ui.view_state import ViewState

T = TypeVar("T")

OVERLAYS: tuple[OverlayKind | None, ...] = (None, "saliency", "grad_cam", "guided_grad_cam", "unit")


def following(choices: Sequence[T], current: T) -> T:
    """The choice after ``current``, round and round; the first if it is none of them."""
    return choices[(choices.index(current) + 1) % len(choices)] if current in choices else choices[0]


class ViewCommands:
    """Handlers of the actions that change the look.

    Parameters
    ----------
    state : where the look lives.
    grid : the mosaic that is on the screen, or None; it says where units stand and how strong they are.
    """

    def __init__(self, state: ViewState, grid: Callable[[], GridResult | None]) -> None:
        self._state = state
        self._grid = grid

    def handlers(self) -> dict[str, Callable[..., object]]:
        """Handler by action id."""
        return {
            "source.fit": self.cycle_fit,
            "layer.previous": lambda: self.move_layer(-1),
            "layer.next": lambda: self.move_layer(1),
            "class.unpin": lambda: self._state.update(pinned=(), overlay_target="top"),
            "mosaic.boost": lambda: self._cycle("boost", BOOSTS),
            "mosaic.gamma": lambda: self._cycle("gamma", GAMMAS),
            "mosaic.range": lambda: self._cycle("range", RANGES),
            "mosaic.sort": lambda on: self._state.update(sort="activity" if on else "number"),
            "mosaic.colormap": lambda: self._cycle("colormap", COLORMAPS),
            "mosaic.gradient": lambda on: self._state.update(show="gradient" if on else "activation"),
            "mosaic.filters": lambda on: self._state.update(show="filters" if on else "activation"),
            "mosaic.patches": lambda on: self._state.update(show="patches" if on else "activation"),
            "mosaic.patch_count": self.cycle_patches,
            "mosaic.correlation": lambda on: self._state.update(show="correlation" if on else "activation"),
            "mosaic.zoom": lambda on: self._state.update(zoomed=on),
            "unit.left": lambda: self.move_unit(-1, 0),
            "unit.right": lambda: self.move_unit(1, 0),
            "unit.up": lambda: self.move_unit(0, -1),
            "unit.down": lambda: self.move_unit(0, 1),
            "unit.left3": lambda: self.move_unit(-3, 0),
            "unit.right3": lambda: self.move_unit(3, 0),
            "unit.up3": lambda: self.move_unit(0, -3),
            "unit.down3": lambda: self.move_unit(0, 3),
            "unit.first": lambda: self.choose_place(0),
            "unit.last": lambda: self.choose_place(-1),
            "unit.most_active": self.choose_most_active,
            "back.toggle": self.cycle_back,
            "back.rule": lambda: self._cycle("rule", RULES),
            "back.view": lambda: self._cycle("back_view", BACK_VIEWS),
            "back.seed": lambda on: self._state.update(seed="one" if on else "activation"),
            "back.origin": self.freeze_origin,
            "back.strongest": lambda: self._cycle("strongest", (0, *STRONGEST)),
            "overlay.cycle": lambda: self._cycle("overlay", OVERLAYS),
            "overlay.target": self.cycle_overlay_target,
        }

    def marks(self) -> dict[str, bool]:
        """Which of the switches are on."""
        look = self._state.look
        return {
            "source.freeze": look.frozen,
            "mosaic.sort": look.sort == "activity",
            "mosaic.gradient": look.show == "gradient",
            "mosaic.filters": look.show == "filters",
            "mosaic.patches": look.show == "patches",
            "mosaic.correlation": look.show == "correlation",
            "mosaic.zoom": look.zoomed,
            "back.seed": look.seed == "one",
            "back.origin": look.origin is not None,
        }

    def cycle_fit(self) -> None:
        """Crop, stretch, crop …"""
        self._state.update(fit="stretch" if self._state.look.fit == "crop" else "crop")

    def choose_layer(self, name: str) -> None:
        """Show another layer, with the unit of the same number where there is one."""
        self._state.update(layer=name, unit=self._state.look.unit or 0)

    def choose_unit(self, unit: int) -> None:
        """Choose a unit of the layer by its number."""
        self._state.update(unit=unit)

    def move_layer(self, step: int) -> None:
        """Go up or down the layers of the strip; the first and the last are ends."""
        info = self._state.info
        if info is None:
            return
        layers = info.layers
        here = next((i for i, layer in enumerate(layers) if layer.name == self._state.look.layer), None)
        if here is None:
            return
        candidates: Sequence[Layer] = layers[here + 1 :] if step > 0 else layers[:here][::-1]
        target = next((layer for layer in candidates if layer.main), None)
        if target is not None:
            self.choose_layer(target.name)

    def move_unit(self, columns: int, rows: int) -> None:
        """Move the choice in the mosaic as it stands on the screen; sideways it runs on into the next row."""
        layer, unit = self._state.layer, self._state.look.unit
        if layer is None or unit is None:
            return
        order, width = self._arrangement(layer.channels)
        places = np.flatnonzero(order == unit)
        place = int(places[0]) if len(places) else 0
        target = place + columns + rows * width
        if rows and not 0 <= target < len(order):
            # The edge holds: a move past the last full row stays in its column.
            column = place % width
            last = (len(order) - 1 - column) // width * width + column
            target = column if target < 0 else last
        self._state.update(unit=int(order[max(0, min(target, len(order) - 1))]))

    def choose_place(self, place: int) -> None:
        """Choose the unit at this place of the mosaic (negative: from the end)."""
        layer = self._state.layer
        if layer is not None:
            order, _ = self._arrangement(layer.channels)
            self._state.update(unit=int(order[place]))

    def choose_most_active(self) -> None:
        """Choose the unit whose largest value is the largest of all."""
        grid = self._grid()
        if grid is not None and grid.request.layer == self._state.look.layer and len(grid.maxima):
            self._state.update(unit=int(np.nanargmax(np.nan_to_num(grid.maxima, nan=-np.inf))))

    def cycle_back(self) -> None:
        """Off, then every rule, then off."""
        look = self._state.look
        if not look.back:
            self._state.update(back=True, rule=RULES[0])
        elif look.rule == RULES[-1]:
            self._state.update(back=False)
        else:
            self._state.update(rule=following(RULES, look.rule))

    def cycle_patches(self) -> None:
        """One, four or nine patches in a tile; where activations are shown, the patches first."""
        look = self._state.look
        if look.show != "patches":
            self._state.update(show="patches")
        else:
            self._state.update(patches=following(PATCHES, look.patches))

    def freeze_origin(self, on: bool) -> None:
        """Keep looking back from the chosen unit, whatever is chosen afterwards."""
        look = self._state.look
        if on and look.layer is not None and look.unit is not None:
            self._state.update(origin=(look.layer, look.unit), back=True)
        else:
            self._state.update(origin=None)

    def cycle_overlay_target(self) -> None:
        """Top class, the unit, every pinned class, top class …"""
        look = self._state.look
        choices: tuple[Literal["top", "unit"] | int, ...] = ("top", "unit", *look.pinned)
        self._state.update(overlay_target=following(choices, look.overlay_target), overlay=look.overlay or "saliency")

    def pin(self, index: int) -> None:
        """Keep the probability of this class in sight, or no longer."""
        pinned = self._state.look.pinned
        kept = tuple(i for i in pinned if i != index) if index in pinned else (*pinned, index)
        target = self._state.look.overlay_target
        if isinstance(target, int) and target not in kept:
            target = "top"
        self._state.update(pinned=kept, overlay_target=target)

    def reset(self) -> bool:
        """Leave zoom, frozen origin, gradient view and a chosen position; False if there was nothing to leave."""
        before = self._state.look
        self._state.update(zoomed=False, origin=None, show="activation", position=None)
        return self._state.look != before

    def _arrangement(self, channels: int) -> tuple[np.ndarray[tuple[int], np.dtype[np.int32]], int]:
        grid = self._grid()
        if grid is not None and grid.request.layer == self._state.look.layer and len(grid.order) == channels:
            return grid.order, max(1, grid.columns)
        width = max(1, int(np.ceil(np.sqrt(channels))))
        return np.arange(channels, dtype=np.int32), width

    def _cycle(self, name: str, choices: Sequence[object]) -> None:
        self._state.update(**{name: following(choices, getattr(self._state.look, name))})


def missing_layer(name: str, info: NetworkInfo) -> Problem:
    """What to tell somebody who asked for a layer that this network does not have."""
    near = near_names(name, [layer.name for layer in info.layers])
    shown = "One in the middle is shown instead."
    remedy = f"Did you mean {' or '.join(near)}? {shown}" if near else f"{shown} The strip above names them all."
    return Problem("layer.asked", f"{info.title} has no layer {name}", "", remedy, "warning")


def first_label(predictions: Sequence[Prediction]) -> str:
    """The best class and its probability, for titles; empty if there is none."""
    return f"{predictions[0].label} {predictions[0].probability:.0%}" if predictions else ""
