"""What is kept of a run while it goes on: pictures and figures of its course, thinned as it grows."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from deepvis.messages import FloatArray, NetworkSpec, RunResult, RunStatus, RunUpdate, UInt8Array

MOST_PICTURES = 120
MOST_BYTES = 64 << 20
"""Pictures of a course that are held in memory while a run goes on; of large ones there are fewer."""

COURSE_SIDE = 720
"""Longest side of the course's pictures, in pixels."""

MOST_FIGURES = 2000
"""Steps whose figures are kept."""

T = TypeVar("T")


class Sampled(Generic[T]):
    """Keeps every 2^k-th of the items that it is offered, with the smallest k with which they are few enough.

    Parameters
    ----------
    most : items that are kept at most.
    most_bytes : bytes that they may take together; at least eight items are kept all the same.
    """

    def __init__(self, most: int, most_bytes: int | None = None) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._items: list[tuple[T, int]] = []
        self._bytes = 0
        self._offered = 0
        self.every = 1
        """Of so many offered items one is kept."""

    def offer(self, item: T, size: int = 0) -> None:
        """Keep this one if it is its turn; ``size`` in bytes."""
        place, self._offered = self._offered, self._offered + 1
        if place % self.every:
            return
        self._items.append((item, size))
        self._bytes += size
        while self._too_many():
            self.every *= 2
            self._items = self._items[::2]
            self._bytes = sum(each[1] for each in self._items)

    @property
    def due(self) -> bool:
        """Whether the next item that is offered is kept."""
        return self._offered % self.every == 0

    @property
    def items(self) -> tuple[T, ...]:
        """What is kept, in the order in which it was offered."""
        return tuple(item for item, _ in self._items)

    def _too_many(self) -> bool:
        count = len(self._items)
        heavy = self._most_bytes is not None and self._bytes > self._most_bytes and count > 8
        return count > self._most or heavy


@dataclass(frozen=True, slots=True, eq=False)
class RunBeginning:
    """What is known of a run when its turn has come.

    Attributes
    ----------
    run, kind : the name under which it is registered, and what a person calls it.
    options : every option by name, in the types of JSON.
    input : uint8 (H, W, 3) RGB, the picture that it is made from, or None.
    source : that picture's title.
    """

    run: str
    kind: str
    options: Mapping[str, Any]
    network: str
    network_hash: str
    device: str = ""
    network_spec: NetworkSpec | None = None
    input: UInt8Array | None = None
    source: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class RunEnd:
    """A run that has ended, as it was recorded: references only, nothing is copied or calculated yet."""

    beginning: RunBeginning
    status: RunStatus
    created: float
    course: tuple[tuple[int, UInt8Array], ...]
    figures: tuple[tuple[int, Mapping[str, float]], ...]

    def thinned(self, most: int) -> RunEnd:
        """The same with at most about ``most`` pictures of the course; the last one stays."""
        every = -(-len(self.course) // most)
        return dataclasses.replace(self, course=self.course[::-1][::every][::-1]) if every > 1 else self


class RunRecorder:
    """Follows one run. Called on the engine's thread at every step, so all that it does is to keep references; only
    pictures that are much larger than what is shown of a course are reduced at once, since eight of them fill memory.

    ``update.image`` is an array that was handed over: nobody writes into it any more.
    """

    def __init__(self, beginning: RunBeginning) -> None:
        self.beginning = beginning
        self._course: Sampled[tuple[int, UInt8Array]] = Sampled(MOST_PICTURES, MOST_BYTES)
        self._figures: Sampled[tuple[int, Mapping[str, float]]] = Sampled(MOST_FIGURES)
        self._last: RunUpdate | None = None

    def note(self, update: RunUpdate) -> None:
        """A step was made. The same update again (of a run that was paused) is passed over."""
        if update is self._last:
            return
        self._last = update
        image = update.image
        if self._course.due and max(image.shape[:2]) > 2 * COURSE_SIDE:
            image = _reduced(image)
        self._course.offer((update.step, image), image.nbytes)
        self._figures.offer((update.step, update.metrics))

    def end(self, status: RunStatus, created: float) -> RunEnd:
        """What was kept, with the last step."""
        course, figures = self._course.items, self._figures.items
        last = status.update
        if last is not None:
            if not course or course[-1][0] != last.step:
                course = (*course, (last.step, last.image))
            if not figures or figures[-1][1] is not last.metrics:
                figures = (*figures, (last.step, last.metrics))
        return RunEnd(self.beginning, status, created, course, figures)


@dataclass(frozen=True, slots=True, eq=False)
class RunOutcome:
    """What a run's last update holds, whatever the type of its result.

    Attributes
    ----------
    title : what it shows, or empty.
    image : uint8 (H, W, 3) RGB.
    images : further pictures by title.
    """

    title: str
    image: UInt8Array
    images: Mapping[str, UInt8Array] = field(default_factory=dict)
    figures: Mapping[str, float] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)


def _reduced(image: UInt8Array) -> UInt8Array:
    import cv2  # not before the window is up

    scale = COURSE_SIDE / max(image.shape[:2])
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def outcome(update: RunUpdate) -> RunOutcome:
    """What there is to keep of the last update: of its result, or of its details where the run was cancelled."""
    result = update.result
    figures = {name: float(value) for name, value in update.metrics.items()}
    if isinstance(result, RunResult):
        return RunOutcome(
            result.title, result.image, dict(result.images), {**figures, **result.figures}, dict(result.facts),
            dict(result.arrays), dict(result.options),
        )  # fmt: skip
    values: Mapping[str, Any] = update.detail
    if dataclasses.is_dataclass(result) and not isinstance(result, type):
        values = {each.name: getattr(result, each.name) for each in dataclasses.fields(result)}
    images: dict[str, UInt8Array] = dict(update.detail.get("pictures", {}))
    arrays: dict[str, npt.NDArray[Any]] = {}
    facts: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, np.ndarray):
            if value.dtype == np.uint8 and value.ndim == 3 and value.shape[2] == 3:
                images[name] = value
            elif not value.dtype.hasobject:
                arrays[name] = value
        elif isinstance(value, str | int | float | bool):
            facts[name] = value
    return RunOutcome(str(values.get("label") or ""), update.image, images, figures, facts, arrays)


def figure_columns(
    figures: tuple[tuple[int, Mapping[str, float]], ...],
) -> tuple[npt.NDArray[np.int64], dict[str, FloatArray]]:
    """Steps, int64 (n,), and each figure's values at them, float32 (n,); NaN where a step did not have it."""
    names = list(dict.fromkeys(name for _, values in figures for name in values))
    steps = np.array([step for step, _ in figures], np.int64)
    columns = {name: np.array([values.get(name, np.nan) for _, values in figures], np.float32) for name in names}
    return steps, columns
