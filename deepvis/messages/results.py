"""What the engine answers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepvis.messages.frames import Frame
from deepvis.messages.requests import GridRequest, OverlayRequest, UnitRequest, ViewRequest
from deepvis.messages.vocabulary import BackViewName, FloatArray, Rule, Size, UInt8Array


@dataclass(frozen=True, slots=True)
class Prediction:
    """One class of the network's answer, ``probability`` in [0, 1]."""

    index: int
    label: str
    probability: float


@dataclass(frozen=True, slots=True)
class FilterTiles:
    """What stands in the tiles of a mosaic of filters: slices in ``rows`` × ``columns``, in pixels of the tile.

    Attributes
    ----------
    layer : whose weights they are; ``source``: the layer whose channels they act on, None for the picture itself or
        where it cannot be told.
    color : each tile is one filter that acts on red, green and blue.
    channels : int32 (units, slices) the incoming channel of each slice that is shown; ``slice_norms``: their L2 norms.
    hidden : slices of each unit that are not shown, since they are weaker.
    start, pitch, cell : (row, column) of the first slice, from one to the next, and the (height, width) of one.
    """

    layer: str
    source: str | None
    color: bool
    channels: npt.NDArray[np.int32]
    slice_norms: FloatArray
    hidden: int
    rows: int
    columns: int
    start: Size
    pitch: Size
    cell: Size

    def slice_at(self, y: float, x: float) -> int | None:
        """Which slice lies at a pixel of the tile, None between them."""
        row, inside_y = divmod(y - self.start[0], self.pitch[0])
        column, inside_x = divmod(x - self.start[1], self.pitch[1])
        place = int(row) * self.columns + int(column)
        inside = inside_y < self.cell[0] and inside_x < self.cell[1]
        if not inside or not 0 <= column < self.columns or row < 0 or place >= self.channels.shape[1]:
            return None
        return place


@dataclass(frozen=True, slots=True)
class GridResult:
    """A mosaic: ``picture`` holds ``rows`` × ``columns`` tiles of ``tile`` (h, w) pixels, ``gap`` pixels apart.

    ``order[i]`` is the unit at place i (row by row). ``maxima`` is each unit's largest value (by unit number; largest
    magnitude where ``signed``; the filter's L2 norm in a mosaic of filters). ``dead`` marks units that are constant in
    this frame. ``low`` and ``high`` are the values at both ends of the colour map (of the whole layer; the median
    tile's where each unit has its own range). ``filters`` describes the tiles of a mosaic of filters; in its picture
    the fourth byte is 0 where the ground is to be seen.
    """

    request: GridRequest
    picture: UInt8Array
    rows: int
    columns: int
    tile: Size
    gap: int
    order: npt.NDArray[np.int32]
    maxima: FloatArray
    dead: npt.NDArray[np.bool_]
    low: float
    high: float
    signed: bool
    map_size: Size | None
    note: str = ""
    filters: FilterTiles | None = None


@dataclass(frozen=True, slots=True)
class FilterPicture:
    """Weights of a unit as a picture at their own resolution.

    A filter of the first layer in colour (``channel`` None), or the slice that acts on one incoming ``channel``, signed
    in the diverging colour map. ``norm`` is its L2 norm. ``source`` is the layer that the channel belongs to, None
    where it cannot be told.
    """

    picture: UInt8Array
    channel: int | None
    norm: float
    source: str | None = None


@dataclass(frozen=True, slots=True)
class UnitResult:
    """One unit: its map as ``picture`` (map resolution), and its statistics over the map.

    ``filters`` holds the unit's own filter, or the slices of its strongest incoming channels, strongest first; it is
    the same object from frame to frame as long as the unit stays the same.
    """

    request: UnitRequest
    picture: UInt8Array
    minimum: float
    maximum: float
    mean: float
    active: float
    """Share of positions above zero, in [0, 1]."""
    peak: tuple[int, int]
    """(row, column) of the maximum."""
    filters: tuple[FilterPicture, ...] = ()


@dataclass(frozen=True, slots=True)
class BackResult:
    """A back-projection as a picture (input resolution). ``scale`` is the largest magnitude; ``note`` says why it is
    grey, if it is."""

    layer: str
    unit: int
    rule: Rule
    view: BackViewName
    picture: UInt8Array
    scale: float
    note: str = ""
    histogram: tuple[FloatArray, FloatArray] | None = None
    """(counts, bin edges) where the view is ``histogram``."""


@dataclass(frozen=True, slots=True)
class OverlayResult:
    """A heat map as a coloured ``picture`` over what the network saw, from the values ``low`` to ``high``."""

    request: OverlayRequest
    picture: UInt8Array
    target: Prediction | None
    low: float
    high: float
    note: str = ""


@dataclass(frozen=True, slots=True)
class Timings:
    """Milliseconds that one frame spent in each stage of the engine."""

    preprocess: float = 0.0
    forward: float = 0.0
    backward: float = 0.0
    render: float = 0.0


@dataclass(frozen=True, slots=True)
class ViewResult:
    """The answer to one request for one frame. All parts show this one frame."""

    request: ViewRequest
    frame: Frame
    seen: tuple[float, float, float, float]
    """(top, left, bottom, right) in frame pixels that the network saw."""
    input_size: Size
    predictions: tuple[Prediction, ...]
    pinned: tuple[Prediction, ...] = ()
    grid: GridResult | None = None
    unit: UnitResult | None = None
    back: BackResult | None = None
    strongest: tuple[BackResult, ...] = ()
    overlay: OverlayResult | None = None
    probe: float | None = None
    raw: FloatArray | None = None
    timings: Timings = Timings()
    finished: float = 0.0
    """``time.perf_counter()`` when the engine handed it over."""
    problem: str = ""
    """Set where a part of the request could not be answered; the same text came as a Problem, once."""
    dream: UInt8Array | None = None
    """The dream on this frame, uint8 (h, w, 4) BGRX, where one was asked for."""
    features: FloatArray | None = None
    """float32 (C,), the features of the frame, where they were asked for."""
