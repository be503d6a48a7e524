"""Sizes of a dream's octaves, and tiles of a picture that is too large for one pass."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch

from deepvis.messages import Size


def octave_sizes(size: Size, octaves: int, scale: float, smallest: int) -> tuple[Size, ...]:
    """(h, w) of each octave, smallest first, the last being ``size``.

    Octaves whose shorter side would be under ``smallest`` are left out; a picture that is itself under it is enlarged
    to it and has one octave.
    """
    height, width = size
    if min(size) < smallest:
        grown = smallest / min(size)
        return ((max(smallest, round(height * grown)), max(smallest, round(width * grown))),)
    sizes = [(round(height / scale**step), round(width / scale**step)) for step in range(octaves)]
    return tuple(reversed([found for found in sizes if min(found) >= smallest]))


@dataclass(frozen=True, slots=True)
class Span:
    """One tile along one axis: the network sees ``begin`` to ``end``, and ``first`` to ``last`` of it is kept."""

    begin: int
    end: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Tiling:
    """How a picture is cut into overlapping tiles.

    Attributes
    ----------
    tile : side in pixels of what the network sees at once.
    overlap : pixels that a tile sees beyond what is kept of it, on each side.
    stride : tiles begin at multiples of it, so that the layers' places in a tile are those of the whole picture.
    """

    tile: int
    overlap: int
    stride: int

    @property
    def core(self) -> int:
        """Pixels that are kept of a tile at most, along one axis."""
        return max(self.tile - 2 * self.overlap - self.stride, self.tile // 4)

    def count(self, size: Size) -> int:
        """The number of tiles of a picture of this size, the same for every offset."""
        return self._along(size[0]) * self._along(size[1])

    def _along(self, length: int) -> int:
        return 1 if length <= self.tile else -(-length // self.core) + 1

    def spans(self, length: int, share: float) -> tuple[Span, ...]:
        """The tiles along an axis of ``length`` pixels. ``share`` in [0, 1) moves the borders between them."""
        number = self._along(length)
        if number == 1:
            return (Span(0, length, 0, length),)
        first = 1 + int(share * self.core)
        rest = length - first
        borders = [0, *(first + rest * part // (number - 1) for part in range(number))]
        spans = []
        for low, high in pairwise(borders):
            begin = max(0, low - self.overlap) // self.stride * self.stride
            end = min(length, high + self.overlap)
            # What is kept at the picture's edge can be a few pixels, and the network wants to see more than that.
            if end - begin < self.tile // 2:
                end = min(length, begin + self.tile // 2)
                begin = max(0, min(begin, end - self.tile // 2)) // self.stride * self.stride
            spans.append(Span(begin, end, low, high))
        return tuple(spans)

    def tiles(self, size: Size, shares: tuple[float, float]) -> list[tuple[Span, Span]]:
        """(rows, columns) of every tile."""
        columns = self.spans(size[1], shares[1])
        return [(row, column) for row in self.spans(size[0], shares[0]) for column in columns]


def zoomed(pixels: torch.Tensor, share: float) -> torch.Tensor:
    """The middle of (1, c, h, w) pixels without ``share`` of each side's length, at the full size again."""
    middle = torch.eye(2, 3, device=pixels.device)[None] * (1 - share)
    grid = torch.nn.functional.affine_grid(middle, list(pixels.shape), align_corners=False)
    return torch.nn.functional.grid_sample(
        pixels, grid, mode="bicubic", padding_mode="border", align_corners=False
    ).clamp(0, 1)
