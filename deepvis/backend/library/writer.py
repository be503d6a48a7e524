"""The write side of a library: begun, continued, checkpointed."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deepvis.backend.atomic_file import atomic, explained
from deepvis.backend.library.arrays import read_array
from deepvis.backend.library.errors import LibraryError
from deepvis.backend.library.lock import LOCK, WriterLock
from deepvis.backend.library.manifest import MANIFEST, Manifest, is_library, read_manifest, write_manifest
from deepvis.backend.library.rows import RowFiles, bytes_of, make_rows, row_shapes
from deepvis.backend.library.sample import sample_of
from deepvis.backend.library.state import STATE_NAME, State, clear_away, current_states, load_state, remove_states

if TYPE_CHECKING:
    from deepvis.backend.picture_sets import PictureSet
    from deepvis.backend.preprocessing import Preprocessing

_SHORTEST = 5.0
"""Seconds between two checkpoints at least; the first comes after half of it."""
_SHARE = 0.02
"""Of the time, that checkpoints may take."""
_ROOM = 64 * 2**20
"""Bytes that must stay free beside what the library needs."""
_REMEDY = "name another folder, or begin it anew with deepvis scan … --restart"
_FILES = (
    *("titles.json", MANIFEST, "labels.npy", "sample.npy"),
    *(f"{name}.npy" for name in ("predicted", "probability", "sizes", "sample_maxima", "features", "thumbnails")),
)
OWN_NAME = re.compile("|".join(rf"{re.escape(name)}|\.{re.escape(name)}(\.\w+)?\.part" for name in _FILES))
"""Names of a library's files, finished or not; all others are somebody's own."""
HALF_WRITTEN = re.compile(
    "|".join(rf"\.{re.escape(name)}(\.\w+)?\.part" for name in _FILES) + rf"|\.{STATE_NAME.pattern}\.(part|old)"
)
"""Names of what a library's files and states are called until they are finished, or after they were replaced."""


def begin(folder: Path, manifest: Manifest, pictures: PictureSet, *, restart: bool) -> tuple[WriterLock, Manifest]:
    """Begin a library in a folder, or take up the one that lies there.

    Parameters
    ----------
    folder : is made where it is not there.
    manifest : of the scan that is wanted.
    restart : remove the library that lies there.

    Returns
    -------
    The lock, to be released, and the manifest that holds: where a library is continued it is that library's, whose
    scales and number format go on.

    Raises
    ------
    LibraryError : another scan writes it, it was made of something else or otherwise, there is too little room, or the
        folder holds other things.
    ExportError : the folder cannot be written.
    """
    with explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / MANIFEST).exists():
            strange = not is_library(folder)
        else:
            strange = not (folder / LOCK).exists() and any(folder.iterdir())
    if strange:
        raise LibraryError(f"{folder} cannot hold a library", "it holds other files", "name a new or an empty folder")
    lock = WriterLock(folder)
    try:
        if restart:
            _remove(folder)
        if (folder / MANIFEST).exists():
            there = read_manifest(folder)
            _compare(folder, there, manifest)
            _compare_labels(folder, there, pictures)
            clear_away(folder)
            return lock, there
        _remove(folder)
        _make(folder, manifest, pictures)
    except BaseException:
        lock.release()
        raise
    return lock, manifest


def _make(folder: Path, manifest: Manifest, pictures: PictureSet) -> None:
    sample = sample_of(manifest.total)
    shapes = row_shapes(manifest, len(sample))
    _check_room(folder, manifest, bytes_of(shapes))
    with atomic(folder / "titles.json") as file:
        file.write(json.dumps(list(pictures.titles)).encode())
    for name, array in (("labels", np.asarray(pictures.labels, np.int32)), ("sample", sample)):
        with atomic(folder / f"{name}.npy") as file:
            np.save(file, array, allow_pickle=False)
    make_rows(folder, shapes)
    # Last: where it lies, everything lies.
    write_manifest(manifest, folder)


def _check_room(folder: Path, manifest: Manifest, rows: int) -> None:
    state = State.empty(manifest)
    # A new state is written before the old one is removed.
    needed = rows + 2 * state.size + _ROOM
    with explained(folder):
        free = shutil.disk_usage(folder).free
    if needed > free:
        raise LibraryError(
            f"{folder} has too little room",
            f"the library needs {_amount(needed)} and {_amount(free)} are free",
            "choose another disk, fewer layers, or leave out features and thumbnails (--no-features, --no-thumbnails)",
        )


def _amount(size: int) -> str:
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size / 2**20:.0f} MiB"


def _compare(folder: Path, there: Manifest, wanted: Manifest) -> None:
    """Raise LibraryError for the first thing in which two scans differ."""
    title, remedy = f"{folder} holds another scan", _REMEDY
    if there.network_hash != wanted.network_hash:
        names = [f"{each.network_name!r} ({each.network_hash})" for each in (there, wanted)]
        raise LibraryError(title, f"it was made with the network {names[0]}, and this scan has {names[1]}", remedy)
    if there.total == wanted.total and there.set_fingerprint != wanted.set_fingerprint:
        raise LibraryError(title, "the pictures of the set were changed, renamed or exchanged since", remedy)
    pairs: list[tuple[str, Any, Any]] = [
        ("number of pictures", there.total, wanted.total),
        *_preprocessings(there.preprocessing, wanted.preprocessing),
        ("fit", there.fit, wanted.fit),
        ("layers", _names(there), _names(wanted)),
        ("patches a unit", there.top, wanted.top),
        ("features from", there.feature_layer or "nowhere", wanted.feature_layer or "nowhere"),
        ("thumbnails", there.thumbnails, wanted.thumbnails),
        ("precision", there.options.get("precision"), wanted.options.get("precision")),
        ("pictures at once", there.options.get("batch"), wanted.options.get("batch")),
    ]
    for what, old, new in pairs:
        if old != new:
            raise LibraryError(title, f"its {what}: {old}; of this scan: {new}", remedy)


