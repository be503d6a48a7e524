"""How far a scan is, and all that it has summed up; whole on the disk at every moment."""

from __future__ import annotations

import json
import os
import re
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
from deepvis.backend.library.arrays import read_array
from deepvis.backend.library.errors import LibraryError
from deepvis.backend.library.manifest import Manifest
from deepvis.backend.library.scale import BINS
from deepvis.backend.library.strongest import Strongest

_PREFIX = "state-"
_FACTS = "state.json"
STATE_NAME = re.compile(rf"{_PREFIX}\d{{6,}}-[0-9a-f]{{8}}")
"""What the folder of a state is called."""
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
            strongest=manifest.empty_strongest(),
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
        units, top = self.strongest.values.shape
        names = list(array_shapes(len(self.done), units, top, len(self.class_counts)))
        if self.class_missing is not None:
            names.append(_CLASS_MISSING)
        return {name: named[name] if name in named else getattr(self, name) for name in names}


def array_shapes(blocks: int, units: int, top: int, classes: int) -> dict[str, tuple[tuple[int, ...], npt.DTypeLike]]:
    """Shape and type of each array of a state, by the name of its file; :data:`class_missing` aside."""
    shapes: dict[str, tuple[tuple[int, ...], npt.DTypeLike]] = {
        "done": ((blocks,), np.bool_),
        "values": ((units, top), np.float32),
        "pictures": ((units, top), np.int32),
        "positions": ((units, top, 2), np.int32),
        **dict.fromkeys(("counted", "mean_sums", "maximum_sums", "silent"), ((units,), np.int64)),
        "histogram": ((units, BINS), np.int32),
    }
    if classes:
        shapes |= {"class_counts": ((classes,), np.int64), "class_sums": ((classes, units), np.int64)}
    return shapes


def _write_array(file: BinaryIO, array: npt.NDArray[Any]) -> None:
    """As numpy.save does it, which leaves out why the system refused."""
    array = np.ascontiguousarray(array)
    npy.write_array_header_1_0(file, npy.header_data_from_array_1_0(array))
    file.write(array.reshape(-1).view(np.uint8).data)


def load_state(path: Path, manifest: Manifest, *, mapped: bool) -> State:
    """Read a state; ``mapped``: its arrays stay on the disk and cannot be written.

    Raises LibraryError for a damaged one, FileNotFoundError where a newer one has taken its place meanwhile.
    """

    units, classes = manifest.units, len(manifest.classes)
    shapes = array_shapes(manifest.blocks, units, manifest.top, classes)
    try:
        facts = json.loads((path / _FACTS).read_text(encoding="utf-8"))
        arrays = {name: read_array(path / f"{name}.npy", *shape, mapped=mapped) for name, shape in shapes.items()}
        if not classes:
            arrays |= {"class_counts": np.zeros(0, np.int64), "class_sums": np.zeros((0, units), np.int64)}
        photographs = manifest.empty_strongest().photographs
        strongest = Strongest(arrays.pop("values"), arrays.pop("pictures"), arrays.pop("positions"), photographs)
        missing = None
        if (path / f"{_CLASS_MISSING}.npy").exists():
            missing = read_array(path / f"{_CLASS_MISSING}.npy", (classes, units), np.int32, mapped=mapped)
        skipped = {int(index): str(reason) for index, reason in facts["skipped"]}
        if not all(0 <= index < manifest.total for index in skipped):
            raise ValueError(f"it names pictures beyond the {manifest.total} of the set")
        return State(
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


def _damaged(path: Path, reason: str) -> LibraryError:
    return LibraryError(f"{path.parent} cannot be read", f"{path.name} is damaged ({reason})", "scan with --restart")


def current_states(folder: Path, blocks: int) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """The states that count, and those that have been replaced by one of these.

    Every state holds all of the blocks of those that it replaces, so that after a kill between writing the new and
    removing the old one both may lie there. Several count while several processes write.

    Parameters
    ----------
    blocks : of the set.

    Raises
    ------
    LibraryError : one is damaged, or two scans that knew nothing of each other wrote them.
    """
    found = []
    for path in sorted(folder.glob(f"{_PREFIX}*")):
        try:
            found.append((read_array(path / "done.npy", (blocks,), np.bool_, mapped=False), path))
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
