"""What image sets tell of the units of a network: strongest patches, statistics, and how units go together."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from deepvis.messages.networks import NetworkSpec
from deepvis.messages.vocabulary import Fit, FloatArray, Rule, Size, UInt8Array

Box = tuple[float, float, float, float]
"""(top, left, bottom, right) in pixels, half open; it may reach beyond the picture."""


@dataclass(frozen=True, slots=True, eq=False)
class LibraryInfo:
    """What a scan left on the disk, as a list needs to know it.

    Attributes
    ----------
    folder : where it lies; this names it.
    title : of the set of pictures that was scanned.
    set_spec : text that opens that set again; empty where it was in memory.
    network_name, network_hash : the network's name, and the hash of its weights.
    network_spec : what loads that network again, or None where it is not known.
    input_size, fit : how the pictures were brought to the network.
    layers : names of the layers of which there are patches and statistics.
    top : how many patches a unit.
    count, total : pictures scanned, and pictures in the set; those that could not be read count as scanned.
    skipped : (title, reason) of the pictures that could not be read.
    complete : whether the scan came to its end; otherwise it can be resumed.
    classes : names of the classes, where the folders of the set name any.
    created : seconds since 1970 when the scan was begun.
    options : of the scan, by name, in the types of JSON: with them it is resumed.
    revision : grows with every checkpoint of a scan that goes on.
    size : bytes on the disk.
    """

    folder: str
    title: str
    set_spec: str
    network_name: str
    network_hash: str
    input_size: Size
    layers: tuple[str, ...]
    count: int
    total: int
    complete: bool
    fit: Fit = "crop"
    top: int = 9
    network_spec: NetworkSpec | None = None
    skipped: tuple[tuple[str, str], ...] = ()
    classes: tuple[str, ...] = ()
    created: float = 0.0
    options: dict[str, object] = field(default_factory=dict)
    revision: int = 0
    size: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class PatchPicture:
    """One of the strongest patches of a unit.

    Attributes
    ----------
    rank : 0 is the strongest.
    value : the unit's activation there.
    pixels : uint8 (h, w, 3) RGB, the receptive field as the network saw it.
    title, label : of the picture that it was cut from; the label is empty where the folders name no classes.
    position : (row, column) in the unit's map.
    box : the receptive field in the picture's own pixels.
    """

    rank: int
    value: float
    pixels: UInt8Array
    title: str
    label: str
    position: tuple[int, int]
    box: Box


@dataclass(frozen=True, slots=True, eq=False)
class UnitPatches:
    """The strongest patches of one unit, the strongest first; fewer than ``places`` while pictures are read."""

    folder: str
    revision: int
    layer: str
    unit: int
    patches: tuple[PatchPicture, ...]
    places: int
    problem: str = ""
    """Why pictures are missing (the set was moved, say), or empty."""


@dataclass(frozen=True, slots=True, eq=False)
class PatchBack:
    """The back-projection of one patch: ``pixels`` is uint8 (h, w, 4) BGRX, cropped as the patch is.

    ``scale`` is the largest magnitude; ``note`` says why it is grey, if it is.
    """

    folder: str
    layer: str
    unit: int
    rank: int
    rule: Rule
    pixels: UInt8Array
    scale: float
    note: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class UnitStatistics:
    """What a unit answered to the pictures of a set.

    Attributes
    ----------
    pictures : how many pictures there were.
    maximum, mean : largest of the pictures' maxima, and mean of all the unit's values.
    silent : share of pictures in which the unit is nowhere above zero, in [0, 1].
    dead : whether it is above zero in no picture at all.
    counts, edges : histogram of the pictures' maxima, int64 (bins,) and float32 (bins + 1,).
    classes : (class, mean of the pictures' maxima), the largest first; empty where the folders name no classes.
    overall : mean of the maxima over all pictures, to judge the classes by.
    """

    folder: str
    revision: int
    layer: str
    unit: int
    pictures: int
    maximum: float
    mean: float
    silent: float
    dead: bool
    counts: npt.NDArray[np.int64]
    edges: FloatArray
    classes: tuple[tuple[str, float], ...] = ()
    overall: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class LayerPatches:
    """The strongest patches of every unit of a layer, a square tile a unit.

    Attributes
    ----------
    shown : how many patches stand in a tile: 1, 4 or 9.
    tiles : uint8 (units, side, side, 3) RGB; those that are not ``ready`` are black.
    ready : bool (units,), whose tile is complete.
    values : float32 (units,), the largest activation; NaN where there is none.
    dead : bool (units,), above zero in no picture.
    problem : why pictures are missing, or empty.
    """

    folder: str
    revision: int
    layer: str
    shown: int
    tiles: UInt8Array
    ready: npt.NDArray[np.bool_]
    values: FloatArray
    dead: npt.NDArray[np.bool_]
    problem: str = ""

    @property
    def complete(self) -> bool:
        """Whether every tile is ready."""
        return bool(self.ready.all())


@dataclass(frozen=True, slots=True, eq=False)
class LayerCorrelation:
    """How the units of a layer go together over the pictures of a set.

    ``matrix[i, j]`` is the correlation in [-1, 1] of the pictures' maxima of ``units[i]`` and ``units[j]``. Units that
    never change have none, and are in ``left_out``. ``pictures`` is how many pictures it comes from.
    """

    folder: str
    revision: int
    layer: str
    clustered: bool
    matrix: FloatArray
    units: npt.NDArray[np.int32]
    left_out: tuple[int, ...]
    pictures: int
    problem: str = ""


@dataclass(frozen=True, slots=True)
class LibrariesChanged:
    """There are other libraries than before, another one serves the network, or one was written further."""


@dataclass(frozen=True, slots=True)
class PatchOpened:
    """The picture of a patch lies at ``path``; ``box`` is the patch in its pixels, ``size`` its (height, width).

    ``path`` is empty where the picture could not be opened; a Problem says why.
    """

    path: str
    title: str
    box: Box
    size: Size


@dataclass(frozen=True, slots=True)
class PatchExport:
    """An export of patches goes on: ``share`` in [0, 1] is done, ``left`` seconds remain (None: not known yet).

    ``over`` says that it ended, whatever the end.
    """

    path: str
    share: float
    over: bool = False
    left: float | None = None


LibraryEvent = (
    UnitPatches
    | PatchBack
    | UnitStatistics
    | LayerPatches
    | LayerCorrelation
    | LibrariesChanged
    | PatchOpened
    | PatchExport
)
"""What the session's side of the libraries tells the window."""
