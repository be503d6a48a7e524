"""What an attack tells: figures and pictures after each step, and the result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from deepvis.backend.runs.attacks.change import Change
from deepvis.backend.runs.attacks.goal import Goal
from deepvis.backend.runs.attacks.subject import Subject
from deepvis.backend.runs.pixels import interleaved
from deepvis.messages import Prediction, RunResult, RunUpdate, UInt8Array

_SHOWN = 5
"""Predictions in each set of bars."""

Probabilities = npt.NDArray[np.float64]


class Account:
    """Turns the state of an attack on one picture into updates.

    Parameters
    ----------
    subject, goal : the picture under attack, and what is aimed at.
    options : every option of the run, for the result.
    """

    def __init__(self, subject: Subject, goal: Goal, options: Mapping[str, Any]) -> None:
        self.subject = subject
        self.goal = goal
        self._options = options
        self._picture = interleaved(subject.levels)
        self._before = _probabilities(subject.logits)
        self._bars: dict[int, tuple[Prediction, ...]] = {}

    def update(
        self,
        step: int,
        total: int,
        levels: UInt8Array,
        logits: torch.Tensor,
        loss: float,
        note: str = "",
        *,
        shown: UInt8Array | None = None,
        also: Mapping[str, float] | None = None,
    ) -> RunUpdate:
        """After one step.

        Parameters
        ----------
        levels : uint8 (c, h, w), the changed picture as it would be saved.
        logits : (1, classes), what the network says of it.
        loss : what is lowered.
        note : what a person should know of this step.
        shown : uint8 RGB, the picture of the update where it is not the changed one.
        also : further metrics.
        """
        return self._told(step, total, Change(self.subject.levels, levels), logits, loss, note, shown, also or {})

    def last(
        self,
        step: int,
        levels: UInt8Array,
        logits: torch.Tensor,
        loss: float,
        note: str = "",
        *,
        shown: UInt8Array | None = None,
        also: Mapping[str, float] | None = None,
        success: bool | None = None,
        more: int = 0,
        facts: Mapping[str, Any] | None = None,
        images: Mapping[str, UInt8Array] | None = None,
        arrays: Mapping[str, npt.NDArray[Any]] | None = None,
    ) -> RunUpdate:
        """The same with the result. ``logits`` must be those of the 8-bit picture: they decide on success, unless that
        is given."""
        change = Change(self.subject.levels, levels)
        update = self._told(step, step, change, logits, loss, note, shown, also or {})
        net, goal = self.subject.net, self.goal
        rival, said = goal.rival(logits), int(logits[0].argmax())
        reached = bool(goal.reached(logits))
        pictures: Mapping[str, UInt8Array] = update.detail["pictures"]
        others = {title: picture for title, picture in pictures.items() if picture is not update.image}
        result = RunResult(
            run="fooling",
            title=f"{net.labels[goal.original]} → {net.labels[said if reached else rival]}",
            options=self._options,
            network=net.name,
            network_hash=net.hash,
            image=update.image,
            images={**others, **(images or {})},
            figures={
                **update.metrics,
                "probability_before": float(self._before[rival]),
                "original_probability_before": float(self._before[goal.original]),
            },
            facts={
                "success": reached if success is None else success,
                "success_when_opened": bool(goal.reached(self.subject.opened(levels))),
                "target": None if goal.target is None else net.labels[goal.target],
                "label_before": net.labels[goal.original],
                "label_after": net.labels[said],
                "steps": step,
                "magnification": change.magnification,
                **(facts or {}),
            },
            arrays=dict(arrays or {}),
        )
        return RunUpdate(step, step, update.image, update.metrics, result, update.detail, more, note)

    def _told(
        self,
        step: int,
        total: int,
        change: Change,
        logits: torch.Tensor,
        loss: float,
        note: str,
        shown: UInt8Array | None,
        also: Mapping[str, float],
    ) -> RunUpdate:
        after = _probabilities(logits)
        rival = self.goal.rival(logits)
        picture = interleaved(change.after)
        metrics = {
            "probability": float(after[rival]),
            "original_probability": float(after[self.goal.original]),
            "loss": loss,
            **change.norms,
            **also,
        }
        detail = {
            "pictures": {"before": self._picture, "after": picture, "difference": interleaved(change.magnified)},
            "bars": {"before": self._bars_before(rival), "after": self._predictions(after, rival)},
            "magnification": change.magnification,
        }
        return RunUpdate(step, total, picture if shown is None else shown, metrics, detail=detail, note=note)

    def _bars_before(self, rival: int) -> tuple[Prediction, ...]:
        if rival not in self._bars:
            self._bars[rival] = self._predictions(self._before, rival)
        return self._bars[rival]

    def _predictions(self, probabilities: Probabilities, rival: int) -> tuple[Prediction, ...]:
        """The most probable classes, best first, the original and its rival always among them."""
        pair = {self.goal.original, rival}
        best = np.argsort(-probabilities, kind="stable")[:_SHOWN].tolist()
        others = [index for index in best if index not in pair][: _SHOWN - len(pair)]
        shown = sorted((*pair, *others), key=lambda index: -probabilities[index])
        labels = self.subject.net.labels
        return tuple(Prediction(index, labels[index], float(probabilities[index])) for index in shown)


def _probabilities(logits: torch.Tensor) -> Probabilities:
    """float64 (classes,) of the first of ``logits``."""
    values = logits[0].cpu().numpy().astype(np.float64)
    powers = np.exp(values - values.max())
    probabilities: Probabilities = powers / powers.sum()
    return probabilities
