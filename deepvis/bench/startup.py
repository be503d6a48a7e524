"""Seconds from the command to the visible window, and to the first activations."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median


def bench_startup(model: str = "tinynet", repeat: int = 5) -> list[dict[str, object]]:
    """Start ``deepvis live`` several times on a sample photograph, on the display there is or offscreen.

    The program says itself when its window was exposed and when the first activations were painted
    (``DEEPVIS_STARTUP_TRACE`` names the file that it writes to).
    """
    turns = [_start(model) for _ in range(repeat + 1)][1:]  # the first one warms the disk
    return [
        {"what": what, "median s": median(turn[key] for turn in turns), "slowest s": max(turn[key] for turn in turns)}
        for what, key in (("window visible", "window"), ("first activations painted", "activations"))
    ]


def _start(model: str) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder) / "trace.json"
        environment = dict(os.environ, DEEPVIS_STARTUP_TRACE=str(trace), XDG_CONFIG_HOME=folder)
        if sys.platform.startswith("linux") and not {"DISPLAY", "WAYLAND_DISPLAY"} & environment.keys():
            environment.setdefault("QT_QPA_PLATFORM", "offscreen")
        began = time.time()
        command = [sys.executable, "-m", "deepvis", "live", "--source", "sample:cat", "--model", model]
        with subprocess.Popen(command, env=environment) as process:
            try:
                while not trace.exists():
                    if process.poll() is not None:
                        raise RuntimeError(f"deepvis ended with status {process.returncode} before it showed anything")
                    if time.time() - began > 120:
                        raise RuntimeError("deepvis showed no activations within 120 s")
                    time.sleep(0.01)
            finally:
                process.terminate()
        times: dict[str, float] = json.loads(trace.read_text())
        return {key: moment - began for key, moment in times.items()}
