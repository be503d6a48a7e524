"""Maps on the disk: each a folder within its library, numbers as .npy, the rest as JSON, nothing pickled."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from deepvis.backend.atomic_file import explained
from deepvis.backend.maps.spaces import FeatureSpace
from deepvis.backend.maps.unfinished import Unfinished, clear_unfinished
from deepvis.messages import FloatArray, MapInfo

FOLDER = "maps"
FACTS = "map.json"
_FORMAT = "deepvis map"
_VERSION = 1


class MapError(Exception):
    """A map cannot be read. ``title``, ``cause`` and ``remedy`` are for a person."""

    def __init__(self, title: str, cause: str, remedy: str) -> None:
        super().__init__(f"{title}: {cause}; {remedy}")
        self.title = title
        self.cause = cause
        self.remedy = remedy


def map_folder(library: Path, layer: str, options: Mapping[str, Any]) -> Path:
    """Where the map with these options lies in a library; another map of other options lies elsewhere."""
    told = json.dumps([layer, dict(options)], sort_keys=True)
    word = re.sub(r"[^\w.]+", "-", layer).strip("-.") or "features"
    return (
        library / FOLDER / f"{word}-p{options.get('perplexity', 0):g}-{hashlib.sha256(told.encode()).hexdigest()[:8]}"
    )


def write_map(
    info: MapInfo,
    points: FloatArray,
    spread: FloatArray,
    indices: npt.NDArray[np.int32],
    features: FloatArray | None,
    space: FeatureSpace,
) -> None:
    """Write a map into ``info.folder``, whole or not at all; an earlier one with the same options is replaced.

    Parameters
    ----------
    points, spread : as :class:`deepvis.messages.MapContent` has them.
    indices : int32 (N,), the pictures of the library that are in the map.
    features : float32 (N, D) that were laid out; None: those that the library itself has.
    space : in which they were compared.

    Raises
    ------
    ExportError
    """
    target = Path(info.folder)
    with explained(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        clear_unfinished(target.parent)
        unfinished = Unfinished(target)
        try:
            arrays = {"points": points, "spread": spread, "indices": indices}
            if features is not None:
                arrays["features"] = np.ascontiguousarray(features, np.float32)
            if space.mean is not None and space.matrix is not None:
                arrays |= {"mean": space.mean, "matrix": space.matrix}
            for name, array in arrays.items():
                with (unfinished.part / f"{name}.npy").open("wb") as file:
                    np.save(file, array, allow_pickle=False)
            facts = json.dumps(_facts(info) | {"space": space.metric}, indent=1)
            (unfinished.part / FACTS).write_text(facts, encoding="utf-8")
            unfinished.commit()
        finally:
            unfinished.end()


def _facts(info: MapInfo) -> dict[str, Any]:
    return {
        "format": _FORMAT,
        "version": _VERSION,
        "title": info.title,
        "network_name": info.network_name,
        "network_hash": info.network_hash,
        "layer": info.layer,
        "count": info.count,
        "options": dict(info.options),
        "divergence": info.divergence if np.isfinite(info.divergence) else None,
        "created": info.created,
    }


def read_info(folder: Path) -> MapInfo:
    """What a map says of itself. Raises :class:`MapError`."""
    title = f"{folder} cannot be opened as a map"
    try:
        facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        if facts.get("format") != _FORMAT:
            raise MapError(title, f"its {FACTS} is of something else", "choose another map, or make one")
        if facts.get("version") != _VERSION:
            raise MapError(title, "another version of deepvis wrote it", "make the map again")
        divergence = facts["divergence"]
        return MapInfo(
            folder=str(folder),
            library=str(folder.parent.parent),
            title=facts["title"],
            network_name=facts["network_name"],
            network_hash=facts["network_hash"],
            layer=facts["layer"],
            count=int(facts["count"]),
            options=dict(facts["options"]),
            divergence=float("nan") if divergence is None else float(divergence),
            created=float(facts["created"]),
        )
    except FileNotFoundError as error:
        raise MapError(title, f"it holds no {FACTS}", "choose another map, or make one") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise MapError(title, f"{FACTS} cannot be read ({error})", "make the map again") from error


def read_array(folder: Path, name: str) -> Any:
    """One of the arrays of a map, mapped from the disk. Raises :class:`MapError`."""
    try:
        return np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise MapError(f"{folder} cannot be opened as a map", f"{name}.npy: {error}", "make the map again") from error


def read_space(folder: Path) -> FeatureSpace:
    """The space in which the features of a map are compared. Raises :class:`MapError`."""
    try:
        metric = json.loads((folder / FACTS).read_text(encoding="utf-8"))["space"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise MapError(f"{folder} cannot be opened as a map", f"{FACTS}: {error}", "make the map again") from error
    if metric != "whitened":
        return FeatureSpace(metric)
    return FeatureSpace(metric, np.array(read_array(folder, "mean")), np.array(read_array(folder, "matrix")))


def maps_of(libraries: Iterable[Path]) -> tuple[MapInfo, ...]:
    """The maps of these libraries, the newest first; what cannot be read is left out."""
    found = []
    for library in libraries:
        try:
            folders = [each for each in (library / FOLDER).iterdir() if not each.name.startswith(".")]
        except OSError:
            continue
        for folder in folders:
            try:
                found.append(read_info(folder))
            except MapError:
                continue
    return tuple(sorted(found, key=lambda info: (-info.created, info.folder)))
