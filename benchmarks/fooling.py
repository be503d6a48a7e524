"""How often the attacks of ``deepvis.runs.Fooling`` succeed: ``python -m benchmarks.fooling --data FOLDER --out FILE``.

Validation pictures of Tiny ImageNet, each attacked by each method; the target is one of the other classes, drawn by
seed. Success is judged on the 8-bit picture. One JSON line a picture is written as it goes, and what the file holds
already is not computed again; the table is printed at the end (``--table`` prints it and computes nothing). FOLDER
holds ``val.zip`` (or the folder ``val``) and ``val_boxes.csv``. ``patch`` is trained once for each of ``--stickers``
targets, on the sample photographs, and then tried on every validation picture at one random place each.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import random
import statistics
import sys
import time
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

import deepvis
from deepvis.backend.network import Network
from deepvis.backend.runs.attacks.change import rounded
from deepvis.backend.runs.attacks.placement import Sticker
from deepvis.backend.runs.attacks.subject import Subject
from deepvis.backend.sources.pictures import read_picture
from deepvis.backend.sources.samples import samples
from deepvis.messages import UInt8Array

METHODS = ("ascent", "fgsm", "ifgsm", "pgd", "pgd_l2", "lbfgs", "patch")
Record = dict[str, Any]


def validation_pictures(data: Path, count: int, seed: int) -> Iterator[UInt8Array]:
    """``count`` pictures, in an order that ``seed`` decides."""
    with open(data / "val_boxes.csv", encoding="utf-8", newline="") as file:
        names = [row["file"] for row in csv.DictReader(file)]
    random.Random(seed).shuffle(names)
    archive = zipfile.ZipFile(data / "val.zip") if (data / "val.zip").exists() else None
    for name in names[:count]:
        raw = archive.read(name) if archive is not None else (data / "val" / name).read_bytes()
        with Image.open(io.BytesIO(raw)) as picture:
            yield np.asarray(picture.convert("RGB"))


def other_class(net: Network, image: UInt8Array, size: int | None, seed: int) -> int:
    """A class that the network does not say of the picture at this size."""
    present = int(Subject(net, image, size).logits[0].argmax())
    drawn = random.Random(seed).randrange(net.classes - 1)
    return drawn + (drawn >= present)


def attack(net: Network, image: UInt8Array, method: Any, size: int | None, number: int, options: Record) -> Record:
    """One picture attacked by one method."""
    target = other_class(net, image, size, number)
    began = time.perf_counter()
    for update in deepvis.runs.Fooling(method=method, target=target, size=size, seed=number, **options).steps(
        net, image
    ):
        last = update
    figures = ("probability", "l0", "l2", "linf", "psnr")
    return {
        "picture": number,
        "success": last.result.facts["success"],
        "steps": last.result.facts["steps"],
        **{name: last.metrics[name] for name in figures},
        "seconds": round(time.perf_counter() - began, 2),
    }


def sticker(net: Network, data: Path, args: argparse.Namespace, number: int, options: Record) -> Record:
    """One sticker, trained on the sample photographs, tried on every validation picture at its nominal size."""
    image = read_picture(samples()["coffee"][1])
    target = other_class(net, image, args.size, number)
    began = time.perf_counter()
    run = deepvis.runs.Fooling(method="patch", target=target, size=args.size, seed=number, **options)
    for update in run.steps(net, image):
        last = update
    values = torch.from_numpy(last.result.arrays["patch"])[None].to(net.device)
    generator = torch.Generator().manual_seed(number)
    tried = won = 0
    for picture in validation_pictures(data, args.pictures, args.seed):
        subject = Subject(net, picture, args.size)
        if int(subject.logits[0].argmax()) == target:
            continue
        shape = Sticker(subject.size, run.area, run.shape)
        laid = shape.lay(values, subject.pixels, shape.places(1, 0.0, run.rotation, generator))
        won += int(subject.judge(rounded(laid[0].cpu().numpy()))[0].argmax()) == target
        tried += 1
    return {
        "picture": number,
        "target": net.labels[target],
        "success": won >= 0.8 * tried,
        "wins": won / tried,
        "wins_on_its_own": last.result.facts["wins"],
        "steps": last.result.facts["steps"],
        "seconds": round(time.perf_counter() - began, 2),
    }


def table(path: Path) -> str:
    """The file's lines as a Markdown table."""
    groups: dict[tuple[str, ...], list[Record]] = defaultdict(list)
    for record in read(path):
        groups[tuple(str(record[name]) for name in ("network", "size", "method", "options"))].append(record)
    lines = [
        "| network | input | method | options | pictures | fooled | mean L2 | mean PSNR | steps (median) |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for (network, size, method, options), records in sorted(groups.items()):
        row = [network, f"{size} px", method, options.strip("{}").replace("'", "").replace(": ", " ") or "–"]
        row.append(str(len(records)))
        if method == "patch":
            wins = [record["wins"] for record in records]
            row += [", ".join(f"{record['target']} {100 * record['wins']:.0f} %" for record in records), "–", "–"]
            row[4] = f"{len(wins)} stickers"
        else:
            fooled = [record for record in records if record["success"]]
            row.append(f"{100 * len(fooled) / len(records):.0f} %")
            row.append(f"{statistics.fmean(record['l2'] for record in records):.2f}")
            row.append(f"{statistics.fmean(record['psnr'] for record in records):.1f} dB")
        row.append(f"{statistics.median(record['steps'] for record in records):.0f}")
        lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines)


def read(path: Path) -> list[Record]:
    """What the file holds already."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def main() -> int:
    """Attack, write, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of Tiny ImageNet")
    parser.add_argument(
        "--out", type=Path, default=Path("fooling.jsonl"), help="file of JSON lines, continued where it exists"
    )
    parser.add_argument("--network", default="tinynet")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--pictures", type=int, default=100)
    parser.add_argument("--stickers", type=int, default=3)
    parser.add_argument("--size", type=int, help="input size in px (the network's own)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--options", type=json.loads, default={}, help="further options of the run as JSON")
    parser.add_argument("--table", action="store_true", help="print the table of what the file holds, and stop")
    args = parser.parse_args()
    if not args.table:
        if args.data is None:
            parser.error("--data is needed to attack")
        net = deepvis.load(args.network)
        size = args.size or min(net.input_size)
        for method in args.methods:
            key = {"network": args.network, "size": size, "method": method, "options": args.options}
            done = {r["picture"] for r in read(args.out) if all(r[name] == value for name, value in key.items())}
            # A sticker is trained on the sample photographs: of the pictures only their numbers are of use here.
            count = args.stickers if method == "patch" else args.pictures
            for number, picture in enumerate(validation_pictures(args.data, count, args.seed)):
                if number in done:
                    continue
                if method == "patch":
                    record = sticker(net, args.data, args, number, args.options)
                else:
                    record = attack(net, picture, method, args.size, number, args.options)
                with open(args.out, "a", encoding="utf-8") as file:
                    file.write(json.dumps({**key, **record}, ensure_ascii=False) + "\n")
    print(table(args.out))
    return 0


if __name__ == "__main__":
    sys.exit(main())
