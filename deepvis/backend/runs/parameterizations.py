"""Pictures written in other coordinates than pixels, in which gradient ascent finds natural ones.

A picture is the image of a tensor of ``values``; ascent changes the values. In Fourier coordinates with a decorrelated
colour space all spatial frequencies and colours change at the pace at which they occur in photographs (Olah et al.
2017, "Feature visualization"); with fixed magnitudes only the phases are free (Fel et al. 2023, "Unlocking feature
visualization for deeper networks with magnitude constrained optimization").
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from deepvis.messages import Size, UInt8Array

COLOUR_DEVIATIONS = ((0.26, 0.09, 0.02), (0.27, 0.00, -0.05), (0.27, -0.09, 0.03))
"""Square root of the covariance of ImageNet's colours: one row for red, green and blue, one column for brightness, red
against blue, and green against both (Olah et al. 2017)."""

_NOISE = 0.01
"""Standard deviation of the spectrum that ascent begins from."""

_FOURIER_GAIN = 0.25
"""Brings the pictures of a spectrum of deviation 1 into the middle of the sigmoid's range."""

_DARKEST = 0.02
"""Pixels closer than this to black or white are taken for this before the sigmoid is inverted."""


class Parameterization(Protocol):
    """A picture as a function of ``values``, a float32 tensor that ascent changes."""

    @property
    def values(self) -> torch.Tensor:
        """The coordinates: a leaf that requires gradients, always the same tensor."""
        ...

    def pixels(self) -> torch.Tensor:
        """float32 (1, c, h, w) in [0, 1], part of a graph that begins at ``values``."""
        ...

    def renew(self, generator: torch.Generator) -> None:
        """Write other noise into ``values``."""
        ...


def frequencies(size: Size) -> torch.Tensor:
    """float32 (h, w // 2 + 1): the frequency of each entry of a real spectrum in cycles a pixel."""
    height, width = size
    return torch.from_numpy(np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :])).float()


def fourier_scale(size: Size) -> torch.Tensor:
    """float32 (h, w // 2 + 1): sqrt(w h) / max(f, 1 / max(w, h)) at the frequency f, in cycles a pixel, of each entry
    of a real spectrum. Photographs have magnitudes that fall with 1 / f."""
    height, width = size
    return math.sqrt(width * height) / frequencies(size).clamp(min=1 / max(width, height))


def colour_matrix(channels: int, device: torch.device) -> torch.Tensor:
    """float32 (c, c) from decorrelated colours to red, green and blue, its longest column of length 1; (1, 1) of ones
    for a grey picture."""
    if channels != 3:
        return torch.eye(channels, device=device)
    matrix = torch.tensor(COLOUR_DEVIATIONS, device=device)
    return matrix / matrix.square().sum(0).max().sqrt()


class FourierPicture:
    """A picture by its spectrum: real and imaginary part of every frequency, scaled so that all weigh alike.

    Parameters
    ----------
    channels : 1 or 3. size : (h, w) of the picture.
    generator : of the noise that it begins with.
    smoothing : sigma in pixels of a Gaussian blur on the way to the picture: the finest patterns, at which a network's
        strides alias, then grow more slowly.
    """

    def __init__(
        self, channels: int, size: Size, generator: torch.Generator, device: torch.device, smoothing: float = 0.0
    ) -> None:
        blur = torch.exp(-2 * (math.pi * smoothing * frequencies(size)) ** 2)
        self._synthesis = _Synthesis(size, colour_matrix(channels, device), device)
        self._scale = (fourier_scale(size) * blur * _FOURIER_GAIN).to(device) / (size[0] * size[1])
        self.values = torch.empty(channels, *self._scale.shape, 2, device=device)
        self.renew(generator)
        self.values.requires_grad_()

    def renew(self, generator: torch.Generator) -> None:
        """Other noise."""
        noise = torch.randn(self.values.shape, generator=generator) * _NOISE
        self.values.data.copy_(noise)

    def pixels(self) -> torch.Tensor:
        """See :class:`Parameterization`."""
        pixels: torch.Tensor = _FromSpectrum.apply(self.values, self._scale, self._synthesis)
        return pixels


class PhasePicture:
    """A picture by the phases of its spectrum; the magnitudes are given and stay.

    Parameters
    ----------
    magnitude : float32 (c, h, w // 2 + 1), see :func:`mean_magnitude`.
    size : (h, w) of the picture.
    generator : of the phases that it begins with.
    """

    def __init__(self, magnitude: torch.Tensor, size: Size, generator: torch.Generator, device: torch.device) -> None:
        self._synthesis = _Synthesis(size, colour_matrix(magnitude.shape[0], device), device)
        self._magnitude = magnitude.to(device) / (size[0] * size[1])
        self.values = torch.empty(magnitude.shape, device=device)
        self.renew(generator)
        self.values.requires_grad_()

    def renew(self, generator: torch.Generator) -> None:
        """Other phases."""
        phases = (torch.rand(self.values.shape, generator=generator) * 2 - 1) * math.pi
        # The mean is a real number, of which only the cosine shows: from a quarter turn it can go either way.
        phases[:, 0, 0] = math.pi / 2
        self.values.data.copy_(phases)

    def pixels(self) -> torch.Tensor:
        """See :class:`Parameterization`."""
        pixels: torch.Tensor = _FromPhases.apply(self.values, self._magnitude, self._synthesis)
        return pixels


