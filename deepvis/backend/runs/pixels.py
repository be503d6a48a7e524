"""Pictures of any size as pixels that a run can change, and back."""

from __future__ import annotations

import cv2
import numpy as np
import torch

from deepvis.backend.network import Image, Network
from deepvis.backend.preprocessing import check_image
from deepvis.messages import Size, UInt8Array

_LUMA = (0.299, 0.587, 0.114)


def resized(pixels: torch.Tensor, size: Size) -> torch.Tensor:
    """float32 (1, c, h, w) pixels at another size: bicubic, antialiased where they shrink; they may leave [0, 1]."""
    if tuple(pixels.shape[-2:]) == size:
        return pixels
    return torch.nn.functional.interpolate(pixels, size, mode="bicubic", antialias=True, align_corners=False)


def to_pixels(net: Network, image: Image, longest: int | None = None) -> torch.Tensor:
    """float32 (1, c, h, w) pixels in [0, 1] on the network's device, the whole picture at its own resolution.

    Parameters
    ----------
    image : uint8 (H, W, 3) RGB, or a preprocessed float32 (1, c, h, w) tensor.
    longest : pixels to which the longer side of a larger picture is reduced.

    Raises ValueError for what is no picture.
    """
    if isinstance(image, torch.Tensor):
        pixels = net.preprocessing.denormalise(net.preprocess(image)).clamp(0, 1)
    else:
        picture = np.array(check_image(image))
        pixels = torch.from_numpy(picture).permute(2, 0, 1)[None].to(net.device, torch.float32) / 255
        if net.channels == 1:
            pixels = (pixels * torch.tensor(_LUMA, device=net.device)[:, None, None]).sum(1, keepdim=True)
    height, width = pixels.shape[-2:]
    if longest is None or max(height, width) <= longest:
        return pixels.contiguous()
    shrunk = longest / max(height, width)
    return resized(pixels, (max(1, round(height * shrunk)), max(1, round(width * shrunk)))).clamp(0, 1)


def to_picture(pixels: torch.Tensor) -> UInt8Array:
    """uint8 (h, w, 3) RGB of (1, c, h, w) pixels in [0, 1]; values outside are clipped."""
    return interleaved(pixels[0].mul(255).round_().clamp_(0, 255).to(torch.uint8).cpu().numpy())


def interleaved(levels: UInt8Array) -> UInt8Array:
    """uint8 (h, w, 3) RGB of (c, h, w) levels; grey becomes three equal channels."""
    # Many times as fast as a transposed copy.
    planes = [levels[0]] * 3 if levels.shape[0] == 1 else list(levels)
    return np.asarray(cv2.merge(planes), np.uint8)
