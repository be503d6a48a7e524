"""What is said of a finished scan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deepvis.backend.atomic_file import ExportError
from deepvis.backend.library.errors import LibraryError
from deepvis.backend.library.library import Library
from deepvis.backend.library.sheet import sheet
from deepvis.backend.network import Network
from deepvis.backend.sources.source import SourceError
from deepvis.messages import RunResult, UInt8Array
from deepvis.options import option_values

if TYPE_CHECKING:
    from deepvis.backend.runs.patch_scan import PatchScan

_ROWS = 8
_COLUMNS = 9
_TOLD = 200
"""Unreadable pictures that are named in the facts; the library names all of them."""


def result_of(library: Library, options: PatchScan, net: Network) -> RunResult:
    """The result of a scan from its library."""
    arrays: dict[str, npt.NDArray[Any]] = {}
    dead, broken = 0, 0
    readable = int(library.valid.sum())
    for name in library.layers:
        strongest = library.strongest(name)
        counted, mean, _, silent = library.sums(name)
        arrays |= {f"{name} {what}": getattr(strongest, what) for what in ("values", "pictures", "positions")}
        arrays[f"{name} maximum"] = strongest.values[:, 0].copy()
        arrays[f"{name} mean"] = mean
        dead += int((silent == 1).sum())
        broken += int((counted < readable).sum())
    units = library.manifest.units
    return RunResult(
        run="patch_scan",
        title=f"{library.title}, {library.network_name}",
        options=option_values(options),
        network=net.name,
        network_hash=net.hash,
        image=overview(library),
        figures={
            "pictures": float(library.count),
            "skipped": float(len(library.skipped)),
            "units": float(units),
            "dead_units": float(dead),
        },
        facts={
            "library": str(library.folder),
            "set": library.set_spec or library.title,
            "layers": list(library.layers),
            "skipped": [list(each) for each in library.skipped[:_TOLD]],
            "not_finite": broken,
        },
        arrays=arrays,
    )


def overview(library: Library) -> UInt8Array:
    """A sheet with the strongest patches of one unit of each of a few layers, uint8 (H, W, 3) RGB.

    Shown is the unit whose strongest activation stands out most from its usual maximum.
    """
    fields = [layer for layer in library.manifest.layers if layer.receptive_field is not None]
    layers = fields or list(library.manifest.layers)
    chosen = np.unique(np.linspace(0, len(layers) - 1, min(_ROWS, len(layers))).round().astype(int))
    rows: list[tuple[str, list[UInt8Array | None]]] = []
    for place in chosen:
        name = layers[place].name
        _, _, mean_maximum, _ = library.sums(name)
        with np.errstate(divide="ignore", invalid="ignore"):
            maximum = library.strongest(name).values[:, 0]
            contrast = np.nan_to_num(maximum / np.abs(mean_maximum), nan=-1.0, posinf=-1.0)
        unit = int(contrast.argmax())
        patches: list[UInt8Array | None] = []
        for rank in range(min(library.top, _COLUMNS)):
            try:
                patches.append(library.patch(name, unit, rank).pixels)
            except (IndexError, LibraryError, SourceError, ExportError):
                patches.append(None)
        rows.append((f"{name} · {unit}", patches))
    return sheet(rows)
