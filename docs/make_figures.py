"""Make the figures of docs/figures.md again: ``python docs/make_figures.py``.

Bundled networks and scikit-image's photographs only, no other data. Every picture comes from a command that is printed
as it is run; what is drawn here are the sheets. With ``--keep FOLDER`` the single pictures stay there, and
those that are there already are not made again.
"""

from __future__ import annotations

import argparse
import json
import shlex
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

import deepvis
from deepvis import cli
from deepvis.backend.export import write_png
from deepvis.backend.runs import registry
from deepvis.backend.sources.pictures import read_picture
from deepvis.backend.sources.samples import sample_path
from deepvis.cli.run_options import given_options, make_run
from deepvis.messages import UInt8Array

PAPER, INK, QUIET = (20, 22, 26), (231, 233, 236), (152, 161, 172)
GAP, EDGE = 8, 14
NETWORKS = ("tinynet", "tinynet-robust")
CLASSES = ("school bus", "tarantula", "bullet train", "tractor", "iPod")
QUALITY = 88


# ------------------------------------------------------------------------------------------------------------- sheets


@dataclass(frozen=True, slots=True)
class Tile:
    """A picture with lines under it, the first in ink, the others quiet. ``size``: (height, width) on the sheet."""

    picture: UInt8Array
    lines: tuple[str, ...] = ()


