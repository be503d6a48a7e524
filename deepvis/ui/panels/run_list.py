"""The runs of one kind that have not ended, and which of them is looked at. No Qt in here."""

from __future__ import annotations

from deepvis.messages import RunStatus

_ENDED = ("done", "cancelled", "failed")
_FIRST = {"running": 0, "paused": 1, "queued": 2}


class RunList:
    """Keeps the last state of every run under way.

    The chosen run stays chosen until it ends; then it is the turn of the one that runs, else of one that is paused,
    else of the next in the queue.

    Attributes
    ----------
    last : the state in which a run ended last, or None.
    """

    def __init__(self) -> None:
        self._runs: dict[int, RunStatus] = {}
        self._chosen: int | None = None
        self.last: RunStatus | None = None

    @property
    def waiting(self) -> list[RunStatus]:
        """Runs that have not ended, in the order in which they were started."""
        return list(self._runs.values())

    @property
    def chosen_id(self) -> int | None:
        """The number of the chosen run, or None."""
        return self._chosen

    @property
    def chosen(self) -> RunStatus | None:
        """The chosen run, or None where none is under way."""
        return self._runs.get(self._chosen) if self._chosen is not None else None

    def state(self, run_id: int) -> str:
        """The state of a run that has not ended; empty for any other."""
        run = self._runs.get(run_id)
        return run.state if run is not None else ""

    @property
    def running(self) -> bool:
        """Whether one of them makes steps now."""
        return any(run.state == "running" for run in self._runs.values())

    @property
    def continuable(self) -> RunStatus | None:
        """The run that ended last, where it can make more steps and none is under way; else None."""
        last = self.last
        if self._runs or last is None or last.state != "done" or last.update is None or last.update.more < 1:
            return None
        return last

    def forget_last(self) -> None:
        """The run that ended last cannot go on any more."""
        self.last = None

    def put(self, status: RunStatus) -> None:
        """A run has this state now."""
        if status.state in _ENDED:
            self._runs.pop(status.id, None)
            self.last = status
        else:
            self._runs[status.id] = status
        if self._chosen not in self._runs:
            ranked = sorted(self._runs.values(), key=lambda run: _FIRST[run.state])
            self._chosen = ranked[0].id if ranked else None

    def choose(self, run_id: int) -> None:
        """Look at this run. Raises KeyError if it is not under way."""
        if run_id not in self._runs:
            raise KeyError(f"no run {run_id} is under way; there are {', '.join(map(str, self._runs)) or 'none'}")
        self._chosen = run_id

    def ahead(self, run_id: int) -> int:
        """How many runs come before this one."""
        ids = list(self._runs)
        return ids.index(run_id) if run_id in ids else 0
