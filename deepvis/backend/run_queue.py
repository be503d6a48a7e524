"""Runs that wait their turn in the engine: stepped one at a time, paused, continued, cancelled."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass

from deepvis.backend.device import free_cached, is_out_of_memory, what_memory_lacked
from deepvis.backend.problems import cause_of
from deepvis.messages import RunState, RunStatus, RunUpdate

_MEMORY_REMEDY = (
    "Choose a smaller picture, fewer at once or a smaller network, or close other programs that need memory, and start "
    "it again"
)

Steps = Callable[[], Iterator[RunUpdate]]


@dataclass(slots=True)
class _Entry:
    id: int
    name: str
    make: Steps
    steps: Iterator[RunUpdate] | None = None
    state: RunState = "queued"
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

    @property
    def begun(self) -> bool:
        """Whether a run, paused or not, has made tensors that lie on its network's device."""
        return any(entry.steps is not None for entry in self._entries)

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
            entry.state = "queued"
            if entry.steps is not None and entry is self._next():
                entry.state = "running"
                self._let_others_wait(entry)
        elif control == "cancel":
            self._end(entry, "cancelled")
            return
        else:
            return
        self._tell(entry)

    def step(self) -> None:
        """Make one step of the run whose turn it is. Whatever a run raises ends that run alone; where memory ran out,
        what it held is given back."""
        entry = self._next()
        if entry is None or not entry.ready():
            return
        began = time.perf_counter()
        lacking = False
        try:
            if entry.state != "running":
                # The first step may take long: it is under way from now on.
                entry.state = "running"
                self._tell(entry)
            if entry.steps is None:
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
            lacking = is_out_of_memory(error)
            entry.error = f"Out of memory. {what_memory_lacked(error)} {_MEMORY_REMEDY}" if lacking else cause_of(error)
            self._end(entry, "failed")
            if not lacking:
                return
        if lacking:
            # Not before: the error holds on to the frames that it passed, and they to their tensors.
            free_cached()
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

    def _let_others_wait(self, ahead: _Entry) -> None:
        for entry in self._entries:
            if entry.state == "running" and entry is not ahead:
                entry.state = "queued"
                self._tell(entry)

    def _next(self) -> _Entry | None:
        return next((e for e in self._entries if e.state in ("queued", "running")), None)

    def _end(self, entry: _Entry, state: RunState) -> None:
        """Take a run out. One that cannot be cancelled in peace (a checkpoint that finds the disk full) has failed."""
        entry.state = state
        self._entries.remove(entry)
        update = entry.update
        if state == "done" and update is not None and update.more and isinstance(entry.steps, Generator):
            before = self._done.pop(entry.name, None)
            if before is not None:
                _close(before)
            self._done[entry.name] = entry
        else:
            error = _close(entry)
            if error and state == "cancelled":
                entry.state, entry.error = "failed", error
        self._tell(entry)

    def _tell(self, entry: _Entry) -> None:
        update = entry.update
        left = None
        if entry.state in ("running", "paused") and update is not None and update.step > 0:
            left = entry.elapsed / update.step * max(0, update.total - update.step)
        self._emit(RunStatus(entry.id, entry.name, entry.state, update, entry.elapsed, left, entry.error))


def _close(entry: _Entry) -> str:
    """Close a run's steps; what that raised, in words, or nothing."""
    steps, entry.steps = entry.steps, None
    try:
        close = getattr(steps, "close", None)
        if close is not None:
            close()
    except Exception as error:
        return cause_of(error)
    return ""
