"""Features in classes, and a small network whose features are colours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image
from torch import nn

from deepvis import Network

Grouped = tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]


def grouped(count: int = 150, width: int = 24, groups: int = 5, seed: int = 0) -> Grouped:
    """Features (count, width) around a heart for each group, and the groups."""
    rng = np.random.default_rng(seed)
    hearts = rng.normal(0, 4, (groups, width))
    labels = (np.arange(count) % groups).astype(np.int32)
    return (hearts[labels] + rng.normal(0, 1, (count, width))).astype(np.float32), labels


class Colours(nn.Module):
    """The mean colour goes into a classifier that names the strongest channel."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3, padding=1, bias=False)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(6, 3, bias=False)
        with torch.no_grad():
            self.conv.weight.zero_()
            for channel in range(6):
                self.conv.weight[channel, channel % 3, 1, 1] = 1.0 if channel < 3 else 0.5
            self.fc.weight.copy_(torch.eye(3).repeat(1, 2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(self.pool(self.conv(x)).flatten(1))


@pytest.fixture
def colours() -> Network:
    module = Colours().eval()
    return Network(module, (16, 16), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), labels=("red", "green", "blue"), name="colours")


@pytest.fixture
def picture_folder(tmp_path: Path) -> Path:
    """150 plain pictures in the folders red, green and blue, each of its own shade."""
    root = tmp_path / "shades"
    rng = np.random.default_rng(4)
    for channel, name in enumerate(("red", "green", "blue")):
        (root / name).mkdir(parents=True)
        for number in range(50):
            color = rng.integers(0, 90, 3)
            color[channel] = rng.integers(150, 256)
            picture = np.clip(color + rng.integers(-8, 9, (16, 16, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(picture).save(root / name / f"{number:02d}.png")
    return root
