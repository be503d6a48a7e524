"""Single maps and input-sized arrays as coloured pictures."""

from __future__ import annotations

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
    values = np.nan_to_num(values, posinf=0.0, neginf=0.0)
    low = float(values.min()) if low is None else low
    high = float(values.max()) if high is None else high
    levels = np.clip((values - low) * (255 / max(high - low, 1e-30)) + 0.5, 0, 255).astype(np.uint8)
    return colorize(levels, colormap)


def render_unit(values: torch.Tensor, request: UnitRequest) -> UnitResult:
    """One unit's map (H, W) or value () with its statistics."""
    array = np.atleast_2d(values.detach().to(torch.float32).cpu().numpy())
    finite = np.nan_to_num(array, posinf=0.0, neginf=0.0)
    row, column = np.unravel_index(int(finite.argmax()), finite.shape)
    return UnitResult(
        request=request,
        picture=heat(finite, request.colormap),
        minimum=float(finite.min()),
        maximum=float(finite.max()),
        mean=float(finite.mean()),
        active=float((finite > 0).mean()),
        peak=(int(row), int(column)),
    )


def draw_view(view: BackView) -> UInt8Array:
    """A view of a back-projection as uint8 (H, W, 4) BGRX: colour as it is, one channel in grey."""
    levels = view.values.mul(255).add_(0.5).clamp_(0, 255).to(torch.uint8).cpu().numpy()
    if levels.ndim == 3:
        return bgrx(np.ascontiguousarray(levels.transpose(1, 2, 0)))
    return colorize(levels, "gray")
