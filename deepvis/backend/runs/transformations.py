"""Small random changes of view: what a picture must survive to be more than noise that happens to excite a network."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch.nn import functional as F


@dataclass(frozen=True, slots=True)
class RandomView:
    """Shift, scale and turn a picture by chance, in one resampling; what comes in from outside is mirrored.

    Attributes
    ----------
    jitter : largest shift along each axis in pixels.
    scale : largest change of size, 0.1 for 0.9 to 1.1.
    rotation : largest turn in degrees, to either side.
    """

    jitter: float = 0.0
    scale: float = 0.0
    rotation: float = 0.0

    def matrices(self, count: int, size: tuple[int, int], generator: torch.Generator) -> torch.Tensor:
        """float32 (count, 2, 3) from places of the view to places of the picture, both from -1 to 1; on the CPU."""
        height, width = size
        rows = []
        for turn, growth, right, down in (
            torch.rand(count, 4, generator=generator, dtype=torch.float64) * 2 - 1
        ).tolist():
            angle, factor = turn * math.radians(self.rotation), 1 / (1 + growth * self.scale)
            cos, sin = math.cos(angle) * factor, math.sin(angle) * factor
            # A turn keeps its angles only if both axes are counted in pixels.
            rows.append(
                [
                    [cos, -sin * height / width, right * 2 * self.jitter / width],
                    [sin * width / height, cos, down * 2 * self.jitter / height],
                ]
            )
        return torch.tensor(rows, dtype=torch.float32)

    def __call__(self, pixels: torch.Tensor, count: int, generator: torch.Generator) -> torch.Tensor:
        """(count, c, h, w) views of a (1, c, h, w) picture, as large as it is."""
        if not (self.jitter or self.scale or self.rotation):
            return pixels.expand(count, -1, -1, -1)
        channels, height, width = pixels.shape[1:]
        grid = _places(self.matrices(count, (height, width), generator), (height, width)).to(pixels.device)
        # A processor works at one picture with one core. Two halves of a view are two pictures.
        halves = 2 if count == 1 and height % 2 == 0 and pixels.device.type == "cpu" else 1
        grid = grid.view(count * halves, height // halves, width, 2)
        shown = pixels.expand(count * halves, -1, -1, -1)
        views = F.grid_sample(shown, grid, padding_mode="reflection", align_corners=False)
        return views if halves == 1 else views.transpose(0, 1).reshape(1, channels, height, width)


def _places(matrices: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """float32 (N, h, w, 2): where in the picture each pixel of N views lies, from -1 to 1; matrices (N, 2, 3).

    What ``affine_grid`` gives, without its matrix product over all pixels.
    """
    height, width = size
    x, y = _middles(width), _middles(height)[:, None]
    grid = torch.empty(len(matrices), height, width, 2)
    for axis in (0, 1):
        row = matrices[:, axis, :, None, None]
        torch.add(x * row[:, 0] + row[:, 2], y * row[:, 1], out=grid[..., axis])
    return grid


@lru_cache(maxsize=8)
def _middles(length: int) -> torch.Tensor:
    """Where the middles of so many pixels lie between -1 and 1."""
    with torch.inference_mode(False):
        return (torch.arange(length) * 2 + 1) / length - 1
