"""What a scan of a network records, and how its pictures go through it: decided once, when a library is begun."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from deepvis.backend.device import photograph
from deepvis.backend.library.manifest import ScannedLayer
from deepvis.backend.library.reduction import feature_rows
from deepvis.backend.library.scale import exponent_of
from deepvis.backend.network import Network, NetworkError, lay_out_weights
from deepvis.backend.preprocessing import Preprocessing
from deepvis.messages import Fit, Layer, ReceptiveField

_TOLD_KINDS = ("conv", "linear", "block", "add", "cat", "attention")
_HANDING_ON = ("dropout", "flatten")
_ROOM_CPU = 96 * 2**20
_ROOM_ACCELERATOR = 4 * 2**30
_HELD = 3
"""Maps of the largest size that a pass holds at once: what a layer reads, what it writes, and a branch beside it."""
_CACHED = 8
"""Pictures at once for which the maps of a CPU stay in its cache, …"""
_WEIGHTS = 8 * 2**20
"""… unless more share the reading of weights: bytes of weights to be read for each picture at most."""
_HELD_TWICE = 512 * 2**20
"""Bytes of weights, those of convolutions counted twice, up to which convolutions' are held in a faster layout too."""


def default_layers(net: Network) -> tuple[str, ...]:
    """The layers that a person sees in the window and that weights belong to: convolutions, blocks, linear layers.

    Rectifiers and pooling after them have the same strongest patches, and are left out.
    """
    found = [layer.name for layer in net.layers if layer.main and layer.kind in _TOLD_KINDS]
    return tuple(found or [layer.name for layer in net.layers if layer.main])


def chosen_layers(net: Network, names: Sequence[str]) -> tuple[str, ...]:
    """The layers of these names in the order of the forward pass; no names: the default; ``all``: every layer but those
    that only hand on what they are given (dropout, flattening).

    Raises KeyError with the nearest names.
    """
    if not names:
        return default_layers(net)
    if tuple(names) == ("all",):
        return tuple(layer.name for layer in net.layers if layer.kind not in _HANDING_ON)
    wanted = {net.layer(name).name for name in names}
    return tuple(layer.name for layer in net.layers if layer.name in wanted)


@dataclass(frozen=True, slots=True)
class Probe:
    """What one pass of a photograph and noise tells of a network.

    Attributes
    ----------
    layers : what is recorded.
    feature_layer, feature_size : where the features come from; empty and 0 where there are none.
    """

    layers: tuple[ScannedLayer, ...]
    feature_layer: str
    feature_size: int


