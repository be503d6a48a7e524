"""What the gallery tells: the runs that have ended, and what is kept of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from deepvis.messages.networks import NetworkSpec
from deepvis.messages.vocabulary import FloatArray, Size, UInt8Array


@dataclass(frozen=True, slots=True, eq=False)
class GalleryEntry:
    """One run in the gallery, as a list needs to know it.

    Attributes
    ----------
    id : names it for as long as it is kept.
    run, kind : the name under which the run is registered, and what a person calls it (``deepdream``, ``DeepDream``).
    title : what it shows (``tractor``, ``conv4 37``).
    state : ``cancelled`` where the run was ended early, ``failed`` where it could not go on (``note`` says why); what
        it had made by then is kept.
    created : seconds since 1970 when it ended.
    duration : seconds that its steps took.
    steps, total : steps made, and steps that were planned.
    network, network_hash : the network's name, and the hash of its weights.
    device : where it was computed; the same seed gives the same picture on the same device.
    network_spec : what loads that network again, or None where it is not known.
    options : every option by name, in the types of JSON.
    figures : figures at the end, by name.
    facts : other statements in the types of JSON.
    source : title of the picture that it was made from, or empty.
    has_input : whether that picture is kept, too.
    size : (height, width) of the picture that was made.
    course : how many pictures of its course are kept.
    version : of deepvis.
    note : what the run said at its end.
    file : name of the picture's file in the folder.
    folder : where it lies; empty where it could not be written: it is then kept until the program ends.
    thumbnail : uint8 (h, w, 3) RGB where there is no folder, else None (:attr:`thumbnail_path` names its file).
    """

    id: str
    run: str
    kind: str
    title: str
    state: Literal["done", "cancelled", "failed"]
    created: float
    duration: float
    steps: int
    total: int
    network: str
    network_hash: str
    size: Size
    version: str
    device: str = ""
    network_spec: NetworkSpec | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    figures: Mapping[str, float] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    source: str = ""
    has_input: bool = False
    course: int = 0
    note: str = ""
    file: str = "result.png"
    folder: str = ""
    thumbnail: UInt8Array | None = None

    @property
    def saved(self) -> bool:
        """Whether it is on the disk."""
        return bool(self.folder)

    @property
    def path(self) -> str:
        """The picture's file, or an empty text where it is not on the disk."""
        return str(Path(self.folder) / self.file) if self.folder else ""

    @property
    def thumbnail_path(self) -> str:
        """The thumbnail's file, or an empty text where it is not on the disk."""
        return str(Path(self.folder) / "parts" / "thumbnail.png") if self.folder else ""


@dataclass(frozen=True, slots=True)
class CoursePicture:
    """The picture as it was after ``step`` steps: the bytes of a JPEG file."""

    step: int
    jpeg: bytes


@dataclass(frozen=True, slots=True, eq=False)
class GalleryContent:
    """Everything that can be looked at of one entry.

    Attributes
    ----------
    image : uint8 (H, W, 3) RGB, the picture that was made.
    images : further uint8 RGB pictures by title.
    input : uint8 RGB, the picture that it was made from, or None.
    course : pictures of its course, the first steps first.
    steps : int64 (n,), the steps at which the figures of ``course_figures`` were taken.
    course_figures : float32 (n,) by name.
    arrays : names of the values that an npz of it holds.
    more_facts : statements in the types of JSON that are too long for ``entry.facts`` (the genomes of an archive …).
    """

    entry: GalleryEntry
    image: UInt8Array
    images: Mapping[str, UInt8Array] = field(default_factory=dict)
    input: UInt8Array | None = None
    course: tuple[CoursePicture, ...] = ()
    steps: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    course_figures: Mapping[str, FloatArray] = field(default_factory=dict)
    arrays: tuple[str, ...] = ()
    more_facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GalleryChanged:
    """There are other entries than before, or other pictures of units; ask for them."""


@dataclass(frozen=True, slots=True)
class GalleryOpened:
    """An entry that was asked for is here; ``content`` is None where it cannot be opened (a Problem says why)."""

    id: str
    content: GalleryContent | None


@dataclass(frozen=True, slots=True)
class GalleryExport:
    """An export goes on: ``share`` in [0, 1] is done, ``left`` seconds remain (None: not known yet).

    ``over`` says that it ended, whatever the end.
    """

    path: str
    share: float
    left: float | None = None
    over: bool = False
