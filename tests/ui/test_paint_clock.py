from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from deepvis.messages import Frame, ViewRequest, ViewResult
from deepvis.ui import paint_clock
from deepvis.ui.paint_clock import PaintClock

NOW = 1000.0


@pytest.fixture(autouse=True)
def standing_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paint_clock, "time", SimpleNamespace(perf_counter=lambda: NOW))


def result(number: int, captured: float, *, still: bool = False) -> ViewResult:
    frame = Frame(number, np.zeros((4, 4, 3), np.uint8), captured, "picture", still=still)
    return ViewResult(ViewRequest(1), frame, (0.0, 0.0, 4.0, 4.0), (4, 4), ())


def test_a_picture_that_stays_is_never_late() -> None:
    clock = PaintClock()
    clock.begin(result(1, NOW - 60, still=True))
    assert clock.end(painted=True)
    assert clock.latency is None


def test_another_view_of_the_same_picture_does_not_count_as_a_late_one() -> None:
    clock = PaintClock()
    shown = result(1, NOW - 2)
    clock.begin(shown)
    assert clock.end(painted=True)
    first = clock.latency
    assert first == pytest.approx(2000)
    clock.begin(replace(shown, request=ViewRequest(2)))
    assert clock.end(painted=True)
    assert clock.latency == first
    clock.begin(result(2, NOW - 1))
    clock.end(painted=True)
    assert clock.latency == pytest.approx(1000)
