"""What every set of pictures is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from deepvis.backend.sources.source import SourceError
from deepvis.messages import UInt8Array

Progress = Callable[[int], None]
"""Called now and then with the number of pictures found so far; what it raises ends the search."""


class NoPicturesError(SourceError):
    """A folder or a zip can be read, and holds no pictures."""


class PictureSet(ABC):
    """Pictures in a fixed order, each read when it is asked for.

    A set can be pickled; each process that reads from it opens its own files. One thread at a time.

    Attributes
    ----------
    spec : text that opens the set again; empty for pictures that are only in memory.
    title : for a person.
    titles : one a picture: its path within the set with ``/`` between folders, its time in the video, or its number.
        Characters that cannot be printed are escaped.
    labels : int32 (N,) indices into ``classes``; -1 where a picture has none.
    classes : names of the classes, empty where the set names none.
    photographs : int32 (N,), of which photograph each picture is a crop; None: each is a photograph of its own.
    fingerprint : sixteen hexadecimal digits that change when pictures are added, removed, renamed or of another size.
    notes : sentences about what was left out, such as folders that may not be read.
    """

    spec: str = ""
    title: str = ""
    titles: Sequence[str] = ()
    labels: npt.NDArray[np.int32] = np.zeros(0, dtype=np.int32)
    classes: tuple[str, ...] = ()
    photographs: npt.NDArray[np.int32] | None = None
    fingerprint: str = ""
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.titles)

    @abstractmethod
    def read(self, index: int) -> UInt8Array:
        """Picture ``index`` as uint8 (H, W, 3) RGB, upright, at most 4,096 pixels on the longer side.

        Raises
        ------
        SourceError : the picture cannot be read. IndexError : there is no such picture.
        """

    def check(self) -> None:
        """Raise SourceError where the set as a whole is gone or has changed, so that no single picture is to blame."""
        return

    def close(self) -> None:
        """Let go of open files; they are opened again where they are needed. May be called more than once."""
        return

    def check_index(self, index: int) -> int:
        """``index``, counted from the end where it is negative. Raises IndexError out of range."""
        if not -len(self) <= index < len(self):
            raise IndexError(f"the set has {len(self)} pictures, 0 to {len(self) - 1}; there is no picture {index}")
        return index % len(self)


def no_labels(count: int) -> npt.NDArray[np.int32]:
    """Labels of a set that names no classes."""
    return np.full(count, -1, dtype=np.int32)
