"""Single maps and input-sized arrays as coloured pictures."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import torch

from deepvis.backend.methods.views import BackView
from deepvis.colormaps import colorize
from deepvis.messages import FloatArray, UInt8Array, UnitRequest, UnitResult


def bgrx(rgb: npt.NDArray[np.float32] | UInt8Array) -> UInt8Array:
    """RGB (H, W, 3), floats in [0, 1] or uint8, as uint8 (H, W, 4) BGRX."""
    if rgb.dtype != np.uint8:
        rgb = (np.clip(np.nan_to_num(rgb), 0, 1) * 255 + 0.5).astype(np.uint8)
    picture = np.full((*rgb.shape[:2], 4), 255, dtype=np.uint8)
    picture[:, :, :3] = rgb[:, :, ::-1]
    return picture


def heat(values: FloatArray, colormap: str, low: float | None = None, high: float | None = None) -> UInt8Array:
    """A (H, W) map in colours from ``low`` to ``high`` (its own range if None) as uint8 (H, W, 4) BGRX."""
    values = _finite(values)
    low = float(values.min()) if low is None else low
    high = float(values.max()) if high is None else high
    levels = (values - low) * (255 / max(high - low, 1e-30)) + 0.5
    levels = np.minimum(np.maximum(levels, 0, out=levels), 255, out=levels).astype(np.uint8)
    return colorize(levels, colormap)


def render_unit(values: torch.Tensor, request: UnitRequest) -> UnitResult:
    """One unit's map (H, W) or value () with its statistics."""
    array = np.atleast_2d(values.detach().to(torch.float32).cpu().numpy())
    finite = _finite(array)
    row, column = divmod(int(finite.argmax()), finite.shape[1])
    low, high = float(finite.min()), float(finite[row, column])
    return UnitResult(
        request=request,
        picture=heat(finite, request.colormap, low, high),
        minimum=low,
        maximum=high,
        mean=float(finite.mean()),
        active=int(np.count_nonzero(finite > 0)) / finite.size,
        peak=(row, column),
    )


def _finite(values: FloatArray) -> FloatArray:
    """The values, with 0 for those that are not finite."""
    if math.isfinite(float(values.sum())):
        return values
    return np.nan_to_num(values, posinf=0.0, neginf=0.0)


def draw_view(view: BackView) -> UInt8Array:
    """A view of a back-projection as uint8 (H, W, 4) BGRX: colour as it is, one channel in grey."""
    levels = view.values.mul(255).add_(0.5).clamp_(0, 255).to(torch.uint8).cpu().numpy()
    if levels.ndim == 3:
        return bgrx(np.ascontiguousarray(levels.transpose(1, 2, 0)))
    return colorize(levels, "gray")
