"""Plays one source at a time: keeps it alive, notices when it falls silent, and opens it again."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from deepvis.backend.mailbox import Mailbox
from deepvis.backend.sources.reader import Changed, Ended, Failed, Reader
from deepvis.backend.sources.source import CONTROLS, Source, SourceError
from deepvis.messages import Event, Frame, Problem, ProblemSolved, SourceStatus, UInt8Array
from deepvis.source_names import spoken

_log = logging.getLogger(__name__)

_MOST_STUCK = 3
"""Readers that may hang in a dead device at once before no further one is sent after it."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long, in seconds, a source may keep one waiting.

    Attributes
    ----------
    opening : until a camera or stream that does not even open is opened anew.
    camera, stream : silence that counts as a fault.
    frozen : for how long a camera may repeat one picture.
    first_retry, last_retry : bounds of the wait before it is opened again; it doubles from attempt to attempt.
    hand_over : how long a new source waits for the old one to let go of its device.
    """

    opening: float = 12.0
    camera: float = 2.5
    stream: float = 8.0
    frozen: float = 5.0
    first_retry: float = 0.5
    last_retry: float = 5.0
    hand_over: float = 0.5


@dataclass(frozen=True, slots=True)
class _Open:
    spec: str


@dataclass(frozen=True, slots=True)
class _Control:
    name: str
    value: Any


class _Quit:
    pass


_Order = _Open | _Control | _Quit | Changed | Failed | Ended


class SourcePlayer:
    """Owns the present source and the threads that read it.

    All methods return at once (``close`` within its timeout) and may be called from any thread. A reading thread that
    hangs in a dead device or server is abandoned, so that nothing else ever waits for it.

    Parameters
    ----------
    frames : where frames go; the newest wins.
    on_event : receives SourceStatus, Problem and ProblemSolved, on a thread of the player's; must return soon.
    opener : makes the source of a spec, on the reading thread; :func:`deepvis.backend.sources.open_source` by default.
    """

    def __init__(
        self,
        frames: Mailbox[Frame],
        on_event: Callable[[Event], None],
        opener: Callable[[str], Source] | None = None,
        patience: Patience | None = None,
    ) -> None:
        if opener is None:
            from deepvis.backend.sources import open_source

            opener = open_source
        self._opener: Callable[[str], Source] = opener
        self._frames = frames
        self._on_event = on_event
        self._patience = patience or Patience()
        self._orders: queue.SimpleQueue[_Order] = queue.SimpleQueue()
        self._closed = threading.Event()
        # The state below is the player thread's alone.
        self._spec = ""
        self._settings: dict[str, Any] = {}
        self._reader: Reader | None = None
        self._stuck: list[Reader] = []
        self._start_at: float | None = None
        self._wait_for_device_until = 0.0
        self._attempts = 0
        self._freezes = 0
        self._problems: dict[str, Problem] = {}
        self._fault: SourceError | None = None
        self._frozen_picture: UInt8Array | None = None
        self._status = SourceStatus("", "", "closed")
        self._thread = threading.Thread(target=self._run, name="deepvis-source")
        self._thread.start()

    def open(self, spec: str) -> None:
        """Show another source; a SourceStatus follows."""
        self._orders.put(_Open(spec))

    def control(self, name: str, value: Any = None) -> None:
        """Steer the source by one of :data:`CONTROLS`. What it lacks or refuses becomes a Problem (``warning``).

        Raises
        ------
        ValueError
            For a name that no source knows.
        """
        if name not in CONTROLS:
            raise ValueError(f"unknown control {name!r}; there are {', '.join(CONTROLS)}")
        self._orders.put(_Control(name, value))

    def close(self, timeout: float = 1.0) -> None:
        """Stop, and give back within ``timeout`` seconds what the source holds. May be called more than once."""
        self._closed.set()
        self._orders.put(_Quit())
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout)

    # ------------------------------------------------------------------------------------------ the player's thread

    def _run(self) -> None:
        main = threading.main_thread()
        while main.is_alive() and not self._closed.is_set():
            try:
                order = self._orders.get(timeout=self._until_next_look())
            except queue.Empty:
                order = None
            try:
                if order is not None:
                    self._obey(order)
                self._look()
            except Exception:
                _log.exception("the source player met an error of its own")
        reader = self._reader
        self._abandon()
        if reader is not None:
            reader.join(0.4)
        self._tell(SourceStatus(self._spec, self._status.title, "closed"))

    def _until_next_look(self) -> float:
        now = time.perf_counter()
        if self._start_at is not None:
            return min(max(self._start_at - now, 0.0), 0.5) if self._start_at > now else 0.02
        if self._reader is not None and self._reader.kind != "file":
            return min(self._patience.camera, self._patience.stream, self._patience.frozen) / 10
        return 0.5

    def _obey(self, order: _Order) -> None:
        match order:
            case _Open(spec):
                self._change_to(spec)
            case _Control(name, value):
                self._steer(name, value)
            case Changed(reader) if reader is self._reader:
                self._report(reader)
            case Failed(reader, error) if reader is self._reader:
                self._fail(reader, error)
            case _:
                # A reader that was abandoned: that it ended is seen by its thread.
                return

    def _change_to(self, spec: str) -> None:
        self._abandon()
        for key in list(self._problems):
            self._solve(key, "")
        self._spec = spec
        self._settings = {}
        self._fault = self._frozen_picture = None
        self._attempts = self._freezes = 0
        self._start_at = time.perf_counter()
        self._wait_for_device_until = self._start_at + self._patience.hand_over
        self._tell(SourceStatus(spec, spoken(spec), "opening"))

    def _steer(self, name: str, value: Any) -> None:
        if name in ("pause", "speed", "loop", "slideshow", "mirror", "resolution", "motion"):
            self._settings[name] = value
        if self._reader is not None:
            self._reader.control(name, value)

    def _look(self) -> None:
        """Start a reader whose time has come, or see whether the present one is alive."""
        now = time.perf_counter()
        self._stuck = [reader for reader in self._stuck if reader.is_alive()]
        if self._start_at is not None:
            waiting = self._stuck and now < self._wait_for_device_until
            if now >= self._start_at and not waiting:
                self._start()
        elif self._reader is not None:
            self._watch(self._reader, now)

    def _start(self) -> None:
        if self._attempts and len(self._stuck) >= _MOST_STUCK:
            self._start_at = time.perf_counter() + self._patience.last_retry
            return
        self._start_at = None
        self._reader = Reader(
            self._spec, self._opener, self._frames, self._orders.put, dict(self._settings), self._frozen_picture
        )
        self._reader.start()

    def _watch(self, reader: Reader, now: float) -> None:
        source = reader.source
        if not reader.opened:
            if reader.kind != "file" and now - reader.started > self._patience.opening:
                self._fail(reader, _silence(reader.title, "It does not answer."))
            return
        if source is None or source.kind == "file":
            return
        limit = self._patience.camera if source.kind == "camera" else self._patience.stream
        if now - max(source.arrived, reader.opened_at) > limit:
            self._fail(reader, _silence(source.title, f"No picture has come for {limit:g} seconds."))
        elif source.kind == "camera" and source.arrived - max(source.changed, reader.opened_at) > self._tolerance():
            self._freezes += 1
            self._frozen_picture = source.previous
            self._fail(reader, _freeze(source.title))
        elif source.changed > reader.opened_at:
            self._healthy(reader, now)

    def _tolerance(self) -> float:
        """Seconds for which one picture may repeat; longer each time, for a covered lens is no fault of the camera."""
        return self._patience.frozen * 2.0 ** min(self._freezes, 4)

    def _healthy(self, reader: Reader, now: float) -> None:
        self._frozen_picture = None
        if self._fault is not None:
            self._fault = None
            self._solve(self._key, f"{reader.title} is back")
            self._report(reader)
        if now - reader.opened_at > self._patience.last_retry:
            self._attempts = self._freezes = 0

    def _fail(self, reader: Reader, error: SourceError) -> None:
        if error.then == "go_on":
            self._problem(f"{self._key}:{error.title}", error, "warning")
            return
        self._abandon()
        self._problem(self._key, error, "warning" if error.then == "reopen" and reader.opened else "error")
        first, self._fault = self._fault is None, error
        if error.then == "reopen":
            wait = min(self._patience.first_retry * 2.0 ** min(self._attempts, 16), self._patience.last_retry)
            self._attempts += 1
            self._start_at = time.perf_counter() + wait
            self._wait_for_device_until = self._start_at
        stalled = error.then == "reopen" and (reader.opened or (not first and self._status.state == "stalled"))
        self._tell(
            SourceStatus(
                self._spec,
                reader.title,
                "stalled" if stalled else "failed",
                f"{error.title}. {error.cause}",
                error.remedy,
                self._status.controls if stalled else (),
            )
        )

    def _report(self, reader: Reader) -> None:
        """Say what the reader's source does, unless a fault that is not over yet says more."""
        source = reader.source
        if source is None or not reader.opened:
            return
        if source.kind == "file":
            self._fault = None
        if self._fault is None:
            self._tell(SourceStatus(self._spec, source.title, source.state, source.detail, controls=source.controls))

    def _abandon(self) -> None:
        if self._reader is not None:
            self._reader.abandon()
            self._stuck.append(self._reader)
        self._reader = None
        self._start_at = None

    @property
    def _key(self) -> str:
        return f"source:{spoken(self._spec)}"

    def _problem(self, key: str, error: SourceError, severity: Literal["warning", "error"]) -> None:
        if key not in self._problems:
            self._problems[key] = Problem(key, error.title, error.cause, error.remedy, severity, error.details)
            self._send(self._problems[key])

    def _solve(self, key: str, text: str) -> None:
        if self._problems.pop(key, None) is not None:
            self._send(ProblemSolved(key, text))

    def _tell(self, status: SourceStatus) -> None:
        if status != self._status:
            self._status = replace(status)
            self._send(status)

    def _send(self, event: Event) -> None:
        try:
            self._on_event(event)
        except Exception:
            _log.exception("the receiver of the source's events failed")


def _silence(title: str, cause: str) -> SourceError:
    return SourceError(
        f"{title} has stalled", cause, "It is opened again by itself; check its cable or connection.", then="reopen"
    )


def _freeze(title: str) -> SourceError:
    return SourceError(
        f"{title} is frozen",
        "It sends the same picture again and again.",
        "It is opened again by itself; if its lens is covered, or it shows a still picture, all is well.",
        then="reopen",
    )
