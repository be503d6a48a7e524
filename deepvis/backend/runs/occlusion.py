"""Occlusion: what happens to a class when a part of the picture is covered (Zeiler & Fergus 2013).

"Visualizing and understanding convolutional networks". A window slides over the picture, its pixels are set to black
(in pixel space: zero in normalised space would be grey), and the target's probability and logit are noted there.

Windows go through the network in batches that are written into one buffer; nothing is re-used from one window's
activations for another.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import torch

from deepvis.backend.device import is_out_of_memory
from deepvis.backend.network import Image, Network, NetworkError, Target
from deepvis.backend.runs.base import Needs
from deepvis.backend.runs.pixels import to_picture
from deepvis.backend.runs.precision import in_precision
from deepvis.colormaps import colorize
from deepvis.messages import FloatArray, RunUpdate, Size, UInt8Array
from deepvis.options import check_options, option

FILLS = ("black", "grey", "blur")
LEVELS = (4, 2, 1)
"""Every 4th window first, then every 2nd, then all."""

_BATCHES = (4, 8, 16, 32, 64)
_LONGEST_STEP = 0.5
"""Seconds: a larger batch is not tried once a step takes longer, so that a live view goes on beside the run."""


@dataclass(frozen=True, slots=True)
class Windows:
    """Where the window stands: ``rows`` × ``columns`` places, ``stride`` pixels apart, the last cut off at the edge."""

    size: Size
    patch: int
    stride: int

    @property
    def rows(self) -> int:
        """Number of places from top to bottom."""
        return math.ceil((self.size[0] - self.patch) / self.stride) + 1

    @property
    def columns(self) -> int:
        """Number of places from left to right."""
        return math.ceil((self.size[1] - self.patch) / self.stride) + 1

    def box(self, row: int, column: int) -> tuple[int, int, int, int]:
        """(top, left, bottom, right) of one window in input pixels, half open."""
        top, left = row * self.stride, column * self.stride
        return top, left, min(top + self.patch, self.size[0]), min(left + self.patch, self.size[1])

    def order(self) -> list[tuple[int, int]]:
        """Every place once, coarse ones first."""
        places = [(row, column) for row in range(self.rows) for column in range(self.columns)]

        def level(place: tuple[int, int]) -> int:
            return next(n for n, step in enumerate(LEVELS) if place[0] % step == 0 and place[1] % step == 0)

        return sorted(places, key=level)

    def spread(self, values: npt.NDArray[np.float64]) -> FloatArray:
        """(rows, columns) values to pixels: each pixel has the mean over the windows that cover it, NaN where no known
        one does. float32 (h, w)."""
        height, width = self.size
        known = np.isfinite(values)
        top = np.arange(self.rows) * self.stride
        left = np.arange(self.columns) * self.stride
        bottom = np.minimum(top + self.patch, height)
        right = np.minimum(left + self.patch, width)
        sums = []
        for weights in (np.where(known, values, 0.0), known.astype(np.float64)):
            # Corners of every box in a summed-area table: one pass for all windows.
            corners = np.zeros((height + 1, width + 1))
            for y, x, sign in ((top, left, 1), (top, right, -1), (bottom, left, -1), (bottom, right, 1)):
                np.add.at(corners, (y[:, None], x[None, :]), sign * weights)
            sums.append(corners.cumsum(0).cumsum(1)[:height, :width])
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = sums[0] / np.round(sums[1])
        result: FloatArray = mean.astype(np.float32)
        return result


@dataclass(frozen=True, slots=True, eq=False)
class OcclusionMap:
    """What covering each part of the picture does to one class.

    Attributes
    ----------
    probability, logit : float32 (rows, columns), of the target with the window at each place.
    drop : float32 (h, w) at input size: by how much the logit falls, mean over the windows that cover the pixel.
        Negative where the class gains by being covered there.
    probability_drop : the same of the probability.
    patch, stride : of the window, in input pixels.
    fill : what covers: ``black``, ``grey``, ``blur`` or a pixel value from 0 to 255.
    target, label : the class.
    whole_probability, whole_logit : of the target in the picture without a window.
    picture : uint8 (h, w, 3) RGB, what the network saw.
    cover : uint8 (h, w, 3) RGB, what shows through the window.
    """

    probability: FloatArray
    logit: FloatArray
    drop: FloatArray
    probability_drop: FloatArray
    patch: int
    stride: int
    fill: str | float
    target: int
    label: str
    whole_probability: float
    whole_logit: float
    picture: UInt8Array
    cover: UInt8Array

    def box(self, row: int, column: int) -> tuple[int, int, int, int]:
        """(top, left, bottom, right) of the window at one place, in input pixels, half open."""
        height, width = self.picture.shape[:2]
        return Windows((height, width), self.patch, self.stride).box(row, column)

    def covered(self, row: int, column: int) -> UInt8Array:
        """The picture with the window at one place, uint8 (h, w, 3) RGB."""
        top, left, bottom, right = self.box(row, column)
        picture = self.picture.copy()
        picture[top:bottom, left:right] = self.cover[top:bottom, left:right]
        return picture


@dataclass(frozen=True)
class Occlusion:
    """Slide a window over the picture and note what becomes of a class.

    ``steps`` yields one update a batch of windows. ``update.step`` counts windows. ``update.detail`` holds the maps so
    far: ``probability`` and ``logit`` (rows, columns), where a place that is not computed yet has the value of the
    nearest computed coarse place up and left of it, or NaN if there is none; ``known`` (rows, columns), True where a
    place is computed itself; ``drop`` (h, w), made from them; ``picture``, ``cover``, ``patch``, ``stride``, ``target``
    and ``label`` as :class:`OcclusionMap` has them. ``update.image`` is the picture with ``drop`` over it.
    ``update.metrics``: ``probability`` and ``logit`` without a window, ``lowest_probability`` and ``largest_drop`` (of
    the logit) so far. The last update's ``result`` is an :class:`OcclusionMap`.

    Paper: Zeiler & Fergus 2013.
    """

    title: ClassVar[str] = "Occlusion"
    needs: ClassVar[Needs] = "picture"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "Fine": {"patch": 24, "stride": 6},
        "Blurred": {"fill": "blur"},
    }

    target: int | str | None = option(
        None, help="Class index or label; none: the network's own top class", role="class"
    )
    patch: int | None = option(None, help="Side of the window; none: a seventh of the picture", minimum=1, unit="px")
    stride: int | None = option(None, help="Distance between windows; none: half the window", minimum=1, unit="px")
    fill: str | float = option(
        "black", help="What covers the window, or a pixel value", choices=FILLS, minimum=0, maximum=255
    )
    precision: Literal["auto", "fp32", "bf16"] = option(
        "fp32", help="Number format; auto: bf16 where it is fast and answers the same"
    )
    batch: int | None = option(None, help="Windows at once; none: chosen by measurement", minimum=1, maximum=4096)

    def __post_init__(self) -> None:
        check_options(self)

    def windows(self, size: Size) -> Windows:
        """The places of the window for an input of ``size`` (h, w).

        Raises ValueError for a window larger than the picture, or a stride that would leave pixels out.
        """
        shorter = min(size)
        patch = max(1, round(shorter / 7)) if self.patch is None else int(self.patch)
        if patch > shorter:
            raise ValueError(
                f"patch {patch} is larger than the picture, which the network sees at {size[0]} × {size[1]} px; "
                f"it is 1 to {shorter} px"
            )
        stride = max(1, patch // 2) if self.stride is None else int(self.stride)
        if stride > patch:
            raise ValueError(
                f"stride {stride} is larger than the window and would leave pixels out: it is 1 to {patch}"
            )
        return Windows(size, patch, stride)

    def steps(self, net: Network, image: Image) -> Iterator[RunUpdate]:
        """Cover the picture place by place; see the class. Raises as :func:`deepvis.methods.occlusion`."""
        x = net.preprocess(image)
        windows = self.windows((x.shape[-2], x.shape[-1]))
        cover = self._cover(net, x, windows.patch)
        batches = _Batches(in_precision(net, self.precision, x), x, cover)
        whole = batches.whole_logits()
        if not bool(torch.isfinite(whole).all()):
            raise ValueError(
                f"network {net.name!r} answers this picture with values that are not finite, so there is nothing that "
                "a window could lower; check its weights, or use fp32"
            )
        target: Target = self.target
        index = net.target_index(target, whole)
        denormalise = net.preprocessing.denormalise
        pictures = to_picture(denormalise(x)), to_picture(denormalise(cover))
        record = _Record(windows, index, net.labels[index], whole, *pictures)
        order = windows.order()
        pace = _Pace(self.batch, x.device)
        done = 0
        while done < len(order):
            places = order[done : done + pace.size]
            began = time.perf_counter()
            try:
                logits = batches.logits([windows.box(*place) for place in places])
            except Exception as error:
                if not is_out_of_memory(error) or not pace.halve():
                    raise
                batches.forget()
                continue
            pace.took(len(places), time.perf_counter() - began)
            done += len(places)
            record.note(places, logits)
            result = record.result(self.fill) if done == len(order) else None
            yield record.update(done, len(order), result)

    def _cover(self, net: Network, x: torch.Tensor, patch: int) -> torch.Tensor:
        """What shows through the window, in the network's input space, as large as the input."""
        if self.fill == "grey":
            return torch.zeros_like(x)
        if self.fill == "blur":
            # Imported here: the methods import this module, and either may be the first to be imported.
            from deepvis.backend.methods.views import gaussian_blur

            return torch.stack([gaussian_blur(channel, patch / 2) for channel in x[0]])[None]
        value = 0.0 if isinstance(self.fill, str) else float(self.fill) / 255
        return net.preprocessing.normalise(torch.full_like(x, value))


