"""Texts that make do with the room that they have."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtWidgets import QApplication, QMenu, QWidget
from pytestqt.qtbot import QtBot

from deepvis.ui import theme
from deepvis.ui.panels.controls import Choice, ElidedLabel, Figure, IconButton


@pytest.fixture(autouse=True)
def dark(qapp: QApplication) -> Iterator[None]:
    theme.apply_theme(qapp, theme.DARK)
    yield
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


@pytest.mark.parametrize("scale", [1.0, theme.PRESENTATION_SCALE])
def test_the_arrow_of_a_menu_is_as_large_as_that_of_a_choice(qtbot: QtBot, qapp: QApplication, scale: float) -> None:
    theme.apply_theme(qapp, theme.DARK, scale)
    button, choice = IconButton("", "Presets", "Named sets", text="Presets"), Choice("Recipe", "", [("Fourier", 1)])
    button.setMenu(QMenu(button))

    def arrow(control: QWidget) -> tuple[int, int]:
        qtbot.addWidget(control)
        control.show()
        image = control.grab().toImage()
        across = range(image.width() - theme.scaled(18), image.width() - theme.scaled(3))
        ground = image.pixelColor(across[0], image.height() // 2)
        drawn = [
            (x, y)
            for x in across
            for y in range(theme.scaled(8), image.height() - theme.scaled(8))
            if abs(image.pixelColor(x, y).lightness() - ground.lightness()) > 30
        ]
        return tuple(max(each) - min(each) for each in zip(*drawn, strict=True))  # type: ignore[return-value]

    assert arrow(button) == pytest.approx(arrow(choice), abs=1)


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
