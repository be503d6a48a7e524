"""A file that one process at a time can hold, and that the system takes from a process that ends."""

from __future__ import annotations

import contextlib
import errno
import sys
import time
from pathlib import Path
from typing import BinaryIO

_STALE = 24 * 3600.0


class FileLock:
    """A lock on a file, which is made where it is not there. Two of one process keep each other out as well.

    Parameters
    ----------
    path : of the file.
    make : False: FileNotFoundError where there is none.

    Raises ``OSError``, as the system does.
    """

    def __init__(self, path: Path, *, make: bool = True) -> None:
        self._path = path
        self.file: BinaryIO = path.open("a+b" if make else "r+b")

    def take(self) -> bool | None:
        """Hold it from now on: True; False where another has it; None where the file system knows no locks, as those of
        some clusters, and nothing is kept apart."""
        return _take(self.file)

    def release(self, *, remove: bool = False) -> None:
        """Let others have it; ``remove``: the file goes as well."""
        if remove and sys.platform != "win32":
            # While it is held, so that nobody else's is removed.
            self._remove()
        with contextlib.suppress(OSError):
            self.file.close()
        if remove and sys.platform == "win32":
            self._remove()

    def _remove(self) -> None:
        with contextlib.suppress(OSError):
            self._path.unlink()


def long_untouched(*paths: Path) -> bool:
    """Whether nothing of what is there, folders' files included, was written for a day: what no lock tells of is left
    alone until then."""
    latest = 0.0
    for path in paths:
        for each in (path, *(path.iterdir() if path.is_dir() else ())):
            with contextlib.suppress(FileNotFoundError):
                latest = max(latest, each.stat().st_mtime)
    return time.time() - latest > _STALE


if sys.platform == "win32":
    import msvcrt

    def _take(file: BinaryIO) -> bool | None:
        # Far behind any text, which others may still read.
        file.seek(1 << 20)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _take(file: BinaryIO) -> bool | None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            # All others say that there are no locks here, and not that another has this one.
            return False if error.errno in (errno.EWOULDBLOCK, errno.EACCES) else None
        return True
