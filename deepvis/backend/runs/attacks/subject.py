"""The picture under attack, in pixels: passes with the normalisation inside, and the judgement of 8-bit pictures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from deepvis.backend.methods.differentiation import DifferentiablePass, differentiable_pass, graphs_on, input_gradient
from deepvis.backend.network import Image, Network, NetworkError
from deepvis.backend.runs.pixels import interleaved
from deepvis.backend.runs.precision import for_steps
from deepvis.messages import Size, UInt8Array

_OFF_GRID = 0.75
"""8-bit levels: further than rounding can be from the value means that it was clipped."""


@dataclass(frozen=True, slots=True)
class Pass:
    """A forward pass that can be gone back through once. ``logits``: float32 (N, classes) with their graph."""

    inner: DifferentiablePass
    logits: torch.Tensor

    def gradient(self, loss: torch.Tensor) -> torch.Tensor:
        """The gradient of a loss made of ``logits`` with respect to the pixels, float32 (N, c, h, w)."""
        gradient = input_gradient(self.inner, loss, torch.ones_like(loss), "the loss")
        return gradient / self.inner.net.preprocessing.vectors(gradient.device)[1]


class Subject:
    """A picture as the network sees it, as pixels, and the network that is asked about it.

    Parameters
    ----------
    image : uint8 (H, W, 3) RGB, or a preprocessed float32 (1, c, h, w) tensor, which is taken to the nearest 8-bit
        picture first: what cannot be saved cannot fool.
    size : pixels of the shorter side at which the network is shown a picture; None: its own.

    Attributes
    ----------
    levels : uint8 (c, h, w), the crop that the network sees.
    pixels : float32 (1, c, h, w) in [0, 1] on the network's device, the same.
    logits : float32 (1, classes) of it, on the network's device.
    note : what was lost on the way, if anything.

    Raises
    ------
    ValueError : not a picture, a size that the network does not take, a network of one class, or answers that are not
        finite.
    """

    def __init__(self, net: Network, image: Image, size: int | None = None) -> None:
        self.net = net
        self._stepped: Network | None = None
        self.note = ""
        self.levels = (
            self._levels_of_tensor(image, size) if isinstance(image, torch.Tensor) else self._crop(image, size)
        )
        self.size: Size = (self.levels.shape[1], self.levels.shape[2])
        self.pixels = torch.from_numpy(self.levels)[None].to(net.device).to(torch.float32).div_(255)
        try:
            self.logits = self.judge(self.levels)
        except NetworkError as error:
            if self.size == net.input_size:
                raise
            h, w = self.size
            raise ValueError(
                f"network {net.name!r} cannot be shown {h} × {w} px ({error}); its own size is "
                f"{net.input_size[0]} × {net.input_size[1]} px"
            ) from error
        if net.classes < 2:
            raise ValueError(f"network {net.name!r} has one class, so it cannot be led to another; load one with more")
        if not bool(torch.isfinite(self.logits).all()):
            raise ValueError(
                f"network {net.name!r} answers this picture with values that are not finite, so there is no class to "
                "lead away from; check its weights, or use fp32"
            )

    def _crop(self, image: UInt8Array, size: int | None) -> UInt8Array:
        preprocessing = self.net.preprocessing
        if size is not None:
            h, w = self.net.input_size
            grown = size / min(h, w)
            preprocessing = preprocessing.at((round(h * grown), round(w * grown)))
        return np.ascontiguousarray(preprocessing.pixels(image).numpy())

    def _levels_of_tensor(self, image: torch.Tensor, size: int | None) -> UInt8Array:
        x = self.net.preprocess(image)
        if size is not None and size != min(x.shape[-2:]):
            raise ValueError(
                f"size {size} px is for pictures; this tensor has {x.shape[-2]} × {x.shape[-1]} px: leave out size"
            )
        values = self.net.preprocessing.denormalise(x[0]).mul(255)
        rounded = values.round().clamp(0, 255)
        if not bool((values - rounded).abs().max() <= _OFF_GRID):
            self.note = "the tensor held values outside of a picture's range, which were clipped"
        levels: UInt8Array = rounded.to(torch.uint8).cpu().numpy()
        return levels

    def run(self, pixels: torch.Tensor) -> Pass:
        """Forward pass with its graph of float32 (N, c, h, w) pixels in [0, 1]."""
        if self._stepped is None:
            self._stepped = for_steps(self.net, self.size, len(pixels))
        inner = differentiable_pass(self._stepped, self.net.preprocessing.normalise(pixels))
        assert inner.logits is not None
        with graphs_on():
            return Pass(inner, inner.logits.to(torch.float32))

    def judge(self, levels: UInt8Array) -> torch.Tensor:
        """float32 logits (N, classes) of 8-bit pictures (N, c, h, w) or (c, h, w), as a file would hold them."""
        batch = torch.from_numpy(levels if levels.ndim == 4 else levels[None]).to(self.net.device)
        return self.net.forward(self.net.preprocessing.normalise(batch))

    def opened(self, levels: UInt8Array) -> torch.Tensor:
        """float32 logits (1, classes) of a saved picture that is opened and goes through the whole preprocessing.

        The same as :meth:`judge` unless the network resizes and crops what it is shown.
        """
        return self.net.forward(self.net.preprocess(interleaved(levels), size=self.size))
