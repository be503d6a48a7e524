"""Data sets that torchvision knows by name."""

from __future__ import annotations

import difflib
import hashlib
import inspect
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torchvision import datasets

from deepvis.backend.picture_sets.dataset_content import content_hash
from deepvis.backend.picture_sets.picture_set import PictureSet, no_labels
from deepvis.backend.sources.pictures import to_rgb
from deepvis.backend.sources.source import SourceError
from deepvis.messages import UInt8Array

_FORM = "torchvision:NAME:ROOT or torchvision:NAME:ROOT:SPLIT, such as torchvision:CIFAR10:data:test"
_LABELS = ("targets", "_labels", "labels", "y")
_PAIRS = ("_samples", "samples")


class DatasetSet(PictureSet):
    """A data set of pictures of ``torchvision.datasets`` that is on the disk.

    Parameters
    ----------
    spec : ``torchvision:NAME:ROOT[:SPLIT][?OPTION=VALUE&…]``. SPLIT is ``train``, ``test`` or what the data set calls
        its parts; without it the data set's own default counts. Options are further arguments of the data set, such as
        ``year=2012``; only ``download=1`` makes it load anything from the net.

    Raises
    ------
    SourceError : torchvision has no such data set, it is not on the disk, or its items are no pictures.
    """

    def __init__(self, spec: str) -> None:
        place, _, query = spec.partition("?")
        self._options = {name: _value(text) for name, text in parse_qsl(query)}
        download = bool(self._options.pop("download", False))
        options = "&".join(part for part in query.split("&") if part and not part.startswith("download="))
        self.spec = f"{place}?{options}" if options else place
        self._name, self._root, self._split = parse(place)
        self._dataset = self._open({"download": True} if download else {})
        count = len(self._dataset)
        if not count:
            raise SourceError(f"{self._name} is empty", "It holds no pictures.", "Choose another split or data set.")
        self.title = " ".join(part for part in (self._name, self._split) if part)
        self.titles = Numbers(self.title, count)
        self.labels, self.classes = _labels(self._dataset, count)
        words = f"{self._name} {self._split} {count} {sorted(self._options.items())}".encode()
        content = content_hash(self._dataset, count, self._root and _absolute(self._root))
        self.fingerprint = hashlib.sha256(words + self.labels.tobytes() + content).hexdigest()[:16]
        try:
            self.read(0)
        except SourceError as error:
            # One picture that is damaged is none of the set's faults.
            if error.then != "go_on":
                raise

    def read(self, index: int) -> UInt8Array:
        """See :meth:`PictureSet.read`."""
        index = self.check_index(index)
        if self._dataset is None:
            self._dataset = self._open({})
        try:
            item = self._dataset[index]
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            raise SourceError(
                f"{self.titles[index]} cannot be read", f"{error}.", "Get the data set again.", "go_on"
            ) from error
        return _picture(item[0] if isinstance(item, tuple) else item, self.title)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_dataset": None}

    def _open(self, more: Mapping[str, Any]) -> Any:
        make = _constructor(self._name)
        parameters = inspect.signature(make).parameters
        arguments = {**self._options, **more}
        if "root" in parameters:
            if not self._root:
                raise SourceError(f"{self.spec} says no folder", f"{self._name} lies in one.", f"Write {_FORM}.")
            arguments["root"] = _absolute(self._root)
        if self._split:
            arguments |= _split_argument(self._name, parameters, self._split)
        try:
            return make(**arguments)
        except (RuntimeError, OSError, ValueError, TypeError, ImportError, KeyError) as error:
            # torchvision's own advice is for programs.
            first = re.sub(r"[.,:;]?\s*(You can )?[Uu]se download=True.*", "", str(error).split("\n")[0]).rstrip(".")
            raise SourceError(
                f"{self._name} cannot be opened",
                f"{first}." if first else f"{type(error).__name__}.",
                "Correct the folder or the split; or, where torchvision can download it, add ?download=1 once.",
                details=repr(error),
            ) from error


