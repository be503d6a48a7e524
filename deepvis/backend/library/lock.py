"""One writer for each library."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import sys
from pathlib import Path
from typing import BinaryIO

from deepvis.backend.atomic_file import explained
from deepvis.backend.library.errors import LibraryError

LOCK = ".writer.lock"


class WriterLock:
    """Held from the making to :meth:`release`; the system gives it back when the process ends, however it ends.

    Where the file system knows no locks (some of clusters), nothing keeps two writers apart.

    Raises
    ------
    LibraryError : another process, or another scan of this one, writes this library.
    ExportError : the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / LOCK
        with explained(path):
            self._file: BinaryIO = path.open("a+b")
        if not _try_lock(self._file):
            self._file.seek(0)
            owner = self._file.read().decode(errors="replace").strip() or "another process"
            self._file.close()
            raise LibraryError(
                f"{folder} is being written",
                f"{owner} scans into it",
                "wait until it is done or end it, or name another folder",
            )
        with explained(path):
            self._file.truncate(0)
            self._file.write(f"process {os.getpid()} on {socket.gethostname()}".encode())
            self._file.flush()

    def release(self) -> None:
        """Let others write."""
        with contextlib.suppress(OSError):
            self._file.close()


if sys.platform == "win32":
    import msvcrt

    def _try_lock(file: BinaryIO) -> bool:
        # Far behind the text, which others may still read.
        file.seek(1 << 20)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try_lock(file: BinaryIO) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            # All others say that there are no locks here, and not that another has this one.
            return error.errno not in (errno.EWOULDBLOCK, errno.EACCES)
        return True
