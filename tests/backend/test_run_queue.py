from __future__ import annotations

from collections.abc import Generator, Iterator

import numpy as np
import pytest

from deepvis.backend.run_queue import RunQueue
from deepvis.messages import RunStatus, RunUpdate

IMAGE = np.zeros((2, 2, 3), np.uint8)


def counting(total: int, closed: list[bool] | None = None) -> Iterator[RunUpdate]:
    try:
        for step in range(1, total + 1):
            yield RunUpdate(step, total, IMAGE, {"loss": 1 / step}, result="done" if step == total else None)
    finally:
        if closed is not None:
            closed.append(True)


@pytest.fixture
def told() -> list[RunStatus]:
    return []


@pytest.fixture
def runs(told: list[RunStatus]) -> RunQueue:
    return RunQueue(told.append)


def test_runs_are_stepped_in_order_and_end_with_their_result(runs: RunQueue, told: list[RunStatus]) -> None:
    runs.submit(1, "first", lambda: counting(2))
    runs.submit(2, "second", lambda: counting(1))
    while runs.active:
        runs.step()
    assert [(s.id, s.state) for s in told if s.state == "done"] == [(1, "done"), (2, "done")]
    assert told[-1].update is not None
    assert told[-1].update.result == "done"


def test_a_paused_run_lets_the_next_one_go_and_continues_where_it_was(runs: RunQueue, told: list[RunStatus]) -> None:
    runs.submit(1, "first", lambda: counting(3))
    runs.submit(2, "second", lambda: counting(1))
    runs.step()
    runs.control(1, "pause")
    runs.step()
    assert told[-1] == RunStatus(2, "second", "done", told[-1].update, told[-1].elapsed)
    assert not runs.active
    runs.control(1, "continue")
    runs.step()
    assert told[-1].update is not None
    assert (told[-1].id, told[-1].update.step) == (1, 2)


def test_a_run_that_another_overtakes_is_said_to_wait_until_it_goes_on(runs: RunQueue, told: list[RunStatus]) -> None:
    def state(run_id: int) -> str:
        return next(status.state for status in reversed(told) if status.id == run_id)

    runs.submit(1, "first", lambda: counting(3))
    runs.submit(2, "second", lambda: counting(3))
    runs.step()
    runs.control(1, "pause")
    runs.step()
    assert (state(1), state(2)) == ("paused", "running")
    runs.control(1, "continue")
    assert (state(1), state(2)) == ("running", "queued")
    runs.control(2, "pause")
    runs.control(2, "continue")
    assert (state(1), state(2)) == ("running", "queued")
    while state(1) == "running":
        runs.step()
    runs.step()
    assert (state(1), state(2)) == ("done", "running")


def test_cancelling_closes_the_run_and_the_queue_is_empty(runs: RunQueue, told: list[RunStatus]) -> None:
    closed: list[bool] = []
    runs.submit(1, "first", lambda: counting(3, closed))
    runs.step()
    runs.control(1, "cancel")
    assert closed == [True]
    assert told[-1].state == "cancelled"
    assert not runs.active


def test_a_run_that_raises_fails_alone_and_says_why(runs: RunQueue, told: list[RunStatus]) -> None:
    def failing() -> Iterator[RunUpdate]:
        yield RunUpdate(1, 2, IMAGE)
        raise ValueError("the gradient is exactly 0; start from other noise")

    runs.submit(1, "first", failing)
    runs.submit(2, "second", lambda: counting(1))
    while runs.active:
        runs.step()
    failed = next(status for status in told if status.state == "failed")
    assert failed.error == "the gradient is exactly 0; start from other noise"
    assert told[-1].state == "done"


def unpeaceful() -> Iterator[RunUpdate]:
    """A run whose closing raises, as a checkpoint does that finds the disk full."""
    try:
        yield RunUpdate(1, 2, IMAGE)
        yield RunUpdate(2, 2, IMAGE)
    finally:
        raise OSError("no room on the disk")


