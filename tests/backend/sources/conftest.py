from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from deepvis.backend.mailbox import Mailbox
from deepvis.backend.sources import Source, SourcePlayer, open_source
from deepvis.backend.sources.player import Patience
from deepvis.messages import Event, Frame, Problem, ProblemSolved, SourceStatus

PATIENCE = Patience(opening=60, camera=60, stream=60, frozen=0.15, first_retry=0.02, last_retry=0.1, hand_over=0.5)
"""It waits for whatever a busy machine holds up. A test in which something falls silent has less, so that it is short,
and may see it fall silent more often than it meant."""


class Watched:
    """A player with everything that comes out of it, and ways to wait for it."""

    def __init__(self, opener: Callable[[str], Source], patience: Patience = PATIENCE) -> None:
        self.frames: Mailbox[Frame] = Mailbox()
        self.events: list[Event] = []
        self._condition = threading.Condition()
        self.player = SourcePlayer(self.frames, self._note, opener, patience)

    def _note(self, event: Event) -> None:
        with self._condition:
            self.events.append(event)
            self._condition.notify_all()

    def wait_for(self, condition: Callable[[], bool], timeout: float = 120) -> None:
        with self._condition:
            if not self._condition.wait_for(condition, timeout):
                pytest.fail("it did not happen; events were:\n" + "\n".join(map(str, self.events)))

    def wait_for_state(self, state: str, spec: str | None = None) -> SourceStatus:
        self.wait_for(lambda: self.status.state == state and spec in (None, self.status.spec))
        return self.status

    def wait_for_problems(self, count: int = 1) -> Problem:
        self.wait_for(lambda: len(self.problems) >= count)
        return self.problems[count - 1]

    def wait_until_solved(self, count: int = 1) -> ProblemSolved:
        self.wait_for(lambda: len(self.solved) >= count)
        return self.solved[count - 1]

    def wait_for_looks(self, count: int) -> None:
        """Until the player has looked after its source this many times more."""
        look, enough, seen = self.player._look, threading.Event(), 0

        def counted() -> None:
            nonlocal seen
            look()
            seen += 1
            if seen >= count:
                enough.set()

        self.player._look = counted  # type: ignore[method-assign]
        assert enough.wait(120)

    def frame(self) -> Frame:
        """A frame that was put after this call, of a source that goes on sending them."""
        self.frames.clear()
        return self.waiting_frame()

    def waiting_frame(self) -> Frame:
        """The newest frame that nobody took; a still sends one alone, which may be there already."""
        frame = self.frames.take(120)
        assert frame is not None, f"no frame came; events were {self.events}"
        return frame

    @property
    def status(self) -> SourceStatus:
        found = [event for event in self.events if isinstance(event, SourceStatus)]
        return found[-1] if found else SourceStatus("", "", "closed")

    @property
    def problems(self) -> list[Problem]:
        return [event for event in self.events if isinstance(event, Problem)]

    @property
    def solved(self) -> list[ProblemSolved]:
        return [event for event in self.events if isinstance(event, ProblemSolved)]


@pytest.fixture
def watch() -> Iterator[Callable[..., Watched]]:
    """Makes watched players, and closes them at the end."""
    made: list[Watched] = []

    def make(capture: Callable[[int], object] | None = None, **options: object) -> Watched:
        opener = options.pop("opener", None) or partial(open_source, capture_factory=capture)
        made.append(Watched(opener, **options))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for watched in made:
        watched.player.close(60)
