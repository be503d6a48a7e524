"""The vocabulary that crosses the thread border: frozen dataclasses of numbers, text and numpy arrays.

The window (``deepvis.ui``) and the engine (``deepvis.backend``) know each other through this module alone. It imports
neither torch nor Qt. An array in a message is handed over: whoever made it never writes into it again.

Pictures made for the screen are ``uint8 (H, W, 4)`` in the byte order B, G, R, X: the memory layout of
``QImage.Format_RGB32`` (X is 255), which Qt paints fastest. Pictures that are data are ``uint8 (H, W, 3)`` RGB.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

UInt8Array = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]

Size = tuple[int, int]
"""Height and width in pixels, in this order everywhere."""

Rule = Literal["gradient", "deconvnet", "guided"]
Seed = Literal["activation", "one"]
BackViewName = Literal["raw", "gray", "norm", "norm_blur", "positive", "histogram"]
RangeName = Literal["unit", "layer", "fixed", "smooth"]
SortName = Literal["number", "activity"]
OverlayKind = Literal["saliency", "grad_cam", "guided_grad_cam", "unit"]
Fit = Literal["crop", "stretch"]
Precision = Literal["auto", "fp32", "bf16"]

RULES: tuple[Rule, ...] = ("gradient", "deconvnet", "guided")
BACK_VIEWS: tuple[BackViewName, ...] = ("raw", "gray", "norm", "norm_blur", "positive", "histogram")
RANGES: tuple[RangeName, ...] = ("unit", "layer", "fixed", "smooth")
BOOSTS: tuple[float, ...] = (0.0, 0.3, 0.5, 0.8, 1.0)
GAMMAS: tuple[float, ...] = (1.0, 0.7, 0.5, 0.3)
COLORMAPS: tuple[str, ...] = ("viridis", "inferno", "magma", "cividis", "gray")
STRONGEST: tuple[int, ...] = (9, 16, 25)


# ---------------------------------------------------------------------------------------------------------- networks


@dataclass(frozen=True, slots=True)
class ReceptiveField:
    """Which input pixels a unit of a layer can see, from the geometry of the layers below it.

    Attributes
    ----------
    size : (height, width) of the field in input pixels.
    stride : distance in input pixels between the fields of neighbouring positions, (rows, columns).
    start : first input (row, column) of the field of position (0, 0); negative where it begins in the padding.
    """

    size: Size
    stride: Size
    start: Size

    def box(self, row: int, column: int) -> tuple[int, int, int, int]:
        """The field of one position as (top, left, bottom, right), half open; it may reach beyond the picture."""
        top = self.start[0] + row * self.stride[0]
        left = self.start[1] + column * self.stride[1]
        return top, left, top + self.size[0], left + self.size[1]


@dataclass(frozen=True, slots=True)
class Layer:
    """One output in the network's forward pass that can be looked at.

    Attributes
    ----------
    name : the module's path (``features.3``), with ``_1``, ``_2`` … for later calls of a reused module; the output of
        a function has the path of the module that calls it and the function's name (``layer1.0.add``).
    kind : ``conv``, ``relu``, ``activation``, ``pool``, ``norm``, ``linear``, ``add``, ``cat``, ``mul``, ``flatten``,
        ``dropout``, ``softmax``, ``attention``, ``block`` (a module made of modules) or ``other``.
    type : the class or function that computes it, such as ``Conv2d``.
    channels : number of units (feature maps, or entries of a vector).
    size : (h, w) of each feature map at the network's own input size, or None for a vector.
    receptive_field : None where every unit sees the whole picture (or it is not known).
    arrangement : how the raw output is read: ``NCHW``, ``NC``, ``NHWC`` (channels last) or ``NLC`` (tokens).
    main : whether the window's layer strip shows it; the others are found through search.
    """

    name: str
    kind: str
    type: str
    channels: int
    size: Size | None
    receptive_field: ReceptiveField | None
    arrangement: Literal["NCHW", "NC", "NHWC", "NLC"] = "NCHW"
    main: bool = True

    @property
    def text(self) -> str:
        """Short description for a person, such as ``160 · 16²``."""
        if self.size is None:
            return f"{self.channels}"
        height, width = self.size
        return f"{self.channels} · {height}²" if height == width else f"{self.channels} · {height}×{width}"


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What is known of a network before it is loaded.

    Attributes
    ----------
    name : what ``deepvis.load`` takes.
    family : ``bundled``, ``torchvision``, ``timm`` or ``own``.
    input_size : (h, w) or None where it is not known before loading.
    parameters : number of weights, or None.
    on_disk : whether it loads without a network connection.
    """

    name: str
    family: str
    title: str
    input_size: Size | None = None
    parameters: int | None = None
    on_disk: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class NetworkSpec:
    """A person's wish which network to load; every field but ``name`` may be left at its default.

    Attributes
    ----------
    name : a card's name, ``timm/NAME``, ``package.module:factory`` or the path of a ``.pt2`` file.
    weights : ``default`` (the network's own), ``random``, or the path of a ``.safetensors`` or ``.pt`` file.
    labels : path of a text (one label a line) or JSON file, or None.
    device : ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
    """

    name: str
    weights: str = "default"
    labels: str | None = None
    input_size: Size | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    device: str = "auto"
    precision: Precision = "auto"


