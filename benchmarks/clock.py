"""By which clock benchmarks measure, and on how many threads."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from typing import Any

import torch

CLOCKS = {"wall": time.perf_counter, "cpu": time.thread_time}
_clock: Callable[[], float] = time.perf_counter


def add_clock_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--threads`` and ``--clock``."""
    parser.add_argument("--threads", type=int, default=2, help="threads of torch (2)")
    parser.add_argument(
        "--clock",
        choices=CLOCKS,
        default="wall",
        help="wall: what a person waits (wall); cpu: the time of one thread, which other programs hardly change",
    )


def set_clock(options: argparse.Namespace) -> str:
    """Measure from now on as the options say; what is said of it above the figures."""
    global _clock
    _clock = CLOCKS[options.clock]
    if options.clock == "cpu":
        # The time of one thread is all of the work only where there is no other.
        options.threads = 1
    torch.set_num_threads(options.threads)
    load = f", load average {os.getloadavg()[0]:.1f} at the start" if hasattr(os, "getloadavg") else ""
    return f"torch {torch.__version__}, {options.threads} threads{load}"


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds by the clock that was chosen, and what came of it."""
    began = _clock()
    result = call()
    return _clock() - began, result
