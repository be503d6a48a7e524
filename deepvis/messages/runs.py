"""What a run tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy.typing as npt

from deepvis.messages.vocabulary import UInt8Array


@dataclass(frozen=True, slots=True)
class RunUpdate:
    """State of a run after one step.

    Attributes
    ----------
    step, total : steps done, and steps in all.
    image : uint8 (H, W, 3) RGB, the picture so far.
    metrics : figures by name, the same names at every step.
    result : on the last update only: a :class:`RunResult` (of an occlusion: its ``OcclusionMap``).
    """

    step: int
    total: int
    image: UInt8Array
    metrics: Mapping[str, float] = field(default_factory=dict)
    result: Any = None
    detail: Mapping[str, Any] = field(default_factory=dict)
    """What else there is to show while the run goes on, by name. ``pictures``: further uint8 RGB pictures by title, to
    stand beside ``image``. ``bars``: by title, a tuple of :class:`Prediction`. Other names belong to one run each."""
    more: int = 0
    """On the last update: how many further steps the run would usefully make if it were continued; 0: it cannot be."""
    note: str = ""
    """What a person should know of this step (``the gradient was 0: begun again from other noise``)."""


@dataclass(frozen=True, slots=True, eq=False)
class RunResult:
    """What a run leaves: its pictures, its figures, and everything that is needed to repeat it.

    Attributes
    ----------
    run : the name under which the run is registered.
    title : what it shows, for a person (``tractor``, ``conv4 37``).
    options : every option by name, in the types of JSON.
    network, network_hash : the network's name, and the hash of its weights.
    image : uint8 (H, W, 3) RGB, the picture that was made.
    images : further uint8 RGB pictures by title (``before``, ``difference`` …).
    figures : by name.
    facts : other statements in the types of JSON (the class that was aimed at, whether it was reached …).
    arrays : the values behind the pictures, by name, for an npz file.
    """

    run: str
    title: str
    options: Mapping[str, Any]
    network: str
    network_hash: str
    image: UInt8Array
    images: Mapping[str, UInt8Array] = field(default_factory=dict)
    figures: Mapping[str, float] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)


RunState = Literal["queued", "running", "paused", "done", "cancelled", "failed"]
"""Where a run stands; after the last three it has ended."""


@dataclass(frozen=True, slots=True)
class RunStatus:
    """State of a run in the engine's queue. ``left`` is the estimated time left in seconds, None while not known."""

    id: int
    name: str
    state: RunState
    update: RunUpdate | None = None
    elapsed: float = 0.0
    left: float | None = None
    error: str = ""
