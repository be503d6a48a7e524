"""A thread that does what was wished for last, and nothing of what was wished for before.

Importing this module loads neither torch nor Qt.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence

Work = Callable[[], Iterator[None]]
"""Makes the steps of a piece of work; each is short, and a newer wish of the same kind ends them."""


class NewestWishes:
    """Wishes of several kinds; of each kind the newest alone counts.

    The kinds that come first in ``order`` are served first, and between any two steps. All methods may be called from
    any thread and return at once.

    Parameters
    ----------
    order : the kinds of wishes, the most urgent first.
    name : of the thread.
    failed : called on the thread with the kind and what its work raised; the thread lives on.

    Attributes
    ----------
    thread : it ends after :meth:`close`, when the step under way is done.
    """

    def __init__(self, order: Sequence[str], name: str, failed: Callable[[str, Exception], None]) -> None:
        self._order = tuple(order)
        self._failed = failed
        self._changed = threading.Condition()
        self._wanted: dict[str, Work] = {}
        self._parked: set[str] = set()
        self._closing = False
        self.thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread, once."""
        with self._changed:
            if self.thread.ident is None and not self._closing:
                self.thread.start()

    def close(self) -> None:
        """Let the thread end."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()

    def put(self, kind: str, work: Work) -> None:
        """Wish for this, in place of what was wished for of its kind."""
        with self._changed:
            self._wanted[kind] = work
            self._parked.discard(kind)
            self._changed.notify_all()

    def park(self, kind: str) -> Callable[[], None]:
        """Serve others until what is returned is called (from any thread), or this kind is wished for anew."""
        with self._changed:
            self._parked.add(kind)

        def go_on() -> None:
            with self._changed:
                self._parked.discard(kind)
                self._changed.notify_all()

        return go_on

    def _run(self) -> None:
        working: dict[str, Iterator[None]] = {}
        while True:
            with self._changed:
                while not self._closing and not self._wanted and self._next(working) is None:
                    self._changed.wait()
                if self._closing:
                    return
                wanted, self._wanted = self._wanted, {}
                working |= {kind: work() for kind, work in wanted.items()}
                turn = self._next(working)
            if turn is None:
                continue
            try:
                next(working[turn])
            except StopIteration:
                del working[turn]
            except Exception as error:
                del working[turn]
                self._failed(turn, error)

    def _next(self, working: dict[str, Iterator[None]]) -> str | None:
        return next((kind for kind in self._order if kind in working and kind not in self._parked), None)
