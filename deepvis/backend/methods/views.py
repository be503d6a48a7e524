"""Views of a back-projection: a signed gradient as values that can be drawn.

``raw`` and ``gray`` keep the sign around mid grey, ``norm``, ``norm_blur`` and ``positive`` begin at black. A view that
would be all grey or all black says why.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch.nn import functional as F

from deepvis.messages import BACK_VIEWS, BackViewName, FloatArray, Rule, Seed

BLUR_SIGMA = 4 / 227
"""Standard deviation of ``norm_blur`` as a share of the input's height: 4 pixels of 227."""
HISTOGRAM_BINS = 64


@dataclass(frozen=True, slots=True)
class BackView:
    """One back-projection, ready to be drawn.

    Attributes
    ----------
    values : float32 in [0, 1]: (3, h, w) RGB for ``raw``, (h, w) otherwise. All 0.5 (signed) or 0 where the gradient is
        zero.
    signed : 0.5 stands for zero; otherwise 0 does.
    scale : the magnitude that 0 and 1 (signed) or 1 (otherwise) stand for.
    histogram : (counts, bin edges) of the gradient's values for view ``histogram``, float32; ``values`` are
        then those of ``gray``.
    """

    values: torch.Tensor
    signed: bool
    scale: float
    histogram: tuple[FloatArray, FloatArray] | None = None


def back_view(gradient: torch.Tensor, view: BackViewName = "raw") -> BackView:
    """Turn a back-projection (c, h, w), signed, into one of the six views.

    ``raw``: signed RGB, 0 at mid grey, scaled by 1 / (2 · max|.|). ``gray``: mean over channels, scaled alike.
    ``norm``: L2 norm over channels. ``norm_blur``: that, blurred by a Gaussian of 4 pixels of 227. ``positive``:
    max(sum over channels, 0). ``histogram``: how often which value occurs.

    Raises ValueError for an unknown view.
    """
    gradient = torch.nan_to_num(gradient.detach().to(torch.float32), nan=0.0, posinf=0.0, neginf=0.0)
    if view == "raw":
        colour = gradient if gradient.shape[0] == 3 else gradient.mean(0, keepdim=True).expand(3, -1, -1)
        return _signed(colour)
    if view == "gray":
        return _signed(gradient.mean(0))
    if view == "histogram":
        gray = _signed(gradient.mean(0))
        return BackView(gray.values, True, gray.scale, _histogram(gradient))
    if view == "norm":
        return _unsigned(gradient.norm(dim=0))
    if view == "norm_blur":
        return _unsigned(gaussian_blur(gradient.norm(dim=0), BLUR_SIGMA * gradient.shape[-2]))
    if view == "positive":
        return _unsigned(gradient.sum(0).clamp(min=0))
    raise ValueError(f"view {view!r} is unknown: it is one of {', '.join(map(repr, BACK_VIEWS))}")


def _signed(values: torch.Tensor) -> BackView:
    scale = float(values.abs().amax())
    if scale == 0:
        return BackView(torch.full_like(values, 0.5), True, 0.0)
    return BackView((values / scale).mul_(0.5).add_(0.5), True, scale)


def _unsigned(values: torch.Tensor) -> BackView:
    scale = float(values.amax())
    return BackView(values / scale if scale > 0 else torch.zeros_like(values), False, scale)


def _histogram(values: torch.Tensor) -> tuple[FloatArray, FloatArray]:
    flat = values.flatten().cpu()
    bound = float(flat.abs().amax()) or 1.0
    counts, edges = torch.histogram(flat, HISTOGRAM_BINS, range=(-bound, bound))
    return counts.numpy(), edges.numpy()


def gaussian_blur(values: torch.Tensor, sigma: float) -> torch.Tensor:
    """(h, w) blurred by a Gaussian of ``sigma`` pixels, cut off at 4 sigma; the border repeats outwards."""
    radius = max(1, math.ceil(4 * sigma))
    offsets = torch.arange(-radius, radius + 1, dtype=values.dtype, device=values.device)
    kernel = torch.exp(-(offsets**2) / (2 * sigma * sigma))
    kernel = kernel / kernel.sum()
    padded = F.pad(values[None, None], (radius, radius, radius, radius), mode="replicate")
    return F.conv2d(F.conv2d(padded, kernel[None, None, :, None]), kernel[None, None, None, :])[0, 0]


def why_zero(
    gradient: torch.Tensor,
    activation: torch.Tensor,
    unit: int,
    rule: Rule = "guided",
    seed: Seed = "activation",
    position: tuple[int, int] | None = None,
) -> str:
    """Why a back-projection is all zero, as a sentence for a person; an empty text where it is not.

    Parameters
    ----------
    gradient : the back-projection. activation : the layer's (1, C, H, W) or (1, C) output.
    unit, rule, seed, position : how it was made.
    """
    if not bool(torch.isfinite(gradient).all()):
        return "the gradient overflows: its values are not finite. Use fp32 precision."
    if bool(gradient.any()):
        return ""
    own = activation.detach()[0, unit]
    where = ""
    if position is not None and own.dim() == 2:
        own = own[position[0], position[1]]
        where = f" at row {position[0]}, column {position[1]}"
    if seed == "activation" and not bool(own.any()):
        everywhere = where or (" everywhere" if own.dim() else "")
        return f"unit {unit} is inactive here: its activation is 0{everywhere}"
    if rule == "gradient":
        return f"the gradient is zero: every way from unit {unit} back to the picture{where} is inactive"
    return (
        f"the gradient is zero: rule {rule!r} lets only positive gradients pass, and none reaches the picture from "
        f"unit {unit}{where}; try rule 'gradient'"
    )


def rule_note(rectifiers: int, rule: Rule) -> str:
    """A sentence where ``rule`` makes no difference because the network has no rectifiers; an empty text otherwise."""
    if rectifiers or rule == "gradient":
        return ""
    return f"this network has no rectifiers, so {rule!r} is the plain gradient here"
