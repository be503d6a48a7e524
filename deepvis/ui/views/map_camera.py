"""From places in a map to pixels and back: pan, zoom, and gliding from one view to another. No Qt in here."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from deepvis.messages import FloatArray

MOST_ZOOM = 400.0
"""How many times as large as the whole map it can be seen, at least."""

_GLIDE = 0.09
"""Seconds in which a glide makes 63 % of its way."""


@dataclass(frozen=True, slots=True)
class View:
    """What is seen: the place in the middle, and pixels a unit of the map."""

    x: float = 0.0
    y: float = 0.0
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class Bounds:
    """Where the pictures lie, in the map's unit."""

    left: float = -1.0
    top: float = -1.0
    right: float = 1.0
    bottom: float = 1.0

    @classmethod
    def of(cls, points: FloatArray) -> Bounds:
        """The box around all points; never empty."""
        if not len(points):
            return cls()
        low, high = points.min(0).astype(float), points.max(0).astype(float)
        least = max(1e-3, 1e-3 * float((high - low).max()))
        grow = np.where(high - low < least, 1.0, 0.0)
        return cls(*(low - grow).tolist(), *(high + grow).tolist())


class MapCamera:
    """Keeps what is seen of a map in a widget of some size. Sizes and positions are in logical pixels.

    ``view`` is what is seen now, ``target`` where a glide leads.
    """

    def __init__(self) -> None:
        self.view = View()
        self.target = View()
        self.bounds = Bounds()
        self.size = (1.0, 1.0)
        self.margin = 32.0
        self.fitted = True
        self.most_scale = 0.0
        """Pixels a unit that can be reached in any case, so that the nearest pictures come apart."""

    @property
    def fit_scale(self) -> float:
        """Pixels a unit at which the whole map is seen."""
        width = self.bounds.right - self.bounds.left
        height = self.bounds.bottom - self.bounds.top
        room = (max(self.size[0] - 2 * self.margin, 32.0), max(self.size[1] - 2 * self.margin, 32.0))
        return min(room[0] / width, room[1] / height)

    @property
    def zoom(self) -> float:
        """How many times as large as the whole map it is seen now."""
        return self.view.scale / self.fit_scale

    @property
    def gliding(self) -> bool:
        """Whether the view is on its way."""
        return self.view != self.target

    def resize(self, width: float, height: float) -> None:
        """The widget has another size; the whole map stays in sight if it was."""
        self.size = (max(1.0, width), max(1.0, height))
        if self.fitted:
            self.fit(glide=False)

    def set_bounds(self, bounds: Bounds, *, glide: bool = False) -> None:
        """The pictures lie elsewhere; the whole map stays in sight if it was."""
        self.bounds = bounds
        if self.fitted:
            self.fit(glide=glide)

    def fit(self, *, glide: bool = True) -> None:
        """See the whole map."""
        bounds = self.bounds
        self.target = View((bounds.left + bounds.right) / 2, (bounds.top + bounds.bottom) / 2, self.fit_scale)
        self.fitted = True
        if not glide:
            self.view = self.target

    def pan(self, across: float, down: float, *, glide: bool = False) -> None:
        """Move what is seen by so many pixels."""
        self.fitted = False
        base = self.target if glide else self.view
        moved = replace(base, x=base.x - across / base.scale, y=base.y - down / base.scale)
        self.target = self._kept(moved)
        if not glide:
            self.view = self.target

    def zoom_at(self, factor: float, point: tuple[float, float] | None = None, *, glide: bool = True) -> None:
        """Zoom by a factor; what lies at ``point`` (None: the middle) stays there."""
        fit = self.fit_scale
        scale = min(max(self.target.scale * factor, 0.5 * fit), max(MOST_ZOOM * fit, self.most_scale))
        across, down = (0.0, 0.0) if point is None else (point[0] - self.size[0] / 2, point[1] - self.size[1] / 2)
        base = self.target
        x = base.x + across / base.scale - across / scale
        y = base.y + down / base.scale - down / scale
        self.fitted = False
        self.target = self._kept(View(x, y, scale))
        if not glide:
            self.view = self.target

    def look_at(self, x: float, y: float, zoom: float | None = None, *, glide: bool = True) -> None:
        """Bring a place into the middle, ``zoom`` times as large as the whole map (None: as it is)."""
        scale = self.target.scale if zoom is None else zoom * self.fit_scale
        self.fitted = False
        self.target = View(x, y, scale)
        if not glide:
            self.view = self.target

    def advance(self, seconds: float) -> bool:
        """Glide on; False where the view has arrived."""
        if not self.gliding:
            return False
        share = 1 - math.exp(-seconds / _GLIDE)
        here, there = self.view, self.target
        scale = math.exp((1 - share) * math.log(here.scale) + share * math.log(there.scale))
        # The place that stays where it is during a zoom does so at every moment of it.
        span = 1 / there.scale - 1 / here.scale
        part = share if abs(span) < 1e-9 / here.scale else (1 / scale - 1 / here.scale) / span
        self.view = View(here.x + part * (there.x - here.x), here.y + part * (there.y - here.y), scale)
        near = abs(scale / there.scale - 1) < 1e-3
        if near and math.hypot(here.x - there.x, here.y - there.y) * there.scale < 0.4:
            self.view = there
        return True

    def to_screen(self, points: FloatArray) -> FloatArray:
        """(x, y) in pixels of points, float32 (N, 2)."""
        view = self.view
        offset = np.array([self.size[0] / 2 - view.x * view.scale, self.size[1] / 2 - view.y * view.scale], np.float64)
        result: FloatArray = (points * view.scale + offset).astype(np.float32)
        return result

    def to_pixels(self, x: float, y: float) -> tuple[float, float]:
        """(x, y) in pixels of one place."""
        view = self.view
        return self.size[0] / 2 + (x - view.x) * view.scale, self.size[1] / 2 + (y - view.y) * view.scale

    def to_map(self, x: float, y: float) -> tuple[float, float]:
        """The place in the map at a pixel."""
        view = self.view
        return view.x + (x - self.size[0] / 2) / view.scale, view.y + (y - self.size[1] / 2) / view.scale

    def _kept(self, view: View) -> View:
        """The view with its middle within the map, so that nobody gets lost."""
        bounds = self.bounds
        return replace(
            view, x=min(max(view.x, bounds.left), bounds.right), y=min(max(view.y, bounds.top), bounds.bottom)
        )
