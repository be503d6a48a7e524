"""The recipes of the bundled networks: everything that decides what comes out of a training run."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Phase:
    """One stretch of the schedule.

    Parameters
    ----------
    until : float
        Share of the whole run, in (0, 1], at which this phase ends.
    sizes : tuple of (int, float)
        Side of the pictures in pixels and the share of the batches that have it. Batches of 64 px and less hold
        shifted whole pictures and crops of enlarged ones; larger batches hold whole pictures.
    colour : float
        How far colours are changed, in 0 to 1: each picture's saturation is multiplied by a number drawn uniformly from
        1 - `colour` to 1 + `colour` / 4, and its brightness by one from 1 - `colour` / 4 to 1 + `colour` / 4.
    """

    until: float
    sizes: tuple[tuple[int, float], ...]
    colour: float = 0.0

    def size(self, chance: float) -> int:
        """The side in pixels that a number drawn uniformly from [0, 1) chooses."""
        below = 0.0
        for size, share in self.sizes:
            below += share
            if chance < below:
                return size
        return self.sizes[-1][0]


@dataclass(frozen=True)
class Attack:
    """Adversarial training: every batch is moved against the network before it is learnt from.

    Parameters
    ----------
    epsilon : float
        Largest change of a pixel (L-infinity), on the scale on which a picture spans 0 to 1.
    step : float
        Length of the one step along the gradient's sign, on the same scale (Wong et al. 2020, "Fast is better than
        free": a random start in the ball, one step, back into the ball).
    warmup : float
        Share of the run in which epsilon grows from 0 to its full value.
    """

    epsilon: float
    step: float
    warmup: float = 0.1


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what comes out of a training run.

    Parameters
    ----------
    name : str
        Name of the network that it makes.
    widths : tuple of int
        Channels of conv1 to conv7.
    images : int
        Pictures learnt from over the whole run; with `batch` it fixes the number of steps.
    batch : int
        Pictures a step.
    peak_rate : float
        Highest learning rate, reached at `rise`.
    rise : float
        Share of the run in which the rate rises from 0, before it falls linearly to 0.
    momentum, weight_decay, label_smoothing : float
        As in SGD with Nesterov momentum and cross-entropy. Weight decay acts on convolution and linear weights only.
    zoomed : float
        Share of the pictures that are crops of an enlarged picture; the others are whole, shifted.
    most_zoom : float
        Largest enlargement; the logarithm of the enlargement is uniform.
    shift : int
        Largest shift of a whole picture in pixels, each way, filled by reflection.
    ema : float
        Decay a step of the running average of the weights, which is what is evaluated and shipped.
    phases : tuple of Phase
        Picture sizes over the run.
    favoured : tuple of str
        Class folders whose pictures are drawn `favour` times an epoch, the others once.
    favour : int
    attack : Attack or None
        Adversarial training, or none.
    start : str or None
        Name of the recipe whose trained weights are the starting point.
    keep : float
        Share of the starting point in the weights that ship; the rest is the running average at the end (Wortsman et
        al. 2022, "Robust fine-tuning of zero-shot models").
    seed : int
        Decides the first weights, the order of the pictures and every random choice.
    """

    name: str
    widths: tuple[int, ...]
    images: int
    batch: int
    peak_rate: float
    rise: float
    phases: tuple[Phase, ...]
    momentum: float = 0.9
    weight_decay: float = 5e-4
    label_smoothing: float = 0.1
    zoomed: float = 0.5
    most_zoom: float = 2.0
    shift: int = 8
    ema: float = 0.998
    favoured: tuple[str, ...] = ()
    favour: int = 1
    attack: Attack | None = None
    start: str | None = None
    keep: float = 0.0
    seed: int = 0

    @property
    def steps(self) -> int:
        """Optimiser steps of the whole run."""
        return max(1, math.ceil(self.images / self.batch))

    def rate(self, step: int) -> float:
        """Learning rate of a step: up linearly from near 0 to the peak, then down linearly to near 0."""
        position = (step + 0.5) / self.steps
        if position < self.rise:
            return self.peak_rate * position / self.rise
        return self.peak_rate * (1.0 - position) / (1.0 - self.rise)

    def phase(self, step: int) -> Phase:
        """The phase in which a step lies."""
        position = (step + 0.5) / self.steps
        return next((phase for phase in self.phases if position < phase.until), self.phases[-1])

    def as_dict(self) -> dict[str, Any]:
        """The recipe as plain data, for the log and the model card."""
        return asdict(self)


WIDTHS = (64, 64, 128, 192, 256, 384, 512)

RECIPES: dict[str, Recipe] = {
    "tinynet-base": Recipe(
        name="tinynet-base",
        widths=WIDTHS,
        images=1_300_000,
        batch=128,
        peak_rate=0.2,
        rise=0.15,
        phases=(
            Phase(0.68, ((48, 1.0),)),
            Phase(0.90225, ((64, 1.0),)),
            Phase(1.0, ((64, 0.75), (96, 0.15), (128, 0.1)), colour=0.8),
        ),
    ),
    "tinynet": Recipe(
        name="tinynet",
        widths=WIDTHS,
        images=60_000,
        batch=128,
        peak_rate=0.03,
        rise=0.1,
        phases=(Phase(1.0, ((64, 0.9), (128, 0.1)), colour=0.7),),
        zoomed=0.4,
        most_zoom=3.0,
        favoured=("n02123045", "n02123394", "n02124075"),
        favour=3,
        ema=0.99,
        start="tinynet-base",
        keep=0.2,
    ),
    "tinynet-robust": Recipe(
        name="tinynet-robust",
        widths=WIDTHS,
        images=110_000,
        batch=128,
        peak_rate=0.05,
        rise=0.15,
        phases=(Phase(0.55, ((48, 1.0),), colour=0.4), Phase(1.0, ((64, 1.0),), colour=0.4)),
        label_smoothing=0.05,
        zoomed=0.3,
        ema=0.99,
        attack=Attack(epsilon=3 / 255, step=3.75 / 255),
        start="tinynet-base",
    ),
}


def lineage(recipe: Recipe) -> tuple[Recipe, ...]:
    """The recipes that a network goes through, from random weights to `recipe` itself."""
    return (recipe,) if recipe.start is None else (*lineage(RECIPES[recipe.start]), recipe)
