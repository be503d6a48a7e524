from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from deepvis.messages import Prediction
from deepvis.ui import theme
from deepvis.ui.views.bars_view import BarsView
from deepvis.ui.views.color_scale import ColorScale
from deepvis.ui.views.numbers import format_milliseconds, format_percent, format_short, format_size, format_value
from deepvis.ui.views.plot_view import HistogramPlot, TimePlot
from deepvis.ui.views.tiles_view import Tile, TilesView
from tests.ui.views.paints import PaintCount, click, come_to_rest, grabbed, show


@pytest.fixture(autouse=True)
def dark(qapp: QApplication) -> None:
    theme.apply_theme(qapp, theme.DARK)


def answer(*chances: float) -> list[Prediction]:
    return [Prediction(index, f"class {index}", chance) for index, chance in enumerate(chances)]


def accent_width(view: BarsView, row: int) -> int:
    """How many pixels of the row's middle line are in accent colour."""
    accent = np.array(theme.current().color("accent").getRgb()[:3])
    shown = grabbed(view)
    line = shown[row * theme.scaled(26) + theme.scaled(13), 4:-4].astype(int)  # without the focus ring
    return int((np.abs(line - accent).sum(axis=1) < 30).sum())


def test_bars_glide_to_their_length_and_then_nothing_is_painted(qtbot: QtBot) -> None:
    view = BarsView()
    show(qtbot, view, 300, 130)
    view.set_predictions(answer(0.5, 0.25))
    assert view.gliding
    qtbot.waitUntil(lambda: not view.gliding)
    half, quarter = accent_width(view, 0), accent_width(view, 1)
    assert half == pytest.approx(2 * quarter, abs=4)
    come_to_rest(qtbot, view)
    paints = PaintCount(view)
    view.set_predictions(answer(0.5, 0.25))
    QApplication.processEvents()
    assert paints.count == 0
    assert not view.gliding


def test_a_bar_that_changes_rows_starts_from_its_own_length(qtbot: QtBot) -> None:
    view = BarsView()
    show(qtbot, view, 300, 130)
    view.set_predictions([Prediction(0, "a", 0.8), Prediction(1, "b", 0.1)])
    qtbot.waitUntil(lambda: not view.gliding)
    long, short = accent_width(view, 0), accent_width(view, 1)
    view.set_predictions([Prediction(1, "b", 0.8), Prediction(0, "a", 0.1)])
    view._glide.stop()
    view._advance(0.0)
    assert (accent_width(view, 0), accent_width(view, 1)) == (short, long)


def test_rows_never_change_the_widget_s_height(qtbot: QtBot) -> None:
    view = BarsView(rows=5)
    show(qtbot, view)
    heights = set()
    for count in (0, 1, 5, 9):
        view.set_predictions(answer(*([0.1] * count)))
        heights.add(view.sizeHint().height())
    assert len(heights) == 1
    assert len(view.predictions) == 5


def test_a_click_and_the_keyboard_tell_the_class(qtbot: QtBot) -> None:
    view = BarsView()
    show(qtbot, view, 300, 130)
    view.set_predictions([Prediction(281, "tabby", 0.6), Prediction(285, "Egyptian cat", 0.2)])
    with qtbot.waitSignal(view.class_clicked) as clicked:
        click(view, QPointF(50, 26 + 13))
    assert clicked.args == [285]
    with qtbot.waitSignal(view.class_clicked) as entered:
        QTest.keyClick(view, Qt.Key.Key_Down)
        QTest.keyClick(view, Qt.Key.Key_Return)
    assert entered.args == [285]
    with qtbot.assertNotEmitted(view.class_clicked):
        click(view, QPointF(50, 26 * 4))


def test_bars_say_their_content_to_a_screen_reader(qtbot: QtBot) -> None:
    view = BarsView()
    qtbot.addWidget(view)
    view.set_predictions([Prediction(281, "tabby", 0.618)])
    assert view.accessibleDescription() == "tabby 61.8 %"


@pytest.mark.parametrize("chance", [float("nan"), -1.0, 2.0])
def test_probabilities_that_cannot_be_are_painted_without_harm(qtbot: QtBot, chance: float) -> None:
    view = BarsView()
    show(qtbot, view)
    view.set_predictions([Prediction(0, "x", chance)])
    qtbot.waitUntil(lambda: not view.gliding)
    grabbed(view)


def test_a_time_plot_keeps_the_last_values_in_order(qtbot: QtBot) -> None:
    plot = TimePlot(length=4)
    show(qtbot, plot)
    for value in range(6):
        plot.append(value)
    np.testing.assert_array_equal(plot.values, [2, 3, 4, 5])
    plot.clear()
    assert not len(plot.values)


def test_a_time_plot_leaves_a_gap_where_a_value_is_not_finite(qtbot: QtBot) -> None:
    plot = TimePlot(length=8)
    show(qtbot, plot)
    for value in (1.0, float("nan"), 2.0, float("inf"), 3.0):
        plot.append(value)
    np.testing.assert_array_equal(plot.values, [1, np.nan, 2, np.nan, 3])
    grabbed(plot)


