"""Pictures of classes, from zips as they lie or from folders, decoded once into an array on disk."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import zipfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

SUFFIXES = {".jpeg", ".jpg", ".png", ".bmp", ".webp", ".ppm"}
SIDE = 64
HELD_OUT = 10
"""Where a set has no validation part, every tenth picture of a class is held out."""


@dataclass(frozen=True)
class Pictures:
    """A decoded set.

    Parameters
    ----------
    pixels : ndarray of uint8, (N, 64, 64, 3)
        RGB pictures, usually mapped from disk.
    targets : ndarray of int64, (N,)
        Class indices.
    wnids : tuple of str
        The class folders' names; position is class index.
    labels : tuple of str
        The classes' names for people.
    """

    pixels: npt.NDArray[np.uint8]
    targets: npt.NDArray[np.int64]
    wnids: tuple[str, ...]
    labels: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.targets)


@dataclass(frozen=True)
class _Entry:
    """One encoded picture: its class folder, a name to sort by, and where its bytes are."""

    wnid: str
    name: str
    source: Path
    member: str | None


def _is_picture(name: str) -> bool:
    return Path(name).suffix.lower() in SUFFIXES


def _zip_entries(path: Path) -> Iterator[_Entry]:
    with zipfile.ZipFile(path) as archive:
        for member in archive.namelist():
            parts = member.split("/")
            if len(parts) >= 2 and _is_picture(member):
                yield _Entry(parts[-2] if parts[-2] != "images" else parts[-3], member, path, member)


def _folder_entries(root: Path) -> Iterator[_Entry]:
    for folder in sorted(p for p in root.iterdir() if p.is_dir()):
        for path in sorted(p for p in folder.rglob("*") if p.is_file() and _is_picture(p.name)):
            yield _Entry(folder.name, path.relative_to(root).as_posix(), path, None)


def _split_entries(data: Path, split: str) -> list[_Entry]:
    """The split's entries in a fixed order: from zips named after it, from its folder, or from bare class folders."""
    entries = [entry for path in sorted(data.glob(f"{split}*.zip")) for entry in _zip_entries(path)]
    if not entries and (data / split).is_dir():
        entries = list(_folder_entries(data / split))
    if not entries and not any(data.glob("train*")):
        found = sorted(_folder_entries(data), key=lambda entry: (entry.wnid, entry.name))
        position: dict[str, int] = {}
        for entry in found:
            index = position.get(entry.wnid, 0)
            position[entry.wnid] = index + 1
            if (index % HELD_OUT == HELD_OUT - 1) == (split == "val"):
                entries.append(entry)
    return sorted(entries, key=lambda entry: (entry.wnid, entry.name))


def _classes(data: Path, found: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Class folders and labels in the order of ``classes.csv`` (index,wnid,name), else in alphabetical order."""
    table = data / "classes.csv"
    if table.is_file():
        with table.open(newline="", encoding="utf-8") as file:
            rows = sorted(csv.DictReader(file), key=lambda row: int(row["index"]))
        return tuple(row["wnid"] for row in rows), tuple(row["name"] for row in rows)
    names = tuple(sorted(set(found)))
    return names, names


def decode(encoded: bytes, side: int = SIDE) -> npt.NDArray[np.uint8]:
    """Decode one picture: shorter side to `side` by area averaging, centre crop.

    Parameters
    ----------
    encoded : bytes
        A JPEG, PNG, … file's content.
    side : int
        Side of the result in pixels.

    Returns
    -------
    ndarray of uint8, (side, side, 3)
        RGB.

    Raises
    ------
    ValueError
        The bytes are no picture.
    """
    bgr = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)
    if bgr is None:
        raise ValueError("not a picture that can be decoded")
    height, width = bgr.shape[:2]
    if (height, width) != (side, side):
        scale = side / min(height, width)
        size = (max(side, round(width * scale)), max(side, round(height * scale)))
        bgr = cv2.resize(bgr, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
        top, left = (bgr.shape[0] - side) // 2, (bgr.shape[1] - side) // 2
        bgr = bgr[top : top + side, left : left + side]
    return np.ascontiguousarray(bgr[:, :, ::-1])


def default_cache() -> Path:
    """The user's cache folder for decoded sets."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "deepvis" / "training"


def _fill(pixels: npt.NDArray[np.uint8], entries: Sequence[_Entry]) -> None:
    """Decode every entry into its row of `pixels`."""
    archives = {path: zipfile.ZipFile(path) for path in {e.source for e in entries if e.member is not None}}

    def one(index: int) -> None:
        entry = entries[index]
        encoded = archives[entry.source].read(entry.member) if entry.member is not None else entry.source.read_bytes()
        try:
            pixels[index] = decode(encoded)
        except ValueError as error:
            raise ValueError(f"{entry.source.name}: {entry.name}: {error}") from error

    try:
        with ThreadPoolExecutor() as pool:
            for _ in pool.map(one, range(len(entries)), chunksize=64):
                pass
    finally:
        for archive in archives.values():
            archive.close()


def load(data: Path, split: str, cache: Path | None = None) -> Pictures:
    """Load one split, decoding it the first time and mapping the decoded array afterwards.

    Parameters
    ----------
    data : Path
        A folder with ``train*.zip`` and ``val*.zip`` (class folders inside), with ``train/`` and ``val/``, or with
        class folders only (every tenth picture of a class is then held out). ``classes.csv`` gives order and names.
    split : str
        "train" or "val".
    cache : Path or None
        Where decoded arrays are kept; by default `default_cache`.

    Returns
    -------
    Pictures

    Raises
    ------
    FileNotFoundError
        There is no picture of that split.
    ValueError
        A file cannot be decoded, or lies in a folder that ``classes.csv`` doesn't list.
    """
    entries = _split_entries(data, split) if data.is_dir() else []
    if not entries:
        raise FileNotFoundError(f"no pictures of '{split}' under {data}")
    wnids, labels = _classes(data, [entry.wnid for entry in entries])
    index = {wnid: i for i, wnid in enumerate(wnids)}
    unknown = sorted({entry.wnid for entry in entries} - set(index))
    if unknown:
        raise ValueError(f"class folders not listed in classes.csv: {', '.join(unknown[:5])}")
    targets = np.array([index[entry.wnid] for entry in entries], np.int64)

    stamp = [
        [str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns]
        for path in sorted({entry.source for entry in entries})
    ]
    key = hashlib.sha256(json.dumps([SIDE, split, len(entries), stamp]).encode()).hexdigest()[:16]
    folder = cache or default_cache()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{split}-{key}.npy"
    if not path.exists():
        partial = path.with_suffix(f".{os.getpid()}.partial.npy")
        try:
            pixels = np.lib.format.open_memmap(partial, "w+", np.uint8, (len(entries), SIDE, SIDE, 3))
            _fill(pixels, entries)
            pixels.flush()
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    return Pictures(np.load(path, mmap_mode="r"), targets, wnids, labels)
