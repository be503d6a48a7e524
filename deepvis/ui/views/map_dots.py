"""Many small dots with smooth edges, painted into an array faster than a painter draws them. No Qt in here."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from deepvis.messages import FloatArray, UInt8Array

_PHASES = 4
"""Places of a dot's middle within its pixel, across and down, that are told apart."""
_SHADES = 9
"""Mixtures of a colour with the ground, from none of it to all."""

MARGIN = 16
"""Pixels around the picture that dots at its edge reach into."""


class DotCanvas:
    """A picture of dots on a plain ground. ``pixels`` is uint8 (h + 2 margins, w + 2 margins, 4) BGRX; it is painted
    over at each :meth:`paint`."""

    def __init__(self) -> None:
        self.pixels: UInt8Array = np.zeros((0, 0, 4), np.uint8)

    def paint(
        self, size: tuple[int, int], ground: tuple[int, int, int], places: FloatArray, colors: UInt8Array, radius: float
    ) -> None:
        """Paint dots; later ones lie over earlier ones.

        Parameters
        ----------
        size : (h, w) in pixels.
        ground : red, green, blue.
        places : float32 (N, 2), middles as (x, y) in pixels; those outside are left out.
        colors : uint8 (N, 3) RGB.
        radius : in pixels, at most :data:`MARGIN` - 2.
        """
        height, width = size[0] + 2 * MARGIN, size[1] + 2 * MARGIN
        if self.pixels.shape[:2] != (height, width):
            self.pixels = np.empty((height, width, 4), np.uint8)
        flat = self.pixels.reshape(-1).view(np.uint32)
        flat[:] = _packed(np.array([ground], np.int32))[0]
        radius = min(radius, MARGIN - 2.0)
        reach = float(np.ceil(radius)) + 1
        x, y = places[:, 0], places[:, 1]
        seen = (x > -reach) & (x < size[1] + reach) & (y > -reach) & (y < size[0] + reach)
        if not seen.any():
            return
        x, y = x[seen] + MARGIN, y[seen] + MARGIN
        column, row = x.astype(np.int32), y.astype(np.int32)
        kind = ((y - row) * _PHASES).astype(np.int32) * _PHASES + ((x - column) * _PHASES).astype(np.int32)
        start = row * width + column
        shades = _mixed(colors[seen], ground)
        numbers = np.arange(len(start))
        for down, across, cover in _offsets(round(radius * 8)):
            at = start + (down * width + across)
            if cover.min() == _SHADES - 1:
                flat[at] = shades[-1]
                continue
            shade = cover[kind]
            touched = shade > 0
            flat[at[touched]] = shades[shade[touched], numbers[touched]]


def _packed(rgb: npt.NDArray[np.int32]) -> npt.NDArray[np.uint32]:
    """Colours int32 (…, 3) RGB as the screen's 32-bit numbers."""
    bytes_ = np.full((*rgb.shape[:-1], 4), 255, np.uint8)
    bytes_[..., :3] = rgb[..., ::-1]
    packed: npt.NDArray[np.uint32] = bytes_.view(np.uint32)[..., 0]
    return packed


def _mixed(colors: UInt8Array, ground: tuple[int, int, int]) -> npt.NDArray[np.uint32]:
    """Every colour in every mixture with the ground, uint32 (shades, N)."""
    base = np.array(ground, np.int32)
    difference = colors.astype(np.int32) - base
    return np.stack([_packed(base + difference * shade // (_SHADES - 1)) for shade in range(_SHADES)])


@lru_cache(maxsize=64)
def _offsets(eighths: int) -> tuple[tuple[int, int, npt.NDArray[np.int32]], ...]:
    """The pixels that a dot of this radius (in eighths of a pixel) touches: how far they lie down and across from the
    pixel of its middle, and the shade for each phase of its middle. Those at the edge come first, so that what is
    wholly covered by one dot is not lightened by the edge of another."""
    radius = eighths / 8
    reach = int(np.ceil(radius))
    side, fine = 2 * reach + 1, 8
    masks = np.zeros((_PHASES * _PHASES, side, side), np.int32)
    grid = (np.arange(side * fine) + 0.5) / fine - reach
    for kind in range(_PHASES * _PHASES):
        down, across = divmod(kind, _PHASES)
        y, x = grid - (down + 0.5) / _PHASES, grid - (across + 0.5) / _PHASES
        disc = (y[:, None] ** 2 + x[None, :] ** 2 <= radius * radius).reshape(side, fine, side, fine)
        masks[kind] = np.round((_SHADES - 1) * disc.mean((1, 3)))
    found = [
        (down - reach, across - reach, np.ascontiguousarray(masks[:, down, across]))
        for down in range(side)
        for across in range(side)
        if masks[:, down, across].any()
    ]
    return tuple(sorted(found, key=lambda offset: int(offset[2].sum())))
