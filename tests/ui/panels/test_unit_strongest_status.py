from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QObject, QPointF, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from deepvis.messages import EngineStatus, FilterPicture, RunStatus, RunUpdate, ViewResult
from deepvis.ui.panels.status_bar import StatusBar
from deepvis.ui.panels.strongest_panel import StrongestPanel, columns_for
from deepvis.ui.panels.unit_panel import UnitPanel
from deepvis.ui.view_state import ViewState
from tests.ui.fixtures import layer_values, network_info
from tests.ui.panels.test_grid_panel import pick
from tests.ui.views.paints import click, show


@pytest.fixture
def panel(qtbot: QtBot, state: ViewState) -> UnitPanel:
    made = UnitPanel(state)
    show(qtbot, made, 320, 700)
    return made


@pytest.fixture
def strongest(qtbot: QtBot, state: ViewState) -> StrongestPanel:
    made = StrongestPanel(state)
    show(qtbot, made, 320, 400)
    return made


@pytest.fixture
def status(qtbot: QtBot, state: ViewState) -> StatusBar:
    made = StatusBar(state)
    show(qtbot, made, 1000, 28)
    return made


def test_the_header_names_the_unit_and_its_field(
    panel: UnitPanel, state: ViewState, answer: Callable[..., ViewResult]
) -> None:
    panel.show_result(answer())
    layer = state.layer
    assert layer is not None
    values = layer_values(layer)[5]
    assert panel.title.text() == "Unit conv3 · 5"
    assert panel.figures.text() == "field 29 px"
    assert panel._values["mean"].text() == f"{values.mean():.3g}"
    assert panel._values["active"].text() == f"{100 * (values > 0).mean():.1f} %"


def test_a_click_in_the_map_looks_back_from_that_position(
    panel: UnitPanel, state: ViewState, answer: Callable[..., ViewResult]
) -> None:
    panel.show_result(answer())
    rect = panel.map.picture_rect()
    point = QPointF(rect.left() + rect.width() * 10.5 / 32, rect.top() + rect.height() * 20.5 / 32)
    click(panel.map, point)
    assert state.look.position == (20, 10)
    assert panel.position.isVisible()
    assert panel.map._mark == (20 / 32, 10 / 32, 21 / 32, 11 / 32)
    QTest.mouseClick(panel.position, Qt.MouseButton.LeftButton)
    assert state.look.position is None
    assert panel.map._mark is None


def test_clicking_the_chosen_position_again_frees_it(
    panel: UnitPanel, state: ViewState, answer: Callable[..., ViewResult]
) -> None:
    panel.show_result(answer())
    for expected in (True, False):
        click(panel.map, panel.map.picture_rect().center())
        assert (state.look.position is not None) is expected


def test_rule_view_and_seed_change_the_look(panel: UnitPanel, state: ViewState) -> None:
    pick(panel.rule, "Deconvnet")
    pick(panel.back_choice, "Norm, blurred")
    pick(panel.seed, "One")
    assert (state.look.rule, state.look.back_view, state.look.seed) == ("deconvnet", "norm_blur", "one")
    pick(panel.rule, "No looking back")
    assert not state.look.back
    assert not panel.seed.isEnabled()
    pick(panel.rule, "Gradient")
    assert (state.look.back, state.look.rule) == (True, "gradient")


def test_a_frozen_origin_stays_while_the_layer_changes(panel: UnitPanel, state: ViewState) -> None:
    QTest.mouseClick(panel.origin, Qt.MouseButton.LeftButton)
    assert state.look.origin == ("conv3", 5)
    state.update(layer="conv1")
    assert panel.origin.isChecked()
    assert panel.origin_text.text() == "from conv3 · 5"
    QTest.mouseClick(panel.origin, Qt.MouseButton.LeftButton)
    assert state.look.origin is None


def test_a_grey_back_projection_says_why(panel: UnitPanel, answer: Callable[..., ViewResult]) -> None:
    result = answer()
    assert result.back is not None
    note = "Unit 5 is 0 everywhere in this picture, so nothing can be traced back from it"
    panel.show_result(dataclasses.replace(result, back=dataclasses.replace(result.back, note=note)))
    assert panel.note.isVisible()
    assert panel.note.text() == note
    panel.show_result(answer(2))
    assert not panel.note.isVisible()


