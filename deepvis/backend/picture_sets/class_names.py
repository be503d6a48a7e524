"""Which class a picture belongs to, told from the folder that it lies in, and what that class is called."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from deepvis.backend.picture_sets.names import PictureNames, printable
from deepvis.backend.picture_sets.picture_set import no_labels
from deepvis.resources_path import resource

SPLITS = frozenset(("train", "training", "val", "valid", "validation", "test", "testing", "eval"))
"""Names of folders, in lower case, that are parts of a data set and not classes of it."""

_TABLES = (
    *("classes.csv", "words.txt", "LOC_synset_mapping.txt", "map_clsloc.txt", "classes.txt"),
    "imagenet_class_index.json",
)
_LARGEST_TABLE = 20_000_000
_WORDNET = re.compile(r"n\d{8}")
_NAMED = re.compile(r"""\b(n\d{8})["']?[\s,]+(?:\d+[\s,]+)?["']?([^\s,"'\d][^,\t"\r\n]*)""")


def classes_of_folders(folders: Sequence[str]) -> list[str | None]:
    """The class that each folder's pictures belong to, as it is named on the disk; None: none.

    Folders name classes where **every** picture lies in one: of each path the first folder counts after those that all
    pictures share, whatever lies below it. Where the folders are ``train``, ``val`` and the like, those in them are the
    classes, and pictures that lie in none (of the test, as a rule) have no class.

    Parameters
    ----------
    folders : paths of the folders that hold pictures, with ``/`` between names; "" is the set itself.
    """
    parts = [tuple(part for part in folder.split("/") if part) for folder in folders]
    while all(parts) and len({path[0] for path in parts}) == 1:
        parts = [path[1:] for path in parts]
    if all(parts) and all(path[0].lower() in SPLITS for path in parts):
        parts = [path[1:] for path in parts]
        # Tiny ImageNet keeps the pictures of its test, and those of its validation, in a folder that is no class.
        return [path[0] if path and path != ("images",) else None for path in parts]
    return [path[0] for path in parts] if all(parts) else [None] * len(parts)


def label(
    names: PictureNames, annotations: Mapping[str, Mapping[str, str]], near: Sequence[Path]
) -> tuple[npt.NDArray[np.int32], tuple[str, ...]]:
    """Labels int32 (N,) of the pictures of folders, -1 for none, and the classes in the order of their folders' names.

    A single class is none: it would tell nothing.

    Parameters
    ----------
    annotations : for folders whose pictures are listed with their classes: file name to class.
    near : folders in which a table of WordNet ids and names is looked for.
    """
    by_folder = classes_of_folders(names.folders)
    listed = {place: annotations[folder] for place, folder in enumerate(names.folders) if folder in annotations}
    raw = sorted({name for name in by_folder if name} | {name for table in listed.values() for name in table.values()})
    if len(raw) < 2:
        return no_labels(len(names)), ()
    places = {name: place for place, name in enumerate(raw)}
    labels = np.array([-1 if name is None else places[name] for name in by_folder], dtype=np.int32)[names.folder_of]
    for folder, table in listed.items():
        for index in np.flatnonzero(names.folder_of == folder).tolist():
            name = table.get(names.path(index).rpartition("/")[2])
            labels[index] = -1 if name is None else places[name]
    return labels, readable(raw, near)


def readable(classes: Sequence[str], near: Sequence[Path]) -> tuple[str, ...]:
    """The classes as people call them: WordNet ids by the first name that a table near the pictures gives, or ImageNet.

    Two ids of one name keep their ids behind it.
    """
    if not any(_WORDNET.fullmatch(name) for name in classes):
        return tuple(printable(name) for name in classes)
    words = names_of_wordnet(resource("imagenet_wordnet_ids.tsv"))
    for folder in near:
        for table in _TABLES:
            words |= names_of_wordnet(folder / table)
    found = [words.get(name, printable(name)) for name in classes]
    often = Counter(found)
    return tuple(name if often[name] == 1 else f"{name} ({raw})" for name, raw in zip(found, classes, strict=True))


def names_of_wordnet(table: Path) -> dict[str, str]:
    """WordNet id to its first name, from a table in any of the forms that are about; empty where there is none.

    ``n01443537 goldfish, Carassius auratus``, ``0,n01443537,goldfish``, ``n01443537 1 goldfish`` and
    ``["n01443537", "goldfish"]`` are understood.
    """
    try:
        if table.stat().st_size > _LARGEST_TABLE:
            return {}
        text = table.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    return {wordnet: name.replace("_", " ").strip() for wordnet, name in _NAMED.findall(text)}


def unread_table(name: str) -> str:
    """What is said of a table of classes that cannot be read."""
    return f"The table {printable(name)} cannot be read, so that its pictures have no class."


def read_annotations(table: str) -> dict[str, str]:
    """File name to class, from the lines of Tiny ImageNet's ``val_annotations.txt``: both, then a box, in columns."""
    rows = (line.split("\t") for line in table.splitlines())
    return {row[0].strip(): row[1].strip() for row in rows if len(row) >= 2 and row[1].strip()}
