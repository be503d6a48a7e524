"""Inversion: the picture that a layer's answer still tells of."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import torch

from deepvis.backend.methods.differentiation import differentiable_pass, input_gradient
from deepvis.backend.network import Image, Network, NetworkError
from deepvis.backend.runs.base import Needs, Steps
from deepvis.backend.runs.heavy_ball import HeavyBall
from deepvis.backend.runs.natural_image_priors import alpha_norm, total_variation
from deepvis.backend.runs.pixels import to_picture
from deepvis.backend.runs.precision import for_steps, in_precision
from deepvis.backend.runs.similarity import peak_signal_to_noise, structural_similarity
from deepvis.messages import Layer, RunResult, RunUpdate, UInt8Array
from deepvis.options import check_options, option, option_values

_RANGE = 0.5
"""Distance from the mean colour, pixels being 0 to 1, that the priors count as 1: about the edge of what is valid."""

_GROWTH = 100.0
"""How many times as much the priors weigh at the last layer as at the first: 1, 10, 100 for early, middle, late."""

_STRIP = 8
_SSIM_EVERY = 25
_RESTARTS = 5
_SHAKE_EVERY = 10
"""Steps from one shake to the next, …"""
_SHAKEN = 0.8
"""… over this share of the steps, each weaker than the one before."""

_MAHENDRAN = ("recipe", ("mahendran",))


@dataclass(frozen=True)
class Inversion:
    """Begin with noise and find a picture to which a layer answers as it does to the given one.

    ``mahendran`` minimises ‖Φ(x) − Φ₀‖² / ‖Φ₀‖² plus total variation and an alpha norm, both means over the pixels of
    the distance from the network's mean colour in units of half the range of pixels. Their weights grow with depth,
    from 1 at the first convolution over 10 halfway to 100 at the last layer with weights. ``l2`` has the mean square of
    that distance in their place. Descent has momentum and a learning rate that finds itself (see
    :class:`~deepvis.backend.runs.heavy_ball.HeavyBall`).

    ``steps`` yields one update a step. ``update.metrics``: ``loss``, ``feature_error`` (‖Φ(x) − Φ₀‖ / ‖Φ₀‖, not
    squared), ``psnr`` in dB and ``ssim`` of the 8-bit picture to the original as the network sees it (``ssim`` is
    measured at every 25th step). ``update.detail["pictures"]`` has the original and, of several layers, those that are
    finished. The last update's ``result`` is the best picture; of several layers the strip of the paper, original
    first, with the pictures by layer in ``images``, and the figures by layer (``feature_error conv3``).

    Continued, it makes more steps on the only layer, without such noise; a strip cannot be continued.

    Paper: Mahendran & Vedaldi 2014, *Understanding deep image representations by inverting them*.
    """

    title: ClassVar[str] = "Inversion"
    needs: ClassVar[Needs] = "picture"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "Every layer": {"strip": True},
        "Plain L2": {"recipe": "l2"},
        "Thorough": {"iterations": 1500},
    }

    layer: str | None = option(None, help="Layer to invert; none: the middle convolution", role="layer")
    layers: str | tuple[str, ...] = option(
        (), help="Several layers in place of one, for a strip", role="layers", advanced=True
    )
    strip: bool = option(False, help="Every convolution in turn, from first to last (at most 8)")
    recipe: Literal["mahendran", "l2"] = option("mahendran", help="What a picture should be like beside its features")
    iterations: int = option(500, help="Steps for each layer", minimum=1, maximum=100_000, label="Steps")
    seed: int = option(0, help="Start of the noise: the same seed gives the same picture", minimum=0, maximum=2**63 - 1)
    tv_weight: float = option(
        0.05, help="Weight of total variation at the first layer", minimum=0, advanced=True, when=_MAHENDRAN
    )
    alpha_weight: float = option(
        0.001, help="Weight of the alpha norm at the first layer", minimum=0, advanced=True, when=_MAHENDRAN
    )
    beta: float = option(2.0, help="Power of total variation", minimum=1, maximum=4, advanced=True, when=_MAHENDRAN)
    alpha: float = option(6.0, help="Power of the alpha norm", minimum=1, maximum=12, advanced=True, when=_MAHENDRAN)
    l2_weight: float = option(
        0.001, help="Weight of the mean square", minimum=0, advanced=True, when=("recipe", ("l2",))
    )
    noise: float = option(
        0.01, help="Standard deviation of the noise to begin with, of 1", minimum=0.0001, maximum=1, advanced=True
    )
    shake: float = option(
        0.05,
        help="Standard deviation of the noise that is added now and then, of 1; 0: none",
        minimum=0,
        maximum=1,
        advanced=True,
    )
    learning_rate: float | None = option(
        None, help="First rate of descent; none: loss / squared gradient at the start", minimum=0, advanced=True
    )
    precision: Literal["auto", "fp32", "bf16"] = option(
        "auto", help="Number format; auto: bf16 where it is fast and answers the same", advanced=True
    )

    def __post_init__(self) -> None:
        check_options(self)

    def steps(self, net: Network, image: Image) -> Steps:
        """Invert the answer to ``image``: uint8 (H, W, 3) RGB of any size, or a preprocessed float32 (1, c, h, w).

        Raises
        ------
        KeyError : a layer is not there.
        ValueError : no picture, or a layer that answers to it with zeros alone.
        NetworkError : the network raises, gives no gradients, or answers with what is no number.
        """
        names = self._chosen(net)
        weights = [_GROWTH ** _depth(net, name) for name in names]
        x = net.preprocess(image)
        converted = for_steps(in_precision(net, self.precision), (x.shape[2], x.shape[3]))
        original = to_picture(net.preprocessing.denormalise(x))
        finished: dict[str, UInt8Array] = {}
        figures: dict[str, float] = {}
        step, total = 0, self.iterations * len(names)
        for name, weight in zip(names, weights, strict=True):
            search = _Search(self, converted, name, weight, x, original)
            end = step + self.iterations
            while step < end:
                step += 1
                last = step == end
                metrics, picture, note = search.step(last)
                result = None
                begun = len(names) > 1 and search.made == 1
                place = [f"{name}: layer {len(finished) + 1} of {len(names)}"] if begun else []
                if last:
                    figures |= metrics if len(names) == 1 else {f"{key} {name}": v for key, v in metrics.items()}
                    finished[name] = picture
                if step == total:
                    result = self._result(net, original, finished, figures, converted)
                more = yield RunUpdate(
                    step,
                    total,
                    picture,
                    metrics,
                    result,
                    {"pictures": {"Original": original, **(finished if len(names) > 1 else {})}},
                    self.iterations if result is not None and len(names) == 1 else 0,
                    "; ".join([*place, *note]),
                )
                if step == total and more and len(names) == 1:
                    total += more
                    end = total

    def _chosen(self, net: Network) -> tuple[str, ...]:
        """The layers, all of them in the catalogue."""
        convolutions = [layer.name for layer in net.layers if layer.kind == "conv"] or [
            layer.name for layer in net.layers if layer.size is not None
        ]
        names = _names(self.layers)
        if self.strip and not names:
            places = np.linspace(0, len(convolutions) - 1, min(_STRIP, len(convolutions))).round().astype(int)
            names = tuple(convolutions[place] for place in places)
        if not names:
            if self.layer is None and not convolutions:
                raise ValueError(f"network {net.name!r} has no layer with maps; name the one to invert with layer")
            names = (self.layer or convolutions[len(convolutions) // 2],)
        for name in names:
            net.layer(name)
        return names

    def _result(
        self,
        net: Network,
        original: UInt8Array,
        finished: Mapping[str, UInt8Array],
        figures: Mapping[str, float],
        converted: Network,
    ) -> RunResult:
        image = np.concatenate([original, *finished.values()], axis=1) if len(finished) > 1 else None
        return RunResult(
            run="inversion",
            title=", ".join(finished) if image is None else f"{next(iter(finished))} to {list(finished)[-1]}",
            options=option_values(self),
            network=net.name,
            network_hash=net.hash,
            image=next(iter(finished.values())) if image is None else image,
            images={"original": original, **(finished if image is not None else {})},
            figures=dict(figures),
            facts={"layers": list(finished), "precision": str(converted.dtype).removeprefix("torch.")},
        )


class _Search:
    """The state of the search for one layer's picture."""

    def __init__(
        self, options: Inversion, net: Network, layer: str, weight: float, x: torch.Tensor, original: UInt8Array
    ) -> None:
        self._options, self._net, self._layer, self._weight = options, net, layer, weight
        self._original = original
        with torch.no_grad():
            _, raw = net.run(x, (layer,), stop=True)
            self._target = raw[layer].to(torch.float32).clone()
        self._energy = float(self._target.square().sum())
        if self._energy == 0 or not math.isfinite(self._energy):
            what = "with zeros alone" if self._energy == 0 else "with values that are no numbers"
            raise ValueError(
                f"layer {layer!r} answers to this picture {what}: there is nothing to invert; choose another"
            )
        self._mean, self._std = net.preprocessing.vectors(x.device)
        self._generator = torch.Generator().manual_seed(options.seed)
        self._noise = options.noise
        self._shape = x.shape
        self._descent = self._begin()
        self._restarts = 0
        self.made = 0
        self._ssim = float("nan")
        self._best: tuple[float, float] = (float("inf"), float("inf"))

    def _begin(self) -> HeavyBall:
        """A descent from noise around the mean colour."""
        noise = torch.randn(self._shape, generator=self._generator) * self._noise
        return HeavyBall(noise.to(self._mean.device) + self._mean, self._options.learning_rate)

    def step(self, last: bool) -> tuple[dict[str, float], UInt8Array, list[str]]:
        """One step. Returns the figures and the picture where it was taken (or the best, if ``last``), and notes."""
        notes = []
        pixels = self._descent.position
        loss, error, gradient, led_back = self._evaluate(pixels)
        if not math.isfinite(loss):
            if self._descent.rate is None:
                raise NetworkError(
                    f"network {self._net.name!r} answers to noise with what is no number; invert with precision fp32"
                )
            loss, gradient = float("inf"), torch.zeros_like(gradient)
            notes.append("the loss or its gradient was no number: the step is undone, and the next is half as long")
        if loss < self._best[0]:
            self._best = (loss, error)
        if not led_back and self._descent.rate is None and self._restarts < _RESTARTS:
            # Dead rectifiers: nothing of the layer's answer leads back to the picture.
            self._restarts += 1
            self._noise *= 3
            self._descent = self._begin()
            notes.append("the gradient was 0: begun again from stronger noise")
        else:
            good = self._descent.take(loss, gradient)
            if not led_back:
                notes.append(
                    f"the gradient is 0: nothing of what {self._layer} answers leads back to the picture; choose "
                    "another layer"
                )
            elif not good and not notes:
                notes.append("the loss rose: back to the best picture so far, with half the learning rate")
        self._shake()
        if last:
            pixels, (loss, error) = self._descent.best, self._best
        picture = to_picture(pixels)
        if last or self.made % _SSIM_EVERY == 0:
            self._ssim = structural_similarity(self._original, picture)
        self.made += 1
        psnr = peak_signal_to_noise(self._original, picture)
        return {"loss": loss, "feature_error": error, "psnr": psnr, "ssim": self._ssim}, picture, notes

    def _shake(self) -> None:
        """Add noise if it is time to."""
        count, until = self.made + 1, _SHAKEN * self._options.iterations
        if self._options.shake and count % _SHAKE_EVERY == 0 and count < until:
            noise = torch.randn(self._shape, generator=self._generator) * self._options.shake * (1 - count / until)
            self._descent.shake(noise.to(self._mean.device))

    def _evaluate(self, pixels: torch.Tensor) -> tuple[float, float, torch.Tensor, bool]:
        """Loss, relative feature error, the loss's gradient with respect to float32 (1, c, h, w) pixels, and whether
        the layer has a part in it."""
        done = differentiable_pass(self._net, self._net.preprocessing.normalise(pixels), (self._layer,), stop=True)
        raw = done.raw[self._layer]
        difference = raw.detach().to(torch.float32) - self._target
        squares = torch.linalg.vector_norm(difference).square_() / self._energy
        seed = difference.mul_(2 / self._energy).to(raw.dtype)
        gradient = input_gradient(done, raw, seed, f"layer {self._layer!r}").div_(self._std)
        largest = torch.linalg.vector_norm(gradient, math.inf)
        prior, slope = self._prior((pixels - self._mean).div_(_RANGE))
        gradient.add_(slope, alpha=1 / _RANGE)
        squares_value, prior_value, steepest = torch.stack([squares, prior, largest]).tolist()
        if not math.isfinite(steepest):
            squares_value = math.nan
        return squares_value + prior_value, math.sqrt(squares_value), gradient, steepest > 0

    def _prior(self, away: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """What the recipe adds to the loss, and its gradient with respect to ``away``."""
        options, count = self._options, away.numel()
        if options.recipe == "l2":
            share = options.l2_weight / count
            return torch.linalg.vector_norm(away).square_() * share, away.mul_(2 * share)
        rough, rough_slope = total_variation(away, options.beta)
        large, large_slope = alpha_norm(away, options.alpha)
        tv, norm = options.tv_weight * self._weight / count, options.alpha_weight * self._weight / count
        return rough * tv + large * norm, rough_slope.mul_(tv).add_(large_slope, alpha=norm)


def _names(layers: str | tuple[str, ...] | list[str]) -> tuple[str, ...]:
    """Names of layers, also from a text with commas, as a command line gives it."""
    entries = layers.split(",") if isinstance(layers, str) else layers
    return tuple(name.strip() for name in entries if name.strip())


def _depth(net: Network, name: str) -> float:
    """How deep a layer lies, from 0 at the first layer with weights to 1 at the last."""
    weighted, here, found = 0, 0, False
    for layer in net.layers:
        weighted += _has_weights(layer)
        if layer.name == name:
            here, found = weighted, True
    if not found or weighted < 2:
        return 0.0
    return max(0, here - 1) / (weighted - 1)


def _has_weights(layer: Layer) -> bool:
    return layer.kind in ("conv", "linear")
