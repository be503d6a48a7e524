"""How the picture of a class is changed from step to step: the recipes of three papers, with one protocol.

A step shows the network a ``view`` of the picture, ``take``s the gradient that comes back, and ``climb``s by it when
the next step begins: so what a step reports belongs to the picture that it shows, and a run that is continued goes on
exactly as if it had never stopped.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch.nn import functional as F

from deepvis.backend.network import Network
from deepvis.backend.runs.parameterizations import Parameterization
from deepvis.backend.runs.transformations import RandomView
from deepvis.messages import Size


class Recipe(Protocol):
    """A picture under way. ``generator`` is the source of all chance."""

    def view(self) -> torch.Tensor:
        """What the network is shown: a preprocessed float32 (n, c, h, w) input."""
        ...

    def take(self, gradient: torch.Tensor) -> None:
        """Note the gradient of the objective at the view, of its shape."""
        ...

    def climb(self) -> None:
        """Change the picture by the gradient that was noted last."""
        ...

    def pixels(self) -> torch.Tensor:
        """The picture, float32 (1, c, h, w) in [0, 1]."""
        ...

    def renew(self) -> None:
        """Begin again from other noise."""
        ...


class L2Ascent:
    """I += rate · (dS/dI − 2 λ I), in the network's input space, kept to the values of pixels (Simonyan et al. 2013).

    The picture is rolled by chance before each pass, and the gradient is rolled back.
    """

    def __init__(
        self, net: Network, size: Size, generator: torch.Generator, rate: float, regularization: float, jitter: int
    ) -> None:
        self._preprocessing = net.preprocessing
        self._generator = generator
        self._rate, self._regularization, self._jitter = rate, regularization, jitter
        mean, std = self._preprocessing.vectors(net.device)
        self._low, self._high = -mean / std, (1 - mean) / std
        self.picture = torch.empty(1, net.channels, *size, device=net.device)
        self._gradient: torch.Tensor | None = None
        self._shift = (0, 0)
        self.renew()

    def renew(self) -> None:
        """See :class:`Recipe`."""
        noise = torch.randn(self.picture.shape, generator=self._generator) * _L2_NOISE
        self.picture.copy_(noise).clamp_(self._low, self._high)
        self._gradient = None

    def view(self) -> torch.Tensor:
        """See :class:`Recipe`."""
        reach = self._jitter
        down, right = torch.randint(-reach, reach + 1, (2,), generator=self._generator).tolist()
        self._shift = (down, right)
        return torch.roll(self.picture, self._shift, (2, 3))

    def take(self, gradient: torch.Tensor) -> None:
        """See :class:`Recipe`."""
        self._gradient = torch.roll(gradient, (-self._shift[0], -self._shift[1]), (2, 3))

    def climb(self) -> None:
        """See :class:`Recipe`."""
        if self._gradient is None:
            return
        change = self._gradient - 2 * self._regularization * self.picture
        self.picture.add_(change, alpha=self._rate).clamp_(self._low, self._high)

    def pixels(self) -> torch.Tensor:
        """See :class:`Recipe`."""
        return self._preprocessing.denormalise(self.picture).clamp_(0, 1)


@dataclass(frozen=True, slots=True)
class YosinskiSettings:
    """What distinguishes the four presets of Yosinski et al. 2015.

    Attributes
    ----------
    rate : of the gradient; with ``progress``, the largest.
    progress : None, or by how much a step should raise the objective: rate = progress / ‖g‖².
    decay : share of the picture that is lost at each step.
    blur, blur_every : sigma in pixels of the Gaussian at every so many steps; 0: none.
    norm_percentile : pixels whose norm over the channels is below this percentile become 0 (the mean colour).
    contribution_percentile : the same for those whose contribution |Σ −x·g| is.
    """

    rate: float
    progress: float | None = None
    decay: float = 0.0
    blur: float = 0.0
    blur_every: int = 4
    norm_percentile: float = 0.0
    contribution_percentile: float = 0.0


class YosinskiAscent:
    """Ascent with decay, blur and clipping of small pixels, on the scale 0 to 255 less the mean (Yosinski et al. 2015).

    "Understanding neural networks through deep visualization". Decay, blur and clipping count from step 0: the blur
    comes at steps 0, ``blur_every``, …
    """

    def __init__(self, net: Network, size: Size, generator: torch.Generator, settings: YosinskiSettings) -> None:
        self._generator = generator
        self._settings = settings
        mean, std = net.preprocessing.vectors(net.device)
        self._mean, self._unit = mean * 255, std * 255
        self.picture = torch.empty(1, net.channels, *size, device=net.device)
        self._gradient: torch.Tensor | None = None
        self._steps = 0
        self.renew()

    def renew(self) -> None:
        """See :class:`Recipe`."""
        self.picture.copy_(torch.randn(self.picture.shape, generator=self._generator) * _YOSINSKI_NOISE)
        self._gradient = None

    def view(self) -> torch.Tensor:
        """See :class:`Recipe`."""
        self.picture.clamp_(-self._mean, 255 - self._mean)
        return self.picture / self._unit

    def take(self, gradient: torch.Tensor) -> None:
        """See :class:`Recipe`."""
        self._gradient = gradient / self._unit

    def climb(self) -> None:
        """See :class:`Recipe`."""
        settings, picture, gradient = self._settings, self.picture, self._gradient
        if gradient is None:
            return
        rate = settings.rate
        if settings.progress is not None:
            # A gradient of 0, or one whose square is: a step along it changes nothing, whatever its rate.
            steepness = float(gradient.square().sum())
            rate = min(rate, settings.progress / steepness) if steepness > 0 else 0.0
        picture.add_(gradient, alpha=rate).mul_(1 - settings.decay)
        if settings.blur > 0 and self._steps % settings.blur_every == 0:
            picture.copy_(blurred(picture, settings.blur))
        if settings.norm_percentile > 0:
            _clear_below(picture, picture.norm(dim=1, keepdim=True), settings.norm_percentile)
        if settings.contribution_percentile > 0:
            contribution = (-picture * gradient).sum(1, keepdim=True).abs()
            _clear_below(picture, contribution, settings.contribution_percentile)
        self._steps += 1

    def pixels(self) -> torch.Tensor:
        """See :class:`Recipe`."""
        return ((self.picture + self._mean) / 255).clamp_(0, 1)


class ParameterizedAscent:
    """Adam on the values of a parameterized picture that is seen through random changes of view (Olah et al. 2017).

    Parameters
    ----------
    rate : of Adam.
    regularization : of the decoupled weight decay (Loshchilov & Hutter 2019): values settle below 1 / regularization,
        so that colours do not saturate however long the ascent lasts.
    change : of view. views : how many the network sees at a step; their mean is maximised.
    """

    def __init__(
        self,
        net: Network,
        picture: Parameterization,
        generator: torch.Generator,
        rate: float,
        regularization: float,
        change: RandomView,
        views: int,
    ) -> None:
        self._preprocessing = net.preprocessing
        self._picture = picture
        self._generator = generator
        self._rate, self._regularization = rate, regularization
        self._change, self._views = change, views
        self._optimizer = self._fresh_optimizer()
        self._view: torch.Tensor | None = None
        self._pixels = torch.empty(0)

    def _fresh_optimizer(self) -> torch.optim.Optimizer:
        values = self._picture.values
        fused = values.device.type in ("cpu", "cuda")
        decay = self._regularization
        return torch.optim.AdamW([values], lr=self._rate, weight_decay=decay, fused=fused, maximize=True)

    def renew(self) -> None:
        """See :class:`Recipe`."""
        self._picture.renew(self._generator)
        self._optimizer = self._fresh_optimizer()
        self._picture.values.grad = None

    def view(self) -> torch.Tensor:
        """See :class:`Recipe`."""
        with torch.enable_grad():
            pixels = self._picture.pixels()
            self._pixels = pixels.detach()
            self._view = self._preprocessing.normalise(self._change(pixels, self._views, self._generator))
        return self._view.detach()

    def take(self, gradient: torch.Tensor) -> None:
        """See :class:`Recipe`."""
        assert self._view is not None
        values = self._picture.values
        (values.grad,) = torch.autograd.grad(
            self._view, values, gradient if self._views == 1 else gradient / self._views
        )
        self._view = None

    def climb(self) -> None:
        """See :class:`Recipe`."""
        if self._picture.values.grad is not None:
            self._optimizer.step()

    def pixels(self) -> torch.Tensor:
        """See :class:`Recipe`."""
        return self._pixels


_L2_NOISE = 0.1
"""Standard deviation of the noise that l2 begins from, in the network's input space."""

