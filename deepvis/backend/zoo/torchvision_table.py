"""The table of torchvision's classification networks, so that they can be listed without importing torch.

``python -m deepvis.backend.zoo.torchvision_table`` writes it anew from the installed torchvision.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from deepvis.resources_path import resource

TABLE = "torchvision_networks.json"


@dataclass(frozen=True, slots=True)
class Entry:
    """One network with its default weights.

    Attributes
    ----------
    name : as torchvision calls it.
    weights : name of the default weights, such as ``IMAGENET1K_V2``.
    parameters : number of weights.
    input_size, resize_to : pixels of the square input, and of the shorter side before the centre crop.
    download : size of the file in bytes, as torchvision's documentation has it (rounded).
    file : name of the file; the digits after its last hyphen begin its SHA-256.
    url : where it is.
    """

    name: str
    weights: str
    parameters: int
    input_size: int
    resize_to: int
    download: int
    file: str
    url: str


@cache
def table() -> dict[str, Entry]:
    """The shipped table by name. Imports nothing heavy."""
    path = resource(TABLE)
    rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["networks"]
    return {row["name"]: Entry(**row) for row in rows}


def installed_table() -> dict[str, Entry]:
    """The same, read from the installed torchvision."""
    from torchvision import models

    entries = {}
    for name in sorted(models.list_models(module=models)):
        weights = models.get_model_weights(name).DEFAULT
        transforms = weights.transforms()
        entries[name] = Entry(
            name=name,
            weights=str(weights.name),
            parameters=int(weights.meta["num_params"]),
            input_size=int(transforms.crop_size[0]),
            resize_to=int(transforms.resize_size[0]),
            download=round(float(weights.meta.get("_file_size", 0.0)) * 2**20),
            file=weights.url.rsplit("/", 1)[1],
            url=str(weights.url),
        )
    return entries


def checkpoint_directory() -> Path:
    """Where torch.hub keeps weights (``$TORCH_HOME/hub/checkpoints``), found without importing torch."""
    if "torch.hub" in sys.modules:
        return Path(sys.modules["torch.hub"].get_dir()) / "checkpoints"
    cache_home = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    home = os.environ.get("TORCH_HOME", os.path.join(cache_home, "torch"))
    return Path(os.path.expanduser(home)) / "hub" / "checkpoints"


def main(argv: Sequence[str] | None = None) -> int:
    """Write the table of the installed torchvision into ``resources/``, or into the file that is named."""
    import torchvision

    arguments = list(sys.argv[1:] if argv is None else argv)
    target = Path(arguments[0]) if arguments else resource(TABLE)
    rows = [asdict(entry) for entry in installed_table().values()]
    version = torchvision.__version__.split("+")[0]
    text = json.dumps({"torchvision": version, "networks": rows}, indent=1)
    target.write_text(text + "\n", encoding="utf-8")
    print(f"{len(rows)} networks of torchvision {version} written to {target.name}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