@pytest.mark.parametrize("value", [0.0, -3.0, 1e30])
def test_a_constant_course_is_painted(qtbot: QtBot, value: float) -> None:
    plot = TimePlot(placeholder="nothing yet")
    show(qtbot, plot)
    empty = grabbed(plot)
    for _ in range(3):
        plot.append(value)
    assert (grabbed(plot) != empty).any()


def test_a_histogram_draws_a_bar_for_each_count(qtbot: QtBot) -> None:
    plot = HistogramPlot()
    show(qtbot, plot, 200, 100)
    plot.set_histogram(np.array([1, 0, 4], np.float32), np.array([-1, 0, 1, 2], np.float32))
    accent = np.array(theme.current().color("accent").getRgb()[:3])
    filled = (np.abs(grabbed(plot).astype(int) - accent).sum(axis=2) < 10).sum(axis=0)
    thirds = [filled[5:60].max(), filled[72:128].max(), filled[140:195].max()]
    assert thirds[1] == 0
    assert thirds[2] == pytest.approx(2 * thirds[0], abs=2)  # heights are square roots of counts


def test_a_histogram_with_the_wrong_number_of_edges_is_refused(qtbot: QtBot) -> None:
    plot = HistogramPlot()
    qtbot.addWidget(plot)
    with pytest.raises(ValueError, match="4 edges"):
        plot.set_histogram(np.ones(3, np.float32), np.ones(3, np.float32))


def test_a_scale_runs_through_its_map_between_two_values(qtbot: QtBot) -> None:
    scale = ColorScale()
    show(qtbot, scale, *scale.sizeHint().toTuple())
    scale.set_scale("gray", 0.0, 2.5)
    row = grabbed(scale)[scale.height() // 2]
    bar = row[(scale.width() - 96) // 2 + 2 : (scale.width() + 96) // 2 - 2, 0].astype(int)
    assert bar[0] < 16
    assert bar[-1] > 240
    assert (np.diff(bar) >= 0).all()
    assert scale.accessibleDescription() == "0 to 2.5, gray"


def test_a_scale_in_a_map_that_does_not_exist_is_refused(qtbot: QtBot) -> None:
    scale = ColorScale()
    qtbot.addWidget(scale)
    with pytest.raises(ValueError, match="viridis"):
        scale.set_scale("virdis", 0, 1)


def tiles(count: int) -> list[Tile]:
    return [Tile(np.full((6, 6, 4), 40 + place, np.uint8), str(place), 100 + place) for place in range(count)]


@pytest.mark.parametrize("size", [(200, 300), (331, 400)])
@pytest.mark.parametrize("count", [1, 9, 25])
def test_a_click_on_a_tile_tells_its_key(qtbot: QtBot, size: tuple[int, int], count: int) -> None:
    view = TilesView()
    show(qtbot, view, *size)
    view.set_tiles(tiles(count), columns=5)
    for place in (0, count - 1):
        with qtbot.waitSignal(view.tile_clicked) as clicked:
            click(view, view.tile_rect(place).center())
        assert clicked.args == [100 + place]


def test_tiles_can_be_chosen_by_keyboard(qtbot: QtBot) -> None:
    view = TilesView(columns=3)
    show(qtbot, view)
    view.set_tiles(tiles(9))
    with qtbot.waitSignal(view.tile_clicked) as clicked:
        for key in (Qt.Key.Key_Right, Qt.Key.Key_Down, Qt.Key.Key_Return):
            QTest.keyClick(view, key)
    assert clicked.args == [104]


def test_places_without_a_tile_keep_their_room(qtbot: QtBot) -> None:
    view = TilesView(columns=3)
    show(qtbot, view)
    view.set_tiles((), places=9)
    height = view.heightForWidth(300)
    view.set_tiles(tiles(9), places=9)
    assert view.heightForWidth(300) == height > 0


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3.4142, "3.41"),
        (-0.5, "−0.5"),
        (0, "0"),
        (1.2e-5, "1.2e−05"),
        (float("nan"), "not a number"),
        (12345, "12345"),
    ],
)
def test_values_are_written_in_three_figures(value: float, text: str) -> None:
    assert format_value(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3.4142, "3.41"),
        (-0.01234, "−0.012"),
        (0.0051, "5.1e−3"),
        (-0.0051, "−5e−3"),
        (-1.3e-12, "−1e−12"),
        (123456, "1.2e5"),
        (-99999, "−99999"),
        (0.0996, "0.0996"),
        (float("inf"), "∞"),
        (float("nan"), "–"),
    ],
)
def test_values_of_a_column_take_six_characters_at_most(value: float, text: str) -> None:
    assert format_short(value) == text
    assert len(text) <= 6


def test_long_delays_are_written_in_seconds() -> None:
    assert [format_milliseconds(each) for each in (34.4, 9999, 12_345, 345_000)] == [
        "34 ms", "9999 ms", "12.3 s", "345 s",
    ]  # fmt: skip


def test_shares_and_sizes_are_written_for_people() -> None:
    assert format_percent(0.618) == "61.8 %"
    assert format_percent(float("nan")) == "–"
    assert format_size(300, 451) == "451 × 300"
