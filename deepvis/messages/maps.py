"""What maps tell: pictures laid out so that those which a network finds alike lie together."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from deepvis.messages.vocabulary import FloatArray, UInt8Array

FloatPair = tuple[float, float]


@dataclass(frozen=True, slots=True, eq=False)
class MapInfo:
    """A finished map on the disk, as a list needs to know it.

    Attributes
    ----------
    folder : where it lies; this names it.
    library : the folder of the library to whose pictures it belongs.
    title : of the set of pictures.
    network_name, network_hash : the network whose features were laid out, and the hash of its weights.
    layer : the layer of the features.
    count : pictures in the map.
    options : of the embedding, by name, in the types of JSON.
    divergence : Kullback-Leibler divergence at the end; not a number where too few pictures were laid out by their
        distances.
    created : seconds since 1970.
    """

    folder: str
    library: str
    title: str
    network_name: str
    network_hash: str
    layer: str
    count: int
    options: dict[str, object] = field(default_factory=dict)
    divergence: float = float("nan")
    created: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class MapPictures:
    """What is known of the pictures of a map, whether their places are known yet or not.

    Attributes
    ----------
    titles : of the pictures.
    labels : int32 (N,), the class that the set names, an index into ``classes``; -1: none.
    classes : names of the classes of the set, in the words of the network where they mean the same.
    predicted : int32 (N,), the network's first class, an index into ``network_labels``; -1: unknown.
    network_labels : names of the network's classes.
    probability : float32 (N,), of the predicted class, in [0, 1].
    correct : int8 (N,): 1 where prediction and label mean the same class, 0 where not, -1 where that is unknown.
    thumbnails : uint8 (N, side, side, 3) RGB of what the network saw.
    """

    titles: tuple[str, ...]
    labels: npt.NDArray[np.int32]
    classes: tuple[str, ...]
    predicted: npt.NDArray[np.int32]
    network_labels: tuple[str, ...]
    probability: FloatArray
    correct: npt.NDArray[np.int8]
    thumbnails: UInt8Array

    def __len__(self) -> int:
        return len(self.titles)

    def label(self, index: int) -> str:
        """The class that the set names, or an empty text."""
        known = int(self.labels[index])
        return self.classes[known] if 0 <= known < len(self.classes) else ""

    def prediction(self, index: int) -> str:
        """The network's first class, or an empty text."""
        known = int(self.predicted[index])
        return self.network_labels[known] if 0 <= known < len(self.network_labels) else ""


@dataclass(frozen=True, slots=True, eq=False)
class MapContent:
    """A map that can be looked at.

    Attributes
    ----------
    points : float32 (N, 2), x to the right and y downwards, in the embedding's own unit.
    spread : float32 (N,), in the same unit. The pictures whose value is at least d lie at least d apart, across or
        down: squares of side d around them do not overlap. The first of all has infinity.
    places_new : whether new points can be placed in it.
    """

    info: MapInfo
    pictures: MapPictures
    points: FloatArray
    spread: FloatArray
    places_new: bool = True


@dataclass(frozen=True, slots=True)
class MapsChanged:
    """There are other maps on the disk than before."""


@dataclass(frozen=True, slots=True, eq=False)
class MapOpened:
    """A map was read, or could not be: then ``content`` is None and ``problem`` says why and what to do."""

    folder: str
    content: MapContent | None
    problem: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class MapPlaced:
    """Where a frame lies in a map.

    Attributes
    ----------
    folder : of the map.
    frame : number of the frame.
    point : (x, y) in the map's unit; None where it cannot be placed, and ``problem`` says why.
    nearest : int32 (k,), the pictures whose features are nearest, the nearest first.
    similarity : float32 (k,), cosine similarity of the features to each of them, in [-1, 1].
    milliseconds : that placing took.
    """

    folder: str
    frame: int
    point: FloatPair | None
    nearest: npt.NDArray[np.int32]
    similarity: FloatArray
    milliseconds: float = 0.0
    problem: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class MapPicture:
    """A picture of a map, uint8 (h, w, 3) RGB, or None and why not.

    ``whole``: all of it, at most 512 pixels on its longer side; otherwise what the network saw.
    """

    folder: str
    index: int
    whole: bool
    pixels: UInt8Array | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class MapPictureFile:
    """A picture of a map lies at ``path`` as a file; empty where it cannot be opened: a Problem says why."""

    folder: str
    index: int
    path: str
