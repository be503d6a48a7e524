"""What a library says of itself: the network, the set of pictures and the options that it was made with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from deepvis.backend.atomic_file import atomic
from deepvis.backend.library.errors import LibraryError
from deepvis.backend.library.lock import LOCK
from deepvis.backend.library.strongest import Strongest
from deepvis.backend.preprocessing import Preprocessing
from deepvis.messages import Fit, NetworkSpec, ReceptiveField, Size

MANIFEST = "manifest.json"
FORMAT = "deepvis library"
VERSION = 1


@dataclass(frozen=True, slots=True)
class ScannedLayer:
    """A layer of a library.

    Attributes
    ----------
    name, kind : as in the network's catalogue.
    channels : number of units.
    size : (h, w) of the map at the size of the scan, None for a vector.
    receptive_field : None where a unit sees the whole picture.
    exponent : 2 ** exponent is at least the layer's largest magnitude on a photograph and noise. Fixed-point sums and
        the histogram's bins are scaled by it; it is measured once, when the library is begun.
    """

    name: str
    kind: str
    channels: int
    size: Size | None
    receptive_field: ReceptiveField | None
    exponent: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything about a library that does not change while it is written.

    Attributes
    ----------
    network_name, network_hash, network_spec, network_labels : the network, the hash of its weights, what loads it again
        (None: not known), and the names of its classes.
    preprocessing : how a picture becomes an input, at the size of the scan.
    fit : ``crop`` or ``stretch``.
    set_spec, set_title, set_fingerprint, total : the set of pictures; ``set_spec`` is empty for one in memory.
    classes : of the set, or none.
    photographs : of which photograph each picture is a crop; empty: each is a photograph of its own.
    layers : what was recorded, in the order of the forward pass.
    top : patches a unit.
    feature_layer, feature_size : where the features come from, and how long they are; empty and 0: there are none.
    thumbnails : whether there are any.
    block, batch : pictures in a block, and pictures that go through the network at once.
    numbers : the number format and memory layout of the network, such as ``fp32 channels last packed``.
    threads : of PyTorch on the CPU in each process.
    options : of the scan, by name, in the types of JSON.
    created : seconds since 1970.
    """

    network_name: str
    network_hash: str
    preprocessing: Preprocessing
    fit: Fit
    set_spec: str
    set_title: str
    set_fingerprint: str
    total: int
    layers: tuple[ScannedLayer, ...]
    top: int
    network_spec: NetworkSpec | None = None
    network_labels: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    photographs: tuple[int, ...] = ()
    feature_layer: str = ""
    feature_size: int = 0
    thumbnails: bool = True
    block: int = 32
    batch: int = 32
    numbers: str = "fp32"
    threads: int = 1
    options: Mapping[str, Any] = field(default_factory=dict)
    created: float = 0.0

    @property
    def units(self) -> int:
        """Units of all layers."""
        return sum(layer.channels for layer in self.layers)

    @property
    def blocks(self) -> int:
        """Blocks of pictures in the set."""
        return -(-self.total // self.block)

    def pictures_in(self, done: npt.NDArray[np.bool_]) -> int:
        """Pictures in the blocks that are True, bool (blocks,); the last block may be shorter."""
        missing = self.blocks * self.block - self.total
        return int(done.sum()) * self.block - (missing if len(done) and bool(done[-1]) else 0)

    def empty_strongest(self) -> Strongest:
        """No place taken yet."""
        photographs = np.array(self.photographs, np.int32) if self.photographs else None
        return Strongest.empty(self.units, self.top, photographs)

    def slices(self) -> dict[str, slice]:
        """Where the units of each layer lie in arrays over the units of all layers."""
        found, first = {}, 0
        for layer in self.layers:
            found[layer.name] = slice(first, first + layer.channels)
            first += layer.channels
        return found


def is_library(folder: Path) -> bool:
    """Whether a library lies in a folder, damaged ones included; a ``manifest.json`` of another program makes none."""
    try:
        facts = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return False
    except (OSError, ValueError):
        return (folder / LOCK).exists()
    return isinstance(facts, dict) and facts.get("format") == FORMAT


def write_manifest(manifest: Manifest, folder: Path) -> None:
    """Write ``manifest.json``, whole or not at all. Raises ExportError."""
    facts = {"format": FORMAT, "version": VERSION, **asdict(manifest)}
    with atomic(folder / MANIFEST) as file:
        file.write(json.dumps(facts, indent=1).encode())


def read_manifest(folder: Path) -> Manifest:
    """Read it back. Raises LibraryError where there is none, or one that this version cannot read."""
    title = f"{folder} cannot be opened as a library"
    try:
        facts = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise LibraryError(title, f"it holds no {MANIFEST}", "name a folder that deepvis scan wrote") from error
    except (OSError, ValueError) as error:
        raise LibraryError(title, f"{MANIFEST} cannot be read ({error})", "scan again with --restart") from error
    if not isinstance(facts, dict) or facts.get("format") != FORMAT:
        raise LibraryError(title, f"its {MANIFEST} is of something else", "name a folder that deepvis scan wrote")
    if facts.get("version") != VERSION:
        raise LibraryError(
            title,
            f"it has version {facts.get('version')} of the format, and this program reads version {VERSION}",
            "scan again with --restart, or use the deepvis that wrote it",
        )
    try:
        return _from_facts(facts)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise LibraryError(title, f"{MANIFEST} is incomplete ({error})", "scan again with --restart") from error


def _from_facts(facts: dict[str, Any]) -> Manifest:
    known = {item.name for item in fields(Manifest)}
    values = {name: value for name, value in facts.items() if name in known}
    values["preprocessing"] = Preprocessing(**_tuples(facts["preprocessing"]))
    values["layers"] = tuple(_layer(each) for each in facts["layers"])
    values["network_labels"] = tuple(facts.get("network_labels", ()))
    values["classes"] = tuple(facts.get("classes", ()))
    values["photographs"] = tuple(facts.get("photographs", ()))
    if facts.get("network_spec") is not None:
        values["network_spec"] = NetworkSpec(**_tuples(facts["network_spec"]))
    found = Manifest(**values)
    _check(found)
    return found


def _check(manifest: Manifest) -> None:
    """Raise ValueError where a value is of a type, or in a range, that nothing could be read with."""
    least = {"total": 1, "top": 1, "block": 1, "batch": 1, "threads": 1, "feature_size": 0}
    for name, smallest in least.items():
        number = getattr(manifest, name)
        if not isinstance(number, int) or number < smallest:
            raise ValueError(f"{name} is {number!r}")
    for name in (*("network_name", "network_hash", "feature_layer", "numbers"), *("set_spec", "set_title")):
        if not isinstance(getattr(manifest, name), str):
            raise ValueError(f"{name} is {getattr(manifest, name)!r}")
    if not isinstance(manifest.options, Mapping) or not isinstance(manifest.created, int | float):
        raise ValueError("options or created are of another type")
    photographs = manifest.photographs
    if photographs and (len(photographs) != manifest.total or not all(isinstance(each, int) for each in photographs)):
        raise ValueError(f"photographs names {len(photographs)} of {manifest.total} pictures")
    if manifest.fit not in ("crop", "stretch") or not manifest.layers:
        raise ValueError(f"fit is {manifest.fit!r}, with {len(manifest.layers)} layers")
    if any(not isinstance(layer.channels, int) or not isinstance(layer.exponent, int) for layer in manifest.layers):
        raise ValueError("a layer has no number of units")


def _layer(facts: dict[str, Any]) -> ScannedLayer:
    values = _tuples(facts)
    if values["receptive_field"] is not None:
        values["receptive_field"] = ReceptiveField(**_tuples(values["receptive_field"]))
    return ScannedLayer(**values)


def _tuples(facts: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in facts.items()}
