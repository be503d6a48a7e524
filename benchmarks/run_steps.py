"""How long a step of each run takes beside the bare passes that it needs: ``python -m benchmarks.run_steps``.

Each round makes one step of a run and then the bare forward and backward pass of plain PyTorch on the same network, at
the same size, batch and precision; a ratio is taken within the round, and the median over the rounds is printed, so
that what else the computer does hardly shows. A round's step and pass change places from round to round. Networks have
random weights. An evolution that searches in bf16 needs a second pass, in fp32, of the pictures that would enter its
archive: its bare passes are of as many pictures. DeepDream as a whole is compared with a plain loop that does the same.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

import deepvis
from benchmarks.clock import add_clock_options, set_clock, timed
from deepvis.backend.network import Network
from deepvis.backend.runs import registry
from deepvis.backend.runs.evolution.judge import Judge
from deepvis.backend.sources.pictures import read_picture
from deepvis.backend.sources.samples import sample_path
from deepvis.messages import FloatArray, RunUpdate, Size
from deepvis.options import options_of

NETWORKS = ("tinynet", "alexnet")
PRECISIONS = ("fp32", "bf16")
LAYERS = {"tinynet": "relu5", "alexnet": "features.7"}
"""A middle rectifier, for the runs that look at a layer."""

_AT_ONCE = 25

TARGET = 1.1
"""Steps should take at most so many times the bare pass."""


@dataclass(frozen=True, slots=True)
class Contest:
    """One run with the passes that a step of it needs.

    Attributes
    ----------
    run : registered name.
    what : what of it is measured, for the table.
    options : of the run.
    layer : where the pass ends; None: at the logits.
    size : longer side of the picture, for runs that work on pictures of any size; None: the network's own input.
    batch : pictures in a step.
    warm_up : steps that do not count after the run has begun.
    """

    run: str
    what: str
    options: Mapping[str, Any] = field(default_factory=dict)
    layer: str | None = None
    size: int | None = None
    batch: int = 1
    warm_up: int = 2


def contests(name: str) -> list[Contest]:
    """What is measured on one network."""
    layer = LAYERS[name]
    many = {"iterations": 100_000}
    return [
        *(Contest("class_image", recipe, {"target": 1, "recipe": recipe, **many}) for recipe in ("fourier", "maco")),
        *(Contest("class_image", recipe, {"target": 1, "recipe": recipe, **many}) for recipe in ("l2", "yosinski")),
        Contest("class_image", "fourier, a unit", {"layer": layer, "unit": 1, **many}, layer),
        *(
            Contest("inversion", recipe, {"layer": layer, "recipe": recipe, "iterations": 100_000}, layer)
            for recipe in ("mahendran", "l2")
        ),
        Contest("deepdream", "512 px", {"layer": layer, "octaves": 1, "steps_per_octave": 1000}, layer, 512),
        *(
            Contest("fooling", method, {"method": method, "target": 1, "iterations": 1000})
            for method in ("ascent", "ifgsm", "pgd", "pgd_l2", "lbfgs")
        ),
        *(
            Contest(
                "evolved_fooling",
                f"{encoding}, {_AT_ONCE} pictures",
                {"encoding": encoding, "batch": 16 * _AT_ONCE, "at_once": _AT_ONCE, "generations": 100_000},
                batch=_AT_ONCE,
                warm_up=4 * 16,
            )
            for encoding in ("cppn", "direct")
        ),
    ]


# -------------------------------------------------------------------------------------------------------- the bare pass


class _Stop(Exception):  # noqa: N818 - it is no error, it ends a pass
    pass


def bare_pass(net: Network, contest: Contest, size: Size) -> Callable[[], object]:
    """The passes of a step in plain PyTorch."""
    module = net.module
    x = torch.rand(contest.batch, net.channels, *size, generator=torch.Generator().manual_seed(0)).to(net.dtype)
    if net.dtype is torch.bfloat16:
        x = x.contiguous(memory_format=torch.channels_last)
    caught: list[torch.Tensor] = []

    def hook(_module: nn.Module, _args: Any, output: torch.Tensor) -> None:
        caught.append(output)
        raise _Stop

    def forward(leaf: torch.Tensor) -> torch.Tensor:
        if contest.layer is None:
            return module(leaf)  # type: ignore[no-any-return]
        handle = module.get_submodule(contest.layer).register_forward_hook(hook)
        try:
            module(leaf)
        except _Stop:
            return caught.pop()
        finally:
            handle.remove()
        raise AssertionError(f"{contest.layer} was not reached")

    def run() -> None:
        leaf = x.detach().requires_grad_()
        output = forward(leaf)
        torch.autograd.grad(output, leaf, torch.ones_like(output))

    return run


# ------------------------------------------------------------------------------------------------------------ measuring


@dataclass(frozen=True, slots=True)
class Ratio:
    """A median of ratios with the quartiles over the rounds, and the median seconds behind it."""

    what: str
    value: float
    low: float
    high: float
    step: float
    bare: float
    rounds: int

    def __str__(self) -> str:
        mark = " " if self.value <= TARGET else "!"
        return (
            f"{self.what:<44} {self.value:5.2f}{mark} ({self.low:.2f} to {self.high:.2f})  "
            f"{self.step * 1000:8.2f} ms / {self.bare * 1000:8.2f} ms, {self.rounds} rounds"
        )


class Steps:
    """Steps of a run without end: begun again when it is over. What is set up once is not counted."""

    def __init__(self, begin: Callable[[], Iterator[RunUpdate]], warm_up: int) -> None:
        self._begin = begin
        self._warm_up = warm_up
        self._steps: Iterator[RunUpdate] | None = None

    def prepare(self) -> None:
        """Make the steps that do not count, if any are due."""
        if self._steps is None:
            self._steps = iter(self._begin())
            for _ in range(self._warm_up):
                next(self._steps)

    def make(self) -> bool:
        """Make one step. False where it was the last, with the result, which does not count."""
        assert self._steps is not None
        update = next(self._steps, None)
        if update is None or update.result is not None:
            self._steps = None
            return False
        return True


_judge = Judge.confidences


def judged_passes(net: Network, size: Size) -> tuple[list[tuple[torch.dtype, int]], Callable[[], object]]:
    """What an evolution's last step sent through a network, as it notes it from now on, and plain passes of as many
    pictures."""
    noted: list[tuple[torch.dtype, int]] = []

    def confidences(self: Judge, pictures: torch.Tensor) -> FloatArray:
        noted.append((self.net.dtype, len(pictures)))
        return _judge(self, pictures)

    Judge.confidences = confidences  # type: ignore[method-assign]
    nets = {torch.float32: net, torch.bfloat16: net.converted(torch.bfloat16, channels_last=True)}
    x = torch.rand(_AT_ONCE, net.channels, *size, generator=torch.Generator().manual_seed(0))

    def bare() -> None:
        with torch.inference_mode():
            for dtype, count in noted or [(torch.float32, 1)]:
                some = x[:count].to(dtype)
                nets[dtype].module(
                    some.contiguous(memory_format=torch.channels_last) if dtype == torch.bfloat16 else some
                )

    return noted, bare


def compare(
    what: str, steps: Steps, bare: Callable[[], object], seconds: float, noted: list[Any] | None = None
) -> Ratio:
    """Measure in turn for so many seconds."""
    bare()
    ratios, step_times, bare_times = [], [], []
    ends = time.perf_counter() + seconds
    while time.perf_counter() < ends or len(ratios) < 5:
        steps.prepare()
        # What a step sends through the network may only be known once it has.
        first = noted is not None or len(ratios) % 2 == 0
        if noted is not None:
            noted.clear()
        bare_time = 0.0 if first else timed(bare)[0]
        step_time, counts = timed(steps.make)
        if not counts:
            continue
        bare_time = timed(bare)[0] if first else bare_time
        step_times.append(step_time)
        bare_times.append(bare_time)
        ratios.append(step_time / (bare_time))
    low, middle, high = statistics.quantiles(ratios, n=4)
    return Ratio(what, middle, low, high, statistics.median(step_times), statistics.median(bare_times), len(ratios))


def measure(net: Network, contest: Contest, precision: str, seconds: float) -> Ratio:
    """One contest on one network in one precision."""
    cls = registry()[contest.run]
    asked = {"precision": precision} if "precision" in {item.name for item in options_of(cls)} else {}
    run: Any = cls(**contest.options, **asked)  # type: ignore[call-arg]
    picture = read_picture(sample_path("sample:astronaut"))
    bare_net = net if precision == "fp32" else net.converted(torch.bfloat16, channels_last=True)
    size = net.input_size if contest.size is None else (contest.size, contest.size)
    if hasattr(run, "picture_size"):
        size = run.picture_size(net)
    if not asked:
        # A run without the option works in the network's own format.
        net = bare_net
    steps = Steps(lambda: run.steps(net) if cls.needs == "nothing" else run.steps(net, picture), contest.warm_up)
    what = f"{net.name} {precision} {contest.run}: {contest.what}"
    if contest.run == "evolved_fooling":
        noted, bare = judged_passes(net, size)
        return compare(what, steps, bare, seconds, noted)
    return compare(what, steps, bare_pass(bare_net, contest, size), seconds)


# ------------------------------------------------------------------------------------------------- DeepDream as a whole


def plain_dream(net: Network, layer: str, pixels: torch.Tensor, octaves: int = 4, steps: int = 10) -> torch.Tensor:
    """DeepDream as a plain loop, as the many notebooks have it; float32 (1, 3, h, w) pixels in [0, 1]."""
    generator = torch.Generator().manual_seed(0)
    mean, std = net.preprocessing.vectors()
    module = net.module.get_submodule(layer)
    caught: list[torch.Tensor] = []

    def hook(_module: nn.Module, _args: Any, output: torch.Tensor) -> None:
        caught.append(output)
        raise _Stop

    handle = module.register_forward_hook(hook)
    detail = torch.zeros_like(pixels)
    for octave in reversed(range(octaves)):
        size = [round(side / 1.4**octave) for side in pixels.shape[-2:]]
        small = F.interpolate(pixels, size, mode="bilinear", antialias=True)
        now = (small + F.interpolate(detail, size, mode="bilinear")).clamp(0, 1)
        for _ in range(steps):
            shift = torch.randint(-32, 33, (2,), generator=generator).tolist()
            x = torch.roll(now, shift, (2, 3)).requires_grad_()
            try:
                net.module(((x - mean) / std).to(net.dtype))
            except _Stop:
                output = caught.pop()
            (gradient,) = torch.autograd.grad(output, x, output.detach())
            gradient = torch.roll(gradient, (-shift[0], -shift[1]), (2, 3))
            now = (now + gradient * (1.5 / 255 / gradient.abs().mean())).clamp(0, 1)
        detail = now - small
    handle.remove()
    return now


def whole_dream(net: Network, precision: str, rounds: int) -> Ratio:
    """512 × 512, 4 octaves × 10 steps, beside the plain loop in the same precision."""
    layer = LAYERS[net.name]
    picture = read_picture(sample_path("sample:astronaut"))
    bare_net = net if precision == "fp32" else net.converted(torch.bfloat16, channels_last=True)
    pixels = torch.from_numpy(picture.copy()).permute(2, 0, 1)[None] / 255
    run = registry()["deepdream"](layer=layer, precision=precision)  # type: ignore[call-arg]

    def dream() -> None:
        for _ in run.steps(net, picture):
            pass

    plain_dream(bare_net, layer, pixels, steps=1)
    pairs = [(timed(dream)[0], timed(lambda: plain_dream(bare_net, layer, pixels))[0]) for _ in range(max(2, rounds))]
    low, middle, high = statistics.quantiles([ours / plain for ours, plain in pairs], n=4)
    ours, plain = (statistics.median(times) for times in zip(*pairs, strict=True))
    what = f"{net.name} {precision} deepdream: 512 px, 4 × 10 steps, whole"
    return Ratio(what, middle, low, high, ours, plain, len(pairs))


def main(words: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=1.5, help="for each comparison (1.5)")
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS), choices=NETWORKS)
    parser.add_argument("--precisions", nargs="+", default=list(PRECISIONS), choices=PRECISIONS)
    parser.add_argument("--runs", nargs="+", default=list(registry()), choices=list(registry()), metavar="RUN")
    parser.add_argument("--dream-rounds", type=int, default=3, help="of the whole dream; 0: leave it out (3)")
    add_clock_options(parser)
    parser.add_argument("--json", metavar="FILE", help="write the figures as well")
    options = parser.parse_args(words)
    print(f"{set_clock(options)}; step / bare pass, median (quartiles)")
    found = []
    for name in options.networks:
        net = deepvis.load(name, "cpu", weights="random")
        for precision in options.precisions:
            chosen = [contest for contest in contests(name) if contest.run in options.runs]
            for contest in chosen:
                found.append(measure(net, contest, precision, options.seconds))
                print(found[-1], flush=True)
            if name == "tinynet" and options.dream_rounds and "deepdream" in options.runs:
                found.append(whole_dream(net, precision, options.dream_rounds))
                print(found[-1], flush=True)
    over = [figure for figure in found if figure.value > TARGET]
    print(f"{len(found) - len(over)} of {len(found)} at most {TARGET}")
    if options.json:
        content = [
            {
                "what": figure.what,
                "median": figure.value,
                "quartiles": [figure.low, figure.high],
                "step_seconds": figure.step,
                "bare_seconds": figure.bare,
                "rounds": figure.rounds,
            }
            for figure in found
        ]
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(content, file, indent=1)


if __name__ == "__main__":
    main()
