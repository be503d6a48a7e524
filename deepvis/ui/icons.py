"""Icons of the Phosphor set, drawn from the font that the qtawesome package carries.

qtawesome itself loads a dozen fonts at its first icon (0.2 s); reading the one font and its table of names
takes some milliseconds, and the window has to be up at once.
"""

from __future__ import annotations

import difflib
import importlib.util
import json
from functools import lru_cache
from pathlib import Path

from PySide6.QtCore import QDir, QRectF, Qt, QTemporaryDir
from PySide6.QtGui import QColor, QFont, QFontDatabase, QIcon, QPainter, QPixmap

_SIZES = (16, 20, 32, 48)
_MARKS = {
    "arrow-down": ("caret-down", "quiet"),
    "arrow-up": ("caret-up", "quiet"),
    "arrow-right": ("caret-right", "quiet"),
    "arrow-off": ("caret-down", "disabled"),
    "check": ("check-bold", "on_accent"),
    "check-menu": ("check-bold", "accent_text"),
    "close": ("x", "quiet"),
    "float": ("arrow-square-out", "quiet"),
}
_mark_directories: list[QTemporaryDir] = []


def icon(name: str, color: str, checked: str, disabled: str) -> QIcon:
    """The icon ``name`` in three colours (plain, checked, disabled).

    Raises
    ------
    KeyError : the set has no such icon; the message names the nearest ones.
    """
    glyph(name)
    return _icon(name, color, checked, disabled)


def glyph(name: str) -> str:
    """The character of the icon font that draws ``name``.

    Raises
    ------
    KeyError : the set has no such icon; the message names the nearest ones.
    """
    table = _names()
    if name not in table:
        near = ", ".join(difflib.get_close_matches(name, table, n=3, cutoff=0.4))
        raise KeyError(f"no icon {name!r}; nearest: {near or 'none'}")
    return table[name]


def pixmap(name: str, color: str, size: int) -> QPixmap:
    """The icon drawn on a transparent square of ``size`` device pixels."""
    picture = QPixmap(size, size)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.TextAntialiasing)
    font = QFont(_family())
    font.setPixelSize(size)
    painter.setFont(font)
    painter.setPen(QColor(color))
    painter.drawText(QRectF(0, 0, size, size), Qt.AlignmentFlag.AlignCenter, glyph(name))
    painter.end()
    return picture


def mark_files(tokens: dict[str, str], scale: float) -> dict[str, str]:
    """Write the small marks that a style sheet can only name as files (arrows, ticks); returns URL by mark."""
    directory = QTemporaryDir(QDir.tempPath() + "/deepvis-marks-XXXXXX")
    _mark_directories.append(directory)
    urls = {}
    size = round(12 * scale)
    for mark, (name, token) in _MARKS.items():
        path = Path(directory.path()) / f"{mark}.png"
        pixmap(name, tokens[token], size).save(str(path))
        pixmap(name, tokens[token], 2 * size).save(str(path.with_name(f"{mark}@2x.png")))
        urls[mark] = path.as_posix()
    del _mark_directories[:-2]
    return urls


def remove_mark_files() -> None:
    """Take the files of the marks from the disk; nothing can be painted with them any more."""
    while _mark_directories:
        _mark_directories.pop().remove()


@lru_cache(maxsize=256)
def _icon(name: str, color: str, checked: str, disabled: str) -> QIcon:
    made = QIcon()
    for size in _SIZES:
        plain, chosen, off = (pixmap(name, each, size) for each in (color, checked, disabled))
        made.addPixmap(plain, QIcon.Mode.Normal, QIcon.State.Off)
        made.addPixmap(chosen, QIcon.Mode.Normal, QIcon.State.On)
        made.addPixmap(off, QIcon.Mode.Disabled, QIcon.State.Off)
    return made


@lru_cache(maxsize=1)
def _fonts() -> Path:
    spec = importlib.util.find_spec("qtawesome")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("the package qtawesome, which carries the icons, is missing: pip install qtawesome")
    return Path(spec.origin).parent / "fonts"


@lru_cache(maxsize=1)
def _names() -> dict[str, str]:
    table = json.loads(next(_fonts().glob("phosphor-charmap-*.json")).read_text(encoding="utf-8"))
    return {name: chr(int(code, 16)) for name, code in table.items()}


@lru_cache(maxsize=1)
def _family() -> str:
    number = QFontDatabase.addApplicationFont(str(next(_fonts().glob("phosphor-[0-9]*.ttf"))))
    return QFontDatabase.applicationFontFamilies(number)[0]