def write_sheet(
    path: Path,
    rows: Sequence[Sequence[Tile]],
    height: int,
    columns: Sequence[str] = (),
    names: Sequence[str] = (),
) -> None:
    """Write rows of tiles, all of one height, as a JPEG, with titles over the columns and before the rows."""
    font, small = ImageFont.load_default(size=14), ImageFont.load_default(size=12)
    fitted = [[(_fitted(tile.picture, height), tile.lines) for tile in row] for row in rows]
    widths = [
        max(row[column][0].width for row in fitted if column < len(row)) for column in range(max(map(len, fitted)))
    ]
    margin = max((round(font.getlength(line)) for name in names for line in name.split("\n")), default=0)
    left = EDGE + (margin + 12 if margin else 0)
    head = 26 if any(columns) else 0
    under = [4 + 17 * max(len(lines) for _, lines in row) if any(lines for _, lines in row) else 0 for row in fitted]
    width = left + sum(widths) + GAP * (len(widths) - 1) + EDGE
    total = EDGE + head + sum(height + below + GAP for below in under) - GAP + EDGE
    sheet = Image.new("RGB", (width, total), PAPER)
    draw = ImageDraw.Draw(sheet)
    places = [left + sum(widths[:column]) + GAP * column for column in range(len(widths))]
    for place, title, across in zip(places, columns, widths, strict=False):
        draw.text((place + across / 2, EDGE), title, INK, font, anchor="ma")
    top = EDGE + head
    for number, (row, below) in enumerate(zip(fitted, under, strict=True)):
        if names:
            for line, text in enumerate(names[number].split("\n")):
                ink = QUIET if line else INK
                draw.text((EDGE, top + height / 2 + 18 * line), text, ink, small if line else font, anchor="lm")
        for place, across, (picture, lines) in zip(places, widths, row, strict=False):
            sheet.paste(picture, (place + (across - picture.width) // 2, top))
            for line, text in enumerate(lines):
                where = (place + across / 2, top + height + 5 + 17 * line)
                draw.text(where, text, QUIET if line else INK, small, anchor="ma")
        top += height + below + GAP
    sheet.save(path, quality=QUALITY, optimize=True, subsampling=0)
    print(f"wrote {path.name}, {sheet.width} x {sheet.height}, {path.stat().st_size // 1024} KiB")


def _fitted(picture: UInt8Array, height: int) -> Image.Image:
    """Scaled to a height: by repeated pixels where the picture is much smaller, smoothly otherwise."""
    image = Image.fromarray(picture)
    return image.resize((round(image.width * height / image.height), height), Image.Resampling.LANCZOS)


# ------------------------------------------------------------------------------------------------ pictures by command


@dataclass(frozen=True, slots=True)
class Made:
    """A picture, those that belong to it, and what its command wrote about it."""

    picture: UInt8Array
    beside: dict[str, UInt8Array]
    facts: dict[str, Any]


class Kitchen:
    """Runs commands of deepvis into a folder, each picture once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def made(self, name: str, *words: str) -> Made:
        """The picture that ``deepvis WORDS -o NAME.png`` makes."""
        path = self.folder / f"{name}.png"
        if not path.exists():
            print("deepvis", shlex.join([*words, "-o", path.name]), flush=True)
            if cli.main([*words, "-o", str(path)]):
                raise SystemExit(f"{path.name} could not be made")
        with Image.open(path) as image:
            facts = json.loads(image.text["deepvis"])  # type: ignore[attr-defined]
            picture = np.asarray(image.convert("RGB"))
        beside = {
            other.stem.removeprefix(f"{name}-"): np.asarray(Image.open(other).convert("RGB"))
            for other in sorted(self.folder.glob(f"{name}-*.png"))
        }
        return Made(picture, beside, facts)

    def course(self, name: str, steps: Sequence[int], *words: str) -> list[UInt8Array]:
        """What ``deepvis WORDS`` shows after each of ``steps``, of which 0 is the photograph."""
        paths = [self.folder / f"{name}-{step}.png" for step in steps]
        if not all(path.exists() for path in paths):
            print("deepvis", shlex.join([*words, "-o", f"{name}.png"]), flush=True)
            options = cli.make_parser().parse_args([*words, "-o", f"{name}.png"])
            run = make_run(registry()["deepdream"], given_options(options))
            picture = read_picture(sample_path(options.image))
            for update in run.steps(deepvis.load(options.model or "tinynet", "cpu"), picture):
                if update.step == 1:
                    write_png(self.folder / f"{name}-0.png", update.detail["pictures"]["Before"])
                if update.step in steps:
                    write_png(self.folder / f"{name}-{update.step}.png", update.image)
        return [np.asarray(Image.open(path).convert("RGB")) for path in paths]


def percent(probability: float) -> str:
    """``93 %``, ``0.2 %``, ``< 0.1 %``."""
    value = 100 * probability
    if value < 0.1:
        return "< 0.1 %"
    return f"{value:.0f} %" if 10 <= value < 99 or value >= 99.95 else f"{value:.1f} %"


# -------------------------------------------------------------------------------------------------------- the figures


def class_images(kitchen: Kitchen, path: Path) -> None:
    """What the two networks want to see, for five classes."""
    rows = []
    for network in NETWORKS:
        row = []
        for label in CLASSES:
            name = f"{network}-{label.replace(' ', '-')}"
            made = kitchen.made(name, "maximise", "--target", label, "--model", network)
            row.append(Tile(made.picture, (percent(made.facts["figures"]["probability"]),)))
        rows.append(row)
    write_sheet(path, rows, 192, CLASSES, NETWORKS)


def recipes(kitchen: Kitchen, path: Path) -> None:
    """One class by the recipes of four papers."""
    chosen = {
        "Simonyan et al. 2013": ("--recipe", "l2"),
        "Yosinski et al. 2015": ("--preset", "yosinski-4"),
        "Olah et al. 2017": (),
        "Fel et al. 2023": ("--recipe", "maco"),
    }
    row = []
    for words in chosen.values():
        name = f"tinynet-robust-tractor{''.join(words[1:])}"
        made = kitchen.made(name, "maximise", "--target", "tractor", *words, "--model", "tinynet-robust")
        row.append(Tile(made.picture, (f"tractor {percent(made.facts['figures']['probability'])}",)))
    write_sheet(path, [row], 192, list(chosen))


def inversion(kitchen: Kitchen, path: Path) -> None:
    """A cat, from what each convolution knows of it."""
    rows = []
    for network in NETWORKS:
        made = kitchen.made(f"{network}-inversion", "invert", "sample:cat", "--strip", "--all", "--model", network)
        layers, figures = made.facts["facts"]["layers"], made.facts["figures"]
        row = [Tile(made.beside["original"], ("original",))]
        for layer in layers:
            error, likeness = figures[f"feature_error {layer}"], figures[f"psnr {layer}"]
            row.append(Tile(made.beside[layer], (layer, f"error {error:.2f}, {likeness:.0f} dB")))
        rows.append(row)
    write_sheet(path, rows, 128, names=NETWORKS)


def dreams(kitchen: Kitchen, path: Path) -> None:
    """One photograph dreamt on by two layers and by the other network, after each octave."""
    rows, names = [], []
    steps = (0, 10, 20, 30, 40)
    for network, layer in (("tinynet", "relu4"), ("tinynet", "relu6"), ("tinynet-robust", "relu6")):
        words = ("dream", "sample:coffee", "--layer", layer, "--size", "448", "--model", network)
        rows.append([Tile(picture) for picture in kitchen.course(f"dream-{network}-{layer}", steps, *words)])
        names.append(f"{layer}\n{network}")
    write_sheet(path, rows, 160, ("photograph", *(f"step {step}" for step in steps[1:])), names)


def fooling(kitchen: Kitchen, path: Path) -> None:
    """Photographs taken for a tractor and for a cliff."""
    rows = []
    smallest, within = ("--method", "lbfgs"), ("--method", "pgd_l2", "--epsilon", "4")
    for sample, words, target in (
        *(("cat", smallest, target) for target in ("tractor", "cliff")),
        *(("coffee", within, target) for target in ("tractor", "cliff")),
    ):
        made = kitchen.made(f"fool-{sample}-{target}", "fool", f"sample:{sample}", "--target", target, *words, "--all")
        figures, facts = made.facts["figures"], made.facts["facts"]
        before = facts["label_before"]
        if not facts["success"]:
            raise SystemExit(f"{sample} does not become a {target}: choose other options")
        rows.append(
            [
                Tile(
                    made.beside["before"],
                    (
                        f"{before} {percent(figures['original_probability_before'])}",
                        f"{target} {percent(figures['probability_before'])}",
                    ),
                ),
                Tile(
                    made.beside["difference"],
                    (
                        f"difference, {facts['magnification']} times",
                        f"L2 {figures['l2']:.2f}, PSNR {figures['psnr']:.0f} dB",
                    ),
                ),
                Tile(
                    made.picture,
                    (
                        f"{target} {percent(figures['probability'])}",
                        f"{before} {percent(figures['original_probability'])}",
                    ),
                ),
            ]
        )
    pairs = [[*rows[number], *rows[number + 1]] for number in range(0, len(rows), 2)]
    write_sheet(path, pairs, 176)


def saliency(kitchen: Kitchen, path: Path) -> None:
    """Which pixels the score of the network's own class depends on."""
    rows = []
    for sample in ("cat", "coffee", "rocket"):
        row = []
        for method in ("gradient", "smoothgrad", "integrated_gradients"):
            made = kitchen.made(f"saliency-{sample}-{method}", "saliency", f"sample:{sample}", "--method", method)
            row.append(Tile(made.picture))
            label = f"{made.facts['label']} {percent(made.facts['probability'])}"
        rows.append([Tile(seen(sample), (label,)), *row])
    titles = ("what the network sees", "gradient", "SmoothGrad", "Integrated Gradients")
    write_sheet(path, rows, 160, titles)


def seen(sample: str) -> UInt8Array:
    """A sample photograph as tinynet is shown it, uint8 (h, w, 3) RGB."""
    pixels = deepvis.load("tinynet", "cpu").preprocessing.pixels(read_picture(sample_path(f"sample:{sample}")))
    return np.ascontiguousarray(pixels.permute(1, 2, 0).numpy())


FIGURES: dict[str, Callable[[Kitchen, Path], None]] = {
    "class-images": class_images,
    "recipes": recipes,
    "inversion": inversion,
    "dreams": dreams,
    "fooling": fooling,
    "saliency": saliency,
}


def main() -> None:
    """Make the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--only", nargs="+", choices=FIGURES, default=list(FIGURES), help="some of the figures")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where the single pictures stay")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "images" / "figures")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        if options.keep is not None:
            options.keep.mkdir(parents=True, exist_ok=True)
        kitchen = Kitchen(options.keep or Path(folder))
        for name in options.only:
            FIGURES[name](kitchen, options.output / f"{name}.jpg")


if __name__ == "__main__":
    main()
