"""What a step learns from: which pictures, and how they are changed."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from training.data import Pictures


def pool(pictures: Pictures, favoured: tuple[str, ...], favour: int) -> npt.NDArray[np.int64]:
    """The pictures of one epoch, int64 indices: every picture once, those of the favoured classes `favour` times."""
    chosen = np.isin(pictures.targets, [pictures.wnids.index(wnid) for wnid in favoured])
    return np.repeat(np.arange(len(pictures)), np.where(chosen, favour, 1))


class Order:
    """A reproducible endless shuffle: which pictures a step learns from, as a pure function of the step.

    Parameters
    ----------
    count : int
        Pictures in the set.
    batch : int
        Pictures a step.
    seed : int
        Decides every epoch's permutation.
    """

    def __init__(self, count: int, batch: int, seed: int) -> None:
        self.count = count
        self.batch = batch
        self.seed = seed
        self._epochs: dict[int, npt.NDArray[np.int64]] = {}

    def _epoch(self, epoch: int) -> npt.NDArray[np.int64]:
        if epoch not in self._epochs:
            self._epochs = {e: p for e, p in self._epochs.items() if e == epoch - 1}
            self._epochs[epoch] = np.random.default_rng((self.seed, epoch)).permutation(self.count)
        return self._epochs[epoch]

    def indices(self, step: int) -> npt.NDArray[np.int64]:
        """Indices of the pictures of a step, int64 (batch,); a batch may span two epochs."""
        positions = np.arange(step * self.batch, (step + 1) * self.batch)
        epochs, within = np.divmod(positions, self.count)
        return np.concatenate([self._epoch(int(e))[within[epochs == e]] for e in np.unique(epochs)])


def as_tensor(pixels: npt.NDArray[np.uint8], device: torch.device | str = "cpu") -> Tensor:
    """uint8 (N, H, W, 3) to float32 (N, 3, H, W) in 0 to 1, channels last in memory."""
    return torch.from_numpy(np.array(pixels)).to(device).permute(0, 3, 1, 2).float().div_(255.0)


def augment(
    images: Tensor, size: int, generator: torch.Generator, *, zoomed: float, most_zoom: float, shift: int
) -> Tensor:
    """Flip, and shift or zoom each picture, in one resampling.

    Parameters
    ----------
    images : Tensor, float32 (N, 3, H, W)
    size : int
        Side of the result. Above H, pictures are whole and only flipped.
    generator : torch.Generator
        On the CPU; the only source of chance.
    zoomed, most_zoom, shift
        See `training.recipes.Recipe`.

    Returns
    -------
    Tensor, float32 (N, 3, size, size), channels last in memory
    """
    count, _, height, _ = images.shape

    def uniform(low: float, high: float) -> Tensor:
        return torch.rand(count, generator=generator) * (high - low) + low

    crop = uniform(0, 1) < zoomed
    zoom = torch.exp(uniform(0, math.log(most_zoom)))
    room_x, room_y = uniform(-1, 1), uniform(-1, 1)
    pixels_x = torch.round(uniform(-shift, shift))
    pixels_y = torch.round(uniform(-shift, shift))
    flip = torch.where(uniform(0, 1) < 0.5, -1.0, 1.0)
    if size > height:
        scale, move_x, move_y = torch.ones(count), torch.zeros(count), torch.zeros(count)
    else:
        scale = torch.where(crop, 1 / zoom, torch.ones(count))
        move_x = torch.where(crop, room_x * (1 - scale), pixels_x * 2 / height)
        move_y = torch.where(crop, room_y * (1 - scale), pixels_y * 2 / height)
    theta = torch.zeros(count, 2, 3)
    theta[:, 0, 0], theta[:, 0, 2] = scale * flip, move_x
    theta[:, 1, 1], theta[:, 1, 2] = scale, move_y
    grid = F.affine_grid(theta.to(images.device), [count, 3, size, size], align_corners=False)
    out = F.grid_sample(images, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    return out.contiguous(memory_format=torch.channels_last)


def recolour(images: Tensor, colour: float, generator: torch.Generator) -> Tensor:
    """Change each picture's saturation and brightness, as cameras do; see `training.recipes.Phase`.

    Parameters
    ----------
    images : Tensor, float32 (N, 3, H, W) in 0 to 1
    colour : float
        In 0 to 1; at 0 nothing is drawn and the pictures come back as they are.
    generator : torch.Generator
        On the CPU; the only source of chance.

    Returns
    -------
    Tensor, float32 (N, 3, H, W) in 0 to 1, channels last in memory
    """
    if colour == 0.0:
        return images
    drawn = torch.rand(2, len(images), 1, 1, 1, generator=generator).to(images.device)
    saturation = 1 - colour + 1.25 * colour * drawn[0]
    brightness = 1 - colour / 4 + colour / 2 * drawn[1]
    grey = images.mean(1, keepdim=True)
    changed = (grey + (images - grey) * saturation) * brightness
    return changed.clamp_(0, 1).contiguous(memory_format=torch.channels_last)
