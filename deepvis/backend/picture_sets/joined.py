"""Several zips as one set."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from deepvis.backend.picture_sets.archive import ZipSet
from deepvis.backend.picture_sets.class_names import label
from deepvis.backend.picture_sets.names import PictureNames
from deepvis.backend.picture_sets.picture_set import NoPicturesError, PictureSet, Progress
from deepvis.messages import UInt8Array


class JoinedZips(PictureSet):
    """The zips of a folder, one after the other, as if all were unpacked into one place.

    Data sets come in parts for the sake of downloads (``train-0.zip``, ``train-1.zip``): the folders in them name the
    same classes.

    Parameters
    ----------
    folder : their folder, whose path is the set's spec.
    paths : the zips, in order.

    Raises
    ------
    SourceError : as :class:`ZipSet`, for the first one that cannot be opened; zips without pictures are left out, and
    there must be one with some.
    """

    def __init__(self, folder: Path, paths: Sequence[Path], progress: Progress | None = None) -> None:
        self.spec = os.path.abspath(folder)
        self._zips: list[ZipSet] = []
        without: list[NoPicturesError] = []
        for path in paths:
            try:
                self._zips.append(ZipSet(path, progress))
            except NoPicturesError as error:
                without.append(error)
        if not self._zips:
            raise without[0]
        self.title = f"{Path(self.spec).name} ({len(self._zips)} zip{'s' if len(self._zips) > 1 else ''})"
        self.notes = (
            *(f"{error.title} and was left out." for error in without),
            *(note for part in self._zips for note in part.notes),
        )
        self.titles = PictureNames.joined([(part.title, part.names) for part in self._zips])
        merged = PictureNames.joined([("", part.names) for part in self._zips])
        annotations = {folder: table for part in self._zips for folder, table in part.annotations.items()}
        self.labels, self.classes = label(merged, annotations, self._zips[0].near)
        sizes = np.concatenate([part.sizes for part in self._zips])
        self.fingerprint = self.titles.fingerprint(sizes)
        self._ends = np.cumsum([len(part) for part in self._zips])

    def read(self, index: int) -> UInt8Array:
        """See :meth:`PictureSet.read`."""
        index = self.check_index(index)
        place = int(np.searchsorted(self._ends, index, side="right"))
        return self._zips[place].read(index - int(self._ends[place] - len(self._zips[place])))

    def check(self) -> None:
        """See :meth:`PictureSet.check`."""
        for part in self._zips:
            part.check()

    def close(self) -> None:
        """See :meth:`PictureSet.close`."""
        for part in self._zips:
            part.close()
