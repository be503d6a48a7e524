from __future__ import annotations

import sys
import threading
import time
import types
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from deepvis import Network
from deepvis.backend.engine import Engine
from deepvis.backend.mailbox import Mailbox
from deepvis.messages import (
    DreamRequest,
    Event,
    Frame,
    GridRequest,
    NetworkFailed,
    NetworkReady,
    Problem,
    ProblemSolved,
    RunStatus,
    RunUpdate,
    ViewRequest,
    ViewResult,
)

IMAGE = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)


class Moody(nn.Module):
    """A small network that can be told to raise, to run out of memory, or to count its passes."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.fc = nn.Linear(4, 3)
        self.error: Exception | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.error is not None:
            raise self.error
        return self.fc(self.conv(x).relu().mean((2, 3)))

    def __deepcopy__(self, memo: dict[int, object]) -> Moody:
        return self  # so that what a test tells the network reaches the engine's copy


class Stage:
    """An engine on its thread, and what came of it."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.results: Mailbox[ViewResult] = Mailbox()
        self._changed = threading.Condition()
        self.engine = Engine(self.results, self._on_event)
        self.thread = threading.Thread(target=self.engine.run, name="deepvis-engine", daemon=True)
        self.thread.start()
        self._frames = 0

    def _on_event(self, event: Event) -> None:
        with self._changed:
            self.events.append(event)
            self._changed.notify_all()

    def until(self, condition: Callable[[], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(condition, 120), f"never happened; events: {self.events[-5:]}"

    def of(self, kind: type) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]

    def frame(self, image: np.ndarray = IMAGE) -> int:
        self._frames += 1
        self.engine.frames.put(Frame(self._frames, image, time.perf_counter(), "test"))
        return self._frames

    def result(self) -> ViewResult:
        result = self.results.take(timeout=120)
        assert result is not None
        return result

    def install(self, network: Network) -> None:
        known = len(self.of(NetworkReady))
        self.engine.install(network, "fp32")
        self.until(lambda: len(self.of(NetworkReady)) > known)


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.engine.stop()
    stage.thread.join(60)
    assert not stage.thread.is_alive()


@pytest.fixture
def moody() -> Moody:
    torch.manual_seed(0)
    return Moody()


@pytest.fixture
def live(stage: Stage, moody: Moody) -> Stage:
    stage.install(Network(moody, input_size=(16, 16), labels=["a", "b", "c"]))
    stage.engine.request(ViewRequest(1, grid=GridRequest("conv", (100, 100))))
    return stage


def shown(stage: Stage, frame_id: int) -> ViewResult:
    """The result for this frame; results of requests before it may come first."""
    while (result := stage.result()).frame.id != frame_id or result.grid is None:
        pass
    return result


def test_a_frame_is_shown_with_the_request_and_its_own_id(live: Stage) -> None:
    number = live.frame()
    result = shown(live, number)
    assert result.request.id == 1
    assert result.finished >= result.frame.captured
    assert len(result.predictions) == 3


def test_the_picture_comes_before_any_network(stage: Stage) -> None:
    number = stage.frame()
    result = stage.result()
    assert result.frame.id == number
    assert result.predictions == ()


def test_a_new_request_is_answered_for_the_frame_that_is_there(live: Stage) -> None:
    number = live.frame()
    shown(live, number)
    live.engine.request(ViewRequest(2, grid=GridRequest("conv", (100, 100), gamma=0.5)))
    result = live.result()
    assert (result.request.id, result.frame.id) == (2, number)


def test_a_frozen_engine_keeps_its_frame_and_takes_the_newest_when_it_goes_on(live: Stage) -> None:
    first = live.frame()
    shown(live, first)
    live.engine.freeze(True)
    live.engine.request(ViewRequest(2, grid=GridRequest("conv", (100, 100), gamma=0.5)))
    second = live.frame()
    assert live.result().frame.id == first
    live.engine.freeze(False)
    assert shown(live, second).frame.id == second


def test_a_network_that_raises_is_said_once_and_forgiven(live: Stage, moody: Moody) -> None:
    shown(live, live.frame())
    moody.error = RuntimeError("lost my weights")
    for _ in range(3):
        live.frame()
        live.until(lambda: bool(live.of(Problem)))
        while live.engine.frames.full:
            time.sleep(0.001)
    moody.error = None
    shown(live, live.frame())
    live.until(lambda: bool(live.of(ProblemSolved)))
    problems = [event for event in live.of(Problem) if isinstance(event, Problem)]
    assert len(problems) == 1
    assert "lost my weights" in problems[0].cause
    assert problems[0].remedy
    assert "Traceback" in problems[0].details


def test_running_out_of_memory_has_a_remedy_and_the_view_comes_back(live: Stage, moody: Moody) -> None:
    shown(live, live.frame())
    moody.error = RuntimeError("[enforce fail] not enough memory: you tried to allocate 12 GB")
    live.frame()
    live.until(lambda: any(isinstance(e, Problem) and e.key == "memory" for e in live.events))
    problem = next(e for e in live.events if isinstance(e, Problem) and e.key == "memory")
    assert "smaller" in problem.remedy
    moody.error = None
    shown(live, live.frame())


def test_the_loaded_network_is_described(live: Stage) -> None:
    (ready,) = live.of(NetworkReady)
    assert isinstance(ready, NetworkReady)
    info = ready.info
    assert info.labels == ("a", "b", "c")
    assert [layer.name for layer in info.layers] == ["conv", "relu", "mean", "fc"]
    assert info.rectifiers == 1
    assert info.flexible
    assert info.differentiable
    assert info.device == "cpu"


def test_a_stale_request_for_another_network_raises_no_problem(live: Stage) -> None:
    shown(live, live.frame())
    other = nn.Sequential(nn.Conv2d(3, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    live.install(Network(other, input_size=(16, 16)))
    result = live.result()
    while len(result.predictions) != 2:
        result = live.result()
    assert live.of(Problem) == []


def test_what_was_said_of_a_network_is_taken_back_when_another_takes_over(live: Stage, moody: Moody) -> None:
    shown(live, live.frame())
    moody.error = RuntimeError("lost my weights")
    live.frame()
    live.until(lambda: bool(live.of(Problem)))
    live.install(Network(Moody(), input_size=(16, 16)))
    live.until(lambda: ProblemSolved("live") in live.events)


def test_a_network_that_fails_when_it_takes_over_is_said_each_time_and_the_one_before_it_goes_on(live: Stage) -> None:
    failing = Moody()
    network = Network(failing, input_size=(16, 16), name="failing")
    assert network.layers
    failing.error = RuntimeError("lost my weights")
    for count in (1, 2):
        live.engine.install(network, "fp32")
        live.until(lambda count=count: len(live.of(NetworkFailed)) == count)
    failed = live.of(NetworkFailed)[-1]
    assert isinstance(failed, NetworkFailed)
    assert failed.name == "failing"
    assert "lost my weights" in failed.problem.cause
    assert failed.problem.remedy
    assert shown(live, live.frame()).grid is not None


def test_a_command_that_fails_is_said_each_time_and_holds_up_no_other() -> None:
    """The commands are there before the engine first looks, so that it finds all of them at once."""
    events: list[Event] = []
    engine = Engine(Mailbox(), events.append)
    asked: list[int] = []

    def fail() -> None:
        raise RuntimeError("no such thing")

    for _ in range(2):
        engine._command(fail)
    engine._command(lambda: asked.append(1))
    engine._command(engine.stop)
    engine.run()
    assert asked == [1]
    assert [event.cause for event in events if isinstance(event, Problem)] == ["no such thing"] * 2


def steps_of(total: int, seen: list[int], gate: threading.Event | None = None) -> Iterator[RunUpdate]:
    for step in range(1, total + 1):
        if gate is not None:
            assert gate.wait(120)
        seen.append(step)
        yield RunUpdate(step, total, IMAGE, {"loss": float(step)}, result="end" if step == total else None)


def test_a_run_is_stepped_on_the_engines_thread_and_ends_with_its_result(live: Stage) -> None:
    threads: set[str] = set()

    def steps(network: Network, frame: Frame | None) -> Iterator[RunUpdate]:
        for update in steps_of(3, []):
            threads.add(threading.current_thread().name)
            yield update

    live.engine.submit(7, "test", steps)
    live.until(lambda: any(isinstance(e, RunStatus) and e.state == "done" for e in live.events))
    done = next(e for e in live.events if isinstance(e, RunStatus) and e.state == "done")
    assert done.update is not None
    assert done.update.result == "end"
    assert threads == {"deepvis-engine"}


def test_the_live_view_goes_on_while_a_run_is_stepped(live: Stage) -> None:
    seen: list[int] = []
    live.engine.submit(1, "long", lambda network, frame: steps_of(100_000, seen))
    live.until(lambda: bool(seen))
    before = len(seen)
    for _ in range(5):
        shown(live, live.frame())
    live.engine.control_run(1, "cancel")
    live.until(lambda: any(isinstance(e, RunStatus) and e.state == "cancelled" for e in live.events))
    assert len(seen) > before


def test_a_run_waits_for_a_network(stage: Stage, moody: Moody) -> None:
    stage.engine.submit(1, "early", lambda network, frame: steps_of(1, []))
    stage.until(lambda: bool(stage.of(RunStatus)))
    stage.install(Network(moody, input_size=(16, 16)))
    stage.until(lambda: any(isinstance(e, RunStatus) and e.state == "done" for e in stage.events))
    assert [e.state for e in stage.events if isinstance(e, RunStatus)] == ["queued", "running", "done"]


def test_stopping_in_the_middle_of_a_run_ends_the_thread(stage: Stage, moody: Moody) -> None:
    stage.install(Network(moody, input_size=(16, 16)))
    seen: list[int] = []
    stage.engine.submit(1, "long", lambda network, frame: steps_of(10_000_000, seen))
    stage.until(lambda: bool(seen))
    stage.engine.stop()
    stage.thread.join(60)
    assert not stage.thread.is_alive()


def test_a_dream_goes_on_while_its_frame_stays_and_rests_while_it_is_frozen(live: Stage) -> None:
    number = live.frame()
    shown(live, number)
    live.engine.request(ViewRequest(2, dream=DreamRequest("conv")))
    for _ in range(3):
        assert live.result().frame.id == number
    live.engine.freeze(True)
    live.engine.request(ViewRequest(3, grid=GridRequest("conv", (100, 100)), dream=DreamRequest("conv")))
    while live.result().request.id != 3:
        pass
    assert live.results.take(timeout=0.05) is None


def test_a_question_is_answered_on_the_engines_thread_between_frames(live: Stage) -> None:
    answers: list[tuple[object, ...]] = []

    def then(found: tuple[str, int] | None) -> None:
        with live._changed:
            answers.append((found, threading.current_thread().name))
            live._changed.notify_all()

    number = live.frame()
    shown(live, number)
    for turn in range(3):
        live.engine.ask(lambda net, turn=turn: (net.labels[turn], turn), then)
    live.until(lambda: len(answers) == 3)
    assert answers == [((label, turn), "deepvis-engine") for turn, label in enumerate("abc")]
    # The view was not held up for good.
    assert shown(live, live.frame()).grid is not None


def test_a_question_that_fails_is_answered_with_none_and_reported_once(live: Stage) -> None:
    answers: list[object] = []

    def then(found: object) -> None:
        with live._changed:
            answers.append(found)
            live._changed.notify_all()

    def fail(_net: Network) -> int:
        raise ValueError("unit 9 is out of range")

    live.engine.ask(fail, then)
    live.engine.ask(fail, then)
    live.engine.ask(lambda _net: 1, then)
    live.until(lambda: len(answers) == 3)
    assert answers == [None, None, 1]
    problems = [event for event in live.of(Problem) if isinstance(event, Problem) and event.key == "engine.ask"]
    assert [problem.cause for problem in problems] == ["unit 9 is out of range"]


def test_without_a_network_a_question_is_answered_with_none(stage: Stage) -> None:
    answers: list[object] = []

    def then(found: object) -> None:
        with stage._changed:
            answers.append(found)
            stage._changed.notify_all()

    stage.engine.ask(lambda _net: 1, then)
    stage.until(lambda: answers == [None])


def test_a_run_begins_when_what_it_needs_is_imported_and_the_view_goes_on(
    live: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "slow_to_import.py").write_text(
        "import slow_gate\nslow_gate.started.set()\nassert slow_gate.go_on.wait(120)\n"
    )
    gate = types.ModuleType("slow_gate")
    gate.started, gate.go_on = threading.Event(), threading.Event()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "slow_gate", gate)
    monkeypatch.syspath_prepend(str(tmp_path))

    def steps(_network: Network, _frame: Frame | None) -> Iterator[RunUpdate]:
        assert "slow_to_import" in sys.modules
        yield RunUpdate(1, 1, IMAGE, result="end")

    live.engine.submit(1, "test", steps, ("slow_to_import",))
    assert gate.started.wait(120)
    live.frame()
    live.result()
    assert {event.state for event in live.events if isinstance(event, RunStatus)} <= {"queued"}
    gate.go_on.set()
    live.until(lambda: any(isinstance(event, RunStatus) and event.state == "done" for event in live.events))
    monkeypatch.delitem(sys.modules, "slow_to_import")


def test_a_run_whose_import_breaks_off_begins_all_the_same(
    live: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As compiled packages do that fit another NumPy; the run then says so itself."""
    (tmp_path / "breaks_off.py").write_text("raise ValueError('numpy.dtype size changed')\n")
    monkeypatch.syspath_prepend(str(tmp_path))

    def steps(_network: Network, _frame: Frame | None) -> Iterator[RunUpdate]:
        import breaks_off  # type: ignore[import-not-found]  # noqa: F401

        yield RunUpdate(1, 1, IMAGE, result="end")

    live.engine.submit(1, "test", steps, ("breaks_off",))
    live.until(lambda: any(isinstance(event, RunStatus) and event.state == "failed" for event in live.events))
    failed = next(event for event in live.events if isinstance(event, RunStatus) and event.state == "failed")
    assert failed.error == "numpy.dtype size changed"
