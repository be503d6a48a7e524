"""Small random changes of view: what a picture must survive to be more than noise that happens to excite a network."""

from __future__ import annotations

import math
from dataclasses import dataclass

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
        chance = torch.rand(count, 4, generator=generator, dtype=torch.float64) * 2 - 1
        angle = chance[:, 0] * math.radians(self.rotation)
        factor = 1 / (1 + chance[:, 1] * self.scale)
        cos, sin = torch.cos(angle) * factor, torch.sin(angle) * factor
        # A turn keeps its angles only if both axes are counted in pixels.
        rows = [
            [cos, -sin * height / width, chance[:, 2] * 2 * self.jitter / width],
            [sin * width / height, cos, chance[:, 3] * 2 * self.jitter / height],
        ]
        return torch.stack([torch.stack(row, 1) for row in rows], 1).to(torch.float32)

    def __call__(self, pixels: torch.Tensor, count: int, generator: torch.Generator) -> torch.Tensor:
        """(count, c, h, w) views of a (1, c, h, w) picture, as large as it is."""
        if not (self.jitter or self.scale or self.rotation):
            return pixels.expand(count, -1, -1, -1)
        shape = (count, *pixels.shape[1:])
        matrices = self.matrices(count, (shape[2], shape[3]), generator).to(pixels.device)
        grid = F.affine_grid(matrices, list(shape), align_corners=False)
        return F.grid_sample(pixels.expand(shape), grid, padding_mode="reflection", align_corners=False)
