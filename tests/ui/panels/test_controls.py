"""Texts that make do with the room that they have."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from deepvis.ui import theme
from deepvis.ui.panels.controls import ElidedLabel, Figure


@pytest.fixture(autouse=True)
def dark(qapp: QApplication) -> None:
    theme.apply_theme(qapp, theme.DARK)


def test_a_caption_gives_way_to_its_figure(qtbot: QtBot) -> None:
    figure = Figure("0 to 9.99", right=True, caption="looked back")
    qtbot.addWidget(figure)
    figure.setText("± 1.07")
    figure.resize(200, 20)
    assert figure.shown_caption == "looked back"
    picture = figure.grab().toImage()
    figure.resize(60, 20)
    assert figure.shown_caption == ""
    figure.resize(200, 20)
    figure.set_caption("")
    assert figure.grab().toImage() != picture


def test_a_label_shows_the_longest_of_its_texts_that_fits(qtbot: QtBot) -> None:
    label = ElidedLabel("conv4 · Sample photographs · 417", "quiet")
    qtbot.addWidget(label)
    label.shorter = ("conv4 · 417", "417")
    label.ensurePolished()
    width = label.fontMetrics().horizontalAdvance
    label.resize(400, 20)
    assert label.shown_text == label.text()
    label.resize(width("conv4 · 417") + 2, 20)
    assert label.shown_text == "conv4 · 417"
    label.resize(width("417") + 2, 20)
    assert label.shown_text == "417"
    label.grab()
    assert label.toolTip() == "conv4 · Sample photographs · 417"
    label.shorter = ()
    label.resize(100, 20)
    assert "…" in label.shown_text
