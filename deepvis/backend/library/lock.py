"""One writer for each library."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from deepvis.backend.atomic_file import explained
from deepvis.backend.file_lock import FileLock
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
            self._lock = FileLock(path)
        file = self._lock.file
        if self._lock.take() is False:
            file.seek(0)
            owner = file.read().decode(errors="replace").strip() or "another process"
            self._lock.release()
            raise LibraryError(
                f"{folder} is being written",
                f"{owner} scans into it",
                "wait until it is done or end it, or name another folder",
            )
        with explained(path):
            file.truncate(0)
            file.write(f"process {os.getpid()} on {socket.gethostname()}".encode())
            file.flush()

    def release(self) -> None:
        """Let others write."""
        self._lock.release()
