"""Convolution weights in the layout that oneDNN's kernels read, made once instead of at every call.

PyTorch hands oneDNN plain weights, which are rearranged at each call before the convolution begins. At one picture a
call that is a good part of the time. Rearranged weights give the same results, but for the order in which sums are
rounded; they serve passes without gradients on the CPU.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from deepvis.backend.packed_convolution import ROUNDING, PackedConvolution


class Packing:
    """Packed weights of a module's convolutions, used inside :meth:`used` and nowhere else."""

    def __init__(self) -> None:
        self.on = False

    @contextmanager
    def used(self) -> Iterator[None]:
        """Convolutions read packed weights for the time being. Not for two threads at once."""
        self.on = True
        try:
            yield
        finally:
            self.on = False


def pack(module: nn.Module, x: torch.Tensor) -> tuple[nn.Module, Packing] | None:
    """A twin of ``module`` that shares its weights and has its convolutions' packed ones besides.

    Parameters
    ----------
    module : on the CPU, in float32 or bfloat16. It stays as it is.
    x : an input, whose sizes choose the layouts; inputs of other sizes run as well.

    Returns
    -------
    The twin, in evaluation mode, and its switch, or None where nothing can be packed: no such convolution, another
    device or type, a PyTorch without oneDNN, a module that cannot be copied, or a result that differs.
    """
    if x.device.type != "cpu" or x.dtype not in (torch.float32, torch.bfloat16):
        return None
    try:
        shared = {id(tensor): tensor for tensor in (*module.parameters(), *module.buffers())}
        # In training mode a pass would write into the running statistics that are shared.
        twin = copy.deepcopy(module, shared).eval()
        packing = Packing()
        with torch.inference_mode():
            sizes = _input_sizes(twin, x)
            for convolution, size in sizes.items():
                _pack_one(convolution, size, packing)
            if not sizes:
                return None
            expected = twin(x)
            with packing.used():
                found = twin(x)
        if not _same(expected, found):
            return None
    except Exception:
        # An offer that not every build of PyTorch and not every network can take.
        return None
    return twin, packing


def _input_sizes(module: nn.Module, x: torch.Tensor) -> dict[nn.Conv2d, list[int]]:
    """The size of what each convolution that can be packed is given."""
    sizes: dict[nn.Conv2d, list[int]] = {}

    def note(convolution: nn.Module, args: Any) -> None:
        assert isinstance(convolution, nn.Conv2d)
        sizes[convolution] = list(args[0].shape)

    able = [m for m in module.modules() if type(m) is nn.Conv2d and m.padding_mode == "zeros"]
    able = [
        m for m in able if not isinstance(m.padding, str) and not m._forward_pre_hooks and m.weight.dtype == x.dtype
    ]
    handles = [m.register_forward_pre_hook(note) for m in able]
    try:
        module(x)
    finally:
        for handle in handles:
            handle.remove()
    return sizes


def _pack_one(convolution: nn.Conv2d, size: list[int], packing: Packing) -> None:
    packed = PackedConvolution(convolution, size)
    plain: Callable[[torch.Tensor], torch.Tensor] = convolution.forward

    def forward(x: torch.Tensor) -> torch.Tensor:
        return packed(x) if packing.on else plain(x)

    convolution.__dict__["forward"] = forward


def _same(expected: Any, found: Any) -> bool:
    if isinstance(expected, torch.Tensor):
        if not isinstance(found, torch.Tensor) or found.shape != expected.shape or found.dtype != expected.dtype:
            return False
        if not expected.is_floating_point():
            return torch.equal(expected, found)
        largest = float(expected.abs().amax()) if expected.numel() else 0.0
        return bool(torch.allclose(expected, found, rtol=0, atol=ROUNDING[expected.dtype] * largest))
    if isinstance(expected, list | tuple):
        return len(expected) == len(found) and all(map(_same, expected, found))
    if isinstance(expected, dict):
        return expected.keys() == found.keys() and all(_same(value, found[key]) for key, value in expected.items())
    return bool(expected == found)
