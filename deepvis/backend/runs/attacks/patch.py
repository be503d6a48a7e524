"""A printable sticker that makes pictures its class (Brown et al. 2017, "Adversarial patch").

Trained over several pictures at once, with the expectation over its position, scale and rotation: a camera will see it
anywhere, larger or smaller, and turned a little.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional as F

from deepvis.backend.methods.differentiation import graphs_on
from deepvis.backend.runs.attacks.account import Account
from deepvis.backend.runs.attacks.change import rounded
from deepvis.backend.runs.attacks.placement import Shape, Sticker
from deepvis.backend.runs.attacks.pool import Pool
from deepvis.backend.runs.base import Steps
from deepvis.backend.runs.pixels import interleaved
from deepvis.messages import UInt8Array

_RATE = 0.05
"""Of Adam, on pixels in [0, 1]."""
_TRIALS = 128
"""Placements on which the finished sticker is judged."""
_REMEMBERED = 64
"""Pictures over which the share of wins is told while the sticker is trained."""
_PRINTED = 600
"""Pixels of the printable picture's side."""
_WINS = 0.8
"""Share of the trials from which a sticker counts as a success."""


@dataclass(frozen=True, slots=True)
class PatchOptions:
    """How a sticker is made; see the options of the run."""

    steps: int
    area: float
    shape: Shape
    scale: float
    rotation: float
    batch: int
    folder: str | None


