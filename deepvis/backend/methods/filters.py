"""Filters: the weights of a convolution."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from deepvis.backend.network import Network
from deepvis.messages import FloatArray


def filters(net: Network, layer: str) -> FloatArray:
    """The weights of one convolutional or fully connected layer.

    Returns
    -------
    float32 (out, in, kh, kw); a fully connected layer has kh = kw = 1, a grouped convolution as many ``in`` as one
    group has. Dequantised where the layer is quantised.

    Raises
    ------
    KeyError : no such layer. ValueError : the layer has no filters; names layers that have.
    """
    weights: FloatArray = weight_tensor(net, layer).to(torch.float32, copy=True).contiguous().cpu().numpy()
    return weights


def weight_tensor(net: Network, layer: str) -> torch.Tensor:
    """As :func:`filters`, where the network has them and in its own type: not to be written into."""
    net.layer(layer)
    path = net.catalogue.sites[layer].module
    module = net.module.get_submodule(path) if path is not None else None
    weight: Any = getattr(module, "weight", None)
    if callable(weight) and not isinstance(weight, torch.Tensor):
        weight = weight()  # quantised modules keep it behind a method
    if not isinstance(weight, torch.Tensor) or weight.dim() not in (2, 4):
        names = [found.name for found in net.layers if found.kind in ("conv", "linear")]
        raise ValueError(f"layer {layer!r} has no filters; layers with filters are {', '.join(map(repr, names[:6]))} …")
    values = weight.detach()
    if values.is_quantized:
        values = values.dequantize()
    if isinstance(module, nn.ConvTranspose2d):
        # (in, out of one group) to (out, in of one group).
        values = values.reshape(module.groups, -1, *values.shape[1:]).transpose(1, 2).flatten(0, 1)
    return values[:, :, None, None] if values.dim() == 2 else values


def strongest_inputs(net: Network, layer: str, unit: int, count: int = 9) -> list[int]:
    """The incoming channels with the largest filters (L2 norm) of one unit, strongest first.

    Numbers count within the unit's group, where the convolution is grouped. Raises as :func:`filters`, and ValueError
    for a unit out of range.
    """
    net.check_unit(layer, unit)
    norms = torch.from_numpy(filters(net, layer)[unit]).flatten(1).norm(dim=1)
    return [int(channel) for channel in torch.argsort(norms, descending=True, stable=True)[:count].tolist()]
