"""The smallest change that fools, by box-constrained L-BFGS (Szegedy et al. 2013).

"Intriguing properties of neural networks": minimise c·‖r‖ + cross-entropy(x + r, target) with x + r in [0, 1], by
scipy's L-BFGS-B, for the largest c whose picture still fools. A larger c gives a smaller change, so c is doubled until
the 8-bit picture fails, and then bisected; each search begins at the smallest change found so far.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
import torch

from deepvis.backend.methods.differentiation import graphs_on
from deepvis.backend.runs.attacks.account import Account
from deepvis.backend.runs.attacks.change import Change, rounded
from deepvis.backend.runs.attacks.minimisation import Minimisation, Vector, blas
from deepvis.backend.runs.base import Steps
from deepvis.messages import FloatArray, UInt8Array

_FIRST_WEIGHT = 2.0
_SEARCHES = 12
_CLOSE = 1.15
"""c is known well enough when the failing one is less than this times the one that fools."""
_ITERATIONS = (30, 12)
"""Of L-BFGS-B: from the original picture, and from a change that was found already."""
_TOLERANCE = 1e-3
_SHORTEST = 0.7
_SHORTENINGS = 6
"""At any c the minimum lies somewhat beyond the boundary of the class, so the change that is found can be shortened."""
_NOISE = 8 / 255


@dataclass(frozen=True, slots=True)
class _Moment:
    """A picture on the way: ``judged`` where its logits are those of the 8-bit picture."""

    pixels: FloatArray
    levels: UInt8Array
    logits: torch.Tensor
    loss: float
    judged: bool
    note: str = ""


def smallest_change(account: Account, evaluations: int, generator: torch.Generator, sharpness: float) -> Steps:
    """Search until c is known well enough, at most for ``evaluations`` steps; each is one evaluation of the network.

    The result is the 8-bit picture with the smallest L2 norm that fools. The loss that is told is the cross-entropy of
    the logits times ``sharpness``, over ``sharpness``: at 1 it is the paper's; the larger, the nearer it is to the
    distance from the strongest other class alone, and the smaller the change.
    """
    with blas.on_one_thread():
        yield from _search(account, evaluations, generator, sharpness)


def _search(account: Account, evaluations: int, generator: torch.Generator, sharpness: float) -> Steps:
    subject, goal = account.subject, account.goal
    search = _Search(account, generator, sharpness)
    moments = search.moments()
    step, limit, first = 0, evaluations, True
    best: tuple[float, _Moment] | None = None
    try:
        while True:
            moment = next(moments, None)
            while moment is not None:
                if moment.judged and bool(goal.reached(moment.logits)):
                    norm = Change(subject.levels, moment.levels).norms["l2"]
                    best = (norm, moment) if best is None or norm < best[0] else best
                step += 1
                if step >= limit:
                    break
                note = moment.note or (subject.note if first else "")
                first = False
                yield account.update(step, limit, moment.levels, moment.logits, moment.loss, note)
                latest, moment = moment, next(moments, None)
            kept = best[1] if best is not None else moment if moment is not None else latest
            logits = kept.logits if kept.judged else subject.judge(kept.levels)
            loss = search.loss(logits)
            facts = {"c": search.weight_that_fools, "restarts": search.restarts}
            more = yield account.last(
                step,
                kept.levels,
                logits,
                loss,
                more=evaluations if moment is not None else 0,
                facts=facts,
                arrays={"pixels": kept.pixels},
            )
            if not more or moment is None:
                return
            limit = step + more
    finally:
        moments.close()


class _Search:
    """The search for c. ``weight_that_fools`` is the largest that did so far, None while none did."""

    def __init__(self, account: Account, generator: torch.Generator, sharpness: float) -> None:
        self._sharpness = sharpness
        self._subject = account.subject
        self._goal = account.goal
        self._generator = generator
        self._origin: Vector = self._subject.pixels.cpu().numpy().astype(np.float64).ravel()
        self.weight_that_fools: float | None = None
        self.restarts = 0
        self._smallest: Vector | None = None

    def moments(self) -> Generator[_Moment, None, None]:
        """Every evaluated picture, and after each minimisation the 8-bit picture that came of it; last, the smallest
        change that fooled, made shorter as long as it fools."""
        yield from self._searches()
        if self._smallest is None:
            return
        inside, outside = 1.0, _SHORTEST
        for _ in range(_SHORTENINGS):
            middle = (inside + outside) / 2
            moment = self._judged(self._smallest * middle)
            yield moment
            if bool(self._goal.reached(moment.logits)):
                inside = middle
            else:
                outside = middle

    def _searches(self) -> Generator[_Moment, None, None]:
        weight, failing = _FIRST_WEIGHT, math.inf
        start = np.zeros_like(self._origin)
        smallest = math.inf
        for _ in range(_SEARCHES):
            iterations = _ITERATIONS[0] if self.weight_that_fools is None else _ITERATIONS[1]
            work = Minimisation(start, -self._origin, 1 - self._origin, iterations, _TOLERANCE)
            try:
                while (change := work.ask()) is not None:
                    moment, slope = self._evaluate(change)
                    norm = _norm(change)
                    if not norm and not slope.any():
                        self.restarts += 1
                        note = "the gradient was 0: begun again from a little noise"
                        yield _Moment(moment.pixels, moment.levels, moment.logits, moment.loss, False, note)
                        break
                    yield moment
                    work.tell(moment.loss + weight * norm, slope + (weight / norm * change if norm else 0.0))
                found = work.minimum
            finally:
                work.close()
            if found is None:
                noise = torch.empty(len(start)).uniform_(-_NOISE, _NOISE, generator=self._generator)
                start = np.clip(self._origin + noise.numpy(), 0, 1) - self._origin
                continue
            moment = self._judged(found)
            yield moment
            norm = _norm(found)
            if bool(self._goal.reached(moment.logits)):
                self.weight_that_fools = weight
                if norm < smallest:
                    smallest, start, self._smallest = norm, found, found
            else:
                failing = min(failing, weight)
            fooling = self.weight_that_fools
            if fooling is None:
                weight = failing / 4
            elif failing == math.inf:
                weight = fooling * 2
            elif failing < fooling * _CLOSE:
                return
            else:
                weight = math.sqrt(fooling * failing)

    def _evaluate(self, change: Vector) -> tuple[_Moment, Vector]:
        """The picture with this change, and the gradient of its cross-entropy, float64 (n,)."""
        subject = self._subject
        values = (self._origin + change).astype(np.float32).clip(0, 1).reshape(subject.levels.shape)
        done = subject.run(torch.from_numpy(values)[None].to(subject.pixels.device))
        with graphs_on():
            loss = self._goal.cross_entropy(done.logits * self._sharpness) / self._sharpness
        gradient = done.gradient(loss)[0].cpu().numpy().astype(np.float64).ravel()
        moment = _Moment(values, rounded(values), done.logits.detach(), float(loss.detach()), judged=False)
        return moment, np.nan_to_num(gradient, nan=0.0, posinf=0.0, neginf=0.0)

    def loss(self, logits: torch.Tensor) -> float:
        """Cross-entropy of the sharpened logits (1, classes)."""
        return float(self._goal.cross_entropy(logits * self._sharpness)) / self._sharpness

    def _judged(self, change: Vector) -> _Moment:
        values = (self._origin + change).astype(np.float32).clip(0, 1).reshape(self._subject.levels.shape)
        levels = rounded(values)
        logits = self._subject.judge(levels)
        return _Moment(values, levels, logits, self.loss(logits), judged=True)


def _norm(change: Vector) -> float:
    # Not numpy's own, which calls on threads: see minimisation.blas.
    return math.sqrt(float(np.square(change).sum()))
