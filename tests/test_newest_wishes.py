from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from deepvis.newest_wishes import NewestWishes


class Stage:
    """Wishes on their thread, and what was done, in order."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.errors: list[tuple[str, str]] = []
        self._changed = threading.Condition()
        self.wishes = NewestWishes(("urgent", "slow"), "deepvis-wishes", self._failed)

    def _failed(self, kind: str, error: Exception) -> None:
        with self._changed:
            self.errors.append((kind, str(error)))
            self._changed.notify_all()

    def note(self, what: str) -> None:
        with self._changed:
            self.done.append(what)
            self._changed.notify_all()

    def until(self, condition: Callable[[], object]) -> None:
        with self._changed:
            assert self._changed.wait_for(condition, 120), f"never happened: {self.done}"


@pytest.fixture
def stage() -> Iterator[Stage]:
    made = Stage()
    yield made
    made.wishes.close()
    if made.wishes.thread.ident is not None:
        made.wishes.thread.join(60)
        assert not made.wishes.thread.is_alive()


def test_of_what_was_wished_for_before_the_start_the_newest_is_done(stage: Stage) -> None:
    def work(name: str) -> Iterator[None]:
        stage.note(name)
        yield

    for name in ("first", "second", "third"):
        stage.wishes.put("slow", lambda name=name: work(name))
    stage.wishes.put("urgent", lambda: work("now"))
    stage.wishes.start()
    stage.until(lambda: len(stage.done) == 2)
    assert stage.done == ["now", "third"]


def test_what_is_urgent_goes_between_two_steps_and_a_newer_wish_ends_the_older(stage: Stage) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow() -> Iterator[None]:
        try:
            for step in range(1000):
                stage.note(f"slow {step}")
                begun.set()
                assert go_on.wait(120)
                yield
        finally:
            stage.note("slow ended")

    def once(name: str) -> Iterator[None]:
        stage.note(name)
        yield

    stage.wishes.start()
    stage.wishes.put("slow", slow)
    assert begun.wait(120)
    stage.wishes.put("urgent", lambda: once("urgent"))
    stage.wishes.put("slow", lambda: once("newer"))
    go_on.set()
    stage.until(lambda: "newer" in stage.done)
    assert stage.done == ["slow 0", "slow ended", "urgent", "newer"]


def test_what_is_parked_lets_others_go_on_until_it_may(stage: Stage) -> None:
    resume: list[Callable[[], None]] = []

    def waiting() -> Iterator[None]:
        resume.append(stage.wishes.park("urgent"))
        stage.note("asked")
        yield
        stage.note("answered")

    def other() -> Iterator[None]:
        stage.note("other")
        yield

    stage.wishes.start()
    stage.wishes.put("urgent", waiting)
    stage.until(lambda: stage.done == ["asked"])
    stage.wishes.put("slow", other)
    stage.until(lambda: stage.done == ["asked", "other"])
    resume[0]()
    stage.until(lambda: stage.done == ["asked", "other", "answered"])


def test_work_that_fails_is_told_and_the_thread_lives_on(stage: Stage) -> None:
    def fails() -> Iterator[None]:
        yield
        raise ValueError("no such layer")

    def works() -> Iterator[None]:
        stage.note("works")
        yield

    stage.wishes.start()
    stage.wishes.put("urgent", fails)
    stage.until(lambda: stage.errors == [("urgent", "no such layer")])
    stage.wishes.put("urgent", works)
    stage.until(lambda: stage.done == ["works"])
