"""What the window shows, as one value, and the request that it becomes. No Qt in here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from deepvis.messages import (
    BackRequest,
    BackViewName,
    DreamRequest,
    Fit,
    GridRequest,
    OverlayKind,
    OverlayRequest,
    RangeName,
    Rule,
    Seed,
    Size,
    SortName,
    StrongestRequest,
    UnitRequest,
    ViewRequest,
)

Show = Literal["activation", "gradient", "filters", "patches", "correlation"]

PATCHES: tuple[Literal[1, 4, 9], ...] = (1, 4, 9)


@dataclass(frozen=True, slots=True)
class Look:
    """Every choice of the person in front of the window that changes what the engine computes or how it is drawn.

    Attributes
    ----------
    layer, unit : the chosen layer and unit; None while no network is loaded.
    zoomed : the mosaic shows the chosen unit alone, as large as it fits.
    origin : (layer, unit) whose back-projection is shown while another layer is viewed; None: the chosen unit.
    show : what stands in the mosaic's place: activations, ``gradient`` (d(origin)/d(layer)), the ``filters``, the
        strongest ``patches`` of every unit, or the ``correlation`` of the units.
    patches : how many patches of a unit stand in its tile; ``clustered``: whether units that go together are neighbours
        in the correlation, or stand by their numbers.
    back : whether the unit panel's back-projection is on.
    strongest : how many of the strongest units are looked back from (0: none).
    overlay : kind of heat map over the input, or None; ``overlay_target``: ``top`` (the network's first class),
        ``unit``, or a class index that was pinned.
    input_size : (h, w) of the live input, or None for the network's own.
    dream : what is dreamt on each frame, or None.
    """

    layer: str | None = None
    unit: int | None = None
    zoomed: bool = False
    origin: tuple[str, int] | None = None
    show: Show = "activation"
    patches: Literal[1, 4, 9] = 1
    clustered: bool = True
    range: RangeName = "unit"
    fixed: tuple[float, float] = (0.0, 1.0)
    boost: float = 0.0
    gamma: float = 1.0
    sort: SortName = "number"
    colormap: str = "viridis"
    back: bool = True
    rule: Rule = "guided"
    seed: Seed = "activation"
    back_view: BackViewName = "raw"
    position: tuple[int, int] | None = None
    strongest: int = 9
    overlay: OverlayKind | None = None
    overlay_target: Literal["top", "unit"] | int = "top"
    overlay_opacity: float = 0.6
    overlay_colormap: str = "inferno"
    fit: Fit = "crop"
    input_size: Size | None = None
    pinned: tuple[int, ...] = ()
    frozen: bool = False
    dream: DreamRequest | None = None


def build_request(
    look: Look, request_id: int, room: Size, *, probe: tuple[int, float, float] | None = None, raw: bool = False
) -> ViewRequest:
    """The request that shows ``look`` in a mosaic of ``room`` (height, width) device pixels."""
    if look.layer is None:
        return ViewRequest(id=request_id, fit=look.fit, input_size=look.input_size, pinned=look.pinned)
    origin = look.origin or (None if look.unit is None else (look.layer, look.unit))
    # Patches come from a library; the engine goes on with the activations, whose order they take.
    show: Literal["activation", "gradient", "filters"] = "activation"
    if look.show == "filters" or (look.show == "gradient" and origin is not None):
        show = look.show
    grid = GridRequest(
        layer=look.layer,
        room=room,
        show=show,
        range=look.range,
        fixed=look.fixed,
        boost=look.boost,
        gamma=look.gamma,
        sort=look.sort,
        colormap=look.colormap,
        unit=look.unit if show == "filters" and look.zoomed else None,
    )
    unit = None if look.unit is None else UnitRequest(look.layer, look.unit, look.colormap)
    wanted = look.back or show == "gradient"
    back = None
    if origin is not None and wanted:
        back = BackRequest(*origin, rule=look.rule, seed=look.seed, view=look.back_view, position=look.position)
    strongest = None
    if look.strongest:
        strongest = StrongestRequest(look.layer, look.strongest, look.rule, look.back_view)
    return ViewRequest(
        id=request_id,
        grid=grid,
        unit=unit,
        back=back,
        strongest=strongest,
        overlay=_overlay(look),
        probe=probe,
        fit=look.fit,
        input_size=look.input_size,
        pinned=look.pinned,
        raw=raw,
        dream=look.dream,
    )


def _overlay(look: Look) -> OverlayRequest | None:
    if look.overlay is None:
        return None
    if look.overlay == "unit" or look.overlay_target == "unit":
        if look.unit is None:
            return None
        return OverlayRequest(look.overlay, layer=look.layer, unit=look.unit, colormap=look.overlay_colormap)
    target = look.overlay_target if isinstance(look.overlay_target, int) else None
    return OverlayRequest(look.overlay, target=target, colormap=look.overlay_colormap)
