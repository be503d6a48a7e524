"""What inversion knows of photographs: neighbours are alike (total variation), and values stay in range (alpha norm).

Mahendran & Vedaldi 2014, *Understanding deep image representations by inverting them*.
"""

from __future__ import annotations

import torch
from torch.nn import functional as F


def total_variation(picture: torch.Tensor, beta: float = 2.0) -> tuple[torch.Tensor, torch.Tensor]:
    """Σ (dx² + dy²)^(beta/2) of a float32 (1, c, h, w) picture, and its gradient of the same shape.

    dx and dy are the differences to the right and to the lower neighbour, 0 at the edge. The gradient at places without
    any difference is 0, also for ``beta`` below 2.
    """
    right = picture[..., 1:] - picture[..., :-1]
    down = picture[..., 1:, :] - picture[..., :-1, :]
    if beta == 2:
        value = _squares(right) + _squares(down)
        slope_right, slope_down = right, down
    else:
        squares = F.pad(right.square(), (0, 1)) + F.pad(down.square(), (0, 0, 0, 1))
        value = squares.pow(beta / 2).sum()
        slope = torch.where(squares > 0, beta / 2 * squares.pow(beta / 2 - 1), 0.0)
        slope_right, slope_down = right * slope[..., :-1], down * slope[..., :-1, :]
    gradient = torch.zeros_like(picture)
    gradient[..., 1:] += slope_right
    gradient[..., :-1] -= slope_right
    gradient[..., 1:, :] += slope_down
    gradient[..., :-1, :] -= slope_down
    return value, gradient.mul_(2)


def alpha_norm(picture: torch.Tensor, alpha: float = 6.0) -> tuple[torch.Tensor, torch.Tensor]:
    """Σ |x|^alpha of a float32 picture, and its gradient of the same shape."""
    odd = picture.square().square_().mul_(picture) if alpha == 6 else picture.abs().pow(alpha - 1) * picture.sign()
    return torch.dot(odd.flatten(), picture.flatten()), odd.mul_(alpha)


def _squares(values: torch.Tensor) -> torch.Tensor:
    length: torch.Tensor = torch.linalg.vector_norm(values)
    return length.square_()