class _Synthesis:
    """From a spectrum to a picture and back, written out: autograd's way has twice as many passes over the data.

    A spectrum is complex (c, h, w // 2 + 1), already divided by h·w.
    """

    def __init__(self, size: Size, colours: torch.Tensor, device: torch.device) -> None:
        self._size = size
        self._colours = colours
        # The columns between the first and the last stand for two frequencies each, of opposite sign.
        self.weight = torch.full((size[1] // 2 + 1,), 2.0, device=device)
        self.weight[0] = 1
        if size[1] % 2 == 0:
            self.weight[-1] = 1

    def pixels(self, spectrum: torch.Tensor) -> torch.Tensor:
        """float32 (1, c, h, w) in (0, 1)."""
        maps = torch.fft.irfft2(spectrum, s=self._size, norm="forward")
        pixels: torch.Tensor = (self._colours @ maps.flatten(1)).sigmoid_().view(1, *maps.shape)
        return pixels

    def spectrum_gradient(self, gradient: torch.Tensor, pixels: torch.Tensor) -> torch.Tensor:
        """The spectrum's gradient, but for ``weight``, from that of the pixels."""
        gradient = torch.ops.aten.sigmoid_backward(gradient, pixels)[0]
        maps = (self._colours.T @ gradient.flatten(1)).view(gradient.shape)
        spectrum: torch.Tensor = torch.fft.rfft2(maps)
        return spectrum


class _FromSpectrum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: torch.Tensor, scale: torch.Tensor, synthesis: _Synthesis) -> torch.Tensor:
        pixels = synthesis.pixels(torch.view_as_complex(values) * scale)
        ctx.save_for_backward(pixels, scale)
        ctx.synthesis = synthesis
        return pixels

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        pixels, scale = ctx.saved_tensors
        synthesis: _Synthesis = ctx.synthesis
        spectrum = synthesis.spectrum_gradient(gradient, pixels)
        # In the order of the values: what the transform returns may lie otherwise, and optimizers rely on it.
        result = torch.empty(spectrum.shape, dtype=spectrum.dtype, device=spectrum.device)
        torch.mul(spectrum, scale * synthesis.weight, out=result)
        return torch.view_as_real(result), None, None


class _FromPhases(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, phases: torch.Tensor, magnitude: torch.Tensor, synthesis: _Synthesis) -> torch.Tensor:
        spectrum = torch.polar(magnitude, phases)
        pixels = synthesis.pixels(spectrum)
        ctx.save_for_backward(pixels, spectrum)
        ctx.synthesis = synthesis
        return pixels

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        pixels, spectrum = ctx.saved_tensors
        synthesis: _Synthesis = ctx.synthesis
        found = synthesis.spectrum_gradient(gradient, pixels)
        # d(m e^iφ) = i m e^iφ dφ
        return (found * spectrum.conj()).imag * synthesis.weight, None, None


def mean_magnitude(pictures: Iterable[UInt8Array], channels: int, size: Size) -> torch.Tensor:
    """The mean magnitude of the spectra of pictures, as :class:`PhasePicture` needs it.

    Parameters
    ----------
    pictures : uint8 (H, W, 3) RGB, of any size; each is reduced to ``size`` as a whole.
    channels : 1 or 3.

    Returns
    -------
    float32 (c, h, w // 2 + 1), of the decorrelated colours before the sigmoid.

    Raises ValueError if there is no picture.
    """
    total: torch.Tensor | None = None
    count = 0
    for picture in pictures:
        maps = decorrelated(_resized(picture, channels, size))
        # Windowed copies would blur the spectrum; the cross that the borders make is averaged away.
        magnitude = torch.fft.rfft2(maps).abs()
        total = magnitude if total is None else total + magnitude
        count += 1
    if total is None:
        raise ValueError("the magnitudes of maco are measured from photographs, and there is none")
    return total / count


def decorrelated(pixels: torch.Tensor) -> torch.Tensor:
    """float32 (c, h, w) maps whose ``sigmoid(colours @ maps)`` is the picture ``pixels`` (c, h, w) in [0, 1]."""
    logits = torch.logit(pixels.to(torch.float32), eps=_DARKEST)
    inverse = torch.linalg.inv(colour_matrix(pixels.shape[0], pixels.device))
    return torch.einsum("ij,jhw->ihw", inverse, logits)


def natural_magnitude(channels: int, size: Size) -> torch.Tensor:
    """Magnitudes that fall with 1 / f, where there is no photograph to measure: float32 (c, h, w // 2 + 1)."""
    magnitude = fourier_scale(size).expand(channels, -1, -1).clone()
    magnitude[:, 0, 0] = 0
    return magnitude


def _resized(picture: UInt8Array, channels: int, size: Size) -> torch.Tensor:
    whole = torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None].to(torch.float32) / 255
    whole = F.interpolate(whole, size, mode="bilinear", antialias=True, align_corners=False)[0]
    return whole if channels == 3 else whole.mean(0, keepdim=True)


def photographs(folder: str | None) -> list[UInt8Array]:
    """The pictures to measure magnitudes from: those of a folder, or the sample photographs if it is None.

    At most 64. Unreadable files are left out. Raises ValueError if the folder is none, or holds no picture.
    """
    from deepvis.backend.sources.pictures import is_picture, read_picture
    from deepvis.backend.sources.samples import samples

    if folder is None:
        paths = [path for name, (_, path) in samples().items() if name not in _NOT_NATURAL]
    else:
        if not Path(folder).is_dir():
            raise ValueError(f"folder {folder!r} is not there; choose a folder of photographs")
        paths = sorted(path for path in Path(folder).rglob("*") if is_picture(path))
    found: list[UInt8Array] = []
    for path in paths:
        try:
            found.append(read_picture(path, longest=512))
        except (OSError, RuntimeError, ValueError):
            continue
        if len(found) == _MOST_PHOTOGRAPHS:
            break
    if folder is not None and not found:
        raise ValueError(f"folder {folder!r} holds no picture that can be read; choose a folder of photographs")
    return found


_NOT_NATURAL = ("hubble", "retina", "tissue")
_MOST_PHOTOGRAPHS = 64
