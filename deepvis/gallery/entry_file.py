"""``entry.json``: what is known of an entry, as text that a person can read."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np

from deepvis.messages import GalleryEntry, NetworkSpec

FORMAT = 1
"""Raised when the meaning of the file changes; entries of a newer format are left alone."""

_TEXTS = ("run", "kind", "title", "network", "network_hash", "version", "device", "source", "note", "file")
_NUMBERS = ("created", "duration")
_COUNTS = ("steps", "total", "course")
_TABLES = ("options", "figures", "facts")

_LATEST = 253_370_764_800.0
"""Seconds since 1970 that a date can stand for: until the year 9999."""

_LARGEST = 2**53

_MOST_BYTES = 4 << 20
"""An ``entry.json`` is a few thousand bytes long; a list reads hundreds of them."""


class NotAnEntry(ValueError):  # noqa: N818 - it says what the folder is, as a sentence does
    """A folder that the gallery did not write, or that is damaged."""


def to_json(entry: GalleryEntry) -> dict[str, Any]:
    """The entry in the types of JSON; what belongs to this computer (its place) is left out."""
    content: dict[str, Any] = {"deepvis_gallery": FORMAT}
    content |= {name: getattr(entry, name) for name in ("run", "kind", "title", "state")}
    content["when"] = datetime.fromtimestamp(entry.created, UTC).isoformat(timespec="seconds")
    content |= {name: getattr(entry, name) for name in ("created", "duration", "steps", "total")}
    content |= {name: getattr(entry, name) for name in ("network", "network_hash", "device")}
    spec = entry.network_spec
    content["network_spec"] = None if spec is None else dataclasses.asdict(spec)
    content |= {"size": list(entry.size), "source": entry.source, "has_input": entry.has_input}
    content |= {name: dict(getattr(entry, name)) for name in _TABLES}
    content |= {"seed": entry.options.get("seed"), "course": entry.course}
    content |= {"note": entry.note, "file": entry.file, "version": entry.version}
    return cast(dict[str, Any], plain(content))


def from_json(content: object, folder: Path) -> GalleryEntry:
    """The entry in ``folder``, whose name is its id. Raises :class:`NotAnEntry` with the reason."""
    if not isinstance(content, dict) or "deepvis_gallery" not in content:
        raise NotAnEntry("it is no entry of the gallery")
    if content["deepvis_gallery"] != FORMAT:
        raise NotAnEntry("it was written by another version of deepvis")
    # They are written in one line each, whatever another program put into them.
    fields: dict[str, Any] = {name: " ".join(_of_type(content, name, str).split()) for name in _TEXTS}
    fields |= {name: float(_in_range(content, name, (int, float), _LATEST)) for name in _NUMBERS}
    fields |= {name: int(_in_range(content, name, int, _LARGEST)) for name in _COUNTS}
    fields |= {name: _of_type(content, name, dict) for name in _TABLES}
    fields["figures"] = {str(name): _number(value) for name, value in fields["figures"].items()}
    size = _of_type(content, "size", list)
    if len(size) != 2 or not all(isinstance(side, int) and 0 < side < _LARGEST for side in size):
        raise NotAnEntry(f"its size is {size!r}")
    if Path(fields["file"]).name != fields["file"] or not fields["file"].endswith(".png"):
        raise NotAnEntry(f"its file is {fields['file']!r}")
    state = content.get("state")
    if state not in ("done", "cancelled", "failed"):
        raise NotAnEntry(f"its state is {state!r}")
    return GalleryEntry(
        id=folder.name,
        state=cast(Literal["done", "cancelled", "failed"], state),
        size=(size[0], size[1]),
        network_spec=_spec(content.get("network_spec")),
        has_input=_of_type(content, "has_input", bool),
        folder=str(folder),
        **fields,
    )


def read_entry(folder: Path) -> GalleryEntry:
    """The entry in this folder. Raises :class:`NotAnEntry` or OSError."""
    file = folder / "entry.json"
    if not file.is_file():
        raise NotAnEntry("it has no entry.json")
    if file.stat().st_size > _MOST_BYTES:
        raise NotAnEntry("its entry.json is larger than any that this program writes")
    try:
        content = json.loads(file.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise NotAnEntry(f"its entry.json is damaged: {error}") from error
    return from_json(content, folder)


def plain(value: Any) -> Any:
    """A value in the types of JSON: numbers that are not finite become None, what has no form there becomes text."""
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(each) for each in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def _of_type(content: Mapping[str, Any], name: str, kind: type | tuple[type, ...]) -> Any:
    value = content.get(name)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise NotAnEntry(f"its {name.replace('_', ' ')} is {value!r}")
    return value


def _in_range(content: Mapping[str, Any], name: str, kind: type | tuple[type, ...], most: float) -> Any:
    value = _of_type(content, name, kind)
    # Written so that what is no number fails as well.
    if not 0 <= value <= most:
        raise NotAnEntry(f"its {name} is {value!r:.40}")
    return value


def _number(value: object) -> float:
    # JSON has no NaN and no infinity: they were written as null.
    fits = isinstance(value, float) or (isinstance(value, int) and abs(value) <= _LARGEST)
    return float(cast(float, value)) if fits else math.nan


def _spec(content: object) -> NetworkSpec | None:
    if not isinstance(content, dict):
        return None
    names = {each.name for each in dataclasses.fields(NetworkSpec)}
    values: dict[str, Any] = {
        str(name): tuple(value) if isinstance(value, list) else value
        for name, value in content.items()
        if name in names
    }
    try:
        spec = NetworkSpec(**values)
    except TypeError:
        return None
    texts = all(isinstance(each, str) and each for each in (spec.name, spec.weights, spec.device, spec.precision))
    tuples = all(each is None or isinstance(each, tuple) for each in (spec.input_size, spec.mean, spec.std))
    return spec if texts and tuples and isinstance(spec.labels, str | None) else None