def _absolute(folder: str) -> str:
    return os.path.abspath(os.path.expanduser(folder))


class Numbers(Sequence[str]):
    """Titles of pictures that have only numbers."""

    def __init__(self, name: str, count: int) -> None:
        self._name, self._count = name, count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(self._count))]
        if not -self._count <= index < self._count:
            raise IndexError(index)
        return f"{self._name} {index % self._count}"


def parse(spec: str) -> tuple[str, str, str]:
    """Name, root and split of ``torchvision:NAME:ROOT[:SPLIT]``. Raises SourceError where there is no name."""
    name, _, rest = spec.partition(":")[2].partition(":")
    # A colon may be a Windows drive's, and is then followed by a slash or stands behind a single letter.
    root, colon, split = rest.rpartition(":")
    if not colon or not re.fullmatch(r"\w[\w-]*", split) or re.fullmatch(r"[A-Za-z]", root):
        root, split = rest.removesuffix(":"), ""
    if not name:
        raise SourceError(f"{spec} names no data set", "The name is empty.", f"Write {_FORM}.")
    return name, root, split


def _value(text: str) -> Any:
    """An option's number, tuple of numbers, or text."""
    numbers = text.split(",")
    if all(re.fullmatch(r"-?\d+", number) for number in numbers):
        return int(text) if len(numbers) == 1 else tuple(map(int, numbers))
    return text


def _constructor(name: str) -> Any:
    known = {found.casefold(): found for found in datasets.__all__ if inspect.isclass(getattr(datasets, found))}
    found = known.get(name.casefold())
    if found is None:
        near = difflib.get_close_matches(name.casefold(), known, 1)
        cause = f"Did you mean {known[near[0]]}?" if near else "No data set has a name like it."
        raise SourceError(f"torchvision has no data set {name!r}", cause, f"Write {_FORM}.")
    return getattr(datasets, found)


def _split_argument(name: str, parameters: Mapping[str, inspect.Parameter], split: str) -> dict[str, Any]:
    for word in ("split", "image_set"):
        if word in parameters:
            return {word: split}
    if "train" in parameters and split in ("train", "test"):
        return {"train": split == "train"}
    if "train" in parameters:
        raise SourceError(f"{name} has no split {split!r}", "Its splits are train and test.", "Choose one of them.")
    raise SourceError(f"{name} has no splits", f"{split!r} was asked for.", "Leave it out.")


def _labels(dataset: Any, count: int) -> tuple[npt.NDArray[np.int32], tuple[str, ...]]:
    """The labels that the data set holds beside its pictures, and its classes; none where it has other targets."""
    values: Any = next((found for word in _LABELS if (found := getattr(dataset, word, None)) is not None), None)
    if values is None:
        pairs: Any = next((found for word in _PAIRS if (found := getattr(dataset, word, None)) is not None), ())
        values = [pair[1] if isinstance(pair, tuple) and len(pair) == 2 else None for pair in pairs]
    try:
        labels = np.asarray(values)
    except (ValueError, TypeError):
        return no_labels(count), ()
    if labels.shape != (count,) or not np.issubdtype(labels.dtype, np.integer) or labels.min() < -1:
        return no_labels(count), ()
    names: Any = getattr(dataset, "classes", None) or getattr(dataset, "categories", None) or ()
    classes = tuple(", ".join(name) if isinstance(name, tuple) else str(name) for name in names)
    if len(classes) <= labels.max():
        classes = tuple(f"class {index}" for index in range(int(labels.max()) + 1))
    return labels.astype(np.int32), classes


def _picture(value: Any, title: str) -> UInt8Array:
    if isinstance(value, Image.Image):
        return to_rgb(value)
    if isinstance(value, torch.Tensor) and value.dtype == torch.uint8 and value.dim() == 3 and value.shape[0] in (1, 3):
        return np.ascontiguousarray(value.expand(3, -1, -1).permute(1, 2, 0).numpy())
    raise SourceError(
        f"{title} holds no pictures", f"Its items are {type(value).__name__}.", "Choose a data set of pictures."
    )
