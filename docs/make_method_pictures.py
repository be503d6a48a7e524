"""Make the pictures of docs/methods: ``python docs/make_method_pictures.py --size 128``.

Bundled network and scikit-image's photographs only, no other data. Prints the figures that the pages quote.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import skimage.data
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import nn

import deepvis
from deepvis import methods
from deepvis.backend.methods.backprojection import strongest_units
from deepvis.backend.methods.views import back_view
from deepvis.backend.network import Network
from deepvis.colormaps import colorize
from deepvis.messages import RULES, FloatArray, UInt8Array

TILE, GAP, TITLE = 176, 6, 20
INK, PAPER = (27, 30, 36), (255, 255, 255)
PHOTOGRAPHS = ("chelsea", "coffee", "rocket")


def sheet(
    rows: Sequence[Sequence[UInt8Array | None]],
    columns: Sequence[str],
    names: Sequence[str],
    path: Path,
    tile_size: int = TILE,
) -> None:
    """Write tiles as a table with a title over each column and one before each row."""
    font = ImageFont.load_default(size=13)
    lines = [line for name in names for line in name.split("\n")]
    margin = max(int(font.getlength(line)) for line in lines) + (2 * GAP if any(names) else 0)
    width = margin + len(columns) * (tile_size + GAP)
    picture = Image.new("RGB", (width, TITLE + len(rows) * (tile_size + GAP)), PAPER)
    draw = ImageDraw.Draw(picture)
    for number, title in enumerate(columns):
        draw.text((margin + number * (tile_size + GAP) + tile_size / 2, 2), title, INK, font, anchor="ma")
    for row, tiles in enumerate(rows):
        top = TITLE + row * (tile_size + GAP)
        draw.text((GAP, top + tile_size / 2), names[row], INK, font, anchor="lm")
        for column, tile in enumerate(tiles):
            if tile is not None:
                sharp = Image.Resampling.NEAREST if tile.shape[0] < 64 else Image.Resampling.BICUBIC
                fitted = Image.fromarray(tile).resize((tile_size, tile_size), sharp)
                picture.paste(fitted, (margin + column * (tile_size + GAP), top))
    picture.quantize(255).save(path, optimize=True)
    print(f"wrote {path.name}, {path.stat().st_size // 1024} KiB")


def shown(net: Network, x: torch.Tensor) -> UInt8Array:
    """What the network sees, as a picture."""
    pixels = net.preprocessing.denormalise(x[0]).clamp(0, 1).mul(255).round().to(torch.uint8)
    return np.ascontiguousarray(pixels.permute(1, 2, 0).numpy())


def heat(values: FloatArray, colormap: str = "inferno", clip: float = 100.0) -> UInt8Array:
    """A map >= 0 in colours, its ``clip`` percentile at the top."""
    top = max(float(np.percentile(values, clip)), 1e-12)
    return colorize((np.clip(values / top, 0, 1) * 255 + 0.5).astype(np.uint8), colormap)[:, :, 2::-1]


def over(picture: UInt8Array, values: FloatArray) -> UInt8Array:
    """A map over the picture that it is about."""
    return (0.4 * picture + 0.6 * heat(np.maximum(values, 0)) + 0.5).astype(np.uint8)


def signed(gradient: FloatArray) -> UInt8Array:
    """A back-projection in its raw view."""
    values = back_view(torch.from_numpy(np.ascontiguousarray(gradient)), "raw").values
    return np.ascontiguousarray(values.mul(255).round().to(torch.uint8).permute(1, 2, 0).numpy())


def activations_and_filters(net: Network, x: torch.Tensor, folder: Path) -> None:
    layers = ["conv1", "conv3", "conv5", "conv7"]
    rows = []
    for layer in layers:
        values = methods.activations(net, x, layer)
        strongest = strongest_units(torch.from_numpy(values)[None], 5)
        rows.append([shown(net, x), *(heat(np.maximum(values[unit], 0), "viridis") for unit in strongest)])
    sheet(rows, ["input", "strongest unit", "second", "third", "fourth", "fifth"], layers, folder / "activations.png")
    weights = methods.filters(net, "conv1")
    order = np.argsort(-np.abs(weights).reshape(len(weights), -1).max(1))[:24]
    tiles = []
    for unit in order:
        kernel = weights[unit].transpose(1, 2, 0)
        tiles.append((np.clip(0.5 + kernel / (2 * np.abs(kernel).max()), 0, 1) * 255).astype(np.uint8))
    sheet([tiles[:8], tiles[8:16], tiles[16:]], [""] * 8, ["", "", ""], folder / "filters.png", 88)


def backprojections(net: Network, x: torch.Tensor, folder: Path) -> None:
    layers = ["conv2", "conv4", "conv5", "conv6", "conv7"]
    units = {
        layer: strongest_units(torch.from_numpy(methods.activations(net, x, layer))[None], 1)[0] for layer in layers
    }
    top = int(net.forward(x)[0].argmax())
    rows: list[list[UInt8Array | None]] = []
    for rule in RULES:
        tiles = [signed(methods.backproject(net, x, layer, units[layer], rule)) for layer in layers]
        tiles.append(signed(methods.backproject(net, x, "fc", top, rule, seed="one")))
        rows.append([shown(net, x), *tiles])
    titles = ["input", *(f"{layer}, unit {unit}" for layer, unit in units.items()), net.labels[top]]
    sheet(rows, titles, list(RULES), folder / "backprojection.png")
    gradient = torch.from_numpy(methods.backproject(net, x, "conv6", units["conv6"], "guided"))
    views = []
    for view in ("raw", "gray", "norm", "norm_blur", "positive"):
        values = back_view(gradient, view).values.mul(255).round().to(torch.uint8).numpy()  # type: ignore[arg-type]
        views.append(np.ascontiguousarray(values.transpose(1, 2, 0)) if values.ndim == 3 else np.dstack([values] * 3))
    sheet([views], ["raw", "gray", "norm", "norm_blur", "positive"], [""], folder / "views.png")


def class_maps(net: Network, inputs: dict[str, torch.Tensor], folder: Path) -> None:
    saliency, cam, covered = [], [], []
    names = []
    for name, x in inputs.items():
        picture = shown(net, x)
        probabilities = torch.softmax(net.forward(x)[0], 0)
        top = int(probabilities.argmax())
        names.append(f"{net.labels[top]}\n{float(probabilities[top]):.0%}")
        print(f"{name}: {net.labels[top]} {float(probabilities[top]):.3f}")
        plain = methods.saliency(net, x, top)
        smooth = methods.smoothgrad(net, x, top)
        integrated = methods.saliency(net, x, top, "integrated_gradients")
        saliency.append([picture, *(heat(values, clip=99.5) for values in (plain, smooth, integrated))])
        coarse = [methods.grad_cam(net, x, top, layer) for layer in ("conv7", "conv6")]
        guided = methods.guided_grad_cam(net, x, top)
        cam.append([picture, *(over(picture, values) for values in coarse), signed(guided)])
        found = methods.occlusion(net, x, top, precision="auto")
        row, column = (int(i) for i in np.unravel_index(int(found.logit.argmin()), found.logit.shape))
        grid = heat(found.probability, "viridis")
        covered.append([picture, found.covered(row, column), grid, over(picture, found.drop)])
    sheet(saliency, ["input", "gradient", "SmoothGrad", "Integrated Gradients"], names, folder / "saliency.png")
    sheet(cam, ["input", "Grad-CAM, conv7", "Grad-CAM, conv6", "guided Grad-CAM"], names, folder / "grad_cam.png")
    sheet(covered, ["input", "worst window", "probability", "drop of the logit"], names, folder / "occlusion.png")


def randomised(net: Network, parts: Sequence[str]) -> Network:
    """A copy whose ``parts`` have the weights of a network that was never trained."""
    module = copy.deepcopy(net.module)
    torch.manual_seed(0)
    for name in parts:
        part = module.get_submodule(name)
        assert isinstance(part, nn.Conv2d | nn.Linear)
        nn.init.kaiming_normal_(part.weight, nonlinearity="relu")
        assert part.bias is not None
        nn.init.zeros_(part.bias)
    twin = copy.copy(net)
    twin.module = module
    return twin


def rank_correlation(first: FloatArray, second: FloatArray) -> float:
    """Spearman's, of two maps."""
    ranks = [np.argsort(np.argsort(values.ravel())) for values in (first, second)]
    return float(np.corrcoef(*ranks)[0, 1])


