"""The occlusion map as pictures and figures, against values that are calculated pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from deepvis.colormaps import DIVERGING, color_table
from deepvis.ui.panels.occlusion_maps import OcclusionMaps
from deepvis.ui.panels.occlusion_view import OcclusionView
from deepvis.ui.views.numbers import format_percent, format_value
from tests.ui import occlusion_run as script
from tests.ui.dressing import dark
from tests.ui.views.paints import PaintCount, come_to_rest, show


@pytest.fixture
def view(qtbot: QtBot, qapp: QApplication) -> OcclusionView:
    dark(qapp)
    made = OcclusionView()
    show(qtbot, made, 700, 320)
    return made


def expected(place: tuple[int, int]) -> str:
    value = float(np.float32(script.logit(script.covered(*place))))
    return f"probability {format_percent(script.chance(value))}, logit {format_value(value)}"


def point_at(view: OcclusionView, y: float, x: float) -> None:
    """Move the pointer to a pixel of the picture."""
    rect = view.picture.picture_rect()
    point = QPointF(rect.left() + x / script.WIDTH * rect.width(), rect.top() + y / script.HEIGHT * rect.height())
    QTest.mouseMove(view.picture, point.toPoint())
    QApplication.processEvents()


@pytest.mark.parametrize(
    ("pixel", "place"),
    [((0, 0), (0, 0)), ((6, 6), (0, 0)), ((6, 11), (0, 1)), ((13, 6), (1, 0)), ((35, 39), (3, 4)), ((22, 30), (2, 3))],
)
def test_a_pixel_belongs_to_the_window_whose_middle_is_nearest(pixel: tuple[int, int], place: tuple[int, int]) -> None:
    maps = OcclusionMaps.of(script.updates(1)[0])
    found = maps.place_at((pixel[0] + 0.5) / script.HEIGHT, (pixel[1] + 0.5) / script.WIDTH)
    assert found == place
    assert maps.over_picture("logit")[pixel] == maps.logit[place]


def test_the_window_covers_what_the_run_covered() -> None:
    maps = OcclusionMaps.of(script.updates(1)[0])
    for row in range(script.ROWS):
        for column in range(script.COLUMNS):
            assert np.array_equal(maps.covered(row, column), script.covered(row, column))


def test_the_drop_is_drawn_about_zero_and_the_others_from_end_to_end() -> None:
    maps = OcclusionMaps.of(script.updates(1)[0])
    assert maps.drop.min() < 0 < maps.drop.max()
    colormap, low, high = maps.scale("drop")
    assert (colormap, low) == (DIVERGING, -high)
    assert high == pytest.approx(np.abs(maps.drop).max())
    strongest = np.unravel_index(np.abs(maps.drop).argmax(), maps.drop.shape)
    end = 255 if maps.drop[strongest] > 0 else 0
    assert np.array_equal(maps.overlay("drop")[strongest], color_table(DIVERGING)[end])
    for name, values, whole in (
        ("probability", maps.probability, maps.whole_probability),
        ("logit", maps.logit, maps.whole_logit),
    ):
        colormap, low, high = maps.scale(name)
        assert colormap != DIVERGING
        assert (low, high) == pytest.approx((min(values.min(), whole), max(values.max(), whole)))


def test_the_picture_itself_shows_where_nothing_is_known() -> None:
    maps = OcclusionMaps.of(script.updates(5)[0])
    unknown = ~np.isfinite(maps.drop)
    assert unknown.any()
    assert not unknown.all()
    assert np.array_equal(maps.overlay("drop")[unknown][:, 2::-1], script.picture()[unknown])
    assert not np.array_equal(maps.overlay("drop")[~unknown][:, 2::-1], script.picture()[~unknown])


def test_a_map_without_contrast_is_drawn_and_has_no_scale() -> None:
    maps = OcclusionMaps.of(script.updates(1)[0])
    flat = OcclusionMaps(
        np.full_like(maps.probability, 0.5), np.full_like(maps.logit, 1), maps.known, np.zeros_like(maps.drop),
        maps.picture, maps.cover, maps.patch, maps.stride, maps.label, 0.5, 1.0,
    )  # fmt: skip
    for name in ("drop", "probability", "logit"):
        assert len(np.unique(flat.overlay(name).reshape(-1, 4), axis=0)) == 1


def test_the_exported_picture_is_the_mixture_that_is_shown(view: OcclusionView) -> None:
    view.show_update(script.updates(1)[0])
    view.opacity.setValue(0)
    plain = view.export_picture()
    assert plain is not None
    assert np.array_equal(plain[:, :, 2::-1], script.picture())
    view.opacity.setValue(100)
    view.map.set_value("logit")
    full = view.export_picture()
    assert view.maps is not None
    assert np.array_equal(full, view.maps.overlay("logit"))
    view.opacity.setValue(50)
    half = view.export_picture()
    assert half is not None
    mean = (plain.astype(int) + view.maps.overlay("logit")) / 2
    assert np.abs(half - mean).max() <= 0.5


def test_pointing_shows_the_window_and_its_figures(view: OcclusionView) -> None:
    view.show_update(script.updates(1)[0])
    for pixel, place in (((30, 2), (3, 0)), ((4, 36), (0, 4))):
        point_at(view, *pixel)
        assert view.values.text() == expected(place)
        assert view.place.text() == f"row {place[0] + 1}, column {place[1] + 1}"


def test_without_a_pointer_the_strongest_window_is_shown(view: OcclusionView) -> None:
    update = script.updates(1)[0]
    places = [(row, column) for row in range(script.ROWS) for column in range(script.COLUMNS)]
    strongest = min(places, key=lambda place: script.logit(script.covered(*place)))
    view.show_update(update)
    assert view.values.text() == expected(strongest)
    assert view.place.text().startswith("strongest window")
    point_at(view, 30, 2)
    assert view.values.text() != expected(strongest)
    QApplication.sendEvent(view.picture, QEvent(QEvent.Type.Leave))
    assert view.values.text() == expected(strongest)


def test_a_place_that_is_not_computed_yet_says_so(view: OcclusionView) -> None:
    view.show_update(script.updates(5)[0])
    point_at(view, 34, 38)
    assert view.values.text() == "not computed yet"
    view.show_update(script.updates(1)[0])
    assert view.values.text() == expected((3, 4))


def test_the_arrow_keys_move_the_window_and_are_no_shortcuts_then(view: OcclusionView) -> None:
    view.show_update(script.updates(1)[0])
    view.activateWindow()
    view.picture.setFocus()
    for _ in range(6):
        QTest.keyClick(view.picture, Qt.Key.Key_Up)
        QTest.keyClick(view.picture, Qt.Key.Key_Left)
    assert view.values.text() == expected((0, 0))
    QTest.keyClick(view.picture, Qt.Key.Key_Right)
    QTest.keyClick(view.picture, Qt.Key.Key_Down)
    assert view.values.text() == expected((1, 1))
    arrow = QKeyEvent(QEvent.Type.ShortcutOverride, Qt.Key.Key_Left, Qt.KeyboardModifier.NoModifier)
    letter = QKeyEvent(QEvent.Type.ShortcutOverride, Qt.Key.Key_F, Qt.KeyboardModifier.NoModifier)
    for event in (arrow, letter):
        event.ignore()
        QApplication.sendEvent(view.picture, event)
    assert (arrow.isAccepted(), letter.isAccepted()) == (True, False)


def test_the_class_and_its_uncovered_values_are_named(view: OcclusionView) -> None:
    view.show_update(script.updates(1)[0])
    whole = script.logit(script.picture())
    assert view.target.text() == "Chihuahua"
    assert view.whole.text() == f"uncovered {format_percent(script.chance(whole))}, logit {format_value(whole)}"


def test_the_map_fills_in_without_moving_the_pictures(view: OcclusionView) -> None:
    first, *_, last = script.updates(5)
    view.show_update(first)
    QApplication.processEvents()
    places = [(each.geometry(), each.parentWidget().geometry()) for each in (view.picture, view.covered, view.scale)]
    view.show_update(last)
    QApplication.processEvents()
    assert places == [
        (each.geometry(), each.parentWidget().geometry()) for each in (view.picture, view.covered, view.scale)
    ]


def test_pointing_at_the_same_place_again_paints_nothing(view: OcclusionView, qtbot: QtBot) -> None:
    view.show_update(script.updates(1)[0])
    point_at(view, 30, 2)
    come_to_rest(qtbot, view)
    counts = [PaintCount(each) for each in (view.picture, view.covered, view.values)]
    view.picture.hovered.emit(30.5 / script.HEIGHT, 3.0 / script.WIDTH)
    QApplication.processEvents()
    assert [count.count for count in counts] == [0, 0, 0]
