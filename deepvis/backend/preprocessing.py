"""From a picture to the network's input, the same way for the live view, the command line and the API."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from deepvis.messages import Fit, Size, UInt8Array

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

_LONGEST_RESIZED = 64
"""Input sides that a resized picture's longer side may be: of longer ones (a line of pixels) the ends are cut off."""

# ITU-R BT.601, as Pillow and OpenCV convert colour to grey.
_LUMA = (0.299, 0.587, 0.114)


@dataclass(frozen=True, slots=True)
class Placement:
    """How a picture of one size comes to lie on the network's input.

    Attributes
    ----------
    resized : (h, w) that the whole picture is resized to.
    top, left : where the input begins in the resized picture; negative: padded there.
    seen : (top, left, bottom, right) of the input in pixels of the original picture.
    """

    resized: Size
    top: int
    left: int
    seen: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """Resize, crop and normalise, as the network was trained.

    Attributes
    ----------
    size : (h, w) of the network's input.
    mean, std : by channel, on the scale of pixels in [0, 1]; their number (1 or 3) is the number of input channels.
    resize : the picture is resized so that the centre crop of ``size`` is this share of it (0.875 = 224 / 256). With
        ``resize_to``, the shorter side is resized to that many pixels at the network's own size.
    interpolation : ``bilinear`` or ``bicubic``, antialiased.
    """

    size: Size
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD
    resize_to: int | None = None
    interpolation: str = "bilinear"

    def __post_init__(self) -> None:
        if len(self.mean) != len(self.std) or len(self.mean) not in (1, 3):
            raise ValueError(
                f"mean and std need one value a channel for 1 or 3 channels, got {len(self.mean)} and {len(self.std)}"
            )
        if any(value <= 0 for value in self.std):
            raise ValueError(f"std must be positive, got {self.std}")
        if len(self.size) != 2 or min(self.size) < 1:
            raise ValueError(f"input_size must be (height, width) in pixels, got {self.size}")

    @property
    def channels(self) -> int:
        """Number of input channels, 1 or 3."""
        return len(self.mean)

    def at(self, size: Size) -> Preprocessing:
        """The same, for another input size."""
        if size == self.size or self.resize_to is None:
            return replace(self, size=size)
        return replace(self, size=size, resize_to=round(self.resize_to * min(size) / min(self.size)))

    def placement(self, height: int, width: int, fit: Fit = "crop") -> Placement:
        """Where the input lies in a picture of ``height`` × ``width``; ``stretch`` takes the whole picture."""
        h, w = self.size
        if fit == "stretch":
            return Placement((h, w), 0, 0, (0.0, 0.0, float(height), float(width)))
        shorter = min(h, w)
        grown = (self.resize_to or shorter) / shorter
        target_h, target_w = round(h * grown), round(w * grown)
        # The side that binds gets its exact length, the other is truncated, as torchvision's Resize does.
        if height * target_w <= width * target_h:
            resized = (target_h, max(target_w, int(target_h * width / height)))
        else:
            resized = (max(target_h, int(target_w * height / width)), target_w)
        top, left = round((resized[0] - h) / 2.0), round((resized[1] - w) / 2.0)
        y, x = height / resized[0], width / resized[1]
        seen = (max(top, 0) * y, max(left, 0) * x, min(top + h, resized[0]) * y, min(left + w, resized[1]) * x)
        return Placement(resized, top, left, seen)

    def pixels(self, image: UInt8Array, fit: Fit = "crop") -> torch.Tensor:
        """The crop that the network sees, uint8 (c, h, w) on the CPU, resized with antialiasing.

        Raises ValueError for anything but a uint8 picture with pixels.
        """
        image = check_image(image)
        image, place = _without_far_ends(image, self.placement(image.shape[0], image.shape[1], fit), self.size)
        whole = torch.from_numpy(image if image.flags.writeable else np.array(image)).permute(2, 0, 1)[None]
        if tuple(whole.shape[-2:]) != place.resized:
            whole = F.interpolate(whole, place.resized, mode=self.interpolation, antialias=True, align_corners=False)
        h, w = self.size
        top, left = place.top, place.left
        if top < 0 or left < 0:
            pad = (max(-left, 0), max(w + left - whole.shape[-1], 0), max(-top, 0), max(h + top - whole.shape[-2], 0))
            whole = F.pad(whole, pad)
            top, left = max(top, 0), max(left, 0)
        crop = whole[0, :, top : top + h, left : left + w]
        if self.channels == 1:
            weights = torch.tensor(_LUMA)[:, None, None]
            crop = (crop * weights).sum(0, keepdim=True).round().to(torch.uint8)
        return crop

    def normalise(self, pixels: torch.Tensor) -> torch.Tensor:
        """float32 (…, c, h, w) input of the network from pixels: uint8 in [0, 255], or floats in [0, 1]."""
        mean, std = self.vectors(pixels.device)
        if pixels.dtype == torch.uint8:
            return pixels.to(torch.float32).div_(255).sub_(mean).div_(std)
        return (pixels - mean) / std

    def denormalise(self, x: torch.Tensor) -> torch.Tensor:
        """Pixels in [0, 1] (floats, not clipped) of an input."""
        mean, std = self.vectors(x.device)
        return x * std + mean

    def vectors(self, device: torch.device | str = "cpu") -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and standard deviation as float32 (c, 1, 1) tensors."""
        return _column(self.mean, str(device)), _column(self.std, str(device))


def _without_far_ends(image: UInt8Array, place: Placement, size: Size) -> tuple[UInt8Array, Placement]:
    """A very long picture without its ends, which lie far outside the input, and how the rest comes to lie on it.

    Enlarged as a whole, a line of 4,096 × 1 pixels takes gigabytes. What the input shows moves by a small part of its
    pixel.
    """
    resized, corner = list(place.resized), [place.top, place.left]
    for axis in (0, 1):
        if place.resized[axis] <= _LONGEST_RESIZED * size[axis]:
            continue
        length, scale = image.shape[axis], place.resized[axis] / image.shape[axis]
        # As much on either side, and about a whole number of pixels of the input, so that the middle stays in place.
        most = max(0, int((length - 8 * size[axis] / scale - 8) / 2))
        away = min(range(most, max(most - 64, -1), -1), key=lambda pixels: abs(pixels * scale - round(pixels * scale)))
        image = image[away : length - away] if axis == 0 else image[:, away : length - away]
        resized[axis] -= 2 * round(away * scale)
        corner[axis] -= round(away * scale)
    return image, replace(place, resized=(resized[0], resized[1]), top=corner[0], left=corner[1])


@lru_cache(maxsize=64)
def _column(values: tuple[float, ...], device: str) -> torch.Tensor:
    # Made once: a live view needs it for every frame.
    with torch.inference_mode(False):
        return torch.tensor(values, dtype=torch.float32, device=device)[:, None, None]


def check_image(image: Any) -> UInt8Array:
    """``image`` as a uint8 (H, W, 3) array; grey pictures (H, W) and (H, W, 1) become three equal channels.

    Raises ValueError for other shapes and types, and for pictures without pixels. Alpha is not guessed at: composite it
    first (``deepvis`` does when it reads a file).
    """
    if not isinstance(image, np.ndarray):
        raise ValueError(f"an image is a uint8 (H, W, 3) numpy array in RGB, got {type(image).__name__}")
    if image.ndim == 2:
        image = image[:, :, None]
    if image.ndim != 3 or image.shape[2] not in (1, 3):
        raise ValueError(f"an image is a uint8 (H, W, 3) array in RGB, got shape {image.shape}")
    if image.shape[0] == 0 or image.shape[1] == 0:
        raise ValueError(f"the image has no pixels: shape {image.shape}")
    if image.dtype != np.uint8:
        raise ValueError(f"an image has dtype uint8 with values 0 to 255, got {image.dtype}")
    if image.shape[2] == 1:
        image = np.repeat(image, 3, axis=2)
    return np.ascontiguousarray(image)
