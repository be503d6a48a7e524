"""Memory that runs out in the middle of a step or a frame: said once with what to do, and everything else goes on."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
import torch

from deepvis import Network
from deepvis.backend.device import is_out_of_memory, what_memory_lacked
from deepvis.backend.network import NetworkError
from deepvis.messages import (
    BackRequest,
    Frame,
    GridRequest,
    NetworkFailed,
    NetworkReady,
    Problem,
    ProblemSolved,
    RunStatus,
    RunUpdate,
    ViewRequest,
)
from tests.backend.test_engine import IMAGE, Moody, Stage, shown

AMOUNTS = itertools.count(20)


def lack() -> torch.OutOfMemoryError:
    """What PyTorch raises on CUDA; its amounts differ from one time to the next."""
    return torch.OutOfMemoryError(
        f"CUDA out of memory. Tried to allocate {next(AMOUNTS)}.00 MiB. GPU 0 has a total capacity of 7.79 GiB of "
        "which 13.50 MiB is free. If reserved but unallocated memory is large try setting PYTORCH_ALLOC_CONF="
        "expandable_segments:True to avoid fragmentation."
    )


class Crowded(Moody):
    """A network that runs out of memory in the passes that are told, and in all passes after ``always``."""

    def __init__(self) -> None:
        super().__init__()
        self.passes = 0
        self.lacking: set[int] = set()
        self.always = False
        self.moved = False

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.passes += 1
        if self.always or self.passes in self.lacking:
            raise lack()
        return super().forward(x)

    def fail_next(self) -> None:
        self.lacking.add(self.passes + 1)


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.engine.stop()
    stage.thread.join(60)
    assert not stage.thread.is_alive()


@pytest.fixture
def crowded(stage: Stage) -> Crowded:
    torch.manual_seed(0)
    module = Crowded()
    stage.install(Network(module, input_size=(16, 16), labels=["a", "b", "c"], name="crowded"))
    stage.engine.request(ViewRequest(1, grid=GridRequest("conv", (100, 100))))
    shown(stage, stage.frame())
    return module


def ended(stage: Stage) -> list[RunStatus]:
    return [e for e in stage.events if isinstance(e, RunStatus) and e.state in ("done", "cancelled", "failed")]


def of_memory(stage: Stage) -> list[Problem]:
    return [e for e in stage.events if isinstance(e, Problem) and e.key.startswith("memory")]


def passes(network: Network, total: int, fails_at: int | None = None) -> Iterator[RunUpdate]:
    """A run of one pass a step."""
    x = network.preprocess(IMAGE)
    for step in range(1, total + 1):
        if step == fails_at:
            network.module.fail_next()  # type: ignore[operator]
        network.forward(x)
        yield RunUpdate(step, total, IMAGE, {"loss": 1.0 / step}, result="end" if step == total else None)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("CUDA out of memory. Tried to allocate 2.50 GiB. GPU 0 has", "There was no room for another 2.50 GiB."),
        (
            "[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to "
            "allocate 3145728 bytes. Error code 12 (Cannot allocate memory)",
            "There was no room for another 3.0 MiB.",
        ),
        ("MPS backend out of memory (max allowed: 9.07 GB). Tried to allocate 256.00 MB on private pool.", "256.00 MB"),
        ("CUDA error: out of memory", "There was no room for what had to be computed."),
    ],
)
def test_every_lack_is_told_in_the_same_words(text: str, told: str) -> None:
    assert told in what_memory_lacked(RuntimeError(text))


def test_the_amount_is_found_in_what_a_network_made_of_the_error() -> None:
    error = NetworkError("network 'x' failed")
    error.__cause__ = lack()
    assert is_out_of_memory(error)
    assert "no room for another" in what_memory_lacked(error)


def test_a_run_that_lacks_memory_in_a_step_ends_there_with_a_remedy_and_the_view_goes_on(
    stage: Stage, crowded: Crowded
) -> None:
    stage.engine.submit(1, "first", lambda network, _frame: passes(network, 5, fails_at=4))
    stage.until(lambda: len(ended(stage)) == 1)
    (failed,) = ended(stage)
    assert failed.state == "failed"
    assert failed.error.startswith("Out of memory. There was no room for another ")
    assert "Choose a smaller picture" in failed.error
    assert failed.update is not None
    assert (failed.update.step, failed.update.metrics) == (3, {"loss": 1 / 3})
    assert shown(stage, stage.frame()).grid is not None
    stage.engine.submit(2, "second", lambda network, _frame: passes(network, 2))
    stage.until(lambda: len(ended(stage)) == 2)
    assert ended(stage)[-1].state == "done"
    assert stage.of(Problem) == []


def test_runs_that_lack_memory_one_after_another_have_one_error_each(stage: Stage, crowded: Crowded) -> None:
    for run_id in range(1, 5):
        stage.engine.submit(run_id, "greedy", lambda network, _frame: passes(network, 3, fails_at=2))
        stage.until(lambda run_id=run_id: len(ended(stage)) == run_id)
        assert shown(stage, stage.frame()).grid is not None
    assert [(status.id, status.state) for status in ended(stage)] == [(n, "failed") for n in range(1, 5)]
    assert stage.of(Problem) == []


def test_a_still_picture_that_lacks_memory_once_is_shown_at_the_second_try(stage: Stage, crowded: Crowded) -> None:
    crowded.fail_next()
    number = stage.frame()
    assert shown(stage, number).frame.id == number
    assert stage.of(Problem) == []


def test_a_view_that_lacks_memory_beside_a_run_is_one_problem_and_the_run_goes_on(
    stage: Stage, crowded: Crowded
) -> None:
    made: list[int] = []

    def steps(_network: Network, _frame: Frame | None) -> Iterator[RunUpdate]:
        for step in itertools.count(1):
            made.append(step)
            yield RunUpdate(step, step + 1, IMAGE, result="end" if not crowded.always and step > 3 else None)

    crowded.always = True
    stage.engine.submit(1, "greedy", steps)
    for _ in range(4):
        before = crowded.passes
        stage.frame()
        stage.until(lambda before=before: crowded.passes >= before + 2)
        assert ended(stage) == []
    stage.until(lambda: bool(of_memory(stage)))
    crowded.always = False
    shown(stage, stage.frame())
    stage.until(lambda: bool(ended(stage)) and ProblemSolved("memory") in stage.events)
    assert ended(stage)[0].state == "done"
    (problem,) = of_memory(stage)
    assert "smaller input size" in problem.remedy
    assert "no room for another" in problem.cause
    assert "Traceback" in problem.details


def test_what_a_view_keeps_from_frame_to_frame_is_let_go_of_where_memory_lacks(stage: Stage, crowded: Crowded) -> None:
    """A back-projection keeps the graph of its frame."""
    stage.engine.request(ViewRequest(2, back=BackRequest("conv", 1)))
    while stage.result().back is None:
        pass
    view = stage.engine._view
    assert view is not None
    assert view._pass is not None
    crowded.always = True
    stage.frame()
    stage.until(lambda: bool(of_memory(stage)))
    assert view._pass is None


def test_a_network_that_finds_no_memory_is_said_and_the_one_before_it_goes_on(stage: Stage, crowded: Crowded) -> None:
    other = Crowded()
    network = Network(other, input_size=(16, 16), name="large")
    assert network.layers
    other.always = True
    for count in (1, 2):
        stage.engine.install(network)
        stage.until(lambda count=count: len(stage.of(NetworkFailed)) == count)
    failed = stage.of(NetworkFailed)[0]
    assert isinstance(failed, NetworkFailed)
    assert failed.name == "large"
    assert "no room for another" in failed.problem.cause
    assert "smaller network" in failed.problem.remedy
    assert len(shown(stage, stage.frame()).predictions) == 3


class _Accelerator(str):
    """A device that tensors take for the CPU and deepvis for another."""

    __slots__ = ()
    type = "cuda"


@pytest.fixture
def accelerated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks of :class:`Crowded` are on an accelerator until they are moved."""

    def device(network: Network) -> object:
        here = isinstance(network.module, Crowded) and not network.module.moved
        return _Accelerator("cpu") if here else torch.device("cpu")

    def move(module: Crowded, place: str) -> Crowded:
        assert place == "cpu"
        module.moved = True
        module.always = False
        return module

    monkeypatch.setattr(Network, "device", property(device))
    monkeypatch.setattr(Crowded, "to", move)


