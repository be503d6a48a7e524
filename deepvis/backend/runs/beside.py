"""Work that is not the network's, on a thread of its own, so that a run's steps stay short meanwhile."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Generator
from typing import TypeVar

Found = TypeVar("Found")
Heard = TypeVar("Heard")
Said = TypeVar("Said")

_FIRST = 0.5
"""Seconds that a step waits at first: what takes less needs no steps of its own."""
_LATER = 0.05


def telling(work: Generator[Heard, None, Found], tell: Callable[[Heard], Said]) -> Generator[Said, None, Found]:
    """Another generator whose steps are said in other words: what it yields goes through ``tell``."""
    with contextlib.closing(work):
        while True:
            try:
                heard = next(work)
            except StopIteration as end:
                found: Found = end.value
                return found
            yield tell(heard)


def beside(work: Callable[[], Found], name: str) -> Generator[None, None, Found]:
    """Do ``work`` on a thread called ``deepvis-name``, and yield now and then until it is done; the value of the
    generator is its result.

    Where the generator is closed, the work goes on to its end, and nobody hears of it. Raises what the work raises.
    """
    found: list[Found] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            found.append(work())
        except BaseException as error:
            failed.append(error)

    # A daemon, so that a run that was closed cannot keep the program from ending.
    thread = threading.Thread(target=run, name=f"deepvis-{name}", daemon=True)
    thread.start()
    thread.join(_FIRST)
    while thread.is_alive():
        yield
        thread.join(_LATER)
    if failed:
        raise failed[0]
    return found[0]