class _Pace:
    """The batch size: given, or the one whose windows took the least time each, found while the run goes on."""

    def __init__(self, given: int | None, device: torch.device) -> None:
        self._trials = [] if given is not None else list(_BATCHES if device.type == "cpu" else (16, 64, 256))
        self.size = given or self._trials.pop(0)
        self._best = (math.inf, self.size)
        self._fixed = given is not None
        self._warm = False

    def took(self, count: int, seconds: float) -> None:
        """A batch of ``count`` windows took this long."""
        if self._fixed or count < self.size:
            return
        if not self._warm:
            # The first batch pays for memory and kernels that are set up once, so that others are quicker than it says.
            self._warm = True
            sizes = [size for size in self._trials if size * seconds / count <= _LONGEST_STEP / 2]
            if sizes:
                self.size = sizes[-1]
                self._trials = [size for size in self._trials if size > self.size]
            return
        if seconds / count < self._best[0]:
            self._best = (seconds / count, self.size)
        elif self.size > self._best[1]:
            self._trials.clear()
        if self._trials and seconds < _LONGEST_STEP:
            self.size = self._trials.pop(0)
        else:
            self.size = self._best[1]
            self._fixed = True

    def halve(self) -> bool:
        """Half of the batch size from now on; False where it is 1 already."""
        if self.size == 1:
            return False
        self.size //= 2
        self._fixed = True
        return True


