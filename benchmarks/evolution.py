"""How sure evolution makes a network, and in what time: ``python -m benchmarks.evolution --generations 1500``.

Evolves pictures for all classes of a network and writes a JSON line every few generations: the figures of the archive,
and the seconds so far by what they were spent on (breeding, drawing, the network's passes, the rest). Seconds are wall
time of this process's steps; run it on an otherwise quiet computer where they matter.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from PIL import Image

import deepvis
from deepvis.backend.runs import EvolvedFooling
from deepvis.backend.runs.evolution.cppn import CppnEncoding
from deepvis.backend.runs.evolution.direct import DirectEncoding
from deepvis.backend.runs.evolution.judge import Judge
from deepvis.messages import RunUpdate

_PARTS = {
    "breeding": ((CppnEncoding, "child"), (DirectEncoding, "child")),
    "drawing": ((CppnEncoding, "draw"), (DirectEncoding, "draw")),
    "network": ((Judge, "confidences"),),
}


class Stopwatch:
    """Seconds spent within named functions, while it is entered; their results stay the same."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(_PARTS, 0.0)
        self._stack = ExitStack()

    def __enter__(self) -> Stopwatch:
        for part, functions in _PARTS.items():
            for owner, name in functions:
                self._stack.enter_context(patch.object(owner, name, self._timed(part, getattr(owner, name))))
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    def _timed(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any) -> Any:
            began = time.perf_counter()
            try:
                return function(*arguments)
            finally:
                self.seconds[part] += time.perf_counter() - began

        return timed


def line(update: RunUpdate, watch: Stopwatch, seconds: float, longest: float) -> dict[str, Any]:
    """What is written of one generation."""
    confidence = update.detail["confidence"]
    return {
        "generation": update.step,
        **{name: round(value, 5) for name, value in update.metrics.items() if name != "generation"},
        "quartiles": [round(float(q), 4) for q in np.quantile(confidence, (0.25, 0.75))],
        "seconds": round(seconds, 2),
        **{part: round(value, 2) for part, value in watch.seconds.items()},
        "longest_step_ms": round(longest * 1000, 1),
    }


def main() -> None:
    """Run and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--network", default="tinynet")
    parser.add_argument("--encoding", default="cppn", choices=("cppn", "direct"))
    parser.add_argument("--generations", type=int, default=200, help="rounds of 400 children (200)")
    parser.add_argument("--size", type=int, help="shorter side of the pictures in px")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--precision", default="auto", choices=("auto", "fp32", "bf16"))
    parser.add_argument("--every", type=int, default=10, help="generations between two lines (10)")
    parser.add_argument("--until", type=float, default=1.0, help="end when the median confidence is reached (1)")
    parser.add_argument("--json", type=Path, help="append the lines to this file as well")
    parser.add_argument("--picture", type=Path, help="write the archive here with every line")
    options = parser.parse_args()
    net = deepvis.load(options.network)
    run = EvolvedFooling(
        encoding=options.encoding,
        generations=options.generations,
        seed=options.seed,
        size=options.size,
        precision=options.precision,
    )
    head = {
        "network": net.name,
        "hash": net.hash,
        "classes": net.classes,
        "encoding": options.encoding,
        "size": run.picture_size(net),
        "seed": options.seed,
        "precision": options.precision,
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    }

    def write(record: dict[str, Any]) -> None:
        text = json.dumps(record)
        print(text, flush=True)
        if options.json is not None:
            with options.json.open("a", encoding="utf-8") as file:
                file.write(text + "\n")

    write(head)
    with Stopwatch() as watch:
        steps = run.steps(net)
        next(steps)  # Loads, converts and counts: once a run, no part of a generation.
        watch.seconds = dict.fromkeys(_PARTS, 0.0)
        seconds = longest = 0.0
        told = 0
        began = time.perf_counter()
        for update in steps:
            took = time.perf_counter() - began
            seconds, longest = seconds + took, max(longest, took)
            done = update.metrics["median_confidence"] >= options.until or update.result is not None
            if update.step > told and (update.step % options.every == 0 or done):
                told = update.step
                write(line(update, watch, seconds, longest))
                longest = 0.0
                if options.picture is not None:
                    Image.fromarray(update.image).quantize(255).save(options.picture, optimize=True)
            if done:
                break
            began = time.perf_counter()


if __name__ == "__main__":
    main()