def test_a_histogram_takes_the_picture_s_place(
    panel: UnitPanel, state: ViewState, answer: Callable[..., ViewResult]
) -> None:
    state.update(back_view="histogram")
    panel.show_result(answer())
    assert panel.histogram.isVisible()
    state.update(back_view="raw")
    panel.show_result(answer(2))
    assert panel.back.isVisible()
    assert not panel.histogram.isVisible()


def test_the_course_has_one_value_a_frame_and_begins_anew_with_another_unit(
    panel: UnitPanel, state: ViewState, answer: Callable[..., ViewResult]
) -> None:
    for frame in (1, 2, 2, 3):
        panel.show_result(answer(frame))
    assert len(panel.plot.values) == 3
    state.update(unit=6)
    assert not len(panel.plot.values)


def test_a_result_for_another_unit_is_passed_over(
    panel: UnitPanel, state: ViewState, answer: Callable[..., ViewResult]
) -> None:
    stale = answer()
    state.update(unit=6)
    panel.show_result(stale)
    assert panel.map.empty
    assert not len(panel.plot.values)


def test_a_vector_s_unit_is_written_in_words(
    panel: UnitPanel, state: ViewState, answer: Callable[..., ViewResult]
) -> None:
    state.update(layer="fc", unit=6)
    panel.show_result(answer())
    assert panel.map.empty
    assert "tractor" in panel.map._placeholder
    with_no_map = state.look.position
    click(panel.map, QPointF(30, 30))
    assert state.look.position is with_no_map is None


def test_filters_are_shown_with_the_channels_that_they_act_on_and_can_be_none(
    panel: UnitPanel, answer: Callable[..., ViewResult]
) -> None:
    def offer(*filters: FilterPicture) -> None:
        result = answer()
        assert result.unit is not None
        panel.show_result(replace(result, unit=replace(result.unit, filters=filters)))

    weights = np.full((5, 5, 4), 90, np.uint8)
    offer(FilterPicture(weights, 12, 1.0), FilterPicture(weights, 3, 0.5))
    assert panel.filters.isVisible()
    assert [tile.caption for tile in panel.filters.tiles] == ["12", "3"]
    offer(FilterPicture(weights, None, 1.0))
    assert panel.filters_title.text() == "Its filter"
    offer()
    assert not panel.filters.isVisible()


@pytest.mark.parametrize("count", [9, 16, 25])
def test_a_click_on_a_strong_unit_chooses_it(
    strongest: StrongestPanel, state: ViewState, answer: Callable[..., ViewResult], count: int
) -> None:
    state.update(strongest=count)
    strongest.show_result(answer())
    layer = state.layer
    assert layer is not None
    ranked = np.argsort(-layer_values(layer).max((1, 2)), kind="stable")[:count]
    assert [tile.key for tile in strongest.tiles.tiles] == ranked.tolist()
    assert columns_for(count) ** 2 == count
    strongest.layout().activate()
    click(strongest.tiles, strongest.tiles.tile_rect(4).center())
    assert state.look.unit == ranked[4]


def test_strongest_units_are_switched_on_and_off(strongest: StrongestPanel, state: ViewState) -> None:
    state.update(strongest=0)
    assert strongest.hint.isVisible()
    pick(strongest.count, "16")
    assert state.look.strongest == 16
    assert not strongest.hint.isVisible()
    pick(strongest.count, "Off")
    assert not strongest.tiles.isVisible()


def test_strong_units_of_another_layer_are_passed_over(
    strongest: StrongestPanel, state: ViewState, answer: Callable[..., ViewResult]
) -> None:
    state.update(strongest=9)
    stale = answer()
    state.update(layer="conv5")
    strongest.show_result(stale)
    assert not strongest.tiles.tiles


