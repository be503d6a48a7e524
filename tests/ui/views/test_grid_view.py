from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF
from PySide6.QtGui import QColor
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from deepvis.messages import GridRequest, GridResult
from deepvis.ui import theme
from deepvis.ui.views.grid_view import GridView
from deepvis.ui.views.mosaic import unit_tile
from tests.ui.dressing import dark
from tests.ui.fixtures import LAYERS, conv, grid_result
from tests.ui.views.paints import PaintCount, click, grabbed, show


@pytest.fixture
def view(qtbot: QtBot, qapp: QApplication) -> GridView:
    dark(qapp)
    made = GridView()
    show(qtbot, made, 640, 480)
    return made


def result(count: int = 40, size: int = 16, **request: object) -> GridResult:
    return grid_result(conv("conv", count, size, 9), GridRequest("conv", (470, 630), **request))


@pytest.mark.parametrize("size", [(320, 240), (641, 353), (1000, 200), (200, 900)])
@pytest.mark.parametrize("count", [1, 3, 40, 512])
def test_the_unit_under_the_pointer_is_the_one_that_is_painted_there(
    view: GridView, size: tuple[int, int], count: int
) -> None:
    view.resize(*size)
    view.set_result(result(count, 7, sort="activity"))
    for unit in range(0, count, max(1, count // 9)):
        rect = view.unit_rect(unit)
        hit = view.unit_at(rect.center())
        assert hit is not None
        assert hit[0] == unit
        assert hit[1] == pytest.approx(0.5, abs=0.1)
        assert hit[2] == pytest.approx(0.5, abs=0.1)


def test_a_click_and_a_double_click_tell_the_unit(qtbot: QtBot, view: GridView) -> None:
    view.set_result(result(sort="activity"))
    with qtbot.waitSignal(view.unit_clicked) as clicked:
        click(view, view.unit_rect(17).center())
    assert clicked.args == [17]
    with qtbot.waitSignal(view.unit_double_clicked) as doubled:
        click(view, view.unit_rect(8).center(), double=True)
    assert doubled.args == [8]


def test_a_click_beside_the_mosaic_tells_nothing(qtbot: QtBot, view: GridView) -> None:
    view.set_result(result(3))
    with qtbot.assertNotEmitted(view.unit_clicked):
        click(view, QPointF(1, 1))


def test_hovering_tells_unit_and_place_and_leaving_tells_so(qtbot: QtBot, view: GridView) -> None:
    view.set_result(result())
    rect = view.unit_rect(5)
    with qtbot.waitSignal(view.hovered) as hovered:
        QTest.mouseMove(view, (rect.topLeft() + QPointF(rect.width() * 0.75, rect.height() * 0.25)).toPoint())
    unit, y, x = hovered.args
    assert unit == 5
    assert (y, x) == (pytest.approx(0.25, abs=0.05), pytest.approx(0.75, abs=0.05))
    with qtbot.waitSignal(view.left):
        QTest.mouseMove(view, QPoint(1, 1))
    assert view.hover is None


def test_tiles_show_the_map_s_own_pixels(view: GridView) -> None:
    shown = result(6, 8)
    view.set_result(shown)
    picture = grabbed(view)
    for unit in range(6):
        rect = view.unit_rect(unit).toRect()
        tile = picture[rect.top() : rect.top() + rect.height(), rect.left() : rect.left() + rect.width()]
        expected = unit_tile(shown, unit)
        assert expected is not None
        rows = (np.arange(8) + 0.5) * tile.shape[0] / 8
        columns = (np.arange(8) + 0.5) * tile.shape[1] / 8
        sampled = tile[rows.astype(int)][:, columns.astype(int)]
        np.testing.assert_array_equal(sampled, expected[:, :, 2::-1])


def test_the_chosen_unit_has_a_ring_in_accent_colour(view: GridView) -> None:
    view.set_result(result())
    view.set_chosen(11)
    rect = view.unit_rect(11)
    picture = grabbed(view)
    accent = np.array(QColor(theme.DARK.accent).getRgb()[:3])
    edge = picture[round(rect.center().y()), round(rect.left()) - 3 : round(rect.left())]
    assert np.abs(edge.astype(int) - accent).sum(axis=1).min() < 60


def test_zoom_shows_one_unit_in_the_whole_room(view: GridView) -> None:
    view.set_result(result(40, 16))
    view.set_zoom(7)
    rect = view.unit_rect(7)
    assert rect.height() > 0.8 * view.height()
    assert view.unit_rect(8).isEmpty()
    hit = view.unit_at(rect.center())
    assert hit is not None
    assert hit[0] == 7
    view.set_zoom(None)
    assert not view.unit_rect(8).isEmpty()


def test_zoom_prefers_the_finer_map_that_it_is_given(view: GridView) -> None:
    view.set_result(result(40, 16))
    fine = np.full((100, 50, 4), 200, np.uint8)
    view.set_zoom(7, fine)
    rect = view.unit_rect(7)
    assert rect.height() == pytest.approx(2 * rect.width(), rel=0.02)


def test_nothing_is_painted_while_nothing_changes(qtbot: QtBot, view: GridView) -> None:
    shown = result()
    view.set_result(shown)
    view.set_chosen(3)
    grabbed(view)
    QApplication.processEvents()
    paints = PaintCount(view)
    view.set_result(shown)
    view.set_chosen(3)
    view.set_zoom(None)
    view.set_value(None)
    QApplication.processEvents()
    assert paints.count == 0


def test_many_results_between_two_paints_are_composed_once(view: GridView, monkeypatch: pytest.MonkeyPatch) -> None:
    composed = []
    from deepvis.ui.views import grid_view

    real = grid_view.compose
    monkeypatch.setattr(grid_view, "compose", lambda *args, **kwargs: composed.append(1) or real(*args, **kwargs))
    for _ in range(5):
        view.set_result(result())
    grabbed(view)
    assert len(composed) == 1


def test_the_room_follows_the_size(qtbot: QtBot, view: GridView) -> None:
    with qtbot.waitSignal(view.room_changed):
        view.resize(500, 300)
    height, width = view.room
    assert 0.9 * 300 < height <= 300
    assert 0.9 * 500 < width <= 500


def test_a_layer_with_fewer_units_takes_the_hover_away(view: GridView) -> None:
    view.set_result(result(40))
    QTest.mouseMove(view, view.unit_rect(39).center().toPoint())
    assert view.hover is not None
    view.set_result(result(4))
    grabbed(view)
    assert view.hover is None


def test_a_chosen_unit_that_the_mosaic_lacks_draws_no_ring(view: GridView) -> None:
    view.set_result(result(4))
    before = grabbed(view)
    view.set_chosen(400)
    np.testing.assert_array_equal(grabbed(view), before)


def test_labels_name_the_class_the_number_and_the_value(view: GridView) -> None:
    layer = LAYERS[-1]
    view.set_result(grid_result(layer, GridRequest("fc", (470, 630))))
    view.set_unit_names(lambda unit: ("tabby", "lion")[unit % 2])
    view.set_value(1.25)
    assert view._label(3) == "3  lion  1.25"


def test_dead_units_say_so_in_words(view: GridView) -> None:
    view.set_result(result(40))
    assert "dead" in view._label(10)
    assert "dead" not in view._label(9)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_painted_as_words(view: GridView, bad: float) -> None:
    maxima = np.full(40, bad, np.float32)
    view.set_result(dataclasses.replace(result(40), maxima=maxima))
    QTest.mouseMove(view, view.unit_rect(4).center().toPoint())
    view.set_value(bad)
    grabbed(view)
    assert "nan" not in view._label(4)


def test_an_empty_view_says_what_it_waits_for(view: GridView) -> None:
    blank = grabbed(view)
    view.set_placeholder("Loading the network")
    assert (grabbed(view) != blank).any()
    assert view.unit_at(QPointF(100, 100)) is None


def test_another_theme_redraws_the_gaps(view: GridView, qapp: QApplication) -> None:
    view.set_result(result())
    grabbed(view)
    theme.apply_theme(qapp, theme.LIGHT)
    try:
        rect = view.unit_rect(0)
        gap = grabbed(view)[round(rect.center().y()), round(rect.right())]
        assert tuple(gap) == QColor(theme.LIGHT.window).getRgb()[:3]
    finally:
        dark(qapp)