def test_on_an_accelerator_the_network_moves_to_the_cpu_but_not_under_a_run(
    stage: Stage, accelerated: None, crowded: Crowded
) -> None:
    go_on = [True]

    def steps(network: Network, _frame: Frame | None) -> Iterator[RunUpdate]:
        for step in itertools.count(1):
            assert not crowded.moved, "its tensors lie on the accelerator"
            yield RunUpdate(step, step + 1, IMAGE, result=None if go_on[0] else "end")

    stage.engine.submit(1, "greedy", steps)
    stage.until(lambda: any(isinstance(e, RunStatus) and e.update is not None for e in stage.events))
    crowded.always = True
    stage.frame()
    stage.until(lambda: bool(of_memory(stage)))
    go_on[0] = False
    stage.until(lambda: bool(ended(stage)))
    assert ended(stage)[0].state == "done"
    ready = len(stage.of(NetworkReady))
    stage.frame()
    stage.until(lambda: len(stage.of(NetworkReady)) == ready + 1)
    stage.until(lambda: len(of_memory(stage)) == 2)
    moved = of_memory(stage)[-1]
    assert (moved.severity, "goes on with the CPU" in moved.remedy) == ("warning", True)
    assert shown_without_grid(stage, stage.frame()) == 3
    assert ProblemSolved(moved.key) not in stage.events, "that the view works again does not make it untrue"


def shown_without_grid(stage: Stage, frame_id: int) -> int:
    """How many predictions the result for this frame has."""
    while (result := stage.result()).frame.id != frame_id:
        pass
    return len(result.predictions)


def test_a_network_that_cannot_move_either_leaves_the_engine_alive(
    stage: Stage, accelerated: None, crowded: Crowded, monkeypatch: pytest.MonkeyPatch
) -> None:
    def move(_module: Crowded, _place: str) -> Crowded:
        raise RuntimeError("[enforce fail] not enough memory: you tried to allocate 1048576 bytes")

    monkeypatch.setattr(Crowded, "to", move)
    crowded.always = True
    stage.frame()
    stage.until(lambda: bool(of_memory(stage)))
    assert "cannot take over" in of_memory(stage)[-1].title
    number = stage.frame()
    assert shown_without_grid(stage, number) == 0
