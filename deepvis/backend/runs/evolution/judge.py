"""What a network says of many 8-bit pictures, and how many of them make a short step."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from deepvis.backend.device import is_out_of_memory
from deepvis.backend.network import Network
from deepvis.messages import FloatArray, Size

_STEP_WORK = {"cpu": 27e9, "cuda": 2e12}
"""Floating-point operations of one step: about 0.1 s of two CPU cores."""
_VALUE_WORK = 200
"""What writing and reading one value costs, counted in operations: depthwise convolutions cost little else."""
_USUAL, _MOST = 25, {"cpu": 50, "cuda": 400}


class Judge:
    """Softmax confidences of pictures in which every pixel has one of 256 levels."""

    def __init__(self, net: Network) -> None:
        self.net = net

    def confidences(self, pictures: torch.Tensor) -> FloatArray:
        """float32 (N, classes) of uint8 (N, h, w, c) pictures. Where memory does not suffice, half goes at a time."""
        try:
            with torch.inference_mode():
                pixels = pictures.to(self.net.device).permute(0, 3, 1, 2)
                x = self.net.preprocessing.normalise(pixels)
                x = x.to(self.net.dtype)
                result: FloatArray = torch.softmax(self.net.forward(x), 1).cpu().numpy()
                return result
        except Exception as error:
            if not is_out_of_memory(error) or len(pictures) == 1:
                raise
        half = len(pictures) // 2
        return np.concatenate([self.confidences(pictures[:half]), self.confidences(pictures[half:])])


def pictures_at_once(net: Network, size: Size) -> int:
    """How many pictures of ``size`` make one short step, from the operations that the network needs for one.

    Counted and not timed, so that the same seed gives the same batches, and with them the same rounding.
    """
    kind = "cuda" if net.device.type == "cuda" else "cpu"
    work = _operations(net, size)
    return max(1, min(_MOST[kind], int(_STEP_WORK[kind] / work))) if work else _USUAL


def _operations(net: Network, size: Size) -> float:
    """Of the convolutions and linear layers for one picture; 0 where they cannot be seen.

    Hooks, and not torch's own counter, which imports the compiler: seconds in which the window would stand still.
    """
    work = 0.0

    def count(module: nn.Module, inputs: Any, output: Any) -> None:
        nonlocal work
        if isinstance(output, torch.Tensor) and isinstance(module.weight, torch.Tensor):
            work += output.numel() * (2 * module.weight[0].numel() + _VALUE_WORK)

    layers = [m for m in net.module.modules() if isinstance(m, nn.modules.conv._ConvNd | nn.Linear)]
    handles = [layer.register_forward_hook(count) for layer in layers]
    try:
        net.forward(torch.zeros(1, net.channels, *size))
    finally:
        for handle in handles:
            handle.remove()
    return work
