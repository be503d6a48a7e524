"""Go through a set of pictures and keep what excites each unit most, and how each unit behaves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from deepvis.backend.network import Network
from deepvis.backend.runs.base import Needs
from deepvis.backend.runs.beside import telling
from deepvis.backend.runs.opening import opened
from deepvis.messages import RunUpdate
from deepvis.options import check_options, option


@dataclass(frozen=True)
class PatchScan:
    """Go through a set of pictures and keep of every unit the strongest patches and its statistics, as a library.

    ``steps(net, pictures)`` takes anything that :func:`deepvis.backend.picture_sets.open_set` takes. Pictures are
    worked on in blocks of 32, of which as many go through the network in one step as is good for memory and speed. A
    picture has one place at most among a unit's strongest patches; of the sample photographs, which are gone through
    as crops that overlap, a photograph has.
    ``update.step`` counts pictures. ``update.metrics``: ``pictures`` (scanned so far), ``skipped`` (of these, which
    could not be read), ``pictures_per_second``. ``update.image``: the strongest patches so far of a few units.
    ``update.detail``: ``library``, the folder as text, and ``revision``, which grows when there is more to read in it.
    The last update's ``result`` names the folder in ``facts["library"]``; its ``arrays`` are the values, pictures,
    positions, maximum and mean of each layer, by names such as ``conv4 values`` (see
    :class:`deepvis.backend.library.LayerRecord`). A library that is complete already is answered with one update.

    A scan that was closed or killed goes on where it was when the same scan is begun again, and the library is the
    same, to the bit. Where torch.distributed is initialised, the processes share the set and one library; this, too,
    changes nothing in it. On a CPU the number of threads may change the last bits of some networks, so a scan goes on
    with the number with which it was begun.

    Raises LibraryError where the folder holds another scan or is being written, SourceError where there is no such set,
    ValueError for a set without pictures, KeyError for a layer that is not there.

    Paper: Zeiler & Fergus 2013, "Visualizing and understanding convolutional networks".
    """

    title: ClassVar[str] = "Strongest patches"
    needs: ClassVar[Needs] = "pictures"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "Every layer": {"layers": ("all",)},
        "Fast": {"precision": "auto"},
    }

    layers: tuple[str, ...] = option(
        (),
        help="Layers to record; none: convolutions, blocks and linear layers; all: all but dropout and flattening",
        role="layers",
    )
    top: int = option(9, help="Strongest patches a unit, one a picture", minimum=1, maximum=100)
    folder: str | None = option(None, help="Where the library is written; none: beside the gallery", role="folder")
    fit: Literal["crop", "stretch"] = option("crop", help="Whether pictures are cropped to the input or stretched")
    size: int | None = option(
        None,
        help="Side of the network's input, where it takes others; none: its own",
        minimum=8,
        unit="px",
        advanced=True,
    )
    precision: Literal["auto", "fp32", "bf16"] = option(
        "fp32",
        help="Number format; auto: bf16 where it is fast and answers the same, with ranks that may differ",
        advanced=True,
    )
    features: bool = option(True, help="Keep what goes into the classifier, for the map", advanced=True)
    thumbnails: bool = option(True, help="Keep a small picture of each", advanced=True)
    workers: int | None = option(
        None,
        help="Processes that decode pictures; none: chosen by the processor's cores",
        minimum=0,
        maximum=64,
        advanced=True,
    )
    batch: int | None = option(
        None,
        help="Pictures through the network at once, a power of two; none: as memory allows",
        minimum=1,
        maximum=32,
        advanced=True,
    )
    restart: bool = option(False, help="Begin anew where the folder holds a library", advanced=True)

    def __post_init__(self) -> None:
        check_options(self)
        object.__setattr__(self, "layers", (self.layers,) if isinstance(self.layers, str) else tuple(self.layers))
        if self.batch is not None and self.batch & (self.batch - 1):
            raise ValueError(f"batch is 1, 2, 4, 8, 16 or 32, got {self.batch}")

    def steps(self, net: Network, pictures: Any) -> Iterator[RunUpdate]:
        """Scan the set block by block; see the class."""
        # Imported here: it imports the runs' number formats, and either may be the first to be imported.
        from deepvis.backend.library.scan import Scan

        source = yield from telling(opened(pictures), _looking)
        yield from Scan(self, net, source).steps()


def _looking(found: int) -> RunUpdate:
    """What is said while the set is opened."""
    metrics = {"pictures": 0.0, "skipped": 0.0, "pictures_per_second": 0.0}
    note = f"Looking for pictures: {found:,} so far" if found else "Looking for pictures"
    return RunUpdate(0, max(1, found), np.full((64, 64, 3), 20, np.uint8), metrics, note=note)