def probe(
    net: Network,
    names: Sequence[str],
    preprocessing: Preprocessing,
    fit: Fit,
    *,
    features: bool,
    wanted: bool = False,
    together: bool = True,
) -> Probe:
    """Send a photograph and noise through a network and look at its layers.

    Parameters
    ----------
    net : in the number format of the scan.
    names : of the layers to record. Those whose output has not a row for each picture (tables of positions, say) are
        left out.
    preprocessing : at the size of the scan.
    wanted : the layers were named by a person, who is told where one would have to be left out.
    together : both pictures go through at once; not so for networks that take one at a time.

    Raises
    ------
    ValueError : a layer that is ``wanted`` cannot be scanned, or no layer can. NetworkError
    """
    photo = preprocessing.pixels(photograph(), fit)
    noise = torch.randint(0, 256, photo.shape, generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    inputs = [preprocessing.normalise(pixels.to(net.device))[None] for pixels in (photo, noise)]
    batches = [torch.cat(inputs)] if together else inputs
    largest: dict[str, float] = {}
    sizes: dict[str, tuple[int, int] | None] = {}
    refused: dict[str, str] = {}

    def reduce(name: str, tensor: torch.Tensor) -> torch.Tensor:
        maps = net.arrange(tensor, name) if tensor.shape[0] == len(batches[0]) else tensor
        if maps.shape[:2] != (len(batches[0]), net.layer(name).channels):
            refused[name] = f"of {len(batches[0])} pictures it makes {tuple(tensor.shape)}"
            return tensor.new_empty(0)
        # Without a copy of the maps: the first layers' are the largest thing that a scan holds.
        ends = [float(maps.amin()), float(maps.amax())]
        if not all(map(math.isfinite, ends)):
            ends = [float(maps.float().nan_to_num(0, 0, 0).abs().amax())]
        largest[name] = max(largest.get(name, 0.0), *(abs(end) for end in ends))
        sizes[name] = (int(maps.shape[2]), int(maps.shape[3])) if maps.dim() == 4 else None
        return tensor.new_empty(0)

    with torch.inference_mode():
        try:
            for x in batches:
                net.run(x, names, reduce=reduce)
        except NetworkError as error:
            if not together or not _takes(net, inputs):
                raise
            raise NetworkError(f"network {net.name!r} takes one picture at a time; scan with --batch 1") from error
    if refused and (wanted or len(refused) == len(names)):
        name, reason = next(iter(refused.items()))
        raise ValueError(f"layer {name!r} cannot be scanned: {reason}, which is not one row for each; leave it out")
    layers = []
    for name in (each for each in names if each not in refused):
        layer = net.layer(name)
        exponent = exponent_of(largest[name])
        layers.append(ScannedLayer(name, layer.kind, layer.channels, sizes[name], _field(layer, sizes[name]), exponent))
    feature_layer, feature_size = _feature_layer(net, inputs[0]) if features else ("", 0)
    return Probe(tuple(layers), feature_layer, feature_size)


def _takes(net: Network, inputs: Sequence[torch.Tensor]) -> bool:
    try:
        for x in inputs:
            net.run(x)
    except NetworkError:
        return False
    return True


def _field(layer: Layer, size: tuple[int, int] | None) -> ReceptiveField | None:
    return layer.receptive_field if size is not None else None


def _feature_layer(net: Network, x: torch.Tensor) -> tuple[str, int]:
    """The layer whose output goes into the classifier, and the length of the features: the first of those with just the
    values that the last linear layer reads, one token of many where no other has them; without a linear layer, what the
    last convolution reads."""
    layers = net.layers
    modules = dict(net.module.named_modules())
    for kind in (nn.Linear, nn.Conv2d):
        last = next(
            (
                place
                for place in range(len(layers) - 1, -1, -1)
                if isinstance(modules.get(net.catalogue.sites[layers[place].name].module or ""), kind)
            ),
            None,
        )
        if last is not None:
            break
    else:
        return "", 0
    site = net.catalogue.sites[layers[last].name]
    before = [layer.name for layer in layers[:last]]
    if not before:
        return "", 0
    read: list[torch.Tensor] = []

    def note(_module: nn.Module, args: tuple[Any, ...], named: dict[str, Any]) -> None:
        read.append(next(each for each in (*args, *named.values()) if isinstance(each, torch.Tensor)).detach().clone())

    handle = modules[site.module or ""].register_forward_pre_hook(note, with_kwargs=True)
    try:
        net.forward(x)
    finally:
        handle.remove()
    wanted = read[site.call].flatten(1)
    lengths: dict[str, int] = {}
    same: set[str] = set()

    def compare(name: str, tensor: torch.Tensor) -> torch.Tensor:
        lengths[name] = feature_rows(net, name, tensor).shape[1]
        if tensor.numel() == wanted.numel() and torch.equal(tensor.flatten(1), wanted):
            same.add(name)
        return tensor.new_empty(0)

    with torch.inference_mode():
        net.run(x, before, reduce=compare)

    def rank(name: str) -> tuple[bool, bool, bool]:
        return name in same, net.layer(name).kind != "token", lengths[name] == wanted.shape[1]

    ranked = sorted(before, key=rank, reverse=True)
    chosen = ranked[0] if same else before[-1]
    return chosen, lengths[chosen]


def in_layout(net: Network, preprocessing: Preprocessing) -> tuple[Network, bool]:
    """The network with its weights channels last, in which batches run faster, and whether it is: some stand only the
    plain layout."""
    if not any(isinstance(module, nn.Conv2d) for module in net.module.modules()):
        return net, False
    try:
        copy = net if net.channels_last else net.converted(net.dtype, channels_last=True, share=True)
        x = torch.zeros(1, preprocessing.channels, *preprocessing.size, device=net.device)
        copy.forward(x.contiguous(memory_format=torch.channels_last))
    except Exception:
        # An offer that not every network can take: some call view on their activations, some cannot be copied.
        return net, False
    return copy, True


def packed_weights(net: Network, preprocessing: Preprocessing, batch: int) -> Network:
    """The network with its convolutions' weights laid out for batches of this size, or itself where that cannot be or
    would take much memory."""
    convolutions = sum(m.weight.numel() for m in net.module.modules() if isinstance(m, nn.Conv2d))
    if (net.parameters + convolutions) * torch.finfo(net.dtype).bits / 8 > _HELD_TWICE:
        return net
    x = torch.zeros(batch, preprocessing.channels, *preprocessing.size, device=net.device)
    return net.packed(x)


def rearrange(net: Network) -> None:
    """Put the network's own weights channels last, if it runs so, for a network that nobody else uses: then a scan
    needs no copy of them."""
    if net.channels_last or not any(isinstance(module, nn.Conv2d) for module in net.module.modules()):
        return
    lay_out_weights(net.module, torch.channels_last)
    net.__dict__.pop("channels_last", None)
    try:
        x = torch.zeros(1, net.channels, *net.input_size, device=net.device)
        net.forward(x.contiguous(memory_format=torch.channels_last))
    except NetworkError:
        lay_out_weights(net.module, torch.contiguous_format)
        net.__dict__.pop("channels_last", None)


def batch_size(net: Network, preprocessing: Preprocessing, block: int) -> int:
    """How many pictures go through the network at once: a power of two up to a block, from the sizes of its maps and
    weights alone, so that it is the same wherever and whenever a network is scanned on this kind of device."""
    scale = np.prod(preprocessing.size) / np.prod(net.input_size)
    largest = max((layer.channels * int(np.prod(layer.size or (1, 1))) for layer in net.layers), default=1)
    held = _HELD * largest * scale * torch.finfo(net.dtype).bits / 8
    batch = block
    room = _ROOM_ACCELERATOR
    if net.device.type == "cpu":
        room = _ROOM_CPU
        weights = net.parameters * torch.finfo(net.dtype).bits / 8
        while batch > _CACHED and weights / (batch // 2) <= _WEIGHTS:
            batch //= 2
        # Where the weights are large already, the maps are to be small.
        room -= int(weights / 10)
    while batch > 1 and batch * held > room:
        batch //= 2
    return batch
