"""How a map is painted over its dots: thumbnails, names, marks, the line of a lasso, the present frame."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPainterPath, QPen, QPixmap, QPolygonF

from deepvis.messages import FloatArray
from deepvis.ui import theme

if TYPE_CHECKING:
    from deepvis.ui.views.map_names import ClassName
    from deepvis.ui.views.map_view import MapView

_FAINT = 0.13
_LIVE = 58
_MOST_NAMES = 60
_KEPT_PILLS = 1000
_NAMES_EVERY = 0.12
_LINES = 5


class MapPainter:
    """Paints what a :class:`MapView` shows."""

    def __init__(self, view: MapView) -> None:
        self._view = view
        self._pills: dict[tuple[object, ...], QPixmap] = {}
        self._placed: list[tuple[ClassName, float, float]] = []
        self._placed_for: tuple[object, ...] = (None,) * 6
        self._placed_at = 0.0

    def paint_still(self, painter: QPainter) -> None:
        """Over the dots: thumbnails, marks and names."""
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        self._paint_tiles(painter)
        self._paint_marks(painter)
        if self._view.names_shown:
            self._paint_names(painter)

    def paint_moving(self, painter: QPainter) -> None:
        """Over all that: what is pointed at, the present frame, the line of a lasso, the focus."""
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        self._paint_pointed(painter)
        self._paint_live(painter)
        self._paint_lasso(painter)
        if self._view.hasFocus():
            painter.setPen(QPen(theme.current().color("accent", 0.6), 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(QRectF(self._view.rect()).adjusted(0.5, 0.5, -0.5, -0.5))

    def paint_empty(self, painter: QPainter) -> None:
        """What is said where there is no map."""
        view = self._view
        palette = theme.current()
        painter.fillRect(view.rect(), palette.color("window"))
        painter.setPen(palette.color("quiet"))
        painter.setFont(theme.body_font())
        room = QRectF(view.rect()).adjusted(24, 24, -24, -24)
        painter.drawText(room, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, view.placeholder)

    def _paint_tiles(self, painter: QPainter) -> None:
        view = self._view
        ratio = view.devicePixelRatioF()
        shown, lit = view.shown, view.lit
        places = view.places[shown.indices]
        corners = places - shown.sides[:, None] / 2
        # On whole device pixels, thumbnails stay as sharp as they are.
        corners = np.round(corners * ratio) / ratio
        sides = np.round(shown.sides * ratio) / ratio
        for index, (left, top), side in zip(shown.indices.tolist(), corners.tolist(), sides.tolist(), strict=True):
            faint = lit is not None and not lit[index]
            if faint:
                painter.setOpacity(_FAINT)
            tile = view.tiles.tile(index, side * ratio)
            painter.drawPixmap(QRectF(left, top, side, side), tile, QRectF(tile.rect()))
            if faint:
                painter.setOpacity(1.0)

    def _paint_marks(self, painter: QPainter) -> None:
        view = self._view
        if not len(view.marked):
            return
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(theme.current().color("accent"), 2))
        sides = np.full(len(view.points), 2 * view.dot_radius + 4, np.float32)
        sides[view.shown.indices] = view.shown.sides
        inside = QRectF(view.rect()).adjusted(-40, -40, 40, 40)
        x, y = view.places[view.marked].T
        near = (x > inside.left()) & (x < inside.right()) & (y > inside.top()) & (y < inside.bottom())
        for index in view.uncovered(view.marked[near]).tolist():
            x, y = (float(value) for value in view.places[index])
            side = float(sides[index])
            radius = 0.09 * side if side > 16 else side / 2
            painter.drawRoundedRect(QRectF(x - side / 2, y - side / 2, side, side), radius, radius)

    def _paint_names(self, painter: QPainter) -> None:
        view = self._view
        if not view.names:
            return
        now = time.perf_counter()
        key = (view.camera.view, view.width(), view.height(), id(view.names), id(view.lit), len(view.shown.indices))
        # Finding places for names takes as long as all the rest; while the map moves they keep theirs for a moment.
        if key != self._placed_for and (now - self._placed_at > _NAMES_EVERY or key[3:5] != self._placed_for[3:5]):
            self._placed, self._placed_for, self._placed_at = self._place_names(), key, now
        elif key != self._placed_for:
            view.repaint_soon()
        for name, right, below in self._placed:
            x, y = view.camera.to_pixels(name.x, name.y)
            painter.drawPixmap(QPointF(round(x + right), round(y + below)), self._pill(name))

    def _place_names(self) -> list[tuple[ClassName, float, float]]:
        """Names that can be written now, and how far from their hearts their corners lie."""
        view = self._view
        places = view.camera.to_screen(np.array([(name.x, name.y) for name in view.names], np.float32))
        width, height = view.width(), view.height()
        seen = (places[:, 0] > 0) & (places[:, 0] < width) & (places[:, 1] > 0) & (places[:, 1] < height)
        half: FloatArray = (view.shown.sides / 2).astype(np.float32)
        tiles = view.places[view.shown.indices]
        taken: FloatArray = np.concatenate([tiles - half[:, None], tiles + half[:, None]], axis=1).astype(np.float32)
        found: list[tuple[ClassName, float, float]] = []
        for number in np.flatnonzero(seen).tolist():
            name = view.names[number]
            if view.lit is not None and not bool(view.lit[view.groups == name.group].any()):
                continue
            pill = self._pill(name)
            ratio = pill.devicePixelRatio()
            across, down = pill.width() / ratio, pill.height() / ratio
            x, y = places[number].tolist()
            box = free_place(x, y, across, down, taken, (width, height), half)
            if box is None:
                continue
            around = np.array([[box[0] - 3, box[1] - 2, box[0] + across + 3, box[1] + down + 2]], np.float32)
            taken = np.concatenate([taken, around])
            found.append((name, box[0] - x, box[1] - y))
            if len(found) >= _MOST_NAMES:
                break
        return found

    def _pill(self, name: ClassName) -> QPixmap:
        """A name on a ground of its own, with a dot in its group's colour; made once."""
        view = self._view
        members = np.flatnonzero(view.groups == name.group)[:1]
        red, green, blue = (int(value) for value in view.colors[members[0]]) if len(members) else (128, 128, 128)
        palette, ratio = theme.current(), view.devicePixelRatioF()
        key = (name.text, red, green, blue, palette.name, ratio, theme.scale())
        found = self._pills.get(key)
        if found is not None:
            return found
        font = theme.title_font()
        font.setPixelSize(theme.scaled(11))
        metrics = QFontMetricsF(font)
        text = metrics.elidedText(name.text, Qt.TextElideMode.ElideRight, theme.scaled(140))
        size = (metrics.horizontalAdvance(text) + 21, metrics.height() + 3)
        found = QPixmap(round(size[0] * ratio), round(size[1] * ratio))
        found.setDevicePixelRatio(ratio)
        found.fill(Qt.GlobalColor.transparent)
        painter = QPainter(found)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(palette.color("window", 0.84))
        box = QRectF(0, 0, size[0], size[1])
        painter.drawRoundedRect(box, size[1] / 2, size[1] / 2)
        painter.setBrush(QColor(red, green, blue))
        painter.drawEllipse(QPointF(9, size[1] / 2), 3, 3)
        painter.setFont(font)
        painter.setPen(palette.color("text"))
        painter.drawText(box.adjusted(15, 0, -6, 0), Qt.AlignmentFlag.AlignVCenter, text)
        painter.end()
        if len(self._pills) > _KEPT_PILLS:
            self._pills.clear()
        self._pills[key] = found
        return found

    def _paint_pointed(self, painter: QPainter) -> None:
        view = self._view
        if view.pointed_at < 0 or view.pointed_at >= len(view.places):
            return
        rect = view.tile_rect(view.pointed_at).adjusted(-2, -2, 2, 2)
        radius = 0.11 * rect.width() if rect.width() > 16 else rect.width() / 2
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(theme.current().color("text"), 2))
        painter.drawRoundedRect(rect, radius, radius)

    def _paint_live(self, painter: QPainter) -> None:
        view = self._view
        if view.live.place is None:
            return
        palette = theme.current()
        accent = palette.color("accent")
        trail = view.live.trail()
        if len(trail) > 1:
            places = view.camera.to_screen(np.array([each[:2] for each in trail], np.float32))
            for number in range(1, len(trail)):
                strength = trail[number][2]
                color = QColor(accent)
                color.setAlphaF(0.75 * strength)
                painter.setPen(QPen(color, 1.0 + 2.5 * strength, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
                painter.drawLine(QPointF(*places[number - 1].tolist()), QPointF(*places[number].tolist()))
        x, y = view.camera.to_screen(np.array([view.live.place], np.float32))[0].tolist()
        for rank, index in enumerate(view.nearest[:_LINES].tolist()):
            color = QColor(accent)
            color.setAlphaF(0.55 * (1 - rank / (_LINES + 1)))
            painter.setPen(QPen(color, 1.2))
            painter.drawLine(QPointF(x, y), QPointF(*view.places[index].tolist()))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            rect = view.tile_rect(index).adjusted(-1, -1, 1, 1)
            painter.drawRoundedRect(rect, 4, 4)
        side = theme.scaled(_LIVE)
        rect = QRectF(x - side / 2, y - side / 2, side, side)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(palette.color("accent", 0.22))
        painter.drawRoundedRect(rect.adjusted(-6, -6, 6, 6), 14, 14)
        if view.live_picture is not None:
            clip = QPainterPath()
            clip.addRoundedRect(rect, 9, 9)
            painter.save()
            painter.setClipPath(clip)
            painter.drawPixmap(rect, view.live_picture, QRectF(view.live_picture.rect()))
            painter.restore()
        else:
            painter.setBrush(accent)
            painter.drawRoundedRect(rect.adjusted(20, 20, -20, -20), 9, 9)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(accent, 3))
        painter.drawRoundedRect(rect, 9, 9)

    def _paint_lasso(self, painter: QPainter) -> None:
        if len(self._view.lasso) < 2:
            return
        palette = theme.current()
        painter.setPen(QPen(palette.color("accent"), 1.5, Qt.PenStyle.DashLine))
        painter.setBrush(palette.color("accent", 0.12))
        painter.drawPolygon(QPolygonF(self._view.lasso))


def free_place(
    x: float, y: float, across: float, down: float, taken: FloatArray, room: tuple[int, int], half: FloatArray
) -> tuple[float, float] | None:
    """The corner (left, top) of a name near (x, y) that hides no thumbnail and no other name, or None.

    Parameters
    ----------
    across, down : size of the name.
    taken : float32 (n, 4), (left, top, right, bottom) of everything else.
    room : width and height of the view.
    half : float32, half the sides of the thumbnails.
    """
    reach = float(half.max()) if len(half) else 0.0
    beside, below = reach + across / 2 + 4, reach + down / 2 + 3
    shifts = np.array(
        [
            (right, under)
            for right in (0.0, 0.5 * beside, -0.5 * beside, beside, -beside)
            for under in (0.0, 0.7 * down, -0.7 * down, below, -below, 2 * reach + down, -2 * reach - down)
        ],
        np.float32,
    )
    away = np.hypot(shifts[:, 0], shifts[:, 1])
    order = away.argsort(kind="stable")
    # Further off, nobody would know what it belongs to.
    shifts = shifts[order[away[order] <= 1.2 * beside]]
    corners = np.array([x - across / 2, y - down / 2], np.float32) + shifts
    left, top = corners[:, 0], corners[:, 1]
    free = (left >= 2) & (top >= 2) & (left + across <= room[0] - 2) & (top + down <= room[1] - 2)
    near = np.abs((taken[:, :2] + taken[:, 2:]) / 2 - np.array([x, y], np.float32)).max(1) < 2 * across + 4 * reach + 40
    others = taken[near]
    free &= ~(
        (others[:, 0] < left[:, None] + across)
        & (others[:, 2] > left[:, None])
        & (others[:, 1] < top[:, None] + down)
        & (others[:, 3] > top[:, None])
    ).any(1)
    if not free.any():
        return None
    first = int(free.argmax())
    return round(float(left[first])), round(float(top[first]))
