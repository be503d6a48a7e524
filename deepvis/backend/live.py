"""One frame, seen through one request: a forward pass, the backward passes that it asks for, and their pictures."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch

from deepvis.backend.live_dream import LiveDream
from deepvis.backend.live_filters import LiveFilters
from deepvis.backend.maps.features import pooled
from deepvis.backend.methods.backprojection import (
    backproject_tensor,
    backproject_units,
    origin_gradient,
    strongest_units,
)
from deepvis.backend.methods.differentiation import DifferentiablePass, differentiable_pass
from deepvis.backend.methods.grad_cam import grad_cam_tensor, guided_grad_cam_tensor, last_convolutional
from deepvis.backend.methods.saliency import saliency_tensor
from deepvis.backend.methods.views import back_view, rule_note, why_zero
from deepvis.backend.network import Network, NetworkError
from deepvis.backend.render.grid import RunningRange, render_grid
from deepvis.backend.render.pictures import bgrx, draw_view, heat, render_unit
from deepvis.backend.rules import RuleSwitch
from deepvis.messages import (
    BackRequest,
    BackResult,
    BackViewName,
    DreamRequest,
    FloatArray,
    Frame,
    GridRequest,
    GridResult,
    OverlayRequest,
    OverlayResult,
    Prediction,
    Rule,
    Size,
    StrongestRequest,
    Timings,
    UInt8Array,
    ViewRequest,
    ViewResult,
)

_DREAM_SIDE = 256
"""The longer side in pixels of what is dreamt on live, so that dreams keep up with a camera."""


@dataclass(slots=True)
class _Pass:
    """One forward pass, kept as long as its frame is shown: views of a still picture change without another one."""

    key: tuple[object, ...]
    seen: tuple[float, float, float, float]
    size: Size
    logits: torch.Tensor
    probabilities: FloatArray
    activations: Mapping[str, torch.Tensor]
    graph: DifferentiablePass | None

    def graph_by(self, rule: Rule) -> DifferentiablePass:
        """The graph, to be gone back through by ``rule``."""
        assert self.graph is not None
        self.graph.switch.rule = rule
        return self.graph


class _Stopwatch:
    def __init__(self) -> None:
        self.spent: dict[str, float] = {}

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            self.spent[stage] = self.spent.get(stage, 0.0) + (time.perf_counter() - began) * 1000

    def timings(self) -> Timings:
        return Timings(**self.spent)


class LiveView:
    """Answers requests for frames with one network. Engine thread only.

    Parameters
    ----------
    network : in the precision and memory layout in which it is to run.
    """

    def __init__(self, network: Network) -> None:
        self._network = network
        self._ranges = RunningRange()
        self._dream = LiveDream(network)
        self._pass: _Pass | None = None
        self._last_convolution: str | None = None
        self._filters = LiveFilters(network)

    def show(self, frame: Frame, request: ViewRequest) -> ViewResult:
        """The answer to ``request`` for ``frame``.

        A part that cannot be computed is left out and its reason stands in ``problem``; what makes all of it impossible
        (the network fails, memory) is raised.
        """
        watch = _Stopwatch()
        problems: list[str] = []
        request = self._answerable(request, problems)
        run = self._forward(frame, request, watch)
        predictions = self._predictions(run, request.top)
        if not np.isfinite(run.probabilities).all():
            problems.append(
                f"network {self._network.name} answers with values that are not finite (NaN or infinite) for this "
                "picture; its probabilities cannot be read. Another precision (fp32) may help"
            )
            predictions = ()

        back, gradient = None, None
        strongest: tuple[BackResult, ...] = ()
        overlay = None
        dream = None
        with watch("backward"):
            if request.back is not None:
                back, gradient = self._back(run, request.back, request.grid)
            if request.strongest is not None:
                strongest = self._strongest(run, request.strongest)
            if request.overlay is not None:
                try:
                    overlay = self._overlay(run, request.overlay)
                except (ValueError, KeyError) as error:
                    problems.append(str(error.args[0]))
            if request.dream is None:
                self._dream.reset()
            else:
                try:
                    dream = self._dreamt(frame, request.dream)
                except (ValueError, KeyError, NetworkError) as error:
                    problems.append(str(error.args[0]))
        with watch("render"):
            grid, probe, raw = None, None, None
            if request.grid is not None:
                signed = request.grid.show == "gradient" and gradient is not None
                values = gradient if signed and gradient is not None else self._activation(run, request.grid.layer)
                grid = self._grid(values, request.grid, signed)
                grid = self._filter_grid(request.grid, problems) or grid
                probe = _probe(values, request.probe)
                raw = values.detach().to(torch.float32).cpu().numpy() if request.raw else None
            unit = None
            if request.unit is not None:
                unit = render_unit(self._activation(run, request.unit.layer)[request.unit.unit], request.unit)
                unit = replace(unit, filters=self._filters.pictures(request.unit.layer, request.unit.unit))
        return ViewResult(
            request=request,
            frame=frame,
            seen=run.seen,
            input_size=run.size,
            predictions=predictions,
            pinned=self._pinned(run, request.pinned),
            grid=grid,
            unit=unit,
            back=back,
            strongest=strongest,
            overlay=overlay,
            dream=dream,
            probe=probe,
            raw=raw,
            features=None if request.features is None else self._features(run, request.features),
            timings=watch.timings(),
            problem="; ".join(problems),
        )

    def forget(self) -> None:
        """Let go of the tensors that are kept from one frame to the next; the next one is computed anew."""
        self._pass = None
        self._dream.reset()

    # --------------------------------------------------------------------------------------------- passes

    def _answerable(self, request: ViewRequest, problems: list[str]) -> ViewRequest:
        """The request without the parts that this network cannot answer."""
        net = self._network

        def valid(layer: str | None, unit: int | None = None) -> bool:
            if layer is None:
                return True
            try:
                net.layer(layer) if unit is None else net.check_unit(layer, unit)
            except (KeyError, ValueError) as error:
                problems.append(str(error.args[0]))
                return False
            return True

        keep: dict[str, object] = {}
        if request.grid is not None and not valid(request.grid.layer):
            keep["grid"] = None
        if request.unit is not None and not valid(request.unit.layer, request.unit.unit):
            keep["unit"] = None
        if request.back is not None and not valid(request.back.layer, request.back.unit):
            keep["back"] = None
        if request.strongest is not None and not valid(request.strongest.layer):
            keep["strongest"] = None
        if request.overlay is not None and not valid(request.overlay.layer, request.overlay.unit):
            keep["overlay"] = None
        if request.dream is not None and not valid(request.dream.layer, request.dream.unit):
            keep["dream"] = None
        if not valid(request.features):
            keep["features"] = None
        if keep:
            request = replace(request, **keep)  # type: ignore[arg-type]
        if (_needs_gradient(request) or request.dream is not None) and not net.differentiable:
            problems.append(
                f"network {net.name} has no gradients (it is quantised, or detaches its input), so nothing can be "
                "projected back through it; activations are shown"
            )
            request = replace(request, back=None, strongest=None, overlay=None, dream=None)
        return request

    def _forward(self, frame: Frame, request: ViewRequest, watch: _Stopwatch) -> _Pass:
        net = self._network
        size = request.input_size or net.input_size
        layers = self._layers(request)
        gradient = _needs_gradient(request)
        key = (frame.id, request.fit, size, gradient)
        last = self._pass
        if last is not None and last.key == key and layers <= last.activations.keys():
            return last
        self._pass = None  # frees the graph before the next one is built
        with watch("preprocess"):
            preprocessing = net.preprocessing if size == net.input_size else net.preprocessing.at(size)
            seen = preprocessing.placement(frame.image.shape[0], frame.image.shape[1], request.fit).seen
            x = preprocessing.normalise(preprocessing.pixels(frame.image, request.fit).to(net.device))[None]
            if net.channels_last:
                x = x.contiguous(memory_format=torch.channels_last)
        with watch("forward"):
            graph = None
            if gradient:
                graph = differentiable_pass(net, x, layers, RuleSwitch())
                logits, activations = graph.logits, graph.activations
            else:
                with torch.inference_mode():
                    logits, raw = net.run(x, layers)
                    activations = {name: net.arrange(tensor, name) for name, tensor in raw.items()}
            assert logits is not None
            probabilities = torch.softmax(logits[0].detach().to(torch.float32), 0).cpu().numpy()
        self._pass = _Pass(key, seen, size, logits, probabilities, activations, graph)
        return self._pass

    def _layers(self, request: ViewRequest) -> set[str]:
        """What one pass must capture to answer a request."""
        layers = {part.layer for part in (request.grid, request.unit, request.back, request.strongest) if part}
        if request.features is not None:
            layers.add(request.features)
        overlay = request.overlay
        if overlay is not None:
            if overlay.layer is not None and overlay.unit is not None:
                layers.add(overlay.layer)
            if overlay.kind in ("grad_cam", "guided_grad_cam"):
                layers.add(self._grad_cam_layer(overlay))
        return layers

    def _grad_cam_layer(self, overlay: OverlayRequest) -> str:
        # With a unit, ``layer`` is the unit's own; Grad-CAM then looks from the last convolution below it.
        if overlay.layer is not None and overlay.unit is None:
            return overlay.layer
        if self._last_convolution is None:
            self._last_convolution = last_convolutional(self._network).name
        return self._last_convolution

    def _activation(self, run: _Pass, layer: str) -> torch.Tensor:
        """(C, H, W) or (C,) of a captured layer."""
        return run.activations[layer][0]

    def _features(self, run: _Pass, layer: str) -> FloatArray:
        """float32 (C,), a captured layer averaged over its maps."""
        features: FloatArray = pooled(run.activations[layer].detach())[0].cpu().numpy()
        return features

    # ---------------------------------------------------------------------------------------------- parts

    def _predictions(self, run: _Pass, count: int) -> tuple[Prediction, ...]:
        probabilities = run.probabilities
        count = min(count, len(probabilities))
        best = np.argpartition(-probabilities, count - 1)[:count] if count else np.zeros(0, int)
        best = best[np.argsort(-probabilities[best], kind="stable")]
        return tuple(self._prediction(run, int(index)) for index in best)

    def _pinned(self, run: _Pass, classes: tuple[int, ...]) -> tuple[Prediction, ...]:
        return tuple(self._prediction(run, index) for index in classes if 0 <= index < len(run.probabilities))

    def _prediction(self, run: _Pass, index: int) -> Prediction:
        return Prediction(index, self._network.labels[index], float(run.probabilities[index]))

    def _grid(self, values: torch.Tensor, request: GridRequest, signed: bool) -> GridResult:
        return render_grid(values, self._network.layer(request.layer), request, self._ranges, signed=signed)

    def _filter_grid(self, request: GridRequest, problems: list[str]) -> GridResult | None:
        if request.show != "filters":
            return None
        try:
            return self._filters.grid(request)
        except ValueError as error:
            problems.append(str(error))
            return None

    def _back(
        self, run: _Pass, request: BackRequest, grid: GridRequest | None
    ) -> tuple[BackResult, torch.Tensor | None]:
        """The back-projection of the origin, and d(origin)/d(viewed layer) where the mosaic shows it."""
        graph = run.graph_by(request.rule)
        position = _inside(request.position, run.activations[request.layer])
        viewed = None
        note = ""
        if grid is not None and grid.show == "gradient":
            viewed = origin_gradient(graph, request.layer, request.unit, grid.layer, position, request.seed, keep=True)
            if viewed is None:
                note = f"{grid.layer} does not come before {request.layer}, so nothing goes back to it"
                viewed = torch.zeros_like(run.activations[grid.layer])
        gradient = backproject_tensor(graph, request.layer, request.unit, position, request.seed, keep=True)
        result = self._back_result(run, gradient, request.layer, request.unit, request.rule, request.view)
        why = why_zero(gradient, run.activations[request.layer], request.unit, request.rule, request.seed, position)
        note = note or why or rule_note(self._network.catalogue.rectifiers, request.rule)
        return replace(result, note=note), None if viewed is None else viewed[0]

    def _strongest(self, run: _Pass, request: StrongestRequest) -> tuple[BackResult, ...]:
        graph = run.graph_by(request.rule)
        units = strongest_units(run.activations[request.layer], request.count)
        gradients = backproject_units(graph, request.layer, units, keep=True)
        return tuple(
            self._back_result(run, gradient, request.layer, unit, request.rule, request.view)
            for unit, gradient in zip(units, gradients, strict=True)
        )

    def _back_result(
        self, run: _Pass, gradient: torch.Tensor, layer: str, unit: int, rule: Rule, view: BackViewName
    ) -> BackResult:
        drawn = back_view(gradient[0], view)
        return BackResult(layer, unit, rule, view, draw_view(drawn), drawn.scale, "", drawn.histogram)

    def _dreamt(self, frame: Frame, request: DreamRequest) -> UInt8Array:
        """The dream on this frame, uint8 (h, w, 4) BGRX; a frame that is shown again is dreamt on further."""
        height, width = frame.image.shape[:2]
        scale = min(1.0, _DREAM_SIDE / max(height, width))
        image = frame.image
        if scale < 1:
            size = (max(1, round(width * scale)), max(1, round(height * scale)))
            image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
        dreamt = self._dream.show(
            image, request.layer, unit=request.unit, strength=request.strength, memory=request.memory
        )
        return bgrx(dreamt)

    def _overlay(self, run: _Pass, request: OverlayRequest) -> OverlayResult:
        of_unit = request.unit is not None and request.layer is not None
        if request.kind == "unit":
            if not of_unit:
                raise ValueError("choose a unit to lay its map over the picture")
            values = run.activations[str(request.layer)][0, request.unit].detach().to(torch.float32)
            array = np.atleast_2d(values.cpu().numpy())
            picture = heat(array, request.colormap)
            return OverlayResult(request, picture, None, float(array.min()), float(array.max()))
        target = None if of_unit else request.target
        if target is None:
            target = int(run.logits[0].detach().to(torch.float32).argmax())
        target = self._network.target_index(target)
        array, note = self._heat(
            run, request, None if not of_unit else (str(request.layer), int(request.unit or 0)), target
        )
        named = None if of_unit else self._prediction(run, target)
        low, high = 0.0, float(array.max())
        if high == 0 and not note:
            note = "the map is zero everywhere: nothing here speaks for this"
        return OverlayResult(request, heat(array, request.colormap, low, high), named, low, high, note)

    def _heat(
        self, run: _Pass, request: OverlayRequest, unit: tuple[str, int] | None, target: int
    ) -> tuple[FloatArray, str]:
        """Saliency, Grad-CAM or guided Grad-CAM of a class or a unit, float32 (h, w) >= 0."""
        if request.kind == "saliency":
            graph = run.graph_by("gradient")
            if unit is not None:
                gradient = backproject_tensor(graph, *unit, keep=True)
                return gradient[0].abs().amax(0).cpu().numpy(), why_zero(
                    gradient, run.activations[unit[0]], unit[1], "gradient"
                )
            return saliency_tensor(graph, target, keep=True)[0].cpu().numpy(), ""
        if unit is not None:
            raise ValueError(
                "Grad-CAM looks from a class; choose the top class or pin one, or take the saliency of the unit"
            )
        layer = self._grad_cam_layer(request)
        if request.kind == "grad_cam":
            return grad_cam_tensor(run.graph_by("gradient"), layer, target, keep=True)[0].cpu().numpy(), ""
        graph = run.graph_by("gradient")
        return guided_grad_cam_tensor(graph, layer, target, keep=True)[0].abs().amax(0).cpu().numpy(), ""


def _needs_gradient(request: ViewRequest) -> bool:
    overlay = request.overlay is not None and request.overlay.kind != "unit"
    return request.back is not None or request.strongest is not None or overlay


def _inside(position: tuple[int, int] | None, activation: torch.Tensor) -> tuple[int, int] | None:
    """The position, moved into the map where the live input is smaller than it was when it was chosen."""
    if position is None or activation.dim() != 4:
        return None
    return min(position[0], activation.shape[2] - 1), min(position[1], activation.shape[3] - 1)


def _probe(values: torch.Tensor, probe: tuple[int, float, float] | None) -> float | None:
    """The value of a (C, H, W) or (C,) layer at (unit, y, x), y and x in [0, 1)."""
    if probe is None or not 0 <= probe[0] < values.shape[0]:
        return None
    own = values[probe[0]]
    if own.dim() == 2:
        own = own[int(probe[1] * own.shape[0]), int(probe[2] * own.shape[1])]
    return float(own.detach())
