"""A slot between two threads in which the newest item wins."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Mailbox(Generic[T]):
    """A slot for one item; putting a second one drops the first and counts it.

    Nothing queues: a slow reader sees fewer items, never older ones. All methods may be called from any thread.

    Parameters
    ----------
    wake : called, on the putting thread, when the slot goes from empty to full, and only then. It must return at once.
    """

    def __init__(self, wake: Callable[[], None] | None = None) -> None:
        self._condition = threading.Condition()
        self._item: T | None = None
        self._dropped = 0
        self._wake = wake

    @property
    def dropped(self) -> int:
        """How many items were replaced before anybody took them."""
        with self._condition:
            return self._dropped

    @property
    def full(self) -> bool:
        """Whether an item waits."""
        with self._condition:
            return self._item is not None

    def put(self, item: T) -> None:
        """Leave an item; the one that waits, if any, is dropped."""
        with self._condition:
            was_empty = self._item is None
            if not was_empty:
                self._dropped += 1
            self._item = item
            self._condition.notify_all()
        if was_empty and self._wake is not None:
            self._wake()

    def take(self, timeout: float = 0.0) -> T | None:
        """The waiting item, which leaves the slot empty; None if there is none within ``timeout`` seconds."""
        with self._condition:
            if self._item is None and timeout > 0:
                self._condition.wait_for(lambda: self._item is not None, timeout)
            item, self._item = self._item, None
            return item

    def clear(self) -> None:
        """Throw the waiting item away without counting it."""
        with self._condition:
            self._item = None
