from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from deepvis.ui.views.image_view import ImageView
from deepvis.ui.views.picture import Picture
from tests.ui.dressing import dark
from tests.ui.fixtures import photograph
from tests.ui.views.paints import PaintCount, click, grabbed, show


@pytest.fixture
def view(qtbot: QtBot, qapp: QApplication) -> ImageView:
    dark(qapp)
    made = ImageView(placeholder="Open a picture")
    show(qtbot, made, 300, 200)
    return made


def plain(height: int, width: int, color: tuple[int, int, int] = (10, 200, 60)) -> np.ndarray:
    """One colour, given as blue, green, red."""
    picture = np.full((height, width, 4), 255, np.uint8)
    picture[:, :, :3] = color
    return picture


@pytest.mark.parametrize("size", [(300, 200), (200, 300), (57, 211), (640, 64)])
@pytest.mark.parametrize("picture", [(8, 8), (30, 90), (1, 1), (300, 451)])
def test_the_aspect_is_kept_and_the_room_used(view: ImageView, size: tuple[int, int], picture: tuple[int, int]) -> None:
    view.resize(*size)
    view.set_picture(plain(*picture))
    rect = view.picture_rect()
    assert rect.width() <= size[0]
    assert rect.height() <= size[1]
    assert max(rect.width() / size[0], rect.height() / size[1]) > 0.97
    assert rect.height() / rect.width() == pytest.approx(picture[0] / picture[1], rel=0.05)


def test_positions_are_shares_of_the_picture(qtbot: QtBot, view: ImageView) -> None:
    view.set_picture(plain(100, 100))
    rect = view.picture_rect()
    point = QPointF(rect.left() + 0.25 * rect.width(), rect.top() + 0.75 * rect.height())
    with qtbot.waitSignal(view.clicked) as clicked:
        click(view, point)
    assert clicked.args == [pytest.approx(0.75, abs=0.01), pytest.approx(0.25, abs=0.01)]
    with qtbot.waitSignal(view.hovered):
        QTest.mouseMove(view, point.toPoint())
    with qtbot.waitSignal(view.left):
        QTest.mouseMove(view, QPoint(1, 100))
    with qtbot.waitSignal(view.double_clicked):
        click(view, point, double=True)


def test_every_corner_lies_in_the_half_open_unit_square(view: ImageView) -> None:
    view.set_picture(plain(13, 29))
    rect = view.picture_rect()
    assert view.locate(rect.topLeft()) == (0, 0)
    assert view.locate(rect.bottomRight()) is None
    y, x = view.locate(QPointF(rect.right() - 0.01, rect.bottom() - 0.01)) or (2, 2)
    assert 0.99 < y < 1
    assert 0.99 < x < 1


def test_magnified_pixels_are_crisp_squares(view: ImageView) -> None:
    checker = np.zeros((4, 4, 4), np.uint8)
    checker[::2, ::2] = checker[1::2, 1::2] = 255
    view.set_picture(checker)
    rect = view.picture_rect().toRect()
    shown = grabbed(view)[rect.top() : rect.bottom() + 1, rect.left() : rect.right() + 1, 0]
    inner = shown[10:-10, 10:-10]
    assert set(np.unique(inner)) == {0, 255}


@pytest.mark.parametrize("side", [80, 130, 170])
def test_pixels_magnified_by_a_broken_factor_keep_their_colours(view: ImageView, side: int) -> None:
    rng = np.random.default_rng(0)
    picture = np.dstack([rng.integers(0, 255, (side, side, 3), np.uint8), np.full((side, side), 255, np.uint8)])
    view.set_picture(picture)
    rect = view.picture_rect().toRect()
    shown = grabbed(view)[rect.top() : rect.bottom() + 1, rect.left() : rect.right() + 1]
    centers = ((np.arange(side) + 0.5) * rect.width() / side).astype(int)
    sampled = shown[centers][:, centers].astype(int)
    wrong = np.abs(sampled - picture[:, :, 2::-1].astype(int)).max(axis=2)
    assert np.median(wrong) < 40


