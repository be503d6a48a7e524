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

    A million names of ImageNet take 25 MB; as a list of strings they would take 90.

    Attributes
    ----------
    folders : each folder that holds pictures, relative to the set, with ``/`` between names; "" is the set's own.
    folder_of : int32 (N,) index into ``folders`` for each picture.
    """

    def __init__(
        self, folders: Sequence[str], folder_of: npt.NDArray[np.int32], names: bytes, ends: array[int]
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
        index %= len(self)
        name = self._names[self._ends[index - 1] if index else 0 : self._ends[index]].decode("utf-8", "surrogatepass")
        folder = self.folders[self.folder_of[index]]
        return f"{folder}/{name}" if folder else name

    def fingerprint(self, sizes: array[int]) -> str:
        """Sixteen hexadecimal digits from all paths and the files' sizes in bytes."""
        digest = hashlib.sha256("\n".join(self.folders).encode("utf-8", "surrogatepass"))
        for part in (self.folder_of, np.asarray(self._ends, dtype=np.int64), np.asarray(sizes, dtype=np.int64)):
            digest.update(np.ascontiguousarray(part).astype(part.dtype.newbyteorder("<")).tobytes())
        digest.update(self._names)
        return digest.hexdigest()[:16]


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
        return PictureNames(
            self._folders, np.frombuffer(self._folder_of, dtype=np.int32).copy(), bytes(self._names), self._ends
        )


def natural_key(name: str) -> str:
    """Sort key by which ``frame2`` comes before ``frame10``, whatever the case; the same on every platform."""
    folded = unicodedata.normalize("NFC", name).casefold()
    return _DIGITS.sub(_numbered, folded) + "\0" + name


def _numbered(digits: re.Match[str]) -> str:
    number = digits[0].lstrip("0")
    # Numbers of more digits come later; digits sort before letters, as they do by themselves.
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
