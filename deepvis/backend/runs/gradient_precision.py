"""In which number format a run's gradients are computed: asked for, or the fast one where it says the same."""

from __future__ import annotations

from collections.abc import Callable

import torch

from deepvis.backend.network import Network
from deepvis.messages import Precision

_SAME = 0.95
"""Cosine between two gradients from which on a step of equal mean size looks the same."""


def in_precision(net: Network, precision: Precision, gradient: Callable[[Network], torch.Tensor]) -> Network:
    """``net``, or a copy of it, in the number format of ``precision``.

    ``auto`` takes bf16 channels last where the device has fast bf16 arithmetic and ``gradient``, called on both
    networks, points the same way. It does not measure time, so that the same seed gives the same picture on one device.
    A network that is not in fp32 was converted by somebody who chose so, and ``auto`` leaves it.
    """
    if precision == "fp32":
        return net if net.dtype == torch.float32 else net.converted(torch.float32)
    if precision == "bf16":
        return net if net.dtype == torch.bfloat16 else net.converted(torch.bfloat16, channels_last=True)
    if net.dtype != torch.float32 or not bf16_is_fast(net.device):
        return net
    plain = gradient(net).flatten().double()
    try:
        copy = net.converted(torch.bfloat16, channels_last=True)
        other = gradient(copy).flatten().double()
    except Exception:
        # Operations without a bf16 version, or a module that cannot be copied: fp32 works, and this was an offer.
        return net
    cosine = torch.nn.functional.cosine_similarity(plain, other, dim=0)
    return copy if float(cosine) >= _SAME else net


def bf16_is_fast(device: torch.device) -> bool:
    """Whether the device computes in bf16 faster than in fp32."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device)[0] >= 8
    if device.type != "cpu":
        return False
    return any(
        bool(getattr(torch.cpu, name, lambda: False)())
        for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    )
