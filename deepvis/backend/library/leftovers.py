"""What scans that were ended left among the libraries, and nobody would ever take up."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

from deepvis.backend.file_lock import FileLock, long_untouched
from deepvis.backend.library.lock import LOCK
from deepvis.backend.library.manifest import MANIFEST
from deepvis.backend.library.state import STATE_NAME
from deepvis.backend.library.writer import HALF_WRITTEN, OWN_NAME


def clear_leftovers(place: Path) -> None:
    """Remove from a folder of libraries what was left half-written, and libraries that were ended before they began.

    Only what nobody has touched for a day, while the library's lock can be had: a process that shares a scan, and holds
    no lock itself, may still be writing. Folders that hold anything else are left as they are.
    """
    try:
        folders = [each for each in place.iterdir() if each.is_dir() and not each.is_symlink()]
    except OSError:
        return
    for folder in folders:
        with contextlib.suppress(OSError):
            if _leftovers(folder):
                _clear(folder)


def _leftovers(folder: Path) -> list[Path]:
    """What may go: all of a library that never began, or what is half-written of another."""
    names = os.listdir(folder)
    if LOCK not in names:
        return []
    if MANIFEST in names:
        return [folder / name for name in names if HALF_WRITTEN.fullmatch(name)]
    own = all(
        name == LOCK or OWN_NAME.fullmatch(name) or HALF_WRITTEN.fullmatch(name) or STATE_NAME.fullmatch(name)
        for name in names
    )
    return [folder / name for name in names] if own else []


def _clear(folder: Path) -> None:
    lock = FileLock(folder / LOCK, make=False)
    try:
        if not lock.take():
            return
        # Only now nobody else changes it.
        found = _leftovers(folder)
        if not found or not long_untouched(*found):
            return
        for path in found:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            elif path.name != LOCK:
                path.unlink(missing_ok=True)
        if folder / LOCK in found:
            lock.release(remove=True)
            folder.rmdir()
    finally:
        lock.release()
