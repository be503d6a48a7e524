"""What a run tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from deepvis.messages.vocabulary import UInt8Array


@dataclass(frozen=True, slots=True)
class RunUpdate:
    """State of a run after one step.

    Attributes
    ----------
    step, total : steps done, and steps in all.
    image : uint8 (H, W, 3) RGB, the picture so far.
    metrics : figures by name, the same names at every step.
    result : on the last update only: pictures, figures and every option that is needed to repeat the run.
    """

    step: int
    total: int
    image: UInt8Array
    metrics: Mapping[str, float] = field(default_factory=dict)
    result: Any = None
    detail: Mapping[str, Any] = field(default_factory=dict)
    """Further arrays to show while the run goes on (the occlusion map so far, an archive …), by name."""


@dataclass(frozen=True, slots=True)
class RunStatus:
    """State of a run in the engine's queue. ``left`` is the estimated time left in seconds, None while not known."""

    id: int
    name: str
    state: Literal["queued", "running", "paused", "done", "cancelled", "failed"]
    update: RunUpdate | None = None
    elapsed: float = 0.0
    left: float | None = None
    error: str = ""
