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
from deepvis.backend.runs.attacks.lbfgs import smallest_change
from deepvis.backend.runs.attacks.patch import PatchOptions, train
from deepvis.backend.runs.attacks.subject import Subject
from deepvis.backend.runs.base import Needs, Steps
from deepvis.options import check_options, option, option_values

_LINF = ("fgsm", "ifgsm", "pgd")
_STEPPED = ("ascent", "ifgsm", "pgd", "pgd_l2")
_STEPS = {"ascent": 300, "fgsm": 1, "ifgsm": 20, "pgd": 40, "pgd_l2": 40, "lbfgs": 150, "patch": 400}
_PATCH = ("method", ("patch",))
_ASCENT_STEP = 0.25


@dataclass(frozen=True)
class Fooling:
    """Change a picture until the network says another class.

    Everything happens on the crop that the network sees, in pixels from 0 to 1 with the normalisation inside, and
    success is judged on the picture rounded to 8 bits, as a file holds it.

    ``ascent`` follows the target's logit; ``fgsm``, ``ifgsm``, ``pgd`` stay within ``epsilon`` of every value,
    ``pgd_l2`` within an L2 norm of it; ``lbfgs`` looks for the smallest change; ``patch`` makes a sticker that fools
    wherever it lies on a picture.

    ``update.image`` is the changed picture at the network's input size, of ``patch`` the sticker on white.
    ``update.metrics``: ``probability`` of the target (without one: of the strongest other class),
    ``original_probability``, ``loss`` (what the method lowers), ``l0`` (values changed), ``l2`` and ``linf`` of the
    change, ``psnr`` in dB; ``patch`` adds ``wins``, the share of pictures that become the target. On the way,
    probabilities are those of the picture before it is rounded; the last update's are those of the 8-bit picture.

    ``update.detail``: ``pictures`` (``before``, ``after``, ``difference``: magnified ``magnification`` times, mid grey
    where nothing changed) and ``bars`` (``before``, ``after``: five predictions, both classes among them). The result's
    facts say ``success``, the labels before and after, ``steps``, and whether the picture still fools when it is opened
    as a file and goes through the network's own resizing (``success_when_opened``); its ``arrays`` hold the picture
    before it was rounded (``pixels``, float32 (c, h, w) in [0, 1]) or the sticker (``patch``).

    ``steps`` raises ValueError or KeyError for a target that does not exist or is the present class, a ``size`` that
    the network does not take, and a sticker that does not fit; NetworkError where the network gives no gradients.
    """

    title: ClassVar[str] = "Fooling"
    needs: ClassVar[Needs] = "picture"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "One step": {"method": "fgsm"},
        "Smallest change": {"method": "lbfgs"},
        "Smallest change as published": {"method": "lbfgs", "sharpness": 1.0},
        "Sticker for the camera": {"method": "patch"},
        "Away from its class": {"targeted": False},
    }

    method: Literal["ascent", "fgsm", "ifgsm", "pgd", "pgd_l2", "lbfgs", "patch"] = option(
        "pgd", help="How the change is found"
    )
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
        help="Steps (ascent, lbfgs: at most); none: as many as the method usually needs",
        minimum=1,
        maximum=100_000,
        label="Steps",
        when=("method", (*_STEPPED, "lbfgs", "patch")),
    )
    step_size: float | None = option(
        None,
        help="Length of a step; none: an eighth of epsilon (ascent: an L2 norm of 0.25)",
        minimum=1e-6,
        advanced=True,
        when=("method", _STEPPED),
    )
    random_start: bool = option(
        True, help="Begin at a random point within epsilon", advanced=True, when=("method", ("pgd", "pgd_l2"))
    )
    until_reached: bool = option(
        False, help="End as soon as the network is fooled", advanced=True, when=("method", ("ifgsm", "pgd", "pgd_l2"))
    )
    size: int | None = option(
        None,
        help="Shorter side at which the network is shown the picture; none: its own input size",
        minimum=8,
        maximum=4096,
        unit="px",
        advanced=True,
    )
    sharpness: float = option(
        8.0,
        help="Factor on the logits in lbfgs's cross-entropy: 1 is the paper's, larger ones give smaller changes",
        minimum=0.01,
        maximum=100,
        advanced=True,
        when=("method", ("lbfgs",)),
    )
    area: float = option(
        0.15, help="Share of the picture that the sticker covers", minimum=0.005, maximum=0.75, when=_PATCH
    )
    shape: Literal["round", "square"] = option("round", help="The sticker's outline", when=_PATCH)
    scale: float = option(
        0.2, help="By how much it may be larger or smaller in training, as a share", minimum=0, maximum=0.9, when=_PATCH
    )
    rotation: float = option(
        20.0, help="By how much it may be turned, either way", minimum=0, maximum=180, unit="degrees", when=_PATCH
    )
    batch: int = option(8, help="Pictures in each step", minimum=1, maximum=256, advanced=True, when=_PATCH)
    folder: str | None = option(
        None, help="Pictures to train the sticker on; none: the sample photographs", role="folder", when=_PATCH
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
        steps = self.iterations if self.iterations is not None and self.method != "fgsm" else _STEPS[self.method]
        if self.method == "lbfgs":
            yield from smallest_change(account, steps, generator, self.sharpness)
        elif self.method == "patch":
            how = PatchOptions(steps, self.area, self.shape, self.scale, self.rotation, self.batch, self.folder)
            yield from train(account, how, generator)
        else:
            yield from self._iterate(account, steps, generator)

    def _iterate(self, account: Account, steps: int, generator: torch.Generator) -> Steps:
        return iterate(
            self._rule(),
            account,
            steps,
            generator,
            random_start=self.random_start and self.method in ("pgd", "pgd_l2"),
            until_reached=self.until_reached or self.method == "ascent",
            # A second step of FGSM would be another attack: its bound is the length of its one step.
            more=0 if self.method == "fgsm" else steps,
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
        step_size = self.step_size if self.step_size is not None else epsilon / 8
        if self.method == "fgsm":
            return FastSignRule(epsilon, epsilon)
        if self.method == "pgd_l2":
            return L2Rule(epsilon, step_size)
        if self.method == "ascent":
            return AscentRule(self.step_size if self.step_size is not None else _ASCENT_STEP)
        return SignRule(epsilon, step_size, nested=self.method == "ifgsm")
