"""The attacks that follow one gradient a step: ascent, FGSM, I-FGSM, PGD within L∞ and within L2.

Each is a rule: from where it starts, what it lowers, how it goes one step, and how its picture is rounded to 8 bits so
that its bound still holds. Pixels are float32 (1, c, h, w) in [0, 1].

Papers: Goodfellow, Shlens & Szegedy 2014, "Explaining and harnessing adversarial examples" (FGSM); Kurakin, Goodfellow
& Bengio 2016, "Adversarial examples in the physical world" (I-FGSM, also called BIM); Madry et al. 2017, "Towards deep
learning models resistant to adversarial attacks" (PGD).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import torch

from deepvis.backend.methods.differentiation import graphs_on
from deepvis.backend.runs.attacks.account import Account
from deepvis.backend.runs.attacks.change import rounded, rounded_within_l2, rounded_within_linf
from deepvis.backend.runs.attacks.goal import Goal
from deepvis.backend.runs.base import Steps
from deepvis.messages import FloatArray, UInt8Array

_NO_DIVISION_BY_ZERO = 1e-10
_NOISE = 8 / 255
"""How far an attack without a bound begins again from where there was no gradient."""


class Rule(Protocol):
    """One attack's way."""

    def loss(self, goal: Goal, logits: torch.Tensor) -> torch.Tensor:
        """What is lowered."""
        ...

    def start(self, origin: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """A random point within the bound."""
        ...

    def step(self, pixels: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
        """Against the gradient, bound not yet observed."""
        ...

    def project(self, pixels: torch.Tensor, origin: torch.Tensor) -> torch.Tensor:
        """Into the bound and into [0, 1]."""
        ...

    def round(self, pixels: FloatArray, before: UInt8Array) -> UInt8Array:
        """(c, h, w) pixels as 8-bit levels within the bound."""
        ...


@dataclass(frozen=True, slots=True)
class SignRule:
    """Steps along the gradient's sign, no value further than ``epsilon`` from the original.

    ``nested``: bounds are kept as I-FGSM's paper has them, on values (max(0, x − ε) … min(1, x + ε)); otherwise as PGD
    has them, on the change. They differ in the last bit.
    """

    epsilon: float
    step_size: float
    nested: bool = False

    def loss(self, goal: Goal, logits: torch.Tensor) -> torch.Tensor:
        """Cross-entropy."""
        return goal.cross_entropy(logits)

    def start(self, origin: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Uniform in the cube."""
        noise = torch.empty(origin.shape).uniform_(-self.epsilon, self.epsilon, generator=generator)
        return (origin + noise.to(origin.device)).clamp_(0, 1)

    def step(self, pixels: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
        """``step_size`` in every value."""
        return pixels - self.step_size * gradient.sign()

    def project(self, pixels: torch.Tensor, origin: torch.Tensor) -> torch.Tensor:
        """Into the cube around the original."""
        if self.nested:
            low, high = (origin - self.epsilon).clamp_(min=0), origin + self.epsilon
            return torch.minimum(torch.maximum(pixels, low), high).clamp_(max=1)
        return (origin + (pixels - origin).clamp_(-self.epsilon, self.epsilon)).clamp_(0, 1)

    def round(self, pixels: FloatArray, before: UInt8Array) -> UInt8Array:
        """To the nearest level within the bound."""
        return rounded_within_linf(pixels, before, self.epsilon)


@dataclass(frozen=True, slots=True)
class FastSignRule(SignRule):
    """One step along the gradient's sign as long as the bound."""

    def project(self, pixels: torch.Tensor, origin: torch.Tensor) -> torch.Tensor:
        """Into [0, 1]: one step cannot leave the cube."""
        return pixels.clamp(0, 1)


@dataclass(frozen=True, slots=True)
class L2Rule:
    """Steps of length ``step_size`` along the gradient within a ball of radius ``epsilon`` around the original."""

    epsilon: float
    step_size: float

    def loss(self, goal: Goal, logits: torch.Tensor) -> torch.Tensor:
        """Cross-entropy."""
        return goal.cross_entropy(logits)

    def start(self, origin: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """In a uniform direction, at a uniform distance from the centre."""
        noise = torch.empty(origin.shape).normal_(generator=generator)
        noise *= torch.rand((), generator=generator) * self.epsilon / noise.norm()
        return (origin + noise.to(origin.device)).clamp_(0, 1)

    def step(self, pixels: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
        """``step_size`` long."""
        return pixels - gradient / (_norm(gradient) + _NO_DIVISION_BY_ZERO) * self.step_size

    def project(self, pixels: torch.Tensor, origin: torch.Tensor) -> torch.Tensor:
        """Into the ball around the original."""
        change = pixels - origin
        return (origin + change * (self.epsilon / _norm(change)).clamp(max=1)).clamp_(0, 1)

    def round(self, pixels: FloatArray, before: UInt8Array) -> UInt8Array:
        """Near the pixels, within the ball."""
        return rounded_within_l2(pixels, before, self.epsilon)


@dataclass(frozen=True, slots=True)
class AscentRule:
    """Steps of length ``step_size`` up the target's logit (without a target, down the own class's), without a bound."""

    step_size: float

    def loss(self, goal: Goal, logits: torch.Tensor) -> torch.Tensor:
        """The logit."""
        return goal.logit(logits)

    def start(self, origin: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """A little uniform noise away."""
        noise = torch.empty(origin.shape).uniform_(-_NOISE, _NOISE, generator=generator)
        return (origin + noise.to(origin.device)).clamp_(0, 1)

    def step(self, pixels: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
        """``step_size`` long."""
        return pixels - gradient / _norm(gradient) * self.step_size

    def project(self, pixels: torch.Tensor, origin: torch.Tensor) -> torch.Tensor:
        """Into [0, 1]."""
        return pixels.clamp(0, 1)

    def round(self, pixels: FloatArray, before: UInt8Array) -> UInt8Array:
        """To the nearest level."""
        return rounded(pixels)


def iterate(
    rule: Rule,
    account: Account,
    steps: int,
    generator: torch.Generator,
    *,
    random_start: bool,
    until_reached: bool,
    more: int,
) -> Steps:
    """Follow a rule for ``steps`` steps, or until the saved picture reaches the goal.

    Each ``next`` is one forward and one backward pass of the picture that it shows, the last one a forward pass of the
    8-bit picture. At the end ``more`` further steps are offered; those that are asked for are all made, also beyond the
    goal.
    """
    subject, goal = account.subject, account.goal
    origin = subject.pixels
    pixels = rule.start(origin, generator) if random_start else origin
    levels = rule.round(_plain(pixels), subject.levels)
    gradient: torch.Tensor | None
    logits, loss, gradient = _look(rule, account, pixels)
    step = restarts = 0
    yield account.update(step, steps, levels, logits, loss, subject.note)
    while True:
        ended = False
        while not ended:
            step, note = step + 1, ""
            if gradient is None:
                _, _, gradient = _look(rule, account, pixels)
            if _usable(gradient):
                pixels = rule.project(rule.step(pixels, gradient), origin)
            else:
                restarts += 1
                pixels = rule.start(origin, generator)
                note = "the gradient was 0: begun again from a little noise"
            levels, gradient = rule.round(_plain(pixels), subject.levels), None
            ended = step >= steps
            if not ended:
                logits, loss, gradient = _look(rule, account, pixels)
                ended = until_reached and bool(goal.reached(logits)) and bool(goal.reached(subject.judge(levels)))
            if not ended:
                yield account.update(step, steps, levels, logits, loss, note)
        logits = subject.judge(levels)
        loss = float(rule.loss(goal, logits))
        if restarts == step:
            note = "the gradient was 0 at every step: the network's answer does not depend on this picture by degrees"
        facts = {"restarts": restarts}
        arrays = {"pixels": _plain(pixels)}
        asked = yield account.last(step, levels, logits, loss, note, more=more, facts=facts, arrays=arrays)
        if not asked or not more:
            return
        steps, until_reached = step + asked, False


def _look(rule: Rule, account: Account, pixels: torch.Tensor) -> tuple[torch.Tensor, float, torch.Tensor]:
    """Logits, loss, and its gradient with respect to the pixels."""
    done = account.subject.run(pixels)
    with graphs_on():
        loss = rule.loss(account.goal, done.logits)
    return done.logits.detach(), float(loss.detach()), done.gradient(loss)


def _norm(values: torch.Tensor) -> torch.Tensor:
    length: torch.Tensor = torch.linalg.vector_norm(values)
    return length


def _usable(gradient: torch.Tensor) -> bool:
    largest = float(gradient.abs().max())
    return 0 < largest < math.inf


def _plain(pixels: torch.Tensor) -> FloatArray:
    """(c, h, w) on the CPU."""
    array: FloatArray = pixels[0].cpu().numpy()
    return array
