"""The pictures of a zip, read in place."""

from __future__ import annotations

import bz2
import lzma
import os
import re
import stat
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from deepvis.backend.picture_sets.class_names import label, read_annotations, unread_table
from deepvis.backend.picture_sets.folder import is_aside, is_picture_name
from deepvis.backend.picture_sets.names import NameCollector, natural_key, printable
from deepvis.backend.picture_sets.picture_set import NoPicturesError, PictureSet, Progress
from deepvis.backend.sources.pictures import read_picture
from deepvis.backend.sources.source import SourceError
from deepvis.messages import UInt8Array

LARGEST = 512 * 1024 * 1024
"""Bytes that one file of a zip may unpack to."""

_MEMBER = np.dtype(
    [("offset", "i8"), ("packed", "i8"), ("size", "i8"), ("crc", "u4"), ("method", "u2"), ("refusal", "u1")]
)
_REFUSALS = (
    "",
    "It is encrypted, which cannot be read in place. Unpack the zip with its password.",
    "Its name points outside the zip.",
    "It is a link.",
    f"It unpacks to more than {LARGEST // 1024**2} MB.",
)
_ENCRYPTED, _OUTSIDE, _LINK, _LARGE = 1, 2, 3, 4
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    ValueError,
    NotImplementedError,
    RuntimeError,
)
_LOCAL_HEADER = 30
_TELL_EVERY = 10_000


class ZipSet(PictureSet):
    """Every file in a zip whose name ends as a picture's does, in the order that its unpacked folder would have.

    Nothing is unpacked to the disk. Files that are encrypted, that would lie outside the zip or that unpack to more
    than :data:`LARGEST` cannot be read, and say why. Of two files of one name the later one counts, as when unpacking.

    Raises
    ------
    SourceError : it is no zip, is damaged, encrypted as a whole, or holds no pictures.
    """

    def __init__(self, path: str | os.PathLike[str], progress: Progress | None = None) -> None:
        self._path = os.path.abspath(os.path.expanduser(path))
        self.spec = self._path
        self.title = printable(os.path.basename(self._path))
        self._file: IO[bytes] | None = None
        listing, self._identity = _list(self._path, self.title, progress)
        collector = NameCollector()
        rows: list[tuple[int, ...]] = []
        for folder in listing.folders():
            members = listing.members[folder]
            names = sorted(members, key=natural_key)
            collector.add(folder, names)
            rows.extend(members[name] for name in names)
        self.titles = self.names = collector.names()
        self._members: npt.NDArray[Any] = np.array(rows, dtype=_MEMBER)
        self._check_members()
        self.annotations = listing.annotations
        self.notes = tuple(unread_table(name) for name in listing.unread)
        self.near = list(Path(self._path).parents[1::-1])
        self.labels, self.classes = label(self.names, self.annotations, self.near)
        self.fingerprint = self.names.fingerprint(self.sizes)

    @property
    def sizes(self) -> npt.NDArray[np.int64]:
        """int64 (N,) bytes of each file when it is unpacked."""
        return np.asarray(self._members["size"], dtype=np.int64)

    def read(self, index: int) -> UInt8Array:
        """See :meth:`PictureSet.read`."""
        index = self.check_index(index)
        name = printable(self.names.path(index).rpartition("/")[2])
        member = self._members[index]
        if member["refusal"]:
            raise SourceError(f"{name} is left out", _REFUSALS[member["refusal"]], "Choose another picture.")
        try:
            content = self._unpack(member)
        except _BROKEN as error:
            self.check()
            raise SourceError(
                f"{name} is damaged",
                f"It cannot be unpacked ({str(error) or type(error).__name__}).",
                "Copy or download the zip again.",
                details=repr(error),
            ) from error
        return read_picture(content, name=name)

    def check(self) -> None:
        """See :meth:`PictureSet.check`."""
        try:
            now = _identity(os.stat(self._path))
        except OSError as error:
            raise SourceError(
                f"{self.title} is gone", f"{error.strerror or error}.", "Put it back, and continue."
            ) from error
        if now != self._identity:
            raise SourceError(
                f"{self.title} has changed", "It is not the file that was opened.", "Open it anew, and start again."
            )

    def close(self) -> None:
        """See :meth:`PictureSet.close`."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_file": None}

    def _check_members(self) -> None:
        if not len(self._members):
            raise NoPicturesError(
                f"{self.title} holds no pictures", "No file in it has the name of a picture.", "Choose another zip."
            )
        if (self._members["refusal"] == _ENCRYPTED).all():
            raise SourceError(
                f"{self.title} is encrypted", "None of its pictures can be read.", "Unpack it, and choose the folder."
            )

    def _unpack(self, member: Any) -> bytes:
        """One file's content. Read by its place, since listing a large zip once for each process takes long."""
        if self._file is None:
            self._file = open(self._path, "rb")  # noqa: SIM115 - kept open, for the next one
        file = self._file
        if _identity(os.fstat(file.fileno())) != self._identity:
            raise zipfile.BadZipFile("the zip has changed")
        offset, packed, size, crc, method, _ = member.tolist()
        return _content(file, offset, packed, size, crc, method)


