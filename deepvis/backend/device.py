"""Where a network runs and in which precision and memory layout: asked for by a person, or measured."""

from __future__ import annotations

import math
import os
import re
import time
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch

from deepvis.backend.network import Network
from deepvis.messages import Precision, Size, UInt8Array

BUDGET = 2.0
"""Seconds after which measuring begins nothing more, however little is known by then."""

_QUICKENING = 1.0
"""Seconds after which no more is begun to find out whether packed weights are faster."""

_RACE = 0.5
"""Seconds that two configurations run in turn, if that is enough for the rounds that count."""

_FEWEST = 3
"""Rounds that tell which of two is faster; fewer, on a busy computer, tell what else it does."""

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


def what_memory_lacked(error: BaseException) -> str:
    """A sentence about an error that :func:`is_out_of_memory`, in the same words for every device."""
    told: list[str] = []
    link: BaseException | None = error
    while link is not None and len(told) < 10:
        told.append(str(link))
        link = link.__cause__ or link.__context__
    asked = re.search(r"tried to allocate (\d[\d.]*) ?([KMGT]i?B|bytes)", " ".join(told), re.IGNORECASE)
    if asked is None:
        return "There was no room for what had to be computed."
    amount = f"{asked[1]} {asked[2]}"
    if asked[2] == "bytes":
        amount = f"{float(asked[1]) / 2**20:,.1f} MiB"
    return f"There was no room for another {amount}."


def free_cached() -> None:
    """Give back the memory of devices that PyTorch keeps for later."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    if torch.backends.mps.is_available():
        torch.mps.empty_cache()


@dataclass(slots=True)
class _Candidate:
    """One configuration under test: milliseconds of its first forward pass, and of the shortest of the others."""

    label: str
    network: Network
    fastest: float = math.inf
    beginning: float = math.inf

    @property
    def milliseconds(self) -> float:
        """What is known of a pass."""
        return self.fastest if math.isfinite(self.fastest) else self.beginning

    def first(self, x: torch.Tensor) -> torch.Tensor:
        """The first pass, which prepares what later ones find ready: (classes,) float32 logits on the CPU."""
        began = time.perf_counter()
        logits = self.network.forward(x)[0].cpu()
        self.beginning = (time.perf_counter() - began) * 1000
        return logits

    def run(self, x: torch.Tensor) -> None:
        """One more pass."""
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
    held beside the best so far, and all but the best are dropped. When ``budget`` is over, as on a computer that is
    busy with other things, nothing more is begun: what was not tried, or not often enough to be sure, is not taken,
    and plain fp32 answers right in any case.

    Parameters
    ----------
    network : as loaded, in float32. It stays as it is.
    precision : ``auto`` tries both; ``fp32`` or ``bf16`` (then its answer need not agree) tries the layouts alone.
    size : (h, w) of the input to measure at; None: the network's own.
    budget : seconds by the clock on the wall, of which the pass under way may take more.

    Returns
    -------
    copy : the network to run (``network`` itself where the plain configuration wins).
    label : ``fp32``, ``bf16``, ``fp32 channels last`` or ``bf16 channels last``.
    table : (label, milliseconds) of each configuration that was tried and runs.

    Raises
    ------
    NetworkError : the network fails in its plain configuration.
    """
    ends = time.perf_counter() + budget
    x = network.preprocess(photograph(), size=size)
    plain = best = _Candidate("fp32", network)
    reference = plain.first(x)
    times: dict[str, float] = {}
    for label, dtype, channels_last in _CONFIGURATIONS[precision]:
        chosen_anyway = precision == "bf16" and best is plain
        if not chosen_anyway and not _enough(ends, best.milliseconds):
            break
        found = _try(network, label, dtype, channels_last, x)
        if found is None:
            continue
        candidate, logits = found
        if precision != "bf16" and not agrees(reference, logits, network.trained):
            continue
        sure = _race(best, candidate, x, _RACE, ends)
        times[candidate.label] = candidate.milliseconds
        if chosen_anyway or (sure and candidate.fastest < best.fastest * _WORTH):
            best = candidate
    if not times and _enough(ends, plain.milliseconds):
        plain.run(x)
    times = {plain.label: plain.milliseconds, **times}
    return best.network, best.label, tuple(times.items())


def quicken(network: Network, *, milliseconds: float = 0.0, budget: float = _QUICKENING) -> Network:
    """A twin of a network with packed convolution weights, where that is faster on this computer; else the network.

    It answers the same.

    Parameters
    ----------
    milliseconds : that a forward pass was measured to take; where so few fit into the budget that nothing could be
        found out, the network stays as it is.
    budget : seconds by the clock on the wall, as of :func:`measure`.
    """
    ends = time.perf_counter() + budget
    if not _enough(ends, milliseconds):
        return network
    x = network.preprocess(photograph())
    twin = network.packed(x)
    if twin is network:
        return network
    as_it_is, packed = _Candidate("", network), _Candidate("packed", twin)
    sure = _race(as_it_is, packed, x, _RACE, ends)
    return twin if sure and packed.fastest < as_it_is.fastest else network


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


def _try(
    network: Network, label: str, dtype: torch.dtype, channels_last: bool, x: torch.Tensor
) -> tuple[_Candidate, torch.Tensor] | None:
    """A converted copy that has run once and what it answered, or None if this network cannot be had so."""
    try:
        candidate = _Candidate(label, network.converted(dtype, channels_last=channels_last))
        return candidate, candidate.first(x)
    except Exception as error:
        # Operations without a bf16 version, modules that cannot be copied, too little memory for a second copy: the
        # plain network works, and this only was an offer.
        if is_out_of_memory(error):
            free_cached()
        return None


def _enough(ends: float, milliseconds: float) -> bool:
    """Whether the time until ``ends`` allows rounds enough of two passes, the other one at best half as long."""
    return ends - time.perf_counter() > _FEWEST * 1.5 * milliseconds / 1000


def _race(best: _Candidate, candidate: _Candidate, x: torch.Tensor, seconds: float, ends: float) -> bool:
    """Run both in turn for these seconds, but not after ``ends``; a candidate that is far behind gives up.

    Returns whether it was often enough to be sure of the faster one.
    """
    over = time.perf_counter() + seconds
    for repetition in range(1, _REPETITIONS + 1):
        if time.perf_counter() > ends:
            return repetition > _FEWEST
        best.run(x)
        candidate.run(x)
        behind = candidate.fastest > 1.5 * best.fastest or best.fastest > 1.5 * candidate.fastest
        if repetition >= _FEWEST and (behind or time.perf_counter() > over):
            break
    return True


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
