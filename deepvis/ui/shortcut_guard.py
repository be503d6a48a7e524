"""Keeps keys for the widget that has the focus where they mean something there, before they are taken as shortcuts."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QLineEdit,
    QPlainTextEdit,
    QTabBar,
    QTextEdit,
    QWidget,
)

_TEXT = (QLineEdit, QTextEdit, QPlainTextEdit, QAbstractSpinBox)
_MOVES = (
    Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_Home, Qt.Key.Key_End,
    Qt.Key.Key_PageUp, Qt.Key.Key_PageDown,
)  # fmt: skip
_COMMAND = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier | Qt.KeyboardModifier.MetaModifier


def belongs_to_focus(widget: QWidget | None, event: QKeyEvent) -> bool:
    """Whether a key is the focused widget's own: all plain keys of a text field, the arrows of a slider or a list, and
    the space bar of a button."""
    if widget is None or event.modifiers() & _COMMAND:
        return False
    key = event.key()
    if isinstance(widget, _TEXT) or (isinstance(widget, QComboBox) and widget.isEditable()):
        return not Qt.Key.Key_F1 <= key <= Qt.Key.Key_F35
    if key in _MOVES:
        return isinstance(widget, QAbstractSlider | QAbstractItemView | QTabBar)
    if key == Qt.Key.Key_Space:
        return isinstance(widget, QAbstractButton | QComboBox | QAbstractItemView)
    return False
