"""The figures of maps: how well they keep classes together, how long they take, and how smoothly they move.

    python -m benchmarks.map SET_OR_LIBRARY [--model tinynet]     purity of a map of real pictures
    python -m benchmarks.map --speed                             10,000 × 384 features: against openTSNE, and placing
    python -m benchmarks.map --panel                             frames a second with 10,000 pictures

A set that was not scanned yet is scanned first. ``--panel`` paints into a real window where there is a display.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

COUNT, WIDTH, CLASSES = 10_000, 384, 100


def synthetic(count: int = COUNT, width: int = WIDTH) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]:
    """Features like those behind a rectifier: classes of pictures on a low-dimensional sheet, with noise."""
    rng = np.random.default_rng(0)
    hearts = rng.normal(size=(CLASSES, width))
    labels = rng.integers(0, CLASSES, count)
    within = rng.normal(size=(count, 12)) @ rng.normal(size=(12, width)) * 0.25
    features = np.maximum(hearts[labels] + within + 0.4 * rng.normal(size=(count, width)), 0)
    return features.astype(np.float32), labels.astype(np.int32)


def purity_of(pictures: str, model: str) -> None:
    """Purity of the ten nearest neighbours, in the map and in feature space by three measures."""
    from pathlib import Path

    import deepvis
    from deepvis.backend.library import Library
    from deepvis.backend.maps.neighbours import purity
    from deepvis.backend.maps.spaces import FeatureSpace, unit_length
    from deepvis.backend.runs import Embedding

    net = deepvis.load(model)
    began, result = time.perf_counter(), None
    for update in Embedding().steps(net, pictures):
        result = update.result
    assert result is not None
    library = Library(Path(result.facts["library"]))
    valid = library.valid
    features = np.asarray(library.features)[valid].astype(np.float32)
    labels = np.asarray(library.labels)[valid]
    whitened = FeatureSpace.fit(features, "whitened").prepare(features)
    accuracy = float((np.asarray(library.predicted)[valid] == labels).mean())
    print(f"{len(labels)} pictures of {library.title}, {features.shape[1]} features of {result.facts['layer']}")
    print(
        f"made in {time.perf_counter() - began:.0f} s; predictions right, classes in the network's order: "
        f"{accuracy:.3f}"
    )
    spaces = {"euclidean": features, "cosine": unit_length(features), "whitened": whitened}
    found = {name: purity(space, labels) for name, space in spaces.items()}
    own = result.figures["purity_of_map"]
    print(f"10-nearest-neighbour purity of the map       {own:.4f}")
    for name, value in found.items():
        print(f"of feature space, {name:<12}               {value:.4f}   map / features {own / value:.3f}")


def speed() -> None:
    """The whole layout against openTSNE called directly, and one placing."""
    import torch
    from openTSNE import TSNE

    from deepvis.backend.maps.neighbours import Neighbours, purity
    from deepvis.backend.maps.placing import Placer
    from deepvis.backend.maps.spaces import FeatureSpace
    from deepvis.backend.maps.tsne import Tsne

    features, labels = synthetic()
    threads = torch.get_num_threads()
    began = time.perf_counter()
    space = FeatureSpace.fit(features, "cosine")
    prepared = space.prepare(features)
    neighbours = Neighbours(prepared, 90)
    for _ in neighbours.find():
        pass
    found = time.perf_counter()
    tsne = Tsne(prepared, neighbours, threads=threads)
    tsne.prepare()
    steps = 0
    for _ in tsne.optimise():
        steps += 1
    ours = time.perf_counter() - began
    points = tsne.points
    print(f"{COUNT} × {WIDTH} features, {threads} threads")
    print(
        f"deepvis    {ours:6.1f} s (neighbours {found - began:.1f} s), {steps} steps, "
        f"purity {purity(points, labels):.3f}"
    )
    began = time.perf_counter()
    direct = TSNE(perplexity=30, metric="cosine", n_jobs=threads, random_state=0).fit(features)
    theirs = time.perf_counter() - began
    print(f"openTSNE   {theirs:6.1f} s, purity {purity(np.asarray(direct, np.float32), labels):.3f}")
    print(f"deepvis / openTSNE  {ours / theirs:.2f}")
    began = time.perf_counter()
    placer = Placer(features, points, space)
    placer.place(features[0])
    print(f"ready to place after {time.perf_counter() - began:.2f} s")
    times, away = [], []
    for index in range(0, COUNT, COUNT // 200):
        began = time.perf_counter()
        placed = placer.place(features[index] + 0.01)
        times.append(1000 * (time.perf_counter() - began))
        away.append(float(np.hypot(*(np.array(placed.point) - points[index]))) / float(np.ptp(points, axis=0).max()))
    print(f"placing {np.median(times):.1f} ms (median of 200), {np.quantile(times, 0.95):.1f} ms (95 %)")
    print(f"distance of a picture to its own place: {np.median(away):.2%} of the map's extent (median)")


def panel(seconds: float = 3.0) -> None:
    """Frames a second while the map is dragged, zoomed, and while it rests under a moving live picture."""
    from PySide6.QtWidgets import QApplication

    from deepvis.map_layout import class_colors, spread
    from deepvis.messages import MapPictures
    from deepvis.ui import theme
    from deepvis.ui.views.map_view import MapView

    if not os.environ.get("DISPLAY") and not os.environ.get("WAYLAND_DISPLAY"):
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    app = QApplication([])
    theme.apply_theme(app, theme.DARK)
    rng = np.random.default_rng(0)
    labels = rng.integers(0, CLASSES, COUNT).astype(np.int32)
    hearts = rng.uniform(-60, 60, (CLASSES, 2))
    points = (hearts[labels] + rng.normal(0, 3, (COUNT, 2))).astype(np.float32)
    names = tuple(f"class {number}" for number in range(CLASSES))
    pictures = MapPictures(
        tuple(map(str, range(COUNT))), labels, names, labels, names, np.ones(COUNT, np.float32),
        np.ones(COUNT, np.int8), rng.integers(0, 256, (COUNT, 48, 48, 3), dtype=np.uint8),
    )  # fmt: skip
    view = MapView()
    view.resize(1400, 900)
    view.show()
    began = time.perf_counter()
    apart = spread(points)
    print(f"{app.platformName()}, {view.width()} × {view.height()} px, {COUNT} pictures, order in "
          f"{time.perf_counter() - began:.2f} s")  # fmt: skip
    view.set_map(pictures, points, apart)
    view.set_groups(labels, class_colors(CLASSES)[labels], names, framed=True)
    app.processEvents()

    def rate(name: str, move: Callable[[int], object]) -> None:
        frames, started = 0, time.perf_counter()
        longest = 0.0
        while (now := time.perf_counter()) - started < seconds:
            move(frames)
            view.repaint()
            app.processEvents()
            longest = max(longest, time.perf_counter() - now)
            frames += 1
        reached = frames / (time.perf_counter() - started)
        print(f"{name:<34} {reached:6.1f} frames a second, longest {1000 * longest:.0f} ms")

    def pan(frame: int) -> None:
        view.camera.pan(6 if frame // 60 % 2 else -6, 3 if frame // 60 % 2 else -3)
        view._changed()

    def zoom(frame: int) -> None:
        view.camera.zoom_at(1.03 if frame // 60 % 2 == 0 else 1 / 1.03, (700, 450), glide=False)
        view._changed()

    def live(frame: int) -> None:
        view.set_live((float(30 * np.cos(frame / 20)), float(30 * np.sin(frame / 20))), np.arange(5))
        view.live.advance(0.016, 0.01)

    for factor, name in ((1.0, "the whole map"), (4.0, "four times as large"), (20.0, "twenty times as large")):
        view.camera.fit(glide=False)
        view.camera.zoom_at(factor, glide=False)
        view._changed()
        view.repaint()
        rate(f"panning, {name}", pan)
    view.camera.fit(glide=False)
    rate("zooming in and out", zoom)
    view.camera.fit(glide=False)
    view.renew()
    rate("live picture, map at rest", live)


def main() -> None:
    """Measure what the words ask for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", nargs="?", metavar="SET_OR_LIBRARY")
    parser.add_argument("--model", default="tinynet")
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--panel", action="store_true")
    options = parser.parse_args()
    if not (options.set or options.speed or options.panel):
        parser.error("name a set, or give --speed or --panel")
    if options.set:
        purity_of(options.set, options.model)
    if options.speed:
        speed()
    if options.panel:
        panel()


if __name__ == "__main__":
    main()
