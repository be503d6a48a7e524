"""Make the picture of docs/methods/class_image.md: ``python docs/make_class_image_pictures.py``.

Bundled networks only, no other data. Each class image is kept in a folder (``--keep``) and not made again.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from make_method_pictures import sheet
from PIL import Image

import deepvis
from deepvis.backend.network import Network
from deepvis.backend.runs import ClassImage
from deepvis.messages import UInt8Array

CLASSES = ("school bus", "tarantula", "bullet train", "tractor", "iPod")
OTHERS: Mapping[str, Mapping[str, Any]] = {
    "maco": {"target": "tractor", "recipe": "maco"},
    "yosinski": {"target": "tractor", "recipe": "yosinski"},
    "l2": {"target": "tractor", "recipe": "l2"},
    "conv4 37": {"layer": "conv4", "unit": 37},
    "conv6 12": {"layer": "conv6", "unit": 12},
}


def grown(net: Network, keep: Path, options: Mapping[str, Any]) -> UInt8Array:
    """A class image, from the folder if it was made before."""
    path = keep / f"{net.name}-{'-'.join(str(value).replace(' ', '-') for value in options.values())}.png"
    if not path.exists():
        *_, update = ClassImage(**options).steps(net)
        print(path.name, dict(update.result.figures), flush=True)
        Image.fromarray(update.image).save(path)
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir()) / "deepvis-class-images")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "methods" / "pictures")
    options = parser.parse_args()
    options.keep.mkdir(parents=True, exist_ok=True)
    plain, robust = (deepvis.load(name, device="cpu") for name in ("tinynet", "tinynet-robust"))
    rows = [[grown(net, options.keep, {"target": label}) for label in CLASSES] for net in (robust, plain)]
    sheet(rows, CLASSES, ("tinynet-\nrobust", "tinynet"), options.output / "class_image.png")
    others = [grown(robust, options.keep, chosen) for chosen in OTHERS.values()]
    sheet([others], list(OTHERS), ("tinynet-\nrobust",), options.output / "class_image_recipes.png")


if __name__ == "__main__":
    main()
