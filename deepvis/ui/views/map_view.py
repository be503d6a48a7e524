"""A map of pictures: thumbnails that never overlap, dots for the rest, and the present frame among them."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QCursor,
    QFocusEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QNativeGestureEvent,
    QPainter,
    QPaintEvent,
    QPixmap,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from deepvis.map_layout import spread as spread_of
from deepvis.messages import FloatArray, MapPictures, UInt8Array
from deepvis.ui import theme
from deepvis.ui.views.map_camera import Bounds, MapCamera
from deepvis.ui.views.map_dots import MARGIN, DotCanvas
from deepvis.ui.views.map_live import LivePoint
from deepvis.ui.views.map_names import ClassName, class_names, inside_polygon
from deepvis.ui.views.map_painting import MapPainter
from deepvis.ui.views.map_tiles import LARGEST, SHARP, Shown, TileCache, choose

_FRAME_MS = 16
_REST_MS = 130
_STEP = 90.0
"""Pixels that an arrow key moves the map."""
_ZOOM_STEP = 1.5
_CLICK = 4.0
"""Pixels that a pointer may move during a click."""
_REACH = 14.0
"""Pixels from a dot within which the pointer finds it."""
_FORMING_TILES = 250
_MOST_SCALE = 1e7
_ARROWS = {
    Qt.Key.Key_Left: (-1, 0),
    Qt.Key.Key_Right: (1, 0),
    Qt.Key.Key_Up: (0, -1),
    Qt.Key.Key_Down: (0, 1),
}  # fmt: skip
_OTHERS = (
    Qt.Key.Key_Plus, Qt.Key.Key_Equal, Qt.Key.Key_Minus, Qt.Key.Key_0, Qt.Key.Key_Return, Qt.Key.Key_Enter,
)  # fmt: skip
_EMPTY: npt.NDArray[np.int64] = np.zeros(0, np.int64)


class MapView(QWidget):
    """Pictures where a map has put them. UI thread only.

    Wheel and pinch zoom, dragging moves, Shift and dragging chooses what is within the line. Arrows move, + and − zoom,
    0 shows all; Shift and an arrow go from picture to picture, Return opens, Ctrl+A chooses all that is in sight.

    Signals
    -------
    opened : index of a picture to be opened.
    chosen : indices of the pictures that were chosen, int64 (n,).
    pointed : index of the picture under the pointer or the keyboard's mark, or -1.
    sharp_wanted : indices of pictures that are shown larger than their thumbnails.
    moved : another part of the map is seen.
    """

    opened = Signal(int)
    chosen = Signal(object)
    pointed = Signal(int)
    sharp_wanted = Signal(object)
    moved = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.camera = MapCamera()
        self.live = LivePoint()
        self.live_picture: QPixmap | None = None
        self.tiles = TileCache()
        self.points: FloatArray = np.zeros((0, 2), np.float32)
        self.spread: FloatArray = np.zeros(0, np.float32)
        self.pictures: MapPictures | None = None
        self.groups: npt.NDArray[np.int32] = np.zeros(0, np.int32)
        self.colors: UInt8Array = np.zeros((0, 3), np.uint8)
        self.names: tuple[ClassName, ...] = ()
        self.names_shown = True
        self.lit: npt.NDArray[np.bool_] | None = None
        """Which pictures stand out, if only some do."""
        self.marked: npt.NDArray[np.int64] = _EMPTY
        self.nearest: npt.NDArray[np.int64] = _EMPTY
        self.lasso: list[QPointF] = []
        self.pointed_at = -1
        self.shown = Shown(_EMPTY, np.zeros(0, np.float32), 0.0)
        self.places: FloatArray = np.zeros((0, 2), np.float32)
        self.placeholder = ""
        self.frame_times: list[float] = []
        self._canvas = DotCanvas()
        self._ground: QPixmap | None = None
        self._painter = MapPainter(self)
        self._pressed: QPointF | None = None
        self._dragged = False
        self._last = QPointF()
        self._wanted: frozenset[int] = frozenset()
        self._then = 0.0
        self._timer = QTimer(self)
        self._timer.setInterval(_FRAME_MS)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._advance)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_REST_MS)
        self._soon.timeout.connect(self.renew)
        self._sharpen = QTimer(self)
        self._sharpen.setSingleShot(True)
        self._sharpen.setInterval(120)
        self._sharpen.timeout.connect(self._rest)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Map")
        theme.theme_changed.connect(self.renew)

    # ------------------------------------------------------------------------------------------------------- content

    def set_map(self, pictures: MapPictures, points: FloatArray, spread: FloatArray | None = None) -> None:
        """Show these pictures at these points, float32 (N, 2); ``spread`` None: the map is still being formed."""
        fresh = pictures is not self.pictures
        if fresh:
            self.pictures = pictures
            self.tiles.set_thumbnails(pictures.thumbnails)
            self.groups = np.full(len(pictures), -1, np.int32)
            self.colors = np.zeros((len(pictures), 3), np.uint8)
            self.colors[:] = 128
            self.lit, self.names = None, ()
            self.marked = self.nearest = _EMPTY
            self.live.clear()
            self.camera.fitted = True
            self._point_at(-1)
        self.points = points
        self.spread = spread_of(points, _FORMING_TILES) if spread is None else spread
        apart = self.spread[self.spread > 0]
        self.camera.most_scale = min(1.4 * LARGEST / float(apart.min()), _MOST_SCALE) if len(apart) > 1 else 0.0
        self.camera.set_bounds(Bounds.of(points), glide=not fresh and spread is not None)
        self.setAccessibleDescription(f"{len(points)} pictures")
        self._changed()

    def clear(self, placeholder: str) -> None:
        """Show no map, and say this in its place."""
        self.placeholder = placeholder
        self.pictures = None
        self.points, self.spread = np.zeros((0, 2), np.float32), np.zeros(0, np.float32)
        self.shown = Shown(_EMPTY, np.zeros(0, np.float32), 0.0)
        self.names, self.lit = (), None
        self.marked = self.nearest = _EMPTY
        self.live.clear()
        self._point_at(-1)
        self.renew()

    def set_groups(
        self, groups: npt.NDArray[np.int32], colors: UInt8Array, names: Sequence[str], *, framed: bool
    ) -> None:
        """Colour the pictures by group.

        Parameters
        ----------
        groups : int32 (N,), -1: none.
        colors : uint8 (N, 3) RGB, of each picture.
        names : of the groups; they are written at the groups' hearts. None where empty.
        framed : whether thumbnails have frames in their colours.
        """
        self.groups, self.colors = groups, colors
        self.tiles.set_colors(colors if framed else None)
        self.names = class_names(self.points, groups, tuple(names)) if names and len(self.points) else ()
        self.renew()

    def show_names(self, on: bool) -> None:
        """Whether groups' names are written."""
        self.names_shown = on
        self.renew()

    def set_lit(self, lit: npt.NDArray[np.bool_] | None) -> None:
        """Let these pictures stand out, bool (N,); None: all alike."""
        self.lit = lit
        self.renew()

    def set_marked(self, indices: npt.NDArray[np.int64]) -> None:
        """Mark chosen pictures."""
        self.marked = indices
        self.renew()

    def set_live(self, place: tuple[float, float] | None, nearest: npt.NDArray[np.int64] = _EMPTY) -> None:
        """The present frame lies here, next to these pictures; None: nowhere."""
        self.nearest = nearest
        if place is None:
            self.live.clear()
        else:
            self.live.put(place)
        self._start()
        self.update()

    def set_live_picture(self, picture: QPixmap | None) -> None:
        """The present frame, as a square."""
        self.live_picture = picture
        if self.live.place is not None:
            self.update()

    def add_sharp(self, index: int, pixels: UInt8Array) -> None:
        """What the network saw of a picture."""
        self.tiles.add_sharp(index, pixels)
        self.renew()

    # ------------------------------------------------------------------------------------------------------ moving

    def fit(self) -> None:
        """See the whole map."""
        self.camera.fit()
        self._start()

    def zoom(self, factor: float) -> None:
        """Zoom at the middle."""
        self.camera.zoom_at(factor)
        self._start()

    def look_at(self, indices: npt.NDArray[np.int64]) -> None:
        """Bring these pictures into sight."""
        if not len(indices) or not len(self.points):
            return
        box = Bounds.of(self.points[indices])
        whole = self.camera.bounds
        extent = max(box.right - box.left, box.bottom - box.top, 1e-9)
        zoom = max(1.0, min(0.6 * max(whole.right - whole.left, whole.bottom - whole.top) / extent, 12.0))
        self.camera.look_at((box.left + box.right) / 2, (box.top + box.bottom) / 2, zoom)
        self._start()

    def _start(self) -> None:
        if not self._timer.isActive():
            self._then = time.perf_counter()
            self._timer.start()

    def _advance(self) -> None:
        now = time.perf_counter()
        seconds, self._then = min(0.1, now - self._then), now
        moving = self.camera.advance(seconds)
        living = self.live.advance(seconds, 0.3 / self.camera.view.scale)
        if moving:
            self._changed()
        elif living:
            self.update()
        if not moving and not living:
            self._timer.stop()

    def _changed(self) -> None:
        """Another part of the map is seen."""
        self._sharpen.start()
        self.moved.emit()
        self.renew()

    def repaint_soon(self) -> None:
        """Paint once more when the map rests."""
        self._soon.start()

    # ------------------------------------------------------------------------------------------------------ painting

    def sizeHint(self) -> QSize:  # noqa: D102
        return QSize(theme.scaled(480), theme.scaled(360))

    def minimumSizeHint(self) -> QSize:  # noqa: D102
        return QSize(theme.scaled(120), theme.scaled(80))

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: D102
        self.camera.margin = theme.scaled(34)
        self.camera.resize(self.width(), self.height())
        self._changed()

    def renew(self) -> None:
        """Paint everything anew, and not only what moves by itself."""
        self._ground = None
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: D102
        painter = QPainter(self)
        if not len(self.points):
            self._painter.paint_empty(painter)
            return
        if self._ground is None:
            self._ground = self._paint_ground()
        painter.drawPixmap(0, 0, self._ground)
        self._painter.paint_moving(painter)

    def _paint_ground(self) -> QPixmap:
        """Dots, thumbnails and names: what stays while the live picture moves over it."""
        began = time.perf_counter()
        self.arrange()
        ratio = self.devicePixelRatioF()
        ground = QPixmap(round(self.width() * ratio), round(self.height() * ratio))
        ground.setDevicePixelRatio(ratio)
        painter = QPainter(ground)
        self._paint_dots(painter)
        self._painter.paint_still(painter)
        painter.end()
        self.frame_times.append(time.perf_counter() - began)
        del self.frame_times[:-120]
        return ground

    def arrange(self) -> None:
        """Work out where everything is seen, and what as a thumbnail."""
        self.places = self.camera.to_screen(self.points)
        reach = theme.scaled(20)
        x, y = self.places[:, 0], self.places[:, 1]
        inside = (x > -reach) & (x < self.width() + reach) & (y > -reach) & (y < self.height() + reach)
        self.shown = choose(self.spread, inside, self.camera.view.scale, self.camera.zoom, theme.scale())

    @property
    def dot_radius(self) -> float:
        """Of a dot, in logical pixels."""
        crowd = (self.width() * self.height() / max(1, len(self.points))) ** 0.5
        base = min(max(0.12 * crowd, 1.3), 3.2)
        return float(min(base * max(self.camera.zoom, 1.0) ** 0.25, 5.0)) * theme.scale()

    def _paint_dots(self, painter: QPainter) -> None:
        ratio = self.devicePixelRatioF()
        size = (round(self.height() * ratio), round(self.width() * ratio))
        ground = theme.current().color("window")
        rgb = (ground.red(), ground.green(), ground.blue())
        # A dot under its own thumbnail is not seen.
        bare = np.ones(len(self.points), np.bool_)
        grown = self.shown.sides > 0.5 * self.shown.side
        bare[self.shown.indices[grown]] = False
        colors = self.colors
        order = np.flatnonzero(bare)
        if self.lit is not None:
            faint = np.array(rgb, np.int32) + (colors.astype(np.int32) - np.array(rgb, np.int32)) * 22 // 100
            colors = np.where(self.lit[:, None], colors, faint.astype(np.uint8))
            order = np.concatenate([order[~self.lit[order]], order[self.lit[order]]])
        self._canvas.paint(size, rgb, self.places[order] * ratio, colors[order], self.dot_radius * ratio)
        pixels = self._canvas.pixels
        height, width = pixels.shape[:2]
        image = QImage(pixels.data, width, height, 4 * width, QImage.Format.Format_RGB32)
        painter.drawImage(QRectF(self.rect()), image, QRectF(MARGIN, MARGIN, size[1], size[0]))

    # ------------------------------------------------------------------------------------------------------ pointing

    def picture_at(self, x: float, y: float) -> int:
        """The picture at a pixel, or -1."""
        if not len(self.places):
            return -1
        shown = self.shown
        if len(shown.indices):
            away = np.abs(self.places[shown.indices] - np.array([x, y], np.float32)).max(1)
            under = np.flatnonzero(away <= shown.sides / 2)
            if len(under):
                return int(shown.indices[under[away[under].argmin()]])
        apart = np.hypot(self.places[:, 0] - x, self.places[:, 1] - y)
        nearest = int(apart.argmin())
        return nearest if apart[nearest] <= theme.scaled(_REACH) else -1

    def uncovered(self, indices: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Those of these pictures that are seen: as a thumbnail, or as a dot that lies under none."""
        shown = self.shown
        if not len(shown.indices) or not len(indices):
            return indices
        away = np.abs(self.places[indices][:, None] - self.places[shown.indices][None]).max(2)
        covered = (away <= shown.sides[None] / 2).any(1)
        seen: npt.NDArray[np.int64] = indices[~covered | np.isin(indices, shown.indices)]
        return seen

    def tile_rect(self, index: int) -> QRectF:
        """Where a picture is painted, as a thumbnail or a dot."""
        x, y = (float(value) for value in self.places[index])
        at = np.flatnonzero(self.shown.indices == index)
        side = float(self.shown.sides[at[0]]) if len(at) else 2 * self.dot_radius
        return QRectF(x - side / 2, y - side / 2, side, side)

    def _point_at(self, index: int) -> None:
        if index != self.pointed_at:
            self.pointed_at = index
            self.pointed.emit(index)
            self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: D102
        if event.button() != Qt.MouseButton.LeftButton or not len(self.points):
            event.ignore()
            return
        self._pressed = self._last = event.position()
        self._dragged = False
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self.lasso = [event.position()]
            # Nothing that is shown of a picture may lie over the line.
            self._point_at(-1)
        else:
            self.setCursor(Qt.CursorShape.ClosedHandCursor)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: D102
        at = event.position()
        if self._pressed is None:
            index = self.picture_at(at.x(), at.y())
            self._point_at(index)
            self.setCursor(Qt.CursorShape.PointingHandCursor if index >= 0 else Qt.CursorShape.OpenHandCursor)
            return
        moved = at - self._pressed
        self._dragged = self._dragged or abs(moved.x()) + abs(moved.y()) > _CLICK
        if self.lasso:
            self.lasso.append(at)
            self.update()
        elif self._dragged:
            step = at - self._last
            self.camera.pan(step.x(), step.y())
            self._point_at(-1)
            self._changed()
        self._last = at

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: D102
        if self._pressed is None or event.button() != Qt.MouseButton.LeftButton:
            return
        self._pressed = None
        at = event.position()
        if self.lasso:
            line, self.lasso = self.lasso, []
            if self._dragged:
                polygon = np.array([(each.x(), each.y()) for each in line], np.float32)
                self.chosen.emit(np.flatnonzero(inside_polygon(self.places, polygon)))
            self.update()
        elif not self._dragged:
            index = self.picture_at(at.x(), at.y())
            if index >= 0:
                self.opened.emit(index)
        self.setCursor(Qt.CursorShape.OpenHandCursor)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: D102
        if len(self.points) and self.picture_at(event.position().x(), event.position().y()) < 0:
            self.camera.zoom_at(2 * _ZOOM_STEP, (event.position().x(), event.position().y()))
            self._start()

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: D102
        turned = event.angleDelta().y() or event.angleDelta().x()
        if not len(self.points) or not turned:
            event.ignore()
            return
        at = event.position()
        self.camera.zoom_at(1.0018 ** float(turned), (at.x(), at.y()))
        self._start()
        event.accept()

    def leaveEvent(self, event: QEvent) -> None:  # noqa: D102
        self._point_at(-1)

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: D102
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: D102
        self.update()

    def event(self, event: QEvent) -> bool:
        """Keys that mean something here come before the window's shortcuts; a pinch zooms."""
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and self._takes(event):
            event.accept()
            return True
        if isinstance(event, QNativeGestureEvent) and event.gestureType() == Qt.NativeGestureType.ZoomNativeGesture:
            at = event.position()
            self.camera.zoom_at(1 + event.value(), (at.x(), at.y()), glide=False)
            self._changed()
            return True
        return super().event(event)

    # ------------------------------------------------------------------------------------------------------ keys

    def _takes(self, event: QKeyEvent) -> bool:
        held = event.modifiers() & ~(Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.KeypadModifier)
        key = Qt.Key(event.key())
        if held == Qt.KeyboardModifier.ControlModifier:
            return key == Qt.Key.Key_A
        return not held and (key in _ARROWS or key in _OTHERS) and bool(len(self.points))

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: D102
        if not self._takes(event):
            super().keyPressEvent(event)
            return
        key = Qt.Key(event.key())
        if key == Qt.Key.Key_A:
            self.choose_visible()
        elif key in _ARROWS:
            across, down = _ARROWS[key]
            if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
                self._step_to(across, down)
            else:
                self.camera.pan(-across * _STEP, -down * _STEP, glide=True)
                self._start()
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
            self.zoom(_ZOOM_STEP)
        elif key == Qt.Key.Key_Minus:
            self.zoom(1 / _ZOOM_STEP)
        elif key == Qt.Key.Key_0:
            self.fit()
        elif self.pointed_at >= 0:
            self.opened.emit(self.pointed_at)

    def choose_visible(self) -> None:
        """Choose every picture that is in sight."""
        self.arrange()
        x, y = self.places[:, 0], self.places[:, 1]
        self.chosen.emit(np.flatnonzero((x >= 0) & (x < self.width()) & (y >= 0) & (y < self.height())))

    def _step_to(self, across: int, down: int) -> None:
        """Point at the next picture in a direction; from the middle if none is pointed at."""
        self.arrange()
        if self.pointed_at < 0:
            middle = np.array([self.width() / 2, self.height() / 2], np.float32)
            self._point_at(int(np.abs(self.places - middle).max(1).argmin()))
        else:
            way = self.places - self.places[self.pointed_at]
            along = way[:, 0] * across + way[:, 1] * down
            aside = np.abs(way[:, 1] * across + way[:, 0] * down)
            cost = np.where(along > 0.5, along + 2 * aside, np.inf)
            if not np.isfinite(cost.min()):
                return
            self._point_at(int(cost.argmin()))
        x, y = self.places[self.pointed_at]
        room = QRect(QPoint(0, 0), self.size()).adjusted(60, 60, -60, -60)
        if not room.contains(QPoint(int(x), int(y))):
            place = self.points[self.pointed_at]
            self.camera.look_at(float(place[0]), float(place[1]))
            self._start()

    # ------------------------------------------------------------------------------------------------------ sharpness

    def _rest(self) -> None:
        """The view rests: another picture may lie under the pointer, and large ones can be sharp."""
        at = self.mapFromGlobal(QCursor.pos())
        if self._pressed is None and self.underMouse():
            self._point_at(self.picture_at(at.x(), at.y()))
        self._ask_sharp()

    def _ask_sharp(self) -> None:
        """Ask for what is shown large and only known small."""
        if self.shown.side * self.devicePixelRatioF() < SHARP:
            return
        large = self.shown.indices[self.shown.sides * self.devicePixelRatioF() >= SHARP]
        wanted = [int(index) for index in large if not self.tiles.is_sharp(int(index))][:120]
        if wanted and frozenset(wanted) != self._wanted:
            self._wanted = frozenset(wanted)
            self.sharp_wanted.emit(wanted)
