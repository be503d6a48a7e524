from __future__ import annotations

import gc
import math
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from deepvis.backend import device as module
from deepvis.backend.device import (
    agrees,
    available_devices,
    choose_device,
    choose_threads,
    describe,
    is_out_of_memory,
    measure,
    photograph,
    quicken,
)
from deepvis.backend.network import Network


class Net(nn.Module):
    def __init__(self, classes: int = 20) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, stride=2)
        self.fc = nn.Linear(8, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(torch.relu(self.conv(x)).amax((2, 3)))


def network(net: nn.Module | None = None) -> Network:
    torch.manual_seed(0)
    return Network(net or Net(), (32, 32), name="small")


def known() -> Network:
    """A network of which no more has to be found out by passes."""
    net = network()
    assert net.layers
    assert net.flexible
    assert net.classes == 20
    return net


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """Milliseconds that a forward pass seems to take, by label; the real time of this machine does not matter."""
    seems: dict[str, float] = {}

    def run(self: Any, x: torch.Tensor) -> None:
        self.network.forward(x)
        self.fastest = min(self.fastest, seems[self.label])

    monkeypatch.setattr(module._Candidate, "run", run)
    return seems


ALL = {"fp32": 10.0, "bf16 channels last": 4.0, "bf16": 5.0, "fp32 channels last": 8.0}


def test_the_fastest_configuration_that_agrees_is_taken_and_its_copy_is_what_runs(clock: dict[str, float]) -> None:
    clock |= ALL
    net = network()
    copy, label, table = measure(net)
    assert label == "bf16 channels last"
    assert copy.dtype == torch.bfloat16
    assert copy.module.conv.weight.is_contiguous(memory_format=torch.channels_last)
    assert net.dtype == torch.float32
    assert dict(table) == ALL
    assert table[0][0] == "fp32"


@pytest.mark.parametrize("fastest", ["fp32 channels last", "bf16"])
def test_each_configuration_can_win(clock: dict[str, float], fastest: str) -> None:
    clock |= ALL | {fastest: 1.0}
    copy, label, _ = measure(network())
    assert label == fastest
    assert copy.dtype == (torch.bfloat16 if "bf16" in fastest else torch.float32)
    assert copy.module.conv.weight.is_contiguous(memory_format=torch.channels_last) == ("last" in fastest)


def test_a_tie_stays_with_the_plain_network(clock: dict[str, float]) -> None:
    clock |= dict.fromkeys(ALL, 9.8) | {"fp32": 10.0}
    net = network()
    copy, label, _ = measure(net)
    assert copy is net
    assert label == "fp32"


def test_a_person_can_choose_the_precision(clock: dict[str, float]) -> None:
    clock |= ALL
    copy, label, table = measure(network(), "fp32")
    assert (label, copy.dtype) == ("fp32 channels last", torch.float32)
    assert not [name for name, _ in table if "bf16" in name]
    clock |= {"fp32": 0.1}
    copy, label, _ = measure(network(), "bf16")
    assert (label, copy.dtype) == ("bf16 channels last", torch.bfloat16)


class Coarse(Net):
    """Answers wrongly in bf16, as a network with a narrow margin would."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits = super().forward(x)
        return logits.flip(1) if x.dtype == torch.bfloat16 else logits


def test_a_precision_that_answers_differently_is_not_taken(clock: dict[str, float]) -> None:
    clock |= ALL
    _, label, table = measure(network(Coarse()))
    assert label == "fp32 channels last"
    assert not [name for name, _ in table if "bf16" in name]


class NoBfloat(Net):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.dtype == torch.bfloat16:
            raise RuntimeError('"operation" not implemented for "BFloat16"')
        return super().forward(x)


class NoCopy(Net):
    def __deepcopy__(self, memo: object) -> NoCopy:
        raise RuntimeError("[enforce fail] not enough memory: you tried to allocate 1 TB")


def test_what_cannot_run_otherwise_runs_as_it_is(clock: dict[str, float]) -> None:
    clock |= ALL | {"fp32 channels last": 20.0}
    for precision in ("auto", "bf16"):
        net = network(NoBfloat())
        copy, label, _ = measure(net, precision)  # type: ignore[arg-type]
        assert copy is net
        assert label == "fp32"
    net = network(NoCopy())
    copy, label, table = measure(net)
    assert copy is net
    assert [name for name, _ in table] == ["fp32"]


def test_copies_that_are_not_taken_are_dropped(clock: dict[str, float], monkeypatch: pytest.MonkeyPatch) -> None:
    clock |= ALL
    copies: list[weakref.ref[Network]] = []
    converted = Network.converted

    def watched(self: Network, *args: Any, **kwargs: Any) -> Network:
        copy = converted(self, *args, **kwargs)
        copies.append(weakref.ref(copy))
        return copy

    monkeypatch.setattr(Network, "converted", watched)
    taken, _, _ = measure(network())
    gc.collect()
    assert len(copies) == 3
    assert [reference() for reference in copies if reference() is not None] == [taken]


class Passing:
    """A clock on which time passes by forward passes alone, so many seconds each, by number format."""

    def __init__(self, seconds: dict[torch.dtype, float]) -> None:
        self.now = 0.0
        self.passes = 0
        self._seconds = seconds

    def perf_counter(self) -> float:
        return self.now

    def took(self, dtype: torch.dtype) -> None:
        self.now += self._seconds[dtype]
        self.passes += 1


@pytest.fixture
def passing(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[torch.dtype, float]], Passing]:
    def start(seconds: dict[torch.dtype, float]) -> Passing:
        found = Passing(seconds)
        forward = Network.forward

        def timed(self: Network, x: torch.Tensor) -> torch.Tensor:
            found.took(self.dtype)
            return forward(self, x)

        monkeypatch.setattr(module, "time", found)
        monkeypatch.setattr(Network, "forward", timed)
        return found

    return start


@pytest.mark.parametrize(
    ("seconds", "passes"),
    [
        pytest.param({torch.float32: 4.0, torch.bfloat16: 1.0}, 1, id="one pass takes longer than there is time"),
        pytest.param({torch.float32: 0.8, torch.bfloat16: 0.1}, 1, id="too few passes fit into the time"),
        pytest.param({torch.float32: 0.4, torch.bfloat16: 1.2}, 4, id="the first comparison is not finished"),
    ],
)
def test_on_a_busy_computer_the_plain_network_is_taken_early(
    passing: Callable[[dict[torch.dtype, float]], Passing], seconds: dict[torch.dtype, float], passes: int
) -> None:
    net = known()
    clock = passing(seconds)
    copy, label, table = measure(net, budget=3.0)
    assert copy is net
    assert label == "fp32"
    assert all(math.isfinite(milliseconds) for _, milliseconds in table)
    assert clock.passes == passes


def test_weights_are_not_packed_where_it_could_not_be_found_out_whether_that_is_faster(
    passing: Callable[[dict[torch.dtype, float]], Passing],
) -> None:
    net = known()
    clock = passing({torch.float32: 0.4, torch.bfloat16: 0.4})
    assert quicken(net, milliseconds=400, budget=1.5) is net
    assert clock.passes == 0


def test_what_was_sure_when_the_time_was_over_counts(passing: Callable[[dict[torch.dtype, float]], Passing]) -> None:
    net = known()
    clock = passing({torch.float32: 0.4, torch.bfloat16: 0.3})
    _, label, table = measure(net, budget=3.0)
    assert label == "bf16 channels last"
    assert [name for name, _ in table] == ["fp32", "bf16 channels last"]
    assert clock.now < 3.0


def test_a_precision_that_was_asked_for_is_taken_however_busy_the_computer_is(
    passing: Callable[[dict[torch.dtype, float]], Passing],
) -> None:
    net = known()
    passing({torch.float32: 4.0, torch.bfloat16: 4.0})
    copy, label, table = measure(net, "bf16", budget=3.0)
    assert (label, copy.dtype) == ("bf16 channels last", torch.bfloat16)
    assert all(math.isfinite(milliseconds) for _, milliseconds in table)


def test_on_a_quiet_computer_every_configuration_is_tried(
    passing: Callable[[dict[torch.dtype, float]], Passing],
) -> None:
    net = known()
    clock = passing({torch.float32: 0.05, torch.bfloat16: 0.025})
    _, label, table = measure(net)
    assert label == "bf16 channels last"
    assert len(table) == 4
    assert clock.now < module.BUDGET


def test_real_time_gives_a_figure_for_each_configuration() -> None:
    _, label, table = measure(network(), budget=0.2)
    assert label in dict(table)
    assert all(0 < milliseconds < 60_000 for _, milliseconds in table)


def test_a_trained_answer_agrees_by_its_first_five() -> None:
    reference = torch.tensor([9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 0.0, 0.0])
    assert agrees(reference, reference + 0.1, trained=True)
    assert agrees(reference, torch.tensor([9.0, 8.0, 7.0, 6.0, 4.0, 5.0, 0.0, 0.0]), trained=True)
    assert not agrees(reference, torch.tensor([8.0, 9.0, 7.0, 6.0, 5.0, 4.0, 0.0, 0.0]), trained=True)
    assert not agrees(reference, torch.tensor([9.0, 8.0, 7.0, 0.0, 0.0, 0.0, 6.0, 5.0]), trained=True)
    assert not agrees(reference, torch.full((8,), torch.nan), trained=True)


def test_an_untrained_answer_agrees_by_correlation() -> None:
    generator = torch.Generator().manual_seed(0)
    reference = torch.randn(1000, generator=generator)
    noise = torch.randn(1000, generator=generator)
    assert agrees(reference, reference + 0.01 * noise, trained=False)
    assert not agrees(reference, reference + 0.5 * noise, trained=False)
    assert agrees(torch.zeros(10), torch.zeros(10), trained=False)
    assert agrees(torch.tensor([1.0, 2.0]), torch.tensor([1.001, 2.0]), trained=True)
    assert not agrees(torch.tensor([1.0, 2.0]), torch.tensor([2.0, 1.0]), trained=True)


def test_auto_is_the_first_device_that_there_is() -> None:
    assert choose_device() == torch.device(available_devices()[0])
    assert choose_device("CPU") == torch.device("cpu")
    assert available_devices()[-1] == "cpu"


@pytest.mark.parametrize("name", ["cuda:99", "tpu", "cpu:7", ""])
def test_a_device_that_is_not_there_is_answered_with_those_that_are(name: str) -> None:
    with pytest.raises(ValueError, match=r"this computer has .*cpu"):
        choose_device(name)


def test_the_user_has_the_last_word_on_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert choose_threads() == 3
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert 1 <= choose_threads() <= torch.get_num_threads()


def test_descriptions_are_short() -> None:
    assert describe(torch.device("cuda:0"), torch.bfloat16) == "cuda:0 · bf16"
    assert describe(torch.device("cpu"), torch.float32) == "cpu · fp32"


def test_out_of_memory_is_known_in_all_its_forms() -> None:
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory"))
    assert is_out_of_memory(MemoryError())
    assert is_out_of_memory(RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: not enough memory"))
    assert is_out_of_memory(RuntimeError("MPS backend out of memory (MPS allocated: 1 GB)"))
    wrapped = RuntimeError("network 'mine' failed")
    wrapped.__cause__ = torch.OutOfMemoryError()
    assert is_out_of_memory(wrapped)
    assert not is_out_of_memory(RuntimeError("shapes do not match"))
    assert not is_out_of_memory(None)


def test_a_real_allocation_that_is_too_large_is_known() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 60, dtype=torch.uint8)
    assert is_out_of_memory(caught.value)


def test_the_photograph_has_content() -> None:
    picture = photograph()
    assert picture.dtype == np.uint8
    assert picture.shape[2] == 3
    assert picture.std() > 20
