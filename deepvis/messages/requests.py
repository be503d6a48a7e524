"""What the window asks for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from deepvis.messages.vocabulary import BackViewName, Fit, OverlayKind, RangeName, Rule, Seed, Size, SortName


@dataclass(frozen=True, slots=True)
class GridRequest:
    """The mosaic of one layer. ``room`` is the (height, width) in device pixels that it may fill."""

    layer: str
    room: Size
    show: Literal["activation", "gradient", "filters"] = "activation"
    """``gradient`` shows d(origin)/d(layer), signed; the origin is the request's ``back``. ``filters`` shows the
    weights of the layer, or of the nearest layer before it that has some; ``sort`` by activity then goes by their
    norms."""
    range: RangeName = "unit"
    fixed: tuple[float, float] = (0.0, 1.0)
    boost: float = 0.0
    gamma: float = 1.0
    sort: SortName = "number"
    colormap: str = "viridis"
    unit: int | None = None
    """The one unit whose filter is drawn, with as many slices as the room shows; None: all units."""


@dataclass(frozen=True, slots=True)
class UnitRequest:
    """One unit's map, drawn with the grid's colour map at its own resolution, and its statistics."""

    layer: str
    unit: int
    colormap: str = "viridis"


@dataclass(frozen=True, slots=True)
class BackRequest:
    """Back-projection of one unit to the input."""

    layer: str
    unit: int
    rule: Rule = "guided"
    seed: Seed = "activation"
    view: BackViewName = "raw"
    position: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class StrongestRequest:
    """The back-projections of the ``count`` most active units of a layer."""

    layer: str
    count: int = 9
    rule: Rule = "guided"
    view: BackViewName = "raw"


@dataclass(frozen=True, slots=True)
class OverlayRequest:
    """A heat map over the input picture.

    ``target`` is a class index, or None for the class that the network names first. ``layer`` and ``unit`` are used by
    kind ``unit`` (the unit's own map); Grad-CAM takes ``layer`` or, if None, the last convolution.
    """

    kind: OverlayKind
    target: int | None = None
    layer: str | None = None
    unit: int | None = None
    colormap: str = "inferno"


@dataclass(frozen=True, slots=True)
class DreamRequest:
    """A dream on the live picture: each frame begins from the last dream blended with the new frame.

    ``layer`` is enhanced as a whole, or one ``unit`` of it. ``strength`` is the step's size relative to the default, at
    least 0; ``memory`` the last dream's share in the next one's beginning, in [0, 1).
    """

    layer: str
    unit: int | None = None
    strength: float = 1.0
    memory: float = 0.5


@dataclass(frozen=True, slots=True)
class ViewRequest:
    """Everything that the window shows at the moment. What is not asked for here is not computed."""

    id: int
    grid: GridRequest | None = None
    unit: UnitRequest | None = None
    back: BackRequest | None = None
    strongest: StrongestRequest | None = None
    overlay: OverlayRequest | None = None
    probe: tuple[int, float, float] | None = None
    """(unit, y, x) with y and x in [0, 1) over the tile: the grid's value there is returned."""
    fit: Fit = "crop"
    input_size: Size | None = None
    top: int = 5
    pinned: tuple[int, ...] = ()
    """Class indices whose probabilities are always returned."""
    raw: bool = False
    """Return the grid's raw activations as float32 once (for saving)."""
    dream: DreamRequest | None = None
    """Dream on each frame that comes."""
    features: str | None = None
    """Return this layer's output, averaged over its maps, as the features of the frame (to find it in a map)."""
