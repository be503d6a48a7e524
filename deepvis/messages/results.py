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
class GridResult:
    """A mosaic: ``picture`` holds ``rows`` × ``columns`` tiles of ``tile`` (h, w) pixels, ``gap`` pixels apart.

    ``order[i]`` is the unit at place i (row by row). ``maxima`` is each unit's largest value (by unit number; largest
    magnitude where ``signed``). ``dead`` marks units that are constant in this frame. ``low`` and ``high`` are the
    values at both ends of the colour map (of the whole layer; the median tile's where each unit has its own range).
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


@dataclass(frozen=True, slots=True)
class FilterPicture:
    """Weights of a unit as a picture at their own resolution.

    A filter of the first layer in colour (``channel`` None), or the slice that acts on one incoming ``channel``, signed
    in the diverging colour map. ``norm`` is its L2 norm.
    """

    picture: UInt8Array
    channel: int | None
    norm: float


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
