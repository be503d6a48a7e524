"""The one thread that owns the network and the device.

It takes the newest frame and the newest request, shows the one by the other, and steps a run in between. Nothing that
happens to a frame, a network or a run ends it: an exception becomes a :class:`Problem`, once.
"""

from __future__ import annotations

import importlib
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeVar

import torch

from deepvis.backend.device import describe, is_out_of_memory, measure, quicken
from deepvis.backend.live import LiveView
from deepvis.backend.mailbox import Mailbox
from deepvis.backend.network import Network, NetworkError
from deepvis.backend.run_queue import RunQueue
from deepvis.backend.turns import Turns
from deepvis.messages import (
    EngineStatus,
    Event,
    Frame,
    LoadProgress,
    NetworkInfo,
    NetworkReady,
    Precision,
    Problem,
    ProblemSolved,
    RunUpdate,
    ViewRequest,
    ViewResult,
)

_STATUS_EVERY = 0.5
_RATE_WINDOW = 1.0

T = TypeVar("T")


class Engine:
    """Shows frames through a network and steps runs.

    :meth:`run` is the body of its thread; all other methods may be called from any thread and return at once.

    Parameters
    ----------
    results : where the newest result is left.
    emit : called on the engine thread with every event.
    """

    def __init__(self, results: Mailbox[ViewResult], emit: Callable[[Event], None]) -> None:
        self._bell = threading.Event()
        self.frames: Mailbox[Frame] = Mailbox(wake=self._bell.set)
        self._results = results
        self._emit = emit
        self._commands: deque[Callable[[], None]] = deque()
        self._errands: deque[Callable[[], None]] = deque()
        self._stopping = threading.Event()
        self._request = ViewRequest(id=0)
        self._shown: tuple[Frame, ViewRequest, LiveView | None] | None = None
        self._frame: Frame | None = None
        self._frozen = False
        self._view: LiveView | None = None
        self._network: Network | None = None
        self._precision: Precision = "auto"
        self._runs = RunQueue(emit)
        self._turns = Turns()
        self._problems: dict[str, str] = {}
        self._times: deque[tuple[float, float]] = deque()
        self._last_status = 0.0

    # --------------------------------------------------------------------------------------- from other threads

    def request(self, request: ViewRequest) -> None:
        """Show this from now on."""
        self._request = request
        self._bell.set()

    def freeze(self, frozen: bool) -> None:
        """Hold the present frame, or go on."""
        self._command(lambda: setattr(self, "_frozen", frozen))

    def install(self, network: Network, precision: Precision = "auto") -> None:
        """Take over a network that was loaded; measures precision and layout, then sends NetworkReady."""
        self._command(lambda: self._install(network, precision))

    def submit(
        self,
        run_id: int,
        name: str,
        steps: Callable[[Network, Frame | None], Iterator[RunUpdate]],
        imports: Sequence[str] = (),
    ) -> None:
        """Queue a run; ``steps`` is called with the network and the present frame when its turn comes.

        ``imports`` names modules that it cannot begin without: they are imported on another thread first, so that
        the live view goes on.
        """

        def make() -> Iterator[RunUpdate]:
            if self._network is None:
                raise NetworkError("no network is loaded; load one, then start the run again")
            return steps(self._network, self._frame)

        missing = [module for module in imports if module not in sys.modules]
        imported = threading.Event()

        def load() -> None:
            for module in missing:
                # If it is not there, the run says so in its own words.
                with suppress(ImportError):
                    importlib.import_module(module)
            imported.set()
            self._bell.set()

        if missing:
            threading.Thread(target=load, name="deepvis-import", daemon=True).start()
        else:
            imported.set()
        self._command(lambda: self._runs.submit(run_id, name, make, imported.is_set))

    def control_run(self, run_id: int, control: str, value: int | None = None) -> None:
        """``pause``, ``continue`` or ``cancel`` a run; ``more``: ``value`` more steps of one that is done."""
        self._command(lambda: self._runs.control(run_id, control, value))

    def ask(self, work: Callable[[Network], T], then: Callable[[T | None], None]) -> None:
        """Do a small piece of work with the network, of which one at a time is done between two frames.

        Parameters
        ----------
        work : called with the network on the engine's thread; it takes milliseconds, and leaves no hook behind.
        then : called there with what it gave, or with None: no network is loaded, or it raised (a Problem says so).
        """

        def errand() -> None:
            found: T | None = None
            try:
                if self._network is not None:
                    found = work(self._network)
                    self._solved("engine.ask")
            except Exception as error:
                self._problem("engine.ask", "This could not be computed", error)
            then(found)

        self._errands.append(errand)
        self._bell.set()

    def set_live_share(self, share: float) -> None:
        """Share of the time that the live view may take while a run goes on, in [0.05, 1]."""
        self._turns.share = min(1.0, max(0.05, share))

    def stop(self) -> None:
        """Let :meth:`run` return after the step under way."""
        self._stopping.set()
        self._bell.set()

    def _command(self, command: Callable[[], None]) -> None:
        self._commands.append(command)
        self._bell.set()

    # ------------------------------------------------------------------------------------------- the thread

    def run(self) -> None:
        """The engine's thread: returns after :meth:`stop`."""
        torch.set_flush_denormal(True)
        while not self._stopping.is_set():
            self._bell.clear()
            self._guarded("engine.command", self._obey)
            if self._errands:
                self._guarded("engine.ask", self._errands.popleft())
            wanted = self._live_wanted()
            running = self._runs.active and self._network is not None
            if running:
                self._take_turn(wanted)
            else:
                self._turns.reset()
                if wanted:
                    self._show()
                elif not self._errands:
                    self._bell.wait(_STATUS_EVERY)
            self._report()
        self._runs.cancel_all()
        self._view = self._network = self._shown = None

    def _take_turn(self, wanted: bool) -> None:
        began = time.perf_counter()
        turn = self._turns.choose(wanted, began)
        if turn == "step":
            self._runs.step()
            self._turns.step_took(time.perf_counter() - began)
            return
        if turn == "live":
            self._show()
        elif not self._errands:
            self._bell.wait(turn)
        self._turns.live_took(time.perf_counter() - began)

    def _obey(self) -> None:
        while self._commands:
            self._commands.popleft()()

    def _live_wanted(self) -> bool:
        if not self._frozen or self._frame is None:
            frame = self.frames.take()
            if frame is not None:
                self._frame = frame
                self._turns.frame_came(frame.captured, self.frames.dropped)
        if self._frame is None:
            return False
        shown = self._shown
        # A dream goes deeper on the same frame.
        dreaming = self._request.dream is not None and self._view is not None and not self._frozen
        same = shown is not None and shown[0] is self._frame and shown[1] == self._request and shown[2] is self._view
        return dreaming or not same

    def _show(self) -> None:
        frame, request, view = self._frame, self._request, self._view
        assert frame is not None
        fresh = self._shown is None or self._shown[0] is not frame
        self._shown = (frame, request, view)
        try:
            result = _picture_alone(frame, request) if view is None else view.show(frame, request)
        except Exception as error:
            if is_out_of_memory(error):
                self._relieve(error)
            else:
                self._problem("live", "This view cannot be computed", error)
            return
        if result.problem:
            self._problem_text("live.part", result.problem)
        else:
            self._solved("live.part")
        self._solved("live")
        self._solved("memory")
        now = time.perf_counter()
        self._results.put(replace(result, finished=now))
        if fresh and view is not None:
            self._times.append((now, now - frame.captured))

    def _install(self, network: Network, precision: Precision) -> None:
        self._emit(LoadProgress(network.name, "Measuring precision and layout"))
        network.share_copies()
        copy, label, table = measure(network, precision)
        view = LiveView(quicken(copy, milliseconds=dict(table)[label]))
        catalogue = network.catalogue
        info = NetworkInfo(
            name=network.name,
            title=network.title,
            family=network.family,
            layers=catalogue.layers,
            left_out=catalogue.left_out,
            labels=network.labels,
            input_size=network.input_size,
            channels=network.channels,
            flexible=network.flexible,
            min_size=network.min_size,
            device=str(network.device),
            precision=label,
            parameters=network.parameters,
            rectifiers=catalogue.rectifiers,
            differentiable=network.differentiable,
            trained=network.trained,
            hash=network.hash,
            note=network.note,
            measured=tuple(table),
        )
        self._network, self._precision = network, precision
        self._view = view
        # Layers and units of the request were the network's before; the window asks anew when it hears of this one.
        old = self._request
        self._request = ViewRequest(old.id, fit=old.fit, top=old.top)
        # A run that was begun goes on with the network that it was begun with; those that are done let go of theirs.
        self._runs.forget_done()
        self._problems.clear()
        self._emit(NetworkReady(info))

    def _relieve(self, error: Exception) -> None:
        """Make room after an out-of-memory error: drop what is cached, then leave the accelerator for the CPU."""
        network = self._network
        if network is not None and network.device.type != "cpu":
            before = describe(network.device, network.dtype)
            self._view = self._shown = None
            network.module.to("cpu")
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            self._problem(
                "memory",
                f"{before} ran out of memory",
                error,
                remedy="deepvis goes on with the CPU. Choose a smaller input size or network, close other programs "
                "that use the device, then load the network again.",
                severity="warning",
            )
            self._install(network, self._precision)
            return
        self._problem(
            "memory",
            "Out of memory",
            error,
            remedy="Choose a smaller input size, fewer strongest units or a smaller network, or close other programs.",
        )

    def _guarded(self, key: str, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception as error:
            self._problem(key, "The engine could not do that", error)

    def _problem(self, key: str, title: str, error: Exception, *, remedy: str = "", severity: Any = "error") -> None:
        cause = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
        if self._problems.get(key) == cause:
            return
        self._problems[key] = cause
        remedy = remedy or "Choose another layer, picture or network. The details are in the message log."
        details = "".join(traceback.format_exception(error))
        self._emit(Problem(key, title, cause or type(error).__name__, remedy, severity, details))

    def _problem_text(self, key: str, text: str) -> None:
        if self._problems.get(key) != text:
            self._problems[key] = text
            self._emit(Problem(key, "A part of the view cannot be computed", text, "Choose another one.", "warning"))

    def _solved(self, key: str) -> None:
        if key in self._problems:
            del self._problems[key]
            self._emit(ProblemSolved(key))

    def _report(self) -> None:
        now = time.perf_counter()
        if now - self._last_status < _STATUS_EVERY:
            return
        span = max(now - self._last_status, _STATUS_EVERY) if self._last_status else _RATE_WINDOW
        self._last_status = now
        while self._times and now - self._times[0][0] > max(_RATE_WINDOW, span):
            self._times.popleft()
        count = len(self._times)
        latency = sum(entry[1] for entry in self._times) / count * 1000 if count else 0.0
        dropped = self.frames.dropped + self._results.dropped
        self._emit(EngineStatus(count / max(_RATE_WINDOW, span), dropped, latency, self._turns.share))


def _picture_alone(frame: Frame, request: ViewRequest) -> ViewResult:
    """What can be shown while no network is loaded."""
    height, width = frame.image.shape[:2]
    return ViewResult(request, frame, (0.0, 0.0, float(height), float(width)), (height, width), ())
