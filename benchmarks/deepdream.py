"""DeepDream on photographs: ``python -m benchmarks.deepdream``.

The objective at the beginning and end of every octave, on both bundled networks, and the seconds of a whole dream of
512 × 512 pixels, 4 octaves of 10 steps, beside the plain PyTorch loop of :mod:`benchmarks.run_steps` in fp32, which is
what a notebook has. Both are run in turn; the median is printed.
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch

import deepvis
from benchmarks.run_steps import plain_dream
from deepvis.backend.live_dream import LiveDream
from deepvis.backend.runs.deepdream import DeepDream
from deepvis.backend.runs.pixels import resized, to_picture, to_pixels
from deepvis.backend.sources.pictures import read_picture
from deepvis.backend.sources.samples import sample_path
from deepvis.messages import RunResult, UInt8Array


def dream(run: DeepDream, net: deepvis.Network, picture: UInt8Array) -> RunResult:
    """The result of a whole run."""
    *_, last = run.steps(net, picture)
    assert isinstance(last.result, RunResult)
    return last.result


def seconds(picture: UInt8Array, rounds: int, threads: int) -> None:
    """Print the time of a dream in each number format beside the plain loop."""
    torch.set_num_threads(threads)
    net = deepvis.load("tinynet", "cpu")
    pixels = to_pixels(net, picture, 512)
    times: dict[str, list[float]] = {"plain loop fp32": [], "deepvis fp32": [], "deepvis auto": []}
    for _ in range(rounds):
        began = time.perf_counter()
        plain_dream(net, "relu5", pixels)
        times["plain loop fp32"].append(time.perf_counter() - began)
        for precision in ("fp32", "auto"):
            began = time.perf_counter()
            dream(DeepDream(layer="relu5", precision=precision), net, picture)
            times[f"deepvis {precision}"].append(time.perf_counter() - began)
    height, width = pixels.shape[-2:]
    for name, measured in times.items():
        print(f"{width} × {height} px, relu5, 4 × 10 steps, {name}: {statistics.median(measured):.2f} s", flush=True)


def live(picture: UInt8Array, threads: int) -> None:
    """Print how many frames a second the live dream makes."""
    torch.set_num_threads(threads)
    net = deepvis.load("tinynet", "cpu").converted(torch.bfloat16, channels_last=True)
    for side in (128, 192, 256):
        frame = to_picture(resized(to_pixels(net, picture), (side, side)))
        dreams, times = LiveDream(net), []
        for _ in range(20):
            began = time.perf_counter()
            dreams.show(frame, "relu5")
            times.append(time.perf_counter() - began)
        print(f"live dream, {side} px, 2 steps, bf16: {1 / statistics.median(times):.1f} frames a second", flush=True)


def objectives(names: list[str]) -> None:
    """Print the objective at the beginning and end of every octave."""
    for network in ("tinynet", "tinynet-robust"):
        net = deepvis.load(network, "cpu")
        for name in names:
            for layer in ("relu5", "relu6"):
                result = dream(DeepDream(layer=layer), net, read_picture(sample_path(f"sample:{name}")))
                pairs = result.facts["objective_by_octave"]
                text = ", ".join(f"{first:.3f} → {last:.3f}" for first, last in pairs)
                risen = "risen" if all(last > first for first, last in pairs) else "NOT RISEN"
                print(f"{network} {name} {layer}: {text} ({risen})", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=3, help="of the comparison with the plain loop (3)")
    parser.add_argument("--threads", type=int, default=2, help="threads of torch (2)")
    parser.add_argument("--photographs", nargs="*", default=["coffee", "cat", "astronaut"], metavar="SAMPLE")
    options = parser.parse_args()
    picture = read_picture(sample_path("sample:astronaut"))
    if options.rounds:
        seconds(picture, options.rounds, options.threads)
        live(picture, options.threads)
    objectives(options.photographs)


if __name__ == "__main__":
    main()