_YOSINSKI_NOISE = 10.0


def blurred(picture: torch.Tensor, sigma: float) -> torch.Tensor:
    """(n, c, h, w) blurred by a Gaussian of ``sigma`` pixels, cut off at 4 sigma; beyond its edges the picture is
    mirrored (…b a | a b…), as scipy's ``gaussian_filter`` has it."""
    radius = max(1, int(4 * sigma + 0.5))
    offsets = torch.arange(-radius, radius + 1, dtype=torch.float32, device=picture.device)
    kernel = torch.exp(-(offsets**2) / (2 * sigma * sigma))
    kernel = kernel / kernel.sum()
    count, channels, height, width = picture.shape
    maps = picture.reshape(count * channels, 1, height, width)
    maps = F.conv2d(maps[:, :, _mirrored(height, radius)], kernel[None, None, :, None])
    maps = F.conv2d(maps[:, :, :, _mirrored(width, radius)], kernel[None, None, None, :])
    return maps.view(picture.shape)


def _mirrored(length: int, radius: int) -> list[int]:
    """Indices of an axis that goes on as its mirror image for ``radius`` entries at both ends."""
    places = [place % (2 * length) for place in range(-radius, length + radius)]
    return [place if place < length else 2 * length - 1 - place for place in places]


def _clear_below(picture: torch.Tensor, value: torch.Tensor, percentile: float) -> None:
    # torch.quantile refuses more than 16 million values, which is a picture of 4096 × 4096.
    ordered = value.flatten().sort().values
    place = percentile / 100 * (len(ordered) - 1)
    below, above = ordered[math.floor(place)], ordered[math.ceil(place)]
    picture.mul_(value >= torch.lerp(below, above, place - math.floor(place)))


def view_change(size: Size, jitter: float | None, scale: float, rotation: float) -> RandomView:
    """Jitter None: an eighth of the shorter side. Olah et al. 2017 shift by 12 of 224 pixels in all, but in inputs of
    64 to 128 pixels that leaves patterns of the layers' strides."""
    return RandomView(min(size) / 8 if jitter is None else jitter, scale, rotation)


def l2_jitter(size: Size, jitter: float | None) -> int:
    """Largest shift of the l2 recipe in whole pixels; None: a sixteenth of the shorter side."""
    return math.ceil(min(size) / 16) if jitter is None else round(jitter)
