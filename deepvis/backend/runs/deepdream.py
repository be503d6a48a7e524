"""DeepDream: let a network put more of what it sees into a picture, octave by octave."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch

from deepvis.backend.network import Image, Network
from deepvis.backend.runs.base import Needs, Steps
from deepvis.backend.runs.dream_objective import DreamObjective, WeightedLayer, default_layer, parse_layers
from deepvis.backend.runs.octaves import Tiling, octave_sizes, zoomed
from deepvis.backend.runs.pixels import resized, to_picture, to_pixels
from deepvis.backend.runs.precision import for_steps, in_precision
from deepvis.messages import RunResult, RunUpdate, Size, UInt8Array
from deepvis.options import check_options, option, option_values


@dataclass(frozen=True)
class DeepDream:
    """Dream on a picture: gradient ascent on what a layer answers, from a small octave of the picture to the full size.

    Each octave begins with the picture at its size plus the detail that the octaves before it have dreamt. A step moves
    the picture by ``step`` levels of 255 on average along the gradient, while it is shifted by a random amount, around
    its edges, and shifted back. Pixels stay between 0 and 255.

    One ``next`` is one pass of the network: a step, or one tile of a step where the picture is larger than ``tile``.
    ``update.image`` is a new array only where there is a new picture; while a frame of a zoom is under way it is the
    frame that was finished last, so that a film of the new arrays is the zoom, and the frame under way is in
    ``update.detail["pictures"]``. ``update.metrics``: ``objective`` (see
    :class:`~deepvis.backend.runs.dream_objective.DreamObjective`), ``octave`` from 1 on, and of a zoom ``frame`` from 1
    on. The last update's ``result`` has the picture, ``images["before"]``, and in ``facts`` the sizes of the octaves
    and the first and last objective of each.

    Continued, it makes more steps on the last octave; a zoom makes more frames.

    Paper: Mordvintsev, Olah & Tyka 2015, *Inceptionism*.
    """

    title: ClassVar[str] = "DeepDream"
    needs: ClassVar[Needs] = "picture"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "Gentle": {"octaves": 3, "steps_per_octave": 6},
        "Strong": {"octaves": 5, "steps_per_octave": 20},
        "Zoom": {"zoom_frames": 60, "size": 320},
    }

    layer: str | None = option(None, help="Layer that dreams; none: one at two thirds of the depth", role="layer")
    layers: str | tuple[str, ...] | None = option(
        None,
        help="Several layers and their weights in place of one, such as conv4:1, conv5:0.5",
        role="layers",
        advanced=True,
    )
    unit: int | None = option(None, help="One unit of the layer; none: all", minimum=0, role="unit")
    guide: str | None = option(None, help="A picture whose things are dreamt of; none: free", role="picture")
    octaves: int = option(4, help="Sizes of the picture that are dreamt on, small to large", minimum=1, maximum=12)
    octave_scale: float = option(
        1.4, help="How much larger each octave is than the one before", minimum=1.05, maximum=4, advanced=True
    )
    steps_per_octave: int = option(10, help="Gradient steps on each octave", minimum=1, maximum=1000)
    step: float = option(1.5, help="Mean change of a pixel in one step, of 255", minimum=0.01, maximum=50, label="Step")
    jitter: int = option(32, help="Largest random shift of a step", minimum=0, maximum=512, unit="px", advanced=True)
    size: int | None = option(
        512, help="Longest side of the picture; none: as it is", minimum=16, maximum=16384, unit="px"
    )
    tile: int = option(
        512, help="Side of what the network sees at once of a large picture", minimum=64, unit="px", advanced=True
    )
    zoom_frames: int = option(0, help="Frames of a film that zooms into the dream; 0: a picture", minimum=0)
    zoom: float = option(
        0.05, help="Share of the picture that each frame of the film loses", minimum=0.0, maximum=0.5, advanced=True
    )
    precision: Literal["auto", "fp32", "bf16"] = option(
        "auto", help="Number format; auto: bf16 where it is fast and its gradient is the same", advanced=True
    )
    seed: int = option(0, help="Of the random shifts", minimum=0, maximum=2**63 - 1, advanced=True)

    def __post_init__(self) -> None:
        check_options(self)
        chosen = self._named_layers()
        if self.unit is not None and len(chosen or ()) > 1:
            raise ValueError(f"unit {self.unit} needs one layer; choose a single layer, or no unit")
        if self.unit is not None and self.guide:
            raise ValueError(f"unit {self.unit} and a guide exclude each other: leave out one of them")

    def _named_layers(self) -> tuple[WeightedLayer, ...] | None:
        if self.layers:
            return parse_layers(self.layers)
        return None if self.layer is None else (WeightedLayer(self.layer),)

    def steps(self, net: Network, image: Image) -> Steps:
        """Dream on ``image``: uint8 (H, W, 3) RGB of any size, or a preprocessed float32 (1, c, h, w) tensor.

        Raises
        ------
        KeyError : a layer is not there.
        ValueError : no picture, a layer without maps, a unit out of range.
        NetworkError : the network raises or gives no gradients.
        SourceError : the guide cannot be read.
        """
        dream = _Dream(self, net, image)
        passes = dream.passes()
        step, total = 0, dream.total
        while True:
            while step < total:
                next(passes)
                step += 1
                last = step == total
                more = yield dream.update(step, total, last)
            if not more:
                return
            total += more


class _Dream:
    """The state of one dream."""

    def __init__(self, options: DeepDream, net: Network, image: Image) -> None:
        self._options = options
        layers = options._named_layers() or (WeightedLayer(default_layer(net)),)
        # Options are checked on the network before a copy of it is made.
        DreamObjective(net, layers, unit=options.unit)
        self._net = net
        picture = to_pixels(net, image, options.size)
        guide = None if not options.guide else to_pixels(net, _read(options.guide), 2 * max(net.input_size))
        # Octaves differ in size; laid out for more than the network's own, its weights suit them all.
        typical = (min(picture.shape[-2], 2 * net.input_size[0]), min(picture.shape[-1], 2 * net.input_size[1]))
        converted = for_steps(in_precision(net, options.precision), typical)
        self._objective = DreamObjective(converted, layers, unit=options.unit, guide=guide)
        self._notes: list[str] = []
        self._sizes = self._octaves((picture.shape[-2], picture.shape[-1]))
        self._picture = resized(picture, self._sizes[-1]).clamp(0, 1)
        self._now = self._picture
        self._generator = torch.Generator().manual_seed(options.seed)
        self._tiling = self._tiled(options.tile)
        self._objectives: list[list[float]] = []
        self._value = float("nan")
        self._octave = 0
        self._frame = 1
        self._before = to_picture(self._picture)
        self._shown = self._before
        self._under_way = self._before

    def _octaves(self, size: Size) -> tuple[Size, ...]:
        smallest = self._objective.smallest
        sizes = octave_sizes(size, self._options.octaves, self._options.octave_scale, smallest)
        if min(size) < smallest:
            self._notes.append(
                f"the picture ({size[1]} × {size[0]} px) is smaller than the network needs and was enlarged to "
                f"{sizes[-1][1]} × {sizes[-1][0]} px: one octave"
            )
        elif len(sizes) < self._options.octaves:
            self._notes.append(
                f"{len(sizes)} of {self._options.octaves} octaves: a smaller one would be under {smallest} px, which "
                "the network needs; a larger picture has room for more"
            )
        return sizes

    def _tiled(self, tile: int) -> Tiling:
        stride = self._objective.stride
        tile = max(tile, 4 * stride, self._objective.smallest * 2)
        reach = self._objective.reach
        overlap = tile // 4 if reach is None else min(-(-reach // stride) * stride, tile // 4)
        return Tiling(tile, overlap, stride)

    # ------------------------------------------------------------------------------------------------ steps

    @property
    def total(self) -> int:
        """Passes of the network in all."""
        return self._passes_of_frame * max(1, self._options.zoom_frames)

    @property
    def _passes_of_frame(self) -> int:
        return self._options.steps_per_octave * sum(self._tiling.count(size) for size in self._sizes)

    def passes(self) -> Iterator[None]:
        """Without end: one pass of the network a ``next``."""
        if not self._options.zoom_frames:
            yield from self._octave_by_octave()
            while True:
                yield from self._step()
        while True:
            yield from self._octave_by_octave()
            self._picture = zoomed(self._now, self._options.zoom)
            self._frame += 1

    def _octave_by_octave(self) -> Iterator[None]:
        base = self._picture
        detail = torch.zeros_like(base)
        for number, size in enumerate(self._sizes):
            small = resized(base, size).clamp(0, 1)
            self._octave = number + 1
            self._now = (small + resized(detail, size)).clamp(0, 1)
            last = number + 1 == len(self._sizes)
            for left in reversed(range(self._options.steps_per_octave)):
                yield from self._step(finished=last and left == 0)
            detail = self._now - small

    def _step(self, finished: bool = False) -> Iterator[None]:
        """One gradient step on ``self._now``, one pass of the network a ``next``."""
        options = self._options
        shift = self._random_shift(options.jitter)
        shares = torch.rand(2, generator=self._generator).tolist()
        rolled = torch.roll(self._now, shift, (2, 3))
        size = (rolled.shape[-2], rolled.shape[-1])
        tiles = self._tiling.tiles(size, (shares[0], shares[1]))
        gradient = torch.zeros_like(rolled)
        value = torch.zeros((), device=rolled.device)
        for number, (row, column) in enumerate(tiles):
            window = rolled[:, :, row.begin : row.end, column.begin : column.end]
            found, part = self._objective.gradient(window)
            kept = (row.last - row.first) * (column.last - column.first)
            value = value + part * (kept / (size[0] * size[1]))
            gradient[:, :, row.first : row.last, column.first : column.last] = found[
                :,
                :,
                row.first - row.begin : row.last - row.begin,
                column.first - column.begin : column.last - column.begin,
            ]
            if number + 1 < len(tiles):
                yield
        self._move(torch.roll(gradient, (-shift[0], -shift[1]), (2, 3)), float(value), finished)
        yield

    def _random_shift(self, largest: int) -> tuple[int, int]:
        down, right = torch.randint(-largest, largest + 1, (2,), generator=self._generator).tolist()
        return int(down), int(right)

    def _move(self, gradient: torch.Tensor, value: float, finished: bool) -> None:
        mean = float(gradient.abs().mean())
        if not np.isfinite(mean):
            gradient = gradient.nan_to_num(0.0, 0.0, 0.0)
            mean = float(gradient.abs().mean())
            self._notes.append("the gradient had values that are no numbers; they were left out")
        if mean == 0:
            self._notes.append(
                "the gradient is 0: the layer does not answer to this picture, which stays as it is; choose another "
                "layer or unit"
            )
        else:
            self._now = (self._now + gradient * (self._options.step / 255 / mean)).clamp_(0, 1)
        self._value = value
        if self._frame == 1:
            while len(self._objectives) < self._octave:
                self._objectives.append([])
            self._objectives[self._octave - 1].append(value)
        self._under_way = to_picture(self._now)
        if not self._options.zoom_frames or finished:
            self._shown = self._under_way

    # ------------------------------------------------------------------------------------------------ updates

    def update(self, step: int, total: int, last: bool) -> RunUpdate:
        """The state after a pass."""
        metrics = {"objective": self._value, "octave": float(self._octave)}
        pictures = {"Before": self._before}
        if self._options.zoom_frames:
            metrics["frame"] = float(self._frame)
            pictures["Next frame"] = self._under_way
        note = "; ".join(dict.fromkeys(self._notes))
        self._notes.clear()
        return RunUpdate(
            step,
            total,
            self._shown,
            metrics,
            self._result(metrics, note) if last else None,
            {"pictures": pictures},
            self._more if last else 0,
            note,
        )

    @property
    def _more(self) -> int:
        if self._options.zoom_frames:
            return self._passes_of_frame
        return self._options.steps_per_octave * self._tiling.count(self._sizes[-1])

    def _result(self, metrics: Mapping[str, float], note: str) -> RunResult:
        layers = self._objective.layers
        title = ", ".join(layer.name for layer in layers)
        facts: dict[str, Any] = {
            "layers": {layer.name: layer.weight for layer in layers},
            "octave_sizes": [list(size) for size in self._sizes],
            "objective_by_octave": [[values[0], values[-1]] for values in self._objectives],
            "precision": str(self._objective.dtype).removeprefix("torch."),
        }
        return RunResult(
            run="deepdream",
            title=title if self._options.unit is None else f"{title} {self._options.unit}",
            options=option_values(self._options),
            network=self._net.name,
            network_hash=self._net.hash,
            image=self._shown,
            images={"before": self._before},
            figures=dict(metrics),
            facts=facts,
        )


def _read(path: str) -> UInt8Array:
    from deepvis.backend.sources.pictures import read_picture
    from deepvis.backend.sources.samples import sample_path

    return read_picture(sample_path(path) if path.startswith("sample:") else Path(path))
