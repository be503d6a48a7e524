"""How many pictures a second are read, decoded and cropped for the network, by how many processes, beside torchvision.

    python benchmarks/decoding.py [--zip val.zip] [--folder PHOTOGRAPHS] [--pictures 1000] [--json FILE]

A row is one set and one network's input. ``here`` decodes in this process, as the API does by default; ``1`` and ``2``
are decoding processes while this one only takes their blocks, counted from the first block on, since starting a process
(1 to 3 seconds, most of it torch) is paid once. ``torchvision`` is what a script would do: Pillow, then Resize,
CenterCrop and PILToTensor, in this process. Without --zip and --folder, pictures of both kinds are made from the sample
photographs.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torchvision.transforms import v2

from deepvis.backend.picture_sets import BLOCK, PictureSet, decode_blocks, open_set
from deepvis.backend.preprocessing import Preprocessing

SMALL = Preprocessing((64, 64))
LARGE = Preprocessing((224, 224), resize_to=256)


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--zip", type=Path, help="small JPEGs, such as Tiny ImageNet's val.zip")
    parser.add_argument("--folder", type=Path, help="a folder of full-size photographs")
    parser.add_argument("--pictures", type=int, default=1000, help="pictures a measurement")
    parser.add_argument("--json", type=Path, help="write the figures here")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as place:
        small = open_set(options.zip or make_zip(Path(place)))
        large = open_set(options.folder or make_folder(Path(place)))
        rows = [
            measure("small JPEGs to 64 px", small, SMALL, 4 * options.pictures),
            measure("photographs to 224 px", large, LARGE, options.pictures),
        ]
    columns = list(rows[0])
    print(f"{os.cpu_count()} cores; pictures a second")
    print("  ".join(f"{name:>22}" for name in columns))
    for row in rows:
        cells = (f"{value:,.0f}" if isinstance(value, float) else value for value in row.values())
        print("  ".join(f"{cell:>22}" for cell in cells))
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")


def measure(name: str, pictures: PictureSet, preprocessing: Preprocessing, count: int) -> dict[str, Any]:
    """Pictures a second by each way."""
    blocks = [index % max(1, len(pictures) // BLOCK) for index in range(max(1, count // BLOCK))]

    def decoding(workers: int) -> Callable[[], Iterator[int]]:
        return lambda: (len(block.valid) for block in decode_blocks(pictures, preprocessing, "crop", blocks, workers))

    return {
        "set": name,
        "here": rate(decoding(0)),
        "1": rate(decoding(1)),
        "2": rate(decoding(2)),
        "torchvision": rate(lambda: by_torchvision(pictures, preprocessing, blocks)),
    }


def rate(work: Callable[[], Iterator[int]]) -> float:
    """Pictures a second, from the moment when the first block is there."""
    parts = work()
    next(parts)
    began = time.perf_counter()
    return sum(parts) / (time.perf_counter() - began)


def by_torchvision(pictures: PictureSet, preprocessing: Preprocessing, blocks: list[int]) -> Iterator[int]:
    """The same pictures by the transforms that torchvision's own networks bring."""
    transform = v2.Compose(
        [
            v2.Resize(preprocessing.resize_to or min(preprocessing.size), antialias=True),
            v2.CenterCrop(preprocessing.size),
            v2.PILToTensor(),
        ]
    )
    archive = zipfile.ZipFile(pictures.spec) if zipfile.is_zipfile(pictures.spec) else None
    for index in blocks:
        first = index * BLOCK
        tensors = []
        for place in range(first, min(first + BLOCK, len(pictures))):
            title = pictures.titles[place]
            file: Any = Path(pictures.spec, title) if archive is None else io.BytesIO(archive.read(title))
            with Image.open(file) as image:
                tensors.append(transform(image.convert("RGB")))
        yield len(torch.stack(tensors))


def make_zip(place: Path) -> Path:
    """The sample crops as JPEGs of 64 pixels."""
    samples = open_set("samples:")
    with zipfile.ZipFile(place / "small.zip", "w", zipfile.ZIP_STORED) as archive:
        for index in range(len(samples)):
            buffer = io.BytesIO()
            Image.fromarray(samples.read(index)).resize((64, 64)).save(buffer, "jpeg")
            archive.writestr(f"{index}.jpg", buffer.getvalue())
    return place / "small.zip"


def make_folder(place: Path) -> Path:
    """The sample crops as JPEGs of 500 × 375 pixels, as ImageNet's are on the average."""
    samples = open_set("samples:")
    folder = place / "photographs"
    folder.mkdir()
    for index in range(len(samples)):
        Image.fromarray(samples.read(index)).resize((500, 375)).save(folder / f"{index}.jpg")
    return folder


if __name__ == "__main__":
    main()
