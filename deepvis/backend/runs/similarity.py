"""How alike two 8-bit pictures are."""

from __future__ import annotations

import math
from collections.abc import Callable

import cv2

from deepvis.messages import UInt8Array

_WINDOW = 7
"""Side of the window of SSIM in pixels, as in Wang et al. 2004."""


def peak_signal_to_noise(first: UInt8Array, second: UInt8Array) -> float:
    """PSNR in dB of two uint8 pictures of one shape; infinite where they are equal."""
    error = cv2.norm(first, second, cv2.NORM_L2SQR) / first.size
    return math.inf if error == 0 else 10 * math.log10(255**2 / error)


def structural_similarity(first: UInt8Array, second: UInt8Array) -> float:
    """Mean SSIM over the channels of two uint8 (h, w, 3) pictures; not a number where they are under 3 px."""
    from skimage import metrics

    ssim: Callable[..., float] = metrics.structural_similarity

    side = min(_WINDOW, min(first.shape[:2]) // 2 * 2 - 1 if min(first.shape[:2]) % 2 == 0 else min(first.shape[:2]))
    if side < 3:
        return math.nan
    return float(ssim(first, second, win_size=side, channel_axis=2, data_range=255))
