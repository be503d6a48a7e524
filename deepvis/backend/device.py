"""Where a network runs and in which precision and memory layout: asked for by a person, or measured."""

from __future__ import annotations

import math
import os
import time
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch

from deepvis.backend.network import Network
from deepvis.messages import Precision, Size, UInt8Array

BUDGET = 1.5
"""Seconds that measuring may take, beyond one forward pass of each configuration."""

_LATEST = 2
"""How many budgets may be over when another configuration is begun."""

_REPETITIONS = 12
_WORTH = 0.95
"""A configuration takes another's place only if it needs less than this share of its time: ties are noise."""


def available_devices() -> tuple[str, ...]:
    """The devices of this computer, as :func:`choose_device` takes them, fastest first."""
    names = [f"cuda:{index}" for index in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    if torch.backends.mps.is_available():
        names.append("mps")
    return (*names, "cpu")


def choose_device(name: str = "auto") -> torch.device:
    """The device of this name; ``auto`` takes the first CUDA device, else MPS, else the CPU.

    Raises ValueError for a device that is not there; the message names those that are.
    """
    there = available_devices()
    wanted = name.strip().lower()
    if wanted == "auto":
        return torch.device(there[0])
    if wanted in ("cuda", "mps", "cpu"):
        wanted = next((device for device in there if device.split(":")[0] == wanted), wanted)
    if wanted not in there:
        raise ValueError(f"device {name!r} is not there; this computer has {', '.join(there)}")
    return torch.device(wanted)


def choose_threads() -> int:
    """How many threads torch should use on the CPU: one a physical core that this process may use.

    ``OMP_NUM_THREADS`` has the last word, as everywhere in PyTorch.
    """
    asked = os.environ.get("OMP_NUM_THREADS", "")
    if asked.isdigit() and int(asked) > 0:
        return int(asked)
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
    return max(1, min(usable, torch.get_num_threads()))


def describe(device: torch.device, dtype: torch.dtype) -> str:
    """Device and precision for the status bar, such as ``cuda:0 · bf16``."""
    return f"{device} · {_SHORT.get(dtype, str(dtype).removeprefix('torch.'))}"


_SHORT = {torch.float32: "fp32", torch.bfloat16: "bf16", torch.float16: "fp16", torch.float64: "fp64"}


def is_out_of_memory(error: BaseException | None) -> bool:
    """Whether an exception, or what caused it, means that memory did not suffice, on any device."""
    seen = 0
    while error is not None and seen < 10:
        if isinstance(error, torch.OutOfMemoryError | MemoryError):
            return True
        text = str(error).lower()
        if isinstance(error, RuntimeError) and (
            "not enough memory" in text or "out of memory" in text or "can't allocate memory" in text
        ):
            return True
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        seen += 1
    return False


@dataclass(slots=True)
class _Candidate:
    """One configuration under test; ``fastest`` is the shortest forward pass so far, in milliseconds."""

    label: str
    network: Network
    fastest: float = math.inf

    def run(self, x: torch.Tensor) -> None:
        began = time.perf_counter()
        self.network.forward(x)
        _synchronise(x.device)
        self.fastest = min(self.fastest, (time.perf_counter() - began) * 1000)


def measure(
    network: Network, precision: Precision = "auto", size: Size | None = None, *, budget: float = BUDGET
) -> tuple[Network, str, tuple[tuple[str, float], ...]]:
    """Find the precision and memory layout in which a network runs fastest and still answers the same.

    fp32 and bf16, each contiguous and channels last, run one photograph in turn with the fastest so far, and the
    shortest time of each counts, since whatever else the computer does can only add to it. The fastest whose answer
    agrees with plain fp32 is taken: the same first class and at least four of the first five in common; for an
    untrained network, whose classes lie close together, logits that correlate by more than 0.99. At most one copy is
    held beside the best so far, and all but the best are dropped. On a computer so busy that this takes much longer
    than ``budget``, what is left is not tried.

    Parameters
    ----------
    network : as loaded, in float32. It stays as it is.
    precision : ``auto`` tries both; ``fp32`` or ``bf16`` (then its answer need not agree) tries the layouts alone.
    size : (h, w) of the input to measure at; None: the network's own.
    budget : seconds for the repetitions.

    Returns
    -------
    copy : the network to run (``network`` itself where the plain configuration wins).
    label : ``fp32``, ``bf16``, ``fp32 channels last`` or ``bf16 channels last``.
    table : (label, milliseconds) of each configuration that was tried and runs.

    Raises
    ------
    NetworkError : the network fails in its plain configuration.
    """
    x = network.preprocess(photograph(), size=size)
    reference = network.forward(x)[0].cpu()
    plain = best = _Candidate("fp32", network)
    times: dict[str, float] = {}
    configurations = _CONFIGURATIONS[precision]
    began = time.perf_counter()
    plain.run(x)
    for label, dtype, channels_last in configurations:
        if times and time.perf_counter() - began > _LATEST * budget:
            break
        candidate = _try(network, label, dtype, channels_last, x)
        if candidate is None:
            continue
        if precision != "bf16" and not agrees(reference, candidate.network.forward(x)[0].cpu(), network.trained):
            continue
        chosen_anyway = precision == "bf16" and best is plain
        _race(best, candidate, x, budget / len(configurations))
        times[candidate.label] = candidate.fastest
        if chosen_anyway or candidate.fastest < best.fastest * _WORTH:
            best = candidate
    times = {plain.label: plain.fastest, **times}
    return best.network, best.label, tuple(times.items())


def quicken(network: Network, *, budget: float = 0.3) -> Network:
    """A twin of a network with packed convolution weights, where that is faster on this computer; else the network.

    It answers the same. ``budget`` is in seconds, beyond two forward passes.
    """
    x = network.preprocess(photograph())
    twin = network.packed(x)
    if twin is network:
        return network
    as_it_is, packed = _Candidate("", network), _Candidate("packed", twin)
    _race(as_it_is, packed, x, budget)
    return twin if packed.fastest < as_it_is.fastest else network


_CONFIGURATIONS: dict[Precision, tuple[tuple[str, torch.dtype, bool], ...]] = {
    # The likely winner comes first, so that the others race against it and lose early.
    "auto": (
        ("bf16 channels last", torch.bfloat16, True),
        ("bf16", torch.bfloat16, False),
        ("fp32 channels last", torch.float32, True),
    ),
    "bf16": (("bf16 channels last", torch.bfloat16, True), ("bf16", torch.bfloat16, False)),
    "fp32": (("fp32 channels last", torch.float32, True),),
}


def agrees(reference: torch.Tensor, logits: torch.Tensor, trained: bool) -> bool:
    """Whether (classes,) float32 logits tell the same as the reference's."""
    if not bool(torch.isfinite(logits).all()):
        return False
    if not trained or len(reference) < 6:
        both = torch.stack([reference, logits]).double()
        if len(reference) < 3 or float(both.std(dim=1).min()) == 0.0:
            return bool(torch.allclose(reference, logits, rtol=0.02, atol=0.02))
        return float(torch.corrcoef(both)[0, 1]) > 0.99
    first, second = reference.topk(5).indices.tolist(), logits.topk(5).indices.tolist()
    return first[0] == second[0] and len(set(first) & set(second)) >= 4


def _try(network: Network, label: str, dtype: torch.dtype, channels_last: bool, x: torch.Tensor) -> _Candidate | None:
    """A converted copy that has run once, or None if this network cannot be had in this configuration."""
    try:
        candidate = _Candidate(label, network.converted(dtype, channels_last=channels_last))
        candidate.network.forward(x)
    except Exception as error:
        # Operations without a bf16 version, modules that cannot be copied, too little memory for a second copy: the
        # plain network works, and this only was an offer.
        if is_out_of_memory(error) and x.device.type == "cuda":
            torch.cuda.empty_cache()
        return None
    return candidate


def _race(best: _Candidate, candidate: _Candidate, x: torch.Tensor, budget: float) -> None:
    """Run both in turn until the time is up; a candidate that is far behind after three rounds gives up."""
    ends = time.perf_counter() + budget
    for repetition in range(_REPETITIONS):
        best.run(x)
        candidate.run(x)
        behind = candidate.fastest > 1.5 * best.fastest or best.fastest > 1.5 * candidate.fastest
        if time.perf_counter() > ends or (repetition >= 2 and behind):
            break


def _synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


@cache
def photograph() -> UInt8Array:
    """A photograph to try networks on: scikit-image's cat, or smooth coloured noise where it is not installed."""
    from PIL import Image

    from deepvis.backend.sources.samples import samples

    found = samples().get("cat")
    if found is not None:
        with Image.open(found[1]) as picture:
            return np.asarray(picture.convert("RGB"))
    coarse = np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((448, 336), Image.Resampling.BICUBIC))
