"""Arrays on the disk, looked at before they are believed: disks fill up, copies break off, power goes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt


def read_array(path: Path, shape: tuple[int, ...], kind: npt.DTypeLike, *, mapped: bool) -> Any:
    """An array of this shape and type from a .npy file; ``mapped``: it stays on the disk and cannot be written.

    Raises OSError as the system does (FileNotFoundError where there is no such file), and ValueError for a file that is
    empty, breaks off, or holds something else.
    """
    try:
        found = np.load(path, mmap_mode="r" if mapped else None, allow_pickle=False)
    except EOFError as error:
        raise ValueError("it is empty") from error
    if not isinstance(found, np.ndarray) or found.shape != shape or found.dtype != np.dtype(kind):
        told = f"{found.dtype} {found.shape}" if isinstance(found, np.ndarray) else "an archive"
        raise ValueError(f"it is {told} and not {np.dtype(kind)} {shape}")
    return found