def _preprocessings(there: Preprocessing, wanted: Preprocessing) -> list[tuple[str, Any, Any]]:
    """The parts of how pictures are prepared, by a person's name for each."""
    old, new = (" × ".join(map(str, each.size)) + " px" for each in (there, wanted))
    others = [part.name for part in fields(there) if part.name != "size"]
    return [
        ("input size", old, new),
        *((name.replace("_", " "), getattr(there, name), getattr(wanted, name)) for name in others),
    ]


def _compare_labels(folder: Path, there: Manifest, pictures: PictureSet) -> None:
    """Raise LibraryError where the pictures belong to other classes than those that were counted so far."""
    try:
        before = read_array(folder / "labels.npy", (there.total,), np.int32, mapped=False)
    except (OSError, ValueError) as error:
        raise LibraryError(f"{folder} cannot be gone on with", f"labels.npy: {error}", _REMEDY) from error
    if len(there.classes) != len(pictures.classes) or not np.array_equal(before, pictures.labels):
        raise LibraryError(f"{folder} holds another scan", "its pictures belonged to other classes", _REMEDY)


def _names(manifest: Manifest) -> str:
    names = [layer.name for layer in manifest.layers]
    return ", ".join(names) if len(names) <= 8 else f"{', '.join(names[:3])} … {names[-1]} ({len(names)})"


def _remove(folder: Path) -> None:
    """Remove the library in a folder, and nothing else."""
    with explained(folder):
        # First: without it the rest is no library any more.
        (folder / MANIFEST).unlink(missing_ok=True)
        clear_away(folder)
        for path in folder.iterdir():
            if STATE_NAME.fullmatch(path.name):
                shutil.rmtree(path)
            elif OWN_NAME.fullmatch(path.name):
                path.unlink(missing_ok=True)


class LibraryWriter:
    """Writes one process's share of a library.

    Parameters
    ----------
    folder : of a library that :func:`begin` made.
    manifest : the one that holds.
    base : states of earlier scans that this one goes on from; removed when a checkpoint holds their blocks.
    clock : seconds that only grow.

    Attributes
    ----------
    state : what was done so far; changed by the scan, in whole blocks.
    """

    def __init__(
        self,
        folder: Path,
        manifest: Manifest,
        base: tuple[Path, ...] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.folder = folder
        self.manifest = manifest
        self._clock = clock
        self._old = base
        self.state = merged(base, manifest)
        # The same as lies in the library: it follows from the number of pictures.
        self.sample = sample_of(manifest.total)
        self._rows = RowFiles(folder, row_shapes(manifest, len(self.sample)))
        self._saved = len(base) == 1
        self._last = clock() - _SHORTEST / 2
        self._cost = 0.0
        self._began = clock() - self.state.seconds

    @property
    def due(self) -> bool:
        """Whether it is time for a checkpoint."""
        return self._clock() - self._last >= max(_SHORTEST, self._cost / _SHARE)

    def write_rows(self, name: str, first: int, rows: npt.NDArray[Any]) -> None:
        """Write rows of one of the files by picture. Raises ExportError."""
        self._rows.write(name, first, rows)

    def touch(self) -> None:
        """Note that ``state`` was changed."""
        self._saved = False

    def checkpoint(self) -> None:
        """Make everything so far safe. Raises ExportError."""
        if self._saved:
            return
        began = self._clock()
        self._rows.flush()
        self.state.revision += 1
        self.state.seconds = began - self._began
        new = self.state.save(self.folder)
        remove_states(self._old)
        self._old = (new,)
        self._saved = True
        self._last = self._clock()
        self._cost = self._last - began

    def close(self) -> None:
        """Close the files; what was done since the last checkpoint is left out."""
        self._rows.close()


def merged(paths: tuple[Path, ...], manifest: Manifest) -> State:
    """The sum of states on the disk, in memory. Raises LibraryError."""
    state = State.empty(manifest)
    for number, path in enumerate(paths):
        try:
            other = load_state(path, manifest, mapped=number > 0)
        except FileNotFoundError as error:
            # Nobody else writes here, so that it is not being replaced.
            raise LibraryError(
                f"{path.parent} cannot be gone on with",
                f"{path.name} is damaged ({error.filename} is not there)",
                "begin it anew with --restart",
            ) from error
        if number == 0:
            state = other
        else:
            state.merge(other)
    return state


def merge_all(folder: Path, manifest: Manifest) -> None:
    """Put the states of several processes together into one. Raises ExportError, LibraryError."""
    clear_away(folder)
    counting, replaced = current_states(folder, manifest.blocks)
    if len(counting) > 1:
        state = merged(counting, manifest)
        state.revision += 1
        state.save(folder)
        replaced = (*replaced, *counting)
    remove_states(replaced)


def temporary_folder() -> Path:
    """A folder for a library of pictures in memory, which goes when the program ends."""
    import atexit
    import tempfile

    folder = Path(tempfile.mkdtemp(prefix="deepvis-library-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
