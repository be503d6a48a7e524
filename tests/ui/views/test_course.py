"""A run's figures from step to step: what is kept, what is written, and what is plotted."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from deepvis.ui import theme
from deepvis.ui.views.course import Course, thinned
from deepvis.ui.views.course_view import CourseView
from tests.ui.dressing import dark
from tests.ui.views.paints import grabbed, show


def course(steps: int = 10, **values: object) -> Course:
    """Loss falls from 1 to 0 and probability rises, over so many steps."""
    made = Course()
    for step in range(1, steps + 1):
        made.append(step, 2 * steps, {"loss": 1 - step / steps, "probability": step / steps})
    return made


@pytest.fixture
def view(qtbot: QtBot, qapp: QApplication) -> CourseView:
    dark(qapp)
    made = CourseView(placeholder="nothing yet")
    show(qtbot, made, 280, 140)
    return made


def line(view: CourseView) -> np.ndarray:
    """Where the plot's line is painted, as (row, column) pairs of its pixels."""
    color = QColor(theme.DARK.good)
    pixels = grabbed(view).astype(int)
    far = np.abs(pixels - [color.red(), color.green(), color.blue()]).sum(-1)
    return np.argwhere(far < 30)


def test_more_steps_than_there_was_room_for_are_all_kept() -> None:
    made = course(700)
    assert made.names == ("loss", "probability")
    assert made.steps.tolist() == list(range(1, 701))
    assert made.values("probability") == pytest.approx(np.arange(1, 701) / 700)
    assert made.last("loss") == 0


def test_a_step_that_comes_again_takes_the_place_of_what_was_noted() -> None:
    made = course(10)
    made.append(5, 20, {"loss": 9.0, "probability": 0.9})
    assert made.steps.tolist() == [1, 2, 3, 4, 5]
    assert made.last("loss") == 9


def test_a_figure_that_comes_late_is_unknown_before() -> None:
    made = course(3)
    made.append(4, 6, {"loss": 0.5, "psnr": 20.0})
    assert np.isnan(made.values("psnr")[:3]).all()
    assert made.last("psnr") == 20
    assert np.isnan(made.last("probability"))


def test_thinning_keeps_every_peak() -> None:
    x = np.arange(10_000.0)
    y = np.sin(x / 40)
    y[7777] = 5
    fewer_x, fewer_y = thinned(x, y, 100)
    assert len(fewer_x) <= 200
    assert (np.diff(fewer_x) > 0).all()
    assert fewer_y.max() == 5
    assert fewer_y.min() == y.min()
    assert thinned(x[:150], y[:150], 100)[0] is not None
    assert len(thinned(x[:150], y[:150], 100)[0]) == 150


def test_thinning_passes_over_what_is_no_number() -> None:
    x = np.arange(1003.0)
    y = np.full(1003, np.nan)
    y[[5, 6, 500, 1002]] = 1, 2, 3, 4
    fewer_x, fewer_y = thinned(x, y, 100)
    np.testing.assert_array_equal(fewer_x, [5, 6, 500, 1002])
    np.testing.assert_array_equal(fewer_y, [1, 2, 3, 4])


def test_shares_are_written_as_percentages_and_other_figures_as_numbers(view: CourseView) -> None:
    view.show_course(course(8))
    assert view.text("probability") == "100.0 %"
    assert view.text("loss") == "0"
    assert view.text("missing") == ""


def test_the_line_follows_the_figure_that_is_plotted(view: CourseView) -> None:
    view.show_course(course())
    assert view.plotted == "loss"
    falling = line(view)
    assert np.corrcoef(falling.T)[0, 1] > 0.9
    view.choose("probability")
    assert np.corrcoef(line(view).T)[0, 1] < -0.9


def test_the_line_ends_where_the_run_stands(view: CourseView) -> None:
    view.show_course(course(10))
    half = line(view)[:, 1].max()
    whole = Course()
    for step in range(1, 21):
        whole.append(step, 20, {"loss": 1.0 / step})
    view.show_course(whole)
    assert line(view)[:, 1].max() == pytest.approx(2 * half, rel=0.1)


def test_a_figure_that_does_not_change_has_two_ends(view: CourseView) -> None:
    places = []
    for value in (2.5, 0.0, -2.5):
        flat = Course()
        for step in (1, 2, 3):
            flat.append(step, 3, {"loss": value})
        view.show_course(flat)
        places.append(line(view)[:, 0].min())
    # What is above zero lies at the top, over a line at zero; what is below it at the bottom.
    assert places[0] < places[1] - 20
    assert places[1] == places[2]


def test_a_choice_holds_for_the_next_run_that_has_the_figure(view: CourseView) -> None:
    view.choose("probability")
    view.show_course(course())
    assert view.plotted == "probability"
    other = Course()
    other.append(1, 2, {"objective": 3.0})
    view.show_course(other)
    assert view.plotted == "objective"
    view.show_course(course())
    assert view.plotted == "probability"


def test_a_click_on_a_figure_plots_it(view: CourseView, qtbot: QtBot) -> None:
    view.show_course(course())
    with qtbot.waitSignal(view.chosen) as told:
        QTest.mouseClick(view, Qt.MouseButton.LeftButton, pos=QPoint(20, view.height() - 6))
    assert told.args == ["probability"]
    assert view.plotted == "probability"


def test_the_arrow_keys_go_through_the_figures(view: CourseView) -> None:
    view.show_course(course())
    view.setFocus()
    QTest.keyClick(view, Qt.Key.Key_Down)
    assert view.plotted == "probability"
    QTest.keyClick(view, Qt.Key.Key_Down)
    assert view.plotted == "probability"
    QTest.keyClick(view, Qt.Key.Key_Up)
    assert view.plotted == "loss"


def test_values_that_are_no_numbers_are_written_and_leave_the_line_out(view: CourseView) -> None:
    made = Course()
    made.append(1, 2, {"loss": float("nan")})
    view.show_course(made)
    assert view.text("loss") == "not a number"
    assert len(line(view)) == 0
