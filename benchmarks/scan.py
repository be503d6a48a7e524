"""How fast sets of pictures are scanned, and in how much memory: ``python -m benchmarks.scan``.

Each round scans a block of 32 pictures, with all that is recorded, and makes bare forward passes of plain PyTorch over
as many preprocessed pictures, in the memory layout and at the batch size in which this computer is fastest; the ratio
of the rates is taken within the round, and the median over the rounds is printed, so that what else the computer does
hardly shows. Scan and passes change places from round to round. Pictures are decoded beforehand; what decoding costs on
one core is measured by itself. Memory is that of the command in a process of its own. Networks have random weights but
tinynet.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

import deepvis
from benchmarks.clock import add_clock_options, set_clock, timed
from deepvis import runs
from deepvis.backend.network import Network
from deepvis.backend.picture_sets import BLOCK, decode_block, open_set
from deepvis.messages import RunUpdate, UInt8Array

NETWORKS = ("tinynet", "resnet18")
TARGET = 0.85
"""Of the bare rate, that a scan should reach."""
MEMORY_TARGET = 1.5
"""GB (10 ** 9 bytes) that a scan of all layers of VGG16 should stay under."""
IMAGENET = 1_281_167

_WARM_UP = 2
_TRIALS = 4


def photographs(count: int, size: tuple[int, int]) -> list[UInt8Array]:
    """Crops of the sample photographs, uint8 (h, w, 3), of exactly this size."""
    source = open_set("samples:")
    height, width = size
    found = []
    for index in range(count):
        picture = Image.fromarray(source.read(index % len(source)))
        found.append(np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR)))
    return found


def bare_pass(net: Network, pictures: Sequence[UInt8Array]) -> tuple[Callable[[], object], str]:
    """Forward passes over a block of preprocessed pictures, as fast as plain PyTorch makes them here; how."""
    x = torch.cat([net.preprocess(picture) for picture in pictures])
    plain = net.module.eval()
    last = net.converted(net.dtype, channels_last=True).module
    candidates: dict[str, tuple[Any, torch.Tensor, int]] = {}
    for batch in (32, 16, 8):
        candidates[f"contiguous, {batch} at once"] = (plain, x, batch)
        candidates[f"channels last, {batch} at once"] = (last, x.contiguous(memory_format=torch.channels_last), batch)

    def run(name: str) -> None:
        module, tensor, batch = candidates[name]
        with torch.inference_mode():
            for part in tensor.split(batch):
                module(part)

    times: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(_TRIALS):
        for name in candidates:
            times[name].append(timed(lambda name=name: run(name))[0])
    best = min(times, key=lambda name: min(times[name]))
    return lambda: run(best), best


def block_of(steps: Iterator[RunUpdate]) -> None:
    """The steps of one block."""
    while next(steps).step % BLOCK:
        pass


def compare(name: str, seconds: float) -> dict[str, Any]:
    """Scan and bare passes in turn."""
    net = deepvis.load(name, "cpu", weights="default" if name == "tinynet" else "random")
    size = net.preprocessing.placement(1000, 1000).resized
    block = photographs(BLOCK, size)
    bare, how = bare_pass(net, block)
    rounds = 400
    steps = iter(runs.PatchScan(workers=0).steps(net, block * rounds))
    for _ in range(_WARM_UP):
        block_of(steps)
    ratios, scans, bares = [], [], []
    ends = time.perf_counter() + seconds
    while (time.perf_counter() < ends or len(ratios) < 5) and len(ratios) < rounds - _WARM_UP - 1:
        first = len(ratios) % 2 == 0
        bare_time = 0.0 if first else timed(bare)[0]
        scan_time = timed(lambda: block_of(steps))[0]
        bare_time = timed(bare)[0] if first else bare_time
        scans.append(scan_time)
        bares.append(bare_time)
        ratios.append(bare_time / scan_time)
    low, middle, high = statistics.quantiles(ratios, n=4)
    rate, bare_rate = BLOCK / statistics.median(scans), BLOCK / statistics.median(bares)
    mark = "" if middle >= TARGET else " !"
    print(
        f"{name:<10} {middle:.2f}{mark} ({low:.2f} to {high:.2f}) of the bare rate: "
        f"{rate:.1f} of {bare_rate:.1f} pictures a second ({how}), {len(ratios)} rounds",
        flush=True,
    )
    return {"network": name, "ratio": middle, "quartiles": [low, high], "rate": rate, "bare": bare_rate, "how": how}


def decoding(name: str) -> float:
    """Milliseconds that reading and resizing a JPEG file takes on one core, median over blocks."""
    net = deepvis.load(name, "cpu", weights="default" if name == "tinynet" else "random")
    # ImageNet's pictures are 500 × 375 on average, Tiny ImageNet's 64 × 64.
    size = (64, 64) if name == "tinynet" else (375, 500)
    with tempfile.TemporaryDirectory() as folder:
        for index, picture in enumerate(photographs(2 * BLOCK, size)):
            Image.fromarray(picture).save(Path(folder) / f"{index:03d}.jpg", quality=90)
        source = open_set(folder)
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        times = [
            timed(lambda index=index: decode_block(source, net.preprocessing, "crop", index))[0]
            for index in (0, 1, 0, 1)
        ]
        torch.set_num_threads(threads)
    found = statistics.median(times) / BLOCK * 1000
    print(f"{name:<10} {found:.2f} ms a picture to decode a JPEG of {size[1]} × {size[0]} on one core", flush=True)
    return found


_MEMORY = """
import re, resource, sys
from deepvis.cli import main
assert main(sys.argv[1:]) == 0
try:
    # What getrusage tells on Linux includes the process that this one was started from.
    peak = int(re.search(r"VmHWM:\\s*(\\d+)", open("/proc/self/status").read())[1]) * 1024
