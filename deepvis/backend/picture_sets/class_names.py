"""Which class a picture belongs to, told from the folder that it lies in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

SPLITS = frozenset(("train", "training", "val", "valid", "validation", "test", "testing", "eval"))
"""Names of folders that are parts of a data set, not classes of it."""


def classes_of_folders(folders: Sequence[str]) -> list[str | None]:
    """The class that each folder's pictures belong to, as it is named on the disk; None: none.

    Folders name classes where **every** picture lies in one: of each path, the first folder after those that all
    pictures share, and after ``train``, ``val`` and the like, is the class, whatever lies below it. A single class is
    none.

    Parameters
    ----------
    folders : paths of the folders that hold pictures, with ``/`` between names; "" is the set itself.
    """
    parts = [tuple(part for part in folder.split("/") if part) for folder in folders]
    nothing: list[str | None] = [None] * len(parts)
    for _ in range(max(map(len, parts), default=0)):
        firsts = {path[0] if path else "" for path in parts}
        splits = firsts <= SPLITS | {name.title() for name in SPLITS} | {name.upper() for name in SPLITS}
        if not splits and len(firsts) > 1:
            break
        if "" in firsts and len(firsts) == 1:
            break
        # A split without classes (the test pictures, as a rule) does not make classes of the others' folders less so.
        parts = [path[1:] for path in parts]
        if splits and len(firsts) > 1:
            parts = [path if path and path[0] != "images" else path[1:] for path in parts]
            named: list[str | None] = [path[0] if path else None for path in parts]
            return named if len({name for name in named if name is not None}) > 1 else nothing
    if not all(parts):
        return nothing
    named = [path[0] for path in parts]
    return named if len(set(named)) > 1 else nothing


def labels_of_folders(
    folders: Sequence[str], folder_of: npt.NDArray[np.int32]
) -> tuple[npt.NDArray[np.int32], tuple[str, ...]]:
    """Labels int32 (N,) of pictures, and the classes in the order of their names.

    Parameters
    ----------
    folder_of : int32 (N,) index into ``folders`` of each picture.
    """
    named = classes_of_folders(folders)
    classes = tuple(sorted({name for name in named if name is not None}))
    places = {name: place for place, name in enumerate(classes)}
    by_folder = np.array([-1 if name is None else places[name] for name in named], dtype=np.int32)
    labels = by_folder[folder_of] if len(folder_of) else np.zeros(0, dtype=np.int32)
    return labels, classes
