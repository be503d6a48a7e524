"""Pictures that a program holds, or names one by one."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from deepvis.backend.picture_sets.names import printable
from deepvis.backend.picture_sets.picture_set import PictureSet, no_labels
from deepvis.backend.sources.pictures import read_picture, to_rgb
from deepvis.messages import UInt8Array

_MOST_CLASSES = 1_000_000
_FORM = "a uint8 (H, W, 3) array, a Pillow image, a path, or a pair of one of these and its label"


class MemorySet(PictureSet):
    """A list of pictures: uint8 arrays (H, W, 3) or (H, W), Pillow images, paths, or (picture, label) pairs.

    Labels are class indices, or names; a picture's None is no label.

    Raises
    ------
    ValueError : the list is empty, or holds something else; the message names the place.
    """

    def __init__(self, pictures: Iterable[Any]) -> None:
        if isinstance(pictures, Image.Image) or (isinstance(pictures, np.ndarray) and _is_single(pictures)):
            raise ValueError("this is a single picture; a set is a list of pictures, such as [picture]")
        entries = [_entry(item, place) for place, item in enumerate(pictures)]
        if not entries:
            raise ValueError("the list of pictures is empty")
        self._pictures = [picture for picture, _ in entries]
        self.title = f"{len(entries)} pictures"
        self.titles = [_title(picture, place) for place, picture in enumerate(self._pictures)]
        self.labels, self.classes = _labels([label for _, label in entries])
        digest = hashlib.sha256()
        for title, picture in zip(self.titles, self._pictures, strict=True):
            digest.update(f"{title}\n{_content(picture)}\n".encode())
        self.fingerprint = digest.hexdigest()[:16]

    def read(self, index: int) -> UInt8Array:
        """See :meth:`PictureSet.read`."""
        picture = self._pictures[self.check_index(index)]
        if isinstance(picture, Path):
            return read_picture(picture, name=self.titles[index])
        return np.repeat(picture[:, :, None], 3, axis=2) if picture.ndim == 2 else picture


def _is_single(array: npt.NDArray[Any]) -> bool:
    """Whether an array is a picture, and no array of pictures."""
    return array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (1, 3, 4))


def _entry(item: Any, place: int) -> tuple[UInt8Array | Path, Any]:
    label = None
    if isinstance(item, tuple | list) and len(item) == 2:
        item, label = item
    if isinstance(item, str | os.PathLike):
        return Path(item).expanduser().absolute(), label
    if isinstance(item, Image.Image):
        return to_rgb(item.copy()), label
    if isinstance(item, np.ndarray):
        if item.ndim == 3 and item.shape[2] == 1:
            item = item[:, :, 0]
        if item.dtype == np.uint8 and item.size and (item.ndim == 2 or (item.ndim == 3 and item.shape[2] == 3)):
            return item, label
        raise ValueError(f"picture {place} has shape {item.shape} and dtype {item.dtype}; a picture is {_FORM}")
    raise ValueError(f"picture {place} is {type(item).__name__}; a picture is {_FORM}")


def _title(picture: UInt8Array | Path, place: int) -> str:
    return printable(picture.name) if isinstance(picture, Path) else f"picture {place}"


def _labels(labels: Sequence[Any]) -> tuple[npt.NDArray[np.int32], tuple[str, ...]]:
    given = [label for label in labels if label is not None]
    if not given:
        return no_labels(len(labels)), ()
    if all(isinstance(label, str) for label in given):
        classes = tuple(sorted(set(given)))
        places = {name: place for place, name in enumerate(classes)}
        return np.array([-1 if label is None else places[label] for label in labels], dtype=np.int32), classes
    if not all(isinstance(label, int | np.integer) and label >= -1 for label in given):
        raise ValueError("labels are either all names, or all class indices (0 and up, -1 or None for no label)")
    if max(given) >= _MOST_CLASSES:
        raise ValueError(f"labels are class indices below {_MOST_CLASSES:,}, got {max(given)}")
    numbers = np.array([-1 if label is None else int(label) for label in labels], dtype=np.int32)
    return numbers, tuple(f"class {index}" for index in range(int(numbers.max()) + 1))


def _content(picture: UInt8Array | Path) -> str:
    if isinstance(picture, Path):
        try:
            return f"{os.fsencode(picture).hex()} {picture.stat().st_size}"
        except OSError:
            return f"{os.fsencode(picture).hex()} -1"
    return f"{picture.shape} {hashlib.sha256(picture.tobytes()).hexdigest()}"
