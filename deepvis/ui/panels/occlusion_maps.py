"""What an occlusion run tells at each step, as pictures. No Qt in here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from deepvis.colormaps import DIVERGING, colorize
from deepvis.messages import FloatArray, RunUpdate, UInt8Array

MapName = Literal["drop", "probability", "logit"]
MAPS: tuple[MapName, ...] = ("drop", "probability", "logit")
COLORS = "inferno"
"""Of the maps that have no zero to diverge from."""

_MARGIN = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class OcclusionMaps:
    """The maps of an occlusion run, finished or not.

    Attributes
    ----------
    probability, logit : float32 (rows, columns), of the class with the window at each place; where ``known`` is False a
        coarser place's value, or NaN.
    drop : float32 (h, w), by how much the logit falls; NaN where nothing is known.
    picture, cover : uint8 (h, w, 3) RGB, what the network saw, and what shows through the window.
    patch, stride : of the window, in pixels.
    label, whole_probability, whole_logit : the class, and its values in the picture without a window.
    """

    probability: FloatArray
    logit: FloatArray
    known: npt.NDArray[np.bool_]
    drop: FloatArray
    picture: UInt8Array
    cover: UInt8Array
    patch: int
    stride: int
    label: str
    whole_probability: float
    whole_logit: float

    @classmethod
    def of(cls, update: RunUpdate) -> OcclusionMaps:
        """The maps in an update of an occlusion run. Raises KeyError if it is another run's."""
        detail: Mapping[str, Any] = update.detail
        return cls(
            probability=detail["probability"],
            logit=detail["logit"],
            known=detail["known"],
            drop=detail["drop"],
            picture=detail["picture"],
            cover=detail["cover"],
            patch=int(detail["patch"]),
            stride=int(detail["stride"]),
            label=str(detail["label"]),
            whole_probability=float(update.metrics["probability"]),
            whole_logit=float(update.metrics["logit"]),
        )

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the picture."""
        return self.picture.shape[0], self.picture.shape[1]

    @property
    def places(self) -> tuple[int, int]:
        """Rows and columns of places at which the window stands."""
        return self.logit.shape[0], self.logit.shape[1]

    @property
    def strongest(self) -> tuple[int, int] | None:
        """(row, column) of the window that takes most from the class; None while none is known."""
        if not self.known.any():
            return None
        at = int(np.where(self.known, self.logit, np.inf).argmin())
        return at // self.places[1], at % self.places[1]

    def box(self, row: int, column: int) -> tuple[int, int, int, int]:
        """(top, left, bottom, right) of the window at one place, in pixels, half open, within the picture."""
        height, width = self.size
        top, left = row * self.stride, column * self.stride
        return top, left, min(top + self.patch, height), min(left + self.patch, width)

    def place_at(self, y: float, x: float) -> tuple[int, int]:
        """(row, column) of the window whose middle is nearest to (y, x), both in [0, 1) over the picture."""
        height, width = self.size
        row = self._middles(0) - y * height
        column = self._middles(1) - x * width
        return int(np.abs(row).argmin()), int(np.abs(column).argmin())

    def covered(self, row: int, column: int) -> UInt8Array:
        """The picture with the window at one place, uint8 (h, w, 3) RGB."""
        top, left, bottom, right = self.box(row, column)
        picture = self.picture.copy()
        picture[top:bottom, left:right] = self.cover[top:bottom, left:right]
        return picture

    def over_picture(self, name: MapName) -> FloatArray:
        """A map at the picture's size, float32 (h, w), NaN where nothing is known.

        Each pixel has the value of the window nearest to it; in ``drop`` the mean over the windows that cover it.
        """
        if name == "drop":
            return self.drop
        rows = self._nearest(0)
        columns = self._nearest(1)
        values: FloatArray = (self.probability if name == "probability" else self.logit)[rows][:, columns]
        return values

    def scale(self, name: MapName) -> tuple[str, float, float]:
        """Colour map and the values at both its ends.

        Symmetric about zero for the drop; the range of the others has the uncovered picture's value in it.
        """
        if name == "drop":
            known = self.drop[np.isfinite(self.drop)]
            largest = float(np.abs(known).max()) if known.size else 0.0
            return DIVERGING, -largest, largest
        values, whole = (
            (self.probability, self.whole_probability) if name == "probability" else (self.logit, self.whole_logit)
        )
        known = values[np.isfinite(values)]
        return COLORS, min([whole, *known.tolist()]), max([whole, *known.tolist()])

    def overlay(self, name: MapName) -> UInt8Array:
        """A map in colours, uint8 (h, w, 4) BGRX. The picture itself shows where nothing is known."""
        colormap, low, high = self.scale(name)
        values = self.over_picture(name)
        known = np.isfinite(values)
        share = np.where(known, values - low, 0) / max(high - low, _MARGIN)
        # A map without any contrast lies at the middle of a diverging scale, and at the end of the others.
        if high - low < _MARGIN:
            share = np.full_like(share, 0.5 if name == "drop" else 1.0)
        levels = (np.clip(share, 0, 1) * 255 + 0.5).astype(np.uint8)
        colors = colorize(levels, colormap)
        plain: UInt8Array = np.full_like(colors, 255)
        plain[:, :, :3] = self.picture[:, :, ::-1]
        shown: UInt8Array = np.where(known[:, :, None], colors, plain)
        return shown

    def blended(self, name: MapName, opacity: float) -> UInt8Array:
        """The picture with a map over it, uint8 (h, w, 4) BGRX, ``opacity`` in [0, 1]."""
        mixed = np.full((*self.size, 4), 255, np.uint8)
        over = self.overlay(name)[:, :, :3].astype(np.float32)
        under = self.picture[:, :, ::-1].astype(np.float32)
        mixed[:, :, :3] = under + opacity * (over - under) + 0.5
        return mixed

    def arrays(self) -> dict[str, Any]:
        """Everything, for an npz file."""
        return {
            "probability": self.probability,
            "logit": self.logit,
            "known": self.known,
            "drop": self.drop,
            "picture": self.picture,
            "cover": self.cover,
            "patch": np.int64(self.patch),
            "stride": np.int64(self.stride),
            "label": np.str_(self.label),
            "whole_probability": np.float64(self.whole_probability),
            "whole_logit": np.float64(self.whole_logit),
        }

    def _middles(self, axis: int) -> npt.NDArray[np.float64]:
        start = np.arange(self.places[axis]) * self.stride
        return (start + np.minimum(start + self.patch, self.size[axis])) / 2

    def _nearest(self, axis: int) -> npt.NDArray[np.intp]:
        pixels = np.arange(self.size[axis]) + 0.5
        nearest: npt.NDArray[np.intp] = np.abs(self._middles(axis)[:, None] - pixels).argmin(0)
        return nearest
