"""Draws compositional pattern producing networks, many at once.

The graphs of a batch are laid into one table of nodes, sorted by their distance from the inputs and by function: a
distance is one weighted sum over earlier rows and four calls, whatever the number of graphs. Pixels are taken in tiles,
so that the table stays in the cache (or within memory, for large pictures).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional as F

if TYPE_CHECKING:
    from deepvis.backend.runs.evolution.cppn import Genome

_INPUTS = 4
_SMALLEST_TILE = 256
_TABLE = {"cpu": 1 << 20, "cuda": 1 << 26}
"""Values of a node table at once."""


def coordinates(size: tuple[int, int], device: torch.device | str = "cpu") -> torch.Tensor:
    """The inputs of every pixel, float32 (4, h·w): x and y from -1 to 1, the distance from the centre (1 in the
    corners), and 1."""
    height, width = size
    y = torch.linspace(-1, 1, height) if height > 1 else torch.zeros(1)
    x = torch.linspace(-1, 1, width) if width > 1 else torch.zeros(1)
    rows, columns = torch.meshgrid(y, x, indexing="ij")
    distance = torch.sqrt((rows.square() + columns.square()) / 2)
    return torch.stack([columns, rows, distance, torch.ones_like(rows)]).flatten(1).to(device)


def draw(genomes: Sequence[Genome], size: tuple[int, int], device: torch.device | str = "cpu") -> torch.Tensor:
    """The pictures of genomes that have the same number of outputs.

    Each output's magnitude, cut at 1, is hue, lightness or saturation; a single output is lightness.

    Returns
    -------
    uint8 (N, h, w, 3) RGB, or (N, h, w, 1) where genomes have one output, on ``device``.
    """
    device = torch.device(device)
    plan = _plan(genomes)
    inputs = coordinates(size, device)
    steps = [
        (
            torch.from_numpy(s.sources).to(device),
            torch.from_numpy(s.offsets).to(device),
            torch.from_numpy(s.weights).to(device),
            s,
        )
        for s in plan.steps
    ]
    outputs = torch.from_numpy(plan.outputs).to(device)
    count, channels = plan.outputs.shape
    pixels = inputs.shape[1]
    tile = max(_SMALLEST_TILE, _TABLE.get(device.type, _TABLE["cpu"]) // plan.rows)
    pictures = torch.empty(count, pixels, channels, dtype=torch.uint8, device=device)
    table = torch.empty(plan.rows, min(tile, pixels), device=device)
    with torch.inference_mode():
        for begin in range(0, pixels, tile):
            end = min(begin + tile, pixels)
            values = table if end - begin == table.shape[1] else torch.empty(plan.rows, end - begin, device=device)
            values[:_INPUTS] = inputs[:, begin:end]
            for sources, offsets, weights, step in steps:
                sums = F.embedding_bag(sources, values[: step.begin], offsets, mode="sum", per_sample_weights=weights)
                row = step.begin
                for function, number in enumerate(step.counts):
                    if number:
                        _apply(function, sums[row - step.begin : row - step.begin + number], values[row : row + number])
                        row += number
            pictures[:, begin:end] = _colours(values[outputs])
    return pictures.reshape(count, *size, channels)


def _apply(function: int, sums: torch.Tensor, out: torch.Tensor) -> None:
    if function == 0:
        torch.sin(sums, out=out)
    elif function == 1:
        # 2 / (1 + exp(-z)) - 1
        torch.tanh(sums.mul_(0.5), out=out)
    elif function == 2:
        torch.exp(sums.square_().neg_(), out=out)
    else:
        torch.clamp(sums, -3, 3, out=out).div_(3)


def _colours(outputs: torch.Tensor) -> torch.Tensor:
    """uint8 (N, pixels, channels) from outputs (N, channels, pixels)."""
    levels = outputs.abs().clamp_(max=1)
    if levels.shape[1] == 3:
        levels = hls_to_rgb(levels)
    return levels.mul_(255).round_().to(torch.uint8).transpose(1, 2)


def hls_to_rgb(hls: torch.Tensor) -> torch.Tensor:
    """RGB in [0, 1] of hue, lightness and saturation in [0, 1]; (N, 3, pixels) both."""
    hue, lightness, saturation = hls.unbind(1)
    reach = torch.minimum(lightness, 1 - lightness).mul_(saturation)
    rgb = torch.empty_like(hls)
    for channel, turn in enumerate((0.0, 8.0, 4.0)):
        k = torch.remainder(hue * 12 + turn, 12)
        slope = torch.minimum(k - 3, 9 - k).clamp_(-1, 1)
        torch.addcmul(lightness, reach, slope, value=-1, out=rgb[:, channel])
    return rgb


@dataclass(frozen=True, slots=True)
class _Step:
    """The nodes at one distance from the inputs: rows from ``begin`` on, ``counts`` of each function."""

    begin: int
    counts: tuple[int, ...]
    sources: np.ndarray
    offsets: np.ndarray
    weights: np.ndarray


@dataclass(frozen=True, slots=True)
class _Plan:
    """``outputs`` (N, channels) are rows of the table."""

    rows: int
    steps: list[_Step]
    outputs: np.ndarray


def _plan(genomes: Sequence[Genome]) -> _Plan:
    """Where every node that an output depends on stands in the table."""
    # (distance, function, graph, node) sorts as the table is laid out.
    keys: list[tuple[int, int, int, int]] = []
    incoming: list[dict[int, list[tuple[int, float]]]] = []
    for number, genome in enumerate(genomes):
        first_output = _INPUTS + genome.hidden
        into: dict[int, list[tuple[int, float]]] = {}
        for (source, target), weight in genome.connections.items():
            into.setdefault(target, []).append((source, weight))
        needed = set(range(first_output, first_output + genome.outputs))
        for node in range(first_output + genome.outputs - 1, _INPUTS - 1, -1):
            if node in needed:
                needed.update(source for source, _ in into.get(node, ()))
        distance = dict.fromkeys(range(_INPUTS), 0)
        for node in sorted(needed):
            if node >= _INPUTS:
                distance[node] = 1 + max((distance[source] for source, _ in into.get(node, ())), default=0)
                keys.append((distance[node], genome.functions[node - _INPUTS], number, node))
        incoming.append(into)
    keys.sort()
    row_of = {(number, node): _INPUTS + row for row, (_, _, number, node) in enumerate(keys)}
    steps: list[_Step] = []
    begin = 0
    while begin < len(keys):
        end = begin
        counts = [0, 0, 0, 0]
        sources: list[int] = []
        offsets: list[int] = []
        weights: list[float] = []
        while end < len(keys) and keys[end][0] == keys[begin][0]:
            _, function, number, node = keys[end]
            counts[function] += 1
            offsets.append(len(sources))
            for source, weight in incoming[number].get(node, ()):
                sources.append(source if source < _INPUTS else row_of[number, source])
                weights.append(weight)
            end += 1
        steps.append(
            _Step(
                _INPUTS + begin,
                tuple(counts),
                np.array(sources, np.int64),
                np.array(offsets, np.int64),
                np.array(weights, np.float32),
            )
        )
        begin = end
    outputs = np.array(
        [
            [row_of[number, _INPUTS + genome.hidden + output] for output in range(genome.outputs)]
            for number, genome in enumerate(genomes)
        ]
    )
    return _Plan(_INPUTS + len(keys), steps, outputs)
