"""A sticker laid on pictures: where it lies, how large, how far turned, as one differentiable composition."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch.nn import functional as F

from deepvis.messages import Size

Shape = Literal["round", "square"]


@dataclass(frozen=True, slots=True)
class Sticker:
    """What a sticker covers in pictures of ``size`` (h, w): the share ``area`` of it at scale 1.

    Raises ValueError where it would not fit.
    """

    size: Size
    area: float
    shape: Shape

    def __post_init__(self) -> None:
        if self.side > min(self.size):
            h, w = self.size
            largest = min(self.size) ** 2 * (math.pi / 4 if self.shape == "round" else 1.0) / (h * w)
            raise ValueError(
                f"area {self.area} is too large: a {self.shape} sticker covers at most {largest:.2f} of {h} × {w} px"
            )

    @property
    def side(self) -> float:
        """Diameter or side in pixels of the picture."""
        covered = self.area * self.size[0] * self.size[1]
        return math.sqrt(covered * 4 / math.pi if self.shape == "round" else covered)

    @property
    def pixels(self) -> int:
        """Side of the sticker's own picture in pixels: as fine as the network can see it."""
        return max(8, math.ceil(self.side))

    def places(self, count: int, scale: float, rotation: float, generator: torch.Generator) -> torch.Tensor:
        """float32 (count, 4): scale, angle in radians, and the centre's x and y from the picture's centre in pixels.

        Scales are uniform in 1 ± ``scale``, angles in ± ``rotation`` degrees, centres where the sticker lies within the
        picture.
        """
        uniform = torch.rand(count, 4, generator=generator) * 2 - 1
        scales = 1 + scale * uniform[:, 0]
        angles = math.radians(rotation) * uniform[:, 1]
        half = self.side / 2 * scales
        if self.shape == "square":
            half = half * (angles.cos().abs() + angles.sin().abs())
        x = uniform[:, 2] * (self.size[1] / 2 - half).clamp(0)
        y = uniform[:, 3] * (self.size[0] / 2 - half).clamp(0)
        return torch.stack((scales, angles, x, y), 1)

    def lay(self, sticker: torch.Tensor, pictures: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        """``pictures`` (N, c, h, w) with ``sticker`` (1, c, s, s) on each at its place; all in [0, 1]."""
        h, w = self.size
        scales, angles, x, y = places.to(pictures.device).unbind(1)
        radius = self.side / 2 * scales
        cos, sin = angles.cos() / radius, angles.sin() / radius
        rows = (cos * w / 2, sin * h / 2, -(cos * x + sin * y), -sin * w / 2, cos * h / 2, sin * x - cos * y)
        grid = F.affine_grid(torch.stack(rows, 1).view(-1, 2, 3), list(pictures.shape), align_corners=False)
        cover = self._cover(grid, radius[:, None, None])[:, None]
        laid = F.grid_sample(
            sticker.expand(len(pictures), -1, -1, -1), grid, padding_mode="border", align_corners=False
        )
        return pictures + cover * (laid - pictures)

    def cut_out(self, sticker: torch.Tensor) -> torch.Tensor:
        """The sticker (1, c, s, s) on a white background, as it is printed and cut out."""
        side = sticker.shape[-1]
        axis = (torch.arange(side, device=sticker.device) + 0.5) * 2 / side - 1
        grid = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), -1)
        cover = self._cover(grid, torch.tensor(side / 2, device=sticker.device))
        return 1 + cover * (sticker - 1)

    def _cover(self, grid: torch.Tensor, radius: torch.Tensor) -> torch.Tensor:
        """Share of each pixel that lies under the sticker, from positions in units of its half side (…, 2)."""
        reach = grid.norm(dim=-1) if self.shape == "round" else grid.abs().amax(-1)
        return ((1 - reach) * radius + 0.5).clamp(0, 1)
