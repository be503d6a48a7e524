"""Colours, type and spacing of the whole window: two palettes and the one place that applies them. UI thread only."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import lru_cache

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QColor, QFont, QFontDatabase, QFontMetricsF, QIcon, QPalette
from PySide6.QtWidgets import QApplication, QStyleFactory

from deepvis.ui import icons
from deepvis.ui.style_sheet import style_sheet

TIGHT, SMALL, MEDIUM, LARGE, WIDE = 4, 8, 12, 16, 24
"""Spacing between things, in logical pixels at scale 1."""

RADIUS = 6
"""Corner radius in logical pixels at scale 1."""

FIGURE_SIZE, BODY_SIZE, TITLE_SIZE = 11, 12, 13
"""Font sizes in logical pixels at scale 1."""

PRESENTATION_SCALE = 1.7
"""``scale`` of presentation mode: body text of 20 px."""


@lru_cache(maxsize=256)
def _color(name: str, alpha: float) -> QColor:
    # Painting asks for some forty colours a frame.
    color = QColor(name)
    color.setAlphaF(alpha)
    return color


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours by their use, as ``#rrggbb``.

    Attributes
    ----------
    window, panel, raised, line : grounds, from the lowest to the highest, and hairlines.
    hover, pressed : a raised ground under the pointer, and held down.
    text, quiet, disabled : what is read, what accompanies it, what cannot be used now (exempt from the contrast rule).
    accent, accent_text, accent_ground, on_accent : the one colour of choice: as line or fill, as text on any ground, as
        ground under ``accent_text``, and text on ``accent``.
    good, warning, error : states, readable as text on window and panel.
    track : the empty part of bars and sliders.
    hatch : lines over dead tiles.
    """

    name: str
    window: str
    panel: str
    raised: str
    hover: str
    pressed: str
    line: str
    text: str
    quiet: str
    disabled: str
    accent: str
    accent_text: str
    accent_ground: str
    on_accent: str
    good: str
    warning: str
    error: str
    track: str
    hatch: str

    def color(self, token: str, alpha: float = 1.0) -> QColor:
        """The token's colour for painting, with ``alpha`` in [0, 1]. Shared: never change it."""
        return _color(str(getattr(self, token)), alpha)

    def tokens(self) -> dict[str, str]:
        """Every colour by its token."""
        return {field.name: str(getattr(self, field.name)) for field in fields(self) if field.name != "name"}


DARK = Palette(
    name="dark",
    window="#14161a",
    panel="#1b1e24",
    raised="#242830",
    hover="#2c313a",
    pressed="#343a45",
    line="#31363f",
    text="#e7e9ec",
    quiet="#98a1ac",
    disabled="#5d6570",
    accent="#4db8ff",
    accent_text="#6cc4ff",
    accent_ground="#163a54",
    on_accent="#0b141b",
    good="#5bd39a",
    warning="#f2b84b",
    error="#ff6b6b",
    track="#262b33",
    hatch="#4a515c",
)

LIGHT = Palette(
    name="light",
    window="#f6f7f9",
    panel="#ffffff",
    raised="#eef0f3",
    hover="#e4e7ec",
    pressed="#d8dde4",
    line="#d5d9df",
    text="#1b1e24",
    quiet="#5b6470",
    disabled="#a3abb5",
    accent="#0b78d0",
    accent_text="#075fa8",
    accent_ground="#dcedfb",
    on_accent="#ffffff",
    good="#157a48",
    warning="#8a5a00",
    error="#c62f2f",
    track="#e3e6eb",
    hatch="#aab2bd",
)


class _Notifier(QObject):
    changed = Signal()


_notifier = _Notifier()
theme_changed = _notifier.changed
"""Signal: another palette or scale was applied. Widgets that cache colours or sizes connect to it."""

_current: Palette = DARK
_scale: float = 1.0
_figure_family: str = ""


def current() -> Palette:
    """The palette in use."""
    return _current


def scale() -> float:
    """The factor on all sizes: 1, or more in presentation mode."""
    return _scale


