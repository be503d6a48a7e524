from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from deepvis.messages import ViewResult
from deepvis.ui.panels.controls import Choice
from deepvis.ui.panels.grid_panel import GridPanel
from deepvis.ui.view_state import ViewState
from tests.ui.fixtures import layer_values
from tests.ui.views.paints import click, show


@pytest.fixture
def panel(qtbot: QtBot, state: ViewState) -> GridPanel:
    made = GridPanel(state)
    show(qtbot, made, 900, 700)
    return made


def pick(choice: Choice, text: str) -> None:
    """Choose as a person does."""
    index = choice.findText(text)
    assert index >= 0, f"{text!r} is not offered"
    choice.setCurrentIndex(index)
    choice.activated.emit(index)


@pytest.mark.parametrize(
    ("control", "text", "field", "value"),
    [
        ("show_what", "Gradient", "show", "gradient"),
        ("range", "Whole layer", "range", "layer"),
        ("boost", "0.5", "boost", 0.5),
        ("gamma", "0.3", "gamma", 0.3),
        ("sort", "By activity", "sort", "activity"),
        ("colormap", "inferno", "colormap", "inferno"),
    ],
)
def test_a_choice_changes_its_part_of_the_look(
    panel: GridPanel, state: ViewState, control: str, text: str, field: str, value: object
) -> None:
    pick(getattr(panel, control), text)
    assert getattr(state.look, field) == value


def test_a_click_on_a_tile_chooses_its_unit_and_a_double_click_zooms(
    panel: GridPanel, state: ViewState, answer: Callable[..., ViewResult]
) -> None:
    state.update(sort="activity")
    panel.show_result(answer())
    click(panel.view, panel.view.unit_rect(33).center())
    assert state.look.unit == 33
    click(panel.view, panel.view.unit_rect(40).center(), double=True)
    assert (state.look.unit, state.look.zoomed) == (40, True)


def test_zoom_shows_the_unit_s_map_at_its_own_resolution(
    panel: GridPanel, state: ViewState, answer: Callable[..., ViewResult]
) -> None:
    QTest.mouseClick(panel.zoom, Qt.MouseButton.LeftButton)
    assert state.look.zoomed
    panel.show_result(answer())
    assert panel.view.unit_rect(5).height() >= 32 * 10


def test_the_value_under_the_pointer_is_the_map_s_own(
    qtbot: QtBot, panel: GridPanel, state: ViewState, answer: Callable[..., ViewResult]
) -> None:
    panel.show_result(answer())
    with qtbot.waitSignal(panel.probe_changed):
        QTest.mouseMove(panel.view, panel.view.unit_rect(8).center().toPoint())
    assert panel.probe is not None
    result = answer(2, probe=panel.probe)
    panel.show_result(result)
    unit, y, x = panel.probe
    layer = state.layer
    assert layer is not None
    expected = layer_values(layer)[unit, int(y * 32), int(x * 32)]
    assert result.probe == pytest.approx(float(expected))
    assert panel.view._value == result.probe


def test_a_value_for_another_place_is_not_shown(panel: GridPanel, answer: Callable[..., ViewResult]) -> None:
    panel.show_result(answer())
    QTest.mouseMove(panel.view, panel.view.unit_rect(8).center().toPoint())
    panel.show_result(answer(2, probe=(3, 0.5, 0.5)))
    assert panel.view._value is None


def test_a_fixed_range_begins_with_what_is_on_the_screen(
    panel: GridPanel, state: ViewState, answer: Callable[..., ViewResult]
) -> None:
    assert not panel.low.isVisible()
    state.update(range="layer")
    result = answer()
    panel.show_result(result)
    pick(panel.range, "Fixed")
    assert result.grid is not None
    assert state.look.fixed == (pytest.approx(result.grid.low, abs=0.01), pytest.approx(result.grid.high, abs=0.01))
    assert panel.low.isVisible()
    panel.high.setValue(7.5)
    assert state.look.fixed[1] == 7.5


def test_the_ends_of_a_fixed_range_never_cross(panel: GridPanel, state: ViewState) -> None:
    state.update(range="fixed", fixed=(0.0, 1.0))
    panel.low.setValue(3.0)
    assert state.look.fixed == (3.0, 3.0)
    panel.high.setValue(-2.0)
    assert state.look.fixed == (-2.0, -2.0)


def test_the_legend_is_diverging_for_a_gradient(
    panel: GridPanel, state: ViewState, answer: Callable[..., ViewResult]
) -> None:
    panel.show_result(answer())
    assert "viridis" in panel.scale.accessibleDescription()
    state.update(show="gradient")
    panel.show_result(answer(2))
    assert "diverging" in panel.scale.accessibleDescription()
    assert not panel.colormap.isEnabled()


def test_units_of_the_last_layer_are_named_after_their_classes(
    panel: GridPanel, state: ViewState, answer: Callable[..., ViewResult]
) -> None:
    state.update(layer="fc", unit=0)
    panel.show_result(answer())
    assert "tractor" in panel.view._label(6)
    state.update(layer="conv1")
    panel.show_result(answer(2))
    assert "tractor" not in panel.view._label(6)


def test_a_result_without_a_mosaic_leaves_the_old_one_where_one_was_asked_for(
    panel: GridPanel, answer: Callable[..., ViewResult]
) -> None:
    import dataclasses

    first = answer()
    panel.show_result(first)
    panel.show_result(dataclasses.replace(answer(2), grid=None, problem="out of memory"))
    assert panel.view.result is first.grid


def test_the_room_is_told_when_the_window_grows(qtbot: QtBot, panel: GridPanel) -> None:
    with qtbot.waitSignal(panel.room_changed):
        panel.resize(1000, 800)
    assert panel.room == panel.view.room


def test_scrolling_over_a_choice_leaves_it_alone(panel: GridPanel, state: ViewState) -> None:
    from PySide6.QtCore import QPoint, QPointF
    from PySide6.QtGui import QWheelEvent
    from PySide6.QtWidgets import QApplication

    panel.view.setFocus()
    event = QWheelEvent(
        QPointF(5, 5), panel.boost.mapToGlobal(QPointF(5, 5)), QPoint(), QPoint(0, -120), Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(panel.boost, event)
    assert state.look.boost == 0.0
