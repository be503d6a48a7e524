"""What tells whether a data set of torchvision still holds the same pictures, without reading them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

_LOOKED_AT = 64
"""Values of each picture in memory that are looked at, spread evenly."""

_ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".rar", ".7z")
"""Endings of what data sets are downloaded as: people remove them once they are unpacked."""

_FOLDERS = ("folder", "dir", "root")
"""Endings of the names under which data sets of torchvision note where they lie."""


def content_hash(dataset: Any, count: int, root: str) -> bytes:
    """A digest that changes when pictures are added, removed, renamed, or exchanged for others of another size.

    Of pictures that the data set has in memory, some values of each count; of those that it lists as files, their names
    and sizes in bytes; of others, the names and sizes of all files in its folder.

    Parameters
    ----------
    dataset : of torchvision, opened.
    count : of its pictures.
    root : the folder that it was opened in, or nothing.
    """
    digest = hashlib.sha256()
    known = False
    # Some note the same list under two names.
    notes = {id(value): (name, value) for name, value in sorted(vars(dataset).items(), reverse=True)}
    for name, value in sorted(notes.values(), key=lambda note: note[0]):
        for part in _values_of(value, count):
            digest.update(name.encode() + part)
            known = True
        for part in _files_of(value, count, root):
            digest.update(part)
            known = True
    if not known:
        for folder in _folders_of(dataset, root):
            for part in _all_files(folder):
                digest.update(part)
    return digest.digest()


def _values_of(value: Any, count: int) -> Iterator[bytes]:
    """Some values of each picture, where these are pictures in memory."""
    if isinstance(value, torch.Tensor) and value.device.type == "cpu" and value.layout == torch.strided:
        value = value.detach().numpy()
    if isinstance(value, np.ndarray) and value.dtype != object and value.ndim >= 3 and len(value) == count:
        rows = value.reshape(count, -1)
        places = np.unique(np.linspace(0, rows.shape[1] - 1, _LOOKED_AT).astype(np.int64))
        yield f"{value.shape} {value.dtype}".encode()
        yield np.ascontiguousarray(rows[:, places]).tobytes()


def _files_of(value: Any, count: int, root: str) -> Iterator[bytes]:
    """Name and size of each picture's file, where these are the files' paths, each alone or with a class."""
    if not isinstance(value, Sequence) or isinstance(value, str | bytes) or len(value) != count:
        return
    paths = [item[0] if isinstance(item, tuple | list) and item else item for item in value]
    if not all(isinstance(path, str | os.PathLike) for path in paths) or not os.path.isfile(paths[0]):
        return
    for path in paths:
        yield _line(os.fspath(path), root)


def _folders_of(dataset: Any, root: str) -> list[str]:
    """Where a data set lies: the folders that it notes below ``root``, or all of that."""
    if not root:
        return []
    top = Path(root)
    found = set()
    for name in dir(dataset):
        # Properties may read or load anything; notes do not.
        if not name.endswith(_FOLDERS) or isinstance(getattr(type(dataset), name, None), property):
            continue
        noted = getattr(dataset, name, None)
        if isinstance(noted, str | os.PathLike) and os.fspath(noted):
            place = Path(os.path.normpath(top / noted))
            if place != top and top in place.parents and place.is_dir():
                found.add(str(place))
    outermost = [each for each in found if not any(other in map(str, Path(each).parents) for other in found)]
    return sorted(outermost) or [root]


def _all_files(folder: str) -> Iterator[bytes]:
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        for name in sorted(names):
            if not name.startswith(".") and not name.lower().endswith(_ARCHIVES):
                yield _line(os.path.join(place, name), folder)


def _line(path: str, root: str) -> bytes:
    try:
        size = os.stat(path).st_size
    except OSError:
        size = -1
    above = os.path.join(root, "")
    told = path[len(above) :] if root and path.startswith(above) else path
    return os.fsencode(told) + f" {size}\n".encode()
