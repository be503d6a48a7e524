"""Files that the program writes: pictures, arrays, figures and films, whole or not at all, with their provenance."""

from __future__ import annotations

import json
import math
import os
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from deepvis.backend.atomic_file import ExportError, StrPath, atomic
from deepvis.backend.film import GifWriter, VideoWriter, to_rgb, write_gif
from deepvis.messages import UInt8Array

__all__ = ["ExportError", "GifWriter", "VideoWriter", "to_rgb", "write_gif", "write_json", "write_npz", "write_png"]


def write_png(path: StrPath, picture: UInt8Array, metadata: Mapping[str, str] | None = None) -> None:
    """Write a picture as PNG.

    Parameters
    ----------
    picture : uint8 (H, W, 3) RGB or (H, W, 4) BGRX.
    metadata : text chunks by keyword (1 to 79 Latin-1 characters, such as ``Software``), for the provenance.

    Raises
    ------
    ExportError, ValueError
    """
    image = Image.fromarray(to_rgb(picture))
    info = PngInfo()
    for key, text in (metadata or {}).items():
        if not 1 <= len(key) <= 79 or not key.isprintable() or key.encode("latin-1", "ignore").decode("latin-1") != key:
            raise ValueError(f"a PNG keyword has 1 to 79 Latin-1 characters; not {key!r}")
        info.add_itxt(key, text) if not text.isascii() else info.add_text(key, text)
    with atomic(path) as file:
        image.save(file, "PNG", pnginfo=info, compress_level=4)


def write_npz(path: StrPath, arrays: Mapping[str, npt.ArrayLike]) -> None:
    """Write arrays as a compressed npz, which ``numpy.load`` reads; any text may be a name.

    Raises
    ------
    ExportError
    ValueError
        For arrays of Python objects, which could only be read by trusting the file.
    """
    prepared = {name: np.asanyarray(array) for name, array in arrays.items()}
    for name, array in prepared.items():
        if array.dtype.hasobject:
            raise ValueError(f"the array {name!r} holds Python objects; only numbers and text can be saved")
    with atomic(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in prepared.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, array, allow_pickle=False)


def write_json(path: StrPath, content: Any) -> None:
    """Write JSON, UTF-8, indented. Arrays become lists, values that are not finite become null, paths become text.

    Raises
    ------
    ExportError
    TypeError
        For what has no form in JSON.
    """
    text = json.dumps(_plain(content), indent=2, ensure_ascii=False, allow_nan=False)
    with atomic(path) as file:
        file.write(text.encode("utf-8") + b"\n")


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return os.fspath(value) if isinstance(value, os.PathLike) else value