def test_red_stays_red_from_either_order_of_channels(view: ImageView) -> None:
    red = np.zeros((50, 50, 3), np.uint8)
    red[:, :, 0] = 255
    center = (100, 150)
    view.set_picture(red)
    assert tuple(grabbed(view)[center]) == (255, 0, 0)
    view.set_picture(plain(50, 50, (0, 0, 255)))
    assert tuple(grabbed(view)[center]) == (255, 0, 0)
    view.set_picture(np.ascontiguousarray(np.tile(red, (40, 40, 1))))
    assert tuple(grabbed(view)[center]) == (255, 0, 0)


def test_what_the_network_does_not_see_is_dimmed(view: ImageView) -> None:
    view.set_picture(plain(100, 150, (255, 255, 255)))
    view.set_seen((0, 50, 100, 100))
    shown = grabbed(view)
    rect = view.picture_rect()
    middle = round(rect.center().y())
    outside = shown[middle, round(rect.left() + rect.width() / 6)]
    inside = shown[middle, round(rect.center().x())]
    assert tuple(inside) == (255, 255, 255)
    assert outside.max() < 140


def test_the_overlay_covers_what_is_seen_and_nothing_else(view: ImageView) -> None:
    view.set_picture(plain(100, 150, (0, 0, 0)))
    view.set_seen((0, 50, 100, 100))
    view.set_overlay(plain(8, 8, (255, 255, 255)), 0.5)
    shown = grabbed(view)
    rect = view.picture_rect()
    middle = round(rect.center().y())
    assert shown[middle, round(rect.center().x())] == pytest.approx(128, abs=2)
    assert shown[middle, round(rect.left() + rect.width() / 6)].max() < 40
    view.set_opacity(0.0)
    assert grabbed(view)[middle, round(rect.center().x())].max() == 0


def test_a_very_large_picture_is_averaged_and_not_sampled(view: ImageView) -> None:
    stripes = np.zeros((2000, 3000, 3), np.uint8)
    stripes[:, ::2] = 255
    view.set_picture(stripes)
    shown = grabbed(view)[60:140, 60:240, 0]
    assert shown.std() < 70
    assert 60 < shown.mean() < 200


def test_the_array_is_neither_copied_nor_written(view: ImageView) -> None:
    photo = photograph()
    before = photo.copy()
    view.set_picture(photo)
    view.set_seen((0, 75, 300, 375))
    view.set_mark((0.1, 0.1, 0.4, 0.4))
    grabbed(view)
    np.testing.assert_array_equal(photo, before)
    assert np.shares_memory(Picture(photo).pixels, photo)


def test_nothing_is_painted_while_nothing_changes(view: ImageView) -> None:
    photo = photograph()
    view.set_picture(photo)
    view.set_seen((0, 0, 10, 10))
    view.set_mark(None)
    grabbed(view)
    QApplication.processEvents()
    paints = PaintCount(view)
    view.set_picture(photo)
    view.set_seen((0, 0, 10, 10))
    view.set_opacity(1.0)
    view.set_overlay(None)
    QApplication.processEvents()
    assert paints.count == 0


def test_an_empty_view_says_what_to_do(view: ImageView) -> None:
    assert view.empty
    said = grabbed(view)
    view.set_placeholder("")
    assert (grabbed(view) != said).any()
    assert view.locate(QPointF(20, 20)) is None


def test_height_follows_width_where_an_aspect_is_set(view: ImageView) -> None:
    view.set_aspect(0.5)
    assert view.hasHeightForWidth()
    assert view.heightForWidth(200) == 100
    view.set_aspect(None)
    assert not view.hasHeightForWidth()


@pytest.mark.parametrize(
    "wrong", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.float32), np.zeros((0, 4, 4), np.uint8)]
)
def test_what_is_not_a_picture_is_refused(view: ImageView, wrong: np.ndarray) -> None:
    with pytest.raises(ValueError, match="picture"):
        view.set_picture(wrong)


def test_a_drop_goes_to_the_window_behind(view: ImageView) -> None:
    assert not view.acceptDrops()
