"""DeepDream on moving pictures: every frame begins with the last dream blended with the new frame."""

from __future__ import annotations

import torch

from deepvis.backend.network import Network
from deepvis.backend.runs.dream_objective import DreamObjective, WeightedLayer
from deepvis.backend.runs.pixels import resized, to_picture, to_pixels
from deepvis.messages import UInt8Array

_STEP = 5.0
"""Mean change of a pixel in one step at strength 1, in levels of 255: what few steps a frame need to be seen."""

_JITTER = 8


class LiveDream:
    """Dreams that keep up with a camera. For one thread, the one that owns the network.

    A frame costs ``steps`` forward and backward passes that end at the layer, every second of them (the first of two)
    at half the size, which gives dreams larger forms and costs a quarter. The picture is not resized: give it the size
    that keeps the pace. A change of size, layer or unit starts anew; for another network make another LiveDream. No
    hook, mode or gradient is left on the network. The same frames after ``reset`` give the same dreams.

    Parameters
    ----------
    net : the network; its number format and device are used as they are.
    """

    def __init__(self, net: Network) -> None:
        self.net = net
        self._key: tuple[object, ...] = ()
        self._objective: DreamObjective | None = None
        self._smallest = 0
        self._last: torch.Tensor | None = None
        self._generator = torch.Generator()

    def reset(self) -> None:
        """Forget the dream so far; the next frame begins with itself."""
        self._last = None
        self._generator.manual_seed(0)

    def show(
        self,
        image: UInt8Array,
        layer: str,
        *,
        unit: int | None = None,
        strength: float = 1.0,
        memory: float = 0.7,
        steps: int = 2,
    ) -> UInt8Array:
        """Dream on one frame.

        Parameters
        ----------
        image : uint8 (H, W, 3) RGB of any size.
        layer : the layer that dreams; it needs maps.
        unit : one of its channels, or None: all.
        strength : how far each step goes; 0: the frame, blended with what was dreamt before.
        memory : share of the last dream in what a frame begins with, in [0, 1): the higher, the deeper and the slower.
        steps : gradient steps a frame, 0 or more.

        Returns
        -------
        uint8 (H, W, 3) RGB, of a size of its own only where the picture is smaller than the network needs: enlarged.

        Raises
        ------
        KeyError : the layer is not there.
        ValueError : no picture, a layer without maps, a unit or number out of range.
        NetworkError : the network raises or gives no gradients.
        """
        if not 0 <= memory < 1:
            raise ValueError(f"memory {memory} is out of range: it is 0 or more and less than 1")
        if not 0 <= strength < float("inf"):
            raise ValueError(f"strength {strength} is out of range: it is 0 or more")
        if steps < 0:
            raise ValueError(f"steps {steps} is out of range: it is 0 or more")
        objective = self._objective_of(layer, unit)
        frame = to_pixels(self.net, image)
        height, width = frame.shape[-2:]
        if min(height, width) < self._smallest:
            grown = self._smallest / min(height, width)
            frame = resized(frame, (round(height * grown), round(width * grown))).clamp(0, 1)
        if self._last is None or self._last.shape != frame.shape:
            self.reset()
            now = frame
        else:
            now = torch.lerp(frame, self._last, memory)
        if strength > 0:
            for left in reversed(range(steps)):
                now = self._climb(objective, now, strength, half=left % 2 == 1)
        self._last = now
        return to_picture(now)

    def _objective_of(self, layer: str, unit: int | None) -> DreamObjective:
        key = (layer, unit)
        if self._objective is None or key != self._key:
            self._objective = DreamObjective(self.net, (WeightedLayer(layer),), unit=unit)
            self._smallest = self._objective.smallest
            self._key = key
            self.reset()
        return self._objective

    def _climb(self, objective: DreamObjective, now: torch.Tensor, strength: float, *, half: bool) -> torch.Tensor:
        """One step uphill, around a random shift so that the network's own grid does not show."""
        down, right = torch.randint(-_JITTER, _JITTER + 1, (2,), generator=self._generator).tolist()
        rolled = torch.roll(now, (down, right), (2, 3))
        size = (rolled.shape[-2], rolled.shape[-1])
        smaller = (size[0] // 2, size[1] // 2)
        if half and min(smaller) >= self._smallest:
            gradient, _ = objective.gradient(resized(rolled, smaller))
            gradient = resized(gradient, size)
        else:
            gradient, _ = objective.gradient(rolled)
        gradient = torch.roll(gradient, (-down, -right), (2, 3)).nan_to_num(0.0, 0.0, 0.0)
        # A gradient of 0 (a unit that answers to nothing here) leaves the frame as it is.
        mean = gradient.abs().mean().clamp_min(1e-30)
        return (now + gradient * (_STEP * strength / 255 / mean)).clamp_(0, 1)