def test_a_run_that_cannot_be_cancelled_in_peace_has_failed_and_says_why(runs: RunQueue, told: list[RunStatus]) -> None:
    runs.submit(1, "first", unpeaceful)
    runs.step()
    runs.control(1, "cancel")
    assert (told[-1].state, told[-1].error) == ("failed", "no room on the disk")
    assert not runs.active


def test_when_all_are_cancelled_one_that_raises_leaves_none_of_the_others_open(
    runs: RunQueue, told: list[RunStatus]
) -> None:
    closed: list[bool] = []
    runs.submit(1, "first", unpeaceful)
    runs.step()
    runs.control(1, "pause")
    runs.submit(2, "second", lambda: counting(3, closed))
    runs.step()
    assert runs.begun
    runs.cancel_all()
    assert closed == [True]
    assert [(status.id, status.state) for status in told[-2:]] == [(1, "failed"), (2, "cancelled")]
    assert not runs.begun


def test_the_time_left_follows_from_the_steps_made(runs: RunQueue, told: list[RunStatus]) -> None:
    runs.submit(1, "first", lambda: counting(4))
    runs.step()
    status = told[-1]
    assert status.left == pytest.approx(status.elapsed * 3)


def test_controls_for_unknown_runs_do_nothing(runs: RunQueue, told: list[RunStatus]) -> None:
    runs.control(7, "cancel")
    assert told == []


def continuable(total: int, closed: list[int]) -> Generator[RunUpdate, int | None, None]:
    step = 0
    try:
        while True:
            step += 1
            more = yield RunUpdate(step, total, IMAGE, {}, "done" if step == total else None, more=2 * (step == total))
            if step == total:
                if more is None:
                    return
                total += more
    finally:
        closed.append(step)


def test_a_run_that_is_done_makes_more_steps_from_where_it_stood(runs: RunQueue, told: list[RunStatus]) -> None:
    closed: list[int] = []
    runs.submit(1, "first", lambda: continuable(2, closed))
    while runs.active:
        runs.step()
    assert told[-1].state == "done"
    assert closed == []
    runs.control(1, "more", 3)
    assert (told[-1].state, runs.active) == ("running", True)
    seen = []
    while runs.active:
        runs.step()
        assert told[-1].update is not None
        seen.append((told[-1].update.step, told[-1].update.total))
    assert seen == [(3, 5), (4, 5), (5, 5)]
    assert told[-1].state == "done"


def test_the_last_run_of_each_kind_can_be_continued_and_all_are_closed_in_the_end(runs: RunQueue) -> None:
    closed: list[int] = []
    kinds = ["dream", "inversion", "fooling", "evolution", "class image", "occlusion", "dream"]
    for number, kind in enumerate(kinds):
        runs.submit(number, kind, lambda: continuable(1, closed))
    while runs.active:
        runs.step()
    assert len(closed) == 1
    runs.control(0, "more", 5)
    assert not runs.active
    runs.control(1, "more", 5)
    assert runs.active
    runs.cancel_all()
    assert len(closed) == 7


def test_runs_that_are_done_let_go_of_what_they_keep(runs: RunQueue) -> None:
    closed: list[int] = []
    runs.submit(1, "first", lambda: continuable(1, closed))
    runs.step()
    assert closed == []
    runs.forget_done()
    assert closed == [1]
    runs.control(1, "more", 3)
    assert not runs.active


def test_a_run_without_more_steps_is_not_continued(runs: RunQueue, told: list[RunStatus]) -> None:
    runs.submit(1, "first", lambda: counting(1))
    runs.step()
    runs.control(1, "more", 5)
    assert not runs.active
    assert told[-1].state == "done"


def test_a_run_that_is_not_ready_waits_and_can_be_cancelled(runs: RunQueue, told: list[RunStatus]) -> None:
    ready = False
    runs.submit(1, "first", lambda: iter([RunUpdate(1, 1, IMAGE, result="end")]), lambda: ready)
    runs.step()
    assert not runs.active
    assert [status.state for status in told] == ["queued"]
    ready = True
    assert runs.active
    runs.step()
    assert told[-1].state == "done"
    runs.submit(2, "second", lambda: iter(()), lambda: False)
    runs.control(2, "cancel")
    assert told[-1].state == "cancelled"
