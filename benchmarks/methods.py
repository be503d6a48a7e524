"""How fast the methods are beside a bare network and beside captum: ``python -m benchmarks.methods``.

Every figure is a ratio of two times that were measured in turn in one run: each round runs every contestant once, a
ratio is taken within the round, and the median over the rounds is printed. The last column is the ratio of the shortest
times of each: since whatever else a computer does can only add to a time, on a busy one this says more. Networks have
random weights. Needs captum and torchvision.

``fp32`` is the network as it was loaded, ``fp32 last`` and ``bf16`` lie channels last in memory; of these the window
takes the one that it measures to be fastest and that answers the same. On GoogLeNet captum does not see the rectifiers,
which are function calls, and computes the plain gradient, which is less work; so it is measured on a copy that calls
them as modules as well, where it draws the same map as deepvis.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import captum.attr
import torch
import torchvision
from torch import nn

from deepvis.backend.methods.backprojection import backproject_tensor, backproject_units, strongest_units
from deepvis.backend.methods.differentiation import differentiable_pass
from deepvis.backend.methods.occlusion import occlusion
from deepvis.backend.methods.saliency import target_gradient
from deepvis.backend.network import Network

LAYERS = {"alexnet": "features.8", "vgg16": "features.21", "resnet18": "layer3", "googlenet": "inception4a"}
FORMATS = {"fp32": (torch.float32, False), "fp32 last": (torch.float32, True), "bf16": (torch.bfloat16, True)}
"""By name, the floating type and whether channels come last in memory."""

PARTS = ("back-projection", "occlusion")

Contestant = Callable[[], object]
Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Ratio:
    """``value`` times as long (or as fast, for the captum rows) with the quartiles over the rounds.

    ``shortest`` is the ratio of the shortest times.
    """

    what: str
    value: float
    low: float
    high: float
    shortest: float

    def __str__(self) -> str:
        return f"{self.what:<66} {self.value:5.2f}  ({self.low:.2f} to {self.high:.2f})  {self.shortest:5.2f}"


def rounds(contestants: dict[str, Contestant], count: int, clock: Clock) -> dict[str, list[float]]:
    """Seconds of every contestant in every round, after one round that does not count."""
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(count + 1):
        for name, contestant in contestants.items():
            began = clock()
            contestant()
            if number:
                times[name].append(clock() - began)
    return times


def ratio(what: str, over: Sequence[float], under: Sequence[float]) -> Ratio:
    """The median and quartiles of the ratios within each round, and the ratio of the shortest times."""
    values = [a / b for a, b in zip(over, under, strict=True)]
    low, middle, high = statistics.quantiles(values, n=4) if len(values) > 1 else values * 3
    return Ratio(what, middle, low, high, min(over) / min(under))


def make(name: str, dtype: torch.dtype, channels_last: bool) -> tuple[Network, nn.Module]:
    """A network with random weights, and a copy for captum, whose hooks cannot stand in-place rectifiers."""
    options = {"aux_logits": False, "init_weights": False} if name == "googlenet" else {}
    torch.manual_seed(0)
    module = getattr(torchvision.models, name)(weights=None, **options).eval()
    net = Network(module, name=name)
    if dtype is not torch.float32 or channels_last:
        net = net.converted(dtype, channels_last=channels_last)
    twin = net.converted(dtype, channels_last=channels_last).module
    for part in twin.modules():
        if isinstance(part, nn.ReLU):
            part.inplace = False
    return net, twin


class _ShownRectifier(nn.Module):
    """GoogLeNet's convolution, normalisation and rectifier, with the rectifier as a module that captum sees."""

    def __init__(self, original: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*original.children(), nn.ReLU())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.layers(x)
        return result


def with_rectifiers_shown(module: nn.Module) -> nn.Module:
    """``module``, a GoogLeNet, changed so that every rectifier is a module."""
    for parent in list(module.modules()):
        for name, child in list(parent.named_children()):
            if type(child).__name__ == "BasicConv2d":
                setattr(parent, name, _ShownRectifier(child))
    return module.eval()


