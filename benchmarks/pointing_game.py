"""Does a map's maximum lie on the object? ``python -m benchmarks.pointing_game --data FOLDER``.

The pointing game (Zhang et al. 2016, "Top-down neural attention by excitation backprop") on the validation boxes of
Tiny ImageNet: pictures that the network classifies correctly and whose box covers at most half of the picture; a method
scores where the maximum of its map of the true class lies inside the box. The centre of the picture is the baseline.
FOLDER holds ``val.zip`` (or the folder ``val``), ``val_boxes.csv`` (file, wnid, x0, y0, x1, y1; inclusive pixels) and
``classes.csv`` (index, wnid, name).
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import math
import random
import sys
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import deepvis
from deepvis import methods
from deepvis.backend.network import Network
from deepvis.messages import FloatArray, UInt8Array

Map = Callable[[Network, UInt8Array, int], FloatArray]


@dataclass(frozen=True, slots=True)
class Boxed:
    """A picture, its class, and its object's box (top, left, bottom, right) in pixels, half open."""

    image: UInt8Array
    label: str
    box: tuple[int, int, int, int]


def boxed_pictures(data: Path, largest: float, seed: int) -> Iterator[Boxed]:
    """The validation pictures whose box covers at most ``largest`` of them, in an order that ``seed`` decides."""
    with open(data / "classes.csv", encoding="utf-8", newline="") as file:
        names = {row["wnid"]: row["name"] for row in csv.DictReader(file)}
    with open(data / "val_boxes.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    random.Random(seed).shuffle(rows)
    archive = zipfile.ZipFile(data / "val.zip") if (data / "val.zip").exists() else None
    for row in rows:
        left, top, right, bottom = (int(row[name]) for name in ("x0", "y0", "x1", "y1"))
        raw = archive.read(row["file"]) if archive is not None else (data / "val" / row["file"]).read_bytes()
        with Image.open(io.BytesIO(raw)) as picture:
            image = np.asarray(picture.convert("RGB"))
        box = (top, left, bottom + 1, right + 1)
        if (box[2] - box[0]) * (box[3] - box[1]) <= largest * image.shape[0] * image.shape[1]:
            yield Boxed(image, names[row["wnid"]], box)


def hits(net: Network, boxed: Boxed, values: FloatArray) -> bool:
    """Whether the maximum of an input-sized map, taken back to the picture, lies inside the box.

    Where the map has its maximum over an area (a window's, in occlusion), the middle of it counts: the first of its
    pixels would lie at its upper left corner.
    """
    rows, columns = np.nonzero(values == values.max())
    middle = int(((rows - rows.mean()) ** 2 + (columns - columns.mean()) ** 2).argmin())
    row, column = int(rows[middle]), int(columns[middle])
    top, left, bottom, right = net.preprocessing.placement(*boxed.image.shape[:2]).seen
    y = top + (row + 0.5) * (bottom - top) / values.shape[0]
    x = left + (column + 0.5) * (right - left) / values.shape[1]
    return bool(boxed.box[0] <= y < boxed.box[2] and boxed.box[1] <= x < boxed.box[3])


def centre(net: Network, image: UInt8Array, target: int) -> FloatArray:
    """A map whose maximum is the middle of the input."""
    values = np.zeros(net.input_size, np.float32)
    values[net.input_size[0] // 2, net.input_size[1] // 2] = 1
    return values


def magnitude(values: FloatArray) -> FloatArray:
    """Largest magnitude over channels."""
    result: FloatArray = np.abs(values).max(0)
    return result


def contestants(net: Network) -> dict[str, Map]:
    """The methods, by the name in the table."""
    convolutions = [layer.name for layer in net.layers if layer.kind == "conv"]
    logits = net.layers[-1].name
    named: dict[str, Map] = {
        "centre of the picture (baseline)": centre,
        "saliency": lambda net, image, target: methods.saliency(net, image, target),
        "SmoothGrad, 10 samples": lambda net, image, target: methods.smoothgrad(net, image, target, samples=10),
        "Integrated Gradients, 10 steps": lambda net, image, target: methods.saliency(
            net, image, target, "integrated_gradients", steps=10
        ),
        "guided back-projection of the class": lambda net, image, target: magnitude(
            methods.backproject(net, image, logits, target, "guided", seed="one")
        ),
        "deconvnet back-projection of the class": lambda net, image, target: magnitude(
            methods.backproject(net, image, logits, target, "deconvnet", seed="one")
        ),
    }
    for layer in reversed(convolutions[-2:]):
        named[f"Grad-CAM on {layer}"] = lambda net, image, target, layer=layer: methods.grad_cam(  # type: ignore[misc]
            net, image, target, layer
        )
    named["guided Grad-CAM"] = lambda net, image, target: magnitude(methods.guided_grad_cam(net, image, target))
    named["occlusion, logit, window of a seventh"] = lambda net, image, target: (
        methods.occlusion(net, image, target, batch=32, precision="auto").drop
    )
    third = round(min(net.input_size) * 0.31)
    named["occlusion, probability, window of a third"] = lambda net, image, target: (
        methods.occlusion(
            net, image, target, patch=third, stride=third // 2, batch=32, precision="auto"
        ).probability_drop
    )
    return named


def play(
    net: Network, data: Path, count: int, largest: float, seed: int, wanted: Sequence[str] = ()
) -> tuple[dict[str, list[bool]], int]:
    """Of each method, whether it hit in each picture of the game; and how many were looked at to find these.

    ``wanted``: beginnings of the names of methods that play beside the baseline; none: all of them.
    """
    games = contestants(net)
    if wanted:
        games = {name: game for name, game in games.items() if name.lower().startswith(("centre", *wanted))}
    scores: dict[str, list[bool]] = {name: [] for name in games}
    played, seen = 0, 0
    for boxed in boxed_pictures(data, largest, seed):
        if played == count:
            break
        seen += 1
        target = net.labels.index(boxed.label)
        if int(net.logits(boxed.image).argmax()) != target:
            continue
        played += 1
        for name, game in games.items():
            scores[name].append(hits(net, boxed, game(net, boxed.image, target)))
        if played % 50 == 0:
            told = ", ".join(f"{name} {sum(score)}" for name, score in scores.items())
            print(f"{played} pictures: {told}", file=sys.stderr, flush=True)
    return scores, seen


def main() -> None:
    """Measure and print the table of docs/methods/README.md."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True, help="folder of Tiny ImageNet's validation set")
    parser.add_argument("--network", default="tinynet", help="a network with Tiny ImageNet's classes (tinynet)")
    parser.add_argument("--pictures", type=int, default=500, help="correctly classified pictures (500)")
    parser.add_argument("--largest-box", type=float, default=0.5, help="share of the picture (0.5)")
    parser.add_argument("--seed", type=int, default=0, help="which pictures (0)")
    parser.add_argument(
        "--methods", nargs="+", default=[], metavar="NAME", help="only those whose names begin so, such as occlusion"
    )
    parser.add_argument("--bf16", action="store_true", help="compute in bf16, as the live view does where it is faster")
    parser.add_argument("--json", metavar="FILE", help="write the figures as well")
    options = parser.parse_args()
    net = deepvis.load(options.network)
    if options.bf16:
        net = net.converted(torch.bfloat16, channels_last=True)
    scores, seen = play(
        net,
        options.data,
        options.pictures,
        options.largest_box,
        options.seed,
        [name.lower() for name in options.methods],
    )
    baseline = next(iter(scores.values()))
    played = len(baseline)
    print(f"{played} pictures, of {seen} with a box of at most {options.largest_box:g} of the picture; {net!r}\n")
    print("| method | maximum inside the box | won and lost against the centre |\n|---|---|---|")
    for name, score in scores.items():
        share = sum(score) / played
        won = sum(mine and not its for mine, its in zip(score, baseline, strict=True))
        lost = sum(its and not mine for mine, its in zip(score, baseline, strict=True))
        against = "–" if score is baseline else f"{won}, {lost}"
        print(f"| {name} | {share:.3f} ± {math.sqrt(share * (1 - share) / played):.3f} | {against} |")
    if options.json:
        hit = {name: sum(score) for name, score in scores.items()}
        record = {"network": net.name, "hash": net.hash, "pictures": played, "seen": seen, "hits": hit}
        Path(options.json).write_text(json.dumps(record, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
