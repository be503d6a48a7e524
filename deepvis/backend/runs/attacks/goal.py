"""What an attack aims at: to be given one class, or to be given any other than the present one."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional as F


@dataclass(frozen=True, slots=True)
class Goal:
    """The classes of an attack. Logits are float (N, classes), losses means over N that an attack lowers.

    Attributes
    ----------
    original : the class that the network says of the picture as it is.
    target : the class that it shall say; None: any other than ``original``.
    """

    original: int
    target: int | None

    def rival(self, logits: torch.Tensor) -> int:
        """The class that stands against the original in the first of ``logits``: the target, or the strongest other."""
        if self.target is not None:
            return self.target
        best, second = logits[0].topk(2).indices.tolist()
        return int(second if best == self.original else best)

    def reached(self, logits: torch.Tensor) -> torch.Tensor:
        """bool (N,): whether the network says what it shall."""
        said = logits.argmax(1)
        return said != self.original if self.target is None else said == self.target

    def cross_entropy(self, logits: torch.Tensor) -> torch.Tensor:
        """Cross-entropy of the target; with the opposite sign that of the class to be left."""
        aim = self.original if self.target is None else self.target
        loss = F.cross_entropy(logits, torch.full((logits.shape[0],), aim, device=logits.device))
        return -loss if self.target is None else loss

    def logit(self, logits: torch.Tensor) -> torch.Tensor:
        """The target's logit with the opposite sign; the logit of the class to be left as it is."""
        if self.target is None:
            return logits[:, self.original].mean()
        return -logits[:, self.target].mean()