@dataclass(frozen=True, slots=True)
class NetworkInfo:
    """A network that is loaded and ready, as the window needs to know it."""

    name: str
    title: str
    family: str
    layers: tuple[Layer, ...]
    left_out: tuple[tuple[str, str], ...]
    """(name, reason) of outputs that cannot be shown."""
    labels: tuple[str, ...]
    input_size: Size
    channels: int
    flexible: bool
    """Whether the network accepts other input sizes."""
    min_size: int
    device: str
    precision: str
    parameters: int
    rectifiers: int
    """How many rectifier calls one forward pass makes; 0: guided backpropagation and deconvnet equal the gradient."""
    differentiable: bool
    trained: bool
    hash: str
    note: str = ""
    measured: tuple[tuple[str, float], ...] = ()
    """(configuration, milliseconds a frame) that were tried when the network was loaded."""


# ------------------------------------------------------------------------------------------------------------ frames


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of a source.

    Attributes
    ----------
    id : increases by at least one from frame to frame, over all sources of the process.
    image : uint8 (H, W, 3) RGB, read-only.
    captured : ``time.perf_counter()`` at capture, in seconds.
    title : what is shown, for a person (``Chelsea``, ``holiday.jpg``, ``Camera 0``).
    still : True where the source shows this very picture until somebody changes it.
    position, duration : seconds into a video and its length, where known.
    index, count : which of how many pictures, for folders.
    """

    id: int
    image: UInt8Array
    captured: float
    title: str
    still: bool = False
    position: float | None = None
    duration: float | None = None
    index: int | None = None
    count: int | None = None


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """State of the source, sent whenever it changes.

    ``controls`` names what this source can do, of ``pause``, ``seek``, ``speed``, ``loop``, ``step`` (next, previous),
    ``slideshow``, ``mirror``, ``resolution``, ``motion``.
    """

    spec: str
    title: str
    state: Literal["opening", "live", "paused", "stalled", "failed", "ended", "closed"]
    detail: str = ""
    remedy: str = ""
    controls: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CameraCard:
    """A camera that was found: ``index`` opens it as ``camera:INDEX``."""

    index: int
    name: str


# ---------------------------------------------------------------------------------------------------------- requests


@dataclass(frozen=True, slots=True)
class GridRequest:
    """The mosaic of one layer. ``room`` is the (height, width) in device pixels that it may fill."""

    layer: str
    room: Size
    show: Literal["activation", "gradient"] = "activation"
    """``gradient`` shows d(origin)/d(layer), signed; the origin is the request's ``back``."""
    range: RangeName = "unit"
    fixed: tuple[float, float] = (0.0, 1.0)
    boost: float = 0.0
    gamma: float = 1.0
    sort: SortName = "number"
    colormap: str = "viridis"


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


# ----------------------------------------------------------------------------------------------------------- results


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


# -------------------------------------------------------------------------------------------------------------- runs


@dataclass(frozen=True, slots=True)
class RunUpdate:
    """State of a run after one step.

    Attributes
    ----------
    step, total : steps done, and steps in all.
    image : uint8 (H, W, 3) RGB, the picture so far.
    metrics : figures by name, the same names at every step.
    result : on the last update only: pictures, figures and every option that is needed to repeat the run.
    """

    step: int
    total: int
    image: UInt8Array
    metrics: Mapping[str, float] = field(default_factory=dict)
    result: Any = None
    detail: Mapping[str, Any] = field(default_factory=dict)
    """Further arrays to show while the run goes on (the occlusion map so far, an archive …), by name."""


@dataclass(frozen=True, slots=True)
class RunStatus:
    """State of a run in the engine's queue. ``left`` is the estimated time left in seconds, None while not known."""

    id: int
    name: str
    state: Literal["queued", "running", "paused", "done", "cancelled", "failed"]
    update: RunUpdate | None = None
    elapsed: float = 0.0
    left: float | None = None
    error: str = ""


# ------------------------------------------------------------------------------------------------------------ events


@dataclass(frozen=True, slots=True)
class Problem:
    """Something went wrong: what, why and what to do. ``key`` is the same for repetitions of the same problem."""

    key: str
    title: str
    cause: str
    remedy: str
    severity: Literal["info", "warning", "error"] = "error"
    details: str = ""
    """Traceback, for the log."""


@dataclass(frozen=True, slots=True)
class ProblemSolved:
    """The problem with this key is over (a camera is back, say)."""

    key: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class LoadProgress:
    """Loading of a network: ``share`` in [0, 1], or None where it is not known. ``left`` in seconds."""

    name: str
    stage: str
    share: float | None = None
    left: float | None = None


@dataclass(frozen=True, slots=True)
class NetworkReady:
    """A network took over; every later ViewResult is its."""

    info: NetworkInfo


@dataclass(frozen=True, slots=True)
class NetworkFailed:
    """A network could not be loaded; the one before it, if any, stays."""

    name: str
    problem: Problem


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """Figures for the status bar, about twice a second."""

    frames_per_second: float
    dropped: int
    latency: float
    """Capture to result, in milliseconds, mean of the last second."""
    live_share: float


Event = Problem | ProblemSolved | LoadProgress | NetworkReady | NetworkFailed | EngineStatus | RunStatus | SourceStatus