def scaled(pixels: float) -> int:
    """A size in logical pixels at the present scale."""
    return max(1, round(pixels * _scale)) if pixels > 0 else round(pixels * _scale)


_STYLED = "deepvis-styled"


def apply_theme(app: QApplication, palette: Palette, scale: float = 1.0) -> None:
    """Give the application these colours and this size of type; every open window follows at once.

    Parameters
    ----------
    scale : factor on type and spacing, at least 0.5; ``PRESENTATION_SCALE`` for a room full of people.
    """
    global _current, _scale, _figure_family
    if scale < 0.5:
        raise ValueError(f"scale must be at least 0.5, not {scale}")
    _current, _scale = palette, scale
    if app.property(_STYLED) is None:
        # Once: each time it dresses every widget anew, as the style sheet below does.
        app.setProperty(_STYLED, True)
        app.setStyle(QStyleFactory.create("Fusion"))
    app.setPalette(_qt_palette(palette))
    body = _with_tabular_figures(QFont(app.font()))
    body.setPixelSize(scaled(BODY_SIZE))
    _figure_family = "" if _figures_are_even(body) else _fixed_family()
    app.setFont(body)
    marks = icons.mark_files(palette.tokens(), scale)
    app.setStyleSheet(style_sheet(palette.tokens(), scale, marks, _figure_family))
    theme_changed.emit()


def body_font() -> QFont:
    """The font of plain text."""
    return QFont(QApplication.font())


def title_font() -> QFont:
    """The font of a panel's title."""
    font = body_font()
    font.setPixelSize(scaled(TITLE_SIZE))
    font.setWeight(QFont.Weight.DemiBold)
    return font


def figure_font(size: int = FIGURE_SIZE) -> QFont:
    """A font whose digits are all equally wide, so that changing numbers stay where they are.

    Parameters
    ----------
    size : in logical pixels at scale 1.
    """
    font = body_font()
    if _figure_family:
        font.setFamily(_figure_family)
    font.setPixelSize(scaled(size))
    return font


def icon(name: str) -> QIcon:
    """An icon of the Phosphor set (``camera``, ``pause``, ``record``, …) in the palette's colours.

    It is accent-coloured where it is checked, and dim where it is disabled. Ask again on ``theme_changed``.

    Raises
    ------
    KeyError : the set has no such icon; the message names the nearest ones.
    """
    return icons.icon(name, _current.text, _current.accent_text, _current.disabled)


def _with_tabular_figures(font: QFont) -> QFont:
    if hasattr(font, "setFeature"):
        font.setFeature(QFont.Tag("tnum"), 1)
    return font


def _figures_are_even(font: QFont) -> bool:
    metrics = QFontMetricsF(font)
    widths = [metrics.horizontalAdvance(digit * 8) for digit in "0123456789"]
    return max(widths) - min(widths) < 0.01


def _fixed_family() -> str:
    return QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont).family()


def _qt_palette(palette: Palette) -> QPalette:
    role = QPalette.ColorRole
    qt = QPalette()
    pairs = {
        role.Window: "panel",
        role.WindowText: "text",
        role.Base: "raised",
        role.AlternateBase: "panel",
        role.ToolTipBase: "raised",
        role.ToolTipText: "text",
        role.PlaceholderText: "quiet",
        role.Text: "text",
        role.Button: "raised",
        role.ButtonText: "text",
        role.BrightText: "error",
        role.Highlight: "accent",
        role.HighlightedText: "on_accent",
        role.Link: "accent_text",
        role.LinkVisited: "accent_text",
        role.Light: "hover",
        role.Midlight: "hover",
        role.Mid: "line",
        role.Dark: "line",
        role.Shadow: "window",
    }
    for color_role, token in pairs.items():
        qt.setColor(color_role, palette.color(token))
    for color_role in (role.WindowText, role.Text, role.ButtonText):
        qt.setColor(QPalette.ColorGroup.Disabled, color_role, palette.color("disabled"))
    return qt
