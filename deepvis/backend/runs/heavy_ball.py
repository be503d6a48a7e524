"""Gradient descent with momentum whose learning rate finds itself."""

from __future__ import annotations

import torch

_MOMENTUM = 0.9
_FIRST = 3.0
_ROSE = 10.0
_PATIENCE = 40
_PROGRESS = 0.995


class HeavyBall:
    """Descent with momentum 0.9, reset at each change of the learning rate, as Mahendran & Vedaldi (2014) have it.

    The first rate is three times Polyak's, loss / ‖gradient‖², which suits a loss that could reach 0 and needs no
    tuning by layer. It is halved where the loss has risen to 10 times the least so far (the descent then begins again
    from the picture that had it), and where 40 steps have not made it smaller by half a percent. Rises before that are
    welcome: they lead past pools and rectifiers that are stuck at the wrong place.

    Attributes
    ----------
    position : where the loss and gradient are wanted next.
    rate : the learning rate, None before the first step.
    best, least : the position with the least loss so far, and that loss.
    """

    def __init__(self, start: torch.Tensor, rate: float | None = None) -> None:
        self.position = start
        self.rate = rate
        self.best = start
        self.least = float("inf")
        self._best_gradient = torch.zeros_like(start)
        self._velocity = torch.zeros_like(start)
        self._waited = 0

    def take(self, loss: float, gradient: torch.Tensor) -> bool:
        """Move on from ``position``, where the loss and its gradient are these. False: the step before was undone."""
        if self.rate is None:
            self.rate = _FIRST * loss / max(float(gradient.square().sum()), 1e-30)
        good = loss <= _ROSE * self.least
        if not good:
            self.position, gradient = self.best, self._best_gradient
            self._slow_down()
        else:
            self._waited = 0 if loss < _PROGRESS * self.least else self._waited + 1
            if loss < self.least:
                self.best, self.least, self._best_gradient = self.position, loss, gradient
            if self._waited >= _PATIENCE:
                self._slow_down()
        self._velocity.mul_(_MOMENTUM).sub_(gradient, alpha=self.rate)
        self.position = self.position + self._velocity
        return good

    def shake(self, noise: torch.Tensor) -> None:
        """Move off by ``noise``, of the position's shape, and keep the velocity: a way out of a poor minimum."""
        self.position = self.position + noise

    def _slow_down(self) -> None:
        assert self.rate is not None
        self.rate /= 2
        self._velocity = torch.zeros_like(self._velocity)
        self._waited = 0