def test_figures_of_the_status_bar_stay_where_they_are(status: StatusBar, answer: Callable[..., ViewResult]) -> None:
    places = set()
    for rate, dropped, delay, frame in ((1.0, 0, 3, 1), (58.7, 12, 17, 1042), (240.0, 9999, 99_900, 1234567)):
        status.show_status(EngineStatus(rate, dropped, delay, 1.0))
        status.show_delay(delay)
        status.show_result(answer(frame))
        status.layout().activate()
        places.add(
            tuple(label.x() for label in (status.rate, status.delay, status.dropped, status.device, status.frame))
        )
    assert len(places) == 1
    assert (status.rate.text(), status.dropped.text(), status.frame.text()) == ("240.0", "9999", "1234567")


def test_how_far_a_run_is_asks_for_no_new_layout(status: StatusBar, qtbot: QtBot) -> None:
    asked: list[QEvent.Type] = []

    class Watch(QObject):
        def eventFilter(self, watched: QObject, event: QEvent) -> bool:
            asked.append(event.type())
            return False

    watch = Watch()
    QCoreApplication.sendPostedEvents()
    status.installEventFilter(watch)
    for step in (7, 99, 10_000):
        update = RunUpdate(step, 20_000, np.zeros((4, 4, 3), np.uint8), {})
        status.show_run(RunStatus(1, "class_image", "running", update))
        QCoreApplication.sendPostedEvents()
    assert QEvent.Type.LayoutRequest not in asked
    assert status.run.text().startswith("class image 10000 of")
    status.device.setText("another one")
    QCoreApplication.sendPostedEvents()
    assert QEvent.Type.LayoutRequest in asked, "what asks is seen here"


def test_a_picture_that_stays_has_no_rate_and_no_delay(status: StatusBar, answer: Callable[..., ViewResult]) -> None:
    status.show_delay(17)
    moving = answer(1)
    still = replace(moving, frame=replace(moving.frame, id=2, still=True))
    status.show_result(still)
    status.show_status(EngineStatus(0.0, 0, 17.0, 1.0))
    assert (status.rate.text(), status.delay.text()) == ("–", "–")
    # A view of it that changes many times a second has a rate.
    status.show_status(EngineStatus(12.3, 0, 17.0, 1.0))
    assert status.rate.text() == "12.3"
    status.show_result(moving)
    status.show_status(EngineStatus(0.0, 0, 17.0, 1.0))
    assert status.rate.text() == "0.0"


def test_the_status_bar_says_where_the_network_runs_and_what_was_measured(status: StatusBar, state: ViewState) -> None:
    assert status.device.text() == "cpu · bf16"
    assert "fp32: 6.1 ms" in status.device.toolTip()
    state.set_network(network_info(precision="bf16 channels last"))
    assert status.device.text() == "cpu · bf16"
    assert "channels last" in status.device.toolTip()
    state.set_network(network_info(device="cuda:0", precision="fp32"))
    assert status.device.text() == "cuda:0 · fp32"


def test_frames_that_were_dropped_before_the_network_came_do_not_count(status: StatusBar, state: ViewState) -> None:
    for dropped in (400, 403):
        status.show_status(EngineStatus(10.0, dropped, 20.0, 1.0))
    assert status.dropped.text() == "3"
    state.set_network(network_info(title="Another"))
    status.show_status(EngineStatus(10.0, 500, 20.0, 1.0))
    assert status.dropped.text() == "0"


def test_the_status_bar_follows_a_run(status: StatusBar) -> None:
    update = RunUpdate(318, 512, np.zeros((2, 2, 3), np.uint8))
    status.show_run(RunStatus(1, "Class image", "running", update), 0.5)
    assert status.run.text() == "Class image 318 of 512 · live keeps 50 %"
    status.show_run(RunStatus(1, "Class image", "done", update))
    assert status.run.text() == ""


def test_stages_of_a_frame_are_in_the_tooltip_of_the_rate(status: StatusBar, answer: Callable[..., ViewResult]) -> None:
    status.show_result(answer())
    status.show_status(EngineStatus(30.0, 0, 20.0, 1.0))
    assert "forward 2.9 ms" in status.rate.toolTip()
