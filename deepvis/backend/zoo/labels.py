"""Labels of the classes from a file: one a line, or JSON in the forms that are about."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from deepvis.backend.zoo.errors import ModelError

_FORMS = (
    'text with one label a line, a JSON list of labels, or a JSON object {"0": "label", …} '
    '(or {"0": ["n01440764", "label"], …})'
)
_LARGEST = 50_000_000


def read_labels(path: str | Path) -> tuple[str, ...]:
    """The labels in a text or JSON file, in the order of the classes.

    JSON may be a list of labels, an object from index to label, one from label to index, or ImageNet's
    ``class_index.json`` (index to [WordNet id, label], whose underscores become spaces). Anything else raises
    ModelError.
    """
    path = Path(path)
    try:
        if path.stat().st_size > _LARGEST:
            raise _unreadable(path, f"it has {path.stat().st_size / 1e6:.0f} MB, which no list of labels has")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error)) from error
    except UnicodeDecodeError as error:
        raise _unreadable(path, "it is not UTF-8 text") from error
    if path.suffix.casefold() == ".json" or text.lstrip()[:1] in ("[", "{"):
        return _from_json(path, text)
    lines = [line.strip() for line in text.splitlines()]
    while lines and not lines[-1]:
        lines.pop()
    if not lines:
        raise _unreadable(path, "it is empty")
    empty = [number for number, line in enumerate(lines, start=1) if not line]
    if empty:
        raise _unreadable(path, f"line {empty[0]} is empty")
    return tuple(lines)


def _from_json(path: Path, text: str) -> tuple[str, ...]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _unreadable(path, f"it is no valid JSON ({error})") from error
    labels: Sequence[Any] = ()
    if isinstance(value, list):
        labels = value
    elif isinstance(value, Mapping):
        labels = _from_object(path, value)
    named = [_label(entry) for entry in labels]
    if not named or None in named:
        raise _unreadable(path, "its JSON is none of the forms that are known")
    return tuple(name for name in named if name is not None)


def _from_object(path: Path, value: Mapping[str, Any]) -> list[Any]:
    if value and all(isinstance(index, int) and not isinstance(index, bool) for index in value.values()):
        value = {str(index): label for label, index in value.items()}
    try:
        by_index = {int(index): label for index, label in value.items()}
    except ValueError as error:
        raise _unreadable(path, "the keys of its JSON object are not the numbers of classes") from error
    missing = [index for index in range(len(by_index)) if index not in by_index]
    if missing:
        raise _unreadable(path, f"it has {len(value)} labels, but none for class {missing[0]}")
    return [by_index[index] for index in range(len(by_index))]


def _label(entry: Any) -> str | None:
    if isinstance(entry, str):
        return entry.strip() or None
    if isinstance(entry, list) and entry and all(isinstance(word, str) for word in entry):
        return str(entry[-1]).replace("_", " ").strip() or None
    return None


def _unreadable(path: Path, cause: str) -> ModelError:
    return ModelError(f"the labels in {path} cannot be used", cause, f"labels are {_FORMS}")
