"""The mosaic of filters, and the way from a slice to the unit that it acts on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QPointF
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from deepvis.messages import FilterPicture, FilterTiles, GridRequest, GridResult, ViewResult
from deepvis.ui import theme
from deepvis.ui.look import Look, build_request
from deepvis.ui.panels.grid_panel import GridPanel
from deepvis.ui.panels.unit_panel import UnitPanel
from deepvis.ui.view_state import ViewState
from tests.ui.views.paints import click, show

UNITS, TILE, CELL = 160, 22, 9


def filters_of(layer: str, units: int = UNITS, *, request: GridRequest, color: bool = False) -> GridResult:
    """Red slices, four in a tile of 22 pixels, on channels ten times the unit and up."""
    columns = 16
    rows = -(-units // columns)
    tiles = np.zeros((rows, TILE, columns, TILE, 4), np.uint8)
    for y in (1, 11):
        for x in (1, 11):
            tiles[:, y : y + CELL, :, x : x + CELL] = (0, 0, 255, 255)
    channels = np.arange(units, dtype=np.int32)[:, None] * 10 + np.arange(4, dtype=np.int32)
    return GridResult(
        request=request,
        picture=tiles.reshape(rows * TILE, columns * TILE, 4),
        rows=rows,
        columns=columns,
        tile=(TILE, TILE),
        gap=0,
        order=np.arange(units, dtype=np.int32),
        maxima=np.full(units, 2.5, np.float32),
        dead=np.zeros(units, bool),
        low=-1.0,
        high=1.0,
        signed=True,
        map_size=(3, 3),
        filters=FilterTiles(
            layer=layer,
            source="conv2",
            color=color,
            channels=channels,
            slice_norms=np.full((units, 4), 0.5, np.float32),
            hidden=92,
            rows=2,
            columns=2,
            start=(1, 1),
            pitch=(10, 10),
            cell=(CELL, CELL),
        ),
    )


@pytest.fixture
def panel(qtbot: QtBot, state: ViewState) -> GridPanel:
    made = GridPanel(state)
    show(qtbot, made, 900, 700)
    return made


@pytest.fixture
def offer(panel: GridPanel, answer: Callable[..., ViewResult]) -> Callable[..., None]:
    def offer(layer: str, units: int = UNITS, *, color: bool = False) -> None:
        result = answer()
        assert result.grid is not None
        grid = filters_of(layer, units, request=replace(result.grid.request, show="filters"), color=color)
        panel.show_result(replace(result, grid=grid))

    return offer


def test_filters_are_asked_for_and_a_zoomed_unit_alone() -> None:
    look = Look(layer="conv3", unit=7, show="filters")
    grid = build_request(look, 1, (500, 500)).grid
    assert grid is not None
    assert (grid.show, grid.unit) == ("filters", None)
    zoomed = build_request(replace(look, zoomed=True), 1, (500, 500)).grid
    assert zoomed is not None
    assert zoomed.unit == 7
    activations = build_request(replace(look, show="activation", zoomed=True), 1, (500, 500)).grid
    assert activations is not None
    assert activations.unit is None


def test_only_what_applies_to_filters_is_offered(
    panel: GridPanel, state: ViewState, offer: Callable[..., None]
) -> None:
    state.update(show="filters", range="smooth")
    offer("conv3")
    assert not panel.boost.isVisible()
    assert not panel.colormap.isVisible()
    assert (panel.range.currentText(), panel.range.count()) == ("Whole layer", 2)
    assert panel.sort.findText("By norm") >= 0
    assert panel.scale.isVisible()
    assert panel.about.text() == "the 4 strongest of 96 inputs"
    state.update(show="activation")
    assert (panel.range.currentText(), panel.range.count()) == ("Smooth", 4)
    assert panel.boost.isVisible()
    assert panel.sort.findText("By activity") >= 0


def test_the_label_tells_unit_norm_and_channel(panel: GridPanel, state: ViewState, offer: Callable[..., None]) -> None:
    state.update(show="filters")
    offer("conv3")
    assert panel.view._label_of_filter(12, 0.9, 0.1) == "12  norm 2.5  conv2 122: 0.5"
    assert panel.view._label_of_filter(12, 0.0, 0.0) == "12  norm 2.5"


def test_the_ground_is_seen_between_slices_in_both_themes(
    qapp: QApplication, panel: GridPanel, state: ViewState, offer: Callable[..., None]
) -> None:
    state.update(show="filters", unit=0)
    for palette in (theme.DARK, theme.LIGHT):
        theme.apply_theme(qapp, palette)
        offer("conv3")
        image = panel.view.grab().toImage()
        rect = panel.view.unit_rect(17)
        ratio = panel.view.devicePixelRatioF()
        pixel = rect.width() * ratio / TILE
        corner = QPointF(rect.left() * ratio + pixel / 2, rect.top() * ratio + pixel / 2)
        inside = corner + QPointF(5 * pixel, 5 * pixel)
        assert image.pixelColor(corner.toPoint()) == QColor(theme.current().window)
        assert image.pixelColor(inside.toPoint()) == QColor(255, 0, 0)


def test_a_click_goes_to_the_layer_whose_filters_they_are_where_units_differ(
    panel: GridPanel, state: ViewState, offer: Callable[..., None]
) -> None:
    state.update(show="filters", layer="conv3")
    offer("conv3")
    click(panel.view, panel.view.unit_rect(33).center())
    assert (state.look.layer, state.look.unit) == ("conv3", 33)
    offer("conv2", 96)
    click(panel.view, panel.view.unit_rect(40).center())
    assert (state.look.layer, state.look.unit) == ("conv2", 40)


def test_a_click_on_an_input_goes_to_that_unit_of_the_layer_before(
    qtbot: QtBot, state: ViewState, answer: Callable[..., ViewResult]
) -> None:
    panel = UnitPanel(state)
    show(qtbot, panel, 420, 900)

    def offer(*filters: FilterPicture) -> None:
        result = answer()
        assert result.unit is not None
        panel.show_result(replace(result, unit=replace(result.unit, filters=filters)))

    weights = np.full((3, 3, 4), 90, np.uint8)
    offer(FilterPicture(weights, None, 1.0))
    panel.filters.tile_clicked.emit(0)
    offer(FilterPicture(weights, 12, 1.0), FilterPicture(weights, 3, 0.5))
    panel.filters.tile_clicked.emit(1)
    assert state.look.layer == "conv3", "nothing tells whose channels they are"
    assert not panel.filters.isEnabled()
    offer(FilterPicture(weights, 12, 1.0, "conv2"), FilterPicture(weights, 3, 0.5, "conv2"))
    assert "conv2" in panel.filters.toolTip()
    click(panel.filters, panel.filters.tile_rect(1).center())
    assert (state.look.layer, state.look.unit) == ("conv2", 3)
