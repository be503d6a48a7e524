"""Stands in for the engine until it is there, so that the window can be up and used before torch is imported."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from deepvis.messages import CameraCard, Event, ModelCard, NetworkSpec, ViewRequest, ViewResult
from deepvis.options import Option
from deepvis.ui.bridge import Backend


class LateBackend:
    """A :class:`Backend` that keeps what was asked of it, in order, and passes it on once :meth:`become` was called.

    From then on every call goes straight through. :meth:`cameras` may be called from any thread, and waits.
    """

    def __init__(self) -> None:
        self._real: Backend | None = None
        self._ready = threading.Event()
        self._kept: list[tuple[str, tuple[Any, ...]]] = []
        self._wake: Callable[[], None] | None = None

    def become(self, backend: Backend) -> None:
        """The engine is there: hand over what was kept."""
        if self._wake is not None:
            backend.set_wake(self._wake)
        self._real = backend
        for name, arguments in self._kept:
            getattr(backend, name)(*arguments)
        self._kept.clear()
        self._ready.set()

    def set_wake(self, wake: Callable[[], None]) -> None:
        """See :class:`Backend`."""
        self._wake = wake
        if self._real is not None:
            self._real.set_wake(wake)

    def take_result(self) -> ViewResult | None:
        """See :class:`Backend`."""
        return self._real.take_result() if self._real is not None else None

    def take_events(self) -> list[Event]:
        """See :class:`Backend`."""
        return self._real.take_events() if self._real is not None else []

    def models(self) -> list[ModelCard]:
        """See :class:`Backend`; empty until the engine is there."""
        return self._real.models() if self._real is not None else []

    def cameras(self) -> list[CameraCard]:
        """See :class:`Backend`."""
        self._ready.wait()
        assert self._real is not None
        return self._real.cameras()

    def run_options(self, name: str) -> tuple[Option, ...]:
        """See :class:`Backend`; empty until the engine is there."""
        return self._real.run_options(name) if self._real is not None else ()

    def start_run(self, name: str, options: dict[str, Any], image: Any = None) -> int:
        """See :class:`Backend`.

        Raises
        ------
        RuntimeError : the engine is not there yet; nothing can be run without a network anyway.
        """
        if self._real is None:
            raise RuntimeError("The engine has not started yet")
        return self._real.start_run(name, options, image)

    def request(self, request: ViewRequest) -> None:
        """See :class:`Backend`."""
        self._do("request", request)

    def freeze(self, frozen: bool) -> None:
        """See :class:`Backend`."""
        self._do("freeze", frozen)

    def load_network(self, spec: NetworkSpec) -> None:
        """See :class:`Backend`."""
        self._do("load_network", spec)

    def cancel_load(self) -> None:
        """See :class:`Backend`."""
        self._do("cancel_load")

    def open_source(self, spec: str) -> None:
        """See :class:`Backend`."""
        self._do("open_source", spec)

    def control_source(self, control: str, value: Any = None) -> None:
        """See :class:`Backend`."""
        self._do("control_source", control, value)

    def control_run(self, run_id: int, control: str) -> None:
        """See :class:`Backend`."""
        self._do("control_run", run_id, control)

    def set_live_share(self, share: float) -> None:
        """See :class:`Backend`."""
        self._do("set_live_share", share)

    def start_recording(self, path: str) -> None:
        """See :class:`Backend`."""
        self._do("start_recording", path)

    def record(self, picture: Any) -> None:
        """See :class:`Backend`."""
        self._do("record", picture)

    def stop_recording(self) -> None:
        """See :class:`Backend`."""
        self._do("stop_recording")

    def save(self, path: str, content: Any) -> None:
        """See :class:`Backend`."""
        self._do("save", path, content)

    def _do(self, name: str, *arguments: Any) -> None:
        if self._real is not None:
            getattr(self._real, name)(*arguments)
        else:
            self._kept.append((name, arguments))