except OSError:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
print(peak / 1e9)
"""


def memory(name: str, threads: int) -> float:
    """Peak resident memory in GB of the command that scans all layers of a network."""
    with tempfile.TemporaryDirectory() as folder:
        pictures = Path(folder) / "pictures"
        pictures.mkdir()
        for index, picture in enumerate(photographs(40, (375, 500))):
            Image.fromarray(picture).save(pictures / f"{index:03d}.jpg", quality=90)
        words = ["scan", str(pictures), "--model", name, "--weights", "random", "--device", "cpu", "--layers", "all"]
        done = subprocess.run(
            [sys.executable, "-c", _MEMORY, *words, "-o", str(Path(folder) / "library"), "--workers", "0"],
            cwd=Path(__file__).resolve().parents[1],
            env={**os.environ, "OMP_NUM_THREADS": str(threads)},
            capture_output=True,
            text=True,
            check=True,
        )
        alone = subprocess.run(
            [sys.executable, "-c", _MEMORY.replace("main(sys.argv[1:])", "len([__import__('torchvision')]) - 1")],
            cwd=Path(__file__).resolve().parents[1],
            capture_output=True,
            text=True,
            check=True,
        )
    found, imports = float(done.stdout.split()[-1]), float(alone.stdout.split()[-1])
    mark = "" if found < MEMORY_TARGET else " !"
    print(
        f"{name:<10} {found:.2f} GB{mark} resident at most with all layers, of which {imports:.2f} GB are taken by "
        "importing torch and torchvision",
        flush=True,
    )
    return found


def main(words: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=15, help="for each network (15)")
    parser.add_argument("--networks", nargs="*", default=list(NETWORKS), metavar="NAME")
    parser.add_argument("--memory", nargs="*", default=["vgg16"], metavar="NAME", help="whose memory is measured")
    add_clock_options(parser)
    parser.add_argument("--json", metavar="FILE", help="write the figures as well")
    options = parser.parse_args(words)
    print(set_clock(options))
    found: dict[str, Any] = {"scans": [], "decoding_ms": {}, "memory_gb": {}}
    for name in options.networks:
        figures = compare(name, options.seconds)
        found["scans"].append(figures)
        found["decoding_ms"][name] = decoding(name)
        hours = IMAGENET / figures["rate"] / 3600
        print(f"{name:<10} {hours:.1f} h for the {IMAGENET:,} pictures of ImageNet in one such process", flush=True)
    for name in options.memory:
        found["memory_gb"][name] = memory(name, options.threads)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(found, file, indent=1)


if __name__ == "__main__":
    main()
