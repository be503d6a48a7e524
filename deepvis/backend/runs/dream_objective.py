"""What a dream climbs: the activations of layers, of one unit, or their likeness to a second picture's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from deepvis.backend.methods.differentiation import differentiable_pass, graphs_on, input_gradient
from deepvis.backend.network import Network, NetworkError
from deepvis.messages import Layer

_GUIDE_PLACES = 4096
"""Places of the guide that are compared at most, evenly spread over it."""

_COMPARED_AT_ONCE = 4096
"""Places of the dream that are compared with the guide in one matrix product, so that memory stays bounded."""

_SIDES = (32, 48, 64, 96, 128, 160, 192)
"""Sides in pixels that are tried as the smallest input, before the network's own."""


@dataclass(frozen=True, slots=True)
class WeightedLayer:
    """One layer of the objective and how much it counts."""

    name: str
    weight: float = 1.0


def parse_layers(text: str | Sequence[str]) -> tuple[WeightedLayer, ...]:
    """Layers with weights from ``"conv4:1, conv5:0.5"``, or from a sequence of such entries; a weight left out is 1.

    Raises ValueError for an entry without a name, a weight that is no finite number, or weights that are all 0.
    """
    entries = text.split(",") if isinstance(text, str) else list(text)
    found = []
    for entry in entries:
        name, colon, weight = (part.strip() for part in str(entry).rpartition(":"))
        if not colon:
            name, weight = weight, "1"
        try:
            number = float(weight)
        except ValueError:
            number = float("nan")
        if not name or not abs(number) < float("inf"):
            raise ValueError(f"layers {entry.strip()!r} is not LAYER or LAYER:WEIGHT, such as conv4:1, conv5:0.5")
        found.append(WeightedLayer(name, number))
    if not any(layer.weight for layer in found):
        raise ValueError(
            f"layers {text!r} has no weight other than 0; give at least one layer a weight, such as conv4:1"
        )
    return tuple(found)


def default_layer(net: Network) -> str:
    """A layer that dreams well: of the rectified (or joined) maps of the window's layer strip, one at two thirds.

    Raises ValueError for a network without a layer that has maps.
    """
    there = [layer for layer in net.layers if layer.size is not None and min(layer.size) > 1]
    if not there:
        raise ValueError(f"network {net.name!r} has no layer with maps to dream of; name one with layer")
    chosen = [layer for layer in there if layer.main] or there
    # A rectified map says what is there; of a convolution's bare output, what is absent counts as much.
    preferred = [layer for layer in chosen if layer.kind in ("relu", "activation", "cat", "add", "block")]
    candidates = preferred or chosen
    return candidates[round((len(candidates) - 1) * 2 / 3)].name


