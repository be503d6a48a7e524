"""What belongs to a map that is being written: told apart from what a process that was ended left behind."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
from pathlib import Path

from deepvis.backend.file_lock import FileLock, long_untouched

_NAME = re.compile(r"\.(?P<map>.+)\.(?P<token>[0-9a-f]{8})\.(part|old|lock)")


class Unfinished:
    """A map on its way to its place: written in ``part``, while the earlier one, if any, lies in ``old`` for a moment.

    As long as it is under way a lock is held that ends with the process, however that ends.

    Parameters
    ----------
    target : where the map will lie. Its parent must be there.

    Raises ``OSError``, as the system does.
    """

    def __init__(self, target: Path) -> None:
        self.target = target
        while True:
            token = secrets.token_hex(4)
            self.part, self.old = (_place(target.parent, target.name, token, ending) for ending in ("part", "old"))
            self._lock = FileLock(_place(target.parent, target.name, token, "lock"))
            if self._lock.take() is not False:
                break
            # Somebody who clears up was quicker.
            self._lock.release()
        try:
            self.part.mkdir()
        except OSError:
            self._lock.release(remove=True)
            raise

    def commit(self) -> None:
        """Put it in its place. Raises ``OSError``."""
        if self.target.exists():
            os.replace(self.target, self.old)
        os.replace(self.part, self.target)

    def end(self) -> None:
        """Leave nothing behind but the map: the new one, or the earlier one where it was not committed."""
        _clear(self.target, self.part, self.old)
        self._lock.release(remove=True)


def clear_unfinished(maps: Path) -> None:
    """Remove from a folder of maps what processes that were ended left there; nothing that a living one writes.

    An earlier map that was put aside for a newer one, which never came, is put back. What has no lock (of an older
    version, or where the file system knows none) goes when it was not touched for a day.
    """
    try:
        names = os.listdir(maps)
    except OSError:
        return
    for name, token in sorted({(found["map"], found["token"]) for each in names if (found := _NAME.fullmatch(each))}):
        part, old, lock = (_place(maps, name, token, ending) for ending in ("part", "old", "lock"))
        held: FileLock | None = None
        with contextlib.suppress(OSError):
            held = FileLock(lock, make=False)
        taken = None if held is None else held.take()
        if taken or (taken is None and long_untouched(part, old, lock)):
            _clear(maps / name, part, old)
            if held is None:
                continue
            held.release(remove=True)
        elif held is not None:
            held.release()


def _place(maps: Path, name: str, token: str, ending: str) -> Path:
    return maps / f".{name}.{token}.{ending}"


def _clear(target: Path, part: Path, old: Path) -> None:
    if old.exists() and not target.exists():
        with contextlib.suppress(OSError):
            os.replace(old, target)
    for path in (part, old):
        shutil.rmtree(path, ignore_errors=True)
