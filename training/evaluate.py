"""Measure a network on pictures never trained on: ``python -m training.evaluate tinynet --data FOLDER``.

Prints top-1 and top-5 at 64, 96 and 128 px, accuracy under PGD (L-infinity, 10 steps), and what the network says about
two photographs that scikit-image ships.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepvis.backend.preprocessing import Preprocessing
from deepvis.backend.zoo.bundled import load_bundled
from training import data as sets
from training.batches import as_tensor
from training.network import MEAN, STD, TrainedNet
from training.train import choose_device, read_checkpoint

SIZES = (64, 96, 128)
EPSILON = 2 / 255
PGD_STEPS = 10
BATCH = 250

Classifier = Callable[[Tensor], Tensor]
"""Maps pixels, float32 (N, 3, h, w) in 0 to 1, to logits (N, classes)."""


@dataclass(frozen=True)
class Subject:
    """What is measured: a function of pixels, and the names of its outputs."""

    name: str
    classify: Classifier
    labels: tuple[str, ...]


def normalised(module: nn.Module, mean: Iterable[float] = MEAN, std: Iterable[float] = STD) -> Classifier:
    """A function of pixels in 0 to 1 from a module that takes normalised pictures."""
    means, stds = torch.tensor(list(mean)).view(1, 3, 1, 1), torch.tensor(list(std)).view(1, 3, 1, 1)

    def classify(pixels: Tensor) -> Tensor:
        logits: Tensor = module((pixels - means.to(pixels.device)) / stds.to(pixels.device))
        return logits

    return classify


def trained_network(state: dict[str, Any]) -> TrainedNet:
    """The network of a checkpoint, with its averaged weights, in eval mode."""
    network = TrainedNet(state["recipe"]["widths"], len(state["wnids"]))
    network.load_state_dict(state["average"])
    return network.eval()


def subject(name: str, device: torch.device, folder: Path | None = None) -> Subject:
    """A bundled network by name (`folder`: in another folder), or a training run's checkpoint by path."""
    if Path(name).is_file():
        state = read_checkpoint(Path(name))
        return Subject(name, trained_network(state).to(device), tuple(state["labels"]))
    module, card = load_bundled(name, folder)
    fast = module.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return Subject(name, normalised(fast, card["mean"], card["std"]), tuple(card["labels"]))


