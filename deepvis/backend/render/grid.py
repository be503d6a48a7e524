"""The mosaic of a layer: a tile a unit, normalised, sorted and shrunk on the device, coloured at the end."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional as F

from deepvis.colormaps import DIVERGING, colorize
from deepvis.messages import GridRequest, GridResult, Layer, Size

_SMOOTHING = 0.1
"""Weight of the newest frame in the running range of ``smooth``."""


class RunningRange:
    """Exponential average of each layer's range over frames, so that a live mosaic does not flicker."""

    def __init__(self) -> None:
        self._ranges: dict[tuple[str, str], tuple[float, float]] = {}

    def update(self, key: tuple[str, str], low: float, high: float) -> tuple[float, float]:
        """The average after this frame's range."""
        before = self._ranges.get(key)
        if before is not None and all(map(math.isfinite, (low, high))):
            low = before[0] + _SMOOTHING * (low - before[0])
            high = before[1] + _SMOOTHING * (high - before[1])
        if math.isfinite(low) and math.isfinite(high):
            self._ranges[key] = (low, high)
        return low, high


def arrangement(count: int, tile: Size, room: Size) -> tuple[int, int]:
    """(rows, columns) in which ``count`` tiles of ``tile`` (h, w) fill ``room`` (h, w) with the largest tiles."""
    columns = np.arange(1, count + 1)
    rows = -(-count // columns)
    height = np.maximum(room[0] - (rows - 1), 1) / (rows * tile[0])
    width = np.maximum(room[1] - (columns - 1), 1) / (columns * tile[1])
    chosen = int(np.argmax(np.minimum(height, width)))
    return int(rows[chosen]), int(columns[chosen])


def _shrunk(maps: torch.Tensor, rows: int, columns: int, room: Size) -> torch.Tensor:
    """Maps averaged down where the whole mosaic, one pixel between tiles, is larger than the room."""
    height, width = int(maps.shape[-2]), int(maps.shape[-1])
    scale = min((room[0] - rows + 1) / (rows * height), (room[1] - columns + 1) / (columns * width))
    if scale >= 1:
        return maps
    target = (max(1, int(height * scale)), max(1, int(width * scale)))
    return F.adaptive_avg_pool2d(maps[None], target)[0]


def _median(values: npt.NDArray[np.float32]) -> float:
    """The median, 0 of nothing. (NumPy's own checks take ten times as long as the rest.)"""
    count = len(values)
    if not count:
        return 0.0
    middle = np.partition(values, (count // 2, (count - 1) // 2))
    return float(middle[count // 2] + middle[(count - 1) // 2]) / 2


def render_grid(
    values: torch.Tensor, layer: Layer, request: GridRequest, ranges: RunningRange, *, signed: bool = False
) -> GridResult:
    """Draw the units of a layer as tiles.

    Parameters
    ----------
    values : (C, H, W) or (C,) floats on any device: the layer's activations, or a signed gradient.
    signed : draw around zero in the diverging colour map; range, boost and colour map of the request are not used then.
    """
    values = values.detach()
    note = ""
    if values.dim() == 1:
        values = values[:, None, None]
    # Channels may lie last in memory; everything below reads unit by unit.
    values = values.to(torch.float32, memory_format=torch.contiguous_format)
    maxima = values.abs().amax((1, 2)) if signed else values.amax((1, 2))
    minima = values.amin((1, 2))
    spread = (maxima - minima) if not signed else maxima
    figures = torch.stack([maxima, minima, spread]).cpu().numpy()
    if not math.isfinite(float(figures.sum())):
        values = values.nan_to_num(0.0, 0.0, 0.0)
        maxima = values.abs().amax((1, 2)) if signed else values.amax((1, 2))
        minima = values.amin((1, 2))
        figures = np.nan_to_num(torch.stack([maxima, minima, maxima - minima]).cpu().numpy(), posinf=0.0, neginf=0.0)
        note = f"layer {layer.name} holds values that are not finite (NaN or infinite); they are drawn as 0"
    # One value has no spread, and says nothing of being dead.
    dead = figures[2] <= 0 if layer.size is not None else np.zeros(len(figures[2]), dtype=bool)
    count = int(values.shape[0])
    order = np.arange(count, dtype=np.int32)
    if request.sort == "activity":
        order = np.argsort(-figures[0], kind="stable").astype(np.int32)

    height, width = int(values.shape[1]), int(values.shape[2])
    room = (max(1, request.room[0]), max(1, request.room[1]))
    rows, columns = arrangement(count, (height, width), room)
    maps = _shrunk(values, rows, columns, room)
    height, width = int(maps.shape[1]), int(maps.shape[2])
    if request.sort == "activity":
        maps = maps.index_select(0, torch.from_numpy(order.astype(np.int64)).to(maps.device))

    vector = layer.size is None
    if signed:
        high = float(figures[0].max()) or 1.0
        low = -high
        levels = maps.mul(127.5 / high).add_(127.5)
    elif request.range == "unit" and not vector:
        # Where a unit is constant the divisor is 0; the tile is drawn dead, whatever the level.
        shift, size = minima[order] if request.sort == "activity" else minima, spread
        if request.sort == "activity":
            size = spread[order]
        levels = (maps - shift[:, None, None]).mul_((1 / size.clamp(min=1e-30))[:, None, None])
        live = ~dead
        low, high = _median(figures[1][live]), _median(figures[0][live])
    else:
        if request.boost and not vector:
            ordered = maxima[order] if request.sort == "activity" else maxima
            maps = maps * ordered.clamp(min=1e-12).pow(-request.boost)[:, None, None]
            boosted = np.maximum(figures[0], 1e-12) ** (-request.boost)
            low, high = float((figures[1] * boosted).min()), float((figures[0] * boosted).max())
        else:
            low, high = float(figures[1].min()), float(figures[0].max())
        if request.range == "fixed":
            low, high = request.fixed
        elif request.range == "smooth":
            low, high = ranges.update((layer.name, f"{request.boost}"), low, high)
        levels = maps.sub(low).mul_(1 / max(high - low, 1e-30))
    if not signed:
        levels = levels.clamp_(0, 1)
        if request.gamma != 1:
            levels = levels.pow_(request.gamma)
        levels = levels.mul_(255).add_(0.5)
    tiles = levels.clamp_(0, 255).to(torch.uint8)

    missing = rows * columns - count
    if missing:
        tiles = torch.cat([tiles, tiles.new_zeros((missing, height, width))])
    mosaic = tiles.view(rows, columns, height, width).transpose(1, 2).reshape(rows * height, columns * width)
    picture = colorize(mosaic.cpu().numpy(), DIVERGING if signed else request.colormap)
    return GridResult(
        request=request,
        picture=picture,
        rows=rows,
        columns=columns,
        tile=(height, width),
        gap=0,
        order=order,
        maxima=figures[0].astype(np.float32),
        dead=dead,
        low=low,
        high=high,
        signed=signed,
        map_size=layer.size,
        note=note,
    )