def train(account: Account, options: PatchOptions, generator: torch.Generator) -> Steps:
    """Train a sticker for ``options.steps`` steps, then try it at random places on all pictures.

    Each ``next`` is one forward and one backward pass of a batch; in the trials, a forward pass of one.
    """
    patch = _Patch(account, options, generator)
    trials = -(-_TRIALS // options.batch)
    step, training = 0, options.steps
    while True:
        total = step + training + trials
        for _ in range(training):
            step += 1
            note = patch.learn()
            yield account.update(step, total, *patch.state, note, shown=patch.picture, also=patch.wins)
        patch.begin_trials()
        for trial in range(trials):
            step += 1
            patch.try_on(trial)
            if trial < trials - 1:
                yield account.update(step, total, *patch.state, shown=patch.picture, also=patch.wins)
        asked = yield account.last(
            step,
            *patch.state,
            more=options.steps,
            shown=patch.picture,
            also=patch.wins,
            success=patch.wins["wins"] >= _WINS,
            facts=patch.facts,
            images={"printable": patch.printable},
            arrays={"patch": patch.values},
        )
        if not asked:
            return
        training = asked


class _Patch:
    """The sticker, its optimiser, and what became of the pictures that it was laid on."""

    def __init__(self, account: Account, options: PatchOptions, generator: torch.Generator) -> None:
        subject = account.subject
        self._subject, self._goal = subject, account.goal
        self._options = options
        self._generator = generator
        self._pool = Pool(subject, options.folder)
        self._sticker = Sticker(subject.size, options.area, options.shape)
        self._shape = (1, subject.levels.shape[0], self._sticker.pixels, self._sticker.pixels)
        with graphs_on():
            self._values = self._noise().requires_grad_()
        self._adam = torch.optim.Adam([self._values], lr=_RATE)
        self._won: deque[bool] = deque(maxlen=_REMEMBERED)
        self._restarts = 0
        self.state: tuple[UInt8Array, torch.Tensor, float] = (subject.levels, subject.logits, 0.0)
        """The picture under attack with the sticker, its logits (1, classes), and the loss."""

    def _noise(self) -> torch.Tensor:
        noise = torch.rand(self._shape, generator=self._generator)
        return (0.5 + 0.2 * (noise - 0.5)).to(self._subject.pixels.device)

    @property
    def picture(self) -> UInt8Array:
        """uint8 (s, s, 3) RGB, the sticker on white."""
        with torch.no_grad():
            return interleaved(rounded(self._sticker.cut_out(self._values)[0].cpu().numpy()))

    @property
    def printable(self) -> UInt8Array:
        """The same, enlarged for a printer."""
        small = interleaved(rounded(self._values.detach()[0].cpu().numpy()))
        side = max(_PRINTED, len(small))
        large = cv2.resize(small, (side, side), interpolation=cv2.INTER_CUBIC)
        values = torch.from_numpy(np.ascontiguousarray(large.transpose(2, 0, 1)))[None] / 255
        return interleaved(rounded(self._sticker.cut_out(values)[0].numpy()))

    @property
    def values(self) -> npt.NDArray[np.float32]:
        """float32 (c, s, s) in [0, 1], the 8-bit sticker without its background."""
        found: npt.NDArray[np.float32] = self._eight_bits()[0].cpu().numpy()
        return found

    @property
    def wins(self) -> dict[str, float]:
        """Share of the pictures that the sticker won: of the last ones in training, of the trials afterwards."""
        return {"wins": sum(self._won) / max(1, len(self._won))}

    @property
    def facts(self) -> dict[str, object]:
        """How it was tried."""
        return {
            **self.wins,
            "trials": len(self._won),
            "pictures": len(self._pool),
            "pictures_left_out": self._pool.left_out,
            "restarts": self._restarts,
        }

    def learn(self) -> str:
        """One step of Adam on one batch of pictures; returns a note, if there is something to say."""
        self._pool.read_one()
        pictures, classes = self._pool.draw(self._options.batch, self._generator)
        with graphs_on():
            laid = self._laid(self._values, pictures, self._options.scale)
            done = self._subject.run(laid.detach())
            loss = self._loss(done.logits, classes)
        gradient = done.gradient(loss)
        with graphs_on():
            (slope,) = torch.autograd.grad(laid, self._values, gradient)
        self._tell(laid.detach(), done.logits.detach(), float(loss.detach()))
        self._won.extend(self._reached(done.logits.detach(), classes))
        return self._follow(slope)

    def _follow(self, slope: torch.Tensor) -> str:
        note = ""
        with torch.no_grad():
            if 0 < float(slope.abs().max()) < math.inf:
                self._values.grad = slope
                self._adam.step()
                self._values.grad = None
            else:
                self._restarts += 1
                self._values.copy_(self._noise())
                note = "the gradient was 0: begun again from other noise"
            self._values.clamp_(0, 1)
        return note

    def begin_trials(self) -> None:
        """From here on ``wins`` counts trials."""
        self._won = deque()

    def try_on(self, trial: int) -> None:
        """Lay the 8-bit sticker at its nominal scale on one batch of pictures, each of them rounded to 8 bits."""
        batch = self._options.batch
        pictures, classes = self._pool.plain(trial * batch, batch)
        with torch.no_grad():
            # The first is always the picture under attack, for the figures; it counts where it is its turn.
            pictures = np.concatenate((self._subject.levels[None], pictures))
            laid = self._laid(self._eight_bits(), pictures, 0.0)
            levels = rounded(laid.cpu().numpy())
            logits = self._subject.judge(levels)
            loss = float(self._loss(logits[1:], classes))
        self.state = (levels[0], logits[:1], loss)
        self._won.extend(self._reached(logits[1:], classes))

    def _laid(self, sticker: torch.Tensor, pictures: UInt8Array, scale: float) -> torch.Tensor:
        places = self._sticker.places(len(pictures), scale, self._options.rotation, self._generator)
        pixels = torch.from_numpy(pictures).to(sticker.device).to(torch.float32) / 255
        return self._sticker.lay(sticker, pixels, places)

    def _eight_bits(self) -> torch.Tensor:
        return torch.from_numpy(rounded(self._values.detach().cpu().numpy())).to(self._values.device) / 255

    def _tell(self, laid: torch.Tensor, logits: torch.Tensor, loss: float) -> None:
        self.state = (rounded(laid[0].cpu().numpy()), logits[:1], loss)

    def _loss(self, logits: torch.Tensor, classes: list[int]) -> torch.Tensor:
        """Cross-entropy of the target; without one, of each picture's own class with the opposite sign."""
        target = self._goal.target
        aims = torch.tensor(classes if target is None else [target] * len(classes), device=logits.device)
        loss = F.cross_entropy(logits, aims)
        return -loss if target is None else loss

    def _reached(self, logits: torch.Tensor, classes: list[int]) -> list[bool]:
        """Whether each picture is won; pictures that are of the target's class without the sticker are left out."""
        target, said = self._goal.target, logits.argmax(1).tolist()
        if target is None:
            return [now != own for now, own in zip(said, classes, strict=True)]
        return [now == target for now, own in zip(said, classes, strict=True) if own != target]
