"""The engine beside bare forward passes of the same network, and beside the loop that a user would write."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from statistics import median

import cv2
import numpy as np
import torch

from deepvis.backend.device import measure, photograph
from deepvis.backend.engine import Engine
from deepvis.backend.mailbox import Mailbox
from deepvis.backend.network import Network
from deepvis.backend.zoo import load
from deepvis.messages import (
    Event,
    Frame,
    GridRequest,
    NetworkFailed,
    NetworkReady,
    Problem,
    UnitRequest,
    ViewRequest,
    ViewResult,
)

ROOM = (720, 960)
"""Height and width of the mosaic on a usual screen, in pixels."""


def frames(count: int = 16) -> list[np.ndarray]:
    """Frames of 480 × 640 as a camera gives them: a photograph that moves."""
    image = cv2.resize(photograph(), (720, 560), interpolation=cv2.INTER_AREA)
    return [np.ascontiguousarray(image[i : i + 480, 2 * i : 2 * i + 640]) for i in range(count)]


def middle_layer(network: Network) -> str:
    """The layer that the window would show first: in the middle of the network."""
    spatial = [layer for layer in network.layers if layer.main and layer.size is not None]
    return spatial[len(spatial) // 2].name


class LiveEngine:
    """An engine on its thread, fed with a new frame as soon as it took the last one."""

    def __init__(self, network: Network, request: ViewRequest) -> None:
        self._taken = threading.Event()
        self.results: Mailbox[ViewResult] = Mailbox(wake=self._taken.set)
        self.problems: list[Event] = []
        self._ready = threading.Event()
        self._engine = Engine(self.results, self._on_event)
        self._engine.install(network)
        self._engine.request(request)
        self._thread = threading.Thread(target=self._engine.run, name="deepvis-engine", daemon=True)
        self._thread.start()
        if not self._ready.wait(120):
            raise RuntimeError(f"the engine did not take over {network.name}")
        self._engine.request(request)
        self._frames = frames()
        self._number = 0

    def _on_event(self, event: Event) -> None:
        if isinstance(event, NetworkReady):
            self._ready.set()
        elif isinstance(event, Problem | NetworkFailed):
            self.problems.append(event)

    def turn(self, seconds: float) -> float:
        """Milliseconds a frame over a turn of ``seconds``."""
        began = time.perf_counter()
        shown = 0
        while (now := time.perf_counter()) - began < seconds:
            # One frame waits while the one before is worked on, as with a camera that is faster than the network.
            if not self._engine.frames.full:
                self._number += 1
                image = self._frames[self._number % len(self._frames)]
                self._engine.frames.put(Frame(self._number, image, now, "bench"))
            self._taken.wait(1.0)
            self._taken.clear()
            shown += self.results.take() is not None
        return (time.perf_counter() - began) * 1000 / max(shown, 1)

    def drain(self) -> None:
        """Wait until nothing is under way, so that another contestant has the machine to itself."""
        while self._engine.frames.full:
            time.sleep(0.005)
        time.sleep(0.02)
        self.results.clear()
        self._taken.clear()

    def close(self) -> None:
        """End the thread."""
        self._engine.stop()
        self._thread.join(10)


def turn(step: Callable[[], object], seconds: float) -> float:
    """Milliseconds a call over a turn of ``seconds``."""
    began = time.perf_counter()
    calls = 0
    while time.perf_counter() - began < seconds:
        step()
        calls += 1
    return (time.perf_counter() - began) * 1000 / calls


def bench_live(names: Sequence[str], rounds: int = 7, seconds: float = 0.8) -> list[dict[str, object]]:
    """Frames a second of the engine against the bare forward pass in the same precision and layout, and against
    ``model(x)`` in fp32 and the default layout; torchvision's networks have random weights."""
    rows: list[dict[str, object]] = []
    for name in names:
        network = load(name, device="cpu", weights="default" if name.startswith("tinynet") else "random")
        copy, label, _ = measure(network)
        layer = middle_layer(network)
        request = ViewRequest(id=1, grid=GridRequest(layer, ROOM), unit=UnitRequest(layer, 0))
        x = network.preprocess(photograph())
        fast = x.to(copy.dtype)
        if "channels last" in label:
            fast = fast.contiguous(memory_format=torch.channels_last)
        module, converted = network.module.eval(), copy.module.eval()

        def plain(module: torch.nn.Module = module, x: torch.Tensor = x) -> None:
            with torch.no_grad():
                module(x)

        def bare(module: torch.nn.Module = converted, x: torch.Tensor = fast) -> None:
            with torch.inference_mode():
                module(x)

        engine = LiveEngine(network, request)
        try:
            engine.turn(0.3)
            engine.drain()
            turns = []
            for _ in range(rounds):
                turns.append((turn(plain, seconds), turn(bare, seconds), engine.turn(seconds)))
                engine.drain()
        finally:
            engine.close()
        if engine.problems:
            raise RuntimeError(f"{name}: {engine.problems[0]}")
        rows.append(
            {
                "network": name,
                "runs in": label,
                "layer": layer,
                "plain ms": median(t[0] for t in turns),
                "bare ms": median(t[1] for t in turns),
                "engine ms": median(t[2] for t in turns),
                "engine/bare": median(t[1] / t[2] for t in turns),
                "engine/plain": median(t[0] / t[2] for t in turns),
                "over bare ms": median(t[2] - t[1] for t in turns),
            }
        )
    foreign = [row for row in rows if not str(row["network"]).startswith("tinynet")]
    if len(foreign) > 1:
        summary: dict[str, object] = dict.fromkeys(rows[0], "")
        means = {key: _geometric_mean(foreign, key) for key in ("engine/bare", "engine/plain")}
        rows.append({**summary, "network": "geometric mean", **means})
    return rows


def _geometric_mean(rows: list[dict[str, object]], key: str) -> float:
    values = [float(str(row[key])) for row in rows]
    return math.exp(sum(map(math.log, values)) / len(values))
