"""A bot that gives a busy machine the time that it takes; what has happened is noticed as soon as ever."""

from __future__ import annotations

from typing import Any

from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

PATIENCE = 120_000
"""Milliseconds after which something will never happen."""


class PatientBot(QtBot):
    """Waits much longer than 5 s unless it is told otherwise: beside other work a window may well take those."""

    def waitUntil(self, callback: Any, *, timeout: int = PATIENCE) -> None:
        """Until the condition holds."""
        __tracebackhide__ = True
        super().waitUntil(callback, timeout=timeout)

    def waitSignal(self, signal: Any, *, timeout: int = PATIENCE, **options: Any) -> Any:
        """Until the signal has come."""
        return super().waitSignal(signal, timeout=timeout, **options)

    def waitSignals(self, signals: Any, *, timeout: int = PATIENCE, **options: Any) -> Any:
        """Until all signals have come."""
        return super().waitSignals(signals, timeout=timeout, **options)

    def waitExposed(self, widget: QWidget, *, timeout: int = PATIENCE) -> Any:
        """Until the widget is on the screen."""
        return super().waitExposed(widget, timeout=timeout)

    def waitActive(self, widget: QWidget, *, timeout: int = PATIENCE) -> Any:
        """Until the widget's window has the focus."""
        return super().waitActive(widget, timeout=timeout)