class _Batches:
    """Runs windows through the network: one buffer of copies of the picture, in which only windows are written."""

    def __init__(self, net: Network, x: torch.Tensor, cover: torch.Tensor) -> None:
        self._net = net
        self._layout = torch.channels_last
        self._x = x.to(net.dtype).contiguous(memory_format=self._layout)
        self._cover = cover.to(net.dtype).contiguous(memory_format=self._layout)
        self._buffer = self._x[:0]
        self._writes_input = False

    def whole_logits(self) -> torch.Tensor:
        """float32 (classes,) of the picture without a window, on the CPU."""
        probe = self._x.clone()
        try:
            logits = self._net.forward(probe)[0].cpu()
        except NetworkError:
            if self._layout == torch.contiguous_format:
                raise
            # A network that calls view on its activations stands no other memory layout than the plain one.
            self._layout = torch.contiguous_format
            self._x, self._cover = self._x.contiguous(), self._cover.contiguous()
            return self.whole_logits()
        self._writes_input = not torch.equal(probe, self._x)
        return logits

    def logits(self, boxes: list[tuple[int, int, int, int]]) -> torch.Tensor:
        """float32 (windows, classes) on the CPU, of the picture with a window at each box."""
        with torch.inference_mode():
            if self._buffer.shape[0] < len(boxes):
                self._buffer = self._x.repeat(len(boxes), 1, 1, 1).contiguous(memory_format=self._layout)
            batch = self._buffer[: len(boxes)]
            for copy, (top, left, bottom, right) in zip(batch, boxes, strict=True):
                copy[:, top:bottom, left:right] = self._cover[0, :, top:bottom, left:right]
            try:
                return self._net.forward(batch.clone() if self._writes_input else batch).cpu()
            finally:
                for copy, (top, left, bottom, right) in zip(batch, boxes, strict=True):
                    copy[:, top:bottom, left:right] = self._x[0, :, top:bottom, left:right]

    def forget(self) -> None:
        """Give the buffer's memory back."""
        self._buffer = self._x[:0]