def sanity(net: Network, x: torch.Tensor, folder: Path) -> None:
    """Adebayo et al. 2018: randomise the weights from the top and see which maps notice."""
    target = int(net.forward(x)[0].argmax())
    parts = ["fc", "conv7", "conv6", "conv5", "conv4", "conv3", "conv2", "conv1"]
    rows: dict[str, list[UInt8Array | None]] = {"gradient": [], "guided": [], "Grad-CAM": []}
    first: dict[str, FloatArray] = {}
    picture = shown(net, x)
    shown_steps = (0, 1, 2, 4, 6, 8)
    print("rank correlation with the trained network's map")
    for count in range(len(parts) + 1):
        twin = randomised(net, parts[:count])
        maps = {
            "gradient": methods.saliency(twin, x, target),
            "guided": np.abs(methods.backproject(twin, x, "fc", target, "guided", seed="one")).max(0),
            "Grad-CAM": methods.grad_cam(twin, x, target),
        }
        first = first or maps
        figures = ", ".join(f"{name} {rank_correlation(first[name], values):.2f}" for name, values in maps.items())
        print(f"  {'trained' if not count else 'from the top to ' + parts[count - 1]}: {figures}")
        if count in shown_steps:
            for name, values in maps.items():
                rows[name].append(over(picture, values) if name == "Grad-CAM" else heat(values, "gray", 99.5))
    titles = ["trained", *(f"random: fc{' to ' + parts[n - 1] if n > 1 else ''}" for n in shown_steps[1:])]
    sheet(list(rows.values()), titles, list(rows), folder / "sanity.png")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", default="tinynet")
    parser.add_argument("--size", type=int, default=0, help="input size in pixels; 0: the network's own")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "methods" / "pictures")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    net = deepvis.load(options.network)
    size = (options.size, options.size) if options.size else net.input_size
    inputs = {name: net.preprocess(getattr(skimage.data, name)(), size=size) for name in PHOTOGRAPHS}
    activations_and_filters(net, inputs["chelsea"], options.output)
    backprojections(net, inputs["chelsea"], options.output)
    class_maps(net, inputs, options.output)
    sanity(net, inputs["chelsea"], options.output)


if __name__ == "__main__":
    main()