class DreamObjective:
    """The objective of a dream on one network, and its gradient with respect to the pixels.

    The value is half the weighted mean square of the layers' activations, Σ w·‖A‖²/(2·count), whose gradient is seeded
    with the activations themselves. Of one unit, only where it is active counts. With a guide, each place of the dream
    climbs the scalar product with the most alike place of the guide instead.

    Parameters
    ----------
    net : the network.
    layers : what counts; every layer needs maps.
    unit : one channel of the only layer, or None: all.
    guide : float32 (1, c, h, w) pixels in [0, 1] of a second picture, or None.

    Raises
    ------
    KeyError : a layer is not in the catalogue.
    ValueError : a layer without maps, a unit out of range, a unit of several layers or with a guide.
    NetworkError : the network gives no gradients.
    """

    def __init__(
        self,
        net: Network,
        layers: Sequence[WeightedLayer],
        *,
        unit: int | None = None,
        guide: torch.Tensor | None = None,
    ) -> None:
        self._net = net
        self.layers = tuple(layers)
        self.unit = unit
        found = [_with_maps(net, layer.name) for layer in self.layers]
        if unit is not None:
            if len(self.layers) > 1:
                raise ValueError(f"unit {unit} needs one layer; choose a single layer, or no unit")
            if guide is not None:
                raise ValueError(f"unit {unit} and a guide exclude each other: leave out one of them")
            net.check_unit(self.layers[0].name, unit)
        counts = [float(layer.channels if unit is None else 1) * _area(layer) for layer in found]
        self._densities = [count / (net.input_size[0] * net.input_size[1]) for count in counts]
        self._guides = None if guide is None else self._features(guide)

    @property
    def dtype(self) -> torch.dtype:
        """Number format in which the network computes."""
        return self._net.dtype

    @property
    def stride(self) -> int:
        """Pixels by which a picture can be shifted so that all layers shift by whole places."""
        strides = [1]
        for layer in self.layers:
            field = self._net.layer(layer.name).receptive_field
            size = self._net.layer(layer.name).size
            if field is not None:
                strides += field.stride
            elif size is not None:
                strides += [max(1, self._net.input_size[0] // size[0]), max(1, self._net.input_size[1] // size[1])]
        return max(strides)

    @property
    def reach(self) -> int | None:
        """How far in pixels the gradient at one place depends on the picture, or None where that is everywhere."""
        reaches = []
        for layer in self.layers:
            field = self._net.layer(layer.name).receptive_field
            if field is None:
                return None
            reaches.append(max(field.size) - 1)
        return max(reaches)

    @property
    def smallest(self) -> int:
        """Shorter side in pixels of the smallest picture in which every layer still has places."""
        own = min(self._net.input_size)
        least = self._net.min_size if self._net.flexible else 0
        for side in (side for side in _SIDES if least <= side < own):
            blank = torch.zeros(1, self._net.channels, side, side, device=self._net.device)
            try:
                with torch.inference_mode():
                    _, raw = self._net.run(blank, [layer.name for layer in self.layers], stop=True)
                    maps = [self._net.arrange(tensor, name) for name, tensor in raw.items()]
            except NetworkError:
                continue
            if all(tensor.dim() == 4 and min(tensor.shape[2:]) > 0 for tensor in maps):
                return side
        return own

    def gradient(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The gradient at float32 (1, c, h, w) pixels in [0, 1], and the value as a float32 tensor without axes.

        The value is per place, so that pictures of different sizes compare; the gradient is not divided by their
        number, so that tiles of one picture fit together.
        """
        preprocessing = self._net.preprocessing
        names = [layer.name for layer in self.layers]
        done = differentiable_pass(self._net, preprocessing.normalise(pixels), names, stop=True)
        area = pixels.shape[-2] * pixels.shape[-1]
        value = torch.zeros((), device=pixels.device)
        largest = max(self._densities)
        half = 1.0 if self._guides is not None else 0.5
        seeds = []
        for number, (layer, density) in enumerate(zip(self.layers, self._densities, strict=True)):
            maps = done.activations[layer.name].detach()
            seed = self._seed(maps, number)
            product = torch.dot(maps.flatten().to(torch.float32), seed.flatten().to(torch.float32))
            value = value + product * (half * layer.weight / (density * area))
            scale = layer.weight * largest / density
            seeds.append(seed if scale == 1 else seed * scale)
        what = f"layer {names[-1]!r}"
        if len(seeds) == 1:
            gradient = input_gradient(done, done.activations[names[0]], seeds[0], what)
        else:
            with graphs_on():
                climbed = sum((done.activations[name] * seed).sum() for name, seed in zip(names, seeds, strict=True))
            assert isinstance(climbed, torch.Tensor)
            gradient = input_gradient(done, climbed, torch.ones_like(climbed), what)
        _, std = preprocessing.vectors(pixels.device)
        return gradient / std, value

    def _seed(self, maps: torch.Tensor, number: int) -> torch.Tensor:
        """The gradient at one layer's (1, C, H, W) maps to begin with, of the same shape."""
        if self._guides is not None:
            return _most_alike(maps, self._guides[number])
        if self.unit is None:
            return maps
        seed = torch.zeros_like(maps)
        own = maps[:, self.unit].clamp_min(0)
        # A unit that is active nowhere would give no gradient at all: its whole map then climbs alike.
        seed[:, self.unit] = own if bool(own.any()) else 1.0
        return seed

    def _features(self, guide: torch.Tensor) -> list[torch.Tensor]:
        """(C, places) of each layer on the guide."""
        with torch.no_grad():
            _, raw = self._net.run(
                self._net.preprocessing.normalise(guide), [layer.name for layer in self.layers], stop=True
            )
            found = []
            for layer in self.layers:
                flat = self._net.arrange(raw[layer.name], layer.name)[0].flatten(1)
                every = -(-flat.shape[1] // _GUIDE_PLACES)
                found.append(flat[:, ::every].clone())
        return found


def _most_alike(maps: torch.Tensor, guide: torch.Tensor) -> torch.Tensor:
    """At each place of (1, C, H, W) the guide's vector of (C, places) with the largest scalar product."""
    flat = maps[0].flatten(1)
    chosen = [
        guide[:, (flat[:, begin : begin + _COMPARED_AT_ONCE].T @ guide).argmax(1)]
        for begin in range(0, flat.shape[1], _COMPARED_AT_ONCE)
    ]
    return torch.cat(chosen, 1).reshape(maps.shape)


def _with_maps(net: Network, name: str) -> Layer:
    layer = net.layer(name)
    if layer.size is None:
        near = [other.name for other in net.layers if other.size is not None and other.main]
        hint = f"; {near[-1]!r} is the last that has" if near else ""
        raise ValueError(f"layer {name!r} has no maps to dream of, only {layer.channels} values{hint}")
    return layer


def _area(layer: Layer) -> int:
    assert layer.size is not None
    return layer.size[0] * layer.size[1]
