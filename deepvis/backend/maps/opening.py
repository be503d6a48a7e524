"""A map from the disk with all that is shown of it, and what places new points in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from deepvis.backend.maps.features import map_pictures
from deepvis.backend.maps.placing import Placer
from deepvis.backend.maps.store import MapError, read_array, read_info, read_space
from deepvis.messages import FloatArray, MapContent

if TYPE_CHECKING:
    from deepvis.backend.library import Library


@dataclass(frozen=True, slots=True, eq=False)
class OpenMap:
    """A map that was opened.

    Attributes
    ----------
    content : what is shown.
    library : to which it belongs.
    indices : int32 (N,), the pictures of the library that are in it.
    """

    content: MapContent
    library: Library
    indices: npt.NDArray[np.int32]

    def placer(self) -> Placer:
        """What places new points; takes a moment to make. Raises MapError."""
        folder = Path(self.content.info.folder)
        own = (folder / "features.npy").exists()
        features: FloatArray = (
            np.array(read_array(folder, "features"))
            if own
            else np.asarray(self.library.features)[self.indices].astype(np.float32)
        )
        return Placer(features, self.content.points, read_space(folder))


def open_map(folder: str | Path, library: Library | None = None) -> OpenMap:
    """Open a map.

    Parameters
    ----------
    library : the library that it belongs to, where that is open already.

    Raises
    ------
    MapError : there is no map, it is damaged, or its library is another one now. LibraryError : it cannot be read.
    """
    from deepvis.backend.library import Library

    folder = Path(folder)
    info = read_info(folder)
    points = np.array(read_array(folder, "points"), np.float32)
    spread = np.array(read_array(folder, "spread"), np.float32)
    indices = np.array(read_array(folder, "indices"), np.int32)
    library = library if library is not None else Library(info.library)
    title = f"the map of {info.title} cannot be opened"
    if len(points) != len(indices) or len(points) != len(spread):
        raise MapError(title, "its files do not fit each other", "make the map again")
    if library.created > info.created:
        raise MapError(title, "its library was made anew since", "make the map again")
    if library.network_hash != info.network_hash:
        raise MapError(title, "its library was made anew with another network", "make the map again")
    if len(indices) and (int(indices.max()) >= library.total or not bool(library.valid[indices].all())):
        raise MapError(title, "its library holds other pictures now", "make the map again")
    return OpenMap(MapContent(info, map_pictures(library, indices), points, spread), library, indices)
