"""The thread that reads one source. It may hang for ever in a dead device or server, and is then left to itself."""

from __future__ import annotations

import logging
import math
import queue
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from deepvis.backend.mailbox import Mailbox
from deepvis.backend.sources.source import Source, SourceError
from deepvis.messages import Frame, UInt8Array
from deepvis.source_names import spoken

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Changed:
    """The reader's source opened, or its title, state, detail or controls changed."""

    reader: Reader


@dataclass(frozen=True, slots=True)
class Failed:
    """The reader's source failed; unless the error says ``go_on`` the reader is done."""

    reader: Reader
    error: SourceError


@dataclass(frozen=True, slots=True)
class Ended:
    """The reader has let go of its source."""

    reader: Reader


class Reader(threading.Thread):
    """Opens one source, reads it and passes its frames on until it is abandoned.

    A daemon thread: ``cv2.VideoCapture.read`` may never return after an unplug, and the process must be able to end.

    Parameters
    ----------
    report : receives Changed, Failed and Ended, on this thread.
    settings : controls that are applied once it is open, where it has them.
    previous : the picture that a frozen camera showed; only another one counts as a change.
    """

    def __init__(
        self,
        spec: str,
        opener: Callable[[str], Source],
        frames: Mailbox[Frame],
        report: Callable[[Changed | Failed | Ended], None],
        settings: dict[str, Any],
        previous: UInt8Array | None = None,
    ) -> None:
        super().__init__(name=f"deepvis-read {spoken(spec)[:40]}", daemon=True)
        self.spec = spec
        self.source: Source | None = None
        self.opened = False
        self.started = time.perf_counter()
        self.opened_at = math.inf
        self._opener = opener
        self._frames = frames
        self._report = report
        self._settings = settings
        self._previous = previous
        self._controls: queue.SimpleQueue[tuple[str, Any] | None] = queue.SimpleQueue()
        self._abandoned = False
        self._lock = threading.Lock()
        self._told: tuple[Any, ...] = ()

    @property
    def title(self) -> str:
        """The source's title, or the spec while there is no source."""
        return spoken(self.spec) if self.source is None else self.source.title

    @property
    def kind(self) -> Literal["file", "camera", "stream"]:
        """The source's kind; while there is none yet, what its spec says: a busy computer may take long to see that a
        file is missing, and that is no cable's fault."""
        if self.source is not None:
            return self.source.kind
        if self.spec.startswith("camera:"):
            return "camera"
        return "stream" if "://" in self.spec else "file"

    def control(self, name: str, value: Any) -> None:
        """Steer the source as soon as it is between two frames."""
        self._controls.put((name, value))

    def abandon(self) -> None:
        """No frame is passed on from now on, and the source is closed as soon as its present call returns."""
        with self._lock:
            self._abandoned = True
        self._controls.put(None)

    def run(self) -> None:
        """Read until abandoned or failed."""
        try:
            self._read()
        except SourceError as error:
            self._report(Failed(self, error))
        except Exception as error:
            self._report(Failed(self, _unforeseen(self.title, error)))
        finally:
            if self.source is not None:
                try:
                    self.source.close()
                except Exception:
                    _log.exception("closing %s failed", self.title)
            self._report(Ended(self))

    def _read(self) -> None:
        source = self._opener(self.spec)
        self.source = source
        source.previous = self._previous
        if self._abandoned:
            return
        source.open()
        for name, value in self._settings.items():
            if name in source.controls:
                source.control(name, value)
        self.opened_at = time.perf_counter()
        self.opened = True
        wait = 0.0
        while True:
            self._tell(source)
            if not self._obey(source, wait):
                return
            try:
                frame = source.read()
            except SourceError as error:
                if error.then != "go_on":
                    raise
                self._report(Failed(self, error))
                frame = None
            if frame is not None:
                with self._lock:
                    if self._abandoned:
                        return
                    self._frames.put(frame)
            wait = source.wait()

    def _obey(self, source: Source, wait: float) -> bool:
        """Apply the controls that wait, for at most ``wait`` seconds until the first; False once abandoned."""
        while True:
            try:
                order = self._controls.get(timeout=None if math.isinf(wait) else max(wait, 0.0))
            except queue.Empty:
                return True
            if order is None:
                return False
            wait = 0.0
            try:
                source.control(*order)
            except (KeyError, ValueError, TypeError) as error:
                self._report(Failed(self, _refusal(source, order[0], error)))

    def _tell(self, source: Source) -> None:
        state = (source.title, source.state, source.detail, source.controls)
        if state != self._told:
            self._told = state
            self._report(Changed(self))


def _refusal(source: Source, control: str, error: Exception) -> SourceError:
    offers = ", ".join(source.controls)
    return SourceError(
        f"{source.title} does not take this {control}"
        if control in source.controls
        else f"{source.title} has no {control}",
        f"{error.args[0] if error.args else error}.",
        f"What it can do: {offers}.",
        then="go_on",
    )


def _unforeseen(title: str, error: Exception) -> SourceError:
    return SourceError(
        f"{title} has failed",
        f"{type(error).__name__}: {error}.",
        "Open it again, or choose another source; the log has the details.",
        details="".join(traceback.format_exception(error)),
    )