def back_projection(name: str, formats: Sequence[str], count: int, clock: Clock) -> list[Ratio]:
    """A live back-projection beside the bare gradient and captum, and the grid of nine beside one, in each format."""
    x = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    contestants: dict[str, Contestant] = {}
    for label in dict.fromkeys(("fp32", *formats)):
        made = _contestants(name, *FORMATS[label], x)
        if label not in formats:
            made = {"captum": made["captum"]}
        contestants |= {f"{what} {label}": run for what, run in made.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # captum says at every call that it sets hooks
        times = rounds(contestants, count, clock)
    found = []
    for label in formats:
        unit, target = times[f"unit {label}"], times[f"class {label}"]
        found += [
            ratio(f"{name} {label}: live frame with back-projection / bare gradient", unit, times[f"bare {label}"]),
            ratio(f"{name} {label}: guided, of a class / bare gradient", target, times[f"bare {label}"]),
            ratio(f"{name} {label}: speed-up over captum in {label}", times[f"captum {label}"], target),
            ratio(f"{name} {label}: grid of nine / one back-projection", times[f"nine {label}"], unit),
        ]
        if f"shown {label}" in times:
            what = f"{name} {label}: speed-up over captum in {label}, shown the rectifiers"
            found.append(ratio(what, times[f"shown {label}"], target))
        if label != "fp32":
            found.append(ratio(f"{name} {label}: speed-up over captum in fp32", times["captum fp32"], target))
    return found


def _contestants(name: str, dtype: torch.dtype, channels_last: bool, x: torch.Tensor) -> dict[str, Contestant]:
    net, twin = make(name, dtype, channels_last)
    layer = LAYERS[name]
    typed = x.to(dtype)
    if channels_last:
        typed = typed.contiguous(memory_format=torch.channels_last)
    guide = captum.attr.GuidedBackprop(twin)

    def bare() -> None:
        leaf = typed.clone().requires_grad_()
        torch.autograd.grad(net.module(leaf)[0, 0], leaf)

    def captums() -> None:
        guide.attribute(typed.clone().requires_grad_(), target=0)

    def of_class() -> None:
        target_gradient(differentiable_pass(net, typed, (), "guided"), 0)

    def of_unit() -> None:
        # As in the window: the whole pass, since its predictions are shown as well.
        backproject_tensor(differentiable_pass(net, typed, (layer,), "guided"), layer, 3)

    def nine() -> None:
        done = differentiable_pass(net, typed, (layer,), "guided")
        for _ in backproject_units(done, layer, strongest_units(done.activations[layer], 9)):
            pass

    contestants: dict[str, Contestant] = {
        "bare": bare,
        "captum": captums,
        "class": of_class,
        "unit": of_unit,
        "nine": nine,
    }
    if name == "googlenet":
        shown = captum.attr.GuidedBackprop(
            with_rectifiers_shown(net.converted(dtype, channels_last=channels_last).module)
        )
        contestants["shown"] = lambda: shown.attribute(typed.clone().requires_grad_(), target=0)
    return contestants


def occluding(name: str, count: int, clock: Clock) -> list[Ratio]:
    """Occlusion (224 px, window 32, stride 16) beside captum's default and its best batch size."""
    net, _ = make(name, torch.float32, False)
    x = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    black = net.preprocessing.normalise(torch.zeros_like(x))
    method = captum.attr.Occlusion(net.module)
    maps: dict[str, torch.Tensor] = {}

    def captum_with(batch: int) -> Contestant:
        def run() -> None:
            with torch.no_grad():
                maps["captum"] = method.attribute(
                    x, (3, 32, 32), (3, 16, 16), black, target=0, perturbations_per_eval=batch
                )

        return run

    def ours(precision: str) -> Contestant:
        def run() -> None:
            found = occlusion(net, x, 0, 32, 16, precision=precision)  # type: ignore[arg-type]
            maps[precision] = torch.from_numpy(found.drop)

        return run

    contestants = {f"captum {batch}": captum_with(batch) for batch in (1, 4, 8, 16, 32)}
    contestants |= {"fp32": ours("fp32"), "auto": ours("auto")}
    times = rounds(contestants, count, clock)
    best = min((name for name in times if name.startswith("captum")), key=lambda name: statistics.median(times[name]))
    for precision in ("fp32", "auto"):
        pair = torch.stack([maps["captum"][0, 0].flatten(), maps[precision].flatten()])
        print(f"  {name}: correlation of the {precision} map with captum's {float(torch.corrcoef(pair)[0, 1]):.6f}")
    return [
        ratio(f"{name}: captum default / deepvis {p} (speed-up)", times["captum 1"], times[p]) for p in ("fp32", "auto")
    ] + [ratio(f"{name}: {best} (its best) / deepvis {p} (speed-up)", times[best], times[p]) for p in ("fp32", "auto")]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=9, help="rounds of each comparison (9)")
    parser.add_argument("--threads", type=int, default=2, help="threads of torch (2)")
    parser.add_argument("--networks", nargs="+", default=list(LAYERS), choices=list(LAYERS), metavar="NETWORK")
    parser.add_argument("--formats", nargs="+", default=list(FORMATS), choices=list(FORMATS), metavar="FORMAT")
    parser.add_argument("--parts", nargs="+", default=list(PARTS), choices=PARTS, metavar="PART")
    parser.add_argument(
        "--cpu-time",
        action="store_true",
        help="count processor time instead of time that passes: on a busy computer, with --threads 1",
    )
    parser.add_argument("--json", metavar="FILE", help="write the figures as well")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    clock: Clock = time.process_time if options.cpu_time else time.perf_counter
    load = f", load average {os.getloadavg()[0]:.1f} at the start" if hasattr(os, "getloadavg") else ""
    print(
        f"torch {torch.__version__}, {options.threads} threads{load}; median ratio (quartiles), ratio of the shortest"
    )
    found: list[Ratio] = []
    for name in options.networks if "back-projection" in options.parts else ():
        for figure in back_projection(name, options.formats, options.rounds, clock):
            print(figure, flush=True)
            found.append(figure)
    for label in options.formats:
        end = f" {label}: speed-up over captum in fp32"
        values = [figure.value for figure in found if figure.what.endswith(end)]
        if len(values) > 1:
            print(f"{'geometric mean,' + end:<66} {statistics.geometric_mean(values):5.2f}")
    for name in options.networks if "occlusion" in options.parts else ():
        for figure in occluding(name, max(1, options.rounds // 4), clock):
            print(figure, flush=True)
            found.append(figure)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(
                [
                    {"what": f.what, "median": f.value, "quartiles": [f.low, f.high], "shortest": f.shortest}
                    for f in found
                ],
                file,
                indent=1,
            )


if __name__ == "__main__":
    main()
