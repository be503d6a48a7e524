"""The filters of a whole layer, and which channels of which layer they act on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from deepvis.backend.methods.filters import weight_tensor
from deepvis.backend.network import Network, NetworkError
from deepvis.messages import FloatArray, Layer

_SAMPLE = 4096
"""Values by which tensors of one pass are told apart."""


@dataclass(frozen=True, slots=True)
class FilterBank:
    """The weights of a layer, unit by unit.

    Attributes
    ----------
    layer : whose weights they are.
    weights : float32 (units, slices, h, w), never to be written into: they may be the network's own. A fully connected
        layer that follows maps has their height and width, one that follows a vector has 1 × 1.
    channels : int32 (units, slices), the incoming channel that each slice acts on; in a grouped convolution each unit
        has its group's.
    source : the layer that the channels belong to; None: the picture itself, or it cannot be told.
    sees_picture : whether the channels are those of the picture (red, green and blue, or grey).
    """

    layer: str
    weights: FloatArray
    channels: npt.NDArray[np.int32]
    source: str | None
    sees_picture: bool

    @property
    def slice_norms(self) -> FloatArray:
        """float32 (units, slices), the L2 norm of each slice."""
        norms: FloatArray = np.sqrt(np.einsum("uchw,uchw->uc", self.weights, self.weights))
        return norms

    @property
    def norms(self) -> FloatArray:
        """float32 (units,), the L2 norm of each unit's filter."""
        norms: FloatArray = np.sqrt(np.einsum("uchw,uchw->u", self.weights, self.weights))
        return norms


def nearest_filters(net: Network, layer: str) -> str | None:
    """``layer`` if it has filters, else the nearest layer before it that has; None where there is none.

    Of a sum's two ways the one with the larger filters counts: the other is a shortcut of 1 × 1.

    Raises KeyError where there is no such layer.
    """
    net.layer(layer)
    names = [found.name for found in net.layers]
    before = net.layers[: names.index(layer) + 1]
    kernels = {found.name: _kernel(net, found) for found in before}
    with_filters = [name for name in reversed(kernels) if kernels[name] is not None]
    if not with_filters or with_filters[0] == layer:
        return with_filters[0] if with_filters else None
    nearest = with_filters[0]
    summed = any(found.kind == "add" for found in before[names.index(nearest) :])
    if summed and kernels[nearest] == 1 and len(with_filters) > 1:
        other = with_filters[1]
        if kernels[other] != 1 and net.layer(other).channels == net.layer(nearest).channels:
            return other
    return nearest


def _kernel(net: Network, layer: Layer) -> int | None:
    """Weights of one slice of the layer's filters, None where it has none."""
    if layer.kind not in ("conv", "linear") or net.catalogue.sites[layer.name].module is None:
        return None
    try:
        weight = weight_tensor(net, layer.name)
    except ValueError:
        return None
    return int(weight.shape[2] * weight.shape[3])


def filter_bank(net: Network, layer: str, fed: Mapping[str, str | None] | None = None) -> FilterBank:
    """All filters of one layer, with what they act on.

    Parameters
    ----------
    fed : what :func:`what_feeds` says of the network, if it is known; otherwise it costs one forward pass.

    Raises
    ------
    KeyError : no such layer. ValueError : the layer has no filters; names layers that have.
    """
    weights: FloatArray = weight_tensor(net, layer).to(torch.float32).cpu().numpy()
    units, slices = weights.shape[:2]
    fed = what_feeds(net) if fed is None else fed
    sees_picture = layer in fed and fed[layer] is None
    source = fed.get(layer)
    if source is not None and net.layer(layer).kind == "linear":
        channels, size = net.layer(source).channels, net.layer(source).size
        if size is not None and channels * size[0] * size[1] == slices:
            weights, slices = weights.reshape(units, channels, *size), channels
    path = net.catalogue.sites[layer].module
    assert path is not None
    groups = int(getattr(net.module.get_submodule(path), "groups", 1))
    first = np.arange(units) // max(1, units // groups) * slices
    numbers = (first[:, None] + np.arange(slices)[None]).astype(np.int32)
    return FilterBank(layer, weights, numbers, source, sees_picture)


@torch.no_grad()
def what_feeds(net: Network) -> dict[str, str | None]:
    """For each layer that has filters the layer whose output it is given, None for the picture itself.

    A layer is missing where that cannot be told, as behind a function that is no layer. In front of a fully connected
    layer, maps count before the vector that they are laid out as. One forward pass.
    """
    known = {found.name: found for found in net.layers}
    sites = {name: net.catalogue.sites[name] for name, layer in known.items() if layer.kind in ("conv", "linear")}
    dimensions: dict[str, int] = {}
    outputs: dict[str, bytes] = {}
    given: dict[str, list[bytes]] = {}

    def keep(name: str, output: torch.Tensor) -> torch.Tensor:
        dimensions[name] = output.dim()
        outputs[name] = _sample(output)
        return output.new_empty(0)

    def noting(path: str) -> Callable[[torch.nn.Module, tuple[object, ...], dict[str, object]], None]:
        def note(_: torch.nn.Module, arguments: tuple[object, ...], named: dict[str, object]) -> None:
            tensors = (each for each in (*arguments, *named.values()) if isinstance(each, torch.Tensor))
            tensor = next(tensors, None)
            # One for each call, for calls are told apart by their number.
            given.setdefault(path, []).append(b"" if tensor is None else _sample(tensor))

        return note

    # Not a blank picture: on it many layers agree.
    noise = torch.randn((1, net.channels, *net.input_size), generator=torch.Generator().manual_seed(0))
    x = noise.to(net.device, net.dtype)
    paths = {site.module for site in sites.values() if site.module is not None}
    with ExitStack() as stack:
        for path in paths:
            handle = net.module.get_submodule(path).register_forward_pre_hook(noting(path), with_kwargs=True)
            stack.callback(handle.remove)
        try:
            net.run(x, known, reduce=keep)
        except (NetworkError, torch.OutOfMemoryError):
            # The filters are there all the same.
            return {}
    picture = _sample(x)
    fed: dict[str, str | None] = {}
    earlier: dict[bytes, list[str]] = {}
    for name in known:
        site = sites.get(name)
        inputs = given.get(site.module, []) if site is not None and site.module is not None else []
        if site is not None and len(inputs) > site.call:
            seen = inputs[site.call]
            same = earlier.get(seen, [])
            same = [one for one in same if dimensions[one] == 4] or same
            same = [one for one in same if known[one].main] or same
            if same:
                fed[name] = same[-1]
            elif seen == picture:
                fed[name] = None
        earlier.setdefault(outputs[name], []).append(name)
    return fed


def _sample(tensor: torch.Tensor) -> bytes:
    """The number of values, and some of them: what tells one tensor from another, in whatever shape it is laid out.

    It is called in the midst of a pass, so that it calls no function that a network's layers may be outputs of.
    """
    values = tensor.detach().reshape(-1)
    # On the CPU, for not every accelerator has doubles, and NumPy has no bf16. Adding zero makes -0.0 and 0.0 one.
    chosen = values[:: max(1, len(values) // _SAMPLE)][:_SAMPLE].cpu().double().numpy() + 0.0
    return len(values).to_bytes(8, "little") + chosen.tobytes()
