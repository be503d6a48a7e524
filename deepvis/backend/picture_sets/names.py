"""Paths of very many pictures in little memory: folders once, file names one after the other in one block of bytes."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from array import array
from collections.abc import Iterable, Sequence
from typing import overload

import numpy as np
import numpy.typing as npt

_DIGITS = re.compile(r"\d+")


class PictureNames(Sequence[str]):
    """The titles of a set's pictures, and the paths that they stand for.

    Attributes
    ----------
    folders : each folder that holds pictures, relative to the set, with ``/`` between names; "" is the set's own.
    folder_of : int32 (N,) index into ``folders`` for each picture.
    """

    def __init__(
        self, folders: Sequence[str], folder_of: npt.NDArray[np.int32], names: bytes, ends: npt.NDArray[np.int64]
    ) -> None:
        self.folders = tuple(folders)
        self.folder_of = folder_of
        self._names = names
        self._ends = ends

    def __len__(self) -> int:
        return len(self._ends)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [printable(self.path(place)) for place in range(*index.indices(len(self)))]
        return printable(self.path(index))

    def path(self, index: int) -> str:
        """Picture ``index``'s path within the set as the file system spells it, with ``/`` between names."""
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        index = int(index) % len(self)
        begin = int(self._ends[index - 1]) if index else 0
        name = self._names[begin : int(self._ends[index])].decode("utf-8", "surrogatepass")
        folder = self.folders[self.folder_of[index]]
        return f"{folder}/{name}" if folder else name

    def fingerprint(self, sizes: npt.NDArray[np.int64]) -> str:
        """Sixteen hexadecimal digits from all paths and the files' sizes in bytes."""
        digest = hashlib.sha256("\n".join(self.folders).encode("utf-8", "surrogatepass"))
        for part in (self.folder_of.astype("<i4"), self._ends.astype("<i8"), sizes.astype("<i8")):
            digest.update(part.tobytes())
        digest.update(self._names)
        return digest.hexdigest()[:16]

    @classmethod
    def joined(cls, parts: Sequence[tuple[str, PictureNames]]) -> PictureNames:
        """The pictures of several sets, one after the other, each set's in a folder of the name given."""
        folders = [f"{name}/{folder}".strip("/") for name, names in parts for folder in names.folders]
        before = np.cumsum([0, *(len(names.folders) for _, names in parts)])
        length = np.cumsum([0, *(len(names._names) for _, names in parts)])
        folder_of = [names.folder_of + before[place] for place, (_, names) in enumerate(parts)]
        ends = [names._ends + length[place] for place, (_, names) in enumerate(parts)]
        texts = b"".join(names._names for _, names in parts)
        return cls(folders, np.concatenate(folder_of).astype(np.int32), texts, np.concatenate(ends))


class NameCollector:
    """Gathers names folder by folder."""

    def __init__(self) -> None:
        self._folders: list[str] = []
        self._folder_of = array("i")
        self._names = bytearray()
        self._ends = array("q")

    def __len__(self) -> int:
        return len(self._ends)

    def add(self, folder: str, names: Iterable[str]) -> None:
        """Append the pictures of one folder."""
        before = len(self)
        for name in names:
            self._names += name.encode("utf-8", "surrogatepass")
            self._ends.append(len(self._names))
        if len(self) > before:
            self._folders.append(folder)
            self._folder_of.extend([len(self._folders) - 1] * (len(self) - before))

    def names(self) -> PictureNames:
        """What was gathered."""
        folder_of = np.array(self._folder_of, dtype=np.int32)
        return PictureNames(self._folders, folder_of, bytes(self._names), np.array(self._ends, dtype=np.int64))


def natural_key(name: str) -> str:
    """Sort key by which ``frame2`` comes before ``frame10``, whatever the case; the same on every platform."""
    folded = unicodedata.normalize("NFC", name).casefold()
    return _DIGITS.sub(_numbered, folded) + "\0" + name


def _numbered(digits: re.Match[str]) -> str:
    number = digits[0].lstrip("0")
    # A number of more digits is larger. The 0 in front keeps digits where they sort by themselves, before letters.
    return f"0{len(number):04d}{number}"


def printable(name: str) -> str:
    """The name with what cannot be shown or written escaped: bytes that are no text, control characters."""
    if name.isprintable():
        return name
    return "".join(_escaped(character) for character in name)


def _escaped(character: str) -> str:
    if character.isprintable() or unicodedata.category(character) == "Zs":
        return character
    code = ord(character)
    # Python keeps a byte that is no UTF-8 as a lone surrogate.
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else ascii(character)[1:-1]
