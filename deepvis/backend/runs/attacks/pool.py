"""The pictures that a sticker is trained on, read one by one while the training goes on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from deepvis.backend.network import Network
from deepvis.backend.runs.attacks.subject import Subject
from deepvis.backend.sources.album import pictures_in
from deepvis.backend.sources.pictures import read_picture
from deepvis.backend.sources.samples import samples
from deepvis.backend.sources.source import SourceError
from deepvis.messages import UInt8Array

_MOST = 200
"""Pictures of a folder that are used, evenly spread over it."""
_LARGER = 1.25
"""How much larger than the input a picture is kept, so that there is more than one crop to draw from it."""


class Pool:
    """The picture under attack, and the sample photographs or those of a folder.

    Parameters
    ----------
    subject : the picture under attack; it is the first.
    folder : whose pictures are used; None: the sample photographs.

    Attributes
    ----------
    left_out : how many files could not be read.

    Raises ValueError for a folder that does not exist or has no pictures.
    """

    def __init__(self, subject: Subject, folder: str | None) -> None:
        self._net: Network = subject.net
        self._size = subject.size
        self._crops: list[UInt8Array] = [subject.levels]
        self._wide: list[UInt8Array] = [subject.levels]
        self._classes = [int(subject.logits[0].argmax())]
        self._waiting = _paths(folder)
        self.left_out = 0

    def __len__(self) -> int:
        return len(self._crops)

    def read_one(self) -> None:
        """Read one more picture, if there is one."""
        path = next(self._waiting, None)
        if path is None:
            return
        try:
            image = read_picture(path)
        except SourceError:
            self.left_out += 1
            return
        preprocessing = self._net.preprocessing
        larger = (round(self._size[0] * _LARGER), round(self._size[1] * _LARGER))
        self._wide.append(preprocessing.at(larger).pixels(image).numpy())
        crop = preprocessing.at(self._size).pixels(image)
        self._crops.append(crop.numpy())
        x = preprocessing.normalise(crop.to(self._net.device))[None]
        self._classes.append(int(self._net.forward(x)[0].argmax()))

    def draw(self, count: int, generator: torch.Generator) -> tuple[UInt8Array, list[int]]:
        """The first picture as it is and random crops of the others, some mirrored; uint8 (count, c, h, w), and their
        classes."""
        h, w = self._size
        pictures, classes = [self._crops[0]], [self._classes[0]]
        for _ in range(count - 1):
            which, row, column, mirrored = torch.rand(4, generator=generator).tolist()
            index = int(which * len(self))
            wide = self._wide[index]
            top, left = int(row * (wide.shape[1] - h + 1)), int(column * (wide.shape[2] - w + 1))
            crop = wide[:, top : top + h, left : left + w]
            pictures.append(crop[:, :, ::-1] if mirrored < 0.5 else crop)
            classes.append(self._classes[index])
        return np.stack(pictures), classes

    def plain(self, first: int, count: int) -> tuple[UInt8Array, list[int]]:
        """``count`` pictures as the network sees them, in turn from the number ``first`` on, and their classes."""
        indices = [(first + offset) % len(self) for offset in range(count)]
        return np.stack([self._crops[index] for index in indices]), [self._classes[index] for index in indices]


def _paths(folder: str | None) -> Iterator[Path | bytes]:
    if folder is None:
        return iter([path for _, path in samples().values()])
    place = Path(folder).expanduser()
    if not place.is_dir():
        raise ValueError(f"folder {folder!r} does not exist or is no folder; name one with pictures, or leave it out")
    entries = pictures_in(place)
    if not entries:
        raise ValueError(f"folder {folder!r} has no pictures; name another, or leave it out for the sample photographs")
    spread = range(0, len(entries), -(-len(entries) // _MOST))
    return iter([entries[index].content for index in spread])
