"""How a run goes through the network again and again: its number format, and how the weights lie."""

from __future__ import annotations

import torch
from torch import nn

from deepvis.backend.device import agrees, photograph
from deepvis.backend.network import Network
from deepvis.messages import Precision, Size

_LARGEST_PACKED = 256 * 2**20
"""Bytes of convolutions' weights that may be held twice more, laid out for both directions."""


def in_precision(net: Network, precision: Precision, x: torch.Tensor | None = None) -> Network:
    """The network, or a copy of it in another floating type; the network itself is left as it is.

    Parameters
    ----------
    precision : ``fp32`` and ``bf16`` (channels last) as they say. ``auto``: the network's own type, but bf16 in the
        place of fp32 where the processor computes it natively and the network tells the same of ``x``.
    x : preprocessed float32 (1, c, h, w) on the network's device; None: a photograph at the network's own size.
    """
    if precision == "fp32":
        return net if net.dtype == torch.float32 else net.converted(torch.float32)
    if precision == "bf16":
        return net if net.dtype == torch.bfloat16 else net.converted(torch.bfloat16, channels_last=True)
    if net.dtype != torch.float32 or not bf16_is_native(net.device):
        return net
    try:
        copy = net.converted(torch.bfloat16, channels_last=True)
        x = net.preprocess(photograph()) if x is None else x
        same = agrees(net.forward(x)[0].cpu(), copy.forward(x)[0].cpu(), net.trained)
    except Exception:
        # Operations without a bf16 version, or a module that cannot be copied: fp32 works, and this was an offer.
        return net
    return copy if same else net


def for_steps(net: Network, size: Size | None = None, batch: int = 1) -> Network:
    """A twin with the same answers whose convolutions are laid out for many passes, forward and back, on the CPU; the
    network itself where there is none, or where it would take much memory.

    Parameters
    ----------
    size : (h, w) that it will mostly be given; None: its own. Others run as well.
    batch : pictures at once.
    """
    convolutions = sum(m.weight.numel() for m in net.module.modules() if isinstance(m, nn.Conv2d))
    if convolutions * torch.finfo(net.dtype).bits / 8 > _LARGEST_PACKED:
        return net
    shape = (batch, net.channels, *(size or net.input_size))
    return net.packed(torch.rand(shape, generator=torch.Generator().manual_seed(0)).to(net.device))


def bf16_is_native(device: torch.device) -> bool:
    """Whether the device has instructions for bf16: without them it is slower than fp32."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device)[0] >= 8
    if device.type != "cpu":
        return False
    return any(
        bool(getattr(torch.cpu, name, lambda: False)())
        for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    )
