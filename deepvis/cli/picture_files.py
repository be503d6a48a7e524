"""Which pictures a command was given, and where each answer goes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from deepvis.cli.common import UsageError, check_output

if TYPE_CHECKING:
    from deepvis.messages import UInt8Array


def picture_jobs(name: str, output: str) -> Iterator[tuple[Path, str, Path]]:
    """(picture, title, file to write) of everything that was asked for; folders to write to are made.

    Parameters
    ----------
    name : a picture, a folder of pictures, or ``sample:NAME``.
    output : a .png, or a folder where ``name`` is one.

    Raises
    ------
    UsageError, SourceError
    """
    from deepvis.backend.sources.source import SourceError

    if name.startswith("sample:"):
        from deepvis.backend.sources.samples import ALIASES, samples

        wanted = name.removeprefix("sample:")
        found = samples().get(ALIASES.get(wanted, wanted))
        if found is None:
            raise UsageError(f"there is no sample {wanted!r}; there are {', '.join(samples()) or 'none'}")
        yield found[1], found[0], check_output(output, ".png")
        return
    source = Path(name).expanduser()
    if not source.is_dir():
        yield source, source.name, check_output(output, ".png")
        return
    from deepvis.backend.sources.album import pictures_in

    entries = pictures_in(source)
    if not entries:
        raise SourceError(
            f"{source} holds no pictures",
            "No file in this folder, or in a folder within it, has the name of a picture.",
            "Name a picture, or a folder that holds some.",
        )
    folder = Path(output).expanduser()
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file: for a folder of pictures name a folder to write to")
    names = [Path(entry.title).with_suffix(".png") for entry in entries]
    for entry, place in zip(entries, names, strict=True):
        # Two pictures that differ in their ending alone keep it, so that neither overwrites the other.
        if names.count(place) > 1:
            place = Path(entry.title + ".png")
        target = folder / place
        target.parent.mkdir(parents=True, exist_ok=True)
        yield source / entry.title, entry.title, target


def read(path: Path) -> UInt8Array:
    """A picture, uint8 (H, W, 3) RGB. Raises SourceError."""
    from deepvis.backend.sources.pictures import read_picture

    return read_picture(path)


def concerns_the_picture(error: Exception) -> bool:
    """Whether one picture alone is at fault, so that a command can go on with the others."""
    from deepvis.backend.sources.source import SourceError

    return isinstance(error, SourceError)