def _content(file: IO[bytes], offset: int, packed: int, size: int, crc: int, method: int) -> bytes:
    """One file of a zip, which takes no more memory than it is said to unpack to, whatever is in it."""
    file.seek(offset)
    header = file.read(_LOCAL_HEADER)
    if len(header) < _LOCAL_HEADER or header[:4] != b"PK\x03\x04":
        raise zipfile.BadZipFile("there is no file at its place")
    file.seek(int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little"), os.SEEK_CUR)
    if method not in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        info = zipfile.ZipInfo()
        info.compress_type, info.CRC, info.compress_size, info.file_size = method, crc, packed, size
        with zipfile.ZipExtFile(file, "r", info) as content:
            return content.read(size)
    # Of these two zipfile unpacks each piece as a whole.
    data = file.read(packed)
    if method == zipfile.ZIP_BZIP2:
        found = bz2.BZ2Decompressor().decompress(data, size + 1)
    else:
        end = 4 + int.from_bytes(data[2:4], "little")
        # The header of .lzma files: the same properties, then a length, which all ones leave open.
        alone = lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=LARGEST)
        found = alone.decompress(data[4:end] + b"\xff" * 8 + data[end:], size + 1)
    if len(found) != size or zlib.crc32(found) != crc:
        raise zipfile.BadZipFile("it is not what the zip says of it")
    return found


@dataclass
class _Listing:
    """What a zip's directory says: its pictures by folder and name, and the classes of files by folder.

    ``unread`` are the tables of classes that are damaged.
    """

    members: dict[str, dict[str, tuple[int, ...]]] = field(default_factory=dict)
    annotations: dict[str, dict[str, str]] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)

    def add(self, file: IO[bytes], info: zipfile.ZipInfo) -> None:
        """Note one entry, if it is a picture or tells classes."""
        *folders, name = info.filename.replace("\\", "/").split("/")
        folders = [part for part in folders if part not in ("", ".")]
        folder = "/".join(folders)
        if name == "val_annotations.txt" and info.file_size < LARGEST and not info.flag_bits & 1:
            try:
                table = _content(file, *_member(info)[:-1]).decode("utf-8", "replace")
            except _BROKEN:
                self.unread.append(info.filename)
                return
            self.annotations[f"{folder}/images" if folder else "images"] = read_annotations(table)
        elif is_picture_name(name) and not any(part != ".." and is_aside(part) for part in folders):
            self.members.setdefault(folder, {})[name] = _member(info)

    def folders(self) -> list[str]:
        """Folders with pictures, each before the folders in it, as :class:`FolderSet` finds them."""
        return sorted(self.members, key=lambda folder: [natural_key(part) for part in folder.split("/") if part])


def _list(path: str, title: str, progress: Progress | None) -> tuple[_Listing, tuple[int, int]]:
    """What is in the zip, and what tells whether it is still the same."""
    listing = _Listing()
    try:
        with open(path, "rb") as file, zipfile.ZipFile(file) as archive:
            for count, info in enumerate(archive.infolist()):
                if progress is not None and count % _TELL_EVERY == 0:
                    progress(count)
                listing.add(file, info)
            return listing, _identity(os.fstat(file.fileno()))
    except _BROKEN as error:
        raise SourceError(
            f"{title} cannot be read as a zip",
            f"{getattr(error, 'strerror', None) or error}.",
            "Copy or download it again, or unpack it and choose the folder.",
            details=repr(error),
        ) from error


def _identity(status: os.stat_result) -> tuple[int, int]:
    """What tells whether a file is still the one that was opened: bytes and time of its last change."""
    return status.st_size, status.st_mtime_ns


def _member(info: zipfile.ZipInfo) -> tuple[int, ...]:
    name = info.filename.replace("\\", "/")
    refusal = 0
    if info.flag_bits & 1:
        refusal = _ENCRYPTED
    elif ".." in name.split("/") or name.startswith("/") or re.match(r"[A-Za-z]:", name):
        refusal = _OUTSIDE
    elif stat.S_ISLNK(info.external_attr >> 16):
        refusal = _LINK
    elif info.file_size > LARGEST:
        refusal = _LARGE
    return info.header_offset, info.compress_size, info.file_size, info.CRC, info.compress_type, refusal
