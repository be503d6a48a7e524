"""Programs that tests start side by side: they are independent, and each spends most of its time on imports."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

DIRECTORIES = ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "TORCH_HOME")
"""Variables that name where a person's settings, caches and downloads are."""


def directories(home: Path) -> dict[str, str]:
    """The same below ``home``."""
    return {name: str(home / name.lower()) for name in DIRECTORIES}


class Program:
    """Python with these words, begun at once. It must say less than a pipe holds before it is asked how it ended."""

    def __init__(self, *words: str, environment: Mapping[str, str], cwd: Path | None = None) -> None:
        self._process = subprocess.Popen(
            [sys.executable, *words],
            env=dict(environment),
            cwd=cwd,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        self._done: subprocess.CompletedProcess[str] | None = None

    def ended(self) -> subprocess.CompletedProcess[str]:
        """Wait for its end; its status and what it wrote."""
        if self._done is None:
            out, errors = self._process.communicate(timeout=240)
            self._done = subprocess.CompletedProcess(self._process.args, self._process.returncode, out, errors)
        return self._done

    def stop(self) -> None:
        """End it, if nobody asked for its end."""
        if self._done is None:
            self._process.kill()
            self._process.communicate()


class Programs:
    """Starts programs in an environment with directories of its own."""

    def __init__(self, home: Path) -> None:
        self._environment = os.environ | directories(home)
        self._started: list[Program] = []

    def start(self, *words: str, without: tuple[str, ...] = (), cwd: Path | None = None, **variables: str) -> Program:
        """Start Python with these words, ``without`` some environment variables and with others."""
        environment = {name: value for name, value in self._environment.items() if name not in without} | variables
        self._started.append(Program(*words, environment=environment, cwd=cwd))
        return self._started[-1]

    def stop(self) -> None:
        """End what still runs."""
        for program in self._started:
            program.stop()
