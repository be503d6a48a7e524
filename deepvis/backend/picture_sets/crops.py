"""Crops of the sample photographs, for whoever has no pictures at hand."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from PIL import Image

from deepvis.backend.picture_sets.picture_set import PictureSet
from deepvis.backend.sources.pictures import read_picture
from deepvis.backend.sources.samples import samples
from deepvis.backend.sources.source import SourceError
from deepvis.messages import UInt8Array

_TEXTURES = {
    "brick": ("Brick wall", "brick.png"),
    "grass": ("Grass", "grass.png"),
    "gravel": ("Gravel", "gravel.png"),
    "cameraman": ("Cameraman", "camera.png"),
    "coins": ("Coins", "coins.png"),
    "page": ("Printed page", "page.png"),
}
"""Grey pictures of scikit-image: poor samples to look at, good ones for units that answer to textures."""

_SCALES = ((1, 1), (2, 2), (4, 1))
"""(part of the shorter side that a crop's side is, crops a side that overlap)."""

_SMALLEST = 48
"""Pixels below which a crop would show nothing but enlarged pixels."""


class SampleSet(PictureSet):
    """Square crops of the sample photographs at three scales, some hundred, labelled by photograph.

    The whole photograph by its shorter side, halves that overlap by half, and quarters side by side. Since they
    overlap, a scan keeps of every unit the strongest patch of each photograph, and not those of the same place in
    several crops.

    Raises
    ------
    SourceError : scikit-image, which brings the photographs, is not installed.
    """

    spec = "samples:"
    title = "Sample photographs"

    def __init__(self) -> None:
        present = samples()
        folder = next((path.parent for _, path in present.values()), None)
        if folder is None:
            raise SourceError(
                "There are no sample photographs",
                "They come with scikit-image, which is not installed.",
                "Install scikit-image, or choose a folder.",
            )
        photographs = dict(present)
        photographs |= {
            name: (title, folder / file) for name, (title, file) in _TEXTURES.items() if (folder / file).is_file()
        }
        self._paths = [path for _, path in photographs.values()]
        self.classes = tuple(title for title, _ in photographs.values())
        self._crops = [(place, *crop) for place, path in enumerate(self._paths) for crop in _crops(*_size(path))]
        names = list(photographs)
        self.titles = [f"{names[place]}, {side} px at {top}, {left}" for place, top, left, side in self._crops]
        self.labels = np.array([place for place, *_ in self._crops], dtype=np.int32)
        self.photographs = self.labels
        self.fingerprint = hashlib.sha256("\n".join(self.titles).encode()).hexdigest()[:16]
        self._decoded: tuple[int, UInt8Array] | None = None

    def read(self, index: int) -> UInt8Array:
        """See :meth:`PictureSet.read`."""
        place, top, left, side = self._crops[self.check_index(index)]
        # Crops of one photograph follow each other.
        if self._decoded is None or self._decoded[0] != place:
            self._decoded = (place, read_picture(self._paths[place]))
        return np.ascontiguousarray(self._decoded[1][top : top + side, left : left + side])

    def close(self) -> None:
        """See :meth:`PictureSet.close`."""
        self._decoded = None

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_decoded": None}


def _size(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.height, image.width


def _crops(height: int, width: int) -> list[tuple[int, int, int]]:
    """(top, left, side) of each crop of a picture, large ones first."""
    crops: list[tuple[int, int, int]] = []
    for part, overlap in _SCALES:
        side = min(height, width) // part
        if side < _SMALLEST:
            continue
        rows, columns = (max(1, (length - side) * overlap // side + 1) for length in (height, width))
        tops, lefts = (_spread(length - side, count) for length, count in ((height, rows), (width, columns)))
        crops += [(top, left, side) for top in tops for left in lefts]
    return list(dict.fromkeys(crops))


def _spread(room: int, count: int) -> list[int]:
    """``count`` whole numbers from 0 to ``room``, evenly."""
    return [round(place * room / max(count - 1, 1)) for place in range(count)]
