"""Pictures and a network that scans are tested with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

from deepvis.backend.network import Network
from deepvis.messages import UInt8Array


def coloured_noise(count: int, seed: int = 0) -> list[UInt8Array]:
    """Pictures of coarse and fine noise, upright, wide and grey ones among them."""
    rng = np.random.default_rng(seed)
    pictures: list[UInt8Array] = []
    for index in range(count):
        height, width = ((24, 24), (20, 36), (40, 22))[index % 3]
        coarse = rng.integers(0, 256, (height // 4 + 1, width // 4 + 1, 3))
        picture = np.repeat(np.repeat(coarse, 4, 0), 4, 1)[:height, :width]
        picture = np.clip(picture + rng.integers(-40, 40, picture.shape), 0, 255).astype(np.uint8)
        pictures.append(picture[:, :, :1].repeat(3, 2) if index % 7 == 3 else picture)
    return pictures


def few_levels(count: int, side: int = 8, seed: int = 0) -> list[UInt8Array]:
    """Pictures in which the same few values come again and again, within each and from one to the next."""
    rng = np.random.default_rng(seed)
    return [(rng.integers(0, 3, (side, side, 3)) * 100).astype(np.uint8) for _ in range(count)]


def write_pictures(folder: Path, pictures: Sequence[UInt8Array], classes: Sequence[str] = ()) -> Path:
    """Write pictures as PNG files in the order of their names, in class folders in turn where there are any."""
    for index, picture in enumerate(pictures):
        place = folder / classes[index * len(classes) // len(pictures)] if classes else folder
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(place / f"{index:04d}.png")
    return folder


class ColourNet(nn.Module):
    """Layers whose values can be reckoned by hand: colours and differences, rectified, a mean and a vector.

    ``colours``: R, G, B, R - G, and one that is always -1. ``relu`` works in place on it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.colours = nn.Conv2d(3, 5, 1)
        self.relu = nn.ReLU(inplace=True)
        self.wide = nn.Conv2d(5, 4, 3, padding=1)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(4, 3)
        weight = torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [1, -1, 0], [0, 0, 0]])
        with torch.no_grad():
            self.colours.weight.copy_(weight[:, :, None, None])
            self.colours.bias.copy_(torch.tensor([0.0, 0, 0, 0, -1]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, 3) of (N, 3, h, w)."""
        x = self.wide(self.relu(self.colours(x)))
        return self.fc(torch.flatten(self.pool(x), 1))


def colour_network(side: int = 8) -> Network:
    """:class:`ColourNet` on pictures as they are, with seeded weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Network(ColourNet(), (side, side), mean=(0.0,) * 3, std=(1.0,) * 3, labels=list("abc"), name="colours")
