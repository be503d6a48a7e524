"""The picture in image-sets.md: ``python docs/make_scan_pictures.py``. It scans the sample photographs with tinynet."""

import tempfile
from pathlib import Path

from PIL import Image

import deepvis
from deepvis.backend.library.sheet import sheet

UNITS = (
    ("conv1", 5),
    ("conv1", 49),
    ("conv2", 35),
    ("conv3", 94),
    ("conv5", 43),
    ("conv5", 192),
    ("conv6", 333),
    ("conv6", 247),
    ("conv6", 248),
    ("conv7", 482),
)
TARGET = Path(__file__).parent / "images" / "patches.jpg"


def main() -> None:
    net = deepvis.load("tinynet", device="cpu")
    with tempfile.TemporaryDirectory() as folder:
        for _ in deepvis.runs.PatchScan(folder=folder).steps(net, "samples:"):
            pass
        library = deepvis.Library(folder)
        rows = [
            (f"{layer} · {unit}", [library.patch(layer, unit, rank).pixels for rank in range(9)])
            for layer, unit in UNITS
        ]
    Image.fromarray(sheet(rows, 64, 2)).save(TARGET, quality=88)


if __name__ == "__main__":
    main()
