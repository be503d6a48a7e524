"""Arrays with a row for each picture, written row by row into files of their full length.

A row depends on its picture alone, so it may be written twice, and by any process: after a kill the rows of blocks that
no state knows of are simply written again. Nothing of them stays in memory.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from deepvis.backend.atomic_file import explained
from deepvis.backend.library.arrays import read_array
from deepvis.backend.library.errors import LibraryError
from deepvis.backend.library.manifest import Manifest

THUMBNAIL = 48
"""Side of a thumbnail in pixels."""

Shapes = Mapping[str, tuple[tuple[int, ...], npt.DTypeLike]]


def row_shapes(manifest: Manifest, sample: int) -> dict[str, tuple[tuple[int, ...], npt.DTypeLike]]:
    """Shape and type of each file by name; ``sample`` is the number of pictures for correlations."""
    total = manifest.total
    shapes: dict[str, tuple[tuple[int, ...], npt.DTypeLike]] = {
        "predicted": ((total,), np.int32),
        "probability": ((total,), np.float32),
        "sizes": ((total, 2), np.int32),
        "sample_maxima": ((sample, manifest.units), np.float32),
    }
    if manifest.feature_size:
        shapes["features"] = ((total, manifest.feature_size), np.float32)
    if manifest.thumbnails:
        shapes["thumbnails"] = ((total, THUMBNAIL, THUMBNAIL, 3), np.uint8)
    return shapes


def bytes_of(shapes: Shapes) -> int:
    """Room that the files take when all rows are written."""
    return sum(int(np.prod(shape, dtype=np.int64)) * np.dtype(kind).itemsize for shape, kind in shapes.values())


def make_rows(folder: Path, shapes: Shapes) -> None:
    """Make the files that are not there yet, with rows of zeros that take no room. Raises ExportError."""
    for name, (shape, kind) in shapes.items():
        path = folder / f"{name}.npy"
        if path.exists():
            continue
        part = path.with_name(f".{path.name}.part")
        with explained(path):
            with part.open("wb") as file:
                offset = _write_header(file, shape, np.dtype(kind))
                file.truncate(offset + bytes_of({name: (shape, kind)}))
            os.replace(part, path)


def _write_header(file: BinaryIO, shape: tuple[int, ...], kind: np.dtype[Any]) -> int:
    header = {"descr": npy.dtype_to_descr(kind), "fortran_order": False, "shape": shape}
    npy.write_array_header_1_0(file, header)
    return file.tell()


class RowFiles:
    """The files of :func:`make_rows`, open for writing. Several processes may write different rows at once.

    Raises
    ------
    LibraryError : one of them is not there any more, or is damaged. ExportError : one cannot be written.
    """

    def __init__(self, folder: Path, shapes: Shapes) -> None:
        self._files: dict[str, BinaryIO] = {}
        self._rows: dict[str, tuple[int, int, np.dtype[Any], tuple[int, ...]]] = {}
        try:
            for name, (shape, kind) in shapes.items():
                self._open(folder / f"{name}.npy", name, shape, np.dtype(kind))
        except BaseException:
            self.close()
            raise

    def _open(self, path: Path, name: str, shape: tuple[int, ...], kind: np.dtype[Any]) -> None:
        try:
            read_array(path, shape, kind, mapped=True)
        except (FileNotFoundError, ValueError) as error:
            raise LibraryError(
                f"{path.parent} cannot be gone on with", f"{path.name}: {error}", "begin it anew with --restart"
            ) from error
        except OSError:
            pass  # Opening it says what is wrong.
        with explained(path):
            file = self._files[name] = path.open("r+b", buffering=0)
            npy.read_magic(file)
            npy.read_array_header_1_0(file)
        self._rows[name] = (file.tell(), bytes_of({name: (shape[1:], kind)}), kind, shape)

    def write(self, name: str, first: int, rows: npt.NDArray[Any]) -> None:
        """Write rows from ``first`` on. Raises ExportError."""
        offset, size, kind, shape = self._rows[name]
        if rows.shape[1:] != shape[1:] or first + len(rows) > shape[0]:
            raise ValueError(f"rows {rows.shape} from {first} on do not fit {name} {shape}")
        data = memoryview(np.ascontiguousarray(rows, kind).tobytes())
        file = self._files[name]
        with explained(Path(file.name)):
            file.seek(offset + first * size)
            while len(data):
                data = data[file.write(data) :]

    def flush(self) -> None:
        """Make what was written safe from a power cut. Raises ExportError."""
        for file in self._files.values():
            with explained(Path(file.name)):
                os.fsync(file.fileno())

    def close(self) -> None:
        """Close the files."""
        for file in self._files.values():
            file.close()
