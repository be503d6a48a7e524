from __future__ import annotations

import pytest
from PySide6.QtGui import QColor, QFontMetricsF
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot

from deepvis.ui import icons, theme


def luminance(color: str) -> float:
    """Relative luminance of WCAG 2.2."""
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


TEXT_ON_GROUND = [
    *((text, ground) for text in ("text", "quiet") for ground in ("window", "panel", "raised")),
    *((text, ground) for text in ("good", "warning", "error") for ground in ("window", "panel", "raised")),
    *(("text", ground) for ground in ("hover", "pressed")),
    *(("accent_text", ground) for ground in ("window", "panel", "raised", "hover", "accent_ground")),
    ("on_accent", "accent"),
    ("panel", "accent_text"),
]


@pytest.mark.parametrize("palette", [theme.DARK, theme.LIGHT], ids=lambda palette: palette.name)
@pytest.mark.parametrize(("text", "ground"), TEXT_ON_GROUND)
def test_text_stands_out_from_every_ground_it_is_written_on(palette: theme.Palette, text: str, ground: str) -> None:
    tokens = palette.tokens()
    assert contrast(tokens[text], tokens[ground]) >= 4.5


@pytest.mark.parametrize("palette", [theme.DARK, theme.LIGHT], ids=lambda palette: palette.name)
@pytest.mark.parametrize("ground", ["window", "panel", "raised"])
def test_focus_rings_stand_out_from_every_ground(palette: theme.Palette, ground: str) -> None:
    assert contrast(palette.accent, palette.tokens()[ground]) >= 3


def test_applying_a_theme_recolours_widgets_and_tells_listeners(qtbot: QtBot, qapp: QApplication) -> None:
    theme.apply_theme(qapp, theme.DARK)
    label = QLabel("title")
    qtbot.addWidget(label)
    label.setProperty("role", "quiet")
    label.ensurePolished()
    assert label.palette().color(label.foregroundRole()) == QColor(theme.DARK.quiet)
    with qtbot.waitSignal(theme.theme_changed):
        theme.apply_theme(qapp, theme.LIGHT)
    label.ensurePolished()
    assert theme.current() is theme.LIGHT
    assert label.palette().color(label.foregroundRole()) == QColor(theme.LIGHT.quiet)


def test_another_theme_dresses_widgets_once_and_not_by_style_and_sheet(
    qapp: QApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    theme.apply_theme(qapp, theme.DARK)
    monkeypatch.setattr(theme, "QStyleFactory", None)
    theme.apply_theme(qapp, theme.LIGHT)
    assert theme.current() is theme.LIGHT
    theme.apply_theme(qapp, theme.DARK)


def test_presentation_mode_shows_body_text_at_twenty_pixels(qapp: QApplication) -> None:
    theme.apply_theme(qapp, theme.DARK, theme.PRESENTATION_SCALE)
    try:
        assert theme.body_font().pixelSize() >= 20
        assert theme.title_font().pixelSize() > theme.body_font().pixelSize()
        assert theme.scaled(100) == 170
    finally:
        theme.apply_theme(qapp, theme.DARK)


def test_a_scale_that_nobody_could_read_is_refused(qapp: QApplication) -> None:
    with pytest.raises(ValueError, match=r"0\.5"):
        theme.apply_theme(qapp, theme.DARK, 0.1)


def test_all_digits_are_equally_wide(qapp: QApplication) -> None:
    theme.apply_theme(qapp, theme.DARK)
    metrics = QFontMetricsF(theme.figure_font())
    assert len({round(metrics.horizontalAdvance(digit * 10), 3) for digit in "0123456789"}) == 1


def test_an_icon_is_drawn_in_the_palette_s_colours(qapp: QApplication) -> None:
    theme.apply_theme(qapp, theme.LIGHT)
    image = theme.icon("camera").pixmap(32, 32).toImage()
    opaque = [
        image.pixelColor(x, y)
        for x in range(image.width())
        for y in range(image.height())
        if image.pixelColor(x, y).alpha() == 255
    ]
    assert opaque
    assert all(color.rgb() == QColor(theme.LIGHT.text).rgb() for color in opaque)
    theme.apply_theme(qapp, theme.DARK)


def test_a_misspelt_icon_names_the_nearest(qapp: QApplication) -> None:
    with pytest.raises(KeyError, match="camera"):
        theme.icon("camerra")


def test_style_sheet_marks_are_files_at_both_resolutions(qapp: QApplication) -> None:
    files = icons.mark_files(theme.DARK.tokens(), 1.0)
    for path in files.values():
        for name in (path, path.replace(".png", "@2x.png")):
            with open(name, "rb") as file:
                assert file.read(4) == b"\x89PNG"
