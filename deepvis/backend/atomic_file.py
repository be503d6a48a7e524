"""Files that appear whole or not at all: written beside their place, made safe, renamed."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

StrPath = str | os.PathLike[str]


class ExportError(Exception):
    """A file could not be written; nothing of it stays. ``title``, ``cause`` and ``remedy`` are for a person."""

    def __init__(self, title: str, cause: str, remedy: str) -> None:
        super().__init__(f"{title}: {cause} {remedy}")
        self.title = title
        self.cause = cause
        self.remedy = remedy


class AtomicFile:
    """A file that is written beside its place and appears there, whole, when it is committed.

    Attributes
    ----------
    path : where it will be.
    part : where it is written; in the same folder, for renaming works within one file system only.
    """

    def __init__(self, path: StrPath) -> None:
        # A link is followed, so that it is its target that is replaced.
        self.path = Path(os.path.realpath(path))
        self.part = self.path.with_name(f".{self.path.name[:80]}.{secrets.token_hex(4)}.part")
        with explained(self.path):
            if self.path.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(self.path))
            # Made by os.open for the permissions that the person's umask gives to every new file.
            os.close(os.open(self.part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))

    def commit(self) -> None:
        """Put it in its place, safe from a power cut. Raises ``OSError``."""
        with self.part.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(self.part, self.path)

    def discard(self) -> None:
        """Remove what was written."""
        with contextlib.suppress(OSError):
            self.part.unlink()


@contextlib.contextmanager
def atomic(path: StrPath) -> Iterator[BinaryIO]:
    """Open a file for writing in binary; it is put in its place at the end, or removed after an exception.

    Raises
    ------
    ExportError
        Where the system refuses: disk full, no permission, no such folder.
    """
    target = AtomicFile(path)
    with explained(target.path):
        try:
            with target.part.open("wb") as file:
                yield file
            target.commit()
        except BaseException:
            target.discard()
            raise


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn the system's errors into :class:`ExportError`."""
    try:
        yield
    except OSError as error:
        raise _explanation(path, error) from error


def _explanation(path: Path, error: OSError) -> ExportError:
    title = f"{path.name} was not saved"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ExportError(title, "The disk is full.", "Free some room or choose another disk, and save again.")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return ExportError(title, f"Writing into {path.parent} is not allowed.", "Choose another folder.")
    if error.errno in (errno.ENOENT, errno.ENOTDIR) and not path.parent.is_dir():
        return ExportError(title, f"The folder {path.parent} does not exist.", "Create it, or choose another folder.")
    if error.errno == errno.EISDIR:
        return ExportError(title, f"{path} is a folder.", "Choose another name.")
    return ExportError(title, f"{error.strerror or error}.", "Choose another place, and save again.")
