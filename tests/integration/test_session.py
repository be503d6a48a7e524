"""The whole backend of a window, without a window: real threads, the bundled network, a real photograph."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from deepvis.event_queue import EventQueue
from deepvis.messages import (
    Event,
    GridRequest,
    NetworkFailed,
    NetworkReady,
    NetworkSpec,
    Problem,
    SourceStatus,
    ViewRequest,
    ViewResult,
)
from deepvis.session import Session


class Listener:
    def __init__(self, session: Session) -> None:
        self.session = session
        self.events: list[Event] = []
        self.results: list[ViewResult] = []
        self._woken = threading.Event()
        session.set_wake(self._woken.set)

    def until(self, condition: Callable[[], bool]) -> None:
        end = time.monotonic() + 120
        while True:
            self._woken.clear()
            self.events += self.session.take_events()
            result = self.session.take_result()
            if result is not None:
                self.results.append(result)
            if condition():
                return
            assert time.monotonic() < end, f"never happened; last events: {self.events[-5:]}"
            self._woken.wait(0.05)

    def has(self, kind: type) -> bool:
        return any(isinstance(event, kind) for event in self.events)


@pytest.fixture
def session() -> Iterator[Session]:
    session = Session()
    yield session
    session.close(60)


def test_a_photograph_goes_through_the_bundled_network(session: Session) -> None:
    listener = Listener(session)
    session.start()
    session.open_source("sample:cat")
    session.load_network(NetworkSpec("tinynet", device="cpu"))
    session.request(ViewRequest(1, grid=GridRequest("relu4", (400, 400))))
    listener.until(lambda: listener.has(NetworkReady))
    session.request(ViewRequest(2, grid=GridRequest("relu4", (400, 400))))
    listener.until(lambda: bool(listener.results) and listener.results[-1].grid is not None)
    result = listener.results[-1]
    assert result.frame.still
    assert result.predictions[0].probability > 1 / 200
    assert not [event for event in listener.events if isinstance(event, Problem) and event.severity == "error"]


def test_what_is_asked_before_the_start_is_done_after_it(session: Session) -> None:
    listener = Listener(session)
    session.request(ViewRequest(5))
    session.open_source("pattern")
    session.start()
    listener.until(lambda: bool(listener.results) and listener.results[-1].request.id == 5)


def test_a_network_that_is_not_there_leaves_the_session_alive(session: Session) -> None:
    listener = Listener(session)
    session.start()
    session.load_network(NetworkSpec("tinynett", device="cpu"))
    listener.until(lambda: listener.has(NetworkFailed))
    failed = next(event for event in listener.events if isinstance(event, NetworkFailed))
    assert "tinynet" in failed.problem.cause + failed.problem.remedy
    session.load_network(NetworkSpec("tinynet", device="cpu"))
    listener.until(lambda: listener.has(NetworkReady))


def test_a_source_that_is_not_there_is_said(session: Session, tmp_path: Path) -> None:
    listener = Listener(session)
    session.start()
    session.open_source(str(tmp_path / "nothing.png"))
    listener.until(lambda: any(isinstance(e, SourceStatus) and e.state == "failed" for e in listener.events))


def test_files_are_written_on_another_thread_and_reported(session: Session, tmp_path: Path) -> None:
    listener = Listener(session)
    session.start()
    picture = np.full((20, 30, 4), 255, np.uint8)
    session.save(str(tmp_path / "view.png"), picture)
    session.save(str(tmp_path / "raw.npz"), {"relu4": np.arange(6, dtype=np.float32)})
    session.save(str(tmp_path / "missing" / "folder" / "x.png"), picture)
    listener.until(lambda: sum(isinstance(e, Problem) for e in listener.events) >= 3)
    assert (tmp_path / "view.png").exists()
    assert np.load(tmp_path / "raw.npz")["relu4"].tolist() == [0, 1, 2, 3, 4, 5]
    severities = sorted(e.severity for e in listener.events if isinstance(e, Problem))
    assert severities == ["error", "info", "info"]


def test_a_recording_is_a_film_of_what_was_given(session: Session, tmp_path: Path) -> None:
    import av

    listener = Listener(session)
    session.start()
    path = tmp_path / "film.mp4"
    session.start_recording(str(path))
    for level in range(0, 250, 50):
        session.record(np.full((48, 64, 4), level, np.uint8))
        listener.until(lambda: not session._files.pictures.full)
    session.stop_recording()
    listener.until(lambda: any(isinstance(e, Problem) and e.key.startswith("saved:") for e in listener.events))
    with av.open(str(path)) as film:
        frames = [frame.to_ndarray(format="gray") for frame in film.decode(video=0)]
    assert len(frames) >= 5
    assert frames[0].shape == (48, 64)


@pytest.mark.parametrize("moment", ["at once", "started", "loading", "running"])
def test_closing_at_any_moment_ends_every_thread(moment: str) -> None:
    session = Session()
    listener = Listener(session)
    if moment != "at once":
        session.start()
        session.open_source("pattern")
        session.load_network(NetworkSpec("tinynet", device="cpu"))
    if moment == "running":
        listener.until(lambda: listener.has(NetworkReady))
    session.close(60)
    left = [thread for thread in threading.enumerate() if thread.name.startswith("deepvis-")]
    for thread in left:
        # A source that imports what it needs is not waited for by those who close.
        thread.join(60)
    assert not [thread.name for thread in left if thread.is_alive()]


def test_superseded_states_do_not_pile_up_in_the_event_queue() -> None:
    from deepvis.messages import EngineStatus, RunStatus

    queue = EventQueue()
    first = queue.put(EngineStatus(1, 0, 0, 0.6))
    for step in range(100):
        queue.put(EngineStatus(step, 0, 0, 0.6))
        queue.put(RunStatus(1, "dream", "running", elapsed=step))
    queue.put(RunStatus(1, "dream", "done"))
    events = queue.take()
    assert first
    assert [type(event).__name__ for event in events] == ["EngineStatus", "RunStatus", "RunStatus"]
    assert events[1].elapsed == 99  # type: ignore[union-attr]
    assert queue.take() == []
