"""Runs that wait their turn in the engine: stepped one at a time, paused, continued, cancelled."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass

from deepvis.messages import RunStatus, RunUpdate

Steps = Callable[[], Iterator[RunUpdate]]


@dataclass(slots=True)
class _Entry:
    id: int
    name: str
    make: Steps
    steps: Iterator[RunUpdate] | None = None
    state: str = "queued"
    update: RunUpdate | None = None
    elapsed: float = 0.0
    error: str = ""
    more: int | None = None
    ready: Callable[[], bool] = lambda: True


class RunQueue:
    """Steps runs in the order of their submission. Used from the engine thread only.

    A run is an iterator of :class:`RunUpdate`; each ``next`` is one short step. Pausing is a matter of not calling it,
    cancelling closes it. Of each kind of run the last one that is done keeps its tensors, and can be continued.

    Parameters
    ----------
    emit : called with a :class:`RunStatus` after every change.
    """

    def __init__(self, emit: Callable[[RunStatus], None]) -> None:
        self._emit = emit
        self._entries: list[_Entry] = []
        self._done: dict[str, _Entry] = {}

    @property
    def active(self) -> bool:
        """Whether a step could be made now."""
        entry = self._next()
        return entry is not None and entry.ready()

    def submit(self, run_id: int, name: str, make: Steps, ready: Callable[[], bool] = lambda: True) -> None:
        """Append a run; ``make`` is called when its turn comes, and not before ``ready`` says True."""
        entry = _Entry(run_id, name, make, ready=ready)
        self._entries.append(entry)
        self._tell(entry)

    def control(self, run_id: int, control: str, value: int | None = None) -> None:
        """``pause``, ``continue`` or ``cancel`` a run; ``more`` lets one that is done make ``value`` more steps.

        One that cannot do it, has ended, or is not known, is left as it is.
        """
        if control == "more":
            self._continue_done(run_id, value)
            return
        entry = next((e for e in self._entries if e.id == run_id), None)
        if entry is None:
            return
        if control == "pause" and entry.state in ("queued", "running"):
            entry.state = "paused"
        elif control == "continue" and entry.state == "paused":
            entry.state = "queued" if entry.steps is None else "running"
        elif control == "cancel":
            self._end(entry, "cancelled")
            return
        else:
            return
        self._tell(entry)

    def step(self) -> None:
        """Make one step of the run whose turn it is. Whatever a run raises ends that run alone."""
        entry = self._next()
        if entry is None or not entry.ready():
            return
        began = time.perf_counter()
        try:
            if entry.steps is None:
                # The first step may take long: it is under way from now on.
                entry.state = "running"
                self._tell(entry)
                entry.steps = iter(entry.make())
            if entry.more is not None and isinstance(entry.steps, Generator):
                more, entry.more = entry.more, None
                update = entry.steps.send(more)
            else:
                update = next(entry.steps)
        except StopIteration:
            self._end(entry, "done")
            return
        except Exception as error:
            entry.error = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
            entry.error = entry.error or "".join(traceback.format_exception_only(error)).strip()
            self._end(entry, "failed")
            return
        entry.elapsed += time.perf_counter() - began
        entry.update = update
        if update.result is not None:
            self._end(entry, "done")
        else:
            self._tell(entry)

    def cancel_all(self) -> None:
        """Cancel every run that has not ended."""
        for entry in list(self._entries):
            self._end(entry, "cancelled")
        self.forget_done()

    def forget_done(self) -> None:
        """Let go of the runs that are done, with the networks and tensors that they keep: none can be continued."""
        for entry in self._done.values():
            _close(entry)
        self._done.clear()

    def _continue_done(self, run_id: int, steps: int | None) -> None:
        entry = next((e for e in self._done.values() if e.id == run_id), None)
        if entry is None or not steps or steps < 1:
            return
        del self._done[entry.name]
        entry.more, entry.state = steps, "running"
        self._entries.append(entry)
        self._tell(entry)

    def _next(self) -> _Entry | None:
        return next((e for e in self._entries if e.state in ("queued", "running")), None)

    def _end(self, entry: _Entry, state: str) -> None:
        entry.state = state
        self._entries.remove(entry)
        update = entry.update
        if state == "done" and update is not None and update.more and isinstance(entry.steps, Generator):
            before = self._done.pop(entry.name, None)
            if before is not None:
                _close(before)
            self._done[entry.name] = entry
        else:
            _close(entry)
        self._tell(entry)

    def _tell(self, entry: _Entry) -> None:
        update = entry.update
        left = None
        if entry.state in ("running", "paused") and update is not None and update.step > 0:
            left = entry.elapsed / update.step * max(0, update.total - update.step)
        state: str = entry.state
        self._emit(RunStatus(entry.id, entry.name, state, update, entry.elapsed, left, entry.error))  # type: ignore[arg-type]


def _close(entry: _Entry) -> None:
    close = getattr(entry.steps, "close", None)
    if close is not None:
        close()
    entry.steps = None
