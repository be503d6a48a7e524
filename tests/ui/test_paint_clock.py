from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from deepvis.messages import Frame, ViewRequest, ViewResult
from deepvis.ui.paint_clock import PaintClock


def result(number: int, captured: float, *, still: bool = False) -> ViewResult:
    frame = Frame(number, np.zeros((4, 4, 3), np.uint8), captured, "picture", still=still)
    return ViewResult(ViewRequest(1), frame, (0.0, 0.0, 4.0, 4.0), (4, 4), ())


def test_a_picture_that_stays_is_never_late() -> None:
    clock = PaintClock()
    clock.begin(result(1, time.perf_counter() - 60, still=True))
    assert clock.end(painted=True)
    assert clock.latency is None


def test_another_view_of_the_same_picture_does_not_count_as_a_late_one() -> None:
    clock = PaintClock()
    shown = result(1, time.perf_counter() - 2)
    clock.begin(shown)
    assert clock.end(painted=True)
    first = clock.latency
    assert first is not None
    assert first >= 2000
    clock.begin(replace(shown, request=ViewRequest(2)))
    assert clock.end(painted=True)
    assert clock.latency == first
    clock.begin(result(2, time.perf_counter() - 1))
    clock.end(painted=True)
    assert clock.latency == pytest.approx(1000, abs=900)
