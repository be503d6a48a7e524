from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from deepvis.colormaps import DIVERGING, colorize
from deepvis.messages import LayerCorrelation
from deepvis.ui import theme
from deepvis.ui.views.correlation_view import CorrelationView
from deepvis.ui.views.patch_tiles import PatchTiles
from deepvis.ui.views.value_bars import ValueBars
from tests.ui.dressing import dark
from tests.ui.library_shelf import patch


@pytest.fixture
def tiles(qtbot: QtBot, qapp: QApplication) -> PatchTiles:
    dark(qapp)
    made = PatchTiles()
    qtbot.addWidget(made)
    made.resize(308, made.heightForWidth(308))
    made.set_patches([patch(5, rank) for rank in range(9)], 9)
    made.show()
    return made


def colour_at(widget: CorrelationView | PatchTiles, point: QPointF) -> tuple[int, int, int]:
    color = widget.grab().toImage().pixelColor(point.toPoint())
    return color.red(), color.green(), color.blue()


def test_patches_stand_left_and_their_back_projections_right_at_the_same_places(tiles: PatchTiles) -> None:
    red = np.zeros((29, 29, 4), np.uint8)
    red[:, :, 2], red[:, :, 3] = 250, 255
    tiles.set_backs({4: red})
    left, right = tiles.cell_rect(4), tiles.cell_rect(4, back=True)
    assert (left.top(), left.size()) == (right.top(), right.size())
    assert tiles.cell_rect(8).right() < tiles.width() / 2 < tiles.cell_rect(6, back=True).left()
    assert colour_at(tiles, right.center()) == (250, 0, 0)
    assert colour_at(tiles, tiles.cell_rect(3, back=True).center()) != (250, 0, 0)
    assert tiles.backs == {4}


def test_a_click_on_either_picture_chooses_the_patch(tiles: PatchTiles, qtbot: QtBot) -> None:
    for rank, back in ((2, False), (7, True)):
        with qtbot.waitSignal(tiles.patch_chosen) as chosen:
            QTest.mouseClick(tiles, Qt.MouseButton.LeftButton, pos=tiles.cell_rect(rank, back).center().toPoint())
        assert chosen.args == [rank]


def test_arrows_go_through_the_patches_and_return_chooses(tiles: PatchTiles, qtbot: QtBot) -> None:
    tiles.setFocus()
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Down, Qt.Key.Key_Down, Qt.Key.Key_Down, Qt.Key.Key_Left):
        QTest.keyClick(tiles, key)
    with qtbot.waitSignal(tiles.patch_chosen) as chosen:
        QTest.keyClick(tiles, Qt.Key.Key_Return)
    assert chosen.args == [7]


def test_the_pointer_enlarges_a_patch_and_tells_what_is_known_of_it(tiles: PatchTiles) -> None:
    QTest.mouseMove(tiles, tiles.cell_rect(3).center().toPoint())
    QApplication.processEvents()
    assert tiles.preview is not None
    assert tiles.preview.isVisible()
    for word in ("kite/5-3.jpg", "kite", "4.25", "row 3", "column 5"):
        assert word in tiles.preview.text
    tiles.hide()
    assert not tiles.preview.isVisible()


def test_patches_that_are_read_keep_the_height(tiles: PatchTiles) -> None:
    before = tiles.heightForWidth(308)
    tiles.set_patches([patch(5, 0)], 9)
    assert tiles.heightForWidth(308) == before
    assert [shown.rank for shown in tiles.patches] == [0]
    tiles.set_patches([patch(5, rank) for rank in range(3)], 3)
    assert tiles.heightForWidth(308) < before


@pytest.fixture
def correlation() -> LayerCorrelation:
    matrix = np.array([[1, 0.5, -0.25], [0.5, 1, 0], [-0.25, 0, 1]], np.float32)
    return LayerCorrelation("/l", 1, "conv4", True, matrix, np.array([7, 2, 4], np.int32), (0, 1, 3, 5, 6), 100)


@pytest.fixture
def view(qtbot: QtBot, qapp: QApplication, correlation: LayerCorrelation) -> CorrelationView:
    dark(qapp)
    made = CorrelationView()
    qtbot.addWidget(made)
    made.resize(400, 300)
    made.set_correlation(correlation)
    made.show()
    return made


def test_every_cell_has_the_colour_of_its_correlation(view: CorrelationView, correlation: LayerCorrelation) -> None:
    rect = view.matrix_rect()
    assert rect.width() == rect.height()
    cell = rect.width() / 3
    for row in range(3):
        for column in range(3):
            level = np.uint8(round((float(correlation.matrix[row, column]) + 1) * 127.5))
            blue, green, red, _ = colorize(np.array([[level]], np.uint8), DIVERGING)[0, 0].tolist()
            point = QPointF(rect.left() + (column + 0.5) * cell, rect.top() + (row + 0.5) * cell)
            assert colour_at(view, point) == (red, green, blue)


def test_hover_tells_the_pair_and_a_click_chooses_the_unit(view: CorrelationView, qtbot: QtBot) -> None:
    rect = view.matrix_rect()
    place = QPoint(round(rect.left() + rect.width() * 5 / 6), round(rect.top() + rect.height() / 6))
    QTest.mouseMove(view, place)
    QApplication.processEvents()
    assert view.hover == (7, 4)
    assert view.hover_text == "7 and 4   −0.25"
    with qtbot.waitSignal(view.unit_clicked) as clicked:
        QTest.mouseClick(view, Qt.MouseButton.LeftButton, pos=place)
    assert clicked.args == [4]


def test_bars_share_one_scale_and_tell_their_values(qtbot: QtBot, qapp: QApplication) -> None:
    dark(qapp)
    bars = ValueBars("all pictures")
    qtbot.addWidget(bars)
    bars.set_values([("kite", 4.0), ("owl", 2.0)], 1.0)
    bars.resize(300, bars.sizeHint().height())
    picture = bars.grab().toImage()
    accent = theme.current().color("accent").rgb()
    filled = [
        sum(picture.pixel(x, round((row + 0.5) * bars.height() / 2)) == accent for x in range(300)) for row in (0, 1)
    ]
    assert filled[0] == pytest.approx(2 * filled[1], abs=4)
    assert bars.accessibleDescription() == "kite 4, owl 2; all pictures 1"
