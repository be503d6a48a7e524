"""Pictures that maximise a unit: asked for, on their way, and kept for each unit of each network. UI thread only."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from PySide6.QtCore import QObject, Signal

from deepvis.messages import GalleryEntry, RunStatus, RunUpdate, UInt8Array
from deepvis.ui.bridge import Backend
from deepvis.ui.view_state import ViewState

RUN = "class_image"
MOST = 9
"""Pictures of one unit that are shown."""

UnitKey = tuple[str, str, int]
"""Hash of the network, layer, unit."""


@dataclass(slots=True)
class _UnderWay:
    """A run that makes a unit's picture."""

    key: UnitKey
    seed: int
    update: RunUpdate | None = None
    state: str = field(default="queued")


class UnitImages(QObject):
    """Starts class images of the chosen unit, and says which pictures of it there are.

    Parameters
    ----------
    begin : starts a class image with these options beside its defaults; returns the run's number, or None.

    Signals
    -------
    changed : the chosen unit has another picture, or one that is on its way made a step.
    """

    changed = Signal()

    def __init__(
        self, state: ViewState, backend: Backend, begin: Callable[[Mapping[str, Any]], int | None],
        parent: QObject | None = None,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._state = state
        self._backend = backend
        self._begin = begin
        self._under_way: dict[int, _UnderWay] = {}
        self._made: dict[UnitKey, dict[int, UInt8Array]] = {}

    @property
    def key(self) -> UnitKey | None:
        """The chosen unit, or None."""
        look, info = self._state.look, self._state.info
        if info is None or look.layer is None or look.unit is None:
            return None
        return info.hash, look.layer, look.unit

    def maximise(self) -> int | None:
        """Grow another picture of the chosen unit; returns the run's number, or None where there is no unit."""
        key = self.key
        if key is None:
            return None
        presets = self._backend.run_presets(RUN)
        fast = next((values for name, values in presets.items() if name.lower().startswith("fast")), {})
        # Another seed each time: another picture of the same unit.
        used = {entry.options.get("seed") for entry in self._kept(key)} | set(self._made.get(key, ()))
        used |= {run.seed for run in self._under_way.values() if run.key == key}
        seed = next(each for each in itertools.count() if each not in used)
        run_id = self._begin({**fast, "layer": key[1], "unit": key[2], "seed": seed})
        if run_id is not None:
            self._under_way[run_id] = _UnderWay(key, seed)
            self.changed.emit()
        return run_id

    def show_status(self, status: RunStatus) -> None:
        """A run has another state, or made a step."""
        run = self._under_way.get(status.id)
        if run is None:
            return
        run.update, run.state = status.update or run.update, status.state
        if status.state in ("done", "cancelled", "failed"):
            del self._under_way[status.id]
            if status.state == "done" and status.update is not None:
                self._made.setdefault(run.key, {})[run.seed] = status.update.image
        if run.key == self.key:
            self.changed.emit()

    def pictures(self) -> tuple[UInt8Array, ...]:
        """Finished pictures of the chosen unit, the newest first: those made now, and those kept from before."""
        key = self.key
        if key is None:
            return ()
        kept, entries = self._backend.unit_images(*key), self._kept(key)
        made = self._made.get(key, {})
        if len(kept) >= min(len(entries), MOST):
            # From now on the gallery shows them, and no longer when they are deleted there.
            for entry in entries:
                made.pop(entry.options.get("seed", -1), None)
        return (*reversed(made.values()), *kept)[:MOST]

    def _kept(self, key: UnitKey) -> list[GalleryEntry]:
        """The finished pictures of a unit that are in the gallery."""
        return [
            entry
            for entry in self._backend.gallery_entries()
            if (entry.run, entry.state) == (RUN, "done")
            and (entry.network_hash, entry.options.get("layer"), entry.options.get("unit")) == key
        ]

    @property
    def update(self) -> RunUpdate | None:
        """The newest step of a picture of the chosen unit that is on its way, or None."""
        key = self.key
        runs = [run for run in self._under_way.values() if run.key == key and run.update is not None]
        return runs[0].update if runs else None

    @property
    def waiting(self) -> bool:
        """Whether a picture of the chosen unit is on its way."""
        return any(run.key == self.key for run in self._under_way.values())
