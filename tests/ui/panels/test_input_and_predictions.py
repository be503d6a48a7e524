from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from deepvis.messages import Frame, ViewResult
from deepvis.ui.panels.input_panel import InputPanel, input_sizes
from deepvis.ui.panels.predictions_panel import PredictionsPanel
from deepvis.ui.view_state import ViewState
from tests.ui.fixtures import network_info, photograph
from tests.ui.panels.test_grid_panel import pick
from tests.ui.views.paints import click, show


@pytest.fixture
def panel(qtbot: QtBot, state: ViewState) -> InputPanel:
    made = InputPanel(state)
    show(qtbot, made, 304, 600)
    return made


@pytest.fixture
def predictions(qtbot: QtBot, state: ViewState) -> PredictionsPanel:
    made = PredictionsPanel(state)
    show(qtbot, made, 304, 400)
    return made


def test_the_header_says_what_size_becomes_what(panel: InputPanel, answer: Callable[..., ViewResult]) -> None:
    panel.show_result(answer())
    assert panel.figures.text() == "451 × 300 → 128 × 128"


def test_a_crop_is_framed_and_a_stretch_is_not(
    panel: InputPanel, state: ViewState, answer: Callable[..., ViewResult]
) -> None:
    panel.show_result(answer())
    assert panel.view._seen == (0.0, 75.5, 300.0, 375.5)
    pick(panel.fit, "Stretch")
    assert state.look.fit == "stretch"
    panel.show_result(answer(2))
    assert panel.view._seen is None


def test_overlay_controls_appear_with_the_overlay(panel: InputPanel, state: ViewState) -> None:
    assert not panel.opacity.isVisible()
    pick(panel.kind, "Grad-CAM")
    assert state.look.overlay == "grad_cam"
    assert panel.opacity.isVisible()
    pick(panel.kind, "None")
    assert state.look.overlay is None
    assert not panel.opacity.isVisible()


def test_an_overlay_is_painted_with_its_opacity_and_says_for_which_class(
    panel: InputPanel, state: ViewState, answer: Callable[..., ViewResult]
) -> None:
    state.update(overlay="saliency")
    panel.show_result(answer())
    assert panel.view._overlay is not None
    assert panel.note.text() == "for tabby, 61.8 %"
    panel.opacity.setValue(25)
    assert state.look.overlay_opacity == 0.25
    assert panel.view._opacity == 0.25


def test_an_overlay_that_could_not_be_made_says_why(
    panel: InputPanel, state: ViewState, answer: Callable[..., ViewResult]
) -> None:
    state.update(overlay="grad_cam")
    result = answer()
    assert result.overlay is not None
    note = "Grad-CAM needs a layer with maps; fc has none"
    panel.show_result(dataclasses.replace(result, overlay=dataclasses.replace(result.overlay, note=note)))
    assert panel.note.text() == note
    assert panel.note.isVisible()


def test_pinned_classes_are_targets_by_name(panel: InputPanel, state: ViewState) -> None:
    state.update(overlay="saliency", pinned=(6,))
    pick(panel.target, "tractor")
    assert state.look.overlay_target == 6
    pick(panel.target, "Unit 5")
    assert state.look.overlay_target == "unit"


def test_the_unit_s_own_map_needs_no_target(panel: InputPanel, state: ViewState) -> None:
    state.update(overlay="unit")
    assert not panel.target.isEnabled()


def test_the_field_of_a_chosen_position_is_framed_in_the_picture(
    panel: InputPanel, state: ViewState, answer: Callable[..., ViewResult]
) -> None:
    state.update(position=(4, 6))
    panel.show_result(answer())
    assert panel.view._mark == (16 / 128, 24 / 128, 45 / 128, 53 / 128)
    state.update(position=None)
    panel.show_result(answer(2))
    assert panel.view._mark is None


def test_input_sizes_are_offered_only_where_the_network_takes_them(panel: InputPanel, state: ViewState) -> None:
    assert panel.input_size.isVisible()
    pick(panel.input_size, "256 px")
    assert state.look.input_size == (256, 256)
    pick(panel.input_size, "128 px (own)")
    assert state.look.input_size is None
    state.set_network(network_info(flexible=False))
    assert not panel.input_size.isVisible()


def test_input_sizes_keep_proportions_and_bounds() -> None:
    sizes = [size for _, size in input_sizes(network_info(input_size=(96, 160), min_size=64)) if size is not None]
    assert sizes
    for height, width in sizes:
        assert height / width == pytest.approx(0.6)
        assert min(height, width) >= 64
        assert max(height, width) <= 512


def test_a_portrait_frame_does_not_push_the_controls_out_of_sight(
    panel: InputPanel, answer: Callable[..., ViewResult]
) -> None:
    tall = photograph()[:, :60].copy()
    panel.show_result(dataclasses.replace(answer(), frame=Frame(9, tall, 0.0, "tall")))
    assert panel.view.heightForWidth(280) <= 350


def test_a_click_pins_a_class_and_another_unpins_it(
    predictions: PredictionsPanel, state: ViewState, answer: Callable[..., ViewResult]
) -> None:
    predictions.show_result(answer())
    click(predictions.bars, QPointF(50, 13))
    assert state.look.pinned == (0,)
    predictions.show_result(answer(2))
    assert [p.label for p in predictions.pinned.predictions] == ["tabby"]
    click(predictions.pinned, QPointF(50, 13))
    assert state.look.pinned == ()
    assert not predictions.pinned.isVisible()


def test_a_pinned_class_keeps_its_row_while_it_is_not_among_the_best(
    predictions: PredictionsPanel, state: ViewState, answer: Callable[..., ViewResult]
) -> None:
    state.update(pinned=(9, 0))
    predictions.show_result(answer())
    assert [p.label for p in predictions.pinned.predictions] == ["teapot", "tabby"]


def test_unpinning_a_class_frees_the_overlay_that_was_for_it(predictions: PredictionsPanel, state: ViewState) -> None:
    state.update(pinned=(4, 6), overlay="saliency", overlay_target=6)
    predictions.toggle_pin(6)
    assert state.look.pinned == (4,)
    assert state.look.overlay_target == "top"


def test_all_pins_go_at_once(predictions: PredictionsPanel, state: ViewState) -> None:
    state.update(pinned=(4, 6))
    QTest.mouseClick(predictions.unpin, Qt.MouseButton.LeftButton)
    assert state.look.pinned == ()


def test_an_untrained_network_is_marked(predictions: PredictionsPanel, state: ViewState) -> None:
    assert not predictions.untrained.isVisible()
    state.set_network(network_info(trained=False))
    assert predictions.untrained.isVisible()
