"""The theme of the tests, applied no more often than it must be: each time it dresses every widget."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from PySide6.QtWidgets import QApplication

from deepvis.ui import theme


def dark(app: QApplication) -> None:
    """The dark theme in its own size, where the test before left another or none was applied."""
    if not app.styleSheet() or theme.current() is not theme.DARK or theme.scale() != 1.0:
        theme.apply_theme(app, theme.DARK)


@contextmanager
def undressed(app: QApplication) -> Iterator[None]:
    """Build widgets without the style sheet and put it on at the end.

    Under a style sheet Qt dresses all that a widget holds anew whenever the widget gets a parent, level by level, which
    takes most of the time that a window takes.
    """
    sheet = app.styleSheet()
    app.setStyleSheet("")
    try:
        yield
    finally:
        app.setStyleSheet(sheet)
