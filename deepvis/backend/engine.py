"""The one thread that owns the network and the device.

It takes the newest frame and the newest request, shows the one by the other, and steps a run in between. Nothing that
happens to a frame, a network or a run ends it: an exception becomes a :class:`Problem`, once.
"""

from __future__ import annotations

import importlib
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TypeVar

import torch

from deepvis.backend.device import describe, free_cached, is_out_of_memory, measure, quicken
from deepvis.backend.live import LiveView
from deepvis.backend.mailbox import Mailbox
from deepvis.backend.network import Network, NetworkError
from deepvis.backend.problems import Problems, lack_of_memory, unusable
from deepvis.backend.run_queue import RunQueue
from deepvis.backend.turns import Turns
from deepvis.messages import (
    EngineStatus,
    Event,
    Frame,
    LoadProgress,
    NetworkFailed,
    NetworkInfo,
    NetworkReady,
    Precision,
    Problem,
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
        self._problems = Problems(emit)
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
        """Take over a network that was loaded; measures precision and layout, then sends NetworkReady, or NetworkFailed
        where the network before it goes on."""
        self._command(lambda: self._take_over(network, precision))

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
                # If it is not there, or breaks off, the run says so in its own words.
                with suppress(Exception):
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
                    self._problems.solve("engine.ask")
            except Exception as error:
                self._problems.report("engine.ask", "This could not be computed", error)
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
            while self._commands:
                # Each is somebody's wish, and is answered for itself.
                self._problems.forget("engine.command")
                self._guarded("engine.command", self._commands.popleft())
            if self._errands:
                self._guarded("engine.ask", self._errands.popleft())
            self._guarded("engine", self._go_on)
            self._report()
        self._runs.cancel_all()
        self._view = self._network = self._shown = None

    def _go_on(self) -> None:
        wanted = self._live_wanted()
        running = self._runs.active and self._network is not None
        if running:
            self._take_turn(wanted)
            return
        self._turns.reset()
        if wanted:
            self._show()
        elif not self._errands:
            self._bell.wait(_STATUS_EVERY)

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
        result = _picture_alone(frame, request) if view is None else self._answer(view, frame, request)
        if result is None:
            return
        if result.problem:
            self._problems.warn("live.part", "A part of the view cannot be computed", result.problem)
        else:
            self._problems.solve("live.part")
        self._problems.solve("live")
        self._problems.solve("memory")
        now = time.perf_counter()
        self._results.put(replace(result, finished=now))
        if fresh and view is not None:
            self._times.append((now, now - frame.captured))

    def _answer(self, view: LiveView, frame: Frame, request: ViewRequest) -> ViewResult | None:
        """What a view shows; None where it cannot, which is then said."""
        lack: Problem | None = None
        for _attempt in range(2):
            try:
                return view.show(frame, request)
            except Exception as error:
                if not is_out_of_memory(error):
                    self._problems.report("live", "This view cannot be computed", error)
                    return None
                lack = lack_of_memory(error)
            # Not before: the error holds on to the frames that it passed, and they to their tensors.
            view.forget()
            free_cached()
        assert lack is not None
        self._relieve(lack)
        return None

    def _take_over(self, network: Network, precision: Precision) -> None:
        try:
            self._install(network, precision)
            return
        except Exception as error:
            problem = unusable(network.name, error)
        free_cached()
        self._emit(NetworkFailed(network.name, problem))

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
        self._problems.solve_all()
        self._emit(NetworkReady(info))

    def _relieve(self, lack: Problem) -> None:
        """Make room where what is cached does not suffice: leave the accelerator for the CPU, unless a run has tensors
        there; then its memory comes free when it ends, and the next frame is tried as the one before."""
        network = self._network
        if network is None or network.device.type == "cpu" or self._runs.begun:
            self._problems.say(lack)
            return
        before = describe(network.device, network.dtype)
        self._view = self._shown = None
        try:
            network.module.to("cpu")
            free_cached()
            self._install(network, self._precision)
        except Exception as error:
            self._problems.report("memory", f"{before} ran out of memory, and the CPU cannot take over", error)
            return
        remedy = (
            "deepvis goes on with the CPU. Choose a smaller input size or network, close other programs that use the "
            "device, then load the network again."
        )
        # Of its own key: that the view works again does not make it untrue.
        self._problems.say(
            replace(lack, key="memory.device", title=f"{before} ran out of memory", remedy=remedy, severity="warning")
        )

    def _guarded(self, key: str, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception as error:
            self._problems.report(key, "The engine could not do that", error)

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
