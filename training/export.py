"""Make what ships from a finished run: ``python -m training.export CHECKPOINT --data FOLDER``.

Folds batch norm, checks that the folded network is the trained one, writes fp16 safetensors, measures what was written,
and writes the model card for the program (JSON) and for people (Markdown).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

from deepvis.backend.zoo.tinynet import TinyNet
from training import data as sets
from training.batches import as_tensor
from training.card import machine_card, people_card
from training.evaluate import Subject, accuracy, measure, normalised, subject, trained_network
from training.network import fold
from training.train import choose_device, read_checkpoint

LARGEST = 8_000_000
"""Bytes that a bundled network may take."""
TOLERANCE = 1e-3
"""Largest relative difference of the logits before and after folding."""


def relative_difference(left: Tensor, right: Tensor) -> float:
    """Largest absolute difference of the entries, divided by the largest absolute entry of `right`."""
    return float((left - right).abs().max() / right.abs().max())


def half(module: TinyNet) -> bytes:
    """The module's weights as a safetensors file in fp16.

    Raises
    ------
    ValueError
        A weight is not finite in fp16, or the file is larger than a bundled network may be.
    """
    tensors = {name: value.to(torch.float16).contiguous() for name, value in module.state_dict().items()}
    broken = [name for name, value in tensors.items() if not bool(value.isfinite().all())]
    if broken:
        raise ValueError(f"not finite in fp16: {', '.join(broken)}")
    content: bytes = save(tensors)
    if len(content) > LARGEST:
        raise ValueError(f"{len(content)} bytes are more than the {LARGEST} that a bundled network may take")
    return content


def living_filters(module: TinyNet, pixels: Tensor) -> int:
    """conv1's filters that respond: their rectified output is above 0 somewhere in the pictures, and varies.

    Parameters
    ----------
    module : TinyNet
    pixels : Tensor, float32 (N, 3, h, w) in 0 to 1

    Returns
    -------
    int
    """
    conv1 = module.get_submodule("conv1")
    with torch.inference_mode():
        response = normalised(conv1)(pixels).relu().transpose(0, 1).flatten(1)
    spread = response.std(1)
    return int((spread > 0.01 * spread.median()).sum())


def _replace(path: Path, content: bytes) -> None:
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(content)
    partial.replace(path)


def _check_folding(state: dict[str, Any], folded: TinyNet, pixels: Tensor) -> float:
    trained = trained_network(state)
    with torch.inference_mode():
        difference = relative_difference(normalised(folded)(pixels), trained(pixels))
    if difference > TOLERANCE:
        raise ValueError(f"the folded network differs from the trained one by {difference:.1e} (relative, logits)")
    return difference


def export(checkpoint: Path, data: Path, resources: Path, cache: Path | None, every: int, pgd_every: int) -> str:
    """Write the three files of a bundled network and return a summary for people.

    Parameters
    ----------
    checkpoint : Path
        A training run's ``checkpoint.pt``, finished or not; the card says which.
    data : Path
        Its validation part is measured.
    resources : Path
        The folder of the bundled networks.
    cache : Path or None
        Folder for the decoded pictures.
    every, pgd_every : int
        Only every so many pictures are measured; 0 leaves PGD out.

    Raises
    ------
    ValueError
        The folded network is not the trained one, or the file would be too large.
    """
    state = read_checkpoint(checkpoint)
    name = str(state["recipe"]["name"])
    pictures = sets.load(data, "val", cache)
    device = choose_device()
    folded = fold(trained_network(state))
    sample = as_tensor(pictures.pixels[:: max(1, len(pictures) // 256)])
    difference = _check_folding(state, folded, sample)
    alive = living_filters(folded, sample)
    content = half(folded)

    resources.mkdir(parents=True, exist_ok=True)
    weights = resources / f"{name}.safetensors"
    _replace(weights, content)
    card = machine_card(
        state,
        steps=max(1, -(-int(state["recipe"]["images"]) // int(state["recipe"]["batch"]))),
        weights={
            "file": weights.name,
            "bytes": len(content),
            "dtype": "float16",
            "sha256": hashlib.sha256(content).hexdigest(),
        },
        parameters=sum(p.numel() for p in folded.parameters()),
        date=time.strftime("%Y-%m-%d", time.gmtime(checkpoint.stat().st_mtime)),
    )
    _write_cards(resources, name, card)
    figures = measure(subject(name, device, resources), pictures, device, every, pgd_every)
    before, _ = accuracy(
        Subject(name, trained_network(state).to(device), pictures.labels).classify, pictures, 64, device, every
    )
    figures["folding"] = {"relative_difference_of_logits": float(f"{difference:.1e}"), "top1_before": round(before, 4)}
    figures["conv1"] = {"alive": alive, "of": int(folded.widths[0])}
    card["figures"] = figures
    _write_cards(resources, name, card)
    return people_card(card)


def _write_cards(resources: Path, name: str, card: dict[str, Any]) -> None:
    _replace(resources / f"{name}.json", (json.dumps(card, indent=1, ensure_ascii=False) + "\n").encode())
    _replace(resources / f"{name}.md", people_card(card).encode())


def main(argv: Iterable[str] | None = None) -> int:
    """Run the command line; the exit status is 0 done, 1 failed."""
    parser = argparse.ArgumentParser(prog="python -m training.export", description=str(__doc__).split("\n\n")[0])
    parser.add_argument("checkpoint", type=Path, help="a training run's checkpoint.pt")
    parser.add_argument("--data", type=Path, required=True, help="its validation part is measured")
    parser.add_argument("--cache", type=Path, help="folder for the decoded pictures")
    parser.add_argument("--resources", type=Path, default=Path("resources/networks"), help="where the files go")
    parser.add_argument("--every", type=int, default=1, help="measure every so many pictures only (default: all)")
    parser.add_argument("--pgd-every", type=int, default=1, help="the same under PGD; 0 leaves PGD out")
    parser.add_argument("--threads", type=int, help="CPU threads; by default all cores")
    args = parser.parse_args(None if argv is None else list(argv))
    torch.set_num_threads(args.threads or len(os.sched_getaffinity(0)))
    try:
        print(export(args.checkpoint, args.data, args.resources, args.cache, args.every, args.pgd_every))
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
