"""A backend without a network: real photographs, and filters of classical vision as feature maps.

The window and its panels see what the engine would give them (pictures at the sizes asked for, statistics of the very
maps that are drawn), computed here in another way and in a few milliseconds.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from skimage import data

from deepvis.colormaps import DIVERGING, colorize
from deepvis.messages import (
    BackResult,
    CameraCard,
    DreamRequest,
    EngineStatus,
    Event,
    Frame,
    GalleryChanged,
    GalleryContent,
    GalleryEntry,
    GalleryOpened,
    GridRequest,
    GridResult,
    Layer,
    LibrariesChanged,
    LibraryInfo,
    LoadProgress,
    MapContent,
    MapInfo,
    MapOpened,
    ModelCard,
    NetworkInfo,
    NetworkReady,
    NetworkSpec,
    OverlayResult,
    Prediction,
    ReceptiveField,
    Rule,
    SourceStatus,
    Timings,
    UInt8Array,
    UnitResult,
    ViewRequest,
    ViewResult,
)
from deepvis.options import Option
from tests.ui.lab_runs import RUN_NEEDS, RUN_OPTIONS, RUN_PRESETS
from tests.ui.library_shelf import FakeShelf

FloatMaps = npt.NDArray[np.float32]

LABELS = (
    "tabby", "Egyptian cat", "Persian cat", "Chihuahua", "lion", "a label that is much too long for its column, cat",
    "tractor", "cliff", "espresso", "teapot",
)  # fmt: skip


def conv(name: str, channels: int, size: int, field: int, *, main: bool = True) -> Layer:
    """A convolution's description."""
    stride = max(1, 128 // size)
    return Layer(
        name,
        "conv",
        "Conv2d",
        channels,
        (size, size),
        ReceptiveField((field, field), (stride, stride), (0, 0)),
        main=main,
    )


LAYERS = (
    conv("conv1", 64, 64, 5),
    Layer("relu1", "relu", "ReLU", 64, (64, 64), ReceptiveField((5, 5), (2, 2), (-2, -2)), main=False),
    conv("conv2", 96, 64, 9),
    Layer("pool2", "pool", "MaxPool2d", 96, (32, 32), ReceptiveField((11, 11), (4, 4), (-4, -4))),
    conv("conv3", 160, 32, 29),
    conv("conv4", 160, 32, 61),
    Layer("pool4", "pool", "MaxPool2d", 160, (16, 16), None),
    conv("conv5", 256, 16, 93),
    conv("conv6", 512, 14, 127),
    Layer("fc", "linear", "Linear", len(LABELS), None, None, arrangement="NC"),
)


def network_info(layers: tuple[Layer, ...] = LAYERS, **changes: Any) -> NetworkInfo:
    """A small network, ready; any field can be another."""
    fields: dict[str, Any] = {
        "name": "tinynet",
        "title": "tinynet",
        "family": "bundled",
        "layers": layers,
        "left_out": (("loss", "its output is a number, not a map or a vector"),),
        "labels": LABELS,
        "input_size": (128, 128),
        "channels": 3,
        "flexible": True,
        "min_size": 64,
        "device": "cpu",
        "precision": "bf16",
        "parameters": 1_900_000,
        "rectifiers": 7,
        "differentiable": True,
        "trained": True,
        "hash": "0" * 16,
        "measured": (("fp32", 6.1), ("bf16 channels_last", 2.9)),
    }
    return NetworkInfo(**(fields | changes))


def resnet152_layers() -> tuple[Layer, ...]:
    """As many main layers as a very deep network has, with the paths that torchvision gives them."""
    layers = [conv("conv1", 64, 112, 7)]
    for stage, (blocks, channels, size) in enumerate(((3, 256, 56), (8, 512, 28), (36, 1024, 14), (3, 2048, 7)), 1):
        for block in range(blocks):
            layers += [
                conv(f"layer{stage}.{block}.conv{i}", channels // (1 if i == 3 else 4), size, 99, main=i == 2)
                for i in (1, 2, 3)
            ]
            layers.append(Layer(f"layer{stage}.{block}", "block", "Bottleneck", channels, (size, size), None))
    return (*layers, Layer("fc", "linear", "Linear", 1000, None, None, arrangement="NC"))


@lru_cache(maxsize=4)
def photograph(name: str = "chelsea") -> UInt8Array:
    """One of scikit-image's photographs, uint8 (H, W, 3) RGB, read-only."""
    picture: UInt8Array = np.ascontiguousarray(getattr(data, name)())
    picture.flags.writeable = False
    return picture


@lru_cache(maxsize=32)
def feature_maps(channels: int, size: int, name: str = "chelsea") -> FloatMaps:
    """Rectified Gabor responses (channels, size, size) of a photograph; every 11th is dead."""
    photo = photograph(name)
    side = min(photo.shape[:2])
    top, left = (photo.shape[0] - side) // 2, (photo.shape[1] - side) // 2
    gray = cv2.cvtColor(photo[top : top + side, left : left + side], cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    rng = np.random.default_rng(channels * 1000 + size)
    maps = np.zeros((channels, size, size), np.float32)
    small = cv2.resize(gray, (2 * size, 2 * size), interpolation=cv2.INTER_AREA)
    for unit in range(channels):
        if unit % 11 == 10:
            continue
        wavelength, angle = rng.uniform(2.5, 9), rng.uniform(0, np.pi)
        kernel = cv2.getGaborKernel((11, 11), wavelength / 2.5, angle, wavelength, 0.8, rng.uniform(0, np.pi))
        response = cv2.filter2D(small, cv2.CV_32F, kernel - kernel.mean())
        pooled = cv2.resize(np.maximum(response - rng.uniform(0, 0.3), 0), (size, size), interpolation=cv2.INTER_AREA)
        maps[unit] = pooled * rng.uniform(0.5, 4)
    maps.flags.writeable = False
    return maps


def grid_result(
    layer: Layer, request: GridRequest, *, columns: int | None = None, maps: FloatMaps | None = None
) -> GridResult:
    """A mosaic of a layer, each tile at the layer's own resolution without gaps."""
    values = maps if maps is not None else layer_values(layer)
    if values.ndim == 1:
        values = values[:, None, None]
    signed = request.show == "gradient"
    if signed:
        values = values - values.mean((1, 2), keepdims=True)
    count, height, width = values.shape
    maxima = np.abs(values).max((1, 2)) if signed else values.max((1, 2))
    minima = values.min((1, 2))
    order = np.arange(count, dtype=np.int32)
    if request.sort == "activity":
        order = np.argsort(-maxima, kind="stable").astype(np.int32)
    columns = columns or best_columns(count, (height, width), request.room)
    rows = -(-count // columns)
    if signed:
        high = float(maxima.max()) or 1.0
        low = -high
        levels = (values / high + 1) / 2
    elif request.range == "unit" and values.shape[1] > 1:
        low, high = float(np.median(minima)), float(np.median(maxima))
        levels = (values - minima[:, None, None]) / np.maximum(maxima - minima, 1e-12)[:, None, None]
    else:
        low, high = (float(values.min()), float(values.max())) if request.range != "fixed" else request.fixed
        levels = (values - low) / max(high - low, 1e-12)
    levels = np.clip(levels, 0, 1) ** (1 if signed else request.gamma)
    tiles = np.zeros((rows * columns, height, width), np.uint8)
    tiles[:count] = np.round(levels[order] * 255)
    flat = tiles.reshape(rows, columns, height, width).transpose(0, 2, 1, 3).reshape(rows * height, columns * width)
    return GridResult(
        request=request,
        picture=colorize(np.ascontiguousarray(flat), DIVERGING if signed else request.colormap),
        rows=rows,
        columns=columns,
        tile=(height, width),
        gap=0,
        order=order,
        maxima=maxima.astype(np.float32),
        dead=maxima - minima <= 0 if not signed else maxima <= 0,
        low=low,
        high=high,
        signed=signed,
        map_size=layer.size,
    )


def best_columns(count: int, tile: tuple[int, int], room: tuple[int, int]) -> int:
    """The number of columns with which tiles can be largest in ``room``, found by trying each."""
    fits = [
        min(room[0] / (-(-count // columns) * (tile[0] + 1)), room[1] / (columns * (tile[1] + 1)))
        for columns in range(1, count + 1)
    ]
    return int(np.argmax(fits)) + 1


def layer_values(layer: Layer) -> FloatMaps:
    """The layer's activations for the photograph: (C, h, w), or (C,) for a vector."""
    if layer.size is None:
        return np.random.default_rng(7).normal(2, 3, layer.channels).astype(np.float32)
    return feature_maps(layer.channels, layer.size[0])


@lru_cache(maxsize=512)
def edges_of(unit: int, size: int) -> tuple[FloatMaps, UInt8Array, float]:
    """Edges of the photograph in one direction, as they are, as a picture around mid grey, and the largest."""
    photo = photograph()
    side = min(photo.shape[:2])
    square = photo[:side, (photo.shape[1] - side) // 2 :][:, :side]
    small = cv2.resize(square, (size, size), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    angle = unit * 0.7
    edges = np.cos(angle) * cv2.Sobel(small, cv2.CV_32F, 1, 0) + np.sin(angle) * cv2.Sobel(small, cv2.CV_32F, 0, 1)
    edges *= (np.abs(edges) > 0.25) * 1.0
    scale = float(np.abs(edges).max())
    picture = np.full((size, size, 4), 255, np.uint8)
    picture[:, :, :3] = np.round(127.5 + 127.5 * edges[:, :, ::-1] / scale)
    edges.flags.writeable = picture.flags.writeable = False
    return edges, picture, scale


def back_result(layer: str, unit: int, rule: Rule = "guided", view: Any = "raw", size: int = 128) -> BackResult:
    """Edges of the photograph in one direction, as a back-projection looks: signed colours around mid grey."""
    edges, picture, scale = edges_of(unit, size)
    histogram = None
    if view == "histogram":
        counts, bounds = np.histogram(edges, 48)
        histogram = (counts.astype(np.float32), bounds.astype(np.float32))
    return BackResult(layer, unit, rule, view, picture.copy(), scale, "", histogram)


def unit_result(layer: Layer, request: Any) -> UnitResult:
    """One unit's map and its statistics."""
    values = layer_values(layer)[request.unit]
    values = np.atleast_2d(values)
    low, high = float(values.min()), float(values.max())
    levels = np.round((values - low) / max(high - low, 1e-12) * 255).astype(np.uint8)
    peak = np.unravel_index(int(values.argmax()), values.shape)
    return UnitResult(
        request=request,
        picture=colorize(levels, request.colormap),
        minimum=low,
        maximum=high,
        mean=float(values.mean()),
        active=float((values > 0).mean()),
        peak=(int(peak[0]), int(peak[1])),
    )


def dream(request: DreamRequest) -> UInt8Array:
    """The photograph with its edges the stronger, the stronger the dream: uint8 (h, w, 4) BGRX."""
    photo = cv2.resize(photograph(), (192, 128), interpolation=cv2.INTER_AREA)
    sharp = cv2.addWeighted(photo, 1 + request.strength, cv2.GaussianBlur(photo, (0, 0), 3), -request.strength, 0)
    picture = np.full((128, 192, 4), 255, np.uint8)
    picture[:, :, :3] = sharp[:, :, ::-1]
    return picture


def answerable(request: ViewRequest, by_name: dict[str, Layer]) -> ViewRequest:
    """The request without what this network does not have: one made for the network before may still be on its way."""

    def there(part: Any) -> bool:
        layer = by_name.get(part.layer) if part is not None else None
        return layer is not None and (getattr(part, "unit", 0) or 0) < layer.channels

    parts = {name: getattr(request, name) for name in ("grid", "unit", "back", "strongest")}
    return replace(
        request,
        **{name: part for name, part in parts.items() if there(part)}
        | {name: None for name, part in parts.items() if not there(part)},
    )


def view_result(
    request: ViewRequest, info: NetworkInfo, *, frame_id: int = 1, name: str = "chelsea", captured: float = 0.0
) -> ViewResult:
    """The answer to a request."""
    photo = photograph(name)
    height, width = photo.shape[:2]
    side = min(height, width)
    seen = (0.0, 0.0, float(height), float(width))
    if request.fit == "crop":
        top, left = (height - side) / 2, (width - side) / 2
        seen = (top, left, top + side, left + side)
    by_name = {layer.name: layer for layer in info.layers}
    request = answerable(request, by_name)
    chances = np.array([0.618, 0.241, 0.059, 0.017, 0.008, 0.006, 0.004, 0.002, 0.001, 0.001])
    chances = np.roll(chances, frame_id // 40 % 3)
    ranked = np.argsort(-chances, kind="stable")
    labels = info.labels
    named = [Prediction(int(i), labels[i], float(chances[i])) for i in ranked if i < len(labels)]
    grid = unit = back = overlay = None
    strongest: tuple[BackResult, ...] = ()
    probe = None
    if request.grid is not None:
        layer = by_name[request.grid.layer]
        grid = grid_result(layer, request.grid)
        if request.probe is not None:
            values = layer_values(layer)
            at, y, x = request.probe
            # A probe of the layer before may still be on its way.
            own = values[at] if at < len(values) else np.float32(np.nan)
            probe = float(own if own.ndim == 0 else own[int(y * own.shape[0]), int(x * own.shape[1])])
    if request.unit is not None:
        unit = unit_result(by_name[request.unit.layer], request.unit)
    if request.back is not None:
        back = back_result(request.back.layer, request.back.unit, request.back.rule, request.back.view)
    if request.strongest is not None and grid is not None:
        order = np.argsort(-grid.maxima, kind="stable")[: request.strongest.count]
        strongest = tuple(back_result(request.strongest.layer, int(i), size=96) for i in order)
    if request.overlay is not None:
        heat = cv2.resize(feature_maps(64, 16)[5], (128, 128), interpolation=cv2.INTER_CUBIC)
        levels = np.round(np.clip(heat / heat.max(), 0, 1) * 255).astype(np.uint8)
        target = None if request.overlay.kind == "unit" else named[0]
        overlay = OverlayResult(
            request.overlay, colorize(levels, request.overlay.colormap), target, 0.0, float(heat.max())
        )
    pinned = tuple(p for index in request.pinned for p in named if p.index == index)
    return ViewResult(
        request=request,
        frame=Frame(frame_id, photo, captured, name.title()),
        seen=seen,
        input_size=request.input_size or info.input_size,
        predictions=tuple(named[: request.top]),
        pinned=pinned,
        grid=grid,
        unit=unit,
        back=back,
        strongest=strongest,
        overlay=overlay,
        probe=probe,
        raw=layer_values(by_name[request.grid.layer]) if request.raw and request.grid is not None else None,
        timings=Timings(0.4, 2.9, 3.1, 0.8),
        finished=captured + 0.01,
        dream=dream(request.dream) if request.dream is not None else None,
    )


@dataclass
class FakeBackend:
    """Answers each request once, at once; ``tick`` gives further frames. What it was asked is in ``calls``."""

    info: NetworkInfo = field(default_factory=network_info)
    calls: list[tuple[Any, ...]] = field(default_factory=list)
    photograph: str = "chelsea"

    def __post_init__(self) -> None:
        self._wake: Callable[[], None] = lambda: None
        self._request: ViewRequest | None = None
        self._result: ViewResult | None = None
        self._events: deque[Event] = deque()
        self._frame = 0
        self._captured = time.perf_counter()
        self._frozen = False
        self.kept: dict[str, GalleryContent] = {}
        self._deleted: list[dict[str, GalleryContent]] = []
        self.map_contents: dict[str, MapContent] = {}
        self.shelf = FakeShelf()

    # what a test does

    def keep(self, content: GalleryContent) -> None:
        """A run has ended and is in the gallery."""
        self.kept[content.entry.id] = content
        self.send(GalleryChanged())

    def tick(self, captured: float | None = None) -> None:
        """A new frame has come, just now unless it is said when, and was answered."""
        if not self._frozen:
            self._frame += 1
        self._captured = time.perf_counter() if captured is None else captured
        self._answer()

    def send(self, event: Event) -> None:
        """An event has come."""
        self._events.append(event)
        self._wake()

    @property
    def request_now(self) -> ViewRequest | None:
        """The last request."""
        return self._request

    def _answer(self) -> None:
        if self._request is not None:
            frame = max(1, self._frame)
            self._result = view_result(
                self._request, self.info, frame_id=frame, name=self.photograph, captured=self._captured
            )
            self._wake()

    # the protocol

    def set_wake(self, wake: Callable[[], None]) -> None:
        self._wake = wake

    def take_result(self) -> ViewResult | None:
        result, self._result = self._result, None
        return result

    def take_events(self) -> list[Event]:
        events = list(self._events)
        self._events.clear()
        return events

    def request(self, request: ViewRequest) -> None:
        self.calls.append(("request", request))
        self._request = request
        self._answer()

    def freeze(self, frozen: bool) -> None:
        self.calls.append(("freeze", frozen))
        self._frozen = frozen

    def load_network(self, spec: NetworkSpec) -> None:
        self.calls.append(("load_network", spec))
        self.send(LoadProgress(spec.name, "reading weights", 0.5, 1.0))
        self.send(NetworkReady(self.info))

    def cancel_load(self) -> None:
        self.calls.append(("cancel_load",))

    def models(self) -> list[ModelCard]:
        return [
            ModelCard("tinynet", "bundled", "tinynet", (128, 128), 1_900_000, True),
            ModelCard("alexnet", "torchvision", "AlexNet", (224, 224), 61_100_840, False),
        ]

    def cameras(self) -> list[CameraCard]:
        return [CameraCard(0, "Front camera")]

    def open_source(self, spec: str) -> None:
        self.calls.append(("open_source", spec))
        self.send(SourceStatus(spec, spec, "live"))

    def control_source(self, control: str, value: Any = None) -> None:
        self.calls.append(("control_source", control, value))

    def run_options(self, name: str) -> tuple[Option, ...]:
        return RUN_OPTIONS[name]

    def run_presets(self, name: str) -> Mapping[str, Mapping[str, Any]]:
        return RUN_PRESETS.get(name, {})

    def run_needs(self, name: str) -> str:
        return RUN_NEEDS.get(name, "picture")

    def start_run(self, name: str, options: dict[str, Any], image: Any = None) -> int:
        self.calls.append(("start_run", name, options, image))
        return sum(call[0] == "start_run" for call in self.calls)

    def control_run(self, run_id: int, control: str, value: int | None = None) -> None:
        self.calls.append(("control_run", run_id, control, *(() if value is None else (value,))))

    def set_live_share(self, share: float) -> None:
        self.calls.append(("set_live_share", share))

    def start_recording(self, path: str) -> None:
        self.calls.append(("start_recording", path))

    def record(self, picture: Any) -> None:
        self.calls.append(("record", picture))

    def stop_recording(self) -> None:
        self.calls.append(("stop_recording",))

    def save(self, path: str, content: Any) -> None:
        self.calls.append(("save", path, content))

    def gallery_entries(self) -> tuple[GalleryEntry, ...]:
        return tuple(sorted((kept.entry for kept in self.kept.values()), key=lambda entry: -entry.created))

    def gallery_open(self, entry_id: str) -> None:
        self.calls.append(("gallery_open", entry_id))
        self.send(GalleryOpened(entry_id, self.kept.get(entry_id)))

    def gallery_repeat(self, entry_id: str) -> int:
        self.calls.append(("gallery_repeat", entry_id))
        entry = self.kept[entry_id].entry
        return self.start_run(entry.run, dict(entry.options))

    def gallery_delete(self, entry_ids: Sequence[str]) -> None:
        self.calls.append(("gallery_delete", tuple(entry_ids)))
        self._deleted.append({each: self.kept.pop(each) for each in entry_ids if each in self.kept})
        self.send(GalleryChanged())

    def gallery_undelete(self) -> None:
        self.calls.append(("gallery_undelete",))
        if self._deleted:
            self.kept |= self._deleted.pop()
            self.send(GalleryChanged())

    def gallery_save(self, entry_id: str) -> None:
        self.calls.append(("gallery_save", entry_id))

    def gallery_export(self, entry_id: str, path: str) -> None:
        self.calls.append(("gallery_export", entry_id, path))

    def gallery_cancel_export(self) -> None:
        self.calls.append(("gallery_cancel_export",))

    def unit_images(self, network_hash: str, layer: str, unit: int) -> tuple[UInt8Array, ...]:
        made = [
            kept for kept in self.kept.values()
            if kept.entry.run == "class_image" and kept.entry.network_hash == network_hash
            and (kept.entry.options.get("layer"), kept.entry.options.get("unit")) == (layer, unit)
        ]  # fmt: skip
        return tuple(kept.image for kept in sorted(made, key=lambda kept: -kept.entry.created))

    def libraries(self) -> tuple[LibraryInfo, ...]:
        return self.shelf.infos

    def library_serving(self, network_hash: str) -> LibraryInfo | None:
        return self.shelf.serving(network_hash)

    def library_choose(self, folder: str) -> None:
        self.calls.append(("library_choose", folder))
        self.shelf.chosen = folder
        self.send(LibrariesChanged())

    def library_unit(self, network_hash: str, layer: str, unit: int) -> None:
        self.calls.append(("library_unit", network_hash, layer, unit))
        for event in self.shelf.unit(network_hash, layer, unit):
            self.send(event)

    def library_backs(self, network_hash: str, layer: str, unit: int, rule: Any, view: Any) -> None:
        self.calls.append(("library_backs", network_hash, layer, unit, rule, view))
        for event in self.shelf.backs(network_hash, layer, unit, rule):
            self.send(event)

    def library_layer(self, network_hash: str, layer: str, shown: int, side: int) -> None:
        self.calls.append(("library_layer", network_hash, layer, shown, side))
        for event in self.shelf.layer(network_hash, layer, shown, side):
            self.send(event)

    def library_correlation(self, network_hash: str, layer: str, clustered: bool) -> None:
        self.calls.append(("library_correlation", network_hash, layer, clustered))
        for event in self.shelf.correlation(network_hash, layer, clustered):
            self.send(event)

    def library_open(self, folder: str, layer: str, unit: int, rank: int) -> None:
        self.calls.append(("library_open", folder, layer, unit, rank))

    def library_export(self, folder: str, layer: str, path: str) -> None:
        self.calls.append(("library_export", folder, layer, path))

    def library_cancel_export(self) -> None:
        self.calls.append(("library_cancel_export",))

    def library_delete(self, folder: str) -> None:
        self.calls.append(("library_delete", folder))
        self.shelf.delete(folder)
        self.send(LibrariesChanged())

    def library_undelete(self) -> None:
        self.calls.append(("library_undelete",))
        self.shelf.undelete()
        self.send(LibrariesChanged())

    def maps(self) -> tuple[MapInfo, ...]:
        return tuple(content.info for content in self.map_contents.values())

    def map_open(self, folder: str) -> None:
        self.calls.append(("map_open", folder))
        content = self.map_contents.get(folder)
        self.send(MapOpened(folder, content, "" if content is not None else "It is not there; make it again"))

    def map_place(self, folder: str, frame: int, features: Any) -> None:
        self.calls.append(("map_place", folder, frame, features))

    def map_picture(self, folder: str, index: int, whole: bool) -> None:
        self.calls.append(("map_picture", folder, index, whole))

    def map_picture_file(self, folder: str, index: int) -> None:
        self.calls.append(("map_picture_file", folder, index))

    def map_export(self, folder: str, path: str, coloring: str) -> None:
        self.calls.append(("map_export", folder, path, coloring))

    def report_status(self) -> None:
        """The engine's figures have come."""
        self.send(EngineStatus(58.7, 0, 17.0, 1.0))
