"""Fooling pictures: changed so little that a person hardly sees it, and so that the network says something else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch

from deepvis.backend.network import Image, Network
from deepvis.backend.runs.attacks.account import Account
from deepvis.backend.runs.attacks.goal import Goal
from deepvis.backend.runs.attacks.iterated import AscentRule, FastSignRule, L2Rule, Rule, SignRule, iterate
from deepvis.backend.runs.attacks.subject import Subject
from deepvis.backend.runs.base import Needs, Steps
from deepvis.options import check_options, option, option_values

FoolingMethod = Literal["ascent", "fgsm", "ifgsm", "pgd", "pgd_l2"]

_LINF = ("fgsm", "ifgsm", "pgd")
_ITERATED = ("ascent", "ifgsm", "pgd", "pgd_l2")
_STEPS = {"ascent": 300, "fgsm": 1, "ifgsm": 20, "pgd": 40, "pgd_l2": 40}
_ASCENT_STEP = 0.1


@dataclass(frozen=True)
class Fooling:
    """Change a picture until the network says another class.

    Everything happens on the crop that the network sees, in pixels from 0 to 1 with the normalisation inside, and success
    is judged on the picture rounded to 8 bits, as a file holds it.

    ``update.image`` is the changed picture at the network's input size. ``update.metrics``: ``probability`` of the
    target (without one: of the strongest other class) and ``original_probability``, ``loss`` (what the method lowers),
    ``l0`` (values changed), ``l2`` and ``linf`` of the change, ``psnr`` in dB. ``update.detail``: ``pictures`` (``before``,
    ``after``, ``difference``, magnified, grey where nothing changed), ``magnification``, ``bars`` (``before``,
    ``after``). The figures between are those of the picture before it is rounded, the last update's those of the 8-bit
    picture. The result's facts say ``success``, both labels, ``steps``, and whether the picture still fools when it is
    opened as a file and goes through the network's own resizing (``success_when_opened``).

    Raises, at the first step: ValueError or KeyError for a class that does not exist or is the present one.
    """

    title: ClassVar[str] = "Fooling"
    needs: ClassVar[Needs] = "picture"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "One step": {"method": "fgsm"},
        "Away from its class": {"targeted": False},
    }

    method: FoolingMethod = option("pgd", help="How the change is found")
    target: int | str | None = option(
        None, help="Class that the network shall say; none: any other than it says now", role="class"
    )
    targeted: bool = option(True, help="Towards the target; otherwise away from the network's own class", advanced=True)
    epsilon: float | None = option(
        None,
        help="Largest change of a value in 0 to 1 (pgd_l2: of the picture's L2 norm); none: 8/255 (pgd_l2: 1)",
        minimum=1 / 255,
        when=("method", (*_LINF, "pgd_l2")),
    )
    iterations: int | None = option(
        None,
        help="Steps to make (ascent: at most); none: as many as the method usually needs",
        minimum=1,
        maximum=100_000,
        when=("method", _ITERATED),
    )
    step_size: float | None = option(
        None,
        help="Length of a step; none: a quarter of epsilon (ascent: an L2 norm of 0.1)",
        minimum=1e-6,
        advanced=True,
        when=("method", _ITERATED),
    )
    random_start: bool = option(
        True, help="Begin at a random point within epsilon", advanced=True, when=("method", ("pgd", "pgd_l2"))
    )
    size: int | None = option(
        None,
        help="Shorter side at which the network is shown the picture; none: its own input size",
        minimum=8,
        maximum=4096,
        unit="px",
        advanced=True,
    )
    seed: int = option(0, help="Of everything random", minimum=0, maximum=2**63 - 1)

    def __post_init__(self) -> None:
        check_options(self)
        if self.method in _LINF and self.epsilon is not None and self.epsilon > 1:
            raise ValueError(f"epsilon {self.epsilon} is out of range: for {self.method} it is 1/255 to 1")

    def steps(self, net: Network, image: Image) -> Steps:
        """Attack the picture; see the class."""
        subject = Subject(net, image, self.size)
        goal = self._goal(subject)
        account = Account(subject, goal, option_values(self))
        generator = torch.Generator().manual_seed(self.seed)
        yield from iterate(
            self._rule(),
            account,
            self.iterations if self.iterations is not None and self.method != "fgsm" else _STEPS[self.method],
            generator,
            random_start=self.random_start and self.method in ("pgd", "pgd_l2"),
            until_reached=self.method == "ascent",
        )

    def _goal(self, subject: Subject) -> Goal:
        net, logits = subject.net, subject.logits
        present = int(logits[0].argmax())
        if self.target is None:
            return Goal(present, None)
        target = net.target_index(self.target)
        if not self.targeted:
            if target != present:
                raise ValueError(
                    f"the network does not say {net.labels[target]!r} of this picture but {net.labels[present]!r}, so "
                    "there is nothing to lead it away from; leave out the target"
                )
            return Goal(present, None)
        if target == present:
            second = int(logits[0].topk(2).indices[1]) if net.classes > 1 else present
            raise ValueError(
                f"the network says {net.labels[present]!r} of this picture already; choose another target, such as "
                f"{net.labels[second]!r}, or none to lead it away from {net.labels[present]!r}"
            )
        return Goal(present, target)

    def _rule(self) -> Rule:
        epsilon = self.epsilon if self.epsilon is not None else 1.0 if self.method == "pgd_l2" else 8 / 255
        step_size = self.step_size if self.step_size is not None else epsilon / 4
        if self.method == "fgsm":
            return FastSignRule(epsilon, epsilon)
        if self.method == "pgd_l2":
            return L2Rule(epsilon, step_size)
        if self.method == "ascent":
            return AscentRule(self.step_size if self.step_size is not None else _ASCENT_STEP)
        return SignRule(epsilon, step_size, nested=self.method == "ifgsm")
