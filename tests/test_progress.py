from __future__ import annotations

import io

import pytest

from deepvis.progress import ProgressDisplay, duration


class Terminal(io.StringIO):
    encoding = "utf-8"  # type: ignore[assignment]

    def isatty(self) -> bool:
        return True


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_on_a_terminal_one_line_is_drawn_over_and_wiped() -> None:
    stream, clock = Terminal(), Clock()
    with ProgressDisplay(stream, clock) as display:
        display.update("vgg16", "Downloading, 0.0 MB", 0.0)
        clock.now += 10
        display.update("vgg16", "Downloading, 264 MB", 0.5)
    text = stream.getvalue()
    assert "\n" not in text
    assert "50%  10 s left" in text
    assert text.count("█") == 12
    assert text.endswith("\r")
    assert text.split("\r")[-2].isspace()


def test_elsewhere_plain_lines_come_now_and_then() -> None:
    stream, clock = io.StringIO(), Clock()
    with ProgressDisplay(stream, clock) as display:
        for percent in range(101):
            display.update("vgg16", f"Downloading, {percent} MB", percent / 100, left=100 - percent)
            clock.now += 1
    lines = stream.getvalue().splitlines()
    assert lines[0] == "vgg16: Downloading, 0 MB    0%  1 min 40 s left"
    assert lines[-1] == "vgg16: Downloading, 100 MB  100%"
    assert len(lines) == 21
    assert "\r" not in stream.getvalue()


def test_a_new_stage_is_said_at_once() -> None:
    stream, clock = io.StringIO(), Clock()
    display = ProgressDisplay(stream, clock)
    display.update("net", "Loading")
    display.update("net", "Loading")
    display.update("net", "Checking")
    assert stream.getvalue().splitlines() == ["net: Loading", "net: Checking"]


def test_a_terminal_without_unicode_gets_an_ascii_bar() -> None:
    stream = Terminal()
    stream.encoding = "cp437"  # type: ignore[misc]
    ProgressDisplay(stream).update("net", "Loading", 0.5)
    assert stream.getvalue().isascii()
    assert "############............" in stream.getvalue()


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (59, "59 s"), (200, "3 min 20 s"), (7500, "2 h 5 min"), (-3, "0 s")]
)
def test_durations_are_short(seconds: float, text: str) -> None:
    assert duration(seconds) == text
