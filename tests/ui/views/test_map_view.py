"""The map as a widget: what is shown where, and what pointer and keys do."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QImage, QWheelEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from deepvis.map_layout import class_colors
from deepvis.ui.views.map_camera import MOST_ZOOM, Bounds, MapCamera
from deepvis.ui.views.map_dots import MARGIN, DotCanvas
from deepvis.ui.views.map_live import LivePoint
from deepvis.ui.views.map_names import class_names, inside_polygon
from deepvis.ui.views.map_painting import free_place
from deepvis.ui.views.map_tiles import choose
from deepvis.ui.views.map_view import MapView
from tests.ui.dressing import dark
from tests.ui.map_contents import CLASSES, COUNT, map_content
from tests.ui.views.paints import show


@pytest.fixture
def view(qtbot: QtBot, qapp: QApplication) -> MapView:
    """A small map, seen as a whole."""
    dark(qapp)
    made = MapView()
    show(qtbot, made, 640, 480)
    content = map_content()
    made.set_map(content.pictures, content.points, content.spread)
    colors = class_colors(3)
    made.set_groups(content.pictures.labels, colors[content.pictures.labels], CLASSES, framed=True)
    made.grab()
    return made


def settle(view: MapView) -> None:
    """Let a glide come to its end."""
    for _ in range(200):
        if not view.camera.advance(0.05):
            break
    view.renew()
    view.grab()


# ------------------------------------------------------------------------------------------------------------- camera


def test_what_lies_under_the_pointer_stays_there_while_zooming() -> None:
    camera = MapCamera()
    camera.resize(800, 600)
    camera.set_bounds(Bounds(-50, -40, 50, 40))
    before = camera.to_map(200, 450)
    camera.zoom_at(3.0, (200, 450))
    for _ in range(100):
        camera.advance(0.02)
        assert camera.to_map(200, 450) == pytest.approx(before, abs=1e-6)
    assert camera.zoom == pytest.approx(3.0)
    assert not camera.gliding


def test_zoom_has_ends_and_nobody_gets_lost() -> None:
    camera = MapCamera()
    camera.resize(800, 600)
    camera.set_bounds(Bounds(-50, -40, 50, 40))
    for _ in range(60):
        camera.zoom_at(3, glide=False)
    assert camera.zoom == pytest.approx(MOST_ZOOM)
    camera.pan(1e7, -1e7)
    assert (camera.view.x, camera.view.y) == (-50, 40)
    for _ in range(60):
        camera.zoom_at(0.3, glide=False)
    assert camera.zoom == pytest.approx(0.5)
    camera.fit(glide=False)
    corners = camera.to_screen(np.array([[-50, -40], [50, 40]], np.float32))
    assert (corners >= camera.margin - 1).all()
    assert (corners <= np.array([800, 600]) - camera.margin + 1).all()


def test_places_and_pixels_are_each_others_inverse() -> None:
    camera = MapCamera()
    camera.resize(300, 200)
    camera.look_at(3.0, -2.0, 7.0, glide=False)
    x, y = camera.to_pixels(3.5, -2.25)
    assert camera.to_map(x, y) == pytest.approx((3.5, -2.25))
    np.testing.assert_allclose(camera.to_screen(np.array([[3.5, -2.25]], np.float32))[0], (x, y), atol=1e-2)


# --------------------------------------------------------------------------------------------------- what is painted


def test_a_dot_is_painted_round_and_in_its_colour() -> None:
    canvas = DotCanvas()
    colors = np.array([[250, 100, 0]], np.uint8)
    canvas.paint((40, 60), (10, 20, 30), np.array([[30.5, 20.5]], np.float32), colors, 5.0)
    picture = canvas.pixels[MARGIN : MARGIN + 40, MARGIN : MARGIN + 60, :3][:, :, ::-1].astype(int)
    share = (picture - [10, 20, 30]).sum(2) / (np.array([250, 100, 0]) - [10, 20, 30]).sum()
    assert picture[20, 30].tolist() == [250, 100, 0]
    assert picture[0, 0].tolist() == [10, 20, 30]
    assert share.sum() == pytest.approx(np.pi * 25, rel=0.06)


def test_dots_at_and_beyond_the_edge_harm_nobody() -> None:
    canvas = DotCanvas()
    places = np.array([[0, 0], [59, 39], [-500, 20], [1e6, -1e6], [60, 40], [-3, 20]], np.float32)
    canvas.paint((40, 60), (0, 0, 0), places, np.full((6, 3), 200, np.uint8), 6.0)
    picture = canvas.pixels[MARGIN : MARGIN + 40, MARGIN : MARGIN + 60]
    assert picture[0, 0, 0] == 200
    assert picture[39, 59, 0] == 200
    assert picture[20, 30, 0] == 0
    assert picture[20, 0, 0] == 200


@pytest.mark.parametrize("zoom", [1.0, 2.5, 6.0, 20.0, 80.0, 400.0])
def test_thumbnails_never_overlap_at_any_zoom(view: MapView, zoom: float) -> None:
    view.camera.look_at(*view.points[3].tolist(), zoom, glide=False)
    view.arrange()
    shown = view.shown
    assert len(shown.indices)
    places = view.places[shown.indices].astype(float)
    apart = np.abs(places[:, None] - places[None]).max(2)
    room = (shown.sides[:, None] + shown.sides[None]) / 2
    np.fill_diagonal(apart, np.inf)
    assert (apart >= room).all()


def test_more_thumbnails_come_as_one_zooms_in_and_at_last_all_in_sight(view: MapView) -> None:
    content = map_content()
    inside = np.ones(COUNT, np.bool_)
    zooms = (1, 2, 4, 8, 30, 100, 400, 4000)
    counts = [len(choose(content.spread, inside, 8.0 * zoom, zoom).indices) for zoom in zooms]
    assert counts == sorted(counts)
    assert counts[0] < COUNT // 3
    assert counts[-1] == COUNT
    # Where all in sight are shown they use the room that there is.
    assert choose(content.spread, inside, 8e4, 400.0).side == pytest.approx(224)


def test_one_can_zoom_in_until_the_nearest_two_come_apart(view: MapView) -> None:
    for _ in range(80):
        view.camera.zoom_at(3, glide=False)
    view.camera.look_at(*view.points[int(view.spread.argmin())].tolist(), glide=False)
    view.arrange()
    x, y = view.places[:, 0], view.places[:, 1]
    inside = (x >= 0) & (x < view.width()) & (y >= 0) & (y < view.height())
    assert set(np.flatnonzero(inside)) <= set(view.shown.indices.tolist())


def test_large_thumbnails_are_asked_for_in_full(view: MapView, qtbot: QtBot) -> None:
    with qtbot.waitSignal(view.sharp_wanted) as asked:
        view.camera.look_at(*view.points[3].tolist(), 60.0, glide=False)
        view.renew()
        view._changed()
    assert 3 in asked.args[0]
    pixels = np.full((128, 128, 3), 255, np.uint8)
    view.add_sharp(3, pixels)
    assert view.tiles.is_sharp(3)
    x, y = view.camera.to_pixels(*view.points[3].tolist())
    assert view.grab().toImage().pixelColor(round(x), round(y)).lightness() > 250


def test_names_stand_at_the_hearts_of_their_classes() -> None:
    content = map_content()
    names = class_names(content.points, content.pictures.labels, CLASSES)
    assert {name.text for name in names} == set(CLASSES)
    for name in names:
        heart = np.median(content.points[content.pictures.labels == name.group], axis=0)
        assert np.hypot(name.x - heart[0], name.y - heart[1]) < 9
    scattered = np.random.default_rng(0).uniform(-50, 50, (12, 2)).astype(np.float32)
    assert class_names(scattered, np.arange(12, dtype=np.int32) % 4, ("a", "b", "c", "d")) == ()


def test_a_name_finds_room_beside_the_thumbnails_at_its_heart(view: MapView) -> None:
    # One in the middle, others above and below it.
    half = np.full(3, 20, np.float32)
    tiles = np.array([(280, y - 20, 320, y + 20) for y in (156, 200, 244)], np.float32)
    found = free_place(300, 200, 70, 16, tiles, (640, 480), half)
    assert found is not None
    left, top = found
    apart = (tiles[:, 0] >= left + 70) | (tiles[:, 2] <= left) | (tiles[:, 1] >= top + 16) | (tiles[:, 3] <= top)
    assert apart.all()
    assert np.hypot(left + 35 - 300, top + 8 - 200) < 90
    wall = np.array([[0, 0, 640, 480]], np.float32)
    assert free_place(300, 200, 70, 16, wall, (640, 480), np.full(1, 320, np.float32)) is None


def test_only_chosen_pictures_that_are_seen_are_marked(view: MapView) -> None:
    view.arrange()
    large = int(view.shown.indices[view.shown.sides.argmax()])
    under = int(np.setdiff1d(np.arange(COUNT), view.shown.indices)[0])
    bare = int(np.setdiff1d(np.arange(COUNT), view.shown.indices)[1])
    view.places[under] = view.places[large] + 3
    view.places[bare] = (-200, -200)
    assert view.uncovered(np.array([large, under, bare])).tolist() == [large, bare]


def test_pictures_that_do_not_stand_out_are_faint(view: MapView) -> None:
    def strength() -> float:
        image = view.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
        array = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.width(), 4)
        return float(array[:, :, :3].std())

    view.show_names(False)
    whole = strength()
    view.set_lit(np.zeros(COUNT, np.bool_))
    assert strength() < 0.5 * whole
    view.set_lit(None)
    assert strength() == pytest.approx(whole)


def test_only_what_moves_is_painted_anew_while_the_live_picture_moves(view: MapView) -> None:
    view.grab()
    painted = len(view.frame_times)
    for place in ((0.0, 0.0), (5.0, 5.0), (8.0, 2.0)):
        view.set_live(place, np.array([1, 2, 3]))
        view.live.advance(0.1, 0.01)
        view.grab()
    assert len(view.frame_times) == painted


# ------------------------------------------------------------------------------------------------------------- input


def test_a_drag_moves_the_map_and_opens_nothing(view: MapView, qtbot: QtBot) -> None:
    opened: list[int] = []
    view.opened.connect(opened.append)
    x, y = view.camera.to_pixels(*view.points[0].tolist())
    start = QPoint(round(x), round(y))
    qtbot.mousePress(view, Qt.MouseButton.LeftButton, pos=start)
    qtbot.mouseMove(view, start + QPoint(60, 30))
    qtbot.mouseRelease(view, Qt.MouseButton.LeftButton, pos=start + QPoint(60, 30))
    moved = view.camera.to_pixels(*view.points[0].tolist())
    assert moved == pytest.approx((x + 60, y + 30), abs=1.5)
    assert opened == []


def test_a_click_on_a_picture_opens_it_and_one_beside_does_nothing(view: MapView, qtbot: QtBot) -> None:
    opened: list[int] = []
    view.opened.connect(opened.append)
    first = int(np.isinf(view.spread).argmax())
    x, y = view.places[first]
    qtbot.mouseClick(view, Qt.MouseButton.LeftButton, pos=QPoint(round(x), round(y)))
    assert opened == [first]
    qtbot.mouseClick(view, Qt.MouseButton.LeftButton, pos=QPoint(4, 4))
    assert opened == [first]


def test_the_wheel_zooms_where_the_pointer_is(view: MapView) -> None:
    before = view.camera.to_map(100, 100)
    event = QWheelEvent(
        QPointF(100, 100), QPointF(view.mapToGlobal(QPoint(100, 100))), QPoint(), QPoint(0, 360),
        Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(view, event)
    settle(view)
    assert view.camera.zoom > 1.5
    assert view.camera.to_map(100, 100) == pytest.approx(before, abs=0.05)


def test_a_line_around_pictures_chooses_them(view: MapView, qtbot: QtBot) -> None:
    labels = map_content().pictures.labels
    own = view.places[labels == 1]
    low, high = own.min(0) - 6, own.max(0) + 6
    corners = [(low[0], low[1]), (high[0], low[1]), (high[0], high[1]), (low[0], high[1])]
    shift = Qt.KeyboardModifier.ShiftModifier
    view._point_at(3)
    with qtbot.waitSignal(view.chosen) as chosen:
        qtbot.mousePress(view, Qt.MouseButton.LeftButton, shift, QPoint(*map(round, corners[0])))
        assert view.pointed_at == -1
        for corner in (*corners[1:], corners[0]):
            qtbot.mouseMove(view, QPoint(*map(round, corner)))
        assert len(view.lasso) == 5
        qtbot.mouseRelease(view, Qt.MouseButton.LeftButton, shift, QPoint(*map(round, corners[0])))
    assert chosen.args[0].tolist() == np.flatnonzero(labels == 1).tolist()
    assert view.lasso == []


def test_the_even_odd_rule_against_a_shape_with_a_hole() -> None:
    star = np.array([[0, 0], [10, 0], [10, 10], [0, 10], [0, 0], [3, 3], [7, 3], [7, 7], [3, 7], [3, 3]], np.float32)
    points = np.array([[1, 1], [5, 5], [8.5, 5], [11, 5], [5, -1]], np.float32)
    assert inside_polygon(points, star).tolist() == [True, False, True, False, False]
    assert not inside_polygon(points, star[:2]).any()


def test_keys_do_what_the_pointer_does(view: MapView, qtbot: QtBot) -> None:
    view.setFocus()
    qtbot.keyClick(view, Qt.Key.Key_Plus)
    qtbot.keyClick(view, Qt.Key.Key_Plus)
    settle(view)
    assert view.camera.zoom == pytest.approx(2.25, rel=1e-3)
    x = view.camera.view.x
    qtbot.keyClick(view, Qt.Key.Key_Right)
    settle(view)
    assert view.camera.view.x > x
    qtbot.keyClick(view, Qt.Key.Key_Minus)
    settle(view)
    assert view.camera.zoom == pytest.approx(1.5, rel=1e-3)
    qtbot.keyClick(view, Qt.Key.Key_0)
    settle(view)
    assert view.camera.zoom == pytest.approx(1.0)
    with qtbot.waitSignal(view.chosen) as chosen:
        qtbot.keyClick(view, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    assert len(chosen.args[0]) == COUNT


def test_the_keyboard_goes_from_picture_to_picture_and_opens_one(view: MapView, qtbot: QtBot) -> None:
    view.setFocus()
    shift = Qt.KeyboardModifier.ShiftModifier
    qtbot.keyClick(view, Qt.Key.Key_Right, shift)
    first = view.pointed_at
    assert first >= 0
    qtbot.keyClick(view, Qt.Key.Key_Right, shift)
    assert view.points[view.pointed_at, 0] > view.points[first, 0]
    second = view.pointed_at
    qtbot.keyClick(view, Qt.Key.Key_Up, shift)
    assert view.points[view.pointed_at, 1] < view.points[second, 1]
    with qtbot.waitSignal(view.opened) as opened:
        qtbot.keyClick(view, Qt.Key.Key_Return)
    assert opened.args == [view.pointed_at]


def test_the_live_point_glides_and_leaves_a_trail_that_fades() -> None:
    live = LivePoint()
    live.put((0.0, 0.0))
    assert live.place == (0.0, 0.0)
    live.put((10.0, 0.0))
    ways = []
    for _ in range(60):
        live.advance(0.03, 0.01)
        assert live.place is not None
        ways.append(live.place[0])
    assert 0 < ways[0] < ways[5] < ways[-1] == pytest.approx(10, abs=0.02)
    strengths = [strength for _, _, strength in live.trail()]
    assert strengths == sorted(strengths)
    for _ in range(100):
        going = live.advance(0.1, 0.01)
    assert not going
    assert live.trail() == []


def test_without_a_map_the_view_says_what_to_do(view: MapView) -> None:
    view.clear("Choose the pictures on the left")
    view.grab()
    assert view.picture_at(100, 100) == -1
    view.fit()
    view.zoom(2)
