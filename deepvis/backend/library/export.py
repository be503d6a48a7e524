"""What is in a library, as pictures and tables for people."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from deepvis.backend.atomic_file import atomic
from deepvis.backend.export import write_png
from deepvis.backend.library.library import Library
from deepvis.backend.library.patch import cut, field_box, mean_colour
from deepvis.backend.library.sheet import sheet, tile
from deepvis.backend.sources.source import SourceError
from deepvis.messages import UInt8Array

_SIDE = 48
_CLASSES = 3


def write_layer(library: Library, layer: str, folder: Path) -> Iterator[float]:
    """Write the sheet of a layer, ``conv4.png``, and the statistics of its units, ``conv4.csv``; yields the share done.

    Raises KeyError with the nearest names, LibraryError where the set cannot be opened, ExportError.
    """
    record = library.layer(layer)
    units = list(range(len(record.values)))
    patches: dict[tuple[int, int], UInt8Array | None] = {}
    for done, (place, pixels) in enumerate(unit_patches(library, layer, units)):
        # Reduced at once: those of a thousand units that see the whole picture take gigabytes.
        patches[place] = None if pixels is None else tile(pixels, _SIDE)
        yield done / (len(units) * library.top)
    with np.errstate(invalid="ignore"):
        dead = record.dead == 1
    rows = [
        (f"{unit} dead" if dead[unit] else str(unit), [patches.get((unit, rank)) for rank in range(library.top)])
        for unit in units
    ]
    columns = max(1, round((len(units) / max(library.top, 2)) ** 0.5))
    title = f"{library.network_name} · {layer} · strongest patches in {library.count} pictures of {library.title}"
    write_png(folder / f"{_word(layer)}.png", sheet(rows, _SIDE, columns, title), {"Software": "deepvis"})
    with atomic(folder / f"{_word(layer)}.csv") as file:
        file.write(_table(library, layer).encode())
    yield 1.0


def write_unit(library: Library, layer: str, unit: int, folder: Path) -> tuple[Path, ...]:
    """Write every patch of one unit at its own size, ``conv4-37/1-dog-0033.png`` and so on; the files.

    Raises as :func:`write_layer`, and IndexError for a unit that is not there.
    """
    units = len(library.layer(layer).values)
    if not 0 <= unit < units:
        raise IndexError(f"unit {unit} is out of range: layer {layer!r} has units 0 to {units - 1}")
    record = library.layer(layer)
    target = folder / f"{_word(layer)}-{unit}"
    target.mkdir(parents=True, exist_ok=True)
    written = []
    for (_, rank), pixels in sorted(unit_patches(library, layer, [unit]), key=lambda item: item[0]):
        if pixels is None:
            continue
        title = library.titles[int(record.pictures[unit, rank])]
        row, column = record.positions[unit, rank].tolist()
        path = target / f"{rank + 1}-{_word(Path(title).with_suffix('').as_posix())}.png"
        provenance = {
            "Software": "deepvis",
            "Source": title,
            "Description": f"{layer} {unit} at ({row}, {column}): {record.values[unit, rank]:.6g}",
        }
        write_png(path, pixels, provenance)
        written.append(path)
    return tuple(written)


def unit_patches(
    library: Library, layer: str, units: Sequence[int]
) -> Iterator[tuple[tuple[int, int], UInt8Array | None]]:
    """((unit, rank), pixels) of all patches of some units, as :meth:`Library.patch` cuts them.

    They come picture by picture, so that each is read once; None where it cannot be read any more.
    """
    record = library.layer(layer)
    colour = mean_colour(library.manifest.preprocessing)
    wanted: dict[int, list[tuple[int, int]]] = {}
    for unit in units:
        for rank, index in enumerate(record.pictures[unit].tolist()):
            if index >= 0:
                wanted.setdefault(index, []).append((unit, rank))
    for index in sorted(wanted):
        try:
            seen = library.seen(index)
        except SourceError:
            yield from ((place, None) for place in wanted[index])
            continue
        for unit, rank in wanted[index]:
            row, column = record.positions[unit, rank].tolist()
            box = field_box(record.receptive_field, (row, column), library.input_size)
            yield (unit, rank), cut(seen, box, colour)


def _table(library: Library, layer: str) -> str:
    """Statistics of a layer's units, a row a unit."""
    record = library.layer(layer)
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    names = [
        "unit",
        "maximum",
        "mean",
        "mean of maxima",
        "dead share",
        "pictures",
        "strongest picture",
        "row",
        "column",
    ]
    classes = range(1, min(_CLASSES, len(library.classes)) + 1)
    for place in classes:
        names += [f"class {place}", f"its mean of maxima {place}"]
    table.writerow(names)
    ranked = np.argsort(-np.nan_to_num(record.class_means, nan=-np.inf), axis=1, kind="stable")
    for unit in range(len(record.values)):
        picture = int(record.pictures[unit, 0])
        row: list[object] = [unit, *(f"{v[unit]:.7g}" for v in (record.maximum, record.mean, record.mean_maximum))]
        row += [f"{record.dead[unit]:.6g}", int(record.counted[unit])]
        row += [library.titles[picture] if picture >= 0 else "", *record.positions[unit, 0].tolist()]
        for place in classes:
            label = int(ranked[unit, place - 1])
            row += [library.classes[label], f"{record.class_means[unit, label]:.7g}"]
        table.writerow(row)
    return text.getvalue()


def _word(text: str) -> str:
    """A text as a part of a file's name."""
    return re.sub(r"[^\w.]+", "-", text).strip("-.")[-80:] or "layer"