def pgd(
    classify: Classifier,
    pixels: Tensor,
    targets: Tensor,
    epsilon: float = EPSILON,
    steps: int = PGD_STEPS,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Projected gradient ascent of the cross-entropy within an L-infinity ball (Madry et al. 2018), untargeted.

    Parameters
    ----------
    classify : Classifier
    pixels : Tensor, float32 (N, 3, h, w) in 0 to 1
    targets : Tensor, int64 (N,)
        The true classes.
    epsilon : float
        Radius of the ball on the scale of the pixels; the step is 2.5 epsilon / steps.
    steps : int
    generator : torch.Generator or None
        Decides the random start; without one the attack starts at the pictures themselves.

    Returns
    -------
    Tensor, float32 (N, 3, h, w)
        In the ball and in 0 to 1.
    """
    step = 2.5 * epsilon / steps
    low, high = (pixels - epsilon).clamp_(0, 1), (pixels + epsilon).clamp_(0, 1)
    moved = pixels.clone()
    if generator is not None:
        noise = torch.rand(pixels.shape, generator=generator).to(pixels.device)
        moved = low + noise * (high - low)
    for _ in range(steps):
        moved = moved.detach().requires_grad_()
        loss = F.cross_entropy(classify(moved), targets, reduction="sum")
        (gradient,) = torch.autograd.grad(loss, moved)
        moved = torch.minimum(torch.maximum(moved.detach() + step * gradient.sign(), low), high)
    return moved.detach()


def _batches(pictures: sets.Pictures, device: torch.device, every: int = 1) -> Iterable[tuple[Tensor, Tensor]]:
    chosen = np.arange(0, len(pictures), every)
    for begin in range(0, len(chosen), BATCH):
        rows = chosen[begin : begin + BATCH]
        targets = torch.from_numpy(pictures.targets[rows]).to(device)
        yield as_tensor(pictures.pixels[rows], device), targets


def accuracy(
    classify: Classifier, pictures: sets.Pictures, size: int, device: torch.device | None = None, every: int = 1
) -> tuple[float, float]:
    """Share of the pictures whose class is first, and among the first five.

    Parameters
    ----------
    classify : Classifier
    pictures : training.data.Pictures
        Whole pictures are resized (bilinear) to `size`.
    size : int
        Side in pixels.
    device : torch.device or None
        By default the CPU.
    every : int
        Only every so many pictures.

    Returns
    -------
    (float, float)
        In 0 to 1.
    """
    first = five = total = 0
    with torch.inference_mode():
        for pixels, targets in _batches(pictures, device or torch.device("cpu"), every):
            if pixels.shape[-1] != size:
                pixels = F.interpolate(pixels, (size, size), mode="bilinear", align_corners=False)
            logits = classify(pixels)
            hits = logits.topk(min(5, logits.shape[1]), 1).indices == targets[:, None]
            first += int(hits[:, 0].sum())
            five += int(hits.any(1).sum())
            total += len(targets)
    return first / total, five / total


def robust_accuracy(
    classify: Classifier, pictures: sets.Pictures, device: torch.device | None = None, every: int = 1
) -> float:
    """Share of the pictures, at their own size, whose class is first after `pgd` with a random start (seed 0)."""
    generator = torch.Generator().manual_seed(0)
    right = total = 0
    for pixels, targets in _batches(pictures, device or torch.device("cpu"), every):
        moved = pgd(classify, pixels, targets, generator=generator)
        with torch.inference_mode():
            right += int((classify(moved).argmax(1) == targets).sum())
        total += len(targets)
    return right / total


def photograph(
    classify: Classifier, labels: tuple[str, ...], image: npt.NDArray[np.uint8], size: int, k: int = 3
) -> list[tuple[str, float]]:
    """The `k` most probable labels of an RGB picture (H, W, 3), resized and cropped as the program does it."""
    pixels = Preprocessing((size, size)).pixels(image).float()[None] / 255
    with torch.inference_mode():
        probabilities = classify(pixels).float().softmax(1)[0]
    top = probabilities.topk(min(k, len(probabilities)))
    return [(labels[int(i)], round(float(p), 4)) for p, i in zip(top.values, top.indices, strict=True)]


def measure(
    what: Subject, pictures: sets.Pictures, device: torch.device, every: int = 1, pgd_every: int = 1
) -> dict[str, Any]:
    """All figures as plain data: ``pictures``, ``sizes``, ``pgd`` and ``photographs``."""
    samples: Any = importlib.import_module("skimage.data")

    figures: dict[str, Any] = {"network": what.name, "pictures": len(range(0, len(pictures), every)), "sizes": {}}
    for size in SIZES:
        top1, top5 = accuracy(what.classify, pictures, size, device, every)
        figures["sizes"][str(size)] = {"top1": round(top1, 4), "top5": round(top5, 4)}
    if pgd_every:
        figures["pgd"] = {
            "epsilon": "2/255",
            "steps": PGD_STEPS,
            "pictures": len(range(0, len(pictures), pgd_every)),
            "accuracy": round(robust_accuracy(what.classify, pictures, device, pgd_every), 4),
        }

    def on_cpu(pixels: Tensor) -> Tensor:
        return what.classify(pixels.to(device))

    figures["photographs"] = {
        name: {str(size): photograph(on_cpu, what.labels, image, size) for size in SIZES}
        for name, image in (("chelsea", samples.chelsea()), ("coffee", samples.coffee()))
    }
    return figures


def table(figures: dict[str, Any]) -> str:
    """The figures for people."""
    lines = [f"{figures['network']}, {figures['pictures']} pictures never trained on"]
    for size, values in figures["sizes"].items():
        lines.append(f"  {size:>3} px   top-1 {values['top1']:6.1%}   top-5 {values['top5']:6.1%}")
    if "pgd" in figures:
        pgd_ = figures["pgd"]
        lines.append(
            f"  PGD L-inf {pgd_['epsilon']}, {pgd_['steps']} steps, 64 px   top-1 {pgd_['accuracy']:6.1%}"
            f"   ({pgd_['pictures']} pictures)"
        )
    for name, sizes in figures["photographs"].items():
        for size, top in sizes.items():
            lines.append(f"  {name} {size:>3} px   " + ", ".join(f"{label} {p:.0%}" for label, p in top))
    return "\n".join(lines)


def main(argv: Iterable[str] | None = None) -> int:
    """Run the command line; the exit status is 0 done, 1 failed."""
    parser = argparse.ArgumentParser(prog="python -m training.evaluate", description=str(__doc__).split("\n\n")[0])
    parser.add_argument("network", help="a bundled network's name, or a training run's checkpoint.pt")
    parser.add_argument("--data", type=Path, required=True, help="zips, or folders of class folders")
    parser.add_argument("--cache", type=Path, help="folder for the decoded pictures")
    parser.add_argument("--every", type=int, default=1, help="measure every so many pictures only (default: all)")
    parser.add_argument("--pgd-every", type=int, default=1, help="the same under PGD; 0 leaves PGD out")
    parser.add_argument("--threads", type=int, help="CPU threads; by default all cores")
    parser.add_argument("--json", action="store_true", help="figures for programs")
    args = parser.parse_args(None if argv is None else list(argv))
    torch.set_num_threads(args.threads or len(os.sched_getaffinity(0)))
    device = choose_device()
    try:
        pictures = sets.load(args.data, "val", args.cache)
        figures = measure(subject(args.network, device), pictures, device, args.every, args.pgd_every)
    except (OSError, ValueError, KeyError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(json.dumps(figures, indent=2) if args.json else table(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
