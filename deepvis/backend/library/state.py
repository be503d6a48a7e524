"""How far a scan is, and all that it has summed up; whole on the disk at every moment."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from deepvis.backend.atomic_file import explained
from deepvis.backend.library.errors import LibraryError
from deepvis.backend.library.manifest import Manifest
from deepvis.backend.library.scale import BINS
from deepvis.backend.library.strongest import Strongest

_PREFIX = "state-"
_FACTS = "state.json"
_ARRAYS = ("done", "values", "pictures", "positions", "counted", "mean_sums", "maximum_sums", "silent", "histogram")
_CLASS_ARRAYS = ("class_counts", "class_sums")
_CLASS_MISSING = "class_missing"

Int64Array = npt.NDArray[np.int64]


@dataclass(slots=True)
class State:
    """What the pictures of some blocks came to. U units of all layers, in the order of the manifest.

    Attributes
    ----------
    done : bool (blocks,), the blocks that are in it.
    strongest : the strongest activations.
    counted : int64 (U,), pictures in which the unit's maximum and mean are finite; the following is of these.
    mean_sums, maximum_sums : int64 (U,), of the pictures' means and maxima, in the units of the layer's scale.
    silent : int64 (U,), pictures in which the unit is nowhere above zero.
    histogram : int32 (U, bins) of the pictures' maxima.
    class_counts : int64 (classes,), pictures of each class.
    class_sums : int64 (classes, U), sums of the maxima.
    class_missing : int32 (classes, U), pictures of the class that are not ``counted`` for the unit; None: there
        are none.
    skipped : why a picture could not be read, by its index.
    revision : number of checkpoints that led here.
    seconds : time spent.
    """

    done: npt.NDArray[np.bool_]
    strongest: Strongest
    counted: Int64Array
    mean_sums: Int64Array
    maximum_sums: Int64Array
    silent: Int64Array
    histogram: npt.NDArray[np.int32]
    class_counts: Int64Array
    class_sums: Int64Array
    class_missing: npt.NDArray[np.int32] | None = None
    skipped: dict[int, str] = field(default_factory=dict)
    revision: int = 0
    seconds: float = 0.0

    @classmethod
    def empty(cls, manifest: Manifest) -> State:
        """No block yet."""
        units, classes = manifest.units, len(manifest.classes)
        return cls(
            done=np.zeros(manifest.blocks, np.bool_),
            strongest=Strongest.empty(units, manifest.top),
            counted=np.zeros(units, np.int64),
            mean_sums=np.zeros(units, np.int64),
            maximum_sums=np.zeros(units, np.int64),
            silent=np.zeros(units, np.int64),
            histogram=np.zeros((units, BINS), np.int32),
            class_counts=np.zeros(classes, np.int64),
            class_sums=np.zeros((classes, units), np.int64),
        )

    @property
    def size(self) -> int:
        """Bytes of its arrays."""
        return sum(array.nbytes for array in self._arrays().values())

    def merge(self, other: State) -> None:
        """Take over the blocks of another state, none of which is in this one."""
        if bool((self.done & other.done).any()):
            raise ValueError("the two states have blocks in common")
        self.done = self.done | other.done
        self.strongest.merge(other.strongest)
        for name in ("counted", "mean_sums", "maximum_sums", "silent", "histogram", "class_counts", "class_sums"):
            getattr(self, name)[...] += getattr(other, name)
        if other.class_missing is not None:
            mine = self.class_missing
            self.class_missing = other.class_missing.copy() if mine is None else mine + other.class_missing
        self.skipped = dict(sorted((self.skipped | other.skipped).items()))
        self.revision += other.revision
        self.seconds += other.seconds

    # ------------------------------------------------------------------------------------------------- on the disk

    def save(self, folder: Path) -> Path:
        """Write it into a folder of its own in ``folder``, which appears whole. Raises ExportError."""
        target = folder / f"{_PREFIX}{self.revision:06d}-{secrets.token_hex(4)}"
        part = folder / f".{target.name}.part"
        with explained(folder / "library"):
            try:
                part.mkdir()
                for name, array in self._arrays().items():
                    with (part / f"{name}.npy").open("wb") as file:
                        _write_array(file, array)
                        file.flush()
                        os.fsync(file.fileno())
                facts = {
                    "revision": self.revision,
                    "seconds": self.seconds,
                    "skipped": [[index, reason] for index, reason in sorted(self.skipped.items())],
                }
                with (part / _FACTS).open("w", encoding="utf-8") as text:
                    json.dump(facts, text)
                    text.flush()
                    os.fsync(text.fileno())
                part.rename(target)
            except BaseException:
                shutil.rmtree(part, ignore_errors=True)
                raise
        return target

    def _arrays(self) -> dict[str, npt.NDArray[Any]]:
        named = {
            "values": self.strongest.values,
            "pictures": self.strongest.pictures,
            "positions": self.strongest.positions,
        }
        names = [*_ARRAYS, *(_CLASS_ARRAYS if len(self.class_counts) else ())]
        if self.class_missing is not None:
            names.append(_CLASS_MISSING)
        return {name: named[name] if name in named else getattr(self, name) for name in names}


def _write_array(file: BinaryIO, array: npt.NDArray[Any]) -> None:
    """As numpy.save does it, which leaves out why the system refused."""
    array = np.ascontiguousarray(array)
    npy.write_array_header_1_0(file, npy.header_data_from_array_1_0(array))
    file.write(array.reshape(-1).view(np.uint8).data)


def load_state(path: Path, manifest: Manifest, *, mapped: bool) -> State:
    """Read a state; ``mapped``: its arrays stay on the disk and cannot be written.

    Raises LibraryError for a damaged one, FileNotFoundError where a newer one has taken its place meanwhile.
    """

    def read(name: str) -> Any:
        return np.load(path / f"{name}.npy", mmap_mode="r" if mapped else None, allow_pickle=False)

    state = State.empty(manifest) if not manifest.classes else None
    try:
        facts = json.loads((path / _FACTS).read_text(encoding="utf-8"))
        arrays = {name: read(name) for name in _ARRAYS}
        if manifest.classes:
            arrays |= {name: read(name) for name in _CLASS_ARRAYS}
        else:
            assert state is not None
            arrays |= {"class_counts": state.class_counts, "class_sums": state.class_sums}
        strongest = Strongest(arrays.pop("values"), arrays.pop("pictures"), arrays.pop("positions"))
        missing = read(_CLASS_MISSING) if (path / f"{_CLASS_MISSING}.npy").exists() else None
        skipped = {int(index): str(reason) for index, reason in facts["skipped"]}
        found = State(
            strongest=strongest,
            class_missing=missing,
            skipped=skipped,
            revision=int(facts["revision"]),
            seconds=float(facts["seconds"]),
            **arrays,
        )
    except FileNotFoundError:
        raise
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _damaged(path, str(error)) from error
    if found.done.shape != (manifest.blocks,) or strongest.values.shape != (manifest.units, manifest.top):
        raise _damaged(path, "its arrays do not fit the manifest")
    return found


def _damaged(path: Path, reason: str) -> LibraryError:
    return LibraryError(f"{path.parent} cannot be read", f"{path.name} is damaged ({reason})", "scan with --restart")


def current_states(folder: Path) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """The states that count, and those that have been replaced by one of these.

    Every state holds all of the blocks of those that it replaces, so that after a kill between writing the new and
    removing the old one both may lie there. Several count while several processes write.
    """
    found = []
    for path in sorted(folder.glob(f"{_PREFIX}*")):
        try:
            found.append((np.load(path / "done.npy", allow_pickle=False), path))
        except FileNotFoundError:
            continue  # a newer one has just taken its place
        except (OSError, ValueError) as error:
            raise _damaged(path, str(error)) from error
    found.sort(key=lambda item: (int(item[0].sum()), item[1].name), reverse=True)
    counting: list[tuple[npt.NDArray[np.bool_], Path]] = []
    replaced = []
    for done, path in found:
        overlapping = [other for other, _ in counting if bool((done & other).any())]
        if any(bool((done & ~other).any()) for other in overlapping):
            raise LibraryError(
                f"{folder} cannot be read",
                "two scans that knew nothing of each other wrote into it",
                "scan again with --restart, or into another folder",
            )
        if overlapping or (counting and not bool(done.any())):
            replaced.append(path)
        else:
            counting.append((done, path))
    return tuple(path for _, path in counting), tuple(replaced)


def remove_states(paths: Iterable[Path]) -> None:
    """Remove states that are no longer needed; those that something else still holds open stay for the next time."""
    for path in paths:
        hidden = path.with_name(f".{path.name}.old")
        try:
            path.rename(hidden)
        except OSError:
            continue
        shutil.rmtree(hidden, ignore_errors=True)


def clear_away(folder: Path) -> None:
    """Remove what a process that was ended left half-written or half-removed."""
    for path in (*folder.glob(f".{_PREFIX}*.part"), *folder.glob(f".{_PREFIX}*.old")):
        shutil.rmtree(path, ignore_errors=True)
