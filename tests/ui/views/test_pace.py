"""Readouts are painted by turns."""

from __future__ import annotations

from collections import Counter

import pytest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from deepvis.ui.views import pace
from deepvis.ui.views.pace import Pace

FRAME = 1 / 30


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(pace, "time", made)
    monkeypatch.setattr(pace, "_burst", pace._Burst())
    return made


class Painted(QWidget):
    """Notes when it is to be painted."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self.times: list[float] = []

    def update(self) -> None:  # type: ignore[override]
        self.times.append(self._clock.now)


def flow(clock: Clock, paces: list[Pace], frames: int) -> None:
    for _ in range(frames):
        clock.now += FRAME
        for each in paces:
            each.update()


def test_after_a_pause_all_are_painted_at_once(qtbot: QtBot, clock: Clock) -> None:
    widgets = [Painted(clock) for _ in range(20)]
    for widget in widgets:
        qtbot.addWidget(widget)
        Pace(widget).update()
    assert all(widget.times == [clock.now] for widget in widgets)


def test_while_values_keep_coming_each_picture_has_some_of_them(qtbot: QtBot, clock: Clock) -> None:
    widgets = [Painted(clock) for _ in range(12)]
    paces = [Pace(widget) for widget in widgets]
    for widget in widgets:
        qtbot.addWidget(widget)
    flow(clock, paces, 12)
    settled = clock.now
    flow(clock, paces, 60)
    counts = Counter(round(when, 3) for widget in widgets for when in widget.times if when > settled)
    assert max(counts.values()) <= 6, "they do not all fall upon the same picture"
    assert len(counts) == 60
    for widget in widgets:
        gaps = [late - early for early, late in zip(widget.times, widget.times[1:], strict=False)]
        assert max(gaps) <= 5 * FRAME + 1e-6, "none is forgotten"
        assert min(gaps) >= 3 * FRAME - 1e-6, "none is painted more often than it should be"


def test_a_heavy_one_leaves_room_for_fewer_others(qtbot: QtBot, clock: Clock) -> None:
    heavy, light = Painted(clock), [Painted(clock) for _ in range(4)]
    paces = [Pace(heavy, weight=3), *(Pace(widget) for widget in light)]
    for widget in (heavy, *light):
        qtbot.addWidget(widget)
    flow(clock, paces, 4)
    with_it = [widget for widget in light if widget.times[-1] == heavy.times[-1]]
    assert len(heavy.times) == 2
    assert len(with_it) == 1


@pytest.mark.usefixtures("clock")
def test_a_value_that_stays_is_shown_in_the_end(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: Counter[int] = Counter()
    monkeypatch.setattr(QWidget, "update", lambda widget: shown.update([id(widget)]))
    widgets = [QWidget() for _ in range(12)]
    paces = [Pace(widget) for widget in widgets]
    for _ in range(2):
        for widget, each in zip(widgets, paces, strict=True):
            qtbot.addWidget(widget)
            each.update()
    assert all(each.pending for each in paces)
    qtbot.waitUntil(lambda: all(shown[id(widget)] == 2 for widget in widgets))
    assert not any(each.pending for each in paces)