class _Record:
    """The values noted so far."""

    def __init__(
        self, windows: Windows, target: int, label: str, whole: torch.Tensor, picture: UInt8Array, cover: UInt8Array
    ) -> None:
        self._windows = windows
        self._target = target
        self._label = label
        self._picture = picture
        self._cover = cover
        self._whole_logit = float(whole[target])
        self._whole_probability = float(torch.softmax(whole.double(), 0)[target])
        shape = (windows.rows, windows.columns)
        self._logit = np.full(shape, np.nan)
        self._probability = np.full(shape, np.nan)

    def note(self, places: list[tuple[int, int]], logits: torch.Tensor) -> None:
        """Enter the values of some places, float32 (places, classes)."""
        rows, columns = (list(axis) for axis in zip(*places, strict=True))
        self._logit[rows, columns] = logits[:, self._target].double().numpy()
        self._probability[rows, columns] = torch.softmax(logits.double(), 1)[:, self._target].numpy()

    def update(self, step: int, total: int, result: OcclusionMap | None) -> RunUpdate:
        """The state as an update."""
        logit, probability = self._filled(self._logit), self._filled(self._probability)
        drop = self._windows.spread(self._whole_logit - logit) if result is None else result.drop
        metrics = {
            "probability": self._whole_probability,
            "logit": self._whole_logit,
            "lowest_probability": float(np.nanmin(self._probability)),
            "largest_drop": self._whole_logit - float(np.nanmin(self._logit)),
        }
        detail = {
            "probability": probability.astype(np.float32),
            "logit": logit.astype(np.float32),
            "known": np.isfinite(self._logit),
            "drop": drop,
            "picture": self._picture,
            "cover": self._cover,
            "patch": self._windows.patch,
            "stride": self._windows.stride,
            "target": self._target,
            "label": self._label,
        }
        return RunUpdate(step, total, _overlaid(self._picture, drop), metrics, result, detail)

    def _filled(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Unknown places get the value of the finest known place on the coarser grids, up and left of them."""
        filled = np.full_like(values, np.nan)
        rows, columns = np.indices(values.shape)
        for step in LEVELS:
            anchored = values[rows // step * step, columns // step * step]
            filled = np.where(np.isfinite(anchored), anchored, filled)
        return filled

    def result(self, fill: str | float) -> OcclusionMap:
        """The finished map."""
        return OcclusionMap(
            probability=self._probability.astype(np.float32),
            logit=self._logit.astype(np.float32),
            drop=self._windows.spread(self._whole_logit - self._logit),
            probability_drop=self._windows.spread(self._whole_probability - self._probability),
            patch=self._windows.patch,
            stride=self._windows.stride,
            fill=fill,
            target=self._target,
            label=self._label,
            whole_probability=self._whole_probability,
            whole_logit=self._whole_logit,
            picture=self._picture,
            cover=self._cover,
        )


def _overlaid(picture: UInt8Array, drop: FloatArray) -> UInt8Array:
    """The picture under the drop in inferno colours, from 0 to the largest drop; plain where nothing is known yet."""
    known = np.isfinite(drop)
    positive = np.where(known, np.maximum(drop, 0), 0)
    levels = (positive * (255 / max(float(positive.max()), 1e-12)) + 0.5).astype(np.uint8)
    colours = colorize(levels, "inferno")[:, :, 2::-1]
    mixed = (0.4 * picture + 0.6 * colours + 0.5).astype(np.uint8)
    overlaid: UInt8Array = np.where(known[:, :, None], mixed, picture)
    return overlaid
