from __future__ import annotations

import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from deepvis.ui.panels.layer_strip import LayerStrip
from deepvis.ui.view_state import ViewState
from tests.ui.fixtures import network_info, resnet152_layers
from tests.ui.views.paints import click, grabbed, show


@pytest.fixture
def strip(qtbot: QtBot, state: ViewState) -> LayerStrip:
    made = LayerStrip(state)
    show(qtbot, made, 900, 44)
    return made


@pytest.fixture
def deep(qtbot: QtBot, state: ViewState) -> LayerStrip:
    """The strip of a network with more than a hundred main layers."""
    state.set_network(network_info(resnet152_layers()))
    made = LayerStrip(state)
    show(qtbot, made, 700, 44)
    return made


def names(strip: LayerStrip) -> list[str]:
    return [chip.layer.name for chip in strip.chips.chips if chip.layer is not None]


def test_main_layers_have_a_chip_each(strip: LayerStrip) -> None:
    assert names(strip) == ["conv1", "conv2", "pool2", "conv3", "conv4", "pool4", "conv5", "conv6", "fc"]


def test_a_click_on_a_chip_shows_its_layer_and_keeps_the_unit(strip: LayerStrip, state: ViewState) -> None:
    for name in ("conv1", "pool2", "fc"):
        click(strip.chips, strip.chips.chip_rect(name).center())
        assert state.look.layer == name
    assert state.look.unit == 5


def test_every_chip_is_hit_across_its_whole_width(strip: LayerStrip) -> None:
    for chip in strip.chips.chips:
        for x in (chip.left + 0.5, chip.left + chip.width - 0.5):
            assert strip.chips.chip_at(x) is chip
    assert strip.chips.chip_at(-3) is None
    assert strip.chips.chip_at(1e6) is None


def test_a_layer_found_by_search_joins_the_strip_while_it_is_chosen(strip: LayerStrip, state: ViewState) -> None:
    state.update(layer="relu1")
    assert "relu1" in names(strip)
    state.update(layer="conv5")
    assert "relu1" not in names(strip)


@pytest.mark.parametrize("name", ["conv1", "layer1.0.conv2", "layer3.17.conv2", "layer4.2", "fc"])
def test_the_chosen_layer_is_always_in_sight(deep: LayerStrip, state: ViewState, name: str) -> None:
    state.update(layer=name)
    rect = deep.chips.chip_rect(name)
    assert rect.left() >= 0
    assert rect.right() <= deep.chips.width()
    deep.resize(320, 44)
    rect = deep.chips.chip_rect(name)
    assert rect.left() >= 0
    assert rect.right() <= deep.chips.width()


def test_many_layers_stand_under_the_name_of_their_group(deep: LayerStrip) -> None:
    groups = [chip.text for chip in deep.chips.chips if chip.layer is None]
    assert groups == ["layer1", "layer2", "layer3", "layer4"]
    texts = {chip.layer.name: chip.text for chip in deep.chips.chips if chip.layer is not None}
    assert texts["layer3.17.conv2"] == "17.conv2"


def test_the_arrows_scroll_to_both_ends_and_stop_there(deep: LayerStrip, state: ViewState) -> None:
    state.update(layer="conv1")
    assert not deep.back.isEnabled()
    assert deep.forward.isEnabled()
    pages = 0
    while deep.forward.isEnabled():
        QTest.mouseClick(deep.forward, Qt.MouseButton.LeftButton)
        pages += 1
        assert pages < 200
    assert deep.back.isEnabled()
    last = deep.chips.chips[-1]
    assert deep.chips.chip_rect(last.layer.name).right() <= deep.chips.width() + 1
    assert state.look.layer == "conv1"


def test_a_few_layers_show_no_arrows(strip: LayerStrip) -> None:
    assert not strip.back.isVisible()
    assert not strip.forward.isVisible()


def test_painting_a_hundred_layers_paints_only_those_in_sight(
    deep: LayerStrip, monkeypatch: pytest.MonkeyPatch
) -> None:
    painted = []
    real = type(deep.chips)._paint_chip
    monkeypatch.setattr(
        type(deep.chips), "_paint_chip", lambda self, painter, chip: painted.append(chip) or real(self, painter, chip)
    )
    grabbed(deep.chips)
    assert 3 < len(painted) < 20
    assert len(deep.chips.chips) > 100


def test_the_strip_is_operated_by_keyboard(strip: LayerStrip, state: ViewState) -> None:
    strip.chips.setFocus()
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_Return):
        QTest.keyClick(strip.chips, key)
    assert state.look.layer == "pool4"


def test_search_lists_all_layers_and_then_what_was_left_out_and_why(strip: LayerStrip, state: ViewState) -> None:
    strip.open_search()
    shown = strip.popup.model.shown
    assert state.info is not None
    assert [entry.name for entry in shown] == [layer.name for layer in state.info.layers] + ["loss"]
    assert "number" in shown[-1].note
    assert not strip.popup.model.flags(strip.popup.model.index(len(shown) - 1)) & Qt.ItemFlag.ItemIsSelectable
    strip.popup.hide()


def test_search_filters_by_every_word_and_enter_chooses(strip: LayerStrip, state: ViewState) -> None:
    strip.open_search()
    QTest.keyClicks(strip.popup.field, "relu 64")
    assert [entry.name for entry in strip.popup.model.shown] == ["relu1"]
    QTest.keyClick(strip.popup.field, Qt.Key.Key_Return)
    assert state.look.layer == "relu1"
    assert not strip.popup.isVisible()


def test_search_is_walked_through_with_arrows(strip: LayerStrip, state: ViewState) -> None:
    state.update(layer="conv1")
    strip.open_search()
    QTest.keyClick(strip.popup.field, Qt.Key.Key_Down)
    QTest.keyClick(strip.popup.field, Qt.Key.Key_Down)
    QTest.keyClick(strip.popup.field, Qt.Key.Key_Return)
    assert state.look.layer == "conv2"


def test_what_was_left_out_cannot_be_chosen(strip: LayerStrip, state: ViewState) -> None:
    strip.open_search()
    QTest.keyClicks(strip.popup.field, "loss")
    QTest.keyClick(strip.popup.field, Qt.Key.Key_Return)
    click(strip.popup.list.viewport(), QPointF(20, 10))
    assert state.look.layer == "conv3"
    strip.popup.hide()
