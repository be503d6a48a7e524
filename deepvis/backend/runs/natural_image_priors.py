"""What inversion knows of photographs: neighbours are alike (total variation), and values stay in range (alpha norm).

Mahendran & Vedaldi 2014, *Understanding deep image representations by inverting them*.
"""

from __future__ import annotations

import torch


def total_variation(picture: torch.Tensor, beta: float = 2.0) -> tuple[torch.Tensor, torch.Tensor]:
    """Σ (dx² + dy²)^(beta/2) of a float32 (1, c, h, w) picture, and its gradient of the same shape.

    dx and dy are the differences to the right and to the lower neighbour, 0 at the edge. The gradient at places without
    any difference is 0, also for ``beta`` below 2.
    """
    right, down = torch.zeros_like(picture), torch.zeros_like(picture)
    right[..., :-1] = picture[..., 1:] - picture[..., :-1]
    down[..., :-1, :] = picture[..., 1:, :] - picture[..., :-1, :]
    if beta == 2:
        value = (right.square() + down.square()).sum()
        right, down = right * 2, down * 2
    else:
        squares = right.square() + down.square()
        value = squares.pow(beta / 2).sum()
        slope = torch.where(squares > 0, beta * squares.pow(beta / 2 - 1), 0.0)
        right, down = right * slope, down * slope
    gradient = -right - down
    gradient[..., 1:] += right[..., :-1]
    gradient[..., 1:, :] += down[..., :-1, :]
    return value, gradient


def alpha_norm(picture: torch.Tensor, alpha: float = 6.0) -> tuple[torch.Tensor, torch.Tensor]:
    """Σ |x|^alpha of a float32 picture, and its gradient of the same shape."""
    magnitude = picture.abs()
    power = magnitude.pow(alpha - 1)
    return (power * magnitude).sum(), power * picture.sign() * alpha
