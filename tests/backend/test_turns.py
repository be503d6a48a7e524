from __future__ import annotations

from deepvis.backend.turns import Turns


def play(turns: Turns, seconds: float, *, interval: float, live: float, step: float) -> tuple[int, int]:
    """Frames and steps that ``turns`` lets come about beside a source that gives a frame every ``interval``."""
    now, given, taken, frames, steps = 0.0, 0, 0, 0, 0
    while now < seconds:
        newest = int(now / interval)
        wanted = newest > taken
        if wanted:
            given += 1
            turns.frame_came(newest * interval, newest - given)
            taken = newest
        turn = turns.choose(wanted, now)
        if turn == "live":
            frames += 1
            turns.live_took(live)
            now += live
        elif turn == "step":
            steps += 1
            turns.step_took(step)
            now += step
        else:
            arrival = (taken + 1) * interval
            waited = min(float(turn), arrival - now) + 1e-6
            turns.live_took(waited)
            now += waited
    return frames, steps


def test_long_steps_leave_a_quick_live_view_more_than_half_of_its_frames() -> None:
    frames, steps = play(Turns(), 60, interval=1 / 30, live=0.015, step=0.060)
    assert frames >= 0.55 * 60 * 30
    assert steps * 0.060 >= 0.25 * 60


def test_short_steps_fit_between_frames() -> None:
    frames, steps = play(Turns(), 60, interval=1 / 30, live=0.010, step=0.005)
    assert frames >= 0.9 * 60 * 30
    assert steps * 0.005 >= 0.35 * 60


def test_steps_of_seconds_are_paid_for_whole() -> None:
    frames, steps = play(Turns(), 120, interval=1 / 30, live=0.015, step=5.0)
    assert frames >= 0.55 * 120 * 30
    assert steps * 5.0 >= 0.3 * 120


def test_a_live_view_that_is_never_idle_gets_its_share() -> None:
    turns = Turns(0.25)
    frames, steps = play(turns, 60, interval=0.001, live=0.010, step=0.010)
    assert abs(frames / (frames + steps) - 0.25) < 0.03


def test_a_still_picture_is_not_waited_for() -> None:
    turns = Turns()
    turns.frame_came(0.0, 0)
    turns.step_took(0.1)
    assert turns.choose(False, 0.2) == "step"


def test_a_source_that_has_stopped_is_not_waited_for() -> None:
    turns = Turns()
    for number in range(10):
        turns.frame_came(number / 30, 0)
    turns.step_took(0.2)
    assert isinstance(turns.choose(False, 9 / 30 + 0.01), float)
    assert turns.choose(False, 9 / 30 + 0.06) == "step"


def test_a_slow_source_is_not_waited_for() -> None:
    turns = Turns()
    turns.frame_came(0.0, 0)
    turns.frame_came(0.5, 0)
    turns.step_took(2.0)
    assert turns.choose(False, 0.6) == "step"


def test_dropped_frames_do_not_make_the_source_slower() -> None:
    turns = Turns()
    for number in range(10):
        turns.frame_came(number * 0.12, number * 3)
    turns.step_took(0.2)
    wait = turns.choose(False, 9 * 0.12 + 0.01)
    assert isinstance(wait, float)
    assert 0.03 < wait < 0.04
